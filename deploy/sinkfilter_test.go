package deploy

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// longestFilter is what Cloud Logging takes
// (https://cloud.google.com/logging/docs/view/logging-query-language).
const longestFilter = 20_000

func TestSinkFilter(t *testing.T) {
	const account = "pullfix@ops.iam.gserviceaccount.com"
	filter, err := SinkFilter(account)
	if err != nil {
		t.Fatal(err)
	}
	if n := utf8.RuneCountInString(filter); n > longestFilter/2 {
		t.Errorf("the filter has %d characters, and a longer account would still have to fit", n)
	}
	if strings.Count(sinkFilter, placeholder) != 1 || strings.Contains(filter, placeholder) || strings.Count(filter, account) != 1 {
		t.Errorf("want the account once, in place of %s:\n%s", placeholder, filter)
	}
	if strings.HasPrefix(filter, "-") {
		t.Error("gcloud takes for a flag what begins with a dash")
	}
}

func TestSinkFilterRefuses(t *testing.T) {
	for _, account := range []string{
		"", "pullfix", "ann@example.com", "serviceAccount:pullfix@ops.iam.gserviceaccount.com", "PULLFIX_ACCOUNT",
		`pullfix@ops.iam.gserviceaccount.com" OR severity >= DEFAULT --`, "pullfix@ops.iam.gserviceaccount.com\n", "Pullfix@ops.iam.gserviceaccount.com",
		"pullfix@***.iam.gserviceaccount.com", "pullfix@PROJECT_ID.iam.gserviceaccount.com",
	} {
		if filter, err := SinkFilter(account); err == nil || filter != "" || !strings.Contains(err.Error(), "want the e-mail of a service account") {
			t.Errorf("account %q: got %q, %v", account, filter, err)
		}
	}
}
