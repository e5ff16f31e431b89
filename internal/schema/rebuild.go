package schema

import (
	"fmt"
	"slices"
	"strings"
)

// way is how a table is changed.
type way uint8

const (
	keep    way = iota
	alter       // columns come and go
	rebuild     // a new one is made, filled and renamed
	renew       // it is dropped and made: what is in it comes from elsewhere
)

// A change is what is done to a table.
type change struct {
	how   way
	adds  []columnText // with drops: ways to alter it
	drops []*column
	notes []string
}

// table decides how a table is changed.
func (c *changer) table(h, w *table) (ch change) {
	var diffs []Difference
	cmp := &comparison{yield: func(d Difference) bool {
		if d.Kind != OrderOnly {
			diffs = append(diffs, d)
		}
		return true
	}}
	cmp.table(h, w)
	using := slices.ContainsFunc(c.Using, func(u Using) bool { return sameName(u.Column.Table, w.name) })
	switch {
	case len(diffs) == 0 && !using:
		return ch
	case !using && !c.rebuild[fold(w.name)] && ch.alters(h, w):
		return ch
	}
	ch = change{how: rebuild}
	if len(diffs) > 0 {
		ch.notes = append(ch.notes, quoteName(w.name)+" is made anew, since ALTER TABLE does not do this:")
	}
	for _, d := range diffs {
		ch.notes = append(ch.notes, "  "+d.Text)
	}
	switch {
	case h.noRows() && !w.noRows() && !w.fromOthers():
		if ch.how = renew; !c.Lossy {
			c.questions = append(c.questions, fmt.Sprintf("virtual table %s changes, and what is in it cannot be read: drop it in one migration, and make and fill it in the next", quoteName(h.name)))
		}
		ch.notes = append(ch.notes, "It is empty then: fill it again.")
	case w.noRows():
		ch.how = renew
		ch.notes = append(ch.notes, "What it holds itself is lost.")
	case w.fromOthers():
		if ch.how = renew; !h.fromOthers() {
			ch.notes = append(ch.notes, "What it holds itself is lost.")
		}
	}
	return ch
}

// alters finds out how ALTER TABLE could change the table. What it does to rows
// counts here; whether SQLite takes it otherwise is tried.
func (ch *change) alters(h, w *table) bool {
	if h.module != "" || w.module != "" || h.unparsed != "" || w.unparsed != "" || h.key.key != w.key.key || h.strict != w.strict || h.noRowid != w.noRowid {
		return false
	}
	for _, c := range h.columns {
		switch n := w.byName[fold(c.name)]; {
		case n == nil:
			ch.drops = append(ch.drops, c)
		case c.differs(n):
			return false
		}
	}
	text := parseTable(statement(w.sql))
	for i, c := range w.columns {
		if h.byName[fold(c.name)] != nil {
			continue
		}
		t := text.columns[i]
		if t.key || c.stored || c.notNull && !c.hasDef || c.hasDef && (t.refers || !c.def.constant()) {
			return false
		}
		ch.adds = append(ch.adds, t)
	}
	ch.how = alter
	return len(ch.adds)+len(ch.drops) > 0
}

// constant reports whether a default is a value that ALTER TABLE can give to the
// rows that are there.
func (e expr) constant() bool {
	toks := bare(lex(e.text))
	if len(toks) == 2 && (toks[0].is("-") || toks[0].is("+")) {
		return toks[1].kind == number
	}
	return len(toks) == 1 && !strings.HasPrefix(fold(toks[0].text), "current_")
}

