package migratingsqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/XSAM/otelsql"
	"github.com/migratingsqlite/migratingsqlite"
	"modernc.org/sqlite"
)

// files makes a file system of names and texts.
func files(namesAndTexts ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		fsys[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	return fsys
}

func load(t testing.TB, name string, fsys fs.FS, opts ...migratingsqlite.SetOption) *migratingsqlite.Set {
	t.Helper()
	set, err := migratingsqlite.Load(name, fsys, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// app loads a set named app.
func app(t testing.TB, namesAndTexts ...string) *migratingsqlite.Set {
	t.Helper()
	return load(t, "app", files(namesAndTexts...))
}

// open opens a database with the driver. It is closed when the test ends.
func open(t testing.TB, dsn string, opts ...migratingsqlite.Option) *sql.DB {
	t.Helper()
	c, err := migratingsqlite.NewConnector(dsn, opts...)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { db.Close() })
	return db
}

// with opens a database, connects once and closes it.
func with(t testing.TB, dsn string, set *migratingsqlite.Set, opts ...migratingsqlite.Option) error {
	t.Helper()
	db := open(t, dsn, append(opts, migratingsqlite.WithSet(set))...)
	defer db.Close()
	return db.Ping()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// plain opens a database without the driver, to look at what it did.
func plain(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// rows runs a query on a plain connection and returns each row as one string.
func rows(t testing.TB, path, query string) (list []string) {
	t.Helper()
	db := plain(t, path)
	defer db.Close()
	r, err := db.Query(query)
	must(t, err)
	defer r.Close()
	cols, err := r.Columns()
	must(t, err)
	for r.Next() {
		values := make([]any, len(cols))
		pointers := make([]any, len(cols))
		for i := range values {
			pointers[i] = &values[i]
		}
		must(t, r.Scan(pointers...))
		list = append(list, strings.Trim(fmt.Sprint(values), "[]"))
	}
	must(t, r.Err())
	return list
}

func want[T any](t testing.TB, got, wanted T) {
	t.Helper()
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("got  %v\nwant %v", got, wanted)
	}
}

// wantError checks that an error is of a kind and says the words.
func wantError(t testing.TB, err, kind error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	t.Log(err)
	if kind != nil && !errors.Is(err, kind) {
		t.Errorf("not %q: %v", kind, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("does not say %q: %v", w, err)
		}
	}
}

const history = "SELECT set_name, version, name, status FROM migratingsqlite_history WHERE set_name <> 'migratingsqlite' ORDER BY set_name, version, name"

// sql.Open is all that a program needs; see also example_test.go.
func TestRegisteredSetsAreFoundByDSN(t *testing.T) {
	migratingsqlite.Register("one", files("0001_a.sql", "CREATE TABLE a(x)"))
	migratingsqlite.Register("two", files("0001_b.sql", "CREATE TABLE b(x)"))
	migratingsqlite.Register("broken", files("0001_b.sql", "CREATE TABLE b(x"+"); COMMIT"))
	path := filepath.Join(t.TempDir(), "app.db")

	_, err := sql.Open("migratingsqlite", path)
	wantError(t, err, nil, "one", "two", "_migrate_set=")
	_, err = sql.Open("migratingsqlite", path+"?_migrate_set=tow")
	wantError(t, err, nil, `"tow"`, "one", "two")
	_, err = sql.Open("migratingsqlite", path+"?_migrate_set=broken")
	wantError(t, err, migratingsqlite.ErrMalformed, "0001_b.sql:1:20")

	db, err := sql.Open("migratingsqlite", path+"?_migrate_set=two,one")
	must(t, err)
	defer db.Close()
	must(t, db.Ping())
	want(t, rows(t, path, history), []string{"one 1 a applied", "two 1 b applied"})

	defer func() {
		if recover() == nil {
			t.Error("registering a name twice did not panic")
		}
	}()
	migratingsqlite.Register("one", files())
}

func TestEmptyDSN(t *testing.T) {
	db, err := sql.Open("migratingsqlite", "")
	must(t, err)
	defer db.Close()
	wantError(t, db.Ping(), nil, "the DSN is empty")
}

func TestOtelsqlOpensTheDriver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	registerOnce(t, "otel", files("0001_a.sql", "CREATE TABLE a(x)"))
	db, err := otelsql.Open("migratingsqlite", path+"?_migrate_set=otel")
	must(t, err)
	defer db.Close()
	_, err = db.Exec("INSERT INTO a VALUES (1)")
	must(t, err)

	name, err := otelsql.Register("migratingsqlite")
	must(t, err)
	db2, err := sql.Open(name, path+"?_migrate_set=otel")
	must(t, err)
	defer db2.Close()
	must(t, db2.Ping())
}

// registerOnce lets a test that registers a set be run with -count.
func registerOnce(t *testing.T, name string, fsys fs.FS) {
	t.Helper()
	defer func() { _ = recover() }()
	migratingsqlite.Register(name, fsys)
}

func TestParametersOfTheWrappedDriverTakeEffect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	set := app(t, "0001_a.sql", "CREATE TABLE a(x)")
	for _, params := range []string{
		"?_pragma=foreign_keys(1)&_migrate_timeout=5s&_pragma=busy_timeout(1234)&_pragma=journal_mode(WAL)",
		"?_pragma=busy_timeout%3D1234&_fk=1&_journal_mode=WAL",
		"?_busy_timeout=1234&_foreign_keys=1&_journal=WAL",
	} {
		for _, name := range []string{"upgrade", "up to date", "ready"} {
			db := open(t, path+params, migratingsqlite.WithSet(set))
			must(t, db.Ping())
			if name == "ready" {
				db.SetMaxIdleConns(-1)
				must(t, db.Ping())
			}
			for pragma, value := range map[string]string{"foreign_keys": "1", "busy_timeout": "1234", "journal_mode": "wal"} {
				var got string
				must(t, db.QueryRow("PRAGMA "+pragma).Scan(&got))
				if got != value {
					t.Errorf("%s, %s: %s is %s", params, name, pragma, got)
				}
			}
			db.Close()
		}
		must(t, os.Remove(path))
	}
}

func TestErrorAtThreeInTheMorning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	t.Chdir(filepath.Dir(path))
	texts := []string{"migrations/0006_users.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, prefs TEXT)"}
	must(t, with(t, "file:app.db", app(t, texts...)))
	bad := app(t, append(texts, "migrations/0007_add_prefs.sql", strings.Repeat("-- a comment\n", 11)+"ALTER TABLE users ADD COLUMN prefs TEXT;\n")...)
	err := with(t, "file:app.db?_pragma=journal_mode(WAL)", bad)
	wantError(t, err, nil)
	want(t, err.Error(), "migratingsqlite: app.db: migration 0007_add_prefs failed at migrations/0007_add_prefs.sql:12:1: duplicate column name: prefs; the database is unchanged, at version 6")
	var m *migratingsqlite.MigrationError
	if !errors.As(err, &m) {
		t.Fatalf("%T is not a MigrationError", err)
	}
	var code *sqlite.Error
	if !errors.As(err, &code) || code.Code() != 1 {
		t.Errorf("the driver's error is not behind it")
	}
	m.Err = nil
	want(t, *m, migratingsqlite.MigrationError{Set: "app", Version: 7, Name: "add_prefs", File: "migrations/0007_add_prefs.sql",
		Line: 12, Column: 1, Statement: "ALTER TABLE users ADD COLUMN prefs TEXT;"})
	want(t, rows(t, path, "SELECT version, status, error IS NULL FROM migratingsqlite_history WHERE set_name = 'app'"),
		[]string{"6 applied 1", "7 failed 0"})
}

