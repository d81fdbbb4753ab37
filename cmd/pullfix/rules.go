package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/rules"
)

const defaultRulesFile = "rules.yaml"

func newRules() *cobra.Command {
	return group("rules", "Look into a policy file", &cobra.Command{
		Use:   "check [FILE|-]",
		Short: "Say whether a policy file is valid, or everything that is wrong with it",
		Long:  "Say whether a policy file (rules.yaml where none is named) is valid, or everything that is wrong with it.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file := defaultRulesFile
			if len(args) == 1 {
				file = args[0]
			}
			policy, err := readPolicy(file, cmd.InOrStdin())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: valid, %s, mode %s, digest %s\n",
				file, plural(policy.Rules(), "rule"), policy.Mode(), policy.Digest())
			return err
		},
	})
}

func readPolicy(file string, in io.Reader) (*rules.Policy, error) {
	var (
		data []byte
		err  error
	)
	if file == "-" {
		file = "standard input"
		data, err = io.ReadAll(in)
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return rules.Parse(file, data)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
