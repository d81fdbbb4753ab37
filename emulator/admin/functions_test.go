package admin_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/api/cloudfunctions/v2"
	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/run/v2"
)

const (
	region   = "projects/ops/locations/us-central1"
	function = region + "/functions/pullfix"
	account  = "seeded@ops.iam.gserviceaccount.com"
)

// upload uploads a source and returns a function that is built from it.
func upload(t *testing.T, c clients, source string) *cloudfunctions.Function {
	t.Helper()
	to, err := c.functions.Projects.Locations.Functions.GenerateUploadUrl(region, &cloudfunctions.GenerateUploadUrlRequest{}).Do()
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, to.UploadUrl, strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("upload: %v, %v", res, err)
	}
	defer res.Body.Close()
	return &cloudfunctions.Function{
		BuildConfig: &cloudfunctions.BuildConfig{
			Runtime: "go126", EntryPoint: "pullfix", ServiceAccount: "projects/ops/serviceAccounts/" + account,
			Source: &cloudfunctions.Source{StorageSource: to.StorageSource},
		},
		ServiceConfig: &cloudfunctions.ServiceConfig{ServiceAccountEmail: account, IngressSettings: "ALLOW_INTERNAL_ONLY", MaxInstanceCount: 3},
		EventTrigger: &cloudfunctions.EventTrigger{
			EventType: "google.cloud.pubsub.topic.v1.messagePublished", PubsubTopic: "projects/ops/topics/events", ServiceAccountEmail: account,
		},
	}
}

// deployed deploys a function and returns it as it is then.
func deployed(t *testing.T, c clients) *cloudfunctions.Function {
	t.Helper()
	f := upload(t, c, "the source")
	wait(t, c, do(t, c.functions.Projects.Locations.Functions.Create(region, f).FunctionId("pullfix").Do))
	return do(t, c.functions.Projects.Locations.Functions.Get(function).Do)
}

// wait holds that an operation is under way at first, and done later.
func wait(t *testing.T, c clients, op *cloudfunctions.Operation) {
	t.Helper()
	if op.Done {
		t.Errorf("%s is done at once", op.Name)
	}
	if op = do(t, c.functions.Projects.Locations.Operations.Get(op.Name).Do); !op.Done || op.Error != nil {
		t.Errorf("%s: got %+v", op.Name, op)
	}
}

// TestFunction holds that a function brings a service, a trigger and a
// subscription, and takes them with it when it goes.
func TestFunction(t *testing.T) {
	l := start(t, seed)
	l.make(t, newTopic)
	c := dial(t, l)
	f := deployed(t, c)
	if f.State != "ACTIVE" || f.Environment != "GEN_2" || f.ServiceConfig.Service != region+"/services/pullfix" || f.ServiceConfig.Revision != "pullfix-00001-emu" ||
		f.ServiceConfig.TimeoutSeconds != 60 || f.BuildConfig.DockerRepository != region+"/repositories/gcf-artifacts" {
		t.Errorf("got %+v\n%+v\n%+v", f, f.ServiceConfig, f.BuildConfig)
	}

	trigger := do(t, c.eventarc.Projects.Locations.Triggers.Get(f.EventTrigger.Trigger).Do)
	if trigger.Destination.CloudFunction != function || trigger.ServiceAccount != account || trigger.EventFilters[0].Attribute != "type" {
		t.Errorf("trigger: got %+v", trigger)
	}
	name := trigger.Transport.Pubsub.Subscription
	subscription := do(t, c.pubsub.Projects.Subscriptions.Get(name).Do)
	if subscription.Topic != "projects/ops/topics/events" || subscription.PushConfig.OidcToken.ServiceAccountEmail != account ||
		!strings.HasPrefix(subscription.PushConfig.PushEndpoint, f.ServiceConfig.Uri) || subscription.ExpirationPolicy.Ttl != "" {
		t.Errorf("subscription: got %+v", subscription)
	}
	service := do(t, client(t, l, run.NewService).Projects.Locations.Services.Get(f.ServiceConfig.Service).Do)
	if service.Ingress != "INGRESS_TRAFFIC_INTERNAL_ONLY" || service.Uri != f.ServiceConfig.Uri || service.Template.ServiceAccount != account {
		t.Errorf("service: got %+v", service)
	}

	wait(t, c, do(t, c.functions.Projects.Locations.Functions.Delete(function).Do))
	for made := range l.Made() {
		if strings.Contains(made, "pullfix") {
			t.Errorf("%s is there after the function was deleted", made)
		}
	}
}

