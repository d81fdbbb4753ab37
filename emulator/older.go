package emulator

import (
	"net/http"
	"strings"
)

// olderPaths are the paths of earlier API versions that gcloud still uses, by
// the full name of the current method: Resource Manager v1 and v2, and the IAM
// methods of Cloud Run v1; the lists of Artifact Registry v1beta2; and Pub/Sub,
// which reads a policy by GET.
var olderPaths = map[string][]httpPath{
	"/google.cloud.resourcemanager.v3.Projects/GetProject":                   {{http.MethodGet, "/v1/{name=projects/*}", "", projectV1}},
	"/google.cloud.resourcemanager.v3.Projects/GetIamPolicy":                 post("/v1/{resource=projects/*}:getIamPolicy"),
	"/google.cloud.resourcemanager.v3.Projects/SetIamPolicy":                 post("/v1/{resource=projects/*}:setIamPolicy"),
	"/google.cloud.resourcemanager.v3.Projects/TestIamPermissions":           post("/v1/{resource=projects/*}:testIamPermissions"),
	"/google.cloud.resourcemanager.v3.Folders/GetFolder":                     {{http.MethodGet, "/v2/{name=folders/*}", "", lifecycleState}},
	"/google.cloud.resourcemanager.v3.Folders/GetIamPolicy":                  post("/v2/{resource=folders/*}:getIamPolicy"),
	"/google.cloud.resourcemanager.v3.Folders/SetIamPolicy":                  post("/v2/{resource=folders/*}:setIamPolicy"),
	"/google.cloud.resourcemanager.v3.Folders/TestIamPermissions":            post("/v2/{resource=folders/*}:testIamPermissions"),
	"/google.cloud.resourcemanager.v3.Organizations/GetOrganization":         {{http.MethodGet, "/v1/{name=organizations/*}", "", lifecycleState}},
	"/google.cloud.resourcemanager.v3.Organizations/GetIamPolicy":            post("/v1/{resource=organizations/*}:getIamPolicy"),
	"/google.cloud.resourcemanager.v3.Organizations/SetIamPolicy":            post("/v1/{resource=organizations/*}:setIamPolicy"),
	"/google.cloud.resourcemanager.v3.Organizations/TestIamPermissions":      post("/v1/{resource=organizations/*}:testIamPermissions"),
	"/google.devtools.artifactregistry.v1.ArtifactRegistry/ListRepositories": get("/v1beta2/{parent=projects/*/locations/*}/repositories"),
	"/google.cloud.location.Locations/ListLocations":                         append(get("/v1beta2/{name=projects/*}/locations"), get("/v2/{name=projects/*}/locations")...),
	"/google.iam.v1.IAMPolicy/GetIamPolicy":                                  get("/v1/{resource=**}:getIamPolicy"),
	"/google.cloud.run.v2.Services/GetIamPolicy":                             get("/v1/{resource=projects/*/locations/*/services/*}:getIamPolicy"),
	"/google.cloud.run.v2.Services/SetIamPolicy":                             post("/v1/{resource=projects/*/locations/*/services/*}:setIamPolicy"),
	"/google.cloud.run.v2.Services/TestIamPermissions":                       post("/v1/{resource=projects/*/locations/*/services/*}:testIamPermissions"),
	"/google.cloud.run.v2.Jobs/GetIamPolicy":                                 get("/v1/{resource=projects/*/locations/*/jobs/*}:getIamPolicy"),
	"/google.cloud.run.v2.Jobs/SetIamPolicy":                                 post("/v1/{resource=projects/*/locations/*/jobs/*}:setIamPolicy"),
	"/google.cloud.run.v2.Jobs/TestIamPermissions":                           post("/v1/{resource=projects/*/locations/*/jobs/*}:testIamPermissions"),
}

func get(path string) []httpPath  { return []httpPath{{http.MethodGet, path, "", nil}} }
func post(path string) []httpPath { return []httpPath{{http.MethodPost, path, "*", nil}} }

// lifecycleState is the former name of the state.
func lifecycleState(doc map[string]any) {
	doc["lifecycleState"] = doc["state"]
	delete(doc, "state")
}

// projectV1 turns a project into its version 1: the number is a field of its
// own, and the parent is in two parts.
func projectV1(doc map[string]any) {
	lifecycleState(doc)
	name, _ := doc["name"].(string)
	doc["projectNumber"] = strings.TrimPrefix(name, "projects/")
	doc["name"] = doc["displayName"]
	delete(doc, "displayName")
	if parent, ok := doc["parent"].(string); ok {
		collection, id, _ := strings.Cut(parent, "/")
		doc["parent"] = map[string]any{"type": strings.TrimSuffix(collection, "s"), "id": id}
	}
}
