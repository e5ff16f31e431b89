// Deaddrop passes messages between agents. Its databases were made by an older
// program, which created its tables where they were not there and kept a table
// schema_version of the six changes since. Some of them are files, and some are
// on libSQL servers. This program takes all of them over, whatever release has
// left them.
//
// What is to be seen here:
//
//   - The files have the numbers that stand in schema_version. What that says is
//     applied is not applied again, and the table stays as it is: the older
//     program can be put back.
//   - A database may have a column before its migration: a new one had them all
//     from its CREATE statements. "unless column" in 0001_content_type.sql and
//     others skips what is there.
//   - A database without rows in schema_version is recognised by its structure.
//
// Run it:
//
//	go run ./examples/switching/deaddrop -db deaddrop.db
//	go run ./examples/switching/deaddrop -db libsql://NAME.turso.io    # needs cgo
package main

import (
	"context"
	"database/sql"
	"embed"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/migratingsqlite/migratingsqlite"
)

//go:embed migrations
var files embed.FS

func init() { migratingsqlite.Register("deaddrop", files) }

func main() {
	db := flag.String("db", "deaddrop.db", "file or URL of the database")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *db); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer, dsn string) error {
	db, err := sql.Open("migratingsqlite", dsn) // was: sql.Open("sqlite", dsn), and a page of ALTER TABLEs
	if err != nil {
		return err
	}
	defer db.Close()
	var direct, inRooms, attachments int
	err = db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM messages WHERE content_type IS NOT NULL),
		(SELECT count(*) FROM room_messages WHERE reference_mid IS NULL AND content_hash IS NULL),
		(SELECT count(*) FROM attachments)`).Scan(&direct, &inRooms, &attachments)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d direct messages, %d in rooms, %d attachments\n", direct, inRooms, attachments)
	return nil
}
