package scripttest

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// call is one call of gcloud.
type call struct {
	*world
	command string            // such as "pubsub topics create"
	pos     []string          // what is no flag
	flags   map[string]string // by name; "" for those without a value
	out     strings.Builder
}

// parseCall finds the command: the most words that are one.
func parseCall(w *world, args []string) (*call, error) {
	c := &call{world: w, flags: map[string]string{}}
	var words []string
	for _, arg := range args {
		if name, ok := strings.CutPrefix(arg, "--"); ok {
			name, value, _ := strings.Cut(name, "=")
			c.flags[name] = value
		} else {
			words = append(words, arg)
		}
	}
	for n := len(words); n > 0; n-- {
		if command := strings.Join(words[:n], " "); commands[command].run != nil {
			c.command, c.pos = command, words[n:]
			return c, nil
		}
	}
	return nil, fmt.Errorf("ERROR: (gcloud) Invalid choice: %q", words)
}

func (c *call) fail(code, format string, args ...any) error {
	return fmt.Errorf("ERROR: (gcloud.%s) %s: %s", strings.ReplaceAll(c.command, " ", "."), code, fmt.Sprintf(format, args...))
}

// parent is the project, folder or organisation that the flags name.
func (c *call) parent() string {
	for _, kind := range []string{"project", "folder", "organization"} {
		if id, ok := c.flags[kind]; ok {
			return kind + "s/" + id
		}
	}
	return "projects/none"
}

func (c *call) location() string {
	return c.parent() + "/locations/" + c.flags["location"] + c.flags["region"]
}

// within makes a full name of a short one; a full one it leaves.
func within(parent, collection, name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	return parent + "/" + collection + "/" + name
}

var (
	valueFormat = regexp.MustCompile(`^value(?:\[separator='(.*)'\])?\((.*)\)$`)
	segmentKey  = regexp.MustCompile(`^(\w+)\.segment\((\d)\)$`)
	baseOf      = func(name string) string { return name[strings.LastIndex(name, "/")+1:] }
)

// shortened are the commands that show the end of a name where the whole is asked
// for: their own format does so.
var shortened = map[string]bool{"artifacts repositories list": true, "secrets list": true, "functions list": true}

// print writes the fields that --format asks for.
func (c *call) print(fields thing) error {
	m := valueFormat.FindStringSubmatch(c.flags["format"])
	if m == nil {
		return fmt.Errorf("format %q: the fake knows only value()", c.flags["format"])
	}
	separator := m[1]
	if separator == "" {
		separator = "\t"
	}
	var values []string
	for key := range strings.SplitSeq(m[2], ",") {
		if base, ok := strings.CutSuffix(key, ".basename()"); ok {
			values = append(values, baseOf(fields[base]))
		} else if part := segmentKey.FindStringSubmatch(key); part != nil {
			values = append(values, strings.Split(fields[part[1]], "/")[int(part[2][0]-'0')])
		} else if key == "name" && shortened[c.command] {
			values = append(values, baseOf(fields[key]))
		} else {
			values = append(values, fields[key])
		}
	}
	fmt.Fprintln(&c.out, strings.Join(values, separator))
	return nil
}

// gcloud is what the process does instead of testing where it is started as
// gcloud.
func gcloud(args []string) (out string, err error) {
	file := os.Getenv("FAKE_WORLD")
	w, err := readWorld(file)
	if err != nil {
		return "", err
	}
	c, err := parseCall(w, args)
	if err != nil {
		return "", err
	}
	does := commands[c.command]
	if err := record(does.changes, args); err != nil {
		return "", err
	}
	if does.changes && os.Getenv("FAKE_REFUSE") == fmt.Sprint(w.Changes+1) {
		return "", c.fail("PERMISSION_DENIED", "The caller does not have permission")
	}
	switch c.command {
	case os.Getenv("FAKE_AWAY"):
		return "", c.fail("UNAVAILABLE", "The service is currently unavailable.")
	case os.Getenv("FAKE_BLIND"):
		return "", c.fail("NOT_FOUND", "Unknown service account")
	}
	if err = c.enabled(); err == nil {
		err = does.run(c)
	}
	if !does.changes {
		return c.out.String(), err // whatever it did is forgotten
	}
	if err == nil {
		w.Changes++
	}
	if werr := w.write(file); werr != nil {
		return "", werr
	}
	if err == nil {
		err = afterChange(w)
	}
	return c.out.String(), err
}

// apiOf says which service a command needs in the project that it names.
var apiOf = map[string]string{
	"pubsub": "pubsub", "logging": "logging", "firestore": "firestore", "functions": "cloudfunctions", "eventarc": "eventarc",
	"secrets": "secretmanager", "iam": "iam", "run": "run", "artifacts": "artifactregistry", "monitoring": "monitoring",
}

