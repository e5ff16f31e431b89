package hrana

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// ErrGone is what an error matches when the transaction of a connection has ended,
// and nothing is run after it.
var ErrGone = errors.New("the transaction has ended")

// proxied is the code that a replica gives to every error of the primary.
const proxied = "PROXY_ERROR"

// An Error is what the server says of a statement or a request.
type Error struct {
	Name    string // the server's code, such as SQLITE_CONSTRAINT or TRANSACTION_TIMEOUT
	Message string // SQLite's message where there is one, without what the server puts around it
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Code returns SQLite's primary result code, 0 for an error that is not
// SQLite's.
func (e *Error) Code() int {
	switch e.Name {
	case "SQL_PARSE_ERROR", "SQL_INPUT_ERROR", "SQL_NO_STATEMENT", "SQL_MANY_STATEMENTS", "ARGS_INVALID",
		"ARGS_BOTH_POSITIONAL_AND_NAMED":
		return 1
	case "TRANSACTION_BUSY":
		return 5
	case proxied:
		switch {
		case strings.Contains(e.Message, "constraint failed"):
			return 19
		case strings.Contains(e.Message, "is locked"):
			return 5
		}
		return 1
	}
	name, ok := strings.CutPrefix(e.Name, "SQLITE_")
	if !ok {
		return 0
	}
	name, _, _ = strings.Cut(name, "_") // of an extended code
	if c, ok := codes[name]; ok {
		return c
	}
	return 1
}

// codes are SQLite's. The server calls the general SQLITE_ERROR SQLITE_UNKNOWN.
var codes = map[string]int{
	"INTERNAL": 2, "PERM": 3, "ABORT": 4, "BUSY": 5, "LOCKED": 6, "NOMEM": 7, "READONLY": 8, "INTERRUPT": 9,
	"IOERR": 10, "CORRUPT": 11, "NOTFOUND": 12, "FULL": 13, "CANTOPEN": 14, "PROTOCOL": 15, "SCHEMA": 17,
	"TOOBIG": 18, "CONSTRAINT": 19, "MISMATCH": 20, "MISUSE": 21, "NOLFS": 22, "AUTH": 23, "FORMAT": 24,
	"RANGE": 25, "NOTADB": 26,
}

// Is reports whether the target is [engine.ErrThrownOut] and the server says
// that.
func (e *Error) Is(target error) bool {
	return target == engine.ErrThrownOut && e.Name == "TRANSACTION_TIMEOUT"
}

// As is for errors.As.
func (e *Error) As(target any) bool { return engine.Exported(e, target) }

// endsTransaction reports whether the server has ended the transaction: another
// client wanted the lock, or nothing was said for too long.
func (e *Error) endsTransaction() bool {
	return e.Name == "TRANSACTION_TIMEOUT" || e.Name == "STREAM_EXPIRED"
}

// unread reports whether a request failed because the server could not make
// anything of the text of one of its statements. None of them was run.
func unread(err error) bool {
	e, ok := err.(*Error) // and not that of one statement
	return ok && (strings.HasPrefix(e.Name, "SQL_") || strings.HasPrefix(e.Name, "ARGS_"))
}

// unavailable is the error of a request that changes nothing, whatever became
// of it.
func unavailable(err error) error {
	var (
		e *Error
		u *engine.UnavailableError
		h *httpError
	)
	switch {
	case err == nil || errors.As(err, &u):
		return err
	case errors.As(err, &e):
		return &engine.StatementError{Index: -1, Err: err}
	}
	lasting := errors.As(err, &h) && h.status/100 == 4 && h.status != http.StatusRequestTimeout || errors.Is(err, errStranger)
	return &engine.UnavailableError{Permanent: lasting, Err: err}
}

// lost is the error of a request that may have changed something.
func lost(err error) error {
	var (
		s *engine.StatementError
		u *engine.UnavailableError
	)
	if err == nil || errors.As(err, &s) || errors.As(err, &u) {
		return err
	}
	return &engine.LostError{Err: err}
}

func (w *wireError) err() error {
	m := strings.TrimPrefix(w.Message, "error executing a request on the primary: ")
	if w.Code == proxied {
		switch m {
		case "Transaction timed-out":
			return &Error{"TRANSACTION_TIMEOUT", m}
		case "Server can't handle additional transactions":
			return &Error{"TRANSACTION_BUSY", m}
		}
	}
	if w.Code == "STREAM_EXPIRED" {
		m = "the server has ended the transaction, since it heard nothing of it for ten seconds"
	}
	m = strings.TrimPrefix(m, "SQLite error: ")
	if rest, ok := strings.CutPrefix(m, "SQL input error: "); ok {
		m = rest
		if i := strings.LastIndex(m, " (at offset "); i >= 0 {
			m = m[:i]
		}
	}
	if rest, ok := strings.CutPrefix(m, "SQL string could not be parsed: "); ok {
		m = parseText(rest)
	}
	return &Error{w.Code, m}
}

// parseText puts a message of the server's parser as SQLite does, and leaves
// out the text of the statement, since that may hold data.
func parseText(m string) string {
	if text, ok := strings.CutPrefix(m, "unsupported statement: "); ok {
		return "the server does not support " + verb(text) + ", in a transaction or outside; leave it out"
	}
	if rest, ok := strings.CutPrefix(m, "syntax error around L"); ok {
		if _, token, ok := strings.Cut(rest, ": `"); ok {
			token = strings.TrimSuffix(token, "`")
			if strings.HasPrefix(token, "'") {
				return "near a string: syntax error"
			}
			return fmt.Sprintf(`near "%s": syntax error`, token)
		}
	}
	return m
}

// verb returns up to three words that a statement begins with.
func verb(text string) string {
	if i := strings.IndexFunc(text, func(r rune) bool {
		return r != '_' && r != ' ' && r != '\n' && r != '\t' && (r|0x20 < 'a' || r|0x20 > 'z')
	}); i >= 0 {
		text = text[:i]
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return "such statements"
	}
	return strings.Join(words[:min(len(words), 3)], " ")
}
