package doctor

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What is not enabled has no resources. Of very many, some are looked at, and
// that these are not all is said.
func TestUncovered(t *testing.T) {
	t.Parallel()
	const off = `{"error": {"message": "off", "details": [{"reason": "SERVICE_DISABLED"}]}}`
	left := edited(`{"bindings": [{"role": "projects/app-one/roles/pullfixGrantSecret", "members": ["ACCOUNT"], "condition": {"expression": "true"}}]}`, "ACCOUNT", account)
	command := "gcloud secrets remove-iam-policy-binding s7 --project=app-one --member=" + account + " --role=projects/app-one/roles/pullfixGrantSecret --all"
	for name, test := range map[string]struct {
		secrets int
		refuses string // the answer to whoever lists anything else
		want    []Result
	}{
		"none":           {0, off, []Result{{Status: OK, Reason: "pullfix may change none of 0 that no rule covers"}}},
		"seven are well": {7, off, []Result{{Status: OK, Reason: "pullfix may change none of 7 that no rule covers"}}},
		"one of many": {mostPolicies + 1, off, []Result{
			{Status: Skip, Reason: "no rule covers 201 resources: only 200 of them were looked at"},
			{Status: Fail, Reason: "pullfix@ops.iam.gserviceaccount.com has projects/app-one/roles/pullfixGrantSecret on projects/app-one/secrets/s7, which no rule covers", Command: command},
		}},
		"nobody may list": {8, `{"error": {"message": "no"}}`, []Result{
			{Status: Skip, Reason: "you may not look: it needs artifactregistry.repositories.list"},
			{Status: Skip, Reason: "you may not look: it needs run.services.list"},
			{Status: Skip, Reason: "you may not look: it needs run.jobs.list"},
			{Status: Fail, Reason: "pullfix@ops.iam.gserviceaccount.com has projects/app-one/roles/pullfixGrantSecret on projects/app-one/secrets/s7, which no rule covers", Command: command},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := make([]string, test.secrets)
			for n := range names {
				names[n] = fmt.Sprintf(`{"name": "projects/111111111111/secrets/s%d"}`, n) // as the service names them
			}
			docs := map[string]string{"v1/projects/app-one/secrets": `{"secrets": [` + strings.Join(names, ",") + `]}`, "v1/projects/app-one/secrets/s7:getIamPolicy": left}
			cloud := on(t, paper{docs: docs, none: func(path string) (int, string) {
				if strings.HasSuffix(path, ":getIamPolicy") {
					return http.StatusOK, `{}`
				}
				return http.StatusForbidden, test.refuses
			}})
			var got []Result
			for _, c := range Checks(t.Context(), cloud, deployment(t, enforcing)) {
				if c.Key() == "uncovered projects/app-one" {
					got = c.Look(t.Context())
				}
			}
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(Result{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
