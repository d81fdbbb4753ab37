package iam_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/iam"
)

var (
	goodResources = map[string]string{
		"projects/app-one":      "",
		"projects/123456789012": "",
		"projects/shared-images/locations/us-central1/repositories/apps":              "",
		"projects/shared-images/locations/us/repositories/gcr.io":                     "",
		"projects/example.com:shared/locations/us/repositories/gcr.io":                "",
		"projects/app-one/secrets/db-password":                                        "",
		"projects/app-one/secrets/DB_PASSWORD":                                        "",
		"projects/app-one/secrets/" + strings.Repeat("s", 255):                        "",
		"projects/app-one/locations/europe-west1/secrets/db":                          "",
		"projects/app-one/locations/us-central1/services/web":                         "",
		"projects/app-one/locations/us-central1/jobs/nightly":                         "",
		"projects/app-one/locations/us-central1/workerPools/queue":                    "",
		"projects/app-one/locations/us-central1/functions/my_function":                "",
		"projects/app-one/serviceAccounts/run@app-one.iam.gserviceaccount.com":        "",
		"//artifactregistry.googleapis.com/projects/p/locations/us/repositories/apps": "projects/p/locations/us/repositories/apps",
		"//secretmanager.googleapis.com/projects/p/secrets/s":                         "projects/p/secrets/s",
		"//cloudresourcemanager.googleapis.com/projects/123":                          "projects/123",
	}
	badResources = map[string]string{
		"nothing":                   "",
		"project alone":             "app-one",
		"collection alone":          "projects/",
		"leading slash":             "/projects/app-one",
		"final slash":               "projects/app-one/",
		"double slash":              "projects//secrets/s",
		"masked project":            "projects/***/secrets/s",
		"masked id":                 "projects/app-one/secrets/***",
		"placeholder project":       "projects/PROJECT_ID/secrets/s",
		"placeholder location":      "projects/p/locations/LOCATION/repositories/apps",
		"placeholder repository":    "projects/p/locations/us/repositories/REPOSITORY",
		"placeholder, brackets":     "projects/p/locations/us/repositories/[REPO]",
		"placeholder, variable":     "projects/p/locations/us/repositories/${repo}",
		"any location":              "projects/p/locations/-/repositories/apps",
		"pattern":                   "projects/p/locations/*/repositories/apps",
		"pattern at the end":        "projects/p/**",
		"no location":               "projects/p/repositories/apps",
		"location of another word":  "projects/p/regions/us/repositories/apps",
		"unknown collection":        "projects/p/locations/us/buckets/apps",
		"unknown global collection": "projects/p/topics/apps",
		"global service":            "projects/p/services/web",
		"folder":                    "folders/123",
		"organisation":              "organizations/123",
		"secret version":            "projects/p/secrets/s/versions/latest",
		"regional secret version":   "projects/p/locations/us/secrets/s/versions/1",
		"package in a repository":   "projects/p/locations/us/repositories/apps/packages/web",
		"seven segments":            "projects/p/locations/us/repositories/apps/packages",
		"many segments":             "projects/p" + strings.Repeat("/x", 1<<16),
		"user as account":           "projects/p/serviceAccounts/ann@example.com",
		"account by number":         "projects/p/serviceAccounts/1234567890",
		"any account":               "projects/-/serviceAccounts/run@p.iam.gserviceaccount.com",
		"location begins with 1":    "projects/p/locations/1us/repositories/apps",
		"location ends in hyphen":   "projects/p/locations/us-/repositories/apps",
		"service begins with 1":     "projects/p/locations/us/services/1web",
		"service ends in hyphen":    "projects/p/locations/us/services/web-",
		"dots up":                   "projects/p/locations/../repositories/apps",
		"repository of dots":        "projects/p/locations/us/repositories/..",
		"repository cut short":      "projects/p/locations/us/repositories/re...po",
		"repository ends in hyphen": "projects/p/locations/us/repositories/apps-",
		"repository begins with 1":  "projects/p/locations/us/repositories/1apps",
		"repository too long":       "projects/p/locations/us/repositories/" + strings.Repeat("r", 64),
		"secret too long":           "projects/p/secrets/" + strings.Repeat("s", 256),
		"location too long":         "projects/p/locations/" + strings.Repeat("l", 64) + "/repositories/apps",
		"service too long":          "projects/p/locations/us/services/" + strings.Repeat("s", 64),
		"service with a dot":        "projects/p/locations/us/services/web.one",
		"service in capitals":       "projects/p/locations/us/services/Web",
		"secret with a dot":         "projects/p/secrets/db.password",
		"space":                     "projects/p/secrets/db password",
		"newline at the end":        "projects/p/secrets/s\n",
		"full name: no host":        "///projects/p/secrets/s",
		"full name: other host":     "//evil.example.com/projects/p/secrets/s",
		"full name: lookalike":      "//secretmanager.googleapis.com.evil.io/projects/p/secrets/s",
		"full name: bare host":      "//googleapis.com/projects/p/secrets/s",
		"full name: command":        "//$(id).googleapis.com/projects/p/secrets/s",
		"full name: nothing":        "//secretmanager.googleapis.com",
		"full name twice":           "//secretmanager.googleapis.com//secretmanager.googleapis.com/projects/p",
		"address":                   "https://secretmanager.googleapis.com/v1/projects/p/secrets/s",
		"Cyrillic a":                "projects/p/secrets/db-p\u0430ss",
		"zero-width space":          "projects/p/locations/us/repositories/ap\u200bps",
		"oversized":                 "projects/p/secrets/" + strings.Repeat("s", 1<<20),
	}
)

