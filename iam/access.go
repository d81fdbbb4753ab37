package iam

import "fmt"

// Access is a question: has the principal this permission on the resource?
// Any part may be unknown.
type Access struct {
	Principal  Principal
	Permission Permission
	Resource   Resource
}

// Binding is an answer: the member holds the role on the resource, without a
// condition.
type Binding struct {
	Resource Resource
	Role     Role
	Member   Principal
}

// String returns the binding in words, for logs and errors.
func (b Binding) String() string {
	return fmt.Sprintf("%s for %s on %s", b.Role, b.Member, b.Resource)
}
