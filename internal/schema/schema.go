// Package schema holds the structure of an SQLite database as a value: tables,
// columns, keys, checks, indexes, triggers and views, compared by what they mean
// and not by how they were written.
//
// What SQLite tells of itself in PRAGMAs is taken from there; the rest is read
// out of the statements that it keeps. A statement that cannot be read is
// compared as a whole.
package schema

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// Queries are what a [Schema] is read from. They belong together: a database
// must answer them all at one moment.
var Queries = []string{
	queryObjects: `SELECT type, name, tbl_name, coalesce(sql, '') FROM main.sqlite_master`,
	queryTables:  `SELECT name, type, strict, wr FROM pragma_table_list WHERE schema = 'main'`,
	queryColumns: `SELECT m.name, c.cid, c.name, coalesce(c.type, ''), c."notnull", c.dflt_value, c.pk, c.hidden
		FROM main.sqlite_master AS m, pragma_table_xinfo(m.name, 'main') AS c WHERE m.type = 'table' AND m.rootpage > 0`,
	queryIndexes: `SELECT m.name, l.name, l."unique", l.origin, x.seqno, x.cid, coalesce(x.name, 'rowid'), x."desc", coalesce(x.coll, 'BINARY')
		FROM main.sqlite_master AS m, pragma_index_list(m.name, 'main') AS l, pragma_index_xinfo(l.name, 'main') AS x
		WHERE m.type = 'table' AND m.rootpage > 0 AND x.key = 1`,
	queryKeys: `SELECT m.name, f.id, f.seq, f."table", f."from", f."to", f.on_update, f.on_delete
		FROM main.sqlite_master AS m, pragma_foreign_key_list(m.name, 'main') AS f WHERE m.type = 'table' AND m.rootpage > 0`,
	// It fails if a view is about something that is not there, or the module of a
	// virtual table is missing. The structure can be told without it.
	queryOthers: `SELECT m.name, c.name, c.hidden FROM main.sqlite_master AS m, pragma_table_xinfo(m.name, 'main') AS c
		WHERE m.type IN ('table', 'view') AND m.rootpage = 0`,
}

const (
	queryObjects = iota
	queryTables
	queryColumns
	queryIndexes
	queryKeys
	queryOthers
)

// A Schema is the structure of a database, without SQLite's own tables, those
// of migratingsqlite, and those behind virtual tables.
type Schema struct {
	// By folded names.
	tables   map[string]*table
	views    map[string]*view
	indexes  map[string]*index
	triggers map[string]*trigger

	objects map[[2]string]string          // kind and name of everything there is → its table, all folded
	columns map[string]map[string]*column // of every table and view; nil where only the name is known
	raw     map[string]*tableRows         // what was read of tables but virtual ones
}

type table struct {
	name     string
	sql      string // the statement that SQLite keeps, here and below
	strict   bool
	noRowid  bool
	options  []string // others
	columns  []*column
	byName   map[string]*column // folded
	key      primaryKey
	unique   map[string]string // UNIQUE, and its conflict clauses → text
	checks   map[string]string // → text
	foreign  map[string]*foreignKey
	module   string   // of a virtual table
	args     []string // of the module, normalised
	using    string   // USING module(args), for people
	visible  []string // its columns
	unparsed string   // the statement, if it could not be read
}

type column struct {
	name      string
	typ       string
	notNull   bool
	conflict  string // of NOT NULL
	collation string
	def       expr
	hasDef    bool
	generated expr
	stored    bool
	virtual   bool

	pk int // place in the primary key, from 1
}

type primaryKey struct {
	key, text string // both "" for none
}

type foreignKey struct {
	text    string   // messages(room_id) → rooms(id)
	actions []string // ON DELETE CASCADE DEFERRABLE …, "" for none; several if the key is there several times
}

type index struct {
	name, table string
	sql         string
	key, text   string
	unparsed    string
}

type trigger struct {
	name, table string
	sql         string
	when        string
	body        body
}

type view struct {
	name string
	sql  string
	key  string // of its columns
	body body
}

// A body is a piece of SQL, normalised and as it was.
type body struct {
	key  []string
	toks []token
}

