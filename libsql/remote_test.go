package libsql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
)

// behindProxy starts a server behind a proxy and opens it.
func behindProxy(t *testing.T, opts ...sqldtest.Option) (*sql.DB, *sqldtest.Server, *sqldtest.Proxy) {
	t.Helper()
	need(t)
	s := sqldtest.Start(t, opts...)
	p := sqldtest.NewProxy(t, s.URL)
	return pool(t, p.URL), s, p
}

// kind is the kind of an error, -1 if it is none of libSQL.
func kind(err error) Kind {
	var e *Error
	if !errors.As(err, &e) {
		return -1
	}
	return e.Kind
}

func TestRemote(t *testing.T) {
	t.Parallel()
	db, _, _ := behindProxy(t)
	must(t, db, "CREATE TABLE t (id INTEGER PRIMARY KEY, x UNIQUE); INSERT INTO t (x) VALUES (1), (2); SELECT 'thrown away'; PRAGMA user_version")
	for _, c := range []struct {
		text     string
		changes  int64
		inserted int64
	}{
		{"INSERT INTO t (x) VALUES (3), (4)", 2, 4},
		{"INSERT INTO t (x) VALUES (5) RETURNING id", 1, 5},
		{"CREATE TABLE u (y)", 0, 5},
		{"SELECT * FROM t", 0, 5},
		{"DELETE FROM t WHERE x > 2", 3, 5},
	} {
		r := must(t, db, c.text)
		changes, _ := r.RowsAffected()
		id, _ := r.LastInsertId()
		if changes != c.changes || id != c.inserted {
			t.Errorf("%s: %d changes, id %d", c.text, changes, id)
		}
	}
	for _, text := range []string{"", "-- nothing"} {
		must(t, db, text)
	}
	if n := number(t, db, "SELECT count(*) FROM t WHERE x < :x", sql.Named("x", 9)); n != 2 {
		t.Error(n)
	}
	var text string
	if err := db.QueryRow("INSERT INTO t (x) VALUES (?) RETURNING x", "geheim").Scan(&text); err != nil || text != "geheim" {
		t.Error(text, err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, "DELETE FROM t")
	if _, err := tx.Exec("SELEC 1"); kind(err) != Other || err.Error() != `near "SELEC": syntax error` {
		t.Error(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	must(t, db, "BEGIN; DELETE FROM t") // forgotten
	if n := number(t, db, "SELECT count(*) FROM t"); n != 3 {
		t.Error(n)
	}
}

// The two ways to a server lead to the same database.
func TestServer(t *testing.T) {
	t.Parallel()
	key, sign := sqldtest.NewTokenKey(t)
	need(t)
	s := sqldtest.Start(t, sqldtest.WithJWT(key))
	d := describe(t, s.URL+"?authToken="+sign(time.Now().Add(time.Hour), false)+"&replica="+file(t))
	db := sql.OpenDB(d.Base)
	defer db.Close()
	must(t, db, "CREATE TABLE t (x); INSERT INTO t VALUES ('2024-02-29')")
	answers, err := d.Server.Read(t.Context(), "SELECT x FROM t")
	if err != nil || answers[0].Rows[0][0] != "2024-02-29" {
		t.Error(answers, err)
	}
	if _, err := d.Server.Transact(t.Context(), engine.Statement{Text: "INSERT INTO t VALUES (1)"}); err != nil {
		t.Fatal(err)
	}
	if err := d.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := number(t, db, "SELECT count(*) FROM t"); n != 2 {
		t.Error(n)
	}
}

// What a connection costs, in requests.
func TestRequests(t *testing.T) {
	t.Parallel()
	db, _, p := behindProxy(t)
	must(t, db, "CREATE TABLE t (x)")
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, r := range []struct {
		what string
		want int
		do   func()
	}{
		{"open", 0, func() { pool(t, p.URL) }},
		{"open, SELECT and close", 3, func() {
			fresh := pool(t, p.URL)
			number(t, fresh, "SELECT 1")
			fresh.Close()
			eventually(t, func() bool { return p.Requests() >= 3 })
		}},
		{"SELECT", 2, func() { number(t, c, "SELECT count(*) FROM t") }},
		{"SELECT with arguments", 2, func() { number(t, c, "SELECT ?", 1) }},
		{"exec", 1, func() { must(t, c, "INSERT INTO t VALUES (1)") }},
		{"exec with arguments", 2, func() { must(t, c, "INSERT INTO t VALUES (?)", 1) }},
		{"three statements", 3, func() { must(t, c, "INSERT INTO t VALUES (1); SELECT 1; PRAGMA user_version") }},
		{"nothing", 0, func() { must(t, c, "-- nothing") }},
		{"ping", 1, func() { c.PingContext(t.Context()) }},
		{"transaction", 3, func() {
			tx, err := c.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			must(t, tx, "INSERT INTO t VALUES (1)")
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}},
		{"pooled", 2, func() { number(t, db, "SELECT 1") }},
	} {
		p.Reset()
		r.do()
		if n := p.Requests(); n != r.want {
			t.Errorf("%s: %d requests, want %d", r.what, n, r.want)
		}
	}
}

func TestServerGoesAndComes(t *testing.T) {
	t.Parallel()
	db, s, _ := behindProxy(t)
	direct := pool(t, s.URL)
	must(t, db, "CREATE TABLE t (x)")
	for range 2 {
		if n := number(t, db, "SELECT count(*) FROM t") + number(t, direct, "SELECT count(*) FROM t"); n != 0 {
			t.Error(n)
		}
		tx, err := direct.Begin()
		if err != nil {
			t.Fatal(err)
		}
		must(t, tx, "INSERT INTO t VALUES (1)")
		s.Kill()
		for range 3 {
			if err := direct.Ping(); kind(err) != Unreachable || !strings.Contains(err.Error(), "onnection refused") {
				t.Error(err)
			}
		}
		if _, err := tx.Exec("INSERT INTO t VALUES (2)"); kind(err) != Unreachable {
			t.Error(err)
		}
		s.Restart()
		// The transaction is lost, not turned into single statements.
		if _, err := tx.Exec("INSERT INTO t VALUES (3)"); err == nil {
			t.Error("a statement of a lost transaction was run")
		}
		if err := tx.Commit(); err == nil {
			t.Error("a lost transaction was committed")
		}
	}
	if n := number(t, direct, "SELECT count(*) FROM t"); n != 0 {
		t.Error(n)
	}
	// A transaction that finds a new server.
	tx, err := direct.Begin()
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, "INSERT INTO t VALUES (1)")
	// And streams of idle connections that are known no more: nobody notices.
	number(t, db, "SELECT 1")
	s.Kill()
	s.Restart()
	must(t, db, "INSERT INTO t VALUES (4)")
	if _, err := tx.Exec("INSERT INTO t VALUES (5)"); kind(err) != StreamLost {
		t.Error(err)
	}
	if err := tx.Commit(); err == nil {
		t.Error("a lost transaction was committed")
	}
	if n := number(t, direct, "SELECT sum(x) FROM t"); n != 4 {
		t.Error(n)
	}
}

// A server forgets streams that were idle for 10 s. The pool does not show.
func TestIdleStreams(t *testing.T) {
	t.Parallel()
	db, _, _ := behindProxy(t)
	conns := make([]*sql.Conn, 4)
	for i := range conns {
		conns[i], _ = db.Conn(t.Context())
		number(t, conns[i], "SELECT 1")
	}
	db.SetMaxIdleConns(len(conns))
	for _, c := range conns {
		c.Close()
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(12 * time.Second)
	must(t, db, "CREATE TABLE t (x)")
	if n := number(t, db, "SELECT count(*) FROM t"); n != 0 {
		t.Error(n)
	}
	if _, err := tx.Exec("INSERT INTO t VALUES (1)"); kind(err) != StreamLost || err.Error() != "The stream has expired due to inactivity" {
		t.Error(err)
	}
	tx.Rollback()
}

// go-libsql's replicas do not notice that the server which has their
// transaction is another one. This test fails when they do: then say so in the
// package's comment.
func TestReplicaLosesItsTransaction(t *testing.T) {
	t.Parallel()
	_, s, _ := behindProxy(t)
	db := pool(t, s.URL+"?replica="+file(t))
	must(t, db, "CREATE TABLE t (x)")
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, "INSERT INTO t VALUES (1)")
	s.Kill()
	s.Restart()
	must(t, tx, "INSERT INTO t VALUES (2)")
	if err := tx.Commit(); err == nil {
		t.Error("committed")
	}
	if n := number(t, pool(t, s.URL), "SELECT sum(x) FROM t"); n != 2 {
		t.Error(n)
	}
	must(t, db, "INSERT INTO t VALUES (3)")
}

// A transaction that holds the lock for too long is thrown out. What is left of
// it must not be run outside of one.
func TestTransactionTimeout(t *testing.T) {
	t.Parallel()
	db, _, _ := behindProxy(t)
	must(t, db, "CREATE TABLE t (x)")
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, "INSERT INTO t VALUES (1)")
	must(t, db, "INSERT INTO t VALUES (2)") // waits until the other one is out
	if _, err := tx.Exec("INSERT INTO t VALUES (3)"); kind(err) != Timeout || err.Error() != "Transaction timed out" {
		t.Error(err)
	}
	if _, err := tx.Exec("INSERT INTO t VALUES (4)"); err == nil {
		t.Error("a statement was run in no transaction")
	}
	if err := tx.Commit(); err == nil {
		t.Error("committed")
	}
	if n := number(t, db, "SELECT sum(x) FROM t"); n != 2 {
		t.Error(n)
	}
}

func TestRefusedStatements(t *testing.T) {
	t.Parallel()
	db, _, _ := behindProxy(t)
	db.SetMaxOpenConns(1)
	for _, text := range []string{"ATTACH 'geheim' AS geheim", "VACUUM", "PRAGMA busy_timeout = 5", "DETACH geheim"} {
		for _, query := range []bool{false, true} {
			var err error
			if query {
				var rows *sql.Rows
				if rows, err = db.Query(text); err == nil {
					rows.Close()
				}
			} else {
				_, err = db.Exec(text)
			}
			if err == nil || strings.Contains(err.Error(), "geheim") && text[0] == 'A' {
				t.Errorf("%s (query: %v): %v", text, query, err)
			}
			if n := number(t, db, "SELECT 1"); n != 1 {
				t.Error(n)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	key, sign := sqldtest.NewTokenKey(t)
	_, s, _ := behindProxy(t, sqldtest.WithJWT(key))
	readOnly := sign(time.Now().Add(time.Hour), true)
	for what, token := range map[string]string{"none": "", "garbage": "geheim", "expired": sign(time.Now().Add(-time.Hour), false), "read-only": readOnly} {
		url := s.URL
		if token != "" {
			url += "?authToken=" + token
		}
		db := pool(t, url)
		for range 2 {
			_, err := db.Exec("CREATE TABLE t (x)")
			if kind(err) != Auth || token != "" && strings.Contains(err.Error(), token) {
				t.Error(what, err)
			}
		}
		_, err := db.Query("SELECT 1")
		if what == "read-only" && err != nil || what != "read-only" && kind(err) != Auth {
			t.Error(what, err)
		}
	}
	db := pool(t, s.URL+"?authToken="+sign(time.Now().Add(time.Hour), false))
	must(t, db, "CREATE TABLE t (x)")

	// A write on a replica goes to the server with the same token.
	r := pool(t, s.URL+"?authToken="+readOnly+"&replica="+file(t))
	if n := number(t, r, "SELECT count(*) FROM t"); n != 0 {
		t.Error(n)
	}
	if _, err := r.Exec("INSERT INTO t VALUES ('geheim')"); kind(err) != Auth || strings.Contains(err.Error(), "geheim") {
		t.Error(err)
	}
}

// Whatever the network does: an error or not, in time, and the pool works on.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sqldtest.Fault{"cut before": sqldtest.CutBefore, "cut after": sqldtest.CutAfter,
		"cut middle": sqldtest.CutMiddle, "flush": sqldtest.Flush, "hang": sqldtest.Hang, "hang after": sqldtest.HangAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testFault(t, fault)
		})
	}
}

