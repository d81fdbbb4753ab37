package emulator

import (
	"regexp"
	"sync"
)

// nameForm is the form of a full resource name.
type nameForm struct {
	want    string
	pattern func() *regexp.Regexp
}

// lazily compiles a pattern when it is first asked for: programs that link the
// package and do not run it must start fast.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

const (
	projectID    = `(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]*`
	projectPart  = `projects/(` + projectID + `)`
	locationPart = `/locations/([a-z][a-z0-9-]*)`
	idPart       = `([a-z](?:[a-z0-9-]*[a-z0-9])?)`
)

func newForm(want, pattern string) nameForm {
	return nameForm{want, lazily(`^(?:` + pattern + `)$`)}
}

var (
	idForm         = newForm(`a project id such as app-one`, projectID)
	numberForm     = newForm(`a project number`, `[1-9][0-9]{0,17}`)
	methodForm     = newForm(`the name of a gRPC method such as SetIamPolicy, or *`, `\*|[A-Z][A-Za-z]*`)
	roleForm       = nameForm{wantRole, rolePattern}
	memberForm     = nameForm{wantMember, memberPattern}
	emailForm      = newForm(`an e-mail address`, email)
	parentForm     = newForm(`folders/N or organizations/N`, `(folders|organizations)/[0-9]+`)
	folderForm     = newForm(`folders/N`, `folders/[0-9]+`)
	repositoryForm = newForm(`projects/P/locations/L/repositories/R`, projectPart+locationPart+`/repositories/([a-z](?:[a-z0-9._-]*[a-z0-9])?)`)
	secretForm     = newForm(`projects/P/secrets/S`, projectPart+`(?:`+locationPart+`)?/secrets/([A-Za-z0-9_-]{1,255})`)
	versionForm    = newForm(`projects/P/secrets/S/versions/V`, projectPart+`(?:`+locationPart+`)?/secrets/([A-Za-z0-9_-]{1,255})/versions/([a-z0-9_-]+)`)
	serviceForm    = newForm(`projects/P/locations/L/services/S`, projectPart+locationPart+`/services/`+idPart)
	jobForm        = newForm(`projects/P/locations/L/jobs/J`, projectPart+locationPart+`/jobs/`+idPart)
	workerPoolForm = newForm(`projects/P/locations/L/workerPools/W`, projectPart+locationPart+`/workerPools/`+idPart)
	pubsubForm     = newForm(`projects/P/topics/T or projects/P/subscriptions/S`, projectPart+`/(?:topics|subscriptions)/[^/]+`)
	accountForm    = newForm(`projects/P/serviceAccounts/EMAIL`, projectPart+`/serviceAccounts/(`+email+`)`)
	databaseForm   = newForm(`projects/P/databases/(default), or the id of another database`, databasePart)
	documentForm   = newForm(`projects/P/databases/(default)/documents/COLLECTION/ID, with pairs of collection and id below it`, documentPart)
	packageForm    = newForm(`a package such as team/api`, `\S+`)
	imageForm      = newForm(`NAME:TAG, NAME@sha256:… with 64 hex digits, or NAME:TAG@sha256:…`,
		`(`+imagePath+`)(?::([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?`)
)

const (
	databasePart = projectPart + `/databases/(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])`
	documentPart = databasePart + `/documents/([^/]+/[^/]+(?:/[^/]+/[^/]+)*)`
)

const imagePath = `[a-z0-9]+(?:[._/-]+[a-z0-9]+)*`

// parts returns what the form's groups hold.
func (f nameForm) parts(name string) ([]string, bool) {
	m := f.pattern().FindStringSubmatch(name)
	if m == nil {
		return nil, false
	}
	return m[1:], true
}
