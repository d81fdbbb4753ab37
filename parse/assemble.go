package parse

import (
	"cmp"
	"fmt"
	"sort"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// mostFacts bounds how many facts about the deploy, or addresses, are looked at
// for one denial.
const mostFacts = 16

// Distances within which two things that a text says belong together, in
// bytes.
const (
	nearby     = 400
	inOneBlock = 2000
)

// finish puts together what the text says in several places.
func (r *reader) finish() []draft {
	r.calledBy(r.caller)
	r.join()
	kept := r.drafts[:0]
	for i := range r.drafts {
		d := r.drafts[i]
		r.locate(&d, i)
		r.deploy(&d)
		if !d.stands() {
			continue
		}
		d.check()
		d.Message = sentence(r.s, d.from, d.to)
		d.settle()
		kept = append(kept, d)
	}
	return unique(kept)
}

// join merges a denial with the ones beside it that say the same.
func (r *reader) join() {
	var kept []draft
	for _, d := range r.drafts {
		if n := len(kept); n > 0 {
			if r.absorbs(&kept[n-1], &d) {
				continue
			}
			if r.absorbs(&d, &kept[n-1]) {
				kept[n-1] = d
				continue
			}
		}
		kept = append(kept, d)
	}
	r.drafts = kept
}

// absorbs reports whether the other denial adds only details to d, and takes
// them.
func (r *reader) absorbs(d, other *draft) bool {
	from := min(d.to, other.to)
	to := max(from, d.from, other.from)
	switch {
	case d.to <= other.from && d.causedBy(r.s[from:to], other):
		if refused := other.Access.Resource; !refused.IsZero() && refused != d.Access.Resource {
			d.doubt(CauseDisagrees, fmt.Sprintf("the registry refused %q, the image is in %q", refused, d.Access.Resource))
		}
	case d.weak && !other.weak, to-from > nearby:
		return false
	case other.fields && !d.fields && d.Access.Permission == other.Access.Permission:
		d.confirm(other)
	case other.weak:
		if !r.oneStatement(from, to) || d.weak && strings.Contains(r.s[from:to], "\n") {
			return false
		}
		d.detail(other)
	case d.Kind == iam.Unauthenticated && d.to <= other.from && d.Access.Permission == other.Access.Permission:
	default:
		return false
	}
	d.to = max(d.to, other.to)
	return true
}

// detail takes what a denial beside this one, which says little, tells.
func (d *draft) detail(weak *draft) {
	if d.Access.Principal.IsZero() {
		d.Access.Principal = weak.Access.Principal
	}
	if d.Project.IsZero() {
		d.Project = weak.Project
	}
	d.Written = d.Written.or(weak.Written)
}

// causedBy reports whether the other denial is what Cloud Run appends to its
// own sentence: the answer of the registry.
func (d *draft) causedBy(between string, other *draft) bool {
	if d.Kind != iam.RunImage && d.Kind != iam.CallerImage || !other.weak && other.Kind != iam.ArtifactDownload {
		return false
	}
	d.answer = d.answer || strings.Contains(between, "Cause")
	return d.answer
}

// confirm takes the resource from the fields of an error.
func (d *draft) confirm(fields *draft) {
	r := fields.Access.Resource
	if r.IsZero() {
		return
	}
	if own := d.Access.Resource; d.Doubt == "" && !own.IsZero() && !sameResource(own, r) {
		d.doubt(CauseDisagrees, fmt.Sprintf("the sentence names %q, the fields of the error %q", own, r))
	}
	d.Access.Resource, d.fields, d.where = r, true, true
}

// sameResource reports whether two names may be of one resource, as where one
// has the project's id and the other its number.
func sameResource(a, b iam.Resource) bool {
	return a == b || belowProject(a) == belowProject(b) && a.Project().IsNumber() != b.Project().IsNumber()
}

// artifactKinds are the kinds that an address of a registry tells more about.
var artifactKinds = map[iam.Kind]bool{
	iam.ArtifactDownload: true, iam.ArtifactUpload: true, iam.Unauthenticated: true, iam.NotFound: true,
	iam.APIDisabled: true, iam.VPCServiceControls: true, iam.DownloadRule: true,
}

// locate finds the repository and the image that were refused.
func (r *reader) locate(d *draft, i int) {
	if !d.weak && !artifactKinds[d.Kind] {
		return
	}
	p := r.place(d, i)
	if p == nil {
		return
	}
	if !d.where {
		d.Access.Resource = p.resource
	}
	if d.Image.IsZero() {
		d.Image = p.image
		d.Written.Image = cmp.Or(d.Written.Image, p.written)
	}
	if d.weak && p.written == "" && !p.named {
		r.tellKind(d, p)
	}
}

// place returns the place that the denial is about: the last one before it, or
// one that follows on the line.
func (r *reader) place(d *draft, i int) *located {
	before, after := 0, len(r.s)
	if i > 0 {
		before = r.drafts[i-1].to
	}
	if i+1 < len(r.drafts) {
		after = r.drafts[i+1].from
	}
	var best *located
	next := sort.Search(len(r.places), func(k int) bool { return r.places[k].to > d.to })
	for k := next - 1; k >= 0; k-- {
		p := &r.places[k]
		if p.from < before || p.to < d.from-inOneBlock {
			break
		}
		if p.fits(d) && r.belongs(p, d) && (best == nil || p.refines(best)) {
			best = p
		}
	}
	if best != nil {
		return best
	}
	if next < len(r.places) {
		p := &r.places[next]
		if d.to <= p.from && p.from < min(after, d.to+nearby) && r.oneStatement(d.to, p.from) && p.fits(d) {
			return p
		}
	}
	return nil
}

// refines reports whether the place names the image of the other one, and its
// tag or digest, or is a reference where the other one is an address.
func (p *located) refines(other *located) bool {
	if p.written != "" && other.written != "" {
		return other.address && !p.address
	}
	return samePath(p.image, other.image) && exact(p.image) && !exact(other.image)
}

// fits reports whether the place is in the repository that the denial names.
func (p *located) fits(d *draft) bool {
	known := d.Access.Resource
	if known.IsZero() {
		return !p.resource.Project().GoogleOwned() || d.weak
	}
	return known == p.resource
}

// belongs reports whether the place stands in the same statement as the
// denial after it, and not in an echoed command or a step's own image.
func (r *reader) belongs(p *located, d *draft) bool {
	line := r.s[lineStart(r.s, p.from):p.from]
	for _, sign := range []string{"$ ", "+ ", "Already have image", "Pulling image", "Starting Step"} {
		if strings.HasPrefix(line, sign) {
			return false
		}
	}
	return p.explicit || !d.Access.Resource.IsZero() || d.from-p.to <= nearby && r.oneStatement(p.to, d.from)
}

// oneStatement reports whether no line break between two places ends a
// statement.
func (r *reader) oneStatement(from, to int) bool {
	for k := from; k < to; k++ {
		if r.s[k] == '\n' && !r.continues(k) {
			return false
		}
	}
	return true
}

// continues reports whether the statement goes on after the line break at k:
// the line above is left open, or the one below begins as no statement does.
func (r *reader) continues(k int) bool {
	if r.open(k) {
		return true
	}
	if k == 0 || r.s[k-1] == '\n' || k+1 == len(r.s) {
		return false
	}
	next := r.s[k+1]
	return 'a' <= next && next <= 'z' || digit(next) || strings.IndexByte("\"'(", next) >= 0
}

// open reports whether the line that ends at k ends with a mark that something
// must follow, or was wrapped because the next word did not fit: it would make
// the line longer than the longest one, or one of the two is too long for most.
func (r *reader) open(k int) bool {
	line := strings.TrimRight(r.s[lineStart(r.s, k):k], " ")
	next := r.s[k+1:]
	if line == "" || next == "" || next[0] == '\n' {
		return false
	}
	word := strings.IndexAny(next[:min(len(next), longestSlot)], " \n")
	last := line[len(line)-1]
	return strings.IndexByte(":,-", last) >= 0 || r.width >= narrowest && len(line)+1+word > r.width ||
		last != '.' && (word >= narrowest || len(line) >= narrowest && strings.IndexByte(line, ' ') < 0)
}

// lineStart returns where the line that i lies in begins, or a place far
// enough before i.
func lineStart(s string, i int) int {
	far := max(0, i-inOneBlock)
	return far + strings.LastIndexByte(s[far:i], '\n') + 1
}

// deploy adds what the text tells about the deploy: for each detail the last
// fact before the denial, else the first one after it.
func (r *reader) deploy(d *draft) {
	next := sort.Search(len(r.settings), func(k int) bool { return r.settings[k].at >= d.from })
	for k := next - 1; k >= max(0, next-mostFacts); k-- {
		d.learn(&r.settings[k])
	}
	for k := next; k < min(len(r.settings), next+mostFacts); k++ {
		d.learn(&r.settings[k])
	}
	if d.Project.IsZero() && d.Kind == iam.RunPermission {
		d.Project = d.Access.Resource.Project()
	}
	if id := d.Access.Resource.ID(); (d.Project.IsZero() || d.Project.IsNumber()) && (id == "cloud-run-source-deploy" || id == "gcf-artifacts") {
		d.Project = d.Access.Resource.Project()
	}
}

func (d *draft) learn(f *fact) {
	if d.Project.IsZero() && !elsewhere[d.Kind] {
		d.Project = f.project
	}
	if d.Workload == "" {
		d.Workload = f.workload
	}
	if d.Location == "" {
		d.Location = f.location
	}
	if t := f.resource.Type(); d.weak && d.Kind == iam.OtherPermission && f.at < d.from && d.from-f.at < nearby &&
		(t == iam.ServiceType || t == iam.JobType || t == iam.WorkerPoolType) {
		d.Kind = iam.RunPermission
	}
}

// elsewhere are the kinds that happen outside the deploying project too, so
// that a project near them need not be that.
var elsewhere = map[iam.Kind]bool{
	iam.ArtifactDownload: true, iam.ArtifactUpload: true, iam.SecretAccess: true, iam.UpstreamSecret: true,
}

// tellKind says what an address was refused for.
func (r *reader) tellKind(d *draft, p *located) {
	if d.Kind != iam.OtherPermission {
		return
	}
	d.Kind = iam.ArtifactDownload
	if r.uploads(d.from, d.to) {
		d.Kind = iam.ArtifactUpload
	}
	for k := len(r.places) - 1; k >= max(0, len(r.places)-mostFacts); k-- {
		if q := &r.places[k]; q.resource == p.resource && (q.push || r.uploads(q.from, q.to)) {
			d.Kind = iam.ArtifactUpload
		}
	}
}

// uploads reports whether the line around two places, with those that it was
// wrapped from, speaks of writing.
func (r *reader) uploads(from, to int) bool {
	begin := max(lineStart(r.s, from), from-nearby)
	for begin > max(0, from-nearby) && r.open(begin-1) {
		begin = max(lineStart(r.s, begin-1), from-nearby)
	}
	end := to
	for end < min(len(r.s), to+nearby) && (r.s[end] != '\n' || r.open(end)) {
		end++
	}
	line := strings.Join(strings.Fields(strings.ToLower(r.s[begin:end])), " ")
	for _, sign := range []string{"upload", "push", "publish", "put http", "put \"http", "put 'http", "deploy artifact", "deploy-file"} {
		if strings.Contains(line, sign) {
			return true
		}
	}
	return false
}

// stands reports whether a denial that says little says enough.
func (d *draft) stands() bool {
	return !d.weak || d.Kind != iam.OtherPermission || !d.Access.Principal.IsZero()
}

// check records why the names cannot be trusted.
func (d *draft) check() {
	if d.Kind == iam.SecretAccess && d.Access.Principal.In(iam.ArtifactRegistryAgents) {
		d.Kind = iam.UpstreamSecret
	}
	if p := d.Access.Resource.Project(); p.GoogleOwned() {
		d.doubt(CauseGoogleOwned, fmt.Sprintf("Google owns project %q", p))
	}
	if d.unreadable {
		d.doubt(CauseMasked, "a name in the text is masked, cut off or a placeholder")
	}
	r := d.Access.Resource
	mailbox, domain, _ := strings.Cut(d.Access.Principal.Email(), "@")
	home, _ := strings.CutSuffix(domain, ".iam"+accountDomain)
	for _, name := range []string{r.Project().String(), r.Location(), r.ID(), mailbox, home} {
		if standsFor(name) {
			d.doubt(CauseMasked, fmt.Sprintf("%q is a placeholder", name))
		}
	}
	if p := d.Access.Resource.Project(); d.Kind == iam.RunImage && !d.source.IsZero() && !p.IsZero() && d.source != p {
		d.doubt(CauseDisagrees, fmt.Sprintf("the sentence says that project %q holds the image %q", d.source, d.Image))
	}
}
