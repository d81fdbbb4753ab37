package parse

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/iam"
)

// seed adds every fixture with one of the extensions.
func seed(f *testing.F, extensions ...string) {
	f.Helper()
	for _, path := range archives(f) {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if slices.Contains(extensions, filepath.Ext(file.Name)) {
				f.Add(file.Data)
			}
		}
	}
}

func FuzzEntry(f *testing.F) {
	seed(f, ".json", ".any")
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Entry(data)
		if err != nil && !cmp.Equal(e, Event{}, byValue) {
			t.Errorf("both an event and an error: %+v, %v", e, err)
		}
		if !Interesting(data) && len(e.Findings) > 0 {
			t.Errorf("not interesting, but found: %+v", e.Findings)
		}
		check(t, string(data), e.Findings)
		roundTrips(t, e.Caller, iam.ParsePrincipal)
		if again, _ := Entry(data); !cmp.Equal(e, again, byValue) {
			t.Errorf("two results: %+v, %+v", e, again)
		}
	})
}

func FuzzText(f *testing.F) {
	seed(f, ".txt", ".json")
	f.Fuzz(func(t *testing.T, data []byte) {
		found := Text(string(data))
		check(t, string(data), found)
		if again := Text(string(data)); !cmp.Equal(found, again, byValue) {
			t.Errorf("two results: %+v, %+v", found, again)
		}
	})
}

func FuzzAny(f *testing.F) {
	seed(f, ".any", ".json", ".txt")
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := Any(data)
		if err != nil && len(found) > 0 {
			t.Errorf("both findings and an error: %+v, %v", found, err)
		}
		wellFormed(t, found)
		if again, _ := Any(data); !cmp.Equal(found, again, byValue) {
			t.Errorf("two results: %+v, %+v", found, again)
		}
	})
}

// pieces are parts of sentences, and what stands between them.
var pieces = slices.Concat(hostileRuns, []string{
	" ", "\n", "\n\n", ". ", ": ", "\"", "'", "│ ", "ensure ", "cause ", "user ", "on service account ", "for revision service account ",
	"a@p.iam.gserviceaccount.com", "service-1@serverless-robot-prod.iam.gserviceaccount.com", "us-docker.pkg.dev/p/r/i:v1", "gcr.io/p/i",
	"projects/p/locations/us/repositories/r", "a.b.c", "***", "<P>", "...", "denied", "which is not the same as this project [q]",
	"image is from project [p], ", "api calls will be executed as ", "does not have ", "is missing permission ",
	`"resource":"projects/p/locations/us/repositories/r"`, "ErrorInfo ", `"granted":false,`, "https://", "PUT ", "quota exceeded ",
})

func assemble(data []byte) string {
	var b strings.Builder
	for _, c := range data {
		b.WriteString(pieces[int(c)%len(pieces)])
	}
	return b.String()
}

// FuzzSentences strings together pieces of sentences, which plain mutation
// hardly ever does.
func FuzzSentences(f *testing.F) {
	for _, seed := range []string{"", "\x00\x01\x02", "abcdefghijklmnopqrstuvwxyz", "0123456789:;<=>?@"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found := Text(assemble(data))
		wellFormed(t, found)
		for i := range found {
			if slices.ContainsFunc(found[:i], func(f Finding) bool { return cmp.Equal(f, found[i], byValue) }) {
				t.Errorf("twice: %+v", found[i])
			}
		}
	})
}

// FuzzMessage holds that no message, whoever wrote parts of it, turns a grant
// away from what the fields of the entry name.
func FuzzMessage(f *testing.F) {
	template := fixture(f, "run-image-entries", "no-code.json")
	honest, err := Entry(template)
	if err != nil || len(honest.Findings) != 1 || !mayGrant(honest, honest.Findings[0]) {
		f.Fatalf("the template is no honest entry: %+v, %v", honest, err)
	}
	var entry map[string]any
	if err := json.Unmarshal(template, &entry); err != nil {
		f.Fatal(err)
	}
	message := entry["protoPayload"].(map[string]any)["status"].(map[string]any)["message"].(string)
	f.Add(message, []byte{})
	f.Add(message, []byte("evil"))
	f.Add(strings.Replace(message, "1111", "6666", 1), []byte{1, 2})
	f.Fuzz(func(t *testing.T, message string, data []byte) {
		payload := entry["protoPayload"].(map[string]any)
		payload["status"] = map[string]any{"code": 7, "message": message + assemble(data)}
		delete(payload["response"].(map[string]any), "status")
		forged, err := json.Marshal(entry)
		if err != nil {
			t.Skip(err)
		}
		e, err := Entry(forged)
		if err != nil {
			t.Skip(err)
		}
		for _, got := range e.Findings {
			if mayGrant(e, got) && got.Access != honest.Findings[0].Access {
				t.Errorf("the message aims at %+v", got)
			}
		}
	})
}

