package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// rest sends a request and returns the status and the answer.
func rest(t *testing.T, l *local, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
	return res.StatusCode, answer
}

func TestREST(t *testing.T) {
	l := start(t, seed)
	const empty = `{"bindings":[{"role":"roles/run.invoker","members":["user:a@example.com"]}]}`
	for _, test := range []struct {
		method, path, body string
		want               string // a key of the answer and its value, as JSON
	}{
		{"GET", "/v1/" + apps + "?alt=json&prettyPrint=false&$.xgafv=2&unknown=1", "", `"registryUri":"us-central1-docker.pkg.dev/shared-images/apps"`},
		{"GET", "/v1/" + apps + "/dockerImages/team%2Fapi@" + ones, "", `"tags":["v1","v2"]`},
		{"GET", "/v1/" + apps + "/dockerImages/team%252Fapi%40sha256%3A" + strings.TrimPrefix(ones, "sha256:"), "", `"tags":["v1","v2"]`},
		{"GET", "/v1/" + apps + "/packages/team%2Fapi/tags/v1", "", `"name":"` + apps + `/packages/team%2Fapi/tags/v1"`},
		{"GET", "/v1/" + apps + "/rules?pageSize=1", "", `"nextPageToken":"1"`},
		{"GET", "/v1/" + apps + ":getIamPolicy?options.requestedPolicyVersion=3", "", `"version":1`},
		{"GET", "/v1/projects/shared-images/locations/us-central1/repositories/conditional:getIamPolicy?options.requestedPolicyVersion=3", "", `"version":3`},
		{"GET", "/v1/projects/shared-images/locations/us-central1/repositories/conditional:getIamPolicy?options.requested_policy_version=3", "", `"version":3`},
		{"GET", "/v1/projects/shared-images/locations/us-central1/repositories/conditional:getIamPolicy", "", `"version":1`},
		{"POST", "/v1/" + apps + ":testIamPermissions", `{"permissions":["a.b.c"]}`, `"permissions":["a.b.c"]`},
		{"GET", "/v1/projects/app-one/secrets/hub/versions/latest:access", "", `"payload":{"data":"aHVudGVyMg==","dataCrc32c":"`},
		{"GET", "/v1/projects/app-one/secrets?pageSize=1", "", `"totalSize":2`},
		{"GET", "/v1/projects/app-one/secrets/hub:getIamPolicy", "", `"etag":"ACAB"`},
		{"GET", "/v2/projects/app-one/locations/us-central1/services/web", "", `"generation":"1"`},
		{"GET", "/v1/projects/app-one/locations/us-central1/services/web:getIamPolicy?options.requestedPolicyVersion=3", "", `"etag":"ACAB"`},
		{"POST", "/v1/projects/app-one/locations/us-central1/services/web:setIamPolicy", `{"policy":` + empty + `,"unknown":1}`, `"bindings":[{"members":["user:a@example.com"],"role":"roles/run.invoker"}]`},
		{"POST", "/v2/projects/app-one/locations/us-central1/jobs/nightly:setIamPolicy", `{"policy":` + empty + `,"updateMask":"bindings,etag"}`, `"version":1`},
		{"POST", "/v1/projects/-/serviceAccounts/run@app-one.iam.gserviceaccount.com:getIamPolicy?options.requestedPolicyVersion=3", "", `"version":1`},
		{"GET", "/v1/projects/app-one", "", `"parent":{"id":"222","type":"folder"}`},
		{"GET", "/v1/projects/111111111111", "", `"projectNumber":"111111111111"`},
		{"GET", "/v3/projects/app-one", "", `"name":"projects/111111111111"`},
		{"POST", "/v1/projects/app-one:getIamPolicy", `{"options":{"requestedPolicyVersion":3}}`, `"etag":"ACAB"`},
		{"GET", "/v2/folders/222", "", `"lifecycleState":"ACTIVE"`},
		{"GET", "/v1/organizations/333", "", `"name":"organizations/333"`},
		{"GET", "/v2/projects/app-one/locations", "", `"locationId":"us-central1"`},
		{"GET", "/v1beta2/projects/app-one/locations", "", `"name":"projects/app-one/locations/us-central1"`},
		{"GET", "/v1beta2/projects/shared-images/locations/us-central1/repositories", "", `"name":"` + apps + `"`},
		{"GET", "/v2/projects/app-one/locations/-/services", "", `"name":"projects/app-one/locations/us-central1/services/web"`},
		{"GET", "/v2/projects/app-one/locations/us-central1/jobs", "", `"name":"projects/app-one/locations/us-central1/jobs/nightly"`},
		{"GET", "/v2/projects/app-one/locations/us-central1/workerPools", "", `"name":"projects/app-one/locations/us-central1/workerPools/queue"`},
		{"POST", "/v2/entries:write", `{"entries":[{"logName":"projects/app-one/logs/a","resource":{"type":"global"},"severity":"ERROR","textPayload":"x"}]}`, ``},
		{"POST", "/v2/entries:list", `{"resourceNames":["projects/app-one"],"filter":"severity>=ERROR","orderBy":"timestamp desc"}`, `"textPayload":"x"`},
	} {
		code, answer := rest(t, l, test.method, test.path, test.body)
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if code != http.StatusOK || !strings.Contains(string(text), test.want) {
			t.Errorf("%s %s: %d %s, want 200 and %s", test.method, test.path, code, text, test.want)
		}
	}
}

