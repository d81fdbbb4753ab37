// Package remediate knows the fixes. [NewPlan] turns who lacks what where into
// the one least binding that would help, or says why none would. [Checker]
// reads live state to see whether that binding would really help. [Granter]
// adds it to one policy, or takes it out again, and changes nothing else.
//
// What can be written at all is held by [Grant]: only four roles, only for a
// service account, only on one repository, secret or Cloud Run resource.
package remediate

import (
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// Plan is the least fix for one failure. The parts of Binding that the failure
// does not say are unknown.
type Plan struct {
	Binding iam.Binding // Role is unknown where no role would help
	Kind    iam.Kind
	Reason  string // one sentence: what the binding does, or why none helps
}

// NewPlan works out the least binding that would mend a failure of this kind.
func NewPlan(kind iam.Kind, access iam.Access) Plan {
	p := Plan{Kind: kind, Binding: iam.Binding{Resource: access.Resource, Member: access.Principal}}
	f, ok := fixes[kind]
	if !ok {
		p.Reason = noFix[kind]
		return p
	}
	p.Binding.Role = f.role
	if kind == iam.RunPermission {
		p.Binding.Role, p.Binding.Resource = runRole(access.Permission), runTarget(access)
	}
	p.Reason = f.reason
	return p
}

// Grants reports whether pullfix grants anything for the kind at all, where a
// rule allows it.
func Grants(kind iam.Kind) bool {
	f, ok := fixes[kind]
	return ok && !f.manual
}

// Commands returns the gcloud command and the Terraform block that make the
// binding, or "" where a part of it is unknown.
func (p Plan) Commands() (gcloud, terraform string) { return commands(p.Binding) }

type fix struct {
	role   iam.Role
	on     []iam.ResourceType
	to     iam.Class // the only members that the failure can be about; zero is any service account
	reason string
	manual bool // pullfix never writes it
}

var runTypes = []iam.ResourceType{iam.ServiceType, iam.JobType, iam.WorkerPoolType}

// fixes are the kinds that a binding mends. Roles and their permissions:
// https://cloud.google.com/iam/docs/roles-permissions.
var fixes = map[iam.Kind]fix{
	iam.RunImage: {
		role: iam.ArtifactReader, on: []iam.ResourceType{iam.RepositoryType}, to: iam.CloudRunAgents,
		reason: "the Cloud Run service agent of the deploying project needs to read the repository that holds the image",
	},
	iam.ArtifactDownload: {
		role: iam.ArtifactReader, on: []iam.ResourceType{iam.RepositoryType},
		reason: "the caller needs to read the repository",
	},
	iam.ArtifactUpload: {
		role: iam.ArtifactWriter, on: []iam.ResourceType{iam.RepositoryType},
		reason: "the caller needs to write to the repository",
	},
	iam.UpstreamSecret: {
		role: iam.SecretAccessor, on: []iam.ResourceType{iam.SecretType}, to: iam.ArtifactRegistryAgents,
		reason: "the Artifact Registry service agent needs to read the upstream credential of the remote repository",
	},
	iam.SecretAccess: {
		role: iam.SecretAccessor, on: []iam.ResourceType{iam.SecretType},
		reason: "the account needs to read the secret",
	},
	iam.Invoker: {
		role: iam.RunInvoker, on: runTypes,
		reason: "the caller needs to invoke the service",
	},
	iam.CallerImage: {
		role: iam.ArtifactReader, on: []iam.ResourceType{iam.RepositoryType},
		reason: "whoever deploys needs to read the repository that holds the image",
	},
	iam.ActAsAccount: {
		role: iam.ServiceAccountUser, on: []iam.ResourceType{iam.ServiceAccountType}, manual: true,
		reason: "whoever deploys needs to act as the service identity; who may do that is for a human to decide",
	},
	iam.RunPermission: {
		on: append(runTypes, iam.ProjectType), manual: true,
		reason: "whoever deploys lacks a Cloud Run permission; who may deploy is for a human to decide",
	},
}

// runRole is the least predefined role that holds a permission of Cloud Run.
func runRole(permission iam.Permission) iam.Role {
	switch {
	case permission.String() == "run.jobs.run" || permission == iam.InvokeRoutes:
		return iam.RunInvoker
	case strings.HasSuffix(permission.String(), ".setIamPolicy"):
		return iam.RunAdmin
	default:
		return iam.RunDeveloper
	}
}

// runTarget is where a permission of Cloud Run is needed: what does not exist
// yet is created in its project.
func runTarget(access iam.Access) iam.Resource {
	if !strings.HasSuffix(access.Permission.String(), ".create") || access.Resource.IsZero() {
		return access.Resource
	}
	project, err := iam.ParseResource("projects/" + access.Resource.Project().String())
	if err != nil {
		return access.Resource
	}
	return project
}

// noFix says what would help with the kinds that no binding on a repository,
// secret or service mends.
var noFix = map[iam.Kind]string{
	iam.OtherPermission:     "no role that pullfix knows holds only this permission: look it up in the permissions reference and grant it by hand",
	iam.Unauthenticated:     "no credential was sent: log in, or send an identity or access token; a grant would not help",
	iam.NotFound:            "what was asked for does not exist: check the project, location, name and tag; a grant would not help",
	iam.VPCServiceControls:  "a VPC Service Controls perimeter refuses the request: an ingress or egress rule is needed; a grant would not help",
	iam.DenyPolicy:          "an IAM deny policy refuses the request and beats every grant: change the deny policy",
	iam.OrgPolicy:           "an organisation policy refuses the change: an administrator must allow the member or the value",
	iam.DownloadRule:        "a rule of the repository denies the download and beats every grant: change the rule",
	iam.Quota:               "a quota is used up: wait or ask for more; a grant would not help",
	iam.Billing:             "billing is off or in arrears: link an active billing account; a grant would not help",
	iam.APIDisabled:         "the API is not enabled in the project: enable it; a grant would not help",
	iam.AgentToken:          "the Cloud Run service agent may not get tokens for the service identity: give it back roles/run.serviceAgent on its project, or roles/iam.serviceAccountTokenCreator on the account",
	iam.Startup:             "the container did not start or listen on its port in time: read its own log; a grant would not help",
	iam.Architecture:        "the image is built for another CPU: build it for linux/amd64; a grant would not help",
	iam.BinaryAuthorization: "Binary Authorization refuses the image: attest it or change the policy; a grant would not help",
}
