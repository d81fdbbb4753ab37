package scripttest

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/internal/further"
)

// A deployment is what somebody wants: flags, and what the rules name.
type deployment struct {
	args    []string
	targets string
}

// deployments are one that reads one project and has all channels, and one of an
// organisation.
var deployments = map[string]deployment{
	"small": {[]string{
		"--project", "ops", "--source", "projects/app-one", "--slack-webhook-file", "webhook.txt",
		"--smtp=smtp://bot@mail.example.com:587", "--smtp-password-file=password.txt",
		"--email-from=pullfix@example.com", "--email-to=a@example.com,b@example.com",
	}, targets},
	"wide": {[]string{
		"--project=ops", "--source=organizations/123", "--source=folders/77", "--organization=123", "--max-instances=5",
		"--resource=projects/app-two/secrets/bot", "--deployer=deployer@ops.iam.gserviceaccount.com",
		"--notification-channel=projects/ops/notificationChannels/1", "--notification-channel", "projects/ops/notificationChannels/2",
		"--otel=OTEL_EXPORTER_OTLP_ENDPOINT=http://10.0.0.9:4318", "--otel", "OTEL_RESOURCE_ATTRIBUTES=team=platform,tier=1",
	}, targets + "secret projects/app-*/secrets/bot\nworker-pool projects/app-one/locations/us-central1/workerPools/queue\nfolders yes\n"},
}

// each runs a test for both deployments, at the same time.
func each(t *testing.T, test func(s *site, args []string)) {
	t.Helper()
	for name, d := range deployments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.file("rules.yaml", d.targets)
			test(s, d.args)
		})
	}
}

// TestLife sets pullfix up, again, and removes it, again. How often each run
// starts gcloud is most of what it takes, a second and more for each: whoever
// looks at one more thing finds the new figure in the golden file.
func TestLife(t *testing.T) {
	each(t, func(s *site, args []string) {
		if filepath.Base(s.Name()) == "small" {
			further.Only(s, "takes long")
		}
		r := s.must(args...)
		s.quiet(r)
		golden(s.T, filepath.Base(s.Name())+".world.txt", steady(s.world().String()))

		before := s.world().String()
		again := s.idle(args...)
		if diff := cmp.Diff(before, s.world().String()); diff != "" {
			s.Errorf("the second run changes the world (-before +after):\n%s", diff)
		}

		destroy := append(slices.Clone(args), "--destroy", "--yes")
		end := s.must(destroy...)
		s.quiet(end)
		s.destroyed()
		gone := s.idle(destroy...)
		golden(s.T, filepath.Base(s.Name())+".starts.txt", fmt.Sprintf("first run %d\nsecond run %d\n--destroy %d\n--destroy again %d\n",
			len(r.calls), len(again.calls), len(end.calls), len(gone.calls)))
	})
}

// idle runs what must change nothing, and say so.
func (s *site) idle(args ...string) result {
	s.Helper()
	r := s.must(args...)
	if changes := r.changes(); len(changes) > 0 || !strings.Contains(r.out, "nothing was changed") {
		s.Errorf("deploy.sh %q changes %q\n%s", args, changes, r.out)
	}
	return r
}

// quiet wants that no secret is an argument or printed.
func (s *site) quiet(r result) {
	s.Helper()
	for _, text := range []string{fmt.Sprint(r.calls), r.out, r.err} {
		if strings.Contains(text, webhook) || strings.Contains(text, password) {
			s.Errorf("a secret shows: %s", text)
		}
	}
}

// destroyed wants that nothing of pullfix's is left but the record, its sink and
// the ledger; and deleted roles, which Google Cloud keeps for a while. Bindings that
// are left have to be named.
func (s *site) destroyed(left ...string) {
	s.Helper()
	w, untouched := s.world(), newWorld()
	for _, name := range slices.Sorted(maps.Keys(w.Things)) {
		switch {
		case untouched.Things[name] != nil, strings.Contains(name, "/apis/"), strings.Contains(name, "/databases/"),
			strings.HasPrefix(name, "projects/gcp-sa-pubsub/"), strings.Contains(name, "/roles/") && w.Things[name]["deleted"] == "True",
			name == "projects/ops/locations/global/buckets/pullfix-record", name == "projects/ops/sinks/pullfix-record":
		default:
			s.Errorf("%s is left", name)
		}
	}
	for _, name := range []string{"projects/ops/locations/global/buckets/pullfix-record", "projects/ops/sinks/pullfix-record", "projects/ops/databases/(default)"} {
		if w.Things[name] == nil {
			s.Errorf("%s is gone", name)
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(append(untouched.bindings(), left...))), w.bindings()); diff != "" {
		s.Errorf("rights are left or gone (-want +got):\n%s", diff)
	}
}

