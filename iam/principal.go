package iam

import "strings"

// Principal is a member of an allow policy: a service account or service
// agent, a user, a group, a domain, or a federated identity
// (https://cloud.google.com/iam/docs/principal-identifiers).
type Principal struct{ member string }

const wantPrincipal = `a member such as "serviceAccount:build@app-one.iam.gserviceaccount.com" or "user:ann@example.com"`

const (
	prefixServiceAccount = "serviceAccount:"
	prefixUser           = "user:"
	prefixGroup          = "group:"
	prefixDomain         = "domain:"
	prefixFederated      = "principal://iam.googleapis.com/"
	prefixFederatedSet   = "principalSet://iam.googleapis.com/"
)

// ParsePrincipal reads a member in the form that allow policies use. E-mail
// addresses of users and groups are folded to lower case, as Google compares
// them. Service accounts must be written in lower case, as Google writes them,
// so that a placeholder such as "PROJECT-ID" is not taken for a name.
func ParsePrincipal(s string) (Principal, error) {
	prefix, rest := splitMember(s)
	ok := false
	switch prefix {
	case prefixServiceAccount:
		ok = isServiceAccountEmail(rest)
	case prefixUser, prefixGroup:
		rest = foldCase(rest)
		ok = isEmail(rest)
	case prefixDomain:
		rest = foldCase(rest)
		ok = isDomain(rest)
	case prefixFederated, prefixFederatedSet:
		ok = isFederated(rest)
	}
	if !ok {
		return Principal{}, malformed("principal", s, wantPrincipal)
	}
	return Principal{prefix + rest}, nil
}

// ParseEmail reads the e-mail address of a caller as audit logs write it
// (AuthenticationInfo.principal_email): a service account where it ends in
// gserviceaccount.com, else a user.
func ParseEmail(email string) (Principal, error) {
	if strings.HasSuffix(strings.ToLower(email), ".gserviceaccount.com") {
		return ParsePrincipal(prefixServiceAccount + email)
	}
	return ParsePrincipal(prefixUser + email)
}

// CloudRunAgent returns the Cloud Run service agent of the project with this
// number, the account that pulls images for services, jobs, worker pools and
// functions (https://cloud.google.com/iam/docs/service-agents). It is unknown
// when the project is not named by its number.
func CloudRunAgent(number Project) Principal { return serviceAgent(number, domainCloudRun) }

// ArtifactRegistryAgent returns the Artifact Registry service agent of the
// project with this number, the account that reads upstream credentials of
// remote repositories. It is unknown when the project is not named by its
// number.
func ArtifactRegistryAgent(number Project) Principal {
	return serviceAgent(number, domainArtifactRegistry)
}

const (
	domainCloudRun         = "serverless-robot-prod.iam.gserviceaccount.com"
	domainArtifactRegistry = "gcp-sa-artifactregistry.iam.gserviceaccount.com"
	domainCloudBuildAgent  = "gcp-sa-cloudbuild.iam.gserviceaccount.com"
	domainCloudBuild       = "cloudbuild.gserviceaccount.com"
	domainCloudServices    = "cloudservices.gserviceaccount.com"
	domainDefaults         = "developer.gserviceaccount.com"
	domainAppEngine        = "appspot.gserviceaccount.com"
	domainUser             = ".iam.gserviceaccount.com" // after the project
)

// agentProjects are the projects of Google's that hold "service-NUMBER@…"
// accounts, besides those that begin with "gcp-sa-"
// (https://cloud.google.com/iam/docs/service-agents).
var agentProjects = map[string]struct{}{
	"compute-system": {}, "container-engine-robot": {}, "containerregistry": {}, "gae-api-prod": {},
	"gcf-admin-robot": {}, "serverless-robot-prod": {},
}

func isAgentDomain(domain string) bool {
	project, ok := strings.CutSuffix(domain, domainUser)
	if _, listed := agentProjects[project]; listed {
		return ok
	}
	return ok && strings.HasPrefix(project, "gcp-sa-") && !strings.Contains(project, ".")
}

func serviceAgent(number Project, domain string) Principal {
	if !number.IsNumber() {
		return Principal{}
	}
	return Principal{prefixServiceAccount + "service-" + number.name + "@" + domain}
}

// String returns the member, or "" for an unknown principal.
func (p Principal) String() string { return p.member }

// IsZero reports whether the principal is unknown.
func (p Principal) IsZero() bool { return p.member == "" }

// IsServiceAccount reports whether the principal is a service account or a
// service agent.
func (p Principal) IsServiceAccount() bool { return strings.HasPrefix(p.member, prefixServiceAccount) }

