package emulator

import "strings"

// audited says how the audit logs name a change of a policy.
type audited struct {
	resource   string // resourceName
	service    string // serviceName
	method     string // methodName; "" is gRPC's full name with dots
	permission string
	monitored  string // type of resource.type
	owner      string // of the log: a project, folder or organization
	labels     object // of the resource
}

// auditedTypes are named by the collection of the resource. Methods and types:
// https://cloud.google.com/artifact-registry/docs/audit-logging,
// https://cloud.google.com/secret-manager/docs/audit-logging,
// https://cloud.google.com/run/docs/audit-logging,
// https://cloud.google.com/pubsub/docs/audit-logging,
// https://cloud.google.com/iam/docs/audit-logging and
// https://cloud.google.com/resource-manager/docs/audit-logging.
var auditedTypes = map[string]audited{
	"repositories":  {service: "artifactregistry.googleapis.com", permission: "artifactregistry.repositories.setIamPolicy", monitored: "audited_resource"},
	"secrets":       {service: "secretmanager.googleapis.com", permission: "secretmanager.secrets.setIamPolicy", monitored: "audited_resource"},
	"services":      {service: "run.googleapis.com", permission: "run.services.setIamPolicy", monitored: "cloud_run_revision"},
	"jobs":          {service: "run.googleapis.com", permission: "run.jobs.setIamPolicy", monitored: "cloud_run_job"},
	"workerPools":   {service: "run.googleapis.com", permission: "run.workerpools.setIamPolicy", monitored: "cloud_run_worker_pool"},
	"topics":        {service: "pubsub.googleapis.com", permission: "pubsub.topics.setIamPolicy", monitored: "pubsub_topic"},
	"subscriptions": {service: "pubsub.googleapis.com", permission: "pubsub.subscriptions.setIamPolicy", monitored: "pubsub_subscription"},
	"serviceAccounts": {
		service: "iam.googleapis.com", method: "google.iam.admin.v1.SetIAMPolicy",
		permission: "iam.serviceAccounts.setIamPolicy", monitored: "service_account",
	},
	"projects": {
		service: "cloudresourcemanager.googleapis.com", method: "SetIamPolicy",
		permission: "resourcemanager.projects.setIamPolicy", monitored: "project",
	},
	"folders": {
		service: "cloudresourcemanager.googleapis.com", method: "SetIamPolicy",
		permission: "resourcemanager.folders.setIamPolicy", monitored: "folder",
	},
	"organizations": {
		service: "cloudresourcemanager.googleapis.com", method: "SetIamPolicy",
		permission: "resourcemanager.organizations.setIamPolicy", monitored: "organization",
	},
}

// auditedAs returns how a call of the method on the resource is named, false
// where the name is not one of a resource. The method has gRPC's full name.
func auditedAs(resource, method string) (audited, bool) {
	parts := strings.Split(resource, "/")
	if len(parts) < 2 {
		return audited{}, false
	}
	a, ok := auditedTypes[parts[len(parts)-2]]
	if !ok {
		return a, false
	}
	a.resource = resource
	if a.method == "" {
		a.method = strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	}
	a.owner = strings.Join(parts[:2], "/")
	a.labels = object{strings.TrimSuffix(parts[0], "s") + "_id": parts[1]}
	switch {
	case a.monitored == "audited_resource":
		a.labels["service"], a.labels["method"] = a.service, a.method
	case a.monitored == "service_account":
		a.labels["email_id"] = parts[len(parts)-1]
	case a.service == "pubsub.googleapis.com":
		a.labels[strings.TrimPrefix(a.monitored, "pubsub_")+"_id"] = parts[len(parts)-1]
	case a.service == "run.googleapis.com" && len(parts) > 3:
		a.labels["location"] = parts[3]
	}
	return a, true
}
