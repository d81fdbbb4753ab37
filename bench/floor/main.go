// Command floor is a function that does nothing of what pullfix does, and pays for
// what it could not do that without: it links the Google clients that pullfix calls,
// and unmarshals an event and its entry with the standard library. Where GLANCE is
// set, it decodes the entry and looks for one word in it, and that is all. Requests
// come in on PORT; it answers 204.
package main

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

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
	read := unmarshal
	if os.Getenv("GLANCE") != "" {
		read = glance
	}
	functions.HTTP("floor", func(w http.ResponseWriter, r *http.Request) {
		if err := read(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	fmt.Fprintln(os.Stderr, funcframework.Start(cmp.Or(os.Getenv("PORT"), "8080")))
	os.Exit(1)
}

// memory is what a body, and the entry in it, are read into.
type memory struct {
	body  bytes.Buffer
	entry []byte
}

var memories = sync.Pool{New: func() any { return new(memory) }}

// glance does the least that tells an entry of a denial from others.
func glance(body io.Reader) error {
	m, _ := memories.Get().(*memory)
	defer memories.Put(m)
	m.body.Reset()
	if _, err := m.body.ReadFrom(body); err != nil {
		return err
	}
	_, data, _ := bytes.Cut(m.body.Bytes(), []byte(`"data":"`))
	data, _, found := bytes.Cut(data, []byte{'"'})
	entry, err := base64.StdEncoding.AppendDecode(m.entry[:0], data)
	switch m.entry = entry; {
	case err != nil:
		return err
	case !found || bytes.Contains(entry, []byte("PERMISSION_DENIED")):
		return errors.New("want an entry that says nothing of a denial")
	}
	return nil
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
