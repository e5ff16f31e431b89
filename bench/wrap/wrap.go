// Package wrap is one suite for migratingsqlite.WrapConnector over any driver of
// SQLite. A driver's own test says how the driver is spoken to, and calls
// [Exercise]. There is a package for each driver, since two drivers that both
// register the name sqlite3 cannot be in one program.
package wrap

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

// An Engine says how a driver is spoken to.
type Engine struct {
	Driver driver.Driver

	// Parameters of a DSN, without the question mark.
	Delete      string // rollback journal and a busy timeout
	WAL         string // write-ahead log and a busy timeout
	ForeignKeys string // foreign keys are enforced
	ReadOnly    string

	// SharedMemory is the DSN of a database in memory that all connections of
	// one name share.
	SharedMemory func(t *testing.T) string

	Code   func(error) (code int, ok bool) // of the driver's own error type
	IsConn func(any) bool                  // whether it is the driver's own connection

	// Limits are scenarios that do not work with this driver, and why. They are
	// skipped unless the environment has BENCH_LIMITS.
	Limits map[string]string
}

// Exercise runs every scenario.
func Exercise(t *testing.T, e Engine) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // a run logs a record
	for _, scenario := range []struct {
		name string
		run  func(*site)
	}{
		{"file: upgrade, up to date, the next version", file},
		{"private memory: each connection is migrated", privateMemory},
		{"shared memory: one database for all connections", sharedMemory},
		{"shared memory: eight connectors at once", sharedMemoryRace},
		{"shared memory: outlived by its connector", sharedMemoryGone},
		{"failing migration", failing},
		{"failing migration in memory", failingInMemory},
		{"Go migration", goMigration},
		{"Go migration that fails", goMigrationFails},
		{"Go migration that leaves things open", goMigrationLeavesOpen},
		{"Go migration that ends the transaction", goMigrationCommits},
		{"Go migration whose transaction SQLite rolls back", goMigrationRolledBack},
		{"table rebuild under foreign keys", rebuild},
		{"broken foreign key", brokenKey},
		{"foreign key that cannot be checked", mismatchedKey},
		{"every kind of statement", everyKind},
		{"cancelled caller", cancelled},
		{"close during an upgrade", closed},
		{"eight connectors at once, rollback journal", func(s *site) { s.race(s.Delete) }},
		{"eight connectors at once, write-ahead log", func(s *site) { s.race(s.WAL) }},
		{"locked past the timeout, rollback journal", func(s *site) { s.locked(s.Delete, "BEGIN IMMEDIATE") }},
		{"locked past the timeout, write-ahead log", func(s *site) { s.locked(s.WAL, "BEGIN IMMEDIATE") }},
		{"locked past the timeout, driver's default busy timeout", func(s *site) { s.locked("", "BEGIN IMMEDIATE") }},
		{"locked past the timeout, exclusively", func(s *site) { s.locked("", "BEGIN EXCLUSIVE") }},
		{"locked and released", lockedAndReleased},
		{"read-only", readOnly},
		{"the driver's own connections", ownConnections},
		{"settings of the connection", settings},
		{"queries traced", traced},
		{"snapshot before an upgrade, rollback journal", func(s *site) { s.snapshot(s.Delete) }},
		{"snapshot before an upgrade, write-ahead log", func(s *site) { s.snapshot(s.WAL) }},
	} {
		t.Run(scenario.name, func(t *testing.T) {
			if why, ok := e.Limits[scenario.name]; ok && os.Getenv("BENCH_LIMITS") == "" {
				t.Skip(why)
			}
			scenario.run(&site{T: t, Engine: e, path: filepath.Join(t.TempDir(), "app.db")})
		})
	}
}

// A site is one scenario's file.
type site struct {
	*testing.T
	Engine
	path string
}

func (s *site) dsn(params string) string {
	if params == "" {
		return "file:" + s.path
	}
	return "file:" + s.path + "?" + params
}

// base is a connector of the driver's own.
func (s *site) base(dsn string) driver.Connector {
	s.Helper()
	d, ok := s.Driver.(driver.DriverContext)
	if !ok {
		return dsnConnector{s.Driver, dsn}
	}
	c, err := d.OpenConnector(dsn)
	s.must(err)
	return c
}

