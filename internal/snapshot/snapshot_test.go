package snapshot_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
	"modernc.org/sqlite"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want[T any](t testing.TB, got, wanted T) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(wanted) {
		t.Errorf("got  %v\nwant %v", got, wanted)
	}
}

// says checks an error and what it says.
func says(t testing.TB, err, is error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	t.Log(err)
	if is != nil && !errors.Is(err, is) {
		t.Errorf("not %q", is)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("does not say %q", w)
		}
	}
}

// escaped is a path in a URI.
func escaped(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// plain opens a database; params may be "".
func plain(t testing.TB, path, params string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+escaped(path)+"?"+params)
	must(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t testing.TB, path, params string, statements ...string) {
	t.Helper()
	db := plain(t, path, params+"&_pragma=synchronous(OFF)")
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// ask returns the rows of a query.
func ask(t testing.TB, db *sql.DB, query string) (list []string) {
	t.Helper()
	r, err := db.Query(query)
	must(t, err)
	defer r.Close()
	columns, err := r.Columns()
	must(t, err)
	for r.Next() {
		values, pointers := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		must(t, r.Scan(pointers...))
		list = append(list, strings.TrimSpace(fmt.Sprintln(values...)))
	}
	must(t, r.Err())
	return list
}

func query(t testing.TB, path, params, q string) []string {
	t.Helper()
	db := plain(t, path, params)
	defer db.Close()
	return ask(t, db, q)
}

// contents is all that is in a database. With "mode=ro&immutable=1" nothing is
// made beside it.
func contents(t testing.TB, path, params string) string {
	t.Helper()
	db := plain(t, path, params)
	defer db.Close()
	all := ask(t, db, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
	for _, table := range ask(t, db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name") {
		all = append(all, table)
		all = append(all, ask(t, db, `SELECT rowid, * FROM "`+table+`" ORDER BY rowid`)...)
	}
	for _, p := range []string{"user_version", "application_id", "page_size", "auto_vacuum", "encoding", "integrity_check"} {
		all = append(all, p)
		all = append(all, ask(t, db, "PRAGMA "+p)...)
	}
	return strings.Join(all, "\n")
}

const (
	untouched = "mode=ro&immutable=1"
	wal       = "_pragma=journal_mode(WAL)"
)

var journals = map[string]string{"rollback journal": "", "write-ahead log": wal}

// fill is a database with all sorts of pages.
var fill = []string{
	"PRAGMA user_version = 42",
	"PRAGMA application_id = 7",
	"CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL, extra BLOB)",
	"CREATE TABLE tag (name TEXT)",
	"CREATE INDEX note_text ON note (text)",
	"CREATE VIEW texts AS SELECT text FROM note",
	"CREATE TRIGGER t AFTER DELETE ON note BEGIN DELETE FROM tag WHERE rowid = old.id; END",
	"INSERT INTO note (text, extra) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100) SELECT 'it''s note ' || i, zeroblob(i % 7 * 400) FROM n",
	"INSERT INTO tag (rowid, name) VALUES (7, 'seven'), (1000, 'a thousand')",
	"DELETE FROM note WHERE id % 3 = 0", // leaves free pages
}

// connector opens connections of modernc.org/sqlite.
func connector(t testing.TB, path, params string) driver.Connector {
	t.Helper()
	c, err := sqlite.NewConnector("file:" + escaped(path) + "?" + params)
	must(t, err)
	return c
}

// other opens connections that hide whose they are.
type other struct{ driver.Connector }

type otherConn struct {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
}

func (o other) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := o.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return otherConn{c, c.(driver.ExecerContext), c.(driver.QueryerContext)}, nil
}

func take(t testing.TB, path, folder string, version int64) *snapshot.Snapshot {
	t.Helper()
	s, err := snapshot.Take(t.Context(), connector(t, path, ""), folder, version)
	must(t, err)
	return s
}

func names(t testing.TB, folder string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	must(t, err)
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func paths(list []snapshot.Snapshot) (paths []string) {
	for _, s := range list {
		paths = append(paths, s.Path)
	}
	return paths
}

func list(t testing.TB, folder, database string) []snapshot.Snapshot {
	t.Helper()
	l, err := snapshot.List(folder, database)
	must(t, err)
	return l
}

// samePages compares a copy's bytes with its database's, but for the counters of
// changes in the first page. https://www.sqlite.org/fileformat.html
func samePages(t testing.TB, copied, database string) {
	t.Helper()
	a, err := os.ReadFile(copied)
	must(t, err)
	b, err := os.ReadFile(database)
	must(t, err)
	for _, pages := range [][]byte{a, b} {
		clear(pages[24:28]) // file change counter
		clear(pages[40:44]) // schema cookie
		clear(pages[92:96]) // version-valid-for
	}
	if !slices.Equal(a, b) {
		t.Errorf("%s differs from %s", copied, database)
	}
}

func TestEveryPageIsCopied(t *testing.T) {
	for name, params := range journals {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
			exec(t, path, params, fill...)
			before := time.Now().Add(-time.Microsecond)
			s := take(t, path, folder, 6)
			samePages(t, s.Path, path)
			want(t, contents(t, s.Path, untouched), contents(t, path, ""))
			info, err := os.Stat(s.Path)
			must(t, err)
			want(t, info.Mode(), 0o600)
			want(t, s.Size, info.Size())
			if s.Time.Before(before) || s.Time.After(time.Now()) || s.Database != path || s.Version != 6 {
				t.Error(s)
			}
			if !regexp.MustCompile(`^app\.db-\d{8}T\d{6}\.\d{6}Z-v6-[0-9a-f]{12}-[0-9a-f]{16}\.snapshot$`).MatchString(filepath.Base(s.Path)) {
				t.Error(s.Path)
			}
			info, err = os.Stat(folder)
			must(t, err)
			want(t, info.Mode(), fs.ModeDir|0o700)
			want(t, names(t, folder), []string{filepath.Base(s.Path)})
			want(t, list(t, folder, path), []snapshot.Snapshot{*s})
			must(t, snapshot.Check(t.Context(), s.Path))
			want(t, names(t, dir), []string{"app.db", "backups"})
		})
	}
}

func TestOtherDriversCopyTheContents(t *testing.T) {
	for name, params := range journals {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "it's 100% mine?.db")
			exec(t, path, params, fill...)
			s, err := snapshot.Take(t.Context(), other{connector(t, path, "")}, filepath.Join(dir, "it's # here"), 1)
			must(t, err)
			want(t, contents(t, s.Path, untouched), contents(t, path, ""))
			must(t, snapshot.Check(t.Context(), s.Path))
			info, err := os.Stat(s.Path)
			must(t, err)
			want(t, info.Mode(), 0o600)
			// It is what it was copied from in this, too.
			want(t, query(t, s.Path, "", "PRAGMA journal_mode"), query(t, path, "", "PRAGMA journal_mode"))
		})
	}
}

