package source

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 2, 3, 12, 0, 5, 0, time.FixedZone("", 3600)) // 11:00:05 UTC

const journalOf2 = `{
  "version": "7",
  "dialect": "sqlite",
  "entries": [
    {
      "idx": 0,
      "version": "6",
      "when": 1762029611425,
      "tag": "0000_init",
      "breakpoints": true
    },
    {
      "idx": 4,
      "version": "6",
      "when": 1762119844225,
      "tag": "0004_notes",
      "breakpoints": true
    }
  ]
}
`

// fill writes files on disk.
func fill(t *testing.T, dir string, namesAndTexts ...string) {
	t.Helper()
	for i := 0; i < len(namesAndTexts); i += 2 {
		p := filepath.Join(dir, namesAndTexts[i])
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(namesAndTexts[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, dir, layout string, n New) (*Written, string, error) {
	t.Helper()
	var l *Layout
	if layout != "" {
		l = byName(layout)
	}
	if n.Now.IsZero() {
		n.Now = noon
	}
	if n.Name == "" {
		n.Name = "Add Prefs!"
	}
	w, err := Write(dir, l, n)
	if err != nil {
		return nil, "", err
	}
	var names []string
	for _, p := range slices.Concat(w.Created, w.Changed) {
		name, err := filepath.Rel(dir, p)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.ToSlash(name))
	}
	return w, strings.Join(names, " "), nil
}

// The names are those that the tool's own command would give.
func TestNextInTheFoldersOwnManner(t *testing.T) {
	both := "-- +goose Up\nSELECT 1;\n-- +goose Down\n"
	for _, test := range []struct {
		what, layout string
		files        []string
		want         string
	}{
		{"nothing", "", nil, "0001_add_prefs.sql"},
		{"a sequence", "", []string{"0009_a.sql", ""}, "0010_add_prefs.sql"},
		{"a narrow one", "", []string{"9_a.sql", ""}, "10_add_prefs.sql"},
		{"with the way back", "", []string{"001_a.up.sql", "", "001_a.down.sql", ""}, "002_add_prefs.up.sql 002_add_prefs.down.sql"},
		{"up only", "", []string{"001_a.up.sql", ""}, "002_add_prefs.up.sql"},
		{"behind a repeatable one", "", []string{"001_a.sql", "", "R__views.sql", ""}, "002_add_prefs.sql"},
		{"to the second", "", []string{"20240131101500_a.sql", ""}, "20260203110005_add_prefs.sql"},
		{"to the minute", "", []string{"202401311015_a.sql", ""}, "202602031100_add_prefs.sql"},
		{"a date", "", []string{"20240131_a.sql", ""}, "20260203110005_add_prefs.sql"},
		{"the same date", "", []string{"20260203_a.sql", ""}, "20260203110005_add_prefs.sql"},
		{"in this very second", "", []string{"20260203110005_a.sql", ""}, "20260203110006_add_prefs.sql"},
		{"from the future", "", []string{"20991231235959_a.sql", ""}, "21000101000000_add_prefs.sql"},
		{"seconds since 1970", "", []string{"1700000000_a.sql", ""}, "1770116405_add_prefs.sql"},
		{"milliseconds since 1970", "", []string{"1700000000000_a.sql", ""}, "1770116405000_add_prefs.sql"},
		{"no date", "", []string{"20241331_a.sql", ""}, "20241332_add_prefs.sql"},
		{"a folder each", "", []string{"V007__a/up.sql", "", "V007__a/down.sql", "", "V007__a/metadata.yaml", "version: 7"},
			"V008__add_prefs/up.sql V008__add_prefs/down.sql V008__add_prefs/metadata.yaml"},

		{"nothing", "goose", nil, "20260203110005_add_prefs.sql"},
		{"a sequence", "", []string{"00007_a.sql", both}, "00008_add_prefs.sql"},
		{"behind Go", "goose", []string{"00007_a.sql", both, "00008_b.go", "package x"}, "00009_add_prefs.sql"},
		{"nothing", "dbmate", nil, "20260203110005_add_prefs.sql"},
		{"a dash", "dbmate", []string{"007-a.sql", "-- migrate:up\n-- migrate:down\n"}, "008-add_prefs.sql"},
		{"nothing", "sql-migrate", nil, "20260203110005-add_prefs.sql"},
		{"a sequence", "sql-migrate", []string{"7-a.sql", "-- +migrate Up\n"}, "8-add_prefs.sql"},
		{"nothing", "golang-migrate", nil, "20260203110005_add_prefs.up.sql 20260203110005_add_prefs.down.sql"},
		{"from 0", "golang-migrate", []string{"000000_a.up.sql", "", "000000_a.down.sql", ""}, "000001_add_prefs.up.sql 000001_add_prefs.down.sql"},
		{"nothing", "sqlx", nil, "20260203110005_add_prefs.sql"},
		{"pairs", "sqlx", []string{"0001_a.up.sql", "", "0001_a.down.sql", ""}, "0002_add_prefs.up.sql 0002_add_prefs.down.sql"},
		{"nothing", "bun", nil, "20260203110005_add_prefs.up.sql 20260203110005_add_prefs.down.sql"},
		{"in a transaction, in a folder", "bun", []string{"x/20210505110026_a.tx.up.sql", "", "x/20210505110026_a.tx.down.sql", ""},
			"x/20260203110005_add_prefs.tx.up.sql x/20260203110005_add_prefs.tx.down.sql"},
		{"from 0", "d1", []string{"0000_a.sql", ""}, "0001_add_prefs.sql"},
		{"SQL", "knex", []string{"20240101000000_a.up.sql", "", "20240101000000_a.down.sql", ""}, "20260203110005_add_prefs.up.sql 20260203110005_add_prefs.down.sql"},
		{"nothing", "flyway", nil, "V1__add_prefs.sql"},
		{"whole numbers", "flyway", []string{"V9__a.sql", "", "U9__a.sql", ""}, "V10__add_prefs.sql U10__add_prefs.sql"},
		{"parts, in a folder", "flyway", []string{"V1.2__a.sql", "", "x/V1.9__a.sql", ""}, "x/V1.10__add_prefs.sql"},
		{"parts with underscores", "flyway", []string{"V1_09__a.sql", ""}, "V1_10__add_prefs.sql"},
		{"dates", "flyway", []string{"V2024.01.31__a.sql", ""}, "V2026.02.03__add_prefs.sql"},
		{"today", "flyway", []string{"V2026.02.03__a.sql", ""}, "V2026.02.04__add_prefs.sql"},
		{"nothing", "refinery", nil, "V1__add_prefs.sql"},
		{"behind one that came late", "refinery", []string{"V1__a.sql", "", "U02__b.sql", ""}, "V03__add_prefs.sql"},
		{"behind Rust", "refinery", []string{"V1__a.sql", "", "V2__b.rs", ""}, "V3__add_prefs.sql"},
		{"nothing", "atlas", nil, "20260203110005_add_prefs.sql atlas.sum"},
		{"nothing", "diesel", nil, "2026-02-03-110005-0000_add_prefs/up.sql 2026-02-03-110005-0000_add_prefs/down.sql"},
		{"dashes", "", []string{"2024-01-31-101500_a/up.sql", "", "2024-01-31-101500_a/down.sql", ""}, "2026-02-03-110005_add_prefs/up.sql 2026-02-03-110005_add_prefs/down.sql"},
		{"with a counter", "", []string{"2024-01-31-101500-0001_a/up.sql", ""}, "2026-02-03-110005-0000_add_prefs/up.sql"},
		{"behind its first", "", []string{"00000000000000_setup/up.sql", ""}, "20260203110005_add_prefs/up.sql"},
		{"nothing", "rusqlite_migration", nil, "01-add_prefs/up.sql"},
		{"folders", "", []string{"09-a/up.sql", "", "10-b/up.sql", ""}, "rusqlite_migration"},
		{"a lock", "", []string{"20240131101500_a/migration.sql", "", "migration_lock.toml", `provider = "sqlite"`}, "20260203110005_add_prefs/migration.sql"},
		{"behind a baseline", "prisma", []string{"0_init/migration.sql", ""}, "20260203110005_add_prefs/migration.sql"},
		{"a journal", "", []string{"0000_init.sql", "", "0004_notes.sql", "", "meta/_journal.json", journalOf2}, "0005_add_prefs.sql meta/_journal.json"},
	} {
		t.Run(test.layout+" "+test.what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "migrations")
			fill(t, dir, test.files...)
			if test.want == "rusqlite_migration" { // its numbers are from 1, without a gap
				for _, n := range []string{"01", "02", "03", "04", "05", "06", "07", "08"} {
					fill(t, dir, n+"-x/up.sql", "")
				}
				test.want = "11-add_prefs/up.sql"
			}
			w, got, err := write(t, dir, test.layout, New{})
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			// What was written is the newest, and the next one comes behind it.
			for range 2 {
				var l *Layout
				if test.layout != "" {
					l = byName(test.layout)
				}
				found, err := List(os.DirFS(dir), ".", l, func(int64) bool { return true })
				if err != nil {
					t.Fatal(err)
				}
				last := found.Migrations[len(found.Migrations)-1]
				if last.Version == 0 {
					last = found.Migrations[len(found.Migrations)-2]
				}
				if last.Version != w.Version || !strings.HasSuffix(w.Created[0], filepath.FromSlash(last.Up)) {
					t.Errorf("the newest is %d, %s, and %d, %s was written", last.Version, last.Up, w.Version, w.Created[0])
				}
				before := w.Version
				if w, _, err = write(t, dir, test.layout, New{Name: "again"}); err != nil {
					t.Fatal(err)
				}
				if w.Version <= before {
					t.Errorf("%d comes behind %d", w.Version, before)
				}
			}
		})
	}
}

