package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"

	"github.com/pullfix/pullfix/iam"
)

// TestSchemaAgreesWithReaderOnMutants changes valid policies here and there. The
// schema sees the value itself, the reader what it looks like in YAML.
func TestSchemaAgreesWithReaderOnMutants(t *testing.T) {
	schema := compileSchema(t)
	valid, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		policy := wholePolicy()
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			policy = mutate(t, "", policy)
		}
		data := must(json.MarshalIndent(policy, "", " "))
		if rapid.Bool().Draw(t, "block") {
			data = must(yaml.Marshal(policy))
		}
		_, reader := Parse("f", data)
		err := schema.Validate(policy)
		if err == nil && repeatsName(policy) {
			err = fmt.Errorf("two rules have the same name")
		}
		if (reader == nil) != (err == nil) {
			t.Fatalf("the reader says %v, the schema says %v:\n%s", reader, err, data)
		}
		if reader == nil {
			valid++
		} else {
			refused++
		}
	})
	t.Logf("%d valid, %d refused", valid, refused)
}

// wholePolicy has every key.
func wholePolicy() any {
	var v any
	err := json.Unmarshal([]byte(`{
		"apiVersion": "pullfix/v1", "mode": "enforce",
		"limits": {"grantsPerHour": 5, "maxEventAge": "90m", "repeatAlertsEvery": "1h"},
		"allow": [{
			"name": "a", "reason": "why", "kinds": ["run-image", "invoker"], "from": ["projects/app-*", "folders/1"], "to": ["projects/r/**"],
			"members": ["cloud-run-agent", "serviceAccount:b@p.iam.gserviceaccount.com"], "roles": ["roles/run.invoker"],
			"mode": "observe", "unverified": "allow", "notify": ["on-call"]
		}],
		"deny": [{"name": "d"}, {"name": "e", "kinds": ["act-as"], "from": ["projects/1"], "to": ["**"], "members": ["user"], "notify": ["x"], "reason": "r"}],
		"ignore": [{"name": "i", "from": ["organizations/1"]}],
		"notify": [
			{"name": "on-call", "type": "slack-webhook", "target": "env:A", "verdicts": ["alert"], "template": "{{.Title}}"},
			{"name": "b", "type": "slack", "target": "C0123456789", "secret": "env:A"},
			{"name": "c", "type": "email", "target": "a@b", "server": "s", "from": "f", "secret": "projects/p/secrets/s/versions/1"}
		],
		"tests": [{"name": "t", "event": "e.json", "above": ["folders/1"], "numbers": ["app-one=111"], "expect": {"verdict": "grant", "rule": "a"}}]
	}`), &v)
	v.(map[string]any)["limits"].(map[string]any)["grantsPerHour"] = 5 // and not 5.0
	return must(v, err)
}

var (
	allKeys = []string{
		"apiVersion", "mode", "limits", "allow", "deny", "ignore", "tests", "name", "reason", "kinds", "from", "to", "members", "roles", "unverified",
		"notify", "grantsPerHour", "maxEventAge", "repeatAlertsEvery", "event", "above", "numbers", "expect", "verdict", "rule", "type", "target", "secret", "server", "template", "verdicts", "other", "", "Mode", "1",
	}
	allValues = []any{
		nil, true, 0, 1, -1, 1.5, 1_000_000, 1_000_001, "", " ", "1", "0x1f", "true", "null", "~", "a", "A", "é", "a b", "a\n", "*", "**", "- a", "a: b", "#", "{", "@", "\ufeff", "\x00",
		"pullfix/v1", "observe", "enforce", "allow", "grant", "alert", "ignore", "6h", "0h", "-6h", "1.5h", "run-image", "act-as", "quota", "other-permission",
		"projects/p", "projects/*", "projects/**", "projects/1", "projects/p/**", "projects/p-/**", "projects/*/**", "projects/p/secrets/s", "projects/p/secrets",
		"projects/p/locations/*/repositories/*", "folders/1", "folders/x", "organizations/0", "user", "service-account", "cloud-build", "user:ann@example.com",
		"serviceAccount:b@p.iam.gserviceaccount.com", "group:dev@example.com", "roles/run.invoker", "roles/owner", "env:A", "C0123456789", "slack", "slack-webhook", "email", "a=1", "1=a", "a=", "a=b",
		[]any{},
		map[string]any{},
		[]any{"a"},
		[]any{"projects/p"},
		[]any{"quota"},
		[]any{"user"},
		map[string]any{"name": "d"},
		map[string]any{"verdict": "alert"},
	}
)