// What others have not committed is not in it, and nobody has to wait.
func TestTakenWhileAnotherWrites(t *testing.T) {
	for name, params := range journals {
		for kind, hide := range map[string]func(driver.Connector) driver.Connector{
			"pages": func(c driver.Connector) driver.Connector { return c },
			"VACUUM INTO": func(c driver.Connector) driver.Connector {
				return other{c}
			},
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "app.db")
				exec(t, path, params, fill...)
				before := contents(t, path, "")
				writer := plain(t, path, params)
				_, err := writer.Exec("BEGIN IMMEDIATE; INSERT INTO tag VALUES ('not yet')")
				must(t, err)
				s, err := snapshot.Take(t.Context(), hide(connector(t, path, "")), dir, 1)
				must(t, err)
				want(t, contents(t, s.Path, untouched), before)
				_, err = writer.Exec("COMMIT")
				must(t, err)
			})
		}
	}
}

// A sum that every transaction leaves as it is shows whether all of a copy is of
// one moment.
func TestEverySnapshotIsOfOneMoment(t *testing.T) {
	for name, params := range journals {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "app.db")
			exec(t, path, params, "CREATE TABLE account (id INTEGER PRIMARY KEY, n INTEGER, fill BLOB)",
				"INSERT INTO account (n, fill) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT 10, zeroblob(4000) FROM n")
			ctx, stop := context.WithCancel(t.Context())
			written := make(chan int)
			go func() {
				db := plain(t, path, "_pragma=busy_timeout(10000)&_pragma=synchronous(OFF)")
				n := 0
				for ; ctx.Err() == nil; n++ {
					if _, err := db.Exec(fmt.Sprintf("BEGIN IMMEDIATE; UPDATE account SET n = n - 1 WHERE id = %d; UPDATE account SET n = n + 1 WHERE id = %d; COMMIT", 1+n%500, 500-n%499)); err != nil {
						t.Error(err)
						break
					}
					time.Sleep(time.Millisecond) // whoever waits gets his turn
				}
				written <- n
			}()
			for i := range 5 {
				s, err := snapshot.Take(t.Context(), connector(t, path, "_pragma=busy_timeout(10000)"), dir, int64(i))
				must(t, err)
				want(t, query(t, s.Path, untouched, "SELECT sum(n), count(*) FROM account"), []string{"5000 500"})
			}
			stop()
			if n := <-written; n == 0 {
				t.Error("nobody wrote")
			}
		})
	}
}

