package schema

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A world is a database as its author thinks of it: tables and columns have an
// identity besides their names, so that it is known what was renamed.
type world struct {
	tables []*worldTable
	others []*worldObject
	ids    int
}

type worldTable struct {
	id      int
	name    string
	key     int // of keys
	strict  bool
	columns []*worldColumn
	checks  []int   // columns
	unique  [][]int // columns
	fts     string  // options of an FTS5 table; it has no rows of its own if they have content=
	content *worldTable
}

type worldColumn struct {
	id        int
	name, typ string
	key       bool
	notNull   bool
	def       string
	collate   string
	unique    bool
	check     bool
	generated string // VIRTUAL or STORED
	of        int    // column that it is generated from
	parent    int    // table that it points to, 0 for none
	action    string
	apart     bool // its foreign key stands behind the columns
}

// A worldObject is an index, a view or a trigger.
type worldObject struct {
	kind  string
	id    int
	name  string
	table int   // or view, of an index or trigger
	about []int // tables, columns and views
	text  func(name func(int) string) string
}

// What the primary key of a table can be.
const (
	keyRowid = iota
	keyAutoincrement
	keyString
	keyWithout
	keyNone
	keyTwo
	keyKinds
)

type worldMaker struct {
	*rand.Rand
	*world
}

func (m worldMaker) id() int { m.ids++; return m.ids }

func (m worldMaker) chance(n int) bool { return m.IntN(n) == 0 }

func (w *world) table(id int) *worldTable {
	for _, t := range w.tables {
		if t.id == id {
			return t
		}
	}
	return nil
}

func (t *worldTable) column(id int) *worldColumn {
	for _, c := range t.columns {
		if c.id == id {
			return c
		}
	}
	return nil
}

// nameOf returns the name of anything.
func (w *world) nameOf(id int) (string, bool) {
	for _, t := range w.tables {
		if t.id == id {
			return t.name, true
		}
		if c := t.column(id); c != nil {
			return c.name, true
		}
	}
	for _, o := range w.others {
		if o.id == id {
			return o.name, true
		}
	}
	return "", false
}

var worldNames = []string{"users", "Notes", "tags", "order", "two words", "it's", `say "x"`, "größe", "select", "Group", "a.b", "x", "new_users", "c]d", "table", "_"}

// freeName invents a name for a table, view, index or trigger.
func (m worldMaker) freeName(prefix string) string {
	for n := 0; ; n++ {
		name := prefix + worldNames[m.IntN(len(worldNames))]
		if n > 3 || m.chance(3) {
			name += strconv.Itoa(n)
		}
		taken := slices.ContainsFunc(m.tables, func(t *worldTable) bool { return sameName(t.name, name) }) ||
			slices.ContainsFunc(m.others, func(o *worldObject) bool { return sameName(o.name, name) })
		if !taken {
			return name
		}
	}
}

func (m worldMaker) freeColumn(t *worldTable) string {
	for n := 0; ; n++ {
		name := modelNames[m.IntN(len(modelNames))]
		if n > 3 || m.chance(3) {
			name += strconv.Itoa(n)
		}
		if !slices.ContainsFunc(t.columns, func(c *worldColumn) bool { return sameName(c.name, name) }) {
			return name
		}
	}
}

// typ invents a type that takes digits.
func (m worldMaker) typ(strict bool) string {
	if strict {
		return pick(m.Rand, "TEXT", "INTEGER", "INT", "REAL", "ANY")
	}
	return pick(m.Rand, "TEXT", "integer", "INT", "REAL", "", "VARCHAR(20)", "DECIMAL(10, 2)", "ANY")
}

func (m worldMaker) newTable() {
	t := &worldTable{id: m.id(), name: m.freeName(""), key: m.IntN(keyKinds), strict: m.chance(4)}
	for range 1 + m.IntN(2) {
		t.columns = append(t.columns, &worldColumn{id: m.id(), name: m.freeColumn(t), key: true, typ: "INTEGER"})
	}
	if t.key != keyTwo {
		t.columns = t.columns[:1]
	}
	t.columns[0].typ = t.keyType()
	m.tables = append(m.tables, t)
	for range m.IntN(5) {
		m.newColumn(t)
	}
}

func (t *worldTable) keyType() string {
	if t.key == keyString {
		return "TEXT"
	}
	return "INTEGER"
}

