package hrana

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
)

// versions runs a test with a server that speaks version 3 of the protocol, and
// behind what makes it one that does not.
func versions(t *testing.T, test func(t *testing.T, c *Client)) {
	for _, v := range []string{"v3", "v2"} {
		t.Run(v, func(t *testing.T) {
			t.Parallel()
			url := sqldtest.Start(t).URL
			if v == "v2" {
				url = rewrite(t, url, func(w http.ResponseWriter, r *http.Request) bool {
					if strings.HasPrefix(r.URL.Path, "/v3") {
						http.NotFound(w, r)
						return true
					}
					return false
				}, nil).URL
			}
			test(t, client(t, url, ""))
		})
	}
}

// rewrite starts a server in front of another. It may take a request over, and
// change answers.
func rewrite(t *testing.T, url string, take func(http.ResponseWriter, *http.Request) bool, change func(string) string) *httptest.Server {
	s := httptest.NewServer(through(url, take, change))
	t.Cleanup(s.Close)
	return s
}

func through(url string, take func(http.ResponseWriter, *http.Request) bool, change func(string) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if take != nil && take(w, r) {
			return
		}
		req, _ := http.NewRequestWithContext(r.Context(), r.Method, url+r.URL.Path, r.Body)
		req.Header = r.Header
		req.Header.Del("Accept-Encoding")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if change != nil {
			body = []byte(change(string(body)))
		}
		w.WriteHeader(resp.StatusCode)
		w.Write(body)
	})
}

func client(t *testing.T, url, token string) *Client {
	t.Helper()
	c, err := New(url, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func must(t *testing.T, c *Client, texts ...string) {
	t.Helper()
	if _, err := c.Transact(t.Context(), statements(texts...)...); err != nil {
		t.Fatal(err)
	}
}

func statements(texts ...string) (list []engine.Statement) {
	for _, s := range texts {
		list = append(list, engine.Statement{Text: s})
	}
	return list
}

// one returns the one value that a query yields.
func one(t *testing.T, c *Client, query string) driver.Value {
	t.Helper()
	a, err := c.Read(t.Context(), query)
	if err == nil {
		err = a[0].Err
	}
	if err != nil {
		t.Fatal(err)
	}
	return a[0].Rows[0][0]
}

func count(t *testing.T, c *Client, table string, want int64) {
	t.Helper()
	if n := one(t, c, "SELECT count(*) FROM "+table); n != want {
		t.Fatalf("%s has %v rows, want %d", table, n, want)
	}
}

func connect(t *testing.T, c *Client) *conn {
	t.Helper()
	dc, err := c.Connect(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dc.Close() })
	return dc.(*conn)
}

func run(t *testing.T, c *conn, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if _, err := c.ExecContext(t.Context(), s, nil); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

var roundTrip = []driver.Value{
	nil, int64(0), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), int64(1) << 53, int64(1)<<53 + 1,
	0.5, 1.0, -0.25, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21, math.Pi,
	"", "a", "it's <b>&\"\\\n", "a\x00b", "žluťoučký kůň 🐎 \u2028", strings.Repeat("x", 1<<20),
	[]byte{}, []byte{0}, []byte{0xff, 0xfe}, []byte("ab"), []byte("abc"),
}

func TestValuesRoundTrip(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, c *Client) {
		must(t, c, "CREATE TABLE v (id INTEGER PRIMARY KEY, x)")
		conn := connect(t, c)
		for i, v := range roundTrip {
			a, err := c.Transact(t.Context(),
				engine.Statement{Text: "INSERT INTO v VALUES (?, ?)", Args: []driver.Value{int64(i), v}},
				engine.Statement{Text: "SELECT x FROM v WHERE id = ?", Args: []driver.Value{int64(i)}})
			if err != nil {
				t.Fatal(err)
			}
			if got := a[1].Rows[0][0]; !reflect.DeepEqual(got, v) || a[0].RowsAffected != 1 {
				t.Errorf("%#v came back as %#v, %d rows", v, got, a[0].RowsAffected)
			}
			rows, err := conn.QueryContext(t.Context(), "SELECT :x, typeof(:x)", []driver.NamedValue{{Name: "x", Ordinal: 1, Value: v}})
			if err != nil {
				t.Fatal(err)
			}
			dest := make([]driver.Value, 2)
			if err := rows.Next(dest); err != nil || !reflect.DeepEqual(dest[0], v) {
				t.Errorf("%#v came back as %#v, %v", v, dest, err)
			}
			if err := rows.Next(dest); err != io.EOF {
				t.Error(err)
			}
		}
		now := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))
		for in, want := range map[driver.Value]driver.Value{true: int64(1), false: int64(0), now: "2026-01-02T03:04:05.000006+01:00"} {
			if a, err := c.Execute(t.Context(), engine.Statement{Text: "SELECT ?", Args: []driver.Value{in}}); err != nil || a.Rows[0][0] != want {
				t.Error(in, a, err)
			}
		}
		if a, err := c.Execute(t.Context(), engine.Statement{Text: "SELECT ?", Args: []driver.Value{[]byte(nil)}}); err != nil || a.Rows[0][0] != nil {
			t.Error(a, err)
		}
	})
}

