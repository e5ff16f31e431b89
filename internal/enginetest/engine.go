// Package enginetest is the specification of the driver's behaviour: one suite
// that every database engine passes, through the driver's public functions. An
// engine's own test is a constructor, a list of what the engine lacks, and one
// call of [Exercise].
//
// What the driver has done is looked at through the engine's own library, past
// the driver.
package enginetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// An Engine is a kind of databases that the driver opens.
type Engine struct {
	// New returns a database that nobody has used yet.
	New func(testing.TB) Database
	// ConnType is the type of what the driver hands out.
	ConnType string
	// ForeignKeys are parameters for a DSN, and whether the connections that are
	// handed out then enforce foreign keys.
	ForeignKeys map[string]bool
	// Patient is a parameter that lets connections wait for each other.
	Patient string
	// Memory is the DSN of a database in memory, a new one in every connection; ""
	// where there is no such thing.
	Memory string
	// Limits are what the engine lacks.
	Limits Limits
}

// A Database is one database of an [Engine].
type Database struct {
	DSN       string
	Namespace string // what errors and telemetry call it
	// Elsewhere is a DSN of the same database for another computer, if that is not
	// the same.
	Elsewhere func() string
	// Open opens the database with the engine's own library.
	Open func() (*sql.DB, error)
	// Touched reports whether anybody has opened the database, without opening it.
	Touched func() bool
	// Created reports whether there is anything of it.
	Created func() bool
}

// File is a [Database] in a file of its own.
func File(t testing.TB, scheme, plainDriver string) Database {
	path := filepath.Join(t.TempDir(), "app.db")
	there := func() bool {
		left, err := filepath.Glob(path + "*")
		return err != nil || len(left) > 0
	}
	return Database{
		DSN: scheme + path, Namespace: path,
		Open:    func() (*sql.DB, error) { return sql.Open(plainDriver, "file:"+path) },
		Touched: there, Created: there,
	}
}

// Limits says of every [Feature] that an engine lacks what its refusal says or,
// where there is none, why it is so. The suite checks that the engine does lack
// it, but for [Interrupt].
type Limits map[Feature]string

// A Feature is something that the suite has to know about an engine.
type Feature string

// The features that are not statements. For those see statements.go.
const (
	// OneTransaction: an upgrade is one transaction, unless a migration says
	// otherwise. Without it every migration is one, and those before one that
	// fails stay.
	OneTransaction Feature = "an upgrade in one transaction"
	// FunctionsReadTimes: a migration in Go reads a column of type DATETIME as a
	// time.Time. Without it, as the text that it is.
	FunctionsReadTimes Feature = "times in Go migrations"
	// Interrupt: a statement stops when its context ends. Without it, it goes on
	// by itself.
	Interrupt Feature = "statements that stop with their context"
	// Infinity: a number may be infinite.
	Infinity Feature = "infinite numbers"
	// ForeignKeyRows: a foreign key that was broken by as many rows before as
	// after a migration, but not by the same ones, refuses it.
	ForeignKeyRows Feature = "foreign keys compared by rows"
	// ForeignKeyMismatch: the other foreign keys are checked even where there is
	// one that cannot be, since its parent lacks a unique index.
	ForeignKeyMismatch Feature = "foreign keys beside a mismatch"
	// RowsInHistory: the history says how many rows a script has affected.
	RowsInHistory Feature = "rows_affected in the history"
)

// A world is what one scenario has to itself.
type world struct {
	testing.TB
	Engine
	Database
	plain *sql.DB // by Open
}

// scenarios are the suite.
var scenarios = slices.Concat(upgradeScenarios, refusalScenarios, failureScenarios, foreignKeyScenarios,
	functionScenarios, stepScenarios, undoScenarios, backupScenarios, statementScenarios, telemetryScenarios, poolScenarios)

// A scenario is one behaviour that every engine has. Its test is named after it.
type scenario struct {
	name string
	run  func(*world)
}

