package scripttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/internal/further"
)

const (
	theFunction = "projects/ops/locations/us-central1/functions/pullfix"
	generated   = "projects/ops/subscriptions/eventarc-pullfix-sub-1"
	letters     = "projects/ops/subscriptions/pullfix-dead-letters"
)

// deploys tells whether a run deployed the function.
func (r result) deploys() bool {
	return slices.ContainsFunc(r.changes(), func(c []string) bool { return strings.HasPrefix(strings.Join(c, " "), "functions deploy ") })
}

// TestFunctionChanged finds what somebody changed of the function by hand, and
// deploys it anew.
func TestFunctionChanged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	s.must(small...)
	for n, test := range []struct{ field, value, want string }{
		{"serviceConfig.environmentVariables", "GOMEMLIMIT=200MiB;LOG_EXECUTION_ID=true;PULLFIX_MODE=observe;PULLFIX_PROJECT=ops", "somebody set PULLFIX_MODE=observe"},
		{"serviceConfig.environmentVariables", "GOMEMLIMIT=200MiB;HTTPS_PROXY=http://10.0.0.9;PULLFIX_PROJECT=ops", "somebody changed its variables"},
		{"serviceConfig.ingressSettings", "ALLOW_ALL", "not as it was deployed: ACTIVE|ALLOW_ALL|"},
		{"state", "FAILED", "not as it was deployed: FAILED|"},
		{"serviceConfig.maxInstanceCount", "100", "|100|10|"},
		{"serviceConfig.maxInstanceRequestConcurrency", "1", "|3|1|"},
		{"serviceConfig.timeoutSeconds", "60", "|60|"},
		{"serviceConfig.serviceAccountEmail", "1-compute@developer.gserviceaccount.com", "|1-compute@developer.gserviceaccount.com|"},
		{"eventTrigger.retryPolicy", "RETRY_POLICY_DO_NOT_RETRY", "|RETRY_POLICY_DO_NOT_RETRY"},
		{"serviceConfig.environmentVariables", "", "somebody changed its variables"},
	} {
		if n > 2 && !further.Wanted(t) {
			break
		}
		want := s.world().String()
		s.edit(map[string]thing{theFunction: {test.field: test.value}})
		if r := s.says(test.want, small...); !r.deploys() || s.world().String() != want {
			t.Errorf("%s %s: deployed anew: %t\n%s", test.field, test.value, r.deploys(), r.out)
		}
	}
	s.idle(small...)
}

// TestSubscriptionElsewhere wants events to come from the topic, and letters not
// to be lost.
func TestSubscriptionElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	s.must(small...)
	want := s.world().String()
	w := s.world()
	w.remove(generated)
	s.setWorld(w)
	if r := s.must(small...); !r.deploys() || s.world().String() != want {
		t.Errorf("without its subscription the function is deployed anew: %t\n%s", r.deploys(), r.out)
	}
	topics := []string{"_deleted-topic_", "projects/ops/topics/other"}
	if !further.Wanted(t) {
		topics = topics[1:]
	}
	for _, topic := range topics {
		s.edit(map[string]thing{generated: {"topic": topic}})
		if r := s.says("is not on projects/ops/topics/pullfix", small...); !r.deploys() || s.world().Things[generated]["topic"] != "projects/ops/topics/pullfix" {
			t.Errorf("on %s the function is deployed anew: %t\n%s", topic, r.deploys(), r.out)
		}
	}
	s.edit(map[string]thing{generated: {"topic": "_deleted-topic_"}})
	s.with("FAKE_STUCK=1").fails("gcloud functions delete pullfix --region=us-central1 --project=ops", small...)
	s.edit(map[string]thing{letters: {"topic": "_deleted-topic_"}})
	if changes := s.fails("gcloud pubsub subscriptions delete pullfix-dead-letters --project=ops", small...); len(changes) > 0 {
		t.Errorf("it changes %q", changes)
	}
}

// TestExclusionsAdded wants what somebody keeps from a sink to come again.
func TestExclusionsAdded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	s.must(small...)
	want := s.world().String()
	const events, record = "projects/app-one/sinks/pullfix", "projects/ops/sinks/pullfix-record"
	s.edit(map[string]thing{events: {"exclusions.name": "noise;web"}, record: {"exclusions.name": "quiet"}})
	r := s.says("sink pullfix of projects/app-one: somebody added exclusions, which are taken away: noise;web\n", small...)
	if also := "sink pullfix-record of projects/ops: somebody added exclusions, which are taken away: quiet\n"; !strings.Contains(r.out, also) {
		t.Errorf("it does not say %q:\n%s", also, r.out)
	}
	if diff := cmp.Diff(want, s.world().String()); diff != "" {
		t.Errorf("not as it was deployed (-want +got):\n%s", diff)
	}
	s.idle(small...)
}