// altered writes the ALTER TABLEs.
func (c *changer) altered(h, w *table, ch change) (list []Step) {
	table := "ALTER TABLE " + quoteName(h.name) + " "
	behind := true // where ALTER TABLE puts what it adds
	for i, t := range ch.adds {
		behind = behind && sameName(w.columns[len(w.columns)-len(ch.adds)+i].name, t.name)
	}
	for i, t := range ch.adds {
		st := Step{SQL: table + "ADD COLUMN " + w.sql[t.toks[0].pos:t.toks[len(t.toks)-1].end()] + ";"}
		if i == 0 && !behind {
			st.Notes = []string{"Behind the other columns of " + quoteName(h.name) + ", where ALTER TABLE puts it."}
		}
		list = append(list, st)
	}
	for _, d := range ch.drops {
		st := Step{SQL: table + "DROP COLUMN " + quoteName(d.name) + ";"}
		if !d.virtual && !d.stored {
			st.Notes = []string{"The values of " + Name{h.name, d.name}.String() + " are lost."}
		}
		list = append(list, st)
	}
	return list
}

// made writes the statements that make a table: under another name, filled and
// renamed, if it is there.
func (c *changer) made(h, w *table, ch change) []Step {
	name := c.freeName(w)
	insert, notes := c.fill(h, w, name)
	list := []Step{{Notes: append(ch.notes, notes...), SQL: renamed(w, name)}}
	add := func(sql string, notes ...string) { list = append(list, Step{notes, sql, true}) }
	if insert != "" {
		add(insert)
	}
	if h.autoincrements() && w.autoincrements() {
		add("DELETE FROM sqlite_sequence WHERE name = "+quoteString(name)+";", "Numbers that were given away are not given again.")
		add("INSERT INTO sqlite_sequence (name, seq) SELECT " + quoteString(name) + ", seq FROM sqlite_sequence WHERE name = " + quoteString(h.name) + ";")
	}
	add("DROP TABLE " + quoteName(h.name) + ";")
	add("ALTER TABLE " + quoteName(name) + " RENAME TO " + quoteName(w.name) + ";")
	return list
}

func (t *table) autoincrements() bool { return strings.Contains(t.key.key, "\x00autoincrement") }

// freeName returns a name for the table while the old one is there.
func (c *changer) freeName(t *table) string {
	name := "new_" + t.name
	for {
		taken := false
		for _, s := range []*Schema{c.from, c.have, c.want} {
			for o := range s.objects {
				taken = taken || o[1] == fold(name)
			}
		}
		if !taken {
			return name
		}
		name += "_"
	}
}

// renamed returns the statement that makes the table under another name.
func renamed(t *table, name string) string {
	sql := ended(t.sql)
	toks := lex(sql)
	p := &parser{toks: toks}
	if t.module != "" {
		p.create("virtual", "table")
	} else {
		p.create("table")
	}
	at := p.i - 1
	var b strings.Builder
	from := 0
	for i, tok := range toks {
		// It may speak of itself as t.c.
		self := t.module == "" && i > at && tok.isName() && tok.kind != str && sameName(tok.name(), t.name) && i+1 < len(toks) && toks[i+1].is(".")
		if i == at || self {
			b.WriteString(sql[from:tok.pos] + quoteName(name))
			from = tok.end()
		}
	}
	return b.String() + sql[from:]
}

