package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/internal/rest"
)

// client has connections of its own: a test server that closes would also close
// those of [http.DefaultClient].
var client = &http.Client{Transport: &http.Transport{}}

// site is a local Google Cloud in which pullfix is deployed.
type site struct {
	*testing.T
	*emulator.Cloud // nil where another process has it
	address         string
	pushed          bool // by a subscription of its own, as the Terraform module has it
	Deployment
}

const siteSeed = `
projects:
  - {id: ops, number: 900000000009, parent: folders/7}
  - {id: app-one, number: 111111111111, parent: folders/7}
  - {id: shared, number: 333333333333, parent: folders/7}
folders:
  - {name: folders/7, parent: organizations/1}
repositories:
  - {name: projects/shared/locations/us-central1/repositories/apps, format: docker, mode: standard}
  - {name: projects/shared/locations/europe-west1/repositories/apps-eu, format: docker, mode: standard}
  - {name: projects/shared/locations/us-central1/repositories/other, format: docker, mode: standard}
secrets:
  - {name: projects/shared/secrets/db, value: hunter2}
`

const sitePolicy = `
apiVersion: pullfix/v1
mode: enforce
allow:
  - name: images
    kinds: [run-image, artifact-download]
    from: [projects/app-*]
    to: [projects/shared/locations/*/repositories/apps*]
    members: [service-account, cloud-run-agent]
  - name: db
    kinds: [secret-access]
    from: [projects/app-*]
    to: [projects/shared/secrets/db]
    members: [service-account]
notify:
  - {name: night, type: slack-webhook, target: projects/ops/secrets/night/versions/1}
`

// newSite deploys by the methods that gcloud calls.
func newSite(t *testing.T) *site {
	t.Helper()
	return (&site{T: t, Deployment: siteDeployment(t)}).deploy()
}

// siteDeployment has the project that deploys for a source, and the one whose
// denials the rules wait for.
func siteDeployment(t *testing.T) Deployment {
	t.Helper()
	d := deployment(t, sitePolicy)
	d.Sources = []string{"projects/app-one", "projects/shared"}
	return d
}

func (s *site) deploy() *site {
	t := s.T
	t.Helper()
	if s.address == "" {
		s.Cloud, s.address = emulatortest.Start(t, siteSeed)
	}
	s.services()
	s.accounts()
	s.topics()
	s.store()
	s.roles()
	s.secrets()
	s.function()
	for _, source := range s.Sources {
		s.sink(source)
	}
	s.grants()
	s.watch()
	return s
}

// call makes a call of REST, and decodes the answer.
func (s *site) call(method, path string, body any) map[string]any {
	s.Helper()
	answer, err := s.try(method, path, body)
	if err != nil {
		s.Fatal(err)
	}
	return answer
}

func (s *site) try(method, path string, body any) (map[string]any, error) {
	s.Helper()
	var text []byte
	var err error
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(s.Context(), method, "http://"+s.address+"/"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", method, path, text)
	}
	var answer map[string]any
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return answer, err
}

type doc = map[string]any

func (s *site) services() {
	for api := range strings.SplitSeq(strings.Join(deploy.APIs(), " "), " ") {
		s.call("POST", "v1/projects/ops/services/"+api+":enable", doc{})
	}
}

func (s *site) accounts() {
	for _, id := range []string{"pullfix", "pullfix-trigger", "pullfix-build"} {
		s.call("POST", "v1/projects/ops/serviceAccounts", doc{"accountId": id})
	}
}

func (s *site) topics() {
	s.call("PUT", "v1/projects/ops/topics/pullfix", doc{})
	s.call("PUT", "v1/projects/ops/topics/pullfix-dead-letters", doc{})
	s.call("PUT", "v1/projects/ops/subscriptions/pullfix-dead-letters", doc{
		"topic": "projects/ops/topics/pullfix-dead-letters", "messageRetentionDuration": "2678400s", "expirationPolicy": doc{},
	})
	s.bind("projects/ops/topics/pullfix-dead-letters", "roles/pubsub.publisher", siteAgent)
}

const siteAgent = "serviceAccount:service-900000000009@gcp-sa-pubsub.iam.gserviceaccount.com"

func (s *site) store() {
	s.call("POST", "v1/projects/ops/databases?databaseId=(default)", doc{"type": "FIRESTORE_NATIVE", "locationId": "us-central1"})
	for _, group := range expiring {
		s.call("PATCH", "v1/projects/ops/databases/(default)/collectionGroups/"+group+"/fields/expires?updateMask=ttlConfig", doc{"ttlConfig": doc{}})
	}
	s.call("POST", "v2/projects/ops/locations/global/buckets?bucketId=pullfix-record", doc{"retentionDays": 400})
	s.call("POST", "v2/projects/ops/sinks", doc{
		"name": "pullfix-record", "destination": "logging.googleapis.com/projects/ops/locations/global/buckets/pullfix-record", "filter": recordFilter,
	})
}

