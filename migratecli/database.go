package migratecli

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// defaultSet is the name of a set where nothing else says one.
const defaultSet = "app"

// migrator opens the database that a DSN names. Options that a command adds come
// behind the program's own. It may be called from several goroutines once the
// sets are known.
func (t *tool) migrator(dsn string, more ...migratingsqlite.Option) (*migratingsqlite.Migrator, error) {
	opts := slices.Concat([]migratingsqlite.Option{migratingsqlite.WithLogger(slog.New(slog.DiscardHandler))}, t.opts, more)
	return migratingsqlite.NewMigrator(dsn, opts...)
}

// findSet loads the migrations. The first history that is met says what the set is
// called; a fleet is of one program. If there is but one database, and it cannot
// be read, that is the error.
func (t *tool) findSet(ctx context.Context, dsns ...string) error {
	if t.embedded {
		return nil
	}
	name := cmp.Or(t.set, defaultSet)
	if t.anySet {
		return t.loadNone()
	}
	if err := t.load(name); err != nil || t.set != "" {
		return err
	}
	for _, dsn := range dsns[:min(len(dsns), 10)] {
		found, err := t.setName(ctx, dsn)
		switch {
		case err != nil && len(dsns) == 1:
			return err
		case err != nil || found == "": // said of this database, and the others may do
			continue
		case found != name:
			err = t.load(found)
		}
		t.set = found
		return err
	}
	return nil
}

// setName returns the name of the only set that a database has a history of, ""
// if there is none. An attempt that failed may have been one with the wrong name.
// Its errors are [*databaseError]s.
func (t *tool) setName(ctx context.Context, dsn string) (name string, err error) {
	m, err := t.migrator(dsn)
	if err != nil {
		return "", &databaseError{t.name(dsn), err}
	}
	defer m.Close()
	history, err := m.History(ctx)
	if err != nil {
		return "", &databaseError{m.Database(), err}
	}
	for _, r := range history {
		if r.Status == "failed" {
			continue
		}
		if name != "" && name != r.Set {
			return defaultSet, nil // a refusal will name them
		}
		name = r.Set
	}
	return name, nil
}

// databaseError is an error of one database.
type databaseError struct {
	name string
	err  error
}

func (e *databaseError) Error() string { return e.err.Error() }
func (e *databaseError) Unwrap() error { return e.err }

// load loads the migrations from the folder under a name.
func (t *tool) load(name string) error {
	dir, err := t.folder()
	if err != nil {
		return err
	}
	var opts []migratingsqlite.SetOption
	if t.layout != "" {
		opts = append(opts, migratingsqlite.Layout(t.layout))
	}
	set, err := migratingsqlite.Load(name, os.DirFS(dir), opts...)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, inFlags(err))
	}
	t.opts = []migratingsqlite.Option{migratingsqlite.WithSet(set)}
	return nil
}

// inFlags is an error about a folder in the words of a person who writes no Go.
func inFlags(err error) error {
	if text := flagWords(err.Error()); text != err.Error() {
		return &reworded{err, text}
	}
	return err
}

func flagWords(text string) string {
	return strings.NewReplacer(
		"name one with Dir", "name one with --dir",
		"say whose with Layout", "say whose with --layout",
		"is the go:embed pattern right?", "name another folder with --dir, or begin with new",
	).Replace(layoutForm.ReplaceAllString(text, "--layout $1"))
}

// layoutForm is how a program says whose folder it is.
var layoutForm = regexp.MustCompile(`Layout\("([^"]+)"\)( or _migrate_layout=\S+)?`)

// reworded is an error with another text.
type reworded struct {
	error
	text string
}

func (r *reworded) Error() string { return r.text }
func (r *reworded) Unwrap() error { return r.error }

// loadNone is load for a command that does not look at the migrations, and works
// without the folder.
func (t *tool) loadNone() error {
	set, err := migratingsqlite.Load(defaultSet, nil, migratingsqlite.Func(1, "none", func(context.Context, migratingsqlite.Tx) error { return nil }, nil))
	t.opts = []migratingsqlite.Option{migratingsqlite.WithSet(set)}
	return err
}

// folder returns the folder with the migrations.
func (t *tool) folder() (string, error) {
	if t.dir != "" {
		info, err := os.Stat(t.dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("--dir %s: there is no such folder", t.dir)
		case err != nil:
			return "", fmt.Errorf("--dir: %w", err)
		case !info.IsDir():
			return "", fmt.Errorf("--dir %s: that is a file; name the folder that it is in", t.dir)
		}
		return t.dir, nil
	}
	for _, dir := range []string{"migrations", "db/migrations"} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	return ".", nil
}

// reader opens the database of a migrator for reading. Unlike the DSN itself it
// creates no file, and runs no PRAGMA that may write. A file that is missing has
// none.
func (t *tool) reader(m *migratingsqlite.Migrator, dsn string) (*sql.DB, error) {
	if m.Path() != "" {
		if _, err := os.Stat(m.Path()); err != nil {
			return nil, nil
		}
	}
	if m.Path() == "" || otherEngine(dsn) {
		c, err := migratingsqlite.NewConnector(dsn, append(slices.Clone(t.opts), migratingsqlite.WithMode("off"))...)
		if err != nil {
			return nil, err
		}
		return sql.OpenDB(c), nil
	}
	mode, params := "mode=rw", []string{"_pragma=busy_timeout(5000)"}
	for _, p := range parameters(dsn) {
		switch {
		case p == "mode=ro":
			mode = p
		case !strings.HasPrefix(p, "_") && !strings.HasPrefix(p, "mode="):
			params = append(params, p)
		}
	}
	if info, err := os.Stat(m.Path() + "-wal"); err == nil && info.Size() > 0 {
		mode = "mode=ro" // to close it would move the log into the database
	}
	return sql.Open("sqlite", fileDSN(m.Path(), append(params, mode)...))
}

// otherEngine reports whether a DSN is for another engine than modernc.org/sqlite.
func otherEngine(dsn string) bool {
	scheme, _, _ := strings.Cut(dsn, ":")
	return engine.Lookup(scheme) != nil
}

// elsewhere is the DSN for another file of the same engine. What says how the file
// is opened, or what is done about which migrations, is left out.
func elsewhere(dsn, path string) string {
	other := otherEngine(dsn)
	var keep []string
	for _, p := range parameters(dsn) {
		key, _, _ := strings.Cut(p, "=")
		switch key {
		case "_migrate", "_migrate_set", "_migrate_layout", "_migrate_backup", "_migrate_backup_keep":
			continue
		}
		if other || strings.HasPrefix(key, "_") {
			keep = append(keep, p)
		}
	}
	if other {
		scheme, _, _ := strings.Cut(dsn, ":")
		return scheme + ":" + strings.TrimPrefix(fileDSN(path, keep...), "file:")
	}
	return fileDSN(path, keep...)
}

// parameters are those of a DSN.
func parameters(dsn string) []string {
	if i := strings.IndexByte(dsn, '?'); i > 0 && i < len(dsn)-1 {
		return strings.Split(dsn[i+1:], "&")
	}
	return nil
}

// fileDSN names a file whatever it is called.
func fileDSN(path string, params ...string) string {
	dsn := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	if len(params) > 0 {
		dsn += "?" + strings.Join(params, "&")
	}
	return dsn
}
