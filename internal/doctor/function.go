package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/api/cloudfunctions/v2"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/rest"
)

// function looks at the function, the service that it is, and what delivers to
// it.
func (k *desk) function() []Check {
	return []Check{
		{Name: function, Look: k.lookAtFunction},
		{Name: "environment", Needs: []string{function}, Look: k.lookAtEnvironment},
		{Name: "service", Needs: []string{function}, Look: k.lookAtService},
		{Name: "invoker", Needs: []string{function, accounts + " " + k.account(deploy.TriggerAccount)}, Look: k.lookAtInvoker},
		{Name: delivery, Needs: []string{function}, Look: k.lookAtDelivery},
		{Name: "delivery-subscriber", Needs: []string{project, delivery}, Look: k.lookAtSubscriber},
	}
}

func (k *desk) deployed(ctx context.Context) (*cloudfunctions.Function, error) {
	f, err := rest.Get[cloudfunctions.Function](ctx, k.cloud, "cloudfunctions.googleapis.com",
		"v2/"+k.name("locations/"+k.Region+"/functions/"+deploy.Function))
	if err != nil {
		return nil, err
	}
	if f.BuildConfig == nil {
		f.BuildConfig = &cloudfunctions.BuildConfig{}
	}
	if f.ServiceConfig == nil {
		f.ServiceConfig = &cloudfunctions.ServiceConfig{}
	}
	if f.EventTrigger == nil {
		f.EventTrigger = &cloudfunctions.EventTrigger{}
	}
	return f, nil
}

// What the function is deployed with.
var (
	runtimeFlag = "--runtime=go126"
	entryFlag   = "--entry-point=" + deploy.Function
	topicFlags  = []string{"--trigger-topic=" + deploy.Topic, "--retry"}
	sizeFlags   = []string{"--max-instances=3", "--cpu=1", "--memory=" + deploy.Memory}
)

const (
	ingressFlag     = "--ingress-settings=internal-only"
	concurrencyFlag = "--concurrency=10"
	timeoutFlag     = "--timeout=120s"

	oldestRuntime   = 126 // the Go that go.mod asks for
	mostAtOnce      = 80  // requests of one instance; with more, some have been seen to hang
	shortestTimeout = 120 // seconds: an event has 100
)

// digestFlag takes away what deploy.sh has left to know by what is deployed: it
// is that no more.
const digestFlag = "--remove-labels=pullfix_digest"

// redeploy is the command that deploys anew with some flags, from a copy of the
// source with the rules in it. It is for the folder of the source.
func (k *desk) redeploy(flags ...string) string { return k.stage() + k.deploy(flags...) }

// stage is the command that makes the copy, with what joins the next one to it.
func (k *desk) stage() string {
	return `source=$(mktemp -d) && ` + Shell("deploy/stage.sh", cmp.Or(k.RulesFile, "rules.yaml")) + ` "$source" && `
}

func (k *desk) deploy(flags ...string) string {
	words := []string{"functions", "deploy", deploy.Function, "--gen2", k.in(), "--region=" + k.Region, k.buildFlag(), digestFlag}
	return gcloud(append(words, flags...)...) + ` --source="$source"`
}

func (k *desk) runFlag() string { return "--run-service-account=" + k.account(deploy.Function) }

func (k *desk) triggerFlag() string {
	return "--trigger-service-account=" + k.account(deploy.TriggerAccount)
}

func (k *desk) buildFlag() string {
	return "--build-service-account=" + k.builder()
}

func (k *desk) builder() string { return k.name("serviceAccounts/" + k.account(deploy.BuildAccount)) }

// everything is the command that deploys the function, with the variables that
// it had.
func (k *desk) everything(had *cloudfunctions.ServiceConfig) string { return k.stage() + k.whole(had) }

func (k *desk) whole(had *cloudfunctions.ServiceConfig) string {
	variables := map[string]string{}
	maps.Copy(variables, had.EnvironmentVariables)
	variables["GOMEMLIMIT"], variables["PULLFIX_PROJECT"] = deploy.MemoryLimit, k.Project.String()
	var set []string
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		set = append(set, name+"="+printable(name, variables[name]))
	}
	flags := slices.Concat([]string{runtimeFlag, entryFlag}, topicFlags, []string{
		k.runFlag(), k.triggerFlag(), ingressFlag, "--no-allow-unauthenticated", concurrencyFlag, timeoutFlag,
	}, sizeFlags, []string{"--set-env-vars=^|^" + strings.Join(set, "|")})
	var secrets []string
	for _, s := range had.SecretEnvironmentVariables {
		secrets = append(secrets, s.Key+"="+referenceOf(s).String())
	}
	if len(secrets) > 0 {
		flags = append(flags, "--set-secrets="+strings.Join(secrets, ","))
	}
	return k.deploy(flags...)
}

