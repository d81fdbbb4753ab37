package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/rules"
)

func newRulesTargets() *cobra.Command {
	var among string
	cmd := &cobra.Command{
		Use:   "targets [FILE|-]",
		Short: "List what the account of pullfix needs rights on, because a rule names it",
		Long: `List what the account of pullfix needs rights on, because a rule of a policy file
(rules.yaml where none is named) names it, one a line:

  project NAME            it must be able to read there what its checks look at: an
                          allow, whatever its mode, names something in it
  repository, secret,     whose policy it must be able to change: rules with mode
  service, job or         enforce allow grants there, and no rule denies all of
  worker-pool NAME        them. "*" in a name stands for any text in its segment
  channel-secret NAME     which it must be able to read, to tell a channel
  folders yes             what holds a project decides: it must be able to read that

Of resources whose names it reads with --among, one a line, it lists those that
rules name. They must be named as in the rules: the project by its id, or by its
number.

Exit status: 0 listed, also where there is nothing, 2 bad usage or bad input.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := onlyOnce(rulesFile(args), among); err != nil {
				return err
			}
			policy, err := readPolicy(rulesFile(args), cmd.InOrStdin())
			if err != nil {
				return err
			}
			if among == "" {
				return listTargets(cmd.OutOrStdout(), policy)
			}
			in, err := openInput(cmd, among)
			if err != nil {
				return fmt.Errorf("rules: %w", err)
			}
			return errors.Join(listAmong(cmd.OutOrStdout(), policy, in, among), in.Close())
		},
	}
	cmd.Flags().StringVar(&among, "among", "", "list only what is named in this `file`, - for standard input")
	return cmd
}

var targetWords = map[iam.ResourceType]string{
	iam.RepositoryType: "repository", iam.SecretType: "secret",
	iam.ServiceType: "service", iam.JobType: "job", iam.WorkerPoolType: "worker-pool",
}

func listTargets(out io.Writer, policy *rules.Policy) error {
	var text strings.Builder
	for _, t := range policy.Targets() {
		fmt.Fprintln(&text, targetWords[t.Type], t)
	}
	for _, name := range checkedProjects(policy) {
		fmt.Fprintln(&text, "project", name)
	}
	for _, name := range channelSecrets(policy) {
		fmt.Fprintln(&text, "channel-secret", name)
	}
	if policy.Needs().Above {
		fmt.Fprintln(&text, "folders yes")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func checkedProjects(policy *rules.Policy) []string {
	var names []string
	for _, w := range policy.Waits() {
		names = append(names, "projects/"+w.Project)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// channelSecrets are those that are not in the environment, without their
// versions.
func channelSecrets(policy *rules.Policy) []string {
	var names []string
	for _, c := range policy.Channels() {
		if name, _, found := strings.Cut(c.Secret, "/versions/"); found {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func listAmong(out io.Writer, policy *rules.Policy, in io.Reader, file string) error {
	var text strings.Builder
	targets := policy.Targets()
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		name := strings.TrimSpace(lines.Text())
		if name == "" {
			continue
		}
		r, err := iam.ParseResource(name)
		if err != nil {
			return fmt.Errorf("rules: %s:%d: %w", file, n, err)
		}
		if slices.ContainsFunc(targets, func(t rules.Target) bool { return t.Covers(r) }) {
			fmt.Fprintln(&text, targetWords[r.Type()], r)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("rules: %s: %w", file, err)
	}
	_, err := io.WriteString(out, text.String())
	return err
}
