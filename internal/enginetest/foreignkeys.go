package enginetest

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite"
)

var foreignKeyScenarios = []scenario{
	{"ATableRebuildLosesNoChildRow", tableRebuildLosesNoChildRow},
	{"ATableRebuildThatFailsHalfway", tableRebuildThatFailsHalfway},
	{"ANewForeignKeyViolation", newViolation},
	{"OldForeignKeyViolationsDoNotBlock", each(func(o oldViolation) string { return o.name }, oldViolations, oldViolationsDoNotBlock)},
}

const (
	family = `CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE);
INSERT INTO parent (name) VALUES ('a'), ('b'), ('c');
INSERT INTO child (parent_id) VALUES (1), (1), (2), (3), (3);`
	rebuildParent = `CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT);
INSERT INTO parent_new (id, name) SELECT id, name FROM parent;
DROP TABLE parent;
ALTER TABLE parent_new RENAME TO parent;`
)

// perParams runs f for every way in which the engine has foreign keys.
func (w *world) perParams(f func(w *world, params string, enforced bool)) {
	for _, params := range slices.Sorted(maps.Keys(w.ForeignKeys)) {
		f(w.another(), params, w.ForeignKeys[params])
	}
}

// enforces checks how a connection that was handed out treats foreign keys.
func enforces(w *world, db *sql.DB, enforced bool) {
	w.Helper()
	var on bool
	must(w, db.QueryRow("PRAGMA foreign_keys").Scan(&on))
	want(w, on, enforced)
	_, err := db.Exec("INSERT INTO child (id, parent_id) VALUES (100, 4711)")
	want(w, err != nil, enforced)
	if err == nil {
		_, err = db.Exec("DELETE FROM child WHERE id = 100")
		must(w, err)
	}
}

func tableRebuildLosesNoChildRow(w *world) {
	w.perParams(func(w *world, params string, enforced bool) {
		enforces(w, w.open(app(w, "0001_family.sql", family), params), enforced)
		db := w.open(app(w, "0001_family.sql", family, "0002_rebuild.sql", rebuildParent), params)
		enforces(w, db, enforced)
		want(w, w.rows("SELECT parent_id, count(*) FROM child GROUP BY 1 ORDER BY 1"), []string{"1|2", "2|1", "3|2"})
		want(w, w.rows("SELECT id, name, note FROM parent ORDER BY 1"), []string{"1|a|<nil>", "2|b|<nil>", "3|c|<nil>"})
		_, err := db.Exec("DELETE FROM parent WHERE id = 1")
		must(w, err)
		want(w, w.number("SELECT count(*) FROM child") == "3", enforced) // ON DELETE CASCADE

		// The same in a function, and on a new database.
		w = w.another()
		db = w.open(load(w, "app", files("0001_family.sql", family), migratingsqlite.Func(2, "rebuild", func(ctx context.Context, tx migratingsqlite.Tx) error {
			_, err := tx.ExecContext(ctx, rebuildParent)
			return err
		}, nil)), params)
		enforces(w, db, enforced)
		want(w, w.number("SELECT count(*) FROM child"), "5")
	})
}

func tableRebuildThatFailsHalfway(w *world) {
	w.perParams(func(w *world, params string, enforced bool) {
		must(w, w.upWith(app(w, "0001_family.sql", family), params))
		wantError(w, w.upWith(app(w, "0001_family.sql", family, "0002_rebuild.sql", rebuildParent+"\nINSERT INTO nowhere VALUES (1)"), params), nil,
			"0002_rebuild.sql:5:1: no such table: nowhere", "unchanged, at version 1")
		want(w, w.rows("SELECT count(*), count(DISTINCT parent_id) FROM child"), []string{"5|3"})
		want(w, w.rows("SELECT * FROM parent ORDER BY 1"), []string{"1|a", "2|b", "3|c"})
		enforces(w, w.open(app(w, "0001_family.sql", family, "0002_rebuild.sql", rebuildParent), params), enforced)
	})
}