// Of reads the structure of a database that nobody changes meanwhile. Objects
// with a name in ignore, and what is on such tables, are left out.
func Of(ctx context.Context, db engine.Queryer, ignore ...string) (*Schema, error) {
	answers := make([]engine.Answer, len(Queries))
	for i, q := range Queries {
		answers[i].Rows, answers[i].Err = engine.Rows(ctx, db, q)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return Read(answers, ignore...)
}

// Read makes a Schema of the answers to [Queries]. Objects with a name in
// ignore, and what is on such tables, are left out.
func Read(answers []engine.Answer, ignore ...string) (*Schema, error) {
	if len(answers) != len(Queries) {
		return nil, fmt.Errorf("schema: %d answers to %d queries", len(answers), len(Queries))
	}
	r := &reader{
		Schema: Schema{
			tables: map[string]*table{}, views: map[string]*view{}, indexes: map[string]*index{}, triggers: map[string]*trigger{},
			objects: map[[2]string]string{}, columns: map[string]map[string]*column{},
		},
		all: map[string]*tableRows{}, visible: map[string][]string{}, hidden: map[string]bool{}, ignored: map[string]bool{},
	}
	for _, n := range ignore {
		r.ignored[fold(n)] = true
	}
	for i, read := range [...]func(*row){
		queryObjects: r.object, queryTables: r.tableInfo, queryColumns: r.column, queryIndexes: r.index, queryKeys: r.foreignKey, queryOthers: r.other,
	} {
		if err := answers[i].Err; err != nil && i != queryOthers {
			return nil, fmt.Errorf("reading the schema: %w", err)
		}
		var row row
		for _, row.values = range answers[i].Rows {
			row.i = 0
			read(&row)
			if row.err != nil {
				return nil, fmt.Errorf("reading the schema: query %d: %w", i+1, row.err)
			}
		}
	}
	r.build()
	return &r.Schema, nil
}

// A row is read value by value.
type row struct {
	values []driver.Value
	i      int
	err    error
}

func (r *row) value() driver.Value {
	if r.i >= len(r.values) {
		r.i++
		r.err = cmp.Or(r.err, fmt.Errorf("a row has %d columns", len(r.values)))
		return nil
	}
	r.i++
	return r.values[r.i-1]
}

// text reads a text, which may be NULL.
func (r *row) text() (s string, ok bool) {
	switch v := r.value().(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	case nil:
	default:
		r.wrong(v)
	}
	return "", false
}

func (r *row) str() string {
	s, ok := r.text()
	if !ok {
		r.wrong(nil)
	}
	return s
}

func (r *row) int() int {
	switch v := r.value().(type) {
	case int64:
		return int(v)
	case bool: // of drivers that are too clever
		if v {
			return 1
		}
	default:
		r.wrong(v)
	}
	return 0
}

func (r *row) wrong(v any) {
	r.err = cmp.Or(r.err, fmt.Errorf("column %d of a row holds %T", r.i, v))
}

// A reader collects rows by table and makes objects of them.
type reader struct {
	Schema
	list    []master
	all     map[string]*tableRows // tables but virtual ones, by folded names
	visible map[string][]string   // the columns of virtual tables and views
	hidden  map[string]bool       // shadow tables
	ignored map[string]bool
}

// master is a row of sqlite_master.
type master struct{ kind, name, table, sql string }

type tableRows struct {
	strict, noRowid bool
	columns         []*column
	indexes         []*indexRows
	keys            []*keyRows
}

type indexRows struct {
	name    string
	unique  bool
	origin  string
	columns []indexColumn
}

type indexColumn struct {
	seq       int
	expr      bool
	name      string
	desc      bool
	collation string
}

type keyRows struct {
	id               int
	parent           string
	from, to         []string // to is empty for the primary key
	onUpdate, onDrop string
}

func (r *reader) rows(table string) *tableRows {
	name := fold(table)
	t := r.all[name]
	if t == nil {
		t = &tableRows{}
		r.all[name] = t
	}
	return t
}

func (r *reader) object(row *row) {
	m := master{row.str(), row.str(), row.str(), row.str()}
	r.list = append(r.list, m)
	r.objects[[2]string{m.kind, fold(m.name)}] = fold(m.table)
}

func (r *reader) tableInfo(row *row) {
	name, kind, strict, noRowid := row.str(), row.str(), row.int(), row.int()
	switch kind {
	case "shadow":
		r.hidden[fold(name)] = true
	case "table":
		t := r.rows(name)
		t.strict, t.noRowid = strict != 0, noRowid != 0
	}
}

func (r *reader) column(row *row) {
	t := r.rows(row.str())
	row.int() // they come in order
	c := &column{name: row.str(), typ: typeName(row.str()), notNull: row.int() != 0}
	if s, ok := row.text(); ok {
		c.def, c.hasDef = defaultValue(s)
	}
	c.pk = row.int()
	hidden := row.int()
	c.virtual, c.stored = hidden == 2, hidden == 3
	t.columns = append(t.columns, c)
}

func (r *reader) index(row *row) {
	t := r.rows(row.str())
	name, unique, origin := row.str(), row.int() != 0, row.str()
	i := slices.IndexFunc(t.indexes, func(i *indexRows) bool { return i.name == name })
	if i < 0 {
		i = len(t.indexes)
		t.indexes = append(t.indexes, &indexRows{name: name, unique: unique, origin: origin})
	}
	t.indexes[i].columns = append(t.indexes[i].columns, indexColumn{row.int(), row.int() == -2, row.str(), row.int() != 0, fold(row.str())})
}

func (r *reader) foreignKey(row *row) {
	t := r.rows(row.str())
	id := row.int()
	row.int() // they come in order
	k := &keyRows{id: id, parent: row.str()}
	if n := len(t.keys); n > 0 && t.keys[n-1].id == id {
		k = t.keys[n-1]
	} else {
		t.keys = append(t.keys, k)
	}
	k.from = append(k.from, row.str())
	if to, ok := row.text(); ok {
		k.to = append(k.to, to)
	}
	k.onUpdate, k.onDrop = row.str(), row.str()
}

func (r *reader) other(row *row) {
	table, name := fold(row.str()), row.str()
	r.addColumn(table, name, nil)
	if row.int() == 0 {
		r.visible[table] = append(r.visible[table], name)
	}
}

func (r *reader) addColumn(table, name string, c *column) {
	if r.columns[table] == nil {
		r.columns[table] = map[string]*column{}
	}
	r.columns[table][fold(name)] = c
}

// build makes objects of what was read.
func (r *reader) build() {
	r.raw = r.all
	for name, t := range r.all {
		for _, c := range t.columns {
			r.addColumn(name, c.name, c)
		}
	}
	r.hide()
	r.list = slices.DeleteFunc(r.list, func(m master) bool { return r.out(fold(m.name)) || r.out(fold(m.table)) })
	for _, m := range r.list {
		if m.kind == "table" {
			r.tables[fold(m.name)] = r.table(m)
		}
	}
	for _, m := range r.list {
		name := fold(m.name)
		switch m.kind {
		case "view":
			r.views[name] = r.view(m)
		case "index":
			if m.sql != "" {
				r.indexes[name] = r.newIndex(m)
			}
		case "trigger":
			r.triggers[name] = r.trigger(m)
		}
	}
}

// hide finds the tables that others are made of and SQLite does not know as
// such: of a module that this engine has not got, and of libSQL's vector
// indexes.
func (r *reader) hide() {
	for _, m := range r.list {
		switch m.kind {
		case "table":
			if !isVirtual(m.sql) {
				continue
			}
			module, _, _ := parseVirtual(statement(m.sql))
			for _, suffix := range modules[module] {
				r.hidden[fold(m.name)+"_"+suffix] = true
			}
		case "index":
			if strings.Contains(fold(m.sql), "libsql_vector_idx") {
				r.hidden[fold(m.name)+"_shadow"] = true
			}
		}
	}
}

// isVirtual tells the text that SQLite keeps of a virtual table.
func isVirtual(sql string) bool {
	const head = "create virtual "
	return len(sql) > len(head) && fold(sql[:len(head)]) == head
}

// out reports whether the table or other object is left out.
func (r *reader) out(name string) bool {
	return r.hidden[name] || r.ignored[name] || strings.HasPrefix(name, "sqlite_") || r.isTable(name) &&
		(strings.HasPrefix(name, "migratingsqlite_") || name == "libsql_vector_meta_shadow" || name == "libsql_wasm_func_table")
}

func (r *reader) isTable(name string) bool {
	_, table := r.objects[[2]string{"table", name}]
	_, view := r.objects[[2]string{"view", name}]
	return table || view
}

// columnsOf is a scope: that of expressions in a table.
func (r *reader) columnsOf(table string) scope {
	columns := r.columns[table]
	return func(name string) bool {
		_, ok := columns[name]
		return ok || name == "rowid" || name == "oid" || name == "_rowid_"
	}
}

func (r *reader) table(m master) *table {
	t := &table{name: m.name, sql: m.sql, unique: map[string]string{}, checks: map[string]string{}, foreign: map[string]*foreignKey{}}
	toks := statement(m.sql)
	if isVirtual(m.sql) {
		module, args, ok := parseVirtual(toks)
		t.module, t.visible = module, r.visible[fold(m.name)]
		t.using = "USING " + module
		if i := slices.IndexFunc(toks, func(t token) bool { return t.is("using") }); i >= 0 {
			t.using = source(toks[i:])
		}
		for _, a := range args {
			t.args = append(t.args, argument(module, a))
		}
		if !ok {
			t.unparsed = join(letters(toks))
		}
		return t
	}
	name := fold(m.name)
	rows := r.rows(m.name)
	t.strict, t.noRowid, t.columns, t.byName = rows.strict, rows.noRowid, rows.columns, r.columns[name]
	names := r.columnsOf(name)
	text := parseTable(toks)
	if text == nil || !text.fits(rows) {
		t.unparsed = join(normal(toks, names))
		text = nil
	}
	if text != nil {
		for i, c := range text.columns {
			of := t.columns[i]
			of.collation, of.conflict = c.collation, c.conflict
			of.generated = newExpr(c.generated, names)
			if c.always { // SQLite takes it for a part of the type if comments are in between
				of.typ = typeName(source(c.typ))
			}
		}
		for _, c := range text.checks {
			e := newExpr(c, names)
			t.checks[e.key] = "CHECK (" + e.text + ")"
		}
		for _, o := range text.options {
			if o != "STRICT" && o != "WITHOUT ROWID" {
				t.options = append(t.options, o)
			}
		}
		t.options = distinct(t.options)
	}
	t.keys(rows, text)
	t.foreignKeys(r, rows, text)
	return t
}

// fits reports whether a text and what SQLite says are about the same columns
// and foreign keys.
func (t *tableText) fits(rows *tableRows) bool {
	if len(t.columns) != len(rows.columns) || len(t.keys) != len(rows.keys) {
		return false
	}
	for i, c := range t.columns {
		of := rows.columns[i]
		if fold(c.name) != fold(of.name) || (c.generated != nil) != (of.virtual || of.stored) {
			return false
		}
	}
	for i, k := range t.keys {
		of := rows.keyAt(i)
		if fold(k.parent) != fold(of.parent) || !slices.EqualFunc(k.columns, of.from, sameName) || !slices.EqualFunc(k.to, of.to, sameName) {
			return false
		}
	}
	return true
}

func sameName(a, b string) bool { return fold(a) == fold(b) }

// keyAt returns a foreign key by its place in the text: SQLite counts them the
// other way.
func (t *tableRows) keyAt(i int) *keyRows {
	for _, k := range t.keys {
		if k.id == len(t.keys)-1-i {
			return k
		}
	}
	return &keyRows{}
}

// collationOf returns the collation of a column as PRAGMAs would.
func (t *table) collationOf(name string) string {
	if c := t.byName[fold(name)]; c != nil {
		return cmp.Or(c.collation, "binary")
	}
	return "binary"
}

// term writes an indexed column, for comparing and for people: these need not be
// told what goes without saying.
func (t *table) term(name string, collation string, desc bool) (key, text string) {
	key, text = `"`+fold(name)+"\x00"+collation, quoteName(name)
	if collation != t.collationOf(name) {
		text += " COLLATE " + upper(collation)
	}
	if desc {
		key, text = key+"\x00desc", text+" DESC"
	}
	return key, text
}

func (t *table) terms(columns []indexColumn) (key, text string) {
	var keys, texts []string
	for _, c := range columns {
		k, x := t.term(c.name, c.collation, c.desc)
		keys, texts = append(keys, k), append(texts, x)
	}
	return strings.Join(keys, "\x00,\x00"), "(" + strings.Join(texts, ", ") + ")"
}

// keys reads the primary key and UNIQUE constraints.
func (t *table) keys(rows *tableRows, text *tableText) {
	var primary []indexColumn
	indexed := false
	for _, i := range rows.indexes {
		slices.SortFunc(i.columns, func(a, b indexColumn) int { return a.seq - b.seq })
		switch i.origin {
		case "pk":
			primary, indexed = i.columns, true
		case "u":
			key, x := t.terms(i.columns)
			t.unique[key] = "UNIQUE " + x
		}
	}
	if !indexed {
		for _, c := range t.columns {
			if c.pk > 0 { // the rowid: only one, and its order counts for nothing
				primary = append(primary, indexColumn{name: c.name, collation: t.collationOf(c.name)})
				c.notNull, c.conflict = false, "" // it is never NULL
			}
		}
	}
	if len(primary) > 0 {
		key, x := t.terms(primary)
		if !indexed {
			key = "rowid\x00" + fold(primary[0].name)
		}
		if text != nil && text.autoincrement {
			key, x = key+"\x00autoincrement", x+" AUTOINCREMENT"
		}
		if text != nil && text.keyConflict != "" {
			key, x = key+"\x00"+text.keyConflict, x+" ON CONFLICT "+text.keyConflict
		}
		t.key = primaryKey{key, "PRIMARY KEY " + x}
	}
	if text == nil {
		return
	}
	for _, u := range text.conflicts {
		var columns []indexColumn
		for _, c := range u.columns {
			columns = append(columns, indexColumn{name: c.name, collation: cmp.Or(c.collation, t.collationOf(c.name)), desc: c.desc})
		}
		key, x := t.terms(columns)
		t.unique[key+"\x00"+u.conflict] = "UNIQUE " + x + " ON CONFLICT " + u.conflict
	}
}

func (t *table) foreignKeys(r *reader, rows *tableRows, text *tableText) {
	for i := range rows.keys {
		k := rows.keyAt(i)
		to := k.to
		if len(to) == 0 {
			to = r.primaryKey(k.parent, len(k.from))
		}
		// The pairs of columns are a set.
		var pairs []string
		for j, c := range k.from {
			pair := fold(c)
			if j < len(to) {
				pair += "\x00" + fold(to[j])
			}
			pairs = append(pairs, pair)
		}
		key := fold(k.parent) + "\x00\x00" + strings.Join(distinct(pairs), "\x00\x00")
		f := t.foreign[key]
		if f == nil {
			f = &foreignKey{text: quoteName(t.name) + "(" + nameList(k.from) + ") → " + quoteName(k.parent)}
			if len(to) > 0 {
				f.text += "(" + nameList(to) + ")"
			}
			t.foreign[key] = f
		}
		var actions []string
		if k.onUpdate != "NO ACTION" {
			actions = append(actions, "ON UPDATE "+k.onUpdate)
		}
		if k.onDrop != "NO ACTION" {
			actions = append(actions, "ON DELETE "+k.onDrop)
		}
		if text != nil {
			if m := text.keys[i].match; m != "" {
				actions = append(actions, "MATCH "+m)
			}
			if text.keys[i].deferred {
				actions = append(actions, "DEFERRABLE INITIALLY DEFERRED")
			}
		}
		f.actions = distinct(append(f.actions, strings.Join(actions, " ")))
	}
}

// primaryKey returns the columns that a foreign key without columns means; nil
// if there are none, or not as many.
func (r *reader) primaryKey(table string, n int) []string {
	rows := r.all[fold(table)]
	if rows == nil {
		return nil
	}
	columns := slices.DeleteFunc(slices.Clone(rows.columns), func(c *column) bool { return c.pk == 0 })
	if len(columns) != n {
		return nil
	}
	slices.SortFunc(columns, func(a, b *column) int { return a.pk - b.pk })
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}

func (r *reader) newIndex(m master) *index {
	i := &index{name: m.name, table: m.table, sql: m.sql}
	toks := statement(m.sql)
	names := r.columnsOf(fold(m.table))
	texts, where, ok := parseIndex(toks)
	rows := r.rows(m.table)
	at := slices.IndexFunc(rows.indexes, func(x *indexRows) bool { return sameName(x.name, m.name) })
	if at < 0 || !ok || len(texts) != len(rows.indexes[at].columns) {
		i.unparsed = join(normal(toks, names))
		i.text = source(toks)
		return i
	}
	x := rows.indexes[at]
	slices.SortFunc(x.columns, func(a, b indexColumn) int { return a.seq - b.seq })
	t := r.tables[fold(m.table)]
	if t == nil { // a table without its text
		t = &table{}
	}
	var keys, terms []string
	for n, c := range x.columns {
		if !c.expr {
			key, text := t.term(c.name, c.collation, c.desc)
			keys, terms = append(keys, key), append(terms, text)
			continue
		}
		e := newExpr(texts[n], names)
		e.key += "\x00" + c.collation
		if c.desc {
			e.key, e.text = e.key+"\x00desc", e.text+" DESC"
		}
		keys, terms = append(keys, e.key), append(terms, e.text)
	}
	i.key = fold(m.table) + "\x00,\x00" + strings.Join(keys, "\x00,\x00")
	i.text = quoteName(m.table) + "(" + strings.Join(terms, ", ") + ")"
	if x.unique {
		i.key, i.text = "unique\x00"+i.key, "UNIQUE on "+i.text
	} else {
		i.text = "on " + i.text
	}
	if len(where) > 0 {
		e := newExpr(where, names)
		i.key, i.text = i.key+"\x00where\x00"+e.key, i.text+" WHERE "+e.text
	}
	return i
}

// body normalises a piece of a view or a trigger.
func (r *reader) body(toks []token, table string) body {
	toks = unqualified(toks, r.isTable)
	names := anything
	if slices.ContainsFunc(toks, func(t token) bool { return t.kind == quoted && t.text[0] == '"' }) {
		of, own := r.columnsOf(table), wordsOf(toks, r.columns)
		names = func(n string) bool { return own(n) || table != "" && of(n) }
	}
	return body{normal(toks, names), toks}
}

func (r *reader) trigger(m master) *trigger {
	t := &trigger{name: m.name, table: m.table, sql: m.sql}
	toks := statement(m.sql)
	if text := parseTrigger(toks); text != nil {
		t.when = text.when
		toks = text.body
	}
	t.body = r.body(toks, fold(m.table))
	return t
}

func (r *reader) view(m master) *view {
	v := &view{name: m.name, sql: m.sql}
	toks := statement(m.sql)
	if columns, rest, ok := parseView(toks); ok {
		v.key = join(columns)
		toks = rest
	}
	v.body = r.body(toks, "")
	return v
}

// Without returns the structure without what has one of the names, and without
// the indexes and triggers of such tables.
func (s *Schema) Without(names ...string) *Schema {
	return s.filtered(names, false)
}

// Only returns what the structure has of these names, and the indexes and
// triggers of such tables.
func (s *Schema) Only(names ...string) *Schema { return s.filtered(names, true) }

func (s *Schema) filtered(names []string, keep bool) *Schema {
	listed := map[string]bool{}
	for _, n := range names {
		listed[fold(n)] = true
	}
	c := *s
	c.tables, c.views, c.indexes, c.triggers = maps.Clone(s.tables), maps.Clone(s.views), maps.Clone(s.indexes), maps.Clone(s.triggers)
	maps.DeleteFunc(c.tables, func(n string, _ *table) bool { return listed[n] != keep })
	maps.DeleteFunc(c.views, func(n string, _ *view) bool { return listed[n] != keep })
	maps.DeleteFunc(c.indexes, func(n string, i *index) bool { return (listed[n] || listed[fold(i.table)]) != keep })
	maps.DeleteFunc(c.triggers, func(n string, t *trigger) bool { return (listed[n] || listed[fold(t.table)]) != keep })
	return &c
}

// Empty reports whether there is nothing in the database.
func (s *Schema) Empty() bool {
	return len(s.tables)+len(s.views)+len(s.indexes)+len(s.triggers) == 0
}

// Has reports whether the database has a column, an index or a trigger of a table,
// a table or a view. A table of "" is any table; a table or view has none. Unlike
// everything else it knows also what was left out.
func (s *Schema) Has(kind, table, name string) bool {
	kind, table, name = fold(kind), fold(table), fold(name)
	if kind == "column" {
		if table != "" {
			_, ok := s.columns[table][name]
			return ok
		}
		for _, columns := range s.columns {
			if _, ok := columns[name]; ok {
				return true
			}
		}
		return false
	}
	of, ok := s.objects[[2]string{kind, name}]
	return ok && (table == "" || table == of)
}

// distinct sorts and takes out what is there twice.
func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// quoteName writes a name as SQL needs it.
func quoteName(name string) string {
	if name != "" && wordEnd(name, 0) == len(name) && isWord(name[0]) && !isDigit(name[0]) && name[0] != '$' && keywords()[fold(name)] != reserved {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// shellWord quotes what is to be typed in a shell, where it has to be.
func shellWord(s string) string {
	switch {
	case !strings.ContainsAny(s, " \t\n\"'$`\\!*?[](){}<>|&;~#…"):
		return s
	case !strings.Contains(s, "'") && strings.ContainsAny(s, "\"$`\\!"):
		return "'" + s + "'"
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `$`, `\$`, "`", "\\`", `\`, `\\`).Replace(s) + `"`
}

func nameList(names []string) string {
	var list []string
	for _, n := range names {
		list = append(list, quoteName(n))
	}
	return strings.Join(list, ", ")
}
