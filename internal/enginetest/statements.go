package enginetest

import (
	"fmt"
	"strings"
)

// Features that are statements. An engine that refuses one has it in its
// [Limits], with words of its refusal.
const (
	Temp            Feature = "CREATE TEMP TABLE"
	Attach          Feature = "ATTACH"
	Vacuum          Feature = "VACUUM"
	VacuumInto      Feature = "VACUUM INTO"
	JournalMode     Feature = "PRAGMA journal_mode"
	Checkpoint      Feature = "PRAGMA wal_checkpoint"
	ApplicationID   Feature = "PRAGMA application_id"
	UserVersion     Feature = "PRAGMA user_version"
	WritableSchema  Feature = "PRAGMA writable_schema"
	DeferKeys       Feature = "PRAGMA defer_foreign_keys"
	LegacyAlter     Feature = "PRAGMA legacy_alter_table"
	RecursiveFire   Feature = "PRAGMA recursive_triggers"
	IntegrityCheck  Feature = "PRAGMA integrity_check"
	Optimize        Feature = "PRAGMA optimize"
	AnalyzeTable    Feature = "ANALYZE"
	ReindexAll      Feature = "REINDEX"
	FullText        Feature = "CREATE VIRTUAL TABLE fts5"
	RTree           Feature = "CREATE VIRTUAL TABLE rtree"
	GeneratedColumn Feature = "generated column"
	Returning       Feature = "RETURNING"
	Upsert          Feature = "upsert"
	Window          Feature = "window function"
	Math            Feature = "math functions"
	Explain         Feature = "EXPLAIN"
	TableAsSelect   Feature = "CREATE TABLE AS"
	RenameColumn    Feature = "RENAME COLUMN"
	PartialIndex    Feature = "partial and expression index"
	InsteadOf       Feature = "INSTEAD OF trigger"
	Savepoint       Feature = "SAVEPOINT"
	ReplaceInto     Feature = "REPLACE"
)

// A statementOf is a script that makes use of a feature.
type statementOf struct {
	Feature
	outside bool // of a transaction
	script  string
	query   string // what it has done
	answer  string
}

