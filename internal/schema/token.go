package schema

import (
	"strings"
	"sync"
)

// What a token can be.
const (
	word   uint8 = iota // an identifier or keyword without quotes
	quoted              // an identifier in "…", `…` or […]; a string, where "…" names nothing
	str                 // '…'
	number              // and x'…'
	op                  // everything else, a byte or an operator of several
)

// A token is one token of SQL.
type token struct {
	text string // as it stands in the source
	kind uint8
	gap  bool // a blank or comment stands before it
	pos  int  // where it begins in the source
}

// end is where the token ends in the source.
func (t token) end() int { return t.pos + len(t.text) }

// lex splits a text where SQLite's tokenizer would (tokenize.c). Blanks and
// comments are left out. It takes every text; SQLite has taken it before.
func lex(src string) []token {
	toks := make([]token, 0, len(src)/4+4)
	if i := strings.IndexByte(src, 0); i >= 0 {
		src = src[:i]
	}
	for i := 0; ; {
		start := i
		i = skipBlanks(src, i)
		if i == len(src) {
			return toks
		}
		kind, end := lexOne(src, i)
		toks = append(toks, token{src[i:end], kind, i > start, i})
		i = end
	}
}

func lexOne(src string, i int) (kind uint8, end int) {
	at := func(j int) byte {
		if j < len(src) {
			return src[j]
		}
		return 0
	}
	switch c := src[i]; {
	case c == '\'':
		return str, quoteEnd(src, i)
	case c == '"', c == '`', c == '[':
		return quoted, quoteEnd(src, i)
	case (c == 'x' || c == 'X') && at(i+1) == '\'':
		return number, quoteEnd(src, i+1)
	case isDigit(c), c == '.' && isDigit(at(i+1)):
		hex := c == '0' && at(i+1)|0x20 == 'x'
		for i++; i < len(src); i++ {
			exponent := (src[i] == '+' || src[i] == '-') && src[i-1]|0x20 == 'e' && !hex && isDigit(at(i+1))
			if !isWord(src[i]) && src[i] != '.' && !exponent {
				break
			}
		}
		return number, i
	case isWord(c) && c != '$':
		return word, wordEnd(src, i)
	case strings.IndexByte("$:@#", c) >= 0: // a parameter; only arguments of a virtual table can hold one
		return op, wordEnd(src, i)
	}
	for _, o := range operators {
		if strings.HasPrefix(src[i:], o) {
			return op, i + len(o)
		}
	}
	return op, i + 1
}

// wordEnd returns the index behind the word whose first byte is src[i].
func wordEnd(src string, i int) int {
	for i++; i < len(src) && isWord(src[i]); i++ {
	}
	return i
}

var operators = []string{"->>", "->", "||", "<=", ">=", "<>", "!=", "==", "<<", ">>"}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_' || c == '$' || c >= 0x80
}

func skipBlanks(src string, i int) int {
	for i < len(src) {
		switch c := src[i]; {
		case c == ' ', c >= '\t' && c <= '\r':
			i++
		case strings.HasPrefix(src[i:], "--"):
			n := strings.IndexByte(src[i:], '\n')
			if n < 0 {
				return len(src)
			}
			i += n + 1
		case strings.HasPrefix(src[i:], "/*"):
			n := strings.Index(src[i+2:], "*/")
			if n < 0 {
				return len(src)
			}
			i += n + 4
		case strings.HasPrefix(src[i:], "\xEF\xBB\xBF"):
			i += 3
		default:
			return i
		}
	}
	return i
}

// quoteEnd returns the index behind the quoted thing at src[i:].
func quoteEnd(src string, i int) int {
	q := src[i]
	if q == '[' {
		q = ']'
	}
	for i++; i < len(src); i++ {
		if src[i] != q {
			continue
		}
		if q == ']' || i+1 == len(src) || src[i+1] != q {
			return i + 1
		}
		i++
	}
	return len(src)
}

// is reports whether the token is the keyword, given in lower case, or the
// operator.
func (t token) is(s string) bool {
	return (t.kind == word || t.kind == op) && len(t.text) == len(s) && fold(t.text) == s
}

