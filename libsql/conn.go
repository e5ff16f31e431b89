package libsql

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// A Conn is a connection that the driver hands out: go-libsql's, with what the
// package's comment describes around it. [database/sql.Conn.Raw] yields it.
type Conn struct {
	raw     driver.Conn
	form    form
	exact   bool   // text that looks like a time is text
	release func() // of the database

	// inTx: a transaction may be open. libSQL does not tell, so the statements do.
	inTx bool

	// No call into C can be stopped, and nothing may be freed under one. What is
	// to be closed while a call is running waits in later.
	mu     sync.Mutex
	calls  int
	later  []func()
	gone   bool // the connection must not be used again
	closed bool
}

var (
	_ driver.Conn               = (*Conn)(nil)
	_ driver.ConnPrepareContext = (*Conn)(nil)
	_ driver.ConnBeginTx        = (*Conn)(nil)
	_ driver.ExecerContext      = (*Conn)(nil)
	_ driver.QueryerContext     = (*Conn)(nil)
	_ driver.Pinger             = (*Conn)(nil)
	_ driver.SessionResetter    = (*Conn)(nil)
	_ driver.Validator          = (*Conn)(nil)
)

// Unwrap returns go-libsql's connection. It is for what this package has not
// thought of: a transaction that is begun on it is not noticed here.
func (c *Conn) Unwrap() driver.Conn { return c.raw }

// call runs f, which calls into C. When the context ends it returns at once: f
// goes on, and the connection is not used again.
func (c *Conn) call(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return driver.ErrBadConn
	}
	c.calls++
	c.mu.Unlock()
	if ctx.Done() == nil {
		defer c.end()
		return c.judge(f())
	}
	done := make(chan error, 1)
	go func() {
		err := f()
		c.end() // before the caller goes on: what it closes is closed at once
		done <- err
	}()
	select {
	case err := <-done:
		return c.judge(err)
	case <-ctx.Done():
	}
	select {
	case err := <-done: // both were ready
		return c.judge(err)
	default:
		c.drop()
		return ctx.Err()
	}
}

// end ends a call. The last one closes what is to be closed.
func (c *Conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.calls == 1 && len(c.later) > 0 {
		f := c.later[0]
		c.later = c.later[1:]
		c.mu.Unlock()
		f()
		c.mu.Lock()
	}
	c.calls--
}

// afterCalls runs f as soon as no call is running: at once, if there is none.
func (c *Conn) afterCalls(f func()) {
	c.mu.Lock()
	if c.calls > 0 {
		c.later = append(c.later, f)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	f()
}

func (c *Conn) drop() {
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
}

// judge cleans an error and finds out whether the connection is lost.
func (c *Conn) judge(err error) error {
	err = clean(err)
	var e *Error
	if errors.As(err, &e) && e.gone {
		c.drop()
		if e.unheard && !c.inTx {
			return driver.ErrBadConn // the pool tries it on another connection
		}
	}
	return err
}

// Close closes the connection, or has it closed by the call that is running.
// libSQL closes it in the background: lest its locks outlive it, a transaction is
// rolled back before.
func (c *Conn) Close() error {
	c.mu.Lock()
	again := c.closed
	open := c.form == local && (c.inTx || c.gone) // a call that was left alone may have begun one
	c.gone, c.closed = true, true
	c.mu.Unlock()
	if again {
		return nil
	}
	c.afterCalls(func() {
		if open {
			c.raw.(driver.ExecerContext).ExecContext(context.Background(), "ROLLBACK", nil)
		}
		c.raw.Close()
		c.release()
	})
	return nil
}

// IsValid reports whether the pool may keep the connection. A transaction that
// was left open is rolled back on a local file; any other connection that has
// one is not worth the request.
func (c *Conn) IsValid() bool {
	c.mu.Lock()
	gone := c.gone
	c.mu.Unlock()
	if gone {
		return false
	}
	return !c.inTx || c.form == local && c.rollback() == nil
}

// ResetSession makes sure that the next user does not inherit a transaction.
func (c *Conn) ResetSession(context.Context) error {
	if !c.IsValid() {
		return driver.ErrBadConn
	}
	return nil
}

// Ping asks the database for an answer: with a server, in one request.
func (c *Conn) Ping(ctx context.Context) error {
	_, err := c.ExecContext(ctx, "SELECT 1", nil)
	return err
}

// split returns the statements of a text. None is run if one is malformed.
func split(text string, args int) ([]script.Statement, error) {
	list, err := script.Split(text)
	if err != nil {
		return nil, mistake(err.Error())
	}
	if args > 0 && len(list) != 1 {
		return nil, mistake(fmt.Sprintf("arguments are for one statement, and there are %d", len(list)))
	}
	return list, nil
}

// ExecContext runs all statements of a text, in order, up to the first that
// fails; arguments are for a single statement. The result is that of the last.
func (c *Conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	list, err := split(text, len(args))
	if err != nil {
		return nil, err
	}
	r, err := c.run(ctx, list, args)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// run runs statements up to the first that fails.
func (c *Conn) run(ctx context.Context, list []script.Statement, args []driver.NamedValue) (r result, err error) {
	for i, st := range list {
		if r, err = c.exec(ctx, st, args); err != nil {
			return r, again(err, i)
		}
	}
	return r, nil
}

// again keeps the pool from running a text once more on another connection
// after some of its statements were run.
func again(err error, done int) error {
	if err == driver.ErrBadConn && done > 0 {
		return &Error{Kind: StreamLost, text: "the connection was lost between two statements"}
	}
	return err
}

// result is that of a statement.
type result struct{ id, changes int64 }

// LastInsertId returns the id of the last inserted row.
func (r result) LastInsertId() (int64, error) { return r.id, nil }

// RowsAffected returns how many rows were inserted, updated or deleted.
func (r result) RowsAffected() (int64, error) { return r.changes, nil }

func (c *Conn) exec(ctx context.Context, st script.Statement, args []driver.NamedValue) (result, error) {
	var err error
	if st.Text, args, err = bind(st.Text, args); err != nil {
		return result{}, err
	}
	var got result
	err = c.call(ctx, func() error {
		if c.drains(st) {
			return c.drain(ctx, st, args, &got)
		}
		res, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), st.Text, args)
		if err != nil {
			return err
		}
		got.id, _ = res.LastInsertId()
		got.changes, _ = res.RowsAffected()
		return nil
	})
	if err != nil {
		return result{}, err // got is the call's, which may be running
	}
	c.note(st)
	if !changes(st.Kind) {
		got.changes = 0 // it is an earlier statement's
	}
	return got, nil
}

