package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestChainValues computes the values as somebody else would.
func TestChainValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	records := story(`a}" "chain":"`)
	write(t, open(t, path), records...)
	last := ""
	for n, line := range lines(t, path) {
		alone := lineOf(t, records[n])
		sum := sha256.Sum256([]byte(last + alone))
		last = hex.EncodeToString(sum[:])
		if want := strings.TrimSuffix(alone, "}") + `,"chain":"` + last + `"}`; line != want {
			t.Errorf("got  %s\nwant %s", line, want)
		}
	}
	const golden = "e6556efa"
	if report := verifiedFile(t, path, VerifyOptions{}); report.Chain != last || last[:8] != golden {
		t.Errorf("got chain %q, want %q, which begins with %q", report.Chain, last, golden)
	}
}

func verifiedFile(t testing.TB, path string, o VerifyOptions) Report {
	t.Helper()
	report, err := VerifyFile(t.Context(), path, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// numbered writes a file of so many decisions, and returns its lines.
func numbered(t *testing.T, path string, count int) []string {
	t.Helper()
	f := open(t, path)
	for n := range count {
		r := about(fmt.Sprint(n))
		r.Phase, r.Outcome = PhaseDecision, ""
		write(t, f, r)
	}
	return lines(t, path)
}

// TestChainShowsWhatWasDone changes a file of ten lines as somebody might who
// can write to it.
func TestChainShowsWhatWasDone(t *testing.T) {
	unchained := func(line string) string {
		body, _ := splitChain([]byte(line))
		return string(body) + "}"
	}
	const (
		follow = "does not follow from what stands before it"
		none   = "has no chain value, and the line before it has one"
		strays = "has a chain value, and not as pullfix writes it"
	)
	changed := func(lines []string, change func(string) string) []string {
		for n := range lines {
			lines[n] = change(lines[n])
		}
		return lines
	}
	ending := func(lines []string, end string) []string {
		return changed(lines, func(line string) string { return line + end })
	}
	inFront := func(lines []string) []string {
		return changed(lines, func(line string) string {
			body, value := splitChain([]byte(line))
			return `{"chain":"` + string(value) + `",` + string(body[1:]) + "}"
		})
	}
	every := func(why string, count int) (all []string) {
		for n := range count {
			all = append(all, fmt.Sprintf("line %d %s", n+1, why))
		}
		return append(all, `the chain value "`)
	}
	for name, c := range map[string]struct {
		change func(lines []string) []string
		want   []string // "line N " and why
	}{
		"nothing":           {func(l []string) []string { return l }, nil},
		"a letter":          {func(l []string) []string { l[4] = strings.Replace(l[4], "apps", "appz", 1); return l }, []string{"line 5 " + follow}},
		"the first":         {func(l []string) []string { l[0] = strings.Replace(l[0], "apps", "appz", 1); return l }, []string{"line 1 " + follow}},
		"the last":          {func(l []string) []string { l[9] = strings.Replace(l[9], "apps", "appz", 1); return l }, []string{"line 10 " + follow}},
		"a value":           {func(l []string) []string { l[4] = newValue(l[4]); return l }, []string{"line 5 " + follow, "line 6 " + follow}},
		"taken out":         {func(l []string) []string { return slices.Delete(l, 4, 6) }, []string{"line 5 " + follow}},
		"the first is gone": {func(l []string) []string { return l[1:] }, []string{"line 1 " + follow}},
		"moved": {func(l []string) []string { l[4], l[5] = l[5], l[4]; return l }, []string{
			"line 5 " + follow, "line 6 " + follow, "line 7 " + follow,
		}},
		"doubled":            {func(l []string) []string { return slices.Insert(l, 5, l[4]) }, []string{"line 6 " + follow}},
		"added":              {func(l []string) []string { return slices.Insert(l, 5, unchained(l[4])) }, []string{"line 6 " + none, "line 7 " + follow}},
		"without its value":  {func(l []string) []string { l[4] = unchained(l[4]); return l }, []string{"line 5 " + none}},
		"the end is cut off": {func(l []string) []string { return l[:7] }, []string{`the chain value "`}},
		"written anew":       {rechained, []string{`the chain value "`}},
		"from before the chain": {func(l []string) []string {
			for n := range 4 {
				l[n] = unchained(l[n])
			}
			return l
		}, nil},
		"from before the chain, and altered": {func(l []string) []string {
			for n := range 4 {
				l[n] = unchained(l[n])
			}
			l[1] = strings.Replace(l[1], "apps", "appz", 1)
			return l
		}, []string{"line 5 " + follow}},
		"a space after one line":      {func(l []string) []string { l[4] += " "; return l }, []string{"line 5 " + strays, "line 6 " + follow}},
		"a space after every line":    {func(l []string) []string { return ending(l, " ") }, every(strays, 10)},
		"line ends of Windows":        {func(l []string) []string { return ending(l, "\r") }, every(strays, 10)},
		"reversed, with other ends":   {func(l []string) []string { slices.Reverse(l); return ending(l, " ") }, every(strays, 10)},
		"every value in front":        {func(l []string) []string { return inFront(l) }, every(strays, 10)},
		"without any value":           {func(l []string) []string { return changed(l, unchained) }, nil},
		"without any value, and less": {func(l []string) []string { return changed(l, unchained)[:4] }, []string{`the chain value "`}},
	} {
		path := filepath.Join(t.TempDir(), "record.jsonl")
		before := numbered(t, path, 10)
		earlier := verifiedFile(t, path, VerifyOptions{}).Chain
		after := strings.Join(c.change(slices.Clone(before)), "\n") + "\n"
		if err := os.WriteFile(path, []byte(after), 0o600); err != nil {
			t.Fatal(err)
		}
		got := verifiedFile(t, path, VerifyOptions{Chain: earlier}).Mismatches
		if name == "the last" || name == "a value" { // the earlier value is still there
			got = slices.DeleteFunc(got, func(m Mismatch) bool { return m.Line == 0 })
		}
		ok := len(got) == len(c.want)
		for n := 0; ok && n < len(got); n++ {
			ok = got[n].Kind == MismatchChain && strings.HasPrefix(got[n].Why, c.want[n]) &&
				(got[n].Line == 0 || strings.HasPrefix(got[n].Why, fmt.Sprintf("line %d ", got[n].Line)))
		}
		if !ok {
			t.Errorf("%s: got %+v, want %q", name, got, c.want)
		}
	}
}

// TestVerifySaysHowManyLinesAreChained tells a file without a chain from one
// whose chain holds.
func TestVerifySaysHowManyLinesAreChained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"none":  {lineOf(t, about("1")) + "\n" + lineOf(t, about("2")) + "\n", 0},
		"all":   {strings.Join(numbered(t, path, 3), "\n") + "\n", 3},
		"empty": {"", 0},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if report := verifiedFile(t, path, VerifyOptions{}); report.Chained != c.want || !report.OK() {
			t.Errorf("%s: got %d lines and %v, want %d", name, report.Chained, report.Mismatches, c.want)
		}
	}
}

