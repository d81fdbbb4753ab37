package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/emulator"
)

var (
	//go:embed demo/seed.yaml
	demoSeed []byte
	//go:embed demo/rules.yaml
	demoRules []byte
)

func newDemo() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the main job on failed deploys, with no cloud account",
		Long: `Start a local Google Cloud and the function, send it the log entries of failed
deploys over HTTP, and show what it made of each: what was denied, what was
decided by which rule and why, and what changed in the policy.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var view demoView
			switch format {
			case "text":
				view = newDemoText(cmd.OutOrStdout())
			case "json":
				view = demoJSON{json.NewEncoder(cmd.OutOrStdout())}
			default:
				return fmt.Errorf("--format %q: want text or json", format)
			}
			ctx, stop := untilInterrupted()
			defer stop()
			return runDemo(ctx, view)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

// demoView shows the demo while it goes on.
type demoView interface {
	begin(endpoint, function string)
	event(demoResult)
	end(demoSummary, time.Duration) error
}

// demoResult is what became of one event.
type demoResult struct {
	number   int
	incident demoIncident
	status   int // of the answer over HTTP
	records  []audit.Record
	before   map[string][]string // policies as lines, by resource
	after    map[string][]string
	told     slackMessage
}

// demoSummary counts events by what became of them.
type demoSummary struct {
	Events  int `json:"events"`
	Granted int `json:"granted"`
	Alerted int `json:"alerted"`
	Ignored int `json:"ignored"`
	Failed  int `json:"failed"`
}

func (s *demoSummary) count(records []audit.Record) {
	s.Events++
	if len(records) == 0 {
		s.Ignored++
		return
	}
	switch last := records[len(records)-1]; {
	case last.Outcome == audit.OutcomeApplied:
		s.Granted++
	case last.Outcome == audit.OutcomeFailed:
		s.Failed++
	case last.Verdict == "ignore":
		s.Ignored++
	default:
		s.Alerted++
	}
}

// demoWorld are the running parts of a demo.
type demoWorld struct {
	cloud    *emulator.Cloud
	endpoint string
	function string
	slack    *slackStandIn
	stop     func()
}

func runDemo(ctx context.Context, view demoView) error {
	began := time.Now()
	world, err := startDemo(ctx)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer world.stop()
	view.begin(world.endpoint, world.function)
	var summary demoSummary
	for n, incident := range demoIncidents() {
		result, err := world.play(ctx, n+1, incident)
		if err != nil {
			return fmt.Errorf("demo: event %d: %w", n+1, err)
		}
		summary.count(result.records)
		view.event(result)
	}
	return view.end(summary, time.Since(began))
}

// startDemo starts the local Google Cloud, a stand-in for Slack, and the
// function as a process of its own.
func startDemo(ctx context.Context) (*demoWorld, error) {
	seed, err := emulator.ParseSeed("demo/seed.yaml", demoSeed)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return nil, err
	}
	w := &demoWorld{cloud: emulator.New(seed), endpoint: listener.Addr().String(), slack: newSlackStandIn()}
	go func() { _ = w.cloud.Serve(listener) }()
	ctx, cancel := context.WithCancel(ctx)
	w.stop = func() {
		cancel()
		w.slack.server.Close()
		_ = w.cloud.Close()
	}
	if err := w.startFunction(ctx); err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

func (w *demoWorld) startFunction(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "pullfix-demo")
	if err != nil {
		return err
	}
	stop := w.stop
	w.stop = func() { stop(); _ = os.RemoveAll(dir) }
	if err := os.WriteFile(filepath.Join(dir, defaultRulesFile), demoRules, 0o600); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	w.function = "http://" + net.JoinHostPort(loopback, strconv.Itoa(port))
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, self, "serve", "--port", strconv.Itoa(port), "--rules", defaultRulesFile)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PULLFIX_ENDPOINT="+w.endpoint, "PULLFIX_PROJECT="+localProject, "PULLFIX_AUDIT=cloud",
		"PULLFIX_MODE=", "PULLFIX_LEDGER=memory", "PULLFIX_SLACK="+w.slack.server.URL, "K_SERVICE=")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	w.stop = chain(w.stop, func() {
		if err := <-ended; err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "pullfix: demo: the function ended: %v\n", err)
		}
	})
	return awaitFunction(ctx, w.function, ended, &log)
}

func chain(first, then func()) func() { return func() { first(); then() } }

func freePort() (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, err
	}
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, errors.Join(err, l.Close())
	}
	port, err := strconv.Atoi(text)
	return port, errors.Join(err, l.Close())
}

const startLimit = 20 * time.Second

func awaitFunction(ctx context.Context, url string, ended chan error, log *bytes.Buffer) error {
	for deadline := time.Now().Add(startLimit); ; {
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the function ended: %w: %s", err, log)
		case <-time.After(20 * time.Millisecond):
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			return resp.Body.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the function does not answer: %w", err)
		}
	}
}

// play sends one event and gathers what came of it.
func (w *demoWorld) play(ctx context.Context, n int, incident demoIncident) (demoResult, error) {
	r := demoResult{number: n, incident: incident, before: policyLines(w.cloud)}
	known := len(w.records())
	w.slack.take()
	body, err := incident.entry(n)
	if err != nil {
		return r, err
	}
	if r.status, err = w.post(ctx, n, body); err != nil {
		return r, err
	}
	if r.status != http.StatusNoContent {
		return r, fmt.Errorf("the function answered %d", r.status)
	}
	r.records, r.after, r.told = w.records()[known:], policyLines(w.cloud), w.slack.take()
	return r, nil
}

// post delivers an entry as Eventarc does: a Pub/Sub message in a CloudEvent in
// binary mode.
func (w *demoWorld) post(ctx context.Context, n int, entry []byte) (status int, err error) {
	body := fmt.Sprintf(`{"subscription":"projects/%s/subscriptions/demo","message":{"messageId":"%d","publishTime":%q,"data":%q}}`,
		localProject, n, time.Now().UTC().Format(time.RFC3339Nano), base64.StdEncoding.EncodeToString(entry))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.function, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err
	}
	for key, value := range map[string]string{
		"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": strconv.Itoa(n),
		"Ce-Type":   "google.cloud.pubsub.topic.v1.messagePublished",
		"Ce-Source": "//pubsub.googleapis.com/projects/" + localProject + "/topics/denials",
		"Ce-Time":   time.Now().UTC().Format(time.RFC3339Nano),
	} {
		req.Header.Set(key, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// records reads the compliance record out of the local Cloud Logging.
func (w *demoWorld) records() []audit.Record {
	var records []audit.Record
	for _, e := range w.cloud.Entries() {
		if e.GetLogName() != "projects/"+localProject+"/logs/"+audit.LogID {
			continue
		}
		var r audit.Record
		if text, err := e.GetJsonPayload().MarshalJSON(); err == nil && json.Unmarshal(text, &r) == nil {
			records = append(records, r)
		}
	}
	return records
}

// slackStandIn takes messages as Slack's incoming webhooks do.
type slackStandIn struct {
	server *httptest.Server
	mu     sync.Mutex
	last   slackMessage
}

// slackMessage is what a person would see of a message
// (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block).
type slackMessage struct {
	Text   string `json:"text"`
	Blocks []struct {
		Elements []struct {
			Type     string `json:"type"`
			Elements []struct {
				Text string `json:"text"`
			} `json:"elements"`
		} `json:"elements"`
	} `json:"blocks"`
}

// line is one line of the message without its blocks: what happened, and then
// what to do.
func (m slackMessage) line(n int) string {
	lines := strings.Split(m.Text, "\n")
	if n >= len(lines) {
		return ""
	}
	return html.UnescapeString(lines[n])
}

// command is the first one in the message.
func (m slackMessage) command() string {
	for _, b := range m.Blocks {
		for _, e := range b.Elements {
			if e.Type == "rich_text_preformatted" && len(e.Elements) == 1 {
				return e.Elements[0].Text
			}
		}
	}
	return ""
}

func newSlackStandIn() *slackStandIn {
	s := &slackStandIn{}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m slackMessage
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			http.Error(w, "invalid_payload", http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = m
		_, _ = io.WriteString(w, "ok")
	}))
	return s
}

// take returns the last message and forgets it.
func (s *slackStandIn) take() slackMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.last
	s.last = slackMessage{}
	return last
}