// enabled refuses what needs a service that is not enabled.
func (c *call) enabled() error {
	group, _, _ := strings.Cut(strings.TrimPrefix(c.command, "alpha "), " ")
	project, isProject := strings.CutPrefix(c.parent(), "projects/")
	if api := apiOf[group]; isProject && project != "none" && api != "" && c.Things["projects/"+project+"/apis/"+api+".googleapis.com"] == nil {
		return c.fail("PERMISSION_DENIED", "%s API has not been used in project %s before or it is disabled.", api, project)
	}
	return nil
}

// need fails where a thing is not there.
func (c *call) need(name string) error {
	if c.Things[name] == nil {
		return c.fail("NOT_FOUND", "Resource not found (resource=%s).", name)
	}
	return nil
}

func (c *call) create(name string, t thing) error {
	if c.Things[name] != nil {
		return c.fail("ALREADY_EXISTS", "Resource already exists in the project (resource=%s).", name)
	}
	c.Things[name] = t
	return nil
}

// set changes fields of a thing.
func (c *call) set(name string, t thing) error {
	if err := c.need(name); err != nil {
		return err
	}
	maps.Copy(c.Things[name], t)
	return nil
}

func (c *call) drop(name string) error {
	if err := c.need(name); err != nil {
		return err
	}
	c.remove(name)
	return nil
}

func (c *call) describe(name string) error {
	if err := c.need(name); err != nil {
		return err
	}
	fields := maps.Clone(c.Things[name])
	fields["name"] = name
	return c.print(fields)
}

func (c *call) list(names []string) error {
	for _, name := range names {
		if err := c.describe(name); err != nil {
			return err
		}
	}
	return nil
}

// seen fails the first time that a fresh account is used, as Google Cloud may.
func (c *call) seen(member string) error {
	email, isAccount := strings.CutPrefix(member, "serviceAccount:")
	if !isAccount {
		return nil
	}
	if strings.Contains(email, "@gcp-sa-logging.") {
		return nil
	}
	name := "projects/" + strings.TrimSuffix(email[strings.Index(email, "@")+1:], ".iam.gserviceaccount.com") + "/serviceAccounts/" + email
	account := c.Things[name]
	if account == nil || account["fresh"] != "" && os.Getenv("FAKE_STEADY") == "" {
		if account != nil {
			delete(account, "fresh")
		}
		return c.fail("INVALID_ARGUMENT", "Service account %s does not exist.", email)
	}
	return nil
}

// grantable refuses custom roles that are not there, or not of the resource's
// project.
func (c *call) grantable(role, name string) error {
	if strings.HasPrefix(role, "roles/") {
		return nil
	}
	scope, _, _ := strings.Cut(role, "/roles/")
	if t := c.Things[role]; t == nil || t["deleted"] != "" || strings.HasPrefix(scope, "projects/") && name != scope && !strings.HasPrefix(name, scope+"/") {
		return c.fail("INVALID_ARGUMENT", "Role (%s) does not exist in the resource's hierarchy.", role)
	}
	return nil
}

func (c *call) getPolicy(name string) error {
	if err := c.need(name); err != nil {
		return err
	}
	for _, binding := range slices.Sorted(slices.Values(c.Policies[name])) {
		binding, condition, _ := strings.Cut(binding, " if ")
		role, member, _ := strings.Cut(binding, " ")
		if err := c.print(thing{"bindings.role": role, "bindings.members": member, "bindings.condition.expression": condition}); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) addBinding(name string) error {
	role, member := c.flags["role"], c.flags["member"]
	if err := c.need(name); err != nil {
		return err
	}
	if err := cmp.Or(c.seen(member), c.grantable(role, name)); err != nil {
		return notModified(err)
	}
	if binding := role + " " + member; !slices.Contains(c.Policies[name], binding) {
		c.Policies[name] = append(c.Policies[name], binding)
	}
	return nil
}

// notModified is what gcloud says before the reason where a policy is refused.
func notModified(err error) error {
	return fmt.Errorf("ERROR: Policy modification failed. For a binding with condition, run \"gcloud alpha iam policies lint-condition\" "+
		"to identify issues in condition.\n%w", err)
}

// removeBinding is refused where a binding has a condition and gcloud does not write
// version 3 of the policy.
func (c *call) removeBinding(name string) error {
	n := slices.Index(c.Policies[name], c.flags["role"]+" "+c.flags["member"])
	if n < 0 {
		return c.fail("NOT_FOUND", "Policy binding with the specified principal and role not found!")
	}
	conditional := slices.ContainsFunc(c.Policies[name], func(b string) bool { return strings.Contains(b, " if ") })
	if _, third := c.flags["condition"]; conditional && !third {
		return notModified(c.fail("INVALID_ARGUMENT", "a write that removes the binding of %q must specify version 3.", c.flags["role"]))
	}
	c.Policies[name] = slices.Delete(c.Policies[name], n, n+1)
	return nil
}
