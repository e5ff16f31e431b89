package schema

import "strings"

// A parser reads what SQLite keeps of a CREATE statement, by the rules of
// SQLite's grammar (parse.y). SQLite has accepted the text, so it does not look
// for errors: what it does not expect makes it fail.
type parser struct {
	toks   []token
	i      int
	failed bool
}

// peek returns the next token, at the end one that is nothing.
func (p *parser) peek() token {
	if p.i < len(p.toks) {
		return p.toks[p.i]
	}
	return token{kind: op}
}

func (p *parser) next() token {
	t := p.peek()
	if p.i == len(p.toks) {
		p.failed = true
		return t
	}
	p.i++
	return t
}

func (p *parser) done() bool { return p.failed || p.i == len(p.toks) }

// accept reads the keywords or operators if they come next.
func (p *parser) accept(list ...string) bool {
	for k, s := range list {
		if p.i+k >= len(p.toks) || !p.toks[p.i+k].is(s) {
			return false
		}
	}
	p.i += len(list)
	return true
}

// expect is accept where nothing else can be.
func (p *parser) expect(list ...string) {
	if !p.accept(list...) {
		p.failed = true
	}
}

func (p *parser) name() string {
	t := p.next()
	if !t.isName() {
		p.failed = true
	}
	return t.name()
}

// parens reads (…) and returns what is inside.
func (p *parser) parens() []token {
	end := -1
	if p.peek().is("(") {
		end = closing(p.toks, p.i)
	}
	if end < 0 {
		p.failed = true
		return nil
	}
	inside := p.toks[p.i+1 : end]
	p.i = end + 1
	return inside
}

func (p *parser) rest() []token {
	toks := p.toks[p.i:]
	p.i = len(p.toks)
	return toks
}

// create reads up to the name of what is created, inclusive.
func (p *parser) create(words ...string) {
	p.expect("create")
	if !p.accept("temp") {
		p.accept("temporary")
	}
	p.expect(words...)
	p.accept("if", "not", "exists")
	p.qualified()
}

// qualified reads [schema.]name.
func (p *parser) qualified() string {
	name := p.name()
	if p.accept(".") {
		name = p.name()
	}
	return name
}

// statement returns the tokens of a text without its last semicolon.
func statement(sql string) []token {
	toks := lex(sql)
	for len(toks) > 0 && toks[len(toks)-1].is(";") {
		toks = toks[:len(toks)-1]
	}
	return toks
}

// A tableText is what PRAGMAs do not tell of a table.
type tableText struct {
	columns       []columnText
	autoincrement bool
	keyConflict   string // ON CONFLICT of the primary key; "" for ABORT, here and below
	conflicts     []uniqueText
	checks        [][]token
	keys          []keyText
	options       []string // as STRICT, in capitals
}

type columnText struct {
	name      string
	toks      []token // all of it
	key       bool    // it is PRIMARY KEY or UNIQUE
	refers    bool    // it REFERENCES
	typ       []token
	collation string // "" for BINARY
	conflict  string // of NOT NULL
	generated []token
	always    bool // it is GENERATED ALWAYS
}

// A uniqueText is a UNIQUE constraint with an ON CONFLICT.
type uniqueText struct {
	columns  []collated
	conflict string
}

type collated struct {
	name      string
	collation string // "" for the column's own
	desc      bool
}

// A keyText is a foreign key.
type keyText struct {
	columns, to []string
	parent      string
	match       string // in capitals; "" for SIMPLE, which is what SQLite does anyway
	deferred    bool
}

// parseTable reads a CREATE TABLE. It is nil if that cannot be done.
func parseTable(toks []token) *tableText {
	p := &parser{toks: toks}
	t := &tableText{}
	p.create("table")
	p.expect("(")
	for {
		t.column(p)
		if p.failed || !p.accept(",") || p.atConstraint() {
			break
		}
	}
	for !p.failed && !p.accept(")") {
		t.constraint(p)
		p.accept(",") // SQLite does not insist on it
	}
	for !p.done() {
		option := upper(p.name())
		if option == "WITHOUT" || option == "RANDOM" { // the latter in libSQL
			option += " " + upper(p.name())
		}
		t.options = append(t.options, option)
		if p.i < len(p.toks) {
			p.expect(",")
		}
	}
	if p.failed {
		return nil
	}
	return t
}

func (p *parser) atConstraint() bool {
	for _, s := range []string{"constraint", "primary", "unique", "check", "foreign"} {
		if p.peek().is(s) {
			return true
		}
	}
	return false
}

