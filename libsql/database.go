package libsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/hrana"
)

func init() {
	engine.Register(open, "libsql", "http", "https")
}

// open describes the database that a DSN names.
func open(dsn engine.DSN) (*engine.Database, error) {
	if missing != "" {
		return nil, errors.New(missing)
	}
	c, err := parse(dsn)
	if err != nil {
		return nil, err
	}
	db := &database{config: c, open: func() (native, error) { return openNative(c) }, stop: make(chan struct{})}
	b := &base{connector: connector{db: db, pragmas: c.pragmas}}
	d := &engine.Database{System: "sqlite", Name: c.name(), Path: c.file(), Base: b}
	if c.form == local {
		d.Gate = &connector{db: db, pragmas: c.gate, exact: true}
		return d, nil
	}
	if b.server, err = hrana.New(c.url, c.token); err != nil {
		return nil, err
	}
	if c.far != "" {
		b.server.Decrypt(c.far)
	}
	d.Server, d.Refresh = b.server, b.server.CatchUp
	if c.form == replica {
		d.Refresh = func(ctx context.Context) error {
			if err := b.server.CatchUp(ctx); err != nil { // it syncs from there
				return err
			}
			return db.refresh(ctx)
		}
	}
	return d, nil
}

// native is go-libsql's connector.
type native interface {
	driver.Connector
	io.Closer
	Sync() error
}

// A database is go-libsql's database, which is opened when it is needed first,
// and closed when nobody uses it any more: no call into it may be running then.
type database struct {
	config *config
	open   func() (native, error)
	stop   chan struct{} // closed by close: no more syncs

	mu      sync.Mutex
	native  native
	opening *opening
	users   int // connections and syncs
	closed  bool
}

// opening is one try to open a database. The error is there when done is closed.
type opening struct {
	done chan struct{}
	err  error
}

// use opens the database if need be and keeps it open until release is called.
// Opening goes on when the context ends: it may be waiting for a server.
func (db *database) use(ctx context.Context) (native, error) {
	for {
		db.mu.Lock()
		if db.closed {
			db.mu.Unlock()
			return nil, errClosed
		}
		if db.native != nil {
			db.users++
			db.mu.Unlock()
			return db.native, nil
		}
		o := db.opening
		if o == nil {
			o = &opening{done: make(chan struct{})}
			db.opening = o
			go db.try(o)
		}
		db.mu.Unlock()
		select {
		case <-o.done:
			if o.err != nil {
				return nil, o.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (db *database) try(o *opening) {
	n, err := db.open()
	db.mu.Lock()
	defer db.mu.Unlock()
	db.opening = nil
	switch {
	case err != nil:
		o.err = clean(err)
	case db.closed:
		n.Close()
	default:
		db.native = n
		if db.config.sync > 0 {
			go db.keepSynced()
		}
	}
	close(o.done)
}

// release is called once for each use that went well.
func (db *database) release() {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.users--
	db.free()
}

// close closes the database when its users have released it.
func (db *database) close() {
	db.mu.Lock()
	defer db.mu.Unlock()
	if !db.closed {
		db.closed = true
		close(db.stop)
		db.free()
	}
}

func (db *database) free() {
	if db.closed && db.users == 0 && db.native != nil {
		db.native.Close()
		db.native = nil
	}
}

// refresh fetches what is new on the server. A replica that is not open yet
// does so when it opens.
func (db *database) refresh(ctx context.Context) error {
	db.mu.Lock()
	idle := db.native == nil && db.opening == nil
	db.mu.Unlock()
	if idle {
		return nil
	}
	n, err := db.use(ctx)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		err := clean(n.Sync())
		db.release()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keepSynced does what go-libsql's sync interval does, which writes its errors
// to the standard output and does not end before the interval has passed.
func (db *database) keepSynced() {
	t := time.NewTicker(db.config.sync)
	defer t.Stop()
	failed := false
	for {
		select {
		case <-db.stop:
			return
		case <-t.C:
		}
		n, err := db.use(context.Background())
		if err != nil {
			return
		}
		err = clean(n.Sync())
		db.release()
		if err != nil && !failed { // once, not every interval
			slog.Default().Warn("migratingsqlite: the replica is not up to date", "database", db.config.name(), "error", err)
		}
		failed = err != nil
	}
}

// connector opens connections.
type connector struct {
	db      *database
	pragmas []string
	exact   bool // text that looks like a time is text
}

// base is the connector of the connections that are handed out.
type base struct {
	connector
	server *hrana.Client // nil for a local file
}

// Close closes the database, as soon as its connections are closed.
func (b *base) Close() error {
	b.db.close()
	if b.server != nil {
		return b.server.Close()
	}
	return nil
}

// Connect opens a connection.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if path := c.db.config.file(); path != "" && c.db.config.check {
		// libSQL would create it.
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil, errNotExist
		}
	}
	n, err := c.db.use(ctx)
	if err != nil {
		return nil, err
	}
	// Opening a connection does not wait for anything: it is not worth a goroutine.
	raw, err := n.Connect(ctx)
	if err != nil {
		c.db.release()
		return nil, clean(err)
	}
	conn := &Conn{raw: raw, form: c.db.config.form, exact: c.exact, release: c.db.release}
	for _, p := range c.pragmas {
		if _, err := conn.ExecContext(ctx, p, nil); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

// Driver returns a driver that opens nothing.
func (c *connector) Driver() driver.Driver { return noDriver{} }

type noDriver struct{}

// Open fails: DSNs are for the driver migratingsqlite.
func (noDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("libsql: open the database with the driver migratingsqlite")
}
