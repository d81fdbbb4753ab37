package rules

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pullfix/pullfix/iam"
)

// Target is what an allow lets pullfix change the policy of: one resource, or
// all of a type whose names a pattern covers.
type Target struct {
	Type    iam.ResourceType // a repository, a secret, a service, a job or a worker pool
	pattern pattern
}

// String is the name of the resource, with "*" where it is left open.
func (t Target) String() string { return t.pattern.String() }

// Exact reports whether it is one resource.
func (t Target) Exact() bool { return !strings.Contains(t.pattern.text, "*") }

// Covers reports whether a resource is the target, or one of them. It has to be
// named as the rule names it: the project by its id, or by its number.
func (t Target) Covers(r iam.Resource) bool {
	return r.Type() == t.Type && t.pattern.matches(r.String())
}

// targetType is what a grant of a role is written to.
type targetType struct {
	on    iam.ResourceType
	role  iam.Role
	kinds []iam.Kind
	form  []string // of its names, by segment
}

var targetTypes = []targetType{
	{iam.RepositoryType, iam.ArtifactReader, []iam.Kind{iam.RunImage, iam.ArtifactDownload, iam.CallerImage}, segmentsOf("locations/repositories")},
	{iam.RepositoryType, iam.ArtifactWriter, []iam.Kind{iam.ArtifactUpload}, segmentsOf("locations/repositories")},
	{iam.SecretType, iam.SecretAccessor, []iam.Kind{iam.UpstreamSecret, iam.SecretAccess}, segmentsOf("secrets")},
	{iam.ServiceType, iam.RunInvoker, []iam.Kind{iam.Invoker}, segmentsOf("locations/services")},
	{iam.JobType, iam.RunInvoker, []iam.Kind{iam.Invoker}, segmentsOf("locations/jobs")},
	{iam.WorkerPoolType, iam.RunInvoker, []iam.Kind{iam.Invoker}, segmentsOf("locations/workerPools")},
}

// segmentsOf returns the segments of a pattern of any name below a project.
func segmentsOf(collections string) []string {
	segments := []string{"projects", "*"}
	for word := range strings.SplitSeq(collections, "/") {
		segments = append(segments, word, "*")
	}
	return segments
}

// Targets returns what the rules let pullfix change, by type and name: where an
// allow enforces, and no deny takes all of it away. A policy that only observes
// has none.
func (p *Policy) Targets() []Target {
	var all []Target
	for _, r := range p.rules {
		if r.action == allow && min(r.mode, p.mode) == Enforce {
			all = append(all, p.targetsOf(r)...)
		}
	}
	slices.SortFunc(all, func(a, b Target) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.String(), b.String()))
	})
	return slices.Compact(all)
}

func (p *Policy) targetsOf(r *rule) []Target {
	var targets []Target
	for _, t := range targetTypes {
		if !slices.ContainsFunc(t.kinds, r.kinds.has) || !slices.Contains(r.mayGrant(), t.role) {
			continue
		}
		for _, to := range r.to {
			narrow := *r
			narrowed, ok := to.within(t.form)
			narrow.to = []pattern{narrowed}
			if ok && !slices.ContainsFunc(p.rules, func(d *rule) bool { return d.action == deny && d.covers(&narrow) }) {
				targets = append(targets, Target{t.on, narrowed})
			}
		}
	}
	return targets
}

// within returns the part of a pattern that names of a form can match.
func (p pattern) within(form []string) (narrowed pattern, ok bool) {
	segments := strings.Split(p.text, "/")
	if last := len(segments) - 1; segments[last] == "**" && last <= len(form) {
		segments = append(segments[:last], form[last:]...)
	}
	if len(segments) != len(form) {
		return pattern{}, false
	}
	for i := 0; i < len(form); i += 2 {
		if segments[i] != form[i] {
			return pattern{}, false
		}
	}
	return pattern{text: strings.Join(segments, "/"), number: p.number}, true
}
