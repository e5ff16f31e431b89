package migratecli

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
)

// facts are what is to stay as it is, or to become so.
type facts struct {
	structure []engine.Answer  // to schema.Queries
	rows      map[string]int64 // by table
	orphans   map[string]int64 // rows that break foreign keys, by what is said of them
	unchecked string           // why they could not be found
}

func (b *sandbox) look(ctx context.Context) (*facts, error) {
	db, err := b.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	f := &facts{structure: make([]engine.Answer, len(schema.Queries)), orphans: map[string]int64{}}
	for i, q := range schema.Queries {
		if f.structure[i].Rows, err = engine.Rows(ctx, db, q); err != nil {
			return nil, b.clean(err)
		}
	}
	if f.rows, err = counts(ctx, db); err != nil {
		return nil, b.clean(err)
	}
	orphans, err := engine.Rows(ctx, db, `SELECT 'of ' || "table" || ' point to nothing in ' || parent, count(*) FROM pragma_foreign_key_check GROUP BY 1`)
	if err != nil {
		f.unchecked = b.clean(err).Error()
	}
	for _, o := range orphans {
		f.orphans[fmt.Sprint(o[0])], _ = o[1].(int64)
	}
	return f, ctx.Err()
}

// schema is the structure without some tables.
func (f *facts) schema(ignore []string) (*schema.Schema, error) {
	return schema.Read(f.structure, ignore...)
}

// orphaned says what foreign_key_check finds that it did not find before.
func (f *facts) orphaned(before *facts) (list []string) {
	if f.unchecked != "" && f.unchecked != before.unchecked {
		list = append(list, "foreign_key_check: "+f.unchecked)
	}
	if sum(f.orphans) <= sum(before.orphans) {
		return list // a table may have another name
	}
	for _, key := range slices.Sorted(maps.Keys(f.orphans)) {
		if more := f.orphans[key] - before.orphans[key]; more > 0 {
			list = append(list, fmt.Sprintf("foreign_key_check: %s more %s", count(int(more), "row"), key))
		}
	}
	return list
}

func sum(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// differs says how a structure is not as expected, a sentence for each thing.
func differs(have, want *facts, ignore []string) (list []string, err error) {
	h, err := have.schema(ignore)
	if err != nil {
		return nil, err
	}
	w, err := want.schema(ignore)
	if err != nil {
		return nil, err
	}
	for _, d := range schema.Diff(h, w) {
		if d.Kind == schema.OrderOnly {
			continue
		}
		text := d.String()
		if d.Have+d.Want != "" && !strings.Contains(text, d.Want) {
			text += fmt.Sprintf(" (%s, expected %s)", d.Have, d.Want)
		}
		list = append(list, text)
	}
	return list, nil
}

// counts counts the rows of all tables that can be read.
func counts(ctx context.Context, db *sql.DB) (map[string]int64, error) {
	tables, err := engine.Rows(ctx, db, `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')
		AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'migratingsqlite\_%' ESCAPE '\'`)
	rows, c := map[string]int64{}, &counter{db, map[string]int64{}}
	for _, t := range tables {
		name := fmt.Sprint(t[0])
		if n, ok := c.of(ctx, name); ok {
			rows[name] = n
		}
	}
	return rows, err
}

// unlike says which tables have another number of rows after an upgrade that was
// done for the second time.
func unlike(now, first map[string]int64) (list []string) {
	for _, table := range slices.Sorted(maps.Keys(now)) {
		if n, there := first[table]; there && n != now[table] {
			list = append(list, fmt.Sprintf("%s has %s after the second time, and had %d after the first", table, count(int(now[table]), "row"), n))
		}
	}
	return list
}

// A counter counts the rows of the tables of a database, each once.
type counter struct {
	db    *sql.DB // nil where there is none
	known map[string]int64
}

// of returns the number of rows of a table, if there is such a table.
func (c *counter) of(ctx context.Context, table string) (int64, bool) {
	if n, ok := c.known[table]; ok {
		return n, n >= 0
	}
	n := int64(-1)
	if c.db != nil {
		if err := c.db.QueryRowContext(ctx, `SELECT count(*) FROM "`+strings.ReplaceAll(table, `"`, `""`)+`"`).Scan(&n); err != nil {
			n = -1
		}
	}
	c.known[table] = n
	return n, n >= 0
}

func (c *counter) close() {
	if c.db != nil {
		c.db.Close()
	}
}
