// Package hrana is a client of libSQL's protocol over HTTP, as much of it as an
// upgrade needs. It speaks version 3, and version 2 where the server has no 3.
// https://github.com/tursodatabase/libsql/blob/main/docs/HRANA_3_SPEC.md
package hrana

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// A Client is a database on a libSQL server. It is an [engine.Server], and may
// be used by several goroutines at once.
type Client struct {
	base      string
	token     bool              // there is one
	authorize func(http.Header) // a closure, so that no %+v shows the token
	redact    func(string) string
	transport *http.Transport
	old       atomic.Bool   // the server has no version 3
	ahead     atomic.Uint64 // where the primary was when the server was behind it; 0: it was not
}

var _ engine.Server = (*Client)(nil)

// New returns a client for the database at an http or https URL. It does no
// I/O. A server that wants no token is given "".
func New(url, token string) (*Client, error) {
	base, err := parseBase(url)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base:      base,
		authorize: func(http.Header) {},
		redact:    func(text string) string { return text },
		transport: newTransport(),
	}
	if token = strings.TrimSpace(token); token != "" {
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, errors.New("the token has characters that no token has")
		}
		c.token = true
		c.authorize = func(h http.Header) { h.Set("Authorization", "Bearer "+token) }
		c.redact = func(text string) string { return strings.ReplaceAll(text, token, "(the token)") }
	}
	return c, nil
}

// Decrypt has every request carry the key of a database that the server keeps
// encrypted. It is called before the first request.
func (c *Client) Decrypt(key string) {
	authorize := c.authorize
	c.authorize = func(h http.Header) {
		authorize(h)
		h.Set("x-turso-encryption-key", key) // as libSQL's own clients call it
	}
	redact := c.redact
	c.redact = func(text string) string { return strings.ReplaceAll(redact(text), key, "(the key)") }
}

// String returns the URL.
func (c *Client) String() string { return c.base }

// GoString returns the URL.
func (c *Client) GoString() string { return c.base }

