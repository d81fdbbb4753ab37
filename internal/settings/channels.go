package settings

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pullfix/pullfix/internal/channels"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/rules"
)

// The variables that make a channel besides those of the policy.
const (
	slackVariable    = "PULLFIX_SLACK"
	smtpVariable     = "PULLFIX_SMTP"
	passwordVariable = "PULLFIX_SMTP_PASSWORD"
	senderVariable   = "PULLFIX_EMAIL_FROM"
	toVariable       = "PULLFIX_EMAIL_TO"
)

// Channels returns the channels that the variables make.
func Channels(lookup Lookup) ([]rules.Channel, error) {
	r := reader{lookup: lookup}
	var all []rules.Channel
	for _, c := range r.channels() {
		all = append(all, c.Channel)
	}
	return all, errors.Join(r.problems...)
}

// named is a channel, and the variable that makes it.
type named struct {
	rules.Channel
	variable string
}

func (r *reader) channels() []named {
	var all []named
	if c, ok := r.slack(); ok {
		all = append(all, named{c, slackVariable})
	}
	if c, ok := r.email(); ok {
		all = append(all, named{c, smtpVariable})
	}
	return all
}

// withChannels adds the channels of the variables to those of the policy, and
// checks all of them.
func (r *reader) withChannels(p *rules.Policy) *rules.Policy {
	if p == nil {
		return nil
	}
	if err := channels.Check(p); err != nil {
		r.fail("PULLFIX_RULES", err)
	}
	for _, c := range p.Channels() {
		if name, ok := strings.CutPrefix(c.Secret, "env:"); ok && r.get(name, "") == "" {
			r.fail(name, fmt.Errorf("missing: channel %q of the policy has its secret there", c.Name))
		}
	}
	for _, c := range r.channels() {
		with, err := p.WithChannels(c.Channel)
		if err != nil {
			r.fail(c.variable, err)
			continue
		}
		p = with
	}
	return p
}

// senders opens the channels of the policy.
func (r *reader) senders(s Settings) map[string]notify.Sender {
	senders, secrets := map[string]notify.Sender{}, channels.Secrets{Lookup: r.lookup, Options: s.Options()}
	if s.Policy == nil || len(r.problems) > 0 {
		return senders
	}
	for _, c := range s.Policy.Channels() {
		sender, err := channels.Open(c, secrets)
		if err != nil {
			r.fail("PULLFIX_RULES", fmt.Errorf("channel %q: %w", c.Name, err))
		}
		senders[c.Name] = sender
	}
	return senders
}

func (r *reader) slack() (rules.Channel, bool) {
	c := rules.Channel{Name: rules.SlackOfSettings, Type: rules.SlackWebhook, Secret: variable(r, slackVariable, "", parseSlack)}
	return c, c.Secret != ""
}

// parseSlack does not repeat the value in its error: it may be a secret.
func parseSlack(s string) (reference string, err error) {
	switch {
	case s == "":
		return "", nil
	case strings.HasPrefix(s, "https://"), strings.HasPrefix(s, "http://127.0.0.1:"):
		return "env:" + slackVariable, nil
	case rules.CheckReference(s) != nil || strings.HasPrefix(s, "env:"):
		return "", errors.New("want a webhook URL that begins with https://, or projects/P/secrets/S/versions/V")
	default:
		return s, nil
	}
}

// email is the channel of four variables.
func (r *reader) email() (rules.Channel, bool) {
	c := rules.Channel{
		Name: rules.EmailOfSettings, Type: rules.Email, Server: r.get(smtpVariable, ""),
		From: r.get(senderVariable, ""), Target: r.get(toVariable, ""), Secret: variable(r, passwordVariable, "", parsePassword),
	}
	if c.Server+c.From+c.Target+c.Secret == "" {
		return c, false
	}
	whole := true
	for _, needed := range []struct{ name, value, want string }{
		{smtpVariable, c.Server, "the server, as smtp://USER@HOST:587"},
		{senderVariable, c.From, "the address that mail is from"},
		{toVariable, c.Target, "the addresses that mail goes to, with commas between them"},
	} {
		if needed.value == "" {
			r.fail(needed.name, fmt.Errorf("missing: want %s", needed.want))
			whole = false
		}
	}
	if !whole {
		return c, false
	}
	if key, err := channels.CheckEmail(c); err != nil {
		r.fail(map[string]string{"server": smtpVariable, "from": senderVariable, "target": toVariable}[key], err)
		return c, false
	}
	return c, true
}

func parsePassword(s string) (reference string, err error) {
	switch {
	case s == "":
		return "", nil
	case !strings.HasPrefix(s, "projects/"):
		return "env:" + passwordVariable, nil
	case rules.CheckReference(s) != nil:
		return "", errors.New("want the password, or the secret version that holds it as projects/P/secrets/S/versions/V")
	default:
		return s, nil
	}
}
