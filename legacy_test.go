package migratingsqlite_test

import (
	"database/sql/driver"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/migratingsqlite/migratingsqlite"
	"modernc.org/sqlite"
)

const notes1, notes2, notes3, notes4 = `CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)`,
	`ALTER TABLE notes ADD COLUMN kind TEXT DEFAULT 'plain'`,
	`UPDATE notes SET kind = 'rich' WHERE text LIKE '<%'`,
	`CREATE INDEX notes_kind ON notes (kind)`

// A database without any history is recognised by its structure.
func TestBaselineByStructure(t *testing.T) {
	set := app(t, "0001_notes.sql", notes1, "0002_kind.sql", notes2, "0003_index.sql", notes4)
	for name, c := range map[string]struct {
		legacy string
		want   []string
		says   string // of the refusal
	}{
		"first": {"create table \"Notes\" (ID integer primary key, [text] text not null) -- by hand\n", []string{"app 1 notes baseline", "app 2 kind applied", "app 3 index applied"}, ""},
		// The column is where the project's later CREATE put it.
		"second": {"CREATE TABLE notes (id INTEGER PRIMARY KEY, kind TEXT DEFAULT 'plain', text TEXT NOT NULL)", []string{"app 1 notes baseline", "app 2 kind baseline", "app 3 index applied"}, ""},
		"third":  {notes1 + ";" + notes2 + ";" + notes4, []string{"app 1 notes baseline", "app 2 kind baseline", "app 3 index baseline"}, ""},
		"none":   {"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)", nil, "nearest to that of version 1, but column notes.text"},
		"more":   {notes1 + "; CREATE TABLE other (x)", nil, "table other is not expected"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			change(t, path, c.legacy+"; INSERT INTO notes (text) VALUES ('hello')")
			err := with(t, path, set)
			if c.says != "" {
				wantError(t, err, migratingsqlite.ErrUnknownSchema, c.says, "_migrate_baseline=1", "the database is unchanged")
				return
			}
			must(t, err)
			want(t, rows(t, path, history), c.want)
			want(t, rows(t, path, "SELECT text, kind FROM notes"), []string{"hello plain"})
			want(t, rows(t, path, "SELECT json_extract(metadata, '$.from') FROM migratingsqlite_history WHERE version = 1 AND set_name = 'app'"), []string{"its structure"})
		})
	}
	// Data alone does not tell versions apart.
	set = app(t, "0001_notes.sql", notes1, "0002_kind.sql", notes2, "0003_rich.sql", notes3, "0004_index.sql", notes4)
	path := filepath.Join(t.TempDir(), "app.db")
	change(t, path, notes1+";"+notes2)
	wantError(t, with(t, path, set), migratingsqlite.ErrUnknownSchema, "several versions", "2, 3; say which with _migrate_baseline=2 or =3")
	must(t, with(t, path+"?_migrate_baseline=2", set))
	want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind baseline", "app 3 rich applied", "app 4 index applied"})
}