func TestNamesAndPlaces(t *testing.T) {
	long := strings.Repeat("長い名前", 20) // 240 bytes
	for _, name := range []string{long, "a b.db", "日本語.db", "100%.db", "%41.db", "what?.db", "a#b.db", "a'b\"c.db", "a\nb.db", "-v1-.db", "x.snapshot"} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "") // SQLite wants a path to have no more than 512 bytes
			must(t, err)
			defer os.RemoveAll(dir)
			if name != long {
				dir = filepath.Join(dir, name)
				must(t, os.Mkdir(dir, 0o700))
			}
			path, folder := filepath.Join(dir, name), filepath.Join(dir, "back ups %20?")
			exec(t, path, "", fill...)
			s := take(t, path, folder, 3)
			want(t, contents(t, s.Path, untouched), contents(t, path, ""))
			want(t, paths(list(t, folder, path)), []string{s.Path})
			want(t, list(t, folder, path)[0].Database, path)
			must(t, snapshot.Check(t.Context(), s.Path))
			exec(t, path, "", "DELETE FROM note")
			kept, err := snapshot.Restore(t.Context(), s.Path, path)
			must(t, err)
			want(t, contents(t, path, ""), contents(t, s.Path, untouched))
			want(t, query(t, kept, untouched, "SELECT count(*) FROM note"), []string{"0"})
		})
	}
}

func TestDatabasesOfOneNameShareAFolder(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "backups")
	var databases []string
	for i := range 3 {
		dir := filepath.Join(root, fmt.Sprint("tenant", i))
		must(t, os.Mkdir(dir, 0o700))
		databases = append(databases, filepath.Join(dir, "app.db"))
		exec(t, databases[i], "", fill...)
		for v := range 3 {
			take(t, databases[i], folder, int64(v))
		}
	}
	_, err := snapshot.Prune(folder, databases[0], 1)
	must(t, err)
	for i, n := range []int{1, 3, 3} {
		want(t, len(list(t, folder, databases[i])), n)
	}
	// By another way to it, it is the same database.
	link := filepath.Join(t.TempDir(), "link.db")
	must(t, os.Symlink(databases[1], link))
	want(t, paths(list(t, folder, link)), paths(list(t, folder, databases[1])))
	s := take(t, link, folder, 3)
	want(t, s.Database, databases[1])
	want(t, len(list(t, folder, databases[1])), 4)
	// All of it may be moved.
	moved := filepath.Join(t.TempDir(), "elsewhere")
	must(t, os.Rename(root, moved))
	want(t, len(list(t, filepath.Join(moved, "backups"), filepath.Join(moved, "tenant1", "app.db"))), 4)
}

