// Command profiled is the deployed function, as in bench/function, that also
// serves its profiles (net/http/pprof). Environment variables come in; it serves
// events on PORT and profiles on PROFILE_ADDRESS until it is killed.
package main

import (
	"cmp"
	"fmt"
	"net/http"
	_ "net/http/pprof" //nolint:gosec // on a loopback address, for bench profile alone
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "github.com/pullfix/pullfix" // registers the function
)

func main() {
	failed := make(chan error)
	go func() { failed <- http.ListenAndServe(os.Getenv("PROFILE_ADDRESS"), nil) }() //nolint:gosec // the same
	go func() { failed <- funcframework.Start(cmp.Or(os.Getenv("PORT"), "8080")) }()
	fmt.Fprintln(os.Stderr, <-failed)
	os.Exit(1)
}
