//go:build cgo && (linux || darwin)

package libsql_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
)

// shortenLease is for tests that do not run in parallel with others.
func shortenLease(t testing.TB, d time.Duration) {
	old := leaseTime
	leaseTime = d
	t.Cleanup(func() { leaseTime = old })
}

// open opens a database through the driver, until the test ends.
func open(t testing.TB, dsn string, set *migratingsqlite.Set, opts ...migratingsqlite.Option) *sql.DB {
	t.Helper()
	c, err := migratingsqlite.NewConnector(dsn, append(opts, migratingsqlite.WithSet(set))...)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { db.Close() })
	return db
}

// connect has the driver make a connection.
func connect(ctx context.Context, db *sql.DB) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	return c.Close()
}

// Every manner of migration, in few requests. Each leaves one row in done.
var mixture = fstest.MapFS{
	"0001_tables.sql": &fstest.MapFile{Data: []byte(`CREATE TABLE done (what TEXT NOT NULL);
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL, touched INTEGER NOT NULL DEFAULT 0);
INSERT INTO person (name) VALUES ('P1'), ('P2'), ('P3'), ('P4'), ('P5'), ('P6'), ('P7');
CREATE TABLE child (person INTEGER REFERENCES person (id) ON DELETE CASCADE);
INSERT INTO child VALUES (1), (2);
INSERT INTO done VALUES ('script');`)},
	"0002_lower.sql": &fstest.MapFile{Data: []byte(`-- migratingsqlite: batch
UPDATE person SET name = lower(name), touched = touched + 1 WHERE id IN (SELECT id FROM person WHERE name <> lower(name) LIMIT 3);
CREATE INDEX person_name ON person (name);
INSERT INTO done SELECT 'batches' WHERE NOT EXISTS (SELECT 1 FROM done WHERE what = 'batches') LIMIT 1;`)},
	"0004_singly.sql": &fstest.MapFile{Data: []byte(`-- migratingsqlite: no-transaction
INSERT INTO done VALUES ('single 1');
CREATE TABLE single (x);
INSERT INTO done VALUES ('single 2');`)},
	"0005_rebuild.sql": &fstest.MapFile{Data: []byte(`CREATE TABLE person_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, touched INTEGER NOT NULL, more TEXT);
INSERT INTO person_new (id, name, touched) SELECT id, name, touched FROM person;
DROP TABLE person;
ALTER TABLE person_new RENAME TO person;
INSERT INTO done VALUES ('rebuild');`)},
	"R__names.sql": &fstest.MapFile{Data: []byte("DROP VIEW IF EXISTS names; CREATE VIEW names AS SELECT name FROM person; INSERT INTO done VALUES ('view');")},
}

func mixed(t testing.TB) *migratingsqlite.Set {
	return load(t, mixture, migratingsqlite.Func(3, "func", func(ctx context.Context, tx migratingsqlite.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM person").Scan(&n); err != nil {
			return fmt.Errorf("counting persons: %w", err)
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO done VALUES (?)", fmt.Sprint("func ", n))
		return err
	}, nil))
}

// checkHalfway fails if anything was done twice.
func checkHalfway(s *site) {
	s.t.Helper()
	if s.do("SELECT count(*) FROM sqlite_master WHERE name = 'done'") == "1" {
		s.wants("SELECT what FROM done GROUP BY what HAVING count(*) > 1", "")
		s.wants("SELECT (SELECT max(touched) <= 1 FROM person), (SELECT count(*) FROM person), (SELECT count(*) FROM child)", "1|7|2")
	}
}

func checkMixed(s *site) {
	s.t.Helper()
	s.wants("SELECT what FROM done ORDER BY 1", "batches\nfunc 7\nrebuild\nscript\nsingle 1\nsingle 2\nview")
	s.wants("SELECT count(*), min(touched), max(touched), sum(name = lower(name)) FROM person", "7|1|1|7")
	s.wants("SELECT count(*) FROM child", "2")
	s.wants("SELECT name FROM sqlite_master WHERE name IN ('person_name', 'single', 'names') ORDER BY 1", "names\nsingle")
	s.wants("SELECT version, name, status FROM migratingsqlite_history WHERE set_name = 'chain' ORDER BY version",
		"0|names|applied\n1|tables|applied\n2|lower|applied\n3|func|applied\n4|singly|applied\n5|rebuild|applied")
	s.wants("SELECT version FROM migratingsqlite_state WHERE set_name = 'chain' AND digest = '"+mixed(s.t).Digest()+"'", "5")
	s.wants(leaseLeft, "|NULL|NULL|NULL|NULL|NULL")
}

