package parse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// denials reads what went wrong: the sentences of the entry, and the fields
// that say which permission was denied. Users write parts of everything else.
func (e *entry) denials() []draft {
	if e.proto == absent {
		return e.plain()
	}
	failed := e.failed()
	refused := e.refused(failed)
	if !failed && len(refused) == 0 {
		return nil
	}
	var drafts []draft
	room := mostTold
	for _, s := range e.statements() {
		found, told := s.read(room)
		if room -= told; room <= 0 {
			e.partial = true
		}
		drafts = append(drafts, found...)
	}
	if drafts = unique(drafts); len(drafts) == 0 && e.perimeter() {
		drafts = []draft{{Finding: Finding{Kind: iam.VPCServiceControls, Message: cut(e.message, longestMessage)}}}
	}
	if drafts = unite(drafts, refused); len(drafts) == 0 {
		drafts = e.byCode()
	}
	if len(drafts) == 0 && e.partial {
		e.fail(e.proto, "status", "says more than an entry of Google's does, and tells of no denial at its beginning")
	}
	e.specs = e.findSpecs()
	agents := named(drafts)
	for i := range drafts {
		drafts[i].agents = agents
		e.complete(&drafts[i])
	}
	contradict(drafts)
	return unique(drafts)
}

// failed reports whether the entry is one of a failure. Cloud Run writes a
// message for a success too, but no code. Where neither is written the
// conditions decide, except for a call of a user's: one that succeeds may
// return what was wrong with the service before.
func (e *entry) failed() bool {
	switch {
	case e.code != "" && e.code != "0", strings.Contains(e.message, "False"):
		return true
	case e.message != "" || auditLog(e.Log) && !e.systemEvent():
		return false
	default:
		return len(e.statements()) > 1
	}
}

// plain reads an entry that is no audit log.
func (e *entry) plain() []draft {
	s := e.string(e.top, "textPayload")
	if m := e.member(e.top, "jsonPayload"); s == "" && m != absent {
		s = e.text[e.nodes[m].val.from:e.nodes[m].val.to]
	}
	drafts, told := someSentences(clean(e.bounded(s, longestText)), mostTold)
	e.partial = e.partial || told >= mostTold
	for i := range drafts {
		d := &drafts[i]
		if d.Kind == iam.RunImage {
			d.ownAgent()
		}
		e.situate(d)
		e.whole(d)
	}
	return drafts
}

// whole doubts a finding in an entry that is not read to its end.
func (e *entry) whole(d *draft) {
	if e.partial {
		d.doubt(CauseIncomplete, "the entry says more than one of Google's does, and was not read to its end")
	}
}

// Codes of google.rpc.Code that say what went wrong.
const (
	codeUnknown         = "2"
	codeNotFound        = "5"
	codeDenied          = "7"
	codeExhausted       = "8"
	codeUnauthenticated = "16"
)

var codeWords = map[string]string{
	"OK": "0", "UNKNOWN": codeUnknown, "NOT_FOUND": codeNotFound, "PERMISSION_DENIED": codeDenied,
	"RESOURCE_EXHAUSTED": codeExhausted, "UNAUTHENTICATED": codeUnauthenticated,
}

// denied reports whether the status is one of a denial.
func (e *entry) denied() bool {
	return e.code == codeDenied || e.code == codeUnknown && strings.Contains(strings.ToLower(e.message), "permission denied")
}

// refused reads the permissions that authorizationInfo and ErrorInfo say were
// denied. In a denied call a permission without "granted" is one that was not
// granted: JSON leaves false out.
func (e *entry) refused(failed bool) []draft {
	var all []draft
	denied := e.denied()
	for n := range e.children(e.list(e.proto, "authorizationInfo")) {
		if len(all) >= mostTold {
			break
		}
		granted := e.loose(n, "granted")
		if granted != "false" && (granted != "" || !denied) {
			continue
		}
		name := e.string(n, "resource")
		if name == "" {
			name = e.string(e.object(n, "resourceAttributes"), "name")
		}
		d := refusal(e.string(n, "permission"), name)
		if !failed {
			d.doubt(CauseIncomplete, "the entry does not say that the call failed")
		}
		all = append(all, d)
	}
	for n := range e.children(e.list(e.object(e.proto, "status"), "details")) {
		if len(all) >= mostTold {
			break
		}
		if meta := e.object(n, "metadata"); denied && e.string(n, "reason") == "IAM_PERMISSION_DENIED" {
			all = append(all, refusal(e.string(meta, "permission"), e.string(meta, "resource")))
		}
	}
	e.partial = e.partial || len(all) >= mostTold
	all = unique(slices.DeleteFunc(all, func(d draft) bool { return d.Access.Permission.IsZero() }))
	if len(all) > mostRefused {
		all, e.partial = all[:mostRefused], true
	}
	return all
}

