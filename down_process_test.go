package migratingsqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

// An escalator is a set that goes both ways: each version makes a table with rows,
// gives every row of the first one a new value, and leaves a row in the table log;
// its down script takes all of it back.
type escalator struct{ n, rows int }

var (
	ground = escalator{n: 4, rows: 200}
	top    = escalator{n: 14, rows: 200}
)

func (e escalator) files() fstest.MapFS {
	fsys := fstest.MapFS{"R__view.sql": &fstest.MapFile{Data: []byte("DROP VIEW IF EXISTS versions; CREATE VIEW versions AS SELECT version FROM log;")}}
	add := func(v int, direction, text string) {
		fsys[fmt.Sprintf("%04d_step.%s.sql", v, direction)] = &fstest.MapFile{Data: []byte(text)}
	}
	for v := 1; v <= e.n; v++ {
		up, down := "", ""
		if v == 1 {
			up, down = "CREATE TABLE log (version INTEGER NOT NULL);\n", "DROP TABLE log;\n"
		} else {
			down = fmt.Sprintf("UPDATE t1 SET a = a - 1;\nDELETE FROM log WHERE version = %d;\n", v)
		}
		up += fmt.Sprintf(`CREATE TABLE t%d (id INTEGER PRIMARY KEY, a INTEGER NOT NULL DEFAULT 0, b TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO t%[1]d (b) SELECT printf('%%.200c', 'x') FROM n;
ALTER TABLE t1 ADD COLUMN c%[1]d TEXT;
UPDATE t1 SET a = a + 1;
INSERT INTO log VALUES (%[1]d);
`, v, e.rows)
		if v > 1 {
			down += fmt.Sprintf("ALTER TABLE t1 DROP COLUMN c%d;\n", v)
		}
		add(v, "up", up)
		add(v, "down", fmt.Sprintf("%sDROP TABLE t%d;\n", down, v))
	}
	return fsys
}

func (e escalator) load(t testing.TB) *migratingsqlite.Set {
	t.Helper()
	return load(t, "chain", e.files())
}

// floor asks, at one moment, at which version the database is, by all that tells.
const floor = `SELECT (SELECT count(*) FROM log) || '|' || (SELECT max(version) FROM log) || '|' || (SELECT min(a) || '|' || max(a) FROM t1) || '|' ||
	(SELECT version FROM migratingsqlite_state WHERE set_name = 'chain') || '|' ||
	(SELECT count(*) FROM migratingsqlite_history WHERE set_name = 'chain' AND version > 0 AND status = 'applied') || '|' ||
	(SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB 't[0-9]*')`

func (e escalator) floor() string {
	return strings.TrimSuffix(strings.Repeat(fmt.Sprint(e.n, "|"), 7), "|")
}

// playVisitor is a program that opens its database again and again and looks where
// it is.
func playVisitor(dsn string, e escalator) error {
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	for range 15 {
		if err := visit(dsn, e); err != nil {
			return err
		}
	}
	return nil
}

func visit(dsn string, e escalator) error {
	set, err := migratingsqlite.Load("chain", e.files())
	if err != nil {
		return err
	}
	c, err := migratingsqlite.NewConnector(dsn, migratingsqlite.WithSet(set))
	if err != nil {
		return err
	}
	defer c.Close()
	db := sql.OpenDB(c)
	defer db.Close()
	var at string
	err = db.QueryRow(floor).Scan(&at)
	switch {
	case e == ground && errors.Is(err, migratingsqlite.ErrSchemaNewer):
		return nil
	case err != nil:
		return err
	case at != ground.floor() && at != top.floor():
		return fmt.Errorf("the database is halfway: %s", at)
	}
	return nil
}

// playDescent goes back from the top, as often as others have gone up again.
func playDescent(dsn string) error {
	set, err := migratingsqlite.Load("chain", top.files())
	if err != nil {
		return err
	}
	m, err := migratingsqlite.NewMigrator(dsn, migratingsqlite.WithSet(set))
	if err != nil {
		return err
	}
	defer m.Close()
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	for undone := 0; undone < 5; {
		n, err := descend(m)
		if err != nil && !strings.Contains(err.Error(), "plan again") {
			return err
		}
		if n > 0 {
			undone++
		}
		if strings.Contains(dsn, "cache_size") { // the one that is to be killed
			break
		}
		time.Sleep(rand.N(5 * time.Millisecond))
		if _, err := m.Up(context.Background()); err != nil {
			return err
		}
	}
	fmt.Println("down")
	return nil
}

