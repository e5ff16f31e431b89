package script

import "strings"

// What a byte can be, as bits of the class table.
const (
	inWord  = 1 << iota // part of an identifier, keyword or number: A-Z a-z 0-9 _ $ and every byte from 0x80
	digit               // begins a number, which swallows the word bytes behind it
	blank               // white space that may begin a run of blanks
	blank2              // white space inside a run of blanks: SQLite takes a vertical tab only there
	notable             // the scanner must look closer: it may begin something that hides a semicolon
)

var class = func() (c [256]uint8) {
	for b := range c {
		switch {
		case b >= '0' && b <= '9':
			c[b] = inWord | digit
		case b >= 'A' && b <= 'Z', b >= 'a' && b <= 'z', b == '_', b == '$', b >= 0x80:
			c[b] = inWord
		}
	}
	for _, b := range " \t\n\f\r" {
		c[b] = blank | blank2
	}
	c['\v'] = blank2
	for _, b := range "'\"`[-/;?:@#$" {
		c[b] |= notable
	}
	c[bom[0]] |= notable
	return c
}()

// bom is U+FEFF. SQLite takes it for a blank wherever a token may begin.
const bom = "\xEF\xBB\xBF"

func isBOM(src string, i int) bool {
	return len(src)-i >= len(bom) && src[i:i+len(bom)] == bom
}

// The functions below return the index behind the thing that begins at src[i],
// or -1 where it has no end.

// quotedEnd is for '…', "…", `…` and […].
func quotedEnd(src string, i int) int {
	q := src[i]
	if q == '[' {
		q = ']'
	}
	for i++; ; {
		j := strings.IndexByte(src[i:], q)
		if j < 0 {
			return -1
		}
		i += j + 1
		if q == ']' || i == len(src) || src[i] != q {
			return i
		}
		i++ // doubled: the quote itself
	}
}

// blockCommentEnd is for /* … */. The star of "/*" is not that of "*/".
func blockCommentEnd(src string, i int) int {
	j := strings.Index(src[i+2:], "*/")
	if j < 0 {
		return -1
	}
	return i + j + 4
}

// lineCommentEnd is for -- …; the newline is not part of it.
func lineCommentEnd(src string, i int) int {
	if j := strings.IndexByte(src[i:], '\n'); j >= 0 {
		return i + j
	}
	return len(src)
}

// variableEnd is for $x :x @x #x with SQLite's Tcl extras: "::" inside and a
// suffix in parentheses, in which every byte but a blank is taken as it is,
// quotes and semicolons included.
func variableEnd(src string, i int) int {
	named := false
	for i++; i < len(src); i++ {
		switch c := src[i]; {
		case class[c]&inWord != 0:
			named = true
		case c == '(' && named:
			for i++; i < len(src) && src[i] != ')' && class[src[i]]&blank2 == 0; i++ {
			}
			if i < len(src) && src[i] == ')' {
				i++
			}
			return i
		case c == ':' && i+1 < len(src) && src[i+1] == ':':
			i++
		default:
			return i
		}
	}
	return i
}

// skipBlanks skips blanks and comments. A comment without an end goes to the
// end of src.
func skipBlanks(src string, i int) int {
	for i < len(src) {
		switch c := src[i]; {
		case class[c]&blank != 0:
			for i++; i < len(src) && class[src[i]]&blank2 != 0; i++ {
			}
		case c == '-' && i+1 < len(src) && src[i+1] == '-':
			i = lineCommentEnd(src, i)
		case c == '/' && i+1 < len(src) && src[i+1] == '*':
			if i = blockCommentEnd(src, i); i < 0 {
				return len(src)
			}
		case c == bom[0] && isBOM(src, i):
			i += len(bom)
		default:
			return i
		}
	}
	return i
}

// nextWord returns the unquoted word behind the blanks at src[i:], and the index
// behind it; "" where something else is there.
func nextWord(src string, i int) (string, int) {
	i = skipBlanks(src, i)
	j := i
	if j < len(src) && class[src[j]]&(inWord|digit) == inWord && src[j] != '$' {
		for j++; j < len(src) && class[src[j]]&inWord != 0; j++ {
		}
	}
	return src[i:j], j
}

// is reports whether w is the keyword kw, given in capitals. Only ASCII letters
// fold: SQLite's keywords have no Turkish spelling.
func is(w, kw string) bool {
	if len(w) != len(kw) {
		return false
	}
	for i := range len(w) {
		if w[i] != kw[i] && w[i]&^0x20 != kw[i] {
			return false
		}
	}
	return true
}

// A token is the text of one token; "" is the end. Its first byte tells what
// it is.
type token string

// A lexer reads tokens. It is for a look into a statement, not for finding its
// end: that is the Scanner's.
type lexer struct {
	src string
	pos int
}

func (l *lexer) next() token {
	i := skipBlanks(l.src, l.pos)
	l.pos = i
	if i == len(l.src) {
		return ""
	}
	j := i + 1
	switch c := l.src[i]; {
	case c == '\'', c == '"', c == '`', c == '[':
		if j = quotedEnd(l.src, i); j < 0 {
			j = len(l.src)
		}
	case c == '$', c == ':', c == '@', c == '#':
		j = variableEnd(l.src, i)
	case class[c]&inWord != 0:
		for j < len(l.src) && class[l.src[j]]&inWord != 0 {
			j++
		}
	}
	l.pos = j
	return token(l.src[i:j])
}

// peek returns the next token and leaves it to be read.
func (l *lexer) peek() token {
	ahead := *l
	return ahead.next()
}

// accept reads the next token if it is the keyword.
func (l *lexer) accept(kw string) bool {
	ahead := *l
	if !ahead.next().is(kw) {
		return false
	}
	*l = ahead
	return true
}

// skipParens reads to the parenthesis that closes the one just read.
func (l *lexer) skipParens() {
	for depth := 1; depth > 0; {
		switch l.next() {
		case "":
			return
		case "(":
			depth++
		case ")":
			depth--
		}
	}
}

// skipWith reads the common table expressions behind WITH and returns the
// token behind them: the main verb, if all is well.
func (l *lexer) skipWith() token {
	l.accept("RECURSIVE")
	for {
		l.next() // the name
		t := l.next()
		if t == "(" {
			l.skipParens()
			t = l.next()
		}
		if !t.is("AS") {
			return t
		}
		l.accept("NOT")
		l.accept("MATERIALIZED")
		if l.next() != "(" {
			return ""
		}
		l.skipParens()
		if t = l.next(); t != "," {
			return t
		}
	}
}

func (t token) is(kw string) bool { return is(string(t), kw) }

func (t token) isQuoted() bool {
	return t != "" && (t[0] == '\'' || t[0] == '"' || t[0] == '`' || t[0] == '[')
}

// isName reports whether the token can name something, if the grammar lets it.
func (t token) isName() bool {
	return t != "" && (class[t[0]]&(inWord|digit) == inWord && t[0] != '$' || t.isQuoted())
}

// name returns what the token names: without its quotes.
func (t token) name() string {
	if !t.isQuoted() {
		return string(t)
	}
	q := string(t[:1])
	s := string(t[1:])
	if q == "[" {
		return strings.TrimSuffix(s, "]")
	}
	return strings.ReplaceAll(strings.TrimSuffix(s, q), q+q, q)
}