// parents are the tables that a foreign key may point to: those with a lone key.
func (m worldMaker) parents() (list []*worldTable) {
	for _, t := range m.tables {
		if t.key < keyNone && t.fts == "" {
			list = append(list, t)
		}
	}
	return list
}

func (m worldMaker) newColumn(t *worldTable) {
	c := &worldColumn{id: m.id(), name: m.freeColumn(t), typ: m.typ(t.strict)}
	switch m.IntN(8) {
	case 0:
		c.generated, c.of = pick(m.Rand, "VIRTUAL", "STORED"), t.columns[m.IntN(len(t.columns))].id
		if of := t.column(c.of); of.generated != "" {
			c.of = t.columns[0].id
		}
		if t.strict {
			c.typ = "ANY"
		}
	case 1:
		if parents := m.parents(); len(parents) > 0 {
			p := parents[m.IntN(len(parents))]
			c.parent, c.typ, c.action, c.apart = p.id, p.columns[0].typ, pick(m.Rand, "", " ON DELETE CASCADE", " ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED"), m.chance(2)
		}
	case 2:
		c.notNull, c.def = true, pick(m.Rand, "7", "'7'", "(3 + 4)", "+7")
	case 3:
		c.def = pick(m.Rand, "7", "NULL", "(abs(-7))", "'7'")
		c.check = m.chance(2)
	case 4:
		c.unique = true
	case 5:
		c.collate = pick(m.Rand, "NOCASE", "rtrim")
	case 6:
		c.check = true
	}
	t.columns = slices.Insert(t.columns, pick(m.Rand, len(t.columns), 1+m.IntN(len(t.columns))), c)
}

// newFTS makes a full-text index, of rows of its own or of a table's.
func (m worldMaker) newFTS() {
	t := &worldTable{id: m.id(), name: m.freeName("")}
	if len(m.tables) > 0 && m.chance(2) {
		of := m.tables[m.IntN(len(m.tables))]
		if of.fts != "" || of.key == keyWithout {
			return
		}
		c := of.columns[len(of.columns)-1]
		if c.generated == "VIRTUAL" {
			return
		}
		t.content = of
		t.columns = append(t.columns, &worldColumn{id: c.id})
		t.fts = pick(m.Rand, "tokenize = 'porter'", "prefix='2'", "detail=full")
	} else {
		for range 1 + m.IntN(2) {
			t.columns = append(t.columns, &worldColumn{id: m.id(), name: fmt.Sprintf("c%d", m.IntN(1000))})
		}
		t.fts = pick(m.Rand, "tokenize = 'porter ascii'", "prefix='2 3'")
	}
	m.tables = append(m.tables, t)
}

func (m worldMaker) newOther() {
	if len(m.tables) == 0 {
		return
	}
	t := m.tables[m.IntN(len(m.tables))]
	c, d := t.columns[m.IntN(len(t.columns))], t.columns[m.IntN(len(t.columns))]
	o := &worldObject{id: m.id(), table: t.id, about: []int{t.id, c.id, d.id}}
	kind := m.IntN(5)
	if t.fts != "" {
		kind = 2 + m.IntN(2)
	}
	switch kind {
	case 0, 1:
		o.kind, o.name = "index", m.freeName("i ")
		form, key := m.IntN(4), t.keyColumn().id
		o.text = func(name func(int) string) string {
			on := " INDEX " + name(o.id) + " ON " + name(t.id)
			switch form {
			case 0:
				return "CREATE UNIQUE" + on + " (" + name(key) + ", " + name(c.id) + ")"
			case 1:
				return "CREATE" + on + " (lower(" + name(c.id) + "), " + name(d.id) + " DESC) WHERE " + name(d.id) + " IS NOT NULL"
			}
			return "CREATE" + on + " (" + name(c.id) + ")"
		}
		o.about = append(o.about, key)
	case 2, 3:
		o.kind, o.name, o.table = "view", m.freeName("v "), 0
		var views []*worldObject
		for _, v := range m.others {
			if v.kind == "view" {
				views = append(views, v)
			}
		}
		form := m.IntN(3)
		if form == 0 && len(views) > 0 {
			v := views[m.IntN(len(views))]
			o.about = []int{v.id}
			o.text = func(name func(int) string) string {
				return "CREATE VIEW " + name(o.id) + " AS SELECT * FROM " + name(v.id) + " -- all\n WHERE one IS NOT 'x'"
			}
			break
		}
		o.text = func(name func(int) string) string {
			n := name(t.id)
			return "CREATE VIEW " + name(o.id) + " (one, two) AS\n\tSELECT " + name(c.id) + ", " + n + "." + name(d.id) + " FROM " + n
		}
		if form == 1 {
			o.about = []int{t.id, c.id}
			o.text = func(name func(int) string) string {
				return "CREATE VIEW " + name(o.id) + " AS SELECT *, " + name(c.id) + " AS one FROM " + name(t.id) + " AS t"
			}
		}
	case 4:
		o.kind, o.name = "trigger", m.freeName("t ")
		u := m.tables[m.IntN(len(m.tables))]
		e := u.columns[m.IntN(len(u.columns))]
		o.about = append(o.about, u.id, e.id)
		var views []*worldObject
		for _, v := range m.others {
			if v.kind == "view" {
				views = append(views, v)
			}
		}
		if len(views) > 0 && m.chance(2) {
			v := views[m.IntN(len(views))]
			o.table, o.about = v.id, []int{v.id, u.id, e.id}
			o.text = func(name func(int) string) string {
				return "CREATE TRIGGER " + name(o.id) + " INSTEAD OF DELETE ON " + name(v.id) + " BEGIN DELETE FROM " + name(u.id) + " WHERE " + name(e.id) + " = old.one; END"
			}
			break
		}
		o.text = func(name func(int) string) string {
			return "CREATE TRIGGER " + name(o.id) + " AFTER UPDATE OF " + name(c.id) + " ON " + name(t.id) + " WHEN new." + name(d.id) +
				" > 5 BEGIN\n\tDELETE FROM " + name(u.id) + " WHERE " + name(e.id) + " = old." + name(c.id) + ";\nEND"
		}
	}
	m.others = append(m.others, o)
}

