//go:build cgo && (linux || darwin)

package libsql_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
	"github.com/migratingsqlite/migratingsqlite/libsql"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"
)

// What is wrong with a server is said at the first connection, at once where it
// is no use to wait, and without the token.
func TestServersThatCannotBeUsed(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })

	key, sign := sqldtest.NewTokenKey(t)
	_, strangers := sqldtest.NewTokenKey(t)
	locked, free := newSite(t, sqldtest.WithJWT(key)), newSite(t)
	web := func(status int, kind, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	encrypted := httptest.NewTLSServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(encrypted.Close)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })

	hour := time.Now().Add(time.Hour)
	token := sign(hour, false)
	for _, c := range []struct {
		what, url, token string
		waits            bool // until the timeout
		kind             libsql.Kind
		words            []string
	}{
		{"wrong token", locked.URL, strangers(hour, false), false, libsql.Auth, []string{"refuses the token"}},
		{"expired token", locked.URL, sign(time.Now().Add(-time.Hour), false), false, libsql.Auth, []string{"refuses the token", "xpired"}},
		{"no token", locked.URL, "", false, libsql.Auth, []string{"wants a token, and there is none", "authToken"}},
		{"garbage", locked.URL, "x.y.z", false, libsql.Auth, []string{"refuses the token"}},
		{"token for reading", locked.URL, sign(hour, true), false, libsql.Other, []string{"30 migrations are pending", "the token does not allow to write", "the database is unchanged"}},
		{"no such host", "http://libsql.invalid:8080", token, false, libsql.Unreachable, []string{"libsql.invalid"}},
		{"nothing listens", "http://" + nobody.Addr().String(), token, true, libsql.Unreachable, []string{"cannot be reached", "refused", "_migrate_timeout"}},
		{"no answer", "http://" + mute.Addr().String(), token, true, libsql.StreamLost, []string{"did not answer", "_migrate_timeout"}},
		{"another server: 404", web(404, "text/html", "<html>no such page</html>"), token, false, libsql.Unreachable, []string{"not a libSQL server"}},
		{"another server: 405", web(405, "text/plain", "POST? never"), token, false, libsql.Unreachable, []string{"HTTP 405", "POST? never"}},
		{"another server: a page", web(200, "text/html", "<html>welcome</html>"), token, false, libsql.Unreachable, []string{"not a libSQL server"}},
		{"another server: JSON", web(200, "application/json", `["hello"]`), token, false, libsql.Unreachable, []string{"not a libSQL server"}},
		{"another server: other JSON", web(200, "application/json", `{"hello":"world"}`), token, false, libsql.Unreachable, []string{"not a libSQL server"}},
		{"a login page", web(302, "text/html", ""), token, false, libsql.Unreachable, []string{"another place"}},
		{"failing server", web(500, "text/plain", "out of order"), token, true, libsql.Unreachable, []string{"HTTP 500", "out of order"}},
		{"busy server", web(503, "text/plain", ""), token, true, libsql.Unreachable, []string{"HTTP 503"}},
		{"TLS where there is none", strings.Replace(free.URL, "http:", "https:", 1), token, false, libsql.Unreachable, []string{"does not encrypt", "tls=0"}},
		{"TLS where there is none, by default", strings.Replace(free.URL, "http:", "libsql:", 1), token, false, libsql.Unreachable, []string{"does not encrypt", "tls=0"}},
		{"no TLS where there is", strings.Replace(encrypted.URL, "https:", "http:", 1), token, false, libsql.Unreachable, []string{"HTTP 400", "HTTPS"}},
		{"unknown certificate", encrypted.URL, token, false, libsql.Unreachable, []string{"certificate"}},
	} {
		var records bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&records, nil))
		separator, params := "?", ""
		if c.token != "" {
			params = "?authToken=" + c.token
			separator = "&"
		}
		if c.waits {
			params += separator + "_migrate_timeout=1s"
		}
		db := open(t, c.url+params, chain.load(t), migratingsqlite.WithLogger(logger), migratingsqlite.WithTrace("statements"))
		begin := time.Now()
		err := connect(t.Context(), db)
		took := time.Since(begin)
		t.Logf("%s, %v: %v", c.what, took.Round(time.Millisecond), err)
		if c.what == "no such host" && took > time.Second && strings.Contains(err.Error(), "Temporary failure") {
			continue // there is no name server here
		}
		wantError(t, err, c.words...)
		var e *libsql.Error
		if refused := errors.Is(err, migratingsqlite.ErrPending); errors.As(err, &e) == refused || e != nil && (e.Kind != c.kind || e.Error() == "" || !strings.Contains(err.Error(), e.Error())) {
			t.Errorf("%s: %+v, want %v", c.what, e, c.kind)
		}
		if took > 10*time.Second { // by default a minute is waited for
			t.Errorf("%s: took %v", c.what, took)
		}
		said := fmt.Sprintf("%v %+v %#v %s", err, err, err, &records)
		for e := err; e != nil; e = errors.Unwrap(e) {
			said += fmt.Sprintf("%+v %#v", e, e)
		}
		for _, s := range recorder.Ended() {
			said += fmt.Sprintf("%v %v %v %v", s.Name(), s.Attributes(), s.Events(), s.Status())
		}
		if c.token != "" && strings.Contains(said, c.token) {
			t.Errorf("%s: the token is told: %s", c.what, said)
		}
		db.Close()
	}

	// Where nothing is to be done, a token for reading will do.
	if err := connect(t.Context(), open(t, locked.URL+"?authToken="+token, chain.load(t))); err != nil {
		t.Error(err)
	}
	locked.token = token
	chain.check(locked)
	db := open(t, locked.URL+"?authToken="+sign(hour, true), chain.load(t))
	var n int
	if err := db.QueryRow("SELECT max(version) FROM log").Scan(&n); err != nil || n != chain.n {
		t.Error(n, err)
	}
}

