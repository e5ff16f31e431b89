// Bridge lets agents meet in rooms. Its older releases wrote '1.0.0' and the like
// into a table schema_version, or forgot to; kept times as local time or with
// whatever offset; and had their tokens in a JSON file. Several servers use one
// database, and all are started at once.
//
// What is to be seen here:
//
//   - Versions such as 1.0.0 are taken over: 1.0.0 is version 1, and where the row
//     names a file (001_add_user_preferences.py), the migration of that name.
//   - Migrations in Go between those in SQL: utc.go rewrites a big table in
//     batches, tokens.go moves a file into a table.
//   - What a migration in Go does outside of the database must be harmless if it
//     is done twice, or for nothing. So the file is only read by the migration,
//     and put away when the upgrade has been committed.
//   - No server waits for a signal, or holds a lock file: the first one to come
//     upgrades, the others wait for it.
//   - The backup that the old program asked its users for is taken by the upgrade
//     itself, of the last state before it. An upgrade that fails leaves the
//     database as it was; the backup is for going back from one that went well.
//
// To run it, and to go back:
//
//	go run ./examples/switching/bridge -db bridge.db -tokens tokens.json -zone Europe/Berlin
//	migratingsqlite restore bridge.db backups/bridge.db-….snapshot
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
	"path/filepath"
	"time"
	_ "time/tzdata" // a machine need not have the rules of time zones

	"github.com/migratingsqlite/migratingsqlite"
)

//go:embed migrations
var files embed.FS

func main() {
	path := flag.String("db", "bridge.db", "path of the database")
	tokens := flag.String("tokens", "tokens.json", "path of the older releases' tokens")
	zone := flag.String("zone", "Local", "time zone of the older releases' servers")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *path, *tokens, *zone); err != nil {
		log.Fatal(err)
	}
}

// load returns the migrations. Those in Go need to know what the flags say, so the
// set is loaded here, and not registered when the program starts.
func load(tokens, zone string) (*migratingsqlite.Set, error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	return migratingsqlite.Load("bridge", files,
		migratingsqlite.Func(3, "utc", utc{location, 500}.migrate, nil),
		migratingsqlite.Func(5, "import_tokens", importTokens(tokens, location), nil))
}

func run(ctx context.Context, w io.Writer, path, tokens, zone string) error {
	set, err := load(tokens, zone)
	if err != nil {
		return err
	}
	connector, err := migratingsqlite.NewConnector("file:"+path+"?_pragma=foreign_keys(1)", migratingsqlite.WithSet(set),
		migratingsqlite.WithBackup(filepath.Join(filepath.Dir(path), "backups")))
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()

	// The first use upgrades. From then on the file is of no use.
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	if err := putAway(tokens); err != nil {
		return err
	}

	var rooms, messages, valid int
	err = db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM rooms WHERE preferences IS NOT NULL),
		(SELECT count(*) FROM messages), (SELECT count(*) FROM tokens WHERE NOT revoked)`).Scan(&rooms, &messages, &valid)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d rooms, %d messages, %d tokens\n", rooms, messages, valid)
	return nil
}
