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
		{"CREATE TABLE t(a); CREATE INDEX i ON t(lower(a)) WHERE a > 0", true},
		{"CREATE INDEX i ON t(a DESC, b COLLATE NOCASE)", true},
		{"CREATE INDEX i ON t(json(a))", false},
		{"CREATE INDEX i ON t(a) WHERE json(b)", false},
		{"CREATE INDEX IF NOT EXISTS i ON t(a); DROP INDEX i", false},
		{"CREATE UNIQUE INDEX i ON t(a); CREATE TABLE t(a)", false},
		{"CREATE TABLE \"T\"(a); CREATE UNIQUE INDEX i ON main.[t](a); INSERT INTO `T` VALUES(1)", true},
		{"CREATE TABLE IF NOT EXISTS t(a); DROP TABLE t", false}, // it may have been there
		{"CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END", false},
		{"CREATE TABLE t(a); CREATE TRIGGER r INSERT ON 'T' BEGIN SELECT 1; END; DROP TRIGGER main.R", true},
		{"CREATE VIEW v AS SELECT 1; CREATE TRIGGER r INSTEAD OF INSERT ON v BEGIN SELECT 1; END", true},
		{"CREATE TEMP TRIGGER r INSERT ON t BEGIN SELECT 1; END", true},
		{"CREATE TABLE t(a); CREATE TRIGGER r INSERT ON t BEGIN DELETE FROM old; END; INSERT INTO t VALUES(1)", false},
		{"CREATE TABLE t(a); INSERT INTO t VALUES(1); CREATE TRIGGER r INSERT ON t BEGIN DELETE FROM old; END", true},
		{"CREATE TABLE t(a); CREATE TRIGGER r UPDATE ON t BEGIN DELETE FROM old; END; ALTER TABLE t RENAME TO u; UPDATE u SET a=1", false},
		{"CREATE TEMP TABLE t(a); CREATE TEMP TRIGGER r INSERT ON t BEGIN DELETE FROM old; END; INSERT INTO temp.t VALUES(1)", false},
		{"CREATE VIEW v AS SELECT * FROM old; CREATE TRIGGER r INSTEAD OF DELETE ON v BEGIN DELETE FROM old; END; DELETE FROM v", false},
		{"DROP TRIGGER r", false},
		{"CREATE TABLE r(a); DROP TRIGGER r", false},
		{"ALTER TABLE t ADD a", true},
		{"ALTER TABLE t ADD a NOT NULL", false},
		{"ALTER TABLE t ADD a NOT NULL DEFAULT 0", true},
		{"ALTER TABLE t ADD a NOT NULL DEFAULT NULL", false},
		{"ALTER TABLE t ADD a DEFAULT (1 NOT NULL)", true},
		{"ALTER TABLE t ADD a AS (b)", false},
		{"ALTER TABLE t ADD a CHECK (a > 0)", false},
		{"CREATE TABLE t(b); ALTER TABLE t ADD a AS (b) NOT NULL; ALTER TABLE t ADD c NOT NULL CHECK (c)", true},
		{"ALTER TABLE t ADD a REFERENCES u", false},
		{"ALTER TABLE t ADD a REFERENCES u ON DELETE SET NULL", true},
		{"ALTER TABLE t ADD a REFERENCES t ON DELETE SET NULL", true},
		{"ALTER TABLE t ADD a REFERENCES t", false},
		{"ALTER TABLE t ADD a REFERENCES u ON DELETE CASCADE", false}, // rows of t may have children
		{"ALTER TABLE t ADD a DEFAULT 1 REFERENCES u ON DELETE SET NULL", false},
		{"CREATE TABLE u(a); ALTER TABLE t ADD a REFERENCES u", true},
		{"CREATE TABLE u(a); ALTER TABLE t ADD a REFERENCES u ON DELETE CASCADE", true},
		{"CREATE TABLE u(a); ALTER TABLE t ADD a DEFAULT 1 REFERENCES u", false},
		{"CREATE TABLE u(a); ALTER TABLE u ADD b REFERENCES t", false},
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

