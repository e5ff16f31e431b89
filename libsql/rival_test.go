//go:build cgo && (linux || darwin)

package libsql_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
	"github.com/migratingsqlite/migratingsqlite/libsql"
)

// rival starts a program that wants the write lock all the time. What is
// returned ends it.
func (s *site) rival() (end func() string) {
	s.t.Helper()
	s.do("CREATE TABLE IF NOT EXISTS rival (x)")
	g := newGate(s.t)
	p := start(s.t, "rival", s.URL, g)
	p.says("ready")
	return func() string {
		s.t.Helper()
		g.open()
		wrote := p.says("wrote")
		p.succeeds()
		return wrote
	}
}

func TestUpgradeWhileAnotherProgramWritesAllTheTime(t *testing.T) {
	s := newSite(t, sqldtest.WithoutCheckpoints())
	for range rounds(t, 3, 1) {
		s.clear()
		end := s.rival()
		time.Sleep(50 * time.Millisecond)
		db := open(t, s.URL, chain.load(t), migratingsqlite.WithBaseline("none"))
		begin := time.Now()
		if err := connect(t.Context(), db); err != nil {
			t.Error(err)
		}
		took := time.Since(begin)
		wrote := end()
		chain.check(s)
		t.Logf("%d migrations in %v, while the other program wrote (and was thrown out) so often: %s", chain.n, took, wrote)
		committed, _, _ := strings.Cut(wrote, " ")
		s.wants("SELECT count(*) FROM rival", committed)
	}
}

// forLong are statements that take far more than the five seconds that the
// server gives a transaction which keeps others from writing.
var forLong = strings.Repeat("INSERT INTO many WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2000000) SELECT count(*) FROM c;\n", 60)

// A migration that takes too long where others want to write is thrown out by
// the server.
func TestMigrationThatIsThrownOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, sqldtest.WithoutCheckpoints())
	set := load(t, fstest.MapFS{
		"0001_first.sql": &fstest.MapFile{Data: []byte("CREATE TABLE many (x)")},
		"0002_long.sql":  &fstest.MapFile{Data: []byte("CREATE TABLE half (x);\n" + forLong + "INSERT INTO half VALUES (1)")},
	})
	end := s.rival()
	begin := time.Now()
	err := connect(t.Context(), open(t, s.URL, set, migratingsqlite.WithBaseline("none")))
	t.Logf("after %v: %v", time.Since(begin).Round(time.Millisecond), err)
	t.Log("the other program wrote (and was thrown out) so often: ", end())
	var m *migratingsqlite.MigrationError
	if !errors.As(err, &m) || m.Version != 2 || m.Line < 2 {
		t.Errorf("%+v", m)
	}
	if e := new(libsql.Error); !errors.As(err, &e) || e.Kind != libsql.Timeout || e.Error() != "Transaction timed out" {
		t.Errorf("%+v", e)
	}
	wantError(t, err, "Transaction timed out; the server ends", "4 times", "-- migratingsqlite: batch", "the database is at version 1")
	s.wants("SELECT name FROM sqlite_master WHERE name IN ('many', 'half')", "many")
	s.wants("SELECT count(*) FROM many", "0")
	s.wants("SELECT version, status FROM migratingsqlite_history WHERE set_name = 'chain'", "1|applied\n2|failed")
	if os.Getenv("MIGRATINGSQLITE_ROUNDS") == "" {
		return
	}
	// Alone it may take longer.
	begin = time.Now()
	if err := connect(t.Context(), open(t, s.URL, set)); err != nil {
		t.Error(err)
	}
	t.Log("alone it takes", time.Since(begin).Round(time.Millisecond))
	s.wants("SELECT count(*) FROM half", "1")
	s.wants("SELECT count(*) FROM many", "60")
}

func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error, want ", words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v\nlacks %q", err, w)
		}
	}
}
