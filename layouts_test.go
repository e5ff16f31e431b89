package migratingsqlite_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/migratingsqlite/migratingsqlite"
)

// The folders of this file are written by hand after each tool's own source and
// documentation. bench/layouts_test.go runs goose, golang-migrate and sql-migrate
// themselves on such folders.

// A toolFolder is a folder of another tool, and what the tool makes of a new
// database.
type toolFolder struct {
	name     string
	layout   string // to be named; "" where the folder tells
	files    fstest.MapFS
	does     string // in plain SQL
	versions string
	opts     []migratingsqlite.SetOption
}

const (
	trigger = "CREATE TRIGGER touch AFTER UPDATE ON a\nBEGIN\n  UPDATE a SET y = CASE WHEN new.x THEN ';' ELSE 'END;' END WHERE x = new.x;\n  DELETE FROM a WHERE x = -1;\nEND"
	rebuild = "CREATE TABLE new_a (x INTEGER PRIMARY KEY, y TEXT, z);\nINSERT INTO new_a (x, y) SELECT x, y FROM a;\nDROP TABLE a;\nALTER TABLE new_a RENAME TO a;"
	tables  = "CREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT);\nCREATE TABLE b (x REFERENCES a ON DELETE CASCADE);\nINSERT INTO a VALUES (1, '; -- not a comment');\nINSERT INTO b VALUES (1);"
)

