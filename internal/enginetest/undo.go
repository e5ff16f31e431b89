package enginetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

var undoScenarios = []scenario{
	{"GoingBackStepByStep", goingBack},
	{"GoingBackToNothing", goingBackToNothing},
	{"GoingBackByWhatTheDatabaseKeeps", goingBackByWhatIsKept},
	{"GoingBackInGo", goingBackInGo},
	{"GoingBackWithViewsOfTheNewestVersion", goingBackWithViews},
	{"GoingBackInBatches", goingBackInBatches},
	{"GoingBackByAFileOfAnotherTool", goingBackByAFileOfAnotherTool},
	{"NoWayBack", each(func(c noWay) string { return c.name }, noWays, noWayBack)},
	{"AWayBackThatFails", each(func(c brokenWay) string { return c.name }, brokenWays, wayBackThatFails)},
	{"AWayBackThatCannotBeOneTransaction", wayBackOutsideATransaction},
	{"APlanThatIsOutdated", outdatedPlan},
	{"GoingBackOutOfOrder", goingBackOutOfOrder},
	{"GoingBackBesideAnotherSet", goingBackBesideAnotherSet},
	{"GoingBackKeepsForeignKeys", goingBackKeepsForeignKeys},
	{"GoingBackIsTraced", goingBackIsTraced},
	{"OthersAreInTheWayOfGoingBack", othersAreInTheWay},
	{"GoingBackIsInterrupted", goingBackIsInterrupted},
	{"GoingBackInAFileOfAnother", goingBackInAFileOfAnother},
	{"ReadingWithoutAHistory", readingWithoutAHistory},
	{"TheWholeHistory", wholeHistory},
	{"Recording", recording},
	{"Repairing", repairing},
	{"Unlocking", unlocking},
	{"UnlockingWhoIsAtWork", unlockingWhoIsAtWork},
}

// stairs are three versions with a way back each, and rows that show what was
// done.
var stairs = []string{
	"0001_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\nINSERT INTO users (name) VALUES ('ada'), ('bob');",
	"0001_users.down.sql", "DROP TABLE users;",
	"0002_prefs.up.sql", "ALTER TABLE users ADD COLUMN prefs TEXT;\nUPDATE users SET prefs = '{}';",
	"0002_prefs.down.sql", "ALTER TABLE users DROP COLUMN prefs;",
	"0003_upper.up.sql", "UPDATE users SET name = upper(name);\nCREATE INDEX users_name ON users (name);",
	"0003_upper.down.sql", "-- as they were\nUPDATE users SET name = lower(name);\nDROP INDEX users_name;",
}

// migrator makes one for the database.
func (w *world) migrator(set *migratingsqlite.Set, params string, opts ...migratingsqlite.Option) *migratingsqlite.Migrator {
	w.Helper()
	opts = append([]migratingsqlite.Option{migratingsqlite.WithLogger(slog.New(slog.DiscardHandler)), migratingsqlite.WithSet(set)}, opts...)
	m, err := migratingsqlite.NewMigrator(w.dsn(params), opts...)
	must(w, err)
	w.Cleanup(func() { must(w, m.Close()) })
	return m
}

// down goes back and returns what was undone.
func (w *world) down(set *migratingsqlite.Set, to int64) []string {
	w.Helper()
	m := w.migrator(set, "")
	p, err := m.PlanDown(context.Background(), to)
	must(w, err)
	result, err := m.Down(context.Background(), p)
	must(w, err)
	var list []string
	for _, u := range result.Undone {
		list = append(list, fmt.Sprintf("%s %s %s %d statements %d rows", u.Set, u.Migration, u.File, u.Statements, u.RowsAffected))
	}
	return list
}

// isAt checks that the database says it has what a program with the set makes, no
// more, and that this program has nothing to do.
func (w *world) isAt(set *migratingsqlite.Set) {
	w.Helper()
	w.isUpToDate(set)
	w.holdingTheLock(func() { must(w, w.up(set)) })
}

func (w *world) structure() []string {
	w.Helper()
	return w.rows("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'migratingsqlite%' AND name NOT LIKE 'sqlite%' ORDER BY name")
}

func goingBack(w *world) {
	ctx := context.Background()
	set, older := app(w, stairs...), app(w, stairs[:4]...)
	must(w, w.up(older))
	at1, rows1 := w.structure(), w.rows("SELECT * FROM users")
	must(w, w.up(app(w, stairs[:8]...)))
	must(w, w.up(set))
	at3, rows3 := w.structure(), w.rows("SELECT * FROM users")

	m := w.migrator(set, "")
	var p *migratingsqlite.DownPlan
	w.unchanged(func() {
		var err error
		p, err = m.PlanDown(ctx, 1)
		must(w, err)
	})
	want(w, *p, migratingsqlite.DownPlan{Set: "app", From: 3, To: 1, Steps: []migratingsqlite.DownStep{
		{Version: 3, Name: "upper", SQL: stairs[11], File: "0003_upper.down.sql"},
		{Version: 2, Name: "prefs", SQL: stairs[7], File: "0002_prefs.down.sql"},
	}})
	result, err := m.Down(ctx, p)
	must(w, err)
	want(w, len(result.Applied), 0)
	want(w, len(result.Undone), 2)
	for i, u := range result.Undone {
		want(w, u.File, p.Steps[i].File)
		if u.Set != "app" || u.Version != int64(3-i) || u.Statements != 2-i || u.Duration <= 0 {
			w.Error(u)
		}
	}
	want(w, result.Undone[0].RowsAffected, 2)
	want(w, w.structure(), at1)
	want(w, w.rows("SELECT * FROM users"), rows1)
	want(w, w.history(), []string{"app|1|users|applied", "app|2|prefs|rolled_back", "app|3|upper|rolled_back"})
	want(w, w.rows(`SELECT version, abs(julianday(rolled_back_at) - julianday('now')) < 1.0 / 24, rolled_back_at GLOB '????-??-??T??:??:??.???Z',
		metadata ->> 'rolled_back_by' LIKE '%@%', metadata ->> 'file' FROM migratingsqlite_history WHERE status = 'rolled_back' ORDER BY version`),
		[]string{"2|1|1|1|0002_prefs.up.sql", "3|1|1|1|0003_upper.up.sql"})
	w.isAt(older)

	// Once more is nothing.
	w.holdingTheLock(func() { want(w, w.down(set, 1), nil) })

	// It can be gone forward again.
	must(w, w.up(set))
	want(w, w.structure(), at3)
	want(w, w.rows("SELECT * FROM users"), rows3)
	want(w, w.history(), []string{"app|1|users|applied", "app|2|prefs|applied", "app|3|upper|applied"})
	want(w, w.number("SELECT count(*) FROM migratingsqlite_history WHERE rolled_back_at IS NOT NULL"), "0")
	w.isAt(set)
}

