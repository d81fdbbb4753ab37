package audit

import "strings"

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
	numbers                   map[step]uint32
	all                       []step
	resources, roles, members names
}

func newSteps() *steps {
	return &steps{numbers: map[step]uint32{}, resources: newNames(), roles: newNames(), members: newNames()}
}

// note returns the number of a step.
func (s *steps) note(resource, role, member string, removed bool) uint32 {
	bound := binding{s.roles.note(role, role), s.members.note(memberKey(member), member)}
	noted := step{s.resources.note(resource, resource), bound, removed}
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
	at, known := s.resources.find(resource)
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

// findBinding returns a role and a member that were both noted.
func (s *steps) findBinding(role, member string) (found binding, known bool) {
	if found.role, known = s.roles.find(role); known {
		found.member, known = s.members.find(memberKey(member))
	}
	return found, known
}

// names numbers names by what they are compared by.
type names struct {
	numbers map[string]uint32
	all     []string // as they were first written
}

func newNames() names { return names{numbers: map[string]uint32{}} }

func (n *names) note(key, name string) uint32 {
	number, known := n.numbers[key]
	if !known {
		number = uint32(len(n.all))
		n.numbers[strings.Clone(key)] = number
		n.all = append(n.all, strings.Clone(name))
	}
	return number
}

func (n *names) find(key string) (number uint32, known bool) {
	number, known = n.numbers[key]
	return number, known
}

// memberKey compares members as Google Cloud does, without regard to case.
func memberKey(member string) string { return strings.ToLower(member) }
