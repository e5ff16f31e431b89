package schema

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzText holds the parser to SQLite: of what SQLite accepts as tables, none
// may be unreadable, and none with different PRAGMAs may be equal.
func FuzzText(f *testing.F) {
	f.Add("a, b)", "b, a)")
	f.Add("a INTEGER PRIMARY KEY DESC, UNIQUE(a) ON CONFLICT FAIL CHECK (a))STRICT", "a constraint c, b collate'nocase' default -'x')without rowid")
	f.Add("a generated always, b x'' as(1)stored not null null)", "a REFERENCES t ON INSERT SET NULL MATCH x NOT DEFERRABLE, b DEFERRABLE INITIALLY DEFERRED, foreign key(a,b) references x(y, z))")
	f.Add("a \"b\" 'c' [d] (1, -2.5e+3), current_date, indexed left, left indexed)", "a default current_date default null default(1+(2)) default x default 'y' default +1)")
	f.Add("a/**/b--)\n, b \xEF\xBB\xBF)", "\"a\"\"b\", [c d] , `e`)")
	f.Fuzz(func(t *testing.T, a, b string) {
		equalOnlyIf(t, "CREATE TABLE t("+a, "CREATE TABLE t("+b)
	})
}

// FuzzTables does the same with tables put together from what makes a table,
// one piece a byte, and their neighbours, in which one piece is another.
func FuzzTables(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, uint8(3), uint8(7))
	f.Add([]byte("the quick brown fox jumps over the lazy dog"), uint8(30), uint8(1))
	f.Add([]byte("\x00\x05\x09\x0d\x11\x10\x20\x30\x40\x50\x60\x70\x80\x90\xa0\xb0\xc0\xd0"), uint8(10), uint8(2))
	f.Fuzz(func(t *testing.T, picks []byte, at, other uint8) {
		if len(picks) == 0 || len(picks) > 60 {
			t.Skip()
		}
		neighbour := slices.Clone(picks)
		neighbour[int(at)%len(picks)] = other
		equalOnlyIf(t, compose(picks), compose(neighbour))
	})
}

// TestNeighbours is FuzzTables without a fuzzer: most of the tables are such as
// SQLite accepts.
func TestNeighbours(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(), 0)) // a failure shows its tables
	for range rounds(t, 100) {
		picks := make([]byte, 13+r.IntN(5))
		for i := range picks {
			if i%4 < 2 || r.IntN(2) == 0 {
				picks[i] = byte(r.IntN(256))
			}
		}
		neighbour := slices.Clone(picks)
		neighbour[r.IntN(len(picks))] = byte(r.IntN(256))
		equalOnlyIf(t, compose(picks), compose(neighbour))
	}
}

func compose(picks []byte) string {
	next := func(list []string) string {
		if len(picks) == 0 {
			return list[0]
		}
		p := picks[0]
		picks = picks[1:]
		return list[int(p)%len(list)]
	}
	var parts []string
	for _, name := range []string{"a", "\"B\"", "[c d]"} {
		parts = append(parts, name+" "+next(types)+next(columnConstraints)+next(columnConstraints)+next(columnConstraints))
	}
	for len(picks) > 1 {
		parts = append(parts, next(tableConstraints))
	}
	return "CREATE TABLE t(" + strings.Join(parts, ", ") + ")" + next(options)
}

var types = []string{"", "INTEGER", "integer", "INT", "\"INTEGER\"", "TEXT", "varchar ( 20 )", "VARCHAR(20)", "VARCHAR(+20)", "DOUBLE PRECISION", "double/**/precision",
	"ANY", "BLOB", "key", "INT GENERATED", "always", "TEXT /* x */", "DECIMAL(10,-2)"}

var columnConstraints = []string{"", "", " NOT NULL", " NULL", " NOT NULL ON CONFLICT IGNORE", " PRIMARY KEY", " PRIMARY KEY DESC", " PRIMARY KEY AUTOINCREMENT",
	" PRIMARY KEY ON CONFLICT REPLACE", " UNIQUE", " UNIQUE ON CONFLICT FAIL", " CHECK (a > 0)", " CHECK ((\"A\">0))", " CHECK (a = 'x')", " CHECK (a = \"x\")", " CHECK (a = \"X\")",
	" DEFAULT 1", " DEFAULT (1)", " DEFAULT 'x'", " DEFAULT \"x\"", " DEFAULT x", " DEFAULT X", " DEFAULT null", " DEFAULT (null)", " DEFAULT -1", " DEFAULT (- 1)", " DEFAULT +1",
	" DEFAULT current_timestamp", " DEFAULT [current_timestamp]", " DEFAULT true", " DEFAULT \"true\"", " DEFAULT (1 + /* 2 */ 2)", " DEFAULT x'ab'", " DEFAULT 1e+5", " DEFAULT 0x1F",
	" COLLATE nocase", " COLLATE BINARY", " COLLATE 'NoCase'", " REFERENCES t", " REFERENCES t(\"b\")", " REFERENCES t(B) ON DELETE CASCADE", " REFERENCES t(b) ON DELETE NO ACTION",
	" REFERENCES p ON UPDATE SET DEFAULT ON DELETE RESTRICT", " MATCH FULL", " REFERENCES p MATCH FULL", " DEFERRABLE INITIALLY DEFERRED", " NOT DEFERRABLE", " CONSTRAINT x", " CONSTRAINT \"check\"",
	" AS (1)", " GENERATED ALWAYS AS ((1)) STORED", " as (1) virtual", " AS (a || 'x')"}

