package source

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// A Script is what of a file runs in one direction.
type Script struct {
	// Text is the file with blanks in place of all that does not run, so that
	// every place in it is one in the file.
	Text []byte
	// Sum is the SHA-256 of what the tool takes for the script: the file, or one
	// section of it.
	Sum           [sha256.Size]byte
	NoTransaction bool
	MayBeEmpty    bool // the tool lets a script do nothing
	Faults        []Fault
}

// A Fault is something wrong with a file.
type Fault struct {
	Line, Column int
	Msg          string
}

// Layout returns the layout by which the migration was found.
func (m *Foreign) Layout() *Layout { return m.layout }

// Script reads a file of the migration, whose text it changes.
func (m *Foreign) Script(text []byte, down bool) Script {
	f := &file{src: text, down: down, literal: m.literal, noTransaction: m.NoTransaction}
	if m.layout.read != nil {
		m.layout.read(f)
	}
	s := Script{MayBeEmpty: !m.layout.filled}
	if f.sections == nil {
		s.Sum = sha256.Sum256(f.src)
	} else {
		s.Sum = f.cut()
	}
	for _, e := range f.ends {
		blank(f.src[e.from:e.to])
		f.src[e.from] = ';'
	}
	if len(f.faults) == 0 {
		f.unwrap()
	}
	s.Text, s.NoTransaction, s.Faults = f.src, f.noTransaction, f.faults
	return s
}

// A file is a script while it is read.
type file struct {
	src           []byte
	down          bool // this direction is asked for
	literal       bool
	noTransaction bool
	// sections are what runs; nil is everything. What stands before the first marker
	// is kept besides: it holds comments, and directives among them.
	sections []span
	preamble int
	ends     []span // comments that end a statement, in place of a semicolon or besides
	faults   []Fault
}

type span struct{ from, to int }

// maxFaults is how many a file is told of at once.
const maxFaults = 10

func (f *file) fault(at int, format string, args ...any) {
	if len(f.faults) == maxFaults {
		return
	}
	before := f.src[:at]
	f.faults = append(f.faults, Fault{
		Line: 1 + bytes.Count(before, []byte("\n")), Column: at - bytes.LastIndexByte(before, '\n'), Msg: fmt.Sprintf(format, args...),
	})
}

// lines calls each with the lines of the file, without their ends.
func (f *file) lines(each func(at int, line string)) {
	for at := 0; at < len(f.src); {
		end := bytes.IndexByte(f.src[at:], '\n')
		if end < 0 {
			end = len(f.src) - at
		}
		each(at, string(f.src[at:at+end]))
		at += end + 1
	}
}

// cut blanks all that is outside of the sections, and returns the sum of what is
// left: blanks at their ends are none of it.
func (f *file) cut() [sha256.Size]byte {
	sum := sha256.New()
	at := f.preamble
	for i, s := range f.sections {
		if i > 0 {
			sum.Write([]byte{'\n'})
		}
		sum.Write(bytes.TrimSpace(f.src[s.from:s.to]))
		blank(f.src[at:s.from])
		at = s.to
	}
	blank(f.src[at:])
	return [sha256.Size]byte(sum.Sum(nil))
}

// blank leaves nothing but lines.
func blank(text []byte) {
	for i, c := range text {
		if c != '\n' {
			text[i] = ' '
		}
	}
}

