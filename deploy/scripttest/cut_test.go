package scripttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/internal/further"
)

// cutOff runs deploy.sh undisturbed, and then from the world as it was after each
// change, as if the first run had ended there. All must end in the same world.
func (s *site) cutOff(args ...string) {
	s.Helper()
	snapshots := s.path("snapshots")
	if err := os.Mkdir(snapshots, 0o700); err != nil {
		s.Fatal(err)
	}
	s.with("FAKE_SNAPSHOTS=" + snapshots).must(args...)
	want := s.world().String()
	cuts, err := filepath.Glob(filepath.Join(snapshots, "*.json"))
	if err != nil || len(cuts) < 10 {
		s.Fatalf("%d changes were seen: %v", len(cuts), err)
	}
	for n := range cuts {
		if n%pace(s.T) != 0 {
			continue
		}
		w, err := readWorld(cuts[n])
		if err != nil {
			s.Fatal(err)
		}
		s.setWorld(w)
		s.must(args...)
		if diff := cmp.Diff(want, s.world().String()); diff != "" {
			s.Errorf("cut off after change %d, and run again (-undisturbed +got):\n%s", n+1, diff)
		}
	}
}

// pace is after how many changes a run is cut off: each takes seconds.
func pace(t *testing.T) int {
	switch {
	case further.All():
		return 1
	case further.Wanted(t):
		return 4
	default:
		return 30
	}
}

func TestGoesOnWhereItWasCutOff(t *testing.T) {
	each(t, func(s *site, args []string) {
		if filepath.Base(s.Name()) == "wide" {
			further.Only(s, "takes long")
		}
		s.cutOff(args...)
	})
}

// TestDestroyGoesOnWhereItWasCutOff also sets up what was removed: deleted roles
// come back.
func TestDestroyGoesOnWhereItWasCutOff(t *testing.T) {
	each(t, func(s *site, args []string) {
		further.Only(s, "takes long")
		s.must(args...)
		s.cutOff(append(slices.Clone(args), "--destroy", "--yes")...)
		s.must(args...)
		golden(s.T, filepath.Base(s.Name())+".world.txt", steady(s.world().String()))
	})
}

// TestRefusedAndKilled has Google Cloud refuse a change, and then kills the
// script itself in the middle of one. The next run goes on each time.
func TestRefusedAndKilled(t *testing.T) {
	t.Parallel()
	s, args := newSite(t), deployments["small"].args
	r := s.with("FAKE_REFUSE=10").run(args...)
	for _, want := range []string{
		"deploy.sh: create the subscription pullfix-dead-letters: gcloud says:\n  ERROR: (gcloud.pubsub.subscriptions.create) PERMISSION_DENIED",
		"docs/install.md", "run the same command again",
	} {
		if r.status != 1 || !strings.Contains(r.err, want) {
			t.Errorf("exit status %d, want 1 and %q:\n%s", r.status, want, r.err)
		}
	}
	r = s.with("FAKE_HANG="+s.dir, "FAKE_HANG_AT=20").start(func(cmd *exec.Cmd) {
		go func() {
			for range 2000 {
				if _, err := os.Stat(s.path("hangs")); err == nil {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			_ = cmd.Process.Kill()
			s.file("go", "")
		}()
	}, args...)
	if r.status == 0 {
		t.Fatalf("it was not killed:\n%s", r.out)
	}
	s.must(args...)
	golden(t, "small.world.txt", steady(s.world().String()))
}

// TestGoogleStumbles wants an end to waiting for what does not come back, and
// what cannot be seen yet not to be made twice.
func TestGoogleStumbles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	args := []string{"--project=ops", "--source=projects/app-one"}
	r := s.with("FAKE_AWAY=logging sinks create").run(args...)
	if waits := strings.Count(r.err, "  waiting "); r.status != 1 || waits < 5 || waits > 9 || !strings.Contains(r.err, "create the sink pullfix-record of projects/ops: gcloud says") {
		t.Errorf("Google Cloud is away: exit status %d after %d waits, want 1 after 5 and those for fresh accounts\n%s", r.status, waits, r.err)
	}
	if want := "  waiting 5 s: ERROR: (gcloud.projects.add-iam-policy-binding) INVALID_ARGUMENT: Service account pullfix-build@"; !strings.Contains(r.err, want) {
		t.Errorf("waiting for a fresh account it does not say %q:\n%s", want, r.err)
	}
	s.must(args...)
	want := s.world().String()
	s.with("FAKE_BLIND=iam service-accounts list").must(args...)
	if diff := cmp.Diff(want, s.world().String()); diff != "" {
		t.Errorf("accounts that cannot be seen yet (-want +got):\n%s", diff)
	}
}
