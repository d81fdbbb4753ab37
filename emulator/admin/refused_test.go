package admin_test

import (
	"strings"
	"testing"
)

const (
	newBucket   = "POST /v2/projects/ops/locations/global/buckets?bucketId=record {}"
	newRole     = `POST /v1/projects/ops/roles {"roleId":"reader","role":{"includedPermissions":["run.jobs.get"]}}`
	newSecret   = `POST /v1/projects/ops/secrets?secretId=hub {"replication":{"automatic":{}}}`
	newDatabase = `POST /v1/projects/ops/databases?databaseId=(default) {"locationId":"us-central1","type":"FIRESTORE_NATIVE"}`
	newTopic    = "PUT /v1/projects/ops/topics/events {}"
	newSub      = `PUT /v1/projects/ops/subscriptions/events {"topic":"projects/ops/topics/events"}`
)

func TestRefused(t *testing.T) {
	const (
		bad, denied, missing, exists = "INVALID_ARGUMENT", "PERMISSION_DENIED", "NOT_FOUND", "ALREADY_EXISTS"
		notNow, conflict, unknown    = "FAILED_PRECONDITION", "ABORTED", "UNIMPLEMENTED"
	)
	for _, test := range []struct {
		before        []string // requests that succeed
		request       string
		status, about string
	}{
		{nil, "PUT /v1/projects/none/topics/events {}", denied, "projects/none"},
		{nil, "POST /v2/folders/9/sinks {}", denied, "folders/9"},
		{nil, "GET /v2/organizations/9/sinks", denied, "organizations/9"},
		{nil, "PUT /v1/projects/ops/topics/events [", bad, "Invalid JSON"},
		{nil, "PUT /v1/projects/ops/topics/events []", bad, "want an object"},
		{nil, "PUT /v1/projects/ops/topics/x {}", bad, `Invalid Topic id "x"`},
		{[]string{newTopic}, newTopic, exists, "projects/ops/topics/events"},
		{nil, newSub, missing, "events"},
		{[]string{newTopic}, `PUT /v1/projects/ops/subscriptions/events {"topic":"projects/ops/topics/events","ackDeadlineSeconds":601}`, bad, "601"},
		{[]string{newTopic}, `PUT /v1/projects/ops/subscriptions/events {"topic":"projects/ops/topics/events","messageRetentionDuration":"60s"}`, bad, `"60s"`},
		{[]string{newTopic}, `PUT /v1/projects/ops/subscriptions/events {"topic":"projects/ops/topics/events","retryPolicy":{"maximumBackoff":"601s"}}`, bad, `"601s"`},
		{
			[]string{newTopic, newSub},
			`PATCH /v1/projects/ops/subscriptions/events {"subscription":{"deadLetterPolicy":{"deadLetterTopic":"projects/ops/topics/none"}},"updateMask":"deadLetterPolicy"}`, missing, "none",
		},
		{
			[]string{newTopic, newSub},
			`PATCH /v1/projects/ops/subscriptions/events {"subscription":{"deadLetterPolicy":{"deadLetterTopic":"projects/ops/topics/events","maxDeliveryAttempts":4}},"updateMask":"deadLetterPolicy"}`, bad, "5 to 100",
		},
		{nil, `PATCH /v1/projects/ops/subscriptions/events {"subscription":{}}`, missing, "subscriptions/events"},
		{nil, "DELETE /v1/projects/ops/topics/events", missing, "topics/events"},
		{nil, "GET /v1/projects/ops/topics?pageToken=x", bad, "pageToken"},
		{nil, "GET /v1/projects/ops/topics?filter=x", unknown, "Topics"},
		{nil, `POST /v2/projects/ops/sinks {"name":"events","destination":"elsewhere"}`, bad, `"elsewhere"`},
		{
			nil, `POST /v2/projects/ops/sinks {"name":"events","destination":"pubsub.googleapis.com/projects/ops/topics/events","filter":"` + strings.Repeat("a", 20_001) + `"}`, bad,
			"20001 characters",
		},
		{nil, `POST /v2/projects/ops/metrics {"name":"stops"}`, bad, "0 characters"},
		{nil, `POST /v2/projects/ops/metrics {"name":"stops","filter":"x","metricDescriptor":{"labels":[{"key":"what"}]}}`, bad, "what has no extractor"},
		{nil, `POST /v2/projects/ops/metrics {"name":"stops","filter":"x","labelExtractors":{"what":"EXTRACT(severity)"}}`, bad, "0 labels and 1 extractors"},
		{[]string{newMetric}, newMetric, exists, "metrics/stops"},
		{nil, `POST /v1/projects/ops/dashboards {"displayName":"d"}`, bad, "one layout"},
		{nil, `POST /v1/projects/ops/dashboards {"displayName":"d","gridLayout":{},"mosaicLayout":{}}`, bad, "one layout"},
		{[]string{newDashboard}, newDashboard, exists, "dashboards/pullfix"},
		{nil, `POST /v2/projects/ops/locations/global/buckets?bucketId=record {"retentionDays":4000}`, bad, "4000"},
		{[]string{newBucket}, "POST /v2/projects/ops/locations/global/buckets/record:undelete", notNow, "active"},
		{[]string{newBucket, "DELETE /v2/projects/ops/locations/global/buckets/record"}, newBucket, exists, "record"},
		{
			[]string{newBucket, "DELETE /v2/projects/ops/locations/global/buckets/record"},
			`PATCH /v2/projects/ops/locations/global/buckets/record?updateMask=retentionDays {"retentionDays":9}`, notNow, "not active",
		},
		{
			[]string{newBucket, `PATCH /v2/projects/ops/locations/global/buckets/record?updateMask=locked {"locked":true}`},
			`PATCH /v2/projects/ops/locations/global/buckets/record?updateMask=retentionDays {"retentionDays":9}`, notNow, "locked",
		},
		{
			[]string{newBucket, `PATCH /v2/projects/ops/locations/global/buckets/record?updateMask=locked {"locked":true}`},
			"DELETE /v2/projects/ops/locations/global/buckets/record", notNow, "locked",
		},
		{nil, `POST /v1/projects/ops/serviceAccounts {"accountId":"Run"}`, bad, `"Run@ops.iam.gserviceaccount.com"`},
		{nil, "POST /v1/projects/ops/serviceAccounts/none@ops.iam.gserviceaccount.com/keys {}", missing, "serviceAccounts/none@ops.iam.gserviceaccount.com)"},
		{nil, `POST /v1/projects/ops/roles {"roleId":"r-1","role":{}}`, bad, `"r-1"`},
		{nil, `POST /v1/projects/ops/roles {"roleId":"reader","role":{"includedPermissions":["resourcemanager.folders.get"]}}`, bad, "resourcemanager.folders.get is not valid"},
		{nil, `POST /v1/projects/ops/roles {"roleId":"reader","role":{"includedPermissions":["nothing"]}}`, bad, "nothing is not valid"},
		{[]string{newRole}, "POST /v1/projects/ops/roles/reader:undelete {}", notNow, "not deleted"},
		{[]string{newRole, "DELETE /v1/projects/ops/roles/reader"}, newRole, exists, "reader"},
		{[]string{newRole, "DELETE /v1/projects/ops/roles/reader"}, "DELETE /v1/projects/ops/roles/reader", notNow, "deleted already"},
		{[]string{newRole, "DELETE /v1/projects/ops/roles/reader"}, `PATCH /v1/projects/ops/roles/reader {"title":"x"}`, notNow, "it is deleted"},
		{[]string{newRole}, `PATCH /v1/projects/ops/roles/reader {"title":"x","etag":"MQ=="}`, conflict, "etag"},
		{[]string{newRole}, `DELETE /v1/projects/ops/roles/reader?etag=MQ==`, conflict, "etag"},
		{nil, `POST /v1/projects/ops/secrets?secretId=hub {}`, bad, "replication"},
		{nil, `POST /v1/projects/ops/secrets/hub:addVersion {"payload":{"data":"YQ=="}}`, missing, "secrets/hub"},
		{[]string{newSecret}, `POST /v1/projects/ops/secrets/hub:addVersion {"payload":{"data":"="}}`, bad, "payload"},
		{[]string{newSecret}, `POST /v1/projects/ops/secrets/hub:addVersion {"payload":{"data":"YQ==","dataCrc32c":"1"}}`, bad, "checksum"},
		{nil, `POST /v1/projects/ops/databases?databaseId=(default) {"type":"FIRESTORE_NATIVE"}`, bad, "locationId"},
		{nil, `POST /v1/projects/ops/databases?databaseId=(default) {"locationId":"nam5"}`, bad, "FIRESTORE_NATIVE or DATASTORE_MODE"},
		{[]string{newDatabase}, `PATCH /v1/projects/ops/databases/(default)?updateMask=locationId {"locationId":"nam5"}`, bad, "cannot be changed"},
		{
			[]string{newDatabase, `PATCH /v1/projects/ops/databases/(default)?updateMask=deleteProtectionState {"deleteProtectionState":"DELETE_PROTECTION_ENABLED"}`},
			"DELETE /v1/projects/ops/databases/(default)", notNow, "delete protection",
		},
		{nil, `PATCH /v1/projects/ops/databases/(default)/collectionGroups/g/fields/f?updateMask=ttlConfig {"ttlConfig":{}}`, missing, "does not exist"},
		{[]string{newDatabase}, `GET /v1/projects/ops/databases/(default)/collectionGroups/g/fields?filter=x`, bad, `"x"`},
		{nil, `POST /v1/projects/ops/services:batchEnable {}`, bad, "0"},
		{nil, `GET /v1/projects/ops/services?filter=x`, bad, `"x"`},
		{nil, `POST /v1beta1/projects/ops/services/x.googleapis.com:generateServiceIdentity {}`, bad, "x.googleapis.com"},
		{nil, `POST /v3/projects/ops/alertPolicies {"displayName":"x"}`, bad, "conditions"},
		{nil, `POST /v2/projects/ops/policies {"name":"projects/ops/policies/custom.never"}`, bad, "custom.never does not exist"},
		{nil, `POST /v2/organizations/333/customConstraints {"name":"organizations/333/customConstraints/never"}`, bad, `"never"`},
		{nil, "GET /v1/operations/none", missing, "operations/none"},
		{nil, "POST /v1/projects/ops/topics:nothing", missing, "serves nothing"},
		{nil, "POST /v1/projects/ops/topics/events:nothing", missing, "serves nothing"},
	} {
		l := start(t, seed)
		l.make(t, test.before...)
		method, rest, _ := strings.Cut(test.request, " ")
		path, body, _ := strings.Cut(rest, " ")
		before := len(l.Made())
		_, answer := send(t, l, method, path, body)
		refused, _ := answer["error"].(map[string]any)
		message, _ := refused["message"].(string)
		if refused["status"] != test.status || !strings.Contains(message, test.about) {
			t.Errorf("%s: got %v, want %s and %q", test.request, answer, test.status, test.about)
		}
		if got := len(l.Made()); got != before {
			t.Errorf("%s: it was refused, and there are %d documents, before %d", test.request, got, before)
		}
	}
}

