package migratingsqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// inSteps does what the plan says in several transactions, under a lease: a
// transaction for each migration, and more for those that say so. Every step
// leaves the database such that the next run goes on from there.
func (r *run) inSteps(ctx context.Context) error {
	if r.lease == nil {
		r.lease = newLease()
	}
	l := r.lease
	for {
		err := r.take(ctx, l)
		if err == nil {
			err = r.walk(ctx, l)
		}
		switch {
		case err == nil || errors.Is(err, errHeld) || errors.Is(err, errLost) || errors.Is(err, errSuperseded):
			return err
		case context.Cause(ctx) != nil, errors.Is(err, ErrLocked):
			r.dropLease(ctx, l, nil)
			return err
		case errors.Is(err, engine.ErrThrownOut):
			// The rival has had its turn.
			if r.thrown++; r.thrown == maxThrownOut {
				err = fmt.Errorf("%w; the server ends a transaction that takes long while others want to write, and did so %d times: upgrade when they do not, make the migration smaller, or let it say -- migratingsqlite: batch", err, r.thrown)
				r.dropLease(ctx, l, err)
				return err
			}
			pause(ctx, maxPause)
		case isBusy(err), r.uncertain(err):
			if err := r.wait.wait(ctx, r.began, err); err != nil {
				r.dropLease(ctx, l, nil)
				return r.orLocked(ctx, err)
			}
		default:
			r.dropLease(ctx, l, err)
			return err
		}
	}
}

// orLocked is ErrLocked if it was for a lock that a server did not answer in
// time: then it answers those who only read. A migration may just take long.
func (r *run) orLocked(ctx context.Context, err error) error {
	if errors.Is(err, errNoAnswer) && r.unsure == nil {
		if _, other := r.read(ctx, stateQuery); other == nil {
			return r.wait.locked(errNoAnswer)
		}
	}
	return err
}

// maxThrownOut is how often a migration may be thrown out by the server.
const maxThrownOut = 4

// uncertain reports whether an error is of the network, so that it is open what
// has become of a request. To take the lease once more settles it.
func (r *run) uncertain(err error) bool {
	var unavailable *engine.UnavailableError
	var lost *engine.LostError
	return errors.As(err, &unavailable) && !unavailable.Permanent || errors.As(err, &lost)
}

// take takes the lease and plans again in the same transaction, since only what
// is read there counts. It makes the driver's own tables where they are missing.
func (r *run) take(ctx context.Context, l *lease) error {
	transact := r.request
	if r.place.server == nil {
		if err := r.takeLock(ctx, l); err != nil {
			return err
		}
		transact = localStore{r.conn, r.wait}.finish
	}
	all, err := r.bookkeeping()
	if err != nil {
		r.unlock(ctx)
		return err
	}
	all = append(all, l.take())
	taken := len(all)
	for _, q := range booksQueries {
		all = append(all, engine.Statement{Text: q, Query: true})
	}
	answers, err := transact(ctx, all...)
	if errors.Is(err, ErrLocked) {
		return err
	} else if err != nil {
		return fmt.Errorf("taking the lease: %w", err)
	}
	b, err := readBooks(answers[taken:])
	if err != nil {
		return err
	}
	if b.legacy, err = r.findLegacy(ctx, b, r.read); err != nil {
		return err
	}
	r.plan = newPlan(r.config, b).after(r.plan)
	if b.lease.token != l.token {
		return errHeld
	}
	l.step, l.progress = b.lease.step, b.lease.progress
	r.settle()
	switch {
	case r.plan.refusal != nil:
		return r.plan.refusal
	case !r.plan.may():
		r.dropLease(ctx, l, nil)
		return errSuperseded
	}
	if r.plan.must() && !r.plan.committed {
		r.tel.begin(ctx, r.plan)
		r.tel.plan(r.plan)
		r.report.LockWait = r.wait.total() - r.spent
		r.tel.waited(r.report.LockWait, true)
	}
	return r.plan.read()
}

