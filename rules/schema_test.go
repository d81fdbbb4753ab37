package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/iam"
)

const schemaFile = "../rules.schema.json"

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc := must(jsonschema.UnmarshalJSON(bytes.NewReader(must(os.ReadFile(schemaFile)))))
	c := jsonschema.NewCompiler()
	c.DefaultDraft(nil) // the file must name its draft
	if err := c.AddResource(schemaFile, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

var errNoInstance = errors.New("no JSON value")

// instance is the policy as an editor sees it: read as YAML, and no more.
func instance(data []byte, how ...yaml.DecodeOption) (v any, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data), how...)
	if err := decoder.Decode(&v); err != nil {
		return nil, errors.Join(errNoInstance, err)
	}
	return asJSON(v), nil
}

// asJSON turns what JSON has no number for into null.
func asJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = asJSON(value)
		}
	case []any:
		for i, value := range v {
			v[i] = asJSON(value)
		}
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil
		}
	}
	return v
}

// agree holds that schema and reader say the same of a file.
func agree(t *testing.T, schema *jsonschema.Schema, name string, data []byte) (valid bool) {
	t.Helper()
	_, refused := Parse(name, data)
	v, err := instance(data)
	if err == nil {
		err = schema.Validate(v)
	}
	if (refused == nil) != (err == nil) {
		t.Errorf("%s: the reader says %v, the schema says %v:\n%s", name, refused, err, data)
	}
	return refused == nil
}

// TestSchemaAgreesWithReaderOnFiles reads every policy that the repository has.
func TestSchemaAgreesWithReaderOnFiles(t *testing.T) {
	schema := compileSchema(t)
	valid, all := 0, policies(t)
	for name, data := range all {
		if _, alone := onlyReader[filepath.Base(name)]; alone {
			continue
		}
		if agree(t, schema, name, data) {
			valid++
		}
	}
	if len(all) < 120 || valid < 110 {
		t.Errorf("found %d policies, %d of them valid, want at least 120 and 110", len(all), valid)
	}
}

// onlyReader are the files of testdata that only the reader refuses, and why.
var onlyReader = map[string]string{
	"aliases.yaml":       "an editor sees what an alias stands for",
	"two-documents.yaml": "an editor looks at each document by itself",
}

// policies finds those of this folder, the ones that are shipped, those of the
// stories and scripts, and the examples of the documentation.
func policies(t testing.TB) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, glob := range []string{"testdata/*.yaml", "../rules.yaml", "../cmd/pullfix/demo/rules.yaml"} {
		for _, file := range must(filepath.Glob(glob)) {
			found[file] = must(os.ReadFile(file))
		}
	}
	for _, glob := range []string{"../testdata/*.txtar", "../cmd/pullfix/testdata/*.txtar"} {
		for _, file := range must(filepath.Glob(glob)) {
			for _, f := range must(txtar.ParseFile(file)).Files {
				if bytes.Contains(f.Data, []byte("apiVersion: pullfix/")) {
					found[file+":"+f.Name] = f.Data
				}
			}
		}
	}
	fence := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, file := range append(must(filepath.Glob("../docs/*.md")), "../README.md") {
		for _, block := range fence.FindAllSubmatch(must(os.ReadFile(file)), -1) {
			if bytes.HasPrefix(block[1], []byte("apiVersion: pullfix/")) {
				found[file+":"+string(block[1])] = block[1]
			}
		}
	}
	return found
}

