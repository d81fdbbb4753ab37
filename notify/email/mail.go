package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/wneessen/go-mail"

	"github.com/pullfix/pullfix/notify"
)

// Headers that go-mail has no names for.
const (
	autoSubmitted = mail.Header("Auto-Submitted") // https://www.rfc-editor.org/rfc/rfc3834#section-5
	listID        = mail.Header("List-Id")        // https://www.rfc-editor.org/rfc/rfc2919
)

// mail writes a mail as it goes over the wire. untaken are the recipients that
// will not have it, each with the reason. Its date is when it is written: a
// mailbox sorts by it, and when the thing happened stands in the text.
func (s *Sender) mail(m notify.Message, untaken []string) ([]byte, error) {
	r, err := render(m, s.template, untaken)
	if err != nil && s.template != nil { // it must not keep the news from the reader
		m.Facts = append([]notify.Fact{{Name: "Template not used", Value: err.Error()}}, m.Facts...)
		r, err = render(m, nil, untaken)
	}
	if err != nil {
		return nil, err
	}
	first := s.envelope.id(m.Problem)
	out := mail.NewMsg(mail.WithNoDefaultUserAgent())
	out.FromMailAddress(s.envelope.from)
	out.ToMailAddress(s.envelope.to...)
	out.Subject(r.Subject)
	out.SetGenHeader(mail.HeaderMessageID, s.envelope.id(m.Problem, m.Event))
	out.SetGenHeader(mail.HeaderInReplyTo, first)
	out.SetGenHeader(mail.HeaderReferences, first)
	out.SetGenHeader(listID, fmt.Sprintf("%s <%[1]s.%s>", s.envelope.list, s.envelope.domain))
	out.SetGenHeader(autoSubmitted, "auto-generated")
	out.SetGenHeader(mail.HeaderXAutoResponseSuppress, "All") // Exchange reads this one
	out.SetBodyString(mail.TypeTextPlain, r.Text)
	out.AddAlternativeString(mail.TypeTextHTML, r.HTML)

	var wire bytes.Buffer
	if _, err := out.WriteTo(&wire); err != nil {
		return nil, fmt.Errorf("email: the mail cannot be written: %w", err)
	}
	return wire.Bytes(), nil
}

// id makes the id of a mail from what it is about: the same from the same.
func (e envelope) id(about ...string) string {
	hash := sha256.New()
	for _, text := range about {
		fmt.Fprintf(hash, "%d:%s", len(text), text)
	}
	return "<pullfix." + hex.EncodeToString(hash.Sum(nil)[:16]) + "@" + e.domain + ">"
}
