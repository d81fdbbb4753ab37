package admin_test

import (
	"net/http"
	"strings"
	"testing"
)

const (
	newMetric = `POST /v2/projects/ops/metrics {"name":"stops","filter":"severity>=ERROR","metricDescriptor":{"metricKind":"DELTA","labels":[{"key":"what"}]},` +
		`"labelExtractors":{"what":"EXTRACT(jsonPayload.what)"}}`
	newDashboard = `POST /v1/projects/ops/dashboards {"name":"projects/ops/dashboards/pullfix","displayName":"pullfix","mosaicLayout":{"columns":12}}`
)

// ask is send for what has to be answered.
func (l *local) ask(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	code, answer := send(t, l, method, path, body)
	if code != http.StatusOK {
		t.Fatalf("%s %s: %d %v", method, path, code, answer)
	}
	return answer
}

func TestMetrics(t *testing.T) {
	l := start(t, seed)
	l.make(t, newMetric)
	got := l.ask(t, "GET", "/v2/projects/ops/metrics/stops", "")
	descriptor, _ := got["metricDescriptor"].(map[string]any)
	if got["name"] != "stops" || descriptor["type"] != "logging.googleapis.com/user/stops" || descriptor["valueType"] != "INT64" || got["createTime"] == nil {
		t.Errorf("got %v", got)
	}
	l.ask(t, "PUT", "/v2/projects/ops/metrics/stops", `{"name":"stops","filter":"severity>=WARNING","labelExtractors":{"what":"EXTRACT(severity)"}}`)
	if got := l.ask(t, "GET", "/v2/projects/ops/metrics/stops", ""); got["filter"] != "severity>=WARNING" {
		t.Errorf("after the update: got %v", got)
	}
	l.make(t, `PUT /v2/projects/ops/metrics/more {"filter":"x"}`) // which makes it, as the real one does
	if got, _ := l.ask(t, "GET", "/v2/projects/ops/metrics", "")["metrics"].([]any); len(got) != 2 {
		t.Errorf("listed %v, want 2", got)
	}
	l.make(t, "DELETE /v2/projects/ops/metrics/stops")
	if code, answer := send(t, l, "GET", "/v2/projects/ops/metrics/stops", ""); code != http.StatusNotFound {
		t.Errorf("after it was deleted: %d %v", code, answer)
	}
}

func TestDashboards(t *testing.T) {
	l := start(t, seed)
	l.make(t, newDashboard, `POST /v1/projects/ops/dashboards {"displayName":"another","gridLayout":{}}`)
	got := l.ask(t, "GET", "/v1/projects/ops/dashboards/pullfix", "")
	name, etag := got["name"].(string), got["etag"].(string)
	if name == "projects/ops/dashboards/pullfix" || !strings.HasSuffix(name, "/dashboards/pullfix") || etag == "" {
		t.Errorf("got %v, want the number of the project in the name, and an etag", got)
	}
	if listed, _ := l.ask(t, "GET", "/v1/projects/ops/dashboards", "")["dashboards"].([]any); len(listed) != 2 {
		t.Errorf("listed %v, want 2", listed)
	}
	const changed = `{"displayName":"changed","mosaicLayout":{},"etag":"`
	got = l.ask(t, "PATCH", "/v1/"+name, changed+etag+`"}`)
	if got["displayName"] != "changed" || got["etag"] == etag || got["name"] != name {
		t.Errorf("after the update: got %v", got)
	}
	if code, answer := send(t, l, "PATCH", "/v1/"+name, changed+etag+`"}`); code != http.StatusConflict {
		t.Errorf("with the old etag: %d %v", code, answer)
	}
	l.make(t, "DELETE /v1/projects/ops/dashboards/pullfix")
	if code, answer := send(t, l, "GET", "/v1/"+name, ""); code != http.StatusNotFound {
		t.Errorf("after it was deleted: %d %v", code, answer)
	}
}
