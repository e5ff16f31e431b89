package migratingsqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// A Migrator looks at a database and upgrades it on demand, for tools and
// tests; programs just open it. It does what the gate of a [Connector] does,
// by the same code, and it opens a connection for the length of each call. It
// may be used from any number of goroutines. Its errors name the database, and
// match the same Err… values as those of a first connection.
//
// What writes waits for others no longer than [WithTimeout] says, and refuses
// where the mode is "check".
type Migrator struct {
	config *config
	gate   driver.Connector   // for writing
	look   driver.Connector   // for reading: does not create the file
	bases  []driver.Connector // of both, unused
}

// NewMigrator checks a DSN and options like [NewConnector] does.
func NewMigrator(dsn string, opts ...Option) (*Migrator, error) {
	c, err := newConfig(dsn, opts)
	if err != nil {
		return nil, fmt.Errorf("migratingsqlite: %w", err)
	}
	if c.mode == modeOff {
		return nil, fmt.Errorf("migratingsqlite: %s: a Migrator has nothing to do with _migrate=off", c.database)
	}
	m := &Migrator{config: c}
	m.bases = make([]driver.Connector, 2)
	if m.bases[0], m.gate, err = c.connectors(); err == nil {
		checking := *c
		checking.mode = modeCheck
		m.bases[1], m.look, err = checking.connectors()
		if err == nil && checking.other == nil && !c.inMemory {
			m.look = onlooker{m.look, &checking}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("migratingsqlite: %s: %w", c.database, err)
	}
	return m, nil
}

// Database returns the name by which errors call the database: without
// parameters, and without secrets.
func (m *Migrator) Database() string { return m.config.database }

// Path returns the database's file, "" if it has none: in memory, or on a server.
func (m *Migrator) Path() string {
	if m.config.inMemory || m.config.other != nil && m.config.other.Server != nil {
		return ""
	}
	return m.config.path()
}

// Sets returns the sets that it applies, in this order.
func (m *Migrator) Sets() []*Set { return slices.Clone(m.config.sets) }

// An onlooker connects to a database to look at it. Where a program has left a
// write-ahead log behind, the last connection that closes would move it into the
// database; one with mode=ro leaves both as they are, and needs the log to be
// there.
type onlooker struct {
	driver.Connector
	config *config
}

func (o onlooker) Connect(ctx context.Context) (driver.Conn, error) {
	if info, err := os.Stat(o.config.path() + "-wal"); err != nil || info.Size() == 0 {
		return o.Connector.Connect(ctx)
	}
	c, err := sqlite.NewConnector(strings.Replace(o.config.checkDSN(), "?mode=rw", "?mode=ro", 1))
	if err != nil {
		return nil, err
	}
	return c.Connect(ctx)
}

// A Plan is what opening a database would do.
type Plan struct {
	Sets []SetPlan // in the order in which they are applied
	// Err is why the upgrade would be refused, nil if it would not. It matches
	// one of the Err… values.
	Err error
}

// A SetPlan is the part of a [Plan] that is about one set.
type SetPlan struct {
	Set      string      // its name
	Version  int64       // the newest that the database has, 0 if it has none
	Target   int64       // the newest after the upgrade
	Baseline []Migration // would be recorded as being there already
	Because  string      // what says so, and what in the structure speaks against it; "" without Baseline
	Pending  []Migration // would be applied, in this order
}

// SetStatus is what a database has of one set.
type SetStatus struct {
	Set        string
	Version    int64 // the newest that the database has, 0 if it has none
	Migrations []MigrationStatus
}

// MigrationStatus is what a database has of one migration: those of the
// program first, in their order, then those that only the database knows.
type MigrationStatus struct {
	Version int64  // 0 for a repeatable migration
	Name    string // without the version
	File    string // "" where the program does not have it, and for a Func
	// State is applied, baseline (it was there when the history began), pending,
	// changed (applied with another text), missing (applied, and not in the
	// program), newer (applied by a newer program), failed or rolled_back.
	State     string
	AppliedAt time.Time     // by the database's clock; of the last attempt, where it failed; zero without one
	Duration  time.Duration // of that, to the millisecond
	Err       string        // of the last attempt, where it failed
}

// Result is what an upgrade has done, or going back.
type Result struct {
	Applied  []Applied     // in this order; empty if there was nothing to do
	Undone   []Applied     // by [Migrator.Down], in this order
	LockWait time.Duration // how long it waited for other connections
	// Backup is the path of the snapshot of what was there before, by [WithBackup];
	// "" if none was taken.
	Backup string
}

// Applied is a migration that was applied, or undone: File is that of its down
// script then.
type Applied struct {
	Set string // the name
	Migration
	Duration     time.Duration
	Statements   int   // that were run
	RowsAffected int64 // by INSERT, UPDATE and DELETE
}

// Plan says what opening the database would do, without writing to it. A
// missing file is planned for like an empty database.
func (m *Migrator) Plan(ctx context.Context) (*Plan, error) {
	p, err := m.plan(ctx)
	if err != nil {
		return nil, err
	}
	plan := &Plan{}
	if p.refusal != nil {
		plan.Err = fmt.Errorf("migratingsqlite: %s: %w", m.config.database, p.refusal)
	}
	for _, s := range p.sets[1:] {
		plan.Sets = append(plan.Sets, SetPlan{
			Set: s.set.name, Version: s.version, Target: s.after(), Baseline: s.baseline, Because: s.because(), Pending: s.pending,
		})
	}
	return plan, nil
}

// Status says what the database has, without writing to it.
func (m *Migrator) Status(ctx context.Context) ([]SetStatus, error) {
	p, err := m.plan(ctx)
	if err != nil {
		return nil, err
	}
	var list []SetStatus
	for _, s := range p.sets[1:] {
		list = append(list, s.status())
	}
	return list, nil
}

func (s *setPlan) status() SetStatus {
	records := map[key]record{}
	for _, r := range s.records {
		k := keyOf(r.version, r.name)
		if other, ok := records[k]; !ok || !other.current() && (r.current() || r.appliedAt > other.appliedAt) {
			records[k] = r // a file was renamed between two attempts
		}
	}
	list := SetStatus{Set: s.set.name, Version: s.version}
	add := func(r record, version int64, name, file, state string) {
		list.Migrations = append(list.Migrations, MigrationStatus{
			Version: version, Name: name, File: file, State: state, AppliedAt: parseTime(r.appliedAt), Duration: r.duration, Err: r.err,
		})
	}
	for _, m := range s.set.migrations {
		r, ok := records[keyOf(m.Version, m.Name)]
		delete(records, keyOf(m.Version, m.Name))
		state := r.status
		switch {
		case !ok:
			state = "pending"
		case s.stands && m.Version == s.set.standIn().Version:
			// What it stands for is there.
		case r.current() && r.checksum != m.Checksum && m.Version > 0:
			state = "changed"
		case r.current() && r.checksum != m.Checksum && len(s.newer) > 0:
			state = "newer" // and is not taken back
		case r.current() && r.checksum != m.Checksum:
			state = "pending" // a repeatable one has a new text
		}
		add(r, m.Version, m.Name, m.File, state)
	}
	for _, r := range s.records {
		if _, ok := records[keyOf(r.version, r.name)]; !ok {
			continue
		}
		state := r.status
		if s.stands && r.current() && r.version > 0 && r.version < s.set.standIn().Version {
			continue // that it stands for
		}
		if r.current() && r.version > 0 {
			if state = "missing"; r.version > s.set.newest() {
				state = "newer"
			}
		}
		add(r, r.version, r.name, "", state)
	}
	return list
}

// Up upgrades the database, like opening it does. Unlike there the upgrade
// ends with the context. A private database in memory is gone when it returns:
// that shows whether everything applies, and no more.
func (m *Migrator) Up(ctx context.Context) (*Result, error) {
	report, err := m.upgrade(ctx, m.config)
	if err != nil {
		return nil, err
	}
	result := &Result{LockWait: report.LockWait, Backup: report.Backup}
	for _, d := range report.Done {
		if d.set != ownSet && d.status == statusApplied {
			result.Applied = append(result.Applied, Applied{
				Set: d.set, Migration: *d.migration, Duration: d.duration, Statements: d.statements, RowsAffected: d.rows,
			})
		}
	}
	return result, nil
}

// Baseline records what [Migrator.Plan] calls Baseline: the migrations that a
// database without a history has already, by [WithBaseline], by what another tool
// recorded, or by its structure. It applies none. The plan that it returns says
// what was recorded, and what is pending still; where there is nothing to record
// it writes nothing.
func (m *Migrator) Baseline(ctx context.Context) (*Plan, error) {
	plan, err := m.Plan(ctx)
	if err != nil {
		return nil, err
	}
	if plan.Err == nil && !slices.ContainsFunc(plan.Sets, func(s SetPlan) bool { return len(s.Baseline) > 0 }) {
		return plan, nil
	}
	if err := m.mayWrite(); err != nil {
		return nil, err
	}
	recording := *m.config
	recording.recording = true
	if _, err := m.upgrade(ctx, &recording); err != nil {
		return nil, err
	}
	return plan, nil
}

// upgrade is one upgrade, as a config says.
func (m *Migrator) upgrade(ctx context.Context, c *config) (report *report, err error) {
	w := &waiter{budget: c.timeout}
	err = m.with(ctx, m.gate, w, func(p place) (err error) {
		goal := newGoal(c)
		report, _, err = c.upgrade(ctx, p, w, &goal)
		return err
	})
	return report, m.explain(c.cannotOpen(err))
}

// Close releases what the calls have left open for the next one. Databases of
// modernc.org/sqlite have no such thing.
func (m *Migrator) Close() error { return closeAll(m.bases...) }

// closeAll closes those connectors that can be closed.
func closeAll(connectors ...driver.Connector) error {
	var errs []error
	for _, c := range connectors {
		if closer, ok := c.(io.Closer); ok {
			errs = append(errs, closer.Close())
		}
	}
	return errors.Join(errs...)
}

// plan reads the database; a missing file is an empty one.
func (m *Migrator) plan(ctx context.Context) (p *plan, err error) {
	missing, err := m.looking(ctx, func(r *run) error {
		err := r.planOutside(ctx)
		p = r.plan
		return err
	})
	if missing {
		return newPlan(m.config, &books{}), nil
	}
	return p, err
}

// looking calls f with a run that only reads, unless the database's file is
// missing. The error is ready for the caller.
func (m *Migrator) looking(ctx context.Context, f func(*run) error) (missing bool, err error) {
	w := &waiter{budget: m.config.timeout}
	err = m.with(ctx, m.look, w, func(where place) error {
		r := run{config: m.config, place: where, store: where.server, wait: w}
		if where.server == nil {
			s, err := newSession(ctx, where.conn)
			if err != nil {
				return err
			}
			defer s.end()
			r.conn, r.store = s, localStore{s, w}
		}
		return f(&r)
	})
	checking := *m.config
	checking.mode = modeCheck
	if errors.Is(checking.cannotOpen(err), ErrPending) {
		return true, nil
	}
	return false, m.explain(err)
}

// explain makes the error of a method, nil of nil.
func (m *Migrator) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("migratingsqlite: %s: %w%s", m.config.database, err, hint(err, m.config.path()))
}

// with opens a connection, waiting while the database is busy, and closes it. A
// server needs none.
func (m *Migrator) with(ctx context.Context, c driver.Connector, w *waiter, f func(place) error) error {
	if m.config.other != nil && m.config.other.Server != nil {
		return f(place{server: m.config.other.Server})
	}
	var conn driver.Conn
	err := w.retry(ctx, func() (err error) {
		conn, err = c.Connect(ctx)
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	p := place{conn: conn}
	if !m.config.inMemory {
		p.another = c.Connect
		if p.source, err = m.config.source(); err != nil {
			return err
		}
	}
	return f(p)
}
