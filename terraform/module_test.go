package terraform

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryInputIsChecked holds that no input but a plain switch or list of
// names is taken as it comes.
func TestEveryInputIsChecked(t *testing.T) {
	unchecked := map[string]bool{ // true and false, and what Google Cloud or the policy knows
		"create_database": true, "lock_record": true, "slack": true, "notification_channels": true, "resources": true,
	}
	for _, b := range blocks(t, "variables.tf", read(t, "variables.tf")) {
		checked := false
		for _, inner := range b.Body.Blocks {
			checked = checked || inner.Type == "validation"
		}
		if checked == unchecked[b.Labels[0]] {
			t.Errorf("%s: checked is %t, want %t", b.Labels[0], checked, !checked)
		}
	}
}

// TestNothingGrantsAbove holds that what lets pullfix change a policy is bound on
// single resources: not on a project, a folder or an organization.
func TestNothingGrantsAbove(t *testing.T) {
	files, err := filepath.Glob("*.tf")
	if err != nil {
		t.Fatal(err)
	}
	single := 0
	for _, f := range files {
		text := read(t, f)
		for _, b := range blocks(t, f, text) {
			if b.Type != "resource" || !strings.Contains(b.Labels[0], "_iam_") || strings.Contains(b.Labels[0], "custom_role") {
				continue
			}
			grants := strings.Contains(strings.ToLower(string(b.Body.Range().SliceBytes([]byte(text)))), "grant")
			wide := slices.Contains([]string{"google_project_iam_member", "google_folder_iam_member", "google_organization_iam_member"}, b.Labels[0])
			switch {
			case grants && wide:
				t.Errorf("%s: %s %s grants on all that is in it", f, b.Labels[0], b.Labels[1])
			case grants:
				single++
			}
		}
	}
	if single != 5 {
		t.Errorf("%d resources grant on single ones, want those of 5 types", single)
	}
}

// TestDocumentsAreCarriedWhole holds that no key of an alert policy or a metric
// gets lost on its way into the words of the provider.
func TestDocumentsAreCarriedWhole(t *testing.T) {
	for pattern, module := range map[string]string{"../deploy/monitoring/*.json": "alerts.tf", "../deploy/metrics/*.json": "watch.tf"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: none: %v", pattern, err)
		}
		carried := read(t, module)
		for _, f := range files {
			for _, key := range keysOf(t, read(t, f)) {
				if !strings.Contains(carried, key) {
					t.Errorf("%s: %s is nowhere in %s", f, key, module)
				}
			}
		}
	}
}

func keysOf(t *testing.T, text string) []string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	var keys []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, inner := range v {
				keys = append(keys, key)
				if key != "userLabels" && key != "labelExtractors" {
					walk(inner)
				}
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(value)
	if len(keys) == 0 {
		t.Fatalf("no keys in %q", text)
	}
	return keys
}