func newViolation(w *world) {
	w.perParams(func(w *world, params string, enforced bool) {
		first := []string{"0001_family.sql", family}
		must(w, w.upWith(app(w, first...), params))
		orphan := func(ctx context.Context, tx migratingsqlite.Tx) error {
			_, err := tx.ExecContext(ctx, "DELETE FROM parent WHERE id = 3")
			return err
		}
		words := []string{"it leaves rows that break a foreign key", "table child", "no such row in parent (2 ", "repair these rows", "the database is unchanged, at version 1"}
		for _, set := range []*migratingsqlite.Set{
			app(w, and(first, "0002_orphan.sql", "DELETE FROM parent WHERE id = 3;")...),
			load(w, "app", files(first...), migratingsqlite.Func(2, "orphan", orphan, nil)),
		} {
			wantError(w, w.upWith(set, params), nil, append(words, "migration 0002_orphan failed")...)
			want(w, w.rows("SELECT count(*) FROM parent"), []string{"3"})
			want(w, w.history(), []string{"app|1|family|applied", "app|2|orphan|failed"})
			w.leaseIsFree()
		}
		set := app(w, and(first, "0002_orphan.sql", "DELETE FROM parent WHERE id = 3; DELETE FROM child WHERE parent_id = 3")...)
		must(w, w.upWith(set, params))
		w.isUpToDate(set)
	})
	wantError(w, w.up(app(w, "0001_family.sql", family+"DELETE FROM parent")), nil, "0001_family", "table child", "foreign key")
	want(w, w.number("SELECT count(*) FROM sqlite_schema WHERE name = 'child'"), "0")
}

type oldViolation struct{ name, before, script string }

const orphans = "INSERT INTO child (id, parent_id) VALUES (50, 98), (70, 99), (71, 99);"

var oldViolations = []oldViolation{
	{"nothing to do with it", orphans, "UPDATE parent SET name = 'z'"},
	{"another row", orphans, "INSERT INTO child (parent_id) VALUES (1)"},
	{"rebuild of the parent", orphans, rebuildParent},
	{"rebuild of the child", orphans, `CREATE TABLE child_new (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE);
INSERT INTO child_new (parent_id) SELECT parent_id FROM child ORDER BY id DESC;
DROP TABLE child; ALTER TABLE child_new RENAME TO child;`},
	{"a key that cannot be checked", orphans + "CREATE TABLE odd (name REFERENCES parent (name)); INSERT INTO odd VALUES ('a'), ('q');", rebuildParent + "INSERT INTO odd VALUES ('r');"},
}

func oldViolationsDoNotBlock(w *world, o oldViolation) {
	w.perParams(func(w *world, params string, enforced bool) {
		must(w, w.upWith(app(w, "0001_family.sql", family), params))
		w.past(func(c *sql.Conn) {
			for _, s := range append([]string{"PRAGMA foreign_keys = OFF"}, strings.Split(strings.TrimSuffix(o.before, ";"), ";")...) {
				if _, err := rowsOf(c, s); err != nil {
					w.Fatal(s, err)
				}
			}
		})
		list := []string{"0001_family.sql", family, "0002_more.sql", o.script}
		must(w, w.upWith(app(w, list...), params))
		if strings.Contains(o.before, "odd") && !w.has(ForeignKeyMismatch) {
			must(w, w.upWith(app(w, and(list, "0003_new.sql", "INSERT INTO child (parent_id) VALUES (4711)")...), params))
			return
		}
		for _, script := range []string{"INSERT INTO child (parent_id) VALUES (4711)", "INSERT INTO child (parent_id) VALUES (99)"} { // a new one beside them
			wantError(w, w.upWith(app(w, and(list, "0003_new.sql", script)...), params), nil, "table child", "no such row in parent (1 ")
		}
		err := w.upWith(app(w, and(list, "0003_new.sql", "DELETE FROM child WHERE parent_id = 98; INSERT INTO child (parent_id) VALUES (4711)")...), params)
		if w.has(ForeignKeyRows) {
			wantError(w, err, nil, "table child", "no such row in parent (1 ")
		} else {
			must(w, err)
		}
	})
}