func (s *site) roles() {
	parents := []string{"projects/ops", "projects/app-one", "projects/shared"}
	if s.Organization != "" {
		parents = []string{"organizations/" + s.Organization}
	}
	for _, parent := range parents {
		for _, r := range deploy.Roles() {
			if r.ID == deploy.RoleFolders && s.Organization == "" {
				continue // no project can have it
			}
			s.call("POST", "v1/"+parent+"/roles", doc{
				"roleId": r.ID, "role": doc{"title": r.Title, "stage": r.Stage, "includedPermissions": r.Permissions},
			})
		}
	}
}

// may binds a custom role of pullfix's account.
func (s *site) may(place, in, role string) {
	s.Helper()
	k := desk{Deployment: s.Deployment}
	s.bind(place, k.custom(in, role), account)
}

func (s *site) secrets() {
	for _, id := range []string{"pullfix-slack", "night"} {
		s.call("POST", "v1/projects/ops/secrets?secretId="+id, doc{"replication": doc{"automatic": doc{}}})
		s.call("POST", "v1/projects/ops/secrets/"+id+":addVersion", doc{"payload": doc{"data": "aHR0cHM6Ly9leGFtcGxlLmNvbQ=="}})
		s.bind("projects/ops/secrets/"+id, accessor, account)
	}
}

func (s *site) function() {
	upload := s.call("POST", "v2/projects/ops/locations/us-central1/functions:generateUploadUrl", doc{})
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPut, upload["uploadUrl"].(string), strings.NewReader("zip"))
	if err != nil {
		s.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.Fatal(resp.Status)
	}
	settings := doc{
		"environment": "GEN_2",
		"buildConfig": doc{
			"runtime": "go126", "entryPoint": "pullfix", "source": doc{"storageSource": upload["storageSource"]},
			"serviceAccount": "projects/ops/serviceAccounts/pullfix-build@ops.iam.gserviceaccount.com",
		},
		"serviceConfig": doc{
			"serviceAccountEmail": "pullfix@ops.iam.gserviceaccount.com", "ingressSettings": "ALLOW_INTERNAL_ONLY",
			"maxInstanceRequestConcurrency": 10, "timeoutSeconds": 120, "environmentVariables": doc{
				"PULLFIX_PROJECT": "ops", "PULLFIX_SLACK": "projects/ops/secrets/pullfix-slack/versions/latest",
			},
		},
	}
	if !s.pushed {
		settings["eventTrigger"] = doc{
			"eventType": "google.cloud.pubsub.topic.v1.messagePublished", "pubsubTopic": "projects/ops/topics/pullfix",
			"retryPolicy": "RETRY_POLICY_RETRY", "serviceAccountEmail": "pullfix-trigger@ops.iam.gserviceaccount.com",
		}
	}
	s.call("POST", "v2/projects/ops/locations/us-central1/functions?functionId=pullfix", settings)
	if s.pushed {
		s.call("PUT", "v1/"+s.subscription(), doc{
			"topic": "projects/ops/topics/pullfix", "pushConfig": doc{
				"pushEndpoint": s.uri(), "oidcToken": doc{"serviceAccountEmail": "pullfix-trigger@ops.iam.gserviceaccount.com"},
			},
		})
	}
	s.bind("projects/ops/locations/us-central1/services/pullfix", "roles/run.invoker", "serviceAccount:pullfix-trigger@ops.iam.gserviceaccount.com")
	s.call("PATCH", "v1/"+s.subscription(), doc{
		"subscription": doc{
			"name": s.subscription(), "ackDeadlineSeconds": 600,
			"deadLetterPolicy": doc{"deadLetterTopic": "projects/ops/topics/pullfix-dead-letters", "maxDeliveryAttempts": 50},
			"retryPolicy":      doc{"minimumBackoff": "10s", "maximumBackoff": "600s"},
		},
		"updateMask": "ackDeadlineSeconds,deadLetterPolicy,retryPolicy",
	})
	s.bind(s.subscription(), "roles/pubsub.subscriber", siteAgent)
}

// uri is the address of the function.
func (s *site) uri() string {
	return s.call("GET", functionPath, nil)["serviceConfig"].(doc)["uri"].(string)
}

// subscription is the one that was generated for the trigger, if there is one.
func (s *site) subscription() string {
	if s.pushed {
		return "projects/ops/subscriptions/pullfix"
	}
	function := s.call("GET", functionPath, nil)
	trigger := s.call("GET", "v1/"+function["eventTrigger"].(doc)["trigger"].(string), nil)
	return trigger["transport"].(doc)["pubsub"].(doc)["subscription"].(string)
}

func (s *site) sink(source string) {
	filter, err := deploy.SinkFilter("pullfix@ops.iam.gserviceaccount.com")
	if err != nil {
		s.Fatal(err)
	}
	made := s.call("POST", "v2/"+source+"/sinks", doc{
		"name": "pullfix", "destination": "pubsub.googleapis.com/projects/ops/topics/pullfix", "filter": strings.TrimSpace(filter),
		"includeChildren": !strings.HasPrefix(source, "projects/"),
	})
	s.bind("projects/ops/topics/pullfix", "roles/pubsub.publisher", made["writerIdentity"].(string))
}