// Migrations that say that they serve databases that differ (unless) are applied
// to one whose structure is that of no version, if it then is.
func TestBaselineEvenedOut(t *testing.T) {
	const (
		tables = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);\nCREATE TABLE IF NOT EXISTS tags (id INTEGER PRIMARY KEY);\n"
		kind   = "-- migratingsqlite: unless column notes.kind\nALTER TABLE notes ADD COLUMN kind TEXT DEFAULT 'plain';"
		index  = "CREATE INDEX IF NOT EXISTS notes_kind ON notes (kind);"
		color  = "-- migratingsqlite: unless column tags.color\nALTER TABLE tags ADD COLUMN color TEXT;"
		old    = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL); CREATE TABLE tags (id INTEGER PRIMARY KEY);"
		row    = "; INSERT INTO notes (text) VALUES ('hello')"
	)
	evening := []string{"0001_notes.sql", tables + kind, "0002_index.sql", index}
	mixed := append(evening, "0003_data.sql", "UPDATE notes SET kind = 'rich'", "0004_color.sql", color+"CREATE TABLE IF NOT EXISTS colors (x);")
	plain := []string{"0001_notes.sql", tables, "0002_index.sql", "CREATE INDEX IF NOT EXISTS notes_text ON notes (text);"}
	for name, c := range map[string]struct {
		legacy string
		files  []string
		want   []string
		says   string // of the refusal
	}{
		"before the first version": {old, evening, []string{"app 1 notes applied", "app 2 index applied"}, ""},
		"a part of two versions":   {old + "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at); ALTER TABLE notes ADD COLUMN kind TEXT DEFAULT 'plain'; DROP TABLE tags", evening, []string{"app 1 notes applied", "app 2 index applied"}, ""},
		"a part of a later one": {old + notes2 + ";" + notes4 + "; ALTER TABLE tags ADD COLUMN color TEXT", mixed,
			[]string{"app 1 notes baseline", "app 2 index baseline", "app 3 data baseline", "app 4 color applied"}, ""},
		"by a history": {old + "CREATE TABLE schema_version (version TEXT PRIMARY KEY, applied_at); INSERT INTO schema_version VALUES ('1.0.0', '2026-01-01');" + notes2 + ";" + notes4,
			[]string{"0001_notes.sql", tables, "0002_kind.sql", kind, "0003_index.sql", index}, []string{"app 1 notes baseline", "app 2 kind applied", "app 3 index applied"}, ""},
		"something else besides":  {old + "CREATE INDEX mine ON notes (text)", evening, nil, "index mine is not expected"},
		"a column that differs":   {old + "ALTER TABLE notes ADD COLUMN kind INTEGER", evening, nil, "notes.kind"},
		"nobody says that it may": {"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)", plain, nil, "table tags is missing"},
		"data in between":         {old, append([]string{"0001_notes.sql", tables + kind + "UPDATE notes SET kind = 'rich'"}, evening[2:]...), nil, "notes lacks column kind"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			change(t, path, c.legacy+row)
			err := with(t, path, app(t, c.files...))
			if c.says != "" {
				wantError(t, err, migratingsqlite.ErrUnknownSchema, c.says, "the database is unchanged")
				return
			}
			must(t, err)
			want(t, rows(t, path, history), c.want)
			want(t, rows(t, path, "SELECT text, kind FROM notes"), []string{"hello plain"})
			must(t, with(t, path+"?_migrate=check", app(t, c.files...)))
		})
	}
}

// A row of a version whose foundations are not there is not believed.
func TestAdoptWithoutFoundations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	change(t, path, "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at); INSERT INTO schema_version VALUES (3, 0);"+notes1)
	set := app(t, "0001_notes.sql", notes1, "0002_other.sql", "CREATE TABLE other (x)", "0003_more.sql", "ALTER TABLE other ADD COLUMN y")
	wantError(t, with(t, path, set), migratingsqlite.ErrUnknownSchema, "should be at version 3, but nothing is there of 0002_other, which that builds on", "the database is unchanged")
}

func TestAdoptGoose(t *testing.T) {
	const table = `CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1);`
	path := filepath.Join(t.TempDir(), "app.db")
	change(t, path, table+notes1+";"+notes2+"; INSERT INTO notes (text) VALUES ('<b>')")
	set := app(t, "0001_notes.sql", notes1, "0002_kind.sql", notes2, "0003_rich.sql", notes3, "0004_index.sql", notes4)
	must(t, with(t, path, set))
	want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind baseline", "app 3 rich applied", "app 4 index applied"})
	want(t, rows(t, path, "SELECT kind FROM notes"), []string{"rich"})
	want(t, rows(t, path, "SELECT count(*) FROM goose_db_version"), []string{"3"}) // left as it is
	must(t, with(t, path+"?_migrate=check", set))
}

