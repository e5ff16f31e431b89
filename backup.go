package migratingsqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"time"

	"modernc.org/sqlite"

	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

// sourceWait is how long a snapshot waits to be allowed to read. Whoever wants the
// lock has it already, so hardly anything is worth it.
const sourceWait = 2 * time.Second

// backUpPlan takes a snapshot before an upgrade, if it is asked for. The write lock
// is held and nothing is written yet, so it is the state before, to the last row.
// Where only the books change there is nothing to go back to. An upgrade that was
// begun by another run has its snapshot, unless there is none at all.
func (r *run) backUpPlan(ctx context.Context) error {
	if r.plan.pending() == 0 || r.plan.empty {
		return nil
	}
	version := r.plan.last().version
	if r.plan.begun && r.config.backup != "" && r.place.source != nil {
		var path string
		err := r.conn.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path)
		if err != nil {
			return err
		}
		list, err := snapshot.List(r.config.backup, path)
		if err != nil {
			return &backupError{err}
		}
		if n := len(list); n > 0 && list[n-1].Version <= version {
			r.report.Backup = list[n-1].Path
		}
	}
	return r.backUp(ctx, version)
}

// backUp takes a snapshot of what is there before anything is written, if it is
// asked for and the run has none yet.
func (r *run) backUp(ctx context.Context, version int64) error {
	folder := r.config.backup
	if folder == "" || r.place.source == nil || r.report.Backup != "" {
		return nil
	}
	start := time.Now()
	s, err := takeSnapshot(ctx, r.place.source, folder, version)
	switch {
	case context.Cause(ctx) != nil:
		return err
	case err != nil:
		return &backupError{err}
	}
	r.report.Backup = s.Path
	r.tel.backedUp(s, time.Since(start))
	if _, err := snapshot.Prune(folder, s.Database, r.config.keep); err != nil {
		r.tel.log().LogAttrs(ctx, slog.LevelWarn, "migratingsqlite: old snapshots were not removed",
			slog.String("database", r.config.database), slog.String("error", err.Error()))
	}
	return nil
}

// takeSnapshot takes a snapshot, and waits a moment while the database is busy.
func takeSnapshot(ctx context.Context, source driver.Connector, folder string, version int64) (s *snapshot.Snapshot, err error) {
	w := waiter{budget: sourceWait}
	err = w.retry(ctx, func() error {
		s, err = snapshot.Take(ctx, source, folder, version)
		return err
	})
	if errors.Is(err, ErrLocked) {
		return nil, errors.New("no second connection can read the database, which is locked; is it opened with locking_mode(EXCLUSIVE), or vfs=unix-dotfile?")
	}
	return s, err
}

// source opens connections for snapshots, which read while another connection
// has the write lock.
func (c *config) source() (driver.Connector, error) {
	if c.other != nil {
		return c.other.Gate, nil
	}
	return sqlite.NewConnector(c.checkDSN())
}

// A backupError is why there is no snapshot, and so no upgrade.
type backupError struct{ err error }

func (e *backupError) Error() string {
	return "the snapshot that _migrate_backup asks for could not be taken, so nothing was begun: " + causeText(e.err)
}

func (e *backupError) Unwrap() error { return e.err }

// Code hides SQLite's codes, which would be taken for those of the upgrade, but for
// what is true of the disk and the file.
func (e *backupError) Code() int {
	switch code := sqliteCode(e.err); code {
	case sqliteFull, sqliteIOErr, sqliteCorrupt:
		return code
	}
	return 0
}

// Backup takes a snapshot of the database and returns its path. The folder is
// made, readable by nobody else, if only its last element is missing; nothing is
// removed from it but what a killed process left of a snapshot. The database may
// be in use. It fails where there is no file, and on a server, which keeps backups
// itself.
func (m *Migrator) Backup(ctx context.Context, folder string) (path string, err error) {
	if err := m.config.hasFile(); err != nil {
		return "", m.explain(err)
	}
	missing, err := m.looking(ctx, func(r *run) error {
		version := int64(0)
		err := r.planOutside(ctx)
		switch {
		case err == nil:
			version = cmp.Or(r.plan.last().version, r.plan.newest)
		case context.Cause(ctx) != nil, errors.Is(err, ErrLocked):
			return err
		} // a copy of books that cannot be read is a copy, too
		w := waiter{budget: m.config.timeout}
		return w.retry(ctx, func() error {
			s, err := snapshot.Take(ctx, m.look, folder, version)
			if err == nil {
				path = s.Path
			}
			return err
		})
	})
	if missing {
		err = m.explain(errors.New("the file does not exist, so there is nothing to back up"))
	}
	return path, err
}

// BackupFolder returns the folder of [WithBackup], "" if there is none.
func (m *Migrator) BackupFolder() string { return m.config.backup }

// hasFile refuses to back up what is no file.
func (c *config) hasFile() error {
	switch {
	case c.other != nil && c.other.Server != nil:
		return errors.New("a server keeps backups itself: Turso has point-in-time recovery (turso db create NEW --from-db OLD --timestamp TIME), and sqld has --enable-bottomless-replication")
	case c.inMemory:
		return snapshot.ErrNoFile
	}
	return nil
}
