// Package engine is where a database engine other than the built-in one meets
// the driver: the engine registers itself for schemes of DSNs, and the driver
// asks it for databases. It keeps the engine's libraries out of programs that do
// not import it.
package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
	"time"
)

// A DSN is what is left of a DSN without the driver's own parameters.
type DSN struct {
	Scheme string // in lower case
	Rest   string // behind the scheme and its colon, to the letter, without the parameters
	Params string // the parameters, to the letter, separated by &
	Check  bool   // the database must be neither created nor written
}

// An Opener checks a DSN and describes its database. It does no I/O. Its errors
// hold no secret.
type Opener func(DSN) (*Database, error)

// A Database is one database of an engine.
type Database struct {
	System string // OpenTelemetry's db.system.name
	Name   string // for people: without parameters and secrets
	Path   string // of the local file that upgrades write to; "" if there is none

	// Base opens the connections that are handed out. If it is an io.Closer, it
	// is closed with the driver's connector.
	Base driver.Connector
	// Gate opens the driver's own connections, which do not wait for locks. They
	// run one statement a call, whether or not it returns rows, by ExecContext
	// and QueryContext, honour contexts, and their errors have a method
	// Code() int with SQLite's result code. It is nil if there is a Server.
	Gate driver.Connector
	// Server is where upgrades are done over the network.
	Server Server
	// Refresh, if not nil, makes what was committed on the Server visible to
	// connections of Base, which may be to a replica.
	Refresh func(context.Context) error
}

// A Server is a database behind a network. Its methods may be called from
// several goroutines at once. Their errors are [*StatementError]s,
// [*UnavailableError]s or [*LostError]s.
type Server interface {
	// Read answers queries, all at one moment, in one request. A query that
	// fails has an error of its own in its Answer.
	Read(ctx context.Context, queries ...string) ([]Answer, error)
	// Transact runs statements in one transaction, in one request: all of them,
	// or none. Before it begins it turns the enforcement of foreign keys off. With
	// an error it returns the answers of the statements before.
	Transact(ctx context.Context, statements ...Statement) ([]Answer, error)
	// Connect opens a connection for an interactive transaction. Once it has
	// begun one it refuses every statement after the transaction has ended. No
	// answer is waited for longer than the patience.
	Connect(ctx context.Context, patience time.Duration) (driver.Conn, error)
	// Execute runs one statement outside of any transaction, in one request.
	Execute(ctx context.Context, statement Statement) (Answer, error)
}

// A Statement is one statement of SQL and its arguments.
type Statement struct {
	Text     string
	Args     []driver.Value
	Query    bool // its rows are wanted; it has no arguments
	Optional bool // the statements after it run even if it fails
}

// An Answer is what a statement has done.
type Answer struct {
	Rows         [][]driver.Value // nil, int64, float64, string or []byte
	RowsAffected int64            // by INSERT, UPDATE and DELETE
	Duration     time.Duration    // as far as it is known
	Err          error            // of a query, or an optional statement
}

// A Queryer is a [sql.DB], a [sql.Conn] or a [sql.Tx].
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Rows returns the rows of a query through database/sql, as an [Answer] has them.
func Rows(ctx context.Context, db Queryer, query string) (list [][]driver.Value, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	dest := make([]any, len(columns))
	for rows.Next() {
		row := make([]driver.Value, len(columns))
		for i := range row {
			dest[i] = (*any)(&row[i])
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// ErrThrownOut is what an error matches when the server has ended a transaction
// because it took too long while another client wanted the lock.
var ErrThrownOut = errors.New("the server has ended the transaction for taking too long")

// ErrForbidden is what an error matches when the server knows the token, and does
// not let it do this.
var ErrForbidden = errors.New("the token does not allow this")

// ErrToken is what an error matches when the server does not take the token, or
// wants one and there is none.
var ErrToken = errors.New("the server does not take the token")

// Exported lets an engine that exports an error type say which of its errors an
// error of a [Server] is, as errors.As asks for it. The engine sets it in an
// init function.
var Exported = func(err error, target any) bool { return false }

// A StatementError is the error of one statement of several: nothing was
// committed.
type StatementError struct {
	Index int // of the statement; -1: BEGIN, the number of statements: COMMIT
	Err   error
}

// Error returns the text of the cause.
func (e *StatementError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *StatementError) Unwrap() error { return e.Err }

// An UnavailableError says that the database could not be asked: nothing has
// happened to it.
type UnavailableError struct {
	Permanent bool // it is no use to ask again: a wrong token, a host that does not exist
	Err       error
}

// Error returns the text of the cause.
func (e *UnavailableError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// As is for errors.As.
func (e *UnavailableError) As(target any) bool { return Exported(e, target) }

// A LostError says that a request was sent, and no answer came: it may have taken
// effect, may do so later, or never.
type LostError struct{ Err error }

// Error returns the text of the cause.
func (e *LostError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *LostError) Unwrap() error { return e.Err }

// As is for errors.As.
func (e *LostError) As(target any) bool { return Exported(e, target) }

var engines struct {
	mu      sync.Mutex
	openers map[string]Opener
}

// Register makes an engine responsible for schemes. It is for init functions.
func Register(open Opener, schemes ...string) {
	engines.mu.Lock()
	defer engines.mu.Unlock()
	if engines.openers == nil {
		engines.openers = map[string]Opener{}
	}
	for _, s := range schemes {
		engines.openers[s] = open
	}
}

// Lookup returns the engine for a scheme, nil if none is registered.
func Lookup(scheme string) Opener {
	engines.mu.Lock()
	defer engines.mu.Unlock()
	return engines.openers[strings.ToLower(scheme)]
}
