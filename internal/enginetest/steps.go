package enginetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

// A run of several transactions is the same everywhere.
var stepScenarios = []scenario{
	{"Batches", batches},
	{"BatchesThatAreCutOff", batchesThatAreCutOff},
	{"NoTransaction", noTransaction},
	{"ForeignKeysInSteps", foreignKeysInSteps},
	{"AGoMigrationAmongSteps", goMigrationAmongSteps},
	{"TheLeaseOfAnother", leaseOfAnother},
}

const (
	// 2000 rows whose names are to be put into lower case, 300 at a time.
	people = `CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, touched INTEGER NOT NULL DEFAULT 0);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO people (name) SELECT 'P' || i FROM n;`
	lowerInBatches = `-- migratingsqlite: batch
UPDATE people SET name = lower(name), touched = touched + 1 WHERE id IN (SELECT id FROM people WHERE name <> lower(name) LIMIT 300);
CREATE INDEX people_name ON people (name);`
	inPieces = `-- migratingsqlite: no-transaction
CREATE TABLE pieces (x);
INSERT INTO pieces VALUES (1);
INSERT INTO later VALUES (2);
INSERT INTO pieces VALUES (3);`
)

func batches(w *world) {
	set := app(w, "0001_people.sql", people, "0002_lower.sql", lowerInBatches, "0003_more.sql", "CREATE TABLE more(x)")
	must(w, w.up(set))
	want(w, w.rows("SELECT count(*), sum(touched), count(DISTINCT name), sum(name = lower(name)) FROM people"), []string{"2000|2000|2000|2000"})
	want(w, w.history(), []string{"app|1|people|applied", "app|2|lower|applied", "app|3|more|applied"})
	want(w, w.rows("SELECT metadata ->> 'statements', metadata ->> 'rows_affected' FROM migratingsqlite_history WHERE version = 2 AND set_name = 'app'"), []string{"2|2000"})
	w.isUpToDate(set)
	w.unchanged(func() { must(w, w.upWith(set, "_migrate=check")) })
}

func batchesThatAreCutOff(w *world) {
	one := []string{"0001_people.sql", people}
	must(w, w.up(app(w, one...)))
	set := app(w, and(one, "0002_lower.sql", lowerInBatches+"\nINSERT INTO nowhere SELECT 1 WHERE (SELECT count(*) FROM nowhere) < 3 LIMIT 1;")...)
	err := w.up(set)
	wantError(w, err, nil, "migration 0002_lower failed at 0002_lower.sql:4:1: no such table: nowhere", "the database is at version 1")
	want(w, w.rows("SELECT sum(touched) FROM people"), []string{"2000"})
	want(w, w.rows("SELECT expires_at, set_name, version, statement, rows_affected FROM migratingsqlite_lease"), []string{"|app|2|2|2000"})
	want(w, w.history(), []string{"app|1|people|applied", "app|2|lower|failed"})
	// Another text would do things twice, or not at all.
	w.unchanged(func() {
		wantError(w, w.up(app(w, and(one, "0002_lower.sql", lowerInBatches)...)), migratingsqlite.ErrChanged, "half done", "2 of its statements")
		wantError(w, w.upWith(set, "_migrate=check"), migratingsqlite.ErrPending)
	})
	w.change("CREATE TABLE nowhere (x)")
	must(w, w.up(set))
	want(w, w.rows("SELECT sum(touched), (SELECT count(*) FROM nowhere) FROM people"), []string{"2000|3"})
	want(w, w.history(), []string{"app|1|people|applied", "app|2|lower|applied"})
	w.isUpToDate(set)
}

