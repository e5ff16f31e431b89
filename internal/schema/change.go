package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/near"
)

// Decisions are what no structure tells of a change, and somebody must. Errors and
// questions call them as the command diff takes them: --rename, --drop and --using.
type Decisions struct {
	Renames []Rename
	Drops   []Name  // are to go with what is in them, although something like them comes
	Using   []Using // where values come from
	// Elsewhere are the names of tables, indexes, views and triggers that something
	// else makes, when the change is done and at any other time. They may be there or
	// not: what is in the way is dropped, and nothing else is done about them.
	Elsewhere []string
	// Lossy is for the way back: nothing is asked, and a value that is not known any
	// more is made up.
	Lossy bool
}

// A Name is that of a table, or of a column of it.
type Name struct{ Table, Column string }

// String quotes the name as SQL needs it: users, users."full name".
func (n Name) String() string {
	if n.Column == "" {
		return quoteName(n.Table)
	}
	return quoteName(n.Table) + "." + quoteName(n.Column)
}

func (n Name) same(o Name) bool { return sameName(n.Table, o.Table) && sameName(n.Column, o.Column) }

// A Rename gives a table or column of the old structure its name in the new one.
// The table of a column goes by either.
type Rename struct {
	From Name
	To   string // without the table
}

// String writes the rename as [ParseRename] reads it.
func (r Rename) String() string { return r.From.String() + "=" + quoteName(r.To) }

// Using says from what the rows that are there get the values of a column.
type Using struct {
	Column Name
	Expr   string // SQL, about the table as it was but for renames
}

// ParseName reads table or table.column, quoted as in SQL where they need it.
func ParseName(s string) (Name, error) {
	n, ok := nameOf(lex(s))
	if !ok {
		return n, fmt.Errorf("%q is no name of a table (users) or column (users.name); one with other signs than letters needs the quotes of SQL", s)
	}
	return n, nil
}

func nameOf(toks []token) (n Name, ok bool) {
	named := func(i int) bool { return toks[i].kind == quoted || toks[i].kind == word }
	switch {
	case len(toks) == 1 && named(0):
		return Name{Table: toks[0].name()}, true
	case len(toks) == 3 && named(0) && toks[1].is(".") && named(2):
		return Name{toks[0].name(), toks[2].name()}, true
	}
	return n, false
}

// ParseRename reads old=new: of a table, users=people, or of a column,
// users.mail=email or users.mail=users.email.
func ParseRename(s string) (Rename, error) {
	toks := lex(s)
	at := slices.IndexFunc(toks, func(t token) bool { return t.is("=") })
	if at > 0 {
		from, ok := nameOf(toks[:at])
		to, okTo := nameOf(toks[at+1:])
		switch {
		case !ok || !okTo:
		case to.Column == "":
			return Rename{from, to.Table}, nil
		case from.Column != "":
			if !sameName(from.Table, to.Table) {
				return Rename{}, fmt.Errorf("%s: a column does not move to another table by a rename", s)
			}
			return Rename{from, to.Column}, nil
		}
	}
	return Rename{}, fmt.Errorf("%q is no rename; write it like users=people for a table, and users.mail=email for a column", s)
}

// ParseUsing reads table.column=expression.
func ParseUsing(s string) (Using, error) {
	toks := lex(s)
	if at := slices.IndexFunc(toks, func(t token) bool { return t.is("=") }); at > 0 && at+1 < len(toks) {
		if n, ok := nameOf(toks[:at]); ok && n.Column != "" {
			return Using{n, s[toks[at+1].pos:toks[len(toks)-1].end()]}, nil
		}
	}
	return Using{}, fmt.Errorf("%q does not say where a column's values come from; write it like users.name=coalesce(name, '')", s)
}

// Back returns what is known of the way back.
func (d Decisions) Back() Decisions {
	back := Decisions{Lossy: true, Elsewhere: d.Elsewhere}
	tables := map[string]string{}
	for _, r := range d.Renames {
		if r.From.Column == "" {
			tables[fold(r.From.Table)] = r.To
			back.Renames = append(back.Renames, Rename{Name{Table: r.To}, r.From.Table})
		}
	}
	for _, r := range d.Renames {
		if r.From.Column != "" {
			table := r.From.Table
			if to, ok := tables[fold(table)]; ok {
				table = to
			}
			back.Renames = append(back.Renames, Rename{Name{table, r.To}, r.From.Column})
		}
	}
	return back
}

