// Package emulator is a local Google Cloud: the parts of it that pullfix
// calls, in memory, on one port.
//
// A [Seed] comes in: projects, repositories, secrets, services, policies, log
// entries, and the faults to be met. What goes out is what the official
// clients see over gRPC and what gcloud sees over REST, answered by the same
// servers; what makes and changes resources is answered over REST alone, by
// package admin. Projects, folders, repositories and what runs are fixed by the
// seed. There are no documents of Firestore at first. Policies behave as the real ones do: an etag that changes with
// every write, versions, conditions, limits, members that do not exist. So do
// documents: preconditions, commits of all writes or none, update times. Each
// change of a policy leaves an entry in the audit log of its project.
//
// Nobody is authenticated: every caller is an owner of everything, and the
// audit log knows all of them as the caller of the seed.
package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/pullfix/pullfix/emulator/admin"
)

// maxRequest is what Cloud Logging takes in one write, and Firestore in one
// request.
const maxRequest = 10 << 20

// Cloud is a running local Google Cloud.
type Cloud struct {
	policies  *policies
	gate      *gate
	logs      *logs
	documents *documents
	made      *admin.Server
	grpc      *grpc.Server
	rest      *transcoder
	http      *http.Server
}

// New returns the cloud that the seed describes; nil is an empty one. Clouds
// of one seed do not share state.
func New(seed *Seed) *Cloud {
	if seed == nil {
		seed = &Seed{}
	}
	world := newCatalog(seed)
	c := &Cloud{
		policies:  newPolicies(seed, world.canonical),
		logs:      newLogs(seed, world),
		documents: newDocuments(),
	}
	world.made = newMade(seed, world, c.policies)
	c.policies.role, c.policies.made, c.made = world.roleIn, world.isMade, world.made
	c.gate = newGate(seed, world.canonical, newTrail(seed, world.canonical, c.policies, c.logs))
	c.grpc = grpc.NewServer(grpc.UnaryInterceptor(c.gate.intercept), grpc.StreamInterceptor(c.gate.interceptStream), grpc.MaxRecvMsgSize(maxRequest))
	c.rest = newTranscoder(c.gate.intercept, register(c.grpc, world, c.policies, c.logs, c.documents))

	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	c.http = &http.Server{
		Handler:           c.Handler(),
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	return c
}

// Handler returns the cloud as a handler. gRPC needs HTTP/2 beneath it, which
// [Cloud.Serve] sets up.
func (c *Cloud) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
			c.grpc.ServeHTTP(w, r)
		case r.Method == http.MethodGet && r.URL.Path == "/_emulator/calls":
			writeJSON(w, http.StatusOK, c.Calls())
		case r.Method == http.MethodGet && r.URL.Path == "/_emulator/policies":
			writeJSON(w, http.StatusOK, c.policiesJSON())
		case r.Method == http.MethodGet && r.URL.Path == "/_emulator/documents":
			writeJSON(w, http.StatusOK, c.Made())
		case strings.HasPrefix(r.URL.Path, admin.Uploads):
			c.made.ServeUploads(w, r)
		default:
			if made := c.made.Find(r); made != nil {
				c.serveMade(w, r, made)
				return
			}
			c.rest.ServeHTTP(w, r)
		}
	})
}

// Serve answers on the listener until Close, after which it returns nil.
func (c *Cloud) Serve(l net.Listener) error {
	if err := c.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close ends every connection.
func (c *Cloud) Close() error {
	c.grpc.Stop()
	return c.http.Close()
}

// Policies returns a copy of the policies by the full name of their resource:
// those of everything in the seed that can have one but projects and folders,
// and those that were seeded or written.
func (c *Cloud) Policies() map[string]*iampb.Policy { return c.policies.all() }

// Made returns the documents of what callers have made, such as topics, sinks
// and functions, and of what the seed has of the same kinds, by their full name.
// The values of secrets are not in them. Nobody may change them.
func (c *Cloud) Made() map[string]map[string]any { return c.made.Documents() }

// Calls returns how often each method was called, by its name.
func (c *Cloud) Calls() map[string]int { return c.gate.counts() }

// Watch has f called at every call from now on: when it arrives, and when it
// was carried out and is about to be answered. A call that a fault refuses is
// not carried out. f may block, which holds the call; nil ends the watching.
func (c *Cloud) Watch(f func(Call)) {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.gate.watch = f
}

// Spoil has f called as that of [Cloud.Watch] is, with the context of the call.
// The error that it returns is answered in place of the real answer: with it, a
// call that arrives is refused, and one that was carried out has its answer
// lost. It should be a status of gRPC. nil ends the spoiling.
func (c *Cloud) Spoil(f func(context.Context, Call) error) {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.gate.spoil = f
}

// Entries returns what Cloud Logging holds, the seed's entries first and then
// in the order of writing, duplicates included. Of what was written it holds
// the newest 64 MiB.
func (c *Cloud) Entries() []*loggingpb.LogEntry { return c.logs.all() }

// Documents returns a copy of the documents of Firestore by their full name,
// projects/P/databases/D/documents/COLLECTION/ID.
func (c *Cloud) Documents() map[string]*firestorepb.Document { return c.documents.all() }

func (c *Cloud) policiesJSON() map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for resource, policy := range c.Policies() {
		if text, err := protojson.Marshal(policy); err == nil {
			out[resource] = text
		}
	}
	return out
}
