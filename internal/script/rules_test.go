package script

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompatible(t *testing.T) {
	for _, tt := range []struct {
		src  string
		want bool
	}{
		{"", true},
		{"CREATE TABLE t(a NOT NULL)", true},
		{"CREATE TABLE t AS SELECT 1", true},
		{"CREATE VIRTUAL TABLE t USING fts5(a)", true},
		{"CREATE VIEW v AS SELECT 1", true},
		{"CREATE INDEX i ON t(a)", true},
		{"CREATE UNIQUE INDEX i ON t(a)", false},
		{"CREATE TABLE t(a); CREATE UNIQUE INDEX i ON t(a)", true},
		{"CREATE UNIQUE INDEX i ON t(a); CREATE TABLE t(a)", false},
		{"CREATE TABLE \"T\"(a); CREATE UNIQUE INDEX i ON main.[t](a); INSERT INTO `T` VALUES(1)", true},
		{"CREATE TABLE IF NOT EXISTS t(a); DROP TABLE t", false}, // it may have been there
		{"CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END", false},
		{"CREATE TABLE t(a); CREATE TRIGGER r INSERT ON 'T' BEGIN SELECT 1; END; DROP TRIGGER main.R", true},
		{"CREATE VIEW v AS SELECT 1; CREATE TRIGGER r INSTEAD OF INSERT ON v BEGIN SELECT 1; END", true},
		{"CREATE TEMP TRIGGER r INSERT ON t BEGIN SELECT 1; END", true},
		{"DROP TRIGGER r", false},
		{"CREATE TABLE r(a); DROP TRIGGER r", false},
		{"ALTER TABLE t ADD a", true},
		{"ALTER TABLE t ADD a NOT NULL", false},
		{"ALTER TABLE t ADD a NOT NULL DEFAULT 0", true},
		{"ALTER TABLE t ADD a NOT NULL DEFAULT NULL", false},
		{"ALTER TABLE t ADD a DEFAULT (1 NOT NULL)", true},
		{"ALTER TABLE t ADD a AS (b) NOT NULL", true},
		{"ALTER TABLE t ADD a REFERENCES u", true},
		{"ALTER TABLE t ADD CHECK (a)", false},
		{"ALTER TABLE t DROP a", false},
		{"ALTER TABLE t RENAME a TO b", false},
		{"ALTER TABLE t RENAME TO u", false},
		{"CREATE TABLE t(a); ALTER TABLE t DROP a; ALTER TABLE t RENAME TO U; INSERT INTO u VALUES(1); DROP TABLE u", true},
		{"CREATE TABLE t(a); ALTER TABLE t RENAME TO u; INSERT INTO t VALUES(1)", false},
		{"CREATE TABLE new(a); INSERT INTO new SELECT a FROM t; DROP TABLE t; ALTER TABLE new RENAME TO t", false},
		{"CREATE TABLE t(a); DROP TABLE t; INSERT INTO t VALUES(1)", false},
		{"DROP TABLE t", false},
		{"DROP TABLE IF EXISTS t", false},
		{"CREATE INDEX i ON t(a); DROP INDEX i", true},
		{"DROP INDEX i", false},
		{"INSERT INTO t VALUES(1)", false},
		{"UPDATE t SET a=1", false},
		{"DELETE FROM t", false},
		{"CREATE TABLE t(a); WITH c AS (SELECT 1) INSERT INTO t SELECT * FROM c; UPDATE t SET a=2; DELETE FROM t", true},
		{"CREATE TABLE aux.t(a); INSERT INTO t VALUES(1)", false},
		{"CREATE TABLE É(a); INSERT INTO é VALUES(1)", false}, // SQLite folds ASCII only
		{"CREATE TEMP TABLE t(a); INSERT INTO t VALUES(1); INSERT INTO temp.t VALUES(1); DROP TABLE t", true},
		{"CREATE TEMP TABLE t(a); DROP TABLE t; DROP TABLE t", false},
		{"CREATE TEMP TABLE t(a); DROP TABLE main.t", false},
		{"CREATE TEMP TABLE t(a); ALTER TABLE t RENAME TO u; INSERT INTO u VALUES(1)", true},
		{"CREATE TEMP TABLE t(a); ALTER TABLE t RENAME TO u; INSERT INTO main.u VALUES(1)", false},
		{"SELECT 1; VALUES(1); ANALYZE; REINDEX; EXPLAIN DROP TABLE t; SAVEPOINT s; RELEASE s", true},
		{"ROLLBACK TO s", false},
		{"PRAGMA user_version", true},
		{"PRAGMA foreign_key_check(t); PRAGMA table_info('t'); PRAGMA optimize(0xfffe)", true},
		{"PRAGMA user_version = 1", false},
		{"PRAGMA writable_schema = ON", false},
		{"VACUUM", false}, {"ATTACH 'x' AS x", false}, {"BEGIN", false}, {"nonsense", false},
	} {
		stmts, err := Split(tt.src)
		if err != nil {
			t.Fatal(err)
		}
		if got := Compatible(stmts); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.src, got, tt.want)
		}
	}
}

