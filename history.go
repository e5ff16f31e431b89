package migratingsqlite

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/adopt"
	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// The driver's own tables.
const (
	historyTable = "migratingsqlite_history"
	stateTable   = "migratingsqlite_state"
	leaseTable   = "migratingsqlite_lease"
)

// The values of migratingsqlite_history.status.
const (
	statusApplied    = "applied"
	statusBaseline   = "baseline" // the schema had it when the history began
	statusFailed     = "failed"
	statusRolledBack = "rolled_back"
)

var statuses = []string{statusApplied, statusBaseline, statusFailed, statusRolledBack}

// A goal is what a database that is up to date says of itself.
type goal struct {
	sets     []setState
	appID    int32
	hasAppID bool
}

// setState is a row of migratingsqlite_state.
type setState struct{ set, digest string }

func newGoal(c *config) goal {
	g := goal{appID: c.appID, hasAppID: c.hasAppID}
	g.sets = append(g.sets, setState{ownSet, bookkeeping().digest})
	for _, s := range c.sets {
		g.sets = append(g.sets, setState{s.name, s.digestAt(c.to)})
	}
	return g
}

// A temporary table of that name must not be read instead.
const stateQuery = "SELECT set_name, digest FROM main.migratingsqlite_state"

// reached probes the database. That is all that an up-to-date one costs, so it
// goes to the wrapped driver directly. On an error the database may be new, or
// busy, or not a database: the caller finds out.
func (g *goal) reached(ctx context.Context, conn driver.Conn) (bool, error) {
	if g == nil {
		return false, nil
	}
	met := 0
	err := eachRow(ctx, conn, stateQuery, func(row []driver.Value) {
		if g.meets(row) {
			met++
		}
	})
	if err != nil || met != len(g.sets) || !g.hasAppID {
		return err == nil && met == len(g.sets), err
	}
	ok := false
	err = eachRow(ctx, conn, "PRAGMA application_id", func(row []driver.Value) { ok = row[0] == int64(g.appID) })
	return ok, err
}

// reachedOn is reached on a server, by one request. A server has no
// application_id.
func (g *goal) reachedOn(ctx context.Context, s engine.Server) (bool, error) {
	answers, err := s.Read(ctx, stateQuery)
	if err != nil {
		return false, err
	}
	if err := answers[0].Err; err != nil {
		return false, err
	}
	return g.metBy(answers[0].Rows), nil
}

// metBy looks at the rows of stateQuery.
func (g *goal) metBy(rows [][]driver.Value) bool {
	if g == nil {
		return false
	}
	met := 0
	for _, row := range rows {
		if g.meets(row) {
			met++
		}
	}
	return met == len(g.sets)
}

func (g *goal) meets(row []driver.Value) bool {
	return slices.ContainsFunc(g.sets, func(s setState) bool { return text(row[0]) == s.set && text(row[1]) == s.digest })
}

