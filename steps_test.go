package migratingsqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"go.opentelemetry.io/otel/codes"
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

// A Go migration among steps has a transaction of its own.
func TestGoMigrationAmongSteps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	fails := true
	set := load(t, "app", files("0001_people.sql", people, "0002_lower.sql", lowerInBatches), migratingsqlite.Func(3, "count", func(ctx context.Context, tx migratingsqlite.Tx) error {
		if _, err := tx.ExecContext(ctx, "CREATE TABLE counted AS SELECT count(*) AS n FROM people"); err != nil {
			return err
		}
		if fails {
			return errors.New("not today")
		}
		return nil
	}, nil))
	wantError(t, with(t, path, set), nil, "migration 0003_count failed: not today", "the database is at version 2")
	want(t, rows(t, path, "SELECT count(*) FROM sqlite_schema WHERE name = 'counted'"), []string{"0"})
	fails = false
	must(t, with(t, path, set))
	want(t, rows(t, path, "SELECT n FROM counted"), []string{"10000"})
	want(t, rows(t, path, history), []string{"app 1 people applied", "app 2 lower applied", "app 3 count applied"})
}

func TestForeignKeysAreCheckedInSteps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	family := "CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(p REFERENCES parent(id)); INSERT INTO parent VALUES (1), (2)"
	must(t, with(t, path, app(t, "0001_family.sql", family)))
	change(t, path, "INSERT INTO child VALUES (1), (99)") // one of them was broken before
	set := app(t, "0001_family.sql", family, "0002_vacuum.sql", "-- migratingsqlite: no-transaction\nVACUUM", "0003_delete.sql", "DELETE FROM parent")
	wantError(t, with(t, path+"?_pragma=foreign_keys(1)", set), nil, "migration 0003_delete failed", "table child: no such row in parent (1 more than before)", "the database is at version 2")
	want(t, rows(t, path, "SELECT count(*) FROM parent"), []string{"2"})
	must(t, with(t, path, app(t, "0001_family.sql", family, "0002_vacuum.sql", "-- migratingsqlite: no-transaction\nVACUUM", "0003_delete.sql", "DELETE FROM parent WHERE id = 2")))
}

// A migration outside of transactions cannot be undone, and may turn enforcement
// on: the next ones must not suffer from that.
func TestForeignKeysAreCheckedOutsideOfTransactions(t *testing.T) {
	s := newSite(t)
	must(t, with(t, s.path, steps(t, []string{family})))
	orphans := steps(t, []string{family, "-- migratingsqlite: no-transaction\nDELETE FROM parent WHERE id = 3;\nVACUUM;"})
	for range 2 {
		err := with(t, s.path, orphans)
		wantError(t, err, nil, "migration 0002_step failed", "no such row in parent (2 more than before)", "repair these rows in the database", "half done (2 of its statements, 1 row)")
	}
	s.exec("DELETE FROM child WHERE parent_id = 3")
	must(t, with(t, s.path, orphans))

	s = newSite(t)
	must(t, with(t, s.path, steps(t, []string{family})))
	enforces(t, s.open("_pragma=foreign_keys(1)", steps(t, []string{family, "-- migratingsqlite: no-transaction\nPRAGMA foreign_keys = ON;\nUPDATE parent SET name = 'x';", rebuildParent})))
}

// Only one migration's progress is written down.
func TestHalfDoneMigrationOfAnotherProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	theirs := load(t, "theirs", files("0001_a.sql", "-- migratingsqlite: no-transaction\nCREATE TABLE a(x);\nINSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1)"))
	wantError(t, with(t, path, theirs), nil, "half done (2 of its statements, 1 row)")

	plain := load(t, "ours", files("0001_b.sql", "CREATE TABLE b(x)"))
	must(t, with(t, path+"?_migrate_baseline=none", plain))
	want(t, rows(t, path, leaseLeft), []string{" theirs 2 1"})
	more := load(t, "ours", files("0001_b.sql", "CREATE TABLE b(x)", "0002_c.sql", "-- migratingsqlite: no-transaction\nCREATE TABLE c(x)"))
	wantError(t, with(t, path, more), migratingsqlite.ErrPending, "migration 1 of set theirs half done", "start that program first")
	want(t, rows(t, path, leaseLeft), []string{" theirs 2 1"})

	must(t, with(t, path, theirs))
	must(t, with(t, path, more))
	want(t, rows(t, path, "SELECT count(*) FROM a"), []string{"1"})
	want(t, rows(t, path, leaseLeft), []string{" <nil> <nil> <nil>"})
}

