package iam_test

import (
	"testing"

	"github.com/pullfix/pullfix/iam"
)

var (
	goodParents = map[string]string{"folders/1": "", "folders/222222222222": "", "organizations/1": "", "organizations/123456789012": ""}
	badParents  = map[string]string{
		"nothing": "", "no number": "folders", "an empty number": "folders/", "a name": "folders/x", "a leading zero": "folders/01",
		"more below": "folders/1/2", "a fraction": "organizations/1.5", "another word": "organization/1", "a project": "projects/1",
		"a star": "folders/*", "a capital": "Folders/1", "a sign": "folders/-1", "a space": "folders/ 1",
		"too long": "folders/12345678901234567890", "a line feed": "organizations/1\n",
	}
)

func TestParent(t *testing.T) {
	accepts(t, iam.ParseParent, goodParents)
	refuses(t, iam.ParseParent, `folder or organisation `, `want a folder ("folders/123456789012")`, badParents)
	for name := range goodParents {
		p, err := iam.ParseParent(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.IsOrganization(), name[0] == 'o'; got != want {
			t.Errorf("%s: got an organisation %t, want %t", name, got, want)
		}
	}
}

func FuzzParent(f *testing.F) { fuzz(f, iam.ParseParent, goodParents, badParents) }
