package doctor

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pullfix/pullfix/deploy"
)

// breakage is one thing that somebody changed in a deployment that was well.
type breakage struct {
	breaks func(*site)
	fails  string // the key of the check
	mends  string // the command; SUBSCRIPTION and KEY stand for the generated ones
	also   string // the key of a check that fails with it
	later  bool   // more shows once it is mended
}

const (
	stages  = `source=$(mktemp -d) && deploy/stage.sh rules.yaml "$source" && `
	removes = "gcloud functions delete pullfix --gen2 --project=ops --region=us-central1 --quiet"
	deploys = `gcloud functions deploy pullfix --gen2 --project=ops --region=us-central1 ` +
		`--build-service-account=projects/ops/serviceAccounts/pullfix-build@ops.iam.gserviceaccount.com --remove-labels=pullfix_digest `
	redeploys = stages + deploys
	wholly    = "--runtime=go126 --entry-point=pullfix --trigger-topic=pullfix --retry --run-service-account=pullfix@ops.iam.gserviceaccount.com " +
		"--trigger-service-account=pullfix-trigger@ops.iam.gserviceaccount.com --ingress-settings=internal-only --no-allow-unauthenticated --concurrency=10 " +
		"--timeout=120s --max-instances=3 --cpu=1 --memory=256Mi "
	fromStage = ` --source="$source"`
	readsIn   = "--project=ops --data-file=-"
	newFilter = `--log-filter="$(pullfix sink-filter --account pullfix@ops.iam.gserviceaccount.com)"`
	siteRepo  = "projects/shared/locations/us-central1/repositories/apps"
	siteOther = "projects/shared/locations/us-central1/repositories/other"
	triggerAs = "serviceAccount:pullfix-trigger@ops.iam.gserviceaccount.com"
	keysPath  = "v1/projects/ops/serviceAccounts/pullfix@ops.iam.gserviceaccount.com/keys"
	writerAs  = "serviceAccount:service-111111111111@gcp-sa-logging.iam.gserviceaccount.com"
	sharedAs  = "serviceAccount:service-333333333333@gcp-sa-logging.iam.gserviceaccount.com"
)

