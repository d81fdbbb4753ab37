package admin

import (
	"cmp"
	"fmt"
	"strings"
)

// publishedEvent is the type of the events that a topic triggers.
const publishedEvent = "google.cloud.pubsub.topic.v1.messagePublished"

// runtimes are those of Go that Cloud Run functions has.
var runtimes = []string{"go124", "go125", "go126", "go127"}

func functionKinds() []*kind {
	return []*kind{
		{
			version: "v2", path: "locations/*/functions/*", message: "google.cloud.functions.v2.Function", serves: everything, lasting: true,
			id: fromQuery("functionId"), form: newForm(`up to 63 of lower-case letters, digits, - and _, the first a letter`, `[a-z]([a-z0-9_-]{0,61}[a-z0-9])?`),
			stamps: stamped, complete: completeFunction, ended: functionEnded, filtered: filteredFunctions,
			verbs:      map[string]verb{"generateDownloadUrl": {"GenerateDownloadUrl", downloadURL}},
			collection: map[string]verb{"generateUploadUrl": {"GenerateUploadUrl", uploadURL}},
		},
		{
			version: "v1", path: "locations/*/functions/*", message: "google.cloud.functions.v1.CloudFunction",
			collection: map[string]verb{"": {"ListFunctions", func(*call) (any, error) { return document{}, nil }}},
		},
		{
			version: "v2", path: "locations/*/runtimes/*", message: "google.cloud.functions.v2.Runtime",
			collection: map[string]verb{"": {"ListRuntimes", listRuntimes}},
		},
		{
			version: "v1", path: "locations/*/triggers/*", message: "google.cloud.eventarc.v1.Trigger", serves: gets | lists,
		},
	}
}

// filteredFunctions knows the filters with which gcloud asks for one generation.
// There are none of the first.
func filteredFunctions(c *call) (listing, error) {
	switch filter := c.query.Get("filter"); filter {
	case "", `environment="GEN_2"`:
		return asItIs, nil
	case `environment="GEN_1"`:
		return noneOf, nil
	default:
		return nil, invalid("Invalid filter %q: want that of an environment.", filter)
	}
}

func listRuntimes(*call) (any, error) {
	all := []any{}
	for _, name := range runtimes {
		all = append(all, document{"name": name, "environment": "GEN_2", "stage": "GA", "displayName": "Go " + name[2:3] + "." + name[3:]})
	}
	return document{"runtimes": all}, nil
}

// function is one that is being made or changed.
type function struct {
	*call
	doc, build, service, trigger document
	project, location            string
	number                       int64
}

// completeFunction brings the function what the service makes for it: a Cloud
// Run service, and for its trigger one of Eventarc and a subscription.
func completeFunction(c *call, old, doc document) error {
	f := &function{
		call: c, doc: doc, build: within(doc, "buildConfig"), service: within(doc, "serviceConfig"), trigger: within(doc, "eventTrigger"),
		project: part(c.name, "projects"), location: part(c.name, "locations"),
	}
	f.number, _ = c.world.Project(f.project)
	for _, step := range []func(old document) error{f.checkBuild, f.checkAccounts, f.checkTrigger} {
		if err := step(old); err != nil {
			return err
		}
	}
	f.complete(old)
	f.makeService(old)
	if len(f.trigger) > 0 {
		f.makeTrigger(old)
	}
	return nil
}

func (f *function) checkBuild(document) error {
	source := within(within(f.build, "source"), "storageSource")
	runtime := text(f.build, "runtime")
	switch {
	case !contains(anys(runtimes), runtime):
		return invalid("Runtime %q is not supported: want one of %s.", runtime, strings.Join(runtimes, ", "))
	case text(f.build, "entryPoint") == "":
		return invalid("The entryPoint of the function must be specified.")
	case !f.uploads.has(text(source, "bucket"), text(source, "object")):
		return invalid("The source gs://%s/%s does not exist.", text(source, "bucket"), text(source, "object"))
	}
	return nil
}

