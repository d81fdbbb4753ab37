package rules

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/iam"
)

// TestWhatIsUnknownGrantsOnlyWhatIsGrantedHoweverItIs holds that a request is
// granted with a fact unknown only if it is with every value of that fact: then
// whoever cannot find a fact out, or keeps it from being found out, gains
// nothing by it.
func TestWhatIsUnknownGrantsOnlyWhatIsGrantedHoweverItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawGranted(t)
		p := compiled(t, "enforce", drawSpecs(t))
		whole := learn(t, q)
		less, more := p.Decide(q), p.Decide(whole)
		if a, b := powers(less, whole.foreign()), powers(more, whole.foreign()); a > b {
			t.Fatalf("granted by %q with powers %d, and with powers %d by %q when more is known: %+v", less.Rule(), a, b, more.Rule(), q)
		}
	})
}

// TestForgettingGrantsNoMore is the same from the other end, where most is
// known.
func TestForgettingGrantsNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := learn(t, drawGranted(t))
		p := compiled(t, "enforce", drawSpecs(t))
		known := powers(p.Decide(q), q.foreign())
		for name, forget := range map[string]func(*Request){
			"id":        func(q *Request) { q.From = iam.Project{} },
			"number":    func(q *Request) { q.FromNumber = iam.Project{} },
			"ancestry":  func(q *Request) { q.Above = Ancestry{} },
			"the top":   func(q *Request) { q.Above = Ancestry{Parents: q.Above.Parents[:len(q.Above.Parents)/2]} },
			"to":        func(q *Request) { q.To = iam.Resource{} },
			"to number": func(q *Request) { q.ToNumber = iam.Project{} },
			"member":    func(q *Request) { q.Member = iam.Principal{} },
			"role":      func(q *Request) { q.Role = iam.Role{} },
			"to's id":   func(q *Request) { q.To = q.To.Of(q.ToNumber) },
			"all":       func(q *Request) { *q = Request{Kind: q.Kind, Role: q.Role} },
		} {
			less := q
			forget(&less)
			if left := powers(p.Decide(less), q.foreign()); left > known {
				t.Fatalf("without %s powers grow from %d to %d: %+v", name, known, left, q)
			}
		}
	})
}

// learn gives every fact that is unknown some value.
func learn(t *rapid.T, q Request) Request {
	q = q.normal()
	if q.From.IsZero() {
		q.From = read(t, "learnt id", iam.ParseProject, someIDs...)
	}
	if q.FromNumber.IsZero() {
		q.FromNumber = read(t, "learnt number", iam.ParseProject, someNumbers...)
	}
	if !q.Above.Known {
		more := drawAncestry(t)
		q.Above = Ancestry{Known: true, Parents: append(slices.Clone(q.Above.Parents), more.Parents...)}
	}
	switch {
	case q.To.IsZero():
		q.To = read(t, "learnt to", iam.ParseResource, someResources...)
	case q.To.Project().IsNumber():
		q.To = q.To.Of(read(t, "learnt id of to", iam.ParseProject, "r", "rr", "b"))
	}
	if q.ToNumber.IsZero() {
		q.ToNumber = read(t, "learnt number of to", iam.ParseProject, "7", "8")
	}
	if q.Member.IsZero() {
		q.Member = read(t, "learnt member", iam.ParsePrincipal, principals()...)
	}
	return q
}
