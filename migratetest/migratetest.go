// Package migratetest gives each test a migrated database of its own. The
// migrations run once in a process; a test gets a copy of the file that they
// made, so that a thousand migrations cost a test no more than one does.
//
//	func TestSignUp(t *testing.T) {
//		db := migratetest.Open(t)
//		…
//	}
package migratetest

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
)

// Open returns a new database, upgraded by the sets in this order, or without any
// by the only registered one. It is closed and deleted at the end of the test,
// which fails at once if the upgrade does. Tests that run in parallel may call it.
func Open(tb testing.TB, sets ...*migratingsqlite.Set) *sql.DB {
	tb.Helper()
	connector, err := migratingsqlite.NewConnector(File(tb, sets...), options(sets)...)
	if err != nil {
		tb.Fatal(err)
	}
	db := sql.OpenDB(connector)
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// File returns the path of such a database, for code that opens its database
// itself and closes it before the test ends. The file is deleted then.
func File(tb testing.TB, sets ...*migratingsqlite.Set) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "test.db")
	made, err := templateOf(sets)
	if err == nil {
		err = os.WriteFile(path, made, 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func options(sets []*migratingsqlite.Set) []migratingsqlite.Option {
	opts := []migratingsqlite.Option{migratingsqlite.WithLogger(slog.New(slog.DiscardHandler))}
	if len(sets) > 0 {
		opts = append(opts, migratingsqlite.WithSet(sets...))
	}
	return opts
}

// templates are the files that were made, by the names and digests of their sets.
var templates struct {
	mu   sync.Mutex
	made map[string]func() ([]byte, error)
}

func templateOf(sets []*migratingsqlite.Set) ([]byte, error) {
	m, err := migratingsqlite.NewMigrator(":memory:", options(sets)...)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	var key strings.Builder
	for _, s := range m.Sets() {
		key.WriteString(s.Name() + "=" + s.Digest() + ",")
	}
	templates.mu.Lock()
	if templates.made == nil {
		templates.made = map[string]func() ([]byte, error){}
	}
	template, ok := templates.made[key.String()]
	if !ok {
		template = sync.OnceValues(func() ([]byte, error) { return makeTemplate(sets) })
		templates.made[key.String()] = template
	}
	templates.mu.Unlock()
	return template()
}

func makeTemplate(sets []*migratingsqlite.Set) ([]byte, error) {
	dir, err := os.MkdirTemp("", "migratetest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template.db")
	// It need not survive a crash.
	m, err := migratingsqlite.NewMigrator("file:"+path+"?_pragma=synchronous(0)", options(sets)...)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if _, err := m.Up(context.Background()); err != nil {
		return nil, err
	}
	return os.ReadFile(path) // nobody has it open
}
