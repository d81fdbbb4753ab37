package emulator

import (
	"os"
	"strings"
	"testing"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var entryFields = (*loggingpb.LogEntry)(nil).ProtoReflect().Descriptor()

const filteredEntry = `{
  "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
  "timestamp": "2026-09-18T12:00:00.5Z", "severity": "ERROR", "insertId": "007",
  "resource": {"type": "cloud_run_revision", "labels": {"project_id": "p"}},
  "labels": {"compute.googleapis.com/name": "x", "team": "Blue"},
  "protoPayload": {
    "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
    "status": {"code": 7, "message": "Must have permission"},
    "granted": false, "nothing": null,
    "authorizationInfo": [{"permission": "a.b.c"}, {"permission": "d.e.f"}]
  }
}`

func TestFilter(t *testing.T) {
	doc, err := decodeObject([]byte(filteredEntry))
	if err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]bool{
		"":                         true,
		" \n ":                     true,
		"-- only a comment":        true,
		`severity=ERROR -- end`:    true,
		`severity>=WARNING`:        true,
		`severity>"error"`:         false,
		`severity<=500`:            true,
		`severity:ERROR`:           true,
		`severity=(INFO OR ERROR)`: true,

		`logName="projects/p/logs/cloudaudit.googleapis.com%2Factivity"`: true,
		`log_name:activity`:                                 true,
		`log_id("cloudaudit.googleapis.com/activity")`:      true,
		`log_id( "cloudaudit.googleapis.com/data_access" )`: false,
		`LOG_ID("cloudaudit.googleapis.com/ACTIVITY")`:      true,
		`NOT log_id("x") AND -LOG_ID("y")`:                  true,

		`insertId="007"`: true,
		`insertId=7`:     false,
		`insert_id=007`:  true,

		`timestamp>="2026-09-18T12:00:00Z"`:                                            true,
		`timestamp>=2026-09-18T14:00:00.6+02:00`:                                       false,
		`timestamp>"2026-09-18" timestamp<"2026-09-19"`:                                true,
		`timestamp = "2026-09-18T12:00:00.500Z"`:                                       true,
		`timestamp >= "2026-09-18T12:00:00Z" AND timestamp < "2026-09-18T12:00:00.5Z"`: false,

		`resource.type="CLOUD_RUN_REVISION"`:     true, // comparisons of text ignore case
		`resource.labels.project_id=p`:           true,
		`resource.labels.zone!=a`:                false, // missing
		`NOT resource.labels.zone=a`:             true,
		`labels.team=blue`:                       true,
		`labels.team="bl"`:                       false,
		`labels.team:BL`:                         true,
		`labels."compute.googleapis.com/name"=x`: true,
		`trace!="t"`:                             true, // a field of the entry itself is empty, not missing
		`trace:*`:                                false,
		`labels.team:*`:                          true,
		`protoPayload.none:*`:                    false,

		`protoPayload.@type="type.googleapis.com/google.cloud.audit.AuditLog"`: true,
		`protoPayload.status.code=7`:                           true,
		`protoPayload.status.code=7.0`:                         true,
		`protoPayload.status.code>=10`:                         false,
		`protoPayload.status.code!=7`:                          false,
		`protoPayload.status.code=(5 OR 7)`:                    true,
		`protoPayload.status.message:"PERMISSION"`:             true,
		`protoPayload.status.message:("must" "image")`:         false,
		`protoPayload.status.message:("must" AND NOT "image")`: true,
		`protoPayload.granted=false`:                           true,
		`protoPayload.nothing=null`:                            true,
		`protoPayload.authorizationInfo.permission="d.e.f"`:    true,
		`protoPayload.authorizationInfo.permission!="d.e.f"`:   true, // another element differs
		`protoPayload.authorizationInfo.permission="x"`:        false,
		`protoPayload:"permission"`:                            true,
		`protoPayload.status="x"`:                              false,
		`protoPayload.status.message=~"ve .*sion"`:             true, // anywhere in the text
		`protoPayload.status.message=~"^have"`:                 false,
		`protoPayload.status.message=~"must"`:                  false, // other than =
		`protoPayload.status.message=~"(?i)must"`:              true,
		`protoPayload.status.message=~"^\w+\s(have|has)"`:      true,
		`protoPayload.status.message=~"^\\w+ have"`:            true, // a backslash may be escaped
		`protoPayload.status.message=~"\""`:                    false,
		`protoPayload.status.message !~ "image"`:               true,
		`protoPayload.status.message!~"have"`:                  false,
		`protoPayload.status.message=~("^have" OR "ion$")`:     true,
		`protoPayload.none!~"x"`:                               false, // missing
		`protoPayload.status.code=~"7"`:                        false, // not a text
		`protoPayload.authorizationInfo.permission=~"^d\."`:    true,
		`protoPayload.status.code.deeper=7`:                    false,
		`jsonPayload.a.b=1`:                                    false,

		`-severity=INFO`:                                             true,
		`NOT severity=ERROR`:                                         false,
		`NOT NOT severity=ERROR`:                                     true,
		`severity=INFO OR severity=ERROR`:                            true,
		`severity=ERROR OR severity=INFO AND insertId=1`:             false, // OR binds more than AND
		`severity=ERROR OR (severity=INFO AND insertId=1)`:           true,
		"severity=ERROR\ninsertId=007\n\tresource.type:run":          true,
		"severity=ERROR\ninsertId=008":                               false,
		`(severity=ERROR)(insertId=007)`:                             true,
		`labels.team="B\u006cue"`:                                    true,
		`(-(severity=INFO OR insertId=1) labels.team=(red OR blue))`: true,
	} {
		matches, err := parseFilter(filter, entryFields)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
		} else if got := matches(doc); got != want {
			t.Errorf("%s: got %v, want %v", filter, got, want)
		}
	}
}

