// Package doctor looks at a deployment of pullfix from outside, and changes
// nothing. What is to be looked at comes in: the project, where entries come
// from, the policy. A [Result] for each thing goes out: that it is as it should
// be, or why not and the command that mends it, or why it could not be seen.
//
// A check is a value: what it needs, and how it looks. Run puts them in order.
package doctor

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/pullfix/pullfix/internal/rest"
)

// Status is how a look ended. The zero Status is that there was none.
type Status uint8

// The statuses.
const (
	Skip Status = iota // not looked at
	OK
	Fail
)

var statusWords = [...]string{Skip: "SKIP", OK: "OK", Fail: "FAIL"}

// String returns the status in capitals.
func (s Status) String() string { return statusWords[s] }

// MarshalText returns the status in capitals.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Result is what a look at one thing found. Its JSON is for other people's
// scripts.
type Result struct {
	Check   string `json:"check"`
	On      string `json:"on"` // what was looked at; "" where the deployment has only one
	Status  Status `json:"status"`
	Reason  string `json:"reason"`
	Command string `json:"command"` // that mends it, for a shell; "" where there is none

	absent bool // what others need is not there, or what that needs
}

// Check looks at one thing.
type Check struct {
	Name  string
	On    string
	Needs []string // keys of checks that come before this one
	Look  func(context.Context) []Result
}

// Key is the name of the check and of what it looks at.
func (c Check) Key() string { return strings.TrimSpace(c.Name + " " + c.On) }

// Good is that all is well.
func Good(format string, args ...any) Result {
	return Result{Status: OK, Reason: fmt.Sprintf(format, args...)}
}

// Bad is that something has to be mended with a command.
func Bad(command, format string, args ...any) Result {
	return Result{Status: Fail, Reason: fmt.Sprintf(format, args...), Command: command}
}

// missing is Bad for what others need.
func missing(command, format string, args ...any) Result {
	r := Bad(command, format, args...)
	r.absent = true
	return r
}

// Unseen is that somebody could not look; permission is what the look needs.
func Unseen(err error, permission string) Result {
	refused, ok := rest.Refused(err)
	switch {
	case !ok:
		return Result{Reason: err.Error(), absent: true} // nobody sees more
	case refused.Disabled:
		return Result{Reason: refused.Service + " is not enabled", absent: true}
	case refused.Permission != "":
		permission = refused.Permission
	}
	return Result{Reason: "you may not look: it needs " + permission}
}

// atOnce is how many checks look at the same time.
const atOnce = 8

// Run makes the checks, independent ones at the same time, and returns what they
// found in their order. One whose needs are not there is skipped. What one may
// not look at may be there.
func Run(ctx context.Context, checks []Check) []Result {
	var (
		found   = make([][]Result, len(checks))
		places  = map[string]int{}
		done    = make([]chan struct{}, len(checks))
		looking = make(chan struct{}, atOnce)
		all     sync.WaitGroup
	)
	for n, c := range checks {
		places[c.Key()], done[n] = n, make(chan struct{})
	}
	for n, c := range checks {
		all.Go(func() {
			defer close(done[n])
			var lacks []string
			for _, need := range c.Needs {
				at := places[need]
				<-done[at]
				if unmet(found[at]) {
					lacks = append(lacks, need)
				}
			}
			looking <- struct{}{}
			found[n] = c.run(ctx, lacks)
			<-looking
		})
	}
	all.Wait()
	var results []Result
	for _, r := range found {
		results = append(results, r...)
	}
	return results
}

func unmet(found []Result) bool {
	for _, r := range found {
		if r.absent {
			return true
		}
	}
	return false
}

func (c Check) run(ctx context.Context, lacks []string) []Result {
	var found []Result
	switch {
	case len(lacks) > 0:
		found = []Result{{Reason: "needs " + strings.Join(lacks, ", "), absent: true}}
	case ctx.Err() != nil:
		found = []Result{{Reason: "there was no time left to look"}}
	default:
		found = c.Look(ctx)
	}
	for n := range found {
		found[n].Check = c.Name
		if found[n].On == "" {
			found[n].On = c.On
		}
		if ctx.Err() != nil && found[n].Status == Skip {
			found[n].Reason = "there was no time left to look"
		}
	}
	return found
}
