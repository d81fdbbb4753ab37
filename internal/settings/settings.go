// Package settings reads how the function is to run: environment variables and
// the policy file come in, one value of checked settings goes out. Every bad
// value is reported, by the name of its variable.
package settings

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/notify"
	"github.com/pullfix/pullfix/rules"
)

// Settings are the checked settings of one function.
type Settings struct {
	Policy    *rules.Policy
	Project   iam.Project // that holds the record; unknown: ask the metadata server
	AuditFile string      // path of the record; "" for Cloud Logging
	Endpoint  string      // host:port of a local Google Cloud; "" for the real one
	Deployed  bool        // on Cloud Run, with a metadata server and an account of its own
	Firestore bool        // the ledger is there, for all instances; else in memory, for one process

	Senders map[string]notify.Sender // by the names of the policy's channels

	clients []option.ClientOption
}

// Options are for every client of Google Cloud's. They point it at the endpoint,
// where there is one.
func (s Settings) Options() []option.ClientOption {
	if s.Endpoint == "" {
		return s.clients
	}
	return append([]option.ClientOption{
		option.WithEndpoint(s.Endpoint),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}, s.clients...)
}

// Lookup returns the value of an environment variable, as [os.LookupEnv] does.
type Lookup func(name string) (value string, ok bool)

// Read reads the settings. fallback is the policy to use where PULLFIX_RULES
// names none. clients are options for every client of Google Cloud's.
func Read(lookup Lookup, fallback []byte, clients ...option.ClientOption) (Settings, error) {
	r := reader{lookup: lookup}
	s := Settings{
		Policy:    r.withChannels(r.policy(fallback)),
		AuditFile: variable(&r, "PULLFIX_AUDIT", "cloud", parseAudit),
		Endpoint:  variable(&r, "PULLFIX_ENDPOINT", "", parseEndpoint),
		Project:   variable(&r, "PULLFIX_PROJECT", r.get("GOOGLE_CLOUD_PROJECT", ""), parseProject),
		Deployed:  r.get("K_SERVICE", "") != "",
		clients:   clients,
	}
	s.Firestore = variable(&r, "PULLFIX_LEDGER", ledgerWhere(s.Deployed), parseLedger)
	if variable(&r, "PULLFIX_MODE", "", parseMode) && s.Policy != nil {
		s.Policy = s.Policy.Observing()
	}
	s.Senders = r.senders(s)
	if s.Project.IsZero() && !s.Deployed && len(r.problems) == 0 {
		switch {
		case s.AuditFile == "":
			r.fail("PULLFIX_PROJECT", errors.New("missing: want the project that holds the record, or PULLFIX_AUDIT=file:PATH"))
		case s.Firestore:
			r.fail("PULLFIX_PROJECT", errors.New("missing: want the project that holds the ledger, or PULLFIX_LEDGER=memory"))
		}
	}
	return s, errors.Join(r.problems...)
}

type reader struct {
	lookup   Lookup
	problems []error
}

func (r *reader) fail(name string, err error) {
	r.problems = append(r.problems, fmt.Errorf("%s: %w", name, err))
}

func (r *reader) get(name, otherwise string) string {
	if v, _ := r.lookup(name); v != "" {
		return v
	}
	return otherwise
}

func variable[T any](r *reader, name, otherwise string, parse func(string) (T, error)) T {
	v, err := parse(r.get(name, otherwise))
	if err != nil {
		r.fail(name, err)
	}
	return v
}

func (r *reader) policy(fallback []byte) *rules.Policy {
	file, data := "rules.yaml", fallback
	if path := r.get("PULLFIX_RULES", ""); path != "" {
		var err error
		if data, err = os.ReadFile(path); err != nil {
			r.fail("PULLFIX_RULES", err)
			return nil
		}
		file = path
	}
	policy, err := rules.Parse(file, data)
	if err != nil {
		r.fail("PULLFIX_RULES", err)
	}
	return policy
}

func parseMode(s string) (observe bool, err error) {
	if s != "" && s != rules.Observe.String() {
		return false, fmt.Errorf("%q: want observe, or leave it out: only the policy can enforce", s)
	}
	return s != "", nil
}

func parseAudit(s string) (file string, err error) {
	if s == "cloud" {
		return "", nil
	}
	file, ok := strings.CutPrefix(s, "file:")
	if !ok || file == "" {
		return "", fmt.Errorf("%q: want cloud or file:PATH", s)
	}
	return file, nil
}

const (
	ledgerFirestore = "firestore"
	ledgerMemory    = "memory"
)

func ledgerWhere(deployed bool) string {
	if deployed {
		return ledgerFirestore
	}
	return ledgerMemory
}

func parseLedger(s string) (inFirestore bool, err error) {
	if s != ledgerFirestore && s != ledgerMemory {
		return false, fmt.Errorf("%q: want %s or %s", s, ledgerFirestore, ledgerMemory)
	}
	return s == ledgerFirestore, nil
}

func parseEndpoint(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if host, port, err := net.SplitHostPort(s); err != nil || host == "" || port == "" {
		return "", fmt.Errorf("%q: want host:port", s)
	}
	return s, nil
}

func parseProject(s string) (iam.Project, error) {
	if s == "" {
		return iam.Project{}, nil
	}
	return iam.ParseProject(s)
}
