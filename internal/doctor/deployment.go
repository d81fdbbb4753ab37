package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/api/cloudresourcemanager/v3"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/rest"
	"github.com/pullfix/pullfix/rules"
)

// Deployment is what is to be looked at.
type Deployment struct {
	Project       iam.Project // of pullfix, by its id
	Region        string
	Sources       []string       // projects/P, folders/N, organizations/N: where entries come from
	Organization  string         // that has the custom roles, by its number; "" where projects have them
	Policy        *rules.Policy  // nil where it is not known
	RulesFile     string         // that it was read from
	Resources     []iam.Resource // that the rules cover, besides those that are found
	RetentionDays int            // of the record

	// Environment says what is wrong with the variables of the function, and
	// which of them it knows.
	Environment func(variables map[string]string) (known func(string) bool, err error)
}

// desk is where the looks are made.
type desk struct {
	Deployment
	cloud *rest.Client

	covered  []iam.Resource // what the rules let pullfix change, as far as it is known
	places   []string       // the projects in which something is named that an allow is about
	versions []version      // of the secrets of channels
}

// The keys of checks that others need.
const (
	project     = "project"
	topic       = "topic"
	deadTopic   = "dead-letter-topic"
	deadLetters = "dead-letter-subscription"
	function    = "function"
	delivery    = "delivery"
	database    = "ledger-database"
	recordSink  = "record-sink"
	accounts    = "account"
	sink        = "sink"
	secret      = "secret"
)

// Checks returns all checks of a deployment. To know what they are, it lists
// what the rules cover.
func Checks(ctx context.Context, cloud *rest.Client, d Deployment) []Check {
	k := &desk{Deployment: d, cloud: cloud}
	checks := []Check{
		{Name: project, Look: k.lookAtProject},
		{Name: "services", Look: k.lookAtServices},
	}
	targets := k.lookAtTargets(ctx)
	k.versions = k.needed(ctx)
	checks = append(checks, k.accounts()...)
	checks = append(checks,
		Check{Name: topic, Look: k.lookAtTopic},
		Check{Name: deadTopic, Look: k.lookAtDeadTopic},
		Check{Name: deadLetters, Needs: []string{deadTopic}, Look: k.lookAtDeadLetters},
		Check{Name: "dead-letters", Needs: []string{deadLetters}, Look: k.lookAtWaiting},
		Check{Name: "dead-letter-publisher", Needs: []string{project, deadTopic}, Look: k.lookAtDeadPublisher},
	)
	for _, source := range d.Sources {
		checks = append(checks,
			Check{Name: sink, On: source, Look: k.lookAtSink(source)},
			Check{Name: "sink-writer", On: source, Needs: []string{topic, sink + " " + source}, Look: k.lookAtWriter(source)},
		)
	}
	checks = append(checks, Check{Name: "topic-publishers", Needs: []string{topic}, Look: k.lookAtPublishers})
	checks = append(checks, k.function()...)
	checks = append(checks, k.ledger()...)
	checks = append(checks, k.record()...)
	checks = append(checks, k.monitoring()...)
	checks = append(checks, Check{Name: "targets", Look: func(context.Context) []Result { return targets }})
	checks = append(checks, k.secretChecks()...)
	checks = append(checks, k.roles()...)
	checks = append(checks, k.bindings()...)
	checks = append(checks, k.uncovered()...)
	checks = append(checks, k.covering()...)
	return append(checks, k.auditLogs()...)
}

// account is the e-mail of an account of the deployment.
func (d Deployment) account(name string) string {
	domain, id, scoped := strings.Cut(d.Project.String(), ":")
	if scoped {
		return name + "@" + id + "." + domain + ".iam.gserviceaccount.com"
	}
	return name + "@" + d.Project.String() + ".iam.gserviceaccount.com"
}

// member is the same as policies write it.
func (d Deployment) member(name string) string { return "serviceAccount:" + d.account(name) }

// members are those of pullfix's accounts.
func (d Deployment) members() []string {
	return []string{d.member(deploy.Function), d.member(deploy.TriggerAccount), d.member(deploy.BuildAccount)}
}

// name is that of something in the project: "topics/pullfix".
func (d Deployment) name(rest string) string { return "projects/" + d.Project.String() + "/" + rest }

// in is the flag that names the project.
func (d Deployment) in() string { return "--project=" + d.Project.String() }

func (k *desk) lookAtProject(ctx context.Context) []Result {
	p, err := k.project(ctx, "projects/"+k.Project.String())
	if err != nil {
		return []Result{Unseen(err, "resourcemanager.projects.get")}
	}
	if p.State != "ACTIVE" {
		return []Result{missing(gcloud("projects", "undelete", k.Project.String()), "it is %s", p.State)}
	}
	return []Result{Good("number %s", numberOf(p))}
}

func (k *desk) project(ctx context.Context, name string) (*cloudresourcemanager.Project, error) {
	return rest.Get[cloudresourcemanager.Project](ctx, k.cloud, managerService, "v3/"+name)
}

func numberOf(p *cloudresourcemanager.Project) string { return strings.TrimPrefix(p.Name, "projects/") }

// agent is the Pub/Sub service agent of the project
// (https://cloud.google.com/iam/docs/service-agents).
func (k *desk) agent(ctx context.Context) (string, error) {
	p, err := k.project(ctx, "projects/"+k.Project.String())
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("serviceAccount:service-%s@gcp-sa-pubsub.iam.gserviceaccount.com", numberOf(p)), nil
}

func (k *desk) lookAtServices(ctx context.Context) []Result {
	enabled, err := k.services(ctx)
	if err != nil {
		return []Result{Unseen(err, "serviceusage.services.list")}
	}
	lacks := slices.DeleteFunc(deploy.APIs(), func(api string) bool { return slices.Contains(enabled, api) })
	if len(lacks) == 0 {
		return []Result{Good("all %d are enabled", len(deploy.APIs()))}
	}
	command := gcloud(append(append([]string{"services", "enable"}, lacks...), k.in())...)
	return []Result{Bad(command, "not enabled: %s", strings.Join(lacks, ", "))}
}
