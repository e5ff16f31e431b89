package migratingsqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// violations counts rows that break a foreign key. What is counted is not the
// row number, which a rebuilt table may give anew, but the row's reference:
// table, parent and the values that are not there.
type violations map[string]violation

type violation struct {
	count int
	text  string // for people, without the values: they are data
}

// foreignKeyViolations runs PRAGMA foreign_key_check.
// https://www.sqlite.org/pragma.html#pragma_foreign_key_check
func foreignKeyViolations(ctx context.Context, s *session) (violations, error) {
	v := violations{}
	list, err := foreignKeyCheck(ctx, s, "PRAGMA foreign_key_check")
	if err != nil && sqliteCode(err) == sqliteError {
		// One table with a key that cannot be checked (its parent lacks the
		// unique index) makes the whole check fail. Such a key is a violation
		// like any other; the rest of the tables must still be looked at.
		list, err = checkEachTable(ctx, s, v)
	}
	if err != nil {
		return nil, err
	}
	columns := map[string][]string{}
	for _, b := range list {
		id := fmt.Sprintf("%s\x00%d", b.table, b.key)
		cols, ok := columns[id]
		if !ok {
			if cols, err = referringColumns(ctx, s, b.table, b.key); err != nil {
				return nil, err
			}
			columns[id] = cols
		}
		what := strings.ToLower(b.table + "\x00" + b.parent + "\x00" + strings.Join(cols, "\x00"))
		text := fmt.Sprintf("table %s, column %s: no such row in %s", b.table, strings.Join(cols, ", "), b.parent)
		if b.rowid.Valid && len(cols) > 0 {
			values := make([]string, len(cols))
			for i, c := range cols {
				values[i] = "quote(" + quoteName(c) + ")"
			}
			var value string
			err := s.QueryRowContext(ctx, "SELECT "+strings.Join(values, "||char(0)||")+" FROM "+quoteName(b.table)+" WHERE rowid = ?", b.rowid.Int64).Scan(&value)
			if err != nil {
				return nil, err
			}
			what += "\x00" + value
			text = fmt.Sprintf("table %s, rowid %d, column %s: no such row in %s", b.table, b.rowid.Int64, strings.Join(cols, ", "), b.parent)
		}
		v[what] = violation{v[what].count + 1, text}
	}
	return v, nil
}

// brokenKey is a row of PRAGMA foreign_key_check.
type brokenKey struct {
	table, parent string
	rowid         sql.NullInt64 // NULL in a WITHOUT ROWID table
	key           int
}

func foreignKeyCheck(ctx context.Context, s *session, q string) (list []brokenKey, err error) {
	err = each(ctx, s.Conn, q, func(rows *sql.Rows) error {
		var b brokenKey
		err := rows.Scan(&b.table, &b.rowid, &b.parent, &b.key)
		list = append(list, b)
		return err
	})
	return list, err
}

func checkEachTable(ctx context.Context, s *session, v violations) (list []brokenKey, err error) {
	var tables []string
	err = each(ctx, s.Conn, "SELECT name FROM sqlite_master WHERE type = 'table'", func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		tables = append(tables, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		l, err := foreignKeyCheck(ctx, s, "PRAGMA foreign_key_check("+quoteName(table)+")")
		switch {
		case err == nil:
			list = append(list, l...)
		case sqliteCode(err) == sqliteError:
			v[strings.ToLower(table)] = violation{1, causeText(err)}
		default:
			return nil, err
		}
	}
	return list, nil
}

// referringColumns returns the columns of a table's foreign key, by its number.
func referringColumns(ctx context.Context, s *session, table string, key int) (cols []string, err error) {
	rows, err := s.QueryContext(ctx, `SELECT "from" FROM pragma_foreign_key_list(?) WHERE id = ? ORDER BY seq`, table, key)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c string
		if err := rows.Scan(&c); err != nil {
			return nil, err
		}
		cols = append(cols, c)
	}
	return cols, rows.Err()
}

// newSince returns the violations that were not there before, for people.
func (v violations) newSince(before violations) (texts []string) {
	for what, now := range v {
		if now.count > before[what].count {
			texts = append(texts, now.text)
		}
	}
	slices.Sort(texts)
	return texts
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
