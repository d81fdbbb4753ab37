package pullfix

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/rules"
)

// besides are the projects that pullfixCheck is bound on besides those that
// entries come from and that rules name, for the stories that need that.
var besides = map[string]string{
	// They hold the secret of a remote repository, or an upstream of a virtual one.
	"granted-remote":          "shared-secrets",
	"upstream-secret":         "shared-secrets",
	"upstream-secret-missing": "shared-secrets",
	"granted-virtual":         "base-images",
	"virtual-upstream":        "base-images",
	// They are in "from" of a rule, and an account says only their number.
	"granted-compute-default": "app-one",
	"granted-npm-download":    "app-one",
	"granted-upstream-secret": "shared-images",
	// No rule names anything.
	"default-policy": "shared-images",
}

// TestBoundNowhereElse plays these stories without that: they go another way.
func TestBoundNowhereElse(t *testing.T) {
	calls, _ := needs(t)
	all := stories(t)
	for name, project := range besides {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := playAs(t, &account{needs: calls, story: all[name]})
			if bytes.Equal(txtar.Format(got), txtar.Format(all[name])) {
				t.Errorf("the story goes as ever where pullfixCheck is not bound on %s", project)
			}
		})
	}
}

// bound reports whether the role for a call is bound on the resource, or on what
// holds it.
func (a *account) bound(method, on string) bool {
	service, verb, _ := strings.Cut(method, "/")
	switch {
	case service == "google.firestore.v1.Firestore" || service == "google.logging.v2.LoggingServiceV2":
		return strings.HasPrefix(on, "projects/ops/")
	case service == "google.cloud.resourcemanager.v3.Folders":
		return a.rules.Needs().Above
	case verb == "SetIamPolicy":
		return slices.ContainsFunc(a.names(on), func(name string) bool {
			resource, err := iam.ParseResource(name)
			return err == nil && slices.ContainsFunc(a.rules.Targets(), func(t rules.Target) bool { return t.Covers(resource) })
		})
	case verb == "AccessSecretVersion":
		return strings.Contains(section(a.story, "env")+section(a.story, "rules.yaml"), on)
	default:
		return slices.ContainsFunc(a.names(on), a.checked)
	}
}

var logName = regexp.MustCompile(`"logName": "projects/([^/]+)/`)

// checked reports whether the project of the resource is one that entries come
// from, or one that pullfix rules targets prints.
func (a *account) checked(name string) bool {
	project, _, _ := strings.Cut(strings.TrimPrefix(name, "projects/"), "/")
	for _, f := range a.story.Files {
		if at := logName.FindSubmatch(f.Data); at != nil && strings.HasPrefix(f.Name, "send ") && string(at[1]) == project {
			return true
		}
	}
	return project == besides[a.name] || slices.ContainsFunc(a.rules.Waits(), func(w rules.Wait) bool {
		named, err := path.Match(w.Project, project)
		return err == nil && named
	})
}

// names returns what a resource is called, by the id of its project and by the
// number.
func (a *account) names(on string) []string {
	all := []string{on}
	for i, p := range a.known {
		if rest, ok := strings.CutPrefix(on+"/", "projects/"+p.String()+"/"); ok {
			all = append(all, strings.TrimSuffix("projects/"+a.known[i^1].String()+"/"+rest, "/"))
		}
	}
	return all
}

// projectsOf returns the projects that there are, each by its id and then by its
// number.
func projectsOf(t *testing.T, story *txtar.Archive) (all []iam.Project) {
	t.Helper()
	var seed struct {
		Projects []struct{ ID, Number string }
	}
	if err := yaml.Unmarshal([]byte(section(story, "seed.yaml")), &seed); err != nil {
		t.Fatal(err)
	}
	for _, p := range seed.Projects {
		for _, name := range []string{p.ID, p.Number} {
			project, err := iam.ParseProject(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, project)
		}
	}
	return all
}
