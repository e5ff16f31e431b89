package libsql

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// rows are those of a query. The first one is fetched with it: errors are known
// at once, and a query for one row is one call.
type rows struct {
	conn *Conn
	ctx  context.Context
	err  error // of Next, for good

	// What the call that is running may touch: not to be read before it ends.
	raw     driver.Rows
	columns []string
	exact   bool           // text has an = in front
	next    []driver.Value // the row that was fetched last
	over    bool           // there was none

	fetched bool // next or over is for Next to return
}

// noRows are those of an empty text.
type noRows struct{}

// Columns returns none.
func (noRows) Columns() []string { return nil }

// Next returns io.EOF.
func (noRows) Next([]driver.Value) error { return io.EOF }

// Close does nothing.
func (noRows) Close() error { return nil }

// start runs the query and fetches the first row.
func (r *rows) start(st script.Statement, args []driver.NamedValue) (err error) {
	q := r.conn.raw.(driver.QueryerContext)
	if r.raw, err = q.QueryContext(context.Background(), st.Text, args); err != nil {
		return err
	}
	r.columns = r.raw.Columns()
	if r.exact = r.conn.exact && st.Kind == script.Select; r.exact {
		r.raw.Close() // no row was computed yet
		if r.raw, err = q.QueryContext(context.Background(), exactly(st.Text, len(r.columns)), args); err != nil {
			return err
		}
	}
	r.next = make([]driver.Value, len(r.columns))
	return r.fetch()
}

// exactly makes a query of another one whose text never looks like a time: it
// has an = in front.
func exactly(text string, columns int) string {
	names, values := make([]string, columns), make([]string, columns)
	for i := range columns {
		names[i] = fmt.Sprintf("c%d", i)
		values[i] = fmt.Sprintf("CASE typeof(c%d) WHEN 'text' THEN '=' || c%[1]d ELSE c%[1]d END", i)
	}
	return "WITH q(" + strings.Join(names, ", ") + ") AS (" + strings.TrimSuffix(text, ";") + "\n) SELECT " + strings.Join(values, ", ") + " FROM q"
}

// fetch fetches the next row.
func (r *rows) fetch() error {
	err := r.raw.Next(r.next)
	if r.over = err == io.EOF; r.over {
		return nil
	}
	if r.exact {
		for i, v := range r.next {
			if s, ok := v.(string); ok {
				r.next[i] = strings.TrimPrefix(s, "=")
			}
		}
	}
	return err
}

// Columns returns the names of the columns.
func (r *rows) Columns() []string { return r.columns }

// Next returns the next row.
func (r *rows) Next(dest []driver.Value) error {
	if r.err == nil && !r.fetched {
		r.err = r.conn.call(r.ctx, r.fetch)
	}
	if r.err != nil {
		return r.err
	}
	r.fetched = false
	if r.over {
		r.err = io.EOF
		return io.EOF
	}
	copy(dest, r.next)
	return nil
}

// Close ends the query.
func (r *rows) Close() error {
	r.conn.afterCalls(func() {
		if r.raw != nil {
			r.raw.Close()
		}
	})
	return nil
}