func testFault(t *testing.T, fault sqldtest.Fault) {
	db, s, p := behindProxy(t)
	direct := pool(t, s.URL)
	must(t, direct, "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2), (3); CREATE TABLE n (x); INSERT INTO n VALUES (0)")
	read := func(ctx context.Context) error {
		rows, err := db.QueryContext(ctx, "SELECT x FROM t")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
		}
		return rows.Err()
	}
	write := func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "UPDATE n SET x = x + 1")
		return err
	}
	transact := func(ctx context.Context) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, "UPDATE n SET x = x + 1"); err != nil {
			return err
		}
		return tx.Commit()
	}
	for what, do := range map[string]func(context.Context) error{"read": read, "write": write, "transact": transact} {
		for at := range 3 { // the request that it happens to
			p.Reset()
			count := number(t, direct, "SELECT x FROM n")
			p.Fault(func(n int, _ sqldtest.Request) sqldtest.Fault {
				if n == at {
					return fault
				}
				return sqldtest.Pass
			})
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			start := time.Now()
			err := do(ctx)
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("%s, request %d: %v", what, at, d)
			}
			cancel()
			if k := kind(err); err != nil && !errors.Is(err, context.DeadlineExceeded) && k != StreamLost && k != Unreachable {
				t.Errorf("%s, request %d: %v", what, at, err)
			}
			p.Fault(nil)
			// Nothing is done twice, or half.
			if n := number(t, direct, "SELECT x FROM n") - count; n > 1 || err == nil && n != 1 && what != "read" {
				t.Errorf("%s, request %d: written %d times (%v)", what, at, n, err)
			}
			for range 3 {
				if err := transact(t.Context()); err != nil {
					t.Errorf("after %s, request %d: %v", what, at, err)
				}
				if err := read(t.Context()); err != nil {
					t.Errorf("after %s, request %d: %v", what, at, err)
				}
			}
		}
	}
	p.Down()
	if err := read(t.Context()); kind(err) != Unreachable && kind(err) != StreamLost {
		t.Error(err)
	}
	p.Up()
	if err := read(t.Context()); err != nil {
		t.Error(err)
	}
}