func noTransaction(w *world) {
	must(w, w.up(app(w, one...)))
	list := and(one, "0002_pieces.sql", inPieces, "0003_more.sql", "CREATE TABLE more (x)", "R__v.sql", "CREATE VIEW IF NOT EXISTS v AS SELECT 1")
	set := app(w, list...)
	wantError(w, w.up(set), nil, "migration 0002_pieces failed at 0002_pieces.sql:4:1: no such table: later", "the database is at version 1")
	want(w, w.rows("SELECT x FROM pieces"), []string{"1"})
	w.change("CREATE TABLE later (x)")
	must(w, w.up(set)) // goes on where it was
	want(w, w.rows("SELECT x FROM pieces ORDER BY x"), []string{"1", "3"})
	want(w, w.rows("SELECT x FROM later"), []string{"2"})
	want(w, w.history(), []string{"app|0|v|applied", "app|1|a|applied", "app|2|pieces|applied", "app|3|more|applied"})
	w.isUpToDate(set)
	w.unchanged(func() { must(w, w.upWith(set, "_migrate=check")) })
}

func foreignKeysInSteps(w *world) {
	w.perParams(func(w *world, params string, enforced bool) {
		one := []string{"0001_family.sql", family}
		must(w, w.upWith(app(w, one...), params))
		w.change("PRAGMA foreign_keys = OFF", "INSERT INTO child (parent_id) VALUES (99)") // broken before
		two := and(one, "0002_steps.sql", "-- migratingsqlite: no-transaction\nCREATE TABLE a (x)")
		set := app(w, and(two, "0003_rebuild.sql", rebuildParent)...)
		enforces(w, w.open(set, params), enforced)
		want(w, w.rows("SELECT count(*) FROM child"), []string{"6"})
		wantError(w, w.upWith(app(w, and(two, "0003_rebuild.sql", rebuildParent, "0004_steps.sql", "-- migratingsqlite: no-transaction\nCREATE TABLE b (x)", "0005_delete.sql", "DELETE FROM parent WHERE id = 1")...), params), nil,
			"migration 0005_delete failed", "table child: no such row in parent (2 more than before)", "the database is at version 4")
		want(w, w.rows("SELECT count(*) FROM parent"), []string{"3"})
	})
}

func goMigrationAmongSteps(w *world) {
	fails := true
	set := with(w, []string{"0001_people.sql", people, "0002_lower.sql", lowerInBatches}, 3, "count", func(ctx context.Context, tx migratingsqlite.Tx) error {
		if _, err := tx.ExecContext(ctx, "CREATE TABLE counted AS SELECT count(*) AS n FROM people"); err != nil {
			return err
		}
		if fails {
			return errors.New("not today")
		}
		return nil
	})
	wantError(w, w.up(set), nil, "migration 0003_count failed: not today", "the database is at version 2")
	want(w, w.rows("SELECT count(*) FROM sqlite_schema WHERE name = 'counted'"), []string{"0"})
	fails = false
	must(w, w.up(set))
	want(w, w.rows("SELECT n FROM counted"), []string{"2000"})
	want(w, w.history(), []string{"app|1|people|applied", "app|2|lower|applied", "app|3|count|applied"})
	w.isUpToDate(set)
}

// Another run's lease keeps this one waiting, and an expired one does not.
func leaseOfAnother(w *world) {
	must(w, w.up(app(w, one...)))
	take := func(seconds string) {
		w.change("INSERT OR REPLACE INTO migratingsqlite_lease (id, owner, token, step, renewed_at, expires_at) VALUES (1, 'somebody', 'x', 7, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '" + seconds + " seconds'))")
	}
	list := one
	for i, script := range []string{"CREATE TABLE b(x)", "-- migratingsqlite: no-transaction\nCREATE TABLE c(x)"} {
		before := app(w, list...)
		list = and(list, fmt.Sprintf("%04d_more.sql", i+2), script)
		set := app(w, list...)
		take("+60")
		w.unchanged(func() {
			must(w, w.up(before)) // has nothing to do
			wantError(w, w.upWith(set, "_migrate_timeout=100ms"), migratingsqlite.ErrLocked, "somebody", "another connection is upgrading")
		})
		take("+0.5")
		start := time.Now()
		must(w, w.up(set))
		if waited := time.Since(start); waited < 300*time.Millisecond {
			w.Errorf("waited only %s", waited)
		}
		w.isUpToDate(set)
	}
}
