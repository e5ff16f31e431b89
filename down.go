package migratingsqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// A DownPlan is what going back to a version would undo.
type DownPlan struct {
	Set      string
	From, To int64      // the newest version that the database has, and the one to go back to
	Steps    []DownStep // in the order in which they would be undone: newest first
}

// A DownStep is one migration that would be undone.
type DownStep struct {
	Version int64  // 0 for a repeatable migration
	Name    string // without the version
	// SQL is the script that would run, "" where there is only a function or, for
	// a repeatable migration, nothing to drop.
	SQL string
	// File is the script's path in the set's file system; "" where SQL is from the
	// database, or made for a repeatable migration.
	File string
	// FromDatabase: SQL is what the database has kept, since the program does not
	// have the migration as it was applied, or no way back of it. Who runs it
	// trusts whoever could write to the database: show it first.
	FromDatabase bool
	Func         bool // the down function of a [Func] runs, before SQL
}

// A downgrade is a DownPlan that can be carried out.
type downgrade struct {
	DownPlan
	records []Record    // of the steps
	scripts []Migration // of the steps: the way back as if it were the migration
	version int64       // the newest one after it
	digest  string      // of the state after it
}

// PlanDown says what going back to a version would undo, without writing to the
// database: all applied migrations above it, newest first; 0 undoes all. The way
// back is the down script or function of the program's migration, if it is the
// one that was applied, and else the script that the database has kept. An error
// that matches [ErrNoDown] names those that have neither.
//
// The views, triggers and indexes of repeatable migrations, which describe the
// newest version, would be dropped before, unless an older script makes them too;
// the next open applies them again.
//
// Of several sets, say by _migrate_set or [WithSet] which one it is.
func (m *Migrator) PlanDown(ctx context.Context, to int64) (*DownPlan, error) {
	set, err := m.oneSet()
	if err != nil {
		return nil, err
	}
	var d *downgrade
	missing, err := m.looking(ctx, func(r *run) (err error) {
		d, err = r.planDown(ctx, set, to, r.readAgain)
		return err
	})
	if missing {
		err = m.explain(errors.New("the file does not exist, so there is nothing to undo"))
	}
	if err != nil {
		return nil, err
	}
	return &d.DownPlan, nil
}

// Down does what a plan says, exactly that: where it finds under the lock that
// anything else would have to be done by now, it refuses. It is one transaction,
// on a server as well: a migration that cannot be undone leaves the database as it
// was, and so does whatever ends the program. Foreign keys are not enforced
// meanwhile, and checked before the commit. The history says that the migrations
// were rolled back; the next open by a program that has them applies them again.
//
// With [WithBackup] a snapshot is taken before. Programs that have the database open
// are not told: stop them before.
func (m *Migrator) Down(ctx context.Context, p *DownPlan) (*Result, error) {
	set, err := m.oneSet()
	if err != nil {
		return nil, err
	}
	now, err := m.PlanDown(ctx, p.To) // creates no file, and takes no lock in vain
	if err != nil {
		return nil, err
	}
	if err := p.stillIs(now); err != nil {
		return nil, m.explain(err)
	}
	if len(p.Steps) == 0 {
		return &Result{}, nil
	}
	if err := m.mayWrite(); err != nil {
		return nil, err
	}
	r, err := m.transact(ctx, telemetry{down: p}, func(ctx context.Context, r *run) error { return r.undo(ctx, set, p) })
	if err != nil {
		return nil, m.explain(err)
	}
	result := &Result{LockWait: r.report.LockWait, Backup: r.report.Backup}
	for i, d := range r.report.Done {
		step := *d.migration
		step.File = p.Steps[i].File
		result.Undone = append(result.Undone, Applied{
			Set: d.set, Migration: step, Duration: d.duration, Statements: d.statements, RowsAffected: d.rows,
		})
	}
	return result, nil
}

// oneSet returns the set that a method works on.
func (m *Migrator) oneSet() (*Set, error) {
	if sets := m.config.sets; len(sets) > 1 {
		return nil, m.explain(fmt.Errorf("the program has several sets of migrations (%s), and this is done to one; say which with _migrate_set=%s", joinSetNames(sets), sets[0].name))
	}
	return m.config.sets[0], nil
}

