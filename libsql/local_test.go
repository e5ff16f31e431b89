//lint:file-ignore SA1019 what is deprecated must work, too

package libsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// need skips a test where there is no libSQL.
func need(t testing.TB) {
	t.Helper()
	if missing != "" {
		t.Skip(missing)
	}
}

// describe opens a DSN as the driver does.
func describe(t testing.TB, s string) *engine.Database {
	t.Helper()
	need(t)
	d, err := open(dsn(s))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// pool opens a DSN with database/sql.
func pool(t testing.TB, s string) *sql.DB {
	t.Helper()
	db := sql.OpenDB(describe(t, s).Base)
	t.Cleanup(func() { db.Close() })
	return db
}

func must(t testing.TB, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, text string, args ...any) sql.Result {
	t.Helper()
	r, err := db.ExecContext(t.Context(), text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

// number runs a query that yields one number.
func number(t testing.TB, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, text string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), text, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "app.db") }

// slow is a query that takes a second or more and returns one row.
const slow = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 8000000) SELECT count(*) FROM c"

func TestExecRunsEveryStatement(t *testing.T) {
	db := pool(t, "libsql:"+file(t))
	must(t, db, `-- a table
		CREATE TABLE t (x UNIQUE); /* ; */ INSERT INTO t VALUES (1), (2);
		CREATE TRIGGER tr AFTER DELETE ON t BEGIN SELECT 1; SELECT 2; END;
		INSERT INTO t VALUES (3); SELECT 'thrown away'; PRAGMA user_version = 7`)
	if n := number(t, db, "SELECT count(*) FROM t"); n != 3 {
		t.Error(n)
	}
	if n := number(t, db, "SELECT 1; SELECT 2; PRAGMA user_version"); n != 7 {
		t.Error(n)
	}
	// The statements up to the one that fails have been run, as in SQLite.
	_, err := db.Exec("INSERT INTO t VALUES (4); INSERT INTO t VALUES (1); INSERT INTO t VALUES (5)")
	if e := new(Error); !errors.As(err, &e) || e.Kind != Constraint {
		t.Error(err)
	}
	if n := number(t, db, "SELECT max(x) FROM t"); n != 4 {
		t.Error(n)
	}
	// None is run of a text that cannot be split.
	for _, text := range []string{"INSERT INTO t VALUES (6); SELECT 'open", "INSERT INTO t VALUES (6);\x00 DROP TABLE t", "INSERT INTO t VALUES (6); /*"} {
		if _, err := db.Exec(text); err == nil {
			t.Error(text)
		}
	}
	if _, err := db.Exec("INSERT INTO t VALUES (?); INSERT INTO t VALUES (7)", 6); err == nil {
		t.Error("arguments for several statements")
	}
	if n := number(t, db, "SELECT max(x) FROM t"); n != 4 {
		t.Error(n)
	}
	for _, text := range []string{"", " ", "-- nothing", "/* nothing */;;"} {
		must(t, db, text)
		rows, err := db.Query(text)
		if err != nil || rows.Next() || rows.Err() != nil {
			t.Error(text, err)
		}
	}
}

