package check

// telling is what a channel is to be told once: of an event and what is asked
// for, that somebody has to act, and that it was granted after all.
type telling struct {
	channel, event, on string
	mended             bool
}

// repeated is a problem in the words of a channel.
type repeated struct{ channel, problem string }

// toldOnce also wants that no channel is told again of a problem that it knows,
// unless pullfix says that it does not know, or could not note, that it was told.
func (t *trial) toldOnce() {
	t.eventsOnce()
	unsure, times, lines := map[repeated]int{}, map[repeated]int{}, map[Line]bool{}
	for _, l := range t.Unsure {
		lines[l] = true
	}
	for _, event := range t.Unnoted {
		for _, problem := range t.problems("", event) {
			lines[Line{problem.channel, event}] = true
		}
	}
	for l := range lines {
		for _, problem := range t.problems(l.Channel, l.Event) {
			unsure[problem]++
		}
	}
	for _, m := range t.Messages {
		if m.Tone == flood || m.Tone == mended {
			continue
		}
		for _, problem := range t.problems(m.Channel, m.Event) {
			times[problem]++
			excused := times[problem] <= 1+unsure[problem]
			t.wants(excused, "event %s: channel %s was told again of what it knew (%s, message %d)", m.Event, m.Channel,
				problem.problem, m.At)
			if excused && times[problem] > 1 {
				t.excused++
			}
		}
	}
}

// problems are those of an event that a channel is told of; of any channel where
// none is named.
func (t *trial) problems(channel, event string) (all []repeated) {
	e := t.events[event]
	if e == nil {
		return nil
	}
	for _, f := range e.Findings {
		if f.Channel != "" && (channel == "" || f.Channel == channel) {
			all = append(all, repeated{f.Channel, f.Problem})
		}
	}
	return all
}

func (t *trial) eventsOnce() {
	times := map[telling]int{}
	for _, m := range t.Messages {
		if m.Tone == flood {
			continue
		}
		key := telling{m.Channel, m.Event, m.On, m.Tone == mended}
		times[key]++
		t.wants(times[key] == 1, "event %s: channel %s was told %d times (%s, message %d)", m.Event, m.Channel, times[key], m.Tone, m.At)
	}
}

func (t *trial) grantsTold() {
	told, unsure := map[string]bool{}, map[string]bool{}
	for _, m := range t.Messages {
		if m.Tone == mended {
			told[m.Event+" "+m.On] = true
		}
	}
	for _, l := range t.Unsure {
		unsure[l.Event] = true
	}
	for _, records := range t.applied {
		for _, r := range records {
			known := told[r.Event+" "+r.Resource]
			t.wants(known || unsure[r.Event], "event %s: it is on record as granted, and nobody was told", r.Event)
			if !known && unsure[r.Event] {
				t.excused++
			}
		}
	}
}

// mostAlerts is how many alerts a channel gets in 10 minutes.
const mostAlerts = 20

// alertsTold wants that a channel got as many alerts as it has problems, or as
// many as it gets at the most.
func (t *trial) alertsTold() {
	problems := map[string]map[string]bool{}
	for _, e := range t.Events {
		for _, f := range e.Findings {
			if f.Channel == "" {
				continue
			}
			if problems[f.Channel] == nil {
				problems[f.Channel] = map[string]bool{}
			}
			problems[f.Channel][f.Problem] = true
		}
	}
	told, unsure := map[string]int{}, map[Line]bool{}
	for _, m := range t.Messages {
		if m.Tone != flood && m.Tone != mended {
			told[m.Channel]++
		}
	}
	for _, l := range t.Unsure {
		if !unsure[l] {
			unsure[l] = true
			told[l.Channel]++
		}
	}
	for channel, of := range problems {
		want := min(len(of), mostAlerts)
		t.wants(told[channel] >= want, "channel %s has %d problems, and was told, or may have been, %d times, want %d", channel, len(of), told[channel], want)
	}
}