var tableConstraints = []string{"UNIQUE (a)", "UNIQUE (A)", "UNIQUE (a COLLATE nocase)", "UNIQUE (a DESC)", "UNIQUE (a, b)", "UNIQUE (b, a)", "UNIQUE (a) ON CONFLICT FAIL", "UNIQUE ((b)) ON CONFLICT IGNORE",
	"UNIQUE (\"b\" COLLATE binary) ON CONFLICT IGNORE", "PRIMARY KEY (a)", "PRIMARY KEY (a DESC)", "PRIMARY KEY (b, a)", "PRIMARY KEY (a AUTOINCREMENT)", "PRIMARY KEY (a) ON CONFLICT REPLACE",
	"CHECK (a > 0)", "CHECK (a <> b)", "CHECK (a != b) ON CONFLICT FAIL", "CONSTRAINT c", "CONSTRAINT c CHECK (b) CONSTRAINT d UNIQUE (b)", "FOREIGN KEY (a) REFERENCES t(b)", "FOREIGN KEY (a, b) REFERENCES p(x, y)",
	"FOREIGN KEY (b, a) REFERENCES P(y, x)", "FOREIGN KEY (a) REFERENCES p DEFERRABLE INITIALLY DEFERRED", "FOREIGN KEY (a) REFERENCES p NOT DEFERRABLE INITIALLY DEFERRED", "FOREIGN KEY (b) REFERENCES p ON DELETE SET NULL ON DELETE CASCADE"}

var options = []string{"", "", " STRICT", " WITHOUT ROWID", " strict , without rowid", ";", " -- end"}

// equalOnlyIf checks two tables, if SQLite accepts them.
func equalOnlyIf(t *testing.T, a, b string) {
	dbs, schemas := make([]*sql.DB, 2), make([]*Schema, 2)
	for i, s := range []string{a, b} {
		if len(s) > 2000 || tooWild.MatchString(s) {
			t.Skip()
		}
		db := fuzzDB(t, s)
		if db == nil {
			continue
		}
		defer db.Close()
		dbs[i], schemas[i] = db, read(t, db)
		for _, x := range schemas[i].tables {
			if x.unparsed != "" && x.module == "" {
				t.Fatalf("cannot be read: %q", s)
			}
		}
		again := fuzzDB(t, s)
		if again == nil {
			t.Skip() // it took too long
		}
		if o := read(t, again); !o.Equal(schemas[i]) {
			t.Fatalf("not equal to itself: %q\n%q", s, texts(Diff(o, schemas[i])))
		}
		again.Close()
	}
	if schemas[0] == nil || schemas[1] == nil {
		return
	}
	equal := schemas[0].Equal(schemas[1])
	if equal != schemas[1].Equal(schemas[0]) || equal != (Distance(schemas[0], schemas[1]) == 0) {
		t.Fatalf("Equal and Distance disagree: %q, %q", a, b)
	}
	if pa, pb := pragmas(t, dbs[0]), pragmas(t, dbs[1]); equal && !slices.Equal(pa, pb) {
		t.Fatalf("equal, but\n%q\n%q\n%q\n%q", a, b, pa, pb)
	}
}

// tooWild matches what could reach beyond the database, make it unreadable, or
// is cut short.
var tooWild = regexp.MustCompile(`(?i)attach|vacuum|pragma|\x00`)

func fuzzDB(t *testing.T, script string) *sql.DB {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err = db.ExecContext(ctx, script); err != nil {
		db.Close()
		return nil
	}
	return db
}

var comments = regexp.MustCompile(`(?s)/\*.*?(\*/|$)|--[^\n]*(\n|$)`)

// pragmas returns what PRAGMAs say, without what makes no difference.
func pragmas(t *testing.T, db *sql.DB) (list []string) {
	for _, q := range []string{
		`SELECT m.name, c.name, c.type, c."notnull" AND NOT (c.pk AND c.type = 'INTEGER' AND NOT l.wr AND (SELECT sum(pk > 0) FROM pragma_table_xinfo(m.name)) = 1),
			CASE WHEN upper(trim(c.dflt_value, '() ')) = 'NULL' THEN NULL ELSE c.dflt_value END, c.pk, c.hidden, l.wr, l.strict
			FROM sqlite_master m, pragma_table_xinfo(m.name) c, pragma_table_list(m.name) l WHERE m.type = 'table' AND m.name NOT GLOB 'sqlite_*'`,
		`SELECT m.name, l."unique", l.origin, (SELECT group_concat(x.name || ' ' || x.coll || x.desc, '|') FROM pragma_index_xinfo(l.name) x WHERE x.key)
			FROM sqlite_master m, pragma_index_list(m.name) l WHERE m.type = 'table'`,
		`SELECT DISTINCT m.name, f."table", f."from", f.on_update, f.on_delete FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`,
	} {
		for _, row := range answer(t, db, q).Rows {
			s := comments.ReplaceAllString(fmt.Sprint(row), "")
			s = strings.Map(func(r rune) rune {
				if strings.ContainsRune(" \t\r\n\f\v()+\"'`[]\uFEFF", r) {
					return -1
				}
				return r
			}, s)
			list = append(list, strings.ToLower(s))
		}
	}
	return distinct(list)
}
