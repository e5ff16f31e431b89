package migratingsqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// A session lends a driver's connection to database/sql for the length of a
// run: Go migrations get the types that they know, and drivers with few
// interfaces are helped out. Ending it leaves the connection open.
type session struct {
	*sql.Conn
	db *sql.DB
}

func newSession(ctx context.Context, conn driver.Conn) (*session, error) {
	db := sql.OpenDB(lender{conn})
	c, err := db.Conn(ctx)
	if err != nil {
		db.Close()
		return nil, err
	}
	return &session{c, db}, nil
}

func (s *session) end() {
	s.Conn.Close()
	s.db.Close()
}

// exec runs a statement without arguments.
func (s *session) exec(ctx context.Context, statement string) error {
	_, err := s.ExecContext(ctx, statement)
	return err
}

// number returns the one number that a query yields.
func (s *session) number(ctx context.Context, q string) (n int64, err error) {
	err = s.QueryRowContext(ctx, q).Scan(&n)
	return n, err
}

// lender is a connector that has one connection, and keeps it.
type lender struct{ conn driver.Conn }

func (l lender) Connect(context.Context) (driver.Conn, error) { return lent{l.conn}, nil }
func (l lender) Driver() driver.Driver                        { return &Driver{} }

// lent passes everything on but Close. Where the connection lacks an optional
// interface, driver.ErrSkip makes database/sql do without.
type lent struct{ driver.Conn }

func (l lent) Close() error { return nil }

func (l lent) PrepareContext(ctx context.Context, q string) (driver.Stmt, error) {
	if c, ok := l.Conn.(driver.ConnPrepareContext); ok {
		return c.PrepareContext(ctx, q)
	}
	return l.Conn.Prepare(q)
}

func (l lent) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	if c, ok := l.Conn.(driver.ExecerContext); ok {
		return c.ExecContext(ctx, q, args)
	}
	return nil, driver.ErrSkip
}

func (l lent) QueryContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Rows, error) {
	if c, ok := l.Conn.(driver.QueryerContext); ok {
		return c.QueryContext(ctx, q, args)
	}
	return nil, driver.ErrSkip
}

func (l lent) CheckNamedValue(v *driver.NamedValue) error {
	if c, ok := l.Conn.(driver.NamedValueChecker); ok {
		return c.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// noRows reports whether a query yielded nothing.
func noRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