func (s *site) grants() {
	s.may("projects/ops", "projects/ops", deploy.RoleRecord)
	for _, role := range deploy.BuildRoles() {
		s.bind("projects/ops", role, "serviceAccount:pullfix-build@ops.iam.gserviceaccount.com")
	}
	for _, place := range slices.Compact(append(slices.Clone(s.Sources), "projects/shared")) {
		s.may(place, place, deploy.RoleCheck)
	}
	for _, repository := range []string{"locations/us-central1/repositories/apps", "locations/europe-west1/repositories/apps-eu"} {
		s.may("projects/shared/"+repository, "projects/shared", deploy.RoleGrantRepository)
	}
	s.may("projects/shared/secrets/db", "projects/shared", deploy.RoleGrantSecret)
	s.edit("projects/shared", func(policy doc) {
		policy["auditConfigs"] = []any{
			doc{"service": registryService, "auditLogConfigs": []any{doc{"logType": "DATA_READ"}}},
			doc{"service": secretService, "auditLogConfigs": []any{doc{"logType": "DATA_READ"}}},
		}
	})
}

// bind gives members a role on a place.
func (s *site) bind(place, role string, members ...string) {
	s.Helper()
	s.edit(place, func(policy doc) {
		bindings, _ := policy["bindings"].([]any)
		policy["bindings"] = append(bindings, doc{"role": role, "members": members})
	})
}

// unbind takes all bindings of a role away.
func (s *site) unbind(place, role string) {
	s.Helper()
	s.edit(place, func(policy doc) {
		var kept []any
		for _, b := range policy["bindings"].([]any) {
			if b.(doc)["role"] != role {
				kept = append(kept, b)
			}
		}
		policy["bindings"] = kept
	})
}

func (s *site) edit(place string, change func(policy doc)) {
	s.Helper()
	how := kind(place)
	var policy doc
	if how.asked {
		policy = s.call("POST", how.version+"/"+place+":getIamPolicy", doc{"options": doc{"requestedPolicyVersion": 3}})
	} else {
		policy = s.call("GET", how.version+"/"+place+":getIamPolicy?options.requestedPolicyVersion=3", nil)
	}
	change(policy)
	policy["version"] = 3
	request := doc{"policy": policy}
	if _, ok := policy["auditConfigs"]; ok {
		request["updateMask"] = "bindings,etag,auditConfigs"
	}
	s.call("POST", how.version+"/"+place+":setIamPolicy", request)
}

// look makes all checks anew.
func (s *site) look() []Result {
	s.Helper()
	client, err := rest.New(s.Context(), s.address, rest.Default)
	if err != nil {
		s.Fatal(err)
	}
	checks := Checks(s.Context(), client, s.Deployment)
	wellFormed(s.T, checks)
	return Run(s.Context(), checks)
}

// notWell returns what is not as it should be.
func (s *site) notWell() (found []Result) {
	s.Helper()
	for _, r := range s.look() {
		if r.Status != OK {
			found = append(found, r)
		}
	}
	return found
}

// In an organisation it has the roles, and a source can be all of it.
func TestHealthyOrganization(t *testing.T) {
	t.Parallel()
	d := deployment(t, strings.Replace(sitePolicy, "from: [projects/app-*]", "from: [folders/7]", 1))
	d.Organization, d.Sources = "1", []string{"organizations/1"}
	s := (&site{T: t, Deployment: d}).deploy()
	s.may("organizations/1", "organizations/1", deploy.RoleFolders)
	for _, r := range s.notWell() {
		t.Errorf("%s %s %s: %s\n%s", r.Status, r.Check, r.On, r.Reason, r.Command)
	}
	s.patch("v2/organizations/1/sinks/pullfix", "", doc{"includeChildren": false, "interceptChildren": true})
	s.unbind("organizations/1", "organizations/1/roles/pullfixFolders")
	want := []Result{
		{
			Check: "sink", On: "organizations/1", Status: Fail,
			Reason:  "it does not include what is below organizations/1; it keeps entries from the sinks below organizations/1",
			Command: "gcloud logging sinks update pullfix --include-children --no-intercept-children --organization=1",
		}, {
			Check: "bindings", On: "organizations/1", Status: Fail, Reason: "pullfix@ops.iam.gserviceaccount.com lacks organizations/1/roles/pullfixFolders",
			Command: "gcloud organizations add-iam-policy-binding 1 --member=" + account + " --role=organizations/1/roles/pullfixFolders --condition=None",
		},
	}
	if diff := cmp.Diff(want, s.notWell(), cmpopts.IgnoreUnexported(Result{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	found := s.look()
	for _, r := range found {
		if r.Status != OK {
			t.Errorf("%s %s %s: %s\n%s", r.Status, r.Check, r.On, r.Reason, r.Command)
		}
	}
	if len(found) < 40 {
		t.Errorf("got %d results, want all", len(found))
	}
}
