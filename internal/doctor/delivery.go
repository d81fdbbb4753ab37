package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/api/eventarc/v1"
	"google.golang.org/api/pubsub/v1"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/rest"
)

// source is the subscription that delivers to the function.
type source struct {
	name     string
	endpoint string // that it has to push to; "" where Eventarc sees to that
}

// deliverer finds the subscription: the one that Eventarc has made for the
// trigger of the function, or where there is no trigger the one of its own.
func (k *desk) deliverer(ctx context.Context) (from source, permission string, err error) {
	f, err := k.deployed(ctx)
	switch {
	case err != nil:
		return from, "cloudfunctions.functions.get", err
	case pushed(f):
		return source{k.name("subscriptions/" + deploy.Subscription), f.ServiceConfig.Uri}, "", nil
	case f.EventTrigger.Trigger == "":
		return from, "", errors.New("the function has no trigger")
	}
	t, err := rest.Get[eventarc.Trigger](ctx, k.cloud, "eventarc.googleapis.com", "v1/"+f.EventTrigger.Trigger)
	if err != nil {
		return from, "eventarc.triggers.get", err
	}
	if t.Transport == nil || t.Transport.Pubsub == nil || t.Transport.Pubsub.Subscription == "" {
		return from, "", fmt.Errorf("the trigger %s has no subscription", t.Name)
	}
	return source{name: t.Transport.Pubsub.Subscription}, "", nil
}

// How the subscription has to deliver.
const (
	ackDeadline = 600 // seconds
	minBackoff  = "10s"
	maxBackoff  = "600s"
)

var (
	deadFlags    = []string{"--dead-letter-topic=" + deploy.DeadLetters, fmt.Sprintf("--max-delivery-attempts=%d", deploy.DeliveryAttempts)}
	ackFlag      = fmt.Sprintf("--ack-deadline=%d", ackDeadline)
	backoffFlags = []string{"--min-retry-delay=" + minBackoff, "--max-retry-delay=" + maxBackoff}
)

func (k *desk) lookAtDelivery(ctx context.Context) []Result {
	from, permission, err := k.deliverer(ctx)
	if err != nil {
		return []Result{Unseen(err, permission)}
	}
	s, err := k.subscription(ctx, from.name)
	switch {
	case rest.Missing(err) && from.endpoint != "":
		return []Result{missing(k.resubscribe(from), "the subscription %s is not there", from.name)}
	case rest.Missing(err):
		return []Result{k.attach(ctx, from, "the subscription %s is not there", from.name)}
	case err != nil:
		return []Result{Unseen(err, "pubsub.subscriptions.get")}
	case s.Detached:
		return []Result{k.attach(ctx, from, "the subscription is detached: nothing arrives")}
	case s.Topic != k.name("topics/"+deploy.Topic):
		return []Result{k.attach(ctx, from, "the subscription is of the topic %q, want %q: nothing arrives, and what waits in it is lost with it", s.Topic, k.name("topics/"+deploy.Topic))}
	}
	var d differences
	if from.endpoint != "" {
		k.comparePush(&d, s, from)
	}
	k.compareRetries(&d, s)
	return []Result{d.result(fmt.Sprintf("%d attempts, then %s", deploy.DeliveryAttempts, deploy.DeadLetters), func(flags ...string) string {
		return gcloud(append([]string{"pubsub", "subscriptions", "update", from.id(), k.in()}, flags...)...)
	})}
}

func (f source) id() string { return f.name[strings.LastIndexByte(f.name, '/')+1:] }

func (k *desk) comparePush(d *differences, s *pubsub.Subscription, from source) {
	push := s.PushConfig
	if push == nil {
		push = &pubsub.PushConfig{}
	}
	token := push.OidcToken
	if token == nil {
		token = &pubsub.OidcToken{}
	}
	d.want("the address that it pushes to", push.PushEndpoint, from.endpoint, k.pushFlags(from)...)
	d.want("the account that it pushes as", token.ServiceAccountEmail, k.account(deploy.TriggerAccount), k.pushFlags(from)...)
}

func (k *desk) pushFlags(from source) []string {
	return []string{"--push-endpoint=" + from.endpoint, "--push-auth-service-account=" + k.account(deploy.TriggerAccount)}
}

func (k *desk) compareRetries(d *differences, s *pubsub.Subscription) {
	dead, again := s.DeadLetterPolicy, s.RetryPolicy
	if dead == nil {
		dead = &pubsub.DeadLetterPolicy{}
	}
	if again == nil {
		again = &pubsub.RetryPolicy{}
	}
	d.want("the dead-letter topic", dead.DeadLetterTopic, k.name("topics/"+deploy.DeadLetters), deadFlags...)
	d.want("the number of attempts", fmt.Sprint(dead.MaxDeliveryAttempts), fmt.Sprint(deploy.DeliveryAttempts), deadFlags...)
	d.want("the ack deadline in seconds", fmt.Sprint(s.AckDeadlineSeconds), fmt.Sprint(ackDeadline), ackFlag)
	d.want("the shortest backoff", again.MinimumBackoff, minBackoff, backoffFlags...)
	d.want("the longest backoff", again.MaximumBackoff, maxBackoff, backoffFlags...)
}

// resubscribe is the command that makes the subscription of the function's own.
func (k *desk) resubscribe(from source) string {
	return gcloud(slices.Concat([]string{"pubsub", "subscriptions", "create", from.id(), k.in(), "--topic=" + deploy.Topic, "--expiration-period=never"},
		k.pushFlags(from), deadFlags, []string{ackFlag}, backoffFlags)...)
}

// attach is the way to mend a subscription that is of no topic, or of another, or
// gone: none can be given a topic. Eventarc makes its own with a trigger, which is
// sure to be made where the function is made.
func (k *desk) attach(ctx context.Context, from source, format string, args ...any) Result {
	if from.endpoint != "" {
		again := gcloud("pubsub", "subscriptions", "delete", from.id(), k.in()) + " && " + k.resubscribe(from)
		return missing(again, format, args...)
	}
	f, err := k.deployed(ctx)
	if err != nil {
		return Unseen(err, "cloudfunctions.functions.get")
	}
	return k.anew(f, format, args...)
}

// lookAtSubscriber looks whether what is given up can be taken out of the
// subscription.
func (k *desk) lookAtSubscriber(ctx context.Context) []Result {
	from, permission, err := k.deliverer(ctx)
	if err != nil {
		return []Result{Unseen(err, permission)}
	}
	return k.agentHas(ctx, from.name, "roles/pubsub.subscriber")
}
