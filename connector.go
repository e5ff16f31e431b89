package migratingsqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/XSAM/otelsql"
	"modernc.org/sqlite"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// A Connector hands out connections to one database. Before the first one it
// brings the database up to date; from then on it hands out the wrapped
// driver's own connections. It is for [sql.OpenDB] and may be used from any
// number of goroutines.
//
// The upgrade belongs to the connector, not to the caller that triggers it: it
// goes on when that caller gives up, and ends when the connector is closed,
// which [sql.DB.Close] does.
type Connector struct {
	config *config
	goal   goal
	driver driver.Driver

	base driver.Connector // what is handed out comes from here
	gate driver.Connector // the gate's own connections: they do not wait for locks
	out  driver.Connector // connect, or otelsql around it

	wrapped bool // by WrapConnector: there is no DSN that says where the database is
	place   sync.Once
	memory  bool // in memory, protected by place

	ready atomic.Bool // the database was seen up to date

	ctx   context.Context // of the runs; ends with Close
	stop  context.CancelCauseFunc
	tasks sync.WaitGroup // the runs under way

	mu      sync.Mutex    // protects what follows
	flight  *flight       // the run under way that newcomers join
	waiting int           // callers that wait for a run
	spares  []driver.Conn // made by runs, not handed out yet
	failure error         // of the last run, answered again until then
	until   time.Time
	pause   time.Duration // how long that was
}

// A flight is a run that callers wait for.
type flight struct {
	done chan struct{}
	err  error // once done is closed
}

// How long a failed migration is not tried again. The pause doubles from one
// failure to the next.
const (
	firstRetryPause = 50 * time.Millisecond
	maxRetryPause   = 5 * time.Second
)

var (
	_ driver.Connector = (*Connector)(nil)
	_ io.Closer        = (*Connector)(nil)
)

// NewConnector checks a DSN and options and loads the migrations. It does no
// I/O on the database. The package documentation describes DSNs.
func NewConnector(dsn string, opts ...Option) (*Connector, error) {
	c, err := newConfig(dsn, opts)
	if err != nil {
		return nil, fmt.Errorf("migratingsqlite: %w", err)
	}
	base, gate, err := c.connectors()
	if err != nil {
		return nil, fmt.Errorf("migratingsqlite: %s: %w", c.database, err)
	}
	return newConnector(&Connector{config: c, base: base, gate: gate, driver: &Driver{}})
}

// WrapConnector puts the gate before another driver of the SQLite dialect, for
// instance mattn/go-sqlite3 or ncruces/go-sqlite3. Where opening a connection of
// that driver waits for a lock, as mattn's does for five seconds unless
// _busy_timeout is 0, a run waits with it. A database in memory that connections
// share must not be opened by several connectors at once. With _migrate=check it
// opens the database as base does, which may create an empty file. Closing the
// connector closes base, if base can be closed.
func WrapConnector(base driver.Connector, opts ...Option) (*Connector, error) {
	c, err := newConfig("database", opts)
	if err != nil {
		return nil, fmt.Errorf("migratingsqlite: %w", err)
	}
	return newConnector(&Connector{config: c, base: base, gate: base, driver: base.Driver(), wrapped: true})
}

// connectors returns the wrapped driver's connector for what is handed out,
// and the one for the gate.
func (c *config) connectors() (base, gate driver.Connector, err error) {
	if c.other != nil {
		other := c.other
		if check := c.mode == modeCheck; check != c.checked {
			if other, err = c.opener(check); err != nil {
				return nil, nil, err
			}
		}
		return other.Base, other.Gate, nil
	}
	gateDSN := c.gateDSN
	if c.mode == modeCheck {
		gateDSN = c.checkDSN()
	}
	if base, err = sqlite.NewConnector(c.dsn); err != nil {
		return nil, nil, err
	}
	gate, err = sqlite.NewConnector(gateDSN)
	return base, gate, err
}

