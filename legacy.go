package migratingsqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/adopt"
	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
)

// legacy is what was found out about a database that has tables and no history
// of this driver's: what another tool recorded, or else what its structure
// shows.
type legacy struct {
	from     string       // where it is known from, for people
	applied  map[key]bool // the migrations of the set that it has
	refusals []error
}

// findLegacy looks for the migrations that a database has without a history. It
// only reads; under the lock it is called again, for what counts then.
func (r *run) findLegacy(ctx context.Context, b *books, ask asker) (*legacy, error) {
	if len(b.known()) > 0 || len(b.others) == 0 || r.config.baseline == baselineNone || len(r.config.sets) != 1 {
		return nil, nil
	}
	f := finder{run: r, set: r.config.sets[0], books: b, ask: ask, ignore: slices.Clone(adopt.Hosts)}
	var l *legacy
	var err error
	if at := r.config.baselineAt; at > 0 {
		f.history(ctx) // for the tools' tables, which are left out; what is in them does not count
		b.doubt, err = f.doubt(ctx, upTo(at))
	} else {
		l, err = f.find(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for what the database has: %w", err)
	}
	return l, nil
}

// doubt says how the structure is not that of migrations which are said to be
// there. That is believed all the same: a difference may do no harm. What functions
// have made cannot be told.
func (f *finder) doubt(ctx context.Context, there func(*Migration) bool) (string, error) {
	if slices.ContainsFunc(f.set.migrations, func(m Migration) bool { return m.upFunc != nil && there(&m) }) {
		return "", nil
	}
	want, err := replayOf(f.set).schemaOf(ctx, there, f.ignore)
	if err != nil || want == nil {
		return "", ctx.Err() // there is nothing to compare it with
	}
	have, err := f.structure(ctx)
	if err != nil {
		return "", err
	}
	return differences(have, want), nil
}

// A finder finds the legacy of one database.
type finder struct {
	run   *run
	set   *Set
	books *books
	ask   asker

	ignore []string // tables of other tools and hosts, no part of the structure
	hint   string   // tables that may be a history
}

func (f *finder) find(ctx context.Context) (*legacy, error) {
	history, mapping, err := f.history(ctx)
	if errors.Is(err, adopt.ErrSeveral) || errors.Is(err, adopt.ErrUnusable) {
		return &legacy{refusals: []error{&refusal{ErrUnknownSchema, err, err.Error()}}}, nil
	}
	if err != nil {
		return nil, err
	}
	if history != nil && (len(mapping.Applied) > 0 || len(mapping.Refusals) > 0 || len(mapping.Changed) > 0) {
		return f.adopted(ctx, history, mapping)
	}
	if history != nil && f.hint == "" && len(mapping.Unknown) > 0 {
		last := mapping.Unknown[len(mapping.Unknown)-1]
		f.hint = fmt.Sprintf("%s records %s, which is none of the program's migrations", history, last.ID)
		if last.Newer {
			f.hint = fmt.Sprintf("%s records %s, and this program knows versions up to %d: is there a newer one?", history, last.ID, f.set.newest())
		}
	}
	return f.byStructure(ctx, history == nil || len(mapping.Unknown) == 0)
}

// history reads what another tool recorded.
func (f *finder) history(ctx context.Context) (*adopt.History, *adopt.Mapping, error) {
	answers, err := f.ask(ctx, adopt.Queries(f.run.config.adoptTable)...)
	if err != nil {
		return nil, nil, err
	}
	candidates, err := adopt.Recognise(answers, "")
	for _, c := range candidates {
		if c.Table != "" {
			f.ignore = append(append(f.ignore, c.Table), c.Companions...)
		}
	}
	unread, whose := adopt.Unread(answers)
	f.ignore = append(f.ignore, unread...)
	if table := f.run.config.adoptTable; table != "" && err == nil {
		f.ignore = append(f.ignore, table)
		candidates, err = adopt.Recognise(answers, table)
	}
	if err != nil {
		return nil, nil, err
	}
	f.hint = strings.Join(slices.DeleteFunc([]string{adopt.Hint(answers), whose}, func(s string) bool { return s == "" }), "; ")
	var histories []*adopt.History
	for _, c := range candidates {
		f.ignore = append(f.ignore, c.Companions...)
		answers := []engine.Answer{}
		if queries := c.Queries(); len(queries) > 0 {
			if answers, err = f.ask(ctx, queries...); err != nil {
				return nil, nil, err
			}
		}
		h, err := c.Read(answers)
		if err != nil {
			return nil, nil, err
		}
		histories = append(histories, h)
	}
	return adopt.Choose(histories, f.set.adoptFiles(), f.tool())
}

// adoptFiles are the migrations as another tool may know them.
func (s *Set) adoptFiles() []adopt.File {
	var list []adopt.File
	in := s.standIn()
	for i := range s.migrations {
		m := &s.migrations[i]
		file := adopt.File{Version: m.Version, Name: m.Name, Path: m.File, Text: m.text(m.File), Checkpoint: m == in}
		if f := m.foreign; f != nil {
			file.ID, file.When = cmp.Or(f.ID.Version, f.ID.Name), f.ID.When
		}
		if list = append(list, file); m.foreign == nil {
			continue
		}
		for _, c := range m.foreign.Covered {
			list = append(list, adopt.File{Version: m.Version, Name: c.ID.Name, ID: c.ID.Version, Path: c.Path, Text: m.text(c.Path), Checkpoint: true, Covered: true})
		}
	}
	return list
}

// text returns what reads a file as it is on the disk, nil for a function.
func (m *Migration) text(path string) func() ([]byte, error) {
	if path == "" {
		return nil
	}
	return func() ([]byte, error) { return fs.ReadFile(m.fsys, path) }
}

// newestName is what the tool whose folder it is calls the newest version.
func (s *Set) newestName() string {
	for i := range slices.Backward(s.migrations) {
		if m := &s.migrations[i]; m.Version > 0 {
			if m.foreign != nil && m.foreign.ID.Version != "" {
				return m.foreign.ID.Version
			}
			break
		}
	}
	return fmt.Sprint(s.newest())
}

// adopted takes over a history. What the tool did not record itself must be seen
// in the structure.
func (f *finder) adopted(ctx context.Context, h *adopt.History, m *adopt.Mapping) (*legacy, error) {
	l := &legacy{from: h.String(), applied: map[key]bool{}}
	for _, p := range m.Refusals {
		l.refusals = append(l.refusals, refuse(ErrUnknownSchema, "the history of %s cannot be taken over: %s", h, p.Text))
	}
	for _, p := range m.Changed {
		l.refusals = append(l.refusals, refuse(ErrChanged, "%s, by the history of %s", p.Text, h))
	}
	newer := false // and the structure may be any
	for _, e := range m.Unknown {
		what := e.ID
		if !strings.Contains(e.ID, e.Name) {
			what += " " + e.Name
		}
		otherwise := ""
		if h.Tool == adopt.UserVersion {
			otherwise = ", or, if the number counts something else, say with _migrate_baseline=N which version it is at"
		}
		switch {
		case e.Newer && f.run.config.newer == newerAllow:
			newer = true
		case e.Newer:
			l.refusals = append(l.refusals, refuse(ErrSchemaNewer, "the history of %s has %s, and this program knows versions up to %s; start a newer program%s", h, quote(what), f.set.newestName(), otherwise))
		default:
			l.refusals = append(l.refusals, refuse(ErrMissing, "the history of %s has %s, which is not among the program's migrations; put the file back as it was", h, quote(what)))
		}
	}
	assumed, skipped := map[int64]bool{}, map[int64]bool{}
	for _, a := range m.Applied {
		l.applied[keyOf(a.Version, a.Name)] = true
		if a.Assumed && a.Version > 0 {
			assumed[a.Version] = true
		}
	}
	for _, v := range m.Skipped {
		skipped[v] = true
	}
	switch {
	case len(l.refusals) > 0 || newer:
		return l, nil
	case len(assumed)+len(skipped) > 0:
		return l, f.check(ctx, h, l, assumed, skipped)
	}
	var err error
	f.books.doubt, err = f.doubt(ctx, func(m *Migration) bool { return l.applied[keyOf(m.Version, m.Name)] })
	return l, err
}

// check decides by the structure which of the migrations that a tool did not
// record one by one are there. Where the structure cannot be told, since the
// set does not build on an empty database, the tool is believed.
func (f *finder) check(ctx context.Context, h *adopt.History, l *legacy, assumed, skipped map[int64]bool) error {
	have, err := f.structure(ctx)
	if err != nil {
		return err
	}
	there, err := readThings(ctx, f.ask)
	if err != nil {
		return err
	}
	var first *schema.Schema // of the first guess that can be built
	var believed map[key]bool
	var tried [][]string
	for _, present := range guesses {
		applied := maps.Clone(l.applied)
		var lost []string
		for i := range f.set.migrations {
			m := &f.set.migrations[i]
			if !assumed[m.Version] && !skipped[m.Version] {
				continue
			}
			is, err := m.isThere(there, skipped[m.Version], present)
			if err != nil {
				return err
			}
			if applied[keyOf(m.Version, m.Name)] = is; !is {
				lost = append(lost, m.String())
			}
		}
		if believed == nil {
			believed = applied
		}
		if slices.ContainsFunc(tried, func(t []string) bool { return slices.Equal(t, lost) }) {
			continue
		}
		tried = append(tried, lost)
		want, err := replayOf(f.set).schemaOf(ctx, func(m *Migration) bool { return applied[keyOf(m.Version, m.Name)] }, f.ignore)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || want == nil {
			continue
		}
		equal := have.Equal(want)
		if !equal {
			if equal, err = f.evened(ctx, func(m *Migration) bool { return applied[keyOf(m.Version, m.Name)] }); err != nil {
				return err
			}
		}
		if equal {
			if l.applied = applied; len(lost) > 0 {
				l.from += ", but without " + strings.Join(lost, ", ")
			}
			return nil
		}
		if first == nil {
			first, believed = want, applied
		}
	}
	if l.applied = believed; first != nil {
		l.refusals = append(l.refusals, refuse(ErrUnknownSchema, "by the history of %s it should be at version %d, but %s; put that right, or, if it does no harm, say _migrate_baseline=%[2]d",
			h, l.newest(), differences(have, first)))
		return nil
	}
	if _, err := replayOf(f.set).after(ctx); err == nil && len(tried) > 0 && len(tried[0]) > 0 { // they only lack what was lost
		l.refusals = append(l.refusals, refuse(ErrUnknownSchema, "by the history of %s it should be at version %d, but nothing is there of %s, which that builds on; put that right, or say with _migrate_baseline=N which version it is at",
			h, l.newest(), strings.Join(tried[0], ", ")))
	}
	return ctx.Err()
}

// guesses are ways to take what a script makes for a sign that it has run. The
// structure says which one is right: a table that is rebuilt was there before, and
// what a script made may have been dropped since.
var guesses = []func(made []thing, there things) bool{
	func(made []thing, there things) bool {
		return slices.ContainsFunc(made, func(t thing) bool { return there[t] })
	},
	func(made []thing, there things) bool {
		return !slices.ContainsFunc(made, func(t thing) bool { return !there[t] })
	},
	func([]thing, things) bool { return false },
}

// isThere reports whether the script has run, by a guess. One that makes nothing
// cannot be told: then it is as the tool has it.
func (m *Migration) isThere(there things, skipped bool, present func([]thing, things) bool) (bool, error) {
	if m.File == "" {
		return !skipped, nil
	}
	if err := m.read(); err != nil {
		return false, err
	}
	if made := m.makes(); len(made) > 0 {
		return present(made, there), nil
	}
	return !skipped, nil
}

func (l *legacy) newest() (v int64) {
	for k, applied := range l.applied {
		if applied {
			v = max(v, k.version)
		}
	}
	return v
}

// byStructure looks for the version that makes the structure that is there. If
// that is none at all, and nothing is recorded either, another tool has made its
// table and gone no further.
func (f *finder) byStructure(ctx context.Context, unrecorded bool) (*legacy, error) {
	names, err := f.ask(ctx, namesQuery)
	if err == nil {
		err = names[0].Err
	}
	if err != nil {
		return nil, err
	}
	mine := joinNames(names[0].Rows, f.ignore)
	if mine == "" && unrecorded {
		return &legacy{from: "its structure"}, nil
	}
	r := replayOf(f.set)
	steps, err := r.after(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return f.unknown(fmt.Sprintf("its structure cannot be compared with the set's (%v)", err), ""), nil
	}
	have, err := f.structure(ctx)
	if err != nil {
		return nil, err
	}
	var equal []int
	for i := range steps {
		if joinNames(steps[i].names, f.ignore) != mine {
			continue
		}
		at, err := r.schemaOf(ctx, upTo(steps[i].version), f.ignore)
		if err != nil {
			return nil, err
		}
		if have.Equal(at) {
			equal = append(equal, i)
		}
	}
	switch len(equal) {
	case 0:
		if l, err := f.byEvening(ctx); l != nil || err != nil {
			return l, err
		}
		return f.nearest(ctx, r, steps, have, mine)
	case 1:
		l := &legacy{from: "its structure", applied: map[key]bool{}}
		for _, m := range f.set.migrations {
			if m.Version > 0 && m.Version <= steps[equal[0]].version {
				l.applied[keyOf(m.Version, m.Name)] = true
			}
		}
		return l, nil
	}
	var versions []string
	for _, i := range equal {
		versions = append(versions, fmt.Sprint(steps[i].version))
	}
	return f.unknown(fmt.Sprintf("its structure is that of several versions, which differ in their data: %s", strings.Join(versions, ", ")),
		"say which with _migrate_baseline="+strings.Join(versions, " or =")), nil
}

// byEvening looks for the version from which on the set evens out what the
// database lacks or has too early. One that could be found in several ways is
// not found.
func (f *finder) byEvening(ctx context.Context) (found *legacy, err error) {
	inside := false // a row of migrations that serve databases that differ
	for i := range f.set.migrations {
		first := &f.set.migrations[i]
		before := inside
		if inside, _, err = first.serves(); err != nil {
			return nil, err
		}
		if first.Version == 0 || !inside || before {
			continue
		}
		older := func(m *Migration) bool { return m.Version < first.Version }
		if equal, err := f.evened(ctx, older); err != nil || !equal {
			if err != nil {
				return nil, err
			}
			continue
		}
		if found != nil {
			return nil, nil
		}
		found = &legacy{from: "its structure, as " + first.String() + " evens it out", applied: map[key]bool{}}
		for _, m := range f.set.migrations {
			if m.Version > 0 && older(&m) {
				found.applied[keyOf(m.Version, m.Name)] = true
			}
		}
	}
	return found, nil
}

// textsQuery asks for the statements that make a database again, but for its
// rows.
const textsQuery = `SELECT sql FROM main.sqlite_master
	WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'migratingsqlite\_%' ESCAPE '\'
	ORDER BY CASE type WHEN 'table' THEN 1 WHEN 'view' THEN 2 WHEN 'index' THEN 3 ELSE 4 END, rowid`

// evened reports whether the migrations that follow the applied ones make of
// this database what they make of an empty one, although it is not now what the
// applied ones make. Only those that serve databases that differ are taken into
// account, and one must say so with unless: they do nothing where there is
// nothing to do, and change no rows. It is tried on a copy, in memory.
func (f *finder) evened(ctx context.Context, applied func(*Migration) bool) (equal bool, err error) {
	next := map[int64]bool{}
	said := false
	pending := f.set.upTo(f.run.config.to)
	for i := range pending {
		m := &pending[i]
		if m.Version == 0 || applied(m) {
			continue
		}
		serves, unless, err := m.serves()
		if err != nil {
			return false, err
		}
		if !serves {
			break
		}
		next[m.Version] = true
		said = said || unless
	}
	if !said {
		return false, nil
	}
	texts, err := f.ask(ctx, textsQuery)
	if err == nil {
		err = texts[0].Err
	}
	if err != nil {
		return false, err
	}
	var have *schema.Schema
	failed := inMemory(ctx, func(store localStore) error {
		for _, row := range texts[0].Rows {
			if err := store.conn.exec(ctx, text(row[0])); err != nil {
				return err
			}
		}
		for i := range pending {
			if m := &pending[i]; next[m.Version] {
				if err := replayOne(ctx, m, store); err != nil {
					return err
				}
			}
		}
		answers, err := store.ask(ctx, schema.Queries...)
		if err == nil {
			have, err = schema.Read(answers, f.ignore...)
		}
		return err
	})
	if failed != nil {
		return false, ctx.Err() // what cannot be tried is not known
	}
	want, err := replayOf(f.set).schemaOf(ctx, func(m *Migration) bool { return applied(m) || next[m.Version] }, f.ignore)
	if err != nil || want == nil {
		return false, ctx.Err()
	}
	return have.Equal(want), nil
}

// nearest says which version comes nearest, and what differs.
func (f *finder) nearest(ctx context.Context, r *replay, steps []replayed, have *schema.Schema, names string) (*legacy, error) {
	order := make([]int, len(steps))
	apart := make([]int, len(steps))
	mine := lines(names)
	common := false
	for i := range steps {
		order[i] = i
		theirs := lines(joinNames(steps[i].names, f.ignore))
		for _, n := range mine {
			if !slices.Contains(theirs, n) {
				apart[i]++
			} else {
				common = true
			}
		}
		for _, n := range theirs {
			if !slices.Contains(mine, n) {
				apart[i]++
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return apart[a] - apart[b] })
	best, distance := -1, 0
	var want *schema.Schema
	for _, i := range order[:min(3, len(order))] {
		at, err := r.schemaOf(ctx, upTo(steps[i].version), f.ignore)
		if err != nil {
			return nil, err
		}
		if d := schema.Distance(have, at); best < 0 || d < distance {
			best, distance, want = i, d, at
		}
	}
	switch {
	case best < 0:
		return f.unknown("the program has no versions to compare its structure with", ""), nil
	case !common:
		return f.unknown("nothing that the program's migrations make is there", "see that it is the program's own database; if so, say with _migrate_baseline=N which version it is at"), nil
	}
	return f.unknown(fmt.Sprintf("its structure comes nearest to that of version %d, but %s", steps[best].version, differences(have, want)),
		fmt.Sprintf("put that right, or, if it does no harm, say _migrate_baseline=%d", steps[best].version)), nil
}

func lines(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '\n' })
}

// unknown refuses the database. What may be its history is what to look at first.
func (f *finder) unknown(why, cure string) *legacy {
	if why = ", and " + why; f.hint != "" {
		why = " that is known (" + f.hint + ")" + why
	}
	return &legacy{refusals: []error{unknownSchema(f.run.config, f.books, why, cure)}}
}

func (f *finder) structure(ctx context.Context) (*schema.Schema, error) {
	answers, err := f.ask(ctx, schema.Queries...)
	if err != nil {
		return nil, err
	}
	return schema.Read(answers, f.ignore...)
}

// differences says in words how a structure is not as expected.
func differences(have, want *schema.Schema) string {
	var texts []string
	more := 0
	for _, d := range schema.Diff(have, want) {
		switch {
		case d.Kind == schema.OrderOnly:
		case len(texts) < 4:
			texts = append(texts, d.Text)
		default:
			more++
		}
	}
	text := strings.Join(texts, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// tool is the one whose folder the set is.
func (f *finder) tool() adopt.Tool {
	if name := f.set.layoutName(); name != "rusqlite_migration" {
		return adopt.Tool(name)
	}
	return adopt.UserVersion
}