func toolFolders() []toolFolder {
	return []toolFolder{
		{name: "goose", files: files(
			"migrations/00001_init.sql", "\uFEFF-- a comment; with a semicolon\n-- +goose Up\n"+tables+"\n\n-- +goose Down\nDROP TABLE b;\nDROP TABLE a;\n",
			"migrations/9_trigger.sql", crlf("-- +goose Up\n-- +goose StatementBegin\n"+trigger+"\n-- +goose StatementEnd\n-- +goose StatementBegin\nCREATE TABLE c (x)\n-- +goose StatementEnd\n-- +goose down\nDROP TRIGGER touch;\n"),
			"migrations/10_rebuild.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nPRAGMA foreign_keys = OFF;\n"+rebuild+"\nPRAGMA foreign_keys = ON;\n",
			"migrations/11_nothing.sql", "-- +goose Up\n-- +goose Down\n",
			"migrations/embed.go", "package migrations",
			"migrations/README.md", "nothing",
			"migrations/notes.sql", "not a migration",
		), does: tables + trigger + ";CREATE TABLE c (x);" + rebuild, versions: "1_init 9_trigger 10_rebuild 11_nothing"},
		{name: "goose with Atlas and more beside it", files: files(
			"sqlite3/1_keys.sql", "-- +goose Up\n-- +goose StatementBegin\n-- foreign keys, please\nPRAGMA foreign_keys = ON;\n-- +goose StatementEnd\n\n-- +goose Down\n-- there is no way back from here; it's over",
			"sqlite3/2_init.sql", "-- +goose Up\n"+tables,
			"sqlite3/20250706190000_generate.py", "print()", "sqlite3/main.go", "package sqlite3", "sqlite3/atlas.sum", "h1:…",
		), does: tables, versions: "1_keys 2_init"},
		{name: "goose that was never in a transaction", files: files(
			"1_a.sql", "-- All goose .sql files are expected to have a -- +goose Up annotation.\n-- +goose NO TRANSACTION\n-- +goose Up\nPRAGMA foreign_keys=OFF;\nPRAGMA legacy_alter_table=ON;\n-- +goose StatementBegin\nBEGIN;\n"+tables+"\nCOMMIT;\n-- +goose StatementEnd\nPRAGMA legacy_alter_table=OFF;\nPRAGMA foreign_keys=ON;\n",
			"2_b.sql", "-- +goose Up\n-- +goose NO TRANSACTION\nVACUUM;\nCREATE TABLE c (x);\n",
		), does: tables + "CREATE TABLE c (x)", versions: "1_a 2_b"},
		{name: "golang-migrate", files: files(
			"000001_init.up.sql", "BEGIN;\n"+tables+"\nCOMMIT;",
			"000001_init.down.sql", "BEGIN;DROP TABLE b;DROP TABLE a;COMMIT;",
			"000002_trigger.up.sql", trigger,
			"000002_trigger.down.sql", "DROP TRIGGER touch",
		), does: tables + trigger, versions: "1_init 2_trigger"},
		{name: "golang-migrate from 0", layout: "golang-migrate", files: files(
			"000000_init.up.sqlite", tables,
			"000000_init.down.sqlite", "DROP TABLE b;DROP TABLE a;",
			"000001_.up.sql", trigger,
			"000002_nothing.up.sql", "",
			"notes.sql", "not a migration",
		), does: tables + trigger, versions: "1_init 2_000001 3_nothing"},
		{name: "golang-migrate with names that differ", layout: "golang-migrate", files: files(
			"1_init.up.sql", tables, "1_intit.down.sql", "DROP TABLE b",
			"2_trigger.up..sql", trigger, "10_nothing.up.sql", "-- nothing; at all", "10_nothing.down.sql", "",
			"10_postmigrate.go", "package migrations",
		), does: tables + trigger, versions: "1_init 2_trigger 10_nothing"},
		{name: "dbmate", files: files(
			"db/migrations/20240101000000_init.sql", "-- migrate:up\n"+tables+"\n\n-- migrate:down\nDROP TABLE b; DROP TABLE a;\n",
			"db/migrations/20240102000000.sql", "-- a comment\n\n--migrate:up transaction:false\nVACUUM;\n"+trigger+";\n-- migrate:down\n",
			"db/schema.sql", "CREATE TABLE IF NOT EXISTS \"schema_migrations\" (version varchar(128) primary key);",
		), opts: []migratingsqlite.SetOption{migratingsqlite.Dir("db/migrations")}, does: tables + trigger, versions: "20240101000000_init 20240102000000_20240102000000"},
		{name: "sql-migrate", files: files(
			"1-init.sql", "-- +migrate Up\n"+tables+"\n-- +migrate Down\nDROP TABLE b;\nDROP TABLE a;\n",
			"2-trigger.sql", "-- +migrate Up\n-- +migrate StatementBegin\n"+trigger+"\n-- +migrate StatementEnd\nCREATE TABLE c (x);\n\n-- +migrate Down\nDROP TABLE c;\n-- +migrate Up\nCREATE TABLE d (x);\n",
			"10-rebuild.sql", "-- +migrate Up notransaction\nPRAGMA foreign_keys=OFF;\n"+rebuild+"\nPRAGMA foreign_keys=ON;\n",
		), does: tables + trigger + ";CREATE TABLE c (x); CREATE TABLE d (x);" + rebuild, versions: "1_init 2_trigger 10_rebuild"},
		{name: "flyway", files: files(
			"sql/V1__init_all.sql", tables,
			"sql/v1/V1.1__trigger.sql", trigger+";",
			"sql/v1/U1.1__trigger.sql", "DROP TRIGGER touch;",
			"sql/v1/V1_2__big.SQL", "VACUUM; CREATE TABLE c (x)",
			"sql/v1/V1_2__big.SQL.conf", "# by itself\nexecuteInTransaction=false\nplaceholderReplacement=false\n",
			"sql/V2__rebuild.sql", "PRAGMA foreign_keys=OFF;\n"+rebuild+"\nPRAGMA foreign_keys=ON;",
			"sql/B2__all.sql", "CREATE TABLE wrong (x);",
			"sql/R__view.sql", "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 1",
			"sql/README.txt", "nothing",
		), does: tables + trigger + ";CREATE TABLE c (x);" + rebuild + "CREATE VIEW v AS SELECT 1", versions: "1000000000_init_all 1001000000_trigger 1002000000_big 2000000000_rebuild R__view"},
		{name: "flyway after its baseline", files: files(
			"B3__all.sql", tables, "V4__trigger.sql", trigger+";", "B2__less.sql", "CREATE TABLE wrong (x);",
		), does: tables + trigger, versions: "3000000000_all 4000000000_trigger"},
		{name: "refinery", layout: "refinery", files: files(
			"V1__init.sql", tables, "more/V2__trigger.sql", trigger, "U3__late.sql", "CREATE TABLE c (x)", "mod.rs", "//",
		), does: tables + trigger + ";CREATE TABLE c (x)", versions: "1_init 2_trigger 3_late"},
		{name: "atlas", files: summed(files(
			"20240101000000_init.sql", tables+"\n",
			"20240102000000.sql", "-- atlas:txmode none\n\nVACUUM;\n"+trigger+";\n",
			"20240103000000_all.sql", "-- atlas:checkpoint\n\nCREATE TABLE wrong (x);\n",
			"20240104000000_rebuild.sql", "-- Disable the enforcement of foreign-keys constraints\nPRAGMA foreign_keys = off;\n"+rebuild+"\n-- Enable back the enforcement of foreign-keys constraints\nPRAGMA foreign_keys = on;\n",
		)), does: tables + trigger + ";" + rebuild, versions: "20240101000000_init 20240102000000_20240102000000 20240104000000_rebuild"},
		{name: "atlas from its checkpoint", files: summed(files(
			"3_all.sql", "-- atlas:checkpoint v1\n\n"+tables+"\n", "4_trigger.sql", trigger+";\n",
		)), does: tables + trigger, versions: "3_all 4_trigger"},
		{name: "sqlx", files: files(
			"20240101000000_init.up.sql", tables,
			"20240101000000_init.down.sql", "DROP TABLE b; DROP TABLE a",
			"20240102000000_big.sql", "-- no-transaction\nVACUUM;\n"+trigger,
		), does: tables + trigger, versions: "20240101000000_init 20240102000000_big"},
		{name: "diesel", files: files(
			"migrations/.keep", "",
			"migrations/2024-01-01-000000_init/up.sql", tables,
			"migrations/2024-01-01-000000_init/down.sql", "DROP TABLE b; DROP TABLE a",
			"migrations/2024-01-02-000000_rebuild/down.sql", "",
			"migrations/2024-01-05-000000_last/down.sql", "-- there is no way back\n",
			"migrations/2024-01-02-000000_rebuild/up.sql", "PRAGMA foreign_keys=OFF;\nBEGIN;\n"+rebuild+"\nCOMMIT;\nPRAGMA foreign_keys=ON;\n",
			"migrations/2024-01-02-000000_rebuild/metadata.toml", "# comment = 1\nrun_in_transaction = false # yes\n",
			"migrations/2024-01-03-000000_vacuum/up.sql", "VACUUM",
			"migrations/2024-01-03-000000_vacuum/metadata.toml", "",
			"migrations/2024-01-04_100000_a_date/up.sql", "CREATE INDEX i ON a (y)",
			"migrations/2024-01-05-000000_last/up.sql", "CREATE INDEX j ON a (y)",
			"migrations/2024-01-06-000000_marker/up.sql", "-- Its way back is blocked -- see there.\nSELECT 1;\n",
			"migrations/2024-01-06-Notes on an export/notes.md", "nothing",
		), does: tables + rebuild + "CREATE INDEX i ON a (y); CREATE INDEX j ON a (y)",
			versions: "20240101000000_init 20240102000000_rebuild 20240103000000_vacuum 20240104000000_100000_a_date 20240105000000_last 20240106000000_marker"},
		{name: "drizzle", files: files(
			"drizzle/meta/_journal.json", `{"version":"7","dialect":"sqlite","entries":[
				{"idx":0,"version":"6","when":1700000000000,"tag":"0000_fast_hulk","breakpoints":true},
				{"idx":3,"version":"6","when":1700000000001,"tag":"0003_slow_thor","breakpoints":true}]}`,
			"drizzle/meta/_journal.json.bak", "{", "drizzle/meta/0000_snapshot.json", "{}",
			"drizzle/0000_fast_hulk.sql", strings.ReplaceAll(tables, ";\n", ";\n--> statement-breakpoint\n"),
			"drizzle/0001_left_out.sql", "CREATE TABLE wrong (x)",
			"drizzle/0003_slow_thor.sql", "PRAGMA foreign_keys=OFF;--> statement-breakpoint\n"+strings.ReplaceAll(rebuild, ";\n", "--> statement-breakpoint\n")+"--> statement-breakpoint\nPRAGMA foreign_keys=ON;--> statement-breakpoint\nCREATE INDEX i ON a (y)",
			"drizzle/0003_slow_thor.sql.bak", "nothing",
		), does: tables + rebuild + "CREATE INDEX i ON a (y)", versions: "1_fast_hulk 4_slow_thor"},
		{name: "drizzle that could not do it", files: files(
			"meta/_journal.json", `{"entries":[{"idx":0,"when":1700000000000,"tag":"0000_a"},{"idx":1,"when":1700000000001,"tag":"0001_b"}]}`,
			"0000_a.sql", strings.ReplaceAll(tables, ";\n", ";--> statement-breakpoint\n")+"--> statement-breakpoint\n/*\n SQLite does not support \"this\" out of the box, so it's to be done manually;\n*/--> statement-breakpoint\n/*\nALTER TABLE a RENAME TO old;\n*/\n--> statement-breakpoint\nCREATE INDEX i ON a (y);",
			"0001_b.sql", "/*\n SQLite does not support \"that\" either\n*/",
		), does: tables + "CREATE INDEX i ON a (y)", versions: "1_a 2_b"},
		{name: "drizzle that left its transaction", files: files(
			"meta/_journal.json", `{"entries":[{"idx":0,"when":1700000000000,"tag":"0000_a"},{"idx":1,"when":1700000000001,"tag":"0025_b-c"},{"idx":2,"when":1700000000002,"tag":"0026_d"}]}`,
			"0000_a.sql", tables, "0025_b-c.sql", "ALTER TABLE b ADD `c` text REFERENCES a(x);--> statement-breakpoint\nALTER TABLE b ADD `d` integer DEFAULT 1;",
			"0026_d.sql", "COMMIT TRANSACTION;\n--> statement-breakpoint\nPRAGMA foreign_keys=OFF;\n--> statement-breakpoint\nBEGIN TRANSACTION;\n--> statement-breakpoint\n"+strings.ReplaceAll(rebuild, ";\n", ";\n--> statement-breakpoint\n")+"\n--> statement-breakpoint\nCOMMIT TRANSACTION;\n--> statement-breakpoint\nPRAGMA foreign_keys=ON;\n--> statement-breakpoint\nBEGIN TRANSACTION;",
		), does: tables + "ALTER TABLE b ADD `c` text REFERENCES a(x); ALTER TABLE b ADD `d` integer DEFAULT 1;" + rebuild, versions: "1_a 2_b-c 3_d"},
		{name: "drizzle 1.0", files: files(
			"drizzle/20240101000000_init/migration.sql", tables, "drizzle/20240101000000_init/snapshot.json", "{}",
			"drizzle/20240102000000_trigger/migration.sql", trigger, "drizzle/20240102000000_trigger/snapshot.json", "{}",
		), does: tables + trigger, versions: "20240101000000_init 20240102000000_trigger"},
		{name: "prisma", files: files(
			"prisma/schema.prisma", "", "prisma/migrations/migration_lock.toml", "# Please do not edit\nprovider = \"sqlite\"\n",
			"prisma/migrations/0_init/migration.sql", tables,
			"prisma/migrations/20240102000000_rebuild/migration.sql", "-- RedefineTables\nPRAGMA defer_foreign_keys=ON;\nPRAGMA foreign_keys=OFF;\n"+rebuild+"\nPRAGMA foreign_keys=ON;\nPRAGMA defer_foreign_keys=OFF;\n\n-- CreateIndex\nCREATE INDEX i ON a (y);\n",
			"prisma/migrations/20240102000001_older/migration.sql", "/*\n  Warnings:\n\n  - It's gone; all of it.\n\n*/\n-- RedefineTables\nPRAGMA foreign_keys=OFF;\nDROP INDEX i;\nPRAGMA foreign_key_check(\"b\");\nPRAGMA foreign_key_check;\nPRAGMA foreign_keys=ON;\n",
			"prisma/migrations/20240103000000_empty/migration.sql", "-- This is an empty migration.",
			"prisma/migrations/20240104000000_/migration.sql", "-- no name was given\nCREATE INDEX j ON a (y);",
			"prisma/migrations/20240105000000_pulled/migration.sql", "-- CreateIndex\nPragma writable_schema=1;\nCREATE UNIQUE INDEX \"sqlite_autoindex_b_1\" ON \"b\"(\"x\");\nPragma writable_schema=0;\n",
		), does: tables + rebuild + `CREATE INDEX j ON a (y); PRAGMA writable_schema=1; CREATE UNIQUE INDEX "sqlite_autoindex_b_1" ON "b"("x"); PRAGMA writable_schema=0`,
			versions: "1_init 20240102000000_rebuild 20240102000001_older 20240103000000_empty 20240104000000_20240104000000 20240105000000_pulled"},
		{name: "rusqlite_migration", files: files(
			"01-init/up.sql", tables, "01-init/down.sql", "DROP TABLE b; DROP TABLE a;", "02-a_trigger/up.sql", trigger,
		), does: tables + trigger, versions: "1_init 2_a_trigger"},
		{name: "a runner with a folder for each", files: files(
			"V001__init/up.sql", "BEGIN TRANSACTION;\n"+tables+"\nCOMMIT;",
			"V002__rebuild/up.sql", "-- Rebuild a\nPRAGMA foreign_keys = OFF;\n\n"+rebuild+"\nPRAGMA foreign_keys = ON;\n",
			"V002__rebuild/down.sql", "PRAGMA foreign_keys = OFF;\nALTER TABLE a DROP COLUMN z;\nPRAGMA foreign_keys = ON;\n",
			"V002__rebuild/metadata.yaml", "version: 2",
			"V003__index/up.sql", "CREATE INDEX i ON a (y)", "V003__index/down.sql", "-- nothing to undo",
		), does: tables + rebuild + "CREATE INDEX i ON a (y)", versions: "1_init 2_rebuild 3_index"},
		{name: "bun", files: files(
			"20240101000000_init.tx.up.sql", strings.ReplaceAll(tables, ";\n", "\n--bun:split\n\n"),
			"20240101000000_init.tx.down.sql", "DROP TABLE b\n--bun:split\nDROP TABLE a",
			"20240102000000_trigger.up.sql", trigger,
			"main.go", "package migrations",
		), does: tables + trigger, versions: "20240101000000_init 20240102000000_trigger"},
		{name: "d1", layout: "d1", files: files(
			"0000_init.sql", tables, "0001_rebuild.sql", "PRAGMA defer_foreign_keys = on;\n"+rebuild+"\nPRAGMA defer_foreign_keys = off;\n",
			"0011_search.sql", "-- Migration number: 0011 \t 2025-11-25T21:53:13.390Z\n-- 1. a; then — \"search\"\nPRAGMA foreign_keys = OFF;\nPRAGMA defer_foreign_keys = TRUE;\nCREATE VIRTUAL TABLE found USING fts5(y, content='a', content_rowid='x');\n",
		), does: tables + rebuild + "CREATE VIRTUAL TABLE found USING fts5(y, content='a', content_rowid='x')", versions: "1_init 2_rebuild 12_search"},
		{name: "knex", layout: "knex", files: files(
			"20240101000000_init.sql", tables, "20240102000000-trigger.up.sql", trigger, "20240102000000-trigger.down.sql", "DROP TRIGGER touch",
		), does: tables + trigger, versions: "20240101000000_init 20240102000000_trigger"},
	}
}

