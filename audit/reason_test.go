package audit

import (
	"encoding/hex"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequestReason(t *testing.T) {
	const key = "38fd33508a882fad30b00ba275541d7c"
	if got, want := record().RequestReason(), "pullfix event=abc123 rule=apps key="+key; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for event, want := range map[string]string{
		"":                             "",
		"a b=c\r\nX-Evil: 1":           "a%20b%3Dc%0D%0AX-Evil:%201",
		"100% é":                       "100%25%20%C3%A9",
		"projects/p/events/1":          "projects/p/events/1",
		"x rule=other key=00":          "x%20rule%3Dother%20key%3D00",
		strings.Repeat("a", 300):       strings.Repeat("a", 300),
		strings.Repeat("a", 301):       strings.Repeat("a", 297) + "...",
		strings.Repeat("é", 50):        strings.Repeat("%C3%A9", 50),
		strings.Repeat("é", 51):        strings.Repeat("%C3%A9", 49) + "%C3...",
		strings.Repeat("a", 298) + "é": strings.Repeat("a", 297) + "...",
	} {
		r := about(event)
		if got, want := r.RequestReason(), "pullfix event="+want+" rule=apps key="+r.Key(); got != want {
			t.Errorf("event %q: got %q, want %q", event, got, want)
		}
	}
}

func TestReasonsName(t *testing.T) {
	other := about("other")
	for reason, want := range map[string][]string{
		"":                              nil,
		"pullfix event=a rule=b key=00": nil,
		"because key=" + other.Key():    nil,
		record().RequestReason():        {record().Key()},
		"x " + record().RequestReason() + "; " + other.RequestReason():    {record().Key(), other.Key()},
		strings.Replace(record().RequestReason(), "event=", "event= ", 1): nil,
		record().RequestReason() + "0":                                    nil,
	} {
		var got []string
		for _, key := range reasonKeys(reason) {
			got = append(got, hex.EncodeToString(key[:]))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: -want +got\n%s", reason, diff)
		}
	}
}

var tameReason = regexp.MustCompile(`^pullfix event=[[:graph:]]{0,300} rule=[[:graph:]]{0,100} key=[0-9a-f]{32}$`)

// FuzzRequestReason wants a header that is one, whoever names events and rules,
// and that leads to its record.
func FuzzRequestReason(f *testing.F) {
	f.Add("abc123", "apps")
	f.Add("a\r\nb: c", strings.Repeat("é", 1000))
	f.Add("a rule=b key=00000000000000000000000000000000", "pullfix event=x")
	f.Fuzz(func(t *testing.T, event, rule string) {
		r := about(event)
		r.Rule = rule
		reason := r.RequestReason()
		if !tameReason.MatchString(reason) || len(reason) > 500 {
			t.Errorf("%q is no header value in the form wanted", reason)
		}
		if keys := reasonKeys(reason); len(keys) != 1 || hex.EncodeToString(keys[0][:]) != r.Key() {
			t.Errorf("%q names %x, want %s", reason, keys, r.Key())
		}
	})
}
