package terraform

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullfix/pullfix/internal/further"
)

var update = flag.Bool("update", false, "rewrite testdata/stub/schema.json")

// bindings are the npm packages that hold the schemas of the real providers, as
// programs in TypeScript. The registry of Terraform has no other form of them
// that can be had without the providers themselves.
var bindings = map[string]binding{
	"google":  {"6.50.0", "@cdktf/provider-google", "16.12.1"},
	"archive": {"2.7.1", "@cdktf/provider-archive", "11.0.1"},
}

type binding struct {
	version string // of the provider
	npm     string
	release string // of the package
}

const schemaFile = "testdata/stub/schema.json"

// schema is what one provider says about the resources that the module uses.
type schema struct {
	Resources map[string]block `json:"resources,omitempty"`
	Data      map[string]block `json:"data,omitempty"`
}

// block is a resource, or a block in one.
type block struct {
	Nesting    string            `json:"nesting,omitempty"` // of a block in a block: list, set or single
	One        bool              `json:"one,omitempty"`     // there is at most one
	Required   bool              `json:"required,omitempty"`
	Computed   bool              `json:"computed,omitempty"`   // it is an attribute that the provider fills
	Attributes map[string]string `json:"attributes,omitempty"` // such as "string required", "string optional = A|B"
	Blocks     map[string]block  `json:"blocks,omitempty"`
}

// TestTheStandInKnowsTheRealSchema takes the schemas out of the published
// packages again.
func TestTheStandInKnowsTheRealSchema(t *testing.T) {
	t.Parallel()
	npm := further.Program(t, "npm")
	got := map[string]schema{}
	for provider, of := range bindings {
		s, err := readBindings(pack(t, npm, of), provider, used(t))
		if err != nil {
			t.Fatalf("%s: %v", of.npm, err)
		}
		got[provider] = s
	}
	text, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(schemaFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, schemaFile), string(text)); diff != "" {
		t.Errorf("%s: not what the packages say: run go test ./terraform -update with PULLFIX_FURTHER=1\n-have +want\n%s", schemaFile, diff)
	}
}

// pack fetches an npm package into the cache folder of .ci/run, and opens it.
func pack(t *testing.T, npm string, of binding) io.Reader {
	t.Helper()
	dir := filepath.Join(cache(t), "npm")
	file := filepath.Join(dir, strings.NewReplacer("@", "", "/", "-").Replace(of.npm)+"-"+of.release+".tgz")
	if _, err := os.Stat(file); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		run(t, dir, npm, "pack", "--silent", of.npm+"@"+of.release)
	}
	return strings.NewReader(read(t, file))
}

// using matches the head of a resource or data source.
var using = regexp.MustCompile(`(?m)^(resource|data) "((\w+?)_\w+)" "`)

// used returns the resources and data sources of the module.
func used(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	files, err := filepath.Glob("*.tf")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, m := range using.FindAllStringSubmatch(read(t, f), -1) {
			all[m[1]+" "+m[2]] = true
		}
	}
	return all
}

// readBindings reads the schema of what is used of a provider.
func readBindings(npm io.Reader, provider string, used map[string]bool) (schema, error) {
	s := schema{Resources: map[string]block{}, Data: map[string]block{}}
	wanted := map[string]string{}
	for u := range used {
		kind, name, _ := strings.Cut(u, " ")
		if short, ok := strings.CutPrefix(name, provider+"_"); ok {
			folder := strings.ReplaceAll(short, "_", "-")
			if kind == "data" {
				folder = "data-" + strings.ReplaceAll(name, "_", "-")
			}
			wanted["package/lib/"+folder+"/index.js"] = u
		}
	}
	unzipped, err := gzip.NewReader(npm)
	if err != nil {
		return s, err
	}
	for files := tar.NewReader(unzipped); len(wanted) > 0; {
		header, err := files.Next()
		if err != nil {
			return s, fmt.Errorf("no %q: %w", slices.Sorted(maps.Keys(wanted)), err)
		}
		u, ok := wanted[header.Name]
		if !ok {
			continue
		}
		delete(wanted, header.Name)
		text, err := io.ReadAll(files)
		if err != nil {
			return s, err
		}
		b, err := readResource(text)
		if err != nil {
			return s, fmt.Errorf("%s: %w", header.Name, err)
		}
		if kind, name, _ := strings.Cut(u, " "); kind == "data" {
			s.Data[name] = b
		} else {
			s.Resources[name] = b
		}
	}
	return s, nil
}

// readResource reads the program of one resource, whose source stands in its
// source map.
func readResource(js []byte) (block, error) {
	const mark = "sourceMappingURL=data:application/json;base64,"
	at := bytes.LastIndex(js, []byte(mark))
	if at < 0 {
		return block{}, errors.New("no source map")
	}
	decoded, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(js[at+len(mark):])))
	if err != nil {
		return block{}, err
	}
	var sources struct{ SourcesContent []string }
	if err := json.Unmarshal(decoded, &sources); err != nil {
		return block{}, err
	}
	if len(sources.SourcesContent) != 1 {
		return block{}, fmt.Errorf("%d sources, want 1", len(sources.SourcesContent))
	}
	p := program{classes: map[string]string{}, values: map[string]string{}}
	return p.read(sources.SourcesContent[0])
}