type dsnConnector struct {
	driver driver.Driver
	dsn    string
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c dsnConnector) Driver() driver.Driver                        { return c.driver }

// plain opens a database without the gate, to look at what it did.
func (s *site) plain(dsn string) *sql.DB {
	s.Helper()
	db := sql.OpenDB(s.base(dsn))
	s.Cleanup(func() { db.Close() })
	return db
}

// open opens a database behind the gate.
func (s *site) open(dsn string, set *migratingsqlite.Set, opts ...migratingsqlite.Option) *sql.DB {
	s.Helper()
	c, err := migratingsqlite.WrapConnector(s.base(dsn), append(opts, migratingsqlite.WithSet(set))...)
	s.must(err)
	db := sql.OpenDB(c)
	s.Cleanup(func() { db.Close() })
	return db
}

// ping opens a database behind the gate, connects once and closes it.
func (s *site) ping(dsn string, set *migratingsqlite.Set, opts ...migratingsqlite.Option) error {
	s.Helper()
	db := s.open(dsn, set, opts...)
	defer db.Close()
	return db.Ping()
}

func (s *site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) want(got, wanted any) {
	s.Helper()
	if !reflect.DeepEqual(got, wanted) {
		s.Errorf("got  %v\nwant %v", got, wanted)
	}
}

// fails checks that an error is of a kind, if one is given, and says the words.
func (s *site) fails(err, kind error, words ...string) {
	s.Helper()
	if err == nil {
		s.Fatal("no error")
	}
	s.Log(err)
	if kind != nil && !errors.Is(err, kind) {
		s.Errorf("not %q: %v", kind, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			s.Errorf("does not say %q: %v", w, err)
		}
	}
}

// querier is a *sql.DB or a *sql.Conn.
type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// rows returns each row of a query as one string.
func (s *site) rows(db querier, query string) []string {
	s.Helper()
	list := []string{}
	r, err := db.QueryContext(context.Background(), query)
	s.must(err)
	defer r.Close()
	cols, err := r.Columns()
	s.must(err)
	for r.Next() {
		values, pointers := make([]sql.NullString, len(cols)), make([]any, len(cols))
		for i := range values {
			pointers[i] = &values[i]
		}
		s.must(r.Scan(pointers...))
		texts := make([]string, len(cols))
		for i, v := range values {
			texts[i] = v.String
		}
		list = append(list, strings.Join(texts, " "))
	}
	s.must(r.Err())
	return list
}

// file returns each row of a query on the site's file, seen from outside.
func (s *site) file(query string) []string {
	s.Helper()
	db := s.plain(s.dsn(""))
	defer db.Close()
	return s.rows(db, query)
}

const history = "SELECT version, name, status FROM migratingsqlite_history WHERE set_name = 'app' ORDER BY version, name"

