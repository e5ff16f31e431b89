package migratingsqlite_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/migratingsqlite/migratingsqlite"
)

// What was squashed, and the rest of its set.
var (
	squashable = files("0001_notes.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);\n", "0002_tags.sql", "CREATE TABLE tags (name TEXT);\nINSERT INTO tags VALUES ('new');\n",
		"0003_color.sql", "ALTER TABLE notes ADD COLUMN color TEXT;\n")
	afterSquash = files("0004_index.sql", "CREATE INDEX notes_color ON notes (color);\n")
	makesAll    = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, color TEXT);\nCREATE TABLE tags (name TEXT);\nINSERT INTO tags VALUES ('new');\n"
)

func together(folders ...fstest.MapFS) fstest.MapFS {
	all := fstest.MapFS{}
	for _, f := range folders {
		maps.Copy(all, f)
	}
	return all
}

// squashed is a set in which one script stands for a folder.
func squashed(t *testing.T, folder fstest.MapFS, more ...fstest.MapFS) fstest.MapFS {
	t.Helper()
	directives, err := load(t, "app", folder).Squashed(3)
	must(t, err)
	return together(append(more, files("0003_all.sql", directives+"\n"+makesAll))...)
}

// TestSquashed opens databases that are at any version of a set after the first
// three were squashed into one.
func TestSquashed(t *testing.T) {
	full := together(squashable, afterSquash)
	all := squashed(t, squashable, afterSquash)
	edited := together(full, files("0002_tags.sql", "CREATE TABLE tags (name TEXT); -- edited\nINSERT INTO tags VALUES ('new');\n"))
	without2 := together(full)
	delete(without2, "0002_tags.sql")
	for name, c := range map[string]struct {
		before  fstest.MapFS // what the database was opened with
		to      int64
		history string // afterwards: version, name, status
		says    string
		kind    error
	}{
		"a new database":          {nil, 0, "3 all applied, 4 index applied", "", nil},
		"at the squashed version": {full, 3, "1 notes applied, 2 tags applied, 3 color applied, 4 index applied", "", nil},
		"above it":                {full, 4, "1 notes applied, 2 tags applied, 3 color applied, 4 index applied", "", nil},
		"between":                 {full, 2, "", "it is at version 2, and the versions 1 to 3 were squashed into 0003_all; open it once with a program that has them, which brings it to version 3 or above, and then with this one", migratingsqlite.ErrMissing},
		"at the first":            {full, 1, "", "it is at version 1", migratingsqlite.ErrMissing},
		"with an edited one":      {edited, 4, "", "its versions up to 3 are not those that were squashed into 0003_all", migratingsqlite.ErrMissing},
		"without one of them":     {without2, 4, "", "its versions up to 3 are not those that were squashed", migratingsqlite.ErrMissing},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			if c.before != nil {
				var opts []migratingsqlite.Option
				if c.to < 4 {
					opts = append(opts, migratingsqlite.WithTo(c.to))
				}
				must(t, with(t, path, load(t, "app", c.before), opts...))
				change(t, path, "INSERT INTO notes (text) VALUES ('kept')")
			}
			set := load(t, "app", all)
			err := with(t, path, set)
			if c.says != "" {
				wantError(t, err, c.kind, c.says, "the database is unchanged")
				// The way that the error names.
				if c.kind != nil && c.to < 4 {
					must(t, with(t, path, load(t, "app", full)))
					must(t, with(t, path, set))
				}
				return
			}
			must(t, err)
			if got := strings.Join(rows(t, path, "SELECT version, name, status FROM migratingsqlite_history WHERE set_name = 'app' ORDER BY version"), ", "); got != c.history {
				t.Errorf("history %s", got)
			}
			want(t, rows(t, path, "SELECT name FROM tags"), []string{"new"})
			if c.before != nil {
				want(t, rows(t, path, "SELECT text FROM notes"), []string{"kept"})
			}
			// From now on it is up to date for the program.
			want(t, rows(t, path, "SELECT digest FROM migratingsqlite_state WHERE set_name = 'app'"), []string{set.Digest()})
			must(t, with(t, path, set, migratingsqlite.WithMode("check")))
			m := migrator(t, path, set)
			list, err := m.Status(t.Context())
			must(t, err)
			for _, s := range list[0].Migrations {
				if s.State != "applied" {
					t.Errorf("%d_%s is %s", s.Version, s.Name, s.State)
				}
			}
			edits, err := m.Repair(t.Context())
			must(t, err)
			want(t, edits, nil)
			if c.before != nil {
				must(t, with(t, path, load(t, "app", full))) // the program before
				must(t, with(t, path, set))
				_, err = m.Repair(t.Context(), 3)
				wantError(t, err, nil, "migration 0003_all is not what was applied, but stands for it; there is nothing to repair")
			}
		})
	}
}

