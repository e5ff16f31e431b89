// Commands is a program with the command-line tool inside: its database is
// upgraded when it is opened, and who wants to look, prove or go back types
// "commands db", which works on the migrations in the binary.
//
//	go run ./examples/commands               # adds a note
//	go run ./examples/commands db status
//	go run ./examples/commands db --help
package main

import (
	"database/sql"
	"embed"
	"fmt"
	"log"
	"os"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/migratecli"
)

//go:embed migrations
var files embed.FS

func init() {
	// The second is written in Go: a tool that reads the folder would not have it.
	migratingsqlite.Register("notes", files, migratingsqlite.Func(2, "welcome", welcome, nil))
}

const dsn = "file:notes.db?_pragma=busy_timeout(5000)"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "db" {
		os.Exit(migratecli.Main(migratecli.Command(dsn), os.Args[2:]...))
	}
	if err := add("hello"); err != nil {
		log.Fatal(err)
	}
}

func add(text string) error {
	db, err := sql.Open("migratingsqlite", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec("INSERT INTO notes (text) VALUES (?)", text); err != nil {
		return err
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM notes").Scan(&n); err != nil {
		return err
	}
	fmt.Println("notes:", n)
	return nil
}
