package parse

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pullfix/pullfix/iam"
)

// statement is a message that says what went wrong, and the conditions that
// repeat its end.
type statement struct {
	message    string
	conditions []condition
}

// condition is a condition of a Cloud Run resource that is not met.
type condition struct {
	reason, message string
	stray           bool // the status says something else
}

// mostConditions is more than a resource of Cloud Run has.
const mostConditions = 32

// statements returns what the status says, and the conditions of the response
// that are not met, as version 1 writes them (status.conditions) and as
// version 2 does (terminalCondition, conditions). They mostly repeat one
// another, and each message is read once.
func (e *entry) statements() []statement {
	all := []statement{{message: e.message}}
	if !e.byRun() || e.message != "" && !e.systemEvent() {
		return all
	}
	read, room := 0, longestText-len(e.message)
	add := func(n int32) {
		if e.string(n, "status") != "False" && e.string(n, "state") != "CONDITION_FAILED" {
			return
		}
		if t := e.string(n, "type"); e.message == "" && t != "" && t != "Ready" {
			return
		}
		if read++; read > mostConditions {
			return
		}
		c := condition{reason: e.reason(n), message: e.bounded(e.string(n, "message"), room), stray: e.message != ""}
		room -= len(c.message)
		for i := range all {
			if strings.HasSuffix(all[i].message, c.message) && all[i].message != "" {
				c.stray = false
				all[i].conditions = append(all[i].conditions, c)
				return
			}
		}
		all = append(all, statement{message: c.message, conditions: []condition{c}})
	}
	response := e.object(e.proto, "response")
	status := e.member(response, "status")
	if status != absent && e.nodes[status].kind != objectNode {
		status = absent // the state of an operation, in a word
	}
	for _, list := range []int32{e.list(status, "conditions"), e.list(response, "conditions")} {
		for c := range e.children(list) {
			add(c)
		}
	}
	if c := e.object(response, "terminalCondition"); c != absent {
		add(c)
	}
	return all
}

func (e *entry) reason(n int32) string {
	return cmp.Or(e.string(n, "reason"), e.string(n, "revisionReason"), e.string(n, "executionReason"))
}

// read finds the denials in a statement that tells of at most most things,
// and says of how many it tells.
func (s statement) read(most int) (drafts []draft, told int) {
	if s.message == "" {
		return nil, 0
	}
	text := clean(s.message)
	drafts, told = someSentences(text, most)
	start, ends := trail{text: text}, s.ends(text)
	for i := range drafts {
		d := &drafts[i]
		d.led = start.leadsTo(d.from)
		for k := 0; k < len(ends) && !d.led; k++ {
			d.led = ends[k].leadsTo(d.from)
		}
		if d.led && grantable(d.Kind) {
			start = trail{text: text, next: d.to}
		}
		for _, c := range s.conditions {
			if c.stray {
				d.doubt(CauseDisagrees, "a condition says it, and the status says something else")
			}
			if k, known := reasons[c.reason]; known && k != d.Kind {
				d.doubt(CauseDisagrees, fmt.Sprintf("the condition's reason is %q", c.reason))
			}
		}
	}
	return drafts, told
}

// ends returns the trails from where in the text the messages of the
// conditions begin, which is where Cloud Run writes them, whatever stands
// before in the status.
func (s statement) ends(text string) []trail {
	var ends []trail
	for _, c := range s.conditions {
		if end := clean(c.message); strings.HasSuffix(text, end) {
			ends = append(ends, trail{text: text, next: len(text) - len(end)})
		}
	}
	return ends
}

// reasons says which kind of failure the reason of a condition stands for, in
// version 1 and in version 2.
var reasons = map[string]iam.Kind{
	"ContainerPermissionDenied": iam.RunImage, "CONTAINER_PERMISSION_DENIED": iam.RunImage,
	"HealthCheckContainerError": iam.Startup, "HEALTH_CHECK_CONTAINER_ERROR": iam.Startup,
	"ContainerMissing": iam.NotFound, "CONTAINER_MISSING": iam.NotFound,
	"ContainerImageUnauthorized": iam.BinaryAuthorization, "CONTAINER_IMAGE_UNAUTHORIZED": iam.BinaryAuthorization,
	"SecretsAccessCheckFailed": iam.SecretAccess, "SECRETS_ACCESS_CHECK_FAILED": iam.SecretAccess,
}

// leadIns are what Cloud Run writes before the sentence that says why.
var leadIns = sync.OnceValue(func() []pattern {
	return []pattern{
		compile("ready condition status changed to false for {} {} with message"),
		compile("revision {} is not ready and cannot serve traffic"),
		compile("could not create or? update? cloud run service {}"),
		compile("the service account used must be granted the secret manager secret accessor role roles {} at the secret project or higher level"),
		compile("google"),
	}
})

// trail follows the lead-ins and the paths of fields that stand one after the
// other from one place of a message on, no further than it is asked about.
type trail struct {
	text   string
	next   int // where to go on, or -1 where something else stands
	passed []int
}