func TestWhatIsWritten(t *testing.T) {
	const up = "CREATE TABLE a (x);\nCREATE TRIGGER r INSERT ON a BEGIN SELECT 1; END;\n"
	const down = "DROP TABLE a;\n"
	for _, test := range []struct {
		layout string
		files  []string
		n      New
		want   []string // of the files in turn
	}{
		{"", nil, New{}, []string{"-- Add Prefs!\n\n"}},
		{"", nil, New{Author: "Ada"}, []string{"-- Add Prefs!\n-- author: Ada\n\n"}},
		{"", nil, New{Up: up, Down: down}, []string{up, down}},
		{"goose", nil, New{}, []string{"-- Add Prefs!\n\n-- +goose Up\n\n-- +goose Down\n"}},
		{"goose", nil, New{Up: up, Down: down}, []string{"-- +goose Up\nCREATE TABLE a (x);\n-- +goose StatementBegin\nCREATE TRIGGER r INSERT ON a BEGIN SELECT 1; END;\n-- +goose StatementEnd\n\n-- +goose Down\nDROP TABLE a;\n"}},
		{"sql-migrate", nil, New{Up: down}, []string{"-- +migrate Up\nDROP TABLE a;\n\n-- +migrate Down\n"}},
		{"dbmate", nil, New{Up: up, Down: down}, []string{"-- migrate:up\n" + up + "\n-- migrate:down\n" + down}},
		{"d1", nil, New{Up: down}, []string{"-- Migration number: 0001 \t 2026-02-03T11:00:05.000Z\n" + down}},
		{"", []string{"V1__a/up.sql", "", "V1__a/metadata.yaml", "version: 1\ndescription: \"x\"\ndependencies:\n  - none\nreversible: false\nteam: web\n"}, New{Name: `say "hi"`, Author: "Ada", Up: up},
			[]string{"-- say \"hi\"\n-- author: Ada\n\n" + up, "version: 2\ndescription: \"say \\\"hi\\\"\"\ndependencies:\n  - V1__a\nreversible: false\nauthor: \"Ada\"\n"}},
		{"", []string{"0000_init.sql", "", "0004_notes.sql", "", "meta/_journal.json", journalOf2}, New{Up: up},
			[]string{"CREATE TABLE a (x);--> statement-breakpoint\nCREATE TRIGGER r INSERT ON a BEGIN SELECT 1; END;\n",
				strings.Replace(journalOf2, "\n    }\n  ]", "\n    },\n    {\n      \"idx\": 5,\n      \"version\": \"6\",\n      \"when\": 1770116405000,\n      \"tag\": \"0005_add_prefs\",\n      \"breakpoints\": true\n    }\n  ]", 1)}},
		// Two files and sums that the Atlas CLI itself has written, of which the second is left to us.
		{"", []string{"20240101000001_x.sql", "-- atlas:txmode none\n\nCREATE TABLE a(id INTEGER);\n",
			"atlas.sum", "h1:tpba7A1fp5XC5gt577gIioV9AOrJMVtq/uKEBduRAkI=\n20240101000001_x.sql h1:QwOaC1DCj70ZFylMAqLHYYQoTn0x02CtycO66JaNIpw=\n"},
			New{Name: "y", Now: time.Date(2024, 1, 1, 0, 0, 2, 0, time.UTC), Up: "CREATE TABLE b(id INTEGER);\nCREATE TABLE b(id INTEGER);\n"},
			[]string{"CREATE TABLE b(id INTEGER);\nCREATE TABLE b(id INTEGER);\n",
				"h1:YnwrYdageFy+DVkM26fVv1hKP+10Tsxj2T9oIYvhk14=\n" +
					"20240101000001_x.sql h1:QwOaC1DCj70ZFylMAqLHYYQoTn0x02CtycO66JaNIpw=\n" +
					"20240101000002_y.sql h1:xv0ZchxMNF8B72Rc+quYyBf5zoLeEhGU/oXGxm8/rEg=\n"}},
	} {
		dir := t.TempDir()
		fill(t, dir, test.files...)
		w, names, err := write(t, dir, test.layout, test.n)
		if err != nil {
			t.Error(test.layout, err)
			continue
		}
		for i, p := range slices.Concat(w.Created, w.Changed) {
			text, err := os.ReadFile(p)
			if err != nil || i >= len(test.want) || string(text) != test.want[i] {
				t.Errorf("%s: %s:\ngot  %q\nwant %q (%v)", names, p, text, test.want[min(i, len(test.want)-1)], err)
			}
		}
	}
}

