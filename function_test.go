package pullfix

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/googleapis/gax-go/v2"
	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/internal/retry"
	"github.com/pullfix/pullfix/internal/settings"
	"github.com/pullfix/pullfix/internal/telemetry"
	"github.com/pullfix/pullfix/notify"
)

var update = flag.Bool("update", false, "write what the stories expect anew")

// TestStories plays testdata/*.txtar, one behaviour a file. A story holds what
// there is before (seed.yaml, rules.yaml, env), the deliveries in order
// ("send N ENVELOPE", the log entry), and what comes of them: the answers, the
// records, the policies that changed, what Slack was sent, and what was logged.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			story, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := newStage(t, story)
			got := s.play(t, story)
			s.checkMetrics(t)
			if *update {
				if err := os.WriteFile(file, txtar.Format(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := gocmp.Diff(string(txtar.Format(story)), string(txtar.Format(got))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// now is the time at which every story happens.
var now = time.Date(2026, 3, 4, 5, 10, 0, 0, time.UTC)

// quick calls wait less than those of a real function.
var quick = retry.Calls{
	Timeout: 5 * time.Second, Attempts: 3, Backoff: gax.Backoff{Initial: time.Millisecond, Max: 2 * time.Millisecond},
}

var quickTries = notify.Tries{
	Timeout: 2 * time.Second, Attempts: 3, Backoff: gax.Backoff{Initial: time.Millisecond, Max: 2 * time.Millisecond, Multiplier: 2},
}

// stage is a function with everything around it.
type stage struct {
	function *function
	url      string
	client   *http.Client
	cloud    *emulator.Cloud
	slack    *slackServer
	log      *lockedBuffer
}

func section(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func newStage(t testing.TB, story *txtar.Archive) *stage {
	t.Helper()
	cloud, address := emulatortest.Start(t, section(story, "seed.yaml"))
	return stageAt(t, story, cloud, address)
}

// another is one more instance of the function in the same world, with a Slack
// of its own.
func (s *stage) another(t testing.TB, story *txtar.Archive) *stage {
	t.Helper()
	return stageAt(t, story, s.cloud, s.function.settings.Endpoint)
}

func stageAt(t testing.TB, story *txtar.Archive, cloud *emulator.Cloud, address string) *stage {
	t.Helper()
	return stageWith(t, story, cloud, address, nil)
}

// stageWith has more variables, which may be of several lines.
func stageWith(t testing.TB, story *txtar.Archive, cloud *emulator.Cloud, address string, more map[string]string) *stage {
	t.Helper()
	s := &stage{cloud: cloud, slack: newSlackServer(t, section(story, "slack answers")), log: &lockedBuffer{}}
	env := map[string]string{"PULLFIX_PROJECT": "ops", "PULLFIX_ENDPOINT": address, "PULLFIX_SLACK": s.slack.url}
	for line := range strings.Lines(section(story, "env")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	maps.Copy(env, more)
	policy := cmp.Or(section(story, "rules.yaml"), string(defaultRules))
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	measures, err := telemetry.Open(t.Context(), lookup, newLogger(s.log).telemetry)
	if err != nil {
		t.Fatal(err)
	}
	set, err := settings.Read(lookup, []byte(policy), measures.ClientOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	s.function = newFunction(set, s.log)
	s.function.now = func() time.Time { return now }
	s.function.measure(measures, quick)
	s.function.tries = quickTries
	server := httptest.NewServer(s.function)
	s.url, s.client = server.URL, server.Client()
	t.Cleanup(func() {
		server.Close()
		if err := s.function.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

var expected = []string{"answers", "records", "policies changed", "slack told", "logged"}

// play returns the story with what came of it in place of what it expects.
func (s *stage) play(t *testing.T, story *txtar.Archive) *txtar.Archive {
	t.Helper()
	before := policyText(s.cloud)
	got := &txtar.Archive{Comment: story.Comment}
	var answers strings.Builder
	for _, f := range story.Files {
		if slices.Contains(expected, f.Name) {
			continue
		}
		if words := strings.Fields(f.Name); words[0] == "send" {
			fmt.Fprintln(&answers, s.send(t, words[1], words[2], bytes.TrimSpace(f.Data)))
		}
		got.Files = append(got.Files, f)
	}
	for n, text := range []string{
		answers.String(), s.records(t), changed(before, policyText(s.cloud)), s.slack.told(), s.log.lines(t),
	} {
		got.Files = append(got.Files, txtar.File{Name: expected[n], Data: []byte(text)})
	}
	return got
}

// send delivers the entry in one of the envelopes and returns the status of the
// answer. What follows a hyphen in the number is for the reader: "1" and
// "1-again" are the same message.
func (s *stage) send(t testing.TB, number, envelope string, entry []byte) int {
	t.Helper()
	headers, body, ok := wrap(number, envelope, entry)
	if !ok {
		t.Fatalf("envelope %q: want push, binary, structured, audit or raw", envelope)
	}
	return s.post(t, headers, body)
}

func wrap(number, envelope string, entry []byte) (headers map[string]string, body string, ok bool) {
	number, _, _ = strings.Cut(number, "-")
	message := fmt.Sprintf(`{"subscription":"projects/ops/subscriptions/s","message":{"messageId":"message-%s",`+
		`"publishTime":"2026-03-04T05:09:00Z","data":%q}}`, number, base64.StdEncoding.EncodeToString(entry))
	event := map[string]string{
		"Ce-Specversion": "1.0", "Ce-Id": "message-" + number, "Ce-Source": "//pubsub.googleapis.com/projects/ops/topics/denials",
		"Ce-Time": "2026-03-04T05:09:00Z", "Content-Type": "application/json",
	}
	switch envelope {
	case "push":
		return map[string]string{"Content-Type": "application/json"}, message, true
	case "binary":
		event["Ce-Type"] = typePubSub
		return event, message, true
	case "audit":
		event["Ce-Type"] = typeAudit
		return event, string(entry), true
	case "structured":
		body := fmt.Sprintf(`{"specversion":"1.0","id":"message-%s","type":%q,"source":"//pubsub.googleapis.com/x",`+
			`"time":"2026-03-04T05:09:00Z","datacontenttype":"application/json","data":%s}`, number, typePubSub, message)
		return map[string]string{"Content-Type": "application/cloudevents+json; charset=utf-8"}, body, true
	case "raw":
		return map[string]string{"Content-Type": "application/json"}, string(entry), true
	default:
		return nil, "", false
	}
}

func (s *stage) post(t testing.TB, headers map[string]string, body string) int {
	t.Helper()
	status, err := s.request(t, headers, body)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func (s *stage) request(t testing.TB, headers map[string]string, body string) (status int, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode, nil
}

var recordFields = []string{
	"phase", "event", "log", "at", "kind", "source_project", "caller", "workload", "principal", "permission", "resource", "image",
	"verdict", "mode", "rule", "policy_digest", "reason", "cause", "role", "outcome", "etag_before", "etag_after", "error", "version",
}

// records returns the compliance record, one line a field and none for an
// empty one. Cloud Logging shows entries with one insertId and timestamp once.
func (s *stage) records(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	seen, etags := map[string]bool{}, map[string]string{}
	for _, e := range s.cloud.Entries() {
		key := e.GetInsertId() + e.GetTimestamp().String()
		if e.GetLogName() != "projects/ops/logs/pullfix" || seen[key] {
			continue
		}
		seen[key] = true
		fields := e.GetJsonPayload().AsMap()
		for _, name := range recordFields {
			value, ok := fields[name].(string)
			if !ok {
				t.Errorf("the record lacks %q", name)
			}
			switch {
			case name == "policy_digest" && value == s.function.Policy.Digest():
				value = "that of the policy"
			case strings.HasPrefix(name, "etag_") && value != "":
				if etags[value] == "" {
					etags[value] = "etag " + strconv.Itoa(len(etags)+1)
				}
				value = etags[value]
			}
			if value != "" {
				fmt.Fprintf(&text, "%s: %s\n", name, value)
			}
			delete(fields, name)
		}
		if len(fields) > 0 {
			t.Errorf("the record has more than its format says: %v", fields)
		}
		text.WriteString("\n")
	}
	return text.String()
}

func policyText(cloud *emulator.Cloud) map[string]string {
	out := map[string]string{}
	for name, policy := range cloud.Policies() {
		var text strings.Builder
		for _, b := range policy.GetBindings() {
			fmt.Fprintln(&text, " ", strings.TrimSpace(b.GetRole()+" "+b.GetCondition().GetTitle()))
			for _, m := range b.GetMembers() {
				fmt.Fprintln(&text, "   ", m)
			}
		}
		out[name] = text.String()
	}
	return out
}

func changed(before, after map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] != after[name] {
			fmt.Fprintf(&text, "%s\n%s", name, after[name])
		}
	}
	return text.String()
}