func TestWhatTheProtocolCannotCarryIsRefused(t *testing.T) {
	t.Parallel()
	c := client(t, sqldtest.Start(t).URL, "")
	must(t, c, "CREATE TABLE t (x)")
	for _, v := range []driver.Value{math.NaN(), math.Inf(1), math.Inf(-1), "\xff", struct{}{}} {
		insert := engine.Statement{Text: "INSERT INTO t VALUES (?)", Args: []driver.Value{v}}
		var s *engine.StatementError
		if _, err := c.Execute(t.Context(), insert); !errors.As(err, &s) {
			t.Error(v, err)
		}
		if _, err := c.Transact(t.Context(), statements("INSERT INTO t VALUES (1)")[0], insert); !errors.As(err, &s) || s.Index != 1 {
			t.Error(v, err)
		}
	}
	if _, err := c.Transact(t.Context(), statements("INSERT INTO t VALUES ('\xff')")...); err == nil {
		t.Error("a text that is not UTF-8")
	}
	count(t, c, "t", 0)
	a, err := c.Read(t.Context(), "SELECT 9e999", "SELECT 1")
	if err != nil || a[0].Err == nil || a[1].Err != nil {
		t.Error(a, err)
	}
}

func FuzzValue(f *testing.F) {
	f.Add(int64(math.MinInt64), 1e300, "a\x00<", []byte{0xff})
	f.Fuzz(func(t *testing.T, i int64, x float64, s string, b []byte) {
		for _, v := range []driver.Value{i, x, s, b} {
			e, err := encode(v)
			if err != nil {
				continue
			}
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			var c cell
			if err := json.Unmarshal(text, &c); err != nil {
				t.Fatal(err)
			}
			got, err := c.decode()
			if err != nil {
				t.Fatal(err)
			}
			if b, ok := v.([]byte); ok && b == nil {
				v = nil
			}
			if !reflect.DeepEqual(got, v) {
				t.Fatalf("%#v: %s: %#v", v, text, got)
			}
		}
	})
}

func TestTransactIsAllOrNothing(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, c *Client) {
		must(t, c, "CREATE TABLE t (x UNIQUE)", "INSERT INTO t VALUES (1)")
		for _, bad := range []struct {
			text, err string
			code      int
		}{
			{"INSERT INTO t VALUES (1)", "UNIQUE constraint failed: t.x", 19},
			{"INSERT OR ROLLBACK INTO t VALUES (1)", "UNIQUE constraint failed: t.x", 19},
			{"ALTER TABLE t ADD COLUMN x", "duplicate column name: x", 1},
			{"INSERT INTO u VALUES (1)", "no such table: u", 1},
			{"SELECT y FROM t", "no such column: y", 1},
			{"SELECT ?", "Arguments do not match SQL parameters: value for parameter 1 not found", 1},
			{"INSERT INTO t VALUES (1) frob", `near "frob": syntax error`, 1},
			{"INSERT INTO t VALUES (1) 'secret'", "near a string: syntax error", 1},
			{"SELECT 1; SELECT 2", "SQL string contains more than one statement", 1},
			{"-- nothing", "SQL string does not contain any statement", 1},
			{"VACUUM INTO 'secret'", "the server does not support VACUUM INTO, in a transaction or outside; leave it out", 1},
			{"pragma journal_mode=off", "the server does not support pragma journal_mode, in a transaction or outside; leave it out", 1},
		} {
			for _, at := range []int{0, 1, 3} {
				list := statements("INSERT INTO t VALUES (2)", "CREATE TABLE w (x)", "INSERT INTO w VALUES (3)")
				list = append(list[:at:at], append(statements(bad.text), list[at:]...)...)
				_, err := c.Transact(t.Context(), list...)
				var (
					s *engine.StatementError
					e *Error
				)
				if !errors.As(err, &s) || s.Index != at || !errors.As(err, &e) || e.Code() != bad.code || err.Error() != bad.err {
					t.Errorf("%s at %d: %#v", bad.text, at, err)
				}
			}
		}
		count(t, c, "t", 1)
		count(t, c, "sqlite_schema WHERE name = 'w'", 0)

		a, err := c.Transact(t.Context(), statements("INSERT INTO t VALUES (2), (3)", "UPDATE t SET x = -x", "SELECT x FROM t ORDER BY x")...)
		if err != nil || a[0].RowsAffected != 2 || a[1].RowsAffected != 3 || len(a[2].Rows) != 3 || a[2].Rows[0][0] != int64(-3) {
			t.Fatal(a, err)
		}
		count(t, c, "t", 3)
		if a, err := c.Transact(t.Context()); err != nil || len(a) != 0 {
			t.Error(a, err)
		}
	})
}

