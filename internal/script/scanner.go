package script

import "strings"

// A Scanner reads the statements of a script one after the other, in one pass
// and without allocating for them.
type Scanner struct {
	src  string // up to a NUL byte, if there is one
	nul  bool   // the source goes on behind src, with a NUL byte
	pos  int    // where the next statement is looked for
	seen bool   // a statement has begun

	// The position last asked for, from which the next one is counted.
	counted, line, lineStart int

	directives []Directive
	marker     Marker
	err        *Error
}

// NewScanner returns a Scanner at the start of src.
func NewScanner(src string) *Scanner {
	s := new(Scanner) // so small a function is inlined, and s stays on the stack
	s.start(src)
	return s
}

func (s *Scanner) start(src string) {
	s.src, s.line = src, 1
	if i := strings.IndexByte(src, 0); i >= 0 {
		s.src, s.nul = src[:i], true
	}
	if isBOM(src, 0) {
		s.pos = len(bom)
		s.counted, s.lineStart = s.pos, s.pos
	}
}

// Err returns the *Error that made Next return false, or nil at the end of the
// script.
func (s *Scanner) Err() error {
	if s.err == nil {
		return nil // not a nil *Error
	}
	return s.err
}

// Directives returns the directives met so far, in order.
func (s *Scanner) Directives() []Directive { return s.directives }

// Marker returns the first marker of another tool met so far, or the zero Marker.
func (s *Scanner) Marker() Marker { return s.marker }

// Next returns the next statement. It returns false at the end of the script
// and for a text that cannot be split, which Err tells apart.
func (s *Scanner) Next() (Statement, bool) {
	if s.err != nil {
		return Statement{}, false
	}
	start, ok := s.skip(s.pos, true)
	s.pos = start
	if !ok {
		return Statement{}, false
	}
	if start == len(s.src) {
		if s.nul {
			s.fail(start, "")
		}
		return Statement{}, false
	}
	s.seen = true
	st := Statement{Offset: start}
	st.Line, st.Column = s.position(start)
	kind, trigger, with := classify(s.src, start)

	end, ok := s.end(start, trigger)
	if !ok {
		return Statement{}, false
	}
	st.Text, st.Kind = s.src[start:end], kind
	if with {
		st.Kind = mainVerb(st.Text)
	}
	return st, true
}

// end finds the end of the statement that begins at start, and moves s.pos
// behind it.
func (s *Scanner) end(start int, trigger bool) (end int, ok bool) {
	src := s.src
	// A token begins at edge, whatever stands before it. Tokens end at last, as
	// far as src[:edge] is concerned; what is behind edge is still to be looked at.
	edge, last := start, start
	for i := start; ; {
		for i < len(src) && class[src[i]]&notable == 0 {
			i++
		}
		if i == len(src) {
			break
		}
		switch c := src[i]; c {
		case ';':
			if !trigger {
				s.pos = i + 1
				return i + 1, true
			}
			// The body of a trigger ends with "; END ;" (complete.c): no statement
			// in it can begin with END, so a CASE … END needs no counting.
			word, ok := s.skip(i+1, true)
			if !ok {
				return 0, false
			}
			i, edge = word, word
			if w, after := nextWord(src, word); is(w, "END") {
				next, ok := s.skip(after, false)
				if !ok {
					return 0, false
				}
				if next == len(src) && !s.nul {
					s.pos = next
					return after, true
				}
				if next < len(src) && src[next] == ';' {
					s.pos = next + 1
					return next + 1, true
				}
				i, edge = next, next
			}
			continue
		case '\'', '"', '`', '[':
			j := quotedEnd(src, i)
			if j < 0 {
				s.fail(i, unclosedQuote(c))
				return 0, false
			}
			i = j
		case ':', '@', '#':
			i = variableEnd(src, i)
		case '?':
			for i++; i < len(src) && class[src[i]]&digit != 0; i++ {
			}
		case '$':
			if i > edge && class[src[i-1]]&inWord != 0 { // inside a word
				i++
				continue
			}
			i = variableEnd(src, i)
		case '-':
			if i+1 == len(src) || src[i+1] != '-' {
				i++
				continue
			}
			last = lastToken(src, edge, i, last)
			i = s.lineComment(i)
			edge = i
			continue
		case '/':
			if i+1 == len(src) || src[i+1] != '*' {
				i++
				continue
			}
			last = lastToken(src, edge, i, last)
			j := blockCommentEnd(src, i)
			if j < 0 {
				s.fail(i, unclosedComment)
				return 0, false
			}
			i, edge = j, j
			continue
		default: // bom[0]
			if i > edge && class[src[i-1]]&inWord != 0 || !isBOM(src, i) {
				i++
				continue
			}
			last = lastToken(src, edge, i, last)
			i += len(bom)
			edge = i
			continue
		}
		edge, last = i, i
	}
	if trigger || s.nul {
		s.fail(start, unclosedTrigger)
		return 0, false
	}
	s.pos = len(src)
	return lastToken(src, edge, len(src), last), true
}

