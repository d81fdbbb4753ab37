package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// gcloud is a command of gcloud.
func gcloud(words ...string) string { return Shell(append([]string{"gcloud"}, words...)...) }

// Shell is a command to paste into a shell.
func Shell(words ...string) string {
	quoted := make([]string, len(words))
	for n, w := range words {
		quoted[n] = quote(w)
	}
	return strings.Join(quoted, " ")
}

const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-"

// quote writes a word as a shell reads it.
func quote(word string) string {
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// differences collects what is not as it should be, and the flags that mend it.
type differences struct{ reasons, flags []string }

// want holds that two texts are equal.
func (d *differences) want(what, got, want string, flags ...string) {
	d.when(got != want, fmt.Sprintf("%s is %q, want %q", what, got, want), flags...)
}

// when notes what is wrong.
func (d *differences) when(wrong bool, reason string, flags ...string) {
	if !wrong {
		return
	}
	d.reasons = append(d.reasons, reason)
	for _, f := range flags {
		if !slices.Contains(d.flags, f) {
			d.flags = append(d.flags, f)
		}
	}
}

// result is one for all of them; command makes one of the flags, before which
// stands what is no flag.
func (d *differences) result(good string, command func(flags ...string) string) Result {
	if len(d.reasons) == 0 {
		return Good("%s", good)
	}
	slices.SortStableFunc(d.flags, func(a, b string) int { return cmp.Compare(dashes(a), dashes(b)) })
	return Bad(command(d.flags...), "%s", strings.Join(d.reasons, "; "))
}

func dashes(word string) int {
	if strings.HasPrefix(word, "--") {
		return 1
	}
	return 0
}
