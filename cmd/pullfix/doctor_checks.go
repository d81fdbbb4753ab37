package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/internal/doctor"
	"github.com/pullfix/pullfix/internal/settings"
	"github.com/pullfix/pullfix/ledger"
)

// ownChecks are those for which the doctor needs other parts of pullfix.
type ownChecks struct {
	file     string
	unnamed  bool // nobody has named it, and it is not there
	checked  checked
	data     []byte // of a valid policy
	settings settings.Settings
}

func readFile(file string) ([]byte, error) {
	if file == standardInput {
		return nil, errors.New("--rules: want a file: the commands that mend the function name it")
	}
	return os.ReadFile(file)
}

// lookAtRules says what rules check and rules test say.
func (o ownChecks) lookAtRules() []doctor.Result {
	found := func(r doctor.Result) []doctor.Result {
		r.Check, r.On = "rules", o.file
		return []doctor.Result{r}
	}
	switch problems := o.checked.problems; {
	case o.unnamed:
		return found(doctor.Result{Reason: "name the file that is deployed with --rules"})
	case len(problems) > 0:
		p := problems[0]
		return found(doctor.Bad(doctor.Shell("pullfix", "rules", "check", o.file), "%s, the first at line %d: %s", plural(len(problems), "problem"), p.Line, oneLine(p.What)))
	}
	report, err := runRulesTests(o.file, nil, false)
	switch {
	case err != nil:
		return found(doctor.Result{Reason: err.Error()})
	case report.err() != nil:
		return found(doctor.Bad(doctor.Shell("pullfix", "rules", "test", o.file), "%d of its %s fail", report.Failed, plural(len(report.Tests), "test")))
	}
	return found(doctor.Good("%s, mode %s, %s", plural(o.checked.Rules, "rule"), o.checked.Mode, o.checked.Digest))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// environment reads the variables as the function does.
func (o ownChecks) environment(variables map[string]string) (known func(string) bool, err error) {
	asked := map[string]bool{}
	policy := o.data
	if policy == nil {
		policy = emptyPolicy
	}
	_, err = settings.Read(func(name string) (string, bool) {
		asked[name] = true
		if name == "K_SERVICE" {
			return "pullfix", true
		}
		value, ok := variables[name]
		return value, ok
	}, policy)
	return func(name string) bool { return asked[name] }, err
}

// latchTime bounds the look into the ledger, which tries again by itself.
const latchTime = 20 * time.Second

// latch looks whether something stops all grants.
func (o ownChecks) latch() doctor.Check {
	return doctor.Check{Name: "ledger", Needs: []string{"ledger-database"}, Look: func(ctx context.Context) []doctor.Result {
		ctx, cancel := context.WithTimeout(ctx, latchTime)
		defer cancel()
		trip, err := o.tripped(ctx)
		since := trip.At.UTC().Format(time.RFC3339)
		rearm := doctor.Shell("PULLFIX_PROJECT="+o.settings.Project.String(), "pullfix", "rearm", "--reason", "WHY")
		switch {
		case status.Code(err) == codes.PermissionDenied:
			return []doctor.Result{{Reason: "you may not look: it needs datastore.entities.get"}}
		case err != nil:
			return []doctor.Result{{Reason: err.Error()}}
		case trip.Paused != "":
			return []doctor.Result{doctor.Bad(rearm, "grants are paused since %s: %s", since, oneLine(trip.Paused))}
		case !trip.IsZero():
			return []doctor.Result{doctor.Bad(rearm, "the budget is used up since %s: everything is only observed", since)}
		}
		return []doctor.Result{doctor.Good("nothing stops grants")}
	}}
}

func (o ownChecks) tripped(ctx context.Context) (ledger.Trip, error) {
	store, err := ledger.OpenFirestore(ctx, o.settings.Project.String(), o.settings.Options()...)
	if err != nil {
		return ledger.Trip{}, err
	}
	trip, err := ledger.New(store).Tripped(ctx)
	return trip, errors.Join(err, store.Close())
}

// probeEvery leaves most of the quota of Cloud Logging, 60 reads a minute, to
// others.
const probeEvery = 3 * time.Second

func newProbeID() string { return strings.ToLower(rand.Text())[:12] }
