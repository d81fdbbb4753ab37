package admin

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// maxUpload is what Cloud Run functions takes as the source of one.
const maxUpload = 100 << 20

// Uploads is the path below which the sources of functions are put and got.
const Uploads = "/_emulator/uploads/"

// uploads holds the sources, by bucket and object.
type uploads struct {
	mu      sync.Mutex
	sources map[string][]byte
}

func newUploads() *uploads { return &uploads{sources: map[string][]byte{}} }

func (u *uploads) has(bucket, object string) bool {
	_, ok := u.get(bucket + "/" + object)
	return ok
}

func (u *uploads) get(name string) ([]byte, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	source, ok := u.sources[name]
	return source, ok
}

// ServeUploads takes and gives the sources of functions.
func (s *Server) ServeUploads(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, Uploads)
	switch r.Method {
	case http.MethodPut:
		source, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxUpload))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		s.uploads.mu.Lock()
		defer s.uploads.mu.Unlock()
		s.uploads.sources[name] = source
	case http.MethodGet:
		source, ok := s.uploads.get(name)
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/zip")
		_, _ = w.Write(source)
	default:
		http.Error(w, "want GET or PUT", http.StatusMethodNotAllowed)
	}
}

func uploadURL(c *call) (any, error) {
	number, _ := c.world.Project(part(c.name, "projects"))
	bucket := fmt.Sprintf("gcf-v2-uploads-%d.%s.cloudfunctions.appspot.com", number, part(c.name, "locations"))
	object := fmt.Sprintf("%08d.zip", c.number())
	return document{"uploadUrl": c.base + Uploads + bucket + "/" + object, "storageSource": document{"bucket": bucket, "object": object}}, nil
}

func downloadURL(c *call) (any, error) {
	doc, err := c.found()
	if err != nil {
		return nil, err
	}
	source := within(within(within(doc, "buildConfig"), "source"), "storageSource")
	return document{"downloadUrl": c.base + Uploads + text(source, "bucket") + "/" + text(source, "object")}, nil
}
