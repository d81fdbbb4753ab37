package parse

import (
	"strings"
	"testing"
)

const honestSentence = "Google Cloud Run Service Agent service-111@serverless-robot-prod.iam.gserviceaccount.com must have permission to read the image, us-docker.pkg.dev/shared/apps/web:v1."

const honestEntry = `{"insertId":"e","logName":"projects/app-one/logs/cloudaudit.googleapis.com%2Fsystem_event","timestamp":"2026-01-01T00:00:00Z",` +
	`"resource":{"type":"cloud_run_revision","labels":{"project_id":"app-one","location":"us-central1","service_name":"web"}},` +
	`"protoPayload":{"serviceName":"run.googleapis.com","methodName":"/Services.ReplaceService","resourceName":"namespaces/app-one/services/web",` +
	`"status":{"code":9,"message":"Ready condition status changed to False for Service web with message: SENTENCE"},` +
	`"response":{"metadata":{"name":"web","namespace":"111"},"spec":{"template":{"spec":{"containers":[{"image":"us-docker.pkg.dev/shared/apps/web:v1"}]}}},` +
	`"status":{"conditions":[{"type":"Ready","status":"False","message":"SENTENCE"}]}}}}`

// readHonest returns the findings that may lead to a grant in the honest entry
// with some of its text replaced.
func readHonest(t *testing.T, replace ...string) (all, may int) {
	t.Helper()
	text := honestEntry
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the entry does not hold %q", replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	e, err := Entry([]byte(strings.ReplaceAll(text, "SENTENCE", strings.ReplaceAll(honestSentence, `"`, `\"`))))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range e.Findings {
		if mayGrant(e, f) {
			may++
		}
	}
	return len(e.Findings), may
}

const tail = " Cause: 403 Forbidden GET https://us-docker.pkg.dev/v2/shared/apps/web/manifests/v1 {'errors':[{'code':'DENIED','message':'"

func TestOnlyHonestEntriesMayGrant(t *testing.T) {
	const (
		denied    = `Permission 'artifactregistry.repositories.downloadArtifacts' denied on resource 'projects/shared/locations/us/repositories/apps' (or it may not exist)`
		perimeter = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: xyz"
		message   = `"Ready condition status changed to False for Service web with message: SENTENCE"`
	)
	for name, test := range map[string]struct {
		replace []string
		all     int
		may     int
	}{
		"as it is":                  {nil, 1, 1},
		"with its usual tail":       {[]string{"SENTENCE", "SENTENCE" + tail + denied + "'}]}"}, 1, 1},
		"a perimeter in the tail":   {[]string{"SENTENCE", "SENTENCE" + tail + perimeter + "'}]}"}, 2, 0},
		"a deny policy in the tail": {[]string{"SENTENCE", "SENTENCE" + tail + "Access is denied because of an IAM deny policy.'}]}"}, 2, 0},
		"a code of 9.0":             {[]string{`"code":9`, `"code":9.0`}, 1, 1},
		"a code of 0.0":             {[]string{`"code":9`, `"code":0.0`, message, `"Ready condition status changed to True for Service web."`}, 0, 0},
		"a read that succeeds":      {[]string{"system_event", "data_access", `"status":{"code":9,"message":` + message + `},`, ""}, 0, 0},
		"a refused delete over old conditions": {[]string{
			"system_event", "activity", `"code":9`, `"code":7`,
			message, `"Permission 'run.services.delete' denied on resource 'namespaces/app-one/services/web' (or resource may not exist)."`,
		}, 1, 0},
		"another status over old conditions": {[]string{message, `"Ready condition status changed to False for Service web with message: The container failed to start and listen on the port."`}, 2, 0},
		"another condition than Ready": {[]string{
			`"status":{"code":9,"message":` + message + `},`, "", `"type":"Ready"`, `"type":"Other"`,
		}, 0, 0},
		"a number of another project beside": {[]string{`"namespace":"111"}`, `"namespace":"111"},"name":"projects/222/locations/us-central1/services/web"`}, 1, 0},
		"an id of another project beside":    {[]string{`"namespace":"111"`, `"namespace":"app-two"`}, 1, 0},
		"a quoted command of the user's":     {[]string{"SENTENCE", `Application failed to start: 'SENTENCE`}, 2, 0},
		"an annotation of the user's":        {[]string{"SENTENCE", `spec.template.metadata.annotations[SENTENCE]`}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			all, may := readHonest(t, test.replace...)
			if may != test.may || all != test.all {
				t.Errorf("got %d findings, %d may lead to a grant; want %d, %d", all, may, test.all, test.may)
			}
		})
	}
}

// TestOtherServicesAreRead holds that the fields of other services, which have
// other types there, lose no denial.
func TestOtherServicesAreRead(t *testing.T) {
	e, err := Entry([]byte(`{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","protoPayload":{"serviceName":"cloudfunctions.googleapis.com",` +
		`"methodName":"m","status":{"code":7,"message":"Permission 'iam.serviceaccounts.actAs' denied on service account x@app-one.iam.gserviceaccount.com (or it may not exist)."},` +
		`"request":{"containers":{"a":1}},"response":{"status":"OFFLINE"}}}`))
	if err == nil {
		t.Errorf("containers that are no list in a deploy: got %d findings, want an error", len(e.Findings))
	}
	e, err = Entry([]byte(`{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","protoPayload":{"serviceName":"cloudfunctions.googleapis.com",` +
		`"methodName":"m","status":{"code":7,"message":"Permission 'iam.serviceaccounts.actAs' denied on service account x@app-one.iam.gserviceaccount.com (or it may not exist)."},` +
		`"response":{"status":"OFFLINE"}}}`))
	if err != nil || len(e.Findings) != 1 {
		t.Errorf("got %d findings and error %v, want one finding", len(e.Findings), err)
	}
	if _, err := Entry([]byte(`{"logName":"projects/p/logs/x","protoPayload":{"serviceName":"container.googleapis.com","status":{"code":7},"request":{"containers":{"a":1}}}}`)); err != nil {
		t.Errorf("containers of another service: %v", err)
	}
}

func TestDamagedNamesAreNotMended(t *testing.T) {
	for _, text := range []string{
		strings.Replace(honestSentence, "shared/apps", "sha**red/apps", 1),
		strings.Replace(honestSentence, "service-111@", "service-1**1@", 1),
		strings.Replace(honestSentence, "shared/apps", "shared/ap...ps", 1),
		strings.Replace(honestSentence, "shared/apps", "your-gcp-project/apps", 1),
		strings.Replace(honestSentence, "us-docker", "LOCATION-docker", 1),
		strings.Replace(honestSentence, "us-docker", "region-docker", 1),
		honestSentence + tail + "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: xyz'}]}",
	} {
		for _, f := range Text(text) {
			if grantable(f.Kind) && f.Doubt == "" && !f.Access.Principal.IsZero() && !f.Access.Resource.IsZero() {
				t.Errorf("%s\nleads to %+v", text, f.Access)
			}
		}
	}
	if found := Text("**" + honestSentence + "**"); len(found) != 1 || found[0].Doubt != "" {
		t.Errorf("in bold: got %+v, want the finding without a doubt", found)
	}
}

func TestEscapesThatJSONDoesNotKnow(t *testing.T) {
	if _, err := Entry([]byte(strings.Replace(honestEntry, "False", `F\alse`, 1))); err == nil || !strings.Contains(err.Error(), "an escape that JSON does not know") {
		t.Errorf("got %v", err)
	}
}
