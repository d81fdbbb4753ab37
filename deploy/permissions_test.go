package deploy

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// permissionTable says what each call of Google's clients needs, and what a
// custom role may hold.
type permissionTable struct {
	Calls []struct {
		Call       string `yaml:"call"`
		Method     string `yaml:"method"`
		Writes     string `yaml:"writes"`
		Permission string `yaml:"permission"`
		Role       string `yaml:"role"`
		Source     string `yaml:"source"`
	} `yaml:"calls"`
	Never []struct {
		Call   string `yaml:"call"`
		Method string `yaml:"method"`
	} `yaml:"never"`
	Free         []string `yaml:"free"`
	Project      []string `yaml:"project"`
	Organization []string `yaml:"organization"`
}

const permissionFile = "testdata/permissions.yaml"

func permissions(t *testing.T) permissionTable {
	t.Helper()
	text, err := os.ReadFile(permissionFile)
	if err != nil {
		t.Fatal(err)
	}
	var table permissionTable
	if err := yaml.UnmarshalWithOptions(text, &table, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return table
}

// calls returns every call that the table knows, once.
func (p permissionTable) calls(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	add := func(call string) {
		if known[call] {
			t.Errorf("%s: %s is there twice", permissionFile, call)
		}
		known[call] = true
	}
	for _, row := range p.Calls {
		add(row.Call)
	}
	for _, row := range p.Never {
		add(row.Call)
	}
	for _, call := range p.Free {
		add(call)
	}
	return known
}

// TestEveryCallHasARow holds the table against the source of the function.
func TestEveryCallHasARow(t *testing.T) {
	known, found := permissions(t).calls(t), googleCalls(t)
	for _, call := range slices.Sorted(maps.Keys(found)) {
		if !known[call] {
			t.Errorf("%s calls %s: say in %s which permission that needs, and put it into a role", found[call], call, permissionFile)
		}
	}
	for _, call := range slices.Sorted(maps.Keys(known)) {
		if _, ok := found[call]; !ok {
			t.Errorf("%s: nothing that the function does calls %s: take the row out, and the permission out of the role", permissionFile, call)
		}
	}
}

// TestRolesHoldWhatCallsNeed holds the custom roles against the table: they
// hold what the calls need, nothing else, and each permission once.
func TestRolesHoldWhatCallsNeed(t *testing.T) {
	needed, holder := map[string]string{}, map[string]string{}
	for _, row := range permissions(t).Calls {
		if row.Role == "" {
			needed[row.Permission] = row.Call
		}
	}
	for _, role := range Roles() {
		for _, permission := range role.Permissions {
			if other := holder[permission]; other != "" {
				t.Errorf("%s and %s both hold %s: one of them is enough", other, role.ID, permission)
			}
			holder[permission] = role.ID
			if needed[permission] == "" {
				t.Errorf("%s holds %s, which no call of the function needs: take it out", role.ID, permission)
			}
		}
	}
	for _, permission := range slices.Sorted(maps.Keys(needed)) {
		if holder[permission] == "" {
			t.Errorf("no role holds %s, which %s needs", permission, needed[permission])
		}
	}
}

// TestSecretsAreReadOneByOne: a custom role would give access to all secrets of
// the project in which it is bound.
func TestSecretsAreReadOneByOne(t *testing.T) {
	for _, row := range permissions(t).Calls {
		if (row.Permission == "secretmanager.versions.access") != (row.Role == "roles/secretmanager.secretAccessor") {
			t.Errorf("%s needs %s: want that of roles/secretmanager.secretAccessor alone, and nothing else of it", row.Call, row.Permission)
		}
	}
}

func TestRolesCanBeMade(t *testing.T) {
	table := permissions(t)
	for _, role := range Roles() {
		if role.Stage != "GA" || role.Title == "" || role.Description == "" || len(role.Permissions) == 0 {
			t.Errorf("%s: want a title, a description, the stage GA and permissions", role.ID)
		}
		if len(role.Title) > 100 || len(role.Description) > 300 { // https://cloud.google.com/iam/docs/creating-custom-roles
			t.Errorf("%s: want a title of at most 100 characters, and a description of at most 300", role.ID)
		}
		if !slices.IsSorted(role.Permissions) {
			t.Errorf("%s: want the permissions in order, got %q", role.ID, role.Permissions)
		}
		may, where := table.Project, "a project"
		if role.ID == RoleFolders {
			may, where = table.Organization, "an organisation"
		}
		for _, permission := range role.Permissions {
			if !slices.Contains(may, permission) {
				t.Errorf("%s holds %s, which %s does not say that a custom role of %s may hold", role.ID, permission, permissionFile, where)
			}
		}
	}
}

var rowForms = map[string]*regexp.Regexp{
	"permission": regexp.MustCompile(`^[a-z]+\.[a-zA-Z]+\.[a-zA-Z]+$`),
	"method":     regexp.MustCompile(`^google\.[a-z.]+v[0-9]+\.[A-Za-z0-9]+/[A-Za-z]+$`),
	"source":     regexp.MustCompile(`^https://cloud\.google\.com/[a-zA-Z0-9/.-]+$`),
}

func TestRowsNameTheirSource(t *testing.T) {
	for _, row := range permissions(t).Calls {
		for what, text := range map[string]string{"permission": row.Permission, "method": row.Method, "source": row.Source} {
			if !rowForms[what].MatchString(text) {
				t.Errorf("%s: %s: the %s is %q, want %s", permissionFile, row.Call, what, text, rowForms[what])
			}
		}
		generated := strings.Contains(row.Call, "/apiv")
		if verb := row.Method[strings.LastIndexByte(row.Method, '/')+1:]; generated && !strings.HasSuffix(row.Call, "."+verb) {
			t.Errorf("%s: %s does not call %s: generated clients have the names of the methods", permissionFile, row.Call, row.Method)
		}
	}
}
