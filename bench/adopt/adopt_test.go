// Package adopt_test has the real tools leave their histories in a database,
// for internal/adopt to read.
package adopt_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"net/http"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-gormigrate/gormigrate/v2"
	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database/sqlite"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/migratingsqlite/migratingsqlite/internal/adopt"
	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/pressly/goose/v3"
	sqlmigrate "github.com/rubenv/sql-migrate"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	bunmigrate "github.com/uptrace/bun/migrate"
	gormsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	_ "modernc.org/sqlite"
	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitemigration"
)

// folder is migrations by name, in one tool's layout.
type folder = fstest.MapFS

func write(names ...string) folder {
	f := folder{}
	for _, name := range names {
		f[name] = &fstest.MapFile{Data: []byte(text(name))}
	}
	return f
}

// text is a migration of a table named after it, or one that fails.
func text(name string) string {
	if strings.Contains(name, "fails") {
		return "CREATE TABLE half_done (id INTEGER PRIMARY KEY);\nCREATE TABLE;\n"
	}
	return fmt.Sprintf("CREATE TABLE %q (id INTEGER PRIMARY KEY);\n", name)
}

// files are a folder as the driver's set has it.
func files(f folder) []adopt.File {
	var list []adopt.File
	names, _ := fs.Glob(f, "*.sql")
	for _, name := range names {
		if strings.Contains(name, ".down.") {
			continue
		}
		digits, rest, _ := strings.Cut(name, "_")
		version, _ := strconv.ParseInt(digits, 10, 64)
		list = append(list, adopt.File{Version: version, Name: strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(rest, ".sql"), ".up"), ".tx"), Path: path.Join("migrations", name),
			Text: func() ([]byte, error) { return fs.ReadFile(f, name) }})
	}
	return list
}

func ask(t *testing.T, db *sql.DB, queries []string) []engine.Answer {
	t.Helper()
	answers := make([]engine.Answer, len(queries))
	for i, q := range queries {
		rows, err := db.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			values, dest := make([]any, len(columns)), make([]any, len(columns))
			for j := range values {
				dest[j] = &values[j]
			}
			if err := rows.Scan(dest...); err != nil {
				t.Fatal(err)
			}
			row := make([]driver.Value, len(columns))
			for j, v := range values {
				row[j] = v
			}
			answers[i].Rows = append(answers[i].Rows, row)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return answers
}

func open(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// check maps what the tool has left in the file.
func check(t *testing.T, file, table string, tool adopt.Tool, set []adopt.File, want string) *adopt.Mapping {
	t.Helper()
	db := open(t, file)
	found, err := adopt.Recognise(ask(t, db, adopt.Queries(table)), table)
	if err != nil {
		t.Fatal(err)
	}
	var histories []*adopt.History
	for _, c := range found {
		h, err := c.Read(ask(t, db, c.Queries()))
		if err != nil {
			t.Fatal(err)
		}
		histories = append(histories, h)
	}
	h, m, err := adopt.Choose(histories, set, "")
	if err != nil {
		t.Fatal(err)
	}
	if h == nil {
		if want != "" {
			t.Fatalf("recognised %v", found)
		}
		return nil
	}
	if h.Tool != tool {
		t.Fatalf("recognised %v", found)
	}
	var got []string
	for _, a := range m.Applied {
		s := strconv.FormatInt(a.Version, 10)
		if a.Assumed {
			s += "?"
		} else if a.Entry.At.IsZero() && tool != adopt.GolangMigrate && tool != adopt.Gormigrate {
			t.Errorf("the time of %s is not known", s)
		}
		got = append(got, s)
	}
	for _, e := range m.Unknown {
		got = append(got, "unknown "+e.ID)
	}
	for _, p := range m.Refusals {
		got = append(got, fmt.Sprintf("refused %d", p.Version))
	}
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got %q, want %q: %v", s, want, m.Refusals)
	}
	return m
}

func TestGoose(t *testing.T) {
	set := folder{}
	for name, f := range write("00001_a.sql", "00002_b.sql", "20240131101500_c.sql") {
		set[name] = &fstest.MapFile{Data: append(append([]byte("-- +goose Up\n"), f.Data...), "-- +goose Down\nDROP TABLE \""+name+"\";\n"...)}
	}
	for _, table := range []string{"", "app_versions"} {
		file := filepath.Join(t.TempDir(), "app.db")
		options := []goose.ProviderOption{goose.WithSlog(slog.New(slog.DiscardHandler))}
		if table != "" {
			options = append(options, goose.WithTableName(table))
		}
		p, err := goose.NewProvider(goose.DialectSQLite3, open(t, file), set, options...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.GetDBVersion(t.Context()); err != nil { // it makes the table
			t.Fatal(err)
		}
		check(t, file, table, adopt.Goose, files(set), "")
		if _, err := p.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, file, table, adopt.Goose, files(set), "1 2 20240131101500")
		if _, err := p.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, file, table, adopt.Goose, files(set), "1 2")
		if _, err := p.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, file, table, adopt.Goose, files(set)[:2], "1 2 unknown 20240131101500")
	}
}

