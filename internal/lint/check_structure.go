package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// breaking looks for what older programs would miss, unless the script says what
// it is.
func (c *check) breaking(m *migration, t *trace) {
	if m.says("breaking") || m.says("compatible") || m.repeatable() {
		return
	}
	added := map[string]bool{}
	for _, st := range m.up {
		e := st.effect
		if st.Kind != script.AlterTable || e.Temp {
			continue
		}
		column := script.Fold(e.Name) + "." + script.Fold(e.Column)
		switch {
		case e.Action == script.AddColumn:
			added[column] = true
		case added[column], !t.wasThere(e.Name):
		case e.Action == script.DropColumn:
			c.report("MS302", st, 0, "the column %s.%s is dropped", e.Name, e.Column)
		case e.Action == script.RenameColumn:
			c.report("MS304", st, 0, "the column %s.%s is renamed to %s", e.Name, e.Column, e.NewName)
		}
	}
	for _, is := range t.all {
		if is.create != nil || t.now[script.Fold(is.origin)] != nil && t.now[script.Fold(is.origin)] != is {
			continue // made by the script, or made anew
		}
		switch {
		case is.drop != nil && !is.drop.effect.Temp:
			c.report("MS301", is.drop, 0, "the table %s is dropped", is.origin)
		case is.drop == nil && script.Fold(is.name) != script.Fold(is.origin) && t.views[script.Fold(is.origin)] == nil:
			c.report("MS303", is.renames[0], 0, "the table %s is renamed to %s", is.origin, is.name)
		}
	}
	for name, v := range t.views {
		if v.drop != nil && (m.Before == nil || m.Before.Has("view", "", name)) && !v.drop.effect.Temp && t.now[script.Fold(v.origin)] == nil {
			c.report("MS301", v.drop, 0, "the view %s is dropped", v.origin)
		}
	}
}

// wasThere reports whether a table that is altered is from before the script.
func (t *trace) wasThere(name string) bool {
	return !slices.ContainsFunc(t.all, func(is *table) bool {
		return is.create != nil && (script.Fold(is.create.effect.Name) == script.Fold(name) || script.Fold(is.name) == script.Fold(name))
	})
}

// emptied looks at what is deleted, and at tables that are filled by a query.
func (c *check) emptied(m *migration, t *trace) {
	for _, is := range t.all {
		if is.create != nil && is.create.effect.AsSelect && !is.create.effect.Temp && is.drop == nil {
			c.report("MS411", is.create, 0, "%s is created by a SELECT: it has no keys, constraints or defaults", is.name)
		}
		if is.create != nil || is.drop != nil {
			continue
		}
		for _, st := range is.changes {
			if st.Kind != script.Delete || m.says("batch") {
				continue
			}
			if st.find(0, "WHERE") < 0 {
				c.report("MS409", st, 0, "all rows of %s are deleted", is.origin)
			}
			c.cascade(m, t, is, st)
		}
	}
}

// cascade looks for the rows that refer to those that are deleted.
func (c *check) cascade(m *migration, t *trace, is *table, st *statement) {
	if m.Before == nil {
		return
	}
	for _, child := range m.Before.Tables() {
		if script.Fold(child.Name) == script.Fold(is.origin) || t.now[script.Fold(child.Name)] != nil { // the script does something with it
			continue
		}
		if now, known := t.now[script.Fold(child.Name)]; known && now == nil {
			continue // dropped
		}
		for _, k := range child.ForeignKeys {
			if script.Fold(k.Parent) == script.Fold(is.origin) && k.OnDelete != "NO ACTION" && k.OnDelete != "RESTRICT" {
				c.report("MS410", st, 0, "the rows of %s that refer to %s stay: ON DELETE %s does nothing in an upgrade, which would be undone", child.Name, is.origin, k.OnDelete)
				break
			}
		}
	}
}

