package admin

import (
	"fmt"
	"strings"
)

var (
	everywhere = []string{"projects", "folders", "organizations"}
	stamped    = []string{"createTime", "updateTime"}
)

const (
	maxFilter = 20_000
	toTopic   = "pubsub.googleapis.com/projects/"
	toBucket  = "logging.googleapis.com/projects/"
)

func loggingKinds() []*kind {
	named := newForm(`1 to 100 of letters, digits and -_.`, `[A-Za-z0-9_.-]{1,100}`)
	return []*kind{
		{
			version: "v2", roots: everywhere, path: "sinks/*", message: "google.logging.v2.LogSink", serves: everything, form: named,
			id: fromName, stamps: stamped, complete: completeSink,
		},
		{
			version: "v2", roots: everywhere, path: "locations/*/buckets/*", message: "google.logging.v2.LogBucket", serves: everything, form: named,
			id: fromQuery("bucketId"), stamps: stamped, complete: completeBucket, ended: bucketEnded,
			verbs: map[string]verb{"undelete": {"UndeleteBucket", undeleteBucket}},
		},
		{
			version: "v2", path: "metrics/*", message: "google.logging.v2.LogMetric", serves: everything, form: named,
			id: fromName, stamps: stamped, upsert: true, complete: completeMetric,
		},
	}
}

// completeSink gives the sink the identity that it writes with; one that
// writes to a bucket of its own project needs none
// (https://cloud.google.com/logging/docs/export/configure_export_v2).
func completeSink(c *call, _, doc document) error {
	doc["name"] = last(c.name)
	delete(doc, "writerIdentity")
	if len(text(doc, "filter")) > maxFilter {
		return invalid("The filter of the sink has %d characters: want at most %d.", len(text(doc, "filter")), maxFilter)
	}
	destination := text(doc, "destination")
	root := parent(c.name)
	switch {
	case strings.HasPrefix(destination, toTopic), strings.HasPrefix(destination, "storage.googleapis.com/"), strings.HasPrefix(destination, "bigquery.googleapis.com/projects/"):
	case strings.HasPrefix(destination, toBucket):
		if c.world.Canonical(parent(parent(strings.TrimPrefix(destination, "logging.googleapis.com/")))) == root {
			return nil
		}
	default:
		return invalid("Invalid destination %q: want that of a topic, a log bucket, a bucket of Cloud Storage or a dataset.", destination)
	}
	collection, id, _ := strings.Cut(root, "/")
	agent := map[string]string{"folders": "folder-", "organizations": "org-"}[collection] + id
	if n, ok := c.world.Project(id); ok {
		agent = fmt.Sprint(n)
	}
	doc["writerIdentity"] = "serviceAccount:service-" + agent + "@gcp-sa-logging.iam.gserviceaccount.com"
	return nil
}

// completeMetric wants a filter, and an extractor for each label.
func completeMetric(c *call, _, doc document) error {
	doc["name"] = last(c.name)
	if filter := text(doc, "filter"); filter == "" || len(filter) > maxFilter {
		return invalid("The filter of the metric has %d characters: want 1 to %d.", len(filter), maxFilter)
	}
	otherwise(doc, document{"metricDescriptor": document{}})
	descriptor, extractors := within(doc, "metricDescriptor"), within(doc, "labelExtractors")
	otherwise(descriptor, document{"metricKind": "DELTA", "valueType": "INT64"})
	descriptor["type"] = "logging.googleapis.com/user/" + last(c.name)
	descriptor["name"] = parent(c.name) + "/metricDescriptors/" + text(descriptor, "type")
	labels, _ := descriptor["labels"].([]any)
	for _, label := range labels {
		label, ok := label.(document)
		if !ok || extractors[text(label, "key")] == nil {
			return invalid("The label %v has no extractor.", label["key"])
		}
	}
	if len(labels) != len(extractors) {
		return invalid("The metric has %d labels and %d extractors.", len(labels), len(extractors))
	}
	return nil
}

func completeBucket(_ *call, old, doc document) error {
	otherwise(doc, document{"retentionDays": 30.0})
	if days, ok := doc["retentionDays"].(float64); !ok || days < 1 || days > 3650 {
		return invalid("Invalid retentionDays %v: want 1 to 3650.", doc["retentionDays"])
	}
	switch {
	case old == nil:
		doc["lifecycleState"] = "ACTIVE"
		return nil
	case old["lifecycleState"] != "ACTIVE":
		return precondition("The bucket is not active.")
	case old["locked"] == true && (doc["locked"] != true || doc["retentionDays"] != old["retentionDays"]):
		return precondition("The bucket is locked: its retention cannot be changed.")
	}
	doc["lifecycleState"] = old["lifecycleState"]
	return nil
}

// bucketEnded leaves the bucket for the seven days in which it can be had
// back.
func bucketEnded(_ *call, doc document) (document, error) {
	switch {
	case doc["locked"] == true:
		return nil, precondition("The bucket is locked: it cannot be deleted while it holds entries.")
	case doc["lifecycleState"] != "ACTIVE":
		return nil, precondition("The bucket is not active.")
	}
	return changed(doc, document{"lifecycleState": "DELETE_REQUESTED"}), nil
}

func undeleteBucket(c *call) (any, error) {
	doc, err := c.found()
	if err != nil {
		return nil, err
	}
	if doc["lifecycleState"] == "ACTIVE" {
		return nil, precondition("The bucket is active.")
	}
	c.docs.put(c.name, changed(doc, document{"lifecycleState": "ACTIVE"}))
	return document{}, nil
}