// set makes a set of names and texts, and Go migrations.
func (s *site) set(namesAndTexts []string, opts ...migratingsqlite.SetOption) *migratingsqlite.Set {
	s.Helper()
	fsys := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		fsys[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	set, err := migratingsqlite.Load("app", fs.FS(fsys), opts...)
	s.must(err)
	return set
}

var (
	users = []string{"0001_users.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\nINSERT INTO users (name) VALUES ('ada'), ('bob');"}
	prefs = append(slices.Clip(users), "0002_prefs.sql", "ALTER TABLE users ADD COLUMN prefs TEXT;")
)

func file(s *site) {
	for _, params := range []string{"", s.Delete, s.WAL, s.ForeignKeys} {
		s.path = filepath.Join(s.TempDir(), "app.db")
		s.must(s.ping(s.dsn(params), s.set(users)))
		s.want(s.file(history), []string{"1 users applied"})
		before := s.file("SELECT * FROM migratingsqlite_history")
		db := s.open(s.dsn(params), s.set(users))
		s.want(s.rows(db, "SELECT name FROM users"), []string{"ada", "bob"})
		s.want(s.file("SELECT * FROM migratingsqlite_history"), before)
		s.must(db.Close())
		s.must(s.ping(s.dsn(params), s.set(users), migratingsqlite.WithMode("check")))
		s.fails(s.ping(s.dsn(params), s.set(prefs), migratingsqlite.WithMode("check")), migratingsqlite.ErrPending, "0002_prefs")
		s.must(s.ping(s.dsn(params), s.set(prefs)))
		s.want(s.file(history), []string{"1 users applied", "2 prefs applied"})
		s.want(s.file("SELECT version FROM migratingsqlite_state WHERE set_name = 'app'"), []string{"2"})
		s.must(s.ping(s.dsn(params), s.set(users))) // an older program: the column may be null
	}
}

// conns takes connections and keeps them.
func (s *site) conns(db *sql.DB, n int) (list []*sql.Conn) {
	s.Helper()
	for range n {
		c, err := db.Conn(s.Context())
		s.must(err)
		s.Cleanup(func() { c.Close() })
		list = append(list, c)
	}
	return list
}

func privateMemory(s *site) {
	db := s.open(":memory:", s.set(prefs))
	for i, c := range s.conns(db, 4) {
		s.want(s.rows(c, "SELECT count(*) FROM users WHERE prefs IS NULL"), []string{"2"})
		_, err := c.ExecContext(s.Context(), "DELETE FROM users WHERE id > ?", i%2)
		s.must(err)
	}
	// All at once.
	db = s.open(":memory:", s.set(prefs))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			c, err := db.Conn(s.Context())
			if err != nil {
				s.Error(err)
				return
			}
			defer c.Close()
			var n int
			if err := c.QueryRowContext(s.Context(), "SELECT count(*) FROM users").Scan(&n); err != nil || n != 2 {
				s.Error(n, err)
			}
		})
	}
	group.Wait()
}

func sharedMemory(s *site) {
	db := s.open(s.SharedMemory(s.T), s.set(prefs))
	conns := s.conns(db, 4)
	_, err := conns[0].ExecContext(s.Context(), "INSERT INTO users (name) VALUES ('cid')")
	s.must(err)
	for _, c := range conns {
		s.want(s.rows(c, "SELECT count(*) FROM users"), []string{"3"})
		s.want(s.rows(c, history), []string{"1 users applied", "2 prefs applied"})
	}
}

// A shared database in memory goes with its last connection. The next one is
// on a new database.
func sharedMemoryGone(s *site) {
	dsn := s.SharedMemory(s.T)
	other := s.plain(dsn)
	s.must(other.Ping())
	db := s.open(dsn, s.set(prefs))
	db.SetMaxIdleConns(-1)
	s.want(s.rows(db, "SELECT count(*) FROM users"), []string{"2"})
	s.must(other.Close())
	s.want(s.rows(db, "SELECT count(*) FROM users"), []string{"2"})
}

func sharedMemoryRace(s *site) {
	for range 5 {
		dsn := s.SharedMemory(s.T)
		s.eight(func() *sql.DB { return s.open(dsn, s.set(many)) })
		s.want(s.rows(s.plain(dsn), "SELECT count(*) FROM log"), []string{"20"})
	}
}

// many is twenty migrations, of which each leaves a row.
var many = func() []string {
	list := []string{"0001_log.sql", "CREATE TABLE log (n INTEGER); INSERT INTO log VALUES (1)"}
	for i := 2; i <= 20; i++ {
		list = append(list, fmt.Sprintf("%04d_t.sql", i), fmt.Sprintf("CREATE TABLE t%d (x); INSERT INTO log VALUES (%d);", i, i))
	}
	return list
}()

// eight opens eight databases at once and holds them open until all have been
// seen to be up to date.
func (s *site) eight(open func() *sql.DB) {
	s.Helper()
	var group sync.WaitGroup
	start := make(chan struct{})
	dbs := make([]*sql.DB, 8)
	for i := range dbs {
		dbs[i] = open()
		group.Go(func() {
			<-start
			var n int
			if err := dbs[i].QueryRow("SELECT count(*) FROM log").Scan(&n); err != nil || n != 20 {
				s.Error(n, err)
			}
		})
	}
	close(start)
	group.Wait()
}

func (s *site) race(params string) {
	for range 3 {
		s.path = filepath.Join(s.TempDir(), "app.db")
		s.eight(func() *sql.DB { return s.open(s.dsn(params), s.set(many)) })
		s.want(s.file("SELECT count(*), count(DISTINCT n) FROM log"), []string{"20 20"})
		s.want(s.file("SELECT count(*) FROM migratingsqlite_history WHERE set_name = 'app' AND status = 'applied'"), []string{"20"})
		s.want(s.file("PRAGMA integrity_check"), []string{"ok"})
	}
}

