package migratingsqlite_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
)

// A checkpoint of Atlas does what the files before it do, and a baseline of Flyway
// likewise: new databases begin there, older ones have the others, and the files
// before it may have been thrown away since. Written by hand after the tools'
// sources.
func TestCheckpoints(t *testing.T) {
	const (
		notes      = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);\n"
		kind       = "ALTER TABLE notes ADD COLUMN kind TEXT DEFAULT 'plain';\n"
		all        = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, kind TEXT DEFAULT 'plain');\n"
		checkpoint = "-- atlas:checkpoint\n\n" + all
		index      = "CREATE INDEX notes_kind ON notes (kind);\n"
		color      = "ALTER TABLE notes ADD COLUMN color TEXT;\n"
	)
	kept := files("20240101000000_notes.sql", notes, "20240102000000_kind.sql", kind, "20240103000000_checkpoint.sql", checkpoint,
		"20240104000000_index.sql", index, "20240105000000_color.sql", color)
	thrown := maps.Clone(kept)
	delete(thrown, "20240101000000_notes.sql")
	delete(thrown, "20240102000000_kind.sql")
	// Lines of atlas.sum at the time at which a version was applied.
	sum := func(folder fstest.MapFS, version string) string {
		_, line, _ := strings.Cut(string(summed(maps.Clone(folder))["atlas.sum"].Data), "\n"+version)
		_, line, _ = strings.Cut(line, " h1:")
		line, _, _ = strings.Cut(line, "\n")
		return line
	}
	atlas := func(folder fstest.MapFS, versions ...string) string {
		text := "CREATE TABLE `atlas_schema_revisions` (`version` text NOT NULL, `description` text NOT NULL, `type` integer NOT NULL DEFAULT (2), `applied` integer NOT NULL DEFAULT (0), `total` integer NOT NULL DEFAULT (0), `executed_at` datetime NOT NULL, `execution_time` integer NOT NULL, `error` text NULL, `error_stmt` text NULL, `hash` text NOT NULL, `partial_hashes` json NULL, `operator_version` text NOT NULL, PRIMARY KEY (`version`));"
		for i, v := range versions {
			text += fmt.Sprintf("INSERT INTO atlas_schema_revisions VALUES ('%s', '', 2, 1, 1, '2024-02-0%d 10:15:00', 1, '', '', '%s', 'null', 'Atlas CLI');", v, i+1, sum(folder, v))
		}
		return text
	}
	v1, v2, v3, v4 := "20240101000000", "20240102000000", "20240103000000", "20240104000000"

	flyKept := files("V1__notes.sql", notes, "V2__kind.sql", kind, "B2__all.sql", all, "V3__index.sql", index, "V4__color.sql", color)
	flyThrown := maps.Clone(flyKept)
	delete(flyThrown, "V1__notes.sql")
	delete(flyThrown, "V2__kind.sql")
	flyway := func(rows ...string) string {
		text := `CREATE TABLE "flyway_schema_history" ("installed_rank" INT NOT NULL PRIMARY KEY, "version" VARCHAR(50), "description" VARCHAR(200) NOT NULL, "type" VARCHAR(20) NOT NULL, "script" VARCHAR(1000) NOT NULL, "checksum" INT, "installed_by" VARCHAR(100) NOT NULL, "installed_on" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')), "execution_time" INT NOT NULL, "success" BOOLEAN NOT NULL);`
		for i, r := range rows {
			text += fmt.Sprintf("INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) VALUES (%d, %s, '', 3, 1);", i+1, r)
		}
		return text
	}
	for name, c := range map[string]struct {
		files   fstest.MapFS
		legacy  string
		applied int // how many were missing
		says    string
	}{
		"Atlas began at it":                           {kept, atlas(kept, v3, v4) + all + index, 1, ""},
		"Atlas left it out":                           {kept, atlas(kept, v1, v2, v4) + notes + kind + index, 1, ""},
		"Atlas before it was made":                    {kept, atlas(kept, v1, v2) + notes + kind, 2, ""},
		"Atlas in the middle of it":                   {kept, atlas(kept, v1) + notes, 3, ""},
		"Atlas began at it, files thrown away":        {thrown, atlas(kept, v3, v4) + all + index, 1, ""},
		"Atlas began at it, with these files":         {thrown, atlas(thrown, v3, v4) + all + index, 1, ""},
		"Atlas has files that were thrown away":       {thrown, atlas(kept, v1, v2, v4) + notes + kind + index, 1, ""},
		"Atlas has some that were thrown away":        {thrown, atlas(kept, v1) + notes, 0, "should be at version"},
		"Flyway began at it":                          {flyKept, flyway("'2', 'all', 'SQL_BASELINE', 'B2__all.sql', 5") + all, 2, ""},
		"Flyway left it out":                          {flyKept, flyway("'1', 'notes', 'SQL', 'V1__notes.sql', NULL", "'2', 'kind', 'SQL', 'V2__kind.sql', NULL") + notes + kind, 2, ""},
		"Flyway in the middle of it":                  {flyKept, flyway("'1', 'notes', 'SQL', 'V1__notes.sql', NULL") + notes, 3, ""},
		"Flyway began at it, files thrown away":       {flyThrown, flyway("'2', 'all', 'SQL_BASELINE', 'B2__all.sql', NULL", "'3', 'index', 'SQL', 'V3__index.sql', NULL") + all + index, 1, ""},
		"Flyway has files that were thrown away":      {flyThrown, flyway("'1', 'notes', 'SQL', 'V1__notes.sql', 7", "'2', 'kind', 'SQL', 'V2__kind.sql', 7") + notes + kind, 2, ""},
		"Flyway has some that were thrown away":       {flyThrown, flyway("'1', 'notes', 'SQL', 'V1__notes.sql', 7") + notes, 0, "should be at version"},
		"a newer program's version of Flyway":         {flyKept, flyway("'1', 'notes', 'SQL', 'V1__notes.sql', NULL", "'5.1', 'more', 'SQL', 'V5_1__more.sql', NULL") + notes, 0, "start a newer program"},
		"a repeatable one of Flyway that was deleted": {flyKept, flyway("'1', 'notes', 'SQL', 'V1__notes.sql', NULL", "NULL, 'views', 'SQL', 'R__views.sql', 7") + notes, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			folder := c.files
			opts := []migratingsqlite.SetOption{}
			if _, ok := folder["V4__color.sql"]; !ok {
				folder = summed(maps.Clone(folder))
			} else {
				opts = append(opts, migratingsqlite.Layout("flyway"))
			}
			set := load(t, "app", folder, opts...)
			path := filepath.Join(t.TempDir(), "app.db")
			change(t, path, c.legacy+"; INSERT INTO notes (text) VALUES ('hello')")
			err := with(t, path, set)
			if c.says != "" {
				wantError(t, err, nil, c.says, "the database is unchanged")
				return
			}
			must(t, err)
			want(t, rows(t, path, "SELECT count(*) FROM migratingsqlite_history WHERE set_name = 'app' AND status = 'applied'"), []string{fmt.Sprint(c.applied)})
			want(t, rows(t, path, "SELECT count(*) FROM migratingsqlite_history WHERE set_name = 'app'"), []string{fmt.Sprint(len(set.Migrations()))})
			want(t, rows(t, path, "SELECT text, kind, color FROM notes"), []string{"hello plain <nil>"})
			fresh := filepath.Join(t.TempDir(), "fresh.db")
			must(t, with(t, fresh, set))
			want(t, schema.Diff(structure(t, path, "atlas_schema_revisions", "flyway_schema_history"), structure(t, fresh)), nil)
		})
	}
}