// stillIs compares a plan with the one that is true now.
func (p *DownPlan) stillIs(now *DownPlan) error {
	switch {
	case p.Set != now.Set:
		return fmt.Errorf("the plan is for set %s, and the program's set is %s", p.Set, now.Set)
	case p.From != now.From:
		return fmt.Errorf("the plan was made when the database was at version %d, and now it is at version %d; plan again", p.From, now.From)
	case !slices.Equal(p.Steps, now.Steps):
		return fmt.Errorf("what is to be undone is not what the plan says any more; plan again")
	}
	return nil
}

// planDown plans by what is read at one moment.
func (r *run) planDown(ctx context.Context, set *Set, to int64, ask asker) (*downgrade, error) {
	records, err := r.readAll(ctx, ask)
	if err != nil {
		return nil, err
	}
	if err := r.notHalfDone(set, records); err != nil {
		return nil, err
	}
	d := &downgrade{DownPlan: DownPlan{Set: set.name, To: to}}
	var left []Migration
	var versions []int64 // that it has
	known := false
	for _, rec := range records {
		known = known || rec.Set == set.name && rec.Status != statusFailed
		switch {
		case rec.Set != set.name || !rec.current():
			continue
		case rec.Version > 0 && rec.Version <= to:
			left = append(left, Migration{Version: rec.Version, Checksum: rec.Checksum})
			d.version = rec.Version
		default:
			d.records = append(d.records, rec)
		}
		if rec.Version > 0 {
			versions = append(versions, rec.Version)
			d.From = rec.Version
		}
	}
	switch {
	case !known:
		return nil, r.nothingKnown(set)
	case to < 0:
		return nil, fmt.Errorf("version %d cannot be gone back to; 0 undoes all migrations", to)
	case to >= d.From:
		d.records = nil // nothing is above it
		return d, nil
	case to > 0 && to != d.version:
		return nil, noSuchVersion(to, versions)
	}
	d.digest = digest(left)
	slices.Reverse(d.records)
	return d, r.findWaysBack(set, d)
}

// readAll reads the books and the history with everything in it. It plans too,
// for what a plan says about the database as a whole.
func (r *run) readAll(ctx context.Context, ask asker) ([]Record, error) {
	answers, err := ask(ctx, slices.Concat(booksQueries, recordsQueries)...)
	if err != nil {
		return nil, err
	}
	b, err := readBooks(answers)
	if err != nil {
		return nil, err
	}
	r.plan = newPlan(r.config, b)
	if r.plan.forbidden != nil {
		return nil, r.plan.forbidden
	}
	return readRecords(answers[len(booksQueries):])
}

// nothingKnown is the error of a database that has no history of the set.
func (r *run) nothingKnown(set *Set) error {
	text := ""
	if r.plan.known != nil {
		text = "; its history is of set " + strings.Join(r.plan.known, ", ")
	}
	return fmt.Errorf("it has no history of the set %s, so there is nothing to undo%s", set.name, text)
}

// notHalfDone refuses to work around a migration that is half done.
func (r *run) notHalfDone(set *Set, records []Record) error {
	half := r.plan.lease.progress
	if half.set != set.name || half.statements+half.rows == 0 {
		return nil
	}
	for _, rec := range records {
		if rec.Set == half.set && rec.Version == half.version && rec.Checksum == half.checksum && rec.current() {
			return nil // it is done, and only the note of it is left
		}
	}
	return fmt.Errorf("migration %d is half done (%s): open the database once with the program that began it, which goes on with it, and go back then", half.version, half)
}

func noSuchVersion(to int64, have []int64) error {
	var near []string
	for i, v := range have {
		if v > to {
			if i > 0 {
				near = append(near, fmt.Sprint(have[i-1]))
			} else {
				near = append(near, "0 (which undoes all)")
			}
			near = append(near, fmt.Sprint(v))
			break
		}
	}
	return fmt.Errorf("the database has no migration of version %d; the nearest are %s", to, strings.Join(near, " and "))
}