var broken = append(slices.Clip(prefs), "0003_half.sql", "-- Half of it.\nCREATE TABLE half (x);\n\n  ALTER TABLE users ADD COLUMN prefs TEXT;\n")

// position checks everything that a failed 0003_half says.
func (s *site) position(err error) {
	s.Helper()
	s.fails(err, nil, "migration 0003_half failed at 0003_half.sql:4:3: ", "duplicate column name: prefs", "the database is unchanged")
	var m *migratingsqlite.MigrationError
	if !errors.As(err, &m) {
		s.Fatalf("%T is not a MigrationError", err)
	}
	if m.Version != 3 || m.Line != 4 || m.Column != 3 || m.Statement != "ALTER TABLE users ADD COLUMN prefs TEXT;" {
		s.Errorf("%+v", *m)
	}
	if code, ok := s.Code(err); !ok || code != 1 {
		s.Errorf("the driver's error is not behind it: %d, %v", code, ok)
	}
}

func failing(s *site) {
	s.must(s.ping(s.dsn(""), s.set(prefs)))
	before := s.file("SELECT type, name, sql FROM sqlite_schema ORDER BY name")
	db := s.open(s.dsn(""), s.set(broken))
	s.position(db.Ping())
	s.position(db.Ping())
	s.want(s.file("SELECT type, name, sql FROM sqlite_schema ORDER BY name"), before)
	s.want(s.file(history), []string{"1 users applied", "2 prefs applied", "3 half failed"})
	s.must(s.ping(s.dsn(""), s.set(prefs)))
	s.must(s.ping(s.dsn(""), s.set(append(slices.Clip(prefs), "0003_half.sql", "CREATE TABLE half (x)"))))
	s.want(s.file(history), []string{"1 users applied", "2 prefs applied", "3 half applied"})
}

func failingInMemory(s *site) {
	s.position(s.ping(":memory:", s.set(broken)))
	s.position(s.ping(s.SharedMemory(s.T), s.set(broken)))
}

func goMigration(s *site) {
	up := func(ctx context.Context, tx migratingsqlite.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT id, name FROM users WHERE id > ? ORDER BY id", 0)
		if err != nil {
			return err
		}
		defer rows.Close()
		update, err := tx.PrepareContext(ctx, "UPDATE users SET name = :name, seen = :seen WHERE id = :id")
		if err != nil {
			return err
		}
		defer update.Close()
		one, err := tx.PrepareContext(ctx, "SELECT name FROM users WHERE id = ?")
		if err != nil {
			return err
		}
		defer one.Close()
		for rows.Next() {
			var id int
			var name, now string
			if err := rows.Scan(&id, &name); err != nil {
				return err
			}
			res, err := update.ExecContext(ctx, sql.Named("name", strings.ToUpper(name)), sql.Named("id", id), sql.Named("seen", time.Unix(1e9, 0).UTC()))
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n != 1 {
				return fmt.Errorf("%d rows, %w", n, err)
			}
			if err := one.QueryRowContext(ctx, id).Scan(&now); err != nil || now != strings.ToUpper(name) {
				return fmt.Errorf("%s is %s, %w", name, now, err)
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		// Several statements in one call, and arguments of every kind.
		if _, err := tx.ExecContext(ctx, "CREATE TABLE kinds (i, f, b, t, x, n); CREATE INDEX kinds_i ON kinds (i);"); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO kinds VALUES (?, ?, ?, ?, ?, ?)", 1, 2.5, true, "text", []byte{1, 2}, nil); err != nil {
			return err
		}
		// One that fails, and is expected to.
		if _, err := tx.ExecContext(ctx, "INSERT INTO users (id, name) VALUES (1, 'again')"); err == nil {
			return errors.New("no error for a key that is there")
		}
		var missing int
		if err := tx.QueryRowContext(ctx, "SELECT 1 FROM users WHERE id = 99").Scan(&missing); err != sql.ErrNoRows {
			return fmt.Errorf("want no rows, got %w", err)
		}
		return nil
	}
	set := s.set(append(slices.Clip(users), "0002_seen.sql", "ALTER TABLE users ADD COLUMN seen TIMESTAMP", "0004_more.sql", "INSERT INTO users (name) VALUES ('cid')"),
		migratingsqlite.Func(3, "upper", up, nil))
	s.must(s.ping(s.dsn(""), set))
	s.want(s.file("SELECT name FROM users ORDER BY id"), []string{"ADA", "BOB", "cid"})
	s.want(s.file("SELECT count(*) FROM users WHERE seen LIKE '2001-09-09%'"), []string{"2"})
	s.want(s.file("SELECT typeof(i), typeof(f), typeof(t), typeof(x), typeof(n) FROM kinds"), []string{"integer real text blob null"})
	s.want(s.file(history), []string{"1 users applied", "2 seen applied", "3 upper applied", "4 more applied"})
	s.must(s.ping(":memory:", set))
}

func goMigrationFails(s *site) {
	s.must(s.ping(s.dsn(""), s.set(users)))
	up := func(ctx context.Context, tx migratingsqlite.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM users"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO users (name) VALUES (?)", nil)
		return err
	}
	err := s.ping(s.dsn(""), s.set(users, migratingsqlite.Func(2, "gone", up, nil)))
	s.fails(err, nil, "migration 0002_gone failed: ", "NOT NULL constraint failed: users.name", "unchanged, at version 1")
	if code, ok := s.Code(err); !ok || code != 19 {
		s.Errorf("the driver's error is not behind it: %d, %v", code, ok)
	}
	s.want(s.file("SELECT name FROM users"), []string{"ada", "bob"})
	up = func(context.Context, migratingsqlite.Tx) error { panic("at the disco") }
	s.fails(s.ping(s.dsn(""), s.set(users, migratingsqlite.Func(2, "gone", up, nil))), nil, "panic: at the disco")
}

