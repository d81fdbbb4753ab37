package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// ChannelType is what a channel sends with.
type ChannelType uint8

// The types of channels.
const (
	SlackWebhook ChannelType = iota + 1 // an incoming webhook
	Slack                               // a bot, which threads
	Email
)

var channelTypeNames = [...]string{SlackWebhook: "slack-webhook", Slack: "slack", Email: "email"}

// String returns the type as it is written, "" for the zero value.
func (t ChannelType) String() string { return channelTypeNames[t] }

// Channel is where people are told. Secrets are references: "env:NAME" is an
// environment variable, anything else the name of a Secret Manager version.
type Channel struct {
	Name     string
	Type     ChannelType
	Target   string    // of slack the conversation, of email the addresses
	Secret   string    // of slack-webhook the URL, of slack the token, of email the password; "" for none
	Server   string    // of email smtp://user@host:587, of slack the address of its API where that is not Slack's usual one
	From     string    // of email: the sender's address
	Verdicts []Verdict // that it wants: of grant and alert; none for both
	Template string    // Go template of the text; "" for pullfix's own

	places map[string]position // of the values of its keys
}

// wants reports whether the channel is to be told of a verdict.
func (c Channel) wants(v Verdict) bool { return len(c.Verdicts) == 0 || slices.Contains(c.Verdicts, v) }

// Channels returns the channels, in the order of the file.
func (p *Policy) Channels() []Channel { return p.channels }

// Told returns the names of the channels that are to be told of what was
// decided, if it ends in a verdict: those of the rule, else all, as far as they
// want it. An alert that none of them wants goes to all that want alerts.
func (p *Policy) Told(d Decision, v Verdict) []string {
	var own, all []string
	for _, c := range p.channels {
		if !c.wants(v) {
			continue
		}
		all = append(all, c.Name)
		if d.rule != nil && slices.Contains(d.rule.notify, c.Name) {
			own = append(own, c.Name)
		}
	}
	if len(own) > 0 || v != Alert && p.names(d.rule) {
		return own
	}
	return all
}

// names reports whether the rule names channels that there are.
func (p *Policy) names(r *rule) bool {
	return r != nil && slices.ContainsFunc(p.channels, func(c Channel) bool { return slices.Contains(r.notify, c.Name) })
}

// WithChannels returns the same policy with more channels. A name that is taken
// is an error.
func (p *Policy) WithChannels(more ...Channel) (*Policy, error) {
	q := *p
	q.channels = slices.Clone(p.channels)
	for _, c := range more {
		if slices.ContainsFunc(q.channels, func(o Channel) bool { return o.Name == c.Name }) {
			return nil, fmt.Errorf("channel %q: %s has a channel of that name", c.Name, p.file)
		}
		q.channels = append(q.channels, c)
	}
	return &q, nil
}

// Problem places what is wrong with the value of a channel's key. line counts
// within a text of several lines, from 1.
func (p *Policy) Problem(c Channel, key string, line int, what string) Problem {
	d := document{file: p.file, lines: p.lines}
	at := c.places[key]
	if line > 1 {
		at = position{at.line + line - 1, 1}
	}
	d.report(at.line, at.column, "channel %q: %s: %s", c.Name, key, what)
	return d.problems[0]
}

// channelKeys are the keys of each type besides those of all, and whether a
// channel of the type must have them.
var channelKeys = [...]map[string]bool{
	SlackWebhook: {},
	Slack:        {"secret": true, "server": false},
	Email:        {"server": true, "from": true, "secret": false},
}

func (s *reading) readChannels(n ast.Node) {
	s.each(n, "notify", s.readChannel)
}

func (s *reading) readChannel(n ast.Node) {
	c, d := Channel{places: map[string]position{}}, s.document
	at := func(key string, read func(ast.Node)) func(ast.Node) {
		return func(n ast.Node) {
			c.places[key] = textStart(n)
			read(n)
		}
	}
	var typ string
	seen := s.mapping(n, "channel", fields{
		"name":     set(d, &c.Name, "name", parseName),
		"type":     set(d, &typ, "type", parseChannelType),
		"target":   at("target", set(d, &c.Target, "target", notEmpty)),
		"secret":   at("secret", set(d, &c.Secret, "secret", parseReference)),
		"server":   at("server", set(d, &c.Server, "server", notEmpty)),
		"from":     at("from", set(d, &c.From, "from", notEmpty)),
		"verdicts": collect(d, &c.Verdicts, "verdicts", parseWanted),
		"template": at("template", s.readTemplate(&c.Template)),
	})
	if seen == nil {
		return
	}
	for _, key := range []string{"name", "type", "target"} {
		if !seen[key] {
			s.fail(n, "channel: %s is missing", key)
		}
	}
	if typ != "" {
		c.Type = ChannelType(slices.Index(channelTypeNames[:], typ))
		s.checkChannel(n, &c, seen)
	}
	s.channels = append(s.channels, c)
}

