package migratecli

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/migratingsqlite/migratingsqlite"
)

// A yard is a folder with migrations and app.db, and a folder for copies.
type yard struct {
	testing.TB
	dir string
}

func newYard(tb testing.TB, migrations map[string]string) *yard {
	tb.Helper()
	y := &yard{tb, tb.TempDir()}
	for _, name := range []string{"migrations", "copies"} {
		must(tb, os.Mkdir(y.path(name), 0o777))
	}
	for name, text := range migrations {
		must(tb, os.WriteFile(y.path("migrations/"+name), []byte(text), 0o666))
	}
	return y
}

func (y *yard) path(name string) string { return filepath.Join(y.dir, filepath.FromSlash(name)) }

// do runs statements on app.db through the plain driver.
func (y *yard) do(statements ...string) {
	y.Helper()
	db, err := sql.Open("sqlite", y.path("app.db"))
	must(y, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			y.Fatalf("%s: %v", s, err)
		}
	}
}

// tool runs a command on app.db.
func (y *yard) tool(cmd string, flags ...string) (out string, code int) {
	y.Helper()
	var b bytes.Buffer
	root := Tool()
	root.SetOut(&b)
	root.SetErr(io.Discard)
	code = Main(root, slices.Concat([]string{cmd, "--dir", y.path("migrations"), y.path("app.db")}, flags)...)
	return b.String(), code
}

// verify is what verify says of app.db. Nothing may be left of the copy.
func (y *yard) verify(flags ...string) *verification {
	y.Helper()
	out, code := y.tool("verify", append(flags, "--json", "--copy-in", y.path("copies"))...)
	v := &verification{}
	if err := json.Unmarshal([]byte(out), v); err != nil || v.Proven != (code == 0) || len(v.Checks) == 0 {
		y.Fatalf("exit code %d, %v:\n%s", code, err, out)
	}
	left, err := os.ReadDir(y.path("copies"))
	if must(y, err); len(left) > 0 {
		y.Errorf("left: %v", left)
	}
	return v
}

// outcomes are those of the checks.
func (v *verification) outcomes() string {
	var list []string
	for _, c := range v.Checks {
		list = append(list, c.Check+" "+c.Outcome)
	}
	return strings.Join(list, ", ")
}

func (v *verification) check(name string) *check {
	for _, c := range v.Checks {
		if c.Check == name {
			return c
		}
	}
	return &check{}
}

const allOK = "sound_before ok, up ok, structure ok, down ok, up_again ok, rows ok, sound_after ok"

var notesAndTags = map[string]string{
	"0001_notes.sql":     "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT); CREATE TABLE others (x);",
	"0002_tags.up.sql":   "CREATE TABLE tags (note INTEGER REFERENCES notes, tag TEXT); ALTER TABLE notes ADD COLUMN tag TEXT; UPDATE notes SET tag = 'old';",
	"0002_tags.down.sql": "ALTER TABLE notes DROP COLUMN tag; DROP TABLE tags;",
}

// contents are the files of a folder, but for what SQLite makes to read a log.
func contents(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	list := map[string]string{}
	entries, err := os.ReadDir(dir)
	must(tb, err)
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasSuffix(e.Name(), "-shm") {
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			must(tb, err)
			list[e.Name()] = string(text)
		}
	}
	return list
}