func goMigrationLeavesOpen(s *site) {
	for _, end := range []error{nil, errors.New("enough")} {
		s.path = filepath.Join(s.TempDir(), "app.db")
		var leaked []*sql.Stmt
		var leakedRows []*sql.Rows
		up := func(ctx context.Context, tx migratingsqlite.Tx) error {
			for range 3 {
				rows, err := tx.QueryContext(ctx, "SELECT id FROM users")
				if err != nil {
					return err
				}
				rows.Next()
				stmt, err := tx.PrepareContext(ctx, "SELECT name FROM users WHERE id > ?")
				if err != nil {
					return err
				}
				more, err := stmt.QueryContext(ctx, 0)
				if err != nil {
					return err
				}
				more.Next()
				leaked, leakedRows = append(leaked, stmt), append(leakedRows, rows, more)
			}
			return end
		}
		// An open query would lock the table that is dropped.
		set := s.set(append(slices.Clip(users), "0003_drop.sql", "DROP TABLE users"), migratingsqlite.Func(2, "open", up, nil))
		db := s.open(s.dsn(""), set)
		err := db.Ping()
		if end != nil {
			s.fails(err, end, "enough")
			s.want(s.file("SELECT name FROM sqlite_schema WHERE name = 'users'"), []string{})
		} else {
			s.must(err)
			s.want(s.file(history), []string{"1 users applied", "2 open applied", "3 drop applied"})
		}
		for _, rows := range leakedRows {
			for rows.Next() {
				s.Error("a row after the end")
			}
			rows.Close()
		}
		for _, stmt := range leaked {
			if rows, err := stmt.Query(0); err == nil {
				rows.Close()
				s.Error("a statement works after the end")
			}
			stmt.Close()
		}
	}
}

func goMigrationCommits(s *site) {
	for _, text := range []string{"COMMIT", "ROLLBACK", "SELECT 1; END"} {
		up := func(ctx context.Context, tx migratingsqlite.Tx) error {
			tx.ExecContext(ctx, "DELETE FROM users")
			tx.ExecContext(ctx, text)
			tx.ExecContext(ctx, "DELETE FROM users")
			return nil
		}
		s.must(s.ping(s.dsn(""), s.set(users)))
		s.fails(s.ping(s.dsn(""), s.set(users, migratingsqlite.Func(2, "commits", up, nil))), nil, "migration 0002_commits failed")
		s.want(s.file("SELECT name FROM users"), []string{"ada", "bob"})
	}
}

