//go:build cgo && (linux || darwin)

package libsql_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
	_ "unsafe" // for leaseTime

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
	_ "github.com/migratingsqlite/migratingsqlite/libsql"
)

// leaseTime is the driver's. Tests that wait for the end of a lease make it
// shorter.
//
//go:linkname leaseTime github.com/migratingsqlite/migratingsqlite.leaseTime
var leaseTime time.Duration

// The test binary is also the program that the tests start many of, and kill:
// an environment variable says which part it plays.
const (
	partEnv  = "MIGRATINGSQLITE_TEST_PART"
	dsnEnv   = "MIGRATINGSQLITE_TEST_DSN"
	leaseEnv = "MIGRATINGSQLITE_TEST_LEASE"
)

var parts = map[string]func(dsn string) error{
	"chain":   func(dsn string) error { return playProgram(dsn, chain.files(), "SELECT max(version) FROM log") },
	"batches": func(dsn string) error { return playProgram(dsn, persons.files(), "SELECT count(*) FROM person") },
	"rival":   playRival,
}

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if lease, err := time.ParseDuration(os.Getenv(leaseEnv)); err == nil {
		leaseTime = lease
	}
	name := os.Getenv(partEnv)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := parts[name](os.Getenv(dsnEnv)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// playProgram is an ordinary program. It waits for the end of its input before
// it touches the database.
func playProgram(dsn string, fsys fs.FS, query string) error {
	migratingsqlite.Register("chain", fsys)
	db, err := sql.Open("migratingsqlite", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)

	start := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, 3) // a program's first requests
	for i := range errs {
		wg.Go(func() {
			var n int
			if err := db.QueryRow(query).Scan(&n); err != nil {
				errs[i] = fmt.Errorf("request %d: %w", i, err)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Println("took", time.Since(start).Microseconds(), time.Now().UnixMicro())
	return db.Close()
}

// playRival is a program that knows nothing of migrations and writes all the
// time, in transactions that hold the lock for a while.
func playRival(url string) error {
	fmt.Println("ready")
	done := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(done)
	}()
	var writes, lost atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				s := stream{url: url}
				_, err := s.ask("BEGIN IMMEDIATE", "INSERT INTO rival VALUES (1)")
				if err == nil {
					time.Sleep(rand.N(10 * time.Millisecond))
					_, err = s.ask("COMMIT")
				}
				s.close()
				if err != nil {
					lost.Add(1)
				} else {
					writes.Add(1)
				}
			}
		})
	}
	wg.Wait()
	fmt.Println("wrote", writes.Load(), lost.Load())
	return nil
}

var patient = http.Client{Timeout: 40 * time.Second}

// A stream is one of the protocol over HTTP, without any of the code that is
// tested.
type stream struct {
	url, token, baton string
}

// ask runs statements one after the other, up to the first that fails, in one
// request. It returns what the last one yields: columns with | between them, a
// line for each row.
func (s *stream) ask(statements ...string) (string, error) {
	type stmt struct {
		SQL string `json:"sql"`
	}
	type request struct {
		Type string `json:"type"`
		Stmt *stmt  `json:"stmt,omitempty"`
	}
	body := struct {
		Baton    string    `json:"baton,omitempty"`
		Requests []request `json:"requests"`
	}{Baton: s.baton}
	for _, text := range statements {
		body.Requests = append(body.Requests, request{"execute", &stmt{text}})
	}
	if statements == nil {
		body.Requests = []request{{Type: "close"}}
	}
	b, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequest("POST", s.url+"/v3/pipeline", bytes.NewReader(b))
	if err != nil {
		return "", err
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := patient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if b, err = io.ReadAll(resp.Body); err != nil {
		return "", err
	}
	var answer struct {
		Baton   string `json:"baton"`
		Results []struct {
			Error    *struct{ Message, Code string }
			Response struct {
				Result struct {
					Rows [][]struct{ Value any }
				}
			}
		}
	}
	if err := json.Unmarshal(b, &answer); err != nil || resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("HTTP %d: %s", resp.StatusCode, b)
	}
	s.baton = answer.Baton
	var lines []string
	for i, r := range answer.Results {
		if r.Error != nil {
			return "", fmt.Errorf("%s: %s (%s)", statements[i], r.Error.Message, r.Error.Code)
		}
		lines = nil
		for _, row := range r.Response.Result.Rows {
			words := make([]string, len(row))
			for j, v := range row {
				if words[j] = fmt.Sprint(v.Value); v.Value == nil {
					words[j] = "NULL"
				}
			}
			lines = append(lines, strings.Join(words, "|"))
		}
	}
	return strings.Join(lines, "\n"), nil
}

