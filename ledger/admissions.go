package ledger

import (
	"context"
	"maps"
	"time"
)

// admissions is the document of a channel: the events whose messages it may get.
type admissions struct {
	At map[string]time.Time `json:"at"` // by the event's document
}

// Admit asks whether a channel may get a message about an event: within a window
// that slides, it may about so many events over all instances, and no more. What
// was admitted stays so for the length of the window, so that nothing is to be
// taken back when sending fails and the event comes again. Where the clocks of
// instances are apart, the window is as much longer or shorter. An error means
// that the event is to come again.
func (l *Ledger) Admit(ctx context.Context, channel, event string, now time.Time, most int, window time.Duration) (bool, error) {
	a := admission{
		channel: named(ofProblem, channel) + "-admitted", event: named(ofEvent, event), now: plain(now), most: most, window: window,
	}
	var admitted bool
	o := l.do(ctx, a.channel, change{names: []string{a.channel}, now: now, apply: func(d *documents) (err error) {
		admitted, err = a.apply(d)
		return err
	}})
	return o.err == nil && admitted, o.err
}

// admission is what an event asks of a channel.
type admission struct {
	channel, event string // their documents
	now            time.Time
	most           int
	window         time.Duration
}

// apply writes nothing where the event is refused. A flood is then nothing but
// reading, over which instances do not get into each other's way.
func (a admission) apply(d *documents) (bool, error) {
	in, _, err := read[admissions](d, a.channel, a.now)
	if err != nil {
		return false, err
	}
	maps.DeleteFunc(in.At, func(_ string, at time.Time) bool { return !a.now.Before(at.Add(a.window)) })
	if _, again := in.At[a.event]; again {
		return true, nil
	}
	if len(in.At) >= a.most {
		return false, nil
	}
	if in.At == nil {
		in.At = map[string]time.Time{}
	}
	in.At[a.event] = a.now
	return true, write(d, a.channel, in, a.now.Add(a.window+clockSkew))
}
