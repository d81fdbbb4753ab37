package iam_test

import (
	"slices"
	"testing"

	"github.com/pullfix/pullfix/iam"
)

func classes(t *testing.T) []iam.Class {
	t.Helper()
	var all []iam.Class
	for _, name := range iam.ClassNames() {
		c, err := iam.ParseClass(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

func TestPrincipalIn(t *testing.T) {
	for member, want := range map[string][]iam.Class{
		"serviceAccount:service-12@serverless-robot-prod.iam.gserviceaccount.com":   {iam.CloudRunAgents, iam.ServiceAccounts},
		"serviceAccount:12@cloudbuild.gserviceaccount.com":                          {iam.CloudBuilds, iam.ServiceAccounts},
		"serviceAccount:service-12@gcp-sa-cloudbuild.iam.gserviceaccount.com":       {iam.CloudBuilds, iam.ServiceAccounts},
		"serviceAccount:12-compute@developer.gserviceaccount.com":                   {iam.ComputeDefaults, iam.ServiceAccounts},
		"serviceAccount:service-12@gcp-sa-artifactregistry.iam.gserviceaccount.com": {iam.ArtifactRegistryAgents, iam.ServiceAccounts},
		"serviceAccount:build@app-one.iam.gserviceaccount.com":                      {iam.ServiceAccounts},
		"serviceAccount:app-one@appspot.gserviceaccount.com":                        {iam.ServiceAccounts},
		"user:ann@example.com": {iam.Users},

		// Names that look like an agent's, in a project or a form that anyone may choose.
		"serviceAccount:service-12@attacker.iam.gserviceaccount.com":                      {iam.ServiceAccounts},
		"serviceAccount:12-compute@attacker.iam.gserviceaccount.com":                      {iam.ServiceAccounts},
		"serviceAccount:x@serverless-robot-prod.iam.gserviceaccount.com":                  {iam.ServiceAccounts},
		"serviceAccount:service-12-compute@serverless-robot-prod.iam.gserviceaccount.com": {iam.ServiceAccounts},
		"serviceAccount:service-12-compute@developer.gserviceaccount.com":                 {iam.ServiceAccounts},
		"serviceAccount:12@developer.gserviceaccount.com":                                 {iam.ServiceAccounts},
		"serviceAccount:12@gcp-sa-cloudbuild.iam.gserviceaccount.com":                     {iam.ServiceAccounts},
		"user:service-12@serverless-robot-prod.iam.gserviceaccount.com":                   {iam.Users},

		"group:dev@example.com":         nil,
		"domain:example.com":            nil,
		workload + "ci/subject/ann":     nil,
		workloads + "ci/*":              nil,
		workforce + "staff/subject/ann": nil,
	} {
		wantClasses(t, principal(t, member), want)
	}
	wantClasses(t, iam.Principal{}, nil)
}

func wantClasses(t *testing.T, p iam.Principal, want []iam.Class) {
	t.Helper()
	var got []iam.Class
	for _, c := range classes(t) {
		if p.In(c) {
			got = append(got, c)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q is in %v, want %v", p, got, want)
	}
	var none iam.Class
	if p.In(none) || p.In(iam.Class(200)) {
		t.Errorf("%q is in a class that does not exist", p)
	}
}

// The words are a contract: rules files use them.
func TestClassWords(t *testing.T) {
	want := []string{"cloud-run-agent", "cloud-build", "compute-default", "artifact-registry-agent", "service-account", "user"}
	if got := iam.ClassNames(); !slices.Equal(got, want) {
		t.Errorf("classes are %q, want %q", got, want)
	}
	var none iam.Class
	if none.String() != "" {
		t.Errorf("the class of nobody prints as %q", none)
	}
	if c := iam.Class(len(want) + 1); c.String() != "Class(7)" {
		t.Errorf("an impossible class prints as %q", c)
	}
	iam.ClassNames()[0] = "changed"
	if iam.ClassNames()[0] == "changed" {
		t.Error("a caller can change the words")
	}
}