func goingBackToNothing(w *world) {
	set := app(w, stairs...)
	must(w, w.up(set))
	want(w, w.down(set, 0), []string{"app 0003_upper 0003_upper.down.sql 2 statements 2 rows", "app 0002_prefs 0002_prefs.down.sql 1 statements 0 rows", "app 0001_users 0001_users.down.sql 1 statements 0 rows"})
	want(w, w.structure(), nil)
	want(w, w.rows("SELECT version FROM migratingsqlite_state WHERE set_name = 'app'"), []string{"0"})
	status, err := w.migrator(set, "").Status(context.Background())
	must(w, err)
	want(w, []string{status[0].Migrations[0].State, status[0].Migrations[2].State}, []string{"rolled_back", "rolled_back"})
	w.unchanged(func() { wantError(w, w.upWith(set, "_migrate=check"), migratingsqlite.ErrPending) })
	must(w, w.up(set))
	w.isAt(set)
}

func goingBackByWhatIsKept(w *world) {
	ctx := context.Background()
	set := app(w, and(stairs, "0004_more.up.sql", "CREATE TABLE more (x)", "0004_more.down.sql", "DROP TABLE more;\n")...)
	older := app(w, stairs[:4]...)
	must(w, w.up(set))
	wantError(w, w.up(older), migratingsqlite.ErrSchemaNewer)
	m := w.migrator(older, "")
	p, err := m.PlanDown(ctx, 1)
	must(w, err)
	want(w, *p, migratingsqlite.DownPlan{Set: "app", From: 4, To: 1, Steps: []migratingsqlite.DownStep{
		{Version: 4, Name: "more", SQL: "DROP TABLE more;\n", FromDatabase: true},
		{Version: 3, Name: "upper", SQL: stairs[11], FromDatabase: true},
		{Version: 2, Name: "prefs", SQL: stairs[7], FromDatabase: true},
	}})
	_, err = m.Down(ctx, p)
	must(w, err)
	w.isAt(older)

	// A migration that was edited is not undone by what goes with the new text.
	must(w, w.up(set))
	edited := app(w, and(stairs[:4], "0002_prefs.up.sql", "ALTER TABLE users ADD COLUMN options TEXT;", "0002_prefs.down.sql", "ALTER TABLE users DROP COLUMN options;")...)
	p, err = w.migrator(edited, "").PlanDown(ctx, 1)
	must(w, err)
	want(w, p.Steps[2], migratingsqlite.DownStep{Version: 2, Name: "prefs", SQL: stairs[7], FromDatabase: true})

	// A way back that was written later is used, and a better one.
	later := app(w, and(stairs[:10], "0003_upper.down.sql", "UPDATE users SET name = lower(name); DROP INDEX users_name; -- better", "0004_more.up.sql", "CREATE TABLE more (x)")...)
	p, err = w.migrator(later, "").PlanDown(ctx, 2)
	must(w, err)
	want(w, p.Steps, []migratingsqlite.DownStep{
		{Version: 4, Name: "more", SQL: "DROP TABLE more;\n", FromDatabase: true},
		{Version: 3, Name: "upper", SQL: "UPDATE users SET name = lower(name); DROP INDEX users_name; -- better", File: "0003_upper.down.sql"},
	})
	w.down(later, 2)
	w.isAt(app(w, stairs[:8]...))
}

func goingBackInGo(w *world) {
	ctx := context.Background()
	do := func(statement string) migratingsqlite.MigrateFunc {
		return func(ctx context.Context, tx migratingsqlite.Tx) error {
			_, err := tx.ExecContext(ctx, statement)
			return err
		}
	}
	list := []string{
		"0001_users.sql", stairs[1],
		"0003_both.up.sql", "CREATE TABLE both (x)", "0003_both.down.sql", "DROP TABLE both;",
	}
	opts := []migratingsqlite.SetOption{
		migratingsqlite.Func(2, "go", do("CREATE TABLE made_by_go (x)"), do("DROP TABLE made_by_go")),
		// Its down function finds what the script has made.
		migratingsqlite.Func(3, "both", do("INSERT INTO both VALUES (7)"), do("INSERT INTO users (name) SELECT 'x' || x FROM both")),
	}
	set := load(w, "app", files(list...), opts...)
	must(w, w.up(set))
	m := w.migrator(set, "")
	p, err := m.PlanDown(ctx, 1)
	must(w, err)
	want(w, p.Steps, []migratingsqlite.DownStep{
		{Version: 3, Name: "both", SQL: "DROP TABLE both;", File: "0003_both.down.sql", Func: true},
		{Version: 2, Name: "go", Func: true},
	})
	// Half of a way back is none.
	want(w, w.rows("SELECT count(*) FROM migratingsqlite_history WHERE down_sql IS NOT NULL"), []string{"0"})
	_, err = w.migrator(app(w, list[:2]...), "").PlanDown(ctx, 1)
	wantError(w, err, migratingsqlite.ErrNoDown, "0003_both, 0002_go (not among the program's migrations, and the database keeps no down script)")
	result, err := m.Down(ctx, p)
	must(w, err)
	want(w, []int{result.Undone[0].Statements, result.Undone[1].Statements}, []int{2, 1})
	want(w, w.rows("SELECT name FROM users ORDER BY id"), []string{"ada", "bob", "x7"})
	w.isAt(app(w, list[:2]...))
}

