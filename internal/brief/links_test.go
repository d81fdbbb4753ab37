package brief

import (
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/parse"
	"github.com/pullfix/pullfix/remediate"
)

// linkOf returns the URL of a link by its label, "" where there is none.
func linkOf(m notify.Message, label string) string {
	for _, l := range m.Links {
		if l.Label == label {
			return l.URL
		}
	}
	return ""
}

func TestLinksToWorkloads(t *testing.T) {
	for _, test := range []struct{ workload, project, region, label, want string }{
		{"service web", "app-one", "us-central1", "Service", "https://console.cloud.google.com/run/detail/us-central1/web?project=app-one"},
		{"service web", "111111111111", "us-central1", "Service", "https://console.cloud.google.com/run/detail/us-central1/web?project=111111111111"},
		{"service web", "example.com:app", "us-central1", "Service", "https://console.cloud.google.com/run/detail/us-central1/web?project=example.com%3Aapp"},
		{"job nightly", "app-one", "us-central1", "Job", "https://console.cloud.google.com/run/jobs/details/us-central1/nightly?project=app-one"},
		{"execution nightly-x7", "app-one", "us-central1", "Execution", "https://console.cloud.google.com/run/jobs/executions/details/us-central1/nightly-x7?project=app-one"},
		{"worker pool queue", "app-one", "us-central1", "Worker pools", "https://console.cloud.google.com/run/worker-pools?project=app-one"},
		{"function greet", "app-one", "us-central1", "Function", "https://console.cloud.google.com/functions/details/us-central1/greet?project=app-one"},
		{"revision web-00001-abc", "app-one", "us-central1", "Service", ""},
		{"service web", "app-one", "", "Service", ""},
		{"service web", "", "us-central1", "Service", ""},
		{"service", "app-one", "us-central1", "Service", ""},
		{"", "app-one", "us-central1", "Service", ""},
		{"service web/../../evil", "app-one", "us-central1", "Service", ""},
		{"service web?project=evil", "app-one", "us-central1", "Service", ""},
		{"service ", "app-one", "us-central1", "Service", ""},
		{"service web", "app-one", "us-central1/../..", "Service", ""},
	} {
		f := denied(iam.RunImage)
		f.Workload, f.Location, f.Project = test.workload, test.region, iam.Project{}
		if test.project != "" {
			f.Project = must(iam.ParseProject(test.project))
		}
		if got := linkOf(about(f, "", "").Message(0, 1), test.label); got != test.want {
			t.Errorf("%q in %q, %q is linked to %q, want %q", test.workload, test.project, test.region, got, test.want)
		}
	}
}

func TestLinksToResources(t *testing.T) {
	for _, test := range []struct{ resource, image, label, want string }{
		{apps, image, "Repository", "https://console.cloud.google.com/artifacts/docker/shared-images/us-central1/apps?project=shared-images"},
		{
			"projects/shared-images/locations/us/repositories/gcr.io", "gcr.io/shared-images/web", "Repository",
			"https://console.cloud.google.com/artifacts/docker/shared-images/us/gcr.io?project=shared-images",
		},
		{
			"projects/example.com:images/locations/us/repositories/r", "us-docker.pkg.dev/example.com/images/r/web", "Repository",
			"https://console.cloud.google.com/artifacts/docker/example.com:images/us/r?project=example.com%3Aimages",
		},
		{apps, "", "Repositories", "https://console.cloud.google.com/artifacts?project=shared-images"},
		{"projects/900000000001/locations/us-central1/repositories/apps", image, "Repositories", "https://console.cloud.google.com/artifacts?project=900000000001"},
		{apps, "us-docker.pkg.dev/shared-images/other/web", "Repositories", "https://console.cloud.google.com/artifacts?project=shared-images"},
		{secret, "", "Secret", "https://console.cloud.google.com/security/secret-manager/secret/db-password/versions?project=app-one"},
		{"projects/app-one/locations/us-central1/secrets/db", "", "Secret", ""},
		{web, "", "Repository", ""},
	} {
		f := parse.Finding{Kind: iam.ArtifactDownload}
		f.Access.Resource = must(iam.ParseResource(test.resource))
		if test.image != "" {
			f.Image = must(iam.ParseImage(test.image))
		}
		if got := linkOf(about(f, "", "").Message(0, 1), test.label); got != test.want {
			t.Errorf("%s with the image %q is linked to %q, want %q", test.resource, test.image, got, test.want)
		}
	}
}

func TestLinkToAnotherFix(t *testing.T) {
	c := about(denied(iam.RunImage), "", remediate.UpstreamSecret)
	plan := remediate.NewPlan(iam.UpstreamSecret, denied(iam.UpstreamSecret).Access)
	c.Obstacle.Fix = &plan
	if got, want := linkOf(c.Message(0, 1), "Secret"), "https://console.cloud.google.com/security/secret-manager/secret/db-password/versions?project=app-one"; got != want {
		t.Errorf("what is to be granted on is linked to %q, want %q", got, want)
	}
}

