package script

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func texts(stmts []Statement) []string {
	var list []string
	for _, st := range stmts {
		list = append(list, st.Text)
	}
	return list
}

func TestSplitCutsWhereSQLiteCuts(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		want      []string
	}{
		{"nothing", "", nil},
		{"only comments and semicolons", " ; -- a;b\n;; /* c;d */ ;", nil},
		{"last statement without semicolon", "SELECT 1;\nSELECT 2 \n", []string{"SELECT 1;", "SELECT 2"}},
		{"trailing comment is not part of it", "SELECT 1 -- x\n /* y */ ", []string{"SELECT 1"}},
		{"comment before the semicolon is", "SELECT 1 -- x;\n;SELECT 2", []string{"SELECT 1 -- x;\n;", "SELECT 2"}},
		{"semicolon in a string", "SELECT ';', 'it''s;';SELECT 2", []string{"SELECT ';', 'it''s;';", "SELECT 2"}},
		{"semicolon in quoted names", "SELECT \"a;\"\"b\", `c;``d`, [e;'];SELECT 2", []string{"SELECT \"a;\"\"b\", `c;``d`, [e;'];", "SELECT 2"}},
		{"slash star slash opens a comment", "SELECT 1 /*/ ; /*/ ; SELECT 2", []string{"SELECT 1 /*/ ; /*/ ;", "SELECT 2"}},
		{"block comments do not nest", "SELECT 1 /* /* */ ; SELECT 2", []string{"SELECT 1 /* /* */ ;", "SELECT 2"}},
		{"minus and arrow are no comments", "SELECT 1 - -1, a->b, 4/2;SELECT 2", []string{"SELECT 1 - -1, a->b, 4/2;", "SELECT 2"}},
		{"byte order marks are blanks", bom + "SELECT 1;" + bom + "SELECT 2 " + bom, []string{"SELECT 1;", "SELECT 2"}},
		{"but not inside a word", "SELECT a" + bom + "b" + bom, []string{"SELECT a" + bom + "b" + bom}},
		{"Tcl variable", "SELECT $x(;), $a::b(';);SELECT 2", []string{"SELECT $x(;), $a::b(';);", "SELECT 2"}},
		{"Tcl variable broken by a blank", "SELECT $x(a ;SELECT 2", []string{"SELECT $x(a ;", "SELECT 2"}},
		{"dollar inside a name", "SELECT a$x(;SELECT 2", []string{"SELECT a$x(;", "SELECT 2"}},
		{"dollar inside a number", "SELECT 1$x(;SELECT 2", []string{"SELECT 1$x(;", "SELECT 2"}},
		{"dollar behind a numbered variable", "SELECT ?1$x(;);SELECT 2", []string{"SELECT ?1$x(;);", "SELECT 2"}},
		{"vertical tab is a blank only behind one", "SELECT 1 \v\n", []string{"SELECT 1"}},
		{"and an illegal token elsewhere", "SELECT 1\v\n", []string{"SELECT 1\v"}},
		{"trigger", "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; SELECT 2; END; SELECT 3",
			[]string{"CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; SELECT 2; END;", "SELECT 3"}},
		{"CASE in a trigger", "CREATE TEMP TRIGGER r INSERT ON t BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; END; SELECT 3",
			[]string{"CREATE TEMP TRIGGER r INSERT ON t BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; END;", "SELECT 3"}},
		{"comments around the END of a trigger", "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; /* ;END; */ end --;\n ; SELECT 3",
			[]string{"CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; /* ;END; */ end --;\n ;", "SELECT 3"}},
		{"trigger at the end of the text", "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END -- x", []string{"CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END"}},
		{"END in quotes ends no trigger", "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; \"END\"; END;SELECT 1",
			[]string{"CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; \"END\"; END;", "SELECT 1"}},
		{"explained trigger", "EXPLAIN QUERY PLAN CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END;SELECT 1",
			[]string{"EXPLAIN QUERY PLAN CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END;", "SELECT 1"}},
		{"table named trigger", "CREATE TABLE \"trigger\"(a);CREATE TABLE \"end\"(b);", []string{"CREATE TABLE \"trigger\"(a);", "CREATE TABLE \"end\"(b);"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Split(tt.src)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(texts(got), tt.want) {
				t.Errorf("got  %q\nwant %q", texts(got), tt.want)
			}
		})
	}
}

