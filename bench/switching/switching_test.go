// Package switching_test has the tools that are written in Go apply the first
// migrations of a folder, and then this driver open what they leave: with the
// same folder, and with more in it.
package switching_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-gormigrate/gormigrate/v2"
	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database/sqlite"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
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

// The migrations that every tool is given, in its own form.
var scripts = []struct{ name, text string }{
	{"init", `CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, text TEXT);
INSERT INTO users VALUES (1, 'a@example.org');
`},
	{"touch", `CREATE TRIGGER touch AFTER UPDATE OF text ON notes
BEGIN
  UPDATE notes SET text = CASE WHEN new.text = '' THEN ';' ELSE new.text END WHERE id = new.id;
  DELETE FROM notes WHERE id = -1;
END;
`},
	{"rebuild", `PRAGMA foreign_keys = OFF;
CREATE TABLE new_users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE CHECK (email <> ''), name TEXT);
INSERT INTO new_users (id, email) SELECT id, email FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
PRAGMA foreign_keys = ON;
`},
	{"names", "UPDATE users SET name = upper(substr(email, 1, 1)) || coalesce(name, '');\n"},
	{"search", "CREATE VIRTUAL TABLE found USING fts5 (text, content='notes', content_rowid='id');\nINSERT INTO found (found) VALUES ('rebuild');\n"},
}

// A tool applies all that is in a folder. It is a program that ends.
type tool struct {
	layout string // of the folder, as far as it does not tell
	name   string // of the i-th file
	text   string // around its text
	apply  func(file string, folder fstest.MapFS) error
	tables []string // its own
	opts   []migratingsqlite.SetOption
	native bool // its scripts come from elsewhere, and go into this driver's own layout
}

var tools = map[string]tool{
	"goose":          {name: "%05d_%s.sql", text: "-- +goose Up\n%s\n-- +goose Down\nSELECT 1;\n", apply: applyGoose, tables: []string{"goose_db_version"}},
	"golang-migrate": {layout: "golang-migrate", name: "%06d_%s.up.sql", text: "%s", apply: applyGolangMigrate, tables: []string{"schema_migrations"}},
	"sql-migrate":    {name: "%d-%s.sql", text: "-- +migrate Up\n%s\n-- +migrate Down\n", apply: applySQLMigrate, tables: []string{"gorp_migrations"}},
	"zombiezen":      {name: "%04d_%s.sql", text: "%s", apply: applyZombiezen, native: true},
	"bun":            {layout: "bun", name: "2024013110150%d_%s.up.sql", text: "%s", apply: applyBun, tables: []string{"bun_migrations", "bun_migration_locks"}},
	"gormigrate":     {name: "20160830140%d_%s.sql", text: "%s", apply: applyGormigrate, native: true, tables: []string{"migrations"}},
}

// folder is that of the first n migrations.
func (tl *tool) folder(n int) fstest.MapFS {
	files := fstest.MapFS{}
	for i, s := range scripts[:n] {
		text := s.text
		if tl.native {
			text = strings.NewReplacer("PRAGMA foreign_keys = OFF;\n", "", "PRAGMA foreign_keys = ON;\n", "").Replace(text)
		}
		if s.name == "touch" && strings.Contains(tl.text, "+") { // they need to be told where a trigger ends
			begin, _, _ := strings.Cut(tl.text, " Up")
			text = begin + " StatementBegin\n" + text + begin + " StatementEnd\n"
		}
		files[fmt.Sprintf(tl.name, i+1, s.name)] = &fstest.MapFile{Data: fmt.Appendf(nil, tl.text, text)}
	}
	return files
}

func (tl *tool) set(t *testing.T, folder fstest.MapFS) *migratingsqlite.Set {
	t.Helper()
	opts := tl.opts
	if tl.layout != "" {
		opts = append(opts, migratingsqlite.Layout(tl.layout))
	}
	set, err := migratingsqlite.Load("app", folder, opts...)
	must(t, err)
	return set
}