func TestOptionalStatementsMayFail(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, c *Client) {
		must(t, c, "CREATE TABLE t (x UNIQUE)", "INSERT INTO t VALUES (1)")
		for i, bad := range []string{"INSERT INTO t VALUES (1)", "INSERT INTO u VALUES (1)", "VACUUM", "frob"} {
			list := statements(bad, fmt.Sprintf("INSERT INTO t VALUES (%d)", 2*i+10), bad, fmt.Sprintf("INSERT INTO t VALUES (%d)", 2*i+11), bad)
			for j := range list {
				list[j].Optional = j%2 == 0
			}
			a, err := c.Transact(t.Context(), list...)
			if err != nil {
				t.Fatal(bad, err)
			}
			for j := range a {
				if (a[j].Err != nil) != (j%2 == 0) || j%2 == 1 && a[j].RowsAffected != 1 {
					t.Error(bad, j, a[j])
				}
			}
		}
		count(t, c, "t", 9)

		// One that ends the transaction ends all.
		list := statements("INSERT INTO t VALUES (2)", "INSERT OR ROLLBACK INTO t VALUES (1)", "INSERT INTO t VALUES (3)")
		list[1].Optional = true
		var s *engine.StatementError
		if _, err := c.Transact(t.Context(), list...); !errors.As(err, &s) || s.Index != 1 {
			t.Error(err)
		}
		count(t, c, "t", 9)
		// Nor does what comes after a failure run, optional or not.
		list = statements("INSERT INTO u VALUES (2)", "INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (3)")
		list[1].Optional = true
		if _, err := c.Transact(t.Context(), list...); !errors.As(err, &s) || s.Index != 0 {
			t.Error(err)
		}
		count(t, c, "t", 9)
	})
}

func TestTransactTurnsForeignKeysOff(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, c *Client) {
		must(t, c, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE k (p REFERENCES p ON DELETE CASCADE)",
			"INSERT INTO p VALUES (1)", "INSERT INTO k VALUES (1)")
		a, err := c.Transact(t.Context(), statements("PRAGMA foreign_keys", "DELETE FROM p")...)
		if err != nil || a[0].Rows[0][0] != int64(0) {
			t.Fatal(a, err)
		}
		count(t, c, "k", 1)
		if on := one(t, c, "PRAGMA foreign_keys"); on != int64(1) {
			t.Error("foreign keys elsewhere:", on)
		}
	})
}

func TestReadTellsEachQuerysError(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, c *Client) {
		for _, bad := range []string{"SELECT * FROM nosuch", "frob", "VACUUM", "SELECT 1; SELECT 2", ""} {
			a, err := c.Read(t.Context(), "SELECT 1, 'a'", bad, "SELECT 2 WHERE 0")
			if err != nil {
				t.Fatal(bad, err)
			}
			if a[0].Err != nil || !reflect.DeepEqual(a[0].Rows, [][]driver.Value{{int64(1), "a"}}) || a[1].Err == nil || a[2].Err != nil || a[2].Rows != nil {
				t.Error(bad, a)
			}
		}
	})
}

func TestReadIsOneRequestAndOneMoment(t *testing.T) {
	t.Parallel()
	s := sqldtest.Start(t)
	p := sqldtest.NewProxy(t, s.URL)
	c, writer := client(t, p.URL, ""), client(t, s.URL, "")
	must(t, writer, "CREATE TABLE t (x)")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for ctx.Err() == nil {
			writer.Execute(ctx, engine.Statement{Text: "INSERT INTO t VALUES (1)"})
		}
	}()
	for range 30 {
		p.Reset()
		slow := "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i < 20000) SELECT max(i) FROM r"
		a, err := c.Read(t.Context(), "SELECT count(*) FROM t", slow, "SELECT count(*) FROM t")
		if err != nil {
			t.Fatal(err)
		}
		if a[0].Rows[0][0] != a[2].Rows[0][0] {
			t.Fatal(a[0].Rows, a[2].Rows)
		}
		if n := p.Requests(); n != 1 {
			t.Fatal(n, "requests")
		}
	}
	p.Reset()
	must(t, c, "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)")
	if _, err := c.Execute(t.Context(), engine.Statement{Text: "INSERT INTO t VALUES (3)"}); err != nil {
		t.Fatal(err)
	}
	if n := p.Requests(); n != 2 {
		t.Error(n, "requests")
	}
}

func TestReplicaReadsWhatThePrimaryHas(t *testing.T) {
	t.Parallel()
	s := sqldtest.Start(t, sqldtest.WithReplicas())
	c, replica := client(t, s.URL, ""), client(t, sqldtest.StartReplica(t, s).URL, "")
	must(t, c, "CREATE TABLE t (x UNIQUE)")
	for i := range int64(50) {
		must(t, c, fmt.Sprintf("INSERT INTO t VALUES (%d)", i))
		count(t, replica, "t", i+1)
	}
	must(t, replica, "INSERT INTO t VALUES (100)")
	count(t, c, "t", 51)
	_, err := replica.Transact(t.Context(), statements("INSERT INTO t VALUES (101)", "INSERT INTO t VALUES (100)")...)
	var (
		st *engine.StatementError
		e  *Error
	)
	if !errors.As(err, &st) || st.Index != 1 || !errors.As(err, &e) || e.Code() != 19 || err.Error() != "UNIQUE constraint failed: t.x" {
		t.Errorf("%#v", err)
	}
	count(t, c, "t", 51)
	k := connect(t, replica)
	run(t, k, "BEGIN IMMEDIATE", "INSERT INTO t VALUES (102)", "COMMIT")
	count(t, c, "t", 52)
	if testing.Short() {
		return
	}
	k = connect(t, replica)
	run(t, k, "BEGIN IMMEDIATE")
	must(t, c, "INSERT INTO t VALUES (103)")
	for i := range 3 {
		if _, err := k.ExecContext(t.Context(), "INSERT INTO t VALUES (104)", nil); !errors.Is(err, engine.ErrThrownOut) || !errors.Is(err, ErrGone) {
			t.Errorf("%d: %#v", i, err)
		}
	}
	count(t, replica, "t", 53)
}

