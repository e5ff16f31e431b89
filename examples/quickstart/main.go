// Quickstart is a program with its database inside. Run it twice, from the
// root of the repository:
//
//	go run ./examples/quickstart
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
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

//go:embed migrations
var migrations embed.FS

func init() { migratingsqlite.Register("notes", migrations) }

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer) error {
	// Show what is traced. A program that exports its spans already has
	// nothing to do here, and one that does not can leave it out.
	spans := &spanPrinter{w: w}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	defer provider.Shutdown(ctx)
	otel.SetTracerProvider(provider)

	// This checks the DSN and the migrations. It does not touch the file yet.
	db, err := sql.Open("migratingsqlite", "file:quickstart.db?_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)")
	if err != nil {
		return err
	}
	defer db.Close()

	// The first use connects, and the first connection upgrades.
	if _, err := db.ExecContext(ctx, "INSERT INTO notes (text) VALUES ('Run it again')"); err != nil {
		return err
	}
	if spans.printed == 0 {
		fmt.Fprintln(w, "nothing was pending: quickstart.db was up to date")
	}

	rows, err := db.QueryContext(ctx, "SELECT id, text, done FROM notes ORDER BY id")
	if err != nil {
		return err
	}
	defer rows.Close()
	fmt.Fprintln(w, "\nnotes:")
	for rows.Next() {
		var id int
		var text string
		var done bool
		if err := rows.Scan(&id, &text, &done); err != nil {
			return err
		}
		mark := map[bool]string{true: "x", false: " "}[done]
		fmt.Fprintf(w, "  %d [%s] %s\n", id, mark, text)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nThey are in quickstart.db. Run it again, or delete the file to start over.")
	return nil
}
