package migratingsqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// mayWrite refuses where the program is not to write.
func (m *Migrator) mayWrite() error {
	if m.config.mode == modeCheck {
		return m.explain(fmt.Errorf("%s; nothing was done", m.config.whyCheck()))
	}
	return nil
}

// transact calls f with a run that has begun a transaction and has the write lock,
// and commits. It begins again, and calls f again, where another run has the lease
// or a server is not to be reached; then f finds out what has become of the try
// before.
func (m *Migrator) transact(ctx context.Context, tel telemetry, f func(context.Context, *run) error) (*run, error) {
	w := &waiter{budget: m.config.timeout}
	tel.config, tel.start = m.config, time.Now()
	r := &run{config: m.config, wait: w, tel: tel, plan: &plan{}}
	err := m.with(ctx, m.gate, w, func(p place) (err error) {
		r.place, r.store, w.rare = p, p.server, p.server != nil
		if p.server == nil {
			if r.conn, err = newSession(ctx, p.conn); err != nil {
				return err
			}
			defer r.conn.end()
			r.store = localStore{r.conn, w}
		}
		r.tel.ctx = ctx
		if tel.down != nil {
			ctx = r.tel.begin(ctx, r.plan)
		}
		if err = r.transactUntilDone(ctx, f); err != nil {
			err = r.explain(ctx, err)
		}
		return err
	})
	r.report.LockWait = w.total()
	outcome := outcomeUndone
	if err != nil {
		outcome = outcomeOf(err)
	}
	r.tel.end(outcome, r.plan, &r.report, err)
	return r, err
}

// transactUntilDone tries it until it is done, or waits no longer.
func (r *run) transactUntilDone(ctx context.Context, f func(context.Context, *run) error) error {
	for {
		r.began = time.Now()
		err := r.transactOnce(ctx, f)
		switch {
		case err == nil:
			return nil
		case context.Cause(ctx) != nil, errors.Is(err, ErrLocked):
			return err
		case errors.Is(err, engine.ErrForbidden), sqliteCode(err) == sqliteReadOnly:
			return cannotWrite(err)
		case errors.Is(err, engine.ErrThrownOut):
			if r.thrown++; r.thrown == maxThrownOut {
				return fmt.Errorf("%w; the server ends a transaction that takes long while others want to write, and did so %d times: do it when they do not", err, r.thrown)
			}
			pause(ctx, maxPause)
			continue
		case !errors.Is(err, errHeld) && !r.passes(err):
			return err
		}
		// Only looking, while another run has the lease: it needs the lock.
		for held := true; held; {
			if err := r.wait.wait(ctx, r.began, err); err != nil {
				return r.orLocked(ctx, err)
			}
			r.began = time.Now()
			lease, _, lookErr := r.look(ctx)
			if held = lookErr == nil && lease.left > 0; held {
				err = lease.why()
			}
		}
	}
}

// transactOnce is one try.
func (r *run) transactOnce(ctx context.Context, f func(context.Context, *run) error) (err error) {
	if r.place.server != nil {
		conn, err := r.place.server.Connect(ctx, r.wait.patience())
		if err != nil {
			return err
		}
		defer conn.Close()
		if r.conn, err = newSession(ctx, conn); err != nil {
			return err
		}
		defer r.conn.end()
	}
	restore, err := r.withoutForeignKeys(ctx)
	if err != nil {
		return err
	}
	defer restore()
	if r.place.server == nil {
		err = r.lock(ctx)
	} else {
		err = r.wait.retry(ctx, func() error {
			return r.limited(ctx, func(ctx context.Context) error { return r.conn.exec(ctx, "BEGIN IMMEDIATE") })
		})
		r.tel.waited(r.wait.total(), err == nil)
	}
	if err != nil {
		return err
	}
	r.began = time.Now()
	if err = f(ctx, r); err == nil {
		r.sent = r.place.server != nil
		err = r.commit(ctx)
		r.sent = r.sent && r.uncertain(err)
	}
	if err != nil {
		r.conn.exec(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

// cannotWrite says more of an error that is about the right to write.
func cannotWrite(err error) error {
	switch {
	case errors.Is(err, engine.ErrForbidden):
		return fmt.Errorf("the token does not allow to write (%w)", err)
	case sqliteCode(err) == sqliteReadOnly:
		return errors.New(readOnlyText(err))
	}
	return err
}

// upgradeBooks brings the driver's own tables up to date, and takes an expired lease
// away from whoever had it, who may only have stalled.
func (r *run) upgradeBooks(ctx context.Context) error {
	own := run{config: r.config, conn: r.conn, wait: r.wait, tel: r.tel, plan: &plan{sets: r.plan.sets[:1], lease: r.plan.lease}}
	err := own.plan.read()
	if err == nil {
		err = own.applySet(&own.plan.sets[0])
	}
	if err != nil {
		return err
	}
	return own.writeBooks(ctx)
}
