package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"google.golang.org/api/orgpolicy/v2"
)

// What conditions may use, and how long texts may be:
// https://cloud.google.com/iam/docs/org-policy-custom-constraints, as it was on
// 7 April 2026.
const (
	longestCondition   = 1000
	longestDisplayName = 200
	longestDescription = 2000
	allowPolicy        = "iam.googleapis.com/AllowPolicy"
)

var constraintName = regexp.MustCompile(`^organizations/123456789012/customConstraints/(custom\.[A-Za-z0-9]{1,70})$`)

// kinds are the kinds of principals that MemberTypeMatches knows.
var kinds = []string{
	"ConsumerPrincipal", "WorkspacePrincipal", "ConsumerGroup", "WorkspaceGroup", "Domain", "WorkforcePoolPrincipal",
	"WorkforcePoolPrincipalSet", "WorkloadPoolPrincipal", "WorkloadPoolPrincipalSet", "ServiceAccount", "ServiceAgent",
	"PublicPrincipals", "ProjectRoleReference", "ResourcePrincipal", "ResourcePrincipalSet", "AgentIdentity", "AgentIdentitySet",
}

// readYAML decodes a file of which each key is known.
func readYAML(t *testing.T, path string, v any) {
	t.Helper()
	var doc any
	if err := yaml.UnmarshalWithOptions(fill(t, path), &doc, yaml.Strict()); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	strict(t, path, text, v)
}

type constraint = orgpolicy.GoogleCloudOrgpolicyV2CustomConstraint

// constraints returns the constraints by their ids.
func constraints(t *testing.T) map[string]*constraint {
	t.Helper()
	paths, err := filepath.Glob("org-policy/constraint-*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no constraints", err)
	}
	all := map[string]*constraint{}
	for _, path := range paths {
		c := new(constraint)
		readYAML(t, path, c)
		m := constraintName.FindStringSubmatch(c.Name)
		if m == nil {
			t.Fatalf("%s: name %q: want organizations/N/customConstraints/custom.ID", path, c.Name)
		}
		all[m[1]] = c
	}
	return all
}

func TestConstraints(t *testing.T) {
	for id, c := range constraints(t) {
		if !slices.Equal(c.ResourceTypes, []string{allowPolicy}) || !slices.Equal(c.MethodTypes, []string{"CREATE", "UPDATE"}) {
			t.Errorf("%s: of %q on %q", id, c.ResourceTypes, c.MethodTypes)
		}
		if len(c.Condition) > longestCondition || len(c.DisplayName) > longestDisplayName || len(c.Description) > longestDescription {
			t.Errorf("%s: too long: condition %d, name %d, description %d", id, len(c.Condition), len(c.DisplayName), len(c.Description))
		}
	}
}

// TestPolicies wants two files for each constraint: one that puts it in force,
// and one that only logs.
func TestPolicies(t *testing.T) {
	known := constraints(t)
	paths, err := filepath.Glob("org-policy/policy-*.yaml")
	if err != nil || len(paths) != 2*len(known) {
		t.Fatalf("got %q, want 2 policies for each of %d constraints: %v", paths, len(known), err)
	}
	for _, path := range paths {
		var p orgpolicy.GoogleCloudOrgpolicyV2Policy
		readYAML(t, path, &p)
		id := strings.TrimPrefix(p.Name, "projects/shared-images/policies/")
		spec, other := p.Spec, p.DryRunSpec
		if strings.HasSuffix(path, "-dry-run.yaml") {
			spec, other = other, spec
		}
		if known[id] == nil || other != nil || spec == nil || len(spec.Rules) != 1 || !spec.Rules[0].Enforce {
			t.Errorf("%s: want one rule that enforces a constraint, in one part", path)
		}
	}
}

// granted is what a request adds to a policy: a role for members.
type granted struct {
	role    string
	members []string
}

