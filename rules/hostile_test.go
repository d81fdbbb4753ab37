package rules

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile are files that keep a YAML parser busy, or that mean something else
// than they show.
var hostile = []struct {
	name   string
	policy string
	repeat string // up to the largest file
	want   string // one of the problems
}{
	{"lists in lists", "apiVersion: pullfix/v1\nmode: ", "[", "f:2:16: more than 10 lists and mappings in one another"},
	{"mappings in mappings", "apiVersion: pullfix/v1\nmode: ", "{a: ", "f:2:43: more than 10 lists and mappings in one another"},
	{"entries in entries", "mode:\n  ", "- ", "f:2:21: more than 10 lists and mappings in one another"},
	{"keys on one line", "", "a: ", "f:1:32: more than 10 lists and mappings in one another"},
	{"entries in brackets", "mode: [", " - ", `f:1:9: not YAML: "-" begins no entry of a list in brackets`},
	{"steps", steps(1000), "", "f:11:12: more than 10 lists and mappings in one another"},
	{"keys", "", "k: 1\n", "f:101:2: more than 100 keys in one mapping"},
	{"question marks", "", "? ", `f:1:1: a key after "?"`},
	{"commas", "mode: [", ",", "f:1:8: not YAML: "},
	{"texts", "mode: ", `"" `, "f:1:10: not YAML: "},
	{"anchors", "mode: ", "&a ", "f:1:7: an anchor: want the value itself"},
	{"aliases", "mode: [", "*a,", "f:1:8: an alias: want the value itself"},
	{"tags", "mode: ", "! ", "f:1:7: a tag: want the value itself"},
	{"documents", "a: 1\n", "---\na: 1\n", "f:2:1: a second document"},
	{"the end of a document, and more", "apiVersion: pullfix/v1\n...\nmode: enforce\n", "", "f:3:1: a second document"},
	{"empty lines in a text", "mode: |\n  a", "\n", "f:103:1: more than 100 empty lines in a row"},
	{"blank lines in a text", "mode: >\n  a\n", " \n", "f:103:1: more than 100 empty lines in a row"},
	{"empty lines below a long text", "mode: |\n  " + strings.Repeat("a", largestFile/2) + strings.Repeat("\n", 99) + "deny: []", "", "f:1:7: mode: 524289 characters: want at most 2000"},
	{"tabs in quotes", `mode: "`, "\t*", "f:1:8: a tab: want spaces"},
	{"quotes", "", `"`, "f:1:3: not YAML: "},
	{"a long word", "mode: ", "x", "f:1:7: mode: 1048570 characters: want at most 2000"},
	{"a long key", "", "x", "f:1:1: policy: want a mapping"},
	{"many long keys", "", strings.Repeat("x", 20_000) + ": 1\n", "f:1:1: policy: key \"xxx"},
	{"many problems", "deny:\n", "- {}\n", "f:101:3: there may be more: at most 100 are told at once"},
	{"many problems on one line", "deny: [" + strings.Repeat("{},", largestFile/3-10) + "]", "", "f:1:305: there may be more: at most 100 are told at once"},
	{"escapes", `mode: "` + strings.Repeat(`\n`, largestFile/2-10) + `"`, "", "f:1:7: mode: 524278 characters"},
	{"quotes in quotes", `mode: '` + strings.Repeat(`''`, largestFile/2-10) + `'`, "", "f:1:7: mode: 524278 characters"},
	{"unclosed", `mode: '`, `a `, "f:1:7: not YAML: could not find end"},

	{"a billion laughs", laughs(), "", `f:2:5: an anchor: want the value itself, in quotes where it begins with "&"`},
	{"a star without quotes", "apiVersion: pullfix/v1\ndeny: [{name: d, to: [**]}]", "", `f:2:23: an alias: want the value itself, in quotes where it begins with "*"`},
	{"a merge key", "apiVersion: pullfix/v1\n<<: {mode: enforce}\n", "", "f:2:1: a merge key: want the keys themselves"},
	{"binary", "apiVersion: pullfix/v1\nmode: !!binary b2JzZXJ2ZQ==\n", "", "f:2:7: a tag: want the value itself"},
	{"a tag on a key", "apiVersion: pullfix/v1\n!!str mode: enforce\n", "", "f:2:1: a tag: want the value itself"},
	{"a directive", "%YAML 1.1\n---\napiVersion: pullfix/v1\n", "", "f:1:1: a directive: want a policy"},
	{"a key twice", "apiVersion: pullfix/v1\nmode: observe\n\"mode\": enforce\n", "", `f:3:1: policy: key "mode" stands here a second time`},
	{"a key twice in a rule", "apiVersion: pullfix/v1\ndeny: [{name: a, name: b}]\n", "", `f:2:18: deny rule: key "name" stands here a second time`},
	{"a key twice in what is expected", "apiVersion: pullfix/v1\ntests: [{name: a, event: b, expect: {verdict: grant, verdict: alert}}]\n", "", `f:2:54: expect: key "verdict" stands here a second time`},
	{"NUL", "apiVersion: pullfix/v1\nmode: enforce\x00\n", "", "f:2:14: the character U+0000: want none that cannot be seen"},
	{"a letter for a terminal", "apiVersion: pullfix/v1 # \x1b[2J\n", "", "f:1:26: the character U+001B"},
	{"letters that turn", "apiVersion: pullfix/v1 # \u202eedoc\n", "", "f:1:26: the character U+202E"},
	{"a line that is none", "apiVersion: pullfix/v1 # \u2028mode: enforce\n", "", "f:1:26: the character U+2028"},
	{"a byte order mark in the middle", "apiVersion: pullfix/v1\n\ufeffmode: enforce\n", "", "f:2:1: the character U+FEFF"},
	{"UTF-16", "a\x00p\x00i\x00", "", "f:1:2: the character U+0000"},
	{"no UTF-8", "apiVersion: pullfix/v1\n# \xff\nmode: enforce\n", "", "f:2:3: the byte 0xff: want UTF-8"},
	{"carriage returns alone", "apiVersion: pullfix/v1\rmode: enforce\r", "", "f:1:23: a carriage return without a line feed"},
	{"a tab before a key", "apiVersion: pullfix/v1\nlimits:\n\tgrantsPerHour: 2\n", "", "f:3:1: a tab: want spaces"},
	{"an escape that is none", "apiVersion: pullfix/v1\nmode: \"enforce\\x2z\"\n", "", `f:2:15: not YAML: no such escape`},
	{"the other half", "apiVersion: pullfix/v1\nmode: \"\\ude00aaaaaaaaaaaa\"\n", "", `f:2:8: not YAML: no such escape`},
	{"too large a letter", "apiVersion: pullfix/v1\nmode: \"\\UFFFFFFFF\"\n", "", `f:2:8: not YAML: no such escape`},
	{"half a letter", "apiVersion: pullfix/v1\nmode: \"\\ud800\"\n", "", `f:2:8: not YAML: `},
	{"no letter by an escape", "apiVersion: pullfix/v1\nmode: \"a\\\"\\0\"\n", "", `f:2:7: mode: "a\"\x00": want no character that cannot be seen`},
	{"more behind the last brackets", "apiVersion: pullfix/v1\ndeny: [{name: d}]!x", "", "f:2:18: a tag"},
	{"a colon in brackets", "apiVersion: pullfix/v1\ndeny: [{name: d, members: [user:ann@example.com]}]", "", "f:2:28: members: want one text, in quotes where it has a colon"},
}