// findWaysBack finds what undoes each record, or says of all that have nothing.
func (r *run) findWaysBack(set *Set, d *downgrade) error {
	var refusals []error
	var reasons []string
	lacking := map[string][]string{} // by reason
	for i := range d.records {
		rec := &d.records[i]
		step := DownStep{Version: rec.Version, Name: rec.Name}
		undo := Migration{Version: rec.Version, Name: rec.Name, Checksum: rec.Checksum, scripts: &scripts{}}
		why, err := set.wayBack(rec, d.To, &step, &undo)
		switch {
		case err != nil:
			return err
		case why != "":
			if lacking[why] == nil {
				reasons = append(reasons, why)
			}
			lacking[why] = append(lacking[why], undo.String())
			continue
		}
		if err := undo.checkDown(set, step.FromDatabase); err != nil {
			refusals = append(refusals, err)
		}
		d.Steps, d.scripts = append(d.Steps, step), append(d.scripts, undo)
	}
	if reasons != nil {
		for i, why := range reasons {
			reasons[i] = fmt.Sprintf("%s (%s)", strings.Join(lacking[why], ", "), why)
		}
		refusals = append(refusals, refuse(ErrNoDown, "version %d cannot be gone back to: there is no way back from %s; write what is missing, go back with a program that has it, or restore a backup",
			d.To, strings.Join(reasons, ", ")))
	}
	return join(refusals)
}

// wayBack finds what undoes an applied migration, or says why nothing does.
func (s *Set) wayBack(rec *Record, to int64, step *DownStep, undo *Migration) (why string, err error) {
	var m *Migration
	if i := slices.IndexFunc(s.migrations, func(m Migration) bool {
		return keyOf(m.Version, m.Name) == keyOf(rec.Version, rec.Name)
	}); i >= 0 {
		own := s.migrations[i] // what is read stays out of the set
		m = &own
		if err := m.read(); err != nil {
			return "", err
		}
	}
	same := m != nil && m.Checksum == rec.Checksum
	switch {
	case rec.Version == 0 && m != nil && (same || rec.DownSQL == ""):
		older := things{}
		for _, o := range s.migrations {
			if o.Version == 0 || o.Version > to {
				break
			}
			if err := o.read(); err != nil {
				return "", err
			}
			if o.scripts != nil {
				older.follow(o.scripts.up)
			}
		}
		step.SQL = m.drops(older)
	case rec.Version > 0 && same && (m.downFile != "" || m.downFunc != nil):
		step.SQL, step.File, step.Func = m.scriptDown(), m.downFile, m.downFunc != nil
		undo.File, undo.upFunc = m.downFile, m.downFunc
		if m.scripts != nil {
			undo.scripts.up = m.scripts.down // with its place in the file
			return "", nil
		}
	case hasStatement(rec.DownSQL):
		step.SQL, step.FromDatabase = rec.DownSQL, true
		undo.File = "down_sql of " + undo.String()
	case rec.Version == 0:
	case m == nil:
		why = "not among the program's migrations, and the database keeps no down script"
	case !same:
		why = "edited after it had been applied, and the database keeps no down script of what was applied"
	case m.upFunc != nil:
		why = "no down function"
	default:
		why = "no down script"
	}
	if why != "" && rec.Status == statusBaseline {
		why += ", and there when the history began"
	}
	undo.scripts.up = step.SQL
	return why, nil
}

// scriptDown is the down script for people: without what is blank where another
// tool's file has its other sections.
func (m *Migration) scriptDown() string {
	switch {
	case m.scripts == nil:
		return ""
	case m.foreign != nil:
		return strings.TrimSpace(m.scripts.down)
	}
	return m.scripts.down
}

func hasStatement(text string) bool {
	_, ok := script.NewScanner(text).Next()
	return ok
}

// checkDown refuses a way back with a statement that does not do in a transaction
// what it says, and takes note of how it is to run.
func (m *Migration) checkDown(set *Set, kept bool) error {
	refused := func(line, column int, statement, why string) error {
		err := set.malformed(m, m.File, line, column, statement, errors.New(why))
		err.Down = true
		return err
	}
	sc := script.NewScanner(m.scripts.up)
	for {
		st, ok := sc.Next()
		if !ok {
			break
		}
		if why := st.InTransaction(); why != "" {
			why, _, _ = strings.Cut(why, ";")
			cure := "delete it from the down script"
			if kept {
				cure = "the database has kept it like this: undo the migration with a program that has it, and a down script without that"
			}
			return refused(st.Line, st.Column, st.Text, why+", and going back is one transaction; "+cure)
		}
	}
	var at *script.Error
	if errors.As(sc.Err(), &at) {
		return refused(at.Line, at.Column, "", at.Msg)
	}
	for _, d := range sc.Directives() {
		if d.Leading && directives[d.Word].manner == inBatches {
			m.manner = inBatches
		}
	}
	return nil
}

