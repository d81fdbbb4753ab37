package admin

import "strings"

// guardKinds are what watches over a deployment and limits it: the alert
// policies of Monitoring, and the constraints and policies of an organization.
func guardKinds() []*kind {
	return []*kind{
		{
			version: "v3", path: "alertPolicies/*", message: "google.monitoring.v3.AlertPolicy", serves: everything,
			id: numbered, form: newForm(`any`, `.*`), complete: completeAlert,
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

// completeOrgPolicy wants a custom constraint to be there.
func completeOrgPolicy(c *call, _, _ document) error {
	constraint := last(c.name)
	if strings.HasPrefix(constraint, "custom.") && len(c.docs.matching([]string{"organizations", "*", "customConstraints", constraint})) == 0 {
		return invalid("The constraint %s does not exist.", constraint)
	}
	return nil
}