func goingBackWithViews(w *world) {
	ctx := context.Background()
	views := func(version string, texts ...string) *migratingsqlite.Set {
		list := []string{
			"0001_users.up.sql", stairs[1] + "CREATE VIEW old AS SELECT id FROM users;", "0001_users.down.sql", "DROP VIEW old; DROP TABLE users",
			"0002_prefs.up.sql", stairs[5], "0002_prefs.down.sql", stairs[7],
		}
		if version == "1" {
			list = list[:4]
		}
		return app(w, and(list, texts...)...)
	}
	const names = "DROP VIEW IF EXISTS names;\nCREATE VIEW names AS SELECT name FROM users;"
	newer := views("2",
		"R__names.sql", names,
		"R__old.sql", "DROP VIEW IF EXISTS old;\nCREATE VIEW old AS SELECT id, name FROM users;",
		"R__prefs.sql", `DROP VIEW IF EXISTS "pre fs"; CREATE VIEW "pre fs" AS SELECT prefs FROM users;
CREATE INDEX IF NOT EXISTS by_prefs ON users (prefs);
DROP TRIGGER IF EXISTS defaults; CREATE TRIGGER defaults AFTER INSERT ON users BEGIN UPDATE users SET prefs = '{}' WHERE id = new.id; END;
CREATE VIEW gone AS SELECT 1; DROP VIEW GONE;`)
	older := views("1", "R__names.sql", names)
	must(w, w.up(newer))

	// They would be in the way: SQLite does not drop a column that a view uses.
	steps := []migratingsqlite.DownStep{
		{Name: "prefs", SQL: "DROP TRIGGER IF EXISTS \"defaults\";\nDROP INDEX IF EXISTS \"by_prefs\";\nDROP VIEW IF EXISTS \"pre fs\";"},
		{Name: "old"}, // made by an older script too
		{Name: "names", SQL: `DROP VIEW IF EXISTS "names";`},
		{Version: 2, Name: "prefs", SQL: stairs[7], File: "0002_prefs.down.sql"},
	}
	p, err := w.migrator(newer, "").PlanDown(ctx, 1)
	must(w, err)
	want(w, p.Steps, steps)

	// The database keeps how to drop those that the program does not know.
	m := w.migrator(older, "")
	p, err = m.PlanDown(ctx, 1)
	must(w, err)
	steps[0].FromDatabase = true
	steps[1] = migratingsqlite.DownStep{Name: "old", SQL: `DROP VIEW IF EXISTS "old";`, FromDatabase: true}
	steps[3].File, steps[3].FromDatabase = "", true
	want(w, p.Steps, steps)

	w.down(newer, 1)
	want(w, w.history(), []string{"app|0|names|rolled_back", "app|0|old|rolled_back", "app|0|prefs|rolled_back", "app|1|users|applied", "app|2|prefs|rolled_back"})
	want(w, w.rows("SELECT name FROM sqlite_schema WHERE type IN ('view', 'index', 'trigger') AND name NOT LIKE 'sqlite%'"), []string{"old"})
	must(w, w.up(older))
	want(w, w.rows("SELECT name FROM names ORDER BY name"), []string{"ada", "bob"})
	w.isAt(older)
	must(w, w.up(newer))
	want(w, w.rows(`SELECT prefs FROM "pre fs"`), []string{"{}", "{}"})
	w.isAt(newer)
}

func goingBackInBatches(w *world) {
	list := []string{
		"0001_people.sql", people,
		"0002_lower.up.sql", lowerInBatches,
		"0002_lower.down.sql", `-- migratingsqlite: batch
DROP INDEX people_name;
UPDATE people SET name = upper(name), touched = touched + 1 WHERE id IN (SELECT id FROM people WHERE name <> upper(name) LIMIT 300);`,
		"0003_pieces.up.sql", "-- migratingsqlite: no-transaction\nCREATE TABLE pieces (x);\nCREATE TABLE more (x);",
		"0003_pieces.down.sql", "-- migratingsqlite: no-transaction\nDROP TABLE pieces;\n-- migratingsqlite: unless column people.name\nSELECT * FROM nowhere;\nDROP TABLE more;",
	}
	set := app(w, list...)
	must(w, w.up(set))
	want(w, w.down(set, 1), []string{"app 0003_pieces 0003_pieces.down.sql 2 statements 0 rows", "app 0002_lower 0002_lower.down.sql 2 statements 2000 rows"})
	want(w, w.rows("SELECT count(*), sum(touched), sum(name = upper(name)) FROM people"), []string{"2000|4000|2000"})
	w.isAt(app(w, list[:2]...))
	must(w, w.up(set)) // from the beginning
	want(w, w.rows("SELECT count(*), sum(touched), sum(name = lower(name)) FROM people"), []string{"2000|6000|2000"})
	w.isAt(set)
}

func goingBackByAFileOfAnotherTool(w *world) {
	const down = "DROP TABLE a;\n  DROP TABLE b;"
	set := load(w, "app", files("0001_a.sql", "-- +goose Up\nCREATE TABLE a (x);\n\n-- +goose Down\n"+down+"\n"), migratingsqlite.Layout("goose"))
	must(w, w.up(set))
	want(w, w.rows("SELECT down_sql FROM migratingsqlite_history WHERE set_name = 'app'"), []string{down})
	m := w.migrator(set, "")
	p, err := m.PlanDown(context.Background(), 0)
	must(w, err)
	want(w, p.Steps, []migratingsqlite.DownStep{{Version: 1, Name: "a", SQL: down, File: "0001_a.sql"}})
	w.unchanged(func() {
		_, err := m.Down(context.Background(), p)
		wantError(w, err, nil, "undoing migration 0001_a failed at 0001_a.sql:6:3: no such table: b")
	})
	w.change("CREATE TABLE b (x)")
	want(w, w.down(set, 0), []string{"app 0001_a 0001_a.sql 2 statements 0 rows"})
	want(w, w.structure(), nil)
}

// noWay is a migration that cannot be undone.
type noWay struct {
	name  string
	set   func(*world) *migratingsqlite.Set // of another program
	words []string
}