func TestSwitching(t *testing.T) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for name, tl := range tools {
		t.Run(name, func(t *testing.T) {
			all := len(scripts)
			set := tl.set(t, tl.folder(all))
			fresh := filepath.Join(t.TempDir(), "fresh.db")
			must(t, ours(t, fresh, set))
			for n := range all + 1 {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					// What the tool makes of it by itself.
					theirs := filepath.Join(t.TempDir(), "theirs.db")
					file := filepath.Join(t.TempDir(), "app.db")
					for _, f := range []string{theirs, file} {
						must(t, tl.apply(f, tl.folder(n)))
						if n > 0 {
							change(t, f, "INSERT INTO users (id, email) VALUES (2, 'b@example.org'); INSERT INTO notes (user_id, text) VALUES (1, 'one'), (2, 'two; three')")
						}
					}
					must(t, tl.apply(theirs, tl.folder(all)))
					before := tl.traces(t, file)

					must(t, ours(t, file, set))
					var wanted []string
					for i, m := range set.Migrations() {
						how := "applied"
						if i < n {
							how = "baseline"
						}
						wanted = append(wanted, fmt.Sprintf("%d %s %s", m.Version, m.Name, how))
					}
					equal(t, rows(t, file, "SELECT version, name, status FROM migratingsqlite_history WHERE set_name = 'app' ORDER BY version"), wanted)
					equal(t, tl.traces(t, file), before)
					equal(t, schema.Diff(structure(t, file, tl.tables), structure(t, fresh, nil)), nil)
					equal(t, schema.Diff(structure(t, file, tl.tables), structure(t, theirs, tl.tables)), nil)
					equal(t, tl.contents(t, file), tl.contents(t, theirs))
					must(t, ours(t, file+"?_migrate=check", set))

					// The old program is put back, and then the new one again.
					must(t, tl.apply(file, tl.folder(n)))
					must(t, ours(t, file, set))
					equal(t, tl.contents(t, file), tl.contents(t, theirs))
				})
			}
		})
	}
}

// A file that comes late is skipped by golang-migrate, refused by goose, and
// applied by the others.
func TestLateFile(t *testing.T) {
	without := func(tl *tool) fstest.MapFS {
		folder := tl.folder(len(scripts))
		maps.DeleteFunc(folder, func(name string, _ *fstest.MapFile) bool { return strings.Contains(name, "touch") })
		return folder
	}
	for name, skips := range map[string]bool{"goose": true, "golang-migrate": true, "sql-migrate": false, "bun": false} {
		t.Run(name, func(t *testing.T) {
			tl := tools[name]
			file := filepath.Join(t.TempDir(), "app.db")
			must(t, tl.apply(file, without(&tl)))
			all := tl.folder(len(scripts))
			if skips {
				if err := tl.apply(file, all); (err == nil) != (name == "golang-migrate") {
					t.Fatal(err)
				}
				equal(t, rows(t, file, "SELECT count(*) FROM sqlite_schema WHERE name = 'touch'"), []string{"0"})
			}
			set := tl.set(t, all)
			before := everything(t, file)
			wantError(t, ours(t, file, set), migratingsqlite.ErrOutOfOrder, "touch", "_migrate_out_of_order=true", "the database is unchanged")
			equal(t, everything(t, file), before)

			must(t, ours(t, file+"?_migrate_out_of_order=true", set))
			equal(t, rows(t, file, "SELECT count(*) FROM migratingsqlite_history WHERE set_name = 'app' AND status = 'applied' AND name = 'touch'"), []string{"1"})
			fresh := filepath.Join(t.TempDir(), "fresh.db")
			must(t, ours(t, fresh, set))
			equal(t, schema.Diff(structure(t, file, tl.tables), structure(t, fresh, nil)), nil)
		})
	}
}

