package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/internal/brief/samples"
	"github.com/pullfix/pullfix/internal/channels"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/notify/email"
	"github.com/pullfix/pullfix/notify/slack"
	"github.com/pullfix/pullfix/rules"
)

func newNotifyPreview() *cobra.Command {
	var pick samplePick
	var policyFile, format, output string
	cmd := &cobra.Command{
		Use:   "preview",
		Short: "Show messages as a channel would send them",
		Long: `Show messages without sending them: of every kind, or of one with --kind or --tone.
With --channel they are as that channel of the policy makes them, with its
template.

--format text is mail as text, json is the blocks of Slack, for its Block Kit
Builder, and html is mail as HTML, one message, best with --output FILE. Where it
is left out, it is that of the channel.

Exit status: 0 shown, 2 bad usage or bad input.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := pick.named(policyFile, cmd)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("format") && (c.Type == rules.Slack || c.Type == rules.SlackWebhook) {
				format = "json"
			}
			show, ok := map[string]func(io.Writer, []samples.Sample, *notify.Template) error{"text": previewText, "json": previewJSON, "html": previewHTML}[format]
			if !ok {
				return wrongFormat(format, "text, json or html")
			}
			template, err := channels.Template(c)
			if err != nil {
				return err
			}
			shown, err := pick.shown(format)
			if err != nil {
				return err
			}
			return into(output, cmd.OutOrStdout(), func(out io.Writer) error { return show(out, shown, template) })
		},
	}
	pick.add(cmd)
	cmd.Flags().StringVar(&policyFile, "rules", defaultRulesFile, "policy `file` of the channel")
	cmd.Flags().StringVar(&format, "format", "text", "text, json or html")
	cmd.Flags().StringVar(&output, "output", "", "write to this `file`")
	return cmd
}

// named is the channel that is named. Without one no policy is read.
func (p *samplePick) named(policyFile string, cmd *cobra.Command) (rules.Channel, error) {
	if p.channel == "" {
		return rules.Channel{}, nil
	}
	policy, err := channelsOf(policyFile, cmd)
	if err != nil {
		return rules.Channel{}, err
	}
	named, err := p.channels(policy)
	if err != nil {
		return rules.Channel{}, err
	}
	return named[0], nil
}

// shown is one message where a format can hold no more, else all that fit.
func (p *samplePick) shown(format string) ([]samples.Sample, error) {
	if format != "html" {
		return p.samples()
	}
	one, err := p.one()
	return []samples.Sample{one}, err
}

// into writes to a file, or to where there is none to.
func into(name string, otherwise io.Writer, write func(io.Writer) error) error {
	if name == "" {
		return write(otherwise)
	}
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return errors.Join(write(file), file.Close())
}

func previewText(out io.Writer, shown []samples.Sample, t *notify.Template) error {
	for n, s := range shown {
		mail, err := email.Render(s.Message, t)
		if err != nil {
			return fmt.Errorf("notify: %s: %w", s.Name, err)
		}
		if n > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "== %s\n\nSubject: %s\n\n%s", s.Name, mail.Subject, mail.Text)
	}
	return nil
}

// previewJSON prints an object for one message, a list for several.
func previewJSON(out io.Writer, shown []samples.Sample, t *notify.Template) error {
	contents := make([]slack.Content, len(shown))
	for n, s := range shown {
		var err error
		if contents[n], err = slack.Blocks(s.Message, t); err != nil {
			return fmt.Errorf("notify: %s: %w", s.Name, err)
		}
	}
	var v any = contents
	if len(contents) == 1 {
		v = contents[0]
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func previewHTML(out io.Writer, shown []samples.Sample, t *notify.Template) error {
	mail, err := email.Render(shown[0].Message, t)
	if err != nil {
		return fmt.Errorf("notify: %s: %w", shown[0].Name, err)
	}
	_, err = io.WriteString(out, mail.HTML)
	return err
}