func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// summed adds the atlas.sum of a folder, computed the other way round than the
// package does: each file's sum anew, over all before it.
func summed(fsys fstest.MapFS) fstest.MapFS {
	var names []string
	for name := range fsys {
		names = append(names, name)
	}
	slices.Sort(names)
	var before, list, total string
	for _, name := range names {
		before += name + string(fsys[name].Data)
		sum := sha256.Sum256([]byte(before))
		text := base64.StdEncoding.EncodeToString(sum[:])
		list += fmt.Sprintf("%s h1:%s\n", name, text)
		total += name + text
	}
	sum := sha256.Sum256([]byte(total))
	fsys["atlas.sum"] = &fstest.MapFile{Data: []byte("h1:" + base64.StdEncoding.EncodeToString(sum[:]) + "\n" + list)}
	return fsys
}

func TestFoldersOfOtherToolsAreReadAsTheyAre(t *testing.T) {
	for _, test := range toolFolders() {
		t.Run(test.name, func(t *testing.T) {
			opts := test.opts
			if test.layout != "" {
				opts = append(opts, migratingsqlite.Layout(test.layout))
			}
			set := load(t, "app", test.files, opts...)
			var versions []string
			for _, m := range set.Migrations() {
				versions = append(versions, strings.TrimLeft(m.String(), "0"))
			}
			want(t, strings.Join(versions, " "), test.versions)

			path := filepath.Join(t.TempDir(), "app.db")
			db := open(t, "file:"+path+"?_pragma=foreign_keys(1)", migratingsqlite.WithSet(set))
			if err := db.Ping(); err != nil {
				t.Fatal(err)
			}
			bare, err := sql.Open("sqlite", ":memory:")
			if err != nil {
				t.Fatal(err)
			}
			defer bare.Close()
			bare.SetMaxOpenConns(1)
			if _, err := bare.Exec(test.does); err != nil {
				t.Fatal(err)
			}
			want(t, contents(t, db), contents(t, bare))

			// The same program again.
			if err := open(t, path, migratingsqlite.WithSet(load(t, "app", test.files, opts...)), migratingsqlite.WithMode("check")).Ping(); err != nil {
				t.Error(err)
			}
		})
	}
}