func goMigrationRolledBack(s *site) {
	for _, prepared := range []bool{false, true} {
		up := func(ctx context.Context, tx migratingsqlite.Tx) error {
			tx.ExecContext(ctx, "DELETE FROM users WHERE id = ?", 2)
			const text = "INSERT OR ROLLBACK INTO users (id, name) VALUES (?, 'again')"
			if prepared {
				stmt, err := tx.PrepareContext(ctx, text)
				if err != nil {
					return err
				}
				defer stmt.Close()
				stmt.ExecContext(ctx, 1)
			} else {
				tx.ExecContext(ctx, text, 1)
			}
			tx.ExecContext(ctx, "DELETE FROM users") // in autocommit, if it gets through
			return nil
		}
		s.must(s.ping(s.dsn(""), s.set(users)))
		s.fails(s.ping(s.dsn(""), s.set(users, migratingsqlite.Func(2, "gone", up, nil))), nil, "SQLite rolled the transaction back", "unchanged, at version 1")
		s.want(s.file("SELECT name FROM users"), []string{"ada", "bob"})
	}
}

var family = []string{"0001_family.sql", `CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE);
INSERT INTO parent VALUES (1, 'a'), (2, 'b');
INSERT INTO child VALUES (1, 1), (2, 1), (3, 2);`}

const rebuildParent = `CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER);
INSERT INTO parent_new (id, name) SELECT id, name FROM parent;
DROP TABLE parent;
ALTER TABLE parent_new RENAME TO parent;`

func rebuild(s *site) {
	for _, params := range []string{"", s.ForeignKeys} {
		for _, dsn := range []string{s.dsn(params), ""} {
			if dsn == "" {
				if dsn = ":memory:"; params != "" {
					dsn = "file::memory:?" + params
				}
			} else {
				s.path = filepath.Join(s.TempDir(), "app.db")
				dsn = s.dsn(params)
				s.must(s.ping(dsn, s.set(family)))
			}
			setting := s.rows(s.plain(dsn), "PRAGMA foreign_keys")
			if params != "" {
				s.want(setting, []string{"1"})
			}
			db := s.open(dsn, s.set(append(slices.Clip(family), "0002_rebuild.sql", rebuildParent)))
			for _, c := range s.conns(db, 2) {
				s.want(s.rows(c, "PRAGMA foreign_keys"), setting)
				s.want(s.rows(c, "SELECT id, parent FROM child"), []string{"1 1", "2 1", "3 2"})
			}
		}
	}
}

func brokenKey(s *site) {
	s.must(s.ping(s.dsn(""), s.set(family)))
	for _, params := range []string{"", s.ForeignKeys} {
		db := s.open(s.dsn(params), s.set(append(slices.Clip(family), "0002_orphan.sql", "DELETE FROM parent WHERE id = 2")))
		s.fails(db.Ping(), nil, "0002_orphan", "table child, column parent: no such row in parent (1 row)", "unchanged, at version 1")
	}
	s.want(s.file("SELECT id FROM parent"), []string{"1", "2"})
	// What was broken before is no reason to fail.
	_, err := s.plain(s.dsn("")).Exec("PRAGMA foreign_keys = OFF; INSERT INTO child VALUES (9, 99)")
	s.must(err)
	s.must(s.ping(s.dsn(s.ForeignKeys), s.set(append(slices.Clip(family), "0002_rebuild.sql", rebuildParent))))
	s.want(s.file("SELECT count(*) FROM child"), []string{"4"})
}

// A key that refers to a column without a unique index makes the whole of
// PRAGMA foreign_key_check fail. It was so before.
func mismatchedKey(s *site) {
	texts := append(slices.Clip(family), "0002_mismatch.sql", "CREATE TABLE odd (x REFERENCES parent (name)); INSERT INTO odd VALUES (NULL);")
	_, err := s.plain(s.dsn("")).Exec("PRAGMA foreign_keys = OFF; CREATE TABLE loose (name TEXT); CREATE TABLE odd (x REFERENCES loose (name)); INSERT INTO odd VALUES ('n')")
	s.must(err)
	s.must(s.ping(s.dsn(""), s.set(family), migratingsqlite.WithBaseline("none")))
	s.must(s.ping(s.dsn(s.ForeignKeys), s.set(append(slices.Clip(family), "0002_rebuild.sql", rebuildParent))))
	s.want(s.file("SELECT count(*) FROM child"), []string{"3"})
	s.fails(s.ping(":memory:", s.set(texts)), nil, "foreign key mismatch")
}

