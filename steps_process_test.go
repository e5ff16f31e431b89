package migratingsqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"modernc.org/sqlite"
)

// Stairs are a set whose run takes several transactions: a table of persons,
// whose rows are given a new form in batches; two migrations outside of
// transactions; and many ordinary ones. Whatever is done twice is seen: in the
// table log, in a counter, and in the number of times that a row was touched.
type stairs struct {
	n       int // migrations
	persons int
	batch   int // rows in each
	outside int // the version of the first one outside of transactions; 0: none
	wal     int // and of the second
	work    int // rows that each of the ordinary ones writes
}

var (
	allStairs = stairs{n: 30, persons: 20_000, batch: 500, outside: 5, wal: 20, work: 3}
	// As few transactions as have every kind.
	fewStairs = stairs{n: 7, persons: 30, batch: 10, outside: 3, wal: 5, work: 3}
	// A run that takes seconds, most of them in batches.
	slowStairs = stairs{n: 7, persons: 4000, batch: 20, outside: 3, wal: 5, work: 3}
	// Once the batches are done what is left would fit into one transaction.
	plainStairs = stairs{n: 150, persons: 30, batch: 10, work: 300}
)

// batches is the version of the one in batches.
func (s stairs) batches() int {
	if s.wal == 0 {
		return 2
	}
	return (s.outside + s.wal) / 2
}