// takeLock takes the write lock for taking the lease, and plans again, so that
// nothing is written where another run has it or has done everything.
func (r *run) takeLock(ctx context.Context, l *lease) error {
	err := r.acquire(ctx, l.token)
	r.began = time.Now()
	if err != nil {
		return err
	}
	spare := false
	if err = r.planInside(ctx); err == nil {
		held := &r.plan.lease
		switch {
		case r.plan.refusal != nil:
			err = r.plan.refusal
		case !r.plan.may():
			err = errSuperseded
		case held.token == l.token:
		case held.left > 0:
			err = errHeld
		case held.progress.set != "" && r.spared != (leaseStep{held.token, held.step}):
			// Whoever had the lease may have had the lock until now as well, for one
			// long statement, and be about to go on.
			r.spared = leaseStep{held.token, held.step}
			spare, err = true, errHeld
		}
	}
	if err == nil && r.plan.must() {
		r.tel.begin(ctx, r.plan)
		if err = r.plan.read(); err == nil {
			err = r.backUpPlan(ctx)
		}
	}
	if err != nil {
		r.unlock(ctx)
	}
	if spare {
		err = cmp.Or(pause(ctx, maxPause), err)
	}
	return err
}

func (r *run) unlock(ctx context.Context) {
	if r.place.server == nil {
		r.conn.exec(context.WithoutCancel(ctx), "ROLLBACK")
	}
}

// settle finds out what has become of a migration whose answer was lost.
func (r *run) settle() {
	d := r.unsure
	if r.unsure = nil; d == nil {
		return
	}
	for _, s := range r.plan.sets {
		if s.set.name == d.set && !slices.ContainsFunc(s.pending, func(m Migration) bool { return m.Version == d.migration.Version && m.Name == d.migration.Name }) {
			d.err = nil
			r.report.Done = append(r.report.Done, *d)
		}
	}
}

// request runs a transaction.
func (r *run) request(ctx context.Context, statements ...engine.Statement) (answers []engine.Answer, err error) {
	start, spent := time.Now(), r.wait.spent
	defer func() { r.began = start.Add(r.wait.spent - spent) }()
	err = r.limited(ctx, func(ctx context.Context) error {
		answers, err = r.store.Transact(ctx, statements...)
		return err
	})
	return answers, err
}

// bookkeeping is the driver's own set as statements: it has to be there before
// there can be a lease.
func (r *run) bookkeeping() (list []engine.Statement, err error) {
	own := &r.plan.sets[0]
	for i := range own.pending {
		m := &own.pending[i]
		if err := m.read(); err != nil {
			return nil, err
		}
		statements, err := script.Split(m.scripts.up)
		if err != nil {
			return nil, err
		}
		for _, s := range statements {
			list = append(list, engine.Statement{Text: s.Text})
		}
	}
	for i := range own.pending {
		d := done{set: ownSet, migration: &own.pending[i], status: statusApplied}
		list = append(list, statement(writeRecord, d.row()))
	}
	if len(own.pending) > 0 {
		list = append(list, statement(writeState, []any{ownSet, own.after(), own.digest}))
	}
	return list, nil
}

// walk applies what is pending, step by step.
func (r *run) walk(ctx context.Context, l *lease) error {
	w := &walk{run: r, lease: l, opening: r.opening()}
	for i := range r.plan.sets {
		s := &r.plan.sets[i]
		versioned := s.versioned()
		for j := range versioned {
			if err := w.step(s, &s.pending[j]); err != nil {
				return err
			}
		}
		if err := r.addGone(ctx, s, r.read); err != nil {
			return err
		}
		for j := versioned; j < len(s.pending); j++ {
			if err := w.step(s, &s.pending[j]); err != nil {
				return err
			}
		}
	}
	if w.closed {
		return nil
	}
	t := w.transaction(progress{})
	t.add(purposeBooks, r.closing(l)...)
	return w.commit(ctx, t)
}

// A walk is one pass over the pending migrations under one lease.
type walk struct {
	*run
	lease   *lease
	opening []engine.Statement // for the first transaction
	closed  bool               // the last transaction is done
	rested  time.Time          // when others last had much time to write
}

// opening is what the first transaction after the lease does: the history of
// what is there already.
func (r *run) opening() (list []engine.Statement) {
	for _, s := range r.plan.sets {
		for i := range s.baseline {
			d := done{set: s.set.name, from: s.legacy, migration: &s.baseline[i], status: statusBaseline}
			list = append(list, statement(writeRecord, d.row()))
		}
	}
	if r.plan.setAppID {
		list = append(list, engine.Statement{Text: fmt.Sprintf("PRAGMA application_id = %d", r.config.appID)})
	}
	return list
}

