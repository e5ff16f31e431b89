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

// replay applies a set to a new database, version by version, as an open does,
// and calls look after each. The repeatable migrations come with the newest.
func replay(ctx context.Context, set *migratingsqlite.Set, look func(m migratingsqlite.Migration, db *sql.DB) error) error {
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
	for _, m := range set.Migrations() {
		if m.Version > 0 {
			err = upTo(ctx, path, set, m.Version)
			if err == nil {
				err = look(m, db)
			}
			if err != nil {
				return fmt.Errorf("on an empty database: %w", err)
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