// contents are the structure and the rows of a database, without the driver's
// own tables.
func contents(t *testing.T, db *sql.DB) string {
	t.Helper()
	var all []string
	query := func(q string) (list [][]any) {
		rows, err := db.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			row, to := make([]any, len(columns)), make([]any, len(columns))
			for i := range row {
				to[i] = &row[i]
			}
			if err := rows.Scan(to...); err != nil {
				t.Fatal(err)
			}
			list = append(list, row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, o := range query("SELECT type, name, sql FROM sqlite_schema WHERE tbl_name NOT LIKE 'migratingsqlite%' ORDER BY type, name") {
		all = append(all, fmt.Sprint(o...))
		if o[0] == "table" {
			all = append(all, fmt.Sprint(query(fmt.Sprintf("SELECT * FROM %q", o[1]))))
		}
	}
	return strings.Join(all, "\n")
}

func TestLayoutsThatAreRefused(t *testing.T) {
	nothing := func(version int64, name string) migratingsqlite.SetOption {
		return migratingsqlite.Func(version, name, func(ctx context.Context, tx migratingsqlite.Tx) error { return nil }, nil)
	}
	for _, test := range []struct {
		name   string
		layout string
		files  fstest.MapFS
		opts   []migratingsqlite.SetOption
		words  []string // none: it is fine
	}{
		{"no such layout", "goos", files("1_a.sql", "SELECT 1"), nil, []string{`"goos"`, "did you mean goose?", "golang-migrate"}},
		{"drizzle without its journal", "", files("0000_a.sql", "SELECT 1", "meta/0000_snapshot.json", "{}"), nil, []string{"meta/_journal.json is missing", "//go:embed all:"}},
		{"drizzle without its meta", "", files("drizzle/0000_a.sql", "SELECT 1"), nil, []string{"counts from 0", "//go:embed leaves out", "all:"}},
		{"keys enforced in a folder of its own", "", files("V001__a/up.sql", "PRAGMA foreign_keys = ON;\nDELETE FROM a;"), nil, []string{"V001__a/up.sql:1:1", "cascades"}},
		{"two tools' markers", "", files("1_a.sql", "-- +goose Up\nSELECT 1;", "2_b.sql", "-- migrate:up\n-- migrate:down\n"), nil, []string{"goose or dbmate", "1_a.sql:1:1", "2_b.sql:1:1"}},
		{"flyway or refinery", "", files("V1__a.sql", "SELECT 1", "V2__b.sql", "SELECT 1"), nil, []string{"flyway or refinery", "V1__a.sql", `Layout("flyway")`}},
		{"flyway and native", "", files("V1.1__a.sql", "SELECT 1", "0002_b.sql", "SELECT 1"), nil, []string{"native or flyway", "V1.1__a.sql", "0002_b.sql"}},
		{"prisma or drizzle", "", files("1_a/migration.sql", "SELECT 1"), nil, []string{"prisma or drizzle"}},
		{"Go beside goose", "", files("1_a.sql", "-- +goose Up\nSELECT 1;", "2_b.go", "package x", "2_b_test.go", ""), nil, []string{"2_b.go", "in Go", `Func(2, "b", …)`}},
		{"Go with its Func", "", files("1_a.sql", "-- +goose Up\nSELECT 1;", "2_b.go", "package x"), []migratingsqlite.SetOption{nothing(2, "b")}, nil},
		{"JavaScript beside SQL", "", files("20240101_a.sql", "SELECT 1", "20240102_b.js", "", "20240103_c.py", ""), nil, []string{"20240102_b.js", "JavaScript", `Func(20240102, "b", …)`, "20240103_c.py", "Python"}},
		{"JavaScript that is none", "native", files("20240101_a.sql", "SELECT 1", "20240102_b.js", ""), nil, nil},
		{"Java beside flyway", "flyway", files("V1__a.sql", "SELECT 1", "V2__b.java", ""), nil, []string{"V2__b.java", "Java", `Func(2000000000, "b", …)`}},
		{"Rust beside refinery", "", files("V1__a.sql", "SELECT 1", "V2__b.rs", ""), nil, []string{"V2__b.rs", "Rust", `Func(2, "b", …)`}},

		{"goose with variables", "", files("1_a.sql", "-- +goose Up\n-- +goose ENVSUB ON\nSELECT 1;"), nil, []string{"1_a.sql:2:1", "ENVSUB"}},
		{"goose with a typing error", "", files("1_a.sql", "-- +goose Up\nSELECT 1;\n-- +goose Dwon\nSELECT 2;"), nil, []string{"1_a.sql:3:1", `"Dwon"`}},
		{"goose with an indented annotation", "", files("1_a.sql", "-- +goose Up\nSELECT 1;\n  -- +goose Down\nSELECT 2;"), nil, []string{"1_a.sql:3:1", "blanks"}},
		{"goose in capitals", "", files("1_a.sql", "-- +goose Up\nSELECT 1;\n-- +GOOSE Down\nSELECT 2;"), nil, []string{"1_a.sql:3:1", "lower case"}},
		{"goose without an end", "", files("1_a.sql", "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- +goose Down\nSELECT 2;"), nil, []string{"1_a.sql:2:1", "StatementEnd"}},
		{"goose named, and another file", "goose", files("1_a.sql", "SELECT 1;"), nil, []string{"1_a.sql:1:1", "no -- +goose Up"}},
		{"dbmate: 10 before 9", "", files("9_a.sql", "-- migrate:up\n-- migrate:down\n", "10_b.sql", "-- migrate:up\n-- migrate:down\n"), nil, []string{"9_a.sql: comes after 10_b.sql in the order of names"}},
		{"dbmate without down", "", files("9_a.sql", "-- migrate:up\nSELECT 1;"), nil, []string{"9_a.sql:1:1", "no -- migrate:down"}},
		{"dbmate with an indented marker", "", files("9_a.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n --migrate:up\n"), nil, []string{"9_a.sql:4:1", "start of a line"}},
		{"dbmate with a statement before", "", files("9_a.sql", "SELECT 1;\n-- migrate:up\n-- migrate:down\n"), nil, []string{"9_a.sql:1:1", "before the first section"}},
		{"sql-migrate without a number", "", files("init.sql", "-- +migrate Up\nSELECT 1;"), nil, []string{"init.sql", "does not begin with one"}},
		{"sql-migrate with one number twice", "", files("1-a.sql", "-- +migrate Up\nSELECT 1;", "01-b.sql", "-- +migrate Up\nSELECT 1;"), nil, []string{"number 1 stands in 01-b.sql already"}},
		{"sql-migrate's unknown command", "", files("1-a.sql", "-- +migrate Up\nSELECT 1;\n-- +migrate down\nSELECT 2;"), nil, []string{"1-a.sql:3:1", `"down"`}},
		{"a placeholder", "", files("V1.1__a.sql", "CREATE TABLE a(x);\nINSERT INTO ${table} VALUES (1);"), nil, []string{"V1.1__a.sql:2:13", "${table}"}},
		{"a callback", "", files("V1.1__a.sql", "SELECT 1", "beforeMigrate.sql", "SELECT 1"), nil, []string{"beforeMigrate.sql", "callback"}},
		{"one underscore", "", files("V1.1__a.sql", "SELECT 1", "V2_b.sql", "SELECT 1"), nil, []string{"V2_b.sql", "two underscores"}},
		{"a version that is no number", "", files("V1.1000__a.sql", "SELECT 1"), nil, []string{"V1.1000__a.sql", "room for parts below 1000"}},
		{"the same version", "", files("V1.1__a.sql", "SELECT 1", "x/V1.1.0__a.sql", "SELECT 1"), nil, []string{"x/V1.1.0__a.sql", "stands in V1.1__a.sql already"}},
		{"an order that numbers do not have", "", files("V300__a.sql", "SELECT 1", "V202401011200__b.sql", "SELECT 1", "B1__c.sql", "SELECT 1"), nil, []string{"in one manner"}},
		{"a .conf with more", "", files("V1.1__a.sql", "SELECT 1", "V1.1__a.sql.conf", "shouldExecute=false"), nil, []string{"V1.1__a.sql.conf:1:1", "shouldExecute"}},

		{"an edited file", "", edited(summed(files("1_a.sql", "SELECT 1;", "2_b.sql", "SELECT 1;")), "2_b.sql", "SELECT 2;"), nil, []string{"2_b.sql: is not what atlas.sum:3:1 says", "atlas migrate hash"}},
		{"an added file", "", edited(summed(files("1_a.sql", "SELECT 1;")), "2_b.sql", "SELECT 2;"), nil, []string{"2_b.sql: is not in atlas.sum"}},
		{"a deleted file", "", edited(summed(files("1_a.sql", "SELECT 1;", "2_b.sql", "SELECT 1;")), "2_b.sql", ""), nil, []string{"atlas.sum:3:1: the file 2_b.sql is missing"}},
		{"no sum", "atlas", files("1_a.sql", "SELECT 1;"), nil, []string{"atlas.sum: is missing"}},
		{"a delimiter", "", summed(files("1_a.sql", "-- atlas:delimiter \\n\\n\n\nSELECT 1")), nil, []string{"1_a.sql:1:1", "atlas:delimiter"}},
		{"a version of letters", "", summed(files("v1_a.sql", "SELECT 1")), nil, []string{"v1_a.sql", "has to be a number"}},

		{"diesel's empty script", "", files("2024-01-01-000000_a/up.sql", "-- nothing"), nil, []string{"2024-01-01-000000_a/up.sql:1:1", "no statement"}},
		{"diesel's other metadata", "", files("2024-01-01-000000_a/up.sql", "SELECT 1", "2024-01-01-000000_a/metadata.toml", "run_in_transaction = \"no\""), nil, []string{"metadata.toml:1:1", "true or false"}},
		{"a gap", "", files("1-a/up.sql", "SELECT 1", "3-b/up.sql", "SELECT 1"), nil, []string{"3-b: number 2 is missing"}},
		{"another database's", "", files("migration_lock.toml", "# x\nprovider = \"postgresql\"", "1_a/migration.sql", "SELECT 1"), nil, []string{"migration_lock.toml:2:1", "postgresql"}},
		{"a folder without its file", "", files("migration_lock.toml", "provider = \"sqlite\"", "1_a/migration.sql", "SELECT 1", "2_b/README.md", ""), nil, []string{"2_b: migration.sql is missing"}},

		{"a broken journal", "", files("meta/_journal.json", "{\n \"entries\": [}", "0000_a.sql", "SELECT 1"), nil, []string{"meta/_journal.json:2:14"}},
		{"a journal without its file", "", files("meta/_journal.json", `{"entries":[{"idx":0,"tag":"0000_a"}]}`, "0001_b.sql", "SELECT 1"), nil, []string{"0000_a.sql: the file is missing"}},
		{"one idx twice", "", files("meta/_journal.json", `{"entries":[{"idx":0,"tag":"0000_a"},{"idx":0,"tag":"0000_b"}]}`, "0000_a.sql", "SELECT 1", "0000_b.sql", "SELECT 1"), nil, []string{"entry 0000_b has idx 0"}},
		{"another dialect", "", files("meta/_journal.json", `{"dialect":"postgresql","entries":[{"idx":0,"tag":"0000_a"}]}`, "0000_a.sql", "SELECT 1"), nil, []string{"postgresql"}},
		{"both journals", "", files("meta/_journal.json", `{}`, "20240101000000_a/migration.sql", "SELECT 1"), nil, []string{"drizzle-kit up"}},
		{"a breakpoint in a string", "", files("meta/_journal.json", `{"entries":[{"idx":0,"tag":"0000_a"}]}`, "0000_a.sql", "SELECT 1;\nSELECT '--> statement-breakpoint'"), nil, []string{"0000_a.sql:2:9", "inside of a string"}},
		{"a breakpoint in a comment", "", files("meta/_journal.json", `{"entries":[{"idx":0,"tag":"0000_a"}]}`, "0000_a.sql", "SELECT 1; -- here --> statement-breakpoint\nSELECT 2"), nil, []string{"0000_a.sql:1:19", "inside of a string"}},
		{"bun's other directive", "", files("1_a.tx.up.sql", "SELECT 1\n--bun:spilt\nSELECT 2"), nil, []string{"1_a.tx.up.sql:2:1", `"spilt"`}},

		// What a transaction cannot have, in a layout that takes some of it out.
		{"BEGIN without COMMIT", "golang-migrate", files("1_a.up.sql", "BEGIN;\nSELECT 1;"), nil, []string{"1_a.up.sql:1:1: BEGIN"}},
		{"ROLLBACK", "golang-migrate", files("1_a.up.sql", "BEGIN;\nSELECT 1;\nROLLBACK;"), nil, []string{"1_a.up.sql:1:1: BEGIN", "1_a.up.sql:3:1: ROLLBACK"}},
		{"VACUUM", "golang-migrate", files("1_a.up.sql", "SELECT 1;\nVACUUM;"), nil, []string{"1_a.up.sql:2:1", "VACUUM"}},
		{"keys enforced for a cascade", "golang-migrate", files("1_a.up.sql", "PRAGMA foreign_keys = ON;\nDELETE FROM a;"), nil, []string{"1_a.up.sql:1:1", "DELETE in line 2", "cascades"}},
		{"keys enforced for nothing", "golang-migrate", files("1_a.up.sql", "PRAGMA foreign_keys = ON;\nCREATE TABLE a (x); INSERT INTO a VALUES (1);"), nil, nil},
		{"two transactions", "golang-migrate", files("1_a.up.sql", "BEGIN; SELECT 1; END; BEGIN IMMEDIATE; SELECT 2; COMMIT;"), nil, nil},
		{"out of the tool's transaction and into a new one", "goose", files("1_a.sql", "-- +goose Up\nCOMMIT; PRAGMA foreign_keys = off; BEGIN; CREATE TABLE a (x); COMMIT; PRAGMA foreign_keys = on; BEGIN;"), nil, nil},
		{"a half transaction outside of one", "goose", files("1_a.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nBEGIN;\nCREATE TABLE a (x);\nCOMMIT;\nVACUUM;"), nil, []string{"1_a.sql:3:1: BEGIN", "1_a.sql:5:1: COMMIT"}},
		{"native stays as it was", "native", files("1_a.up.sql", "BEGIN; SELECT 1; COMMIT;"), nil, []string{"1_a.up.sql:1:1: BEGIN", "Layout"}},
		{"a number 0", "", files("0000_a.sql", "SELECT 1"), nil, []string{"version 0000", "counts from 0"}},
		{"our directives in other files", "", files("1_a.sql", "-- migratingsqlite: breaking\n-- +goose Up\n-- migratingsqlite: compatible\nSELECT 1;"), nil, []string{"1_a.sql:3:1", "compatible or breaking"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := test.opts
			if test.layout != "" {
				opts = append(opts, migratingsqlite.Layout(test.layout))
			}
			_, err := migratingsqlite.Load("app", test.files, opts...)
			if len(test.words) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, migratingsqlite.ErrMalformed, append(test.words, "set app: ")...)
		})
	}
}

// edited changes a file, or deletes it.
func edited(fsys fstest.MapFS, name, text string) fstest.MapFS {
	if delete(fsys, name); text != "" {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// What a file says of the other direction is no part of the migration.
func TestTheChecksumIsOfTheUpSection(t *testing.T) {
	sum := func(texts ...string) string {
		return app(t, texts...).Migrations()[0].Checksum
	}
	first := sum("1_a.sql", "-- +goose Up\nCREATE TABLE a (x);\n-- +goose Down\nDROP TABLE a;")
	want(t, sum("1_a.sql", "-- of a\n-- +goose Up\n\nCREATE TABLE a (x);\n\n-- +goose Down\n\nDROP TABLE IF EXISTS a;\n"), first)
	if sum("1_a.sql", "-- +goose Up\nCREATE TABLE a (y);\n-- +goose Down\nDROP TABLE a;") == first {
		t.Error("another script has the same checksum")
	}
	// Whole files have one checksum, whatever layout they are read by.
	text := "BEGIN;\nCREATE TABLE a (x);\nCOMMIT;\n"
	plain := load(t, "app", files("1_a.up.sql", text))
	want(t, plain.Migrations()[0].Checksum, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))))
	want(t, load(t, "app", files("1_a.sql", text), migratingsqlite.Layout("d1")).Digest(), plain.Digest())
}

