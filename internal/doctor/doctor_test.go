package doctor

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pullfix/pullfix/internal/rest"
)

func says(r ...Result) func(context.Context) []Result {
	return func(context.Context) []Result { return r }
}

func TestRunSkipsWhatNeedsWhatIsNotThere(t *testing.T) {
	t.Parallel()
	got := Run(t.Context(), []Check{
		{Name: "gone", Look: says(missing("make it", "there is none"))},
		{Name: "wrong", On: "x", Look: says(Bad("mend it", "it is wrong"))},
		{Name: "unseen", Look: says(Unseen(&rest.Error{Code: http.StatusForbidden}, "a.b.get"))},
		{Name: "of-gone", Needs: []string{"gone", "wrong x"}, Look: says(Good("seen"))},
		{Name: "of-wrong", Needs: []string{"wrong x"}, Look: says(Good("seen"), Result{On: "y", Status: OK})},
		{Name: "of-unseen", Needs: []string{"unseen", "gone"}, Look: says(Good("seen"))},
		{Name: "of-skipped", Needs: []string{"of-gone"}, Look: says(Good("seen"))},
	})
	want := []Result{
		{Check: "gone", Status: Fail, Reason: "there is none", Command: "make it"},
		{Check: "wrong", On: "x", Status: Fail, Reason: "it is wrong", Command: "mend it"},
		{Check: "unseen", Reason: "you may not look: it needs a.b.get"},
		{Check: "of-gone", Reason: "needs gone"},
		{Check: "of-wrong", Status: OK, Reason: "seen"},
		{Check: "of-wrong", On: "y", Status: OK},
		{Check: "of-unseen", Reason: "needs gone"},
		{Check: "of-skipped", Reason: "needs of-gone"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Result{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRunLooksAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		look := func(context.Context) []Result {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return []Result{Good("seen")}
		}
		var checks []Check
		for n := range 3 * atOnce {
			checks = append(checks, Check{Name: strings.Repeat("x", n+1), Look: look})
		}
		began := time.Now()
		Run(t.Context(), checks)
		if took := time.Since(began); took != 3*time.Second || most.Load() != atOnce {
			t.Errorf("took %s, %d at once; want 3s, %d", took, most.Load(), atOnce)
		}
	})
}

func TestRunEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := Run(ctx, []Check{
			{Name: "quick", Look: says(Good("seen"))},
			{Name: "slow", Look: func(ctx context.Context) []Result { <-ctx.Done(); return []Result{Unseen(ctx.Err(), "")} }},
			{Name: "late", Needs: []string{"quick"}, Look: func(context.Context) []Result { time.Sleep(2 * time.Second); return []Result{Good("seen")} }},
		})
		var reasons []string
		for _, r := range got {
			reasons = append(reasons, r.Reason)
		}
		want := []string{"seen", "there was no time left to look", "seen"}
		if diff := cmp.Diff(want, reasons); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestUnseen(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"you may not look: it needs x.y.get":                  &rest.Error{Code: 403, Message: "no"},
		"you may not look: it needs x.z.get":                  &rest.Error{Code: 403, Permission: "x.z.get"},
		"x.googleapis.com is not enabled":                     &rest.Error{Code: 403, Disabled: true, Service: "x.googleapis.com"},
		"x.googleapis.com answers 500: Internal Server Error": &rest.Error{Code: 500, Message: "Internal Server Error", Service: "x.googleapis.com"},
		"no route": errors.New("no route"),
	} {
		if got := Unseen(err, "x.y.get"); got.Reason != want || got.Status != Skip {
			t.Errorf("%v: got %+v, want %s", err, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"--role=roles/x.y": "--role=roles/x.y", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "*": "'*'", "~": "'~'", "(default)": "'(default)'",
	} {
		if got := quote(word); got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
}

// wellFormed holds that each check comes after what it needs, and has a name of
// its own.
func wellFormed(t *testing.T, checks []Check) {
	t.Helper()
	var before []string
	for _, c := range checks {
		if slices.Contains(before, c.Key()) {
			t.Errorf("two checks are called %q", c.Key())
		}
		for _, need := range c.Needs {
			if !slices.Contains(before, need) {
				t.Errorf("%q needs %q, which does not come before it", c.Key(), need)
			}
		}
		before = append(before, c.Key())
	}
}
