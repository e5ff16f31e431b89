package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/examples/switching/internal/before"
	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

// The test binary is also a server: it waits until its input ends, then starts.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if path := os.Getenv("BRIDGE_DB"); path != "" {
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		if err := run(context.Background(), os.Stdout, path, os.Getenv("BRIDGE_TOKENS"), "Europe/Berlin"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// create is what the old program ran at its start.
func create(preferences string) string {
	return `
CREATE TABLE IF NOT EXISTS rooms (room_id TEXT PRIMARY KEY, topic TEXT NOT NULL,` + preferences + ` created_at TEXT NOT NULL, active INTEGER DEFAULT 1);
CREATE INDEX IF NOT EXISTS idx_active ON rooms(active);
CREATE TABLE IF NOT EXISTS members (room_id TEXT NOT NULL, client_id TEXT NOT NULL, role TEXT NOT NULL, joined_at TEXT NOT NULL, vote_weight REAL DEFAULT 1.0,
	PRIMARY KEY (room_id, client_id), FOREIGN KEY (room_id) REFERENCES rooms(room_id));
CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, room_id TEXT NOT NULL, from_client TEXT NOT NULL, text TEXT NOT NULL, timestamp TEXT NOT NULL,
	channel TEXT DEFAULT 'main', reply_to TEXT, FOREIGN KEY (room_id) REFERENCES rooms(room_id));
CREATE INDEX IF NOT EXISTS idx_room_time ON messages(room_id, timestamp);
CREATE TABLE IF NOT EXISTS decisions (id TEXT PRIMARY KEY, room_id TEXT NOT NULL, text TEXT NOT NULL, proposed_by TEXT NOT NULL, proposed_at TEXT NOT NULL,
	required_votes INTEGER, approved INTEGER DEFAULT 0, FOREIGN KEY (room_id) REFERENCES rooms(room_id));
CREATE TABLE IF NOT EXISTS votes (decision_id TEXT NOT NULL, voter TEXT NOT NULL, approve INTEGER DEFAULT 1, voted_at TEXT NOT NULL,
	PRIMARY KEY (decision_id, voter), FOREIGN KEY (decision_id) REFERENCES decisions(id));
CREATE TABLE IF NOT EXISTS files (id TEXT PRIMARY KEY, room_id TEXT NOT NULL, name TEXT NOT NULL, uploaded_by TEXT NOT NULL, uploaded_at TEXT NOT NULL,
	content BLOB NOT NULL, FOREIGN KEY (room_id) REFERENCES rooms(room_id));`
}

const (
	addPreferences = `ALTER TABLE rooms ADD COLUMN preferences TEXT DEFAULT '{}';`
	versions       = `CREATE TABLE IF NOT EXISTS schema_version (version TEXT PRIMARY KEY, applied_at TEXT NOT NULL, migration_file TEXT NOT NULL);`
	is100          = `INSERT INTO schema_version VALUES ('1.0.0', datetime('now'), 'initial');`

	// Times without an offset are those of Berlin. There are more messages than fit
	// in two batches.
	rows = `
INSERT INTO rooms (room_id, topic, created_at) VALUES ('r1', 'it''s; a room', '2026-01-15T12:00:00.123456'), ('r2', '', '2026-02-22T10:00:00+00:00');
INSERT INTO members (room_id, client_id, role, joined_at) VALUES ('r1', 'a', 'coordinator', '2026-07-15T12:00:00'), ('r1', 'b', 'member', '2026-07-15T12:00:00-05:30');
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
INSERT INTO messages (id, room_id, from_client, text, timestamp) SELECT 'm' || i, 'r1', 'a', 'text ' || i,
	strftime('%Y-%m-%dT%H:%M:%S', '2026-03-01', '+' || i || ' hours') || CASE i % 3 WHEN 0 THEN '' WHEN 1 THEN '+02:00' ELSE '.250000+00:00' END FROM n;
INSERT INTO files VALUES ('f1', 'r1', 'a.bin', 'a', '2026-01-15T12:00:00Z', x'00ff00');
INSERT INTO decisions (id, room_id, text, proposed_by, proposed_at, required_votes) VALUES ('d1', 'r1', 'yes?', 'a', '2026-10-25T02:30:00+01:00', 2);
INSERT INTO votes VALUES ('d1', 'a', 1, '2026-10-25T01:30:00');`

	tokenFile = `{
  "tokens": {
    "tok-a": {"client_id": "a", "created_at": "2026-02-22T10:00:00.5", "expires_at": "2026-03-24T10:00:00"},
    "tok-b": {"client_id": "b", "created_at": "2026-07-01T10:00:00", "expires_at": "2026-07-31T10:00:00"}
  },
  "revoked": ["tok-b"]
}`
)

func recorded(file string) string {
	return "INSERT INTO schema_version VALUES ('1.1.0', datetime('now'), '" + file + "');"
}

var states = map[string]struct {
	made     []string
	baseline int // so many of the five were there
}{
	"1.0.0":                              {[]string{create(""), versions, is100, rows}, 1},
	"1.0.0 before it had schema_version": {[]string{create(""), rows}, 1},
	"1.0.0, nothing written to schema_version":      {[]string{create(""), versions, rows}, 1},
	"1.0.0, never used":                             {[]string{create(""), versions, is100}, 1},
	"1.1.0":                                         {[]string{create(""), versions, is100, rows, addPreferences, recorded("001_add_user_preferences.py")}, 2},
	"1.1.0, by the script's path":                   {[]string{create(""), versions, is100, rows, addPreferences, recorded("migrations/001_add_user_preferences.py")}, 2},
	"1.1.0, by the script of the day":               {[]string{create(""), versions, is100, rows, addPreferences, recorded("hotfix.py")}, 2},
	"1.1.0, nobody wrote that the script was run":   {[]string{create(""), versions, is100, rows, addPreferences}, 1},
	"1.1.0, written down, and the script forgotten": {[]string{create(""), versions, is100, rows, recorded("hotfix.py")}, 1},
	"1.1.0, new":                                    {[]string{create(" preferences TEXT DEFAULT '{}',"), versions, recorded("initial"), rows}, 1},
}

// changed are the columns that are to be changed.
var changed = []string{"created_at", "joined_at", "timestamp", "uploaded_at", "proposed_at", "voted_at"}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// make makes a database and a file of tokens.
func make(t testing.TB, made []string) (f before.File, tokens string) {
	t.Helper()
	f = before.NewFile(t)
	f.Exec(t, made...)
	tokens = filepath.Join(t.TempDir(), "tokens.json")
	must(t, os.WriteFile(tokens, []byte(tokenFile), 0o600))
	return f, tokens
}

func fresh(t *testing.T) before.File {
	f := before.NewFile(t)
	must(t, run(t.Context(), io.Discard, string(f), filepath.Join(t.TempDir(), "none.json"), "UTC"))
	before.Want(t, f, "SELECT count(*) FROM tokens", "0")
	return f
}

// upgraded looks at what must have become of any of the states.
func upgraded(t *testing.T, f, fresh before.File, tokens string) {
	t.Helper()
	before.SameStructure(t, f, fresh, "schema_version")
	before.Want(t, f, "SELECT token, client_id, created_at, expires_at, revoked FROM tokens ORDER BY token",
		"tok-a|a|2026-02-22T09:00:00.5+00:00|2026-03-24T09:00:00+00:00|0", "tok-b|b|2026-07-01T08:00:00+00:00|2026-07-31T08:00:00+00:00|1")
	if text, err := os.ReadFile(tokens + ".imported"); err != nil || string(text) != tokenFile {
		t.Errorf("%s: %v", text, err)
	}
	if _, err := os.Stat(tokens); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file is still there")
	}
	if len(before.Rows(t, f, "SELECT 1 FROM rooms")) == 0 {
		return
	}
	// By a calendar.
	before.Want(t, f, "SELECT created_at, preferences FROM rooms", "2026-01-15T11:00:00.123456+00:00|{}", "2026-02-22T10:00:00+00:00|{}")
	before.Want(t, f, "SELECT joined_at FROM members", "2026-07-15T10:00:00+00:00", "2026-07-15T17:30:00+00:00")
	before.Want(t, f, "SELECT uploaded_at FROM files", "2026-01-15T12:00:00+00:00")
	before.Want(t, f, "SELECT proposed_at FROM decisions", "2026-10-25T01:30:00+00:00")
	before.Want(t, f, "SELECT voted_at FROM votes", "2026-10-24T23:30:00+00:00")
	// The clocks of Berlin went from 2 to 3 on 29 March. The offset of the others
	// is in their text, which SQLite can read.
	before.Want(t, f, `WITH old AS (SELECT id, CAST(substr(id, 2) AS INTEGER) AS i FROM messages)
		SELECT count(*), sum(timestamp LIKE '%+00:00'), sum(strftime('%Y-%m-%dT%H:%M:%f', timestamp) = strftime('%Y-%m-%dT%H:%M:%f', '2026-03-01', '+' || i || ' hours',
			CASE i % 3 WHEN 0 THEN CASE WHEN i < 28 * 24 + 2 THEN '-1 hours' ELSE '-2 hours' END WHEN 1 THEN '-2 hours' ELSE '+0.25 seconds' END))
		FROM messages JOIN old USING (id)`, "1200|1200|1200")
}

