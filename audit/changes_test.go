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
		"insertId: x":                       `policy changes of "f": entry 1, before byte 0: invalid character 'i' looking for beginning of value`,
		"[":                                 `policy changes of "f": entry 0, before byte 1: unexpected EOF`,
		"[{}":                               `policy changes of "f": entry 1, before byte 3: unexpected EOF`,
		`[{},{"insertId":`:                  `policy changes of "f": entry 2, before byte 4: unexpected EOF`,
		"{}\n{":                             `policy changes of "f": entry 2, before byte 2: unexpected EOF`,
		"[{}]{}":                            `policy changes of "f": entry 1, before byte 5: something follows the array of log entries`,
		"[7]":                               `policy changes of "f": entry 1, before byte 2: json: cannot unmarshal number`,
		"[{},null]":                         `policy changes of "f": entry 2, before byte 8: null, want a log entry`,
		`{"timestamp":"noon"}`:              `policy changes of "f": entry 1, before byte 20: parsing time "noon"`,
		`"text"`:                            `policy changes of "f": entry 1, before byte 6: json: cannot unmarshal string`,
		`{"protoPayload":{"methodName":7}}`: `policy changes of "f": entry 1, before byte 33: json: cannot unmarshal number`,
	} {
		var last error
		for _, err := range ReadPolicyChanges("f", strings.NewReader(text)) {
			last = err
		}
		if last == nil || !strings.HasPrefix(last.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, last, want)
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
