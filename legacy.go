package migratingsqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
	if len(b.known()) > 0 || len(b.others) == 0 || r.config.baseline != "" && r.config.baseline != baselineAuto || len(r.config.sets) != 1 {
		return nil, nil
	}
	f := finder{run: r, set: r.config.sets[0], books: b, ask: ask}
	l, err := f.find(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for what the database has: %w", err)
	}
	return l, nil
}

// A finder finds the legacy of one database.
type finder struct {
	run   *run
	set   *Set
	books *books
	ask   asker

	ignore []string // tables of other tools, no part of the structure
	hint   string   // tables that may be a history
}

func (f *finder) find(ctx context.Context) (*legacy, error) {
	history, mapping, err := f.history(ctx)
	if errors.Is(err, adopt.ErrSeveral) {
		return &legacy{refusals: []error{&refusal{ErrUnknownSchema, err, err.Error()}}}, nil
	}
	if err != nil {
		return nil, err
	}
	if history != nil && (len(mapping.Applied) > 0 || len(mapping.Refusals) > 0 || len(mapping.Changed) > 0) {
		return f.adopted(ctx, history, mapping)
	}
	return f.byStructure(ctx)
}

// history reads what another tool recorded.
func (f *finder) history(ctx context.Context) (*adopt.History, *adopt.Mapping, error) {
	answers, err := f.ask(ctx, adopt.Queries(f.run.config.adoptTable)...)
	if err != nil {
		return nil, nil, err
	}
	candidates, err := adopt.Recognise(answers, f.run.config.adoptTable)
	if err != nil {
		return nil, nil, err
	}
	f.hint = adopt.Hint(answers)
	var histories []*adopt.History
	for _, c := range candidates {
		if c.Table != "" {
			f.ignore = append(append(f.ignore, c.Table), c.Companions...)
		}
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
	list := make([]adopt.File, len(s.migrations))
	for i := range s.migrations {
		m := &s.migrations[i]
		list[i] = adopt.File{Version: m.Version, Name: m.Name, Path: m.File}
		if f := m.foreign; f != nil {
			list[i].ID, list[i].When = cmp.Or(f.ID.Version, f.ID.Name), f.ID.When
		}
		if m.File != "" {
			list[i].Text = func() ([]byte, error) {
				file, err := m.fsys.Open(m.File)
				if err != nil {
					return nil, err
				}
				defer file.Close()
				return io.ReadAll(file)
			}
		}
	}
	return list
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
	newest := f.set.newest()
	for _, e := range m.Unknown {
		what := strings.TrimSpace(e.ID + " " + e.Name)
		switch {
		case e.Version > newest && f.run.config.newer == newerAllow:
		case e.Version > newest:
			l.refusals = append(l.refusals, refuse(ErrSchemaNewer, "the history of %s has %s, and this program knows versions up to %d; start a newer program", h, quote(what), newest))
		default:
			l.refusals = append(l.refusals, refuse(ErrMissing, "the history of %s has %s, which is not among the program's migrations; put the file back as it was", h, quote(what)))
		}
	}
	unseen := map[int64]bool{}
	for _, a := range m.Applied {
		l.applied[keyOf(a.Version, a.Name)] = true
		if a.Assumed && a.Version > 0 {
			unseen[a.Version] = true
		}
	}
	for _, v := range m.Skipped {
		unseen[v] = true
	}
	if len(l.refusals) > 0 || len(unseen) == 0 {
		return l, nil
	}
	return l, f.check(ctx, h, l, unseen)
}

// check decides by the structure which of the migrations that a tool did not
// record one by one are there. Where the structure cannot be told, since the
// set does not build on an empty database, the tool is believed.
func (f *finder) check(ctx context.Context, h *adopt.History, l *legacy, unseen map[int64]bool) error {
	have, err := f.structure(ctx)
	if err != nil {
		return err
	}
	there, err := readThings(ctx, f.ask)
	if err != nil {
		return err
	}
	var lost []string
	for i := range f.set.migrations {
		m := &f.set.migrations[i]
		if !unseen[m.Version] {
			continue
		}
		absent, err := m.isAbsent(there)
		if err != nil {
			return err
		}
		k := keyOf(m.Version, m.Name)
		if l.applied[k] = !absent; absent {
			lost = append(lost, m.String())
		}
	}
	want, err := replayOf(f.set).schemaOf(ctx, func(m *Migration) bool { return l.applied[keyOf(m.Version, m.Name)] })
	if err != nil || want == nil {
		return ctx.Err()
	}
	if !have.Equal(want) {
		l.refusals = append(l.refusals, refuse(ErrUnknownSchema, "by the history of %s it should be at version %d, but %s; put that right, or say with _migrate_baseline=N which version it is at",
			h, l.newest(), differences(have, want)))
		return nil
	}
	if len(lost) > 0 {
		l.from += ", which has skipped " + strings.Join(lost, ", ")
	}
	return nil
}

func (l *legacy) newest() (v int64) {
	for k, applied := range l.applied {
		if applied {
			v = max(v, k.version)
		}
	}
	return v
}

// isAbsent reports whether nothing of what the script makes is there. A script
// that makes nothing cannot be told.
func (m *Migration) isAbsent(there things) (bool, error) {
	if m.upFunc != nil {
		return false, nil
	}
	if err := m.read(); err != nil {
		return false, err
	}
	made := m.makes()
	return len(made) > 0 && !slices.ContainsFunc(made, func(t thing) bool { return there[t] }), nil
}

// byStructure looks for the version that makes the structure that is there.
func (f *finder) byStructure(ctx context.Context) (*legacy, error) {
	names, err := f.ask(ctx, namesQuery)
	if err == nil {
		err = names[0].Err
	}
	if err != nil {
		return nil, err
	}
	r := replayOf(f.set)
	steps, err := r.after(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return f.unknown("its structure cannot be compared with the set's (%v)", err), nil
	}
	have, err := f.structure(ctx)
	if err != nil {
		return nil, err
	}
	var equal []int
	for i := range steps {
		if steps[i].names != joinNames(names[0].Rows, f.ignore) {
			continue
		}
		at, err := r.schemaAt(ctx, i)
		if err != nil {
			return nil, err
		}
		if have.Equal(at) {
			equal = append(equal, i)
		}
	}
	switch len(equal) {
	case 0:
		return f.nearest(ctx, r, steps, have, joinNames(names[0].Rows, f.ignore))
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
	return f.unknown("its structure is that of several versions, which differ in their data: %s", strings.Join(versions, ", ")), nil
}

// nearest says which version comes nearest, and what differs.
func (f *finder) nearest(ctx context.Context, r *replay, steps []replayed, have *schema.Schema, names string) (*legacy, error) {
	order := make([]int, len(steps))
	apart := make([]int, len(steps))
	mine := strings.Split(names, "\n")
	for i := range steps {
		order[i] = i
		theirs := strings.Split(steps[i].names, "\n")
		for _, n := range mine {
			if !slices.Contains(theirs, n) {
				apart[i]++
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
		at, err := r.schemaAt(ctx, i)
		if err != nil {
			return nil, err
		}
		if d := schema.Distance(have, at); best < 0 || d < distance {
			best, distance, want = i, d, at
		}
	}
	if best < 0 {
		return f.unknown("the program has no versions to compare its structure with"), nil
	}
	return f.unknown("its structure comes nearest to that of version %d, but %s", steps[best].version, differences(have, want)), nil
}

func (f *finder) unknown(format string, args ...any) *legacy {
	why := ", and " + fmt.Sprintf(format, args...)
	if f.hint != "" {
		why += " (" + f.hint + ")"
	}
	return &legacy{refusals: []error{unknownSchema(f.run.config, f.books, why)}}
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
