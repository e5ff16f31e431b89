package migratingsqlite

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// A lease keeps other runs away while one is between two of its transactions.
// It is a row of the database, so it holds among all that open the database,
// and goes with nobody: who does not renew it in time loses it.
//
// Each transaction of a run begins with a fence, which fails unless the row has
// the run's token and the number of the run's last transaction. So whoever lost
// the lease without knowing it, stalled or cut off, cannot write any more; and a
// transaction whose fate is not known, since the answer was lost on the way,
// cannot take effect once the run has gone on.
type lease struct {
	owner, token string
	step         int64 // of the last transaction
	progress     progress
}

// progress is how far a migration of several transactions is.
type progress struct {
	set        string
	version    int64
	checksum   string
	statements int64 // done
	rows       int64 // affected by them
}

func (p progress) String() string {
	rows := "rows"
	if p.rows == 1 {
		rows = "row"
	}
	return fmt.Sprintf("%d of its statements, %d %s", p.statements, p.rows, rows)
}

// leaseTime is how long a lease lasts that is not renewed.
var leaseTime = 10 * time.Second

var (
	// errHeld: another run has the lease, or has taken the lock first.
	errHeld = errors.New("another connection is upgrading the database")
	// errLost: the fence has failed.
	errLost = errors.New("another connection has taken the upgrade over")
)

func newLease() *lease {
	w := writer()
	return &lease{
		owner: fmt.Sprintf("%s@%s, process %d", w.user, w.host, os.Getpid()),
		token: rand.Text(),
	}
}

// leaseRow is the lease as it stands in the database.
type leaseRow struct {
	owner, token string
	step         int64
	left         time.Duration // 0 if it has expired
	progress     progress
}

// leaseStep is one transaction of whoever had the lease.
type leaseStep struct {
	token string
	step  int64
}

// why is the error of a run that the lease keeps away.
func (l *leaseRow) why() error {
	at := ""
	if p := l.progress; p.version > 0 {
		at = fmt.Sprintf(", is at migration %d of set %s", p.version, p.set)
		if p.rows > 0 {
			at += fmt.Sprintf(" (%d rows)", p.rows)
		}
	}
	return fmt.Errorf("%w (%s)%s", errHeld, l.owner, at)
}

const leaseQuery = `SELECT owner, token, step,
	min(86400000, max(0, coalesce(CAST(round((julianday(expires_at) - julianday('now')) * 86400000) AS INTEGER), 0))),
	coalesce(set_name, ''), coalesce(version, 0), coalesce(checksum, ''), coalesce(statement, 0), coalesce(rows_affected, 0)
FROM main.migratingsqlite_lease`

func (b *books) readLease(rows [][]driver.Value) error {
	for _, row := range rows {
		l := &b.lease
		var ms int64
		p := &l.progress
		if err := scan(row, &l.owner, &l.token, &l.step, &ms, &p.set, &p.version, &p.checksum, &p.statements, &p.rows); err != nil {
			return err
		}
		l.left = time.Duration(ms) * time.Millisecond
	}
	return nil
}

func now(modifier string) string { return "strftime('%Y-%m-%dT%H:%M:%fZ', 'now'" + modifier + ")" }

// expiry is the expression for the end of a lease that begins now.
func expiry() string { return now(fmt.Sprintf(", '+%.3f seconds'", leaseTime.Seconds())) }

// take takes the lease, unless another run has it. What was cut off goes on from
// where it was.
func (l *lease) take() engine.Statement {
	return engine.Statement{
		Text: `INSERT INTO main.migratingsqlite_lease (id, owner, token, step, renewed_at, expires_at)
VALUES (1, ?, ?, 1, ` + now("") + `, ` + expiry() + `)
ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, token = excluded.token, step = step + 1,
	renewed_at = excluded.renewed_at, expires_at = excluded.expires_at
WHERE token = excluded.token OR expires_at <= ` + now(""),
		Args: []driver.Value{l.owner, l.token},
	}
}

