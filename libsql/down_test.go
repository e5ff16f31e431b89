//go:build cgo && (linux || darwin)

package libsql_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
)

// bothWays is a set of three migrations; the way back from the newest one is in Go.
func bothWays(t testing.TB, down migratingsqlite.MigrateFunc) *migratingsqlite.Set {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return load(t, fstest.MapFS{
		"0001_t.up.sql": file("CREATE TABLE t (x); INSERT INTO t VALUES (1);"), "0001_t.down.sql": file("DROP TABLE t"),
		"0002_u.up.sql": file("CREATE TABLE u (x); UPDATE t SET x = x + 1;"), "0002_u.down.sql": file("DROP TABLE u; UPDATE t SET x = x - 1;"),
	}, migratingsqlite.Func(3, "go", func(ctx context.Context, tx migratingsqlite.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE t SET x = x + 10")
		return err
	}, func(ctx context.Context, tx migratingsqlite.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE t SET x = x - 10"); err != nil || down == nil {
			return err
		}
		return down(ctx, tx)
	}))
}

const heights = `SELECT x, (SELECT count(*) FROM sqlite_master WHERE name = 'u'), (SELECT group_concat(status) FROM
	(SELECT status FROM migratingsqlite_history WHERE set_name = 'chain' ORDER BY version)) FROM t`

// Whatever is lost on the way, going back is done once, or not at all.
func TestLostAnswersWhileGoingBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	set := bothWays(t, nil)
	cases := []struct {
		kind  int
		words string // in the request that it happens to
	}{{0, `"COMMIT"`}, {1, `"COMMIT"`}, {2, `"COMMIT"`}, {0, "DROP TABLE u"}}
	if os.Getenv("MIGRATINGSQLITE_ROUNDS") != "" {
		for kind := range kinds[:3] {
			for _, words := range []string{"migratingsqlite_state", "BEGIN IMMEDIATE", "SAVEPOINT", "x - 10", "DROP TABLE u", "rolled_back_at"} {
				cases = append(cases, struct {
					kind  int
					words string
				}{kind, words})
			}
		}
	}
	for _, c := range cases {
		s.clear()
		p := sqldtest.NewProxy(t, s.URL)
		m, err := migratingsqlite.NewMigrator(p.URL, migratingsqlite.WithSet(set))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.wants(heights, "12|1|applied,applied,applied")
		plan, err := m.PlanDown(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		hits := 0
		p.Fault(func(_ int, r sqldtest.Request) sqldtest.Fault {
			if strings.Contains(r.Body, c.words) {
				if hits++; hits == 1 {
					return kinds[c.kind].fault
				}
			}
			return sqldtest.Pass
		})
		begin := time.Now()
		result, err := m.Down(t.Context(), plan)
		m.Close()
		if err != nil || len(result.Undone) != 2 || result.Undone[0].Version != 3 || hits == 0 {
			t.Errorf("%s at %s: %v, %+v, %d hits", kinds[c.kind].name, c.words, err, result, hits)
		}
		s.wants(heights, "1|0|applied,rolled_back,rolled_back")
		s.wants("SELECT version FROM migratingsqlite_state WHERE set_name = 'chain'", "1")
		t.Logf("%s at %s: %v", kinds[c.kind].name, c.words, time.Since(begin).Round(time.Millisecond))
	}
}

// The server ends a transaction that takes long while others want to write.
func TestGoingBackThatIsThrownOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.do("CREATE TABLE rival (x)")
	calls := 0
	set := bothWays(t, func(ctx context.Context, tx migratingsqlite.Tx) error {
		if calls++; calls == 1 {
			st := stream{url: s.URL}
			if _, err := st.ask("INSERT INTO rival VALUES (1)"); err != nil { // waits until going back is out
				t.Error(err)
			}
			st.close()
		}
		_, err := tx.ExecContext(ctx, "UPDATE t SET x = x")
		return err
	})
	m, err := migratingsqlite.NewMigrator(s.URL, migratingsqlite.WithSet(set), migratingsqlite.WithBaseline("none"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	plan, err := m.PlanDown(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Down(t.Context(), plan); err != nil {
		t.Error(err)
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
	s.wants("SELECT count(*) FROM rival", "1")
	s.wants(heights, "1|0|applied,rolled_back,rolled_back")
}

// A token for reading lets one look, and the errors say that it lets do no more.
func TestGoingBackWithATokenForReading(t *testing.T) {
	t.Parallel()
	key, sign := sqldtest.NewTokenKey(t)
	s := newSite(t, sqldtest.WithJWT(key))
	s.token = sign(time.Now().Add(time.Hour), false)
	set := bothWays(t, nil)
	with := func(token string) *migratingsqlite.Migrator {
		m, err := migratingsqlite.NewMigrator(s.URL+"?authToken="+token, migratingsqlite.WithSet(set))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	if _, err := with(s.token).Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	reader := with(sign(time.Now().Add(time.Hour), true))
	records, err := reader.History(t.Context())
	if err != nil || len(records) != 3 {
		t.Error(records, err)
	}
	plan, err := reader.PlanDown(t.Context(), 1)
	if err != nil || len(plan.Steps) != 2 {
		t.Fatal(plan, err)
	}
	lease, err := reader.Lease(t.Context())
	if lease != nil || err != nil {
		t.Error(lease, err)
	}
	begin := time.Now()
	_, err = reader.Down(t.Context(), plan)
	wantError(t, err, "the token does not allow to write", "the database is unchanged")
	s.do("UPDATE migratingsqlite_lease SET expires_at = '3000-01-01T00:00:00.000Z'")
	if lease, err = reader.Lease(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantError(t, reader.Unlock(t.Context(), lease), "the token does not allow to write")
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	if err := with(s.token).Unlock(t.Context(), lease); err != nil {
		t.Error(err)
	}
	if _, err := with(s.token).Down(t.Context(), plan); err != nil {
		t.Error(err)
	}
}