func TestVerifyOnlyReadsTheDatabase(t *testing.T) {
	for _, log := range []string{"none", "left by a killed program", "of a running program"} {
		t.Run("write-ahead log: "+log, func(t *testing.T) {
			y := newYard(t, notesAndTags)
			if out, code := y.tool("up", "--to", "1"); code != 0 {
				t.Fatal(out)
			}
			y.do("INSERT INTO notes (text) VALUES ('one')")
			if log != "none" {
				// The second note is in the log only.
				db, err := sql.Open("sqlite", y.path("app.db")+"?_pragma=journal_mode(WAL)")
				must(t, err)
				defer db.Close()
				_, err = db.Exec("INSERT INTO notes (text) VALUES ('two')")
				must(t, err)
				if log != "of a running program" {
					left := contents(t, y.dir)
					must(t, db.Close())
					for name, text := range left {
						must(t, os.WriteFile(y.path(name), []byte(text), 0o666))
					}
				}
			}
			before := contents(t, y.dir)
			if log != "none" && before["app.db-wal"] == "" {
				t.Fatal("there is no log")
			}
			v := y.verify()
			if after := contents(t, y.dir); !maps.Equal(before, after) {
				t.Errorf("there were %v, and are %v", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
			}
			rows := int64(1)
			if log != "none" {
				rows = 2
			}
			if got := v.outcomes(); got != allOK || v.Migrations[0].RowsAffected != rows {
				t.Errorf("%s; %d rows", got, v.Migrations[0].RowsAffected)
			}
		})
	}
}

func TestVerifyTakesOverAnotherToolsHistoryOnTheCopy(t *testing.T) {
	y := newYard(t, map[string]string{
		"00001_notes.sql": "-- +goose Up\nCREATE TABLE notes (id INTEGER PRIMARY KEY);\n-- +goose Down\nDROP TABLE notes;\n",
		"00002_text.sql":  "-- +goose Up\nALTER TABLE notes ADD COLUMN text TEXT;\n-- +goose Down\nALTER TABLE notes DROP COLUMN text;\n",
	})
	y.do("CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1)",
		"CREATE TABLE notes (id INTEGER PRIMARY KEY)", "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
	before := contents(t, y.dir)
	v := y.verify()
	if got := v.outcomes(); got != allOK || v.Sets[0] != (setVerified{"app", 1, 2}) || !strings.Contains(v.check("up").Text, "1 migration recorded as being there") {
		t.Errorf("%s: %+v, %+v", got, v.Sets, v.check("up"))
	}
	if !maps.Equal(before, contents(t, y.dir)) {
		t.Error("the database was changed")
	}
}

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	with := func(more map[string]string) map[string]string {
		all := maps.Clone(notesAndTags)
		maps.Copy(all, more)
		return all
	}
	for _, c := range []struct {
		name       string
		migrations map[string]string
		prepare    []string // of a database at version 1
		outcomes   string
		check      string
		words      []string // of its text, reasons and notes
	}{
		{"damage", notesAndTags,
			[]string{"CREATE TABLE d (x)", "INSERT INTO d VALUES (NULL)", "PRAGMA writable_schema = ON", "UPDATE sqlite_master SET sql = 'CREATE TABLE d (x NOT NULL)' WHERE name = 'd'"},
			"sound_before failed, up ok, structure failed, down ok, up_again ok, rows ok, sound_after failed", "sound_before", []string{"NULL value in d.x"}},
		{"orphans that were there", notesAndTags,
			[]string{"CREATE TABLE c (note REFERENCES notes)", "INSERT INTO c VALUES (7)"},
			"sound_before ok, up ok, structure failed, down ok, up_again ok, rows ok, sound_after ok", "sound_after", []string{"but for 1 row that had no parent before"}},
		{"a table that a new database has not", notesAndTags, []string{"CREATE TABLE scratch (x)"},
			"sound_before ok, up ok, structure failed, down ok, up_again ok, rows ok, sound_after ok", "structure", []string{"table scratch is not expected; that was so before the upgrade"}},
		{"a repeatable migration", with(map[string]string{"R__all.sql": "CREATE VIEW IF NOT EXISTS all_notes AS SELECT * FROM notes;"}), nil, allOK, "down", []string{"1 migration undone"}},
		{"a way back that fails on the rows", with(map[string]string{"0002_tags.down.sql": "CREATE UNIQUE INDEX u ON notes (tag); DROP INDEX u; ALTER TABLE notes DROP COLUMN tag; DROP TABLE tags;"}), nil,
			"sound_before ok, up ok, structure ok, down failed, rows ok, sound_after ok", "down", []string{"back to version 1 fails", "UNIQUE constraint failed: notes.tag"}},
		{"a way back that leaves rows", with(map[string]string{"0002_tags.up.sql": "INSERT INTO others VALUES ('seed');", "0002_tags.down.sql": "DELETE FROM notes WHERE 0;"}), nil,
			allOK, "up_again", []string{"others has 2 rows after the second time, and had 1 after the first"}},
		{"no way back of the newer one", with(map[string]string{"0003_more.sql": "CREATE TABLE more (x);"}), nil,
			"sound_before ok, up ok, structure ok, down skipped, rows ok, sound_after ok", "down", []string{"no way back of 0003_more"}},
		{"no way back of the older one", with(map[string]string{"0002_tags.up.sql": "", "0002_tags.down.sql": "", "0002_one.sql": "CREATE TABLE one (x);", "0003_two.up.sql": "CREATE TABLE two (x);", "0003_two.down.sql": "DROP TABLE two;"}), nil,
			allOK, "down", []string{"1 migration undone", "no way back of 0002_one"}},
		{"rows that are lost in a table that is not named", with(map[string]string{"0002_tags.up.sql": "DELETE FROM notes WHERE id = 1; CREATE TABLE t (x);", "0002_tags.down.sql": "DROP TABLE t;"}),
			[]string{"INSERT INTO others VALUES (1), (2)", "CREATE TRIGGER gone AFTER DELETE ON notes BEGIN DELETE FROM others WHERE x = old.id; END"},
			"sound_before ok, up ok, structure failed, down ok, up_again ok, rows failed, sound_after ok", "rows", []string{"others has 1 row after the upgrade, and had 2", "notes has 1 row, and had 2"}},
		{"refused", with(map[string]string{"0001_notes.sql": "CREATE TABLE notes (id INTEGER PRIMARY KEY, changed TEXT);"}), nil,
			"sound_before ok, up failed", "up", []string{"it would be refused", "0001_notes was edited after it had been applied"}},
		{"a set that does not build a new database", map[string]string{"0001_notes.sql": notesAndTags["0001_notes.sql"], "0002_x.sql": "CREATE TABLE x AS SELECT * FROM by_hand;"}, []string{"CREATE TABLE by_hand (y)"},
			"sound_before ok, up ok, structure failed, down skipped, rows ok, sound_after ok", "structure", []string{"the migrations do not build a new database", "no such table: by_hand"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := newYard(t, map[string]string{"0001_notes.sql": notesAndTags["0001_notes.sql"]})
			if text := c.migrations["R__all.sql"]; text != "" { // going back drops it, and the next open makes it again
				must(t, os.WriteFile(y.path("migrations/R__all.sql"), []byte(text), 0o666))
			}
			if out, code := y.tool("up"); code != 0 {
				t.Fatal(out)
			}
			y.do("INSERT INTO notes (text) VALUES ('one'), ('two')")
			y.do(c.prepare...)
			for name, text := range c.migrations {
				if text != "" {
					must(t, os.WriteFile(y.path("migrations/"+name), []byte(text), 0o666))
				}
			}
			v := y.verify()
			if got := v.outcomes(); got != c.outcomes {
				t.Errorf("%s", got)
			}
			said := v.check(c.check)
			text := strings.Join(slices.Concat([]string{said.Text}, said.Reasons, said.Notes), "\n")
			for _, w := range c.words {
				if !strings.Contains(text, w) {
					t.Errorf("%s does not say %q:\n%s", c.check, w, text)
				}
			}
			if t.Failed() {
				out, _ := y.tool("verify")
				t.Log(out)
			}
		})
	}
}

func TestOrphansThatAreNew(t *testing.T) {
	// No upgrade leaves any: the driver refuses it. Verify looks all the same.
	before := &facts{orphans: map[string]int64{"of a point to nothing in p": 2}}
	for _, c := range []struct {
		now  *facts
		want []string
	}{
		{&facts{orphans: map[string]int64{"of a point to nothing in p": 2}}, nil},
		{&facts{orphans: map[string]int64{"of renamed point to nothing in p": 2}}, nil},
		{&facts{orphans: map[string]int64{"of a point to nothing in p": 3, "of b point to nothing in p": 1}},
			[]string{"foreign_key_check: 1 row more of a point to nothing in p", "foreign_key_check: 1 row more of b point to nothing in p"}},
		{&facts{unchecked: "foreign key mismatch"}, []string{"foreign_key_check: foreign key mismatch"}},
	} {
		if got := c.now.orphaned(before); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.now, got, c.want)
		}
	}
}