// A migration that the tool did not finish.
func TestFailure(t *testing.T) {
	broken := func(tl *tool) fstest.MapFS {
		folder := tl.folder(3)
		for name, f := range folder {
			if strings.Contains(name, "rebuild") {
				f.Data = []byte(strings.Replace(string(f.Data), "DROP TABLE users", "DROP TABLE nothing", 1))
			}
		}
		return folder
	}
	// All but golang-migrate and Bun leave the database as it was before.
	for _, name := range []string{"goose", "sql-migrate", "zombiezen"} {
		t.Run(name, func(t *testing.T) {
			tl := tools[name]
			file := filepath.Join(t.TempDir(), "app.db")
			if tl.apply(file, broken(&tl)) == nil {
				t.Fatal("it went well")
			}
			set := tl.set(t, tl.folder(len(scripts)))
			must(t, ours(t, file, set))
			equal(t, rows(t, file, "SELECT count(*), sum(status = 'applied') FROM migratingsqlite_history WHERE set_name = 'app'"), []string{"5 3"})
		})
	}
	t.Run("golang-migrate", func(t *testing.T) {
		tl := tools["golang-migrate"]
		file := filepath.Join(t.TempDir(), "app.db")
		if tl.apply(file, broken(&tl)) == nil {
			t.Fatal("it went well")
		}
		set := tl.set(t, tl.folder(len(scripts)))
		before := everything(t, file)
		wantError(t, ours(t, file, set), migratingsqlite.ErrUnknownSchema, "dirty at version 3", "migrate force 2", "the database is unchanged")
		equal(t, everything(t, file), before)
		must(t, withGolangMigrate(file, tl.folder(3), func(m *migrate.Migrate) error { return m.Force(2) }))
		must(t, ours(t, file, set))
		equal(t, rows(t, file, "SELECT count(*), sum(status = 'applied') FROM migratingsqlite_history WHERE set_name = 'app'"), []string{"5 3"})
	})
	// Bun writes the row first. Whether the migration is there, the structure tells.
	t.Run("bun", func(t *testing.T) {
		tl := tools["bun"]
		set := tl.set(t, tl.folder(len(scripts)))
		file := filepath.Join(t.TempDir(), "app.db")
		if tl.apply(file, broken(&tl)) == nil {
			t.Fatal("it went well")
		}
		equal(t, rows(t, file, "SELECT count(*) FROM bun_migrations"), []string{"3"})
		change(t, file, "DELETE FROM bun_migration_locks")
		before := everything(t, file)
		// Its first statements stay.
		wantError(t, ours(t, file, set), migratingsqlite.ErrUnknownSchema, "new_users", "the database is unchanged")
		equal(t, everything(t, file), before)
		change(t, file, "DROP TABLE new_users; DELETE FROM bun_migrations WHERE id = 3")
		must(t, ours(t, file, set))
		equal(t, rows(t, file, "SELECT count(*), sum(status = 'applied') FROM migratingsqlite_history WHERE set_name = 'app'"), []string{"5 3"})

		// The first statement of the last one fails already.
		file = filepath.Join(t.TempDir(), "app.db")
		folder := tl.folder(2)
		for name, f := range folder {
			if strings.Contains(name, "touch") {
				f.Data = []byte("SELECT nothing;\n" + string(f.Data))
			}
		}
		if tl.apply(file, folder) == nil {
			t.Fatal("it went well")
		}
		change(t, file, "DELETE FROM bun_migration_locks")
		must(t, ours(t, file, set))
		equal(t, rows(t, file, "SELECT count(*), sum(status = 'applied') FROM migratingsqlite_history WHERE set_name = 'app'"), []string{"5 4"})
	})
}

