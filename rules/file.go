package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/pullfix/pullfix/iam"
)

const apiVersion = "pullfix/v1"

// Parse reads a policy file; file is its name for messages. It reports
// everything that is wrong in one error of type [Problems]: unknown or repeated
// keys, empty lists, anchors, unknown kinds, roles or members, and an allow
// that does not say whom, what or where it means.
func Parse(file string, data []byte) (*Policy, error) {
	d := &document{file: file}
	top := d.parse(data)
	if top == nil {
		return nil, d.err()
	}
	s := &reading{document: d, limits: defaultLimits, named: map[string]int{}}
	seen := d.mapping(top, "policy", fields{
		"apiVersion": set(d, new(string), "apiVersion", parseVersion),
		"mode":       set(d, &s.mode, "mode", ParseMode),
		"limits":     s.readLimits,
		"allow":      s.readRules(allow),
		"deny":       s.readRules(deny),
		"ignore":     s.readRules(ignore),
		"notify":     s.readChannels,
		"tests":      s.readTests,
	})
	if seen != nil && !seen["apiVersion"] {
		d.fail(top, "policy: apiVersion is missing: want apiVersion: %s", apiVersion)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	p := compile(file, s.mode, s.limits, s.rules, s.channels)
	p.tests, p.lines = s.tests, s.lines
	p.warnings = s.warn()
	return p, nil
}

func parseVersion(s string) (string, error) {
	if s != apiVersion {
		return "", fmt.Errorf("%q: want %s", s, apiVersion)
	}
	return s, nil
}

// compile makes a policy of valid rules.
func compile(file string, mode Mode, limits Limits, all []*rule, channels []Channel) *Policy {
	p := &Policy{
		file: file, mode: mode, limits: limits, rules: all, channels: channels,
		digest: digest(mode, limits, all, channels), needs: asksFor(all),
	}
	byAction := [3][]*rule{}
	for _, r := range all {
		byAction[r.action] = append(byAction[r.action], r)
	}
	p.allow, p.deny, p.ignore = newIndex(byAction[allow]), newIndex(byAction[deny]), newIndex(byAction[ignore])
	return p
}

// reading is a policy file while it is being read.
type reading struct {
	*document
	mode   Mode
	limits Limits
	rules  []*rule
	named  map[string]int // line by name of rule
	tests  []Test

	channels []Channel
}

func (s *reading) readLimits(n ast.Node) {
	s.mapping(n, "limits", fields{
		"grantsPerHour":     count(s.document, &s.limits.GrantsPerHour, "grantsPerHour"),
		"maxEventAge":       set(s.document, &s.limits.MaxEventAge, "maxEventAge", parseDuration),
		"repeatAlertsEvery": set(s.document, &s.limits.RepeatAlertsEvery, "repeatAlertsEvery", parseDuration),
	})
}

func parseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1_000_000 || s != strconv.Itoa(n) {
		return 0, fmt.Errorf("%q: want a whole number from 0 to 1000000", s)
	}
	return n, nil
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf(`%q: want a duration such as "90m" or "6h"`, s)
	}
	return d, nil
}

func (s *reading) readRules(a action) func(ast.Node) {
	return func(n ast.Node) {
		s.each(n, a.String(), func(n ast.Node) { s.readRule(a, n) })
	}
}

func (s *reading) readRule(a action, n ast.Node) {
	at := start(n)
	r := &rule{action: a, line: at.line, column: at.column, mode: Enforce}
	d, what := s.document, a.String()+" rule"
	var kinds []iam.Kind
	var from []source
	known := fields{
		"name":    set(d, &r.name, "name", parseName),
		"reason":  set(d, &r.reason, "reason", parseReason),
		"kinds":   collect(d, &kinds, "kinds", parseKind(a)),
		"from":    collect(d, &from, "from", narrow(a, parseSource)),
		"to":      collect(d, &r.to, "to", narrow(a, parseTo)),
		"members": collect(d, &r.members, "members", parseMemberOf(a)),
		"notify":  collect(d, &r.notify, "notify", parseName),
	}
	if a == allow {
		known["roles"] = collect(d, &r.roles, "roles", parseGrantable)
		known["mode"] = set(d, &r.mode, "mode", ParseMode)
		known["unverified"] = set(d, &r.unverified, "unverified", parseAllow)
	}
	seen := s.mapping(n, what, known)
	if seen == nil {
		return
	}
	for _, kind := range kinds {
		r.kinds.add(kind)
	}
	for _, f := range from {
		if f.above.IsZero() {
			r.from = append(r.from, f.projects)
		} else {
			r.above = append(r.above, f.above)
		}
	}
	s.checkRule(n, r, seen)
	s.rules = append(s.rules, r)
}

