package docs

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

func backups(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("backups.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// upgraded makes app.db, in a working directory of the test's own, at a version
// that the next set is to go on from.
func upgraded(t *testing.T, params string, texts ...string) error {
	t.Helper()
	fsys := files()
	for i := 0; i < len(texts); i++ {
		fsys["000"+string(rune('1'+i))+"_step.sql"] = files("x", texts[i])["x"]
	}
	set, err := migratingsqlite.Load("app", fsys)
	if err != nil {
		t.Fatal(err)
	}
	c, err := migratingsqlite.NewConnector("file:app.db?"+params, migratingsqlite.WithSet(set))
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	defer db.Close()
	return db.PingContext(context.Background())
}

func rowsOf(t *testing.T, query string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", "app.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// six are versions 1 to 6; the seventh takes something away.
var six = []string{"CREATE TABLE notes (x); INSERT INTO notes VALUES (1), (2)", "CREATE TABLE b (x)", "CREATE TABLE c (x)", "CREATE TABLE d (x)", "CREATE TABLE e (x)", "CREATE TABLE f (x)"}

func sevenVersions(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, texts := range [][]string{six, append(six[:6:6], "DELETE FROM notes")} {
		if err := upgraded(t, "_migrate_backup=backups&_pragma=journal_mode(WAL)", texts...); err != nil {
			t.Fatal(err)
		}
	}
	if n := rowsOf(t, "SELECT count(*) FROM notes"); n != 0 {
		t.Fatal(n)
	}
}

// The name in the document is one that a snapshot could have.
func TestBackupsHaveSuchNames(t *testing.T) {
	text := backups(t)
	name := regexp.MustCompile(`app\.db-\S+\.snapshot`).FindString(text)
	sevenVersions(t)
	list, err := snapshot.List("backups", "app.db")
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	shape := func(s string) string {
		return regexp.MustCompile(`[0-9a-f]`).ReplaceAllString(strings.ReplaceAll(filepath.Base(s), "app.db", ""), "0")
	}
	if got, want := shape(name), shape(list[0].Path); got != want {
		t.Errorf("the document has %s, the folder %s", got, want)
	}
}

func TestBackupsAreRestoredByHand(t *testing.T) {
	script := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(backups(t))[1]
	sevenVersions(t)
	// A program that was killed has left its log.
	db, err := sql.Open("sqlite", "app.db")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO notes VALUES (3)"); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile("app.db-wal")
	if err != nil || len(log) == 0 {
		t.Fatal(err)
	}
	db.Close()
	if err := os.WriteFile("app.db-wal", log, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sh", "-euc", script).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := rowsOf(t, "SELECT count(*) FROM notes"); n != 2 {
		t.Error(n, "rows")
	}
	for _, name := range []string{"app.db", "app.db-wal"} {
		if _, err := os.Stat("replaced/" + name); err != nil {
			t.Error(err)
		}
	}
	// Version 6 is a version that _migrate_to may name.
	if err := upgraded(t, "_migrate_to=6", append(six[:6:6], "DELETE FROM notes")...); err != nil {
		t.Error(err)
	}
	if n := rowsOf(t, "SELECT count(*) FROM notes"); n != 2 {
		t.Error(n, "rows")
	}
}

// Every text of the table is said, but for that of a full disk, which a test of
// the driver provokes.
func TestBackupsErrors(t *testing.T) {
	text := backups(t)
	prefix := regexp.MustCompile("follows `(migratingsqlite: app.db: [^`]*)`").FindStringSubmatch(text)[1]
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]*)` \\|").FindAllStringSubmatch(text, -1) {
		rows = append(rows, m[1])
	}
	if len(rows) != 3 {
		t.Fatal(rows)
	}
	t.Chdir(t.TempDir())
	if err := upgraded(t, "_pragma=journal_mode(WAL)", six...); err != nil {
		t.Fatal(err)
	}
	for i, params := range map[int]string{1: "_migrate_backup=old/backups", 2: "_migrate_backup=backups&_pragma=locking_mode(EXCLUSIVE)"} {
		err := upgraded(t, params, append(six[:6:6], "DELETE FROM notes")...)
		want := prefix + strings.TrimSuffix(rows[i], "…")
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}
