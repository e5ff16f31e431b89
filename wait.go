package migratingsqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// A waiter waits for other connections to release the database. It is the one
// place where a run waits, and it heeds the context. The budget bounds the
// time spent waiting, in vain tries included, not the work in between. What
// others may take of a run of several transactions is bounded for each of them.
type waiter struct {
	budget time.Duration
	spent  time.Duration
	pause  time.Duration
	rare   bool          // every try is a request over a network
	before time.Duration // spent on earlier transactions
	late   bool          // the last try began after the budget was spent
}

// renew begins with a whole budget, since something was done.
func (w *waiter) renew() {
	w.before += w.spent
	w.spent, w.pause, w.late = 0, 0, false
}

func (w *waiter) total() time.Duration { return w.before + w.spent }

var errNoAnswer = errors.New("the server did not answer in time")

// Pauses between two tries: whoever holds the database is most likely doing
// this very upgrade, in milliseconds or in minutes.
const (
	firstPause = time.Millisecond
	maxPause   = 50 * time.Millisecond

	maxRemotePause = 250 * time.Millisecond
)

// wait pauses after a try that began at start and failed with cause. It returns
// [ErrLocked] when the budget is spent.
func (w *waiter) wait(ctx context.Context, start time.Time, cause error) error {
	took := time.Since(start) // the driver may have waited itself
	w.spent += took
	left := w.budget - w.spent
	if left <= 0 && took > 2*maxPause && !w.late && isBusy(cause) {
		// Or the whole process was stopped meanwhile, and things may have changed.
		w.late = true
		return context.Cause(ctx)
	}
	if left <= 0 && !isBusy(cause) && !errors.Is(cause, errHeld) && !errors.Is(cause, errLost) {
		return w.gaveUp(cause)
	}
	if left <= 0 && errors.Is(cause, errHeld) {
		return &refusal{ErrLocked, cause, fmt.Sprintf("%v, and has not finished within %s; open it again later, or wait longer with _migrate_timeout", cause, w.budget)}
	}
	if left <= 0 {
		return w.locked(cause)
	}
	longest := maxPause
	if w.rare {
		longest = maxRemotePause
	}
	w.pause = min(max(2*w.pause, firstPause), longest)
	// Half of it is chance, so that many waiting processes do not try in step.
	d := min(w.pause/2+rand.N(w.pause/2+1), left)
	start = time.Now()
	err := pause(ctx, d)
	// A process that was stopped meanwhile has not waited: others had no chance to
	// let it in.
	w.spent += min(time.Since(start), d+maxPause)
	return err
}

// gaveUp is the error of a server that was waited for in vain.
func (w *waiter) gaveUp(cause error) error {
	return fmt.Errorf("gave up after %s: %w; see whether the server runs, can be reached and is not overloaded, or wait longer with _migrate_timeout", w.budget, cause)
}

func (w *waiter) locked(cause error) error {
	return &refusal{ErrLocked, cause, "other connections have kept it locked for " +
		w.budget.String() + " (" + causeText(cause) + "); find out which program holds it, or wait longer with _migrate_timeout"}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}

// limit bounds a request to a server.
func (w *waiter) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, w.patience())
}

// patience is what is left of the budget, and a second at least.
func (w *waiter) patience() time.Duration { return max(w.budget-w.spent, time.Second) }

// retry calls f until it does something else than find the database busy.
func (w *waiter) retry(ctx context.Context, f func() error) error {
	return w.retryIf(ctx, isBusy, f)
}

// retryIf calls f until its error is none that passes.
func (w *waiter) retryIf(ctx context.Context, passes func(error) bool, f func() error) error {
	for {
		start := time.Now()
		err := f()
		if err == nil || !passes(err) {
			return err
		}
		if err := w.wait(ctx, start, err); err != nil {
			return err
		}
	}
}
