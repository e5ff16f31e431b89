package docs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"database/sql"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/source"
	_ "modernc.org/sqlite" // to look at databases without the driver
)

func switching(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("switching.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var cell = regexp.MustCompile("(?m)^\\| [^|]* \\| `([a-z0-9_-]+)` \\|")

func TestSwitchingNamesEveryLayout(t *testing.T) {
	var got []string
	for _, m := range cell.FindAllStringSubmatch(switching(t), -1) {
		got = append(got, m[1])
	}
	if want := source.Names(); !slices.Equal(got, want) {
		t.Errorf("the table has the layouts\n%q, internal/source has\n%q", got, want)
	}
}

var anchor = regexp.MustCompile(`\]\(#([^)]+)\)`)

func TestSwitchingHasTheSectionsOfItsTable(t *testing.T) {
	text := switching(t)
	sections := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(text, -1) {
		sections[strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(m[1]), ",", ""), " ", "-")] = true
	}
	for _, m := range anchor.FindAllStringSubmatch(text, -1) {
		if !sections[m[1]] {
			t.Errorf("there is no section #%s", m[1])
		}
	}
}

// first is the text of PEERS' test vectors, whose sums are not computed here.
const (
	first     = "CREATE TABLE users (\n  id INTEGER PRIMARY KEY\n);\n"
	second    = "ALTER TABLE users ADD COLUMN name TEXT;\n"
	firstSHA  = "ccff8e2d71dd0037f25e8848b8751caf2171c0900e1048535c6cc2cd50a0e962"
	gooseUp   = "-- +goose Up\n"
	atlasFile = "20240101000000_initial.sql"
)

