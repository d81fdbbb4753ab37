package iam_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/iam"
)

const (
	workload  = "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/"
	workloads = "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/"
	workforce = "principal://iam.googleapis.com/locations/global/workforcePools/"
)

// longestDomain has 253 bytes, the most that DNS allows.
var longestDomain = strings.Repeat("a.", 125) + "com"

var (
	goodPrincipals = map[string]string{
		"serviceAccount:build@app-one.iam.gserviceaccount.com":                            "",
		"serviceAccount:service-1@serverless-robot-prod.iam.gserviceaccount.com":          "",
		"serviceAccount:123456789012-compute@developer.gserviceaccount.com":               "",
		"serviceAccount:123456789012@cloudbuild.gserviceaccount.com":                      "",
		"serviceAccount:app-one@appspot.gserviceaccount.com":                              "",
		"serviceAccount:app-one.example.com@appspot.gserviceaccount.com":                  "",
		"serviceAccount:build@app-one.example.com.iam.gserviceaccount.com":                "",
		"serviceAccount:" + strings.Repeat("b", 100) + "@app-one.iam.gserviceaccount.com": "",
		"user:ann@example.com":                                                 "",
		"user:Ann.Lee+pull@Example.COM":                                        "user:ann.lee+pull@example.com",
		"user:build@app-one.iam.gserviceaccount.com":                           "",
		"user:" + strings.Repeat("a", 64) + "@example.com":                     "",
		"user:ann_lee%example.org@example.com":                                 "",
		"group:Dev@example.com":                                                "group:dev@example.com",
		"domain:Example.com":                                                   "domain:example.com",
		workload + "ci/subject/repo:octo/web:ref:refs/heads/main":              "",
		workload + "example.com:app-one.svc.id.goog/subject/ns/default/sa/web": "",
		workload + "ci/subject/Ann@example.com":                                "",
		workloads + "ci/*":                                                     "",
		workloads + "ci/group/dev":                                             "",
		workloads + "ci/attribute.repository/octo/web":                         "",
		workforce + "staff/subject/ann@example.com":                            "",
		workloads + "ci/attribute.n/" + strings.Repeat("v", 1012):              "",
		"user:a@b.example.com":                                                 "",
		"user:ann@" + longestDomain:                                            "",

		"serviceAccount:service-111111111111@gcp-sa-artifactregistry.iam.gserviceaccount.com": "",
	}
	badPrincipals = map[string]string{
		"nothing":                                   "",
		"prefix alone":                              "serviceAccount:",
		"no prefix":                                 "build@app-one.iam.gserviceaccount.com",
		"unknown prefix":                            "robot:build@app-one.iam.gserviceaccount.com",
		"prefix in the wrong case":                  "serviceaccount:build@app-one.iam.gserviceaccount.com",
		"prefix twice":                              "user:user:ann@example.com",
		"everybody":                                 "allUsers",
		"everybody signed in":                       "allAuthenticatedUsers",
		"basic role of a project":                   "projectEditor:app-one",
		"deleted":                                   "deleted:serviceAccount:build@app-one.iam.gserviceaccount.com?uid=123",
		"masked":                                    "serviceAccount:***",
		"masked name":                               "serviceAccount:***@app-one.iam.gserviceaccount.com",
		"masked project":                            "serviceAccount:build@***.iam.gserviceaccount.com",
		"masked user":                               "user:***@example.com",
		"masked with x":                             "user:ann@xxxxx",
		"placeholder, number":                       "serviceAccount:service-PROJECT_NUMBER@serverless-robot-prod.iam.gserviceaccount.com",
		"placeholder, hyphens":                      "serviceAccount:service-PROJECT-NUMBER@serverless-robot-prod.iam.gserviceaccount.com",
		"placeholder, brackets":                     "serviceAccount:service-<number>@serverless-robot-prod.iam.gserviceaccount.com",
		"placeholder, variable":                     "serviceAccount:${SA}@app-one.iam.gserviceaccount.com",
		"placeholder, project":                      "serviceAccount:build@PROJECT_ID.iam.gserviceaccount.com",
		"account in capitals":                       "serviceAccount:Build@app-one.iam.gserviceaccount.com",
		"account of another domain":                 "serviceAccount:build@app-one.iam.gserviceaccount.com.evil.io",
		"account of a lookalike":                    "serviceAccount:build@app-one.iam.gserviceaccount.co",
		"account of a longer lookalike":             "serviceAccount:build@evilgserviceaccount.com",
		"account without a project":                 "serviceAccount:build@gserviceaccount.com",
		"account of a user's domain":                "serviceAccount:ann@example.com",
		"two at signs":                              "serviceAccount:build@app-one@app-one.iam.gserviceaccount.com",
		"two at signs, user":                        "user:ann@example.com@evil.io",
		"no name":                                   "user:@example.com",
		"no domain":                                 "user:ann@",
		"domain of one label":                       "user:ann@example",
		"domain with a final dot":                   "user:ann@example.com.",
		"name too long":                             "user:" + strings.Repeat("a", 65) + "@example.com",
		"account name too long":                     "serviceAccount:" + strings.Repeat("b", 101) + "@app-one.iam.gserviceaccount.com",
		"domain too long":                           "user:ann@" + strings.Repeat("a.", 127) + "com",
		"label too long":                            "user:ann@" + strings.Repeat("a", 64) + ".com",
		"label begins with a hyphen":                "user:ann@-example.com",
		"label ends in a hyphen":                    "user:ann@example-.com",
		"label with an underscore":                  "user:ann@ex_ample.com",
		"domain longest and one more":               "user:ann@a" + longestDomain,
		"account begins with a hyphen":              "serviceAccount:-build@app-one.iam.gserviceaccount.com",
		"account ends in a hyphen":                  "serviceAccount:build-@app-one.iam.gserviceaccount.com",
		"account with an underscore":                "serviceAccount:bu_ild@app-one.iam.gserviceaccount.com",
		"account without a name":                    "serviceAccount:@app-one.iam.gserviceaccount.com",
		"quoted local part":                         `user:"ann lee"@example.com`,
		"apostrophe":                                "user:o'brien@example.com",
		"space":                                     "user:ann @example.com",
		"newline at the end":                        "user:ann@example.com\n",
		"second member after a comma":               "user:ann@example.com,user:bob@example.com",
		"command":                                   "user:ann$(id)@example.com",
		"Kelvin sign for k":                         "user:\u212aate@example.com",
		"dotted capital I for i":                    "user:\u0130an@example.com",
		"long s":                                    "user:\u017fam@example.com",
		"Cyrillic a":                                "user:\u0430nn@example.com",
		"Cyrillic e in an account":                  "serviceAccount:build@app-on\u0435.iam.gserviceaccount.com",
		"full-width at sign":                        "user:ann\uff20example.com",
		"right-to-left override":                    "user:ann\u202e@example.com",
		"oversized":                                 "user:" + strings.Repeat("a", 1<<20) + "@example.com",
		"oversized domain":                          "domain:" + strings.Repeat("a.", 1<<19) + "com",
		"federated: nothing":                        "principal://iam.googleapis.com/",
		"federated: other host":                     "principal://evil.example.com/projects/1/locations/global/workloadIdentityPools/ci/subject/x",
		"federated: masked project":                 "principal://iam.googleapis.com/projects/***/locations/global/workloadIdentityPools/ci/subject/x",
		"federated: project by id":                  "principal://iam.googleapis.com/projects/app-one/locations/global/workloadIdentityPools/ci/subject/x",
		"federated: placeholder":                    "principal://iam.googleapis.com/projects/PROJECT_NUMBER/locations/global/workloadIdentityPools/ci/subject/x",
		"federated: no project":                     "principal://iam.googleapis.com/123/locations/global/workloadIdentityPools/ci/subject/x",
		"federated: placeholder pool":               workload + "POOL_ID/subject/x",
		"federated: no pool":                        workload + "/subject/x",
		"federated: no subject":                     workload + "ci",
		"federated: empty subject":                  workload + "ci/",
		"federated: masked subject":                 workload + "ci/subject/***",
		"federated: star in the middle":             workloads + "ci/*/x",
		"federated: too long":                       workloads + "ci/attribute.n/" + strings.Repeat("v", 1013),
		"federated: pool with an underscore":        workload + "c_i/subject/x",
		"federated: pool begins with an underscore": workload + "_ci/subject/x",
		"federated: pool too long":                  workload + strings.Repeat("p", 64) + "/subject/x",
		"federated: space":                          workload + "ci/subject/a b",
	}
)

