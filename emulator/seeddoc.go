package emulator

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// seedDoc is a seed as it is written.
type seedDoc struct {
	Projects        []item[projectDoc]    `yaml:"projects"`
	Folders         []item[folderDoc]     `yaml:"folders"`
	Repositories    []item[repositoryDoc] `yaml:"repositories"`
	Secrets         []item[secretDoc]     `yaml:"secrets"`
	Services        []item[namedDoc]      `yaml:"services"`
	Jobs            []item[namedDoc]      `yaml:"jobs"`
	WorkerPools     []item[namedDoc]      `yaml:"workerPools"`
	ServiceAccounts []item[namedDoc]      `yaml:"serviceAccounts"`
	MissingMembers  []scalar              `yaml:"missingMembers"`
	Caller          scalar                `yaml:"caller"`
	Logs            []scalar              `yaml:"logs"`
	Latency         scalar                `yaml:"latency"`
	Faults          []item[faultDoc]      `yaml:"faults"`
}

type projectDoc struct {
	ID     scalar           `yaml:"id"`
	Number scalar           `yaml:"number"`
	Parent scalar           `yaml:"parent"`
	Policy *item[policyDoc] `yaml:"policy"`
}

type folderDoc struct {
	Name   scalar           `yaml:"name"`
	Parent scalar           `yaml:"parent"`
	Policy *item[policyDoc] `yaml:"policy"`
}

type repositoryDoc struct {
	Name           scalar           `yaml:"name"`
	Format         scalar           `yaml:"format"`
	Mode           scalar           `yaml:"mode"`
	Images         []scalar         `yaml:"images"`
	UpstreamSecret scalar           `yaml:"upstreamSecret"`
	Upstreams      []scalar         `yaml:"upstreams"`
	Rules          []item[ruleDoc]  `yaml:"rules"`
	Policy         *item[policyDoc] `yaml:"policy"`
}

type ruleDoc struct {
	Action    scalar `yaml:"action"`
	Operation scalar `yaml:"operation"`
	Package   scalar `yaml:"package"`
}

type secretDoc struct {
	Name   scalar           `yaml:"name"`
	Value  scalar           `yaml:"value"`
	Policy *item[policyDoc] `yaml:"policy"`
}

type namedDoc struct {
	Name   scalar           `yaml:"name"`
	Policy *item[policyDoc] `yaml:"policy"`
}

type policyDoc struct {
	Bindings []item[bindingDoc] `yaml:"bindings"`
}

type bindingDoc struct {
	Role      scalar              `yaml:"role"`
	Members   []scalar            `yaml:"members"`
	Condition *item[conditionDoc] `yaml:"condition"`
}

type conditionDoc struct {
	Title       scalar `yaml:"title"`
	Description scalar `yaml:"description"`
	Expression  scalar `yaml:"expression"`
}

type faultDoc struct {
	Method     scalar `yaml:"method"`
	Resource   scalar `yaml:"resource"`
	Code       scalar `yaml:"code"`
	Message    scalar `yaml:"message"`
	After      scalar `yaml:"after"`
	Times      scalar `yaml:"times"`
	AfterWrite bool   `yaml:"afterWrite"`
}

// scalar is a text, and where it is written. A key that is absent has no place.
type scalar struct {
	text string
	at   *token.Token
}

func (s scalar) written() bool { return s.at != nil }

// UnmarshalYAML takes any scalar as it is written.
func (s *scalar) UnmarshalYAML(node ast.Node) error {
	s.at = node.GetToken()
	switch n := node.(type) {
	case *ast.StringNode:
		s.text = n.Value
	case *ast.LiteralNode:
		s.text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		s.text = s.at.Value
	default:
		return &seedError{s.at, "want a text or a number"}
	}
	return nil
}

// item is a mapping, and where it begins.
type item[T any] struct {
	doc T
	at  *token.Token
}

// UnmarshalYAML reads the mapping strictly.
func (i *item[T]) UnmarshalYAML(node ast.Node) error {
	i.at = node.GetToken()
	switch n := node.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			i.at = n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		i.at = n.Key.GetToken()
	default:
		return &seedError{i.at, "want a mapping of keys to values"}
	}
	return yaml.NodeToValue(node, &i.doc, yaml.Strict())
}

// seedError is a fault of the seed at a place.
type seedError struct {
	at  *token.Token
	why string
}

// Error says what is wrong without the place, which only the reader knows how
// to show.
func (e *seedError) Error() string { return e.why }

// decode reads the text into the document, and gives every error its place.
func (r *seedReader) decode() (*seedDoc, error) {
	if len(r.text) > maxSeed {
		return nil, fmt.Errorf("%s: seed of %d bytes: want at most %d", r.file, len(r.text), maxSeed)
	}
	f, err := parser.ParseBytes([]byte(r.text), 0)
	if err != nil {
		return nil, r.place(err)
	}
	doc := &seedDoc{}
	for i, d := range f.Docs {
		switch {
		case d.Body == nil:
		case i > 0:
			return nil, r.place(&seedError{d.Body.GetToken(), "want one YAML document"})
		default:
			if err := refuseAliases(d.Body); err != nil {
				return nil, r.place(err)
			}
			if err := yaml.NodeToValue(d.Body, doc, yaml.Strict()); err != nil {
				return nil, r.place(err)
			}
		}
	}
	return doc, nil
}

type aliasFinder struct{ found *token.Token }

// Visit implements ast.Visitor.
func (a *aliasFinder) Visit(node ast.Node) ast.Visitor {
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		a.found = node.GetToken()
	}
	return a
}

func refuseAliases(body ast.Node) error {
	finder := &aliasFinder{}
	ast.Walk(finder, body)
	if finder.found != nil {
		return &seedError{finder.found, "want plain values: no anchors, aliases, merge keys or tags"}
	}
	return nil
}

// place turns an error into file:line:column: why, and the line.
func (r *seedReader) place(err error) error {
	var own *seedError
	var lib yaml.Error
	switch {
	case errors.As(err, &own):
		return r.errorAt(own.at, own.why)
	case errors.As(err, &lib):
		return r.errorAt(lib.GetToken(), lib.GetMessage())
	default:
		return fmt.Errorf("%s: %w", r.file, err)
	}
}

func (r *seedReader) errorAt(at *token.Token, why string) error {
	if at == nil || at.Position == nil {
		return fmt.Errorf("%s: %s", r.file, why)
	}
	line, column := at.Position.Line, at.Position.Column
	var shown string
	if lines := strings.Split(r.text, "\n"); line >= 1 && line <= len(lines) {
		shown = strings.TrimRight(lines[line-1], "\r")
	}
	return fmt.Errorf("%s:%d:%d: %s\n%5d | %s\n      | %s^", r.file, line, column, why, line, shown, strings.Repeat(" ", max(0, column-1)))
}