func TestGolangMigrate(t *testing.T) {
	set := write("000001_a.up.sql", "000002_b.up.sql", "000003_c.up.sql", "000004_fails.up.sql")
	set["000003_c.down.sql"] = &fstest.MapFile{Data: []byte(`DROP TABLE "000003_c.up.sql"`)}
	for _, table := range []string{"", "app_versions"} {
		file := filepath.Join(t.TempDir(), "app.db")
		source, err := iofs.New(set, ".")
		if err != nil {
			t.Fatal(err)
		}
		database, err := sqlite.WithInstance(open(t, file), &sqlite.Config{MigrationsTable: table})
		if err != nil {
			t.Fatal(err)
		}
		m, err := migrate.NewWithInstance("iofs", source, "sqlite", database)
		if err != nil {
			t.Fatal(err)
		}
		check(t, file, table, adopt.GolangMigrate, files(set), "")
		if err := m.Steps(3); err != nil {
			t.Fatal(err)
		}
		check(t, file, table, adopt.GolangMigrate, files(set), "1? 2? 3")
		if err := m.Up(); err == nil {
			t.Fatal("the fourth went well")
		}
		refused := check(t, file, table, adopt.GolangMigrate, files(set), "1? 2? 3? refused 4")
		if text := refused.Refusals[0].Text; !strings.Contains(text, "`migrate force 4`") || !strings.Contains(text, "`migrate force 3`") {
			t.Error(text)
		}
		if err := m.Force(3); err != nil { // the cure
			t.Fatal(err)
		}
		check(t, file, table, adopt.GolangMigrate, files(set), "1? 2? 3")
		if err := m.Steps(-1); err != nil {
			t.Fatal(err)
		}
		check(t, file, table, adopt.GolangMigrate, files(set), "1? 2")
	}
}

func TestSQLMigrate(t *testing.T) {
	set := folder{}
	for name, f := range write("1_a.sql", "2_b.sql", "10_c.sql") {
		set[name] = &fstest.MapFile{Data: append([]byte("-- +migrate Up\n"), f.Data...)}
	}
	for _, table := range []string{"", "app_versions"} {
		file := filepath.Join(t.TempDir(), "app.db")
		m := sqlmigrate.MigrationSet{TableName: table}
		db := open(t, file)
		source := sqlmigrate.HttpFileSystemMigrationSource{FileSystem: http.FS(set)}
		if _, err := m.ExecMax(db, "sqlite3", source, sqlmigrate.Up, 2); err != nil {
			t.Fatal(err)
		}
		check(t, file, table, adopt.SQLMigrate, files(set), "1 2")
		if _, err := m.Exec(db, "sqlite3", source, sqlmigrate.Up); err != nil {
			t.Fatal(err)
		}
		check(t, file, table, adopt.SQLMigrate, files(set), "10 1 2") // in the order of this set's files
	}
}

func TestZombiezen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.db")
	schema := sqlitemigration.Schema{AppID: 0x1234, Migrations: []string{text("a"), text("b")}}
	conn, err := zombiezen.OpenConn(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlitemigration.Migrate(t.Context(), conn, schema); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, file, "", adopt.UserVersion, files(write("0001_a.sql", "0002_b.sql", "0003_c.sql")), "1? 2?")
	check(t, file, "", adopt.UserVersion, files(write("0010_a.sql", "0020_b.sql", "0030_c.sql")), "refused 2")
}

func TestBun(t *testing.T) {
	set := write("20240131101500_a.up.sql", "20240201101500_b.tx.up.sql", "20240202101500_fails.up.sql")
	file := filepath.Join(t.TempDir(), "app.db")
	migrations := bunmigrate.NewMigrations()
	if err := migrations.Discover(set); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	m := bunmigrate.NewMigrator(bun.NewDB(open(t, file), sqlitedialect.New()), migrations, bunmigrate.WithMarkAppliedOnSuccess(true))
	if err := m.Init(ctx); err != nil {
		t.Fatal(err)
	}
	check(t, file, "", adopt.Bun, files(set), "")
	if err := m.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Migrate(ctx); err == nil {
		t.Fatal("the third went well")
	}
	check(t, file, "", adopt.Bun, files(set), "20240131101500 20240201101500 refused 0") // locked
	if err := m.Unlock(ctx); err != nil {
		t.Fatal(err)
	}
	check(t, file, "", adopt.Bun, files(set), "20240131101500 20240201101500")

	// Without that option it writes the row first, and leaves it there when the
	// migration fails. Nothing in the table tells it from one that went well.
	m = bunmigrate.NewMigrator(m.DB(), migrations)
	if _, err := m.Migrate(ctx); err == nil {
		t.Fatal("the third went well")
	}
	check(t, file, "", adopt.Bun, files(set), "20240131101500 20240201101500 20240202101500")
}

func TestGormigrate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.db")
	db, err := gorm.Open(gormsqlite.Dialector{Conn: open(t, file)}, &gorm.Config{Logger: logger.New(log.New(io.Discard, "", 0), logger.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	create := func(name string) gormigrate.MigrateFunc {
		return func(tx *gorm.DB) error { return tx.Exec(text(name)).Error }
	}
	set := []adopt.File{{Version: 201608301400, Name: "people"}, {Version: 201608301430, Name: "pets"}, {Version: 201609010000, Name: "toys"}}
	m := gormigrate.New(db, gormigrate.DefaultOptions, []*gormigrate.Migration{
		{ID: "201608301400", Migrate: create("people")}, {ID: "201608301430_pets", Migrate: create("pets")},
	})
	m.InitSchema(func(tx *gorm.DB) error { return tx.Exec(text("all")).Error })
	if err := m.Migrate(); err != nil {
		t.Fatal(err)
	}
	check(t, file, "", adopt.Gormigrate, set, "201608301400 201608301430")
}
