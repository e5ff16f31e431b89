package schema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/hrana"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
)

// open returns a new database in which the script has run.
func open(t testing.TB, script string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	if _, err := db.Exec(script); err != nil {
		t.Fatalf("%v\n%s", err, script)
	}
	return db
}

func answers(t testing.TB, db *sql.DB) (list []engine.Answer) {
	t.Helper()
	for _, q := range Queries {
		list = append(list, answer(t, db, q))
	}
	return list
}

func answer(t testing.TB, db *sql.DB, q string) (a engine.Answer) {
	rows, err := db.Query(q)
	if err != nil {
		return engine.Answer{Err: err}
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		row := make([]driver.Value, len(columns))
		for i, v := range values {
			row[i] = v
		}
		a.Rows = append(a.Rows, row)
	}
	a.Err = rows.Err()
	return a
}

func read(t testing.TB, db *sql.DB, ignore ...string) *Schema {
	t.Helper()
	s, err := Read(answers(t, db), ignore...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// parsed fails the test for a statement that could not be read.
func parsed(t testing.TB, s *Schema) {
	t.Helper()
	for _, x := range s.tables {
		if x.unparsed != "" {
			t.Errorf("table %s could not be read", x.name)
		}
	}
	for _, x := range s.indexes {
		if x.unparsed != "" {
			t.Errorf("index %s could not be read", x.name)
		}
	}
	for _, x := range s.triggers {
		if x.when == "" {
			t.Errorf("trigger %s could not be read", x.name)
		}
	}
}

func schemaOf(t testing.TB, script string, ignore ...string) *Schema {
	t.Helper()
	s := read(t, open(t, script), ignore...)
	parsed(t, s)
	return s
}

func texts(list []Difference) (texts []string) {
	for _, d := range list {
		texts = append(texts, d.Text)
	}
	return texts
}

func TestTheSame(t *testing.T) {
	const tab = "CREATE TABLE t(a INTEGER, b TEXT);"
	for name, pair := range map[string][2]string{
		"nothing":         {"", ""},
		"white space":     {"CREATE TABLE t(a INTEGER,b TEXT)", "create table  t ( a\tinteger ,\n b text\n);"},
		"comments":        {"CREATE TABLE t(a INTEGER, b TEXT)", "CREATE TABLE t(a -- the a\n INTEGER, /* , */ b /* c TEXT */ TEXT)"},
		"quotes":          {"CREATE TABLE t(a, \"key\", b)", "CREATE TABLE [T](\"A\", key, `b`)"},
		"string as name":  {"CREATE TABLE t(a, b)", "CREATE TABLE 't'('a', 'b')"},
		"IF NOT EXISTS":   {tab, "CREATE TABLE IF NOT EXISTS main.t(a INTEGER, b TEXT)"},
		"type":            {"CREATE TABLE t(a VARCHAR(20), b DECIMAL(10,2))", "CREATE TABLE t(a varchar ( 20 ), b Decimal ( 10 , /**/ 2 ))"},
		"type with quote": {"CREATE TABLE t(a INT, b DOUBLE PRECISION)", "CREATE TABLE t(a [int], b \"double precision\")"},
		"column order":    {"CREATE TABLE t(a, b, c)", "CREATE TABLE t(a, c, b)"},
		"constraint order": {"CREATE TABLE t(a CHECK (a > 0) UNIQUE REFERENCES t, b UNIQUE, PRIMARY KEY (a, b))",
			"CREATE TABLE t(a, b, FOREIGN KEY (a) REFERENCES t, UNIQUE (b), PRIMARY KEY (a, b), UNIQUE (a), CHECK (a > 0))"},
		"inline constraints": {"CREATE TABLE t(a TEXT PRIMARY KEY, b UNIQUE ON CONFLICT IGNORE CHECK (b <> 'x') REFERENCES p(id) ON DELETE CASCADE)",
			"CREATE TABLE t(a TEXT, b, PRIMARY KEY (a), UNIQUE (b) ON CONFLICT IGNORE, CHECK ((b != 'x')), FOREIGN KEY (b) REFERENCES p(id) ON DELETE CASCADE)"},
		"names of constraints": {"CREATE TABLE t(a PRIMARY KEY NOT NULL, b, UNIQUE (b))",
			"CREATE TABLE t(a CONSTRAINT pk PRIMARY KEY CONSTRAINT \"not null\" NOT NULL, b, CONSTRAINT u UNIQUE (b))"},
		"constraints without commas": {"CREATE TABLE t(a, b, UNIQUE (a), UNIQUE (b))", "CREATE TABLE t(a, b, UNIQUE (a) UNIQUE (b))"},
		"rowid":                      {"CREATE TABLE t(id INTEGER PRIMARY KEY)", "CREATE TABLE t(id INTEGER, PRIMARY KEY (id))"},
		"rowid is never NULL":        {"CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)", "CREATE TABLE t(id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT)"},
		"autoincrement":              {"CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)", "CREATE TABLE t(id INTEGER, PRIMARY KEY (id AUTOINCREMENT))"},
		"order of a rowid":           {"CREATE TABLE t(id INTEGER PRIMARY KEY)", "CREATE TABLE t(id INTEGER, PRIMARY KEY (id DESC))"},
		"NULL":                       {"CREATE TABLE t(a, b DEFAULT NULL)", "CREATE TABLE t(a NULL, b DEFAULT (NULL))"},
		"defaults": {"CREATE TABLE t(a DEFAULT 1, b DEFAULT 'x', c DEFAULT CURRENT_TIMESTAMP, d DEFAULT -1, e DEFAULT (datetime('now')), f DEFAULT TRUE, g DEFAULT 'foo')",
			"CREATE TABLE t(a DEFAULT (1), b DEFAULT \"x\", c DEFAULT current_timestamp, d DEFAULT ( - 1 ), e DEFAULT ( DateTime ('now') /* UTC */ ), f DEFAULT (true), g DEFAULT foo)"},
		"blob and number": {"CREATE TABLE t(a DEFAULT x'AB', b DEFAULT 1E5, c DEFAULT 0X1F)", "CREATE TABLE t(a DEFAULT X'ab', b DEFAULT (+1e5), c DEFAULT 0x1f)"},
		"no action":       {"CREATE TABLE t(a REFERENCES p(x))", "CREATE TABLE t(a REFERENCES p(x) ON DELETE NO ACTION ON UPDATE NO ACTION NOT DEFERRABLE)"},
		"immediate":       {"CREATE TABLE t(a REFERENCES p(x))", "CREATE TABLE t(a REFERENCES p(x) MATCH SIMPLE DEFERRABLE INITIALLY IMMEDIATE)"},
		"not deferrable":  {"CREATE TABLE t(a REFERENCES p(x))", "CREATE TABLE t(a REFERENCES p(x) NOT DEFERRABLE INITIALLY DEFERRED)"},
		"deferred":        {"CREATE TABLE t(a REFERENCES p(x) DEFERRABLE INITIALLY DEFERRED)", "CREATE TABLE t(a, FOREIGN KEY (a) REFERENCES p(x) deferrable initially deferred)"},
		"deferred elsewhere": {"CREATE TABLE t(a REFERENCES p(x) NOT NULL DEFERRABLE INITIALLY DEFERRED, b)",
			"CREATE TABLE t(a NOT NULL REFERENCES p(x), b DEFERRABLE INITIALLY DEFERRED)"},
		"parent's primary key": {"CREATE TABLE p(x, y, PRIMARY KEY (y, x)); CREATE TABLE t(a, b, FOREIGN KEY (a, b) REFERENCES p)",
			"CREATE TABLE p(x, y, PRIMARY KEY (y, x)); CREATE TABLE t(a, b, FOREIGN KEY (b, a) REFERENCES P(x, y))"},
		"many foreign keys": {"CREATE TABLE t(a REFERENCES p(x) ON DELETE CASCADE, b REFERENCES q(x) ON UPDATE SET NULL, c REFERENCES p(x))",
			"CREATE TABLE t(a, b, c, FOREIGN KEY (c) REFERENCES p(x), FOREIGN KEY (b) REFERENCES q(x) ON UPDATE SET NULL, FOREIGN KEY (a) REFERENCES p(x) ON DELETE CASCADE)"},
		"a foreign key twice": {"CREATE TABLE t(a REFERENCES p(x) ON DELETE CASCADE REFERENCES p(x))", "CREATE TABLE t(a REFERENCES p(x) REFERENCES p(x) ON DELETE CASCADE)"},
		"collation":           {"CREATE TABLE t(a COLLATE NOCASE, b)", "CREATE TABLE t(a COLLATE \"nocase\", b COLLATE binary)"},
		"collation of keys":   {"CREATE TABLE t(a COLLATE NOCASE UNIQUE)", "CREATE TABLE t(a COLLATE nocase, UNIQUE (a COLLATE nocase))"},
		"ABORT": {"CREATE TABLE t(a NOT NULL, b UNIQUE, c PRIMARY KEY)",
			"CREATE TABLE t(a NOT NULL ON CONFLICT ABORT, b UNIQUE ON CONFLICT ABORT, c PRIMARY KEY ON CONFLICT ABORT)"},
		"a constraint twice": {"CREATE TABLE t(a PRIMARY KEY, b)", "CREATE TABLE t(a UNIQUE, b, PRIMARY KEY (a), UNIQUE (a))"},
		"generated": {"CREATE TABLE t(a, b INT AS (a + 1), c AS (lower(a)) STORED)",
			"CREATE TABLE t(a, b INT GENERATED ALWAYS AS ((A+1)) VIRTUAL, c generated always as (\"lower\" ( [a] )) stored)"},
		"options":         {"CREATE TABLE t(a INT PRIMARY KEY) STRICT, WITHOUT ROWID", "CREATE TABLE t(a int NOT NULL PRIMARY KEY) without rowid,strict"},
		"CREATE AS":       {"CREATE TABLE t AS SELECT CAST(1 AS TEXT) AS a, 'x' AS b", "CREATE TABLE t(a TEXT, b)"},
		"string by quote": {"CREATE TABLE t(a CHECK (a <> \"x\"))", "CREATE TABLE t(a CHECK (a <> 'x'))"},
		"index":           {tab + "CREATE INDEX i ON t(a, b DESC)", tab + "create index if not exists main.[I] on T ( \"a\" ASC, b /**/ desc );"},
		"expression index": {tab + "CREATE UNIQUE INDEX i ON t(lower(b), a + 1 DESC) WHERE a > 0",
			tab + "CREATE UNIQUE INDEX i ON t((LOWER(\"b\")), (a+1) DESC) WHERE (A>0)"},
		"column in parentheses": {tab + "CREATE INDEX i ON t(a, b COLLATE NOCASE)", tab + "CREATE INDEX i ON t((a), (b) COLLATE nocase)"},
		"view":                  {tab + "CREATE VIEW v AS SELECT a, b FROM t WHERE a <> 1", tab + "CREATE VIEW IF NOT EXISTS main.\"V\" AS\n-- all\nselect A, [b] from main.T where a != 1 -- but one\n;"},
		"view with names":       {tab + "CREATE VIEW v(x, y) AS SELECT a, b FROM t", tab + "CREATE VIEW v ( \"X\", [y] ) AS SELECT a, b FROM t"},
		"alias as string":       {tab + "CREATE VIEW v AS SELECT a AS x FROM t", tab + "CREATE VIEW v AS SELECT a AS 'X' FROM t"},
		"names that a view makes": {tab + "CREATE VIEW v AS WITH c AS (SELECT a AS x FROM t) SELECT x FROM c ORDER BY x",
			tab + "CREATE VIEW v AS WITH \"C\" AS (SELECT a AS \"X\" FROM t) SELECT \"X\" FROM \"C\" ORDER BY \"X\""},
		"trigger": {tab + "CREATE TRIGGER r UPDATE OF a, b ON t WHEN new.a = 1 BEGIN SELECT CASE WHEN 1 THEN 2 END; DELETE FROM t; END",
			tab + "CREATE TRIGGER IF NOT EXISTS main.r BEFORE UPDATE OF B, [a] ON main.t FOR EACH ROW WHEN NEW.\"A\" == 1\nBEGIN select case when 1 then 2 end; /* ; */ delete from \"t\"; END;"},
		"renamed table": {"CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE t(a REFERENCES p, CHECK (t.a > 0)); CREATE INDEX i ON t(a); CREATE VIEW v AS SELECT t.a FROM t; CREATE TRIGGER r AFTER INSERT ON p BEGIN INSERT INTO t SELECT 1; END",
			"CREATE TABLE p_new(id INTEGER PRIMARY KEY); CREATE TABLE t_new(a REFERENCES p_new, CHECK (t_new.a > 0)); CREATE INDEX i ON t_new(a); CREATE VIEW v AS SELECT t_new.a FROM t_new; CREATE TRIGGER r AFTER INSERT ON p_new BEGIN INSERT INTO t_new SELECT 1; END; ALTER TABLE t_new RENAME TO t; ALTER TABLE p_new RENAME TO p"},
		"added column":   {"CREATE TABLE t(a, b TEXT DEFAULT 'x', c, UNIQUE (a))", "CREATE TABLE t(a, c -- the end\n, UNIQUE (a)); ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'x'"},
		"dropped column": {"CREATE TABLE t(a, b)", "CREATE TABLE t(a, c CHECK (c > 0), b); ALTER TABLE t DROP COLUMN c"},
		"renamed column": {"CREATE TABLE t(a, b CHECK (b > 0)); CREATE INDEX i ON t(b + 1)", "CREATE TABLE t(a, c CHECK (c > 0)); CREATE INDEX i ON t(c + 1); ALTER TABLE t RENAME COLUMN c TO \"b\""},
		"full-text":      {"CREATE VIRTUAL TABLE f USING fts5(a, b, tokenize = 'porter ascii')", "create virtual table if not exists F using FTS5 ( A,\n\"b\", tokenize='porter ascii' )"},
		"rtree":          {"CREATE VIRTUAL TABLE r USING rtree(id, x0, x1)", "CREATE VIRTUAL TABLE r USING rtree( id,x0,x1 )"},
		"statistics":     {tab + "CREATE INDEX i ON t(a)", tab + "CREATE INDEX i ON t(a); INSERT INTO t VALUES (1, 2); ANALYZE"},
		"sequence":       {tab, "CREATE TABLE x(id INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE x;" + tab},
		"own tables":     {tab, tab + "CREATE TABLE migratingsqlite_history(a); CREATE INDEX h ON migratingsqlite_history(a); CREATE VIEW MigratingSQLite_v AS SELECT 1"},
		"odd names": {"CREATE TABLE \"order by\"(\"a\"\"b\" TEXT, [c d], `e``f`, \"\", \"Grüße\", 日本 CHECK (日本 > 0), \"select\" REFERENCES \"order by\"(\"\"))",
			"CREATE TABLE [Order By]([A\"B] TEXT, \"c D\", \"e`F\", ``, grüße, `日本` CHECK (\"日本\">0), 'SELECT' REFERENCES `order BY`([]))"},
		"keywords as names": {"CREATE TABLE t(abort, key TEXT, \"left\", glob, temp, window, desc DEFAULT 1, replace, current_date)",
			"CREATE TABLE \"t\"([abort], \"key\" TEXT, left, `glob`, \"temp\", \"window\", \"desc\" DEFAULT 1, \"replace\", \"current_date\")"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := schemaOf(t, pair[0]), schemaOf(t, pair[1])
			for range 2 {
				if !a.Equal(b) || Distance(a, b) != 0 {
					t.Errorf("not equal: %q\n%s\n%s", texts(Diff(a, b)), pair[0], pair[1])
				}
				a, b = b, a
			}
		})
	}
}

func TestDifferences(t *testing.T) {
	const tab = "CREATE TABLE t(a INTEGER, b TEXT);"
	const p = "CREATE TABLE p(id INTEGER PRIMARY KEY, x UNIQUE);"
	for _, c := range []struct {
		have, want string
		texts      []string
	}{
		{"", tab, []string{"table t is missing"}},
		{tab + "CREATE INDEX i ON t(a); CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END", "", []string{"table t is not expected"}},
		{"CREATE TABLE messages(id INTEGER PRIMARY KEY, legacy integer)", "CREATE TABLE Messages(id INTEGER PRIMARY KEY, content_type text)",
			[]string{"table Messages lacks column content_type TEXT", "table Messages has column legacy INTEGER, which is not expected"}},
		{"CREATE TABLE t(name TEXT)", "CREATE TABLE t(name TEXT NOT NULL)", []string{"column t.name is TEXT, expected TEXT NOT NULL"}},
		{"CREATE TABLE t(a)", "CREATE TABLE t(a NUMERIC DEFAULT (1 + 2) COLLATE rtrim)", []string{"column t.a is without a type, expected NUMERIC DEFAULT (1 + 2) COLLATE RTRIM"}},
		{"CREATE TABLE t(a, b NOT NULL ON CONFLICT IGNORE)", "CREATE TABLE t(a, b NOT NULL)", []string{"column t.b is NOT NULL ON CONFLICT IGNORE, expected NOT NULL"}},
		{"CREATE TABLE t(a DEFAULT 'x')", "CREATE TABLE t(a DEFAULT 'X')", []string{"column t.a is DEFAULT 'x', expected DEFAULT 'X'"}},
		{"CREATE TABLE t(a DEFAULT Foo)", "CREATE TABLE t(a DEFAULT foo)", []string{"column t.a is DEFAULT 'Foo', expected DEFAULT 'foo'"}},
		{"CREATE TABLE t(a DEFAULT TRUE)", "CREATE TABLE t(a DEFAULT \"true\")", []string{"column t.a is DEFAULT TRUE, expected DEFAULT 'true'"}},
		{"CREATE TABLE t(a DEFAULT current_date)", "CREATE TABLE t(a DEFAULT [current_date])", []string{"column t.a is DEFAULT current_date, expected DEFAULT 'current_date'"}},
		{"CREATE TABLE t(a, b AS (a + 1))", "CREATE TABLE t(a, b AS (a + 1) STORED)", []string{"column t.b is AS (a + 1), expected AS (a + 1) STORED"}},
		{"CREATE TABLE t(a, b AS (a + 1))", "CREATE TABLE t(a, b AS (a - 1))", []string{"column t.b is AS (a + 1), expected AS (a - 1)"}},
		{"CREATE TABLE t(a, b AS (a || 'x'))", "CREATE TABLE t(a, b)", []string{"column t.b is AS (a || 'x'), expected without a type"}},
		{"CREATE TABLE t(id INT PRIMARY KEY)", "CREATE TABLE t(id INTEGER PRIMARY KEY)", []string{"column t.id is INT, expected INTEGER"}},
		{"CREATE TABLE t(id INTEGER PRIMARY KEY DESC)", "CREATE TABLE t(id INTEGER PRIMARY KEY)",
			[]string{"table t has PRIMARY KEY (id DESC), expected PRIMARY KEY (id)"}},
		{"CREATE TABLE t(id INTEGER PRIMARY KEY)", "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)",
			[]string{"table t has PRIMARY KEY (id), expected PRIMARY KEY (id) AUTOINCREMENT"}},
		{"CREATE TABLE t(id INTEGER PRIMARY KEY ON CONFLICT REPLACE)", "CREATE TABLE t(id INTEGER)",
			[]string{"table t has PRIMARY KEY (id) ON CONFLICT REPLACE, expected no primary key"}},
		{"CREATE TABLE t(a, b, PRIMARY KEY (a, b))", "CREATE TABLE t(a, b, PRIMARY KEY (b, a))", []string{"table t has PRIMARY KEY (a, b), expected PRIMARY KEY (b, a)"}},
		{"CREATE TABLE t(a, b)", "CREATE TABLE t(a UNIQUE, b)", []string{"table t lacks UNIQUE (a)"}},
		{"CREATE TABLE t(a, b UNIQUE ON CONFLICT IGNORE)", "CREATE TABLE t(a, b UNIQUE)", []string{"table t has UNIQUE (b) ON CONFLICT IGNORE, which is not expected"}},
		{"CREATE TABLE t(a, UNIQUE (a COLLATE nocase))", "CREATE TABLE t(a, UNIQUE (a DESC))",
			[]string{"table t lacks UNIQUE (a DESC)", "table t has UNIQUE (a COLLATE NOCASE), which is not expected"}},
		{"CREATE TABLE t(a, b UNIQUE)", "CREATE TABLE t(a, b); CREATE UNIQUE INDEX i ON t(b)", []string{"table t has UNIQUE (b), which is not expected", "index i is missing"}},
		{"CREATE TABLE t(a, b)", "CREATE TABLE t(a, b CHECK(b  IN (1, /* or */ 2)))", []string{"table t lacks CHECK (b IN (1, 2))"}},
		{"CREATE TABLE t(a CHECK (a <> 'x'))", "CREATE TABLE t(a CHECK (a <> 'X'))",
			[]string{"table t lacks CHECK (a <> 'X')", "table t has CHECK (a <> 'x'), which is not expected"}},
		{"CREATE TABLE t(a CHECK (a <> \"x\"))", "CREATE TABLE t(a CHECK (a <> \"X\"))",
			[]string{"table t lacks CHECK (a <> \"X\")", "table t has CHECK (a <> \"x\"), which is not expected"}},
		{"CREATE TABLE t(a INT PRIMARY KEY NOT NULL)", "CREATE TABLE t(a INT PRIMARY KEY NOT NULL) STRICT, WITHOUT ROWID",
			[]string{"table t is not STRICT, expected STRICT", "table t is not WITHOUT ROWID, expected WITHOUT ROWID"}},
		{"CREATE TABLE t(a INT) STRICT", "CREATE TABLE t(a INT)", []string{"table t is STRICT, expected not"}},
		{p + "CREATE TABLE messages(room_id)", p + "CREATE TABLE messages(room_id REFERENCES p)", []string{"foreign key messages(room_id) → p(id) is missing"}},
		{p + "CREATE TABLE t(a REFERENCES p(x))", p + "CREATE TABLE t(a REFERENCES p)", []string{"foreign key t(a) → p(id) is missing", "foreign key t(a) → p(x) is not expected"}},
		{"CREATE TABLE t(a REFERENCES p(x))", "CREATE TABLE t(a REFERENCES p(x) ON DELETE CASCADE ON UPDATE SET NULL)",
			[]string{"foreign key t(a) → p(x) has no action, expected ON UPDATE SET NULL ON DELETE CASCADE"}},
		{"CREATE TABLE t(a REFERENCES p(x) DEFERRABLE INITIALLY DEFERRED)", "CREATE TABLE t(a REFERENCES p(x) MATCH FULL)",
			[]string{"foreign key t(a) → p(x) has DEFERRABLE INITIALLY DEFERRED, expected MATCH FULL"}},
		{"CREATE TABLE t(a, b, c)", "CREATE TABLE t(a, c, b)", []string{"table t has its columns in the order a, b, c, expected a, c, b"}},
		{tab, tab + "CREATE INDEX i ON t(a)", []string{"index i is missing"}},
		{tab + "CREATE INDEX i ON t(a, b)", tab + "CREATE UNIQUE INDEX i ON t(a, b DESC)", []string{"index i is on t(a, b), expected UNIQUE on t(a, b DESC)"}},
		{tab + "CREATE INDEX i ON t(a) WHERE a > 0", tab + "CREATE INDEX i ON t(a)", []string{"index i is on t(a) WHERE a > 0, expected on t(a)"}},
		{tab + "CREATE INDEX i ON t(b COLLATE nocase)", tab + "CREATE INDEX i ON t(lower(b))", []string{"index i is on t(b COLLATE NOCASE), expected on t(lower(b))"}},
		{tab + "CREATE INDEX i ON t(\"x\")", tab + "CREATE INDEX i ON t(\"X\")", []string{"index i is on t(\"x\"), expected on t(\"X\")"}},
		{tab + "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END", tab + "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END",
			[]string{"trigger r is AFTER INSERT ON t, expected BEFORE INSERT ON t"}},
		{tab + "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END", tab + "CREATE TRIGGER r INSERT ON t WHEN new.a BEGIN SELECT 1; END",
			[]string{"trigger r differs: it has “BEGIN SELECT 1; END”, expected “WHEN new.a BEGIN SELECT …”"}},
		{tab, tab + "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END", []string{"trigger r is missing"}},
		{tab + "CREATE TRIGGER r INSERT ON t WHEN new.b = \"New\" BEGIN SELECT 1; END", tab + "CREATE TRIGGER r INSERT ON t WHEN new.b = \"new\" BEGIN SELECT 1; END",
			[]string{"trigger r differs: it has “… b = \"New\" BEGIN SELECT 1; END”, expected “… b = \"new\" BEGIN SELECT 1; END”"}},
		{tab + "CREATE VIEW v AS SELECT a FROM t WHERE b = 'x'", tab + "CREATE VIEW v AS SELECT a FROM t WHERE b = 'y'",
			[]string{"view v differs: it has “… b = 'x'”, expected “… b = 'y'”"}},
		{tab + "CREATE VIEW v AS SELECT a FROM t WHERE b = \"x\"", tab + "CREATE VIEW v AS SELECT a FROM t WHERE b = \"X\"",
			[]string{"view v differs: it has “… b = \"x\"”, expected “… b = \"X\"”"}},
		{tab + "CREATE VIEW v AS SELECT a FROM t WHERE b IS DISTINCT FROM \"x\"", tab + "CREATE VIEW v AS SELECT a FROM t WHERE b IS DISTINCT FROM \"X\"",
			[]string{"view v differs: it has “… DISTINCT FROM \"x\"”, expected “… DISTINCT FROM \"X\"”"}},
		{tab + "CREATE VIEW v AS SELECT 1 FROM t a left JOIN t b", tab + "CREATE VIEW v AS SELECT 1 FROM t a JOIN t b",
			[]string{"view v differs: it has “… t a left JOIN t b”, expected “… t a JOIN t b”"}},
		{tab + "CREATE VIEW v AS SELECT 1 FROM t left JOIN t b", tab + "CREATE VIEW v AS SELECT 1 FROM t \"left\" JOIN t b",
			[]string{"view v differs: it has “… FROM t left JOIN t b”, expected “… FROM t \"left\" JOIN t b”"}},
		{tab + "CREATE VIEW v AS SELECT x'ab' FROM t", tab + "CREATE VIEW v AS SELECT a 'ab' FROM t",
			[]string{"view v differs: it has “SELECT x'ab' FROM t”, expected “SELECT a 'ab' FROM t”"}},
		{tab + "CREATE VIEW v(x) AS SELECT 1", tab + "CREATE VIEW v(y) AS SELECT 1", []string{"view v differs in the names of its columns"}},
		{tab + "CREATE VIEW v AS SELECT 1", tab, []string{"view v is not expected"}},
		{"CREATE TABLE v(a)", "CREATE VIEW v AS SELECT 1", []string{"v is a table, expected a view"}},
		{"CREATE VIEW v AS SELECT 1; CREATE TRIGGER r INSTEAD OF INSERT ON v BEGIN SELECT 1; END", "CREATE TABLE v(a)", []string{"v is a view, expected a table"}},
		{"CREATE VIRTUAL TABLE f USING fts5(a)", "CREATE VIRTUAL TABLE f USING fts5(a, tokenize='porter')",
			[]string{"virtual table f is USING fts5(a), expected USING fts5(a, tokenize='porter')"}},
		{"CREATE TABLE f(a)", "CREATE VIRTUAL TABLE f USING fts5(a)", []string{"table f is an ordinary table, expected a virtual one USING fts5(a)"}},
		{"CREATE VIRTUAL TABLE f USING fts5(a)", "CREATE TABLE f(a)", []string{"table f is a virtual table USING fts5(a), expected an ordinary one"}},
		{"CREATE TABLE \"my table\"(a, \"order\")", "CREATE TABLE \"my table\"(a, \"order\" INT, \"x y\")",
			[]string{"column \"my table\".\"order\" is without a type, expected INT", "table \"my table\" lacks column \"x y\""}},
	} {
		have, want := schemaOf(t, c.have), schemaOf(t, c.want)
		list := Diff(have, want)
		if got := texts(list); !slices.Equal(got, c.texts) {
			t.Errorf("%s\n%s\n got %q\nwant %q", c.have, c.want, got, c.texts)
		}
		notes := 0
		for _, d := range list {
			if d.Kind == OrderOnly {
				notes++
			}
			if d.Object == "" || (d.Weight == 0) != (d.Kind == OrderOnly) {
				t.Errorf("%+v", d)
			}
		}
		equal := notes == len(list)
		if have.Equal(want) != equal || want.Equal(have) != equal || (Distance(have, want) == 0) != equal || Distance(have, want) != Distance(want, have) {
			t.Errorf("%s\n%s\nEqual: %v and %v, Distance: %d and %d", c.have, c.want, have.Equal(want), want.Equal(have), Distance(have, want), Distance(want, have))
		}
	}
}

func TestLeftOut(t *testing.T) {
	s := schemaOf(t, `CREATE TABLE flyway(a); CREATE INDEX flyway_i ON flyway(a); CREATE TRIGGER flyway_r INSERT ON flyway BEGIN SELECT 1; END;
		CREATE VIEW old AS SELECT 1; CREATE TABLE migratingsqlite_state(a UNIQUE)`, "Flyway", "OLD")
	if !s.Empty() {
		t.Errorf("%+v", s)
	}
	for _, script := range []string{"CREATE TABLE t(a)", "CREATE VIEW v AS SELECT 1", "CREATE VIRTUAL TABLE f USING fts5(a)"} {
		if schemaOf(t, script).Empty() {
			t.Errorf("%s: empty", script)
		}
	}
	// What is on the user's table is the user's, whatever its name.
	s = schemaOf(t, "CREATE TABLE t(a); CREATE INDEX migratingsqlite_i ON t(a); CREATE TRIGGER migratingsqlite_r INSERT ON t BEGIN SELECT 1; END")
	if len(s.indexes) != 1 || len(s.triggers) != 1 {
		t.Errorf("%+v", s)
	}
	s = schemaOf(t, "CREATE VIRTUAL TABLE f USING fts5(a); CREATE VIRTUAL TABLE r USING rtree(id, a, b); CREATE VIRTUAL TABLE g USING geopoly(x)")
	if len(s.tables) != 3 {
		t.Errorf("%+v", s.tables)
	}
}

func TestHas(t *testing.T) {
	db := open(t, `CREATE TABLE Messages(id INTEGER PRIMARY KEY, Content_Type, x AS (id)); CREATE INDEX by_type ON messages(content_type);
		CREATE VIEW v AS SELECT 1 AS one; CREATE TRIGGER r INSERT ON messages BEGIN SELECT 1; END; CREATE VIRTUAL TABLE f USING fts5(body);
		CREATE TABLE goose_db_version(id)`)
	s := read(t, db, "goose_db_version")
	for q, want := range map[[3]string]bool{
		{"column", "messages", "content_type"}: true,
		{"COLUMN", "MESSAGES", "X"}:            true,
		{"column", "", "x"}:                    true,
		{"column", "messages", "y"}:            false,
		{"column", "", "y"}:                    false,
		{"column", "v", "ONE"}:                 true,
		{"column", "f", "body"}:                true,
		{"column", "nothing", "id"}:            false,
		{"table", "", "messages"}:              true,
		{"table", "", "F"}:                     true,
		{"table", "", "v"}:                     false,
		{"table", "", "goose_db_version"}:      true,
		{"index", "messages", "by_type"}:       true,
		{"index", "", "By_Type"}:               true,
		{"index", "v", "by_type"}:              false,
		{"view", "", "V"}:                      true,
		{"trigger", "messages", "r"}:           true,
		{"trigger", "", "s"}:                   false,
		{"thing", "", "messages"}:              false,
	} {
		if got := s.Has(q[0], q[1], q[2]); got != want {
			t.Errorf("Has%q is %v", q, got)
		}
	}
}

// A statement that cannot be read must not make a table equal to another.
func TestUnreadableStatements(t *testing.T) {
	corrupt := func(sql string) *Schema {
		rows := answers(t, open(t, "CREATE TABLE t(a CHECK (a > 0)); CREATE INDEX i ON t(a); CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END; CREATE VIEW v AS SELECT 1"))
		for _, row := range rows[queryObjects].Rows {
			row[3] = strings.NewReplacer("t(a CHECK (a > 0))", sql, "ON t(a)", "ON t a "+sql, "INSERT ON", "WHENEVER "+sql, "v AS", "v "+sql).Replace(row[3].(string))
		}
		s, err := Read(rows)
		if err != nil {
			t.Fatal(err)
		}
		if s.tables["t"].unparsed == "" || s.indexes["i"].unparsed == "" || s.triggers["r"].when != "" {
			t.Fatalf("%s could be read", sql)
		}
		return s
	}
	for _, pair := range [][2]string{{"t(a CHECK a > 0)", "t(a CHECK a > 1)"}, {"t(a) X Y", "t(a) Z Y"}, {"t(a, b)", "t(a, c)"}, {"", "t"}, {"t(a", "t(a,"}} {
		a, b := corrupt(pair[0]), corrupt(pair[1])
		if list := Diff(a, b); a.Equal(b) || len(list) != 4 {
			t.Errorf("%q: %q", pair, texts(list))
		}
		if again := corrupt(strings.ToUpper(pair[0])); !a.Equal(again) {
			t.Errorf("%q: %q", pair, texts(Diff(a, again)))
		}
	}
}

func TestBrokenView(t *testing.T) {
	const script = "CREATE TABLE t(a); CREATE VIEW v AS SELECT * FROM gone; CREATE INDEX i ON t(a)"
	db := open(t, script)
	if err := answer(t, db, Queries[queryOthers]).Err; err == nil {
		t.Error("SQLite no longer minds the view; ask for all columns in one query")
	}
	if s := read(t, db); !s.Has("column", "t", "a") || !s.Equal(schemaOf(t, script)) {
		t.Errorf("%+v", s)
	}
}

func TestReadFails(t *testing.T) {
	good := answers(t, open(t, "CREATE TABLE t(a)"))
	if _, err := Read(good[1:]); err == nil {
		t.Error("too few answers")
	}
	for i := range good {
		bad := slices.Clone(good)
		bad[i] = engine.Answer{Err: errors.New("oops")}
		if _, err := Read(bad); (err == nil) != (i == queryOthers) {
			t.Errorf("query %d failed: %v", i, err)
		}
		for _, row := range [][]driver.Value{nil, {nil, nil, nil, nil, nil, nil, nil, nil, nil}, {1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5}} {
			bad[i] = engine.Answer{Rows: [][]driver.Value{row}}
			if _, err := Read(bad); err == nil {
				t.Errorf("query %d: row %v", i, row)
			}
		}
	}
}

// Drivers differ in how they give texts.
func TestBytes(t *testing.T) {
	db := open(t, "CREATE TABLE t(a TEXT DEFAULT 'x' REFERENCES t(a), b UNIQUE); CREATE INDEX i ON t(a)")
	list := answers(t, db)
	for _, a := range list {
		for _, row := range a.Rows {
			for i, v := range row {
				if s, ok := v.(string); ok {
					row[i] = []byte(s)
				}
			}
		}
	}
	s, err := Read(list)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Equal(read(t, db)) {
		t.Error("not equal")
	}
}

// A temporary table must not be read in place of the one it hides.
func TestTemporaryObjects(t *testing.T) {
	const script = "CREATE TABLE t(a UNIQUE, b REFERENCES t(a));"
	a := schemaOf(t, script)
	b := schemaOf(t, script+"CREATE TEMP TABLE t(c TEXT PRIMARY KEY, d REFERENCES x); CREATE TEMP VIEW v AS SELECT 1; CREATE TEMP TABLE u(a)")
	if !a.Equal(b) {
		t.Errorf("%q", texts(Diff(a, b)))
	}
}

// everything has a bit of all that both engines have.
const everything = `
CREATE TABLE p(a, b TEXT COLLATE NOCASE, PRIMARY KEY (a, b DESC)) WITHOUT ROWID;
CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, x VARCHAR ( 20 ) NOT NULL ON CONFLICT IGNORE DEFAULT (1 + /* + */ 2), y AS (x || 1),
	z TEXT DEFAULT 'x', k INT GENERATED ALWAYS AS (1) STORED UNIQUE, "q r" [int] CHECK ("q r" > 0),
	FOREIGN KEY (x, z) REFERENCES p ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, UNIQUE (x COLLATE NOCASE DESC) ON CONFLICT REPLACE);
CREATE TABLE s(a ANY, b INT) STRICT;
CREATE INDEX i ON t(lower(x), z DESC) WHERE x > 'a';
CREATE UNIQUE INDEX j ON p(b);
CREATE VIEW v(a) AS SELECT x FROM main.t -- hi
;
CREATE TRIGGER r AFTER UPDATE OF x ON t WHEN new.x IS NOT old.x BEGIN SELECT CASE WHEN 1 THEN 2 END; INSERT INTO s(a) VALUES (new.x); END;
CREATE VIRTUAL TABLE f USING fts5(a, "B", tokenize = 'porter');
CREATE VIRTUAL TABLE g USING rtree(id, a, b);
ALTER TABLE t RENAME TO "t2";
ALTER TABLE t2 ADD COLUMN w TEXT DEFAULT CURRENT_TIMESTAMP;`

func TestLibSQLServer(t *testing.T) {
	c, err := hrana.New(sqldtest.Start(t).URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	run := func(sql string) {
		t.Helper()
		if _, err := c.Execute(ctx, engine.Statement{Text: sql}); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	remote := func() *Schema {
		t.Helper()
		list, err := c.Read(ctx, Queries...)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Read(list)
		if err != nil {
			t.Fatal(err)
		}
		parsed(t, s)
		return s
	}
	if s := remote(); !s.Empty() {
		t.Errorf("a new database has %+v", s)
	}
	for rest := strings.TrimSpace(everything); rest != ""; rest = strings.TrimSpace(rest) {
		end := strings.Index(rest, ";\nCREATE")
		if alter := strings.Index(rest, ";\nA"); end < 0 || alter >= 0 && alter < end {
			end = alter
		}
		if end < 0 {
			end = len(rest) - 1
		}
		run(rest[:end])
		rest = rest[end+1:]
	}
	local := schemaOf(t, everything)
	if s := remote(); !s.Equal(local) || len(Diff(s, local)) > 0 {
		t.Errorf("%q", texts(Diff(s, local)))
	}
	// What libSQL has of its own.
	run("CREATE TABLE vectors(a, e F32_BLOB(3))")
	before := remote()
	run("CREATE INDEX vectors_i ON vectors(libsql_vector_idx(e))")
	if got := texts(Diff(remote(), before)); !slices.Equal(got, []string{"index vectors_i is not expected"}) {
		t.Errorf("%q", got)
	}
	run("CREATE TABLE rr(a) RANDOM ROWID")
	plain := schemaOf(t, "CREATE TABLE rr(a)")
	if got := texts(Diff(remote(), plain)); !slices.Contains(got, "table rr is RANDOM ROWID, expected not") {
		t.Errorf("%q", got)
	}
}

// script makes tables with all that goes with them.
func manyTables(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `CREATE TABLE table_%d (
			id INTEGER PRIMARY KEY AUTOINCREMENT,
			name TEXT NOT NULL UNIQUE COLLATE NOCASE, -- what people see
			kind VARCHAR(20) NOT NULL DEFAULT 'x' CHECK (kind IN ('x', 'y', 'z')),
			created_at TEXT NOT NULL DEFAULT (strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', 'now')),
			parent_id INTEGER REFERENCES table_%d (id) ON DELETE CASCADE,
			size INTEGER DEFAULT 0, a, b, c, d);
		CREATE INDEX index_%[1]d ON table_%[1]d (parent_id, created_at DESC) WHERE size > 0;
		CREATE TRIGGER trigger_%[1]d AFTER UPDATE OF name ON table_%[1]d BEGIN
			UPDATE table_%[1]d SET size = length(new.name) WHERE id = new.id;
		END;
		CREATE VIEW view_%[1]d AS SELECT id, name, size * 2 AS double FROM table_%[1]d WHERE kind <> 'y';
		`, i, i/2)
	}
	return b.String()
}

func BenchmarkReadEqual200Tables(b *testing.B) {
	db := open(b, manyTables(200))
	list := answers(b, db)
	other := read(b, db)
	b.Run("queries", func(b *testing.B) {
		for b.Loop() {
			answers(b, db)
		}
	})
	b.Run("Read+Equal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := Read(list)
			if err != nil || !s.Equal(other) {
				b.Fatal(err)
			}
		}
	})
}
