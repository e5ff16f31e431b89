package script

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// FuzzSplit holds Split to the real SQLite: a script executed whole and the
// same script executed piece by piece must leave the same database, and both
// fail or neither.
func FuzzSplit(f *testing.F) {
	for _, src := range scripts {
		f.Add(src)
	}
	f.Fuzz(againstSQLite)
}

// FuzzFragments does the same with scripts put together from the pieces that
// matter to a splitter, one a byte: random bytes seldom make SQL that runs.
func FuzzFragments(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3})
	f.Fuzz(func(t *testing.T, picks []byte) {
		var b strings.Builder
		b.WriteString("CREATE TABLE t(a, \"end\");CREATE VIEW v AS SELECT 1 AS a;")
		for _, pick := range picks {
			b.WriteString(fragments[int(pick)%len(fragments)])
		}
		againstSQLite(t, b.String())
	})
}

var fragments = []string{
	";", ";", ";", " ", "\n", "\v", "\r", bom, "'", "\"", "`", "[", "]", "/*", "*/", "/", "*", "--", "-", "--\n", "/**/", "$", ":", "::",
	"?", "(", ")", "$x(;)", "$x", "$x(", "#x", "@a::b", "x'", "x'3b'", "1", "1e", ".", ",", "END", "end", " END;", "; END", ";END;", "BEGIN ",
	"CREATE ", "TEMP ", "TRIGGER ", "EXPLAIN ", "QUERY PLAN ", "é", "\xff", "=", "->", "->>", "'a;b'", "\";\"", "[;]", "AS", " AS ", "CASE ", " WHEN ",
	" WHEN 1 THEN 2 END ", "SELECT ", "SELECT 1", "SELECT 1;", "INSERT INTO t VALUES(1,2);", "INSERT INTO t SELECT ", "UPDATE t SET a=a||';';",
	"CREATE TABLE u(b", "CREATE TABLE u(b);", "CREATE VIEW w AS SELECT ';'", "CREATE VIEW w AS SELECT 2;", "DROP TABLE u;", "DROP TRIGGER r;",
	"CREATE TRIGGER r INSERT ON t BEGIN ", "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1;", "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END;",
	"CREATE TEMP TRIGGER q INSERT ON v BEGIN SELECT 1; ", "CREATE TRIGGER q INSTEAD OF INSERT ON v BEGIN DELETE FROM t; ",
	"EXPLAIN CREATE TRIGGER e INSERT ON t BEGIN SELECT 1; ", "WITH c AS (SELECT ';') ", "BEGIN;", "COMMIT;", "SAVEPOINT s;", "RELEASE s;", "PRAGMA user_version=3;",
}

// againstSQLite executes src whole and in pieces and compares.
func againstSQLite(t *testing.T, src string) {
	if tooWild(src) {
		t.Skip()
	}
	stmts, splitErr := Split(src)

	whole := run(t, src)
	var texts []string
	for i, st := range stmts {
		// SQLite keeps what follows a CREATE VIEW or INDEX without semicolon, comments
		// included, in sqlite_schema. Split's contract is the last token.
		if i == len(stmts)-1 && splitErr == nil && !strings.HasSuffix(st.Text, ";") {
			texts = append(texts, src[st.Offset:])
			continue
		}
		texts = append(texts, st.Text)
	}
	pieces := run(t, texts...)
	if whole.slow || pieces.slow {
		t.Skip()
	}

	if splitErr != nil {
		e := splitErr.(*Error)
		if e.Msg == unclosedComment || e.Msg == nulByte {
			return // SQLite takes these for the end of the script; we do not
		}
		if whole.err == nil {
			t.Fatalf("Split refuses what SQLite executes: %v\n%q", splitErr, src)
		}
	} else if (whole.err == nil) != (pieces.err == nil) {
		t.Fatalf("whole: %v\npieces: %v\n%q\n%q", whole.err, pieces.err, src, texts)
	}
	if whole.dump != pieces.dump {
		t.Fatalf("whole (%v):\n%s\npieces (%v):\n%s\n%q\n%q", whole.err, whole.dump, pieces.err, pieces.dump, src, texts)
	}
}

// FuzzScanner checks what must hold for any text at all: the statements lie in
// the source in order, and between them is nothing but blanks, comments and
// semicolons.
func FuzzScanner(f *testing.F) {
	for _, src := range scripts {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		stmts, err := Split(src)
		pos := 0
		for _, st := range stmts {
			if st.Offset < pos || src[st.Offset:st.Offset+len(st.Text)] != st.Text || st.Text == "" {
				t.Fatalf("statement out of place: %+v after %d\n%q", st, pos, src)
			}
			checkGap(t, src[pos:st.Offset])
			checkPosition(t, src, st.Offset, st.Line, st.Column)
			pos = st.Offset + len(st.Text)
			checkAlone(t, st)
			st.Effect()
			st.ChangesRows()
			st.InTransaction()
		}
		Compatible(stmts)
		if err != nil {
			e := err.(*Error)
			if e.Offset < pos || e.Offset >= len(src) {
				t.Fatalf("error out of place: %+v\n%q", e, src)
			}
			checkPosition(t, src, e.Offset, e.Line, e.Column)
			return
		}
		checkGap(t, src[pos:])
	})
}