func refusal(permission, name string) draft {
	d := draft{fields: true, led: true}
	d.Access.Permission = readPermission(permission)
	d.Kind = kindOf(d.Access.Permission)
	d.Access.Resource = readPlace(name).resource
	return d
}

// unite joins what the sentences and what the fields say. Where a sentence
// gives a reason other than a missing role, the fields only tell what was
// refused for it.
func unite(said, refused []draft) []draft {
	for _, f := range refused {
		known := false
		for i := range said {
			d := &said[i]
			if otherReason(d.Kind) && d.Access.Permission.IsZero() {
				d.Access, known = f.Access, true
			} else if d.Access.Permission == f.Access.Permission && d.Kind == f.Kind {
				d.confirm(&f)
				d.fields, known = true, true
			}
		}
		if !known {
			said = append(said, f)
		}
	}
	return said
}

// otherReason reports whether something else than a missing role is why a call
// was refused.
func otherReason(k iam.Kind) bool {
	switch k {
	case iam.Unauthenticated, iam.NotFound, iam.VPCServiceControls, iam.DenyPolicy, iam.OrgPolicy, iam.DownloadRule,
		iam.Quota, iam.Billing, iam.APIDisabled, iam.BinaryAuthorization:
		return true
	default:
		return false
	}
}

// contradict doubts that a role is lacking where the same message gives a
// reason that no role mends.
func contradict(drafts []draft) {
	i := slices.IndexFunc(drafts, func(d draft) bool { return otherReason(d.Kind) })
	if i < 0 {
		return
	}
	for j := range drafts {
		if d := &drafts[j]; d.Kind == iam.RunImage || d.Kind == iam.CallerImage {
			d.doubt(CauseDisagrees, fmt.Sprintf("the same message gives another reason: %s", drafts[i].Kind))
		}
	}
}

// byCode reads the status code where nothing else says what went wrong.
func (e *entry) byCode() []draft {
	kinds := map[string]iam.Kind{
		codeNotFound: iam.NotFound, codeDenied: iam.OtherPermission, codeExhausted: iam.Quota, codeUnauthenticated: iam.Unauthenticated,
	}
	k, ok := kinds[e.code]
	if !ok {
		return nil
	}
	return []draft{{Finding: Finding{Kind: k, Message: cut(e.message, longestMessage)}}}
}

// perimeter reports whether the metadata says that VPC Service Controls
// refused the call
// (https://cloud.google.com/vpc-service-controls/docs/audit-logging).
func (e *entry) perimeter() bool {
	meta := e.object(e.proto, "metadata")
	if strings.HasSuffix(e.loose(meta, "@type"), "VpcServiceControlAuditMetadata") {
		return e.loose(meta, "dryRun") != "true"
	}
	for n := range e.children(e.list(e.object(e.proto, "status"), "details")) {
		for v := range e.children(e.list(n, "violations")) {
			if e.loose(v, "type") == "VPC_SERVICE_CONTROLS" {
				return true
			}
		}
	}
	return false
}

// complete adds who, where and which deploy, from the fields of the entry.
func (e *entry) complete(d *draft) {
	if e.conflict != "" {
		d.doubt(CauseDisagrees, e.conflict)
	}
	if e.byRun() {
		e.deployment(d)
	} else {
		e.call(d)
	}
	e.whole(d)
	d.check()
	d.settle()
}

// services are those that alone can say that a permission of theirs is
// lacking.
var services = map[iam.Kind]string{
	iam.ArtifactDownload: "artifactregistry.googleapis.com", iam.ArtifactUpload: "artifactregistry.googleapis.com",
	iam.SecretAccess: "secretmanager.googleapis.com", iam.UpstreamSecret: "secretmanager.googleapis.com",
	iam.RunImage: "run.googleapis.com", iam.CallerImage: "run.googleapis.com", iam.Invoker: "run.googleapis.com",
}