func TestNoPlaceForTheWayBack(t *testing.T) {
	for _, layout := range []string{"d1", "refinery", "atlas"} {
		w, names, err := write(t, t.TempDir(), layout, New{Up: "SELECT 1;", Down: "SELECT 2;"})
		if err != nil || len(w.Notes) != 1 || !strings.Contains(w.Notes[0], "no down scripts") || len(w.Created) != 1 {
			t.Error(names, w, err)
		}
	}
}

func TestNamesThatAreNotWritten(t *testing.T) {
	for _, test := range []struct {
		layout string
		files  []string
		n      New
		want   string
	}{
		{"", nil, New{Name: "../.."}, `"../.." is no name for a migration`},
		{"", nil, New{Name: "a\nb"}, "one line each"},
		{"bun", nil, New{Name: "日記"}, "only the letters a to z"},
		{"", []string{"0001_a.sql", "", "0001_b.sql", ""}, New{}, "version 1 stands in 0001_a.sql already"},
		{"", []string{"9223372036854775807_a.sql", ""}, New{}, "there is no number above"},
		{"knex", nil, New{}, "knex migrate:make"},
		{"knex", []string{"20240101_a.sql", "", "20240102_a.js", ""}, New{}, "knex migrate:make"},
		{"prisma", nil, New{}, "prisma migrate dev --create-only --name add_prefs"},
		{"drizzle", nil, New{}, "drizzle-kit generate --custom --name=add_prefs"},
		{"", []string{"20240131101500_a/migration.sql", "", "20240131101500_a/snapshot.json", "{}"}, New{}, "drizzle-kit generate --custom --name=add_prefs"},
		{"rusqlite_migration", []string{"1-a/up.sql", ""}, New{Above: 5}, "without gaps"},
		{"flyway", []string{"V1__a.sql", ""}, New{Above: 5_000_000_000}, "give it a version below"},
		{"atlas", []string{"20240101000001_x.sql", "", "atlas.sum", "h1:x\n"}, New{}, "atlas migrate hash"},
	} {
		dir := t.TempDir()
		fill(t, dir, test.files...)
		_, names, err := write(t, dir, test.layout, test.n)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %v: got %s %v, want %s", test.layout, test.files, names, err, test.want)
		}
		entries, _ := os.ReadDir(dir)
		if left := len(entries); left > len(test.files)/2 {
			t.Errorf("%s %v: %d files are left", test.layout, test.files, left)
		}
	}
}

