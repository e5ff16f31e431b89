package migratecli

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
)

// A sandbox is a database, apart from all others, on which migrations are tried.
type sandbox struct {
	tool      *tool
	dsn, path string
}

// scratch is a sandbox of SQLite, for files that need not outlive a crash.
func scratch(path string) *sandbox { return (&tool{}).sandbox("").at(path) }

// sandbox is one for files of the engine that a DSN is for. The first is made by
// [sandbox.at].
func (t *tool) sandbox(dsn string) *sandbox {
	if otherEngine(dsn) {
		return &sandbox{tool: t, dsn: "libsql:"}
	}
	return &sandbox{tool: t, dsn: "?_pragma=synchronous(0)"}
}

// at is another file to try the same on.
func (b *sandbox) at(path string) *sandbox { return &sandbox{b.tool, elsewhere(b.dsn, path), path} }

// migrator opens the sandbox for some sets, up to a version; 0 is the newest.
func (b *sandbox) migrator(to int64, sets ...*migratingsqlite.Set) (*migratingsqlite.Migrator, error) {
	opts := []migratingsqlite.Option{migratingsqlite.WithMode("on"), migratingsqlite.WithSet(sets...), migratingsqlite.WithTrace("off"),
		migratingsqlite.WithBackup("")}
	if to > 0 {
		opts = append(opts, migratingsqlite.WithTo(to))
	}
	m, err := b.tool.migrator(b.dsn, opts...)
	return m, b.clean(err)
}

// up upgrades the sandbox and says how long that took.
func (b *sandbox) up(ctx context.Context, to int64, sets ...*migratingsqlite.Set) (*migratingsqlite.Result, time.Duration, error) {
	m, err := b.migrator(to, sets...)
	if err != nil {
		return nil, 0, err
	}
	defer m.Close()
	start := time.Now()
	done, err := m.Up(ctx)
	return done, time.Since(start), b.clean(err)
}

// made makes another file of the same: with the earlier sets, and the set up to a
// version, where 0 is nothing of it.
func (b *sandbox) made(ctx context.Context, path string, earlier []*migratingsqlite.Set, set *migratingsqlite.Set, version int64) (*sandbox, error) {
	b = b.at(path)
	for _, s := range earlier {
		if _, _, err := b.up(ctx, 0, s); err != nil {
			return nil, err
		}
	}
	if version == 0 {
		return b, nil
	}
	_, _, err := b.up(ctx, version, set)
	return b, err
}

// downTo undoes what is above a version.
func (b *sandbox) downTo(ctx context.Context, version int64, set *migratingsqlite.Set) (undone bool, err error) {
	m, err := b.migrator(0, set)
	if err != nil {
		return false, err
	}
	defer m.Close()
	p, err := m.PlanDown(ctx, version)
	if err == nil {
		_, err = m.Down(ctx, p)
	}
	return err == nil, b.clean(err)
}

// open opens the sandbox to look at it, through its own engine.
func (b *sandbox) open() (*sql.DB, error) {
	c, err := migratingsqlite.NewConnector(b.dsn, append(slices.Clone(b.tool.opts), migratingsqlite.WithMode("off"))...)
	if err != nil {
		return nil, b.clean(err)
	}
	return sql.OpenDB(c), nil
}

// ask returns the rows of a query.
func (b *sandbox) ask(ctx context.Context, query string) (list [][]string, err error) {
	db, err := b.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := engine.Rows(ctx, db, query)
	for _, row := range rows {
		texts := make([]string, len(row))
		for i, v := range row {
			texts[i] = fmt.Sprint(v)
		}
		list = append(list, texts)
	}
	return list, b.clean(err)
}

// integrity is what PRAGMA integrity_check finds, nothing if all is well.
func (b *sandbox) integrity(ctx context.Context) (found []string) {
	rows, err := b.ask(ctx, "PRAGMA integrity_check(10)")
	for _, r := range rows {
		if r[0] != "ok" {
			found = append(found, "integrity_check: "+r[0])
		}
	}
	if err != nil {
		found = append(found, "integrity_check: "+err.Error())
	}
	return found
}

