package migratingsqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

// The test binary is also the program that the tests start many of, and kill:
// an environment variable says which part it plays.
const (
	partEnv  = "MIGRATINGSQLITE_TEST_PART"
	dsnEnv   = "MIGRATINGSQLITE_TEST_DSN"
	leaseEnv = "MIGRATINGSQLITE_TEST_LEASE" // how long a lease lasts
	deathEnv = "MIGRATINGSQLITE_TEST_DEATH" // the commit at which the process is killed
)

var parts = map[string]func(dsn string) error{
	"short chain": func(dsn string) error { return playChain(dsn, shortChain, nil) },
	"long chain":  func(dsn string) error { return playChain(dsn, longChain, nil) },
	"long chain, stuck": func(dsn string) error {
		return playChain(dsn, longChain, func(ctx context.Context, _ migratingsqlite.Tx) error {
			fmt.Println("stuck")
			<-ctx.Done()
			return ctx.Err()
		})
	},
	"write lock":  playHolder,
	"stairs":      func(dsn string) error { return playProgram(dsn, "person", allStairs.files()) },
	"few stairs":  func(dsn string) error { return playProgram(dsn, "person", fewStairs.files()) },
	"slow stairs": func(dsn string) error { return playProgram(dsn, "person", slowStairs.files()) },
	"long stairs": func(dsn string) error { return playProgram(dsn, "person", longStairs) },
	"newer program": func(dsn string) error {
		return playProgram(dsn, "person", files(newerProgram...))
	},
	"visitor above":   func(dsn string) error { return playVisitor(dsn, top) },
	"visitor below":   func(dsn string) error { return playVisitor(dsn, ground) },
	"descent":         playDescent,
	"stairs and then": func(dsn string) error { return playProgram(dsn, "person", plainStairs.files()) },
}

