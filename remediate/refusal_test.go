package remediate

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

func TestRefusal(t *testing.T) {
	for _, test := range []struct {
		code   codes.Code
		text   string
		member string
		want   Cause
		why    string
	}{
		{codes.PermissionDenied, "Permission 'artifactregistry.repositories.setIamPolicy' denied", agent111, WriteDenied, "pullfix may not change the policy"},
		{codes.PermissionDenied, "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc", agent111, Perimeter, "ingress rule"},
		{codes.FailedPrecondition, "One or more users named in the policy do not belong to a permitted customer, perhaps due to an organization policy.", agent111, OrgPolicy, "lift the constraint on project shared, make the grant, and put the constraint back"},
		{codes.FailedPrecondition, "The repository is being deleted.", agent111, WriteRefused, "is being deleted"},
		{codes.InvalidArgument, "Service account service-1@gcp-sa-x.iam.gserviceaccount.com does not exist.", agent111, MemberMissing, "gcloud beta services identity create --service=run.googleapis.com --project=111111111111"},
		{codes.InvalidArgument, "Service account build@app-one.iam.gserviceaccount.com does not exist.", builder, MemberMissing, "was deleted, or never created"},
		{codes.InvalidArgument, "Policy is too large", agent111, WriteRefused, "Policy is too large"},
		{codes.NotFound, "Requested entity was not found.", agent111, WriteRefused, "not found"},
	} {
		t.Run(test.text, func(t *testing.T) {
			b := planned().Binding
			b.Member = principal(test.member)
			cause := status.Error(test.code, test.text)
			err := refusal(cause, b)
			var r *RefusedError
			if !errors.As(err, &r) || r.Cause != test.want || !strings.Contains(r.Why, test.why) {
				t.Fatalf("got %+v, want cause %s and …%s…", r, test.want, test.why)
			}
			if !errors.Is(err, cause) || err.Error() != cause.Error() {
				t.Errorf("got %v, want the answer of Google Cloud", err)
			}
		})
	}
	transient := &retry.Transient{Err: errors.New("away")}
	if err := refusal(transient, iam.Binding{}); !errors.Is(err, transient) {
		t.Errorf("an error that may pass: got %v, want it as it is", err)
	}
}