var noWays = []noWay{
	{"NoScript", nil, []string{"0003_go (no down function), 0002_prefs (no down script)"}},
	{"NotInTheProgram", func(w *world) *migratingsqlite.Set { return app(w, stairs[:2]...) },
		[]string{"0003_go, 0002_prefs (not among the program's migrations, and the database keeps no down script)"}},
	{"Edited", func(w *world) *migratingsqlite.Set {
		return app(w, stairs[0], stairs[1], "0002_prefs.up.sql", "SELECT 1", "0002_prefs.down.sql", "SELECT 2")
	}, []string{"0002_prefs (edited after it had been applied, and the database keeps no down script of what was applied)"}},
}

func noWayBack(w *world, c noWay) {
	set := load(w, "app", files(stairs[0], stairs[1], stairs[4], stairs[5], "0004_more.up.sql", "CREATE TABLE more (x)", "0004_more.down.sql", "DROP TABLE more"),
		migratingsqlite.Func(3, "go", func(context.Context, migratingsqlite.Tx) error { return nil }, nil))
	must(w, w.up(set))
	other := set
	if c.set != nil {
		other = c.set(w)
	}
	m := w.migrator(other, "")
	w.unchanged(func() {
		_, err := m.PlanDown(context.Background(), 1)
		wantError(w, err, migratingsqlite.ErrNoDown, append(c.words, w.Namespace, "version 1 cannot be gone back to: there is no way back from", "restore a backup")...)
		_, err = m.Down(context.Background(), &migratingsqlite.DownPlan{Set: "app", From: 4, To: 1})
		wantError(w, err, migratingsqlite.ErrNoDown)
	})
	// What can be undone can.
	w.down(other, 3)
	want(w, w.history(), []string{"app|1|users|applied", "app|2|prefs|applied", "app|3|go|applied", "app|4|more|rolled_back"})
}

// brokenWay is a way back that breaks.
type brokenWay struct {
	name  string
	down  string
	kept  bool
	f     migratingsqlite.MigrateFunc
	at    [2]int
	words []string
}

var brokenWays = []brokenWay{
	{name: "AStatement", down: "DELETE FROM users;\n\n  DROP TABLE nowhere;", at: [2]int{3, 3},
		words: []string{"undoing migration 0003_broken failed at 0003_broken.down.sql:3:3: no such table: nowhere"}},
	{name: "AStatementOfTheDatabase", down: "DELETE FROM users;\n\n  DROP TABLE nowhere;", kept: true, at: [2]int{3, 3},
		words: []string{"undoing migration 0003_broken failed at down_sql of 0003_broken:3:3: no such table: nowhere"}},
	{name: "AFunction", down: "DELETE FROM users;", f: func(ctx context.Context, tx migratingsqlite.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM users"); err != nil {
			return err
		}
		return errors.New("a bad day")
	}, words: []string{"undoing migration 0003_broken failed: a bad day"}},
	{name: "AForeignKey", down: "INSERT INTO children VALUES (99);",
		words: []string{"undoing migration 0003_broken failed at 0003_broken.down.sql: it leaves rows that break a foreign key", "table children, column parent", "repair these rows in the down script"}},
	{name: "TheHistory", down: "DROP TABLE migratingsqlite_history;", words: []string{"writing the history", "no such table"}},
}

func wayBackThatFails(w *world, c brokenWay) {
	ctx := context.Background()
	list := and(stairs[:8],
		"0003_broken.up.sql", "CREATE TABLE children (parent REFERENCES users)",
		"0003_broken.down.sql", c.down,
		"0004_more.up.sql", "DROP VIEW IF EXISTS more", "0004_more.down.sql", "CREATE VIEW more AS SELECT 1")
	var opts []migratingsqlite.SetOption
	if c.f != nil {
		opts = append(opts, migratingsqlite.Func(3, "broken", func(context.Context, migratingsqlite.Tx) error { return nil }, c.f))
	}
	set := load(w, "app", files(list...), opts...)
	must(w, w.up(set))
	if c.kept {
		set = app(w, stairs[:8]...)
	}
	m := w.migrator(set, "")
	p, err := m.PlanDown(ctx, 2)
	must(w, err)
	w.unchanged(func() {
		_, err = m.Down(ctx, p)
		wantError(w, err, nil, append(c.words, w.Namespace, "the database is unchanged, at version 4")...)
	})
	var failed *migratingsqlite.MigrationError
	if c.name != "TheHistory" {
		if !errors.As(err, &failed) || !failed.Down || failed.Version != 3 || failed.Set != "app" {
			w.Fatalf("%#v", failed)
		}
		want(w, [2]int{failed.Line, failed.Column}, c.at)
	}
	if !c.kept {
		w.isAt(set)
	}
}

func wayBackOutsideATransaction(w *world) {
	ctx := context.Background()
	list := and(stairs[:4],
		"0002_a.up.sql", "CREATE TABLE a (x)", "0002_a.down.sql", "-- migratingsqlite: no-transaction\nDROP TABLE a;\n VACUUM;",
		"0003_b.up.sql", "CREATE TABLE b (x)", "0003_b.down.sql", "DROP TABLE b")
	set := app(w, list...)
	must(w, w.up(set))
	w.unchanged(func() {
		_, err := w.migrator(set, "").PlanDown(ctx, 1)
		wantError(w, err, migratingsqlite.ErrMalformed, "undoing migration 0002_a is refused at 0002_a.down.sql:3:2", "VACUUM", "delete it from the down script")
		_, err = w.migrator(app(w, stairs[:4]...), "").PlanDown(ctx, 1)
		wantError(w, err, migratingsqlite.ErrMalformed, "undoing migration 0002_a is refused at down_sql of 0002_a:3:2", "VACUUM", "the database has kept it like this")
	})
	// Somebody else has written to the database.
	w.change("UPDATE migratingsqlite_history SET down_sql = 'DROP TABLE b; SELECT ''' WHERE version = 3")
	_, err := w.migrator(app(w, list[:8]...), "").PlanDown(ctx, 2)
	wantError(w, err, migratingsqlite.ErrMalformed, "down_sql of 0003_b:1:22", "never closed")
}

