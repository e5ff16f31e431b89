package migratingsqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
)

// change runs a script on a plain connection.
func change(t testing.TB, path, script string) {
	t.Helper()
	db := plain(t, path)
	defer db.Close()
	_, err := db.Exec(script)
	must(t, err)
}

// statuses are what a Migrator says of each migration.
func statuses(t testing.TB, path string, set *migratingsqlite.Set) (list []string) {
	t.Helper()
	m, err := migratingsqlite.NewMigrator(path, migratingsqlite.WithSet(set))
	must(t, err)
	sets, err := m.Status(context.Background())
	must(t, err)
	for _, s := range sets[0].Migrations {
		text := s.Name + " " + s.State
		if s.Err != "" {
			text += ": " + s.Err
		}
		list = append(list, text)
	}
	return list
}

func TestLostBooksAreMadeAnew(t *testing.T) {
	one := []string{"0001_a.sql", "CREATE TABLE a(x)"}
	two := append(one, "0002_b.sql", "CREATE TABLE b(x)")
	for _, c := range []struct{ name, damage string }{
		{"state is gone", "DROP TABLE migratingsqlite_state"},
		{"state is empty", "DELETE FROM migratingsqlite_state"},
		{"history is gone", "DROP TABLE migratingsqlite_history"}, // the structure shows it
		{"history of the books is gone", "DELETE FROM migratingsqlite_history WHERE set_name = 'migratingsqlite'"},
		{"renamed", "ALTER TABLE migratingsqlite_history RENAME TO x; ALTER TABLE x RENAME TO MigratingSQLite_History"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			must(t, with(t, path, app(t, one...)))
			change(t, path, c.damage)
			must(t, with(t, path, app(t, one...)))
			must(t, with(t, path, app(t, two...)))
			must(t, with(t, path+"?_migrate=check", app(t, two...)))
			want(t, rows(t, path, "SELECT version FROM migratingsqlite_history WHERE set_name = 'app'"), []string{"1", "2"})
			want(t, rows(t, path, "SELECT set_name, version FROM migratingsqlite_state ORDER BY 1"), []string{"app 2", "migratingsqlite 1"})
		})
	}
}

func TestBooksThatAreNotOurs(t *testing.T) {
	for _, c := range []struct{ name, damage, says string }{
		{"a table of the name", "CREATE TABLE migratingsqlite_history(id, note)", "no such column"},
		{"a status of no meaning", "", `status "aplied"`},
		{"a version that is none", "", "migratingsqlite_history"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			set := app(t, "0001_a.sql", "CREATE TABLE a(x)")
			switch c.name {
			case "a status of no meaning":
				must(t, with(t, path, set))
				change(t, path, "UPDATE migratingsqlite_history SET status = 'aplied'; DELETE FROM migratingsqlite_state")
			case "a version that is none":
				must(t, with(t, path, set))
				change(t, path, "UPDATE migratingsqlite_history SET version = 'one'; DELETE FROM migratingsqlite_state")
			default:
				change(t, path, c.damage)
			}
			before := rows(t, path, "SELECT name, sql FROM sqlite_schema")
			wantError(t, with(t, path, set), migratingsqlite.ErrUnknownSchema, "migratingsqlite_history is not as this driver writes it", c.says, "restore a backup")
			want(t, rows(t, path, "SELECT name, sql FROM sqlite_schema"), before)
		})
	}
}

func TestFailureUnderAnotherName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	one := []string{"0001_a.sql", "CREATE TABLE a(x)"}
	must(t, with(t, path, app(t, one...)))
	wantError(t, with(t, path, app(t, append(one, "0002_wrong.sql", "CREATE TABLE a(x)")...)), nil, "already exists")
	set := app(t, append(one, "0002_right.sql", "CREATE TABLE b(x)")...)
	must(t, with(t, path, set))
	want(t, statuses(t, path, set), []string{"a applied", "right applied"})
	want(t, rows(t, path, history), []string{"app 1 a applied", "app 2 right applied"})

	// Older versions of a database may have kept such a row.
	change(t, path, "INSERT INTO migratingsqlite_history SELECT set_name, version, 'z', checksum, 'failed', 0, applied_at, 0, NULL, '', '', '', NULL, 'x', '{}' FROM migratingsqlite_history WHERE version = 2")
	want(t, statuses(t, path, set), []string{"a applied", "right applied"})
}

func TestRenamedSet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	text := files("0001_a.sql", "CREATE TABLE a(x)", "0002_b.sql", "CREATE TABLE b(x)")
	must(t, with(t, path, load(t, "app", text)))
	renamed := load(t, "server", text)
	wantError(t, with(t, path, renamed), nil, "table a already exists", "its history is of set app", "was the set renamed")
	must(t, with(t, path+"?_migrate_baseline=2", renamed))
	must(t, with(t, path, renamed))
	want(t, rows(t, path, history), []string{"app 1 a applied", "app 2 b applied", "server 1 a baseline", "server 2 b baseline"})
}

