package scripttest

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is found to testdata")

// golden holds a text against a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("not as in %s (-want +got):\n%s", file, diff)
	}
}

var (
	digests     = regexp.MustCompile(`(pullfix_digest[:=] ?)[0-9a-f]{40}`)
	permissions = regexp.MustCompile(`((includedPermissions|conditions|documentation|mosaicLayout|labelExtractors|metricDescriptor|alertStrategy|etag): ).*`)
)

// steady leaves out what changes with the source and with the files of roles.
func steady(text string) string {
	return permissions.ReplaceAllString(digests.ReplaceAllString(text, "${1}DIGEST"), "${1}of the file")
}
