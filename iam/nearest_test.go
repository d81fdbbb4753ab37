package iam_test

import (
	"strings"
	"testing"

	"github.com/pullfix/pullfix/iam"
)

func TestNearest(t *testing.T) {
	names := []string{"apps", "team-images", "tools", "Backend"}
	for _, test := range []struct{ name, want string }{
		{"apps", "apps"},
		{"app", "apps"},
		{"pps", "apps"},
		{"team-image", "team-images"},
		{"teem-imagse", "team-images"},
		{"backend", "Backend"},
		{"tol", "tools"},
		{"zzzz", ""},
		{"", ""},
		{strings.Repeat("a", 1000), ""},
	} {
		if got := iam.Nearest(test.name, names); got != test.want {
			t.Errorf("Nearest(%q): got %q, want %q", test.name, got, test.want)
		}
	}
	if got := iam.Nearest("apps", nil); got != "" {
		t.Errorf("of no names: got %q, want none", got)
	}
}
