package migratecli

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"

	"github.com/migratingsqlite/migratingsqlite"
)

// replay applies a set to a new database as an open does, from a version on one by
// one, and calls look after each of these and after what was before them, which
// has no version. The repeatable migrations come with the newest.
func replay(ctx context.Context, set *migratingsqlite.Set, from int64, look func(m migratingsqlite.Migration, db *sql.DB) error) error {
	dir, err := os.MkdirTemp("", "migratingsqlite")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "replay.db")
	db, err := sql.Open("sqlite", fileDSN(path))
	if err != nil {
		return err
	}
	defer db.Close()
	try := func(m migratingsqlite.Migration, version int64) error {
		var err error
		if version > 0 {
			err = upTo(ctx, path, set, version)
		}
		if err == nil {
			err = look(m, db)
		}
		if err != nil {
			return fmt.Errorf("on an empty database: %w", err)
		}
		return nil
	}
	below := int64(0)
	for _, m := range set.Migrations() {
		if m.Version > 0 && m.Version < from {
			below = m.Version
		}
	}
	if err := try(migratingsqlite.Migration{}, below); err != nil {
		return err
	}
	for _, m := range set.Migrations() {
		if m.Version > below {
			if err := try(m, m.Version); err != nil {
				return err
			}
		}
	}
	return nil
}

// upTo upgrades a temporary database; 0 is the newest version.
func upTo(ctx context.Context, path string, set *migratingsqlite.Set, version int64) error {
	_, _, err := scratch(path).up(ctx, version, set)
	return err
}

// queryer is a database, a connection of it, or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// all returns the rows of a query.
func all(ctx context.Context, db queryer, query string) (list [][]driver.Value, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		values := make([]driver.Value, len(row))
		for i, v := range row {
			values[i] = v
		}
		list = append(list, values)
	}
	return list, rows.Err()
}