// checkAccounts wants the accounts that are named to be there.
func (f *function) checkAccounts(document) error {
	f.service["serviceAccountEmail"] = cmp.Or(text(f.service, "serviceAccountEmail"), f.defaultAccount())
	f.build["serviceAccount"] = cmp.Or(text(f.build, "serviceAccount"), "projects/"+f.project+"/serviceAccounts/"+f.defaultAccount())
	if len(f.trigger) > 0 {
		f.trigger["serviceAccountEmail"] = cmp.Or(text(f.trigger, "serviceAccountEmail"), f.defaultAccount())
	}
	for _, account := range []string{text(f.service, "serviceAccountEmail"), last(text(f.build, "serviceAccount")), text(f.trigger, "serviceAccountEmail")} {
		name := f.world.Canonical("projects/-/serviceAccounts/" + account)
		if account != "" && account != f.defaultAccount() && !f.Has(name) {
			return invalid("Service account %s does not exist.", account)
		}
	}
	return nil
}

func (f *function) defaultAccount() string {
	return fmt.Sprintf("%d-compute@developer.gserviceaccount.com", f.number)
}

func (f *function) checkTrigger(old document) error {
	if len(f.trigger) == 0 {
		return nil
	}
	if kind := text(f.trigger, "eventType"); kind != publishedEvent {
		return invalid("The emulator has no events of the type %q: want %s.", kind, publishedEvent)
	}
	f.trigger["pubsubTopic"] = f.world.Canonical(text(f.trigger, "pubsubTopic"))
	if was := within(old, "eventTrigger")["pubsubTopic"]; was != nil && was != f.trigger["pubsubTopic"] {
		return invalid("The topic of a trigger cannot be changed.")
	}
	return f.topicExists(text(f.trigger, "pubsubTopic"))
}

// complete fills what the service fills in.
func (f *function) complete(old document) {
	name := strings.ReplaceAll(last(f.name), "_", "-")
	region := "projects/" + f.project + "/locations/" + f.location
	serial := f.Server.number()
	uri := fmt.Sprintf("https://%s-%d.%s.run.app", name, f.number, f.location)
	otherwise(f.build, document{"dockerRegistry": "ARTIFACT_REGISTRY", "dockerRepository": region + "/repositories/gcf-artifacts"})
	f.build["build"] = fmt.Sprintf("projects/%d/locations/%s/builds/%08d", f.number, f.location, serial)
	source := within(within(f.build, "source"), "storageSource")
	f.build["sourceProvenance"] = document{"resolvedStorageSource": changed(source, document{"generation": fmt.Sprint(serial)})}

	otherwise(f.service, document{
		"availableMemory": "256M", "availableCpu": "0.1666", "timeoutSeconds": 60.0, "maxInstanceCount": 100.0,
		"maxInstanceRequestConcurrency": 1.0, "ingressSettings": "ALLOW_ALL", "allTrafficOnLatestRevision": true,
	})
	f.service["service"], f.service["uri"] = region+"/services/"+name, uri
	f.service["revision"] = fmt.Sprintf("%s-%05d-emu", name, generation(old)+1)
	apply(f.doc, document{
		"buildConfig": f.build, "serviceConfig": f.service, "environment": "GEN_2", "state": "ACTIVE", "url": fmt.Sprintf("https://%s-%s.cloudfunctions.net/%s", f.location, f.project, last(f.name)),
	}, nil)
}

// generation counts the revisions of a function.
func generation(doc document) int {
	var n int
	revision := text(within(doc, "serviceConfig"), "revision")
	if i := strings.LastIndex(strings.TrimSuffix(revision, "-emu"), "-"); i >= 0 {
		_, _ = fmt.Sscanf(revision[i+1:], "%05d", &n)
	}
	return n
}

// ingress is how Cloud Run names the settings of functions.
var ingress = map[any]string{
	"ALLOW_ALL": "INGRESS_TRAFFIC_ALL", "ALLOW_INTERNAL_ONLY": "INGRESS_TRAFFIC_INTERNAL_ONLY",
	"ALLOW_INTERNAL_AND_GCLB": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}