func TestSplitGivesPositions(t *testing.T) {
	src := bom + "SELECT 1;SELECT 2;\r\n  -- x\r\n\tSELECT\n3; /* \n */ SELECT 4"
	got, err := Split(src)
	if err != nil {
		t.Fatal(err)
	}
	want := [][3]int{{3, 1, 1}, {12, 1, 10}, {32, 3, 2}, {50, 5, 5}}
	if len(got) != len(want) {
		t.Fatalf("%q", texts(got))
	}
	for i, st := range got {
		if p := [3]int{st.Offset, st.Line, st.Column}; p != want[i] {
			t.Errorf("%q at offset, line, column %v, want %v", st.Text, p, want[i])
		}
		if src[st.Offset:st.Offset+len(st.Text)] != st.Text {
			t.Errorf("%q is not at its offset", st.Text)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		before    int // statements that were still good
		want      string
	}{
		{"unclosed string", "SELECT 1;\nSELECT 'it''s;\n;", 1, "2:8: this string is never closed: add a ' (a ' inside a string is written '')"},
		{"unclosed name", bom + "SELECT \"a;", 0, `1:8: this quoted name is never closed: add "`},
		{"unclosed backtick", "SELECT `a", 0, "1:8: this quoted name is never closed: add `"},
		{"unclosed bracket", "SELECT [a", 0, "1:8: this quoted name is never closed: add ]"},
		{"unclosed comment in a statement", "SELECT 1\n/* a", 0, "2:1: this comment is never closed: add */"},
		{"unclosed comment between statements", "SELECT 1; /*/", 1, "1:11: this comment is never closed: add */"},
		{"unclosed trigger", "SELECT 1;\n CREATE TRIGGER r INSERT ON t BEGIN\n-- migratingsqlite: x\nSELECT 1;\nSELECT 2;", 1, "2:2: this trigger never ends: close its body with END;"},
		{"trigger whose END has no semicolon before it", bom + "CREATE TRIGGER r INSERT ON t BEGIN\n-- migratingsqlite: x\nSELECT 1 END;", 0, "1:1: this trigger never ends: close its body with END;"},
		{"NUL byte between statements", "SELECT 1; \x00 SELECT 2;", 1, "1:11: " + nulByte},
		{"NUL byte in a string", "SELECT 1;\nSELECT 'a\x00b';", 1, "2:10: " + nulByte},
		{"NUL byte at the end of a trigger", "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END \x00", 0, "1:50: " + nulByte},
		{"UTF-16", "\xff\xfeS\x00E\x00", 0, "1:4: " + nulByte},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Split(tt.src)
			var e *Error
			if !errors.As(err, &e) || err.Error() != tt.want {
				t.Fatalf("got  %v\nwant %v", err, tt.want)
			}
			if len(got) != tt.before {
				t.Errorf("%d statements before the error: %q", len(got), texts(got))
			}
		})
	}
}

func TestKind(t *testing.T) {
	for src, want := range map[string]Kind{
		"select 1": Select, "VALUES(1)": Select, "REPLACE INTO t VALUES(1)": Insert, "insert into t values(1)": Insert,
		"UPDATE t SET a=1": Update, "DELETE FROM t": Delete, "ALTER TABLE t RENAME TO u": AlterTable,
		"CREATE TABLE t(a)": CreateTable, "CREATE TEMP TABLE t(a)": CreateTable, "create /* x */ temporary -- y\n view v AS SELECT 1": CreateView,
		"CREATE VIRTUAL TABLE t USING fts5(a)": CreateVirtualTable, "CREATE INDEX i ON t(a)": CreateIndex, "CREATE UNIQUE INDEX i ON t(a)": CreateIndex,
		"CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END": CreateTrigger, "CREATE UNIQUE TABLE t(a)": Unknown, "CREATE 'TABLE' t(a)": Unknown,
		"DROP TABLE t": DropTable, "DROP INDEX i": DropIndex, "DROP VIEW v": DropView, "DROP TRIGGER r": DropTrigger, "DROP t": Unknown,
		"BEGIN IMMEDIATE": Begin, "COMMIT": Commit, "END TRANSACTION": Commit, "ROLLBACK": Rollback, "ROLLBACK TRANSACTION": Rollback,
		"ROLLBACK TRANSACTION x": Rollback, "ROLLBACK TO s": RollbackTo, "ROLLBACK TRANSACTION TO SAVEPOINT s": RollbackTo, "ROLLBACK TRANSACTION 'x' TO s": RollbackTo,
		"SAVEPOINT s": Savepoint, "RELEASE s": Release, "PRAGMA x": Pragma, "VACUUM INTO 'x'": Vacuum, "ATTACH 'x' AS x": Attach, "DETACH x": Detach,
		"ANALYZE": Analyze, "REINDEX": Reindex, "EXPLAIN SELECT 1": Explain, "EXPLAIN QUERY PLAN DELETE FROM t": Explain,
		"WITH a AS (SELECT ')'), b(c) AS NOT MATERIALIZED (VALUES((1))) INSERT INTO t SELECT 1": Insert, "WITH RECURSIVE a AS (SELECT 1) DELETE FROM t": Delete,
		"WITH \"select\" AS (SELECT 1) UPDATE t SET a=1": Update, "WITH replace AS (SELECT 1) SELECT 1": Select, "WITH a AS (SELECT 1) VALUES(1)": Select,
		"WITH a AS (SELECT 1": Unknown, "WITH": Unknown, "'SELECT' 1": Unknown, "SELECTED": Unknown, "1SELECT": Unknown, "(SELECT 1)": Unknown, "ſelect 1": Unknown,
	} {
		got, err := Split(src)
		if err != nil || len(got) != 1 || got[0].Kind != want {
			t.Errorf("%s: %v %v, want %v", src, got, err, want)
		}
	}
	for k := Unknown; k <= Explain; k++ {
		if k.String() == "" || k > Unknown && k.String() == Unknown.String() {
			t.Errorf("Kind %d has no name", k)
		}
	}
}

