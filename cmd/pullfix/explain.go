package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/ruling"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
	"github.com/pullfix/pullfix/rules"
)

func newExplain() *cobra.Command {
	var format, policyFile string
	cmd := &cobra.Command{
		Use:   "explain [FILE|-]",
		Short: "Say what is wrong and what fixes it, from a pasted error or a log entry",
		Long: `Read an error as it was pasted from a terminal, a CI log, Terraform or the
console, or log entries in JSON: one, an array, or one a line. Say who lacks
what where, and the exact fix, or why no grant would help.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			view, err := newExplainView(format, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			e := explainer{view: view, told: map[[sha256.Size]byte]struct{}{}}
			if policyFile != "" {
				if e.policy, err = readPolicy(policyFile, cmd.InOrStdin()); err != nil {
					return err
				}
			}
			in, err := openInput(cmd, inputName(args))
			if err != nil {
				return fmt.Errorf("explain: %w", err)
			}
			defer func() { _ = in.Close() }()
			return e.run(in)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json or markdown")
	cmd.Flags().StringVar(&policyFile, "rules", "", "policy `file`: say what it would do, too")
	return cmd
}

// explanation is what is known of one finding.
type explanation struct {
	Kind       string        `json:"kind"`
	Principal  string        `json:"principal"`
	Permission string        `json:"permission"`
	Resource   string        `json:"resource"`
	Image      string        `json:"image"`
	Project    string        `json:"project"` // the deploying project, id or number
	Role       string        `json:"role"`    // the least role that would help; "" where none would
	Grantable  bool          `json:"grantable"`
	Reason     string        `json:"reason"`
	Commands   commandPair   `json:"commands"`
	Decision   *decisionView `json:"decision,omitempty"` // what the policy would do

	on       iam.Resource
	workload string
	outline  string // the command, where only the member is not known
}

type commandPair struct {
	Gcloud    string `json:"gcloud"`
	Terraform string `json:"terraform"`
}

type decisionView struct {
	Verdict string `json:"verdict"`
	Mode    string `json:"mode"`
	Rule    string `json:"rule"`
	Reason  string `json:"reason"`
}

func explain(f parse.Finding, policy *rules.Policy) explanation {
	plan := remediate.NewPlan(f.Kind, f.Access)
	e := explanation{
		Kind: f.Kind.String(), Permission: f.Access.Permission.String(),
		Principal: known(f.Access.Principal.String(), f.Written.Principal), Resource: known(f.Access.Resource.String(), f.Written.Resource),
		Image: known(f.Image.String(), f.Written.Image), Project: known(f.Project.String(), f.Written.Project),
		Role: plan.Binding.Role.String(), Reason: plan.Reason, on: f.Access.Resource, workload: f.Workload,
	}
	_, refused := plan.Grant(iam.Principal{})
	e.Grantable = refused == nil && f.Doubt == ""
	switch why := (*remediate.RefusedError)(nil); {
	case f.Doubt != "":
		e.Reason = f.Doubt
	case errors.As(refused, &why) && why.Cause != remediate.NotGrantable:
		e.Reason += "; " + why.Why
	}
	if f.Doubt == "" {
		e.Commands.Gcloud, e.Commands.Terraform = plan.Commands()
		if f.Access.Principal.IsZero() {
			e.outline = plan.Outline()
		}
	}
	if policy != nil {
		e.Decision = judge(policy, f)
	}
	return e
}

// known returns the name, or the placeholder that the text writes in its place,
// such as "projects/<PROJECT_ID>/…". What is masked is unknown.
func known(name, written string) string {
	if name == "" && !strings.Contains(written, "*") {
		return written
	}
	return name
}

// judge says what the policy would do, if the finding came from an audit log.
func judge(policy *rules.Policy, f parse.Finding) *decisionView {
	logged := time.Unix(0, 0)
	r, _ := ruled(policy, parse.Event{Audit: true, At: logged}, f, ruling.Known{})
	v := &decisionView{Verdict: r.Verdict().String(), Mode: policy.Mode().String(), Rule: r.Decision.Rule(), Reason: reasonOf(r)}
	if r.Verdict() == rules.Grant {
		v.Mode = r.Decision.Mode.String()
	}
	return v
}

func newExplainView(format string, out io.Writer) (findingsView[explanation], error) {
	buffered := bufio.NewWriter(out)
	switch format {
	case "text":
		return &explainText{out: buffered, paint: newPalette(out)}, nil
	case "json":
		return &findingsJSON[explanation]{out: buffered}, nil
	case "markdown":
		return &explainMarkdown{out: buffered}, nil
	default:
		return nil, fmt.Errorf("--format %q: want text, json or markdown", format)
	}
}

// explainer reads documents and shows each finding once.
type explainer struct {
	view   findingsView[explanation]
	policy *rules.Policy
	told   map[[sha256.Size]byte]struct{}
}

// mostTold bounds what is remembered of a long export, at 32 bytes each; past
// it a finding may be shown again.
const mostTold = 1 << 17

func (e *explainer) run(in io.Reader) error {
	shown := 0
	var failed error
	for document, err := range parse.Documents(in) {
		if err != nil {
			failed = errors.Join(failed, err)
			break
		}
		findings, err := parse.Any(document)
		if err != nil && failed == nil {
			failed = err // the first one is told in the end
		}
		for _, f := range findings {
			n, err := e.show(explain(f, e.policy))
			if err != nil {
				return err
			}
			shown += n
		}
	}
	if err := errors.Join(failed, e.view.end()); err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	if shown == 0 {
		return errFailed
	}
	return nil
}

func (e *explainer) show(x explanation) (shown int, err error) {
	key := sha256.Sum256([]byte(strings.Join([]string{x.Kind, x.Principal, x.Permission, x.Resource, x.Image, x.Project, x.Reason}, "\x00")))
	if _, ok := e.told[key]; ok {
		return 0, nil
	}
	if len(e.told) < mostTold {
		e.told[key] = struct{}{}
	}
	return 1, e.view.show(x)
}
