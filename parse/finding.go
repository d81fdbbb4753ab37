package parse

import (
	"cmp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pullfix/pullfix/iam"
)

// Event is what one log entry says.
type Event struct {
	ID       string        // LogEntry.insertId
	Log      string        // LogEntry.logName, such as "projects/P/logs/cloudaudit.googleapis.com%2Fsystem_event"
	At       time.Time     // LogEntry.timestamp, or receiveTimestamp where that is missing
	Received time.Time     // LogEntry.receiveTimestamp; zero where that is missing
	Audit    bool          // an audit log (cloudaudit.googleapis.com): only such an entry may lead to a grant
	Caller   iam.Principal // protoPayload.authenticationInfo.principalEmail; unknown when empty, redacted or malformed
	Findings []Finding     // none for a success, or for an entry that is no denial
}

// Finding is one thing that went wrong.
type Finding struct {
	Kind     iam.Kind
	Access   iam.Access  // who lacks what where; any part may be unknown
	Image    iam.Image   // the image that was deployed or pulled
	Project  iam.Project // the deploying project as the entry or text names it: its id, else its number
	Number   iam.Project // the deploying project's number, where a field of the entry carries it
	Workload string      // what was deployed, in words: "service web", "job nightly", "worker pool w", "revision web-00001-abc"
	Location string      // region of the workload
	Cause    string      // one of the Cause words where the facts contradict one another or are incomplete
	Doubt    string      // the sentence that explains Cause; a finding with a Doubt is never grantable
	Message  string      // the sentence that was recognised, cleaned, at most 2 KiB
	Written  Names       // what the text writes where a name should be
}

// Names are the texts that stand where names should stand, but that are none:
// masked, cut off, placeholders such as "projects/<PROJECT>/…". They are for
// people to read. Each is "" where the name could be read, or none is written.
type Names struct {
	Principal, Resource, Image, Project string
}

// or returns n with what it lacks from m.
func (n Names) or(m Names) Names {
	return Names{
		Principal: cmp.Or(n.Principal, m.Principal), Resource: cmp.Or(n.Resource, m.Resource),
		Image: cmp.Or(n.Image, m.Image), Project: cmp.Or(n.Project, m.Project),
	}
}

// settle forgets what is written where the name is known after all, and makes
// the texts fit for showing.
func (f *Finding) settle() {
	keep := func(written string, known bool) string {
		if known {
			return ""
		}
		return shown(written, longestWritten)
	}
	f.Message = shown(f.Message, longestMessage)
	f.Written = Names{
		Principal: keep(f.Written.Principal, !f.Access.Principal.IsZero()), Resource: keep(f.Written.Resource, !f.Access.Resource.IsZero()),
		Image: keep(f.Written.Image, !f.Image.IsZero()), Project: keep(f.Written.Project, !f.Project.IsZero()),
	}
}

// The words of Finding.Cause.
const (
	CauseSpoof       = "spoof"        // the text names an agent of another project than the entry's, or several
	CauseDisagrees   = "disagrees"    // a field and a sentence, or two fields, contradict each other
	CauseMasked      = "masked"       // a name is hidden or a placeholder
	CauseGoogleOwned = "google-owned" // the target belongs to Google: no customer can change its policy
	CauseIncomplete  = "incomplete"   // what the entry should say is missing
)

const (
	longestMessage = 2 << 10
	longestWritten = 300
	longestDoubt   = 500
)

// doubt records the first reason not to trust the finding, or that somebody
// seems to forge it. Reasons quote what others wrote, of any length.
func (f *Finding) doubt(cause, why string) {
	if f.Doubt != "" && (cause != CauseSpoof || f.Cause == CauseSpoof) {
		return
	}
	if f.Cause, f.Doubt = cause, visible(cut(why, 2*longestDoubt)); len(f.Doubt) > longestDoubt {
		f.Doubt = cut(f.Doubt, longestDoubt-len("…")) + "…"
	}
}

// shown makes a text fit for showing: visible, and at most limit bytes.
func shown(s string, limit int) string { return cut(visible(cut(s, limit)), limit) }

// visible replaces the characters that show nothing, or turn the direction of
// what follows.
func visible(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && (' ' <= s[i] && s[i] <= '~' || s[i] == '\n' || s[i] == '\t')
	}
	if plain {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}