// homes says of each member what kind it is, and whether it belongs to the
// organisation.
var homes = map[string]struct {
	kind string
	ours bool
}{
	"serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com": {"ServiceAgent", true},
	"serviceAccount:service-999999999999@serverless-robot-prod.iam.gserviceaccount.com": {"ServiceAgent", false},
	"serviceAccount:web@app-one.iam.gserviceaccount.com":                                {"ServiceAccount", true},
	"serviceAccount:web@elsewhere.iam.gserviceaccount.com":                              {"ServiceAccount", false},
	"serviceAccount:pullfix@ops.iam.gserviceaccount.com":                                {"ServiceAccount", true},
	"user:ann@example.com":  {"WorkspacePrincipal", true},
	"user:ann@gmail.com":    {"ConsumerPrincipal", false},
	"group:dev@example.com": {"WorkspaceGroup", true},
	"allUsers":              {"PublicPrincipals", false},
}

func TestWhatConstraintsRefuse(t *testing.T) {
	const (
		reader, writer = "roles/artifactregistry.reader", "roles/artifactregistry.writer"
		cloudRun       = "serviceAccount:service-111111111111@serverless-robot-prod.iam.gserviceaccount.com"
		foreign        = "serviceAccount:service-999999999999@serverless-robot-prod.iam.gserviceaccount.com"
		web            = "serviceAccount:web@app-one.iam.gserviceaccount.com"
		elsewhere      = "serviceAccount:web@elsewhere.iam.gserviceaccount.com"
		pullfix        = "serviceAccount:pullfix@ops.iam.gserviceaccount.com"
		mine           = "projects/shared-images/roles/pullfixGrantRepository"
	)
	one := func(role string, members ...string) []granted { return []granted{{role, members}} }
	all := constraints(t)
	for _, test := range []struct {
		name    string
		grants  []granted
		refused []string
	}{
		{"a grant", one(reader, cloudRun), nil},
		{"a grant to an account", one("roles/secretmanager.secretAccessor", web), nil},
		{"the writer", one(writer, web), nil},
		{"pullfix's role for pullfix", one(mine, pullfix), nil},
		{"nothing", nil, nil},
		{"a person", one(reader, "user:ann@example.com"), []string{"custom.pullfixGrants"}},
		{"a person beside an account", one(reader, web, "user:ann@example.com"), []string{"custom.pullfixGrants"}},
		{"a group", one(reader, "group:dev@example.com"), []string{"custom.pullfixGrants"}},
		{"another organisation's agent", one(reader, foreign), []string{"custom.pullfixGrants"}},
		{"another organisation's account", one(reader, elsewhere), []string{"custom.pullfixGrants"}},
		{"another role", one("roles/artifactregistry.createOnPushWriter", web), []string{"custom.pullfixGrants"}},
		{"pullfix's role for another account", one(mine, web), []string{"custom.pullfixGrants"}},
		{"another role for pullfix", one("roles/run.viewer", pullfix), []string{"custom.pullfixGrants"}},
		{"an administrator", one("roles/artifactregistry.admin", web), []string{"custom.pullfixGrants", "custom.pullfixNever"}},
		{"an administrator beside a grant", []granted{{reader, []string{cloudRun}}, {"roles/iam.securityAdmin", []string{web}}}, []string{"custom.pullfixGrants", "custom.pullfixNever"}},
		{"an owner", one("roles/owner", "user:ann@example.com"), []string{"custom.pullfixGrants", "custom.pullfixNever"}},
		{"everybody", one("roles/run.invoker", "allUsers"), []string{"custom.pullfixGrants", "custom.pullfixNever"}},
		{"a private account", one(reader, "user:ann@gmail.com"), []string{"custom.pullfixGrants", "custom.pullfixNever"}},
	} {
		var refused []string
		for id, c := range all {
			met, err := holds(c.Condition, test.grants)
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			if met == (c.ActionType == "DENY") {
				refused = append(refused, id)
			}
		}
		slices.Sort(refused)
		if !slices.Equal(refused, test.refused) {
			t.Errorf("%s: refused by %q, want %q", test.name, refused, test.refused)
		}
	}
}

