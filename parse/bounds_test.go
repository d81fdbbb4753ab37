package parse

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestManyFindings holds that an entry with too many findings for anybody
// still has too many, though not all of them.
func TestManyFindings(t *testing.T) {
	const tooMany = 20
	for name, many := range map[string]func(n int) string{
		"permissions": func(n int) string {
			return callEntry(`"message":"x"`, `"authorizationInfo":[`+list(`{"permission":"a.b.c%d"},`, n)+`]`)
		},
		"details": func(n int) string {
			return callEntry(`"message":"x","details":[`+list(`{"reason":"IAM_PERMISSION_DENIED","metadata":{"permission":"a.b.c%d"}},`, n)+`]`, `"a":1`)
		},
		"sentences": func(n int) string { return callEntry(`"message":"`+list(manyPlain, n)+`"`, `"a":1`) },
		"downloads": func(n int) string { return callEntry(`"message":"`+list(manyDownloads, n)+`"`, `"a":1`) },
		"secrets":   func(n int) string { return deployEntry(list(manySecrets, n), `"a":1`) },
		"conditions": func(n int) string {
			return strings.Replace(deployEntry("", `"status":{"conditions":[`+list(`{"type":"Ready","status":"False","message":"`+manyPlain+`"},`, n)+`]}`), `"message":""`, `"a":""`, 1)
		},
		"plain text": func(n int) string {
			return `{"logName":"projects/p/logs/l","textPayload":"` + list(manyPlain, n) + `"}`
		},
	} {
		for _, n := range []int{3, 21, 5000} {
			e, err := Entry([]byte(many(n)))
			if got := len(e.Findings); err != nil || n <= tooMany && got != n || n > tooMany && (got <= tooMany || got > mostFindings) {
				t.Errorf("%d %s: got %d findings and error %v", n, name, got, err)
			}
		}
	}
}

// list returns the form n times, with numbers.
func list(form string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, form, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// TestPartlyRead holds that no grant comes of an entry that is not read to its
// end: what is not read may contradict what is.
func TestPartlyRead(t *testing.T) {
	again := strings.Repeat
	const perimeter = " Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: xyz"
	for name, test := range map[string]struct{ from, to string }{
		"a long message":  {"SENTENCE", "SENTENCE" + again("x ", longestText/2) + perimeter},
		"many addresses":  {"SENTENCE", "SENTENCE" + again(" gcr.io/p/i", mostTold) + perimeter},
		"many sentences":  {"SENTENCE", again("SENTENCE ", mostTold) + perimeter},
		"many containers": {`"containers":[`, `"containers":[` + again(`{"image":"us-docker.pkg.dev/shared/apps/web:v1"},`, mostContainers)},
		"many refusals": {`"protoPayload":{`, `"protoPayload":{"authorizationInfo":[` +
			list(`{"permission":"a.b.c%d","granted":false},`, mostRefused+1) + `],`},
		"long conditions": {`"conditions":[`, `"conditions":[{"type":"Ready","status":"False","message":"` + again("x ", longestText/2) + `"},`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, may := readHonest(t, test.from, test.to); may != 0 {
				t.Errorf("%d findings may lead to a grant", may)
			}
		})
	}
	aliases := list("a%d:b,", mostReferences)
	for name, entry := range map[string]string{
		"many aliases":   secretEntry("projects/app-one/secrets/key", aliases+",key:projects/other/secrets/key", "key"),
		"many variables": secretEntry("projects/app-one/secrets/key", "", append([]string{"key"}, strings.Split(again("key ", mostReferences), " ")...)...),
	} {
		e, err := Entry([]byte(entry))
		if err != nil || len(e.Findings) != 1 || e.Findings[0].Cause != CauseIncomplete {
			t.Errorf("%s: got %+v and error %v, want one finding that is incomplete", name, e.Findings, err)
		}
	}
}

// TestNothingAtTheBeginning holds that an entry is not taken for a success
// because the denial stands where nobody reads.
func TestNothingAtTheBeginning(t *testing.T) {
	if e, err := Entry([]byte(deployEntry(strings.Repeat("x ", longestText/2)+manyImages, `"a":1`))); err == nil || len(e.Findings) != 0 {
		t.Errorf("got %+v and error %v, want an error", e.Findings, err)
	}
}

