// Package monitoring compares the metrics, alert policies and dashboard of a
// deployment with those that are there. Documents that are wanted come in, and a
// list of those that Google Cloud has, as JSON; what is to be made, changed and
// deleted goes out, with the files for it. Google Cloud is not called.
package monitoring

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/pullfix/pullfix/deploy"
)

// What a [Step] does.
const (
	Create = "create"
	Update = "update"
	Delete = "delete"
	Keep   = "keep" // it is as it should be, or nobody knows how it should be
	Lack   = "lack" // it is not there, and not known well enough to be made
)

// Step is what is to become of one document.
type Step struct {
	Do     string
	Title  string         // what people call it
	Name   string         // of what is there, as Google Cloud names it, or else the title
	File   string         // of the document, without .json; "" where it goes
	Fields map[string]any // to be sent, of one that is made or changed
}

// Parse reads a list of documents, as gcloud prints it with --format=json. No
// text at all is an empty list.
func Parse(text []byte) ([]map[string]any, error) {
	if strings.TrimSpace(string(text)) == "" {
		return nil, nil
	}
	var there []map[string]any
	if err := json.Unmarshal(text, &there); err != nil {
		return nil, fmt.Errorf("monitoring: what is there: want a list as gcloud prints it with --format=json: %w", err)
	}
	return there, nil
}

// Steps says what makes those that are there be as wanted. What it has nothing to
// do with, it leaves out.
func Steps(kind string, wanted []deploy.Document, there []map[string]any) []Step {
	var steps []Step
	for _, w := range wanted {
		title, same := called(kind, w.Fields), counterparts(kind, w.Fields, there)
		switch {
		case len(same) == 0 && w.Lacks != "":
			steps = append(steps, Step{Lack, title, title, w.File, nil})
			continue
		case len(same) == 0:
			steps = append(steps, Step{Create, title, title, w.File, w.Fields})
			continue
		case w.Lacks != "" || covers(compared(kind, w.Fields), same[0]):
			steps = append(steps, Step{Keep, title, named(same[0]), w.File, nil})
		default:
			steps = append(steps, Step{Update, title, named(same[0]), w.File, replacing(kind, w.Fields, same[0])})
		}
		steps = append(steps, deletions(title, same[1:])...) // a run was cut off before it saw what it had made
	}
	return steps
}

// Removal says what takes away those that are there.
func Removal(kind string, wanted []deploy.Document, there []map[string]any) []Step {
	var steps []Step
	for _, w := range wanted {
		steps = append(steps, deletions(called(kind, w.Fields), counterparts(kind, w.Fields, there))...)
	}
	return steps
}

func deletions(title string, docs []map[string]any) []Step {
	var steps []Step
	for _, doc := range docs {
		steps = append(steps, Step{Do: Delete, Title: title, Name: named(doc)})
	}
	return steps
}

// counterparts are those that are there of one that is wanted. Google Cloud makes
// up the ids of alert policies; a label tells those of pullfix from others.
func counterparts(kind string, want map[string]any, there []map[string]any) []map[string]any {
	var found []map[string]any
	for _, doc := range there {
		labels, _ := doc["userLabels"].(map[string]any)
		switch {
		case called(kind, doc) != called(kind, want):
		case kind == deploy.Alerts && labels["pullfix"] != "alert":
		default:
			found = append(found, doc)
		}
	}
	return found
}

// called is what people call a document: an alert policy by its title, others by
// the end of their name.
func called(kind string, doc map[string]any) string {
	if kind == deploy.Alerts {
		title, _ := doc["displayName"].(string)
		return title
	}
	return path.Base(named(doc))
}

func named(doc map[string]any) string {
	name, _ := doc["name"].(string)
	return name
}

// compared leaves out the name of a dashboard: Google Cloud answers with the
// number of the project in it.
func compared(kind string, want map[string]any) map[string]any {
	if kind != deploy.Dashboards {
		return want
	}
	want = maps.Clone(want)
	delete(want, "name")
	return want
}

// replacing is what is sent in the place of what is there. Notification channels
// that nobody speaks of stay; a dashboard is changed only as it was seen.
func replacing(kind string, want, there map[string]any) map[string]any {
	send := maps.Clone(want)
	switch kind {
	case deploy.Alerts:
		if channels, ok := there["notificationChannels"]; ok && send["notificationChannels"] == nil {
			send["notificationChannels"] = channels
		}
	case deploy.Dashboards:
		send["name"] = there["name"]
		if etag, ok := there["etag"]; ok {
			send["etag"] = etag
		}
	}
	return send
}

// covers reports whether a value has all that another one wants. What it has
// besides, the service has filled in.
func covers(want, got any) bool {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		for key, value := range want {
			if !covers(value, got[key]) {
				return false
			}
		}
		return ok
	case []any:
		got, _ := got.([]any)
		if len(want) != len(got) {
			return false
		}
		for n := range want {
			if !covers(want[n], got[n]) {
				return false
			}
		}
		return true
	case nil:
		return true
	default:
		return want == got || got == nil && zero(want)
	}
}

// zero reports whether a value is one that Google Cloud leaves out of JSON.
func zero(value any) bool { return value == false || value == 0.0 || value == "" }
