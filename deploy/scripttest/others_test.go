package scripttest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// edit changes the world by hand: fields of what is there, or what is new.
func (s *site) edit(things map[string]thing) {
	s.Helper()
	w := s.world()
	for name, fields := range things {
		if w.Things[name] == nil {
			w.Things[name] = thing{}
		}
		maps.Copy(w.Things[name], fields)
	}
	s.setWorld(w)
}

// fails runs what has to end with an error, and returns what was changed.
func (s *site) fails(want string, args ...string) [][]string {
	s.Helper()
	r := s.run(args...)
	if r.status != 1 || !strings.Contains(r.err, want) {
		s.Errorf("deploy.sh %q: exit status %d, want 1 and %q:\n%s%s", args, r.status, want, r.out, r.err)
	}
	return r.changes()
}

// says runs what has to succeed and to say something.
func (s *site) says(want string, args ...string) result {
	s.Helper()
	r := s.must(args...)
	if !strings.Contains(r.out, want) {
		s.Errorf("deploy.sh %q does not say %q:\n%s", args, want, r.out)
	}
	return r
}

// holders are the members that have a role on something, with what it is.
func (s *site) holders(role string) []string {
	s.Helper()
	var all []string
	for _, b := range s.world().bindings() {
		if name, rest, _ := strings.Cut(b, " "); strings.HasPrefix(rest, role+" ") {
			all = append(all, name+" "+strings.TrimPrefix(rest, role+" "))
		}
	}
	return all
}

var small = []string{"--project=ops", "--source=projects/app-one"}

// TestSourceWithoutRules wants no rights left in a source that rules do not name
// any more.
func TestSourceWithoutRules(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	args := append(slices.Clone(small), "--source=projects/shared-images")
	s.file("rules.yaml", "repository projects/shared-images/locations/*/repositories/apps\n")
	s.must(args...)
	if len(s.rights()) != 2 {
		t.Fatalf("rules in force have the rights %q", s.rights())
	}
	s.file("rules.yaml", "")
	s.must(args...)
	if left := s.rights(); len(left) > 0 {
		t.Errorf("without rules pullfix has %q", left)
	}
	s.idle(args...)
}

// TestSinkOfAnother wants a sink that leads elsewhere to stay as it is.
func TestSinkOfAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	const sink = "projects/app-two/sinks/pullfix"
	others := map[string]thing{sink: {"destination": "pubsub.googleapis.com/projects/other/topics/pullfix", "filter": "theirs", "writerIdentity": "serviceAccount:theirs"}}
	s.edit(others)
	if changes := s.fails("it leads to pubsub.googleapis.com/projects/other/topics/pullfix", "--project=ops", "--source=projects/app-two"); len(changes) > 0 {
		t.Errorf("a deployment that cannot be changes %q", changes)
	}
	const stays = "the sink pullfix of projects/app-two leads to pubsub.googleapis.com/projects/other/topics/pullfix: it is of another deployment, and stays"
	s.must(small...)
	s.says(stays, append(slices.Clone(small), "--formerly=projects/app-two")...)
	s.says(stays, append(slices.Clone(small), "--formerly=projects/app-two", "--destroy", "--yes")...)
	if diff := cmp.Diff(others[sink], s.world().Things[sink]); diff != "" {
		t.Errorf("the other's sink (-want +got):\n%s", diff)
	}
}

// TestRecordElsewhere wants a record that goes to another bucket to stay there.
func TestRecordElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	const other = "logging.googleapis.com/projects/records/locations/global/buckets/pullfix-record"
	s.edit(map[string]thing{"projects/ops/sinks/pullfix-record": {"destination": other, "filter": "old"}, "projects/ops/apis/logging.googleapis.com": {}})
	s.says("goes to "+other, small...)
	w := s.world()
	if sink := w.Things["projects/ops/sinks/pullfix-record"]; sink["destination"] != other || sink["filter"] != `log_id("pullfix")` {
		t.Errorf("the sink of the record is %v", sink)
	}
	if w.Things["projects/ops/locations/global/buckets/pullfix-record"] != nil {
		t.Error("a bucket is made that nothing goes to")
	}
	s.idle(small...)
}

// TestRetention wants a longer retention to be shortened only on purpose, and a
// locked bucket to stay as it is.
func TestRetention(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	const bucket = "projects/ops/locations/global/buckets/pullfix-record"
	days := func(want string) {
		t.Helper()
		if got := s.world().Things[bucket]["retentionDays"]; got != want {
			t.Errorf("records are kept for %s days, want %s", got, want)
		}
	}
	s.must(append(slices.Clone(small), "--retention-days=800")...)
	s.idle(small...)
	days("800")
	s.must(append(slices.Clone(small), "--retention-days=500")...)
	days("500")
	s.edit(map[string]thing{bucket: {"retentionDays": "30"}})
	s.must(small...)
	days("400")
	s.edit(map[string]thing{bucket: {"retentionDays": "30", "locked": "True"}})
	s.idle(append(slices.Clone(small), "--retention-days=500")...)
	s.says("is locked", small...)
	days("30")
}

// TestDestroyElsewhere wants nothing removed where the function is in another
// region, and what gcloud made to be named.
func TestDestroyElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	s.must(small...)
	destroy := append(slices.Clone(small), "--destroy", "--yes")
	if changes := s.fails("want --region=us-central1", append(destroy, "--region=europe-west1")...); len(changes) > 0 {
		t.Errorf("it removes %q", changes)
	}
	s.says("the repository gcf-artifacts of ops in us-central1, and its buckets whose names begin with gcf-v2-", destroy...)
}

// TestLocale wants all that is called to have one order of letters.
func TestLocale(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.file("rules.yaml", "")
	s.env = slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, "LC_") || strings.HasPrefix(v, "LANG") })
	s.env = append(s.env, "LANG=de_DE.UTF-8")
	for _, c := range s.must(small...).calls {
		if c.Locale != "C" {
			t.Fatalf("gcloud %q has the locale %q", c.Args, c.Locale)
		}
	}
}