func (s *stream) close() {
	if s.baton != "" {
		s.ask()
	}
}

// A site is a server of a test, seen without the code that is tested.
type site struct {
	*sqldtest.Server
	t     testing.TB
	token string
}

func newSite(t testing.TB, opts ...sqldtest.Option) *site {
	t.Helper()
	return &site{Server: sqldtest.Start(t, opts...), t: t}
}

// do runs statements one after the other and returns what the last one yields.
func (s *site) do(statements ...string) string {
	s.t.Helper()
	st := stream{url: s.URL, token: s.token}
	defer st.close()
	got, err := st.ask(statements...)
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

// clear empties the database.
func (s *site) clear() {
	s.t.Helper()
	for _, name := range strings.Fields(s.do("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")) {
		s.do("DROP TABLE " + name)
	}
	for _, name := range strings.Fields(s.do("SELECT name FROM sqlite_master WHERE type = 'view'")) {
		s.do("DROP VIEW " + name)
	}
}

func (s *site) wants(query, want string) {
	s.t.Helper()
	if got := s.do(query); got != want {
		s.t.Fatalf("%s:\n%s\nwant\n%s", query, got, want)
	}
}

// links are a set of n migrations in which each leaves traces of how often it
// was applied: in the table log, in a counter, and in all rows of item.
type links struct {
	n    int
	rows int
}

var chain = links{n: 30, rows: 50}

func (l links) files() fstest.MapFS {
	fsys := fstest.MapFS{}
	for v := 1; v <= l.n; v++ {
		var b strings.Builder
		if v == 1 {
			fmt.Fprintf(&b, `CREATE TABLE log (version INTEGER NOT NULL);
CREATE TABLE counter (n INTEGER NOT NULL);
INSERT INTO counter VALUES (0);
CREATE TABLE item (id INTEGER PRIMARY KEY, a INTEGER NOT NULL DEFAULT 0);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d) INSERT INTO item (id) SELECT i FROM c;
`, l.rows)
		}
		fmt.Fprintf(&b, `INSERT INTO log VALUES (%d);
CREATE TABLE t%[1]d (id INTEGER PRIMARY KEY, item INTEGER REFERENCES item (id) ON DELETE CASCADE);
INSERT INTO t%[1]d SELECT id, id FROM item;
CREATE INDEX i%[1]d ON t%[1]d (item);
UPDATE item SET a = a + 1;
UPDATE counter SET n = n + 1;
`, v)
		if v%5 == 0 { // a table rebuild, which must lose no rows of other tables
			fmt.Fprintf(&b, `CREATE TABLE item_new (id INTEGER PRIMARY KEY, a INTEGER NOT NULL DEFAULT 0, c%d TEXT);
INSERT INTO item_new (id, a) SELECT id, a FROM item;
DROP TABLE item;
ALTER TABLE item_new RENAME TO item;
`, v)
		}
		fsys[fmt.Sprintf("%04d_link.sql", v)] = &fstest.MapFile{Data: []byte(b.String())}
	}
	return fsys
}

func (l links) load(t testing.TB) *migratingsqlite.Set {
	t.Helper()
	return load(t, l.files())
}

func load(t testing.TB, fsys fs.FS, opts ...migratingsqlite.SetOption) *migratingsqlite.Set {
	t.Helper()
	set, err := migratingsqlite.Load("chain", fsys, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

const applied = "SELECT count(*) FROM migratingsqlite_history WHERE set_name = 'chain' AND status = 'applied'"

// at returns how many migrations are applied, and fails if one is half there or
// was applied twice.
func (l links) at(s *site) int {
	s.t.Helper()
	if s.do("SELECT count(*) FROM sqlite_master WHERE name = 'log'") == "0" {
		return 0
	}
	got := s.do(`SELECT (SELECT count(*) FROM log), (SELECT count(DISTINCT version) FROM log), (SELECT max(version) FROM log),
		(SELECT n FROM counter), (SELECT min(a) FROM item), (SELECT max(a) FROM item), (` + applied + `),
		(SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name GLOB 't[0-9]*'),
		(SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name GLOB 'i[0-9]*'),
		(SELECT version FROM migratingsqlite_state WHERE set_name = 'chain')`)
	k, _, _ := strings.Cut(got, "|")
	if want := strings.TrimSuffix(strings.Repeat(k+"|", 10), "|"); got != want {
		s.t.Fatalf("half of a migration, or twice: %s", got)
	}
	s.wants(fmt.Sprintf("SELECT (SELECT count(*) FROM item), (SELECT count(*) FROM t%s)", k), fmt.Sprintf("%d|%[1]d", l.rows))
	n, _ := strconv.Atoi(k)
	return n
}

// check looks whether every migration was applied, once, and nothing is left of
// the way there.
func (l links) check(s *site) {
	s.t.Helper()
	if n := l.at(s); n != l.n {
		s.t.Fatalf("at %d of %d", n, l.n)
	}
	s.wants("PRAGMA integrity_check", "ok")
	s.wants("SELECT count(*) FROM migratingsqlite_history WHERE set_name = 'chain'", strconv.Itoa(l.n))
	s.wants("SELECT digest FROM migratingsqlite_state WHERE set_name = 'chain'", l.load(s.t).Digest())
	s.wants(leaseLeft, "|NULL|NULL|NULL|NULL|NULL")
}

const leaseLeft = "SELECT expires_at, set_name, version, statement, rows_affected, foreign_keys FROM migratingsqlite_lease"

// A process that the test started.
type process struct {
	*exec.Cmd
	t      testing.TB
	out    *bufio.Reader
	stderr bytes.Buffer
}

// start starts the test binary in a part. All processes that are given one
// gate go on when it is opened.
func start(t testing.TB, part, dsn string, g *gate, env ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(exe), t: t}
	p.Env = append(append(os.Environ(), partEnv+"="+part, dsnEnv+"="+dsn), env...)
	p.Stdin = g.r
	p.Cmd.Stderr = &p.stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			p.Process.Kill()
			p.Wait()
		}
	})
	return p
}

