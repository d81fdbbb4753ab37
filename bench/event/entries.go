package event

import "strings"

// message is what Cloud Run says where its agent may not read an image.
const message = `Google Cloud Run Service Agent service-11111111{p}@serverless-robot-prod.iam.gserviceaccount.com must have permission to read the image, ` +
	`us-central1-docker.pkg.dev/shared-images/{to}{r}/web:v1. Ensure that the provided container image URL is correct and that the above account has ` +
	`permission to access the image. If you just enabled the Cloud Run API, the permissions might take a few minutes to propagate. Note that the image ` +
	`is from another project, which is not the same as this project [{from}{p}]. Permission must be granted to the Google Cloud Run Service Agent ` +
	`service-11111111{p}@serverless-robot-prod.iam.gserviceaccount.com from this project.`

// denied is the entry of a deploy whose image cannot be read.
const denied = `{
"insertId": "bench-{n}",
"logName": "projects/{from}{p}/logs/cloudaudit.googleapis.com%2Fsystem_event",
"timestamp": "{time}",
"receiveTimestamp": "{time}",
"severity": "ERROR",
"resource": {"type": "cloud_run_revision", "labels": {"project_id": "{from}{p}", "location": "us-central1", "service_name": "web", "revision_name": "web-00001-abc", "configuration_name": "web"}},
"protoPayload": {
"@type": "type.googleapis.com/google.cloud.audit.AuditLog",
"serviceName": "run.googleapis.com",
"methodName": "/Services.ReplaceService",
"resourceName": "namespaces/{from}{p}/services/web",
"status": {"code": 9, "message": "Ready condition status changed to False for Service web with message: ` + message + `"},
"response": {
"metadata": {"name": "web", "namespace": "11111111{p}"},
"spec": {"template": {"spec": {"containers": [{"image": "us-central1-docker.pkg.dev/shared-images/{to}{r}/web:v1"}]}}},
"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "ContainerPermissionDenied", "message": "` + message + `"}]}
}}}`

func deniedOf(from, to string) string {
	return strings.NewReplacer("{from}", from, "{to}", to).Replace(denied)
}

// succeeded is the entry of a deploy that worked, as long as one that did not:
// {pad} stands for the many fields of a service that a real one shows.
const succeeded = `{
"insertId": "bench-{n}",
"logName": "projects/app-{p}/logs/cloudaudit.googleapis.com%2Fsystem_event",
"timestamp": "{time}",
"receiveTimestamp": "{time}",
"severity": "INFO",
"resource": {"type": "cloud_run_revision", "labels": {"project_id": "app-{p}", "location": "us-central1", "service_name": "web", "revision_name": "web-00001-abc", "configuration_name": "web"}},
"protoPayload": {
"@type": "type.googleapis.com/google.cloud.audit.AuditLog",
"serviceName": "run.googleapis.com",
"methodName": "/Services.ReplaceService",
"resourceName": "namespaces/app-{p}/services/web",
"status": {"message": "Ready condition status changed to True for Service web."},
"response": {
"metadata": {"name": "web", "namespace": "11111111{p}", "annotations": {"run.googleapis.com/launch-stage": "GA", "run.googleapis.com/custom-audiences": "{extra}"}},
"spec": {"template": {"spec": {"containers": [{"image": "us-central1-docker.pkg.dev/shared-images/apps-{r}/web:v1", "env": [{pad}]}]}}},
"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "ConfigurationsReady", "status": "True"}, {"type": "RoutesReady", "status": "True"}]}
}}}`

// padding makes succeeded as long as denied.
var padding = strings.Join(repeat(`{"name": "SETTING", "value": "a value of some length"}`, 24), ", ")

func repeat(text string, times int) []string {
	all := make([]string, times)
	for i := range all {
		all[i] = text
	}
	return all
}

// actAs is the entry of a deployer who may not use the service's account.
const actAs = `{
"insertId": "bench-{n}",
"logName": "projects/app-{p}/logs/cloudaudit.googleapis.com%2Factivity",
"timestamp": "{time}",
"receiveTimestamp": "{time}",
"severity": "ERROR",
"resource": {"type": "cloud_run_revision", "labels": {"project_id": "app-{p}", "location": "us-central1", "service_name": "web-{r}"}},
"protoPayload": {
"@type": "type.googleapis.com/google.cloud.audit.AuditLog",
"serviceName": "run.googleapis.com",
"methodName": "google.cloud.run.v2.Services.CreateService",
"resourceName": "projects/app-{p}/locations/us-central1/services/web-{r}",
"status": {"code": 7, "message": "Permission 'iam.serviceaccounts.actAs' denied on service account web-{n}@app-{p}.iam.gserviceaccount.com (or it may not exist)."},
"authenticationInfo": {"principalEmail": "deployer@app-{p}.iam.gserviceaccount.com"},
"authorizationInfo": [{"permission": "run.services.create", "resource": "namespaces/app-{p}/services/web-{r}", "granted": true}],
"request": {"service": {"template": {"containers": [{"image": "us-central1-docker.pkg.dev/shared-images/apps-{r}/web:v1", "env": [{pad}]}], "serviceAccount": "web-{n}@app-{p}.iam.gserviceaccount.com"}}}
}}`

var entries = map[Kind]string{
	Success: strings.ReplaceAll(succeeded, "{extra}", "yes"),
	Read:    strings.ReplaceAll(succeeded, "{extra}", "false"), // what is false could be a condition
	Ignored: deniedOf("sandbox-", "apps-"),
	Alert:   actAs,
	Observe: deniedOf("app-", "watched-"),
	Grant:   deniedOf("app-", "apps-"),
}
