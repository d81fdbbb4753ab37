package emulator_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/emulator"
)

func TestWatch(t *testing.T) {
	seed, err := emulator.ParseSeed("seed.yaml", []byte(`
projects: [{id: p, number: 1}]
faults:
  - {method: GetProject, code: UNAVAILABLE, times: 1}
  - {method: GetProject, code: UNAVAILABLE, times: 1, afterWrite: true}
`))
	if err != nil {
		t.Fatal(err)
	}
	cloud := emulator.New(seed)
	server := httptest.NewServer(cloud.Handler())
	defer server.Close()
	var got []string
	cloud.Watch(func(c emulator.Call) { got = append(got, fmt.Sprintf("%s %s %t", c.Method, c.Resource, c.Done)) })
	for range 3 {
		resp, err := http.Get(server.URL + "/v3/projects/1")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	want := []string{
		"GetProject projects/p false",                               // refused
		"GetProject projects/p false", "GetProject projects/p true", // answer lost
		"GetProject projects/p false", "GetProject projects/p true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls -want +got\n%s", diff)
	}
}

func TestSpoil(t *testing.T) {
	seed, err := emulator.ParseSeed("seed.yaml", []byte("projects: [{id: p, number: 1}]\nsecrets: [{name: projects/p/secrets/s}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	cloud := emulator.New(seed)
	server := httptest.NewServer(cloud.Handler())
	defer server.Close()
	const body = `{"policy":{"bindings":[{"role":"roles/viewer","members":["user:a@example.com"]}]}}`
	for _, test := range []struct {
		name   string
		done   bool // when it is spoilt
		calls  int
		landed int // members that are there
	}{
		{"refused", false, 1, 0},
		{"answer lost", true, 2, 1},
	} {
		var calls []emulator.Call
		cloud.Spoil(func(_ context.Context, c emulator.Call) error {
			calls = append(calls, c)
			if c.Done == test.done {
				return status.Error(codes.Unavailable, "spoilt")
			}
			return nil
		})
		resp, err := http.Post(server.URL+"/v1/projects/p/secrets/s:setIamPolicy", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		cloud.Spoil(nil)
		if resp.StatusCode != http.StatusServiceUnavailable || len(calls) != test.calls {
			t.Errorf("%s: got status %d and %d calls, want %d and %d", test.name, resp.StatusCode, len(calls), http.StatusServiceUnavailable, test.calls)
		}
		if got := len(cloud.Policies()["projects/p/secrets/s"].GetBindings()); got != test.landed {
			t.Errorf("%s: the policy has %d bindings, want %d", test.name, got, test.landed)
		}
		if _, ok := calls[0].Request.(*iampb.SetIamPolicyRequest); !ok {
			t.Errorf("%s: got the request %T", test.name, calls[0].Request)
		}
		if _, ok := calls[len(calls)-1].Answer.(*iampb.Policy); ok != test.done {
			t.Errorf("%s: got the answer %T", test.name, calls[len(calls)-1].Answer)
		}
	}
}