// Undecided is the error of a [Change] for which more has to be known.
type Undecided struct {
	Questions []string // each with the ways to answer it
}

// Error returns the questions, one a line.
func (u *Undecided) Error() string { return strings.Join(u.Questions, "\n") }

// A Script is what turns one structure into another.
type Script []Step

// A Step is one statement.
type Step struct {
	Notes []string // what to know of it
	SQL   string
	goes  bool // with the one before
}

// String writes the script, the notes as comments.
func (s Script) String() string {
	var b strings.Builder
	for i, st := range s {
		long := func(st Step) bool { return st.goes || len(st.Notes) > 0 || strings.Contains(st.SQL, "\n") }
		if i > 0 && !st.goes && (long(st) || long(s[i-1])) {
			b.WriteByte('\n')
		}
		for _, n := range st.Notes {
			b.WriteString("-- " + oneLine(n) + "\n")
		}
		b.WriteString(st.SQL + "\n")
	}
	return b.String()
}

// oneLine keeps a note from reaching beyond its comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == 0 {
			return ' '
		}
		return r
	}, s)
}

// Change returns the statements that turn a database with one structure into one
// with the other and keep its rows; none if they are [Schema.Equal]. They take it
// that foreign keys are not enforced meanwhile. What only a person can know is an
// error of type [*Undecided].
//
// The statements have been tried, on a database without rows.
func Change(ctx context.Context, have, want *Schema, d Decisions) (Script, error) {
	c := &changer{Decisions: d, from: have, want: want.Without(d.Elsewhere...), rebuild: map[string]bool{}, elsewhere: map[string]bool{}}
	for _, name := range d.Elsewhere {
		c.elsewhere[fold(name)] = true
	}
	c.have = c.known(have)
	if len(d.Renames) > 0 {
		if err := c.rename(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.alike(); len(c.questions) > 0 {
		return nil, &Undecided{c.questions}
	}
	for {
		script := c.script()
		if len(c.questions) > 0 {
			return nil, &Undecided{c.questions}
		}
		again, err := c.try(ctx, script)
		if err != nil {
			return nil, err
		}
		if !again {
			list := make(Script, len(script))
			for i, s := range script {
				list[i] = s.Step
			}
			return list, nil
		}
	}
}

// A changer finds the statements of a change.
type changer struct {
	Decisions
	from      *Schema
	renames   []renaming
	displaced []Name   // what had the name that something else gets, and is to be dropped
	away      []Name   // where such columns are meanwhile
	moves     []Rename // of columns, that only a rebuild does
	have      *Schema  // from, after the renames
	want      *Schema
	questions []string
	elsewhere map[string]bool // names, folded

	// What has turned out when statements were tried: views and triggers are in the
	// way, or ALTER TABLE does not do for a table.
	clear   bool
	rebuild map[string]bool
}

// step is a Step, with the table that it alters.
type step struct {
	Step
	altered string
}

// known is a structure without the tables that are made elsewhere. Of views and
// triggers it has to be known what they are about.
func (c *changer) known(s *Schema) *Schema {
	views, triggers := s.views, s.triggers
	s = s.Without(c.Elsewhere...)
	s.views, s.triggers = views, triggers
	return s
}

func missing(what, where, kind, name string, there []string) error {
	hint := ""
	if len(there) > 0 {
		hint = "; did you mean " + quoteName(near.Word(name, there)) + "?"
	}
	return fmt.Errorf("%s: %s has no %s %s%s", what, where, kind, quoteName(name), hint)
}

func (s *Schema) tableNames() (list []string) {
	for _, name := range names(s.tables, nil) {
		list = append(list, s.tables[name].name)
	}
	return list
}

// check holds the decisions against the structures.
func (c *changer) check() error {
	var errs []error
	for _, n := range c.Drops {
		if slices.ContainsFunc(c.displaced, n.same) {
			continue
		}
		what := "--drop " + n.String()
		h, w := c.have.tables[fold(n.Table)], c.want.tables[fold(n.Table)]
		switch {
		case h == nil:
			errs = append(errs, missing(what, "the old schema", "table", n.Table, c.have.tableNames()))
		case n.Column == "":
			if w != nil {
				errs = append(errs, fmt.Errorf("%s: the wanted schema still has it", what))
			}
		case h.byName[fold(n.Column)] == nil:
			errs = append(errs, missing(what, "table "+quoteName(h.name), "column", n.Column, h.readable()))
		case w != nil && w.byName[fold(n.Column)] != nil:
			errs = append(errs, fmt.Errorf("%s: the wanted schema still has it", what))
		}
	}
	for _, u := range c.Using {
		what := "--using " + u.Column.String()
		h, w := c.have.tables[fold(u.Column.Table)], c.want.tables[fold(u.Column.Table)]
		switch {
		case w == nil:
			errs = append(errs, missing(what, "the wanted schema", "table", u.Column.Table, c.want.tableNames()))
		case h == nil:
			errs = append(errs, fmt.Errorf("%s: the table is new and has no rows; fill it with an INSERT in the migration", what))
		case !slices.ContainsFunc(w.writable(), func(name string) bool { return sameName(name, u.Column.Column) }):
			errs = append(errs, missing(what, "the wanted table "+quoteName(w.name), "column that can be given a value,", u.Column.Column, w.writable()))
		}
	}
	return errors.Join(errs...)
}

// using returns the expression that was given for a column.
func (c *changer) using(table, column string) (expr string, ok bool) {
	for _, u := range c.Using {
		if sameName(u.Column.Table, table) && sameName(u.Column.Column, column) {
			return u.Expr, true
		}
	}
	return "", false
}

func (c *changer) toDrop(table, column string) bool {
	return slices.ContainsFunc(slices.Concat(c.Drops, c.away), Name{table, column}.same)
}

// alike asks about what goes while something like it comes.
func (c *changer) alike() {
	if c.Lossy {
		return
	}
	for _, name := range names(c.have.tables, c.want.tables) {
		h, w := c.have.tables[name], c.want.tables[name]
		switch {
		case w == nil && !c.toDrop(h.name, ""):
			for _, other := range names(c.want.tables, nil) {
				if w := c.want.tables[other]; c.have.tables[other] == nil && h.like(w) {
					c.questions = append(c.questions, fmt.Sprintf("table %s goes, and %s, which is like it, comes: is it renamed (--rename %s), or are its rows to go (--drop %s)?",
						quoteName(h.name), quoteName(w.name), shellWord(Rename{Name{Table: h.name}, w.name}.String()), shellWord(quoteName(h.name))))
				}
			}
		case h != nil && w != nil:
			for _, hc := range h.columns {
				if w.byName[fold(c.movedTo(h.name, hc.name))] != nil || hc.virtual || hc.stored || w.module != "" || c.toDrop(h.name, hc.name) {
					continue
				}
				for _, wc := range w.columns {
					if h.byName[fold(c.movedFrom(h.name, wc.name))] == nil && !wc.virtual && !wc.stored && hc.typ == wc.typ && !c.toDrop(h.name, c.movedTo(h.name, hc.name)) {
						from := Name{h.name, hc.name}
						c.questions = append(c.questions, fmt.Sprintf("column %s goes, and %s of the same type comes: is it renamed (--rename %s), or are its values to go (--drop %s)?",
							from, quoteName(wc.name), shellWord(Rename{from, wc.name}.String()), shellWord(from.String())))
					}
				}
			}
		}
	}
}

// like reports whether the tables share at least half of their columns.
func (t *table) like(o *table) bool {
	mine, theirs := t.readable(), o.readable()
	common := 0
	for _, n := range mine {
		if slices.ContainsFunc(theirs, func(m string) bool { return sameName(n, m) }) {
			common++
		}
	}
	return common > 0 && 2*common >= max(len(mine), len(theirs))
}

// script writes all statements.
func (c *changer) script() (list []step) {
	c.questions = nil
	have, want := c.have, c.want
	changes := map[string]change{}
	gone := map[string]bool{}    // for good
	rebuilt := map[string]bool{} // and what is on them goes with them
	lost := map[string]bool{}    // tables and views that are not there for a while, and what is about them
	looks := len(c.renames) > 0  // SQLite looks at all views and triggers
	for _, name := range names(have.tables, want.tables) {
		h, w := have.tables[name], want.tables[name]
		if h == nil || w == nil {
			gone[name] = w == nil
			continue
		}
		ch := c.table(h, w)
		changes[name] = ch
		if ch.how == rebuild || ch.how == renew {
			rebuilt[name], lost[name], looks = true, true, looks || ch.how == rebuild
		}
		looks = looks || len(ch.drops) > 0
	}
	for name, h := range have.views {
		if w := want.views[name]; !c.elsewhere[name] && (w == nil || h.key != w.key || !slices.Equal(h.body.key, w.body.key)) {
			lost[name] = true
		}
	}
	if looks {
		for name, ch := range changes {
			if ch.how == alter {
				c.lose(name, ch.drops, lost)
			}
		}
		c.spread(lost)
	}
	aboutLost := func(own string, toks []token) bool {
		for name := range mentions(toks) {
			if name != own && lost[name] {
				return true
			}
		}
		return false
	}
	add := func(altered string, steps ...Step) {
		for _, st := range steps {
			list = append(list, step{st, altered})
		}
	}

	// What is in the way, and what is not wanted any more.
	left := map[string]bool{}
	add("", c.dropTriggers(func(name string) bool {
		if c.clear {
			return true
		}
		h, w := have.triggers[name], want.triggers[name]
		if h == nil {
			return false // it went with a table already
		}
		on := fold(h.table)
		switch {
		case looks && aboutLost(on, h.body.toks):
			return true
		case rebuilt[on], gone[on], lost[on]:
			return false // goes with it
		case c.elsewhere[name]:
			return false
		case w == nil, h.when != w.when, !sameName(h.table, w.table), !slices.Equal(h.body.key, w.body.key):
			return true
		}
		left["trigger "+name] = true
		return false
	})...)
	add("", c.dropViews(func(name string) bool {
		left["view "+name] = !c.clear && !lost[name]
		return !left["view "+name]
	})...)
	for _, name := range names(have.indexes, nil) {
		h, w := have.indexes[name], want.indexes[name]
		switch on := fold(h.table); {
		case rebuilt[on], gone[on]:
		case w == nil, h.key != w.key, h.unparsed != w.unparsed:
			add("", Step{SQL: "DROP INDEX " + quoteName(h.name) + ";"})
		default:
			left["index "+name] = true
		}
	}
	for _, r := range c.renames {
		add("", r.Step)
	}

	// Tables. Those that go are there until the rows of the others are in place.
	var behind []Step // what is made of the rows of other tables
	for _, name := range want.tableOrder() {
		w := want.tables[name]
		ch, ok := changes[name]
		switch {
		case !ok && w.fromOthers():
			behind = append(behind, Step{SQL: ended(w.sql)})
			behind = append(behind, w.refill(true)...)
		case !ok:
			add("", Step{SQL: ended(w.sql)})
		case ch.how == rebuild:
			add("", c.made(have.tables[name], w, ch)...)
		case ch.how == alter:
			add(name, c.altered(have.tables[name], w, ch)...)
		case ch.how == renew:
			behind = append(behind, Step{Notes: ch.notes, SQL: "DROP TABLE " + quoteName(w.name) + ";"}, Step{SQL: ended(w.sql), goes: true})
			behind = append(behind, w.refill(true)...)
		case w.fromOthers() && c.stale(w, changes, lost):
			behind = append(behind, w.refill(false)...)
		}
	}
	for _, name := range slices.Backward(have.tableOrder()) {
		if gone[name] {
			add("", c.dropTable(have.tables[name]))
		}
	}

	// What is on them and about them.
	for _, o := range want.inOrder() {
		if o.kind == "trigger" {
			add("", behind...)
			behind = nil
		}
		if name := fold(o.name); o.kind != "table" && !left[o.kind+" "+name] {
			st := Step{SQL: ended(o.sql)}
			if i := want.indexes[name]; o.kind == "index" && strings.HasPrefix(i.key, "unique\x00") && have.tables[fold(i.table)] != nil {
				if h := have.indexes[name]; h == nil || h.key != i.key {
					st.Notes = []string{"Fails, and leaves the database as it is, if rows are equal in what " + quoteName(i.name) + " is about."}
				}
			}
			add("", st)
		}
	}
	add("", behind...)
	return list
}

// lose marks the views that may be about dropped columns.
func (c *changer) lose(table string, columns []*column, lost map[string]bool) {
	if len(columns) == 0 {
		return
	}
	reach := map[string]bool{table: true}
	c.spread(reach)
	for name := range reach {
		v := c.have.views[name]
		if v == nil {
			continue
		}
		words := mentions(v.body.toks)
		if slices.ContainsFunc(columns, func(dropped *column) bool { return words[fold(dropped.name)] }) {
			lost[name] = true
		}
	}
}

// spread adds the views that are about what is marked.
func (c *changer) spread(marked map[string]bool) {
	for more := true; more; {
		more = false
		for name, v := range c.have.views {
			if marked[name] {
				continue
			}
			for m := range mentions(v.body.toks) {
				if marked[m] {
					marked[name], more = true, true
					break
				}
			}
		}
	}
}

func (c *changer) dropTriggers(chosen func(name string) bool) (list []Step) {
	for _, name := range names(c.from.triggers, nil) {
		if chosen(name) {
			list = append(list, Step{SQL: "DROP TRIGGER " + c.ifExists(name) + quoteName(c.from.triggers[name].name) + ";"})
		}
	}
	return list
}

// dropViews drops views before those that they are made of.
func (c *changer) dropViews(chosen func(name string) bool) (list []Step) {
	for _, name := range slices.Backward(c.from.viewOrder()) {
		if chosen(name) {
			list = append(list, Step{SQL: "DROP VIEW " + c.ifExists(name) + quoteName(c.from.views[name].name) + ";"})
		}
	}
	return list
}

func (c *changer) ifExists(name string) string {
	if c.elsewhere[name] {
		return "IF EXISTS "
	}
	return ""
}

// dropTable drops one that is not wanted any more.
func (c *changer) dropTable(t *table) Step {
	return Step{Notes: []string{"The rows of " + quoteName(t.name) + " are lost."}, SQL: "DROP TABLE " + quoteName(t.name) + ";"}
}

// try runs the statements on a database with the old structure. It reports
// whether there is another way to be tried, which it has taken note of.
func (c *changer) try(ctx context.Context, script []step) (again bool, err error) {
	err = onScratch(ctx, func(db scratch) error {
		if err := db.make(ctx, c.from); err != nil {
			return err
		}
		for _, st := range script {
			err := db.exec(ctx, st.SQL)
			switch {
			case err == nil:
				continue
			case ctx.Err() != nil:
				return err
			case st.altered != "" && !c.rebuild[st.altered]:
				c.rebuild[st.altered], again = true, true
			case !c.clear:
				c.clear, again = true, true
			default:
				return fmt.Errorf("a statement for the change fails: %w\n%s", err, st.SQL)
			}
			return nil
		}
		got, err := Of(ctx, db.db)
		if err != nil {
			return err
		}
		if got = got.Without(c.Elsewhere...); got.Equal(c.want) {
			return nil
		}
		for _, st := range script {
			if name := st.altered; name != "" && !c.rebuild[name] {
				cmp := &comparison{yield: func(d Difference) bool { return d.Kind == OrderOnly }}
				if cmp.table(got.tables[name], c.want.tables[name]); cmp.over {
					c.rebuild[name], again = true, true
				}
			}
		}
		if again {
			return nil
		}
		var texts []string
		for _, d := range Diff(got, c.want) {
			texts = append(texts, d.Text)
		}
		return fmt.Errorf("no statements were found for the change, only such that leave this: %s", strings.Join(texts, ", "))
	})
	return again, err
}
