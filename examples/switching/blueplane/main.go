// Blueplane switches from a runner of its own. That kept a folder for each
// migration and recorded it in migration_history, with the SHA-256 of its script;
// earlier releases kept a number in schema_version, and migrated in code. There
// was no migration 1: code had created what the second began with.
//
//	go run ./examples/switching/blueplane [telemetry.db]
//
// The folder is as it was, but for V001__initial_schema. It is what code had
// created, and makes a new database possible. What migrate_to_v2 did behind its
// script is a Func with that version.
package main

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path"

	"github.com/migratingsqlite/migratingsqlite"
)

//go:embed migrations
var files embed.FS

func init() {
	migratingsqlite.Register("blueplane", files, migratingsqlite.Func(2, "cursor_sessions", copyCursorSessions, nil))
}

// copyCursorSessions runs behind V002__cursor_sessions/up.sql, in the same
// transaction, where that is pending.
func copyCursorSessions(ctx context.Context, tx migratingsqlite.Tx) error {
	type session struct {
		id, started  string
		hash, ended  *string
		path, folder string
	}
	rows, err := tx.QueryContext(ctx, `SELECT external_session_id, CAST(started_at AS TEXT), CAST(ended_at AS TEXT), workspace_hash, context
		FROM conversations WHERE platform = 'cursor'`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var sessions []session
	for rows.Next() {
		var s session
		var text string
		if err := rows.Scan(&s.id, &s.started, &s.ended, &s.hash, &text); err != nil {
			return err
		}
		var in struct {
			Path string `json:"workspace_path"`
		}
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			return fmt.Errorf("context of session %s: %w", s.id, err)
		}
		s.path, s.folder = in.Path, path.Base(in.Path)
		sessions = append(sessions, s)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, s := range sessions {
		_, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO cursor_sessions (session_id, workspace_hash, workspace_path, workspace_name, start_time, end_time)
			VALUES (?, ?, ?, ?, ?, ?)`, s.id, s.hash, s.path, s.folder, s.started, s.ended)
		if err != nil {
			return err
		}
	}
	return nil
}

func main() {
	path := "telemetry.db"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	if err := run(context.Background(), os.Stdout, path); err != nil {
		log.Fatal(err)
	}
}

// run opens the database, which upgrades it, and says how each migration got there.
func run(ctx context.Context, w io.Writer, path string) error {
	db, err := sql.Open("migratingsqlite", "file:"+path)
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `SELECT version, name, status, coalesce(json_extract(metadata, '$.from'), '')
		FROM migratingsqlite_history WHERE set_name = 'blueplane' ORDER BY version`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var version int
		var name, status, from string
		if err := rows.Scan(&version, &name, &status, &from); err != nil {
			return err
		}
		fmt.Fprintf(w, "%d %-20s %-8s %s\n", version, name, status, from)
	}
	return rows.Err()
}
