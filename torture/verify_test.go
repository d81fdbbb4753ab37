package main

import (
	"strings"
	"testing"

	"cloud.google.com/go/iam/apiv1/iampb"
	secretmanager "cloud.google.com/go/secretmanager/apiv1"

	"github.com/pullfix/pullfix/torture/check"
	"github.com/pullfix/pullfix/torture/world"
)

// TestVerifyFindsWhatNobodyRecorded changes a policy as pullfix's account, and has
// nothing on record.
func TestVerifyFindsWhatNobodyRecorded(t *testing.T) {
	w, r := world.New(10), &run{history: &check.History{}}
	var err error
	if r.cloud, err = startCloud(t.Context(), w, &r.clock, newFaults(1, true)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.cloud.Close() }()
	client, err := secretmanager.NewClient(t.Context(), clientOptions(r.cloud.address)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	verified := func() check.Result {
		result, err := r.verify(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	if result := verified(); len(result.Broken) > 0 {
		t.Errorf("before any change: got %q", result.Broken)
	}
	secret := ""
	for resource := range r.cloud.Policies() {
		if strings.Contains(resource, "/secrets/") {
			secret = resource
		}
	}
	_, err = client.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{Resource: secret, Policy: &iampb.Policy{
		Bindings: []*iampb.Binding{{Role: "roles/secretmanager.secretAccessor", Members: []string{"user:eve@example.com"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	result := verified()
	if len(result.Broken) == 0 || !strings.HasPrefix(result.Broken[0], "no-intent: ") || !strings.Contains(strings.Join(result.Broken, " "), "eve@example.com") {
		t.Errorf("got %q, want a change without an intent", result.Broken)
	}
}
