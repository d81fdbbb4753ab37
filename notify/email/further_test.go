package email

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/internal/chromium"
	"github.com/pullfix/pullfix/internal/further"
	"github.com/pullfix/pullfix/notify"
)

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
	node := further.Program(t, "node")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(cache, "pullfix-ci", "mail-peer", "node_modules")
	if _, err := os.Stat(filepath.Join(modules, "smtp-server")); err != nil {
		further.Lack(t, "npm install the modules that .ci/run names: %v", err)
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
// by day and by night.
func TestMailsInABrowser(t *testing.T) {
	further.Program(t, "chromium")
	messages, mails := shownMails(t)
	for _, b := range chromium.Screens() {
		t.Run(b.String(), func(t *testing.T) {
			for i, got := range show(t, b, mails) {
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
	b := chromium.Browser{Width: chromium.Phone}
	for i, got := range show(t, b, mails) {
		if got.Needed > b.Width || len(got.Faint) > 0 {
			t.Errorf("%s needs %d pixels of %d, and has texts of a contrast below 4.5: %q", messages[i].Problem, got.Needed, b.Width, got.Faint)
		}
	}
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

func judgeShown(t *testing.T, b chromium.Browser, m notify.Message, got view) {
	t.Helper()
	if got.Width != b.Width || got.Needed > b.Width {
		t.Errorf("the mail needs %d pixels of %d, want at most %d", got.Needed, got.Width, b.Width)
	}
	if got.Dark != b.Dark || (got.Page < 0.5) != b.Dark {
		t.Errorf("the mail has luminance %.2f and knows of dark %t, want a page that is dark: %t", got.Page, got.Dark, b.Dark)
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

// show puts mails beside one another; each is as high as it needs to be.
func show(t *testing.T, b chromium.Browser, mails []string) (got []view) {
	t.Helper()
	script, err := os.ReadFile(filepath.Join("testdata", "measure.js"))
	if err != nil {
		t.Fatal(err)
	}
	var frames []chromium.Frame
	for _, mail := range mails {
		frames = append(frames, chromium.Frame{Page: mail, Height: 100})
	}
	if b.Measure(t, b.Page(string(script), frames...), &got); len(got) != len(mails) {
		t.Fatalf("the browser measured %d mails of %d", len(got), len(mails))
	}
	return got
}