// prune takes out what is about something that is gone.
func (w *world) prune() {
	size := func() int {
		n := len(w.others) + len(w.tables)
		for _, t := range w.tables {
			n += len(t.columns)
		}
		return n
	}
	for n := -1; n != size(); {
		n = size()
		w.others = slices.DeleteFunc(w.others, func(o *worldObject) bool {
			return slices.ContainsFunc(o.about, func(id int) bool { _, ok := w.nameOf(id); return !ok })
		})
		w.tables = slices.DeleteFunc(w.tables, func(t *worldTable) bool {
			return t.content != nil && (w.table(t.content.id) == nil || w.table(t.content.id).column(t.columns[0].id) == nil || w.table(t.content.id).key == keyWithout)
		})
		for _, t := range w.tables {
			t.checks = slices.DeleteFunc(t.checks, func(id int) bool { return t.column(id) == nil })
			t.unique = slices.DeleteFunc(t.unique, func(ids []int) bool {
				return slices.ContainsFunc(ids, func(id int) bool { return t.column(id) == nil })
			})
			t.columns = slices.DeleteFunc(t.columns, func(c *worldColumn) bool {
				return c.generated != "" && t.column(c.of) == nil
			})
			for _, c := range t.columns {
				if p := w.table(c.parent); c.parent != 0 && (p == nil || p.key >= keyNone) {
					c.parent = 0
				}
			}
		}
	}
}

func (w *world) clone() *world {
	n := &world{ids: w.ids}
	for _, t := range w.tables {
		u := *t
		u.checks, u.unique, u.columns = slices.Clone(t.checks), slices.Clone(t.unique), nil
		for _, c := range t.columns {
			d := *c
			u.columns = append(u.columns, &d)
		}
		n.tables = append(n.tables, &u)
	}
	for _, o := range w.others {
		p := *o
		n.others = append(n.others, &p)
	}
	return n
}

