package schema

import (
	"context"
	"database/sql"
	"fmt"

	"modernc.org/sqlite"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// Of reads the structure of a database that nobody changes meanwhile. Objects
// with a name in ignore, and what is on such tables, are left out.
func Of(ctx context.Context, db engine.Queryer, ignore ...string) (*Schema, error) {
	answers := make([]engine.Answer, len(Queries))
	for i, q := range Queries {
		answers[i].Rows, answers[i].Err = engine.Rows(ctx, db, q)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return Read(answers, ignore...)
}

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
