package migratingsqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// A Record is what a database has written down of one migration: a row of
// migratingsqlite_history.
type Record struct {
	Set      string
	Version  int64 // 0 for a repeatable migration
	Name     string
	Checksum string // see [Migration]
	// Status is applied, baseline (it was there when the history began), failed
	// or rolled_back. The schema has a migration in the first two.
	Status     string
	Compatible bool          // code that does not know it can go on working
	AppliedAt  time.Time     // by the database's clock; of the last attempt, where it failed
	Duration   time.Duration // in milliseconds
	DownSQL    string        // the way back that is kept for programs without the file; "" if there is none
	AppliedBy  string        // user of the operating system
	AppVersion string        // of the program, as its build information has it
	Hostname   string
	// RolledBackAt is when it was undone, zero if it was not or was applied again.
	RolledBackAt time.Time
	Err          string // of the last attempt, where it failed
	// Metadata is a JSON object: file, statements, rows_affected and app; from,
	// what said that a baseline is there; rolled_back_by; and repaired, a list of
	// {at, by, checksum}, the checksum being the one before.
	Metadata string
}

// current reports whether the schema has the migration.
func (r *Record) current() bool { return r.Status == statusApplied || r.Status == statusBaseline }

// recordsQueries read the history with everything in it. The last one fails in a
// database that has none.
var recordsQueries = []string{
	tableQuery(historyTable),
	`SELECT set_name, version, name, checksum, status, compatible, applied_at, duration_ms, coalesce(down_sql, ''),
		applied_by, app_version, hostname, coalesce(rolled_back_at, ''), coalesce(error, ''), metadata
		FROM main.migratingsqlite_history WHERE set_name <> '` + ownSet + `' ORDER BY set_name, version = 0, version, name`,
}

