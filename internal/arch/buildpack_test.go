package arch

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullfix/pullfix/internal/further"
)

// generatedMain is, in effect, the program that the Go functions buildpack
// writes for a function that registers itself
// (https://github.com/GoogleCloudPlatform/buildpacks, cmd/go/functions_framework).
const generatedMain = `package main

import (
	"cmp"
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	_ "` + module + `"
)

func main() {
	log.Fatal(funcframework.Start(cmp.Or(os.Getenv("PORT"), "8080")))
}
`

// The buildpack moves the upload into a folder of its own, adds a program that
// imports the root package, tidies the module and builds. What the function
// then runs in holds none of the source: whatever it needs must be embedded.
func TestBuildpack(t *testing.T) {
	app := t.TempDir()
	src := filepath.Join(app, "serverless_function_source_code")
	stage(t, src)
	write(t, filepath.Join(src, "functions.local/app/main.go"), generatedMain)
	binary := filepath.Join(app, "main")
	run(t, src, "go", "build", "-mod=readonly", "-o", binary, "./functions.local/app")

	t.Run("declares itself", func(t *testing.T) {
		imports := run(t, src, "go", "list", "-f", `{{join .Imports "\n"}}`, ".")
		if want := "github.com/GoogleCloudPlatform/functions-framework-go/functions"; !slices.Contains(strings.Fields(imports), want) {
			t.Errorf("the root package does not import %s: the buildpack would look for an exported function", want)
		}
	})
	t.Run("serves", func(t *testing.T) { serves(t, binary) })
	t.Run("refuses broken rules", func(t *testing.T) { refusesBrokenRules(t, binary) })
	t.Run("tidies", func(t *testing.T) { tidies(t, src, binary) })
}

// serves posts the event of a log entry that is no failure: it is done with at
// once, and leaves no record.
func serves(t *testing.T, binary string) {
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	record := filepath.Join(dir, "audit.jsonl")
	start(t, dir, binary, "PORT="+port, "PULLFIX_AUDIT=file:"+record)

	status, body, err := post(t.Context(), "http://127.0.0.1:"+port+"/")
	if err != nil {
		t.Fatalf("the function does not answer: %v\n%s", err, read(t, dir, outputFile))
	}
	if status != http.StatusOK && status != http.StatusNoContent {
		t.Errorf("the function answers %d, want 200 or 204: %s\n%s", status, body, read(t, dir, outputFile))
	}
	if text, err := os.ReadFile(record); !errors.Is(err, fs.ErrNotExist) && len(text) > 0 {
		t.Errorf("an entry that is no failure left a record: %s", text)
	}
}

func refusesBrokenRules(t *testing.T, binary string) {
	t.Parallel()
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.yaml")
	write(t, broken, "apiVersion: pullfix/v1\nmode: enforc\n")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := function(ctx, dir, binary, "PORT="+freePort(t), "PULLFIX_RULES="+broken)
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !exit.Exited() {
		t.Fatalf("the function ends with %v, want a non-zero exit: %s", err, output)
	}
	if !regexp.MustCompile(`broken\.yaml:2:\d+`).Match(output) {
		t.Errorf("the function says not where the rules are broken, want …broken.yaml:2:COLUMN: %s", output)
	}
}

// tidies runs the step that the build above leaves out because it may have to
// fetch modules, and builds again: the copy lacks what only tests and the command
// line need.
func tidies(t *testing.T, src, binary string) {
	further.Only(t, "may fetch modules")
	run(t, src, "go", "mod", "tidy")
	run(t, src, "go", "build", "-mod=readonly", "-o", binary+"-tidied", "./functions.local/app")
}

// stage copies what deploy.sh deploys.
func stage(t *testing.T, to string) {
	t.Helper()
	bash := further.Find(t, "bash")
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, top, bash, "deploy/stage.sh", "rules.yaml", to)
}

const outputFile = "output"

// start runs the function until the test ends; its output goes to a file.
func start(t *testing.T, dir, binary string, env ...string) {
	t.Helper()
	output, err := os.Create(filepath.Join(dir, outputFile))
	if err != nil {
		t.Fatal(err)
	}
	cmd := function(t.Context(), dir, binary, env...)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the context of the test has ended the function
		_ = cmd.Wait()
		_ = output.Close()
	})
}

func function(ctx context.Context, dir, binary string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary)
	cmd.Dir = dir
	cmd.Env = append([]string{"FUNCTION_TARGET=pullfix", "PULLFIX_PROJECT=test-project", "PULLFIX_LEDGER=memory"}, env...)
	return cmd
}

// post sends a CloudEvent in the way of Pub/Sub and Eventarc, again until the
// function listens.
func post(ctx context.Context, url string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		status, body, err = postOnce(ctx, url)
		if err == nil || ctx.Err() != nil {
			return status, body, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func postOnce(ctx context.Context, url string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(event()))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Ce-Specversion", "1.0")
	req.Header.Set("Ce-Id", "1")
	req.Header.Set("Ce-Time", "2026-01-02T03:04:05Z")
	req.Header.Set("Ce-Type", "google.cloud.pubsub.topic.v1.messagePublished")
	req.Header.Set("Ce-Source", "//pubsub.googleapis.com/projects/test-project/topics/pullfix")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(res.Body)
	return res.StatusCode, body.String(), err
}

func event() string {
	entry := `{
		"insertId": "1",
		"logName": "projects/test-project/logs/run.googleapis.com%2Frequests",
		"timestamp": "2026-01-02T03:04:05Z",
		"severity": "INFO",
		"resource": {"type": "cloud_run_revision", "labels": {"project_id": "test-project", "service_name": "web"}},
		"httpRequest": {"requestMethod": "GET", "status": 200}
	}`
	return fmt.Sprintf(`{"message": {"data": %q, "messageId": "1", "publishTime": "2026-01-02T03:04:05Z"}, "subscription": "projects/test-project/subscriptions/pullfix"}`,
		base64.StdEncoding.EncodeToString([]byte(entry)))
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, output)
	}
	return string(output)
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
