package doctor

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/api/cloudresourcemanager/v3"

	"github.com/pullfix/pullfix/internal/rest"
)

// kindOf is how the policies of a kind of places are read and changed. What
// place is which is told by its collection.
type kindOf struct {
	service, version string
	asked            bool     // its policy is read with a POST
	permission       string   // to read it
	group            []string // of the commands of gcloud
	location         string   // the flag, where it has one
	conditions       bool     // its policy can have conditions, and gcloud wants to be told that there is none
}

var kinds = map[string]kindOf{
	"projects": {
		service: managerService, version: "v3", asked: true, permission: "resourcemanager.projects.getIamPolicy",
		group: []string{"projects"}, conditions: true,
	},
	"folders": {
		service: managerService, version: "v3", asked: true, permission: "resourcemanager.folders.getIamPolicy",
		group: []string{"resource-manager", "folders"}, conditions: true,
	},
	"organizations": {
		service: managerService, version: "v3", asked: true, permission: "resourcemanager.organizations.getIamPolicy",
		group: []string{"organizations"}, conditions: true,
	},
	"repositories": {
		service: registryService, version: "v1", permission: "artifactregistry.repositories.getIamPolicy",
		group: []string{"artifacts", "repositories"}, location: "--location=",
	},
	"secrets": {
		service: secretService, version: "v1", permission: "secretmanager.secrets.getIamPolicy",
		group: []string{"secrets"}, conditions: true,
	},
	"services": {
		service: runService, version: "v2", permission: "run.services.getIamPolicy",
		group: []string{"run", "services"}, location: "--region=", conditions: true,
	},
	"jobs": {
		service: runService, version: "v2", permission: "run.jobs.getIamPolicy",
		group: []string{"run", "jobs"}, location: "--region=",
	},
	"workerPools":   {service: runService, version: "v2", permission: "run.workerpools.getIamPolicy"}, // gcloud has no command for it
	"topics":        {service: pubsubService, version: "v1", permission: "pubsub.topics.getIamPolicy", group: []string{"pubsub", "topics"}},
	"subscriptions": {service: pubsubService, version: "v1", permission: "pubsub.subscriptions.getIamPolicy", group: []string{"pubsub", "subscriptions"}},
}

const managerService = "cloudresourcemanager.googleapis.com"

// kind returns that of a place, such as projects/P/secrets/S.
func kind(place string) kindOf {
	segments := strings.Split(place, "/")
	return kinds[segments[len(segments)-2]]
}

func permissionOf(place string) string { return kind(place).permission }

type (
	policy    = cloudresourcemanager.Policy
	condition = cloudresourcemanager.Expr
)

// policy reads that of a place.
func (k *desk) policy(ctx context.Context, place string) (*policy, error) {
	how := kind(place)
	path := how.version + "/" + place + ":getIamPolicy"
	if how.asked {
		return rest.Ask[policy](ctx, k.cloud, how.service, path, &cloudresourcemanager.GetIamPolicyRequest{
			Options: &cloudresourcemanager.GetPolicyOptions{RequestedPolicyVersion: 3},
		})
	}
	return rest.Get[policy](ctx, k.cloud, how.service, path+"?options.requestedPolicyVersion=3")
}

// holds reports whether a member has a role without a condition.
func holds(p *policy, role, member string) bool {
	return slices.ContainsFunc(p.Bindings, func(b *cloudresourcemanager.Binding) bool {
		return b.Role == role && b.Condition == nil && slices.Contains(b.Members, member)
	})
}

// bind is the command that gives a member a role.
func bind(place, role, member string) string {
	return change("add-iam-policy-binding", place, role, member, "--condition=None")
}

// unbind is the command that takes it away.
func unbind(place, role, member string, under *condition) string {
	if under != nil {
		return change("remove-iam-policy-binding", place, role, member, "--all")
	}
	return change("remove-iam-policy-binding", place, role, member, "--condition=None")
}

func change(verb, place, role, member, conditions string) string {
	how, segments := kind(place), strings.Split(place, "/")
	if how.group == nil {
		return ""
	}
	words := append(slices.Clone(how.group), verb, segments[len(segments)-1])
	if how.location != "" {
		words = append(words, how.location+segments[3])
	}
	if len(segments) > 2 {
		words = append(words, "--project="+segments[1])
	}
	words = append(words, "--member="+member, "--role="+role)
	if how.conditions || conditions == "--all" {
		words = append(words, conditions)
	}
	return gcloud(words...)
}