// unwrap takes out what tools allow and one transaction does not, where the
// upgrade does the same anyway: BEGIN and COMMIT that belong together, and
// PRAGMA foreign_keys. What it leaves is refused with its position like in every
// other script.
func (f *file) unwrap() {
	text := string(f.src)
	statements, err := script.Split(text)
	if err != nil {
		return // whoever checks the script says why
	}
	take := func(s script.Statement) { blank(f.src[s.Offset : s.Offset+len(s.Text)]) }
	keys := false                 // there was a PRAGMA foreign_keys
	outside := false              // there is a statement that is in no BEGIN … COMMIT
	inside := true                // all the others can be in a transaction
	rollback := false             // there is no telling what is left at the end
	var bounds []script.Statement // BEGIN and COMMIT
	var on *script.Statement      // enforcement was turned on, and has not been turned off since
	for i := range statements {
		s := &statements[i]
		switch s.Kind {
		case script.Begin, script.Commit:
			bounds = append(bounds, *s)
			continue
		case script.Rollback:
			rollback = true
		case script.Pragma:
			e := s.Effect()
			if e.Name == "foreign_keys" && e.HasValue {
				switch strings.ToLower(e.Value) {
				case "0", "off", "no", "false":
					on = nil
				case "1", "on", "yes", "true":
					on = s
				default:
					inside = false
					continue
				}
				keys = true
				take(*s)
				continue
			}
			inside = inside && s.InTransaction() == ""
			continue // it does the same on either side of a BEGIN
		case script.Update, script.Delete, script.Insert:
			if on != nil && (s.Kind != script.Insert || s.Mentions("REPLACE")) {
				f.fault(on.Offset, "foreign keys are to be enforced for the %s in line %d, and an upgrade does not enforce them before its end, so nothing cascades; delete the PRAGMA, and write what is to happen to the rows that refer to these", s.Kind, s.Line)
				on = nil
			}
		}
		outside = outside || len(bounds)%2 == 0
		inside = inside && s.InTransaction() == ""
	}
	if rollback || !alternate(bounds) {
		return
	}
	if f.noTransaction {
		// Asked for only to get at PRAGMA foreign_keys, or to have a transaction of its
		// own: the upgrade's serves as well.
		own := len(bounds) > 0 && !outside && bounds[0].Kind == script.Begin
		if !inside || !own && (!keys || len(bounds) > 0) {
			return
		}
		f.noTransaction = false
	}
	for _, s := range bounds {
		take(s)
	}
}

// alternate reports whether BEGIN and COMMIT follow each other in pairs. A script
// may also leave a transaction that its tool began, and begin one for its tool
// to end.
func alternate(bounds []script.Statement) bool {
	for i, s := range bounds {
		if i > 0 && s.Kind == bounds[i-1].Kind {
			return false
		}
	}
	return len(bounds)%2 == 0
}

// cutAt makes every occurrence of a separator the end of a statement. Where a tool
// cuts a text in the middle of a string or a comment, there is no telling what was
// meant.
func (f *file) cutAt(separator string) {
	text := string(f.src)
	outside := 0 // of everything
	for from := 0; ; {
		at := strings.Index(text[from:], separator)
		if at < 0 || len(f.faults) == maxFaults {
			return
		}
		at += from
		from = at + len(separator)
		found := false
		for outside <= at {
			comment := script.NextLineComment(text, outside)
			if found = comment == at; found {
				f.ends = append(f.ends, span{at, from})
				outside = from
				break
			}
			if comment < 0 || comment > at {
				break
			}
			if outside = comment + strings.IndexByte(text[comment:], '\n'); outside < comment {
				outside = len(text)
			}
		}
		if !found {
			f.fault(at, "%s inside of a string or a comment: the text would be cut there; move it to a line of its own", separator)
		}
	}
}

// sectioned is the state of a reader of files with an up and a down section.
type sectioned struct {
	*file
	tool    string
	current int // where the section begins that is asked for; -1 in none
	in      string
	seen    bool
}

func (f *file) inSections(tool string) *sectioned {
	f.sections = []span{}
	return &sectioned{file: f, tool: tool, current: -1}
}

// begin begins a section with the marker in the line at src[at:].
func (s *sectioned) begin(section string, at int, line string) {
	s.end(at)
	if !s.seen {
		s.preamble = at
	}
	s.seen, s.in = true, section
	if (section == "down") == s.down {
		s.current = min(at+len(line)+1, len(s.src))
	}
}

func (s *sectioned) end(at int) {
	if s.current >= 0 {
		s.sections = append(s.sections, span{s.current, max(at, s.current)})
		s.current = -1
	}
}

// early complains of a line before the first marker, unless it is a comment.
func (s *sectioned) early(at int, line string) {
	line = strings.TrimSpace(line)
	if !s.seen && line != "" && !strings.HasPrefix(line, "--") && !slices.ContainsFunc(s.faults, func(f Fault) bool { return f.Msg == s.tooEarly() }) {
		s.fault(at, "%s", s.tooEarly())
	}
}

func (s *sectioned) tooEarly() string {
	return s.tool + " does not run what stands before the first section; move it behind the marker, or delete it"
}
