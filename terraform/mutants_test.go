package terraform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testMutants holds that the stand-in refuses what the real provider refuses:
// each change of the module must be an error, and of its own.
func testMutants(t *testing.T, w workspace) {
	for _, m := range []struct{ name, file, from, to, want string }{
		{"no such resource", "entries.tf", `resource "google_pubsub_topic" "entries"`, `resource "google_pubsub_topics" "entries"`, "Invalid resource type"},
		{"no such attribute", "function.tf", "max_instance_count ", "max_instances ", "Unsupported argument"},
		{"no such block", "entries.tf", "  dead_letter_policy {", "  dead_letters_policy {", "Unsupported block type"},
		{"a required attribute is missing", "record.tf", "  location_id = var.region\n", "", "Missing required argument"},
		{"a required block is missing", "channels.tf", "  replication {\n    auto {}\n  }\n", "", "Insufficient replication blocks"},
		{"another type", "function.tf", "= 120\n", "= [120]\n", "Incorrect attribute value type"},
		{"no such value", "function.tf", `"ALLOW_INTERNAL_ONLY"`, `"INTERNAL_ONLY"`, `"INTERNAL_ONLY" is none of`},
		{"what only the provider fills", "entries.tf", `  name    = "pullfix"`, "  name    = \"pullfix\"\n  effective_labels = {}", "Value for unconfigurable attribute"},
		{"an attribute that nothing has is read", "entries.tf", "service_config[0].uri", "service_config[0].url", "Unsupported attribute"},
	} {
		t.Run(m.name, func(t *testing.T) {
			file := filepath.Join(w.top, "terraform", m.file)
			text := read(t, file)
			if !strings.Contains(text, m.from) {
				t.Fatalf("%s has no %q", m.file, m.from)
			}
			if err := os.WriteFile(file, []byte(strings.Replace(text, m.from, m.to, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := w.try(t, "terraform", "validate")
			if err == nil || !strings.Contains(strings.Join(strings.Fields(out), " "), m.want) {
				t.Errorf("validate: %v, want an error that says %q:\n%s", err, m.want, out)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}
