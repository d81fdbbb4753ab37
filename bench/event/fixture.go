package event

import (
	"fmt"
	"strings"
	"time"
)

// Rules is the policy that decides about the events. Where it observes, nothing
// is granted. It has so many further rules that none of the events meets, and
// stays within the size of a policy file up to 10,000 of them.
func Rules(observe bool, further int) []byte {
	var b strings.Builder
	mode := "enforce"
	if observe {
		mode = "observe"
	}
	fmt.Fprintf(&b, `apiVersion: pullfix/v1
mode: %s
limits: {grantsPerHour: 100000}
allow:
- name: apps-pull-shared-images
  reason: the platform serves images to every app project
  kinds: [run-image]
  from: [projects/app-*]
  to: [projects/shared-images/locations/*/repositories/apps-*]
  members: [cloud-run-agent]
- name: apps-are-watched
  reason: not yet
  kinds: [run-image]
  from: [projects/app-*]
  to: [projects/shared-images/locations/*/repositories/watched-*]
  members: [cloud-run-agent]
  mode: observe
ignore:
- {name: sandboxes, from: [projects/sandbox-*]}
`, mode)
	if further > 0 {
		b.WriteString("deny:\n")
	}
	for n := range further {
		fmt.Fprintf(&b, "- {name: r%[1]d, from: [projects/other-%[1]d], to: [projects/vault-%[1]d/**]}\n", n)
	}
	return []byte(b.String())
}

// Seed says what the local Google Cloud holds beside the projects and
// repositories.
type Seed struct {
	Latency time.Duration // of each call
	Members int           // of the policy of each repository, 1 at least
	Few     int           // so many repositories of those that grants are made on, and no other; 0 for all
}

// YAML is the seed in the format of the local Google Cloud.
func (s Seed) YAML() []byte {
	var b strings.Builder
	if s.Latency > 0 {
		fmt.Fprintf(&b, "latency: %s\n", s.Latency)
	}
	b.WriteString("projects:\n- {id: ops, number: 900000000009}\n- {id: shared-images, number: 900000000001}\n")
	for n := range Projects {
		fmt.Fprintf(&b, "- {id: app-%04[1]d, number: 11111111%04[1]d}\n", n)
	}
	members := make([]string, max(s.Members, 1))
	for n := range members {
		members[n] = fmt.Sprintf("%q", fmt.Sprintf("user:reader-%d@example.com", n))
	}
	b.WriteString("repositories:\n")
	repositories, names := Repositories, []string{"apps", "watched"}
	if s.Few > 0 {
		repositories, names = s.Few, names[:1]
	}
	for n := range repositories {
		for _, name := range names {
			fmt.Fprintf(&b, "- name: projects/shared-images/locations/us-central1/repositories/%s-%03d\n  format: docker\n  mode: standard\n  images: [\"web:v1\"]\n"+
				"  policy: {bindings: [{role: roles/artifactregistry.reader, members: [%s]}]}\n", name, n, strings.Join(members, ", "))
		}
	}
	return []byte(b.String())
}