// closing is what the last transaction does.
func (r *run) closing(l *lease) (list []engine.Statement) {
	for i := range r.plan.sets {
		s := &r.plan.sets[i]
		if slices.ContainsFunc(s.records, func(r record) bool { return r.status == statusFailed }) {
			list = append(list, engine.Statement{Text: deleteOverFailures})
		}
		list = append(list, statement(writeState, []any{s.set.name, s.after(), s.digest}))
	}
	return append(list, engine.Statement{Text: forgetDone}, l.drop())
}

func statement(text string, args []any) engine.Statement {
	s := engine.Statement{Text: text, Args: make([]driver.Value, len(args))}
	for i, a := range args {
		if n, ok := a.(int); ok {
			a = int64(n)
		}
		s.Args[i] = a
	}
	return s
}

// A transaction is the statements of one, and what each of them is for.
type transaction struct {
	statements []engine.Statement
	script     []*script.Statement // the migration's own ones
	purpose    []string            // of the others
	keysAdvice string
}

func (t *transaction) add(purpose string, list ...engine.Statement) {
	for _, s := range list {
		t.statements, t.script, t.purpose = append(t.statements, s), append(t.script, nil), append(t.purpose, purpose)
	}
}

func (t *transaction) addScript(s *script.Statement) {
	t.add("", engine.Statement{Text: s.Text})
	t.script[len(t.script)-1] = s
}

const (
	purposeFence = "renewing the lease"
	purposeKeys  = "checking foreign keys"
	purposeBooks = "writing the history"
)

// transaction begins one with its fence.
func (w *walk) transaction(p progress) *transaction {
	t := &transaction{}
	w.lease.progress = p
	t.add(purposeFence, w.lease.fence(p))
	t.add(purposeBooks, w.opening...)
	return t
}

// finish adds the migration's row of history, and the end of the whole run
// after its last migration.
func (w *walk) finish(t *transaction, s *setPlan, history engine.Statement, m *Migration) {
	t.add(purposeBooks, history)
	if w.isLast(s, m) {
		t.add(purposeBooks, w.run.closing(w.lease)...)
	} else {
		t.add(purposeBooks, statement(writeState, []any{s.set.name, max(s.version, m.Version), ""}))
		t.add(purposeFence, w.lease.renew(false))
	}
}

// isLast reports whether the migration is the last one of the run, for sure.
func (w *walk) isLast(s *setPlan, m *Migration) bool {
	for i := len(w.plan.sets) - 1; i >= 0; i-- {
		switch last := &w.plan.sets[i]; {
		case last == s:
			return m == &s.pending[len(s.pending)-1] && (m.Version == 0 || len(s.repeatable) == 0)
		case len(last.pending) > 0:
			return false
		}
	}
	return false
}

// commit runs a transaction.
func (w *walk) commit(ctx context.Context, t *transaction) error {
	_, err := w.answers(ctx, t)
	return err
}

func (w *walk) answers(ctx context.Context, t *transaction) ([]engine.Answer, error) {
	answers, err := w.request(ctx, t.statements...)
	return answers, w.committed(t, answers, err)
}

// committed takes note of what a transaction has done, or says what its error
// means.
func (w *walk) committed(t *transaction, answers []engine.Answer, err error) error {
	if err == nil {
		w.lease.step++
		w.opening = nil
		if len(t.statements) > 1 { // else it only renewed the lease
			w.plan.committed = true
		}
		w.wait.renew()
		return nil
	}
	var at *engine.StatementError
	if !errors.As(err, &at) || at.Index < 0 || at.Index >= len(t.statements) {
		return err
	}
	purpose, statement := t.purpose[at.Index], t.script[at.Index]
	switch {
	case statement != nil:
		return &MigrationError{Line: statement.Line, Column: statement.Column, Statement: statement.Text, Err: at.Err}
	case sqliteCode(at.Err) != sqliteConstraint:
	case purpose == purposeFence:
		return errLost
	case purpose == purposeKeys:
		return &MigrationError{Err: fmt.Errorf("it leaves rows that break a foreign key: %s; %s", text(answers[at.Index-1].Rows[0][0]), t.keysAdvice)}
	}
	return fmt.Errorf("%s: %w", purpose, at.Err)
}

