package iam_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/iam"
)

var (
	sum        = "sha256:" + strings.Repeat("0123456789abcdef", 4)
	goodImages = map[string]string{
		"us-docker.pkg.dev/p/r/i":                             "",
		"us-docker.pkg.dev/p/r/i:v1.2_3-RC":                   "",
		"us-docker.pkg.dev/p/r/i@" + sum:                      "",
		"us-docker.pkg.dev/p/r/i:v1@" + sum:                   "",
		"us-docker.pkg.dev/p/r/team/api/i:v1":                 "",
		"us-docker.pkg.dev/p/r/i:" + strings.Repeat("t", 128): "",
		"us-docker.pkg.dev/p/r/i:_":                           "",
		"us-docker.pkg.dev/p/r/a__b--c.d":                     "",
		"docker.us-central1.rep.pkg.dev/p/r/i":                "",
		"us-docker.pkg.dev/example.com/p/r/i":                 "",
		"gcr.io/p/i":                                          "",
		"eu.gcr.io/example.com/p/team/i:v1":                   "",
		"ubuntu":                                              "",
		"ubuntu:24.04":                                        "",
		"library/ubuntu@" + sum:                               "",
		"docker.io/library/ubuntu":                            "",
		"localhost:50000/i:v1":                                "",
		"localhost:5000/i:v1":                                 "",
		"registry.example.com:443/team/i@" + sum:              "",
		"127.0.0.1:5000/i":                                    "",
		"us-docker.pkg.dev/p/r/" + strings.Repeat("i", 251):   "",
	}
	badImages = map[string]string{
		"nothing":                  "",
		"masked":                   "***",
		"masked project":           "us-docker.pkg.dev/***/r/i",
		"masked host":              "***-docker.pkg.dev/p/r/i",
		"masked tag":               "us-docker.pkg.dev/p/r/i:***",
		"placeholder project":      "us-docker.pkg.dev/PROJECT-ID/r/i",
		"placeholder location":     "LOCATION-docker.pkg.dev/p/r/i",
		"placeholder, brackets":    "us-docker.pkg.dev/<project>/r/i",
		"placeholder, variable":    "us-docker.pkg.dev/$PROJECT/r/i",
		"placeholder, tag":         "us-docker.pkg.dev/p/r/i:${TAG}",
		"address":                  "https://us-docker.pkg.dev/p/r/i",
		"empty tag":                "us-docker.pkg.dev/p/r/i:",
		"tag of dots":              "us-docker.pkg.dev/p/r/i:...",
		"tag begins with a hyphen": "us-docker.pkg.dev/p/r/i:-v1",
		"tag too long":             "us-docker.pkg.dev/p/r/i:" + strings.Repeat("t", 129),
		"two tags":                 "us-docker.pkg.dev/p/r/i:a:b",
		"digest cut short":         "us-docker.pkg.dev/p/r/i@sha256:0123",
		"digest too long":          "us-docker.pkg.dev/p/r/i@" + sum + "0",
		"digest in capitals":       "us-docker.pkg.dev/p/r/i@" + strings.ToUpper(sum),
		"digest with capitals":     "us-docker.pkg.dev/p/r/i@sha256:" + strings.Repeat("ABCDEF01", 8),
		"digest masked":            "us-docker.pkg.dev/p/r/i@sha256:***",
		"digest of another kind":   "us-docker.pkg.dev/p/r/i@sha512:" + strings.Repeat("0", 128),
		"digest without a name":    "@" + sum,
		"two digests":              "us-docker.pkg.dev/p/r/i@" + sum + "@" + sum,
		"path in capitals":         "us-docker.pkg.dev/p/r/Image",
		"host in capitals":         "US-docker.pkg.dev/p/r/i",
		"empty segment":            "us-docker.pkg.dev/p/r//i",
		"empty project":            "us-docker.pkg.dev//r/i",
		"final slash":              "us-docker.pkg.dev/p/r/i/",
		"repository and slash":     "us-docker.pkg.dev/p/r/",
		"leading slash":            "/us-docker.pkg.dev/p/r/i",
		"dots up":                  "us-docker.pkg.dev/p/r/../../q/r/i",
		"segment of a dot":         "us-docker.pkg.dev/p/r/./i",
		"segment ends in a hyphen": "us-docker.pkg.dev/p/r/i-",
		"user in the host":         "user@us-docker.pkg.dev/p/r/i",
		"port of letters":          "localhost:http/i",
		"port too long":            "localhost:500000/i",
		"two ports":                "localhost:1:2/i",
		"no port":                  "localhost:/i",
		"host: dollar":             "$(id).example.com/i",
		"host: quote":              "x\".example.com/i",
		"host: apostrophe":         "x'.example.com/i",
		"host: ampersand":          "x&.example.com/i",
		"host: semicolon":          "x;id;.example.com/i",
		"host: escape":             "x%41.example.com/i",
		"host: IPv6":               "[::1]:5000/i",
		"host: hyphens":            "-us-docker.pkg.dev/p/r/i",
		"project of a colon":       "us-docker.pkg.dev/example.com:p/r/i",
		"space":                    "us-docker.pkg.dev/p/r/i v1",
		"newline at the end":       "us-docker.pkg.dev/p/r/i:v1\n",
		"comma":                    "us-docker.pkg.dev/p/r/i:v1,",
		"cut off":                  "us-docker.pkg.dev/p/r/i…",
		"Cyrillic p":               "us-docker.pkg.dev/\u0440/r/i",
		"zero-width space":         "us-docker.pkg.dev/p/r/i\u200b:v1",
		"path too long":            "us-docker.pkg.dev/p/r/" + strings.Repeat("i", 252),
		"oversized":                "us-docker.pkg.dev/p/r/" + strings.Repeat("i/", 1<<19) + "i",
	}
)

