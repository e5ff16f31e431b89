//go:build cgo && (linux || darwin)

package libsql_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
	_ "github.com/tursodatabase/go-libsql"
)

// What an open and an upgrade cost, in requests: the time is theirs, and the
// network's.
func TestRequestsOfAnUpgrade(t *testing.T) {
	s := newSite(t)
	p := sqldtest.NewProxy(t, s.URL)
	s.do("CREATE TABLE log (version)")
	const query = "SELECT count(*) FROM log"

	closed := func(r sqldtest.Request) bool {
		return strings.Contains(r.Body, `"baton":"`) && strings.Contains(r.Body, `"close"`)
	}
	count := func(f func()) (int, time.Duration) {
		t.Helper()
		p.Reset()
		begin := time.Now()
		f()
		took := time.Since(begin)
		// go-libsql ends its stream behind one's back.
		for !slices.ContainsFunc(p.Log(), closed) {
			if time.Since(begin) > time.Minute {
				t.Fatal("the stream was not ended")
			}
			time.Sleep(time.Millisecond)
		}
		return p.Requests(), took
	}
	ask := func(db *sql.DB) {
		t.Helper()
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	bare := func() {
		db, err := sql.Open("libsql", p.URL)
		if err != nil {
			t.Fatal(err)
		}
		ask(db)
		db.Close()
	}
	upgraded := func() {
		db := open(t, p.URL, links{n: 50, rows: 10}.load(t))
		ask(db)
		db.Close()
	}
	open, _ := count(bare)
	s.clear()
	upgrade, fast := count(upgraded)
	again, _ := count(upgraded)
	t.Logf("go-libsql's open, SELECT and close: %d requests; on a database that is up to date: %d; with an upgrade by 50 migrations: %d", open, again, upgrade)
	if again != open+1 {
		t.Errorf("an open of a database that is up to date takes %d requests more than go-libsql's", again-open)
	}
	if upgrade > 50+6 {
		t.Errorf("50 migrations took %d requests", upgrade)
	}
	links{n: 50, rows: 10}.check(s)

	const link = 20 * time.Millisecond
	p.Delay(link)
	s.clear()
	_, slow := count(upgraded)
	_, up := count(upgraded)
	s.clear()
	s.do("CREATE TABLE log (version)")
	_, plain := count(bare)
	t.Logf("without a delay the upgrade takes %v, over a link of %v: %v; an open of a database that is up to date takes %v, of go-libsql %v",
		fast, link, slow, up, plain)
}

// A process that has the newest schema asks once, however many connections it
// opens.
func TestRequestsOfManyConnections(t *testing.T) {
	s := newSite(t)
	p := sqldtest.NewProxy(t, s.URL)
	db := open(t, p.URL, chain.load(t))
	if err := connect(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	db = open(t, p.URL, chain.load(t))
	p.Reset()
	for range 10 {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if n := p.Requests(); n != 1 {
		t.Error(n, "requests")
	}
}
