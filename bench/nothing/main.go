// Command nothing is a function that does nothing, of the same framework and in
// the same process layout as the deployed one: what any function costs. Requests
// come in on PORT; it reads each body and answers 204.
package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
)

func main() {
	functions.HTTP("nothing", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	fmt.Fprintln(os.Stderr, funcframework.Start(cmp.Or(os.Getenv("PORT"), "8080")))
	os.Exit(1)
}
