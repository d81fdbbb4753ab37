package admin

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func firestoreKinds() []*kind {
	return []*kind{
		{
			version: "v1", path: "databases/*", message: "google.firestore.admin.v1.Database", serves: everything, lasting: true,
			id: fromQuery("databaseId"), form: newForm(`(default), or 4 to 63 of lower-case letters, digits and hyphens, the first a letter`, `\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]`),
			stamps: stamped, etag: true, complete: completeDatabase, ended: databaseEnded,
		},
		{
			version: "v1", path: "databases/*/collectionGroups/*/fields/*", message: "google.firestore.admin.v1.Field",
			serves: gets | lists | updates, lasting: true, upsert: true,
			complete: completeField, absent: absentField, filtered: filteredFields,
		},
	}
}

func completeDatabase(c *call, old, doc document) error {
	if text(doc, "locationId") == "" {
		return invalid("The locationId of the database must be specified.")
	}
	if kind := text(doc, "type"); kind != "FIRESTORE_NATIVE" && kind != "DATASTORE_MODE" {
		return invalid("Invalid type %q: want FIRESTORE_NATIVE or DATASTORE_MODE.", kind)
	}
	if old != nil && (old["locationId"] != doc["locationId"] || old["type"] != doc["type"]) {
		return invalid("The location and the type of a database cannot be changed.")
	}
	otherwise(doc, document{
		"uid": newEtag(c.number()), "concurrencyMode": "PESSIMISTIC", "appEngineIntegrationMode": "DISABLED",
		"pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_DISABLED", "deleteProtectionState": "DELETE_PROTECTION_DISABLED",
		"databaseEdition": "STANDARD", "versionRetentionPeriod": "3600s",
	})
	return nil
}

func databaseEnded(c *call, doc document) (document, error) {
	if doc["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED" {
		return nil, precondition("The database has delete protection.")
	}
	for _, field := range c.docs.matching(strings.Split(c.name+"/collectionGroups/*/fields/*", "/")) {
		c.docs.remove(text(field, "name"))
	}
	return nil, nil
}

// completeField turns a policy on at once; the real one takes a while.
func completeField(c *call, _, doc document) error {
	database := strings.Join(strings.Split(c.name, "/")[:4], "/")
	if _, ok := c.docs.get(database); !ok {
		return status.Errorf(codes.NotFound, "The database %s does not exist for project %s.", last(database), part(c.name, "projects"))
	}
	if doc["ttlConfig"] != nil {
		doc["ttlConfig"] = document{"state": "ACTIVE"}
	}
	return nil
}

// absentField is a field that nothing was said of: it has the indexes that all
// have.
func absentField(c *call) document {
	if _, ok := c.docs.get(strings.Join(strings.Split(c.name, "/")[:4], "/")); !ok {
		return nil
	}
	return document{"name": c.name, "indexConfig": document{"usesAncestorConfig": true}}
}

// filteredFields knows the two filters that the service knows.
func filteredFields(c *call) (listing, error) {
	switch filter := c.query.Get("filter"); filter {
	case "ttlConfig:*":
		return func(doc document) document {
			if doc["ttlConfig"] == nil {
				return nil
			}
			return doc
		}, nil
	case "indexConfig.usesAncestorConfig:false", "indexConfig.usesAncestorConfig=false":
		return func(doc document) document {
			if within(doc, "indexConfig")["usesAncestorConfig"] != false {
				return nil
			}
			return doc
		}, nil
	default:
		return nil, invalid("Invalid filter %q: want ttlConfig:* or indexConfig.usesAncestorConfig:false.", filter)
	}
}
