// Command function is the deployed function as the Go functions buildpack makes
// it: a main that imports the root package and starts the framework
// (https://github.com/GoogleCloudPlatform/buildpacks, cmd/go/functions_framework).
// Environment variables come in, as on Cloud Run; it serves on PORT until it is
// killed.
package main

import (
	"cmp"
	"fmt"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "github.com/pullfix/pullfix" // registers the function
)

func main() {
	fmt.Fprintln(os.Stderr, funcframework.Start(cmp.Or(os.Getenv("PORT"), "8080")))
	os.Exit(1)
}
