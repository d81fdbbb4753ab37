// Package world makes up what a torture run is about. A number of events and a
// seed come in; a local Google Cloud, a policy and log entries of failed deploys
// go out, and with each entry the truth about it: what it may at most lead to,
// and how it has to end. The same seed makes the same of all of them.
//
// The truth is known because an entry is made up from it. The package imports
// nothing of pullfix's, so that a mistake there is not repeated here.
package world

import (
	"fmt"
	"strings"
)

const (
	location = "us-central1"
	// channels are so many because each gets no more than 20 alerts in 10 minutes.
	channels = 16
	// rivals are the channels of the allow rules, one for each.
	rivals = 6
	// few is how many there are of what is not worth more.
	few = 20
)

// World is what events are about.
type World struct {
	apps         int // projects whose deploys the policy mends
	repositories int
	secrets      int
}

// New returns a world that so many events fill, but not so much that a policy
// is full.
func New(events int) World {
	return World{
		apps: between(events/50, 12, 400), repositories: between(events/500, 3, 150),
		secrets: between(events/800, 3, 80),
	}
}

func between(n, low, high int) int { return min(max(n, low), high) }

// project is a project by both of its names.
type project struct{ id, number string }

// The projects. quiet ones are like apps to the policy, and nothing that is to be
// granted comes from them; so whatever is granted to one is seen to be wrong.
func app(n int) project { return project{fmt.Sprintf("app-%03d", n), fmt.Sprintf("1%011d", n)} }

func quiet(n int) project { return project{fmt.Sprintf("app-quiet-%02d", n), fmt.Sprintf("2%011d", n)} }

func sandbox(n int) project { return project{fmt.Sprintf("sandbox-%02d", n), fmt.Sprintf("3%011d", n)} }
func denied(n int) project  { return project{fmt.Sprintf("dev-%02d", n), fmt.Sprintf("4%011d", n)} }
func vault(n int) project   { return project{fmt.Sprintf("vault-%02d", n), fmt.Sprintf("5%011d", n)} }

func mirror(n int) project { return project{fmt.Sprintf("mirror-%02d", n), fmt.Sprintf("6%011d", n)} }

var (
	images    = project{"images", "900000000001"}
	passwords = project{"passwords", "900000000002"}
	ops       = project{Home, "900000000009"}
)

// Home is the project that holds the record and the ledger.
const Home = "ops"

func (p project) runAgent() string {
	return "service-" + p.number + "@serverless-robot-prod.iam.gserviceaccount.com"
}

func (p project) registryAgent() string {
	return "service-" + p.number + "@gcp-sa-artifactregistry.iam.gserviceaccount.com"
}

func (p project) account(name string) string { return name + "@" + p.id + ".iam.gserviceaccount.com" }

func (p project) repository(name string) string {
	return "projects/" + p.id + "/locations/" + location + "/repositories/" + name
}

func (p project) secret(name string) string { return "projects/" + p.id + "/secrets/" + name }

func (p project) service() string {
	return "projects/" + p.id + "/locations/" + location + "/services/web"
}

func image(repository project, name, tag string) string {
	return location + "-docker.pkg.dev/" + repository.id + "/" + name + "/web:" + tag
}

// Channels are the names of the channels of the policy.
func Channels() []string {
	names := []string{grantsChannel}
	for n := range channels {
		names = append(names, alertsChannel(n))
	}
	return names
}

const grantsChannel = "grants"

func alertsChannel(n int) string { return fmt.Sprintf("alerts-%02d", n) }

// Hook is the environment variable that holds the webhook of a channel.
func Hook(channel string) string {
	return "HOOK_" + strings.ToUpper(strings.ReplaceAll(channel, "-", "_"))
}

