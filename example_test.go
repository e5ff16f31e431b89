package migratingsqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"

	"github.com/migratingsqlite/migratingsqlite"
	"modernc.org/sqlite"
)

// In the folder are 0001_users.sql, which creates a table with ada and bob in
// it, and 0002_prefs.sql, which adds a column. An init function, as programs
// have them, makes them known.
//
//go:embed testdata/example
var exampleFiles embed.FS

func init() {
	migratingsqlite.Register("example", exampleFiles)
	migratingsqlite.Register("exampledir", exampleFiles, migratingsqlite.Dir("testdata/example"))
}

// All that a program needs is this and, in an init function,
//
//	migratingsqlite.Register("example", files) // files is an embed.FS
//
// The DSN says _migrate_set=… only where a program has several sets.
func Example() {
	db, err := sql.Open("migratingsqlite", ":memory:?_migrate_set=example")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	var name, prefs string
	if err := db.QueryRow("SELECT name, prefs FROM users WHERE id = 1").Scan(&name, &prefs); err != nil {
		log.Fatal(err)
	}
	fmt.Println(name, prefs)
	// Output: ada {}
}

// Where the files lie deeper, or several folders hold migrations, say which:
//
//	migratingsqlite.Register("exampledir", files, migratingsqlite.Dir("testdata/example"))
func ExampleRegister() {
	db, err := sql.Open("migratingsqlite", ":memory:?_migrate_set=exampledir")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	var n int
	if err := db.QueryRow("SELECT count(*) FROM users").Scan(&n); err != nil {
		log.Fatal(err)
	}
	fmt.Println(n, "users")
	// Output: 2 users
}

// A program that wants no globals loads its set and makes its connector.
func ExampleLoad() {
	set, err := migratingsqlite.Load("example", exampleFiles)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range set.Migrations() {
		fmt.Println(m, m.File, "compatible:", m.Compatible())
	}

	connector, err := migratingsqlite.NewConnector(":memory:", migratingsqlite.WithSet(set))
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()

	var n int
	if err := db.QueryRow("SELECT count(*) FROM users").Scan(&n); err != nil {
		log.Fatal(err)
	}
	fmt.Println(n, "users")
	// Output:
	// 0001_users testdata/example/0001_users.sql compatible: true
	// 0002_prefs testdata/example/0002_prefs.sql compatible: true
	// 2 users
}

// What is wrong with a set is said when it is loaded, all of it at once.
func ExampleLoad_malformed() {
	_, err := migratingsqlite.Load("example", fstest.MapFS{
		"0001_users.sql": {Data: []byte("CREATE TABLE users (name TEXT);\nCOMMIT;\n")},
		"0002_bob.sql":   {Data: []byte("INSERT INTO users VALUES ('bob);\n")},
	})
	fmt.Println(errors.Is(err, migratingsqlite.ErrMalformed))
	fmt.Println(err)
	// Output:
	// true
	// set example: migration 0001_users is refused at 0001_users.sql:2:1: COMMIT does not belong in a migration; delete it: the driver begins and ends transactions itself
	// migration 0002_bob is refused at 0002_bob.sql:1:27: this string is never closed: add a ' (a ' inside a string is written '')
}

// A migration in Go stands between SQL files by its version.
func ExampleFunc() {
	title := func(ctx context.Context, tx migratingsqlite.Tx) error {
		var name string
		if err := tx.QueryRowContext(ctx, "SELECT name FROM users WHERE id = 1").Scan(&name); err != nil {
			return err
		}
		name = strings.ToUpper(name[:1]) + name[1:]
		_, err := tx.ExecContext(ctx, "UPDATE users SET name = ? WHERE id = 1", name)
		return err
	}
	set, err := migratingsqlite.Load("example", exampleFiles, migratingsqlite.Func(3, "title", title, nil))
	if err != nil {
		log.Fatal(err)
	}
	connector, err := migratingsqlite.NewConnector(":memory:", migratingsqlite.WithSet(set))
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()

	var name string
	if err := db.QueryRow("SELECT name FROM users WHERE id = 1").Scan(&name); err != nil {
		log.Fatal(err)
	}
	fmt.Println(name)
	// Output: Ada
}

// withPragmas sets up every connection.
type withPragmas struct{ driver.Connector }

func (c withPragmas) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, "PRAGMA cache_size = -4096", nil); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// The gate stands before any connector whose driver speaks SQLite's dialect:
// another package's, or one of your own around it, like withPragmas here.
func ExampleWrapConnector() {
	base, err := sqlite.NewConnector(":memory:")
	if err != nil {
		log.Fatal(err)
	}
	set, err := migratingsqlite.Load("example", exampleFiles)
	if err != nil {
		log.Fatal(err)
	}
	connector, err := migratingsqlite.WrapConnector(withPragmas{base}, migratingsqlite.WithSet(set))
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()

	var users, cache int
	if err := db.QueryRow("SELECT count(*), cache_size FROM users, pragma_cache_size").Scan(&users, &cache); err != nil {
		log.Fatal(err)
	}
	fmt.Println(users, "users, cache_size", cache)
	// Output: 2 users, cache_size -4096
}

