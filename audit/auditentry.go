package audit

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	auditpb "google.golang.org/genproto/googleapis/cloud/audit"
	_ "google.golang.org/genproto/googleapis/iam/v1/logging" // the type of an audit log's service data
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
)

// auditEntry is what a log entry tells of a policy change
// (https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog).
type auditEntry struct {
	change             PolicyChange
	method             string
	failed             bool
	projectID, emailID string // labels of the resource
}

// isChange reports whether a policy was changed. The method is SetIamPolicy, or
// SetIAMPolicy, with or without the name of a service before it.
func (e *auditEntry) isChange() bool {
	method := e.method[strings.LastIndexByte(e.method, '.')+1:]
	return strings.EqualFold(method, "SetIamPolicy") && !e.failed
}

// nameResource names what a record names: a service account by its e-mail and
// not by its number, and a project by its id.
func (e *auditEntry) nameResource() {
	parts := strings.Split(strings.TrimPrefix(e.change.Resource, "//"), "/")
	if n := len(parts); n > 1 && parts[n-2] == "serviceAccounts" && e.emailID != "" {
		parts[n-1] = e.emailID
	}
	for n := range len(parts) - 1 {
		if parts[n] == "projects" && e.projectID != "" {
			parts[n+1] = e.projectID
			break
		}
	}
	name := strings.Join(parts, "/")
	e.change.Resource = name[max(0, strings.Index(name, "projects/")):]
}

// readEntry reads the next log entry.
func readEntry(v *values) (*auditEntry, error) {
	e := &auditEntry{}
	err := v.object(func(name string) error {
		switch name {
		case "insertId":
			return v.text(&e.change.ID)
		case "timestamp":
			return v.time(&e.change.At)
		case "resource":
			return e.readResource(v)
		case "protoPayload":
			return e.readPayload(v)
		default:
			return v.SkipValue()
		}
	})
	e.nameResource()
	return e, err
}

func (e *auditEntry) readResource(v *values) error {
	return v.inside("labels", func() error {
		return v.object(func(name string) error {
			switch name {
			case "project_id":
				return v.text(&e.projectID)
			case "email_id":
				return v.text(&e.emailID)
			default:
				return v.SkipValue()
			}
		})
	})
}

// readPayload reads an audit log. Some of its parts each service writes in its
// own form: what is in another form says nothing.
func (e *auditEntry) readPayload(v *values) error {
	c := &e.change
	return v.object(func(name string) error {
		switch name {
		case "methodName":
			return v.text(&e.method)
		case "resourceName":
			return v.text(&c.Resource)
		case "status":
			return v.inside("code", func() error { return v.nonzero(&e.failed) })
		case "authenticationInfo":
			return v.inside("principalEmail", func() error { return v.text(&c.Account) })
		case "requestMetadata":
			return perhaps(v, &c.Reason, func(reason *string) error {
				return v.inside("requestAttributes", func() error {
					return v.inside("reason", func() error { return v.text(reason) })
				})
			})
		case "serviceData":
			return perhaps(v, &c.Deltas, func(all *[]BindingDelta) error {
				return v.inside("policyDelta", func() error {
					return v.inside("bindingDeltas", func() error { return readDeltas(v, all) })
				})
			})
		case "request":
			return e.readRequest(v)
		case "response":
			return perhaps(v, &c.EtagAfter, func(etag *string) error {
				return v.inside("etag", func() error { return v.text(etag) })
			})
		default:
			return v.SkipValue()
		}
	})
}

func readDeltas(v *values, all *[]BindingDelta) error {
	return v.array(func() error {
		var d BindingDelta
		var action string
		err := v.object(func(name string) error {
			switch name {
			case "action":
				return v.text(&action)
			case "role":
				return v.text(&d.Role)
			case "member":
				return v.text(&d.Member)
			default:
				return v.SkipValue()
			}
		})
		d.Removed = action == "REMOVE"
		*all = append(*all, d)
		return err
	})
}

// sentPolicy is a policy as it was sent.
type sentPolicy struct {
	etag     string
	bindings []BindingDelta // nil where there was no policy
}

func (e *auditEntry) readRequest(v *values) error {
	var sent sentPolicy
	err := perhaps(v, &sent, func(sent *sentPolicy) error {
		return v.inside("policy", func() error {
			if v.PeekKind() == '{' {
				sent.bindings = []BindingDelta{}
			}
			return v.object(func(name string) error {
				switch name {
				case "etag":
					return v.text(&sent.etag)
				case "bindings":
					return v.array(func() error { return sent.readBinding(v) })
				default:
					return v.SkipValue()
				}
			})
		})
	})
	e.change.EtagBefore, e.change.Bindings = sent.etag, sent.bindings
	return err
}

// readBinding reads a binding, and leaves out one with a condition: pullfix
// makes no such.
func (p *sentPolicy) readBinding(v *values) error {
	var role string
	first, conditional := len(p.bindings), false
	err := v.object(func(name string) error {
		switch name {
		case "role":
			return v.text(&role)
		case "members":
			return v.array(func() error {
				p.bindings = append(p.bindings, BindingDelta{})
				return v.text(&p.bindings[len(p.bindings)-1].Member)
			})
		case "condition":
			conditional = v.PeekKind() != 'n'
			return v.SkipValue()
		default:
			return v.SkipValue()
		}
	})
	if conditional {
		p.bindings = p.bindings[:first]
	}
	for n := range p.bindings[first:] {
		p.bindings[first+n].Role = role
	}
	return err
}

// readAuditEntry reads what Cloud Logging hands over. A part of a type that is
// not known here says nothing.
func readAuditEntry(found *loggingpb.LogEntry) (*auditEntry, error) {
	labels := found.GetResource().GetLabels()
	e := &auditEntry{projectID: labels["project_id"], emailID: labels["email_id"]}
	e.change.ID, e.change.At = found.GetInsertId(), found.GetTimestamp().AsTime()
	text, err := payloadJSON(found.GetProtoPayload())
	if err == nil {
		err = e.readPayload(newValues(bytes.NewReader(text)))
	}
	if err != nil {
		return nil, fmt.Errorf("entry %q of %s: %w", e.change.ID, e.change.At.Format(time.RFC3339Nano), err)
	}
	e.nameResource()
	return e, nil
}

func payloadJSON(payload *anypb.Any) ([]byte, error) {
	message, err := payload.UnmarshalNew()
	if err != nil {
		return nil, err
	}
	log, ok := message.(*auditpb.AuditLog)
	if !ok {
		return nil, fmt.Errorf("payload of type %q: want an audit log", payload.GetTypeUrl())
	}
	text, err := protojson.Marshal(log)
	if err != nil {
		log.ServiceData = nil //nolint:staticcheck // deprecated, and where the changes of a policy stand
		text, err = protojson.Marshal(log)
	}
	return text, err
}