// resourceTypes says on what the permissions of a kind are needed.
var resourceTypes = map[iam.Kind]iam.ResourceType{
	iam.ArtifactDownload: iam.RepositoryType, iam.ArtifactUpload: iam.RepositoryType, iam.RunImage: iam.RepositoryType,
	iam.CallerImage: iam.RepositoryType, iam.SecretAccess: iam.SecretType, iam.UpstreamSecret: iam.SecretType,
	iam.Invoker: iam.ServiceType,
}

// call completes the denial of a call to any service but Cloud Run: its caller
// lacks the permission.
func (e *entry) call(d *draft) {
	d.Project = iam.Project{}
	s, mendable := services[d.Kind]
	if !mendable {
		e.other(d)
		return
	}
	d.Access.Principal = e.Caller
	if s != e.service {
		d.doubt(CauseDisagrees, fmt.Sprintf("the entry is of service %q, not of %q", e.service, s))
	}
	if t := d.Access.Resource.Type(); !d.Access.Resource.IsZero() && t != resourceTypes[d.Kind] {
		d.doubt(CauseDisagrees, fmt.Sprintf("%q is not what the permission is needed on", d.Access.Resource))
	}
	if !d.fields {
		d.doubt(CauseIncomplete, "no field of the entry names the permission that the sentence names")
	}
	if d.Kind == iam.ArtifactDownload || d.Kind == iam.ArtifactUpload {
		e.artifact(d)
	}
}

// other completes a failure that no grant mends. Registries and secrets are
// used from anywhere: only other services fail in the deploying project.
func (e *entry) other(d *draft) {
	e.called(d)
	switch e.service {
	case services[iam.ArtifactDownload]:
		if d.Access.Resource.IsZero() && e.named.Type() == iam.RepositoryType {
			d.Access.Resource = e.named
		}
		if d.Image.IsZero() {
			d.Image = e.requested(d.Access.Resource)
		}
	case services[iam.SecretAccess]:
	default:
		d.Project = e.project
	}
}

// called notes that the caller was refused. Only a sentence about another
// permission may name somebody else: "denied on" an account of a trigger.
func (e *entry) called(d *draft) {
	if d.Kind != iam.OtherPermission || d.Access.Principal.IsZero() {
		d.Access.Principal = e.Caller
	}
}

// artifact completes a denial by Artifact Registry, which logs it in the
// project of the repository.
func (e *entry) artifact(d *draft) {
	r := d.Access.Resource
	if own := r.Project(); r.Type() == iam.RepositoryType && !own.IsNumber() && !e.project.IsNumber() && own != e.project {
		d.doubt(CauseSpoof, fmt.Sprintf("the entry is in the log of project %q, and Google logs an access to %q in the project that holds it: the entry may be forged", e.project, r))
	}
	if e.named.Type() == iam.RepositoryType && e.named != r {
		d.doubt(CauseDisagrees, fmt.Sprintf("the entry names %q and %q", e.named, r))
	}
	if d.Image.IsZero() {
		d.Image = e.requested(r)
	}
	if d.Kind == iam.ArtifactDownload && e.Caller.In(iam.CloudRunAgents) {
		d.Kind = iam.RunImage
		d.Number, _ = e.Caller.ProjectNumber()
		d.Project = d.Number
	}
}

// longestAddress is longer than one of a registry that names an image.
const longestAddress = 4 << 10

// requested returns the image that a request to the registry asked for.
func (e *entry) requested(r iam.Resource) iam.Image {
	address := e.address.get(func() string { return e.loose(e.object(e.proto, "request"), "requestUrl") })
	path, ok := strings.CutPrefix(address, "/v2/")
	if !ok || len(address) > longestAddress || r.Type() != iam.RepositoryType {
		return iam.Image{}
	}
	for _, host := range []string{r.Location() + "-docker.pkg.dev", r.ID()} {
		if a, ok := readDistribution(host, path, ""); ok && a.resource == r {
			return a.image
		}
	}
	return iam.Image{}
}