func TestParseImage(t *testing.T) {
	accepts(t, iam.ParseImage, goodImages)
	refuses(t, iam.ParseImage, `image `, `want an image such as "us-docker.pkg.dev/`, badImages)
	refusesDamage(t, iam.ParseImage, "us-docker.pkg.dev/p/r/i:v1")
	refusesDamage(t, iam.ParseImage, "eu.gcr.io/example.com/p/i@"+sum)
	refusesDamage(t, iam.ParseImage, "localhost:5000/i")
	wantZero(t, iam.ParseImage)
}

func TestImageParts(t *testing.T) {
	for _, c := range []struct {
		image, repository, name, tag, digest string
	}{
		{"us-docker.pkg.dev/p/r/i", "projects/p/locations/us/repositories/r", "i", "latest", ""},
		{"us-central1-docker.pkg.dev/p/r/team/api:v1", "projects/p/locations/us-central1/repositories/r", "team/api", "v1", ""},
		{"us-docker.pkg.dev/p/r/i@" + sum, "projects/p/locations/us/repositories/r", "i", "", sum},
		{"us-docker.pkg.dev/p/r/i:v1@" + sum, "projects/p/locations/us/repositories/r", "i", "v1", sum},
		{"us-docker.pkg.dev/example.com/p/r/i", "projects/example.com:p/locations/us/repositories/r", "i", "latest", ""},
		{"docker.us-central1.rep.pkg.dev/p/r/i", "projects/p/locations/us-central1/repositories/r", "i", "latest", ""},
		{"gcr.io/p/i", "projects/p/locations/us/repositories/gcr.io", "i", "latest", ""},
		{"us.gcr.io/p/i", "projects/p/locations/us/repositories/us.gcr.io", "i", "latest", ""},
		{"eu.gcr.io/p/team/i", "projects/p/locations/europe/repositories/eu.gcr.io", "team/i", "latest", ""},
		{"asia.gcr.io/example.com/p/i:v1", "projects/example.com:p/locations/asia/repositories/asia.gcr.io", "i", "v1", ""},

		// Other registries, and hosts that only look like Artifact Registry's.
		{"ubuntu", "", "", "latest", ""},
		{"docker.io/library/ubuntu:24.04", "", "", "24.04", ""},
		{"localhost:5000/p/r/i", "", "", "latest", ""},
		{"us-docker.pkg.dev:443/p/r/i", "", "", "latest", ""},
		{"docker.pkg.dev/p/r/i", "", "", "latest", ""},
		{"us-docker.pkg.dev.evil.io/p/r/i", "", "", "latest", ""},
		{"evil.us-docker.pkg.dev/p/r/i", "", "", "latest", ""},
		{"us-python.pkg.dev/p/r/i", "", "", "latest", ""},
		{"docker.us.evil.rep.pkg.dev/p/r/i", "", "", "latest", ""},
		{"python.us.rep.pkg.dev/p/r/i", "", "", "latest", ""},
		{"marketplace.gcr.io/p/i", "", "", "latest", ""},
		{"p/us-docker.pkg.dev/r/i", "", "", "latest", ""},

		// Artifact Registry's host without all of project, repository and image.
		{"us-docker.pkg.dev/p/r", "", "", "latest", ""},
		{"us-docker.pkg.dev/p", "", "", "latest", ""},
		{"us-docker.pkg.dev/example.com/p", "", "", "latest", ""},
		{"us-docker.pkg.dev/example.com/p/r", "", "", "latest", ""},
		{"gcr.io/p", "", "", "latest", ""},
		{"gcr.io/example.com/p", "", "", "latest", ""},

		// A project or repository that cannot be one.
		{"us-docker.pkg.dev/1p/r/i", "", "", "latest", ""},
		{"us-docker.pkg.dev/p/1r/i", "", "", "latest", ""},
		{"us-docker.pkg.dev/a_b/r/i", "", "", "latest", ""},
	} {
		img, err := iam.ParseImage(c.image)
		if err != nil {
			t.Error(err)
			continue
		}
		if img.Repository().String() != c.repository || img.Package() != c.name || img.Tag() != c.tag || img.Digest() != c.digest {
			t.Errorf("%s: repository %q, package %q, tag %q, digest %q", img, img.Repository(), img.Package(), img.Tag(), img.Digest())
		}
	}
	var zero iam.Image
	if !zero.Repository().IsZero() || zero.Package() != "" || zero.Tag() != "" || zero.Digest() != "" {
		t.Errorf("the unknown image has repository %q, package %q, tag %q, digest %q", zero.Repository(), zero.Package(), zero.Tag(), zero.Digest())
	}
}

