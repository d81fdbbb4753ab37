package docs_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/internal/brief/samples"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/rules"
)

const alertsPage = "alerts.md"

// TestTones wants a row for every tone, which says whether the reader must act.
func TestTones(t *testing.T) {
	want, got := map[string]string{}, map[string]string{}
	for _, tone := range notify.Tones() {
		want[tone.String()] = yesNo[tone.Urgent()]
	}
	for words, row := range cells(t, alertsPage, "The first words") {
		got[words] = row[0]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: tones -code +page\n%s", alertsPage, diff)
	}
}

var yesNo = map[bool]string{true: "yes", false: "no"}

// value is one that the key of a channel can have, in YAML.
func value(typ, key string) string {
	switch key {
	case "type":
		return typ
	case "target":
		return map[string]string{"slack-webhook": "'env:A'", "slack": "C0123456789", "email": "a@example.com"}[typ]
	case "verdicts":
		return "[alert]"
	case "secret":
		return "'env:A'"
	default:
		return "a"
	}
}

// TestChannelKeys compares the table of keys with what the reader takes of a
// channel of each type.
func TestChannelKeys(t *testing.T) {
	known := keysOf(t, "apiVersion: pullfix/v1\nnotify: [{zzz: 1}]")
	rows := cells(t, alertsPage, "The keys of a channel")
	for key := range rows {
		if _, ok := known[key]; !ok {
			t.Errorf("%s: a row for %q, which is no key of a channel", alertsPage, key)
		}
	}
	for column, typ := range []string{"slack-webhook", "slack", "email"} {
		var may []string
		for key, row := range rows {
			if row[column] != "no" {
				may = append(may, key)
			}
		}
		for key := range known {
			if rows[key] == nil {
				t.Errorf("%s: want a row for the key %q", alertsPage, key)
				continue
			}
			others := slices.DeleteFunc(slices.Clone(may), func(k string) bool { return k == key })
			with, without := channelIsRead(typ, append(others, key)), channelIsRead(typ, others)
			want := map[[2]bool]string{{true, true}: "may be", {true, false}: "must be there", {false, true}: "no"}[[2]bool{with, without}]
			if has := rows[key][column]; has != want {
				t.Errorf("%s: %s of %s: the page says %q, the reader %q", alertsPage, key, typ, has, want)
			}
		}
	}
}

// channelIsRead reports whether the reader takes a channel with these keys.
func channelIsRead(typ string, keys []string) bool {
	var pairs []string
	for _, key := range keys {
		pairs = append(pairs, key+": "+value(typ, key))
	}
	_, err := rules.Parse("zzz", fmt.Appendf(nil, "apiVersion: pullfix/v1\nnotify: [{%s}]", strings.Join(pairs, ", ")))
	return err == nil
}

var (
	toldRow = regexp.MustCompile(`^\| \[[^\]]+\]\((testdata/[a-z0-9-]+\.json)\) \| ([a-z, ]+) \| (.+) \|$`)
	nobody  = "nobody"
)

// TestRouting holds that the policy decides, and tells, what the page says.
func TestRouting(t *testing.T) {
	world, all, rows := readWorld(t), policiesShown(t, alertsPage), 0
	for _, l := range pageOf(t, alertsPage).prose {
		m := toldRow.FindStringSubmatch(l.text)
		if m == nil {
			if strings.Contains(l.text, "](testdata/") {
				t.Errorf("%s:%d: want | [what happens](testdata/….json) | what is decided | `channel`, … or nobody |, got %s", alertsPage, l.number, l.text)
			}
			continue
		}
		rows++
		i := -1
		for i+1 < len(all) && all[i+1].number < l.number {
			i++
		}
		policy := must(all[i].parse())
		r := world.rule(t, policy, m[1])
		told := nobody
		if r.Verdict() != rules.Ignore {
			told = "`" + strings.Join(policy.Told(r.Decision, r.Verdict()), "`, `") + "`"
		}
		if got := r.Verdict().String(); got != m[2] || told != m[3] {
			t.Errorf("%s:%d: decided %s and told %s, the page says %s and %s", alertsPage, l.number, got, told, m[2], m[3])
		}
	}
	if rows == 0 {
		t.Errorf("%s shows no routing", alertsPage)
	}
}