// changes reports whether statements of a kind affect rows.
func changes(k script.Kind) bool {
	return k == script.Insert || k == script.Update || k == script.Delete
}

// drains reports whether a statement must be run as a query: on a local file
// those that return rows are an error otherwise, after they took effect.
func (c *Conn) drains(st script.Statement) bool {
	switch st.Kind {
	case script.Select, script.Pragma, script.Explain, script.Unknown:
		return c.form != remote
	}
	return c.form == local && changes(st.Kind) && script.Returning(st.Text)
}

// drain runs a statement as a query and throws its rows away.
func (c *Conn) drain(ctx context.Context, st script.Statement, args []driver.NamedValue, r *result) error {
	q := c.raw.(driver.QueryerContext)
	each := func(text string, args []driver.NamedValue, row func([]driver.Value)) error {
		rows, err := q.QueryContext(context.Background(), text, args)
		if err != nil {
			return err
		}
		defer rows.Close()
		dest := make([]driver.Value, len(rows.Columns()))
		for {
			if err := rows.Next(dest); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			row(dest)
			if err := ctx.Err(); err != nil { // nobody waits for the rest
				return err
			}
		}
	}
	if err := each(st.Text, args, func([]driver.Value) {}); err != nil || !changes(st.Kind) {
		return err
	}
	return each("SELECT last_insert_rowid(), changes()", nil, func(v []driver.Value) {
		r.id, _ = v[0].(int64)
		r.changes, _ = v[1].(int64)
	})
}

// note keeps track of transactions.
func (c *Conn) note(st script.Statement) {
	switch st.Kind {
	case script.Begin, script.Savepoint:
		c.inTx = true
	case script.Commit, script.Rollback:
		c.inTx = false
	}
}

// QueryContext returns the rows of the last statement of a text, after it ran
// those before it; arguments are for a single statement.
func (c *Conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	list, err := split(text, len(args))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return noRows{}, nil
	}
	before, last := list[:len(list)-1], list[len(list)-1]
	if _, err := c.run(ctx, before, nil); err != nil {
		return nil, err
	}
	if last.Text, args, err = bind(last.Text, args); err != nil {
		return nil, err
	}
	r := &rows{conn: c, ctx: ctx}
	if err := c.call(ctx, func() error { return r.start(last, args) }); err != nil {
		r.Close() // start may still be running
		return nil, again(err, len(before))
	}
	c.note(last)
	r.fetched = true
	return r, nil
}