// says waits for a line of output and returns what follows the word in it.
func (p *process) says(word string) string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	got, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || got != word {
		p.Process.Kill()
		p.Wait()
		p.t.Fatalf("process said %q (%v), want %q; stderr: %s", line, err, word, &p.stderr)
	}
	return rest
}

// succeeds waits for the process's end.
func (p *process) succeeds() {
	p.t.Helper()
	if err := p.end(); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the process's end. The error holds what it said.
func (p *process) end() error {
	rest, _ := io.ReadAll(p.out)
	if err := p.Wait(); err != nil {
		return fmt.Errorf("process: %v\n%s%s", err, rest, &p.stderr)
	}
	return nil
}

func (p *process) kill() {
	p.Process.Kill()
	p.Wait()
}

// A gate holds processes until it is opened.
type gate struct{ r, w *os.File }

func newGate(t testing.TB) *gate {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return &gate{r, w}
}

func (g *gate) open() { g.r.Close(); g.w.Close() }

// rounds is how often a test tries its luck.
func rounds(t testing.TB, normal, short int) int {
	t.Helper()
	if s := os.Getenv("MIGRATINGSQLITE_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			t.Fatalf("MIGRATINGSQLITE_ROUNDS=%s: wants a number above 0", s)
		}
		return n
	}
	if testing.Short() {
		return short
	}
	return normal
}

const shortLease = leaseEnv + "=700ms"

func TestEightProcessesUpgradeAServerAtOnce(t *testing.T) {
	// go-libsql ends its streams in the background, too late for a program that
	// ends as well: each round leaves the server with 24.
	s := newSite(t, sqldtest.WithConnections(2000), sqldtest.WithoutCheckpoints())
	n := rounds(t, 5, 1)
	begin := time.Now()
	for range n {
		s.clear()
		g := newGate(t)
		processes := make([]*process, 8)
		for i := range processes {
			processes[i] = start(t, "chain", s.URL, g)
		}
		for _, p := range processes {
			p.says("ready")
		}
		g.open()
		for _, p := range processes {
			p.succeeds()
		}
		chain.check(s)
		// One of them did it, and none of the others took the lease away.
		s.wants("SELECT step FROM migratingsqlite_lease", strconv.Itoa(1+chain.n))
	}
	t.Logf("%d rounds in %v", n, time.Since(begin).Round(time.Millisecond))
}

