package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/iam"
)

const schemaFile = "../record.schema.json"

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
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

// agree holds that schema and decoder say the same of a text.
func agree(t interface{ Errorf(string, ...any) }, schema *jsonschema.Schema, text []byte) (valid bool) {
	_, refused := decode(text)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = schema.Validate(v)
	}
	if (refused == nil) != (err == nil) {
		t.Errorf("the decoder says %v, the schema says %v:\n%s", refused, err, text)
	}
	return refused == nil
}

func lineOf(t testing.TB, r Record) string {
	t.Helper()
	line, err := r.Line()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(line), "\n")
}

func TestSchemaAgreesWithDecoder(t *testing.T) {
	schema, line := compileSchema(t), lineOf(t, record())
	value := strings.Repeat("0123456789abcdef", 4)
	swap := func(old, now string) string {
		if !strings.Contains(line, old) {
			t.Fatalf("the line has no %s", old)
		}
		return strings.Replace(line, old, now, 1)
	}
	at := func(time string) string { return swap(`"at":"2026-03-04T05:06:07.89Z"`, `"at":"`+time+`"`) }
	for text, want := range map[string]bool{
		line:                            true,
		`{"version":"v1"}`:              true,
		"{ \t\"version\" : \"v1\"\r\n}": true,
		swap(`"rule":"apps",`, ``):      true,
		swap(`"rule":"apps"`, `"rule":"\u0061\ud83d\ude00"`):        true,
		swap(`"phase":"result"`, `"phase":"a later word"`):          true,
		swap(`"v1"}`, `"v1","chain":"`+value+`"}`):                  true,
		swap(`{"phase"`, `{"chain":"`+value+`","phase"`):            true,
		swap(`"v1"}`, `"v1","chain":"`+value[1:]+`"}`):              false,
		swap(`"v1"}`, `"v1","chain":"`+value+`0"}`):                 false,
		swap(`"v1"}`, `"v1","chain":"`+strings.ToUpper(value)+`"}`): false,
		swap(`"v1"}`, `"v1","chain":null}`):                         false,
		swap(`"v1"}`, `"v2"}`):                                      false,
		swap(`"v1"}`, `1}`):                                         false,
		swap(`,"version":"v1"`, ``):                                 false,
		swap(`"rule"`, `"Rule"`):                                    false,
		swap(`"rule":"apps"`, `"rule":7`):                           false,
		swap(`"rule":"apps"`, `"rule":null`):                        false,
		swap(`"rule":"apps"`, `"rule":["apps"]`):                    false,
		swap(`"rule":"apps"`, `"rule":"apps","more":""`):            false,
		swap(`"at":"2026-03-04T05:06:07.89Z"`, `"at":null`):         false,
		`null`: false, `[]`: false, `"v1"`: false, `{}`: false, ``: false, line + line: false, line + "x": false,
		at("2026-03-04T05:06:07Z"):              true,
		at("2026-03-04T05:06:07.123456789123Z"): true,
		at("2026-03-04T05:06:07+23:59"):         true,
		at("2024-02-29T00:00:00Z"):              true,
		at("0000-01-01T00:00:00Z"):              true,
		at("2026-02-30T00:00:00Z"):              false,
		at("2026-04-31T00:00:00Z"):              false,
		at("2026-13-01T00:00:00Z"):              false,
		at("2026-03-00T05:06:07Z"):              false,
		at("2026-03-04t05:06:07Z"):              false,
		at("2026-03-04T05:06:07z"):              false,
		at("2026-03-04 05:06:07Z"):              false,
		at("2026-03-04T24:00:00Z"):              false,
		at("2026-03-04T05:06:60Z"):              false,
		at("2026-03-04T5:06:07Z"):               false,
		at("2026-03-04T05:06:07,5Z"):            false,
		at("2026-03-04T05:06:07.Z"):             false,
		at("2026-03-04T05:06:07+24:00"):         false,
		at("2026-03-04T05:06:07+0100"):          false,
		at("2026-03-04T05:06:07"):               false,
		at(""):                                  false,
	} {
		if got := agree(t, schema, []byte(text)); got != want {
			t.Errorf("accepted is %t, want %t: %s", got, want, text)
		}
	}
}

