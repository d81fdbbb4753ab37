package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/ruling"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

const defaultRulesFile = "rules.yaml"

func newRules() *cobra.Command {
	return group("rules", "Look into a policy file", newRulesCheck(), newRulesTest(), newRulesExplain(), newRulesDiff(), newRulesTargets())
}

// rulesFile is the policy file that the only argument names.
func rulesFile(args []string) string {
	if len(args) == 0 {
		return defaultRulesFile
	}
	return args[0]
}

func readPolicy(file string, in io.Reader) (*rules.Policy, error) {
	name, data, err := readRules(file, in)
	if err != nil {
		return nil, err
	}
	return rules.Parse(name, data)
}

// readRules returns the text of a policy file, and its name for messages.
func readRules(file string, in io.Reader) (name string, data []byte, err error) {
	if file == standardInput {
		file = "standard input"
		data, err = io.ReadAll(in)
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return "", nil, fmt.Errorf("rules: %w", err)
	}
	return file, data, nil
}

// onlyOnce holds that not more than one name stands for standard input.
func onlyOnce(names ...string) error {
	first := slices.Index(names, standardInput)
	if first >= 0 && slices.Contains(names[first+1:], standardInput) {
		return errors.New("rules: standard input can be read once: want - for one file at most")
	}
	return nil
}

// ruled is what the function makes of a finding before it looks at live state.
// What is neither in the log entry nor told to the command is not known.
func ruled(policy *rules.Policy, event parse.Event, finding parse.Finding, known ruling.Known) (ruling.Ruling, ruling.Facts) {
	finding, facts := known.Of(finding)
	r := ruling.New(finding, iam.Principal{})
	r.Decide(policy, facts)
	r.Doubt(event.Audit, event.At, event.At)
	return r, facts
}

// knownFlags are how a command is told what no log entry says.
type knownFlags struct{ above, numbers []string }

func (f *knownFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.above, "above", nil, "what holds the project that deploys, such as `folders/222,organizations/1`")
	flags.StringSliceVar(&f.numbers, "number", nil, "numbers of projects, such as `app-one=111111111111`")
}

func (f *knownFlags) known() (ruling.Known, error) {
	above, err := parseEach("--above", f.above, iam.ParseParent)
	if err != nil {
		return ruling.Known{}, err
	}
	numbers, err := parseEach("--number", f.numbers, rules.ParseProjectNames)
	return knownOf(above, numbers), err
}

func knownOf(above []iam.Parent, numbers []rules.ProjectNames) ruling.Known {
	known := ruling.Known{Above: rules.Ancestry{Known: len(above) > 0, Parents: above}}
	for _, n := range numbers {
		known.Projects = append(known.Projects, remediate.Names(n))
	}
	return known
}

func parseEach[T any](flag string, texts []string, parse func(string) (T, error)) (all []T, err error) {
	for _, text := range texts {
		v, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// outcome is what comes of a finding.
type outcome struct {
	Verdict string `json:"verdict"`
	Mode    string `json:"mode"` // of a grant, else ""
	Rule    string `json:"rule"` // "" where none decides

	allowed bool // the rule allows a grant, whatever comes of it
}

func outcomeOf(r ruling.Ruling) outcome {
	o := outcome{Verdict: r.Verdict().String(), Rule: r.Decision.Rule(), allowed: r.Decision.Verdict == rules.Grant}
	if r.Verdict() == rules.Grant {
		o.Mode = r.Decision.Mode.String()
	}
	return o
}

// lost reports whether something speaks against the grant that a rule allows.
func (o outcome) lost() bool { return o.allowed && o.Verdict != rules.Grant.String() }

// String names the outcome in some words.
func (o outcome) String() string {
	switch {
	case o.Rule == "":
		return o.Verdict + " by no rule"
	case o.lost():
		return fmt.Sprintf("%s although rule %q allows it", o.Verdict, o.Rule)
	case o.Mode == rules.Observe.String():
		return fmt.Sprintf("%s by rule %q, only observed", o.Verdict, o.Rule)
	default:
		return fmt.Sprintf("%s by rule %q", o.Verdict, o.Rule)
	}
}

// reasonOf says why, as the record does.
func reasonOf(r ruling.Ruling) string {
	if r.Obstacle.Why != "" {
		return r.Obstacle.Why + "; " + r.Decision.Reason()
	}
	return r.Decision.Reason()
}

// asked is what a policy is asked about.
type asked struct {
	Kind   string `json:"kind"`
	From   string `json:"from"` // the project that deploys
	To     string `json:"to"`
	Member string `json:"member"`
}

func askedOf(q rules.Request) asked {
	from := q.From
	if from.IsZero() {
		from = q.FromNumber
	}
	a := asked{Kind: q.Kind.String(), To: q.To.String(), Member: q.Member.String()}
	if !from.IsZero() {
		a.From = "projects/" + from.String()
	}
	return a
}

// writeJSON prints one object on a line.
func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// wrongFormat is the error of a --format that a command does not have.
func wrongFormat(format, want string) error {
	return fmt.Errorf("--format %q: want %s", format, want)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
