package admin

import (
	"fmt"
	"strings"
)

// guardKinds are what watches over a deployment and limits it: the alert
// policies and dashboards of Monitoring, and the constraints and policies of an
// organization.
func guardKinds() []*kind {
	return []*kind{
		{
			version: "v3", path: "alertPolicies/*", message: "google.monitoring.v3.AlertPolicy", serves: everything,
			id: numbered, form: newForm(`any`, `.*`), complete: completeAlert,
		},
		{
			version: "v1", path: "dashboards/*", message: "google.monitoring.dashboard.v1.Dashboard", serves: everything,
			id: namedOrNumbered, form: newForm(`letters, digits and hyphens`, `[a-zA-Z0-9-]{1,100}`), etag: true, complete: completeDashboard,
		},
		{
			version: "v2", roots: []string{"organizations"}, path: "customConstraints/*", message: "google.cloud.orgpolicy.v2.CustomConstraint",
			serves: everything, id: fromName, stamps: []string{"updateTime"},
			form: newForm(`custom. and up to 62 letters and digits`, `custom\.[A-Za-z0-9]{1,62}`),
		},
		{
			version: "v2", roots: everywhere, path: "policies/*", message: "google.cloud.orgpolicy.v2.Policy",
			serves: everything, id: fromName, etag: true, form: newForm(`the name of a constraint`, `[A-Za-z0-9.-]+`), complete: completeOrgPolicy,
		},
	}
}

func completeAlert(c *call, old, doc document) error {
	conditions, _ := doc["conditions"].([]any)
	if text(doc, "displayName") == "" || len(conditions) == 0 {
		return invalid("The displayName and the conditions of the alert policy must be specified.")
	}
	for _, condition := range conditions {
		if one, ok := condition.(document); ok {
			otherwise(one, document{"name": c.name + "/conditions/" + numbered(c, nil)})
		}
	}
	record := document{"mutateTime": now()}
	if old == nil {
		doc["creationRecord"] = record
	}
	doc["mutationRecord"] = record
	otherwise(doc, document{"enabled": true})
	return nil
}

// namedOrNumbered takes the id of a new dashboard from its name, or makes one up.
func namedOrNumbered(c *call, doc document) string {
	if text(doc, "name") == "" {
		return numbered(c, doc)
	}
	return fromName(c, doc)
}

// completeDashboard wants exactly one layout, and names the dashboard with the
// number of its project.
func completeDashboard(c *call, _, doc document) error {
	layouts := 0
	for _, layout := range []string{"gridLayout", "mosaicLayout", "rowLayout", "columnLayout"} {
		if doc[layout] != nil {
			layouts++
		}
	}
	if text(doc, "displayName") == "" || layouts != 1 {
		return invalid("The displayName and one layout of the dashboard must be specified.")
	}
	if number, ok := c.world.Project(part(c.name, "projects")); ok {
		doc["name"] = fmt.Sprintf("projects/%d/dashboards/%s", number, last(c.name))
	}
	return nil
}

// completeOrgPolicy wants a custom constraint to be there.
func completeOrgPolicy(c *call, _, _ document) error {
	constraint := last(c.name)
	if strings.HasPrefix(constraint, "custom.") && len(c.docs.matching([]string{"organizations", "*", "customConstraints", constraint})) == 0 {
		return invalid("The constraint %s does not exist.", constraint)
	}
	return nil
}
