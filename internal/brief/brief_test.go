package brief

import (
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/pullfix/pullfix/audit"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/ruling"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	noon   = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	appOne = must(iam.ParseProject("app-one"))
	ops    = must(iam.ParseProject("ops"))
)

const (
	apps   = "projects/shared-images/locations/us-central1/repositories/apps"
	secret = "projects/app-one/secrets/db-password"
	web    = "projects/app-one/locations/us-central1/services/web"
	pool   = "projects/app-one/locations/us-central1/workerPools/queue"
	person = "user:ann@example.com"
	runner = "serviceAccount:web@app-one.iam.gserviceaccount.com"
	agent  = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
	image  = "us-central1-docker.pkg.dev/shared-images/apps/web:v1"
)

// denied is who lacks a permission of a kind on what, in a deploy of the
// service web.
func denied(kind iam.Kind) parse.Finding {
	f := parse.Finding{Kind: kind, Project: appOne, Workload: "service web", Location: "us-central1"}
	name, resource := runner, apps
	switch kind {
	case iam.RunImage, iam.AgentToken:
		name = agent
	case iam.SecretAccess:
		resource = secret
	case iam.UpstreamSecret:
		name, resource = "serviceAccount:service-900000000001@gcp-sa-artifactregistry.iam.gserviceaccount.com", secret
	case iam.Invoker, iam.RunPermission:
		resource = web
	case iam.ActAsAccount:
		resource = "projects/app-one/serviceAccounts/web@app-one.iam.gserviceaccount.com"
	}
	f.Access.Principal, f.Access.Resource = must(iam.ParsePrincipal(name)), must(iam.ParseResource(resource))
	if resource == apps {
		f.Image = must(iam.ParseImage(image))
	}
	return f
}

// about is the case of a finding.
func about(f parse.Finding, outcome string, cause remediate.Cause) Case {
	c := Case{Ruling: ruling.New(f, iam.Principal{}), Sentence: "no rule matches", InsertID: "entry-1", Dated: noon, Home: ops}
	if cause != remediate.WouldHelp {
		c.Obstacle = remediate.Answer{Cause: cause, Why: "something speaks against it"}
	}
	c.Record = audit.Record{
		Event: "entry-1", Log: "projects/app-one/logs/cloudaudit.googleapis.com%2Fsystem_event", At: noon, Kind: f.Kind.String(),
		SourceProject: f.Project.String(), Caller: person, Workload: f.Workload, Principal: f.Access.Principal.String(),
		Permission: "x.y.z", Resource: f.Access.Resource.String(), Image: f.Image.String(), Role: c.Plan.Binding.Role.String(), Outcome: outcome,
	}
	c.Key = c.Record.Key()
	return c
}

// trip is the case that the budget is used up.
func trip() Case {
	c := Case{Sentence: "everything is observed until somebody runs pullfix rearm", Home: ops, Key: "trip", Record: audit.Record{Event: "trip-0", At: noon}}
	c.Obstacle = remediate.Answer{Cause: Budget, Why: "the budget of 20 grants an hour is used up"}
	return c
}

// unread is the case of an entry that could not be read.
func unread() Case {
	c := Case{Sentence: "another delivery would not change that", Key: "message", Record: audit.Record{Event: "message-1", At: noon}}
	c.Obstacle = remediate.Answer{Cause: Unreadable, Why: "no JSON"}
	return c
}