// change makes a world a bit different.
func (m worldMaker) change() {
	if len(m.tables) == 0 || m.chance(12) {
		m.newTable()
		return
	}
	if m.chance(4) {
		m.newOther()
		return
	}
	t := m.tables[m.IntN(len(m.tables))]
	if t.fts != "" {
		switch {
		case m.chance(3):
			t.name = m.freeName("")
		case m.chance(2):
			t.fts = pick(m.Rand, "tokenize='unicode61'", "detail=column")
		case t.content == nil:
			t.columns = append(t.columns, &worldColumn{id: m.id(), name: fmt.Sprintf("d%d", m.IntN(1000))})
		}
		return
	}
	c := t.columns[m.IntN(len(t.columns))]
	switch m.IntN(16) {
	case 0:
		m.tables = slices.DeleteFunc(m.tables, func(o *worldTable) bool { return o == t })
	case 1:
		t.name = m.freeName("")
	case 2:
		c.name = m.freeColumn(t)
	case 3, 4:
		m.newColumn(t)
	case 5, 6:
		if !c.key {
			t.columns = slices.DeleteFunc(t.columns, func(d *worldColumn) bool { return d == c })
		}
	case 7:
		if !c.key && c.generated == "" && c.parent == 0 {
			c.typ = m.typ(t.strict)
		}
	case 8:
		if !c.key && c.generated == "" && c.parent == 0 && !c.unique {
			if c.notNull = !c.notNull; c.notNull {
				c.def = "7"
			}
		}
	case 9:
		if !c.key && c.generated == "" {
			c.collate = pick(m.Rand, "", "NOCASE")
		}
	case 10:
		c.check = !c.check && c.generated == ""
	case 11:
		if c.unique = !c.unique && !c.key && c.generated == "" && c.parent == 0; c.unique {
			c.def, c.notNull = "", false
		}
	case 12:
		if t.strict = !t.strict; t.strict {
			for _, c := range t.columns {
				if !c.key && c.parent == 0 {
					c.typ = m.typ(true)
				}
				if c.generated != "" {
					c.typ = "ANY"
				}
			}
		}
	case 13:
		if t.key < keyNone {
			t.key = m.IntN(keyNone)
			t.columns[slices.IndexFunc(t.columns, func(c *worldColumn) bool { return c.key })].typ = t.keyType()
		} else if c.generated != "" {
			c.generated = pick(m.Rand, "VIRTUAL", "STORED")
		}
	case 14:
		if c.generated == "" {
			t.checks = append(t.checks, c.id)
		}
	case 15:
		if d := t.columns[m.IntN(len(t.columns))]; d != c {
			t.unique = append(t.unique, []int{t.keyColumn().id, c.id})
		} else {
			m.Shuffle(len(t.columns), func(i, j int) { t.columns[i], t.columns[j] = t.columns[j], t.columns[i] })
		}
	}
	if len(m.others) > 0 && m.chance(3) {
		at := m.IntN(len(m.others))
		m.others = slices.Delete(m.others, at, at+1)
	}
}

// script writes the statements that make the world.
func (w *world) script(r *rand.Rand) string {
	name := func(id int) string {
		n, ok := w.nameOf(id)
		if !ok {
			panic("something is about nothing")
		}
		return sqlName(r, n)
	}
	var b strings.Builder
	for _, t := range w.tables {
		b.WriteString(t.create(r, w, name) + ";\n")
	}
	for _, kind := range []string{"index", "view", "trigger"} {
		for _, o := range w.others {
			if o.kind == kind {
				b.WriteString(o.text(name) + ";\n")
			}
		}
	}
	return b.String()
}

func (t *worldTable) create(r *rand.Rand, w *world, name func(int) string) string {
	var parts []string
	if t.fts != "" {
		for _, c := range t.columns {
			parts = append(parts, sqlName(r, c.nameIn(w)))
		}
		if t.content != nil {
			parts = append(parts, "content="+quoteString(w.table(t.content.id).name))
		}
		return "CREATE VIRTUAL TABLE " + name(t.id) + " USING fts5(" + strings.Join(append(parts, t.fts), ", ") + ")"
	}
	var keys []string
	for _, c := range t.columns {
		def := name(c.id) + " " + c.typ
		if c.key {
			keys = append(keys, name(c.id))
			switch t.key {
			case keyRowid:
				def += " PRIMARY KEY"
			case keyAutoincrement:
				def += " PRIMARY KEY AUTOINCREMENT"
			case keyString, keyWithout:
				def += " PRIMARY KEY NOT NULL"
			}
		}
		if c.notNull {
			def += " NOT NULL"
		}
		if c.def != "" {
			def += " DEFAULT " + c.def
		}
		if c.unique {
			def += " UNIQUE"
		}
		if c.collate != "" {
			def += " COLLATE " + c.collate
		}
		if c.check {
			def += " CHECK (" + []string{"", name(t.id) + "."}[c.id%2] + name(c.id) + " IS NOT '-1')"
		}
		if c.generated != "" {
			def += " AS (coalesce(" + name(c.of) + ", 0) || '1') " + c.generated
		}
		if c.parent != 0 && !c.apart {
			def += " REFERENCES " + name(c.parent) + " (" + name(w.table(c.parent).keyColumn().id) + ")" + c.action
		}
		parts = append(parts, def)
	}
	if t.key == keyTwo {
		parts = append(parts, "PRIMARY KEY ("+strings.Join(keys, ", ")+")")
	}
	for _, id := range t.checks {
		parts = append(parts, "CONSTRAINT "+sqlName(r, "c")+" CHECK ("+name(id)+" <> '-2')")
	}
	for _, ids := range t.unique {
		parts = append(parts, "UNIQUE ("+name(ids[0])+", "+name(ids[1])+")")
	}
	for _, c := range t.columns {
		if c.parent != 0 && c.apart {
			parts = append(parts, "FOREIGN KEY ("+name(c.id)+") REFERENCES "+name(c.parent)+" ("+name(w.table(c.parent).keyColumn().id)+")"+c.action)
		}
	}
	var options []string
	if t.key == keyWithout {
		options = append(options, "WITHOUT ROWID")
	}
	if t.strict {
		options = append(options, "STRICT")
	}
	return "CREATE TABLE " + name(t.id) + " (\n\t" + strings.Join(parts, ",\n\t") + "\n) " + strings.Join(options, ", ")
}

