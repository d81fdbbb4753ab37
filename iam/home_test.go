package iam_test

import (
	"testing"

	"github.com/pullfix/pullfix/iam"
)

func TestHome(t *testing.T) {
	for _, test := range []struct{ member, want string }{
		{"serviceAccount:build@app-one.iam.gserviceaccount.com", "app-one"},
		{"serviceAccount:build@app-one.example.com.iam.gserviceaccount.com", "example.com:app-one"},
		{"serviceAccount:app-one@appspot.gserviceaccount.com", "app-one"},
		{"serviceAccount:123-compute@developer.gserviceaccount.com", "123"},
		{"serviceAccount:123@cloudbuild.gserviceaccount.com", "123"},
		{"serviceAccount:123@cloudservices.gserviceaccount.com", "123"},
		{"serviceAccount:service-123@serverless-robot-prod.iam.gserviceaccount.com", "123"},
		{"serviceAccount:service-123@gcp-sa-artifactregistry.iam.gserviceaccount.com", "123"},
		// Whoever names an account like an agent does not leave their project.
		{"serviceAccount:service-123@attacker.iam.gserviceaccount.com", "attacker"},
		// An account of Google's that carries no project of a customer.
		{"serviceAccount:other@serverless-robot-prod.iam.gserviceaccount.com", ""},
		{"serviceAccount:other@gcp-sa-x.iam.gserviceaccount.com", ""},
		{"serviceAccount:other@unknown.gserviceaccount.com", ""},
		{"serviceAccount:other@system.gserviceaccount.com", ""},
		{"user:ann@app-one.iam.example.com", ""},
		{"group:dev@example.com", ""},
		{"", ""},
	} {
		var p iam.Principal
		if test.member != "" {
			p = principal(t, test.member)
		}
		if got := p.Home().String(); got != test.want {
			t.Errorf("Home of %q: got %q, want %q", test.member, got, test.want)
		}
	}
}

func TestResourceOf(t *testing.T) {
	for _, test := range []struct{ name, project, want string }{
		{"projects/123/secrets/key", "app-one", "projects/app-one/secrets/key"},
		{"projects/123/locations/us/repositories/r123", "example.com:p-1", "projects/example.com:p-1/locations/us/repositories/r123"},
		{"projects/123", "app-one", "projects/app-one"},
	} {
		project, err := iam.ParseProject(test.project)
		if err != nil {
			t.Fatal(err)
		}
		r, err := iam.ParseResource(test.name)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Of(project); got.String() != test.want || got.Type() != r.Type() {
			t.Errorf("%s of %s: got %q of type %d, want %q", test.name, test.project, got, got.Type(), test.want)
		}
		if got := r.Of(iam.Project{}); got != r {
			t.Errorf("%s of an unknown project: got %q, want it as it is", test.name, got)
		}
	}
}