// checkChannel holds what must be true of a channel as a whole.
func (s *reading) checkChannel(n ast.Node, c *Channel, seen map[string]bool) {
	keys := channelKeys[c.Type]
	for _, key := range []string{"secret", "server", "from"} {
		needed, known := keys[key]
		switch {
		case known && needed && !seen[key]:
			s.fail(n, "channel: %s is missing, which the type %s needs", key, c.Type)
		case !known && seen[key]:
			at := c.places[key]
			s.report(at.line, at.column, "channel: the type %s has no %s", c.Type, key)
		}
	}
	if c.Target != "" {
		s.checkTarget(c)
	}
	if slices.ContainsFunc(s.channels, func(o Channel) bool { return o.Name == c.Name }) && c.Name != "" {
		s.fail(n, "channel: the name %q is taken", c.Name)
	}
}

// conversation is the name or the id of what a bot may write to
// (https://docs.slack.dev/reference/methods/chat.postMessage#channels).
var conversation = onUse(`^(#[a-z0-9_-]{1,80}|[CDG][A-Z0-9]{8,20})$`)

func (s *reading) checkTarget(c *Channel) {
	var err error
	switch c.Type {
	case SlackWebhook:
		c.Secret, err = parseReference(c.Target)
		c.Target = ""
	case Slack:
		if !conversation().MatchString(c.Target) {
			err = fmt.Errorf("%q: want the id of a conversation such as C0123456789, or a name such as \"#deploys\"", c.Target)
		}
	}
	if err != nil {
		at := c.places["target"]
		s.report(at.line, at.column, "target: %v", err)
	}
}

func parseChannelType(s string) (string, error) {
	if words := channelTypeNames[1:]; !slices.Contains(words, s) {
		return "", unknownWord("type", s, words)
	}
	return s, nil
}

var reference = onUse(`^(env:[A-Za-z_][A-Za-z0-9_]*|projects/[a-z0-9.:-]+/secrets/[A-Za-z0-9_-]{1,255}/versions/([1-9][0-9]*|latest))$`)

// parseReference does not repeat the value in its error: it may be a secret.
func parseReference(s string) (string, error) {
	if !reference().MatchString(s) {
		return "", errors.New("want where the secret is, and never the secret itself: projects/P/secrets/S/versions/V, or env:NAME")
	}
	return s, nil
}

// CheckReference says what is wrong with a reference to a secret, without
// repeating it.
func CheckReference(s string) error {
	_, err := parseReference(s)
	return err
}

func parseWanted(s string) (Verdict, error) {
	switch s {
	case Grant.String():
		return Grant, nil
	case Alert.String():
		return Alert, nil
	case Ignore.String():
		return Alert, errors.New("nobody is told about what is ignored: want grant or alert")
	default:
		return Alert, unknownWord("verdict", s, []string{Grant.String(), Alert.String()})
	}
}

// longestTemplate is in characters.
const longestTemplate = 10_000

func (s *reading) readTemplate(to *string) func(ast.Node) {
	return func(n ast.Node) {
		text, other, ok := s.text(n, "template", longestTemplate)
		switch {
		case !ok:
		case other != "" || strings.TrimSpace(text) == "":
			s.fail(n, "template: want a text")
		default:
			*to = text
		}
	}
}

// textStart is where a text begins: that of a block is below its mark.
func textStart(n ast.Node) position {
	at := start(n)
	if _, block := n.(*ast.LiteralNode); block {
		return position{at.line + 1, 1}
	}
	return at
}

// canonical is the channel in one line.
func (c Channel) canonical() string {
	return fmt.Sprintf("channel %q %s target %q secret %q server %q from %q verdicts %q template %q",
		c.Name, c.Type, c.Target, c.Secret, c.Server, c.From, sorted(c.Verdicts), c.Template)
}

// warnChannels finds rules that name a channel which is not there, and alerts
// that no channel wants.
func (d *document) warnChannels(s *reading) {
	names := slices.Clone(channelsOfSettings)
	for _, c := range s.channels {
		names = append(names, c.Name)
	}
	for _, r := range s.rules {
		for _, name := range r.notify {
			if !slices.Contains(names, name) && !d.full() {
				d.report(r.line, r.column, "%s rule %q: it names channel %q, and there is none of that name%s", r.action, r.name, name, hint(name, names))
			}
		}
	}
	if len(s.channels) > 0 && !slices.ContainsFunc(s.channels, func(c Channel) bool { return c.wants(Alert) }) {
		at := s.channels[0].places["target"]
		d.report(at.line, at.column, "no channel wants alerts, so that they are only logged")
	}
}

// The names of the channels that the function's settings can add.
const (
	SlackOfSettings = "slack"
	EmailOfSettings = "email"
)

var channelsOfSettings = []string{SlackOfSettings, EmailOfSettings}
