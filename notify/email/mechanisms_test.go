package email

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// newMechanism is the office's side of a way to say who one is.
func newMechanism(name string, s *session) (sasl.Server, error) {
	switch name {
	case "PLAIN":
		return sasl.NewPlainServer(func(_, user, password string) error { return s.accept(user, password) }), nil
	case "LOGIN":
		return &steps{login(s)}, nil
	case "CRAM-MD5":
		return &steps{cramMD5(s)}, nil
	case "SCRAM-SHA-1":
		return &steps{scram(s, sha1.New)}, nil
	case "SCRAM-SHA-256":
		return &steps{scram(s, sha256.New)}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

func (s *session) accept(user, password string) error {
	if want, known := s.passwords[user]; known && want == password {
		s.mail.user = user
		return nil
	}
	return s.deny(user, password)
}

func (s *session) deny(user, password string) error {
	encode := base64.StdEncoding.EncodeToString
	switch {
	case s.echo:
		return &smtp.SMTPError{Code: 535, Message: fmt.Sprintf("not %s (%s, AUTH PLAIN %s)",
			password, encode([]byte(password)), encode([]byte("\x00"+user+"\x00"+password)))}
	case s.wrong != nil:
		return s.wrong
	default:
		return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "Username and Password not accepted"}
	}
}

// steps is a conversation of which each step reads an answer and says
// something. The last says nothing and ends it.
type steps struct{ left []step }

type step func(answer []byte) (challenge string, err error)

func (s *steps) Next(answer []byte) ([]byte, bool, error) {
	next := s.left[0]
	s.left = s.left[1:]
	challenge, err := next(answer)
	return []byte(challenge), len(s.left) == 0, err
}

func says(text string) step { return func([]byte) (string, error) { return text, nil } }

func login(s *session) []step {
	var user string
	return []step{
		says("Username:"),
		func(answer []byte) (string, error) { user = string(answer); return "Password:", nil },
		func(answer []byte) (string, error) { return "", s.accept(user, string(answer)) },
	}
}

// cramMD5 is of https://www.rfc-editor.org/rfc/rfc2195.
func cramMD5(s *session) []step {
	const challenge = "<1896.697170952@mail.example.com>"
	return []step{
		says(challenge),
		func(answer []byte) (string, error) {
			user, got, _ := strings.Cut(string(answer), " ")
			if want := hex.EncodeToString(mac(md5.New, []byte(s.passwords[user]), challenge)); got != want {
				return "", s.deny(user, "")
			}
			s.mail.user = user
			return "", nil
		},
	}
}

// scram is of https://www.rfc-editor.org/rfc/rfc5802#section-3.
func scram(s *session, h func() hash.Hash) []step {
	const salt, rounds, nonce = "salt", 4096, "servernonce"
	var user, first, challenge string
	var salted []byte
	return []step{
		says(""),
		func(answer []byte) (string, error) {
			first = strings.TrimPrefix(string(answer), "n,,")
			fields := attributes(first)
			user, challenge = fields["n"], fmt.Sprintf("r=%s,s=%s,i=%d", fields["r"]+nonce, base64.StdEncoding.EncodeToString([]byte(salt)), rounds)
			var err error
			salted, err = pbkdf2.Key(h, s.passwords[user], []byte(salt), rounds, h().Size())
			return challenge, err
		},
		func(answer []byte) (string, error) {
			bare, proof, _ := strings.Cut(string(answer), ",p=")
			got, err := base64.StdEncoding.DecodeString(proof)
			about := first + "," + challenge + "," + bare
			key := mac(h, salted, "Client Key")
			stored := h()
			stored.Write(key)
			want := xor(key, mac(h, stored.Sum(nil), about))
			if err != nil || !bytes.Equal(got, want) {
				return "", s.deny(user, "")
			}
			s.mail.user = user
			return "v=" + base64.StdEncoding.EncodeToString(mac(h, mac(h, salted, "Server Key"), about)), nil
		},
		says(""),
	}
}

func attributes(text string) map[string]string {
	fields := map[string]string{}
	for field := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(field, "=")
		fields[name] = value
	}
	return fields
}

func mac(h func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	for i := range a {
		out[i] = a[i] ^ b[i]
	}
	return out
}