// TestALineWithoutAnEndIsNamed cuts a file off within its last line.
func TestALineWithoutAnEndIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	whole := strings.Join(numbered(t, path, 3), "\n") + "\n"
	last := len(whole) - strings.LastIndex(whole[:len(whole)-1], "\n") - 1
	for _, cut := range []int{1, 40, last - 1} {
		if err := os.WriteFile(path, []byte(whole[:len(whole)-cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		report := verifiedFile(t, path, VerifyOptions{})
		want := fmt.Sprintf("line 3 has no end: its writer crashed, or somebody cut it off. Who writes next takes its %d bytes away", last-cut)
		if len(report.Mismatches) != 1 || report.Mismatches[0].Line != 3 || report.Mismatches[0].Why != want {
			t.Errorf("without %d bytes: got %+v, want %q", cut, report.Mismatches, want)
		}
	}
}

// newValue gives a line another chain value.
func newValue(line string) string {
	body, value := splitChain([]byte(line))
	return string(body) + chainOpening + strings.Repeat("0", len(value)) + chainEnd
}

// rechained alters a line and gives all that follow values that fit.
func rechained(lines []string) []string {
	lines[4] = strings.Replace(lines[4], "apps", "appz", 1)
	c := newChain()
	for n, line := range lines {
		body, _ := splitChain([]byte(line))
		chained := c.chained(append(bytes.Clone(body), '}'))
		c.follow(chained)
		lines[n] = strings.TrimSuffix(string(chained), "\n")
	}
	return lines
}

// TestAChainGoesOn writes to a file from before there was a chain, to one whose
// last line a crash cut off, and to one that somebody altered.
func TestAChainGoesOn(t *testing.T) {
	line := lineOf(t, about("old"))
	for name, c := range map[string]struct {
		before string
		want   []int // lines that do not follow
	}{
		"none":    {"", nil},
		"old":     {line + "\n" + strings.Replace(line, "old", "older", 1) + "\n", nil},
		"cut off": {line + "\n" + `{"phase":"res`, nil},
		"altered": {strings.Replace(string(newChain().chained([]byte(line))), "apps", "appz", 1), []int{1}},
		"later":   {`{"phase":"result","version":"v2","new":7}` + "\n", nil},
	} {
		path := filepath.Join(t.TempDir(), "record.jsonl")
		if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
			t.Fatal(err)
		}
		f, other := open(t, path), open(t, path)
		write(t, f, about("1"), about("2"))
		write(t, other, about("2"), about("3"))
		write(t, f, about("4"))
		var got []int
		for _, m := range verifiedFile(t, path, VerifyOptions{}).Mismatches {
			if m.Kind == MismatchChain {
				got = append(got, m.Line)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: lines that do not follow: -want +got\n%s\n%s", name, diff, strings.Join(lines(t, path), "\n"))
		}
	}
}

// TestAFailedWriteLeavesTheChain writes to a file that takes nothing for a
// while.
func TestAFailedWriteLeavesTheChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	f := open(t, path)
	write(t, f, about("0"))
	whole := f.file
	unwritable, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unwritable.Close() }()
	f.file = unwritable
	if err := f.Write(t.Context(), about("1")); err == nil {
		t.Error("a file that was opened to read took a record")
	}
	f.file = whole
	write(t, f, about("1"))
	wantEvents(t, path, 2)
}

