package doctor

import (
	"context"

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
		return []Result{missing(k.everything(f.ServiceConfig.EnvironmentVariables), "there is none")}
	case err != nil:
		return []Result{Unseen(err, "run.services.get")}
	}
	var found []Result
	if want := "INGRESS_TRAFFIC_INTERNAL_ONLY"; s.Ingress != want {
		found = append(found, Bad(k.redeploy(ingressFlag), "the ingress is %q, want %q", s.Ingress, want))
	}
	if s.InvokerIamDisabled {
		found = append(found, Bad(gcloud("run", "services", "update", deploy.Function, "--region="+k.Region, k.in(), "--invoker-iam-check"),
			"anybody may call it: it does not ask for the right to"))
	}
	if found == nil {
		return []Result{Good("internal")}
	}
	return found
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
