package script

// maxParameter is SQLite's limit, SQLITE_MAX_VARIABLE_NUMBER.
const maxParameter = 32766

// Parameters returns the parameters of a statement, numbered as SQLite does:
// the one at index i has number i+1. It is the parameter's name with its prefix,
// or "" for one without. ok is false for a number that SQLite refuses.
func Parameters(text string) (names []string, ok bool) {
	l := lexer{src: text}
	for t := l.next(); t != ""; t = l.next() {
		switch t[0] {
		case '?':
			n, start := 0, l.pos
			for ; l.pos < len(text) && class[text[l.pos]]&digit != 0; l.pos++ {
				if n = 10*n + int(text[l.pos]-'0'); n > maxParameter {
					return nil, false
				}
			}
			if l.pos == start {
				n = len(names) + 1
			} else if n == 0 {
				return nil, false
			}
			for len(names) < n {
				names = append(names, "")
			}
		case ':', '@', '$':
			known := len(t) == 1 // no name
			for _, name := range names {
				known = known || name == string(t)
			}
			if !known {
				names = append(names, string(t))
			}
		}
	}
	return names, true
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
