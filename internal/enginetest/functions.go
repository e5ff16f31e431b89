package enginetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

var functionScenarios = []scenario{
	{"AGoMigrationBetweenFiles", goMigrationBetweenFiles},
	{"ValuesInGoMigrations", valuesInGoMigrations},
	{"ResultsInGoMigrations", resultsInGoMigrations},
	{"TimesInGoMigrations", timesInGoMigrations},
	{"AGoMigrationThatCarriesOnAfterAnError", goMigrationCarriesOn},
	{"GoMigrationsThatMisbehave", each(func(m misbehaviour) string { return m.name }, misbehaviours, goMigrationMisbehaves)},
	{"AGoMigrationThatKeepsItsTransaction", goMigrationKeepsItsTransaction},
	{"AGoMigrationThatLeavesRowsOpen", goMigrationLeavesRowsOpen},
}

// with is a set of files and one function.
func with(w *world, list []string, version int64, name string, f migratingsqlite.MigrateFunc) *migratingsqlite.Set {
	w.Helper()
	return load(w, "app", files(list...), migratingsqlite.Func(version, name, f, nil))
}

func goMigrationBetweenFiles(w *world) {
	up := func(ctx context.Context, tx migratingsqlite.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT id, name FROM users")
		if err != nil {
			return err
		}
		defer rows.Close()
		update, err := tx.PrepareContext(ctx, "UPDATE users SET name = ? WHERE id = ?")
		if err != nil {
			return err
		}
		defer update.Close()
		for rows.Next() {
			var id int
			var name string
			if err := rows.Scan(&id, &name); err != nil {
				return err
			}
			if _, err := update.ExecContext(ctx, strings.ToUpper(name), id); err != nil {
				return err
			}
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE name = upper(name)").Scan(&n); err != nil || n != 2 {
			return fmt.Errorf("%d users, %w", n, err)
		}
		return errors.Join(rows.Err(), rows.Close())
	}
	set := with(w, and(twoTables[:2], "0003_more.sql", "INSERT INTO users (name) VALUES ('cid')"), 2, "upper", up)
	must(w, w.up(set))
	want(w, w.rows("SELECT name FROM users ORDER BY id"), []string{"ADA", "BOB", "cid"})
	want(w, w.history(), []string{"app|1|users|applied", "app|2|upper|applied", "app|3|more|applied"})
	want(w, w.rows("SELECT checksum, compatible FROM migratingsqlite_history WHERE version = 2 AND set_name = 'app'"), []string{"func|0"})
	w.isUpToDate(set)
}