// What others take of the time is bounded for each transaction of a run, not for
// all of them together.
func TestLongRunAmongOtherWriters(t *testing.T) {
	s := newSite(t)
	must(t, with(t, s.path, app(t, "0001_people.sql", people)))
	stop, stopped := make(chan struct{}), make(chan struct{})
	conn, err := s.plain().Conn(t.Context())
	must(t, err)
	go func() {
		defer close(stopped)
		for {
			// Holds the lock for half of the time.
			if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err == nil {
				time.Sleep(4 * time.Millisecond)
				conn.ExecContext(t.Context(), "COMMIT")
			}
			select {
			case <-stop:
				return
			case <-time.After(4 * time.Millisecond):
			}
		}
	}()
	size := "10"
	if testing.Short() {
		size = "100"
	}
	begin := time.Now()
	err = with(t, s.path+"?_migrate_timeout=1s", app(t, "0001_people.sql", people, "0002_lower.sql", strings.Replace(lowerInBatches, "300", size, 1)))
	close(stop)
	<-stopped
	must(t, err)
	t.Logf("batches of %s in %v", size, time.Since(begin))
	want(t, rows(t, s.path, "SELECT count(*), sum(touched) FROM people"), []string{"10000 10000"})
}

func TestStepsAreTraced(t *testing.T) {
	set := app(t, "0001_people.sql", people, "0002_lower.sql", strings.Replace(lowerInBatches, "300", "2500", 1),
		"0003_vacuum.sql", "-- migratingsqlite: no-transaction\nVACUUM;\nUPDATE people SET touched = 2 WHERE id = 1", "0004_more.sql", "CREATE TABLE more(x); INSERT INTO nowhere VALUES (1)")
	for _, level := range []string{"migrations", "statements"} {
		s := recordSpans(t)
		path := filepath.Join(t.TempDir(), "app.db")
		wantError(t, with(t, path, set, migratingsqlite.WithTrace(level)), nil, "0004_more.sql:1:23: no such table: nowhere; the database is at version 3")
		lower := s.one("migration 0002_lower")
		want(t, lower.Parent().SpanID(), s.one(upgradeSpan).SpanContext().SpanID())
		a := attributes(lower.Attributes())
		want(t, a["migratingsqlite.migration.statements"], any(int64(2)))
		want(t, a["migratingsqlite.migration.rows_affected"], any(int64(10000)))
		want(t, s.one("migration 0004_more").Status().Code, codes.Error)
		if level == "migrations" {
			want(t, s.names(), []string{upgradeSpan, "migration 0001_people", "migration 0002_lower", "migration 0003_vacuum", "migration 0004_more"})
			if text := s.everything(); strings.Contains(text, "UPDATE") || strings.Contains(text, "INSERT") {
				t.Error("query text was recorded:", text)
			}
			continue
		}
		want(t, s.names(), []string{upgradeSpan,
			"migration 0001_people", "statement CREATE TABLE", "statement INSERT",
			"migration 0002_lower", "statement UPDATE", "statement CREATE INDEX", // the UPDATE five times
			"migration 0003_vacuum", "statement VACUUM", "statement UPDATE",
			"migration 0004_more", "statement CREATE TABLE", "statement INSERT"})
		var failed []string
		for _, span := range s.ended() {
			if strings.HasPrefix(span.Name(), "statement") && span.Status().Code == codes.Error {
				failed = append(failed, attributes(span.Attributes())["db.query.text"].(string))
			}
		}
		want(t, failed, []string{"INSERT INTO nowhere VALUES (1)"})
	}
}

// Who looks at the trace of a long migration sees how far it is.
func TestProgressOfBatchesIsTraced(t *testing.T) {
	s := recordSpans(t)
	path := filepath.Join(t.TempDir(), "app.db")
	must(t, with(t, path, app(t, "0001_people.sql", people)))
	// 40 batches, each of which takes a while.
	loops := "200"
	if testing.Short() {
		loops = "50"
	}
	change(t, path, strings.Replace("CREATE TRIGGER much AFTER UPDATE ON people BEGIN UPDATE people SET name = name WHERE id = (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT count(*) FROM n) + new.id - 200; END", "200", loops, -1))
	start := time.Now()
	must(t, with(t, path, app(t, "0001_people.sql", people, "0002_lower.sql", strings.Replace(lowerInBatches, "300", "250", 1))))
	took := time.Since(start)
	span := s.one("migration 0002_lower")
	var last int64
	for _, e := range span.Events() {
		want(t, e.Name, "migratingsqlite.progress")
		a := attributes(e.Attributes)
		n, _ := a["migratingsqlite.migration.rows_affected"].(int64)
		rate, _ := a["migratingsqlite.migration.rows_per_second"].(float64)
		if n <= last || n > 10000 || rate <= 0 || rate > 1e6 {
			t.Errorf("%d rows after %d, %f per second", n, last, rate)
		}
		last = n
	}
	// One a second, at the end of a batch.
	most := int(took/time.Second) + 1
	least := int(took / (time.Second + took/40))
	if n := len(span.Events()); n < least || n > most {
		t.Errorf("%d events in %v, want %d to %d", n, took, least, most)
	}
}