// TestTemplateFields compares the table of fields with what a template sees.
func TestTemplateFields(t *testing.T) {
	want, got, view := map[string]string{}, map[string]string{}, reflect.TypeFor[notify.View]()
	for _, f := range reflect.VisibleFields(view) {
		want["."+f.Name] = typeWord(f.Type)
	}
	for m := range view.Methods() {
		want["."+m.Name+` "NAME"`] = typeWord(m.Type.Out(0))
	}
	rows := cells(t, alertsPage, "A text of your own")
	for field, row := range rows {
		got[field] = row[0]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: fields -code +page\n%s", alertsPage, diff)
	}
	for _, f := range reflect.VisibleFields(view) {
		if f.Type.Kind() != reflect.Slice {
			continue
		}
		for _, part := range reflect.VisibleFields(f.Type.Elem()) {
			if row := rows["."+f.Name]; len(row) < 2 || !strings.Contains(row[1], "`."+part.Name+"`") {
				t.Errorf("%s: want .%s in the row of .%s", alertsPage, part.Name, f.Name)
			}
		}
	}
}

func typeWord(is reflect.Type) string {
	switch {
	case is == reflect.TypeFor[time.Time]():
		return "time"
	case is.Kind() == reflect.Slice:
		return "list"
	case is.Kind() == reflect.Bool:
		return "true or false"
	case is.Kind() == reflect.Int:
		return "number"
	case is.Kind() == reflect.String:
		return "text"
	default:
		return is.String()
	}
}

// TestFacts wants a row for every name that a fact of a sample has.
func TestFacts(t *testing.T) {
	seen, rows := map[string]bool{}, cells(t, alertsPage, "Facts")
	for _, s := range must(samples.All()) {
		for _, f := range s.Message.Facts {
			seen[f.Name] = true
		}
	}
	for name := range seen {
		if rows[name] == nil {
			t.Errorf("%s: want a row for the fact %q", alertsPage, name)
		}
	}
	for name := range rows {
		if !seen[name] {
			t.Errorf("%s: a row for the fact %q, which no sample has", alertsPage, name)
		}
	}
}

// TestTimes wants the page to name how often and how long, as the code has it.
func TestTimes(t *testing.T) {
	tries := notify.DefaultTries
	code := map[string]string{}
	for _, file := range sources(t, ".", "rules") {
		for _, decl := range file.Decls {
			constants, ok := decl.(*ast.GenDecl)
			if !ok || constants.Tok != token.CONST {
				continue
			}
			for _, spec := range constants.Specs {
				if c, _ := spec.(*ast.ValueSpec); len(c.Values) == 1 {
					code[c.Names[0].Name] = number(c.Values[0])
				}
			}
		}
	}
	for _, want := range []string{
		fmt.Sprintf("%d times in all, with pauses that grow from %s to %s", tries.Attempts, tries.Backoff.Initial, tries.Backoff.Max),
		fmt.Sprintf("at most %s messages in any %s minutes", code["mostMessages"], code["floodWindow"]),
		fmt.Sprintf("at most once in %s minutes", code["floodWindow"]),
		fmt.Sprintf("At most %s characters", code["longestTemplate"]),
	} {
		if !strings.Contains(pageOf(t, alertsPage).words(), want) {
			t.Errorf("%s does not say %q", alertsPage, want)
		}
	}
}

// number is the number in a constant, as in 10 or 10 * time.Minute.
func number(e ast.Expr) string {
	if product, ok := e.(*ast.BinaryExpr); ok {
		e = product.X
	}
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.INT {
		return strings.ReplaceAll(l.Value, "_", "")
	}
	return ""
}

// TestLogLines wants every line of the log that the pages speak of to be one
// that the code writes.
func TestLogLines(t *testing.T) {
	code, found := sentences(t), 0
	for line := range cells(t, operationsPage, "The log lines") {
		found++
		if !slices.ContainsFunc(code, func(s string) bool { return strings.HasPrefix(s, line) }) {
			t.Errorf("%s: nothing in the code logs %q", operationsPage, line)
		}
	}
	if found == 0 {
		t.Errorf("%s shows no log lines", operationsPage)
	}
}

const operationsPage = "operations.md"
