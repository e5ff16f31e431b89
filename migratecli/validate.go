package migratecli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/lint"
	"github.com/migratingsqlite/migratingsqlite/internal/near"
)

// validation is what validate finds.
type validation struct {
	Findings   []lint.Finding `json:"findings"`
	Errors     int            `json:"errors"`
	Warnings   int            `json:"warnings"`
	Hidden     int            `json:"hidden"` // findings in migrations that are applied, or before --from
	Migrations int            `json:"migrations"`
	Notes      []string       `json:"notes"` // what could not be looked at
}

func (t *tool) validate() *cobra.Command {
	var strict, all, list bool
	var from int64
	var explain string
	cmd := &cobra.Command{
		Use:   "validate [DATABASE]...",
		Short: "Find mistakes in the migrations, and try them on an empty database",
		Long: `Look for mistakes in the migrations, and try them on an empty database, up and
down: what fails, what would fail where there are rows, what loses rows, what
older programs would miss. It needs no database. With one it also says whether
the folder fits it, looks at how large its tables are, and leaves out what is in
migrations that it has: these cannot be edited any more.

A comment silences a rule, before the first statement for the file, elsewhere for
the statement behind it or in its line:

    -- migratingsqlite: nolint MS301, MS302 no release has used it

The exit code is 1 if there is an error, with --strict also for a warning.
docs/lint.md has all rules.`,
		Example: "  migratingsqlite validate\n  migratingsqlite validate --strict --from 42 app.db\n  migratingsqlite validate --explain MS401",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case list:
				return t.rules(cmd, lint.Rules)
			case explain != "":
				r := lint.RuleFor(strings.ToUpper(explain))
				if r == nil {
					return usageError(cmd, "there is no rule %s; did you mean %s?", explain, near.Word(strings.ToUpper(explain), lint.Codes()))
				}
				return t.rules(cmd, []lint.Rule{*r})
			}
			r, err := t.validated(cmd, args, from, all)
			if err != nil {
				return err
			}
			err = t.say(cmd, r, func(p *printer) { r.text(p, cmd.CommandPath()) })
			if err == nil && (r.Errors > 0 || strict && r.Warnings > 0) {
				err = &exitError{exitFailed, nil}
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&strict, "strict", false, "fail for warnings, too")
	f.BoolVar(&all, "all", false, "also what is in migrations that the database has")
	f.Int64Var(&from, "from", 0, "only what is in migrations from this version on")
	f.BoolVar(&list, "list-rules", false, "list all rules")
	f.StringVar(&explain, "explain", "", "say what a rule is about: --explain MS401")
	cmd.MarkFlagsMutuallyExclusive("list-rules", "explain")
	return cmd
}

// validated looks at all sets, and at the databases if there are some.
func (t *tool) validated(cmd *cobra.Command, args []string, from int64, all bool) (*validation, error) {
	ctx := cmd.Context()
	var dsns []string
	err := error(nil)
	if len(args) > 0 {
		if dsns, err = t.targets(cmd, args); err != nil {
			return nil, err
		}
	}
	r := &validation{Findings: []lint.Finding{}, Notes: []string{}}
	dsn := cmp.Or(t.dsn, ":memory:")
	if len(dsns) > 0 {
		dsn = dsns[0]
	}
	sets, err := t.sets(ctx, dsn, len(dsns) > 0)
	if err != nil {
		if r.Findings = refusedSet(err); r.Findings == nil {
			return nil, err
		}
		r.tally(t)
		return r, nil
	}
	for i, set := range sets {
		s := &lint.Set{Now: time.Now()}
		r.Migrations += len(set.Migrations())
		note, err := t.tryOut(ctx, dsn, sets[:i], set, s, from)
		if err != nil {
			return nil, err
		}
		if note != "" {
			r.Notes = append(r.Notes, note)
		}
		databases, err := t.compared(ctx, dsns, set, s)
		if err != nil {
			return nil, err
		}
		for _, f := range lint.Check(s) {
			applied := len(databases) > 0 && !all && !slices.ContainsFunc(databases, func(d *comparison) bool { return d.pending[f.Version] })
			if f.Database == "" && f.Version > 0 && (f.Version < from || applied) {
				r.Hidden++
				continue
			}
			r.Findings = append(r.Findings, f)
		}
		for _, d := range databases {
			d.rows.close()
		}
	}
	r.tally(t)
	return r, nil
}

