package iam_test

import (
	"strings"
	"testing"

	"github.com/pullfix/pullfix/iam"
)

var (
	goodRoles = map[string]string{
		"roles/artifactregistry.reader":               "",
		"roles/Zz0":                                   "",
		"roles/owner":                                 "",
		"roles/secretmanager.secretAccessor":          "",
		"roles/run.sourceViewer2":                     "",
		"projects/app-one/roles/imageReader":          "",
		"projects/app-one/roles/image_reader.v2":      "",
		"projects/my-roles/roles/imageReader":         "",
		"projects/roles/roles/roles":                  "",
		"projects/example.com:app-one/roles/custom":   "",
		"organizations/123456789012/roles/custom":     "",
		"roles/" + strings.Repeat("r", 100):           "",
		"projects/123456789012/roles/customPullFixer": "",
	}
	badRoles = map[string]string{
		"nothing":                  "",
		"no collection":            "artifactregistry.reader",
		"no id":                    "roles/",
		"title":                    "Artifact Registry Reader",
		"masked":                   "roles/***",
		"placeholder, brackets":    "roles/<role>",
		"placeholder, variable":    "roles/$ROLE",
		"leading slash":            "/roles/owner",
		"collection glued":         "projects/app-oneroles/imageReader",
		"collection glued, number": "organizations/123roles/imageReader",
		"collection capitalised":   "Roles/owner",
		"no project":               "projects//roles/imageReader",
		"masked project":           "projects/***/roles/imageReader",
		"organisation by name":     "organizations/example.com/roles/custom",
		"of a folder":              "folders/123/roles/custom",
		"two slashes":              "projects/app-one//roles/custom",
		"two ids":                  "roles/owner/roles/editor",
		"leading dot":              "roles/.owner",
		"final dot":                "roles/artifactregistry.reader.",
		"final underscore":         "roles/custom_",
		"hyphen":                   "roles/artifactregistry-reader",
		"space":                    "roles/run invoker",
		"newline at the end":       "roles/run.invoker\n",
		"comma list":               "roles/run.invoker,roles/owner",
		"too long":                 "roles/" + strings.Repeat("r", 101),
		"Cyrillic o":               "roles/\u043ewner",
		"Kelvin sign for k":        "roles/iam.wor\u212aloadIdentityUser",
		"oversized":                "roles/" + strings.Repeat("r", 1<<20),
	}
)

func TestParseRole(t *testing.T) {
	accepts(t, iam.ParseRole, goodRoles)
	refuses(t, iam.ParseRole, `role `, `want a role such as "roles/artifactregistry.reader"`, badRoles)
	refusesDamage(t, iam.ParseRole, "roles/artifactregistry.reader")
	refusesDamage(t, iam.ParseRole, "projects/app-one/roles/imageReader")
	wantZero(t, iam.ParseRole)
}

var namedRoles = map[iam.Role]string{
	iam.ArtifactReader:     "roles/artifactregistry.reader",
	iam.ArtifactWriter:     "roles/artifactregistry.writer",
	iam.SecretAccessor:     "roles/secretmanager.secretAccessor",
	iam.RunInvoker:         "roles/run.invoker",
	iam.RunDeveloper:       "roles/run.developer",
	iam.RunAdmin:           "roles/run.admin",
	iam.ServiceAccountUser: "roles/iam.serviceAccountUser",
}

// A role that a person or a rule writes must equal the one in the code.
func TestNamedRolesParse(t *testing.T) {
	for r, text := range namedRoles {
		if got := role(t, text); got != r {
			t.Errorf("%q parses as %q, want %q", text, got, r)
		}
	}
}

func TestRoleContainedIn(t *testing.T) {
	for _, c := range []struct {
		role  iam.Role
		wider string
		want  bool
	}{
		{iam.ArtifactReader, "roles/artifactregistry.writer", true},
		{iam.ArtifactReader, "roles/artifactregistry.repoAdmin", true},
		{iam.ArtifactReader, "roles/artifactregistry.admin", true},
		{iam.ArtifactReader, "roles/artifactregistry.createOnPushWriter", true},
		{iam.ArtifactReader, "roles/artifactregistry.createOnPushRepoAdmin", true},
		{iam.ArtifactWriter, "roles/artifactregistry.repoAdmin", true},
		{iam.ArtifactWriter, "roles/artifactregistry.admin", true},
		{iam.ArtifactWriter, "roles/artifactregistry.createOnPushWriter", true},
		{iam.ArtifactWriter, "roles/artifactregistry.createOnPushRepoAdmin", true},
		{iam.SecretAccessor, "roles/secretmanager.admin", true},
		{iam.RunInvoker, "roles/run.admin", true},

		{iam.ArtifactWriter, "roles/artifactregistry.reader", false},
		{iam.ArtifactReader, "roles/artifactregistry.viewer", false},
		{iam.ArtifactReader, "roles/viewer", false},
		{iam.SecretAccessor, "roles/secretmanager.viewer", false},
		{iam.SecretAccessor, "roles/artifactregistry.admin", false},
		{iam.RunInvoker, "roles/run.developer", false},
		{iam.RunAdmin, "roles/run.invoker", false},
		{iam.ArtifactReader, "projects/app-one/roles/artifactregistry.admin", false},
	} {
		if got := c.role.ContainedIn(role(t, c.wider)); got != c.want {
			t.Errorf("%s contained in %s: %t, want %t", c.role, c.wider, got, c.want)
		}
	}
	for r := range namedRoles {
		if !r.ContainedIn(r) || r.ContainedIn(iam.Role{}) || (iam.Role{}).ContainedIn(r) {
			t.Errorf("%s: a role is contained in itself, and the unknown role in no other nor any in it", r)
		}
	}
}