// A reference put together for a repository leads back to that repository.
func TestImageLeadsToItsRepository(t *testing.T) {
	segment := rapid.StringMatching(`[a-z0-9]([a-z0-9._-]{0,10}[a-z0-9])?`)
	rapid.Check(t, func(t *rapid.T) {
		p := drawProject(t)
		location := rapid.StringMatching(`[a-z]([a-z0-9-]{0,20}[a-z0-9])?`).Draw(t, "location")
		repository := rapid.StringMatching(`[a-z]([a-z0-9_-]{0,10}(\.[a-z0-9_-]{1,10})?[a-z0-9])?`).Draw(t, "repository")
		name := strings.Join(rapid.SliceOfN(segment, 1, 4).Draw(t, "name"), "/")
		suffix := rapid.SampledFrom([]string{"", ":v1", "@" + sum, ":v1@" + sum}).Draw(t, "suffix")

		s := location + "-docker.pkg.dev/" + strings.Replace(p, ":", "/", 1) + "/" + repository + "/" + name + suffix
		holds(t, iam.ParseImage, s)
		img, err := iam.ParseImage(s)
		if err != nil {
			t.Fatalf("%v", err)
		}
		want := "projects/" + p + "/locations/" + location + "/repositories/" + repository
		if img.String() != s || img.Repository().String() != want || img.Package() != name {
			t.Errorf("%q leads to %q, package %q", s, img.Repository(), img.Package())
		}
	})
}