// refusedSet makes findings of an error of Load; nil of any other.
func refusedSet(err error) (list []lint.Finding) {
	if !errors.Is(err, migratingsqlite.ErrMalformed) {
		return nil
	}
	rule := lint.RuleFor("MS101")
	for _, err := range parts(err) {
		f := lint.Finding{Code: rule.Code, Severity: rule.Severity, Message: err.Error(), Cure: rule.Cure}
		var at *migratingsqlite.MigrationError
		if errors.As(err, &at) {
			f.Version, f.File, f.Line, f.Column, f.Message = at.Version, at.File, at.Line, at.Column, at.Err.Error()
		} else if m := placeForm.FindStringSubmatch(f.Message); m != nil {
			f.File, f.Message = m[1], m[4]
			f.Line, _ = strconv.Atoi(m[2])
			f.Column, _ = strconv.Atoi(m[3])
		}
		list = append(list, f)
	}
	return list
}

// placeForm is how errors about files begin.
var placeForm = regexp.MustCompile(`(?s)^([^:\s]+\.\w+|[^:\s]+/[^:\s]+)(?::(\d+):(\d+))?: (.*)`)

// parts takes an error that is several apart.
func parts(err error) (list []error) {
	var path *fs.PathError
	switch e := err.(type) {
	case *migratingsqlite.MigrationError:
		return []error{e}
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if err != migratingsqlite.ErrMalformed {
				list = append(list, parts(err)...)
			}
		}
		return list
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil && !errors.As(err, &path) {
			return parts(inner)
		}
	}
	return []error{err}
}

// A comparison is one database beside the set.
type comparison struct {
	pending map[int64]bool
	rows    *counter
}

// compared says how the databases fit the set, and lets the rules count their
// rows.
func (t *tool) compared(ctx context.Context, dsns []string, set *migratingsqlite.Set, s *lint.Set) (list []*comparison, err error) {
	for _, dsn := range dsns {
		d, err := t.compare(ctx, dsn, set, s)
		if err != nil {
			return nil, &databaseError{t.name(dsn), err}
		}
		list = append(list, d)
	}
	for i := range s.Migrations {
		m := &s.Migrations[i]
		var in []*comparison
		for _, d := range list {
			if d.pending[m.Version] {
				in = append(in, d)
			}
		}
		if len(in) > 0 {
			m.Rows = func(table string) (most int64, ok bool) {
				for _, d := range in {
					if n, known := d.rows.of(ctx, table); known {
						most, ok = max(most, n), true
					}
				}
				return most, ok
			}
		}
	}
	return list, nil
}

