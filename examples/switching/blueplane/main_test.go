package main

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/examples/switching/switchtest"
)

func TestMain(m *testing.M) { switchtest.Quietly(m) }

// The tables of the old runner, which stay as they are.
var runners = []string{"migration_history", "schema_version"}

const schemaVersion = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY);"

var descriptions = map[int]string{2: "cursor sessions", 3: "workspaces and git", 4: "rename conversations"}

func script(t *testing.T, version int) string {
	t.Helper()
	found, err := filepath.Glob(fmt.Sprintf("migrations/V%03d__*/up.sql", version))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return switchtest.File(t, found[0])
}

// upTo does what the old runner did: scripts on the tables of the first release, and
// code behind the second script. (migrate_to_v2 was Python; what it did, in SQL.)
func upTo(t *testing.T, version int) (scripts []string) {
	scripts = []string{switchtest.File(t, "testdata/v1.sql"), switchtest.File(t, "testdata/rows.sql")}
	for v := 2; v <= version; v++ {
		scripts = append(scripts, script(t, v))
		if v == 2 {
			scripts = append(scripts, `INSERT INTO cursor_sessions (session_id, workspace_hash, workspace_path, workspace_name, start_time, end_time)
				VALUES ('s2', 'w2', '/home/ada/engine', 'engine', '2025-01-03 03:00:00', '2025-01-03 04:00:00'), ('s3', NULL, '', '.', '2025-01-04 03:00:00', NULL)`)
		}
	}
	return scripts
}

func sha(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// recorded is a row of migration_history.
func recorded(version int, checksum, status string) string {
	return fmt.Sprintf("INSERT INTO migration_history (version, description, checksum, execution_time_ms, status, applied_by, hostname) VALUES (%d, '%s', '%s', 7, '%s', 'migration_runner.py', 'ada')",
		version, descriptions[version], checksum, status)
}

func TestEveryRelease(t *testing.T) {
	history := switchtest.File(t, "testdata/migration_history.sql")
	bySQL := func(v int) string { return recorded(v, sha(script(t, v)), "completed") }
	byCode := func(v int) string {
		return recorded(v, sha(fmt.Sprintf("migrate_to_v%d:%s", v, descriptions[v])), "completed")
	}
	later := func(v int) string { return recorded(v, "legacy_backfill", "completed") }
	add := func(list []string, more ...string) []string { return append(list, more...) }
	inFour := strings.NewReplacer("INTO CONVERSATIONS", "INTO claude_conversations").Replace(switchtest.File(t, "testdata/rows.sql"))

	fresh := filepath.Join(t.TempDir(), "fresh.db")
	if err := run(t.Context(), new(strings.Builder), fresh); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		legacy []string
		at     int // the version that it has
	}{
		"1, without a version":               {upTo(t, 1), 1},
		"1, with its version":                {add(upTo(t, 1), schemaVersion, "INSERT INTO schema_version VALUES (1)"), 1},
		"2, upgraded from 1":                 {add(upTo(t, 2), schemaVersion, "INSERT INTO schema_version VALUES (1), (2)"), 2},
		"2, the version alone":               {add(upTo(t, 2), schemaVersion, "INSERT INTO schema_version VALUES (2)"), 2},
		"2, and an empty history":            {add(upTo(t, 2), schemaVersion, "INSERT INTO schema_version VALUES (2)", history), 2},
		"2, by structure":                    {add(upTo(t, 2), history), 2},
		"3, in code":                         {add(upTo(t, 3), schemaVersion, "INSERT INTO schema_version VALUES (1), (2), (3)"), 3},
		"3, backfilled and by script":        {add(upTo(t, 3), schemaVersion, "INSERT INTO schema_version VALUES (2)", history, later(2), bySQL(3)), 3},
		"3, in code, recorded":               {add(upTo(t, 3), history, byCode(2), byCode(3)), 3},
		"4, by scripts":                      {add(upTo(t, 4), history, bySQL(2), bySQL(3), bySQL(4)), 4},
		"4, of every kind":                   {add(upTo(t, 4), schemaVersion, "INSERT INTO schema_version VALUES (2)", history, later(2), byCode(3), bySQL(4)), 4},
		"4, created at once":                 {[]string{switchtest.File(t, "testdata/v4.sql"), inFour, history, later(2), later(3), later(4)}, 4},
		"4, created at once, no history":     {[]string{switchtest.File(t, "testdata/v4.sql"), inFour}, 4},
		"3, since 4 was rolled back":         {add(upTo(t, 3), history, bySQL(2), bySQL(3), recorded(4, sha(script(t, 4)), "rolled_back")), 3},
		"4, scripts from a Windows checkout": {add(upTo(t, 4), history, bySQL(2), bySQL(3), recorded(4, sha(strings.ReplaceAll(script(t, 4), "\n", "\r\n")), "completed")), 4},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "telemetry.db")
			switchtest.Exec(t, path, c.legacy...)
			conversations := "conversations"
			if c.at >= 4 {
				conversations = "claude_conversations"
			}
			before := map[string]string{"claude_conversations": switchtest.Rows(t, path, "SELECT * FROM "+conversations)}
			for _, table := range strings.Split(switchtest.Rows(t, path, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%conversations' AND name NOT LIKE 'sqlite%'"), "\n") {
				before[table] = switchtest.Rows(t, path, "SELECT * FROM "+table)
			}

			var out strings.Builder
			if err := run(t.Context(), &out, path); err != nil {
				t.Fatal(err)
			}
			for v, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
				want := "applied"
				if v+1 <= c.at {
					want = "baseline"
				}
				if f := strings.Fields(line); f[0] != fmt.Sprint(v+1) || f[2] != want {
					t.Errorf("%s: want %s", line, want)
				}
			}
			switchtest.SameStructure(t, path, fresh, runners...)
			for table, rows := range before {
				got := switchtest.Rows(t, path, "SELECT * FROM "+table)
				if table == "raw_traces" { // one column more
					got = switchtest.Rows(t, path, "SELECT sequence, ingested_at, session_id, platform, timestamp, event_data, event_date FROM raw_traces")
				}
				if got != rows {
					t.Errorf("%s: got\n%s\nwant\n%s", table, got, rows)
				}
			}
			if before["cursor_sessions"] == "" && c.at < 4 {
				want := "s2|w2|/home/ada/engine|engine|2025-01-03 03:00:00|2025-01-03 04:00:00|{}\ns3|<nil>||.|2025-01-04 03:00:00|<nil>|{}"
				got := switchtest.Rows(t, path, "SELECT session_id, workspace_hash, workspace_path, workspace_name, CAST(start_time AS TEXT), CAST(end_time AS TEXT), metadata FROM cursor_sessions")
				if got != want {
					t.Errorf("what the Func copied: got\n%s\nwant\n%s", got, want)
				}
			}
			again := out.String()
			out.Reset()
			if err := run(t.Context(), &out, path); err != nil || out.String() != again {
				t.Errorf("the second time: %v\n%s", err, out.String())
			}
		})
	}
}