// Exercise runs the suite. The scenarios run one after the other: they set the
// global tracer provider.
func Exercise(t *testing.T, e Engine) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { s.run(newWorld(t, e)) })
	}
}

func newWorld(t testing.TB, e Engine) *world { return &world{TB: t, Engine: e, Database: e.New(t)} }

// another is a world with a new database.
func (w *world) another() *world { return newWorld(w.TB, w.Engine) }

// elsewhere is the world of a program on another computer.
func (w *world) elsewhere() *world {
	other := *w
	if w.Elsewhere != nil {
		other.DSN = w.Elsewhere()
	}
	return &other
}

// each runs a scenario for every case, each with a database of its own.
func each[T any](name func(T) string, cases []T, run func(*world, T)) func(*world) {
	return func(w *world) {
		for _, c := range cases {
			w.TB.(*testing.T).Run(name(c), func(t *testing.T) { run(newWorld(t, w.Engine), c) })
		}
	}
}

// has reports whether the engine has a feature.
func (w *world) has(f Feature) bool {
	_, lacks := w.Limits[f]
	return !lacks
}

// dsn is the database's with parameters.
func (w *world) dsn(params string) string { return withParams(w.DSN, params) }

func withParams(dsn, params string) string {
	params = strings.Trim(params, "&")
	switch {
	case params == "":
		return dsn
	case strings.Contains(dsn, "?"):
		return dsn + "&" + params
	}
	return dsn + "?" + params
}

// open opens the database with the driver. It is closed when the test ends.
func (w *world) open(set *migratingsqlite.Set, params string, opts ...migratingsqlite.Option) *sql.DB {
	w.Helper()
	opts = append([]migratingsqlite.Option{migratingsqlite.WithLogger(slog.New(slog.DiscardHandler))}, opts...)
	if set != nil {
		opts = append(opts, migratingsqlite.WithSet(set))
	}
	c, err := migratingsqlite.NewConnector(w.dsn(params), opts...)
	if err != nil {
		w.Fatal(err)
	}
	db := sql.OpenDB(c)
	w.Cleanup(func() { db.Close() })
	return db
}

// up opens the database, connects once and closes it.
func (w *world) up(set *migratingsqlite.Set, opts ...migratingsqlite.Option) error {
	w.Helper()
	return w.upWith(set, "", opts...)
}

func (w *world) upWith(set *migratingsqlite.Set, params string, opts ...migratingsqlite.Option) error {
	w.Helper()
	db := w.open(set, params, opts...)
	defer db.Close()
	return db.Ping()
}