// Of two histories the one counts that is named. The other's table is no part of
// the structure either.
func TestTheHistoryThatIsNamed(t *testing.T) {
	const (
		goose   = "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1);"
		migrate = "CREATE TABLE %s (version uint64, dirty bool); INSERT INTO %[1]s VALUES (2, 0);"
	)
	set := app(t, "0001_notes.sql", notes1, "0002_kind.sql", notes2, "0003_index.sql", notes4)
	for _, name := range []string{"schema_migrations", "goose_db_version", "ours"} {
		path := filepath.Join(t.TempDir(), "app.db")
		change(t, path, goose+fmt.Sprintf(migrate, "schema_migrations")+fmt.Sprintf(migrate, "ours")+notes1+";"+notes2)
		wantError(t, with(t, path, set), migratingsqlite.ErrUnknownSchema, "goose (table goose_db_version), golang-migrate (table schema_migrations)", "_migrate_adopt_table")
		if name != "ours" {
			change(t, path, "DROP TABLE ours")
		}
		must(t, with(t, path+"?_migrate_adopt_table="+name, set))
		want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind baseline", "app 3 index applied"})
		want(t, rows(t, path, "SELECT json_extract(metadata, '$.from') FROM migratingsqlite_history WHERE version = 1 AND set_name = 'app'")[0], map[string]string{
			"schema_migrations": "golang-migrate (table schema_migrations)", "goose_db_version": "goose (table goose_db_version)", "ours": "golang-migrate (table ours)"}[name])
	}
}

// Of several sets there is no telling which one's the tables are. Once that is
// known, the other is new.
func TestAHistoryAndSeveralSets(t *testing.T) {
	const table = "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1);"
	path := filepath.Join(t.TempDir(), "app.db")
	change(t, path, table+notes1)
	set, other := app(t, "0001_notes.sql", notes1, "0002_kind.sql", notes2), load(t, "other", files("0001_other.sql", "CREATE TABLE other (x)"))
	both := func() error {
		return open(t, path, migratingsqlite.WithSet(set, other)).Ping()
	}
	wantError(t, both(), migratingsqlite.ErrUnknownSchema, "with several sets none of another tool is looked for; open it once with the set alone whose tables they are (_migrate_set)", "the database is unchanged")
	must(t, with(t, path, set))
	must(t, both())
	want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind applied", "other 1 other applied"})
}

// A history is taken over by the upgrade, and so only if that succeeds.
func TestAdoptionIsUndoneWithTheUpgrade(t *testing.T) {
	const table = "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1);"
	for _, directive := range []string{"", "-- migratingsqlite: no-transaction\n"} {
		path := filepath.Join(t.TempDir(), "app.db")
		change(t, path, table+notes1)
		failing := app(t, "0001_notes.sql", notes1, "0002_kind.sql", notes2, "0003_more.sql", directive+"CREATE TABLE more (x); INSERT INTO lacking VALUES (1)")
		wantError(t, with(t, path, failing), nil, "no such table: lacking")
		there := []string{"app 3 more failed"}
		if directive != "" { // what was before it is committed, and it goes on from there
			there = []string{"app 1 notes baseline", "app 2 kind applied", "app 3 more failed"}
		}
		want(t, rows(t, path, history), there)
		want(t, rows(t, path, "SELECT version_id FROM goose_db_version"), []string{"0", "1"})
		change(t, path, "CREATE TABLE lacking (x)")
		must(t, with(t, path, failing))
		want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind applied", "app 3 more applied"})
	}
}

// golang-migrate keeps one number, and skips what comes late.
func TestAdoptGolangMigrate(t *testing.T) {
	files := []string{"1_notes.up.sql", notes1, "2_other.up.sql", "CREATE TABLE other (x)", "3_kind.up.sql", notes2, "4_index.up.sql", notes4}
	for name, c := range map[string]struct {
		legacy, dirty, params string
		want                  []string
		is                    error
		says                  []string
	}{
		"all":     {notes1 + "; CREATE TABLE other (x);" + notes2, "0", "", []string{"app 1 notes baseline", "app 2 other baseline", "app 3 kind baseline", "app 4 index applied"}, nil, nil},
		"skipped": {notes1 + ";" + notes2, "0", "", nil, migratingsqlite.ErrOutOfOrder, []string{"0002_other"}},
		"skipped, allowed": {notes1 + ";" + notes2, "0", "?_migrate_out_of_order=true",
			[]string{"app 1 notes baseline", "app 2 other applied", "app 3 kind baseline", "app 4 index applied"}, nil, nil},
		"dirty":     {notes1, "1", "", nil, migratingsqlite.ErrUnknownSchema, []string{"migrate force"}},
		"different": {notes1 + "; CREATE TABLE other (y);" + notes2, "0", "", nil, migratingsqlite.ErrUnknownSchema, []string{"table other lacks column x"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			change(t, path, "CREATE TABLE schema_migrations (version uint64, dirty bool); CREATE UNIQUE INDEX version_unique ON schema_migrations (version); INSERT INTO schema_migrations VALUES (3, "+c.dirty+");"+c.legacy)
			err := with(t, path+c.params, app(t, files...))
			if c.is != nil {
				wantError(t, err, c.is, c.says...)
				return
			}
			must(t, err)
			want(t, rows(t, path, history), c.want)
		})
	}
}

