package script

// scripts are the seeds of the fuzz tests: scripts as people write them, and
// the places where splitters go wrong.
var scripts = []string{
	// Nothing, or nearly nothing.
	"", ";", ";;;", " \t\r\n", "-- only a comment", "/* only a comment */", "\xEF\xBB\xBF", "\xEF\xBB\xBF;",
	";;CREATE TABLE a(x);;;CREATE TABLE b(x);;",
	// Ends of texts and lines.
	"CREATE TABLE t(a)", "CREATE TABLE t(a) -- last", "CREATE TABLE t(a) /* last */ ", "CREATE TABLE t(a);-- last\n",
	"CREATE TABLE t(a);\r\nINSERT INTO t VALUES(1);\r\n", "CREATE TABLE t(a);\rINSERT INTO t VALUES(1);",
	"\xEF\xBB\xBFCREATE TABLE t(a);\n\xEF\xBB\xBFINSERT INTO t VALUES(1);", "CREATE TABLE t(a\xEF\xBB\xBF, \xEF\xBB\xBFb);",
	"CREATE TABLE t(a) \v;", "CREATE TABLE t(a)\v;", "\vCREATE TABLE t(a);", " \vCREATE TABLE t(a) \v", "CREATE TABLE t(a)\v",
	"CREATE TABLE t(a)/**/\v", "CREATE TABLE t(a);\v", "\v\v", "SELECT 1\v\v \v",
	"CREATE VIEW v AS SELECT 1 -- kept in the view", "CREATE VIEW v AS SELECT 1 /* kept */;", "CREATE VIEW v AS SELECT 1   ",
	// Strings and names that hold semicolons, quotes and comments.
	"CREATE TABLE t(a); INSERT INTO t VALUES('a;b'), ('it''s; -- no comment'), ('/* nor this'); INSERT INTO t VALUES(\"x;y\");",
	"CREATE TABLE \"a;b\"(\"c\"\"; d\"); INSERT INTO \"a;b\" VALUES(1);", "CREATE TABLE `a;``b`(c); INSERT INTO `a;``b` VALUES(1);",
	"CREATE TABLE [a;b](c); INSERT INTO [a;b] VALUES('[');", "CREATE TABLE 'a;b'(c);INSERT INTO 'a;b' VALUES(1)",
	"CREATE TABLE [a[;'\"](c); SELECT 1;", "CREATE TABLE t(a); INSERT INTO t VALUES(''''), (''''''), ('\n;\n');",
	"CREATE TABLE t(a); INSERT INTO t VALUES(x'3b'), (X'27');", "CREATE TABLE t(a); INSERT INTO t VALUES(x'3;b');",
	"CREATE TABLE t(a); INSERT INTO t VALUES('no end); SELECT 1;", "CREATE TABLE t(a); SELECT \"no end;", "CREATE TABLE [t(a); SELECT 1;",
	"CREATE TABLE t(a); SELECT `no end", "SELECT 'a' 'b;'; CREATE TABLE t(a)",
	// Comments.
	"CREATE -- a ; comment\nTABLE /* ; ' \" */ t(a) -- 'end\n;", "/* a /* b */ CREATE TABLE t(a);", "/*/ CREATE TABLE t(a); /*/ CREATE TABLE u(a);",
	"/**/CREATE TABLE t(a);/***/CREATE TABLE u(a);/****/", "CREATE TABLE t(a); /* no end", "CREATE TABLE t(a) /*", "CREATE TABLE t(a) /* no end ;",
	"CREATE TABLE t(a); SELECT 1 - -1, 1--1;\n, 2; CREATE TABLE u(a);", "CREATE TABLE t(a); SELECT 4/2, 4/ *2; SELECT 1", "SELECT 1 */ 2; CREATE TABLE t(a);",
	"--\n--\n;CREATE TABLE t(a);--", "-- migratingsqlite: compatible\nCREATE TABLE t(a); -- migratingsqlite: late\n",
	"CREATE TABLE t(a, j AS (a->'x'), k AS (a->>'y')); INSERT INTO t VALUES('{\"x\":1}');",
	// Triggers.
	"CREATE TABLE t(a); CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a=1; DELETE FROM t WHERE a=2; END; INSERT INTO t VALUES(3);",
	"CREATE TABLE t(a); CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a=CASE WHEN a THEN CASE a WHEN 1 THEN 2 END ELSE 3 END; END; INSERT INTO t VALUES(1);",
	"CREATE TABLE t(a); CREATE TEMP TRIGGER r AFTER INSERT ON t WHEN CASE new.a WHEN 1 THEN 1 END BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; END;INSERT INTO t VALUES(1)",
	"CREATE TABLE t(a); CREATE TEMPORARY TRIGGER IF NOT EXISTS r DELETE ON t BEGIN SELECT 1; /* ; END; */ -- ; END;\n END -- done\n ; DELETE FROM t;",
	"CREATE TABLE t(a); CREATE TRIGGER r UPDATE OF a ON t BEGIN SELECT ';END;'; SELECT 1; end", "CREATE TABLE t(a); CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END /* x */ -- y\n",
	"CREATE TABLE t(a); CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; SELECT 2;", "CREATE TABLE t(a); CREATE TRIGGER r INSERT ON t BEGIN SELECT 1;; END; SELECT 1;",
	"CREATE TABLE t(\"end\"); CREATE TRIGGER r INSERT ON t BEGIN SELECT \"end\" FROM t; SELECT new.\"end\" AS \"end\"; END; INSERT INTO t VALUES(1);",
	"CREATE TABLE \"end\"(a); CREATE TABLE \"trigger\"(a); INSERT INTO \"end\" VALUES(1); INSERT INTO \"trigger\" VALUES(2);",
	"CREATE TABLE end(a); SELECT 1;", "CREATE TABLE t(a); SELECT 1 AS end; SELECT 2", "CREATE TABLE t(end_of_it, ending); INSERT INTO t VALUES(1,2);",
	"CREATE VIEW v AS SELECT 1 AS a; CREATE TRIGGER r INSTEAD OF INSERT ON v BEGIN SELECT 1; END; INSERT INTO v VALUES(1);",
	"CREATE TABLE t(a); EXPLAIN CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; SELECT 2; END; INSERT INTO t VALUES(1);",
	"CREATE TABLE t(a); EXPLAIN QUERY PLAN CREATE TEMP TRIGGER r INSERT ON t BEGIN SELECT 1; SELECT 2; END; INSERT INTO t VALUES(1);",
	"CREATE TABLE t(a); CREATE TRIGGER r INSERT ON t BEGIN WITH c AS (SELECT 1) SELECT * FROM c; INSERT OR REPLACE INTO t VALUES(1); END; SELECT 1;",
	"CREATE TABLE t(a); CREATE /* x */ TRIGGER -- y\n r INSERT ON t BEGIN SELECT 1; END\n\xEF\xBB\xBF;\xEF\xBB\xBFSELECT 1;", "CREATE TRIGGER; END; SELECT 1;",
	"CREATE TABLE t(a); CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END; END; SELECT 1;", "CREATE TABLE t(a); CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; ENDE; END;",
	"CREATE TABLE t(a); CREATE TRIGGER [r;] INSERT ON t BEGIN SELECT 1; END x; SELECT 2; END; SELECT 3",
	"CREATE TABLE t(a); CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END /* no end", "CREATE TABLE t(a); CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; 'END'; END;",
	// Variables.
	"CREATE TABLE t(a); INSERT INTO t VALUES($x(;)); INSERT INTO t VALUES(:x);", "CREATE TABLE t(a); INSERT INTO t VALUES($a::b(';)); INSERT INTO t VALUES('2');",
	"CREATE TABLE t(a); INSERT INTO t VALUES(@x),(#x),(?),(?2),($a::b); INSERT INTO t VALUES(1);", "CREATE TABLE t(a); INSERT INTO t VALUES($x(a b;)); SELECT 1;",
	"CREATE TABLE t(a$x); INSERT INTO t(a$x) VALUES(1);", "CREATE TABLE t$x(;);", "CREATE TABLE t(a); SELECT $(;); SELECT 1;", "CREATE TABLE t(a); SELECT $x(;", "SELECT ?1$x(;); CREATE TABLE t(a);",
	"CREATE TABLE t(a); SELECT 1$x(;); CREATE TABLE u(a);", "CREATE TABLE t(a); SELECT \xEF\xBB\xBF$x(;); CREATE TABLE u(a);", "SELECT é$x(;); CREATE TABLE u(a);",
	// What migrations are made of.
	"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x;y');\nINSERT INTO users VALUES(1,'O''Brien');\nCREATE UNIQUE INDEX u ON users(name);\nCOMMIT;\n",
	"CREATE TABLE t(a, b GENERATED ALWAYS AS (a || ';') STORED, c AS (a) VIRTUAL) STRICT;", "CREATE TABLE t(a INT, b TEXT, c AS (a+1)) STRICT, WITHOUT ROWID;",
	"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT CHECK (b <> ';'), UNIQUE(b)) WITHOUT ROWID; INSERT INTO t VALUES(1, 'b') ON CONFLICT(b) DO UPDATE SET a=2 RETURNING *; SELECT 1;",
	"CREATE VIRTUAL TABLE docs USING fts5(title, body, tokenize = \"unicode61 tokenchars ';-'\"); INSERT INTO docs VALUES('a;', 'b'); INSERT INTO docs(docs) VALUES('optimize');",
	"CREATE VIRTUAL TABLE r USING rtree(id, x0, x1); INSERT INTO r VALUES(1, 2, 3);",
	"CREATE TABLE new_t(a, b); CREATE TABLE t(a); INSERT INTO t VALUES(1); INSERT INTO new_t SELECT a, NULL FROM t; DROP TABLE t; ALTER TABLE new_t RENAME TO t; ALTER TABLE t ADD COLUMN c DEFAULT ';';",
	"CREATE TABLE t(a); WITH RECURSIVE c(n) AS (VALUES(1) UNION ALL SELECT n+1 FROM c WHERE n<9) INSERT INTO t SELECT n FROM c; PRAGMA user_version = 7; PRAGMA application_id(9);",
	"CREATE TABLE t(a); SAVEPOINT s; INSERT INTO t VALUES(1); ROLLBACK TO s; RELEASE s; INSERT INTO t VALUES(2); REINDEX; ANALYZE;",
	"CREATE TABLE naïve(é); INSERT INTO naïve VALUES('日本;語'); CREATE INDEX ü ON naïve(é);", "CREATE TEMP TABLE t(a); INSERT INTO temp.t VALUES(1); CREATE TABLE t(b);",
	"CREATE TABLE t(a); BEGIN; INSERT INTO t VALUES(1); ROLLBACK; BEGIN; INSERT INTO t VALUES(2); END TRANSACTION;", "CREATE TABLE t(a); INSERT INTO t VALUES(1); SELEC 1; INSERT INTO t VALUES(2);",
	"CREATE TABLE t(a); INSERT INTO t VALUES(1e5),(.5),(0x1F),(1_000); INSERT INTO t VALUES(1);", "CREATE TABLE t(a);\x00INSERT INTO t VALUES(1);", "CREATE TABLE t(a); INSERT INTO t VALUES('\x00');", "SELECT \\; CREATE TABLE t(a)",
}
