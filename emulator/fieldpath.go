package emulator

import (
	"strings"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
)

const wantFieldPath = "names with dots between them, where a name other than letters, digits and _ stands in backticks"

// pathPart is one name and the dot behind it
// (https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#document).
var pathPart = lazily("^(?:([a-zA-Z_][a-zA-Z_0-9]*)|`((?:[^`\\\\]|\\\\[`\\\\])+)`)(\\.|$)")

// fieldPath leads to a field through maps. It has at least one name.
type fieldPath []string

func parseFieldPath(text string) (fieldPath, error) {
	var path fieldPath
	for rest := text; ; {
		part := pathPart().FindStringSubmatch(rest)
		if part == nil {
			return nil, invalid("The field path %q is malformed: want %s.", text, wantFieldPath)
		}
		name := part[1] + strings.NewReplacer("\\`", "`", `\\`, `\`).Replace(part[2])
		if err := checkFieldName(name); err != nil {
			return nil, err
		}
		path = append(path, name)
		if part[3] == "" {
			return path, nil
		}
		rest = rest[len(part[0]):]
	}
}

// get returns the value at the path, or nil.
func (p fieldPath) get(fields map[string]*firestorepb.Value) *firestorepb.Value {
	maps, last := p.split()
	for _, name := range maps {
		fields = fields[name].GetMapValue().GetFields()
	}
	return fields[last]
}

// set makes maps of what is on the way.
func (p fieldPath) set(fields map[string]*firestorepb.Value, value *firestorepb.Value) {
	maps, last := p.split()
	for _, name := range maps {
		inner := fields[name].GetMapValue()
		if inner == nil {
			inner = &firestorepb.MapValue{}
			fields[name] = &firestorepb.Value{ValueType: &firestorepb.Value_MapValue{MapValue: inner}}
		}
		if inner.Fields == nil {
			inner.Fields = map[string]*firestorepb.Value{}
		}
		fields = inner.Fields
	}
	fields[last] = value
}

func (p fieldPath) remove(fields map[string]*firestorepb.Value) {
	maps, last := p.split()
	for _, name := range maps {
		fields = fields[name].GetMapValue().GetFields()
	}
	delete(fields, last)
}

func (p fieldPath) split() (maps []string, last string) { return p[:len(p)-1], p[len(p)-1] }
