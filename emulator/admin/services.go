package admin

import (
	"fmt"
)

// maxBatch is how many services one request can enable.
const maxBatch = 20

func serviceKinds() []*kind {
	const path = "services/*"
	return []*kind{{
		version: "v1beta1", path: path, message: "google.api.serviceusage.v1beta1.ServiceIdentity",
		verbs: map[string]verb{"generateServiceIdentity": {"GenerateServiceIdentity", agent}},
	}, {
		version: "v1", path: path, message: "google.api.serviceusage.v1.Service", serves: gets | lists,
		absent: disabled, filtered: filteredServices,
		verbs: map[string]verb{
			"enable":  {"EnableService", enableService},
			"disable": {"DisableService", disableService},
		},
		collection: map[string]verb{"batchEnable": {"BatchEnableServices", batchEnable}},
	}}
}

// disabled is a service that was never enabled.
func disabled(c *call) document { return c.serviceDocument(c.name, "DISABLED") }

// serviceDocument has the number of the project in its names, as the real one.
func (c *call) serviceDocument(name, state string) document {
	n, _ := c.world.Project(part(name, "projects"))
	project := fmt.Sprintf("projects/%d", n)
	return document{
		"name": project + "/services/" + last(name), "parent": project, "state": state,
		"config": document{"name": last(name)},
	}
}

func (c *call) enable(name string) document {
	doc := c.serviceDocument(name, "ENABLED")
	c.docs.put(name, doc)
	return doc
}

func enableService(c *call) (any, error) {
	return c.operation("google.api.serviceusage.v1.EnableServiceResponse", document{"service": c.enable(c.name)}, "enable"), nil
}

func batchEnable(c *call) (any, error) {
	ids, _ := c.body["serviceIds"].([]any)
	if len(ids) == 0 || len(ids) > maxBatch {
		return nil, invalid("Invalid number of services %d: want 1 to %d.", len(ids), maxBatch)
	}
	services := []any{}
	for _, id := range ids {
		services = append(services, c.enable(fmt.Sprintf("%s/services/%v", c.name, id)))
	}
	return c.operation("google.api.serviceusage.v1.BatchEnableServicesResponse", document{"services": services}, "enable"), nil
}

func disableService(c *call) (any, error) {
	c.forget(c.name)
	return c.operation("google.api.serviceusage.v1.DisableServiceResponse", document{"service": disabled(c)}, "disable"), nil
}

func filteredServices(c *call) (listing, error) {
	switch filter := c.query.Get("filter"); filter {
	case "", "state:ENABLED":
		return asItIs, nil
	case "state:DISABLED":
		return noneOf, nil
	default:
		return nil, invalid("Invalid filter %q: want state:ENABLED or state:DISABLED.", filter)
	}
}

// agents are the accounts that services act with, where deployments have to do
// with them (https://cloud.google.com/iam/docs/service-agents).
var agents = map[string]string{
	"artifactregistry.googleapis.com": "gcp-sa-artifactregistry",
	"cloudbuild.googleapis.com":       "gcp-sa-cloudbuild",
	"cloudfunctions.googleapis.com":   "gcf-admin-robot",
	"eventarc.googleapis.com":         "gcp-sa-eventarc",
	"logging.googleapis.com":          "gcp-sa-logging",
	"pubsub.googleapis.com":           "gcp-sa-pubsub",
	"run.googleapis.com":              "serverless-robot-prod",
	"secretmanager.googleapis.com":    "gcp-sa-secretmanager",
}

// agent tells who the agent of a service is. All agents are there from the
// beginning, and so the operation is done at once.
func agent(c *call) (any, error) {
	domain, ok := agents[last(c.name)]
	if !ok {
		return nil, invalid("The emulator does not know the agent of %s.", last(c.name))
	}
	n, _ := c.world.Project(part(c.name, "projects"))
	identity := document{"email": fmt.Sprintf("service-%d@%s.iam.gserviceaccount.com", n, domain), "uniqueId": fmt.Sprint(n)}
	name := text(c.operation(c.kind.message, identity, "identity"), "name")
	done, _ := c.operations.get(name)
	return done, nil
}
