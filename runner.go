package migratingsqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// A run brings one database up to date through one connection:
// plan → lock → plan again → apply → check → commit.
type run struct {
	config *config
	place  place
	conn   *session      // nil on a server
	store  engine.Server // the place, by whatever name
	wait   *waiter
	goal   *goal
	tel    telemetry
	plan   *plan         // the newest
	began  time.Time     // of the last request, without what was waited for it, in a run of several transactions
	lease  *lease        // nil before it was wanted
	spared leaseStep     // whose lease had run out, but was not taken over at once
	unsure *done         // the migration whose answer was lost
	spent  time.Duration // waited before the run
	thrown int           // how often a server has thrown a migration out
	sent   bool          // a COMMIT of transactOnce to a server, and no answer came
	report report
}

// report is what a run has done.
type report struct {
	Done     []done // in the order in which it was done
	LockWait time.Duration
	Backup   string // the path of the snapshot of what was there before, "" if there is none
}

// applied counts the migrations, without the driver's own.
func (r *report) applied() (n int) {
	for _, d := range r.Done {
		if d.status == statusApplied && d.set != ownSet {
			n++
		}
	}
	return n
}

// errSuperseded: another connection has done the upgrade meanwhile.
var errSuperseded = errors.New("another connection has upgraded the database")

// upgrade brings a database up to date. It reports whether it had to write, so
// that the connection has been used for more than looking. An error says in what
// state the database is.
func (c *config) upgrade(ctx context.Context, p place, w *waiter, g *goal) (rep *report, wrote bool, err error) {
	r := &run{config: c, place: p, store: p.server, wait: w, spent: w.total(), goal: g, tel: telemetry{config: c, start: time.Now()}}
	w.rare = p.server != nil
	if p.server == nil {
		r.conn, err = newSession(ctx, p.conn)
		if err != nil {
			return nil, false, err
		}
		defer r.conn.end()
		r.store = localStore{r.conn, w}
	}
	if err := r.planOutside(ctx); err != nil {
		return nil, false, err
	}
	if r.plan.refusal == nil && !r.plan.must() {
		if !r.plan.may() || c.mode != modeOn {
			return &r.report, false, nil
		}
		r.wait = &waiter{} // the digest can be put right another time as well
	} else {
		ctx = r.tel.begin(ctx, r.plan)
	}
	outcome := outcomeApplied
	switch err = r.write(ctx); {
	case r.tel.span == nil:
		return &r.report, false, nil
	case err == errSuperseded:
		if err = nil; r.report.applied() == 0 {
			outcome = outcomeUpToDate
		}
	case err != nil:
		err = r.explain(ctx, err)
		outcome = outcomeOf(err)
	}
	r.tel.end(outcome, r.plan, &r.report, err)
	return &r.report, true, err
}

// explain adds to an error in what state the database is.
func (r *run) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	set := ""
	var m *MigrationError
	if errors.As(err, &m) {
		set = m.Set
	}
	state := r.plan.state(set)
	if r.report.Backup != "" && (r.plan.committed || r.plan.begun) {
		state += "; what it was before is in " + r.report.Backup
	}
	if r.sent {
		state = "an answer was lost, so it is open whether it was done: plan again to see"
	}
	if d := r.unsure; d != nil {
		state += fmt.Sprintf(", or a step further in migration %s: an answer was lost, and the next open finds out", d.migration)
	}
	return fmt.Errorf("%w; %s", err, state)
}

// planOutside plans by what is read at one moment, which may have changed when
// the run gets to write.
func (r *run) planOutside(ctx context.Context) error {
	answers, err := r.readAgain(ctx, booksQueries...)
	if err != nil {
		return err
	}
	return r.planFrom(ctx, answers, r.read)
}

// readAgain is read, until nothing that passes is in the way.
func (r *run) readAgain(ctx context.Context, queries ...string) (answers []engine.Answer, err error) {
	err = r.wait.retryIf(ctx, r.passes, func() (err error) {
		answers, err = r.read(ctx, queries...)
		return err
	})
	return answers, err
}

