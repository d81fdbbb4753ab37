package iam_test

import (
	"strings"
	"testing"

	"github.com/pullfix/pullfix/iam"
)

var (
	goodProjects = map[string]string{
		"app-one":                       "",
		"p":                             "",
		"a1":                            "",
		"123456789012":                  "",
		"1":                             "",
		strings.Repeat("p", 30):         "",
		"9223372036854775807":           "",
		"example.com:app-one":           "",
		"google.com:cloudsdktool":       "",
		"a.b.example.com:app-one":       "",
		"9lives.example.com:app-one":    "",
		"double--hyphen":                "",
		"xn--caf-dma.example.com:app-1": "",
	}
	badProjects = map[string]string{
		"nothing":                 "",
		"more than an int64":      "9223372036854775808",
		"masked":                  "***",
		"half masked":             "app-***",
		"placeholder, upper case": "PROJECT_ID",
		"placeholder, brackets":   "<project>",
		"placeholder, variable":   "$PROJECT",
		"placeholder, template":   "${var.project}",
		"placeholder, hyphen":     "PROJECT-ID",
		"capital":                 "App-one",
		"underscore":              "app_one",
		"dot":                     "app.one",
		"leading hyphen":          "-app",
		"trailing hyphen":         "app-",
		"leading digit":           "1app",
		"leading zero":            "0123456789",
		"zero":                    "0",
		"space at the end":        "app-one ",
		"newline at the end":      "app-one\n",
		"too long":                strings.Repeat("p", 31),
		"number too long":         strings.Repeat("9", 20),
		"a path":                  "projects/app-one",
		"no id after the domain":  "example.com:",
		"no domain":               ":app-one",
		"domain of one label":     "example:app-one",
		"domain in capitals":      "Example.com:app-one",
		"domain, empty label":     "example..com:app-one",
		"domain with hyphens":     "-example-.com:app-one",
		"two colons":              "example.com:app:one",
		"number in a domain":      "example.com:123456",
		"Cyrillic a":              "\u0430pp-one",
		"zero-width space":        "app\u200b-one",
		"oversized":               strings.Repeat("a.", 1<<16) + "com:app",
	}
)

func TestParseProject(t *testing.T) {
	accepts(t, iam.ParseProject, goodProjects)
	refuses(t, iam.ParseProject, `project `, `want a project id ("app-one"`, badProjects)
	refusesDamage(t, iam.ParseProject, "example.com:app-one")
	refusesDamage(t, iam.ParseProject, "123456789012")
	wantZero(t, iam.ParseProject)
}

func TestProjectIsNumber(t *testing.T) {
	for name, want := range map[string]bool{
		"1": true, "123456789012": true, "app-one": false, "example.com:app-one": false, "9lives.example.com:app-one": false,
	} {
		if got := project(t, name).IsNumber(); got != want {
			t.Errorf("%s: IsNumber = %t, want %t", name, got, want)
		}
	}
	if (iam.Project{}).IsNumber() {
		t.Error("the unknown project has a number")
	}
}

func TestProjectGoogleOwned(t *testing.T) {
	for name, want := range map[string]bool{
		"cloudrun": true, "google-samples": true, "google.com:cloudsdktool": true, "gae-runtimes": true,
		"app-one": false, "cloudrun-1": false, "my-cloudrun": false, "example.com:cloudrun": false, "123": false,
	} {
		if got := project(t, name).GoogleOwned(); got != want {
			t.Errorf("%s: GoogleOwned = %t, want %t", name, got, want)
		}
	}
	if (iam.Project{}).GoogleOwned() {
		t.Error("Google owns the unknown project")
	}
}
