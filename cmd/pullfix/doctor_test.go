package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
)

// client has connections of its own: a test server that closes would also close
// those of [http.DefaultClient].
var client = &http.Client{Transport: &http.Transport{}}

const doctorSeed = `
projects:
  - {id: ops, number: 900000000009}
  - {id: app-one, number: 111111111111}
`

// doctored is a local Google Cloud with the topics of pullfix, and a person who
// looks at it.
type doctored struct {
	*testing.T
	*emulator.Cloud
	address, dir string
}

func newDoctored(t *testing.T) *doctored {
	t.Helper()
	d := &doctored{T: t, dir: t.TempDir()}
	d.Cloud, d.address = emulatortest.Start(t, doctorSeed)
	for _, topic := range []string{"pullfix", "pullfix-dead-letters"} {
		d.call(http.MethodPut, "v1/projects/ops/topics/"+topic, map[string]any{})
	}
	for subscription, topic := range map[string]string{"pushes": "pullfix", "pullfix-dead-letters": "pullfix-dead-letters"} {
		d.call(http.MethodPut, "v1/projects/ops/subscriptions/"+subscription, map[string]any{"topic": "projects/ops/topics/" + topic})
	}
	if err := os.WriteFile(filepath.Join(d.dir, "rules.yaml"), emptyPolicy, 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *doctored) call(method, path string, body any) map[string]any {
	d.Helper()
	answer, err := exchange(d.Context(), method, "http://"+d.address+"/"+path, body)
	if err != nil {
		d.Fatal(err)
	}
	return answer
}

// exchange makes a call, and decodes the answer, if there is one.
func exchange(ctx context.Context, method, url string, body any) (answer map[string]any, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err != nil || len(text) == 0 && resp.StatusCode == http.StatusNoContent {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %d: %s", method, url, resp.StatusCode, text)
	}
	return answer, json.Unmarshal(text, &answer)
}

// pullfix runs the command, and returns its exit status and what it wrote.
func (d *doctored) pullfix(args ...string) (status int, out, errs string) {
	d.Helper()
	var o, e bytes.Buffer
	cmd := d.command(args...)
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		d.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

func (d *doctored) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(d.Context(), "pullfix", args...)
	cmd.Dir = d.dir
	cmd.Env = append(os.Environ(), "PULLFIX_ENDPOINT="+d.address, "PULLFIX_PROJECT=ops", "PULLFIX_LEDGER=firestore", "PULLFIX_SLACK=", "PULLFIX_SMTP=")
	return cmd
}

// deliver runs the function, and gives it what is published, as Pub/Sub does.
func (d *doctored) deliver() {
	d.Helper()
	port := ownPort()
	function := d.command("serve", "--rules", "rules.yaml", "--port", itoa(port))
	if err := function.Start(); err != nil {
		d.Fatal(err)
	}
	ctx, cancel := context.WithCancel(d.Context())
	pushed := make(chan struct{})
	go func() {
		defer close(pushed)
		for ctx.Err() == nil {
			d.push(ctx, "http://127.0.0.1:"+itoa(port))
			time.Sleep(20 * time.Millisecond)
		}
	}()
	d.Cleanup(func() {
		cancel()
		<-pushed
		_ = function.Process.Kill()
		_ = function.Wait()
	})
}

// push delivers one message. What the function does not take comes again.
func (d *doctored) push(ctx context.Context, function string) {
	subscription := "http://" + d.address + "/v1/projects/ops/subscriptions/pushes"
	pulled, err := exchange(ctx, http.MethodPost, subscription+":pull", map[string]any{"maxMessages": 1})
	if err != nil {
		return
	}
	received, _ := pulled["receivedMessages"].([]any)
	for _, r := range received {
		one := r.(map[string]any)
		acks, verb := map[string]any{"ackIds": []any{one["ackId"]}}, ":acknowledge"
		if _, err := exchange(ctx, http.MethodPost, function, map[string]any{"message": one["message"]}); err != nil {
			acks["ackDeadlineSeconds"], verb = 0, ":modifyAckDeadline"
		}
		_, _ = exchange(ctx, http.MethodPost, subscription+verb, acks)
	}
}

// examined is what doctor says in JSON.
type examined struct {
	Project        string
	OK, Fail, Skip int
	Results        []struct{ Check, On, Status, Reason, Command string }
}

func (d *doctored) examine(args ...string) (examined, string) {
	d.Helper()
	status, out, errs := d.pullfix(append([]string{"doctor", "--source", "projects/app-one", "--format", "json"}, args...)...)
	var e examined
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil || status != exitFailed {
		d.Fatalf("status %d, %v: %s%s", status, err, out, errs)
	}
	if n := e.OK + e.Fail + e.Skip; n != len(e.Results) || e.Project != "ops" {
		d.Errorf("got %d results counted, and %d of %q", n, len(e.Results), e.Project)
	}
	return e, errs
}

// The made-up denial goes the whole way through the function, and changes
// nothing but the record.
func TestDoctorEndToEnd(t *testing.T) {
	t.Parallel()
	d := newDoctored(t)
	before := fmt.Sprint(d.Policies())
	d.deliver()
	found, errs := d.examine("--end-to-end", "--timeout", "1m")
	last := found.Results[len(found.Results)-1]
	if last.Check != "end-to-end" || last.Status != "OK" || !strings.HasPrefix(last.Reason, "recorded after ") {
		t.Fatalf("got %+v\n%s", last, errs)
	}
	if after := fmt.Sprint(d.Policies()); before != after {
		t.Errorf("policies: got %s, want %s", after, before)
	}
	_, out, errs := d.pullfix("audit", "list", "--format", "json")
	for _, want := range []string{`"kind":"run-image"`, `"event":"` + last.On + `"`, `"source_project":"ops"`, "/repositories/pullfix-doctor-", `"verdict":"alert"`} {
		if !strings.Contains(out, want) {
			t.Errorf("got %s%s, want %s", out, errs, want)
		}
	}
}

// Nobody serves the function: the wait for the record has an end.
func TestDoctorEndToEndWithoutFunction(t *testing.T) {
	t.Parallel()
	d := newDoctored(t)
	found, errs := d.examine("--end-to-end", "--timeout", "4s")
	last := found.Results[len(found.Results)-1]
	if last.Status != "FAIL" || !strings.HasPrefix(last.Reason, "it was published, and there is no record after ") || !strings.HasPrefix(last.Command, "gcloud logging read ") {
		t.Errorf("got %+v", last)
	}
	if !strings.Contains(errs, "waiting for the record of the made-up denial: 0s") {
		t.Errorf("got %q, want some progress", errs)
	}
}

func (e examined) of(check string) (status, reason, command string) {
	for _, r := range e.Results {
		if r.Check == check {
			return r.Status, r.Reason, r.Command
		}
	}
	return "", "", ""
}

func TestDoctorSeesAPause(t *testing.T) {
	t.Parallel()
	d := newDoctored(t)
	d.call(http.MethodPost, "v1/projects/ops/databases?databaseId=(default)", map[string]any{"type": "FIRESTORE_NATIVE", "locationId": "us-central1"})
	ledger := func(wantStatus, wantReason, wantCommand string) {
		t.Helper()
		found, _ := d.examine()
		status, reason, command := found.of("ledger")
		if status != wantStatus || !strings.HasPrefix(reason, wantReason) || command != wantCommand {
			t.Errorf("got %s, %s, %s; want %s, %s…, %s", status, reason, command, wantStatus, wantReason, wantCommand)
		}
	}
	ledger("OK", "nothing stops grants", "")
	if status, out, errs := d.pullfix("pause", "--reason", "a move"); status != exitDone {
		t.Fatalf("pause: %d, %s%s", status, out, errs)
	}
	ledger("FAIL", "grants are paused since ", "PULLFIX_PROJECT=ops pullfix rearm --reason WHY")
	if status, out, errs := d.pullfix("rearm", "--reason", "WHY"); status != exitDone {
		t.Fatalf("rearm: %d, %s%s", status, out, errs)
	}
	ledger("OK", "nothing stops grants", "")
}

// The variables are read as the function reads them.
func TestDoctorReadsVariables(t *testing.T) {
	t.Parallel()
	known, err := ownChecks{}.environment(map[string]string{"PULLFIX_PROJECT": "ops", "PULLFIX_SMTP": "smtp://u@example.com:587", "PULLFIX_SLACK": "hunter2"})
	if !known("PULLFIX_MODE") || !known("PULLFIX_EMAIL_TO") || known("PULLFIX_SLCAK") {
		t.Error("it knows other variables than the function")
	}
	for _, want := range []string{"PULLFIX_EMAIL_FROM: missing: ", "PULLFIX_EMAIL_TO: missing: ", "PULLFIX_SLACK: want a webhook URL"} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	if _, err := (ownChecks{}).environment(map[string]string{"PULLFIX_PROJECT": "ops"}); err != nil {
		t.Error(err)
	}
}