func (t *worldTable) keyColumn() *worldColumn {
	return t.columns[slices.IndexFunc(t.columns, func(c *worldColumn) bool { return c.key })]
}

func (c *worldColumn) nameIn(w *world) string {
	if c.name != "" {
		return c.name
	}
	n, _ := w.nameOf(c.id)
	return n
}

// rows writes statements that fill the tables: every value is another number,
// but where it points to a row.
func (w *world) rows(r *rand.Rand) string {
	var b strings.Builder
	count := map[int]int{}
	for _, t := range w.tables {
		count[t.id] = r.IntN(4)
	}
	value := func(t *worldTable, c *worldColumn, n int) int { return 1000*(n+1) + c.id }
	for _, t := range w.tables {
		if t.content != nil {
			continue
		}
		for n := range count[t.id] {
			var columns, values []string
			if t.fts != "" || t.key == keyString || t.key >= keyNone {
				columns, values = append(columns, "rowid"), append(values, strconv.Itoa(7*n+3))
			}
			for _, c := range t.columns {
				v := strconv.Itoa(value(t, c, n))
				switch {
				case c.generated != "":
					continue
				case c.parent != 0:
					p := w.table(c.parent)
					if v = "NULL"; count[p.id] > 0 {
						v = strconv.Itoa(value(p, p.keyColumn(), n%count[p.id]))
					}
				case !c.key && !c.notNull && r.IntN(4) == 0:
					v = "NULL"
				}
				columns, values = append(columns, quoteName(c.nameIn(w))), append(values, v)
			}
			fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES (%s);\n", quoteName(t.name), strings.Join(columns, ", "), strings.Join(values, ", "))
		}
		if t.key == keyAutoincrement && t.fts == "" && r.IntN(2) == 0 {
			fmt.Fprintf(&b, "UPDATE sqlite_sequence SET seq = 99999 WHERE name = %s;\n", quoteString(t.name))
		}
	}
	for _, t := range w.tables {
		if t.content != nil {
			fmt.Fprintf(&b, "INSERT INTO %s (%[1]s) VALUES ('rebuild');\n", quoteName(t.name))
		}
	}
	return b.String()
}

// decisions says what a person would know who has made one of the other.
func decisions(have, want *world) (d Decisions, ok bool) {
	for _, t := range have.tables {
		w := want.table(t.id)
		if w == nil {
			d.Drops = append(d.Drops, Name{Table: t.name})
			continue
		}
		if !sameName(t.name, w.name) {
			d.Renames = append(d.Renames, Rename{Name{Table: t.name}, w.name})
		}
		for _, c := range t.columns {
			if t.fts != "" {
				continue
			}
			switch n := w.column(c.id); {
			case n == nil:
				d.Drops = append(d.Drops, Name{w.name, c.name})
			case !sameName(n.name, c.name):
				d.Renames = append(d.Renames, Rename{Name{t.name, c.name}, n.name})
			}
		}
	}
	// What has the name of something that was dropped is that to everybody else.
	ok = !slices.ContainsFunc(d.Drops, func(n Name) bool {
		return slices.ContainsFunc(want.tables, func(t *worldTable) bool {
			return sameName(t.name, n.Table) && (n.Column == "" || slices.ContainsFunc(t.columns, func(c *worldColumn) bool { return sameName(c.name, n.Column) }))
		})
	})
	return d, ok
}

