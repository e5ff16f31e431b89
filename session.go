package migratingsqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// A session lends a driver's connection to database/sql for the length of a
// run: drivers with few interfaces are helped out, and Go migrations get the
// types that they know. Ending it leaves the connection open.
type session struct {
	*sql.Conn
	db  *sql.DB
	raw driver.Conn
}

func newSession(ctx context.Context, conn driver.Conn) (*session, error) {
	return lend(ctx, conn, lent{conn})
}

// lend makes a session whose statements go through a wrapper of the connection.
func lend(ctx context.Context, raw, through driver.Conn) (*session, error) {
	db := sql.OpenDB(lender{through})
	c, err := db.Conn(ctx)
	if err != nil {
		db.Close()
		return nil, err
	}
	return &session{c, db, raw}, nil
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

// lender is a connector that has one connection.
type lender struct{ conn driver.Conn }

func (l lender) Connect(context.Context) (driver.Conn, error) { return l.conn, nil }
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

// BeginTx is refused: the session is in a transaction already.
func (l lent) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	return nil, errors.New("the migration is in a transaction already")
}

func (l lent) CheckNamedValue(v *driver.NamedValue) error {
	if c, ok := l.Conn.(driver.NamedValueChecker); ok {
		return c.CheckNamedValue(v)
	}
	return driver.ErrSkip
}
