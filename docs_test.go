package migratingsqlite

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"testing/fstest"
)

var (
	parameterRow  = regexp.MustCompile("(?m)^\\| `(_migrate\\w*)` \\|")
	parameterLine = regexp.MustCompile(`(?m)^//\t(_migrate\w*) `)
	codeBlock     = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")
	link          = regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`)
	firstCell     = regexp.MustCompile("(?m)^\\| `[^|]*\\|")
	quoted        = regexp.MustCompile("`([^`]+)`")
)

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// first returns what the first group of a pattern matches.
func first(r *regexp.Regexp, text string) (list []string) {
	for _, m := range r.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

func TestDocumentsNameEveryParameter(t *testing.T) {
	for name, r := range map[string]*regexp.Regexp{"README.md": parameterRow, "doc.go": parameterLine} {
		got := first(r, document(t, name))
		slices.Sort(got)
		if want := keys(parameters); !slices.Equal(got, want) {
			t.Errorf("%s has\n%q, the driver\n%q", name, got, want)
		}
	}
}

func TestDocumentsNameWhatExists(t *testing.T) {
	docs, err := filepath.Glob("docs/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatal(docs, err)
	}
	for _, name := range append(docs, "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "bench/README.md") {
		text := document(t, name)
		targets := first(link, text)
		for _, target := range targets {
			if !regexp.MustCompile(`^https?:`).MatchString(target) {
				if _, err := os.Stat(filepath.Join(filepath.Dir(name), target)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if name != "CONTRIBUTING.md" {
			continue
		}
		for _, cell := range firstCell.FindAllString(text, -1) {
			for _, file := range first(quoted, cell) {
				if _, err := os.Stat(file); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

// Every program in a document is built, and every script is loaded. The
// README's program is run on the script that docs/libsql.md has for it.
func TestDocumentsCompile(t *testing.T) {
	programs := map[string]string{}
	var scripts []string
	for _, name := range []string{"README.md", "docs/libsql.md"} {
		for _, block := range codeBlock.FindAllStringSubmatch(document(t, name), -1) {
			switch block[1] {
			case "go":
				programs[name] = block[2]
			case "sql":
				scripts = append(scripts, block[2])
			}
		}
	}
	if len(programs) != 2 || len(scripts) != 2 {
		t.Fatalf("found programs in %q, and the scripts %q", keys(programs), scripts)
	}
	files := fstest.MapFS{"0001_notes.sql": {Data: []byte(scripts[0])}, "0002_trim.sql": {Data: []byte(scripts[1])}}
	if _, err := Load("app", files); err != nil {
		t.Error(err)
	}
	for name, program := range programs {
		dir := t.TempDir()
		if err := os.CopyFS(filepath.Join(dir, "migrations"), files); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		build := exec.Command("go", "build", "-o", filepath.Join(dir, "program"), filepath.Join(dir, "main.go"))
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // enough for the types, and fast
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		} else if name == "README.md" {
			for range 2 {
				run := exec.Command("./program")
				run.Dir = dir
				if out, err := run.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", name, err, out)
				}
			}
		}
	}
}
