package brief

import (
	"testing"
	"time"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/notify"
)

func TestFlood(t *testing.T) {
	last := about(denied(iam.RunImage), "", "").Message(0, 1)
	m := Flood("ops", 17, last, "ops-project", noon)
	facts := map[string]string{}
	for _, f := range m.Facts {
		facts[f.Name] = f.Value
	}
	for what, got := range map[string][2]string{
		"headline":     {m.Headline(), "Many failures: more fails at once than is told one by one"},
		"why":          {m.Why, `the channel "ops" has been sent as many messages as it is to get in a while`},
		"decision":     {m.Decision, "further messages are held back and counted; failures are mended and recorded as before"},
		"next":         {m.Next, "Look at the record for what else failed, and for what the failures have in common."},
		"channel":      {facts["Channel"], "ops"},
		"held back":    {facts["Held back"], "17"},
		"the last one": {facts["The last one"], "Action needed: service web in app-one failed (run-image)"},
		"link": {
			linkOf(m, "Record"), "https://console.cloud.google.com/logs/query;query=logName%3D%22projects%2Fops-project%2Flogs%2Fpullfix%22" +
				";timeRange=2026-03-04T11:00:00.000Z%2F2026-03-04T13:00:00.000Z?project=ops-project",
		},
	} {
		if got[0] != got[1] {
			t.Errorf("the %s is %q, want %q", what, got[0], got[1])
		}
	}
}

func TestFloodsOfAChannelAreOneProblem(t *testing.T) {
	flood := func(channel string, at time.Time) notify.Message { return Flood(channel, 1, notify.Message{}, "", at) }
	first, later, other := flood("ops", noon), flood("ops", noon.Add(time.Hour)), flood("dev", noon)
	if first.Problem != later.Problem || first.Event == later.Event || first.Problem == other.Problem || first.Event == other.Event {
		t.Errorf("the floods are %s/%s, %s/%s and, of another channel, %s/%s; want one problem and an event each, and others for the other",
			first.Problem, first.Event, later.Problem, later.Event, other.Problem, other.Event)
	}
	if len(first.Links) != 0 {
		t.Errorf("without a project the flood is linked to %v, want no link", first.Links)
	}
}