// column reads the definition of a column.
func (t *tableText) column(p *parser) {
	first := p.i
	c := columnText{name: p.name()}
	start := p.i
	for p.i < len(p.toks) && p.isType() {
		p.i++
	}
	if p.peek().is("(") {
		p.parens() // of the type
	}
	c.typ = p.toks[start:p.i]
	for !p.failed {
		switch {
		case p.accept("constraint"):
			p.name()
		case p.accept("default"):
			switch {
			case p.peek().is("("):
				p.parens()
			case p.accept("+"), p.accept("-"):
				p.next()
			default:
				p.next()
			}
		case p.accept("null"):
			p.conflict()
		case p.accept("not", "null"):
			c.conflict = p.conflict()
		case p.accept("primary", "key"):
			c.key = true
			if !p.accept("asc") {
				p.accept("desc")
			}
			t.keyConflict = p.conflict()
			t.autoincrement = p.accept("autoincrement")
		case p.accept("unique"):
			c.key = true
			t.unique([]collated{{name: c.name}}, p.conflict())
		case p.accept("check"):
			t.checks = append(t.checks, bare(p.parens()))
			p.conflict()
		case p.accept("references"):
			c.refers = true
			t.references(p, []string{c.name})
		case p.accept("collate"):
			c.collation = p.collation()
		case p.accept("as"), p.accept("generated", "always", "as"):
			c.always = p.toks[p.i-2].is("always")
			c.generated = bare(p.parens())
			if !p.accept("stored") {
				p.accept("virtual")
			}
		case t.deferral(p):
		default:
			c.toks = p.toks[first:p.i]
			t.columns = append(t.columns, c)
			return
		}
	}
}

// isType reports whether the next token belongs to the type of a column.
func (p *parser) isType() bool {
	t := p.peek()
	switch t.kind {
	case word:
		if t.is("generated") && p.i+2 < len(p.toks) && p.toks[p.i+1].is("always") && p.toks[p.i+2].is("as") {
			return false
		}
		w := fold(t.text)
		return keywords()[w] < firm || strings.HasPrefix(w, "current_") || w == "true" || w == "false"
	case quoted, str:
		return true
	}
	return false
}

// conflict reads ON CONFLICT ….
func (p *parser) conflict() string {
	if !p.accept("on", "conflict") {
		return ""
	}
	if c := upper(p.name()); c != "ABORT" {
		return c
	}
	return ""
}

func (p *parser) collation() string {
	if c := fold(p.name()); c != "binary" {
		return c
	}
	return ""
}

// constraint reads a constraint of the table.
func (t *tableText) constraint(p *parser) {
	switch {
	case p.accept("constraint"):
		p.name()
	case p.accept("primary", "key"):
		inside := p.parens()
		if n := len(inside); n > 0 && inside[n-1].is("autoincrement") {
			t.autoincrement = true
		}
		t.keyConflict = p.conflict()
	case p.accept("unique"):
		columns := columnList(p.parens())
		t.unique(columns, p.conflict())
	case p.accept("check"):
		t.checks = append(t.checks, bare(p.parens()))
		p.conflict() // SQLite has no use for it
	case p.accept("foreign", "key"):
		columns := p.names()
		p.expect("references")
		t.references(p, columns)
		t.deferral(p)
	default:
		p.failed = true
	}
}

func (t *tableText) unique(columns []collated, conflict string) {
	if conflict != "" {
		t.conflicts = append(t.conflicts, uniqueText{columns, conflict})
	}
}

// columnList reads the columns of a UNIQUE constraint.
func columnList(toks []token) (list []collated) {
	for _, one := range split(toks) {
		var c collated
		one, c.desc = direction(one)
		for one = bare(one); len(one) > 2 && one[len(one)-2].is("collate"); one = bare(one) {
			if c.collation == "" {
				c.collation = fold(one[len(one)-1].name()) // the outermost counts
			}
			one = one[:len(one)-2]
		}
		if len(one) == 1 {
			c.name = one[0].name()
		} else {
			c.name = source(one)
		}
		list = append(list, c)
	}
	return list
}

// direction takes ASC and DESC off.
func direction(toks []token) (rest []token, desc bool) {
	if n := len(toks); n > 1 && (toks[n-1].is("asc") || toks[n-1].is("desc")) {
		return toks[:n-1], toks[n-1].is("desc")
	}
	return toks, false
}

// names reads (a, b, …).
func (p *parser) names() (list []string) {
	for _, one := range split(p.parens()) {
		if len(one) == 0 || !one[0].isName() {
			p.failed = true
			return nil
		}
		list = append(list, one[0].name())
	}
	return list
}