// step applies one migration.
func (w *walk) step(s *setPlan, m *Migration) error {
	d := done{set: s.set.name, migration: m, status: statusApplied}
	ctx, end := w.tel.migration(&d)
	switch {
	case m.upFunc != nil:
		d.err = w.stepFunc(ctx, s, &d)
	case m.manner == noTransaction:
		d.err = w.stepOutside(ctx, s, &d)
	case m.manner == inBatches:
		d.err = w.stepBatches(ctx, s, &d)
	default:
		d.err = w.stepScript(ctx, s, &d)
	}
	var failed *MigrationError
	if errors.As(d.err, &failed) {
		failed.Set, failed.Version, failed.Name, failed.File = d.set, m.Version, m.Name, m.File
	}
	end()
	if d.err != nil {
		if failed == nil && w.uncertain(d.err) {
			w.unsure = &d
		}
		return d.err
	}
	w.report.Done = append(w.report.Done, d)
	w.lease.progress = progress{}
	w.closed = w.isLast(s, m)
	s.version = max(s.version, m.Version)
	return nil
}

// progressOf is where the migration begins: where another run was cut off.
func (w *walk) progressOf(d *done) progress {
	p := progress{set: d.set, version: d.migration.Version, checksum: d.migration.Checksum}
	if l := w.lease.progress; l.set == p.set && l.version == p.version && l.checksum == p.checksum {
		p = l
	}
	return p
}

// stepScript applies a script in one transaction.
func (w *walk) stepScript(ctx context.Context, s *setPlan, d *done) error {
	m := d.migration
	t := w.transaction(w.progressOf(d))
	checkKeys := m.changesRows()
	if checkKeys {
		t.add(purposeKeys, engine.Statement{Text: keysBefore, Optional: true})
	}
	statements, err := m.statements()
	if err == nil {
		statements, err = needed(ctx, statements, w.store.Read)
	}
	if err != nil {
		return err
	}
	first := len(t.statements)
	for i := range statements {
		t.addScript(&statements[i].Statement)
	}
	if checkKeys {
		t.addKeys(undoneKeys)
	}
	d.statements = len(statements)
	start := time.Now()
	w.finish(t, s, statement(writeStep, slices.Delete(d.row(), durationAt, durationAt+1)), m)
	answers, err := w.request(ctx, t.statements...)
	ran := statements
	var at *engine.StatementError
	if err != nil {
		d.statements, ran = 0, nil
	}
	if errors.As(err, &at) && at.Index >= first {
		d.statements = min(at.Index-first, len(statements))
		ran = statements[:min(d.statements+1, len(statements))]
	}
	w.tel.statements(ctx, d.set, ran, answers, first, start, d.statements, err)
	err = w.committed(t, answers, err)
	for i := range statements {
		if err == nil && statements[i].Changes() {
			d.rows += answers[first+i].RowsAffected
		}
	}
	return err
}

// What to do about rows that a migration leaves and that break a foreign key.
const (
	undoneKeys   = "repair these rows in the migration"
	halfDoneKeys = "what it did before is committed, and its text must stay as it is: repair these rows in the database, then open it again"
)

func (t *transaction) addKeys(advice string) {
	t.keysAdvice = advice
	t.add(purposeKeys, engine.Statement{Text: keysAfter}, engine.Statement{Text: keysQuery, Query: true}, engine.Statement{Text: keysGuard})
}

// stepFunc applies a Go migration in one transaction that is open while the
// function works.
func (w *walk) stepFunc(ctx context.Context, s *setPlan, d *done) error {
	start := time.Now()
	w.began = start
	conn, err := w.store.Connect(ctx, w.wait.patience())
	if err != nil {
		return err
	}
	defer conn.Close()
	session, err := newSession(ctx, conn)
	if err != nil {
		return err
	}
	defer session.end()
	tx := localStore{session, w.wait}
	if w.place.server != nil {
		if err := session.exec(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
			return err
		}
	}
	err = w.wait.retry(ctx, func() error { return session.exec(ctx, "BEGIN IMMEDIATE") })
	if err != nil {
		return err
	}
	w.began = time.Now()
	do := func(t *transaction) error {
		answers, err := tx.do(ctx, t.statements...)
		if err != nil {
			return w.committed(t, answers, err)
		}
		return nil
	}
	before := w.transaction(w.progressOf(d))
	before.add(purposeKeys, engine.Statement{Text: keysBefore, Optional: true})
	err = do(before)
	if err == nil {
		err = w.applyFunc(ctx, session, d)
	}
	after := &transaction{}
	if err == nil {
		d.duration = time.Since(start)
		after.addKeys(undoneKeys)
		w.finish(after, s, statement(writeRecord, d.row()), d.migration)
		err = do(after)
	}
	if err == nil {
		// On a file one would not know what became of it; on a server one never does.
		end := ctx
		if w.place.server == nil {
			end = context.WithoutCancel(ctx)
		}
		err = w.wait.retry(ctx, func() error { return session.exec(end, "COMMIT") })
	}
	if err != nil {
		if w.place.server == nil { // where closing the connection does it
			session.exec(context.WithoutCancel(ctx), "ROLLBACK")
		}
		return err
	}
	return w.committed(after, nil, nil)
}