func TestDirectives(t *testing.T) {
	s := NewScanner("  --  migratingsqlite:  no-transaction \r\n--migratingsqlite:compatible\n" +
		"-- migratingsqlite : not one\n-- Migratingsqlite: nor this\n/* migratingsqlite: nor this */ --migratingsqlite:\n" +
		"SELECT '-- migratingsqlite: string', -- migratingsqlite: inside a b\n1;\n-- migratingsqlite: behind")
	for _, ok := s.Next(); ok; _, ok = s.Next() {
	}
	want := []Directive{
		{"no-transaction", "", 1, 3, true}, {"compatible", "", 2, 1, true}, {"", "", 5, 33, true},
		{"inside", "a b", 6, 38, false}, {"behind", "", 8, 1, false},
	}
	if got := s.Directives(); !reflect.DeepEqual(got, want) || s.Err() != nil {
		t.Errorf("got  %+v %v\nwant %+v", got, s.Err(), want)
	}
}

func TestMarkersOfOtherTools(t *testing.T) {
	for src, want := range map[string]Marker{
		"-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;":                         {"goose", "-- +goose Up", 1, 1},
		"SELECT 1;\r\n\n  --\t+goose   down\r\nSELECT 2;":                            {"goose", "-- +goose down", 3, 3},
		"CREATE TABLE t(\n--+goose NO TRANSACTION\na)":                               {"goose", "-- +goose NO TRANSACTION", 2, 1},
		"-- x\n---- +goose Up":                                                       {"goose", "-- +goose Up", 2, 1},
		bom + "-- +goose Up":                                                         {"goose", "-- +goose Up", 1, 1},
		"-- migrate:up transaction:false\nSELECT 1;":                                 {"dbmate", "-- migrate:up transaction:false", 1, 1},
		"SELECT 1;\n--migrate:down":                                                  {"dbmate", "-- migrate:down", 2, 1},
		"-- +migrate Up notransaction\nSELECT 1;":                                    {"sql-migrate", "-- +migrate Up notransaction", 1, 1},
		"SELECT '\n-- +goose Up\n';\n-- +migrate Down":                               {"sql-migrate", "-- +migrate Down", 4, 1},
		"CREATE TRIGGER r INSERT ON t BEGIN SELECT 1;\n-- +goose StatementEnd\nEND;": {"goose", "-- +goose StatementEnd", 2, 1},

		"/*\n-- +goose Up\n*/ SELECT \"\n-- +goose Up\"":          {},
		"SELECT 1; -- +goose Down":                                {}, // not on a line of its own
		"/**/ -- migrate:up":                                      {},
		"-- goose Up\n-- +gooseUp\n-- see +goose Up":              {},
		"-- migrate:upwards\n-- migrate: up\n-- Migrate:up":       {},
		"-- migratingsqlite: compatible\n-- migrated by hand\n--": {},
		"-- +migrated\n-- +":                                      {},
	} {
		s := NewScanner(src)
		for _, ok := s.Next(); ok; _, ok = s.Next() {
		}
		if got := s.Marker(); got != want || s.Err() != nil {
			t.Errorf("%q\ngot  %+v %v\nwant %+v", src, got, s.Err(), want)
		}
	}
}

// ddl is a script of the ordinary kind, about 300 KB of it.
var ddl = strings.Repeat(`-- Accounts of people and what they may do.
CREATE TABLE IF NOT EXISTS accounts (
	id          INTEGER PRIMARY KEY,
	email       TEXT NOT NULL COLLATE NOCASE,
	name        TEXT NOT NULL DEFAULT '',
	created_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
	owner_id    INTEGER REFERENCES accounts (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX accounts_email ON accounts (email);
ALTER TABLE accounts ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
CREATE TRIGGER accounts_touch AFTER UPDATE ON accounts
BEGIN
	UPDATE accounts SET changed_at = CASE WHEN new.id THEN datetime('now') END WHERE id = new.id;
	INSERT INTO audit (table_name, row_id) VALUES ('accounts', new.id);
END;
INSERT INTO accounts (email, name) VALUES ('root@example.com', 'Root'), ('it''s@example.com', 'It');
WITH old AS (SELECT id FROM accounts WHERE name = '') DELETE FROM accounts WHERE id IN old;
`, 300)

func TestScannerDoesNotAllocate(t *testing.T) {
	s := NewScanner(ddl)
	if n := testing.AllocsPerRun(1000, func() { s.Next() }); n != 0 {
		t.Errorf("%v allocations a statement", n)
	}
	if _, ok := s.Next(); !ok {
		t.Error("the script is too short for this test")
	}
}

func BenchmarkScanner(b *testing.B) {
	b.SetBytes(int64(len(ddl)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(ddl)
		for _, ok := s.Next(); ok; _, ok = s.Next() {
		}
		if s.Err() != nil {
			b.Fatal(s.Err())
		}
	}
}