// Email returns the e-mail address of a service account, user or group, or ""
// where there is none.
func (p Principal) Email() string {
	switch prefix, rest := splitMember(p.member); prefix {
	case prefixServiceAccount, prefixUser, prefixGroup:
		return rest
	default:
		return ""
	}
}

// ProjectNumber returns the number of the project whose service agent or
// default account this is. Only accounts that Google creates count: anyone may
// name their own account "service-1@attacker.iam.gserviceaccount.com".
func (p Principal) ProjectNumber() (Project, bool) {
	if !p.IsServiceAccount() {
		return Project{}, false
	}
	name, domain, _ := strings.Cut(p.Email(), "@")
	number, ok := "", false
	switch domain {
	case domainCloudBuild, domainCloudServices:
		number, ok = name, true
	case domainDefaults:
		number, ok = strings.CutSuffix(name, "-compute")
	default:
		number, ok = strings.CutPrefix(name, "service-")
		ok = ok && isAgentDomain(domain)
	}
	if !ok || !isNumber(number) {
		return Project{}, false
	}
	return Project{number}, true
}

// Home returns the project that a service account or service agent belongs to,
// by the id or the number that its address carries. It is unknown for everybody
// else, and for an address that carries neither
// (https://cloud.google.com/iam/docs/service-account-types).
func (p Principal) Home() Project {
	if number, ok := p.ProjectNumber(); ok || !p.IsServiceAccount() {
		return number
	}
	name, domain, _ := strings.Cut(p.Email(), "@")
	id := name
	if domain != domainAppEngine {
		var user bool
		if id, user = strings.CutSuffix(domain, domainUser); !user || isAgentDomain(domain) {
			return Project{}
		}
		if project, scope, scoped := strings.Cut(id, "."); scoped {
			id = scope + ":" + project
		}
	}
	home, err := ParseProject(id)
	if err != nil || home.IsNumber() {
		return Project{}
	}
	return home
}

// MarshalText returns the member.
func (p Principal) MarshalText() ([]byte, error) { return []byte(p.member), nil }

// UnmarshalText reads what MarshalText wrote; "" is an unknown principal.
func (p *Principal) UnmarshalText(text []byte) error { return unmarshal(p, text, ParsePrincipal) }

// splitMember cuts a member after its prefix; the prefix is "" for a form that
// is not known.
func splitMember(s string) (prefix, rest string) {
	for _, prefix := range []string{
		prefixServiceAccount, prefixUser, prefixGroup, prefixDomain, prefixFederated, prefixFederatedSet,
	} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			return prefix, rest
		}
	}
	return "", s
}

// isServiceAccountEmail accepts every form of
// https://cloud.google.com/iam/docs/service-account-types.
func isServiceAccountEmail(s string) bool {
	name, domain, ok := strings.Cut(s, "@")
	return ok && strings.HasSuffix(domain, ".gserviceaccount.com") && isDomain(domain) &&
		span(name, 100, alnum, func(c byte) bool { return dashed(c) || c == '.' }, alnum)
}

func isEmail(s string) bool {
	name, domain, ok := strings.Cut(s, "@")
	return ok && isDomain(domain) && len(name) > 0 && len(name) <= 64 && every(name, mailboxByte)
}

// mailboxByte leaves out the characters of RFC 5321 that mean something to a
// shell or to HCL: commands are printed for people to paste.
func mailboxByte(c byte) bool { return dotted(c) || c == '+' || c == '%' }

// isFederated accepts the identities of a workload or workforce identity pool:
// one subject, a group, an attribute's value, or "*" for the whole pool.
func isFederated(s string) bool {
	pool, ok := strings.CutPrefix(s, "locations/global/workforcePools/")
	if !ok {
		var number string
		number, pool, ok = strings.Cut(strings.TrimPrefix(s, "projects/"), "/locations/global/workloadIdentityPools/")
		ok = ok && strings.HasPrefix(s, "projects/") && isNumber(number)
	}
	pool, who, cut := strings.Cut(pool, "/")
	return ok && cut && span(pool, 63, alnum, poolByte, alnum) &&
		(who == "*" || len(who) > 0 && len(who) <= 1024 && every(who, federatedByte))
}

// poolByte allows the pools of GKE, such as "example.com:app-one.svc.id.goog".
func poolByte(c byte) bool { return dashed(c) || c == '.' || c == ':' }

func federatedByte(c byte) bool {
	return wordByte(c) || strings.IndexByte("/-_.:@%", c) >= 0
}
