package migratecli

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// The migrations of a tenant: it has the first, and the others are pending.
var tenantMigrations = []string{
	"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
	"ALTER TABLE notes ADD COLUMN tag TEXT",
	"CREATE INDEX notes_tag ON notes (tag)",
	"CREATE TABLE prefs (k TEXT PRIMARY KEY, v TEXT); INSERT INTO prefs VALUES ('theme', 'dark')",
}

// tenants makes a folder of migrations, and databases that have the first.
func tenants(tb testing.TB, n int) (migrations string, paths []string) {
	tb.Helper()
	dir := tb.TempDir()
	migrations = filepath.Join(dir, "migrations")
	must(tb, os.Mkdir(migrations, 0o777))
	for i, text := range tenantMigrations {
		must(tb, os.WriteFile(filepath.Join(migrations, fmt.Sprintf("%04d_step.sql", i+1)), []byte(text), 0o666))
	}
	first := filepath.Join(dir, "first")
	run(tb, "up", "--to", "1", "--dir", migrations, first)
	blank, err := os.ReadFile(first)
	must(tb, err)
	must(tb, os.Mkdir(filepath.Join(dir, "data"), 0o777))
	for i := range n {
		path := filepath.Join(dir, "data", fmt.Sprintf("tenant%05d.db", i))
		must(tb, os.WriteFile(path, blank, 0o666))
		paths = append(paths, path)
	}
	return migrations, paths
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// run runs the tool in this process.
func run(tb testing.TB, args ...string) string {
	tb.Helper()
	var out bytes.Buffer
	cmd := Tool()
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(context.Background()); err != nil {
		tb.Fatalf("%v: %v\n%s", args, err, &out)
	}
	return out.String()
}

// bare applies the pending migrations to one database as a loop of one's own
// would: open it, one transaction, close it.
func bare(path string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, text := range tenantMigrations[1:] {
		if _, err := tx.Exec(text); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// BenchmarkFleet upgrades 500 databases with three pending migrations each, and
// as many by a bare loop, in turns.
func BenchmarkFleet(b *testing.B) {
	const n = 500
	var ours, theirs time.Duration
	for range b.N {
		migrations, paths := tenants(b, 2*n)
		for i := 0; i < 2*n; i += 100 {
			list := filepath.Join(b.TempDir(), "list")
			f, err := os.Create(list)
			must(b, err)
			for _, p := range paths[i : i+50] {
				fmt.Fprintln(f, p)
			}
			must(b, f.Close())
			start := time.Now()
			run(b, "up", "--dir", migrations, "--set", "app", "--from-file", list)
			ours += time.Since(start)

			start = time.Now()
			var workers sync.WaitGroup
			queue := make(chan string)
			for range runtime.NumCPU() {
				workers.Go(func() {
					for p := range queue {
						if err := bare(p); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for _, p := range paths[i+50 : i+100] {
				queue <- p
			}
			close(queue)
			workers.Wait()
			theirs += time.Since(start)
		}
	}
	b.ReportMetric(float64(ours)/float64(theirs), "×bare")
	b.ReportMetric(float64(n*b.N)/ours.Seconds(), "databases/s")
}

// try runs the tool in this process, and returns what it says and its exit code.
func try(tb testing.TB, ctx context.Context, args ...string) (out, errs string, code int) {
	tb.Helper()
	var o, e bytes.Buffer
	cmd := Tool()
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	cmd.SetArgs(args)
	cmd.SilenceErrors = true
	err := cmd.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(&e, err)
	}
	return o.String(), e.String(), ExitCode(err)
}

// versions counts the tenants by what they have, through the plain driver.
func versions(tb testing.TB, paths []string) map[string]int {
	tb.Helper()
	found := map[string]int{}
	for _, p := range paths {
		db, err := sql.Open("sqlite", "file://"+(&url.URL{Path: p}).EscapedPath())
		must(tb, err)
		var has string
		if err := db.QueryRow("SELECT group_concat(name) FROM (SELECT name FROM sqlite_master WHERE name IN ('notes', 'prefs', 'notes_tag') ORDER BY name)").Scan(&has); err != nil {
			has = "unreadable"
		}
		must(tb, db.Close())
		found[has]++
	}
	return found
}

func wantVersions(tb testing.TB, paths []string, want map[string]int) {
	tb.Helper()
	if got := versions(tb, paths); !maps.Equal(got, want) {
		tb.Errorf("got %v, want %v", got, want)
	}
}

// lines decodes lines of JSON.
func lines(tb testing.TB, text string) (list []map[string]any) {
	tb.Helper()
	for line := range strings.Lines(text) {
		v := map[string]any{}
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			tb.Fatalf("%v: %q", err, line)
		}
		list = append(list, v)
	}
	return list
}

func TestFailuresInAFleet(t *testing.T) {
	migrations, paths := tenants(t, 60)
	must(t, os.WriteFile(paths[7], []byte("this is a text, and not short enough to be an empty database: "+strings.Repeat("x", 200)), 0o666))
	locked, err := sql.Open("sqlite", paths[20]+"?_txlock=exclusive")
	must(t, err)
	defer locked.Close()
	tx, err := locked.Begin()
	must(t, err)
	defer tx.Rollback()
	pattern := filepath.Join(filepath.Dir(paths[0]), "*.db")
	report := filepath.Join(t.TempDir(), "report")

	out, errs, code := try(t, t.Context(), "up", "--dir", migrations, "--report", report, pattern+"?_migrate_timeout=100ms")
	if code != 1 || strings.TrimSpace(errs) != "2 databases of 60 failed; the others are done, and a second run does what is left" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	for _, s := range []string{"60 databases in ", "58 ", "applied 3 migrations", "2 failures", "tenant00007.db: ", "file is not a database", "tenant00020.db: "} {
		if !strings.Contains(out, s) {
			t.Errorf("%q is not in\n%s", s, out)
		}
	}
	text, err := os.ReadFile(report)
	must(t, err)
	failed := 0
	for _, l := range lines(t, string(text)) {
		if l["error"] != nil {
			failed++
		}
	}
	if n := len(lines(t, string(text))); n != 60 || failed != 2 {
		t.Errorf("%d lines, %d with an error", n, failed)
	}
	must(t, tx.Rollback())
	wantVersions(t, paths, map[string]int{"notes,notes_tag,prefs": 58, "notes": 1, "unreadable": 1})

	// Again: it does what is left, and status names the odd one.
	must(t, os.Remove(paths[7]))
	out, errs, code = try(t, t.Context(), "up", "--dir", migrations, pattern)
	if code != 0 || errs != "" || !strings.Contains(out, "up to date") || !strings.Contains(out, "tenant00020.db") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}
	run(t, "up", "--dir", migrations, "--to", "1", filepath.Join(filepath.Dir(paths[0]), "late.db"))
	out, _, code = try(t, t.Context(), "status", "--dir", migrations, pattern)
	if code != 3 || !strings.Contains(out, "at version 4\n") || !strings.Contains(out, "at version 1, 3 pending") || !strings.Contains(out, "late.db") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	out, _, code = try(t, t.Context(), "status", "--dir", migrations, "--json", pattern)
	if n := len(lines(t, out)); code != 3 || n != 60 {
		t.Errorf("exit code %d, %d lines", code, n)
	}
}

// A pattern finds the databases that it says: whatever they are called, and no
// copies of them, whose sums would not be right any more.
func TestPatterns(t *testing.T) {
	migrations, paths := tenants(t, 2)
	data := filepath.Dir(paths[0])
	blank, err := os.ReadFile(paths[0])
	must(t, err)
	for _, name := range []string{"what?.db", "why?a=b.db", "a:b.db", "q[1].db", "a%41.db", "a#b.db", "a b.db", "a\nb.db"} {
		path := filepath.Join(data, name)
		must(t, os.WriteFile(path, blank, 0o666))
		paths = append(paths, path)
	}
	run(t, "backup", "--in", data, paths[0])
	found, err := filepath.Glob(filepath.Join(data, "*.snapshot"))
	must(t, err)
	if len(found) != 1 {
		t.Fatal(found)
	}
	run(t, "restore", "--yes", paths[0], found[0])
	kept, err := filepath.Glob(filepath.Join(data, "*.replaced"))
	must(t, err)
	files, err := os.ReadDir(data)
	must(t, err)

	run(t, "up", "--dir", migrations, filepath.Join(data, "*")+"?_migrate_timeout=1s")
	wantVersions(t, paths, map[string]int{"notes,notes_tag,prefs": len(paths)})
	wantVersions(t, append(found, kept...), map[string]int{"notes": 2})
	if now, err := os.ReadDir(data); err != nil || len(now) != len(files) {
		t.Errorf("%d files, and before %d: %v", len(now), len(files), err)
	}
	// Unless it asks for them.
	out, _, code := try(t, t.Context(), "status", "--dir", migrations, filepath.Join(data, "*.snapshot"))
	if code != 3 || !strings.Contains(out, "version 1 of 4") {
		t.Errorf("exit code %d: %s", code, out)
	}

	// What would be another database's name, and a parameter that is none.
	_, errs, code := try(t, t.Context(), "up", "--dir", migrations, filepath.Join(data, "tenant0000?.db"))
	if code != 2 || !strings.Contains(errs, "which is no parameter") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(data, "tenant0000")); err == nil {
		t.Error("it has made tenant0000")
	}
}

func TestListsOfOtherSystems(t *testing.T) {
	migrations, paths := tenants(t, 3)
	list := filepath.Join(t.TempDir(), "list")
	must(t, os.WriteFile(list, []byte("\ufeff"+paths[0]+"\r\n\r\n  # the next\r\n"+paths[1]+"?_migrate_to=2\r\n"+paths[0]+"\r\n\tfile:"+paths[2]), 0o666))
	out := run(t, "up", "--dir", migrations, "--from-file", list, "--json")
	if n := len(lines(t, out)); n != 3 {
		t.Errorf("%d lines:\n%s", n, out)
	}
	wantVersions(t, paths, map[string]int{"notes,notes_tag,prefs": 2, "notes": 1})
}

// A shell that expands the pattern makes the first database a flag's file.
func TestPatternsWithoutQuotes(t *testing.T) {
	migrations, paths := tenants(t, 3)
	before, err := os.ReadFile(paths[0])
	must(t, err)
	t.Chdir(t.TempDir())
	for flag, words := range map[string]string{"--report": "that is a database", "--from-file": "is no list of names"} {
		_, errs, code := try(t, t.Context(), append([]string{"up", "--dir", migrations, flag}, paths...)...)
		if code == 0 || !strings.Contains(errs, words) {
			t.Errorf("%s: exit code %d: %s", flag, code, errs)
		}
	}
	if now, err := os.ReadFile(paths[0]); err != nil || !bytes.Equal(before, now) {
		t.Errorf("the first database has %d bytes, and had %d: %v", len(now), len(before), err)
	}
	if files, err := os.ReadDir("."); err != nil || len(files) > 0 {
		t.Errorf("it has made %v: %v", files, err)
	}
	wantVersions(t, paths, map[string]int{"notes": 3})
}

// Who interrupts it learns what is left, and a second run does that.
func TestInterruptedFleet(t *testing.T) {
	migrations, paths := tenants(t, 300)
	list := filepath.Join(t.TempDir(), "list")
	must(t, os.WriteFile(list, []byte("# all\n\n"+strings.Join(paths, "\n")), 0o666))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if db, err := sql.Open("sqlite", paths[50]); err == nil {
				if db.QueryRow("SELECT 1 FROM prefs").Scan(new(int)) == nil {
					cancel()
				}
				db.Close()
			}
		}
	}()
	report := filepath.Join(t.TempDir(), "report")
	_, errs, code := try(t, ctx, "up", "--dir", migrations, "--parallel", "2", "--from-file", list, "--report", report)
	if code != 1 || !strings.Contains(errs, "interrupted: ") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	text, err := os.ReadFile(report)
	must(t, err)
	done, left := 0, 0
	for _, l := range lines(t, string(text)) {
		switch {
		case l["applied"] != nil:
			done++
		case l["state"] == "left", l["error"] != nil:
			left++
		}
	}
	if done < 50 || left == 0 || done+left != len(paths) {
		t.Errorf("%d done, %d left", done, left)
	}
	wantVersions(t, paths, map[string]int{"notes,notes_tag,prefs": done, "notes": left})
	run(t, "up", "--dir", migrations, "--from-file", list)
	wantVersions(t, paths, map[string]int{"notes,notes_tag,prefs": len(paths)})
}