// fill writes the INSERT that takes the rows over, "" if there is nothing to
// take.
func (c *changer) fill(h, w *table, into string) (insert string, notes []string) {
	var columns, values []string
	give := func(column, value string) {
		columns, values = append(columns, quoteName(column)), append(values, value)
	}
	rowid := h.rowid(w)
	if pk := w.rowidColumn(); rowid != "" && w.rowid(h) != "" && pk == nil {
		give(rowid, rowid)
	}
	for _, name := range w.writable() {
		value, note := c.value(h, w, name, rowid)
		if value != "" {
			give(name, value)
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	var lost []string
	kept := w.readable()
	for _, name := range h.writable() {
		if !slices.ContainsFunc(kept, func(n string) bool { return sameName(n, c.movedTo(h.name, name)) }) {
			lost = append(lost, Name{h.name, name}.String())
		}
	}
	if len(lost) > 0 {
		notes = append(notes, "The values of "+strings.Join(lost, ", ")+" are lost.")
	}
	if risks := risks(h, w); len(risks) > 0 {
		notes = append(notes, "Fails, and leaves the database as it is, if a row breaks "+strings.Join(risks, ", ")+".")
	}
	if len(columns) == 0 {
		return "", append(notes, "The rows of "+quoteName(h.name)+" are lost: nothing of them is wanted.")
	}
	return "INSERT INTO " + quoteName(into) + " (" + strings.Join(columns, ", ") + ")\nSELECT " + strings.Join(values, ", ") + "\nFROM " + quoteName(h.name) + ";", notes
}

// value returns the expression that gives a column its value; "" leaves it to
// its default.
func (c *changer) value(h, w *table, name, rowid string) (value, note string) {
	if expr, ok := c.using(w.name, name); ok {
		return expr, ""
	}
	from, was := "", c.movedFrom(h.name, name)
	for _, n := range h.readable() {
		if sameName(n, was) {
			from = quoteName(n)
		}
	}
	of, to := h.byName[fold(was)], w.byName[fold(name)]
	column := Name{w.name, name}
	switch {
	case to == nil: // of a virtual table
		return from, ""
	case c.Lossy && from != "" && !to.notNull && to.pk == 0 && c.orphans(h, w, name):
		return "NULL", "What " + column.String() + " pointed to is lost: it becomes NULL."
	case from != "" && (!to.notNull || of != nil && (of.notNull || of == h.rowidColumn()) || to.conflict == "REPLACE" || to.pk > 0 && (of == nil || of.pk > 0)):
		return from, ""
	case from != "" && to.hasDef:
		return "coalesce(" + from + ", " + to.def.text + ")", "NULL in " + column.String() + " becomes " + to.def.text + "."
	case from == "" && to == w.rowidColumn():
		return rowid, ""
	case from == "" && (to.hasDef || !to.notNull && to.pk == 0):
		return "", ""
	case c.Lossy:
		value = c.madeUp(w, to, rowid)
		if from != "" {
			return "coalesce(" + from + ", " + value + ")", "NULL in " + column.String() + " becomes " + value + "."
		}
		return value, "The values of " + column.String() + " are not known any more: they become " + value + "."
	case from != "":
		c.questions = append(c.questions, fmt.Sprintf("column %s is to be NOT NULL, and rows may hold NULL: give it a DEFAULT, or say what such rows get with --using %s; --using %s says that there are none",
			column, shellWord(fmt.Sprintf("%s=coalesce(%s, '')", column, from)), shellWord(fmt.Sprintf("%s=%s", column, from))))
	default:
		c.questions = append(c.questions, fmt.Sprintf("column %s is new and needs a value in the rows that are there: give it a DEFAULT, or say what they get with --using %s", column, shellWord(column.String()+"=…")))
	}
	return "", ""
}

// orphans reports whether a column gets a foreign key to a table that has no rows
// yet.
func (c *changer) orphans(h, w *table, name string) bool {
	for key := range w.foreign {
		parent, pairs, _ := strings.Cut(key, "\x00\x00")
		if h.foreign[key] != nil || c.have.tables[parent] != nil || sameName(parent, w.name) {
			continue
		}
		for pair := range strings.SplitSeq(pairs, "\x00\x00") {
			if from, _, _ := strings.Cut(pair, "\x00"); from == fold(name) {
				return true
			}
		}
	}
	return false
}

// madeUp returns a value for a column of which nothing is known.
func (c *changer) madeUp(w *table, to *column, rowid string) string {
	value := "0"
	switch typ := to.typ; {
	case strings.Contains(typ, "INT"):
	case strings.Contains(typ, "CHAR"), strings.Contains(typ, "CLOB"), strings.Contains(typ, "TEXT"):
		value = "''"
	case typ == "", strings.Contains(typ, "BLOB"):
		value = "x''"
	}
	unique := to.pk > 0
	term := `"` + fold(to.name) + "\x00"
	for key := range w.unique {
		unique = unique || strings.Contains(key, term)
	}
	for _, i := range c.want.indexes {
		unique = unique || sameName(i.table, w.name) && strings.HasPrefix(i.key, "unique\x00") && strings.Contains(i.key, term)
	}
	switch {
	case !unique || rowid == "":
		return value
	case value == "x''":
		return "CAST(" + rowid + " AS BLOB)"
	}
	return rowid
}

// risks lists what the rows that are there may break.
func risks(h, w *table) (list []string) {
	for _, k := range names(w.unique, nil) {
		if h.unique[k] == "" {
			list = append(list, w.unique[k])
		}
	}
	for _, k := range names(w.checks, nil) {
		if h.checks[k] == "" {
			list = append(list, w.checks[k])
		}
	}
	for _, k := range names(w.foreign, nil) {
		if h.foreign[k] == nil {
			list = append(list, w.foreign[k].text)
		}
	}
	if w.key.key != h.key.key && w.key.key != "" {
		list = append(list, w.key.text)
	}
	if w.strict {
		for _, c := range w.columns {
			if of := h.byName[fold(c.name)]; of != nil && c.typ != "ANY" && c != w.rowidColumn() && (!h.strict || of.typ != c.typ) && !c.virtual {
				list = append(list, "the type of "+quoteName(c.name))
			}
		}
	}
	return list
}

// readable returns the names of the columns, in order.
func (t *table) readable() []string {
	if t.module != "" {
		return t.visible
	}
	var list []string
	for _, c := range t.columns {
		list = append(list, c.name)
	}
	return list
}

// writable returns the names of the columns that a row can be made of.
func (t *table) writable() []string {
	if t.module != "" {
		return t.visible
	}
	var list []string
	for _, c := range t.columns {
		if !c.virtual && !c.stored {
			list = append(list, c.name)
		}
	}
	return list
}

// rowidColumn returns the column that is the rowid, if there is one.
func (t *table) rowidColumn() *column {
	if !strings.HasPrefix(t.key.key, "rowid\x00") {
		return nil
	}
	return t.columns[slices.IndexFunc(t.columns, func(c *column) bool { return c.pk > 0 })]
}

// rowid returns a name of the rowid that is none of a column, here or in the
// other table; "" if there is none.
func (t *table) rowid(o *table) string {
	if t.noRowid || t.module != "" && !t.isFTS() {
		return ""
	}
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if t.byName[name] == nil && o.byName[name] == nil {
			return name
		}
	}
	return ""
}

func (t *table) isFTS() bool { return strings.HasPrefix(t.module, "fts") && modules[t.module] != nil }

// content returns the option content=… of a full-text index.
func (t *table) content() (name string, ok bool) {
	if !t.isFTS() {
		return "", false
	}
	_, args, _ := parseVirtual(statement(t.sql))
	for _, a := range args {
		if len(a) > 1 && a[0].is("content") && a[1].is("=") {
			if len(a) == 2 {
				return "", true
			}
			return a[2].name(), true
		}
	}
	return "", false
}

// fromOthers reports whether the table is an index of another table's rows.
func (t *table) fromOthers() bool {
	name, ok := t.content()
	return ok && name != ""
}

// noRows reports whether no rows can be read out of a virtual table: it has only
// an index of them, or its module is such that shows what is elsewhere.
func (t *table) noRows() bool {
	name, ok := t.content()
	return ok && name == "" || t.module != "" && modules[t.module] == nil
}

// stale reports whether an index that stays may not be that of another table's
// rows any more.
func (c *changer) stale(index *table, changes map[string]change, lost map[string]bool) bool {
	name, _ := index.content()
	name = fold(name)
	h, w := c.have.tables[name], c.want.tables[name]
	switch {
	case c.want.views[name] != nil:
		return lost[name]
	case h == nil || w == nil || changes[name].how != rebuild:
		return false
	}
	return h.key.key != w.key.key || slices.ContainsFunc(index.visible, func(n string) bool {
		of, to := h.byName[fold(n)], w.byName[fold(n)]
		_, using := c.using(w.name, n)
		return using || of == nil || to == nil || of.differs(to)
	})
}

// refill fills an index of another table's rows.
func (t *table) refill(goes bool) []Step {
	if !t.fromOthers() {
		return nil
	}
	n := quoteName(t.name)
	return []Step{{SQL: "INSERT INTO " + n + " (" + n + ") VALUES ('rebuild');", goes: goes}}
}