// TestSchemaWords holds that the schema has the words of the code.
func TestSchemaWords(t *testing.T) {
	var schema struct {
		Defs map[string]struct {
			Enum       []string
			Pattern    string
			Properties map[string]struct{ Default any }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(must(os.ReadFile(schemaFile)), &schema); err != nil {
		t.Fatal(err)
	}
	accounts := slices.DeleteFunc(iam.ClassNames(), func(class string) bool { return class == iam.Users.String() })
	for name, want := range map[string][]string{
		"kind": iam.KindNames(), "grantableKind": grantable, "role": texts(grantableRoles),
		"class": iam.ClassNames(), "serviceAccountClass": accounts,
		"mode": modeNames[:], "verdict": verdictNames[:],
	} {
		got := schema.Defs[name].Enum
		slices.Sort(got)
		if diff := cmp.Diff(slices.Sorted(slices.Values(want)), got); diff != "" {
			t.Errorf("%s: -code +schema\n%s", name, diff)
		}
	}
	limits := schema.Defs["limits"].Properties
	got := Limits{GrantsPerHour: int(limits["grantsPerHour"].Default.(float64))}
	got.MaxEventAge = must(parseDuration(limits["maxEventAge"].Default.(string)))
	got.RepeatAlertsEvery = must(parseDuration(limits["repeatAlertsEvery"].Default.(string)))
	if got != defaultLimits {
		t.Errorf("the schema has limits %+v, the code %+v", got, defaultLimits)
	}
}

// TestOnlyTheReader lists what no schema can say. The schema takes it, where it
// comes to see it.
func TestOnlyTheReader(t *testing.T) {
	schema := compileSchema(t)
	const deny = "deny:\n- name: d\n"
	unseen := []struct{ why, policy string }{ // by the schema: a YAML parser is in between, and refuses
		{"it is not YAML", header + "allow: ["},
		{"YAML leaves it to the program what a repeated key means", header + "mode: observe\n"},
		{"… in a rule", header + deny + "  name: e\n"},
	}
	for _, test := range unseen {
		if _, err := Parse("f", []byte(test.policy)); err == nil {
			t.Errorf("%s: the reader takes it:\n%s", test.why, test.policy)
		}
		if _, err := instance([]byte(test.policy)); err == nil {
			t.Errorf("%s: it can be read as YAML: list it with what the schema sees", test.why)
		}
	}
	long := "user:ann@" + strings.Repeat(strings.Repeat("a", 60)+".", 4) + "example.com"
	for _, test := range []struct{ why, policy string }{
		{"a schema does not compare values: two rules of one name", header + deny + "- name: d\n"},
		{"… in two lists", header + deny + "ignore:\n- {name: d, kinds: [quota]}\n"},
		{"a schema sees what an alias stands for", header + "deny:\n- {name: d, kinds: &k [quota]}\n- {name: e, kinds: *k}\n"},
		{"… an anchor that nothing refers to", header + "deny: &d\n- name: d\n"},
		{"… what a merge key stands for", header + "deny:\n- &d {name: d}\n- {<<: *d, name: e}\n"},
		{"… what a tag makes of a text", header + "deny:\n- name: !!str d\n"},
		{"a schema looks at one document", header + deny + "---\n" + header},
		{"… and at no directive", "%YAML 1.2\n---\n" + header},
		{"a schema does not count bytes of the file", header + strings.Repeat("# 1234567\n", largestFile/10)},
		{"… or empty lines", header + strings.Repeat("\n", mostBlankLines+2) + deny},
		{"a schema does not count bytes of a text, but characters", header + deny + "  reason: " + strings.Repeat("é", 300) + "\n"},
		{"a pattern does not count over repeated parts: a domain has at most 253 bytes", header + deny + "  members: [\"" + long + "\"]\n"},
		{"a pattern does not calculate: the longest time", header + "limits: {maxEventAge: 9999999999h}\n"},
		{"… the shortest", header + "limits: {maxEventAge: 0.1ns}\n"},
		{"a schema sees a number, not how it is written: in octal or decimal", header + "limits: {grantsPerHour: 010}\n"},
		{"… in hexadecimal", header + "limits: {grantsPerHour: 0x10}\n"},
		{"… with a sign", header + "limits: {grantsPerHour: +10}\n"},
		{"… with a point", header + "limits: {grantsPerHour: 10.0}\n"},
		{"a schema sees no blanks", header + "limits:\t{grantsPerHour: 10}\n"},
		{"… and no comments", header + "# \u202e\n"},
		{"a schema sees what the YAML parser makes of an escape that YAML does not have", header + deny + "  reason: \"a\\xzz\"\n"},
		{"a schema sees no question marks", header + "? deny\n: - name: d\n"},
	} {
		if _, err := Parse("f", []byte(test.policy)); err == nil {
			t.Errorf("%s: the reader takes it:\n%s", test.why, cut(test.policy))
		}
		v, err := instance([]byte(test.policy))
		if err == nil {
			err = schema.Validate(v)
		}
		if err != nil {
			t.Errorf("%s: the schema refuses it, so it can be a row of the common table: %v", test.why, err)
		}
	}
}