// checkRule holds what must be true of a rule as a whole.
func (s *reading) checkRule(n ast.Node, r *rule, seen map[string]bool) {
	required := []string{"name"}
	if r.action == allow {
		required = []string{"name", "kinds", "from", "to", "members"}
	}
	for _, key := range required {
		if !seen[key] {
			s.fail(n, "%s rule: %s is missing", r.action, key)
		}
	}
	sides := []string{"kinds", "from", "to", "members"}
	if r.action == ignore && !slices.ContainsFunc(sides, func(key string) bool { return seen[key] }) {
		s.fail(n, "ignore rule: it would hide everything: want at least one of %s", list(sides))
	}
	if r.name == "" {
		return
	}
	if line, taken := s.named[r.name]; taken {
		s.fail(n, "%s rule: the name %q is taken by the rule on line %d", r.action, r.name, line)
	}
	s.named[r.name] = r.line
}

func parseName(s string) (string, error) {
	ok := s != "" && len(s) <= 63
	for i := range len(s) {
		c := s[i]
		ok = ok && ('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' && i > 0)
	}
	if !ok {
		return "", fmt.Errorf("%q: want lower-case letters, digits and hyphens, at most 63", s)
	}
	return s, nil
}

const longestReason = 500

func parseReason(s string) (string, error) {
	words := strings.Fields(s)
	if len(words) == 0 || len(s) > longestReason {
		return "", fmt.Errorf("%d bytes: want 1 to %d, and not blanks alone", len(s), longestReason)
	}
	return strings.Join(words, " "), nil
}

// grantable are the kinds that a grant can mend.
var grantable = []string{
	iam.RunImage.String(), iam.ArtifactDownload.String(), iam.ArtifactUpload.String(), iam.UpstreamSecret.String(),
	iam.SecretAccess.String(), iam.Invoker.String(), iam.CallerImage.String(),
}

func parseKind(a action) func(string) (iam.Kind, error) {
	return func(s string) (iam.Kind, error) {
		kind, err := iam.ParseKind(s)
		switch {
		case err != nil:
			return 0, unknownWord("kind", s, iam.KindNames())
		case a == allow && !slices.Contains(grantable, s):
			return 0, fmt.Errorf("%q is a kind that pullfix never grants anything for: want %s", s, list(grantable))
		default:
			return kind, nil
		}
	}
}

// narrow refuses, in an allow, a pattern that leaves open which project it means.
func narrow[T interface{ anyProject() bool }](a action, parse func(string) (T, error)) func(string) (T, error) {
	return func(s string) (T, error) {
		p, err := parse(s)
		if err == nil && a == allow && p.anyProject() {
			return p, fmt.Errorf("pattern %q could match every project: an allow must name some part of the project", s)
		}
		return p, err
	}
}

func parseMemberOf(a action) func(string) (member, error) {
	return func(s string) (member, error) {
		m, err := parseMember(s)
		switch {
		case err != nil && !strings.Contains(s, ":"):
			return m, unknownWord("member", s, iam.ClassNames())
		case err != nil:
			return m, err
		case a == allow && (m.class == iam.Users || m.class == 0 && !m.exact.IsServiceAccount()):
			return m, fmt.Errorf("%q is not a service account: nothing is ever granted to it", s)
		default:
			return m, nil
		}
	}
}

var grantableRoles = []iam.Role{iam.ArtifactReader, iam.ArtifactWriter, iam.SecretAccessor, iam.RunInvoker}

func parseGrantable(s string) (iam.Role, error) {
	role, err := iam.ParseRole(s)
	if err == nil && slices.Contains(grantableRoles, role) {
		return role, nil
	}
	words := make([]string, len(grantableRoles))
	for i, r := range grantableRoles {
		words[i] = r.String()
	}
	if near := iam.Nearest(s, words); err != nil && near != "" {
		return role, unknownWord("role", s, words)
	}
	return role, fmt.Errorf("role %q is never granted: want %s", s, list(words))
}