// past runs f with a connection that is not the driver's.
func (w *world) past(f func(*sql.Conn)) {
	w.Helper()
	if w.plain == nil {
		var err error
		if w.plain, err = w.Open(); err != nil {
			w.Fatal(err)
		}
		w.Cleanup(func() { w.plain.Close() })
	}
	conn, err := w.plain.Conn(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close()
	f(conn)
}

// rows runs a query past the driver and returns each row as one string.
func (w *world) rows(query string) (list []string) {
	w.Helper()
	w.past(func(c *sql.Conn) {
		w.Helper()
		var err error
		if list, err = insist(c, query); err != nil {
			w.Fatalf("%s: %v", query, err)
		}
	})
	return list
}

// change runs statements past the driver, as queries: go-libsql minds rows
// otherwise.
func (w *world) change(statements ...string) {
	w.Helper()
	w.past(func(c *sql.Conn) {
		w.Helper()
		for _, s := range statements {
			if _, err := insist(c, s); err != nil {
				w.Fatalf("%s: %v", s, err)
			}
		}
	})
}

// holdingTheLock runs f while the write lock is another connection's.
func (w *world) holdingTheLock(f func()) {
	w.Helper()
	w.past(func(c *sql.Conn) {
		w.Helper()
		if _, err := insist(c, "BEGIN IMMEDIATE"); err != nil {
			w.Fatal(err)
		}
		defer func() {
			if _, err := rowsOf(c, "ROLLBACK"); err != nil {
				w.Error(err)
			}
		}()
		f()
	})
}

func rowsOf(db engine.Queryer, query string) (list []string, err error) {
	rows, err := engine.Rows(context.Background(), db, query)
	for _, row := range rows {
		texts := make([]string, len(row))
		for i, v := range row {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			texts[i] = fmt.Sprint(v)
		}
		list = append(list, strings.Join(texts, "|"))
	}
	return list, err
}

// insist is rowsOf that waits for a lock: go-libsql closes connections in the
// background, and waits for no lock itself.
func insist(db engine.Queryer, query string) (list []string, err error) {
	for range 100 {
		list, err = rowsOf(db, query)
		if err == nil || !strings.Contains(err.Error(), "database is locked") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return list, err
}

// dump is all that is in the database.
func (w *world) dump() (all []string) {
	w.Helper()
	if !w.Created() {
		return nil
	}
	w.past(func(c *sql.Conn) {
		w.Helper()
		ask := func(query string) []string {
			w.Helper()
			list, err := insist(c, query)
			if err != nil {
				w.Fatalf("%s: %v", query, err)
			}
			return list
		}
		all = ask("SELECT type, name, sql FROM sqlite_schema ORDER BY name")
		for _, name := range ask("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
			all = append(all, name+":")
			all = append(all, ask(`SELECT * FROM "`+name+`"`)...)
		}
	})
	return all
}

// unchanged checks that f leaves the database as it is, and its lock free.
func (w *world) unchanged(f func()) {
	w.Helper()
	before := w.dump()
	f()
	want(w, w.dump(), before)
	if w.Created() {
		w.holdingTheLock(func() {})
	}
}

// history is a set's history without what differs from run to run.
func (w *world) history() []string {
	w.Helper()
	return w.rows("SELECT set_name, version, name, status FROM migratingsqlite_history WHERE set_name <> 'migratingsqlite' ORDER BY set_name, version, name")
}

// isUpToDate checks what the database says of itself after an upgrade to the
// newest version of a set.
func (w *world) isUpToDate(set *migratingsqlite.Set) {
	w.Helper()
	newest := int64(0)
	for _, m := range set.Migrations() {
		newest = max(newest, m.Version)
	}
	want(w, w.rows("SELECT version, digest FROM migratingsqlite_state WHERE set_name = '"+set.Name()+"'"), []string{fmt.Sprintf("%d|%s", newest, set.Digest())})
	w.leaseIsFree()
}

func (w *world) leaseIsFree() {
	w.Helper()
	want(w, w.rows("SELECT owner, expires_at, set_name, statement FROM migratingsqlite_lease WHERE julianday(expires_at) > julianday('now') OR statement + rows_affected > 0"), nil)
}

// number is the one number of a query past the driver.
func (w *world) number(query string) string {
	w.Helper()
	return strings.Join(w.rows(query), "\n")
}

// registrations makes the names of sets different from each other.
var registrations atomic.Int64

// registered registers a set and returns its name.
func registered(namesAndTexts ...string) string {
	name := fmt.Sprintf("enginetest%d", registrations.Add(1))
	migratingsqlite.Register(name, files(namesAndTexts...))
	return name
}

// openRegistered opens the database as a program does.
func (w *world) openRegistered(set string) (*sql.DB, error) {
	return sql.Open("migratingsqlite", w.dsn("_migrate_set="+set))
}

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

// and adds files to a list of names and texts.
func and(list []string, more ...string) []string { return append(slices.Clone(list), more...) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
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
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %v", err)
	}
}

// eventually waits until f holds.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("not in time: %s\n%s", what, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// pause gives others time to get to where they have to wait.
func pause() { time.Sleep(100 * time.Millisecond) }

// quick checks that f does not take long.
func quick(t testing.TB, limit time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > limit {
		t.Errorf("took %s, which is more than %s", took, limit)
	}
}