func TestConnection(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, c *Client) {
		db := sql.OpenDB(connector{c})
		defer db.Close()
		ctx := t.Context()
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(ctx, "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT);\nINSERT INTO t (x) VALUES ('a;b'); -- end\n"); err != nil {
			t.Fatal(err)
		}
		res, err := tx.ExecContext(ctx, "INSERT INTO t (x) VALUES (?), (?)", "c", []byte("d"))
		if err != nil {
			t.Fatal(err)
		}
		id, _ := res.LastInsertId()
		if n, _ := res.RowsAffected(); n != 2 || id != 3 {
			t.Error(n, id)
		}
		st, err := tx.PrepareContext(ctx, "SELECT id AS i, x FROM t WHERE id = :id OR id = @two ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		rows, err := st.QueryContext(ctx, sql.Named("id", 1), sql.Named("two", 2))
		if err != nil {
			t.Fatal(err)
		}
		types, _ := rows.ColumnTypes()
		if len(types) != 2 || types[0].Name() != "i" || types[1].DatabaseTypeName() != "TEXT" {
			t.Error(types)
		}
		var got []string
		for rows.Next() {
			var id int
			var x string
			if err := rows.Scan(&id, &x); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(id, x))
		}
		if rows.Err() != nil || strings.Join(got, " ") != "1a;b 2c" {
			t.Error(got, rows.Err())
		}
		if _, err := tx.Exec("SELECT ?; SELECT ?", 1, 2); err == nil {
			t.Error("arguments for several statements")
		}
		if _, err := tx.Exec(" -- nothing"); err != nil {
			t.Error(err)
		}
		count(t, c, "sqlite_schema", 0)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		count(t, c, "t", 3)

		tx, err = db.Begin() // on a new connection
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("DELETE FROM t"); err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		count(t, c, "t", 3)
		var fk int
		if err := db.QueryRow("PRAGMA foreign_keys=OFF; PRAGMA foreign_keys").Scan(&fk); err != nil || fk != 0 {
			t.Error(fk, err)
		}
	})
}

type connector struct{ c *Client }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	return c.c.Connect(ctx, time.Minute)
}
func (c connector) Driver() driver.Driver { return nil }

func TestConnectionIsForOneTransaction(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, c *Client) {
		must(t, c, "CREATE TABLE t (x UNIQUE)", "INSERT INTO t VALUES (1)")
		refused := func(k *conn) {
			t.Helper()
			for _, s := range []string{"INSERT INTO t VALUES (2)", "SELECT 1", "BEGIN", "COMMIT"} {
				if _, err := k.ExecContext(t.Context(), s, nil); err == nil {
					t.Fatal(s, "ran")
				}
			}
		}
		for _, end := range []string{"COMMIT", "END", "ROLLBACK"} {
			k := connect(t, c)
			run(t, k, "PRAGMA foreign_keys=OFF", "BEGIN IMMEDIATE", end)
			refused(k)
			if _, err := k.ExecContext(t.Context(), "SELECT 1", nil); !errors.Is(err, ErrGone) {
				t.Error(err)
			}
		}
		k := connect(t, c)
		run(t, k, "BEGIN IMMEDIATE", "INSERT INTO t VALUES (3)")
		if _, err := k.ExecContext(t.Context(), "INSERT OR ROLLBACK INTO t VALUES (1)", nil); err == nil {
			t.Fatal("no error")
		}
		refused(k)
		count(t, c, "t", 1)
	})
}

func TestStatementErrorsInATransaction(t *testing.T) {
	t.Parallel()
	c := client(t, sqldtest.Start(t).URL, "")
	must(t, c, "CREATE TABLE t (x UNIQUE)")
	k := connect(t, c)
	run(t, k, "BEGIN", "INSERT INTO t VALUES (1)", "SAVEPOINT a", "INSERT INTO t VALUES (2)")
	for _, s := range []string{"INSERT INTO t VALUES (1)", "frob", "BEGIN", "SELECT * FROM nosuch"} {
		_, err := k.ExecContext(t.Context(), s, nil)
		var e *Error
		if !errors.As(err, &e) || errors.Is(err, ErrGone) {
			t.Error(s, err)
		}
	}
	run(t, k, "ROLLBACK TO a", "RELEASE a", "INSERT INTO t VALUES (3)", "COMMIT")
	count(t, c, "t", 2)

	k = connect(t, c)
	run(t, k, "SAVEPOINT a", "INSERT INTO t VALUES (4)", "RELEASE a")
	if _, err := k.ExecContext(t.Context(), "SELECT 1", nil); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	count(t, c, "t", 3)
}

