//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64))

// Package docs holds tests of what the documents in its folder say.
package docs

import (
	"database/sql"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
	_ "github.com/migratingsqlite/migratingsqlite/libsql"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// section returns a section of libsql.md.
func section(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("libsql.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("libsql.md has no section %q", heading)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

// rows returns the first cells of a section's tables.
func rows(t *testing.T, heading string) (list []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(section(t, heading), -1) {
		list = append(list, m[1])
	}
	return list
}

func set(t *testing.T, scripts ...string) *migratingsqlite.Set {
	t.Helper()
	files := fstest.MapFS{}
	for i, s := range scripts {
		files[fmt.Sprintf("%04d_m.sql", i+1)] = &fstest.MapFile{Data: []byte(s)}
	}
	s, err := migratingsqlite.Load("app", files)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// query opens a database, asks it something and closes it.
func query(dsn string, s *migratingsqlite.Set) error {
	c, err := migratingsqlite.NewConnector(dsn, migratingsqlite.WithSet(s))
	if err != nil {
		return err
	}
	db := sql.OpenDB(c)
	defer db.Close()
	return db.QueryRow("SELECT 1").Scan(new(int))
}

func TestParameters(t *testing.T) {
	var got []string
	for _, cell := range rows(t, "DSN") {
		for name := range strings.SplitSeq(cell, ", ") {
			if name = strings.Trim(name, "`"); !strings.Contains(name, ":") {
				got = append(got, name)
			}
		}
	}
	// A parameter that looks like a token is answered with those that there are.
	err := query("libsql:a.db?x.y", set(t, "CREATE TABLE a(x)"))
	if err == nil {
		t.Fatal("x.y is a parameter")
	}
	_, list, _ := strings.Cut(err.Error(), "those of libSQL are ")
	want := strings.Split(list, ", ")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("libsql.md has\n%q, the parser\n%q", got, want)
	}
}

func TestForms(t *testing.T) {
	for _, cell := range rows(t, "DSN") {
		for dsn := range strings.SplitSeq(cell, ", ") {
			if dsn = strings.Trim(dsn, "`"); !strings.Contains(dsn, ":") {
				continue
			}
			if _, err := migratingsqlite.NewConnector(dsn, migratingsqlite.WithSet(set(t, "CREATE TABLE a(x)"))); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestRequests(t *testing.T) {
	server := sqldtest.Start(t)
	proxy := sqldtest.NewProxy(t, server.URL)
	// go-libsql closes its connections in the background.
	count := func(what string, want int) {
		t.Helper()
		for deadline := time.Now().Add(2 * time.Second); proxy.Requests() < want && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		if n := proxy.Requests(); n != want {
			t.Errorf("%s: %d requests, want %d", what, n, want)
		}
		proxy.Reset()
	}
	bare, err := sql.Open("libsql", proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := bare.QueryRow("SELECT 1").Scan(new(int)); err != nil {
		t.Fatal(err)
	}
	bare.Close()
	count("go-libsql alone", 3)
	var scripts []string
	for _, more := range []int{1, 9, 40} {
		for i := range more {
			scripts = append(scripts, fmt.Sprintf("CREATE TABLE a%d_%d(x); INSERT INTO a%[1]d_%[2]d VALUES (1)", more, i))
		}
		for _, want := range []int{more + 6, 4} {
			if err := query(proxy.URL, set(t, scripts...)); err != nil {
				t.Fatal(err)
			}
			count(fmt.Sprintf("%d more migrations", more), want)
		}
	}
	scripts = append(scripts, "-- migratingsqlite: batch\nUPDATE a1_0 SET x = 2 WHERE rowid IN (SELECT rowid FROM a1_0 WHERE x = 1 LIMIT 1)")
	if err := query(proxy.URL, set(t, scripts...)); err != nil {
		t.Fatal(err)
	}
	count("a batch", 6+1+1+1)
}

func TestWhatServersRefuse(t *testing.T) {
	server := sqldtest.Start(t)
	for _, text := range []string{"VACUUM", "ATTACH 'b.db' AS b", "ANALYZE", "CREATE TEMP TABLE c(x)", "CREATE TEMP VIEW c AS SELECT 1",
		"PRAGMA optimize", "PRAGMA journal_mode = WAL", "PRAGMA application_id = 1", "PRAGMA synchronous = OFF", "PRAGMA page_size = 8192",
		"PRAGMA recursive_triggers = 1", "PRAGMA writable_schema = 1"} {
		err := query(server.URL, set(t, "-- migratingsqlite: no-transaction\n"+text))
		if err == nil || !strings.Contains(err.Error(), "the server does not support ") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := query(server.URL, set(t, "PRAGMA user_version = 3; PRAGMA defer_foreign_keys = 1; CREATE TABLE t(x)")); err != nil {
		t.Error(err)
	}
}

// Every error of the table is provoked, and every one that is must be in it.
func TestErrors(t *testing.T) {
	texts := rows(t, "When it goes wrong")
	key, sign := sqldtest.NewTokenKey(t)
	_, other := sqldtest.NewTokenKey(t)
	guarded, open := sqldtest.Start(t, sqldtest.WithJWT(key)), sqldtest.Start(t)
	in := time.Now().Add
	t.Setenv("EXPIRED", sign(in(-time.Hour), false))
	t.Setenv("WRONG", other(in(time.Hour), false))
	t.Setenv("READER", sign(in(time.Hour), true))
	hanging, down := sqldtest.NewProxy(t, open.URL), sqldtest.NewProxy(t, open.URL)
	hanging.Fault(func(int, sqldtest.Request) sqldtest.Fault { return sqldtest.Hang })
	down.Down()
	stranger := httptest.NewServer(nil)
	defer stranger.Close()
	leased := sqldtest.Start(t)
	one := set(t, "CREATE TABLE a(x)")
	if err := query(leased.URL, one); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("libsql", leased.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT OR REPLACE INTO migratingsqlite_lease (id, owner, token, step, renewed_at, expires_at)
		VALUES (1, 'somebody', 'x', 1, '2020', '9999-01-01T00:00:00Z')`); err != nil {
		t.Fatal(err)
	}

	used := map[string]bool{}
	for _, dsn := range []string{
		guarded.URL,
		guarded.URL + "?authTokenEnv=EXPIRED",
		guarded.URL + "?authTokenEnv=WRONG",
		guarded.URL + "?authTokenEnv=READER",
		down.URL,
		"http://no..host",
		strings.Replace(open.URL, "http", "libsql", 1),
		stranger.URL,
		hanging.URL,
		leased.URL,
	} {
		address, params, _ := strings.Cut(dsn, "?")
		_, host, _ := strings.Cut(address, "//")
		err := query(address+"?_migrate_timeout=10ms&"+params, set(t, "CREATE TABLE a(x)", "CREATE TABLE b(x)"))
		if err == nil {
			t.Errorf("%s: no error", dsn)
			continue
		}
		i := slices.IndexFunc(texts, func(text string) bool {
			text = strings.NewReplacer("HOST", host, "1m0s", "10ms").Replace(strings.Trim(text, "`"))
			form := "^" + regexp.QuoteMeta("migratingsqlite: "+host+": ")
			for part := range strings.SplitSeq(text, "…") {
				form += regexp.QuoteMeta(strings.TrimSpace(part)) + ".*"
			}
			return regexp.MustCompile(form).MatchString(err.Error())
		})
		if i < 0 {
			t.Errorf("libsql.md does not have the error of %s:\n%v", dsn, err)
			continue
		}
		used[texts[i]] = true
	}
	for _, text := range texts {
		if !used[text] {
			t.Errorf("no error is %s", text)
		}
	}
}

func TestProgram(t *testing.T) {
	key, sign := sqldtest.NewTokenKey(t)
	server := sqldtest.Start(t, sqldtest.WithJWT(key))
	t.Setenv("TURSO_AUTH_TOKEN", sign(time.Now().Add(time.Hour), false))
	blocks := regexp.MustCompile("(?s)```(?:go|sql)\n(.*?)```").FindAllStringSubmatch(section(t, "Turso in five minutes"), -1)
	const url = "libsql://NAME.turso.io"
	if len(blocks) != 2 || !strings.Contains(blocks[0][1], url) {
		t.Fatal(blocks)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "migrations"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"main.go": strings.Replace(blocks[0][1], url, server.URL, 1), "migrations/0001_notes.sql": blocks[1][1]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "program"), filepath.Join(dir, "main.go")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, logs := range []bool{true, false} {
		out, err := exec.Command(filepath.Join(dir, "program")).CombinedOutput()
		if err != nil || strings.Contains(string(out), "migratingsqlite: the database was upgraded") != logs || !logs && len(out) > 0 {
			t.Errorf("%v\n%s", err, out)
		}
	}
}
