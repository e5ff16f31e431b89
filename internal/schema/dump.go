package schema

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Dump writes the structure as a script that makes it on an empty database:
// tables, those that foreign keys point to first, then indexes, views and
// triggers. The statements are as they were written; their order depends on
// nothing but what there is.
func Dump(s *Schema) string { return dumpAround(s, "") }

// dumpAround writes a text behind the tables: what is on them would be in its
// way.
func dumpAround(s *Schema, rows string) string {
	var b strings.Builder
	kind := "table"
	for _, o := range s.inOrder() {
		if o.kind != "table" {
			b.WriteString(rows)
			rows = ""
		}
		// An empty line parts what has several lines from its neighbours.
		if b.Len() > 0 && (o.kind != kind || kind != "index") {
			b.WriteByte('\n')
		}
		kind = o.kind
		b.WriteString(s.unquoted(tidy(ended(o.sql))))
		b.WriteByte('\n')
	}
	return b.String() + rows
}

// An object is anything that a database has a statement of.
type object struct{ kind, name, table, sql string }

// inOrder returns everything there is such that it can be made in this order.
func (s *Schema) inOrder() (list []object) {
	tables := s.tableOrder()
	for _, name := range tables {
		t := s.tables[name]
		list = append(list, object{"table", t.name, t.name, t.sql})
	}
	views := s.viewOrder()
	rank := map[string]int{}
	for i, name := range slices.Concat(tables, views) {
		rank[name] = i
	}
	byTable := func(a, b object) int {
		return cmp.Or(rank[fold(a.table)]-rank[fold(b.table)], strings.Compare(a.name, b.name))
	}
	var indexes, triggers []object
	for _, i := range s.indexes {
		indexes = append(indexes, object{"index", i.name, i.table, i.sql})
	}
	for _, t := range s.triggers {
		triggers = append(triggers, object{"trigger", t.name, t.table, t.sql})
	}
	slices.SortFunc(indexes, byTable)
	slices.SortFunc(triggers, byTable)
	list = append(list, indexes...)
	for _, name := range views {
		v := s.views[name]
		list = append(list, object{"view", v.name, "", v.sql})
	}
	return append(list, triggers...)
}

// tableOrder returns the names of the tables, parents before children, virtual
// ones last.
func (s *Schema) tableOrder() []string {
	parents := map[string][]string{}
	var virtual []string
	for name, t := range s.tables {
		if t.module != "" {
			virtual = append(virtual, name)
			continue
		}
		parents[name] = nil
		for key := range t.foreign {
			parent, _, _ := strings.Cut(key, "\x00")
			parents[name] = append(parents[name], parent)
		}
	}
	slices.Sort(virtual)
	return append(ordered(parents), virtual...)
}

// viewOrder returns the names of the views, each behind those that it is made of.
func (s *Schema) viewOrder() []string {
	needs := map[string][]string{}
	for name, v := range s.views {
		needs[name] = slices.Collect(maps.Keys(mentions(v.body.toks)))
	}
	return ordered(needs)
}

// ordered sorts names such that each comes behind those that it needs, and
// otherwise by the alphabet. Of names that need each other the first comes first.
func ordered(needs map[string][]string) (list []string) {
	seen := map[string]bool{}
	var add func(string)
	add = func(name string) {
		if _, ok := needs[name]; !ok || seen[name] {
			return
		}
		seen[name] = true
		for _, n := range distinct(needs[name]) {
			add(n)
		}
		list = append(list, name)
	}
	for _, name := range slices.Sorted(maps.Keys(needs)) {
		add(name)
	}
	return list
}

// mentions returns what in a piece of SQL can be a name, folded.
func mentions(toks []token) map[string]bool {
	names := map[string]bool{}
	for _, t := range toks {
		if t.isName() {
			names[fold(t.name())] = true
		}
	}
	return names
}

// ended returns a statement up to its last token, with a semicolon.
func ended(sql string) string {
	toks := statement(sql)
	if len(toks) == 0 {
		return ""
	}
	return sql[:toks[len(toks)-1].end()] + ";"
}

// tidy writes what ALTER TABLE has put behind the last line of a table's columns
// on lines of their own.
func tidy(sql string) string {
	toks := lex(sql)
	open := slices.IndexFunc(toks, func(t token) bool { return t.is("(") })
	if open < 0 || !toks[0].is("create") || !toks[1].is("table") {
		return sql
	}
	end := closing(toks, open)
	if end < 0 || strings.Contains(sql[toks[end-1].end():toks[end].pos], "\n") {
		return sql // as somebody has written it
	}
	var b strings.Builder
	from, depth, added := 0, 0, false
	for i, t := range toks[:end] {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case t.is(",") && depth == 1:
			last := toks[i-1].end()
			gap := sql[last:t.pos]
			if added = added || strings.Contains(gap, "\n"); added {
				if strings.TrimSpace(sql[t.end():toks[i+1].pos]) != "" {
					return sql // no place for the comment
				}
				b.WriteString(sql[from:last] + "," + strings.TrimRight(gap, " \t\r\n") + "\n" + indent(sql[toks[open].end():toks[open+1].pos]))
				from = toks[i+1].pos
			}
		}
	}
	if !added {
		return sql
	}
	return b.String() + sql[from:toks[end-1].end()] + "\n" + sql[toks[end].pos:]
}

// indent is what the first line of columns begins with.
func indent(gap string) string {
	if i := strings.LastIndexByte(gap, '\n'); i >= 0 && strings.TrimSpace(gap[i:]) == "" {
		return gap[i+1:]
	}
	return "\t"
}

// unquoted takes off the quotes that ALTER TABLE puts around the names of tables,
// if nothing else has quotes that it does not need.
func (s *Schema) unquoted(sql string) string {
	toks := lex(sql)
	var b strings.Builder
	from := 0
	for i, t := range toks {
		if t.kind != quoted {
			continue
		}
		name := t.name()
		if quoteName(name) != name || keywords()[fold(name)] >= firm {
			continue
		}
		named := mustBeName(toks, i) || i > 0 && (toks[i-1].is("table") || toks[i-1].is("references") || toks[i-1].is("on"))
		if t.text[0] != '"' || !named || s.tables[fold(name)] == nil && s.views[fold(name)] == nil {
			return sql
		}
		b.WriteString(sql[from:t.pos] + name)
		from = t.end()
	}
	return b.String() + sql[from:]
}
