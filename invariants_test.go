package pullfix

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/emulator"
)

// witness watches the local Google Cloud while a story is played under trouble,
// and says what must be true whatever happens.
type witness struct {
	cloud  *emulator.Cloud
	member string // that may be added, and only that
	before map[string]*iampb.Policy

	mu     sync.Mutex
	last   map[string]*iampb.Policy
	broken []string
}

func newWitness(cloud *emulator.Cloud, member string) *witness {
	w := &witness{cloud: cloud, member: member, before: cloud.Policies(), last: cloud.Policies()}
	return w
}

// watch looks at the policies whenever one may have been written: an intent
// must be on record by then.
func (w *witness) watch(c emulator.Call) {
	if c.Method != "SetIamPolicy" || !c.Done {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cloud.Policies()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if proto.Equal(now[name], w.last[name]) {
			continue
		}
		if len(w.records(audit.PhaseIntent)) == 0 {
			w.broken = append(w.broken, fmt.Sprintf("the policy of %s was changed, and no intent is on record", name))
		}
	}
	w.last = now
}

// records returns the records of a phase, each once.
func (w *witness) records(phase string) []map[string]any {
	var all []map[string]any
	seen := map[string]bool{}
	for _, e := range w.cloud.Entries() {
		fields := e.GetJsonPayload().AsMap()
		if strings.HasSuffix(e.GetLogName(), "/logs/pullfix") && fields["phase"] == phase && !seen[e.GetInsertId()] {
			seen[e.GetInsertId()] = true
			all = append(all, fields)
		}
	}
	return all
}

// added wants every policy as it was, but for at most one member, and reports
// whether that was added.
func (w *witness) added(t *testing.T) (added bool) {
	t.Helper()
	for name, after := range w.cloud.Policies() {
		want := proto.CloneOf(w.before[name])
		want.Etag = after.GetEtag()
		if proto.Equal(want, after) {
			continue
		}
		if added {
			t.Errorf("a second policy was changed: %s", name)
		}
		added = true
		for _, b := range want.GetBindings() {
			if b.GetCondition() == nil && b.GetRole() == "roles/artifactregistry.reader" {
				b.Members = append(b.Members, w.member)
			}
		}
		if diff := gocmp.Diff(want, after, protocmp.Transform()); diff != "" {
			t.Errorf("the policy of %s: want one member more and all else as it was, -want +got\n%s", name, diff)
		}
	}
	return added
}

// hold holds the invariants when the event is done with: told is how often
// somebody was told of it, and log what was logged.
func (w *witness) hold(t *testing.T, told int, log string) {
	t.Helper()
	w.mu.Lock()
	broken := w.broken
	w.mu.Unlock()
	for _, b := range broken {
		t.Error(b)
	}
	added := w.added(t)
	var ends []map[string]any
	for _, r := range append(w.records(audit.PhaseResult), w.records(audit.PhaseDecision)...) {
		if r["outcome"] != audit.OutcomeFailed {
			ends = append(ends, r)
		}
	}
	if len(ends) != 1 {
		t.Errorf("got %d records of how it ended, want 1: %v", len(ends), ends)
		return
	}
	if applied := ends[0]["outcome"] == audit.OutcomeApplied; applied != added {
		t.Errorf("the record says %v, and the member was added: %t", ends[0]["outcome"], added)
	}
	if added && len(w.records(audit.PhaseIntent)) != 1 {
		t.Errorf("got %d intents, want 1", len(w.records(audit.PhaseIntent)))
	}
	if unsure := strings.Contains(log, "it is not known whether somebody was told"); told > 1 || told == 0 && !unsure {
		t.Errorf("somebody was told %d times, want once; log:\n%s", told, log)
	}
}

const agentOne = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"

// withSeed returns the story with lines added to its seed, and its ledger in
// Firestore.
func withSeed(story *txtar.Archive, lines string) *txtar.Archive {
	changed := &txtar.Archive{}
	for _, f := range story.Files {
		if f.Name == "seed.yaml" {
			f.Data = append(slices.Clip(f.Data), lines...)
		}
		changed.Files = append(changed.Files, f)
	}
	changed.Files = append(changed.Files, txtar.File{Name: "env", Data: []byte("PULLFIX_LEDGER=firestore\n")})
	return changed
}

// mostDeliveries is more than any bounded trouble takes.
const mostDeliveries = 12

// deliver sends the event until it is done with.
func (s *stage) deliver(t *testing.T, entry []byte) {
	t.Helper()
	for range mostDeliveries {
		if s.send(t, "1", "binary", entry) == http.StatusNoContent {
			return
		}
	}
	t.Errorf("the event was not done with after %d deliveries; log:\n%s", mostDeliveries, s.log)
}

// tellings is how many messages were sent.
func (s *stage) tellings() int { return s.slack.count() }
