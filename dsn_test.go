package migratingsqlite

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"modernc.org/sqlite"
)

func TestDSNIsCutAsText(t *testing.T) {
	for _, test := range []struct {
		dsn               string
		base, gate        string
		database          string
		busy              string
		inMemory, readsIt bool
	}{
		{dsn: "app.db", base: "app.db", gate: "app.db", database: "app.db"},
		{dsn: "file:app.db?_migrate=on", base: "file:app.db", gate: "file:app.db", database: "app.db"},
		{dsn: "file:a%20b.db?x=%zz&_migrate_to=1&y", base: "file:a%20b.db?x=%zz&y", gate: "file:a%20b.db?x=%zz&y", database: "a%20b.db"},
		{dsn: "a.db?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)&_txlock=immediate",
			base: "a.db?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)&_txlock=immediate",
			gate: "a.db?_pragma=foreign_keys(1)&_txlock=immediate", database: "a.db", busy: "5000"},
		{dsn: "a.db?_pragma=%20Busy_Timeout%20=%2010", base: "a.db?_pragma=%20Busy_Timeout%20=%2010", gate: "a.db", database: "a.db", busy: "10"},
		{dsn: "a.db?_timeout=7", base: "a.db?_timeout=7", gate: "a.db", database: "a.db", busy: "7"},
		{dsn: "a.db?_pragma=busy_timeout(1);drop", base: "a.db?_pragma=busy_timeout(1);drop", gate: "a.db?_pragma=busy_timeout(1);drop", database: "a.db"},
		{dsn: "a.db?_timeout=soon", base: "a.db?_timeout=soon", gate: "a.db?_timeout=soon", database: "a.db"}, // the wrapped driver refuses it
		{dsn: ":memory:", base: ":memory:", gate: ":memory:", database: ":memory:", inMemory: true},
		{dsn: "file::memory:?cache=shared", base: "file::memory:?cache=shared", gate: "file::memory:?cache=shared", database: ":memory:", inMemory: true},
		{dsn: "file:x?mode=memory", base: "file:x?mode=memory", gate: "file:x?mode=memory", database: "x", inMemory: true},
		{dsn: "x?mode=memory", base: "x?mode=memory", gate: "x?mode=memory", database: "x"}, // SQLite reads it in URIs only
		{dsn: "file:/x?vfs=memdb", base: "file:/x?vfs=memdb", gate: "file:/x?vfs=memdb", database: "/x", inMemory: true},
		{dsn: "file:", base: "file:", gate: "file:", database: "temporary database", inMemory: true},
		{dsn: "file:///abs/a.db?mode=ro", base: "file:///abs/a.db?mode=ro", gate: "file:///abs/a.db?mode=ro", database: "/abs/a.db", readsIt: true},
		{dsn: "sqlite:a.db?immutable=1", base: "file:a.db?immutable=1", gate: "file:a.db?immutable=1", database: "a.db", readsIt: true},
		{dsn: "sqlite3:///abs/a.db", base: "file:/abs/a.db", gate: "file:/abs/a.db", database: "/abs/a.db"},
		{dsn: "SQLite::memory:", base: "file::memory:", gate: "file::memory:", database: ":memory:", inMemory: true},
		{dsn: `C:\data\app.db`, base: `C:\data\app.db`, gate: `C:\data\app.db`, database: `C:\data\app.db`},
		{dsn: "file:what:ever.db", base: "file:what:ever.db", gate: "file:what:ever.db", database: "what:ever.db"},
		{dsn: "./what:ever.db", base: "./what:ever.db", gate: "./what:ever.db", database: "./what:ever.db"},
		{dsn: "me@home.db", base: "me@home.db", gate: "me@home.db", database: "me@home.db"},
		{dsn: "FILE:a.db?mode=ro", base: "file:a.db?mode=ro", gate: "file:a.db?mode=ro", database: "a.db", readsIt: true},
		{dsn: "?a=b", base: "?a=b", gate: "?a=b", database: "?a=b"},
	} {
		var c config
		if _, err := c.parseDSN(test.dsn); err != nil {
			t.Errorf("%s: %v", test.dsn, err)
			continue
		}
		busy := ""
		if test.busy != "" {
			busy = "PRAGMA busy_timeout = " + test.busy
		}
		got := fmt.Sprintf("%q", []any{c.dsn, c.gateDSN, c.database, c.busyTimeout, c.inMemory, c.readOnly})
		want := fmt.Sprintf("%q", []any{test.base, test.gate, test.database, busy, test.inMemory, test.readsIt})
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.dsn, got, want)
		}
	}
}

