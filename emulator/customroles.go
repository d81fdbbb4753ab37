package emulator

import "strings"

// roleIn refuses a custom role that does not exist, is deleted, or belongs to
// another project or organization than the resource. Others are taken as they
// are.
func (c *catalog) roleIn(role, resource string) error {
	owner, _, custom := strings.Cut(role, "/roles/")
	if !custom {
		return nil
	}
	if c.made.Has(c.canonical(role)) && c.isWithin(resource, c.canonical(owner)) {
		return nil
	}
	return invalid("Role (%s) does not exist in the resource's hierarchy.", role)
}

// maxLevels is more than the levels that there can be: an organization, ten
// folders and a project. A seed may have folders that are in each other.
const maxLevels = 16

// isWithin tells whether a resource is a project or organization, or in it.
func (c *catalog) isWithin(resource, owner string) bool {
	parts := strings.SplitN(resource, "/", 3)
	at := strings.Join(parts[:min(len(parts), 2)], "/")
	for range maxLevels {
		if at == owner {
			return true
		}
		at = c.parentOf(at)
	}
	return false
}

func (c *catalog) parentOf(name string) string {
	if id, ok := strings.CutPrefix(name, "projects/"); ok {
		if p := c.projects[id]; p != nil {
			return p.parent
		}
		return ""
	}
	return c.parents[name]
}