func TestProcessKilledDuringAnUpgradeOfAServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	upgrade := func(env ...string) (time.Duration, error) {
		g := newGate(t)
		p := start(t, "chain", s.URL, g, env...)
		p.says("ready")
		begin := time.Now()
		g.open()
		err := p.end()
		return time.Since(begin), err
	}
	work, err := upgrade(shortLease)
	if err != nil {
		t.Fatal(err)
	}
	chain.check(s)

	n := rounds(t, 12, 2)
	var before, during, after int
	var longest time.Duration
	for round := range n {
		lease, env := 700*time.Millisecond, shortLease
		if round == 0 && !testing.Short() {
			lease, env = 10*time.Second, leaseEnv+"="
		}
		s.clear()
		url, half := s.URL, make(chan struct{})
		if round == 0 { // halfway for sure
			p := sqldtest.NewProxy(t, s.URL)
			p.Fault(func(_ int, r sqldtest.Request) sqldtest.Fault {
				if strings.Contains(r.Body, "CREATE TABLE t15 ") {
					close(half)
				}
				return sqldtest.Pass
			})
			url = p.URL
		}
		g := newGate(t)
		p := start(t, "chain", url, g, env)
		p.says("ready")
		g.open()
		at := (float64(round) + rand.Float64()) / float64(n)
		if round == 0 {
			<-half
		} else {
			time.Sleep(time.Duration(at * float64(work)))
		}
		p.kill()
		// What it sent may be under way.
		switch k := chain.at(s); k {
		case 0:
			before++
		case chain.n:
			after++
		default:
			during++
		}
		took, err := upgrade(env)
		if err != nil {
			t.Fatalf("round %d, killed at %.0f%%: %v", round, at*100, err)
		}
		if round > 0 {
			longest = max(longest, took)
		}
		if limit := lease + 2*work + 10*time.Second; took > limit {
			t.Errorf("round %d: took %v, want less than %v", round, took, limit)
		}
		chain.check(s)
	}
	t.Logf("%d kills: %d before the first migration, %d during, %d after the last; an upgrade takes %v, the one after a kill up to %v, with a lease of 700ms",
		n, before, during, after, work.Round(time.Millisecond), longest.Round(time.Millisecond))
	if during == 0 {
		t.Error("the kills did not hit what they were to hit")
	}
}

func TestServerKilledDuringAnUpgrade(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	n := rounds(t, 6, 1)
	var hit, direct, next int
	for round := range n {
		s.clear()
		g := newGate(t)
		p := start(t, "chain", s.URL, g, shortLease)
		p.says("ready")
		g.open()
		time.Sleep(time.Duration(rand.Float64() * float64(120*time.Millisecond)))
		s.Kill()
		time.Sleep(rand.N(300 * time.Millisecond))
		s.Restart()
		if k := chain.at(s); 0 < k && k < chain.n {
			hit++
		}
		if err := p.end(); err == nil {
			direct++
		} else {
			// The upgrade itself was done, but the query thereafter met the server's
			// end.
			next++
			t.Logf("round %d: %v", round, err)
			g := newGate(t)
			p := start(t, "chain", s.URL, g, shortLease)
			p.says("ready")
			g.open()
			p.succeeds()
		}
		chain.check(s)
	}
	t.Logf("%d kills, %d of them hit an upgrade; %d processes went on, %d failed and the next open completed", n, hit, direct, next)
}

// Those who wait read, and no more, and have their connection when the one that
// migrates is done.
func TestWaitingProcessesOnlyRead(t *testing.T) {
	s := newSite(t)
	own := sqldtest.NewProxy(t, s.URL) // of the one that migrates
	others := sqldtest.NewProxy(t, s.URL)
	hold, held := make(chan struct{}), make(chan struct{})
	own.Fault(func(n int, r sqldtest.Request) sqldtest.Fault {
		if strings.Contains(r.Body, "CREATE TABLE t15 ") {
			close(held)
			<-hold
		}
		return sqldtest.Pass
	})
	g := newGate(t)
	holder := start(t, "chain", own.URL, g)
	holder.says("ready")
	g.open()
	<-held
	g = newGate(t)
	waiting := make([]*process, 4)
	for i := range waiting {
		waiting[i] = start(t, "chain", others.URL, g)
		waiting[i].says("ready")
	}
	g.open()
	time.Sleep(time.Second)
	log := others.Log()
	close(hold)
	end := func(p *process) time.Time {
		_, at, _ := strings.Cut(p.says("took"), " ")
		p.succeeds()
		us, _ := strconv.ParseInt(at, 10, 64)
		return time.UnixMicro(us)
	}
	done := end(holder)
	for _, p := range waiting {
		if d := end(p).Sub(done); d > 3*time.Second { // a lease is 10 s
			t.Errorf("a waiting process had its connection %v after the one that migrated", d)
		} else {
			t.Log(d)
		}
	}
	t.Logf("%d requests in a second by %d waiting processes", len(log), len(waiting))
	if len(log) < len(waiting)*2 {
		t.Errorf("%d requests", len(log))
	}
	for _, r := range log {
		if !strings.Contains(r.Body, "SAVEPOINT") || strings.Contains(r.Body, "IMMEDIATE") || strings.Contains(r.Body, "INSERT") {
			t.Error(r.Body)
		}
	}
	chain.check(s)
}