// Whatever becomes of whichever request of an upgrade: everything is done once
// in the end, and nobody waits for longer than they wanted to.
func TestFaultsDuringAnUpgrade(t *testing.T) { testFaults(t, 0, 1) }

func TestFaultsDuringAnUpgradeOverASlowLink(t *testing.T) { testFaults(t, 50*time.Millisecond, 4) }

// testFaults does so with every nth of the faults that are to be tried.
func testFaults(t *testing.T, delay time.Duration, nth int) {
	shortenLease(t, 700*time.Millisecond)
	s := newSite(t)
	p := sqldtest.NewProxy(t, s.URL)
	if err := connect(t.Context(), open(t, p.URL, mixed(t))); err != nil {
		t.Fatal(err)
	}
	checkMixed(s)
	f := faulty{requests: p.Requests(), delay: delay, todo: make(chan fault)}

	const workers = 12 // most of the time they wait
	var wg sync.WaitGroup
	for range workers {
		s := newSite(t)
		wg.Go(func() {
			for r := range f.todo {
				f.run(s, r)
			}
		})
	}
	count := 0
	for _, k := range kinds {
		every := k.every
		if os.Getenv("MIGRATINGSQLITE_ROUNDS") != "" {
			every = 1
		} else if testing.Short() {
			every *= 5
		}
		for n := 1; n <= f.requests; n += every * nth {
			f.todo <- fault{k.name, k.fault, n}
			count++
		}
	}
	close(f.todo)
	wg.Wait()
	t.Logf("an upgrade has %d requests; %d faults", f.requests, count)
	for _, k := range kinds {
		t.Logf("%s: %d upgrades failed at first; the longest took %v", k.name, f.failed[k.name], f.longest[k.name].Round(time.Millisecond))
	}
}

var kinds = []struct {
	name  string
	fault sqldtest.Fault
	every int // how many requests are one round, if nobody wants more
}{
	{"cut after", sqldtest.CutAfter, 1}, {"cut before", sqldtest.CutBefore, 4}, {"cut middle", sqldtest.CutMiddle, 4},
	{"flush", sqldtest.Flush, 5}, {"hang", sqldtest.Hang, 6}, {"hang after", sqldtest.HangAfter, 6},
}

type fault struct {
	name  string
	fault sqldtest.Fault
	n     int // the request that it happens to
}

func (f fault) String() string { return fmt.Sprintf("%s, request %d", f.name, f.n) }

type faulty struct {
	requests int
	delay    time.Duration // of each request
	todo     chan fault

	mu      sync.Mutex
	failed  map[string]int
	longest map[string]time.Duration
	texts   map[string]bool
}

func (f *faulty) run(s *site, r fault) {
	t := s.t
	const timeout = 2 * time.Second
	s.clear()
	p := sqldtest.NewProxy(t, s.URL)
	defer p.Down()
	p.Delay(f.delay)
	var hit atomic.Bool
	p.Fault(func(n int, _ sqldtest.Request) sqldtest.Fault {
		if n != r.n {
			return sqldtest.Pass
		}
		hit.Store(true)
		return r.fault
	})
	db := open(t, p.URL+"?_migrate_timeout=2s", mixed(t))
	defer db.Close()
	begin := time.Now()
	err := connect(t.Context(), db)
	took := time.Since(begin)
	if took > timeout+10*time.Second+2*time.Duration(f.requests)*f.delay {
		t.Errorf("%s: took %v (%v)", r, took, err)
	}
	if !hit.Load() {
		t.Errorf("%s: did not happen", r)
	}
	checkHalfway(s)
	f.note(t, r, took, err, p.URL)
	// The next connections do not feel it.
	p.Fault(nil)
	for deadline := time.Now().Add(15 * time.Second); err != nil; {
		if err = connect(t.Context(), db); err != nil && time.Now().After(deadline) {
			t.Errorf("%s: the pool does not recover: %v", r, err)
			return
		}
	}
	checkMixed(s)
	for range 3 {
		var n int
		if err := db.QueryRow("SELECT count(*) FROM names").Scan(&n); err != nil || n != 7 {
			t.Errorf("%s: afterwards: %d, %v", r, n, err)
		}
	}
}

func (f *faulty) note(t testing.TB, r fault, took time.Duration, err error, url string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed, f.longest, f.texts = map[string]int{}, map[string]time.Duration{}, map[string]bool{}
	}
	f.longest[r.name] = max(f.longest[r.name], took)
	if err == nil {
		return
	}
	f.failed[r.name]++
	if text := strings.ReplaceAll(err.Error(), strings.TrimPrefix(url, "http://"), "HOST"); !f.texts[text] {
		f.texts[text] = true
		t.Logf("%s: %s", r, text)
	}
}
