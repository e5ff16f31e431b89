package schema

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
)

// A Table is a table as it can be looked at. Names are as they were written.
type Table struct {
	Name                 string
	Strict, WithoutRowid bool
	Virtual              bool     // nothing but the name is known of it
	Columns              []Column // without those that a module hides
	Indexes              []Index  // by name, with those of PRIMARY KEY and UNIQUE
	ForeignKeys          []ForeignKey
	Triggers             []string
	RowidColumn          string // the INTEGER PRIMARY KEY; "" if there is none
}

// A Column is one of a table.
type Column struct {
	Name, Type string // the type in capitals; "" for none
	NotNull    bool
	Default    bool
	Generated  bool
	Key        int // place in the primary key, from 1
}

// An Index is one on a table.
type Index struct {
	Name    string
	Unique  bool
	Partial bool
	Own     bool     // made by CREATE INDEX
	Columns []string // "" for an expression
	Same    string   // equal for indexes on a table that are the same but for their names; "" where that cannot be told
}

// A ForeignKey ties columns to those of a parent.
type ForeignKey struct {
	From     []string
	Parent   string
	To       []string // empty for the primary key
	OnDelete string   // NO ACTION, CASCADE, …
}

// Table returns a table, nil if there is none with that name.
func (s *Schema) Table(name string) *Table {
	t := s.tables[fold(name)]
	if t == nil {
		return nil
	}
	out := &Table{Name: t.name, Strict: t.strict, WithoutRowid: t.noRowid, Virtual: t.module != ""}
	for _, name := range slices.Sorted(maps.Keys(s.triggers)) {
		if sameName(s.triggers[name].table, t.name) {
			out.Triggers = append(out.Triggers, s.triggers[name].name)
		}
	}
	rows := s.raw[fold(name)]
	if rows == nil {
		return out
	}
	for _, c := range rows.columns {
		out.Columns = append(out.Columns, Column{
			Name: c.name, Type: strings.ToUpper(c.typ), NotNull: c.notNull, Default: c.hasDef, Generated: c.stored || c.virtual, Key: c.pk,
		})
		if c.pk == 1 && strings.HasPrefix(t.key.key, "rowid\x00") {
			out.RowidColumn = c.name
		}
	}
	for _, x := range rows.indexes {
		i := Index{Name: x.name, Unique: x.unique, Own: x.origin == "c"}
		columns := slices.SortedFunc(slices.Values(x.columns), func(a, b indexColumn) int { return cmp.Compare(a.seq, b.seq) })
		var same strings.Builder
		for _, c := range columns {
			if c.expr {
				c.name = ""
			}
			i.Columns = append(i.Columns, c.name)
			same.WriteString(fold(c.name) + " " + c.collation)
			if c.desc {
				same.WriteString(" desc")
			}
			same.WriteByte(',')
		}
		i.Same = same.String()
		if own := s.indexes[fold(x.name)]; i.Own && own != nil {
			i.Partial = own.unparsed != "" || strings.Contains(own.key, "\x00where\x00")
			if i.Partial || slices.Contains(i.Columns, "") {
				i.Same = own.key // with its expressions
			}
		}
		out.Indexes = append(out.Indexes, i)
	}
	slices.SortFunc(out.Indexes, func(a, b Index) int { return strings.Compare(a.Name, b.Name) })
	for _, k := range rows.keys {
		out.ForeignKeys = append(out.ForeignKeys, ForeignKey{k.from, k.parent, k.to, k.onDrop})
	}
	return out
}

// Tables returns all tables, by name.
func (s *Schema) Tables() (list []*Table) {
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		list = append(list, s.Table(name))
	}
	return list
}

// Views returns the names of all views.
func (s *Schema) Views() (list []string) {
	for _, name := range slices.Sorted(maps.Keys(s.views)) {
		list = append(list, s.views[name].name)
	}
	return list
}

// Column returns a column of the table, nil if there is none with that name.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if sameName(t.Columns[i].Name, name) {
			return &t.Columns[i]
		}
	}
	return nil
}

// Begins reports whether rows can be found by the columns: they are the rowid, or
// an index on all rows begins with them, in any order.
func (t *Table) Begins(columns []string) bool {
	if len(columns) == 1 && t.RowidColumn != "" && sameName(columns[0], t.RowidColumn) {
		return true
	}
	return slices.ContainsFunc(t.Indexes, func(i Index) bool {
		return !i.Partial && len(i.Columns) >= len(columns) && !slices.ContainsFunc(i.Columns[:len(columns)], func(n string) bool {
			return !slices.ContainsFunc(columns, func(c string) bool { return sameName(c, n) })
		})
	})
}

// Names calls yield with every name that there is, folded: of columns, tables,
// views, indexes and triggers.
func (s *Schema) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for o := range s.objects {
			if !yield(o[1]) {
				return
			}
		}
		for _, columns := range s.columns {
			for name := range columns {
				if !yield(name) {
					return
				}
			}
		}
	}
}
