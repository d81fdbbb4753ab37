package emulator

import (
	"strings"
	"testing"
)

func TestFilterOfEntries(t *testing.T) {
	filter, err := ParseFilter(`severity >= ERROR AND NOT protoPayload.authenticationInfo.principalEmail = "me@example.com"`)
	if err != nil {
		t.Fatal(err)
	}
	for entry, want := range map[string]bool{
		`{"severity": "ERROR"}`:    true, // what the entry does not have is not me
		`{"severity": "CRITICAL"}`: true,
		`{"severity": "NOTICE"}`:   false,
		`{}`:                       false, // no severity is DEFAULT, the least one
		`{"severity": 500, "protoPayload": {"authenticationInfo": {}}}`:                                           true,
		`{"severity": "ERROR", "protoPayload": {"authenticationInfo": {"principalEmail": "Me@example.com"}}}`:     false,
		`{"severity": "ERROR", "protoPayload": {"authenticationInfo": {"principalEmail": "me@example.com.org"}}}`: true,
		`{"severity": "ERROR", "protoPayload": "text"}`:                                                           true,
	} {
		if got, err := filter.Matches([]byte(entry)); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", entry, got, err, want)
		}
	}
	for _, entry := range []string{"", "null", "[]", `"text"`, "{", "\xff"} {
		if got, err := filter.Matches([]byte(entry)); err == nil || got || !strings.HasPrefix(err.Error(), "log entry: ") {
			t.Errorf("%q: got %v, %v, want an error", entry, got, err)
		}
	}
	if _, err := ParseFilter(`severity >= LOUD`); err == nil || !strings.Contains(err.Error(), `severity "LOUD"`) {
		t.Errorf("got %v", err)
	}
}
