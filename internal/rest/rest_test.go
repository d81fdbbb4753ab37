package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/googleapis/gax-go/v2"
)

var quick = Calls{Timeout: time.Second, Attempts: 3, Backoff: gax.Backoff{Initial: time.Millisecond, Max: time.Millisecond, Multiplier: 1}}

func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(t.Context(), strings.TrimPrefix(s.URL, "http://"), quick)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type thing struct {
	Name string `json:"name"`
	Next string `json:"nextPageToken"`
}

func TestOneReadForAllWhoAsk(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"name": "%s %s %d"}`, r.Method, r.URL.Path, calls.Add(1))
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			got, err := Get[thing](t.Context(), c, "a.googleapis.com", "v1/x")
			if err != nil || got.Name != "GET /v1/x 1" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	all.Wait()
	for n, question := range []string{"one", "two", "one"} {
		if _, err := Ask[thing](t.Context(), c, "a.googleapis.com", "v1/x:ask", question); err != nil {
			t.Fatal(n, err)
		}
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("got %d calls, want 3: one read, two questions", n)
	}
	for range 2 {
		if _, err := Do[thing](t.Context(), c, "a.googleapis.com", "v1/x:do", nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := calls.Load(); n != 5 {
		t.Errorf("got %d calls, want 5: what is done is done each time", n)
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		codes []int
		calls int
		ok    bool
	}{
		{[]int{200}, 1, true},
		{[]int{429, 503, 200}, 3, true},
		{[]int{503, 503, 503, 200}, 3, false},
		{[]int{500, 200}, 1, false},
		{[]int{404, 200}, 1, false},
	} {
		var calls atomic.Int32
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.codes[calls.Add(1)-1])
			fmt.Fprint(w, `{}`)
		})
		_, err := Get[thing](t.Context(), c, "a.googleapis.com", "v1/x")
		if (err == nil) != test.ok || int(calls.Load()) != test.calls {
			t.Errorf("%v: got %v after %d calls, want %d", test.codes, err, calls.Load(), test.calls)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code                int
		body                string
		want                Error
		missing, unreadable bool
	}{
		"detail": {
			403, `{"error": {"message": "no", "details": [{"reason": "IAM_PERMISSION_DENIED", "metadata": {"permission": "pubsub.topics.get"}}]}}`,
			Error{Message: "no", Permission: "pubsub.topics.get"},
			false, true,
		},
		"text": {
			403, `{"error": {"message": "Permission 'logging.sinks.get' denied on\n resource"}}`,
			Error{Message: "Permission 'logging.sinks.get' denied on resource", Permission: "logging.sinks.get"},
			false, true,
		},
		"disabled": {
			403, `{"error": {"message": "enable it", "details": [{"reason": "SERVICE_DISABLED"}]}}`,
			Error{Message: "enable it", Disabled: true},
			false, true,
		},
		"missing": {404, `{"error": {"message": "none"}}`, Error{Message: "none"}, true, false},
		"page":    {502, `<html>`, Error{Message: "Bad Gateway"}, false, false},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.code)
			fmt.Fprint(w, test.body)
		})
		_, err := Get[thing](t.Context(), c, "a.googleapis.com", "v1/x")
		var got *Error
		test.want.Service, test.want.Code = "a.googleapis.com", test.code
		if !errors.As(err, &got) || *got != test.want {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
		if _, refused := Refused(err); refused != test.unreadable || Missing(err) != test.missing {
			t.Errorf("%s: refused %t, missing %t", name, refused, Missing(err))
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		next := map[string]string{"": "b", "b": "c"}[r.URL.Query().Get("pageToken")]
		_ = json.NewEncoder(w).Encode(thing{Name: r.URL.RawQuery, Next: next})
	})
	var got []string
	for page, err := range Pages(t.Context(), c, "a.googleapis.com", "v1/x?a=1", func(p *thing) string { return p.Next }) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page.Name)
	}
	if want := "[a=1 a=1&pageToken=b a=1&pageToken=c]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// Who is cut off leaves no answer behind.
func TestCutOff(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}, 2), make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-answer:
			fmt.Fprint(w, `{"name": "there"}`)
		case <-r.Context().Done():
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := Get[thing](ctx, c, "a.googleapis.com", "v1/x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	close(answer)
	if got, err := Get[thing](t.Context(), c, "a.googleapis.com", "v1/x"); err != nil || got.Name != "there" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestEachServiceHasItsAddress(t *testing.T) {
	t.Parallel()
	if got, want := (&Client{}).base("pubsub.googleapis.com"), "https://pubsub.googleapis.com/"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