// What the old runner left undone is not taken for done.
func TestWhatIsRefused(t *testing.T) {
	history := switchtest.File(t, "testdata/migration_history.sql")
	for name, c := range map[string]struct {
		legacy []string
		says   string
	}{
		"failed": {append(upTo(t, 2), history, recorded(2, sha(script(t, 2)), "completed"), recorded(3, sha(script(t, 3)), "failed")),
			"migration_history says of 3 that it is failed; repair the database by hand, then correct the row"},
		"edited": {append(upTo(t, 3), history, recorded(2, "legacy_backfill", "completed"), recorded(3, sha("SELECT 1"), "completed")),
			"migrations/V003__workspaces_and_git/up.sql was edited after the project's own runner had applied it"},
		"not what the version says": {append(upTo(t, 1), schemaVersion, "INSERT INTO schema_version VALUES (2)"),
			"by the history of the project's own runner (table schema_version) it should be at version 2, but table cursor_sessions is missing; put that right, or, if it does no harm, say _migrate_baseline=2"},
		"newer": {append(upTo(t, 4), history, recorded(4, "legacy_backfill", "completed"), recorded(6, "legacy_backfill", "completed")),
			`has "6", and this program knows versions up to 5; start a newer program`},
		"newer, and only that is known": {append(upTo(t, 4), schemaVersion, "INSERT INTO schema_version VALUES (6)", "CREATE TABLE later (x)"),
			"(the project's own runner (table schema_version) records 6, and this program knows versions up to 5: is there a newer one?), and its structure comes nearest to that of version 4, but table later is not expected"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "telemetry.db")
			switchtest.Exec(t, path, c.legacy...)
			before := switchtest.Rows(t, path, "SELECT * FROM sqlite_master")
			err := run(t.Context(), new(strings.Builder), path)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "the database is unchanged") {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if got := switchtest.Rows(t, path, "SELECT * FROM sqlite_master"); got != before {
				t.Errorf("the database was changed:\n%s", got)
			}
		})
	}
}