func TestParsePrincipal(t *testing.T) {
	accepts(t, iam.ParsePrincipal, goodPrincipals)
	refuses(t, iam.ParsePrincipal, `principal `, `want a member such as "serviceAccount:`, badPrincipals)
	refusesDamage(t, iam.ParsePrincipal, "serviceAccount:service-1@serverless-robot-prod.iam.gserviceaccount.com")
	refusesDamage(t, iam.ParsePrincipal, "user:ann@example.com")
	refusesDamage(t, iam.ParsePrincipal, workload+"ci/subject/ann")
	wantZero(t, iam.ParsePrincipal)
}

func TestParseEmail(t *testing.T) {
	for email, want := range map[string]string{
		"build@app-one.iam.gserviceaccount.com":   "serviceAccount:build@app-one.iam.gserviceaccount.com",
		"1-compute@developer.gserviceaccount.com": "serviceAccount:1-compute@developer.gserviceaccount.com",
		"Ann@Example.com":                         "user:ann@example.com",
		"ann@gserviceaccount.com.evil.io":         "user:ann@gserviceaccount.com.evil.io",
		"ann@my-gserviceaccount.com":              "user:ann@my-gserviceaccount.com",
	} {
		p, err := iam.ParseEmail(email)
		if err != nil || p.String() != want {
			t.Errorf("ParseEmail(%q) = %q, %v, want %q", email, p, err, want)
		}
	}
	for _, email := range []string{
		"", "ann", "***", "Build@app-one.iam.gserviceaccount.com", "build@app-one.iam.GSERVICEACCOUNT.com",
		"user:ann@example.com", "serviceAccount:build@app-one.iam.gserviceaccount.com", "x@gserv\u0130ceaccount.com",
		"principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/subject/x",
	} {
		if p, err := iam.ParseEmail(email); err == nil {
			t.Errorf("ParseEmail(%q) = %q, want an error", email, p)
		}
	}
}