func (r *run) read(ctx context.Context, queries ...string) (answers []engine.Answer, err error) {
	err = r.limited(ctx, func(ctx context.Context) error {
		answers, err = r.store.Read(ctx, queries...)
		return err
	})
	return answers, err
}

// limited makes a request. A server is not waited for longer than the run may
// wait.
func (r *run) limited(ctx context.Context, f func(context.Context) error) error {
	if r.place.server == nil {
		return f(ctx)
	}
	limit, cancel := r.wait.limit(ctx)
	defer cancel()
	err := f(limit)
	if err != nil && ctx.Err() == nil && limit.Err() != nil {
		return &engine.LostError{Err: errNoAnswer}
	}
	return err
}

// look reads who has the lease, and whether the database is up to date
// meanwhile: as little as can be, since it is done again and again.
func (r *run) look(ctx context.Context) (held leaseRow, upToDate bool, err error) {
	err = r.wait.retryIf(ctx, r.passes, func() error {
		answers, err := r.read(ctx, stateQuery, leaseQuery)
		if err != nil {
			return err
		}
		var b books
		if answers[1].Err == nil && b.readLease(answers[1].Rows) != nil {
			b = books{} // a plan finds out what is wrong with it
		}
		held, upToDate = b.lease, r.goal.metBy(answers[0].Rows)
		return nil
	})
	return held, upToDate, err
}

// passes reports whether it may help to try again later.
func (r *run) passes(err error) bool { return isBusy(err) || r.uncertain(err) }

// planInside plans in the transaction that is to write.
func (r *run) planInside(ctx context.Context) error {
	ask := localStore{r.conn, r.wait}.ask
	answers, err := ask(ctx, booksQueries...)
	if err != nil {
		return err
	}
	return r.planFrom(ctx, answers, ask)
}

func (r *run) planFrom(ctx context.Context, answers []engine.Answer, ask asker) error {
	b, err := readBooks(answers)
	if err != nil {
		return err
	}
	if b.legacy, err = r.findLegacy(ctx, b, ask); err != nil {
		return err
	}
	r.plan = newPlan(r.config, b)
	return nil
}

// write does what the plan says: in one transaction where that can be, else in
// several under a lease. While another run has the lease it only reads.
func (r *run) write(ctx context.Context) error {
	for {
		switch {
		case r.plan.refusal != nil:
			return r.plan.refusal
		case !r.plan.may():
			return errSuperseded
		case r.config.mode == modeCheck:
			return r.pendingError(r.config.whyCheck())
		}
		if !r.keptAwayBy(&r.plan.lease) {
			err := r.writeNow(ctx)
			if !errors.Is(err, errHeld) && !errors.Is(err, errLost) {
				return err
			}
			// Whatever the reading says: it is no use to write again at once.
			if err := r.wait.wait(ctx, time.Now(), err); err != nil {
				return err
			}
		}
		for {
			held, upToDate, err := r.look(ctx)
			switch {
			case err != nil:
				return err
			case upToDate:
				return errSuperseded
			}
			if !r.keptAwayBy(&held) {
				break
			}
			if err := r.wait.wait(ctx, time.Now(), held.why()); err != nil {
				return err
			}
		}
		if err := r.planOutside(ctx); err != nil {
			return err
		}
	}
}

// keptAwayBy reports whether another run has the lease. Its own may have a number
// that it does not know, after a request that it took for lost.
func (r *run) keptAwayBy(l *leaseRow) bool {
	return l.left > 0 && (r.lease == nil || l.token != r.lease.token)
}

