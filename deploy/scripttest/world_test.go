package scripttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// world is a Google Cloud, as far as deploy.sh sees it.
type world struct {
	Things   map[string]thing    // by full name
	Policies map[string][]string // by full name: role, member, and "if" with a condition
	Changes  int                 // made so far
}

// thing is the fields of a resource, named as gcloud names them in a format.
type thing map[string]string

func readWorld(file string) (*world, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	w := new(world)
	return w, json.Unmarshal(text, w)
}

func (w *world) write(file string) error {
	text, err := json.MarshalIndent(w, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// String lists all there is, one thing and one right a line.
func (w *world) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.Things)) {
		fmt.Fprintln(&b, name)
		for _, field := range slices.Sorted(maps.Keys(w.Things[name])) {
			if value := w.Things[name][field]; value != "" && field != "fresh" {
				fmt.Fprintf(&b, "  %s: %s\n", field, strings.ReplaceAll(value, "\n", "\n    "))
			}
		}
		for _, binding := range slices.Sorted(slices.Values(w.Policies[name])) {
			fmt.Fprintf(&b, "  %s\n", binding)
		}
	}
	return b.String()
}

// below lists the names under a prefix.
func (w *world) below(prefix string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(w.Things)) {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

func (w *world) remove(name string) {
	delete(w.Things, name)
	delete(w.Policies, name)
}

// newWorld has four projects with what rules name, in an organisation.
func newWorld() *world {
	w := &world{Things: map[string]thing{}, Policies: map[string][]string{}}
	for n, id := range []string{"ops", "app-one", "app-two", "shared-images", "vault"} {
		w.Things["projects/"+id] = thing{"projectNumber": fmt.Sprintf("10000000000%d", n)}
		w.Policies["projects/"+id] = []string{"roles/owner user:ann@example.com"}
	}
	for _, name := range []string{
		"organizations/123", "folders/77",
		"projects/shared-images/locations/us-central1/repositories/apps",
		"projects/shared-images/locations/europe-west1/repositories/apps",
		"projects/shared-images/locations/europe-west1/repositories/base",
		"projects/vault/secrets/app-db", "projects/vault/secrets/app-mail", "projects/vault/secrets/root",
		"projects/app-one/locations/us-central1/services/web", "projects/app-one/locations/us-central1/services/api",
		"projects/app-one/locations/us-central1/jobs/nightly",
		"projects/app-two/secrets/bot",
	} {
		w.Things[name] = thing{}
		w.Policies[name] = []string{"roles/viewer group:all@example.com"}
	}
	for project, api := range map[string]string{"app-one": "run", "app-two": "secretmanager", "shared-images": "artifactregistry", "vault": "secretmanager"} {
		for _, api := range []string{api, "iam", "logging"} {
			w.Things["projects/"+project+"/apis/"+api+".googleapis.com"] = thing{}
		}
	}
	w.Things["projects/app-two/secrets/bot"]["value"] = "token"
	return w
}
