package migratecli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/lint"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// tryOut applies a set to an empty database, step by step, and undoes what it can
// from a version on, for the rules to look at the structures. The note says why it
// could not be tried to its end where that need not be a mistake. What other sets
// make is there before. The DSN says which engine it is for.
func (t *tool) tryOut(ctx context.Context, dsn string, earlier []*migratingsqlite.Set, set *migratingsqlite.Set, s *lint.Set, from int64) (note string, err error) {
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
	tr := &attempt{sandbox: t.sandbox(dsn), earlier: earlier, set: set, lint: s, dir: dir, from: from}
	if note, err = tr.up(ctx); err != nil {
		return "", err
	}
	return note, tr.down(ctx)
}

// An attempt is a set on databases of its own.
type attempt struct {
	sandbox *sandbox
	earlier []*migratingsqlite.Set
	set     *migratingsqlite.Set
	lint    *lint.Set
	dir     string
	from    int64
	n       int // databases so far

	// What there is after each migration, by place in the set, as far as it got. To
	// read a structure takes longer than most migrations, so that it is done only for
	// those that a rule asks about.
	texts []string // as SQLite keeps them
	after []*schema.Schema
	// And before all of them.
	text   string
	before *schema.Schema
}

// hasWayBack reports whether the migration at the place is to be undone, and can
// perhaps be.
func (tr *attempt) hasWayBack(i int) bool {
	m := tr.set.Migrations()[i]
	return m.Version > 0 && m.Version >= tr.from && (m.DownFile() != "" || m.File == "")
}

func (tr *attempt) up(ctx context.Context) (note string, err error) {
	b, err := tr.at(ctx, 0)
	if err != nil {
		return "", err
	}
	db, err := b.open()
	if err != nil {
		return "", err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // for the PRAGMA
	list := tr.set.Migrations()
	newest := 0
	for i, m := range list {
		if m.Version > 0 {
			newest = i
		}
	}
	if tr.before, err = schema.Of(ctx, db); err == nil {
		tr.text, err = schemaText(ctx, db)
	}
	if err != nil {
		return "", err
	}
	before := tr.before
	for i, m := range list {
		l := &tr.lint.Migrations[i]
		wanted := i >= newest || l.Asks() || tr.lint.Migrations[i+1].Asks()
		after, text := (*schema.Schema)(nil), ""
		switch {
		case i > newest: // repeatable migrations are applied with the newest
			after = before
		case wanted || tr.hasWayBack(i) || tr.hasWayBack(i+1):
			if _, _, err := b.up(ctx, m.Version, tr.set); err != nil {
				return tr.failed(ctx, "MS601", m, m.File, err)
			}
			if text, err = schemaText(ctx, db); err == nil && wanted {
				after, err = schema.Of(ctx, db)
			}
			if err != nil {
				return "", err
			}
		}
		l.Before, l.After = before, after
		tr.texts, tr.after, before = append(tr.texts, text), append(tr.after, after), after
	}
	if _, err := db.ExecContext(ctx, "PRAGMA foreign_keys = ON"); err != nil {
		return "", err
	}
	for _, p := range lint.Probes(before) {
		if _, err := engine.Rows(ctx, db, p.SQL); err != nil {
			tr.lint.Unusable = append(tr.lint.Unusable, lint.Unusable{Kind: p.Kind, Name: p.Name, Err: err.Error()})
		}
	}
	return "", ctx.Err()
}

// failed makes a finding of a migration that does not run. What SQLite does not
// know a program may have registered.
func (tr *attempt) failed(ctx context.Context, code string, m migratingsqlite.Migration, file string, err error) (note string, _ error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	f := lint.Finding{Code: code, Version: m.Version, File: file, Line: 1, Column: 1, Message: reason(err)}
	var at *migratingsqlite.MigrationError
	if errors.As(err, &at) {
		f.Version, f.Message = at.Version, reason(at.Err)
		if at.File != "" {
			f.File = at.File
		}
		if at.Line > 0 {
			f.Line, f.Column = at.Line, at.Column
		}
	}
	if f.File == "" { // a function
		f.Line, f.Column, f.Message = 0, 0, fmt.Sprintf("%s: %s", m, f.Message)
	}
	if lint.OfProgram(f.Message) {
		return fmt.Sprintf("%s could not be tried here, and what follows was not: %s, which the program may register", f.File, f.Message), nil
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
	var b *sandbox
	var err error
	at := int64(-1) // the version of the database there
	for i := len(tr.after) - 1; i >= 0; i-- {
		m, l := list[i], &tr.lint.Migrations[i]
		if !tr.hasWayBack(i) {
			continue
		}
		to, text := int64(0), tr.text
		if i > 0 {
			to, text = list[i-1].Version, tr.texts[i-1]
		}
		if at != m.Version {
			if b, err = tr.at(ctx, m.Version); err != nil {
				return err
			}
		}
		at = -1
		undone, err := b.downTo(ctx, to, tr.set)
		switch {
		case errors.Is(err, migratingsqlite.ErrNoDown): // a function without one
			continue
		case err != nil:
			if _, err := tr.failed(ctx, "MS605", m, m.DownFile(), err); err != nil {
				return err
			}
			l.Undoes = true
			continue
		}
		l.Undoes = undone
		differences, err := tr.differences(ctx, b, text, i-1)
		if err != nil {
			return err
		}
		if len(differences) == 0 {
			at = to
			continue
		}
		tr.lint.Found = append(tr.lint.Found, leadsElsewhere(m, l, to, differences))
	}
	return nil
}

// at makes a database that is at a version.
func (tr *attempt) at(ctx context.Context, version int64) (*sandbox, error) {
	tr.n++
	return tr.sandbox.made(ctx, filepath.Join(tr.dir, fmt.Sprintf("%d.db", tr.n)), tr.earlier, tr.set, version)
}

// differences compares a database with what there is after the migration at a
// place, which is -1 for what there was before the set.
func (tr *attempt) differences(ctx context.Context, b *sandbox, text string, place int) (list []string, err error) {
	have, now, err := b.structure(ctx, text)
	if err != nil || now == text {
		return nil, err
	}
	want := tr.before
	if place >= 0 {
		if want = tr.after[place]; want == nil {
			other, err := tr.at(ctx, tr.set.Migrations()[place].Version)
			if err != nil {
				return nil, err
			}
			if want, _, err = other.structure(ctx, "?"); err != nil {
				return nil, err
			}
		}
	}
	for _, d := range schema.Diff(have, want) {
		if d.Kind != schema.OrderOnly {
			list = append(list, d.Text)
		}
	}
	return list, nil
}

// leadsElsewhere says what is not as it was, at the first statement of the way
// back.
func leadsElsewhere(m migratingsqlite.Migration, l *lint.Migration, to int64, texts []string) lint.Finding {
	f := lint.Finding{Code: "MS606", Version: m.Version, File: m.DownFile(), Line: 1, Column: 1}
	if l.Down != nil {
		if statements, _ := script.Split(l.Down.Text); len(statements) > 0 {
			f.Line, f.Column = statements[0].Line, statements[0].Column
		}
	}
	const shown = 3
	more := ""
	if n := len(texts) - shown; n > 0 {
		texts, more = texts[:shown], fmt.Sprintf("; and %s more", count(n, "difference"))
	}
	was := fmt.Sprintf("of version %d", to)
	if to == 0 {
		was = "before the first migration"
	}
	f.Message = fmt.Sprintf("behind it the structure is not that %s: %s%s", was, strings.Join(texts, "; "), more)
	return f
}