// unknown stands in a command for what only a person knows.
const unknown = "VALUE"

// printable is the value of a variable where it surely is no secret.
func printable(name, value string) string {
	_, reference := versionOf(value, "")
	if reference || slices.Contains([]string{"GOMEMLIMIT", "PULLFIX_PROJECT", modeVariable, "PULLFIX_EMAIL_FROM", "PULLFIX_EMAIL_TO"}, name) || name == "PULLFIX_SMTP" && !hasPassword(value) {
		return value
	}
	return unknown
}

// hasPassword reports whether an address has one, or may have.
func hasPassword(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return true
	}
	_, has := u.User.Password()
	return has
}

// anew is the way to mend what cannot be changed: to delete the function and to
// deploy it again. What nobody but the function knows is asked for before it is
// gone.
func (k *desk) anew(f *cloudfunctions.Function, format string, args ...any) Result {
	generation := "--gen2"
	if f.Environment == "GEN_1" {
		generation = "--no-gen2"
	}
	remove := gcloud("functions", "delete", deploy.Function, generation, k.in(), "--region="+k.Region, "--quiet")
	had := f.ServiceConfig
	for name, value := range had.EnvironmentVariables {
		if name != "PULLFIX_PROJECT" && printable(name, value) == unknown {
			r := missing(k.everything(had), format, args...)
			r.Reason += "; note the values for which " + unknown + " stands, then delete it with " + remove + ", then deploy"
			return r
		}
	}
	return missing(k.stage()+remove+" && "+k.whole(had), format, args...)
}

func (k *desk) lookAtFunction(ctx context.Context) []Result {
	f, err := k.deployed(ctx)
	switch {
	case rest.Missing(err):
		return []Result{missing(k.everything(&cloudfunctions.ServiceConfig{}), "there is none in %s", k.Region)}
	case err != nil:
		return []Result{Unseen(err, "cloudfunctions.functions.get")}
	case f.Environment != "GEN_2":
		return []Result{k.anew(f, "it is of the environment %q, want \"GEN_2\"", f.Environment)}
	case !pushed(f) && f.EventTrigger.PubsubTopic != k.name("topics/"+deploy.Topic):
		return []Result{k.anew(f, "the topic is %q, want %q", f.EventTrigger.PubsubTopic, k.name("topics/"+deploy.Topic))}
	}
	var d differences
	d.when(f.State != "ACTIVE", stateOf(f))
	d.when(!atLeast(f.BuildConfig.Runtime, oldestRuntime), fmt.Sprintf("the runtime is %q, want \"go126\" or newer", f.BuildConfig.Runtime), runtimeFlag)
	d.want("the entry point", f.BuildConfig.EntryPoint, deploy.Function, entryFlag)
	d.want("the account of the build", f.BuildConfig.ServiceAccount, k.builder())
	if !pushed(f) {
		d.want("the account of the trigger", f.EventTrigger.ServiceAccountEmail, k.account(deploy.TriggerAccount), append(slices.Clone(topicFlags), k.triggerFlag())...)
		d.when(f.EventTrigger.RetryPolicy != "RETRY_POLICY_RETRY", "an event that fails does not come again", "--retry")
	}
	c := f.ServiceConfig
	d.want("the account", c.ServiceAccountEmail, k.account(deploy.Function), k.runFlag())
	d.want("the ingress", c.IngressSettings, "ALLOW_INTERNAL_ONLY", ingressFlag)
	d.when(c.MaxInstanceRequestConcurrency > mostAtOnce, fmt.Sprintf("an instance has %d requests at once, want at most %d", c.MaxInstanceRequestConcurrency, mostAtOnce), concurrencyFlag)
	d.when(c.TimeoutSeconds < shortestTimeout, fmt.Sprintf("the timeout is %d s, want at least %d", c.TimeoutSeconds, shortestTimeout), timeoutFlag)
	return []Result{d.result(fmt.Sprintf("%s, %s, since %s", f.State, f.BuildConfig.Runtime, f.UpdateTime), k.redeploy)}
}

// pushed reports whether the function has no trigger, so that a subscription of
// its own has to push the events, as the Terraform module makes it.
func pushed(f *cloudfunctions.Function) bool {
	return f.EventTrigger.Trigger == "" && f.EventTrigger.PubsubTopic == ""
}

func stateOf(f *cloudfunctions.Function) string {
	text := []string{"it is " + f.State}
	for _, m := range f.StateMessages {
		text = append(text, m.Message)
	}
	return strings.Join(text, ": ")
}

// atLeast reports whether a runtime is that of a Go or of a later one.
func atLeast(runtime string, oldest int) bool {
	version, isGo := strings.CutPrefix(runtime, "go")
	n, err := strconv.Atoi(version)
	return isGo && err == nil && n >= oldest
}
