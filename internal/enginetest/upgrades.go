package enginetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

var upgradeScenarios = []scenario{
	{"TheFirstConnectionUpgrades", firstConnectionUpgrades},
	{"RegisteredSetsAreFoundByDSN", registeredSetsAreFoundByDSN},
	{"AnUpToDateDatabaseIsNotWrittenTo", upToDateDatabaseIsNotWrittenTo},
	{"FourConnectorsAtOnce", fourConnectorsAtOnce},
	{"AnUpgradeFromElsewhere", upgradeFromElsewhere},
	{"EveryConnectionInMemoryIsUpgraded", memory},
	{"ScriptsAreSplitAsSQLiteSplitsThem", scriptsAreSplit},
	{"ALongScript", longScript},
	{"ManyMigrations", manyMigrations},
	{"HistorySaysWhoDidWhatAndWhen", historySaysWhoDidWhatAndWhen},
	{"DownScriptsAndMetadataAreKept", downScriptsAreKept},
	{"RepeatableMigrationsFollowTheirText", repeatableMigrationsFollowTheirText},
	{"SeveralSetsInOneDatabase", severalSets},
	{"ToStopsAtAVersion", toStopsAtAVersion},
	{"OutOfOrder", outOfOrder},
	{"Migrator", migrator},
	{"AppID", appID},
}

var twoTables = []string{
	"0001_users.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\nINSERT INTO users (name) VALUES ('ada'), ('bob');",
	"0002_prefs.sql", "ALTER TABLE users ADD COLUMN prefs TEXT",
}

func firstConnectionUpgrades(w *world) {
	set := app(w, twoTables...)
	db := w.open(set, "")
	if w.Touched() {
		w.Fatal("opening did something")
	}
	var n int
	must(w, db.QueryRow("SELECT count(prefs IS NULL) FROM users").Scan(&n))
	want(w, n, 2)
	want(w, w.history(), []string{"app|1|users|applied", "app|2|prefs|applied"})
	want(w, w.rows("SELECT checksum FROM migratingsqlite_history WHERE set_name = 'app' ORDER BY version"),
		[]string{set.Migrations()[0].Checksum, set.Migrations()[1].Checksum})
	w.isUpToDate(set)
}

func registeredSetsAreFoundByDSN(w *world) {
	name := registered("0001_a.sql", "CREATE TABLE a (x)")
	db, err := w.openRegistered(name)
	must(w, err)
	defer db.Close()
	if w.Touched() {
		w.Error("sql.Open did something")
	}
	_, err = db.Exec("INSERT INTO a VALUES (1)")
	must(w, err)
	want(w, w.rows("SELECT x FROM a"), []string{"1"})
	want(w, w.history(), []string{name + "|1|a|applied"})
}

func upToDateDatabaseIsNotWrittenTo(w *world) {
	set := app(w, and(twoTables, "R__names.sql", "CREATE VIEW IF NOT EXISTS names AS SELECT name FROM users")...)
	must(w, w.up(set))
	before := w.dump()
	w.holdingTheLock(func() {
		quick(w, 3*time.Second, func() {
			must(w, w.up(set))
			must(w, w.upWith(set, "_migrate=check"))
			must(w, w.upWith(set, "_migrate_to=1"))
			must(w, w.up(app(w, twoTables[:2]...))) // an older program
		})
	})
	want(w, w.dump(), before)
}

func fourConnectorsAtOnce(w *world) {
	var runs atomic.Int32
	set := load(w, "app", files(and(twoTables, "0004_cid.sql", "INSERT INTO users (name) VALUES ('cid')")...),
		migratingsqlite.Func(3, "copy", func(ctx context.Context, tx migratingsqlite.Tx) error {
			runs.Add(1)
			time.Sleep(20 * time.Millisecond)
			_, err := tx.ExecContext(ctx, "INSERT INTO users (name) SELECT upper(name) FROM users")
			return err
		}, nil))
	var wg sync.WaitGroup
	for range 4 {
		db := w.elsewhere().open(set, "")
		wg.Go(func() {
			var names string
			if err := db.QueryRow("SELECT group_concat(name) FROM (SELECT name FROM users ORDER BY id)").Scan(&names); err != nil || names != "ada,bob,ADA,BOB,cid" {
				w.Error(names, err)
			}
		})
	}
	wg.Wait()
	want(w, runs.Load(), 1)
	want(w, w.history(), []string{"app|1|users|applied", "app|2|prefs|applied", "app|3|copy|applied", "app|4|cid|applied"})
	w.isUpToDate(set)
}

