package world

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"
)

// object is a value of JSON.
type object = map[string]any

// entry is what all log entries have in common.
type entry struct {
	id      string
	log     string // projects/P/logs/ID, not escaped
	payload object
	labels  object
	kind    string // of the resource
}

func (e entry) json(when moment) []byte {
	payload := maps.Clone(e.payload) // two deliveries may be made at once
	payload["@type"] = "type.googleapis.com/google.cloud.audit.AuditLog"
	text, err := json.Marshal(object{
		"insertId": e.id, "logName": e.log, "severity": "ERROR",
		"timestamp": when.at.UTC().Format(time.RFC3339Nano), "receiveTimestamp": when.received.UTC().Format(time.RFC3339Nano),
		"resource": object{"type": e.kind, "labels": e.labels}, "protoPayload": payload,
	})
	if err != nil {
		panic(err) // what is made of texts is always JSON
	}
	return text
}

func auditLog(p project, name string) string {
	return "projects/" + p.id + "/logs/" + url.PathEscape("cloudaudit.googleapis.com/"+name)
}

func runLabels(p project) object {
	return object{"project_id": p.id, "location": location, "service_name": "web"}
}

// imageDenied is what Cloud Run says of a service whose agent cannot read its
// image. in has the log and of is whose number the entry carries; both are the
// project that deploys, unless somebody has made the entry up.
func imageDenied(id string, in, of project, agent, image string) entry {
	const format = "Google Cloud Run Service Agent %[1]s must have permission to read the image, %[2]s. Ensure that the provided container " +
		"image URL is correct and that the above account has permission to access the image. If you just enabled the Cloud Run API, the " +
		"permissions might take a few minutes to propagate. Note that the image is from another project, which is not the same as this " +
		"project [%[3]s]. Permission must be granted to the Google Cloud Run Service Agent %[1]s from this project."
	message := fmt.Sprintf(format, agent, image, in.id)
	return entry{id: id, log: auditLog(in, "system_event"), kind: "cloud_run_revision", labels: runLabels(in), payload: object{
		"serviceName": "run.googleapis.com", "methodName": "/Services.ReplaceService", "resourceName": "namespaces/" + in.id + "/services/web",
		"status": object{"code": 9, "message": "Ready condition status changed to False for Service web with message: " + message},
		"response": object{
			"metadata": object{"name": "web", "namespace": of.number},
			"spec":     object{"template": object{"spec": object{"containers": []any{object{"image": image}}}}},
			"status": object{"conditions": []any{
				object{"type": "Ready", "status": "False", "reason": "ContainerPermissionDenied", "message": message},
			}},
		},
	}}
}

// deployed is what Cloud Run says of a deploy that worked.
func deployed(id string, p project, image string) entry {
	return entry{id: id, log: auditLog(p, "system_event"), kind: "cloud_run_revision", labels: runLabels(p), payload: object{
		"serviceName": "run.googleapis.com", "methodName": "/Services.ReplaceService", "resourceName": "namespaces/" + p.id + "/services/web",
		"status": object{"message": "Ready condition status changed to True for Service web."},
		"response": object{
			"metadata": object{"name": "web", "namespace": p.number},
			"spec":     object{"template": object{"spec": object{"containers": []any{object{"image": image}}}}},
			"status":   object{"conditions": []any{object{"type": "Ready", "status": "True"}}},
		},
	}}
}

// deployRefused is what Cloud Run says to whoever deploys and may not.
func deployRefused(id string, p project, caller, method, message, image string, lacks ...object) entry {
	return entry{id: id, log: auditLog(p, "activity"), kind: "cloud_run_revision", labels: runLabels(p), payload: object{
		"serviceName": "run.googleapis.com", "methodName": "google.cloud.run.v2.Services." + method, "resourceName": p.service(),
		"status":             object{"code": 7, "message": message},
		"authenticationInfo": object{"principalEmail": caller},
		"authorizationInfo":  lacks,
		"request": object{"service": object{"template": object{
			"containers": []any{object{"image": image}}, "serviceAccount": p.account("web"),
		}}},
	}}
}

