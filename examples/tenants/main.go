// Tenants keeps one database for each of many tenants, opened and upgraded
// when it is first used.
//
//	go run ./examples/tenants -n 1000
package main

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

//go:embed migrations
var files embed.FS

const (
	workers = 8  // requests at a time
	keep    = 50 // databases that stay open while nobody uses them
)

func main() {
	n := flag.Int("n", 1000, "number of tenants")
	dir := flag.String("dir", "", "folder for their databases (default: a temporary one, deleted at the end)")
	flag.Parse()
	// Each upgrade logs a line; a thousand are too many to show here.
	slog.SetLogLoggerLevel(slog.LevelWarn)
	if err := runIn(*dir, *n); err != nil {
		log.Fatal(err)
	}
}

func runIn(dir string, n int) error {
	if dir == "" {
		temporary, err := os.MkdirTemp("", "tenants")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		dir = temporary
	}
	return run(context.Background(), os.Stdout, dir, n)
}

func run(ctx context.Context, w io.Writer, dir string, n int) error {
	set, err := migratingsqlite.Load("tenant", files)
	if err != nil {
		return err
	}
	tenants := NewTenants(dir, set, keep)
	defer tenants.Close()

	// Everyone comes once, and then once more: by then most of the databases
	// have been closed, and the second use opens them again.
	for _, round := range []string{"first", "second"} {
		start := time.Now()
		took, err := everyone(ctx, tenants, n)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%-6s use of %d tenants: %v in all, %v each on the median\n",
			round, n, time.Since(start).Round(time.Millisecond), median(took).Round(10*time.Microsecond))
	}

	databases, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d databases, %d of them still open\n", len(databases), tenants.Open())
	return tenants.Close()
}

// everyone lets each tenant do something and returns how long each took.
func everyone(ctx context.Context, tenants *Tenants, n int) ([]time.Duration, error) {
	took, errs := make([]time.Duration, n), make([]error, n)
	next := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range next {
				start := time.Now()
				errs[i] = tenants.Use(ctx, fmt.Sprintf("tenant-%d", i), addTask)
				took[i] = time.Since(start)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
	return took, errors.Join(errs...)
}

func addTask(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, "INSERT INTO tasks (title, due) VALUES ('Pay the rent', '2026-12-01')")
	return err
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(d))[len(d)/2]
}
