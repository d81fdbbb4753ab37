package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// schema is one provider in schema.json.
type schema struct {
	Resources blocks `json:"resources"`
	Data      blocks `json:"data"`
}

type blocks map[string]block

// block is a resource, or a block in one.
type block struct {
	Nesting    string            `json:"nesting"` // of a block in a block: list, set or single
	One        bool              `json:"one"`     // there is at most one
	Required   bool              `json:"required"`
	Computed   bool              `json:"computed"`   // it is an attribute that the provider fills
	Attributes map[string]string `json:"attributes"` // such as "string required", "string optional = A|B"
	Blocks     blocks            `json:"blocks"`
}

var types = map[string]tftypes.Type{
	"string": tftypes.String, "number": tftypes.Number, "bool": tftypes.Bool,
	"list": tftypes.List{ElementType: tftypes.String}, "numbers": tftypes.List{ElementType: tftypes.Number}, "set": tftypes.Set{ElementType: tftypes.String},
	"map": tftypes.Map{ElementType: tftypes.String},
}

var nestings = map[string]tfprotov5.SchemaNestedBlockNestingMode{
	"list": tfprotov5.SchemaNestedBlockNestingModeList, "set": tfprotov5.SchemaNestedBlockNestingModeSet,
	"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
}

func (b blocks) protocol() map[string]*tfprotov5.Schema {
	all := map[string]*tfprotov5.Schema{}
	for name, of := range b {
		all[name] = &tfprotov5.Schema{Block: of.protocol()}
	}
	return all
}

func (b block) protocol() *tfprotov5.SchemaBlock {
	var out tfprotov5.SchemaBlock
	for name, text := range b.Attributes {
		words := strings.Fields(text)
		out.Attributes = append(out.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: types[words[0]],
			Required: slices.Contains(words, "required"), Optional: slices.Contains(words, "optional"), Computed: slices.Contains(words, "computed"),
		})
	}
	for name, inner := range b.Blocks {
		if inner.Computed {
			out.Attributes = append(out.Attributes, &tfprotov5.SchemaAttribute{
				Name: name, Type: tftypes.List{ElementType: inner.protocol().ValueType()}, Computed: true,
			})
			continue
		}
		nested := &tfprotov5.SchemaNestedBlock{TypeName: name, Block: inner.protocol(), Nesting: nestings[inner.Nesting]}
		if inner.One {
			nested.MaxItems = 1
		}
		if inner.Required {
			nested.MinItems = 1
		}
		out.BlockTypes = append(out.BlockTypes, nested)
	}
	return &out
}

// check looks for values that are not among those documented, and for ones that
// only the provider fills.
func (b block) check(config *tfprotov5.DynamicValue) ([]*tfprotov5.Diagnostic, error) {
	value, err := config.Unmarshal(b.protocol().ValueType())
	if err != nil {
		return nil, err
	}
	var wrong []*tfprotov5.Diagnostic
	err = tftypes.Walk(value, func(path *tftypes.AttributePath, v tftypes.Value) (bool, error) {
		kind, values, _ := strings.Cut(b.attribute(path), " = ")
		var text string
		switch {
		case v.IsNull():
		case strings.HasSuffix(kind, " computed") && !strings.Contains(kind, " optional"):
			wrong = append(wrong, problem(path, "Value for unconfigurable attribute"))
		case values == "" || !v.IsKnown():
		case v.As(&text) != nil || !slices.Contains(strings.Split(values, "|"), text):
			wrong = append(wrong, problem(path, fmt.Sprintf("%q is none of %s", text, values)))
		}
		return true, nil
	})
	return wrong, err
}

func problem(at *tftypes.AttributePath, what string) *tfprotov5.Diagnostic {
	return &tfprotov5.Diagnostic{Severity: tfprotov5.DiagnosticSeverityError, Attribute: at, Summary: what}
}

// attribute returns what the schema says of the attribute at a path, "" for a
// block and for what is in a list.
func (b block) attribute(path *tftypes.AttributePath) string {
	text := ""
	for _, step := range path.Steps() {
		text = ""
		if name, ok := step.(tftypes.AttributeName); ok {
			text = b.Attributes[string(name)]
			b = b.Blocks[string(name)]
		}
	}
	return text
}
