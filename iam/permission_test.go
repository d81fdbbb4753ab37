package iam_test

import (
	"strings"
	"testing"

	"github.com/pullfix/pullfix/iam"
)

var (
	goodPermissions = map[string]string{
		"artifactregistry.repositories.downloadArtifacts": "",
		"iam.serviceAccounts.actAs":                       "",
		"iam.serviceaccounts.actAs":                       "iam.serviceAccounts.actAs",
		"secretmanager.versions.access":                   "",
		"run.routes.invoke":                               "",
		"run.services.setIamPolicy":                       "",
		"compute.instances.osLogin2":                      "",
		strings.Repeat("a", 64) + ".b.c":                  "",
	}
	badPermissions = map[string]string{
		"nothing":               "",
		"one part":              "downloadArtifacts",
		"two parts":             "repositories.downloadArtifacts",
		"four parts":            "artifactregistry.repositories.packages.get",
		"empty part":            "run..invoke",
		"final dot":             "run.routes.invoke.",
		"masked":                "***",
		"masked verb":           "run.routes.***",
		"all verbs":             "run.routes.*",
		"placeholder, brackets": "<service>.routes.invoke",
		"placeholder, spaces":   "SERVICE NAME.routes.invoke",
		"underscore":            "run.routes.invoke_now",
		"final underscore":      "run.routes.invoke_",
		"hyphen":                "run.routes.in-voke",
		"leading digit":         "1run.routes.invoke",
		"quoted":                "'run.routes.invoke'",
		"slashes":               "run.googleapis.com/routes.invoke",
		"part too long":         strings.Repeat("a", 65) + ".b.c",
		"Cyrillic e":            "run.routes.invok\u0435",
		"Kelvin sign for k":     "run.routes.invo\u212ae",
		"oversized":             strings.Repeat("a.", 1<<20),
	}
)

func TestParsePermission(t *testing.T) {
	accepts(t, iam.ParsePermission, goodPermissions)
	refuses(t, iam.ParsePermission, `permission `, `want a permission such as "artifactregistry.`, badPermissions)
	refusesDamage(t, iam.ParsePermission, "run.routes.invoke")
	wantZero(t, iam.ParsePermission)
}

// A message writes a permission in any case; the value that the code compares
// with is the one it must become.
func TestKnownPermissionInAnyCase(t *testing.T) {
	for known, text := range map[iam.Permission]string{
		iam.DownloadArtifacts:   "artifactregistry.repositories.downloadArtifacts",
		iam.UploadArtifacts:     "artifactregistry.repositories.uploadArtifacts",
		iam.AccessSecretVersion: "secretmanager.versions.access",
		iam.InvokeRoutes:        "run.routes.invoke",
		iam.ActAs:               "iam.serviceAccounts.actAs",
	} {
		for _, s := range []string{text, strings.ToLower(text), strings.ToUpper(text)} {
			if got, err := iam.ParsePermission(s); err != nil || got != known {
				t.Errorf("ParsePermission(%q) = %q, %v, want %q", s, got, err, known)
			}
		}
	}
}

func TestPermissionService(t *testing.T) {
	if got := iam.DownloadArtifacts.Service(); got != "artifactregistry" {
		t.Errorf("service of %s is %q", iam.DownloadArtifacts, got)
	}
	if got := (iam.Permission{}).Service(); got != "" {
		t.Errorf("service of the unknown permission is %q", got)
	}
}
