package server

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// modulePath is the import path of the repository's root.
const modulePath = "github.com/conclave/conclave"

// mayImport is the direction of imports, and no other (docs/architecture.md): for every package of ours those of ours that it may
// import. Whoever may import legs or mixer may name the types of the packages below it that its API speaks in.
var mayImport = map[string][]string{
	".":              {"admin", "admin/command", "loadtest", "loadtest/bench", "loadtest/flood", "server"},
	"admin":          {"admin/console", "server"},
	"admin/audit":    {"admin/client", "server", "server/trail"},
	"admin/client":   {},
	"admin/command":  {"admin", "admin/audit", "admin/client", "keying", "server"},
	"admin/console":  {},
	"keying":         {"keying/dtls", "keying/mikey", "keying/sdes"},
	"keying/dtls":    {},
	"keying/mikey":   {},
	"keying/sdes":    {},
	"legs":           {"keying", "legs/dialog", "legs/media", "legs/offer"},
	"legs/dialog":    {},
	"legs/media":     {"keying", "mixer/codec"},
	"legs/offer":     {"keying"},
	"loadtest":       {"admin/client", "keying", "legs", "legs/dialog", "legs/media", "legs/offer", "loadtest/sound", "loadtest/speech", "mixer/codec"},
	"loadtest/bench": {"admin/client", "keying", "loadtest", "loadtest/bench/floor", "mixer/codec"},
	// The floor is made of what the server cannot do without: its codecs and its SRTP, on the sound of the callers.
	"loadtest/bench/floor": {"keying", "legs/media", "loadtest/sound", "loadtest/speech", "mixer/codec"},
	"loadtest/flood":       {"keying", "legs/offer", "loadtest"},
	"loadtest/interop":     {},
	"loadtest/sound":       {"mixer/codec"},
	"loadtest/speech":      {},
	"mixer":                {"mixer/codec"},
	"mixer/codec":          {},
	"server":               {"keying", "legs", "legs/dialog", "legs/media", "legs/offer", "mixer", "server/events", "server/gate", "server/ogg", "server/recording", "server/store", "server/traces", "server/trail", "server/webhook"},
	"server/events":        {},
	"server/gate":          {"keying", "legs/offer"},
	"server/ogg":           {},
	"server/recording":     {"mixer/codec", "server/ogg"},
	"server/store":         {},
	"server/traces":        {},
	"server/trail":         {},
	"server/webhook":       {"server/events"},
}

// topLevel is all that lies at the root beside dot-files: whoever looks at the repository first sees the house, and no clutter.
var topLevel = []string{
	"server", "mixer", "legs", "keying", "admin", "loadtest", "docs", "main.go", "go.mod", "go.sum", "Makefile", "Dockerfile",
	"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md",
}

// soleImporter is who alone may import a library, so that replacing it touches one package.
var soleImporter = map[string]string{
	"github.com/emiago/sipgo":       "legs/dialog",
	"github.com/pion/srtp":          "legs/media",
	"github.com/pion/sdp":           "legs/offer",
	"github.com/hraban/opus":        "mixer/codec",
	"go.etcd.io/bbolt":              "server/store",
	"filippo.io/bigmod":             "keying/mikey",
	"filippo.io/age":                "server/recording",
	"github.com/pion/dtls":          "keying/dtls",
	"github.com/go-chi/chi":         "admin",
	"github.com/danielgtaylor/huma": "admin",
	"rsc.io/qr":                     "admin",
}

// sources are the non-test files of every package of the module, by folder below the root.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]string)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "vendor"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		folder = filepath.ToSlash(folder)
		all[folder] = append(all[folder], path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < len(mayImport)/2 {
		t.Fatalf("only %d packages found below %s", len(all), root)
	}
	return all
}

// importsOf are the import paths of one file.
func importsOf(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, s := range parsed.Imports {
		path, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, path)
	}
	return list
}

func TestImportDirection(t *testing.T) {
	for folder, files := range sources(t) {
		allowed, known := mayImport[folder]
		if !known {
			t.Errorf("package %s is in no line of the table: say whom it may import, here and in docs/architecture.md", folder)
			continue
		}
		for _, file := range files {
			for _, path := range importsOf(t, file) {
				if ours, ok := strings.CutPrefix(path, modulePath+"/"); ok && !slices.Contains(allowed, ours) {
					t.Errorf("%s imports %s; %s may import %v", filepath.Base(file), ours, folder, allowed)
				}
				for library, owner := range soleImporter {
					if strings.HasPrefix(path, library) && folder != owner {
						t.Errorf("%s in %s imports %s, which is %s's alone", filepath.Base(file), folder, path, owner)
					}
				}
			}
		}
	}
}

// TestImportTableHasNoCycle holds the table itself: what it allows must be possible, and a package that is gone must go.
func TestImportTableHasNoCycle(t *testing.T) {
	all := sources(t)
	state := make(map[string]int) // 1 on the way, 2 done
	var visit func(string)
	visit = func(p string) {
		if state[p] == 1 {
			t.Fatalf("the table lets %s import itself", p)
		}
		if state[p] == 2 {
			return
		}
		state[p] = 1
		for _, q := range mayImport[p] {
			if _, known := mayImport[q]; !known {
				t.Errorf("%s may import %s, which has no line", p, q)
			}
			visit(q)
		}
		state[p] = 2
	}
	for p := range mayImport {
		visit(p)
		if all[p] == nil {
			t.Errorf("the table names %s, which holds no code", p)
		}
	}
}

func TestEveryPackageIsExplained(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for folder, files := range sources(t) {
		file := filepath.Join(root, filepath.FromSlash(folder), "doc.go")
		if folder == "." {
			file = filepath.Join(root, "main.go") // a command documents itself where it begins
		}
		if !slices.Contains(files, file) {
			t.Errorf("package %s has no %s", folder, filepath.Base(file))
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if folder != "." && !strings.HasPrefix(parsed.Doc.Text(), "Package "+parsed.Name.Name+" ") {
			t.Errorf("%s does not begin with %q", file, "Package "+parsed.Name.Name)
		}
		if len(parsed.Doc.Text()) < 80 {
			t.Errorf("%s explains nothing", file)
		}
	}
}

// TestTopLevel looks at what git would track at the root: what .gitignore names there is built, not kept.
func TestTopLevel(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	ignored := strings.Fields(string(text))
	list, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		name := entry.Name()
		built := slices.ContainsFunc(ignored, func(pattern string) bool {
			match, err := filepath.Match(strings.Trim(pattern, "/"), name)
			return match && err == nil
		})
		if !strings.HasPrefix(name, ".") && !built && !slices.Contains(topLevel, name) {
			t.Errorf("%s lies at the top level: move it into a folder of the house", name)
		}
	}
}

// TestNoSurprises looks for what the house style bans in code that ships, where a linter may not be at hand.
func TestNoSurprises(t *testing.T) {
	banned := map[string]string{
		"time.Sleep(": "wait for an event or a timer",
		"panic(":      "return an error",
		"fmt.Print":   "write to the writer that was given",
		"TODO":        "do it or leave it",
	}
	for _, files := range sources(t) {
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for number, line := range strings.Split(string(text), "\n") {
				code, _, _ := strings.Cut(line, "//")
				for word, instead := range banned {
					if strings.Contains(code, word) || word == "TODO" && strings.Contains(line, word) {
						t.Errorf("%s:%d holds %s: %s", file, number+1, word, instead)
					}
				}
			}
		}
	}
}
