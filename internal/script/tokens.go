package script

import (
	"fmt"
	"iter"
	"strings"
)

// A Token is one token of a statement: a word, a number, a name or string with
// its quotes, a parameter, or a single byte of anything else.
type Token struct {
	Text   string
	Offset int // in the statement
}

// Tokens returns the tokens of the statement, without blanks and comments.
func (s Statement) Tokens() []Token {
	var list []Token
	l := lexer{src: s.Text}
	for t := l.next(); t != ""; t = l.next() {
		list = append(list, Token{string(t), l.pos - len(t)})
	}
	return list
}

// Is reports whether the token is the keyword, given in capitals.
func (t Token) Is(keyword string) bool { return is(t.Text, keyword) }

// IsName reports whether the token can name something, if the grammar lets it.
func (t Token) IsName() bool { return token(t.Text).isName() }

// Name returns what the token names, in lower case as SQLite folds it.
func (t Token) Name() string { return lower(token(t.Text).name()) }

// Fold returns the name as SQLite compares it: ASCII letters in lower case.
func Fold(name string) string { return lower(name) }

// Position returns the line and column in the script of a place in the
// statement, in bytes from its beginning.
func (s Statement) Position(offset int) (line, column int) {
	before := s.Text[:offset]
	i := strings.LastIndexByte(before, '\n')
	if i < 0 {
		return s.Line, s.Column + offset
	}
	return s.Line + strings.Count(before, "\n"), offset - i
}

// Nolint is the word of the directive that says which findings of a linter are
// not wanted: -- migratingsqlite: nolint MS301, MS302 because …
const Nolint = "nolint"

// Codes reads what stands behind nolint: codes, and then whatever the author has
// to say.
func (d Directive) Codes() ([]string, error) {
	var codes []string
	for word := range words(d.Args) {
		code := strings.TrimSuffix(word, ":")
		if !isCode(code) {
			break
		}
		if codes = append(codes, code); code != word {
			break
		}
	}
	if codes == nil {
		return nil, fmt.Errorf("nolint wants the codes of the findings that are not wanted, such as nolint MS301, MS302")
	}
	return codes, nil
}

func words(s string) iter.Seq[string] {
	return strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// isCode reports whether a word is two capitals and three digits.
func isCode(word string) bool {
	if len(word) != 5 {
		return false
	}
	for i := range len(word) {
		if c := word[i]; i < 2 && (c < 'A' || c > 'Z') || i >= 2 && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
