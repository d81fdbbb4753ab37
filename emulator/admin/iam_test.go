package admin_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/api/cloudresourcemanager/v3"
	"google.golang.org/api/iam/v1"
	"google.golang.org/api/pubsub/v1"
)

const runner = "runner@ops.iam.gserviceaccount.com"

// TestCustomRoles holds where a custom role can be bound.
func TestCustomRoles(t *testing.T) {
	l := start(t, seed)
	l.make(t, newTopic, newRole, `POST /v1/organizations/333/roles {"roleId":"shared","role":{}}`,
		`POST /v1/projects/ops/roles {"roleId":"former","role":{}}`, "DELETE /v1/projects/ops/roles/former")
	for _, test := range []struct {
		role, where string
		want        bool
	}{
		{"projects/ops/roles/reader", "/v1/projects/ops/topics/events", true},
		{"projects/ops/roles/reader", "/v3/projects/ops", true},
		{"projects/ops/roles/reader", "/v3/projects/app-one", false},
		{"projects/ops/roles/reader", "/v3/folders/222", false},
		{"projects/ops/roles/former", "/v3/projects/ops", false},
		{"projects/ops/roles/none", "/v3/projects/ops", false},
		{"organizations/333/roles/shared", "/v1/projects/ops/topics/events", true},
		{"organizations/333/roles/shared", "/v3/projects/app-one", true},
		{"organizations/333/roles/shared", "/v3/folders/222", true},
		{"organizations/333/roles/shared", "/v3/organizations/333", true},
		{"organizations/333/roles/shared", "/v3/projects/apart", false},
		{"organizations/333/roles/shared", "/v3/folders/444", false},
		{"organizations/444/roles/shared", "/v3/projects/ops", false},
		{"roles/run.invoker", "/v3/projects/ops", true},
	} {
		code, answer := send(t, l, "POST", test.where+":setIamPolicy", `{"policy":{"bindings":[{"role":"`+test.role+`","members":["user:a@example.com"]}]}}`)
		if ok := code == 200; ok != test.want || !ok && !strings.Contains(text(answer), "does not exist in the resource's hierarchy") {
			t.Errorf("%s on %s: %d %v, want it to be bound: %v", test.role, test.where, code, answer, test.want)
		}
	}
}

func text(answer map[string]any) string {
	refused, _ := answer["error"].(map[string]any)
	message, _ := refused["message"].(string)
	return message
}

// TestDeletedRole holds that a deleted role can be had back, and stays in the
// policies until then.
func TestDeletedRole(t *testing.T) {
	l := start(t, seed)
	c := dial(t, l)
	projects := client(t, l, cloudresourcemanager.NewService).Projects
	l.make(t, newRole)
	const name = "projects/ops/roles/reader"
	policy := &cloudresourcemanager.Policy{Bindings: []*cloudresourcemanager.Binding{{Role: name, Members: []string{"user:a@example.com"}}}}
	do(t, projects.SetIamPolicy("projects/ops", &cloudresourcemanager.SetIamPolicyRequest{Policy: policy}).Do)

	if deleted := do(t, c.iam.Projects.Roles.Delete(name).Do); !deleted.Deleted {
		t.Errorf("got %+v", deleted)
	}
	if got := do(t, c.iam.Projects.Roles.Get(name).Do); !got.Deleted || len(got.IncludedPermissions) != 1 {
		t.Errorf("got %+v", got)
	}
	if got := do(t, c.iam.Projects.Roles.List("projects/ops").Do); len(got.Roles) != 0 {
		t.Errorf("got %+v", got)
	}
	got := do(t, c.iam.Projects.Roles.List("projects/ops").ShowDeleted(true).View("FULL").Do)
	if len(got.Roles) != 1 || len(got.Roles[0].IncludedPermissions) != 1 {
		t.Errorf("got %+v", got)
	}
	// A write that leaves the binding as it is is no new one.
	held := do(t, projects.GetIamPolicy("projects/ops", &cloudresourcemanager.GetIamPolicyRequest{}).Do)
	do(t, projects.SetIamPolicy("projects/ops", &cloudresourcemanager.SetIamPolicyRequest{Policy: held}).Do)

	if back := do(t, c.iam.Projects.Roles.Undelete(name, &iam.UndeleteRoleRequest{}).Do); back.Deleted {
		t.Errorf("got %+v", back)
	}
	if got := do(t, c.iam.Projects.Roles.Get(name).Do); got.Deleted {
		t.Errorf("got %+v", got)
	}
}