func newConnector(c *Connector) (*Connector, error) {
	c.ctx, c.stop = context.WithCancelCause(context.Background())
	c.out = gated{c}
	if c.config.mode == modeOff {
		c.ready.Store(true)
	} else {
		c.goal = newGoal(c.config)
	}
	if c.config.trace == traceQueries {
		traced := otelsql.WrapDriver(gatedDriver{gated{c}}, otelsql.WithAttributes(keySystem.String("sqlite"), keyNamespace.String(c.config.database)))
		out, err := traced.(driver.DriverContext).OpenConnector("")
		if err != nil {
			return nil, err
		}
		c.out = out
	}
	return c, nil
}

// gated is the Connector without otelsql around it.
type gated struct{ c *Connector }

func (g gated) Connect(ctx context.Context) (driver.Conn, error) { return g.c.connect(ctx) }
func (g gated) Driver() driver.Driver                            { return g.c.driver }

// gatedDriver is there because otelsql wraps drivers, not connectors.
type gatedDriver struct{ gated }

func (g gatedDriver) Open(string) (driver.Conn, error)               { return g.Connect(context.Background()) }
func (g gatedDriver) OpenConnector(string) (driver.Connector, error) { return g.gated, nil }

// Driver returns the [Driver], or the wrapped connector's.
func (c *Connector) Driver() driver.Driver { return c.driver }

// Connect returns a connection to the database, which is up to date then.
// database/sql calls it. It gives up when its context ends; an upgrade that is
// under way goes on.
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) { return c.out.Connect(ctx) }

// Close ends an upgrade that is under way, undoing it, and waits for its end.
// Connections that were handed out stay open. A migration must not call it.
func (c *Connector) Close() error {
	c.mu.Lock()
	c.stop(errClosed)
	c.mu.Unlock()
	c.tasks.Wait()
	var errs []error
	for conn := c.spare(); conn != nil; conn = c.spare() {
		errs = append(errs, conn.Close())
	}
	return errors.Join(append(errs, closeAll(c.base))...)
}

// connect is the gate.
func (c *Connector) connect(ctx context.Context) (driver.Conn, error) {
	for {
		if err := context.Cause(c.ctx); err != nil {
			return nil, c.explain(err)
		}
		if conn := c.spare(); conn != nil {
			return conn, nil
		}
		if c.ready.Load() {
			return c.open(ctx)
		}
		if err := c.failed(); err != nil {
			return nil, err
		}
		start := time.Now()
		if conn := c.look(ctx); conn != nil {
			return conn, nil
		}
		if err := c.await(ctx, time.Since(start)); err != nil {
			return nil, err
		}
	}
}

// await waits for a run, which it starts if there is none. A wrapped driver may
// have waited for a lock already.
func (c *Connector) await(ctx context.Context, waited time.Duration) error {
	f, err := c.join(ctx, waited)
	if err != nil {
		return err
	}
	defer func() {
		c.mu.Lock()
		c.waiting--
		c.mu.Unlock()
	}()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return c.explain(fmt.Errorf("gave up waiting for the upgrade, which goes on: %w", context.Cause(ctx)))
	}
}

// open returns a connection to a database that is up to date.
func (c *Connector) open(ctx context.Context) (driver.Conn, error) {
	conn, err := c.base.Connect(ctx)
	if isBusy(err) { // a PRAGMA in the DSN may need a lock
		w := waiter{budget: c.config.timeout}
		err = w.retry(ctx, func() (err error) {
			conn, err = c.base.Connect(ctx)
			return err
		})
	}
	if err != nil {
		return nil, c.explain(err)
	}
	return conn, nil
}

// look returns a connection if the database is up to date. It is the fast way,
// without a goroutine; whatever is in the way, a run deals with it.
func (c *Connector) look(ctx context.Context) driver.Conn {
	if c.server() != nil {
		probe, cancel := (&waiter{budget: c.config.timeout}).limit(ctx)
		defer cancel()
		if ok, err := c.goal.reachedOn(probe, c.server()); err != nil || !ok {
			return nil
		}
		conn, err := c.passServer(ctx, &waiter{budget: c.config.timeout})
		if err != nil {
			return nil
		}
		return conn
	}
	conn, err := c.connectGate(ctx)
	if err != nil {
		return nil
	}
	if ok, err := c.goal.reached(ctx, conn.Conn); err != nil || !ok {
		conn.Close()
		return nil
	}
	passed, err := c.pass(ctx, conn)
	if err != nil {
		return nil
	}
	return passed
}

