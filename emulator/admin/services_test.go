package admin_test

import (
	"slices"
	"strings"
	"testing"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/firestore/v1"
	secretmanagerapi "google.golang.org/api/secretmanager/v1"
	"google.golang.org/api/serviceusage/v1"

	"github.com/pullfix/pullfix/emulator/emulatortest"
)

func TestServices(t *testing.T) {
	l := start(t, seed)
	c := dial(t, l)
	state := func(name string) string {
		t.Helper()
		return do(t, c.services.Services.Get("projects/ops/services/"+name).Do).State
	}
	op := do(t, c.services.Services.BatchEnable("projects/ops", &serviceusage.BatchEnableServicesRequest{ServiceIds: []string{"run.googleapis.com", "iam.googleapis.com"}}).Do)
	if done := do(t, c.services.Operations.Get(op.Name).Do); op.Done || !done.Done {
		t.Errorf("got %+v, then %+v", op, done)
	}
	do(t, c.services.Services.Enable("projects/ops/services/pubsub.googleapis.com", &serviceusage.EnableServiceRequest{}).Do)
	do(t, c.services.Services.Disable("projects/ops/services/iam.googleapis.com", &serviceusage.DisableServiceRequest{}).Do)
	for name, want := range map[string]string{"run": "ENABLED", "pubsub": "ENABLED", "iam": "DISABLED", "other": "DISABLED"} {
		if got := state(name + ".googleapis.com"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	first := do(t, c.services.Services.List("projects/ops").Filter("state:ENABLED").PageSize(1).Do)
	second := do(t, c.services.Services.List("projects/ops").Filter("state:ENABLED").PageSize(1).PageToken(first.NextPageToken).Do)
	var names []string
	for _, s := range slices.Concat(first.Services, second.Services) {
		names = append(names, s.Config.Name)
	}
	if want := []string{"pubsub.googleapis.com", "run.googleapis.com"}; !slices.Equal(names, want) || second.NextPageToken != "" {
		t.Errorf("got %q, want %q", names, want)
	}
}

// TestSecretIsSeenByAll holds that gRPC reads what REST has made.
func TestSecretIsSeenByAll(t *testing.T) {
	l := start(t, seed)
	c := dial(t, l)
	grpc, err := secretmanager.NewClient(t.Context(), emulatortest.Options(l.address)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = grpc.Close() })
	access := func(version string) (string, error) {
		got, err := grpc.AccessSecretVersion(t.Context(), &secretmanagerpb.AccessSecretVersionRequest{Name: "projects/ops/secrets/hub/versions/" + version})
		return string(got.GetPayload().GetData()), err
	}
	l.make(t, newSecret)
	if _, err := access("latest"); err == nil || !strings.Contains(err.Error(), "has no versions") {
		t.Errorf("got %v", err)
	}
	l.make(t, `POST /v1/projects/ops/secrets/hub:addVersion {"payload":{"data":"YQ=="}}`, `POST /v1/projects/ops/secrets/hub:addVersion {"payload":{"data":"Yg=="}}`)
	for version, want := range map[string]string{"1": "a", "2": "b", "latest": "b"} {
		if got, err := access(version); got != want || err != nil {
			t.Errorf("version %s: got %q, %v", version, got, err)
		}
	}
	versions := do(t, c.secrets.Projects.Secrets.Versions.List("projects/ops/secrets/hub").Do)
	if len(versions.Versions) != 2 || versions.Versions[0].State != "ENABLED" {
		t.Errorf("got %+v", versions)
	}
	do(t, c.secrets.Projects.Secrets.Versions.Destroy("projects/ops/secrets/hub/versions/2", &secretmanagerapi.DestroySecretVersionRequest{}).Do)
	if _, err := access("latest"); err == nil || !strings.Contains(err.Error(), "DESTROYED state") {
		t.Errorf("got %v", err)
	}
	_, err = c.secrets.Projects.Secrets.Versions.Enable("projects/ops/secrets/hub/versions/2", &secretmanagerapi.EnableSecretVersionRequest{}).Do()
	wantCode(t, err, 400, "is destroyed")
	for name, doc := range l.Made() {
		if doc["payload"] != nil || doc["data"] != nil {
			t.Errorf("%s has a payload", name)
		}
	}
}

// TestExpiry holds that a field can be made to expire, and not.
func TestExpiry(t *testing.T) {
	l := start(t, seed)
	c := dial(t, l)
	l.make(t, newDatabase)
	const name = "projects/ops/databases/(default)/collectionGroups/events/fields/expires"
	fields := c.firestore.Projects.Databases.CollectionGroups.Fields
	expiring := func() int {
		t.Helper()
		return len(do(t, fields.List("projects/ops/databases/(default)/collectionGroups/-").Filter("ttlConfig:*").Do).Fields)
	}
	if got := do(t, fields.Get(name).Do); got.TtlConfig != nil || !got.IndexConfig.UsesAncestorConfig || expiring() != 0 {
		t.Errorf("got %+v", got)
	}
	op := do(t, fields.Patch(name, &firestore.GoogleFirestoreAdminV1Field{TtlConfig: &firestore.GoogleFirestoreAdminV1TtlConfig{}}).UpdateMask("ttlConfig").Do)
	if done := do(t, c.firestore.Projects.Databases.Operations.Get(op.Name).Do); !done.Done {
		t.Errorf("got %+v", done)
	}
	if got := do(t, fields.Get(name).Do); got.TtlConfig.State != "ACTIVE" || expiring() != 1 {
		t.Errorf("got %+v", got)
	}
	do(t, fields.Patch(name, &firestore.GoogleFirestoreAdminV1Field{}).UpdateMask("ttlConfig").Do)
	if got := do(t, fields.Get(name).Do); got.TtlConfig != nil || expiring() != 0 {
		t.Errorf("got %+v", got)
	}
	l.make(t, "DELETE /v1/projects/ops/databases/(default)")
	_, err := fields.Get(name).Do()
	wantCode(t, err, 404, "")
}

// TestSinkWriters holds who a sink writes as.
func TestSinkWriters(t *testing.T) {
	const toTopic = "pubsub.googleapis.com/projects/ops/topics/events"
	for _, test := range []struct{ parent, destination, want string }{
		{"projects/ops", toTopic, "serviceAccount:service-900000000009@gcp-sa-logging.iam.gserviceaccount.com"},
		{"folders/222", toTopic, "serviceAccount:service-folder-222@gcp-sa-logging.iam.gserviceaccount.com"},
		{"organizations/333", toTopic, "serviceAccount:service-org-333@gcp-sa-logging.iam.gserviceaccount.com"},
		{"projects/ops", "logging.googleapis.com/projects/ops/locations/global/buckets/record", ""},
		{"projects/ops", "logging.googleapis.com/projects/900000000009/locations/global/buckets/record", ""},
		{"projects/ops", "logging.googleapis.com/projects/app-one/locations/global/buckets/record", "serviceAccount:service-900000000009@gcp-sa-logging.iam.gserviceaccount.com"},
	} {
		l := start(t, seed)
		_, answer := send(t, l, "POST", "/v2/"+test.parent+"/sinks", `{"name":"events","destination":"`+test.destination+`"}`)
		if got, _ := answer["writerIdentity"].(string); got != test.want || answer["name"] != "events" {
			t.Errorf("%s to %s: got %v, want %q", test.parent, test.destination, answer, test.want)
		}
	}
}

// TestBucketComesBack holds that a deleted bucket can be had back.
func TestBucketComesBack(t *testing.T) {
	l := start(t, seed)
	const name = "/v2/projects/ops/locations/global/buckets/record"
	l.make(t, newBucket, "DELETE "+name, "POST "+name+":undelete")
	if _, got := send(t, l, "GET", name, ""); got["lifecycleState"] != "ACTIVE" || got["retentionDays"] != 30.0 {
		t.Errorf("got %v", got)
	}
}

// TestKnativeLists holds that version 1 of Cloud Run lists what there is.
func TestKnativeLists(t *testing.T) {
	l := start(t, seed)
	for path, want := range map[string]string{
		"/v1/projects/app-one/locations/-/services":                    "web",
		"/apis/serving.knative.dev/v1/namespaces/app-one/services":     "web",
		"/apis/run.googleapis.com/v1/namespaces/111111111111/jobs":     "nightly",
		"/apis/serving.knative.dev/v1/namespaces/ops/services?limit=1": "",
	} {
		_, answer := send(t, l, "GET", path, "")
		items, _ := answer["items"].([]any)
		got := ""
		for _, item := range items {
			one, _ := item.(map[string]any)
			metadata, _ := one["metadata"].(map[string]any)
			got, _ = metadata["name"].(string)
		}
		if got != want {
			t.Errorf("%s: got %v, want %q", path, answer, want)
		}
	}
}