// structure reads the text of what there is, and, unless it is the expected one, the
// structure, which takes longer.
func (b *sandbox) structure(ctx context.Context, expected string) (s *schema.Schema, text string, err error) {
	db, err := b.open()
	if err != nil {
		return nil, "", err
	}
	defer db.Close()
	if text, err = schemaText(ctx, db); err == nil && (text != expected || text == "") {
		s, err = schema.Of(ctx, db)
	}
	return s, text, err
}

// schemaText returns the statements that SQLite keeps of all that there is.
func schemaText(ctx context.Context, db engine.Queryer) (string, error) {
	rows, err := engine.Rows(ctx, db, `SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'
		AND name NOT LIKE 'migratingsqlite\_%' ESCAPE '\' ORDER BY 1, 2`)
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintln(&b, row)
	}
	return b.String(), err
}

// size is that of the file and what belongs to it.
func (b *sandbox) size() (n int64) {
	for _, suffix := range []string{"", "-wal", "-journal"} {
		if info, err := os.Stat(b.path + suffix); err == nil {
			n += info.Size()
		}
	}
	return n
}

// watch looks how large the file grows until it is stopped.
func (b *sandbox) watch() (stop func() (peak int64)) {
	done, peak := make(chan struct{}), make(chan int64)
	go func() {
		largest := b.size()
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				largest = max(largest, b.size())
			case <-done:
				peak <- max(largest, b.size())
				return
			}
		}
	}()
	return func() int64 { close(done); return <-peak }
}

// remove removes a temporary database.
func (b *sandbox) remove() {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		os.Remove(b.path + suffix)
	}
}

// clean makes an error one of the copy, which has a path that says nothing.
func (b *sandbox) clean(err error) error {
	if err == nil {
		return nil
	}
	text := strings.TrimPrefix(err.Error(), "migratingsqlite: ")
	for _, name := range []string{b.path, strings.TrimPrefix(fileDSN(b.path), "file:")} {
		text = strings.ReplaceAll(strings.TrimPrefix(text, name+": "), name, "the copy")
	}
	return &reworded{err, text}
}

// upTo upgrades a temporary database; 0 is the newest version.
func upTo(ctx context.Context, path string, set *migratingsqlite.Set, version int64) error {
	_, _, err := scratch(path).up(ctx, version, set)
	return err
}

// replayed lends a new database that was upgraded to a version, 0 for the newest.
func replayed(ctx context.Context, set *migratingsqlite.Set, to int64, do func(*sql.DB) error) error {
	dir, err := os.MkdirTemp("", "migratingsqlite")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "replay.db")
	if err := upTo(ctx, path, set, to); err != nil {
		return fmt.Errorf("on an empty database: %w", err)
	}
	db, err := sql.Open("sqlite", fileDSN(path))
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}

// replay applies a set to a new database as an open does, from a version on one by
// one, and calls look after each of these and after what was before them, which
// has no version. The repeatable migrations come with the newest.
func replay(ctx context.Context, set *migratingsqlite.Set, from int64, look func(m migratingsqlite.Migration, db *sql.DB) error) error {
	dir, err := os.MkdirTemp("", "migratingsqlite")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "replay.db")
	db, err := sql.Open("sqlite", fileDSN(path))
	if err != nil {
		return err
	}
	defer db.Close()
	try := func(m migratingsqlite.Migration, version int64) error {
		var err error
		if version > 0 {
			err = upTo(ctx, path, set, version)
		}
		if err == nil {
			err = look(m, db)
		}
		if err != nil {
			return fmt.Errorf("on an empty database: %w", err)
		}
		return nil
	}
	below := int64(0)
	for _, m := range set.Migrations() {
		if m.Version > 0 && m.Version < from {
			below = m.Version
		}
	}
	if err := try(migratingsqlite.Migration{}, below); err != nil {
		return err
	}
	for _, m := range set.Migrations() {
		if m.Version > below {
			if err := try(m, m.Version); err != nil {
				return err
			}
		}
	}
	return nil
}
