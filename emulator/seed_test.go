package emulator

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
)

// designSeed has every key that the format has.
const designSeed = `projects:
  - {id: app-one, number: 111111111111, parent: folders/222}
folders:
  - name: folders/222
    parent: organizations/333
repositories:
  - name: projects/shared-images/locations/us-central1/repositories/apps
    format: docker                    # docker npm python maven …
    mode: standard                    # standard remote virtual
    images: ["web:v1", "team/api@sha256:0000000000000000000000000000000000000000000000000000000000000000"]
    rules: [{action: DENY, operation: DOWNLOAD, package: web}]
    policy:
      bindings:
        - {role: roles/artifactregistry.reader, members: ["group:dev@example.com"]}
        - {role: roles/artifactregistry.writer, members: ["serviceAccount:b@p.iam.gserviceaccount.com"], condition: {title: t, expression: "request.time < timestamp('2030-01-01T00:00:00Z')"}}
  - {name: projects/p/locations/us/repositories/hub, mode: remote, upstreamSecret: projects/p/secrets/s/versions/latest}
  - {name: projects/p/locations/us/repositories/all, mode: virtual, upstreams: [projects/p/locations/us/repositories/hub]}
secrets:
  - {name: projects/p/secrets/s, value: hunter2}
services:
  - {name: projects/p/locations/us-central1/services/web}
jobs:
  - {name: projects/p/locations/us-central1/jobs/nightly}
workerPools:
  - {name: projects/p/locations/us-central1/workerPools/queue}
serviceAccounts:
  - {name: projects/p/serviceAccounts/a@p.iam.gserviceaccount.com}
missingMembers: ["serviceAccount:service-9@serverless-robot-prod.iam.gserviceaccount.com"]
caller: pullfix@p.iam.gserviceaccount.com # of every call, for the audit log
logs: [entries.jsonl]                 # what Cloud Logging already holds
latency: 50ms                         # added to every call
faults:
  - {method: SetIamPolicy, code: UNAVAILABLE, times: 2}
  - {method: "*", code: ABORTED, afterWrite: true, resource: projects/p/secrets/s, message: lost}
`

func readStub(path string) ([]byte, error) {
	if path != "folder/entries.jsonl" {
		return nil, fs.ErrNotExist
	}
	return []byte(`{"logName":"projects/p/logs/a","timestamp":"2026-01-01T00:00:00Z","textPayload":"x"}`), nil
}

