package parse

import (
	"math"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// reader goes once through cleaned text and collects what it recognises.
type reader struct {
	s        string
	width    int // at which its lines were wrapped, if they were
	drafts   []draft
	places   []located
	settings []fact
	caller   iam.Principal // who makes the calls, where the text says so in advance
	m        match
	answered int // drafts whose caller is settled
	seen     int // up to where the beginning of tokens is known
	began    int // where the token begins that reaches to there
}

// located is a resource or image, and where the text names it.
type located struct {
	artifact
	from, to int
	explicit bool // the text says that this is what is pushed
	named    bool // it is a resource name: nothing says that it was up- or downloaded
}

// fact is what a sentence tells about the deploy, and where.
type fact struct {
	place
	location string
	at       int
}

// sentences finds every denial in cleaned text, in order.
func sentences(s string) []draft {
	drafts, _ := someSentences(s, math.MaxInt)
	return drafts
}

// someSentences reads until the text has told most things: denials, what is
// called what, and where. It says how many it has told.
func someSentences(s string, most int) (drafts []draft, told int) {
	r := reader{s: s, width: wrapWidth(s)}
	for i := 0; i < len(s) && r.told() < most; {
		if !wordByte(s[i]) || i > 0 && wordByte(s[i-1]) {
			i++
			continue
		}
		i = max(r.word(i), i+1)
	}
	told = r.told()
	return r.finish(), told
}

func (r *reader) told() int { return len(r.drafts) + len(r.places) + len(r.settings) }

// word reads what begins at i and returns where to read on.
func (r *reader) word(i int) int {
	if sh := shapeAt(r.s, i, &r.m); sh != nil {
		if sh.remark != nil {
			r.remark(sh.remark, &r.m)
		} else {
			r.drafts = append(r.drafts, newDraft(sh.row, &r.m))
		}
		return r.m.to
	}
	switch lower(r.s[i]) {
	case 'p', 'g':
		return r.address(i)
	case 'n':
		return r.path(i)
	}
	return i
}

// address reads the registry address, the resource name or the field that has
// the word in it.
func (r *reader) address(i int) int {
	switch {
	case strings.HasPrefix(r.s[i:], "pkg.dev/"), strings.HasPrefix(r.s[i:], "gcr.io/"):
		t := r.tokenAround(i)
		if a, ok := readArtifact(t.name()); ok {
			r.places = append(r.places, located{artifact: a, from: t.from, to: t.to})
		}
		return t.to
	case strings.HasPrefix(r.s[i:], "projects/"):
		return r.path(i)
	case strings.HasPrefix(r.s[i:], "project="):
		t := bareToken(r.s, i+len("project="))
		id, rest, _ := strings.Cut(t.name(), "&")
		p := place{project: readProject(id)}
		if _, path, ok := strings.Cut(rest, "/service_name/"); ok {
			name, _, _ := strings.Cut(path, "/")
			p.workload = workload("services", name)
		}
		r.settings = append(r.settings, fact{place: p, at: i})
		return t.to
	default:
		return r.field(i)
	}
}

// tokenAround reads the token that i lies in. It is asked from the left to the
// right, and looks at no byte before i twice.
func (r *reader) tokenAround(i int) token {
	from := i
	for from > r.seen && !leftMarks[r.s[from-1]] {
		from--
	}
	if from == r.seen && (from == 0 || !leftMarks[r.s[from-1]]) {
		from = r.began
	}
	r.seen, r.began = i, from
	if i-from > longestSlot {
		return token{from: i - longestSlot, to: i, damaged: true}
	}
	if from > 0 && quoteMarks[r.s[from-1]] {
		if t := quotedToken(r.s, from-1); t.to > i {
			return t
		}
	}
	return bareToken(r.s, from)
}

// path reads a resource name that stands in an address or alone.
func (r *reader) path(i int) int {
	if !strings.HasPrefix(r.s[i:], "projects/") && !strings.HasPrefix(r.s[i:], "namespaces/") {
		return i
	}
	t := r.tokenAround(i)
	name := t.name()[min(len(t.name()), max(0, i-t.from)):]
	if parent, _, ok := strings.Cut(name, "/logs/"); ok {
		name = parent
	}
	p := readPlace(name)
	switch {
	case p.resource.Type() == iam.RepositoryType || p.resource.Type() == iam.SecretType:
		r.places = append(r.places, located{artifact: artifact{resource: p.resource}, from: t.from, to: t.to, named: true})
	case p.resource.Type() == iam.ProjectType:
		p.project = p.resource.Project()
		fallthrough
	case p != place{}:
		r.settings = append(r.settings, fact{place: p, at: i})
	}
	return max(t.to, i)
}

func (r *reader) remark(k *remark, m *match) {
	last := len(r.drafts) - 1
	switch k.effect {
	case aboutLast:
		if last >= 0 {
			r.drafts[last].remark(m)
		}
	case callerBefore:
		p := readPrincipal(m.token(principalSlot).name())
		if !r.caller.IsZero() {
			p = r.caller
		}
		r.calledBy(p)
	case callerAfter:
		r.calledBy(iam.Principal{})
		r.caller = readPrincipal(m.token(principalSlot).name())
	case setting:
		f := fact{at: m.from, place: readPlace(m.token(resourceSlot).name())}
		if p := readProject(m.token(projectSlot).name()); !p.IsZero() {
			f.project = p
		}
		if w := workload(k.collection, m.token(workloadSlot).name()); w != "" {
			f.workload = w
		}
		f.location = region(m.token(locationSlot).name())
		r.settings = append(r.settings, f)
	case pushed:
		if a, ok := readArtifact(m.token(imageSlot).name()); ok {
			r.places = append(r.places, located{artifact: a, from: m.from, to: m.to, explicit: true})
		}
	}
}

// calledBy settles who made the calls that were denied since the last time.
func (r *reader) calledBy(p iam.Principal) {
	for i := r.answered; i < len(r.drafts); i++ {
		if d := &r.drafts[i]; d.Access.Principal.IsZero() && deployers[d.Kind] {
			d.Access.Principal = p
		}
	}
	r.answered = len(r.drafts)
}

// deployers are the kinds where the one who lacks the permission is the one
// who made the call.
var deployers = map[iam.Kind]bool{
	iam.ActAsAccount: true, iam.RunPermission: true, iam.OtherPermission: true, iam.CallerImage: true,
	iam.ArtifactDownload: true, iam.ArtifactUpload: true,
}