// steps is a mapping in a mapping in a mapping, one a line.
func steps(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// laughs would be a billion words (https://en.wikipedia.org/wiki/Billion_laughs_attack).
func laughs() string {
	s := "apiVersion: pullfix/v1\na0: &a0 [lol]\n"
	for i := range 9 {
		s += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 10), ","))
	}
	return s
}

// TestHostileFiles holds that whatever stands in a file, it is read in memory that
// grows with its size, and refused in words of bearable length. Time that grew
// with the square of the size would be hours.
func TestHostileFiles(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes one reader of large files take minutes, and finds nothing in it")
	}
	for _, test := range hostile {
		t.Run(test.name, func(t *testing.T) {
			policy := test.policy
			if test.repeat != "" {
				policy += strings.Repeat(test.repeat, (largestFile-len(policy))/len(test.repeat))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Parse("f", []byte(policy))
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains("\n"+err.Error(), "\n"+test.want) {
				t.Fatalf("got %.300v, want …%s…", err, test.want)
			}
			if wrong := misplaced([]byte(policy), err); wrong != nil {
				t.Error(wrong)
			}
			if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 2000 { // 600 are measured
				t.Errorf("took %d MB", mb)
			}
			if !utf8.ValidString(err.Error()) {
				t.Errorf("not UTF-8: %q", err)
			}
		})
	}
}