func TestLinksToLogs(t *testing.T) {
	c := about(denied(iam.RunImage), "", "")
	const span = ";timeRange=2026-03-04T11:59:00.000Z%2F2026-03-04T12:01:00.000Z?project="
	for _, test := range []struct{ label, want string }{
		{"Log entry", "https://console.cloud.google.com/logs/query;query=insertId%3D%22entry-1%22" + span + "app-one"},
		{"Record", "https://console.cloud.google.com/logs/query;query=logName%3D%22projects%2Fops%2Flogs%2Fpullfix%22%0AjsonPayload.event%3D%22entry-1%22" + span + "ops"},
	} {
		if got := linkOf(c.Message(0, 1), test.label); got != test.want {
			t.Errorf("%s is linked to\n%s\nwant\n%s", test.label, got, test.want)
		}
	}
	want := "https://console.cloud.google.com/logs/query;query=logName%3D%22projects%2Fops%2Flogs%2Fpullfix%22%0AjsonPayload.outcome%3D%22applied%22" +
		";timeRange=2026-03-04T10:00:00.000Z%2F2026-03-04T12:00:00.000Z?project=ops"
	if got := linkOf(trip().Message(0, 1), "What was granted"); got != want {
		t.Errorf("what was granted is linked to\n%s\nwant\n%s", got, want)
	}
}

func TestNoLinkToWhatIsNotKnown(t *testing.T) {
	for _, test := range []struct {
		name, label string
		change      func(*Case)
	}{
		{"an entry without an id", "Log entry", func(c *Case) { c.InsertID = "" }},
		{"an entry without a time", "Log entry", func(c *Case) { c.Dated = time.Time{} }},
		{"a log of a folder", "Log entry", func(c *Case) { c.Record.Log = "folders/1/logs/x" }},
		{"a log that is none", "Log entry", func(c *Case) { c.Record.Log = "projects/a;b/logs/x" }},
		{"an id that no link can hold", "Log entry", func(c *Case) { c.InsertID = strings.Repeat("a", longestURL) }},
		{"a record in a file", "Record", func(c *Case) { c.Home = iam.Project{} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := about(denied(iam.RunImage), "", "")
			test.change(&c)
			if got := linkOf(c.Message(0, 1), test.label); got != "" {
				t.Errorf("it is linked to %q, want no link", got)
			}
		})
	}
}

// Whoever writes an entry must not be able to lead the reader elsewhere, nor to
// another query.
func TestHostileNamesStayInTheirPlace(t *testing.T) {
	for _, id := range []string{
		`";timeRange=P30D`, "a?project=evil", "a#b", "a%22 OR 1=1", `a\" OR ""="`, "//evil.example/", "@evil.example", "a\nseverity>=ERROR",
		"\u202eevil", "<a href='x'>", "a b+c&d", "\xff\xfe", "javascript:alert(1)",
	} {
		c := about(denied(iam.RunImage), "", "")
		c.InsertID, c.Record.Event = id, id
		for _, label := range []string{"Log entry", "Record"} {
			hostile(t, id, linkOf(c.Message(0, 1), label))
		}
	}
}

func hostile(t *testing.T, id, link string) {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.Host != "console.cloud.google.com" || u.User != nil || u.Fragment != "" || !strings.HasPrefix(u.RawQuery, "project=") {
		t.Fatalf("the id %q makes the link %q: %v", id, link, err)
	}
	query, rest, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/logs/query;query="), ";")
	if !strings.HasPrefix(rest, "timeRange=2026-") || strings.ContainsAny(link, "\"'<> \n\\") {
		t.Errorf("the id %q ends its place in the link %q", id, link)
	}
	text, err := url.PathUnescape(query)
	if err != nil {
		t.Fatal(err)
	}
	last := text[strings.LastIndexByte(text, '\n')+1:]
	if _, quoted, _ := strings.Cut(last, "="); strings.Count(strings.ReplaceAll(strings.ReplaceAll(quoted, `\\`, ""), `\"`, ""), `"`) != 2 {
		t.Errorf("the id %q ends its quotes in the query %q", id, text)
	}
}

func TestPagesExist(t *testing.T) {
	for _, word := range iam.KindNames() {
		link := linkOf(about(denied(must(iam.ParseKind(word))), "", "").Message(0, 1), "About "+word)
		page, ok := strings.CutPrefix(link, "https://github.com/pullfix/pullfix/blob/main/")
		if _, err := os.Stat("../../" + page); !ok || err != nil {
			t.Errorf("%s is explained at %q: %v", word, link, err)
		}
	}
}

func TestCausesAreExplained(t *testing.T) {
	for _, cause := range documented(t) {
		got := linkOf(about(denied(iam.RunImage), "", cause).Message(0, 1), "About "+string(cause))
		want := "https://github.com/pullfix/pullfix/blob/main/docs/checks.md#" + string(cause)
		if cause == remediate.WouldHelp || cause == remediate.NotGrantable { // the page of the kind says it
			want = ""
		}
		if got != want {
			t.Errorf("the cause %q is explained at %q, want %q", cause, got, want)
		}
	}
	if got, want := linkOf(trip().Message(0, 1), "About budget"), "https://github.com/pullfix/pullfix/blob/main/docs/checks.md#budget"; got != want {
		t.Errorf("the budget is explained at %q, want %q", got, want)
	}
}