func TestPrincipalParts(t *testing.T) {
	for member, want := range map[string]struct {
		email          string
		serviceAccount bool
	}{
		"serviceAccount:build@app-one.iam.gserviceaccount.com": {"build@app-one.iam.gserviceaccount.com", true},
		"user:build@app-one.iam.gserviceaccount.com":           {"build@app-one.iam.gserviceaccount.com", false},
		"user:ann@example.com":                                 {"ann@example.com", false},
		"group:dev@example.com":                                {"dev@example.com", false},
		"domain:example.com":                                   {"", false},
		workload + "ci/subject/ann@example.com":                {"", false},
	} {
		p := principal(t, member)
		if p.Email() != want.email || p.IsServiceAccount() != want.serviceAccount {
			t.Errorf("%s: email %q, service account %t, want %q, %t", member, p.Email(), p.IsServiceAccount(), want.email, want.serviceAccount)
		}
	}
	if zero := (iam.Principal{}); zero.Email() != "" || zero.IsServiceAccount() {
		t.Errorf("the unknown principal has e-mail %q, service account %t", zero.Email(), zero.IsServiceAccount())
	}
}

func TestPrincipalProjectNumber(t *testing.T) {
	for member, want := range map[string]string{
		"serviceAccount:service-12@serverless-robot-prod.iam.gserviceaccount.com":   "12",
		"serviceAccount:service-12@gcp-sa-artifactregistry.iam.gserviceaccount.com": "12",
		"serviceAccount:service-12@gcp-sa-cloudbuild.iam.gserviceaccount.com":       "12",
		"serviceAccount:service-12@compute-system.iam.gserviceaccount.com":          "12",
		"serviceAccount:service-12@containerregistry.iam.gserviceaccount.com":       "12",
		"serviceAccount:service-12@gae-api-prod.iam.gserviceaccount.com":            "12",
		"serviceAccount:service-12@gcf-admin-robot.iam.gserviceaccount.com":         "12",
		"serviceAccount:service-12@container-engine-robot.iam.gserviceaccount.com":  "12",
		"serviceAccount:service-12@gcp-sa-vpcaccess.iam.gserviceaccount.com":        "12",
		"serviceAccount:12-compute@developer.gserviceaccount.com":                   "12",
		"serviceAccount:12@cloudbuild.gserviceaccount.com":                          "12",
		"serviceAccount:12@cloudservices.gserviceaccount.com":                       "12",
		"serviceAccount:service-12@attacker.iam.gserviceaccount.com":                "",
		"serviceAccount:12@attacker.iam.gserviceaccount.com":                        "",
		"serviceAccount:12-compute@attacker.iam.gserviceaccount.com":                "",
		"serviceAccount:12-compute@serverless-robot-prod.iam.gserviceaccount.com":   "",
		"serviceAccount:service-12@developer.gserviceaccount.com":                   "",
		"serviceAccount:service-12-compute@developer.gserviceaccount.com":           "",
		"serviceAccount:service-12@cloudbuild.gserviceaccount.com":                  "",
		"serviceAccount:12@serverless-robot-prod.iam.gserviceaccount.com":           "",
		"serviceAccount:service-012@serverless-robot-prod.iam.gserviceaccount.com":  "",
		"serviceAccount:service-app@serverless-robot-prod.iam.gserviceaccount.com":  "",
		"serviceAccount:service-12@serverless-robot-prod.x.iam.gserviceaccount.com": "",
		"serviceAccount:service-12@gcp-sa-x.evil.io.iam.gserviceaccount.com":        "",
		"serviceAccount:service-12@gcp-sa-x.gserviceaccount.com":                    "",
		"serviceAccount:service-12@my-gcp-sa-x.iam.gserviceaccount.com":             "",
		"serviceAccount:build@app-one.iam.gserviceaccount.com":                      "",
		"user:service-12@serverless-robot-prod.iam.gserviceaccount.com":             "",
		"group:12@cloudbuild.gserviceaccount.com":                                   "",
	} {
		number, ok := principal(t, member).ProjectNumber()
		if number.String() != want || ok != (want != "") {
			t.Errorf("%s: project number %q, %t, want %q", member, number, ok, want)
		}
	}
	if number, ok := (iam.Principal{}).ProjectNumber(); ok {
		t.Errorf("the unknown principal belongs to project %s", number)
	}
}

