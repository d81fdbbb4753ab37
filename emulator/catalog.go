package emulator

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/pullfix/pullfix/emulator/admin"
)

// created is when everything in a seed came to be.
var created = timestamppb.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))

// catalog is what exists: what the seed has, which does not change, and what
// callers make.
type catalog struct {
	projects     map[string]*project // by id and by number
	parents      map[string]string   // folders and organizations, with their own parent or ""
	repositories map[string]*repository
	missing      map[string]bool
	made         *admin.Server
}

type project struct {
	id     string
	number int64
	parent string
}

func newCatalog(seed *Seed) *catalog {
	c := &catalog{
		projects: map[string]*project{}, parents: map[string]string{}, repositories: map[string]*repository{},
		missing: map[string]bool{},
	}
	for _, p := range seed.projects {
		c.projects[p.id], c.projects[strconv.FormatInt(p.number, 10)] = p, p
		c.addParent(p.parent)
	}
	for _, f := range seed.folders {
		c.addParent(f.parent)
		c.parents[f.name] = f.parent
	}
	for _, r := range seed.repositories {
		c.repositories[r.name] = r
	}
	for _, member := range seed.missing {
		c.missing[member] = true
	}
	return c
}

// addParent lets a parent exist by being named.
func (c *catalog) addParent(name string) {
	if _, known := c.parents[name]; !known && name != "" {
		c.parents[name] = ""
	}
}

// canonical replaces a project number by its id, and finds the project of a
// service account, also for its keys.
func (c *catalog) canonical(name string) string {
	if !strings.HasPrefix(name, "projects/") {
		return name
	}
	id, rest, nested := strings.Cut(strings.TrimPrefix(name, "projects/"), "/")
	if p, ok := c.projects[id]; ok {
		id = p.id
	}
	if mail, ok := strings.CutPrefix(rest, "serviceAccounts/"); ok {
		mail, _, _ = strings.Cut(mail, "/")
		if home := c.homeOf(mail); home != "" {
			id = home
		}
	}
	if !nested {
		return "projects/" + id
	}
	return "projects/" + id + "/" + rest
}

var (
	userAccount    = newForm("", `[^@]+@([a-z][a-z0-9-]*)(?:\.([a-z0-9.-]+))?\.iam\.gserviceaccount\.com`)
	defaultAccount = newForm("", `([0-9]+)-compute@developer\.gserviceaccount\.com`)
	engineAccount  = newForm("", `([a-z][a-z0-9-]*)@appspot\.gserviceaccount\.com`)
)

// homeOf is the project that a service account belongs to, "" if its e-mail
// does not say.
func (c *catalog) homeOf(mail string) string {
	if parts, ok := userAccount.parts(mail); ok {
		if domain := parts[1]; domain != "" {
			return domain + ":" + parts[0]
		}
		return parts[0]
	}
	if parts, ok := engineAccount.parts(mail); ok {
		return parts[0]
	}
	if parts, ok := defaultAccount.parts(mail); ok && c.projects[parts[0]] != nil {
		return c.projects[parts[0]].id
	}
	return ""
}

func notFound(format string, args ...any) error {
	return status.Errorf(codes.NotFound, format, args...)
}

// page cuts one page out of the items; a token is the index of the next one.
func page[T any](items []T, size int32, token string) ([]T, string, error) {
	start := 0
	if token != "" {
		n, err := strconv.Atoi(token)
		if err != nil || n < 0 || n > len(items) {
			return nil, "", invalid("The page token %q is not one that was handed out.", token)
		}
		start = n
	}
	if size < 0 {
		return nil, "", invalid("The page size %d is negative.", size)
	}
	items = items[start:]
	if size == 0 || int(size) >= len(items) {
		return items, "", nil
	}
	return items[:size], strconv.Itoa(start + int(size)), nil
}