func TestResults(t *testing.T) {
	db := pool(t, "libsql:"+file(t))
	db.SetMaxOpenConns(1)
	must(t, db, "CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
	for _, c := range []struct {
		text     string
		changes  int64
		inserted int64
	}{
		{"INSERT INTO t (x) VALUES (1), (2), (3)", 3, 3},
		{"CREATE TABLE u (y)", 0, 3},
		{"UPDATE t SET x = x + 1 WHERE id > 1", 2, 3},
		{"PRAGMA user_version", 0, 0},
		{"SELECT * FROM t", 0, 0},
		{"INSERT INTO t (x) VALUES (8), (9) RETURNING id", 2, 5},
		{"WITH n(x) AS (VALUES (7)) INSERT INTO t (x) SELECT x FROM n", 1, 6},
		{"DELETE FROM t WHERE id > 4 RETURNING x", 2, 6},
		{"DELETE FROM t WHERE 0", 0, 6},
		{"EXPLAIN SELECT 1", 0, 0},
		{"DROP TABLE u", 0, 6},
		{"VACUUM", 0, 6},
	} {
		r := must(t, db, c.text)
		changes, _ := r.RowsAffected()
		id, _ := r.LastInsertId()
		if changes != c.changes || id != c.inserted {
			t.Errorf("%s: %d changes, id %d", c.text, changes, id)
		}
	}
}

func TestValues(t *testing.T) {
	db := pool(t, "libsql:"+file(t))
	must(t, db, "CREATE TABLE t (n, v)")
	at := time.Date(2024, 2, 29, 12, 30, 0, 5000, time.UTC)
	in := []any{int64(-1 << 63), 1.5, "tëxt", []byte{0, 255}, []byte{}, nil, true, at, "2024-02-29"}
	want := []any{int64(-1 << 63), 1.5, "tëxt", []byte{0, 255}, []byte{}, nil, int64(1), at, time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)}
	for i, v := range in {
		must(t, db, "INSERT INTO t VALUES (?, ?)", i, v)
	}
	for i := range in {
		var got any
		if err := db.QueryRow("SELECT v FROM t WHERE n = ?", i).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%T %v", got, got) != fmt.Sprintf("%T %v", want[i], want[i]) {
			t.Errorf("%v came back as %T %v", in[i], got, got)
		}
	}
	_, err := db.Exec("INSERT INTO t VALUES (1, ?)", "gehe\x00im")
	if err == nil || strings.Contains(err.Error(), "im") && strings.Contains(err.Error(), "gehe") {
		t.Error(err)
	}
	if _, err = db.Exec("INSERT INTO t VALUES (1, ?)", "geheim\xff"); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Error(err)
	}
}

func TestArguments(t *testing.T) {
	db := pool(t, "libsql::memory:")
	for _, c := range []struct {
		text string
		args []any
		want string // "" for an error
	}{
		{"SELECT ? || '-' || ?", []any{"a", "b"}, "a-b"},
		{"SELECT ?2 || '-' || ?1", []any{"a", "b"}, "b-a"},
		{"SELECT :b || '-' || @a || '-' || :b", []any{sql.Named("a", "A"), sql.Named("b", "B")}, "B-A-B"},
		{"SELECT :b || '-' || ?", []any{sql.Named("b", "B"), "x"}, "B-x"},
		{"SELECT $x || '-' || :y", []any{"1", "2"}, "1-2"},
		{"SELECT ?", nil, ""},
		{"SELECT ?, ?", []any{1}, ""},
		{"SELECT ?", []any{1, 2}, ""},
		{"SELECT 1", []any{1}, ""},
		{"SELECT :a", []any{sql.Named("b", 1)}, ""},
		{"SELECT ?40000", []any{1}, ""},
	} {
		for _, prepared := range []bool{false, true} {
			var got string
			var err error
			if prepared {
				var s *sql.Stmt
				if s, err = db.Prepare(c.text); err == nil {
					err = s.QueryRow(c.args...).Scan(&got)
					s.Close()
				}
			} else {
				err = db.QueryRow(c.text, c.args...).Scan(&got)
			}
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%s %v (prepared: %v): %q %v", c.text, c.args, prepared, got, err)
			}
		}
	}
	if _, err := db.Prepare("SELECT 1; SELECT 2"); err == nil {
		t.Error("two statements were prepared")
	}
}

