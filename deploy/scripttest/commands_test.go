package scripttest

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// does is what a command of gcloud does.
type does struct {
	changes bool
	run     func(*call) error
}

var commands = newCommands()

func newCommands() map[string]does {
	commands := map[string]does{}
	look := func(command string, run func(*call) error) { commands[command] = does{false, run} }
	change := func(command string, run func(*call) error) { commands[command] = does{true, run} }

	look("projects describe", func(c *call) error { return c.describe("projects/" + c.pos[0]) })
	look("services list", func(c *call) error {
		for _, name := range c.below(c.parent() + "/apis/") {
			if err := c.print(thing{"config.name": baseOf(name)}); err != nil {
				return err
			}
		}
		return nil
	})
	change("services enable", func(c *call) error {
		for _, api := range c.pos {
			c.Things[c.parent()+"/apis/"+api] = thing{}
		}
		return nil
	})
	change("beta services identity create", createAgent)

	for group, of := range documented {
		look(group+" list", of.list)
		change(group+" create", of.create)
		change(group+" update", of.update)
		change(group+" delete", func(c *call) error { return c.drop(of.name(c)) })
	}
	for group, name := range named {
		look(group+" describe", func(c *call) error { return c.describe(name(c)) })
		change(group+" delete", func(c *call) error { return c.drop(name(c)) })
	}
	for group, name := range withPolicies {
		look(group+" get-iam-policy", func(c *call) error { return c.getPolicy(name(c)) })
		change(group+" add-iam-policy-binding", func(c *call) error { return c.addBinding(name(c)) })
		change(group+" remove-iam-policy-binding", func(c *call) error { return c.removeBinding(name(c)) })
	}
	maps.Copy(commands, map[string]does{
		"iam service-accounts list":   {false, func(c *call) error { return c.listBelow("serviceAccounts") }},
		"iam service-accounts create": {true, createAccount},
		"iam roles list":              {false, listRoles},
		"iam roles create":            {true, createRole},
		"iam roles update":            {true, updateRole},
		"iam roles undelete":          {true, func(c *call) error { return c.set(role(c), thing{"deleted": ""}) }},
		"iam roles delete":            {true, func(c *call) error { return c.set(role(c), thing{"deleted": "True"}) }},
		"pubsub topics list":          {false, func(c *call) error { return c.listBelow("topics") }},
		"pubsub subscriptions list":   {false, func(c *call) error { return c.listBelow("subscriptions") }},
		"pubsub topics create":        {true, func(c *call) error { return c.create(topic(c), thing{}) }},
		"pubsub subscriptions create": {true, createSubscription},
		"pubsub subscriptions update": {true, updateSubscription},
		"logging buckets create": {true, func(c *call) error {
			return c.create(bucket(c), thing{"retentionDays": c.flags["retention-days"], "lifecycleState": "ACTIVE"})
		}},
		"logging buckets update":       {true, func(c *call) error { return c.set(bucket(c), thing{"retentionDays": c.flags["retention-days"]}) }},
		"logging buckets undelete":     {true, func(c *call) error { return c.set(bucket(c), thing{"lifecycleState": "ACTIVE"}) }},
		"logging sinks create":         {true, createSink},
		"logging sinks update":         {true, updateSink},
		"firestore databases create":   {true, createDatabase},
		"firestore fields ttls list":   {false, func(c *call) error { return c.list(c.below(database(c) + "/collectionGroups/")) }},
		"firestore fields ttls update": {true, func(c *call) error { return c.create(expiry(c), thing{"ttlConfig.state": "CREATING"}) }},
		"secrets create":               {true, func(c *call) error { return c.create(secret(c), thing{}) }},
		"secrets versions add":         {true, addVersion},
		"secrets versions access":      {false, accessVersion},
		"functions deploy":             {true, deployFunction},
		"functions delete":             {true, deleteFunction},
		"functions list":               {false, func(c *call) error { return c.listBelow("functions") }},
		"eventarc triggers describe":   {false, func(c *call) error { return c.describe(c.pos[0]) }},
		"artifacts repositories list":  {false, func(c *call) error { return c.listBelow("repositories") }},
		"secrets list":                 {false, func(c *call) error { return c.listBelow("secrets") }},
		"run services list":            {false, func(c *call) error { return c.listBelow("services") }},
		"run jobs list":                {false, func(c *call) error { return c.listBelow("jobs") }},
	})
	return commands
}

func topic(c *call) string        { return within(c.parent(), "topics", c.pos[0]) }
func subscription(c *call) string { return within(c.parent(), "subscriptions", c.pos[0]) }
func secret(c *call) string       { return within(c.parent(), "secrets", c.pos[0]) }
func bucket(c *call) string       { return within(c.location(), "buckets", c.pos[0]) }
func role(c *call) string         { return within(c.parent(), "roles", c.pos[0]) }
func sink(c *call) string         { return within(c.parent(), "sinks", c.pos[0]) }
func function(c *call) string     { return within(c.location(), "functions", c.pos[0]) }
func database(c *call) string     { return c.parent() + "/databases/" + c.flags["database"] }
func account(c *call) string      { return within(c.parent(), "serviceAccounts", c.pos[0]) }
func expiry(c *call) string {
	return database(c) + "/collectionGroups/" + c.flags["collection-group"] + "/fields/" + c.pos[0]
}

