package remediate

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

// refusal says what it means that Google Cloud refuses a change for good, and
// who can do something about it. Other errors pass as they are.
func refusal(err error, b iam.Binding) error {
	if transient := (*retry.Transient)(nil); err == nil || errors.As(err, &transient) {
		return err
	}
	cause, why := explain(err, b)
	return &RefusedError{Cause: cause, Why: why, Err: err}
}

func explain(err error, b iam.Binding) (Cause, string) {
	answer := said(err)
	text := strings.ToLower(answer)
	switch code := status.Code(err); {
	case perimeter(text):
		return Perimeter, barred("the policy of "+b.Resource.String(), answer)
	case code == codes.PermissionDenied:
		return WriteDenied, fmt.Sprintf("pullfix may not change the policy of %s: give its account the permission %s there; Google Cloud said: %s",
			b.Resource, writePermissions[b.Resource.Type()], answer)
	case code == codes.FailedPrecondition && restricted(text):
		return OrgPolicy, domainRestricted(b)
	case code == codes.InvalidArgument && strings.Contains(text, "does not exist"):
		return MemberMissing, fmt.Sprintf("%s does not exist%s", b.Member.Email(), unborn(b.Member))
	default:
		return WriteRefused, "Google Cloud refused the change: " + answer
	}
}

// said is what Google Cloud answered, without the words of gRPC.
func said(err error) string {
	var answer interface{ GRPCStatus() *status.Status }
	if errors.As(err, &answer) {
		return answer.GRPCStatus().Message()
	}
	return err.Error()
}

// perimeter recognises the answer of VPC Service Controls
// (https://cloud.google.com/vpc-service-controls/docs/troubleshooting).
func perimeter(text string) bool {
	return strings.Contains(text, "vpcservicecontrols") || strings.Contains(text, "prohibited by organization's policy")
}

func barred(what, answer string) string {
	return fmt.Sprintf("a VPC Service Controls perimeter keeps pullfix from %s: an administrator must let its account in by an ingress rule; "+
		"Google Cloud said: %s", what, answer)
}

// writePermissions are what pullfix needs to change a policy
// (https://cloud.google.com/iam/docs/permissions-reference).
var writePermissions = map[iam.ResourceType]string{
	iam.RepositoryType: "artifactregistry.repositories.setIamPolicy",
	iam.SecretType:     "secretmanager.secrets.setIamPolicy",
	iam.ServiceType:    "run.services.setIamPolicy",
	iam.JobType:        "run.jobs.setIamPolicy",
	iam.WorkerPoolType: "run.workerpools.setIamPolicy",
}

// restricted recognises the answer of domain-restricted sharing: "One or more
// users named in the policy do not belong to a permitted customer, perhaps due
// to an organization policy."
func restricted(text string) bool {
	return strings.Contains(text, "permitted customer") || strings.Contains(text, "organization policy")
}

// domainRestricted follows
// https://cloud.google.com/resource-manager/docs/organization-policy/domain-restricted-sharing:
// the older constraint knows no exception for a service agent, which belongs to
// no organisation; the managed one has a principal set that includes them.
func domainRestricted(b iam.Binding) string {
	return fmt.Sprintf("an organisation policy (domain-restricted sharing) refuses %s as a member on %s: "+
		"an administrator of organisation policies must either allow it in iam.managed.allowedPolicyMembers, where the principal set of "+
		"the organisation includes its service agents, or, under the older iam.allowedPolicyMemberDomains, lift the constraint on "+
		"project %s, make the grant, and put the constraint back", b.Member.Email(), b.Resource, b.Resource.Project())
}

// agentServices are the services whose agents deploys use
// (https://cloud.google.com/iam/docs/service-agents).
var agentServices = map[iam.Class]string{
	iam.CloudRunAgents:         "run.googleapis.com",
	iam.ArtifactRegistryAgents: "artifactregistry.googleapis.com",
	iam.CloudBuilds:            "cloudbuild.googleapis.com",
}

// unborn says how an agent that was not created yet comes to be
// (https://cloud.google.com/iam/docs/create-service-agents).
func unborn(member iam.Principal) string {
	for class, service := range agentServices {
		if member.In(class) {
			return fmt.Sprintf(" yet: create it with gcloud beta services identity create --service=%s --project=%s", service, member.Home())
		}
	}
	return ": it was deleted, or never created"
}

func full(of iam.Resource) *RefusedError {
	return refused(PolicyFull, "the policy of %s holds %d principals, which is as many as one can: "+
		"put some of its members into a group, and grant the role to that", of, mostPrincipals)
}
