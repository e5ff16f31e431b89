//go:build cgo && (linux || darwin)

package libsql_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
)

// A Go migration works on a server as it does on a file.
func TestGoMigrationOfAServer(t *testing.T) {
	s := newSite(t)
	files := fstest.MapFS{
		"0001_tables.sql": &fstest.MapFile{Data: []byte(`CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT UNIQUE); CREATE TABLE c (p REFERENCES p (id) ON DELETE CASCADE);
INSERT INTO p VALUES (1, 'a'), (2, 'b'); INSERT INTO c VALUES (1), (2);`)},
	}
	calls := 0
	set := func(f migratingsqlite.MigrateFunc) *migratingsqlite.Set {
		calls = 0
		return load(t, files, migratingsqlite.Func(2, "go", func(ctx context.Context, tx migratingsqlite.Tx) error {
			calls++
			if _, err := tx.ExecContext(ctx, "INSERT INTO p VALUES (?, ?)", 3, "c"); err != nil {
				return err
			}
			return f(ctx, tx)
		}, nil))
	}
	before := func() {
		t.Helper()
		s.wants("SELECT count(*), (SELECT count(*) FROM c) FROM p", "2|2")
		s.wants("SELECT version FROM migratingsqlite_history WHERE set_name = 'chain' AND status = 'applied'", "1")
	}
	boom := errors.New("boom")
	for _, c := range []struct {
		what string
		f    migratingsqlite.MigrateFunc
		want string
	}{
		{"its own error", func(context.Context, migratingsqlite.Tx) error { return boom }, "migration 0002_go failed: boom; the database is at version 1"},
		{"panic", func(context.Context, migratingsqlite.Tx) error { panic("boom") }, "panic: boom"},
		{"constraint", func(ctx context.Context, tx migratingsqlite.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO p VALUES (4, 'a')")
			return err
		}, "UNIQUE constraint failed: p.name"},
		{"rollback by the engine", func(ctx context.Context, tx migratingsqlite.Tx) error {
			tx.ExecContext(ctx, "INSERT OR ROLLBACK INTO p VALUES (4, 'a')")
			tx.ExecContext(ctx, "INSERT INTO p VALUES (5, 'e')")
			return nil
		}, "UNIQUE constraint failed: p.name"},
		{"COMMIT", func(ctx context.Context, tx migratingsqlite.Tx) error {
			tx.ExecContext(ctx, "COMMIT")
			tx.ExecContext(ctx, "INSERT INTO p VALUES (5, 'e')")
			return nil
		}, "COMMIT"},
		{"foreign key", func(ctx context.Context, tx migratingsqlite.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM p WHERE id = 1")
			return err
		}, "table c: no such row in p"},
	} {
		err := connect(t.Context(), open(t, s.URL, set(c.f)))
		t.Logf("%s: %v", c.what, err)
		wantError(t, err, c.want, "at version 1")
		var m *migratingsqlite.MigrationError
		if !errors.As(err, &m) || m.Version != 2 || c.what == "its own error" && !errors.Is(err, boom) {
			t.Errorf("%s: %+v", c.what, m)
		}
		if calls != 1 {
			t.Errorf("%s: called %d times", c.what, calls)
		}
		before()
	}

	good := set(func(ctx context.Context, tx migratingsqlite.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT id, name FROM p ORDER BY id")
		if err != nil {
			return err
		}
		defer rows.Close()
		var all strings.Builder
		for rows.Next() {
			var id int
			var name string
			if err := rows.Scan(&id, &name); err != nil {
				return err
			}
			fmt.Fprint(&all, id, name)
		}
		if _, err := tx.ExecContext(ctx, "CREATE TABLE seen (x)"); err != nil {
			return err
		}
		stmt, err := tx.PrepareContext(ctx, "INSERT INTO seen VALUES (?)")
		if err != nil {
			return err
		}
		defer stmt.Close()
		_, err = stmt.ExecContext(ctx, all.String())
		return err
	})
	if err := connect(t.Context(), open(t, s.URL, good)); err != nil {
		t.Fatal(err)
	}
	s.wants("SELECT x FROM seen", "1a2b3c")
	s.wants("SELECT count(*), (SELECT count(*) FROM c) FROM p", "3|2")
	s.wants("SELECT version, status, json_extract(metadata, '$.statements'), json_extract(metadata, '$.rows_affected') FROM migratingsqlite_history WHERE set_name = 'chain' AND version = 2", "2|applied|4|2")
	s.wants(leaseLeft, "|NULL|NULL|NULL|NULL|NULL")
}