func TestVerifyMeasuresTheDisk(t *testing.T) {
	for _, mode := range []string{"DELETE", "WAL"} {
		t.Run(mode, func(t *testing.T) {
			y := newYard(t, map[string]string{"0001_big.sql": "CREATE TABLE big (id INTEGER PRIMARY KEY, x BLOB);"})
			if out, code := y.tool("up"); code != 0 {
				t.Fatal(out)
			}
			y.do("PRAGMA journal_mode = "+mode, "INSERT INTO big (x) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 10000) SELECT zeroblob(2000) FROM c")
			must(t, os.WriteFile(y.path("migrations/0002_rewrite.sql"), []byte("UPDATE big SET x = randomblob(2000);"), 0o666))
			v := y.verify()
			if b := v.Bytes; b.Before < 20e6 || b.After < b.Before || b.After > b.Before+1e6 || b.Peak < b.Before+15e6 || b.Peak > 3*b.Before {
				t.Errorf("%+v: every page was written anew, and its old or its new content is elsewhere meanwhile", *b)
			}
			if v.Migrations[0].RowsAffected != 10000 || v.UpMS < v.Migrations[0].UpMS {
				t.Errorf("%+v in %d ms", v.Migrations[0], v.UpMS)
			}
		})
	}
}

// command runs a command that is in a program, and returns its JSON.
func command(tb testing.TB, result any, code int, dsn string, set *migratingsqlite.Set, args ...string) {
	tb.Helper()
	var out, errs bytes.Buffer
	cmd := Command(dsn, migratingsqlite.WithSet(set))
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	if got := Main(cmd, append(args, "--json")...); got != code {
		tb.Errorf("%v: exit code %d, want %d\n%s%s", args, got, code, &out, &errs)
	}
	must(tb, json.Unmarshal(out.Bytes(), result))
}

