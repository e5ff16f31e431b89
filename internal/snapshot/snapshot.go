// Package snapshot copies an SQLite database while it is in use, and puts such a
// copy back. A copy is there as a whole or not at all, whatever is killed when.
//
// It knows nothing of migrations: a version is a number in a file's name.
package snapshot

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"modernc.org/sqlite"

	"github.com/migratingsqlite/migratingsqlite/internal/lazy"
)

// A Snapshot is a copy of a database as it was at one moment. Its file is an
// ordinary database, called
//
//	app.db-20261122T083405.123456Z-v6-0a1b2c3d4e5f-0123456789abcdef.snapshot
//
// after the database, the time, its version, where it was (two databases of the
// same name may share a folder) and its content. So the names of one database
// sort as the snapshots were taken.
type Snapshot struct {
	Path     string    // of the file, in the folder as it was given
	Database string    // the path of the database's file, without links
	Version  int64     // as it was given to [Take]
	Time     time.Time // UTC, in microseconds; later than that of every snapshot before
	Size     int64     // in bytes
}

const (
	timeForm = "20060102T150405.000000Z"
	suffix   = ".snapshot"
)

var (
	nameForm = lazy.Regexp(`(?s)^(.+)-(\d{8}T\d{6}\.\d{6}Z)-v(\d{1,19})-([0-9a-f]{12})-([0-9a-f]{16})\.snapshot$`)
	sumForm  = lazy.Regexp(`-([0-9a-f]{16})\.(snapshot|replaced)$`)
)

// ErrNoFile is the error for a database that has no file: one in memory.
var ErrNoFile = errors.New("the database is in memory, and has no file")

// Take makes a snapshot of the database that the connector opens. The folder is
// made, readable by nobody else, if only its last element is missing. What
// killed processes have left of theirs is removed from it.
//
// The database may be in use. Every page is copied as it is where the connector
// opens connections of modernc.org/sqlite; others do VACUUM INTO, which leaves
// out free pages. The copy is checked: it must have the same tables, and be sound
// by SQLite's quick_check; a damaged database has no snapshot, which would push out
// a good one. Errors of the wrapped driver can be got by errors.As; one of them may
// say that the database is busy.
func Take(ctx context.Context, source driver.Connector, folder string, version int64) (*Snapshot, error) {
	if err := makeFolder(folder); err != nil {
		return nil, err
	}
	db := sql.OpenDB(struct{ driver.Connector }{source}) // not to be closed with it
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	database, err := fileOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	sweep(folder)
	p, err := newPartial(folder, database)
	if err != nil {
		return nil, err
	}
	defer p.discard()
	if err := copyTo(ctx, conn, p); err != nil {
		return nil, err
	}
	earlier, err := List(folder, database)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{Database: database, Version: version, Time: time.Now().UTC().Truncate(time.Microsecond)}
	if n := len(earlier); n > 0 && !s.Time.After(earlier[n-1].Time) {
		s.Time = earlier[n-1].Time.Add(time.Microsecond) // a clock was put back
	}
	s.Path, s.Size, err = p.publish(ctx, func(sum string) string {
		return fmt.Sprintf("%s-%s-v%d-%s-%s%s", shortened(database), s.Time.Format(timeForm), version, identity(folder, database), sum, suffix)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// makeFolder makes a folder, but none above it: a path with a typing error, or on
// a disk that is not mounted, is not to be filled.
func makeFolder(folder string) error {
	info, err := os.Stat(folder)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is not a folder", folder)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.Mkdir(folder, 0o700); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; make the folder above it first", err)
	} else if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(folder))
}

// fileOf returns the path of a connection's database, without links.
func fileOf(ctx context.Context, conn *sql.Conn) (string, error) {
	list, err := rows(ctx, conn, "SELECT file FROM pragma_database_list WHERE name = 'main'")
	if err != nil {
		return "", err
	}
	if len(list) == 0 || list[0] == "" {
		return "", ErrNoFile
	}
	return resolved(list[0]), nil
}

// resolved is a path without links, as far as there is anything at it.
func resolved(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	if dir := filepath.Dir(path); dir != path {
		return filepath.Join(resolved(dir), filepath.Base(path))
	}
	return path
}

