package emulator

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	_ "google.golang.org/genproto/googleapis/iam/v1/logging" // the delta of a policy must be known to be read
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// defaultCaller is who calls where the seed does not say.
const defaultCaller = "pullfix@pullfix-local.iam.gserviceaccount.com"

// trail writes what Cloud Audit Logs says of the changes of policies: an entry
// of Admin Activity for each that was made, and for each that the caller may
// not make (https://cloud.google.com/logging/docs/audit). Google has entries
// for more; what those of other failures look like is not documented.
type trail struct {
	caller    string
	canonical func(string) string
	policies  *policies
	logs      *logs

	mu sync.Mutex // held over a whole change, so that its delta is its own
}

func newTrail(seed *Seed, canonical func(string) string, policies *policies, logs *logs) *trail {
	return &trail{caller: cmp.Or(seed.caller, defaultCaller), canonical: canonical, policies: policies, logs: logs}
}

// intercept lets a call through, and writes the entry if it changes a policy.
func (t *trail) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	set, ok := req.(*iampb.SetIamPolicyRequest)
	if !ok {
		return next(ctx, req)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	resource := t.canonical(set.GetResource())
	before := t.policies.whole(resource)
	res, err := next(ctx, req)
	if after, ok := res.(*iampb.Policy); ok && err == nil {
		change := delta(before, t.policies.whole(resource))
		t.write(ctx, info.FullMethod, set, func(e auditEntry) { e.granted(change, after) })
	}
	return res, err
}

// refused writes the entry of a change that the caller may not make.
func (t *trail) refused(ctx context.Context, method string, req any, err error) {
	if set, ok := req.(*iampb.SetIamPolicyRequest); ok && status.Code(err) == codes.PermissionDenied {
		t.write(ctx, method, set, func(e auditEntry) { e.denied(err) })
	}
}

// write writes the entry of a change, with how it ended.
func (t *trail) write(ctx context.Context, method string, req *iampb.SetIamPolicyRequest, end func(auditEntry)) {
	on, ok := auditedAs(t.canonical(req.GetResource()), method)
	if !ok {
		return
	}
	e := t.begin(ctx, on, req)
	end(e)
	if entry := e.fit(); entry != nil {
		t.logs.add([]*logEntry{entry})
	}
}

// object is a value of JSON.
type object = map[string]any

// auditEntry is an entry as JSON: permissionType is in the real ones, and not
// in the message (google/cloud/audit/audit_log.proto).
type auditEntry struct{ entry, payload, authorization object }

// begin is what a change that was made and one that was refused have in common.
func (t *trail) begin(ctx context.Context, on audited, req *iampb.SetIamPolicyRequest) auditEntry {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	request := object{"time": now}
	if why := reasonOf(ctx); why != "" {
		request["reason"] = why
	}
	e := auditEntry{authorization: object{"resource": on.resource, "permission": on.permission, "permissionType": "ADMIN_WRITE"}}
	e.payload = object{
		"@type":              "type.googleapis.com/google.cloud.audit.AuditLog",
		"serviceName":        on.service,
		"methodName":         on.method,
		"resourceName":       on.resource,
		"authenticationInfo": object{"principalEmail": t.caller},
		"authorizationInfo":  []any{e.authorization},
		"requestMetadata":    object{"requestAttributes": request},
		"request":            typed(req),
	}
	e.entry = object{
		"logName":  on.owner + "/logs/" + url.PathEscape("cloudaudit.googleapis.com/activity"),
		"insertId": t.logs.insertID(), "timestamp": now, "receiveTimestamp": now,
		"resource":     object{"type": on.monitored, "labels": on.labels},
		"protoPayload": e.payload,
	}
	return e
}

func (e auditEntry) granted(delta *iampb.PolicyDelta, after *iampb.Policy) {
	e.entry["severity"] = "NOTICE"
	e.authorization["granted"] = true
	e.payload["response"] = typed(after)
	e.payload["serviceData"] = object{
		"@type": "type.googleapis.com/google.iam.v1.logging.AuditData", "policyDelta": asObject(delta),
	}
}

func (e auditEntry) denied(err error) {
	e.entry["severity"] = "ERROR"
	e.payload["status"] = object{"code": int(status.Code(err)), "message": status.Convert(err).Message()}
}

// fit leaves out what is too large for an entry, as Google does
// (https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog).
func (e auditEntry) fit() *logEntry {
	for _, large := range []string{"request", "response", "serviceData", ""} {
		text, err := json.Marshal(e.entry)
		if err != nil {
			return nil
		}
		if entry, err := readEntry(text, 0); err == nil {
			return entry
		}
		delete(e.payload, large)
	}
	return nil
}

// typed is the message with its type, as in an audit log.
func typed(m proto.Message) object {
	doc := asObject(m)
	doc["@type"] = "type.googleapis.com/" + string(m.ProtoReflect().Descriptor().FullName())
	return doc
}

func asObject(m proto.Message) object {
	text, err := protojson.Marshal(m)
	if err != nil {
		return object{}
	}
	doc, err := decodeObject(text)
	if err != nil {
		return object{}
	}
	return doc
}

// reasonOf is the caller's reason
// (https://cloud.google.com/apis/docs/system-parameters).
func reasonOf(ctx context.Context) string {
	return strings.Join(metadata.ValueFromIncomingContext(ctx, "x-goog-request-reason"), ",")
}

// delta tells each member that left a binding, and then each that came into one.
func delta(before, after *iampb.Policy) *iampb.PolicyDelta {
	gone := missingFrom(after, before, iampb.BindingDelta_REMOVE)
	return &iampb.PolicyDelta{BindingDeltas: append(gone, missingFrom(before, after, iampb.BindingDelta_ADD)...)}
}

// missingFrom returns what is in a policy and not in the other one.
func missingFrom(other, policy *iampb.Policy, action iampb.BindingDelta_Action) []*iampb.BindingDelta {
	var all []*iampb.BindingDelta
	for _, b := range policy.GetBindings() {
		i := slices.IndexFunc(other.GetBindings(), func(o *iampb.Binding) bool {
			return o.GetRole() == b.GetRole() && proto.Equal(o.GetCondition(), b.GetCondition())
		})
		known := map[string]bool{}
		if i >= 0 {
			for _, member := range other.GetBindings()[i].GetMembers() {
				known[member] = true
			}
		}
		for _, member := range b.GetMembers() {
			if !known[member] {
				all = append(all, &iampb.BindingDelta{Action: action, Role: b.GetRole(), Member: member, Condition: b.GetCondition()})
			}
		}
	}
	return all
}
