package enginetest

import (
	"context"

	"github.com/migratingsqlite/migratingsqlite"
)

var refusalScenarios = []scenario{
	{"Refusals", each(func(r refusal) string { return r.name }, refusals, refuses)},
	{"Squashed", squashed},
	{"UnknownSchema", unknownSchema},
	{"Baseline", baseline},
	{"CheckCreatesNothing", checkCreatesNothing},
	{"Off", off},
	{"MalformedSet", malformedSet},
	{"LockedForTooLong", lockedForTooLong},
}

// A refusal is what an engine says to one program after another one. Nothing is
// written then.
type refusal struct {
	name          string
	first, second []string
	params        string
	kind          error // nil: it is none
	words         []string
}

var (
	one   = []string{"0001_a.sql", "CREATE TABLE a(x)"}
	three = and(one, "0003_c.sql", "CREATE TABLE c(x)")
)

var refusals = []refusal{
	{"edited", one, []string{"0001_a.sql", "CREATE TABLE a(x, y)"}, "", migratingsqlite.ErrChanged,
		[]string{"0001_a was edited after it had been applied", "put the text back as it was", "unchanged, at version 1"}},
	{"edited by a Windows checkout", []string{"0001_a.sql", "CREATE TABLE a(\nx)"}, []string{"0001_a.sql", "\uFEFFCREATE TABLE a(\r\nx)"}, "", nil, nil},
	{"renamed", one, []string{"0001_other_name.sql", "CREATE TABLE a(x)"}, "", nil, nil},
	{"missing", three, three[2:], "", migratingsqlite.ErrMissing, []string{"0001_a", "put the file back", "unchanged, at version 3"}},
	{"out of order", three, and(three, "0002_b.sql", "CREATE TABLE b(x)"), "", migratingsqlite.ErrOutOfOrder,
		[]string{"0002_b is pending although version 3 is applied already", "_migrate_out_of_order=true"}},
	{"newer, compatible", three, one, "", nil, nil},
	{"newer, compatible, refused", three, one, "_migrate_newer=refuse", migratingsqlite.ErrSchemaNewer,
		[]string{"at version 3", "knows versions up to 1", "start a newer program"}},
	{"newer, breaking", and(one, "0002_b.sql", "DROP TABLE a"), one, "", migratingsqlite.ErrSchemaNewer, []string{"0002_b", "not compatible", "start a newer program"}},
	{"newer, breaking, allowed", and(one, "0002_b.sql", "DROP TABLE a"), one, "_migrate_newer=allow", nil, nil},
	{"newer, breaking, said to be compatible", and(one, "0002_b.sql", "-- migratingsqlite: compatible\nDROP TABLE a"), one, "", nil, nil},
	{"newer, compatible, said to be breaking", and(one, "0002_b.sql", "-- migratingsqlite: breaking\nCREATE TABLE b(x)"), one, "",
		migratingsqlite.ErrSchemaNewer, nil},
	{"edited and out of order", three, []string{"0001_a.sql", "CREATE TABLE a(z)", "0002_b.sql", "CREATE TABLE b(x)", "0003_c.sql", "CREATE TABLE c(x)"}, "",
		migratingsqlite.ErrOutOfOrder, []string{"0001_a was edited", "; also, ", "0002_b is pending"}},
	{"check, pending", one, three, "_migrate=check", migratingsqlite.ErrPending,
		[]string{"migration 0003_c is pending, and _migrate=check forbids", "unchanged, at version 1"}},
	{"check, nothing pending", three, three, "_migrate=check", nil, nil},
}

func refuses(w *world, r refusal) {
	must(w, w.up(app(w, r.first...)))
	w.unchanged(func() {
		db := w.open(app(w, r.second...), r.params)
		for range 2 { // it must stay so
			if err := db.Ping(); r.kind == nil {
				must(w, err)
			} else {
				wantError(w, err, r.kind, append(r.words, w.Namespace)...)
			}
		}
		must(w, db.Close())
	})
}

// squashed opens a database that has some of what was squashed, and all of it.
func squashed(w *world) {
	old := and(one, "0002_b.sql", "CREATE TABLE b(x)")
	directive, err := app(w, old...).Squashed(2)
	must(w, err)
	set := app(w, "0002_all.sql", directive+"CREATE TABLE a(x); CREATE TABLE b(x)", "0003_c.sql", "CREATE TABLE c(x)")
	must(w, w.up(app(w, one...)))
	w.unchanged(func() {
		wantError(w, w.up(set), migratingsqlite.ErrMissing, "it is at version 1, and the versions 1 to 2 were squashed into 0002_all", "unchanged, at version 1")
	})
	must(w, w.up(app(w, old...)))
	for range 2 {
		must(w, w.up(set))
	}
	want(w, w.rows("SELECT version, name FROM migratingsqlite_history WHERE set_name = 'app' ORDER BY version"), []string{"1|a", "2|b", "3|c"})
}