// server is where upgrades are done, if not through a connection.
func (c *Connector) server() engine.Server {
	if c.config.other == nil {
		return nil
	}
	return c.config.other.Server
}

// passServer returns a connection to a server whose database is up to date. A
// replica is opened for it, and waited for no longer than for the upgrade.
func (c *Connector) passServer(ctx context.Context, w *waiter) (conn driver.Conn, err error) {
	limit, cancel := w.limit(ctx)
	defer cancel()
	if refresh := c.config.other.Refresh; refresh != nil {
		err = refresh(limit)
	}
	if err == nil {
		conn, err = c.base.Connect(limit)
	}
	switch {
	case err == nil:
		c.ready.Store(true)
	case ctx.Err() == nil && limit.Err() != nil:
		var u *engine.UnavailableError
		if !errors.As(err, &u) {
			err = &engine.UnavailableError{Err: errNoAnswer}
		}
		err = w.gaveUp(err)
	}
	return conn, err
}

// gateConn is a connection of the gate. It does not wait for locks.
type gateConn struct {
	driver.Conn
	busyTimeout string // the statement that makes it wait as the program wants it; "" if it need not
}

// connectGate opens a connection for the gate.
func (c *Connector) connectGate(ctx context.Context) (*gateConn, error) {
	conn, err := c.gate.Connect(ctx)
	if err != nil || !c.wrapped {
		return &gateConn{conn, c.config.busyTimeout}, err
	}
	var ms int64
	err = eachRow(ctx, conn, "PRAGMA busy_timeout", func(row []driver.Value) { ms, _ = row[0].(int64) })
	if err == nil && ms > 0 {
		err = eachRow(ctx, conn, "PRAGMA busy_timeout = 0", func([]driver.Value) {})
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &gateConn{conn, fmt.Sprintf("PRAGMA busy_timeout = %d", ms)}, nil
}

// pass makes a connection of the gate, on a database that is up to date, one
// to be handed out.
func (c *Connector) pass(ctx context.Context, conn *gateConn) (driver.Conn, error) {
	memory := c.inMemory(ctx, conn.Conn)
	if !memory {
		c.ready.Store(true)
	}
	if (c.config.mode == modeCheck && !c.wrapped || c.config.other != nil) && !memory {
		conn.Close() // it lacks the DSN's PRAGMAs
		return c.base.Connect(ctx)
	}
	if conn.busyTimeout != "" {
		if err := eachRow(ctx, conn.Conn, conn.busyTimeout, func([]driver.Value) {}); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn.Conn, nil
}

// inMemory reports whether the database lives as long as its connections.
// Then each of them goes through the gate: it may have a database of its own.
func (c *Connector) inMemory(ctx context.Context, conn driver.Conn) bool {
	if !c.wrapped {
		return c.config.inMemory
	}
	c.place.Do(func() {
		// Columns seq, name, file. A VFS in memory may name a file that is none.
		err := eachRow(ctx, conn, "PRAGMA database_list", func(row []driver.Value) {
			if text(row[1]) == "main" {
				_, err := os.Stat(text(row[2]))
				c.memory = err != nil
			}
		})
		if err != nil {
			c.memory = false // then it is no such database
		}
	})
	return c.memory
}

// failed returns the error of a migration that failed a moment ago, so that a
// busy pool does not hammer the file.
func (c *Connector) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failing() {
		return c.failure
	}
	return nil
}

func (c *Connector) failing() bool { return c.failure != nil && time.Now().Before(c.until) }

// join returns the run under way, or starts one. It has the values of the
// first caller's context, among them the parent span, but not its end.
func (c *Connector) join(ctx context.Context, waited time.Duration) (*flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := context.Cause(c.ctx); err != nil {
		return nil, c.explain(err)
	}
	if c.flight == nil && c.failing() {
		return nil, c.failure
	}
	c.waiting++
	if c.flight != nil {
		return c.flight, nil
	}
	f := &flight{done: make(chan struct{})}
	if !c.config.inMemory {
		c.flight = f
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(c.ctx, func() { cancel(context.Cause(c.ctx)) })
	c.tasks.Go(func() {
		conn, err := c.bring(ctx, &waiter{budget: c.config.timeout, spent: waited})
		unlink()
		cancel(nil)
		c.land(f, conn, err)
	})
	return f, nil
}

// land ends a flight.
func (c *Connector) land(f *flight, conn driver.Conn, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = nil
	if err != nil {
		f.err = c.explain(err)
		var m *MigrationError
		var b *backupError
		if errors.As(err, &m) || errors.As(err, &b) {
			c.failure = f.err
			c.pause = min(max(2*c.pause, firstRetryPause), maxRetryPause)
			c.until = time.Now().Add(c.pause)
		}
	} else {
		c.pause = 0
		if len(c.spares) < max(c.waiting, 1) {
			c.spares = append(c.spares, conn)
		} else {
			conn.Close() // of a private database in memory that nobody waits for
		}
	}
	if c.flight == f {
		c.flight = nil
	}
	close(f.done)
}

func (c *Connector) spare() (conn driver.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.spares); n > 0 {
		conn, c.spares = c.spares[n-1], c.spares[:n-1]
	}
	return conn
}

// bring returns a connection to the database after having brought it up to
// date. The connection that migrated is not handed out, and neither is a new
// one before it has seen the result.
func (c *Connector) bring(ctx context.Context, w *waiter) (driver.Conn, error) {
	if c.server() != nil {
		if _, _, err := c.config.upgrade(ctx, place{server: c.server()}, w, &c.goal); err != nil {
			return nil, err
		}
		return c.passServer(ctx, w)
	}
	for range 5 {
		var conn *gateConn
		err := w.retry(ctx, func() (err error) {
			conn, err = c.connectGate(ctx)
			return err
		})
		if err != nil {
			return nil, c.config.cannotOpen(err)
		}
		wrote, err := c.bringBehind(ctx, conn.Conn, w)
		if err != nil {
			conn.Close()
			return nil, err
		}
		if !wrote || c.inMemory(ctx, conn.Conn) {
			return c.pass(ctx, conn)
		}
		if err := conn.Close(); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the database does not keep what is committed to it")
}

// bringBehind brings the database behind a connection up to date, and reports
// whether it had to write.
func (c *Connector) bringBehind(ctx context.Context, conn driver.Conn, w *waiter) (wrote bool, err error) {
	upToDate := false
	err = w.retry(ctx, func() error {
		ok, err := c.goal.reached(ctx, conn)
		upToDate = ok && err == nil
		if isBusy(err) {
			return err
		}
		return nil // the plan finds out what else it may be
	})
	if err != nil || upToDate {
		return false, err
	}
	p := place{conn: conn}
	if !c.inMemory(ctx, conn) {
		p.another = func(ctx context.Context) (driver.Conn, error) { return c.connectGate(ctx) }
		if p.source = c.gate; !c.wrapped {
			if p.source, err = c.config.source(); err != nil {
				return false, err
			}
		}
	}
	_, wrote, err = c.config.upgrade(ctx, p, w, &c.goal)
	return wrote, err
}

// cannotOpen explains why a database could not be opened.
func (c *config) cannotOpen(err error) error {
	if c.mode == modeCheck && sqliteCode(err) == sqliteCantOpen && c.path() != "" {
		if !exists(c.path()) && exists(filepath.Dir(c.path())) {
			return refuse(ErrPending, "the file does not exist, and _migrate=check does not create it; open it once with _migrate=on")
		}
	}
	return err
}

func (c *Connector) explain(err error) error {
	path := ""
	if !c.wrapped {
		path = c.config.path()
	}
	return fmt.Errorf("migratingsqlite: %s: %w%s", c.config.database, err, hint(err, path))
}