// lastToken returns the end of the last token in src[edge:end], in which there
// are no comments, or last where there is none.
func lastToken(src string, edge, end, last int) int {
	i := end
	for i > edge && class[src[i-1]]&blank2 != 0 {
		i--
	}
	// A vertical tab is a blank only behind another one; here it is an illegal
	// token, which must not get lost.
	for i < end && src[i] == '\v' {
		i++
	}
	if i > edge {
		return i
	}
	return last
}

// skip does for the script what skipBlanks does inside a statement already
// seen: it also keeps directives, fails for a comment without an end, and skips
// lone semicolons between statements.
func (s *Scanner) skip(i int, semicolons bool) (int, bool) {
	src := s.src
	for i < len(src) {
		switch c := src[i]; {
		case class[c]&blank != 0:
			for i++; i < len(src) && class[src[i]]&blank2 != 0; i++ {
			}
		case c == ';' && semicolons:
			i++
		case c == '-' && i+1 < len(src) && src[i+1] == '-':
			i = s.lineComment(i)
		case c == '/' && i+1 < len(src) && src[i+1] == '*':
			j := blockCommentEnd(src, i)
			if j < 0 {
				s.fail(i, unclosedComment)
				return i, false
			}
			i = j
		case c == bom[0] && isBOM(src, i):
			i += len(bom)
		default:
			return i, true
		}
	}
	return i, true
}

// lineComment skips the comment at src[i:] and keeps it if it is a directive or
// a marker.
func (s *Scanner) lineComment(i int) int {
	const name = "migratingsqlite:"
	end := lineCommentEnd(s.src, i)
	text := strings.TrimLeft(s.src[i+2:end], " \t\v\f\r")
	if !strings.HasPrefix(text, name) {
		if s.marker.Tool == "" {
			s.mark(i, text)
		}
		return end
	}
	text = strings.Trim(text[len(name):], " \t\v\f\r")
	d := Directive{Word: text, Leading: !s.seen}
	if j := strings.IndexAny(text, " \t\v\f\r"); j >= 0 {
		d.Word, d.Args = text[:j], strings.TrimLeft(text[j:], " \t\v\f\r")
	}
	d.Line, d.Column = s.position(i)
	s.directives = append(s.directives, d)
	return end
}

var markers = [...]struct{ word, tool string }{
	{"+goose", "goose"}, {"+migrate", "sql-migrate"}, {"migrate:up", "dbmate"}, {"migrate:down", "dbmate"},
}

// mark keeps the comment at src[i:] if its text is a marker. Like the tools
// themselves it wants it on a line of its own; where they differ from version to
// version, it takes what any of them takes.
func (s *Scanner) mark(i int, text string) {
	text = strings.TrimLeft(text, "- \t\r") // goose drops all dashes
	if text == "" || text[0] != '+' && text[0] != 'm' {
		return // most comments
	}
	for _, k := range markers {
		rest, ok := strings.CutPrefix(text, k.word)
		if !ok || rest != "" && class[rest[0]]&blank2 == 0 {
			continue
		}
		before := strings.TrimRight(s.src[:i], " \t")
		if before != "" && before != bom && before[len(before)-1] != '\n' {
			return
		}
		s.marker = Marker{Tool: k.tool, Text: "-- " + strings.Join(strings.Fields(text), " ")}
		s.marker.Line, s.marker.Column = s.position(i)
		return
	}
}

// position returns the line and column of src[i]. It counts on from where it
// was last asked, so that a whole scan counts every line once.
func (s *Scanner) position(i int) (line, column int) {
	if i >= s.counted {
		gap := s.src[s.counted:i]
		if n := strings.Count(gap, "\n"); n > 0 {
			s.line += n
			s.lineStart = s.counted + strings.LastIndexByte(gap, '\n') + 1
		}
		s.counted = i
		return s.line, i - s.lineStart + 1
	}
	// Back to the start of a statement whose end was not found: a rare way out.
	head := s.src[:i]
	column = i - strings.LastIndexByte(head, '\n')
	if column == i+1 && isBOM(head, 0) {
		column -= len(bom)
	}
	return 1 + strings.Count(head, "\n"), column
}

const (
	unclosedComment = "this comment is never closed: add */"
	unclosedTrigger = "this trigger never ends: close its body with END;"
	nulByte         = "a NUL byte: SQLite ignores everything from here on; save the script as UTF-8 without it"
)

func unclosedQuote(q byte) string {
	switch q {
	case '\'':
		return "this string is never closed: add a ' (a ' inside a string is written '')"
	case '[':
		return "this quoted name is never closed: add ]"
	}
	return "this quoted name is never closed: add " + string(q)
}

// fail ends the scan. Where there is a NUL byte, nothing before it can be known
// to be unclosed.
func (s *Scanner) fail(i int, msg string) {
	if s.nul {
		i, msg = len(s.src), nulByte
	}
	line, column := s.position(i)
	s.err = &Error{Line: line, Column: column, Offset: i, Msg: msg}
}
