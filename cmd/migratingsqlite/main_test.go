package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"migratingsqlite": main,
		"sqlite":          sqlite,
		"hold":            hold,
	})
}

// TestScripts runs testdata/script: each is what a person types, and sees. They
// are also the examples of docs/cli.md.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv("USER", "ann")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits},
	})
}

// exits runs a command that must end with an exit code: exits 3 status app.db
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARGUMENT...")
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec("migratingsqlite", args[1:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// sqlite runs statements through the plain driver and prints the rows, a line
// each: what a script looks at a database with.
func sqlite() {
	db, err := openPlain(os.Args[1])
	if err == nil {
		for _, q := range os.Args[2:] {
			if err == nil {
				err = show(db, q)
			}
		}
		db.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// openPlain opens a database without the code under test, on one connection.
func openPlain(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", path)
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

func show(db *sql.DB, query string) error {
	rows, err := db.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		row := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range row {
			if i > 0 {
				fmt.Print("|")
			}
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			fmt.Print(v)
		}
		fmt.Println()
	}
	return rows.Err()
}
