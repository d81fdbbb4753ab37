package scripttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const reads = "roles/secretmanager.secretAccessor"

// TestWriter wants what writes a sink's entries to lose the topic with the sink,
// unless another sink has the same writer.
func TestWriter(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	const topic, publishes = "projects/ops/topics/pullfix", "roles/pubsub.publisher"
	s.must("--project=ops", "--source=projects/app-one", "--source=projects/app-two", "--source=projects/vault")
	s.edit(map[string]thing{"projects/vault/sinks/pullfix": {"writerIdentity": s.world().Things["projects/app-one/sinks/pullfix"]["writerIdentity"]}})
	s.must(append(slices.Clone(small), "--formerly=projects/app-two", "--formerly=projects/vault")...)
	got := slices.DeleteFunc(s.holders(publishes), func(h string) bool { return !strings.HasPrefix(h, topic+" ") })
	// The last has none of its own any more: it was changed by hand.
	want := []string{topic + " serviceAccount:projects-app-one@gcp-sa-logging.iam.gserviceaccount.com", topic + " serviceAccount:projects-vault@gcp-sa-logging.iam.gserviceaccount.com"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who may write to the topic (-want +got):\n%s", diff)
	}
	s.idle(append(slices.Clone(small), "--formerly=projects/app-two", "--formerly=projects/vault")...)
}

// TestSecretsNotRead wants pullfix to read no secret that nothing needs any more.
func TestSecretsNotRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const byNumber = "channel-secret projects/100000000004/secrets/root\n"
	const rights = "secret projects/vault/secrets/app-*\n"
	mail := append(slices.Clone(small), "--smtp=smtp://bot@mail.example.com", "--smtp-password-file=password.txt",
		"--email-from=pullfix@example.com", "--email-to=a@example.com")
	s.file("rules.yaml", rights+"channel-secret projects/vault/secrets/app-mail\nchannel-secret projects/vault/secrets/root\n")
	s.must(mail...)
	if len(s.holders(reads)) != 3 {
		t.Fatalf("secrets that it reads: %q", s.holders(reads))
	}
	s.edit(map[string]thing{"projects/100000000004/secrets/root": {}, "projects/100000000004/apis/secretmanager.googleapis.com": {}})
	s.file("rules.yaml", rights+byNumber)
	r := s.must(small...)
	const self = " serviceAccount:pullfix@ops.iam.gserviceaccount.com"
	if diff := cmp.Diff([]string{"projects/100000000004/secrets/root" + self, "projects/vault/secrets/root" + self}, s.holders(reads)); diff != "" {
		t.Errorf("who may read which secrets (-want +got):\n%s", diff)
	}
	if want := "projects/ops/secrets/pullfix-smtp-password: " + reads; !strings.Contains(r.out, want) {
		t.Errorf("it does not say %q:\n%s", want, r.out)
	}
	s.idle(small...)
	s.file("rules.yaml", "")
	s.must(append(slices.Clone(small), "--formerly=projects/vault")...)
	for _, h := range s.holders(reads) {
		if strings.HasPrefix(h, "projects/vault/") {
			t.Errorf("formerly: %s is left", h)
		}
	}
}

// TestMovesToOrganisation wants the projects' own roles to be bound nowhere once
// the organisation has them.
func TestMovesToOrganisation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.must(small...)
	ofProjects := func() []string {
		return slices.DeleteFunc(s.world().bindings(), func(b string) bool { return !strings.Contains(b, " projects/") })
	}
	if len(ofProjects()) == 0 {
		t.Fatal("roles of projects are bound nowhere")
	}
	had := s.rights()
	moved := append(slices.Clone(small), "--organization=123")
	s.must(moved...)
	if left := ofProjects(); len(left) > 0 {
		t.Errorf("roles of projects are left: %q", left)
	}
	if diff := cmp.Diff(had, s.rights()); diff != "" {
		t.Errorf("rights before and after (-before +after):\n%s", diff)
	}
	s.idle(moved...)
	before := s.world()
	const want = "projects/ops: pullfix has organizations/123/roles/pullfixRecord there"
	s.says(want, append(slices.Clone(small), "--destroy", "--yes")...)
	s.setWorld(before)
	if r := s.must(append(slices.Clone(moved), "--destroy", "--yes")...); strings.Contains(r.out, "pullfix has organizations") {
		t.Errorf("with its organisation it leaves roles:\n%s", r.out)
	}
	s.destroyed()
}

// TestPlanFormerly wants a plan to say what it cannot show.
func TestPlanFormerly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	s.says("# Only a run can tell what that is, and takes it away: projects/vault\n", append(slices.Clone(small), "--formerly=projects/vault", "--plan")...)
}