func TestVerifyInAProgram(t *testing.T) {
	made := 0
	up := func(ctx context.Context, tx migratingsqlite.Tx) error {
		made++
		_, err := tx.ExecContext(ctx, "INSERT INTO notes (text) VALUES ('welcome')")
		return err
	}
	down := func(ctx context.Context, tx migratingsqlite.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM notes")
		return err
	}
	fsys := fstest.MapFS{"0001_notes.sql": {Data: []byte("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);")}}
	set, err := migratingsqlite.Load("notes", fsys, migratingsqlite.Func(2, "welcome", up, down), migratingsqlite.Func(3, "nothing", func(context.Context, migratingsqlite.Tx) error { return nil }, nil))
	must(t, err)
	path := filepath.Join(t.TempDir(), "app.db")
	backups := filepath.Join(t.TempDir(), "backups")
	dsn := "file:" + path + "?_pragma=journal_mode(WAL)&_migrate=check&_migrate_backup=" + backups
	command(t, &upgrade{}, 0, path, set, "up", "--to", "2")
	before, err := os.ReadFile(path)
	must(t, err)

	var v verification
	command(t, &v, 0, dsn, set, "verify")
	if got := v.outcomes(); got != "sound_before ok, up ok, structure ok, down skipped, rows ok, sound_after ok" || v.Sets[0] != (setVerified{"notes", 2, 3}) {
		t.Errorf("%s, %+v", got, v.Sets)
	}
	if text := v.check("rows").Text; text != "migrations in Go may change any table" {
		t.Error(text)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Error("the database was changed", err)
	}

	if _, err := os.Stat(backups); err == nil {
		t.Error("a backup was made of a copy")
	}

	v, made = verification{}, 0
	command(t, &v, 0, dsn, set, "verify", "--empty")
	if got := v.outcomes(); got != "up ok, down ok, up_again ok, sound_after ok" || len(v.Migrations) != 3 || made != 2 {
		t.Errorf("%s, %d migrations, called %d times", got, len(v.Migrations), made)
	}
	if notes := v.check("down").Notes; !slices.Equal(notes, []string{"no way back of 0001_notes, 0003_nothing"}) {
		t.Errorf("%q", notes)
	}
}