func unknownSchema(w *world) {
	w.change("CREATE TABLE a(x, y)", "INSERT INTO a(x) VALUES (1)")
	set := app(w, "0001_a.sql", "CREATE TABLE a(x)", "0002_b.sql", "CREATE TABLE b(x)")
	w.unchanged(func() {
		wantError(w, w.up(set), migratingsqlite.ErrUnknownSchema, "tables (a)", "nearest to that of version 1, but table a has column y, which is not expected; put that right, or, if it does no harm, say _migrate_baseline=1", "newest is 2", "_migrate_baseline=none", "the database is unchanged")
	})
	wantError(w, w.upWith(set, "_migrate_baseline=none"), nil, "migration 0001_a failed at 0001_a.sql:1:1: table a already exists")
	// The failed attempt is recorded, which does not make the tables known.
	wantError(w, w.up(set), migratingsqlite.ErrUnknownSchema)
	w.leaseIsFree()
	w.change("DROP TABLE a")
	must(w, w.up(set))
	w.isUpToDate(set)
}

func baseline(w *world) {
	w.change("CREATE TABLE a(x)", "INSERT INTO a VALUES (1)")
	set := app(w, "0001_a.sql", "CREATE TABLE a(x)", "0002_b.sql", "CREATE TABLE b(x)", "0003_c.sql", "CREATE TABLE c(x)")
	must(w, w.upWith(set, "_migrate_baseline=1"))
	want(w, w.history(), []string{"app|1|a|baseline", "app|2|b|applied", "app|3|c|applied"})
	want(w, w.rows("SELECT x FROM a"), []string{"1"})
	w.isUpToDate(set)
	must(w, w.up(set)) // from now on it has a history

	w = w.another()
	w.change("CREATE TABLE a(x)", "CREATE TABLE b(x)", "CREATE TABLE c(x)")
	must(w, w.upWith(set, "_migrate_baseline=3")) // nothing is left to do
	want(w, w.history(), []string{"app|1|a|baseline", "app|2|b|baseline", "app|3|c|baseline"})
	w.isUpToDate(set)

	w = w.another()
	w.change("CREATE TABLE other(x)")
	must(w, w.upWith(set, "_migrate_baseline=none"))
	want(w, len(w.history()), 3)
	w.isUpToDate(set)
}

func checkCreatesNothing(w *world) {
	set := app(w, one...)
	for range 2 {
		wantError(w, w.upWith(set, "_migrate=check"), migratingsqlite.ErrPending, w.Namespace, "_migrate=check", "_migrate=on")
		if w.Created() {
			w.Fatal("something was created")
		}
	}
	must(w, w.up(set))
	must(w, w.upWith(set, "_migrate=check"))
}

func off(w *world) {
	must(w, w.upWith(app(w, one...), "_migrate=off"))
	db := w.open(nil, "_migrate=off")
	want(w, db.QueryRow("SELECT 1 FROM sqlite_schema").Scan(new(int)).Error(), "sql: no rows in result set")
	must(w, db.Close())
	must(w, w.up(app(w, one...)))
	w.unchanged(func() { must(w, w.upWith(app(w, three...), "_migrate=off")) })
}

// What is wrong with the files is known before any database is.
func malformedSet(w *world) {
	name := registered("0001_a.sql", "CREATE TABLE a (x);\n  COMMIT;\nCREATE TABLE b (x")
	for range 2 {
		db, err := w.openRegistered(name)
		if err == nil {
			db.Close()
		}
		wantError(w, err, migratingsqlite.ErrMalformed, "set "+name, "0001_a.sql:2:3: COMMIT does not belong in a migration; delete it")
	}
	if w.Touched() {
		w.Error("the database was opened")
	}
}

func lockedForTooLong(w *world) {
	must(w, w.up(app(w, one...)))
	set := app(w, three...)
	w.holdingTheLock(func() {
		db := w.open(set, "_migrate_timeout=300ms")
		wantError(w, db.Ping(), migratingsqlite.ErrLocked, "300ms", "_migrate_timeout", w.Namespace)
		want(w, w.history(), []string{"app|1|a|applied"})
		must(w, db.Close())
	})
	db := w.open(set, "")
	result := make(chan error)
	w.holdingTheLock(func() {
		go func() { result <- db.PingContext(context.Background()) }()
		pause()
	})
	must(w, <-result)
	w.isUpToDate(set)
}