// What newer code writes in the meantime must not keep older code from deleting
// its own rows.
func TestCompatibleForeignKeys(t *testing.T) {
	for src, want := range map[string]bool{
		"CREATE TABLE t(u REFERENCES old)":                                                                   false,
		"CREATE TABLE t(u REFERENCES old(id) ON UPDATE CASCADE ON DELETE RESTRICT)":                          false,
		"CREATE TABLE t(u REFERENCES old ON DELETE NO ACTION)":                                               false,
		"CREATE TABLE t(u REFERENCES \"OLD\" (id) MATCH FULL ON DELETE CASCADE DEFERRABLE, b)":               true,
		"CREATE TABLE t(id INTEGER PRIMARY KEY, u INT NOT NULL REFERENCES old(id) ON DELETE CASCADE)":        true,
		"CREATE TABLE t(u DECIMAL(1, 2) REFERENCES old ON DELETE SET NULL, b NOT NULL DEFAULT 'REFERENCES')": true,
		"CREATE TABLE t(u REFERENCES old ON DELETE SET DEFAULT)":                                             false,
		"CREATE TABLE t(u REFERENCES old ON DELETE CASCADE, v REFERENCES old)":                               false,
		"CREATE TABLE t(u, v, FOREIGN KEY (u, v) REFERENCES old(a, b) ON DELETE CASCADE)":                    true,
		"CREATE TABLE t(u, v, CONSTRAINT \"x\" FOREIGN KEY (u, v) REFERENCES old(a, b))":                     false,
		// NULL is not for every column.
		"CREATE TABLE t(u NOT NULL REFERENCES old ON DELETE SET NULL)":                                  false,
		"CREATE TABLE t(u PRIMARY KEY REFERENCES old ON DELETE SET NULL)":                               false,
		"CREATE TABLE t(u REFERENCES old ON DELETE SET NULL NOT NULL)":                                  false,
		"CREATE TABLE t(a, \"U\" NOT NULL, FOREIGN KEY (a, u) REFERENCES old(a, b) ON DELETE SET NULL)": false,
		"CREATE TABLE t(u REFERENCES old ON DELETE SET NULL, v, PRIMARY KEY (v, u)) WITHOUT ROWID":      false,
		"CREATE TABLE t(u REFERENCES old ON DELETE SET NULL, v, CHECK ((u IS NULL) <> (v IS NULL)))":    false,
		"CREATE TABLE t(u REFERENCES old ON DELETE SET NULL, v CHECK (v > 0), PRIMARY KEY (v))":         true,
		"CREATE TABLE t(u REFERENCES old ON DELETE SET NULL, v AS (json(u)))":                           false,
		// Parents that are new.
		"CREATE TABLE t(id, parent REFERENCES t)":                                                                           true,
		"CREATE TABLE IF NOT EXISTS t(id, parent REFERENCES t)":                                                             true,
		"CREATE TABLE t(u REFERENCES later); CREATE TABLE later(id)":                                                        true,
		"CREATE TABLE p(id); CREATE TABLE t(u REFERENCES P)":                                                                true,
		"CREATE TABLE IF NOT EXISTS p(id); CREATE TABLE t(u REFERENCES p)":                                                  false, // it may have been there
		"CREATE TABLE p(id); CREATE TABLE t(u REFERENCES p); ALTER TABLE p RENAME TO q":                                     true,
		"CREATE TEMP TABLE old(id); CREATE TABLE main.t(u REFERENCES old)":                                                  false,
		"CREATE TEMP TABLE t(u REFERENCES old)":                                                                             true,
		"CREATE TABLE t AS SELECT 1 AS a":                                                                                   true,
		"CREATE TABLE c(t REFERENCES t); CREATE TABLE t(u REFERENCES old ON DELETE CASCADE)":                                false,
		"CREATE TABLE c(t REFERENCES t ON DELETE CASCADE); CREATE TABLE t(u REFERENCES old ON DELETE CASCADE)":              true,
		"CREATE TABLE c(t REFERENCES t); CREATE TABLE t(u REFERENCES old ON DELETE SET NULL)":                               true,
		"CREATE TABLE t(u REFERENCES old ON DELETE CASCADE, parent REFERENCES t)":                                           false,
		"CREATE TABLE n(u REFERENCES old ON DELETE CASCADE); ALTER TABLE n RENAME TO t; CREATE TABLE c(t REFERENCES t)":     false,
		"CREATE TABLE t(u REFERENCES old ON DELETE CASCADE); CREATE TRIGGER r DELETE ON t BEGIN SELECT 1; END":              false,
		"CREATE TABLE t(u REFERENCES old ON DELETE CASCADE); CREATE TRIGGER r UPDATE ON t BEGIN SELECT 1; END":              true,
		"CREATE TABLE t(u REFERENCES old ON DELETE SET NULL); CREATE TRIGGER r BEFORE UPDATE OF u ON t BEGIN SELECT 1; END": false,
	} {
		stmts, err := Split(src)
		if err != nil {
			t.Fatal(err)
		}
		if got := Compatible(stmts); got != want {
			t.Errorf("%s: %v, want %v", src, got, want)
		}
	}
}

