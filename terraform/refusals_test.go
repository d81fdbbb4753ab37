package terraform

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refusals are inputs that are wrong, and what Terraform has to say of them.
var refusals = []struct{ name, input, want string }{
	{"project", `project = "Ops"`, `project "Ops": want the id of a project`},
	{"scoped_project", `project = "example.com:ops"`, `project "example.com:ops": want the id of a project`},
	{"region", `region = "us"`, `region "us": want a region such as "us-central1"`},
	{"no_source", `sources = []`, `sources: want at least one`},
	{"source", `sources = ["app-one"]`, `sources ["app-one"]: want each as "projects/ID", "folders/NUMBER" or "organizations/NUMBER"`},
	{"folder_alone", `sources = ["folders/222"]`, `sources ["folders/222"]: want organization too`},
	{"other_organization", "sources = [\"organizations/5\"]\norganization = \"6\"", `sources ["organizations/5"]: want no organization but the one in organization`},
	{"organization", `organization = "organizations/6"`, `organization "organizations/6": want its number alone`},
	{"no_rules", `rules = "tests/policies/none.yaml"`, `rules "tests/policies/none.yaml": there is no such file`},
	{"not_rules", `rules = "../go.mod"`, `want YAML with apiVersion: pullfix/v1`},
	{"resource", "rules = \"tests/policies/exact.yaml\"\nresources = [\"projects/p/secrets/s\"]", `resources ["projects/p/secrets/s"]: no pattern of a rule that enforces covers them`},
	{"resource_of_an_observing_policy", "rules = \"tests/policies/observing.yaml\"\nresources = [\"projects/app-one/secrets/db-password\"]", `no pattern of a rule that enforces covers them`},
	{"folders_of_rules", `rules = "tests/policies/open.yaml"`, `rules: they name folders or organizations: want organization too`},
	{"number_of_a_project", `rules = "tests/policies/numbered.yaml"`, `rules: they name a project by its number: want its id, or organization`},
	{"retention", `retention_days = 0`, `retention_days 0: want a whole number of days from 1 to 3650`},
	{"instances", `max_instances = 0`, `max_instances 0: want a whole number from 1 to 100`},
	{"concurrency", `concurrency = 81`, `concurrency 81: want a whole number from 1 to 80`},
	{"smtp_password", `smtp = { server = "smtp://ann:secret@mail.example.com", from = "a@example.com", to = ["b@example.com"] }`, `smtp: want the server as "smtp://USER@HOST:587", without the password`},
	{"smtp_to", `smtp = { server = "smtp://mail.example.com", from = "a@example.com", to = [] }`, `smtp: want one address as from, and at least one in to`},
	{"otel_name", `otel = { PULLFIX_MODE = "observe" }`, `otel ["PULLFIX_MODE"]: want variables of OpenTelemetry`},
	{"otel_headers", `otel = { OTEL_EXPORTER_OTLP_HEADERS = "key=secret" }`, `want variables of OpenTelemetry, and none of headers`},
	{"otel_value", `otel = { OTEL_EXPORTER_OTLP_ENDPOINT = "http://ann:secret@collector:4318" }`, `otel: want values without a user or a password`},
	{"deployer", `deployer = "ci"`, `deployer "ci": want an e-mail address`},
	{"constraint", "organization = \"6\"\norg_policies = { p = { pullfixNever = \"on\" } }", `org_policies: want the constraints pullfixNever and pullfixGrants`},
	{"constraint_alone", `org_policies = { p = { pullfixNever = "enforce" } }`, `org_policies: want organization too`},
}

// testRefusals plans with each of the refusals.
func testRefusals(t *testing.T, w workspace) {
	folder := filepath.Join(w.top, "terraform", "refusals")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, r := range refusals {
		inputs := map[string]string{"project": `project = "ops"`, "sources": `sources = ["projects/app-one"]`}
		for line := range strings.Lines(r.input) {
			name, _, _ := strings.Cut(line, " ")
			inputs[name] = line
		}
		var lines []string
		for _, line := range inputs {
			lines = append(lines, line)
		}
		text := fmt.Sprintf("mock_provider \"google\" {}\nmock_provider \"archive\" {}\nvariables {\n%s\n}\nrun \"refused\" {\ncommand = plan\n}\n", strings.Join(lines, "\n"))
		if err := os.WriteFile(filepath.Join(folder, r.name+".tftest.hcl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := w.try(t, "terraform", "test", "-test-directory=refusals")
	if err == nil {
		t.Errorf("nothing is refused:\n%s", out)
	}
	said := map[string]string{}
	for part := range strings.SplitSeq("\n"+out, "\nrefusals"+string(filepath.Separator)) {
		name, text, found := strings.Cut(part, ".tftest.hcl... in progress")
		if found {
			said[name] = strings.Join(strings.Fields(text), " ")
		}
	}
	for _, r := range refusals {
		if !strings.Contains(said[r.name], r.want) {
			t.Errorf("%s: Terraform does not say %q, but\n%s", r.input, r.want, said[r.name])
		}
	}
}
