package schema

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// Kind is what sort of difference there is.
type Kind uint8

const (
	Missing    Kind = iota // what is expected is not there
	Unexpected             // what is there is not expected
	Changed                // it is there, and different
	OrderOnly              // the columns of a table are the same in another order: a note, to [Schema.Equal] no difference
)

// String returns the kind in a word.
func (k Kind) String() string {
	switch k {
	case Missing:
		return "missing"
	case Unexpected:
		return "unexpected"
	case Changed:
		return "changed"
	}
	return "order"
}

// A Difference is one thing in which a database is not as expected.
type Difference struct {
	Kind   Kind
	Object string // what it is about, as "column messages.name"
	Text   string // a sentence without a full stop
	Weight int    // its part of the [Distance]; 0 for a note
	// What it is and what is expected, where that can be said in a few words.
	Have, Want string
}

// String returns the sentence that says it.
func (d Difference) String() string { return d.Text }

// Equal reports whether the schemas mean the same. The order of columns does not
// count.
func (s *Schema) Equal(o *Schema) bool {
	for d := range differences(s, o) {
		if d.Kind != OrderOnly {
			return false
		}
	}
	return true
}

// Diff says how a database is not as expected, notes included, in an order that
// is always the same: tables by their names, then indexes, triggers and views.
func Diff(have, want *Schema) []Difference { return slices.Collect(differences(have, want)) }

// Distance says how far a database is from what is expected: 0 if they are
// [Schema.Equal].
func Distance(have, want *Schema) (n int) {
	for d := range differences(have, want) {
		n += d.Weight
	}
	return n
}

// A comparison reports differences until nobody listens.
type comparison struct {
	yield func(Difference) bool
	over  bool
}

func (c *comparison) report(kind Kind, weight int, object string, text ...string) {
	c.differ(kind, weight, object, "", "", text...)
}

func (c *comparison) differ(kind Kind, weight int, object, have, want string, text ...string) {
	if !c.over {
		c.over = !c.yield(Difference{kind, object, strings.Join(text, ""), weight, have, want})
	}
}

// found reports what one side lacks. It returns false for what both have.
func (c *comparison) found(have, want bool, weight int, object string) bool {
	switch {
	case !have:
		c.report(Missing, weight, object, object, " is missing")
	case !want:
		c.report(Unexpected, weight, object, object, " is not expected")
	default:
		return false
	}
	return true
}

func differences(have, want *Schema) iter.Seq[Difference] {
	return func(yield func(Difference) bool) {
		c := &comparison{yield: yield}
		lone := map[string]bool{} // tables and views that one side lacks
		for _, name := range names(have.tables, want.tables) {
			if c.over {
				return
			}
			h, w := have.tables[name], want.tables[name]
			if h != nil && w != nil {
				c.table(h, w)
				continue
			}
			lone[name] = true
			switch {
			case h == nil && have.views[name] != nil:
				c.report(Changed, 2+len(w.columns), "table "+quoteName(w.name), quoteName(w.name), " is a view, expected a table")
			case w == nil && want.views[name] != nil:
				c.report(Changed, 2+len(h.columns), "view "+quoteName(h.name), quoteName(h.name), " is a table, expected a view")
			default:
				t := either(h, w)
				c.found(h != nil, w != nil, 2+len(t.columns), "table "+quoteName(t.name))
			}
		}
		for name := range maps.Keys(have.views) {
			if want.views[name] == nil {
				lone[name] = true
			}
		}
		for name := range maps.Keys(want.views) {
			if have.views[name] == nil {
				lone[name] = true
			}
		}
		for _, name := range names(have.indexes, want.indexes) {
			h, w := have.indexes[name], want.indexes[name]
			i := either(h, w)
			object := "index " + quoteName(i.name)
			switch {
			case h == nil || w == nil:
				if !lone[fold(i.table)] { // the table says enough
					c.found(h != nil, w != nil, 2, object)
				}
			case h.key != w.key || h.unparsed != w.unparsed:
				c.changed(1, object, h.text, w.text)
			}
		}
		for _, name := range names(have.triggers, want.triggers) {
			h, w := have.triggers[name], want.triggers[name]
			t := either(h, w)
			object := "trigger " + quoteName(t.name)
			switch {
			case h == nil || w == nil:
				if !lone[fold(t.table)] {
					c.found(h != nil, w != nil, 2, object)
				}
			case h.when != w.when || !sameName(h.table, w.table):
				c.changed(1, object, h.when+" ON "+quoteName(h.table), w.when+" ON "+quoteName(w.table))
			default:
				c.body(object, h.body, w.body)
			}
		}
		for _, name := range names(have.views, want.views) {
			h, w := have.views[name], want.views[name]
			v := either(h, w)
			object := "view " + quoteName(v.name)
			switch {
			case h == nil && have.tables[name] != nil, w == nil && want.tables[name] != nil:
				// said already
			case h == nil || w == nil:
				c.found(h != nil, w != nil, 2, object)
			case h.key != w.key:
				c.report(Changed, 1, object, object, " differs in the names of its columns")
			default:
				c.body(object, h.body, w.body)
			}
		}
	}
}

