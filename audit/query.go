package audit

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Query says which records are wanted. The zero Query wants all of them. A text
// that is not "" is compared as a whole, and case counts.
type Query struct {
	From, To   time.Time // of Record.At: From is in, To is out; zero is no bound
	Event      string
	Project    string // the source project, or the project of the resource
	Repository string // the resource: its full name, or the last part of it
	Principal  string // with or without its type, such as "serviceAccount:", or what stands between that and the "@"
	Rule       string
	Verdict    string
	Outcome    string
	Kind       string
}

// Matches reports whether the record is wanted.
func (q Query) Matches(r *Record) bool {
	return isOr(q.Event, r.Event) && isOr(q.Rule, r.Rule) && isOr(q.Verdict, r.Verdict) && isOr(q.Outcome, r.Outcome) &&
		isOr(q.Kind, r.Kind) &&
		(q.From.IsZero() || !r.At.Before(q.From)) && (q.To.IsZero() || r.At.Before(q.To)) &&
		(q.Project == "" || q.Project == r.SourceProject || q.Project == projectOf(r.Resource)) &&
		(q.Repository == "" || q.Repository == r.Resource || q.Repository == lastPart(r.Resource)) &&
		(q.Principal == "" || q.Principal == r.Principal || isAccount(q.Principal, r.Principal))
}

// isAccount reports whether a name is that of a member without its type, or the
// part of it before the "@".
func isAccount(name, member string) bool {
	account := member[strings.IndexByte(member, ':')+1:]
	local, _, _ := strings.Cut(account, "@")
	return name == account || name == local
}

// isOr reports whether a text is the wanted one, or none is wanted.
func isOr(want, got string) bool { return want == "" || want == got }

// projectOf returns P of projects/P/….
func projectOf(resource string) string {
	rest, ok := strings.CutPrefix(resource, "projects/")
	if !ok {
		return ""
	}
	project, _, _ := strings.Cut(rest, "/")
	return project
}

func lastPart(resource string) string { return resource[strings.LastIndexByte(resource, '/')+1:] }

// check refuses what no record has. The texts are foreign, and become part of a
// filter.
func (q Query) check() error {
	for _, c := range []struct{ name, value string }{
		{"event", q.Event},
		{"project", q.Project},
		{"repository", q.Repository},
		{"principal", q.Principal},
		{"rule", q.Rule},
		{"verdict", q.Verdict},
		{"outcome", q.Outcome},
		{"kind", q.Kind},
	} {
		if err := checkText(c.name, c.value); err != nil {
			return err
		}
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return fmt.Errorf("from %q to %q: want a beginning before the end", q.From.Format(time.RFC3339Nano), q.To.Format(time.RFC3339Nano))
	}
	return nil
}

func checkText(name, value string) error {
	switch {
	case len(value) > longestText:
		return fmt.Errorf("%s of %d bytes: want at most %d", name, len(value), longestText)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return fmt.Errorf("%s %q: want text without control characters", name, value)
	}
	return nil
}

// checkEvent refuses what no event is called by.
func checkEvent(event string) error {
	if event == "" {
		return errors.New(`event "": want the event of a record`)
	}
	return checkText("event", event)
}