func TestCheckNeverCreatesAFile(t *testing.T) {
	dir := t.TempDir()
	set := app(t, "0001_a.sql", "CREATE TABLE a(x)")
	for _, dsn := range []string{filepath.Join(dir, "new.db"), "file:" + filepath.Join(dir, "new%20two.db") + "?_pragma=journal_mode(WAL)"} {
		err := with(t, dsn, set, migratingsqlite.WithMode("check"))
		wantError(t, err, migratingsqlite.ErrPending, "does not exist")
	}
	left, err := os.ReadDir(dir)
	must(t, err)
	want(t, len(left), 0)

	// An existing one passes, with the DSN's own PRAGMAs, and nothing is left behind.
	path := filepath.Join(dir, "app.db")
	must(t, with(t, path+"?_pragma=journal_mode(WAL)", set))
	db := open(t, path+"?_migrate=check&_pragma=foreign_keys(1)", migratingsqlite.WithSet(set))
	var on int
	must(t, db.QueryRow("PRAGMA foreign_keys").Scan(&on))
	want(t, on, 1)
	db.Close()
	left, err = os.ReadDir(dir)
	must(t, err)
	want(t, len(left), 1)
}

func TestReadOnlyDatabaseIsChecked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	set := app(t, "0001_a.sql", "CREATE TABLE a(x)")
	newer := app(t, "0001_a.sql", "CREATE TABLE a(x)", "0002_b.sql", "CREATE TABLE b(x)")
	must(t, with(t, path, set))
	for _, params := range []string{"?mode=ro", "?immutable=1", "?mode=ro&_migrate=on", "?_query_only=1"} {
		must(t, with(t, "file:"+path+params, set))
		wantError(t, with(t, "file:"+path+params, newer), migratingsqlite.ErrPending, "0002_b")
	}
	wantError(t, with(t, "file:"+filepath.Join(t.TempDir(), "none.db")+"?mode=ro", set), migratingsqlite.ErrPending, "does not exist")
}

