package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullfix/pullfix/internal/rest"
)

// scribe passes on what is asked, and keeps the answers.
type scribe struct {
	cloud   http.Handler
	mu      sync.Mutex
	answers map[string][]byte
}

func question(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r.Method + " " + r.URL.RequestURI() + " " + string(body)
}

func (s *scribe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked, answer := question(r), httptest.NewRecorder()
	s.cloud.ServeHTTP(answer, r)
	if answer.Code == http.StatusOK {
		s.mu.Lock()
		s.answers[asked] = answer.Body.Bytes()
		s.mu.Unlock()
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// noted are all answers that the doctor gets where all is well.
func noted(t *testing.T) map[string][]byte {
	t.Helper()
	s := newSite(t)
	to, err := url.Parse("http://" + s.address)
	if err != nil {
		t.Fatal(err)
	}
	notes := &scribe{cloud: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}, answers: map[string][]byte{}}
	between := httptest.NewServer(notes)
	defer between.Close()
	s.address = strings.TrimPrefix(between.URL, "http://")
	s.look()
	return notes.answers
}

// places are all places in a document where something else could stand, in
// order; each puts it there.
func places(node any, put func(any)) []func(any) {
	all := []func(any){put}
	switch node := node.(type) {
	case doc:
		for _, name := range slices.Sorted(maps.Keys(node)) {
			all = append(all, places(node[name], func(v any) { node[name] = v })...)
		}
	case []any:
		for n := range node {
			all = append(all, places(node[n], func(v any) { node[n] = v })...)
		}
	}
	return all
}

// altered is what is noted, with something else in one place of all.
func altered(t *testing.T, notes map[string][]byte, place int, with json.RawMessage) map[string][]byte {
	t.Helper()
	var all []func(any)
	whole := map[string]any{}
	for _, asked := range slices.Sorted(maps.Keys(notes)) {
		var document any
		if err := json.Unmarshal(notes[asked], &document); err != nil {
			t.Fatal(err)
		}
		whole[asked] = document
		all = append(all, places(document, func(v any) { whole[asked] = v })...)
	}
	all[place%len(all)](with)
	out := map[string][]byte{}
	for asked, document := range whole {
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		out[asked] = text
	}
	return out
}

// FuzzAnswers puts anything in one place of the answers that Google Cloud gives
// about a sound deployment. The doctor comes to an end, with the same checks,
// and each says something.
func FuzzAnswers(f *testing.F) {
	for place := uint16(0); place < 400; place += 11 {
		f.Add(place, []byte("null"))
	}
	for n, text := range []string{"[null]", "[]", "{}", `""`, "0", "-1", `[{"bindings":[null]}]`, `{"a":null}`, `"\u0000"`, `[[]]`, "1e400"} {
		f.Add(uint16(37*n), []byte(text))
	}
	var (
		once  sync.Once
		notes map[string][]byte
	)
	f.Fuzz(func(t *testing.T, place uint16, text []byte) {
		once.Do(func() { notes = noted(t) })
		if !json.Valid(text) {
			t.Skip("no answer of a service")
		}
		answers := altered(t, notes, int(place), text)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer, ok := answers[question(r)]
			if !ok {
				w.WriteHeader(http.StatusNotFound)
			}
			_, _ = w.Write(answer)
		}))
		defer server.Close()
		cloud, err := rest.New(t.Context(), strings.TrimPrefix(server.URL, "http://"), rest.Calls{Timeout: 10 * time.Second, Attempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, r := range Run(ctx, Checks(ctx, cloud, deployment(t, sitePolicy))) {
			if r.Check == "" || r.Reason == "" {
				t.Errorf("a result that says nothing: %+v", r)
			}
			if r.Status == Skip && ctx.Err() != nil {
				t.Errorf("%s does not come to an end", r.Check)
			}
		}
	})
}