// TestWhatEditorsWrite takes what means nothing.
func TestWhatEditorsWrite(t *testing.T) {
	want := must(Parse("f", []byte(header+allowApps))).Digest()
	for name, policy := range map[string]string{
		"a byte order mark":    "\ufeff" + header + allowApps,
		"carriage returns":     strings.ReplaceAll(header+allowApps, "\n", "\r\n"),
		"blanks at the ends":   strings.ReplaceAll(header+allowApps, "\n", "  \n"),
		"marks of a document":  "---\n" + header + allowApps + "...\n# the end\n",
		"no end of the line":   strings.TrimSpace(header + allowApps),
		"letters of JSON":      strings.Replace(header+allowApps, "allow:", `tests: [{"name": "\ud83d\ude00\/\u00e9\U0001f600", "event": "e", "expect": {"verdict": "alert"}}]`+"\nallow:", 1),
		"quotes":               strings.Replace(header+allowApps, "apps\n", "\"\\x61pps\"\n", 1),
		"a text over lines":    strings.Replace(header+allowApps, "the platform", "the  \n\n      platform", 1),
		"a list over lines":    strings.Replace(header+allowApps, "[run-image]", "[\n      run-image ,  # why\n    ]", 1),
		"a block of text":      strings.Replace(header+allowApps, "the platform serves every app", "|\n\n      the platform\n        serves every app\n\n\n", 1),
		"letters of the world": strings.Replace(header+allowApps, "allow:", "allow: # für 日本 👩‍💻", 1),
	} {
		p, err := Parse("f", []byte(policy))
		if err != nil || p.Digest() != want {
			t.Errorf("%s: %v, or another digest:\n%s", name, err, policy)
		}
	}
}

// TestPositions puts a wrong word into all kinds of places, and wants the
// problem to be where it stands.
func TestPositions(t *testing.T) {
	const wrong = "WRONG"
	for _, policy := range []string{
		"mode: WRONG",
		"mode: WRONG   ",
		"mode:   WRONG # why  ",
		"mode:\n  WRONG  ",
		"mode: 'WRONG'",
		"deny: [{name: é, WRONG: 1}]",
		"# é\ndeny:\n- name: a\n  reason: \"é\n    é\"\n  kinds: [quota, WRONG]",
		"deny:\n- name: a\n  reason: |\n    a\n\n    b\n  kinds: [ quota , WRONG ]",
		"deny:\n- name: a\n  reason: a   \n    b   \n  kinds:   \n  - quota   \n  - WRONG   \n  - act-as",
		"deny:\n- name: a\n  reason: >-\n    a\n  WRONG : 1",
		"limits: {\n  maxEventAge: 1h, # é\n  repeatAlertsEvery: WRONG }",
		"limits:\n  \"WRONG\": 1",
		"tests:\n- {name: 'it''s', event: \"\\\"é\\u00e9\\\\\", expect: {verdict: WRONG}}",
	} {
		for name, change := range map[string]func(string) string{
			"as it is":          func(s string) string { return s },
			"carriage returns":  func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
			"a byte order mark": func(s string) string { return "\ufeff" + s },
		} {
			_, err := Parse("f", []byte(change("apiVersion: pullfix/v1\n"+policy)))
			var problems Problems
			errors.As(err, &problems)
			found := 0
			for _, p := range problems {
				line := []rune(p.Source)
				if rest := string(line[p.Column-1:]); strings.HasPrefix(strings.TrimLeft(rest, `"'`), wrong) {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%s: the problem is elsewhere: %v\n%s", name, err, policy)
			}
		}
	}
}

func TestALongLineIsShownNearTheMark(t *testing.T) {
	_, err := Parse("f", []byte("apiVersion: pullfix/v1\nlimits: {"+strings.Repeat(" ", 500)+"é: 1"+strings.Repeat(" ", 500)+"}"))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || utf8.RuneCountInString(lines[1]) > longestSource+10 {
		t.Fatalf("got %q", err)
	}
	if at := utf8.RuneCountInString(lines[2]) - 1; string([]rune(lines[1])[at]) != "é" {
		t.Errorf("the mark is not below é:\n%s", err)
	}
}
