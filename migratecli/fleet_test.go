package migratecli

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// The migrations of a tenant: it has the first, and the others are pending.
var tenantMigrations = []string{
	"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
	"ALTER TABLE notes ADD COLUMN tag TEXT",
	"CREATE INDEX notes_tag ON notes (tag)",
	"CREATE TABLE prefs (k TEXT PRIMARY KEY, v TEXT); INSERT INTO prefs VALUES ('theme', 'dark')",
}

// tenants makes a folder of migrations, and databases that have the first.
func tenants(tb testing.TB, n int) (migrations string, paths []string) {
	tb.Helper()
	dir := tb.TempDir()
	migrations = filepath.Join(dir, "migrations")
	must(tb, os.Mkdir(migrations, 0o777))
	for i, text := range tenantMigrations {
		must(tb, os.WriteFile(filepath.Join(migrations, fmt.Sprintf("%04d_step.sql", i+1)), []byte(text), 0o666))
	}
	first := filepath.Join(dir, "first")
	run(tb, "up", "--to", "1", "--dir", migrations, first)
	blank, err := os.ReadFile(first)
	must(tb, err)
	must(tb, os.Mkdir(filepath.Join(dir, "data"), 0o777))
	for i := range n {
		path := filepath.Join(dir, "data", fmt.Sprintf("tenant%05d.db", i))
		must(tb, os.WriteFile(path, blank, 0o666))
		paths = append(paths, path)
	}
	return migrations, paths
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// run runs the tool in this process.
func run(tb testing.TB, args ...string) string {
	tb.Helper()
	var out bytes.Buffer
	cmd := Tool()
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(context.Background()); err != nil {
		tb.Fatalf("%v: %v\n%s", args, err, &out)
	}
	return out.String()
}

// bare applies the pending migrations to one database as a loop of one's own
// would: open it, one transaction, close it.
func bare(path string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, text := range tenantMigrations[1:] {
		if _, err := tx.Exec(text); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// BenchmarkFleet upgrades 500 databases with three pending migrations each, and
// as many by a bare loop, in turns.
func BenchmarkFleet(b *testing.B) {
	const n = 500
	var ours, theirs time.Duration
	for range b.N {
		migrations, paths := tenants(b, 2*n)
		for i := 0; i < 2*n; i += 100 {
			list := filepath.Join(b.TempDir(), "list")
			f, err := os.Create(list)
			must(b, err)
			for _, p := range paths[i : i+50] {
				fmt.Fprintln(f, p)
			}
			must(b, f.Close())
			start := time.Now()
			run(b, "up", "--dir", migrations, "--set", "app", "--from-file", list)
			ours += time.Since(start)

			start = time.Now()
			var workers sync.WaitGroup
			queue := make(chan string)
			for range runtime.NumCPU() {
				workers.Go(func() {
					for p := range queue {
						if err := bare(p); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for _, p := range paths[i+50 : i+100] {
				queue <- p
			}
			close(queue)
			workers.Wait()
			theirs += time.Since(start)
		}
	}
	b.ReportMetric(float64(ours)/float64(theirs), "×bare")
	b.ReportMetric(float64(n*b.N)/ours.Seconds(), "databases/s")
}