func TestRelativePaths(t *testing.T) {
	t.Chdir(t.TempDir())
	exec(t, "app.db", "", fill...)
	s := take(t, "app.db", "backups", 1)
	want(t, filepath.Dir(s.Path), "backups")
	want(t, paths(list(t, "backups", "app.db")), []string{s.Path})
	exec(t, "app.db", "", "DELETE FROM note")
	_, err := snapshot.Restore(t.Context(), s.Path, "app.db")
	must(t, err)
	want(t, contents(t, "app.db", ""), contents(t, s.Path, untouched))
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
	exec(t, path, "", fill...)
	s := take(t, path, folder, 1)
	whole, err := os.ReadFile(s.Path)
	must(t, err)
	name := filepath.Base(s.Path)
	_, tail, _ := strings.Cut(name, "Z-")
	at := func(i int) string {
		return fmt.Sprintf("app.db-2001010%dT000000.000000Z-%s", i, tail)
	}
	for name, content := range map[string][]byte{
		"app.db":                      whole,
		"app.db.bak":                  whole,
		"notes.txt":                   []byte("mine"),
		name + ".gz":                  whole,
		"copy of " + name:             whole, // of another database, by its name
		at(1):                         []byte("not a database"),
		at(2):                         whole[:len(whole)-4096], // cut off
		at(3):                         nil,
		"app.db-2001-v1-x.snapshot":   whole,
		"app.db-ABC.snapshot.partial": whole,
		"app.db.snapshot.partial":     whole,
		strings.Replace(at(4), "-v1-", "-v99999999999999999999-", 1): whole,
		strings.Replace(at(5), "0105T", "9905T", 1):                  whole, // no such day
	} {
		must(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	must(t, os.Mkdir(filepath.Join(folder, at(6)), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "outside"), whole, 0o600))
	must(t, os.Symlink(filepath.Join(dir, "outside"), filepath.Join(folder, at(7))))
	old := time.Now().Add(-1000 * time.Hour)
	for _, n := range names(t, folder) {
		if n != at(7) {
			must(t, os.Chtimes(filepath.Join(folder, n), old, old))
		}
	}
	before := names(t, folder)
	want(t, paths(list(t, folder, path)), []string{s.Path})
	for range 3 {
		s = take(t, path, folder, 1)
		_, err := snapshot.Prune(folder, path, 1)
		must(t, err)
	}
	left := names(t, folder)
	left = slices.DeleteFunc(left, func(n string) bool { return n == filepath.Base(s.Path) })
	before = slices.DeleteFunc(before, func(n string) bool { return n == name })
	want(t, left, before)
}

func TestTheOldestAreRemoved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	exec(t, path, "", fill...)
	for name, c := range map[string]struct {
		versions []int64
		keep     int
		left     string
	}{
		"one":                                   {[]int64{1, 2, 3}, 1, "3"},
		"nothing to do":                         {[]int64{1, 2, 3}, 3, "1 2 3"},
		"none is none but the newest":           {[]int64{1, 2, 3}, 0, "3"},
		"several":                               {[]int64{1, 2, 3, 4, 5}, 2, "4 5"},
		"numbers, not words":                    {[]int64{8, 9, 10, 11}, 2, "10 11"},
		"of one version":                        {[]int64{6, 6, 6, 6}, 2, "6 6"},
		"an upgrade that fails again and again": {[]int64{3, 4, 5, 6, 6, 6, 6, 6, 6, 6}, 4, "3 4 5 6"},
		"and then does not":                     {[]int64{3, 4, 5, 6, 6, 6, 7, 8}, 4, "5 6 7 8"},
		"there and back":                        {[]int64{5, 6, 5, 6, 7}, 3, "5 6 7"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			var all []string
			for _, v := range c.versions {
				all = append(all, take(t, path, folder, v).Path)
			}
			removed, err := snapshot.Prune(folder, path, c.keep)
			must(t, err)
			var left []string
			rest := list(t, folder, path)
			for _, s := range rest {
				left = append(left, fmt.Sprint(s.Version))
			}
			want(t, strings.Join(left, " "), c.left)
			want(t, len(removed)+len(rest), len(all))
			want(t, rest[len(rest)-1].Path, all[len(all)-1])
		})
	}
}

