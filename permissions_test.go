package pullfix

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/goccy/go-yaml"
	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/pullfix/pullfix/deploy"
	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/rules"
)

// asked is a call of the local Google Cloud, as the table of permissions in
// deploy/testdata names it.
type asked struct{ method, writes string }

// account is who calls the local Google Cloud. It holds the custom roles where
// docs/operations.md says that they are bound.
type account struct {
	cloud http.Handler
	needs map[asked]string // the permission of each call
	lacks string           // a permission that its roles are short of
	name  string           // of the story
	story *txtar.Archive
	rules *rules.Policy
	known []iam.Project // by id and by number, in turn

	mu     sync.Mutex
	called map[asked]bool
}

// ServeHTTP answers as Google Cloud does to an account that may not do all.
func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if why := a.refuse(strings.TrimPrefix(r.URL.Path, "/"), body); why != "" {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", "7") // PERMISSION_DENIED
		w.Header().Set("Grpc-Message", why)
		w.WriteHeader(http.StatusOK)
		return
	}
	a.cloud.ServeHTTP(w, r)
}

// refuse says why not, "" where the account may.
func (a *account) refuse(method string, body []byte) string {
	calls, on, err := read(method, body)
	if err != nil {
		return err.Error()
	}
	for _, call := range calls {
		a.mu.Lock()
		a.called[call] = true
		a.mu.Unlock()
		if permission := a.needs[call]; permission == "" || permission == a.lacks || !a.bound(method, on) {
			return fmt.Sprintf("Permission '%s' denied on resource '%s' (or it may not exist).", permission, on)
		}
	}
	return ""
}

// read takes the frame of a gRPC call apart: a byte and the length go before
// the message (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
// on is the resource that the call is about.
func read(method string, body []byte) (calls []asked, on string, err error) {
	service, verb, _ := strings.Cut(method, "/")
	described, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil, "", err
	}
	described = described.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(verb)).Input()
	form, err := protoregistry.GlobalTypes.FindMessageByName(described.FullName())
	if err != nil {
		return nil, "", err
	}
	req := form.New().Interface()
	if err := proto.Unmarshal(body[min(5, len(body)):], req); err != nil {
		return nil, "", err
	}
	for _, field := range []string{"resource", "name", "parent", "database"} {
		if f := form.Descriptor().Fields().ByTextName(field); f != nil && on == "" {
			on = req.ProtoReflect().Get(f).String()
		}
	}
	switch req := req.(type) {
	case *firestorepb.CommitRequest:
		for _, write := range req.GetWrites() {
			calls = append(calls, asked{method, writesTo(write)})
		}
	case *loggingpb.WriteLogEntriesRequest:
		on = req.GetLogName()
	}
	if calls == nil {
		calls = []asked{{method: method}}
	}
	return calls, on, nil
}

// writesTo says whether the document must not be there yet, or must be.
func writesTo(w *firestorepb.Write) string {
	switch before := w.GetCurrentDocument(); {
	case w.GetUpdate() == nil || len(w.GetUpdateTransforms()) > 0:
		return "what no row is about"
	case before.GetUpdateTime() != nil:
		return "old"
	case before.GetConditionType() != nil && !before.GetExists():
		return "new"
	default:
		return "either"
	}
}

// needs returns the permission that each call needs, and which of them a role of
// Google's holds instead of a custom one.
func needs(t *testing.T) (of map[asked]string, elsewhere map[string]bool) {
	t.Helper()
	text, err := os.ReadFile("deploy/testdata/permissions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Calls []struct{ Method, Writes, Permission, Role string }
	}
	if err := yaml.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	of, elsewhere = map[asked]string{}, map[string]bool{}
	for _, row := range table.Calls {
		of[asked{row.Method, row.Writes}] = row.Permission
		elsewhere[row.Permission] = row.Role != ""
	}
	return of, elsewhere
}

// playAs returns the story as it goes where the function runs as the account,
// with its ledger in Firestore.
func playAs(t *testing.T, a *account) *txtar.Archive {
	t.Helper()
	seed, err := emulator.ParseSeed("seed.yaml", []byte(section(a.story, "seed.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	cloud := emulator.New(seed)
	a.cloud, a.called = cloud.Handler(), map[asked]bool{}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: a, Protocols: protocols, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		_, _ = server.Close(), <-ended
	})
	s := stageWith(t, a.story, cloud, listener.Addr().String(), map[string]string{"PULLFIX_LEDGER": "firestore"})
	a.rules, a.known = s.function.Policy, projectsOf(t, a.story)
	return s.play(t, a.story)
}

// TestRolesAreEnough plays every story as an account that holds the custom roles
// and no other, but for what single secrets need, and only where they are bound.
// All go as ever. Then each permission is taken away, and at least one story goes
// another way.
func TestRolesAreEnough(t *testing.T) {
	calls, elsewhere := needs(t)
	held := map[string]bool{}
	for _, role := range deploy.Roles() {
		for _, permission := range role.Permissions {
			held[permission] = true
		}
	}
	maps.DeleteFunc(calls, func(_ asked, permission string) bool { return !held[permission] && !elsewhere[permission] })
	played := playAll(t, calls)
	for call, permission := range calls {
		t.Run("without "+permission, func(t *testing.T) {
			t.Parallel()
			if len(played[call]) == 0 {
				t.Fatalf("no story calls %s: write one, or take the row out of deploy/testdata/permissions.yaml", call.method)
			}
			for name, story := range played[call] {
				got := playAs(t, &account{needs: calls, lacks: permission, name: name, story: story})
				if !bytes.Equal(txtar.Format(got), txtar.Format(story)) {
					return
				}
			}
			t.Errorf("all %d stories that call %s go as ever without it", len(played[call]), call.method)
		})
	}
}

// playAll returns which stories make a call.
func playAll(t *testing.T, calls map[asked]string) map[asked]map[string]*txtar.Archive {
	t.Helper()
	var mu sync.Mutex
	by := map[asked]map[string]*txtar.Archive{}
	t.Run("with all", func(t *testing.T) {
		for name, story := range stories(t) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				a := &account{needs: calls, name: name, story: story}
				if diff := gocmp.Diff(string(txtar.Format(story)), string(txtar.Format(playAs(t, a)))); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				mu.Lock()
				defer mu.Unlock()
				for call := range a.called {
					if calls[call] == "" {
						t.Errorf("%s (%s): no row of deploy/testdata/permissions.yaml, or no role, has it", call.method, cmp.Or(call.writes, "reads"))
					}
					if by[call] == nil {
						by[call] = map[string]*txtar.Archive{}
					}
					by[call][name] = story
				}
			})
		}
	})
	return by
}

// stories returns those in testdata, by name.
func stories(t *testing.T) map[string]*txtar.Archive {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata: %v", err)
	}
	all := map[string]*txtar.Archive{}
	for _, file := range files {
		if all[strings.TrimSuffix(filepath.Base(file), ".txtar")], err = txtar.ParseFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
