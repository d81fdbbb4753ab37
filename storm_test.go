package pullfix

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/proto"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/emulator"
)

// storm is the story of a grant for many projects: it returns the story with
// all of them, and the entry of each.
func storm(t testing.TB, projects int, seed string) (*txtar.Archive, [][]byte) {
	t.Helper()
	story, entries := crowd(t, "granted", projects, seed)
	return withRules(story, "limits: {grantsPerHour: 100000}\n"), entries
}

// crowd is a story that happens to many projects.
func crowd(t testing.TB, name string, projects int, seed string) (*txtar.Archive, [][]byte) {
	t.Helper()
	story, entry := load(t, name)
	var all strings.Builder
	entries := make([][]byte, projects)
	for n := range projects {
		id, number := fmt.Sprintf("app-storm-%d", n), fmt.Sprintf("5%011d", n)
		fmt.Fprintf(&all, "  - {id: %s, number: %s}\n", id, number)
		text := strings.NewReplacer("app-one", id, "111111111111", number, "entry-1", fmt.Sprintf("entry-%d", n)).Replace(string(entry))
		entries[n] = []byte(text)
	}
	story = withSeed(story, seed)
	for i, f := range story.Files {
		if f.Name == "seed.yaml" {
			story.Files[i].Data = []byte(strings.Replace(string(f.Data), "projects:\n", "projects:\n"+all.String(), 1))
		}
	}
	return story, entries
}

// TestStorm delivers the denials of many projects at once to several instances
// that share a ledger, each until it is done with.
func TestStorm(t *testing.T) {
	const mostWrites = 25
	projects := 500
	if underRace {
		projects = 60 // so that no call takes longer than its deadline
	}
	for _, instances := range []int{1, 3} {
		t.Run(fmt.Sprint(instances, " instances"), func(t *testing.T) {
			story, entries := storm(t, projects, "latency: 20ms\n")
			first := newStage(t, story)
			before := first.cloud.Policies()
			stages := []*stage{first}
			for len(stages) < instances {
				stages = append(stages, first.another(t, story))
			}
			var wg sync.WaitGroup
			for n, entry := range entries {
				wg.Go(func() {
					for range mostDeliveries {
						if stages[n%instances].send(t, fmt.Sprint("message", n), "binary", entry) == http.StatusNoContent {
							return
						}
					}
					t.Errorf("event %d was not done with after %d deliveries", n, mostDeliveries)
				})
			}
			wg.Wait()
			for name, after := range first.cloud.Policies() {
				want := proto.CloneOf(before[name])
				want.Etag = after.GetEtag()
				if strings.HasSuffix(name, "/repositories/apps") {
					for n := range projects {
						want.Bindings[0].Members = append(want.Bindings[0].Members, fmt.Sprintf("serviceAccount:service-5%011d@serverless-robot-prod.iam.gserviceaccount.com", n))
					}
					slices.Sort(want.Bindings[0].Members)
					slices.Sort(after.GetBindings()[0].Members)
				}
				if !proto.Equal(want, after) {
					t.Errorf("the policy of %s: got %d members in its first binding, want %d, and all else as it was", name,
						len(after.GetBindings()[0].GetMembers()), len(want.GetBindings()[0].GetMembers()))
				}
			}
			applied := 0
			for _, r := range newWitness(first.cloud, "").records(audit.PhaseResult) {
				if r["outcome"] == audit.OutcomeApplied {
					applied++
				}
			}
			if applied != projects {
				t.Errorf("got %d on record as applied, want %d", applied, projects)
			}
			told, unsure := 0, 0
			for _, s := range stages {
				told += s.tellings()
				unsure += strings.Count(s.log.String(), "it is not known whether somebody was told")
			}
			if told > projects || told+unsure < projects { // a machine that is too busy for its deadlines cuts tellings off
				t.Errorf("somebody was told %d times, and %d times it is not known, want %d in all", told, unsure, projects)
			}
			if writes := first.cloud.Calls()["SetIamPolicy"]; instances == 1 && writes > mostWrites {
				t.Errorf("got %d writes for %d grants, want at most %d", writes, projects, mostWrites)
			}
			t.Logf("%d grants: calls %v", projects, first.cloud.Calls())
		})
	}
}

// BenchmarkEventToGrant adds 50 ms to every call and says how many call times
// pass from the event to the member in the policy, and how many calls are made.
func BenchmarkEventToGrant(b *testing.B) {
	const latency = 50 * time.Millisecond
	for _, ledger := range []string{"memory", "firestore"} {
		b.Run(ledger, func(b *testing.B) {
			story, entries := storm(b, b.N+1, "latency: "+latency.String()+"\n")
			story.Files = append(story.Files, txtar.File{Name: "env", Data: []byte("PULLFIX_LEDGER=" + ledger + "\n")})
			story.Files = slices.DeleteFunc(story.Files, func(f txtar.File) bool {
				return f.Name == "env" && !strings.Contains(string(f.Data), ledger)
			})
			s := newStage(b, story)
			landed := make(chan time.Time, 1)
			s.send(b, "warm", "binary", entries[b.N]) // makes the connections
			warm := s.cloud.Calls()
			s.cloud.Watch(func(c emulator.Call) {
				if c.Method == "SetIamPolicy" && c.Done {
					landed <- time.Now()
				}
			})
			var spent time.Duration
			b.ResetTimer()
			for n := range b.N {
				began := time.Now()
				if status := s.send(b, fmt.Sprint("message", n), "binary", entries[n]); status != http.StatusNoContent {
					b.Fatalf("event %d: got status %d", n, status)
				}
				spent += (<-landed).Sub(began)
			}
			calls := 0
			for method, n := range s.cloud.Calls() {
				calls += n - warm[method]
			}
			b.ReportMetric(float64(spent)/float64(b.N)/float64(latency), "call-times/grant")
			b.ReportMetric(float64(calls)/float64(b.N), "calls/grant")
		})
	}
}
