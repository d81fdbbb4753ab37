package emulator

import (
	"context"
	"net/http"
	"time"

	"google.golang.org/grpc"

	"github.com/pullfix/pullfix/emulator/admin"
)

// newMade returns the server of what callers make. It begins with what of that
// the seed has.
func newMade(seed *Seed, world *catalog, policies *policies) *admin.Server {
	made := admin.New(admin.World{
		Canonical: world.canonical,
		Project: func(id string) (int64, bool) {
			p, ok := world.projects[id]
			if !ok {
				return 0, false
			}
			return p.number, true
		},
		Parent:  func(name string) bool { _, ok := world.parents[name]; return ok },
		Gone:    policies.forget,
		Renamed: policies.rename,
	})
	when := created.AsTime().Format(time.RFC3339)
	for _, s := range seed.secrets {
		made.AddSecret(world.canonical(s.name), s.value, when)
	}
	for _, name := range seed.workloads {
		made.Add(world.canonical(name), seededWorkload(name))
	}
	for _, name := range seed.accounts {
		made.AddAccount(world.canonical(name))
	}
	return made
}

// madeName finds what has a policy and is no resource of another server here:
// topics and subscriptions.
func (c *catalog) madeName(name string) (string, error) {
	full := c.canonical(name)
	if _, ok := pubsubForm.parts(full); !ok || !c.made.Has(full) {
		return "", notFound("Resource not found (resource=%s).", name)
	}
	return full, nil
}

// serveMade answers a call of a method that makes or changes something.
func (c *Cloud) serveMade(w http.ResponseWriter, r *http.Request, req *admin.Request) {
	res, err := c.gate.intercept(withHeaders(r.Context(), r.Header), req, &grpc.UnaryServerInfo{FullMethod: "/" + req.Method},
		func(context.Context, any) (any, error) { return req.Do(http.MaxBytesReader(w, r.Body, maxRequest)) })
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, res)
}
