package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/api/firestore/v1"
	"google.golang.org/api/iam/v1"
	"google.golang.org/api/logging/v2"
	"google.golang.org/api/monitoring/v3"
	"google.golang.org/api/orgpolicy/v2"
	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/secretmanager/v1"
)

// TestKinds makes, reads, changes and deletes one of each kind of resource.
func TestKinds(t *testing.T) {
	const (
		topic = "projects/ops/topics/events"
		email = "runner@ops.iam.gserviceaccount.com"
	)
	for _, k := range []struct {
		name   string // full
		first  string // what must be there: a request
		create func(clients) (any, error)
		get    func(clients) (seen string, err error) // a field that create has set
		want   string
		list   func(clients) (names []string, err error)
		listed string // if not the full name
		update func(clients) (any, error)
		after  string // the field after the update
		remove func(clients) (any, error)
		stays  bool // after it was removed, for a while
	}{
		{
			name: topic,
			create: func(c clients) (any, error) {
				return c.pubsub.Projects.Topics.Create(topic, &pubsub.Topic{Labels: map[string]string{"a": "b"}}).Do()
			},
			get: func(c clients) (string, error) {
				got, err := c.pubsub.Projects.Topics.Get(topic).Do()
				if err != nil {
					return "", err
				}
				return got.Name + got.Labels["a"], nil
			},
			want: topic + "b",
			list: func(c clients) (names []string, err error) {
				got, err := c.pubsub.Projects.Topics.List("projects/ops").Do()
				for _, one := range got.Topics {
					names = append(names, one.Name)
				}
				return names, err
			},
			update: func(c clients) (any, error) {
				return c.pubsub.Projects.Topics.Patch(topic, &pubsub.UpdateTopicRequest{Topic: &pubsub.Topic{Labels: map[string]string{"a": "c"}}, UpdateMask: "labels"}).Do()
			},
			after:  topic + "c",
			remove: func(c clients) (any, error) { return c.pubsub.Projects.Topics.Delete(topic).Do() },
		},
		{
			name: "projects/ops/subscriptions/events", first: "PUT /v1/" + topic,
			create: func(c clients) (any, error) {
				return c.pubsub.Projects.Subscriptions.Create("projects/ops/subscriptions/events", &pubsub.Subscription{Topic: topic}).Do()
			},
			get: func(c clients) (string, error) {
				got, err := c.pubsub.Projects.Subscriptions.Get("projects/ops/subscriptions/events").Do()
				if err != nil {
					return "", err
				}
				return got.MessageRetentionDuration + " " + got.ExpirationPolicy.Ttl, nil
			},
			want: "604800s 2678400s",
			list: func(c clients) (names []string, err error) {
				got, err := c.pubsub.Projects.Subscriptions.List("projects/ops").Do()
				for _, one := range got.Subscriptions {
					names = append(names, one.Name)
				}
				return names, err
			},
			update: func(c clients) (any, error) {
				return c.pubsub.Projects.Subscriptions.Patch("projects/ops/subscriptions/events", &pubsub.UpdateSubscriptionRequest{
					Subscription: &pubsub.Subscription{MessageRetentionDuration: "2678400s", ExpirationPolicy: &pubsub.ExpirationPolicy{}},
					UpdateMask:   "message_retention_duration,expiration_policy",
				}).Do()
			},
			after: "2678400s ",
			remove: func(c clients) (any, error) {
				return c.pubsub.Projects.Subscriptions.Delete("projects/ops/subscriptions/events").Do()
			},
		},
		{
			name: "folders/222/sinks/events", listed: "events",
			create: func(c clients) (any, error) {
				return c.logging.Folders.Sinks.Create("folders/222", &logging.LogSink{Name: "events", Destination: "pubsub.googleapis.com/" + topic, IncludeChildren: true}).Do()
			},
			get: func(c clients) (string, error) {
				got, err := c.logging.Folders.Sinks.Get("folders/222/sinks/events").Do()
				if err != nil {
					return "", err
				}
				return got.Name + " " + got.WriterIdentity + " " + got.Filter, nil
			},
			want: "events serviceAccount:service-folder-222@gcp-sa-logging.iam.gserviceaccount.com ",
			list: func(c clients) (names []string, err error) {
				got, err := c.logging.Folders.Sinks.List("folders/222").Do()
				for _, one := range got.Sinks {
					names = append(names, one.Name)
				}
				return names, err
			},
			update: func(c clients) (any, error) {
				return c.logging.Folders.Sinks.Update("folders/222/sinks/events", &logging.LogSink{Filter: "severity>=ERROR"}).UpdateMask("filter").Do()
			},
			after:  "events serviceAccount:service-folder-222@gcp-sa-logging.iam.gserviceaccount.com severity>=ERROR",
			remove: func(c clients) (any, error) { return c.logging.Folders.Sinks.Delete("folders/222/sinks/events").Do() },
		},
		{
			name: "projects/ops/locations/global/buckets/record",
			create: func(c clients) (any, error) {
				return c.logging.Projects.Locations.Buckets.Create("projects/ops/locations/global", &logging.LogBucket{RetentionDays: 400}).BucketId("record").Do()
			},
			get: func(c clients) (string, error) {
				got, err := c.logging.Projects.Locations.Buckets.Get("projects/ops/locations/global/buckets/record").Do()
				if err != nil || got.RetentionDays < 400 {
					return "", err
				}
				return got.LifecycleState, nil
			},
			want: "ACTIVE",
			list: func(c clients) (names []string, err error) {
				got, err := c.logging.Projects.Locations.Buckets.List("projects/ops/locations/-").Do()
				for _, one := range got.Buckets {
					names = append(names, one.Name)
				}
				return names, err
			},
			update: func(c clients) (any, error) {
				return c.logging.Projects.Locations.Buckets.Patch("projects/ops/locations/global/buckets/record", &logging.LogBucket{RetentionDays: 401}).UpdateMask("retentionDays").Do()
			},
			after: "ACTIVE",
			remove: func(c clients) (any, error) {
				return c.logging.Projects.Locations.Buckets.Delete("projects/ops/locations/global/buckets/record").Do()
			},
			stays: true,
		},
		{
			name: "projects/ops/serviceAccounts/" + email,
			create: func(c clients) (any, error) {
				return c.iam.Projects.ServiceAccounts.Create("projects/ops", &iam.CreateServiceAccountRequest{AccountId: "runner", ServiceAccount: &iam.ServiceAccount{DisplayName: "runs"}}).Do()
			},
			get: func(c clients) (string, error) {
				got, err := c.iam.Projects.ServiceAccounts.Get("projects/-/serviceAccounts/" + email).Do()
				if err != nil || len(got.UniqueId) != 21 {
					return "", err
				}
				return got.Email + " " + got.ProjectId + " " + got.DisplayName, nil
			},
			want: email + " ops runs",
			list: func(c clients) (names []string, err error) {
				got, err := c.iam.Projects.ServiceAccounts.List("projects/900000000009").Do()
				for _, one := range got.Accounts {
					names = append(names, one.Name)
				}
				return names, err
			},
			remove: func(c clients) (any, error) {
				return c.iam.Projects.ServiceAccounts.Delete("projects/-/serviceAccounts/" + email).Do()
			},
		},
		{
			name: "organizations/333/roles/reader",
			create: func(c clients) (any, error) {
				return c.iam.Organizations.Roles.Create("organizations/333", &iam.CreateRoleRequest{
					RoleId: "reader", Role: &iam.Role{Title: "reads", IncludedPermissions: []string{"resourcemanager.folders.get"}},
				}).Do()
			},
			get: func(c clients) (string, error) {
				got, err := c.iam.Organizations.Roles.Get("organizations/333/roles/reader").Do()
				if err != nil {
					return "", err
				}
				return got.Title + " " + strings.Join(got.IncludedPermissions, ","), nil
			},
			want: "reads resourcemanager.folders.get",
			list: func(c clients) (names []string, err error) {
				got, err := c.iam.Organizations.Roles.List("organizations/333").Do()
				for _, one := range got.Roles {
					names = append(names, one.Name)
				}
				return names, err
			},
			update: func(c clients) (any, error) {
				return c.iam.Organizations.Roles.Patch("organizations/333/roles/reader", &iam.Role{IncludedPermissions: []string{"run.jobs.get"}}).UpdateMask("includedPermissions").Do()
			},
			after: "reads run.jobs.get",
			remove: func(c clients) (any, error) {
				return c.iam.Organizations.Roles.Delete("organizations/333/roles/reader").Do()
			},
			stays: true,
		},
		{
			name: "projects/ops/secrets/webhook",
			create: func(c clients) (any, error) {
				return c.secrets.Projects.Secrets.Create("projects/ops", &secretmanager.Secret{Replication: &secretmanager.Replication{Automatic: &secretmanager.Automatic{}}}).SecretId("webhook").Do()
			},
			get: func(c clients) (string, error) {
				got, err := c.secrets.Projects.Secrets.Get("projects/ops/secrets/webhook").Do()
				if err != nil {
					return "", err
				}
				return got.Name + got.Labels["a"], nil
			},
			want: "projects/ops/secrets/webhook",
			list: func(c clients) (names []string, err error) {
				got, err := c.secrets.Projects.Secrets.List("projects/ops").Do()
				for _, one := range got.Secrets {
					names = append(names, one.Name)
				}
				return names, err
			},
			update: func(c clients) (any, error) {
				return c.secrets.Projects.Secrets.Patch("projects/ops/secrets/webhook", &secretmanager.Secret{Labels: map[string]string{"a": "b"}}).UpdateMask("labels").Do()
			},
			after: "projects/ops/secrets/webhookb",
			remove: func(c clients) (any, error) {
				return c.secrets.Projects.Secrets.Delete("projects/ops/secrets/webhook").Do()
			},
		},
		{
			name: "projects/ops/databases/(default)",
			create: func(c clients) (any, error) {
				return c.firestore.Projects.Databases.Create("projects/ops", &firestore.GoogleFirestoreAdminV1Database{LocationId: "us-central1", Type: "FIRESTORE_NATIVE"}).DatabaseId("(default)").Do()
			},
			get: func(c clients) (string, error) {
				got, err := c.firestore.Projects.Databases.Get("projects/ops/databases/(default)").Do()
				if err != nil {
					return "", err
				}
				return got.LocationId + " " + got.DeleteProtectionState, nil
			},
			want: "us-central1 DELETE_PROTECTION_DISABLED",
			list: func(c clients) (names []string, err error) {
				got, err := c.firestore.Projects.Databases.List("projects/ops").Do()
				for _, one := range got.Databases {
					names = append(names, one.Name)
				}
				return names, err
			},
			remove: func(c clients) (any, error) {
				return c.firestore.Projects.Databases.Delete("projects/ops/databases/(default)").Do()
			},
		},
		{
			name: "projects/ops/alertPolicies/1000003",
			create: func(c clients) (any, error) {
				return c.monitoring.Projects.AlertPolicies.Create("projects/ops", &monitoring.AlertPolicy{DisplayName: "a", Conditions: []*monitoring.Condition{{DisplayName: "c"}}}).Do()
			},
			get: func(c clients) (string, error) {
				got, err := c.monitoring.Projects.AlertPolicies.Get("projects/ops/alertPolicies/1000003").Do()
				if err != nil {
					return "", err
				}
				return got.DisplayName, nil
			},
			want: "a",
			list: func(c clients) (names []string, err error) {
				got, err := c.monitoring.Projects.AlertPolicies.List("projects/ops").Do()
				for _, one := range got.AlertPolicies {
					names = append(names, one.Name)
				}
				return names, err
			},
			update: func(c clients) (any, error) {
				return c.monitoring.Projects.AlertPolicies.Patch("projects/ops/alertPolicies/1000003", &monitoring.AlertPolicy{DisplayName: "b"}).UpdateMask("display_name").Do()
			},
			after: "b",
			remove: func(c clients) (any, error) {
				return c.monitoring.Projects.AlertPolicies.Delete("projects/ops/alertPolicies/1000003").Do()
			},
		},
		{
			name: "organizations/333/customConstraints/custom.never",
			create: func(c clients) (any, error) {
				return c.orgpolicy.Organizations.CustomConstraints.Create("organizations/333", &orgpolicy.GoogleCloudOrgpolicyV2CustomConstraint{
					Name: "organizations/333/customConstraints/custom.never", ActionType: "DENY",
				}).Do()
			},
			get: func(c clients) (string, error) {
				got, err := c.orgpolicy.Organizations.CustomConstraints.Get("organizations/333/customConstraints/custom.never").Do()
				if err != nil {
					return "", err
				}
				return got.ActionType, nil
			},
			want: "DENY",
			list: func(c clients) (names []string, err error) {
				got, err := c.orgpolicy.Organizations.CustomConstraints.List("organizations/333").Do()
				for _, one := range got.CustomConstraints {
					names = append(names, one.Name)
				}
				return names, err
			},
			update: func(c clients) (any, error) {
				return c.orgpolicy.Organizations.CustomConstraints.Patch("organizations/333/customConstraints/custom.never", &orgpolicy.GoogleCloudOrgpolicyV2CustomConstraint{ActionType: "ALLOW"}).Do()
			},
			after: "ALLOW",
			remove: func(c clients) (any, error) {
				return c.orgpolicy.Organizations.CustomConstraints.Delete("organizations/333/customConstraints/custom.never").Do()
			},
		},
		{
			name: "projects/ops/policies/run.allowedIngress",
			create: func(c clients) (any, error) {
				return c.orgpolicy.Projects.Policies.Create("projects/ops", &orgpolicy.GoogleCloudOrgpolicyV2Policy{Name: "projects/ops/policies/run.allowedIngress"}).Do()
			},
			get: func(c clients) (string, error) {
				got, err := c.orgpolicy.Projects.Policies.Get("projects/ops/policies/run.allowedIngress").Do()
				if err != nil {
					return "", err
				}
				return got.Name, nil
			},
			want: "projects/ops/policies/run.allowedIngress",
			list: func(c clients) (names []string, err error) {
				got, err := c.orgpolicy.Projects.Policies.List("projects/ops").Do()
				for _, one := range got.Policies {
					names = append(names, one.Name)
				}
				return names, err
			},
			remove: func(c clients) (any, error) {
				return c.orgpolicy.Projects.Policies.Delete("projects/ops/policies/run.allowedIngress").Do()
			},
		},
	} {
		t.Run(k.name, func(t *testing.T) {
			l := start(t, seed)
			c := dial(t, l)
			if k.first != "" {
				l.make(t, k.first)
			}
			_, err := k.get(c)
			wantCode(t, err, http.StatusNotFound, "")
			if _, err := k.create(c); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(k.name, "alertPolicies") { // their ids are made up
				_, err = k.create(c)
				wantCode(t, err, http.StatusConflict, "exists")
			}
			if got, err := k.get(c); got != k.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, k.want)
			}
			listed := k.name
			if k.listed != "" {
				listed = k.listed
			}
			if names, err := k.list(c); err != nil || !strings.Contains(strings.Join(names, " ")+" ", listed+" ") {
				t.Errorf("listed %q, %v; want %q", names, err, listed)
			}
			if l.Made()[k.name] == nil {
				t.Errorf("there is no document %q", k.name)
			}
			if k.update != nil {
				if _, err := k.update(c); err != nil {
					t.Fatal(err)
				}
				if got, err := k.get(c); got != k.after || err != nil {
					t.Errorf("after the update: got %q, %v; want %q", got, err, k.after)
				}
			}
			if _, err := k.remove(c); err != nil {
				t.Fatal(err)
			}
			_, err = k.get(c)
			if gone := err != nil; gone == k.stays {
				t.Errorf("after it was deleted: got %v", err)
			}
		})
	}
}