// bindings are all rights on anything.
func (w *world) bindings() []string {
	var all []string
	for name, bindings := range w.Policies {
		for _, b := range bindings {
			all = append(all, name+" "+b)
		}
	}
	slices.Sort(all)
	return all
}

// TestRulesChange wants rights to follow what the rules name.
func TestRulesChange(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	args := []string{"--project=ops", "--source=projects/app-one"}
	s.must(args...)
	had := s.rights()
	s.file("rules.yaml", `repository projects/shared-images/locations/europe-west1/repositories/base
secret projects/vault/secrets/app-db
service projects/app-one/locations/*/services/api
`)
	r := s.must(append(args, "--formerly=projects/app-two")...)
	if diff := cmp.Diff([]string{
		"-projects/app-one/locations/us-central1/jobs/nightly pullfixGrantRun",
		"-projects/app-one/locations/us-central1/services/web pullfixGrantRun",
		"-projects/shared-images/locations/europe-west1/repositories/apps pullfixGrantRepository",
		"-projects/shared-images/locations/us-central1/repositories/apps pullfixGrantRepository",
		"-projects/vault/secrets/app-mail pullfixGrantSecret",
		"-projects/vault/secrets/root pullfixGrantSecret",
		"+projects/app-one/locations/us-central1/services/api pullfixGrantRun",
		"+projects/shared-images/locations/europe-west1/repositories/base pullfixGrantRepository",
	}, difference(had, s.rights())); diff != "" {
		t.Errorf("not the rights that the new rules need (-want +got):\n%s\n%s", diff, r.out)
	}
	s.idle(args...)
}

// TestRulesObserve wants that rules which only observe may look, and change
// nothing, also where they were in force before.
func TestRulesObserve(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	args := []string{"--project=ops", "--source=projects/app-one"}
	const names = "project projects/app-one\nproject projects/shared-images\nproject projects/team-*\nproject projects/vault\n"
	s.file("rules.yaml", targets+names)
	s.must(args...)
	if len(s.rights()) == 0 {
		t.Fatal("rules in force have no rights")
	}
	s.file("rules.yaml", names)
	r := s.must(args...)
	if left := s.rights(); len(left) > 0 {
		t.Errorf("rules that observe have %q", left)
	}
	for _, place := range []string{"projects/app-one", "projects/shared-images", "projects/vault"} {
		if !slices.ContainsFunc(s.world().bindings(), func(b string) bool { return strings.HasPrefix(b, place+" "+place+"/roles/pullfixCheck ") }) {
			t.Errorf("pullfix cannot look in %s", place)
		}
	}
	if want := "in those that are a --source, or hold a --resource:\n    projects/team-*\n"; !strings.Contains(r.out, want) {
		t.Errorf("got %q, want %q", r.out, want)
	}
	s.idle(args...)
}

// rights are what the custom roles of grants are bound on.
func (s *site) rights() []string {
	s.Helper()
	var all []string
	for _, b := range s.world().bindings() {
		name, rest, _ := strings.Cut(b, " ")
		if role, _, _ := strings.Cut(rest, " "); strings.Contains(role, "/roles/pullfixGrant") {
			all = append(all, name+" "+baseOf(role))
		}
	}
	return all
}

// difference is what is gone, with a -, and then what is new, with a +.
func difference(before, after []string) []string {
	var all []string
	for _, b := range before {
		if !slices.Contains(after, b) {
			all = append(all, "-"+b)
		}
	}
	for _, a := range after {
		if !slices.Contains(before, a) {
			all = append(all, "+"+a)
		}
	}
	return all
}

// TestFormerly moves pullfix from one source to another.
func TestFormerly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "service projects/app-one/locations/us-central1/services/web\n")
	s.must("--project=ops", "--source=projects/app-one")
	s.file("rules.yaml", "")
	s.must("--project=ops", "--source=projects/app-two", "--formerly=projects/app-one")
	w := s.world()
	for _, b := range w.bindings() {
		if strings.HasPrefix(b, "projects/app-one") && strings.Contains(b, "pullfix") {
			t.Errorf("%s is left", b)
		}
	}
	if w.Things["projects/app-one/sinks/pullfix"] != nil || w.Things["projects/app-two/sinks/pullfix"] == nil {
		t.Errorf("the sink did not move:\n%s", w)
	}
}