// references reads on behind REFERENCES.
func (t *tableText) references(p *parser, columns []string) {
	k := keyText{columns: columns, parent: p.name()}
	if p.peek().is("(") {
		k.to = p.names()
	}
	for !p.failed {
		switch {
		case p.accept("match"):
			if k.match = upper(p.name()); k.match == "SIMPLE" {
				k.match = ""
			}
		case p.accept("on"):
			p.next() // DELETE, UPDATE, INSERT
			switch {
			case p.accept("set"):
				p.next()
			case p.accept("no", "action"):
			default:
				p.next()
			}
		default:
			t.keys = append(t.keys, k)
			return
		}
	}
}

// deferral reads [NOT] DEFERRABLE …, which is about the last foreign key.
func (t *tableText) deferral(p *parser) bool {
	not := p.accept("not", "deferrable")
	if !not && !p.accept("deferrable") {
		return false
	}
	deferred := p.accept("initially", "deferred")
	if !deferred {
		p.accept("initially", "immediate")
	}
	if n := len(t.keys); n > 0 {
		t.keys[n-1].deferred = deferred && !not
	}
	return true
}

// parseIndex reads what is indexed, and the WHERE. ok is false if that cannot
// be done.
func parseIndex(toks []token) (terms [][]token, where []token, ok bool) {
	p := &parser{toks: toks}
	p.expect("create")
	p.accept("unique")
	p.expect("index")
	p.accept("if", "not", "exists")
	p.qualified()
	p.expect("on")
	p.name()
	for _, one := range split(p.parens()) {
		one, _ = direction(one)
		terms = append(terms, bare(one))
	}
	if p.accept("where") {
		where = bare(p.rest())
	}
	return terms, where, !p.failed && p.i == len(p.toks)
}

// A triggerText is a trigger in parts.
type triggerText struct {
	when string // BEFORE INSERT, in capitals, with the columns of UPDATE OF
	body []token
}

// parseTrigger reads a CREATE TRIGGER. It is nil if that cannot be done.
func parseTrigger(toks []token) *triggerText {
	p := &parser{toks: toks}
	t := &triggerText{when: "BEFORE"}
	p.create("trigger")
	switch {
	case p.accept("before"):
	case p.accept("after"):
		t.when = "AFTER"
	case p.accept("instead", "of"):
		t.when = "INSTEAD OF"
	}
	t.when += " " + upper(p.next().text)
	if p.accept("of") {
		var names []string
		for {
			names = append(names, fold(p.name()))
			if p.failed || !p.accept(",") {
				break
			}
		}
		t.when += " OF " + strings.Join(distinct(names), ", ")
	}
	p.expect("on")
	p.qualified()
	p.accept("for", "each", "row")
	t.body = p.rest()
	if p.failed || len(t.body) == 0 || !t.body[0].is("when") && !t.body[0].is("begin") {
		return nil
	}
	return t
}

// parseView reads a CREATE VIEW. ok is false if that cannot be done.
func parseView(toks []token) (columns []string, body []token, ok bool) {
	p := &parser{toks: toks}
	p.create("view")
	if p.peek().is("(") {
		for _, c := range p.names() {
			columns = append(columns, fold(c))
		}
	}
	p.expect("as")
	return columns, p.rest(), !p.failed
}

// parseVirtual reads a CREATE VIRTUAL TABLE. ok is false if that cannot be done.
func parseVirtual(toks []token) (module string, args [][]token, ok bool) {
	p := &parser{toks: toks}
	p.create("virtual", "table")
	p.expect("using")
	module = fold(p.name())
	if p.peek().is("(") {
		if inside := p.parens(); len(inside) > 0 {
			args = split(inside)
		}
	}
	return module, args, !p.failed && p.i == len(p.toks)
}

// Modules whose arguments are columns, and options of the form name = value, and
// whose tables are called NAME_suffix.
var modules = map[string][]string{
	"fts3":      {"content", "segments", "segdir", "docsize", "stat"},
	"fts4":      {"content", "segments", "segdir", "docsize", "stat"},
	"fts5":      {"content", "data", "idx", "docsize", "config"},
	"rtree":     {"node", "parent", "rowid"},
	"rtree_i32": {"node", "parent", "rowid"},
	"geopoly":   {"node", "parent", "rowid"},
}

// argument normalises an argument of a virtual table. To a module that is not
// known every letter may matter.
func argument(module string, toks []token) string {
	if _, ok := modules[module]; !ok {
		return join(letters(toks))
	}
	for i, t := range toks {
		if t.is("=") {
			return join(append(normal(toks[:i+1], anything), letters(toks[i+1:])...))
		}
	}
	return join(normal(toks, anything))
}

// letters keeps everything but blanks and comments.
func letters(toks []token) (list []string) {
	for _, t := range toks {
		list = append(list, t.text)
	}
	return list
}
