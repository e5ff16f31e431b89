// Migratingsqlite looks at, tries, proves and undoes the migrations of SQLite
// and libSQL databases.
//
//	go install github.com/migratingsqlite/migratingsqlite/cmd/migratingsqlite@latest
//	migratingsqlite --help
//
// Built with cgo it knows libSQL as well.
package main

import (
	"os"

	_ "github.com/migratingsqlite/migratingsqlite/libsql"
	"github.com/migratingsqlite/migratingsqlite/migratecli"
)

func main() { os.Exit(migratecli.Main(migratecli.Tool(), os.Args[1:]...)) }