// readRecords makes records of the answers to recordsQueries.
func readRecords(answers []engine.Answer) (list []Record, err error) {
	rows, err := rowsOf(historyTable, answers)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		r, err := readRecord(row)
		if err != nil {
			return nil, damaged(historyTable, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// tableQuery asks whether there is a table.
func tableQuery(name string) string {
	return "SELECT count(*) FROM main.sqlite_master WHERE type = 'table' AND lower(name) = '" + name + "'"
}

// rowsOf returns the rows of one of the driver's tables: the answer to a query
// behind that to its tableQuery. There are none in a database without the table.
func rowsOf(table string, answers []engine.Answer) ([][]driver.Value, error) {
	if err := answers[0].Err; err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	if answers[0].Rows[0][0] == int64(0) {
		return nil, nil
	}
	if err := answers[1].Err; err != nil {
		return nil, damaged(table, err)
	}
	return answers[1].Rows, nil
}

func readRecord(row []driver.Value) (r Record, err error) {
	var compatible, ms int64
	var applied, rolledBack string
	err = scan(row, &r.Set, &r.Version, &r.Name, &r.Checksum, &r.Status, &compatible, &applied, &ms, &r.DownSQL,
		&r.AppliedBy, &r.AppVersion, &r.Hostname, &rolledBack, &r.Err, &r.Metadata)
	r.Compatible = compatible != 0
	r.Duration = time.Duration(ms) * time.Millisecond
	r.AppliedAt, r.RolledBackAt = parseTime(applied), parseTime(rolledBack)
	return r, err
}

// parseTime reads a time as the database writes it; zero for any other text.
func parseTime(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

// History returns all that the database has written down, of all sets that were
// ever applied to it, whether or not the program has them: by set and version,
// repeatable migrations last. It writes nothing, and creates no file; a database
// without a history, or that does not exist, has an empty one.
func (m *Migrator) History(ctx context.Context) (list []Record, err error) {
	_, err = m.looking(ctx, func(r *run) error {
		answers, err := r.readAgain(ctx, recordsQueries...)
		if err == nil {
			list, err = readRecords(answers)
		}
		return err
	})
	return list, err
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

// Repair accepts the text that applied migrations have now, where it was edited
// after they had been applied ([ErrChanged]): those of the given versions, or all
// if none is given. It applies nothing: the edit must be one that makes no
// difference to what was applied, such as one of a comment. The history gets the
// new checksum and way back, and keeps the old checksum in its metadata. Repair
// returns the rows as they were; none if nothing was edited. A given version that
// was not edited, or is half done, is an error.
//
// Of several sets, say by _migrate_set or [WithSet] which one it is.
func (m *Migrator) Repair(ctx context.Context, versions ...int64) ([]Record, error) {
	set, err := m.oneSet()
	if err != nil {
		return nil, err
	}
	var edits []edit
	missing, err := m.looking(ctx, func(r *run) error {
		records, err := r.readAll(ctx, r.readAgain)
		if err == nil {
			edits, err = set.edits(records, r.plan.lease.progress, versions)
		}
		return err
	})
	if missing && versions != nil {
		err = m.explain(errors.New("the file does not exist, so there is nothing to repair"))
	}
	if err != nil || len(edits) == 0 {
		return nil, err
	}
	if err := m.mayWrite(); err != nil {
		return nil, err
	}
	_, err = m.writing(ctx, telemetry{}, func(ctx context.Context, r *run) error {
		records, err := r.readAll(ctx, localStore{r.conn, r.wait}.ask)
		switch {
		case err != nil:
			return err
		case r.sent && !slices.ContainsFunc(edits, func(e edit) bool { return !e.isIn(records) }):
			return nil // it was committed, and the answer was lost
		case r.plan.lease.left > 0:
			return r.plan.lease.why()
		}
		if edits, err = set.edits(records, r.plan.lease.progress, versions); err != nil {
			return err
		}
		if err := r.writeEdits(ctx, set, records, edits); err != nil {
			return fmt.Errorf("writing the history: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, m.explain(err)
	}
	list := make([]Record, len(edits))
	for i, e := range edits {
		list[i] = e.was
	}
	return list, nil
}

// An edit is a migration that was edited after it had been applied.
type edit struct {
	was Record
	is  Migration
}

// isIn reports whether the history has the migration as it is now.
func (e edit) isIn(records []Record) bool {
	return slices.ContainsFunc(records, func(r Record) bool {
		return r.Set == e.was.Set && r.Version == e.was.Version && r.Name == e.was.Name && r.Checksum == e.is.Checksum && r.current()
	})
}

// edits finds what was edited, of the given versions if there are any.
func (s *Set) edits(records []Record, half progress, versions []int64) (list []edit, err error) {
	var refusals []error
	stands, err := s.standsIn(records)
	if err != nil {
		return nil, err
	}
	for i, m := range s.migrations {
		if i == 0 && stands {
			if slices.Contains(versions, m.Version) {
				refusals = append(refusals, fmt.Errorf("migration %s is not what was applied, but stands for it; there is nothing to repair", m))
			}
			continue
		}
		if m.Version == 0 || versions != nil && !slices.Contains(versions, m.Version) {
			continue
		}
		i := slices.IndexFunc(records, func(r Record) bool { return r.Set == s.name && r.Version == m.Version && r.current() })
		switch {
		case half.set == s.name && half.version == m.Version && half.checksum != m.Checksum && half.statements+half.rows > 0 && i < 0:
			refusals = append(refusals, fmt.Errorf("migration %s was edited while it was half done (%s), and what is left of the new text is not known: put the text back as it was, and open the database with it", m, half))
		case i >= 0 && records[i].Checksum != m.Checksum:
			if err := m.read(); err != nil {
				return nil, err
			}
			list = append(list, edit{records[i], m})
		case versions != nil && i < 0:
			refusals = append(refusals, fmt.Errorf("migration %s is not applied, so there is nothing to repair", m))
		case versions != nil:
			refusals = append(refusals, fmt.Errorf("migration %s is as it was applied, so there is nothing to repair", m))
		}
	}
	for _, v := range versions {
		if v <= 0 || !s.has(v) {
			refusals = append(refusals, fmt.Errorf("version %d is not among the program's migrations: %s", v, s.versions()))
		}
	}
	return list, join(refusals)
}

const writeRepaired = `UPDATE main.migratingsqlite_history SET checksum = ?, compatible = ?, down_sql = ?,
	metadata = json_insert(CASE WHEN json_valid(metadata) THEN metadata ELSE '{}' END, '$.repaired[#]',
		json_object('at', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'by', ?, 'checksum', checksum))
WHERE set_name = ? AND version = ? AND name = ?`

// writeEdits writes the history as it is with the edits, and the state that comes
// of it.
func (r *run) writeEdits(ctx context.Context, set *Set, records []Record, edits []edit) error {
	if err := r.ownBooks(ctx); err != nil {
		return err
	}
	for i := range edits {
		e := &edits[i]
		compatible, down := e.is.kept()
		if _, err := r.conn.ExecContext(ctx, writeRepaired, e.is.Checksum, compatible, down, writer().String(), set.name, e.was.Version, e.was.Name); err != nil {
			return err
		}
	}
	var have []Migration
	version := int64(0)
	for _, rec := range records {
		if rec.Set != set.name || !rec.current() {
			continue
		}
		m := Migration{Version: rec.Version, Checksum: rec.Checksum}
		if i := slices.IndexFunc(edits, func(e edit) bool { return e.was == rec }); i >= 0 {
			m.Checksum = edits[i].is.Checksum
		}
		have, version = append(have, m), max(version, m.Version)
	}
	_, err := r.conn.ExecContext(ctx, writeState, set.name, version, digest(have))
	return err
}