func TestOldServerAfterAnError(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, c *Client) {
		must(t, c, "CREATE TABLE t (x UNIQUE)")
		if !c.old.Load() {
			t.Skip("for version 2")
		}
		k := connect(t, c)
		run(t, k, "BEGIN", "INSERT INTO t VALUES (1)")
		for range 2 {
			if _, err := k.ExecContext(t.Context(), "INSERT INTO t VALUES (1)", nil); err == nil || !strings.Contains(err.Error(), "UNIQUE") {
				t.Fatal(err)
			}
		}
		if _, err := k.ExecContext(t.Context(), "COMMIT", nil); err == nil {
			t.Fatal("committed")
		}
		run(t, k, "ROLLBACK")
		count(t, c, "t", 0)
	})
}

// A statement whose context has ended before is not sent: the transaction is what
// it was, and can be ended.
func TestContextThatHasEndedBefore(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, c *Client) {
		must(t, c, "CREATE TABLE t (x)")
		for _, end := range []string{"COMMIT", "ROLLBACK", ""} {
			k := connect(t, c)
			run(t, k, "BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)")
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := k.ExecContext(ended, "INSERT INTO t VALUES (2)", nil); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			if end != "" {
				run(t, k, end)
			}
			if err := k.Close(); err != nil {
				t.Error(err)
			}
			must(t, c, "INSERT INTO t VALUES (3)") // nobody has the lock
		}
		k := connect(t, c)
		run(t, k, "CREATE TABLE result AS SELECT group_concat(x) AS x FROM t")
		answers, err := c.Read(t.Context(), "SELECT x FROM result")
		if err != nil || answers[0].Rows[0][0] != "1,3,3,3" {
			t.Error(answers, err)
		}
	})
}

func TestCloseEndsTheTransaction(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, c *Client) {
		must(t, c, "CREATE TABLE t (x)")
		k := connect(t, c)
		run(t, k, "BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)")
		k.Close()
		begun := time.Now()
		must(t, c, "INSERT INTO t VALUES (2)")
		if d := time.Since(begun); d > 4*time.Second {
			t.Error("the lock was held for", d)
		}
		count(t, c, "t", 1)
		if _, err := k.ExecContext(t.Context(), "SELECT 1", nil); err == nil {
			t.Error("a closed connection works")
		}
	})
}

// The server says nothing of the transaction's end before the next statement.
func TestNothingRunsOutsideOfTheTransaction(t *testing.T) {
	t.Parallel()
	s := sqldtest.Start(t)
	meddler := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p struct {
			Baton    any   `json:"baton"`
			Requests []any `json:"requests"`
		}
		json.NewDecoder(r.Body).Decode(&p)
		p.Requests = append([]any{execute(sqlText("ROLLBACK"))}, p.Requests...)
		body, _ := json.Marshal(p)
		resp, err := http.Post(s.URL+r.URL.Path, "application/json", bytes.NewReader(body))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		var a map[string]any
		json.NewDecoder(resp.Body).Decode(&a)
		a["results"] = a["results"].([]any)[1:]
		json.NewEncoder(w).Encode(a)
	}))
	defer meddler.Close()
	c := client(t, s.URL, "")
	must(t, c, "CREATE TABLE t (x)")
	for _, text := range []string{"INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (2) RETURNING x", "COMMIT"} {
		k := connect(t, c)
		run(t, k, "BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)")
		k.base = meddler.URL
		for range 2 {
			if _, err := k.ExecContext(t.Context(), text, nil); !errors.Is(err, ErrGone) {
				t.Error(text, err)
			}
		}
		count(t, c, "t", 0)
	}
}