func TestChangesRows(t *testing.T) {
	for src, want := range map[string]bool{
		"CREATE TABLE t(a)": false, "CREATE TABLE t AS SELECT 1": true, "CREATE INDEX i ON t(a)": false, "CREATE VIEW v AS SELECT 1": false,
		"CREATE TRIGGER r INSERT ON t BEGIN DELETE FROM t; END": false, "CREATE VIRTUAL TABLE t USING fts5(a)": false,
		"ALTER TABLE t ADD a": false, "ALTER TABLE t ADD a DEFAULT 1 REFERENCES u": true, "ALTER TABLE t DROP a": true, "ALTER TABLE t RENAME TO u": true,
		"INSERT INTO t VALUES(1)": true, "UPDATE t SET a=1": true, "DELETE FROM t": true, "DROP TABLE t": true, "WITH c AS (SELECT 1) DELETE FROM t": true,
		"SELECT 1": false, "ANALYZE": false, "REINDEX": false, "EXPLAIN DELETE FROM t": false, "SAVEPOINT s": false, "RELEASE s": false, "ROLLBACK TO s": true,
		"PRAGMA user_version": false, "PRAGMA user_version = 1": false, "PRAGMA table_info(t)": false, "PRAGMA writable_schema = 1": true, "nonsense": true,
	} {
		if got := one(t, src).ChangesRows(); got != want {
			t.Errorf("%s: %v, want %v", src, got, want)
		}
	}
}

func TestInTransactionNamesTheCure(t *testing.T) {
	for src, want := range map[string]string{
		"BEGIN": "delete it: every upgrade is one transaction already", "COMMIT": "delete it: every upgrade", "END": "delete it: every upgrade", "ROLLBACK": "delete it: every upgrade",
		"PRAGMA main.Foreign_Keys(0)": "delete it: an upgrade turns enforcement off itself and checks every foreign key before it commits",
		"PRAGMA journal_mode = WAL":   "set it in the DSN",
		"ROLLBACK TO s":               "", "SAVEPOINT s": "", "EXPLAIN BEGIN": "", "PRAGMA foreign_keys": "", "INSERT INTO t VALUES(1)": "",
		"CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END": "", "ATTACH 'x' AS x": "", "PRAGMA user_version = 1": "",
	} {
		got := one(t, src).InTransaction()
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", src, got, want)
		}
	}
}