func descend(m *migratingsqlite.Migrator) (undone int, err error) {
	p, err := m.PlanDown(context.Background(), int64(ground.n))
	if err != nil {
		return 0, err
	}
	r, err := m.Down(context.Background(), p)
	if err != nil {
		return 0, err
	}
	return len(r.Undone), nil
}

func TestProcessesOpenWhileAnotherGoesBack(t *testing.T) {
	for _, journal := range journals {
		t.Run(journal.name, func(t *testing.T) {
			for range rounds(t, 2, 1) {
				s := newSite(t)
				db := s.open(journal.params, top.load(t))
				if err := db.Ping(); err != nil {
					t.Fatal(err)
				}
				db.Close()
				g := newGate(t)
				var processes []*process
				for _, part := range []string{"descent", "visitor above", "visitor below", "descent", "visitor above", "visitor below", "visitor above", "visitor below"} {
					// What they ask once they have a connection waits for locks as programs do.
					processes = append(processes, start(t, part, s.dsn(journal.params, "_pragma=busy_timeout(60000)"), g.r))
				}
				for _, p := range processes {
					p.says("ready")
				}
				g.open()
				for _, p := range processes {
					p.succeeds()
				}
				top.reach(t, s)
			}
		})
	}
}

// reach opens the database with the program, and looks at the result past the
// driver.
func (e escalator) reach(t testing.TB, s *site) {
	t.Helper()
	db := s.open("", e.load(t))
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	e.check(t, s)
	if got, want := s.look("SELECT digest FROM migratingsqlite_state WHERE set_name = 'chain'"), e.load(t).Digest(); got != want {
		t.Fatalf("digest: %s, want %s", got, want)
	}
	if got := s.look("SELECT max(version) FROM versions"); got != fmt.Sprint(e.n) {
		t.Fatalf("the view has %s", got)
	}
}

func (e escalator) check(t testing.TB, s *site) {
	t.Helper()
	if got := s.look("PRAGMA integrity_check"); got != "ok" {
		t.Fatalf("integrity_check: %s", got)
	}
	if got := s.look(floor); got != e.floor() {
		t.Fatalf("the database is at %s, want %s", got, e.floor())
	}
}

func TestProcessKilledWhileItGoesBack(t *testing.T) {
	s := newSite(t)
	db := s.open("", top.load(t))
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	db.Close()
	template, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, journal := range journals {
		t.Run(journal.name, func(t *testing.T) {
			begin := func() (*site, *process) {
				s := newSite(t)
				if err := os.WriteFile(s.path, template, 0o600); err != nil {
					t.Fatal(err)
				}
				g := newGate(t)
				p := start(t, "descent", s.dsn(journal.params, "_pragma=cache_size(10)"), g.r)
				p.says("ready")
				g.open()
				return s, p
			}
			_, p := begin()
			start := time.Now()
			p.says("down")
			took := time.Since(start)
			p.succeeds()
			n := rounds(t, 12, 3)
			var before, dirty int
			for round := range n {
				s, p := begin()
				if round == n-1 {
					p.says("down")
				} else {
					time.Sleep(time.Duration((float64(round) + rand.Float64()) / float64(n) * 1.15 * float64(took)))
				}
				p.kill()
				if s.hasLeftovers() {
					dirty++
				}
				if s.look(floor) == top.floor() {
					before++
					top.check(t, s)
					m, err := migratingsqlite.NewMigrator(s.dsn(journal.params), migratingsqlite.WithSet(top.load(t)))
					if err != nil {
						t.Fatal(err)
					}
					if n, err := descend(m); n == 0 || err != nil {
						t.Fatal(n, err)
					}
				}
				ground.check(t, s)
				ground.reach(t, s)
				top.reach(t, s)
			}
			t.Logf("%d kills: %d before the commit, %d after it; %d left a journal behind; going back takes %v", n, before, n-before, dirty, took.Round(time.Millisecond))
			if before == n {
				t.Error("the last one was killed after the commit")
			}
		})
	}
}
