package migratingsqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"

	"github.com/migratingsqlite/migratingsqlite/internal/lazy"
)

// The reasons for which a connection is refused. Test for them with
// [errors.Is]; the error that is returned says which migration it is, what
// state the database is in and what to do. In all of these cases nothing was
// written.
var (
	// ErrChanged: a migration was edited after it had been applied.
	ErrChanged = errors.New("an applied migration was changed")
	// ErrMissing: an applied migration is not in the set, although newer ones are; or
	// it was squashed with others that the database has not had.
	ErrMissing = errors.New("an applied migration is missing")
	// ErrOutOfOrder: a pending migration is older than the newest applied one.
	ErrOutOfOrder = errors.New("a pending migration is out of order")
	// ErrSchemaNewer: the database has newer migrations than the set, and the
	// program may not work on with them.
	ErrSchemaNewer = errors.New("the database is newer than the program")
	// ErrUnknownSchema: the database has tables and no history, or belongs to
	// another application.
	ErrUnknownSchema = errors.New("the database's schema is not known")
	// ErrPending: migrations are pending and must not be applied here.
	ErrPending = errors.New("migrations are pending")
	// ErrLocked: other connections held the database for longer than
	// _migrate_timeout.
	ErrLocked = errors.New("the database is locked")
	// ErrNoDown: a migration that [Migrator.PlanDown] would undo has no way back.
	ErrNoDown = errors.New("a migration cannot be undone")
	// ErrMalformed: a set cannot be loaded.
	ErrMalformed = errors.New("the migrations are malformed")
)

var (
	errNoName   = errors.New("the DSN is empty; name a database, such as file:app.db")
	errEmptyDSN = fmt.Errorf("migratingsqlite: %w", errNoName)
	errClosed   = errors.New("the database was closed")
)

// A MigrationError says which migration failed, and where. Err is the cause:
// for a failed statement, the error of the wrapped driver.
type MigrationError struct {
	Set          string
	Version      int64  // 0 for a repeatable migration
	Name         string // without the version
	File         string // path in the set's file system, "" for a Func; "down_sql of 0007_add_prefs" if the script is from the database
	Line, Column int    // where the statement begins, from 1; the column in bytes; 0 where there is no statement
	Statement    string // its text; not part of Error(), since it may hold data
	Down         bool   // it failed while it was undone
	Err          error
}

// Error returns "migration 0007_add_prefs failed at
// migrations/0007_add_prefs.sql:12:1: duplicate column name: prefs".
func (e *MigrationError) Error() string {
	verb := "failed"
	if errors.Is(e.Err, ErrMalformed) {
		verb = "is refused"
	}
	var at strings.Builder
	if e.File != "" {
		at.WriteString(" at " + e.File)
		if e.Line > 0 {
			fmt.Fprintf(&at, ":%d:%d", e.Line, e.Column)
		}
	}
	what := "migration"
	if e.Down {
		what = "undoing migration"
	}
	return fmt.Sprintf("%s %s %s%s: %s", what, label(e.Version, e.Name), verb, at.String(), causeText(e.Err))
}

// Unwrap returns the cause.
func (e *MigrationError) Unwrap() error { return e.Err }

// constraintForm is how modernc.org/sqlite says "UNIQUE constraint failed: t.x".
var constraintForm = lazy.Regexp(`(?s)^constraint failed: (.*) \(\d+\)$`)

// causeText is an error's text without what modernc.org/sqlite puts around every
// message of the codes SQLITE_ERROR and SQLITE_CONSTRAINT, and without a string
// that a syntax error quotes: it is data, and errors end up in logs.
func causeText(err error) string {
	text := err.Error()
	switch sqliteCode(err) {
	case sqliteConstraint:
		text = constraintForm().ReplaceAllString(text, "$1")
	case sqliteError:
		text = strings.TrimSuffix(strings.TrimPrefix(text, "SQL logic error: "), " (1)")
		const syntax = `": syntax error`
		if rest, ok := strings.CutPrefix(text, `near "'`); ok && strings.HasSuffix(rest, syntax) {
			return "near a string: syntax error"
		}
	}
	return text
}

