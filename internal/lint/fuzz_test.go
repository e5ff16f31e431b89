package lint_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/internal/lint"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
)

// Whatever a script holds, it is looked at, and what is found has a place in it.
func FuzzCheck(f *testing.F) {
	for _, text := range []string{
		"= NULL", "NULL = = NULL", "CREATE TABLE t (a STRING, b INT PRIMARY KEY, c DEFAULT \"x\", FOREIGN KEY (c) REFERENCES u); CREATE TABLE", "CREATE TABLE t (", "CREATE UNIQUE INDEX i ON t (",
		"ALTER TABLE t ADD x NOT NULL DEFAULT (", "ALTER TABLE t ADD", "INSERT INTO new (a) SELECT b, FROM t WHERE; DROP TABLE t; ALTER TABLE new RENAME TO t", "INSERT OR IGNORE INTO", "INSERT INTO t (",
		"WITH \"w\" (\"a\") AS (SELECT) UPDATE t SET a = \"b\"", "VALUES (\"a\"), (\"b\")", "-- migratingsqlite: batch\nUPDATE t SET a = 1 WHERE b IN (SELECT LIMIT", "DROP TABLE IF EXISTS t; -- migratingsqlite: nolint MS504",
		"-- migratingsqlite: nolint MS999\n\n", "INSERT INTO t VALUES (strftime())", "PRAGMA legacy_alter_table = 1; EXPLAIN SELECT", ")))", "CREATE TABLE t AS SELECT 1; DELETE FROM t",
		"CREATE TABLE new (b NOT NULL, a, c NOT NULL); INSERT INTO new SELECT * FROM t WHERE a; DROP TABLE t; ALTER TABLE new RENAME TO t", "CREATE UNIQUE INDEX j ON t (b); DROP VIEW v; DROP INDEX IF EXISTS k",
	} {
		f.Add(text)
	}
	structures := []*schema.Schema{nil, nil}
	for i, text := range []string{"CREATE TABLE t (a PRIMARY KEY, b REFERENCES t ON DELETE CASCADE); CREATE INDEX i ON t (b); CREATE TRIGGER r DELETE ON t BEGIN SELECT 1; END; CREATE VIEW v AS SELECT 1", "CREATE TABLE t (b NOT NULL, a, c NOT NULL)"} {
		db, err := sql.Open("sqlite", ":memory:")
		if err == nil {
			defer db.Close()
			db.SetMaxOpenConns(1)
			_, err = db.Exec(text)
		}
		if err != nil {
			f.Fatal(err)
		}
		structures[i] = structure(f, db)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for version := range int64(3) { // repeatable, without structures, with them
			s := &lint.Set{Migrations: []lint.Migration{
				{Version: version, Name: "a", Up: &lint.Script{File: "a", Text: text}, Down: &lint.Script{File: "b", Text: text}, Rows: func(string) (int64, bool) { return 1e9, true }},
			}}
			if m := &s.Migrations[0]; m.Asks() && version == 2 {
				m.Before, m.After = structures[0], structures[1]
			}
			lines := strings.Split(text, "\n")
			for _, found := range lint.Check(s) {
				if found.Line < 1 || found.Line > len(lines) || found.Column < 1 || found.Column > len(lines[found.Line-1])+1 {
					t.Errorf("%q: %+v", text, found)
				}
			}
		}
	})
}