func (r *run) writeNow(ctx context.Context) error {
	if r.place.server != nil {
		err := r.inSteps(ctx)
		if errors.Is(err, engine.ErrForbidden) {
			return r.pendingError("the token does not allow to write")
		}
		return err
	}
	restore, err := r.withoutForeignKeys(ctx)
	if err != nil {
		return err
	}
	defer restore()
	if r.plan.needsSteps() {
		err = r.inSteps(ctx)
	} else if err = r.lock(ctx); err == nil {
		if err = r.transact(ctx); err != nil {
			r.conn.exec(context.WithoutCancel(ctx), "ROLLBACK")
			var m *MigrationError
			if errors.As(err, &m) && context.Cause(ctx) == nil {
				r.recordFailure(ctx, m)
			}
		}
	}
	if sqliteCode(err) == sqliteReadOnly {
		return r.pendingError(readOnlyText(err))
	}
	return err
}

// whyCheck is why nothing may be written.
func (c *config) whyCheck() string {
	if c.readOnly {
		return "the DSN opens it for reading only"
	}
	return "_migrate=check forbids to write"
}

func (r *run) pendingError(why string) error {
	var names []string
	for _, s := range r.plan.sets {
		if s.set.name != ownSet {
			for _, m := range s.pending {
				names = append(names, m.String())
			}
		}
	}
	pending := "the books are behind"
	switch n := len(names); {
	case n == 1:
		pending = "migration " + names[0] + " is pending"
	case n > 1:
		pending = fmt.Sprintf("%d migrations are pending (%s to %s)", n, names[0], names[n-1])
	}
	return refuse(ErrPending, "%s, and %s; open it once where it can be written, with _migrate=on", pending, why)
}

// withoutForeignKeys turns the enforcement of foreign keys off and returns what
// turns it on again, if it was. A table rebuild under enforcement deletes child
// rows through ON DELETE CASCADE; the run checks the keys before it commits
// instead. SQLite ignores the PRAGMA inside a transaction.
func (r *run) withoutForeignKeys(ctx context.Context) (restore func(), err error) {
	on, err := r.conn.number(ctx, "PRAGMA foreign_keys")
	if err == nil && on != 0 {
		err = r.conn.exec(ctx, "PRAGMA foreign_keys = OFF")
	}
	if err != nil {
		return nil, fmt.Errorf("PRAGMA foreign_keys: %w", err)
	}
	return func() {
		if on != 0 {
			r.conn.exec(context.WithoutCancel(ctx), "PRAGMA foreign_keys = ON")
		}
	}, nil
}

// lock takes the write lock for all that is to be done.
func (r *run) lock(ctx context.Context) error {
	before := r.wait.spent
	err := r.acquire(ctx, "")
	r.report.LockWait = r.wait.spent - before
	r.tel.waited(r.report.LockWait, err == nil)
	return err
}

// acquire takes the write lock. While another connection has it, that one is
// probably doing this very upgrade. A lease with the token is the run's own.
func (r *run) acquire(ctx context.Context, token string) error {
	for {
		start := time.Now()
		err := r.begin(ctx)
		if err == nil || !isBusy(err) {
			return err
		}
		if err := r.wait.wait(ctx, start, err); err != nil {
			return err
		}
		if ok, _ := r.goal.reached(ctx, r.place.conn); ok {
			return errSuperseded
		}
		if held, _, err := r.look(ctx); err == nil && held.left > 0 && held.token != token {
			return errHeld
		}
	}
}

// begin tries once. With a shared cache the driver itself waits for the lock,
// so it gets a deadline.
func (r *run) begin(ctx context.Context) error {
	tryCtx, cancel := context.WithTimeout(ctx, max(r.wait.budget-r.wait.spent, maxPause))
	defer cancel()
	start := time.Now()
	err := r.conn.exec(tryCtx, "BEGIN IMMEDIATE")
	if err != nil && ctx.Err() == nil && tryCtx.Err() != nil {
		return r.wait.wait(ctx, start, err)
	}
	return err
}

