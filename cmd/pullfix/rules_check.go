package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/internal/channels"
	"github.com/pullfix/pullfix/rules"
)

func newRulesCheck() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "check [FILE|-]",
		Short: "Say whether a policy file is valid, or everything that is wrong with it",
		Long: `Say whether a policy file (rules.yaml where none is named) is valid, or everything
that is wrong with it. Of a valid file, warn of what is surely not meant: rules
that can never match or that say what another says, tests that expect a rule that
is not there.

--format github prints annotations for a pull request, from a job of GitHub
Actions.

Exit status: 0 valid, 1 valid with warnings, 2 not valid or bad usage.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			show, ok := map[string]func(io.Writer, checked) error{"text": checkText, "json": checkJSON, "github": checkGitHub}[format]
			if !ok {
				return wrongFormat(format, "text, json or github")
			}
			c, err := check(rulesFile(args), cmd.InOrStdin())
			if err != nil {
				return err
			}
			if err := show(cmd.OutOrStdout(), c); err != nil {
				return err
			}
			if c.Valid && len(c.problems) > 0 {
				return errFailed
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json or github")
	return cmd
}

// checked is what is found about a policy file.
type checked struct {
	Valid    bool          `json:"valid"`
	File     string        `json:"file"`
	Rules    int           `json:"rules"`
	Mode     string        `json:"mode"`
	Digest   string        `json:"digest"`
	Problems []problemView `json:"problems"`

	problems rules.Problems // errors of a file that is not valid, warnings of one that is
}

type problemView struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	What     string `json:"what"`
	Severity string `json:"severity"` // error or warning
}

// check reads a file. The error is that it cannot be read.
func check(file string, in io.Reader) (checked, error) {
	c := checked{File: file, Problems: []problemView{}}
	policy, err := readPolicy(file, in)
	if err == nil {
		err = channels.Check(policy)
	}
	severity := "error"
	switch {
	case err == nil:
		c.Valid, c.Rules, c.Mode, c.Digest = true, policy.Rules(), policy.Mode().String(), policy.Digest()
		c.problems, severity = policy.Warnings(), "warning"
	case !errors.As(err, &c.problems):
		return c, err
	}
	for _, p := range c.problems {
		c.Problems = append(c.Problems, problemView{p.File, p.Line, p.Column, p.What, severity})
	}
	return c, nil
}

func (c checked) summary() string {
	return fmt.Sprintf("%s: valid, %s, mode %s, digest %s", c.File, plural(c.Rules, "rule"), c.Mode, c.Digest)
}

// invalid is the error of a file whose problems have been shown.
func (c checked) invalid() error {
	if c.Valid {
		return nil
	}
	return fmt.Errorf("%s: not valid: %s", c.File, plural(len(c.problems), "problem"))
}

func checkText(out io.Writer, c checked) error {
	if !c.Valid {
		return c.problems
	}
	for _, p := range c.problems {
		p.What = "warning: " + p.What
		fmt.Fprintln(out, p.Error())
	}
	_, err := fmt.Fprintln(out, c.summary())
	return err
}

func checkJSON(out io.Writer, c checked) error {
	if err := writeJSON(out, c); err != nil {
		return err
	}
	return c.invalid()
}

// checkGitHub prints workflow commands
// (https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
func checkGitHub(out io.Writer, c checked) error {
	for _, p := range c.Problems {
		fmt.Fprintf(out, "::%s file=%s,line=%d,col=%d::%s\n", p.Severity, commandProperty.Replace(filepath.ToSlash(p.File)), p.Line, p.Column, commandData.Replace(p.What))
	}
	if !c.Valid {
		return c.invalid()
	}
	_, err := fmt.Fprintln(out, c.summary())
	return err
}

var (
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