// A Migrator is for tools and tests; programs just open the database.
func ExampleMigrator() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	migrator, err := migratingsqlite.NewMigrator(filepath.Join(dir, "app.db") + "?_migrate_set=example")
	if err != nil {
		log.Fatal(err)
	}
	defer migrator.Close()
	ctx := context.Background()

	plan, err := migrator.Plan(ctx) // writes nothing
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range plan.Sets {
		fmt.Println("plan:", s.Set, "from", s.Version, "to", s.Target, s.Pending, plan.Err)
	}

	result, err := migrator.Up(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range result.Applied {
		fmt.Println("applied:", a.Migration, "statements", a.Statements, "rows", a.RowsAffected)
	}

	status, err := migrator.Status(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range status {
		for _, m := range s.Migrations {
			fmt.Println("status:", s.Set, m.Version, m.Name, m.State)
		}
	}
	// Output:
	// plan: example from 0 to 2 [0001_users 0002_prefs] <nil>
	// applied: 0001_users statements 2 rows 2
	// applied: 0002_prefs statements 1 rows 0
	// status: example 1 users applied
	// status: example 2 prefs applied
}

// Going back is for tools: the plan says what would be undone, and by which script.
func ExampleMigrator_Down() {
	set, err := migratingsqlite.Load("example", fstest.MapFS{
		"0001_users.up.sql":   {Data: []byte("CREATE TABLE users (name TEXT)")},
		"0001_users.down.sql": {Data: []byte("DROP TABLE users")},
		"0002_prefs.up.sql":   {Data: []byte("ALTER TABLE users ADD COLUMN prefs TEXT")},
		"0002_prefs.down.sql": {Data: []byte("ALTER TABLE users DROP COLUMN prefs")},
	})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	migrator, err := migratingsqlite.NewMigrator(filepath.Join(dir, "app.db"), migratingsqlite.WithSet(set))
	if err != nil {
		log.Fatal(err)
	}
	defer migrator.Close()
	ctx := context.Background()
	if _, err := migrator.Up(ctx); err != nil {
		log.Fatal(err)
	}

	plan, err := migrator.PlanDown(ctx, 1) // writes nothing
	if err != nil {
		log.Fatal(err) // errors.Is(err, migratingsqlite.ErrNoDown): a down script is missing
	}
	for _, s := range plan.Steps {
		fmt.Printf("plan: %d %s by %q\n", s.Version, s.Name, s.SQL)
	}

	result, err := migrator.Down(ctx, plan) // this, or nothing
	if err != nil {
		log.Fatal(err)
	}
	for _, u := range result.Undone {
		fmt.Println("undone:", u.Migration)
	}

	records, err := migrator.History(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range records {
		fmt.Println("history:", r.Version, r.Name, r.Status)
	}
	// Output:
	// plan: 2 prefs by "ALTER TABLE users DROP COLUMN prefs"
	// undone: 0002_prefs
	// history: 1 users applied
	// history: 2 prefs rolled_back
}

// With _migrate=check a program never writes: it fails when it would have to.
func Example_check() {
	db, err := sql.Open("migratingsqlite", ":memory:?_migrate_set=example&_migrate=check")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	err = db.Ping()
	fmt.Println(errors.Is(err, migratingsqlite.ErrPending))
	// Output: true
}

// A migration that fails changes nothing, and says where it failed.
func ExampleMigrationError() {
	set, err := migratingsqlite.Load("example", fstest.MapFS{
		"0001_users.sql": {Data: []byte("CREATE TABLE users (name TEXT);")},
		"0002_prefs.sql": {Data: []byte("ALTER TABLE users ADD COLUMN prefs TEXT;\n  ALTER TABLE users ADD COLUMN prefs TEXT;")},
	})
	if err != nil {
		log.Fatal(err)
	}
	connector, err := migratingsqlite.NewConnector(":memory:", migratingsqlite.WithSet(set))
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()

	err = db.Ping()
	var failed *migratingsqlite.MigrationError
	if errors.As(err, &failed) {
		fmt.Println(failed.Version, failed.Name, failed.File, failed.Line, failed.Column)
		fmt.Println(failed.Statement)
	}
	fmt.Println(err)
	// Output:
	// 2 prefs 0002_prefs.sql 2 3
	// ALTER TABLE users ADD COLUMN prefs TEXT;
	// migratingsqlite: :memory:: migration 0002_prefs failed at 0002_prefs.sql:2:3: duplicate column name: prefs; the database is unchanged, still empty
}
