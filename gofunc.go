package migratingsqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// errLeft is the error of a Go migration that ended its goroutine.
var errLeft = errors.New("the function ended its goroutine (runtime.Goexit, or FailNow in a test)")

// funcTx is the [Tx] of one Go migration. It keeps the migration inside the
// transaction: statements that would end it are refused, and when SQLite has
// ended it (INSERT OR ROLLBACK, a full disk) nothing more gets through, since
// it would be committed at once.
type funcTx struct {
	conn *session
	ctx  context.Context // of the migration: ends with it
	stop context.CancelFunc

	mu         sync.Mutex
	broken     error       // why nothing more gets through
	open       []*sql.Rows // those that may be open still
	statements int
	rows       int64
}

const savepoint = "migratingsqlite_func"

// callFunc runs a Go migration.
func callFunc(ctx context.Context, conn *session, f MigrateFunc) (statements int, rows int64, err error) {
	if err := conn.exec(ctx, "SAVEPOINT "+savepoint); err != nil {
		return 0, 0, err
	}
	tx := &funcTx{conn: conn}
	tx.ctx, tx.stop = context.WithCancel(context.WithValue(ctx, funcTxKey{}, tx))
	err = guarded(tx.ctx, tx, f)
	broken := tx.end()
	switch {
	case broken != nil && err != nil:
		err = fmt.Errorf("%w (the function returned: %w)", broken, err)
	case broken != nil:
		err = broken
	case err == nil:
		// The savepoint is gone if the transaction is.
		if err = conn.exec(ctx, "RELEASE "+savepoint); err != nil {
			err = fmt.Errorf("the function's transaction is not there any more: %w", err)
		}
	}
	return tx.statements, tx.rows, err
}

// guarded calls the function and turns a panic into an error. The function
// runs in a goroutine of its own, since it may end that.
func guarded(ctx context.Context, tx Tx, f MigrateFunc) error {
	result := make(chan error, 1)
	go func() {
		err := errLeft
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			result <- err
		}()
		err = f(ctx, tx)
	}()
	return <-result
}

// end makes the transaction useless and closes what the function has left
// open: an open query would lock its tables for the next migration.
func (t *funcTx) end() (broken error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	broken, t.broken = t.broken, errSpentTx
	t.stop()
	for _, rows := range t.open {
		rows.Close()
	}
	return broken
}

// begin checks a statement and joins its context with the migration's.
func (t *funcTx) begin(ctx context.Context, query string) (context.Context, context.CancelFunc, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.broken
	for sc := script.NewScanner(query); err == nil; {
		st, ok := sc.Next()
		if !ok {
			break
		}
		if why := st.InTransaction(); why != "" {
			// The function may ignore an error; the run must not.
			t.broken = errors.New(why)
			err = t.broken
		}
	}
	ctx, cancel := t.join(ctx)
	return ctx, cancel, err
}

// join returns a context that also ends with the migration.
func (t *funcTx) join(ctx context.Context) (context.Context, context.CancelFunc) {
	switch {
	case ctx.Value(funcTxKey{}) == t: // the migration's, or one made of it
		return ctx, func() {}
	case ctx.Done() == nil:
		return t.ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(t.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

type funcTxKey struct{}

// after looks, behind an error, whether the transaction is still there.
func (t *funcTx) after(err error) error {
	if err == nil || t.conn.exec(context.WithoutCancel(t.ctx), "BEGIN") != nil {
		return err // BEGIN fails inside a transaction
	}
	t.conn.exec(context.WithoutCancel(t.ctx), "ROLLBACK")
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken == nil {
		t.broken = fmt.Errorf("SQLite rolled the transaction back: %w", err)
	}
	return t.broken
}

func (t *funcTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx, cancel, err := t.begin(ctx, query)
	defer cancel()
	if err != nil {
		return nil, err
	}
	res, err := t.conn.ExecContext(ctx, query, args...)
	if err != nil {
		return nil, t.after(err)
	}
	t.statements++
	if n, err := res.RowsAffected(); err == nil {
		t.rows += n
	}
	return res, nil
}

func (t *funcTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	// Closing the rows, at the latest in end, frees the context.
	ctx, cancel, err := t.begin(ctx, query)
	if err != nil {
		cancel()
		return nil, err
	}
	rows, err := t.conn.QueryContext(ctx, query, args...)
	if err != nil {
		cancel()
		return nil, t.after(err)
	}
	t.statements++
	t.keep(rows)
	return rows, nil
}

func (t *funcTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	// The row's Scan needs the context, which ends with the migration.
	ctx, cancel, err := t.begin(ctx, query)
	if err != nil {
		// A row cannot be made to hold an error; the run reports the real one.
		cancel()
		ctx, cancel = context.WithCancel(ctx)
		cancel()
	}
	t.statements++
	return t.conn.QueryRowContext(ctx, query, args...)
}

func (t *funcTx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	ctx, cancel, err := t.begin(ctx, query)
	defer cancel()
	if err != nil {
		return nil, err
	}
	t.statements++
	return t.conn.PrepareContext(ctx, query)
}

// keep remembers rows that end must close, and forgets closed ones as often as
// their number doubles.
func (t *funcTx) keep(rows *sql.Rows) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.open) == cap(t.open) {
		stillOpen := t.open[:0]
		for _, r := range t.open {
			if _, err := r.Columns(); err == nil { // an error says that they are closed
				stillOpen = append(stillOpen, r)
			}
		}
		t.open = stillOpen
	}
	t.open = append(t.open, rows)
}