// transact does the work between BEGIN and COMMIT.
func (r *run) transact(ctx context.Context) error {
	if err := r.planInside(ctx); err != nil {
		return err
	}
	switch {
	case r.plan.refusal != nil:
		return r.plan.refusal
	case !r.plan.may():
		return errSuperseded
	case r.plan.lease.left > 0 || r.plan.needsSteps():
		return errHeld // since the plan was made
	}
	if r.plan.must() {
		ctx = r.tel.begin(ctx, r.plan)
		r.tel.plan(r.plan)
	}
	if err := r.plan.read(); err != nil {
		return err
	}
	if err := r.backUpPlan(ctx); err != nil {
		return err
	}
	checkKeys := r.plan.mayBreakKeys()
	before := &violations{}
	if checkKeys && !r.plan.empty {
		var err error
		if before, err = findViolations(ctx, r.conn); err != nil {
			return fmt.Errorf("checking foreign keys before the upgrade: %w", err)
		}
	}
	if r.plan.setAppID {
		if err := r.conn.exec(ctx, fmt.Sprintf("PRAGMA application_id = %d", r.config.appID)); err != nil {
			return fmt.Errorf("setting the application_id: %w", err)
		}
	}
	for i := range r.plan.sets {
		if err := r.applySet(&r.plan.sets[i]); err != nil {
			return err
		}
	}
	if r.config.hasAppID {
		if id, err := r.conn.number(ctx, "PRAGMA application_id"); err != nil || int32(id) != r.config.appID {
			return cmp.Or(err, fmt.Errorf("a migration has set the application_id to %#x, and _migrate_app_id wants %#x; delete that PRAGMA", uint32(id), uint32(r.config.appID)))
		}
	}
	if checkKeys {
		after, err := findViolations(ctx, r.conn)
		if err != nil {
			return fmt.Errorf("checking foreign keys after the upgrade: %w", err)
		}
		if broken := after.newSince(before); len(broken) > 0 {
			return r.brokenKeys(broken)
		}
	}
	if err := r.writeBooks(ctx); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	return r.commit(ctx)
}

