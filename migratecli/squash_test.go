package migratecli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
)

// A program that has a migration in Go squashes with what that has done.
func TestSquashWithFunctions(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "db", "migrations")
	must(t, os.MkdirAll(dir, 0o777))
	for name, text := range map[string]string{
		"0001_notes.sql": "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);\n",
		"0003_tags.sql":  "CREATE TABLE tags (name TEXT);\n",
		"0004_more.sql":  "CREATE TABLE more (x);\n",
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	fill := func(ctx context.Context, tx migratingsqlite.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO notes (text) VALUES ('from Go')")
		return err
	}
	load := func(opts ...migratingsqlite.SetOption) *migratingsqlite.Set {
		t.Helper()
		set, err := migratingsqlite.Load("app", os.DirFS(root), opts...)
		must(t, err)
		return set
	}
	path := filepath.Join(root, "app.db")
	must(t, upTo(t.Context(), path, load(migratingsqlite.Func(2, "fill", fill, nil)), 0))

	embedded := func(set *migratingsqlite.Set, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		cmd := Command("", migratingsqlite.WithSet(set))
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SetArgs(args)
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out.String()
	}
	out := embedded(load(migratingsqlite.Func(2, "fill", fill, nil)), "squash", "--to", "3", "--dir", dir, "--yes")
	for _, want := range []string{"carried 1 row of notes", "take 1 function up to that version out of the program", "removed " + filepath.ToSlash(filepath.Join(dir, "0003_tags.sql"))} {
		if !strings.Contains(out, want) {
			t.Errorf("does not say %q: %s", want, out)
		}
	}
	set := load()
	m, err := scratch(path).migrator(0, set)
	must(t, err)
	defer m.Close()
	p, err := m.Plan(t.Context())
	must(t, err)
	if p.Err != nil || len(p.Sets[0].Pending) > 0 {
		t.Errorf("a database that has them: %v, %v", p.Err, p.Sets[0].Pending)
	}
	if out := embedded(set, "dump", "--rows"); !strings.Contains(out, "'from Go'") {
		t.Errorf("a new one: %s", out)
	}
	// And a migration is written there.
	wanted := filepath.Join(root, "schema.sql")
	must(t, os.WriteFile(wanted, []byte(embedded(set, "dump")+"CREATE TABLE prefs (k, v);\n"), 0o666))
	if out := embedded(set, "diff", "prefs", "--schema", wanted, "--dir", dir); !strings.Contains(out, "0005_prefs.up.sql") {
		t.Errorf("diff: %s", out)
	}
}
