package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"github.com/goccy/go-yaml/token"
	"google.golang.org/genproto/googleapis/type/expr"
	"google.golang.org/grpc/codes"
)

// seedReader turns what is written into what is run. A name is read once it is
// checked; nobody checks it again.
type seedReader struct {
	file, text string
	seed       *Seed
	seen       map[string]bool // names that must be given once
}

// name reads a name of the form, at the item if the key is absent.
func (r *seedReader) name(key string, s scalar, form nameForm, parent *token.Token) (string, error) {
	if !s.written() {
		return "", r.errorAt(parent, fmt.Sprintf("%s: want %s, found nothing", key, form.want))
	}
	if !form.pattern().MatchString(s.text) {
		return "", r.errorAt(s.at, fmt.Sprintf("%s %q: want %s", key, s.text, form.want))
	}
	return s.text, nil
}

// optional reads a name that may be absent.
func (r *seedReader) optional(key string, s scalar, form nameForm) (string, error) {
	if !s.written() {
		return "", nil
	}
	return r.name(key, s, form, nil)
}

// fresh reads a name that nothing else in the seed may have.
func (r *seedReader) fresh(key string, s scalar, form nameForm, parent *token.Token) (string, error) {
	name, err := r.name(key, s, form, parent)
	if err != nil {
		return "", err
	}
	if r.seen[key+" "+name] {
		return "", r.errorAt(s.at, fmt.Sprintf("%s %q: given twice", key, name))
	}
	r.seen[key+" "+name] = true
	return name, nil
}

// word reads one of a few words; absent, it is the first.
func (r *seedReader) word(key string, s scalar, words ...string) (string, error) {
	if !s.written() {
		return words[0], nil
	}
	if !slices.Contains(words, s.text) {
		return "", r.errorAt(s.at, fmt.Sprintf("%s %q: want one of %s", key, s.text, strings.Join(words, ", ")))
	}
	return s.text, nil
}

func (r *seedReader) projects(doc *seedDoc) error {
	for _, p := range doc.Projects {
		id, err := r.fresh("id", p.doc.ID, idForm, p.at)
		if err != nil {
			return err
		}
		text, err := r.fresh("number", p.doc.Number, numberForm, p.at)
		if err != nil {
			return err
		}
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return r.errorAt(p.doc.Number.at, fmt.Sprintf("number %q: want %s", text, numberForm.want))
		}
		parent, err := r.optional("parent", p.doc.Parent, parentForm)
		if err != nil {
			return err
		}
		r.seed.projects = append(r.seed.projects, &project{id, number, parent})
		if err := r.policyIfAny("projects/"+id, p.doc.Policy); err != nil {
			return err
		}
	}
	return nil
}

func (r *seedReader) folders(doc *seedDoc) error {
	for _, f := range doc.Folders {
		name, err := r.fresh("name", f.doc.Name, folderForm, f.at)
		if err != nil {
			return err
		}
		parent, err := r.optional("parent", f.doc.Parent, parentForm)
		if err != nil {
			return err
		}
		r.seed.folders = append(r.seed.folders, &folder{name, parent})
		if err := r.policyIfAny(name, f.doc.Policy); err != nil {
			return err
		}
	}
	return nil
}

func (r *seedReader) secrets(doc *seedDoc) error {
	for _, s := range doc.Secrets {
		name, err := r.fresh("name", s.doc.Name, secretForm, s.at)
		if err != nil {
			return err
		}
		secret := &secret{name: name}
		if s.doc.Value.written() {
			secret.value = []byte(s.doc.Value.text)
		}
		if len(secret.value) > maxSecret {
			return r.errorAt(s.doc.Value.at, fmt.Sprintf("value: want at most %d bytes, found %d", maxSecret, len(secret.value)))
		}
		r.seed.secrets = append(r.seed.secrets, secret)
		if err := r.policy(name, s.doc.Policy); err != nil {
			return err
		}
	}
	return nil
}

