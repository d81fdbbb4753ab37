package samples

import (
	"cmp"
	"encoding/json"
	"time"
)

// entry is what differs from one log entry to another.
type entry struct {
	log        string // of cloudaudit.googleapis.com, such as "system_event"
	project    string // in whose log it is; "" is app-one
	service    string // such as "artifactregistry.googleapis.com"; "" is Cloud Run
	method     string
	resource   string // resourceName
	caller     string
	code       int
	message    string
	permission string // that was refused, in authorizationInfo
	labels     object // of the monitored resource; nil are those of the service web
	reason     string // of the condition that is not met
	image      string // that was deployed; "" is the one of most samples
}

type object map[string]any

const (
	run       = "run.googleapis.com"
	image     = "us-central1-docker.pkg.dev/shared-images/apps/web:v1"
	webName   = "projects/app-one/locations/us-central1/services/web"
	identity  = "web@app-one.iam.gserviceaccount.com"
	deployer  = "deployer@app-one.iam.gserviceaccount.com"
	agent     = "service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	secretKey = "projects/111111111111/secrets/db-password/versions/latest"
)

func (e entry) json() ([]byte, error) {
	labels := e.labels
	if labels == nil {
		labels = object{"project_id": "app-one", "location": "us-central1", "service_name": "web"}
	}
	return json.Marshal(object{
		"insertId": "1a2b3cd4e5f6", "timestamp": at.Format(time.RFC3339Nano), "severity": "ERROR",
		"logName":  "projects/" + cmp.Or(e.project, "app-one") + "/logs/cloudaudit.googleapis.com%2F" + e.log,
		"resource": object{"type": "audited_resource", "labels": labels}, "protoPayload": e.payload(),
	})
}

func (e entry) payload() object {
	p := object{
		"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "serviceName": cmp.Or(e.service, run), "methodName": e.method,
		"resourceName": e.resource, "status": object{"code": e.code, "message": e.message},
	}
	if e.caller != "" {
		p["authenticationInfo"] = object{"principalEmail": e.caller}
	}
	if e.permission != "" {
		p["authorizationInfo"] = []object{{"permission": e.permission, "resource": e.resource}}
	}
	switch e.log {
	case "system_event":
		p["response"] = e.revision()
	case "activity":
		p["request"] = object{"service": object{"template": object{"containers": []object{{"image": image}}, "serviceAccount": identity}}}
	}
	return p
}

// revision is what was deployed, in the state that it ended in.
func (e entry) revision() object {
	secret := object{"name": "DB_PASSWORD", "valueFrom": object{"secretKeyRef": object{"name": "db-password", "key": "latest"}}}
	return object{
		"metadata": object{"name": "web-00001-abc", "namespace": "111111111111"},
		"spec": object{
			"serviceAccountName": identity, "containers": []object{{"image": cmp.Or(e.image, image), "env": []object{secret}}},
		},
		"status": object{"conditions": []object{{"type": "Ready", "status": "False", "reason": e.reason, "message": e.message}}},
	}
}
