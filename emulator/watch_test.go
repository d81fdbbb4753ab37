package emulator_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

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