func valuesInGoMigrations(w *world) {
	type value struct {
		arg    any
		sqlite string // typeof and quote
		back   any
	}
	values := []value{
		{nil, "null|NULL", nil},
		{int64(math.MaxInt64), "integer|9223372036854775807", int64(math.MaxInt64)},
		{int64(math.MinInt64), "integer|-9223372036854775808", int64(math.MinInt64)},
		{int64(1)<<53 + 1, "integer|9007199254740993", int64(1)<<53 + 1},
		{0, "integer|0", int64(0)},
		{uint8(200), "integer|200", int64(200)},
		{true, "integer|1", int64(1)},
		{false, "integer|0", int64(0)},
		{0.1, "real|0.1", 0.1},
		{2.0, "real|2.0", 2.0},
		{-1e300, "real|-1.0e+300", -1e300},
		{"", "text|''", ""},
		{"it's; -- \"no\" comment", "text|'it''s; -- \"no\" comment'", "it's; -- \"no\" comment"},
		{"line\r\nend\t", "text|'line\r\nend\t'", "line\r\nend\t"},
		{"ünï 日本 🎉", "text|'ünï 日本 🎉'", "ünï 日本 🎉"},
		{"2024-02-29", "text|'2024-02-29'", "2024-02-29"},
		{"2024-02-29T12:30:00Z", "text|'2024-02-29T12:30:00Z'", "2024-02-29T12:30:00Z"},
		{"7", "text|'7'", "7"},
		{[]byte{0, 1, 0xff, '\''}, "blob|X'0001FF27'", []byte{0, 1, 0xff, '\''}},
		{[]byte("text"), "blob|X'74657874'", []byte("text")},
		{[]byte{}, "blob|X''", []byte{}},
		{sql.NullString{}, "null|NULL", nil},
		{sql.NullInt64{Int64: 7, Valid: true}, "integer|7", int64(7)},
		{strings.Repeat("long ", 20000), "text|'" + strings.Repeat("long ", 20000) + "'", strings.Repeat("long ", 20000)},
	}
	if w.has(Infinity) {
		values = append(values, value{math.Inf(1), "real|", math.Inf(1)}) // SQLite's versions write it differently
	}
	up := func(ctx context.Context, tx migratingsqlite.Tx) error {
		insert, err := tx.PrepareContext(ctx, "INSERT INTO v (x) VALUES (?)")
		if err != nil {
			return err
		}
		defer insert.Close()
		for i, v := range values {
			id := sql.Named("id", i+1)
			if i%2 == 0 {
				_, err = insert.ExecContext(ctx, v.arg)
			} else {
				_, err = tx.ExecContext(ctx, "INSERT INTO v (id, x) VALUES (:id, :x)", sql.Named("x", v.arg), id)
			}
			if err != nil {
				return fmt.Errorf("%v: %w", v.arg, err)
			}
			var back, same any
			var kind string
			err = tx.QueryRowContext(ctx, "SELECT x, ?2, typeof(?2) FROM v WHERE id = ?1", i+1, v.arg).Scan(&back, &same, &kind)
			if err != nil || !equal(back, v.back) || !equal(same, v.back) || kind != v.sqlite[:strings.Index(v.sqlite, "|")] {
				w.Errorf("%T %.80v became %T %.80v, %T %.80v, %s: %v", v.arg, v.arg, back, back, same, same, kind, err)
			}
		}
		if !w.has(Infinity) {
			_, err := tx.ExecContext(ctx, "INSERT INTO v (x) VALUES (?)", math.Inf(1))
			wantError(w, err, nil, w.Limits[Infinity])
		}
		var a, b, c sql.NullString
		if err := tx.QueryRowContext(ctx, "SELECT ?2, NULL, ?1", "first", "second").Scan(&a, &b, &c); err != nil {
			return err
		}
		want(w, []string{a.String, b.String, c.String}, []string{"second", "", "first"})
		for text, args := range map[string][]any{"SELECT ?, ?": {1}, "SELECT :a": {sql.Named("b", 1)}, "SELECT ?": {struct{}{}}} {
			if err := tx.QueryRowContext(ctx, text, args...).Scan(new(any), new(any)); err == nil || strings.Contains(err.Error(), "destination") {
				w.Errorf("%s with %v: %v", text, args, err)
			}
		}
		return nil
	}
	must(w, w.up(with(w, []string{"0001_v.sql", "CREATE TABLE v (id INTEGER PRIMARY KEY, x)"}, 2, "values", up)))
	got := w.rows("SELECT typeof(x), quote(x) FROM v ORDER BY id")
	for i, v := range values {
		if i >= len(got) || got[i] != v.sqlite && !(strings.HasSuffix(v.sqlite, "|") && strings.HasPrefix(got[i], v.sqlite)) {
			w.Errorf("%T %.80v is stored as %.80s, not as %.80s", v.arg, v.arg, got[min(i, len(got)-1)], v.sqlite)
		}
	}
}

func equal(a, b any) bool {
	x, ok1 := a.([]byte)
	y, ok2 := b.([]byte)
	return ok1 && ok2 && bytes.Equal(x, y) || reflect.DeepEqual(a, b)
}

