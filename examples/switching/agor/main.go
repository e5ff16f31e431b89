// Agor switches from Drizzle. The folder is as drizzle-kit left it: a journal that
// passes over 6 and 7, and .bak files beside it. Drizzle's own table stays in the
// database.
//
//	go run ./examples/switching/agor [agor.db]
package main

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/migratingsqlite/migratingsqlite"
)

// Without all: go:embed would leave out meta/_journal.json, for its underscore.
//
//go:embed all:drizzle
var files embed.FS

func init() { migratingsqlite.Register("agor", files) }

// Drizzle runs nothing whose time in the journal is before that of the newest
// that it has run. 0004_add_static_urls once had such a time, and the bootstrap
// script wrote one that is later than those of several migrations: some databases
// lack what others have. It can be added in any order here; without this
// parameter they are refused, and the error names what was passed over.
const params = "?_pragma=foreign_keys(1)&_migrate_out_of_order=true"

func main() {
	path := "agor.db"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	if err := run(context.Background(), os.Stdout, "file:"+path+params); err != nil {
		log.Fatal(err)
	}
}

// run opens the database, which upgrades it, and says how each migration got there.
func run(ctx context.Context, w io.Writer, dsn string) error {
	db, err := sql.Open("migratingsqlite", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `SELECT version, name, status, coalesce(json_extract(metadata, '$.from'), '')
		FROM migratingsqlite_history WHERE set_name = 'agor' ORDER BY version`)
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
		// Drizzle counts from 0, and versions are above that.
		fmt.Fprintf(w, "%d %-20s %-8s %s\n", version-1, name, status, from)
	}
	return rows.Err()
}
