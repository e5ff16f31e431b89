package migratecli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/migratingsqlite/migratingsqlite"
)

// inside runs the commands of a program with sets of its own.
func inside(t *testing.T, sets []*migratingsqlite.Set, args ...string) (out string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := Command("", migratingsqlite.WithSet(sets...))
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	code = Main(cmd, args...)
	return stdout.String() + stderr.String(), code
}

func set(t *testing.T, name string, files fstest.MapFS, opts ...migratingsqlite.SetOption) *migratingsqlite.Set {
	t.Helper()
	s, err := migratingsqlite.Load(name, files, opts...)
	must(t, err)
	return s
}

func texts(namesAndTexts ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		fsys[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	return fsys
}

func findings(t *testing.T, out string) (list []string) {
	t.Helper()
	var v validation
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, f := range v.Findings {
		list = append(list, fmt.Sprintf("%s:%d:%d %s %s", f.File, f.Line, f.Column, f.Code, f.Message))
	}
	return list
}

func TestValidateInAProgramWithSetsAndFunctions(t *testing.T) {
	step := func(statement string) migratingsqlite.MigrateFunc {
		return func(ctx context.Context, tx migratingsqlite.Tx) error {
			_, err := tx.ExecContext(ctx, statement)
			return err
		}
	}
	base := set(t, "base", texts("1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)", "1_users.down.sql", "DROP TABLE users"))
	app := set(t, "app", texts(
		"1_admin.up.sql", "INSERT INTO users (name) VALUES ('admin')", "1_admin.down.sql", "DELETE FROM users",
		"4_last.up.sql", "CREATE TABLE last (x)", "4_last.down.sql", "SELECT 1 -- nothing",
	), migratingsqlite.Func(2, "made", step("CREATE TABLE made (x)"), step("DROP TABLE made")),
		migratingsqlite.Func(3, "broken", step("CREATE TABLE broken (x)"), func(context.Context, migratingsqlite.Tx) error { return errors.New("not today") }))
	out, code := inside(t, []*migratingsqlite.Set{base, app}, "validate", "--json")
	want := []string{
		":0:0 MS605 0003_broken: not today",
		"4_last.down.sql:1:1 MS606 behind it the structure is not that of version 3: table last is not expected",
	}
	if got := findings(t, out); code != 1 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("exit code %d\ngot  %q\nwant %q", code, got, want)
	}
}

// The number of a function is taken, whatever the folder says.
func TestNewInAProgramWithFunctions(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, os.Mkdir("migrations", 0o777))
	must(t, os.WriteFile(filepath.Join("migrations", "0001_a.sql"), []byte("CREATE TABLE a (x)"), 0o666))
	s := set(t, "app", texts("0001_a.sql", "CREATE TABLE a (x)"), migratingsqlite.Func(2, "b", func(context.Context, migratingsqlite.Tx) error { return nil }, nil))
	if out, code := inside(t, []*migratingsqlite.Set{s}, "new", "prefs"); code != 0 || out != "created migrations/0003_prefs.sql\n" {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// Many migrations are tried one by one only where something depends on it.
func TestValidateReadsWhatItNeeds(t *testing.T) {
	files := texts()
	for i := range 60 {
		files[fmt.Sprintf("%04d_t.sql", i+1)] = &fstest.MapFile{Data: fmt.Appendf(nil, "CREATE TABLE t%d (x, y); CREATE INDEX t%d_x ON t%d (x);", i, i, i)}
	}
	files["0030_t.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE t29 (x, y); DROP TABLE t3; CREATE TABLE t3 (x, y);")}
	out, code := inside(t, []*migratingsqlite.Set{set(t, "app", files)}, "validate", "--json")
	want := []string{"0030_t.sql:1:26 MS406 the index t3_x is dropped with t3 and not created again", "0030_t.sql:1:26 MS408 t3 is dropped and made anew, and no row is copied"}
	if got := findings(t, out); code != 1 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("exit code %d\ngot  %q\nwant %q", code, got, want)
	}
}
