package doctor

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The Terraform module gives the function no trigger: a subscription of its own
// pushes to it.
func TestPushed(t *testing.T) {
	t.Parallel()
	const dead = " --dead-letter-topic=pullfix-dead-letters --max-delivery-attempts=50 --ack-deadline=600 --min-retry-delay=10s --max-retry-delay=600s"
	for name, test := range map[string]struct {
		breaks  func(*site)
		reason  string
		command func(push string) string
	}{
		"well": {func(*site) {}, "", nil},
		"it pushes elsewhere, as somebody else": {
			func(s *site) {
				s.patch("v1/projects/ops/subscriptions/pullfix", "subscription", doc{"pushConfig": doc{"pushEndpoint": "https://example.com"}})
			}, `the address that it pushes to is "https://example.com", want "URI"; the account that it pushes as is "", want "pullfix-trigger@ops.iam.gserviceaccount.com"`,
			func(push string) string { return "gcloud pubsub subscriptions update pullfix --project=ops" + push },
		},
		"it is gone": {
			func(s *site) { s.delete("v1/projects/ops/subscriptions/pullfix") }, "the subscription projects/ops/subscriptions/pullfix is not there",
			func(push string) string {
				return "gcloud pubsub subscriptions create pullfix --project=ops --topic=pullfix --expiration-period=never" + push + dead
			},
		},
		"its topic is made anew": {
			func(s *site) {
				s.delete("v1/projects/ops/topics/pullfix")
				s.call("PUT", "v1/projects/ops/topics/pullfix", doc{})
				s.bind("projects/ops/topics/pullfix", publisher, writerAs, sharedAs)
			},
			`the subscription is of the topic "_deleted-topic_", want "projects/ops/topics/pullfix": nothing arrives, and what waits in it is lost with it`,
			func(push string) string {
				return "gcloud pubsub subscriptions delete pullfix --project=ops && " +
					"gcloud pubsub subscriptions create pullfix --project=ops --topic=pullfix --expiration-period=never" + push + dead
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&site{T: t, Deployment: siteDeployment(t), pushed: true}).deploy()
			test.breaks(s)
			var want []Result
			if test.reason != "" {
				push := " --push-endpoint=" + s.uri() + " --push-auth-service-account=pullfix-trigger@ops.iam.gserviceaccount.com"
				want = []Result{{Check: delivery, Status: Fail, Reason: strings.ReplaceAll(test.reason, "URI", s.uri()), Command: test.command(push)}}
			}
			got := slices.DeleteFunc(s.notWell(), func(r Result) bool { return r.Status == Skip })
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Result{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