// TestLongStrings holds that no string of a finding is long, whatever the entry
// holds.
func TestLongStrings(t *testing.T) {
	const longest = 4 << 10
	private := strings.Repeat("\ue000", 150<<10/len("\ue000"))
	keys := []string{
		"message", "serviceName", "principalSubject", "principalEmail", "resourceName", "requestUrl", "resource", "permission",
		"image", "serviceAccountName", "location", "service_name", "project_id", "namespace", "name", "reason", "logName",
	}
	var entries []any
	archive, err := txtar.ParseFile("testdata/run-image-entries.txtar")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{strings.ReplaceAll(honestEntry, "SENTENCE", honestSentence), secretEntry("projects/222/secrets/key", "a:b", "c"), callEntry(
		`"message":"permission 'artifactregistry.repositories.downloadArtifacts' denied on resource 'projects/p/locations/l/repositories/r'"`,
		`"resourceName":"projects/p/locations/l/repositories/s","request":{"requestUrl":"/v2/p/r/i/manifests/v1"},`+
			`"authenticationInfo":{"principalEmail":"a@example.com","principalSubject":"user:b@example.com"},`+
			`"authorizationInfo":[{"permission":"artifactregistry.repositories.downloadArtifacts","resource":"projects/p/locations/l/repositories/r"}]`)}
	for _, f := range archive.Files {
		if strings.HasSuffix(f.Name, ".json") && len(texts) < 4 {
			texts = append(texts, string(f.Data))
		}
	}
	for _, text := range texts {
		for _, change := range []func(string) string{
			func(s string) string { return s + private },
			func(s string) string { return s + " " + private },
			func(s string) string { return private + " " + s },
			func(string) string { return private },
			func(string) string { return "permission " + private + " denied" },
		} {
			var entry any
			if err := json.Unmarshal([]byte(text), &entry); err != nil {
				t.Fatal(err)
			}
			entries = append(entries, changed(entry, "", change))
			for _, name := range keys {
				entries = append(entries, changed(entry, name, change))
			}
		}
	}
	found := 0
	for _, entry := range entries {
		data, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		e, err := Entry(data)
		if err != nil && len(err.Error()) > longest {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
		for _, f := range e.Findings {
			found++
			if n := longestString(reflect.ValueOf(f)); n > longest {
				t.Errorf("a string of %d bytes in %.5000q", n, fmt.Sprintf("%+v", f))
			}
			if len(f.Doubt) > longestDoubt || f.Doubt != visible(f.Doubt) {
				t.Errorf("doubt %q", f.Doubt)
			}
		}
	}
	if found < len(entries)/2 {
		t.Errorf("%d findings in %d entries", found, len(entries))
	}
}

// changed returns the value with each string changed that has the key, or has
// any where that is "".
func changed(v any, key string, change func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, member := range v {
			s, is := member.(string)
			switch {
			case is && (key == k || key == "" && k != "timestamp" && k != "status" && k != "type"):
				m[k] = change(s)
			default:
				m[k] = changed(member, key, change)
			}
		}
		return m
	case []any:
		var all []any
		for _, element := range v {
			all = append(all, changed(element, key, change))
		}
		return all
	default:
		return v
	}
}

// longestString returns the length of the longest string in a value.
func longestString(v reflect.Value) int {
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Struct:
		n := 0
		for _, field := range v.Fields() {
			n = max(n, longestString(field))
		}
		return n
	default:
		return 0
	}
}

func TestLongDoubts(t *testing.T) {
	for _, why := range []string{"short", strings.Repeat("x", longestDoubt), strings.Repeat("x", longestDoubt+1), strings.Repeat("\x01", longestDoubt-1), strings.Repeat("ä", 1<<20)} {
		var f Finding
		f.doubt(CauseDisagrees, why)
		if long := len(visible(why)) > longestDoubt; len(f.Doubt) > longestDoubt || strings.HasSuffix(f.Doubt, "…") != long || !long && f.Doubt != why {
			t.Errorf("%.50q of %d bytes becomes %q", why, len(why), f.Doubt)
		}
	}
}

func TestEscapedKeys(t *testing.T) {
	for _, escaped := range []string{`code`, `\u0063ode`, `c\u006fde`, `cod\u0065`, `cod\u0065x`, `c\u006f`, `c\node`, `\ud83d\ude00`, `\ud83d`, `\u00zz`, `a\/b`, `a\"b`, `\`, ``} {
		for _, s := range []string{"code", "co", "codex", "c\node", "😀", "\ufffd", "a/b", `a"b`, "", unescape(escaped)} {
			if got, want := spells(escaped, s), unescape(escaped) == s; got != want {
				t.Errorf("%s spells %q: got %t, want %t", escaped, s, got, want)
			}
		}
	}
}