// TestFaults holds that these calls are counted and spoiled as all others.
func TestFaults(t *testing.T) {
	l := start(t, seed+`
faults:
  - {method: CreateTopic, code: UNAVAILABLE}
  - {method: ListTopics, code: PERMISSION_DENIED, resource: projects/ops, message: not yours}
  - {method: DeleteTopic, code: ABORTED, afterWrite: true}
`)
	for _, test := range []struct {
		request string
		code    int
	}{
		{newTopic, 503},
		{newTopic, 200},
		{"GET /v1/projects/900000000009/topics", 403},
		{"GET /v1/projects/ops/topics", 200},
		{"DELETE /v1/projects/ops/topics/events", 409},
		{"GET /v1/projects/ops/topics/events", 404},
	} {
		method, rest, _ := strings.Cut(test.request, " ")
		path, body, _ := strings.Cut(rest, " ")
		if code, answer := send(t, l, method, path, body); code != test.code {
			t.Errorf("%s: %d %v, want %d", test.request, code, answer, test.code)
		}
	}
	for method, want := range map[string]int{"CreateTopic": 2, "ListTopics": 2, "DeleteTopic": 1, "GetTopic": 1} {
		if got := l.Calls()[method]; got != want {
			t.Errorf("%s: counted %d times, want %d", method, got, want)
		}
	}
}