func TestRivalTakesTheLock(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 6 s")
	}
	t.Parallel()
	t.Run("interactive", func(t *testing.T) {
		t.Parallel()
		versions(t, func(t *testing.T, c *Client) {
			must(t, c, "CREATE TABLE t (x)")
			k := connect(t, c)
			run(t, k, "BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)")
			begun := time.Now()
			must(t, c, "INSERT INTO t VALUES (2)")
			if d := time.Since(begun); d < 3*time.Second {
				t.Error("the rival waited for", d)
			}
			_, err := k.ExecContext(t.Context(), "INSERT INTO t VALUES (3)", nil)
			if !errors.Is(err, engine.ErrThrownOut) || !errors.Is(err, ErrGone) {
				t.Errorf("%#v", err)
			}
			for _, s := range []string{"INSERT INTO t VALUES (4)", "COMMIT", "BEGIN", "ROLLBACK"} {
				if _, err := k.ExecContext(t.Context(), s, nil); !errors.Is(err, ErrGone) {
					t.Error(s, err)
				}
			}
			count(t, c, "t", 1)
		})
	})
	t.Run("batch", func(t *testing.T) {
		t.Parallel()
		c := client(t, sqldtest.Start(t).URL, "")
		must(t, c, "CREATE TABLE t (x)")
		slow := `INSERT INTO t SELECT max(i) FROM (WITH RECURSIVE r(i) AS
			(SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i < 1000000) SELECT i FROM r)`
		rival := make(chan error, 1)
		time.AfterFunc(300*time.Millisecond, func() {
			_, err := c.Execute(context.Background(), engine.Statement{Text: "INSERT INTO t VALUES (2)"})
			rival <- err
		})
		list := statements(strings.Split(strings.Repeat(slow+"#", 200)+"SELECT 1", "#")...)
		for i := range list {
			list[i].Optional = i%3 == 1
		}
		_, err := c.Transact(t.Context(), list...)
		var s *engine.StatementError
		if !errors.As(err, &s) || s.Index < 1 || !errors.Is(err, engine.ErrThrownOut) {
			t.Errorf("%#v", err)
		}
		if err := <-rival; err != nil {
			t.Error("rival:", err)
		}
		count(t, c, "t", 1)
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	key, sign := sqldtest.NewTokenKey(t)
	_, other := sqldtest.NewTokenKey(t)
	s := sqldtest.Start(t, sqldtest.WithJWT(key))
	later, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)

	good := client(t, s.URL, sign(later, false)+"\n")
	must(t, good, "CREATE TABLE t (x)")
	reader := client(t, s.URL, sign(later, true))
	count(t, reader, "t", 0)

	for name, c := range map[string]struct {
		token, text string
	}{
		"missing":   {"", "wants a token, and there is none"},
		"wrong":     {other(later, false), "refuses the token"},
		"expired":   {sign(past, false), "expired"},
		"malformed": {"geheim", "refuses the token"},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := client(t, s.URL, c.token)
			for _, err := range everything(t.Context(), c2) {
				var u *engine.UnavailableError
				if !errors.As(err, &u) || !u.Permanent || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%#v %v", err, err)
				}
				silent(t, c.token, err, c2)
			}
		})
	}
	for _, token := range []string{"a b", "a\nb", "a\x00", "ž"} {
		if _, err := New(s.URL, token); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("%q: %v", token, err)
		}
	}
	_, err := reader.Transact(t.Context(), statements("INSERT INTO t VALUES (1)")...)
	var u *engine.UnavailableError
	if !errors.As(err, &u) || !u.Permanent {
		t.Errorf("writing with a token for reading: %#v %v", err, err)
	}
	count(t, good, "t", 0)
}

// everything calls every method, and returns their errors.
func everything(ctx context.Context, c *Client) (errs []error) {
	_, err := c.Read(ctx, "SELECT 1")
	errs = append(errs, err)
	_, err = c.Transact(ctx, statements("INSERT INTO t VALUES (1)")...)
	errs = append(errs, err)
	_, err = c.Execute(ctx, statements("INSERT INTO t VALUES (1)")[0])
	errs = append(errs, err)
	k, err := c.Connect(ctx, time.Minute)
	if err == nil {
		_, err = k.(*conn).ExecContext(ctx, "BEGIN IMMEDIATE", nil)
		k.Close()
	}
	return append(errs, err)
}

// silent fails if anything shows the token.
func silent(t *testing.T, token string, err error, c *Client) {
	t.Helper()
	if token == "" {
		return
	}
	for _, v := range []any{err, c, []any{c}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(format, v); strings.Contains(text, token) {
				t.Error(format, "shows the token:", text)
			}
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := sqldtest.Start(t)
	p := sqldtest.NewProxy(t, s.URL)
	p.Down()
	const token = "secret-token"
	moved := httptest.NewServer(http.RedirectHandler("http://elsewhere.invalid/", http.StatusPermanentRedirect))
	defer moved.Close()
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	for name, c := range map[string]struct {
		url, text string
		permanent bool
	}{
		"refused":     {p.URL, "cannot be reached: dial tcp 127.0.0.1", false},
		"no TLS":      {strings.Replace(s.URL, "http:", "https:", 1), "does not encrypt", true},
		"redirection": {moved.URL, "another place", true},
		"not libSQL":  {page.URL, "HTTP 404", true},
		"namespace":   {s.URL + "/dev/nosuch", "HTTP 404", true},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := client(t, c.url, token)
			for _, err := range everything(t.Context(), c2) {
				var u *engine.UnavailableError
				if !errors.As(err, &u) || u.Permanent != c.permanent || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%#v %v", err, err)
				}
				silent(t, token, err, c2)
			}
		})
	}
	t.Run("no host", func(t *testing.T) {
		c := client(t, "https://nosuch.invalid", token)
		_, err := c.Read(t.Context(), "SELECT 1")
		var u *engine.UnavailableError
		if !errors.As(err, &u) || strings.Contains(err.Error(), "no such host") && !u.Permanent {
			t.Errorf("%#v %v", err, err)
		}
	})
	p.Up()
	if n := one(t, client(t, p.URL, ""), "SELECT 1"); n != int64(1) {
		t.Error(n)
	}
}

func TestRestartedServer(t *testing.T) {
	t.Parallel()
	s := sqldtest.Start(t)
	c := client(t, s.URL, "")
	must(t, c, "CREATE TABLE t (x)")
	k := connect(t, c)
	run(t, k, "BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)")
	s.Kill()
	for _, err := range everything(t.Context(), c) {
		var u *engine.UnavailableError
		if !errors.As(err, &u) || u.Permanent {
			t.Errorf("%#v %v", err, err)
		}
	}
	s.Restart()
	if _, err := k.ExecContext(t.Context(), "INSERT INTO t VALUES (2)", nil); err == nil {
		t.Error("the stream survived")
	}
	if _, err := k.ExecContext(t.Context(), "INSERT INTO t VALUES (3)", nil); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	count(t, c, "t", 0)
	must(t, c, "INSERT INTO t VALUES (4)")
}

