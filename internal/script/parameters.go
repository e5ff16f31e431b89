package script

import (
	"slices"
	"strconv"
	"strings"
)

// maxParameter is SQLite's limit, SQLITE_MAX_VARIABLE_NUMBER.
const maxParameter = 32766

// Parameters returns the parameters of a statement, numbered as SQLite does:
// the one at index i has number i+1. It is the parameter's name with its prefix,
// or "" for one without. numbered is the statement with ?N instead of names. ok
// is false for a number that SQLite refuses.
func Parameters(text string) (names []string, numbered string, ok bool) {
	var b strings.Builder
	done := 0 // what of the text is in b
	l := lexer{src: text}
	for t := l.next(); t != ""; t = l.next() {
		switch t[0] {
		case '?':
			n, start := 0, l.pos
			for ; l.pos < len(text) && class[text[l.pos]]&digit != 0; l.pos++ {
				if n = 10*n + int(text[l.pos]-'0'); n > maxParameter {
					return nil, "", false
				}
			}
			if l.pos == start {
				n = len(names) + 1
			} else if n == 0 {
				return nil, "", false
			}
			for len(names) < n {
				names = append(names, "")
			}
		case ':', '@', '$':
			if len(t) == 1 {
				continue // an error, but not ours
			}
			i := slices.Index(names, string(t))
			if i < 0 {
				i = len(names)
				names = append(names, string(t))
			}
			b.WriteString(text[done : l.pos-len(t)])
			b.WriteString("?" + strconv.Itoa(i+1))
			done = l.pos
		}
	}
	if done == 0 {
		return names, text, true
	}
	b.WriteString(text[done:])
	return names, b.String(), true
}

// Returning reports whether a statement may have a RETURNING clause.
func Returning(text string) bool {
	l := lexer{src: text}
	for t := l.next(); t != ""; t = l.next() {
		if t.is("RETURNING") {
			return true
		}
	}
	return false
}
