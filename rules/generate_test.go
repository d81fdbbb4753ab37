package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/iam"
)

// spec is a rule as somebody writes it.
type spec struct {
	Action     string   `json:"-"`
	Name       string   `json:"name"`
	Kinds      []string `json:"kinds,omitempty"`
	From       []string `json:"from,omitempty"`
	To         []string `json:"to,omitempty"`
	Members    []string `json:"members,omitempty"`
	Roles      []string `json:"roles,omitempty"`
	Mode       string   `json:"mode,omitempty"`
	Unverified string   `json:"unverified,omitempty"`
}

// compiled reads a policy of these rules.
func compiled(t *rapid.T, mode string, specs []spec) *Policy {
	policy := map[string]any{"apiVersion": apiVersion, "mode": mode}
	for _, s := range specs {
		list, _ := policy[s.Action].([]spec)
		policy[s.Action] = append(list, s)
	}
	p, err := Parse("f", must(json.Marshal(policy)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Generated policies and requests draw from few names, so that they meet.
var (
	someFrom = []string{
		"projects/app-a", "projects/app-b", "projects/b", "projects/app-*", "projects/*-a", "projects/a*p-a", "projects/*", "projects/1", "projects/2", "projects/*1",
		"folders/1", "folders/2", "organizations/1",
	}
	someTo = []string{
		"projects/r/locations/us/repositories/x", "projects/r/locations/*/repositories/x", "projects/r/**", "projects/r", "projects/r/secrets/*",
		"projects/r*/locations/us/repositories/*-y", "projects/*/locations/us/repositories/a-y", "projects/rr/locations/us/**", "**", "projects/*/**",
		"projects/7", "projects/7/**", "projects/7/locations/us/repositories/x", "projects/7/locations/*/repositories/*", "projects/8/**", "projects/7/secrets/s",
		"projects/7/locations/us/**", "projects/*/secrets/*s*", "projects/r/secrets/s/**",
	}
	someMembers = slices.Sorted(maps.Keys(classesOf))
	someRoles   = []string{iam.ArtifactReader.String(), iam.ArtifactWriter.String()}
	someKinds   = []string{iam.RunImage.String(), iam.SecretAccess.String()}
)

// classesOf is what members and classes stand for, by hand.
var classesOf = map[string][]string{
	"cloud-run-agent":         {"cloud-run-agent", "service-account"},
	"artifact-registry-agent": {"artifact-registry-agent", "service-account"},
	"service-account":         {"service-account"},
	"user":                    {"user"},
	"user:a@b.c":              {"user"},
	"serviceAccount:service-1@serverless-robot-prod.iam.gserviceaccount.com":       {"cloud-run-agent", "service-account"},
	"serviceAccount:service-1@gcp-sa-artifactregistry.iam.gserviceaccount.com":     {"artifact-registry-agent", "service-account"},
	"serviceAccount:x@p.iam.gserviceaccount.com":                                   {"service-account"},
	"serviceAccount:x@app-a.iam.gserviceaccount.com":                               {"service-account"},
	"serviceAccount:service-1@serverless-robot-prod.evil.iam.gserviceaccount.com":  {"service-account"},
	"principal://iam.googleapis.com/locations/global/workforcePools/p/subject/ann": nil,
}

// homes are the projects of the principals of classesOf, by hand.
var homes = map[string]string{
	"serviceAccount:service-1@serverless-robot-prod.iam.gserviceaccount.com":      "1",
	"serviceAccount:service-1@gcp-sa-artifactregistry.iam.gserviceaccount.com":    "1",
	"serviceAccount:x@p.iam.gserviceaccount.com":                                  "p",
	"serviceAccount:x@app-a.iam.gserviceaccount.com":                              "app-a",
	"serviceAccount:service-1@serverless-robot-prod.evil.iam.gserviceaccount.com": "evil:serverless-robot-prod",
}

func nobodys(member string) bool {
	return member == "user" || !slices.Contains(classesOf[member], "service-account")
}

func drawSome(t *rapid.T, what string, least int, from []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), least, 3, rapid.ID[string]).Draw(t, what)
}

func drawSpec(t *rapid.T, n int) spec {
	return drawSpecOf(t, n, rapid.SampledFrom([]string{"allow", "allow", "deny", "ignore"}).Draw(t, "action"))
}

func drawSpecOf(t *rapid.T, n int, action string) spec {
	s := spec{Action: action, Name: fmt.Sprint("r", n)}
	if action == "allow" {
		return drawAllow(t, s)
	}
	s.Kinds = drawSome(t, "kinds", 0, append([]string{"startup"}, someKinds...))
	s.From, s.To = drawSome(t, "from", 0, someFrom), drawSome(t, "to", 0, someTo)
	s.Members = drawSome(t, "members", 0, someMembers)
	if action == "ignore" && len(s.Kinds)+len(s.From)+len(s.To)+len(s.Members) == 0 {
		s.Members = []string{"user"}
	}
	return s
}

func drawAllow(t *rapid.T, s spec) spec {
	narrowFrom := slices.DeleteFunc(slices.Clone(someFrom), func(p string) bool { return p == "projects/*" })
	narrowTo := slices.DeleteFunc(slices.Clone(someTo), func(p string) bool { return p == "**" || must(parseTo(p)).anyProject() })
	s.Kinds = drawSome(t, "kinds", 1, someKinds)
	s.From, s.To = drawSome(t, "from", 1, narrowFrom), drawSome(t, "to", 1, narrowTo)
	s.Members = drawSome(t, "members", 1, slices.DeleteFunc(slices.Clone(someMembers), nobodys))
	s.Roles = drawSome(t, "roles", 0, someRoles)
	s.Mode = rapid.SampledFrom([]string{"", "observe", "enforce"}).Draw(t, "mode")
	s.Unverified = rapid.SampledFrom([]string{"", "allow"}).Draw(t, "unverified")
	return s
}

func drawSpecs(t *rapid.T) []spec {
	specs := make([]spec, rapid.IntRange(0, 10).Draw(t, "rules"))
	for n := range specs {
		specs[n] = drawSpec(t, n)
	}
	return specs
}

// read is one of these names, or unknown.
func read[T any](t *rapid.T, what string, parse func(string) (T, error), names ...string) (v T) {
	if name := rapid.SampledFrom(names).Draw(t, what); name != "" {
		return must(parse(name))
	}
	return v
}

var (
	someIDs       = []string{"app-a", "app-b", "b", "rr"}
	someNumbers   = []string{"1", "2"}
	someResources = []string{
		"projects/r", "projects/r/locations/us/repositories/x", "projects/rr/locations/us/repositories/a-y", "projects/r/secrets/s", "projects/r/locations/eu/repositories/x",
	}
	byNumber = []string{"projects/7/locations/us/repositories/x", "projects/7/secrets/s", "projects/8"}
)

// drawRequest draws a failure of which anything may be unknown.
func drawRequest(t *rapid.T) Request {
	unknown := []string{""}
	q := Request{
		Kind:       rapid.SampledFrom([]iam.Kind{iam.RunImage, iam.RunImage, iam.SecretAccess, iam.Startup}).Draw(t, "kind"),
		From:       read(t, "from", iam.ParseProject, slices.Concat(unknown, someIDs, someNumbers)...),
		FromNumber: read(t, "number", iam.ParseProject, append(unknown, someNumbers...)...),
		To:         read(t, "to", iam.ParseResource, slices.Concat(unknown, someResources, byNumber)...),
		ToNumber:   read(t, "number of to", iam.ParseProject, "", "7", "8"),
		Member:     read(t, "member", iam.ParsePrincipal, append(unknown, principals()...)...),
		Role:       rapid.SampledFrom([]iam.Role{{}, iam.ArtifactReader, iam.ArtifactReader, iam.ArtifactWriter}).Draw(t, "role"),
	}
	if rapid.IntRange(0, 3).Draw(t, "ancestry") > 0 {
		q.Above = drawAncestry(t)
		q.Above.Known = rapid.Bool().Draw(t, "whole")
	}
	return q
}

func drawAncestry(t *rapid.T) Ancestry {
	return above(drawSome(t, "above", 0, []string{"folders/1", "folders/2", "folders/3", "organizations/1"})...)
}

// principals are those of classesOf that are no classes.
func principals() []string {
	return slices.DeleteFunc(slices.Clone(someMembers), func(m string) bool { return slices.Contains(iam.ClassNames(), m) })
}

// drawGranted draws a request that an allow of the policy is likely to match.
func drawGranted(t *rapid.T) Request {
	q := drawRequest(t)
	q.Kind, q.Role = iam.RunImage, iam.ArtifactReader
	q.Member = read(t, "agent", iam.ParsePrincipal, slices.DeleteFunc(principals(), nobodys)...)
	return q
}

func either(t *rapid.T) Request {
	if rapid.Bool().Draw(t, "likely granted") {
		return drawGranted(t)
	}
	return drawRequest(t)
}

// TestGeneratedPoliciesMeetRequests holds that the properties are not empty.
func TestGeneratedPoliciesMeetRequests(t *testing.T) {
	verdicts := map[string]int{}
	for seed := range 2000 {
		d := rapid.Custom(func(t *rapid.T) Decision { return compiled(t, "enforce", drawSpecs(t)).Decide(either(t)) }).Example(seed)
		verdicts[d.Verdict.String()]++
		if d.Verdict == Alert && d.Rule() != "" {
			verdicts["deny"]++
		}
	}
	for _, want := range []string{"alert", "grant", "ignore", "deny"} {
		if verdicts[want] < 20 {
			t.Errorf("got %d of %s, want some: %v", verdicts[want], want, verdicts)
		}
	}
}
