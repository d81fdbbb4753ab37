package emulator_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	loggingapi "cloud.google.com/go/logging/apiv2"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	run "cloud.google.com/go/run/apiv2"
	"github.com/googleapis/gax-go/v2/callctx"
	"google.golang.org/api/iterator"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/pullfix/pullfix/emulator"
)

const activity = `log_id("cloudaudit.googleapis.com/activity")`

// because is the context of a call that says why it is made.
func because(t *testing.T, reason string) context.Context {
	return callctx.SetHeaders(t.Context(), "x-goog-request-reason", reason)
}

// list returns the entries that a filter finds in a project, folder or
// organization, as JSON.
func list(t *testing.T, l *local, in, filter string) []map[string]any {
	t.Helper()
	var all []map[string]any
	it := client(t, l, loggingapi.NewClient).ListLogEntries(t.Context(), &loggingpb.ListLogEntriesRequest{ResourceNames: []string{in}, Filter: filter})
	for {
		e, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := protojson.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		all = append(all, doc)
	}
}

// onlyEntry returns the only entry of the audit log of a project.
func onlyEntry(t *testing.T, l *local, in string) map[string]any {
	t.Helper()
	all := list(t, l, in, activity)
	if len(all) != 1 {
		t.Fatalf("%s: got %d entries in the audit log, want 1: %v", in, len(all), all)
	}
	return all[0]
}

// at is the value under keys and indexes, nil where there is none.
func at(v any, path ...any) any {
	for _, key := range path {
		switch key := key.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[key]
		case int:
			s, _ := v.([]any)
			if key >= len(s) {
				return nil
			}
			v = s[key]
		}
	}
	return v
}