func TestVerifySeveralSets(t *testing.T) {
	first, err := migratingsqlite.Load("first", fstest.MapFS{
		"0001_a.up.sql": {Data: []byte("CREATE TABLE a (x INTEGER PRIMARY KEY);")}, "0001_a.down.sql": {Data: []byte("DROP TABLE a;")}})
	must(t, err)
	second, err := migratingsqlite.Load("second", fstest.MapFS{
		"0001_b.up.sql": {Data: []byte("CREATE TABLE b (x REFERENCES a);")}, "0001_b.down.sql": {Data: []byte("DROP TABLE b;")},
		"0002_c.up.sql": {Data: []byte("INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);")}, "0002_c.down.sql": {Data: []byte("DELETE FROM b; DELETE FROM a;")}})
	must(t, err)
	path := filepath.Join(t.TempDir(), "app.db")
	must(t, os.WriteFile(path, nil, 0o666))
	for _, args := range [][]string{{"verify"}, {"verify", "--empty"}} {
		var out bytes.Buffer
		cmd := Command(path, migratingsqlite.WithSet(first, second))
		cmd.SetOut(&out)
		if code := Main(cmd, append(args, "--json")...); code != 0 {
			t.Errorf("%v: exit code %d\n%s", args, code, &out)
		}
		var v verification
		must(t, json.Unmarshal(out.Bytes(), &v))
		if len(v.Migrations) != 3 || v.check("down").Outcome != checkOK || !strings.HasPrefix(v.check("down").Text, "3 migrations undone") {
			t.Errorf("%v: %s", args, &out)
		}
	}
}

func TestVerifyOfMany(t *testing.T) {
	migrations, paths := tenants(t, 12)
	must(t, os.WriteFile(paths[3], []byte(strings.Repeat("no database ", 100)), 0o666))
	db, err := sql.Open("sqlite", paths[5])
	must(t, err)
	_, err = db.Exec("CREATE TABLE odd (x)")
	must(t, err)
	must(t, db.Close())
	dir := filepath.Dir(paths[0])
	before := contents(t, dir)
	var out bytes.Buffer
	cmd := Tool()
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	if code := Main(cmd, "verify", "--dir", migrations, filepath.Join(dir, "*.db")); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"12 databases in ", fmt.Sprintf("%9d  proven: 3 migrations\n", 10), "not proven: structure: table odd is not expected; that was so before the upgrade\n", "tenant00005.db\n", "1 failure\n", "tenant00003.db: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
	if !maps.Equal(before, contents(t, dir)) {
		t.Error("a database was changed")
	}
}

func TestVerifyOfAServerIsRefused(t *testing.T) {
	var out, errs bytes.Buffer
	cmd := Tool()
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	y := newYard(t, notesAndTags)
	if code := Main(cmd, "verify", "--dir", y.path("migrations"), "--set", "app", "libsql://127.0.0.1:1?authToken=hunter2"); code != 1 || out.Len() > 0 {
		t.Errorf("exit code %d, and %s", code, &out)
	}
	if text := errs.String(); strings.Count(text, "\n") != 1 || strings.Contains(text, "hunter2") || !strings.Contains(text, "libSQL") && !strings.Contains(text, "verify a dump") {
		t.Error(text)
	}
}
