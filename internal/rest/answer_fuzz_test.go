package rest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// list is an answer with all that answers are made of.
type list struct {
	Things []*thing          `json:"things"`
	Labels map[string]string `json:"labels"`
	Within *struct {
		Of [][]*thing `json:"of"`
	} `json:"within"`
}

func (l *list) holes() bool {
	things := l.Things
	if l.Within != nil {
		for _, more := range l.Within.Of {
			things = append(things, more...)
		}
	}
	for _, t := range things {
		if t == nil {
			return true
		}
	}
	return false
}

// FuzzAnswer gets any answer: there is a document or an error, never both, and
// no list of the document has a nil pointer in it.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{
		`{"things":[{"name":"a"}],"labels":{"a":"b"},"within":{"of":[[{"name":"b"}]]}}`, `{"things":[null]}`, `{"within":{"of":[[],[null]]}}`,
		`{"things":null}`, `{"other":[null]}`, `null`, `[]`, ``, `{`, `{"error":{"message":"Permission 'a.b.get' denied","details":[null,{"reason":"x"}]}}`,
		`{"error":{"message":"no","details":[{"reason":"SERVICE_DISABLED","metadata":{"service":"a.googleapis.com"}}]}}`,
	} {
		f.Add(http.StatusOK, []byte(text))
		f.Add(http.StatusForbidden, []byte(text))
	}
	f.Fuzz(func(t *testing.T, code int, text []byte) {
		if code < http.StatusOK || code > 599 {
			t.Skip("no status of an answer")
		}
		once := quick
		once.Attempts = 1
		answer := httptest.NewRecorder()
		answer.WriteHeader(code)
		_, _ = answer.Write(text)
		c := &Client{calls: once, known: map[string]*document{}, endpoint: "http://127.0.0.1/", http: &http.Client{Transport: says{answer.Result()}}}
		got, err := Get[list](t.Context(), c, "a.googleapis.com", "v1/x")
		if (got == nil) == (err == nil) {
			t.Errorf("got %+v and %v, want one of them", got, err)
		}
		if got != nil && got.holes() {
			t.Errorf("a list holds nil: %s", text)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("the error is of several lines: %q", err)
		}
		if again, _ := Get[list](t.Context(), c, "a.googleapis.com", "v1/x"); !cmp.Equal(got, again) {
			t.Errorf("got %+v, then %+v", got, again)
		}
	})
}

// says answers each request with the same.
type says struct{ *http.Response }

func (s says) RoundTrip(*http.Request) (*http.Response, error) { return s.Response, nil }
