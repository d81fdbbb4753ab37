package admin

import (
	"fmt"
	"strings"
)

// answer is the document, or the operation that makes it where changes last.
// An operation is under way when it is first told of, and done when it is
// asked for.
func (c *call) answer(doc document, what string) (any, error) {
	if !c.kind.lasting {
		return doc, nil
	}
	if what == "delete" {
		return c.operation("google.protobuf.Empty", document{}, what), nil
	}
	return c.operation(c.kind.message, doc, what), nil
}

// operation is one whose result is a document of that type.
func (c *call) operation(message string, doc document, what string) document {
	api := c.kind.message[:strings.LastIndexByte(c.kind.message, '.')]
	result := changed(doc, document{"@type": "type.googleapis.com/" + message})
	name := operationsOf(c.name) + fmt.Sprintf("operations/operation-%06d", c.number())
	metadata := document{
		"@type":      "type.googleapis.com/" + api + ".OperationMetadata",
		"target":     c.name,
		"verb":       what,
		"apiVersion": c.kind.version,
		"createTime": now(),
	}
	c.operations.put(name, document{"name": name, "done": true, "metadata": changed(metadata, document{"endTime": now()}), "response": result})
	return document{"name": name, "metadata": metadata}
}

// operationsOf is where the operations on a resource are, with a slash.
func operationsOf(name string) string {
	segments := strings.Split(name, "/")
	for i, segment := range segments[:len(segments)-1] {
		if segment == "locations" || segment == "databases" {
			return strings.Join(segments[:i+2], "/") + "/"
		}
	}
	return ""
}

func getOperation(c *call) (any, error) {
	if doc, ok := c.operations.get(c.name); ok {
		return doc, nil
	}
	return nil, notFound(c.name)
}