func TestParseResource(t *testing.T) {
	accepts(t, iam.ParseResource, goodResources)
	refuses(t, iam.ParseResource, `resource `, `want a resource such as "projects/P/locations/`, badResources)
	refusesDamage(t, iam.ParseResource, "projects/shared-images/locations/us-central1/repositories/apps")
	refusesDamage(t, iam.ParseResource, "//secretmanager.googleapis.com/projects/app-one/secrets/db")
	refusesDamage(t, iam.ParseResource, "projects/app-one/serviceAccounts/run@app-one.iam.gserviceaccount.com")
	wantZero(t, iam.ParseResource)
}

func TestResourceParts(t *testing.T) {
	for _, c := range []struct {
		name                  string
		kind                  iam.ResourceType
		project, location, id string
	}{
		{"projects/app-one", iam.ProjectType, "app-one", "", "app-one"},
		{"projects/p/locations/us/repositories/gcr.io", iam.RepositoryType, "p", "us", "gcr.io"},
		{"projects/example.com:p/locations/us/repositories/apps", iam.RepositoryType, "example.com:p", "us", "apps"},
		{"projects/p/secrets/s", iam.SecretType, "p", "", "s"},
		{"projects/p/secrets/locations", iam.SecretType, "p", "", "locations"},
		{"projects/locations/secrets/s", iam.SecretType, "locations", "", "s"},
		{"projects/p/locations/us-east1/secrets/s", iam.SecretType, "p", "us-east1", "s"},
		{"projects/p/locations/us-east1/services/web", iam.ServiceType, "p", "us-east1", "web"},
		{"projects/p/locations/us-east1/jobs/j", iam.JobType, "p", "us-east1", "j"},
		{"projects/p/locations/us-east1/workerPools/w", iam.WorkerPoolType, "p", "us-east1", "w"},
		{"projects/p/locations/us-east1/functions/f", iam.FunctionType, "p", "us-east1", "f"},
		{"projects/p/serviceAccounts/a@p.iam.gserviceaccount.com", iam.ServiceAccountType, "p", "", "a@p.iam.gserviceaccount.com"},
	} {
		r := resource(t, c.name)
		if r.Type() != c.kind || r.Project().String() != c.project || r.Location() != c.location || r.ID() != c.id {
			t.Errorf("%s: type %d, project %q, location %q, id %q", r, r.Type(), r.Project(), r.Location(), r.ID())
		}
	}
	var zero iam.Resource
	if zero.Type() != iam.UnknownType || !zero.Project().IsZero() || zero.Location() != "" || zero.ID() != "" {
		t.Errorf("the unknown resource has type %d, project %q, location %q, id %q", zero.Type(), zero.Project(), zero.Location(), zero.ID())
	}
}

// A name put together from parts comes apart into the same parts.
func TestResourceComesApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := project(t, drawProject(t))
		location := rapid.StringMatching(`[a-z]([a-z0-9-]{0,20}[a-z0-9])?`).Draw(t, "location")
		id := rapid.StringMatching(`[a-z]([a-z0-9_-]{0,10}(\.[a-z0-9_-]{1,10})?[a-z0-9])?`).Draw(t, "id")
		s := "projects/" + p.String() + "/locations/" + location + "/repositories/" + id
		holds(t, iam.ParseResource, s)
		r := resource(t, s)
		if r.String() != s || r.Type() != iam.RepositoryType || r.Project() != p || r.Location() != location || r.ID() != id {
			t.Errorf("%q comes apart as %q, %q, %q", s, r.Project(), r.Location(), r.ID())
		}
		full := resource(t, "//artifactregistry.googleapis.com/"+s)
		if full != r {
			t.Errorf("full name of %q parses as %q", r, full)
		}
	})
}

func drawProject(t *rapid.T) string {
	id := rapid.StringMatching(`[a-z]([a-z0-9-]{0,20}[a-z0-9])?`)
	return rapid.OneOf(
		id,
		rapid.Map(id, func(id string) string { return "example.com:" + id }),
		rapid.StringMatching(`[1-9][0-9]{0,17}`),
	).Draw(t, "project")
}

func TestBindingSaysItself(t *testing.T) {
	b := iam.Binding{
		Resource: resource(t, "projects/p/secrets/s"),
		Role:     iam.SecretAccessor,
		Member:   principal(t, "user:ann@example.com"),
	}
	if got, want := b.String(), "roles/secretmanager.secretAccessor for user:ann@example.com on projects/p/secrets/s"; got != want {
		t.Errorf("binding prints as %q, want %q", got, want)
	}
}