func TestBadParametersNameTheNearest(t *testing.T) {
	set, err := Load("app", fstest.MapFS{"0001_a.sql": {Data: []byte("SELECT 1")}})
	if err != nil {
		t.Fatal(err)
	}
	for dsn, words := range map[string]string{
		"a.db?_migrate_tiemout=1s":             `unknown parameter "_migrate_tiemout"; did you mean _migrate_timeout?`,
		"a.db?_Migrate_To=1":                   "did you mean _migrate_to?",
		"a.db?_migrate=chekc":                  `_migrate="chekc": wants one of on, check, off; did you mean check?`,
		"a.db?_migrate":                        "wants one of on, check, off",
		"a.db?_migrate=on&_migrate=off":        `"_migrate" is given twice`,
		"a.db?_migrate_to=0":                   "wants a version above 0",
		"a.db?_migrate_to=2":                   "set app has no such version; it has 1",
		"a.db?_migrate_timeout=5":              "wants a duration such as 30s",
		"a.db?_migrate_timeout=-5s":            "wants a duration such as 30s",
		"a.db?_migrate_baseline=aut":           "wants auto, none or a version",
		"a.db?_migrate_adopt_table=":           "wants the name of a table",
		"a.db?_migrate_baseline=7":             "set app has no such version",
		"a.db?_migrate_newer=maybe":            "compatible, allow, refuse",
		"a.db?_migrate_out_of_order=perhaps":   "wants true or false",
		"a.db?_migrate_trace=all":              "off, migrations, statements, queries",
		"a.db?_migrate_app_id=0":               "wants a 32-bit number",
		"a.db?_migrate_app_id=0x1ffffffff":     "wants a 32-bit number",
		"a.db?_migrate_layout=gose":            "did you mean goose?",
		"a.db?_migrate_set=":                   "wants different names",
		"a.db?_migrate_set=app,app":            "wants different names",
		"a.db?_migrate_set=other":              `there is no set "other", only app`,
		"a.db?_migrate_to=%zz":                 "not a well-formed query",
		"a.db?_migrate_backups=x":              "did you mean _migrate_backup?",
		"a.db?_migrate_backup_keep=0":          "wants a number above 0",
		"a.db?_migrate_backup_keep=all":        "wants a number above 0",
		"a.db\x00?_migrate=on":                 "NUL",
		"a.db?x=1;y=2":                         "semicolon", // by the wrapped driver, before any I/O
		"libsql://host.example?authToken=s3cr": `scheme "libsql"`,
		"https://s3cr@host.example":            `scheme "https"`,
		"postgres://user:s3cr@host/db":         `scheme "postgres"`,
		"turso:s3cr":                           `scheme "turso"`,
		"mysql:host=h;password=s3cr":           `scheme "mysql"`,
		"user:s3cr@tcp(127.0.0.1:3306)/db":     `scheme "user"`,
		"a_user:s3cr@tcp(127.0.0.1:3306)/db":   "looks like that of another database",
		"x_y://u:s3cr@host/db":                 "looks like that of another database",
		"sqlite://u:s3cr@host/db":              "names no user",
		"file://u:s3cr@host/app.db":            "names no host",
		" ":                                    "the DSN is empty",
	} {
		_, err := NewConnector(dsn, WithSet(set))
		if err == nil || !strings.Contains(err.Error(), words) || !strings.HasPrefix(err.Error(), "migratingsqlite: ") {
			t.Errorf("%s: %v, want %s", dsn, err, words)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr") {
			t.Errorf("%s: a secret is in the error: %v", dsn, err)
		}
	}
}

