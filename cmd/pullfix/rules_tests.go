package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/rules"
)

func newRulesTest() *cobra.Command {
	var format string
	var update bool
	cmd := &cobra.Command{
		Use:   "test [FILE|-]",
		Short: "Run the tests that a policy file holds",
		Long: `Run the tests that a policy file (rules.yaml where none is named) holds:

  tests:
    - name: an app deploy is fixed
      event: testdata/run-image.json    # a log entry in JSON, from the file's folder
      above: [folders/222]              # what holds the project that deploys
      numbers: [app-one=111111111111]   # of projects that the entry or a rule has by number
      expect: {verdict: grant, rule: apps}

Each says what comes of an event, and by which rule where it names one, before
pullfix looks at live state. A grant is expected where a rule allows it and
nothing in the event speaks against it. Keys above, numbers
and rule may be left out.

--update writes what comes of the events into the tests that fail, and changes
nothing else of the file. Read the diff.

Exit status: 0 all pass, 1 some failed, 2 an event or the file cannot be read.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			show, ok := map[string]func(io.Writer, testReport) error{"text": testText, "json": testJSON}[format]
			if !ok {
				return wrongFormat(format, "text or json")
			}
			file := rulesFile(args)
			report, err := runRulesTests(file, cmd.InOrStdin(), update)
			if err != nil {
				return err
			}
			if err := show(cmd.OutOrStdout(), report); err != nil {
				return err
			}
			return report.err()
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	cmd.Flags().BoolVar(&update, "update", false, "write what comes of the events into the tests that fail")
	return cmd
}

// testReport is how the tests of a file end.
type testReport struct {
	File    string       `json:"file"`
	Passed  int          `json:"passed"`
	Failed  int          `json:"failed"`
	Updated int          `json:"updated"`
	Tests   []testResult `json:"tests"`
}

// testResult is how one test ends.
type testResult struct {
	Name     string      `json:"name"`
	Line     int         `json:"line"`
	Event    string      `json:"event"`
	Passed   bool        `json:"passed"`
	Updated  bool        `json:"updated"` // it passes because of what was written into it
	Expected expectation `json:"expected"`
	Got      []testGot   `json:"got"`     // of every finding of the event
	Problem  string      `json:"problem"` // why there is none, or why it could not be updated

	unread bool
	before expectation // of one that was updated
}

type expectation struct {
	Verdict string `json:"verdict"`
	Rule    string `json:"rule"` // "" where any will do
}

func (e expectation) String() string {
	if e.Rule == "" {
		return e.Verdict
	}
	return fmt.Sprintf("%s by rule %q", e.Verdict, e.Rule)
}

type testGot struct {
	outcome
	Kind   string `json:"kind"`
	Reason string `json:"reason"`

	verdict rules.Verdict
}

// meets reports whether the expectation holds.
func (g testGot) meets(e expectation) bool {
	return g.Verdict == e.Verdict && (e.Rule == "" || g.Rule == e.Rule)
}

// runRulesTests runs the tests of a file, and writes what comes of them into it
// where that is wanted.
func runRulesTests(file string, in io.Reader, update bool) (testReport, error) {
	if update && file == standardInput {
		return testReport{}, errors.New("rules: --update: want a file: standard input cannot be written")
	}
	name, data, err := readRules(file, in)
	if err != nil {
		return testReport{}, err
	}
	policy, err := rules.Parse(name, data)
	if err != nil {
		return testReport{}, err
	}
	report := testPolicy(file, policy)
	if !update || report.Failed == 0 {
		return report, nil
	}
	return updateRulesTests(report, data)
}

func testPolicy(file string, policy *rules.Policy) testReport {
	report := testReport{File: file, Tests: []testResult{}}
	for _, t := range policy.Tests() {
		report.Tests = append(report.Tests, runRulesTest(policy, filepath.Dir(file), t))
	}
	report.count()
	return report
}

func (r *testReport) count() {
	r.Passed, r.Failed, r.Updated = 0, 0, 0
	for _, t := range r.Tests {
		switch {
		case !t.Passed:
			r.Failed++
			continue
		case t.Updated:
			r.Updated++
		}
		r.Passed++
	}
}

// err is how the command ends.
func (r testReport) err() error {
	unread := 0
	for _, t := range r.Tests {
		if t.unread {
			unread++
		}
	}
	switch {
	case unread > 0:
		return fmt.Errorf("rules: %s of the tests cannot be read", plural(unread, "event"))
	case r.Failed > 0:
		return errFailed
	default:
		return nil
	}
}

func runRulesTest(policy *rules.Policy, dir string, t rules.Test) testResult {
	result := testResult{Name: t.Name, Line: t.Line, Event: t.Event, Expected: expectation{t.Verdict, t.Rule}, Got: []testGot{}}
	event, err := readEvent(dir, t.Event)
	if err != nil {
		result.unread, result.Problem = true, err.Error()
		return result
	}
	known := knownOf(t.Above, t.Numbers)
	for _, finding := range event.Findings {
		r, _ := ruled(policy, event, finding, known)
		result.Got = append(result.Got, testGot{outcomeOf(r), finding.Kind.String(), reasonOf(r), r.Verdict()})
	}
	if len(result.Got) == 0 {
		result.Problem = "the event holds no denial"
	}
	result.Passed = len(result.failing()) == 0 && result.Problem == ""
	return result
}

// readEvent reads a log entry.
func readEvent(dir, path string) (parse.Event, error) {
	path = filepath.FromSlash(path)
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return parse.Event{}, err
	}
	event, err := parse.Entry(data)
	if err != nil {
		return parse.Event{}, fmt.Errorf("%s: %w", path, err)
	}
	return event, nil
}

// failing are the findings of which something else comes than is expected.
func (t testResult) failing() []testGot {
	var all []testGot
	for _, g := range t.Got {
		if !g.meets(t.Expected) {
			all = append(all, g)
		}
	}
	return all
}

// actual is what the test would have to expect, or why nothing could be.
func (t testResult) actual() (want rules.Expect, problem string) {
	if t.Problem != "" {
		return want, t.Problem
	}
	for _, g := range t.Got[1:] {
		if first := t.Got[0]; g.Verdict != first.Verdict || t.Expected.Rule != "" && g.Rule != first.Rule {
			return want, fmt.Sprintf("of the findings of the event come %s, and %s: one expectation cannot say both", first.outcome, g.outcome)
		}
	}
	return rules.Expect{Verdict: t.Got[0].verdict, Rule: t.Got[0].Rule}, ""
}

// updateRulesTests writes what came of the events into the tests that failed,
// and runs them again from what is in the file then.
func updateRulesTests(report testReport, data []byte) (testReport, error) {
	wanted := map[int]rules.Expect{}
	problems := map[int]string{}
	for i, t := range report.Tests {
		if t.Passed {
			continue
		}
		want, problem := t.actual()
		if problem != "" {
			problems[i] = problem
			continue
		}
		wanted[i] = want
	}
	again := report
	if len(wanted) > 0 {
		var err error
		if again, err = rewriteRules(report.File, data, wanted); err != nil {
			return report, err
		}
	}
	for i := range again.Tests {
		t := &again.Tests[i]
		if _, ok := wanted[i]; ok && !t.Passed {
			return report, fmt.Errorf("rules: %s was updated, and test %q still fails: %s", report.File, t.Name, t.story())
		}
		if _, ok := wanted[i]; ok {
			t.Updated, t.before = true, report.Tests[i].Expected
		}
		t.Problem = cmp.Or(problems[i], t.Problem)
	}
	again.count()
	return again, nil
}

// rewriteRules changes the file if the tests then pass.
func rewriteRules(file string, data []byte, wanted map[int]rules.Expect) (testReport, error) {
	after, err := rules.Rewrite(file, data, wanted)
	if err != nil {
		return testReport{}, fmt.Errorf("rules: --update: nothing was changed: %w", err)
	}
	if err := replaceFile(file, after); err != nil {
		return testReport{}, fmt.Errorf("rules: --update: nothing was changed: %w", err)
	}
	name, written, err := readRules(file, nil)
	if err != nil {
		return testReport{}, err
	}
	if !bytes.Equal(written, after) {
		return testReport{}, fmt.Errorf("rules: %s: somebody else changed it meanwhile: run the command again", file)
	}
	policy, err := rules.Parse(name, written)
	if err != nil {
		return testReport{}, err
	}
	return testPolicy(file, policy), nil
}

// replaceFile puts other content into a file, all or nothing. A link goes on to
// where it went.
func replaceFile(name string, data []byte) (err error) {
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(info.Mode().Perm()), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// story says in a sentence how the test ended.
func (t testResult) story() string {
	failing := t.failing()
	switch {
	case len(failing) == 0 && t.Problem != "":
		return fmt.Sprintf("expected %s, got nothing because %s", t.Expected, t.Problem)
	case t.Passed:
		return ""
	}
	var stories []string
	for _, g := range failing {
		stories = append(stories, fmt.Sprintf("got %s because %s", g.outcome, g.Reason))
	}
	s := fmt.Sprintf("expected %s, %s", t.Expected, strings.Join(slices.Compact(stories), "; and "))
	if t.Problem != "" {
		s += "; not updated: " + t.Problem
	}
	return s
}

func testText(out io.Writer, r testReport) error {
	if len(r.Tests) == 0 {
		_, err := fmt.Fprintf(out, "%s: no tests\n", r.File)
		return err
	}
	for _, t := range r.Tests {
		line := "ok " + t.Name
		switch {
		case t.Updated:
			line = fmt.Sprintf("updated %s: expected %s, expects %s", t.Name, t.before, t.Expected)
		case !t.Passed:
			line = fmt.Sprintf("FAILED %s: %s", t.Name, t.story())
		}
		writeWrapped(out, line)
	}
	summary := fmt.Sprintf("%s: %s, %d passed, %d failed", r.File, plural(len(r.Tests), "test"), r.Passed, r.Failed)
	if r.Updated > 0 {
		summary += fmt.Sprintf(", %d updated", r.Updated)
	}
	_, err := fmt.Fprintln(out, summary)
	return err
}

func testJSON(out io.Writer, r testReport) error { return writeJSON(out, r) }
