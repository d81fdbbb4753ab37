package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/api/cloudfunctions/v2"
)

// environment is what is wrong with the variables of the function, and how they
// have to change.
type environment struct {
	differences
	update, remove []string
}

func (e *environment) set(name, value, reason string) {
	e.when(true, reason)
	e.update = append(e.update, name+"="+value)
}

func (e *environment) leaveOut(name, reason string) {
	e.when(true, reason)
	e.remove = append(e.remove, name)
}

// onlyHere are the variables of a process that is not deployed, and what they
// may be in one that is.
var onlyHere = map[string]string{"PULLFIX_AUDIT": "cloud", "PULLFIX_LEDGER": "firestore", "PULLFIX_ENDPOINT": "", "PULLFIX_RULES": ""}

// modeVariable stops all changes, whatever the rules say.
const (
	modeVariable = "PULLFIX_MODE"
	observing    = modeVariable + " is set: everything is only observed"
)

func (k *desk) lookAtEnvironment(ctx context.Context) []Result {
	f, err := k.deployed(ctx)
	if err != nil {
		return []Result{Unseen(err, "cloudfunctions.functions.get")}
	}
	var e environment
	variables := variablesOf(f)
	if p := variables["PULLFIX_PROJECT"]; p != k.Project.String() {
		e.set("PULLFIX_PROJECT", k.Project.String(), fmt.Sprintf("PULLFIX_PROJECT is %q, want %q", p, k.Project))
		variables["PULLFIX_PROJECT"] = k.Project.String()
	}
	for name, may := range onlyHere {
		if v := variables[name]; v != "" && v != may {
			e.leaveOut(name, fmt.Sprintf("%s is %q, want it left out", name, v))
			delete(variables, name)
		}
	}
	if mode := variables[modeVariable]; mode != "" {
		e.leaveOut(modeVariable, observing)
		delete(variables, modeVariable)
	}
	k.read(variables, &e)
	slices.Sort(e.reasons)
	return []Result{e.result("valid", func(...string) string { return k.redeploy(e.settings()...) })}
}

// read reads the variables as the function does.
func (k *desk) read(variables map[string]string, e *environment) {
	known, err := k.Environment(variables)
	for name := range variables {
		if strings.HasPrefix(name, "PULLFIX_") && !known(name) {
			e.leaveOut(name, name+" is no variable of pullfix")
		}
	}
	if err == nil {
		return
	}
	for problem := range strings.SplitSeq(err.Error(), "\n") {
		name, _, _ := strings.Cut(problem, ":")
		e.set(name, "VALUE", problem)
	}
}

// variablesOf returns those of a function. One that is a secret has some value.
func variablesOf(f *cloudfunctions.Function) map[string]string {
	variables := map[string]string{}
	maps.Copy(variables, f.ServiceConfig.EnvironmentVariables)
	for _, s := range f.ServiceConfig.SecretEnvironmentVariables {
		variables[s.Key] = "https://secret.invalid"
	}
	return variables
}

func (e *environment) settings() (flags []string) {
	slices.Sort(e.update)
	slices.Sort(e.remove)
	if len(e.update) > 0 {
		flags = append(flags, "--update-env-vars="+strings.Join(slices.Compact(e.update), ","))
	}
	if len(e.remove) > 0 {
		flags = append(flags, "--remove-env-vars="+strings.Join(e.remove, ","))
	}
	return flags
}