func TestToneAndTitle(t *testing.T) {
	numbered := denied(iam.RunImage)
	numbered.Project = must(iam.ParseProject("111111111111"))
	bare := func(kind iam.Kind) parse.Finding {
		f := denied(kind)
		f.Workload, f.Project = "", iam.Project{}
		return f
	}
	for _, test := range []struct {
		is   Case
		tone notify.Tone
		want string
	}{
		{about(denied(iam.RunImage), "", ""), notify.ActNow, "service web in app-one failed (run-image)"},
		{about(denied(iam.RunImage), audit.OutcomeRefused, remediate.ImageMissing), notify.Refused, "service web in app-one failed (run-image)"},
		{about(denied(iam.RunImage), audit.OutcomeAlreadyHeld, remediate.AlreadyHeld), notify.ActNow, "service web in app-one failed (run-image)"},
		{
			about(denied(iam.RunImage), audit.OutcomeApplied, ""), notify.Mended,
			"service web in app-one may now be deployed: roles/artifactregistry.reader was granted",
		},
		{
			about(denied(iam.Invoker), audit.OutcomeApplied, Recovered), notify.Mended,
			"a call of service web in app-one may now be tried again: roles/run.invoker was granted",
		},
		{
			about(denied(iam.SecretAccess), audit.OutcomeObserved, ""), notify.Observed,
			"service web in app-one failed (secret-access): roles/secretmanager.secretAccessor would have been granted",
		},
		{
			about(denied(iam.SecretAccess), audit.OutcomeObserved, Budget), notify.Observed,
			"service web in app-one failed (secret-access): roles/secretmanager.secretAccessor would have been granted",
		},
		{about(numbered, "", ""), notify.ActNow, "service web in project 111111111111 failed (run-image)"},
		{about(bare(iam.RunImage), "", ""), notify.ActNow, "a deploy failed (run-image)"},
		{about(bare(iam.Quota), "", remediate.NotGrantable), notify.ActNow, "a request failed (quota)"},
		{about(bare(iam.ArtifactUpload), "", ""), notify.ActNow, "an upload failed (artifact-upload)"},
		{about(bare(iam.Invoker), "", ""), notify.ActNow, "a call failed (invoker)"},
		{trip(), notify.Stopped, "pullfix has stopped granting"},
		{unread(), notify.ActNow, "a log entry could not be read"},
	} {
		if m := test.is.Message(0, 1); m.Tone != test.tone || m.Title != test.want {
			t.Errorf("%s, %s, %s: the headline is %q, want %q", test.is.Record.Kind, test.is.Record.Outcome, test.is.Obstacle.Cause,
				m.Headline(), notify.Message{Tone: test.tone, Title: test.want}.Headline())
		}
	}
}

func TestWhyAndDecision(t *testing.T) {
	member := denied(iam.ArtifactDownload)
	member.Access.Principal = must(iam.ParsePrincipal(person))
	for _, test := range []struct {
		name          string
		is            Case
		why, decision string
	}{
		{"nobody's rule", about(denied(iam.ArtifactDownload), "", ""), "the caller needs to read the repository", "no rule matches"},
		{"a check", about(denied(iam.ArtifactDownload), "", remediate.ImageMissing), "something speaks against it", "no rule matches"},
		{
			"a check against a rule", about(denied(iam.ArtifactDownload), audit.OutcomeRefused, remediate.ImageMissing),
			"something speaks against it", "nothing was granted, although no rule matches",
		},
		{
			"a limit", about(member, "", remediate.Member), "the caller needs to read the repository; something speaks against it",
			"no rule can allow this",
		},
		{
			"a grant although something could not be read", about(denied(iam.ArtifactDownload), audit.OutcomeApplied, remediate.Unverified),
			"granted as the rule allows, although something speaks against it", "no rule matches",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := test.is.Message(0, 1)
			if m.Why != test.why || m.Decision != test.decision {
				t.Errorf("the message says %q and %q, want %q and %q", m.Why, m.Decision, test.why, test.decision)
			}
		})
	}
}

func TestMessageCarriesWhatChannelsNeed(t *testing.T) {
	c := about(denied(iam.RunImage), "", "")
	m := c.Message(2, 5)
	if m.Missed != 2 || m.Count != 5 || m.Kind != "run-image" || m.Event != c.Key || !m.At.Equal(noon) {
		t.Errorf("the message has missed %d, count %d, kind %q, event %q and the time %v, want 2, 5, run-image, %q and %v",
			m.Missed, m.Count, m.Kind, m.Event, m.At, c.Key, noon)
	}
	if want := hex.EncodeToString([]byte(c.Problem())); m.Problem != want || len(want) != 64 {
		t.Errorf("the message has the problem %q, want %q of 64 digits", m.Problem, want)
	}
}

// A command must not be in the message where it would not mend the failure, or
// where whoever forged the entry wants it run.
func TestCommands(t *testing.T) {
	forged := about(denied(iam.RunImage), "", remediate.Unverified)
	forged.Unplaced = true
	upstream := about(denied(iam.RunImage), "", remediate.UpstreamSecret)
	plan := remediate.NewPlan(iam.UpstreamSecret, denied(iam.UpstreamSecret).Access)
	upstream.Obstacle.Fix = &plan
	for _, test := range []struct {
		name   string
		is     Case
		gcloud bool
	}{
		{"nobody's rule", about(denied(iam.RunImage), "", ""), true},
		{"observed", about(denied(iam.RunImage), audit.OutcomeObserved, ""), true},
		{"mended", about(denied(iam.RunImage), audit.OutcomeApplied, ""), false},
		{"something unread", about(denied(iam.RunImage), "", remediate.Unverified), true},
		{"it is not known who wrote the entry", forged, false},
		{"forged", about(denied(iam.RunImage), "", remediate.Spoof), false},
		{"no image", about(denied(iam.RunImage), "", remediate.ImageMissing), false},
		{"another fix", upstream, true},
		{"no role helps", about(denied(iam.Quota), "", remediate.NotGrantable), false},
		{"the budget", trip(), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if m := test.is.Message(0, 1); (m.Gcloud != "") != test.gcloud || (m.Terraform != "") != test.gcloud {
				t.Errorf("the message has the command %q and the block %q, want some: %v", m.Gcloud, m.Terraform, test.gcloud)
			}
		})
	}
}

