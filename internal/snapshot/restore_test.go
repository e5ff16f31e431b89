package snapshot_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

// later is what happens to a database after its snapshot was taken.
var later = []string{
	"ALTER TABLE note ADD COLUMN done INTEGER",
	"UPDATE note SET text = upper(text)",
	"DROP TABLE tag",
	"CREATE TABLE more (x)",
	"INSERT INTO more WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT zeroblob(500) FROM n",
	"PRAGMA user_version = 43",
}

func restore(t testing.TB, file, database string) (kept string) {
	t.Helper()
	kept, err := snapshot.Restore(t.Context(), file, database)
	must(t, err)
	return kept
}

func TestRestore(t *testing.T) {
	for name, params := range journals {
		for change, statements := range map[string][]string{
			"larger":  later,
			"smaller": {"DROP TABLE note", "VACUUM"},
			// SQLite changes it only with a rollback journal.
			"pages of another size":      append([]string{"PRAGMA journal_mode = DELETE", "PRAGMA page_size = 512", "VACUUM"}, later...),
			"larger pages":               append([]string{"PRAGMA journal_mode = DELETE", "PRAGMA page_size = 65536", "VACUUM"}, later...),
			"larger pages, then the log": append([]string{"PRAGMA journal_mode = DELETE", "PRAGMA page_size = 65536", "VACUUM", "PRAGMA journal_mode = WAL"}, later...),
			"the other journal":          append([]string{"PRAGMA journal_mode = " + map[string]string{"": "WAL", wal: "DELETE"}[params]}, later...),
		} {
			t.Run(name+", "+change, func(t *testing.T) {
				dir := t.TempDir()
				path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
				exec(t, path, params, fill...)
				must(t, os.Chmod(path, 0o640))
				link := filepath.Join(dir, "link.db")
				must(t, os.Symlink("app.db", link))
				first, journal := contents(t, path, ""), query(t, path, "", "PRAGMA journal_mode")
				s := take(t, path, folder, 1)
				exec(t, path, "", statements...)
				second := contents(t, path, "")
				before, err := os.Stat(path)
				must(t, err)

				kept := restore(t, s.Path, link)
				samePages(t, path, s.Path)
				want(t, contents(t, path, ""), first)
				want(t, query(t, path, "", "PRAGMA journal_mode"), journal)
				after, err := os.Stat(path)
				must(t, err)
				if !os.SameFile(before, after) || after.Mode() != before.Mode() {
					t.Error("it is another file, or has other permissions")
				}
				if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
					t.Error("the link is none any more")
				}
				want(t, contents(t, kept, untouched), second)
				want(t, names(t, dir), []string{"app.db", filepath.Base(kept), "backups", "link.db"})
				if !strings.HasPrefix(filepath.Base(kept), "app.db-2") || !strings.HasSuffix(kept, ".replaced") {
					t.Error(kept)
				}
				want(t, len(list(t, dir, path)), 0) // it is nothing to be removed by and by

				// And back.
				again := restore(t, kept, path)
				want(t, contents(t, path, ""), second)
				want(t, contents(t, again, untouched), first)
			})
		}
	}
}

// What other drivers have copied, and what cp has.
func TestRestoreOtherFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.db")
	exec(t, path, wal, fill...)
	first := contents(t, path, "")
	s, err := snapshot.Take(t.Context(), other{connector(t, path, "")}, dir, 1)
	must(t, err)
	whole, err := os.ReadFile(path)
	must(t, err)
	mine := filepath.Join(dir, "mine.db")
	must(t, os.WriteFile(mine, whole, 0o600))
	for _, file := range []string{s.Path, mine} {
		exec(t, path, "", "DELETE FROM note")
		restore(t, file, path)
		want(t, contents(t, path, ""), first)
	}
	want(t, query(t, path, "", "PRAGMA journal_mode"), []string{"wal"})
}