func TestAFunctionHasTheNumberAlready(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, "0001_a.sql", "")
	if _, got, err := write(t, dir, "", New{Above: 7}); got != "0008_add_prefs.sql" {
		t.Error(got, err)
	}
}

// A folder has the name that the second file is to have.
func TestNothingIsReplacedAndNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, "0001_a.up.sql", "", "0001_a.down.sql", "", "0002_add_prefs.down.sql/note.txt", "somebody's")
	if _, names, err := write(t, dir, "", New{}); !os.IsExist(err) {
		t.Error(names, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "0002_add_prefs.up.sql")); !os.IsNotExist(err) {
		t.Error("half of the migration is left", err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "0002_add_prefs.down.sql", "note.txt")); string(text) != "somebody's" {
		t.Error(string(text), err)
	}
	missing := filepath.Join(dir, "missing")
	if _, _, err := write(t, missing, "prisma", New{}); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(missing); !os.IsNotExist(err) {
		t.Error("an empty folder is left", err)
	}
}

func TestTwoPeopleAtOnce(t *testing.T) {
	dir := t.TempDir()
	const people = 20
	var all sync.WaitGroup
	errs := make([]error, people)
	for i := range people {
		all.Go(func() {
			_, errs[i] = Write(dir, nil, New{Name: "by " + string(rune('a'+i)), WantDown: true})
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	found, err := List(os.DirFS(dir), ".", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range found.Migrations {
		if m.Version != int64(i+1) || m.Down == "" {
			t.Errorf("%d is %+v", i+1, m)
		}
	}
	if len(found.Migrations) != people {
		t.Errorf("%d migrations", len(found.Migrations))
	}
}

// What takes the place of several gets the number of the last of them.
func TestReplaces(t *testing.T) {
	for _, c := range []struct {
		layout, replaces string
		names            []string
		want             string // the new file, or the error
		version          int64
	}{
		{"", "0041_b.sql", []string{"0040_a.sql", "0041_b.sql", "0042_c.up.sql"}, "0041_squashed.sql", 41},
		{"", "0041_b.up.sql", []string{"0040_a.sql", "0041_b.up.sql", "0041_b.down.sql", "0042_c.sql"}, "0041_squashed.up.sql 0041_squashed.down.sql", 41},
		{"", "V041__b/up.sql", []string{"V040__a/up.sql", "V041__b/up.sql"}, "V041__squashed/up.sql", 41},
		{"golang-migrate", "000001_b.up.sql", []string{"000000_a.up.sql", "000000_a.down.sql", "000001_b.up.sql", "000001_b.down.sql", "000002_c.up.sql", "000002_c.down.sql"}, "000001_squashed.up.sql 000001_squashed.down.sql", 2},
		{"refinery", "V2__b.sql", []string{"V1__a.sql", "V2__b.sql"}, "V2__squashed.sql", 2},
		{"sqlx", "20240102000000_b.sql", []string{"20240101000000_a.sql", "20240102000000_b.sql", "20240103000000_c.sql"}, "20240102000000_squashed.sql", 20240102000000},
		{"flyway", "V2__b.sql", []string{"V1__a.sql", "V2__b.sql"}, "V2__b.sql: its number cannot be given to another script in a folder of flyway; write a baseline", 0},
		{"diesel", "2024-01-01-000000_a/up.sql", []string{"2024-01-01-000000_a/up.sql", "2024-01-01-000000_a/down.sql"}, "its number cannot be given to another script in a folder of diesel", 0},
		{"", "0009_b.sql", []string{"0040_a.sql"}, "0009_b.sql: there is no such migration", 0},
	} {
		dir := t.TempDir()
		for _, name := range c.names {
			fill(t, dir, name, "SELECT 1;\n")
		}
		w, names, err := write(t, dir, c.layout, New{Name: "squashed", Up: "SELECT 2;\n", Replaces: c.replaces})
		switch {
		case err != nil && (c.version > 0 || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", c.replaces, err)
		case err == nil && (names != c.want || w.Version != c.version):
			t.Errorf("%s: got %s, version %d", c.replaces, names, w.Version)
		}
	}
}
