package iam_test

import (
	"testing"

	"github.com/pullfix/pullfix/iam"
)

func TestRepositoryAt(t *testing.T) {
	for _, c := range []struct{ host, path, want string }{
		{"us-npm.pkg.dev", "shared/web-npm/@scope%2fname", "projects/shared/locations/us/repositories/web-npm"},
		{"us-npm.pkg.dev", "shared/web-npm", "projects/shared/locations/us/repositories/web-npm"},
		{"europe-west1-python.pkg.dev", "shared/py/simple/lib/", "projects/shared/locations/europe-west1/repositories/py"},
		{"europe-pypi.pkg.dev", "shared/py/simple/lib/", "projects/shared/locations/europe/repositories/py"},
		{"us-maven.pkg.dev", "example.com/shared/mvn/g/a", "projects/example.com:shared/locations/us/repositories/mvn"},
		{"us-apt.pkg.dev", "projects/shared/dists/debs/InRelease", "projects/shared/locations/us/repositories/debs"},
		{"us-yum.pkg.dev", "projects/shared/rpms/repodata/repomd.xml", "projects/shared/locations/us/repositories/rpms"},
		{"go.us-east1.rep.pkg.dev", "shared/mods/example.com/m/@v/list", "projects/shared/locations/us-east1/repositories/mods"},
		{"us-docker.pkg.dev", "shared/apps", "projects/shared/locations/us/repositories/apps"},
		{"docker.us-east1.rep.pkg.dev", "shared/apps/web", "projects/shared/locations/us-east1/repositories/apps"},
		{"eu.gcr.io", "shared/web", "projects/shared/locations/europe/repositories/eu.gcr.io"},
		{"us-npm.pkg.dev", "shared", ""},
		{"us-npm.pkg.dev", "PROJECT/web-npm", ""},
		{"us-npm.pkg.dev.example.com", "shared/web-npm", ""},
		{"us-zip.pkg.dev", "shared/zips/a", ""},
		{"zip.us.rep.pkg.dev", "shared/zips/a", ""},
		{"pkg.dev", "shared/zips/a", ""},
		{"us-npm", "shared/web-npm", ""},
		{"-npm.pkg.dev", "shared/web-npm", ""},
		{"npm.pkg.dev", "shared/web-npm", ""},
		{"", "", ""},
	} {
		if got := iam.RepositoryAt(c.host, c.path); got.String() != c.want {
			t.Errorf("RepositoryAt(%q, %q) = %q, want %q", c.host, c.path, got, c.want)
		}
	}
}