// A clock that is put back does not make the newest the oldest.
func TestSnapshotsSortAsTheyWereTaken(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
	exec(t, path, "", fill...)
	s := take(t, path, folder, 1)
	future := strings.Replace(s.Path, filepath.Base(s.Path)[len("app.db-"):len("app.db-20261122T083405.123456Z")], "21260101T000000.000000Z", 1)
	must(t, os.Rename(s.Path, future))
	var all []string
	for range 5 {
		all = append(all, take(t, path, folder, 1).Path)
	}
	want(t, paths(list(t, folder, path)), append([]string{future}, all...))
	sorted := slices.Sorted(slices.Values(all))
	want(t, sorted, all)
}

func TestDatabaseInMemory(t *testing.T) {
	for _, dsn := range []string{":memory:", "file:x?vfs=memdb"} {
		c, err := sqlite.NewConnector(dsn)
		must(t, err)
		folder := t.TempDir()
		_, err = snapshot.Take(t.Context(), c, folder, 1)
		says(t, err, snapshot.ErrNoFile)
		want(t, len(names(t, folder)), 0)
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	exec(t, path, "", fill...)
	failed := func(folder string, words ...string) {
		t.Helper()
		_, err := snapshot.Take(t.Context(), connector(t, path, ""), folder, 1)
		says(t, err, nil, append(words, folder)...)
	}
	failed(path, "is not a folder")
	failed(filepath.Join(dir, "no", "such"), "no such file or directory")
	want(t, names(t, dir), []string{"app.db"})
	must(t, os.Mkdir(filepath.Join(dir, "real"), 0o750))
	must(t, os.Symlink("real", filepath.Join(dir, "link")))
	s := take(t, path, filepath.Join(dir, "link"), 1)
	want(t, paths(list(t, filepath.Join(dir, "real"), path)), []string{filepath.Join(dir, "real", filepath.Base(s.Path))})
	want(t, list(t, filepath.Join(dir, "none"), path), nil)
}

func TestBusy(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
	exec(t, path, "", fill...)
	db := plain(t, path, "")
	_, err := db.Exec("BEGIN EXCLUSIVE")
	must(t, err)
	_, err = snapshot.Take(t.Context(), connector(t, path, ""), folder, 1)
	var e *sqlite.Error
	if !errors.As(err, &e) || e.Code() != 5 {
		t.Error(err)
	}
	want(t, len(names(t, folder)), 0)
}

func TestGivenUp(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
	exec(t, path, "", fill...)
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	_, err := snapshot.Take(ctx, connector(t, path, ""), folder, 1)
	if !errors.Is(err, enough) && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s := take(t, path, folder, 1)
	before := contents(t, path, "")
	if _, err := snapshot.Restore(ctx, s.Path, path); !errors.Is(err, enough) && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	want(t, contents(t, path, ""), before)
	want(t, names(t, folder), []string{filepath.Base(s.Path)})
}

// What is wrong with the database is in the copy, and no reason to have none.
func TestTheCopyIsTrueNotBetter(t *testing.T) {
	dir := t.TempDir()
	for name, statements := range map[string][]string{
		"a row that breaks a CHECK": {"CREATE TABLE domain (x CHECK (x > 0))", "PRAGMA ignore_check_constraints = 1", "INSERT INTO domain VALUES (-1)"},
		"NULL where it must not be": {"CREATE TABLE domain (x, y)", "INSERT INTO domain VALUES (NULL, 2)", "PRAGMA writable_schema = 1",
			"UPDATE sqlite_master SET sql = 'CREATE TABLE domain (x NOT NULL, y)' WHERE name = 'domain'"},
		"a page that nothing is in": {"CREATE TABLE domain (x)", "CREATE TABLE gone (x)", "PRAGMA writable_schema = 1", "DELETE FROM sqlite_master WHERE name = 'gone'"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			exec(t, path, "", statements...)
			said := query(t, path, "", "PRAGMA quick_check")
			if slices.Equal(said, []string{"ok"}) {
				t.Fatal("there is nothing wrong with it")
			}
			s := take(t, path, dir, 1)
			want(t, query(t, s.Path, "", "PRAGMA quick_check"), said)
			must(t, snapshot.Check(t.Context(), s.Path))
		})
	}
}