// isName reports whether the token can be the name of something.
func (t token) isName() bool {
	switch t.kind {
	case word:
		return keywords()[fold(t.text)] != reserved
	case quoted, str:
		return true
	}
	return false
}

// name returns what the token names: without its quotes.
func (t token) name() string {
	if t.kind != quoted && t.kind != str {
		return t.text
	}
	q, s := t.text[:1], t.text[1:]
	if q == "[" {
		return strings.TrimSuffix(s, "]")
	}
	return strings.ReplaceAll(strings.TrimSuffix(s, q), q+q, q)
}

// fold folds ASCII letters, which is all that SQLite folds in names.
func fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

// What a keyword is.
const (
	noKeyword = iota
	soft      // a name, wherever the grammar has no use for the keyword
	firm      // can be a name, but its quotes make a difference: "left", "true"
	reserved
)

var keywords = sync.OnceValue(func() map[string]uint8 {
	m := map[string]uint8{}
	for class, list := range map[uint8]string{
		soft: `abort action after always analyze asc attach before begin by cascade cast column conflict current
			database deferred desc detach do each end exclude exclusive explain fail filter first following for
			generated glob groups if ignore immediate initially instead key last like match materialized no nulls of
			offset others over partition plan pragma preceding query raise range recursive regexp reindex release
			rename replace restrict rollback row rows savepoint temp temporary ties trigger unbounded vacuum view
			virtual window with within without`,
		firm: `cross full inner left natural outer right indexed current_date current_time current_timestamp true false`,
		reserved: `add all alter and as autoincrement between case check collate commit constraint create default
			deferrable delete distinct drop else escape except exists foreign from group having in index insert
			intersect into is isnull join limit not nothing notnull null on or order primary references returning
			select set table then to transaction union unique update using values when where`,
	} {
		for _, w := range strings.Fields(list) {
			m[w] = class
		}
	}
	return m
})

// A scope says what "…" may name; elsewhere SQLite takes it for a string. It
// gets folded names.
type scope func(name string) bool

// anything takes "…" for a name everywhere, nothing only where it must be one.
func anything(string) bool { return true }
func nothing(string) bool  { return false }

// normal returns a token for each of toks that is the same for all ways to
// write it. A name begins with a double quote.
func normal(toks []token, names scope) []string {
	list := make([]string, 0, len(toks))
	for i, t := range toks {
		list = append(list, normalOne(toks, i, t, names))
	}
	return list
}

func normalOne(toks []token, i int, t token, names scope) string {
	switch t.kind {
	case word:
		w := fold(t.text)
		if keywords()[w] >= firm {
			return w
		}
		return `"` + w
	case quoted:
		name := t.name()
		w := fold(name)
		if t.text[0] == '"' && !mustBeName(toks, i) && !names(w) {
			return quoteString(name)
		}
		return `"` + w
	case str:
		if i > 0 && toks[i-1].is("as") {
			return `"` + fold(t.name())
		}
	case number:
		return fold(t.text)
	case op:
		switch t.text {
		case "==":
			return "="
		case "<>":
			return "!="
		}
	}
	return t.text
}

func quoteString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// mustBeName reports whether toks[i] is where a string cannot be.
func mustBeName(toks []token, i int) bool {
	if i+1 < len(toks) && (toks[i+1].is(".") || toks[i+1].is("(")) {
		return true
	}
	if i == 0 {
		return false
	}
	switch t := toks[i-1]; fold(t.text) {
	case ".", "as", "collate", "join", "into", "update":
		return t.kind == word || t.kind == op
	case "from": // but not of IS DISTINCT FROM
		return t.kind == word && (i == 1 || !toks[i-2].is("distinct"))
	}
	return false
}

// bare takes off parentheses around an expression.
func bare(toks []token) []token {
	for len(toks) > 2 && toks[0].is("(") && closing(toks, 0) == len(toks)-1 {
		toks = toks[1 : len(toks)-1]
	}
	return toks
}