// identity tells the databases apart whose snapshots share a folder: by where they
// are, seen from the folder, so that both may be moved together.
func identity(folder, database string) string {
	path := resolved(database)
	if rel, err := filepath.Rel(resolved(folder), path); err == nil {
		path = filepath.ToSlash(rel)
	}
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:6])
}

// shortened is a database's name in the names of its snapshots, which file systems
// let have 255 bytes.
func shortened(database string) string {
	name := filepath.Base(database)
	if len(name) <= 100 {
		return name
	}
	for name = name[:100]; !utf8.ValidString(name) && len(name) > 96; {
		name = name[:len(name)-1]
	}
	return name
}

// backuper is what connections of modernc.org/sqlite have: SQLite's online backup.
// https://www.sqlite.org/backup.html
type backuper interface {
	NewBackup(to string) (*sqlite.Backup, error)
	NewRestore(from string) (*sqlite.Backup, error)
}

// copyTo copies the database and checks the copy.
func copyTo(ctx context.Context, conn *sql.Conn, p *partial) error {
	pages := false
	conn.Raw(func(c any) error { _, pages = c.(backuper); return nil })
	if pages {
		// One moment for all pages, while others write.
		if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
			return err
		}
		defer conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	before, err := factsOf(ctx, conn, "main")
	if err != nil {
		return err
	}
	if err := roomFor(before.bytes, p.folder); err != nil {
		return err
	}
	if !pages {
		if err := vacuumInto(ctx, conn, p); err != nil {
			return err
		}
		after, err := factsOf(ctx, conn, "main")
		if err != nil {
			return err
		}
		return check(ctx, conn, p, before, after)
	}
	if err := backUp(ctx, conn, p.Name()); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		return err
	}
	return check(ctx, conn, p, before)
}

// backUp copies every page. The journal would be of no use: half a copy is thrown
// away.
func backUp(ctx context.Context, conn *sql.Conn, to string) error {
	return conn.Raw(func(c any) error {
		b, err := c.(backuper).NewBackup(uri(to) + "?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)")
		if err != nil {
			return err
		}
		return run(ctx, b)
	})
}

// run copies in portions, so that it ends with its context.
func run(ctx context.Context, b *sqlite.Backup) error {
	for {
		if err := context.Cause(ctx); err != nil {
			b.Finish()
			return err
		}
		more, err := b.Step(1024)
		if err != nil {
			b.Finish()
			return copyError{err}
		}
		if !more {
			return b.Finish()
		}
	}
}

// copyError is an error of a copy's file, whose text the driver asks of the other
// database, which has none.
type copyError struct{ error }

func (e copyError) Error() string { return strings.Replace(e.error.Error(), ": not an error", "", 1) }
func (e copyError) Unwrap() error { return e.error }

// vacuumInto copies what is in a database. Rowids stay as they are.
func vacuumInto(ctx context.Context, conn *sql.Conn, p *partial) error {
	if _, err := conn.ExecContext(ctx, "VACUUM INTO "+quoted(p.Name())); err != nil {
		return err
	}
	mode, err := rows(ctx, conn, "PRAGMA main.journal_mode")
	if err == nil && len(mode) > 0 && mode[0] == "wal" {
		// It says so of itself, as a copy of its pages would.
		_, err = p.WriteAt([]byte{2, 2}, 18)
	}
	return err
}

// facts are what a copy has in common with its database.
type facts struct {
	bytes  int64 // of all pages
	schema []string
}

func factsOf(ctx context.Context, conn *sql.Conn, schema string) (f facts, err error) {
	if f.bytes, err = extent(ctx, conn, schema); err == nil {
		f.schema, err = rows(ctx, conn, "SELECT type || ' ' || name || ' ' || tbl_name FROM "+schema+".sqlite_master ORDER BY 1")
	}
	return f, err
}

// extent is the size of a database, journal and all.
func extent(ctx context.Context, conn *sql.Conn, schema string) (bytes int64, err error) {
	bytes = 1
	for _, name := range []string{"page_count", "page_size"} {
		var n int64
		if err := conn.QueryRowContext(ctx, "PRAGMA "+schema+"."+name).Scan(&n); err != nil {
			return 0, err
		}
		bytes *= n
	}
	return bytes, nil
}

