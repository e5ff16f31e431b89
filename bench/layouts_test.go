package bench_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/migratingsqlite/migratingsqlite"
)

// The tool itself and this driver make the same database of the same folder.
func TestFoldersGiveWhatTheirToolsGive(t *testing.T) {
	const trigger = "CREATE TRIGGER touch AFTER UPDATE ON a\nBEGIN\n  UPDATE a SET y = CASE WHEN new.x THEN ';' ELSE 'END;' END WHERE x = new.x;\n  DELETE FROM a WHERE x = -1;\nEND"
	const rebuild = "CREATE TABLE new_a (x INTEGER PRIMARY KEY, y TEXT, z);\nINSERT INTO new_a (x, y) SELECT x, y FROM a;\nDROP TABLE a;\nALTER TABLE new_a RENAME TO a;\n"
	folder := func(namesAndTexts ...string) fstest.MapFS {
		files := fstest.MapFS{}
		for i := 0; i < len(namesAndTexts); i += 2 {
			files[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
		}
		return files
	}
	windows := func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
	for _, test := range []struct {
		layout string
		named  bool // the folder could also be another tool's
		open   func(path string, files fstest.MapFS) (*sql.DB, error)
		files  fstest.MapFS
	}{
		{"goose", false, openGoose, folder(
			"00001_init.sql", "-- a comment; of two parts;\n\n-- +goose Up\n-- another;\nCREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT); -- last;\nINSERT INTO a VALUES (1, 'x'), (2, '-- y'); INSERT INTO a VALUES (3, '');\n\n-- +goose Down\nDROP TABLE a;\n",
			"9_trigger.sql", windows("-- +goose up\n-- +goose StatementBegin\n"+trigger+";\n-- +goose StatementEnd\n-- +goose StatementBegin\nCREATE TABLE c (x)\n-- +goose StatementEnd\nUPDATE a SET y = 'z'\nWHERE x = 2;\n--+goose DOWN\nDROP TABLE c;\n"),
			"10_rebuild.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nPRAGMA foreign_keys = OFF;\nBEGIN;\n"+rebuild+"COMMIT;\nPRAGMA foreign_keys = ON;\n",
			"11_empty.sql", "-- +goose Up\n",
			"12_vacuum.sql", "-- +goose Up\n-- +goose NO TRANSACTION\nVACUUM;\nCREATE TABLE d (x);\n",
			"20240101000000_fts.sql", "-- +goose Up\nCREATE VIRTUAL TABLE docs USING fts5 (title, tokenize = \"unicode61\");\nINSERT INTO docs VALUES ('a;b');\n-- +goose Down\nDROP TABLE docs;\n",
			"notes.sql", "not a migration", "README.md", "nothing",
		)},
		{"golang-migrate", true, openMigrate, folder(
			"0_init.up.sql", "CREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT);\nINSERT INTO a VALUES (1, 'x'), (2, '-- y')",
			"0_init.down.sql", "DROP TABLE a",
			"9_trigger.up.sql", windows(trigger+";\nUPDATE a SET y = 'z' WHERE x = 2;"),
			"10_rebuild.up.sql", "PRAGMA foreign_keys = OFF;\n"+rebuild+"PRAGMA foreign_keys = ON;\n",
			"11_empty.up.sql", "", "11_empty.down.sql", "",
			"notes.sql", "not a migration",
		)},
		{"sql-migrate", false, openSQLMigrate, folder(
			"1-init.sql", "-- +migrate Up\nCREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT);\nINSERT INTO a VALUES (1, 'x'), (2, '-- y');\n\n-- +migrate Down\nDROP TABLE a;\n",
			"9_trigger.sql", windows("-- +migrate Up\n-- +migrate StatementBegin\n"+trigger+"\n-- +migrate StatementEnd\nUPDATE a SET y = 'z' WHERE x = 2;\n\n-- +migrate Down\n-- +migrate StatementBegin\nDROP TRIGGER touch;\n-- +migrate StatementEnd\n\n-- +migrate Up\nCREATE TABLE c (x);\n"),
			"10.sql", "-- +migrate Up notransaction\nPRAGMA foreign_keys = OFF;\n"+rebuild+"PRAGMA foreign_keys = ON;\n",
			"11_empty.sql", "-- +migrate Up\n-- +migrate Down\n",
			"README.md", "nothing",
		)},
	} {
		t.Run(test.layout, func(t *testing.T) {
			theirs, err := test.open(filepath.Join(t.TempDir(), "theirs.db"), test.files)
			if err != nil {
				t.Fatal(err)
			}
			defer theirs.Close()
			var opts []migratingsqlite.SetOption
			if test.named {
				opts = append(opts, migratingsqlite.Layout(test.layout))
			}
			set, err := migratingsqlite.Load("app", test.files, opts...)
			if err != nil {
				t.Fatal(err)
			}
			ours, err := openLoaded(filepath.Join(t.TempDir(), "ours.db"), set)
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			if got, want := everything(t, ours), everything(t, theirs); got != want {
				t.Errorf("ours\n%s\ntheirs\n%s", got, want)
			}
		})
	}
}

// everything is the structure and the rows of a database without the tools' own
// tables.
func everything(t *testing.T, db *sql.DB) string {
	t.Helper()
	var all strings.Builder
	list := func(query string) (names []string) {
		rows, err := db.Query(query)
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
			// goose ends a trigger's text at a line, not at its last token
			fmt.Fprintln(&all, strings.ReplaceAll(fmt.Sprint(row...), "\r\n", "\n"))
			names = append(names, fmt.Sprint(row[0]))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return names
	}
	const own = " tbl_name NOT LIKE 'migratingsqlite%' AND tbl_name NOT IN ('goose_db_version', 'schema_migrations', 'gorp_migrations', 'sqlite_sequence')"
	list("SELECT type, name, sql FROM sqlite_schema WHERE" + own + " ORDER BY type, name")
	tables := list("SELECT name FROM sqlite_schema WHERE type = 'table' AND" + own + " ORDER BY name")
	for _, name := range tables {
		list(fmt.Sprintf("SELECT * FROM %q", name))
	}
	return all.String()
}