// bind puts arguments in the order of a statement's parameters, and numbers in
// the place of their names: go-libsql binds arguments by position whatever their
// names are, and minds neither one too many nor one too few.
func bind(text string, args []driver.NamedValue) (string, []driver.NamedValue, error) {
	for _, a := range args {
		if s, ok := a.Value.(string); ok && strings.IndexByte(s, 0) >= 0 {
			return "", nil, mistake(fmt.Sprintf("argument %d holds a NUL byte, where libSQL would cut it; store it as a []byte", a.Ordinal))
		}
	}
	names, text, ok := script.Parameters(text)
	if !ok {
		return "", nil, errParameter
	}
	if len(names) == 0 && len(args) == 0 {
		return text, nil, nil
	}
	bound := make([]driver.NamedValue, len(names))
	used := make([]bool, len(args))
	for i, name := range names {
		n := slices.IndexFunc(args, func(a driver.NamedValue) bool {
			return a.Name == "" && a.Ordinal == i+1 || a.Name != "" && name != "" && a.Name == name[1:]
		})
		if n < 0 {
			return "", nil, mistake(fmt.Sprintf("no argument for parameter %d (%s) of %d", i+1, cmp.Or(name, "?"), len(names)))
		}
		bound[i] = driver.NamedValue{Ordinal: i + 1, Value: args[n].Value}
		used[n] = true
	}
	if slices.Contains(used, false) {
		return "", nil, mistake(fmt.Sprintf("the statement has %d parameters, and there are %d arguments", len(names), len(args)))
	}
	return text, bound, nil
}

// Prepare prepares a statement.
func (c *Conn) Prepare(text string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), text)
}

// PrepareContext checks that a text is one statement. libSQL sees it when it is
// run.
func (c *Conn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	list, err := split(text, 0)
	if err != nil {
		return nil, err
	}
	if len(list) > 1 {
		return nil, mistake(fmt.Sprintf("only one statement can be prepared, and there are %d", len(list)))
	}
	names, _, ok := script.Parameters(text)
	if !ok {
		return nil, errParameter
	}
	s := &stmt{c, text, len(names)}
	if slices.ContainsFunc(names, func(n string) bool { return n != "" }) {
		s.inputs = -1 // one argument may be for several parameters
	}
	return s, ctx.Err()
}

// stmt is a prepared statement.
type stmt struct {
	conn   *Conn
	text   string
	inputs int
}

var (
	_ driver.StmtExecContext  = (*stmt)(nil)
	_ driver.StmtQueryContext = (*stmt)(nil)
)

// Close does nothing: there is nothing to free.
func (s *stmt) Close() error { return nil }

// NumInput returns the number of arguments, -1 where it depends on their names.
func (s *stmt) NumInput() int { return s.inputs }

// ExecContext runs the statement.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.text, args)
}

// QueryContext runs the statement for its rows.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.text, args)
}

// Exec runs the statement.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(context.Background(), named(args))
}

// Query runs the statement for its rows.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(context.Background(), named(args))
}

func named(args []driver.Value) []driver.NamedValue {
	list := make([]driver.NamedValue, len(args))
	for i, v := range args {
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return list
}

// Begin begins a transaction.
func (c *Conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx begins a transaction. libSQL has none that only read, and one level of
// isolation.
func (c *Conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	switch level := sql.IsolationLevel(opts.Isolation); {
	case opts.ReadOnly:
		return nil, mistake("read-only transactions are not supported")
	case level != sql.LevelDefault && level != sql.LevelSerializable:
		return nil, mistake("isolation level " + level.String() + " is not supported")
	}
	if _, err := c.ExecContext(ctx, "BEGIN", nil); err != nil {
		return nil, err
	}
	return &tx{c, ctx}, nil
}

type tx struct {
	conn *Conn
	ctx  context.Context // of its beginning: Commit has none of its own
}

// Commit commits the transaction. If that fails it is rolled back, since
// database/sql has done with it.
func (t *tx) Commit() error {
	_, err := t.conn.ExecContext(t.ctx, "COMMIT", nil)
	if err != nil {
		t.conn.rollback()
	}
	return err
}

// Rollback rolls the transaction back. It is for a context that has ended, too.
func (t *tx) Rollback() error { return t.conn.rollback() }

// patience is how long a server may take to roll back. It does so by itself when
// the connection is closed.
const patience = 5 * time.Second

// rollback rolls back the transaction, if there is one. The connection is lost
// if that fails.
func (c *Conn) rollback() error {
	ctx := context.Background()
	if c.form != local {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	_, err := c.ExecContext(ctx, "ROLLBACK", nil)
	var e *Error
	if errors.As(err, &e) && e.noTx {
		c.inTx, err = false, nil // SQLite has rolled it back, after an error
	}
	if err != nil {
		c.drop()
	}
	return err
}
