//go:build cgo && (linux || darwin)

package libsql_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
)

// The answer to the last transaction of a run, with the end of the lease and the
// digest, is lost: that is a success, and told once.
func TestLostAnswerOfTheLastTransaction(t *testing.T) {
	s := newSite(t)
	last := "CREATE TABLE t30 "
	for _, fault := range kinds[:4] {
		s.clear()
		p := sqldtest.NewProxy(t, s.URL)
		hits := 0
		p.Fault(func(n int, r sqldtest.Request) sqldtest.Fault {
			if strings.Contains(r.Body, last) {
				if hits++; hits == 1 {
					return fault.fault
				}
			}
			return sqldtest.Pass
		})
		var log bytes.Buffer
		db := open(t, p.URL, chain.load(t), migratingsqlite.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		if err := connect(t.Context(), db); err != nil {
			t.Errorf("%s: %v", fault.name, err)
		}
		db.Close()
		chain.check(s)
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "the database was upgraded") || !strings.Contains(log.String(), "applied=30") {
			t.Errorf("%s: log: %s", fault.name, &log)
		}
	}
}

// latecomer passes requests on, but for the first one with some words in it,
// which reaches the server when it is released, whatever the client does.
type latecomer struct {
	*httptest.Server
	held, release, done chan struct{}
}

func late(t testing.TB, to, words string) *latecomer {
	l := &latecomer{held: make(chan struct{}), release: make(chan struct{}), done: make(chan struct{})}
	first := make(chan struct{}, 1)
	first <- struct{}{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		pass := func() []byte {
			resp, err := http.Post(to+r.URL.Path, "application/json", bytes.NewReader(body))
			if err != nil {
				return nil
			}
			defer resp.Body.Close()
			answer, _ := io.ReadAll(resp.Body)
			return answer
		}
		if bytes.Contains(body, []byte(words)) {
			select {
			case <-first:
				close(l.held)
				go func() {
					<-l.release
					pass()
					close(l.done)
				}()
				<-r.Context().Done()
				panic(http.ErrAbortHandler)
			default:
			}
		}
		w.Write(pass())
	}))
	t.Cleanup(l.Close)
	return l
}

// A request that was given up arrives when the upgrade is done, by the same
// process or another one: it has no effect.
func TestRequestThatArrivesTooLate(t *testing.T) {
	shortenLease(t, 700*time.Millisecond)
	s := newSite(t)
	for i, words := range []string{"CREATE TABLE IF NOT EXISTS migratingsqlite_lease", "CREATE TABLE t1 ", "CREATE TABLE t15 ", "CREATE TABLE t30 "} {
		for j, who := range []string{"the same", "another"} {
			if (i+j)%2 == 1 && os.Getenv("MIGRATINGSQLITE_ROUNDS") == "" {
				continue // each request, and each of them
			}
			s.clear()
			l := late(t, s.URL, words)
			db := open(t, l.URL+"?_migrate_timeout=1s", chain.load(t))
			begin := time.Now()
			err := connect(t.Context(), db)
			if err == nil {
				t.Errorf("%s: no error", words)
			}
			<-l.held
			took := time.Since(begin)
			next := db
			if who == "another" {
				db.Close()
				next = open(t, s.URL, chain.load(t))
			}
			for range 5 { // the timeout is short
				if err = connect(t.Context(), next); err == nil {
					break
				}
			}
			if err != nil {
				t.Errorf("%s, %s: %v", words, who, err)
			}
			chain.check(s)
			close(l.release)
			<-l.done
			t.Logf("%s, %s: the first error after %v", words, who, took.Round(time.Millisecond))
			// Too late for anything but to have the lease for a moment.
			s.wants("SELECT count(*), (SELECT n FROM counter) FROM log", "30|30")
			more := links{n: 31, rows: 50}
			begin = time.Now()
			if err := connect(t.Context(), open(t, s.URL, more.load(t))); err != nil {
				t.Error(err)
			}
			if d := time.Since(begin); d > leaseTime+10*time.Second { // not a minute
				t.Errorf("%s: the next upgrade took %v", words, d)
			}
			more.check(s)
			l.CloseClientConnections()
		}
	}
}