func resultsInGoMigrations(w *world) {
	up := func(ctx context.Context, tx migratingsqlite.Tx) error {
		for _, c := range []struct {
			text         string
			rows, lastID int64 // 0: it is not the statement's
		}{
			{"INSERT INTO users (name) VALUES ('cid'), ('dan')", 2, 4},
			{"UPDATE users SET name = upper(name) WHERE id > 1", 3, 0},
			{"INSERT INTO users (id, name) VALUES (70, 'eve')", 1, 70},
			{"DELETE FROM users WHERE id > 2", 3, 0},
			{"DELETE FROM users WHERE 0", 0, 0},
		} {
			r, err := tx.ExecContext(ctx, c.text)
			if err != nil {
				return err
			}
			n, err := r.RowsAffected()
			id, err2 := r.LastInsertId()
			if n != c.rows || c.lastID > 0 && id != c.lastID || errors.Join(err, err2) != nil {
				w.Errorf("%s: %d rows, id %d: %v", c.text, n, id, errors.Join(err, err2))
			}
		}
		rows, err := tx.QueryContext(ctx, `SELECT id, name AS "the name", 1 AS id FROM users ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		columns, err := rows.Columns()
		want(w, columns, []string{"id", "the name", "id"})
		want(w, err, nil)
		n := 0
		for ; rows.Next(); n++ {
		}
		want(w, n, 2)
		want(w, rows.Err(), nil)
		// A query that returns rows, and changes some.
		var id int64
		want(w, tx.QueryRowContext(ctx, "INSERT INTO users (name) VALUES (?) RETURNING id", "fay").Scan(&id), nil)
		want(w, tx.QueryRowContext(ctx, "SELECT 1 FROM users WHERE 0").Scan(&id), sql.ErrNoRows)
		want(w, tx.QueryRowContext(ctx, "SELECT count(*) FROM users").Scan(&id), nil)
		want(w, id, 3)
		// Several statements in one text; rows that are not wanted.
		_, err = tx.ExecContext(ctx, "CREATE TABLE b (x); INSERT INTO b VALUES (1); SELECT x FROM b; PRAGMA table_info(b); INSERT INTO b VALUES (2) RETURNING x;")
		return err
	}
	must(w, w.up(with(w, twoTables[:2], 2, "results", up)))
	want(w, w.rows("SELECT count(*), sum(x) FROM b"), []string{"2|3"})
	want(w, w.rows("SELECT id, name FROM users ORDER BY id"), []string{"1|ada", "2|BOB", "3|fay"})
}

func timesInGoMigrations(w *world) {
	moment := time.Date(2024, 2, 29, 12, 30, 15, 0, time.UTC)
	up := func(ctx context.Context, tx migratingsqlite.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO events (at) VALUES (?)", moment); err != nil {
			return err
		}
		var at any
		if err := tx.QueryRowContext(ctx, "SELECT at FROM events").Scan(&at); err != nil {
			return err
		}
		if !w.has(FunctionsReadTimes) {
			want(w, at, any("2024-02-29T12:30:15Z"))
			return nil
		}
		if got, ok := at.(time.Time); !ok || !got.Equal(moment) {
			w.Errorf("%T %v", at, at)
		}
		return nil
	}
	db := w.open(with(w, []string{"0001_e.sql", "CREATE TABLE events (at DATETIME)"}, 2, "event", up), "")
	var at time.Time
	must(w, db.QueryRow("SELECT at FROM events").Scan(&at))
	if !at.Equal(moment) {
		w.Error(at)
	}
	want(w, w.rows("SELECT typeof(at), substr(at, 1, 10) || '/' || substr(at, 12, 8) FROM events"), []string{"text|2024-02-29/12:30:15"})
}

func goMigrationCarriesOn(w *world) {
	up := func(ctx context.Context, tx migratingsqlite.Tx) error {
		for _, text := range []string{"INSERT INTO users (id) VALUES (3), (1)", "SELECT nonsense", "INSERT INTO nowhere VALUES (1)", "SELEC"} {
			if _, err := tx.ExecContext(ctx, text); err == nil {
				w.Error(text)
			}
			if err := tx.QueryRowContext(ctx, text).Scan(new(int)); err == nil || errors.Is(err, sql.ErrNoRows) {
				w.Error(text, err)
			}
		}
		if _, err := tx.ExecContext(ctx, "SAVEPOINT s; DELETE FROM users; ROLLBACK TO s; RELEASE s"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO users (name) VALUES ('cid')")
		return err
	}
	set := with(w, twoTables[:2], 2, "try", up)
	must(w, w.up(set))
	want(w, w.rows("SELECT id, name FROM users ORDER BY id"), []string{"1|ada", "2|bob", "3|cid"})
	w.isUpToDate(set)
}

type misbehaviour struct {
	name  string
	f     func(context.Context, migratingsqlite.Tx) error
	words []string
}

const (
	endOfDeadline = "ignored end of a deadline of its own"

	half      = "INSERT INTO users (name) VALUES ('half')"
	longWrite = "INSERT INTO users (name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT i FROM n"
	clash     = "INSERT OR ROLLBACK INTO users (id) VALUES (1)"
)

var errOfTheirOwn = errors.New("not with these users")

var misbehaviours = []misbehaviour{
	{"error", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, half)
		return fmt.Errorf("no: %w", errOfTheirOwn)
	}, []string{"failed: no: not with these users"}},
	{"error of a statement", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, half)
		_, err := tx.ExecContext(ctx, "UPDATE nowhere SET x = 1")
		return err
	}, []string{"failed: no such table: nowhere"}},
	{"panic", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, half)
		panic("at the disco")
	}, []string{"panic: at the disco", "functions.go:"}},
	{"panic with an error", func(ctx context.Context, tx migratingsqlite.Tx) error {
		var m map[string]int
		//lint:ignore SA5000 it is to panic
		m["x"] = 1
		return nil
	}, []string{"assignment to entry in nil map"}},
	{"Goexit", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, half)
		runtime.Goexit()
		return nil
	}, []string{"Goexit"}},
	{"COMMIT", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, half)
		tx.ExecContext(ctx, "COMMIT")
		return nil
	}, []string{"COMMIT does not belong in a migration"}},
	{"COMMIT behind other statements", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, half+"; /* */ end transaction; BEGIN")
		return nil
	}, []string{"does not belong in a migration"}},
	{"COMMIT prepared", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, half)
		if stmt, err := tx.PrepareContext(ctx, "COMMIT"); err == nil {
			stmt.Exec()
		}
		return nil
	}, []string{"COMMIT does not belong in a migration"}},
	{"COMMIT as a query", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, half)
		if rows, err := tx.QueryContext(ctx, "COMMIT"); err == nil {
			rows.Close()
		}
		return nil
	}, []string{"COMMIT does not belong in a migration"}},
	{"ROLLBACK as a row", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, half)
		tx.QueryRowContext(ctx, "ROLLBACK").Scan()
		return nil
	}, []string{"ROLLBACK does not belong in a migration"}},
	{"ignored end of its transaction", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, clash)
		tx.ExecContext(ctx, half)
		return nil
	}, []string{"transaction", "UNIQUE constraint failed: users.id"}},
	{"ignored end of its transaction by a query", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.QueryRowContext(ctx, clash+" RETURNING id").Scan(new(int))
		tx.ExecContext(ctx, half)
		return nil
	}, []string{"transaction", "UNIQUE constraint failed: users.id"}},
	{"ignored end of its transaction by a prepared statement", func(ctx context.Context, tx migratingsqlite.Tx) error {
		stmt, err := tx.PrepareContext(ctx, clash)
		if err != nil {
			return err
		}
		defer stmt.Close()
		stmt.ExecContext(ctx)
		tx.ExecContext(ctx, half)
		return nil
	}, []string{"transaction"}},
	{"ignored end of its transaction by the rows of a query", func(ctx context.Context, tx migratingsqlite.Tx) error {
		if rows, err := tx.QueryContext(ctx, clash+" RETURNING id"); err == nil {
			for rows.Next() {
			}
			rows.Close()
		}
		tx.ExecContext(ctx, half)
		return nil
	}, []string{"transaction", "UNIQUE constraint failed: users.id"}},
	{"end of its transaction between prepared statements", func(ctx context.Context, tx migratingsqlite.Tx) error {
		first, err := tx.PrepareContext(ctx, clash)
		if err != nil {
			return err
		}
		defer first.Close()
		second, err := tx.PrepareContext(ctx, half)
		if err != nil {
			return err
		}
		defer second.Close()
		first.ExecContext(ctx)
		second.ExecContext(ctx)
		return nil
	}, []string{"transaction"}},
	{"ignored end of its transaction by a trigger", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, "CREATE TRIGGER no BEFORE DELETE ON users BEGIN SELECT RAISE(ROLLBACK, 'not with me'); END")
		tx.ExecContext(ctx, "DELETE FROM users")
		tx.ExecContext(ctx, half)
		return nil
	}, []string{"transaction", "not with me"}},
	{endOfDeadline, func(ctx context.Context, tx migratingsqlite.Tx) error {
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		tx.ExecContext(short, longWrite)
		tx.ExecContext(ctx, half)
		return nil
	}, []string{"transaction", "context deadline exceeded"}},
	{endOfDeadline + ", prepared", func(ctx context.Context, tx migratingsqlite.Tx) error {
		stmt, err := tx.PrepareContext(ctx, longWrite)
		if err != nil {
			return err
		}
		defer stmt.Close()
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		stmt.ExecContext(short)
		tx.ExecContext(ctx, half)
		return nil
	}, []string{"transaction"}},
	{"RELEASE of what holds it", func(ctx context.Context, tx migratingsqlite.Tx) error {
		tx.ExecContext(ctx, half)
		_, err := tx.ExecContext(ctx, "RELEASE migratingsqlite_func")
		if err == nil {
			tx.ExecContext(ctx, half)
		}
		return nil
	}, nil},
}

func goMigrationMisbehaves(w *world, m misbehaviour) {
	must(w, w.up(app(w, twoTables[:2]...)))
	set := with(w, twoTables[:2], 2, "misbehave", m.f)
	err := w.up(set)
	wantError(w, err, nil, append(m.words, "migration 0002_misbehave failed: ", "the database is unchanged, at version 1")...)
	var failed *migratingsqlite.MigrationError
	if !errors.As(err, &failed) || failed.Version != 2 || failed.File != "" || failed.Line != 0 {
		w.Errorf("%+v", failed)
	}
	if m.name == "error" && !errors.Is(err, errOfTheirOwn) {
		w.Error("the function's own error is not behind it")
	}
	want(w, w.rows("SELECT id, name FROM users ORDER BY id"), []string{"1|ada", "2|bob"})
	want(w, w.number("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"), "0")
	// A statement that goes on has the connection, and perhaps the lock.
	if history := w.history(); w.has(Interrupt) || !strings.HasPrefix(m.name, endOfDeadline) || len(history) > 1 {
		want(w, history, []string{"app|1|users|applied", "app|2|misbehave|failed"})
	}
	w.leaseIsFree()
	w.holdingTheLock(func() {})
	set = with(w, twoTables[:2], 2, "behave", func(ctx context.Context, tx migratingsqlite.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM users WHERE id = 1")
		return err
	})
	must(w, w.up(set))
	want(w, w.rows("SELECT id, name FROM users ORDER BY id"), []string{"2|bob"})
	want(w, w.history(), []string{"app|1|users|applied", "app|2|behave|applied"})
	w.isUpToDate(set)
}

func goMigrationKeepsItsTransaction(w *world) {
	var kept migratingsqlite.Tx
	var keptCtx context.Context
	var during error
	set := load(w, "app", files(twoTables[:2]...), migratingsqlite.Func(2, "keep", func(ctx context.Context, tx migratingsqlite.Tx) error {
		kept, keptCtx = tx, ctx
		return nil
	}, nil), migratingsqlite.Func(3, "use", func(ctx context.Context, tx migratingsqlite.Tx) error {
		_, during = kept.ExecContext(ctx, "DELETE FROM users")
		return nil
	}, nil))
	db := w.open(set, "")
	must(w, db.Ping())
	wantError(w, during, nil, "has ended")
	if keptCtx.Err() == nil {
		w.Error("the context of the migration goes on")
	}
	_, err := kept.ExecContext(context.Background(), "DELETE FROM users")
	wantError(w, err, nil, "has ended")
	_, err = kept.QueryContext(context.Background(), "DELETE FROM users RETURNING id")
	wantError(w, err, nil, "has ended")
	_, err = kept.PrepareContext(context.Background(), "DELETE FROM users")
	wantError(w, err, nil, "has ended")
	wantError(w, kept.QueryRowContext(context.Background(), "DELETE FROM users RETURNING id").Err(), nil, "has ended")
	want(w, w.number("SELECT count(*) FROM users"), "2")
}

func goMigrationLeavesRowsOpen(w *world) {
	set := with(w, and(twoTables[:2], "0003_drop.sql", "DROP TABLE users; CREATE TABLE people (x)"), 2, "rows", func(ctx context.Context, tx migratingsqlite.Tx) error {
		for range 5 {
			rows, err := tx.QueryContext(ctx, "SELECT * FROM users")
			if err != nil {
				return err
			}
			if !rows.Next() {
				return errors.New("no row")
			}
		}
		stmt, err := tx.PrepareContext(ctx, "SELECT * FROM users")
		if err != nil {
			return err
		}
		rows, err := stmt.QueryContext(ctx)
		if err != nil {
			return err
		}
		rows.Next()
		return tx.QueryRowContext(ctx, "SELECT * FROM users").Err()
	})
	must(w, w.up(set))
	w.isUpToDate(set)
}
