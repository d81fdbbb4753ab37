package check

import (
	"slices"

	"github.com/pullfix/pullfix/torture/world"
)

func (t *trial) nothingLost() {
	for _, message := range t.Dead {
		t.breaks("message %s was never done with", message)
	}
	for _, e := range t.Events {
		for _, name := range e.Names() {
			records := t.records[name]
			if len(e.Findings) == 0 {
				t.wants(len(records) == 0, "event %s (%s): %d records, want none", name, e.Class, len(records))
			}
			for _, f := range e.Findings {
				t.ends(name, e.Class, f, about(records, f))
			}
		}
	}
	for name := range t.records {
		t.wants(t.events[name] != nil || isTrip(name), "event %s is on record, and there was none", name)
	}
}

// about returns the records about a finding.
func about(records []Record, f world.Finding) []Record {
	if f.Resource == "" {
		return records
	}
	return slices.DeleteFunc(slices.Clone(records), func(r Record) bool { return r.Resource != f.Resource })
}

// ends wants that a finding has ended as it must, and in no other way.
func (t *trial) ends(name, class string, f world.Finding, records []Record) {
	ended := false
	for _, r := range records {
		switch {
		case r.Phase == intent || r.Outcome == failed || r.Phase == notice:
		case t.asItMust(f, r):
			ended = true
		default:
			t.breaks("event %s (%s): verdict %q, outcome %q, cause %q are on record, want it %s", name, class, r.Verdict, r.Outcome, r.Cause, f.End)
		}
	}
	t.wants(ended, "event %s (%s): no record of how it ended, want it %s", name, class, f.End)
}

func (t *trial) asItMust(f world.Finding, r Record) bool {
	stopped := t.tripped && r.Outcome == seen && r.Cause == budget
	switch f.End {
	case world.Granted:
		return r.Outcome == applied || r.Outcome == held || stopped
	case world.Refused:
		return r.Outcome == refused || stopped
	case world.Ignored:
		return r.Verdict == ignore
	default:
		return r.Verdict == alert && r.Outcome != applied && r.Outcome != held
	}
}

func (t *trial) oneLine() {
	stamps := map[string]string{}
	for _, r := range t.Records {
		before, known := stamps[r.ID]
		t.wants(!known || before == r.Stamp, "event %s: the record %s has the times %s and %s, so that it is shown twice", r.Event, r.ID, before, r.Stamp)
		stamps[r.ID] = r.Stamp
	}
}

func (t *trial) alive() {
	t.examined = 1
	for _, how := range t.Fallen {
		t.breaks("an instance ended by itself: %s", how)
	}
}
