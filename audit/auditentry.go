package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	auditpb "google.golang.org/genproto/googleapis/cloud/audit"
	_ "google.golang.org/genproto/googleapis/iam/v1/logging" // the type of an audit log's service data
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
)

// auditEntry has the fields of a log entry that tell of a policy change
// (https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog).
type auditEntry struct {
	InsertID  string    `json:"insertId"`
	Timestamp time.Time `json:"timestamp"`
	Resource  struct {
		Labels map[string]string `json:"labels"`
	} `json:"resource"`
	Payload auditPayload `json:"protoPayload"`
}

type auditPayload struct {
	Method   string `json:"methodName"`
	Resource string `json:"resourceName"`
	Status   struct {
		Code int `json:"code"`
	} `json:"status"`
	Authentication struct {
		Email string `json:"principalEmail"`
	} `json:"authenticationInfo"`
	RequestMetadata loose[struct {
		Attributes struct {
			Reason string `json:"reason"`
		} `json:"requestAttributes"`
	}] `json:"requestMetadata"`
	ServiceData loose[struct {
		Delta struct {
			Bindings []struct {
				Action string `json:"action"`
				Role   string `json:"role"`
				Member string `json:"member"`
			} `json:"bindingDeltas"`
		} `json:"policyDelta"`
	}] `json:"serviceData"`
	Request loose[struct {
		Policy *sentPolicy `json:"policy"`
	}] `json:"request"`
	Response loose[struct {
		Etag string `json:"etag"`
	}] `json:"response"`
}

type sentPolicy struct {
	Etag     string `json:"etag"`
	Bindings []struct {
		Role      string          `json:"role"`
		Members   []string        `json:"members"`
		Condition json.RawMessage `json:"condition"`
	} `json:"bindings"`
}

// loose is a part of an entry that each service writes in its own form. What is
// in another form says nothing.
type loose[T any] struct{ is T }

func (l *loose[T]) UnmarshalJSON(text []byte) error {
	var is T
	if json.Unmarshal(text, &is) == nil {
		l.is = is
	}
	return nil
}

// isChange reports whether a policy was changed. The method is SetIamPolicy, or
// SetIAMPolicy, with or without the name of a service before it.
func (e *auditEntry) isChange() bool {
	method := e.Payload.Method[strings.LastIndexByte(e.Payload.Method, '.')+1:]
	return strings.EqualFold(method, "SetIamPolicy") && e.Payload.Status.Code == 0
}

func (e *auditEntry) change() *PolicyChange {
	p := &e.Payload
	c := &PolicyChange{
		ID: e.InsertID, At: e.Timestamp, Account: p.Authentication.Email, Resource: e.resource(),
		EtagAfter: p.Response.is.Etag, Reason: p.RequestMetadata.is.Attributes.Reason,
	}
	for _, d := range p.ServiceData.is.Delta.Bindings {
		c.Deltas = append(c.Deltas, BindingDelta{Removed: d.Action == "REMOVE", Role: d.Role, Member: d.Member})
	}
	if sent := p.Request.is.Policy; sent != nil {
		c.EtagBefore, c.Bindings = sent.Etag, sent.unconditional()
	}
	return c
}

// unconditional are the bindings without a condition: pullfix makes no others.
func (p *sentPolicy) unconditional() []BindingDelta {
	held := []BindingDelta{}
	for _, b := range p.Bindings {
		if len(b.Condition) > 0 && !bytes.Equal(b.Condition, []byte("null")) {
			continue
		}
		for _, member := range b.Members {
			held = append(held, BindingDelta{Role: b.Role, Member: member})
		}
	}
	return held
}

// resource names what a record names: a service account by its e-mail and not by
// its number, and a project by its id.
func (e *auditEntry) resource() string {
	labels := e.Resource.Labels
	parts := strings.Split(strings.TrimPrefix(e.Payload.Resource, "//"), "/")
	if n := len(parts); n > 1 && parts[n-2] == "serviceAccounts" && labels["email_id"] != "" {
		parts[n-1] = labels["email_id"]
	}
	for n := range len(parts) - 1 {
		if parts[n] == "projects" && labels["project_id"] != "" {
			parts[n+1] = labels["project_id"]
			break
		}
	}
	name := strings.Join(parts, "/")
	return name[max(0, strings.Index(name, "projects/")):]
}

// readAuditEntry reads what Cloud Logging hands over. A part of a type that is
// not known here says nothing.
func readAuditEntry(found *loggingpb.LogEntry) (*auditEntry, error) {
	e := &auditEntry{InsertID: found.GetInsertId(), Timestamp: found.GetTimestamp().AsTime()}
	e.Resource.Labels = found.GetResource().GetLabels()
	text, err := payloadJSON(found.GetProtoPayload())
	if err == nil {
		err = json.Unmarshal(text, &e.Payload)
	}
	if err != nil {
		return nil, fmt.Errorf("entry %q of %s: %w", e.InsertID, e.Timestamp.Format(time.RFC3339Nano), err)
	}
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
