package terraform

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// program is the source of one resource in TypeScript: a class for it and for
// each block in it.
type program struct {
	classes map[string]string // bodies, by name
	values  map[string]string // that an attribute may have, by class and attribute
}

var (
	classOf     = regexp.MustCompile(`(?s)\nexport class (\w+) extends cdktf\.(ComplexObject|TerraformResource|TerraformDataSource) \{\n(.*?)\n\}`)
	interfaceOf = regexp.MustCompile(`(?s)\nexport interface (\w+) .*?\n\}`)
	valuesOf    = regexp.MustCompile(`(?s)Possible values: (\[[^\]]*\])(?:[^/]|/[^*])*?#(\w+) `)
	memberOf    = regexp.MustCompile(`// (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n` +
		`(?:  private _\w+(?: = new (\w[\w.]*)\(this, "\w+"(?:, (true|false))?\))?[^\n]*\n)?  public get \w+\(\) \{\s+(?://[^\n]*\s+)?return ([^;]+);`)
)

// types are what the getters of the bindings return.
var types = map[string]string{
	"this.getStringAttribute":               "string",
	"this.getNumberAttribute":               "number",
	"this.getBooleanAttribute":              "bool",
	"this.getListAttribute":                 "list",
	"this.getNumberListAttribute":           "numbers",
	"cdktf.Fn.tolist(this.getListAttribute": "set",
	"this.getStringMapAttribute":            "map",
}

func (p *program) read(source string) (block, error) {
	top := ""
	for _, m := range classOf.FindAllStringSubmatch(source, -1) {
		p.classes[m[1]] = m[3]
		if m[2] != "ComplexObject" {
			top = m[1]
		}
	}
	for _, of := range interfaceOf.FindAllStringSubmatch(source, -1) {
		for _, m := range valuesOf.FindAllStringSubmatch(of[0], -1) {
			var words []string
			if err := json.Unmarshal([]byte(m[1]), &words); err != nil {
				return block{}, fmt.Errorf("values %s: %w", m[1], err)
			}
			p.values[of[1]+"."+m[2]] = strings.Join(words, "|")
		}
	}
	return p.block(top)
}

func (p *program) block(class string) (block, error) {
	b := block{Attributes: map[string]string{}, Blocks: map[string]block{}}
	body, ok := p.classes[class]
	if !ok {
		return b, fmt.Errorf("no class %q", class)
	}
	arguments, inside := strings.CutSuffix(class, "OutputReference")
	if !inside {
		arguments += "Config"
	}
	members := memberOf.FindAllStringSubmatch(body, -1)
	if want := strings.Count(body, " - computed: "); len(members) != want {
		return b, fmt.Errorf("class %q: %d members were read of %d", class, len(members), want)
	}
	for _, m := range members {
		name, computed, optional, required, of, set, getter := m[1], m[2] == "true", m[3] == "true", m[4] == "true", m[5], m[6], m[7]
		if of != "" && of != "cdktf.StringMap" {
			inner, err := p.block(strings.TrimSuffix(strings.TrimSuffix(of, "List"), "OutputReference") + "OutputReference")
			if err != nil {
				return b, err
			}
			inner.Nesting, inner.One, inner.Required, inner.Computed = "list", !strings.HasSuffix(of, "List"), required, computed && !optional
			switch {
			case name == "timeouts":
				inner.Nesting, inner.One = "single", false
			case set == "true":
				inner.Nesting = "set"
			}
			b.Blocks[name] = inner
			continue
		}
		text, err := typeOf(of, getter)
		if err != nil {
			return b, fmt.Errorf("class %q: %s: %w", class, name, err)
		}
		for word, holds := range map[string]bool{" required": required, " optional": optional} {
			if holds {
				text += word
			}
		}
		if computed {
			text += " computed"
		}
		if values := p.values[arguments+"."+name]; values != "" {
			text += " = " + values
		}
		b.Attributes[name] = text
	}
	return b, nil
}

func typeOf(class, getter string) (string, error) {
	if class == "cdktf.StringMap" {
		return "map", nil
	}
	call, _, _ := strings.Cut(strings.Replace(getter, "tolist(", "tolist\x00", 1), "(")
	if t, ok := types[strings.Replace(call, "\x00", "(", 1)]; ok {
		return t, nil
	}
	return "", fmt.Errorf("a getter that is not known: %s", getter)
}