func TestMemoryDatabases(t *testing.T) {
	set := app(t, "0001_a.sql", "CREATE TABLE a(x); INSERT INTO a VALUES (1)")
	for _, test := range []struct {
		dsn    string
		shared bool
	}{
		{":memory:", false}, {"file::memory:", false}, {"file:private?mode=memory", false},
		{"file:shared?mode=memory&cache=shared", true}, {"file:/memdb?vfs=memdb", true},
	} {
		t.Run(test.dsn, func(t *testing.T) {
			db := open(t, test.dsn, migratingsqlite.WithSet(set))
			var conns []*sql.Conn
			for i := range 4 {
				c, err := db.Conn(context.Background())
				must(t, err)
				conns = append(conns, c)
				var n int
				must(t, c.QueryRowContext(context.Background(), "SELECT count(*) FROM a").Scan(&n))
				wanted := 1
				if test.shared {
					wanted += i
				}
				want(t, n, wanted)
				_, err = c.ExecContext(context.Background(), "INSERT INTO a VALUES (2)")
				must(t, err)
			}
			for _, c := range conns {
				c.Close()
			}
		})
	}
}

func TestMalformedSetsAreRefusedWhenTheyAreLoaded(t *testing.T) {
	nothing := func(context.Context, migratingsqlite.Tx) error { return nil }
	for _, test := range []struct {
		name  string
		fsys  fs.FS
		opts  []migratingsqlite.SetOption
		words []string
	}{
		{"no files", files(), nil, []string{"no folder holds migrations"}},
		{"no migration among the files", files("migrations/readme.txt", ""), nil, []string{"no folder holds migrations"}},
		{"a wrong name", files("0001_a.sql", "SELECT 1", "add-users.sql", "SELECT 1"), nil, []string{"add-users.sql", "0001_name.sql"}},
		{"two folders", files("a/0001_a.sql", "SELECT 1", "b/0001_a.sql", "SELECT 1"), nil, []string{"several folders", "a, b", "Dir"}},
		{"a folder that is not there", files("a/0001_a.sql", "SELECT 1"), []migratingsqlite.SetOption{migratingsqlite.Dir("b")}, []string{"b"}},
		{"a path that is none", files(), []migratingsqlite.SetOption{migratingsqlite.Dir("../b")}, []string{`Dir("../b")`}},
		{"the same version twice", files("0001_a.sql", "SELECT 1", "1_b.sql", "SELECT 1"), nil, []string{"version 1 stands in 0001_a.sql already"}},
		{"two names for one version", files("0001_a.up.sql", "SELECT 1", "0001_b.down.sql", "SELECT 1"), nil, []string{"version 1 is already a"}},
		{"a Func with a file's version", files("0001_a.sql", "SELECT 1"), []migratingsqlite.SetOption{migratingsqlite.Func(1, "f", nothing, nil)}, []string{`Func(1, "f")`, "0001_a.sql"}},
		{"a Func without a function", files("0001_a.sql", "SELECT 1"), []migratingsqlite.SetOption{migratingsqlite.Func(2, "f", nil, nil)}, []string{"nil"}},
		{"version 0", files("0000_a.sql", "SELECT 1"), nil, []string{"0000_a.sql", "version 0000"}},
		{"a version too large", files("99999999999999999999_a.sql", "SELECT 1"), nil, []string{"9223372036854775807"}},
		{"only a down", files("0001_a.down.sql", "SELECT 1"), nil, []string{"no up migration"}},
		{"a folder without up.sql", files("V1__a/metadata.yaml", "a: b"), nil, []string{"V1__a: up.sql is missing"}},
		{"empty", files("0001_a.sql", "-- nothing\n;"), nil, []string{"0001_a is refused at 0001_a.sql:1:1: there is no statement"}},
		{"NUL byte", files("0001_a.sql", "SELECT 1;\nSELECT\x002"), nil, []string{"0001_a.sql:2:7", "NUL"}},
		{"unclosed string", files("0001_a.sql", "SELECT 1;\n  SELECT 'x"), nil, []string{"0001_a.sql:2:10"}},
		{"unclosed comment", files("0001_a.sql", "SELECT 1; /* x"), nil, []string{"0001_a.sql:1:11"}},
		{"unclosed trigger", files("0001_a.sql", "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;"), nil, []string{"0001_a.sql:1:1"}},
		{"BEGIN", files("0001_a.sql", "BEGIN;\nCREATE TABLE a(x);\nCOMMIT;"), nil, []string{"0001_a.sql:1:1: BEGIN", "delete it"}},
		{"VACUUM in a down", files("0001_a.up.sql", "SELECT 1", "0001_a.down.sql", "SELECT 1;\nVACUUM"), nil, []string{"0001_a.down.sql:2:1", "VACUUM"}},
		{"foreign_keys", files("0001_a.sql", "PRAGMA foreign_keys=OFF; SELECT 1"), nil, []string{"0001_a.sql:1:1", "foreign_keys", "delete it"}},
		{"query_only", files("0001_a.sql", "SELECT 1;\nPRAGMA query_only = 1"), nil, []string{"0001_a.sql:2:1", "query_only", "delete it"}},
		{"unknown directive", files("0001_a.sql", "-- migratingsqlite: compatibel\nSELECT 1"), nil, []string{"0001_a.sql:1:1", `"compatibel"; did you mean compatible?`}},
		{"late directive", files("0001_a.sql", "SELECT 1;\n-- migratingsqlite: breaking\n"), nil, []string{"0001_a.sql:2:1", "before the first statement"}},
		{"contradiction", files("0001_a.sql", "-- migratingsqlite: breaking\n-- migratingsqlite: compatible\nSELECT 1"), nil, []string{"0001_a.sql:2:1", "not both"}},
		{"a goose file", files("0001_a.sql", "-- +goose Up\nCREATE TABLE a(x);\n-- +goose Down\nDROP TABLE a;\n"), []migratingsqlite.SetOption{migratingsqlite.Layout("native")},
			[]string{"0001_a.sql:1:1: this is a goose file (-- +goose Up)", "keep only the up section", ".down.sql"}},
		{"a goose file among others", files("0001_a.sql", "-- +goose Up\nCREATE TABLE a(x);\n-- +goose Down\nDROP TABLE a;\n", "0002_b.sql", "SELECT 1"), nil,
			[]string{"0001_a.sql:1:1: -- +goose Up", "of goose", "or native", "no such comment in 0002_b.sql"}},
		{"a dbmate file", files("0001_a.sql", "CREATE TABLE a(x);\n  --migrate:down\nDROP TABLE a;"), nil, []string{"0001_a.sql:2:3: this is a dbmate file (-- migrate:down)"}},
		{"an sql-migrate file", files("0001_a.up.sql", "SELECT 1", "0001_a.down.sql", "-- +migrate Down\n"), nil, []string{"0001_a.down.sql:1:1: this is a sql-migrate file"}},
		{"two faults", files("0001_a.sql", "BEGIN", "0002_b.sql", "VACUUM"), nil, []string{"0001_a.sql:1:1", "0002_b.sql:1:1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := migratingsqlite.Load("app", test.fsys, test.opts...)
			wantError(t, err, migratingsqlite.ErrMalformed, append(test.words, "set app: ")...)
		})
	}
	_, err := migratingsqlite.Load("migratingsqlite", files("0001_a.sql", "SELECT 1"))
	wantError(t, err, migratingsqlite.ErrMalformed, "the driver's own")
}

