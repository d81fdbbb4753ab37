package pullfix

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"golang.org/x/tools/txtar"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/emulator"
)

// TestActIsFinishedWhateverIsReadNow changes a policy, and cuts the delivery off.
// The next one may not read the folders above the project any more, so that no
// rule allows the grant: what has come of it is found and told all the same.
func TestActIsFinishedWhateverIsReadNow(t *testing.T) {
	const cutOff = "faults: [{method: SetIamPolicy, code: UNAVAILABLE, times: 1, afterWrite: true}, {method: GetIamPolicy, code: UNAVAILABLE, after: 1, times: 3}]\n"
	for _, test := range []struct{ name, rest string }{
		{"nothing else is said of the project", ""},
		{"the rest is ignored", "ignore:\n  - name: rest\n    from: [projects/*]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			story, entry := load(t, "granted-by-folder")
			story = withSeed(withRules(story, test.rest), cutOff)
			s := newStage(t, story)
			s.want(t, entry, http.StatusInternalServerError)
			next := s.another(t, story)
			next.at(now.Add(2 * time.Minute))
			s.cloud.Spoil(func(_ context.Context, c emulator.Call) error {
				if c.Method == "GetFolder" || c.Method == "GetProject" {
					return refusal
				}
				return nil
			})
			next.want(t, entry, http.StatusNoContent)
			if got := s.records(t); strings.Count(got, "outcome: applied") != 1 {
				t.Errorf("got records:\n%s\nwant the change", got)
			}
			if got := next.slack.told(); strings.Count(got, "Mended: ") != 1 {
				t.Errorf("got messages:\n%s\nwant that it is mended", got)
			}
		})
	}
}

// TestActIsFinishedHoweverLate changes a policy, and cuts the delivery off. When the
// next one comes the entry is too old, and the policy cannot be read: the event comes
// again until it is known what has come of it.
func TestActIsFinishedHoweverLate(t *testing.T) {
	story, entry := load(t, "granted")
	story = withSeed(story, "faults: [{method: SetIamPolicy, code: UNAVAILABLE, times: 1, afterWrite: true}, {method: GetIamPolicy, code: UNAVAILABLE, after: 1, times: 3}]\n")
	s := newStage(t, story)
	s.want(t, entry, http.StatusInternalServerError)
	for _, rest := range []string{"", "deny:\n  - name: stop\n    from: [projects/*]\n"} {
		next := s.another(t, withRules(story, rest))
		next.at(now.Add(7 * time.Hour))
		for _, answer := range []error{refusal, grpcstatus.Error(codes.Unavailable, "away")} {
			s.cloud.Spoil(func(_ context.Context, c emulator.Call) error {
				if c.Method == "GetIamPolicy" {
					return answer
				}
				return nil
			})
			next.want(t, entry, http.StatusInternalServerError)
		}
		s.cloud.Spoil(nil)
	}
	s.at(now.Add(7 * time.Hour))
	s.want(t, entry, http.StatusNoContent)
	if got := s.records(t); strings.Count(got, "outcome: applied") != 1 {
		t.Errorf("got records:\n%s\nwant the change", got)
	}
}

// TestRefusalAfterALostWrite has a write of which nothing is heard, and one after
// it that is refused. The first one may arrive yet: until it cannot, the refusal
// is not the end.
func TestRefusalAfterALostWrite(t *testing.T) {
	story, entry := load(t, "granted")
	s := newStage(t, withSeed(story, ""))
	answers := []error{grpcstatus.Error(codes.DeadlineExceeded, "slow")}
	s.cloud.Spoil(func(_ context.Context, c emulator.Call) error {
		switch {
		case c.Method != "SetIamPolicy" || c.Done:
			return nil
		case len(answers) > 0:
			answer := answers[0]
			answers = nil
			return answer
		}
		return refusal
	})
	s.want(t, entry, http.StatusInternalServerError)
	s.at(now.Add(actTime))
	s.want(t, entry, http.StatusInternalServerError)
	s.at(now.Add(actTime + arrivalTime))
	s.want(t, entry, http.StatusNoContent)
	if got := s.records(t); strings.Count(got, "outcome: refused") != 1 {
		t.Errorf("got records:\n%s\nwant one that it was refused", got)
	}
}

// TestBudgetThatGivesNoAnswer loses the answer of the ledger, so that nothing is
// written, and lets an administrator add the member: nobody claims that.
func TestBudgetThatGivesNoAnswer(t *testing.T) {
	const repository = "projects/shared-images/locations/us-central1/repositories/apps"
	story, entry := load(t, "granted")
	s := newStage(t, withEnv(withSeed(story, "faults: [{method: Commit, code: INTERNAL, times: 1, afterWrite: true}]\n"), "PULLFIX_LEDGER=firestore"))
	s.want(t, entry, http.StatusInternalServerError)
	registry, err := s.function.google.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	policy := s.cloud.Policies()[repository]
	policy.Bindings[0].Members = append(policy.Bindings[0].Members, "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com")
	if _, err := registry.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{Resource: repository, Policy: policy}); err != nil {
		t.Fatal(err)
	}
	s.at(now.Add(time.Second))
	s.want(t, entry, http.StatusNoContent)
	if got := s.records(t); strings.Contains(got, "outcome: applied") || strings.Count(got, "outcome: already-held") != 1 {
		t.Errorf("got records:\n%s\nwant that the member had the role, and nothing applied", got)
	}
}

// TestTripIsToldWhereItsEventIsDone tells of an event that the budget is used up,
// and fails to say that nothing is granted any more: that is said when it comes
// again.
func TestTripIsToldWhereItsEventIsDone(t *testing.T) {
	story, entries := storm(t, 1, "")
	n := slices.IndexFunc(story.Files, func(f txtar.File) bool { return f.Name == "rules.yaml" })
	story.Files[n].Data = []byte(strings.Replace(string(story.Files[n].Data), "grantsPerHour: 100000", "grantsPerHour: 0", 1))
	story.Files = append(story.Files, txtar.File{Name: "slack answers", Data: []byte("200 500 500 500")})
	s := newStage(t, story)
	s.want(t, entries[0], http.StatusInternalServerError)
	s.slack.meet(nil)
	for range 2 {
		s.want(t, entries[0], http.StatusNoContent)
	}
	if got := strings.Count(s.slack.told(), "pullfix has stopped granting"); got != 1 {
		t.Errorf("told %d times that nothing is granted any more, want once:\n%s", got, s.slack.told())
	}
}