func files(namesAndTexts ...string) fstest.MapFS {
	f := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		f[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	return f
}

// atlasSums are those of atlas.sum: of each file and all before it.
func atlasSums(namesAndTexts ...string) (list []string, file string) {
	running, total := sha256.New(), sha256.New()
	for i := 0; i < len(namesAndTexts); i += 2 {
		running.Write([]byte(namesAndTexts[i] + namesAndTexts[i+1]))
		sum := base64.StdEncoding.EncodeToString(running.Sum(nil))
		total.Write([]byte(namesAndTexts[i] + sum))
		list = append(list, sum) // without h1: in the database
		file += namesAndTexts[i] + " h1:" + sum + "\n"
	}
	return list, "h1:" + base64.StdEncoding.EncodeToString(total.Sum(nil)) + "\n" + file
}

// Each tool's database with its first migration, as PEERS.md and the tool's source
// have its table; bench/adopt has the tools themselves make them. The second
// migration comes with this driver.
func TestSwitchingFromEachTool(t *testing.T) {
	native := files("0001_initial.sql", first, "0002_name.sql", second)
	days := files("20240101000000_initial.sql", first, "20240102000000_name.sql", second)
	sums, sumFile := atlasSums(atlasFile, first, "20240102000000_name.sql", second)
	atlas := files(atlasFile, first, "20240102000000_name.sql", second, "atlas.sum", sumFile)
	for name, c := range map[string]struct {
		table, history string // the tool's table, and what makes it
		files          fstest.MapFS
		layout         string
	}{
		"goose": {"goose_db_version", "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now'))); INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1)",
			files("00001_initial.sql", gooseUp+first+"-- +goose Down\nDROP TABLE users;\n", "00002_name.sql", gooseUp+second), ""},
		"golang-migrate": {"schema_migrations", "CREATE TABLE schema_migrations (version uint64,dirty bool); CREATE UNIQUE INDEX version_unique ON schema_migrations (version); INSERT INTO schema_migrations VALUES (1, 0)",
			files("000001_initial.up.sql", first, "000001_initial.down.sql", "DROP TABLE users", "000002_name.up.sql", second), ""},
		"golang-migrate from 0": {"schema_migrations", "CREATE TABLE schema_migrations (version uint64,dirty bool); INSERT INTO schema_migrations VALUES (0, 0)",
			files("000000_initial.up.sql", first, "000001_name.up.sql", second), "golang-migrate"},
		"dbmate": {"schema_migrations", `CREATE TABLE "schema_migrations" (version varchar(128) primary key); INSERT INTO schema_migrations VALUES ('20240101000000')`,
			files("20240101000000_initial.sql", "-- migrate:up\n"+first+"-- migrate:down\nDROP TABLE users;\n", "20240102000000_name.sql", "-- migrate:up transaction:false\n"+second+"-- migrate:down\n"), ""},
		"sql-migrate": {"gorp_migrations", `CREATE TABLE "gorp_migrations" ("id" varchar(255) not null primary key, "applied_at" datetime); INSERT INTO gorp_migrations VALUES ('1-initial.sql', '2026-11-21 23:39:21.692598719 +0000 UTC m=+0.395999151')`,
			files("1-initial.sql", "-- +migrate Up\n"+first+"-- +migrate Down\nDROP TABLE users;\n", "10-name.sql", "-- +migrate Up notransaction\n"+second), ""},
		"Flyway": {"flyway_schema_history", `CREATE TABLE "flyway_schema_history" ("installed_rank" INT NOT NULL PRIMARY KEY, "version" VARCHAR(50), "description" VARCHAR(200) NOT NULL, "type" VARCHAR(20) NOT NULL, "script" VARCHAR(1000) NOT NULL, "checksum" INT, "installed_by" VARCHAR(100) NOT NULL, "installed_on" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')), "execution_time" INT NOT NULL, "success" BOOLEAN NOT NULL);
			CREATE INDEX "flyway_schema_history_s_idx" ON "flyway_schema_history" ("success"); INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) VALUES (1, '1', 'initial', 'SQL', 'V1__initial.sql', -1623917818, '', 3, 1)`,
			files("V1__initial.sql", first, "sub/V1.2.3__name.sql", second), ""},
		"Atlas": {"atlas_schema_revisions", "CREATE TABLE `atlas_schema_revisions` (`version` text NOT NULL, `description` text NOT NULL, `type` integer NOT NULL DEFAULT (2), `applied` integer NOT NULL DEFAULT (0), `total` integer NOT NULL DEFAULT (0), `executed_at` datetime NOT NULL, `execution_time` integer NOT NULL, `error` text NULL, `error_stmt` text NULL, `hash` text NOT NULL, `partial_hashes` json NULL, `operator_version` text NOT NULL, PRIMARY KEY (`version`)); INSERT INTO atlas_schema_revisions VALUES ('20240101000000', 'initial', 2, 1, 1, '2024-02-01 10:15:00', 1, '', '', '" + sums[0] + "', 'null', 'Atlas CLI')",
			atlas, ""},
		"sqlx": {"_sqlx_migrations", fmt.Sprintf("CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL); INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (20240101000000, 'initial', TRUE, x'%x', 1)", sha512.Sum384([]byte(first))),
			files("20240101000000_initial.sql", first, "20240102000000_name.sql", "-- no-transaction\n"+second), ""},
		"refinery": {"refinery_schema_history", "CREATE TABLE refinery_schema_history(version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255)); INSERT INTO refinery_schema_history VALUES (1, 'initial', '2024-01-31T10:15:00Z', '7664699191463170502')",
			files("V1__initial.sql", first, "V2__name.sql", second), "refinery"},
		"diesel": {"__diesel_schema_migrations", "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP); INSERT INTO __diesel_schema_migrations (version) VALUES ('20240131101500')",
			files("2024-01-31-101500_initial/up.sql", first, "2024-02-01-000000_name/up.sql", second, "2024-02-01-000000_name/metadata.toml", ""), ""},
		"Drizzle": {"__drizzle_migrations", "CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric); INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('" + firstSHA + "', 1700000000000)",
			files("meta/_journal.json", `{"dialect":"sqlite","entries":[{"idx":0,"when":1700000000000,"tag":"0000_initial"},{"idx":1,"when":1700000000001,"tag":"0001_name"}]}`, "0000_initial.sql", first, "0001_name.sql", second), ""},
		"Drizzle, edited since": {"__drizzle_migrations", "CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric); INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('0000', 1700000000000)",
			files("meta/_journal.json", `{"dialect":"sqlite","entries":[{"idx":0,"when":1700000000000,"tag":"0000_initial"},{"idx":1,"when":1700000000001,"tag":"0001_name"}]}`, "0000_initial.sql", "-- edited\n"+first, "0001_name.sql", second), ""},
		"Drizzle 1.0": {"__drizzle_migrations", "CREATE TABLE __drizzle_migrations (id INTEGER PRIMARY KEY, hash text NOT NULL, created_at numeric, name text, applied_at TEXT); INSERT INTO __drizzle_migrations VALUES (1, '" + firstSHA + "', 1704067200000, '20240101000000_initial', '2024-01-01')",
			files("20240101000000_initial/migration.sql", first, "20240101000000_initial/snapshot.json", "{}", "20240102000000_name/migration.sql", second, "20240102000000_name/snapshot.json", "{}"), ""},
		"Prisma, up to 7": {"_prisma_migrations", `CREATE TABLE "_prisma_migrations" ("id" TEXT PRIMARY KEY NOT NULL, "checksum" TEXT NOT NULL, "finished_at" DATETIME, "migration_name" TEXT NOT NULL, "logs" TEXT, "rolled_back_at" DATETIME, "started_at" DATETIME NOT NULL DEFAULT current_timestamp, "applied_steps_count" INTEGER UNSIGNED NOT NULL DEFAULT 0); INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at) VALUES ('u', '` + firstSHA + `', 1607009625336, '20240101000000_initial', 1607009625330)`,
			files("migration_lock.toml", "provider = \"sqlite\"\n", "20240101000000_initial/migration.sql", first, "20240102000000_name/migration.sql", second), ""},
		"rusqlite_migration":        {"", "PRAGMA user_version = 1", files("01-initial/up.sql", first, "02-name/up.sql", second), ""},
		"zombiezen sqlitemigration": {"", "PRAGMA user_version = 1; PRAGMA application_id = 7", native, ""},
		"Bun": {"bun_migrations", `CREATE TABLE "bun_migrations" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "name" VARCHAR, "group_id" INTEGER, "migrated_at" TIMESTAMP NOT NULL DEFAULT current_timestamp); CREATE TABLE "bun_migration_locks" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "table_name" VARCHAR, UNIQUE ("table_name")); INSERT INTO bun_migrations (name, group_id) VALUES ('20240101000000', 1)`,
			files("20240101000000_initial.tx.up.sql", first, "20240102000000_name.up.sql", second+"--bun:split\nSELECT 1"), ""},
		"gormigrate": {"migrations", "CREATE TABLE `migrations` (`id` varchar(255), PRIMARY KEY (`id`)); INSERT INTO migrations VALUES ('SCHEMA_INIT'), ('0001_initial')", native, ""},
		"Cloudflare D1": {"d1_migrations", "CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL); INSERT INTO d1_migrations (name) VALUES ('0000_initial.sql')",
			files("0000_initial.sql", first, "0001_name.sql", second), "d1"},
		"Knex":                          {"knex_migrations", "CREATE TABLE knex_migrations (id integer not null primary key autoincrement, name varchar(255), batch integer, migration_time datetime); CREATE TABLE knex_migrations_lock (\"index\" integer not null primary key autoincrement, is_locked integer); INSERT INTO knex_migrations (name, batch) VALUES ('0001_initial.js', 1); INSERT INTO knex_migrations_lock (is_locked) VALUES (0)", native, ""},
		"Rails":                         {"schema_migrations", `CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY); CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL); INSERT INTO schema_migrations VALUES ('20240101000000')`, days, ""},
		"Ecto":                          {"schema_migrations", `CREATE TABLE "schema_migrations" ("version" INTEGER PRIMARY KEY, "inserted_at" TEXT); INSERT INTO schema_migrations VALUES (20240101000000, '2024-01-01')`, days, ""},
		"tables of your own":            {"schema_version", "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT, description TEXT); INSERT INTO schema_version VALUES (1, '2024', 'first')", native, ""},
		"tables of your own, with dots": {"schema_version", "CREATE TABLE schema_version (version TEXT, applied_at TEXT, migration_file TEXT); INSERT INTO schema_version VALUES ('1.0.0', '2024', NULL)", native, ""},
		"databases without any history": {"", "", native, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if heading, _, _ := strings.Cut(name, ", "); !strings.Contains(strings.ToLower(switching(t)), "\n## "+strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(heading, " from 0"), " 1.0"))) {
				t.Errorf("there is no section %s", heading)
			}
			path := legacyDatabase(t, first, c.history, "INSERT INTO users VALUES (1), (2)")
			before := ""
			if c.table != "" {
				before = answer(t, path, "SELECT * FROM "+c.table)
			}
			for range 2 {
				if err := upgrade(path, "", c.files, c.layout); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := answer(t, path, "SELECT status FROM migratingsqlite_history WHERE set_name = 'app' ORDER BY version"), "baseline\napplied\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if got, want := answer(t, path, "SELECT id, name FROM users"), "1 <nil>\n2 <nil>\n"; got != want {
				t.Errorf("rows: got %q, want %q", got, want)
			}
			if c.table != "" && answer(t, path, "SELECT * FROM "+c.table) != before {
				t.Errorf("%s was changed", c.table)
			}
		})
	}
}

var textRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]+ \\|$")

// Every text of the table of refusals is one that the driver says.
func TestSwitchingRefusals(t *testing.T) {
	goose := "CREATE TABLE %s (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP); INSERT INTO %[1]s (version_id, is_applied) VALUES (0, 1), (1, 1), (%d, 1)"
	migrate := "CREATE TABLE schema_migrations (version uint64,dirty bool); INSERT INTO schema_migrations VALUES (%d, %d)"
	native := files("0001_initial.sql", first, "0002_name.sql", second)
	three := files("0001_initial.sql", first, "0002_other.sql", "CREATE TABLE other (x)", "0003_name.sql", second)
	legacy := map[string]struct {
		scripts []string
		files   fstest.MapFS
	}{
		"looks like a history of goose":    {[]string{first, fmt.Sprintf(goose, "my_versions", 1)}, native},
		"it has the histories of several":  {[]string{first, fmt.Sprintf(goose, "goose_db_version", 1), fmt.Sprintf(migrate, 1, 0)}, native},
		"schema_migrations is dirty":       {[]string{first, fmt.Sprintf(migrate, 2, 1)}, native},
		`has "9", and`:                     {[]string{first, fmt.Sprintf(goose, "goose_db_version", 9)}, native},
		"which is not among":               {[]string{first, fmt.Sprintf(goose, "goose_db_version", 2)}, files("0001_initial.sql", first, "0003_name.sql", second)},
		"was edited after":                 {[]string{first, "CREATE TABLE migration_history (version INTEGER PRIMARY KEY, checksum TEXT, applied_at TEXT); INSERT INTO migration_history VALUES (1, '" + strings.Repeat("0", 64) + "', '2024')"}, native},
		"0002_other is pending":            {[]string{first, second, fmt.Sprintf(migrate, 3, 0)}, three},
		"it should be at version 2":        {[]string{first, "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT); INSERT INTO schema_version VALUES (2, '2024')"}, native},
		"its structure comes nearest":      {[]string{first, "CREATE TABLE extra (x)"}, native},
		"its structure is that of several": {[]string{first, second}, files("0001_initial.sql", first, "0002_name.sql", second, "0003_rows.sql", "UPDATE users SET name = ''")},
		"nothing that the program's":       {[]string{"CREATE TABLE other (x)"}, native},
		"cannot be read: version_id":       {[]string{first, "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY, version_id, is_applied, tstamp); INSERT INTO goose_db_version (version_id, is_applied) VALUES ('two', 1)"}, native},
		"there is no table my_versions":    {[]string{first}, native},
		"user_version is 1":                {[]string{first, "PRAGMA user_version = 1"}, files("20240101000000_initial.sql", first)},
		"may be laid out":                  {nil, files("V1__initial.sql", first)},
		"a migration in Go":                {nil, files("00001_initial.sql", gooseUp+first, "00002_name.go", "package migrations")},
		"meta/_journal.json is missing":    {nil, files("0000_initial.sql", first, "meta/0000_snapshot.json", "{}")},
	}
	_, table, _ := strings.Cut(switching(t), "\n## When it is refused\n")
	texts := textRow.FindAllStringSubmatch(table, -1)
	if len(texts) != len(legacy) {
		t.Errorf("%d texts, %d cases", len(texts), len(legacy))
	}
	for start, c := range legacy {
		i := slices.IndexFunc(texts, func(m []string) bool { return strings.HasPrefix(m[1], start) })
		if i < 0 {
			t.Errorf("switching.md does not quote %q", start)
			continue
		}
		path := legacyDatabase(t, c.scripts...)
		params := ""
		if strings.Contains(start, "my_versions") {
			params = "?_migrate_adopt_table=my_versions"
		}
		err := upgrade(path, params, c.files, "")
		if err == nil || !strings.Contains(err.Error(), texts[i][1]) {
			t.Errorf("got %v\nand switching.md says %q", err, texts[i][1])
		} else if c.scripts != nil && !strings.Contains(err.Error(), "the database is unchanged") {
			t.Error(err)
		}
	}
}

