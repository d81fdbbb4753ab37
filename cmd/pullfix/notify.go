package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/brief/samples"
	"github.com/pullfix/pullfix/internal/channels"
	"github.com/pullfix/pullfix/internal/settings"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/rules"
)

func newNotify() *cobra.Command {
	return group("notify", "Show what people are told, or tell them", newNotifyPreview(), newNotifyTest())
}

// newNotifyTest is also how somebody finds out that a channel works.
func newNotifyTest() *cobra.Command {
	var pick samplePick
	var policyFile string
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Send a sample message to the channels",
		Long: `Send a sample message to every channel, or to one, and say what came of it. The
channels are those of the policy file and of the variables that the function has:
PULLFIX_SLACK, PULLFIX_SMTP and so on. Their secrets are fetched as the function
fetches them, with the credentials of this machine.

Exit status: 0 sent to all, 1 not sent to one or more, 2 bad usage or bad input.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			policy, err := channelsOf(policyFile, cmd)
			if err != nil {
				return err
			}
			to, err := pick.channels(policy)
			if err != nil {
				return err
			}
			if len(to) == 0 {
				return errors.New("notify: there is no channel: want notify in the policy, or PULLFIX_SLACK or PULLFIX_SMTP")
			}
			sample, err := pick.one()
			if err != nil {
				return err
			}
			ctx, stop := untilInterrupted()
			defer stop()
			return sendSample(ctx, cmd, to, sample.Message)
		},
	}
	pick.add(cmd)
	cmd.Flags().StringVar(&policyFile, "rules", defaultRulesFile, "policy `file`")
	return cmd
}

// channelsOf returns a policy with the channels that the function would have.
func channelsOf(file string, cmd *cobra.Command) (*rules.Policy, error) {
	policy, err := policyOrNone(file, cmd)
	if err == nil {
		err = channels.Check(policy)
	}
	if err != nil {
		return nil, err
	}
	more, err := settings.Channels(os.LookupEnv)
	if err == nil {
		policy, err = policy.WithChannels(more...)
	}
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	return policy, nil
}

// policyOrNone reads a policy. Where none is named and none is here, only the
// variables have channels.
func policyOrNone(file string, cmd *cobra.Command) (*rules.Policy, error) {
	policy, err := readPolicy(file, cmd.InOrStdin())
	if errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("rules") {
		return rules.Parse(file, emptyPolicy)
	}
	return policy, err
}

func sendSample(ctx context.Context, cmd *cobra.Command, to []rules.Channel, m notify.Message) error {
	m.Title = "a test of pullfix notify: " + m.Title
	m.Problem, m.Event = "test"+m.Problem, fmt.Sprintf("test%x", time.Now().UnixNano()) // no mailbox takes two for one
	secrets := channels.Secrets{Lookup: os.LookupEnv, Options: settings.Settings{Endpoint: os.Getenv("PULLFIX_ENDPOINT")}.Options()}
	failed := false
	for _, c := range to {
		if err := sendTo(ctx, c, secrets, m); err != nil {
			failed = true
			fmt.Fprintf(cmd.ErrOrStderr(), "pullfix: notify: channel %q: %v\n", c.Name, err)
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "channel %q: sent\n", c.Name)
	}
	if failed {
		return errFailed
	}
	return nil
}

// patience is how long a channel may ask to be waited for.
const patience = time.Minute

func sendTo(ctx context.Context, c rules.Channel, secrets channels.Secrets, m notify.Message) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sender, err := channels.Open(c, secrets)
	if err != nil {
		return err
	}
	_, err = notify.Deliver(ctx, sender, notify.DefaultTries, m, "")
	return err
}

// samplePick is which messages of which channel somebody wants.
type samplePick struct{ channel, kind, tone string }

func (p *samplePick) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.channel, "channel", "", "only this `channel`")
	cmd.Flags().StringVar(&p.kind, "kind", "", "a message about this `kind` of failure, such as run-image")
	cmd.Flags().StringVar(&p.tone, "tone", "", "a message of this `tone`: "+strings.Join(toneWords(), ", "))
}

func toneWords() []string {
	var words []string
	for _, t := range notify.Tones() {
		words = append(words, toneWord(t))
	}
	return words
}

func toneWord(t notify.Tone) string { return hyphened(t.String()) }

func hyphened(words string) string { return strings.ReplaceAll(strings.ToLower(words), " ", "-") }

// channels are those that are named, else all.
func (p *samplePick) channels(policy *rules.Policy) ([]rules.Channel, error) {
	all := policy.Channels()
	if p.channel == "" {
		return all, nil
	}
	for _, c := range all {
		if c.Name == p.channel {
			return []rules.Channel{c}, nil
		}
	}
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
	}
	return nil, fmt.Errorf("--channel %q: want one of %q", p.channel, names)
}

// samples are those that fit.
func (p *samplePick) samples() ([]samples.Sample, error) {
	if p.kind != "" && !slices.Contains(iam.KindNames(), p.kind) {
		return nil, fmt.Errorf("--kind %q: want one of %s", p.kind, strings.Join(iam.KindNames(), ", "))
	}
	p.tone = hyphened(p.tone)
	if p.tone != "" && !slices.Contains(toneWords(), p.tone) {
		return nil, fmt.Errorf("--tone %q: want one of %s", p.tone, strings.Join(toneWords(), ", "))
	}
	all, err := samples.All()
	if err != nil {
		return nil, err
	}
	fitting := slices.DeleteFunc(all, func(s samples.Sample) bool {
		return p.kind != "" && s.Kind != p.kind || p.tone != "" && toneWord(s.Message.Tone) != p.tone
	})
	if len(fitting) == 0 {
		return nil, fmt.Errorf("--kind %q: there is no message of the tone %q about it", p.kind, p.tone)
	}
	return fitting, nil
}

// one is the first that fits: where nothing is asked for, one that everybody
// gets to see.
func (p *samplePick) one() (samples.Sample, error) {
	q := *p
	if q.kind == "" && q.tone == "" {
		q.kind = cmp.Or(q.kind, iam.RunImage.String())
	}
	fitting, err := q.samples()
	if err != nil {
		return samples.Sample{}, err
	}
	return fitting[0], nil
}
