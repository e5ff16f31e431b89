package migratecli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/lint"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// tried applies a set to an empty database, step by step, and undoes it, for the
// rules to look at the structures. The note says why it could not be tried to its
// end where that need not be a mistake.
func (t *tool) tried(ctx context.Context, set *migratingsqlite.Set, s *lint.Set) (note string, err error) {
	for _, m := range set.Migrations() {
		l := lint.Migration{Version: m.Version, Name: m.Name}
		up, down, err := m.SQL()
		if err != nil {
			return "", err
		}
		if m.File != "" {
			l.Up = &lint.Script{File: m.File, Text: up}
		}
		if m.DownFile() != "" {
			l.Down = &lint.Script{File: m.DownFile(), Text: down}
		}
		s.Migrations = append(s.Migrations, l)
	}
	dir, err := os.MkdirTemp("", "migratingsqlite")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	tr := &attempt{set: set, lint: s, dir: dir}
	if note, err = tr.up(ctx); err != nil {
		return "", err
	}
	return note, tr.down(ctx)
}

// An attempt is a set on databases of its own.
type attempt struct {
	set  *migratingsqlite.Set
	lint *lint.Set
	dir  string
	n    int // databases so far

	after []*schema.Schema // by place in the set, as far as it got
}

func (tr *attempt) up(ctx context.Context) (note string, err error) {
	path := filepath.Join(tr.dir, "up.db")
	db, err := sql.Open("sqlite", fileDSN(path, "_pragma=foreign_keys(1)"))
	if err != nil {
		return "", err
	}
	defer db.Close()
	before := &schema.Schema{}
	for i, m := range tr.set.Migrations() {
		l := &tr.lint.Migrations[i]
		if m.Version > 0 {
			if err := upTo(ctx, path, tr.set, m.Version); err != nil {
				return tr.failed("MS601", m, m.File, err, ctx)
			}
		}
		after, err := schema.Of(ctx, db)
		if err != nil {
			return "", err
		}
		l.Before, l.After = before, after
		tr.after, before = append(tr.after, after), after
	}
	for _, p := range lint.Probes(before) {
		if _, err := all(ctx, db, p.SQL); err != nil {
			tr.lint.Unusable = append(tr.lint.Unusable, lint.Unusable{Kind: p.Kind, Name: p.Name, Err: err.Error()})
		}
	}
	return "", ctx.Err()
}

// failed makes a finding of a migration that does not run. What SQLite does not
// know a program may have registered.
func (tr *attempt) failed(code string, m migratingsqlite.Migration, file string, err error, ctx context.Context) (note string, _ error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	f := lint.Finding{Code: code, Version: m.Version, File: file, Line: 1, Column: 1, Message: reason(err)}
	var at *migratingsqlite.MigrationError
	if errors.As(err, &at) {
		f.Message = reason(at.Err)
		if at.File != "" {
			f.File = at.File
		}
		if at.Line > 0 {
			f.Line, f.Column = at.Line, at.Column
		}
	}
	if lint.OfProgram(f.Message) {
		return fmt.Sprintf("%s could not be tried here, and what follows was not: %s, which the program may register", m, f.Message), nil
	}
	tr.lint.Found = append(tr.lint.Found, f)
	return "", nil
}

// reason leaves of an error what SQLite says.
func reason(err error) string {
	s := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "SQL logic error: "), "constraint failed: ")
	if i := strings.LastIndex(s, " ("); i > 0 && strings.HasSuffix(s, ")") && strings.Trim(s[i+2:len(s)-1], "0123456789") == "" {
		s = s[:i]
	}
	return s
}

// down undoes every migration that can be undone, newest first, and looks whether
// the structure is what it was. Behind one that does not lead back, and where
// there is no way back, it begins again with a new database.
func (tr *attempt) down(ctx context.Context) error {
	list := tr.set.Migrations()
	var path string
	at := int64(-1) // the version of the database there
	for i := len(tr.after) - 1; i >= 0; i-- {
		m, l := list[i], &tr.lint.Migrations[i]
		if m.Version == 0 || m.File != "" && l.Down == nil {
			continue
		}
		to, before := int64(0), &schema.Schema{}
		if i > 0 {
			to, before = list[i-1].Version, tr.after[i-1]
		}
		if at != m.Version {
			tr.n++
			path = filepath.Join(tr.dir, fmt.Sprintf("down%d.db", tr.n))
			if err := upTo(ctx, path, tr.set, m.Version); err != nil {
				return err
			}
		}
		at = -1
		undone, err := downTo(ctx, path, tr.set, to)
		switch {
		case errors.Is(err, migratingsqlite.ErrNoDown): // a function without one
			continue
		case err != nil:
			if _, err := tr.failed("MS605", m, m.DownFile(), err, ctx); err != nil {
				return err
			}
			l.Undoes = true
			continue
		}
		l.Undoes = undone
		now, err := tr.look(ctx, path)
		if err != nil {
			return err
		}
		if now.Equal(before) {
			at = to
			continue
		}
		tr.lint.Found = append(tr.lint.Found, leadsElsewhere(m, l, to, schema.Diff(now, before)))
	}
	return nil
}

// downTo undoes what is above a version.
func downTo(ctx context.Context, path string, set *migratingsqlite.Set, version int64) (undone bool, err error) {
	m, err := temporary(path, set)
	if err != nil {
		return false, err
	}
	defer m.Close()
	p, err := m.PlanDown(ctx, version)
	if err != nil {
		return false, err
	}
	_, err = m.Down(ctx, p)
	return err == nil, err
}

func (tr *attempt) look(ctx context.Context, path string) (*schema.Schema, error) {
	db, err := sql.Open("sqlite", fileDSN(path))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return schema.Of(ctx, db)
}

// leadsElsewhere says what is not as it was, at the first statement of the way
// back.
func leadsElsewhere(m migratingsqlite.Migration, l *lint.Migration, to int64, differences []schema.Difference) lint.Finding {
	f := lint.Finding{Code: "MS606", Version: m.Version, File: m.DownFile(), Line: 1, Column: 1}
	if l.Down != nil {
		if statements, _ := script.Split(l.Down.Text); len(statements) > 0 {
			f.Line, f.Column = statements[0].Line, statements[0].Column
		}
	}
	var texts []string
	for _, d := range differences {
		if d.Kind != schema.OrderOnly {
			texts = append(texts, d.Text)
		}
	}
	const shown = 3
	more := ""
	if n := len(texts) - shown; n > 0 {
		texts, more = texts[:shown], fmt.Sprintf("; and %s more", count(n, "difference"))
	}
	was := fmt.Sprintf("that of version %d", to)
	if to == 0 {
		was = "empty"
	}
	f.Message = fmt.Sprintf("behind it the structure is not %s: %s%s", was, strings.Join(texts, "; "), more)
	return f
}