func (r *seedReader) workloads(doc *seedDoc) error {
	for _, group := range []struct {
		items []item[namedDoc]
		form  nameForm
	}{{doc.Services, serviceForm}, {doc.Jobs, jobForm}, {doc.WorkerPools, workerPoolForm}} {
		for _, w := range group.items {
			name, err := r.fresh("name", w.doc.Name, group.form, w.at)
			if err != nil {
				return err
			}
			r.seed.workloads = append(r.seed.workloads, name)
			if err := r.policy(name, w.doc.Policy); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *seedReader) accounts(doc *seedDoc) error {
	for _, a := range doc.ServiceAccounts {
		name, err := r.fresh("name", a.doc.Name, accountForm, a.at)
		if err != nil {
			return err
		}
		r.seed.accounts = append(r.seed.accounts, name)
		if err := r.policy(name, a.doc.Policy); err != nil {
			return err
		}
	}
	return nil
}

func (r *seedReader) missing(doc *seedDoc) error {
	for _, m := range doc.MissingMembers {
		member, err := r.name("member", m, memberForm, nil)
		if err != nil {
			return err
		}
		r.seed.missing = append(r.seed.missing, member)
	}
	return nil
}

func (r *seedReader) caller(doc *seedDoc) (err error) {
	r.seed.caller, err = r.optional("caller", doc.Caller, emailForm)
	return err
}

func (r *seedReader) latency(doc *seedDoc) error {
	if !doc.Latency.written() {
		return nil
	}
	d, err := time.ParseDuration(doc.Latency.text)
	if err != nil || d < 0 {
		return r.errorAt(doc.Latency.at, fmt.Sprintf("latency %q: want a duration such as 50ms", doc.Latency.text))
	}
	r.seed.latency = d
	return nil
}

func (r *seedReader) faults(doc *seedDoc) error {
	for _, f := range doc.Faults {
		method, err := r.name("method", f.doc.Method, methodForm, f.at)
		if err != nil {
			return err
		}
		code, err := r.code(f)
		if err != nil {
			return err
		}
		times, err := r.count("times", f.doc.Times, 1)
		if err != nil {
			return err
		}
		after, err := r.count("after", f.doc.After, 0)
		if err != nil {
			return err
		}
		message := f.doc.Message.text
		if message == "" {
			message = fmt.Sprintf("%s: a fault of the seed", method)
		}
		r.seed.faults = append(r.seed.faults, fault{
			method: method, resource: f.doc.Resource.text, code: code, message: message,
			after: after, times: times, afterWrite: f.doc.AfterWrite,
		})
	}
	return nil
}

// count reads a number of calls: least is the smallest that makes sense, and
// the one that is meant where none is written.
func (r *seedReader) count(key string, s scalar, least int) (int, error) {
	if !s.written() {
		return least, nil
	}
	n, err := strconv.Atoi(s.text)
	if err != nil || n < least {
		return 0, r.errorAt(s.at, fmt.Sprintf("%s %q: want a number from %d", key, s.text, least))
	}
	return n, nil
}

func (r *seedReader) code(f item[faultDoc]) (codes.Code, error) {
	at := f.doc.Code.at
	if !f.doc.Code.written() {
		at = f.at
	}
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(strconv.Quote(f.doc.Code.text))); err != nil || code == codes.OK {
		return code, r.errorAt(at, fmt.Sprintf("code %q: want the name of a gRPC error such as UNAVAILABLE", f.doc.Code.text))
	}
	return code, nil
}

func (r *seedReader) logs(doc *seedDoc, read func(path string) ([]byte, error)) error {
	for _, l := range doc.Logs {
		text, err := read(l.text)
		if err != nil {
			return r.errorAt(l.at, fmt.Sprintf("log file %q: %v", l.text, err))
		}
		entries, err := readEntries(l.text, text)
		if err != nil {
			return r.errorAt(l.at, err.Error())
		}
		r.seed.entries = append(r.seed.entries, entries...)
	}
	return nil
}

func (r *seedReader) policyIfAny(resource string, p *item[policyDoc]) error {
	if p == nil {
		return nil
	}
	return r.policy(resource, p)
}

// policy reads the policy of a resource; without one it is empty.
func (r *seedReader) policy(resource string, p *item[policyDoc]) error {
	seeded := seededPolicy{resource: resource}
	if p != nil {
		seeded.policy = &iampb.Policy{}
		for _, b := range p.doc.Bindings {
			binding, err := r.binding(b)
			if err != nil {
				return err
			}
			seeded.policy.Bindings = append(seeded.policy.Bindings, binding)
		}
		if err := checkSize(seeded.policy); err != nil {
			return r.errorAt(p.at, "policy: "+err.Error())
		}
	}
	r.seed.policies = append(r.seed.policies, seeded)
	return nil
}

func (r *seedReader) binding(b item[bindingDoc]) (*iampb.Binding, error) {
	role, err := r.name("role", b.doc.Role, roleForm, b.at)
	if err != nil {
		return nil, err
	}
	if len(b.doc.Members) == 0 {
		return nil, r.errorAt(b.at, "members: want at least one")
	}
	out := &iampb.Binding{Role: role}
	for _, m := range b.doc.Members {
		member, err := r.name("member", m, memberForm, b.at)
		if err != nil {
			return nil, err
		}
		out.Members = append(out.Members, member)
	}
	if c := b.doc.Condition; c != nil {
		if c.doc.Expression.text == "" {
			return nil, r.errorAt(c.at, "condition: want an expression")
		}
		out.Condition = &expr.Expr{Title: c.doc.Title.text, Description: c.doc.Description.text, Expression: c.doc.Expression.text}
	}
	return out, nil
}
