package doctor

import (
	"context"

	"google.golang.org/api/firestore/v1"

	"github.com/pullfix/pullfix/internal/rest"
)

const firestoreService = "firestore.googleapis.com"

// expiring are the collection groups whose documents expire.
var expiring = []string{"pullfix-events", "pullfix-problems", "pullfix-grants", "pullfix-budget"}

func (k *desk) ledger() []Check {
	checks := []Check{{Name: database, Look: func(ctx context.Context) []Result { return []Result{k.lookAtDatabase(ctx)} }}}
	for _, group := range expiring {
		checks = append(checks, Check{Name: "ledger-ttl", On: group, Needs: []string{database}, Look: func(ctx context.Context) []Result {
			return []Result{k.lookAtTTL(ctx, group)}
		}})
	}
	return checks
}

func (k *desk) lookAtDatabase(ctx context.Context) Result {
	got, err := rest.Get[firestore.GoogleFirestoreAdminV1Database](ctx, k.cloud, firestoreService, "v1/"+k.name("databases/(default)"))
	switch {
	case rest.Missing(err):
		return missing(gcloud("firestore", "databases", "create", k.in(), "--location="+k.Region, "--type=firestore-native"), "there is none")
	case err != nil:
		return Unseen(err, "datastore.databases.getMetadata")
	case got.Type != "FIRESTORE_NATIVE":
		return Bad(gcloud("firestore", "databases", "update", "--database=(default)", k.in(), "--type=firestore-native"),
			"it is of the type %s, want FIRESTORE_NATIVE; only an empty one can be changed", got.Type)
	}
	return Good("native, in %s", got.LocationId)
}

func (k *desk) lookAtTTL(ctx context.Context, group string) Result {
	command := gcloud("firestore", "fields", "ttls", "update", "expires", k.in(), "--collection-group="+group, "--enable-ttl", "--async")
	got, err := rest.Get[firestore.GoogleFirestoreAdminV1Field](ctx, k.cloud, firestoreService,
		"v1/"+k.name("databases/(default)/collectionGroups/"+group+"/fields/expires"))
	switch {
	case rest.Missing(err), err == nil && got.TtlConfig == nil:
		return Bad(command, "nothing deletes what has expired")
	case err != nil:
		return Unseen(err, "datastore.indexes.get")
	case got.TtlConfig.State == "CREATING":
		return Good("it is being made")
	case got.TtlConfig.State != "ACTIVE":
		return Bad(command, "its state is %s, want ACTIVE", got.TtlConfig.State)
	}
	return Good("active")
}
