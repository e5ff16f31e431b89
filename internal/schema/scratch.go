package schema

import (
	"context"
	"database/sql"
	"fmt"

	"modernc.org/sqlite"
)

// A scratch is a database in memory on which statements are tried.
type scratch struct{ db *sql.DB }

// onScratch lends an empty one.
func onScratch(ctx context.Context, do func(scratch) error) error {
	c, err := sqlite.NewConnector(":memory:")
	if err != nil {
		return err
	}
	db := sql.OpenDB(c)
	defer db.Close()
	db.SetMaxOpenConns(1)
	return do(scratch{db})
}

func (s scratch) exec(ctx context.Context, stmt string) error {
	_, err := s.db.ExecContext(ctx, stmt)
	return err
}

// make gives it a structure.
func (s scratch) make(ctx context.Context, of *Schema) error {
	for _, o := range of.inOrder() {
		if err := s.exec(ctx, o.sql); err != nil {
			return fmt.Errorf("%s %s cannot be made on an empty database: %w", o.kind, quoteName(o.name), err)
		}
	}
	return nil
}
