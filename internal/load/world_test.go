package load

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
)

const policy = `apiVersion: pullfix/v1
mode: enforce
limits: {grantsPerHour: 100000}
allow:
  - name: apps
    reason: the platform serves images to every app project
    kinds: [run-image]
    from: [projects/app-*]
    to: [projects/shared-images/locations/*/repositories/apps]
    members: [cloud-run-agent]
  - name: watched
    reason: not yet
    kinds: [run-image]
    from: [projects/watched-*]
    to: [projects/shared-images/locations/*/repositories/apps]
    members: [cloud-run-agent]
    mode: observe
ignore:
  - name: sandboxes
    from: [projects/sandbox-*]
`

// projects is how many there are of each sort.
const projects = 30

// world is a process of the function, and all that it needs.
type world struct {
	*process
	cloud *emulator.Cloud
	told  *atomic.Int64 // messages to people
	env   []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{told: new(atomic.Int64)}
	var address string
	w.cloud, address = emulatortest.Start(t, seed())
	slack := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.told.Add(1)
		_, _ = io.WriteString(rw, "ok")
	}))
	t.Cleanup(slack.Close)
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	w.env = []string{
		"PULLFIX_PROJECT=ops", "PULLFIX_LEDGER=firestore", "PULLFIX_RULES=" + rules, "PULLFIX_ENDPOINT=" + address,
		"PULLFIX_SLACK=" + slack.URL + "/services/token",
	}
	w.process = start(t, w.env...)
	return w
}

var sorts = []string{"app", "watched", "sandbox"}

// number is that of a project, by its sort and its place in that.
func number(sort string, n int) string {
	return fmt.Sprintf("%d%010d", 10+slices.Index(sorts, sort), n)
}

func seed() string {
	var text strings.Builder
	text.WriteString("projects:\n  - {id: shared-images, number: 900000000001}\n  - {id: ops, number: 900000000009}\n")
	for _, sort := range sorts {
		for n := range projects {
			fmt.Fprintf(&text, "  - {id: %s-%d, number: %s}\n", sort, n, number(sort, n))
		}
	}
	for _, repository := range []string{"apps", "tools"} {
		fmt.Fprintf(&text, "%s  - {name: projects/shared-images/locations/us-central1/repositories/%s, format: docker, mode: standard, images: [\"web:v1\"]}\n",
			map[string]string{"apps": "repositories:\n"}[repository], repository)
	}
	return text.String()
}

// entry is that of a deploy of a project that fails for want of a repository, or
// of the same that succeeds.
type entry struct {
	id      string
	sort    string // of project
	n       int
	to      string // repository
	success bool
}

// template is an entry as Google writes it, from a story of the function.
func template(t *testing.T) string {
	t.Helper()
	story, err := txtar.ParseFile("../../testdata/granted.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range story.Files {
		if strings.HasPrefix(f.Name, "send 1 ") {
			return string(f.Data)
		}
	}
	t.Fatal("the story sends nothing")
	return ""
}

func (e entry) text(template string, at time.Time) []byte {
	text := strings.NewReplacer(
		"app-one", fmt.Sprint(e.sort, "-", e.n), "111111111111", number(e.sort, e.n), "apps/web:v1", e.to+"/web:v1", "entry-1", e.id,
		"2026-03-04T05:08:59.5Z", at.UTC().Format(time.RFC3339Nano),
	).Replace(template)
	if e.success {
		text = strings.NewReplacer("must have permission to read the image", "has read the image", `"code": 9`, `"code": 0`,
			"ContainerPermissionDenied", "Ready", `"status": "False"`, `"status": "True"`, "changed to False", "changed to True",
			"Permission must be granted", "Nothing is to be done", "has permission to access", "has read", `"severity": "ERROR"`, `"severity": "NOTICE"`,
			"permission", "leave").Replace(text)
	}
	return []byte(text)
}

// envelopes are the ways in which an event arrives.
var envelopes = []string{"push", "binary", "structured"}

const typePubSub = "google.cloud.pubsub.topic.v1.messagePublished"

// request is the message that delivers data, in an envelope.
func request(address, envelope, id string, data []byte) (*http.Request, error) {
	message := fmt.Sprintf(`{"subscription":"projects/ops/subscriptions/s","message":{"messageId":%q,"publishTime":%q,"data":%q}}`,
		id, time.Now().UTC().Format(time.RFC3339Nano), base64.StdEncoding.EncodeToString(data))
	headers := map[string]string{"Content-Type": "application/json"}
	switch envelope {
	case "binary":
		headers["Ce-Specversion"], headers["Ce-Id"], headers["Ce-Source"], headers["Ce-Type"] = "1.0", id, "//pubsub.googleapis.com/projects/ops/topics/pullfix", typePubSub
	case "structured":
		headers["Content-Type"] = "application/cloudevents+json"
		message = fmt.Sprintf(`{"specversion":"1.0","id":%q,"type":%q,"source":"//pubsub.googleapis.com/projects/ops/topics/pullfix","datacontenttype":"application/json","data":%s}`,
			id, typePubSub, message)
	}
	req, err := http.NewRequest(http.MethodPost, "http://"+address+"/", strings.NewReader(message))
	if err != nil {
		return nil, err
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	return req, nil
}

// line is one of the record.
type line struct{ event, phase, verdict, rule, outcome, cause string }

// recorded returns every line of the record, duplicates included.
func (w *world) recorded() (lines []line) {
	for _, e := range w.cloud.Entries() {
		if !strings.HasSuffix(e.GetLogName(), "/logs/pullfix") {
			continue
		}
		field := func(name string) string { return e.GetJsonPayload().GetFields()[name].GetStringValue() }
		lines = append(lines, line{field("event"), field("phase"), field("verdict"), field("rule"), field("outcome"), field("cause")})
	}
	return lines
}