func TestSeed(t *testing.T) {
	s, err := parseSeed("folder/seed.yaml", []byte(designSeed), readStub)
	if err != nil {
		t.Fatal(err)
	}
	want := []fault{
		{method: "SetIamPolicy", code: codes.Unavailable, times: 2, message: "SetIamPolicy: a fault of the seed"},
		{method: "*", code: codes.Aborted, times: 1, afterWrite: true, resource: "projects/p/secrets/s", message: "lost"},
	}
	if d := cmp.Diff(want, s.faults, cmp.AllowUnexported(fault{})); d != "" {
		t.Error(d)
	}
	if len(s.projects) != 1 || len(s.folders) != 1 || len(s.repositories) != 3 || len(s.secrets) != 1 || len(s.workloads) != 3 ||
		len(s.policies) != 8 || len(s.missing) != 1 || s.caller != "pullfix@p.iam.gserviceaccount.com" || len(s.entries) != 1 || s.latency.String() != "50ms" {
		t.Errorf("got %+v", s)
	}
	for _, text := range []string{"", "# nothing\n", "repositories:\n", "---\n"} {
		if _, err := ParseSeed("seed.yaml", []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSeedErrors(t *testing.T) {
	const repository = "repositories:\n  - name: projects/p/locations/l/repositories/r\n    "
	for name, test := range map[string]struct{ text, want string }{
		"unknown key":      {"projects:\n  - {id: a, number: 1, zone: x}", `seed.yaml:2:24: unknown field "zone"`},
		"unknown list":     {"repos: []", `seed.yaml:1:1: unknown field "repos"`},
		"duplicate key":    {"secrets: []\nsecrets: []", "seed.yaml:2:1: mapping key \"secrets\" already defined"},
		"nested duplicate": {"projects: [{id: a, number: 1, id: b}]", "seed.yaml:1:31: mapping key"},
		"syntax":           {"projects: [", "seed.yaml:1:"},
		"not a list":       {"projects: 7", "seed.yaml:1:11: "},
		"not a mapping":    {"projects: [7]", "seed.yaml:1:12: want a mapping"},
		"not a text":       {"missingMembers: [[x]]", "seed.yaml:1:18: want a text or a number"},
		"alias":            {"projects: &x []\nfolders: *x", "no anchors, aliases"},
		"two documents":    {"projects: []\n---\nprojects: []", "seed.yaml:3:"},

		"missing name":       {"secrets:\n  - value: x", "seed.yaml:2:5: name: want projects/P/secrets/S, found nothing"},
		"missing number":     {"projects: [{id: a}]", "seed.yaml:1:13: number: want a project number, found nothing"},
		"bad repository":     {"repositories:\n  - name: projects/p/repositories/r", "seed.yaml:2:11: name \"projects/p/repositories/r\": want projects/P/locations/L/repositories/R\n    2 |   - name: projects/p/repositories/r\n      |           ^"},
		"bad number":         {"projects: [{id: a, number: x1}]", `number "x1"`},
		"bad parent":         {"projects: [{id: a, number: 1, parent: x}]", "want folders/N or organizations/N"},
		"given twice":        {"projects: [{id: a, number: 1}, {id: a, number: 2}]", `seed.yaml:1:37: id "a": given twice`},
		"number twice":       {"projects: [{id: a, number: 1}, {id: b, number: 1}]", `number "1": given twice`},
		"bad format":         {repository + "format: dockr", `seed.yaml:3:13: format "dockr": want one of docker, maven`},
		"bad mode":           {repository + "mode: proxy", `mode "proxy"`},
		"image without tag":  {repository + "images: [web]", `seed.yaml:3:14: image "web": want NAME:TAG`},
		"short digest":       {repository + `images: ["web@sha256:abc"]`, "with 64 hex digits"},
		"tag twice":          {repository + `images: ["web:v1", "web:v1"]`, "the tag is given twice"},
		"images of npm":      {repository + "format: npm\n    images: [\"web:v1\"]", "want a repository with format docker"},
		"secret of standard": {repository + "upstreamSecret: projects/p/secrets/s/versions/1", "want a repository with mode remote"},
		"bad secret":         {repository + "mode: remote\n    upstreamSecret: projects/p/secrets/s", "want projects/P/secrets/S/versions/V"},
		"upstreams":          {repository + "upstreams: [x]", "want a repository with mode virtual"},
		"bad action":         {repository + "rules: [{action: REFUSE}]", `action "REFUSE": want one of DENY, ALLOW`},
		"bad role":           {repository + "policy: {bindings: [{role: reader, members: [allUsers]}]}", `role "reader": want roles/NAME`},
		"bad member":         {repository + "policy: {bindings: [{role: roles/reader, members: [nobody]}]}", `seed.yaml:3:56: member "nobody"`},
		"no members":         {repository + "policy: {bindings: [{role: roles/reader}]}", "seed.yaml:3:26: members: want at least one"},
		"empty condition":    {repository + "policy: {bindings: [{role: roles/reader, members: [allUsers], condition: {title: t}}]}", "want an expression"},
		"large secret":       {"secrets: [{name: projects/p/secrets/s, value: " + strings.Repeat("x", maxSecret+1) + "}]", "want at most 65536 bytes"},
		"missing member":     {"missingMembers: [x]", `member "x"`},
		"latency":            {"latency: 50", `seed.yaml:1:10: latency "50": want a duration such as 50ms`},
		"fault method":       {"faults: [{method: setIamPolicy, code: ABORTED}]", `method "setIamPolicy"`},
		"fault code":         {"faults: [{method: X, code: BROKEN}]", `seed.yaml:1:28: code "BROKEN"`},
		"fault without code": {"faults: [{method: X}]", `seed.yaml:1:11: code ""`},
		"fault OK":           {"faults: [{method: X, code: OK}]", `code "OK"`},
		"fault times":        {"faults: [{method: X, code: ABORTED, times: 0}]", `times "0": want a number from 1`},
		"fault afterWrite":   {"faults: [{method: X, code: ABORTED, afterWrite: maybe}]", "seed.yaml:1:"},
		"no log file":        {"logs: [none.jsonl]", `seed.yaml:1:8: log file "none.jsonl": file does not exist`},
		"too large":          {"# " + strings.Repeat("x", maxSeed), "seed.yaml: seed of"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseSeed("seed.yaml", []byte(test.text), readStub)
			if err == nil || !strings.HasPrefix(err.Error(), "seed.yaml:") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}

func TestLogFileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"{\n}\n{]":                             `e.jsonl:1: log entry: timestamp: want one`,
		`{"timestamp":1}`:                      "e.jsonl:1: log entry: ",
		"null":                                 "want an object, found null",
		"\n\n[]":                               "e.jsonl:3: log entry: ",
		`{"timestamp":"2026-01-01T00:00:00Z"}`: "The log name",
		`{"logName":"projects/p/logs/a","timestamp":"2026-01-01T00:00:00Z","protoPayload":7}`:            "protoPayload: ",
		`{"logName":"projects/p/logs/a","timestamp":"2026-01-01T00:00:00Z"}` + "\n{\"logName\": \"cut o": "e.jsonl:2: log entry: unexpected EOF",
	} {
		_, err := parseSeed("seed.yaml", []byte("logs: [e.jsonl]"), func(string) ([]byte, error) { return []byte(text), nil })
		if err == nil || !strings.HasPrefix(err.Error(), "seed.yaml:1:8: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func FuzzSeed(f *testing.F) {
	f.Add(designSeed)
	for _, seed := range []string{
		"projects: &x [*x]", "<<: {a: b}", "? [a]\n: b", "latency: |\n  x", "secrets: [{name: !!binary x}]", "{", "\t", "a: b: c",
		"repositories:\n- name: projects/p/locations/l/repositories/r\n  images: [\"a:b\"]\n  policy: {bindings: []}\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSeed("seed.yaml", []byte(text), func(string) ([]byte, error) { return nil, errors.New("no files here") })
		if err != nil {
			if !strings.HasPrefix(err.Error(), "seed.yaml:") {
				t.Errorf("error without the file: %v", err)
			}
			return
		}
		if err := New(s).Close(); err != nil {
			t.Error(err)
		}
	})
}
