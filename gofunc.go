package migratingsqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

var (
	// errLeft is the error of a Go migration that ended its goroutine.
	errLeft = errors.New("the function ended its goroutine (runtime.Goexit, or FailNow in a test)")
	errOver = errors.New("migratingsqlite: the migration that this Tx was for has ended")
)

// callFunc runs a Go migration on a session of its own, behind a guard.
func callFunc(ctx context.Context, s *session, f MigrateFunc) (statements int, rows int64, err error) {
	const savepoint = "migratingsqlite_func"
	if err := s.exec(ctx, "SAVEPOINT "+savepoint); err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := &guard{ctx: ctx, conn: lent{s.raw}, open: map[io.Closer]bool{}}
	own, err := lend(ctx, s.raw, guardedConn{g})
	if err != nil {
		return 0, 0, err
	}
	// Only the methods of Tx: one could commit with those of *sql.Conn.
	err = call(ctx, struct{ Tx }{own.Conn}, f)
	broken := g.end()
	own.db.Close() // own.Conn would wait for rows that the function left open
	switch {
	case broken != nil && err != nil && !errors.Is(err, broken):
		err = fmt.Errorf("%w (the function returned: %w)", broken, err)
	case broken != nil:
		err = broken
	case err == nil:
		// The savepoint is gone if the transaction is.
		if err = s.exec(ctx, "RELEASE "+savepoint); err != nil {
			err = fmt.Errorf("the function's transaction is not there any more: %w", err)
		}
	}
	return g.statements, g.rows, err
}

// call calls the function in a goroutine of its own, since it may end that,
// and turns a panic into an error.
func call(ctx context.Context, tx Tx, f MigrateFunc) error {
	result := make(chan error, 1)
	go func() {
		err := errLeft
		defer func() {
			if p := recover(); p != nil {
				err = &panicError{p, panicPlace(), debug.Stack()}
			}
			result <- err
		}()
		err = f(ctx, tx)
	}()
	return <-result
}

// panicError is the error of a Go migration that panicked. Its stack goes into
// the log record, and not into the text.
type panicError struct {
	value any
	place string
	stack []byte
}

func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v (%s)", e.value, e.place) }

// panicPlace returns the file and line that panicked. A deferred function that
// has recovered calls it.
func panicPlace() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	panicking := false
	for {
		f, more := frames.Next()
		if inRuntime := strings.HasPrefix(f.Function, "runtime."); panicking && !inRuntime {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		panicking = panicking || f.Function == "runtime.gopanic"
		if !more {
			return "in an unknown place"
		}
	}
}

// A guard keeps a Go migration inside the transaction of the run. It sits
// between database/sql and the driver, so that nothing gets past it: statements
// that would end the transaction are refused; once SQLite has ended it (INSERT
// OR ROLLBACK, an interrupted write, a full disk) nothing more gets through,
// since it would be committed at once; and when the function has returned, what
// it left open is closed, since an open query locks its tables.
type guard struct {
	ctx  context.Context // of the migration
	conn lent

	mu         sync.Mutex // held during each call of the driver
	broken     error      // why nothing more gets through
	open       map[io.Closer]bool
	statements int
	rows       int64
}

// do makes a call of the driver. A context that never ends is no reason to go
// on when the database is closed.
func (g *guard) do(ctx context.Context, f func(context.Context) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken != nil {
		return g.broken
	}
	if ctx.Done() == nil {
		ctx = g.ctx
	}
	err := f(ctx)
	if err == nil || err == io.EOF || err == driver.ErrSkip {
		return err
	}
	// BEGIN fails inside a transaction. If it does not, there was none left.
	switch begun := g.exec("BEGIN"); {
	case begun == nil:
		g.exec("ROLLBACK")
		g.broken = fmt.Errorf("SQLite rolled the transaction back: %w", err)
		return g.broken
	case errors.Is(begun, driver.ErrBadConn): // libSQL, after a context has ended
		g.broken = fmt.Errorf("the connection is lost, and the transaction with it: %w", err)
		return g.broken
	}
	return err
}

func (g *guard) exec(statement string) error {
	rows, err := query(context.Background(), g.conn.Conn, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	if err := rows.Next(make([]driver.Value, len(rows.Columns()))); err != io.EOF {
		return err
	}
	return nil
}

// admit refuses statements that would end the transaction. The function may
// ignore the error; the run must not.
func (g *guard) admit(text string) error {
	for sc := script.NewScanner(text); ; {
		st, ok := sc.Next()
		if !ok {
			g.statements++
			return nil
		}
		if why := st.InTransaction(); why != "" {
			g.broken = errors.New(why)
			return g.broken
		}
	}
}

func (g *guard) end() (broken error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	broken, g.broken = g.broken, errOver
	for c := range g.open {
		if rows, ok := c.(driver.Rows); ok { // before the statements that they are of
			rows.Close()
			delete(g.open, c)
		}
	}
	for c := range g.open {
		c.Close()
	}
	clear(g.open)
	return broken
}

// close closes rows or a statement, unless end has done it.
func (g *guard) close(c io.Closer) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open[c] {
		return nil
	}
	delete(g.open, c)
	return c.Close()
}

