package doctor

import (
	"context"
	"slices"

	"google.golang.org/api/run/v2"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/rest"
)

// service is that of the function.
func (k *desk) service() string {
	return k.name("locations/" + k.Region + "/services/" + deploy.Function)
}

func (k *desk) lookAtService(ctx context.Context) []Result {
	f, err := k.deployed(ctx)
	if err != nil {
		return []Result{Unseen(err, "cloudfunctions.functions.get")}
	}
	s, err := rest.Get[run.GoogleCloudRunV2Service](ctx, k.cloud, runService, "v2/"+k.service())
	switch {
	case rest.Missing(err):
		return []Result{missing(k.everything(f.ServiceConfig), "there is none")}
	case err != nil:
		return []Result{Unseen(err, "run.services.get")}
	}
	var found []Result
	if want := "INGRESS_TRAFFIC_INTERNAL_ONLY"; s.Ingress != want {
		found = append(found, Bad(k.redeploy(ingressFlag), "the ingress is %q, want %q", s.Ingress, want))
	}
	if s.InvokerIamDisabled {
		found = append(found, Bad(k.change("update", "--invoker-iam-check"),
			"anybody may call it: it does not ask for the right to"))
	}
	if f.ServiceConfig.EnvironmentVariables[modeVariable] == "" && observes(s) {
		found = append(found, Bad(k.change("update", "--remove-env-vars="+modeVariable), observing))
	}
	if percent, ok := atLatest(s); !ok {
		found = append(found, Bad(k.change("update-traffic", "--to-latest"), "the latest revision has %d %% of the traffic, want 100: an older one answers", percent))
	}
	if found == nil {
		return []Result{Good("internal, all of it the latest revision")}
	}
	return found
}

// change is a command that changes the service, and leaves the function alone.
func (k *desk) change(verb, flag string) string {
	return gcloud("run", "services", verb, deploy.Function, "--region="+k.Region, k.in(), flag)
}

// observes reports whether the service has a variable that the function need not
// have: whoever changes the service does not change the function.
func observes(s *run.GoogleCloudRunV2Service) bool {
	if s.Template == nil {
		return false
	}
	return slices.ContainsFunc(s.Template.Containers, func(c *run.GoogleCloudRunV2Container) bool {
		return slices.ContainsFunc(c.Env, func(v *run.GoogleCloudRunV2EnvVar) bool { return v.Name == modeVariable && v.Value != "" })
	})
}

// atLatest returns how much of the traffic goes to the latest revision, whichever
// that is. Without a target all of it does.
func atLatest(s *run.GoogleCloudRunV2Service) (percent int64, all bool) {
	for _, t := range s.Traffic {
		if t.Type == "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST" {
			percent += t.Percent
		}
	}
	return percent, len(s.Traffic) == 0 || percent == 100
}

const invoker = "roles/run.invoker"

func (k *desk) lookAtInvoker(ctx context.Context) []Result {
	p, err := k.policy(ctx, k.service())
	if err != nil {
		return []Result{Unseen(err, permissionOf(k.service()))}
	}
	trigger := grant{k.service(), invoker, k.member(deploy.TriggerAccount)}
	var found []Result
	if !holds(p, trigger.role, trigger.member) {
		found = append(found, Bad(bind(trigger.place, trigger.role, trigger.member), "%s may not call it: nothing arrives", bare(trigger.member)))
	}
	found = append(found, public(k.service(), p)...)
	found = append(found, k.tooMuch(k.service(), p, []grant{trigger})...)
	if len(found) == 0 {
		return []Result{Good("%s, and not everybody", bare(trigger.member))}
	}
	return found
}
