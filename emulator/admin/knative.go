package admin

import "strings"

// knativeKinds are how version 1 of Cloud Run lists what it runs: as Knative
// does (https://cloud.google.com/run/docs/reference/rest/v1/namespaces.services).
func knativeKinds() []*kind {
	return []*kind{knative("services", "serving.knative.dev/v1", "Service"), knative("jobs", "run.googleapis.com/v1", "Job")}
}

func knative(collection, api, name string) *kind {
	listing := func(c *call) (any, error) {
		items := []any{}
		for _, doc := range c.docs.matching(strings.Split(c.name+"/"+collection+"/*", "/")) {
			items = append(items, knativeOf(doc, api, name))
		}
		return document{"apiVersion": api, "kind": name + "List", "items": items}, nil
	}
	return &kind{
		version: "v1", path: "locations/*/" + collection + "/*", message: "google.cloud.run.v1." + name,
		collection: map[string]verb{"": {"List" + name + "s", listing}},
	}
}

func knativeOf(doc document, api, name string) document {
	full := text(doc, "name")
	status := document{"conditions": []any{document{"type": "Ready", "status": "True"}}}
	if uri := text(doc, "uri"); uri != "" {
		status["url"] = uri
	}
	return document{
		"apiVersion": api, "kind": name, "status": status, "spec": document{},
		"metadata": document{
			"name": last(full), "namespace": part(full, "projects"), "creationTimestamp": doc["createTime"],
			"labels": document{"cloud.googleapis.com/location": part(full, "locations")},
		},
	}
}

// fromKnative turns a path such as apis/run.googleapis.com/v1/namespaces/P/jobs
// into that of the same in all locations of the project.
func fromKnative(segments []string) []string {
	if len(segments) == 6 && segments[0] == "apis" && segments[3] == "namespaces" {
		return []string{segments[2], "projects", segments[4], "locations", "-", segments[5]}
	}
	return segments
}
