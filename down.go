package migratingsqlite

import (
	"context"
	"errors"
)

// A DownPlan is what going back to a version would undo.
type DownPlan struct {
	Set      string
	From, To int64      // the newest version that the database has, and the one that it would have
	Steps    []DownStep // in the order in which they would be undone: newest first
}

// A DownStep is one migration that would be undone.
type DownStep struct {
	Version int64  // 0 for a repeatable migration
	Name    string // without the version
	// SQL is the script that would run, "" if there is only a function, or, for a
	// repeatable migration, nothing to do.
	SQL string
	// File is the down script's path in the set's file system, "" if SQL is from
	// the database, or is made for a repeatable migration.
	File string
	// FromDatabase says that SQL is what the database has kept, since the program
	// does not have the migration as it was applied, or has no way back for it. Whoever
	// runs it trusts those who can write to the database: show it first.
	FromDatabase bool
	Func         bool // the down function of a [Func] runs, before SQL
}

// PlanDown says what going back to a version would undo, without writing to the
// database: all applied migrations above it. 0 undoes all.
func (m *Migrator) PlanDown(ctx context.Context, to int64) (*DownPlan, error) {
	return nil, errors.ErrUnsupported
}

// Down undoes exactly the steps of a plan.
func (m *Migrator) Down(ctx context.Context, p *DownPlan) (*Result, error) {
	return nil, errors.ErrUnsupported
}