// Everything that is wrong with a file is said at once, in the order of its
// lines.
func TestEveryFaultOfAFileIsReported(t *testing.T) {
	places := func(names ...string) []string {
		t.Helper()
		_, err := migratingsqlite.Load("app", files(names...))
		wantError(t, err, migratingsqlite.ErrMalformed)
		var at []string
		for _, m := range regexp.MustCompile(`at ([^ ]+):`).FindAllStringSubmatch(err.Error(), -1) {
			at = append(at, m[1])
		}
		return at
	}
	want(t, places("0001_a.up.sql", "-- migratingsqlite: compatibel\nBEGIN;\nCREATE TABLE a(x);\n-- +goose Down\nPRAGMA journal_mode=WAL; COMMIT;\n-- migratingsqlite: breaking\n",
		"0001_a.down.sql", "BEGIN; DROP TABLE a; COMMIT"),
		[]string{"0001_a.up.sql:1:1", "0001_a.up.sql:2:1", "0001_a.up.sql:4:1", "0001_a.up.sql:5:1", "0001_a.up.sql:5:26", "0001_a.up.sql:6:1",
			"0001_a.down.sql:1:1", "0001_a.down.sql:1:22"})
	// Behind a string without its end there is no telling what is a statement.
	want(t, places("0001_a.sql", "BEGIN;\nSELECT 'x;\nCOMMIT;"), []string{"0001_a.sql:1:1", "0001_a.sql:2:8"})
	want(t, len(places("0001_a.sql", strings.Repeat("VACUUM;\n", 1000))), 10)
}

