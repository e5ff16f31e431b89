package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

var failureScenarios = []scenario{
	{"FailingStatements", each(func(f failure) string { return f.name }, failingStatements, statementFails)},
	{"AFailureAmongOthers", failureAmongOthers},
	{"AFailureIsRecordedAndOver", failureIsRecordedAndOver},
	{"AFailureIsAnsweredAgainForAMoment", failureIsAnsweredAgain},
	{"AFailureOnAnEmptyDatabase", failureOnAnEmptyDatabase},
}

// A failure is a script that does not work, behind other statements that do.
type failure struct {
	name      string
	statement string // in line 4, column 3
	cause     string
}

const secret = "correct-horse-battery-staple"

var failingStatements = []failure{
	{"syntax", "SELEC 1", `near "SELEC": syntax error`},
	{"syntax in the middle", "INSERT INTO a (x) VALUE (1)", `near "VALUE": syntax error`},
	{"syntax at a string", "INSERT INTO a VALUES ('x' '" + secret + "')", "near a string: syntax error"},
	{"no such table", "UPDATE nowhere SET x = '" + secret + "'", "no such table: nowhere"},
	{"no such column", "UPDATE a SET y = '" + secret + "'", "no such column: y"},
	{"no such function", "SELECT nonsense()", "no such function: nonsense"},
	{"duplicate column", "ALTER TABLE a ADD COLUMN x", "duplicate column name: x"},
	{"table exists", "CREATE TABLE a (z)", "table a already exists"},
	{"unique", "INSERT INTO a VALUES ('" + secret + "'), ('" + secret + "')", "UNIQUE constraint failed: a.x"},
	{"not null", "INSERT INTO strict_one (id) VALUES (1)", "NOT NULL constraint failed: strict_one.n"},
	{"check", "INSERT INTO strict_one VALUES (1, -1)", "CHECK constraint failed: n > 0"},
	{"strict", "INSERT INTO strict_one VALUES (1, '" + secret + "')", "cannot store TEXT value in INTEGER column strict_one.n"},
	{"rolled back by its conflict clause", "INSERT OR ROLLBACK INTO a VALUES ('" + secret + "'), ('" + secret + "')", "UNIQUE constraint failed: a.x"},
	{"rolled back by a trigger", "INSERT INTO guarded VALUES (1)", "not with me"},
	{"failed by a trigger", "INSERT INTO guarded VALUES (2)", "nor with me"},
	{"while it reads", "SELECT abs(-9223372036854775807 - 1)", "integer overflow"},
}