func TestMain(m *testing.M) {
	name := os.Getenv(partEnv)
	if name == "" {
		slog.SetDefault(slog.New(slog.DiscardHandler))
		os.Exit(m.Run())
	}
	play := parts[name]
	if play == nil {
		fmt.Fprintln(os.Stderr, "no part", name)
		os.Exit(2)
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if lease, err := time.ParseDuration(os.Getenv(leaseEnv)); err == nil {
		migratingsqlite.SetLeaseTime(lease)
	}
	if n, err := strconv.Atoi(os.Getenv(deathEnv)); err == nil {
		dieAt(n)
	}
	if err := play(os.Getenv(dsnEnv)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func playChain(dsn string, c chain, last migratingsqlite.MigrateFunc) error {
	fsys, opts := c.files(last)
	return playProgram(dsn, c.newestTable(), fsys, opts...)
}

// playProgram is an ordinary program that has its database inside. It waits
// for the end of its input before it touches the file, and then looks into a
// table.
func playProgram(dsn, table string, fsys fs.FS, opts ...migratingsqlite.SetOption) error {
	name := "chain"
	if !strings.Contains(dsn, "_migrate_set=chain") {
		name = "app"
		dsn += "?_migrate_set=app"
	}
	migratingsqlite.Register(name, fsys, opts...)
	db, err := sql.Open("migratingsqlite", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)

	start := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, 3) // a server's first requests
	for i := range errs {
		wg.Go(func() {
			var n int
			if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
				errs[i] = fmt.Errorf("request %d: %w", i, err)
			} else if n == 0 {
				errs[i] = fmt.Errorf("request %d: %s is empty", i, table)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Println("took", time.Since(start).Microseconds())
	return db.Close()
}

// playHolder holds the write lock until its input ends.
func playHolder(dsn string) error {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(context.Background(), "BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	_, err = conn.ExecContext(context.Background(), "ROLLBACK")
	return err
}

// A chain is a set of n migrations of all sorts, in which each leaves a row in
// the table log, so that one applied twice is seen.
type chain struct {
	n    int
	rows int // that every new table gets
}

var (
	shortChain = chain{n: 50, rows: 3}
	longChain  = chain{n: 200, rows: 150}
)

// files returns what Register and Load want. The last migration but one is a
// Go function, which also calls f if there is one.
func (c chain) files(f migratingsqlite.MigrateFunc) (fstest.MapFS, []migratingsqlite.SetOption) {
	fsys := fstest.MapFS{}
	table := 0
	for v := 1; v <= c.n; v++ {
		var b strings.Builder
		if v == 1 {
			fmt.Fprintln(&b, "CREATE TABLE log (version INTEGER NOT NULL);")
		}
		switch {
		case v%4 == 1 || v == c.n:
			table = v
			fmt.Fprintf(&b, "CREATE TABLE t%d (id INTEGER PRIMARY KEY, a INTEGER, b TEXT);\n", table)
			fmt.Fprintf(&b, `INSERT INTO t%d (a, b) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < %d)
				SELECT i %% 7, printf('%%.60c', 'x') || i FROM n;`+"\n", table, c.rows)
		case v%4 == 2:
			fmt.Fprintf(&b, "ALTER TABLE t%d ADD COLUMN c%d TEXT DEFAULT 'none';\n", table, v)
		case v%4 == 3:
			fmt.Fprintf(&b, "CREATE INDEX i%d ON t%d (a, b);\n", v, table)
		default:
			fmt.Fprintf(&b, "UPDATE t%d SET b = b || a;\nUPDATE t1 SET a = a + 1;\n", table)
		}
		fmt.Fprintf(&b, "INSERT INTO log VALUES (%d);\n", v)
		if v != c.n-1 {
			fsys[fmt.Sprintf("%04d_step.sql", v)] = &fstest.MapFile{Data: []byte(b.String())}
		}
	}
	step := func(ctx context.Context, tx migratingsqlite.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO log VALUES (?)", c.n-1); err != nil {
			return err
		}
		if f == nil {
			return nil
		}
		return f(ctx, tx)
	}
	return fsys, []migratingsqlite.SetOption{migratingsqlite.Func(int64(c.n-1), "step", step, nil)}
}

func (c chain) newestTable() string { return fmt.Sprintf("t%d", c.n) }

func (c chain) load(t testing.TB, f migratingsqlite.MigrateFunc) *migratingsqlite.Set {
	t.Helper()
	fsys, opts := c.files(f)
	set, err := migratingsqlite.Load("chain", fsys, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// check looks, through the wrapped driver, whether the database is sound and
// has every migration once.
func (c chain) check(t testing.TB, s *site) {
	t.Helper()
	if got := s.look("PRAGMA integrity_check"); got != "ok" {
		t.Fatalf("integrity_check: %s", got)
	}
	want := fmt.Sprintf("%d|%[1]d|%[1]d", c.n)
	if got := s.look("SELECT count(*), count(DISTINCT version), max(version) FROM log"); got != want {
		t.Fatalf("log: %s, want %s", got, want)
	}
	if got := s.look("SELECT count(*), count(DISTINCT version), max(version) FROM migratingsqlite_history WHERE set_name = 'chain' AND status = 'applied'"); got != want {
		t.Fatalf("history: %s, want %s", got, want)
	}
	if got := s.look("SELECT count(*) FROM migratingsqlite_history WHERE set_name = 'chain'"); got != strconv.Itoa(c.n) {
		t.Fatalf("history has %s rows, want %d", got, c.n)
	}
	if got := s.look("SELECT version FROM migratingsqlite_state WHERE set_name = 'chain'"); got != strconv.Itoa(c.n) {
		t.Fatalf("state: version %s, want %d", got, c.n)
	}
	if got := s.look("SELECT count(*) FROM " + c.newestTable()); got != strconv.Itoa(c.rows) {
		t.Fatalf("%s has %s rows, want %d", c.newestTable(), got, c.rows)
	}
	// t1 has been updated once by each fourth migration.
	want = fmt.Sprint((c.n - 1) / 4)
	if c.n%4 != 0 {
		want = fmt.Sprint(c.n / 4)
	}
	if got := s.look("SELECT min(a - id % 7), max(a - id % 7) FROM t1"); got != want+"|"+want {
		t.Fatalf("t1 was updated %s times, want %s", got, want)
	}
}

// A process that the test started.
type process struct {
	*exec.Cmd
	t      testing.TB
	out    *bufio.Reader
	stderr bytes.Buffer
}

// start starts the test binary in a part. All processes that are given one
// file as their input go on when its other end is closed.
func start(t testing.TB, part, dsn string, input *os.File) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(exe), t: t}
	p.Env = append(os.Environ(), partEnv+"="+part, dsnEnv+"="+dsn)
	p.Stdin = input
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
	rest, _ := io.ReadAll(p.out)
	if err := p.Wait(); err != nil {
		p.t.Fatalf("process: %v\n%s%s", err, rest, &p.stderr)
	}
}

// kill ends the process as a power cut would, as far as it can notice.
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

var journals = []struct{ name, params string }{
	{"delete", ""},
	{"wal", "_pragma=journal_mode(WAL)"},
}

func TestEightProcessesStartAtOnceOnANewFile(t *testing.T) {
	for _, journal := range journals {
		for _, timeout := range []struct{ name, params string }{
			{"no busy_timeout", ""},
			{"busy_timeout", "_pragma=busy_timeout(5000)"},
		} {
			t.Run(journal.name+", "+timeout.name, func(t *testing.T) {
				n := rounds(t, 50, 2)
				begin := time.Now()
				for range n {
					eightProcesses(t, journal.params, timeout.params)
				}
				t.Logf("%d rounds in %v", n, time.Since(begin).Round(time.Millisecond))
			})
		}
	}
}

func eightProcesses(t *testing.T, params ...string) {
	t.Helper()
	s := newSite(t)
	g := newGate(t)
	processes := make([]*process, 8)
	for i := range processes {
		processes[i] = start(t, "short chain", s.dsn(append(params, "_migrate_set=chain")...), g.r)
	}
	for _, p := range processes {
		p.says("ready")
	}
	g.open()
	for _, p := range processes {
		p.succeeds()
	}
	shortChain.check(t, s)
	s.noLeftovers()
}

func TestProcessKilledDuringAnUpgrade(t *testing.T) {
	set := func(t testing.TB, ran *int) *migratingsqlite.Set {
		return longChain.load(t, func(context.Context, migratingsqlite.Tx) error { *ran++; return nil })
	}
	// The second half of the rounds starts from a file at version 100.
	half := newSite(t)
	func() {
		var ran int
		db := half.open("", set(t, &ran), migratingsqlite.WithTo(100))
		defer db.Close()
		if err := db.Ping(); err != nil {
			t.Fatal(err)
		}
	}()
	template, err := os.ReadFile(half.path)
	if err != nil {
		t.Fatal(err)
	}

	for _, journal := range journals {
		for _, cache := range []struct{ name, params string }{
			{"default cache", ""},
			// Written to the file long before the commit.
			{"small cache", "_pragma=cache_size(10)"},
		} {
			t.Run(journal.name+", "+cache.name, func(t *testing.T) {
				n := rounds(t, 50, 2) // in each of the four
				newFile := func(round int) *site {
					s := newSite(t)
					if round%2 == 1 {
						if err := os.WriteFile(s.path, template, 0o600); err != nil {
							t.Fatal(err)
						}
					}
					return s
				}
				// From the start signal to the last answer, when nobody kills it.
				var durations [2]time.Duration
				for round := range 2 {
					s := newFile(round)
					g := newGate(t)
					p := start(t, "long chain", s.dsn(journal.params, cache.params, "_migrate_set=chain"), g.r)
					p.says("ready")
					begin := time.Now()
					g.open()
					p.says("took")
					durations[round] = time.Since(begin)
					p.succeeds()
					longChain.check(t, s)
				}
				var upgraded, before, dirty int
				begin := time.Now()
				for round := range n {
					s := newFile(round)
					g := newGate(t)
					p := start(t, "long chain", s.dsn(journal.params, cache.params, "_migrate_set=chain"), g.r)
					p.says("ready")
					g.open()
					// Evenly over the upgrade and a little beyond its end, but not
					// in step; the last one surely after it.
					at := (float64(round) + rand.Float64()) / float64(n) * 1.15
					if round == n-1 {
						p.says("took")
					} else {
						time.Sleep(time.Duration(at * float64(durations[round%2])))
					}
					p.kill()
					if s.hasLeftovers() {
						dirty++
					}

					var ran int
					db := s.open(journal.params, set(t, &ran))
					var rows int
					if err := db.QueryRow("SELECT count(*) FROM " + longChain.newestTable()).Scan(&rows); err != nil {
						t.Fatalf("round %d, killed at %.0f%%: %v", round, at*100, err)
					}
					if err := db.Close(); err != nil {
						t.Fatal(err)
					}
					longChain.check(t, s)
					s.noLeftovers()
					if ran == 0 {
						upgraded++
					} else {
						before++
					}
				}
				t.Logf("%d kills in %v: %d before the commit, %d after it; %d left a journal behind; an upgrade takes %v from nothing, %v from version 100",
					n, time.Since(begin).Round(time.Millisecond), before, upgraded, dirty,
					durations[0].Round(time.Millisecond), durations[1].Round(time.Millisecond))
				if before == 0 || upgraded == 0 || dirty == 0 && n >= 20 && cache.params != "" {
					t.Error("the kills did not hit what they were to hit")
				}
			})
		}
	}
}

func TestHalfOfTheProcessesAreKilledWhileTheyCompete(t *testing.T) {
	for _, journal := range journals {
		for _, cache := range []string{"", "_pragma=cache_size(10)"} {
			t.Run(journal.name+cache, func(t *testing.T) {
				for range rounds(t, 3, 1) {
					s := newSite(t)
					g := newGate(t)
					dsn := s.dsn(journal.params, cache, "_migrate_set=chain")
					var victims, others []*process
					for i := range 8 {
						p := start(t, "long chain", dsn, g.r)
						if i%2 == 0 {
							victims = append(victims, p)
						} else {
							others = append(others, p)
						}
					}
					for _, p := range append(others, victims...) {
						p.says("ready")
					}
					g.open()
					for _, p := range victims { // at most one of them is writing at a time
						time.Sleep(rand.N(20 * time.Millisecond))
						p.kill()
					}
					for _, p := range others {
						p.succeeds()
					}
					longChain.check(t, s)
					// Killed last, a reader leaves the write-ahead log to the next opener.
					db := s.open(journal.params, longChain.load(t, nil))
					if err := db.Ping(); err != nil {
						t.Fatal(err)
					}
					db.Close()
				}
			})
		}
	}
}

func TestProcessKilledWhileOthersWait(t *testing.T) {
	for _, journal := range journals {
		for _, cache := range []string{"", "_pragma=cache_size(10)"} {
			t.Run(journal.name+cache, func(t *testing.T) {
				for range rounds(t, 2, 1) {
					s := newSite(t)
					first := newGate(t)
					holder := start(t, "long chain, stuck", s.dsn(journal.params, cache, "_migrate_set=chain"), first.r)
					holder.says("ready")
					first.open()
					holder.says("stuck") // in the last migration but one, with all locks

					second := newGate(t)
					waiting := make([]*process, 4)
					for i := range waiting {
						waiting[i] = start(t, "long chain", s.dsn(journal.params, "_migrate_set=chain"), second.r)
					}
					ended := make(chan int, len(waiting))
					for i, p := range waiting {
						p.says("ready")
						go func() { p.out.Peek(1); ended <- i }() // its next word, or its end
					}
					second.open()
					select {
					case i := <-ended:
						waiting[i].succeeds()
						t.Fatal("a process did not wait for the one that holds the lock")
					case <-time.After(300 * time.Millisecond):
					}
					holder.kill()
					for range waiting {
						<-ended
					}
					for _, p := range waiting {
						p.succeeds()
					}
					longChain.check(t, s)
					s.noLeftovers()
				}
			})
		}
	}
}

// A site is a database file of a test.
type site struct {
	testing.TB
	path string
}

func newSite(t testing.TB) *site {
	t.Helper()
	return &site{t, filepath.Join(t.TempDir(), "app.db")}
}

// dsn returns the file's DSN. Empty parameters are left out.
func (s *site) dsn(params ...string) string {
	dsn, separator := "file:"+s.path, "?"
	for _, p := range params {
		if p != "" {
			dsn += separator + p
			separator = "&"
		}
	}
	return dsn
}

// open opens the file through this driver.
func (s *site) open(params string, set *migratingsqlite.Set, opts ...migratingsqlite.Option) *sql.DB {
	s.Helper()
	return openSet(s, s.dsn(params), set, opts...)
}

// plain opens the file through the wrapped driver.
func (s *site) plain(params ...string) *sql.DB {
	s.Helper()
	db, err := sql.Open("sqlite", s.dsn(append(params, "_pragma=busy_timeout(10000)")...))
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { db.Close() })
	return db
}

// exec runs SQL through the wrapped driver.
func (s *site) exec(script string) {
	s.Helper()
	db := s.plain()
	defer db.Close()
	if _, err := db.Exec(script); err != nil {
		s.Fatalf("%s: %v", script, err)
	}
}

// look returns what a query yields through the wrapped driver, with | between
// columns and a line for each row.
func (s *site) look(query string) string {
	s.Helper()
	db := s.plain()
	defer db.Close()
	return lookInto(s, db, query)
}

// dump returns everything in the database but the driver's own tables.
func (s *site) dump() string {
	s.Helper()
	if info, err := os.Stat(s.path); err != nil || info.Size() == 0 {
		return ""
	}
	db := s.plain()
	defer db.Close()
	const own = " WHERE name NOT LIKE 'migratingsqlite%' AND tbl_name NOT LIKE 'migratingsqlite%'"
	text := lookInto(s, db, "SELECT type, name, tbl_name, sql FROM sqlite_master"+own+" ORDER BY name")
	for _, table := range strings.Fields(lookInto(s, db, "SELECT name FROM sqlite_master"+own+" AND type = 'table' ORDER BY name")) {
		text += "\n" + table + ":\n" + lookInto(s, db, "SELECT * FROM "+table)
	}
	return text
}

// hasLeftovers reports whether there is a journal or a write-ahead log with
// something in it.
func (s *site) hasLeftovers() bool {
	for _, suffix := range []string{"-journal", "-wal"} {
		if info, err := os.Stat(s.path + suffix); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}

// noLeftovers fails if there is another file beside the database.
func (s *site) noLeftovers() {
	s.Helper()
	for _, suffix := range []string{"-journal", "-wal", "-shm"} {
		if _, err := os.Stat(s.path + suffix); err == nil {
			s.Errorf("%s%s was left behind", s.path, suffix)
		}
	}
}

// openSet opens a database through this driver, until the test ends.
func openSet(t testing.TB, dsn string, set *migratingsqlite.Set, opts ...migratingsqlite.Option) *sql.DB {
	t.Helper()
	c, err := migratingsqlite.NewConnector(dsn, append(opts, migratingsqlite.WithSet(set))...)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { db.Close() })
	return db
}

// querier is what *sql.DB and *sql.Conn have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func lookInto(t testing.TB, db querier, query string) string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		words := make([]string, len(columns))
		for i, v := range values {
			words[i] = v.String
		}
		lines = append(lines, strings.Join(words, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(lines, "\n")
}