// A database that is gone leaves its log, or its journal. Neither is part of what
// is put in its place.
func TestRestoreWhereThereIsNone(t *testing.T) {
	for _, suffix := range []string{"", "-wal", "-journal"} {
		t.Run(suffix, func(t *testing.T) {
			dir := t.TempDir()
			path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
			exec(t, path, "", fill...)
			first := contents(t, path, "")
			s := take(t, path, folder, 1)
			if suffix != "" {
				left(t, path, suffix, "UPDATE note SET text = 'wrong'")
			}
			must(t, os.Remove(path))
			want(t, restore(t, s.Path, path), "")
			want(t, contents(t, path, ""), first)
			info, err := os.Stat(path)
			must(t, err)
			want(t, info.Mode(), 0o600)
			want(t, names(t, dir), []string{"app.db", "backups"})
			// It may be empty, too.
			must(t, os.Truncate(path, 0))
			want(t, restore(t, s.Path, path), "")
			want(t, contents(t, path, ""), first)
			exec(t, path, "", "DROP TABLE note", "DROP TABLE tag", "DROP VIEW texts")
			want(t, restore(t, s.Path, path), "")
			want(t, contents(t, path, ""), first)
		})
	}
}

// left leaves a database as a process does that is killed: with a log or a journal
// that is to be dealt with.
func left(t testing.TB, path, suffix, statement string) {
	t.Helper()
	dir := t.TempDir()
	copyFile := func(from, to string) {
		content, err := os.ReadFile(from)
		must(t, err)
		must(t, os.WriteFile(to, content, 0o600))
	}
	params := "_pragma=cache_size(3)" // pages are written before the commit
	if suffix == "-wal" {
		params = wal
	}
	copyFile(path, filepath.Join(dir, "app.db"))
	db := plain(t, filepath.Join(dir, "app.db"), params)
	if suffix == "-wal" {
		_, err := db.Exec(statement)
		must(t, err)
	} else {
		_, err := db.Exec("BEGIN; " + statement)
		must(t, err)
	}
	for _, s := range []string{"", suffix} {
		copyFile(filepath.Join(dir, "app.db")+s, path+s)
	}
	if info, err := os.Stat(path + suffix); err != nil || info.Size() == 0 {
		t.Fatal("there is nothing to be dealt with", err)
	}
}

// What a killed program has committed to its log is kept, and what it has not is
// not.
func TestRestoreAfterAKilledProgram(t *testing.T) {
	for suffix, n := range map[string]string{"-wal": "734", "-journal": "0"} {
		t.Run(suffix, func(t *testing.T) {
			dir := t.TempDir()
			path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
			exec(t, path, "", fill...)
			first := contents(t, path, "")
			s := take(t, path, folder, 1)
			left(t, path, suffix, "UPDATE note SET text = 'new'")
			kept := restore(t, s.Path, path)
			want(t, contents(t, path, ""), first)
			want(t, query(t, kept, untouched, "SELECT count(*) FROM note WHERE text = 'new'"), []string{n})
			want(t, names(t, dir), []string{"app.db", filepath.Base(kept), "backups"})
		})
	}
}