// TestDeletedAccount holds that an account that is deleted is so in every
// policy, and cannot be given anything until it is made again.
func TestDeletedAccount(t *testing.T) {
	l := start(t, seed)
	c := dial(t, l)
	l.make(t, newTopic, `POST /v1/projects/ops/serviceAccounts {"accountId":"runner"}`)
	unique := do(t, c.iam.Projects.ServiceAccounts.Get("projects/ops/serviceAccounts/"+runner).Do).UniqueId
	grant := func() error {
		policy, err := c.pubsub.Projects.Topics.GetIamPolicy("projects/ops/topics/events").Do()
		if err != nil {
			return err
		}
		policy.Bindings = append(policy.Bindings, &pubsub.Binding{Role: "roles/pubsub.publisher", Members: []string{"serviceAccount:" + runner}})
		_, err = c.pubsub.Projects.Topics.SetIamPolicy("projects/ops/topics/events", &pubsub.SetIamPolicyRequest{Policy: policy}).Do()
		return err
	}
	members := func() []string { return l.Policies()["projects/ops/topics/events"].GetBindings()[0].GetMembers() }
	if err := grant(); err != nil {
		t.Fatal(err)
	}
	do(t, c.iam.Projects.ServiceAccounts.Delete("projects/ops/serviceAccounts/"+runner).Do)
	deleted := "deleted:serviceAccount:" + runner + "?uid=" + unique
	if got := members(); !slices.Equal(got, []string{deleted}) {
		t.Errorf("got %q", got)
	}
	wantCode(t, grant(), 400, "Service account "+runner+" does not exist.")

	l.make(t, `POST /v1/projects/ops/serviceAccounts {"accountId":"runner"}`)
	if err := grant(); err != nil || !slices.Equal(members(), []string{deleted, "serviceAccount:" + runner}) {
		t.Errorf("got %q, %v", members(), err)
	}
}

// TestPolicyGoes holds that what is made under the name of something deleted
// does not have its policy.
func TestPolicyGoes(t *testing.T) {
	l := start(t, seed)
	const policy = `POST /v1/projects/ops/topics/events:setIamPolicy {"policy":{"bindings":[{"role":"roles/pubsub.publisher","members":["user:a@example.com"]}]}}`
	l.make(t, newTopic, policy, "DELETE /v1/projects/ops/topics/events")
	l.make(t, newRole)
	for _, name := range []string{"projects/ops/topics/events", "projects/ops/roles/reader"} {
		if code, _ := send(t, l, "GET", "/v1/"+name+":getIamPolicy", ""); code != 404 {
			t.Errorf("the policy of %s, which has none: %d", name, code)
		}
	}
	l.make(t, newTopic)
	if _, got := send(t, l, "GET", "/v1/projects/ops/topics/events:getIamPolicy", ""); got["bindings"] != nil {
		t.Errorf("got %v", got)
	}
}

// TestKeys holds that an account has the keys that were made for it, until they
// or the account are deleted.
func TestKeys(t *testing.T) {
	l := start(t, seed)
	keys := dial(t, l).iam.Projects.ServiceAccounts.Keys
	const account = "projects/ops/serviceAccounts/" + runner
	l.make(t, `POST /v1/projects/ops/serviceAccounts {"accountId":"runner"}`)
	held := func(types ...string) (names []string) {
		t.Helper()
		for _, k := range do(t, keys.List("projects/-/serviceAccounts/"+runner).KeyTypes(types...).Do).Keys {
			names = append(names, k.Name)
		}
		return names
	}
	if got := held(); got != nil {
		t.Errorf("a new account has %q", got)
	}
	made := do(t, keys.Create("projects/-/serviceAccounts/"+runner, &iam.CreateServiceAccountKeyRequest{}).Do)
	left := do(t, keys.Create(account, &iam.CreateServiceAccountKeyRequest{}).Do).Name
	if id, ok := strings.CutPrefix(made.Name, account+"/keys/"); !ok || len(id) != 40 || made.KeyType != "USER_MANAGED" {
		t.Errorf("made %+v", made)
	}
	if got := do(t, keys.Get(made.Name).Do); got.ValidAfterTime == "" || got.ValidAfterTime != made.ValidAfterTime {
		t.Errorf("got %+v, made %+v", got, made)
	}
	for _, types := range [][]string{nil, {"USER_MANAGED"}, {"SYSTEM_MANAGED", "USER_MANAGED"}} {
		if got := held(types...); !slices.Equal(got, []string{made.Name, left}) {
			t.Errorf("of %q it has %q", types, got)
		}
	}
	if got := held("SYSTEM_MANAGED"); got != nil {
		t.Errorf("of Google's it has %q", got)
	}
	do(t, keys.Delete(strings.Replace(made.Name, "projects/ops", "projects/-", 1)).Do)
	if got := held(); !slices.Equal(got, []string{left}) {
		t.Errorf("with one deleted it has %q", got)
	}
	l.make(t, "DELETE /v1/"+account)
	_, err := keys.List(account).Do()
	wantCode(t, err, 404, runner)
	l.make(t, `POST /v1/projects/ops/serviceAccounts {"accountId":"runner"}`)
	if got := held(); got != nil {
		t.Errorf("made again it has %q", got)
	}
}