// A table of another tool is no part of the structure, with its index, whether
// there is nothing in it or the set makes it as well.
func TestStructureWithoutTheToolsTable(t *testing.T) {
	const tool = "CREATE TABLE migration_history (version INTEGER PRIMARY KEY, description TEXT, applied_at TEXT, status TEXT); CREATE INDEX by_status ON migration_history (status);"
	path := filepath.Join(t.TempDir(), "app.db")
	change(t, path, tool+notes1)
	must(t, with(t, path, app(t, "0001_notes.sql", notes1, "0002_kind.sql", notes2)))
	want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind applied"})

	// .schema of an old database has the table, too.
	set := app(t, "0001_notes.sql", tool+notes1, "0002_kind.sql", notes2)
	for name, row := range map[string]string{"empty": "", "from 2": "INSERT INTO migration_history (version) VALUES (2);"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			change(t, path, tool+row+notes1+";"+notes2)
			must(t, with(t, path, set))
			want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind baseline"})
		})
	}

	// A number that is nobody's is told.
	path = filepath.Join(t.TempDir(), "app.db")
	change(t, path, "CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES (7); CREATE TABLE other (x)")
	wantError(t, with(t, path, set), migratingsqlite.ErrUnknownSchema, "(table schema_version) records 7, and this program knows versions up to 2: is there a newer one?")
}

// What other programs keep in the file is no part of its structure, and a tool
// may have made its table and nothing else.
func TestTablesThatAreNotThePrograms(t *testing.T) {
	const (
		goose   = "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now'))); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1);"
		migrate = "CREATE TABLE schema_migrations (version uint64,dirty bool); CREATE UNIQUE INDEX version_unique ON schema_migrations (version);"
		bun     = "CREATE TABLE bun_migrations (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, name VARCHAR, group_id INTEGER, migrated_at TIMESTAMP NOT NULL DEFAULT current_timestamp); CREATE TABLE bun_migration_locks (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, table_name VARCHAR, UNIQUE (table_name));"
		d1      = "CREATE TABLE _cf_METADATA (key INTEGER PRIMARY KEY, value BLOB); INSERT INTO _cf_METADATA VALUES (2, 4);"
		stream  = "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); CREATE TABLE _litestream_lock (id INTEGER);"
	)
	set := app(t, "0001_notes.sql", notes1, "0002_kind.sql", notes2, "0003_index.sql", notes4)
	for name, other := range map[string]string{"goose": goose, "golang-migrate": migrate, "bun": bun, "D1": d1, "Litestream": stream} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			change(t, path, other)
			must(t, with(t, path, set))
			want(t, rows(t, path, history), []string{"app 1 notes applied", "app 2 kind applied", "app 3 index applied"})

			path = filepath.Join(t.TempDir(), "app.db")
			change(t, path, other+notes1+";"+notes2)
			must(t, with(t, path, set))
			want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind baseline", "app 3 index applied"})
		})
	}
}

