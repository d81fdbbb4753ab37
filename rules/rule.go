package rules

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pullfix/pullfix/iam"
)

// action is the list that a rule stands in.
type action uint8

const (
	allow action = iota
	deny
	ignore
)

var actionNames = [...]string{allow: "allow", deny: "deny", ignore: "ignore"}

func (a action) String() string { return actionNames[a] }

// rule is one entry of a policy. An empty list means that the rule does not
// look at that side; the reader sees to it that an allow looks at every side.
type rule struct {
	action     action
	name       string
	reason     string
	line       int
	column     int
	kinds      kindSet
	from       []pattern    // of project ids or numbers
	above      []iam.Parent // of which one must hold the project
	to         []pattern    // of resource names
	members    []member
	roles      []iam.Role
	mode       Mode
	unverified bool
	notify     []string // names of channels
}

// kindSet is a set of kinds, one bit each.
type kindSet uint32

func (s kindSet) has(k iam.Kind) bool { return s == 0 || s&(1<<k) != 0 }

func (s *kindSet) add(k iam.Kind) { *s |= 1 << k }

// words are the kinds of the set, none for all.
func (s kindSet) words() []string {
	var words []string
	for k, word := range iam.KindNames() {
		if s&(1<<k) != 0 {
			words = append(words, word)
		}
	}
	return words
}

// sources are what the rule names as "from", as it is written.
func (r *rule) sources() []string {
	var names []string
	for _, p := range r.from {
		names = append(names, "projects/"+p.String())
	}
	return append(names, texts(r.above)...)
}

func texts[T fmt.Stringer](values []T) []string {
	var all []string
	for _, v := range values {
		all = append(all, v.String())
	}
	return all
}

// member is a class of principals or one principal.
type member struct {
	class iam.Class
	exact iam.Principal
}

func parseMember(s string) (member, error) {
	if class, err := iam.ParseClass(s); err == nil {
		return member{class: class}, nil
	}
	exact, err := iam.ParsePrincipal(s)
	return member{exact: exact}, err
}

func (m member) String() string {
	if m.class != 0 {
		return m.class.String()
	}
	return m.exact.String()
}

func (m member) matches(p iam.Principal) bool {
	if m.class != 0 {
		return p.In(m.class)
	}
	return p == m.exact
}

// refuses reports whether a side that is not known counts as a match: in a deny,
// where there is something to be granted.
func (r *rule) refuses(q *Request) bool { return r.action == deny && !q.Role.IsZero() }

// matches reports whether the rule speaks of the request.
func (r *rule) matches(q *Request) bool {
	return r.kinds.has(q.Kind) && r.matchesRole(q.Role) && r.matchesFrom(q) && r.matchesTo(q) && r.matchesMember(q)
}

func (r *rule) matchesRole(role iam.Role) bool {
	return r.action != allow || slices.Contains(r.mayGrant(), role)
}

// leastRoles are what an allow may grant that names no role: who may write
// decides what others run.
var leastRoles = []iam.Role{iam.ArtifactReader, iam.SecretAccessor, iam.RunInvoker}

// mayGrant returns the roles of an allow.
func (r *rule) mayGrant() []iam.Role {
	if len(r.roles) > 0 {
		return r.roles
	}
	return leastRoles
}

func (r *rule) matchesFrom(q *Request) bool {
	if len(r.from) == 0 && len(r.above) == 0 {
		return true
	}
	for _, p := range r.from {
		side := q.From
		if p.number {
			side = q.FromNumber
		}
		if side.IsZero() && r.refuses(q) || !side.IsZero() && p.matches(side.String()) {
			return true
		}
	}
	for _, parent := range r.above {
		if !q.Above.Known && r.refuses(q) || slices.Contains(q.Above.Parents, parent) {
			return true
		}
	}
	return false
}

// matchesTo takes a project that is named in the other way than by the pattern
// for unknown: an allow must not match what a deny by the other name would not
// see.
func (r *rule) matchesTo(q *Request) bool {
	if len(r.to) == 0 {
		return !q.To.IsZero() || r.action != allow
	}
	for _, p := range r.to {
		known := !q.To.IsZero() && !q.To.Project().IsNumber()
		if p.number {
			known = !q.To.IsZero() && !q.ToNumber.IsZero()
		}
		if !known && r.refuses(q) || known && p.matchesTo(q.To, q.ToNumber) {
			return true
		}
	}
	return false
}

func (r *rule) matchesMember(q *Request) bool {
	if len(r.members) == 0 {
		return true
	}
	if q.Member.IsZero() {
		return r.refuses(q)
	}
	for _, m := range r.members {
		if m.matches(q.Member) {
			return true
		}
	}
	return false
}

// ahead orders rules that match the same request, so that which of them
// decides does not depend on their order in the file, and so that taking one
// away never yields a grant that was not there before. A class lets in only
// accounts of the project that deploys: for any other, the allow that names it
// is ahead.
func (r *rule) ahead(other *rule, q *Request) bool {
	if other == nil {
		return true
	}
	if q.foreign() && r.allows(q.Member) != other.allows(q.Member) {
		return r.allows(q.Member)
	}
	return r.before(other)
}

// allows reports whether an allow names the member itself.
func (r *rule) allows(p iam.Principal) bool {
	return r.action == allow && slices.Contains(r.members, member{exact: p})
}

// before orders rules whatever the request is.
func (r *rule) before(other *rule) bool {
	if r.mode != other.mode {
		return r.mode > other.mode
	}
	if r.unverified != other.unverified {
		return r.unverified
	}
	return cmp.Compare(r.name, other.name) < 0
}
