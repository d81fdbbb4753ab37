package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/api/pubsub/v1"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/letters"
	"github.com/pullfix/pullfix/internal/rest"
)

const pubsubService = "pubsub.googleapis.com"

func (k *desk) lookAtTopic(ctx context.Context) []Result { return k.topic(ctx, deploy.Topic) }

func (k *desk) lookAtDeadTopic(ctx context.Context) []Result { return k.topic(ctx, deploy.DeadLetters) }

func (k *desk) topic(ctx context.Context, id string) []Result {
	_, err := rest.Get[pubsub.Topic](ctx, k.cloud, pubsubService, "v1/"+k.name("topics/"+id))
	switch {
	case rest.Missing(err):
		return []Result{missing(gcloud("pubsub", "topics", "create", id, k.in()), "there is none")}
	case err != nil:
		return []Result{Unseen(err, "pubsub.topics.get")}
	}
	return []Result{Good("%s", k.name("topics/"+id))}
}

// month is how long dead letters wait, the longest that Pub/Sub keeps a message.
const month = "2678400s"

func (k *desk) lookAtDeadLetters(ctx context.Context) []Result {
	kept := []string{"--message-retention-duration=31d", "--expiration-period=never"}
	create := gcloud(append([]string{"pubsub", "subscriptions", "create", deploy.DeadLetters, "--topic=" + deploy.DeadLetters, k.in()}, kept...)...)
	s, err := k.subscription(ctx, k.name("subscriptions/"+deploy.DeadLetters))
	switch {
	case rest.Missing(err):
		return []Result{missing(create, "there is none: what is given up is lost")}
	case err != nil:
		return []Result{Unseen(err, "pubsub.subscriptions.get")}
	case s.Topic != k.name("topics/"+deploy.DeadLetters) || s.Detached:
		again := gcloud("pubsub", "subscriptions", "delete", deploy.DeadLetters, k.in()) + " && " + create
		return []Result{Bad(again, "it is of the topic %q, want %q; what waits in it is lost with it", s.Topic, k.name("topics/"+deploy.DeadLetters))}
	}
	var d differences
	d.want("the retention", s.MessageRetentionDuration, month, kept[0])
	d.when(s.ExpirationPolicy == nil || s.ExpirationPolicy.Ttl != "", "it is deleted when nobody uses it for long", kept[1])
	return []Result{d.result("kept for 31 days", func(flags ...string) string {
		return gcloud(append([]string{"pubsub", "subscriptions", "update", deploy.DeadLetters, k.in()}, flags...)...)
	})}
}

func (k *desk) subscription(ctx context.Context, name string) (*pubsub.Subscription, error) {
	return rest.Get[pubsub.Subscription](ctx, k.cloud, pubsubService, "v1/"+name)
}

// A look at what waits ends after so many, or when none has come for so long.
const (
	manyLetters = 200
	patience    = 3 * time.Second
)

func (k *desk) lookAtWaiting(ctx context.Context) []Result {
	queue := letters.Queue{Client: k.cloud, Subscription: k.name("subscriptions/" + deploy.DeadLetters), Patience: patience}
	waiting, err := queue.List(ctx, manyLetters)
	if err != nil {
		return []Result{Unseen(err, "pubsub.subscriptions.consume")}
	}
	if len(waiting) == 0 {
		return []Result{Good("none waits")}
	}
	count := fmt.Sprint(len(waiting))
	if len(waiting) >= manyLetters {
		count += " or more"
	}
	replay := "PULLFIX_PROJECT=" + quote(k.Project.String()) + " pullfix dead-letters replay"
	return []Result{Bad(replay, "%s of events that were given up, since %s", count, waiting[0].At.UTC().Format(time.RFC3339))}
}

const publisher = "roles/pubsub.publisher"

func (k *desk) lookAtDeadPublisher(ctx context.Context) []Result {
	return k.agentHas(ctx, k.name("topics/"+deploy.DeadLetters), publisher)
}

// agentHas looks whether the Pub/Sub agent can pass on what is given up.
func (k *desk) agentHas(ctx context.Context, place, role string) []Result {
	agent, err := k.agent(ctx)
	if err != nil {
		return []Result{Unseen(err, "resourcemanager.projects.get")}
	}
	return k.has(ctx, place, role, agent)
}

// has looks whether a member has a role on a place.
func (k *desk) has(ctx context.Context, place, role, member string) []Result {
	policy, err := k.policy(ctx, place)
	switch {
	case err != nil:
		return []Result{Unseen(err, permissionOf(place))}
	case !holds(policy, role, member):
		return []Result{Bad(bind(place, role, member), "%s has no %s on %s", bare(member), role, place)}
	}
	return []Result{Good("%s has %s", bare(member), role)}
}

// bare is a member without its type.
func bare(member string) string { return member[strings.IndexByte(member, ':')+1:] }
