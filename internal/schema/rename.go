package schema

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// renaming is a step, with what it does to a column.
type renaming struct {
	Step
	Rename // its table by the new name; nothing for a table
}

// rename finds out what the renames make of the old structure.
func (c *changer) rename(ctx context.Context) error {
	plan := &renames{changer: c, tables: map[string]string{}, was: map[string]string{}, columns: map[string]map[string]string{}}
	if err := plan.write(); err != nil {
		return err
	}
	for {
		failed, err := c.tryRenames(ctx)
		switch {
		case ctx.Err() != nil:
			return err
		case err == nil:
			plan.follow()
			return nil
		case !c.clear:
			c.clear = true // a view or a trigger has no way to follow, or was broken before
		case failed >= 0 && c.renames[failed].From.Column != "":
			// SQLite cannot do it everywhere; then the column moves with the rows.
			r := c.renames[failed].Rename
			c.moves = append(c.moves, r)
			c.rebuild[fold(r.From.Table)] = true
			c.renames = slices.Delete(c.renames, failed, failed+1)
			c.clear = false
		default:
			return err
		}
	}
}

// tryRenames reports which one fails, -1 for none of them.
func (c *changer) tryRenames(ctx context.Context) (failed int, err error) {
	failed = -1
	err = onScratch(ctx, func(db scratch) (err error) {
		if err := db.make(ctx, c.from); err != nil {
			return err
		}
		if c.clear {
			all := func(string) bool { return true }
			for _, st := range slices.Concat(c.dropTriggers(all), c.dropViews(all)) {
				if err := db.exec(ctx, st.SQL); err != nil {
					return err
				}
			}
		}
		for i, st := range c.renames {
			if err := db.exec(ctx, st.SQL); err != nil {
				failed = i
				return fmt.Errorf("%s: %w", st.SQL, err)
			}
		}
		have, err := Of(ctx, db.db)
		if err == nil {
			c.have = c.known(have)
		}
		return err
	})
	return failed, err
}

// movedFrom returns the name that a column has in the old table, if it gets its
// present one only when the rows are taken over.
func (c *changer) movedFrom(table, column string) string {
	for _, m := range c.moves {
		if sameName(m.From.Table, table) && sameName(m.To, column) {
			return m.From.Column
		}
	}
	return column
}

// movedTo is the opposite.
func (c *changer) movedTo(table, column string) string {
	for _, m := range c.moves {
		if m.From.same(Name{table, column}) {
			return m.To
		}
	}
	return column
}

// renames are those of a change, checked.
type renames struct {
	*changer
	tables  map[string]string            // old name, folded → new
	was     map[string]string            // the opposite
	columns map[string]map[string]string // of a table by its old name: old name, folded → new
	errs    []error
}

