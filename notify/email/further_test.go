package email

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/notify"
)

// further returns the path of a program that is more than Go. Where it must be
// there, its absence is a failure.
func further(t *testing.T, program string) string {
	t.Helper()
	skip := skipper(t)
	if os.Getenv("PULLFIX_FURTHER") == "" {
		skip("set PULLFIX_FURTHER=1 to run the tests that need %s", program)
	}
	path, err := exec.LookPath(program)
	if err != nil {
		skip("%s is missing: %v", program, err)
	}
	return path
}

func skipper(t *testing.T) func(format string, args ...any) {
	if os.Getenv("PULLFIX_NO_SKIP") != "" {
		return t.Fatalf
	}
	return t.Skipf
}

// parsed is a mail as the peer prints it.
type parsed struct {
	User, Cipher, Sender string
	Recipients           []string
	From, To, Subject    string
	Text, HTML           string
	ID, InReplyTo        string
	References           string
	List                 map[string]map[string]string
	Automatic            string
}

// TestAnotherServerReadsTheSame sends to a server and its parser that have
// nothing in common with what is used here.
func TestAnotherServerReadsTheSame(t *testing.T) {
	port, roots, mails := peer(t)
	settings := options("smtp://alerts@127.0.0.1:" + port)
	settings.Password, settings.Roots = &vault{passwords: []string{password}}, roots
	settings.From, settings.To = "Пулфикс <alerts@ops.example.com>", []string{"Ana <ana@example.com>", "bo@example.com"}
	m := sample(notify.Refused)
	m.Title += " — 東京 ☃ " + strings.Repeat("é", 60)
	if err := send(t, newSender(t, settings), m); err != nil {
		t.Fatal(err)
	}
	var got parsed
	if err := json.Unmarshal(mails(), &got); err != nil {
		t.Fatal(err)
	}
	want := rendered(t, m, nil)
	domain, _ := parseEnvelope(settings.From, settings.To, settings.List)
	if diff := cmp.Diff(parsed{
		User: "alerts", Cipher: "TLSv1.3", Sender: "alerts@ops.example.com", Recipients: []string{"ana@example.com", "bo@example.com"},
		From: `"Пулфикс" <alerts@ops.example.com>`, To: `"Ana" <ana@example.com>, bo@example.com`,
		Subject: want.Subject, Text: want.Text, HTML: want.HTML,
		ID: domain.id(m.Problem, m.Event), InReplyTo: domain.id(m.Problem), References: domain.id(m.Problem),
		List: map[string]map[string]string{"id": {"name": "night", "id": "night.ops.example.com"}}, Automatic: "auto-generated",
	}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// peer runs the other server until the test ends, and returns its port, who
// vouches for it and a function that waits for its next mail. Its modules are
// in the cache folder that .ci/run fills.
func peer(t *testing.T) (port string, roots *x509.CertPool, next func() []byte) {
	t.Helper()
	node := further(t, "node")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(cache, "pullfix-ci", "mail-peer", "node_modules")
	if _, err := os.Stat(filepath.Join(modules, "smtp-server")); err != nil {
		skipper(t)("npm install the modules that .ci/run names: %v", err)
	}
	certificate, roots := certify(t, "127.0.0.1")
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), node, filepath.Join("testdata", "peer.js"),
		writePEM(t, dir, "CERTIFICATE", certificate.Certificate[0]), writePEM(t, dir, "PRIVATE KEY", key), "alerts", password)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // the context of the test has ended it
	lines := bufio.NewReader(out)
	next = func() []byte {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatalf("the peer has ended: %v", err)
		}
		return line
	}
	return strings.TrimSpace(string(next())), roots, next
}