func outdatedPlan(w *world) {
	ctx := context.Background()
	set := app(w, stairs...)
	must(w, w.upWith(set, "_migrate_to=2"))
	m := w.migrator(set, "")
	p, err := m.PlanDown(ctx, 1)
	must(w, err)
	must(w, w.up(set))
	w.unchanged(func() {
		_, err = m.Down(ctx, p)
		wantError(w, err, nil, "at version 2, and now it is at version 3", "plan again")
		other := *p
		other.Set = "other"
		_, err = m.Down(ctx, &other)
		wantError(w, err, nil, "for set other")
		p, err = m.PlanDown(ctx, 1)
		must(w, err)
		p.Steps[0].SQL = "DROP TABLE users"
		_, err = m.Down(ctx, p)
		wantError(w, err, nil, "not what the plan says any more", "plan again")
	})
	_, err = m.PlanDown(ctx, -1)
	wantError(w, err, nil, "version -1 cannot be gone back to")
	for _, to := range []int64{3, 4, 1000} { // it is there
		p, err = m.PlanDown(ctx, to)
		must(w, err)
		want(w, *p, migratingsqlite.DownPlan{Set: "app", From: 3, To: to})
	}
	// Somebody changes it while Down waits for the lock.
	p, err = m.PlanDown(ctx, 1)
	must(w, err)
	failed := make(chan error)
	w.past(func(c *sql.Conn) {
		for _, q := range []string{"BEGIN IMMEDIATE", "UPDATE migratingsqlite_history SET status = 'rolled_back' WHERE version = 3"} {
			_, err := insist(c, q)
			must(w, err)
		}
		go func() {
			_, err := m.Down(ctx, p)
			failed <- err
		}()
		pause()
		_, err := insist(c, "COMMIT")
		must(w, err)
	})
	wantError(w, <-failed, nil, "at version 3, and now it is at version 2", "plan again")
	want(w, w.history(), []string{"app|1|users|applied", "app|2|prefs|applied", "app|3|upper|rolled_back"})

	stamped := app(w, "20240101000000_a.sql", "CREATE TABLE a (x)", "20250101000000_b.sql", "CREATE TABLE b (x)")
	w = w.another()
	must(w, w.up(stamped))
	_, err = w.migrator(stamped, "").PlanDown(ctx, 2024) // nobody means everything
	wantError(w, err, nil, "no migration of version 2024", "0 (which undoes all) and 20240101000000")
	_, err = w.migrator(stamped, "").PlanDown(ctx, 20240601000000)
	wantError(w, err, nil, "the nearest are 20240101000000 and 20250101000000")
}

func goingBackOutOfOrder(w *world) {
	must(w, w.up(app(w, and(stairs[:4], stairs[8:]...)...)))
	set := app(w, stairs...)
	must(w, w.upWith(set, "_migrate_out_of_order=true"))
	w.isUpToDate(set)
	want(w, w.down(set, 1), []string{"app 0003_upper 0003_upper.down.sql 2 statements 2 rows", "app 0002_prefs 0002_prefs.down.sql 1 statements 0 rows"})
	w.isAt(app(w, stairs[:4]...))
}

func goingBackBesideAnotherSet(w *world) {
	ctx := context.Background()
	set, other := app(w, stairs...), load(w, "other", files("0007_other.up.sql", "CREATE TABLE other (x)", "0007_other.down.sql", "DROP TABLE other"))
	sets := migratingsqlite.WithSet(set, other)
	must(w, w.up(nil, sets))
	both := w.migrator(set, "", sets)
	_, err := both.PlanDown(ctx, 1)
	wantError(w, err, nil, "several sets of migrations (app, other)", "_migrate_set=app")
	_, err = both.Repair(ctx)
	wantError(w, err, nil, "_migrate_set=app")
	m := w.migrator(set, "_migrate_set=other", sets)
	p, err := m.PlanDown(ctx, 0)
	must(w, err)
	_, err = m.Down(ctx, p)
	must(w, err)
	want(w, w.history(), []string{"app|1|users|applied", "app|2|prefs|applied", "app|3|upper|applied", "other|7|other|rolled_back"})
	w.isAt(set)
	_, err = w.migrator(load(w, "third", files("1_a.sql", "SELECT 1")), "").PlanDown(ctx, 0)
	wantError(w, err, nil, "no history of the set third", "its history is of set app, other")
}

func goingBackKeepsForeignKeys(w *world) {
	for params, enforced := range w.ForeignKeys {
		w := w.another()
		list := []string{
			"0001_users.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO users VALUES (1, 'ada'); CREATE TABLE posts (author REFERENCES users ON DELETE CASCADE); INSERT INTO posts VALUES (1);",
			"0002_checked.up.sql", "ALTER TABLE users RENAME COLUMN name TO nick;",
			"0002_checked.down.sql", "CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO new_users SELECT * FROM users; DROP TABLE users; ALTER TABLE new_users RENAME TO users;",
		}
		set := app(w, list...)
		must(w, w.upWith(set, params))
		w.change("PRAGMA foreign_keys = OFF", "INSERT INTO posts VALUES (77)") // was broken before
		m := w.migrator(set, params)
		p, err := m.PlanDown(context.Background(), 1)
		must(w, err)
		_, err = m.Down(context.Background(), p)
		must(w, err)
		want(w, w.rows("SELECT author FROM posts"), []string{"1", "77"})
		db := w.open(app(w, list[:2]...), params)
		_, err = db.Exec("INSERT INTO posts VALUES (88)")
		if (err != nil) != enforced {
			w.Errorf("with %q: %v", params, err)
		}
		must(w, db.Close())
	}
}

