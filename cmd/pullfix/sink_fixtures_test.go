package main

import (
	"bytes"
	"encoding/json"
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
	"github.com/pullfix/pullfix/iam"
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
		for data := range entriesIn(text) {
			f := fixture{at: at, data: asGoogleWrites(t, data)}
			f.fate, f.why = fateOf(f.data)
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
		Metadata struct{ DryRun any }
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

var (
	ofRun   = []string{"run.googleapis.com", "cloudfunctions.googleapis.com"}
	ofStore = []string{"artifactregistry.googleapis.com", "secretmanager.googleapis.com"}
)

// fateOf says what the sink has to do with an entry, and why, from what parse
// finds in it: all of which pullfix tells people about, if it is of a service
// that it knows.
func fateOf(data []byte) (fate, string) {
	var r read
	event, err := parse.Entry(data)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	var kinds []string
	for _, f := range event.Findings {
		kinds = append(kinds, f.Kind.String())
	}
	service, status := r.ProtoPayload.ServiceName, r.ProtoPayload.Status
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
	case len(kinds) == 0 && deployed && strings.Contains(status.Message, "status changed to False"):
		return either, "a deploy failed, and it does not say why"
	case len(kinds) == 0:
		return noise, "nothing was refused"
	case r.ProtoPayload.Metadata.DryRun != nil:
		return noise, "a perimeter in dry run"
	case !slices.Contains(ofRun, service) && !slices.Contains(ofStore, service):
		return noise, "it is of another service"
	case !deployed && status.Code == nil:
		return noise, "the call did not fail"
	case !deployed && !slices.ContainsFunc(kinds, func(k string) bool { return k != iam.NotFound.String() }):
		return noise, "somebody looked for what is not there"
	case slices.Contains(ofStore, service) && strings.HasSuffix(event.Log, "%2Factivity"):
		return noise, "somebody may not change a repository or a secret"
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
				wrong = "does not pass: " + f.why
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
// tree have. New fixtures come in by themselves.
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
		"a perimeter in dry run", "it is of another service", "the call did not fail", "somebody looked for what is not there",
		"somebody may not change a repository or a secret",
		"run-image", "caller-image", "artifact-download", "artifact-upload", "secret-access", "upstream-secret", "invoker",
		"act-as", "run-permission", "agent-token", "startup", "not-found", "org-policy", "quota", "vpc-sc",
	} {
		if met[why] == 0 {
			t.Errorf("no fixture is there for: %s", why)
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