func parseAllow(s string) (bool, error) {
	if s != "allow" {
		return false, fmt.Errorf("%q: want allow, or leave the key out", s)
	}
	return true, nil
}

// Test is one of a file's own tests: an event, and what is to be decided about
// it. What is expected is left open where it is "".
type Test struct {
	Name    string
	Event   string       // path of a log entry, relative to the file
	Above   []iam.Parent // what holds the project that deploys, because the entry does not say
	Numbers []ProjectNames
	Verdict string
	Rule    string // "" where Verdict alone is expected
	Line    int

	expect ast.Node
}

// ProjectNames are the two names of one project.
type ProjectNames struct{ ID, Number iam.Project }

// ParseProjectNames reads "ID=NUMBER", such as "app-one=111111111111".
func ParseProjectNames(s string) (n ProjectNames, err error) {
	id, number, _ := strings.Cut(s, "=")
	n.ID, err = iam.ParseProject(id)
	if err == nil {
		n.Number, err = iam.ParseProject(number)
	}
	if err != nil || n.ID.IsNumber() || !n.Number.IsNumber() {
		return ProjectNames{}, fmt.Errorf("%q: want the id and the number of a project such as app-one=111111111111", s)
	}
	return n, nil
}

func (s *reading) readTests(n ast.Node) {
	s.each(n, "tests", s.readTest)
}

func (s *reading) readTest(n ast.Node) {
	d, t := s.document, Test{Line: start(n).line}
	seen := s.mapping(n, "test", fields{
		"name":    set(d, &t.Name, "name", notEmpty),
		"event":   set(d, &t.Event, "event", notEmpty),
		"above":   collect(d, &t.Above, "above", iam.ParseParent),
		"numbers": collect(d, &t.Numbers, "numbers", ParseProjectNames),
		"expect": func(n ast.Node) {
			t.expect = n
			keys := s.mapping(n, "expect", fields{
				"verdict": set(d, &t.Verdict, "verdict", parseVerdict),
				"rule":    set(d, &t.Rule, "rule", parseName),
			})
			if keys != nil && !keys["verdict"] {
				s.fail(n, "expect: verdict is missing")
			}
		},
	})
	for _, key := range []string{"name", "event", "expect"} {
		if seen != nil && !seen[key] {
			s.fail(n, "test: %s is missing", key)
		}
	}
	s.tests = append(s.tests, t)
}

func notEmpty(s string) (string, error) {
	if s == "" {
		return "", errors.New("want a text")
	}
	return s, nil
}

func parseVerdict(s string) (string, error) {
	if !slices.Contains(verdictNames[:], s) {
		return "", unknownWord("verdict", s, verdictNames[:])
	}
	return s, nil
}

// digest is the hash of the policy's canonical form: one line a rule or channel, sorted.
func digest(mode Mode, limits Limits, all []*rule, channels []Channel) string {
	lines := make([]string, 0, len(all)+len(channels))
	for _, r := range all {
		lines = append(lines, r.canonical())
	}
	for _, c := range channels {
		lines = append(lines, c.canonical())
	}
	slices.Sort(lines)
	h := sha256.New()
	fmt.Fprintf(h, "%s\nmode %s\nlimits %d %s %s\n", apiVersion, mode, limits.GrantsPerHour, limits.MaxEventAge, limits.RepeatAlertsEvery)
	for _, line := range lines {
		fmt.Fprintln(h, line)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// canonical is the rule in one line: every side sorted, what it leaves out
// empty.
func (r *rule) canonical() string {
	s := fmt.Sprintf("%s %q kinds %b from %q to %q members %q roles %q mode %s unverified %t reason %q",
		r.action, r.name, r.kinds, sorted(r.from), sorted(r.to), sorted(r.members), sorted(r.roles), r.mode, r.unverified, r.reason)
	if len(r.above) > 0 {
		s += fmt.Sprintf(" above %q", sorted(r.above))
	}
	if len(r.notify) > 0 {
		s += fmt.Sprintf(" notify %q", slices.Compact(slices.Sorted(slices.Values(r.notify))))
	}
	return s
}

func sorted[T fmt.Stringer](values []T) []string {
	all := texts(values)
	slices.Sort(all)
	return slices.Compact(all)
}