func TestEveryState(t *testing.T) {
	fresh := fresh(t)
	for name, c := range states {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, tokens := make(t, c.made)
			contents := before.Contents(t, f, changed...)
			for range 2 {
				must(t, run(t.Context(), io.Discard, string(f), tokens, "Europe/Berlin"))
			}
			before.Intact(t, f, contents)
			upgraded(t, f, fresh, tokens)
			want := []string{"1 initial", "2 add_user_preferences", "3 utc", "4 tokens", "5 import_tokens"}
			for i := range want {
				want[i] += map[bool]string{true: " baseline", false: " applied"}[i < c.baseline]
			}
			before.Want(t, f, before.History("bridge"), want...)
		})
	}
}

// Servers are processes. Whichever is first upgrades.
func TestServersStartingAtOnce(t *testing.T) {
	fresh := fresh(t)
	f, tokens := make(t, states["1.0.0"].made)
	contents := before.Contents(t, f, changed...)
	self, err := os.Executable()
	must(t, err)
	type server struct {
		*exec.Cmd
		stdin       io.Closer
		out, errors *bytes.Buffer
	}
	var servers []server
	for range 6 {
		s := server{exec.Command(self), nil, &bytes.Buffer{}, &bytes.Buffer{}}
		s.Env = append(os.Environ(), "BRIDGE_DB="+string(f), "BRIDGE_TOKENS="+tokens)
		s.Stderr = s.errors
		stdin, err := s.StdinPipe()
		must(t, err)
		stdout, err := s.StdoutPipe()
		must(t, err)
		must(t, s.Start())
		s.stdin = stdin
		_, err = io.ReadFull(stdout, bytes.Repeat([]byte{0}, len("ready\n")))
		must(t, err)
		go io.Copy(s.out, stdout)
		servers = append(servers, s)
	}
	for _, s := range servers {
		s.stdin.Close()
	}
	for i, s := range servers {
		if err := s.Wait(); err != nil {
			t.Errorf("server %d: %v: %s", i, err, s.errors)
		}
	}
	before.Intact(t, f, contents)
	upgraded(t, f, fresh, tokens)
	// By whichever upgraded.
	before.Intact(t, backup(t, f), contents)
	before.Want(t, backup(t, f), versionsOnly, "1.0.0")
}