// Migrations of gormigrate are functions; those of this driver are too, with the
// same numbers. A new database was made by InitSchema, all at once.
func TestGormigrateWithFunctions(t *testing.T) {
	ids := []string{"201608301400", "201608301430_touch", "201608301500"}
	var theirs []*gormigrate.Migration
	tl := tool{tables: []string{"migrations"}}
	for i, id := range ids {
		theirs = append(theirs, &gormigrate.Migration{ID: id, Migrate: func(tx *gorm.DB) error { return tx.Exec(scripts[i].text).Error }})
		var version int64
		if _, err := fmt.Sscanf(id, "%d", &version); err != nil {
			t.Fatal(err)
		}
		tl.opts = append(tl.opts, migratingsqlite.Func(version, scripts[i].name, func(ctx context.Context, tx migratingsqlite.Tx) error {
			_, err := tx.ExecContext(ctx, strings.NewReplacer("PRAGMA foreign_keys = OFF;", "", "PRAGMA foreign_keys = ON;", "").Replace(scripts[i].text))
			return err
		}, nil))
	}
	set := tl.set(t, nil)
	for _, n := range []int{0, 1, 2, 3, -1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "app.db")
			must(t, withGorm(file, func(db *gorm.DB) error {
				m := gormigrate.New(db, gormigrate.DefaultOptions, theirs[:max(n, 1)])
				if n == 0 {
					return db.Exec("CREATE TABLE migrations (id VARCHAR(255) PRIMARY KEY)").Error
				}
				if n < 0 {
					m = gormigrate.New(db, gormigrate.DefaultOptions, theirs)
					m.InitSchema(func(tx *gorm.DB) error {
						for _, s := range scripts[:3] {
							if err := tx.Exec(s.text).Error; err != nil {
								return err
							}
						}
						return nil
					})
				}
				return m.Migrate()
			}))
			before := rows(t, file, "SELECT * FROM migrations ORDER BY id")
			must(t, ours(t, file, set))
			equal(t, rows(t, file, "SELECT * FROM migrations ORDER BY id"), before)
			there := n
			if n < 0 {
				there = 3
			}
			equal(t, rows(t, file, "SELECT count(*), sum(status = 'baseline') FROM migratingsqlite_history WHERE set_name = 'app'"), []string{fmt.Sprintf("3 %d", there)})
			fresh := filepath.Join(t.TempDir(), "fresh.db")
			must(t, ours(t, fresh, set))
			equal(t, schema.Diff(structure(t, file, tl.tables), structure(t, fresh, nil)), nil)
		})
	}
}

// The tools.

func applyGoose(file string, folder fstest.MapFS) error {
	return withDB(file, func(db *sql.DB) error {
		p, err := goose.NewProvider(goose.DialectSQLite3, db, folder, goose.WithSlog(slog.New(slog.DiscardHandler)))
		if errors.Is(err, goose.ErrNoMigrations) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = p.Up(context.Background())
		return err
	})
}

func withGolangMigrate(file string, folder fstest.MapFS, f func(*migrate.Migrate) error) error {
	return withDB(file, func(db *sql.DB) error {
		source, err := iofs.New(folder, ".")
		if err != nil {
			return err
		}
		database, err := sqlite.WithInstance(db, &sqlite.Config{})
		if err != nil {
			return err
		}
		m, err := migrate.NewWithInstance("iofs", source, "sqlite", database)
		if err != nil {
			return err
		}
		if err := f(m); err != migrate.ErrNoChange {
			return err
		}
		return nil
	})
}

func applyGolangMigrate(file string, folder fstest.MapFS) error {
	return withGolangMigrate(file, folder, func(m *migrate.Migrate) error {
		if len(folder) == 0 {
			_, _, err := m.Version()
			if err == migrate.ErrNilVersion {
				return nil
			}
			return err
		}
		return m.Up()
	})
}

func applySQLMigrate(file string, folder fstest.MapFS) error {
	return withDB(file, func(db *sql.DB) error {
		_, err := sqlmigrate.Exec(db, "sqlite3", sqlmigrate.HttpFileSystemMigrationSource{FileSystem: http.FS(folder)}, sqlmigrate.Up)
		return err
	})
}

func applyZombiezen(file string, folder fstest.MapFS) error {
	s := sqlitemigration.Schema{AppID: 0x1234}
	for _, name := range slices.Sorted(maps.Keys(folder)) {
		s.Migrations = append(s.Migrations, string(folder[name].Data))
	}
	conn, err := zombiezen.OpenConn(file)
	if err != nil {
		return err
	}
	return errors.Join(sqlitemigration.Migrate(context.Background(), conn, s), conn.Close())
}

func applyBun(file string, folder fstest.MapFS) error {
	return withDB(file, func(db *sql.DB) error {
		migrations := bunmigrate.NewMigrations()
		if err := migrations.Discover(folder); err != nil {
			return err
		}
		ctx := context.Background()
		m := bunmigrate.NewMigrator(bun.NewDB(db, sqlitedialect.New()), migrations)
		if err := m.Init(ctx); err != nil || len(folder) == 0 {
			return err
		}
		if err := m.Lock(ctx); err != nil {
			return err
		}
		if _, err := m.Migrate(ctx); err != nil {
			return err // and the lock stays
		}
		return m.Unlock(ctx)
	})
}