// What another program does to the database, perhaps on another computer.
func upgradeFromElsewhere(w *world) {
	old := app(w, twoTables[:2]...)
	running := w.open(old, "")
	must(w, running.Ping())
	must(w, w.elsewhere().up(app(w, twoTables...)))
	other := w.elsewhere().open(app(w, twoTables...), "")
	_, err := other.Exec("INSERT INTO users (name, prefs) VALUES ('cid', 'none')")
	must(w, err)
	must(w, running.QueryRow("SELECT name FROM users WHERE id = 2").Scan(new(string)))
	must(w, running.Close())

	db := w.open(app(w, twoTables...), "")
	var prefs string
	must(w, db.QueryRow("SELECT prefs FROM users WHERE name = 'cid'").Scan(&prefs))
	want(w, prefs, "none")
	must(w, db.Close())
	must(w, w.up(old)) // it can work on
}

func memory(w *world) {
	if w.Memory == "" {
		return
	}
	w.DSN = w.Memory
	set := with(w, and(twoTables, "0004_lower.sql", "-- migratingsqlite: batch\nUPDATE users SET name = lower(name) WHERE id IN (SELECT id FROM users WHERE name <> lower(name) LIMIT 1)",
		"0005_vacuum.sql", "-- migratingsqlite: no-transaction\nVACUUM;"), 3, "upper", func(ctx context.Context, tx migratingsqlite.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE users SET name = upper(name)")
		return err
	})
	db := w.open(set, "")
	for range 3 {
		c, err := db.Conn(context.Background())
		must(w, err)
		defer c.Close()
		got, err := rowsOf(c, "SELECT group_concat(name), (SELECT count(*) FROM migratingsqlite_history WHERE set_name = 'app') FROM users")
		must(w, err)
		want(w, got, []string{"ada,bob|5"})
		_, err = rowsOf(c, "DELETE FROM users")
		must(w, err)
	}
	// The connection that migrated is the one that is handed out.
	for params, enforced := range w.ForeignKeys {
		for _, steps := range []string{"", "-- migratingsqlite: no-transaction\n"} {
			enforces(w, w.open(app(w, "0001_family.sql", family, "0002_rebuild.sql", steps+rebuildParent), params), enforced)
		}
	}
	wantError(w, w.up(app(w, "0001_a.sql", "CREATE TABLE a (x);\nDROP TABLE b")), nil, "0001_a.sql:2:1: no such table: b")
}

