package migratingsqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
)

// What Drizzle, Prisma, Knex and wrangler themselves have left stands in
// testdata/peers, with the scripts that have them do it again. The tools written
// in Go run in bench/switching.

// A peer is a folder of a tool, and databases that the tool left.
type peer struct {
	folder  string
	layout  string // to be named; "" where the folder tells
	edit    func(t *testing.T, folder string)
	opts    []migratingsqlite.SetOption
	own     []string // the tool's tables
	done    string   // the dump of a database for which the tool did everything
	from    []left
	refused []left
}

// left is the dump of one database.
type left struct {
	dump   string
	params string
	there  int      // that many migrations are there; the others are applied
	late   []int    // and of these, the tool has left out some
	says   []string // of a refusal
}

var peers = map[string]peer{
	"drizzle": {folder: "drizzle/migrations", own: []string{"__drizzle_migrations"}, done: "drizzle/2.sql",
		from: []left{{dump: "drizzle/1.sql", there: 1}, {dump: "drizzle/2.sql", there: 5}}},
	"drizzle that skips a migration": {folder: "drizzle/migrations", own: []string{"__drizzle_migrations"}, done: "drizzle/2.sql",
		edit: func(t *testing.T, folder string) {
			journal, err := os.ReadFile(peersDir + "drizzle/skipped.json")
			must(t, err)
			must(t, os.WriteFile(filepath.Join(folder, "meta/_journal.json"), journal, 0o600))
		},
		from:    []left{{dump: "drizzle/skipped.sql", params: "?_migrate_out_of_order=true", there: 5, late: []int{4}}},
		refused: []left{{dump: "drizzle/skipped.sql", says: []string{"0004_trigger", "_migrate_out_of_order"}}}},
	"drizzle 1.0": {folder: "drizzle1/migrations", own: []string{"__drizzle_migrations"}, done: "drizzle1/2.sql",
		from: []left{{dump: "drizzle1/1.sql", there: 1}, {dump: "drizzle1/2.sql", there: 5}}},
	"drizzle 1.0 after the stable version": {folder: "drizzle1/upgraded", own: []string{"__drizzle_migrations"}, done: "drizzle1/upgraded.sql",
		from: []left{{dump: "drizzle1/upgraded.sql", there: 5}, {dump: "drizzle/1.sql", there: 1}, {dump: "drizzle/2.sql", there: 5}}},
	"prisma": {folder: "prisma/migrations", own: []string{"_prisma_migrations"}, done: "prisma/2.sql",
		from:    []left{{dump: "prisma/1.sql", there: 1}, {dump: "prisma/resolved.sql", there: 2}, {dump: "prisma/again.sql", there: 3}, {dump: "prisma/2.sql", there: 3}},
		refused: []left{{dump: "prisma/failed.sql", says: []string{"20240202101500_rebuild", "prisma migrate resolve"}}}},
	"knex with files of SQL": {folder: "knex/sql", layout: "knex", own: []string{"knex_migrations", "knex_migrations_lock"}, done: "knex/sql-2.sql",
		from:    []left{{dump: "knex/sql-1.sql", there: 1}, {dump: "knex/sql-2.sql", there: 3}},
		refused: []left{{dump: "knex/sql-locked.sql", says: []string{"knex migrate:unlock"}}}},
	// Its migrations are JavaScript; the program has them in Go.
	"knex with JavaScript": {folder: "knex/migrations", layout: "knex", own: []string{"knex_migrations", "knex_migrations_lock"}, done: "knex/migrations-2.sql",
		opts: []migratingsqlite.SetOption{
			inGo(20240131101500, "init", "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, email varchar(255) NOT NULL)", "CREATE UNIQUE INDEX users_email_unique ON users (email)",
				"CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL, text TEXT, created_at datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE)"),
			inGo(20240201101500, "pinned", "ALTER TABLE notes ADD COLUMN pinned BOOLEAN NOT NULL DEFAULT '0'", "CREATE INDEX notes_user_id_pinned_index ON notes (user_id, pinned)"),
			inGo(20240202101500, "rebuild", "CREATE TABLE new (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL, text TEXT NOT NULL, created_at datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, pinned BOOLEAN NOT NULL DEFAULT '0', FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE)",
				"INSERT INTO new SELECT * FROM notes", "DROP TABLE notes", "ALTER TABLE new RENAME TO notes", "CREATE INDEX notes_user_id_pinned_index ON notes (user_id, pinned)"),
		},
		from: []left{{dump: "knex/migrations-1.sql", there: 1}, {dump: "knex/migrations-2.sql", there: 3}}},
	"d1": {folder: "d1/migrations", layout: "d1", own: []string{"d1_migrations", "_cf_METADATA"}, done: "d1/2.sql",
		from: []left{{dump: "d1/1.sql", there: 2}, {dump: "d1/export1.sql", there: 2}, {dump: "d1/2.sql", there: 4}}},
}