func (s stairs) files() fstest.MapFS {
	fsys := fstest.MapFS{"R__view.sql": &fstest.MapFile{Data: []byte("DROP VIEW IF EXISTS names; CREATE VIEW names AS SELECT name FROM person;")}}
	for v := 1; v <= s.n; v++ {
		var text string
		switch v {
		case 1:
			text = fmt.Sprintf(`CREATE TABLE log (version INTEGER NOT NULL);
INSERT INTO log VALUES (1);
CREATE TABLE counter (n INTEGER NOT NULL);
INSERT INTO counter VALUES (0);
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL, form INTEGER NOT NULL DEFAULT 0, touched INTEGER NOT NULL DEFAULT 0);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO person (name) SELECT 'person ' || i FROM n;
CREATE INDEX old_form ON person (id) WHERE form = 0;
`, s.persons)
		case s.outside:
			text = fmt.Sprintf(`-- migratingsqlite: no-transaction
UPDATE counter SET n = n + 1;
VACUUM;
INSERT INTO log VALUES (%d);
UPDATE counter SET n = n + 1;
`, v)
		case s.batches():
			text = fmt.Sprintf(`-- migratingsqlite: batch
CREATE TABLE before_batches (x);
UPDATE person SET form = 1, touched = touched + 1 WHERE id IN (SELECT id FROM person WHERE form = 0 LIMIT %d);
CREATE INDEX person_name ON person (name);
INSERT INTO log SELECT %d WHERE NOT EXISTS (SELECT 1 FROM log WHERE version = %[2]d) LIMIT 1;
`, s.batch, v)
		case s.wal:
			text = fmt.Sprintf(`-- migratingsqlite: no-transaction
PRAGMA journal_mode = WAL;
INSERT INTO log VALUES (%d);
UPDATE counter SET n = n + 1;
`, v)
		default:
			text = fmt.Sprintf(`CREATE TABLE t%d (x);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO t%[1]d SELECT i FROM n;
INSERT INTO log VALUES (%[1]d);
UPDATE counter SET n = n + 1;
`, v, s.work)
		}
		fsys[fmt.Sprintf("%04d_stair.sql", v)] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func (s stairs) load(t testing.TB) *migratingsqlite.Set {
	t.Helper()
	return load(t, "chain", s.files())
}

// count is what the counter comes to.
func (s stairs) count() int {
	switch {
	case s.wal > 0:
		return s.n - 4 + 3
	case s.outside > 0:
		return s.n - 3 + 2
	}
	return s.n - 2
}

// check looks, through the wrapped driver, whether the database is sound and
// everything was done once.
func (s stairs) check(t testing.TB, at *site) {
	t.Helper()
	for query, want := range map[string]string{
		"PRAGMA integrity_check": "ok",
		"SELECT count(*), count(DISTINCT version), max(version) FROM log": fmt.Sprintf("%d|%[1]d|%[1]d", s.n),
		"SELECT n FROM counter": strconv.Itoa(s.count()),
		"SELECT count(*), min(form), min(touched), max(touched) FROM person":                                                            fmt.Sprintf("%d|1|1|1", s.persons),
		"SELECT count(*), max(version), min(status), max(status) FROM migratingsqlite_history WHERE set_name = 'chain' AND version > 0": fmt.Sprintf("%d|%[1]d|applied|applied", s.n),
		"SELECT count(*), max(name), min(status), max(status) FROM migratingsqlite_history WHERE set_name = 'chain' AND version = 0":    "1|view|applied|applied",
		"SELECT version, digest FROM migratingsqlite_state WHERE set_name = 'chain'":                                                    fmt.Sprintf("%d|%s", s.n, s.load(t).Digest()),
		"SELECT count(*) FROM names": strconv.Itoa(s.persons),
		"SELECT count(*), max(expires_at), max(set_name), max(statement), max(rows_affected), max(foreign_keys) FROM migratingsqlite_lease":               "1|||||",
		"SELECT json_extract(metadata, '$.rows_affected') FROM migratingsqlite_history WHERE set_name = 'chain' AND version = " + fmt.Sprint(s.batches()): strconv.Itoa(s.persons + 1),
	} {
		if got := at.look(query); got != want {
			t.Fatalf("%s: %s, want %s", query, got, want)
		}
	}
	if s.wal > 0 {
		if got := at.look("PRAGMA journal_mode"); got != "wal" {
			t.Fatalf("journal_mode is %s", got)
		}
	}
}

// longStairs has statements that take longer than a short lease.
var longStairs = fstest.MapFS{
	"0001_counter.sql": &fstest.MapFile{Data: []byte(`CREATE TABLE counter (n INTEGER NOT NULL);
INSERT INTO counter VALUES (0);`)},
	"0002_vacuum.sql": &fstest.MapFile{Data: []byte(`-- migratingsqlite: no-transaction
UPDATE counter SET n = n + 1;
VACUUM;
UPDATE counter SET n = n + 1;`)},
	"0003_count.sql": &fstest.MapFile{Data: []byte(`-- migratingsqlite: no-transaction
UPDATE counter SET n = n + (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT count(*) FROM n);
UPDATE counter SET n = n + 1;`)},
	"0004_ordinary.sql": &fstest.MapFile{Data: []byte(`UPDATE counter SET n = n + (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT count(*) FROM n);`)},
	"0005_ordinary.sql": &fstest.MapFile{Data: []byte(`UPDATE counter SET n = n + 1;`)},
	"0006_vacuum.sql": &fstest.MapFile{Data: []byte(`-- migratingsqlite: no-transaction
VACUUM;
UPDATE counter SET n = n + 1;`)},
}

// newerProgram is what comes after a program that has only the first of them.
var newerProgram = []string{
	"0001_person.sql", "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO person (name) VALUES ('a'), ('b'), ('c')",
	"0002_form.sql", "ALTER TABLE person ADD COLUMN form INTEGER",
	"0003_fill.sql", "-- migratingsqlite: batch\n-- migratingsqlite: compatible\nUPDATE person SET form = 1 WHERE id IN (SELECT id FROM person WHERE form IS NULL LIMIT 1)",
	"0004_drop.sql", "ALTER TABLE person DROP COLUMN name",
	"0005_stop.sql", "-- migratingsqlite: no-transaction\nINSERT INTO nowhere VALUES (1)",
}

// inBatches is when the slow stairs are in the middle of their batches.
const inBatches = "SELECT count(*) > 500 FROM person WHERE form = 1"

// reaches waits until a query yields 1.
func (s *site) reaches(query string) {
	s.Helper()
	db := s.plain()
	defer db.Close()
	for there := false; !there; time.Sleep(time.Millisecond) {
		if err := db.QueryRow(query).Scan(&there); err != nil && !strings.Contains(err.Error(), "no such table") {
			s.Fatal(err)
		}
	}
}

// leases makes leases of this process and of those that it starts short, until
// the test ends.
func leases(t testing.TB, d time.Duration) {
	t.Helper()
	os.Setenv(leaseEnv, d.String())
	restore := migratingsqlite.SetLeaseTime(d)
	t.Cleanup(func() { os.Unsetenv(leaseEnv); restore() })
}

// dieAt kills this process at its nth commit, before that takes effect.
func dieAt(n int) {
	var commits atomic.Int32
	sqlite.RegisterConnectionHook(func(conn sqlite.ExecQuerierContext, _ string) error {
		conn.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 {
			if commits.Add(1) == int32(n) {
				self, err := os.FindProcess(os.Getpid())
				if err == nil {
					err = self.Kill()
				}
				time.Sleep(time.Minute)
				panic(err)
			}
			return 0
		})
		return nil
	})
}

func TestEightProcessesUpgradeInStepsAtOnce(t *testing.T) {
	for _, journal := range journals {
		for _, timeout := range []struct{ name, params string }{
			{"no busy_timeout", ""},
			{"busy_timeout", "_pragma=busy_timeout(5000)"},
		} {
			t.Run(journal.name+", "+timeout.name, func(t *testing.T) {
				n := rounds(t, 2, 1)
				begin := time.Now()
				for range n {
					s := newSite(t)
					g := newGate(t)
					processes := make([]*process, 8)
					for i := range processes {
						processes[i] = start(t, "stairs", s.dsn(journal.params, timeout.params, "_migrate_set=chain"), g.r)
					}
					for _, p := range processes {
						p.says("ready")
					}
					g.open()
					for _, p := range processes {
						p.succeeds()
					}
					allStairs.check(t, s)
					s.noLeftovers()
				}
				t.Logf("%d rounds in %v", n, time.Since(begin).Round(time.Millisecond))
			})
		}
	}
}

// opens opens the file, which has to work within a time, and returns how long
// that took.
func (s *site) opens(within time.Duration, params string, set *migratingsqlite.Set, opts ...migratingsqlite.Option) time.Duration {
	s.Helper()
	begin := time.Now()
	db := s.open(params, set, opts...)
	defer db.Close()
	var n int
	if err := db.QueryRow("SELECT count(*) FROM person").Scan(&n); err != nil {
		s.Fatal(err)
	}
	took := time.Since(begin)
	if took > within {
		s.Errorf("the next open took %v, more than %v", took, within)
	}
	return took
}

func TestProcessKilledBetweenSteps(t *testing.T) {
	const lease = 100 * time.Millisecond
	leases(t, lease)
	set := allStairs.load(t)
	for _, journal := range journals {
		for _, cache := range []string{"", "_pragma=cache_size(10)"} {
			t.Run(journal.name+", "+cache, func(t *testing.T) {
				n := rounds(t, 3, 1)
				dsn := func(s *site) string { return s.dsn(journal.params, cache, "_migrate_set=chain") }
				whole := time.Hour
				run := func(until float64) *site {
					s := newSite(t)
					g := newGate(t)
					p := start(t, "stairs", dsn(s), g.r)
					p.says("ready")
					begin := time.Now()
					g.open()
					if until < 0 {
						p.says("took")
						whole = min(whole, time.Since(begin))
						p.succeeds()
					} else {
						time.Sleep(time.Duration(until * float64(whole)))
						p.kill()
					}
					return s
				}
				allStairs.check(t, run(-1))
				run(-1)
				var longest, sum time.Duration
				var halfway int
				for round := range n {
					at := (float64(round) + rand.Float64()) / float64(n)
					s := run(at)
					if info, err := os.Stat(s.path); err == nil && info.Size() > 0 && s.look("SELECT count(*) FROM sqlite_master WHERE name = 'migratingsqlite_lease'") == "1" && s.look("SELECT expires_at > '' FROM migratingsqlite_lease") == "1" {
						halfway++
					}
					took := s.opens(lease+10*whole+5*time.Second, journal.params, set)
					longest, sum = max(longest, took), sum+took
					allStairs.check(t, s)
					s.noLeftovers()
				}
				t.Logf("%d kills, %d of them halfway; a whole run takes %v; the next open took %v on average, %v at most",
					n, halfway, whole.Round(time.Millisecond), (sum / time.Duration(n)).Round(time.Millisecond), longest.Round(time.Millisecond))
			})
		}
	}
}

// A process is killed at each of its commits in turn: whatever is done once
// must be recorded in the same transaction.
func TestProcessKilledAtEachCommit(t *testing.T) {
	const lease = 20 * time.Millisecond
	leases(t, lease)
	set := fewStairs.load(t)
	for _, journal := range journals {
		t.Run(journal.name, func(t *testing.T) {
			kills := 0
			for commit := 1; ; commit++ {
				if testing.Short() && commit > 2 {
					commit += 4
				}
				s := newSite(t)
				g := newGate(t)
				t.Setenv(deathEnv, strconv.Itoa(commit))
				p := start(t, "few stairs", s.dsn(journal.params, "_migrate_set=chain"), g.r)
				p.says("ready")
				g.open()
				if line, _ := p.out.ReadString('\n'); strings.HasPrefix(line, "took") {
					p.succeeds()
					fewStairs.check(t, s)
					break
				}
				p.Wait()
				kills++
				s.opens(30*time.Second, journal.params, set)
				fewStairs.check(t, s)
				s.noLeftovers()
				if t.Failed() {
					t.Fatalf("killed at commit %d: %s", commit, &p.stderr)
				}
			}
			t.Logf("%d kills", kills)
			if kills < 5 {
				t.Error("it was not killed")
			}
		})
	}
}

// openPlain opens a database through the wrapped driver, which does not wait.
func openPlain(dsn string) (*sql.DB, error) { return sql.Open("sqlite", dsn) }

// A program of another kind writes all the time, and waits for its turn as
// programs do: it gets one between any two batches that are not very short.
func TestOthersWriteBetweenBatches(t *testing.T) {
	for _, journal := range journals {
		for _, c := range []struct {
			name   string
			stairs stairs
			turns  int // for 100 batches: SQLite's busy handler sleeps longer than a short one takes
		}{
			{"short batches", stairs{n: 7, persons: 10_000, batch: 50, outside: 3, wal: 5, work: 3}, 5},
			{"long batches", stairs{n: 7, persons: 80_000, batch: 4000, outside: 3, wal: 5, work: 3}, 50},
		} {
			t.Run(journal.name+", "+c.name, func(t *testing.T) {
				if testing.Short() {
					c.stairs.persons /= 10
					c.stairs.batch /= 5
				}
				s := newSite(t)
				s.opens(30*time.Second, journal.params, c.stairs.load(t), migratingsqlite.WithTo(int64(c.stairs.batches()-1)))
				if c.name == "long batches" {
					// Each row is much work.
					s.exec("CREATE TRIGGER much AFTER UPDATE ON person BEGIN UPDATE person SET name = name WHERE id = (SELECT count(*) FROM person WHERE id < 500) + new.id - 499; END")
				}
				plain, err := sql.Open("sqlite", s.dsn("_pragma=busy_timeout(60000)"))
				must(t, err)
				defer plain.Close()
				plain.SetMaxOpenConns(1)
				stop := make(chan struct{})
				wrote := make(chan int)
				var longest time.Duration
				go func() {
					n := 0
					defer func() { wrote <- n }()
					for {
						select {
						case <-stop:
							return
						default:
						}
						begin := time.Now()
						if _, err := plain.Exec("INSERT INTO person (name, form) VALUES ('new', abs(random()) % 2)"); err != nil {
							t.Error(err)
						}
						longest = max(longest, time.Since(begin))
						n++
						time.Sleep(time.Millisecond)
					}
				}()
				took := s.opens(2*time.Minute, journal.params, c.stairs.load(t))
				close(stop)
				n := <-wrote
				batches := c.stairs.persons / c.stairs.batch
				t.Logf("an upgrade of %v; %d rows written during %d batches, %v at most for one", took.Round(time.Millisecond), n, batches, longest.Round(time.Millisecond))
				if n < min(batches*c.turns/100, int(took/(500*time.Millisecond))) { // or it was over too soon
					t.Error("others did not get their turn")
				}
			})
		}
	}
}

// A statement may take longer than a lease lasts: nobody takes over meanwhile.
func TestProcessesWaitForAStatementLongerThanALease(t *testing.T) {
	leases(t, 100*time.Millisecond)
	for _, journal := range journals {
		t.Run(journal.name, func(t *testing.T) {
			n, lost := rounds(t, 2, 1), 0
			begin := time.Now()
			for range n {
				s := newSite(t)
				s.exec(`CREATE TABLE person (id INTEGER PRIMARY KEY, picture BLOB);
					WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) INSERT INTO person (picture) SELECT randomblob(10000) FROM n;`)
				dsn := s.dsn(journal.params, "_migrate_set=chain", "_migrate_baseline=none")
				first, second := newGate(t), newGate(t)
				holder := start(t, "long stairs", dsn, first.r)
				var waiting []*process
				for range 4 {
					waiting = append(waiting, start(t, "long stairs", dsn, second.r))
				}
				for _, p := range append(waiting, holder) {
					p.says("ready")
				}
				first.open()
				for owner := ""; owner == ""; time.Sleep(time.Millisecond) {
					if s.look("SELECT count(*) FROM sqlite_master WHERE name = 'migratingsqlite_lease'") == "1" {
						owner = s.look("SELECT owner FROM migratingsqlite_lease")
					}
				}
				second.open()
				holder.succeeds()
				for _, p := range waiting {
					p.succeeds()
				}
				want(t, s.look("SELECT n FROM counter"), "2000005")
				if owner := s.look("SELECT owner FROM migratingsqlite_lease"); !strings.HasSuffix(owner, fmt.Sprintf("process %d", holder.Process.Pid)) {
					lost++
				}
			}
			t.Logf("%d rounds in %v; the lease was lost in %d", n, time.Since(begin).Round(time.Millisecond), lost)
			if lost > 0 {
				t.Error("another process took over")
			}
		})
	}
}

// An upgrade is ended in its batches, by closing the database or in another way.
// The next open does not have to wait for the lease, which lasts for ten seconds.
func TestUpgradeInStepsIsClosed(t *testing.T) {
	set := slowStairs.load(t)
	for _, journal := range journals {
		for name, upgrade := range map[string]func(s *site) (result <-chan error, end func() error){
			"db.Close": func(s *site) (<-chan error, func() error) {
				db := s.open(journal.params, set)
				result := make(chan error, 1)
				go func() { result <- db.Ping() }()
				return result, db.Close
			},
			"context of Up": func(s *site) (<-chan error, func() error) {
				m, err := migratingsqlite.NewMigrator(s.dsn(journal.params), migratingsqlite.WithSet(set))
				must(t, err)
				ctx, cancel := context.WithCancel(context.Background())
				result, ended := make(chan error, 1), make(chan struct{})
				go func() {
					_, err := m.Up(ctx)
					result <- err
					close(ended)
				}()
				return result, func() error { cancel(); <-ended; return nil }
			},
		} {
			t.Run(name+", "+journal.name, func(t *testing.T) {
				s := newSite(t)
				result, end := upgrade(s)
				s.reaches(inBatches)
				begin := time.Now()
				must(t, end())
				if took := time.Since(begin); took > time.Second {
					t.Errorf("it took %v", took)
				}
				fails(t, <-result, nil, "0004_stair", "half done", "the next open goes on")
				want(t, s.look("SELECT expires_at FROM migratingsqlite_lease"), "")
				done := s.look("SELECT count(*) FROM person WHERE form = 1")
				if done == "0" || done == "4000" {
					t.Errorf("%s rows were done when it was closed", done)
				}
				want(t, s.look("SELECT rows_affected FROM migratingsqlite_lease"), done)
				s.opens(8*time.Second, journal.params, set)
				slowStairs.check(t, s)
				s.noLeftovers()
			})
		}
	}
}

// Who waits for the lease only reads: nobody else ever finds the database locked
// by it, and the file stays as it is.
func TestWaitingProcessesOnlyRead(t *testing.T) {
	for _, journal := range journals {
		t.Run(journal.name, func(t *testing.T) {
			s := newSite(t)
			s.opens(10*time.Second, journal.params, slowStairs.load(t), migratingsqlite.WithTo(int64(slowStairs.batches()-1)))
			s.exec("UPDATE migratingsqlite_lease SET owner = 'somebody', token = 'x', expires_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+60 seconds')")
			g := newGate(t)
			var waiting []*process
			for range 4 {
				waiting = append(waiting, start(t, "slow stairs", s.dsn(journal.params, "_migrate_set=chain", "_migrate_timeout=1s"), g.r))
			}
			for _, p := range waiting {
				p.says("ready")
			}
			db := s.plain("_pragma=busy_timeout(0)")
			conn, err := db.Conn(context.Background())
			must(t, err)
			defer conn.Close()
			version := lookInto(t, conn, "PRAGMA data_version")
			g.open()
			tries, locked := 0, 0
			for begin := time.Now(); time.Since(begin) < time.Second; tries++ {
				if _, err := conn.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
					locked++
				} else if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(100 * time.Microsecond)
			}
			for _, p := range waiting {
				p.Wait()
				text := p.stderr.String()
				for _, words := range []string{"another connection is upgrading the database (somebody)", "1s", "_migrate_timeout", "at version 3"} {
					if !strings.Contains(text, words) {
						t.Errorf("the error does not say %q: %s", words, text)
					}
				}
			}
			t.Logf("%d tries, %d times locked", tries, locked)
			if now := lookInto(t, conn, "PRAGMA data_version"); locked > 0 || now != version {
				t.Errorf("the waiting ones took the lock %d times of %d; data_version was %s and is %s", locked, tries, version, now)
			}
		})
	}
}

