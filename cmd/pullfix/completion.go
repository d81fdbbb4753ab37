package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/rules"
)

// flagWords are the words that a flag of this name takes.
var flagWords = map[string]func() []string{
	"kind":    iam.KindNames,
	"tone":    toneWords,
	"verdict": recordVerdicts,
	"outcome": recordOutcomes,
}

func recordVerdicts() []string {
	return []string{rules.Alert.String(), rules.Grant.String(), rules.Ignore.String()}
}

func recordOutcomes() []string {
	return []string{
		audit.OutcomeApplied, audit.OutcomeAlreadyHeld, audit.OutcomeObserved, audit.OutcomeRefused, audit.OutcomeFailed, audit.OutcomeUndone,
	}
}

// fileEndings are those of the files that a flag of this name takes; where it is
// not here, any.
var fileEndings = map[string][]string{
	"activity": {"json", "jsonl"},
	"explain":  {"json", "jsonl"},
	"file":     {"jsonl"},
	"rules":    {"yaml", "yml"},
	"seed":     {"yaml", "yml"},
}

// complete tells the shell what may follow in each command below the root:
// words where they are known, files only where a file is wanted.
func complete(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		complete(cmd)
	}
	if root.HasSubCommands() || root.Args != nil && root.Args(root, []string{"x"}) != nil {
		root.ValidArgsFunction = cobra.NoFileCompletions
	}
	root.Flags().VisitAll(func(f *pflag.Flag) {
		words := flagWords[f.Name]
		var err error
		switch named, _ := pflag.UnquoteUsage(f); {
		case f.Name == "format":
			err = root.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(formats(f.Usage), cobra.ShellCompDirectiveNoFileComp))
		case words != nil:
			err = root.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(words(), cobra.ShellCompDirectiveNoFileComp))
		case named == "file" || named == "files":
			err = root.MarkFlagFilename(f.Name, fileEndings[f.Name]...)
		default:
			err = root.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
		}
		if err != nil {
			panic(err) // the flag is there
		}
	})
}

// formats reads the words of a usage such as "text, json or csv".
func formats(usage string) []string {
	return strings.Split(strings.ReplaceAll(usage, " or ", ", "), ", ")
}