// TestDestroyAsks wants the name of the project typed.
func TestDestroyAsks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for typed, status := range map[string]int{"y\n": 1, "ops\n": 0} {
		r := s.types(typed, "--project=ops", "--source=projects/app-one", "--destroy")
		if went := strings.Contains(r.out, "sink pullfix of projects/app-one: is not there"); r.status != status || went != (status == 0) {
			t.Errorf("typed %q: exit status %d, want %d; it went on: %t\n%s", typed, r.status, status, went, r.out+r.err)
		}
		if strings.Contains(r.err, "waiting") {
			t.Errorf("typed %q: it waits for services that nobody enables:\n%s", typed, r.err)
		}
	}
}

// TestMends finds all that somebody changed by hand, and changes it back.
func TestMends(t *testing.T) {
	t.Parallel()
	s, args := newSite(t), deployments["small"].args
	s.must(args...)
	want := s.world()
	s.spoil()
	s.file("checkout/function_test.go", "package pullfix // no part of the function\n")
	r := s.must(args...)
	if diff := cmp.Diff(want.String(), s.world().String()); diff != "" {
		t.Errorf("not mended (-want +got):\n%s\n%s", diff, r.out)
	}
	s.file("checkout/function.go", "package pullfix // changed\n")
	if got := s.must(args...).changes(); len(got) != 1 || strings.Join(got[0][:3], " ") != "functions deploy pullfix" {
		t.Errorf("after a change of the source it changes %q, want the function alone", got)
	}
}

// spoil changes by hand what can be changed in the small deployment.
func (s *site) spoil() {
	s.Helper()
	w := s.world()
	for name, fields := range map[string]thing{
		"projects/ops/roles/pullfixRecord":                     {"includedPermissions": "logging.logEntries.create"},
		"projects/app-one/roles/pullfixCheck":                  {"stage": "DISABLED"},
		"projects/vault/roles/pullfixGrantSecret":              {"deleted": "True"},
		"projects/app-one/sinks/pullfix":                       {"filter": "severity >= ERROR"},
		"projects/ops/sinks/pullfix-record":                    {"disabled": "True", "exclusions.name": "noise"},
		"projects/ops/locations/global/buckets/pullfix-record": {"lifecycleState": "DELETE_REQUESTED", "retentionDays": "30"},
		"projects/ops/subscriptions/pullfix-dead-letters":      {"expirationPolicy.ttl": "86400s"},
		"projects/ops/subscriptions/eventarc-pullfix-sub-1":    {"deadLetterPolicy.maxDeliveryAttempts": "5"},
		"projects/ops/secrets/pullfix-slack":                   {"value": "https://old.example"},
		"projects/ops/locations/us-central1/functions/pullfix": {"state": "FAILED"},
		"projects/ops/metrics/pullfix-decisions":               {"filter": `"severity >= ERROR"`},
		"projects/ops/alertPolicies/1":                         {"enabled": "false"},
		"projects/ops/dashboards/pullfix":                      {"mosaicLayout": `{"columns":12}`, "etag": `"changed"`},
	} {
		if err := (&call{world: w}).set(name, fields); err != nil {
			s.Fatal(err)
		}
	}
	w.remove("projects/ops/databases/(default)/collectionGroups/pullfix-events/fields/expires")
	w.remove("projects/ops/metrics/pullfix-stops")
	w.Things["projects/ops/alertPolicies/99"] = maps.Clone(w.Things["projects/ops/alertPolicies/2"]) // of a run that was cut off
	delete(w.Things, "projects/ops/apis/run.googleapis.com")
	for _, name := range []string{
		"projects/ops", "projects/app-one", "projects/vault/secrets/root", "projects/ops/topics/pullfix", "projects/ops/topics/pullfix-dead-letters",
		"projects/ops/subscriptions/eventarc-pullfix-sub-1", "projects/ops/locations/us-central1/services/pullfix", "projects/ops/secrets/pullfix-slack",
	} {
		w.Policies[name] = newWorld().Policies[name]
	}
	s.setWorld(w)
}

// TestKeepsSlack wants Slack to stay on where the file is not given again, and
// what rules name and does not exist to be said and not to matter.
func TestKeepsSlack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	further.Only(s, "takes long")
	args := []string{"--project=ops", "--source=projects/app-one"}
	s.file("rules.yaml", "")
	s.must(append(args, "--slack-webhook-file=webhook.txt")...)
	s.idle(args...)
	s.file("rules.yaml", "secret projects/vault/secrets/later\n")
	r := s.must(args...)
	if want := "projects/vault/secrets/later: a rule names it, and it does not exist"; !strings.Contains(r.out, want) {
		t.Errorf("it does not say %q:\n%s", want, r.out)
	}
	if r := s.run(append(args, "--region=europe-west1")...); r.status != 1 || !strings.Contains(r.err, "there is one in us-central1") {
		t.Errorf("a second function in another region: exit status %d, want 1\n%s", r.status, r.err)
	}
}
