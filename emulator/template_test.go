package emulator

import (
	"maps"
	"net/url"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTemplate(t *testing.T) {
	for _, test := range []struct {
		template, path string
		want           map[string]string // nil: no match
	}{
		{"/v1/{name=projects/*/secrets/*}", "/v1/projects/p/secrets/s", map[string]string{"name": "projects/p/secrets/s"}},
		{"/v1/{name=projects/*/secrets/*}", "/v1/projects/p/secrets/s:access", map[string]string{"name": "projects/p/secrets/s:access"}},
		{"/v1/{name=projects/*/secrets/*}:access", "/v1/projects/p/secrets/s:access", map[string]string{"name": "projects/p/secrets/s"}},
		{"/v1/{name=projects/*/secrets/*}:access", "/v1/projects/p/secrets/s", nil},
		{"/v1/{parent=projects/*}/secrets", "/v1/projects/p/secrets", map[string]string{"parent": "projects/p"}},
		{"/v1/{parent=projects/*}/secrets", "/v1/projects//secrets", nil},
		{"/v1/{parent=projects/*}/secrets", "/v1/projects/p/secrets/s", nil},
		{"/v1/{secret.name=projects/*}", "/v1/projects/example.com%3Ap", map[string]string{"secret.name": "projects/example.com:p"}},
		{"/v1/{name=dockerImages/*}", "/v1/dockerImages/a%2Fb@sha256:0", map[string]string{"name": "dockerImages/a%2Fb@sha256:0"}},
		{"/v1/{name=dockerImages/*}", "/v1/dockerImages/a%252fb%40sha256:0", map[string]string{"name": "dockerImages/a%2fb@sha256:0"}},
		{"/v1/{name=files/**}", "/v1/files/a/b/c", map[string]string{"name": "files/a/b/c"}},
		{"/v1/{name=files/**}", "/v1/files", nil},
		{"/v1/{a}/b/{c=*}", "/v1/x/b/y", map[string]string{"a": "x", "c": "y"}},
		{"/v2/entries:list", "/v2/entries:list", map[string]string{}},
		{"/v2/entries:list", "/v2/entries:write", nil},
		{"/v2/entries:list", "v2/entries:list", nil},
		{"/v1/{name=*}", "/v1/%zz", nil},
	} {
		parsed, err := parseTemplate(test.template)
		if err != nil {
			t.Errorf("%s: %v", test.template, err)
			continue
		}
		got, ok := parsed.match(test.path)
		want := url.Values{}
		for field, value := range test.want {
			want.Set(field, value)
		}
		if ok != (test.want != nil) || ok && !cmp.Equal(got, want) {
			t.Errorf("%s at %s: got %v, %v, want %v", test.template, test.path, got, ok, test.want)
		}
	}
	for _, text := range []string{"", "v1/x", "/v1/{name=projects/*", "/"} {
		if _, err := parseTemplate(text); err == nil {
			t.Errorf("%q was parsed", text)
		}
	}
}

// Every service is reached over REST, and so is every older path.
func TestRoutes(t *testing.T) {
	c := New(nil)
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	routes := map[string][]string{}
	for _, r := range c.rest.routes {
		if r.handler.Kind() != reflect.Func || r.handler.Type().In(1).Elem() != reflect.TypeOf(r.request.Zero().Interface()).Elem() {
			t.Errorf("%s does not take its request", r.method)
		}
		routes[r.method] = append(routes[r.method], r.path)
	}
	for service, info := range c.grpc.GetServiceInfo() {
		for _, m := range info.Methods {
			if method := "/" + service + "/" + m.Name; routes[method] == nil && !m.IsClientStream && !m.IsServerStream {
				t.Errorf("%s has no path", method)
			}
		}
	}
	for _, method := range slices.Sorted(maps.Keys(olderPaths)) {
		for _, p := range olderPaths[method] {
			if !slices.Contains(routes[method], p.path) {
				t.Errorf("%s is not reached at %s", method, p.path)
			}
		}
	}
}

func TestCanonical(t *testing.T) {
	c := newCatalog(&Seed{projects: []*project{{id: "app-one", number: 111}}})
	for name, want := range map[string]string{
		"projects/111":                            "projects/app-one",
		"projects/app-one/secrets/s":              "projects/app-one/secrets/s",
		"projects/111/locations/l/repositories/r": "projects/app-one/locations/l/repositories/r",
		"projects/222/secrets/s":                  "projects/222/secrets/s",
		"folders/111":                             "folders/111",
		"projects/-/serviceAccounts/a@p.iam.gserviceaccount.com":                     "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com",
		"projects/-/serviceAccounts/a@p.iam.gserviceaccount.com/keys/0a":             "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com/keys/0a",
		"projects/other/serviceAccounts/a@p.iam.gserviceaccount.com":                 "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com",
		"projects/-/serviceAccounts/a@p.example.com.iam.gserviceaccount.com":         "projects/example.com:p/serviceAccounts/a@p.example.com.iam.gserviceaccount.com",
		"projects/-/serviceAccounts/p@appspot.gserviceaccount.com":                   "projects/p/serviceAccounts/p@appspot.gserviceaccount.com",
		"projects/-/serviceAccounts/111-compute@developer.gserviceaccount.com":       "projects/app-one/serviceAccounts/111-compute@developer.gserviceaccount.com",
		"projects/app-one/serviceAccounts/222-compute@developer.gserviceaccount.com": "projects/app-one/serviceAccounts/222-compute@developer.gserviceaccount.com",
	} {
		if got := c.canonical(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if err := New(nil).Close(); err != nil {
			b.Fatal(err)
		}
	}
}
