package scripttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	shared    = "projects/shared-images/locations/us-central1/repositories/apps"
	self      = "serviceAccount:pullfix@ops.iam.gserviceaccount.com"
	grants    = "projects/shared-images/roles/pullfixGrantRepository"
	temporary = "roles/viewer user:temp@example.com if request.time < timestamp('2030-01-01T00:00:00Z')"
	// What a run says of the right on the shared repository.
	remaining = "deploy.sh: these rights could not be taken away:\n- " + shared + ": " + grants + " of pullfix@ops.iam.gserviceaccount.com\n" +
		"  ERROR: (gcloud.artifacts.repositories.remove-iam-policy-binding) INVALID_ARGUMENT: a write that removes the binding"
	count = "They count until they are taken away."
)

// lend gives somebody a role on something, under a condition.
func (s *site) lend(name string) {
	s.Helper()
	w := s.world()
	w.Policies[name] = append(w.Policies[name], temporary)
	s.setWorld(w)
}

// takeBack ends that.
func (s *site) takeBack(name string) {
	s.Helper()
	w := s.world()
	w.Policies[name] = slices.DeleteFunc(w.Policies[name], func(b string) bool { return b == temporary })
	s.setWorld(w)
}

// leaves runs what has to go on to its end, and to name all that it wants named.
func (s *site) leaves(want []string, args ...string) result {
	s.Helper()
	r := s.run(args...)
	if r.status != 1 || !strings.Contains(r.out, "Done, but for rights that are left.") || strings.Contains(r.out, "All is as it should be") {
		s.Errorf("deploy.sh %q: exit status %d, want 1 after all is done:\n%s%s", args, r.status, r.out, r.err)
	}
	for _, text := range append(want, "in the console, or with a tool of yours that writes version 3") {
		if !strings.Contains(r.err, text) {
			s.Errorf("deploy.sh %q does not say %q:\n%s", args, text, r.err)
		}
	}
	return r
}

// TestDestroyLeavesRights wants all else removed, also the role, so that the
// binding which is left gives nothing.
func TestDestroyLeavesRights(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.must(small...)
	s.lend(shared)
	destroy := append(slices.Clone(small), "--destroy", "--yes")
	s.leaves([]string{remaining, "are deleted, so that these give nothing any more"}, destroy...)
	s.destroyed(shared+" "+temporary, shared+" "+grants+" "+self)
	s.idle(destroy...)
}

// TestRulesChangeLeavesRights wants other rights taken away and the new rules
// deployed, and the same said again until that right is gone.
func TestRulesChangeLeavesRights(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.must(small...)
	s.lend(shared)
	s.file("rules.yaml", "project projects/app-one\nproject projects/shared-images\nproject projects/vault\n")
	r := s.leaves([]string{remaining, count}, small...)
	if diff := cmp.Diff([]string{shared + " pullfixGrantRepository"}, s.rights()); diff != "" || !r.deploys() {
		t.Errorf("the new rules are deployed: %t; rights that are left (-want +got):\n%s", r.deploys(), diff)
	}
	if changes := s.leaves([]string{remaining, count}, small...).changes(); len(changes) != 1 {
		t.Errorf("the second run tries %q, want that right alone", changes)
	}
	s.takeBack(shared)
	s.must(small...)
	if left := s.rights(); len(left) > 0 {
		t.Errorf("rights are left: %q", left)
	}
	s.idle(small...)
}

// TestFormerlyLeavesRights wants a sink gone whose writer keeps the topic.
func TestFormerlyLeavesRights(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	s.must("--project=ops", "--source=projects/app-one", "--source=projects/app-two")
	s.lend("projects/ops/topics/pullfix")
	s.leaves([]string{"- projects/ops/topics/pullfix: roles/pubsub.publisher of projects-app-two@gcp-sa-logging", count},
		append(slices.Clone(small), "--formerly=projects/app-two")...)
	if s.world().Things["projects/app-two/sinks/pullfix"] != nil {
		t.Error("the sink is left")
	}
	s.must(append(slices.Clone(small), "--destroy", "--yes")...) // the topic goes, and its policy with it
}

// TestLeavesEach wants each right named, where no policy of a service can be
// written, or read.
func TestLeavesEach(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.must(small...)
	before := s.world()
	const role = ": projects/vault/roles/pullfixGrantSecret of pullfix@ops.iam.gserviceaccount.com"
	var written, read, left []string
	for _, name := range []string{"app-db", "app-mail", "root"} {
		name = "projects/vault/secrets/" + name
		written = append(written, "- "+name+role+"\n  ERROR: (gcloud.secrets.remove-iam-policy-binding) UNAVAILABLE")
		read = append(read, "- "+name+role+", if it has that: the policy cannot be read\n  ERROR: (gcloud.secrets.get-iam-policy) UNAVAILABLE")
		left = append(left, name+" projects/vault/roles/pullfixGrantSecret "+self)
	}
	left = append(left, "projects/app-two/secrets/bot "+reads+" "+self)
	destroy := append(slices.Clone(small), "--destroy", "--yes")
	s.with("FAKE_AWAY=secrets remove-iam-policy-binding").leaves(written, destroy...)
	s.destroyed(left...)
	s.setWorld(before)
	s.with("FAKE_AWAY=secrets get-iam-policy").leaves(read, destroy...)
	s.destroyed(left...)
}

// TestLeavesRightsAndStops wants rights that are left named, too, where something
// else ends the run: nothing makes them harmless then.
func TestLeavesRightsAndStops(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.must(small...)
	s.lend(shared)
	s = s.with("FAKE_AWAY=functions delete")
	r := s.run(append(slices.Clone(small), "--destroy", "--yes")...)
	for _, want := range []string{"deploy.sh: remove the function pullfix: gcloud says:\n", remaining, count} {
		if r.status != 1 || !strings.Contains(r.err, want) {
			t.Errorf("exit status %d, want 1 and %q:\n%s", r.status, want, r.err)
		}
	}
}
