// Package lint finds what is wrong with migrations, or is likely to be: by their
// texts, and by the structures of a database before and after each of them. It
// is given both and asks no database.
//
// A rule would rather be silent than wrong: what it is not sure of it passes
// over.
package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/near"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// A Finding is one thing that a rule says.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Version  int64    `json:"version,omitempty"`  // of the migration; 0 for a repeatable one, and where it is about none
	Database string   `json:"database,omitempty"` // that it is about
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"` // line and column count from 1, the column in bytes
	Column   int      `json:"column,omitempty"`
	Message  string   `json:"message"`
	Cure     string   `json:"cure,omitempty"` // "" where the message has it
}

// A Set is migrations in the order in which they are applied.
type Set struct {
	Migrations []Migration
	Now        time.Time
	// Unusable says what of the newest structure SQLite refuses: see [Probes].
	Unusable []Unusable
	// Found are findings of the caller's own. Those without a severity get that of
	// their rule, and likewise the cure; nolint is for them, too.
	Found []Finding
}

// A Migration is one step.
type Migration struct {
	Version int64 // 0 for a repeatable one
	Name    string
	Up      *Script // nil for a function
	Down    *Script // nil if there is none
	Undoes  bool    // there is a way back that is no script
	// Before and After are the structures, nil where they are not known.
	Before, After *schema.Schema
	// Rows returns how many rows a table has in the database that the migration is
	// pending for. It is nil without a database.
	Rows func(table string) (n int64, ok bool)
}

// A Script is what of a file runs.
type Script struct {
	File string
	Text string // blanks stand in it for what does not run

	quiet []string // codes that are not wanted anywhere in it
}

// Asks reports whether a rule wants to know the structures before and behind the
// migration. What only adds to the schema is judged by its text.
func (m *Migration) Asks() bool {
	switch {
	case m.Up == nil:
		return false
	case strings.Contains(m.Up.Text, `"`), m.Down != nil && strings.Contains(m.Down.Text, `"`):
		return true
	}
	statements, _ := script.Split(m.Up.Text)
	return slices.ContainsFunc(statements, func(st script.Statement) bool {
		switch st.Kind {
		case script.CreateTable, script.CreateVirtualTable, script.CreateView, script.CreateTrigger, script.Insert, script.Update, script.Select, script.Pragma:
			return st.Effect().IfNotExists
		case script.CreateIndex:
			e := st.Effect()
			return e.IfNotExists || e.Unique
		case script.AlterTable:
			return st.Effect().Action != script.AddColumn
		}
		return true
	})
}

// Check applies all rules. The findings are sorted by place.
func Check(s *Set) []Finding {
	c := &check{set: s, made: map[string][]*statement{}, gone: map[string]*statement{}}
	for i := range s.Migrations {
		c.migrations = append(c.migrations, c.read(&s.Migrations[i]))
	}
	c.ofSet()
	for _, m := range c.migrations {
		c.ofMigration(m)
	}
	c.ofStructure()
	for _, f := range s.Found {
		c.add(f, nil)
	}
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code))
	})
	return slices.Compact(c.found)
}

// A check is a set while it is looked at.
type check struct {
	set        *Set
	migrations []*migration
	found      []Finding

	// What the statements so far have made: by "table name" and the like, the
	// statements that made it what it is. And the last statement that took a name away.
	made map[string][]*statement
	gone map[string]*statement
}

// A migration is one with its statements.
type migration struct {
	*Migration
	up, down   []*statement
	directives []script.Directive // of the up script, before its first statement
}

func (m *migration) says(word string) bool {
	return slices.ContainsFunc(m.directives, func(d script.Directive) bool { return d.Word == word })
}

func (m *migration) repeatable() bool { return m.Version == 0 }