// Rules are the policy, in YAML, with a budget of grants an hour.
func Rules(grantsPerHour int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: pullfix/v1\nmode: enforce\nlimits: {grantsPerHour: %d, maxEventAge: 6h, repeatAlertsEvery: 24h}\nnotify:\n", grantsPerHour)
	for _, name := range Channels() {
		verdicts := "[alert]"
		if name == grantsChannel {
			verdicts = "[grant]"
		}
		fmt.Fprintf(&b, "  - {name: %s, type: slack-webhook, target: \"env:%s\", verdicts: %s}\n", name, Hook(name), verdicts)
	}
	b.WriteString("allow:\n")
	for n, allow := range []struct{ name, kinds, from, to, members, roles string }{
		{"pulls", "run-image, caller-image, artifact-download", "app-*", "images/locations/*/repositories/team-*, projects/images/locations/*/repositories/locked-*", "service-account", ""},
		{"pushes", "artifact-upload", "app-*", "images/locations/*/repositories/team-*", "service-account", "roles/artifactregistry.writer"},
		{"passwords", "secret-access", "app-*", "passwords/secrets/db-*", "service-account", ""},
		{"calls", "invoker", "app-*", "app-*/locations/*/services/*", "service-account", ""},
		{"mirrors", "upstream-secret", "mirror-*", "passwords/secrets/hub-*", "artifact-registry-agent", ""},
		{"own", "secret-access", "app-*", "app-*/secrets/own-*", "service-account", ""},
	} {
		fmt.Fprintf(&b, "  - {name: %s, kinds: [%s], from: [projects/%s], to: [projects/%s], members: [%s], notify: [%s, %s]",
			allow.name, allow.kinds, allow.from, allow.to, allow.members, grantsChannel, alertsChannel(n))
		if allow.roles != "" {
			fmt.Fprintf(&b, ", roles: [%s]", allow.roles)
		}
		b.WriteString("}\n")
	}
	b.WriteString("deny:\n")
	for n := rivals; n < channels; n++ {
		fmt.Fprintf(&b, "  - {name: %[1]s, to: [projects/%[1]s/**], notify: [%[2]s]}\n", vault(n).id, alertsChannel(n))
		fmt.Fprintf(&b, "  - {name: %[1]s, from: [projects/%[1]s], notify: [%[2]s]}\n", denied(n).id, alertsChannel(n))
	}
	b.WriteString("ignore:\n  - {name: sandboxes, from: [projects/sandbox-*]}\n")
	return []byte(b.String())
}

// Seed is the local Google Cloud at first, in YAML.
func (w World) Seed() []byte {
	var b strings.Builder
	b.WriteString("projects:\n")
	for _, p := range w.projects() {
		fmt.Fprintf(&b, "  - {id: %s, number: %s}\n", p.id, p.number)
	}
	b.WriteString("repositories:\n")
	for _, name := range w.allRepositories() {
		fmt.Fprintf(&b, "  - {name: %s, format: docker, mode: standard, images: [\"web:v1\"], policy: {bindings: [%s, %s]}}\n", name,
			`{role: roles/artifactregistry.reader, members: ["group:dev@example.com"]}`,
			`{role: roles/artifactregistry.reader, members: ["group:audit@example.com"], condition: {title: until-2030, expression: "request.time < timestamp('2030-01-01T00:00:00Z')"}}`)
	}
	b.WriteString("secrets:\n")
	for _, name := range w.allSecrets() {
		fmt.Fprintf(&b, "  - {name: %s, value: not-a-secret}\n", name)
	}
	b.WriteString("services:\n")
	for _, name := range w.allServices() {
		fmt.Fprintf(&b, "  - {name: %s}\n", name)
	}
	b.WriteString("missingMembers:\n")
	for n := range few {
		fmt.Fprintf(&b, "  - serviceAccount:%s\n", quiet(n).account("gone"))
	}
	return []byte(b.String())
}

func (w World) projects() []project {
	all := []project{images, passwords, ops}
	for n := range w.apps {
		all = append(all, app(n))
	}
	for n := range few {
		all = append(all, quiet(n), sandbox(n), mirror(n))
	}
	for n := rivals; n < channels; n++ {
		all = append(all, denied(n), vault(n))
	}
	return all
}

// Projects are the ids of all projects.
func (w World) Projects() (ids []string) {
	for _, p := range w.projects() {
		ids = append(ids, p.id)
	}
	return ids
}

func (w World) allRepositories() []string {
	all := []string{images.repository("tools")}
	for n := range w.repositories {
		all = append(all, images.repository(team(n)))
	}
	for n := range few {
		all = append(all, images.repository(locked(n)))
	}
	for n := rivals; n < channels; n++ {
		all = append(all, vault(n).repository("keep"))
	}
	return all
}

func (w World) allSecrets() []string {
	var all []string
	for n := range w.secrets {
		all = append(all, passwords.secret(password(n)))
	}
	for n := range few {
		all = append(all, passwords.secret(hub(n)))
	}
	for n := range min(w.apps, few) {
		all = append(all, app(n).secret("own-password"), app(n).secret("master-key"))
	}
	for n := rivals; n < channels; n++ {
		all = append(all, vault(n).secret("key"))
	}
	return all
}

func (w World) allServices() []string {
	var all []string
	for n := range w.apps {
		all = append(all, app(n).service())
	}
	return all
}

func team(n int) string     { return fmt.Sprintf("team-%03d", n) }
func locked(n int) string   { return fmt.Sprintf("locked-%02d", n) }
func password(n int) string { return fmt.Sprintf("db-%03d", n) }
func hub(n int) string      { return fmt.Sprintf("hub-%02d", n) }

// Locked reports whether nobody may change the policy of a resource.
func Locked(resource string) bool { return strings.Contains(resource, "/repositories/locked-") }

// Busy are the resources whose policies others change as well while events are
// about them.
func (w World) Busy() []string {
	var all []string
	for n := range w.repositories {
		all = append(all, images.repository(team(n)))
	}
	for n := range w.secrets {
		all = append(all, passwords.secret(password(n)))
	}
	return append(all, w.allServices()...)
}
