package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/iam"
)

// TestSchemaAgreesWithReader tries every key with values that are right and
// values that are not.
func TestSchemaAgreesWithReader(t *testing.T) {
	schema := compileSchema(t)
	tried := 0
	for _, row := range schemaRows {
		for want, values := range map[bool][]string{true: row.right, false: row.wrong} {
			for _, value := range values {
				tried++
				policy := strings.ReplaceAll(row.policy, "$", value)
				if agree(t, schema, row.policy, []byte(policy)) != want {
					t.Errorf("valid is not %t:\n%s", want, policy)
				}
			}
		}
	}
	t.Logf("%d policies", tried)
	if tried < 300 {
		t.Errorf("tried %d policies, want at least 300", tried)
	}
}

const (
	anAllow = "apiVersion: pullfix/v1\nallow: [{name: a, kinds: [run-image], from: [projects/p], to: [projects/r/**], members: [cloud-run-agent]%s}]\n"
	aDeny   = "apiVersion: pullfix/v1\ndeny: [{name: d, %s}]\n"
	aTest   = "apiVersion: pullfix/v1\ntests: [%s]\n"
)

func allowWith(key string) string {
	const side = "{name: a, kinds: [run-image], from: [projects/p], to: [projects/r/**], members: [cloud-run-agent]}"
	at := strings.Index(side, key+": ") + len(key+": ")
	end := at + strings.IndexAny(side[at:], ",}")
	return "apiVersion: pullfix/v1\nallow: [" + side[:at] + "$" + side[end:] + "]\n"
}

// notLists are what no list may be.
var notLists = []string{"[]", "null", "~", "", "word", "1", "{a: b}", "[[]]", "[null]", "[1]", "[true]", "[{a: b}]", `[""]`, "[projects/p, 1]"}

var wrongNames = []string{
	`""`, "A", "a_b", "-a", "a b", "é", "1", "0x1f", "1.5", "true", "null", "[a]", "{a: b}", strings.Repeat("a", 64), "a.b", `"a\n"`, `" a"`,
}

var wrongProjects = []string{
	"projects/", "projects/a/b", "projects/a**", "projects/**", "projects/App", "projects/a_b", "projects/0123", "projects/a-", "projects/-a",
	"projects/" + strings.Repeat("a", 31), "projects/12345678901234567890", "projects/A*", "projects/1*", "projects/0*a", "projects/a@*", `"projects/example:a"`, `"projects/.com:a"`,
	`"projects/a "`, `"projects/a\n"`, "app-one", "project/a", "folders/", "folders/0", "folders/a", "folders/1*", "folders/1/2", "organizations/*", "Folders/1",
}

var rightProjects = []string{
	"projects/a", "projects/a1-b", "projects/" + strings.Repeat("a", 30), "projects/1", "projects/1234567890123456789", "projects/a*", `"projects/*a"`,
	"projects/*-a-*", "projects/*1", `"projects/3m.com:*"`, "projects/1a*", `"projects/example.com:a"`, `"projects/example.com:*"`, "folders/1", "organizations/1234567890123456789",
}

var wrongTargets = []string{
	"projects", "projects/", "projects/p/", "projects/p/*", "projects/p/secrets", "projects/p/secrets/", "projects/p/secrets/**", "projects/p/secrets/a/b",
	"projects/p/secrets/a/versions/1", "projects/p/locations/us", "projects/p/locations/**", "projects/p/locations/us/repositories",
	"projects/p/locations/us/repositories/**", "projects/p/locations/us/repos/a", "projects/p/locations/us/serviceAccounts/a", "projects/p/repositories/a",
	"projects/p/secrets/a**", "projects/p/secrets/a b", "projects/p/secrets/é", "projects/P/**", "projects/0/**", "projects/p-/**", "projects/p/**/secrets/a",
	"/projects/p", "//artifactregistry.googleapis.com/projects/p", "folders/1", "folders/1/**", "projects/p/**/", `"***"`, "projects/p/secrets/a/***",
}