// read splits the scripts and takes their nolint directives.
func (c *check) read(m *Migration) *migration {
	out := &migration{Migration: m}
	var directives []script.Directive
	if m.Up != nil {
		out.up, directives = c.split(m, m.Up)
	}
	for _, d := range directives {
		if d.Leading {
			out.directives = append(out.directives, d)
		}
	}
	if m.Down != nil {
		out.down, _ = c.split(m, m.Down)
	}
	return out
}

func (c *check) split(m *Migration, s *Script) (list []*statement, directives []script.Directive) {
	sc := script.NewScanner(s.Text)
	for st, ok := sc.Next(); ok; st, ok = sc.Next() {
		list = append(list, &statement{Statement: st, migration: m, script: s, effect: st.Effect(), toks: st.Tokens()})
	}
	for _, d := range sc.Directives() {
		switch d.Word {
		case script.Nolint:
			c.nolint(m, s, d, list)
		case "unless":
			if st := behind(d, list); st != nil {
				st.guarded = true
			}
		}
	}
	return list, sc.Directives()
}

// behind returns the statement that a directive stands in or before.
func behind(d script.Directive, list []*statement) *statement {
	for _, st := range list {
		line, column := st.end()
		if d.Line < line || d.Line == line && d.Column < column {
			return st
		}
	}
	return nil
}

// nolint takes a directive. Before the first statement it is for the whole file,
// like all that stands there; in the last line of a statement, or inside of it,
// for that one; else for the one behind it.
func (c *check) nolint(m *Migration, s *Script, d script.Directive, list []*statement) {
	codes, err := d.Codes()
	if err != nil {
		return // the driver refuses it
	}
	target := behind(d, list)
	for _, st := range list {
		if line, _ := st.end(); line == d.Line {
			target = st
		}
	}
	if target == nil && !d.Leading {
		c.add(Finding{Code: "MS106", Version: m.Version, File: s.File, Line: d.Line, Column: d.Column, Message: "there is no statement behind this nolint"}, nil)
	}
	for _, code := range codes {
		if RuleFor(code) == nil {
			c.add(Finding{Code: "MS106", Version: m.Version, File: s.File, Line: d.Line, Column: d.Column,
				Message: fmt.Sprintf("nolint: there is no %s; did you mean %s?", code, near.Word(code, Codes()))}, nil)
		}
		if d.Leading {
			s.quiet = append(s.quiet, code)
		} else if target != nil {
			target.quiet = append(target.quiet, code)
		}
	}
}

// add adds a finding, about a statement or, with nil, of whoever found it.
func (c *check) add(f Finding, st *statement) {
	if st != nil && st.silent(f.Code) {
		return
	}
	for _, m := range c.migrations {
		if st != nil {
			break
		}
		for _, s := range []*Script{m.Up, m.Down} {
			if s != nil && s.File == f.File && slices.Contains(s.quiet, f.Code) {
				return
			}
		}
		for _, st := range slices.Concat(m.up, m.down) {
			if st.script.File == f.File && st.Line == f.Line && st.Column == f.Column && st.silent(f.Code) {
				return
			}
		}
	}
	r := RuleFor(f.Code)
	f.Severity, f.Cure = cmp.Or(f.Severity, r.Severity), cmp.Or(f.Cure, r.Cure)
	c.found = append(c.found, f)
}

// report adds a finding about a place in a statement.
func (c *check) report(code string, st *statement, offset int, format string, args ...any) {
	f := Finding{Code: code, Version: st.migration.Version, File: st.script.File, Message: fmt.Sprintf(format, args...)}
	f.Line, f.Column = st.Position(offset)
	c.add(f, st)
}

// reportFile adds a finding about a migration as a whole.
func (c *check) reportFile(code string, m *Migration, format string, args ...any) {
	f := Finding{Code: code, Version: m.Version, Message: fmt.Sprintf(format, args...)}
	if m.Up != nil {
		f.File, f.Line, f.Column = m.Up.File, 1, 1
	}
	c.add(f, nil)
}