// common returns what the rows of a table hold in columns that are in both
// worlds, in a form that is the same for a number and its digits.
func common(t *testing.T, db *sql.DB, in, have, want *world, table int) (list []string) {
	t.Helper()
	h, w := have.table(table), want.table(table)
	of := in.table(table)
	var columns []string
	hasRowid := func(t *worldTable) bool { return t.fts != "" || t.key == keyString || t.key >= keyNone }
	if hasRowid(h) && hasRowid(w) {
		columns = append(columns, "rowid")
	}
	for _, c := range h.columns {
		d := w.column(c.id)
		if d == nil || c.generated != "" || d.generated != "" {
			continue
		}
		x := "CAST(" + quoteName(of.column(c.id).nameIn(in)) + " AS INTEGER)"
		if d.notNull {
			x = "coalesce(" + x + ", 7)"
		}
		columns = append(columns, x)
	}
	if len(columns) == 0 {
		columns = []string{"count(*)"}
	}
	return distinctRows(t, db, "SELECT "+strings.Join(columns, ", ")+" FROM "+quoteName(of.name))
}

func distinctRows(t *testing.T, db *sql.DB, q string) (list []string) {
	t.Helper()
	a := answer(t, db, q)
	if a.Err != nil {
		t.Fatalf("%v\n%s", a.Err, q)
	}
	for _, row := range a.Rows {
		list = append(list, strings.Trim(fmt.Sprint(row), "[]"))
	}
	slices.Sort(list)
	return list
}

// A drawn is a change between two worlds.
type drawn struct {
	have, want *world
	from, to   string // statements that make them
	rows       string // of the first
	decisions  Decisions
}

// draw makes two worlds. It reports whether SQLite takes them.
func draw(t *testing.T, r *rand.Rand) (d drawn, ok bool) {
	m := worldMaker{r, &world{}}
	for range 1 + r.IntN(4) {
		m.newTable()
	}
	for range r.IntN(3) {
		m.newFTS()
	}
	for range r.IntN(6) {
		m.newOther()
	}
	m.prune()
	d.have = m.world
	m.world = d.have.clone()
	for range r.IntN(7) {
		m.change()
		m.prune()
	}
	d.want = m.world
	d.from, d.to = d.have.script(r), d.want.script(r)
	d.rows = d.have.rows(r)
	for _, script := range []string{d.from, d.to} {
		db := open(t, "")
		defer db.Close()
		if _, err := db.Exec(script); err != nil {
			return d, false
		}
	}
	d.decisions, ok = decisions(d.have, d.want)
	return d, ok
}