func statementFails(w *world, f failure) {
	first := and(one, "0002_more.sql", `CREATE TABLE strict_one (id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK (n > 0)) STRICT;
CREATE UNIQUE INDEX a_x ON a (x);
CREATE TABLE guarded (x);
CREATE TRIGGER guard BEFORE INSERT ON guarded BEGIN
	SELECT RAISE(ROLLBACK, 'not with me') WHERE new.x = 1;
	SELECT RAISE(ABORT, 'nor with me') WHERE new.x = 2;
END`)
	must(w, w.up(app(w, first...)))
	before := w.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY name")
	set := app(w, and(first, "0003_fail.sql", "CREATE TABLE half (x);\nINSERT INTO a VALUES ('half');\n-- a comment\n  "+f.statement+";\nCREATE TABLE never (x);")...)
	err := w.up(set)
	wantError(w, err, nil)
	want(w, err.Error(), fmt.Sprintf("migratingsqlite: %s: migration 0003_fail failed at 0003_fail.sql:4:3: %s; the database is unchanged, at version 2", w.Namespace, f.cause))
	var m *migratingsqlite.MigrationError
	if !errors.As(err, &m) {
		w.Fatalf("%T is not a MigrationError", err)
	}
	m.Err = nil
	want(w, *m, migratingsqlite.MigrationError{Set: "app", Version: 3, Name: "fail", File: "0003_fail.sql",
		Line: 4, Column: 3, Statement: f.statement + ";"})
	want(w, w.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY name"), before)
	want(w, w.rows("SELECT count(*) FROM a"), []string{"0"})
	want(w, w.history(), []string{"app|1|a|applied", "app|2|more|applied", "app|3|fail|failed"})
	want(w, w.rows("SELECT error FROM migratingsqlite_history WHERE status = 'failed'"), []string{"migration 0003_fail failed at 0003_fail.sql:4:3: " + f.cause})
	want(w, w.rows("SELECT version FROM migratingsqlite_state WHERE set_name = 'app'"), []string{"2"})
	if strings.Contains(strings.Join(append(w.dump(), err.Error()), "\n"), secret) {
		w.Error("the data of a statement was written down")
	}
	w.holdingTheLock(func() {})
	must(w, w.up(app(w, first...))) // the program before goes on
	set = app(w, and(first, "0003_fail.sql", "CREATE TABLE whole (x)")...)
	must(w, w.up(set))
	want(w, w.history(), []string{"app|1|a|applied", "app|2|more|applied", "app|3|fail|applied"})
	w.isUpToDate(set)
}

// Where an upgrade is one transaction none of it stays; else what was before
// the failure does, and the error says so.
func failureAmongOthers(w *world) {
	must(w, w.up(app(w, one...)))
	list := and(one, "0002_b.sql", "CREATE TABLE b (x); INSERT INTO b VALUES (1)", "0003_fail.sql", "CREATE TABLE half (x); DROP TABLE nowhere", "0004_d.sql", "CREATE TABLE d (x)")
	err := w.up(app(w, list...))
	if w.has(OneTransaction) {
		wantError(w, err, nil, "0003_fail.sql:1:24", "the database is unchanged, at version 1")
		want(w, w.history(), []string{"app|1|a|applied", "app|3|fail|failed"})
	} else {
		wantError(w, err, nil, "0003_fail.sql:1:24", "the database is at version 2")
		want(w, w.history(), []string{"app|1|a|applied", "app|2|b|applied", "app|3|fail|failed"})
	}
	want(w, w.number("SELECT count(*) FROM sqlite_schema WHERE name IN ('half', 'd')"), "0")
	w.leaseIsFree()
	set := app(w, and(list[:4], "0003_fixed.sql", "CREATE TABLE half (x)", "0004_d.sql", "CREATE TABLE d (x)")...)
	must(w, w.up(set))
	want(w, w.history(), []string{"app|1|a|applied", "app|2|b|applied", "app|3|fixed|applied", "app|4|d|applied"})
	want(w, w.rows("SELECT count(*) FROM b"), []string{"1"})
	w.isUpToDate(set)
}

func failureIsRecordedAndOver(w *world) {
	must(w, w.up(app(w, one...)))
	cause := errors.New("not today")
	set := load(w, "app", files(one...), migratingsqlite.Func(2, "moody", func(context.Context, migratingsqlite.Tx) error { return cause }, nil))
	db := w.open(set, "")
	err := db.Ping()
	wantError(w, err, cause, "migration 0002_moody failed: not today; the database is unchanged, at version 1")
	want(w, w.rows("SELECT version, name, status, checksum, error, compatible FROM migratingsqlite_history WHERE set_name = 'app' AND version = 2"),
		[]string{"2|moody|failed|func|migration 0002_moody failed: not today|0"})
	m, err := migratingsqlite.NewMigrator(w.dsn(""), migratingsqlite.WithSet(set))
	must(w, err)
	status, err := m.Status(context.Background())
	must(w, err)
	want(w, status[0].Migrations[1].State+": "+status[0].Migrations[1].Err, "failed: migration 0002_moody failed: not today")
	must(w, m.Close())
	cause = nil
	eventually(w, "the same pool goes on", func() bool { return db.Ping() == nil })
	want(w, w.rows("SELECT status, error IS NULL FROM migratingsqlite_history WHERE version = 2"), []string{"applied|1"})
	w.isUpToDate(set)
}

// A pool that asks again and again does not make the migration fail as often.
func failureIsAnsweredAgain(w *world) {
	runs := 0
	set := load(w, "app", nil, migratingsqlite.Func(1, "failing", func(context.Context, migratingsqlite.Tx) error {
		runs++
		return errors.New("never")
	}, nil))
	db := w.open(set, "")
	for start := time.Now(); time.Since(start) < 120*time.Millisecond; {
		if err := db.Ping(); err == nil || !strings.Contains(err.Error(), "never") {
			w.Fatal(err)
		}
	}
	if runs < 1 || runs > 3 {
		w.Errorf("it ran %d times", runs)
	}
}

func failureOnAnEmptyDatabase(w *world) {
	err := w.up(app(w, "0001_a.sql", "CREATE TABLE a (x);\nINSERT INTO b VALUES (1)"))
	wantError(w, err, nil, "0001_a.sql:2:1: no such table: b")
	if w.has(OneTransaction) {
		wantError(w, err, nil, "the database is unchanged, still empty but for a record of this failure")
	}
	want(w, w.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB 'migratingsqlite_*'"), nil)
	want(w, w.history(), []string{"app|1|a|failed"})
	set := app(w, one...)
	must(w, w.up(set))
	want(w, w.history(), []string{"app|1|a|applied"})
	w.isUpToDate(set)
}