// either returns the one that is there, the expected one if both are.
func either[T any](have, want *T) *T {
	if want != nil {
		return want
	}
	return have
}

// names returns the keys of both, sorted.
func names[V any](a, b map[string]V) []string {
	list := slices.Collect(maps.Keys(a))
	for k := range b {
		if _, ok := a[k]; !ok {
			list = append(list, k)
		}
	}
	slices.Sort(list)
	return list
}

// changed reports that an object is one thing and not another.
func (c *comparison) changed(weight int, object, have, want string) {
	if have == want { // people see no difference
		c.report(Changed, weight, object, object, " differs")
		return
	}
	c.differ(Changed, weight, object, have, want, object, " is ", have, ", expected ", want)
}

// body compares pieces of SQL.
func (c *comparison) body(object string, have, want body) {
	if slices.Equal(have.key, want.key) {
		return
	}
	i := 0
	for i < len(have.key) && i < len(want.key) && have.key[i] == want.key[i] {
		i++
	}
	h, w := have.around(i), want.around(i)
	if h == w {
		c.report(Changed, 1, object, object, " differs")
		return
	}
	c.differ(Changed, 1, object, h, w, object, " differs: it has ", h, ", expected ", w)
}

// around shows a piece of SQL at a token.
func (b body) around(i int) string {
	from, to := max(0, i-2), min(len(b.toks), i+6)
	from = min(from, to)
	s := source(b.toks[from:to])
	if from > 0 {
		s = "… " + s
	}
	if to < len(b.toks) {
		s += " …"
	}
	return "“" + s + "”"
}

func (c *comparison) table(have, want *table) {
	name := quoteName(want.name)
	object := "table " + name
	if have.module != "" || want.module != "" {
		switch {
		case have.module == "":
			c.report(Changed, 2+len(have.columns), object, object, " is an ordinary table, expected a virtual one ", want.using)
		case want.module == "":
			c.report(Changed, 2+len(want.columns), object, object, " is a virtual table ", have.using, ", expected an ordinary one")
		case have.module != want.module || !slices.Equal(have.args, want.args) || have.unparsed != want.unparsed:
			c.changed(1, "virtual "+object, have.using, want.using)
		}
		return
	}
	c.flag(object, "STRICT", have.strict, want.strict)
	c.flag(object, "WITHOUT ROWID", have.noRowid, want.noRowid)
	for _, o := range distinct(slices.Concat(have.options, want.options)) {
		c.flag(object, o, slices.Contains(have.options, o), slices.Contains(want.options, o))
	}
	retyped := c.columns(name, have, want)
	switch h, w := have.key, want.key; {
	case h.key == w.key:
	case h.text != w.text:
		c.differ(Changed, 1, object, orNone(h.text), orNone(w.text), object, " has ", orNone(h.text), ", expected ", orNone(w.text))
	case !retyped: // INTEGER PRIMARY KEY DESC
		c.report(Changed, 1, object, object, " has ", h.text, " ", rowid(h.key), ", expected it ", rowid(w.key))
	}
	c.constraints(object, have.unique, want.unique)
	c.constraints(object, have.checks, want.checks)
	for _, k := range names(have.foreign, want.foreign) {
		h, w := have.foreign[k], want.foreign[k]
		object := "foreign key " + either(h, w).text
		if !c.found(h != nil, w != nil, 1, object) && !slices.Equal(h.actions, w.actions) {
			c.differ(Changed, 1, object, actions(h), actions(w), object, " has ", actions(h), ", expected ", actions(w))
		}
	}
	if have.unparsed != want.unparsed {
		c.report(Changed, 1, object, "the definition of ", object, " differs")
	}
}