func TestNativeLayoutsMixInOneFolder(t *testing.T) {
	set := app(t,
		"db/migrations/0001_a.sql", "CREATE TABLE a(x)",
		"db/migrations/0002_b.up.sql", "CREATE TABLE b(x)",
		"db/migrations/0002_b.down.sql", "DROP TABLE b",
		"db/migrations/V003__c/up.sql", "CREATE TABLE c(x)",
		"db/migrations/V003__c/down.sql", "DROP TABLE c",
		"db/migrations/V003__c/metadata.yaml", "author: ada",
		"db/migrations/10_d.sql", "CREATE TABLE d(x)",
		"db/migrations/9_e.sql", "CREATE TABLE e(x)",
		"db/migrations/20260102150405_f.sql", "CREATE TABLE f(x)",
		"db/migrations/R__views.sql", "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 1",
		"db/migrations/.hidden.sql", "nonsense",
		"db/migrations/0001_a.sql.bak", "nonsense",
		"db/migrations/README.md", "nonsense")
	var got []string
	for _, m := range set.Migrations() {
		got = append(got, m.String()+" "+m.File)
	}
	want(t, got, []string{
		"0001_a db/migrations/0001_a.sql", "0002_b db/migrations/0002_b.up.sql", "0003_c db/migrations/V003__c/up.sql",
		"0009_e db/migrations/9_e.sql", "0010_d db/migrations/10_d.sql", "20260102150405_f db/migrations/20260102150405_f.sql",
		"R__views db/migrations/R__views.sql",
	})
	path := filepath.Join(t.TempDir(), "app.db")
	must(t, with(t, path, set))
	want(t, rows(t, path, "SELECT version, down_sql FROM migratingsqlite_history WHERE down_sql IS NOT NULL ORDER BY version"),
		[]string{`0 DROP VIEW IF EXISTS "v";`, "2 DROP TABLE b", "3 DROP TABLE c"}) // what a repeatable one makes is in the way of going back
	want(t, rows(t, path, "SELECT metadata ->> 'metadata_yaml' FROM migratingsqlite_history WHERE version = 3"), []string{"author: ada"})
}

