package parse

import (
	"fmt"
	"strings"
	"testing"
)

// secretEntry returns the entry of a deploy in the project app-one, whose
// number is 111, that uses the secrets and may not read the one that the
// sentence names.
func secretEntry(denied, aliases string, used ...string) string {
	var variables []string
	for _, name := range used {
		variables = append(variables, fmt.Sprintf(`{"name":"V","valueFrom":{"secretKeyRef":{"name":%q,"key":"latest"}}}`, name))
	}
	sentence := "Permission denied on secret: " + denied + "/versions/latest for Revision service account run@app-one.iam.gserviceaccount.com. " +
		"The service account used must be granted the 'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the secret, project or higher level."
	return strings.NewReplacer(
		"SENTENCE", sentence,
		`"namespace":"111"`, `"namespace":"111","annotations":{"run.googleapis.com/secrets":"`+aliases+`"}`,
		`"containers":[{`, `"serviceAccountName":"run@app-one.iam.gserviceaccount.com","containers":[{"env":[`+strings.Join(variables, ",")+`],`,
	).Replace(honestEntry)
}

func TestSecretsOfOneName(t *testing.T) {
	const (
		key      = "/secrets/key"
		first    = "first:projects/shared-secrets/secrets/key"
		second   = "second:projects/333/secrets/key"
		both     = first + "," + second
		own      = "own:projects/111/secrets/key"
		ownByID  = "own:projects/app-one/secrets/key"
		regional = "first:projects/shared-secrets/locations/us/secrets/key"
	)
	for name, test := range map[string]struct {
		denied, aliases string
		used            []string
		want            string // "" where the deploy does not use the secret
	}{
		"the second of two is denied":          {"projects/333" + key, both, []string{"first", "second"}, "projects/333" + key},
		"the first of two is denied":           {"projects/shared-secrets" + key, both, []string{"second", "first"}, "projects/shared-secrets" + key},
		"the sentence has the number":          {"projects/222" + key, first, []string{"first"}, "projects/222" + key},
		"the sentence has the id":              {"projects/other" + key, second, []string{"second"}, "projects/other" + key},
		"two numbers":                          {"projects/222" + key, second, []string{"second"}, ""},
		"two ids":                              {"projects/other" + key, first, []string{"first"}, ""},
		"another name":                         {"projects/222/secrets/other", first, []string{"first"}, ""},
		"a secret of a region":                 {"projects/222" + key, regional, []string{"first"}, ""},
		"its own, by number":                   {"projects/111" + key, "", []string{"key"}, "projects/app-one" + key},
		"its own, by id":                       {"projects/app-one" + key, "", []string{"key"}, "projects/app-one" + key},
		"its own by number, as the alias":      {"projects/111" + key, own, []string{"own"}, "projects/111" + key},
		"its own by number, beside another's":  {"projects/111" + key, first, []string{"first", "key"}, "projects/app-one" + key},
		"its own by id, the alias by number":   {"projects/app-one" + key, own, []string{"own"}, "projects/app-one" + key},
		"its own by number, the alias by id":   {"projects/111" + key, ownByID, []string{"own"}, "projects/app-one" + key},
		"another's by number, it uses its own": {"projects/222" + key, "", []string{"key"}, ""},
		"another's by id, it uses its own":     {"projects/other" + key, own, []string{"own"}, ""},
		"its own by number, it uses another's": {"projects/111" + key, first, []string{"first"}, ""},
		"its own by id, it uses another's":     {"projects/app-one" + key, second, []string{"second"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Entry([]byte(secretEntry(test.denied, test.aliases, test.used...)))
			if err != nil || len(e.Findings) != 1 {
				t.Fatalf("got %+v and error %v, want one finding", e.Findings, err)
			}
			f := e.Findings[0]
			got := f.Access.Resource.String()
			if f.Doubt != "" {
				got = ""
			}
			if got != test.want {
				t.Errorf("got %q (%s), want %q", f.Access.Resource, f.Doubt, test.want)
			}
		})
	}
}

// TestOwnNumberNotKnown holds that a number is not taken for that of the
// deploying project where no field says what that is.
func TestOwnNumberNotKnown(t *testing.T) {
	entry := strings.Replace(secretEntry("projects/222/secrets/key", "", "key"), `"namespace":"111"`, `"namespace":"app-one"`, 1)
	e, err := Entry([]byte(entry))
	if err != nil || len(e.Findings) != 1 || e.Findings[0].Access.Resource.String() != "projects/222/secrets/key" {
		t.Errorf("got %+v and error %v, want the secret as the sentence names it", e.Findings, err)
	}
}
