package pullfix

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/iam"
)

func load(t testing.TB, name string) (story *txtar.Archive, entry []byte) {
	t.Helper()
	story, err := txtar.ParseFile("testdata/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range story.Files {
		if strings.HasPrefix(f.Name, "send 1 ") {
			return story, f.Data
		}
	}
	t.Fatalf("story %s sends nothing", name)
	return nil, nil
}

// TestHostileEntries sends what no entry may do any harm with: each is
// acknowledged, recorded once and logged once, and grants nothing.
func TestHostileEntries(t *testing.T) {
	story, entry := load(t, "granted")
	for name, hostile := range map[string][]byte{
		"empty":             {},
		"not JSON":          []byte("<html>"),
		"cut off":           entry[:len(entry)-9],
		"too deep":          []byte(strings.Repeat(`{"protoPayload":`, 100_000)),
		"too deep, whole":   []byte(strings.Repeat(`{"code":`, 50_000) + `7` + strings.Repeat("}", 50_000)),
		"wrong types":       []byte(`{"insertId":{},"protoPayload":{"status":{"code":[7],"message":"must have permission to read the image"}}}`),
		"10 MB of nothing":  []byte(strings.Repeat(" ", 10<<20)),
		"10 MB in a string": append([]byte(`{"insertId":"`+strings.Repeat("x", 10<<20)+`",`), entry[1:]...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, story)
			before := policyText(s.cloud)
			if status := s.send(t, "1", "binary", hostile); status != http.StatusNoContent {
				t.Errorf("got status %d, want %d", status, http.StatusNoContent)
			}
			if diff := changed(before, policyText(s.cloud)); diff != "" {
				t.Errorf("a policy changed:\n%s", diff)
			}
			if got := s.records(t); strings.Count(got, "phase: decision") != 1 || strings.Count(got, "phase: ") != 1 || !strings.Contains(got, "cause: unreadable") {
				t.Errorf("got records:\n%s\nwant one of what could not be read", got)
			}
			if got := s.log.lines(t); strings.Count(got, "WARNING a log entry could not be read: ") != 1 || strings.Count(got, "\n") > 3 {
				t.Errorf("got log:\n%s\nwant one line that says what was wrong where", got)
			}
		})
	}
}