// closing returns the index of the parenthesis that closes the one at toks[i],
// or -1.
func closing(toks []token, i int) int {
	for depth := 0; i < len(toks); i++ {
		switch {
		case toks[i].is("("):
			depth++
		case toks[i].is(")"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// split cuts at the commas that are in no parentheses.
func split(toks []token) (list [][]token) {
	depth, start := 0, 0
	for i, t := range toks {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case t.is(",") && depth == 0:
			list = append(list, toks[start:i])
			start = i + 1
		}
	}
	return append(list, toks[start:])
}

// An expr is a piece of SQL.
type expr struct {
	key  string // equal if the pieces mean the same
	text string // on one line, for people
}

func newExpr(toks []token, names scope) expr {
	return expr{join(normal(toks, names)), source(toks)}
}

// join makes one string of normal tokens, which hold no NUL bytes.
func join(list []string) string { return strings.Join(list, "\x00") }

// source is the text without comments and with single blanks.
func source(toks []token) string {
	var b strings.Builder
	for i, t := range toks {
		if t.gap && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t.text)
	}
	return b.String()
}

// typeName normalises the type of a column. SQLite looks for words in it, in
// any case, and leaves its quotes off.
func typeName(s string) string {
	var b strings.Builder
	toks := lex(s)
	if len(toks) == 1 {
		return upper(toks[0].name())
	}
	for i, t := range toks {
		glued := t.is("(") || t.is(")") || t.is(",") || i > 0 && (toks[i-1].is("(") || toks[i-1].is("+") || toks[i-1].is("-"))
		if i > 0 && !glued {
			b.WriteByte(' ')
		}
		b.WriteString(t.name())
	}
	return upper(b.String())
}

// upper is the opposite of fold, for people.
func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c &^ 0x20
		}
	}
	return string(b)
}

// defaultValue normalises what PRAGMA table_xinfo says of a DEFAULT; ok is
// false for NULL, which is what a column has without it.
func defaultValue(s string) (e expr, ok bool) {
	toks := bare(lex(s))
	if len(toks) == 2 && toks[0].is("+") && toks[1].kind == number {
		toks = toks[1:]
	}
	if len(toks) == 0 || len(toks) == 1 && toks[0].is("null") {
		return expr{}, false
	}
	e = newExpr(toks, nothing)
	if len(toks) == 1 {
		// A lone name is a string.
		if t := toks[0]; t.kind == quoted || t.kind == word && keywords()[fold(t.text)] < firm {
			e.key = quoteString(t.name())
			e.text = e.key
		}
	} else if len(toks) > 2 || toks[0].kind != op {
		e.text = "(" + e.text + ")"
	}
	return e, true
}

// wordsOf tells which bare "…" in a view or trigger can be names: those of the
// columns of the tables that it mentions, and what it names itself.
func wordsOf(toks []token, columns map[string]map[string]*column) scope {
	names := map[string]bool{"rowid": true, "oid": true, "_rowid_": true}
	mentioned := map[string]bool{}
	for i, t := range toks {
		if !t.isName() || t.kind == str {
			continue
		}
		name := fold(t.name())
		if !mentioned[name] {
			mentioned[name] = true
			for c := range columns[name] {
				names[c] = true
			}
		}
		if i+1 < len(toks) && (toks[i+1].is(".") || toks[i+1].is("(")) {
			continue // a table or function
		}
		switch {
		case t.kind == word:
			if keywords()[name] == noKeyword {
				names[name] = true
			}
		case t.text[0] != '"', mustBeName(toks, i):
			names[name] = true
		}
	}
	return func(n string) bool { return names[n] }
}

// unqualified takes off "main." where it is the schema and not a table.
func unqualified(toks []token, isTable scope) []token {
	isMain := func(t token) bool { return (t.kind == word || t.kind == quoted) && fold(t.name()) == "main" }
	qualifies := func(i int) bool {
		return isMain(toks[i]) && i+2 < len(toks) && toks[i+1].is(".") && toks[i+2].isName() && (i == 0 || !toks[i-1].is("."))
	}
	found := false
	for i, t := range toks {
		if !isMain(t) {
			continue
		}
		if !qualifies(i) || isTable("main") {
			return toks
		}
		found = true
	}
	if !found {
		return toks
	}
	out := make([]token, 0, len(toks))
	for i := 0; i < len(toks); i++ {
		gap := toks[i].gap
		if qualifies(i) {
			i += 2
		}
		t := toks[i]
		t.gap = gap
		out = append(out, t)
	}
	return out
}