// malformedScript marks what a script's check found, so that it matches
// ErrMalformed and reads as found.
type malformedScript struct{ error }

func (malformedScript) Is(target error) bool { return target == ErrMalformed }

// malformedSet is the error of Load.
func malformedSet(name string, err error) error {
	return &refusal{ErrMalformed, err, fmt.Sprintf("set %s: %v", name, err)}
}

// refusal is an error with a text of its own that matches one of the sentinels.
type refusal struct {
	is    error
	cause error // may be nil
	text  string
}

func (r *refusal) Error() string { return r.text }

func (r *refusal) Unwrap() []error {
	if r.cause == nil {
		return []error{r.is}
	}
	return []error{r.is, r.cause}
}

func refuse(is error, format string, args ...any) error {
	return &refusal{is: is, text: fmt.Sprintf(format, args...)}
}

// all is several refusals, in one line.
type all []error

func (a all) Error() string {
	texts := make([]string, len(a))
	for i, err := range a {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; also, ")
}

func (a all) Unwrap() []error { return a }

// join is errors.Join in one line.
func join(errs []error) error {
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return all(errs)
}

// Primary result codes of SQLite. https://www.sqlite.org/rescode.html
const (
	sqliteError      = 1
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteReadOnly   = 8
	sqliteIOErr      = 10
	sqliteCorrupt    = 11
	sqliteFull       = 13
	sqliteCantOpen   = 14
	sqliteProtocol   = 15
	sqliteConstraint = 19
	sqliteNotADB     = 26
)

// hint says what to do about an error that does not say it by itself. The path is
// the database's, "" if it is not known.
func hint(err error, path string) string {
	switch sqliteCode(err) {
	case sqliteReadOnly:
		var m *MigrationError
		if !errors.Is(err, ErrPending) && !errors.As(err, &m) {
			return "; may this program write to the database's folder? A write-ahead log needs that even for reading"
		}
	case sqliteFull:
		return "; make room on the disk, then open it again"
	case sqliteIOErr:
		return "; see whether the disk is full or failing, then open it again"
	case sqliteCantOpen:
		return whyNotOpened(path)
	case sqliteNotADB:
		return "; it is another kind of file, or encrypted, and was not touched"
	case sqliteCorrupt:
		return "; the file is damaged: restore a backup, or see https://www.sqlite.org/recovery.html"
	}
	return ""
}

func whyNotOpened(path string) string {
	if path == "" {
		return "; does its folder exist, and may this program write there?"
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "; it is a folder: name a file"
	}
	if folder := filepath.Dir(path); !exists(folder) {
		return "; there is no folder " + folder
	}
	return "; may this program read it, and write to its folder?"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// sqliteCode returns the primary result code behind an error, 0 if there is
// none to be found. For other drivers than modernc.org/sqlite, whose error
// types this package does not import, it reads the text; nothing else does.
func sqliteCode(err error) int {
	var e interface{ Code() int }
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return 0
	}
	text := err.Error()
	for _, t := range codeTexts {
		if strings.Contains(text, t.text) {
			return t.code
		}
	}
	return 0
}

// codeTexts are SQLite's own texts, which every driver passes on.
var codeTexts = []struct {
	text string
	code int
}{
	{"database is locked", sqliteBusy},
	{"table is locked", sqliteLocked},
	{"schema is locked", sqliteLocked},
	{"locking protocol", sqliteProtocol},
	{"readonly database", sqliteReadOnly},
	{"disk I/O error", sqliteIOErr},
	{"disk image is malformed", sqliteCorrupt},
	{"disk is full", sqliteFull},
	{"unable to open database file", sqliteCantOpen},
	{"file is not a database", sqliteNotADB},
	{"foreign key mismatch", sqliteError},
}

// readOnlyText says what cannot be written.
func readOnlyText(err error) string {
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code() == 1544 { // SQLITE_READONLY_DIRECTORY
		return "the folder of the database is read-only"
	}
	return "the database is read-only"
}

// isBusy reports whether another connection is in the way, so that the same
// call can go well later.
func isBusy(err error) bool {
	switch sqliteCode(err) {
	case sqliteBusy, sqliteLocked, sqliteProtocol:
		return true
	}
	return false
}