// Every interface that go-libsql's types have, and those that are new.
func TestInterfaces(t *testing.T) {
	d := describe(t, "libsql:"+file(t))
	c, err := d.Base.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Base.(io.Closer).Close()
	defer c.Close()
	for name, x := range map[string]any{"wrapper": c, "go-libsql": c.(*Conn).Unwrap()} {
		for what, ok := range map[string]bool{
			"ExecerContext":      is[driver.ExecerContext](x),
			"QueryerContext":     is[driver.QueryerContext](x),
			"ConnPrepareContext": is[driver.ConnPrepareContext](x),
			"ConnBeginTx":        is[driver.ConnBeginTx](x),
		} {
			if !ok {
				t.Error(name, what)
			}
		}
	}
	raw := c.(*Conn).Unwrap()
	if is[driver.NamedValueChecker](raw) || is[driver.Pinger](raw) || is[driver.SessionResetter](raw) || is[driver.Validator](raw) {
		t.Error("go-libsql's connection has an interface that the wrapper was not written for")
	}
	if !is[driver.Pinger](c) || !is[driver.SessionResetter](c) || !is[driver.Validator](c) {
		t.Error("an interface of the wrapper is missing")
	}
	for name, c := range map[string]driver.Conn{"wrapper": c, "go-libsql": raw} {
		s, err := c.Prepare("SELECT 1")
		if err != nil {
			t.Fatal(name, err)
		}
		if !is[driver.StmtExecContext](s) || !is[driver.StmtQueryContext](s) || is[driver.ColumnConverter](s) || is[driver.NamedValueChecker](s) {
			t.Errorf("%s: %T", name, s)
		}
		rows, err := s.Query(nil)
		if err != nil {
			t.Fatal(name, err)
		}
		if is[driver.RowsNextResultSet](rows) || is[driver.RowsColumnTypeDatabaseTypeName](rows) || is[driver.RowsColumnTypeLength](rows) ||
			is[driver.RowsColumnTypeNullable](rows) || is[driver.RowsColumnTypePrecisionScale](rows) || is[driver.RowsColumnTypeScanType](rows) {
			t.Errorf("%s: %T has an interface that the wrapper was not written for", name, rows)
		}
		rows.Close()
		tx, err := c.Begin()
		if err != nil {
			t.Fatal(name, err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(name, err)
		}
	}
	s, _ := c.Prepare("CREATE TABLE t (x)")
	if _, err := s.Exec(nil); err != nil {
		t.Fatal(err)
	}
	s, _ = c.Prepare("INSERT INTO t VALUES (?)")
	if _, err := s.Exec([]driver.Value{int64(5)}); err != nil || s.NumInput() != 1 || s.Close() != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(d.Base)
	defer db.Close()
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := number(t, db, "SELECT x FROM t"); n != 5 {
		t.Error(n)
	}
	sc, _ := db.Conn(t.Context())
	defer sc.Close()
	if err := sc.Raw(func(c any) error {
		if _, ok := c.(*Conn).Unwrap().(driver.ExecerContext); !ok {
			t.Errorf("%T", c)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if _, err := d.Base.Driver().Open("x"); err == nil {
		t.Error("the driver opens something")
	}
}

func is[T any](x any) bool { _, ok := x.(T); return ok }

func TestTransactions(t *testing.T) {
	db := pool(t, "libsql:"+file(t))
	must(t, db, "CREATE TABLE t (x); CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p DEFERRABLE INITIALLY DEFERRED)")
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, "INSERT INTO t VALUES (1)")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if tx, err = db.Begin(); err != nil {
		t.Fatal(err)
	}
	must(t, tx, "INSERT INTO t VALUES (2)")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	// A COMMIT that fails leaves no transaction behind.
	if tx, err = db.Begin(); err != nil {
		t.Fatal(err)
	}
	must(t, tx, "INSERT INTO c VALUES (99)")
	if err := tx.Commit(); err == nil || err.Error() != "FOREIGN KEY constraint failed" {
		t.Fatal(err)
	}
	// Nor does a user who forgets his own, whichever way it began.
	for _, text := range []string{"BEGIN IMMEDIATE; INSERT INTO t VALUES (3)", "SAVEPOINT a; INSERT INTO t VALUES (3)", "SAVEPOINT a; INSERT INTO t VALUES (3); RELEASE a; DELETE FROM t WHERE x = 3"} {
		must(t, db, text)
		other := pool(t, "libsql:"+describePath(t, db))
		must(t, other, "BEGIN IMMEDIATE; ROLLBACK") // no lock is left
		if n := number(t, db, "SELECT count(*) FROM t"); n != 1 {
			t.Error(text, n)
		}
	}
	for _, opts := range []*sql.TxOptions{{ReadOnly: true}, {Isolation: sql.LevelReadCommitted}} {
		if _, err := db.BeginTx(t.Context(), opts); err == nil {
			t.Errorf("%+v", opts)
		}
	}
	// The transaction ends with its context.
	ctx, cancel := context.WithCancel(t.Context())
	if tx, err = db.BeginTx(ctx, nil); err != nil {
		t.Fatal(err)
	}
	must(t, tx, "INSERT INTO t VALUES (4)")
	cancel()
	if err := tx.Commit(); err == nil {
		t.Error("committed")
	}
	eventually(t, func() bool { _, err := db.Exec("DELETE FROM t WHERE x = 4"); return err == nil })
	if n := number(t, db, "SELECT count(*) FROM t"); n != 1 {
		t.Error(n)
	}
}

// describePath is the path of the file that a pool has open.
func describePath(t testing.TB, db *sql.DB) (path string) {
	t.Helper()
	if err := db.QueryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		t.Fatal(err)
	}
	return path
}

func eventually(t testing.TB, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

// quick runs f and fails if it takes as long as what it must not wait for.
func quick(t testing.TB, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

func TestContextEndsACall(t *testing.T) {
	before := runtime.NumGoroutine()
	db := pool(t, "libsql:"+file(t))
	must(t, db, "CREATE TABLE t (x)")
	for name, run := range map[string]func(ctx context.Context, c *sql.Conn) error{
		"exec": func(ctx context.Context, c *sql.Conn) error {
			_, err := c.ExecContext(ctx, "INSERT INTO t "+slow)
			return err
		},
		"exec of a query": func(ctx context.Context, c *sql.Conn) error {
			_, err := c.ExecContext(ctx, slow)
			return err
		},
		"query": func(ctx context.Context, c *sql.Conn) error {
			_, err := c.QueryContext(ctx, slow)
			return err
		},
		"prepared": func(ctx context.Context, c *sql.Conn) error {
			s, err := c.PrepareContext(ctx, slow+" WHERE x > ?")
			if err != nil {
				return err
			}
			_, err = s.QueryContext(ctx, 1)
			return err
		},
		"next": func(ctx context.Context, c *sql.Conn) error {
			rows, err := c.QueryContext(ctx, "SELECT 1 UNION ALL SELECT * FROM ("+slow+")")
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
			}
			return rows.Err()
		},
		"two queries": func(ctx context.Context, c *sql.Conn) error {
			idle, err := c.QueryContext(ctx, "SELECT 1 UNION ALL SELECT 2")
			if err != nil {
				return err
			}
			defer idle.Close() // while the other one runs
			_, err = c.QueryContext(ctx, slow)
			return err
		},
		"transaction": func(ctx context.Context, c *sql.Conn) error {
			tx, err := c.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES (-1)"); err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, "INSERT INTO t "+slow)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var inner *Conn
			c.Raw(func(x any) error {
				inner = x.(*Conn)
				return nil
			})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := run(ctx, c); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			c.Close()
			inner.mu.Lock()
			if inner.calls == 0 {
				t.Error("it waited for the call's end")
			}
			inner.mu.Unlock()
			if n := db.Stats().Idle; n != 0 {
				t.Errorf("%d connections were kept", n)
			}
			// What runs on holds no lock that a reader minds.
			if n := number(t, db, "SELECT count(*) FROM t WHERE x = -1"); n != 0 {
				t.Error(n)
			}
			if n := db.Stats().OpenConnections; n != 1 {
				t.Errorf("%d connections", n)
			}
			db.SetMaxIdleConns(0) // a new one for the next
			db.SetMaxIdleConns(2)
			// A write that was left alone must be over before the next begins.
			eventually(t, func() bool { _, err := db.Exec("DELETE FROM t"); return err == nil })
			db.SetMaxIdleConns(0)
			db.SetMaxIdleConns(2)
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.ExecContext(ctx, "DELETE FROM t"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	quick(t, func() { db.Close() })
	eventually(t, func() bool { return runtime.NumGoroutine() <= before })
}

// A database that is closed under running calls waits for them.
func TestCloseUnderARunningCall(t *testing.T) {
	path := file(t)
	for range 5 {
		d := describe(t, "libsql:"+path)
		inner := d.Base.(*base).db
		db := sql.OpenDB(d.Base)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		for range 3 {
			go db.QueryContext(ctx, slow)
		}
		<-ctx.Done()
		cancel()
		db.Close()
		inner.mu.Lock()
		if inner.native == nil {
			t.Error("closing waited for the calls")
		}
		inner.mu.Unlock()
		eventually(t, func() bool {
			inner.mu.Lock()
			defer inner.mu.Unlock()
			return inner.users == 0 && inner.native == nil
		})
		if _, err := d.Base.Connect(t.Context()); err != errClosed {
			t.Error(err)
		}
		if err := d.Base.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestClosedConnection(t *testing.T) {
	d := describe(t, "libsql:"+file(t))
	c, err := d.Base.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.Base.(io.Closer).Close() // the connection keeps the database
	conn := c.(*Conn)
	if _, err := conn.ExecContext(t.Context(), "CREATE TABLE t (x); BEGIN; INSERT INTO t VALUES (1)", nil); err != nil {
		t.Fatal(err)
	}
	c.Close()
	c.Close()
	if _, err := conn.ExecContext(t.Context(), "SELECT 1", nil); err != driver.ErrBadConn || conn.IsValid() || conn.Ping(t.Context()) != driver.ErrBadConn {
		t.Error(err)
	}
	d = describe(t, "libsql:"+d.Path)
	// The transaction ended with Close, not some time later.
	g, err := d.Gate.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.(*Conn).ExecContext(t.Context(), "INSERT INTO t VALUES (2)", nil); err != nil {
		t.Error(err)
	}
	g.Close()
	d.Base.(io.Closer).Close()
}

// What is closed is closed when Close returns: another connection that waits
// for no lock finds none.
func TestCloseReleasesLocks(t *testing.T) {
	d := describe(t, "libsql:"+file(t))
	db, gate := sql.OpenDB(d.Base), sql.OpenDB(d.Gate)
	defer db.Close()
	defer gate.Close()
	must(t, db, "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)")
	for range 300 {
		rows, err := db.QueryContext(t.Context(), "SELECT x FROM t")
		if err != nil {
			t.Fatal(err)
		}
		rows.Next()
		rows.Close()
		must(t, gate, "UPDATE t SET x = x")
		must(t, db, "BEGIN; UPDATE t SET x = x") // forgotten
		must(t, gate, "UPDATE t SET x = x")
	}
}

func TestPragmas(t *testing.T) {
	d := describe(t, "libsql:"+file(t)+"?_pragma=busy_timeout(1234)&_pragma=foreign_keys(0)&_pragma=journal_mode=WAL")
	for name, want := range map[string]struct {
		c    driver.Connector
		busy int
	}{"base": {d.Base, 1234}, "gate": {d.Gate, 0}} {
		db := sql.OpenDB(want.c)
		if n := number(t, db, "PRAGMA busy_timeout"); n != want.busy {
			t.Error(name, n)
		}
		if n := number(t, db, "PRAGMA foreign_keys"); n != 0 {
			t.Error(name, n)
		}
		var mode string
		if err := db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
			t.Error(name, mode, err)
		}
		defer db.Close()
	}
	if db := pool(t, "libsql::memory:?_pragma=encoding(nonsense)"); db.Ping() == nil {
		t.Log("SQLite takes any encoding") // as it does any value that it does not know
	}
}

// The gate never waits in C, and reads text as text.
func TestGate(t *testing.T) {
	d := describe(t, "libsql:"+file(t)+"?_pragma=busy_timeout(10000)")
	gate, base := sql.OpenDB(d.Gate), sql.OpenDB(d.Base)
	defer base.Close()
	defer gate.Close()
	must(t, gate, "CREATE TABLE t (a, b, c)")
	const day = "2024-02-29"
	must(t, gate, "INSERT INTO t VALUES (?, ?, ?), (?, '=x', x'3d'), (NULL, 1.5, '2024-02-29T12:00:00Z')", day, 7, "", "=")
	rows, err := gate.Query("SELECT a, b, c, a AS a FROM t WHERE c IS NOT ? ORDER BY rowid -- the end\n;", "no")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if columns, _ := rows.Columns(); fmt.Sprint(columns) != "[a b c a]" {
		t.Error(columns)
	}
	var got []string
	for rows.Next() {
		v := make([]any, 4)
		if err := rows.Scan(&v[0], &v[1], &v[2], &v[3]); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%T %T %T %q", v[0], v[1], v[2], v))
	}
	want := []string{
		`string int64 string ["2024-02-29" '\a' "" "2024-02-29"]`,
		`string string []uint8 ["=" "=x" "=" "="]`,
		`<nil> float64 string [<nil> %!q(float64=1.5) "2024-02-29T12:00:00Z" <nil>]`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q\n%q", got, want)
	}
	var text string
	for _, q := range []string{"VALUES ('2024-02-29')", "WITH x(a) AS (SELECT '2024-02-29') SELECT a FROM x UNION SELECT a FROM x ORDER BY 1 LIMIT 1",
		"SELECT max(a) FROM t WHERE a LIKE '2%'"} {
		if err := gate.QueryRow(q).Scan(&text); err != nil || text != day {
			t.Error(q, text, err)
		}
	}
	if err := gate.QueryRow("PRAGMA encoding").Scan(&text); err != nil || text != "UTF-8" {
		t.Error(text, err)
	}

	tx, err := base.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	must(t, tx, "DELETE FROM t")
	quick(t, func() {
		_, err = gate.Exec("DELETE FROM t")
		if e := new(Error); !errors.As(err, &e) || e.Kind != Busy || e.Code() != sqliteBusy {
			t.Error(err)
		}
	})
	// The others do, and their context ends even that.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	quick(t, func() {
		if _, err = base.ExecContext(ctx, "DELETE FROM t"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestOpenDoesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, s := range []string{"libsql:a.db", "libsql://localhost:1?replica=r.db", "http://localhost:1"} {
		db := pool(t, s)
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Error(list)
	}
}

func TestCheckCreatesNothing(t *testing.T) {
	path := file(t)
	d, err := open(engine.DSN{Scheme: "libsql", Rest: path, Check: true})
	need(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []driver.Connector{d.Base, d.Gate} {
		_, err := c.Connect(t.Context())
		if e := new(Error); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &e) || e.Code() != sqliteCantOpen {
			t.Error(err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the file was created")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(d.Gate)
	defer db.Close()
	if n := number(t, db, "SELECT count(*) FROM sqlite_master"); n != 0 {
		t.Error(n)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Error("the file was written to", err)
	}
}

// The file is the one that is named, whatever is in the name.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for dsnPath, want := range map[string]string{
		"a.db": "a.db", "./b.db": "b.db", "c%20d%3F%23%25.db": "c d?#%.db", "é:x.db": "é:x.db", "%66ile.db": "file.db", dir + "/abs.db": "abs.db",
		"//" + dir + "/two.db": "two.db", "e+f&g=h.db": "e+f&g=h.db", "libsql:i.db": "libsql:i.db",
	} {
		db := pool(t, "libsql:"+dsnPath)
		must(t, db, "CREATE TABLE t (x)")
		db.Close()
		if info, err := os.Stat(want); err != nil || info.Size() == 0 {
			t.Error(dsnPath, err)
		}
	}
	if list, _ := filepath.Glob("*.db"); len(list) != 9 {
		t.Error(list)
	}
}

// A database that could not be opened can be opened later.
func TestOpenIsTriedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	db := pool(t, "libsql:"+dir+"/app.db")
	for range 2 {
		err := db.Ping()
		if e := new(Error); !errors.As(err, &e) || e.Code() != sqliteCantOpen || strings.Contains(err.Error(), dir) {
			t.Error(err)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	must(t, db, "CREATE TABLE t (x)")
}

func BenchmarkQueryRow(b *testing.B) {
	db := pool(b, "libsql:"+file(b))
	for name, ctx := range map[string]context.Context{"background": context.Background(), "cancellable": b.Context()} {
		b.Run(name, func(b *testing.B) {
			var n int
			for b.Loop() {
				if err := db.QueryRowContext(ctx, "SELECT 1").Scan(&n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRows(b *testing.B) {
	db := pool(b, "libsql:"+file(b))
	for name, ctx := range map[string]context.Context{"background": context.Background(), "cancellable": b.Context()} {
		b.Run(name, func(b *testing.B) {
			rows, err := db.QueryContext(ctx, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c")
			if err != nil {
				b.Fatal(err)
			}
			defer rows.Close()
			for b.Loop() {
				rows.Next()
			}
		})
	}
}

// Contexts that end at any moment, in every kind of call: nothing is freed
// under a call, nothing is left behind.
func TestAnyMoment(t *testing.T) {
	before := runtime.NumGoroutine()
	d := describe(t, "libsql:"+file(t)+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(20)")
	db := sql.OpenDB(d.Base)
	must(t, db, "CREATE TABLE t (x)")
	var wg sync.WaitGroup
	end := time.Now().Add(2 * time.Second)
	for i := range 8 {
		wg.Go(func() {
			for n := i; time.Now().Before(end); n++ {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.N(3000))*time.Microsecond)
				switch n % 4 {
				case 0:
					if rows, err := db.QueryContext(ctx, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5000) SELECT x, 'text', x'00' FROM c"); err == nil {
						for rows.Next() {
						}
						rows.Close()
					}
				case 1:
					db.ExecContext(ctx, "INSERT INTO t VALUES (?); DELETE FROM t", n)
					db.ExecContext(ctx, "INSERT INTO t VALUES (:n) RETURNING x", sql.Named("n", n))
				case 2:
					if tx, err := db.BeginTx(ctx, nil); err == nil {
						tx.ExecContext(ctx, "INSERT INTO t SELECT value FROM json_each('[1,2,3]')")
						if rows, err := tx.QueryContext(ctx, "SELECT x FROM t"); err == nil {
							rows.Next() // and left open
						}
						tx.Commit()
					}
				case 3:
					if s, err := db.PrepareContext(ctx, "SELECT count(*) FROM t WHERE x > ?"); err == nil {
						s.QueryRowContext(ctx, n).Scan(new(int))
						s.Close()
					}
				}
				cancel()
			}
		})
	}
	wg.Wait()
	db.SetMaxIdleConns(0)
	inner := d.Base.(*base).db
	eventually(t, func() bool {
		inner.mu.Lock()
		defer inner.mu.Unlock()
		return inner.users == 0
	})
	// The last connection to be closed may still be at its checkpoint.
	eventually(t, func() bool { _, err := db.Exec("BEGIN IMMEDIATE; ROLLBACK"); return err == nil })
	db.Close()
	eventually(t, func() bool { return runtime.NumGoroutine() <= before })
}