// An older program opens the database while a newer one is halfway.
func TestOlderProcessBetweenStepsOfANewerOne(t *testing.T) {
	leases(t, time.Minute)
	s := newSite(t)
	old := app(t, newerProgram[:2]...)
	must(t, with(t, s.path, old))
	// halfway lets the newer program begin and kills it at a commit.
	halfway := func(commit int) {
		g := newGate(t)
		t.Setenv(deathEnv, strconv.Itoa(commit))
		defer os.Unsetenv(deathEnv)
		p := start(t, "newer program", s.dsn(), g.r)
		p.says("ready")
		g.open()
		p.Wait()
	}
	works := func() {
		t.Helper()
		must(t, with(t, s.path, old))
		must(t, with(t, s.path+"?_migrate=check", old))
		want(t, s.look("SELECT digest FROM migratingsqlite_state WHERE set_name = 'app'"), "")
		wantError(t, with(t, s.path+"?_migrate_newer=refuse", old), migratingsqlite.ErrSchemaNewer)
	}
	before := s.look("SELECT digest FROM migratingsqlite_state WHERE set_name = 'app'")
	halfway(2) // the lease is taken
	must(t, with(t, s.path, old))
	want(t, s.look("SELECT digest FROM migratingsqlite_state WHERE set_name = 'app'"), before)
	s.exec("UPDATE migratingsqlite_lease SET expires_at = ''")
	halfway(3) // 2 is applied
	want(t, s.look("SELECT max(version) FROM migratingsqlite_history WHERE set_name = 'app'"), "2")
	works()
	s.exec("UPDATE migratingsqlite_lease SET expires_at = ''")
	halfway(3) // a batch is done
	want(t, s.look("SELECT rows_affected FROM migratingsqlite_lease"), "1")
	works()
	s.exec("UPDATE migratingsqlite_lease SET expires_at = ''")
	halfway(6) // 3 is applied
	want(t, s.look("SELECT max(version) FROM migratingsqlite_history WHERE set_name = 'app'"), "3")
	works()
	s.exec("UPDATE migratingsqlite_lease SET expires_at = ''")
	halfway(3) // 4 is applied
	want(t, s.look("SELECT max(version) FROM migratingsqlite_history WHERE set_name = 'app'"), "4")
	wantError(t, with(t, s.path, old), migratingsqlite.ErrSchemaNewer, "0004_drop", "start a newer program")
	want(t, s.look("SELECT digest FROM migratingsqlite_state WHERE set_name = 'app'"), "")
	s.exec("CREATE TABLE nowhere (x); UPDATE migratingsqlite_lease SET expires_at = ''")
	must(t, with(t, s.path, app(t, newerProgram...)))
	want(t, s.look("SELECT min(form), count(*) FROM person"), "1|3")
	want(t, s.look("SELECT count(*) FROM nowhere"), "1")
}
