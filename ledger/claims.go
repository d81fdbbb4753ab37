package ledger

import (
	"cmp"
	"time"
)

// claiming is one event's claim to tell of a problem.
type claiming struct {
	problem, event string // their documents
	shard          int
	now            time.Time
	token          string // of the call that claims
	every          time.Duration
}

func (c claiming) names() []string {
	names := []string{c.event, c.problem}
	for k := range shards {
		names = append(names, countName(c.problem, k))
	}
	return names
}

func (c claiming) apply(d *documents) (Claim, error) {
	e, err := readEvent(d, c.event, c.now)
	if err != nil {
		return Claim{}, err
	}
	p, known, err := read[problem](d, c.problem, c.now)
	switch {
	case err != nil:
		return Claim{}, err
	case e.Claim != nil && e.Claim.Token == c.token: // an earlier save of this call took effect
		return Claim{Due: true, Missed: e.Claim.Missed, Count: e.Claim.Count, Thread: p.Thread}, nil
	case e.Claim != nil:
		return Claim{Unsure: !e.Claim.Told}, nil
	case p.quiet(c.now, c.every):
		return Claim{}, c.miss(d, e, p)
	default:
		return c.claim(d, e, p, known)
	}
}

// miss writes the event and the shard of the instance, and nothing that other
// instances write.
func (c claiming) miss(d *documents, e event, p problem) error {
	if !e.Untold && e.countedIn(c.problem, p) {
		return nil
	}
	if err := c.count(d, &e, p); err != nil {
		return err
	}
	return writeEvent(d, c.event, e, c.now)
}

func (e event) countedIn(name string, p problem) bool { return e.Counted[name].Life == p.Life }

// count counts the event as untold, once while the problem is known.
func (c claiming) count(d *documents, e *event, p problem) error {
	e.Untold = false
	if p.Life == "" || e.countedIn(c.problem, p) {
		return nil
	}
	n, err := c.counted(d, p.telling, c.shard)
	if err != nil {
		return err
	}
	if e.Counted == nil {
		e.Counted = map[string]place{}
	}
	e.Counted[c.problem] = place{Life: p.Life, Shard: c.shard, N: n + 1}
	return write(d, countName(c.problem, c.shard), untold{n + 1}, p.Until)
}

// counted returns how far a shard has counted. One that has expired goes on
// from what the problem knows of it.
func (c claiming) counted(d *documents, t telling, k int) (int, error) {
	u, _, err := read[untold](d, countName(c.problem, k), c.now)
	return max(u.N, t.Noted[k]), err
}

func (c claiming) countedByAll(d *documents, t telling) (noted [shards]int, err error) {
	for k := range noted {
		if noted[k], err = c.counted(d, t, k); err != nil {
			return noted, err
		}
	}
	return noted, nil
}

// claim makes the event the one that is told of.
func (c claiming) claim(d *documents, e event, p problem, known bool) (Claim, error) {
	noted, err := c.countedByAll(d, p.telling)
	if err != nil {
		return Claim{}, err
	}
	until := c.now.Add(2 * c.every)
	if !known { // what shards still hold is of a life that is forgotten
		p = problem{telling: telling{Noted: noted, Until: until}, Life: c.token, Base: sum(noted)}
	}
	claim := Claim{Due: true, Missed: sum(noted) - sum(p.Noted), Thread: p.Thread}
	switch own := e.Counted[c.problem]; {
	case own.Life != p.Life:
		p.Claimed++
	case own.N > p.Noted[own.Shard]:
		claim.Missed--
	}
	claim.Count = p.Claimed + sum(noted) - p.Base
	e.Claim = &claimed{Problem: c.problem, Life: p.Life, Token: c.token, Missed: claim.Missed, Count: claim.Count, Before: p.telling}
	p.telling = telling{Token: c.token, At: c.now, Noted: noted, Until: until}
	if err := c.save(d, p); err != nil {
		return Claim{}, err
	}
	return claim, writeEvent(d, c.event, e, c.now)
}

func sum(counts [shards]int) (all int) {
	for _, n := range counts {
		all += n
	}
	return all
}

func (c claiming) save(d *documents, p problem) error { return write(d, c.problem, p, p.Until) }

// open returns the claim that is to be settled, unless it is settled.
func (c claiming) open(d *documents, of *aim) (event, problem, bool, error) {
	e, err := readEvent(d, c.event, c.now)
	if err != nil {
		return e, problem{}, false, err
	}
	p, _, err := read[problem](d, c.problem, c.now)
	if err != nil {
		return e, p, false, err
	}
	token := ""
	if e.Claim != nil && e.Claim.Problem == c.problem && !e.Claim.Told {
		token = e.Claim.Token
	}
	return e, p, of.hits(token), nil
}

func (c claiming) told(d *documents, of *aim, thread string) error {
	e, p, ok, err := c.open(d, of)
	if err != nil || !ok {
		return err
	}
	e.Claim.Told, e.Claim.Before, e.Untold = true, telling{}, false
	if e.Claim.Life == p.Life {
		p.Told = p.Told || p.Token == e.Claim.Token
		p.Thread = cmp.Or(thread, p.Thread)
		if err := c.save(d, p); err != nil {
			return err
		}
	}
	return writeEvent(d, c.event, e, c.now)
}

func (c claiming) release(d *documents, of *aim) error {
	e, p, ok, err := c.open(d, of)
	if err != nil || !ok {
		return err
	}
	if err := c.takeBack(d, &e, &p); err != nil {
		return err
	}
	e.Untold = true
	return writeEvent(d, c.event, e, c.now)
}

func (c claiming) withhold(d *documents, of *aim) error {
	e, p, ok, err := c.open(d, of)
	if err != nil || !ok {
		return err
	}
	if err := c.takeBack(d, &e, &p); err != nil {
		return err
	}
	if err := c.count(d, &e, p); err != nil {
		return err
	}
	return writeEvent(d, c.event, e, c.now)
}

// takeBack leaves the problem as it was before the event claimed it. What others
// made of it since stays.
func (c claiming) takeBack(d *documents, e *event, p *problem) error {
	claim := e.Claim
	e.Claim = nil
	if claim.Life != p.Life { // it was forgotten
		return nil
	}
	if p.Token == claim.Token {
		p.telling = claim.Before
	}
	if !e.countedIn(c.problem, *p) {
		p.Claimed--
	}
	return c.save(d, *p)
}
