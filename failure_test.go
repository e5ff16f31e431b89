package migratingsqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"modernc.org/sqlite"

	"github.com/migratingsqlite/migratingsqlite"
)

// steps loads a set of one script for each version from 1 on, and functions.
func steps(t testing.TB, scripts []string, opts ...migratingsqlite.SetOption) *migratingsqlite.Set {
	t.Helper()
	fsys := fstest.MapFS{}
	for i, script := range scripts {
		if script != "" {
			fsys[fmt.Sprintf("%04d_step.sql", i+1)] = &fstest.MapFile{Data: []byte(script)}
		}
	}
	set, err := migratingsqlite.Load("app", fsys, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// fails checks an error and shows it.
func fails(t testing.TB, err, is error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	t.Log(err)
	if is != nil && !errors.Is(err, is) {
		t.Errorf("the error is not %q", is)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q", w)
		}
	}
	if strings.Count(err.Error(), "migratingsqlite:") > 1 {
		t.Error("the error says migratingsqlite: twice")
	}
}

// failsIn checks that an error is of a migration.
func failsIn(t testing.TB, err error, version int64, words ...string) {
	t.Helper()
	fails(t, err, nil, words...)
	var m *migratingsqlite.MigrationError
	if !errors.As(err, &m) || m.Version != version || m.Set != "app" {
		t.Errorf("not a MigrationError of version %d of app: %#v", version, m)
	}
}

// stays runs f and checks that it changes nothing but the driver's own tables.
func (s *site) stays(f func()) {
	s.Helper()
	before := s.dump()
	f()
	if after := s.dump(); after != before {
		s.Fatalf("the database was changed from\n%s\nto\n%s", before, after)
	}
	if got := s.look("PRAGMA integrity_check"); got != "ok" {
		s.Errorf("integrity_check: %s", got)
	}
}

// works checks that the database can be opened and has a version.
func (s *site) works(db *sql.DB, version int64) {
	s.Helper()
	if err := db.Ping(); err != nil {
		s.Fatalf("after the cause is gone: %v", err)
	}
	if got := lookInto(s, db, "SELECT version FROM migratingsqlite_state WHERE set_name = 'app'"); got != fmt.Sprint(version) {
		s.Fatalf("version %s, want %d", got, version)
	}
}

// retryPause is longer than a connector answers the error of a migration that
// failed for the first time without trying again.
const retryPause = 200 * time.Millisecond

const (
	family = `CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
		CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE);
		INSERT INTO parent (name) VALUES ('a'), ('b'), ('c');
		INSERT INTO child (parent_id) VALUES (1), (1), (2), (3), (3);`
	rebuildParent = `CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT);
		INSERT INTO parent_new (id, name) SELECT id, name FROM parent;
		DROP TABLE parent;
		ALTER TABLE parent_new RENAME TO parent;`
)

// enforces checks that a connection has foreign_keys on, and that it works.
func enforces(t testing.TB, db *sql.DB) {
	t.Helper()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := lookInto(t, conn, "PRAGMA foreign_keys"); got != "1" {
		t.Errorf("PRAGMA foreign_keys is %s on the connection handed out", got)
	}
	if _, err := conn.ExecContext(context.Background(), "INSERT INTO child (parent_id) VALUES (4711)"); err == nil {
		t.Error("foreign keys are not enforced on the connection handed out")
	}
	if got := lookInto(t, conn, "SELECT count(*) FROM child"); got != "5" {
		t.Errorf("%s children are left of 5", got)
	}
	if _, err := conn.ExecContext(context.Background(), "DELETE FROM parent WHERE id = 1"); err != nil {
		t.Error(err)
	}
	if got := lookInto(t, conn, "SELECT count(*) FROM child"); got != "3" {
		t.Errorf("ON DELETE CASCADE left %s children, want 3", got)
	}
}

func TestTableRebuildLosesNoChildRow(t *testing.T) {
	set := steps(t, []string{family, rebuildParent})
	for _, journal := range journals {
		params := "_pragma=foreign_keys(1)&" + journal.params
		t.Run("new file, "+journal.name, func(t *testing.T) {
			s := newSite(t)
			enforces(t, s.open(params, set))
		})
		t.Run("file with rows, "+journal.name, func(t *testing.T) {
			s := newSite(t)
			s.works(s.open(params, steps(t, []string{family})), 1)
			enforces(t, s.open(params, set))
		})
	}
	t.Run("connection kept", func(t *testing.T) {
		for _, dsn := range []string{":memory:?_pragma=foreign_keys(1)", "file::memory:?_foreign_keys=1", "file:kept?mode=memory&_pragma=foreign_keys(1)"} {
			enforces(t, openSet(t, dsn, set))
		}
	})
	t.Run("several connections", func(t *testing.T) {
		s := newSite(t)
		db := s.open("_pragma=foreign_keys(1)", set)
		var conns []*sql.Conn
		for range 4 {
			conn, err := db.Conn(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		for i, conn := range conns {
			if got := lookInto(t, conn, "PRAGMA foreign_keys"); got != "1" {
				t.Errorf("PRAGMA foreign_keys is %s on connection %d", got, i)
			}
			conn.Close()
		}
	})
}

func TestNewForeignKeyViolationRefusesTheCommit(t *testing.T) {
	for _, params := range []string{"_pragma=foreign_keys(1)", "_pragma=foreign_keys(0)", "_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)"} {
		t.Run(params, func(t *testing.T) {
			s := newSite(t)
			s.works(s.open(params, steps(t, []string{family})), 1)
			s.stays(func() {
				db := s.open(params, steps(t, []string{family, "DELETE FROM parent WHERE id = 3;"}))
				failsIn(t, db.Ping(), 2, "child", "parent", "foreign key", "unchanged, at version 1")
			})
			s.stays(func() {
				db := s.open(params, steps(t, []string{family, "UPDATE parent SET name = 'x';", "DELETE FROM parent WHERE id = 3;"}))
				fails(t, db.Ping(), nil, "child", "parent", "foreign key", "0002_step", "0003_step", "unchanged, at version 1")
			})
			s.stays(func() {
				db := s.open(params, steps(t, []string{family}, migratingsqlite.Func(2, "orphan", func(ctx context.Context, tx migratingsqlite.Tx) error {
					_, err := tx.ExecContext(ctx, "DELETE FROM parent")
					return err
				}, nil)))
				failsIn(t, db.Ping(), 2, "child", "parent", "foreign key")
			})
			s.works(s.open(params, steps(t, []string{family, "DELETE FROM child WHERE parent_id = 3; DELETE FROM parent WHERE id = 3;"})), 2)
		})
	}
	t.Run("on a new file", func(t *testing.T) {
		s := newSite(t)
		s.stays(func() {
			failsIn(t, s.open("", steps(t, []string{family + "DELETE FROM parent;"})).Ping(), 1, "child", "still empty")
		})
	})
	t.Run("in a table without rowid", func(t *testing.T) {
		s := newSite(t)
		const first = family + `CREATE TABLE pet (name TEXT PRIMARY KEY, parent_id INTEGER REFERENCES parent) WITHOUT ROWID;
			INSERT INTO pet VALUES ('dog', 1), ('cat', 99);`
		s.exec(strings.ReplaceAll(first, "CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
		open := func(script string) error {
			return s.open("", steps(t, []string{first, script}), migratingsqlite.WithBaseline("1")).Ping()
		}
		s.stays(func() {
			fails(t, open("INSERT INTO pet VALUES ('fish', 98);"), nil, "pet", "parent", "foreign key")
		})
		s.stays(func() { // as many as before, but not the same
			fails(t, open("DELETE FROM pet WHERE name = 'cat'; INSERT INTO pet VALUES ('fish', 98);"), nil, "pet", "parent", "foreign key")
		})
	})
	t.Run("with a composite key", func(t *testing.T) {
		s := newSite(t)
		const first = `CREATE TABLE a (x, y, PRIMARY KEY (x, y)); INSERT INTO a VALUES (1, 2);
			CREATE TABLE b (y, x, FOREIGN KEY (x, y) REFERENCES a); INSERT INTO b VALUES (2, 1), (NULL, 7);`
		s.works(s.open("", steps(t, []string{first})), 1)
		s.stays(func() {
			failsIn(t, s.open("", steps(t, []string{first, "UPDATE b SET x = 3 WHERE x = 1;"})).Ping(), 2, "foreign key", "b", "unchanged")
		})
	})
}

func TestOldForeignKeyViolationsDoNotBlock(t *testing.T) {
	const orphans = family + "INSERT INTO child (id, parent_id) VALUES (50, 98), (70, 99), (71, 99);"
	for _, c := range []struct{ name, before, script string }{
		{"nothing to do with it", orphans, "UPDATE parent SET name = 'z';"},
		{"another row", orphans, "INSERT INTO child (parent_id) VALUES (1);"},
		{"rebuild of the parent", orphans, rebuildParent},
		{"rebuild of the child with other rowids", orphans, `CREATE TABLE child_new (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE);
			INSERT INTO child_new (parent_id) SELECT parent_id FROM child ORDER BY id DESC;
			DROP TABLE child; ALTER TABLE child_new RENAME TO child;`},
		{"rebuild of the child without rowids", orphans, `CREATE TABLE child_new (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE) WITHOUT ROWID;
			INSERT INTO child_new SELECT * FROM child;
			DROP TABLE child; ALTER TABLE child_new RENAME TO child;`},
		{"table without rowid", family + `CREATE TABLE pet (name TEXT PRIMARY KEY, parent_id INTEGER REFERENCES parent) WITHOUT ROWID;
			INSERT INTO pet VALUES ('dog', 1), ('cat', 99);`, rebuildParent + "INSERT INTO pet VALUES ('ant', 2);"},
		{"child renamed", orphans, "ALTER TABLE child RENAME TO kid;"},
		{"column renamed", orphans, "ALTER TABLE child RENAME COLUMN parent_id TO mother;"},
		{"parent renamed", orphans, "ALTER TABLE parent RENAME TO mother;"},
		{"letters of the names", orphans, `CREATE TABLE child_new (id INTEGER PRIMARY KEY, Parent_ID INTEGER REFERENCES PARENT (ID));
			INSERT INTO child_new SELECT * FROM child;
			DROP TABLE child; ALTER TABLE child_new RENAME TO Child;`},
		{"no parent at all", "CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES nowhere (x)); INSERT INTO child VALUES (1, 1), (2, NULL);", "INSERT INTO child VALUES (3, NULL);"},
		{"mismatch", family + "CREATE TABLE odd (name REFERENCES parent (name)); INSERT INTO odd VALUES ('a'), ('q');", rebuildParent},
		{"mismatch and orphans", orphans + "CREATE TABLE odd (name REFERENCES parent (name)); INSERT INTO odd VALUES ('a'), ('q');", rebuildParent + "INSERT INTO odd VALUES ('r');"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.exec(c.before)
			// A row more or less in the history makes no difference.
			set := steps(t, []string{"CREATE TABLE IF NOT EXISTS nothing (x);", c.script})
			s.works(s.open("_pragma=foreign_keys(1)", set, migratingsqlite.WithBaseline("1")), 2)
		})
	}
	t.Run("a new one beside a mismatch", func(t *testing.T) {
		s := newSite(t)
		s.exec(orphans + "CREATE TABLE odd (name REFERENCES parent (name)); INSERT INTO odd VALUES ('a'), ('q');")
		set := steps(t, []string{"SELECT 1;", "INSERT INTO child (parent_id) VALUES (99);"})
		s.stays(func() {
			fails(t, s.open("", set, migratingsqlite.WithBaseline("1")).Ping(), nil, "child", "parent", "foreign key")
		})
	})
	t.Run("a new mismatch", func(t *testing.T) {
		s := newSite(t)
		s.exec(family)
		set := steps(t, []string{"SELECT 1;", "CREATE TABLE odd (name REFERENCES parent (name)); INSERT INTO odd VALUES ('a');"})
		s.stays(func() {
			fails(t, s.open("", set, migratingsqlite.WithBaseline("1")).Ping(), nil, "odd", "mismatch")
		})
	})
}

const fillUp = `CREATE TABLE big (x BLOB);
	INSERT INTO big WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 500) SELECT randomblob(1000) FROM n;`

func TestDatabaseAtItsPageLimit(t *testing.T) {
	for _, journal := range journals {
		for _, cache := range []string{"", "_pragma=cache_size(10)"} {
			t.Run(journal.name+cache, func(t *testing.T) {
				s := newSite(t)
				params := journal.params + "&" + cache
				s.works(s.open(params, steps(t, []string{family})), 1)
				set := steps(t, []string{family, rebuildParent, fillUp})
				s.stays(func() {
					db := s.open(params+"&_pragma=max_page_count(30)", set)
					failsIn(t, db.Ping(), 3, "0003_step.sql:2:", "full", "unchanged, at version 1", "make room")
				})
				s.works(s.open(params, set), 3)
			})
		}
	}
	t.Run("new file", func(t *testing.T) {
		s := newSite(t)
		s.stays(func() {
			fails(t, s.open("_pragma=max_page_count(3)", steps(t, []string{family})).Ping(), nil, "full", "still empty", "make room")
		})
		s.works(s.open("", steps(t, []string{family})), 1)
	})
}

func TestReadOnlyDSN(t *testing.T) {
	one, two := steps(t, []string{family}), steps(t, []string{family, rebuildParent})
	for _, journal := range journals {
		for _, params := range []string{"mode=ro", "immutable=1", "mode=ro&immutable=1", "mode=ro&_migrate=on", "_pragma=query_only(1)"} {
			t.Run(journal.name+", "+params, func(t *testing.T) {
				s := newSite(t)
				func() {
					db := s.open(journal.params, one)
					defer db.Close()
					s.works(db, 1)
				}()
				s.works(s.open(params, one), 1)
				db := s.open(params, two)
				s.stays(func() {
					fails(t, db.Ping(), migratingsqlite.ErrPending, "0002_step", "unchanged, at version 1")
				})
				func() {
					db := s.open("", two)
					defer db.Close()
					s.works(db, 2)
				}()
				s.works(db, 2) // the same pool
			})
		}
	}
	t.Run("missing file", func(t *testing.T) {
		s := newSite(t)
		db := s.open("mode=ro", one)
		fails(t, db.Ping(), migratingsqlite.ErrPending, "does not exist")
		if _, err := os.Stat(s.path); !os.IsNotExist(err) {
			t.Error("the file was created:", err)
		}
		s.works(s.open("", one), 1)
		s.works(db, 1)
	})
}

func TestFileThatIsNotADatabase(t *testing.T) {
	set := steps(t, []string{family})
	for _, c := range []struct{ name, content string }{
		{"a word", "hello\n"},
		{"a page of text", strings.Repeat("Dear diary, today I was not a database. ", 200)},
		{"another magic", "SQLite format 2\x00" + strings.Repeat("\x00", 4080)},
		{"noise", strings.Repeat("\x89\xf0\x1c\x03", 5000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, journal := range journals {
				s := newSite(t)
				if err := os.WriteFile(s.path, []byte(c.content), 0o600); err != nil {
					t.Fatal(err)
				}
				db := s.open(journal.params, set)
				fails(t, db.Ping(), nil, s.path, "not a database", "was not touched")
				s.content(c.content)
				s.noLeftovers()
				if err := os.Remove(s.path); err != nil {
					t.Fatal(err)
				}
				s.works(db, 1)
			}
		})
	}
}

// content checks a file byte by byte. No connection of this process may be
// open: closing the file drops the locks on it.
func (s *site) content(want string) {
	s.Helper()
	got, err := os.ReadFile(s.path)
	if err != nil {
		s.Fatal(err)
	}
	if string(got) != want {
		s.Errorf("the file was changed: it had %d bytes and has %d", len(want), len(got))
	}
}

func TestTruncatedDatabase(t *testing.T) {
	one, two := steps(t, []string{family + fillUp}), steps(t, []string{family + fillUp, rebuildParent})
	whole := newSite(t)
	func() {
		db := whole.open("", one)
		defer db.Close()
		whole.works(db, 1)
	}()
	bytes, err := os.ReadFile(whole.path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for _, c := range []struct {
		name string
		size int
	}{
		{"in the middle of a page", len(bytes)/2/page*page + 1000},
		{"between two pages", len(bytes) / 2 / page * page},
		{"behind the first page", page},
		{"inside the first page", 700},
		{"inside the header", 50},
		{"the last page is missing", len(bytes) - page},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, set := range map[string]*migratingsqlite.Set{"nothing pending": one, "pending": two} {
				for _, journal := range journals {
					s := newSite(t)
					if err := os.WriteFile(s.path, bytes[:c.size], 0o600); err != nil {
						t.Fatal(err)
					}
					db := s.open(journal.params, set)
					err := db.Ping()
					if err == nil {
						t.Fatalf("%s: no error", name)
					}
					fails(t, err, nil, s.path)
					if !strings.Contains(err.Error(), "malformed") && !strings.Contains(err.Error(), "not a database") {
						t.Errorf("the error does not say that the file is damaged")
					}
					s.content(string(bytes[:c.size]))
					if err := os.WriteFile(s.path, bytes, 0o600); err != nil { // the backup
						t.Fatal(err)
					}
					s.works(db, set.Migrations()[len(set.Migrations())-1].Version)
				}
			}
		})
	}
}

func TestEmptyFileIsANewDatabase(t *testing.T) {
	for _, journal := range journals {
		s := newSite(t)
		if err := os.WriteFile(s.path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s.works(s.open(journal.params, steps(t, []string{family})), 1)
	}
}

func TestPlaceWhereNoDatabaseCanBe(t *testing.T) {
	set := steps(t, []string{family})
	t.Run("folder", func(t *testing.T) {
		s := newSite(t)
		if err := os.Mkdir(s.path, 0o700); err != nil {
			t.Fatal(err)
		}
		db := s.open("", set)
		fails(t, db.Ping(), nil, s.path, "unable to open database file", "it is a folder")
		if err := os.Remove(s.path); err != nil {
			t.Fatal(err)
		}
		s.works(db, 1)
	})
	t.Run("missing folder", func(t *testing.T) {
		s := newSite(t)
		s.path = filepath.Join(filepath.Dir(s.path), "data", "app.db")
		db := s.open("", set)
		fails(t, db.Ping(), nil, s.path, "unable to open database file", "there is no folder")
		if err := os.Mkdir(filepath.Dir(s.path), 0o700); err != nil {
			t.Fatal(err)
		}
		s.works(db, 1)
	})
}

func TestLockedPastTheTimeout(t *testing.T) {
	one, two := steps(t, []string{family}), steps(t, []string{family, rebuildParent})
	holders := []struct {
		name string
		hold func(s *site) (release func())
	}{
		{"process, BEGIN EXCLUSIVE", func(s *site) func() {
			g := newGate(s)
			p := start(s, "write lock", s.dsn(), g.r)
			p.says("ready")
			return func() { g.open(); p.succeeds() }
		}},
		{"connection, BEGIN IMMEDIATE", func(s *site) func() { return s.hold("BEGIN IMMEDIATE") }},
		{"connection, BEGIN EXCLUSIVE", func(s *site) func() { return s.hold("BEGIN EXCLUSIVE") }},
	}
	for _, journal := range journals {
		for _, busy := range []string{"", "_pragma=busy_timeout(60000)", "_busy_timeout=60000"} {
			for _, h := range holders {
				t.Run(journal.name+", "+h.name+", "+busy, func(t *testing.T) {
					s := newSite(t)
					func() {
						db := s.open(journal.params, one)
						defer db.Close()
						s.works(db, 1)
					}()
					release := h.hold(s)
					db := s.open(journal.params+"&_migrate_timeout=300ms&"+busy, two)
					begin := time.Now()
					err := db.Ping()
					took := time.Since(begin)
					fails(t, err, migratingsqlite.ErrLocked, "locked", "300ms", "_migrate_timeout")
					if took < 300*time.Millisecond || took > time.Second {
						t.Errorf("gave up after %v", took)
					}

					ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
					defer cancel()
					begin = time.Now()
					err = db.PingContext(ctx)
					fails(t, err, context.DeadlineExceeded)
					if took := time.Since(begin); took > 500*time.Millisecond {
						t.Errorf("a caller with a deadline of 50ms was answered after %v", took)
					}
					release()
					s.works(db, 2)
					if busy != "" {
						if got := lookInto(t, db, "PRAGMA busy_timeout"); got != "60000" {
							t.Errorf("busy_timeout is %s on the connection handed out", got)
						}
					}
				})
			}
		}
	}
	t.Run("busy_timeout given twice", func(t *testing.T) {
		s := newSite(t)
		release := s.hold("BEGIN EXCLUSIVE")
		db := s.open("_migrate_timeout=300ms&_pragma=busy_timeout(800)&_pragma=busy_timeout(800)", one)
		begin := time.Now()
		fails(t, db.Ping(), migratingsqlite.ErrLocked, "300ms")
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("gave up after %v", took)
		}
		release()
		s.works(db, 1)
	})
	t.Run("wrapped driver that waits", func(t *testing.T) {
		s := newSite(t)
		release := s.hold("BEGIN EXCLUSIVE")
		base, err := sqlite.NewConnector(s.dsn("_pragma=busy_timeout(800)"))
		if err != nil {
			t.Fatal(err)
		}
		c, err := migratingsqlite.WrapConnector(base, migratingsqlite.WithSet(one), migratingsqlite.WithTimeout(300*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(c)
		defer db.Close()
		begin := time.Now()
		fails(t, db.Ping(), migratingsqlite.ErrLocked, "300ms")
		if took := time.Since(begin); took > 2500*time.Millisecond { // it cannot be stopped while it waits
			t.Errorf("gave up after %v", took)
		}
		release()
		s.works(db, 1)
	})
	t.Run("no waiting", func(t *testing.T) {
		s := newSite(t)
		release := s.hold("BEGIN EXCLUSIVE")
		db := s.open("", one, migratingsqlite.WithTimeout(0))
		begin := time.Now()
		fails(t, db.Ping(), migratingsqlite.ErrLocked)
		if took := time.Since(begin); took > 200*time.Millisecond {
			t.Errorf("gave up after %v", took)
		}
		release()
		s.works(db, 1)
	})
}

// hold begins a transaction on a connection of the wrapped driver.
func (s *site) hold(begin string) (release func()) {
	s.Helper()
	db := s.plain()
	conn, err := db.Conn(context.Background())
	if err != nil {
		s.Fatal(err)
	}
	if _, err := conn.ExecContext(context.Background(), begin); err != nil {
		s.Fatal(err)
	}
	return func() {
		s.Helper()
		if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			s.Fatal(err)
		}
		conn.Close()
		db.Close()
	}
}

func TestReaderInTheWayOfTheCommit(t *testing.T) {
	one := steps(t, []string{family})
	// setup returns a set whose last step says that only the commit is left.
	setup := func(t *testing.T) (s *site, set *migratingsqlite.Set, last chan struct{}, rows *sql.Rows) {
		s = newSite(t)
		s.works(s.open("", one), 1)
		last = make(chan struct{}, 10)
		set = steps(t, []string{family, rebuildParent}, migratingsqlite.Func(3, "last", func(context.Context, migratingsqlite.Tx) error {
			last <- struct{}{}
			return nil
		}, nil))
		rows, err := s.plain().Query("SELECT * FROM child")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { rows.Close() })
		if !rows.Next() {
			t.Fatal("no row", rows.Err())
		}
		return s, set, last, rows
	}
	t.Run("that ends", func(t *testing.T) {
		s, set, last, rows := setup(t)
		db := s.open("_pragma=foreign_keys(1)", set)
		opened := make(chan error)
		go func() { opened <- db.Ping() }()
		<-last
		select {
		case err := <-opened:
			t.Fatalf("did not wait for the reader: %v", err)
		case <-time.After(200 * time.Millisecond):
		}
		n := 1
		for rows.Next() {
			n++
		}
		if n != 5 || rows.Err() != nil {
			t.Errorf("the reader saw %d rows: %v", n, rows.Err())
		}
		if err := <-opened; err != nil {
			t.Fatal(err)
		}
		enforces(t, db)
		if len(last) != 0 {
			t.Error("the migrations ran again")
		}
	})
	t.Run("that does not end", func(t *testing.T) {
		s, set, last, rows := setup(t)
		db := s.open("_migrate_timeout=300ms", set)
		begin := time.Now()
		fails(t, db.Ping(), migratingsqlite.ErrLocked, "300ms", "unchanged, at version 1")
		if took := time.Since(begin); took > time.Second {
			t.Errorf("gave up after %v", took)
		}
		<-last
		rows.Close()
		s.works(db, 3)
	})
	t.Run("and the database is closed", func(t *testing.T) {
		s, set, last, rows := setup(t)
		db := s.open("", set)
		s.stays(func() {
			opened := make(chan error)
			go func() { opened <- db.Ping() }()
			<-last
			time.Sleep(50 * time.Millisecond)
			begin := time.Now()
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > time.Second {
				t.Errorf("Close took %v", took)
			}
			fails(t, <-opened, nil, "closed")
			rows.Close()
		})
		s.works(s.open("", set), 3)
	})
}

func TestCallersGiveUpBeforeTheUpgradeIsDone(t *testing.T) {
	for _, limit := range []int{0, 1} { // of connections
		t.Run(fmt.Sprintf("%d connections", limit), func(t *testing.T) {
			before := runtime.NumGoroutine()
			var runs atomic.Int32
			goOn := make(chan struct{})
			set := steps(t, []string{family}, migratingsqlite.Func(2, "slow", func(ctx context.Context, tx migratingsqlite.Tx) error {
				runs.Add(1)
				select {
				case <-goOn:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}, nil))
			s := newSite(t)
			db := s.open("", set)
			db.SetMaxOpenConns(limit)
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
					defer cancel()
					begin := time.Now()
					if err := db.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("got %v", err)
					}
					if took := time.Since(begin); took > 500*time.Millisecond {
						t.Errorf("answered after %v", took)
					}
				})
			}
			wg.Wait()
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			fails(t, db.PingContext(ctx), context.DeadlineExceeded)
			close(goOn)
			s.works(db, 2)
			if n := runs.Load(); n != 1 {
				t.Errorf("the migration ran %d times", n)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			settles(t, before, runtime.NumGoroutine)
		})
	}
	t.Run("all of them", func(t *testing.T) {
		// Nobody waits any more, and the database gets its upgrade.
		s := newSite(t)
		done := make(chan struct{})
		set := steps(t, []string{family}, migratingsqlite.Func(2, "slow", func(context.Context, migratingsqlite.Tx) error {
			time.Sleep(100 * time.Millisecond)
			close(done)
			return nil
		}, nil))
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		db := s.open("", set)
		fails(t, db.PingContext(ctx), context.DeadlineExceeded, "goes on")
		<-done
		for deadline := time.Now().Add(5 * time.Second); s.look("SELECT count(*) FROM sqlite_master WHERE name = 'parent'") == "0"; {
			if time.Now().After(deadline) {
				t.Fatal("the upgrade was not committed")
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	t.Run("before it begins", func(t *testing.T) {
		s := newSite(t)
		db := s.open("", steps(t, []string{family}))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		fails(t, db.PingContext(ctx), context.Canceled)
		s.works(db, 1)
	})
}

// settles waits until a count is what it was.
func settles(t testing.TB, before int, count func() int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		now := count()
		if now <= before {
			return
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			stacks = stacks[:runtime.Stack(stacks, true)]
			t.Fatalf("there were %d and are %d; goroutines:\n%s", before, now, stacks)
		}
	}
}

func TestCloseDuringAnUpgrade(t *testing.T) {
	endless := `CREATE TABLE never (x);
		INSERT INTO never WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n;`
	triggered := `CREATE TABLE never (x);
		CREATE TRIGGER slow AFTER INSERT ON parent BEGIN
			INSERT INTO never SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i FROM n);
		END;
		INSERT INTO parent (name) VALUES ('new');`
	reached := make(chan struct{}, 10)
	here := migratingsqlite.Func(2, "here", func(context.Context, migratingsqlite.Tx) error {
		reached <- struct{}{}
		return nil
	}, nil)
	wait := func(ctx context.Context, tx migratingsqlite.Tx) error {
		<-ctx.Done()
		return ctx.Err()
	}
	query := func(ctx context.Context, tx migratingsqlite.Tx) error {
		var n int
		return tx.QueryRowContext(context.Background(), "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n").Scan(&n)
	}
	deaf := func(ctx context.Context, tx migratingsqlite.Tx) error { // looks at its context too late
		time.Sleep(300 * time.Millisecond)
		return nil
	}
	for _, c := range []struct {
		name string
		set  *migratingsqlite.Set
	}{
		{"script", steps(t, []string{family, "", endless}, here)},
		{"script with a trigger", steps(t, []string{family, "", triggered}, here)},
		{"function that waits", steps(t, []string{family}, here, migratingsqlite.Func(3, "wait", wait, nil))},
		{"function that queries", steps(t, []string{family}, here, migratingsqlite.Func(3, "query", query, nil))},
		{"function that ignores it", steps(t, []string{family}, here, migratingsqlite.Func(3, "deaf", deaf, nil))},
	} {
		for _, journal := range journals {
			t.Run(c.name+", "+journal.name, func(t *testing.T) {
				before := runtime.NumGoroutine()
				s := newSite(t)
				func() {
					db := s.open(journal.params, steps(t, []string{family}))
					defer db.Close()
					s.works(db, 1)
				}()
				db := s.open(journal.params, c.set)
				opened := make(chan error, 2)
				for range cap(opened) {
					go func() { opened <- db.Ping() }()
				}
				<-reached
				time.Sleep(20 * time.Millisecond)
				begin := time.Now()
				if err := db.Close(); err != nil {
					t.Error("Close:", err)
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("Close took %v", took)
				}
				for range cap(opened) {
					fails(t, <-opened, nil, "closed")
				}
				fails(t, db.Ping(), nil, "closed")
				settles(t, before, runtime.NumGoroutine)
				s.noLeftovers()
				if got := s.look("SELECT version FROM migratingsqlite_state WHERE set_name = 'app'"); got != "1" {
					t.Errorf("at version %s, want 1", got)
				}
				if got := s.look("SELECT count(*) FROM sqlite_master WHERE name = 'never'"); got != "0" {
					t.Error("half of it was committed")
				}
			})
		}
	}
}

func TestFunctionThatLeavesRowsOpen(t *testing.T) {
	for _, c := range []struct {
		name string
		f    migratingsqlite.MigrateFunc
	}{
		{"queries", func(ctx context.Context, tx migratingsqlite.Tx) error {
			for range 20 {
				rows, err := tx.QueryContext(ctx, "SELECT * FROM child")
				if err != nil {
					return err
				}
				if !rows.Next() {
					return errors.New("no row")
				}
			}
			return nil
		}},
		{"prepared query", func(ctx context.Context, tx migratingsqlite.Tx) error {
			stmt, err := tx.PrepareContext(ctx, "SELECT * FROM child")
			if err != nil {
				return err
			}
			rows, err := stmt.QueryContext(ctx)
			if err != nil {
				return err
			}
			if !rows.Next() {
				return errors.New("no row")
			}
			return nil
		}},
		{"row without a Scan", func(ctx context.Context, tx migratingsqlite.Tx) error {
			return tx.QueryRowContext(ctx, "SELECT * FROM child").Err()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := steps(t, []string{family, "", "DROP TABLE child; ALTER TABLE parent ADD COLUMN more;"},
				migratingsqlite.Func(2, "rows", c.f, nil))
			before := runtime.NumGoroutine()
			s := newSite(t)
			db := s.open("", set)
			s.works(db, 3)
			db.Close()
			settles(t, before, runtime.NumGoroutine)
		})
	}
}

func TestFailedAttemptIsRecorded(t *testing.T) {
	for _, journal := range journals {
		t.Run(journal.name, func(t *testing.T) {
			s := newSite(t)
			const history = "SELECT version, name, status, error FROM migratingsqlite_history WHERE set_name = 'app' ORDER BY version"
			db := s.open(journal.params, steps(t, []string{family, "SELECT 1;\n  UPDATE nowhere SET x = 1;"}))
			s.stays(func() {
				failsIn(t, db.Ping(), 2, "0002_step.sql:2:3", "no such table: nowhere", "still empty")
			})
			got := s.look(history)
			t.Log(got)
			if !strings.HasPrefix(got, "2|step|failed|") || !strings.Contains(got, "0002_step.sql:2:3: no such table: nowhere") || strings.Contains(got, "\n") {
				t.Errorf("history after the failure: %s", got)
			}
			db = s.open(journal.params, steps(t, []string{family, "UPDATE parent SET name = 'x' WHERE id = 1;"}))
			s.works(db, 2)
			if got := s.look(history); got != "1|step|applied|\n2|step|applied|" {
				t.Errorf("history after the cure: %s", got)
			}
		})
	}
	t.Run("function", func(t *testing.T) {
		s := newSite(t)
		var cause = errors.New("not today")
		set := steps(t, []string{family}, migratingsqlite.Func(2, "moody", func(context.Context, migratingsqlite.Tx) error { return cause }, nil))
		db := s.open("", set)
		err := db.Ping()
		failsIn(t, err, 2, "not today")
		if !errors.Is(err, cause) {
			t.Error("the function's error cannot be found by errors.Is")
		}
		if got := s.look("SELECT status, error FROM migratingsqlite_history WHERE version = 2"); !strings.HasPrefix(got, "failed|") || !strings.Contains(got, "not today") {
			t.Errorf("history after the failure: %s", got)
		}
		cause = nil
		time.Sleep(retryPause)
		s.works(db, 2) // the same pool
	})
}

func TestBusyPoolDoesNotHammerAFailingMigration(t *testing.T) {
	var runs atomic.Int32
	set := steps(t, []string{family}, migratingsqlite.Func(2, "failing", func(context.Context, migratingsqlite.Tx) error {
		runs.Add(1)
		return errors.New("never")
	}, nil))
	db := newSite(t).open("", set)
	var pings, failures atomic.Int32
	var wg sync.WaitGroup
	end := time.Now().Add(300 * time.Millisecond)
	for range 50 {
		wg.Go(func() {
			for time.Now().Before(end) {
				pings.Add(1)
				if err := db.Ping(); err != nil {
					failures.Add(1)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	wg.Wait()
	t.Logf("%d pings, %d runs", pings.Load(), runs.Load())
	if pings.Load() != failures.Load() {
		t.Errorf("%d of %d pings failed", failures.Load(), pings.Load())
	}
	if n := runs.Load(); n < 2 || n > 3 { // at once, after 50ms, and after 100ms more
		t.Errorf("the migration ran %d times in 300ms", n)
	}
}

func TestSharedCacheMemoryDatabase(t *testing.T) {
	for round := range rounds(t, 5, 2) {
		dsn := fmt.Sprintf("file:shared%d?mode=memory&cache=shared", round)
		set := shortChain.load(t, nil)
		db := openSet(t, dsn, set)
		held := make(chan *sql.Conn, 8)
		var wg sync.WaitGroup
		for range cap(held) {
			wg.Go(func() {
				conn, err := db.Conn(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				held <- conn
			})
		}
		wg.Wait()
		close(held)
		for conn := range held {
			if got := lookInto(t, conn, "SELECT count(*), count(DISTINCT version) FROM log"); got != "50|50" {
				t.Errorf("log: %s", got)
			}
			if _, err := conn.ExecContext(context.Background(), "UPDATE t1 SET a = a + 1"); err != nil {
				t.Error(err)
			}
			//lint:ignore SA9001 the channel is closed, and all stay open until the end
			defer conn.Close()
		}
	}
}

func TestPrivateMemoryDatabaseInEveryConnection(t *testing.T) {
	for _, dsn := range []string{":memory:", "file::memory:", "file:private?mode=memory", "file:/private?vfs=memdb"} {
		t.Run(dsn, func(t *testing.T) {
			db := openSet(t, dsn, shortChain.load(t, nil))
			var wg sync.WaitGroup
			var mu sync.Mutex
			var conns []*sql.Conn
			for range 5 {
				wg.Go(func() {
					conn, err := db.Conn(context.Background())
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					conns = append(conns, conn)
				})
			}
			wg.Wait()
			for _, conn := range conns {
				if got := lookInto(t, conn, "SELECT count(*), count(DISTINCT version) FROM log"); got != "50|50" {
					t.Errorf("log: %s", got)
				}
				conn.Close()
			}
		})
	}
	t.Run("failing", func(t *testing.T) {
		db := openSet(t, ":memory:", steps(t, []string{family, "UPDATE nowhere SET x = 1;"}))
		failsIn(t, db.Ping(), 2, "no such table: nowhere", "still empty")
	})
}
