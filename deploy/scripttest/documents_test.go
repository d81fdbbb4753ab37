package scripttest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// documents are a kind of resource that comes in a file and is listed as JSON:
// each field of one is kept as the text of its JSON.
type documents struct {
	collection string
	flag       string                  // that names the file
	id         func(c *call) string    // of a new one
	etag       bool                    // an update has to have seen what is there
	check      func(thing) (is string) // what is wrong with one, "" for nothing
}

var documented = map[string]documents{
	"logging metrics":           {"metrics", "config-from-file", func(c *call) string { return c.pos[0] }, false, wanting("filter", "metricDescriptor")},
	"alpha monitoring policies": {"alertPolicies", "policy-from-file", nextPolicy, false, wanting("displayName", "conditions", "combiner")},
	"monitoring dashboards":     {"dashboards", "config-from-file", namedInFile, true, wanting("displayName", "mosaicLayout")},
}

// wanting returns what checks that fields are there.
func wanting(fields ...string) func(thing) string {
	return func(t thing) string {
		for _, field := range fields {
			if t[field] == "" {
				return field + " must be specified"
			}
		}
		return ""
	}
}

// nextPolicy makes up an id, as Cloud Monitoring does.
func nextPolicy(c *call) string {
	most := 0
	for _, name := range c.below(c.parent() + "/alertPolicies/") {
		if n, err := strconv.Atoi(baseOf(name)); err == nil {
			most = max(most, n)
		}
	}
	return strconv.Itoa(most + 1)
}

func namedInFile(c *call) string {
	t, err := c.documentIn("config-from-file")
	if err != nil {
		return ""
	}
	return baseOf(strings.Trim(t["name"], `"`))
}

func (d documents) name(c *call) string { return within(c.parent(), d.collection, c.pos[0]) }

func (c *call) documentIn(flag string) (thing, error) {
	text, err := os.ReadFile(c.flags[flag])
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	t := thing{}
	for key, value := range fields {
		var v any
		if err := json.Unmarshal(value, &v); err != nil {
			return nil, err
		}
		compact, err := json.Marshal(withoutZeros(v))
		if err != nil {
			return nil, err
		}
		t[key] = string(compact)
	}
	return t, nil
}

// withoutZeros leaves out of objects what Google Cloud leaves out of its answers.
func withoutZeros(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			if inner != false && inner != 0.0 && inner != "" {
				out[key] = withoutZeros(inner)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for n := range v {
			out[n] = withoutZeros(v[n])
		}
		return out
	default:
		return v
	}
}

func (d documents) put(c *call, name string, t thing) error {
	if wrong := d.check(t); wrong != "" {
		return c.fail("INVALID_ARGUMENT", "%s.", wrong)
	}
	delete(t, "name")
	if d.etag {
		delete(t, "etag")
		t["etag"] = strconv.Quote(fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, t)))[:16])
	}
	c.Things[name] = t
	return nil
}

func (d documents) create(c *call) error {
	t, err := c.documentIn(d.flag)
	if err != nil {
		return err
	}
	name := c.parent() + "/" + d.collection + "/" + d.id(c)
	if err := c.create(name, t); err != nil {
		return err
	}
	return d.put(c, name, t)
}

func (d documents) update(c *call) error {
	t, err := c.documentIn(d.flag)
	if err != nil {
		return err
	}
	name := d.name(c)
	if err := c.need(name); err != nil {
		return err
	}
	if d.etag && t["etag"] != c.Things[name]["etag"] {
		return c.fail("FAILED_PRECONDITION", "The etag %s is not that of the dashboard.", t["etag"])
	}
	return d.put(c, name, t)
}

// list prints what there is as one list of JSON.
func (d documents) list(c *call) error {
	if c.flags["format"] != "json" {
		return fmt.Errorf("format %q: the fake lists %s as JSON", c.flags["format"], d.collection)
	}
	all := []map[string]json.RawMessage{}
	for _, name := range c.below(c.parent() + "/" + d.collection + "/") {
		shown := name
		if d.collection == "metrics" {
			shown = baseOf(name)
		}
		doc := map[string]json.RawMessage{"name": json.RawMessage(strconv.Quote(shown))}
		for _, key := range slices.Sorted(maps.Keys(c.Things[name])) {
			doc[key] = json.RawMessage(c.Things[name][key])
		}
		all = append(all, doc)
	}
	return json.NewEncoder(&c.out).Encode(all)
}
