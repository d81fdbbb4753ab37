package audit

import (
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	logs "cloud.google.com/go/logging/apiv2"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

const changesFile = "testdata/policy-changes.json"

func readChanges(t testing.TB, changes iter.Seq2[*PolicyChange, error]) (all []*PolicyChange) {
	t.Helper()
	for c, err := range changes {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// wantChanges are the changes in the file; the other entries are of something
// else or were refused.
func wantChanges() []*PolicyChange {
	at := func(minute int) time.Time { return time.Date(2026, 3, 4, 5, minute, 7, 0, time.UTC) }
	const agent = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	return []*PolicyChange{
		{
			ID: "registry-1", At: at(0), Account: pullfix, Resource: "projects/shared/locations/us/repositories/apps",
			Deltas:     []BindingDelta{{false, "roles/artifactregistry.reader", agent}, {true, "roles/viewer", "user:bob@example.com"}},
			Bindings:   []BindingDelta{{false, "roles/artifactregistry.reader", "user:ann@example.com"}, {false, "roles/artifactregistry.reader", agent}},
			EtagBefore: "BwX1", EtagAfter: "BwX2", Reason: record().RequestReason(),
		},
		{
			ID: "account-1", At: at(1), Account: pullfix, Resource: "projects/app-one/serviceAccounts/web@app-one.iam.gserviceaccount.com",
			Deltas: []BindingDelta{{false, "roles/iam.serviceAccountUser", "user:ann@example.com"}}, EtagAfter: "BwX3",
		},
		{
			ID: "run-1", At: at(2), Account: "ann@example.com", Resource: "projects/app-one/locations/us-central1/services/web",
			Bindings: []BindingDelta{}, EtagBefore: "BwX4", EtagAfter: "BwX5",
		},
		{ID: "secret-1", At: at(3), Account: pullfix, Resource: "projects/app-one/secrets/upstream"},
		{ID: "project-1", At: at(4), Account: "ann@example.com", Resource: "projects/app-one", Deltas: []BindingDelta{{true, "roles/editor", "user:bob@example.com"}}},
	}
}

func TestReadPolicyChanges(t *testing.T) {
	array, err := os.ReadFile(changesFile)
	if err != nil {
		t.Fatal(err)
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(array, &entries); err != nil {
		t.Fatal(err)
	}
	var lines, together strings.Builder
	for _, entry := range entries {
		compact, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s\n", compact)
		fmt.Fprintf(&together, "%s", compact)
	}
	for name, text := range map[string]string{"array": string(array), "lines": lines.String(), "together": "\n " + together.String()} {
		if diff := cmp.Diff(wantChanges(), readChanges(t, ReadPolicyChanges(name, strings.NewReader(text)))); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	for _, none := range []string{"", " \n", "[]", "[ ]\n", "{}", `[{"textPayload":"x"},{"protoPayload":null}]`} {
		if got := readChanges(t, ReadPolicyChanges("none", strings.NewReader(none))); got != nil {
			t.Errorf("%q: got %+v, want none", none, got)
		}
	}
}

func TestReadPolicyChangesRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"insertId: x":                       `entry 0, after byte 0: invalid character 'i' at start of value`,
		"[":                                 `entry 0, after byte 1: unexpected EOF`,
		"[{}":                               `entry 1, after byte 3: unexpected EOF`,
		`[{},{"insertId":`:                  `entry 2, after byte 16, at "/1/insertId": unexpected EOF`,
		"{}\n{":                             `entry 2, after byte 4: unexpected EOF`,
		"[{}]{}":                            `entry 1, after byte 5: something follows the array of log entries`,
		"[7]":                               `entry 1, after byte 1: got a number, want an object`,
		"[{},null]":                         `entry 2, after byte 3, at "/0": null, want a log entry`,
		`{"timestamp":"noon"}`:              `entry 1, after byte 19, at "/timestamp": "noon": want a time as in RFC 3339`,
		`{"timestamp":""}`:                  `entry 1, after byte 15, at "/timestamp": "": want a time as in RFC 3339`,
		`"text"`:                            `entry 1, after byte 0: got a text, want an object`,
		`{"protoPayload":{"methodName":7}}`: `entry 1, after byte 29, at "/protoPayload/methodName": got a number, want a text`,
		`{"protoPayload":{"status":"bad"}}`: `entry 1, after byte 25, at "/protoPayload/status": got a text, want an object`,
		`{"protoPayload":{"request":7,"methodName":7}}`: `entry 1, after byte 41, at "/protoPayload/methodName": got a number, want a text`,
		`{"insertId":"a","insertId":"b"}`:               `entry 1, after byte 16, at "/insertId": duplicate object member name`,
		`{"insertId":"a"} {"insertId":true}`:            `entry 2, after byte 28, at "/insertId": got a boolean, want a text`,
	} {
		var last error
		for _, err := range ReadPolicyChanges("f", strings.NewReader(text)) {
			last = err
		}
		if want = `policy changes of "f": ` + want; last == nil || last.Error() != want {
			t.Errorf("%q: got %v, want %s", text, last, want)
		}
	}
}

// TestReadPolicyChangesOfManyForms reads parts that each service writes in its
// own form: one of another form says nothing, and hides nothing of the others.
func TestReadPolicyChangesOfManyForms(t *testing.T) {
	const (
		add     = `{"action":"ADD","role":"roles/viewer","member":"user:ann@example.com"}`
		reader  = `{"role":"roles/viewer","members":["user:ann@example.com","user:bob@example.com"]`
		deltas  = `"serviceData":{"policyDelta":{"bindingDeltas":[`
		request = `"request":{"policy":{"etag":"AA==","bindings":[`
	)
	added := []BindingDelta{{false, "roles/viewer", "user:ann@example.com"}}
	both := []BindingDelta{{false, "roles/viewer", "user:ann@example.com"}, {false, "roles/viewer", "user:bob@example.com"}}
	for part, want := range map[string]PolicyChange{
		`"response":{"etag":"AQ=="}`:                                              {EtagAfter: "AQ=="},
		`"response":{"etag":7}`:                                                   {},
		`"response":[]`:                                                           {},
		`"response":{"etag":null}`:                                                {},
		`"respon\u0073e":{"\u0065tag":"\u0041Q=="}`:                               {EtagAfter: "AQ=="},
		`"requestMetadata":{"requestAttributes":{"reason":"why"}}`:                {Reason: "why"},
		`"requestMetadata":{"requestAttributes":"why"}`:                           {},
		deltas + add + `]}}`:                                                      {Deltas: added},
		deltas + `]}}`:                                                            {},
		deltas + add + `,{"action":"ADD","role":7}]}},` + request + `]}}`:         {EtagBefore: "AA==", Bindings: []BindingDelta{}},
		deltas + add + `]}},"response":"x"`:                                       {Deltas: added},
		deltas + `"x"]}},"response":{"etag":"AQ=="}`:                              {EtagAfter: "AQ=="},
		`"serviceData":{"policyDelta":{"bindingDeltas":{}}}`:                      {},
		request + reader + `}]}}`:                                                 {EtagBefore: "AA==", Bindings: both},
		request + reader + `,"condition":null}]}}`:                                {EtagBefore: "AA==", Bindings: both},
		request + reader + `,"condition":{"title":"x"}},` + reader + `}]}}`:       {EtagBefore: "AA==", Bindings: both},
		request + reader + `},{"members":["x"],"condition":{}}]}}`:                {EtagBefore: "AA==", Bindings: both},
		request + `{"members":["user:ann@example.com"],"role":"roles/viewer"}]}}`: {EtagBefore: "AA==", Bindings: added},
		request + `{"members":"all"}]}}`:                                          {},
		`"request":{"policy":null}`:                                               {},
		`"request":{"policy":{}}`:                                                 {Bindings: []BindingDelta{}},
		`"request":{}`:                                                            {},
	} {
		want.ID, want.Resource = "x", "projects/shared/secrets/s"
		text := `{"insertId":"x","protoPayload":{"methodName":"SetIamPolicy",` + part + `,"resourceName":"projects/shared/secrets/s"}}`
		if diff := cmp.Diff([]*PolicyChange{&want}, readChanges(t, ReadPolicyChanges(part, strings.NewReader(text)))); diff != "" {
			t.Errorf("%s: -want +got\n%s", part, diff)
		}
	}
}

// FuzzReadPolicyChanges wants changes, or one error that names a place, and an
// end.
func FuzzReadPolicyChanges(f *testing.F) {
	array, err := os.ReadFile(changesFile)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(array), "", "[{}]", "{}\n{}", `[{"resource":{"labels":{"project_id":"p"}},"protoPayload":{"methodName":"SetIamPolicy","resourceName":"projects"}}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ended := false
		for c, err := range ReadPolicyChanges("f", strings.NewReader(string(data))) {
			if ended || (c == nil) == (err == nil) {
				t.Fatalf("got %+v and %v, after the end %t", c, err, ended)
			}
			if ended = err != nil; ended && !strings.HasPrefix(err.Error(), `policy changes of "f": entry `) {
				t.Errorf("%v names no entry", err)
			}
		}
	})
}

// startWithChanges runs a local Google Cloud whose audit log has the entries of
// the file, and returns its address.
func startWithChanges(t *testing.T) (address string) {
	t.Helper()
	_, address = emulatortest.Start(t, twoProjects)
	array, err := os.ReadFile(changesFile)
	if err != nil {
		t.Fatal(err)
	}
	var texts []json.RawMessage
	if err := json.Unmarshal(array, &texts); err != nil {
		t.Fatal(err)
	}
	req := &loggingpb.WriteLogEntriesRequest{}
	for _, text := range texts {
		entry := &loggingpb.LogEntry{}
		if err := protojson.Unmarshal(text, entry); err != nil {
			t.Fatal(err)
		}
		req.Entries = append(req.Entries, entry)
	}
	client, err := logs.NewClient(t.Context(), emulatortest.Options(address)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if _, err := client.WriteLogEntries(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	return address
}

func TestReadPolicyChangesCloud(t *testing.T) {
	address := startWithChanges(t)
	read := func(account string, from, to time.Time) (ids []string) {
		for _, c := range readChanges(t, ReadPolicyChangesCloud(t.Context(), "app-one", account, from, to, emulatortest.Options(address)...)) {
			ids = append(ids, c.ID)
		}
		return ids
	}
	got := readChanges(t, ReadPolicyChangesCloud(t.Context(), "app-one", "", time.Time{}, time.Time{}, emulatortest.Options(address)...))
	if diff := cmp.Diff(wantChanges(), got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	all := wantChanges()
	for _, c := range []struct {
		account  string
		from, to time.Time
		want     []string
	}{
		{pullfix, time.Time{}, time.Time{}, []string{"registry-1", "account-1", "secret-1"}},
		{"", all[1].At, all[3].At, []string{"account-1", "run-1"}},
		{`x" OR severity>="DEFAULT`, time.Time{}, time.Time{}, nil},
	} {
		if diff := cmp.Diff(c.want, read(c.account, c.from, c.to)); diff != "" {
			t.Errorf("account %q, from %s to %s: -want +got\n%s", c.account, c.from, c.to, diff)
		}
	}
	for _, err := range ReadPolicyChangesCloud(t.Context(), "app-one", "a\nb", time.Time{}, time.Time{}) {
		const want = `policy changes of "app-one": account "a\nb": want text without control characters`
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