// What Drizzle has passed over is not taken for applied: a table that is rebuilt
// was there before, and of a change of rows there is no sign.
func TestWhatDrizzlePassedOver(t *testing.T) {
	const (
		rebuild = "CREATE TABLE new_notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, kind TEXT DEFAULT 'plain'); INSERT INTO new_notes (id, text) SELECT id, text FROM notes; DROP TABLE notes; ALTER TABLE new_notes RENAME TO notes;"
		index   = "CREATE INDEX notes_kind ON notes (kind);"
		other   = "CREATE TABLE other (x);"
	)
	journal := `{"version":"7","dialect":"sqlite","entries":[{"idx":0,"when":1700000000000,"tag":"0000_notes"},{"idx":1,"when":1600000000001,"tag":"0001_rebuild"},
		{"idx":2,"when":1600000000002,"tag":"0002_rows"},{"idx":3,"when":1700000000003,"tag":"0003_other"}]}`
	row := func(when int) string {
		return fmt.Sprintf("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('', %d);", when)
	}
	for name, c := range map[string]struct {
		second, legacy, passed string
		want                   []string
	}{
		"a rebuild": {rebuild, row(1700000000000) + row(1700000000003) + notes1 + ";" + other, "0002_rebuild, 0003_rows are",
			[]string{"app 1 notes baseline", "app 2 rebuild applied", "app 3 rows applied", "app 4 other baseline"}},
		"a rebuild and an index": {rebuild + index, row(1700000000000) + row(1700000000003) + notes1 + ";" + other, "0002_rebuild, 0003_rows are",
			[]string{"app 1 notes baseline", "app 2 rebuild applied", "app 3 rows applied", "app 4 other baseline"}},
		"it is there nevertheless": {rebuild + index, row(1700000000000) + row(1700000000003) + notes1 + ";" + rebuild + index + other, "0003_rows is",
			[]string{"app 1 notes baseline", "app 2 rebuild baseline", "app 3 rows applied", "app 4 other baseline"}},
	} {
		t.Run(name, func(t *testing.T) {
			set := app(t, "meta/_journal.json", journal, "0000_notes.sql", notes1, "0001_rebuild.sql", c.second, "0002_rows.sql", "UPDATE notes SET text = upper(text)", "0003_other.sql", other)
			path := filepath.Join(t.TempDir(), "app.db")
			change(t, path, "CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric);"+c.legacy+"INSERT INTO notes (text) VALUES ('x')")
			wantError(t, with(t, path, set), migratingsqlite.ErrOutOfOrder, c.passed+" pending although version 4")
			must(t, with(t, path+"?_migrate_out_of_order=true", set))
			want(t, rows(t, path, history), c.want)
			want(t, rows(t, path, "SELECT text, kind FROM notes"), []string{"X plain"})
		})
	}
}

// A row of a newer program is not one whose file is missing.
func TestADatabaseOfANewerProgram(t *testing.T) {
	for name, c := range map[string]struct {
		legacy string
		files  fstest.MapFS
		layout string
		newest string // in the tool's words
	}{
		"goose":   {"CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id, is_applied, tstamp); INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1), (2, 1);", files("1_notes.sql", notes1), "native", "1"},
		"from 0":  {"CREATE TABLE schema_migrations (version uint64, dirty bool); INSERT INTO schema_migrations VALUES (1, 0);", files("0_notes.up.sql", notes1), "golang-migrate", "0"},
		"Flyway":  {`CREATE TABLE flyway_schema_history (installed_rank INT PRIMARY KEY, version VARCHAR(50), description, type, script, checksum INT, installed_by, installed_on, execution_time, success); INSERT INTO flyway_schema_history VALUES (1, '1', 'notes', 'SQL', 'V1__notes.sql', NULL, '', '', 1, 1), (2, '1.1', 'kind', 'SQL', 'V1_1__kind.sql', NULL, '', '', 1, 1);`, files("V1__notes.sql", notes1), "flyway", "1"},
		"Knex":    {"CREATE TABLE knex_migrations (id integer primary key, name varchar(255), batch integer, migration_time datetime); INSERT INTO knex_migrations (name) VALUES ('0001_notes.js'), ('0002_kind.js');", files("0001_notes.sql", notes1), "knex", "1"},
		"Drizzle": {"CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric); INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 1700000000123), ('y', 1700000100123);", files("meta/_journal.json", `{"entries":[{"idx":0,"when":1700000000123,"tag":"0000_notes"}]}`, "0000_notes.sql", notes1), "", "1"},
		"Prisma":  {"CREATE TABLE _prisma_migrations (id TEXT, checksum TEXT, finished_at DATETIME, migration_name TEXT, logs TEXT, rolled_back_at DATETIME, started_at DATETIME); INSERT INTO _prisma_migrations (checksum, migration_name, finished_at) VALUES ('', '20240101000000_notes', 1), ('', '20240102000000_kind', 1);", files("migration_lock.toml", "", "20240101000000_notes/migration.sql", notes1), "", "20240101000000"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			change(t, path, c.legacy+notes1+";"+notes2)
			opts := []migratingsqlite.SetOption{}
			if c.layout != "" {
				opts = append(opts, migratingsqlite.Layout(c.layout))
			}
			set := load(t, "app", c.files, opts...)
			wantError(t, with(t, path, set), migratingsqlite.ErrSchemaNewer, "this program knows versions up to "+c.newest+"; start a newer program", "the database is unchanged")
			must(t, with(t, path+"?_migrate_newer=allow", set))
			want(t, rows(t, path, "SELECT status FROM migratingsqlite_history WHERE set_name = 'app'"), []string{"baseline"})
		})
	}
}

