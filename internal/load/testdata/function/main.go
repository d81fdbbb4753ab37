// Command function is, in effect, the program that the Go functions buildpack
// writes for a function that registers itself. At WATCH it also says what its
// process holds.
package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	_ "github.com/pullfix/pullfix"
)

func main() {
	go watch(os.Getenv("WATCH"))
	log.Fatal(funcframework.Start(os.Getenv("PORT")))
}
