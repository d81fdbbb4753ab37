package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/audit"
)

// object is a value of JSON.
type object = map[string]any

// activity is an entry of the Admin Activity log of a project, in the form of
// https://cloud.google.com/logging/docs/audit/understanding-audit-logs.
func activity(project, who, service, method, resource string, more object) []byte {
	payload := object{
		"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": service, "methodName": method,
		"resourceName": resource, "authenticationInfo": object{"principalEmail": who},
	}
	entry := object{
		"insertId": "1", "severity": "NOTICE", "timestamp": "2026-03-04T05:08:59.5Z",
		"logName":      "projects/" + project + "/logs/cloudaudit.googleapis.com%2Factivity",
		"resource":     object{"type": "audited_resource", "labels": object{"project_id": project}},
		"protoPayload": payload,
	}
	for key, value := range more {
		if key == "resource" {
			entry[key] = value
		} else {
			payload[key] = value
		}
	}
	return marshal(entry)
}

func marshal(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// account is the resource of entries about a service account. Their
// resourceName has its number alone
// (https://cloud.google.com/iam/docs/audit-logging/examples-service-accounts).
func account(email string) object {
	return object{"resource": object{"type": "service_account", "labels": object{"project_id": "ops", "email_id": email, "unique_id": "103271949540120710052"}}}
}

const (
	byNumber     = "projects/-/serviceAccounts/103271949540120710052"
	function     = "projects/ops/locations/us-central1/functions/pullfix"
	subscription = "projects/ops/subscriptions/eventarc-us-central1-pullfix-123456-sub-789"
)

// changesOfTheDeployment are entries of what people and Google's agents do in
// the project of pullfix and elsewhere.
func changesOfTheDeployment() []sample {
	deployer, pullfix := filled["PULLFIX_DEPLOYER"], filled["PULLFIX_ACCOUNT"]
	const (
		run, functions, iam = "run.googleapis.com", "cloudfunctions.googleapis.com", "iam.googleapis.com"
		logs, pubsub        = "logging.googleapis.com", "pubsub.googleapis.com"
		robot               = "service-900000000009@gcf-admin-robot.iam.gserviceaccount.com"
		update              = "google.cloud.functions.v2.FunctionService.UpdateFunction"
		updateSink          = "google.logging.v2.ConfigServiceV2.UpdateSink"
		key                 = "google.iam.admin.v1.CreateServiceAccountKey"
	)
	federated := object{"authenticationInfo": object{"principalSubject": "principal://iam.googleapis.com/locations/global/workforcePools/p/subject/ann"}}
	alarm := []string{"deployment"}
	return []sample{
		{"the deployer deploys", activity("ops", deployer, functions, update, function, nil), nil},
		{"an agent makes the service", activity("ops", robot, run, "google.cloud.run.v2.Services.UpdateService", "projects/ops/locations/us-central1/services/pullfix", nil), nil},
		{"an agent makes the subscription", activity("ops", "service-900000000009@gcp-sa-eventarc.iam.gserviceaccount.com", pubsub, "google.pubsub.v1.Subscriber.CreateSubscription", subscription, nil), nil},
		{"the deployer makes a sink", activity("app-one", deployer, logs, "google.logging.v2.ConfigServiceV2.CreateSink", "projects/app-one/sinks/pullfix", nil), nil},
		{"a person deploys something else", activity("ops", person, run, "google.cloud.run.v1.Services.ReplaceService", "namespaces/ops/services/web", nil), nil},
		{"a key of another account", activity("ops", person, iam, key, byNumber, account("web@ops.iam.gserviceaccount.com")), nil},
		{"another sink", activity("app-one", person, iam, "google.iam.admin.v1.CreateRole", "projects/app-one/roles/builder", nil), nil},

		{"a person deploys it", activity("ops", person, functions, update, function, nil), alarm},
		{"a person's try to deploy it", activity("ops", person, functions, update, function, object{"status": object{"code": 7}}), alarm},
		{"a federated person deploys it", activity("ops", "", functions, update, function, federated), alarm},
		{"an account that is called like an agent", activity("ops", "service-1@gcf-admin-robot.iam.gserviceaccount.com.evil.example", functions, update, function, nil), alarm},
		{"its environment", activity("ops", person, run, "google.cloud.run.v1.Services.ReplaceService", "namespaces/ops/services/pullfix", nil), alarm},
		{"its trigger", activity("ops", person, "eventarc.googleapis.com", "google.cloud.eventarc.v1.Eventarc.DeleteTrigger", "projects/ops/locations/us-central1/triggers/pullfix-123456", nil), alarm},
		{"its subscription", activity("ops", person, pubsub, "google.pubsub.v1.Subscriber.DeleteSubscription", subscription, nil), alarm},
		{"who publishes", activity("ops", person, pubsub, "google.iam.v1.IAMPolicy.SetIamPolicy", "projects/ops/topics/pullfix", nil), alarm},
		{"who listens", activity("ops", person, pubsub, "google.pubsub.v1.Subscriber.CreateSubscription", "projects/ops/subscriptions/copy", object{"request": object{"topic": "projects/ops/topics/pullfix"}}), alarm},
		{"a key", activity("ops", person, iam, key, byNumber, account(pullfix)), alarm},
		{"a key of the builder", activity("ops", person, iam, key, byNumber, account("pullfix-build@ops.iam.gserviceaccount.com")), alarm},
		{"who may act as it", activity("ops", person, iam, "google.iam.admin.v1.SetIAMPolicy", byNumber, account(pullfix)), alarm},
		{"who acts as it", activity("ops", person, iam, "iam.serviceAccounts.actAs", byNumber, object{"request": object{"name": pullfix}}), alarm},
		{"its webhook", activity("ops", person, "secretmanager.googleapis.com", "google.cloud.secretmanager.v1.SecretManagerService.AddSecretVersion", "projects/900000000009/secrets/pullfix-slack", nil), alarm},
		{"its ledger", activity("ops", person, "firestore.googleapis.com", "google.firestore.admin.v1.FirestoreAdmin.DeleteDatabase", "projects/ops/databases/(default)", nil), alarm},
		{"its record", activity("ops", person, logs, "google.logging.v2.LoggingServiceV2.DeleteLog", "projects/ops/logs/pullfix", nil), alarm},
		{"how long records are kept", activity("ops", person, logs, "google.logging.v2.ConfigServiceV2.UpdateBucket", "projects/ops/locations/global/buckets/pullfix-record", nil), alarm},
		{"an alert", activity("ops", person, "monitoring.googleapis.com", "google.monitoring.v3.AlertPolicyService.DeleteAlertPolicy", "projects/ops/alertPolicies/1", nil), alarm},
		{"who may do what in the project", activity("ops", person, "cloudresourcemanager.googleapis.com", "SetIamPolicy", "projects/ops", nil), alarm},
		{"its role", activity("ops", person, iam, "google.iam.admin.v1.UpdateRole", "projects/ops/roles/pullfixGrantRepository", nil), []string{"deployment", "rights"}},
		{"the sink of its record", activity("ops", person, logs, updateSink, "projects/ops/sinks/pullfix-record", nil), []string{"deployment", "rights"}},
		{"a kind of member that is not known", activity("shared-images", pullfix, "artifactregistry.googleapis.com", "google.devtools.artifactregistry.v1.ArtifactRegistry.SetIamPolicy", apps, object{
			"serviceData": object{"policyDelta": object{"bindingDeltas": []object{{"action": "ADD", "role": "roles/artifactregistry.reader", "member": "spiffe://example.org/web"}}}},
		}), []string{"own-account"}},
		{"its account deletes a repository", activity("shared-images", pullfix, "artifactregistry.googleapis.com", "google.devtools.artifactregistry.v1.ArtifactRegistry.DeleteRepository", apps, nil), []string{"own-account"}},
		{"its account deploys it", activity("ops", pullfix, functions, update, function, nil), []string{"deployment", "own-account"}},
	}
}

// writesThatFailed are entries of changes of policies that Google did not make
// for the account of pullfix. Only those for want of a right, or because
// somebody was faster, are ordinary, and only where pullfix says what for.
func writesThatFailed() []sample {
	const (
		registry, secrets, run = "artifactregistry.googleapis.com", "secretmanager.googleapis.com", "run.googleapis.com"
		onRepository           = "google.devtools.artifactregistry.v1.ArtifactRegistry.SetIamPolicy"
		denied, late, ruled    = 7, 10, 9
	)
	reason := audit.Record{Event: "1a2b3c4d5e6f", Rule: "apps"}.RequestReason()
	try := func(service, method, resource string, code int, reason string, more object) []byte {
		payload := object{"status": object{"code": code}, "requestMetadata": object{"requestAttributes": object{"reason": reason}}}
		maps.Copy(payload, more)
		return activity("shared-images", filled["PULLFIX_ACCOUNT"], service, method, resource, payload)
	}
	delta := object{"serviceData": object{"policyDelta": object{"bindingDeltas": []object{{"action": "ADD", "role": "roles/artifactregistry.reader", "member": "allUsers"}}}}}
	stolen := []string{"own-account"}
	return []sample{
		{"it may not change a repository", try(registry, onRepository, apps, denied, reason, nil), nil},
		{"it may not change a secret", try(secrets, "google.cloud.secretmanager.v1.SecretManagerService.SetIamPolicy", password, denied, reason, nil), nil},
		{"it may not change a service", try(run, "google.cloud.run.v2.Services.SetIamPolicy", service, denied, reason, nil), nil},
		{"it may not make a grant of several events", try(registry, onRepository, apps, denied, reason+"; "+reason+"; and 2 more", nil), nil},
		{"somebody was faster", try(registry, onRepository, apps, late, reason, nil), nil},

		{"it may not, and says no reason", try(registry, onRepository, apps, denied, "", nil), stolen},
		{"it may not, and has a reason of its own", try(registry, onRepository, apps, denied, "to see "+reason, nil), stolen},
		{"it may not, and names no event", try(registry, onRepository, apps, denied, strings.Replace(reason, "1a2b3c4d5e6f", "", 1), nil), stolen},
		{"an organisation policy refuses", try(registry, onRepository, apps, ruled, reason, nil), stolen},
		{"it may not change the policy of a project", try("cloudresourcemanager.googleapis.com", "SetIamPolicy", "projects/shared-images", denied, reason, nil), stolen},
		{"it may not change a topic", try("pubsub.googleapis.com", "google.iam.v1.IAMPolicy.SetIamPolicy", "projects/ops/topics/pullfix", denied, reason, nil), stolen},
		{"it may not delete a repository", try(registry, "google.devtools.artifactregistry.v1.ArtifactRegistry.DeleteRepository", apps, denied, reason, nil), stolen},
		{"it may not let everybody in", try(registry, onRepository, apps, denied, reason, delta), stolen},
		{"it changes a policy, and says why", try(registry, onRepository, apps, 0, reason, nil), stolen},
	}
}

// ownEntries are log lines and records of the function.
func ownEntries(t *testing.T) []sample {
	t.Helper()
	line := func(severity, log, payload string) []byte {
		t.Helper()
		var more object
		if err := json.Unmarshal([]byte(payload), &more); err != nil {
			t.Fatal(err)
		}
		entry := object{
			"insertId": "1", "severity": severity, "timestamp": "2026-03-04T05:10:00Z",
			"logName":  "projects/ops/logs/" + strings.ReplaceAll(log, "/", "%2F"),
			"resource": object{"type": "cloud_run_revision", "labels": object{"service_name": "pullfix", "project_id": "ops"}},
		}
		maps.Copy(entry, more)
		return marshal(entry)
	}
	record := func(event string) []byte {
		return marshal(object{
			"insertId": "1", "timestamp": "2026-03-04T05:10:00Z", "logName": "projects/ops/logs/pullfix", "resource": object{"type": "global"},
			"jsonPayload": object{"event": event, "phase": "decision"},
		})
	}
	const stdout = "run.googleapis.com/stdout"
	untold, stopped := []string{"untold"}, []string{"grants-stopped"}
	said := func(message string) string {
		return fmt.Sprintf(`{"jsonPayload": {"message": %q, "event": "1"}}`, message)
	}
	return []sample{
		{"a grant", line("INFO", stdout, said("service web in app-one works again")), nil},
		{"an alert that was told", line("WARNING", stdout, said("service web in app-one failed (run-image): …")), nil},
		{"an error of another service", []byte(strings.Replace(string(line("ERROR", stdout, said("no"))), `"pullfix"`, `"web"`, 1)), nil},
		{"an event comes again", line("WARNING", stdout, said("the event must come again")), nil},
		{"and was answered with 500", line("ERROR", "run.googleapis.com/requests", `{"httpRequest": {"status": 500}}`), nil},
		{"a record", record("1a2b3c4d5e6f"), nil},
		{"a record of an event that is called so", record("a trip-1"), nil},

		{"an alert without a channel", line("ERROR", stdout, said("service web in app-one failed (run-image): …")), untold},
		{"a channel that was not told", line("ERROR", stdout, said(`channel "slack" was not told: …`)), untold},
		{"a function that does not start", line("ERROR", "run.googleapis.com/varlog/system", `{"textPayload": "Default STARTUP TCP probe failed"}`), untold},
		{"a budget that is used up", record("trip-0-2026-03-04T05:10:00Z"), stopped},
		{"a pause", record("pause-0-2026-03-04T05:10:00Z"), stopped},
		{"a re-arming", record("rearm-1-2026-03-04T05:10:00Z"), stopped},
	}
}