func TestSplitChain(t *testing.T) {
	value := strings.Repeat("0f", 32)
	for line, want := range map[string][2]string{
		`{"a":"b","chain":"` + value + `"}`:                  {`{"a":"b"`, value},
		`{"a":"b","chain":"` + value + `"}` + "\n":           {`{"a":"b"`, value},
		`{"a":"b","chain":"` + value + `" }`:                 {`{"a":"b","chain":"` + value + `" `, ""},
		`{"a":"b","chain":"` + value[1:] + `"}`:              {`{"a":"b","chain":"` + value[1:] + `"`, ""},
		`{"chain":"` + value + `","a":"b"}`:                  {`{"chain":"` + value + `","a":"b"`, ""},
		`{"a":"b","chain":"` + strings.ToUpper(value) + `"}`: {`{"a":"b","chain":"` + strings.ToUpper(value) + `"`, ""},
		`{"a":"b"}`:    {`{"a":"b"`, ""},
		"":             {"", ""},
		"\n":           {"", ""},
		value + `"}`:   {value + `"`, ""},
		"not a record": {"not a record", ""},
	} {
		body, got := splitChain([]byte(line))
		if string(body) != want[0] || string(got) != want[1] {
			t.Errorf("%q: got %q and %q, want %q and %q", line, body, got, want[0], want[1])
		}
	}
}

func TestVerifyFileRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	for want, o := range map[string]VerifyOptions{
		`chain "00": want the 64 hexadecimal digits of an earlier report`: {Chain: "00"},
		"audit file: open " + path + ": no such file or directory":        {},
	} {
		if _, err := VerifyFile(t.Context(), path, o, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
