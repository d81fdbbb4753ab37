package deploy

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// placeholder stands in sink.filter for the e-mail of the account that the
// function runs as.
const placeholder = "PULLFIX_ACCOUNT"

//go:embed sink.filter
var sinkFilter string

// SinkFilter returns the filter of the sinks that bring the entries. It keeps
// out what the account of the function, which has this e-mail, does itself.
func SinkFilter(account string) (string, error) {
	const want = `want the e-mail of a service account, such as "pullfix@ops.iam.gserviceaccount.com"`
	if _, err := iam.ParsePrincipal("serviceAccount:" + account); err != nil {
		return "", fmt.Errorf("account %q: %s", account, want)
	}
	return strings.ReplaceAll(sinkFilter, placeholder, account), nil
}
