// StarPunk is a site of short notes, with logins. Its releases made their tables
// and wrote nowhere which release it was: a database of v0.1.0 and one of v1.0.0
// differ in their tables, and in nothing else. That is what they are recognised
// by: the migrations are tried on an empty database in memory, and the one after
// which it looks like this one is where this one is.
//
//	go run ./examples/switching/starpunk -db starpunk.db
package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"embed"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/migratingsqlite/migratingsqlite"
	"modernc.org/sqlite"
)

//go:embed migrations
var files embed.FS

func init() {
	migratingsqlite.Register("starpunk", files)
	// What SQL lacks can be a function of the SQLite that it is for. A migration
	// in Go (Func) would do as well, but only what is SQL is tried on an empty
	// database: the tables that a function in Go makes are not recognised.
	sqlite.MustRegisterDeterministicScalarFunction("sha256", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		text, ok := args[0].(string)
		if !ok {
			return nil, nil
		}
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:]), nil
	})
}

func main() {
	path := flag.String("db", "starpunk.db", "path of the database")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *path); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer, path string) error {
	// secure_delete overwrites what is deleted: here, the tokens that were hashed.
	db, err := sql.Open("migratingsqlite", "file:"+path+"?_pragma=secure_delete(1)")
	if err != nil {
		return err
	}
	defer db.Close()
	var notes, logins int
	err = db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM notes WHERE deleted_at IS NULL),
		(SELECT count(*) FROM tokens WHERE revoked_at IS NULL)`).Scan(&notes, &logins)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d notes, %d tokens\n", notes, logins)
	return nil
}