// leadsTo reports whether only lead-ins and the paths of fields stand before
// the place.
func (t *trail) leadsTo(to int) bool {
	for t.next >= 0 && (len(t.passed) == 0 || t.passed[len(t.passed)-1] < to) {
		t.follow()
	}
	_, found := slices.BinarySearch(t.passed, to)
	return found
}

func (t *trail) follow() {
	at := gap(t.text, t.next, true)
	if t.next = -1; at < 0 {
		return
	}
	t.passed = append(t.passed, at)
	var m match
	known := leadIns()
	for k := range known {
		if known[k].at(t.text, at, &m) {
			t.next = m.to
			break
		}
	}
	if to := fieldPath(t.text, at); to > 0 {
		t.next = to
	}
}

// fieldPath returns where the path of a field of a specification ends that
// begins here, such as "spec.template.spec.containers[0].env[3].value_from:", or
// 0. Nothing in it is a user's.
func fieldPath(s string, at int) int {
	rest := s[at:]
	if !strings.HasPrefix(rest, "spec.") && !strings.HasPrefix(rest, "template.") {
		return 0
	}
	inIndex := false
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == ':' && !inIndex:
			return at + i + 1
		case c == '[' && !inIndex, c == ']' && inIndex:
			inIndex = !inIndex
		case digit(c), !inIndex && (wordByte(c) || c == '.' || c == '_'):
		default:
			return 0
		}
	}
	return 0
}

// deployment completes a denial in a deploy to Cloud Run.
func (e *entry) deployment(d *draft) {
	if p := d.Project; !p.IsZero() && !e.project.IsZero() && p != e.project && p != e.number && !otherReason(d.Kind) {
		d.doubt(CauseDisagrees, fmt.Sprintf("the entry is of project %q, the sentence speaks of %q", e.project, p))
	}
	e.situate(d)
	if grantable(d.Kind) && !d.led {
		d.doubt(CauseDisagrees, "the sentence does not stand where Cloud Run writes it")
	}
	images := e.images.get(e.readImages)
	if d.Image.IsZero() && len(images) == 1 {
		d.Image = images[0]
	}
	switch d.Kind {
	case iam.RunImage:
		d.deployed(images)
		e.pulledBy(d)
	case iam.CallerImage:
		d.deployed(images)
		d.Access.Principal = e.Caller
	case iam.SecretAccess:
		e.secret(d)
	case iam.AgentToken:
		d.Access.Principal = iam.CloudRunAgent(e.number)
	case iam.ArtifactDownload, iam.ArtifactUpload, iam.Invoker:
		d.Access.Principal = iam.Principal{}
		if d.Kind == iam.Invoker && d.fields {
			d.Access.Principal = e.Caller
		}
		if d.Access.Principal.IsZero() {
			d.doubt(CauseIncomplete, "the entry does not say who was refused")
		}
	default:
		e.called(d)
	}
}

// grantable reports whether a grant may mend the kind of failure.
func grantable(k iam.Kind) bool { return services[k] != "" }

// situate says which deploy the denial belongs to.
func (e *entry) situate(d *draft) {
	d.Number = e.number
	if !e.project.IsZero() {
		d.Project = e.project
	}
	if e.workload != "" {
		d.Workload = e.workload
	}
	if e.location != "" {
		d.Location = e.location
	}
	if (d.Kind == iam.RunPermission || d.Kind == iam.Invoker) && d.Access.Resource.IsZero() {
		d.Access.Resource = e.deployed.get(e.deployedAs)
	}
}

// deployedAs returns the resource name of the service or job that the labels
// name.
func (e *entry) deployedAs() iam.Resource {
	for _, label := range workloadLabels {
		if id := e.loose(e.labels, label.key); id != "" && e.location != "" {
			return readPlace("projects/" + e.project.String() + "/locations/" + e.location + "/" + label.collection + "/" + id).resource
		}
	}
	return iam.Resource{}
}

// pulledBy derives the agent that pulls from the number of the deploying
// project. What the text says must agree: users write parts of it.
func (e *entry) pulledBy(d *draft) {
	derived := iam.CloudRunAgent(e.number)
	if derived.IsZero() {
		d.ownAgent()
		return
	}
	d.Access.Principal = derived
	for _, named := range d.agents {
		if p := readAgent(named); p != derived {
			d.doubt(CauseSpoof, fmt.Sprintf("the text names %q, the agent of the deploying project is %q", named, derived.Email()))
			return
		}
	}
}

// ownAgent keeps the agent that the text names where it names one only.
func (d *draft) ownAgent() {
	d.Access.Principal = iam.Principal{}
	for i, named := range d.agents {
		p := readAgent(named)
		if i > 0 && p != d.Access.Principal {
			d.Access.Principal = iam.Principal{}
			d.doubt(CauseSpoof, "the text names several agents")
			return
		}
		d.Access.Principal = p
	}
	if number, ok := d.Access.Principal.ProjectNumber(); ok && d.Project.IsNumber() && d.Project != number {
		d.doubt(CauseDisagrees, fmt.Sprintf("the agent is that of project %q, the text speaks of %q", number, d.Project))
	}
}
