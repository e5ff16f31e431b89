package migratecli

import (
	"database/sql"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// migrator opens the database that a DSN names. Options that a command adds come
// behind the program's own. It may be called from several goroutines once the
// sets are known.
func (t *tool) migrator(dsn string, more ...migratingsqlite.Option) (*migratingsqlite.Migrator, error) {
	opts := slices.Concat([]migratingsqlite.Option{migratingsqlite.WithLogger(slog.New(slog.DiscardHandler))}, t.opts, more)
	return migratingsqlite.NewMigrator(dsn, opts...)
}

// databaseError is an error of one database.
type databaseError struct {
	name string
	err  error
}

func (e *databaseError) Error() string { return e.err.Error() }

func (e *databaseError) Unwrap() error { return e.err }

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
