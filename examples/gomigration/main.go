// Gomigration changes data in a way that SQL cannot: a column of local times
// becomes UTC, which takes the rules of summer time. The migration is a Go
// function between two SQL files.
//
//	go run ./examples/gomigration
package main

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"
	_ "time/tzdata" // a machine need not have the rules of time zones

	"github.com/migratingsqlite/migratingsqlite"
)

//go:embed migrations
var files embed.FS

// startsToUTC rewrites events.starts. It works in the transaction of the whole
// upgrade: whatever goes wrong here or after it, the old times are still there.
func startsToUTC(ctx context.Context, tx migratingsqlite.Tx) error {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return err
	}
	// Read all, then write: what a SELECT sees of changes that are made while
	// it runs is not defined.
	rows, err := tx.QueryContext(ctx, "SELECT id, starts FROM events")
	if err != nil {
		return err
	}
	defer rows.Close()
	utc := map[int64]string{}
	for rows.Next() {
		var id int64
		var starts string
		if err := rows.Scan(&id, &starts); err != nil {
			return err
		}
		t, err := time.ParseInLocation(time.DateTime, starts, berlin)
		if err != nil {
			return fmt.Errorf("event %d: %w", id, err)
		}
		utc[id] = t.UTC().Format(time.DateTime)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	update, err := tx.PrepareContext(ctx, "UPDATE events SET starts = ? WHERE id = ?")
	if err != nil {
		return err
	}
	defer update.Close()
	for id, starts := range utc {
		if _, err := update.ExecContext(ctx, starts, id); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	dir, err := os.MkdirTemp("", "gomigration")
	if err == nil {
		err = run(context.Background(), os.Stdout, filepath.Join(dir, "events.db"))
		os.RemoveAll(dir)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer, path string) error {
	// A set need not be registered. This one is the files and the function,
	// in the order of their versions.
	set, err := migratingsqlite.Load("events", files, migratingsqlite.Func(2, "starts_to_utc", startsToUTC, nil))
	if err != nil {
		return err
	}

	// The old program knew the first migration only.
	old, err := open(path, migratingsqlite.WithSet(set), migratingsqlite.WithTo(1))
	if err != nil {
		return err
	}
	defer old.Close()
	_, err = old.ExecContext(ctx, `INSERT INTO events (title, starts) VALUES
		('New Year', '2026-01-01 00:00:00'), ('Picnic', '2026-07-05 13:30:00')`)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "before, in local time:")
	if err := list(ctx, w, old, "SELECT title, starts FROM events ORDER BY id"); err != nil {
		return err
	}
	if err := old.Close(); err != nil {
		return err
	}

	// The new one upgrades what it finds.
	db, err := open(path, migratingsqlite.WithSet(set))
	if err != nil {
		return err
	}
	defer db.Close()
	fmt.Fprintln(w, "after, in UTC:")
	return list(ctx, w, db, "SELECT title, starts_utc FROM events ORDER BY id")
}

func open(path string, opts ...migratingsqlite.Option) (*sql.DB, error) {
	connector, err := migratingsqlite.NewConnector(path, opts...)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func list(ctx context.Context, w io.Writer, db *sql.DB, query string) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var title, starts string
		if err := rows.Scan(&title, &starts); err != nil {
			return err
		}
		fmt.Fprintf(w, "  %-9s %s\n", title, starts)
	}
	return rows.Err()
}
