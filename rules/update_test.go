package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testedRules = header + `allow:
  - {name: apps, kinds: [run-image], from: [projects/app-*], to: [projects/shared/**], members: [cloud-run-agent]} # é
`

func TestRewrite(t *testing.T) {
	grant := Expect{Grant, "other"}
	none := Expect{Verdict: Alert}
	for _, test := range []struct {
		name, before string
		want         Expect
		after        string // "" where it cannot be changed in place
	}{
		{"flow", "{verdict: alert, rule: apps}", grant, "{verdict: grant, rule: other}"},
		{"the verdict alone", "{verdict: alert}", grant, "{verdict: grant}"},
		{"the rule alone", "{verdict: grant, rule: apps}", grant, "{verdict: grant, rule: other}"},
		{"double quotes", `{"verdict":"alert","rule":"apps"} # why`, grant, `{"verdict":"grant","rule":"other"} # why`},
		{"single quotes", "{ 'rule' : 'apps' , 'verdict' : 'alert' }", grant, "{ 'rule' : 'other' , 'verdict' : 'grant' }"},
		{"an escape", `{verdict: "al\u0065rt", rule: "\x61pps"}`, grant, `{verdict: "grant", rule: "other"}`},
		{"a number", "{verdict: grant, rule: apps}", Expect{Grant, "0x1f"}, `{verdict: grant, rule: "0x1f"}`},
		{"a name that YAML reads", "{verdict: grant, rule: apps}", Expect{Grant, "null"}, `{verdict: grant, rule: "null"}`},
		{"the same name in quotes", "{verdict: grant, rule: 'apps'}", Expect{Grant, "null"}, `{verdict: grant, rule: 'null'}`},
		{"block", "\n      verdict: alert  # é: not yet\n      # soon\n      rule: apps", grant, "\n      verdict: grant  # é: not yet\n      # soon\n      rule: other"},
		{"values on lines of their own", "\n      rule:\n        apps\n      verdict:   \n        alert", grant, "\n      rule:\n        other\n      verdict:   \n        grant"},
		{"blanks at the ends", "\n      verdict : alert  \n      rule  :  apps   \n\n", grant, "\n      verdict : grant  \n      rule  :  other   \n\n"},
		{"flow over lines", "{\n      verdict: alert, # é, x\n      rule: apps }", grant, "{\n      verdict: grant, # é, x\n      rule: other }"},
		{"a block of text", "\n      verdict: >-\n        alert\n      rule: apps", grant, ""},

		{"no rule", "{verdict: grant, rule: apps}", none, "{verdict: alert}"},
		{"no rule, with blanks", "{ verdict: grant , rule: 'apps' } # why", none, "{ verdict: alert  } # why"},
		{"no rule, where it is first", "{rule: apps, verdict: grant}", none, "{verdict: alert}"},
		{"no rule, before a comma at the end", "{verdict: grant, rule: apps, }", none, "{verdict: alert, }"},
		{"no rule, before a comma at the end of the line", "{verdict: grant, rule: apps,\n     }", none, "{verdict: alert,\n     }"},
		{"no rule in a block", "\n      verdict: grant # why\n      rule: apps  \n", none, "\n      verdict: alert # why\n"},
		{"no rule in a block, where it is first", "\n      rule:\n        apps\n      verdict: grant", none, "\n      verdict: alert"},
		{"no rule, and a comment", "\n      verdict: grant\n      rule: apps  # the shared ones\n", none, "\n      verdict: alert\n      # the shared ones\n"},
		{"no rule, over lines", "{\n      verdict: grant,\n      rule: apps\n      }", none, "{\n      verdict: alert\n      }"},
		{"no rule, over lines, a comma at the end", "{\n      verdict: grant,\n      rule: apps, # why\n      }", none, "{\n      verdict: alert,\n      # why\n      }"},
		{"no rule, a comment before the comma", "{\n      verdict: grant # why\n      , rule: apps}", none, ""},
	} {
		for end, name := range map[string]string{"\n": test.name, "\r\n": test.name + ", CRLF"} {
			t.Run(name, func(t *testing.T) {
				file := func(expect string) string {
					const other = "  - {name: é, event: e.json, expect: {verdict: ignore, rule: apps}} # kept\n"
					return strings.ReplaceAll(testedRules+"tests: # kept\n"+other+"  - event: e.json\n    expect: "+expect+"\n    name: \"a \\u00e9\"\n"+other, "\n", end)
				}
				got, err := Rewrite("rules.yaml", []byte(file(test.before)), map[int]Expect{1: test.want})
				if test.after == "" {
					if err == nil || !strings.Contains(err.Error(), "by hand") {
						t.Errorf("got error %v and\n%s\nwant one that says to change it by hand", err, got)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(file(test.after), string(got)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		}
	}
}

func TestRewriteSeveral(t *testing.T) {
	const before = testedRules + `tests:
- {name: a, event: e.json, expect: {verdict: grant, rule: apps}}
- {name: b, event: e.json, expect: {verdict: grant, rule: apps}}
- {name: c, event: e.json, expect: {verdict: grant, rule: apps}}`
	const after = testedRules + `tests:
- {name: a, event: e.json, expect: {verdict: alert}}
- {name: b, event: e.json, expect: {verdict: grant, rule: apps}}
- {name: c, event: e.json, expect: {verdict: ignore, rule: x}}`
	got, err := Rewrite("rules.yaml", []byte(before), map[int]Expect{2: {Ignore, "x"}, 0: {Verdict: Alert}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(after, string(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	const flow = "\ufeff{apiVersion: pullfix/v1, tests: [{name: é, event: e.json, expect: {verdict: grant}}]}"
	got, err = Rewrite("rules.yaml", []byte(flow), map[int]Expect{0: {Ignore, "x"}})
	if want := strings.Replace(flow, "grant", "ignore", 1); err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := Rewrite("rules.yaml", []byte("nonsense"), nil); err == nil {
		t.Error("a file that is not valid was rewritten")
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add("tests:\n- {name: a, event: e, expect: {verdict: grant, rule: a}}\n", "ignore", "other")
	f.Add("tests:\r\n- name: a\r\n  event: e # é\r\n  expect:\r\n    'rule' :  \"\\x61pps\"  \r\n\r\n    verdict: alert # é\r\n", "grant", "")
	f.Add("tests: [{expect: {\n rule: a\n, verdict: alert,\n}, name: é, event: e}]", "alert", "null")
	f.Fuzz(func(t *testing.T, text, verdict, rule string) {
		text = "apiVersion: pullfix/v1\n" + text
		p, err := Parse("rules.yaml", []byte(text))
		if err != nil || len(p.Tests()) == 0 {
			return
		}
		want := Expect{Rule: rule}
		for want.Verdict < Ignore && want.Verdict.String() != verdict {
			want.Verdict++
		}
		after, err := Rewrite("rules.yaml", []byte(text), map[int]Expect{0: want})
		if err != nil {
			return
		}
		q, err := Parse("rules.yaml", after)
		if err != nil {
			t.Fatal(err)
		}
		got := q.Tests()[0]
		if got.Verdict != want.Verdict.String() || got.Rule != rule && p.Tests()[0].Rule != "" {
			t.Errorf("got a test that expects %s, %q, want %+v:\n%s", got.Verdict, got.Rule, want, after)
		}
	})
}