// Errors of an upgrade name the place in the file that people see.
func TestAFailureInASectionNamesTheLineOfTheFile(t *testing.T) {
	set := app(t, "1_a.sql", "-- +goose Up\nCREATE TABLE a (x);\n\n  INSERT INTO b VALUES (1);\n-- +goose Down\nDROP TABLE a;")
	err := open(t, filepath.Join(t.TempDir(), "app.db"), migratingsqlite.WithSet(set)).Ping()
	var failed *migratingsqlite.MigrationError
	if !errors.As(err, &failed) || failed.Line != 4 || failed.Column != 3 {
		t.Errorf("%v", err)
	}
}

// The way back is kept without what belongs to the way there.
func TestTheDownSectionIsKept(t *testing.T) {
	set := app(t, "1_a.sql", "-- +goose Up\nCREATE TABLE a (x);\n-- +goose Down\n-- +goose StatementBegin\nDROP TABLE a;\n-- +goose StatementEnd\n", "2_b.sql", "-- +goose Up\nCREATE TABLE b (x);\n")
	db := open(t, filepath.Join(t.TempDir(), "app.db"), migratingsqlite.WithSet(set))
	var down string
	var none sql.NullString
	if err := db.QueryRow("SELECT down_sql FROM migratingsqlite_history WHERE version = 1 AND set_name = 'app'").Scan(&down); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow("SELECT down_sql FROM migratingsqlite_history WHERE version = 2 AND set_name = 'app'").Scan(&none); err != nil {
		t.Fatal(err)
	}
	want(t, strings.Fields(strings.TrimPrefix(down, "-- +goose StatementBegin")), []string{"DROP", "TABLE", "a;", ";"})
	want(t, none.Valid, false)
}