// Close closes connections that are not in use. The client can be used
// further.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// Read answers queries, all at one moment, in one request. A query that fails
// has an error of its own in its Answer.
func (c *Client) Read(ctx context.Context, queries ...string) ([]engine.Answer, error) {
	list := make([]*stmt, len(queries))
	for i, q := range queries {
		s, err := newStmt(q, nil)
		if err != nil {
			return nil, &engine.StatementError{Index: i, Err: err}
		}
		list[i] = s
	}
	out, err := c.read(ctx, list, true)
	if unread(err) { // as one of the queries is; outside of a batch it is told which
		out, err = c.read(ctx, list, false)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	answers := make([]engine.Answer, len(out))
	for i, o := range out {
		answers[i] = answer(o)
	}
	return answers, nil
}

// A replica answers what begins with BEGIN by itself, and may be behind. A
// transaction that begins with SAVEPOINT it leaves to the primary, although a
// token for reading will do.
const beginRead, endRead = "SAVEPOINT migratingsqlite_read", "RELEASE migratingsqlite_read"

// whereAreYou ends what is asked of the primary. A replica answers it by itself,
// and so tells whether it has what the primary had. One that was just started
// leaves it to the primary, too, and is not found out.
var whereAreYou = execute(sqlText("SELECT 1"))

// note takes note of where the server is. The result of whereAreYou is at an
// index, and those of the primary before it.
func (c *Client) note(r *reply, at int) {
	var newest uint64
	for i := range at {
		newest = max(newest, r.Results[i].index())
	}
	if r.Results[at].index() >= newest {
		newest = 0
	}
	c.ahead.Store(newest)
}

// CatchUp waits until connections to the server see what was read and committed
// through this client last. It asks nothing if they do already, as on every
// server that is no replica.
func (c *Client) CatchUp(ctx context.Context) error {
	want := c.ahead.Load()
	for pause := time.Millisecond; c.ahead.Load() != 0; pause = min(2*pause, 100*time.Millisecond) {
		select {
		case <-ctx.Done():
			return &engine.UnavailableError{Err: fmt.Errorf("the server is a replica, and has not got yet what is new on its primary%w", quiet{context.Cause(ctx)})}
		case <-time.After(pause):
		}
		r, err := c.readAll(ctx, nil, true)
		if err == nil {
			_, err = r.Results[0].batch(2)
		}
		if err != nil {
			return unavailable(err)
		}
		switch own, newest := r.Results[1].index(), r.Results[0].index(); {
		case own >= want:
			c.ahead.Store(0)
		case newest < want: // the primary has begun a new log
			want = newest
		}
	}
	return nil
}

func (c *Client) read(ctx context.Context, queries []*stmt, batched bool) ([]outcome, error) {
	n := len(queries) + 2
	r, err := c.readAll(ctx, queries, batched)
	if err != nil {
		return nil, err
	}
	var out []outcome
	if batched {
		if out, err = r.Results[0].batch(n); err != nil {
			return nil, err
		}
	} else {
		for i := range n {
			out = append(out, r.Results[i].outcome())
		}
	}
	if out[0].err != nil {
		return nil, out[0].err
	}
	return out[1 : n-1], nil
}

// readAll sends queries in a transaction.
func (c *Client) readAll(ctx context.Context, queries []*stmt, batched bool) (*reply, error) {
	n := len(queries) + 2
	all := make([]step, 0, n)
	all = append(all, step{Stmt: sqlText(beginRead)})
	for _, q := range queries {
		all = append(all, step{wentWell(0), q})
	}
	all = append(all, step{wentWell(0), sqlText(endRead)})

	r, _, err := c.ask(ctx, func(int) []request {
		if batched {
			return []request{steps(all...), whereAreYou, closeStream}
		}
		var list []request
		for _, s := range all {
			list = append(list, execute(s.Stmt))
		}
		return append(list, whereAreYou, closeStream)
	})
	if err == nil {
		c.note(r, len(r.Results)-2)
	}
	return r, err
}

// Transact runs statements in one transaction, in one request: all of them, or
// none. Before it begins it turns the enforcement of foreign keys off.
func (c *Client) Transact(ctx context.Context, statements ...engine.Statement) ([]engine.Answer, error) {
	list := make([]*stmt, len(statements))
	for i, s := range statements {
		var err error
		if list[i], err = newStmt(s.Text, ordinal(s.Args)); err != nil {
			return nil, &engine.StatementError{Index: i, Err: err}
		}
	}
	answers := make([]engine.Answer, len(statements))
	err := c.transact(ctx, statements, list, answers)
	if unread(err) {
		// Nothing was run. Another request tells which statement it is; the
		// optional ones are then left out.
		if err = c.sortOut(ctx, statements, list, answers, err); err == nil {
			err = c.transact(ctx, statements, list, answers)
		}
	}
	return answers, lost(err)
}

// transact sends the statements, but for those that are nil, and fills answers.
func (c *Client) transact(ctx context.Context, statements []engine.Statement, list []*stmt, answers []engine.Answer) error {
	var (
		all []step
		of  []int
	)
	r, _, err := c.ask(ctx, func(version int) []request {
		all, of = transaction(version, statements, list)
		return []request{steps(all...), whereAreYou, closeStream}
	})
	if err != nil {
		return err
	}
	c.note(r, 1)
	out, err := r.Results[0].batch(len(all))
	if err != nil {
		var e *Error
		if errors.As(err, &e) && (e.endsTransaction() || e.Name == "TRANSACTION_BUSY") {
			return &engine.StatementError{Index: -1, Err: err}
		}
		return err
	}
	end := len(list) // the index of COMMIT
	committed := false
	failed := &engine.StatementError{Index: end, Err: ErrGone}
	for k, o := range out {
		i := of[k]
		switch {
		case i == helper:
		case 0 <= i && i < end && statements[i].Optional:
			answers[i] = answer(o)
			if o.err != nil { // perhaps it has ended the transaction
				failed = &engine.StatementError{Index: i, Err: o.err}
			}
		case o.err != nil:
			return &engine.StatementError{Index: i, Err: o.err}
		case i == end:
			committed = o.res != nil
		case i >= 0:
			answers[i] = answer(o)
		}
	}
	if !committed {
		return failed
	}
	return nil
}

// helper is a step that is none of the caller's statements.
const helper = -2

// transaction returns the steps of a transaction, each run only if what it
// needs went well, and of which statement they are: -1 for BEGIN, the number of
// statements for COMMIT.
func transaction(version int, statements []engine.Statement, list []*stmt) (all []step, of []int) {
	all = []step{{Stmt: sqlText("PRAGMA foreign_keys=OFF")}, {wentWell(0), sqlText("BEGIN IMMEDIATE")}}
	of = []int{-1, -1}
	last := 1 // the step that must have gone well
	add := func(i int, s *stmt, optional bool) {
		on := wentWell(last)
		if version >= 3 {
			on = both(on, inTransaction)
		}
		all, of = append(all, step{on, s}), append(of, i)
		if !optional {
			last = len(all) - 1
		}
	}
	for i, s := range list {
		switch {
		case s == nil:
		case statements[i].Optional && version < 3:
			// A statement that fails may end the transaction. Then its savepoint is
			// gone as well, and what follows does not run.
			add(helper, sqlText("SAVEPOINT migratingsqlite_optional"), false)
			add(i, s, true)
			add(helper, sqlText("RELEASE migratingsqlite_optional"), false)
		default:
			add(i, s, statements[i].Optional)
		}
	}
	add(len(list), sqlText("COMMIT"), false)
	undo := not(wentWell(last))
	if version >= 3 {
		undo = inTransaction
	}
	return append(all, step{undo, sqlText("ROLLBACK")}), append(of, helper)
}

// sortOut finds the statements that the server cannot read, and takes them out
// of the list if they are optional. why is the error that they caused.
func (c *Client) sortOut(ctx context.Context, statements []engine.Statement, list []*stmt, answers []engine.Answer, why error) error {
	r, _, err := c.ask(ctx, func(int) []request {
		var never []request
		for _, s := range list {
			never = append(never, steps(step{neverRun, s}))
		}
		return append(never, closeStream)
	})
	if err != nil {
		return unavailable(err)
	}
	found := false
	for i := range list {
		_, err := r.Results[i].batch(1)
		switch {
		case err == nil:
		case !statements[i].Optional:
			return &engine.StatementError{Index: i, Err: err}
		default:
			list[i], answers[i].Err, found = nil, err, true
		}
	}
	if !found {
		return why
	}
	return nil
}

// Execute runs one statement outside of any transaction, in one request.
func (c *Client) Execute(ctx context.Context, statement engine.Statement) (engine.Answer, error) {
	s, err := newStmt(statement.Text, ordinal(statement.Args))
	if err != nil {
		return engine.Answer{}, &engine.StatementError{Err: err}
	}
	r, _, err := c.ask(ctx, func(int) []request { return []request{execute(s), closeStream} })
	if err != nil {
		return engine.Answer{}, lost(err)
	}
	o := r.Results[0].outcome()
	switch e, _ := o.err.(*Error); {
	case e == nil:
	case e.Name == "RESPONSE_TOO_LARGE": // it may have written
		return engine.Answer{}, lost(e)
	default:
		return engine.Answer{}, &engine.StatementError{Err: e}
	}
	a := answer(o)
	return a, a.Err
}

func answer(o outcome) (a engine.Answer) {
	switch {
	case o.err != nil:
		a.Err = o.err
	case o.res != nil:
		a.RowsAffected = o.res.Affected
		a.Duration = time.Duration(o.res.Milliseconds * float64(time.Millisecond))
		a.Rows, a.Err = o.res.rows()
	}
	return a
}

func ordinal(args []driver.Value) []driver.NamedValue {
	list := make([]driver.NamedValue, len(args))
	for i, v := range args {
		list[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return list
}