// rebuild looks at a table that is made anew.
func (c *check) rebuild(m *migration, t *trace, r rebuild) {
	if m.Before == nil || m.After == nil {
		return
	}
	before, after := m.Before.Table(r.name), m.After.Table(r.name)
	if before == nil || after == nil || before.Virtual || after.Virtual {
		return
	}
	said := m.says("breaking") || m.says("compatible")
	var dropped []string
	for _, col := range before.Columns {
		if after.Column(col.Name) != nil {
			continue
		}
		if st := renamed(m.up, r.name, col.Name); st == nil || after.Column(st.effect.NewName) == nil {
			dropped = append(dropped, col.Name)
		} else if !said {
			c.report("MS304", st, 0, "the column %s.%s is renamed to %s", r.name, col.Name, st.effect.NewName)
		}
	}
	if len(dropped) > 0 && !said {
		c.report("MS302", r.new.create, 0, "the new %s is without %s", r.name, strings.Join(dropped, ", "))
	}
	c.copied(r, before, after)
	c.lost(m, t, r, before, after)
}

// renamed returns the statement that renames a column, nil if none does.
func renamed(list []*statement, table, column string) *statement {
	for _, st := range list {
		if e := st.effect; st.Kind == script.AlterTable && e.Action == script.RenameColumn && script.Fold(e.Name) == script.Fold(table) && script.Fold(e.Column) == script.Fold(column) {
			return st
		}
	}
	return nil
}

// copied looks at the way of the rows from the old table into the new one.
func (c *check) copied(r rebuild, before, after *schema.Table) {
	var from []*statement // that the rows come by
	for _, st := range r.new.inserts {
		if !st.has("SELECT") {
			continue
		}
		if st.mentions(r.old.origin) || len(r.old.renames) > 0 && st.mentions(r.old.renames[len(r.old.renames)-1].effect.NewName) {
			from = append(from, st)
		}
	}
	if len(from) == 0 {
		if !r.new.create.effect.AsSelect {
			c.report("MS408", r.old.drop, 0, "%s is dropped and made anew, and no row is copied", r.name)
		}
		return
	}
	targets := map[string]bool{}
	for _, st := range from {
		cp := st.copying()
		if cp == nil {
			return // it cannot be followed
		}
		into := cp.targets(r.new.create)
		sources := cp.sources(before)
		for i, name := range into {
			targets[name] = true
			if i < len(sources) {
				c.column(st, cp, r, before, after, name, sources, i)
			}
		}
		if len(from) == 1 {
			c.rows(st, cp, r)
		}
	}
	for _, st := range r.new.changes { // filled later
		for _, col := range after.Columns {
			if st.mentions(col.Name) {
				targets[script.Fold(col.Name)] = true
			}
		}
	}
	for _, col := range after.Columns {
		old := before.Column(col.Name)
		inNew := slices.ContainsFunc(definitions(r.new.create), func(d definition) bool { return d.name.Name() == script.Fold(col.Name) })
		switch {
		case targets[script.Fold(col.Name)] || col.Generated || !inNew:
		case old != nil && !old.Generated:
			c.report("MS404", from[0], 0, "%s.%s is not copied: what is in it is lost", r.name, col.Name)
		case old == nil && col.NotNull && !col.Default && col.Name != after.RowidColumn:
			c.report("MS401", from[0], 0, "%s.%s is NOT NULL, has no default, and is not filled: the INSERT fails if there are rows", r.name, col.Name)
		}
	}
}

func definitions(st *statement) []definition {
	list, _ := st.columns()
	return list
}

// targets returns the columns that are filled, in their order.
func (cp *copying) targets(create *statement) (list []string) {
	if cp.into != nil {
		for _, t := range cp.into {
			list = append(list, t.Name())
		}
		return list
	}
	for _, d := range definitions(create) {
		if _, generated := d.at("AS"); !generated {
			list = append(list, d.name.Name())
		}
	}
	return list
}

// sources returns the columns that are read, in their order: "" for a value that
// is computed.
func (cp *copying) sources(before *schema.Table) (list []string) {
	if cp.star {
		for _, col := range before.Columns {
			list = append(list, script.Fold(col.Name))
		}
		return list
	}
	for _, item := range cp.items {
		list = append(list, plain(item))
	}
	return list
}