func TestSetsAreIdentifiedByWhatTheyDo(t *testing.T) {
	a := app(t, "0001_a.sql", "CREATE TABLE a(x)", "0002_b.sql", "CREATE TABLE b(x)")
	same := app(t, "0001_renamed.sql", "\uFEFFCREATE TABLE a(x)", "2_b.sql", "CREATE TABLE b(x)")
	want(t, a.Digest(), same.Digest())
	// printf 'CREATE TABLE a(x)' | sha256sum
	want(t, a.Migrations()[0].Checksum, "sha256:b8c2f006b34c22121aed2ce43713f43570cb14a457a16aa788e6308e8522e093")
	for _, other := range []*migratingsqlite.Set{
		app(t, "0001_a.sql", "CREATE TABLE a(x)"),
		app(t, "0001_a.sql", "CREATE TABLE a(x)", "0003_b.sql", "CREATE TABLE b(x)"),
		app(t, "0001_a.sql", "CREATE TABLE a(y)", "0002_b.sql", "CREATE TABLE b(x)"),
	} {
		if other.Digest() == a.Digest() {
			t.Error("two different sets have one digest")
		}
	}
}

// A migration that makes every table STRICT through writable_schema must not
// make the file unreadable.
func TestStrictEverythingMigrationLeavesTheBooksReadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	texts := []string{"0001_a.sql", "CREATE TABLE a(x TEXT)"}
	must(t, with(t, path, app(t, texts...)))
	texts = append(texts, "0002_strict.sql", `PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = sql || ' STRICT' WHERE type = 'table' AND name NOT LIKE 'sqlite_%';
PRAGMA writable_schema = RESET;`)
	must(t, with(t, path, app(t, texts...)))
	must(t, with(t, path, app(t, append(texts, "0003_b.sql", "CREATE TABLE b(x)")...)))
	want(t, rows(t, path, "PRAGMA integrity_check"), []string{"ok"})
}

func TestWrapConnector(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	set := app(t, "0001_a.sql", "CREATE TABLE a(x)", "0002_b.sql", "INSERT INTO a VALUES (1)")
	for _, dsn := range []string{path, ":memory:"} {
		base, err := sqlite.NewConnector(dsn)
		must(t, err)
		closed := false
		for _, base := range []driver.Connector{base, minimal{base, &closed}} {
			c, err := migratingsqlite.WrapConnector(base, migratingsqlite.WithSet(set))
			must(t, err)
			db := sql.OpenDB(c)
			for range 2 {
				conn, err := db.Conn(context.Background())
				must(t, err)
				defer conn.Close()
				var n int
				must(t, conn.QueryRowContext(context.Background(), "SELECT count(*) FROM a").Scan(&n))
				want(t, n, 1)
			}
			if db.Driver() != base.Driver() {
				t.Error("the driver is not the wrapped one")
			}
			must(t, db.Close())
		}
		if !closed {
			t.Error("a connector that can be closed was not")
		}
	}
}

// minimal is a connector to a driver with as few interfaces as can be.
type minimal struct {
	driver.Connector
	closed *bool
}

func (m minimal) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := m.Connector.Connect(ctx)
	return minimalConn{c}, err
}

