package rules

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestProblems reads every broken policy in testdata and compares what is said
// about it.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no broken policies in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Parse(filepath.Base(file), data)
			if err == nil || p != nil {
				t.Fatalf("got a policy, want problems")
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestParseWhole(t *testing.T) {
	p, err := Parse("rules.yaml", []byte(`
apiVersion: pullfix/v1
mode: enforce
limits: {grantsPerHour: 5, maxEventAge: 90m, repeatAlertsEvery: 1h}
allow:
  - name: all-sides
    reason: >
      a reason over
      two lines
    kinds: [run-image, artifact-download]
    from: [projects/app-*, "projects/123", "projects/example.com:web"]
    to: [projects/shared/locations/*/repositories/gcr.io, "projects/example.com:img/**"]
    members: [cloud-run-agent, "serviceAccount:b@p.iam.gserviceaccount.com"]
    roles: [roles/artifactregistry.reader]
    mode: observe
    unverified: allow
deny:
  - name: d
    to: ["**"]
    kinds: [act-as]
ignore:
  - name: i
    members: ["user:ann@example.com"]
tests:
  - name: one
    event: testdata/one.json
    expect: {verdict: grant, rule: all-sides}
`))
	if err != nil {
		t.Fatal(err)
	}
	if p.Rules() != 3 || p.Mode() != Enforce {
		t.Errorf("got %d rules, mode %s, want 3, enforce", p.Rules(), p.Mode())
	}
	want := Limits{GrantsPerHour: 5, MaxEventAge: 90 * time.Minute, RepeatAlertsEvery: time.Hour}
	if p.Limits() != want {
		t.Errorf("got limits %v, want %v", p.Limits(), want)
	}
}

func TestDefaults(t *testing.T) {
	p, err := Parse("rules.yaml", []byte("apiVersion: pullfix/v1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Mode() != Observe || p.Limits() != defaultLimits || p.Rules() != 0 {
		t.Errorf("got mode %s, limits %v, %d rules; want observe, %v, 0", p.Mode(), p.Limits(), p.Rules(), defaultLimits)
	}
}

func TestTooLarge(t *testing.T) {
	_, err := Parse("rules.yaml", make([]byte, largestFile+1))
	if err == nil || !strings.Contains(err.Error(), "rules.yaml:1:1: the file has 1048577 bytes: want at most 1048576") {
		t.Errorf("got %v", err)
	}
}
