package migratingsqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

const (
	// 10 000 rows whose names are to be put into lower case, 300 at a time.
	people = `CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, touched INTEGER NOT NULL DEFAULT 0);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO people (name) SELECT 'P' || i FROM n;`
	lowerInBatches = `-- migratingsqlite: batch
UPDATE people SET name = lower(name), touched = touched + 1 WHERE id IN (SELECT id FROM people WHERE name <> lower(name) LIMIT 300);
CREATE INDEX people_name ON people (name);`
)

// leaseLeft is the lease as a row, without what differs from run to run.
const leaseLeft = "SELECT expires_at, set_name, statement, rows_affected FROM migratingsqlite_lease"

// A run that ends halfway has done what it has done; the next one does the rest.
func TestBatchesThatAreCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	boom := lowerInBatches + "\nINSERT INTO nowhere SELECT 1 LIMIT 1;"
	one := []string{"0001_people.sql", people}
	must(t, with(t, path, app(t, one...)))

	failing := app(t, append(one, "0002_lower.sql", boom)...)
	err := with(t, path, failing)
	wantError(t, err, nil, "migration 0002_lower failed at 0002_lower.sql:4:1: no such table: nowhere")
	var m *migratingsqlite.MigrationError
	if !errors.As(err, &m) || m.Version != 2 || m.Line != 4 {
		t.Errorf("%+v", m)
	}
	want(t, rows(t, path, "SELECT sum(touched) FROM people"), []string{"10000"})
	want(t, rows(t, path, leaseLeft), []string{" app 2 10000"})
	want(t, rows(t, path, history), []string{"app 1 people applied", "app 2 lower failed"})

	// Another text would do things twice, or not at all.
	wantError(t, with(t, path, app(t, append(one, "0002_lower.sql", lowerInBatches)...)), migratingsqlite.ErrChanged, "half done", "2 of its statements")

	change(t, path, "CREATE TABLE nowhere(x)")
	wantError(t, with(t, path+"?_migrate=check", failing), migratingsqlite.ErrPending)
	// INSERT … SELECT 1 would never end: it is stopped by closing the database.
	db := open(t, path, migratingsqlite.WithSet(failing))
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	wantError(t, db.PingContext(ctx), context.DeadlineExceeded, "gave up waiting")
	must(t, db.Close())
	want(t, rows(t, path, "SELECT sum(touched) FROM people"), []string{"10000"})
	change(t, path, "CREATE TRIGGER enough BEFORE INSERT ON nowhere BEGIN SELECT raise(IGNORE); END")
	must(t, with(t, path, failing))
	want(t, rows(t, path, "SELECT sum(touched) FROM people"), []string{"10000"})
	want(t, rows(t, path, history), []string{"app 1 people applied", "app 2 lower applied"})
	want(t, rows(t, path, leaseLeft), []string{" <nil> <nil> <nil>"})
}

func TestNoTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	one := []string{"0001_people.sql", people + "DELETE FROM people WHERE id > 10;"}
	must(t, with(t, path, app(t, one...)))
	pages := func() int {
		n, err := strconv.Atoi(rows(t, path, "PRAGMA page_count")[0])
		must(t, err)
		return n
	}
	before := pages()
	set := app(t, append(one, "0002_vacuum.sql", `-- migratingsqlite: no-transaction
PRAGMA page_size = 8192;
CREATE TABLE before(x);
VACUUM;
PRAGMA journal_mode = WAL;
INSERT INTO before VALUES (1);`, "R__v.sql", "CREATE VIEW IF NOT EXISTS v AS SELECT 1")...)
	must(t, with(t, path, set))
	want(t, rows(t, path, "PRAGMA page_size"), []string{"8192"})
	want(t, rows(t, path, "PRAGMA journal_mode"), []string{"wal"})
	want(t, rows(t, path, "SELECT count(*) FROM before"), []string{"1"})
	if now := pages(); now >= before {
		t.Errorf("%d pages before VACUUM, %d after", before, now)
	}
	want(t, rows(t, path, history), []string{"app 0 v applied", "app 1 people applied", "app 2 vacuum applied"})

	// What failed halfway goes on where it was.
	text := "-- migratingsqlite: no-transaction\nINSERT INTO before VALUES (2);\nVACUUM;\nINSERT INTO later VALUES (3);"
	set = app(t, append(one, "0002_vacuum.sql", `-- migratingsqlite: no-transaction
PRAGMA page_size = 8192;
CREATE TABLE before(x);
VACUUM;
PRAGMA journal_mode = WAL;
INSERT INTO before VALUES (1);`, "0003_more.sql", text)...)
	wantError(t, with(t, path, set), nil, "0003_more.sql:4:1", "no such table: later", "the database is at version 2")
	change(t, path, "CREATE TABLE later(x)")
	must(t, with(t, path, set))
	want(t, rows(t, path, "SELECT group_concat(x) FROM before"), []string{"1,2"})
	want(t, rows(t, path, "SELECT count(*) FROM later"), []string{"1"})
}

func TestStepsInMemory(t *testing.T) {
	db := open(t, ":memory:", migratingsqlite.WithSet(app(t, "0001_people.sql", people, "0002_lower.sql", lowerInBatches,
		"0003_vacuum.sql", "-- migratingsqlite: no-transaction\nVACUUM")))
	var n int
	must(t, db.QueryRow("SELECT count(*) FROM people WHERE touched = 1").Scan(&n))
	want(t, n, 10000)
}

func TestDirectivesOfSteps(t *testing.T) {
	for text, words := range map[string]string{
		"-- migratingsqlite: batch\nUPDATE a SET x = 1":                         "0001_a.sql:2:1: a batch repeats each statement until it changes no row, and this UPDATE has no LIMIT",
		"-- migratingsqlite: batch\nVACUUM":                                     "SQLite refuses VACUUM",
		"-- migratingsqlite: no-transaction\nSELECT 1; COMMIT":                  "COMMIT does not belong",
		"-- migratingsqlite: no-transaction\n-- migratingsqlite: batch\nVACUUM": "not both",
		"VACUUM": "no-transaction",
		"-- migratingsqlite: no-transactions\nVACUUM": "did you mean no-transaction?",
	} {
		_, err := migratingsqlite.Load("app", files("0001_a.sql", text))
		wantError(t, err, migratingsqlite.ErrMalformed, words)
	}
}
