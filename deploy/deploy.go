// Package deploy holds what a deployment of pullfix is made of, and nothing that
// acts: the custom roles, the services that must be enabled, the metrics, alerts
// and dashboard that watch over it, and the names that deploy.sh, the Terraform
// module and pullfix doctor agree on. The files go out as Go values; gcloud and
// Terraform read the same files.
package deploy

import (
	"embed"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// The names of what a deployment is made of. All are in the project of pullfix,
// but for the sinks that bring the entries, which are where the entries are.
const (
	Function         = "pullfix"               // and its service, its entry point and its account
	TriggerAccount   = "pullfix-trigger"       // may call the function
	BuildAccount     = "pullfix-build"         // builds it
	Topic            = "pullfix"               // of log entries
	Subscription     = "pullfix"               // of the topic, where the function has no trigger of Eventarc
	DeadLetters      = "pullfix-dead-letters"  // topic and subscription of what was given up
	Sink             = "pullfix"               // from a project, folder or organisation to the topic
	RecordSink       = "pullfix-record"        // from the log of the project to the bucket
	RecordBucket     = "pullfix-record"        // of the compliance record
	SlackSecret      = "pullfix-slack"         // the webhook's URL
	SMTPSecret       = "pullfix-smtp-password" // of the mail server's user
	DeliveryAttempts = 50                      // of an event, some seven hours, before it is a dead letter
	Memory           = "256Mi"                 // of an instance
	MemoryLimit      = "200MiB"                // GOMEMLIMIT: the runtime of Go tries to stay below (https://pkg.go.dev/runtime#hdr-Environment_Variables)
)

// The custom roles, by their ids.
const (
	RoleRecord          = "pullfixRecord"          // on the project of pullfix
	RoleCheck           = "pullfixCheck"           // where entries come from, and on the projects of what rules name
	RoleFolders         = "pullfixFolders"         // where entries come from, if rules name folders; of organisations only
	RoleGrantRepository = "pullfixGrantRepository" // on each repository that a rule names
	RoleGrantSecret     = "pullfixGrantSecret"     // on each secret
	RoleGrantRun        = "pullfixGrantRun"        // on each service, job or worker pool
)

//go:embed roles/*.yaml apis.txt build-roles.txt metrics/*.json monitoring/*.json dashboard.json
var files embed.FS

// Role is a custom role, as in the files that gcloud iam roles create takes
// (https://cloud.google.com/iam/docs/creating-custom-roles).
type Role struct {
	ID          string   `yaml:"-"`
	Title       string   `yaml:"title"`
	Description string   `yaml:"description"`
	Stage       string   `yaml:"stage"`
	Permissions []string `yaml:"includedPermissions"`
}

// Roles returns all custom roles, by id.
func Roles() []Role {
	var roles []Role
	names, err := files.ReadDir("roles")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, f := range names {
		role := Role{ID: strings.TrimSuffix(f.Name(), ".yaml")}
		if err := yaml.UnmarshalWithOptions(text("roles/"+f.Name()), &role, yaml.Strict()); err != nil {
			panic(fmt.Errorf("roles/%s: %w", f.Name(), err))
		}
		roles = append(roles, role)
	}
	return roles
}

// APIs returns the services that must be enabled in the project of pullfix.
func APIs() []string { return strings.Fields(string(text("apis.txt"))) }

// BuildRoles returns the roles that the build account has on the project of
// pullfix (https://cloud.google.com/functions/docs/securing/build-custom-sa).
func BuildRoles() []string { return strings.Fields(string(text("build-roles.txt"))) }

func text(name string) []byte {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return b
}