// An agent is made from a number alone: it must be what the text of the member
// would parse as, and lead back to the number.
func TestAgentsOfAnyProject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := project(t, rapid.StringMatching(`[1-9][0-9]{0,17}`).Draw(t, "number"))
		for class, agent := range map[iam.Class]iam.Principal{
			iam.CloudRunAgents:         iam.CloudRunAgent(number),
			iam.ArtifactRegistryAgents: iam.ArtifactRegistryAgent(number),
		} {
			holds(t, iam.ParsePrincipal, agent.String())
			if parsed := principal(t, agent.String()); parsed != agent {
				t.Errorf("%q parses as %q", agent, parsed)
			}
			if byEmail, err := iam.ParseEmail(agent.Email()); err != nil || byEmail != agent {
				t.Errorf("e-mail of %q parses as %q, %v", agent, byEmail, err)
			}
			if back, ok := agent.ProjectNumber(); !ok || back != number {
				t.Errorf("%q belongs to project %q", agent, back)
			}
			if !agent.In(class) || !agent.In(iam.ServiceAccounts) {
				t.Errorf("%q is not in %s and %s", agent, class, iam.ServiceAccounts)
			}
		}
	})
}

func TestAgentNeedsANumber(t *testing.T) {
	for _, p := range []iam.Project{{}, project(t, "app-one"), project(t, "example.com:app-one")} {
		if agent := iam.CloudRunAgent(p); !agent.IsZero() {
			t.Errorf("the Cloud Run agent of %q is %q, want unknown", p, agent)
		}
		if agent := iam.ArtifactRegistryAgent(p); !agent.IsZero() {
			t.Errorf("the Artifact Registry agent of %q is %q, want unknown", p, agent)
		}
	}
}
