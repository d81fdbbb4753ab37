package brief

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/notify"
)

// Flood is the message that stands for many: a channel has been sent as many as
// it is to get in a while. missed is how many were held back, the last of them
// included, project the one whose log holds the record, "" where there is none,
// and at the time of the last one.
func Flood(channel string, missed int, last notify.Message, project string, at time.Time) notify.Message {
	m := notify.Message{
		Tone: notify.Flood, Title: "more fails at once than is told one by one",
		Why:      "the channel " + strconv.Quote(channel) + " has been sent as many messages as it is to get in a while",
		Decision: "further messages are held back and counted; failures are mended and recorded as before",
		Next:     "Look at the record for what else failed, and for what the failures have in common.",
		Facts: []notify.Fact{
			{Name: "Channel", Value: oneLine(channel)},
			{Name: "Held back", Value: strconv.Itoa(missed)},
			{Name: "When", Value: clock(at)},
			{Name: "The last one", Value: oneLine(last.Headline())},
		},
		Count: max(1, missed), Problem: digest("flood", channel), Event: digest("flood", channel, at.UTC().Format(time.RFC3339Nano)), At: at,
	}
	if home, err := iam.ParseProject(project); err == nil {
		m.Links = []notify.Link{{Label: "Record", URL: logs(home, at.Add(-time.Hour), at.Add(time.Hour), recordLog(home))}}
	}
	return m
}

// digest is the same for the same texts: letters and digits.
func digest(texts ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", texts))
	return hex.EncodeToString(sum[:16])
}
