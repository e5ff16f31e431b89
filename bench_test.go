package migratingsqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"modernc.org/sqlite"
)

// Every benchmark runs the driver and the bare modernc.org/sqlite in turn on
// the same work, so that both meet the same moods of the machine, and reports
// the medians of both and their ratio.

// compare runs bare and driver in turn and reports; and a floor, what the
// least that the driver has to do costs without it.
func compare(b *testing.B, bare, driver func(), floor ...func()) {
	b.Helper()
	runs := append([]func(){bare, driver}, floor...)
	times := make([][]time.Duration, len(runs))
	first := 0
	for b.Loop() {
		for i := range runs {
			which := (first + i) % len(runs)
			start := time.Now()
			runs[which]()
			times[which] = append(times[which], time.Since(start))
		}
		first++ // none always goes first
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2].Nanoseconds()) / 1e3
	}
	bareTime, driverTime := median(times[0]), median(times[1])
	b.ReportMetric(bareTime, "µs-bare")
	b.ReportMetric(driverTime, "µs-driver")
	b.ReportMetric(driverTime/bareTime, "ratio")
	if len(floor) > 0 {
		b.ReportMetric(median(times[2])/bareTime, "floor")
	}
	b.ReportMetric(0, "ns/op") // of both together: says nothing
}

