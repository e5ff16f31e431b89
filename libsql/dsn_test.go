package libsql

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// dsn cuts a DSN as the driver does.
func dsn(s string) engine.DSN {
	scheme, rest, _ := strings.Cut(s, ":")
	rest, params, _ := strings.Cut(rest, "?")
	return engine.DSN{Scheme: scheme, Rest: rest, Params: params}
}

func TestParse(t *testing.T) {
	t.Setenv("LIBSQL_TEST_TOKEN", "geheim\n")
	for s, want := range map[string]config{
		"libsql:app.db":                 {path: "app.db"},
		"libsql:./app.db":               {path: "./app.db"},
		"libsql:/abs/app.db":            {path: "/abs/app.db"},
		"libsql:///abs/app.db":          {path: "/abs/app.db"},
		"libsql:a%20%3Fb%23.db":         {path: "a ?b#.db"},
		"libsql::memory:":               {path: ":memory:"},
		"libsql://db.example":           {form: remote, url: "https://db.example", host: "db.example"},
		"libsql://db.example:1/":        {form: remote, url: "https://db.example:1", host: "db.example:1"},
		"libsql://db.example:1/x?tls=0": {form: remote, url: "http://db.example:1/x", host: "db.example:1/x"},
		"libsql://db.example?tls=1":     {form: remote, url: "https://db.example", host: "db.example"},
		"http://127.0.0.1:8080":         {form: remote, url: "http://127.0.0.1:8080", host: "127.0.0.1:8080"},
		"https://[::1]:8080":            {form: remote, url: "https://[::1]:8080", host: "[::1]:8080"},
		"https://h?authToken=a%2Bb.c":   {form: remote, url: "https://h", host: "h", token: "a+b.c"},
		"https://h?authTokenEnv=LIBSQL_TEST_TOKEN&remoteEncryptionKey=K": {form: remote, url: "https://h", host: "h", token: "geheim", far: "K"},
		"libsql://h?replica=r%20.db&sync=1m&encryptionKeyEnv=LIBSQL_TEST_TOKEN": {form: replica, url: "https://h", host: "h",
			path: "r .db", sync: time.Minute, key: "geheim"},
		"libsql:a.db?_pragma=busy_timeout(5)&_pragma=main.journal_mode%20=%20WAL&_pragma=optimize&_pragma=BUSY_TIMEOUT%3D7": {path: "a.db",
			pragmas: []string{"PRAGMA busy_timeout = 5", "PRAGMA main.journal_mode = WAL", "PRAGMA optimize", "PRAGMA BUSY_TIMEOUT = 7"},
			gate:    []string{"PRAGMA main.journal_mode = WAL", "PRAGMA optimize"}},
	} {
		c, err := parse(dsn(s))
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if c.form != want.form || c.path != want.path || c.url != want.url || c.host != want.host || c.token != want.token ||
			c.key != want.key || c.far != want.far || c.sync != want.sync ||
			!slices.Equal(c.pragmas, want.pragmas) || !slices.Equal(c.gate, want.gate) {
			t.Errorf("%s:\n%+v, want\n%+v", s, *c, want)
		}
	}
}

// Whatever is wrong with a DSN, the error must not hold a secret of it.
func TestParseRefuses(t *testing.T) {
	t.Setenv("LIBSQL_TEST_EMPTY", "")
	for s, want := range map[string]string{
		"libsql:":                                      "names no file",
		"libsql:%zz":                                   "two hexadecimal digits",
		"libsql:a%00b":                                 "NUL",
		"libsql:a\x00b":                                "NUL",
		"libsql:file:app.db":                           "no file: in front",
		"libsql:me:geheim@host/app.db":                 "URL in a URL",
		"libsql:https://me:geheim@host":                "URL in a URL",
		"http:app.db":                                  "libsql:app.db",
		"libsql://me:geheim@host":                      "token",
		"libsql://geheim@host":                         "token",
		"libsql://me:geheim%zz@host":                   "token",
		"libsql://ho st/geheim":                        "not well-formed",
		"libsql://host:geheim":                         "not well-formed",
		"libsql://host/#geheim":                        "not well-formed",
		"libsql://:80":                                 "not well-formed",
		"libsql://./app.db":                            "libsql:./app.db",
		"libsql://h?authtoken=geheim":                  `unknown parameter "authtoken"; did you mean authToken?`,
		"libsql://h?ey.geheim":                         "those of libSQL are authToken,",
		"libsql://h?authToken=":                        "authToken is empty",
		"libsql://h?authToken=geheim%00":               "NUL",
		"libsql://h?authToken=geheim%zz":               "hexadecimal",
		"libsql://h?authToken=geheim&authToken=geheim": "twice",
		"libsql://h?authToken=geheim&authTokenEnv=X":   "both",
		"libsql://h?authTokenEnv=LIBSQL_TEST_EMPTY":    "environment variable LIBSQL_TEST_EMPTY is not set",
		"libsql://h?authToken=geheim%0A":               "cannot have",
		"libsql://b\u00fccher/geheim":                  "not well-formed",
		"libsql://h?authTokenEnv=ey.geheim":            "wants the name",
		"libsql://h?tls=geheim":                        "tls wants",
		"http://h?tls=1":                               "tls is for libsql://",
		"libsql://h?sync=1s":                           "replica=PATH",
		"libsql://h?replica=a&sync=geheim":             "sync wants",
		"libsql://h?replica=a&sync=-1s":                "sync wants",
		"libsql://h?replica=":                          "path of a file",
		"libsql://h?replica=:memory:":                  "path of a file",
		"libsql://h?replica=file:a":                    "no file: in front",
		"libsql://h?encryptionKey=geheim":              "replica=PATH",
		"libsql://h?_pragma=busy_timeout(5)":           "local files",
		"libsql:a.db?authToken=geheim":                 "for servers",
		"libsql:a.db?replica=b":                        "for servers",
		"libsql:a.db?tls=1":                            "for servers",
		"libsql:a.db?_pragma=x(1);+DROP+TABLE+geheim":  "_pragma wants",
		"libsql:a.db?_pragma=key='geheim'';DROP":       "_pragma wants",
	} {
		c, err := parse(dsn(s))
		if err == nil {
			t.Errorf("%s: %+v", s, *c)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
	}
}

func TestOpenDescribes(t *testing.T) {
	need(t)
	for s, want := range map[string]engine.Database{
		"libsql:a%20b.db":                        {Name: "a b.db", Path: "a b.db"},
		"libsql::memory:":                        {Name: ":memory:"},
		"libsql://h:1?authToken=geheim":          {Name: "h:1"},
		"https://h/x?replica=r&authToken=geheim": {Name: "h/x"},
	} {
		d, err := open(dsn(s))
		if err != nil {
			t.Fatal(s, err)
		}
		if d.System != "sqlite" || d.Name != want.Name || d.Path != want.Path {
			t.Errorf("%s: %+v", s, d)
		}
		isLocal := strings.HasPrefix(s, "libsql:") && !strings.HasPrefix(s, "libsql://")
		if (d.Gate != nil) != isLocal || (d.Server == nil) != isLocal || (d.Refresh == nil) != isLocal {
			t.Errorf("%s: %+v", s, d)
		}
	}
}

func TestMissing(t *testing.T) {
	if missing == "" {
		t.Skip("libSQL is there")
	}
	if _, err := open(dsn("libsql:app.db")); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
		t.Error(err)
	}
}

func TestSchemes(t *testing.T) {
	for _, s := range []string{"libsql", "http", "HTTPS"} {
		if engine.Lookup(s) == nil {
			t.Error(s)
		}
	}
}