// Squashed twice, and databases from before, from between and from after.
func TestSquashedAgain(t *testing.T) {
	full := together(squashable, afterSquash, files("0005_more.sql", "CREATE TABLE more (x);\n"))
	once := squashed(t, squashable, afterSquash, files("0005_more.sql", "CREATE TABLE more (x);\n"))
	directives, err := load(t, "app", once).Squashed(4)
	must(t, err)
	if n := strings.Count(directives, "\n"); n != 2 {
		t.Errorf("%d directives: %s", n, directives)
	}
	twice := files("0004_all.sql", directives+makesAll+"CREATE INDEX notes_color ON notes (color);\n", "0005_more.sql", "CREATE TABLE more (x);\n")
	for name, before := range map[string]fstest.MapFS{"before": full, "between": once, "after": twice, "never": nil} {
		for _, to := range []int64{4, 5} {
			t.Run(fmt.Sprint(name, to), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "app.db")
				if before != nil {
					must(t, with(t, path, load(t, "app", before), migratingsqlite.WithTo(to)))
				}
				must(t, with(t, path, load(t, "app", twice)))
				want(t, rows(t, path, "SELECT count(*) FROM more"), []string{"0"})
			})
		}
	}
	path := filepath.Join(t.TempDir(), "app.db")
	must(t, with(t, path, load(t, "app", once), migratingsqlite.WithTo(3)))
	wantError(t, with(t, path, load(t, "app", twice)), migratingsqlite.ErrMissing, "it is at version 3, and the versions 1 to 4 were squashed into 0004_all")
}

// A way back that the database has kept leads behind what was squashed.
func TestDownBehindSquashed(t *testing.T) {
	full := together(squashable, files("0003_color.up.sql", string(squashable["0003_color.sql"].Data), "0003_color.down.sql", "ALTER TABLE notes DROP COLUMN color;\n"))
	delete(full, "0003_color.sql")
	path := filepath.Join(t.TempDir(), "app.db")
	must(t, with(t, path, load(t, "app", full)))
	m := migrator(t, path, load(t, "app", squashed(t, full)))
	p, err := m.PlanDown(t.Context(), 2)
	must(t, err)
	_, err = m.Down(t.Context(), p)
	must(t, err)
	want(t, rows(t, path, "SELECT count(*) FROM pragma_table_info('notes')"), []string{"2"})
	must(t, with(t, path, load(t, "app", full)))
}

// The history of another tool, with the migrations before they were squashed.
func TestSquashedAdopted(t *testing.T) {
	goose := `CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
		INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1)`
	for name, c := range map[string]struct{ legacy, says string }{
		"all":  {goose + ", (3, 1);" + makesAll, ""},
		"some": {goose + ";" + string(squashable["0001_notes.sql"].Data) + string(squashable["0002_tags.sql"].Data), "should be at version"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			change(t, path, c.legacy)
			err := with(t, path, load(t, "app", squashed(t, squashable, afterSquash)))
			if c.says != "" {
				wantError(t, err, migratingsqlite.ErrUnknownSchema, c.says)
				return
			}
			must(t, err)
			want(t, rows(t, path, "SELECT version, status FROM migratingsqlite_history WHERE set_name = 'app'"), []string{"3 baseline", "4 applied"})
			want(t, rows(t, path, "SELECT name FROM tags"), []string{"new"})
		})
	}
}

