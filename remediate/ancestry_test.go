package remediate

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pullfix/pullfix/emulator"
	"github.com/pullfix/pullfix/emulator/emulatortest"
	"github.com/pullfix/pullfix/iam"
	"github.com/pullfix/pullfix/internal/retry"
)

const tree = `
projects:
  - {id: app-one, number: 111111111111, parent: folders/222}
  - {id: app-two, number: 222222222222, parent: folders/222}
  - {id: alone, number: 333333333333}
  - {id: at-top, number: 444444444444, parent: organizations/1}
folders:
  - {name: folders/222, parent: folders/221}
  - {name: folders/221, parent: organizations/1}
`

func ancestry(t testing.TB, seed string) (*emulator.Cloud, *Ancestry) {
	t.Helper()
	cloud, address := emulatortest.Start(t, seed)
	clients := NewClients(emulatortest.Options(address)...)
	t.Cleanup(func() { _ = clients.Close() })
	return cloud, &Ancestry{Projects: &Projects{Client: clients.Projects, Calls: quick}, Folders: clients.Folders, Calls: quick}
}

func TestAncestry(t *testing.T) {
	for _, test := range []struct {
		name, seed, project string
		want                []string
		unknown             bool
	}{
		{name: "folders in folders", project: "app-one", want: []string{"folders/222", "folders/221", "organizations/1"}},
		{name: "nothing holds it", project: "alone"},
		{name: "the organisation itself", project: "at-top", want: []string{"organizations/1"}},
		{name: "no such project", project: "nobody", unknown: true},
		{name: "a folder that may not be read", project: "app-one", unknown: true, seed: withFaults(tree, "{method: GetFolder, resource: folders/221, code: PERMISSION_DENIED, times: 9}")},
		{name: "a read that fails for a while", project: "app-one", want: []string{"folders/222", "folders/221", "organizations/1"}, seed: withFaults(tree, "{method: GetFolder, code: UNAVAILABLE, times: 2}")},
	} {
		t.Run(test.name, func(t *testing.T) {
			seed := test.seed
			if seed == "" {
				seed = tree
			}
			_, a := ancestry(t, seed)
			parents, ok, err := a.Above(t.Context(), must(iam.ParseProject(test.project)), time.Unix(0, 0))
			var got []string
			for _, p := range parents {
				got = append(got, p.String())
			}
			if err != nil || ok == test.unknown || ok && !slices.Equal(got, test.want) {
				t.Errorf("got %q, known %t, %v, want %q", got, ok, err, test.want)
			}
		})
	}
}

func TestAncestryIsReadOnceInAWhile(t *testing.T) {
	cloud, a := ancestry(t, tree)
	noon := time.Unix(0, 0)
	read := func(project string, at time.Time) {
		t.Helper()
		if _, ok, err := a.Above(t.Context(), must(iam.ParseProject(project)), at); !ok || err != nil {
			t.Fatalf("got %t, %v", ok, err)
		}
	}
	read("app-one", noon)
	read("app-one", noon.Add(ancestryMemory-time.Second))
	read("app-two", noon.Add(ancestryMemory-time.Second))
	if p, f := cloud.Calls()["GetProject"], cloud.Calls()["GetFolder"]; p != 2 || f != 2 {
		t.Errorf("got %d reads of projects and %d of folders, want 2 and 2", p, f)
	}
	read("app-one", noon.Add(ancestryMemory))
	if p, f := cloud.Calls()["GetProject"], cloud.Calls()["GetFolder"]; p != 3 || f != 4 {
		t.Errorf("after a while: got %d reads of projects and %d of folders, want 3 and 4", p, f)
	}
}

func TestAncestryFailsForNow(t *testing.T) {
	_, a := ancestry(t, withFaults(tree, "{method: GetFolder, code: UNAVAILABLE, times: 99}"))
	_, _, err := a.Above(t.Context(), must(iam.ParseProject("app-one")), time.Unix(0, 0))
	if transient := (*retry.Transient)(nil); !errors.As(err, &transient) {
		t.Errorf("got %v, want a transient error", err)
	}
}

func TestAncestryIsBounded(t *testing.T) {
	a := &Ancestry{}
	noon := time.Unix(0, 0)
	for n := range 2 * mostProjects {
		a.remember(fmt.Sprint(n), held{until: noon.Add(time.Duration(n) * time.Second)}, noon)
	}
	if len(a.known) > mostProjects {
		t.Errorf("%d projects are remembered, want at most %d", len(a.known), mostProjects)
	}
}
