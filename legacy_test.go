package migratingsqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
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
				wantError(t, err, migratingsqlite.ErrUnknownSchema, c.says, "_migrate_baseline=N", "the database is unchanged")
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
	wantError(t, with(t, path, set), migratingsqlite.ErrUnknownSchema, "several versions", "2, 3", "_migrate_baseline=N")
	must(t, with(t, path+"?_migrate_baseline=2", set))
	want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind baseline", "app 3 rich applied", "app 4 index applied"})
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

// drizzle-kit writes the files, and wrangler applies them.
func TestAdoptD1WithDrizzlesFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	change(t, path, "CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL); INSERT INTO d1_migrations (name) VALUES ('0000_notes.sql'), ('0001_kind.sql');"+notes1+";"+notes2)
	set := app(t, "drizzle/meta/_journal.json", `{"entries":[{"idx":0,"when":1700000000000,"tag":"0000_notes"},{"idx":1,"when":1700000000001,"tag":"0001_kind"},{"idx":2,"when":1700000000002,"tag":"0002_index"}]}`,
		"drizzle/0000_notes.sql", notes1, "drizzle/0001_kind.sql", notes2, "drizzle/0002_index.sql", notes4)
	must(t, with(t, path, set))
	want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind baseline", "app 3 index applied"})
}
