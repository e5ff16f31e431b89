package lint_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/lint"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
	_ "modernc.org/sqlite"
)

var now = time.Date(2027, 2, 3, 12, 0, 0, 0, time.UTC)

func structure(t testing.TB, db *sql.DB) *schema.Schema {
	t.Helper()
	s, err := schema.Of(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// replayed makes the set of a folder, and its structures with SQLite itself.
func replayed(t *testing.T, set *migratingsqlite.Set) *lint.Set {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	out := &lint.Set{Now: now}
	before := structure(t, db)
	broken := false
	for _, m := range set.Migrations() {
		up, down, err := m.SQL()
		if err != nil {
			t.Fatal(err)
		}
		l := lint.Migration{Version: m.Version, Name: m.Name, Up: &lint.Script{File: m.File, Text: up}}
		if m.DownFile() != "" {
			l.Down = &lint.Script{File: m.DownFile(), Text: down}
		}
		if !broken {
			statements, err := script.Split(up)
			if err != nil {
				t.Fatal(err)
			}
			for _, st := range statements {
				if _, err := db.Exec(st.Text); err != nil {
					t.Logf("%s: %s:%d: %v", m, m.File, st.Line, err)
					broken = true
					break
				}
			}
			if !broken {
				l.Before, l.After = before, structure(t, db)
				before = l.After
			}
		}
		out.Migrations = append(out.Migrations, l)
	}
	if !broken {
		if _, err := db.ExecContext(context.Background(), "PRAGMA foreign_keys = ON"); err != nil {
			t.Fatal(err)
		}
		for _, p := range lint.Probes(before) {
			rows, err := db.Query(p.SQL)
			if err != nil {
				out.Unusable = append(out.Unusable, lint.Unusable{Kind: p.Kind, Name: p.Name, Err: err.Error()})
				continue
			}
			rows.Close()
		}
	}
	return out
}

func files(namesAndTexts ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		fsys[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	return fsys
}

func load(t *testing.T, fsys fs.FS, opts ...migratingsqlite.SetOption) *lint.Set {
	t.Helper()
	set, err := migratingsqlite.Load("app", fsys, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return replayed(t, set)
}

func brief(list []lint.Finding) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "%s:%d:%d %s %s\n", f.File, f.Line, f.Column, f.Code, f.Message)
	}
	return b.String()
}

// The folders of the examples and of the tests: each finding in them has been
// looked at.
func TestRealFolders(t *testing.T) {
	root := os.DirFS("../..")
	var b strings.Builder
	for _, folder := range []struct{ dir, layout string }{
		{"examples/gomigration/migrations", "native"}, {"examples/libsql/migrations", ""}, {"examples/quickstart/migrations", ""}, {"examples/tenants/migrations", ""},
		{"examples/switching/agor/drizzle", ""}, {"examples/switching/blueplane/migrations", ""}, {"examples/switching/bridge/migrations", ""},
		{"examples/switching/deaddrop/migrations", ""}, {"examples/switching/starpunk/migrations", ""},
		{"testdata/example", ""}, {"testdata/peers/d1/migrations", "d1"}, {"testdata/peers/drizzle/migrations", ""}, {"testdata/peers/drizzle1/migrations", ""},
		{"testdata/peers/knex/sql", "knex"}, {"testdata/peers/prisma/migrations", ""}, {"sqlfiles", ""},
	} {
		sub, err := fs.Sub(root, folder.dir)
		if err != nil {
			t.Fatal(err)
		}
		var opts []migratingsqlite.SetOption
		if folder.layout != "" {
			opts = append(opts, migratingsqlite.Layout(folder.layout))
		}
		for _, f := range lint.Check(load(t, sub, opts...)) {
			f.File = path.Join(folder.dir, f.File)
			b.WriteString(brief([]lint.Finding{f}))
		}
	}
	const path = "testdata/folders.txt"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || b.String() != string(want) {
		t.Errorf("not what is in %s (%v), which -update writes; look at each line:\n%s", path, err, b.String())
	}
}

var update = flag.Bool("update", false, "write testdata")
