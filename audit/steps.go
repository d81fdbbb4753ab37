package audit

import (
	"hash/maphash"
	"strings"
)

// step is one member of one role of one policy, on its way in or out, by the
// numbers of their names.
type step struct {
	resource uint32
	binding
	removed bool
}

type binding struct{ role, member uint32 }

// steps numbers the steps that are noted, and the names in them. Each name is
// kept once.
type steps struct {
	seed                      maphash.Seed
	numbers                   map[step]uint32
	all                       []step
	resources, roles, members names
}

func newSteps() *steps {
	return &steps{
		seed: maphash.MakeSeed(), numbers: map[step]uint32{},
		resources: newNames(), roles: newNames(), members: newNames(),
	}
}

// note returns the number of a step.
func (s *steps) note(resource, role, member string, removed bool) uint32 {
	bound := binding{s.roles.note(s.hash(role), role), s.members.note(s.hashMember(member), member)}
	noted := step{s.resources.note(s.hash(resource), resource), bound, removed}
	number, known := s.numbers[noted]
	if !known {
		number = uint32(len(s.all))
		s.numbers[noted] = number
		s.all = append(s.all, noted)
	}
	return number
}

// find returns the number of a step that was noted.
func (s *steps) find(resource, role, member string, removed bool) (number uint32, known bool) {
	at, known := s.findResource(resource)
	if !known {
		return 0, false
	}
	bound, known := s.findBinding(role, member)
	if !known {
		return 0, false
	}
	number, known = s.numbers[step{at, bound, removed}]
	return number, known
}

func (s *steps) findResource(resource string) (number uint32, known bool) {
	return s.resources.find(s.hash(resource))
}

// findBinding returns a role and a member that were both noted.
func (s *steps) findBinding(role, member string) (found binding, known bool) {
	if found.role, known = s.roles.find(s.hash(role)); known {
		found.member, known = s.members.find(s.hashMember(member))
	}
	return found, known
}

// names numbers names by hashes of what they are compared by. Attackers do not
// know the seed, and by chance two of a million names have the same once in some
// forty million runs.
type names struct {
	numbers map[uint64]uint32
	texts   []byte // as they were first written
	ends    []int
}

func newNames() names { return names{numbers: map[uint64]uint32{}} }

func (n *names) note(hash uint64, name string) uint32 {
	number, known := n.numbers[hash]
	if !known {
		number = uint32(len(n.ends))
		n.numbers[hash] = number
		n.texts = append(n.texts, name...)
		n.ends = append(n.ends, len(n.texts))
	}
	return number
}

func (n *names) find(hash uint64) (number uint32, known bool) {
	number, known = n.numbers[hash]
	return number, known
}

func (n *names) text(number uint32) string {
	begin := 0
	if number > 0 {
		begin = n.ends[number-1]
	}
	return string(n.texts[begin:n.ends[number]])
}

func (s *steps) hash(name string) uint64 { return maphash.String(s.seed, name) }

// hashMember compares members as Google Cloud does, without regard to case.
func (s *steps) hashMember(member string) uint64 { return s.hash(strings.ToLower(member)) }