// column looks at what is copied into one column.
func (c *check) column(st *statement, cp *copying, r rebuild, before, after *schema.Table, name string, sources []string, i int) {
	source := sources[i]
	offset := 0
	if !cp.star {
		offset = cp.items[i][0].Offset
	}
	// Its own values go elsewhere, or nowhere.
	if source != "" && source != name && before.Column(source) != nil && before.Column(name) != nil && after.Column(source) != nil && (cp.star || slices.Contains(sources, name)) {
		c.report("MS407", st, offset, "%s.%s gets what was in %s", r.name, name, source)
		return
	}
	to, from := after.Column(name), before.Column(source)
	if to == nil || from == nil || !to.NotNull || from.NotNull || from.Key > 0 {
		return
	}
	for j, t := range cp.rest { // WHERE x IS NOT NULL
		if t.IsName() && t.Name() == source && j+3 < len(cp.rest) && cp.rest[j+1].Is("IS") && cp.rest[j+2].Is("NOT") && cp.rest[j+3].Is("NULL") {
			return
		}
	}
	if slices.ContainsFunc(r.old.changes, func(o *statement) bool { return o.mentions(source) }) {
		return // somebody has thought of it
	}
	c.report("MS405", st, offset, "%s.%s was allowed to be NULL and is not any more: the INSERT fails where a row has NULL", r.name, name)
}

// rows looks for rows that are not copied.
func (c *check) rows(st *statement, cp *copying, r rebuild) {
	first := st.toks[0]
	say := func(offset int, what string) {
		c.report("MS408", st, offset, "%s: not all rows of %s are copied before it is dropped", what, r.name)
	}
	switch {
	case cp.ignoring:
		say(first.Offset, "INSERT OR IGNORE")
		return
	case cp.distinct:
		say(first.Offset, "SELECT DISTINCT")
		return
	}
	depth := 0
	for i, t := range cp.rest {
		switch {
		case t.Text == "(":
			depth++
		case t.Text == ")":
			depth--
		case depth > 0:
		case t.Is("ON") && i+1 < len(cp.rest) && cp.rest[i+1].Is("CONFLICT"):
			return
		case t.Is("WHERE"):
			if i+1 < len(cp.rest) && (cp.rest[i+1].Is("TRUE") || cp.rest[i+1].Text == "1" && (i+2 == len(cp.rest) || cp.rest[i+2].Text == ";")) {
				continue
			}
			say(t.Offset, "WHERE")
			return
		case t.Is("LIMIT"), t.Is("GROUP"), t.Is("HAVING"):
			say(t.Offset, strings.ToUpper(t.Text))
			return
		case t.Is("JOIN") && (i == 0 || !cp.rest[i-1].Is("LEFT") && !cp.rest[i-1].Is("OUTER") && !cp.rest[i-1].Is("FULL")):
			say(t.Offset, "JOIN")
			return
		}
	}
}

// lost looks for indexes and triggers that went with the old table.
func (c *check) lost(m *migration, t *trace, r rebuild, before, after *schema.Table) {
	for _, i := range before.Indexes {
		if !i.Own || t.drops["index "+script.Fold(i.Name)] {
			continue
		}
		if slices.ContainsFunc(i.Columns, func(n string) bool { return n != "" && after.Column(n) == nil }) {
			continue // it went with a column
		}
		if !slices.ContainsFunc(after.Indexes, func(o schema.Index) bool {
			return script.Fold(o.Name) == script.Fold(i.Name) || o.Same == i.Same && (o.Unique || !i.Unique)
		}) {
			c.report("MS406", r.old.drop, 0, "the index %s is dropped with %s and not created again", i.Name, r.name)
		}
	}
	for _, name := range before.Triggers {
		if !t.drops["trigger "+script.Fold(name)] && !m.After.Has("trigger", "", name) {
			c.report("MS406", r.old.drop, 0, "the trigger %s is dropped with %s and not created again", name, r.name)
		}
	}
}

// A Probe is a statement that SQLite compiles only if the object can be used.
type Probe struct {
	Kind, Name string // "table" or "view"
	SQL        string
}

// Probes returns the statements for a structure. They are to be run on a
// connection with foreign keys enforced, and change nothing.
func Probes(s *schema.Schema) (list []Probe) {
	quote := func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
	for _, t := range s.Tables() {
		if t.Virtual {
			continue
		}
		var set []string
		for _, col := range t.Columns {
			if !col.Generated {
				set = append(set, quote(col.Name)+" = "+quote(col.Name))
			}
		}
		name := quote(t.Name)
		for _, q := range []string{"INSERT INTO " + name + " DEFAULT VALUES", "UPDATE " + name + " SET " + strings.Join(set, ", "), "DELETE FROM " + name} {
			list = append(list, Probe{"table", t.Name, "EXPLAIN " + q})
		}
	}
	for _, v := range s.Views() {
		list = append(list, Probe{"view", v, "EXPLAIN SELECT * FROM " + quote(v)})
	}
	return list
}

