package load

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/emulator"
)

// TestToldToEnd tells the process to end while it writes a policy, as Cloud Run
// does 10 seconds before it ends an instance
// (https://cloud.google.com/run/docs/container-contract#instance-shutdown), and
// delivers the event to another one: one grant, on record as one, and told once.
func TestToldToEnd(t *testing.T) {
	w := newWorld(t)
	const agents = "@serverless-robot-prod.iam.gserviceaccount.com"
	begun, goesOn := make(chan struct{}), make(chan struct{})
	w.cloud.Watch(func(c emulator.Call) {
		if c.Method == "SetIamPolicy" && c.Done && w.cloud.Calls()[c.Method] == 1 {
			close(begun)
			<-goesOn
		}
	})
	e := entry{id: "granted", sort: "app", n: 1, to: "apps"}
	text := e.text(template(t), time.Now())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: watchdog}
	answered := make(chan int, 1)
	go func() {
		status, _ := post(client, w.address, "push", e.id, text)
		answered <- status
	}()
	<-begun
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-w.ended
	close(goesOn)
	if status := <-answered; status != 0 {
		t.Errorf("got status %d, want no answer", status)
	}

	second := start(t, w.env...)
	for range 2 {
		if status, err := post(client, second.address, "push", e.id, text); err != nil || status != http.StatusNoContent {
			t.Errorf("delivered again: got %d, %v", status, err)
		}
	}
	lines, members := map[string]bool{}, 0
	for _, l := range w.recorded() {
		lines[l.phase+" "+l.outcome] = true // a line that is written again has the same insertId, and is one
	}
	for _, policy := range w.cloud.Policies() {
		for _, b := range policy.GetBindings() {
			for _, m := range b.GetMembers() {
				if strings.HasSuffix(m, number("app", 1)+agents) {
					members++
				}
			}
		}
	}
	got := slices.Sorted(maps.Keys(lines))
	if diff := cmp.Diff([]string{"intent ", "result applied"}, got); diff != "" {
		t.Errorf("on record -want +got\n%s", diff)
	}
	if members != 1 || w.cloud.Calls()["SetIamPolicy"] != 1 {
		t.Errorf("the member is in the policies %d times after %d writes, want 1 of each", members, w.cloud.Calls()["SetIamPolicy"])
	}
	if w.told.Load() != 1 {
		t.Errorf("%d messages, want 1", w.told.Load())
	}
}
