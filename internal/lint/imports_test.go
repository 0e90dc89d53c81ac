// Package lint holds the tree to ARCHITECTURE.md's rules of imports.
package lint

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	temporal = "go.temporal.io/"
	govips   = "github.com/davidbyttow/govips"
	parquet  = "github.com/parquet-go/parquet-go"
	gocloud  = "gocloud.dev"
)

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Imports    []string // direct, without tests
	Deps       []string // all
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "sluice/...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// Each of the libraries that do the work stands behind one package.
func TestEachLibraryHasOneUser(t *testing.T) {
	users := map[string][]string{
		govips:  {"sluice/pipeline/imaging"},
		parquet: {"sluice/pipeline/tables", "sluice/internal/demo", "sluice/internal/demo/listing"}, // the demo makes a dataset, and reads the manifests by itself
		gocloud: {"sluice/pipeline/storing"},
	}
	for _, p := range list(t) {
		for library, allowed := range users {
			if under(p.Imports, library) && !slices.Contains(allowed, p.ImportPath) {
				t.Errorf("%s imports %s: only %v may", p.ImportPath, library, allowed)
			}
		}
	}
}

// What a package must not reach, directly or by way of others.
func TestImportsRunDownwards(t *testing.T) {
	rules := []struct {
		of  string // a package, or a tree if it ends with /...
		not []string
		why string
	}{
		{"sluice/pipeline", []string{temporal, govips, parquet, gocloud}, "the core is plain Go behind its own interfaces"},
		{"sluice/pipeline/...", []string{temporal, "sluice/activities", "sluice/workflows", "sluice/worker", "sluice/starter"}, "the pipeline is a library of its own"},
		{"sluice/activities", []string{govips, parquet, gocloud, "sluice/workflows", "sluice/worker", "sluice/starter"}, "the worker injects what touches data"},
		{"sluice/workflows", []string{govips, parquet, gocloud, "sluice/worker", "sluice/starter"}, "workflows touch no data"},
		{"sluice/starter/...", []string{govips, parquet, gocloud, "sluice/worker", "sluice/pipeline/imaging", "sluice/pipeline/tables", "sluice/pipeline/storing", "sluice/pipeline/fetching"}, "the starter talks to Temporal and to nothing else"},
		{"sluice/worker", []string{"sluice/starter"}, "they meet in Temporal only"},
	}
	pkgs := list(t)
	for _, r := range rules {
		met := false
		for _, p := range pkgs {
			tree, isTree := strings.CutSuffix(r.of, "/...")
			within := isTree && (p.ImportPath == tree || strings.HasPrefix(p.ImportPath, tree+"/"))
			if p.ImportPath != r.of && !within {
				continue
			}
			met = true
			for _, forbidden := range r.not {
				if under(p.Deps, forbidden) {
					t.Errorf("%s reaches %s: %s", p.ImportPath, forbidden, r.why)
				}
			}
		}
		if !met {
			t.Errorf("no package is %s any more: mend the rule", r.of)
		}
	}
}

// under reports whether one of the packages is library or below it.
func under(packages []string, library string) bool {
	return slices.ContainsFunc(packages, func(p string) bool {
		return p == library || strings.HasPrefix(p, strings.TrimSuffix(library, "/")+"/")
	})
}