func writePEM(t *testing.T, dir, kind string, der []byte) (file string) {
	t.Helper()
	file = filepath.Join(dir, strings.ReplaceAll(kind, " ", "-"))
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// view is a mail as a browser shows it.
type view struct {
	Width, Needed int
	Dark          bool
	Page          float64 // luminance, from 0 to 1
	Fetched       []string
	Faint, Small  []string
	Fold          float64 // where what is to be done and what broke end
	Command       string
}

// TestMailsInABrowser shows the mail of every tone, on a phone and on a desk,
// by day and by night. Where PULLFIX_SCREENSHOTS names a folder, it gets the
// pictures.
func TestMailsInABrowser(t *testing.T) {
	messages, mails := shownMails(t)
	for _, b := range browsers(t) {
		t.Run(b.name(), func(t *testing.T) {
			for i, got := range b.show(t, mails) {
				t.Run(messages[i].Problem, func(t *testing.T) { judgeShown(t, b, messages[i], got) })
			}
		})
	}
}

// Some programs leave out what a mail has in its head.
func TestMailsWithoutTheirStyle(t *testing.T) {
	messages, mails := shownMails(t)
	for i := range mails {
		mails[i] = regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAllString(mails[i], "")
	}
	for _, b := range browsers(t)[:1] {
		for i, got := range b.show(t, mails) {
			if got.Needed > b.width || len(got.Faint) > 0 {
				t.Errorf("%s needs %d pixels of %d, and has texts of a contrast below 4.5: %q", messages[i].Problem, got.Needed, b.width, got.Faint)
			}
		}
	}
}

func browsers(t *testing.T) []browser {
	chromium := further(t, "chromium")
	return []browser{{chromium, 390, false}, {chromium, 390, true}, {chromium, 1280, false}, {chromium, 1280, true}}
}

func shownMails(t *testing.T) (messages []notify.Message, mails []string) {
	messages = append(messages, unbreakable())
	for _, tone := range notify.Tones() {
		messages = append(messages, sample(tone))
	}
	for _, m := range messages {
		mails = append(mails, rendered(t, m, nil).HTML)
	}
	return messages, mails
}

// unbreakable has no place where a line can end.
func unbreakable() notify.Message {
	x := func(n int) string { return strings.Repeat("x", n) }
	return notify.Message{
		Title: x(150), Why: x(400), Next: x(200), Terraform: x(400), Problem: "unbreakable", Gcloud: "pullfix --x=" + x(400),
		Facts: []notify.Fact{{Name: x(24), Value: x(400)}}, Links: []notify.Link{{Label: x(150), URL: "https://example.com/"}},
	}
}

func judgeShown(t *testing.T, b browser, m notify.Message, got view) {
	t.Helper()
	if got.Width != b.width || got.Needed > b.width {
		t.Errorf("the mail needs %d pixels of %d, want at most %d", got.Needed, got.Width, b.width)
	}
	if got.Dark != b.dark || (got.Page < 0.5) != b.dark {
		t.Errorf("the mail has luminance %.2f and knows of dark %t, want a page that is dark: %t", got.Page, got.Dark, b.dark)
	}
	if len(got.Fetched) > 0 {
		t.Errorf("the mail fetched %q, want nothing", got.Fetched)
	}
	if len(got.Faint) > 0 {
		t.Errorf("the mail has texts of a contrast below 4.5: %q", got.Faint)
	}
	if len(got.Small) > 0 {
		t.Errorf("the mail has texts of less than 13 pixels: %q", got.Small)
	}
	if got.Fold > 500 {
		t.Errorf("what is to be done and what broke end at pixel %.0f, want 500 at most", got.Fold)
	}
	if want := m.Gcloud; want != "" && got.Command != want {
		t.Errorf("the command copies as %q, want %q", got.Command, want)
	}
}

type browser struct {
	program string
	width   int
	dark    bool
}

func (b browser) name() string {
	return fmt.Sprintf("%d-%s", b.width, map[bool]string{true: "dark", false: "light"}[b.dark])
}

var title = regexp.MustCompile(`<title>([^<]*)</title>`)

// show puts mails into frames of the width of the screen, which may be
// narrower than a window can be.
func (b browser) show(t *testing.T, mails []string) (got []view) {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", "measure.js"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString(`<!DOCTYPE html><meta charset="utf-8"><title></title><body style="margin:0">`)
	for _, mail := range mails {
		fmt.Fprintf(&text, `<iframe srcdoc="%s" style="border:0;float:left;width:%dpx;height:100px"></iframe>`, html.EscapeString(mail), b.width)
	}
	fmt.Fprintf(&text, "<script>%s</script>", script)
	page := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(page, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	found := title.FindSubmatch(b.run(t, "--dump-dom", "file://"+page))
	if found == nil {
		t.Fatal("the browser shows no page")
	}
	measures, err := base64.StdEncoding.DecodeString(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(measures, &got); err != nil || len(got) != len(mails) {
		t.Fatalf("the browser measured %d mails of %d: %v: %s", len(got), len(mails), err, measures)
	}
	if dir := os.Getenv("PULLFIX_SCREENSHOTS"); dir != "" {
		b.run(t, "--screenshot="+filepath.Join(dir, filepath.Base(t.Name())+".png"), "file://"+page)
	}
	return got
}

// run runs the browser offline and with nothing that it remembers.
func (b browser) run(t *testing.T, args ...string) (stdout []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	preferred := map[bool]string{true: "0", false: "1"}[b.dark]
	cmd := exec.CommandContext(ctx, b.program, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND",
		"--user-data-dir=" + t.TempDir(), "--blink-settings=preferredColorScheme=" + preferred, fmt.Sprintf("--window-size=%d,2800", 4*b.width),
	}, args...)...)
	var errors bytes.Buffer
	cmd.Stderr, cmd.WaitDelay = &errors, 5*time.Second
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", b.program, err, errors.String())
	}
	return stdout
}