// A file that a version gets does not depend on the files that come later.
func TestVersionsStayWhenFilesAreAdded(t *testing.T) {
	for _, test := range toolFolders() {
		if len(test.opts) > 0 || strings.HasPrefix(test.name, "atlas") || strings.HasPrefix(test.name, "drizzle") {
			continue // other files tell of these
		}
		opts := []migratingsqlite.SetOption{}
		if test.layout != "" {
			opts = append(opts, migratingsqlite.Layout(test.layout))
		}
		all := load(t, "app", test.files, opts...).Migrations()
		fewer := fstest.MapFS{}
		for name, f := range test.files {
			if name != all[len(all)-1].File {
				fewer[name] = f
			}
		}
		set, err := migratingsqlite.Load("app", fewer, opts...)
		if err != nil {
			continue // what is left of two files may be no folder of the tool any more
		}
		for i, m := range set.Migrations() {
			if m.Version != all[i].Version {
				t.Errorf("%s: %s was %s", test.name, all[i], m)
			}
		}
	}
}

func TestADSNNamesTheLayout(t *testing.T) {
	migratingsqlite.Register("layouts", files("V1__a.sql", "CREATE TABLE a (x)", "V2__b.sql", "CREATE TABLE b (x)"))
	path := filepath.Join(t.TempDir(), "app.db")
	_, err := migratingsqlite.NewConnector(path + "?_migrate_set=layouts")
	wantError(t, err, migratingsqlite.ErrMalformed, "_migrate_layout=flyway")
	for layout, newest := range map[string]int64{"refinery": 2, "flyway": 2_000_000_000} {
		db, err := sql.Open("migratingsqlite", fmt.Sprintf("%s.%s?_migrate_set=layouts&_migrate_layout=%s", path, layout, layout))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var version int64
		if err := db.QueryRow("SELECT version FROM migratingsqlite_state WHERE set_name = 'layouts'").Scan(&version); err != nil {
			t.Fatal(err)
		}
		want(t, version, newest)
	}
	// So it does for a set that was given in code.
	set := load(t, "app", files("1_a.up.sql", "CREATE TABLE a (x)"))
	if err := open(t, path+"?_migrate_layout=golang-migrate", migratingsqlite.WithSet(set)).Ping(); err != nil {
		t.Error(err)
	}
	_, err = migratingsqlite.NewConnector(path+"?_migrate_layout=goose", migratingsqlite.WithSet(set))
	wantError(t, err, migratingsqlite.ErrMalformed, "no -- +goose Up")
}