// What the sections say besides.
func TestSwitchingClaims(t *testing.T) {
	const delimiter = "-- atlas:delimiter \\n\\n\n\nSELECT 1"
	_, delimiterSum := atlasSums("1_a.sql", delimiter)
	native := files("0001_initial.sql", first, "0002_name.sql", second)
	for name, c := range map[string]struct {
		params, layout string
		files          fstest.MapFS
		legacy         []string
		says           string // "" if it goes well
	}{
		"check writes nothing":            {"?_migrate=check", "", native, []string{first}, "pending"},
		"baseline for the one":            {"?_migrate_baseline=1", "", native, []string{first, "CREATE TABLE extra (x)"}, ""},
		"a table of another name":         {"?_migrate_adopt_table=v", "", native, []string{first, "CREATE TABLE v (version_id INTEGER, id INTEGER PRIMARY KEY, is_applied INTEGER); INSERT INTO v VALUES (0, 1, 1), (1, 2, 1)"}, ""},
		"goose, ENVSUB":                   {"", "", files("1_a.sql", "-- +goose Up\n-- +goose ENVSUB ON\nSELECT 1;"), nil, "variables of the environment"},
		"dbmate, the order of names":      {"", "", files("9_a.sql", "-- migrate:up\n-- migrate:down\n", "10_b.sql", "-- migrate:up\n-- migrate:down\n"), nil, "comes after 10_b.sql in the order of names"},
		"dbmate, a second section":        {"", "", files("9_a.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n-- migrate:up\n-- migrate:down\n"), nil, "a second -- migrate:up"},
		"Flyway, placeholders":            {"", "flyway", files("V1__a.sql", "SELECT '${x}'"), nil, "the placeholder ${x} is not replaced"},
		"Flyway, Java":                    {"", "flyway", files("V1__a.sql", "SELECT 1", "V2__b.java", ""), nil, "a migration in Java cannot be read"},
		"Atlas, a changed folder":         {"", "", files("1_a.sql", "SELECT 1", "atlas.sum", "h1:x\n1_a.sql h1:y\n"), nil, "is not what atlas.sum:2:1 says"},
		"Atlas, a delimiter":              {"", "atlas", files("1_a.sql", delimiter, "atlas.sum", delimiterSum), nil, "atlas:delimiter is not read"},
		"Prisma, another provider":        {"", "", files("migration_lock.toml", "provider = \"mysql\"\n", "20240101000000_a/migration.sql", "SELECT 1"), nil, "are for mysql, not for SQLite"},
		"rusqlite_migration, a gap":       {"", "", files("01-a/up.sql", "SELECT 1", "03-b/up.sql", "SELECT 1"), nil, "counts without gaps"},
		"Bun, its lock":                   {"", "", native, []string{first, "CREATE TABLE bun_migrations (id INTEGER PRIMARY KEY, name VARCHAR, group_id INTEGER, migrated_at TIMESTAMP); CREATE TABLE bun_migration_locks (id INTEGER PRIMARY KEY, table_name VARCHAR); INSERT INTO bun_migrations VALUES (1, '0001', 1, ''); INSERT INTO bun_migration_locks VALUES (1, 'bun_migrations')"}, "says that Bun is at work"},
		"Knex, its lock":                  {"", "", native, []string{first, "CREATE TABLE knex_migrations (id integer primary key, name varchar(255), batch integer, migration_time datetime); CREATE TABLE knex_migrations_lock (\"index\" integer primary key, is_locked integer); INSERT INTO knex_migrations VALUES (1, '0001_initial.js', 1, 1); INSERT INTO knex_migrations_lock VALUES (1, 1)"}, "says that Knex is at work"},
		"Knex, JavaScript":                {"", "", files("0001_a.js", "", "0002_b.sql", "SELECT 1"), nil, "a migration in JavaScript cannot be read"},
		"sqlx, failed":                    {"", "", native, []string{first, fmt.Sprintf("CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT, installed_on TIMESTAMP, success BOOLEAN, checksum BLOB, execution_time BIGINT); INSERT INTO _sqlx_migrations VALUES (1, 'initial', '', 0, x'%x', 1)", sha512.Sum384([]byte(first)))}, "sqlx did not finish version 1"},
		"Prisma, unfinished":              {"", "", native, []string{first, "CREATE TABLE _prisma_migrations (id TEXT, checksum TEXT, finished_at DATETIME, migration_name TEXT, logs TEXT, rolled_back_at DATETIME, started_at DATETIME); INSERT INTO _prisma_migrations VALUES ('u', '', NULL, '0001_initial', NULL, NULL, 1)"}, "prisma migrate resolve"},
		"Bun's row of a failed migration": {"", "", native, []string{first, "CREATE TABLE bun_migrations (id INTEGER PRIMARY KEY, name VARCHAR, group_id INTEGER, migrated_at TIMESTAMP); INSERT INTO bun_migrations VALUES (1, '0001', 1, ''), (2, '0002', 1, '')"}, ""},
		"a word that is not understood":   {"", "", native, []string{first, "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, status TEXT, applied_at TEXT); INSERT INTO schema_version VALUES (1, 'perhaps', '')"}, `says of 1 that it is "perhaps"`},
		"native, PRAGMA foreign_keys":     {"", "", files("0001_a.sql", "PRAGMA foreign_keys=OFF; SELECT 1"), nil, "0001_a.sql:1:1"},
		"a folder, PRAGMA foreign_keys":   {"", "", files("V001__a/up.sql", "PRAGMA foreign_keys=OFF; "+first+"PRAGMA foreign_keys=ON"), nil, ""},
		"Alembic":                         {"", "", native, []string{first, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"}, ""},
		"Alembic, another structure":      {"", "", native, []string{first, "CREATE TABLE extra (x)", "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"}, "(table alembic_version is of Alembic, whose history is not read)"},
		"Alembic, by a baseline":          {"?_migrate_baseline=1", "", native, []string{first, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"}, ""},
		"PocketBase":                      {"", "", native, []string{first, "CREATE TABLE _migrations (file VARCHAR(255) PRIMARY KEY NOT NULL, applied INTEGER NOT NULL); INSERT INTO _migrations VALUES ('0001_initial.js', 1)"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := legacyDatabase(t, c.legacy...)
			err := upgrade(path, c.params, c.files, c.layout)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if c.says != "" && c.legacy != nil && answer(t, path, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'migratingsqlite%'") != "0\n" {
				t.Error("something was written")
			}
		})
	}
}

func legacyDatabase(t *testing.T, scripts ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "app.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range scripts {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%v in %s", err, s)
		}
	}
	return path
}

func upgrade(path, params string, folder fstest.MapFS, layout string) error {
	opts := []migratingsqlite.SetOption{}
	if layout != "" {
		opts = append(opts, migratingsqlite.Layout(layout))
	}
	set, err := migratingsqlite.Load("app", folder, opts...)
	if err != nil {
		return err
	}
	c, err := migratingsqlite.NewConnector(path+params, migratingsqlite.WithSet(set))
	if err != nil {
		return err
	}
	db := sql.OpenDB(c)
	defer db.Close()
	return db.PingContext(context.Background())
}

func answer(t *testing.T, path, query string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for rows.Next() {
		row, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, row...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