func TestCutConnections(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		name  string
		fault sqldtest.Fault
		done  bool // by the server
		hang  bool
	}{
		{"before", sqldtest.CutBefore, false, false},
		{"after", sqldtest.CutAfter, true, false},
		{"in the answer", sqldtest.CutMiddle, true, false},
		{"silence", sqldtest.Hang, false, true},
		{"silence after", sqldtest.HangAfter, true, true},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := sqldtest.Start(t)
			p := sqldtest.NewProxy(t, s.URL)
			direct, c := client(t, s.URL, ""), client(t, p.URL, "")
			must(t, direct, "CREATE TABLE t (x)")
			// The connection is one that was used before.
			one(t, c, "SELECT 1")
			p.Fault(func(int, sqldtest.Request) sqldtest.Fault { return f.fault })
			p.Reset()

			patience := 20 * time.Second
			if f.hang {
				patience = 300 * time.Millisecond
			}
			call := func(what string, safe bool, do func(context.Context) error) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				before, begun := p.Requests(), time.Now()
				err := do(ctx)
				var u *engine.UnavailableError
				if err == nil || errors.As(err, &u) != safe || safe && u.Permanent {
					t.Errorf("%s: %#v %v", what, err, err)
				}
				if f.hang != errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: %v", what, err)
				}
				if d := time.Since(begun); d > patience+10*time.Second {
					t.Errorf("%s took %v", what, d)
				}
				if n := p.Requests() - before; n != 1 {
					t.Errorf("%s was sent %d times", what, n)
				}
			}
			call("Read", true, func(ctx context.Context) error {
				_, err := c.Read(ctx, "SELECT 1")
				return err
			})
			call("Transact", false, func(ctx context.Context) error {
				_, err := c.Transact(ctx, statements("INSERT INTO t VALUES (1)")...)
				return err
			})
			call("Execute", false, func(ctx context.Context) error {
				_, err := c.Execute(ctx, statements("INSERT INTO t VALUES (1)")[0])
				return err
			})
			call("BEGIN", true, func(ctx context.Context) error {
				_, err := connect(t, c).ExecContext(ctx, "BEGIN", nil)
				return err
			})
			want := int64(0)
			if f.done {
				want = 2
			}
			count(t, direct, "t", want)
			p.Fault(nil)

			k := connect(t, c)
			run(t, k, "BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)")
			p.Fault(func(int, sqldtest.Request) sqldtest.Fault { return f.fault })
			call("INSERT", false, func(ctx context.Context) error {
				_, err := k.ExecContext(ctx, "INSERT INTO t VALUES (1)", nil)
				return err
			})
			p.Fault(nil)
			if _, err := k.ExecContext(t.Context(), "COMMIT", nil); !errors.Is(err, ErrGone) {
				t.Error(err)
			}
			count(t, direct, "t", want)
			p.Fault(func(int, sqldtest.Request) sqldtest.Fault { return sqldtest.Flush })
			count(t, c, "t", want)
		})
	}
}

func TestAnswersThatCannotBeSent(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, c *Client) {
		must(t, c, "CREATE TABLE t (x)")
		for _, q := range []string{
			"SELECT CAST(x'ff' AS TEXT)",
			"SELECT hex(zeroblob(6000000))",
			"WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i < 20) SELECT hex(zeroblob(500000)) FROM r",
		} {
			if a, err := c.Transact(t.Context(), statements("INSERT INTO t VALUES (1)", q, "INSERT INTO t VALUES (2)")...); err == nil {
				t.Error(q, len(a))
			}
			if a, err := c.Read(t.Context(), "SELECT 1", q); err == nil && a[1].Err == nil {
				t.Error(q, len(a))
			}
			k := connect(t, c)
			run(t, k, "BEGIN IMMEDIATE", "INSERT INTO t VALUES (3)")
			if _, err := k.ExecContext(t.Context(), q, nil); err == nil {
				t.Error(q)
			}
			k.Close()
		}
		count(t, c, "t", 0)
	})
}

func TestManyAndLargeStatements(t *testing.T) {
	t.Parallel()
	c := client(t, sqldtest.Start(t).URL, "")
	list := statements("CREATE TABLE t (x)")
	for range 2000 {
		list = append(list, engine.Statement{Text: "INSERT INTO t VALUES (?)", Args: []driver.Value{strings.Repeat("x", 8000)}})
	}
	list = append(list, engine.Statement{Text: "INSERT INTO t VALUES ('" + strings.Repeat("y", 1<<20) + "')"})
	if _, err := c.Transact(t.Context(), list...); err != nil {
		t.Fatal(err)
	}
	count(t, c, "t", 2001)
}