// attached is the name of a copy that is being checked.
const attached = "migratingsqlite_snapshot"

// check compares a copy with what its database was, at one of several moments
// where the copy's own is not known.
func check(ctx context.Context, conn *sql.Conn, p *partial, moments ...facts) error {
	if _, err := conn.ExecContext(ctx, "ATTACH "+quoted(uri(p.Name())+"?mode=ro&immutable=1")+" AS "+attached); err != nil {
		return fmt.Errorf("the copy cannot be read: %w", err)
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "DETACH "+attached)
	f, err := factsOf(ctx, conn, attached)
	if err != nil {
		return fmt.Errorf("the copy cannot be read: %w", err)
	}
	// Of nothing SQLite makes a page.
	if len(moments) == 1 && f.bytes != moments[0].bytes && moments[0].bytes > 0 {
		return fmt.Errorf("the copy has %d bytes, and the database %d", f.bytes, moments[0].bytes)
	}
	if !slices.ContainsFunc(moments, func(m facts) bool { return slices.Equal(m.schema, f.schema) }) {
		return errors.New("the copy does not have the tables of the database, which may have changed meanwhile")
	}
	if info, err := p.Stat(); err != nil {
		return err
	} else if info.Size() != f.bytes {
		return fmt.Errorf("the copy was cut off: it has %d bytes, and should have %d", info.Size(), f.bytes)
	}
	found, err := damage(ctx, conn, attached+".quick_check")
	if len(found) == 0 && err == nil {
		return nil
	}
	before, other := damage(ctx, conn, "main.quick_check")
	switch {
	case err != nil && other != nil && err.Error() == other.Error():
		if strings.Contains(err.Error(), "malformed") {
			return err
		}
		return nil // it cannot be asked, for want of a function that a CHECK calls
	case err != nil:
		return fmt.Errorf("the copy cannot be checked: %w", err)
	case slices.ContainsFunc(found, func(f string) bool { return slices.Contains(before, f) }):
		return fmt.Errorf("database disk image is malformed: %s", strings.Join(before, "; "))
	}
	return fmt.Errorf("the copy is damaged: %s", strings.Join(found, "; "))
}

// harmless is what these checks say of rows that could not be inserted now, and of
// pages that nothing is in: a copy neither does that nor mends it.
var harmless = lazy.Regexp(`^(ok|\*\*\* in database .*|Page \d+:? (is )?never used|(NULL|non-\w+|NUMERIC|TEXT) value in .*|CHECK constraint failed in .*)$`)

// damage is what is wrong with the structure of a file, by a PRAGMA.
func damage(ctx context.Context, conn *sql.Conn, pragma string) (list []string, err error) {
	found, err := rows(ctx, conn, "PRAGMA "+pragma)
	for _, row := range found {
		for line := range strings.SplitSeq(row, "\n") {
			if !harmless().MatchString(line) && len(list) < 10 {
				list = append(list, line)
			}
		}
	}
	return list, err
}

// List returns the snapshots of a database that are in a folder, as they were
// taken. Every other file is left out: one of another name, another database's,
// one that is no database or was cut off. One that may not be read counts. A folder that does not exist has none.
func List(folder, database string) (list []Snapshot, err error) {
	names, err := namesIn(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	database = resolved(database)
	base, id := shortened(database), identity(folder, database)
	for _, name := range names {
		if !strings.HasPrefix(name, base+"-") {
			continue // ten thousand databases may share a folder, and the expression takes its time
		}
		m := nameForm().FindStringSubmatch(name)
		s := Snapshot{Path: filepath.Join(folder, name), Database: database}
		if m == nil || m[1] != base || m[4] != id || !isRegular(s.Path) {
			continue
		}
		s.Time, err = time.Parse(timeForm, m[2])
		if err != nil {
			continue
		}
		if s.Version, err = strconv.ParseInt(m[3], 10, 64); err != nil {
			continue
		}
		s.Size, err = databaseSize(s.Path)
		if info, other := os.Lstat(s.Path); other == nil && errors.Is(err, fs.ErrPermission) {
			s.Size, err = info.Size(), nil // taken by another user, for whom it is
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoDatabase) {
			continue
		} else if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Snapshot) int { return a.Time.Compare(b.Time) })
	return list, nil
}

