// Package switchtest is what the tests of the examples beside it share: legacy
// databases are made and looked at by plain connections of modernc.org/sqlite,
// never by the driver under test.
package switchtest

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	_ "modernc.org/sqlite" // the plain driver
)

// Quietly leaves log records out of the tests' output.
func Quietly(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// Exec runs SQL on a database, which it makes if it is not there.
func Exec(t testing.TB, path string, scripts ...string) {
	t.Helper()
	db := open(t, path)
	for _, s := range scripts {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%v in %s", err, s)
		}
	}
}

// File returns the text of a file.
func File(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Rows returns what a query answers, a line for each row.
func Rows(t testing.TB, path, query string) string {
	t.Helper()
	var lines []string
	for _, row := range ask(t, open(t, path), query) {
		var line []string
		for _, v := range row {
			line = append(line, fmt.Sprint(v))
		}
		lines = append(lines, strings.Join(line, "|"))
	}
	return strings.Join(lines, "\n")
}

// SameStructure compares a database with one that was new: by meaning, by the
// list of what is in sqlite_master, and by the columns of each table, whose order
// may differ. The tables of the other tool are left out.
func SameStructure(t testing.TB, path, fresh string, ignore ...string) {
	t.Helper()
	got, want := structure(t, path, ignore), structure(t, fresh, ignore)
	for _, d := range schema.Diff(got, want) {
		if d.Kind != schema.OrderOnly {
			t.Errorf("structure: %s", d)
		}
	}
	if !got.Equal(want) {
		t.Error("the structure is not that of a new database")
	}
	others := "'" + strings.Join(ignore, "', '") + "'"
	for _, q := range []string{
		"SELECT type, name, tbl_name FROM sqlite_master WHERE tbl_name NOT IN (" + others + ") ORDER BY 1, 2",
		`SELECT m.name, c.name, lower(c.type), c."notnull", c.dflt_value, c.pk, c.hidden FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c
			WHERE m.type = 'table' AND m.name NOT IN (` + others + ") ORDER BY 1, 2",
	} {
		if got, want := Rows(t, path, q), Rows(t, fresh, q); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", q, got, want)
		}
	}
	if got := Rows(t, path, "PRAGMA foreign_key_check"); got != "" {
		t.Errorf("foreign keys are broken: %s", got)
	}
	if got := Rows(t, path, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity: %s", got)
	}
}

func structure(t testing.TB, path string, ignore []string) *schema.Schema {
	t.Helper()
	db := open(t, path)
	answers := make([]engine.Answer, len(schema.Queries))
	for i, q := range schema.Queries {
		for _, row := range ask(t, db, q) {
			values := make([]driver.Value, len(row))
			for j, v := range row {
				values[j] = v
			}
			answers[i].Rows = append(answers[i].Rows, values)
		}
	}
	s, err := schema.Read(answers, ignore...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func ask(t testing.TB, db *sql.DB, query string) (list [][]any) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%v in %s", err, query)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		list = append(list, slices.Clone(row))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// A Snapshot is what the tables of a database hold.
type Snapshot map[string]struct{ query, rows string }

// Take reads every row of every table but some.
func Take(t testing.TB, path string, ignore ...string) Snapshot {
	t.Helper()
	s := Snapshot{}
	for _, line := range strings.Split(Rows(t, path, `SELECT m.name, group_concat('"' || c.name || '"' ORDER BY c.cid) FROM sqlite_master AS m, pragma_table_info(m.name) AS c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' GROUP BY m.name`), "\n") {
		name, columns, _ := strings.Cut(line, "|")
		if !slices.Contains(ignore, name) {
			at := s[name]
			at.query = "SELECT " + columns + ` FROM "` + name + `" ORDER BY 1, 2`
			at.rows = Rows(t, path, at.query)
			s[name] = at
		}
	}
	return s
}

// Intact reports rows that are not as they were, in the columns that there were.
func (s Snapshot) Intact(t testing.TB, path string) {
	t.Helper()
	for name, at := range s {
		if got := Rows(t, path, at.query); got != at.rows {
			t.Errorf("rows of %s: got\n%s\nthere were\n%s", name, got, at.rows)
		}
	}
}