const versionsOnly = "SELECT version FROM schema_version"

// backup is the only snapshot that there is of a database.
func backup(t *testing.T, f before.File) before.File {
	t.Helper()
	list, err := snapshot.List(filepath.Join(filepath.Dir(string(f)), "backups"), string(f))
	must(t, err)
	if len(list) != 1 {
		t.Fatal(list)
	}
	must(t, snapshot.Check(t.Context(), list[0].Path))
	return before.File(list[0].Path)
}

// The old program had its users copy the database before an upgrade, and copy it
// back after one that failed. Here it is the upgrade that takes the copy; and the
// database is as it was anyway.
func TestBackup(t *testing.T) {
	fresh := fresh(t)
	f, tokens := make(t, states["1.0.0"].made)
	f.Exec(t, "UPDATE messages SET timestamp = 'yesterday' WHERE id = 'm777'")
	contents := before.Contents(t, f)
	before.Refused(t, run(t.Context(), io.Discard, string(f), tokens, "Europe/Berlin"), nil, "migration 0003_utc failed", "the database is unchanged")
	before.Intact(t, f, contents)
	copied := backup(t, f)
	before.Intact(t, copied, contents)
	before.Want(t, copied, "SELECT name FROM sqlite_schema WHERE name LIKE 'migratingsqlite%'")

	// Somebody tries to help.
	f.Exec(t, "DELETE FROM messages", "DROP TABLE votes")
	kept, err := snapshot.Restore(t.Context(), string(copied), string(f))
	must(t, err)
	before.Intact(t, f, contents)
	before.Want(t, f, "SELECT name FROM sqlite_schema WHERE name LIKE 'migratingsqlite%'")
	before.Want(t, before.File(kept), "SELECT count(*) FROM messages", "0")

	// The time is put right, and the upgrade goes well.
	f.Exec(t, "UPDATE messages SET timestamp = strftime('%Y-%m-%dT%H:%M:%S', '2026-03-01', '+777 hours') WHERE id = 'm777'")
	must(t, run(t.Context(), io.Discard, string(f), tokens, "Europe/Berlin"))
	upgraded(t, f, fresh, tokens)
}

