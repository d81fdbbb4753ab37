package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const (
	accountSection = "## What its account needs"
	secretAccessor = "roles/secretmanager.secretAccessor"
)

var permissionWord = regexp.MustCompile("`([a-z]+\\.[a-zA-Z]+\\.[a-zA-Z]+)`")

// rolesOnPage returns the permissions of each role that the page says the
// account needs. A row without a role goes on with the one above it.
func rolesOnPage(t *testing.T) map[string][]string {
	t.Helper()
	roles, role, within := map[string][]string{}, "", false
	for _, s := range pageOf(t, "operations.md").lines {
		if strings.HasPrefix(s, "## ") {
			within = s == accountSection
		}
		cells := strings.Split(s, "|")
		if !within || len(cells) != 6 || strings.HasPrefix(s, "|---") {
			continue
		}
		if name, ok := strings.CutPrefix(strings.TrimSpace(cells[1]), "`"); ok {
			role = strings.TrimSuffix(name, "`")
		}
		for _, m := range permissionWord.FindAllStringSubmatch(cells[3], -1) {
			roles[role] = append(roles[role], m[1])
		}
	}
	return roles
}

// TestPermissionsOfTheAccount holds the page against the roles that are made.
func TestPermissionsOfTheAccount(t *testing.T) {
	onPage := rolesOnPage(t)
	files, err := filepath.Glob("../deploy/roles/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no roles: %v", err)
	}
	want := map[string][]string{secretAccessor: {"secretmanager.versions.access"}}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var role struct {
			Permissions []string `yaml:"includedPermissions"`
		}
		if err := yaml.Unmarshal(text, &role); err != nil {
			t.Fatal(err)
		}
		want[strings.TrimSuffix(filepath.Base(file), ".yaml")] = role.Permissions
	}
	for role, permissions := range want {
		got := slices.Sorted(slices.Values(onPage[role]))
		if slices.Sort(permissions); !slices.Equal(got, permissions) {
			t.Errorf("operations.md, %q: %s has\n%q\nwant those of the role:\n%q", accountSection, role, got, permissions)
		}
		delete(onPage, role)
	}
	if len(onPage) > 0 {
		t.Errorf("operations.md, %q: %s are no roles of deploy/roles", accountSection, fmt.Sprint(onPage))
	}
}