// drizzle-kit writes the files, and wrangler applies them.
func TestAdoptD1WithDrizzlesFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	change(t, path, "CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL); INSERT INTO d1_migrations (name) VALUES ('0000_notes.sql'), ('0001_kind.sql');"+notes1+";"+notes2)
	set := app(t, "drizzle/meta/_journal.json", `{"entries":[{"idx":0,"when":1700000000000,"tag":"0000_notes"},{"idx":1,"when":1700000000001,"tag":"0001_kind"},{"idx":2,"when":1700000000002,"tag":"0002_index"}]}`,
		"drizzle/0000_notes.sql", notes1, "drizzle/0001_kind.sql", notes2, "drizzle/0002_index.sql", notes4)
	must(t, with(t, path, set))
	want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind baseline", "app 3 index applied"})
}

// A history that has a row for each migration is believed, and so is a stated
// version. Where the structure speaks against it, that is written down.
func TestWhatIsSaidOfADatabaseIsComparedWithIt(t *testing.T) {
	const goose = "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INTEGER, is_applied INTEGER, tstamp TIMESTAMP); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1);"
	set := app(t, "0001_notes.sql", notes1, "0002_kind.sql", notes2, "0003_other.sql", "CREATE TABLE other (x)")
	withFunc := load(t, "app", files("0001_notes.sql", notes1, "0003_other.sql", "CREATE TABLE other (x)"), inGo(2, "kind", notes2))
	for name, c := range map[string]struct {
		set            *migratingsqlite.Set
		legacy, params string
		want           string
	}{
		"a stated version":                      {set, notes1 + ";" + notes2, "?_migrate_baseline=2", "_migrate_baseline=2"},
		"another one":                           {set, notes1, "?_migrate_baseline=2", "_migrate_baseline=2, although table notes lacks column kind TEXT DEFAULT 'plain'"},
		"a stated version beside a history":     {set, goose + notes1 + ";" + notes2 + "; CREATE INDEX mine ON notes (text)", "?_migrate_baseline=2", "_migrate_baseline=2, although index mine is not expected"},
		"a history":                             {set, goose + notes1 + ";" + notes2, "", "goose (table goose_db_version)"},
		"a history of something else":           {set, goose + notes1, "", "goose (table goose_db_version), although table notes lacks column kind TEXT DEFAULT 'plain'"},
		"functions, which may have done it":     {withFunc, goose + notes1 + "; CREATE TABLE made (x)", "", "goose (table goose_db_version)"},
		"a set that does not begin with tables": {app(t, "0002_kind.sql", notes2, "0003_other.sql", "CREATE TABLE other (x)"), notes1 + ";" + notes2, "?_migrate_baseline=2", "_migrate_baseline=2"},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			path := filepath.Join(t.TempDir(), "app.db")
			change(t, path, c.legacy)
			m, err := migratingsqlite.NewMigrator(path+c.params, migratingsqlite.WithSet(c.set))
			must(t, err)
			plan, err := m.Plan(t.Context())
			must(t, err)
			must(t, m.Close())
			want(t, plan.Sets[0].Because, c.want)
			must(t, open(t, path+c.params, migratingsqlite.WithSet(c.set), migratingsqlite.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))).Ping())
			want(t, rows(t, path, "SELECT DISTINCT json_extract(metadata, '$.from') FROM migratingsqlite_history WHERE set_name = 'app' AND status = 'baseline'"), []string{c.want})
			_, but, doubted := strings.Cut(c.want, "although ")
			if got := strings.Contains(log.String(), "level=WARN") && strings.Contains(log.String(), but); got != doubted {
				t.Errorf("logged %s", &log)
			}
		})
	}
}

