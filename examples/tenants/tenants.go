package main

import (
	"container/list"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/migratingsqlite/migratingsqlite"
)

// Tenants is one database for each tenant, in a file of its own. It opens them
// when they are first used, which is when they are upgraded, and closes the
// longest unused ones, so that thousands of tenants need the memory and the
// file descriptors of a few. It may be used from any number of goroutines.
type Tenants struct {
	dir  string
	set  *migratingsqlite.Set // read once, shared by all
	keep int                  // so many stay open while nobody uses them

	mu   sync.Mutex // protects what follows; never held during I/O
	open map[string]*tenant
	idle *list.List // of *tenant, the longest unused one in front
}

type tenant struct {
	name  string
	db    *sql.DB
	users int           // calls of Use that are under way
	idle  *list.Element // where users is 0
}

// NewTenants opens the databases in a folder with the migrations of a set.
func NewTenants(dir string, set *migratingsqlite.Set, keep int) *Tenants {
	return &Tenants{dir: dir, set: set, keep: keep, open: map[string]*tenant{}, idle: list.New()}
}

// A tenant's name becomes a file's name, and part of a DSN.
var validName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// Use calls f with the database of a tenant. f must not keep it.
func (t *Tenants) Use(ctx context.Context, name string, f func(context.Context, *sql.DB) error) error {
	x, err := t.acquire(name)
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, x.db), t.release(x))
}

func (t *Tenants) acquire(name string) (*tenant, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.open[name]
	if x == nil {
		db, err := t.newDB(name)
		if err != nil {
			return nil, err
		}
		x = &tenant{name: name, db: db}
		t.open[name] = x
	}
	if x.idle != nil {
		t.idle.Remove(x.idle)
		x.idle = nil
	}
	x.users++
	return x, nil
}

// newDB does no I/O, so it can be called under the mutex. The first to use the
// database upgrades it; others who come for the same tenant wait for that, and
// those who come for another do not.
func (t *Tenants) newDB(name string) (*sql.DB, error) {
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("%q is no name of a tenant", name)
	}
	// No write-ahead log here: it is two more files for each open database, and
	// making and deleting them took twice as long, measured with this program,
	// as waiting for the disk with SQLite's default, the rollback journal.
	dsn := filepath.Join(t.dir, name+".db") + "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"
	connector, err := migratingsqlite.NewConnector(dsn, migratingsqlite.WithSet(t.set))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(1)
	return db, nil
}

func (t *Tenants) release(x *tenant) error {
	t.mu.Lock()
	var oldest *tenant
	if x.users--; x.users == 0 {
		x.idle = t.idle.PushBack(x)
		if t.idle.Len() > t.keep {
			oldest = t.idle.Remove(t.idle.Front()).(*tenant)
			delete(t.open, oldest.name)
		}
	}
	t.mu.Unlock()
	if oldest == nil {
		return nil
	}
	return oldest.db.Close() // who opens it anew meanwhile is not in its way
}

// Open returns how many databases are open.
func (t *Tenants) Open() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open)
}

// Close closes all databases. Nobody may use them any more.
func (t *Tenants) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for _, x := range t.open {
		errs = append(errs, x.db.Close())
	}
	clear(t.open)
	t.idle.Init()
	return errors.Join(errs...)
}