// One problem is what one fix mends.
func TestProblem(t *testing.T) {
	same := about(denied(iam.RunImage), "", "")
	other := func(change func(*Case)) Case {
		c := same
		change(&c)
		return c
	}
	for _, test := range []struct {
		name string
		is   Case
		one  bool
	}{
		{"another event", other(func(c *Case) { c.Key = "another" }), true},
		{"another image of the repository", other(func(c *Case) { c.Record.Image = "another" }), true},
		{"another workload", other(func(c *Case) { c.Record.Workload = "service api" }), true},
		{"another deployer", other(func(c *Case) { c.Record.Caller = "another" }), true},
		{"another project", other(func(c *Case) { c.Record.SourceProject = "app-two" }), false},
		{"another account", other(func(c *Case) { c.Record.Principal = "another" }), false},
		{"another resource", other(func(c *Case) { c.Record.Resource = "another" }), false},
		{"another outcome", other(func(c *Case) { c.Record.Outcome = audit.OutcomeObserved }), false},
		{"another cause", other(func(c *Case) { c.Obstacle.Cause = remediate.Unverified }), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.is.Problem() == same.Problem(); got != test.one {
				t.Errorf("it is the same problem: %v, want %v", got, test.one)
			}
		})
	}
}

func TestWhatIsAProblemOfItsOwn(t *testing.T) {
	for _, test := range []struct {
		name   string
		is     Case
		change func(*Case)
	}{
		{"each grant", about(denied(iam.RunImage), audit.OutcomeApplied, ""), func(c *Case) { c.Key = "another" }},
		{"each time that the budget is used up", trip(), func(c *Case) { c.Key = "another" }},
		{"each image that is missing", about(denied(iam.RunImage), "", remediate.ImageMissing), func(c *Case) { c.Record.Image = "another" }},
		{"each workload, where no role helps", about(denied(iam.Startup), "", remediate.NotGrantable), func(c *Case) { c.Record.Workload = "job x" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			other := test.is
			test.change(&other)
			if other.Problem() == test.is.Problem() {
				t.Error("two are one problem, want each told")
			}
		})
	}
}

func TestFactsAreInTheOrderOfQuestions(t *testing.T) {
	c := about(denied(iam.RunImage), "", remediate.Unverified)
	want := []notify.Fact{
		{Name: "What", Value: "service web"},
		{Name: "Project", Value: "app-one"},
		{Name: "Region", Value: "us-central1"},
		{Name: "When", Value: "2026-03-04 12:00:00 UTC"},
		{Name: "Deployed by", Value: person},
		{Name: "Who", Value: agent},
		{Name: "Lacks", Value: "x.y.z"},
		{Name: "On", Value: apps},
		{Name: "Image", Value: image},
		{Name: "Cause", Value: "unverified"},
		{Name: "Event", Value: "entry-1"},
	}
	if got := fmt.Sprint(c.Message(0, 1).Facts); got != fmt.Sprint(want) {
		t.Errorf("the facts are\n%s\nwant\n%s", got, fmt.Sprint(want))
	}
}

func TestFactsLeaveOut(t *testing.T) {
	f := denied(iam.ArtifactDownload)
	f.Workload = ""
	c := about(f, "", "")
	c.Record.Caller, c.Record.Event = c.Record.Principal, "a\x1b[31m\nb\u202ec"
	facts := map[string]string{}
	for _, f := range c.Message(0, 1).Facts {
		facts[f.Name] = f.Value
	}
	if _, ok := facts["Deployed by"]; ok || facts["What"] != "a download" || facts["Event"] != "a [31m b c" {
		t.Errorf("the facts are %q, want who was refused once, what failed, and the event in one line", facts)
	}
}