func TestContextsEndAtOnce(t *testing.T) {
	t.Parallel()
	c := client(t, sqldtest.Start(t).URL, "")
	must(t, c, "CREATE TABLE t (x)")
	holder := connect(t, c)
	run(t, holder, "BEGIN IMMEDIATE")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := c.Transact(ctx, statements("INSERT INTO t VALUES (1)")...) // waits for the lock
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 10*time.Second {
		t.Error(err, time.Since(begun))
	}
	for _, err := range everything(ctx, c) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	}
	run(t, holder, "ROLLBACK")
	must(t, c, "INSERT INTO t VALUES (2)")
	// The server runs what waited for the lock even though nobody waits for it.
	if n := one(t, c, "SELECT count(*) FROM t"); n != int64(1) && n != int64(2) {
		t.Error(n)
	}
}

func TestStreamGoesOnWhereTheServerSays(t *testing.T) {
	t.Parallel()
	s := sqldtest.Start(t)
	var mu sync.Mutex
	var tokens []string
	other := rewrite(t, s.URL, func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		tokens = append(tokens, r.Header.Get("Authorization"))
		return false
	}, nil)
	move := func(body string) string {
		return strings.Replace(body, `"base_url":null`, `"base_url":"`+other.URL+`/"`, 1)
	}

	c := client(t, rewrite(t, s.URL, nil, move).URL, "secret-token")
	must(t, c, "CREATE TABLE t (x)")
	k := connect(t, c)
	run(t, k, "BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)", "COMMIT")
	k.Close()
	if want := []string{"Bearer secret-token", "Bearer secret-token", "Bearer secret-token"}; !reflect.DeepEqual(tokens, want) {
		t.Error(tokens) // INSERT, COMMIT and the stream's end
	}
	count(t, c, "t", 1)

	// The token does not leave encryption.
	tokens = nil
	tls := httptest.NewUnstartedServer(through(s.URL, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.ProtoMajor != 2 {
			t.Error(r.Proto)
		}
		return false
	}, move))
	tls.EnableHTTP2 = true
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	c = client(t, tls.URL, "secret-token")
	c.transport.TLSClientConfig = tls.Client().Transport.(*http.Transport).TLSClientConfig
	k = connect(t, c)
	if _, err := k.ExecContext(t.Context(), "BEGIN IMMEDIATE", nil); err == nil || !strings.Contains(err.Error(), "not encrypted") {
		t.Error(err)
	}
	if _, err := k.ExecContext(t.Context(), "INSERT INTO t VALUES (1)", nil); err == nil {
		t.Error("it went on")
	}
	if len(tokens) > 0 {
		t.Error(tokens)
	}
	count(t, c, "t", 1) // by HTTP/2

	c = client(t, tls.URL, "secret-token") // does not know the certificate
	_, err := c.Read(t.Context(), "SELECT 1")
	var u *engine.UnavailableError
	if !errors.As(err, &u) || !u.Permanent {
		t.Error(err)
	}
}

func TestServersTextDoesNotShowTheToken(t *testing.T) {
	t.Parallel()
	const token = "secret-token"
	for _, status := range []int{400, 401, 403, 404, 429, 500, 502, 503} {
		for _, kind := range []string{"text/plain", "application/json"} {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", kind)
				w.WriteHeader(status)
				if kind == "text/plain" {
					fmt.Fprintln(w, "got", r.Header)
				} else {
					json.NewEncoder(w).Encode(map[string]string{"error": fmt.Sprint("got ", r.Header)})
				}
			}))
			c := client(t, s.URL, token)
			for i, err := range everything(t.Context(), c) {
				if err == nil || !strings.Contains(err.Error(), "(the token)") {
					t.Error(status, err)
				}
				silent(t, token, err, c)
				// Whether a write took place is known only of what refuses it.
				var u *engine.UnavailableError
				unavailable := errors.As(err, &u)
				if write := i == 1 || i == 2; unavailable != (!write || status/100 == 4 && status != 400) {
					t.Error(status, i, err)
				}
				if unavailable && u.Permanent != (status/100 == 4 && status != 429) {
					t.Error(status, i, err)
				}
			}
			s.Close()
		}
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "db.example", "libsql://db.example", "http://", "https://user:secret@db.example", "http://secret%zz", "http://h:secret@x:y/"} {
		if _, err := New(url, ""); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
	c := client(t, "https://db.example/a/?authToken=secret#x", "")
	if c.base != "https://db.example/a" {
		t.Error(c)
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := client(t, sqldtest.Start(t).URL, "")
	must(t, c, "CREATE TABLE t (x)")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for range 5 {
				if _, err := c.Transact(t.Context(), statements("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)")...); err != nil {
					t.Error(i, err)
				}
				if _, err := c.Read(t.Context(), "SELECT count(*) FROM t"); err != nil {
					t.Error(i, err)
				}
			}
		})
	}
	wg.Wait()
	count(t, c, "t", 160)
}

func TestKeyOfAnEncryptedDatabase(t *testing.T) {
	s := sqldtest.Start(t)
	p := sqldtest.NewProxy(t, s.URL)
	c, err := New(p.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Decrypt("s3cr3t")
	if _, err := c.Read(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if got := p.Log()[0].Header.Get("x-turso-encryption-key"); got != "s3cr3t" {
		t.Errorf("sent %q", got)
	}
}
