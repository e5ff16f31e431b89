package bench_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database/sqlite"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/migratingsqlite/migratingsqlite"
	"github.com/pressly/goose/v3"
	sqlmigrate "github.com/rubenv/sql-migrate"
	_ "modernc.org/sqlite"
)

// A tool opens a database, brings it up to date and returns it. All of them are
// on modernc.org/sqlite.
type tool struct {
	name  string
	files func(n int) fstest.MapFS // in its own layout
	open  func(path string, files fstest.MapFS) (*sql.DB, error)
}

var tools = []tool{
	{"bare", layout("%04d.sql", "%s"), openBare},
	{"migratingsqlite", layout("%04d_table.sql", "%s"), openMigrating},
	{"migratingsqlite-loaded", layout("%04d_table.sql", "%s"), nil}, // see competitors
	{"goose", layout("%05d_table.sql", "-- +goose Up\n%s"), openGoose},
	{"golang-migrate", layout("%06d_table.up.sql", "%s"), openMigrate},
	{"sql-migrate", layout("%05d_table.sql", "-- +migrate Up\n%s"), openSQLMigrate},
}

// layout makes n migrations of an ordinary kind.
func layout(name, text string) func(n int) fstest.MapFS {
	return func(n int) fstest.MapFS {
		files := fstest.MapFS{}
		for i := 1; i <= n; i++ {
			up := fmt.Sprintf("CREATE TABLE t%d (\n    id INTEGER PRIMARY KEY,\n    name TEXT NOT NULL,\n    created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP\n);\nCREATE INDEX t%d_name ON t%d (name);\nINSERT INTO t%d (name) VALUES ('first');\n", i, i, i, i)
			files[fmt.Sprintf(name, i)] = &fstest.MapFile{Data: fmt.Appendf(nil, text, up)}
		}
		return files
	}
}

// openBare does what the others do without any history: everything in one
// transaction, if there is nothing yet.
func openBare(path string, files fstest.MapFS) (*sql.DB, error) {
	_, err := os.Stat(path)
	db, openErr := sql.Open("sqlite", path)
	if openErr != nil || err == nil {
		return db, openErr
	}
	tx, err := db.Begin()
	if err != nil {
		return db, err
	}
	for i := 1; i <= len(files); i++ {
		if _, err := tx.Exec(string(files[fmt.Sprintf("%04d.sql", i)].Data)); err != nil {
			return db, errors.Join(err, tx.Rollback())
		}
	}
	return db, tx.Commit()
}

// openMigrating loads the set each time, as the others do: the first database
// of a process.
func openMigrating(path string, files fstest.MapFS) (*sql.DB, error) {
	set, err := migratingsqlite.Load("bench", files)
	if err != nil {
		return nil, err
	}
	return openLoaded(path, set)
}

func openLoaded(path string, set *migratingsqlite.Set) (*sql.DB, error) {
	c, err := migratingsqlite.NewConnector(path, migratingsqlite.WithSet(set))
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

func openGoose(path string, files fstest.MapFS) (*sql.DB, error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return db, err
	}
	_, err = p.Up(context.Background())
	return db, err // p.Close would close db
}

func openMigrate(path string, files fstest.MapFS) (*sql.DB, error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	source, err := iofs.New(files, ".")
	if err != nil {
		return db, err
	}
	database, err := sqlite.WithInstance(db, &sqlite.Config{})
	if err != nil {
		return db, err
	}
	m, err := migrate.NewWithInstance("iofs", source, "sqlite", database)
	if err != nil {
		return db, err
	}
	if err := m.Up(); err != nil && err != migrate.ErrNoChange {
		return db, err
	}
	return db, source.Close() // m.Close would close db
}

func openSQLMigrate(path string, files fstest.MapFS) (*sql.DB, error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	_, err = sqlmigrate.Exec(db, "sqlite3", sqlmigrate.HttpFileSystemMigrationSource{FileSystem: http.FS(files)}, sqlmigrate.Up)
	return db, err
}

// A competitor is a tool with n migrations.
type competitor struct {
	name  string
	start func(path string) // opens, brings up to date, queries, closes
}

func competitors(tb testing.TB, n int) (list []competitor) {
	tb.Helper()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for _, t := range tools {
		files := t.files(n)
		open := func(path string) (*sql.DB, error) { return t.open(path, files) }
		if t.open == nil { // a further database of a process: the set is there
			set, err := migratingsqlite.Load("bench", files)
			if err != nil {
				tb.Fatal(err)
			}
			open = func(path string) (*sql.DB, error) { return openLoaded(path, set) }
		}
		list = append(list, competitor{t.name, func(path string) {
			db, err := open(path)
			if err != nil {
				tb.Fatal(t.name, err)
			}
			var rows int
			if err := db.QueryRow("SELECT count(*) FROM t1").Scan(&rows); err != nil || rows != 1 {
				tb.Fatal(t.name, rows, err)
			}
			if err := db.Close(); err != nil {
				tb.Fatal(t.name, err)
			}
		}})
	}
	return list
}

// compare runs all in turn, so that they meet the same moods of the machine,
// and reports the medians and their ratios to the first.
func compare(b *testing.B, list []competitor, run func(competitor) time.Duration) {
	b.Helper()
	times := make([][]time.Duration, len(list))
	for b.Loop() {
		for _, which := range rand.Perm(len(list)) { // each may suffer from what the one before left behind
			times[which] = append(times[which], run(list[which]))
		}
	}
	medians := make([]float64, len(list))
	for i, d := range times {
		slices.Sort(d)
		medians[i] = float64(d[len(d)/2].Nanoseconds()) / 1e6
		b.ReportMetric(medians[i], "ms-"+list[i].name)
		if i > 0 {
			b.ReportMetric(medians[i]/medians[0], "×-"+list[i].name)
		}
	}
	b.ReportMetric(0, "ns/op") // of all together: says nothing
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// A program starts on a file that is up to date.
func BenchmarkPeersUpToDate(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			dir := b.TempDir()
			list := competitors(b, n)
			path := func(c competitor) string { return filepath.Join(dir, c.name+".db") }
			for _, c := range list {
				c.start(path(c))
			}
			compare(b, list, func(c competitor) time.Duration { return timed(func() { c.start(path(c)) }) })
		})
	}
}

// A program starts on a file that does not exist yet.
func BenchmarkPeersUpgradeNewFile(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			dir := b.TempDir()
			compare(b, competitors(b, n), func(c competitor) time.Duration {
				path := filepath.Join(dir, "new.db")
				took := timed(func() { c.start(path) })
				if err := os.Remove(path); err != nil {
					b.Fatal(err)
				}
				return took
			})
		})
	}
}

// What is compared must be the same work.
func TestPeersLeaveTheSameTables(t *testing.T) {
	var first []string
	for _, c := range competitors(t, 12) {
		path := filepath.Join(t.TempDir(), "app.db")
		for range 2 { // new, then up to date
			c.start(path)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var list []string
		for i := 1; i <= 12; i++ {
			var text string
			var rows int
			if err := db.QueryRow(fmt.Sprintf("SELECT sql, (SELECT count(*) FROM t%d) FROM sqlite_schema WHERE name = 't%d'", i, i)).Scan(&text, &rows); err != nil {
				t.Fatal(c.name, err)
			}
			list = append(list, fmt.Sprint(strings.Join(strings.Fields(text), " "), rows))
		}
		if first == nil {
			first = list
		}
		if !reflect.DeepEqual(list, first) {
			t.Errorf("%s: %v", c.name, list)
		}
	}
}