// drops is the script that drops the views, triggers and indexes that the
// migration makes, which hold no rows, but for those that are older.
func (m *Migration) drops(older things) string {
	var list []string
	for sc := script.NewScanner(m.scripts.up); ; {
		st, ok := sc.Next()
		if !ok {
			slices.Reverse(list)
			return strings.Join(list, "\n")
		}
		e := st.Effect()
		kind := objectTypes[st.Kind]
		drop := "DROP " + strings.ToUpper(kind) + " IF EXISTS " + quoteName(e.Name) + ";"
		switch st.Kind {
		case script.CreateView, script.CreateTrigger, script.CreateIndex:
			if !e.Temp && !older[thing{kind: kind, name: strings.ToLower(e.Name)}] && !slices.Contains(list, drop) {
				list = append(list, drop)
			}
		case script.DropView, script.DropTrigger, script.DropIndex:
			list = slices.DeleteFunc(list, func(d string) bool { return strings.EqualFold(d, drop) })
		}
	}
}

// undo carries a plan out, in a transaction that has begun.
func (r *run) undo(ctx context.Context, set *Set, p *DownPlan) error {
	d, err := r.planDown(ctx, set, p.To, localStore{r.conn, r.wait}.ask)
	switch {
	case err != nil:
		return err
	case r.plan.lease.left > 0:
		return r.plan.lease.why()
	case r.sent && len(d.Steps) == 0:
		return nil // it was committed, and the answer was lost
	}
	if err := p.stillIs(&d.DownPlan); err != nil {
		return err
	}
	r.report.Done = nil
	if err := r.backUp(ctx, d.From); err != nil {
		return err
	}
	if err := r.upgradeBooks(ctx); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	before, checkKeys := &violations{}, slices.ContainsFunc(d.scripts, func(m Migration) bool { return m.changesRows() })
	if checkKeys {
		if before, err = findViolations(ctx, r.conn); err != nil {
			return fmt.Errorf("checking foreign keys before going back: %w", err)
		}
	}
	for i := range d.scripts {
		done := done{set: set.name, migration: &d.scripts[i], status: statusRolledBack}
		stepCtx, end := r.tel.migration(&done)
		done.err = r.undoOne(stepCtx, &done)
		end()
		if done.err != nil {
			return goingBack(done.err)
		}
		r.report.Done = append(r.report.Done, done)
	}
	if checkKeys {
		after, err := findViolations(ctx, r.conn)
		if err != nil {
			return fmt.Errorf("checking foreign keys after going back: %w", err)
		}
		if broken := after.newSince(before); len(broken) > 0 {
			return goingBack(r.brokenKeys(broken))
		}
	}
	if err := r.writeUndone(ctx, d); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	return nil
}

func goingBack(err error) error {
	var m *MigrationError
	if errors.As(err, &m) {
		m.Down = true
	}
	return err
}

func (r *run) undoOne(ctx context.Context, d *done) error {
	m := d.migration
	if m.upFunc != nil {
		statements, rows, err := callFunc(ctx, r.conn, m.upFunc)
		d.statements, d.rows = statements, rows
		if err != nil {
			return &MigrationError{Set: d.set, Version: m.Version, Name: m.Name, Err: err}
		}
	}
	return r.applyScript(ctx, r.conn, d)
}

const writeRolledBack = `UPDATE main.migratingsqlite_history SET status = 'rolled_back', rolled_back_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
	metadata = json_set(CASE WHEN json_valid(metadata) THEN metadata ELSE '{}' END, '$.rolled_back_by', ?)
WHERE set_name = ? AND version = ? AND name = ? AND status IN ('applied', 'baseline')`

func (r *run) writeUndone(ctx context.Context, d *downgrade) error {
	for _, rec := range d.records {
		if _, err := r.conn.ExecContext(ctx, writeRolledBack, writer().String(), rec.Set, rec.Version, rec.Name); err != nil {
			return err
		}
	}
	_, err := r.conn.ExecContext(ctx, writeState, d.Set, d.version, d.digest)
	return err
}