func goingBackIsTraced(w *world) {
	ctx := context.Background()
	set := app(w, stairs...)
	must(w, w.up(set))
	s := w.recordSpans()
	logger, logged := record()
	m := w.migrator(set, "", migratingsqlite.WithLogger(logger))
	p, err := m.PlanDown(ctx, 1)
	must(w, err)
	want(w, s.names(), nil)
	_, err = m.Down(ctx, p)
	must(w, err)
	want(w, s.names(), []string{"migratingsqlite.downgrade", "undo 0003_upper", "undo 0002_prefs"})
	a := attributes(s.one("migratingsqlite.downgrade").Attributes())
	for k, v := range map[string]any{
		"db.system.name": "sqlite", "db.namespace": w.Namespace, "migratingsqlite.set": "app", "migratingsqlite.outcome": "undone",
		"migratingsqlite.version.from": int64(3), "migratingsqlite.version.to": int64(1), "migratingsqlite.pending": int64(2),
	} {
		want(w, a[k], v)
	}
	want(w, attributes(s.one("undo 0003_upper").Attributes())["migratingsqlite.migration.file"], any("0003_upper.down.sql"))
	if l := logged(); len(l) != 1 || l[0]["msg"] != "migratingsqlite: the database was downgraded" || fmt.Sprint(l[0]["app"]) != "map[from:3 steps:2 to:1]" {
		w.Error(l)
	}
}

func othersAreInTheWay(w *world) {
	ctx := context.Background()
	set := app(w, stairs...)
	must(w, w.up(set))
	m := w.migrator(set, "_migrate_timeout=100ms")
	p, err := m.PlanDown(ctx, 1)
	must(w, err)
	w.holdingTheLock(func() {
		_, err := m.Down(ctx, p)
		wantError(w, err, migratingsqlite.ErrLocked, w.Namespace)
	})
	w.isAt(set)
	lease := func(seconds, statements string) {
		w.change(`INSERT OR REPLACE INTO migratingsqlite_lease (id, owner, token, step, renewed_at, expires_at, set_name, version, checksum, statement, rows_affected)
			VALUES (1, 'somebody', 'x', 7, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '` + seconds + ` seconds'), 'app', 4, 'c', ` + statements + `, 0)`)
	}
	lease("+60", "0")
	w.unchanged(func() {
		_, err := m.Down(ctx, p)
		wantError(w, err, migratingsqlite.ErrLocked, "somebody", "is at migration 4 of set app")
		_, err = w.migrator(set, "_migrate=check").Down(ctx, p)
		wantError(w, err, nil, "_migrate=check forbids to write")
	})
	lease("-1", "3")
	w.unchanged(func() {
		_, err := m.PlanDown(ctx, 1)
		wantError(w, err, nil, "migration 4 is half done (3 of its statements, 0 rows)", "open the database once with the program that began it, which goes on with it")
	})
	// An upgrade that was cut off before it had done anything.
	lease("-1", "0")
	_, err = m.Down(ctx, p)
	must(w, err)
	want(w, w.rows("SELECT token, expires_at FROM migratingsqlite_lease"), []string{"|"})
	w.isAt(app(w, stairs[:4]...))

	// A lease that ends while it is waited for.
	must(w, w.up(set))
	lease("+0.3", "0")
	start := time.Now()
	want(w, len(w.down(set, 2)), 1)
	if waited := time.Since(start); waited < 150*time.Millisecond {
		w.Errorf("waited only %s", waited)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = m.PlanDown(ended, 1)
	wantError(w, err, context.Canceled)
}

func goingBackIsInterrupted(w *world) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	set := load(w, "app", files(stairs[:8]...), migratingsqlite.Func(3, "go", func(context.Context, migratingsqlite.Tx) error { return nil },
		func(ctx context.Context, tx migratingsqlite.Tx) error {
			if _, err := tx.ExecContext(ctx, "DELETE FROM users"); err != nil {
				return err
			}
			cancel()
			<-ctx.Done()
			_, err := tx.ExecContext(ctx, "DELETE FROM users")
			return err
		}))
	must(w, w.up(set))
	m := w.migrator(set, "")
	p, err := m.PlanDown(ctx, 1)
	must(w, err)
	w.unchanged(func() {
		_, err = m.Down(ctx, p)
		wantError(w, err, context.Canceled, w.Namespace, "the database is unchanged, at version 3")
	})
	w.isAt(set)
}

func goingBackInAFileOfAnother(w *world) {
	ctx := context.Background()
	set := app(w, stairs...)
	must(w, w.up(set))
	w.change("DROP TABLE migratingsqlite_lease") // it gets it back
	want(w, len(w.down(set, 2)), 1)
	w.isAt(app(w, stairs[:8]...))
	if w.has(ApplicationID) {
		m := w.migrator(set, "_migrate_app_id=0x1234")
		w.change("PRAGMA application_id = 77")
		w.unchanged(func() {
			_, err := m.PlanDown(ctx, 1)
			wantError(w, err, migratingsqlite.ErrUnknownSchema, "belongs to another application")
			_, err = m.Repair(ctx)
			wantError(w, err, migratingsqlite.ErrUnknownSchema)
		})
	}
	w.change("UPDATE migratingsqlite_history SET version = 'x' WHERE version = 2")
	w.unchanged(func() {
		_, err := w.migrator(set, "").PlanDown(ctx, 1)
		wantError(w, err, migratingsqlite.ErrUnknownSchema, "migratingsqlite_history is not as this driver writes it")
		_, err = w.migrator(set, "").History(ctx)
		wantError(w, err, migratingsqlite.ErrUnknownSchema, "migratingsqlite_history is not as this driver writes it")
	})
}

func readingWithoutAHistory(w *world) {
	ctx := context.Background()
	set := app(w, stairs...)
	m := w.migrator(set, "")
	read := func() {
		w.Helper()
		records, err := m.History(ctx)
		must(w, err)
		want(w, len(records), 0)
		lease, err := m.Lease(ctx)
		must(w, err)
		want(w, lease == nil, true)
		_, err = m.PlanDown(ctx, 0)
		wantError(w, err, nil, w.Namespace, "nothing to undo")
		_, err = m.Down(ctx, &migratingsqlite.DownPlan{Set: "app"})
		wantError(w, err, nil, "nothing to undo")
		plan, err := m.Baseline(ctx)
		must(w, err)
		want(w, plan.Sets[0].Baseline, nil)
		edited, err := m.Repair(ctx)
		must(w, err)
		want(w, edited, nil)
		wantError(w, m.Unlock(ctx, lease), nil, "there is no lease")
	}
	read()
	if w.Created() {
		w.Error("reading wrote something")
	}
	w.change("CREATE TABLE other (x)", "DROP TABLE other")
	w.unchanged(read)
}

