package iam_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/iam"
)

// Every target starts from the names that parse and those that do not, and
// checks what holds is about.

func FuzzProject(f *testing.F) {
	fuzz(f, iam.ParseProject, goodProjects, badProjects)
}

func FuzzPrincipal(f *testing.F) {
	fuzz(f, iam.ParsePrincipal, goodPrincipals, badPrincipals)
}

func FuzzPermission(f *testing.F) {
	fuzz(f, iam.ParsePermission, goodPermissions, badPermissions)
}

func FuzzRole(f *testing.F) {
	fuzz(f, iam.ParseRole, goodRoles, badRoles)
}

func FuzzResource(f *testing.F) {
	seed(f, goodResources, badResources)
	f.Fuzz(func(t *testing.T, s string) {
		holds(t, iam.ParseResource, s)
		r, err := iam.ParseResource(s)
		if err != nil {
			return
		}
		if r.Type() == iam.UnknownType || r.ID() == "" {
			t.Errorf("%q has type %d and id %q", r, r.Type(), r.ID())
		}
		holds(t, iam.ParseProject, r.Project().String())
	})
}

func FuzzImage(f *testing.F) {
	seed(f, goodImages, badImages)
	f.Fuzz(func(t *testing.T, s string) {
		holds(t, iam.ParseImage, s)
		img, err := iam.ParseImage(s)
		if err != nil {
			return
		}
		if img.String() != s {
			t.Errorf("%q prints as %q", s, img)
		}
		if img.Repository().IsZero() != (img.Package() == "") {
			t.Errorf("%q has repository %q but package %q", s, img.Repository(), img.Package())
		}
		if !img.Repository().IsZero() {
			holds(t, iam.ParseResource, img.Repository().String())
		}
	})
}

// An address may be cut anywhere: the repository is known or unknown, and for
// an image it is the one that the image leads to.
func FuzzRegistry(f *testing.F) {
	seed(f, goodImages, badImages)
	f.Add("us-npm.pkg.dev/p/r/@scope%2fname")
	f.Add("us-apt.pkg.dev/projects/p/dists/r/InRelease")
	f.Add("go.us-east1.rep.pkg.dev/p/r/example.com/m/@v/list")
	f.Fuzz(func(t *testing.T, s string) {
		host, path, _ := strings.Cut(s, "/")
		r := iam.RepositoryAt(host, path)
		if !r.IsZero() {
			holds(t, iam.ParseResource, r.String())
		}
		if !r.IsZero() && r.Type() != iam.RepositoryType {
			t.Errorf("%q is served by %q, no repository", s, r)
		}
		img, err := iam.ParseImage(s)
		if err == nil && !img.Repository().IsZero() && img.Repository() != r {
			t.Errorf("%q is served by %q, but leads to %q", s, r, img.Repository())
		}
	})
}

func FuzzEmail(f *testing.F) {
	seed(f, goodPrincipals, badPrincipals)
	f.Add("ann@example.com")
	f.Add("build@app-one.iam.gserviceaccount.com")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := iam.ParseEmail(s)
		if err != nil {
			return
		}
		holds(t, iam.ParsePrincipal, p.String())
		if p.In(iam.ServiceAccounts) == p.In(iam.Users) {
			t.Errorf("%q is both a service account and a user, or neither", p)
		}
		if again, err := iam.ParseEmail(p.Email()); err != nil || again != p {
			t.Errorf("e-mail of %q parses as %q, %v", p, again, err)
		}
	})
}

func FuzzWord(f *testing.F) {
	for _, s := range append(iam.KindNames(), iam.ClassNames()...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		wordHolds(t, iam.ParseKind, wantKind, s)
		wordHolds(t, iam.ParseClass, wantClass, s)
	})
}

func fuzz[T name, P pointer[T]](f *testing.F, parse func(string) (T, error), good, bad map[string]string) {
	f.Helper()
	seed(f, good, bad)
	f.Fuzz(func(t *testing.T, s string) { holds[T, P](t, parse, s) })
}

// seed adds the names that a table accepts and those that one refuses.
func seed(f *testing.F, good, bad map[string]string) {
	f.Helper()
	for _, s := range slices.Concat(slices.Sorted(maps.Keys(good)), slices.Sorted(maps.Values(bad))) {
		if len(s) < 1<<12 {
			f.Add(s)
		}
	}
}