// What a server does not do in a migration is refused with its place, and the
// connections work afterwards.
func TestStatementsThatAServerRefuses(t *testing.T) {
	s := newSite(t)
	first := &fstest.MapFile{Data: []byte("CREATE TABLE t (x)")}
	for _, c := range []struct {
		text string
		line int
		want string
	}{
		{"-- migratingsqlite: no-transaction\nINSERT INTO t VALUES (1);\n ATTACH 'x' AS x;", 3, "0002_bad.sql:3:2: the server does not support ATTACH"},
		{"-- migratingsqlite: no-transaction\nVACUUM;", 2, "0002_bad.sql:2:1: "},
		{"-- migratingsqlite: no-transaction\nPRAGMA journal_mode = DELETE;", 2, "0002_bad.sql:2:1: "},
		{"INSERT INTO t VALUES (1);\nPRAGMA busy_timeout = 5;\nINSERT INTO t VALUES (2);", 2, "0002_bad.sql:2:1: "},
		{"INSERT INTO t VALUES (1);\nINSERT INTO t VALUES ('geheim', 2);\nINSERT INTO t VALUES (2);", 2, "0002_bad.sql:2:1: table t has 1 columns but 2 values were supplied"},
		{"INSERT INTO t VALUES (1);\nINSERT INTO nowhere VALUES (2);", 2, "0002_bad.sql:2:1: no such table: nowhere"},
		{"INSERT INTO t VALUES (1);\nSELEC 'geheim';", 2, `0002_bad.sql:2:1: near "SELEC": syntax error`},
		{"CREATE TABLE k (x UNIQUE);\nINSERT INTO k VALUES (1), (1);", 2, "0002_bad.sql:2:1: UNIQUE constraint failed: k.x"},
		{"CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (p REFERENCES p (id));\nINSERT INTO c VALUES (7);", 0, "table c: no such row in p (1 more than before)"},
	} {
		s.clear()
		db := open(t, s.URL, load(t, fstest.MapFS{"0001_t.sql": first, "0002_bad.sql": &fstest.MapFile{Data: []byte(c.text)}}))
		err := connect(t.Context(), db)
		t.Log(err)
		var m *migratingsqlite.MigrationError
		if !errors.As(err, &m) || m.Version != 2 || m.Line != c.line {
			t.Errorf("%+v", m)
		}
		var e *libsql.Error
		if errors.As(err, &e) != (c.line > 0) || e != nil && (e.Kind == libsql.Constraint) != strings.Contains(c.want, "UNIQUE") {
			t.Errorf("%+v", e)
		}
		wantError(t, err, c.want, "the database is at version 1")
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Error("data in ", err)
		}
		s.wants("SELECT count(*) FROM sqlite_master WHERE name IN ('k', 'p', 'c')", "0")
		if !strings.Contains(c.text, "no-transaction") {
			s.wants("SELECT count(*) FROM t", "0")
		}
		s.wants("SELECT status, error <> '' FROM migratingsqlite_history WHERE set_name = 'chain' AND version = 2", "failed|1")
		db.Close()

		// A program that has no such migration works at once.
		db = open(t, s.URL, load(t, fstest.MapFS{"0001_t.sql": first}))
		for range 3 {
			var n int
			if err := db.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
				t.Errorf("%s: afterwards: %v", c.text, err)
			}
		}
		db.Close()
	}
}

// No value that a program can get hold of shows a secret of its DSN, however it
// is printed.
func TestSecretsAreNotPrinted(t *testing.T) {
	key, sign := sqldtest.NewTokenKey(t)
	s := newSite(t, sqldtest.WithJWT(key))
	token := sign(time.Now().Add(time.Hour), false)
	const secret = "geheim"
	for _, more := range []string{
		"", "&_migrate=check", "&_migrate_trace=queries", "&replica=" + filepath.Join(t.TempDir(), "replica.db"),
		"&remoteEncryptionKey=" + secret, "&replica=r.db&encryptionKey=" + secret,
	} {
		dsn, set := s.URL+"?authToken="+token+more, migratingsqlite.WithSet(chain.load(t))
		c, err := migratingsqlite.NewConnector(dsn, set)
		if err != nil {
			t.Fatal(err)
		}
		m, err := migratingsqlite.NewMigrator(dsn, set)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(c)
		defer db.Close()
		values := map[string]any{"connector": c, "driver": c.Driver(), "migrator": m, "db": db}
		if !strings.Contains(more, secret) {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			values["conn"] = conn
			conn.Raw(func(raw any) error {
				values["raw"] = raw
				if c, ok := raw.(*libsql.Conn); ok {
					values["go-libsql's"] = c.Unwrap()
				}
				return nil
			})
		}
		for name, v := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
				if said := fmt.Sprintf(verb, v); strings.Contains(said, token) || strings.Contains(said, secret) {
					t.Errorf("%s of the %s (%s): %s", verb, name, more, said)
				}
			}
		}
	}
}