// mutate goes down to some place in the value and changes it there.
func mutate(t *rapid.T, key string, v any) any {
	if rapid.IntRange(0, 15).Draw(t, "here") == 0 {
		return rapid.SampledFrom(allValues).Draw(t, "value")
	}
	switch v := v.(type) {
	case map[string]any:
		return mutateMapping(t, maps.Clone(v))
	case []any:
		return mutateList(t, key, slices.Clone(v))
	default:
		return another(t, key)
	}
}

// another draws a value for a key, which is often one that fits.
func another(t *rapid.T, key string) any {
	fitting := likely[key]
	if len(fitting) == 0 || rapid.IntRange(0, 9).Draw(t, "unlikely") == 0 {
		return rapid.SampledFrom(allValues).Draw(t, "value")
	}
	return strings.Trim(rapid.SampledFrom(fitting).Draw(t, "value"), `"`)
}

var likely = map[string][]string{
	"apiVersion": {"pullfix/v1"}, "mode": modeNames[:], "name": {"a", "b", "d", "x-1", "1"}, "rule": {"a", "x-1"}, "notify": {"a", "on-call"},
	"kinds": iam.KindNames(), "from": together(rightProjects, []string{"projects/*"}), "to": together(rightTargets, []string{"**"}),
	"members": together(rightAccounts, people), "roles": texts(grantableRoles), "unverified": {"allow"}, "reason": {"a", "é b"},
	"maxEventAge": {"6h", "1.5h"}, "repeatAlertsEvery": {"1h30m"}, "event": {"a/b.json"}, "above": {"folders/1", "organizations/2"}, "verdict": verdictNames[:],
}

func mutateMapping(t *rapid.T, m map[string]any) any {
	how := rapid.IntRange(0, 9).Draw(t, "how")
	if len(m) == 0 || how == 0 {
		key := rapid.SampledFrom(allKeys).Draw(t, "new key")
		m[key] = another(t, key)
		return m
	}
	key := rapid.SampledFrom(slices.Sorted(maps.Keys(m))).Draw(t, "key")
	if how == 1 {
		delete(m, key)
		return m
	}
	m[key] = mutate(t, key, m[key])
	return m
}

func mutateList(t *rapid.T, key string, l []any) any {
	how := rapid.IntRange(0, 4).Draw(t, "how")
	if len(l) == 0 || how == 0 {
		return append(l, another(t, key))
	}
	i := rapid.IntRange(0, len(l)-1).Draw(t, "place")
	switch how {
	case 1:
		return slices.Delete(l, i, i+1)
	case 2:
		return append(l, l[i])
	}
	l[i] = mutate(t, key, l[i])
	return l
}

// repeatsName finds what a schema does not: two rules, or two channels, of one
// name.
func repeatsName(policy any) bool {
	return repeatsNameIn(policy, "allow", "deny", "ignore") || repeatsNameIn(policy, "notify")
}

func repeatsNameIn(policy any, keys ...string) bool {
	seen := map[any]bool{}
	for _, key := range keys {
		named, _ := policy.(map[string]any)[key].([]any)
		for _, r := range named {
			name := r.(map[string]any)["name"]
			if seen[name] {
				return true
			}
			seen[name] = true
		}
	}
	return false
}
