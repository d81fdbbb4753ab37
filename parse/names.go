package parse

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pullfix/pullfix/iam"
)

// name returns the text of a token that stands for itself, or "".
func (t token) name() string {
	if t.damaged {
		return ""
	}
	return t.text
}

// readPermission reads a permission, also in the form of deny policies,
// "iam.googleapis.com/roles.get".
func readPermission(s string) iam.Permission {
	p, err := iam.ParsePermission(strings.Replace(s, ".googleapis.com/", ".", 1))
	if err != nil {
		return iam.Permission{}
	}
	return p
}

func readProject(s string) iam.Project {
	p, err := iam.ParseProject(s)
	if err != nil {
		return iam.Project{}
	}
	return p
}

func readImage(s string) iam.Image {
	i, err := iam.ParseImage(s)
	if err != nil {
		return iam.Image{}
	}
	return i
}

const accountDomain = ".gserviceaccount.com"

// readPrincipal reads an e-mail address, with or without the prefix of a
// member. What may be the beginning of a service account's address is not
// taken for a user's.
func readPrincipal(s string) iam.Principal {
	s = strings.Trim(s, "<>")
	for _, prefix := range []string{"mailto:", "serviceAccount:", "user:"} {
		s = strings.TrimPrefix(s, prefix)
	}
	p, err := iam.ParseEmail(s)
	if err != nil || hidden(p.Email()) || !p.IsServiceAccount() && cutAccount(p.Email()) {
		return iam.Principal{}
	}
	return p
}

func cutAccount(email string) bool {
	if strings.Contains(email, ".gserviceaccount") {
		return true
	}
	for n := 2; n < len(accountDomain); n++ {
		if strings.HasSuffix(email, accountDomain[:n]) || strings.HasSuffix(email, ".iam") {
			return true
		}
	}
	return false
}

// hidden reports whether the mailbox is masked with text that reads as a name.
func hidden(email string) bool {
	mailbox, _, _ := strings.Cut(strings.ToLower(email), "@")
	return mailbox == "redacted" || mailbox == "masked" || strings.Trim(mailbox, "x") == ""
}

// readAgent reads the address of a Cloud Run service agent.
func readAgent(s string) iam.Principal {
	if p := readPrincipal(s); p.In(iam.CloudRunAgents) {
		return p
	}
	return iam.Principal{}
}

// place is a resource as messages write it, and what else the name tells.
type place struct {
	resource iam.Resource
	project  iam.Project
	workload string
}

// readPlace reads a resource name: a relative or full one, with what is below
// a repository or secret cut off, or one in a Cloud Run namespace.
func readPlace(s string) place {
	if full, ok := strings.CutPrefix(s, "//"); ok {
		_, s, _ = strings.Cut(full, "/")
	}
	if i := strings.Index(s, "googleapis.com/projects/"); i >= 0 {
		s = s[i+len("googleapis.com/"):]
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "v1/"), "v2/")
	seg := strings.Split(s, "/")
	if slices.ContainsFunc(seg, func(s string) bool { return s == "" || s == "." || s == ".." }) {
		return place{}
	}
	if len(seg) >= 4 && seg[0] == "namespaces" {
		return place{project: readProject(seg[1]), workload: workload(seg[2], seg[3])}
	}
	if len(seg) > 6 && seg[2] == "locations" {
		seg = seg[:6]
	} else if len(seg) > 4 && (seg[2] == "secrets" || seg[2] == "serviceAccounts") {
		seg = seg[:4]
	}
	r, err := iam.ParseResource(strings.Join(seg, "/"))
	if err != nil {
		return place{}
	}
	p := place{resource: r}
	switch r.Type() {
	case iam.ServiceType, iam.JobType, iam.WorkerPoolType, iam.FunctionType:
		p.project, p.workload = r.Project(), workload(seg[4], r.ID())
	}
	return p
}

// workloads says in words what the collections of Cloud Run hold.
var workloads = map[string]string{
	"services": "service", "revisions": "revision", "jobs": "job", "executions": "execution",
	"workerpools": "worker pool", "functions": "function", "configurations": "service", "routes": "service",
}

// workload returns a workload in words, or "" where the name is none that
// Cloud Run allows.
func workload(collection, name string) string {
	word := workloads[strings.ToLower(collection)]
	if word == "" || name == "" || len(name) > 63 {
		return ""
	}
	for i := range len(name) {
		if !wordByte(name[i]) && name[i] != '-' && name[i] != '_' {
			return ""
		}
	}
	return word + " " + name
}

// region returns the name of a region or multi-region, or "".
func region(s string) string {
	for i := range len(s) {
		if s[i] != '-' && !digit(s[i]) && (s[i] < 'a' || s[i] > 'z') {
			return ""
		}
	}
	if len(s) > 63 {
		return ""
	}
	return s
}

// account returns the resource of the service account with the e-mail
// address, where that says which project holds the account.
func account(email string) iam.Resource {
	p := readPrincipal(email)
	name, domain, _ := strings.Cut(p.Email(), "@")
	id, ok := strings.CutSuffix(domain, ".iam"+accountDomain)
	switch number, numbered := p.ProjectNumber(); {
	case !p.IsServiceAccount():
		return iam.Resource{}
	case ok && strings.Contains(id, "."):
		scoped, scope, _ := strings.Cut(id, ".")
		id = scope + ":" + scoped
	case !ok && numbered:
		id = number.String()
	case domain == "appspot"+accountDomain:
		id = name
	}
	r, err := iam.ParseResource("projects/" + id + "/serviceAccounts/" + p.Email())
	if err != nil {
		return iam.Resource{}
	}
	return r
}

// filled reports whether anything stands in the slot.
func (t token) filled() bool { return t.text != "" || t.damaged }

// placeholders are what documentation writes where a project belongs.
var placeholders = map[string]bool{
	"project": true, "project-id": true, "project-name": true, "projectid": true, "your-project": true,
	"your-project-id": true, "your-project-name": true, "my-project": true, "my-project-id": true, "gcp-project": true,
	"gcp-project-id": true, "redacted": true, "masked": true, "example": true,
	"location": true, "region": true, "secret_name": true, "secret-name": true, "repository": true, "repo-name": true,
}

// standsFor reports whether a name that is well-formed stands for another.
func standsFor(name string) bool {
	name = strings.ToLower(name)
	return placeholders[name] || strings.HasPrefix(name, "your-") || name != "" && strings.Trim(name, "x-") == ""
}

// spoiled reports whether a resource name holds what no name holds: masks,
// variables, brackets, or a project that is none. Names of resources that are
// not of our types are whole all the same.
func spoiled(name string) bool {
	if strings.ContainsAny(name, "*<>${}[]()%|,\\ ") || strings.Contains(name, "..") {
		return true
	}
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return true
		}
	}
	_, rest, ok := strings.Cut("/"+name, "/projects/")
	id, _, _ := strings.Cut(rest, "/")
	return ok && readProject(id).IsZero()
}
