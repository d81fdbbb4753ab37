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
	names  [sides]map[string][]*rule // the whole name
	heads  [sides]affixes            // what a name begins with
	tails  [sides]affixes            // what a name ends with
	rest   []*rule                   // rules without any literal text
	asking [facts][]*rule            // denies that look at a fact, as they are ahead
}

type side uint8

const (
	fromSide side = iota
	aboveSide
	toSide
	toNumberSide
	memberSide
	sides
)

// fact is what a request may not know and a deny may look at.
type fact uint8

const (
	fromID fact = iota
	fromNumber
	fromAbove
	toID
	toNumber
	ofMember
	facts
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
	if len(r.from)+len(r.above) > 0 {
		heads, tails := anchors(fromSide, r.from)
		for _, parent := range r.above {
			key := filingKey{aboveSide, wholeName, parent.String()}
			heads, tails = append(heads, key), append(tails, key)
		}
		ways = append(ways, heads, tails)
	}
	if len(r.to) > 0 {
		heads, tails := anchors(toSide, r.to)
		ways = append(ways, heads, tails)
	}
	if len(r.members) > 0 {
		var members filing
		for _, m := range r.members {
			members = append(members, filingKey{memberSide, wholeName, m.String()})
		}
		ways = append(ways, members)
	}
	return ways
}

// anchors files patterns by what names begin with, and by what they end with.
func anchors(s side, patterns []pattern) (heads, tails filing) {
	for _, p := range patterns {
		if s == toSide && p.number {
			project, end := p.numbered()
			key := filingKey{toNumberSide, wholeName, project}
			heads = append(heads, key)
			if end != "" {
				key = filingKey{toSide, tail, end}
			}
			tails = append(tails, key)
			continue
		}
		prefix, suffix, literal := p.anchors()
		if literal {
			heads = append(heads, filingKey{s, wholeName, prefix})
			tails = append(tails, filingKey{s, wholeName, prefix})
			continue
		}
		// "projects/p/**" covers "projects/p", too.
		if suffix == "" {
			prefix = strings.TrimSuffix(prefix, "/")
		}
		heads = append(heads, filingKey{s, head, prefix})
		tails = append(tails, filingKey{s, tail, suffix})
	}
	return heads, tails
}

func newIndex(rules []*rule) index {
	var x index
	x.ask(rules)
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

// ask lists the denies that match where a fact is not known, in the order in
// which they decide, so that the first one that matches is the one to find.
func (x *index) ask(rules []*rule) {
	var denies []*rule
	for _, r := range rules {
		if r.action == deny {
			denies = append(denies, r)
		}
	}
	slices.SortFunc(denies, func(a, b *rule) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		default:
			return 0
		}
	})
	for _, r := range denies {
		for f, asks := range r.asks() {
			if asks {
				x.asking[f] = append(x.asking[f], r)
			}
		}
	}
}

// asks returns the facts that the rule looks at.
func (r *rule) asks() [facts]bool {
	named := func(p pattern) bool { return !p.number }
	return [facts]bool{
		fromID:     slices.ContainsFunc(r.from, named),
		fromNumber: slices.ContainsFunc(r.from, numbered),
		fromAbove:  len(r.above) > 0,
		toID:       slices.ContainsFunc(r.to, named),
		toNumber:   slices.ContainsFunc(r.to, numbered),
		ofMember:   len(r.members) > 0,
	}
}

func numbered(p pattern) bool { return p.number }

// unknown returns the facts that the request does not know.
func (q *Request) unknown() [facts]bool {
	return [facts]bool{
		fromID:     q.From.IsZero(),
		fromNumber: q.FromNumber.IsZero(),
		fromAbove:  !q.Above.Known,
		toID:       q.To.IsZero() || q.To.Project().IsNumber(),
		toNumber:   q.To.IsZero() || q.ToNumber.IsZero(),
		ofMember:   q.Member.IsZero(),
	}
}

// asksFor is what must be known to match the rules.
func asksFor(rules []*rule) (needs Facts) {
	for _, r := range rules {
		asks := r.asks()
		needs.FromNumber = needs.FromNumber || asks[fromNumber]
		needs.ToNumber = needs.ToNumber || asks[toNumber]
		needs.Above = needs.Above || asks[fromAbove]
	}
	return needs
}

// find returns the rule that decides the request, or nil. It does not allocate.
func (x *index) find(q *Request) *rule {
	best := pick(x.findUnknown(q), x.rest, q)
	best = x.findName(best, fromSide, q.From.String(), q)
	best = x.findName(best, fromSide, q.FromNumber.String(), q)
	for _, parent := range q.Above.Parents {
		best = pick(best, x.names[aboveSide][parent.String()], q)
	}
	best = x.findName(best, toSide, q.To.String(), q)
	best = pick(best, x.names[toNumberSide][q.ToNumber.String()], q)
	best = x.findMember(best, q)
	return best
}

// findUnknown finds the deny that matches because a fact is not known. No name
// leads to it.
func (x *index) findUnknown(q *Request) (best *rule) {
	if q.Role.IsZero() {
		return nil
	}
	for f, unknown := range q.unknown() {
		if !unknown {
			continue
		}
		for _, r := range x.asking[f] {
			if !r.ahead(best, q) {
				break
			}
			if r.matches(q) {
				best = r
				break
			}
		}
	}
	return best
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
		if r.matches(q) && r.ahead(best, q) {
			best = r
		}
	}
	return best
}
