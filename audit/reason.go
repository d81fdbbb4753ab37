package audit

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// The longest event and rule that a request's reason names. The key names them
// however long they are.
const (
	longestEvent = 300
	longestRule  = 100
)

// RequestReason is the reason to give with the request that changes a policy, in
// the header x-goog-request-reason: Google's own audit entry of the change then
// has it in protoPayload.requestMetadata.requestAttributes.reason, and leads to
// this record (https://cloud.google.com/apis/docs/system-parameters).
//
// It reads "pullfix event=E rule=R key=K", K being [Record.Key]. It is printable
// ASCII and at most 500 bytes. E and R are foreign text: where they have
// anything but letters, digits and -._~:/@+ it is written as %XX, and where they
// are longer than 300 and 100 bytes then, they are cut and end in "...".
func (r Record) RequestReason() string {
	return fmt.Sprintf("pullfix event=%s rule=%s key=%s", tame(r.Event, longestEvent), tame(r.Rule, longestRule), r.Key())
}

// tame makes a word of a text that cannot end it.
func tame(text string, longest int) string {
	const cut = "..."
	var b strings.Builder
	fits := 0 // bytes that leave room for the cut
	for n := 0; n < len(text) && b.Len() <= longest; n++ {
		if c := text[n]; tameByte(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
		if b.Len() <= longest-len(cut) {
			fits = b.Len()
		}
	}
	if b.Len() > longest {
		return b.String()[:fits] + cut
	}
	return b.String()
}

func tameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~:/@+", c) >= 0
}

// reasonKeys returns the keys of the records that a request's reason names. A
// change that several findings share may name several.
func reasonKeys(reason string) (keys [][16]byte) {
	labels := []string{"event=", "rule=", "key="}
	next := len(labels) // the label that is due; past them all: none is
	for word := range strings.FieldsSeq(reason) {
		if next == len(labels) || !strings.HasPrefix(word, labels[next]) {
			next = len(labels)
			if strings.HasSuffix(word, "pullfix") {
				next = 0
			}
			continue
		}
		if next++; next == len(labels) {
			if key, ok := readKey(word[len("key="):]); ok {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// readKey reads a key that ends where a word does.
func readKey(text string) (key [16]byte, ok bool) {
	digits := hex.EncodedLen(len(key))
	if len(text) < digits || len(text) > digits && tameByte(text[digits]) || text[:digits] != strings.ToLower(text[:digits]) {
		return key, false
	}
	_, err := hex.Decode(key[:], []byte(text[:digits]))
	return key, err == nil
}

// onUse compiles an expression when it is first used, and not in every cold start.
func onUse(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
