package doctor

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// keyring has the keys of service accounts, which the local Google Cloud has
// not; all else it passes on.
type keyring struct {
	mu    sync.Mutex
	keys  map[string][]string // ids by account
	cloud http.Handler
}

func newKeyring(t *testing.T, cloud string) (k *keyring, address string) {
	t.Helper()
	to, err := url.Parse("http://" + cloud)
	if err != nil {
		t.Fatal(err)
	}
	k = &keyring{keys: map[string][]string{}, cloud: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}}
	s := httptest.NewServer(k)
	t.Cleanup(s.Close)
	return k, strings.TrimPrefix(s.URL, "http://")
}

var keysPath = regexp.MustCompile(`^/v1/(projects/[^/]+/serviceAccounts/([^/]+)/keys)(?:/(\w+))?$`)

func (k *keyring) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := keysPath.FindStringSubmatch(r.URL.Path)
	if path == nil {
		k.cloud.ServeHTTP(w, r)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	list := []any{}
	switch account := path[2]; r.Method {
	case http.MethodDelete:
		k.keys[account] = slices.DeleteFunc(k.keys[account], func(id string) bool { return id == path[3] })
		_ = json.NewEncoder(w).Encode(doc{})
	default:
		for _, id := range k.keys[account] {
			list = append(list, doc{"name": path[1] + "/" + id, "keyType": "USER_MANAGED"})
		}
		_ = json.NewEncoder(w).Encode(doc{"keys": list})
	}
}

func (k *keyring) add(account, id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[account] = append(k.keys[account], id)
}
