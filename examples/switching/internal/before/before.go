// Package before is for the tests of the switching programs: it makes databases
// as the programs before them did, and looks at what becomes of them, all
// through a plain connection of SQLite's.
package before

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	_ "modernc.org/sqlite"
)

// A Database is read and written past migratingsqlite.
type Database interface {
	Exec(t testing.TB, statements ...string)
	Read(t testing.TB, queries ...string) []engine.Answer
}

// File is the path of a database.
type File string

// NewFile returns the path of a file that is not there yet.
func NewFile(t testing.TB) File { return File(filepath.Join(t.TempDir(), "old.db")) }

func (f File) open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", string(f))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

// Exec runs scripts.
func (f File) Exec(t testing.TB, scripts ...string) {
	t.Helper()
	db := f.open(t)
	defer db.Close()
	for _, s := range scripts {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%v in\n%s", err, s)
		}
	}
}

// Read answers queries.
func (f File) Read(t testing.TB, queries ...string) []engine.Answer {
	t.Helper()
	db := f.open(t)
	defer db.Close()
	list := make([]engine.Answer, len(queries))
	for i, q := range queries {
		rows, err := db.Query(q)
		if err != nil {
			t.Fatalf("%v in\n%s", err, q)
		}
		columns, err := rows.Columns()
		for err == nil && rows.Next() {
			row := make([]any, len(columns))
			into := make([]any, len(columns))
			for j := range row {
				into[j] = &row[j]
			}
			err = rows.Scan(into...)
			values := make([]driver.Value, len(row))
			for j, v := range row {
				values[j] = v
			}
			list[i].Rows = append(list[i].Rows, values)
		}
		if err == nil {
			err = rows.Err()
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, q)
		}
	}
	return list
}

// Rows returns what a query finds, a text for each row.
func Rows(t testing.TB, d Database, query string) []string {
	t.Helper()
	list := []string{}
	for _, row := range d.Read(t, query)[0].Rows {
		texts := make([]string, len(row))
		for i, v := range row {
			texts[i] = fmt.Sprint(v)
		}
		list = append(list, strings.Join(texts, "|"))
	}
	return list
}

// Want fails the test if a query does not find these rows.
func Want(t testing.TB, d Database, query string, want ...string) {
	t.Helper()
	if got := Rows(t, d, query); !slices.Equal(got, want) {
		t.Errorf("%s\ngot  %q\nwant %q", query, got, want)
	}
}

const tables = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'migratingsqlite\_%' ESCAPE '\' ORDER BY name`

// Contents are the queries for all that the tables hold now, column by column,
// and what they find. Columns to leave out are those that are to be changed.
func Contents(t testing.TB, d Database, except ...string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, name := range Rows(t, d, tables) {
		columns := []string{"rowid"}
		for _, c := range Rows(t, d, `SELECT name FROM pragma_table_info('`+name+`') ORDER BY cid`) {
			if !slices.Contains(except, c) && !slices.Contains(except, name+"."+c) {
				columns = append(columns, `quote("`+c+`")`)
			}
		}
		query := "SELECT " + strings.Join(columns, ", ") + ` FROM "` + name + `" ORDER BY rowid`
		all[query] = Rows(t, d, query)
	}
	return all
}

// Intact fails the test if the queries do not find what they found.
func Intact(t testing.TB, d Database, contents map[string][]string) {
	t.Helper()
	for _, query := range slices.Sorted(maps.Keys(contents)) {
		Want(t, d, query, contents[query]...)
	}
}

// facts are what SQLite tells of the structure in its PRAGMAs: a second opinion
// to that of internal/schema. The order of columns does not count.
var facts = []string{
	`SELECT type || ' ' || name || ' on ' || tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' AND ` + ours + ` ORDER BY 1`,
	`SELECT m.name, c.name, lower(c.type), c."notnull", lower(quote(c.dflt_value)), c.pk, c.hidden FROM sqlite_schema AS m, pragma_table_xinfo(m.name) AS c WHERE m.type = 'table' AND ` + ours + ` ORDER BY 1, 2`,
	`SELECT m.name, l."unique", l.origin, l.partial, (SELECT group_concat(coalesce(x.name, '?') || x."desc" || x.coll) FROM pragma_index_xinfo(l.name) AS x WHERE x.key = 1)
		FROM sqlite_schema AS m, pragma_index_list(m.name) AS l WHERE m.type = 'table' AND ` + ours + ` ORDER BY 1, 2, 3, 4, 5`,
	`SELECT m.name, f."table", f.seq, f."from", f."to", f.on_update, f.on_delete FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table' AND ` + ours + ` ORDER BY 1, 2, 3, 4`,
}

const ours = `tbl_name NOT LIKE 'migratingsqlite\_%' ESCAPE '\' AND tbl_name NOT LIKE 'sqlite\_%' ESCAPE '\'`

// SameStructure fails the test if two databases differ in their structure, as
// this project compares it or by the PRAGMAs. Tables to leave out are those of
// the old program.
func SameStructure(t testing.TB, got, want Database, except ...string) {
	t.Helper()
	for _, difference := range schema.Diff(structure(t, got, except), structure(t, want, except)) {
		if difference.Kind != schema.OrderOnly {
			t.Errorf("not as a fresh install: %s", difference)
		}
	}
	for _, query := range facts {
		g, w := Rows(t, got, query), Rows(t, want, query)
		g = slices.DeleteFunc(g, func(row string) bool {
			return slices.ContainsFunc(except, func(name string) bool {
				return strings.HasPrefix(row, name+"|") || strings.HasSuffix(row, " on "+name)
			})
		})
		for _, row := range g {
			if !slices.Contains(w, row) {
				t.Errorf("not in a fresh install: %s", row)
			}
		}
		for _, row := range w {
			if !slices.Contains(g, row) {
				t.Errorf("only in a fresh install: %s", row)
			}
		}
	}
	Want(t, got, "PRAGMA integrity_check", "ok")
	Want(t, got, "PRAGMA foreign_key_check")
}

func structure(t testing.TB, d Database, except []string) *schema.Schema {
	t.Helper()
	s, err := schema.Read(d.Read(t, schema.Queries...), except...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// History is what migratingsqlite has recorded of a set, for [Rows].
func History(set string) string {
	return "SELECT version || ' ' || name || ' ' || status FROM migratingsqlite_history WHERE set_name = '" + set + "' ORDER BY version"
}

// Refused fails the test if an error is not that of the package, where one is
// given, or does not say all of these words.
func Refused(t testing.TB, err error, is error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("was not refused")
	}
	t.Log(err)
	if is != nil && !errors.Is(err, is) {
		t.Errorf("is no %q: %v", is, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("does not say %q: %v", w, err)
		}
	}
}
