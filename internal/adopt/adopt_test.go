package adopt

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	_ "modernc.org/sqlite"
)

// open makes a database of statements.
func open(t testing.TB, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%v: %s", err, s)
		}
	}
	return db
}

// ask answers queries as the driver does.
func ask(t testing.TB, db *sql.DB, queries []string) []engine.Answer {
	t.Helper()
	answers := make([]engine.Answer, len(queries))
	for i, q := range queries {
		rows, err := db.Query(q)
		if err != nil {
			answers[i].Err = err
			continue
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, dest := make([]any, len(columns)), make([]any, len(columns))
			for j := range values {
				dest[j] = &values[j]
			}
			if err := rows.Scan(dest...); err != nil {
				t.Fatal(err)
			}
			row := make([]driver.Value, len(columns))
			for j, v := range values {
				row[j] = v
			}
			for _, v := range values {
				switch v.(type) {
				case nil, int64, float64, string, []byte:
				default:
					t.Errorf("%s gives %T, which is no value of an engine.Answer", q, v)
				}
			}
			answers[i].Rows = append(answers[i].Rows, row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	return answers
}

// recognise returns the candidates of a database.
func recognise(t testing.TB, db *sql.DB, table string) []*Candidate {
	t.Helper()
	found, err := Recognise(ask(t, db, Queries(table)), table)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func read(t testing.TB, db *sql.DB, c *Candidate) *History {
	t.Helper()
	h, err := c.Read(ask(t, db, c.Queries()))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func choose(t testing.TB, db *sql.DB, table string, files []File, layout Tool) (*History, *Mapping, error) {
	t.Helper()
	var histories []*History
	for _, c := range recognise(t, db, table) {
		histories = append(histories, read(t, db, c))
	}
	return Choose(histories, files, layout)
}

// adopted is choose where it is to go well.
func adopted(t testing.TB, db *sql.DB, files []File) (*History, *Mapping) {
	t.Helper()
	h, m, err := choose(t, db, "", files, "")
	if err != nil {
		t.Fatal(err)
	}
	if h == nil {
		t.Fatal("no history was found")
	}
	return h, m
}

// text is a file's content, the same in every test but for its number.
func text(i int) string { return fmt.Sprintf("CREATE TABLE t%d (\n  id INTEGER PRIMARY KEY\n);\n", i) }

func file(version int64, path, content string) File {
	name := stem(path)
	_, name = leading(name)
	return File{Version: version, Name: name, Path: path, Text: func() ([]byte, error) { return []byte(content), nil }}
}

// files are migrations 1 to n in files named by a format.
func files(n int, format string) []File {
	list := make([]File, n)
	for i := range list {
		list[i] = file(int64(i+1), fmt.Sprintf(format, i+1), text(i+1))
	}
	return list
}

// describe is a mapping in one line: versions that are applied, with ? where
// it is assumed and = where the checksum was verified.
func describe(m *Mapping) string {
	var b strings.Builder
	for _, a := range m.Applied {
		if a.Version > 0 {
			fmt.Fprint(&b, a.Version)
		} else {
			b.WriteString(a.Name)
		}
		if a.Assumed {
			b.WriteString("?")
		}
		if a.Verified {
			b.WriteString("=")
		}
		b.WriteString(" ")
	}
	if len(m.Skipped) > 0 {
		fmt.Fprintf(&b, "skipped %v ", m.Skipped)
	}
	for _, e := range m.Unknown {
		fmt.Fprintf(&b, "unknown %s ", e.ID)
	}
	for _, p := range m.Changed {
		fmt.Fprintf(&b, "changed %d ", p.Version)
	}
	for _, p := range m.Refusals {
		fmt.Fprintf(&b, "refused %d ", p.Version)
	}
	return strings.TrimSpace(b.String())
}

const (
	gooseTable = `CREATE TABLE goose_db_version (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  version_id INTEGER NOT NULL,
  is_applied INTEGER NOT NULL,
  tstamp TIMESTAMP DEFAULT (datetime('now'))
)`
	golangMigrateTable = `CREATE TABLE schema_migrations (version uint64,dirty bool);
CREATE UNIQUE INDEX version_unique ON schema_migrations (version)`
	dbmateTable     = `CREATE TABLE "schema_migrations" (version varchar(128) primary key)`
	sqlMigrateTable = `CREATE TABLE "gorp_migrations" ("id" varchar(255) not null primary key, "applied_at" datetime)`
	flywayTable     = `CREATE TABLE "main"."flyway_schema_history" (
  "installed_rank" INT NOT NULL PRIMARY KEY, "version" VARCHAR(50), "description" VARCHAR(200) NOT NULL,
  "type" VARCHAR(20) NOT NULL, "script" VARCHAR(1000) NOT NULL, "checksum" INT,
  "installed_by" VARCHAR(100) NOT NULL,
  "installed_on" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),
  "execution_time" INT NOT NULL, "success" BOOLEAN NOT NULL);
CREATE INDEX "main"."flyway_schema_history_s_idx" ON "flyway_schema_history" ("success")`
	atlasTable = "CREATE TABLE `atlas_schema_revisions` (`version` text NOT NULL, `description` text NOT NULL, `type` integer NOT NULL DEFAULT (2)," +
		" `applied` integer NOT NULL DEFAULT (0), `total` integer NOT NULL DEFAULT (0), `executed_at` datetime NOT NULL," +
		" `execution_time` integer NOT NULL, `error` text NULL, `error_stmt` text NULL, `hash` text NOT NULL," +
		" `partial_hashes` json NULL, `operator_version` text NOT NULL, PRIMARY KEY (`version`))"
	sqlxTable = `CREATE TABLE IF NOT EXISTS _sqlx_migrations (
  version BIGINT PRIMARY KEY, description TEXT NOT NULL,
  installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)`
	refineryTable = `CREATE TABLE IF NOT EXISTS refinery_schema_history(version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255))`
	dieselTable   = `CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)`
	drizzleTable  = `CREATE TABLE IF NOT EXISTS __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)`
	drizzle1Table = `CREATE TABLE IF NOT EXISTS __drizzle_migrations (id INTEGER PRIMARY KEY, hash text NOT NULL, created_at numeric, name text, applied_at TEXT)`
	prismaTable   = `CREATE TABLE "_prisma_migrations" ("id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL, "finished_at" DATETIME,
 "migration_name" TEXT NOT NULL, "logs" TEXT, "rolled_back_at" DATETIME,
 "started_at" DATETIME NOT NULL DEFAULT current_timestamp, "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0)`
	railsTable = `CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY);
CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL)`
	ectoTable = `CREATE TABLE "schema_migrations" ("version" INTEGER PRIMARY KEY, "inserted_at" TEXT)`
	knexTable = "CREATE TABLE `knex_migrations` (`id` integer not null primary key autoincrement, `name` varchar(255), `batch` integer, `migration_time` datetime);" +
		"CREATE TABLE `knex_migrations_lock` (`index` integer not null primary key autoincrement, `is_locked` integer)"
	bunTable = `CREATE TABLE IF NOT EXISTS "bun_migrations" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "name" VARCHAR, "group_id" INTEGER, "migrated_at" TIMESTAMP NOT NULL DEFAULT current_timestamp);
CREATE TABLE IF NOT EXISTS "bun_migration_locks" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "table_name" VARCHAR, UNIQUE ("table_name"))`
	gormigrateTable  = "CREATE TABLE `migrations` (`id` text,PRIMARY KEY (`id`))"
	d1Table          = `CREATE TABLE IF NOT EXISTS d1_migrations(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`
	maragudkTable    = `CREATE TABLE if not exists migrations (version text not null)`
	adlioTable       = `CREATE TABLE IF NOT EXISTS schema_migrations (id TEXT NOT NULL, checksum TEXT NOT NULL DEFAULT '', execution_time_in_millis INTEGER NOT NULL DEFAULT 0, applied_at DATETIME NOT NULL)`
	versionTable     = `CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, description TEXT)`
	versionTextTable = `CREATE TABLE IF NOT EXISTS schema_version (version TEXT PRIMARY KEY, applied_at TEXT NOT NULL, migration_file TEXT NOT NULL)`
	historyTable     = `CREATE TABLE IF NOT EXISTS migration_history (version INTEGER PRIMARY KEY, description TEXT NOT NULL, checksum TEXT NOT NULL,
 applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, execution_time_ms INTEGER, status TEXT NOT NULL DEFAULT 'completed', rollback_at TIMESTAMP,
 applied_by TEXT, metadata TEXT, error_message TEXT, hostname TEXT, CHECK (status IN ('pending', 'running', 'completed', 'failed', 'rolled_back')))`
	namesTable = `CREATE TABLE migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, filename TEXT NOT NULL UNIQUE, applied_at DATETIME DEFAULT CURRENT_TIMESTAMP)`
)

// tables are the histories as they are made, with the tool's name for each.
// sqlx's and those behind it in this list are written from the tools' sources;
// those of Go's are made by the tools themselves in ../../bench, too.
var tables = []struct {
	tool  Tool
	table string
	ddl   string
}{
	{Goose, "goose_db_version", gooseTable},
	{GolangMigrate, "schema_migrations", golangMigrateTable},
	{Dbmate, "schema_migrations", dbmateTable},
	{SQLMigrate, "gorp_migrations", sqlMigrateTable},
	{Flyway, "flyway_schema_history", flywayTable},
	{Atlas, "atlas_schema_revisions", atlasTable},
	{Sqlx, "_sqlx_migrations", sqlxTable},
	{Refinery, "refinery_schema_history", refineryTable},
	{Diesel, "__diesel_schema_migrations", dieselTable},
	{Drizzle, "__drizzle_migrations", drizzleTable},
	{Drizzle, "__drizzle_migrations", drizzle1Table},
	{Drizzle, "__drizzle_migrations", `CREATE TABLE __drizzle_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, created_at INTEGER)`},
	{Prisma, "_prisma_migrations", prismaTable},
	{Rails, "schema_migrations", railsTable},
	{Ecto, "schema_migrations", ectoTable},
	{Knex, "knex_migrations", knexTable},
	{Bun, "bun_migrations", bunTable},
	{Gormigrate, "migrations", gormigrateTable},
	{D1, "d1_migrations", d1Table},
	{Maragudk, "migrations", maragudkTable},
	{Adlio, "schema_migrations", adlioTable},
	{Handwritten, "schema_version", versionTable},
	{Handwritten, "schema_version", versionTextTable},
	{Handwritten, "schema_version", `CREATE TABLE schema_version (version INTEGER NOT NULL)`},
	{Handwritten, "schema_version", `CREATE TABLE schema_version (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL)`},
	{Handwritten, "migration_history", historyTable},
	{Handwritten, "migrations", namesTable},
	{Handwritten, "schema_migrations", `CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL DEFAULT (datetime('now')), checksum TEXT NOT NULL)`},
	{Handwritten, "schema_migrations", `CREATE TABLE schema_migrations (filename TEXT PRIMARY KEY, applied_at TEXT)`},
	{Handwritten, "schema_migrations", `CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY)`},
	{Handwritten, "migration_history", `CREATE TABLE migration_history (id INTEGER PRIMARY KEY AUTOINCREMENT, migration_file TEXT NOT NULL, executed_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, success BOOLEAN DEFAULT 1)`},
}

func TestEveryTableHasOneShape(t *testing.T) {
	for _, c := range tables {
		t.Run(string(c.tool)+"/"+c.table, func(t *testing.T) {
			db := open(t, c.ddl)
			found := recognise(t, db, "")
			if len(found) != 1 || found[0].Tool != c.tool || found[0].Table != c.table {
				t.Fatalf("recognised %v, want %s (table %s)", found, c.tool, c.table)
			}
			matches := 0
			for i := range forms {
				if forms[i].matches(found[0].columns) {
					matches++
				}
			}
			if matches != 1 {
				t.Errorf("has the shape of %d tools", matches)
			}
			if h := read(t, db, found[0]); len(h.Entries) > 0 || h.live() {
				t.Errorf("an empty table has %v", h.Entries)
			}
			if h, m, err := choose(t, db, "", files(3, "%04d_a.sql"), ""); h != nil || m != nil || err != nil {
				t.Errorf("an empty table is chosen: %v, %v", h, err)
			}
		})
	}
}

func TestTheNameOfATableDoesNotMatterWhenItIsNamed(t *testing.T) {
	for _, c := range tables {
		if c.tool == D1 {
			continue // by the name it is D1's, by the shape anyone's
		}
		t.Run(string(c.tool)+"/"+c.table, func(t *testing.T) {
			const name = `the "Old" one`
			db := open(t, c.ddl, "ALTER TABLE "+identifier(c.table)+" RENAME TO "+identifier(name))
			if found := recognise(t, db, ""); len(found) != 0 {
				t.Errorf("found without its name: %v", found)
			}
			for _, spelt := range []string{name, strings.ToUpper(name)} {
				found := recognise(t, db, spelt)
				if len(found) != 1 || found[0].Tool != c.tool || found[0].Table != name {
					t.Fatalf("%s: recognised %v", spelt, found)
				}
				read(t, db, found[0])
			}
		})
	}
}

func TestOtherSpellingsAndColumnsOfAUser(t *testing.T) {
	for _, c := range tables {
		t.Run(string(c.tool)+"/"+c.table, func(t *testing.T) {
			upper := strings.ToUpper(c.table)
			db := open(t, c.ddl, "ALTER TABLE "+identifier(c.table)+" RENAME TO x", "ALTER TABLE x RENAME TO "+identifier(upper),
				"ALTER TABLE "+identifier(upper)+" ADD COLUMN ticket TEXT", "ALTER TABLE "+identifier(upper)+" ADD COLUMN reviewed_by TEXT DEFAULT 'me'")
			found := recognise(t, db, "")
			if strings.Contains(c.ddl, "schema_version") && strings.Contains(c.ddl, "version INTEGER NOT NULL") {
				return // a bare number beside others can be anything
			}
			if len(found) != 1 || found[0].Tool != c.tool {
				t.Fatalf("recognised %v", found)
			}
			read(t, db, found[0])
		})
	}
}

func TestTablesThatAreNoHistory(t *testing.T) {
	for _, ddl := range []string{
		`CREATE TABLE schema_migrations (species TEXT, from_place TEXT, to_place TEXT)`,
		`CREATE TABLE migrations (id INTEGER PRIMARY KEY, bird TEXT, version INTEGER)`,
		`CREATE TABLE schema_version (document TEXT, version TEXT)`,
		`CREATE TABLE goose_db_version (goose TEXT)`,
		`CREATE TABLE __drizzle_migrations (id INTEGER PRIMARY KEY, mm REAL)`,
		`CREATE VIEW schema_migrations AS SELECT 1 AS version, 0 AS dirty`,
		`CREATE VIRTUAL TABLE schema_migrations USING fts5(version, dirty)`,
		`CREATE TABLE migratingsqlite_history (set_name TEXT, version INTEGER, name TEXT, checksum TEXT, status TEXT, applied_at TEXT)`,
		`CREATE TEMP TABLE schema_migrations (version uint64, dirty bool)`,
		`CREATE TABLE django_migrations (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied datetime NOT NULL)`,
		`CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))`,
		`CREATE TABLE _migrations (file VARCHAR(255) PRIMARY KEY NOT NULL, applied INTEGER NOT NULL)`, // PocketBase's, which are no SQL
	} {
		if found := recognise(t, open(t, ddl), ""); len(found) != 0 {
			t.Errorf("%s\n\tis taken for %v", ddl, found)
		}
	}
}

func TestAVirtualTableOfAnUnknownModuleIsNotTouched(t *testing.T) {
	db := open(t, golangMigrateTable, "INSERT INTO schema_migrations VALUES (1, 0)", "PRAGMA writable_schema=ON",
		`INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('table', 'version_search', 'version_search', 0, 'CREATE VIRTUAL TABLE version_search USING nosuchmodule(a)')`)
	if found := recognise(t, db, ""); len(found) != 1 || found[0].Tool != GolangMigrate {
		t.Errorf("recognised %v", found)
	}
}

func TestANamedTableMustBeThere(t *testing.T) {
	db := open(t, `CREATE TABLE birds (id INTEGER PRIMARY KEY, species TEXT)`, `CREATE TABLE migratingsqlite_history (version INTEGER, applied_at TEXT)`)
	for table, want := range map[string]string{
		"geese":                   "there is no table geese, which _migrate_adopt_table names",
		"Birds":                   "table birds, which _migrate_adopt_table names, is no tool's history: its columns are id integer, species text",
		"migratingsqlite_history": "there is no table migratingsqlite_history, which _migrate_adopt_table names",
	} {
		if _, err := Recognise(ask(t, db, Queries(table)), table); !errors.Is(err, ErrUnusable) || err.Error() != want {
			t.Errorf("%s: %v, want %s", table, err, want)
		}
	}
}

func TestHint(t *testing.T) {
	db := open(t, gooseTable, "ALTER TABLE goose_db_version RENAME TO app_versions", sqlxTable)
	want := "table app_versions looks like a history of goose; if it is, say so with _migrate_adopt_table=app_versions"
	if got := Hint(ask(t, db, Queries(""))); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Hint(ask(t, open(t), Queries(""))); got != "" {
		t.Errorf("got %q of an empty database", got)
	}
}

// Each is a database as the tool leaves it, and what of it is found in a set.
func TestHistories(t *testing.T) {
	five := func(format string) []File { return files(5, format) }
	for _, c := range []struct {
		name  string
		db    []string
		files []File
		want  string
		say   []string // parts of what is said against it
	}{
		{"goose", []string{gooseTable, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1), (4, 1)`},
			five("%05d_a.sql"), "1 2 4", nil},
		{"goose, old: the last row of a version counts", []string{gooseTable, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1), (3, 1), (3, 0), (2, 0), (2, 1), (2, 1)`},
			five("%05d_a.sql"), "1 2", nil},
		{"goose: a newer program's version", []string{gooseTable, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (20240131000000, 1)`},
			five("%05d_a.sql"), "1 unknown 20240131000000", nil},

		{"golang-migrate", []string{golangMigrateTable, `INSERT INTO schema_migrations VALUES (3, 0)`},
			five("%06d_a.up.sql"), "1? 2? 3", nil},
		{"golang-migrate: a version that is gone", []string{golangMigrateTable, `INSERT INTO schema_migrations VALUES (3, 0)`},
			slices.Delete(five("%06d_a.up.sql"), 2, 3), "1? 2? unknown 3", nil},
		{"golang-migrate: dirty", []string{golangMigrateTable, `INSERT INTO schema_migrations VALUES (3, 1)`},
			five("%06d_a.up.sql"), "1? 2? refused 3", []string{"dirty at version 3", "`migrate force 3`", "`migrate force 2`"}},
		{"golang-migrate: the first is dirty", []string{golangMigrateTable, `INSERT INTO schema_migrations VALUES (1, 1)`},
			five("%06d_a.up.sql"), "refused 1", []string{"`migrate force -1`"}},
		{"golang-migrate: dirty below the first", []string{golangMigrateTable, `INSERT INTO schema_migrations VALUES (-1, 1)`},
			five("%06d_a.up.sql"), "refused -1", []string{"way down", "`migrate force V`"}},
		{"golang-migrate: two rows", []string{golangMigrateTable, `INSERT INTO schema_migrations VALUES (1, 0), (2, 0)`},
			five("%06d_a.up.sql"), "1 2 refused 0", []string{"2 rows"}},

		{"dbmate", []string{dbmateTable, `INSERT INTO schema_migrations VALUES ('001'), ('002'), ('10')`},
			five("%03d_a.sql"), "1 2 unknown 10", nil},
		{"dbmate: one number written twice", []string{dbmateTable, `INSERT INTO schema_migrations VALUES ('001'), ('1')`},
			five("%03d_a.sql"), "1 refused 1", []string{"both 001 and 1"}},

		{"sql-migrate", []string{sqlMigrateTable, `INSERT INTO gorp_migrations VALUES ('1_a.sql', '2026-11-21 23:39:21.692598719 +0000 UTC m=+0.395999151'), ('2_b.sql', NULL)`},
			five("%d_a.sql"), "1 unknown 2_b.sql", nil},
		{"sql-migrate: files with more digits", []string{sqlMigrateTable, `INSERT INTO gorp_migrations VALUES ('1_a.sql', NULL), ('2_a.sql', NULL)`},
			five("%04d_a.up.sql"), "1 2", nil},

		{"Rails", []string{railsTable, `INSERT INTO schema_migrations VALUES ('1'), ('2')`}, five("%d_a.sql"), "1 2", nil},
		{"Ecto", []string{ectoTable, `INSERT INTO schema_migrations VALUES (1, '2024-01-31T10:15:00'), (2, '2024-01-31T10:15:00')`}, five("%d_a.sql"), "1 2", nil},
		{"diesel", []string{dieselTable, `INSERT INTO __diesel_schema_migrations (version) VALUES ('20240131101500'), ('20240201101500')`},
			[]File{{Version: 20240131101500, Path: "2024-01-31-101500_a/up.sql", ID: "20240131101500"}, {Version: 20240201101500, Path: "2024-02-01-101500_b/up.sql"}}, "20240131101500 20240201101500", nil},
		{"diesel: a version that is no number", []string{dieselTable, `INSERT INTO __diesel_schema_migrations (version) VALUES ('00000000000000'), ('v2')`},
			[]File{{Version: 1, Path: "00000000000000_diesel_initial_setup/up.sql", ID: "00000000000000"}, {Version: 2, Path: "v2_b/up.sql", ID: "v2"}}, "1 2", nil},
		{"Knex", []string{knexTable, `INSERT INTO knex_migrations (name, batch, migration_time) VALUES ('0001_a.js', 1, 1700000000000), ('0003_a.js', 2, 1700000000000)`, `INSERT INTO knex_migrations_lock (is_locked) VALUES (0)`},
			five("%04d_a.sql"), "1 3", nil},
		{"Knex: locked", []string{knexTable, `INSERT INTO knex_migrations (name, batch, migration_time) VALUES ('0001_a.js', 1, 1700000000000)`, `INSERT INTO knex_migrations_lock (is_locked) VALUES (1)`},
			five("%04d_a.sql"), "1 refused 0", []string{"knex_migrations_lock", "`knex migrate:unlock`"}},
		{"Bun", []string{bunTable, `INSERT INTO bun_migrations (name, group_id) VALUES ('0001', 1), ('0002', 1)`},
			five("%04d_a.tx.up.sql"), "1? 2?", nil},
		{"Bun: locked", []string{bunTable, `INSERT INTO bun_migrations (name, group_id) VALUES ('0001', 1)`, `INSERT INTO bun_migration_locks (table_name) VALUES ('another'), ('"bun_migrations"')`},
			five("%04d_a.up.sql"), "1? refused 0", []string{"Migrator.Unlock"}},
		{"gormigrate", []string{gormigrateTable, `INSERT INTO migrations VALUES ('SCHEMA_INIT'), ('0001'), ('0002_a'), ('0003_other')`},
			five("%04d_a.sql"), "1 2 unknown 0003_other", nil},
		{"gormigrate: functions", []string{gormigrateTable, `INSERT INTO migrations VALUES ('201608301400'), ('201608301430')`},
			[]File{{Version: 201608301400, Name: "people"}, {Version: 201608301430, Name: "pets"}}, "201608301400 201608301430", nil},
		{"D1", []string{d1Table, `INSERT INTO d1_migrations (name) VALUES ('0001_a.sql'), ('0002_a.sql')`}, five("%04d_a.sql"), "1 2", nil},
		{"maragudk", []string{maragudkTable, `INSERT INTO migrations VALUES ('0003-a')`}, five("%04d-a.up.sql"), "1? 2? 3", nil},
		{"adlio", []string{adlioTable, fmt.Sprintf(`INSERT INTO schema_migrations VALUES ('0001_a', '%s', 3, '2024-01-31 10:15:00'), ('0002_a', 'beef', 3, '2024-01-31 10:15:00')`, md5Hex([]byte(text(1))))},
			five("%04d_a.sql"), "1= 2 changed 2", nil},

		{"schema_version: a row for each", []string{versionTable, `INSERT INTO schema_version (version) VALUES (1), (2), (3)`}, five("%04d_a.sql"), "1 2 3", nil},
		{"schema_version: only the newest", []string{versionTable, `INSERT INTO schema_version (version) VALUES (3)`}, five("%04d_a.sql"), "1? 2? 3", nil},
		{"schema_version: one is missing", []string{versionTable, `INSERT INTO schema_version (version) VALUES (2), (4)`}, five("%04d_a.sql"), "1? 2 4 skipped [3]", nil},
		{"schema_version: a newer program's", []string{versionTable, `INSERT INTO schema_version (version) VALUES (1), (6)`}, five("%04d_a.sql"), "1 unknown 6", nil},
		{"schema_version: 0 is none", []string{versionTable, `INSERT INTO schema_version (version) VALUES (0), (1)`}, five("%04d_a.sql"), "1", nil},
		{"schema_version: numbers as text", []string{versionTextTable, `INSERT INTO schema_version VALUES ('001', 'now', ''), ('v002', 'now', ''), ('3.0', 'now', '')`}, five("%04d_a.sql"), "1 2 3", nil},
		{"schema_version: names", []string{versionTextTable, `INSERT INTO schema_version VALUES ('0001_a', 'now', ''), ('0002_a.sql', 'now', ''), ('0003_z', 'now', '')`}, five("%04d_a.sql"), "1 2 unknown 0003_z", nil},
		{"schema_version: the file says which", []string{versionTextTable, `INSERT INTO schema_version VALUES ('1.0.0', 'now', '0001_a.sql'), ('1.4.2', 'now', 'migrations/0002_a.py')`}, five("%04d_a.sql"), "1 2", nil},
		{"schema_version: file and version disagree", []string{versionTextTable, `INSERT INTO schema_version VALUES ('1', 'now', '0002_a.sql')`}, five("%04d_a.sql"), "1? 2 refused 1",
			[]string{"by the version that is 0001_a.sql, by the file it is 0002_a.sql"}},
		{"schema_version: 1.0.0", []string{versionTextTable, `INSERT INTO schema_version VALUES ('1.0.0', 'now', 'initial')`}, five("%04d_a.sql"), "1?", nil},
		{"schema_version: 1.0.0 and 1.1.0", []string{versionTextTable, `INSERT INTO schema_version VALUES ('1.1.0', 'now', ''), ('1.0.0', 'now', 'initial')`}, five("%04d_a.sql"), "1? 2?", nil},
		{"schema_version: 1.9.0 before 1.10.0", []string{versionTextTable, `INSERT INTO schema_version VALUES ('1.10.0', 'now', ''), ('1.9.0', 'now', ''), ('1.0.0', 'now', '')`}, five("%04d_a.sql"), "1? 2? 3?", nil},
		{"schema_version: 1.1.0 alone", []string{versionTextTable, `INSERT INTO schema_version VALUES ('1.1.0', 'now', '')`}, five("%04d_a.sql"), "refused 0",
			[]string{"it is the first migration, 0001_a.sql, or the newest of several that are not recorded"}},
		{"schema_version: 2.0.0 as the third", []string{versionTextTable, `INSERT INTO schema_version VALUES ('1.0.0', 'now', ''), ('1.1.0', 'now', ''), ('2.0.0', 'now', '')`}, five("%04d_a.sql"), "1? 2? refused 0",
			[]string{"as a number it is 0002_a.sql, as the 3rd of its rows it is 0003_a.sql", "_migrate_baseline"}},
		{"schema_version: more of them than migrations", []string{versionTextTable, `INSERT INTO schema_version VALUES ('1.0.0', 'now', ''), ('1.1.0', 'now', '')`}, files(1, "%04d_a.sql"), "1? refused 0",
			[]string{"none of the program's migrations"}},

		{"migration_history", []string{historyTable, fmt.Sprintf(`INSERT INTO migration_history (version, description, checksum, status) VALUES
			(2, 'a', '%s', 'completed'), (3, 'a', 'legacy_backfill', 'completed'), (4, 'a', '%s', 'rolled_back')`, sha256Hex([]byte(text(2))), sha256Hex([]byte(text(4))))},
			five("V%03d__a/up.sql")[1:], "2= 3", nil},
		{"migration_history: edited", []string{historyTable, fmt.Sprintf(`INSERT INTO migration_history (version, description, checksum) VALUES (1, 'a', '%s')`, sha256Hex([]byte("SELECT 1")))},
			five("V%03d__a/up.sql"), "1 changed 1", []string{"V001__a/up.sql was edited after the project's own runner had applied it"}},
		{"migration_history: what was code", []string{historyTable, fmt.Sprintf(`INSERT INTO migration_history (version, description, checksum) VALUES (1, 'first one', '%s')`, sha256Hex([]byte("migrate_to_v1:first one")))},
			five("V%03d__a/up.sql"), "1=", nil},
		{"migration_history: failed", []string{historyTable, `INSERT INTO migration_history (version, description, checksum, status) VALUES (1, 'a', '', 'completed'), (2, 'a', '', 'failed'), (3, 'a', '', 'running')`},
			five("V%03d__a/up.sql"), "1 refused 2 refused 3", []string{"failed", "running", "correct the row"}},
		{"migration_history: a word of its own", []string{`CREATE TABLE migration_history (version INTEGER PRIMARY KEY, applied_at TEXT, status TEXT)`, `INSERT INTO migration_history VALUES (1, NULL, 'perhaps')`},
			five("V%03d__a/up.sql"), "refused 1", []string{`"perhaps"`}},
		{"migration_history: a log", []string{`CREATE TABLE migration_history (id INTEGER PRIMARY KEY, version INTEGER, applied_at TEXT, status TEXT)`,
			`INSERT INTO migration_history (version, status) VALUES (1, 'success'), (2, 'failed'), (2, 'success'), (3, 'success'), (3, 'rolled_back')`},
			five("%04d_a.sql"), "1 2", nil},
		{"migration_history: other spellings of a checksum", []string{historyTable, fmt.Sprintf(`INSERT INTO migration_history (version, description, checksum) VALUES (1, 'a', '%s'), (2, 'a', 'sha256:%s'), (3, 'a', '%s')`,
			strings.ToUpper(sha256Hex([]byte(text(1)))), sha256Hex([]byte(text(2))), sha256Hex([]byte(strings.TrimSpace(text(3)))))},
			five("V%03d__a/up.sql"), "1= 2= 3=", nil},
		{"schema_version: without a rowid", []string{`CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT) STRICT, WITHOUT ROWID`, `INSERT INTO schema_version VALUES (2, NULL), (1, NULL)`}, five("%04d_a.sql"), "1 2", nil},
		{"schema_version: failed below one that went well", []string{`CREATE TABLE schema_version (version INTEGER, status TEXT)`, `ALTER TABLE schema_version ADD COLUMN applied_at`, `INSERT INTO schema_version (version, status) VALUES (1, 'failed'), (2, 'ok')`},
			five("%04d_a.sql"), "2 refused 1", nil},
		{"names", []string{namesTable, `INSERT INTO migrations (filename) VALUES ('0001_a.sql'), ('0003_a.sql')`}, five("%04d_a.sql"), "1 3", nil},
		{"names: failed", []string{`CREATE TABLE migration_history (id INTEGER PRIMARY KEY AUTOINCREMENT, migration_file TEXT NOT NULL, executed_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, success BOOLEAN DEFAULT 1)`,
			`INSERT INTO migration_history (migration_file, success) VALUES ('0001_a.sql', 1), ('0002_a.sql', 0)`}, five("%04d_a.sql"), "1 refused 2", []string{"not successful"}},

		{"user_version", []string{`PRAGMA user_version = 3`}, five("%04d_a.sql"), "1? 2? 3?", nil},
		{"user_version: a newer program's", []string{`PRAGMA user_version = 7`}, five("%04d_a.sql"), "1? 2? 3? 4? 5? unknown 7", nil},
		{"user_version: scripts or a version", []string{`PRAGMA user_version = 3`}, slices.Delete(five("%04d_a.sql"), 0, 1), "refused 3",
			[]string{"3 scripts have run, the last of them 0004_a.sql, or it is the version of 0003_a.sql"}},
		{"user_version: scripts only", []string{`PRAGMA user_version = 2`}, []File{{Version: 10, Name: "a"}, {Version: 20, Name: "b"}}, "refused 2", []string{"the last of them is 20_b", "_migrate_baseline=20"}},
		{"user_version: a version, or more scripts than there are", []string{`PRAGMA user_version = 20`}, []File{{Version: 10, Name: "a"}, {Version: 20, Name: "b"}}, "refused 20", []string{"knows only 2"}},
		{"user_version: neither", []string{`PRAGMA user_version = 15`}, []File{{Version: 10, Name: "a"}, {Version: 20, Name: "b"}}, "refused 15", []string{"which no migration has"}},
		{"user_version: a date", []string{`PRAGMA user_version = 20240131`}, []File{{Version: 20240101, Name: "a"}, {Version: 20240131, Name: "b"}, {Version: 20240201, Name: "c"}}, "20240101? 20240131?", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, m := adopted(t, open(t, c.db...), c.files)
			if got := describe(m); got != c.want {
				t.Errorf("got %q, want %q; %v %v", got, c.want, m.Refusals, m.Changed)
			}
			said := fmt.Sprint(m.Refusals, m.Changed)
			for _, part := range c.say {
				if !strings.Contains(said, part) {
					t.Errorf("%s\n\tdoes not say %q", said, part)
				}
			}
			if strings.Contains(said, "%!") {
				t.Error(said)
			}
		})
	}
}

func TestSeveralHistories(t *testing.T) {
	both := []string{gooseTable, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1)`,
		golangMigrateTable, `INSERT INTO schema_migrations VALUES (2, 0)`, `PRAGMA user_version = 9`}
	set := files(3, "%04d_a.sql")
	_, _, err := choose(t, open(t, both...), "", set, "")
	want := "it has the histories of several tools: goose (table goose_db_version), golang-migrate (table schema_migrations); say with _migrate_adopt_table which table counts"
	if !errors.Is(err, ErrSeveral) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	for _, c := range []struct {
		table  string
		layout Tool
		want   string
	}{
		{"goose_db_version", "", "1"},
		{"schema_migrations", "", "1? 2"},
		{"", Goose, "1"},
		{"", GolangMigrate, "1? 2"},
		{"", UserVersion, "1? 2? 3? unknown 9"},
	} {
		_, m, err := choose(t, open(t, both...), c.table, set, c.layout)
		if err != nil {
			t.Fatal(err)
		}
		if got := describe(m); got != c.want {
			t.Errorf("table %q, layout %q: got %s, want %s", c.table, c.layout, got, c.want)
		}
	}
	// One that is empty says nothing.
	h, m := adopted(t, open(t, gooseTable, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)`, golangMigrateTable, `INSERT INTO schema_migrations VALUES (2, 0)`), set)
	if h.Tool != GolangMigrate || describe(m) != "1? 2" {
		t.Errorf("%s: %s", h, describe(m))
	}
}

// A project that made itself a better table leaves the older one behind.
func TestAProjectsOlderTable(t *testing.T) {
	better := fmt.Sprintf(`INSERT INTO migration_history (version, description, checksum) VALUES (2, 'a', 'legacy_backfill'), (3, 'a', 'legacy_backfill'), (4, 'a', '%s')`, sha256Hex([]byte(text(4))))
	set := files(5, "V%03d__a/up.sql")[1:]
	for _, version := range []int{2, 4} {
		h, m := adopted(t, open(t, historyTable, better, versionTable, fmt.Sprintf(`INSERT INTO schema_version (version) VALUES (%d)`, version)), set)
		if h.Table != "migration_history" || describe(m) != "2 3 4=" {
			t.Errorf("%d: %s: %s", version, h, describe(m))
		}
	}
	if _, _, err := choose(t, open(t, historyTable, better, versionTable, `INSERT INTO schema_version (version) VALUES (5)`), "", set, ""); !errors.Is(err, ErrSeveral) {
		t.Errorf("the older table knows more, and the error is %v", err)
	}
	// Some releases have nothing else.
	h, m := adopted(t, open(t, historyTable, `CREATE TABLE schema_version (version INTEGER)`, `INSERT INTO schema_version VALUES (2)`), set)
	if h.Table != "schema_version" || describe(m) != "2" {
		t.Errorf("%s: %s", h, describe(m))
	}
}

func TestCompanions(t *testing.T) {
	for ddl, want := range map[string]string{knexTable: "knex_migrations_lock", bunTable: "bun_migration_locks", railsTable: "ar_internal_metadata"} {
		if found := recognise(t, open(t, ddl), ""); !slices.Equal(found[0].Companions, []string{want}) {
			t.Errorf("got %v, want %s", found[0].Companions, want)
		}
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2024, 1, 31, 10, 15, 0, 0, time.UTC)
	for _, s := range []string{
		"1706696100", "1706696100000", "1706696100000.0", "1706696100000000", "1706696100000000000",
		"2024-01-31 10:15:00", "2024-01-31T10:15:00", "2024-01-31 10:15:00.000", "2024-01-31T10:15:00Z", "2024-01-31T10:15:00.000000+00:00",
		"2024-01-31 12:15:00+02:00", "2024-01-31 10:15:00 +0000 UTC m=+0.395999151", "2024-01-31 10:15:00 +0000 UTC", "2024-01-31 10:15:00 +0000 +0000", "2024-01-31 10:15",
	} {
		if got := parseTime(s); !got.Equal(at) {
			t.Errorf("%s is %s", s, got)
		}
	}
	for _, s := range []string{"", "never", "0", "-1", "7"} {
		if got := parseTime(s); !got.IsZero() {
			t.Errorf("%q is %s", s, got)
		}
	}
	db := open(t, gooseTable, `INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES (1, 1, '2024-01-31 10:15:00')`)
	if h, _ := adopted(t, db, nil); !h.Entries[0].At.Equal(at) {
		t.Errorf("goose: %s", h.Entries[0].At)
	}
}

func TestErrorsOfTheDatabaseAreNotNoHistory(t *testing.T) {
	busy := errors.New("database is locked")
	for i := range Queries("") {
		answers := ask(t, open(t, gooseTable), Queries(""))
		answers[i] = engine.Answer{Err: busy}
		if _, err := Recognise(answers, ""); !errors.Is(err, busy) {
			t.Errorf("query %d: %v", i, err)
		}
	}
	db := open(t, knexTable)
	c := recognise(t, db, "")[0]
	for i := range c.Queries() {
		answers := ask(t, db, c.Queries())
		answers[i] = engine.Answer{Err: busy}
		if _, err := c.Read(answers); !errors.Is(err, busy) {
			t.Errorf("query %d: %v", i, err)
		}
	}
	db = open(t, golangMigrateTable, `INSERT INTO schema_migrations VALUES ('abc', 0)`)
	if _, err := recognise(t, db, "")[0].Read(ask(t, db, recognise(t, db, "")[0].Queries())); err == nil || !strings.Contains(err.Error(), "not a number") {
		t.Errorf("a version that is no number: %v", err)
	}
	broken := errors.New("cannot be read")
	set := []File{{Version: 1, Path: "0001_a.sql", Text: func() ([]byte, error) { return nil, broken }}}
	db = open(t, sqlxTable, `INSERT INTO _sqlx_migrations VALUES (1, 'a', '', 1, x'00', 0)`)
	if _, _, err := choose(t, db, "", set, ""); !errors.Is(err, broken) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

// What may stand in a history that nobody of sound mind has written.
func TestOddRows(t *testing.T) {
	goose := `CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id, is_applied, tstamp, added_by_a_user TEXT NOT NULL DEFAULT '')`
	for name, c := range map[string]struct {
		db    []string
		files []File
		want  string
		err   string
	}{
		"text, blanks and a real":       {[]string{goose, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ('0', 1), (' 2 ', 'true'), (1.0, 1)`}, files(3, "%05d_a.sql"), "1 2", ""},
		"no version 0":                  {[]string{goose, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, 1), (1, 1)`}, files(3, "%05d_a.sql"), "1 2", ""},
		"a negative version":            {[]string{goose, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1), (-1, 1)`}, files(3, "%05d_a.sql"), "1 unknown -1", ""},
		"a word":                        {[]string{goose, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1), ('two', 1)`}, nil, "", `the history of goose (table goose_db_version) cannot be read: version_id: "two" is not a number; repair that row`},
		"NULL":                          {[]string{goose, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (NULL, 1)`}, nil, "", "version_id: NULL is not a number"},
		"a number that is none":         {[]string{goose, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999999999999999999, 1)`}, nil, "", "is not a number"},
		"golang-migrate: NULL":          {[]string{golangMigrateTable, `INSERT INTO schema_migrations VALUES (NULL, 0)`}, nil, "", "version: NULL is not a number"},
		"golang-migrate: dirty is NULL": {[]string{golangMigrateTable, `INSERT INTO schema_migrations VALUES (2, NULL)`}, files(3, "%06d_a.up.sql"), "1? 2", ""},
		"golang-migrate: words":         {[]string{golangMigrateTable, `INSERT INTO schema_migrations VALUES (' 2', 'TRUE')`}, files(3, "%06d_a.up.sql"), "1? refused 2", ""},
		"dbmate: NULL, nothing, blanks": {[]string{dbmateTable, `INSERT INTO schema_migrations VALUES (NULL), (''), ('002 '), ('1')`}, files(3, "%03d_a.sql"), "1 2", ""},
		"dbmate: a word":                {[]string{dbmateTable, `INSERT INTO schema_migrations VALUES ('001'), ('none')`}, files(3, "%03d_a.sql"), "1 unknown none", ""},
		"10 before 9":                   {[]string{versionTextTable, `INSERT INTO schema_version SELECT value, '', '' FROM json_each('["1","10","2","3","4","5","6","7","8","9"]')`}, files(11, "%d_a.sql"), "1 2 3 4 5 6 7 8 9 10", ""},
		"the newest, twice":             {[]string{`CREATE TABLE schema_version (version)`, `INSERT INTO schema_version VALUES (10), (9)`}, files(11, "%d_a.sql"), "1? 2? 3? 4? 5? 6? 7? 8? 9 10", ""},
		"sqlx: no checksum":             {[]string{sqlxTable, `INSERT INTO _sqlx_migrations VALUES (1, 'a', '', 1, x'', 0)`}, files(2, "%d_a.sql"), "1", ""},
		"sqlx: a part of one":           {[]string{sqlxTable, `INSERT INTO _sqlx_migrations VALUES (1, 'a', '', 1, x'00', 0)`}, files(2, "%d_a.sql"), "1 changed 1", ""},
		"Atlas: NULL":                   {[]string{`CREATE TABLE atlas_schema_revisions (version, description, type, applied, total, executed_at, hash, operator_version)`, `INSERT INTO atlas_schema_revisions (version) VALUES (1)`}, nil, "", "type of version 1: NULL is not a number"},
		"Drizzle: NULL":                 {[]string{drizzleTable, `INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('0001_a', NULL), ('', NULL)`}, files(2, "%04d_a.sql"), "1 unknown ", ""},
		"bytes that are no text":        {[]string{`CREATE TABLE schema_version (version BLOB PRIMARY KEY, applied_at)`, `INSERT INTO schema_version VALUES (x'ff00', 1), (1, 1)`}, files(2, "%04d_a.sql"), "1 unknown \xff", ""},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, c.db...)
			found := recognise(t, db, "")
			if len(found) != 1 {
				t.Fatalf("recognised %v", found)
			}
			h, err := found[0].Read(ask(t, db, found[0].Queries()))
			if c.err != "" {
				if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v does not say %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			m, err := h.Map(c.files)
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(m); got != strings.TrimSpace(c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestHistoriesThatAreNotRead(t *testing.T) {
	for want, ddl := range map[string]string{
		"[alembic_version] table alembic_version is of Alembic, whose history is not read":                             `CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))`,
		"[django_migrations] table django_migrations is of Django, whose history is not read":                          `CREATE TABLE django_migrations (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied datetime NOT NULL)`,
		"[_migrations] table _migrations is of PocketBase, whose history is not read":                                  `CREATE TABLE _migrations (file VARCHAR(255) PRIMARY KEY NOT NULL, applied INTEGER NOT NULL)`,
		"[DATABASECHANGELOG DATABASECHANGELOGLOCK] table DATABASECHANGELOG is of Liquibase, whose history is not read": `CREATE TABLE DATABASECHANGELOG (ID VARCHAR(255) NOT NULL, AUTHOR VARCHAR(255) NOT NULL, FILENAME VARCHAR(255) NOT NULL, ORDEREXECUTED INTEGER NOT NULL); CREATE TABLE DATABASECHANGELOGLOCK (ID INTEGER NOT NULL, LOCKED BOOLEAN NOT NULL)`,
		"[_prisma_ledger _prisma_marker] table _prisma_marker is of Prisma 8, whose history is not read":               `CREATE TABLE _prisma_marker (space TEXT PRIMARY KEY, core_hash TEXT NOT NULL); CREATE TABLE _prisma_ledger (id INTEGER PRIMARY KEY)`,
		"[_sqlite_migrations] table _sqlite_migrations is of sqlite-migrate, whose history is not read":                `CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)`,
		"[] ": `CREATE TABLE alembic_version (id INTEGER PRIMARY KEY)`,
	} {
		names, hint := Unread(ask(t, open(t, ddl), Queries("")))
		slices.Sort(names)
		if got := fmt.Sprint(names, " ", hint); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