// This is what snapshots are for.
func TestRestoreADamagedDatabase(t *testing.T) {
	for name, at := range map[string]int64{"page of a table": 5 * 4096, "schema": 4096 - 300, "root of the schema": 100} {
		for journal, params := range journals {
			t.Run(name+", "+journal, func(t *testing.T) {
				dir := t.TempDir()
				path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
				exec(t, path, params, fill...)
				first := contents(t, path, "")
				s := take(t, path, folder, 1)
				damage(t, path, at)
				bytes, err := os.ReadFile(path)
				must(t, err)
				kept := restore(t, s.Path, path)
				want(t, contents(t, path, ""), first)
				was, err := os.ReadFile(kept)
				must(t, err)
				// Even what is damaged is as it was.
				for _, b := range [][]byte{bytes, was} {
					clear(b[18:20]) // journal mode
					clear(b[24:28])
					clear(b[40:44])
					clear(b[92:100])
				}
				if !slices.Equal(was, bytes) {
					t.Error("what was kept is not what was there")
				}
			})
		}
	}
	t.Run("cut off", func(t *testing.T) {
		dir := t.TempDir()
		path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
		exec(t, path, "", fill...)
		first := contents(t, path, "")
		s := take(t, path, folder, 1)
		must(t, os.Truncate(path, 3*4096))
		restore(t, s.Path, path)
		want(t, contents(t, path, ""), first)
	})
	for name, content := range map[string]string{"text": strings.Repeat("my diary ", 1000), "no header": strings.Repeat("\x00", 8192)} {
		t.Run("not a database: "+name, func(t *testing.T) {
			dir := t.TempDir()
			path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
			exec(t, path, "", fill...)
			s := take(t, path, folder, 1)
			must(t, os.WriteFile(path, []byte(content), 0o600))
			_, err := snapshot.Restore(t.Context(), s.Path, path)
			says(t, err, nil, "move it away, then restore again")
			got, err := os.ReadFile(path)
			must(t, err)
			want(t, string(got), content)
			want(t, names(t, dir), []string{"app.db", "backups"})
		})
	}
}

func TestNotRestored(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
	exec(t, path, "", fill...)
	s := take(t, path, folder, 1)
	exec(t, path, "", later...)
	before := contents(t, path, "")
	refused := func(file string, is error, words ...string) {
		t.Helper()
		_, err := snapshot.Restore(t.Context(), file, path)
		says(t, err, is, words...)
		want(t, contents(t, path, ""), before)
		want(t, names(t, dir), []string{"app.db", "backups"})
	}
	refused(path, nil, "is the database itself")
	refused(filepath.Join(dir, "none.snapshot"), nil, "no such file")
	refused(folder, nil, "directory")
	must(t, os.Chmod(s.Path, 0o600))
	damage(t, s.Path, 9000)
	refused(s.Path, nil, "is not what was written")
}

// The copy fails when everything is prepared for it.
func TestRestoreThatFailsLeavesTheJournalsMode(t *testing.T) {
	for name, params := range journals {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, text := filepath.Join(dir, "app.db"), filepath.Join(dir, "text")
			exec(t, path, params, fill...)
			must(t, os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600))
			before, mode := contents(t, path, ""), query(t, path, "", "PRAGMA journal_mode")
			_, err := snapshot.RestoreByLockAlone(t.Context(), text, path)
			says(t, err, nil, "copying the snapshot: ", "; the database is as it was")
			want(t, query(t, path, "", "PRAGMA journal_mode"), mode)
			want(t, contents(t, path, ""), before)
			want(t, names(t, dir), []string{"app.db", "text"})
		})
	}
}

// In one process the locks are the same.
func TestInUseByThisProcess(t *testing.T) {
	for name, params := range journals {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
			exec(t, path, params, fill...)
			s := take(t, path, folder, 1)
			exec(t, path, params, later...)
			before := contents(t, path, "")
			db := plain(t, path, params)
			ask(t, db, "SELECT count(*) FROM more")
			_, err := snapshot.Restore(t.Context(), s.Path, path)
			says(t, err, snapshot.ErrInUse, fmt.Sprintf("process %d (", os.Getpid()))
			must(t, db.Close())
			want(t, contents(t, path, ""), before)
			restore(t, s.Path, path)
		})
	}
}

func TestRestoresAtOnce(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
	exec(t, path, "", fill...)
	first := contents(t, path, "")
	s := take(t, path, folder, 1)
	exec(t, path, "", later...)
	errs := make(chan error)
	for range 4 {
		go func() {
			_, err := snapshot.Restore(t.Context(), s.Path, path)
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil && !errors.Is(err, snapshot.ErrInUse) {
			t.Error(err)
		}
	}
	restore(t, s.Path, path)
	want(t, contents(t, path, ""), first)
}