// fence begins each transaction of the lease's owner. It renews the lease, says
// what the transaction is about, and fails when the lease is another's: the
// token is then NULL, which the column does not take. Where the transaction is
// about no migration, one that was cut off, perhaps another program's, stays.
func (l *lease) fence(p progress) engine.Statement {
	const (
		own  = "FROM main.migratingsqlite_lease WHERE "
		head = `INSERT OR REPLACE INTO main.migratingsqlite_lease
	(id, owner, token, step, renewed_at, expires_at, set_name, version, checksum, statement, rows_affected, foreign_keys)
VALUES (1, ?, (SELECT token ` + own + `token = ? AND step = ?), ?, `
	)
	text := head + now("") + ", " + expiry()
	args := []driver.Value{l.owner, l.token, l.step, l.step + 1}
	if p == (progress{}) {
		for _, column := range []string{"set_name", "version", "checksum", "statement", "rows_affected", "foreign_keys"} {
			text += ", (SELECT " + column + " " + own + "id = 1)"
		}
		return engine.Statement{Text: text + ")", Args: args}
	}
	return engine.Statement{
		Text: text + ", ?, ?, ?, ?, ?, (SELECT foreign_keys " + own + "set_name = ? AND version = ? AND checksum = ?))",
		Args: append(args, p.set, p.version, p.checksum, p.statements, p.rows, p.set, p.version, p.checksum),
	}
}

// renew ends each transaction of the lease's owner, which may have taken long,
// but for the last one of a run. It counts the rows that the statement before
// it has changed.
func (l *lease) renew(changes bool) engine.Statement {
	rows := ""
	if changes {
		rows = ", rows_affected = rows_affected + changes()"
	}
	return engine.Statement{Text: "UPDATE main.migratingsqlite_lease SET renewed_at = " + now("") + ", expires_at = " + expiry() + rows}
}

const (
	// revoke takes an expired lease away from whoever had it, for a run of one
	// transaction that needs none itself.
	revoke = "UPDATE main.migratingsqlite_lease SET token = '', expires_at = ''"
	// forgetDone forgets how far a migration was that is done now. Another one may
	// be a newer program's, which goes on with it.
	forgetDone = `UPDATE main.migratingsqlite_lease AS l SET set_name = NULL, version = NULL, checksum = NULL,
	statement = NULL, rows_affected = NULL, foreign_keys = NULL
WHERE EXISTS (SELECT 1 FROM main.migratingsqlite_history AS h
	WHERE h.set_name = l.set_name AND h.version = l.version AND h.checksum = l.checksum AND h.status IN ('applied', 'baseline'))`
)

// drop gives the lease up.
func (l *lease) drop() engine.Statement {
	return engine.Statement{
		Text: "UPDATE main.migratingsqlite_lease SET expires_at = '' WHERE token = ?",
		Args: []driver.Value{l.token},
	}
}

// Foreign keys are compared inside the transaction, by the number of rows that
// break each, so that no round trip is needed between the migration and its
// commit. A key that cannot be checked, since its parent lacks the unique index,
// leaves NULL and is not compared.
const (
	brokenKeys = `(SELECT lower("table") || ' ' || lower(parent) AS k, "table" AS child, parent, count(*) AS n
	FROM pragma_foreign_key_check GROUP BY 1)`

	keysBefore = `UPDATE main.migratingsqlite_lease SET foreign_keys = (SELECT json_group_object(k, n) FROM ` + brokenKeys + `)
WHERE foreign_keys IS NULL`

	keysAfter = `UPDATE main.migratingsqlite_lease SET foreign_keys = (
	SELECT group_concat('table ' || child || ': no such row in ' || parent || ' (' || (n - old) || ' more than before)', '; ')
	FROM (SELECT child, parent, n, coalesce((SELECT value FROM json_each(foreign_keys) WHERE key = k), 0) AS old FROM ` + brokenKeys + `)
	WHERE n > old)
WHERE foreign_keys IS NOT NULL`

	keysQuery = "SELECT foreign_keys FROM main.migratingsqlite_lease WHERE foreign_keys IS NOT NULL"

	keysGuard = "UPDATE main.migratingsqlite_lease SET token = NULL WHERE foreign_keys IS NOT NULL"
)