const peersDir = "testdata/peers/"

func TestPeers(t *testing.T) {
	for name, p := range peers {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			must(t, os.CopyFS(folder, os.DirFS(peersDir+p.folder)))
			if p.edit != nil {
				p.edit(t, folder)
			}
			p.check(t, os.DirFS(folder))
		})
	}
}

func (p *peer) check(t *testing.T, folder fs.FS) {
	opts := p.opts
	if p.layout != "" {
		opts = append(opts, migratingsqlite.Layout(p.layout))
	}
	set := load(t, "app", folder, opts...)
	fresh := filepath.Join(t.TempDir(), "fresh.db")
	must(t, with(t, fresh, set))
	done := undump(t, p.done)
	want(t, schema.Diff(structure(t, fresh), structure(t, done, p.own...)), nil)

	for _, l := range p.from {
		t.Run(l.dump+l.params, func(t *testing.T) {
			path := undump(t, l.dump)
			before := rowsOf(t, path, p.own...)
			must(t, with(t, path+l.params, set))
			var wanted []string
			for i, m := range set.Migrations() {
				how := "baseline"
				if i >= l.there || len(l.late) > 0 && l.late[0] == i+1 {
					how = "applied"
				}
				wanted = append(wanted, fmt.Sprintf("app %d %s %s", m.Version, m.Name, how))
			}
			want(t, rows(t, path, history), wanted)
			want(t, rowsOf(t, path, p.own...), before)
			want(t, schema.Diff(structure(t, path, p.own...), structure(t, fresh)), nil)
			want(t, contentsOf(t, path, p.own...), contentsOf(t, done, p.own...))
			must(t, with(t, path+"?_migrate=check", set))
			must(t, with(t, path, set))
		})
	}
	for _, l := range p.refused {
		t.Run(l.dump+l.params+" is refused", func(t *testing.T) {
			path := undump(t, l.dump)
			before := rowsOf(t, path)
			wantError(t, with(t, path+l.params, set), nil, l.says...)
			want(t, rowsOf(t, path), before)
		})
	}
}

func inGo(version int64, name string, statements ...string) migratingsqlite.SetOption {
	return migratingsqlite.Func(version, name, func(ctx context.Context, tx migratingsqlite.Tx) error {
		for _, s := range statements {
			if _, err := tx.ExecContext(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

// undump makes a database of a dump.
func undump(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(peersDir + name)
	must(t, err)
	path := filepath.Join(t.TempDir(), "app.db")
	db := plain(t, path)
	defer db.Close()
	_, err = db.Exec(string(text))
	must(t, err)
	return path
}

// structure is that of a database, without some tables.
func structure(t *testing.T, path string, without ...string) *schema.Schema {
	t.Helper()
	db := plain(t, path)
	defer db.Close()
	answers := make([]engine.Answer, len(schema.Queries))
	for i, q := range schema.Queries {
		r, err := db.Query(q)
		must(t, err)
		answers[i].Rows = scanned(t, r)
	}
	s, err := schema.Read(answers, without...)
	must(t, err)
	return s
}

func scanned(t *testing.T, r *sql.Rows) (list [][]driver.Value) {
	t.Helper()
	defer r.Close()
	columns, err := r.Columns()
	must(t, err)
	for r.Next() {
		values, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		must(t, r.Scan(to...))
		row := make([]driver.Value, len(values))
		for i, v := range values {
			row[i] = v
		}
		list = append(list, row)
	}
	must(t, r.Err())
	return list
}

// rowsOf are the rows of some tables, or of all.
func rowsOf(t *testing.T, path string, names ...string) (list []string) {
	t.Helper()
	if len(names) == 0 {
		names = rows(t, path, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
	}
	for _, name := range names {
		if rows(t, path, "SELECT count(*) FROM sqlite_schema WHERE name = '"+name+"'")[0] == "1" {
			list = append(append(list, name), rows(t, path, fmt.Sprintf("SELECT * FROM %q", name))...)
		}
	}
	return list
}

// contentsOf are the rows of the program's own tables, without the moments at
// which they were made.
func contentsOf(t *testing.T, path string, without ...string) string {
	t.Helper()
	var names []string
	for _, name := range rows(t, path, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'migratingsqlite\_%' ESCAPE '\' ORDER BY name`) {
		if !strings.Contains(" "+strings.Join(without, " ")+" ", " "+name+" ") {
			names = append(names, name)
		}
	}
	return moment.ReplaceAllString(strings.Join(rowsOf(t, path, names...), "\n"), "…")
}

var moment = regexp.MustCompile(`\b17\d{8,11}\b|\b20\d\d-\d\d-\d\d[ T][\d:.]+( \+0000 UTC)?\b`)