// Where the files' names count from 0, the versions count from 1. A table of the
// project's own has the number in the name, or how many have run: the structure
// tells.
func TestFoldersThatCountFromZero(t *testing.T) {
	const version = "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT); INSERT INTO schema_version VALUES "
	folders := map[string]fstest.MapFS{
		"golang-migrate": files("000000_notes.up.sql", notes1, "000001_kind.up.sql", notes2, "000002_index.up.sql", notes4),
		"d1":             files("0000_notes.sql", notes1, "0001_kind.sql", notes2, "0002_index.sql", notes4),
		"drizzle": files("meta/_journal.json", `{"entries":[{"idx":0,"when":1,"tag":"0000_notes"},{"idx":1,"when":2,"tag":"0001_kind"},{"idx":2,"when":3,"tag":"0002_index"}]}`,
			"0000_notes.sql", notes1, "0001_kind.sql", notes2, "0002_index.sql", notes4),
	}
	for layout, folder := range folders {
		for name, c := range map[string]struct {
			legacy string
			there  int
			says   string
		}{
			"none but 0":                {version + "(0, '');" + notes1, 1, ""},
			"0 and 1":                   {version + "(0, ''), (1, '');" + notes1 + ";" + notes2, 2, ""},
			"the newest is 1":           {version + "(1, '');" + notes1 + ";" + notes2, 2, ""},
			"one has run":               {version + "(1, '');" + notes1, 1, ""},
			"two have run":              {version + "(1, ''), (2, '');" + notes1 + ";" + notes2, 2, ""},
			"all of them":               {version + "(2, '');" + notes1 + ";" + notes2 + ";" + notes4, 3, ""},
			"a newer program's":         {version + "(1, ''), (5, '');" + notes1 + ";" + notes2, 0, "start a newer program"},
			"something else":            {version + "(1, '');" + notes1 + "; ALTER TABLE notes ADD COLUMN other", 0, "should be at version"},
			"user_version, two scripts": {"PRAGMA user_version = 2;" + notes1 + ";" + notes2, 2, ""},
		} {
			t.Run(layout+"/"+name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "app.db")
				change(t, path, c.legacy)
				set := load(t, "app", folder, migratingsqlite.Layout(layout))
				err := with(t, path, set)
				if c.says != "" {
					wantError(t, err, nil, c.says, "the database is unchanged")
					return
				}
				must(t, err)
				var wanted []string
				for i, m := range set.Migrations() {
					how := "baseline"
					if i >= c.there {
						how = "applied"
					}
					wanted = append(wanted, fmt.Sprintf("app %d %s %s", m.Version, m.Name, how))
				}
				want(t, rows(t, path, history), wanted)
			})
		}
	}
}

// What a set makes is found out once in a process, however many databases are
// taken over.
func TestASetIsReplayedOnce(t *testing.T) {
	var calls atomic.Int64
	sqlite.MustRegisterScalarFunction("replayed", 0, func(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) {
		return calls.Add(1), nil
	})
	const goose = "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id INTEGER, is_applied INTEGER, tstamp TIMESTAMP); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1);"
	for name, c := range map[string]struct {
		legacy, params string
		wanted         int64
	}{
		"by the structure":    {notes1 + ";" + notes2, "", 3}, // the names after each, and the two that have the same
		"by a history":        {goose + notes1 + ";" + notes2, "", 1},
		"by a stated version": {notes1 + ";" + notes2, "?_migrate_baseline=2", 1},
	} {
		set := load(t, "app", files("0001_notes.sql", notes1+"; SELECT replayed() -- "+name, "0002_kind.sql", notes2, "0003_index.sql", notes4))
		calls.Store(0)
		for range 3 {
			path := filepath.Join(t.TempDir(), "app.db")
			change(t, path, c.legacy)
			must(t, with(t, path+c.params, set))
			want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind baseline", "app 3 index applied"})
		}
		if got := calls.Load(); got != c.wanted {
			t.Errorf("%s: replayed %d times", name, got)
		}
	}
}
