package remediate

import (
	"context"
	"fmt"
	"strings"

	"github.com/googleapis/gax-go/v2/callctx"
)

// reasonHeader tells Google why a call is made
// (https://cloud.google.com/apis/docs/system-parameters). Its audit logs have
// it in protoPayload.requestMetadata.requestAttributes.reason.
const reasonHeader = "x-goog-request-reason"

const (
	longestReason = 2 << 10
	longestOne    = longestReason - len("; and 1000000 more")
)

// explained returns a context whose calls say why the changes are made.
func explained(ctx context.Context, changes []*change) context.Context {
	var reasons []string
	for _, c := range changes {
		if reason := headerText(c.reason); reason != "" {
			reasons = append(reasons, reason)
		}
	}
	if len(reasons) == 0 {
		return ctx
	}
	return callctx.SetHeaders(ctx, reasonHeader, joined(reasons))
}

// headerText makes a text safe in a header: a line feed would begin another one.
func headerText(reason string) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, reason)
	return strings.TrimSpace(text[:min(len(text), longestOne)])
}

// joined has as many of the reasons as there is room for, each whole, and the
// number of the others.
func joined(reasons []string) string {
	text := reasons[0]
	for n, reason := range reasons[1:] {
		left := len(reasons) - 1 - n
		longer := text + "; " + reason
		if len(longer)+len(andMore(left-1)) > longestReason {
			return text + andMore(left)
		}
		text = longer
	}
	return text
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; and %d more", n)
}