// A process that is stopped, and goes on when another one has taken the upgrade
// over.
func TestStalledProcess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := sqldtest.NewProxy(t, s.URL)
	for _, table := range []string{"t1 ", "t15 ", "t30 "} {
		s.clear()
		hold, held := make(chan struct{}), make(chan struct{})
		var once sync.Once
		p.Fault(func(n int, r sqldtest.Request) sqldtest.Fault {
			if strings.Contains(r.Body, "CREATE TABLE "+table) {
				once.Do(func() { close(held); <-hold })
			}
			return sqldtest.Pass
		})
		g := newGate(t)
		stalled := start(t, "chain", p.URL, g, shortLease)
		stalled.says("ready")
		g.open()
		<-held
		stalled.Process.Signal(syscall.SIGSTOP)

		g = newGate(t)
		other := start(t, "chain", s.URL, g, shortLease)
		other.says("ready")
		g.open()
		other.succeeds()
		chain.check(s)
		close(hold)
		time.Sleep(100 * time.Millisecond)
		chain.check(s)
		stalled.Process.Signal(syscall.SIGCONT)
		stalled.succeeds()
		chain.check(s)
	}
}

// persons are a set with a migration in batches that touches each of many rows
// once.
type crowd struct{ n, batch int }

var persons = crowd{n: 20_000, batch: 100}

func (c crowd) files() fstest.MapFS {
	return fstest.MapFS{
		"0001_person.sql": &fstest.MapFile{Data: fmt.Appendf(nil, `CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL, touched INTEGER NOT NULL DEFAULT 0);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d) INSERT INTO person (name) SELECT 'P' || i FROM c;`, c.n)},
		"0002_lower.sql": &fstest.MapFile{Data: fmt.Appendf(nil, `-- migratingsqlite: batch
UPDATE person SET name = lower(name), touched = touched + 1 WHERE id IN (SELECT id FROM person WHERE name <> lower(name) LIMIT %d);
CREATE INDEX person_name ON person (name);`, c.batch)},
		"0003_more.sql": &fstest.MapFile{Data: []byte("CREATE TABLE more (x)")},
	}
}

func (c crowd) check(s *site) {
	s.t.Helper()
	s.wants("SELECT count(*), min(touched), max(touched), sum(name = lower(name)), count(DISTINCT name) FROM person", fmt.Sprintf("%d|1|1|%[1]d|%[1]d", c.n))
	s.wants("SELECT name FROM sqlite_master WHERE name IN ('person_name', 'more') ORDER BY name", "more\nperson_name")
	s.wants("SELECT version, json_extract(metadata, '$.rows_affected') FROM migratingsqlite_history WHERE set_name = 'chain' AND version = 2", fmt.Sprintf("2|%d", c.n))
	s.wants(leaseLeft, "|NULL|NULL|NULL|NULL|NULL")
}

func TestBatchesOfAServerKilledAndResumed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	n := rounds(t, 4, 1)
	kills, halfway := 0, 0
	for range n {
		s.clear()
		for try := 0; ; try++ {
			g := newGate(t)
			p := start(t, "batches", s.URL, g, shortLease)
			p.says("ready")
			g.open()
			if try == 3 {
				p.succeeds()
				break
			}
			time.Sleep(100*time.Millisecond + rand.N(400*time.Millisecond))
			p.kill()
			kills++
			if s.do("SELECT count(*) FROM sqlite_master WHERE name = 'person'") == "1" {
				s.wants("SELECT max(touched) <= 1 FROM person", "1")
				if s.do("SELECT sum(touched) BETWEEN 1 AND "+strconv.Itoa(persons.n-1)+" FROM person") == "1" {
					halfway++
				}
			}
		}
		persons.check(s)
	}
	t.Logf("%d rounds, %d kills, after %d of them it was halfway", n, kills, halfway)
}
