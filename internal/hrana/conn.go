package hrana

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// closing is how long the end of a stream may take. A server closes those that
// it hears nothing of.
const closing = time.Second

// lingering is how long an answer is waited for that nobody wants any more.
const lingering = time.Minute

// Connect returns a connection for one interactive transaction. It does no I/O:
// the stream begins with the first statement. Statements are sent one by one,
// each in a request; those after BEGIN only run inside of its transaction, and
// are refused with ErrGone once that has ended in whatever way.
func (c *Client) Connect(ctx context.Context, patience time.Duration) (driver.Conn, error) {
	return &conn{c: c, base: c.base, patience: patience}, ctx.Err()
}

type conn struct {
	c       *Client
	base    string // URL of the stream
	version int    // 0 before the first answer
	baton   string // "" where there is no stream
	tx      bool   // in a transaction, as far as is known
	failed  error  // version 2: a statement's; only ROLLBACK is sent after it
	err     error  // why nothing is sent any more

	patience time.Duration // for each answer
	over     chan struct{} // not nil: a request was given up, and is over when it is closed
}

var errEnded = errors.New("by the server")

// end ends the use of the connection.
func (c *conn) end(cause error) error {
	switch {
	case c.err != nil:
	case c.tx:
		c.err = fmt.Errorf("%w: %w", ErrGone, cause)
	default:
		c.err = cause
	}
	return c.err
}

// run runs one statement.
func (c *conn) run(ctx context.Context, st script.Statement, args []driver.NamedValue) (*stmtResult, error) {
	switch {
	case c.err != nil:
		return nil, c.err
	case c.failed != nil && st.Kind != script.Rollback:
		return nil, fmt.Errorf("only ROLLBACK is possible after an error: %w", c.failed)
	case ctx.Err() != nil: // nothing is sent, and the transaction is as it was
		return nil, context.Cause(ctx)
	}
	s, err := newStmt(st.Text, args)
	if err != nil {
		return nil, err
	}
	requests := func(version int) (list []request) {
		switch {
		case version < 3:
			list = []request{execute(s)}
		case c.tx:
			list = []request{steps(step{inTransaction, s}), getAutocommit}
		default:
			list = []request{execute(s), getAutocommit}
		}
		if st.Kind == script.Commit {
			list = append(list, whereAreYou)
		}
		return list
	}
	limit, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	r, err := c.exchange(limit, requests)
	c.baton = ""
	if err != nil {
		switch {
		case ctx.Err() != nil: // whoever ended it knows
		case limit.Err() != nil:
			err = lost(fmt.Errorf("the server did not answer within %s", c.patience.Round(time.Millisecond)))
		default:
			err = lost(err)
		}
		if st.Kind == script.Begin && !c.tx {
			err = unavailable(err)
		}
		c.end(err)
		return nil, err
	}
	if c.base, err = redirect(c.base, r.BaseURL); err != nil {
		return nil, c.end(err)
	}
	if st.Kind == script.Commit {
		c.c.note(r, len(r.Results)-1)
	}
	if c.baton = r.Baton; c.baton == "" {
		defer c.end(errors.New("the server closed its stream"))
	}
	if c.version < 3 {
		return c.judge2(st, r)
	}
	return c.judge(st, r)
}