func wholeHistory(w *world) {
	ctx := context.Background()
	set := app(w, and(stairs, "R__v.sql", "CREATE VIEW IF NOT EXISTS v AS SELECT 1", "0004_broken.sql", "CREATE TABLE t (x);\nCREATE TABLE t (x);")...)
	must(w, w.up(load(w, "other", files("1_a.sql", "CREATE TABLE a (x)"))))
	must(w, w.upWith(set, "_migrate_to=3"))
	w.down(set, 2)
	wantError(w, w.up(set), nil)
	if !w.has(OneTransaction) {
		w.down(set, 2)
	}
	records, err := w.migrator(load(w, "third", files("1_a.sql", "SELECT 1")), "_migrate=check").History(ctx)
	must(w, err)
	var list []string
	for _, r := range records {
		list = append(list, fmt.Sprintf("%s %d %s %s %v %q", r.Set, r.Version, r.Name, r.Status, r.Compatible, r.DownSQL))
		if r.RolledBackAt.IsZero() != (r.Status != "rolled_back") || r.Err != "" != (r.Status == "failed") || time.Since(r.AppliedAt).Abs() > time.Hour ||
			r.Duration < 0 || r.AppliedBy == "" || r.Hostname == "" || !strings.Contains(r.Metadata, `"file"`) {
			w.Errorf("%+v", r)
		}
		want(w, []string{r.Checksum}, w.rows(fmt.Sprintf("SELECT checksum FROM migratingsqlite_history WHERE set_name = '%s' AND version = %d AND name = '%s'", r.Set, r.Version, r.Name)))
	}
	want(w, list, []string{
		fmt.Sprintf("app 1 users applied true %q", stairs[3]),
		fmt.Sprintf("app 2 prefs applied false %q", stairs[7]),
		fmt.Sprintf("app 3 upper rolled_back false %q", stairs[11]),
		`app 4 broken failed true ""`,
		`other 1 a applied true ""`,
	})
}

func recording(w *world) {
	ctx := context.Background()
	list := and(stairs, "R__v.sql", "CREATE VIEW IF NOT EXISTS v AS SELECT 1")
	set := app(w, list...)
	w.change(strings.TrimSuffix(strings.Split(stairs[1], "\n")[0], ";"), "ALTER TABLE users ADD COLUMN prefs TEXT")
	for _, c := range []struct {
		params string
		at     int
	}{{"", 2}, {"_migrate_baseline=1", 1}} {
		m := w.migrator(set, c.params)
		plan, err := m.Baseline(ctx)
		must(w, err)
		want(w, len(plan.Sets[0].Baseline), c.at)
		want(w, len(plan.Sets[0].Pending), 4-c.at)
		want(w, w.history(), []string{"app|1|users|baseline", "app|2|prefs|baseline"}[:c.at])
		w.isAt(app(w, list[:4*c.at]...))
		plan, err = m.Baseline(ctx) // there is nothing more to record
		must(w, err)
		want(w, plan.Sets[0].Baseline, nil)
		want(w, len(plan.Sets[0].Pending), 4-c.at)
		if c.at == 2 {
			must(w, w.up(set))
			w.isAt(set)
			// It goes back below what was there when the history began, where there is a way.
			w.down(set, 1)
			want(w, w.history(), []string{"app|0|v|rolled_back", "app|1|users|baseline", "app|2|prefs|rolled_back", "app|3|upper|rolled_back"})
		}
		w.change("DELETE FROM migratingsqlite_history", "DELETE FROM migratingsqlite_state")
	}

	// It records nothing that it does not know.
	w.change("CREATE TABLE strange (x)")
	w.unchanged(func() {
		_, err := w.migrator(set, "").Baseline(ctx)
		wantError(w, err, migratingsqlite.ErrUnknownSchema, "strange")
		_, err = w.migrator(set, "_migrate=check&_migrate_baseline=2").Baseline(ctx)
		wantError(w, err, nil, "_migrate=check")
	})
	unmarked := app(w, "0001_users.sql", "CREATE TABLE users (x)", "0002_more.sql", "CREATE TABLE more (x)")
	_, err := w.migrator(unmarked, "_migrate_baseline=2").Baseline(ctx)
	must(w, err)
	_, err = w.migrator(unmarked, "").PlanDown(ctx, 1)
	wantError(w, err, migratingsqlite.ErrNoDown, "0002_more (no down script, and there when the history began)")
}

