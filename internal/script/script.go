// Package script reads SQL scripts in SQLite's dialect: it splits a text into
// statements with their positions, and says what each of them does, as far as
// that can be told without a database.
//
// It cuts where SQLite itself would cut. The rules are those of SQLite's
// tokenizer (tokenize.c) and of sqlite3_complete (complete.c), which says
// where a trigger ends; FuzzSplit holds the package to the real SQLite. What
// SQLite would silently make less of than its author meant — a text behind a
// NUL byte, a block comment that never ends — is an error here.
package script

import "fmt"

// A Statement is one SQL statement of a script.
type Statement struct {
	// Text runs from the statement's first token to its semicolon inclusive, or
	// to its last token where the script ends without one. It is a substring of
	// the source: comments inside are kept, blanks and comments before are not.
	Text string
	// Offset is where Text begins in the source, in bytes.
	Offset int
	// Line and Column say the same for people: both count from 1, the column in
	// bytes. A byte order mark at the start of the source is not counted.
	Line, Column int
	// Kind is what the statement's first words make it.
	Kind Kind
}

// Split returns all statements of a script. The error is an *Error; the
// statements before it are returned with it.
func Split(src string) ([]Statement, error) {
	var list []Statement
	s := NewScanner(src)
	for st, ok := s.Next(); ok; st, ok = s.Next() {
		list = append(list, st)
	}
	return list, s.Err()
}

// A Directive is a line comment of the form `-- migratingsqlite: WORD args`.
// Blanks before the dashes and around the text are ignored; the name and its
// colon belong together.
type Directive struct {
	Word, Args   string
	Line, Column int  // of the dashes
	Leading      bool // before the first statement of the script
}

// A Marker is a line comment by which another tool tells the sections of a file
// apart, up and down among them. To SQLite they are one script.
type Marker struct {
	Tool         string // "goose", "dbmate" or "sql-migrate"; "" for no marker
	Text         string // the comment as its tool documents it: "-- +goose Up"
	Line, Column int    // of the dashes
}

// An Error says why a script cannot be split. Its position is where the
// unclosed thing begins, not where its end was missed.
type Error struct {
	Line, Column, Offset int
	Msg                  string // what is wrong and what to do, without the position
}

// Error returns "line:column: message", ready to be put behind a file name.
func (e *Error) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg)
}