// read reads the scripts that the run needs.
func (p *plan) read() error {
	for _, s := range p.sets {
		for _, list := range [][]Migration{s.baseline, s.pending, s.repeatable} {
			for i := range list {
				if err := list[i].read(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// mayBreakKeys reports whether any pending migration can leave a row behind
// that breaks a foreign key. Most only add to the schema, and then reading
// every row of a large database would be in vain.
func (p *plan) mayBreakKeys() bool {
	for _, s := range p.sets {
		for _, list := range [][]Migration{s.pending, s.repeatable} {
			for i := range list {
				if list[i].changesRows() {
					return true
				}
			}
		}
	}
	return false
}

func (m *Migration) changesRows() bool {
	if m.upFunc != nil {
		return true
	}
	for sc := script.NewScanner(m.scripts.up); ; {
		st, ok := sc.Next()
		if !ok {
			return false
		}
		if st.ChangesRows() {
			return true
		}
	}
}

// brokenKeys is the error for new violations. It names the migration where
// only one can be to blame.
func (r *run) brokenKeys(broken []string) error {
	text := strings.Join(broken[:min(3, len(broken))], "; ")
	if len(broken) > 3 {
		text += fmt.Sprintf("; and %d more", len(broken)-3)
	}
	text += "; repair these rows in the "
	if r.tel.down == nil {
		text += "migration"
	} else {
		text += "down script"
	}
	var suspects []done
	var names []string
	for _, d := range r.report.Done {
		if d.status != statusBaseline && d.migration.changesRows() {
			suspects = append(suspects, d)
			names = append(names, d.migration.String())
		}
	}
	if len(suspects) == 1 {
		m := suspects[0].migration
		return &MigrationError{Set: suspects[0].set, Version: m.Version, Name: m.Name, File: m.File,
			Err: errors.New("it leaves rows that break a foreign key: " + text)}
	}
	what := "the migrations %s leave rows that break a foreign key: %s"
	if r.tel.down != nil {
		what = "undoing the migrations %s leaves rows that break a foreign key: %s"
	}
	return fmt.Errorf(what, strings.Join(names, ", "), text)
}

// applySet applies a set's pending migrations, one after the other. A
// repeatable migration that has not changed is applied again as well where a
// versioned one has dropped what it creates: a rebuilt table has lost its
// triggers.
func (r *run) applySet(s *setPlan) error {
	for i := range s.baseline {
		r.report.Done = append(r.report.Done, done{set: s.set.name, from: s.legacy, migration: &s.baseline[i], status: statusBaseline})
	}
	n := s.versioned()
	if err := r.apply(s.set, s.pending[:n]); err != nil {
		return err
	}
	if err := r.addGone(r.tel.ctx, s, localStore{r.conn, r.wait}.ask); err != nil {
		return err
	}
	return r.apply(s.set, s.pending[n:])
}

func (r *run) apply(set *Set, list []Migration) error {
	for i := range list {
		d := done{set: set.name, migration: &list[i], status: statusApplied}
		ctx, end := r.tel.migration(&d)
		if d.migration.upFunc != nil {
			d.err = r.applyFunc(ctx, r.conn, &d)
		} else {
			d.err = r.applyScript(ctx, r.conn, &d)
		}
		end()
		if d.err != nil {
			return d.err
		}
		r.report.Done = append(r.report.Done, d)
	}
	return nil
}

// objectTypes are the types in sqlite_master of what statements make or drop.
var objectTypes = map[script.Kind]string{
	script.CreateTable: "table", script.CreateVirtualTable: "table", script.AlterTable: "table", script.DropTable: "table",
	script.CreateIndex: "index", script.DropIndex: "index",
	script.CreateView: "view", script.DropView: "view",
	script.CreateTrigger: "trigger", script.DropTrigger: "trigger",
}

// addGone makes those unchanged repeatable migrations pending, in their order,
// that have lost something that they create.
func (r *run) addGone(ctx context.Context, s *setPlan, ask func(context.Context, ...string) ([]engine.Answer, error)) error {
	if len(s.repeatable) == 0 {
		return nil
	}
	answers, err := ask(ctx, "SELECT type, lower(name) FROM main.sqlite_master")
	if err == nil {
		err = answers[0].Err
	}
	if err != nil {
		return err
	}
	there := things{}
	for _, row := range answers[0].Rows {
		there[thing{kind: text(row[0]), name: text(row[1])}] = true
	}
	repeatable := slices.Clone(s.pending[s.versioned():])
	for _, m := range s.repeatable {
		if slices.ContainsFunc(m.makes(), func(t thing) bool { return t.table == "" && !there[t] }) {
			repeatable = append(repeatable, m)
		}
	}
	slices.SortFunc(repeatable, func(a, b Migration) int { return cmp.Compare(a.Name, b.Name) })
	s.pending = slices.Concat(s.pending[:s.versioned()], repeatable)
	s.repeatable = nil
	return nil
}

// makes lists the tables, indexes, views, triggers and columns that the script
// makes and leaves.
func (m *Migration) makes() (list []thing) {
	there := things{}
	there.follow(m.scripts.up)
	return slices.Collect(maps.Keys(there))
}

func (r *run) applyScript(ctx context.Context, conn *session, d *done) error {
	statements, err := d.migration.statements()
	if err != nil {
		return err
	}
	var pace script.Pace
	for i := 0; i < len(statements); i++ {
		st := &statements[i]
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if skip, err := skips(ctx, st, localStore{conn, r.wait}.ask); err != nil || skip {
			if err != nil {
				return err
			}
			continue
		}
		stCtx, end := r.tel.statement(ctx, d.set, st.Kind.String(), st.Text)
		if pace.Quick(st.Statement) {
			// To be ready for an interrupt costs modernc.org/sqlite a goroutine,
			// which takes longer than a CREATE TABLE.
			stCtx = context.WithoutCancel(stCtx)
		}
		res, err := conn.ExecContext(stCtx, st.Text)
		end(err)
		if err != nil {
			m := d.migration
			return &MigrationError{
				Set: d.set, Version: m.Version, Name: m.Name, File: m.File,
				Line: st.Line, Column: st.Column, Statement: st.Text, Err: err,
			}
		}
		d.statements++
		if st.Changes() { // after any other SQLite repeats the number of the last of these
			if n, err := res.RowsAffected(); err == nil {
				d.rows += n
				if n > 0 && d.migration.manner == inBatches { // a way back, which is one transaction
					i, d.statements = i-1, d.statements-1
				}
			}
		}
	}
	return nil
}

// applyFunc calls a migration's function, after its script if it has one.
func (r *run) applyFunc(ctx context.Context, conn *session, d *done) error {
	m := d.migration
	if m.File != "" {
		if err := r.applyScript(ctx, conn, d); err != nil {
			return err
		}
	}
	statements, rows, err := callFunc(ctx, conn, m.upFunc)
	d.statements, d.rows = d.statements+statements, d.rows+rows
	if err != nil {
		if m.File != "" {
			err = fmt.Errorf("in the function behind it: %w", err)
		}
		return &MigrationError{Set: d.set, Version: m.Version, Name: m.Name, File: m.File, Err: err}
	}
	return nil
}

// writeBooks writes the history and the state of every set.
func (r *run) writeBooks(ctx context.Context) error {
	if err := writeHistory(ctx, r.conn.Conn, r.report.Done); err != nil {
		return err
	}
	for i := range r.plan.sets {
		s := &r.plan.sets[i]
		if slices.ContainsFunc(s.records, func(r record) bool { return r.status == statusFailed }) {
			if err := r.conn.exec(ctx, deleteOverFailures); err != nil {
				return err
			}
		}
		if _, err := r.conn.ExecContext(ctx, writeState, s.set.name, s.after(), s.digest); err != nil {
			return err
		}
	}
	if l := r.plan.lease; l.token == "" && l.progress == (progress{}) {
		return nil
	}
	// Whoever had the lease may only have stalled.
	if err := r.conn.exec(ctx, revoke); err != nil {
		return err
	}
	return r.conn.exec(ctx, forgetDone)
}

// commit waits for readers where the journal mode makes it necessary. The
// COMMIT itself must not be interrupted: one would not know what became of it.
func (r *run) commit(ctx context.Context) error {
	err := r.wait.retry(ctx, func() error { return r.conn.exec(context.WithoutCancel(ctx), "COMMIT") })
	if err != nil && !errors.Is(err, ErrLocked) {
		return fmt.Errorf("COMMIT: %w", err)
	}
	return err
}

// recordFailure leaves a trace of a failed attempt, in a transaction of its
// own, as far as that can be done: the database may well be the reason for
// the failure.
func (r *run) recordFailure(ctx context.Context, failed *MigrationError) {
	if r.config.inMemory {
		return
	}
	i := slices.IndexFunc(r.plan.sets, func(s setPlan) bool { return s.set.name == failed.Set })
	pending := r.plan.sets[i].pending
	at := slices.IndexFunc(pending, func(m Migration) bool { return m.Version == failed.Version && m.Name == failed.Name })
	if at < 0 || failed.Set == ownSet {
		return
	}
	own := run{config: r.config, conn: r.conn, tel: r.tel, plan: &plan{sets: r.plan.sets[:1]}}
	err := own.conn.exec(ctx, "BEGIN IMMEDIATE")
	if err == nil {
		err = own.recordInside(ctx, done{
			set: failed.Set, migration: &pending[at], status: statusFailed, err: failed,
		})
	}
	if err != nil {
		r.conn.exec(context.WithoutCancel(ctx), "ROLLBACK")
	}
	r.plan.traced = err == nil
}

func (r *run) recordInside(ctx context.Context, failed done) error {
	if err := r.applySet(&r.plan.sets[0]); err != nil {
		return err
	}
	r.report.Done = append(r.report.Done, failed)
	if err := r.writeBooks(ctx); err != nil {
		return err
	}
	return r.conn.exec(context.WithoutCancel(ctx), "COMMIT")
}