// named are the groups of commands with describe and delete, and the full name
// of what they are called for.
var named = map[string]func(*call) string{
	"iam service-accounts": account, "iam roles": role, "pubsub topics": topic, "pubsub subscriptions": subscription,
	"logging buckets": bucket, "logging sinks": sink, "firestore databases": database, "secrets": secret, "functions": function,
}

var withPolicies = map[string]func(*call) string{
	"projects":                 func(c *call) string { return "projects/" + c.pos[0] },
	"resource-manager folders": func(c *call) string { return "folders/" + c.pos[0] },
	"organizations":            func(c *call) string { return "organizations/" + c.pos[0] },
	"pubsub topics":            topic,
	"pubsub subscriptions":     subscription,
	"secrets":                  secret,
	"artifacts repositories":   func(c *call) string { return within(c.location(), "repositories", c.pos[0]) },
	"run services":             func(c *call) string { return within(c.location(), "services", c.pos[0]) },
	"run jobs":                 func(c *call) string { return within(c.location(), "jobs", c.pos[0]) },
}

func createAgent(c *call) error {
	project := c.parent()
	email := "service-" + c.Things[project]["projectNumber"] + "@gcp-sa-pubsub.iam.gserviceaccount.com"
	c.Things["projects/gcp-sa-pubsub/serviceAccounts/"+email] = thing{}
	return nil
}

func createAccount(c *call) error {
	email := c.pos[0] + "@" + c.flags["project"] + ".iam.gserviceaccount.com"
	return c.create(c.parent()+"/serviceAccounts/"+email, thing{"email": email, "displayName": c.flags["display-name"], "fresh": "yes"})
}