// everyKind has statements that drivers treat differently.
func everyKind(s *site) {
	s.must(s.ping(s.dsn(s.WAL), s.set([]string{"0001_kinds.sql", `-- a comment
CREATE TABLE a (x, y TEXT DEFAULT 'semi;colon');;
CREATE TRIGGER a_ai AFTER INSERT ON a WHEN new.x < 3 BEGIN
  INSERT INTO a (x) VALUES (new.x + 100); -- inside
  UPDATE a SET y = 'seen' WHERE x = new.x;
END;
CREATE VIEW v AS SELECT x FROM a;
INSERT INTO a (x) VALUES (1) RETURNING x;
SELECT * FROM a;
WITH RECURSIVE c(n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM c WHERE n < 12) INSERT INTO a (x) SELECT n FROM c;
PRAGMA user_version = 7;
PRAGMA table_info(a);
ANALYZE;
REINDEX;
/* the end */`})))
	s.want(s.file("SELECT x, y FROM a ORDER BY x"), []string{"1 seen", "10 semi;colon", "11 semi;colon", "12 semi;colon", "101 semi;colon"})
	s.want(s.file("PRAGMA user_version"), []string{"7"})
}

// slow takes about ten seconds, unless it is interrupted.
var slow = append(slices.Clip(users), "0002_slow.sql", `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 500000000)
INSERT INTO users (name) SELECT max(n) FROM c;`)

func cancelled(s *site) {
	s.must(s.ping(s.dsn(""), s.set(users)))
	release := make(chan struct{})
	up := func(context.Context, migratingsqlite.Tx) error { <-release; return nil }
	db := s.open(s.dsn(""), s.set(users, migratingsqlite.Func(2, "waits", up, nil)))
	ctx, cancel := context.WithTimeout(s.Context(), 50*time.Millisecond)
	defer cancel()
	s.fails(db.PingContext(ctx), context.DeadlineExceeded, "goes on")
	close(release)
	s.must(db.Ping())
	s.want(s.file(history), []string{"1 users applied", "2 waits applied"})
}

func closed(s *site) {
	s.must(s.ping(s.dsn(""), s.set(users)))
	db := s.open(s.dsn(""), s.set(slow))
	result := make(chan error, 1)
	go func() { result <- db.Ping() }()
	time.Sleep(200 * time.Millisecond)
	start := time.Now()
	db.Close()
	s.fails(<-result, nil)
	if took := time.Since(start); took > 2*time.Second {
		s.Errorf("closing took %v", took)
	}
	s.want(s.file("SELECT name FROM users"), []string{"ada", "bob"})
	s.want(s.file(history), []string{"1 users applied"})
}

func (s *site) hold(params, begin string) (release func()) {
	s.Helper()
	c := s.conns(s.plain(s.dsn(params)), 1)[0]
	_, err := c.ExecContext(s.Context(), begin)
	s.must(err)
	return func() {
		_, err := c.ExecContext(context.Background(), "ROLLBACK")
		s.must(err)
	}
}

func (s *site) locked(params, begin string) {
	s.must(s.ping(s.dsn(params), s.set(users)))
	release := s.hold(params, begin)
	db := s.open(s.dsn(params), s.set(prefs), migratingsqlite.WithTimeout(300*time.Millisecond))
	start := time.Now()
	err := db.Ping()
	took := time.Since(start)
	s.fails(err, migratingsqlite.ErrLocked, "300ms")
	if took < 250*time.Millisecond || took > time.Second {
		s.Errorf("gave up after %v", took)
	}
	if code, ok := s.Code(err); !ok || code != 5 {
		s.Errorf("the driver's error is not behind it: %d, %v", code, ok)
	}
	s.Log(took)
	release()
	s.must(db.Ping())
	s.want(s.file(history), []string{"1 users applied", "2 prefs applied"})
}