func TestAChangeIsInTheAuditLog(t *testing.T) {
	l := start(t, seed+"caller: pullfix@ops.iam.gserviceaccount.com\n")
	c := registry(t, l)
	p := policyOf(t, c, apps, 3)
	before := time.Now()
	p.Bindings = []*iampb.Binding{binding(reader, agent)}
	after, err := c.SetIamPolicy(because(t, "pullfix event=1 rule=r key=k"), &iampb.SetIamPolicyRequest{Resource: apps, Policy: p})
	if err != nil {
		t.Fatal(err)
	}
	got := onlyEntry(t, l, "projects/shared-images")
	when, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got["timestamp"]))
	if err != nil || when.Before(before) || when.After(time.Now()) {
		t.Errorf("timestamp %v, want that of the write", got["timestamp"])
	}
	text, err := protojson.Marshal(after)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{
  "logName": "projects/shared-images/logs/cloudaudit.googleapis.com%%2Factivity",
  "insertId": %q, "timestamp": %q, "receiveTimestamp": %[2]q, "severity": "NOTICE",
  "resource": {"type": "audited_resource", "labels": {
    "project_id": "shared-images", "service": "artifactregistry.googleapis.com",
    "method": "google.devtools.artifactregistry.v1.ArtifactRegistry.SetIamPolicy"
  }},
  "protoPayload": {
    "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
    "serviceName": "artifactregistry.googleapis.com",
    "methodName": "google.devtools.artifactregistry.v1.ArtifactRegistry.SetIamPolicy",
    "resourceName": %[3]q,
    "authenticationInfo": {"principalEmail": "pullfix@ops.iam.gserviceaccount.com"},
    "authorizationInfo": [{"resource": %[3]q, "permission": "artifactregistry.repositories.setIamPolicy", "granted": true}],
    "requestMetadata": {"requestAttributes": {"time": %[2]q, "reason": "pullfix event=1 rule=r key=k"}},
    "request": {
      "@type": "type.googleapis.com/google.iam.v1.SetIamPolicyRequest", "resource": %[3]q,
      "policy": {"version": 1, "etag": %[4]q, "bindings": [{"role": %[5]q, "members": [%[6]q]}]}
    },
    "response": %[7]s,
    "serviceData": {
      "@type": "type.googleapis.com/google.iam.v1.logging.AuditData",
      "policyDelta": {"bindingDeltas": [
        {"action": "REMOVE", "role": %[5]q, "member": "group:dev@example.com"},
        {"action": "ADD", "role": %[5]q, "member": %[6]q}
      ]}
    }
  }
}`, got["insertId"], got["timestamp"], apps, base64.StdEncoding.EncodeToString(p.GetEtag()), reader, agent,
		strings.Replace(string(text), "{", `{"@type": "type.googleapis.com/google.iam.v1.Policy", `, 1))
	var doc map[string]any
	if err := json.Unmarshal([]byte(want), &doc); err != nil {
		t.Fatal(err)
	}
	diff(t, got, doc)
}

// TestHowAChangeEndsInTheAuditLog spoils a change with a fault, or an etag of before.
func TestHowAChangeEndsInTheAuditLog(t *testing.T) {
	for name, test := range map[string]struct {
		fault, etag string
		want        []string // severity, code and whether it was granted
	}{
		"made":               {want: []string{"NOTICE <nil> true"}},
		"may not":            {fault: "code: PERMISSION_DENIED, message: no", want: []string{"ERROR 7 <nil>"}},
		"the answer is lost": {fault: "code: PERMISSION_DENIED, afterWrite: true", want: []string{"NOTICE <nil> true"}},
		"unavailable":        {fault: "code: UNAVAILABLE"},
		"conflict":           {etag: "old"},
	} {
		t.Run(name, func(t *testing.T) {
			text := seed
			if test.fault != "" {
				text += "faults: [{method: SetIamPolicy, " + test.fault + "}]\n"
			}
			l := start(t, text)
			_, err := setPolicy(t, registry(t, l), apps, &iampb.Policy{Etag: []byte(test.etag), Bindings: []*iampb.Binding{binding(reader, agent)}})
			if (err == nil) != (name == "made") {
				t.Fatalf("got error %v", err)
			}
			var got []string
			for _, e := range list(t, l, "projects/shared-images", activity) {
				payload := e["protoPayload"]
				got = append(got, fmt.Sprint(e["severity"], " ", at(payload, "status", "code"), " ", at(payload, "authorizationInfo", 0, "granted")))
			}
			diff(t, got, test.want)
		})
	}
}

func TestADeltaTellsConditionsApart(t *testing.T) {
	l := start(t, seed)
	c := registry(t, l)
	p := policyOf(t, c, conditional, 3)
	other := &expr.Expr{Title: "other", Expression: "true"}
	p.Bindings[1].Condition, p.Version = other, 3
	p.Bindings = append(p.Bindings, binding(writer, agent))
	if _, err := setPolicy(t, c, conditional, p); err != nil {
		t.Fatal(err)
	}
	diff(t, at(onlyEntry(t, l, "projects/shared-images"), "protoPayload", "serviceData", "policyDelta", "bindingDeltas"), []any{
		map[string]any{
			"action": "REMOVE", "role": reader, "member": "user:a@example.com",
			"condition": map[string]any{"title": "t", "expression": "request.time < timestamp('2030-01-01T00:00:00Z')"},
		},
		map[string]any{
			"action": "ADD", "role": reader, "member": "user:a@example.com",
			"condition": map[string]any{"title": "other", "expression": "true"},
		},
		map[string]any{"action": "ADD", "role": writer, "member": agent},
	})
}

// TestAChangeOfNothingHasNoDelta writes what is there already.
func TestAChangeOfNothingHasNoDelta(t *testing.T) {
	l := start(t, seed)
	c := registry(t, l)
	if _, err := setPolicy(t, c, apps, policyOf(t, c, apps, 3)); err != nil {
		t.Fatal(err)
	}
	data := at(onlyEntry(t, l, "projects/shared-images"), "protoPayload", "serviceData")
	if deltas := at(data, "policyDelta", "bindingDeltas"); data == nil || deltas != nil {
		t.Errorf("got %v, want an empty delta", data)
	}
}

// TestLargePoliciesLeaveTheAuditLog wants an entry for a change of any size.
func TestLargePoliciesLeaveTheAuditLog(t *testing.T) {
	const members = 300
	for length, want := range map[int]string{
		200: "request response serviceData",
		350: "response serviceData",
		600: "serviceData",
		900: "",
	} {
		l := start(t, seed)
		c := registry(t, l)
		b := binding(reader)
		for n := range members {
			name := fmt.Sprintf("user:%06d-", n)
			b.Members = append(b.Members, name+strings.Repeat("x", length-len(name)-len("@x.com"))+"@x.com")
		}
		if _, err := setPolicy(t, c, apps, &iampb.Policy{Bindings: []*iampb.Binding{b}}); err != nil {
			t.Fatal(err)
		}
		payload := at(onlyEntry(t, l, "projects/shared-images"), "protoPayload")
		var got []string
		for _, part := range []string{"request", "response", "serviceData"} {
			if at(payload, part) != nil {
				got = append(got, part)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d members of %d characters: the entry has %q, want %q", members, length, got, want)
		}
	}
}

func TestWhatHasNoAuditLog(t *testing.T) {
	for _, resource := range []string{"", "x", "projects", "a/services/b", "projects/p/other/o"} {
		l := start(t, "faults: [{method: SetIamPolicy, code: PERMISSION_DENIED}]")
		_, err := client(t, l, run.NewServicesClient).SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{Resource: resource, UpdateMask: &fieldmaskpb.FieldMask{}})
		if err == nil {
			t.Errorf("%q: got no error", resource)
		}
	}
}

// TestReadersFindAChange asks as those who look for pullfix's writes do.
func TestReadersFindAChange(t *testing.T) {
	l := start(t, seed+"caller: pullfix@ops.iam.gserviceaccount.com\n")
	c := registry(t, l)
	p := policyOf(t, c, apps, 3)
	p.Bindings[0].Members = append(p.Bindings[0].Members, agent)
	if _, err := c.SetIamPolicy(because(t, "pullfix event=e1 rule=r key=0123"), &iampb.SetIamPolicyRequest{Resource: apps, Policy: p}); err != nil {
		t.Fatal(err)
	}
	since := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	later := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	for filter, want := range map[string]int{
		activity + ` AND protoPayload.authenticationInfo.principalEmail="pullfix@ops.iam.gserviceaccount.com" AND protoPayload.methodName:"SetIamPolicy" AND timestamp>="` + since + `"`: 1,
		activity + ` protoPayload.methodName=~"(?i)SetIamPolicy$"`:                                                                  1,
		`protoPayload.methodName=~"SetIAMPolicy$" OR protoPayload.methodName=~"\.SetIamPolicy$"`:                                    1,
		activity + ` protoPayload.methodName!~"SetIamPolicy"`:                                                                       0,
		activity + ` protoPayload.authenticationInfo.principalEmail="somebody@example.com"`:                                         0,
		activity + ` timestamp>="` + later + `"`:                                                                                    0,
		`protoPayload.requestMetadata.requestAttributes.reason:"event=e1 "`:                                                         1,
		`protoPayload.requestMetadata.requestAttributes.reason=~"^pullfix event=\S+ rule=\S+ key=[0-9a-f]+$"`:                       1,
		`protoPayload.serviceData.policyDelta.bindingDeltas.action=ADD protoPayload.authorizationInfo.permissionType="ADMIN_WRITE"`: 1,
		`protoPayload.serviceData.policyDelta.bindingDeltas.action=REMOVE`:                                                          0,
		`protoPayload.serviceData.policyDelta.bindingDeltas.member="` + agent + `"`:                                                 1,
		`log_id("cloudaudit.googleapis.com/data_access") OR severity>=ERROR`:                                                        0,
	} {
		if got := len(list(t, l, "projects/shared-images", filter)); got != want {
			t.Errorf("%s: got %d entries, want %d", filter, got, want)
		}
	}
}

func TestWatchTellsTheReason(t *testing.T) {
	l := start(t, seed)
	var got []string
	l.Watch(func(c emulator.Call) { got = append(got, fmt.Sprint(c.Method, " ", c.Reason, " ", c.Done)) })
	if _, err := registry(t, l).SetIamPolicy(because(t, "why"), &iampb.SetIamPolicyRequest{Resource: apps, Policy: &iampb.Policy{}}); err != nil {
		t.Fatal(err)
	}
	diff(t, got, []string{"SetIamPolicy why false", "SetIamPolicy why true"})
}