func orNone(s string) string {
	if s == "" {
		return "no primary key"
	}
	return s
}

func rowid(key string) string {
	if strings.HasPrefix(key, "rowid\x00") {
		return "as the rowid"
	}
	return "with an index of its own"
}

func actions(k *foreignKey) string {
	if len(k.actions) == 1 && k.actions[0] == "" {
		return "no action"
	}
	return strings.Join(k.actions, " and ")
}

func (c *comparison) flag(object, flag string, have, want bool) {
	switch {
	case have && !want:
		c.differ(Changed, 1, object, flag, "not "+flag, object, " is ", flag, ", expected not")
	case !have && want:
		c.differ(Changed, 1, object, "not "+flag, flag, object, " is not ", flag, ", expected ", flag)
	}
}

// constraints compares UNIQUE or CHECK constraints.
func (c *comparison) constraints(object string, have, want map[string]string) {
	for _, k := range names(have, want) {
		if w, ok := want[k]; !ok {
			c.differ(Unexpected, 1, object, have[k], "", object, " has ", have[k], ", which is not expected")
		} else if _, ok := have[k]; !ok {
			c.differ(Missing, 1, object, "", w, object, " lacks ", w)
		}
	}
}

// columns reports whether a column is not of the same type.
func (c *comparison) columns(table string, have, want *table) (retyped bool) {
	same := true
	for _, w := range want.columns {
		h := have.byName[fold(w.name)]
		if h == nil {
			same = false
			c.differ(Missing, 2, columnOf(table, w), "", describe(w, false), "table ", table, " lacks column ", describe(w, true))
			continue
		}
		if h.differs(w) {
			retyped = retyped || h.typ != w.typ
			c.changed(1, columnOf(table, w), describe(h, false), describe(w, false))
		}
	}
	for _, h := range have.columns {
		if want.byName[fold(h.name)] == nil {
			same = false
			c.differ(Unexpected, 2, columnOf(table, h), describe(h, false), "", "table ", table, " has column ", describe(h, true), ", which is not expected")
		}
	}
	if same && !slices.EqualFunc(have.columns, want.columns, func(h, w *column) bool { return sameName(h.name, w.name) }) {
		c.report(OrderOnly, 0, "table "+table, "table ", table, " has its columns in the order ", order(have), ", expected ", order(want))
	}
	return retyped
}

func columnOf(table string, c *column) string { return "column " + table + "." + quoteName(c.name) }

func order(t *table) string {
	var list []string
	for _, c := range t.columns {
		list = append(list, c.name)
	}
	return nameList(list)
}

func (c *column) differs(o *column) bool {
	return c.typ != o.typ || c.notNull != o.notNull || c.conflict != o.conflict || c.collation != o.collation ||
		c.hasDef != o.hasDef || c.def.key != o.def.key || c.generated.key != o.generated.key || c.stored != o.stored || c.virtual != o.virtual
}

// describe writes the definition of a column, but for keys and checks.
func describe(c *column, named bool) string {
	var parts []string
	if named {
		parts = append(parts, quoteName(c.name))
	}
	if c.typ != "" {
		parts = append(parts, c.typ)
	}
	if c.notNull {
		parts = append(parts, "NOT NULL")
		if c.conflict != "" {
			parts = append(parts, "ON CONFLICT "+c.conflict)
		}
	}
	if c.hasDef {
		parts = append(parts, "DEFAULT "+c.def.text)
	}
	if c.collation != "" {
		parts = append(parts, "COLLATE "+upper(c.collation))
	}
	switch {
	case c.stored:
		parts = append(parts, "AS ("+c.generated.text+") STORED")
	case c.virtual:
		parts = append(parts, "AS ("+c.generated.text+")")
	}
	if len(parts) == 0 {
		return "without a type"
	}
	return strings.Join(parts, " ")
}
