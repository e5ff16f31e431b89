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
	Schema string `json:"schema"` // CREATE statements, with INSERTs for --rows
}

func (t *tool) dump() *cobra.Command {
	var to int64
	rows := false
	cmd := &cobra.Command{
		Use:   "dump [DATABASE]",
		Short: "Write the schema after the newest migration, for sqlc and reviews",
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
			var r dumped
			write := func(ctx context.Context, db *sql.DB) error {
				s, err := schema.Of(ctx, db)
				if err != nil {
					return err
				}
				if !rows {
					r.Schema = schema.Dump(s)
					return nil
				}
				var carried []schema.Carried
				r.Schema, carried, err = schema.DumpRows(ctx, db, s)
				for _, c := range carried {
					if c.Lost != "" {
						fmt.Fprintf(cmd.ErrOrStderr(), "%s has %s, but %s\n", c.Table, count(c.Rows, "row"), c.Lost)
					}
				}
				return err
			}
			if err := t.dumpOf(cmd.Context(), args, to, write); err != nil {
				return err
			}
			return t.say(cmd, r, func(p *printer) { p.printf("%s", r.Schema) })
		},
	}
	cmd.Flags().Int64Var(&to, "to", 0, "the schema after this `VERSION`")
	cmd.Flags().BoolVar(&rows, "rows", false, "with the rows of the tables, as INSERTs")
	return cmd
}

// dumpOf lends the database that is to be written.
func (t *tool) dumpOf(ctx context.Context, args []string, to int64, write func(context.Context, *sql.DB) error) error {
	if len(args) == 0 {
		sets, err := t.sets(ctx, cmp.Or(t.dsn, ":memory:"), false)
		if err != nil {
			return err
		}
		if len(sets) > 1 {
			return errors.New("the program has several sets of migrations; name a database that has them")
		}
		return replayed(ctx, sets[0], to, func(db *sql.DB) error { return write(ctx, db) })
	}
	if !t.embedded {
		if err := t.loadNone(); err != nil {
			return err
		}
	}
	m, err := t.migrator(args[0])
	if err != nil {
		return &databaseError{t.name(args[0]), err}
	}
	defer m.Close()
	fail := func(err error) error { return &databaseError{m.Database(), err} }
	if _, err := m.History(ctx); err != nil { // waits for others, and says it best
		return fail(err)
	}
	db, err := t.reader(m, args[0])
	if err != nil {
		return fail(err)
	}
	if db == nil {
		return fail(fmt.Errorf("migratingsqlite: %s: there is no such file", m.Database()))
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	// One moment, whoever writes meanwhile.
	if _, err = db.ExecContext(ctx, "BEGIN"); err == nil {
		defer db.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		err = write(ctx, db)
	}
	if err != nil {
		return fail(fmt.Errorf("migratingsqlite: %s: %w", m.Database(), err))
	}
	return nil
}