// namesIn is what is in a folder, in no order.
func namesIn(folder string) ([]string, error) {
	f, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func isRegular(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

// IsCopy reports whether a file is called as the copies of a database are that are
// not to be opened as one: snapshots, whole or not, and what [Restore] has kept.
func IsCopy(path string) bool {
	name := filepath.Base(path)
	return sumForm().MatchString(name) || partialForm().MatchString(name)
}

var errNoDatabase = errors.New("it is not a whole SQLite database")

// databaseSize is the size of a file that is a database.
// https://www.sqlite.org/fileformat.html#the_database_header
func databaseSize(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	header := make([]byte, 100)
	if _, err := io.ReadFull(f, header); err == io.EOF || err == io.ErrUnexpectedEOF {
		return 0, errNoDatabase
	} else if err != nil {
		return 0, err
	}
	pageSize, pages := int64(binary.BigEndian.Uint16(header[16:])), int64(binary.BigEndian.Uint32(header[28:]))
	if pageSize == 1 {
		pageSize = 65536
	}
	if string(header[:16]) != "SQLite format 3\x00" || pageSize < 512 || info.Size()%pageSize != 0 || pages > 0 && pages*pageSize != info.Size() {
		return 0, errNoDatabase
	}
	return info.Size(), nil
}

// Prune removes the oldest snapshots of a database but for so many. Those of a
// version of which there is a newer one go first, so that a program that tries
// the same upgrade again and again does not push out all those of other versions.
// The newest is never removed. It returns the paths of what it has removed.
func Prune(folder, database string, keep int) (removed []string, err error) {
	list, err := List(folder, database)
	if err != nil {
		return nil, err
	}
	for len(list) > max(keep, 1) {
		i := slices.IndexFunc(list, func(s Snapshot) bool {
			newest := slices.IndexFunc(list, func(o Snapshot) bool { return o.Version == s.Version && o.Time.After(s.Time) })
			return newest >= 0
		})
		i = max(i, 0)
		if err := os.Remove(list[i].Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
		removed = append(removed, list[i].Path)
		list = slices.Delete(list, i, i+1)
	}
	return removed, nil
}

// Check reads a snapshot and finds out whether it is what was written, by the sum
// in its name. A file of another name is checked by SQLite's integrity_check.
func Check(ctx context.Context, path string) error {
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		return fmt.Errorf("%s is a pipe, and must be a file", path) // to open it would wait for a writer
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := databaseSize(path); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	m := sumForm().FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return checkForeign(ctx, path)
	}
	sum, _, err := sumOf(ctx, f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if sum != m[1] {
		return fmt.Errorf("%s is not what was written: its sum is %s; somebody has changed it, or the disk is failing", path, sum)
	}
	return nil
}

func checkForeign(ctx context.Context, path string) error {
	for _, more := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(path + more); err == nil && info.Size() > 0 {
			return fmt.Errorf("%s is not all of a database: %s belongs to it; open it and close it with sqlite3 first", path, filepath.Base(path+more))
		}
	}
	db, err := sql.Open("sqlite", readOnly(path))
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer conn.Close()
	found, err := damage(ctx, conn, "integrity_check")
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	if len(found) > 0 {
		return fmt.Errorf("%s is damaged: %s", path, strings.Join(found, "; "))
	}
	return nil
}

// readOnly is the DSN of a file that nobody writes: nothing is made beside it.
func readOnly(path string) string { return uri(resolved(path)) + "?mode=ro&immutable=1" }

// rows returns the first column of a query, as text.
func rows(ctx context.Context, conn *sql.Conn, query string) (list []string, err error) {
	r, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for r.Next() {
		var s sql.NullString
		if err := r.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s.String)
	}
	return list, r.Err()
}

// quoted is a string in SQL.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// uri names a file so that SQLite takes it to the letter.
// https://www.sqlite.org/uri.html
func uri(path string) string {
	var b strings.Builder
	b.WriteString("file:")
	path = filepath.ToSlash(path)
	if strings.HasPrefix(path, "/") {
		b.WriteString("//") // an empty authority
	} else if filepath.VolumeName(path) != "" {
		b.WriteString("///")
	}
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("/:._-~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
