package parse

import (
	"slices"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// draft is a finding in the making, and where it stands in the text.
type draft struct {
	Finding
	from, to   int
	weak       bool        // the sentence says too little to stand alone
	fields     bool        // the names come from the fields of an error
	where      bool        // the sentence names a resource, readable or not
	unreadable bool        // the sentence holds a name that cannot be read
	agents     []string    // every Cloud Run agent that the sentences name, as written
	source     iam.Project // the project that the sentence says holds the image
	answer     bool        // the sentence goes on with the answer of the registry
	led        bool        // nothing but known words stand before the sentence
}

// newDraft reads what a sentence names.
func newDraft(r *row, m *match) draft {
	d := draft{from: m.from, to: m.to, weak: r.weak}
	d.Kind, d.Access.Permission = r.kind, r.permission
	if t := m.token(permissionSlot); t.filled() {
		d.Access.Permission = readPermission(t.name())
		d.unreadable = d.Access.Permission.IsZero()
		d.weak = d.weak || d.unreadable && !t.damaged && !spoiled(t.text)
	}
	if r.kind == iam.OtherPermission {
		d.Kind = kindOf(d.Access.Permission)
	}
	if t := m.token(imageSlot); t.filled() {
		d.Image = readImage(t.name())
		d.Written.Image = d.unread(d.Image.IsZero(), t)
		d.where, d.Access.Resource = true, d.Image.Repository()
	}
	if t := m.token(resourceSlot); t.filled() {
		p := readPlace(t.name())
		d.Written.Resource = d.unread(p == place{}, t)
		d.unreadable = d.unreadable && (t.damaged || spoiled(t.text))
		d.at(p)
	}
	if t := m.token(targetSlot); t.filled() {
		d.where, d.Access.Resource = true, account(t.name()[strings.LastIndexByte(t.name(), '/')+1:])
		d.Written.Resource = d.unread(d.Access.Resource.IsZero(), t)
	}
	if t := m.token(principalSlot); t.filled() {
		p := readPrincipal(t.name())
		d.Written.Principal = d.unread(p.IsZero(), t)
		d.lacks(p)
	}
	if t := m.token(projectSlot); t.filled() {
		if p := readProject(strings.TrimSuffix(t.name(), ":setIamPolicy")); !p.IsZero() {
			d.Project = p
		}
	}
	d.agent(m.token(agentSlot))
	return d
}

// unread notes that a name cannot be read, and returns what is written in its
// place.
func (d *draft) unread(unknown bool, t token) string {
	if !unknown {
		return ""
	}
	d.unreadable = true
	return t.name()
}

// at records where the permission is lacking.
func (d *draft) at(p place) {
	d.where = true
	d.Access.Resource, d.Project, d.Workload = p.resource, p.project, p.workload
}

// lacks records who lacks the permission. Of act-as, "denied on" names the
// account that was to be acted as.
func (d *draft) lacks(p iam.Principal) {
	if d.Kind == iam.ActAsAccount && !d.where {
		d.Access.Resource, d.where = account(p.Email()), true
		return
	}
	d.Access.Principal = p
}

func (d *draft) agent(t token) {
	if !t.filled() {
		return
	}
	d.agents = append(d.agents, t.name())
	if p := readAgent(t.name()); len(d.agents) == 1 {
		d.Access.Principal = p
		d.Written.Principal = d.unread(p.IsZero(), t)
	}
}

// remark adds what a sentence after the denial tells.
func (d *draft) remark(m *match) {
	d.to = max(d.to, m.to)
	d.agent(m.token(agentSlot))
	if t := m.token(projectSlot); t.filled() && d.Project.IsZero() {
		d.Project = readProject(t.name())
		d.Written.Project = d.unread(d.Project.IsZero(), t)
	}
	if p := readProject(m.token(sourceSlot).name()); d.source.IsZero() {
		d.source = p
	}
}

// kindOf says what the lack of a permission is called.
func kindOf(p iam.Permission) iam.Kind {
	switch {
	case p == iam.DownloadArtifacts:
		return iam.ArtifactDownload
	case p == iam.UploadArtifacts:
		return iam.ArtifactUpload
	case p == iam.ActAs:
		return iam.ActAsAccount
	case p == iam.AccessSecretVersion:
		return iam.SecretAccess
	case p == iam.InvokeRoutes:
		return iam.Invoker
	case p.Service() == "run":
		return iam.RunPermission
	default:
		return iam.OtherPermission
	}
}

// unique drops repetitions, and what says less than another finding nearby
// says.
func unique(drafts []draft) []draft {
	if len(drafts) < 2 {
		return drafts
	}
	var kept []draft
	seen := make(map[identity]int, len(drafts))
	for _, d := range drafts {
		i, repeated := seen[d.identity()]
		if !repeated {
			i = slices.IndexFunc(kept[max(0, len(kept)-mostFacts):], func(k draft) bool {
				return within(&d.Finding, &k.Finding) || within(&k.Finding, &d.Finding)
			})
			if i >= 0 {
				i += max(0, len(kept)-mostFacts)
			}
		}
		if i < 0 {
			seen[d.identity()] = len(kept)
			kept = append(kept, d)
			continue
		}
		kept[i] = merged(kept[i], d)
		seen[kept[i].identity()] = i
	}
	return kept
}

// identity is what makes two findings the same.
type identity struct {
	kind    iam.Kind
	access  iam.Access
	image   iam.Image
	project iam.Project
}

func (d *draft) identity() identity { return identity{d.Kind, d.Access, d.Image, d.Project} }

// within reports whether b says all that a says.
func within(a, b *Finding) bool {
	x, y := a.Access, b.Access
	return a.Kind == b.Kind && (x.Principal.IsZero() || x.Principal == y.Principal) &&
		(x.Permission.IsZero() || x.Permission == y.Permission) && (x.Resource.IsZero() || x.Resource == y.Resource) &&
		(a.Image.IsZero() || a.Image == b.Image) && (a.Project.IsZero() || b.Project.IsZero() || a.Project == b.Project)
}

// merged keeps the draft that says more, with the doubts and agents of both. A
// name that only the other one masks is known after all.
func merged(a, b draft) draft {
	if !within(&b.Finding, &a.Finding) {
		a, b = b, a
	}
	if a.Project.IsZero() {
		a.Project = b.Project
	}
	if a.source.IsZero() {
		a.source = b.source
	}
	if a.Workload == "" {
		a.Workload = b.Workload
	}
	a.Written = a.Written.or(b.Written)
	a.agents = append(a.agents, b.agents...)
	a.led, a.fields = a.led || b.led, a.fields || b.fields
	if b.Cause != CauseMasked {
		a.doubt(b.Cause, b.Doubt)
	}
	return a
}

// named returns the agents that the drafts name. Of names that read as one
// account it is the first, and more than two accounts tell no more than two do:
// somebody contradicts somebody.
func named(drafts []draft) []string {
	var agents []string
	var accounts []iam.Principal
	for i := range drafts {
		for _, a := range drafts[i].agents {
			if slices.Contains(agents, a) {
				continue
			}
			p := readAgent(a)
			if slices.Contains(accounts, p) {
				continue
			}
			if agents, accounts = append(agents, a), append(accounts, p); len(agents) == 2 {
				return agents
			}
		}
	}
	return agents
}

// sentence cuts the words between two places out of a text, from where the
// statement begins to the end of the line.
func sentence(s string, from, to int) string {
	const lead = 100
	for begin := from; begin > from-lead; begin-- {
		if begin == 0 || strings.IndexByte("\n\"'`>", s[begin-1]) >= 0 || begin > 1 && s[begin-1] == ' ' && strings.IndexByte(".:;,-)]", s[begin-2]) >= 0 {
			from = begin
			break
		}
	}
	if end := strings.IndexByte(s[to:min(len(s), to+longestMessage)], '\n'); end >= 0 {
		to += end
	} else {
		to = len(s)
	}
	return strings.TrimSpace(cut(s[from:to], longestMessage))
}
