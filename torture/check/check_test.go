package check

import (
	"strings"
	"testing"

	"github.com/pullfix/pullfix/torture/world"
)

const (
	repository = "projects/images/locations/us-central1/repositories/team-000"
	secret     = "projects/passwords/secrets/db-000"
	role       = "roles/artifactregistry.reader"
	agent      = "serviceAccount:service-100000000001@serverless-robot-prod.iam.gserviceaccount.com"
	other      = "serviceAccount:other@others.iam.gserviceaccount.com"
	gone       = "serviceAccount:gone@others.iam.gserviceaccount.com"
	dev        = "group:dev@example.com"
)

var (
	asked  = world.Binding{Resource: repository, Role: role, Member: agent}
	locked = world.Binding{Resource: secret, Role: "roles/secretmanager.secretAccessor", Member: agent}
)

func member(name string) Member { return Member{Role: role, Name: name} }

// good is a history in which everything is as it must be.
func good() *History {
	record := func(at int64, id, phase, event, verdict, outcome, cause string) Record {
		r := Record{At: at, ID: id, Stamp: "t", Phase: phase, Event: event, Verdict: verdict, Outcome: outcome, Cause: cause}
		if event == "grant" || event == "again" {
			r.Resource, r.Role, r.Principal = asked.Resource, asked.Role, asked.Member
		}
		if event == "refused" {
			r.Resource, r.Role, r.Principal = locked.Resource, locked.Role, locked.Member
		}
		return r
	}
	return &History{
		Budget: 1,
		Events: []world.Event{
			{ID: "grant", Class: "c", Findings: []world.Finding{{Binding: asked, End: world.Granted}}, Copies: 1},
			{ID: "again", Class: "c", Findings: []world.Finding{{Binding: asked, End: world.Granted}}, Copies: 1},
			{ID: "refused", Class: "c", Findings: []world.Finding{{Binding: locked, End: world.Refused}}, Copies: 1},
			{ID: "alert", Class: "c", Findings: []world.Finding{{Channel: "alerts", Problem: "p"}}, Copies: 1},
			{ID: "ignored", Class: "c", Findings: []world.Finding{{End: world.Ignored}}, Copies: 1},
			{ID: "success", Class: "c", Copies: 1},
			{Class: "c", Findings: []world.Finding{{}}, Copies: 1}, // cannot be read
		},
		Before: map[string]Policy{repository: {member(dev): true}},
		After:  map[string]Policy{repository: {member(dev): true, member(agent): true, member(other): true}},
		Writes: []Write{
			{At: 1, Resource: repository, Added: []Member{member(other), member(gone)}},
			{At: 4, Resource: repository, Ours: true, For: []string{"grant"}, Added: []Member{member(agent)}},
			{At: 5, Resource: repository, Removed: []Member{member(gone)}},
		},
		Theirs: map[Held]bool{{repository, member(other)}: true, {repository, member(gone)}: false},
		Records: []Record{
			record(2, "1", "intent", "grant", "grant", "", ""),
			record(3, "2", "result", "grant", "grant", "failed", ""),
			record(6, "3", "result", "grant", "grant", "applied", ""),
			record(7, "3", "result", "grant", "grant", "applied", ""),
			record(8, "4", "decision", "again", "grant", "already-held", "already-held"),
			record(9, "5", "intent", "refused", "grant", "", ""),
			record(10, "6", "result", "refused", "alert", "refused", "write-denied"),
			record(11, "7", "decision", "alert", "alert", "", ""),
			record(12, "8", "decision", "ignored", "ignore", "", ""),
			record(13, "9", "decision", "message-000000-0", "alert", "", ""),
			record(14, "10", "decision", "trip-0-t", "alert", "", "budget"),
		},
		Messages: []Message{
			{At: 20, Channel: "grants", Tone: "Mended", Event: "grant", On: repository},
			{At: 21, Channel: "alerts", Tone: "Action needed", Event: "grant", On: repository},
			{At: 22, Channel: "alerts", Tone: "Many failures"},
			{At: 23, Channel: "alerts", Tone: "Many failures"},
			{At: 24, Channel: "alerts", Tone: "Action needed", Event: "alert"},
		},
	}
}

func TestGoodHistory(t *testing.T) {
	for _, r := range All(good()) {
		if len(r.Broken) > 0 {
			t.Errorf("%s: %v", r.Name, r.Broken)
		}
		if r.Examined == 0 {
			t.Errorf("%s was held against nothing", r.Name)
		}
	}
}