func TestFiltersThatAreRefused(t *testing.T) {
	for filter, want := range map[string]string{
		`severity`:                         "at character 9: want a comparison of the field by one of",
		`severity=`:                        "at character 10: want a value, found the end",
		`"some text"`:                      "at character 12: want a comparison",
		`hello`:                            "at character 6: want a comparison",
		`textPayload=~"a("`:                `at character 14: regular expression "a("`,
		`textPayload=~a`:                   "at character 14: want a quoted regular expression",
		`textPayload!~"a`:                  "at character 14: want a quoted regular expression",
		`severity=~"ERR"`:                  "at character 11: severity =~: want a field with a text",
		`timestamp!~"2026"`:                "at character 12: timestamp !~: want a field with a text",
		`hello="x"`:                        `at character 1: field "hello": no such field`,
		`severity=ERROR AND`:               "at character 19: want a field",
		`severity=ERROR OR OR`:             "",
		`(severity=ERROR`:                  "at character 16: want a closing parenthesis",
		`severity=ERROR)`:                  `at character 15: want the end of the filter, found ")"`,
		`severity=(ERROR`:                  "want a closing parenthesis",
		`severity>=LOUD`:                   `at character 11: severity "LOUD"`,
		`timestamp>"yesterday"`:            `at character 11: time > "yesterday"`,
		`timestamp:"2026-09-18"`:           "time :",
		`insertId="x`:                      "at character 10: want a quoted text",
		`log_id(x)`:                        "at character 8: want a quoted text",
		`log_id("x"`:                       "want a closing parenthesis",
		`sample(insertId, 0.1)`:            "want a comparison",
		`labels..x=1`:                      "at character 8: want a field",
		strings.Repeat("(", maxFilter):     "want a field",
		strings.Repeat("(", maxFilter+1):   "maximum",
		strings.Repeat("-", 3) + "\nx":     "want a comparison",
		strings.Repeat("NOT ", 5_000) + "": "want a field",
	} {
		_, err := parseFilter(filter, entryFields)
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", clip(filter, 40), err, want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	doc, err := decodeObject([]byte(filteredEntry))
	if err != nil {
		f.Fatal(err)
	}
	sink, err := os.ReadFile("../deploy/sink.filter")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		`severity>=ERROR AND log_id("cloudaudit.googleapis.com/activity")`,
		`-(protoPayload.status.code=(5 OR 7)) labels."a b":*`,
		`timestamp>="2026-09-18T12:00:00Z" -- comment`,
		`protoPayload.status.message=~"^\w+ (have|\"x\")" AND logName!~("a\\.b")`,
		"a=\"\\u00e9\"\nNOT b<-3", `"`, `log_id(`, `x=(((`,
		"severity>=\xff\xfe", "insertId=\"\x00\"", "textPayload:\"\u202e\" -- \xc3", "labels.\"\xff\"=a\r\n\v", "\ufeffseverity=ERROR",
		string(sink),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		matches, err := parseFilter(filter, entryFields)
		if err != nil {
			if status.Code(err) != codes.InvalidArgument {
				t.Errorf("got %v", err)
			}
			return
		}
		inverse, err := parseFilter("NOT ("+filter+"\n)", entryFields)
		if err != nil {
			return // an empty filter has no negation
		}
		if matches(doc) == inverse(doc) {
			t.Errorf("%q and its negation agree", filter)
		}
		if len(filter) > maxFilter-100 {
			return
		}
		again, err := parseFilter("-- a comment\n((\t"+filter+"\n) -- ends here\n)", entryFields)
		if err != nil || again(doc) != matches(doc) {
			t.Errorf("%q means something else in parentheses and between comments: %v", filter, err)
		}
	})
}
