package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

func TestTenants(t *testing.T) {
	dir := t.TempDir()
	var out strings.Builder
	if err := run(t.Context(), &out, dir, 120); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`first  use of 120 tenants: .* in all, .*s each on the median\n`,
		`second use of 120 tenants: .* in all, .*s each on the median\n`,
		`120 databases, 50 of them still open\n`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*-journal")); err != nil || len(files) > 0 {
		t.Error("not closed:", files, err)
	}
	for _, name := range []string{"tenant-0.db", "tenant-119.db"} {
		db, err := sql.Open("sqlite", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var tasks, version int
		err = db.QueryRow("SELECT count(*), (SELECT version FROM migratingsqlite_state WHERE set_name = 'tenant') FROM tasks").Scan(&tasks, &version)
		if err != nil || tasks != 2 || version != 3 {
			t.Errorf("%s has %d tasks, is at version %d: %v", name, tasks, version, err)
		}
	}
}

// Many use few tenants at once, of which none may be closed in use.
func TestTenantsInUseStayOpen(t *testing.T) {
	set, err := migratingsqlite.Load("tenant", files)
	if err != nil {
		t.Fatal(err)
	}
	tenants := NewTenants(t.TempDir(), set, 1)
	defer tenants.Close()
	var group sync.WaitGroup
	for i := range 60 {
		name := []string{"a", "b", "c"}[i%3]
		group.Go(func() {
			if err := tenants.Use(t.Context(), name, addTask); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := tenants.Open(); n != 1 {
		t.Errorf("%d are open", n)
	}
	var n int
	err = tenants.Use(t.Context(), "a", func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, "SELECT count(*) FROM tasks").Scan(&n)
	})
	if err != nil || n != 20 {
		t.Errorf("%d tasks, %v", n, err)
	}
	if err := tenants.Use(t.Context(), "a", func(context.Context, *sql.DB) error { return io.EOF }); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := tenants.Use(t.Context(), "../a", addTask); err == nil {
		t.Error("a name that leaves the folder was taken")
	}
}