// eachRow calls f with every row of a query. The row is f's until it returns.
func eachRow(ctx context.Context, conn driver.Conn, q string, f func([]driver.Value)) error {
	rows, err := query(ctx, conn, q)
	if err != nil {
		return err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(row); err {
		case nil:
			f(row)
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

func text(v driver.Value) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

// query runs a query on a driver's connection, by whichever of its interfaces
// the driver has.
func query(ctx context.Context, conn driver.Conn, q string) (driver.Rows, error) {
	if c, ok := conn.(driver.QueryerContext); ok {
		rows, err := c.QueryContext(ctx, q, nil)
		if err != driver.ErrSkip {
			return rows, err
		}
	}
	var stmt driver.Stmt
	var err error
	if c, ok := conn.(driver.ConnPrepareContext); ok {
		stmt, err = c.PrepareContext(ctx, q)
	} else {
		stmt, err = conn.Prepare(q)
	}
	if err != nil {
		return nil, err
	}
	var rows driver.Rows
	if s, ok := stmt.(driver.StmtQueryContext); ok {
		rows, err = s.QueryContext(ctx, nil)
	} else {
		//lint:ignore SA1019 what such a driver has
		rows, err = stmt.Query(nil)
	}
	if err != nil {
		stmt.Close()
		return nil, err
	}
	return stmtRows{rows, stmt}, nil
}

// stmtRows closes its statement with itself.
type stmtRows struct {
	driver.Rows
	stmt driver.Stmt
}

func (r stmtRows) Close() error { return errors.Join(r.Rows.Close(), r.stmt.Close()) }

// record is a row of migratingsqlite_history.
type record struct {
	set        string
	version    int64
	name       string
	checksum   string
	status     string
	compatible bool
	appliedAt  string
	duration   time.Duration
	err        string
}

// current reports whether the schema has the migration.
func (r record) current() bool { return r.status == statusApplied || r.status == statusBaseline }

func (r record) String() string { return label(r.version, r.name) }

// books is what a database says of itself, read at one moment.
type books struct {
	hasHistory, hasState, hasLease bool // migratingsqlite's own tables

	records []record
	digests map[string]string // set → digest in migratingsqlite_state
	others  []string          // tables and views that are not migratingsqlite's, nor of hosts
	appID   int32
	lease   leaseRow
	legacy  *legacy // of a database that has no history; nil where it was not looked for
	doubt   string  // how its structure is not what a history or _migrate_baseline says
}

// known returns the sets, but for the driver's own, that there is a history of.
func (b *books) known() (sets []string) {
	for _, r := range b.records {
		if r.set != ownSet && r.status != statusFailed && !slices.Contains(sets, r.set) {
			sets = append(sets, r.set)
		}
	}
	return sets
}

// begun reports whether a run of several transactions was cut off, or has failed:
// it writes the digest with its last one.
func (b *books) begun(set *Set) bool {
	digest, ok := b.digests[set.name]
	half := b.lease.progress
	done := slices.ContainsFunc(b.records, func(r record) bool { return r.set == half.set && r.version == half.version && r.current() })
	return ok && digest == "" || half.set == set.name && !done
}

// booksQueries read everything that a plan is made of. The last ones fail in a
// database that has no such table.
var booksQueries = []string{
	"SELECT name FROM main.sqlite_master WHERE type IN ('table', 'view') AND name NOT GLOB 'sqlite_*' ORDER BY name",
	"SELECT application_id FROM pragma_application_id", // which a token for reading allows
	`SELECT set_name, version, name, checksum, status, compatible, applied_at, duration_ms, coalesce(error, '')
		FROM main.migratingsqlite_history ORDER BY set_name, version, name`,
	stateQuery,
	leaseQuery,
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// readBooks makes books of the answers to booksQueries.
func readBooks(answers []engine.Answer) (*books, error) {
	b := &books{digests: map[string]string{}}
	if err := answers[0].Err; err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	for _, row := range answers[0].Rows {
		switch name := text(row[0]); {
		case strings.EqualFold(name, historyTable):
			b.hasHistory = true
		case strings.EqualFold(name, stateTable):
			b.hasState = true
		case strings.EqualFold(name, leaseTable):
			b.hasLease = true
		case containsFold(adopt.Hosts, name):
		default:
			b.others = append(b.others, name)
		}
	}
	if err := answers[1].Err; err != nil {
		return nil, fmt.Errorf("reading the application_id: %w", err)
	}
	for _, row := range answers[1].Rows {
		id, _ := row[0].(int64)
		b.appID = int32(id)
	}
	for i, t := range []struct {
		name string
		has  bool
		read func([][]driver.Value) error
	}{
		{historyTable, b.hasHistory, b.readHistory},
		{stateTable, b.hasState, b.readState},
		{leaseTable, b.hasLease, b.readLease},
	} {
		if !t.has {
			continue
		}
		a := answers[2+i]
		if a.Err == nil {
			a.Err = t.read(a.Rows)
		}
		if a.Err != nil {
			return nil, damaged(t.name, a.Err)
		}
	}
	return b, nil
}

func (b *books) readHistory(rows [][]driver.Value) error {
	b.records = make([]record, len(rows))
	for i, row := range rows {
		var r record
		var ms int64
		var compatible int64
		if err := scan(row, &r.set, &r.version, &r.name, &r.checksum, &r.status, &compatible, &r.appliedAt, &ms, &r.err); err != nil {
			return err
		}
		r.compatible = compatible != 0
		r.duration = time.Duration(ms) * time.Millisecond
		if !slices.Contains(statuses, r.status) {
			return fmt.Errorf("migration %s has status %s", r, quote(r.status))
		}
		b.records[i] = r
	}
	return nil
}

func (b *books) readState(rows [][]driver.Value) error {
	for _, row := range rows {
		var set, digest string
		if err := scan(row, &set, &digest); err != nil {
			return err
		}
		b.digests[set] = digest
	}
	return nil
}

// scan copies a row of text and integers, which the books consist of.
func scan(row []driver.Value, dest ...any) error {
	for i, d := range dest {
		ok := false
		switch d := d.(type) {
		case *string:
			if ok = row[i] != nil; ok {
				*d = text(row[i])
			}
		case *int64:
			*d, ok = row[i].(int64)
		}
		if !ok {
			return fmt.Errorf("column %d of a row holds %T", i+1, row[i])
		}
	}
	return nil
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

// damaged explains why one of the driver's own tables cannot be read: the
// database is in the way, or the table is not as the driver writes it.
func damaged(table string, err error) error {
	if code := sqliteCode(err); code > sqliteError || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("reading %s: %w", table, err)
	}
	return &refusal{ErrUnknownSchema, err, fmt.Sprintf("its table %s is not as this driver writes it (%s); restore a backup, or drop the table and say with _migrate_baseline which version the database is at",
		table, causeText(err))}
}

// parseTime reads a time as the database writes it; zero for any other text.
func parseTime(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

// each calls f for every row of a query.
func each(ctx context.Context, conn *sql.Conn, q string, f func(*sql.Rows) error) error {
	rows, err := conn.QueryContext(ctx, q)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A migration that failed or was rolled back has a row already. That one has
// failed is not written over that another run has applied it meanwhile.
const (
	writeRecord = recordHead + "?" + recordTail
	// writeStep takes the time since the lease was renewed for the duration.
	writeStep = recordHead + "(SELECT max(0, CAST(round((julianday('now') - julianday(renewed_at)) * 86400000) AS INTEGER)) FROM main.migratingsqlite_lease)" + recordTail

	recordHead = `INSERT INTO main.migratingsqlite_history (set_name, version, name, checksum, status, compatible,
	applied_at, duration_ms, down_sql, applied_by, app_version, hostname, error, metadata)
VALUES (?, ?, ?, ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), `
	recordTail = `, ?, ?, ?, ?, ?, ?)
ON CONFLICT (set_name, version, name) DO UPDATE SET
	checksum = excluded.checksum, status = excluded.status, compatible = excluded.compatible,
	applied_at = excluded.applied_at, duration_ms = excluded.duration_ms, down_sql = excluded.down_sql,
	applied_by = excluded.applied_by, app_version = excluded.app_version, hostname = excluded.hostname,
	rolled_back_at = NULL, error = excluded.error, metadata = excluded.metadata
WHERE excluded.status <> 'failed' OR status NOT IN ('applied', 'baseline') OR checksum <> excluded.checksum`
)

// A failed attempt under a name that was changed is over when its version is
// there.
const deleteOverFailures = `DELETE FROM main.migratingsqlite_history AS f WHERE status = 'failed' AND version > 0 AND EXISTS (
	SELECT 1 FROM main.migratingsqlite_history AS a
	WHERE a.set_name = f.set_name AND a.version = f.version AND a.status IN ('applied', 'baseline'))`

const writeState = `INSERT INTO main.migratingsqlite_state (set_name, version, digest) VALUES (?, ?, ?)
ON CONFLICT (set_name) DO UPDATE SET version = excluded.version, digest = excluded.digest`

// done is a migration that a run has applied, failed to apply, or taken as
// already there.
type done struct {
	set        string
	from       string // of a baseline: what said that it is there
	migration  *Migration
	status     string
	err        error
	duration   time.Duration
	statements int
	rows       int64 // affected
}

// writeHistory writes a row for each. They are written at the end of a run in
// one go, since every statement that changes the schema makes SQLite prepare
// the insert again.
func writeHistory(ctx context.Context, conn *sql.Conn, list []done) error {
	if len(list) == 0 {
		return nil
	}
	stmt, err := conn.PrepareContext(ctx, writeRecord)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for i := range list {
		if _, err := stmt.ExecContext(ctx, list[i].row()...); err != nil {
			return err
		}
	}
	return nil
}

// durationAt is where the arguments of writeRecord have the duration, which those
// of writeStep lack.
const durationAt = 6

// row returns the arguments of writeRecord.
func (d *done) row() []any {
	m, w := d.migration, writer()
	about := metadata{From: d.from, File: m.File, Statements: d.statements, Rows: d.rows, App: w.app}
	if m.scripts != nil {
		about.YAML = m.scripts.metadata
	}
	metadata, err := json.Marshal(about)
	if err != nil {
		panic(err) // it has only strings and numbers
	}
	var failure any
	if d.err != nil {
		failure = d.err.Error()
	}
	compatible, down := m.kept()
	return []any{d.set, m.Version, m.Name, m.Checksum, d.status, compatible,
		d.duration.Milliseconds(), down, w.user, w.version, w.host, failure, string(metadata)}
}

// kept is what the history keeps for programs that do not have the migration:
// whether they can go on working, and the way back, NULL if there is none. A
// script without the function that goes before it would be half of one.
func (m *Migration) kept() (compatible int, down any) {
	if m.Compatible() {
		compatible = 1
	}
	text := ""
	switch {
	case m.scripts == nil || m.downFunc != nil:
	case m.Version == 0:
		text = m.drops(nil)
	case m.downFile != "":
		text = m.scriptDown()
	}
	if text != "" {
		down = text
	}
	return compatible, down
}

// metadata is the JSON object in migratingsqlite_history.metadata.
type metadata struct {
	From       string `json:"from,omitempty"` // of a baseline
	File       string `json:"file,omitempty"`
	Statements int    `json:"statements,omitempty"`
	Rows       int64  `json:"rows_affected,omitempty"`
	App        string `json:"app,omitempty"`
	YAML       string `json:"metadata_yaml,omitempty"`
}

// account is who writes the history, on what computer, by which program.
type account struct{ user, host, app, version string }

func (a account) String() string { return a.user + "@" + a.host }

var writer = sync.OnceValue(func() (w account) {
	w.user = cmp.Or(os.Getenv("USER"), os.Getenv("USERNAME"), strconv.Itoa(os.Getuid()))
	w.host, _ = os.Hostname()
	if info, ok := debug.ReadBuildInfo(); ok {
		w.app, w.version = info.Path, info.Main.Version
	}
	return w
})