// A request is lost, and arrives all the same while the run that has lost it goes
// on, or when it is done. The client of it was told nothing.
func TestRequestThatArrivesAfterItsSuccessors(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	few := links{n: 4, rows: 5}
	const requests = 3 + 4 // look, plan, lease, migrations
	for n := 1; n <= requests; n++ {
		for _, later := range []int{1, 2, 3, 100} {
			s.clear()
			var mu sync.Mutex // requests come one by one
			count, lost := 0, []byte(nil)
			deliver := func(path string, body []byte) []byte {
				resp, err := http.Post(s.URL+path, "application/json", bytes.NewReader(body))
				if err != nil {
					t.Error(err)
					return nil
				}
				defer resp.Body.Close()
				answer, _ := io.ReadAll(resp.Body)
				return answer
			}
			p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				mu.Lock()
				defer mu.Unlock()
				switch count++; count {
				case n:
					lost = body
					panic(http.ErrAbortHandler)
				case n + later:
					deliver(r.URL.Path, lost)
				}
				w.Write(deliver(r.URL.Path, body))
			}))
			begin := time.Now()
			db := open(t, p.URL, few.load(t))
			if err := connect(t.Context(), db); err != nil {
				t.Errorf("request %d, %d later: %v", n, later, err)
			}
			if d := time.Since(begin); d > 8*time.Second { // a lease is 10 s
				t.Errorf("request %d, %d later: took %v", n, later, d)
			}
			deliver("/v3/pipeline", lost)
			if k := few.at(s); k != few.n {
				t.Errorf("request %d, %d later: at %d", n, later, k)
			}
			s.wants("SELECT digest FROM migratingsqlite_state WHERE set_name = 'chain'", few.load(t).Digest())
			db.Close()
			p.Close()
		}
	}
}

// A lease that was taken without the taker hearing of it.
func TestLostAnswerOfTheLease(t *testing.T) {
	s := newSite(t)
	p := sqldtest.NewProxy(t, s.URL)
	for _, times := range []int{1, 3} {
		s.clear()
		n := 0
		p.Fault(func(_ int, r sqldtest.Request) sqldtest.Fault {
			if strings.Contains(r.Body, "INSERT INTO main.migratingsqlite_lease") {
				if n++; n <= times {
					return sqldtest.CutAfter
				}
			}
			return sqldtest.Pass
		})
		begin := time.Now()
		if err := connect(t.Context(), open(t, p.URL, chain.load(t))); err != nil {
			t.Error(err)
		}
		if d := time.Since(begin); d > 8*time.Second {
			t.Errorf("it waited %v for its own lease", d)
		}
		chain.check(s)
	}
	// It never hears of it, and gives up. Another one gets on.
	shortenLease(t, 2*time.Second)
	s.clear()
	var off bool
	p.Fault(func(_ int, r sqldtest.Request) sqldtest.Fault {
		if off = off || strings.Contains(r.Body, "INSERT INTO main.migratingsqlite_lease"); off {
			return sqldtest.CutAfter
		}
		return sqldtest.Pass
	})
	err := connect(t.Context(), open(t, p.URL+"?_migrate_timeout=500ms", chain.load(t)))
	t.Log(err)
	wantError(t, err, "taking the lease", "did not answer", "the database is unchanged", "_migrate_timeout")
	begin := time.Now()
	if err := connect(t.Context(), open(t, s.URL, chain.load(t))); err != nil {
		t.Error(err)
	}
	t.Log(time.Since(begin))
	chain.check(s)
}

// The caller's context ends the waiting, and the database's end ends the run.
func TestNobodyWaitsForAServerThatHangs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := sqldtest.NewProxy(t, s.URL)
	for _, n := range []int{1, 2, 3, 4, 6, 9, 16, 30, 34} {
		s.clear()
		p.Reset()
		p.Fault(func(i int, r sqldtest.Request) sqldtest.Fault {
			if i >= n {
				return sqldtest.Hang
			}
			return sqldtest.Pass
		})
		db := open(t, p.URL, mixed(t))
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		begin := time.Now()
		err := connect(ctx, db)
		if d := time.Since(begin); err != nil && d > 10*time.Second {
			t.Errorf("request %d: the caller waited %v", n, d)
		}
		if err != nil {
			wantError(t, err, "context deadline exceeded")
		}
		cancel()
		begin = time.Now()
		db.Close()
		if d := time.Since(begin); d > 10*time.Second {
			t.Errorf("request %d: closing took %v", n, d)
		}
	}
}

