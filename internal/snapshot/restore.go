package snapshot

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrInUse is what the error of [Restore] matches when others have the database
// open.
var ErrInUse = errors.New("the database is in use")

// patience is how long Restore waits for others to close the database.
const patience = time.Second

// Restore makes a database what it was when a snapshot was taken. It checks the
// snapshot first, and keeps what the database was: in a file beside it, whose path
// it returns, called like a snapshot but without a version and ending in
// .replaced. Restore takes that back as well; nothing ever removes it. A database
// that is missing or has no tables leaves none. Any other SQLite database that is sound
// can be restored, too.
//
// The pages are copied into the file that is there, in one transaction of SQLite's
// own. To rename the snapshot over it would be quicker, but wrong in cases that
// cannot be seen: whoever has the database open, with a rollback journal and
// without a transaction, holds no lock, and would go on writing to the old file.
// A name may be a link, or one of several; and between two names there are moments
// with no database at all, or the old one's journal beside the new one. This way
// the old journal and write-ahead log are the old database's until SQLite itself
// has dealt with them, permissions stay, and a Restore that is killed is undone by
// whoever opens the database next. It wants room for the old database, twice.
//
// From the beginning to the end it has an exclusive lock. If others have the
// database open it fails with [ErrInUse]; the error says who, where that can be
// found out. A write-ahead log shows everybody. With a rollback journal, a program
// that does nothing with the database just then is seen on Linux only, if this
// process may look at that one. It is not harmed: it works on with what was
// restored.
func Restore(ctx context.Context, snapshot, database string) (kept string, err error) {
	path := resolved(database)
	if path == resolved(snapshot) {
		return "", fmt.Errorf("%s is the database itself", snapshot)
	}
	if err := Check(ctx, snapshot); err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "", errors.New("it is a folder: name a file")
	}
	if who := holders(path); len(who) > 0 {
		return "", fmt.Errorf("%w: %s has it open; stop that first", ErrInUse, strings.Join(who, ", "))
	}
	kept, err = restore(ctx, snapshot, path)
	if dir := filepath.Dir(database); kept != "" && resolved(dir) == filepath.Dir(path) {
		kept = filepath.Join(dir, filepath.Base(kept)) // as the caller calls it
	}
	return kept, err
}

func restore(ctx context.Context, snapshot, path string) (kept string, err error) {
	info, err := os.Stat(snapshot)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		// Asked before there is a file, which nobody could take away safely.
		if err := roomFor(info.Size(), filepath.Dir(path)); err != nil {
			return "", err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	sweep(filepath.Dir(path))
	db, conn, mode, err := openExclusively(ctx, path)
	if err != nil {
		return "", err
	}
	defer db.Close()
	defer conn.Close()
	done := false
	defer func() {
		if !done && mode == "wal" {
			rows(context.WithoutCancel(ctx), conn, "PRAGMA journal_mode = WAL") // as it was
		}
	}()
	old, err := extent(ctx, conn, "main")
	if err != nil {
		return "", err
	}
	before, unreadable := factsOf(ctx, conn, "main") // the more it wants to be restored
	// The kept file, the journal, and what the snapshot is larger.
	if err := roomFor(old+max(old, info.Size()), filepath.Dir(path)); err != nil {
		return "", err
	}
	if empty := unreadable == nil && len(before.schema) == 0; !empty {
		if kept, err = keep(ctx, conn, path); err != nil {
			return "", fmt.Errorf("keeping what is there: %w; the database is as it was", err)
		}
	}
	if err = putBack(ctx, conn, snapshot); err == nil {
		done = true
		return kept, nil
	}
	err = fmt.Errorf("copying the snapshot: %w", err)
	if after, other := factsOf(ctx, conn, "main"); unreadable == nil && other == nil && reflect.DeepEqual(before, after) {
		if kept != "" {
			os.Remove(kept)
		}
		return "", fmt.Errorf("%w; the database is as it was", err)
	}
	return kept, fmt.Errorf("%w; what was there is in %s", err, kept)
}

// openExclusively opens a database and locks all others out until the connection
// is closed. The mode is that of its journal, which is a rollback journal now.
func openExclusively(ctx context.Context, path string) (db *sql.DB, conn *sql.Conn, mode string, err error) {
	connector, err := sqlite.NewConnector(uri(path) + "?mode=rw")
	if err != nil {
		return nil, nil, "", err
	}
	for start := time.Now(); ; {
		db = sql.OpenDB(connector)
		conn, err = db.Conn(ctx)
		if err == nil {
			if mode, err = lockOut(ctx, conn); err == nil {
				return db, conn, mode, nil
			}
			conn.Close()
		}
		db.Close() // and its shared lock, which another Restore may be waiting for
		var e *sqlite.Error
		if !errors.As(err, &e) {
			return nil, nil, "", err
		}
		switch code := e.Code() & 0xff; {
		case code == sqlite3.SQLITE_NOTADB:
			return nil, nil, "", fmt.Errorf("%w; it is damaged, encrypted or another kind of file: move it away, then restore again", err)
		case code == sqlite3.SQLITE_READONLY:
			return nil, nil, "", fmt.Errorf("%w; neither the file nor its folder may be read-only", err)
		case code != sqlite3.SQLITE_BUSY:
			return nil, nil, "", err
		case time.Since(start) > patience:
			return nil, nil, "", fmt.Errorf("%w: another process has it open, or another connection of this one; stop that first", ErrInUse)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, nil, "", context.Cause(ctx)
		}
	}
}

// lockOut gets the exclusive lock, and writes what is in a write-ahead log into
// the database: with one, pages of another size could not be copied.
func lockOut(ctx context.Context, conn *sql.Conn) (mode string, err error) {
	for _, q := range []string{
		"PRAGMA writable_schema = ON", // lets go on where the schema is damaged
		"PRAGMA locking_mode = EXCLUSIVE",
		"PRAGMA main.journal_mode",
		"PRAGMA journal_mode = DELETE",
		"BEGIN EXCLUSIVE",
		"COMMIT", // and the lock stays
	} {
		answer, err := rows(ctx, conn, q)
		if err != nil {
			return "", err
		}
		if q == "PRAGMA main.journal_mode" && len(answer) > 0 {
			mode = answer[0]
		}
	}
	return mode, nil
}

// keep copies what is there to a file beside it. It may be damaged: that is no
// reason to lose it.
func keep(ctx context.Context, conn *sql.Conn, path string) (kept string, err error) {
	p, err := newPartial(filepath.Dir(path), path)
	if err != nil {
		return "", err
	}
	defer p.discard()
	if err := backUp(ctx, conn, p.Name()); err != nil {
		return "", err
	}
	at := time.Now().UTC().Format(timeForm)
	kept, _, err = p.publish(ctx, func(sum string) string { return fmt.Sprintf("%s-%s-%s.replaced", shortened(path), at, sum) })
	return kept, err
}

// putBack copies a snapshot's pages into the database, in one transaction.
func putBack(ctx context.Context, conn *sql.Conn, snapshot string) error {
	return conn.Raw(func(c any) error {
		b, err := c.(backuper).NewRestore(readOnly(snapshot))
		if err != nil {
			return err
		}
		return run(ctx, b)
	})
}