// registryDenied is what Artifact Registry says of an access. in has the log: the
// project of the repository, unless somebody has made the entry up.
func registryDenied(id string, in, of project, repository, caller, permission, method, request string) entry {
	name := of.repository(repository)
	return entry{id: id, log: auditLog(in, "data_access"), kind: "audited_resource", labels: audited(in, "artifactregistry", method), payload: object{
		"serviceName": "artifactregistry.googleapis.com", "methodName": method, "resourceName": name + "/dockerImages/web",
		"status":             object{"code": 7, "message": fmt.Sprintf("Permission %q denied on resource %q (or it may not exist)", permission, name)},
		"authenticationInfo": object{"principalEmail": caller},
		"authorizationInfo":  []any{object{"resource": name, "permission": permission, "resourceAttributes": object{}}},
		"request": object{
			"@type": "type.googleapis.com/google.logging.type.HttpRequest", "requestMethod": "GET",
			"requestUrl": "/v2/" + of.id + "/" + repository + "/web/" + request,
		},
	}}
}

func audited(p project, service, method string) object {
	return object{"project_id": p.id, "service": service + ".googleapis.com", "method": method}
}

// secretDenied is what Secret Manager says of an access. It calls the project by
// its number. in has the log, as of registryDenied.
func secretDenied(id string, in, of project, secret, caller string) entry {
	const method = "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion"
	name := "projects/" + of.number + "/secrets/" + secret + "/versions/latest"
	return entry{id: id, log: auditLog(in, "data_access"), kind: "audited_resource", labels: audited(in, "secretmanager", method), payload: object{
		"serviceName": "secretmanager.googleapis.com", "methodName": method, "resourceName": name,
		"status": object{
			"code": 7, "message": "Permission 'secretmanager.versions.access' denied for resource '" + name + "' (or it may not exist).",
		},
		"authenticationInfo": object{"principalEmail": caller},
		"authorizationInfo": []any{object{
			"permission": "secretmanager.versions.access", "resource": name, "permissionType": "DATA_READ",
			"resourceAttributes": object{
				"service": "secretmanager.googleapis.com", "name": name, "type": "secretmanager.googleapis.com/SecretVersion",
			},
		}},
		"request": object{"@type": "type.googleapis.com/google.cloud.secretmanager.v1.AccessSecretVersionRequest", "name": name},
	}}
}

// revisionDenied is what Cloud Run says of a revision that cannot read secrets of
// its own project.
func revisionDenied(id string, p project, account string, secrets ...string) entry {
	texts := []string{"Revision 'web-00001-abc' is not ready and cannot serve traffic."}
	var env []any
	for n, secret := range secrets {
		texts = append(texts, fmt.Sprintf("spec.template.spec.containers[0].env[%d].value_from.secret_key_ref.name: Permission denied on secret: "+
			"projects/%s/secrets/%s/versions/latest for Revision service account %s. The service account used must be granted the "+
			"'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the secret, project or higher level.", n, p.number, secret, account))
		env = append(env, object{"name": fmt.Sprintf("SECRET_%d", n), "valueFrom": object{"secretKeyRef": object{"name": secret, "key": "latest"}}})
	}
	message := strings.Join(texts, " ")
	labels := runLabels(p)
	labels["configuration_name"], labels["revision_name"] = "web", "web-00001-abc"
	return entry{id: id, log: auditLog(p, "system_event"), kind: "cloud_run_revision", labels: labels, payload: object{
		"serviceName": "run.googleapis.com", "methodName": "/Services.ReplaceService", "resourceName": "namespaces/" + p.id + "/revisions/web-00001-abc",
		"status": object{"code": 7, "message": "Ready condition status changed to False for Revision web-00001-abc with message: " + message},
		"response": object{
			"metadata": object{"name": "web-00001-abc", "namespace": p.number, "labels": object{"cloud.googleapis.com/location": location}},
			"spec": object{
				"containers":         []any{object{"image": image(images, team(0), "v1"), "env": env}},
				"serviceAccountName": account,
			},
			"status": object{"conditions": []any{
				object{"type": "Ready", "status": "False", "reason": "SecretsAccessCheckFailed", "message": message},
			}},
		},
	}}
}

// callDenied is what Cloud Run says of a call of a service.
func callDenied(id string, of project, caller string) entry {
	name := of.service()
	return entry{id: id, log: auditLog(of, "data_access"), kind: "cloud_run_revision", labels: runLabels(of), payload: object{
		"serviceName": "run.googleapis.com", "methodName": "run.routes.invoke", "resourceName": name,
		"status": object{
			"code": 7, "message": "Permission 'run.routes.invoke' denied on resource '" + name + "' (or resource may not exist).",
		},
		"authenticationInfo": object{"principalEmail": caller},
		"authorizationInfo":  []any{object{"permission": "run.routes.invoke", "resource": name}},
	}}
}
