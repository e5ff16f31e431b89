package migratingsqlite

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// A Record is what a database has written down of one migration: a row of
// migratingsqlite_history.
type Record struct {
	Set      string
	Version  int64  // 0 for a repeatable migration
	Name     string // without the version
	Checksum string // see [Migration]
	// Status is applied, baseline (it was there when the history began), failed
	// or rolled_back. The schema has a migration in the first two.
	Status     string
	Compatible bool          // code that does not know it can go on working
	AppliedAt  time.Time     // by the database's clock; of the last attempt, where it failed
	Duration   time.Duration // to the millisecond
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