var rightTargets = []string{
	"projects/p", "projects/p/**", "projects/123/**", "projects/p*/**", "projects/p/secrets/a", "projects/p/secrets/A_b-*", `"projects/p/secrets/*"`,
	"projects/p/secrets/a/**", "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com", "projects/p/locations/us/**", "projects/p/locations/*/repositories/a.b",
	"projects/p/locations/us/secrets/a", "projects/p/locations/us/services/*a*b*", "projects/p/locations/us/jobs/a/**", "projects/p/locations/us/workerPools/a",
	"projects/p/locations/us/functions/a", `"projects/example.com:p/**"`,
}

var rightAccounts = []string{
	"cloud-run-agent", "cloud-build", "compute-default", "artifact-registry-agent", "service-account",
	`"serviceAccount:build@app-one.iam.gserviceaccount.com"`, `"serviceAccount:1@cloudbuild.gserviceaccount.com"`, `"serviceAccount:a.b-c@x.gserviceaccount.com"`,
}

var wrongMembers = []string{
	"users", "User", "allUsers", `"serviceAccount:"`, `"serviceAccount:a@b"`, `"serviceAccount:A@p.iam.gserviceaccount.com"`, `"serviceAccount:a@gserviceaccount.com"`,
	`"serviceAccount:a@p.iam.gserviceaccount.com.evil.io"`, `"serviceAccount:-a@p.iam.gserviceaccount.com"`, `"serviceAccount:a@-p.gserviceaccount.com"`,
	`"user:ann"`, `"user:ann@example"`, `"user:@example.com"`, `"user:a b@example.com"`, `"user:ann@example.com@example.com"`, `"user:\u212a@example.com"`,
	`"user:` + strings.Repeat("a", 65) + `@example.com"`, `"domain:example"`, `"domain:-a.com"`, `"principal://iam.googleapis.com/"`, `"principal://evil/projects/1/x"`,
	`"principal://iam.googleapis.com/projects/p/locations/global/workloadIdentityPools/a/*"`,
	`"principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a"`,
	`"principal://iam.googleapis.com/locations/global/workforcePools/A/*"`,
	`"principal://iam.googleapis.com/locations/global/workforcePools/a/"`, `"serviceAccount:a@p.iam.gserviceaccount.com\n"`,
}

var people = []string{
	"user", `"user:ann@example.com"`, `"user:Ann.B+c%d_e@Example.COM"`, `"group:dev@example.com"`, `"domain:Example.com"`,
	`"principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p.svc.id.goog/subject/ns/a"`,
	`"principalSet://iam.googleapis.com/locations/global/workforcePools/p/*"`, `"principalSet://iam.googleapis.com/locations/global/workforcePools/p/group/a@b"`,
}

var durations = struct{ right, wrong []string }{
	right: []string{"6h", "90m", "1h30m", "+1h", "1.5h", "0.5s", ".5h", "1.h", "0h1m", "100ms", "1us", "1µs", `"1μs"`, "1ns", "6h0m0s", "30m1h"},
	wrong: []string{"0", "0s", "0h0m", "-1h", "6", "1d", "h", ".h", "1 h", `""`, "6h ago", "1e3s", "true", "null", "[6h]", "{h: 6}", `" 6h"`, "٣h"},
}

var texts500 = struct{ right, wrong []string }{
	right: []string{"word", "two words", `"1"`, `"é\n"`, `"a\tb"`, strings.Repeat("a", 500), "'*'"},
	wrong: []string{`""`, "1", "1.5", "true", "null", "[a]", "{a: b}", `"a\0"`, `"a\e[31m"`, `"a\u202eb"`, `"a\x85"`, `"\uFEFF"`, `"\L"`},
}

// list puts every value into brackets.
func inList(values ...[]string) (all []string) {
	for _, more := range values {
		for _, v := range more {
			all = append(all, "["+v+"]")
		}
	}
	return all
}

