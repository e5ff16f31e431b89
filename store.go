package migratingsqlite

import (
	"context"
	"database/sql/driver"
	"slices"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// A place is where a run works: a connection, or a server.
type place struct {
	conn    driver.Conn                                // nil if there is a server
	server  engine.Server                              // nil if there is a connection
	another func(context.Context) (driver.Conn, error) // opens one more connection; nil if that would be another database
	source  driver.Connector                           // opens one for a snapshot; nil where there is nothing to take one of
}

// localStore does with a connection what an engine.Server does with requests,
// so that a run of several transactions is one and the same for both.
type localStore struct {
	conn *session
	wait *waiter
}

func (l localStore) Read(ctx context.Context, queries ...string) ([]engine.Answer, error) {
	if err := l.conn.exec(ctx, "BEGIN"); err != nil {
		return nil, err
	}
	defer l.conn.exec(context.WithoutCancel(ctx), "ROLLBACK")
	return l.ask(ctx, queries...)
}

// ask is Read inside a transaction.
func (l localStore) ask(ctx context.Context, queries ...string) ([]engine.Answer, error) {
	answers := make([]engine.Answer, len(queries))
	for i, q := range queries {
		answers[i] = l.query(ctx, q)
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		if err := answers[i].Err; isBusy(err) {
			return nil, err
		}
	}
	return answers, nil
}

func (l localStore) query(ctx context.Context, q string) (a engine.Answer) {
	a.Err = eachRow(ctx, l.conn.raw, q, func(row []driver.Value) {
		row = slices.Clone(row)
		for i, v := range row {
			if b, ok := v.([]byte); ok { // it is the driver's
				row[i] = slices.Clone(b)
			}
		}
		a.Rows = append(a.Rows, row)
	})
	return a
}

func (l localStore) Transact(ctx context.Context, statements ...engine.Statement) ([]engine.Answer, error) {
	if err := l.wait.retry(ctx, func() error { return l.conn.exec(ctx, "BEGIN IMMEDIATE") }); err != nil {
		return nil, err
	}
	return l.finish(ctx, statements...)
}

// finish is Transact in a transaction that has begun.
func (l localStore) finish(ctx context.Context, statements ...engine.Statement) ([]engine.Answer, error) {
	answers, err := l.do(ctx, statements...)
	if err == nil {
		err = l.wait.retry(ctx, func() error { return l.conn.exec(context.WithoutCancel(ctx), "COMMIT") })
	}
	if err != nil {
		l.conn.exec(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return answers, err
}

// do is Transact inside a transaction.
func (l localStore) do(ctx context.Context, statements ...engine.Statement) ([]engine.Answer, error) {
	answers := make([]engine.Answer, len(statements))
	for i, s := range statements {
		if err := context.Cause(ctx); err != nil {
			return answers[:i], err
		}
		start := time.Now()
		a, err := l.Execute(ctx, s)
		a.Duration = time.Since(start)
		if answers[i] = a; err != nil && !s.Optional {
			return answers[:i], &engine.StatementError{Index: i, Err: err}
		}
		answers[i].Err = err
	}
	return answers, nil
}

func (l localStore) Execute(ctx context.Context, s engine.Statement) (engine.Answer, error) {
	if s.Query {
		a := l.query(ctx, s.Text)
		return a, a.Err
	}
	args := make([]any, len(s.Args))
	for i, v := range s.Args {
		args[i] = v
	}
	res, err := l.conn.ExecContext(ctx, s.Text, args...)
	if err != nil {
		return engine.Answer{}, err
	}
	n, _ := res.RowsAffected() // a driver that does not tell says 0
	return engine.Answer{RowsAffected: n}, nil
}

func (l localStore) Connect(context.Context, time.Duration) (driver.Conn, error) {
	return lent{l.conn.raw}, nil
}