// A folder of another tool that had a checkpoint, after the files before it were
// thrown away: what the driver itself has recorded of them counts.
func TestThrownAwayBeforeACheckpoint(t *testing.T) {
	flyway := files("V1__notes.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY);", "V2__tags.sql", "CREATE TABLE tags (name TEXT);",
		"B2__all.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY); CREATE TABLE tags (name TEXT);", "V3__more.sql", "CREATE TABLE more (x);")
	atlas := files("20240101000000_notes.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY);", "20240102000000_tags.sql", "CREATE TABLE tags (name TEXT);",
		"20240103000000_checkpoint.sql", "-- atlas:checkpoint\n\nCREATE TABLE notes (id INTEGER PRIMARY KEY); CREATE TABLE tags (name TEXT);", "20240104000000_more.sql", "CREATE TABLE more (x);")
	for name, c := range map[string]struct {
		kept fstest.MapFS
		gone []string
		to   int64
		says string
	}{
		"Flyway, at the baseline":        {flyway, []string{"V1__notes.sql", "V2__tags.sql"}, 2_000_000_000, ""},
		"Flyway, above it":               {flyway, []string{"V1__notes.sql", "V2__tags.sql"}, 0, ""},
		"Flyway, before it":              {flyway, []string{"V1__notes.sql", "V2__tags.sql"}, 1_000_000_000, "it is at version 1000000000"},
		"Atlas, above the checkpoint":    {atlas, []string{"20240101000000_notes.sql", "20240102000000_tags.sql"}, 0, ""},
		"Atlas, who knows at what of it": {atlas, []string{"20240101000000_notes.sql", "20240102000000_tags.sql"}, 20240102000000, "open it once with a program that has the migrations which were there before"},
	} {
		t.Run(name, func(t *testing.T) {
			var opts []migratingsqlite.SetOption
			thrown := maps.Clone(c.kept)
			for _, f := range c.gone {
				delete(thrown, f)
			}
			kept := c.kept
			if strings.HasPrefix(name, "Atlas") {
				kept, thrown = summed(maps.Clone(kept)), summed(thrown)
			} else {
				opts = append(opts, migratingsqlite.Layout("flyway"))
			}
			path := filepath.Join(t.TempDir(), "app.db")
			var options []migratingsqlite.Option
			if c.to > 0 {
				options = append(options, migratingsqlite.WithTo(c.to))
			}
			must(t, with(t, path, load(t, "app", kept, opts...), options...))
			set := load(t, "app", thrown, opts...)
			if err := with(t, path, set); c.says != "" {
				wantError(t, err, migratingsqlite.ErrMissing, c.says)
				return
			} else {
				must(t, err)
			}
			want(t, rows(t, path, "SELECT count(*) FROM more"), []string{"0"})
			must(t, with(t, path, set, migratingsqlite.WithMode("check")))
			fresh := filepath.Join(t.TempDir(), "fresh.db")
			must(t, with(t, fresh, set))
			must(t, with(t, fresh, set))
		})
	}
}

func TestSquashedDirectives(t *testing.T) {
	sum := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	for name, c := range map[string]struct {
		folder fstest.MapFS
		says   string
	}{
		"no digest":               {files("0003_all.sql", "-- migratingsqlite: squashed 1-3\nSELECT 1"), "0003_all.sql:1:1: the directive squashed wants versions and their digest"},
		"another version":         {files("0004_all.sql", "-- migratingsqlite: squashed 1-3 "+sum+"\nSELECT 1"), "0004_all.sql:1:1: squashed 1-3: the versions must end with that of the migration itself, 4"},
		"behind a statement":      {files("0003_all.sql", "SELECT 1;\n-- migratingsqlite: squashed 1-3 "+sum), "0003_all.sql:2:1: this directive must come before the first statement"},
		"beside what it squashed": {files("0001_notes.sql", "SELECT 1", "0003_all.sql", "-- migratingsqlite: squashed 1-3 "+sum+"\nSELECT 1"), "0003_all.sql:1:1: it stands for all before it: take 0001_notes.sql and what else is before it out of the set"},
		"misspelt":                {files("0003_all.sql", "-- migratingsqlite: squash 1-3 "+sum+"\nSELECT 1"), `unknown directive "squash"; did you mean squashed?`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := migratingsqlite.Load("app", c.folder)
			wantError(t, err, migratingsqlite.ErrMalformed, c.says)
		})
	}
	if _, err := load(t, "app", squashable).Squashed(7); err == nil || !strings.Contains(err.Error(), "set app has no version 7") {
		t.Error(err)
	}
	_, err := migratingsqlite.Load("app", files("0003_all.sql", "-- migratingsqlite: squashed 1-3 "+sum+"\nSELECT 1"), migratingsqlite.Func(2, "two", nothing, nil))
	wantError(t, err, migratingsqlite.ErrMalformed, "take the functions before it out of the set")
}

func nothing(context.Context, migratingsqlite.Tx) error { return nil }

func migrator(t *testing.T, path string, set *migratingsqlite.Set) *migratingsqlite.Migrator {
	t.Helper()
	m, err := migratingsqlite.NewMigrator(path, migratingsqlite.WithSet(set))
	must(t, err)
	return m
}
