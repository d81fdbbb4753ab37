package doctor

import (
	"context"
	"strings"

	"google.golang.org/api/logging/v2"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/internal/rest"
)

const loggingService = "logging.googleapis.com"

func (k *desk) sink(ctx context.Context, parent, id string) (*logging.LogSink, error) {
	return rest.Get[logging.LogSink](ctx, k.cloud, loggingService, "v2/"+parent+"/sinks/"+id)
}

// at is the flag that names a project, folder or organisation.
func at(parent string) string {
	collection, id, _ := strings.Cut(parent, "/")
	return "--" + strings.TrimSuffix(collection, "s") + "=" + id
}

func (k *desk) lookAtSink(source string) func(context.Context) []Result {
	return func(ctx context.Context) []Result { return []Result{k.sinkOf(ctx, source)} }
}

func (k *desk) sinkOf(ctx context.Context, source string) Result {
	s, err := k.sink(ctx, source, deploy.Sink)
	switch {
	case rest.Missing(err):
		return missing(k.createSink(source), "there is none: nothing arrives from %s", source)
	case err != nil:
		return Unseen(err, "logging.sinks.get")
	}
	filter, err := deploy.SinkFilter(k.account(deploy.Function))
	if err != nil {
		return Unseen(err, "")
	}
	var d differences
	d.when(!s.IncludeChildren && !strings.HasPrefix(source, "projects/"), "it does not include what is below "+source, "--include-children")
	d.when(s.InterceptChildren, "it keeps entries from the sinks below "+source, "--no-intercept-children")
	d.want("the destination", s.Destination, k.destination(), k.destination())
	d.when(s.Disabled, "it is disabled", "--no-disabled")
	d.when(strings.TrimSpace(s.Filter) != strings.TrimSpace(filter), // a shell takes the last line feed away
		"the filter is not that of pullfix sink-filter", filterFlag)
	d.when(len(s.Exclusions) > 0, "it excludes entries", "--clear-exclusions")
	return d.result("to "+k.destination(), func(flags ...string) string {
		words := append([]string{"logging", "sinks", "update", deploy.Sink}, flags...)
		return k.withFilter(gcloud(append(words, at(source))...))
	})
}

func (k *desk) destination() string { return pubsubService + "/" + k.name("topics/"+deploy.Topic) }

// filterFlag stands for the flag of the filter, which has some thirty lines.
const filterFlag = "--log-filter=FILTER"

func (k *desk) createSink(source string) string {
	words := []string{"logging", "sinks", "create", deploy.Sink, k.destination(), at(source), filterFlag}
	if !strings.HasPrefix(source, "projects/") {
		words = append(words, "--include-children")
	}
	return k.withFilter(gcloud(words...))
}

func (k *desk) withFilter(command string) string {
	filter := `--log-filter="$(` + Shell("pullfix", "sink-filter", "--account", k.account(deploy.Function)) + `)"`
	return strings.Replace(command, filterFlag, filter, 1)
}

func (k *desk) lookAtWriter(source string) func(context.Context) []Result {
	return func(ctx context.Context) []Result {
		s, err := k.sink(ctx, source, deploy.Sink)
		if err != nil {
			return []Result{Unseen(err, "logging.sinks.get")}
		}
		return k.has(ctx, k.name("topics/"+deploy.Topic), publisher, s.WriterIdentity)
	}
}
