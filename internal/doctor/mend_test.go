package doctor

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pullfix/pullfix/internal/further"
)

// gcloudServices are those that the commands call, by gcloud's names.
var gcloudServices = []string{
	"ARTIFACTREGISTRY", "CLOUDBUILD", "CLOUDFUNCTIONS", "CLOUDRESOURCEMANAGER", "EVENTARC", "FIRESTORE", "IAM", "LOGGING", "MONITORING", "PUBSUB", "RUN", "SECRETMANAGER", "SERVICEUSAGE",
}

// TestCommandsMend runs what is printed in a shell, with the real gcloud, until
// all is well again: for every third breakage, or for each with
// PULLFIX_FURTHER=all. Only where something else hangs on what was mended does
// that take more than one round.
func TestCommandsMend(t *testing.T) {
	for _, program := range []string{"gcloud", "bash", "jq"} {
		further.Program(t, program)
	}
	t.Parallel()
	bin := built(t)
	for n, name := range slices.Sorted(maps.Keys(breakages)) {
		b := breakages[name]
		if n%3 != 0 && !further.All() {
			continue // each takes seconds
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			b.breaks(s)
			rounds := 0
			for found := s.notWell(); len(found) > 0; found = s.notWell() {
				if rounds++; rounds > b.rounds() {
					t.Fatalf("not well after %d rounds: %+v", b.rounds(), found)
				}
				for _, r := range found {
					s.mend(bin, r.Command)
				}
			}
		})
	}
}

func (b breakage) rounds() int {
	if b.also != "" || b.later {
		return 3
	}
	return 1
}

func (s *site) mend(bin, command string) {
	s.Helper()
	if command == "" {
		return
	}
	if out, err := s.shell(bin, command).CombinedOutput(); err != nil {
		s.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// shell is a command as a person runs it, in the folder of the source.
func (s *site) shell(bin, command string) *exec.Cmd {
	cmd := exec.CommandContext(s.Context(), "bash", "-c", "set -e; "+command)
	cmd.Dir, cmd.Stdin = "../..", strings.NewReader("https://example.com/webhook\n")
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "PULLFIX_ENDPOINT="+s.address,
		"CLOUDSDK_CONFIG="+s.TempDir(), "CLOUDSDK_CORE_DISABLE_PROMPTS=1", "CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true",
		"CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=1", "CLOUDSDK_CORE_PROJECT=nobody")
	for _, service := range gcloudServices {
		cmd.Env = append(cmd.Env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_"+service+"=http://"+s.address+"/")
	}
	return cmd
}