func (m minimal) Close() error { *m.closed = true; return nil }

type minimalConn struct{ c driver.Conn }

func (m minimalConn) Prepare(q string) (driver.Stmt, error) {
	s, err := m.c.Prepare(q)
	if err != nil {
		return nil, err
	}
	return minimalStmt{s}, nil
}
func (m minimalConn) Close() error              { return m.c.Close() }
func (m minimalConn) Begin() (driver.Tx, error) { return nil, errors.New("not here") }

type minimalStmt struct{ s driver.Stmt }

func (m minimalStmt) Close() error  { return m.s.Close() }
func (m minimalStmt) NumInput() int { return m.s.NumInput() }
func (m minimalStmt) Exec(args []driver.Value) (driver.Result, error) {
	//lint:ignore SA1019 the point of it
	return m.s.Exec(args)
}
func (m minimalStmt) Query(args []driver.Value) (driver.Rows, error) {
	//lint:ignore SA1019 the point of it
	return m.s.Query(args)
}

// modernc.org/sqlite works only with the very version of modernc.org/libc that
// its go.mod names. https://pkg.go.dev/modernc.org/sqlite#hdr-Fragile_modernc_org_libc_dependency
func TestLibcIsTheVersionThatSQLiteNames(t *testing.T) {
	list := func(format, module string) string {
		out, err := exec.Command("go", "list", "-m", "-f", format, module).Output()
		must(t, err)
		return strings.TrimSpace(string(out))
	}
	gomod, err := os.ReadFile(list("{{.GoMod}}", "modernc.org/sqlite"))
	must(t, err)
	ours := list("{{.Version}}", "modernc.org/libc")
	if !slices.Contains(strings.Fields(string(gomod)), ours) || !strings.Contains(string(gomod), "modernc.org/libc "+ours) {
		t.Errorf("modernc.org/libc is %s, which is not what modernc.org/sqlite wants:\n%s", ours, gomod)
	}
}

// Who imports the package links modernc.org/sqlite, the OpenTelemetry API and
// otelsql, and what these need.
func TestThePackageStaysLight(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	must(t, err)
	for _, module := range slices.Compact(slices.Sorted(slices.Values(strings.Fields(string(out))))) {
		if !slices.ContainsFunc([]string{"github.com/migratingsqlite/", "modernc.org/", "github.com/XSAM/otelsql", "go.opentelemetry.io/otel",
			"golang.org/x/sys", "github.com/dustin/go-humanize", "github.com/google/uuid", "github.com/mattn/go-isatty", "github.com/ncruces/go-strftime",
			"github.com/remyoudompheng/bigfft", "github.com/go-logr/", "github.com/cespare/xxhash", "go.opentelemetry.io/auto/sdk"},
			func(prefix string) bool { return strings.HasPrefix(module, prefix) }) ||
			strings.Contains(module, "otel/sdk") || strings.Contains(module, "exporters") {
			t.Errorf("%s is linked", module)
		}
	}
}

// A digest that is merely out of date is put right when that is easy, and
// nobody waits for it or is refused because of it.
func TestOutdatedDigestStopsNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	texts := []string{"0001_a.sql", "CREATE TABLE a(x)"}
	must(t, with(t, path, app(t, append(texts, "R__v.sql", "CREATE VIEW v AS SELECT 1")...)))
	gone := app(t, texts...) // the repeatable migration was taken out
	must(t, with(t, "file:"+path+"?mode=ro", gone))
	must(t, with(t, path+"?_query_only=1", gone))
	other := plain(t, path)
	other.SetMaxOpenConns(1)
	_, err := other.Exec("BEGIN IMMEDIATE")
	must(t, err)
	must(t, with(t, path, gone))
	other.Close()
	digest := "SELECT digest FROM migratingsqlite_state WHERE set_name = 'app'"
	if rows(t, path, digest)[0] == gone.Digest() {
		t.Error("the digest was written under another connection's lock")
	}
	must(t, with(t, path, gone))
	want(t, rows(t, path, digest), []string{gone.Digest()})
}
