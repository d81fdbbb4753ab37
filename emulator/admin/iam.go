package admin

import (
	"fmt"
	"slices"
	"strings"
)

func iamKinds() []*kind {
	accountID := newForm(`6 to 30 of lower-case letters, digits and hyphens, the first a letter`, `[a-z][a-z0-9-]{4,28}[a-z0-9]@.*`)
	return []*kind{
		{
			version: "v1", path: "serviceAccounts/*", message: "google.iam.admin.v1.ServiceAccount", serves: creates | lists | deletes,
			id: newEmail, form: accountID, inCreate: "serviceAccount", listed: "accounts", etag: true,
			complete: completeAccount, ended: accountEnded,
		},
		{
			version: "v1", path: "serviceAccounts/*/keys/*", message: "google.iam.admin.v1.ServiceAccountKey", serves: creates | gets | lists | deletes,
			id: newKey, form: newForm(`40 hexadecimal digits`, `[0-9a-f]{40}`), complete: completeKey, filtered: filteredKeys,
		},
		{
			version: "v1", roots: []string{"projects", "organizations"}, path: "roles/*", message: "google.iam.admin.v1.Role", serves: everything,
			id: fromField("roleId"), form: newForm(`3 to 64 of letters, digits, _ and .`, `[A-Za-z0-9_.]{3,64}`), inCreate: "role", etag: true,
			complete: completeRole, ended: roleEnded, filtered: filteredRoles,
			verbs: map[string]verb{"undelete": {"UndeleteRole", undeleteRole}},
		},
	}
}

// newEmail is the address of a new account, which is also its id. In that of a
// project of a domain, the domain comes last.
func newEmail(c *call, _ document) string {
	project := part(c.name, "projects")
	if domain, name, scoped := strings.Cut(project, ":"); scoped {
		project = name + "." + domain
	}
	return text(c.body, "accountId") + "@" + project + ".iam.gserviceaccount.com"
}

func completeAccount(c *call, _, doc document) error {
	apply(doc, c.account(c.name), nil)
	return nil
}

// account is what the service says of every account.
func (s *Server) account(name string) document {
	unique := fmt.Sprintf("1%020d", s.number())
	return document{"name": name, "projectId": part(name, "projects"), "email": last(name), "uniqueId": unique, "oauth2ClientId": unique}
}

func accountEnded(c *call, doc document) (document, error) {
	for _, key := range c.Below(c.name + "/keys") {
		c.docs.remove(text(key, "name"))
	}
	email := text(doc, "email")
	c.world.Renamed("serviceAccount:"+email, "deleted:serviceAccount:"+email+"?uid="+text(doc, "uniqueId"))
	return nil, nil
}

func newKey(c *call, _ document) string { return fmt.Sprintf("%040x", c.number()) }

// completeKey makes no file: nobody is asked for one here.
func completeKey(c *call, _, doc document) error {
	if _, ok := c.docs.get(parent(c.name)); !ok {
		return notFound(parent(c.name))
	}
	doc["keyType"], doc["keyOrigin"] = userManaged, "GOOGLE_PROVIDED"
	doc["validAfterTime"], doc["validBeforeTime"] = now(), "9999-12-31T23:59:59Z"
	return nil
}

// userManaged is the type of all keys here: those of Google's own are not shown.
const userManaged = "USER_MANAGED"

func filteredKeys(c *call) (listing, error) {
	if _, ok := c.docs.get(c.name); !ok {
		return nil, notFound(c.name)
	}
	if types := c.query["keyTypes"]; types != nil && !slices.Contains(types, userManaged) {
		return noneOf, nil
	}
	return asItIs, nil
}

// completeRole refuses what only an organization's role can hold.
func completeRole(c *call, old, doc document) error {
	if old["deleted"] == true {
		return precondition("You can't update the role %s: it is deleted.", c.name)
	}
	delete(doc, "deleted")
	permissions, _ := doc["includedPermissions"].([]any)
	for _, p := range permissions {
		permission, _ := p.(string)
		foreign := strings.HasPrefix(permission, "resourcemanager.folders.") || strings.HasPrefix(permission, "resourcemanager.organizations.")
		if strings.Count(permission, ".") != 2 || foreign && strings.HasPrefix(c.name, "projects/") {
			return invalid("Permission %s is not valid.", permission)
		}
	}
	return nil
}

// roleEnded leaves the role for the days in which it can be had back.
func roleEnded(c *call, doc document) (document, error) {
	if doc["deleted"] == true {
		return nil, precondition("The role %s is deleted already.", c.name)
	}
	return changed(doc, document{"deleted": true, "etag": newEtag(c.number())}), nil
}

func undeleteRole(c *call) (any, error) {
	doc, err := c.found()
	switch {
	case err != nil:
		return nil, err
	case doc["deleted"] != true:
		return nil, precondition("The role %s is not deleted.", c.name)
	}
	if err := c.checkEtag(doc, text(c.body, "etag")); err != nil {
		return nil, err
	}
	doc = changed(doc, document{"etag": newEtag(c.number())})
	delete(doc, "deleted")
	c.docs.put(c.name, doc)
	return doc, nil
}

// filteredRoles leaves the permissions to the full view, and deleted roles to
// who asks for them.
func filteredRoles(c *call) (listing, error) {
	return func(doc document) document {
		if doc["deleted"] == true && c.query.Get("showDeleted") != "true" {
			return nil
		}
		if c.query.Get("view") == "FULL" {
			return doc
		}
		doc = copied(doc)
		delete(doc, "includedPermissions")
		return doc
	}, nil
}