// An embedded replica: the upgrade is done on the primary, and what is handed
// out has it.
func TestUpgradeBehindAReplica(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := sqldtest.NewProxy(t, s.URL)
	path := filepath.Join(t.TempDir(), "replica.db")
	dsn := p.URL + "?replica=" + path
	look := func(db interface{ Close() error }, want int, ask func(any) error) {
		t.Helper()
		var n int
		if err := ask(&n); err != nil || n != want {
			t.Fatal(n, err)
		}
	}
	first := links{n: 3, rows: 5}
	db := open(t, dsn, first.load(t))
	look(db, 3, func(n any) error { return db.QueryRow("SELECT max(version) FROM log").Scan(n) })
	first.check(s)
	db.Close()

	// Another program has it upgraded meanwhile.
	more := links{n: 5, rows: 5}
	db = open(t, s.URL, more.load(t))
	look(db, 5, func(n any) error { return db.QueryRow("SELECT max(version) FROM log").Scan(n) })
	db.Close()
	db = open(t, dsn, more.load(t))
	look(db, 5, func(n any) error { return db.QueryRow("SELECT max(version) FROM log").Scan(n) })
	db.Close()

	// And this one.
	more = links{n: 9, rows: 5}
	db = open(t, dsn, more.load(t))
	look(db, 9, func(n any) error { return db.QueryRow("SELECT max(version) FROM log").Scan(n) })
	if _, err := db.Exec("INSERT INTO t9 VALUES (100, 1)"); err != nil {
		t.Fatal(err)
	}
	s.wants("SELECT count(*) FROM t9", "6")
	db.Close()

	// The primary cannot be reached: nothing is handed out, in words.
	for _, path := range []string{path, filepath.Join(t.TempDir(), "new.db")} {
		p.Down()
		db = open(t, p.URL+"?replica="+path+"&_migrate_timeout=1s", more.load(t))
		begin := time.Now()
		err := connect(t.Context(), db)
		t.Logf("%v: %v", time.Since(begin).Round(time.Millisecond), err)
		wantError(t, err, "gave up after 1s: the server cannot be reached", "refused")
		if d := time.Since(begin); d > 10*time.Second {
			t.Error(d)
		}
		p.Up()
		look(db, 9, func(n any) error { return db.QueryRow("SELECT max(version) FROM log").Scan(n) })
		db.Close()
	}

	// Two pools of one process, on one replica file each.
	s.clear()
	a, b := open(t, p.URL+"?replica="+filepath.Join(t.TempDir(), "a.db"), chain.load(t)), open(t, p.URL+"?replica="+filepath.Join(t.TempDir(), "b.db"), chain.load(t))
	errs := make(chan error, 2)
	go func() { errs <- connect(t.Context(), a) }()
	go func() { errs <- connect(t.Context(), b) }()
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	look(a, 30, func(n any) error { return a.QueryRow("SELECT max(version) FROM log").Scan(n) })
	look(b, 30, func(n any) error { return b.QueryRow("SELECT max(version) FROM log").Scan(n) })
	chain.check(s)
}

// A server that is a replica of another one may be behind it. Connections to it
// are handed out when it is not, whoever did the upgrade.
func TestUpgradeThroughAReplicaServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, sqldtest.WithReplicas())
	r := sqldtest.StartReplica(t, s.Server)
	// A replica that has just been started passes statements on, and says itself
	// only what columns they have.
	s.do("CREATE TABLE warm (x)")
	for deadline := time.Now().Add(time.Minute); !describes(t, r, "SELECT x FROM warm"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the replica does not follow")
		}
	}
	files, all := links{n: 24, rows: 5}.files(), fstest.MapFS{}
	var functions []migratingsqlite.SetOption
	for n := 1; n <= 24; n++ {
		name := fmt.Sprintf("%04d_link.sql", n)
		if all[name] = files[name]; n%3 == 2 {
			text := string(files[name].Data)
			delete(all, name)
			functions = append(functions, migratingsqlite.Func(int64(n), "link", func(ctx context.Context, tx migratingsqlite.Tx) error {
				_, err := tx.ExecContext(ctx, text)
				return err
			}, nil))
		}
		set := load(t, all, functions...)
		if n%3 == 0 { // another program is faster
			if err := connect(t.Context(), open(t, s.URL, set, migratingsqlite.WithBaseline("none"))); err != nil {
				t.Fatal(err)
			}
		}
		db := open(t, r.URL, set, migratingsqlite.WithBaseline("none"))
		var got int
		if err := db.QueryRow("SELECT max(version) FROM log").Scan(&got); err != nil || got != n {
			t.Errorf("at %d (%v), want %d", got, err, n)
		}
		db.Close()
	}
	links{n: 24, rows: 5}.at(s)
}

// describes reports whether a server knows the tables of a query.
func describes(t testing.TB, s *sqldtest.Server, query string) bool {
	t.Helper()
	resp, err := http.Post(s.URL+"/v3/pipeline", "application/json", strings.NewReader(`{"requests":[{"type":"describe","sql":"`+query+`"},{"type":"close"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(err, resp.StatusCode)
	}
	return !bytes.Contains(answer, []byte(`"type":"error"`))
}

// A replica whose server does not answer is waited for as long as was said.
func TestReplicaOfAServerThatHangs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := sqldtest.NewProxy(t, s.URL)
	if err := connect(t.Context(), open(t, s.URL, chain.load(t))); err != nil {
		t.Fatal(err)
	}
	p.Fault(func(_ int, r sqldtest.Request) sqldtest.Fault {
		if strings.Contains(r.Path, "pipeline") {
			return sqldtest.Pass
		}
		return sqldtest.Hang
	})
	db := open(t, p.URL+"?_migrate_timeout=1s&replica="+filepath.Join(t.TempDir(), "replica.db"), chain.load(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // hours, by itself
	defer cancel()
	for range 2 {
		wantError(t, connect(ctx, db), "gave up after 1s: the server did not answer in time", "_migrate_timeout")
	}
	p.Fault(nil)
	p.Down() // ends the call that was left alone
	p.Up()
	for ctx.Err() == nil && connect(ctx, db) != nil {
		time.Sleep(10 * time.Millisecond)
	}
	var n int
	if err := db.QueryRowContext(ctx, "SELECT max(version) FROM log").Scan(&n); err != nil || n != chain.n {
		t.Error(n, err)
	}
}