// A Lease is what keeps others from upgrading a database while one upgrade is
// between two of its transactions: one with a migration that says
// no-transaction or batch, or on a server. Who does not renew it in time loses
// it, and the next one goes on from where he was.
type Lease struct {
	Owner     string    // who has it, or had it last: user, host and process
	RenewedAt time.Time // by the database's clock, like the next
	ExpiresAt time.Time // zero if it was given up
	Expired   bool      // it keeps nobody away any more
	// The migration that is being done, or was cut off and is gone on with by the
	// next open; how many of its statements are done, and how many rows they have
	// changed. Set is "" where there is none.
	Set        string
	Version    int64
	Statements int64
	Rows       int64

	token string
	step  int64
}

// Lease returns who is upgrading the database in several transactions, or was cut
// off while doing so; nil if nobody is, and nothing is half done. It only reads.
func (m *Migrator) Lease(ctx context.Context) (l *Lease, err error) {
	_, err = m.looking(ctx, func(r *run) error {
		answers, err := r.readAgain(ctx, leaseDetails...)
		if err == nil {
			l, err = readLeaseDetails(answers)
		}
		return err
	})
	return l, err
}

// Unlock takes exactly this lease away, as [Migrator.Lease] has returned it: if it
// was renewed or taken over since, Unlock refuses. Whoever has it cannot write any
// more, and what it is doing now comes to nothing. What is half done stays noted,
// and the next open goes on with it.
func (m *Migrator) Unlock(ctx context.Context, l *Lease) error {
	if l == nil {
		return m.explain(errors.New("there is no lease to take away"))
	}
	if err := m.mayWrite(); err != nil {
		return err
	}
	w := &waiter{budget: m.config.timeout}
	return m.explain(m.with(ctx, m.gate, w, func(p place) error {
		r := run{config: m.config, place: p, store: p.server, wait: w}
		if p.server == nil {
			s, err := newSession(ctx, p.conn)
			if err != nil {
				return err
			}
			defer s.end()
			r.store = localStore{s, w}
		}
		return cannotWrite(w.retryIf(ctx, r.passes, func() error { return r.takeAway(ctx, l) }))
	}))
}

// takeAway takes a lease away, which may have been done by a try before.
func (r *run) takeAway(ctx context.Context, l *Lease) error {
	list := []engine.Statement{{
		Text: "UPDATE main.migratingsqlite_lease SET token = '', expires_at = '' WHERE token IN ('', ?) AND step = ?",
		Args: []driver.Value{l.token, l.step},
	}}
	for _, q := range leaseDetails {
		list = append(list, engine.Statement{Text: q, Query: true})
	}
	answers, err := r.request(ctx, list...)
	if err != nil || answers[0].RowsAffected > 0 {
		return err
	}
	now, err := readLeaseDetails(answers[1:])
	switch {
	case err != nil:
		return err
	case now == nil:
		return errors.New("the lease was given up meanwhile, and nothing is half done")
	}
	return fmt.Errorf("the lease is not as it was shown any more: %s renewed it at %s; look again", now.Owner, now.RenewedAt.Format(time.RFC3339))
}

// leaseDetails ask for all that is known of the lease. The last one fails in a
// database that has none.
var leaseDetails = []string{
	tableQuery(leaseTable),
	"SELECT owner, token, step, renewed_at, expires_at, expires_at <= " + now("") + `, coalesce(set_name, ''),
	coalesce(version, 0), coalesce(statement, 0), coalesce(rows_affected, 0) FROM main.migratingsqlite_lease`,
}

// readLeaseDetails makes a lease of the answers to leaseDetails.
func readLeaseDetails(answers []engine.Answer) (*Lease, error) {
	rows, err := rowsOf(leaseTable, answers)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	l := new(Lease)
	var renewed, expires string
	var expired int64
	if err := scan(rows[0], &l.Owner, &l.token, &l.step, &renewed, &expires, &expired, &l.Set, &l.Version, &l.Statements, &l.Rows); err != nil {
		return nil, damaged(leaseTable, err)
	}
	if expires == "" && l.Statements+l.Rows == 0 {
		return nil, nil // given up
	}
	l.RenewedAt, l.ExpiresAt, l.Expired = parseTime(renewed), parseTime(expires), expired != 0
	return l, nil
}