// TestInTransactionAgainstSQLite runs every statement of which one might doubt
// it inside a transaction and outside, on a file, and compares the errors and
// what is there afterwards.
func TestInTransactionAgainstSQLite(t *testing.T) {
	const table = "CREATE TABLE t(a); INSERT INTO t VALUES(1);"
	const temp = "CREATE TEMP TABLE x(a);"
	for _, tt := range []struct{ setup, stmt, probe string }{
		{table, "VACUUM", ""},
		{table, "BEGIN", ""},
		{"ATTACH ':memory:' AS x;", "DETACH x", "SELECT count(*) FROM pragma_database_list"},
		{table, "ATTACH ':memory:' AS x", "SELECT count(*) FROM pragma_database_list"},
		{table, "REINDEX", ""},
		{table, "ANALYZE", ""},
		{table, "PRAGMA journal_mode=wal", "PRAGMA journal_mode"},
		{table, "PRAGMA journal_mode=memory", "PRAGMA journal_mode"},
		{table, "PRAGMA journal_mode=off", "PRAGMA journal_mode"},
		{table, "PRAGMA journal_mode(truncate)", "PRAGMA journal_mode"},
		{table, "PRAGMA main.journal_mode=persist", "PRAGMA journal_mode"},
		{"PRAGMA journal_mode=wal;" + table, "PRAGMA journal_mode=delete", "PRAGMA journal_mode"},
		{table, "PRAGMA journal_mode", ""},
		{table, "PRAGMA foreign_keys=on", "PRAGMA foreign_keys"},
		{"PRAGMA foreign_keys=on;", "PRAGMA foreign_keys(0)", "PRAGMA foreign_keys"},
		{table, "PRAGMA foreign_keys", ""},
		{table, "PRAGMA synchronous=off", "PRAGMA synchronous"},
		{table, "PRAGMA synchronous", ""},
		{"PRAGMA journal_mode=wal;" + table, "PRAGMA wal_checkpoint", ""},
		{"PRAGMA journal_mode=wal;" + table, "PRAGMA wal_checkpoint(truncate)", ""},
		{"", "PRAGMA page_size=8192", "PRAGMA page_size"},
		{"", "PRAGMA auto_vacuum=full", "PRAGMA auto_vacuum"},
		{"", "PRAGMA auto_vacuum=incremental", "PRAGMA auto_vacuum"},
		{"", "PRAGMA encoding='UTF-16le'", "PRAGMA encoding"},
		{temp, "PRAGMA temp_store=memory", "PRAGMA temp_store"},
		{table, "PRAGMA locking_mode=exclusive", "PRAGMA locking_mode"},
		{table, "PRAGMA secure_delete=fast", "PRAGMA secure_delete"},
		{table, "PRAGMA user_version=7", "PRAGMA user_version"},
		{table, "PRAGMA application_id=7", "PRAGMA application_id"},
		{table, "PRAGMA schema_version=77", "PRAGMA schema_version"},
		{table, "PRAGMA writable_schema=on", "PRAGMA writable_schema"},
		{table, "PRAGMA legacy_alter_table=on", "PRAGMA legacy_alter_table"},
		{table, "PRAGMA recursive_triggers=on", "PRAGMA recursive_triggers"},
		{table, "PRAGMA ignore_check_constraints=on", "PRAGMA ignore_check_constraints"},
		{table, "PRAGMA trusted_schema=off", "PRAGMA trusted_schema"},
		{table, "PRAGMA automatic_index=off", "PRAGMA automatic_index"},
		{table, "PRAGMA cell_size_check=on", "PRAGMA cell_size_check"},
		{table, "PRAGMA query_only=on", "PRAGMA query_only"},
		{table, "PRAGMA read_uncommitted=on", "PRAGMA read_uncommitted"},
		{table, "PRAGMA reverse_unordered_selects=on", "PRAGMA reverse_unordered_selects"},
		{table, "PRAGMA fullfsync=on", "PRAGMA fullfsync"},
		{table, "PRAGMA checkpoint_fullfsync=on", "PRAGMA checkpoint_fullfsync"},
		{table, "PRAGMA busy_timeout=77", "PRAGMA busy_timeout"},
		{table, "PRAGMA cache_size=77", "PRAGMA cache_size"},
		{table, "PRAGMA default_cache_size=77", "PRAGMA default_cache_size"},
		{table, "PRAGMA cache_spill=off", "PRAGMA cache_spill"},
		{table, "PRAGMA max_page_count=777", "PRAGMA max_page_count"},
		{table, "PRAGMA mmap_size=65536", "PRAGMA mmap_size"},
		{table, "PRAGMA journal_size_limit=77", "PRAGMA journal_size_limit"},
		{table, "PRAGMA wal_autocheckpoint=77", "PRAGMA wal_autocheckpoint"},
		{table, "PRAGMA analysis_limit=77", "PRAGMA analysis_limit"},
		{table, "PRAGMA threads=2", "PRAGMA threads"},
		{table, "PRAGMA case_sensitive_like=on", "SELECT 'a' LIKE 'A'"},
		{"PRAGMA auto_vacuum=incremental;" + table + "INSERT INTO t VALUES(zeroblob(99999)); DELETE FROM t;", "PRAGMA incremental_vacuum", "PRAGMA freelist_count"},
		{table, "PRAGMA optimize", ""},
		{table, "PRAGMA integrity_check", ""},
		{table, "PRAGMA foreign_key_check", ""},
		{table, "PRAGMA shrink_memory", ""},
	} {
		t.Run(tt.setup+tt.stmt, func(t *testing.T) {
			outside, inside := try(t, false, tt.setup, tt.stmt, tt.probe), try(t, true, tt.setup, tt.stmt, tt.probe)
			works := outside == inside
			if why := one(t, tt.stmt).InTransaction(); (why == "") != works {
				t.Errorf("InTransaction: %q\noutside: %s\ninside:  %s", why, outside, inside)
			}
		})
	}
}

