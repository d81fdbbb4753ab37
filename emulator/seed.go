package emulator

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
)

const (
	maxSeed    = 4 << 20
	maxLogFile = 64 << 20
)

// Seed is what a [Cloud] holds when it starts, and how it misbehaves. It does
// not change once it is parsed.
//
// Its keys are projects, folders, repositories, secrets, services, jobs,
// workerPools, serviceAccounts, missingMembers, caller, logs, latency and
// faults; all may be left out. Whatever can have an allow policy may carry one. A project,
// repository, secret or workload exists if it is in the seed, a folder or
// organization also if it is named as a parent. A service account of one of the
// projects exists if it is in the seed; any other, and what is given a role,
// unless it is in missingMembers. More can be made later. The caller is the e-mail address that the audit log
// has of everybody; without one it is pullfix@pullfix-local.iam.gserviceaccount.com.
type Seed struct {
	projects     []*project
	folders      []*folder
	repositories []*repository
	secrets      []*secret
	workloads    []string // names of services, jobs and worker pools
	accounts     []string
	policies     []seededPolicy
	missing      []string
	caller       string
	entries      []*logEntry
	latency      time.Duration
	faults       []fault
}

type folder struct{ name, parent string }

// seededPolicy is the policy of a resource; nil is the empty one.
type seededPolicy struct {
	resource string
	policy   *iampb.Policy
}

// ParseSeed reads a seed from YAML. The file's name is for errors, which say
// file:line:column and show the line, and for the paths of log files, which
// are relative to its folder.
func ParseSeed(file string, data []byte) (*Seed, error) {
	return parseSeed(file, data, readLogFile)
}

func readLogFile(path string) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxLogFile {
		return nil, errors.New("want a regular file of at most 64 MiB")
	}
	return io.ReadAll(f)
}

func parseSeed(file string, data []byte, read func(path string) ([]byte, error)) (*Seed, error) {
	r := &seedReader{file: file, text: string(data), seed: &Seed{}, seen: map[string]bool{}}
	doc, err := r.decode()
	if err != nil {
		return nil, err
	}
	steps := []func(*seedDoc) error{
		r.projects, r.folders, r.repositories, r.secrets, r.workloads, r.accounts, r.missing, r.caller, r.faults, r.latency,
		func(doc *seedDoc) error {
			return r.logs(doc, func(path string) ([]byte, error) {
				if !filepath.IsAbs(path) {
					path = filepath.Join(filepath.Dir(file), path)
				}
				return read(path)
			})
		},
	}
	for _, step := range steps {
		if err := step(doc); err != nil {
			return nil, err
		}
	}
	return r.seed, nil
}