// stepOutside applies a script statement by statement: in a transaction with
// its progress where that can be, so that it is not done twice, and outside of
// any where it must be. What SQLite does only outside can be done twice.
func (w *walk) stepOutside(ctx context.Context, s *setPlan, d *done) error {
	start := time.Now()
	p := w.progressOf(d)
	statements, err := d.migration.statements()
	if err != nil {
		return err
	}
	checkKeys := slices.ContainsFunc(statements, func(st guarded) bool { return st.InTransaction() == "" && st.ChangesRows() })
	for ; p.statements < int64(len(statements)); p.statements++ {
		if skip, err := skips(ctx, &statements[p.statements], w.store.Read); err != nil {
			return err
		} else if skip {
			continue
		}
		st := &statements[p.statements].Statement
		after, outside := p, st.InTransaction() != ""
		if !outside {
			after.statements++
		}
		t := w.transaction(after)
		if checkKeys && p.statements == 0 {
			t.add(purposeKeys, engine.Statement{Text: keysBefore, Optional: true})
		}
		stCtx, end := w.tel.statement(ctx, d.set, st.Kind.String(), st.Text)
		if outside {
			err = w.commit(ctx, t)
			if err == nil {
				err = w.outside(stCtx, st, p)
			}
		} else {
			t.addScript(st)
			changed := len(t.statements) - 1
			t.add(purposeFence, w.lease.renew(st.Changes()))
			var answers []engine.Answer
			if answers, err = w.answers(stCtx, t); err == nil && st.Changes() {
				p.rows += answers[changed].RowsAffected
			}
		}
		if end(err); err != nil {
			w.lease.progress = p
			return err
		}
	}
	if w.place.server == nil {
		// It may have turned them on, and the next ones count on that they are off.
		if err := w.conn.exec(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
			return err
		}
	}
	d.statements, d.rows, d.duration = len(statements), p.rows, time.Since(start)
	t := w.transaction(p)
	if checkKeys {
		t.addKeys(halfDoneKeys)
	}
	w.finish(t, s, statement(writeRecord, d.row()), d.migration)
	return w.commit(ctx, t)
}

// outside runs one statement outside of a transaction, and keeps the lease while
// it runs.
func (w *walk) outside(ctx context.Context, st *script.Statement, p progress) error {
	stop := w.keep(ctx, p)
	err := w.wait.retry(ctx, func() error {
		return w.limited(ctx, func(ctx context.Context) error {
			_, err := w.store.Execute(ctx, engine.Statement{Text: st.Text})
			return err
		})
	})
	stop()
	if err == nil || errors.Is(err, ErrLocked) || w.uncertain(err) {
		return err
	}
	return &MigrationError{Line: st.Line, Column: st.Column, Statement: st.Text, Err: err}
}