func (g *guard) affected(r driver.Result) {
	if n, err := r.RowsAffected(); err == nil {
		g.rows += n
	}
}

type guardedConn struct{ *guard }

func (c guardedConn) Close() error              { return nil }
func (c guardedConn) Begin() (driver.Tx, error) { return nil, errors.New("use BeginTx") }
func (c guardedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.conn.BeginTx(ctx, o)
}
func (c guardedConn) CheckNamedValue(v *driver.NamedValue) error { return c.conn.CheckNamedValue(v) }

func (c guardedConn) Prepare(q string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), q)
}

func (c guardedConn) PrepareContext(ctx context.Context, q string) (driver.Stmt, error) {
	var st driver.Stmt
	err := c.do(ctx, func(ctx context.Context) (err error) {
		if err = c.admit(q); err == nil {
			if st, err = c.conn.PrepareContext(ctx, q); err == nil {
				c.open[st] = true
			}
		}
		return err
	})
	return guardedStmt{st, c.guard}, err
}

func (c guardedConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (res driver.Result, err error) {
	err = c.do(ctx, func(ctx context.Context) (err error) {
		if err = c.admit(q); err == nil {
			if res, err = c.conn.ExecContext(ctx, q, args); err == nil {
				c.affected(res)
			}
		}
		return err
	})
	return res, err
}

func (c guardedConn) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	var rows driver.Rows
	err := c.do(ctx, func(ctx context.Context) (err error) {
		if err = c.admit(q); err == nil {
			if rows, err = c.conn.QueryContext(ctx, q, args); err == nil {
				c.open[rows] = true
			}
		}
		return err
	})
	return guardedRows{rows, c.guard}, err
}

type guardedStmt struct {
	driver.Stmt
	*guard
}

func (s guardedStmt) Close() error { return s.close(s.Stmt) }

func (s guardedStmt) CheckNamedValue(v *driver.NamedValue) error {
	if c, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return c.CheckNamedValue(v)
	}
	return s.conn.CheckNamedValue(v)
}

func (s guardedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (res driver.Result, err error) {
	err = s.do(ctx, func(ctx context.Context) (err error) {
		if st, ok := s.Stmt.(driver.StmtExecContext); ok {
			res, err = st.ExecContext(ctx, args)
		} else {
			//lint:ignore SA1019 what such a driver has
			res, err = s.Stmt.Exec(values(args))
		}
		if err == nil {
			s.affected(res)
		}
		return err
	})
	return res, err
}

func (s guardedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	var rows driver.Rows
	err := s.do(ctx, func(ctx context.Context) (err error) {
		if st, ok := s.Stmt.(driver.StmtQueryContext); ok {
			rows, err = st.QueryContext(ctx, args)
		} else {
			//lint:ignore SA1019 what such a driver has
			rows, err = s.Stmt.Query(values(args))
		}
		if err == nil {
			s.open[rows] = true
		}
		return err
	})
	return guardedRows{rows, s.guard}, err
}

func values(args []driver.NamedValue) []driver.Value {
	v := make([]driver.Value, len(args))
	for i, a := range args {
		v[i] = a.Value
	}
	return v
}

type guardedRows struct {
	driver.Rows
	*guard
}

func (r guardedRows) Close() error { return r.close(r.Rows) }

// What sql.ColumnType tells; where the driver does not say, what database/sql
// assumes then.

func (r guardedRows) ColumnTypeScanType(i int) reflect.Type {
	if t, ok := r.Rows.(driver.RowsColumnTypeScanType); ok {
		return t.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}

func (r guardedRows) ColumnTypeDatabaseTypeName(i int) string {
	if t, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return t.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

func (r guardedRows) ColumnTypeLength(i int) (length int64, ok bool) {
	if t, is := r.Rows.(driver.RowsColumnTypeLength); is {
		return t.ColumnTypeLength(i)
	}
	return 0, false
}

func (r guardedRows) ColumnTypeNullable(i int) (nullable, ok bool) {
	if t, is := r.Rows.(driver.RowsColumnTypeNullable); is {
		return t.ColumnTypeNullable(i)
	}
	return false, false
}

func (r guardedRows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	if t, is := r.Rows.(driver.RowsColumnTypePrecisionScale); is {
		return t.ColumnTypePrecisionScale(i)
	}
	return 0, 0, false
}

func (r guardedRows) Next(dest []driver.Value) error {
	return r.do(r.ctx, func(context.Context) error { return r.Rows.Next(dest) })
}