func scriptsAreSplit(w *world) {
	script := "\uFEFF-- a comment; with a semicolon\r\n/* and BEGIN; another\r\n; */;;\r\n" + strings.ReplaceAll(`
CREATE TABLE notes (id INTEGER PRIMARY KEY, "a;b" TEXT DEFAULT 'x;y', [c;d] TEXT, size TEXT AS (length("a;b")));
CREATE TABLE log (entry TEXT);
CREATE TRIGGER kept AFTER INSERT ON notes WHEN new.id > 0 BEGIN
	INSERT INTO log VALUES (CASE WHEN new.id = 1 THEN 'first; END' ELSE CASE new."a;b" WHEN 'it''s; -- no comment' THEN 'quoted' END END);
	INSERT INTO log SELECT 'END' WHERE new.id = 2; -- END;
END;
CREATE TEMPORARY TRIGGER IF NOT EXISTS fleeting AFTER DELETE ON notes BEGIN SELECT 1; END;
INSERT INTO notes ("a;b") VALUES ('one;');
INSERT INTO notes VALUES (2, 'it''s; -- no comment', '/* none */');
INSERT INTO notes (id, [c;d]) VALUES (3, '
a line') RETURNING id;
SELECT count(*) FROM notes;
PRAGMA table_info(notes);
WITH three (i) AS (VALUES (4), (5)) INSERT INTO notes (id) SELECT i FROM three;
UPDATE notes SET [c;d] = 'last' WHERE id = 5`, "\n", "\r\n")
	if !w.has(Temp) {
		script = strings.Replace(script, "CREATE TEMPORARY", "CREATE", 1) // the error of one is in statements.go
	}
	set := app(w, "0001_notes.sql", script)
	must(w, w.up(set))
	want(w, w.rows(`SELECT id, "a;b", replace(replace([c;d], char(13), 'CR'), char(10), 'LF'), size FROM notes ORDER BY id`), []string{
		"1|one;|<nil>|4", "2|it's; -- no comment|/* none */|19", "3|x;y|LFa line|3", "4|x;y|<nil>|3", "5|x;y|last|3"})
	want(w, w.rows("SELECT entry FROM log"), []string{"first; END", "quoted", "END", "<nil>", "<nil>", "<nil>"})
	want(w, w.rows("SELECT metadata ->> 'statements' FROM migratingsqlite_history WHERE set_name = 'app'"), []string{"11"})
	w.isUpToDate(set)
	// It is the same on a computer with other line ends.
	must(w, w.upWith(app(w, "0001_notes.sql", strings.TrimPrefix(strings.ReplaceAll(script, "\r\n", "\n"), "\uFEFF")), "_migrate=check"))
}

func longScript(w *world) {
	var script strings.Builder
	script.WriteString("CREATE TABLE numbers (i INTEGER, text TEXT);\n")
	for i := range 1000 {
		fmt.Fprintf(&script, "INSERT INTO numbers VALUES (%d, '%s');\n", i, strings.Repeat("x", 200))
	}
	must(w, w.up(app(w, "0001_numbers.sql", script.String())))
	want(w, w.rows("SELECT count(*), sum(i), sum(length(text)) FROM numbers"), []string{"1000|499500|200000"})
	script.WriteString("INSERT INTO nowhere VALUES (1);")
	other := w.another()
	wantError(w, other.up(app(w, "0001_numbers.sql", script.String())), nil, "0001_numbers.sql:1002:1: no such table: nowhere")
	want(w, other.number("SELECT count(*) FROM sqlite_schema WHERE name = 'numbers'"), "0")
}

func manyMigrations(w *world) {
	var list []string
	for i := range 60 {
		list = append(list, fmt.Sprintf("%04d_t.sql", i+1), fmt.Sprintf("CREATE TABLE t%d (x)", i+1))
	}
	must(w, w.up(app(w, list[:40]...)))
	set := app(w, list...)
	must(w, w.up(set))
	want(w, len(w.history()), 60)
	want(w, w.number("SELECT count(*) FROM sqlite_schema WHERE name GLOB 't[0-9]*'"), "60")
	w.isUpToDate(set)
}