// changeBetween changes a database with rows from one world to another, and back.
// It reports whether SQLite takes the worlds.
func changeBetween(t *testing.T, r *rand.Rand) bool {
	drawn, ok := draw(t, r)
	if !ok {
		return false
	}
	have, want, from, to, d := drawn.have, drawn.want, drawn.from, drawn.to, drawn.decisions
	db, other := open(t, from), open(t, to)
	defer db.Close()
	defer other.Close()
	exec := func(script string) error { _, err := db.Exec(script); return err }
	rows := drawn.rows
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v\n-- have\n%s-- want\n%s-- rows\n%s", what, err, from, to, rows)
		}
	}
	if err := exec(rows); err != nil {
		must("rows", err)
	}
	before, after := read(t, db), read(t, other)
	for _, s := range []*Schema{before, after} {
		if again := read(t, open(t, Dump(s))); !again.Equal(s) || Dump(again) != Dump(s) {
			must("dump", fmt.Errorf("%q\n%s", texts(Diff(again, s)), Dump(s)))
		}
	}
	if v := violations(t, db); len(v) > 0 {
		must("rows", fmt.Errorf("violations: %q", v))
	}
	text, _, err := DumpRows(t.Context(), db, before)
	must("rows", err)
	if again, _, err := DumpRows(t.Context(), open(t, text), before); err != nil || again != text {
		must("rows", fmt.Errorf("%v: dumped again\n%s\nand not\n%s", err, again, text))
	}
	rowsOf := map[int][]string{}
	for _, x := range have.tables {
		if want.table(x.id) != nil && x.content == nil {
			rowsOf[x.id] = common(t, db, have, have, want, x.id)
		}
	}
	sequences := distinctRows(t, db, "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_sequence'")[0] == "1"
	seq := map[int]string{}
	for _, x := range have.tables {
		if sequences && x.key == keyAutoincrement && x.fts == "" {
			seq[x.id] = fmt.Sprint(distinctRows(t, db, "SELECT seq FROM sqlite_sequence WHERE seq > 0 AND name = "+quoteString(x.name)))
		}
	}

	script, err := Change(t.Context(), before, after, d)
	must("change", err)
	if len(script) == 0 != before.Equal(after) && len(d.Renames) == 0 {
		must("change", errors.New("the script is empty if and only if they are equal"))
	}
	apply := func(what string, script Script) bool {
		t.Helper()
		if err := exec("BEGIN;\n" + script.String() + "\nCOMMIT;"); err != nil {
			if what == "back" && strings.Contains(script.String(), "not known any more") && strings.Contains(err.Error(), "constraint failed") {
				must("rollback", exec("ROLLBACK"))
				return false
			}
			must(what, fmt.Errorf("%w\n%s", err, script))
		}
		for _, line := range distinctRows(t, db, "PRAGMA integrity_check") {
			if line != "ok" {
				must(what, fmt.Errorf("integrity: %s\n%s", line, script))
			}
		}
		return true
	}
	apply("there", script)
	if now := read(t, db); !now.Equal(after) {
		must("there", fmt.Errorf("%q\n%s", texts(Diff(now, after)), script))
	}
	if v := violations(t, db); len(v) > 0 {
		must("there", fmt.Errorf("violations: %q\n%s", v, script))
	}
	for _, x := range want.tables {
		if rows, ok := rowsOf[x.id]; ok {
			if now := common(t, db, want, have, want, x.id); !slices.Equal(now, rows) {
				must("rows of "+x.name, fmt.Errorf("were %q, are %q\n%s", rows, now, script))
			}
		}
		if was, ok := seq[x.id]; ok && x.key == keyAutoincrement {
			if now := fmt.Sprint(distinctRows(t, db, "SELECT seq FROM sqlite_sequence WHERE seq > 0 AND name = "+quoteString(x.name))); now != was {
				must("sequence of "+x.name, fmt.Errorf("was %s, is %s\n%s", was, now, script))
			}
		}
		if x.content != nil {
			_, err := db.Exec(fmt.Sprintf("INSERT INTO %s (%[1]s, rank) VALUES ('integrity-check', 1)", quoteName(x.name)))
			must("index "+x.name, err)
		}
	}

	back, err := Change(t.Context(), after, before, d.Back())
	must("change back", err)
	if apply("back", back) {
		if now := read(t, db); !now.Equal(before) {
			must("back", fmt.Errorf("%q\n%s", texts(Diff(now, before)), back))
		}
		if v := violations(t, db); len(v) > 0 && !strings.Contains(back.String(), "not known any more") {
			must("back", fmt.Errorf("violations: %q\n%s", v, back))
		}
	}
	return true
}

func violations(t *testing.T, db *sql.DB) []string {
	return distinctRows(t, db, "PRAGMA foreign_key_check")
}

func TestRandomChanges(t *testing.T) {
	n := rounds(t, 150)
	seed := seed()
	taken := 0
	for i := range n {
		ok := t.Run(fmt.Sprintf("%d,%d", seed, i), func(t *testing.T) {
			if changeBetween(t, rand.New(rand.NewPCG(seed, uint64(i)))) {
				taken++
			}
		})
		if !ok {
			break
		}
	}
	if taken < n/2 && !t.Failed() {
		t.Errorf("SQLite took only %d of %d pairs", taken, n)
	}
}

// choices makes random numbers of what a fuzzer has chosen, two bytes each, and
// of what comes behind these.
type choices struct {
	left []byte
	rand.PCG
}

func (c *choices) Uint64() uint64 {
	u := c.PCG.Uint64()
	if len(c.left) < 2 {
		return u
	}
	u = u<<16>>16 | uint64(binary.BigEndian.Uint16(c.left))<<48
	c.left = c.left[2:]
	return u
}

// FuzzChange does the same as TestRandomChanges.
func FuzzChange(f *testing.F) {
	for i := range 8 {
		var b [400]byte
		r := rand.New(rand.NewPCG(uint64(i), 1))
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		f.Add(b[:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4000 {
			t.Skip()
		}
		changeBetween(t, rand.New(&choices{left: b}))
	})
}