// write checks the renames and writes their statements: tables first, and each
// when its new name is free.
func (p *renames) write() error {
	for _, r := range p.Renames {
		if r.From.Column == "" {
			p.table(r)
		}
	}
	for _, r := range p.Renames {
		if r.From.Column != "" {
			p.column(r)
		}
	}
	for _, old := range names(p.tables, nil) {
		p.displaceTable(old)
	}
	p.err(inTurn(p.tables, func(old string) {
		p.add(Rename{}, "ALTER TABLE "+quoteName(p.from.tables[old].name)+" RENAME TO "+quoteName(p.tables[old])+";")
	}))
	for _, old := range names(p.columns, nil) {
		t, columns := p.from.tables[old], p.columns[old]
		for _, from := range names(columns, nil) {
			p.displaceColumn(t, from)
		}
		p.err(inTurn(columns, func(from string) { p.addColumn(t, from, columns[from]) }))
	}
	slices.SortFunc(p.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(p.errs...)
}

func (p *renames) err(err error) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

func (p *renames) refuse(r Rename, format string, args ...any) {
	p.err(fmt.Errorf("--rename %s: %s", r, fmt.Sprintf(format, args...)))
}

func (p *renames) add(r Rename, sql string) {
	p.renames = append(p.renames, renaming{Step{SQL: sql}, r})
}

func (p *renames) addColumn(t *table, from, to string) {
	table := cmp.Or(p.tables[fold(t.name)], t.name)
	p.add(Rename{Name{table, from}, to}, "ALTER TABLE "+quoteName(table)+" RENAME COLUMN "+quoteName(t.byName[from].name)+" TO "+quoteName(to)+";")
}

// table takes in the rename of a table.
func (p *renames) table(r Rename) {
	old, now := fold(r.From.Table), fold(r.To)
	switch {
	case p.from.views[old] != nil:
		p.refuse(r, "%s is a view; it holds no rows, and is made anew without being told", r.From)
	case p.from.tables[old] == nil:
		p.err(missing("--rename "+r.String(), "the old schema", "table", r.From.Table, p.from.tableNames()))
	case p.want.tables[now] == nil:
		p.err(missing("--rename "+r.String(), "the wanted schema", "table", r.To, p.want.tableNames()))
	case p.tables[old] != "" || p.was[now] != "":
		p.refuse(r, "one of the two is renamed already")
	default:
		p.tables[old], p.was[now] = r.To, old
	}
}

// column takes in the rename of a column.
func (p *renames) column(r Rename) {
	old := fold(r.From.Table)
	if p.from.tables[old] == nil {
		old = cmp.Or(p.was[old], old)
	}
	t := p.from.tables[old]
	if t == nil {
		p.err(missing("--rename "+r.String(), "the old schema", "table", r.From.Table, p.from.tableNames()))
		return
	}
	now := cmp.Or(p.tables[old], t.name)
	w := p.want.tables[fold(now)]
	from := fold(r.From.Column)
	switch {
	case w == nil:
		p.err(missing("--rename "+r.String(), "the wanted schema", "table", now, p.want.tableNames()))
	case t.module != "":
		p.refuse(r, "a column of a virtual table cannot be renamed")
	case t.byName[from] == nil:
		p.err(missing("--rename "+r.String(), "table "+quoteName(t.name), "column", r.From.Column, t.readable()))
	case w.byName[fold(r.To)] == nil:
		p.err(missing("--rename "+r.String(), "the wanted table "+quoteName(w.name), "column", r.To, w.readable()))
	default:
		if p.columns[old] == nil {
			p.columns[old] = map[string]string{}
		}
		for other, to := range p.columns[old] {
			if other == from || sameName(to, r.To) {
				p.refuse(r, "one of the two is renamed already")
				return
			}
		}
		p.columns[old][from] = r.To
	}
}

// displaceTable drops a table whose name another one gets.
func (p *renames) displaceTable(old string) {
	now := p.tables[old]
	t := p.from.tables[fold(now)]
	if t == nil || p.tables[fold(now)] != "" {
		return
	}
	if !p.Lossy && !p.toDrop(now, "") {
		p.refuse(Rename{Name{Table: old}, now}, "the old schema has a table %s, too; rename that, or let its rows go with --drop %[1]s", quoteName(now))
	}
	p.renames = append(p.renames, renaming{Step: p.dropTable(t)})
	p.displaced = append(p.displaced, Name{Table: now})
}

// displaceColumn gives a column, whose name another one gets, a name to be dropped
// by: it may be in an index or a constraint now.
func (p *renames) displaceColumn(t *table, from string) {
	columns := p.columns[fold(t.name)]
	to := columns[from]
	if t.byName[fold(to)] == nil || columns[fold(to)] != "" {
		return
	}
	table := cmp.Or(p.tables[fold(t.name)], t.name)
	if !p.Lossy && !p.toDrop(t.name, to) && !p.toDrop(table, to) {
		p.refuse(Rename{Name{t.name, from}, to}, "the old table has a column %s, too; rename that, or let its values go with --drop %s", quoteName(to), Name{t.name, to})
	}
	away := "old_" + to
	for t.byName[fold(away)] != nil {
		away += "_"
	}
	p.addColumn(t, fold(to), away)
	p.displaced = append(p.displaced, Name{table, to})
	p.away = append(p.away, Name{table, away})
}

// follow gives the other decisions the new names of tables.
func (p *renames) follow() {
	follow := func(n *Name) {
		if to := p.tables[fold(n.Table)]; to != "" && p.have.tables[fold(n.Table)] == nil {
			n.Table = to
		}
	}
	p.Drops, p.Using = slices.Clone(p.Drops), slices.Clone(p.Using)
	for i := range p.Drops {
		follow(&p.Drops[i])
	}
	for i := range p.Using {
		follow(&p.Using[i].Column)
	}
}

// inTurn calls f for each old name when the new one is free.
func inTurn(renames map[string]string, f func(old string)) error {
	left := maps.Clone(renames)
	for len(left) > 0 {
		n := len(left)
		for _, old := range names(left, nil) {
			if now := fold(left[old]); now != old && left[now] != "" {
				continue
			}
			f(old)
			delete(left, old)
		}
		if len(left) == n {
			return fmt.Errorf("--rename: %s take each other's names; do it in two migrations, with another name in between", strings.Join(names(left, nil), ", "))
		}
	}
	return nil
}