// TestMutants does one thing wrong at a time, and wants the invariant named that
// is broken.
func TestMutants(t *testing.T) {
	ours := func(w Write) func(*History) {
		return func(h *History) {
			w.Ours, w.At, w.Resource = true, 30, repository
			h.Writes = append(h.Writes, w)
		}
	}
	drop := func(at int64) func(*History) {
		return func(h *History) {
			for n, r := range h.Records {
				if r.At == at {
					h.Records[n] = Record{At: at, ID: "trip", Event: "trip-1-t"}
				}
			}
		}
	}
	left := map[string]bool{}
	for _, r := range All(good()) {
		left[r.Name] = true
	}
	for _, test := range []struct {
		name, broken, says string
		mutate             func(*History)
	}{
		{"a member that no event may lead to", "allowed", "no event may lead to that", ours(Write{Added: []Member{member("user:eve@example.com")}})},
		{"a role that no event may lead to", "allowed", "no event may lead to that", ours(Write{Added: []Member{{Role: "roles/owner", Name: agent}}})},
		{"a binding with a condition", "allowed", "no event may lead to that", ours(Write{Added: []Member{{Role: role, Name: agent, Condition: "true"}}})},
		{"a member is removed", "allowed", "pullfix removed", ours(Write{Removed: []Member{member(dev)}})},
		{"an intent of an event that is denied", "allowed", "an act is on record that it may not lead to", func(h *History) {
			h.Records = append(h.Records, Record{ID: "20", Stamp: "t", Phase: "intent", Event: "alert", Resource: repository, Role: role, Principal: agent})
		}},
		{"a policy changes before the intent", "intent-first", "no intent was on record by then", func(h *History) { h.Records[0].At = 15 }},
		{"the intent is that of another event", "intent-first", "no intent was on record by then", func(h *History) { h.Records[0].Event = "again" }},
		{"an intent that was never recorded", "intent-first", "no intent was on record by then", drop(2)},
		{"a message that is never done with", "nothing-lost", "never done with", func(h *History) { h.Dead = []string{"message-000001-0"} }},
		{"an alert without a record", "nothing-lost", "no record of how it ended", drop(11)},
		{"an unreadable entry without a record", "nothing-lost", "no record of how it ended", drop(13)},
		{"a grant that ended as an alert", "nothing-lost", "want it granted", func(h *History) { h.Records[4].Verdict, h.Records[4].Outcome = "alert", "refused" }},
		{"an alert that was ignored", "nothing-lost", "want it alerted", func(h *History) { h.Records[7].Verdict = "ignore" }},
		{"a grant that was only observed", "nothing-lost", "want it granted", func(h *History) { h.Records[4].Outcome = "observed" }},
		{"a record of a success", "nothing-lost", "want none", func(h *History) { h.Records[8].Event = "success" }},
		{"a record of no event", "nothing-lost", "there was none", func(h *History) { h.Records[10].Event = "event-of-nobody" }},
		{"another writer's member is lost", "others-kept", "nobody took it away", func(h *History) { delete(h.After[repository], member(other)) }},
		{"what another writer removed is back", "others-kept", "nobody added it", func(h *History) { h.After[repository][member(gone)] = true }},
		{"what was there at first is lost", "others-kept", "nobody took it away", func(h *History) { delete(h.After[repository], member(dev)) }},
		{"a policy is written without looking", "others-kept", "was overwritten", func(h *History) { h.Blind = h.Writes[:1] }},
		{"an alert is told twice", "told-once", "was told 2 times", func(h *History) { h.Messages = append(h.Messages, h.Messages[4]) }},
		{"a problem is told twice", "told-once", "of what it knew (p,", func(h *History) {
			h.Events = append(h.Events, world.Event{ID: "more", Class: "c", Findings: h.Events[3].Findings, Copies: 1})
			h.Records = append(h.Records, Record{At: 30, ID: "30", Stamp: "t", Phase: "decision", Event: "more", Verdict: "alert"})
			h.Messages = append(h.Messages, Message{At: 31, Channel: "alerts", Tone: "Action needed", Event: "more"})
		}},
		{"a grant is told twice", "told-once", "was told 2 times", func(h *History) { h.Messages = append(h.Messages, h.Messages[0]) }},
		{"a grant is not told", "grants-told", "nobody was told", func(h *History) { h.Messages = h.Messages[1:] }},
		{"alerts are not told", "alerts-told", "and was told, or may have been, 0 times", func(h *History) { h.Messages = h.Messages[:1] }},
		{"a grant on record that was not made", "truthful", "pullfix has not changed the policy so before (its writes [], those of others [", func(h *History) { h.Writes[1].Ours = false }},
		{"a result on record before the change", "truthful", "pullfix has not changed the policy so before", func(h *History) { h.Records[2].At, h.Records[3].At = 3, 3 }},
		{"one change and two grants on record", "truthful", "was changed once", func(h *History) { h.Records[4].Outcome = "applied" }},
		{"a change that is not on record", "truthful", "0 grants of it are on record", func(h *History) { h.Records[2].Outcome, h.Records[3].Outcome = "failed", "failed" }},
		{"more grants than the budget", "budget-kept", "want at most 0", func(h *History) { h.Budget = 0 }},
		{"the budget is used up too early", "budget-kept", "after 1 grants, want 2", func(h *History) { h.Budget = 2 }},
		{"a record is shown twice", "one-line", "so that it is shown twice", func(h *History) { h.Records[3].Stamp = "later" }},
		{"an instance falls", "alive", "ended by itself: panic", func(h *History) { h.Fallen = []string{"panic"} }},
	} {
		delete(left, test.broken)
		h := good()
		test.mutate(h)
		found := false
		for _, r := range All(h) {
			if r.Name == test.broken {
				found = strings.Contains(strings.Join(r.Broken, "\n"), test.says)
			}
		}
		if !found {
			t.Errorf("%s: want %s broken, with %q; got %+v", test.name, test.broken, test.says, All(h))
		}
	}
	if len(left) > 0 {
		t.Errorf("no mutant breaks %v", left)
	}
}

