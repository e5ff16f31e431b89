package migratecli

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite/internal/schema"
)

// dumped is what dump writes.
type dumped struct {
	Database string   `json:"database,omitempty"`
	Schema   string   `json:"schema"` // CREATE statements, with INSERTs for --rows
	Lost     []string `json:"lost"`   // which rows are not in it
}

func (t *tool) dump() *cobra.Command {
	var to int64
	rows := false
	cmd := &cobra.Command{
		Use:   "dump [DATABASE]",
		Short: "Write the schema after the newest migration as SQL",
		Long: `Write the schema after the newest migration as SQL: what the migrations make of an
empty database, or what a database has that is named. Tables come first, those
that foreign keys point to before the others, then indexes, views and triggers,
each as it was written. The order is always the same, so that the file can be
kept, and its changes read. Tables of the driver and of SQLite itself are left
out.

It is what sqlc wants for a schema, and diff for --schema.`,
		Example: "  migratingsqlite dump > schema.sql\n  migratingsqlite dump --to 12 | diff - schema.sql\n  migratingsqlite dump app.db > schema.sql   # of a program that had no migrations",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(cmd, "one database at a time")
			}
			if len(args) == 1 && to > 0 {
				return usageError(cmd, "--to is about migrations, and %s is a database", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			write := func(ctx context.Context, db *sql.DB) (r *dumped, err error) {
				s, err := schema.Of(ctx, db)
				if err != nil {
					return nil, err
				}
				r = &dumped{Schema: schema.Dump(s), Lost: []string{}}
				if !rows {
					return r, nil
				}
				text, carried, err := schema.DumpRows(ctx, db, s)
				r.Schema = text
				for _, c := range carried {
					if c.Lost != "" {
						r.Lost = append(r.Lost, fmt.Sprintf("%s has %s, but %s", c.Table, count(c.Rows, "row"), c.Lost))
					}
				}
				return r, err
			}
			if len(args) == 0 {
				return t.one(cmd, "", func(ctx context.Context, _ string) (string, result, error) {
					r, err := t.dumpOfSet(ctx, to, write)
					return "", r, err
				})
			}
			t.anySet = true
			if err := t.findSet(cmd.Context()); err != nil {
				return err
			}
			return t.one(cmd, args[0], func(ctx context.Context, dsn string) (string, result, error) {
				return t.dumpOf(ctx, dsn, write)
			})
		},
	}
	cmd.Flags().Int64Var(&to, "to", 0, "the schema after this `VERSION`")
	cmd.Flags().BoolVar(&rows, "rows", false, "with the rows of the tables, as INSERTs")
	return cmd
}

// dumpOfSet writes what the migrations make.
func (t *tool) dumpOfSet(ctx context.Context, to int64, write func(context.Context, *sql.DB) (*dumped, error)) (r *dumped, err error) {
	sets, err := t.sets(ctx, cmp.Or(t.dsn, ":memory:"), false)
	if err != nil {
		return nil, err
	}
	if len(sets) > 1 {
		return nil, errors.New("the program has several sets of migrations; name a database that has them")
	}
	err = replayed(ctx, sets[0], to, func(db *sql.DB) (err error) {
		r, err = write(ctx, db)
		return err
	})
	return r, err
}

// dumpOf writes what a database has.
func (t *tool) dumpOf(ctx context.Context, dsn string, write func(context.Context, *sql.DB) (*dumped, error)) (string, result, error) {
	m, err := t.migrator(dsn)
	if err != nil {
		return t.name(dsn), nil, err
	}
	defer m.Close()
	fail := func(err error) (string, result, error) {
		return m.Database(), nil, fmt.Errorf("migratingsqlite: %s: %s", m.Database(), reason(err))
	}
	if _, err := m.History(ctx); err != nil { // waits, and says what is wrong with the file
		return m.Database(), nil, err
	}
	db, err := t.reader(m, dsn)
	if err != nil {
		return fail(err)
	}
	if db == nil {
		return fail(errors.New("the file does not exist"))
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	// One moment, whoever writes meanwhile.
	if _, err := db.ExecContext(ctx, "BEGIN"); err != nil {
		return fail(err)
	}
	defer db.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	r, err := write(ctx, db)
	if err != nil {
		return fail(err)
	}
	r.Database = m.Database()
	return m.Database(), r, nil
}

func (r *dumped) code() int     { return 0 }
func (r *dumped) brief() string { return "" }

func (r *dumped) text(p *printer) {
	p.printf("%s", r.Schema)
	for _, l := range r.Lost {
		p.printf("\n-- %s.\n", l)
	}
}
