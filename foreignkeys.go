package migratingsqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A foreignKey is one foreign key of one table.
type foreignKey struct {
	table, columns string // columns in lower case, separated by commas
	parent         string
}

// violations are the rows that break foreign keys. A row is told by the values
// that refer to nothing, since a rebuilt table may number its rows anew.
type violations struct {
	keys map[foreignKey]bool           // all that there are
	rows map[foreignKey]map[string]int // values → number of rows
	// unchecked has keys that SQLite cannot check, and why: the parent lacks
	// the unique index.
	unchecked map[string]string
}

// findViolations does what PRAGMA foreign_key_check does, and groups the rows.
// https://www.sqlite.org/pragma.html#pragma_foreign_key_check
func findViolations(ctx context.Context, s *session) (*violations, error) {
	v := &violations{keys: map[foreignKey]bool{}, rows: map[foreignKey]map[string]int{}, unchecked: map[string]string{}}
	type broken struct {
		table string
		id    int64
	}
	found := map[broken]bool{}
	check := func(pragma string) error {
		return each(ctx, s.Conn, pragma, func(rows *sql.Rows) error {
			var b broken
			var rowid sql.NullInt64
			var parent string
			err := rows.Scan(&b.table, &rowid, &parent, &b.id)
			found[b] = true
			return err
		})
	}
	err := check("PRAGMA foreign_key_check")
	if sqliteCode(err) == sqliteError {
		// One key that cannot be checked makes the whole check fail.
		var tables []string
		if tables, err = names(ctx, s, "SELECT name FROM sqlite_master WHERE type = 'table'"); err != nil {
			return nil, err
		}
		for _, t := range tables {
			err = check("PRAGMA foreign_key_check(" + quoteName(t) + ")")
			if sqliteCode(err) == sqliteError {
				v.unchecked[strings.ToLower(t)] = causeText(err)
				err = nil
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if err != nil || len(found) == 0 {
		return v, err
	}
	if err := v.findKeys(ctx, s); err != nil {
		return nil, err
	}
	for b := range found {
		if err := v.findRows(ctx, s, b.table, b.id); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (v *violations) findKeys(ctx context.Context, s *session) error {
	return each(ctx, s.Conn, `SELECT t.name, group_concat(k."from"), k."table"
		FROM sqlite_master AS t, pragma_foreign_key_list(t.name) AS k WHERE t.type = 'table' GROUP BY t.name, k.id`,
		func(rows *sql.Rows) error {
			var k foreignKey
			err := rows.Scan(&k.table, &k.columns, &k.parent)
			v.keys[k.lower()] = true
			return err
		})
}

// findRows asks for the values that break one foreign key.
func (v *violations) findRows(ctx context.Context, s *session, table string, id int64) error {
	var from, to []string
	var parent string
	rows, err := s.QueryContext(ctx, `SELECT "table", "from", "to" FROM pragma_foreign_key_list(?) WHERE id = ? ORDER BY seq`, table, id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var f string
		var t sql.NullString
		if err := rows.Scan(&parent, &f, &t); err != nil {
			return err
		}
		from = append(from, f)
		if t.Valid {
			to = append(to, t.String)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	columns, err := names(ctx, s, "SELECT name FROM pragma_table_info("+quoteText(parent)+") ORDER BY pk = 0, pk")
	if err != nil {
		return err
	}
	if len(to) < len(from) { // it refers to the primary key
		to = columns[:min(len(from), len(columns))]
	}
	values, where, match := make([]string, len(from)), make([]string, len(from)), make([]string, 0, len(from))
	for i, f := range from {
		values[i] = "quote(c." + quoteName(f) + ")"
		where[i] = "c." + quoteName(f) + " IS NOT NULL"
		if len(columns) > 0 { // else there is no such table
			// The plus takes the child's affinity and collation away: a foreign
			// key compares by the parent's. https://www.sqlite.org/foreignkeys.html
			match = append(match, "p."+quoteName(to[i])+" = +c."+quoteName(f))
		}
	}
	q := "SELECT " + strings.Join(values, "||','||") + ", count(*) FROM " + quoteName(table) + " AS c WHERE " + strings.Join(where, " AND ")
	if len(match) > 0 {
		q += " AND NOT EXISTS (SELECT 1 FROM " + quoteName(parent) + " AS p WHERE " + strings.Join(match, " AND ") + ")"
	}
	byValue := map[string]int{}
	v.rows[foreignKey{table, strings.Join(from, ","), parent}.lower()] = byValue
	return each(ctx, s.Conn, q+" GROUP BY 1", func(rows *sql.Rows) error {
		var value string
		var n int
		err := rows.Scan(&value, &n)
		byValue[value] = n
		return err
	})
}

// newSince says which violations were not there before, without their values,
// which are data. Those of a key that is gone are looked for under the names
// that its table and columns may have now.
func (v *violations) newSince(before *violations) (texts []string) {
	moved := map[string]int{}
	for key, byValue := range before.rows {
		if !v.keys[key] {
			for value, n := range byValue {
				moved[value] += n
			}
		}
	}
	for key, byValue := range v.rows {
		fresh := 0
		for value, n := range byValue {
			n -= before.rows[key][value]
			if !before.keys[key] {
				known := min(n, moved[value])
				moved[value] -= known
				n -= known
			}
			fresh += max(n, 0)
		}
		if fresh > 0 {
			texts = append(texts, fmt.Sprintf("table %s, column %s: no such row in %s (%d %s)", key.table, key.columns, key.parent, fresh, plural(fresh, "row", "rows")))
		}
	}
	for table, why := range v.unchecked {
		if before.unchecked[table] == "" {
			texts = append(texts, why)
		}
	}
	slices.Sort(texts)
	return texts
}

func (k foreignKey) lower() foreignKey {
	return foreignKey{strings.ToLower(k.table), strings.ToLower(k.columns), strings.ToLower(k.parent)}
}

func names(ctx context.Context, s *session, q string) (list []string, err error) {
	err = each(ctx, s.Conn, q, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		list = append(list, name)
		return err
	})
	return list, err
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
func quoteText(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }
