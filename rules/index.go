package rules

import (
	"slices"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// index finds the rules that may match a request without looking at the rest.
// Each rule is filed once, under the side of it that is rarest among all
// rules: a name, or the literal text before or after the star of a pattern.
// The rules found still have to match in full.
type index struct {
	all   []*rule
	names [sides]map[string][]*rule // the whole name
	heads [sides]affixes            // what a name begins with
	tails [sides]affixes            // what a name ends with
	rest  []*rule                   // rules without any literal text
}

type side uint8

const (
	fromSide side = iota
	toSide
	memberSide
	sides
)

// affixes files rules by a piece of text, and knows which lengths of text
// occur, so that a look-up tries only these.
type affixes struct {
	rules   map[string][]*rule
	lengths []int
}

// filing is one way to file a rule: under every one of these keys.
type filing []filingKey

type filingKey struct {
	side side
	form form
	text string
}

type form uint8

const (
	wholeName form = iota
	head
	tail
)

// filings returns the ways to file a rule, each of which finds the rule for
// every request that it matches.
func (r *rule) filings() []filing {
	var ways []filing
	for _, of := range []struct {
		side     side
		patterns []pattern
	}{{fromSide, r.from}, {toSide, r.to}} {
		if len(of.patterns) == 0 {
			continue
		}
		heads, tails := filing{}, filing{}
		for _, p := range of.patterns {
			prefix, suffix, literal := p.anchors()
			if literal {
				heads = append(heads, filingKey{of.side, wholeName, prefix})
				tails = append(tails, filingKey{of.side, wholeName, prefix})
				continue
			}
			// "projects/p/**" covers "projects/p", too.
			if suffix == "" {
				prefix = strings.TrimSuffix(prefix, "/")
			}
			heads = append(heads, filingKey{of.side, head, prefix})
			tails = append(tails, filingKey{of.side, tail, suffix})
		}
		ways = append(ways, heads, tails)
	}
	var members filing
	for _, m := range r.members {
		members = append(members, filingKey{memberSide, wholeName, m.String()})
	}
	if members != nil {
		ways = append(ways, members)
	}
	return ways
}

func newIndex(rules []*rule) index {
	x := index{all: rules}
	seen := map[filingKey]int{}
	ways := make([][]filing, len(rules))
	for i, r := range rules {
		ways[i] = r.filings()
		for _, way := range ways[i] {
			for _, key := range way {
				seen[key]++
			}
		}
	}
	for i, r := range rules {
		x.file(r, rarest(ways[i], seen))
	}
	for s := range sides {
		x.heads[s].measure()
		x.tails[s].measure()
	}
	return x
}

// rarest returns the way whose commonest key is the least common, or nil where
// no way narrows anything down.
func rarest(ways []filing, seen map[filingKey]int) filing {
	var best filing
	fewest := 0
	for _, way := range ways {
		commonest := 0
		for _, key := range way {
			commonest = max(commonest, seen[key])
			if key.form != wholeName && key.text == "" {
				commonest = len(seen) + 1
			}
		}
		if best == nil || commonest < fewest {
			best, fewest = way, commonest
		}
	}
	return best
}

func (x *index) file(r *rule, under filing) {
	if under == nil {
		x.rest = append(x.rest, r)
		return
	}
	for _, key := range slices.Compact(under) {
		switch key.form {
		case wholeName:
			if x.names[key.side] == nil {
				x.names[key.side] = map[string][]*rule{}
			}
			x.names[key.side][key.text] = append(x.names[key.side][key.text], r)
		case head:
			x.heads[key.side].add(key.text, r)
		case tail:
			x.tails[key.side].add(key.text, r)
		}
	}
}

func (a *affixes) add(text string, r *rule) {
	if a.rules == nil {
		a.rules = map[string][]*rule{}
	}
	a.rules[text] = append(a.rules[text], r)
}

func (a *affixes) measure() {
	for text := range a.rules {
		if !slices.Contains(a.lengths, len(text)) {
			a.lengths = append(a.lengths, len(text))
		}
	}
	slices.Sort(a.lengths)
}

// find returns the rule that decides the request, or nil. It does not allocate.
func (x *index) find(q *Request) *rule {
	if len(x.all) == 0 {
		return nil
	}
	if x.all[0].action == deny && q.incomplete() {
		return pick(nil, x.all, q)
	}
	best := pick(nil, x.rest, q)
	best = x.findName(best, fromSide, q.From.String(), q)
	best = x.findName(best, fromSide, q.FromNumber.String(), q)
	best = x.findName(best, toSide, q.To.String(), q)
	best = x.findMember(best, q)
	return best
}

// incomplete reports whether a side is unknown, so that denies match which the
// index would not find.
func (q *Request) incomplete() bool {
	return q.From.IsZero() || q.FromNumber.IsZero() || q.Member.IsZero() || q.To.IsZero() || q.To.Project().IsNumber()
}

func (x *index) findName(best *rule, s side, name string, q *Request) *rule {
	if name == "" {
		return best
	}
	best = pick(best, x.names[s][name], q)
	for _, n := range x.heads[s].lengths {
		if n > len(name) {
			break
		}
		best = pick(best, x.heads[s].rules[name[:n]], q)
	}
	for _, n := range x.tails[s].lengths {
		if n > len(name) {
			break
		}
		best = pick(best, x.tails[s].rules[name[len(name)-n:]], q)
	}
	return best
}

func (x *index) findMember(best *rule, q *Request) *rule {
	names := x.names[memberSide]
	if len(names) == 0 || q.Member.IsZero() {
		return best
	}
	best = pick(best, names[q.Member.String()], q)
	for c := iam.CloudRunAgents; c <= iam.Users; c++ {
		if q.Member.In(c) {
			best = pick(best, names[c.String()], q)
		}
	}
	return best
}

func pick(best *rule, among []*rule, q *Request) *rule {
	for _, r := range among {
		if r.matches(q) && r.ahead(best) {
			best = r
		}
	}
	return best
}