// exchange sends requests. When the context ends it returns at once, and the
// answer is waited for in the background: it holds the baton that ends the
// stream. A transaction would otherwise keep its locks, and the next request of
// this very client waiting, until the server loses its patience.
func (c *conn) exchange(ctx context.Context, requests func(version int) []request) (*reply, error) {
	base, version, baton := c.base, c.version, c.baton
	var r *reply
	var err error
	send := func(ctx context.Context) {
		if version == 0 {
			r, version, err = c.c.ask(ctx, requests)
		} else {
			r, err = c.c.post(ctx, base, version, baton, requests(version))
		}
	}
	if ctx.Done() == nil || ctx.Err() != nil {
		send(ctx)
		c.version = version
		return r, err
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	answered := make(chan struct{})
	go func() {
		send(own)
		close(answered)
	}()
	select {
	case <-answered:
		cancel()
		c.version = version
		return r, err
	case <-ctx.Done():
	}
	over := make(chan struct{})
	c.over = over
	go func() {
		defer close(over)
		defer cancel()
		defer time.AfterFunc(lingering, cancel).Stop()
		<-answered
		if err != nil || r.Baton == "" {
			return
		}
		if base, err := redirect(base, r.BaseURL); err == nil {
			c.c.endStream(own, base, version, r.Baton)
		}
	}()
	return nil, fmt.Errorf("the server did not answer: %w", context.Cause(ctx))
}

// endStream ends a stream, and its transaction with it, as well as it can.
func (c *Client) endStream(ctx context.Context, base string, version int, baton string) {
	ctx, cancel := context.WithTimeout(ctx, closing)
	defer cancel()
	c.post(ctx, base, version, baton, []request{closeStream})
}

// judge looks at an answer, and at whether there is a transaction now.
func (c *conn) judge(st script.Statement, r *reply) (*stmtResult, error) {
	o := r.Results[0].outcome()
	if c.tx && o.err == nil {
		out, err := r.Results[0].batch(1)
		if err != nil {
			return nil, c.end(err)
		}
		o = out[0]
		if o.res == nil && o.err == nil {
			return nil, c.end(errEnded)
		}
	}
	if err := r.Results[1].Error; err != nil {
		return nil, c.end(err.err())
	}
	auto := r.Results[1].Response.Autocommit
	switch {
	case !auto:
		c.tx = true
	case c.tx && o.err != nil:
		return nil, c.end(o.err)
	case c.tx && (st.Kind == script.Commit || st.Kind == script.Rollback || st.Kind == script.Release):
		c.end(errors.New("by " + st.Kind.String()))
	case c.tx:
		return nil, c.end(errEnded)
	}
	return o.res, o.err
}

// judge2 is judge for version 2 of the protocol, which does not tell whether
// there is a transaction.
func (c *conn) judge2(st script.Statement, r *reply) (*stmtResult, error) {
	o := r.Results[0].outcome()
	switch {
	case o.err != nil && c.tx:
		c.failed = o.err
		var e *Error
		if errors.As(o.err, &e) && e.endsTransaction() {
			return nil, c.end(o.err)
		}
	case o.err != nil:
	case st.Kind == script.Begin || st.Kind == script.Savepoint:
		c.tx = true
	case c.tx && (st.Kind == script.Commit || st.Kind == script.Rollback):
		c.end(errors.New("by " + st.Kind.String()))
	}
	return o.res, o.err
}

// runAll runs the statements of a text, one after the other, and returns the
// result of the last one.
func (c *conn) runAll(ctx context.Context, text string, args []driver.NamedValue) (*stmtResult, error) {
	list, err := script.Split(text)
	if err != nil {
		return nil, err
	}
	if len(list) > 1 && len(args) > 0 {
		return nil, errors.New("several statements in one text take no arguments")
	}
	res := new(stmtResult)
	for _, st := range list {
		if res, err = c.run(ctx, st, args); err != nil {
			return nil, err
		}
	}
	return res, nil
}

func (c *conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	res, err := c.runAll(ctx, text, args)
	if err != nil {
		return nil, err
	}
	return execResult{res}, nil
}

func (c *conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	res, err := c.runAll(ctx, text, args)
	if err != nil {
		return nil, err
	}
	return &rows{res: res}, nil
}

func (c *conn) Prepare(text string) (driver.Stmt, error) { return &prepared{c, text}, nil }

func (c *conn) PrepareContext(_ context.Context, text string) (driver.Stmt, error) {
	return c.Prepare(text)
}

func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx begins a transaction that writes, unless it is said to read only.
// What ends it is subject to the same context.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	begin := "BEGIN IMMEDIATE"
	if o.ReadOnly {
		begin = "BEGIN"
	}
	_, err := c.runAll(ctx, begin, nil)
	return &transactionOf{c, ctx}, err
}

// IsValid lets a pool drop a connection that is used up.
func (c *conn) IsValid() bool { return c.err == nil }

// Close ends the stream, and the transaction with it, as well as it can.
func (c *conn) Close() error {
	c.end(errors.New("the connection was closed"))
	if c.baton != "" {
		c.c.endStream(context.Background(), c.base, c.version, c.baton)
		c.baton = ""
	}
	if c.over != nil {
		select {
		case <-c.over:
		case <-time.After(closing):
		}
	}
	return nil
}

type transactionOf struct {
	c   *conn
	ctx context.Context
}

func (t *transactionOf) Commit() error {
	_, err := t.c.runAll(t.ctx, "COMMIT", nil)
	return err
}

// Rollback does not need the context, which has often ended.
func (t *transactionOf) Rollback() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), closing)
	defer cancel()
	_, err := t.c.runAll(ctx, "ROLLBACK", nil)
	return err
}

type prepared struct {
	c    *conn
	text string
}

func (p *prepared) Close() error  { return nil }
func (p *prepared) NumInput() int { return -1 }

func (p *prepared) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return p.c.ExecContext(ctx, p.text, args)
}

func (p *prepared) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return p.c.QueryContext(ctx, p.text, args)
}

func (p *prepared) Exec(args []driver.Value) (driver.Result, error) {
	return p.ExecContext(context.Background(), ordinal(args))
}

func (p *prepared) Query(args []driver.Value) (driver.Rows, error) {
	return p.QueryContext(context.Background(), ordinal(args))
}

type execResult struct{ res *stmtResult }

func (e execResult) LastInsertId() (int64, error) {
	if e.res.RowID == "" {
		return 0, nil
	}
	return strconv.ParseInt(e.res.RowID, 10, 64)
}

func (e execResult) RowsAffected() (int64, error) { return e.res.Affected, nil }

type rows struct {
	res  *stmtResult
	next int
}

func (r *rows) Columns() []string {
	names := make([]string, len(r.res.Cols))
	for i, c := range r.res.Cols {
		names[i] = c.Name
	}
	return names
}

func (r *rows) ColumnTypeDatabaseTypeName(i int) string {
	return strings.ToUpper(r.res.Cols[i].Decltype)
}

func (r *rows) Close() error {
	r.next = len(r.res.Rows)
	return nil
}

func (r *rows) Next(dest []driver.Value) error {
	if r.next == len(r.res.Rows) {
		return io.EOF
	}
	r.next++
	return decodeRow(dest, r.res.Rows[r.next-1])
}