// What the migration does outside of the database is harmless when it is done
// again, or for an upgrade that fails.
func TestTokensOutside(t *testing.T) {
	fresh := fresh(t)
	f, tokens := make(t, states["1.0.0"].made)
	contents := before.Contents(t, f)
	open := func(set *migratingsqlite.Set) error {
		connector, err := migratingsqlite.NewConnector(string(f), migratingsqlite.WithSet(set))
		must(t, err)
		db := sql.OpenDB(connector)
		defer db.Close()
		return db.PingContext(t.Context())
	}

	// An upgrade that fails after the tokens were moved.
	broken := errors.New("broken")
	set, err := migratingsqlite.Load("bridge", files, migratingsqlite.Func(3, "utc", utc{time.UTC, 500}.migrate, nil),
		migratingsqlite.Func(5, "import_tokens", importTokens(tokens, time.UTC), nil),
		migratingsqlite.Func(6, "broken", func(ctx context.Context, tx migratingsqlite.Tx) error {
			var n int
			if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM tokens").Scan(&n); err != nil || n != 2 {
				return fmt.Errorf("%d tokens: %w", n, err)
			}
			return broken
		}, nil))
	must(t, err)
	before.Refused(t, open(set), broken, "migration 0006_broken failed", "the database is unchanged")
	before.Intact(t, f, contents)

	// Killed before it put the file away.
	set, err = load(tokens, "Europe/Berlin")
	must(t, err)
	must(t, open(set))
	if _, err := os.Stat(tokens); err != nil {
		t.Fatal(err)
	}
	must(t, run(t.Context(), io.Discard, string(f), tokens, "Europe/Berlin"))
	upgraded(t, f, fresh, tokens)
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		made  []string
		is    error
		words []string
	}{
		"an index made by hand": {[]string{create(""), rows, "CREATE INDEX mine ON messages (from_client)"}, migratingsqlite.ErrUnknownSchema,
			[]string{"nearest to that of version 1, but index mine is not expected; put that right, or, if it does no harm, say _migrate_baseline=1"}},
		"an index made by hand, and rows without files": {[]string{create(""), versions, strings.Replace(is100, "initial", "", 1), rows, "CREATE INDEX mine ON messages (from_client)"}, migratingsqlite.ErrUnknownSchema,
			[]string{"by the history of the project's own runner (table schema_version) it should be at version 1, but index mine is not expected; put that right, or"}},
		"two rows of one file": {[]string{create(""), versions, is100, recorded("initial"), rows}, migratingsqlite.ErrUnknownSchema,
			[]string{"records both 1.0.0 and 1.1.0, and both are migrations/0001_initial.sql; delete the row that should not be there"}},
		"one row that says little": {[]string{create(" preferences TEXT DEFAULT '{}',"), versions, rows, recorded("release")}, migratingsqlite.ErrUnknownSchema,
			[]string{"can be read in two ways", "_migrate_baseline"}},
		"1.1.0 without schema_version": {[]string{create(""), rows, addPreferences}, migratingsqlite.ErrUnknownSchema,
			[]string{"that of several versions, which differ in their data: 2, 3; say which with _migrate_baseline=2 or =3"}},
		"a time that is none": {[]string{create(""), versions, is100, rows, "UPDATE messages SET timestamp = 'yesterday' WHERE id = 'm777'"}, nil,
			[]string{"migration 0003_utc failed", "messages.timestamp: row 777:", `"yesterday"`}},
	} {
		t.Run(name, func(t *testing.T) {
			f, tokens := make(t, c.made)
			contents := before.Contents(t, f)
			before.Refused(t, run(t.Context(), io.Discard, string(f), tokens, "Europe/Berlin"), c.is, append(c.words, "the database is unchanged")...)
			before.Intact(t, f, contents)
			if _, err := os.Stat(tokens); err != nil {
				t.Error(err)
			}
			if names := before.Rows(t, f, "SELECT name FROM sqlite_schema WHERE name = 'tokens'"); len(names) > 0 {
				t.Error("was changed")
			}
		})
	}
}

// What the structure does not tell is for the one who knows to say, once.
func TestSaid(t *testing.T) {
	fresh := fresh(t)
	for name, made := range map[string][]string{
		"1.1.0 without schema_version": {create(""), rows, addPreferences},
		"one row that says little":     {create(" preferences TEXT DEFAULT '{}',"), versions, rows, recorded("release")},
	} {
		t.Run(name, func(t *testing.T) {
			f, tokens := make(t, made)
			contents := before.Contents(t, f, changed...)
			set, err := load(tokens, "Europe/Berlin")
			must(t, err)
			connector, err := migratingsqlite.NewConnector(string(f)+"?_migrate_baseline=2", migratingsqlite.WithSet(set))
			must(t, err)
			db := sql.OpenDB(connector)
			must(t, db.PingContext(t.Context()))
			must(t, db.Close())
			must(t, run(t.Context(), io.Discard, string(f), tokens, "Europe/Berlin"))
			before.Intact(t, f, contents)
			upgraded(t, f, fresh, tokens)
		})
	}
}