func TestAllHold(t *testing.T) {
	if !AllHold(All(good())) {
		t.Error("the good history does not hold")
	}
	h := good()
	h.Fallen = []string{"panic"}
	if AllHold(All(h)) {
		t.Error("a history in which an instance fell holds")
	}
}

// TestExcuses wants that what pullfix says it does not know excuses what it is
// about, and nothing else.
func TestExcuses(t *testing.T) {
	for _, test := range []struct {
		name, excuses string
		mutate        func(*History)
	}{
		{"it is not known whether somebody was told", "grants-told", func(h *History) {
			h.Messages, h.Unsure = nil, []Line{{"grants", "grant"}, {"alerts", "alert"}}
		}},
		{"a problem is told again after it was not known whether it was told", "told-once", func(h *History) {
			h.Events = append(h.Events, world.Event{ID: "more", Class: "c", Findings: h.Events[3].Findings, Copies: 1})
			h.Records = append(h.Records, Record{At: 30, ID: "30", Stamp: "t", Phase: "decision", Event: "more", Verdict: "alert"})
			h.Messages = append(h.Messages, Message{At: 31, Channel: "alerts", Tone: "Action needed", Event: "more"})
			h.Unsure = []Line{{"alerts", "alert"}}
		}},
		{"a problem is told again after the ledger could not note that it was told", "told-once", func(h *History) {
			h.Events = append(h.Events, world.Event{ID: "more", Class: "c", Findings: h.Events[3].Findings, Copies: 1})
			h.Records = append(h.Records, Record{At: 30, ID: "30", Stamp: "t", Phase: "decision", Event: "more", Verdict: "alert"})
			h.Messages = append(h.Messages, Message{At: 31, Channel: "alerts", Tone: "Action needed", Event: "more"})
			h.Unnoted = []string{"alert"}
		}},
		{"a write names more events than there is room for", "", func(h *History) { h.Writes[1].For, h.Writes[1].More = nil, true }},
		{"somebody else made the change of an act that was cut off", "truthful", func(h *History) {
			h.Writes[1].Ours, h.Records[2].Cause, h.Records[3].Cause = false, "recovered", "recovered"
		}},
		{"both made it, one after the other", "truthful", func(h *History) {
			h.Writes = append(h.Writes, Write{At: 0, Resource: repository, Added: []Member{member(agent)}})
			h.Records[4].Outcome, h.Records[4].Cause = "applied", "recovered"
			h.Messages = append(h.Messages, Message{Channel: "grants", Tone: "Mended", Event: "again", On: repository})
		}},
	} {
		h := good()
		test.mutate(h)
		for _, r := range All(h) {
			if len(r.Broken) > 0 {
				t.Errorf("%s: %s: %v", test.name, r.Name, r.Broken)
			}
			if want := r.Name == test.excuses; want != (r.Excused > 0) {
				t.Errorf("%s: %s: %d are excused", test.name, r.Name, r.Excused)
			}
		}
	}
}
