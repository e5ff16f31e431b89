package libsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Each text of the engine that the package reads is provoked here or in the
// tests of servers, so that they fail when its wording changes.
func TestErrorsOfALocalFile(t *testing.T) {
	path := file(t)
	db := pool(t, "libsql:"+path)
	db.SetMaxOpenConns(1)
	must(t, db, `CREATE TABLE t (x UNIQUE, y NOT NULL DEFAULT 1, z CHECK (z > 0)); CREATE TABLE c (x REFERENCES t (x));
		CREATE TABLE i (id INTEGER PRIMARY KEY); INSERT INTO t (x) VALUES ('geheim');
		CREATE TRIGGER tr BEFORE DELETE ON t BEGIN SELECT RAISE (ABORT, 'database is full of rows'); END`)
	rival := pool(t, "libsql:"+path)
	tx, err := rival.Begin()
	if err != nil {
		t.Fatal(err)
	}
	must(t, tx, "INSERT INTO i VALUES (1)")
	if _, err := db.Exec("INSERT INTO t (x) VALUES (?)", "geheim"); kind(err) != Busy || err.Error() != "database is locked" || code(err) != 5 {
		t.Error(err)
	}
	tx.Rollback()
	for _, c := range []struct {
		text string
		args []any
		kind Kind
		code int
		want string
	}{
		{"INSERT INTO t (x) VALUES (?)", []any{"geheim"}, Constraint, 19, "UNIQUE constraint failed: t.x"},
		{"INSERT INTO t (x, y) VALUES ('geheim2', NULL)", nil, Constraint, 19, "NOT NULL constraint failed: t.y"},
		{"INSERT INTO t (x, z) VALUES ('geheim3', -1)", nil, Constraint, 19, "CHECK constraint failed: z > 0"},
		{"INSERT INTO c VALUES ('geheim4')", nil, Constraint, 19, "FOREIGN KEY constraint failed"},
		{"INSERT INTO i VALUES ('geheim')", nil, Other, 20, "datatype mismatch"},
		{"DELETE FROM t WHERE x = 'geheim'", nil, Other, 1, "database is full of rows"},
		{"SELECT x FROM nope WHERE x = 'geheim'", nil, Other, 1, "no such table: nope"},
		{"SELECT nope FROM t WHERE x = 'geheim'", nil, Other, 1, "no such column: nope"},
		{"ALTER TABLE t ADD COLUMN x", nil, Other, 1, "duplicate column name: x"},
		{"SELEC 'geheim'", nil, Other, 1, `near "SELEC": syntax error`},
		{"SELECT 1 'a' 'geheim'", nil, Other, 1, "near a string: syntax error"},
		{"SELECT 1 1 x'6768'", nil, Other, 1, `near "1": syntax error`},
		{"SELECT x'geheim'", nil, Other, 1, "unrecognized token"},
		{"SELECT 1geheim", nil, Other, 1, "unrecognized token"},
		{"SELECT zeroblob(2000000000)", nil, Other, 18, "string or blob too big"},
		{"ATTACH '/nowhere/geheim.db' AS a", nil, Other, 14, "unable to open database: /nowhere/geheim.db"},
		{"SELECT 'geheim\xff'", nil, Other, 1, "Wrong SQL: invalid utf-8 sequence of 1 bytes from index 14"},
		{"COMMIT", nil, Other, 1, "cannot commit - no transaction is active"},
		{"PRAGMA max_page_count = 20; INSERT INTO t (x) VALUES (zeroblob(1000000))", nil, Other, 13, "database or disk is full"},
		{"PRAGMA query_only = 1; DELETE FROM i", nil, Other, 8, "attempt to write a readonly database"},
	} {
		for _, query := range []bool{false, true} {
			var err error
			if query {
				err = db.QueryRow(c.text, c.args...).Scan(new(any))
			} else {
				_, err = db.Exec(c.text, c.args...)
			}
			if kind(err) != c.kind || code(err) != c.code || err.Error() != c.want {
				t.Errorf("%s (query: %v): %v, %d, %v; want %s", c.text, query, kind(err), code(err), err, c.want)
			}
		}
	}
	for name, c := range map[string]struct {
		content string
		code    int
		want    string
	}{
		"other":  {strings.Repeat("no database ", 100), 26, "file is not a database"},
		"folder": {"", 14, "unable to open database file"},
	} {
		other := t.TempDir() + "/" + name
		if c.content == "" {
			err = os.Mkdir(other, 0o700)
		} else {
			err = os.WriteFile(other, []byte(c.content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err := pool(t, "libsql:"+other).Exec("CREATE TABLE t (x)")
		if code(err) != c.code || err.Error() != c.want {
			t.Error(name, code(err), err)
		}
	}
	db.Close()
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(image); i++ {
		image[i] = 0xff
	}
	broken := file(t)
	if err := os.WriteFile(broken, image, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pool(t, "libsql:"+broken).Exec("INSERT INTO i VALUES (7)"); code(err) != 11 || err.Error() != "database disk image is malformed" {
		t.Error(code(err), err)
	}
}

// code is the code of an error, -1 if it is none of libSQL.
func code(err error) int {
	var e *Error
	if !errors.As(err, &e) {
		return -1
	}
	return e.Code()
}

func TestErrorsOfAServer(t *testing.T) {
	t.Parallel()
	db, s, _ := behindProxy(t)
	must(t, db, "CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES ('geheim')")
	for name, db := range map[string]*sql.DB{"remote": db, "replica": pool(t, s.URL+"?replica="+file(t))} {
		for _, c := range []struct {
			text string
			args []any
			kind Kind
			code int
			want string
		}{
			{"INSERT INTO t VALUES (?)", []any{"geheim"}, Constraint, 19, "UNIQUE constraint failed: t.x"},
			{"INSERT INTO t VALUES ('geheim')", nil, Constraint, 19, "UNIQUE constraint failed: t.x"},
			{"INSERT INTO nope VALUES ('geheim')", nil, Other, 1, "no such table: nope"},
			{"SELECT * FROM nope WHERE x = ?", []any{"geheim"}, Other, 1, "no such table: nope"},
			{"SELEC 'geheim'", nil, Other, 1, `near "SELEC": syntax error`},
			{"SELECT 1 'a' 'geheim'", nil, Other, 1, "near a string: syntax error"},
		} {
			for _, query := range []bool{false, true} {
				var err error
				if query {
					err = db.QueryRow(c.text, c.args...).Scan(new(any))
				} else {
					_, err = db.Exec(c.text, c.args...)
				}
				if kind(err) != c.kind || code(err) != c.code || err.Error() != c.want {
					t.Errorf("%s: %s (query: %v): %v, %d, %v; want %s", name, c.text, query, kind(err), code(err), err, c.want)
				}
			}
		}
		// A transaction that has read what another one has changed since.
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		number(t, tx, "SELECT count(*) FROM t")
		must(t, db, "INSERT INTO t VALUES (?)", name)
		if _, err := tx.Exec("INSERT INTO t VALUES ('geheim2')"); kind(err) != Busy || code(err) != 5 || err.Error() != "database is locked" {
			t.Error(name, kind(err), code(err), err)
		}
		tx.Rollback()
	}
}

// Whatever an engine says, no statement, argument, URL or token gets through.
func TestClean(t *testing.T) {
	const lead = "failed to execute query INSERT INTO t VALUES ('geheim')\nerror code = 2: geheim\nerror code = 2: "
	for _, text := range []string{
		"unsupported type geheim",
		"failed to bind argument no. 1 with value geheim and type string",
		"failed to open remote database https://h/?authToken=geheim\nerror code = 1",
		"failed to open database /r.db https://h\nerror code = 6: Error opening db path geheim: x, primary url https://geheim: sync error: x",
		"failed to open database /r.db https://h\nerror code = 6: Error opening db path geheim: geheim",
		"failed\nerror code = 1: Error opening URL https://geheim: geheim",
		lead + "anything else geheim",
		lead + "Error executing statement: Hrana: `api error: `status=500 Internal Server Error, body={\"error\":\"geheim\"}``",
		lead + "Error executing statement: Hrana: `api error: `status=502 Bad Gateway, body=<html>geheim</html>``",
		lead + "Error executing statement: Hrana: `api error: `status=404 Not Found, body=<html>geheim</html>``",
		lead + "Error executing statement: Hrana: `json error: `geheim``",
		lead + "Error executing statement: Hrana: `unexpected response: `geheim``",
		lead + "Error executing statement: Hrana: `cursor error: `geheim``",
		lead + "Error executing statement: Write delegation: `status: Internal, message: \"geheim\", details: [], metadata: MetadataMap { headers: {\"geheim\"} }`",
		lead + "Error executing statement: Write delegation: `geheim`",
		lead + "Error executing statement: SQLite failure: `near \"'geheim'\": syntax error`",
		lead + "Error executing statement: syntax error around L1:6: `'geheim'`",
		lead + "Unable to connect: Failed to connect to database: `Unable to open connection to local database file:geheim: 14`",
		lead + "Error syncing database: sync error: geheim",
	} {
		err := clean(errors.New(text))
		if err == nil || err.Error() == "" || strings.Contains(err.Error(), "geheim") || strings.Contains(fmt.Sprintf("%+v", err), "geheim") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, err := range []error{nil, driver.ErrBadConn, context.Canceled, context.DeadlineExceeded} {
		if clean(err) != err {
			t.Error(err)
		}
	}
	for text, want := range map[string]Kind{
		"Hrana: `api error: `status=401 Unauthorized, body={\"error\":\"Unauthorized: `The JWT has expired`\"}``":          Auth,
		"Hrana: `api error: `status=404 Not Found, body={\"error\":\"Namespace x doesn't exist\"}``":                       Other,
		"Hrana: `api error: `status=429 Too Many Requests, body=``":                                                        Unreachable,
		"Hrana: `api error: `status=504 Gateway Timeout, body=``":                                                          StreamLost,
		"Hrana: `http error: `channel closed``":                                                                            StreamLost,
		"Hrana: `http error: `error trying to connect: dns error: failed to lookup address information: Name not known``":  Unreachable,
		"Hrana: `stream error: `Error { message: \"a \\\"b\\\"\\u{1F600}\\n\", code: \"SQLITE_BUSY\" }``":                  Busy,
		"Write delegation: `status: Unauthenticated, message: \"no\", details: [], metadata: MetadataMap { headers: {} }`": Auth,
	} {
		if err := clean(errors.New("failed\nerror code = 1: Error executing statement: " + text)); kind(err) != want {
			t.Errorf("%s: %v: %v", text, kind(err), err)
		}
	}
	if got := unescape(`a \"b\" \\ \'c\' \u{1F600} \t`); got != "a \"b\" \\ 'c' \U0001F600 \t" {
		t.Errorf("%q", got)
	}
	for k := Other; k <= StreamLost; k++ {
		if k.String() == "unknown" {
			t.Error(int(k))
		}
	}
	if Kind(99).String() != "unknown" {
		t.Error("99")
	}
}