func TestBadEnvelopes(t *testing.T) {
	story, entry := load(t, "granted")
	data := base64.StdEncoding.EncodeToString(entry)
	event := func(typ string) map[string]string {
		return map[string]string{"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "s", "Ce-Type": typ, "Content-Type": "application/json"}
	}
	for name, test := range map[string]struct {
		headers map[string]string
		body    string
		want    string
	}{
		"no message":        {nil, `{"subscription":"s"}`, `pub/sub message: key "message" is missing`},
		"data not base64":   {nil, `{"message":{"data":"!!"}}`, "pub/sub message: illegal base64"},
		"another type":      {event("google.cloud.storage.object.v1.finalized"), `{}`, `cloud event: type "google.cloud.storage.object.v1.finalized": want google.cloud.pubsub`},
		"no source":         {map[string]string{"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Type": typeAudit}, string(entry), "cloud event: "},
		"another version":   {map[string]string{"Ce-Specversion": "7", "Ce-Id": "1", "Ce-Source": "s", "Ce-Type": typeAudit}, string(entry), "cloud event: "},
		"event not JSON":    {map[string]string{"Content-Type": "application/cloudevents+json"}, "{", "cloud event: "},
		"event within JSON": {map[string]string{"Content-Type": "application/cloudevents+json"}, `{"specversion":"1.0","id":"1","source":"s","type":"x","data":"` + data + `"}`, `cloud event: type "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, story)
			if status := s.post(t, test.headers, test.body); status != http.StatusNoContent {
				t.Errorf("got status %d, want %d", status, http.StatusNoContent)
			}
			if got := s.records(t); !strings.Contains(got, "error: "+test.want) {
				t.Errorf("got records:\n%s\nwant error: %s", got, test.want)
			}
			if n := s.cloud.Calls()["SetIamPolicy"]; n != 0 {
				t.Errorf("%d policies were written", n)
			}
		})
	}
}

func TestOnlyPost(t *testing.T) {
	story, _ := load(t, "granted")
	s := newStage(t, story)
	resp, err := s.client.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("got status %d, want %d", resp.StatusCode, http.StatusMethodNotAllowed)
	}
}

// TestBodyCutOffOnItsWay breaks the connection in the middle of the body: the
// sender has no answer and sends again, so nothing may be concluded.
func TestBodyCutOffOnItsWay(t *testing.T) {
	story, entry := load(t, "granted")
	s := newStage(t, story)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(entry), entry[:100])
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode < http.StatusBadRequest {
			t.Errorf("got status %d for half a body", resp.StatusCode)
		}
	}
	_ = conn.Close()
	if got := s.records(t); got != "" {
		t.Errorf("got records:\n%s\nwant none", got)
	}
}

// TestOwnActsAreLeftAlone sends what Google logs about calls of pullfix's own,
// refused or not: none of it leads to another act, or an alert, or a call.
func TestOwnActsAreLeftAlone(t *testing.T) {
	story, entry := load(t, "granted")
	self, err := iam.ParsePrincipal("serviceAccount:pullfix@ops.iam.gserviceaccount.com")
	if err != nil {
		t.Fatal(err)
	}
	registry := func(log, method, permission string, code int) string {
		return fmt.Sprintf(`{"insertId":"own","timestamp":"2026-03-04T05:08:59Z","severity":"ERROR","logName":"projects/shared-images/logs/cloudaudit.googleapis.com%%2F%s",`+
			`"resource":{"type":"audited_resource","labels":{"project_id":"shared-images"}},"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog",`+
			`"serviceName":"artifactregistry.googleapis.com","methodName":%q,"authenticationInfo":{"principalEmail":%q},"status":{"code":%d,"message":"denied"},`+
			`"authorizationInfo":[{"resource":"projects/shared-images/locations/us-central1/repositories/apps","permission":%q}]}}`,
			log, method, self.Email(), code, permission)
	}
	const methods = "google.devtools.artifactregistry.v1.ArtifactRegistry."
	for name, own := range map[string]string{
		"a deploy that failed":       strings.Replace(string(entry), `"serviceName"`, `"authenticationInfo":{"principalEmail":"`+self.Email()+`"},"serviceName"`, 1),
		"a write that was refused":   registry("activity", methods+"SetIamPolicy", "artifactregistry.repositories.setIamPolicy", 7),
		"a write that conflicted":    registry("activity", methods+"SetIamPolicy", "artifactregistry.repositories.setIamPolicy", 10),
		"a write that succeeded":     registry("activity", methods+"SetIamPolicy", "artifactregistry.repositories.setIamPolicy", 0),
		"a read that was refused":    registry("data_access", methods+"GetRepository", "artifactregistry.repositories.get", 7),
		"a download that it tried":   registry("data_access", "Docker-GetManifest", "artifactregistry.repositories.downloadArtifacts", 7),
		"a denial that speaks of it": strings.ReplaceAll(registry("data_access", "Docker-GetManifest", "artifactregistry.repositories.downloadArtifacts", 7), `"code":7`, `"code":"7"`),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, story)
			s.function.settings.Deployed = true
			if _, err := s.function.account.Get(func() (iam.Principal, error) { return self, nil }); err != nil {
				t.Fatal(err)
			}
			if status := s.send(t, "1", "binary", []byte(own)); status != http.StatusNoContent {
				t.Errorf("got status %d", status)
			}
			if got := s.records(t); got != "" || len(s.cloud.Calls()) != 0 || s.tellings() != 0 {
				t.Errorf("got records:\n%s\ncalls %v and %d messages, want none", got, s.cloud.Calls(), s.tellings())
			}
		})
	}
}

func TestWebhookFromSecretManager(t *testing.T) {
	story, entry := load(t, "not-allowed")
	s := newStage(t, story)
	for n, f := range story.Files {
		if f.Name == "seed.yaml" {
			story.Files[n].Data = fmt.Appendf(slices.Clip(f.Data), "secrets:\n  - {name: projects/ops/secrets/slack, value: %q}\n", s.slack.url+"\n")
		}
	}
	story.Files = append(story.Files, txtar.File{Name: "env", Data: []byte("PULLFIX_SLACK=projects/ops/secrets/slack/versions/latest\n")})
	other := newStage(t, story)
	for n := range 2 {
		again := strings.Replace(string(entry), `"insertId": "entry-1"`, fmt.Sprintf(`"insertId": "entry-%d"`, n), 1)
		again = strings.ReplaceAll(again, "lint:v3", fmt.Sprintf("lint:v%d", n))
		if status := other.send(t, "1", "binary", []byte(again)); status != http.StatusNoContent {
			t.Fatalf("got status %d; log:\n%s", status, other.log)
		}
	}
	if got := strings.Count(s.slack.told(), "Action needed: "); got != 2 {
		t.Errorf("got %d messages, want 2:\n%s\nlog:\n%s", got, s.slack.told(), other.log)
	}
	if n := other.cloud.Calls()["AccessSecretVersion"]; n != 1 {
		t.Errorf("the secret was read %d times, want once", n)
	}
	if strings.Contains(other.log.String(), "services/token") {
		t.Error("the webhook is in the log")
	}
}

func TestManyEventsAtOnce(t *testing.T) {
	story, entry := load(t, "granted")
	s := newStage(t, story)
	const events = 40
	done := make(chan int, events)
	for n := range events {
		body := strings.Replace(string(entry), `"insertId": "entry-1"`, fmt.Sprintf(`"insertId": "entry-%d"`, n), 1)
		go func() { done <- s.send(t, fmt.Sprint(n), "binary", []byte(body)) }()
	}
	for range events {
		if status := <-done; status != http.StatusNoContent && status != http.StatusInternalServerError {
			t.Errorf("got status %d", status)
		}
	}
	records := s.records(t)
	intents, applied := strings.Count(records, "phase: intent"), strings.Count(records, "outcome: applied")
	if applied == 0 || intents < applied {
		t.Errorf("got %d intents and %d applied, want an intent for each", intents, applied)
	}
	if n := strings.Count(changed(nil, policyText(s.cloud)), "service-111111111111@"); n != 1 {
		t.Errorf("the member is in the policies %d times, want once", n)
	}
}

// TestOneEventManyTimesAtOnce delivers one event again and again while it is
// handled: one intent, one result, one message.
func TestOneEventManyTimesAtOnce(t *testing.T) {
	story, entry := load(t, "granted")
	s := newStage(t, story)
	const deliveries = 8
	done := make(chan int, deliveries)
	for range deliveries {
		go func() { done <- s.send(t, "1", "binary", entry) }()
	}
	for range deliveries {
		if status := <-done; status != http.StatusNoContent {
			t.Errorf("got status %d", status)
		}
	}
	written := 0
	for _, e := range s.cloud.Entries() {
		if strings.HasSuffix(e.GetLogName(), "/logs/pullfix") && e.GetJsonPayload().GetFields()["phase"].GetStringValue() != "intent" {
			written++
			if outcome := e.GetJsonPayload().GetFields()["outcome"].GetStringValue(); outcome != "applied" {
				t.Errorf("got outcome %q, want applied in every result", outcome)
			}
		}
	}
	if written == 0 || strings.Count(s.records(t), "phase: ") != 2 {
		t.Errorf("got records:\n%s\nwant an intent and a result", s.records(t))
	}
	if got := s.slack.told(); strings.Count(got, "Mended: ") != 1 || strings.Contains(got, "Action needed") {
		t.Errorf("got messages:\n%s\nwant one", got)
	}
}

// TestCallerHangsUp ends the request while the policy is written: the act goes
// on, and its result is on record.
func TestCallerHangsUp(t *testing.T) {
	story, entry := load(t, "granted")
	for n, f := range story.Files {
		if f.Name == "seed.yaml" {
			story.Files[n].Data = append(slices.Clip(f.Data), "latency: 100ms\n"...)
		}
	}
	s := newStage(t, story)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for s.cloud.Calls()["SetIamPolicy"] == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_ = s.function.handle(ctx, delivery{id: "1", published: now, entry: entry})
	if got := s.records(t); !strings.Contains(got, "outcome: applied") || strings.Contains(got, "outcome: failed") {
		t.Errorf("got records:\n%s\nwant the result of the act", got)
	}
}

func TestFloodOfFindingsIsOneAlert(t *testing.T) {
	story, _ := load(t, "granted")
	s := newStage(t, story)
	var denied []string
	for n := range 500 {
		denied = append(denied, fmt.Sprintf(`{"resource":"projects/p/locations/l/repositories/r","permission":"artifactregistry.repositories.p%d"}`, n))
	}
	entry := `{"insertId":"1","logName":"projects/p/logs/cloudaudit.googleapis.com%2Fdata_access","timestamp":"2026-03-04T05:08:59Z","protoPayload":{` +
		`"serviceName":"artifactregistry.googleapis.com","status":{"code":7,"message":"denied"},"authenticationInfo":{"principalEmail":"a@p.iam.gserviceaccount.com"},` +
		`"authorizationInfo":[` + strings.Join(denied, ",") + `]}}`
	if status := s.send(t, "1", "binary", []byte(entry)); status != http.StatusNoContent {
		t.Errorf("got status %d", status)
	}
	if got := s.records(t); strings.Count(got, "phase: ") != 1 || !strings.Contains(got, "error: entry: more than 20 findings, which no entry of Google's has") {
		t.Errorf("got records:\n%s\nwant one", got)
	}
	if got := strings.Count(s.slack.told(), "Action needed: "); got != 1 {
		t.Errorf("got %d messages, want 1", got)
	}
}

// TestSomebodyElsesGrantIsNotClaimed fails an act before anything is written,
// lets an administrator add the member, and delivers the event again: the
// record must not say that pullfix did it.
func TestSomebodyElsesGrantIsNotClaimed(t *testing.T) {
	const repository, agent = "projects/shared-images/locations/us-central1/repositories/apps",
		"serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	for _, test := range []struct {
		name, code, role string
		later            time.Duration
	}{
		{"the role, where the act is known to have failed", "ABORTED", "roles/artifactregistry.reader", 0},
		{"a wider role, where that is not known", "UNAVAILABLE", "roles/artifactregistry.writer", actTime + arrivalTime},
	} {
		t.Run(test.name, func(t *testing.T) {
			story, entry := load(t, "granted")
			s := newStage(t, withSeed(story, "faults: [{method: SetIamPolicy, code: "+test.code+", times: 3}]\n"))
			s.want(t, entry, http.StatusInternalServerError)
			registry, err := s.function.google.Registry(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			policy := s.cloud.Policies()[repository]
			policy.Bindings = append(policy.Bindings, &iampb.Binding{Role: test.role, Members: []string{agent}})
			if _, err := registry.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{Resource: repository, Policy: policy}); err != nil {
				t.Fatal(err)
			}
			s.at(now.Add(test.later))
			s.want(t, entry, http.StatusNoContent)
			if got := s.records(t); strings.Contains(got, "outcome: applied") || !strings.Contains(got, "outcome: already-held") {
				t.Errorf("got records:\n%s\nwant already-held, and nothing applied", got)
			}
		})
	}
}
