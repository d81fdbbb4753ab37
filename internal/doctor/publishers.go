package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/rest"
)

// lookAtPublishers finds who else may publish: what is published is believed to
// be a log entry. It sees the topic and the project, not what is above that, and
// not what custom roles permit.
func (k *desk) lookAtPublishers(ctx context.Context) []Result {
	found := k.publishersOf(ctx, k.name("topics/"+deploy.Topic), k.otherThanSinks(ctx))
	home := "projects/" + k.Project.String()
	if found = append(found, k.publishersOf(ctx, home, k.machines)...); len(found) == 0 {
		return []Result{Good("on the topic the sinks that are named, on %s no other account", home)}
	}
	return found
}

// publishersOf looks at who has a role with which one publishes. One that is not
// judged to be well is told with the reason.
func (k *desk) publishersOf(ctx context.Context, place string, judge func(member string) (verdict Result, well bool)) []Result {
	p, err := k.policy(ctx, place)
	if err != nil {
		return []Result{Unseen(err, permissionOf(place))}
	}
	var found []Result
	for _, b := range p.Bindings {
		for _, m := range b.Members {
			if !publishes(b.Role) {
				continue
			}
			r, well := judge(m)
			switch {
			case well:
			case r.Reason != "":
				found = append(found, r)
			default:
				found = append(found, Bad(unbind(place, b.Role, m, b.Condition), "%s has %s on %s, and is no writer of a sink that is named: who may publish can make up denials", m, b.Role, place))
			}
		}
	}
	return found
}

// publishes reports whether a role, as far as its name says, lets one publish.
func publishes(role string) bool {
	return role == publisher || role == "roles/pubsub.editor" || role == "roles/pubsub.admin" || role == "roles/editor" || role == "roles/owner"
}

// otherThanSinks judges by the sinks of the sources. While one of them is not
// known, neither is whether an account of Cloud Logging is its.
func (k *desk) otherThanSinks(ctx context.Context) func(member string) (Result, bool) {
	var writers []string
	var unseen Result
	for _, source := range k.Sources {
		s, err := k.sink(ctx, source, deploy.Sink)
		switch {
		case err == nil:
			writers = append(writers, s.WriterIdentity)
		case rest.Missing(err):
			unseen = Result{Reason: "needs " + sink + " " + source, absent: true}
		default:
			unseen = Unseen(err, "logging.sinks.get")
		}
	}
	return func(member string) (Result, bool) {
		if isSinkWriter(member) {
			return unseen, slices.Contains(writers, member)
		}
		return Result{}, false
	}
}

// isSinkWriter reports whether a member is an account by which Cloud Logging
// writes, for whatever sink of the world
// (https://cloud.google.com/logging/docs/export/configure_export_v2#dest-auth).
func isSinkWriter(member string) bool {
	return strings.HasSuffix(member, "@gcp-sa-logging.iam.gserviceaccount.com") || member == "serviceAccount:cloud-logs@system.gserviceaccount.com"
}

// machines judges who has a role on the whole project: people are to be expected
// there. So is the agent with which Google's own services act, which has
// roles/editor from the first day
// (https://cloud.google.com/iam/docs/service-account-types#service-agents).
// The accounts of pullfix are looked at with their bindings.
func (k *desk) machines(member string) (Result, bool) {
	kind, name, _ := strings.Cut(member, ":")
	return Result{}, kind == "user" || kind == "group" || kind == "deleted" ||
		strings.HasSuffix(name, "@cloudservices.gserviceaccount.com") || slices.Contains(k.members(), member)
}
