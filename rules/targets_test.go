package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/iam"
)

func targetsOf(p *Policy) []string {
	var all []string
	for _, t := range p.Targets() {
		all = append(all, t.String())
	}
	return all
}

func TestTargets(t *testing.T) {
	allowOf := func(kinds, to string, more ...string) string {
		return header + "allow:\n  - {name: a, kinds: [" + kinds + "], from: [projects/app-*], to: [" + to + "], members: [service-account]" + strings.Join(more, "") + "}\n"
	}
	const apps = "projects/p/locations/us/repositories/apps"
	for _, test := range []struct {
		name, policy string
		want         []string
	}{
		{"one repository", allowOf("run-image", apps), []string{apps}},
		{"several kinds, one right", allowOf("run-image, artifact-download, caller-image", apps), []string{apps}},
		{"a star stays", allowOf("run-image", "projects/p/locations/*/repositories/team-*"), []string{"projects/p/locations/*/repositories/team-*"}},
		{"everything of a project", allowOf("run-image, secret-access", "projects/p/**"), []string{"projects/p/locations/*/repositories/*", "projects/p/secrets/*"}},
		{"everything in a location", allowOf("run-image, secret-access", "projects/p/locations/us/**"), []string{"projects/p/locations/us/repositories/*"}},
		{"below a repository", allowOf("run-image", apps+"/**"), []string{apps}},
		{"a project by its number", allowOf("run-image", "projects/12/locations/us/repositories/apps"), []string{"projects/12/locations/us/repositories/apps"}},
		{"a project alone", allowOf("run-image", "projects/p"), nil},
		{"of another type", allowOf("run-image", "projects/p/secrets/s"), nil},
		{"regional secrets", allowOf("secret-access", "projects/p/locations/us/secrets/s"), nil},
		{"what is invoked", allowOf("invoker", "projects/p/locations/us/**"), []string{
			"projects/p/locations/us/services/*", "projects/p/locations/us/jobs/*", "projects/p/locations/us/workerPools/*",
		}},
		{"an upload without its role", allowOf("artifact-upload", apps), nil},
		{"an upload with its role", allowOf("artifact-upload", apps, ", roles: [roles/artifactregistry.writer]"), []string{apps}},
		{"a role that no kind needs", allowOf("run-image", apps, ", roles: [roles/run.invoker]"), nil},
		{"a rule that observes", allowOf("run-image", apps, ", mode: observe"), nil},
		{"a policy that observes", strings.Replace(allowOf("run-image", apps), "enforce", "observe", 1), nil},
		{"denied wholly", allowOf("run-image", "projects/p/secrets/s, "+apps) + "deny: [{name: d, to: [projects/p/locations/us/**]}]\n", nil},
		{"denied to some", allowOf("run-image", apps) + "deny: [{name: d, to: [projects/p/**], from: [projects/app-one]}]\n", []string{apps}},
		{"denied in part", allowOf("run-image", "projects/p/locations/*/repositories/apps") + "deny: [{name: d, to: [" + apps + "]}]\n", []string{"projects/p/locations/*/repositories/apps"}},
		{"ignored", header + "ignore: [{name: i, to: [" + apps + "]}]\n", nil},
		{"by two rules, in order", allowOf("run-image", "projects/z/locations/us/repositories/r, "+apps) +
			"  - {name: b, kinds: [caller-image], from: [projects/b], to: [" + apps + "], members: [service-account]}\n", []string{apps, "projects/z/locations/us/repositories/r"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := must(Parse("f", []byte(test.policy)))
			if diff := cmp.Diff(test.want, targetsOf(p)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestTargetCovers(t *testing.T) {
	p := must(Parse("f", []byte(header+strings.ReplaceAll(allowApps, "locations/*/repositories/apps", "**"))))
	target := p.Targets()[0]
	for name, want := range map[string]bool{
		"projects/shared/locations/us/repositories/apps": true,
		"projects/other/locations/us/repositories/apps":  false,
		"projects/shared/secrets/s":                      false,
		"projects/shared/locations/us/services/web":      false,
	} {
		if got := target.Covers(must(iam.ParseResource(name))); got != want {
			t.Errorf("%s covers %s: got %t, want %t", target, name, got, want)
		}
	}
	if target.Exact() {
		t.Errorf("%s is said to be one resource", target)
	}
}

// Nothing can be granted on what is no target: whoever gives pullfix rights on
// its targets has forgotten nothing.
func TestGrantsAreOnTargets(t *testing.T) {
	granted := 0
	rapid.Check(t, func(t *rapid.T) {
		specs := []spec{drawSpec(t, 0)}
		for n := range 8 {
			specs = append(specs, drawSpecOf(t, n+1, "allow"))
		}
		p, q := compiled(t, "enforce", specs), drawGranted(t)
		d := p.Decide(q)
		fits := slices.ContainsFunc(targetTypes, func(of targetType) bool {
			return of.on == q.To.Type() && of.role == q.Role && slices.Contains(of.kinds, q.Kind) && len(of.form) == 1+strings.Count(q.To.String(), "/")
		})
		if d.Verdict != Grant || d.Mode != Enforce || !fits {
			return
		}
		granted++
		if !slices.ContainsFunc(p.Targets(), func(t Target) bool { return t.Covers(q.To) || t.Covers(q.To.Of(q.ToNumber)) }) {
			t.Fatalf("%s is granted by %q, and is none of %q", q.To, d.Rule(), targetsOf(p))
		}
	})
	if granted == 0 {
		t.Error("no request was granted")
	}
}