func repairing(w *world) {
	ctx := context.Background()
	list := and(stairs, "R__v.sql", "CREATE VIEW IF NOT EXISTS v AS SELECT 1")
	set := app(w, list...)
	must(w, w.up(set))
	before := w.rows("SELECT version, checksum FROM migratingsqlite_history WHERE set_name = 'app' ORDER BY version")
	edited := and(list)
	edited[1] += " -- ada and bob"
	edited[5] = "-- migratingsqlite: compatible\n" + edited[5]
	edited[7] += " -- and their values"
	newSet := app(w, edited...)
	wantError(w, w.up(newSet), migratingsqlite.ErrChanged)
	m := w.migrator(newSet, "")
	w.unchanged(func() {
		for _, c := range []struct {
			versions []int64
			words    string
		}{
			{[]int64{1, 3}, "0003_upper is as it was applied, so there is nothing to repair"},
			{[]int64{2, 9}, "version 9 is not among the program's migrations"},
			{[]int64{0}, "version 0 is not among"},
		} {
			_, err := m.Repair(ctx, c.versions...)
			wantError(w, err, nil, c.words, w.Namespace)
		}
		_, err := w.migrator(newSet, "_migrate=check").Repair(ctx)
		wantError(w, err, nil, "_migrate=check")
	})
	was, err := m.Repair(ctx, 2)
	must(w, err)
	want(w, len(was), 1)
	want(w, fmt.Sprintf("%d|%s", was[0].Version, was[0].Checksum), before[2])
	wantError(w, w.up(newSet), migratingsqlite.ErrChanged, "0001_users")
	was, err = m.Repair(ctx)
	must(w, err)
	want(w, len(was), 1)
	want(w, fmt.Sprintf("%d|%s", was[0].Version, was[0].Checksum), before[1])
	w.isAt(newSet)
	want(w, w.rows(`SELECT version, status, compatible, down_sql, metadata ->> '$.repaired[0].checksum', metadata ->> '$.repaired[0].at' GLOB '????-??-??T*Z', metadata ->> '$.repaired[0].by' LIKE '%@%', metadata ->> 'file'
		FROM migratingsqlite_history WHERE metadata ->> 'repaired' IS NOT NULL ORDER BY version`), []string{
		fmt.Sprintf("1|applied|1|%s|%s|1|1|0001_users.up.sql", edited[3], before[1][2:]),
		fmt.Sprintf("2|applied|1|%s|%s|1|1|0002_prefs.up.sql", edited[7], before[2][2:]),
	})

	// Back again: the trail grows.
	_, err = w.migrator(set, "").Repair(ctx)
	must(w, err)
	w.isAt(set)
	want(w, w.rows("SELECT json_array_length(metadata, '$.repaired') FROM migratingsqlite_history WHERE version = 2 AND set_name = 'app'"), []string{"2"})
	none, err := w.migrator(set, "").Repair(ctx)
	must(w, err)
	want(w, len(none), 0)

	// A migration that is half done is not repaired.
	w = w.another()
	must(w, w.up(app(w, "0001_people.sql", people)))
	wantError(w, w.up(app(w, "0001_people.sql", people, "0002_lower.sql", lowerInBatches+"\nDELETE FROM nowhere LIMIT 1;")), nil)
	half := app(w, "0001_people.sql", people, "0002_lower.sql", lowerInBatches)
	wantError(w, w.up(half), migratingsqlite.ErrChanged, "half done")
	w.unchanged(func() {
		for _, versions := range [][]int64{nil, {2}} {
			_, err := w.migrator(half, "").Repair(ctx, versions...)
			wantError(w, err, nil, "0002_lower was edited while it was half done (2 of its statements, 2000 rows)", "put the text back")
		}
	})
}

func unlocking(w *world) {
	ctx := context.Background()
	one := []string{"0001_people.sql", people}
	must(w, w.up(app(w, one...)))
	set := app(w, and(one, "0002_lower.sql", lowerInBatches+"\nINSERT INTO nowhere SELECT 1 WHERE (SELECT count(*) FROM nowhere) < 3 LIMIT 1;")...)
	wantError(w, w.up(set), nil, "no such table: nowhere")
	m := w.migrator(set, "")
	l, err := m.Lease(ctx) // given up, and half done
	must(w, err)
	want(w, []any{l.Expired, l.ExpiresAt.IsZero(), l.Set, l.Version, l.Statements, l.Rows}, []any{true, true, "app", int64(2), int64(2), int64(2000)})
	if !strings.Contains(l.Owner, "process") || time.Since(l.RenewedAt).Abs() > time.Hour {
		w.Error(l)
	}

	// Somebody has it for a thousand years.
	take := func(step int) {
		w.change(fmt.Sprintf("UPDATE migratingsqlite_lease SET owner = 'somebody', token = 'x', step = %d, expires_at = '3024-01-02T03:04:05.000Z'", step))
	}
	take(7)
	w.unchanged(func() {
		l, err = m.Lease(ctx)
		must(w, err)
		want(w, []any{l.Owner, l.Expired, l.ExpiresAt.UTC().Format(time.RFC3339)}, []any{"somebody", false, "3024-01-02T03:04:05Z"})
		wantError(w, w.upWith(set, "_migrate_timeout=100ms"), migratingsqlite.ErrLocked, "somebody")
		wantError(w, w.migrator(set, "_migrate=check").Unlock(ctx, l), nil, "_migrate=check")
	})
	take(8) // and is at work
	w.unchanged(func() { wantError(w, m.Unlock(ctx, l), nil, w.Namespace, "somebody renewed it at", "look again") })
	l, err = m.Lease(ctx)
	must(w, err)
	must(w, m.Unlock(ctx, l))
	must(w, m.Unlock(ctx, l)) // as it would be asked again if the answer was lost
	want(w, w.rows("SELECT token, expires_at, step, set_name, version, statement, rows_affected FROM migratingsqlite_lease"), []string{"||8|app|2|2|2000"})

	w.change("CREATE TABLE nowhere (x)")
	must(w, w.up(set)) // goes on
	want(w, w.rows("SELECT sum(touched), (SELECT count(*) FROM nowhere) FROM people"), []string{"2000|3"})
	w.isUpToDate(set)
	l, err = m.Lease(ctx)
	must(w, err)
	want(w, l == nil, true)
}

// atEnd calls f when a span with a name has ended, where it ends.
type atEnd struct {
	sdktrace.SpanProcessor
	name string
	f    func()
}

func (a atEnd) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.Name() == a.name {
		a.f()
	}
}

// Whoever loses his lease between two transactions writes no more under it. He
// finds out, takes it again and goes on.
func unlockingWhoIsAtWork(w *world) {
	ctx := context.Background()
	set := app(w, "0001_people.sql", people, "0002_lower.sql", lowerInBatches, "0003_more.sql", "UPDATE people SET touched = touched + 1")
	m := w.migrator(set, "")
	s := w.recordSpans()
	unlocked := 0
	s.provider.RegisterSpanProcessor(atEnd{s.recorder, "migration 0002_lower", func() {
		l, err := m.Lease(ctx)
		must(w, err)
		if l == nil || l.Expired || !strings.Contains(l.Owner, "process") {
			w.Error(l)
		}
		must(w, m.Unlock(ctx, l))
		unlocked++
	}})
	must(w, w.up(set))
	want(w, unlocked, 1)
	want(w, w.rows("SELECT count(*), min(touched), max(touched) FROM people"), []string{"2000|2|2"})
	want(w, w.history(), []string{"app|1|people|applied", "app|2|lower|applied", "app|3|more|applied"})
	w.isUpToDate(set)
}