func TestNoRoomInTheMiddleOfBatches(t *testing.T) {
	leases(t, 10*time.Second)
	grow := app(t, "0001_people.sql", people, "0002_grow.sql", `-- migratingsqlite: batch
UPDATE people SET name = lower(name) || printf('%.200c', 'x'), touched = touched + 1 WHERE id IN (SELECT id FROM people WHERE touched = 0 LIMIT 100)`)
	for _, journal := range journals {
		s := newSite(t)
		must(t, with(t, s.path, app(t, "0001_people.sql", people)))
		pages := s.look("PRAGMA page_count")
		n, err := strconv.Atoi(pages)
		must(t, err)
		db := s.open(fmt.Sprintf("_pragma=max_page_count(%d)&%s", n+100, journal.params), grow)
		err = db.Ping()
		failsIn(t, err, 2, "0002_grow.sql:2:1", "database or disk is full", "the database is at version 1", "0002_grow is half done (0 of its statements, ", "make room")
		must(t, db.Close())
		want(t, s.look("SELECT expires_at FROM migratingsqlite_lease"), "")
		done := s.look("SELECT count(*) FROM people WHERE touched = 1")
		want(t, s.look("SELECT rows_affected FROM migratingsqlite_lease"), done)
		if done == "0" || done == "10000" {
			t.Errorf("%s rows were done", done)
		}
		for _, params := range []string{"mode=ro", "_pragma=query_only(1)", "_migrate=check"} {
			wantError(t, with(t, s.dsn(params), grow), migratingsqlite.ErrPending, "0002_grow is pending", "half done ("+"0 of its statements, "+done+" rows)")
		}
		begin := time.Now()
		must(t, with(t, s.dsn(journal.params), grow))
		if took := time.Since(begin); took > 8*time.Second {
			t.Errorf("the next open took %v", took)
		}
		want(t, s.look("SELECT min(touched), max(touched) FROM people"), "1|1")
	}
}

// A failure is not written over what another run has applied meanwhile.
func TestFailureAfterAnotherRunWasFaster(t *testing.T) {
	s := newSite(t)
	good := app(t, "0001_a.sql", "CREATE TABLE a(x)")
	bad := load(t, "app", files("0001_a.sql", "CREATE TABLE a(x)"), migratingsqlite.Func(2, "slow", func(context.Context, migratingsqlite.Tx) error { return errors.New("not today") }, nil))
	must(t, with(t, s.path, good))
	// As if it were applied between the rollback and the record of the failure.
	s.exec("CREATE TRIGGER faster BEFORE INSERT ON migratingsqlite_history WHEN new.status = 'failed' AND NOT EXISTS (SELECT 1 FROM migratingsqlite_history WHERE version = 2 AND set_name = 'app') BEGIN INSERT INTO migratingsqlite_history SELECT new.set_name, new.version, new.name, new.checksum, 'applied', 1, new.applied_at, 0, NULL, 'x', '', '', NULL, NULL, '{}'; END")
	wantError(t, with(t, s.path, bad), nil, "not today")
	want(t, s.look("SELECT status FROM migratingsqlite_history WHERE set_name = 'app'"), "applied\napplied")
}

// Another run's lease keeps this one waiting, and an expired one does not.
func TestLeaseOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	one := []string{"0001_a.sql", "CREATE TABLE a(x)"}
	must(t, with(t, path, app(t, one...)))
	take := func(seconds string) {
		change(t, path, "INSERT OR REPLACE INTO migratingsqlite_lease (id, owner, token, step, renewed_at, expires_at) VALUES (1, 'somebody', 'x', 7, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '"+seconds+" seconds'))")
	}
	for _, more := range [][]string{{"0002_b.sql", "CREATE TABLE b(x)"}, {"0002_b.sql", "-- migratingsqlite: no-transaction\nCREATE TABLE b(x)"}} {
		set := app(t, append(one, more...)...)
		take("+60")
		must(t, with(t, path, app(t, one...))) // has nothing to do
		wantError(t, with(t, path+"?_migrate_timeout=100ms", set), migratingsqlite.ErrLocked, "somebody", "another connection is upgrading")
		take("+0.3")
		start := time.Now()
		must(t, with(t, path, set))
		if waited := time.Since(start); waited < 250*time.Millisecond {
			t.Errorf("waited only %s", waited)
		}
		want(t, rows(t, path, "SELECT count(*) FROM b"), []string{"0"})
		change(t, path, "DROP TABLE b; DELETE FROM migratingsqlite_history WHERE version = 2; DELETE FROM migratingsqlite_state WHERE set_name = 'app'")
	}
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