func together(values ...[]string) (all []string) {
	for _, more := range values {
		all = append(all, more...)
	}
	return all
}

var schemaRows = []struct {
	policy       string // with $ where the values go
	right, wrong []string
}{
	{"$", []string{"apiVersion: pullfix/v1", `{"apiVersion":"pullfix/v1"}`}, []string{
		"{}", "[]", "word", "mode: observe", "apiVersion: pullfix/v2", "apiVersion: 1", "apiVersion: null", "apiVersion: [pullfix/v1]", "apiVersion: \"pullfix/v1 \"",
		"ApiVersion: pullfix/v1", "apiVersion: pullfix/v1\nallows: []", "apiVersion: pullfix/v1\nrules: []", "apiVersion: pullfix/v1\n1: a", "apiVersion: pullfix/v1\n\"\": a",
	}},
	{header[:23] + "mode: $\n", []string{"observe", "enforce", `"observe"`}, []string{"Observe", "dry-run", `""`, "null", "true", "1", "[observe]", "{}"}},
	{header + "limits: $\n", []string{"{}", "{grantsPerHour: 0}", "{maxEventAge: 1h, repeatAlertsEvery: 2h}"}, []string{"null", "[]", "1", "word", "{perHour: 1}", "{grantsPerHours: 1}"}},
	{header + "limits: {grantsPerHour: $}\n", []string{"0", "1", "20", "1000000"}, []string{"-1", "1000001", "1.5", "many", `"20"`, "null", "true", "[1]", "1e9", ".inf", ".nan", "99999999999999999999999"}},
	{header + "limits: {maxEventAge: $}\n", durations.right, durations.wrong},
	{header + "limits: {repeatAlertsEvery: $}\n", durations.right, durations.wrong},

	{header + "allow: $\n", nil, together(notLists, inList([]string{
		"{}", "{name: a}", "{name: a, from: [projects/p], to: [projects/r/**], members: [cloud-run-agent]}",
		"{name: a, kinds: [run-image], to: [projects/r/**], members: [cloud-run-agent]}", "{name: a, kinds: [run-image], from: [projects/p], members: [cloud-run-agent]}",
		"{name: a, kinds: [run-image], from: [projects/p], to: [projects/r/**]}", "{kinds: [run-image], from: [projects/p], to: [projects/r/**], members: [cloud-run-agent]}",
	}))},
	{allowWith("name"), []string{"a", "1a", "a-", "x", strings.Repeat("a", 63), `"123"`, `"true"`}, wrongNames},
	{allowWith("kinds"), together(inList(grantable), []string{"[run-image, invoker, run-image]"}), together(notLists, inList([]string{
		"act-as", "run-permission", "not-found", "other-permission", "quota", "run-imag", "RUN-IMAGE", `" run-image"`,
	}))},
	{allowWith("from"), inList(rightProjects), together(notLists, inList(wrongProjects, []string{"projects/*"}))},
	{allowWith("to"), inList(rightTargets), together(notLists, inList(wrongTargets, []string{"**", `"**"`, "projects/*", "projects/*/**", "projects/*/secrets/a"}))},
	{allowWith("members"), inList(rightAccounts), together(notLists, inList(people, wrongMembers))},
	{fmt.Sprintf(anAllow, ", roles: $"), together(inList(texts(grantableRoles)), []string{"[roles/run.invoker, roles/run.invoker]"}), together(notLists, inList([]string{
		"roles/owner", "roles/artifactregistry.admin", "roles/run.developer", "projects/p/roles/x", "artifactregistry.reader", "roles/run.Invoker",
	}))},
	{fmt.Sprintf(anAllow, ", mode: $"), []string{"observe", "enforce"}, []string{"dry-run", "true", "null", "[observe]"}},
	{fmt.Sprintf(anAllow, ", unverified: $"), []string{"allow", `"allow"`}, []string{"true", "deny", "yes", "null", "[allow]", "1"}},
	{fmt.Sprintf(anAllow, ", notify: $"), []string{"[a]", "[on-call, on-call]"}, together(notLists, inList(wrongNames))},
	{fmt.Sprintf(anAllow, ", reason: $"), texts500.right, together(texts500.wrong, []string{strings.Repeat("a", 501), `" "`, `"\n\t"`, `"\u00a0\u3000"`})},
	{fmt.Sprintf(anAllow, ", $: [a]"), []string{"notify"}, []string{"Notify", "names", "role", "to ", "limit", "1", "null", "tests"}},

	{header + "deny: $\n", []string{"[{name: d}]", "[{name: d}, {name: e}]"}, together(notLists, []string{"[{}]", "[{kinds: [quota]}]", "[{name: d}, {}]", "[{name: d, roles: [roles/run.invoker]}]", "[{name: d, mode: observe}]", "[{name: d, unverified: allow}]"})},
	{fmt.Sprintf(aDeny, "kinds: $"), inList(iam.KindNames()), notLists},
	{fmt.Sprintf(aDeny, "from: $"), inList(rightProjects, []string{`"projects/*"`}), together(notLists, inList(wrongProjects))},
	{fmt.Sprintf(aDeny, "to: $"), inList(rightTargets, []string{`"**"`, `"projects/*"`, `"projects/*/**"`}), together(notLists, inList(wrongTargets))},
	{fmt.Sprintf(aDeny, "members: $"), inList(rightAccounts, people), together(notLists, inList(wrongMembers))},
	{fmt.Sprintf(aDeny, "notify: $"), []string{"[a]", `["1"]`}, together(notLists, inList(wrongNames))},
	{fmt.Sprintf(aDeny, "reason: $"), texts500.right, texts500.wrong},
	{header + "deny:\n- name: d\n  reason: $\n", together(texts500.right, []string{"|\n    a\n\n    b", ">-\n    a\n    b", "a\n    b", "\"a\n    b\""}), texts500.wrong},

	{header + "ignore: $\n", []string{
		"[{name: i, kinds: [quota]}]", "[{name: i, from: [projects/p]}]", `[{name: i, to: ["**"]}]`, "[{name: i, members: [user], reason: a, notify: [a]}]",
	}, together(notLists, []string{"[{name: i}]", "[{name: i, reason: a}]", "[{name: i, notify: [a]}]", "[{kinds: [quota]}]", "[{name: i, kinds: [quota], roles: [roles/run.invoker]}]", "[{name: i, kinds: [quota], mode: observe}]"})},

	{header + "notify: [$]\n", []string{
		"{name: a, type: slack-webhook, target: env:A}", "{name: a, type: slack-webhook, target: projects/p/secrets/s/versions/latest, verdicts: [alert]}",
		"{name: a, type: slack, target: C0123456789, secret: env:A}", `{name: a, type: slack, target: "#deploys", server: "https://slack-gov.com/api", secret: projects/p/secrets/s/versions/1, template: "{{.Title}}"}`,
		"{name: a, type: email, target: a@b, server: s, from: f}", "{name: a, type: email, target: a@b, server: s, from: f, secret: env:A, verdicts: [grant, alert]}",
	}, []string{
		"", "{}", "word", "{name: a}", "{name: a, type: slack}", "{type: slack-webhook, target: env:A}", "{name: a, target: env:A}", "{name: a, type: slack-webhook}",
		"{name: a, type: teams, target: env:A}", "{name: a, type: slack-webhook, target: env:A, secret: env:B}", "{name: a, type: slack-webhook, target: env:A, server: s}",
		"{name: a, type: slack, target: C0123456789}", "{name: a, type: slack, target: deploys, secret: env:A}", "{name: a, type: slack, target: C0123456789, secret: env:A, from: f}",
		"{name: a, type: email, target: a@b, from: f}", "{name: a, type: email, target: a@b, server: s}", "{name: A, type: slack-webhook, target: env:A}",
		"{name: a, type: slack-webhook, target: env:A, verdict: [alert]}", "{name: a, type: 1, target: env:A}",
	}},
	{header + "notify: [{name: a, type: slack-webhook, target: $}]\n", []string{"env:A_1", "env:a", "projects/p-1/secrets/S_s-1/versions/12", `"projects/example.com:p/secrets/s/versions/latest"`}, []string{
		"", "null", "1", "[env:A]", "env:", "env:1A", "env:A-B", "ENV:A", "hunter2", `"https://hooks.slack.com/services/a"`, "projects/p/secrets/s", "projects/p/secrets/s/versions/0",
		"projects/p/secrets/s/versions/01", "projects/p/secrets/s/versions/newest", "projects/P/secrets/s/versions/1", "projects/p/locations/us/secrets/s/versions/1", `" env:A"`, `"env:A\n"`,
	}},
	{header + "notify: [{name: a, type: slack-webhook, target: env:A, verdicts: $}]\n", []string{"[grant]", "[alert, grant]", "[alert, alert]"}, together(notLists, inList([]string{"ignore", "Grant", "observe"}))},
	{header + "notify: [{name: a, type: slack-webhook, target: env:A, template: $}]\n", texts500.right, together(texts500.wrong, []string{`" "`, `"\n\t"`})},
	{header + "notify:\n- name: a\n  type: slack-webhook\n  target: env:A\n  template: $\n", []string{"|\n    {{.Title}}\n\n    b", ">-\n    a\n    b", "a\n    b", strings.Repeat("a", 10_000)}, []string{"|\n", strings.Repeat("a", 10_001)}},
	{header + "notify: $\n", nil, notLists},

	{fmt.Sprintf(aTest, "$"), []string{
		"{name: t, event: e.json, expect: {verdict: grant}}", "{name: t, event: e.json, above: [folders/1], expect: {verdict: alert, rule: a}}",
	}, []string{
		"", "{}", "word", "{event: e.json, expect: {verdict: grant}}", "{name: t, expect: {verdict: grant}}", "{name: t, event: e.json}",
		"{name: t, event: e.json, expect: {}}", "{name: t, event: e.json, expect: null}", "{name: t, event: e.json, expect: grant}", "{name: t, event: e.json, expect: [grant]}",
		"{name: t, event: e.json, expect: {rule: a}}", "{name: t, event: e.json, expect: {verdict: grant, mode: observe}}", "{name: t, event: e.json, expect: {verdict: grant}, rule: a}",
	}},
	{fmt.Sprintf(aTest, "{name: $, event: e, expect: {verdict: grant}}"), texts500.right, texts500.wrong},
	{fmt.Sprintf(aTest, "{name: t, event: $, expect: {verdict: grant}}"), []string{"a/b.json", "../a", `" "`, strings.Repeat("a", 2000)}, together(texts500.wrong, []string{strings.Repeat("a", 2001)})},
	{
		fmt.Sprintf(aTest, "{name: t, event: e, numbers: $, expect: {verdict: grant}}"),
		[]string{"[app-one=1, b=2222]", `["example.com:a=3"]`},
		together(notLists, inList([]string{"a", "a=", "=1", "a=b", "1=1", "a=0", "a=01", "A=1", "a=1=2", "a = 1", "projects/a=1", `"a: 1"`})),
	},
	{fmt.Sprintf(aTest, "{name: t, event: e, above: $, expect: {verdict: grant}}"), []string{"[folders/1, organizations/2]"}, together(notLists, inList([]string{"projects/p", "folders/a", "folders/0", "organizations/1*"}))},
	{fmt.Sprintf(aTest, "{name: t, event: e, expect: {verdict: $}}"), verdictNames[:], []string{"granted", "Grant", "null", "1", "[grant]", `""`}},
	{fmt.Sprintf(aTest, "{name: t, event: e, expect: {verdict: grant, rule: $}}"), []string{"a", `"1"`}, wrongNames},
}