// A server that never answers holds nobody up.
func TestHang(t *testing.T) {
	db, _, p := behindProxy(t)
	number(t, db, "SELECT 1")
	before := runtime.NumGoroutine()
	p.Fault(func(int, sqldtest.Request) sqldtest.Fault { return sqldtest.Hang })
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		quick(t, func() {
			if err := db.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		cancel()
	}
	p.Fault(nil)
	number(t, db, "SELECT 1")
	quick(t, func() { db.Close() })
	p.Down() // ends the calls that were left alone
	eventually(t, func() bool { return runtime.NumGoroutine() <= before })
}

func TestReplica(t *testing.T) {
	t.Parallel()
	primary, s, p := behindProxy(t)
	must(t, primary, "CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (1)")
	path := filepath.Join(t.TempDir(), "r?%41 #.db")
	d := describe(t, p.URL+"?replica="+strings.NewReplacer("?", "%3F", "%", "%25", " ", "+", "#", "%23").Replace(path))
	db := sql.OpenDB(d.Base)
	defer db.Close()
	if err := d.Refresh(t.Context()); err != nil || p.Requests() > 2 {
		t.Error("a replica that nobody uses was opened", err)
	}
	if n := number(t, db, "SELECT count(*) FROM t"); n != 1 {
		t.Error(n)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	p.Reset()
	for range 3 {
		if n := number(t, db, "SELECT count(*) FROM t"); n != 1 {
			t.Error(n)
		}
	}
	if n := p.Requests(); n != 0 {
		t.Errorf("reading took %d requests", n)
	}
	must(t, db, "INSERT INTO t VALUES (:x)", sql.Named("x", 2))
	if _, err := db.Exec("INSERT INTO t VALUES (3); INSERT INTO t VALUES (4) RETURNING x; SELECT 1; PRAGMA user_version"); err != nil {
		t.Error(err)
	}
	if n := number(t, db, "SELECT count(*) FROM t"); n != 4 {
		t.Error(n)
	}
	if _, err := db.Exec("INSERT INTO t VALUES (?)", 4); kind(err) != Constraint || err.Error() != "UNIQUE constraint failed: t.x" {
		t.Error(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, "DELETE FROM t")
	if n := number(t, tx, "SELECT count(*) FROM t"); n != 0 {
		t.Error(n)
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"COMMIT", "ROLLBACK", "RELEASE a"} { // go-libsql's replicas are touchy about these
		if _, err := db.Exec(text); kind(err) != Other {
			t.Error(text, err)
		}
	}
	must(t, db, "BEGIN; DELETE FROM t") // forgotten
	if n := number(t, db, "SELECT count(*) FROM t"); n != 4 {
		t.Error(n)
	}
	// What others write comes when it is asked for.
	must(t, primary, "INSERT INTO t VALUES (7)")
	if n := number(t, db, "SELECT count(*) FROM t"); n != 4 {
		t.Error(n)
	}
	if err := d.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	if n := number(t, db, "SELECT count(*) FROM t"); n != 5 {
		t.Error(n)
	}
	p.Fault(func(int, sqldtest.Request) sqldtest.Fault { return sqldtest.Hang })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	quick(t, func() {
		if err := d.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	p.Fault(nil)
	p.Down()
	p.Up()
	if n := number(t, db, "SELECT count(*) FROM t"); n != 5 {
		t.Error(n)
	}
	s.Kill()
	if _, err := db.Exec("INSERT INTO t VALUES (8)"); kind(err) != Unreachable && kind(err) != StreamLost {
		t.Error(err)
	}
	if n := number(t, db, "SELECT count(*) FROM t"); n != 5 {
		t.Error(n)
	}
	if err := d.Refresh(t.Context()); kind(err) != Unreachable {
		t.Error(err)
	}
	s.Restart()
	must(t, db, "INSERT INTO t VALUES (9)")
}

func TestReplicaSyncs(t *testing.T) {
	t.Parallel()
	primary, s, _ := behindProxy(t)
	must(t, primary, "CREATE TABLE t (x)")
	db := pool(t, fmt.Sprintf("%s?sync=20ms&replica=%s", s.URL, file(t)))
	number(t, db, "SELECT count(*) FROM t")
	must(t, primary, "INSERT INTO t VALUES (1)")
	eventually(t, func() bool { return number(t, db, "SELECT count(*) FROM t") == 1 })
	db.Close()
}

// Opening a replica waits for the server: under the caller's context, and not
// for good.
func TestReplicaOpens(t *testing.T) {
	t.Parallel()
	_, _, p := behindProxy(t)
	d := describe(t, p.URL+"?replica="+file(t))
	db := sql.OpenDB(d.Base)
	p.Fault(func(int, sqldtest.Request) sqldtest.Fault { return sqldtest.Hang })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	quick(t, func() {
		if err := db.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	p.Down()
	p.Fault(nil)
	eventually(t, func() bool { return kind(db.Ping()) == Unreachable })
	p.Up()
	number(t, db, "SELECT 1")
	db.Close()

	// Closed while it opens: what was opened is closed.
	d = describe(t, p.URL+"?replica="+file(t))
	p.Fault(func(int, sqldtest.Request) sqldtest.Fault { return sqldtest.Hang })
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	d.Base.Connect(ctx)
	d.Base.(io.Closer).Close()
	p.Fault(nil)
	p.Down()
	inner := d.Base.(*base).db
	eventually(t, func() bool {
		inner.mu.Lock()
		defer inner.mu.Unlock()
		return inner.opening == nil && inner.native == nil
	})
}