var breakages = map[string]breakage{
	"a service is off": {
		func(s *site) { s.call("POST", "v1/projects/ops/services/eventarc.googleapis.com:disable", doc{}) }, "services",
		"gcloud services enable eventarc.googleapis.com --project=ops", "", false,
	},
	"an account is gone": {
		func(s *site) { s.delete("v1/projects/ops/serviceAccounts/pullfix-build@ops.iam.gserviceaccount.com") }, "account pullfix-build@ops.iam.gserviceaccount.com",
		"gcloud iam service-accounts create pullfix-build --project=ops", "", true,
	},
	"an account has a key": {
		func(s *site) { s.call("POST", keysPath, doc{}) }, "keys pullfix@ops.iam.gserviceaccount.com",
		"gcloud iam service-accounts keys delete KEY --iam-account=pullfix@ops.iam.gserviceaccount.com --project=ops --quiet", "", false,
	},
	"no dead-letter subscription": {
		func(s *site) { s.delete("v1/projects/ops/subscriptions/pullfix-dead-letters") }, "dead-letter-subscription",
		"gcloud pubsub subscriptions create pullfix-dead-letters --topic=pullfix-dead-letters --project=ops --message-retention-duration=31d --expiration-period=never", "", false,
	},
	"dead letters are lost early": {
		func(s *site) {
			s.patch("v1/projects/ops/subscriptions/pullfix-dead-letters", "subscription", doc{"messageRetentionDuration": "604800s", "expirationPolicy": doc{"ttl": "2678400s"}})
		}, "dead-letter-subscription",
		"gcloud pubsub subscriptions update pullfix-dead-letters --project=ops --message-retention-duration=31d --expiration-period=never", "", false,
	},
	"the agent may not publish dead letters": {
		func(s *site) { s.unbind("projects/ops/topics/pullfix-dead-letters", publisher) }, "dead-letter-publisher",
		"gcloud pubsub topics add-iam-policy-binding pullfix-dead-letters --project=ops --member=" + siteAgent + " --role=roles/pubsub.publisher", "", false,
	},
	"no sink": {
		func(s *site) { s.delete("v2/projects/app-one/sinks/pullfix") }, "sink projects/app-one",
		"gcloud logging sinks create pullfix pubsub.googleapis.com/projects/ops/topics/pullfix --project=app-one " + newFilter, "", false,
	},
	"the sink is off, and has another filter": {
		func(s *site) {
			s.patch("v2/projects/app-one/sinks/pullfix", "", doc{"disabled": true, "filter": "severity>=ERROR"})
		}, "sink projects/app-one",
		"gcloud logging sinks update pullfix --no-disabled " + newFilter + " --project=app-one", "", false,
	},
	"the sink leads elsewhere": {
		func(s *site) {
			s.patch("v2/projects/app-one/sinks/pullfix", "", doc{"destination": "pubsub.googleapis.com/projects/ops/topics/pullfix-dead-letters"})
		},
		"sink projects/app-one", "gcloud logging sinks update pullfix pubsub.googleapis.com/projects/ops/topics/pullfix --project=app-one", "", false,
	},
	"the sink leaves entries out": {
		func(s *site) {
			s.patch("v2/projects/app-one/sinks/pullfix", "", doc{"exclusions": []any{doc{"name": "x", "filter": "severity=ERROR"}}})
		},
		"sink projects/app-one", "gcloud logging sinks update pullfix --clear-exclusions --project=app-one", "", false,
	},
	"the sink may not publish": {
		func(s *site) {
			s.unbind("projects/ops/topics/pullfix", publisher)
			s.bind("projects/ops/topics/pullfix", publisher, sharedAs)
		}, "sink-writer projects/app-one",
		"gcloud pubsub topics add-iam-policy-binding pullfix --project=ops --member=" + writerAs + " --role=roles/pubsub.publisher", "", false,
	},
	"a metric is gone": {
		func(s *site) { s.delete("v2/projects/ops/metrics/pullfix-stops") }, "metrics pullfix-stops",
		"pullfix monitoring show metrics stops --project=ops | gcloud logging metrics create pullfix-stops --config-from-file=- --project=ops", "", false,
	},
	"there is no dashboard": {
		func(s *site) { s.delete("v1/projects/ops/dashboards/pullfix") }, "dashboards pullfix",
		"pullfix monitoring show dashboards dashboard --project=ops | gcloud monitoring dashboards create --config-from-file=- --project=ops", "", false,
	},
	"everybody may publish": {
		func(s *site) { s.bind("projects/ops/topics/pullfix", publisher, "allAuthenticatedUsers") }, "topic-publishers",
		"gcloud pubsub topics remove-iam-policy-binding pullfix --project=ops --member=allAuthenticatedUsers --role=roles/pubsub.publisher", "", false,
	},
	"a sink of somebody else may publish": {
		func(s *site) {
			s.bind("projects/ops/topics/pullfix", publisher, "serviceAccount:service-666666666666@gcp-sa-logging.iam.gserviceaccount.com")
		}, "topic-publishers",
		"gcloud pubsub topics remove-iam-policy-binding pullfix --project=ops " +
			"--member=serviceAccount:service-666666666666@gcp-sa-logging.iam.gserviceaccount.com --role=roles/pubsub.publisher", "", false,
	},
	"an account may change the whole project": {
		func(s *site) {
			for _, m := range []string{"user:ann@example.com", "serviceAccount:900000000009@cloudservices.gserviceaccount.com", "serviceAccount:900000000009-compute@developer.gserviceaccount.com"} {
				s.bind("projects/ops", "roles/editor", m)
			}
		}, "topic-publishers",
		"gcloud projects remove-iam-policy-binding ops --member=serviceAccount:900000000009-compute@developer.gserviceaccount.com --role=roles/editor --condition=None", "", false,
	},
	"an account may publish in the whole project": {
		func(s *site) {
			s.bind("projects/ops", publisher, "serviceAccount:900000000009-compute@developer.gserviceaccount.com")
		}, "topic-publishers",
		"gcloud projects remove-iam-policy-binding ops --member=serviceAccount:900000000009-compute@developer.gserviceaccount.com --role=roles/pubsub.publisher --condition=None", "", false,
	},
	"the function does not retry": {
		func(s *site) { s.setFunction(doc{"eventTrigger": doc{"retryPolicy": "RETRY_POLICY_DO_NOT_RETRY"}}) }, "function",
		redeploys + "--retry" + fromStage, "", false,
	},
	"the function is slow and open": {
		func(s *site) {
			s.setFunction(doc{"serviceConfig": doc{"timeoutSeconds": 60, "ingressSettings": "ALLOW_ALL", "maxInstanceRequestConcurrency": 100}})
		}, "function", redeploys + "--ingress-settings=internal-only --concurrency=10 --timeout=120s" + fromStage, "service", false,
	},
	"the function is another account": {
		func(s *site) {
			s.setFunction(doc{"serviceConfig": doc{"serviceAccountEmail": "pullfix-build@ops.iam.gserviceaccount.com"}})
		}, "function",
		redeploys + "--run-service-account=pullfix@ops.iam.gserviceaccount.com" + fromStage, "", false,
	},
	"a variable is wrong": {
		func(s *site) {
			s.setFunction(doc{"serviceConfig": doc{"environmentVariables": doc{"PULLFIX_PROJECT": "ops", "PULLFIX_LEDGER": "memory"}}})
		}, "environment",
		redeploys + "--remove-env-vars=PULLFIX_LEDGER" + fromStage, "", false,
	},
	"everything is only observed": {
		func(s *site) {
			s.setFunction(doc{"serviceConfig": doc{"environmentVariables": doc{"PULLFIX_PROJECT": "ops", "PULLFIX_MODE": "observe"}}})
		}, "environment",
		redeploys + "--remove-env-vars=PULLFIX_MODE" + fromStage, "", false,
	},
	"nobody may call": {
		func(s *site) { s.unbind("projects/ops/locations/us-central1/services/pullfix", invoker) }, "invoker",
		"gcloud run services add-iam-policy-binding pullfix --region=us-central1 --project=ops --member=" + triggerAs + " --role=roles/run.invoker --condition=None", "", false,
	},
	"everybody may call": {
		func(s *site) { s.bind("projects/ops/locations/us-central1/services/pullfix", invoker, "allUsers") }, "invoker",
		"gcloud run services remove-iam-policy-binding pullfix --region=us-central1 --project=ops --member=allUsers --role=roles/run.invoker --condition=None", "", false,
	},
	"events are not given up": {
		func(s *site) {
			s.patch("v1/"+s.subscription(), "subscription", doc{"deadLetterPolicy": nil, "ackDeadlineSeconds": 10})
		}, "delivery",
		"gcloud pubsub subscriptions update SUBSCRIPTION --project=ops --dead-letter-topic=pullfix-dead-letters --max-delivery-attempts=50 --ack-deadline=600", "", false,
	},
	"the topic is made anew, and the subscription is of the old one": {
		func(s *site) {
			s.delete("v1/projects/ops/topics/pullfix")
			s.call("PUT", "v1/projects/ops/topics/pullfix", doc{})
			s.bind("projects/ops/topics/pullfix", publisher, writerAs, sharedAs)
		}, "delivery",
		stages + removes + " && " + deploys + wholly +
			"'--set-env-vars=^|^GOMEMLIMIT=200MiB|PULLFIX_PROJECT=ops|PULLFIX_SLACK=projects/ops/secrets/pullfix-slack/versions/latest'" + fromStage, "", true,
	},
	"the agent may not give up": {
		func(s *site) { s.unbind(s.subscription(), "roles/pubsub.subscriber") }, "delivery-subscriber",
		"gcloud pubsub subscriptions add-iam-policy-binding SUBSCRIPTION --project=ops --member=" + siteAgent + " --role=roles/pubsub.subscriber", "", false,
	},
	"no database": {
		func(s *site) { s.delete("v1/projects/ops/databases/(default)") }, "ledger-database",
		"gcloud firestore databases create --project=ops --location=us-central1 --type=firestore-native", "", true,
	},
	"nothing expires": {
		func(s *site) {
			s.call("PATCH", "v1/projects/ops/databases/(default)/collectionGroups/pullfix-grants/fields/expires?updateMask=ttlConfig", doc{})
		}, "ledger-ttl pullfix-grants",
		"gcloud firestore fields ttls update expires --project=ops --collection-group=pullfix-grants --enable-ttl --async", "", false,
	},
	"no sink for the record": {
		func(s *site) { s.delete("v2/projects/ops/sinks/pullfix-record") }, "record-sink",
		`gcloud logging sinks create pullfix-record logging.googleapis.com/projects/ops/locations/global/buckets/pullfix-record '--log-filter=log_id("pullfix")' --project=ops`, "", false,
	},
	"records do not stay": {
		func(s *site) {
			s.patch("v2/projects/ops/locations/global/buckets/pullfix-record", "", doc{"retentionDays": 30})
		}, "record-bucket",
		"gcloud logging buckets update pullfix-record --location=global --project=ops --retention-days=400", "", false,
	},
	"the record may not go to another project": {
		func(s *site) {
			s.call("POST", "v2/projects/shared/locations/global/buckets?bucketId=kept", doc{"retentionDays": 400})
			s.patch("v2/projects/ops/sinks/pullfix-record", "", doc{"destination": "logging.googleapis.com/projects/shared/locations/global/buckets/kept"})
		}, "record-writer",
		"gcloud projects add-iam-policy-binding shared --member=serviceAccount:service-900000000009@gcp-sa-logging.iam.gserviceaccount.com --role=roles/logging.bucketWriter " +
			`'--condition=title=pullfix-record,expression=resource.name.endsWith('\''locations/global/buckets/kept'\'')'`, "", false,
	},
	"a role permits more": {
		func(s *site) {
			s.patch("v1/projects/ops/roles/pullfixRecord", "", doc{"includedPermissions": []string{"datastore.entities.delete", "logging.logEntries.create"}})
		}, "role projects/ops/roles/pullfixRecord",
		"gcloud iam roles update pullfixRecord --project=ops --quiet --permissions=datastore.entities.create,datastore.entities.get,datastore.entities.update,logging.logEntries.create", "", false,
	},
	"a role is deleted": {
		func(s *site) { s.delete("v1/projects/shared/roles/pullfixGrantSecret") }, "role projects/shared/roles/pullfixGrantSecret",
		"gcloud iam roles undelete pullfixGrantSecret --project=shared --quiet && gcloud iam roles update pullfixGrantSecret --project=shared --quiet " +
			"--permissions=secretmanager.secrets.setIamPolicy --stage=GA", "", false,
	},
	"a role is missing on a repository": {
		func(s *site) { s.unbind(siteRepo, "projects/shared/roles/pullfixGrantRepository") }, "bindings " + siteRepo,
		"gcloud artifacts repositories add-iam-policy-binding apps --location=us-central1 --project=shared --member=" + account + " --role=projects/shared/roles/pullfixGrantRepository", "", false,
	},
	"a role is missing on a source": {
		func(s *site) { s.unbind("projects/app-one", "projects/app-one/roles/pullfixCheck") }, "bindings projects/app-one",
		"gcloud projects add-iam-policy-binding app-one --member=" + account + " --role=projects/app-one/roles/pullfixCheck --condition=None", "", false,
	},
	"a role too much on a project": {
		func(s *site) { s.bind("projects/shared", "roles/artifactregistry.admin", account) }, "bindings projects/shared",
		"gcloud projects remove-iam-policy-binding shared --member=" + account + " --role=roles/artifactregistry.admin --condition=None", "", false,
	},
	"a role too much of the trigger": {
		func(s *site) { s.bind("projects/ops", "roles/editor", triggerAs) }, "bindings projects/ops",
		"gcloud projects remove-iam-policy-binding ops --member=" + triggerAs + " --role=roles/editor --condition=None", "", false,
	},
	"a role is left on a repository": {
		func(s *site) { s.may(siteOther, "projects/shared", deploy.RoleGrantRepository) }, "uncovered projects/shared",
		"gcloud artifacts repositories remove-iam-policy-binding other --location=us-central1 --project=shared --member=" + account + " --role=projects/shared/roles/pullfixGrantRepository", "", false,
	},
	"a role is left on a secret of a source": {
		func(s *site) {
			s.call("POST", "v1/projects/app-one/secrets?secretId=old", doc{"replication": doc{"automatic": doc{}}})
			s.may("projects/app-one/secrets/old", "projects/app-one", deploy.RoleGrantSecret)
		}, "uncovered projects/app-one",
		"gcloud secrets remove-iam-policy-binding old --project=app-one --member=" + account + " --role=projects/app-one/roles/pullfixGrantSecret --condition=None", "", false,
	},
	"a secret is gone": {
		func(s *site) { s.delete("v1/projects/ops/secrets/pullfix-slack") }, "secret projects/ops/secrets/pullfix-slack/versions/latest",
		"gcloud secrets create pullfix-slack --project=ops --replication-policy=automatic --data-file=-", "", true,
	},
	"a version is disabled": {
		func(s *site) { s.call("POST", "v1/projects/ops/secrets/night/versions/1:disable", doc{}) }, "secret projects/ops/secrets/night/versions/1",
		"gcloud secrets versions enable 1 --secret=night --project=ops", "", false,
	},
	"the newest version is destroyed": {
		func(s *site) { s.call("POST", "v1/projects/ops/secrets/pullfix-slack/versions/1:destroy", doc{}) }, "secret projects/ops/secrets/pullfix-slack/versions/latest",
		"gcloud secrets versions add pullfix-slack " + readsIn, "", false,
	},
	"a secret may not be read": {
		func(s *site) { s.unbind("projects/ops/secrets/night", accessor) }, "bindings projects/ops/secrets/night",
		"gcloud secrets add-iam-policy-binding night --project=ops --member=" + account + " --role=roles/secretmanager.secretAccessor --condition=None", "", false,
	},
	"downloads are not logged": {
		func(s *site) {
			s.edit("projects/shared", func(policy doc) { policy["auditConfigs"] = policy["auditConfigs"].([]any)[1:] })
		}, "audit-logs projects/shared", turnOn("shared", dataLog{registryService, "DATA_READ"}), "", false,
	},
	"a dead letter waits": {
		func(s *site) {
			s.call("POST", "v1/projects/ops/topics/pullfix-dead-letters:publish", doc{"messages": []any{doc{"data": "e30="}}})
		}, "dead-letters", "PULLFIX_PROJECT=ops pullfix dead-letters replay", "", false,
	},
}