func TestDamagedDatabaseHasNoSnapshot(t *testing.T) {
	t.Run("two tables in one page", func(t *testing.T) {
		dir := t.TempDir()
		path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
		exec(t, path, "", "CREATE TABLE one (x)", "CREATE TABLE two (x)", "PRAGMA writable_schema = 1",
			"UPDATE sqlite_master SET rootpage = 2")
		_, err := snapshot.Take(t.Context(), connector(t, path, ""), folder, 1)
		says(t, err, nil, "database disk image is malformed: ", "page 2")
		want(t, len(names(t, folder)), 0)
	})
	for name, at := range map[string]int64{"page of a table": 5 * 4096, "schema": 4096 - 300, "root of the schema": 100, "header": 0} {
		for kind, hide := range map[string]func(driver.Connector) driver.Connector{
			"pages":       func(c driver.Connector) driver.Connector { return c },
			"VACUUM INTO": func(c driver.Connector) driver.Connector { return other{c} },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				dir := t.TempDir()
				path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
				exec(t, path, "", fill...)
				damage(t, path, at)
				_, err := snapshot.Take(t.Context(), hide(connector(t, path, "")), folder, 1)
				if at == 0 {
					says(t, err, nil, "file is not a database")
				} else {
					says(t, err, nil, "malformed")
				}
				want(t, len(names(t, folder)), 0)
			})
		}
	}
}

// A program's own functions are not there for everybody who copies its database.
func TestCheckCallsAnUnknownFunction(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	exec(t, path, "", "CREATE TABLE a (x)", "INSERT INTO a VALUES (1)", "PRAGMA writable_schema = 1",
		"UPDATE sqlite_master SET sql = 'CREATE TABLE a (x CHECK (is_good(x)))'")
	s := take(t, path, dir, 1)
	samePages(t, s.Path, path)
}

// damage writes over some bytes of a file that nobody has open.
func damage(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte(strings.Repeat("damage", 20)), at)
	must(t, err)
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	exec(t, path, "", fill...)
	s := take(t, path, dir, 1)
	whole, err := os.ReadFile(s.Path)
	must(t, err)
	write := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, content, 0o600))
		return path
	}
	name := filepath.Base(s.Path)
	text := slices.Clone(whole) // in a text: SQLite sees nothing wrong with that
	i := strings.Index(string(text), "note 1000")
	text[i] = 'N'
	for _, c := range []struct {
		path  string
		words []string
	}{
		{write(name, text), []string{"is not what was written", "somebody has changed it, or the disk is failing"}},
		{write(name, whole[:len(whole)-4096]), []string{"not a whole SQLite database"}},
		{write(name, append(slices.Clone(whole), whole[:4096]...)), []string{"not a whole SQLite database"}},
		{write(name, nil), []string{"not a whole SQLite database"}},
		{write("mine.db", []byte("some text")), []string{"not a whole SQLite database"}},
		{filepath.Join(dir, "none"), []string{"no such file"}},
		{dir, []string{"directory"}},
	} {
		err := snapshot.Check(t.Context(), c.path)
		says(t, err, nil, append(c.words, c.path)...)
	}
	must(t, snapshot.Check(t.Context(), write("mine.db", whole)))
	damaged := write("mine.db", whole)
	damage(t, damaged, 5*4096)
	says(t, snapshot.Check(t.Context(), damaged), nil, damaged, "is damaged")

	// What cp copies of a database in use.
	db := plain(t, filepath.Join(dir, "wal.db"), wal)
	_, err = db.Exec("CREATE TABLE a(x); INSERT INTO a VALUES (1)")
	must(t, err)
	log, err := os.ReadFile(filepath.Join(dir, "wal.db-wal"))
	must(t, err)
	mine := write("mine.db", whole)
	must(t, os.WriteFile(mine+"-wal", log, 0o600))
	says(t, snapshot.Check(t.Context(), mine), nil, "mine.db-wal belongs to it")
}