// try executes stmt on a new file, in a transaction that also makes a table or
// in none, and returns its error and what probe then finds.
func try(t *testing.T, inside bool, setup, stmt, probe string) string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx := context.Background()
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec := func(text string) {
		t.Helper()
		if _, err := conn.ExecContext(ctx, text); err != nil {
			t.Fatal(text, err)
		}
	}
	exec(setup)
	if inside {
		exec("BEGIN IMMEDIATE; CREATE TABLE made_by_the_upgrade(a)")
	}
	_, tryErr := conn.ExecContext(ctx, stmt)
	switch {
	case inside:
		exec("COMMIT")
	case strings.HasPrefix(stmt, "BEGIN"):
		exec("ROLLBACK")
	}
	if !strings.Contains(stmt, "query_only") { // gives the file its first page at last
		exec("CREATE TABLE later(a)")
	}
	var b strings.Builder
	if tryErr != nil {
		b.WriteString(tryErr.Error())
	}
	if probe != "" {
		query(ctx, conn, &b, probe, nil)
	}
	return b.String()
}

func TestQuickStatementsNeedNoInterrupt(t *testing.T) {
	for _, test := range []struct {
		script string
		slow   string // the first statement that may take long, "" if none
	}{
		{"CREATE TABLE t(a); CREATE INDEX i ON T(a); INSERT INTO t VALUES(1),(2); CREATE VIEW v AS SELECT 1", ""},
		{"ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'check'", ""},
		{"INSERT INTO t VALUES(1)", "INSERT INTO t VALUES(1)"}, // there may be a trigger
		{"CREATE TABLE t(a); CREATE TRIGGER r INSERT ON T BEGIN SELECT 1; END; INSERT INTO t VALUES(1)", "INSERT INTO t VALUES(1)"},
		{"CREATE TABLE t(a); CREATE TEMP TRIGGER r INSERT ON main.t BEGIN SELECT 1; END; INSERT INTO t VALUES(1)", "INSERT INTO t VALUES(1)"},
		{"CREATE TABLE u(a); CREATE TABLE t(a); CREATE TRIGGER r INSERT ON t BEGIN INSERT INTO u SELECT 1; END; INSERT INTO u VALUES(1)", ""},
		{"CREATE VIEW t AS SELECT 1; INSERT INTO t VALUES(1)", "INSERT INTO t VALUES(1)"},
		{"CREATE TABLE IF NOT EXISTS t(a); INSERT INTO t VALUES(1)", "INSERT INTO t VALUES(1)"},
		{"CREATE INDEX i ON t(a)", "CREATE INDEX i ON t(a)"},
		{"CREATE TABLE t AS SELECT 1", "CREATE TABLE t AS SELECT 1"},
		{"CREATE TABLE t(a); INSERT INTO t SELECT 1;", "INSERT INTO t SELECT 1;"},
		{"CREATE TABLE t(a); INSERT INTO t VALUES((SELECT 1))", "INSERT INTO t VALUES((SELECT 1))"},
		{"CREATE TABLE t(a); WITH x AS (SELECT 1) INSERT INTO t VALUES(1)", "WITH x AS (SELECT 1) INSERT INTO t VALUES(1)"},
		{"ALTER TABLE t ADD COLUMN b CHECK(b > 0)", "ALTER TABLE t ADD COLUMN b CHECK(b > 0)"},
		{"ALTER TABLE t DROP COLUMN b", "ALTER TABLE t DROP COLUMN b"},
		{"UPDATE t SET a = 1", "UPDATE t SET a = 1"},
		{"DROP TABLE t", "DROP TABLE t"},
		{"CREATE TABLE IF NOT EXISTS t(a); CREATE INDEX i ON t(a)", "CREATE INDEX i ON t(a)"},
	} {
		var p Pace
		slow := ""
		statements, err := Split(test.script)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			if !p.Quick(s) {
				slow = s.Text
				break
			}
		}
		if slow != test.slow {
			t.Errorf("%s: slow is %q, want %q", test.script, slow, test.slow)
		}
	}
}