func TestRESTErrors(t *testing.T) {
	l := start(t, seed+`
faults:
  - {method: GetSecret, code: UNAVAILABLE}
`)
	for _, test := range []struct {
		method, path, body string
		code               int
		status, message    string
	}{
		{"GET", "/v1/" + apps + "x", "", 404, "NOT_FOUND", "Requested entity was not found."},
		{"GET", "/v1/projects/none", "", 403, "PERMISSION_DENIED", "(or it may not exist)"},
		{"POST", "/v1/" + apps + ":setIamPolicy", `{"policy":{"etag":"ACAB"}}`, 409, "ABORTED", "There were concurrent policy changes."},
		{"POST", "/v1/" + apps + ":setIamPolicy", `{"policy":{"bindings":[{"role":"roles/artifactregistry.reader","members":["` + nobody + `"]}]}}`, 400, "INVALID_ARGUMENT", "does not exist."},
		{"POST", "/v1/" + apps + ":setIamPolicy", `{"policy":`, 400, "INVALID_ARGUMENT", "Invalid JSON payload received."},
		{"GET", "/v1/" + apps + ":getIamPolicy?options.requestedPolicyVersion=x", "", 400, "INVALID_ARGUMENT", "Invalid value in the URL."},
		{"GET", "/v1/projects/app-one/secrets/hub", "", 503, "UNAVAILABLE", "GetSecret: a fault of the seed"},
		{"DELETE", "/v1/" + apps, "", 501, "UNIMPLEMENTED", ""},
		{"GET", "/nowhere", "", 404, "NOT_FOUND", `GET "/nowhere"`},
		{"GET", "/", "", 404, "NOT_FOUND", ""},
		{"POST", "/_emulator/calls", "", 404, "NOT_FOUND", ""},
	} {
		code, answer := rest(t, l, test.method, test.path, test.body)
		body, _ := answer["error"].(map[string]any)
		message, _ := body["message"].(string)
		if code != test.code || body["code"] != float64(test.code) || body["status"] != test.status || !strings.Contains(message, test.message) {
			t.Errorf("%s %s: %d %v, want %d %s %q", test.method, test.path, code, answer, test.code, test.status, test.message)
		}
	}
}

func TestEtagsInREST(t *testing.T) {
	l := start(t, seed)
	_, policy := rest(t, l, "GET", "/v1/"+apps+":getIamPolicy", "")
	etag, _ := policy["etag"].(string)
	if raw, err := base64.StdEncoding.DecodeString(etag); err != nil || base64.StdEncoding.EncodeToString(raw) != etag || etag == "" {
		t.Errorf("etag %q is not canonical base64: %v", etag, err)
	}
	write := `{"policy":{"etag":"` + etag + `","version":1,"bindings":[{"role":"roles/artifactregistry.reader","members":["` + agent + `"]}]}}`
	if code, answer := rest(t, l, "POST", "/v1/"+apps+":setIamPolicy", write); code != 200 || answer["etag"] == etag {
		t.Errorf("got %d %v", code, answer)
	}
	if code, _ := rest(t, l, "POST", "/v1/"+apps+":setIamPolicy", write); code != 409 {
		t.Errorf("a stale etag: %d, want 409", code)
	}
}

func TestTheEmulatorsOwnPaths(t *testing.T) {
	l := start(t, seed+"\nfaults: [{method: GetSecret, code: ABORTED, afterWrite: true}]")
	for range 2 {
		rest(t, l, "GET", "/v1/projects/app-one/secrets/hub", "")
	}
	policyOf(t, registry(t, l), apps, 3)

	_, calls := rest(t, l, "GET", "/_emulator/calls", "")
	diff(t, calls, map[string]any{"GetSecret": 2.0, "GetIamPolicy": 1.0})
	_, policies := rest(t, l, "GET", "/_emulator/policies", "")
	diff(t, policies["projects/app-one/secrets/hub"], any(map[string]any{"etag": "ACAB", "version": 1.0}))
	text, err := json.Marshal(policies[conditional])
	if err != nil || !strings.Contains(string(text), `"title":"t"`) {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestTheEmulatorsOwnPathsAreSpared(t *testing.T) {
	l := start(t, "latency: 1h\nfaults: [{method: \"*\", code: ABORTED, times: 1000}]")
	if code, _ := rest(t, l, "GET", "/_emulator/calls", ""); code != http.StatusOK {
		t.Errorf("got %d", code)
	}
}