// TestCompatibleAgainstSQLite lets older code run a statement on its own table
// after a migration, and after newer code has written something. It may fail
// only where Compatible says no.
func TestCompatibleAgainstSQLite(t *testing.T) {
	const insert, remove = "INSERT INTO users(id, a) VALUES(2, 'not json')", "DELETE FROM users WHERE id = 1"
	for _, tt := range []struct {
		migration, newer, older string
		fails                   bool
	}{
		{"ALTER TABLE users ADD b CHECK (a <> 'not json')", "", insert, true},
		{"ALTER TABLE users ADD b AS (json(a)) NOT NULL", "", insert, true},
		{"ALTER TABLE users ADD b DEFAULT 0", "", insert, false},
		{"CREATE INDEX i ON users(json(a))", "", insert, true},
		{"CREATE INDEX i ON users(id) WHERE json(a) > ''", "", insert, true},
		{"CREATE INDEX i ON users(a COLLATE NOCASE DESC, 'id')", "", insert, false},
		{"ALTER TABLE users ADD b DEFAULT 7 REFERENCES users ON DELETE SET NULL", "", insert, true},
		{"ALTER TABLE users ADD b REFERENCES users", "INSERT INTO users VALUES(3, '3', 1)", remove, true},
		{"ALTER TABLE users ADD b REFERENCES users ON DELETE SET NULL", "INSERT INTO users VALUES(3, '3', 1)", remove, false},
		{"ALTER TABLE child ADD b REFERENCES users ON DELETE CASCADE", "INSERT INTO child VALUES(1, NULL, 1), (2, 1, NULL)", remove, true},
		{"CREATE TABLE t(u REFERENCES users)", "INSERT INTO t VALUES(1)", remove, true},
		{"CREATE TABLE t(u REFERENCES users DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO t VALUES(1)", remove, true},
		{"CREATE TABLE t(u REFERENCES users ON DELETE CASCADE)", "INSERT INTO t VALUES(1)", remove, false},
		{"CREATE TABLE t(u REFERENCES users ON DELETE SET NULL)", "INSERT INTO t VALUES(1)", remove, false},
		{"CREATE TABLE t(u DEFAULT 7 REFERENCES users ON DELETE SET DEFAULT)", "INSERT INTO t VALUES(1)", remove, true},
		{"CREATE TABLE t(u NOT NULL REFERENCES users ON DELETE SET NULL)", "INSERT INTO t VALUES(1)", remove, true},
		{"CREATE TABLE t(u REFERENCES users ON DELETE SET NULL, PRIMARY KEY (u)) WITHOUT ROWID", "INSERT INTO t VALUES(1)", remove, true},
		{"CREATE TABLE t(u REFERENCES users ON DELETE SET NULL, v, CHECK ((u IS NULL) <> (v IS NULL)))", "INSERT INTO t VALUES(1, NULL)", remove, true},
		{"CREATE TABLE t(id PRIMARY KEY, u REFERENCES users ON DELETE CASCADE); CREATE TABLE c(t REFERENCES t)", "INSERT INTO t VALUES(5, 1); INSERT INTO c VALUES(5)", remove, true},
		{"CREATE TABLE t(id PRIMARY KEY, u REFERENCES users ON DELETE SET NULL); CREATE TABLE c(t REFERENCES t)", "INSERT INTO t VALUES(5, 1); INSERT INTO c VALUES(5)", remove, false},
		{"CREATE TABLE t(u REFERENCES users ON DELETE CASCADE); CREATE TRIGGER r DELETE ON t BEGIN SELECT RAISE(ABORT, 'no'); END", "INSERT INTO t VALUES(1)", remove, true},
		{"CREATE TABLE t(u REFERENCES users ON DELETE SET NULL); CREATE TRIGGER r UPDATE OF u ON t BEGIN SELECT RAISE(ABORT, 'no'); END", "INSERT INTO t VALUES(1)", remove, true},
		{"CREATE TABLE t(u REFERENCES users ON DELETE CASCADE); CREATE TRIGGER r UPDATE ON t BEGIN SELECT RAISE(ABORT, 'no'); END", "INSERT INTO t VALUES(1)", remove, false},
	} {
		t.Run(tt.migration, func(t *testing.T) {
			db, err := sql.Open("sqlite", "file::memory:?_pragma=foreign_keys(1)")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			for _, text := range []string{
				"CREATE TABLE users(id INTEGER PRIMARY KEY, a); INSERT INTO users VALUES(1, '1'); CREATE TABLE child(id INTEGER PRIMARY KEY, up REFERENCES child)",
				"PRAGMA foreign_keys = OFF", tt.migration, "PRAGMA foreign_keys = ON", tt.newer,
			} {
				if _, err := db.Exec(text); err != nil {
					t.Fatal(text, err)
				}
			}
			stmts, err := Split(tt.migration)
			if err != nil {
				t.Fatal(err)
			}
			_, err = db.Exec(tt.older)
			if compatible := Compatible(stmts); (err != nil) != tt.fails || compatible == tt.fails {
				t.Errorf("%s: %v; compatible: %v", tt.older, err, compatible)
			}
		})
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
		"BEGIN": "delete it: the driver begins and ends transactions itself", "COMMIT": "delete it: the driver begins", "END": "delete it: the driver begins", "ROLLBACK": "delete it: the driver begins",
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
	exec("CREATE TABLE later(a)") // gives the file its first page at last
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
		{"CREATE TABLE t(a); ALTER TABLE t ADD COLUMN b CHECK(b > 0)", ""},
		{"ALTER TABLE t ADD COLUMN b TEXT", "ALTER TABLE t ADD COLUMN b TEXT"}, // it may be STRICT
		{"INSERT INTO t VALUES(1)", "INSERT INTO t VALUES(1)"},                 // there may be a trigger
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
