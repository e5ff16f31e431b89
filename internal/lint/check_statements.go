package lint

import (
	"maps"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// From so many rows on a table is large, or huge: what takes about a second, and
// about ten.
const (
	large = 200_000
	huge  = 2_000_000
)

// ofMigration looks at the statements of one migration in turn.
func (c *check) ofMigration(m *migration) {
	if m.Up != nil && len(m.up) == 0 {
		c.reportFile("MS513", m.Migration, "there is no statement in it")
	}
	known := names(m, m.up)
	t := follow(nil, m.Before)
	for i, st := range m.up {
		c.everywhere(st, known)
		c.added(st, t)
		c.types(st)
		c.uniqueIndex(m, st, t, i)
		c.exists(m, st, t)
		c.rowsAtOnce(m, st, t)
		c.differing(st)
		c.batch(m, st)
		t.step(st)
		c.remember(st)
	}
	c.leftOn(m.up)
	c.hidden(m)
	c.repeated(m)
	c.breaking(m, t)
	c.emptied(m, t)
	for _, r := range t.rebuilds() {
		c.rebuild(m, t, r)
	}
	known = names(m, m.down)
	for _, st := range m.down {
		c.everywhere(st, known)
	}
	c.leftOn(m.down)
}

// everywhere has the rules for every statement, whichever way it goes.
func (c *check) everywhere(st *statement, known map[string]bool) {
	c.pragma(st)
	c.unheard(st)
	c.strings(st, known)
	c.nulls(st)
}

// remember keeps what has made the objects that there are.
func (c *check) remember(st *statement) {
	e := st.effect
	key := func(kind, name string) string { return kind + " " + script.Fold(name) }
	switch st.Kind {
	case script.CreateTable, script.CreateVirtualTable, script.CreateView, script.CreateIndex, script.CreateTrigger:
		k := key(kinds[st.Kind], e.Name)
		if !e.IfNotExists || c.made[k] == nil {
			c.made[k] = []*statement{st}
		}
	case script.DropTable, script.DropView, script.DropIndex, script.DropTrigger:
		delete(c.made, key(kinds[st.Kind], e.Name))
		c.gone[script.Fold(e.Name)] = st
	case script.AlterTable:
		k := key("table", e.Name)
		switch e.Action {
		case script.RenameTable:
			c.made[key("table", e.NewName)] = c.made[k]
			delete(c.made, k)
			c.gone[script.Fold(e.Name)] = st
		case script.AddColumn:
			c.made[k] = append(c.made[k], st)
		case script.DropColumn, script.RenameColumn:
			c.gone[script.Fold(e.Column)] = st
		}
	}
}

var kinds = map[script.Kind]string{
	script.CreateTable: "table", script.CreateVirtualTable: "table", script.CreateView: "view", script.CreateIndex: "index", script.CreateTrigger: "trigger",
	script.DropTable: "table", script.DropView: "view", script.DropIndex: "index", script.DropTrigger: "trigger",
}

// added looks at columns that are added to tables with rows.
func (c *check) added(st *statement, t *trace) {
	e := st.effect
	if st.Kind != script.AlterTable || e.Action != script.AddColumn || e.Temp || !t.old(e.Name) {
		return
	}
	defs, _ := st.columns()
	if len(defs) != 1 {
		return
	}
	d := defs[0]
	if not, ok := d.at("NOT"); ok && e.NotNull && !e.HasDefault && !e.Generated {
		c.report("MS401", st, not.Offset, "%s.%s is NOT NULL and has no default: it cannot be added to a table that has rows", e.Name, e.Column)
	}
	if at, ok := d.at("DEFAULT"); ok && !constantDefault(d.rest, at) {
		c.report("MS402", st, at.Offset, "the default of %s.%s is computed: it cannot be added to a table that has rows", e.Name, e.Column)
	}
}

// constantDefault reports whether SQLite can add a column with the default to a
// table that has rows.
func constantDefault(toks []script.Token, at script.Token) bool {
	i := slices.Index(toks, at) + 1
	depth := 0
	for ; i < len(toks) && (toks[i].Text == "(" || toks[i].Text == "-" || toks[i].Text == "+"); i++ {
		if toks[i].Text == "(" {
			depth++
		}
	}
	if i == len(toks) || isAny(toks[i], "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME") {
		return false
	}
	// A literal, and whatever closes the parentheses.
	for i++; depth > 0 && i < len(toks); i++ {
		switch {
		case toks[i].Text == ")":
			depth--
		case toks[i].Text == ".", toks[i].Text[0] >= '0' && toks[i].Text[0] <= '9', toks[i].Text[0] == '\'': // 1.5, x'00'
		default:
			return false
		}
	}
	return true
}

// types looks at what columns are declared as.
func (c *check) types(st *statement) {
	defs, _ := st.columns()
	strict := st.tail("STRICT")
	for _, d := range defs {
		if len(d.typ) == 0 || strict {
			continue
		}
		typ := strings.ToUpper(d.typ[0].Text)
		for _, t := range d.typ[1:] {
			typ += " " + strings.ToUpper(t.Text)
		}
		switch {
		case d.typ[0].Is("STRING"):
			c.report("MS508", st, d.typ[0].Offset, "%s is a number where it looks like one: SQLite has no type STRING", d.name.Name())
		case strings.Contains(typ, "INT") && (strings.Contains(typ, "POINT") || strings.Contains(typ, "INTERVAL")):
			c.report("MS508", st, d.typ[0].Offset, "%s is an integer where it can be: there is INT in %s", d.name.Name(), typ)
		}
		key, isKey := d.at("PRIMARY")
		_, notNull := d.at("NOT")
		if isKey && !notNull && typ != "INTEGER" && strings.Contains(typ, "INT") && !st.tail("WITHOUT") {
			c.report("MS509", st, key.Offset, "%s is %s, not INTEGER: SQLite does not fill it, and takes NULL for it", d.name.Name(), typ)
		}
	}
}

// uniqueIndex looks for one that old rows may break.
func (c *check) uniqueIndex(m *migration, st *statement, t *trace, at int) {
	e := st.effect
	if st.Kind != script.CreateIndex || !e.Unique || m.Before == nil || e.Temp {
		return
	}
	origin := t.of(e.Table)
	name := origin.origin
	if name == "" && slices.ContainsFunc(origin.inserts, func(st *statement) bool { return st.has("SELECT") }) {
		name = e.Table // made anew
	}
	before := m.Before.Table(name)
	open := slices.IndexFunc(st.toks, func(t script.Token) bool { return t.Text == "(" })
	if before == nil || open < 0 || len(origin.changes) > 0 { // whoever changes rows before has thought of it
		return
	}
	var columns []string
	for _, item := range st.items(open+1, st.closing(open)) {
		switch {
		case len(item) == 0:
		case len(item) > 1 && !isAny(item[1], "COLLATE", "ASC", "DESC"): // an expression
			last := item[len(item)-1]
			columns = append(columns, st.Text[item[0].Offset:last.Offset+len(last.Text)])
		default:
			columns = append(columns, item[0].Name())
		}
	}
	has := func(name string) bool { return slices.Contains(columns, script.Fold(name)) }
	// Rows differ in them already, or have NULL in a column that was just added.
	if has(before.RowidColumn) || slices.ContainsFunc(columns, func(n string) bool { return before.Column(n) == nil && added(m.up[:at], e.Table, n) }) {
		return
	}
	for _, i := range before.Indexes {
		if i.Unique && !i.Partial && !slices.ContainsFunc(i.Columns, func(n string) bool { return n == "" || !has(n) }) {
			return
		}
	}
	if m.After != nil {
		if after := m.After.Table(origin.name); after != nil { // it was there before, on some of the rows
			at := slices.IndexFunc(after.Indexes, func(i schema.Index) bool { return script.Fold(i.Name) == script.Fold(e.Name) })
			if at >= 0 && slices.ContainsFunc(before.Indexes, func(i schema.Index) bool { return i.Unique && i.Same != "" && i.Same == after.Indexes[at].Same }) {
				return
			}
		}
	}
	c.report("MS403", st, 0, "%s is unique: the upgrade fails where two rows of %s are alike in %s", e.Name, e.Table, strings.Join(columns, ", "))
}

// added reports whether one of the statements adds the column, without a value.
func added(list []*statement, table, column string) bool {
	return slices.ContainsFunc(list, func(st *statement) bool {
		e := st.effect
		return st.Kind == script.AlterTable && e.Action == script.AddColumn && !e.HasDefault && script.Fold(e.Name) == script.Fold(table) && script.Fold(e.Column) == column
	})
}

// exists looks for CREATE … IF NOT EXISTS and DROP … IF EXISTS that have nothing
// to do, ever.
func (c *check) exists(m *migration, st *statement, t *trace) {
	e := st.effect
	kind := kinds[st.Kind]
	if kind == "" || !e.IfNotExists && !e.IfExists || e.Temp || st.guarded || m.Before == nil || m.repeatable() {
		return
	}
	name := script.Fold(e.Name)
	there := m.Before.Has(kind, "", name)
	switch is, known := t.now[name]; {
	case kind == "table" && known:
		there = is != nil
	case kind != "table":
		// Something of this script may have made or dropped it, or the table that it is on.
		if slices.ContainsFunc(m.up, func(o *statement) bool {
			return o != st && kinds[o.Kind] == kind && script.Fold(o.effect.Name) == name || o.Kind == script.DropTable && !o.effect.Temp
		}) {
			return
		}
	}
	if there == e.IfNotExists {
		if there {
			c.report("MS512", st, 0, "the %s %s is there already: this %s does nothing, whatever it says", kind, e.Name, st.Kind)
		} else if !scratch(m, st) {
			c.report("MS512", st, 0, "there is no %s %s that an earlier migration has made: this %s does nothing", kind, e.Name, st.Kind)
		}
	}
}

// scratch reports whether a DROP clears the way for something of that name.
func scratch(m *migration, st *statement) bool {
	return slices.ContainsFunc(m.up, func(o *statement) bool {
		return o.Offset > st.Offset && kinds[o.Kind] == kinds[st.Kind] && o.effect.Name != "" && !o.effect.IfExists && script.Fold(o.effect.Name) == script.Fold(st.effect.Name)
	})
}

// hidden looks for the words once in a script, for those who use them do so in
// every line. Where a statement may run twice they have a reason.
func (c *check) hidden(m *migration) {
	if m.repeatable() || m.says("no-transaction") {
		return
	}
	var first *statement
	n := 0
	for _, st := range m.up {
		e := st.effect
		if !e.IfNotExists && !e.IfExists || e.Temp || st.guarded || st.silent("MS504") || e.IfExists && scratch(m, st) {
			continue
		}
		if n++; first == nil {
			first = st
		}
	}
	if first == nil {
		return
	}
	words := "IF NOT EXISTS"
	if first.effect.IfExists {
		words = "IF EXISTS"
	}
	more := ""
	if n > 1 {
		more = ", here and in " + count(n-1, "statement") + " below"
	}
	at := slices.IndexFunc(first.toks, func(t script.Token) bool { return t.Is("IF") })
	c.report("MS504", first, first.toks[at].Offset, "%s%s: a database that differs is passed over in silence", words, more)
}

// rowsAtOnce looks at what takes long in the database at hand.
func (c *check) rowsAtOnce(m *migration, st *statement, t *trace) {
	e := st.effect
	if m.Rows == nil || e.Temp || e.Table == "" || !t.old(e.Table) {
		return
	}
	n, ok := m.Rows(t.of(e.Table).origin)
	switch {
	case !ok:
	case st.Kind == script.CreateIndex && n >= huge:
		c.report("MS205", st, 0, "%s has %s", e.Table, count(int(n), "row"))
	case (st.Kind == script.Update || st.Kind == script.Delete) && n >= large && !m.says("batch") && st.find(0, "WHERE") < 0:
		c.report("MS206", st, 0, "this %s goes through all of %s at once, which has %s", st.Kind, e.Table, count(int(n), "row"))
	}
}

// batch looks for statements that a batch would repeat for ever.
func (c *check) batch(m *migration, st *statement) {
	if st.Kind != script.Update || !m.says("batch") {
		return
	}
	for i, t := range st.toks {
		if t.Text != "(" || !st.is(i+1, "SELECT") || st.find(i+1, "LIMIT") < 0 {
			continue
		}
		if st.find(i+1, "WHERE") < 0 && st.find(i+1, "JOIN") < 0 && st.find(i+1, "EXCEPT") < 0 {
			c.report("MS511", st, t.Offset, "this SELECT finds the same rows each time: the UPDATE is repeated for ever")
		}
	}
}

// differing looks for values that every machine makes for itself.
func (c *check) differing(st *statement) {
	if !st.Changes() && !st.effect.AsSelect {
		return
	}
	for i, t := range st.toks {
		call := st.is(i+1, "(") && !st.is(i-1, ".")
		what := ""
		switch {
		case isAny(t, "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME"):
			what = strings.ToUpper(t.Text)
		case call && isAny(t, "RANDOM", "RANDOMBLOB"):
			what = strings.ToLower(t.Text) + "()"
		case call && isAny(t, "DATE", "TIME", "DATETIME", "JULIANDAY", "UNIXEPOCH", "STRFTIME"):
			end := st.closing(i + 1)
			now := slices.ContainsFunc(st.toks[i+1:end], func(t script.Token) bool { return strings.EqualFold(t.Text, "'now'") })
			args := st.items(i+2, end)
			if now || end == i+2 || t.Is("STRFTIME") && len(args) == 1 {
				what = strings.ToLower(t.Text) + "(now)"
			}
		}
		if what != "" {
			c.report("MS507", st, t.Offset, "%s is another value on every machine", what)
			return
		}
	}
}

// Settings of a connection.
var ofConnection = []string{
	"analysis_limit", "automatic_index", "busy_timeout", "cache_size", "cache_spill", "cell_size_check", "checkpoint_fullfsync", "foreign_keys",
	"fullfsync", "hard_heap_limit", "journal_size_limit", "locking_mode", "max_page_count", "mmap_size", "read_uncommitted", "soft_heap_limit",
	"synchronous", "temp_store", "threads", "trusted_schema", "wal_autocheckpoint",
}

func (c *check) pragma(st *statement) {
	if e := st.effect; st.Kind == script.Pragma && e.HasValue && slices.Contains(ofConnection, e.Name) {
		c.report("MS501", st, 0, "PRAGMA %s is for the upgrade's own connection, which is closed behind it", e.Name)
	}
}

// unheard looks for statements that only answer.
func (c *check) unheard(st *statement) {
	switch e := st.effect; {
	case st.Kind == script.Explain:
		c.report("MS502", st, 0, "EXPLAIN only answers, and nobody listens")
	case st.Kind == script.Pragma && slices.Contains(asking, e.Name):
		c.report("MS502", st, 0, "PRAGMA %s only answers, and nobody listens", e.Name)
	case st.Kind == script.Pragma && !e.HasValue && !slices.Contains(acting, e.Name):
		c.report("MS502", st, 0, "PRAGMA %s without a value only answers, and nobody listens", e.Name)
	case st.Kind == script.Select && st.has("FROM") && !slices.ContainsFunc(st.toks, func(t script.Token) bool { return t.Text == "(" }): // a function may do something
		c.report("MS502", st, 0, "SELECT only answers, and nobody listens")
	}
}

var (
	asking = []string{"foreign_key_check", "integrity_check", "quick_check", "table_info", "table_xinfo", "table_list", "index_info", "index_xinfo", "index_list",
		"foreign_key_list", "database_list", "collation_list", "function_list", "module_list", "pragma_list", "compile_options", "freelist_count", "page_count"}
	acting = []string{"optimize", "wal_checkpoint", "incremental_vacuum", "shrink_memory"}
)

// leftOn looks for settings that change what the statements behind them do.
func (c *check) leftOn(list []*statement) {
	last := map[string]*statement{}
	for _, st := range list {
		if e := st.effect; st.Kind == script.Pragma && e.HasValue && slices.Contains(changing, e.Name) {
			last[e.Name] = st
		}
	}
	for _, name := range slices.Sorted(maps.Keys(last)) {
		st := last[name]
		if !slices.Contains([]string{"0", "off", "no", "false", "reset"}, strings.ToLower(st.effect.Value)) {
			c.report("MS503", st, 0, "PRAGMA %s is not turned off again", name)
		}
	}
}

var changing = []string{"case_sensitive_like", "ignore_check_constraints", "legacy_alter_table", "recursive_triggers", "reverse_unordered_selects", "writable_schema"}

// names are those of everything that a name in the scripts may mean; nil where
// that is not known.
func names(m *migration, list []*statement) map[string]bool {
	if m.Before == nil && m.After == nil {
		return nil
	}
	known := map[string]bool{"rowid": true, "oid": true, "_rowid_": true}
	for _, s := range []*schema.Schema{m.Before, m.After} {
		if s == nil {
			continue
		}
		for name := range s.Names() {
			known[name] = true
		}
	}
	for _, st := range list {
		defs, _ := st.columns()
		for _, d := range defs {
			known[d.name.Name()] = true
		}
		for _, name := range []string{st.effect.Name, st.effect.NewName, st.effect.Table, st.effect.Column} {
			known[script.Fold(name)] = true
		}
		for i, t := range st.toks {
			// What is called something anywhere may be called so here: AS "x", WITH x("y") AS.
			if t.IsName() && (st.is(i-1, "AS") || st.is(i+1, "AS") || st.is(i-1, ".")) {
				known[t.Name()] = true
			}
			if end := st.closing(i); t.Text != "(" || !st.is(end+1, "AS") || !st.is(end+2, "(") && !st.is(end+2, "NOT") && !st.is(end+2, "MATERIALIZED") {
				continue
			}
			for _, t := range st.toks[i:st.closing(i)] {
				if t.IsName() {
					known[t.Name()] = true
				}
			}
		}
	}
	delete(known, "")
	return known
}

// strings looks for strings in double quotes: where only a value can stand, and
// for names that nothing has.
func (c *check) strings(st *statement, known map[string]bool) {
	if st.Kind == script.CreateVirtualTable || st.Kind == script.Pragma {
		return
	}
	var parens []string // what the open ones are of
	for i, t := range st.toks {
		switch t.Text {
		case "(":
			kind := ""
			switch {
			case i == 0:
			case st.is(i-1, "VALUES"), st.is(i-1, ",") && len(parens) == 0 && st.Kind == script.Insert && st.is(i-2, ")"):
				kind = "values"
			case st.is(i-1, "IN"):
				kind = "in"
			case st.is(i-1, "DEFAULT"):
				kind = "default"
			case st.toks[i-1].IsName() && isCall(st, i-1):
				kind = "call"
			}
			parens = append(parens, kind)
			continue
		case ")":
			parens = parens[:max(0, len(parens)-1)]
			continue
		}
		if t.Text[0] != '"' || st.is(i+1, ".") || st.is(i-1, ".") {
			continue
		}
		in := ""
		if len(parens) > 0 {
			in = parens[len(parens)-1]
		}
		first := st.is(i-1, "(") || st.is(i-1, ",")
		always := in == "default" || st.is(i-1, "DEFAULT") || in == "values" && first
		likely := (in == "in" || in == "call") && first || i > 0 && (strings.ContainsAny(st.toks[i-1].Text[:1], "=<>|") || isAny(st.toks[i-1], "LIKE", "GLOB", "THEN", "ELSE", "WHEN"))
		if always || likely && known != nil && !known[t.Name()] {
			c.report("MS505", st, t.Offset, "%s is a name in SQL, and there is nothing of that name: SQLite takes it for a string", t.Text)
		}
	}
}

// isCall reports whether the name in front of a parenthesis is that of a
// function.
func isCall(st *statement, i int) bool {
	if isAny(st.toks[i], "KEY", "UNIQUE", "CHECK", "REFERENCES", "AS", "USING", "ON", "EXISTS", "OVER", "FILTER", "SET", "FROM", "SELECT", "WHERE", "AND", "OR", "NOT", "CONFLICT", "OF") {
		return false
	}
	return i > 0 && !isAny(st.toks[i-1], "INTO", "TABLE", "REFERENCES", "ON", "INDEX", "EXISTS", "UPDATE", "WITH", "RECURSIVE", "JOIN", "VIEW", "CONSTRAINT", "AS") &&
		!(st.is(0, "WITH") && st.is(i-1, ",")) && st.toks[i-1].Text != "."
}

// nulls looks for comparisons with NULL. What is assigned is none.
func (c *check) nulls(st *statement) {
	if st.Kind == script.Pragma || st.Kind == script.Attach {
		return
	}
	for i, t := range st.toks {
		if !t.Is("NULL") || i == 0 || !strings.ContainsAny(st.toks[i-1].Text[:1], "=<>") {
			continue
		}
		sign := i - 1
		double := i > 1 && strings.ContainsAny(st.toks[i-2].Text[:1], "=<>!") && st.toks[i-2].Offset+1 == st.toks[sign].Offset
		if double {
			sign--
		} else if st.toks[sign].Text == "=" && sign > 1 && (st.is(sign-2, "SET") || st.is(sign-2, ",")) {
			continue
		}
		operator := st.Text[st.toks[sign].Offset : st.toks[i-1].Offset+1]
		is := "IS NULL"
		if operator == "<>" || operator == "!=" {
			is = "IS NOT NULL"
		}
		f := Finding{Code: "MS506", Version: st.migration.Version, File: st.script.File, Message: operator + " NULL is never true", Cure: "Write " + is + "."}
		f.Line, f.Column = st.Position(st.toks[sign].Offset)
		c.add(f, st)
	}
}

// repeated looks at a script that is applied again whenever it changes.
func (c *check) repeated(m *migration) {
	if !m.repeatable() {
		return
	}
	dropped := map[string]bool{}
	for _, st := range m.up {
		e := st.effect
		kind := kinds[st.Kind]
		key := kind + " " + script.Fold(e.Name)
		switch st.Kind {
		case script.DropTable, script.DropView, script.DropIndex, script.DropTrigger:
			dropped[key] = true
			if !e.IfExists {
				c.report("MS510", st, 0, "the %s %s is not there the first time: this DROP fails without IF EXISTS", kind, e.Name)
			}
			if st.Kind == script.DropTable { // with all that is on it
				dropped["on "+script.Fold(e.Name)] = true
			}
		case script.CreateTable, script.CreateVirtualTable, script.CreateView, script.CreateIndex, script.CreateTrigger:
			if e.Temp || dropped[key] || dropped["on "+script.Fold(e.Table)] {
				continue
			}
			if !e.IfNotExists {
				c.report("MS510", st, 0, "the %s %s is there the second time: this CREATE fails without a DROP before it", kind, e.Name)
			} else if st.Kind != script.CreateTable && st.Kind != script.CreateVirtualTable && st.Kind != script.CreateIndex {
				c.report("MS510", st, 0, "the %s %s is there the second time, and IF NOT EXISTS keeps the old one: a change of this text does nothing", kind, e.Name)
			}
		case script.AlterTable:
			c.report("MS510", st, 0, "this ALTER TABLE fails the second time: it belongs in a migration with a version")
		case script.Insert:
			emptied := slices.ContainsFunc(m.up, func(o *statement) bool {
				return o.Offset < st.Offset && o.Kind == script.Delete && script.Fold(o.effect.Table) == script.Fold(e.Table)
			})
			if !st.is(0, "REPLACE") && !st.is(1, "OR") && !st.has("CONFLICT") && !st.has("EXISTS") && !st.has("EXCEPT") && !emptied && !dropped["table "+script.Fold(e.Table)] {
				c.report("MS510", st, 0, "this INSERT adds its rows to %s once more, each time", e.Table)
			}
		}
	}
}