func lockedAndReleased(s *site) {
	s.must(s.ping(s.dsn(""), s.set(users)))
	release := s.hold("", "BEGIN EXCLUSIVE")
	db := s.open(s.dsn(""), s.set(prefs))
	result := make(chan error, 1)
	go func() { result <- db.Ping() }()
	time.Sleep(200 * time.Millisecond)
	release()
	start := time.Now()
	s.must(<-result)
	if took := time.Since(start); took > time.Second {
		s.Errorf("went on after %v", took)
	}
}

func readOnly(s *site) {
	s.must(s.ping(s.dsn(s.Delete), s.set(users)))
	s.must(s.ping(s.dsn(s.ReadOnly), s.set(users)))
	s.fails(s.ping(s.dsn(s.ReadOnly), s.set(prefs)), migratingsqlite.ErrPending, "0002_prefs is pending", "read-only", "unchanged, at version 1")
	s.fails(s.ping(s.dsn(s.ReadOnly), s.set(prefs), migratingsqlite.WithMode("check")), migratingsqlite.ErrPending, "0002_prefs is pending")
	up := func(ctx context.Context, tx migratingsqlite.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM users WHERE id = ?", 1)
		return err
	}
	s.fails(s.ping(s.dsn(s.ReadOnly), s.set(users, migratingsqlite.Func(2, "prefs", up, nil))), migratingsqlite.ErrPending, "0002_prefs is pending", "read-only")
	s.want(s.file(history), []string{"1 users applied"})
}

func ownConnections(s *site) {
	for _, dsn := range []string{s.dsn(""), ":memory:"} {
		for range 2 { // new, then up to date
			db := s.open(dsn, s.set(users))
			for _, c := range s.conns(db, 3) {
				s.must(c.Raw(func(conn any) error {
					if !s.IsConn(conn) {
						s.Errorf("the connection is a %T", conn)
					}
					return nil
				}))
			}
			if db.Driver() != s.base(dsn).Driver() {
				s.Error("the driver is not the wrapped one")
			}
		}
	}
}

// settings of the driver's connections are as without the gate: after an
// upgrade, after the probe, and on later connections.
func settings(s *site) {
	for _, params := range []string{"", s.Delete, s.WAL, s.ForeignKeys} {
		for _, dsn := range []string{s.dsn(params), ":memory:"} {
			for range 2 {
				db := s.open(dsn, s.set(users))
				bare := s.plain(dsn)
				for _, c := range s.conns(db, 3) {
					for _, pragma := range []string{"busy_timeout", "foreign_keys", "journal_mode", "synchronous", "query_only", "cache_size"} {
						s.want(s.rows(c, "PRAGMA "+pragma), s.rows(bare, "PRAGMA "+pragma))
					}
				}
				bare.Close()
				db.Close()
			}
		}
		s.path = filepath.Join(s.TempDir(), "app.db")
	}
}

func traced(s *site) {
	for _, dsn := range []string{s.dsn(""), ":memory:"} {
		db := s.open(dsn, s.set(prefs), migratingsqlite.WithTrace("queries"))
		s.want(s.rows(db, "SELECT name FROM users"), []string{"ada", "bob"})
		tx, err := db.Begin()
		s.must(err)
		_, err = tx.Exec("INSERT INTO users (name) VALUES (?)", "cid")
		s.must(err)
		s.must(tx.Commit())
	}
}

func (s *site) snapshot(params string) {
	folder := filepath.Join(s.TempDir(), "it's here")
	opt := migratingsqlite.WithBackup(folder)
	s.must(s.ping(s.dsn(params), s.set(users), opt))
	s.file("INSERT INTO users (name) VALUES ('cid') RETURNING 1")
	books := s.file("SELECT * FROM migratingsqlite_history")
	for range 2 {
		s.must(s.ping(s.dsn(params), s.set(prefs), opt))
	}
	list, err := filepath.Glob(filepath.Join(folder, "*"))
	s.must(err)
	if len(list) != 1 || !strings.HasSuffix(list[0], ".snapshot") {
		s.Fatal(list)
	}
	s.path = list[0]
	s.want(s.file("SELECT * FROM users ORDER BY id"), []string{"1 ada", "2 bob", "3 cid"})
	s.want(s.file("SELECT * FROM migratingsqlite_history"), books)
	s.want(s.file("PRAGMA integrity_check"), []string{"ok"})
}