// keep renews the lease now and then until stop is called. It does so through a
// connection of its own; where the statement that runs has locked the database,
// nobody else can take the lease either.
func (w *walk) keep(ctx context.Context, p progress) (stop func()) {
	if w.place.server == nil && w.place.another == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(leaseTime / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			w.renew(ctx, p)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// renew renews the lease as well as it can.
func (w *walk) renew(ctx context.Context, p progress) {
	store := w.store
	if w.place.server == nil {
		conn, err := w.place.another(ctx)
		if err != nil {
			return
		}
		defer conn.Close()
		session, err := newSession(ctx, conn)
		if err != nil {
			return
		}
		defer session.end()
		store = localStore{session, &waiter{}}
	}
	if _, err := store.Transact(ctx, w.lease.fence(p)); err == nil {
		w.lease.step++
	}
}

// A migration in batches rests after each of them. SQLite's own way of waiting
// for a lock is to look every 100 ms, after the first few times, so that now and
// then it rests for longer than that: whoever is ready to wait for a second gets
// his turn.
const (
	workTime = 500 * time.Millisecond
	restTime = 110 * time.Millisecond
)

// stepBatches repeats each statement, in a transaction with its progress, until
// it changes no row.
func (w *walk) stepBatches(ctx context.Context, s *setPlan, d *done) error {
	start := time.Now()
	m, p := d.migration, w.progressOf(d)
	statements, err := m.statements()
	if err != nil {
		return err
	}
	checkKeys := m.changesRows()
	begun, report := p.rows, w.tel.progress(ctx, d)
	w.rested = start
	for ; p.statements < int64(len(statements)); p.statements++ {
		if skip, err := skips(ctx, &statements[p.statements], w.store.Read); err != nil {
			return err
		} else if skip {
			continue
		}
		st := &statements[p.statements].Statement
		stCtx, end := w.tel.statement(ctx, d.set, st.Kind.String(), st.Text)
		for more := true; more && err == nil; {
			more, err = w.batch(stCtx, st, &p, checkKeys && p.statements == 0 && p.rows == 0)
			if more {
				report(p.rows, p.rows-begun)
			}
		}
		if end(err); err != nil {
			w.lease.progress = p
			return err
		}
	}
	d.statements, d.rows, d.duration = len(statements), p.rows, time.Since(start)
	t := w.transaction(p)
	if checkKeys {
		t.addKeys(halfDoneKeys)
	}
	w.finish(t, s, statement(writeRecord, d.row()), m)
	return w.commit(ctx, t)
}

// batch runs a statement once, and then lets others write. It reports whether the
// statement is to be run again.
func (w *walk) batch(ctx context.Context, st *script.Statement, p *progress, first bool) (more bool, err error) {
	start := time.Now()
	after := *p
	if !st.Changes() {
		after.statements++ // it is done once
	}
	t := w.transaction(after)
	if first {
		t.add(purposeKeys, engine.Statement{Text: keysBefore, Optional: true})
	}
	t.addScript(st)
	changed := len(t.statements) - 1
	t.add(purposeFence, w.lease.renew(st.Changes()))
	answers, err := w.answers(ctx, t)
	if err != nil || !st.Changes() || answers[changed].RowsAffected == 0 {
		return false, err
	}
	p.rows += answers[changed].RowsAffected
	took := time.Since(start)
	if time.Since(w.rested)+took > workTime {
		err = pause(ctx, restTime)
		w.rested = time.Now()
	} else {
		err = pause(ctx, max(time.Millisecond, min(took/8, maxPause)))
	}
	return true, err
}

// dropLease gives the lease up halfway, as far as that can be done, and leaves a
// trace of a failed migration.
func (r *run) dropLease(ctx context.Context, l *lease, failure error) {
	limit := 2 * time.Second
	if failure == nil && r.place.server != nil {
		limit = 500 * time.Millisecond // it is late already, and nobody may answer
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	list := []engine.Statement{l.drop()}
	var failed *MigrationError
	if errors.As(failure, &failed) {
		for _, s := range r.plan.sets {
			at := slices.IndexFunc(s.pending, func(m Migration) bool { return m.Version == failed.Version && m.Name == failed.Name })
			if s.set.name == failed.Set && at >= 0 {
				d := done{set: s.set.name, migration: &s.pending[at], status: statusFailed, err: failed}
				list = []engine.Statement{l.fence(l.progress), statement(writeRecord, d.row()), l.drop()}
			}
		}
	}
	if r.plan.committed {
		r.plan.lease.progress = l.progress // says the error
	}
	store := r.store
	if r.place.server == nil {
		store = localStore{r.conn, &waiter{budget: 500 * time.Millisecond}}
	}
	_, err := store.Transact(ctx, list...)
	if err == nil {
		r.plan.traced = len(list) > 1
	} else if len(list) > 1 {
		store.Transact(ctx, l.drop()) // a full disk has room for that
	}
}