// FuzzJSON compares the decoder with the one of the standard library, which
// nests deeper, counts the bytes of what is not UTF-8 differently, and keeps
// the control characters that stand for a blank here.
func FuzzJSON(f *testing.F) {
	seed(f, ".json", ".any")
	f.Add([]byte(`{"logName":"\b\f"}`))
	blank := strings.NewReplacer("\b", " ", "\f", " ")
	f.Fuzz(func(t *testing.T, data []byte) {
		tr, err := decodeJSON(string(data))
		deep := err != nil && strings.Contains(err.Error(), "nested deeper")
		if json.Valid(data) && err != nil && !deep {
			t.Errorf("%q: %v", data, err)
		}
		var want struct {
			LogName string `json:"logName"`
		}
		if utf8.Valid(data) && json.Unmarshal(data, &want) == nil && err == nil && bytes.Count(bytes.ToLower(data), []byte("logname")) == 1 {
			if got := blank.Replace(tr.loose(root, "logName")); got != blank.Replace(want.LogName) && strings.Contains(string(data), `"logName"`) {
				t.Errorf("logName is %q, want %q", got, want.LogName)
			}
		}
	})
}

// FuzzDocuments checks that nothing depends on how the input is cut into
// reads.
func FuzzDocuments(f *testing.F) {
	seed(f, ".any", ".json")
	f.Fuzz(func(t *testing.T, data []byte) {
		whole := collect(t, bytes.NewReader(data))
		if diff := cmp.Diff(whole, collect(t, iotest.OneByteReader(bytes.NewReader(data)))); diff != "" {
			t.Errorf("(-whole +bytes):\n%s", diff)
		}
		if total := len(strings.Join(whole, "")); total > len(data) {
			t.Errorf("%d bytes from %d", total, len(data))
		}
		for range Documents(io.LimitReader(bytes.NewReader(data), 1)) {
			break
		}
	})
}

var byValue = cmpopts.EquateComparable(iam.Principal{}, iam.Permission{}, iam.Resource{}, iam.Image{}, iam.Project{})

// check holds what every finding must keep to, and that its names occur in the
// input.
func check(t *testing.T, input string, findings []Finding) {
	t.Helper()
	wellFormed(t, findings)
	haystack := squeeze(clean(input)) + "\n" + squeeze(clean(unwrap(input))) + "\n" + squeeze(clean(clean(input)))
	for _, f := range findings {
		for _, part := range parts(f) {
			if !strings.Contains(haystack, strings.ToLower(part)) {
				t.Errorf("%q does not occur in the input: %+v", part, f)
			}
		}
	}
}

// squeeze drops what may stand inside a name that is wrapped.
func squeeze(s string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\n", r) {
			return -1
		}
		return r
	}, s))
}

// parts cuts the names of a finding into what the input must hold. The words
// of resource names, hosts of registries and domains of agents may be
// implied.
func parts(f Finding) (all []string) {
	add := func(name string) {
		for _, part := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("/:@", r) }) {
			if _, implied := impliedParts[part]; !implied {
				all = append(all, strings.TrimSuffix(part, "-docker.pkg.dev"))
			}
		}
	}
	if number, ok := f.Access.Principal.ProjectNumber(); ok {
		add(number.String())
	} else {
		add(f.Access.Principal.Email())
	}
	gcr := strings.HasSuffix(f.Access.Resource.ID(), "gcr.io")
	for _, name := range []string{f.Access.Resource.String(), f.Image.String()} {
		if gcr {
			name = strings.Replace(name, "/locations/"+f.Access.Resource.Location()+"/", "/", 1)
			name = strings.TrimPrefix(name, f.Access.Resource.Location()+"-docker.pkg.dev/")
		}
		add(name)
	}
	add(f.Project.String())
	add(f.Number.String())
	add(f.Location)
	return all
}

var impliedParts = map[string]struct{}{
	"projects": {}, "locations": {}, "repositories": {}, "secrets": {}, "serviceAccounts": {}, "services": {}, "jobs": {},
	"workerPools": {}, "functions": {},
}

func wellFormed(t *testing.T, findings []Finding) {
	t.Helper()
	for _, f := range findings {
		roundTrips(t, f.Access.Principal, iam.ParsePrincipal)
		roundTrips(t, f.Access.Permission, iam.ParsePermission)
		roundTrips(t, f.Access.Resource, iam.ParseResource)
		roundTrips(t, f.Image, iam.ParseImage)
		roundTrips(t, f.Project, iam.ParseProject)
		roundTrips(t, f.Number, iam.ParseProject)
		if !f.Number.IsZero() && !f.Number.IsNumber() {
			t.Errorf("number is %q", f.Number)
		}
		if (f.Cause == "") != (f.Doubt == "") {
			t.Errorf("cause %q, doubt %q", f.Cause, f.Doubt)
		}
		if len(f.Message) > longestMessage || f.Message != visible(f.Message) {
			t.Errorf("message %q", f.Message)
		}
		if workload := f.Workload; strings.ContainsAny(workload, "\n\"'<>") || len(workload) > 100 {
			t.Errorf("workload %q", workload)
		}
	}
}

type name interface {
	comparable
	IsZero() bool
	String() string
}

func roundTrips[T name](t *testing.T, v T, parse func(string) (T, error)) {
	t.Helper()
	if v.IsZero() {
		return
	}
	again, err := parse(v.String())
	if err != nil || again != v {
		t.Errorf("%q parses as %q, %v", v.String(), again.String(), err)
	}
}
