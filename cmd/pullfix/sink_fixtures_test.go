package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/parse"
)

// ownAccount is that of pullfix in the fixtures.
const ownAccount = "pullfix@ops.iam.gserviceaccount.com"

// fixture is a log entry that some test of this tree has, as Google would
// write it.
type fixture struct {
	at   string
	data []byte
	fate fate
	why  string
}

// fate says what the sink has to do with an entry.
type fate int

const (
	either fate = iota // it may come or not: nothing is done about it
	wanted
	noise
)

// fixtures returns the log entries in all testdata, and those in the pages.
func fixtures(t *testing.T) []fixture {
	t.Helper()
	var all []fixture
	add := func(at string, text []byte) {
		at = strings.TrimPrefix(filepath.ToSlash(at), "../../")
		entries := slices.Collect(entriesIn(text))
		for n, data := range entries {
			f := fixture{at: at, data: asGoogleWrites(t, data)}
			if len(entries) > 1 {
				f.at = fmt.Sprintf("%s entry %d", at, n+1)
			}
			f.fate, f.why = fateOf(f.at, f.data)
			all = append(all, f)
		}
	}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && d.IsDir() {
				return fs.SkipDir
			}
			return err
		}
		inTestdata := strings.Contains(filepath.ToSlash(path), "/testdata/")
		read := func() []byte {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			return text
		}
		switch ext := filepath.Ext(path); {
		case inTestdata && ext == ".txtar":
			for _, member := range txtar.Parse(read()).Files {
				add(path+" "+member.Name, member.Data)
			}
		case inTestdata && (ext == ".json" || ext == ".jsonl"):
			add(path, read())
		case ext == ".md":
			for _, fence := range fencedJSON.FindAllSubmatch(read(), -1) {
				add(path, fence[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var fencedJSON = regexp.MustCompile("(?s)\n```json\n(.*?)\n```\n")

// entriesIn returns the log entries in a text of one or several documents.
func entriesIn(text []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for document, err := range parse.Documents(bytes.NewReader(text)) {
			var e struct{ LogName, ProtoPayload json.RawMessage }
			if err != nil || json.Unmarshal(document, &e) != nil || e.LogName == nil && e.ProtoPayload == nil {
				continue
			}
			if !yield(bytes.Clone(document)) {
				return
			}
		}
	}
}

// read is what a fixture says in the fields that matter.
type read struct {
	Severity     string
	ProtoPayload struct {
		ServiceName string
		Status      struct {
			Code    any
			Message string
		}
	}
}

// asGoogleWrites mends what fixtures leave out or say of all entries alike: the
// time, and the severity. Google writes ERROR where there is a code, and not
// where a deploy succeeded.
func asGoogleWrites(t *testing.T, data []byte) []byte {
	t.Helper()
	data = bytes.ReplaceAll(data, []byte(`"NOW"`), []byte(`"2026-03-04T05:08:59Z"`))
	var r read
	if err := json.Unmarshal(data, &r); err != nil {
		return data // hostile, and no matter to a filter
	}
	severity := r.Severity
	switch status := r.ProtoPayload.Status; {
	case severity == "" && status.Code != nil:
		severity = "ERROR"
	case severity == "ERROR" && status.Code == nil && status.Message != "" && !strings.Contains(status.Message, "False"):
		severity = "INFO"
	}
	if severity == r.Severity {
		return data
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	doc["severity"] = severity
	mended, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return mended
}

var auditName = regexp.MustCompile(`(?i)^projects/[^/]+/logs/cloudaudit\.googleapis\.com%2F(activity|data_access|policy|system_event)$`)

// undelivered are the fixtures in which parse finds something, and which the
// sink leaves out all the same, and why: pullfix is told of deploys to Cloud Run
// and of refused calls to it, to Artifact Registry and to Secret Manager. What
// parse says of the others is for pullfix explain.
var undelivered = map[string]string{
	"cmd/pullfix/testdata/sink-filter.txtar noise.jsonl entry 2":   "a perimeter in dry run refuses nothing",
	"cmd/pullfix/testdata/sink-filter.txtar noise.jsonl entry 3":   "that somebody may not delete a repository stops no deploy",
	"cmd/pullfix/testdata/sink-filter.txtar noise.jsonl entry 4":   "that somebody looks for a service which is not there stops no deploy",
	"parse/testdata/activity-entries.txtar act-as-of-iam.json":     "the entry of Cloud Run about the same deploy comes, and names the account, as this one does not",
	"parse/testdata/activity-entries.txtar enable-service.json":    "that somebody may not enable a service is before any deploy",
	"parse/testdata/activity-entries.txtar error-info.json":        "what somebody may not do with roles stops no deploy",
	"parse/testdata/activity-entries.txtar not-found-code.json":    "it is about Compute Engine",
	"parse/testdata/activity-entries.txtar quota-code.json":        "it is about Compute Engine",
	"parse/testdata/activity-entries.txtar word-code.json":         "it is about Cloud Storage",
	"parse/testdata/artifact-entries.txtar no-status.json":         "without a code or a message it is as the entry of a call that went well",
	"parse/testdata/artifact-entries.txtar not-found.json":         "clients look for images that are not there all the time",
	"parse/testdata/artifact-entries.txtar not-found-as-text.json": "clients look for images that are not there all the time",
	"parse/testdata/artifact-entries.txtar other-service.json":     "Google writes no such entry: the service is not that of the method",
	"parse/testdata/hostile-entries.txtar another-service.json":    "Google writes no such entry: the service is not that of the method",
	"parse/testdata/hostile-entries.txtar no-service.json":         "Google writes no such entry: it names no service",
}

// fateOf says what the sink has to do with an entry, and why, from what parse
// finds in it: all of which pullfix tells people about, but for what is
// undelivered.
func fateOf(at string, data []byte) (fate, string) {
	var r read
	event, err := parse.Entry(data)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	var kinds []string
	for _, f := range event.Findings {
		kinds = append(kinds, f.Kind.String())
	}
	left, listed := undelivered[at]
	deployed := strings.HasSuffix(event.Log, "%2Fsystem_event")
	switch {
	case err != nil:
		return either, "it cannot be read"
	case !event.Audit && r.ProtoPayload.ServiceName != "" && auditName.MatchString(event.Log):
		return either, "only the name of its log is that of an audit log"
	case !event.Audit:
		return noise, "it is of no audit log"
	case event.Caller.Email() == ownAccount:
		return noise, "pullfix did it"
	case len(kinds) == 0 && deployed && strings.Contains(r.ProtoPayload.Status.Message, "status changed to False"):
		return either, "a deploy failed, and it does not say why"
	case len(kinds) == 0:
		return noise, "nothing was refused"
	case listed:
		return noise, left
	default:
		return wanted, strings.Join(kinds, ", ")
	}
}

// misjudged returns the fixtures that the filter lets through although they are
// noise, or keeps back although they are wanted.
func misjudged(t *testing.T, filter string, all []fixture) iter.Seq[string] {
	t.Helper()
	parsed, err := emulator.ParseFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(string) bool) {
		for _, f := range all {
			passes, err := parsed.Matches(f.data)
			wrong := ""
			switch {
			case err != nil:
				wrong = err.Error()
			case passes && f.fate == noise:
				wrong = "passes, and is noise: " + f.why
			case !passes && f.fate == wanted:
				wrong = "does not pass, and is not among undelivered: " + f.why
			}
			if wrong != "" && !yield(f.at+": "+wrong) {
				return
			}
		}
	}
}

func sinkFilter(t *testing.T) string {
	t.Helper()
	filter, err := deploy.SinkFilter(ownAccount)
	if err != nil {
		t.Fatal(err)
	}
	return filter
}

// TestSinkFilter holds the filter to every log entry that the tests of this
// tree have. New fixtures come in by themselves: one in which something is found
// has to pass, or to be listed as undelivered.
func TestSinkFilter(t *testing.T) {
	all := fixtures(t)
	for wrong := range misjudged(t, sinkFilter(t), all) {
		t.Error(wrong)
	}
	met := map[string]int{}
	for _, f := range all {
		met[f.why]++
		t.Logf("%s: %s", f.at, f.why)
	}
	for _, why := range []string{
		"it cannot be read", "it is of no audit log", "pullfix did it", "a deploy failed, and it does not say why", "nothing was refused",
		"run-image", "caller-image", "artifact-download", "artifact-upload", "secret-access", "upstream-secret", "invoker",
		"act-as", "run-permission", "agent-token", "startup", "not-found", "org-policy", "quota", "vpc-sc",
	} {
		if met[why] == 0 {
			t.Errorf("no fixture is there for: %s", why)
		}
	}
	for at, why := range undelivered {
		if !slices.ContainsFunc(all, func(f fixture) bool { return f.at == at && f.why == why }) {
			t.Errorf("%s is no fixture in which something is found: take it out of undelivered", at)
		}
	}
}

var (
	comment = regexp.MustCompile(`(?m)^\s*--.*$`)
	// comparison is one, or what stands for one.
	comparison = regexp.MustCompile(`log_id\("[^"]*"\)|[A-Za-z.]+(?: >= | = |:)(?:"[^"]*"|\([^()]*\)|\w+)`)
	// choice is one of several values.
	choice = regexp.MustCompile(`\(([^()]*)\)$`)
)

const (
	always = `severity >= DEFAULT`
	never  = `severity < DEFAULT`
)

// distinct returns one fixture of those that are alike in all that the filter
// looks at, without the rest.
func distinct(t *testing.T, all []fixture) []fixture {
	t.Helper()
	seen := map[string]bool{}
	var some []fixture
	for _, f := range all {
		var e struct {
			LogName, Severity any
			ProtoPayload      struct{ ServiceName, Status, Metadata, AuthenticationInfo any }
		}
		if f.fate == either || json.Unmarshal(f.data, &e) != nil {
			continue
		}
		text, err := json.Marshal(map[string]any{"logName": e.LogName, "severity": e.Severity, "protoPayload": map[string]any{
			"serviceName": e.ProtoPayload.ServiceName, "status": e.ProtoPayload.Status,
			"metadata": e.ProtoPayload.Metadata, "authenticationInfo": e.ProtoPayload.AuthenticationInfo,
		}})
		if err != nil {
			t.Fatal(err)
		}
		if !seen[string(text)] {
			seen[string(text)] = true
			some = append(some, fixture{f.at, text, f.fate, f.why})
		}
	}
	return some
}

// TestNothingInTheSinkFilterIsIdle replaces each comparison by one that is
// always or never true, and takes away each value that a field may have. A
// fixture must notice.
func TestNothingInTheSinkFilterIsIdle(t *testing.T) {
	all := distinct(t, fixtures(t))
	filter := comment.ReplaceAllString(sinkFilter(t), "")
	places := comparison.FindAllStringIndex(filter, -1)
	if rest := strings.Trim(comparison.ReplaceAllString(filter, ""), "() \n"); strings.Trim(rest, "ANDORT() \n") != "" {
		t.Fatalf("terms that are not known: %q", rest)
	}
	tried := 0
	for _, at := range places {
		found := filter[at[0]:at[1]]
		others := []string{always, never}
		if values := choice.FindStringSubmatch(found); len(values) > 1 && strings.Contains(values[1], " OR ") {
			several := strings.Split(values[1], " OR ")
			for i := range several {
				left := strings.Join(slices.Delete(slices.Clone(several), i, i+1), " OR ")
				others = append(others, strings.Replace(found, values[1], left, 1))
			}
		}
		for _, other := range others {
			tried++
			noticed := false
			for range misjudged(t, filter[:at[0]]+other+filter[at[1]:], all) {
				noticed = true
				break
			}
			if !noticed {
				t.Errorf("no fixture notices that\n\t%s\nat byte %d becomes\n\t%s", found, at[0], other)
			}
		}
	}
	if tried < 40 {
		t.Errorf("%d changes were tried, want at least 40", tried)
	}
}