// DROP TABLE drops triggers silently.
func TestRepeatableMigrationIsAppliedAgainWhenItsObjectsAreGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	set := func(more ...string) *migratingsqlite.Set {
		return app(t, append(more, "0001_a.sql", "CREATE TABLE a(x); CREATE TABLE log(x)",
			"R__seed.sql", "CREATE TABLE IF NOT EXISTS seeds(x); INSERT INTO seeds VALUES (1)",
			"R__triggers.sql", "DROP TRIGGER IF EXISTS t; CREATE TRIGGER T AFTER INSERT ON a BEGIN INSERT INTO log VALUES (new.x); END")...)
	}
	must(t, with(t, path, set()))
	more := []string{"0002_rebuild.sql", "CREATE TABLE a2(x, y); INSERT INTO a2(x) SELECT x FROM a; DROP TABLE a; ALTER TABLE a2 RENAME TO a"}
	must(t, with(t, path, set(more...)))
	change(t, path, "INSERT INTO a(x) VALUES (7)")
	want(t, rows(t, path, "SELECT x FROM log"), []string{"7"})
	want(t, rows(t, path, "SELECT x FROM seeds"), []string{"1"}) // which was there, and not done again
	must(t, with(t, path+"?_migrate=check", set(more...)))
}

func TestNewersRepeatableIsNotPending(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	a := []string{"0001_a.sql", "CREATE TABLE a(x)"}
	older := app(t, append(a, "R__v.sql", "CREATE VIEW v AS SELECT 1")...)
	must(t, with(t, path, app(t, append(a, "0002_b.sql", "CREATE TABLE b(x)", "R__v.sql", "CREATE VIEW v AS SELECT 2")...)))
	must(t, with(t, path, older))
	want(t, statuses(t, path, older), []string{"a applied", "v newer", "b newer"})
}

func TestMigrationThatChangesTheApplicationID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	set := app(t, "0001_a.sql", "CREATE TABLE a(x); PRAGMA application_id = 9")
	wantError(t, with(t, path+"?_migrate_app_id=7", set), nil, "application_id to 0x9", "wants 0x7")
	must(t, with(t, path+"?_migrate_app_id=9", set))
}

func TestGoMigrationSeesColumnTypes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	var got []string
	describe := func(r *sql.Rows) (list []string) {
		types, err := r.ColumnTypes()
		must(t, err)
		for _, c := range types {
			nullable, ok := c.Nullable()
			list = append(list, fmt.Sprint(c.Name(), c.DatabaseTypeName(), c.ScanType(), nullable, ok))
		}
		return list
	}
	const q = "SELECT id, name FROM a"
	must(t, with(t, path, load(t, "app", files("0001_a.sql", "CREATE TABLE a(id INTEGER, name TEXT); INSERT INTO a VALUES (1, 'x')"),
		migratingsqlite.Func(2, "types", func(ctx context.Context, tx migratingsqlite.Tx) error {
			r, err := tx.QueryContext(ctx, q)
			if err != nil {
				return err
			}
			defer r.Close()
			got = describe(r)
			return nil
		}, nil))))
	r, err := plain(t, path).Query(q)
	must(t, err)
	defer r.Close()
	want(t, got, describe(r))
}

func TestPanicWithAnErrorIsThatError(t *testing.T) {
	cause := errors.New("the cause")
	set := load(t, "app", nil, migratingsqlite.Func(1, "panics", func(context.Context, migratingsqlite.Tx) error { panic(cause) }, nil))
	path := filepath.Join(t.TempDir(), "app.db")
	wantError(t, with(t, path, set), cause, "panic: the cause", "still empty but for a record of this failure")
}

func TestRefusalIsLoggedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	set := app(t, "0001_a.sql", "CREATE TABLE a(x)")
	must(t, with(t, path, set))
	var log strings.Builder
	db := open(t, path, migratingsqlite.WithSet(app(t, "0001_a.sql", "CREATE TABLE a(x, y)")),
		migratingsqlite.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	for range 3 {
		wantError(t, db.Ping(), migratingsqlite.ErrChanged)
	}
	want(t, strings.Count(log.String(), "was not upgraded"), 1)
}

func TestPlanWhereThereIsNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "app.db")
	m, err := migratingsqlite.NewMigrator(path, migratingsqlite.WithSet(app(t, "0001_a.sql", "CREATE TABLE a(x)")))
	must(t, err)
	_, err = m.Plan(context.Background())
	wantError(t, err, nil, "there is no folder")
}

func TestLookingLeavesALogThatAKilledProgramHasLeft(t *testing.T) {
	live, path := filepath.Join(t.TempDir(), "app.db"), filepath.Join(t.TempDir(), "app.db")
	must(t, with(t, live, app(t, "0001_a.sql", "CREATE TABLE a(x)")))
	db := plain(t, live+"?_pragma=journal_mode(WAL)")
	defer db.Close()
	_, err := db.Exec("INSERT INTO a VALUES (1)")
	must(t, err)
	left := map[string]string{}
	for _, suffix := range []string{"", "-wal"} { // without the -shm, as after a crash of the machine
		content, err := os.ReadFile(live + suffix)
		must(t, err)
		must(t, os.WriteFile(path+suffix, content, 0o600))
		left[suffix] = string(content)
	}
	if left["-wal"] == "" {
		t.Fatal("there is no log")
	}
	m, err := migratingsqlite.NewMigrator(path, migratingsqlite.WithSet(app(t, "0001_a.sql", "CREATE TABLE a(x)", "0002_b.sql", "CREATE TABLE b(x)")))
	must(t, err)
	plan, err := m.Plan(context.Background())
	must(t, err)
	want(t, len(plan.Sets[0].Pending), 1)
	_, err = m.Status(context.Background())
	must(t, err)
	_, err = m.History(context.Background())
	must(t, err)
	for suffix, content := range left {
		now, err := os.ReadFile(path + suffix)
		must(t, err)
		want(t, string(now) == content, true)
	}
	_, err = m.Up(context.Background())
	must(t, err)
	want(t, rows(t, path, "SELECT x FROM a"), []string{"1"})
}
