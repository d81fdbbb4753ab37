package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/ruling"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/rules"
)

func newRulesExplain() *cobra.Command {
	var format, policyFile string
	var flags knownFlags
	var all bool
	cmd := &cobra.Command{
		Use:   "explain [EVENT|-]",
		Short: "Say what a policy makes of an event, and why other rules do not match",
		Long: `Say what a policy makes of an event, which rule decides, and on what the others
fail, the nearest first. The event is what pullfix explain reads, too: a log
entry in JSON, several, or an error as it was pasted.

This is what can be said without looking at live state: before a grant, pullfix
also checks that it would help. What holds the project that deploys is not in an
event, nor both names of a project; --above and --number say it, for rules that
ask for it.

Exit status: 0 explained, 1 nothing recognised, 2 bad usage or bad input.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			view, err := newRulesView(format, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			e := rulesExplainer{file: policyFile, view: view, most: mostTrials, told: map[string]struct{}{}}
			if all {
				e.most = 0
			}
			if e.known, err = flags.known(); err != nil {
				return err
			}
			if err := onlyOnce(policyFile, inputName(args)); err != nil {
				return err
			}
			if e.policy, err = readPolicy(policyFile, cmd.InOrStdin()); err != nil {
				return err
			}
			in, err := openInput(cmd, inputName(args))
			if err != nil {
				return fmt.Errorf("rules: %w", err)
			}
			defer func() { _ = in.Close() }()
			return e.run(in)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	cmd.Flags().StringVar(&policyFile, "rules", defaultRulesFile, "policy `file`")
	flags.add(cmd.Flags())
	cmd.Flags().BoolVar(&all, "all", false, fmt.Sprintf("show every rule, not only the nearest %d", mostTrials))
	return cmd
}

// mostTrials bounds how many rules are shown that do not decide.
const mostTrials = 10

// rulesExplanation is what a policy makes of one finding.
type rulesExplanation struct {
	asked
	Role string `json:"role"` // the least role that would help
	outcome
	Reason string      `json:"reason"`
	Notes  []string    `json:"notes"` // what is not known
	Rules  []trialView `json:"rules"` // the rule that decides, those that match, and those that nearly do
	More   int         `json:"more"`  // rules that are left out

	number iam.Project // of the project that deploys
}

// trialView is how one rule fares.
type trialView struct {
	Action  string     `json:"action"`
	Rule    string     `json:"rule"`
	Line    int        `json:"line"`
	Matches bool       `json:"matches"`
	Decides bool       `json:"decides"`
	Misses  []missView `json:"misses"`
}

// missView is a field on which a rule fails.
type missView struct {
	Field string   `json:"field"`
	Wants []string `json:"wants"` // what the rule names
	Has   string   `json:"has"`   // what the event has, "" where that is not known
}

func newRulesView(format string, out io.Writer) (findingsView[rulesExplanation], error) {
	buffered := bufio.NewWriter(out)
	switch format {
	case "text":
		return &rulesText{out: buffered}, nil
	case "json":
		return &findingsJSON[rulesExplanation]{out: buffered}, nil
	default:
		return nil, wrongFormat(format, "text or json")
	}
}

// rulesExplainer reads events and explains each finding once.
type rulesExplainer struct {
	file   string
	policy *rules.Policy
	known  ruling.Known
	most   int // trials that do not decide; 0 for all
	view   findingsView[rulesExplanation]
	told   map[string]struct{}
}

func (e *rulesExplainer) run(in io.Reader) error {
	found := false
	var failed error
	for document, err := range parse.Documents(in) {
		if err != nil {
			failed = errors.Join(failed, err)
			break
		}
		event, notes, err := readFailure(document)
		if err != nil && failed == nil {
			failed = err // the first one is told in the end
		}
		for _, finding := range event.Findings {
			found = true
			if err := e.show(e.explain(event, finding, notes)); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(failed, e.view.end()); err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	if !found {
		return errFailed
	}
	return nil
}

// readFailure reads a log entry or what else holds a failure. What is no entry
// of a log is taken for what such an entry would say, with a note.
func readFailure(document []byte) (event parse.Event, notes []string, err error) {
	event, err = parse.Entry(document)
	if err == nil && event.Log != "" {
		return event, nil, nil
	}
	event = parse.Event{Audit: true, At: time.Unix(0, 0)}
	if event.Findings, err = parse.Any(document); err != nil {
		return event, nil, err
	}
	return event, []string{"this is not the entry of a log, and pullfix acts on nothing else: it is taken for what an audit log would say"}, nil
}

func (e *rulesExplainer) show(x rulesExplanation) error {
	key := fmt.Sprintf("%q", []any{x.asked, x.Role, x.outcome, x.Reason, x.Notes})
	if _, told := e.told[key]; told {
		return nil
	}
	if len(e.told) < mostTold {
		e.told[key] = struct{}{}
	}
	return e.view.show(x)
}

func (e *rulesExplainer) explain(event parse.Event, finding parse.Finding, notes []string) rulesExplanation {
	r, facts := ruled(e.policy, event, finding, e.known)
	q := r.Request(facts)
	x := rulesExplanation{
		asked: askedOf(q), Role: q.Role.String(), outcome: outcomeOf(r), Reason: reasonOf(r), number: q.FromNumber,
		Notes: append(slices.Clone(notes), unknownFacts(e.policy.Needs(), q)...), Rules: []trialView{},
	}
	for _, t := range e.policy.Explain(q) {
		switch {
		case e.most == 0 || t.Final || len(x.Rules) < e.most:
			x.Rules = append(x.Rules, viewTrial(t, q))
		default:
			x.More++
		}
	}
	return x
}

// unknownFacts are what rules ask for, and an event does not say.
func unknownFacts(needs rules.Facts, q rules.Request) []string {
	notes := []string{}
	note := func(unknown bool, what string) {
		if unknown {
			notes = append(notes, what+" is not in the event, and the function looks it up: here, a deny that asks for it matches, and no other rule")
		}
	}
	number := q.To.Project().IsNumber()
	note(q.From.IsZero() && !q.FromNumber.IsZero(), "the id of the project that deploys")
	note(needs.FromNumber && q.FromNumber.IsZero(), "the number of the project that deploys")
	note(needs.Above && !q.Above.Known, "what holds the project that deploys")
	note(number, "the id of the project that holds the resource")
	note(needs.ToNumber && q.ToNumber.IsZero() && !number, "the number of the project that holds the resource")
	return notes
}

func viewTrial(t rules.Trial, q rules.Request) trialView {
	v := trialView{Action: t.Action, Rule: t.Rule, Line: t.Line, Matches: len(t.Misses) == 0, Decides: t.Final, Misses: []missView{}}
	for _, m := range t.Misses {
		v.Misses = append(v.Misses, missView{m.Field, append([]string{}, m.Want...), m.Got + heldBy(m, q)})
	}
	return v
}

// heldBy says what holds the project, where a rule asks for it.
func heldBy(m rules.Miss, q rules.Request) string {
	if m.Field != "from" || m.Got == "" || !slices.ContainsFunc(m.Want, func(name string) bool {
		_, err := iam.ParseParent(name)
		return err == nil
	}) {
		return ""
	}
	if !q.Above.Known {
		return ", held by what is not known"
	}
	names := make([]string, len(q.Above.Parents))
	for i, parent := range q.Above.Parents {
		names[i] = parent.String()
	}
	return ", held by " + strings.Join(names, ", ")
}

// rulesText prints explanations for a person at a terminal.
type rulesText struct {
	out *bufio.Writer
	any bool
}

func (v *rulesText) show(x rulesExplanation) error {
	if v.any {
		fmt.Fprintln(v.out)
	}
	v.any = true
	fmt.Fprintf(v.out, "%s: %s\n\n", x.Kind, x.outcome)
	v.facts(x)
	title := "Decides"
	if x.lost() {
		title = "Allows it, but something else speaks against a grant"
	}
	v.section(title, x.Rules, func(t trialView) bool { return t.Decides })
	decides := x.Rules[:min(1, len(x.Rules))] // first, where any does
	like := func(t trialView) bool { return t.Action == decides[0].Action }
	v.section("Match, but a deny beats an allow, and an allow beats an ignore", x.Rules, func(t trialView) bool { return t.Matches && !t.Decides && !like(t) })
	v.section("Match, but of several, one that enforces comes first, then the first by name", x.Rules, func(t trialView) bool { return t.Matches && !t.Decides && like(t) })
	v.section("Do not match, the nearest first", x.Rules, func(t trialView) bool { return !t.Matches })
	if x.More > 0 {
		fmt.Fprintf(v.out, "\nand %s more; --all shows them\n", plural(x.More, "rule"))
	}
	return v.out.Flush()
}

func (v *rulesText) facts(x rulesExplanation) {
	from := orNotKnown(x.From)
	if number := "projects/" + x.number.String(); !x.number.IsZero() && number != x.From {
		from += ", number " + x.number.String()
	}
	writeRow(v.out, "from", from)
	writeRow(v.out, "to", orNotKnown(x.To))
	writeRow(v.out, "member", orNotKnown(x.Member))
	role := x.Role
	if role == "" {
		role = "none would help"
	}
	writeRow(v.out, "role", role)
	writeRow(v.out, "because", x.Reason)
	for _, note := range x.Notes {
		writeRow(v.out, "note", note)
	}
}

func orNotKnown(s string) string {
	if s == "" {
		return "not known"
	}
	return s
}

func (v *rulesText) section(title string, trials []trialView, in func(trialView) bool) {
	for _, t := range trials {
		if !in(t) {
			continue
		}
		if title != "" {
			fmt.Fprintf(v.out, "\n%s:\n", title)
			title = ""
		}
		fmt.Fprintf(v.out, "\n  %s rule %q, line %d\n", t.Action, t.Rule, t.Line)
		for _, m := range t.Misses {
			v.miss(m)
		}
	}
}

// miss says on what a rule fails.
func (v *rulesText) miss(m missView) {
	wants, has := m.Wants, orNotKnown(m.Has)
	if m.Field == "roles" && m.Has == "" {
		wants, has = []string{"a role that would help"}, "none"
	}
	for n, name := range wants {
		label := ""
		if n == 0 {
			label = m.Field
		}
		fmt.Fprintf(v.out, "    %-*swants %s\n", indent-2, label, name)
	}
	fmt.Fprintf(v.out, "    %-*shas   %s\n", indent-2, "", has)
}

func (v *rulesText) end() error {
	if !v.any {
		fmt.Fprintln(v.out, nothingKnown)
	}
	return v.out.Flush()
}
