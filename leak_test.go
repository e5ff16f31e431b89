package migratingsqlite_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

func TestNothingIsLeftBehindAfterClose(t *testing.T) {
	boom := errors.New("boom")
	script := steps(t, []string{family, rebuildParent})
	broken := steps(t, []string{family, rebuildParent, "UPDATE nowhere SET x = 1;"})
	failing := steps(t, []string{family}, migratingsqlite.Func(2, "failing", func(ctx context.Context, tx migratingsqlite.Tx) error {
		if _, err := tx.QueryContext(ctx, "SELECT * FROM child"); err != nil {
			return err
		}
		return boom
	}, nil))
	slow := steps(t, []string{family}, migratingsqlite.Func(2, "slow", func(ctx context.Context, tx migratingsqlite.Tx) error {
		select {
		case <-time.After(20 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, nil))
	for _, c := range []struct {
		name string
		use  func(s *site, params string)
	}{
		{"upgraded", func(s *site, params string) {
			db := s.open(params, script)
			s.works(db, 2)
			s.close(db)
		}},
		{"used by several", func(s *site, params string) {
			db := s.open(params, script)
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() {
					if err := db.Ping(); err != nil {
						s.Error(err)
					}
				})
			}
			wg.Wait()
			s.close(db)
		}},
		{"up to date", func(s *site, params string) {
			for range 2 {
				db := s.open(params, script)
				s.works(db, 2)
				s.close(db)
			}
		}},
		{"failed", func(s *site, params string) {
			db := s.open(params, broken)
			if err := db.Ping(); err == nil {
				s.Error("no error")
			}
			s.close(db)
		}},
		{"failed in a function", func(s *site, params string) {
			db := s.open(params, failing)
			if err := db.Ping(); !errors.Is(err, boom) {
				s.Error(err)
			}
			s.close(db)
		}},
		{"callers gave up", func(s *site, params string) {
			db := s.open(params, slow)
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			if err := db.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
				s.Error(err)
			}
			s.works(db, 2) // joins the run, and takes one of the connections
			s.close(db)
		}},
		{"callers gave up and nobody came after", func(s *site, params string) {
			db := s.open(params, slow)
			goroutines := runtime.NumGoroutine()
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			if err := db.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
				s.Error(err)
			}
			settles(s, goroutines, runtime.NumGoroutine) // the run has ended; its connection has no taker
			s.close(db)
		}},
		{"closed during the upgrade", func(s *site, params string) {
			db := s.open(params, slow)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
			defer cancel()
			db.PingContext(ctx)
			s.close(db)
		}},
		{"locked", func(s *site, params string) {
			release := s.hold("BEGIN EXCLUSIVE")
			db := s.open(params, script, migratingsqlite.WithTimeout(5*time.Millisecond))
			if err := db.Ping(); !errors.Is(err, migratingsqlite.ErrLocked) {
				s.Error(err)
			}
			release()
			s.close(db)
		}},
		{"not a database", func(s *site, params string) {
			if err := os.WriteFile(s.path, []byte("a diary"), 0o600); err != nil {
				s.Fatal(err)
			}
			db := s.open(params, script)
			if err := db.Ping(); err == nil {
				s.Error("no error")
			}
			s.close(db)
		}},
		{"looked at by a Migrator", func(s *site, params string) {
			m, err := migratingsqlite.NewMigrator(s.dsn(params), migratingsqlite.WithSet(script))
			if err != nil {
				s.Fatal(err)
			}
			if _, err := m.Plan(context.Background()); err != nil {
				s.Error(err)
			}
			if _, err := m.Up(context.Background()); err != nil {
				s.Error(err)
			}
			if _, err := m.Status(context.Background()); err != nil {
				s.Error(err)
			}
			if err := m.Close(); err != nil {
				s.Error(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			goroutines, files := runtime.NumGoroutine(), openFiles()
			for i := range 50 {
				s := newSite(t)
				c.use(s, journals[i%2].params)
				s.noLeftovers()
			}
			settles(t, goroutines, runtime.NumGoroutine)
			settles(t, files, openFiles)
		})
	}
}

func (s *site) close(db interface{ Close() error }) {
	s.Helper()
	if err := db.Close(); err != nil {
		s.Error("Close:", err)
	}
}

// openFiles counts the process's file descriptors, where the system tells.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

func TestMemoryDatabasesThatNobodyWaitedForAreClosed(t *testing.T) {
	// Each connection is a database of its own. One whose caller has given up
	// serves the next caller, instead of lying about until the end.
	var made atomic.Int32
	set := steps(t, []string{family}, migratingsqlite.Func(2, "slow", func(context.Context, migratingsqlite.Tx) error {
		made.Add(1)
		time.Sleep(20 * time.Millisecond)
		return nil
	}, nil))
	db := openSet(t, ":memory:", set)
	goroutines := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	if err := db.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	settles(t, goroutines, runtime.NumGoroutine) // the run has ended
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	if n := made.Load(); n != 1 {
		t.Errorf("%d databases were made for one connection, and all are kept", n)
	}
}