func historySaysWhoDidWhatAndWhen(w *world) {
	set := load(w, "app", files(and(twoTables, "R__v.sql", "CREATE VIEW IF NOT EXISTS v AS SELECT 1", "0003_drop.sql", "ALTER TABLE users DROP COLUMN prefs")...),
		migratingsqlite.Func(4, "nothing", func(context.Context, migratingsqlite.Tx) error { time.Sleep(5 * time.Millisecond); return nil }, nil))
	must(w, w.up(set))
	want(w, w.rows(`SELECT version, name, checksum, status, compatible, rolled_back_at IS NULL, error IS NULL, down_sql IS NULL
		FROM migratingsqlite_history WHERE set_name = 'app' ORDER BY version`), []string{
		fmt.Sprintf("0|v|%s|applied|1|1|1|0", set.Migrations()[4].Checksum),
		fmt.Sprintf("1|users|%s|applied|1|1|1|1", set.Migrations()[0].Checksum),
		fmt.Sprintf("2|prefs|%s|applied|1|1|1|1", set.Migrations()[1].Checksum),
		fmt.Sprintf("3|drop|%s|applied|0|1|1|1", set.Migrations()[2].Checksum),
		"4|nothing|func|applied|0|1|1|1",
	})
	// The driver's own set is a set like any other.
	for what, query := range map[string]string{
		"at":       "SELECT count(*) FROM migratingsqlite_history WHERE applied_at NOT GLOB '????-??-??T??:??:??.???Z' OR abs(julianday(applied_at) - julianday('now')) > 1.0 / 24",
		"duration": "SELECT count(*) FROM migratingsqlite_history WHERE typeof(duration_ms) <> 'integer' OR duration_ms < 0 OR duration_ms > 10000",
		"measured": "SELECT count(*) FROM migratingsqlite_history WHERE version = 4 AND duration_ms < 5",
		"by":       "SELECT count(*) FROM migratingsqlite_history WHERE applied_by = '' OR hostname = '' OR app_version IS NULL",
		"metadata": "SELECT count(*) FROM migratingsqlite_history WHERE NOT json_valid(metadata)",
	} {
		if got := w.number(query); got != "0" {
			w.Error(what, got)
		}
	}
	rows := "2"
	if !w.has(RowsInHistory) {
		rows = "<nil>"
	}
	want(w, w.rows("SELECT metadata ->> 'file', metadata ->> 'statements', metadata ->> 'rows_affected' FROM migratingsqlite_history WHERE set_name = 'app' ORDER BY version"), []string{
		"R__v.sql|1|<nil>", "0001_users.sql|2|" + rows, "0002_prefs.sql|1|<nil>", "0003_drop.sql|1|<nil>", "<nil>|<nil>|<nil>"})
}

func downScriptsAreKept(w *world) {
	must(w, w.up(app(w,
		"0001_a.up.sql", "CREATE TABLE a (x)",
		"0001_a.down.sql", "DROP TABLE a; -- and its 'rows'\n",
		"V002__b/up.sql", "CREATE TABLE b (x)",
		"V002__b/down.sql", "DROP TABLE b",
		"V002__b/metadata.yaml", "author: \"ada\"\nticket: 7\n")))
	want(w, w.rows("SELECT version, down_sql FROM migratingsqlite_history WHERE set_name = 'app' ORDER BY version"), []string{"1|DROP TABLE a; -- and its 'rows'\n", "2|DROP TABLE b"})
	want(w, w.rows("SELECT metadata ->> 'metadata_yaml' FROM migratingsqlite_history WHERE version = 2"), []string{"author: \"ada\"\nticket: 7\n"})
}

func repeatableMigrationsFollowTheirText(w *world) {
	set := func(column string, more ...string) *migratingsqlite.Set {
		return app(w, and(more, "0001_a.sql", "CREATE TABLE a(x, y); INSERT INTO a VALUES (1, 2)",
			"R__view.sql", "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT "+column+" FROM a")...)
	}
	must(w, w.up(set("x")))
	want(w, w.rows("SELECT * FROM v"), []string{"1"})
	must(w, w.up(set("y")))
	want(w, w.rows("SELECT * FROM v"), []string{"2"})
	must(w, w.up(set("z", "0002_z.sql", "ALTER TABLE a ADD COLUMN z DEFAULT 3"))) // after the versioned ones
	want(w, w.rows("SELECT * FROM v"), []string{"3"})
	want(w, w.history(), []string{"app|0|view|applied", "app|1|a|applied", "app|2|z|applied"})
	// An older program does not take a newer one's view back.
	must(w, w.up(set("x")))
	want(w, w.rows("SELECT * FROM v"), []string{"3"})
	// What a versioned migration drops is made again.
	must(w, w.up(set("z", "0002_z.sql", "ALTER TABLE a ADD COLUMN z DEFAULT 3", "0003_drop.sql", "DROP VIEW v; CREATE TABLE c (x)")))
	want(w, w.rows("SELECT * FROM v"), []string{"3"})
	// A repeatable migration that is gone leaves an up-to-date database.
	must(w, w.up(app(w, "0001_a.sql", "CREATE TABLE a(x, y); INSERT INTO a VALUES (1, 2)", "0002_z.sql", "ALTER TABLE a ADD COLUMN z DEFAULT 3",
		"0003_drop.sql", "DROP VIEW v; CREATE TABLE c (x)")))
	w.leaseIsFree()
}