// checkGap fails if there is anything of meaning in what is between statements.
func checkGap(t *testing.T, gap string) {
	t.Helper()
	for i := 0; i < len(gap); i++ {
		if i = skipBlanks(gap, i); i < len(gap) && gap[i] != ';' {
			t.Fatalf("lost between statements: %q", gap)
		}
	}
}

func checkPosition(t *testing.T, src string, offset, line, column int) {
	t.Helper()
	before := src[:offset]
	wantLine := strings.Count(before, "\n") + 1
	wantColumn := offset - strings.LastIndex(before, "\n")
	if wantLine == 1 && strings.HasPrefix(before, bom) {
		wantColumn -= len(bom)
	}
	if line != wantLine || column != wantColumn {
		t.Fatalf("position of %d is %d:%d, want %d:%d\n%q", offset, line, column, wantLine, wantColumn, src)
	}
}

// checkAlone fails if a statement, split again, is not itself.
func checkAlone(t *testing.T, st Statement) {
	t.Helper()
	if strings.HasPrefix(st.Text, bom) {
		return
	}
	again, err := Split(st.Text)
	if err != nil || len(again) != 1 || again[0].Text != st.Text || again[0].Kind != st.Kind {
		t.Fatalf("%q (%v) split again: %+v, %v", st.Text, st.Kind, again, err)
	}
}

// tooWild is for scripts whose execution would prove nothing or do harm: they
// reach out of the database, depend on the clock or on chance, change what is
// shared by all connections of the process, or are too much for a fuzzer.
func tooWild(src string) bool {
	if len(src) > 4096 {
		return true
	}
	src = strings.ToLower(src)
	for _, word := range []string{
		"attach", "vacuum", "load_ext", "temp_store_directory", "fts3_tokenizer",
		"random", "now", "time", "julian", "current_",
		"heap_limit", "blob(", "printf", "format", "replace(", "hex(", "series", "schema_version", "writable",
		"data_version", "page_count", "freelist", "memory", "_cache",
	} {
		if strings.Contains(src, word) {
			return true
		}
	}
	return dateCall.MatchString(src)
}

// dateCall is not for UPDATE.
var dateCall = regexp.MustCompile(`\bdate`)

// An outcome is what an execution left behind.
type outcome struct {
	dump string
	err  error
	slow bool
}

// variables are the bindings of every execution, so that statements with
// variables run too.
var variables = []any{1, 2, 3, sql.Named("x", 4), sql.Named("x(;)", 5), sql.Named("a::b", 6), sql.Named("a::b(';)", 7)}

// run executes texts on a new database, one Exec each, up to the first error.
func run(t *testing.T, texts ...string) (o outcome) {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	for _, text := range texts {
		if _, o.err = conn.ExecContext(ctx, text, variables...); o.err != nil {
			break
		}
	}
	o.dump = dump(ctx, conn)
	o.slow = ctx.Err() != nil
	return o
}

// dump writes down everything that is in the database.
func dump(ctx context.Context, conn *sql.Conn) string {
	var b strings.Builder
	var tables []string
	for _, schema := range []string{"main", "temp"} {
		master := schema + ".sqlite_schema"
		if schema == "temp" {
			master = "sqlite_temp_schema"
		}
		query(ctx, conn, &b, "SELECT rowid, type, name, tbl_name, sql FROM "+master+" ORDER BY rowid", func(row []any) {
			if typ, _ := row[1].(string); typ == "table" {
				name, _ := row[2].(string)
				tables = append(tables, schema+`."`+strings.ReplaceAll(name, `"`, `""`)+`"`)
			}
		})
	}
	for _, table := range tables {
		query(ctx, conn, &b, "SELECT * FROM "+table, nil)
	}
	query(ctx, conn, &b, "PRAGMA user_version", nil)
	query(ctx, conn, &b, "PRAGMA application_id", nil)
	return b.String()
}

func query(ctx context.Context, conn *sql.Conn, b *strings.Builder, text string, each func([]any)) {
	fmt.Fprintln(b, text)
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		fmt.Fprintln(b, err)
		return
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	row, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			fmt.Fprintln(b, err)
			return
		}
		fmt.Fprintf(b, "%#v\n", row)
		if each != nil {
			each(row)
		}
	}
	if err := rows.Err(); err != nil {
		fmt.Fprintln(b, err)
	}
}