// Unusable is an object whose [Probe] has failed.
type Unusable struct {
	Kind, Name string
	Err        string // SQLite's own words
}

// ofStructure looks at what comes out at the end.
func (c *check) ofStructure() {
	c.unusable()
	var newest *schema.Schema
	for _, m := range c.migrations {
		if m.After != nil {
			newest = m.After
		}
	}
	if newest == nil {
		return
	}
	for _, t := range newest.Tables() {
		for _, k := range t.ForeignKeys {
			if !t.Begins(k.From) {
				c.unindexed(t, k)
			}
		}
		c.twice(t)
	}
}

// OfProgram reports whether an error of SQLite's is about something that a program
// may have registered, and a tool has not.
func OfProgram(reason string) bool {
	return strings.Contains(reason, "no such function") || strings.Contains(reason, "no such module") || strings.Contains(reason, "no such collation sequence")
}

func (c *check) unusable() {
	said := map[string]bool{} // the same words for each of three statements
	for _, u := range c.set.Unusable {
		reason := strings.TrimSuffix(strings.TrimPrefix(u.Err, "SQL logic error: "), " (1)")
		if OfProgram(reason) {
			continue
		}
		if child, ok := strings.CutPrefix(reason, `foreign key mismatch - "`); ok { // SQLite says it of the parent, too
			u.Name, _, _ = strings.Cut(child, `"`)
		}
		if said[u.Name+reason] {
			continue
		}
		said[u.Name+reason] = true
		missing := reason[strings.LastIndexAny(reason, " .")+1:]
		st := c.gone[script.Fold(missing)]
		if made := c.made[u.Kind+" "+script.Fold(u.Name)]; st == nil && len(made) > 0 {
			st = made[len(made)-1]
		}
		if st != nil {
			c.report("MS602", st, 0, "the %s %s cannot be used: %s", u.Kind, u.Name, reason)
		} else {
			c.add(Finding{Code: "MS602", Message: fmt.Sprintf("the %s %s cannot be used: %s", u.Kind, u.Name, reason)}, nil)
		}
	}
}

// unindexed reports a foreign key where it was declared.
func (c *check) unindexed(t *schema.Table, k schema.ForeignKey) {
	say := func(st *statement, at script.Token) {
		c.report("MS603", st, at.Offset, "no index on %s begins with %s, which refers to %s", t.Name, strings.Join(k.From, ", "), k.Parent)
	}
	for _, st := range c.made["table "+script.Fold(t.Name)] {
		defs, constraints := st.columns()
		for _, d := range defs {
			if at, ok := d.at("REFERENCES"); ok && len(k.From) == 1 && d.name.Name() == script.Fold(k.From[0]) {
				say(st, at)
				return
			}
		}
		for _, toks := range constraints {
			i := slices.IndexFunc(toks, func(t script.Token) bool { return t.Is("FOREIGN") })
			if i >= 0 && i+3 < len(toks) && toks[i+3].IsName() && toks[i+3].Name() == script.Fold(k.From[0]) {
				say(st, toks[i])
				return
			}
		}
	}
}

// twice looks for indexes that are the same.
func (c *check) twice(t *schema.Table) {
	for i, x := range t.Indexes {
		if !x.Own || x.Same == "" {
			continue
		}
		for j, o := range t.Indexes {
			if i == j || o.Same != x.Same || o.Partial != x.Partial || x.Unique && !o.Unique || o.Own && o.Unique == x.Unique && j > i {
				continue
			}
			made := c.made["index "+script.Fold(x.Name)]
			if len(made) == 0 {
				continue
			}
			other := "the index " + o.Name
			if !o.Own {
				other = "the index that SQLite makes for a UNIQUE or PRIMARY KEY"
			}
			c.report("MS604", made[0], 0, "the index %s on %s is the same as %s", x.Name, t.Name, other)
			break
		}
	}
}

// count writes "1 row", "2 rows".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
