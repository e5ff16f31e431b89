package schema_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
)

// TestRandomChangesByTheDriver applies changes as migrations, to a file whose
// connections enforce foreign keys, and goes back.
func TestRandomChangesByTheDriver(t *testing.T) {
	seed := schema.Seed()
	n := schema.Rounds(t, 25)
	done := 0
	for i := range n {
		t.Run(fmt.Sprintf("%d,%d", seed, i), func(t *testing.T) {
			d, ok := schema.Draw(t, rand.New(rand.NewPCG(seed, uint64(i))))
			if !ok {
				return
			}
			done++
			set, err := migratingsqlite.Load("app", fstest.MapFS{
				"0001_from.sql":    {Data: []byte(d.From + d.Rows)},
				"0002_to.up.sql":   {Data: []byte(d.Script.String())},
				"0002_to.down.sql": {Data: []byte(d.Back.String() + "SELECT 1;\n")},
			})
			if err != nil {
				t.Fatalf("%v\n%s", err, d.Script)
			}
			path := filepath.Join(t.TempDir(), "app.db")
			migrator := func(opts ...migratingsqlite.Option) *migratingsqlite.Migrator {
				m, err := migratingsqlite.NewMigrator("file:"+path+"?_pragma=foreign_keys(1)", append(opts, migratingsqlite.WithSet(set), migratingsqlite.WithLogger(slog.New(slog.DiscardHandler)))...)
				if err != nil {
					t.Fatal(err)
				}
				return m
			}
			if _, err := migrator(migratingsqlite.WithTo(1)).Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			m := migrator()
			if _, err := m.Up(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, d.Script)
			}
			is(t, path, d.After, d.From+d.Rows+d.Script.String())
			p, err := m.PlanDown(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.Down(t.Context(), p); err != nil {
				if strings.Contains(d.Back.String(), "not known any more") { // what was made up may not do
					is(t, path, d.After, d.From+d.Rows+d.Script.String())
					return
				}
				t.Fatalf("%v\n%s", err, d.Back)
			}
			is(t, path, d.Before, "")
		})
	}
	if done < n/4 {
		t.Errorf("only %d of %d are changes", done, n)
	}
}

// is compares the structure of a file, and the rows with those that statements
// alone make.
func is(t *testing.T, path string, want *schema.Schema, script string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got, err := schema.Of(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(want) {
		t.Errorf("%v", schema.Diff(got, want))
	}
	if script == "" {
		return
	}
	bare, err := sql.Open("sqlite", "file:"+path+".bare")
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	if n := 0; bare.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&n) == nil && n == 0 {
		if _, err := bare.Exec("BEGIN;" + script + "COMMIT"); err != nil {
			t.Fatal(err)
		}
	}
	rows := func(db *sql.DB) string {
		t.Helper()
		text, _, err := schema.DumpRows(t.Context(), db, want)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got, want := rows(db), rows(bare); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