func (t *tool) compare(ctx context.Context, dsn string, set *migratingsqlite.Set, s *lint.Set) (*comparison, error) {
	m, err := t.migrator(dsn)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	states, err := m.Status(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := m.Plan(ctx)
	if err != nil {
		return nil, err
	}
	d := &comparison{pending: map[int64]bool{}}
	said := false
	say := func(code string, version int64, file, format string, args ...any) {
		f := lint.Finding{Code: code, Version: version, Database: m.Database(), File: file, Message: fmt.Sprintf(format, args...)}
		if file != "" {
			f.Line, f.Column, f.Message = 1, 1, m.Database()+": "+f.Message
		}
		s.Found = append(s.Found, f)
		said = true
	}
	for _, state := range states {
		if state.Set != set.Name() {
			continue
		}
		for _, mig := range state.Migrations {
			switch {
			case mig.State == "changed":
				say("MS201", mig.Version, mig.File, "it was applied with another text")
			case mig.State == "missing":
				say("MS202", mig.Version, "", "it has %s, which is not in the folder", labelOf(mig.Version, mig.Name))
			case pending(mig.State, mig.File) && mig.Version > 0 && mig.Version < state.Version && errors.Is(plan.Err, migratingsqlite.ErrOutOfOrder):
				say("MS203", mig.Version, mig.File, "it has version %d already", state.Version)
			}
			if pending(mig.State, mig.File) {
				d.pending[mig.Version] = true
			}
		}
	}
	if plan.Err != nil && !said {
		say("MS204", 0, "", "%s", strings.TrimPrefix(strings.TrimPrefix(plan.Err.Error(), "migratingsqlite: "), m.Database()+": "))
	}
	db, err := t.reader(m, dsn)
	if err != nil {
		return nil, err
	}
	d.rows = &counter{db, map[string]int64{}}
	return d, nil
}

// tally counts, and gives the files their paths on disk.
func (r *validation) tally(t *tool) {
	dir := ""
	if !t.embedded {
		dir, _ = t.folder()
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if !t.embedded {
			f.Message = flagWords(f.Message)
		}
		if f.File != "" {
			f.File = filepath.ToSlash(filepath.Join(dir, f.File))
		}
		if f.Severity == lint.Error {
			r.Errors++
		} else {
			r.Warnings++
		}
	}
}

func (r *validation) text(p *printer, command string) {
	about := ""
	places := 0
	for _, f := range r.Findings {
		if now := cmp.Or(f.File, f.Database, "the set"); now != about {
			if places++; places > 1 {
				p.printf("\n")
			}
			about = now
			p.printf("%s\n", p.paint(bold, about))
		}
		colour := open
		if f.Severity == lint.Error {
			colour = bad
		}
		at := ""
		if f.Line > 0 {
			at = fmt.Sprintf("%d:%d", f.Line, f.Column)
		}
		head := fmt.Sprintf("  %-6s  %-7s  %s  ", at, f.Severity, f.Code)
		indent := len(head)
		head = strings.Replace(head, string(f.Severity), p.paint(colour, string(f.Severity)), 1)
		p.printf("%s%s\n", head, p.indented(f.Message, indent))
		if f.Cure != "" {
			p.printf("%s%s\n", strings.Repeat(" ", indent), p.paint(faint, p.indented(f.Cure, indent)))
		}
	}
	if len(r.Findings) > 0 {
		p.printf("\n")
	}
	for _, n := range r.Notes {
		p.printf("%s\n", p.paint(faint, p.indented(n, 0)))
	}
	switch {
	case len(r.Findings) == 0:
		p.printf("%s: %s", count(r.Migrations, "migration"), p.paint(good, "nothing found"))
	default:
		p.printf("%s, %s in %s", p.paint(bad, count(r.Errors, "error")), p.paint(open, count(r.Warnings, "warning")), count(places, "place"))
	}
	if r.Hidden > 0 {
		p.printf("; %s in migrations that are applied, or older (--all)", count(r.Hidden, "finding"))
	}
	p.printf("\n")
	if len(r.Findings) > 0 {
		p.printf("%s\n", p.paint(faint, command+" --explain "+r.Findings[0].Code+" says more"))
	}
}

// indented breaks a text for the terminal, with blanks before all lines but the
// first.
func (p *printer) indented(s string, indent int) string {
	if p.width > indent+20 {
		s = strings.Join(wrap(s, p.width-indent), "\n")
	}
	return strings.ReplaceAll(s, "\n", "\n"+strings.Repeat(" ", indent))
}

// rules shows rules, one of them at length.
func (t *tool) rules(cmd *cobra.Command, list []lint.Rule) error {
	return t.say(cmd, map[string][]lint.Rule{"rules": list}, func(p *printer) {
		if len(list) == 1 {
			r := list[0]
			p.printf("%s  %s  %s\n\n%s\n", p.paint(bold, r.Code), r.Severity, r.What, p.indented(r.Why, 0))
			if r.Cure != "" {
				p.printf("\n%s\n", p.indented(r.Cure, 0))
			}
			return
		}
		var rows [][]string
		for _, r := range list {
			rows = append(rows, []string{r.Code, string(r.Severity), r.What})
		}
		p.table([]string{"code", "severity", "what"}, rows)
	})
}
