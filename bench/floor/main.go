// Command floor is a function that does nothing of what pullfix does, and pays for
// what pullfix cannot be without: it links the Google clients that pullfix calls,
// and unmarshals an event and its entry with the standard library. Requests come
// in on PORT; it answers 204.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	_ "cloud.google.com/go/artifactregistry/apiv1"
	_ "cloud.google.com/go/firestore/apiv1"
	_ "cloud.google.com/go/logging"
	_ "cloud.google.com/go/resourcemanager/apiv3"
	_ "cloud.google.com/go/run/apiv2"
	_ "cloud.google.com/go/secretmanager/apiv1"
	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
)

func main() {
	functions.HTTP("floor", func(w http.ResponseWriter, r *http.Request) {
		if err := unmarshal(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	fmt.Fprintln(os.Stderr, funcframework.Start(cmp.Or(os.Getenv("PORT"), "8080")))
	os.Exit(1)
}

func unmarshal(body io.Reader) error {
	var push struct {
		Message struct {
			Data []byte `json:"data"`
		} `json:"message"`
	}
	text, err := io.ReadAll(body)
	if err == nil {
		err = json.Unmarshal(text, &push)
	}
	var entry map[string]any
	if err == nil {
		err = json.Unmarshal(push.Message.Data, &entry)
	}
	return err
}
