package schema

import (
	"context"
	"fmt"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// Carried is what [DumpRows] has made of the rows of a table.
type Carried struct {
	Table string
	Rows  int
	Lost  string // why they are not in the script, "" if they are
}

// DumpRows is [Dump] with the rows that are in the tables, of which it writes an
// INSERT each, ordered as the tables keep them. Nothing of what a database holds
// besides structure and rows is in it, but for the numbers that AUTOINCREMENT has
// given away.
func DumpRows(ctx context.Context, db engine.Queryer, s *Schema) (script string, carried []Carried, err error) {
	var rows strings.Builder
	for _, name := range s.tableOrder() {
		t := s.tables[name]
		c := Carried{Table: t.name}
		if t.noRows() {
			if list, err := engine.Rows(ctx, db, "SELECT count(*) FROM "+quoteName(t.name)); err == nil && list[0][0] != int64(0) {
				n, _ := list[0][0].(int64)
				carried = append(carried, Carried{t.name, int(n), "its rows cannot be read"})
			}
			continue
		}
		if t.fromOthers() {
			continue
		}
		text, n, err := inserts(ctx, db, t)
		if err != nil {
			return "", nil, fmt.Errorf("reading the rows of %s: %w", quoteName(t.name), err)
		}
		if n > 0 {
			c.Rows = n
			carried = append(carried, c)
			rows.WriteString("\n" + text)
		}
		if t.autoincrements() {
			given, err := numbers(ctx, db, t)
			if err != nil {
				return "", nil, err
			}
			rows.WriteString(given)
		}
	}
	script = dumpAround(s, rows.String())
	if rows.Len() > 0 {
		for _, name := range s.tableOrder() {
			for _, st := range s.tables[name].refill(false) {
				script += "\n" + st.SQL + "\n"
			}
		}
	}
	return script, carried, nil
}

// inserts writes the rows of a table.
func inserts(ctx context.Context, db engine.Queryer, t *table) (text string, n int, err error) {
	columns := t.writable()
	var order string
	if rowid := t.rowid(t); rowid != "" {
		if t.rowidColumn() == nil {
			columns = append([]string{rowid}, columns...)
		}
		order = " ORDER BY " + rowid
	} else if t.noRowid {
		order = " ORDER BY " + keyList(t)
	}
	var names, values []string
	for _, c := range columns {
		q := quoteName(c)
		names = append(names, q)
		// A text with a NUL byte has no literal.
		values = append(values, fmt.Sprintf("iif(typeof(%[1]s) = 'text' AND instr(%[1]s, char(0)), 'CAST(' || quote(CAST(%[1]s AS BLOB)) || ' AS TEXT)', quote(%[1]s))", q))
	}
	list, err := engine.Rows(ctx, db, "SELECT "+strings.Join(values, ", ")+" FROM "+quoteName(t.name)+order)
	if err != nil {
		return "", 0, err
	}
	var b strings.Builder
	for i, row := range list {
		if i%500 == 0 { // SQLite takes no end of them, and people read lines
			if i > 0 {
				b.WriteString(";\n")
			}
			b.WriteString("INSERT INTO " + quoteName(t.name) + " (" + strings.Join(names, ", ") + ") VALUES")
		} else {
			b.WriteByte(',')
		}
		var literals []string
		for _, v := range row {
			literals = append(literals, fmt.Sprint(v))
		}
		b.WriteString("\n\t(" + strings.Join(literals, ", ") + ")")
	}
	if len(list) > 0 {
		b.WriteString(";\n")
	}
	return b.String(), len(list), nil
}

// keyList are the columns of the primary key.
func keyList(t *table) string {
	list := make([]string, 0, 2)
	for i := 1; ; i++ {
		n := len(list)
		for _, c := range t.columns {
			if c.pk == i {
				list = append(list, c.name)
			}
		}
		if len(list) == n {
			return nameList(list)
		}
	}
}

// numbers writes what AUTOINCREMENT has given away beyond the rows that are
// there.
func numbers(ctx context.Context, db engine.Queryer, t *table) (string, error) {
	name := quoteString(t.name)
	list, err := engine.Rows(ctx, db, "SELECT seq, coalesce((SELECT max(rowid) FROM "+quoteName(t.name)+"), 0) FROM sqlite_sequence WHERE name = "+name)
	switch {
	case err != nil:
		return "", fmt.Errorf("reading sqlite_sequence: %w", err)
	case len(list) == 0 || list[0][0] == list[0][1] || list[0][0] == int64(0):
		return "", nil
	}
	return fmt.Sprintf("\n-- Numbers that were given away are not given again.\nDELETE FROM sqlite_sequence WHERE name = %[1]s;\nINSERT INTO sqlite_sequence (name, seq) VALUES (%[1]s, %[2]v);\n", name, list[0][0]), nil
}