func severalSets(w *world) {
	core := load(w, "core", files("0001_users.sql", "CREATE TABLE users(x)"))
	plugin := load(w, "plugin", files("0001_notes.sql", "CREATE TABLE notes(x); INSERT INTO notes SELECT count(*) FROM users"))
	must(w, w.up(core))
	must(w, w.up(nil, migratingsqlite.WithSet(core, plugin))) // a set may come later
	want(w, w.history(), []string{"core|1|users|applied", "plugin|1|notes|applied"})
	w.isUpToDate(core)
	w.isUpToDate(plugin)
	must(w, w.up(nil, migratingsqlite.WithSet(plugin, core), migratingsqlite.WithMode("check")))
	// A refusal of one is one of both, and says which set it was.
	more := load(w, "core", files("0001_users.sql", "CREATE TABLE users(x)", "0002_more.sql", "CREATE TABLE more(x)"))
	changed := load(w, "plugin", files("0001_notes.sql", "CREATE TABLE notes(changed)"))
	w.unchanged(func() {
		wantError(w, w.up(nil, migratingsqlite.WithSet(more, changed)), migratingsqlite.ErrChanged, "set plugin: migration 0001_notes was edited")
	})
	failing := load(w, "plugin", files("0001_notes.sql", "CREATE TABLE notes(x); INSERT INTO notes SELECT count(*) FROM users", "0002_fail.sql", "DROP TABLE nowhere"))
	wantError(w, w.up(nil, migratingsqlite.WithSet(more, failing)), nil, "migration 0002_fail failed at 0002_fail.sql:1:1: no such table: nowhere", "at version 1")
	if w.has(OneTransaction) {
		want(w, w.history(), []string{"core|1|users|applied", "plugin|1|notes|applied", "plugin|2|fail|failed"})
	} else {
		want(w, w.history(), []string{"core|1|users|applied", "core|2|more|applied", "plugin|1|notes|applied", "plugin|2|fail|failed"})
	}
	w.leaseIsFree()
}

func toStopsAtAVersion(w *world) {
	set := app(w, "0001_a.sql", "CREATE TABLE a(x)", "0002_b.sql", "CREATE TABLE b(x)", "0003_c.sql", "CREATE TABLE c(x)", "R__v.sql", "CREATE VIEW v AS SELECT * FROM c")
	must(w, w.upWith(set, "_migrate_to=2"))
	want(w, w.history(), []string{"app|1|a|applied", "app|2|b|applied"})
	must(w, w.upWith(set, "_migrate_to=2&_migrate=check"))
	w.leaseIsFree()
	must(w, w.up(set))
	w.unchanged(func() { must(w, w.upWith(set, "_migrate_to=2")) }) // past it already
	want(w, len(w.history()), 4)
	w.isUpToDate(set)
	_, err := migratingsqlite.NewConnector(w.dsn("_migrate_to=9"), migratingsqlite.WithSet(set))
	wantError(w, err, nil, "_migrate_to=9", "set app has no such version; it has 3 versions from 1 to 3")
}

func outOfOrder(w *world) {
	three := []string{"0001_a.sql", "CREATE TABLE a(x)", "0003_c.sql", "CREATE TABLE c(x)"}
	must(w, w.up(app(w, three...)))
	set := app(w, and(three, "0002_b.sql", "CREATE TABLE b(x)")...)
	w.unchanged(func() { wantError(w, w.up(set), migratingsqlite.ErrOutOfOrder) })
	must(w, w.upWith(set, "_migrate_out_of_order=true"))
	want(w, w.history(), []string{"app|1|a|applied", "app|2|b|applied", "app|3|c|applied"})
	w.isUpToDate(set)
	must(w, w.up(set))
}

func migrator(w *world) {
	ctx := context.Background()
	set := app(w, and(twoTables, "0003_more.sql", "INSERT INTO users (name) VALUES ('cid'); UPDATE users SET name = upper(name);")...)
	m, err := migratingsqlite.NewMigrator(w.dsn(""), migratingsqlite.WithSet(set))
	must(w, err)
	defer func() { must(w, m.Close()) }()
	pending := func(p *migratingsqlite.Plan) (list []string) {
		for _, s := range p.Sets {
			for _, m := range s.Pending {
				list = append(list, s.Set+" "+m.String())
			}
		}
		return list
	}
	states := func() (list []string) {
		status, err := m.Status(ctx)
		must(w, err)
		for _, s := range status {
			for _, m := range s.Migrations {
				list = append(list, fmt.Sprintf("%s at %d: %d %s %s", s.Set, s.Version, m.Version, m.State, m.Err))
				if applied := m.State == "applied"; applied != (time.Since(m.AppliedAt) < time.Hour) || applied && m.Duration < 0 {
					w.Error(m)
				}
			}
		}
		return list
	}
	p, err := m.Plan(ctx)
	must(w, err)
	must(w, p.Err)
	want(w, pending(p), []string{"app 0001_users", "app 0002_prefs", "app 0003_more"})
	want(w, []int64{p.Sets[0].Version, p.Sets[0].Target}, []int64{0, 3})
	want(w, states(), []string{"app at 0: 1 pending ", "app at 0: 2 pending ", "app at 0: 3 pending "})
	if w.Created() {
		w.Error("a plan wrote something")
	}

	must(w, w.upWith(set, "_migrate_to=1"))
	result, err := m.Up(ctx)
	must(w, err)
	var applied []string
	for _, a := range result.Applied {
		applied = append(applied, fmt.Sprintf("%s %s %d statements %d rows", a.Set, a.String(), a.Statements, a.RowsAffected))
		if a.Duration < 0 || a.Duration > 10*time.Second {
			w.Error(a.Duration)
		}
	}
	want(w, applied, []string{"app 0002_prefs 1 statements 0 rows", "app 0003_more 2 statements 4 rows"})
	w.isUpToDate(set)
	want(w, states(), []string{"app at 3: 1 applied ", "app at 3: 2 applied ", "app at 3: 3 applied "})
	w.unchanged(func() {
		if result, err := m.Up(ctx); err != nil || len(result.Applied) != 0 {
			w.Error(result, err)
		}
	})
	p, err = m.Plan(ctx)
	must(w, err)
	want(w, pending(p), nil)

	// What is wrong is in the plan, and in the way of an upgrade.
	edited, err := migratingsqlite.NewMigrator(w.dsn(""), migratingsqlite.WithSet(app(w, and(twoTables, "0003_more.sql", "SELECT 1")...)))
	must(w, err)
	defer edited.Close()
	p, err = edited.Plan(ctx)
	must(w, err)
	wantError(w, p.Err, migratingsqlite.ErrChanged, w.Namespace)
	_, err = edited.Up(ctx)
	wantError(w, err, migratingsqlite.ErrChanged, w.Namespace)
	status, err := edited.Status(ctx)
	must(w, err)
	want(w, status[0].Migrations[2].State, "changed")
}

// An application_id is SQLite's way to say whose file it is.
func appID(w *world) {
	set := app(w, "0001_a.sql", "CREATE TABLE a(x)")
	if !w.has(ApplicationID) {
		_, err := migratingsqlite.NewConnector(w.dsn("_migrate_app_id=1"), migratingsqlite.WithSet(set))
		wantError(w, err, nil, "_migrate_app_id", "a server does not let an application_id be set")
		return
	}
	must(w, w.up(set))
	must(w, w.up(set, migratingsqlite.WithAppID(-5)))
	want(w, w.rows("PRAGMA application_id"), []string{"-5"})
	must(w, w.up(set, migratingsqlite.WithAppID(-5)))
	w.unchanged(func() {
		wantError(w, w.up(set, migratingsqlite.WithAppID(2)), migratingsqlite.ErrUnknownSchema, "0xfffffffb", "0x2", "another application")
	})
	fresh := w.another()
	must(w, fresh.upWith(set, "_migrate_app_id=0x4d534c31", migratingsqlite.WithAppID(1))) // the DSN wins
	want(w, fresh.rows("PRAGMA application_id"), []string{fmt.Sprint(0x4d534c31)})
}