// A Go migration that holds the lock for long is thrown out when another program
// wants it. Nothing of it is left, and the next try may go well.
func TestGoMigrationThatIsThrownOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do("CREATE TABLE rival (x)")
	files := fstest.MapFS{"0001_t.sql": &fstest.MapFile{Data: []byte("CREATE TABLE t (x)")}}
	for _, c := range []struct {
		what  string
		tries int  // that take long
		deaf  bool // it takes no notice of errors
	}{{"once", 1, false}, {"deaf", 1, true}, {"always", 100, false}} {
		if c.what == "always" && os.Getenv("MIGRATINGSQLITE_ROUNDS") == "" {
			continue
		}
		calls := 0
		set := load(t, files, migratingsqlite.Func(2, c.what, func(ctx context.Context, tx migratingsqlite.Tx) error {
			calls++
			if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES ('before')"); err != nil {
				return err
			}
			if calls <= c.tries {
				st := stream{url: s.URL}
				if _, err := st.ask("INSERT INTO rival VALUES (1)"); err != nil { // waits until the migration is out
					t.Error(err)
				}
				st.close()
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO t VALUES ('after')")
			if c.deaf {
				tx.ExecContext(ctx, "INSERT INTO t VALUES ('much later')")
				return nil
			}
			return err
		}, nil))
		s.do("DROP TABLE IF EXISTS t")
		for _, table := range []string{"history", "state", "lease"} {
			s.do("DROP TABLE IF EXISTS migratingsqlite_" + table)
		}
		begin := time.Now()
		err := connect(t.Context(), open(t, s.URL, set, migratingsqlite.WithBaseline("none")))
		t.Logf("%s: %v, called %d times: %v", c.what, time.Since(begin).Round(time.Millisecond), calls, err)
		if c.what == "always" {
			wantError(t, err, "4 times", "at version 1")
			s.wants("SELECT count(*) FROM t", "0")
			continue
		}
		if err != nil || calls != 2 {
			t.Errorf("%s: %d calls, %v", c.what, calls, err)
		}
		want := "before|1\nafter|1"
		if c.deaf {
			want = "before|1\nafter|1\nmuch later|1"
		}
		s.wants("SELECT x, count(*) FROM t GROUP BY x ORDER BY min(rowid)", want)
	}
}

// The answer to the COMMIT of a Go migration is lost.
func TestLostCommitOfAGoMigration(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, fault := range kinds[:3] {
		s.clear()
		p := sqldtest.NewProxy(t, s.URL)
		calls, hits := 0, 0
		p.Fault(func(n int, r sqldtest.Request) sqldtest.Fault {
			if strings.Contains(r.Body, `"COMMIT"`) && !strings.Contains(r.Body, "BEGIN") {
				if hits++; hits == 1 {
					return fault.fault
				}
			}
			return sqldtest.Pass
		})
		set := load(t, fstest.MapFS{"0001_t.sql": &fstest.MapFile{Data: []byte("CREATE TABLE t (x)")}},
			migratingsqlite.Func(2, "go", func(ctx context.Context, tx migratingsqlite.Tx) error {
				calls++
				_, err := tx.ExecContext(ctx, "INSERT INTO t VALUES (1)")
				return err
			}, nil))
		m, err := migratingsqlite.NewMigrator(p.URL, migratingsqlite.WithSet(set))
		if err != nil {
			t.Fatal(err)
		}
		result, err := m.Up(t.Context())
		m.Close()
		if err != nil || len(result.Applied) != 2 || result.Applied[1].Version != 2 {
			t.Errorf("%s: %v, %+v", fault.name, err, result)
		}
		t.Logf("%s: called %d times", fault.name, calls)
		if hits == 0 || fault.fault == sqldtest.CutAfter && calls != 1 {
			t.Errorf("%s: %d hits, %d calls", fault.name, hits, calls)
		}
		s.wants("SELECT count(*) FROM t", "1")
		s.wants(leaseLeft, "|NULL|NULL|NULL|NULL|NULL")
	}
}
