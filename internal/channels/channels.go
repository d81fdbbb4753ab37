// Package channels makes senders of the channels that a policy names. A channel
// and where its secrets are come in; what sends its messages goes out, or what
// is wrong with the channel and where in the policy file that stands.
package channels

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pullfix/pullfix/internal/brief/samples"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/notify/email"
	"github.com/pullfix/pullfix/notify/slack"
	"github.com/pullfix/pullfix/rules"
)

// Open returns what sends the messages of a channel. It reaches for nothing:
// secrets are fetched on first use.
func Open(c rules.Channel, secrets Secrets) (notify.Sender, error) {
	template, err := Template(c)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	var sender notify.Sender
	switch c.Type {
	case rules.SlackWebhook:
		sender = slack.NewWebhook(secrets.Of(c.Secret), template)
	case rules.Slack:
		sender, err = slack.NewBot(secrets.Of(c.Secret), c.Target, api(c), template)
	case rules.Email:
		sender, err = email.New(emailOptions(c, secrets, template))
	default:
		err = errors.New("it has no type")
	}
	if err != nil {
		return nil, err
	}
	return sender, nil
}

func api(c rules.Channel) string { return cmp.Or(c.Server, slack.API) }

func emailOptions(c rules.Channel, secrets Secrets, t *notify.Template) email.Options {
	o := email.Options{Server: c.Server, From: c.From, To: addresses(c.Target), List: c.Name, Template: t}
	if c.Secret != "" {
		o.Password = secrets.Of(c.Secret)
	}
	return o
}

// addresses are what stands between commas.
func addresses(s string) []string {
	var all []string
	for a := range strings.SplitSeq(s, ",") {
		all = append(all, strings.TrimSpace(a))
	}
	return all
}

// Template is the template of a channel; nil where it has none.
func Template(c rules.Channel) (*notify.Template, error) {
	if c.Template == "" {
		return nil, nil //nolint:nilnil // without a template the channel has words of its own
	}
	return notify.ParseTemplate(templateName, c.Template)
}

const templateName = "template"

// Check returns what is wrong with the channels of a policy besides what its
// reader finds: addresses, servers, and templates, which are tried on a sample
// of every kind of message. The error is of type [rules.Problems].
func Check(p *rules.Policy) error {
	var problems rules.Problems
	for _, c := range p.Channels() {
		problems = append(problems, checkAddresses(p, c)...)
		problems = append(problems, checkTemplate(p, c)...)
	}
	if problems == nil {
		return nil
	}
	return problems
}

func checkAddresses(p *rules.Policy, c rules.Channel) rules.Problems {
	var err error
	var key string
	switch c.Type {
	case rules.Slack:
		key = "server"
		_, err = slack.NewBot(nil, c.Target, api(c), nil)
	case rules.Email:
		key, err = CheckEmail(c)
	}
	if err == nil {
		return nil
	}
	return rules.Problems{p.Problem(c, key, 1, err.Error())}
}

// CheckEmail returns what is wrong with the server and the addresses of a channel
// for mail, and the key that has it.
func CheckEmail(c rules.Channel) (key string, err error) {
	for _, key := range []string{"server", "from", "target"} {
		sound := rules.Channel{Server: "smtp://example.com", From: "a@example.com", Target: "a@example.com"}
		switch key {
		case "server":
			sound.Server = c.Server
		case "from":
			sound.From = c.From
		case "target":
			sound.Target = c.Target
		}
		if err := email.Check(sound.Server, sound.From, addresses(sound.Target)); err != nil {
			return key, err
		}
	}
	if _, err := email.New(emailOptions(c, Secrets{}, nil)); err != nil {
		return "server", err // it wants a password, or has no user for one
	}
	return "", nil
}

func checkTemplate(p *rules.Policy, c rules.Channel) rules.Problems {
	template, err := Template(c)
	if err == nil && template != nil {
		err = template.Check(messages())
	}
	if err == nil {
		return nil
	}
	var problems rules.Problems
	for _, text := range slices.Compact(strings.Split(err.Error(), "\n")) {
		line, why := place(text)
		problems = append(problems, p.Problem(c, "template", line, why))
	}
	return problems
}

// place takes the line from an error of a template.
func place(text string) (line int, why string) {
	rest := strings.TrimPrefix(text, templateName+":")
	number, why, found := strings.Cut(rest, ":")
	if line, err := strconv.Atoi(number); err == nil && found {
		return line, strings.TrimSpace(why)
	}
	return 1, rest
}

func messages() []notify.Message {
	all, err := samples.All()
	if err != nil {
		panic(err) // they are made of what is built in, and tested
	}
	messages := []notify.Message{{Title: "a message that has no more than this"}}
	for _, s := range all {
		messages = append(messages, s.Message)
	}
	return messages
}