// TestOnlyTheDecoder lists what no schema can say. The schema takes it.
func TestOnlyTheDecoder(t *testing.T) {
	schema, line := compileSchema(t), lineOf(t, record())
	for why, text := range map[string]string{
		"a pattern does not know the leap years": strings.Replace(line, "2026-03-04", "2026-02-29", 1),
		"a schema sees no escapes":               strings.Replace(line, "2026-03-04", `2026\u002d03-04`, 1),
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: the schema refuses it, so it can be a row of the common table: %v", why, err)
		}
		if _, err := decode([]byte(text)); err == nil {
			t.Errorf("%s: the decoder takes it", why)
		}
	}
	twice := strings.Replace(line, `"rule":"apps"`, `"rule":"apps","rule":"apps"`, 1)
	if _, err := decode([]byte(twice)); err == nil {
		t.Error("a schema does not see that a key is written twice: the decoder takes it")
	}
}

// TestSchemaAgreesWithDecoderOnMutants changes a record here and there.
func TestSchemaAgreesWithDecoderOnMutants(t *testing.T) {
	schema, valid := compileSchema(t), 0
	values := []any{nil, true, 0, 1.5, "", "v1", "v2", "intent", "2026-03-04T05:06:07Z", "2026-03-04", strings.Repeat("0a", 32), "é\u2028\"\\\x01", []any{}, map[string]any{"a": 1}}
	times := rapid.StringMatching(`20[0-9]{2}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,10})?(Z|[+-][0-2][0-9]:[0-6][0-9])`)
	rapid.Check(t, func(t *rapid.T) {
		fields := map[string]any{}
		line, err := record().Line()
		if err == nil {
			err = json.Unmarshal(line, &fields)
		}
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			key := rapid.SampledFrom(append(slices.Clone(keys), "chain", "Rule", "other", "")).Draw(t, "key")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				delete(fields, key)
			case 1:
				fields[key] = rapid.SampledFrom(values).Draw(t, "value")
			default:
				fields["at"] = times.Filter(func(s string) bool { return !strings.Contains(s, "-02-29") }).Draw(t, "time")
			}
		}
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		if agree(t, schema, text) {
			valid++
		}
	})
	if valid == 0 {
		t.Error("no mutant was valid")
	}
}

// TestSchemaWords holds that the schema has the keys and words of the code.
func TestSchemaWords(t *testing.T) {
	var schema struct {
		Properties map[string]struct{ Examples []string }
	}
	text, err := os.ReadFile(schemaFile)
	if err == nil {
		err = json.Unmarshal(text, &schema)
	}
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]string{
		"phase":   {PhaseIntent, PhaseResult, PhaseDecision, PhaseNotice},
		"outcome": {OutcomeApplied, OutcomeAlreadyHeld, OutcomeObserved, OutcomeRefused, OutcomeFailed, OutcomeUndone},
		"kind":    iam.KindNames(),
	} {
		if diff := cmp.Diff(want, schema.Properties[key].Examples); diff != "" {
			t.Errorf("%s: -code +schema\n%s", key, diff)
		}
	}
	for _, key := range append(slices.Clone(keys), chainKey) {
		if _, ok := schema.Properties[key]; !ok {
			t.Errorf("the schema has no key %q", key)
		}
	}
	if got, want := len(schema.Properties), len(keys)+1; got != want {
		t.Errorf("the schema has %d keys, want %d", got, want)
	}
}

// TestTextsAreAllFields holds the list by which records are copied and read.
func TestTextsAreAllFields(t *testing.T) {
	var r Record
	for n, text := range r.texts() {
		*text = keys[n+min(1, max(0, n-2))] // the time is the fourth
	}
	for n := range keys {
		field := reflect.ValueOf(r).Field(n)
		if keys[n] != "at" && field.String() != keys[n] {
			t.Errorf("the text of %q is where %q should be", field, keys[n])
		}
	}
}

func TestTheSameRecordInAFileAndInTheCloud(t *testing.T) {
	file, cloud := filedRecords(t, story("abc123")...), cloudRecords(t, story("abc123")...)
	if diff := cmp.Diff(file, cloud); diff != "" {
		t.Errorf("-file +cloud\n%s", diff)
	}
	if diff := cmp.Diff(story("abc123"), file); diff != "" {
		t.Errorf("-written +file\n%s", diff)
	}
}