func (s *site) delete(path string) {
	s.Helper()
	s.call("DELETE", path, nil)
}

// patch changes some fields, by the mask that each service asks for.
func (s *site) patch(path, wrapped string, fields doc) {
	s.Helper()
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	mask := strings.Join(names, ",")
	if wrapped == "" {
		s.call("PATCH", path+"?updateMask="+mask, fields)
		return
	}
	s.call("PATCH", path, doc{wrapped: fields, "updateMask": mask})
}

// setFunction changes some settings of the function.
func (s *site) setFunction(fields doc) {
	s.Helper()
	var names []string
	for part, inner := range fields {
		for name := range inner.(doc) {
			names = append(names, part+"."+name)
		}
	}
	s.call("PATCH", functionPath+"?updateMask="+strings.Join(names, ","), fields)
}

// Each change shows as the one failure that it is, with its command. What needs
// it is skipped.
func TestBreakages(t *testing.T) {
	t.Parallel()
	for name, b := range breakages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			b.breaks(s)
			command := b.command(s)
			failed := []string{}
			for _, r := range s.notWell() {
				key := Check{Name: r.Check, On: r.On}.Key()
				switch {
				case r.Status == Skip && strings.HasPrefix(r.Reason, "needs "):
				case r.Status == Skip || key == b.fails && r.Command != command:
					t.Errorf("got %s %s: %s\n%s\nwant %s", r.Status, key, r.Reason, r.Command, command)
				default:
					failed = append(failed, key)
				}
			}
			want := append(strings.Fields(b.also), b.fails)
			if diff := cmp.Diff(want, failed, cmpopts.SortSlices(strings.Compare)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func (b breakage) command(s *site) string {
	command := b.mends
	if strings.Contains(command, "SUBSCRIPTION") {
		command = strings.ReplaceAll(command, "SUBSCRIPTION", lastSegment(s.subscription()))
	}
	if strings.Contains(command, "KEY") {
		keys := s.call("GET", keysPath, nil)["keys"].([]any)
		command = strings.ReplaceAll(command, "KEY", lastSegment(keys[0].(doc)["name"].(string)))
	}
	return command
}

func lastSegment(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