// holds evaluates a condition. What is documented of the language has the form
// of Go's expressions but for lists, and && and || are all of its operators.
func holds(condition string, grants []granted) (met bool, err error) {
	text := strings.NewReplacer(`['`, `list("`, `', '`, `", "`, "',\n'", `", "`, `']`, `")`).Replace(condition)
	e, err := parser.ParseExpr(text)
	if err != nil {
		return false, err
	}
	defer func() {
		if p := recover(); p != nil {
			met, err = false, fmt.Errorf("condition: %v", p)
		}
	}()
	return evaluation{grants: grants}.is(e), nil
}

// evaluation is where an evaluation is: at a binding, and at a member of it.
type evaluation struct {
	grants  []granted
	binding granted
	member  string
}

func (v evaluation) is(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return v.is(e.X)
	case *ast.BinaryExpr:
		switch e.Op {
		case token.LAND:
			return v.is(e.X) && v.is(e.Y)
		case token.LOR:
			return v.is(e.X) || v.is(e.Y)
		}
	case *ast.CallExpr:
		if of, ok := e.Fun.(*ast.SelectorExpr); ok {
			return v.over(path(of.X), of.Sel.Name, e.Args)
		}
		return v.matches(path(e.Fun), path(e.Args[0]), list(e.Args[1]))
	}
	panic(errors.New("only && and ||, macros and functions are documented"))
}

// over is a macro: all or exists, of bindings or of the members of one.
func (v evaluation) over(of, macro string, args []ast.Expr) bool {
	var inner []evaluation
	switch of + " " + path(args[0]) {
	case "resource.bindings binding":
		for _, b := range v.grants {
			inner = append(inner, evaluation{binding: b})
		}
	case "binding.members member":
		for _, m := range v.binding.members {
			inner = append(inner, evaluation{binding: v.binding, member: m})
		}
	default:
		panic("no list " + of)
	}
	switch macro {
	case "all":
		return !slices.ContainsFunc(inner, func(i evaluation) bool { return !i.is(args[1]) })
	case "exists":
		return slices.ContainsFunc(inner, func(i evaluation) bool { return i.is(args[1]) })
	default:
		panic("no macro " + macro)
	}
}

func (v evaluation) matches(function, of string, wanted []string) bool {
	home, known := homes[v.member]
	var one func(string) bool
	switch function + " " + of {
	case "RoleNameMatches binding.role":
		one = func(w string) bool { return v.binding.role == w }
	case "RoleNameContains binding.role":
		one = func(w string) bool { return strings.Contains(v.binding.role, w) }
	case "MemberSubjectMatches member":
		one = func(w string) bool { return v.member == w }
	case "MemberTypeMatches member":
		one = func(w string) bool {
			kind := strings.TrimPrefix(w, "iam.googleapis.com/")
			if !known || !slices.Contains(kinds, kind) {
				panic(fmt.Sprintf("member %q, kind %q: not known", v.member, w))
			}
			return home.kind == kind
		}
	case "MemberInPrincipalSet member":
		one = func(w string) bool {
			return home.ours && w == "//cloudresourcemanager.googleapis.com/organizations/123456789012"
		}
	default:
		panic(fmt.Sprintf("no function %s of %s", function, of))
	}
	return slices.ContainsFunc(wanted, one)
}

// path is a name with dots, such as binding.role.
func path(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return path(e.X) + "." + e.Sel.Name
	}
	panic("want a name")
}

// list is a list of texts.
func list(e ast.Expr) (all []string) {
	call, ok := e.(*ast.CallExpr)
	if !ok || path(call.Fun) != "list" {
		panic("want a list of texts")
	}
	for _, arg := range call.Args {
		text, err := strconv.Unquote(arg.(*ast.BasicLit).Value)
		if err != nil {
			panic(err)
		}
		all = append(all, text)
	}
	return all
}