var featureStatements = []statementOf{
	{Temp, false, "CREATE TEMP TABLE t (x);\nINSERT INTO t VALUES (7);\nINSERT INTO a SELECT x FROM t", "SELECT x FROM a", "7"},
	{Attach, false, "ATTACH ':memory:' AS other;\nCREATE TABLE other.t (x);\nINSERT INTO a SELECT count(*) FROM other.t", "SELECT x FROM a", "0"},
	{Attach, true, "ATTACH ':memory:' AS other;\nCREATE TABLE other.t (x);\nINSERT INTO a SELECT count(*) FROM other.t;\nDETACH other", "SELECT x FROM a", "0"},
	{Vacuum, true, "VACUUM;\nINSERT INTO a VALUES (7)", "SELECT x FROM a", "7"},
	{VacuumInto, true, "VACUUM INTO ':memory:'", "SELECT count(*) FROM a", "0"},
	{JournalMode, true, "PRAGMA journal_mode = WAL", "PRAGMA journal_mode", "wal"},
	{Checkpoint, true, "PRAGMA wal_checkpoint(TRUNCATE);\nINSERT INTO a VALUES (7)", "SELECT x FROM a", "7"},
	{ApplicationID, false, "PRAGMA application_id = 77", "PRAGMA application_id", "77"},
	{UserVersion, false, "PRAGMA user_version = 77", "PRAGMA user_version", "77"},
	{WritableSchema, false, "PRAGMA writable_schema = ON;\nUPDATE sqlite_schema SET sql = 'CREATE TABLE a(x TEXT)' WHERE name = 'a';\nPRAGMA writable_schema = RESET", "SELECT sql FROM sqlite_schema WHERE name = 'a'", "CREATE TABLE a(x TEXT)"},
	{DeferKeys, false, "PRAGMA defer_foreign_keys = ON;\nINSERT INTO a VALUES (7)", "SELECT x FROM a", "7"},
	{LegacyAlter, false, "PRAGMA legacy_alter_table = ON;\nINSERT INTO a VALUES (7);\nPRAGMA legacy_alter_table = OFF", "SELECT x FROM a", "7"},
	{RecursiveFire, false, "PRAGMA recursive_triggers = ON;\nINSERT INTO a VALUES (7)", "SELECT x FROM a", "7"},
	{IntegrityCheck, false, "PRAGMA integrity_check;\nINSERT INTO a SELECT integrity_check FROM pragma_integrity_check", "SELECT x FROM a", "ok"},
	{Optimize, false, "PRAGMA optimize;\nINSERT INTO a VALUES (7)", "SELECT x FROM a", "7"},
	{AnalyzeTable, false, "CREATE INDEX a_x ON a (x);\nINSERT INTO a VALUES (7);\nANALYZE", "SELECT stat FROM sqlite_stat1 WHERE idx = 'a_x'", "1 1"},
	{ReindexAll, false, "CREATE INDEX a_x ON a (x);\nREINDEX;\nREINDEX a_x", "SELECT count(*) FROM sqlite_schema WHERE name = 'a_x'", "1"},
	{FullText, false, "CREATE VIRTUAL TABLE f USING fts5(body);\nINSERT INTO f VALUES ('one two'), ('three')", "SELECT body FROM f WHERE f MATCH 'two'", "one two"},
	{RTree, false, "CREATE VIRTUAL TABLE r USING rtree(id, x0, x1);\nINSERT INTO r VALUES (1, 2, 3)", "SELECT id FROM r WHERE x0 < 2.5", "1"},
	{GeneratedColumn, false, "CREATE TABLE g (x, y AS (x + 1) STORED, z AS (y + 1));\nINSERT INTO g VALUES (1)", "SELECT z FROM g", "3"},
	{Returning, false, "INSERT INTO a VALUES (7), (8) RETURNING x;\nUPDATE a SET x = x + 1 RETURNING x;\nDELETE FROM a WHERE x = 9 RETURNING *", "SELECT x FROM a", "8"},
	{Upsert, false, "CREATE UNIQUE INDEX a_x ON a (x);\nINSERT INTO a VALUES (7);\nINSERT INTO a VALUES (7) ON CONFLICT (x) DO UPDATE SET x = 8", "SELECT x FROM a", "8"},
	{Window, false, "INSERT INTO a VALUES (5), (6);\nUPDATE a SET x = (SELECT n FROM (SELECT rowid AS r, sum(x) OVER (ORDER BY x) AS n FROM a) WHERE r = a.rowid)", "SELECT max(x) FROM a", "11"},
	{Math, false, "INSERT INTO a VALUES (floor(sqrt(50)))", "SELECT CAST(x AS INTEGER) FROM a", "7"},
	{Explain, false, "EXPLAIN SELECT * FROM a;\nEXPLAIN QUERY PLAN DELETE FROM a;\nINSERT INTO a VALUES (7)", "SELECT x FROM a", "7"},
	{TableAsSelect, false, "CREATE TABLE b AS SELECT 7 AS n;\nDROP TABLE IF EXISTS nowhere", "SELECT n FROM b", "7"},
	{RenameColumn, false, "ALTER TABLE a RENAME COLUMN x TO y;\nALTER TABLE a RENAME TO b;\nALTER TABLE b ADD COLUMN z DEFAULT 7;\nALTER TABLE b DROP COLUMN y;\nINSERT INTO b DEFAULT VALUES", "SELECT z FROM b", "7"},
	{PartialIndex, false, "CREATE UNIQUE INDEX a_y ON a (lower(x) COLLATE NOCASE) WHERE x IS NOT NULL", "SELECT count(*) FROM sqlite_schema WHERE name = 'a_y'", "1"},
	{InsteadOf, false, "CREATE VIEW v AS SELECT x FROM a;\nCREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN INSERT INTO a VALUES (new.x + 1); END;\nINSERT INTO v VALUES (6)", "SELECT x FROM a", "7"},
	{Savepoint, false, "SAVEPOINT s;\nINSERT INTO a VALUES (1);\nROLLBACK TO s;\nINSERT INTO a VALUES (7);\nRELEASE s", "SELECT x FROM a", "7"},
	{ReplaceInto, false, "REPLACE INTO a (rowid, x) VALUES (1, 6);\nREPLACE INTO a (rowid, x) VALUES (1, 7)", "SELECT x FROM a", "7"},
}

var statementScenarios = []scenario{
	{"Statements", each(func(s statementOf) string {
		if s.outside {
			return string(s.Feature) + " without a transaction"
		}
		return string(s.Feature)
	}, featureStatements, statementWorksOrIsRefused)},
}

func statementWorksOrIsRefused(w *world, s statementOf) {
	must(w, w.up(app(w, one...)))
	script := "-- migratingsqlite: breaking\n" + s.script
	if s.outside {
		script = "-- migratingsqlite: no-transaction\n" + s.script
	}
	set := app(w, and(one, "0002_b.sql", script)...)
	err := w.up(set)
	if w.has(s.Feature) {
		must(w, err)
		want(w, w.number(s.query), s.answer)
		w.isUpToDate(set)
		must(w, w.up(app(w, and(one, "0002_b.sql", script, "0003_c.sql", "CREATE TABLE c (x)")...)))
		return
	}
	line := 0
	for i, text := range strings.Split(script, "\n") {
		if line == 0 && strings.HasPrefix(text, strings.Fields(string(s.Feature))[0]) {
			line = i + 1
		}
	}
	wantError(w, err, nil, fmt.Sprintf("migration 0002_b failed at 0002_b.sql:%d:1: ", line), w.Limits[s.Feature], "at version 1")
	want(w, w.number("SELECT count(*) FROM a"), "0")
	want(w, w.history(), []string{"app|1|a|applied", "app|2|b|failed"})
	w.leaseIsFree()
	set = app(w, and(one, "0002_b.sql", "CREATE TABLE b (x)")...)
	must(w, w.up(set))
	w.isUpToDate(set)
}