// benchFiles makes n migrations of an ordinary kind.
func benchFiles(n int) fstest.MapFS {
	files := fstest.MapFS{}
	for i := 1; i <= n; i++ {
		text := fmt.Sprintf("-- Table number %d, with an index and its first row.\nCREATE TABLE t%d (\n    id INTEGER PRIMARY KEY,\n    name TEXT NOT NULL,\n    created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP\n);\nCREATE INDEX t%d_name ON t%d (name);\nINSERT INTO t%d (name) VALUES ('first; not last');\n", i, i, i, i, i)
		files[fmt.Sprintf("migrations/%04d_table.sql", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func benchSet(b *testing.B, n int) *migratingsqlite.Set {
	b.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	set, err := migratingsqlite.Load("bench", benchFiles(n))
	if err != nil {
		b.Fatal(err)
	}
	return set
}

func openWith(b *testing.B, dsn string, set *migratingsqlite.Set) *sql.DB {
	b.Helper()
	c, err := migratingsqlite.NewConnector(dsn, migratingsqlite.WithSet(set))
	if err != nil {
		b.Fatal(err)
	}
	return sql.OpenDB(c)
}

func openBare(b *testing.B, dsn string) *sql.DB {
	b.Helper()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		b.Fatal(err)
	}
	return db
}

// query1 is the first query of a program, and closes the database.
func query1(b *testing.B, db *sql.DB) {
	var n int
	if err := db.QueryRow("SELECT count(*) FROM t1").Scan(&n); err != nil || n != 1 {
		b.Fatal(n, err)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

const walParams = "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"

// oneRead is a connector whose connections have read the state once: the least
// that it takes to know that a database is up to date.
type oneRead struct{ driver.Connector }

func (o oneRead) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := o.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := c.(driver.QueryerContext).QueryContext(ctx, "SELECT set_name, digest FROM migratingsqlite_state", nil)
	if err != nil {
		return nil, err
	}
	var row [2]driver.Value
	for err == nil {
		err = rows.Next(row[:])
	}
	return c, rows.Close()
}

// The first connection and query on an up-to-date file. Aim: 1.05, or the floor.
func BenchmarkOpenUpToDate(b *testing.B) {
	for _, mode := range []struct{ name, params string }{{"wal", walParams}, {"delete", ""}} {
		for _, n := range []int{10, 100, 1000, 5000} {
			b.Run(fmt.Sprintf("%s/N=%d", mode.name, n), func(b *testing.B) {
				set := benchSet(b, n)
				dsn := filepath.Join(b.TempDir(), "bench.db") + mode.params
				query1(b, openWith(b, dsn, set))
				compare(b,
					func() { query1(b, openBare(b, dsn)) },
					func() { query1(b, openWith(b, dsn, set)) },
					func() {
						c, err := sqlite.NewConnector(dsn)
						if err != nil {
							b.Fatal(err)
						}
						query1(b, sql.OpenDB(oneRead{c}))
					})
			})
		}
	}
}

// An upgrade of a new file through N migrations, beside the same statements in
// one transaction. Aim: 1.10.
func BenchmarkUpgradeNewFile(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			set := benchSet(b, n)
			dir := b.TempDir()
			files := benchFiles(n)
			var texts []string
			for _, m := range set.Migrations() {
				texts = append(texts, string(files[m.File].Data))
			}
			round := 0
			name := func() string {
				round++
				return filepath.Join(dir, fmt.Sprintf("%d.db", round))
			}
			compare(b,
				func() {
					path := name()
					db := openBare(b, path)
					tx, err := db.Begin()
					if err != nil {
						b.Fatal(err)
					}
					for _, t := range texts {
						if _, err := tx.Exec(t); err != nil {
							b.Fatal(err)
						}
					}
					if err := tx.Commit(); err != nil {
						b.Fatal(err)
					}
					query1(b, db)
					os.Remove(path)
				},
				func() {
					path := name()
					query1(b, openWith(b, path, set))
					os.Remove(path)
				})
		})
	}
}

// An ordinary query on a connection that was handed out. Aim: 1.00.
func BenchmarkQuery(b *testing.B) {
	dsn := filepath.Join(b.TempDir(), "bench.db")
	db := openWith(b, dsn, benchSet(b, 10))
	defer db.Close()
	if err := db.Ping(); err != nil {
		b.Fatal(err)
	}
	bare := openBare(b, dsn)
	defer bare.Close()
	query := func(db *sql.DB) func() {
		return func() {
			for range 100 {
				var name string
				if err := db.QueryRowContext(context.Background(), "SELECT name FROM t1 WHERE id = ?", 1).Scan(&name); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	compare(b, query(bare), query(db))
}

// A whole new process on an up-to-date file: reading and checking the set
// included. Aim: 1.15 at N=1000.
func BenchmarkProcessUpToDate(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			dir := b.TempDir()
			programs := buildPrograms(b, dir, n)
			run := func(program string) func() {
				return func() {
					cmd := exec.Command(program, filepath.Join(dir, "bench.db"))
					if out, err := cmd.CombinedOutput(); err != nil {
						b.Fatalf("%v: %s", err, out)
					}
				}
			}
			run(programs[1])()
			compare(b, run(programs[0]), run(programs[1]))
		})
	}
}

// buildPrograms builds two programs that open a database and read from it: one
// through modernc.org/sqlite, one through this driver with n embedded
// migrations.
func buildPrograms(b *testing.B, dir string, n int) [2]string {
	b.Helper()
	const program = `package main

import (
	"database/sql"
	"log"
	"log/slog"
	"os"
%s
func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	db, err := sql.Open("%s", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM t1").Scan(&n); err != nil {
		log.Fatal(err)
	}
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}
}
`
	const driver = `	"embed"

	"github.com/migratingsqlite/migratingsqlite"
)

//go:embed migrations
var files embed.FS

func init() { migratingsqlite.Register("bench", files) }
`
	root, err := filepath.Abs(".")
	if err != nil {
		b.Fatal(err)
	}
	// Inside the module, so that it builds with its go.mod; a name that begins
	// with an underscore is no package of it.
	src, err := os.MkdirTemp(root, "_bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(src) })
	var built [2]string
	for i, texts := range [2][2]string{{"\n\t_ \"modernc.org/sqlite\"\n)\n", "sqlite"}, {driver, "migratingsqlite"}} {
		pkg := filepath.Join(src, texts[1])
		for file, f := range benchFiles(n) {
			path := filepath.Join(pkg, filepath.FromSlash(file))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(path, f.Data, 0o644); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(pkg, "main.go"), fmt.Appendf(nil, program, texts[0], texts[1]), 0o644); err != nil {
			b.Fatal(err)
		}
		built[i] = filepath.Join(dir, texts[1])
		cmd := exec.Command("go", "build", "-o", built[i], pkg)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	return built
}