func TestEveryParameterHasAnOption(t *testing.T) {
	set, err := Load("app", fstest.MapFS{"0001_a.sql": {Data: []byte("SELECT 1")}})
	if err != nil {
		t.Fatal(err)
	}
	options := map[string]Option{
		"_migrate=check":             WithMode("check"),
		"_migrate_to=1":              WithTo(1),
		"_migrate_timeout=3s":        WithTimeout(3 * time.Second),
		"_migrate_baseline=none":     WithBaseline("none"),
		"_migrate_adopt_table=old":   WithAdoptTable("old"),
		"_migrate_newer=allow":       WithNewer("allow"),
		"_migrate_out_of_order=true": WithOutOfOrder(true),
		"_migrate_trace=off":         WithTrace("off"),
		"_migrate_app_id=7":          WithAppID(7),
		"_migrate_set=app":           WithSet(set),
		"_migrate_layout=native":     WithLayout("native"),
		"_migrate_backup=folder":     WithBackup("folder"),
		"_migrate_backup_keep=3":     WithBackupKeep(3),
	}
	for _, name := range keys(parameters) {
		if !slices.ContainsFunc(keys(options), func(p string) bool { return strings.HasPrefix(p, name+"=") }) {
			t.Errorf("%s has no option", name)
		}
	}
	for param, opt := range options {
		byDSN, err := newConfig("a.db?"+param, []Option{WithSet(set)})
		if err != nil {
			t.Fatal(err)
		}
		byOption, err := newConfig("a.db", []Option{WithSet(set), opt})
		if err != nil {
			t.Fatal(err)
		}
		byDSN.setNames, byOption.setNames = nil, nil
		byDSN.refusal, byOption.refusal = nil, nil
		if a, b := fmt.Sprintf("%+v", byDSN), fmt.Sprintf("%+v", byOption); a != b {
			t.Errorf("%s and its option differ:\n%s\n%s", param, a, b)
		}
	}
	// The DSN is the operator's: it wins.
	c, err := newConfig("a.db?_migrate_timeout=3s", []Option{WithSet(set), WithTimeout(time.Hour)})
	if err != nil || c.timeout != 3*time.Second {
		t.Errorf("timeout %v, %v", c.timeout, err)
	}
}

// Whatever a DSN holds: nothing of ours reaches the wrapped driver, all else
// does, and the way to look at a database without creating it stays one.
func FuzzDSN(f *testing.F) {
	for _, dsn := range []string{
		"app.db", "file:app.db?_migrate=on&mode=ro", "file:a?mode=memory&_pragma=busy_timeout(1)", "sqlite://x?%5fmigrate=off",
		"a?_migrate_to=1&&=&", "libsql://h?authToken=x", "file:?vfs=memdb", "a.db?_timeout=1&_busy_timeout=2", "#?%", "file:a#b?c",
	} {
		f.Add(dsn)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		var c config
		own, err := c.parseDSN(dsn)
		if err != nil {
			return
		}
		_, query, _ := cutQuery(c.dsn)
		for part := range strings.SplitSeq(query, "&") {
			if strings.HasPrefix(part, "_migrate") {
				t.Errorf("%q reaches the wrapped driver in %q", part, c.dsn)
			}
		}
		_, given, _ := cutQuery(dsn)
		if kept := len(strings.Split(query, "&")); query != "" && kept+len(own) != len(strings.Split(given, "&")) {
			t.Errorf("%q became %q and %v", dsn, c.dsn, own)
		}
		if check := c.checkDSN(); !c.inMemory && !strings.Contains(check, "mode=r") {
			t.Errorf("%q is looked at through %q", dsn, check)
		}
		_ = c.path()
		_, _ = sqlite.NewConnector(c.gateDSN)
	})
}