// TestFunctionIsUpdated holds that an update makes a revision, and leaves the
// trigger and what was set for its subscription.
func TestFunctionIsUpdated(t *testing.T) {
	l := start(t, seed)
	l.make(t, newTopic)
	c := dial(t, l)
	first := deployed(t, c)
	name := do(t, c.eventarc.Projects.Locations.Triggers.Get(first.EventTrigger.Trigger).Do).Transport.Pubsub.Subscription
	do(t, c.pubsub.Projects.Subscriptions.Patch(name, &pubsub.UpdateSubscriptionRequest{
		Subscription: &pubsub.Subscription{AckDeadlineSeconds: 600}, UpdateMask: "ackDeadlineSeconds",
	}).Do)

	change := upload(t, c, "another source")
	change.ServiceConfig.MaxInstanceCount = 5
	change.ServiceConfig.IngressSettings = "ALLOW_ALL"
	wait(t, c, do(t, c.functions.Projects.Locations.Functions.Patch(function, change).UpdateMask("build_config.source,service_config.max_instance_count").Do))
	f := do(t, c.functions.Projects.Locations.Functions.Get(function).Do)
	if f.ServiceConfig.MaxInstanceCount != 5 || f.ServiceConfig.IngressSettings != "ALLOW_INTERNAL_ONLY" || f.ServiceConfig.Revision != "pullfix-00002-emu" ||
		f.EventTrigger.Trigger != first.EventTrigger.Trigger || f.CreateTime != first.CreateTime {
		t.Errorf("got %+v\n%+v", f, f.ServiceConfig)
	}
	if got := do(t, c.pubsub.Projects.Subscriptions.Get(name).Do); got.AckDeadlineSeconds != 600 {
		t.Errorf("the subscription is as at first: %+v", got)
	}

	from := do(t, c.functions.Projects.Locations.Functions.GenerateDownloadUrl(function, &cloudfunctions.GenerateDownloadUrlRequest{}).Do)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, from.DownloadUrl, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if source, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(source, []byte("another source")) {
		t.Errorf("the source is %q, %v", source, err)
	}
}

// TestFunctionIsRefused holds that a function needs what it names.
func TestFunctionIsRefused(t *testing.T) {
	for _, test := range []struct {
		change func(*cloudfunctions.Function)
		code   int
		text   string
	}{
		{func(f *cloudfunctions.Function) { f.BuildConfig.Runtime = "go99" }, 400, `"go99"`},
		{func(f *cloudfunctions.Function) { f.BuildConfig.EntryPoint = "" }, 400, "entryPoint"},
		{func(f *cloudfunctions.Function) { f.BuildConfig.Source.StorageSource.Object = "x" }, 400, "/x does not exist"},
		{func(f *cloudfunctions.Function) {
			f.BuildConfig.ServiceAccount = "projects/ops/serviceAccounts/b@ops.iam.gserviceaccount.com"
		}, 400, "b@ops.iam"},
		{func(f *cloudfunctions.Function) {
			f.ServiceConfig.ServiceAccountEmail = "r@ops.iam.gserviceaccount.com"
		}, 400, "r@ops.iam"},
		{func(f *cloudfunctions.Function) { f.EventTrigger.ServiceAccountEmail = "t@ops.iam.gserviceaccount.com" }, 400, "t@ops.iam"},
		{func(f *cloudfunctions.Function) { f.EventTrigger.PubsubTopic = "projects/ops/topics/none" }, 404, "none"},
		{func(f *cloudfunctions.Function) { f.EventTrigger.EventType = "storage" }, 400, `"storage"`},
	} {
		l := start(t, seed)
		l.make(t, newTopic)
		c := dial(t, l)
		f := upload(t, c, "the source")
		test.change(f)
		_, err := c.functions.Projects.Locations.Functions.Create(region, f).FunctionId("pullfix").Do()
		wantCode(t, err, test.code, test.text)
	}
}

func TestRuntimes(t *testing.T) {
	c := dial(t, start(t, seed))
	var names []string
	for _, r := range do(t, c.functions.Projects.Locations.Runtimes.List(region).Do).Runtimes {
		names = append(names, r.Name+" "+r.Environment)
	}
	if !strings.Contains(strings.Join(names, ","), "go126 GEN_2") {
		t.Errorf("got %v", names)
	}
}