// makeService makes the service of Cloud Run that the function is.
func (f *function) makeService(old document) {
	name := text(f.service, "service")
	made := f.doc["createTime"]
	f.docs.put(name, document{
		"name": name, "generation": fmt.Sprint(generation(old) + 1), "observedGeneration": fmt.Sprint(generation(old) + 1),
		"createTime": made, "updateTime": f.doc["updateTime"], "uri": f.service["uri"], "ingress": ingress[f.service["ingressSettings"]],
		"labels": document{"goog-managed-by": "cloudfunctions"},
		"template": document{
			"serviceAccount": f.service["serviceAccountEmail"], "timeout": fmt.Sprintf("%vs", f.service["timeoutSeconds"]),
			"maxInstanceRequestConcurrency": f.service["maxInstanceRequestConcurrency"],
			"scaling":                       document{"maxInstanceCount": f.service["maxInstanceCount"]},
		},
		"latestReadyRevision": name + "/revisions/" + text(f.service, "revision"),
		"terminalCondition":   document{"type": "Ready", "state": "CONDITION_SUCCEEDED", "lastTransitionTime": f.doc["updateTime"]},
	})
}

// makeTrigger makes the trigger of Eventarc and its subscription. That of the
// function as it was keeps its names.
func (f *function) makeTrigger(old document) {
	name := text(within(old, "eventTrigger"), "trigger")
	subscription := ""
	if had, ok := f.docs.get(name); ok {
		subscription = subscriptionOf(had)
	} else {
		name = fmt.Sprintf("projects/%s/locations/%s/triggers/%s-%06d", f.project, f.location, last(f.name), f.Server.number())
		subscription = fmt.Sprintf("projects/%s/subscriptions/eventarc-%s-%s-sub-%03d", f.project, f.location, last(name), f.Server.number())
	}
	otherwise(f.trigger, document{"triggerRegion": f.location, "retryPolicy": "RETRY_POLICY_DO_NOT_RETRY"})
	f.trigger["trigger"] = name
	f.doc["eventTrigger"] = f.trigger
	f.docs.put(name, document{
		"name": name, "uid": fmt.Sprint(f.Server.number()), "createTime": f.doc["createTime"], "updateTime": f.doc["updateTime"], "etag": newEtag(f.Server.number()),
		"eventFilters":   []any{document{"attribute": "type", "value": publishedEvent}},
		"serviceAccount": f.trigger["serviceAccountEmail"], "destination": document{"cloudFunction": f.name},
		"transport": document{"pubsub": document{"topic": f.trigger["pubsubTopic"], "subscription": subscription}},
		"labels":    document{"goog-managed-by": "cloudfunctions"},
	})
	f.makeSubscription(subscription)
}

// makeSubscription leaves what callers have set: the real one does
// (https://cloud.google.com/eventarc/docs/retry-events).
func (f *function) makeSubscription(name string) {
	doc, ok := f.docs.get(name)
	if !ok {
		doc = document{
			"name": name, "topic": f.trigger["pubsubTopic"], "state": "ACTIVE", "ackDeadlineSeconds": 10.0, "messageRetentionDuration": "86400s",
			"expirationPolicy": document{}, "retryPolicy": document{"minimumBackoff": "10s", "maximumBackoff": "600s"},
		}
	}
	uri := f.service["uri"]
	f.docs.put(name, changed(doc, document{"pushConfig": document{
		"pushEndpoint": fmt.Sprintf("%v?__GCP_CloudEventsMode=CUSTOM_PUBSUB_%s", uri, strings.ReplaceAll(text(f.trigger, "pubsubTopic"), "/", "%2F")),
		"oidcToken":    document{"serviceAccountEmail": f.trigger["serviceAccountEmail"], "audience": uri},
	}}))
}

func subscriptionOf(trigger document) string {
	return text(within(within(trigger, "transport"), "pubsub"), "subscription")
}

// functionEnded takes away what came with the function.
func functionEnded(c *call, doc document) (document, error) {
	c.forget(text(within(doc, "serviceConfig"), "service"))
	name := text(within(doc, "eventTrigger"), "trigger")
	if trigger, ok := c.docs.get(name); ok {
		c.forget(subscriptionOf(trigger))
		c.forget(name)
	}
	return nil, nil
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i := range texts {
		out[i] = texts[i]
	}
	return out
}