func roleFile(c *call) (thing, error) {
	text, err := os.ReadFile(c.flags["file"])
	if err != nil {
		return nil, err
	}
	var file struct {
		Title, Description, Stage string
		Permissions               []string `yaml:"includedPermissions"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	slices.Reverse(file.Permissions) // Google Cloud has an order of its own
	return thing{
		"title": file.Title, "description": file.Description, "stage": file.Stage,
		"includedPermissions": strings.Join(file.Permissions, ";"),
	}, nil
}

func createRole(c *call) error {
	t, err := roleFile(c)
	if err != nil {
		return err
	}
	if t["title"] == "pullfix folders" && !strings.HasPrefix(c.parent(), "organizations/") {
		return c.fail("INVALID_ARGUMENT", "Permission resourcemanager.folders.get is not valid.")
	}
	return c.create(role(c), t)
}

func listRoles(c *call) error {
	_, deletedToo := c.flags["show-deleted"]
	return c.list(slices.DeleteFunc(c.below(c.parent()+"/roles/"), func(name string) bool {
		return c.Things[name]["deleted"] != "" && !deletedToo
	}))
}

func updateRole(c *call) error {
	t, err := roleFile(c)
	if err != nil {
		return err
	}
	return c.set(role(c), t)
}

// seconds are how Google Cloud shows durations.
var seconds = map[string]string{"31d": "2678400s", "never": "", "10s": "10s", "600s": "600s"}

func createSubscription(c *call) error {
	if err := c.need(within(c.parent(), "topics", c.flags["topic"])); err != nil {
		return err
	}
	return c.create(subscription(c), thing{
		"topic":                    within(c.parent(), "topics", c.flags["topic"]),
		"messageRetentionDuration": seconds[c.flags["message-retention-duration"]],
		"expirationPolicy.ttl":     seconds[c.flags["expiration-period"]],
	})
}

func updateSubscription(c *call) error {
	t := thing{}
	for flag, field := range map[string]string{
		"ack-deadline": "ackDeadlineSeconds", "dead-letter-topic": "deadLetterPolicy.deadLetterTopic",
		"max-delivery-attempts": "deadLetterPolicy.maxDeliveryAttempts", "min-retry-delay": "retryPolicy.minimumBackoff",
		"max-retry-delay": "retryPolicy.maximumBackoff", "message-retention-duration": "messageRetentionDuration",
		"expiration-period": "expirationPolicy.ttl",
	} {
		value, ok := c.flags[flag]
		if s, known := seconds[value]; known {
			value = s
		}
		if ok {
			t[field] = value
		}
	}
	return c.set(subscription(c), t)
}

func truth(set bool) string {
	if set {
		return "True"
	}
	return ""
}

func sinkFields(c *call) thing {
	_, children := c.flags["include-children"]
	_, intercepts := c.flags["intercept-children"]
	return thing{
		"destination": c.pos[1], "filter": c.flags["log-filter"],
		"includeChildren": truth(children), "interceptChildren": truth(intercepts), "disabled": "",
	}
}

func createSink(c *call) error {
	t := sinkFields(c)
	if !strings.HasPrefix(c.pos[1], "logging.") {
		t["writerIdentity"] = "serviceAccount:" + strings.ReplaceAll(c.parent(), "/", "-") + "@gcp-sa-logging.iam.gserviceaccount.com"
	}
	return c.create(sink(c), t)
}

func updateSink(c *call) error {
	t := sinkFields(c)
	if _, clears := c.flags["clear-exclusions"]; clears {
		t["exclusions.name"] = ""
	}
	return c.set(sink(c), t)
}

func createDatabase(c *call) error {
	return c.create(database(c), thing{"type": "FIRESTORE_NATIVE", "locationId": c.flags["location"]})
}

func addVersion(c *call) error {
	value, err := os.ReadFile(c.flags["data-file"])
	if err != nil {
		return err
	}
	return c.set(secret(c), thing{"value": string(value)})
}

func accessVersion(c *call) error {
	value, ok := c.Things[within(c.parent(), "secrets", c.flags["secret"])]["value"]
	if !ok {
		return c.fail("NOT_FOUND", "Secret [%s] not found or has no versions.", c.flags["secret"])
	}
	c.out.WriteString(value)
	return nil
}

// deployFunction also makes what Cloud Functions makes: the service, and the
// trigger with its subscription.
func deployFunction(c *call) error {
	build := strings.TrimPrefix(c.flags["build-service-account"], c.parent()+"/serviceAccounts/")
	for _, email := range []string{c.flags["run-service-account"], c.flags["trigger-service-account"], build} {
		if err := c.seen("serviceAccount:" + email); err != nil {
			return err
		}
	}
	if err := c.need(within(c.parent(), "topics", c.flags["trigger-topic"])); err != nil {
		return err
	}
	rules, err := os.ReadFile(path.Join(c.flags["source"], "rules.yaml"))
	if err != nil {
		return err
	}
	label, digest, _ := strings.Cut(c.flags["update-labels"], "=")
	t := thing{"state": "ACTIVE", "eventTrigger.trigger": c.location() + "/triggers/pullfix-1", "labels." + label: digest, "rules": string(rules)}
	for name, value := range c.flags {
		if !slices.Contains([]string{"source", "update-labels", "project", "region"}, name) {
			t["--"+name] = value
		}
	}
	maps.Copy(t, c.shown())
	c.Things[function(c)] = t
	c.Things[c.location()+"/services/"+c.pos[0]] = thing{}
	generated := c.parent() + "/subscriptions/eventarc-pullfix-sub-1"
	c.Things[c.location()+"/triggers/pullfix-1"] = thing{"transport.pubsub.subscription": generated}
	if s := c.Things[generated]; s == nil || s["topic"] != within(c.parent(), "topics", c.flags["trigger-topic"]) && os.Getenv("FAKE_STUCK") == "" {
		c.Things[generated] = thing{"topic": within(c.parent(), "topics", c.flags["trigger-topic"]), "ackDeadlineSeconds": "10"}
	}
	return nil
}

// shown is how Google Cloud shows the settings of a function that was deployed.
func (c *call) shown() thing {
	_, retry := c.flags["retry"]
	separator, list, _ := strings.Cut(strings.TrimPrefix(c.flags["set-env-vars"], "^"), "^")
	env := append(strings.Split(list, separator), "LOG_EXECUTION_ID=true")
	slices.Sort(env)
	return thing{
		"serviceConfig.ingressSettings":               map[string]string{"internal-only": "ALLOW_INTERNAL_ONLY"}[c.flags["ingress-settings"]],
		"serviceConfig.maxInstanceCount":              c.flags["max-instances"],
		"serviceConfig.maxInstanceRequestConcurrency": c.flags["concurrency"],
		"serviceConfig.timeoutSeconds":                strings.TrimSuffix(c.flags["timeout"], "s"),
		"serviceConfig.serviceAccountEmail":           c.flags["run-service-account"],
		"serviceConfig.environmentVariables":          strings.Join(env, ";"),
		"eventTrigger.retryPolicy":                    map[bool]string{true: "RETRY_POLICY_RETRY", false: "RETRY_POLICY_DO_NOT_RETRY"}[retry],
	}
}

func deleteFunction(c *call) error {
	c.remove(c.location() + "/services/" + c.pos[0])
	c.remove(c.location() + "/triggers/pullfix-1")
	c.remove(c.parent() + "/subscriptions/eventarc-pullfix-sub-1")
	return c.drop(function(c))
}

// listBelow lists what is in a project, as gcloud shows it.
func (c *call) listBelow(collection string) error {
	for _, name := range c.below(c.parent() + "/") {
		part := strings.Split(name, "/")
		if len(part) < 4 || part[len(part)-2] != collection {
			continue
		}
		fields := maps.Clone(c.Things[name])
		fields["name"], fields["metadata.name"] = name, baseOf(name)
		if part[2] == "locations" {
			fields[fmt.Sprintf("metadata.labels['%s']", "cloud.googleapis.com/location")] = part[3]
		}
		if err := c.print(fields); err != nil {
			return err
		}
	}
	return nil
}