func withGorm(file string, f func(*gorm.DB) error) error {
	return withDB(file, func(db *sql.DB) error {
		g, err := gorm.Open(gormsqlite.Dialector{Conn: db}, &gorm.Config{Logger: logger.New(log.New(io.Discard, "", 0), logger.Config{})})
		if err != nil {
			return err
		}
		return f(g)
	})
}

// applyGormigrate is a program that has its scripts in files.
func applyGormigrate(file string, folder fstest.MapFS) error {
	var list []*gormigrate.Migration
	for _, name := range slices.Sorted(maps.Keys(folder)) {
		list = append(list, &gormigrate.Migration{ID: strings.TrimSuffix(path.Base(name), ".sql"), Migrate: func(tx *gorm.DB) error {
			return tx.Exec(string(folder[name].Data)).Error
		}})
	}
	if len(list) == 0 {
		return nil
	}
	return withGorm(file, func(db *gorm.DB) error { return gormigrate.New(db, gormigrate.DefaultOptions, list).Migrate() })
}

func withDB(file string, f func(*sql.DB) error) error {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return err
	}
	return errors.Join(f(db), db.Close())
}

// What is there.

func ours(t *testing.T, dsn string, set *migratingsqlite.Set) error {
	t.Helper()
	c, err := migratingsqlite.NewConnector(dsn, migratingsqlite.WithSet(set))
	must(t, err)
	db := sql.OpenDB(c)
	return errors.Join(db.Ping(), db.Close())
}

func change(t *testing.T, file, script string) {
	t.Helper()
	must(t, withDB(file, func(db *sql.DB) error {
		_, err := db.Exec(script)
		return err
	}))
}

func query(t *testing.T, file, q string) (list [][]driver.Value) {
	t.Helper()
	must(t, withDB(file, func(db *sql.DB) error {
		r, err := db.Query(q)
		if err != nil {
			return err
		}
		defer r.Close()
		columns, _ := r.Columns()
		for r.Next() {
			values, to := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				to[i] = &values[i]
			}
			if err := r.Scan(to...); err != nil {
				return err
			}
			row := make([]driver.Value, len(values))
			for i, v := range values {
				row[i] = v
			}
			list = append(list, row)
		}
		return r.Err()
	}))
	return list
}

func rows(t *testing.T, file, q string) (list []string) {
	t.Helper()
	for _, row := range query(t, file, q) {
		list = append(list, strings.Trim(fmt.Sprint(row), "[]"))
	}
	return list
}

func structure(t *testing.T, file string, without []string) *schema.Schema {
	t.Helper()
	answers := make([]engine.Answer, len(schema.Queries))
	for i, q := range schema.Queries {
		answers[i].Rows = query(t, file, q)
	}
	s, err := schema.Read(answers, without...)
	must(t, err)
	return s
}

// traces are what the tool itself has left in the file.
func (tl *tool) traces(t *testing.T, file string) []string {
	t.Helper()
	list := append(rows(t, file, "PRAGMA user_version"), rows(t, file, "PRAGMA application_id")...)
	return append(list, contents(t, file, func(name string) bool { return slices.Contains(tl.tables, name) })...)
}

// contents are the rows of the program's own tables.
func (tl *tool) contents(t *testing.T, file string) []string {
	t.Helper()
	return contents(t, file, func(name string) bool {
		return !slices.Contains(tl.tables, name) && !strings.HasPrefix(name, "migratingsqlite_") && name != "sqlite_sequence"
	})
}

func everything(t *testing.T, file string) []string {
	t.Helper()
	return append(rows(t, file, "SELECT type, name, sql FROM sqlite_schema ORDER BY name"), contents(t, file, func(string) bool { return true })...)
}

func contents(t *testing.T, file string, of func(name string) bool) (list []string) {
	t.Helper()
	for _, name := range rows(t, file, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
		if of(name) {
			list = append(append(list, name+":"), rows(t, file, fmt.Sprintf("SELECT * FROM %q", name))...)
		}
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T any](t *testing.T, got, wanted T) {
	t.Helper()
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("got  %v\nwant %v", got, wanted)
	}
}

func wantError(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("not %q: %v", kind, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("does not say %q: %v", w, err)
		}
	}
}
