package libsql

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/hrana"
)

// A Kind says what sort of trouble an [Error] is.
type Kind int

// The kinds of errors.
const (
	Other       Kind = iota // a mistake in the statement, a damaged file, a refusal, …
	Busy                    // another connection holds a lock: the same can go well later
	Constraint              // the data breaks a rule of the schema
	Auth                    // the server refuses the token, or does not let it do this
	Unreachable             // the server could not be asked: nothing has happened
	Timeout                 // the server has rolled the transaction back, because it lasted too long
	StreamLost              // the connection was lost, and its transaction with it: the statement may have taken effect
)

var kindNames = [...]string{"other", "busy", "constraint", "auth", "unreachable", "timeout", "stream lost"}

// String returns the kind in lower case.
func (k Kind) String() string {
	if k >= 0 && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// An Error is what libSQL or its server say. It holds neither the statement nor
// its arguments, nor a token.
type Error struct {
	Kind Kind
	text string
	code int

	gone    bool // the connection is of no use any more
	unheard bool // and the statement was certainly not executed
	noTx    bool // there was no transaction to roll back
	cause   error
}

// Error returns SQLite's or the server's message, such as "UNIQUE constraint
// failed: t.x".
func (e *Error) Error() string { return e.text }

// Code returns SQLite's primary result code, 0 where the error is not SQLite's.
// That of RAISE in a trigger is 1, since libSQL tells its text only.
func (e *Error) Code() int { return e.code }

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// SQLite's primary result codes. https://www.sqlite.org/rescode.html
const (
	sqliteError      = 1
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteCantOpen   = 14
	sqliteProtocol   = 15
	sqliteConstraint = 19
)

var (
	errClosed    = errors.New("the database is closed")
	errParameter = mistake("the number of a parameter is out of range")
	errNotExist  = &Error{text: "the file does not exist", code: sqliteCantOpen, cause: fs.ErrNotExist}
)

// mistake is an error that the package finds by itself.
func mistake(text string) error { return &Error{text: text, code: sqliteError} }

// clean turns an error of go-libsql into an *Error. It is the one place where
// go-libsql's texts are read: they are all there is, and hold the statement and
// even arguments.
func clean(err error) error {
	if err == nil || err == driver.ErrBadConn || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	// What stands before the last such line is go-libsql's, with the statement.
	text := err.Error()
	const mark = "\nerror code = "
	i := strings.LastIndex(text, mark)
	if i < 0 {
		return &Error{text: "go-libsql refuses the statement or its arguments", code: sqliteError}
	}
	_, text, ok := strings.Cut(text[i+len(mark):], ": ")
	if !ok { // libSQL's message holds a NUL byte
		return &Error{text: "libSQL failed without a message", code: sqliteError}
	}
	e := read(strings.TrimSpace(text))
	e.text = strings.TrimSpace(e.text)
	return e
}

func init() { engine.Exported = exported }

// exported is [engine.Exported]: the error of an upgrade, which goes to servers
// by another way than go-libsql's, as an *Error.
func exported(err error, target any) bool {
	to, ok := target.(**Error)
	if !ok {
		return false
	}
	e := &Error{text: err.Error(), cause: err}
	switch err := err.(type) {
	case *hrana.Error:
		if e = server(err.Message, err.Name); err.Code() != 0 { // it knows more of them
			e = sqlite(err.Message, err.Code())
		}
	case *engine.LostError:
		e.Kind = StreamLost
	default:
		e.Kind = Unreachable
		if errors.Is(err, engine.ErrToken) || errors.Is(err, engine.ErrForbidden) {
			e.Kind = Auth
		}
	}
	*to = e
	return true
}

// within returns what stands between a prefix with a backtick and the backtick
// at the end of text.
func within(text, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(text, prefix+"`")
	return strings.TrimSuffix(rest, "`"), ok
}

var (
	apiForm    = regexp.MustCompile(`(?s)^status=(\d+)([^,]*), body=(.*)$`)
	streamForm = regexp.MustCompile(`(?s)^Error \{ message: "(.*)", code: "(\w*)" \}$`)
	cursorForm = regexp.MustCompile("(?s)^error at step \\d+: \\(error code: (\\w+)\\) `(.*)`$")
	remoteForm = regexp.MustCompile(`(?s)^-?\d+:(-?\d+):(.*)$`)
	grpcForm   = regexp.MustCompile(`(?s)^status: (\w+), message: "(.*?)", details: `)
	openForm   = regexp.MustCompile(`: (\d+)$`)
	syntaxForm = regexp.MustCompile("(?s)^syntax error around L\\d+:\\d+: `(.*)`$")
)

// read reads libSQL's own message.
func read(text string) *Error {
	for _, p := range []string{"Error executing statement: ", "Error preparing statement: ", "Error fetching next row: ", "Unable to connect: "} {
		text = strings.TrimPrefix(text, p)
	}
	if m, ok := within(text, "SQLite failure: "); ok {
		return sqlite(m, 0)
	}
	if m, ok := within(text, "Remote SQlite failure: "); ok {
		if f := remoteForm.FindStringSubmatch(m); f != nil {
			extended, _ := strconv.Atoi(f[1])
			return sqlite(f[2], extended&0xff)
		}
	}
	if m, ok := within(text, "Hrana: "); ok {
		return overHTTP(m)
	}
	if m, ok := within(text, "Write delegation: "); ok {
		if f := grpcForm.FindStringSubmatch(m); f != nil {
			return grpc(f[1], unescape(f[2]))
		}
	}
	if m, ok := within(text, "Failed to connect to database: "); ok {
		if f := openForm.FindStringSubmatch(m); f != nil {
			code, _ := strconv.Atoi(f[1])
			return sqlite("unable to open database file", code&0xff)
		}
	}
	if f := syntaxForm.FindStringSubmatch(text); f != nil {
		return sqlite(`near "`+f[1]+`": syntax error`, sqliteError)
	}
	if m, ok := strings.CutPrefix(text, "Error syncing database: "); ok {
		return syncing(m)
	}
	// Error opening db path PATH, primary url URL: CAUSE
	if strings.HasPrefix(text, "Error opening ") {
		if i := strings.Index(text, ": sync error: "); i >= 0 {
			return syncing(text[i+2:])
		}
		return &Error{text: "the database could not be opened", code: sqliteCantOpen}
	}
	if m, ok := within(text, "API misuse: "); ok {
		text = m
	}
	switch {
	case text == unsupported:
		return &Error{text: "libSQL does not support this statement here", code: sqliteError}
	case strings.HasPrefix(text, "connection has reached an invalid state"):
		return &Error{text: "no transaction is active, or one is already", code: sqliteError, noTx: true}
	case strings.HasPrefix(text, "Wrong "), strings.HasPrefix(text, "Invalid "), text == "Execute returned rows":
		return &Error{text: text, code: sqliteError}
	}
	return &Error{text: "libSQL failed in a way that is not known", code: sqliteError}
}

// overHTTP reads what came, or did not come, over the network.
func overHTTP(text string) *Error {
	if m, ok := within(text, "stream error: "); ok {
		if f := streamForm.FindStringSubmatch(m); f != nil {
			return server(unescape(f[1]), f[2])
		}
	}
	if m, ok := within(text, "cursor error: "); ok {
		if f := cursorForm.FindStringSubmatch(m); f != nil {
			return server(f[2], f[1])
		}
		return &Error{Kind: StreamLost, text: "the server's answer broke off", gone: true}
	}
	if m, ok := within(text, "api error: "); ok {
		if f := apiForm.FindStringSubmatch(m); f != nil {
			status, _ := strconv.Atoi(f[1])
			return api(status, f[1]+f[2], f[3])
		}
	}
	if m, ok := within(text, "http error: "); ok {
		return network(m)
	}
	return &Error{Kind: StreamLost, text: "the server's answer is none of a libSQL server", gone: true}
}

// network reads an error of HTTP.
func network(text string) *Error {
	if cause, ok := strings.CutPrefix(text, "error trying to connect: "); ok {
		cause = strings.TrimPrefix(cause, "tcp connect error: ")
		return &Error{Kind: Unreachable, text: "the server cannot be reached: " + cause, gone: true}
	}
	return &Error{Kind: StreamLost, text: "the connection to the server broke: " + text, gone: true}
}

// unsupported is followed by the statement, where it comes from a server.
const unsupported = "unsupported statement"

// api reads an answer that is no answer to a statement.
func api(status int, line, body string) *Error {
	var parsed struct{ Error, Message, Code string }
	if json.Unmarshal([]byte(body), &parsed) == nil {
		body = parsed.Error + parsed.Message
	}
	e := &Error{gone: true, text: "the server answers " + line}
	if status < 500 && body != "" && len(body) < 200 && !strings.ContainsAny(body, "<\n") { // no page of HTML
		e.text = body
	}
	switch {
	case strings.Contains(body, unsupported):
		e.text, e.code = "the server does not support this statement", sqliteError
	case status == 401 || status == 403:
		e.Kind = Auth
	case parsed.Code == "STREAM_EXPIRED", body == "Received an invalid baton":
		// The server knows the stream no more: it was idle, or the server began anew.
		e.Kind, e.unheard = StreamLost, true
	case status == 400:
		e.Kind = StreamLost
	case status == 408, status == 429, status >= 500:
		e.Kind = Unreachable
		if status == 504 || status == 408 {
			e.Kind = StreamLost // a proxy gave up waiting
		}
	}
	return e
}

// server reads a server's error of a statement.
func server(text, code string) *Error {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "SQLite error: "), "SQL input error: ")
	if i := strings.LastIndex(text, " (at offset "); i >= 0 {
		text = text[:i]
	}
	switch {
	case code == "TRANSACTION_TIMEOUT":
		return &Error{Kind: Timeout, text: text, gone: true}
	case code == "TRANSACTION_BUSY":
		return &Error{Kind: Busy, text: text, code: sqliteBusy}
	case strings.HasPrefix(code, "STREAM_"), strings.HasPrefix(code, "BATON_"):
		return &Error{Kind: StreamLost, text: text, gone: true}
	case strings.HasPrefix(code, "SQLITE_"):
		return sqlite(text, codes[code])
	}
	if strings.Contains(text, unsupported) {
		return &Error{text: "the server does not support this statement", code: sqliteError}
	}
	return sqlite(strings.TrimPrefix(text, "SQL string could not be parsed: "), sqliteError)
}

// grpc reads an answer to a statement that a replica passes on.
func grpc(status, text string) *Error {
	switch status {
	case "Unauthenticated", "PermissionDenied": // the latter also for a table that does not exist
		if status == "Unauthenticated" || strings.HasPrefix(text, "Authorization forbidden") {
			return &Error{Kind: Auth, text: text, gone: true}
		}
	case "Unavailable":
		return network(text)
	case "DeadlineExceeded", "Cancelled", "Aborted", "Internal", "Unknown":
		return &Error{Kind: StreamLost, text: "the server failed: " + strings.ToLower(status), gone: true}
	}
	return server(text, "")
}

// syncing reads why a replica cannot fetch what is new.
func syncing(text string) *Error {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "sync error: "), "replication error: ")
	if strings.Contains(text, "handshake") { // also for a wrong token
		return &Error{Kind: Unreachable, text: "the server does not let the replica in: is it reachable, and the token right?"}
	}
	if strings.HasPrefix(text, "error trying to connect: ") {
		return network(text)
	}
	return &Error{Kind: Unreachable, text: "the replica could not fetch what is new from the server"}
}

// sqlite makes an error of SQLite's message. A code of 0 is not known: libSQL
// keeps those of a local file to itself.
func sqlite(text string, code int) *Error {
	if code == 0 {
		code = sqliteError
		for _, c := range messages {
			if text == c.text || c.more && strings.HasPrefix(text, c.text) {
				code = c.code
				break
			}
		}
		if strings.Contains(text, " constraint failed") && constraintForm.MatchString(text) {
			code = sqliteConstraint
		}
	}
	e := &Error{text: withoutData(text), code: code, noTx: text == "cannot rollback - no transaction is active"}
	switch code {
	case sqliteBusy, sqliteLocked, sqliteProtocol:
		e.Kind = Busy
	case sqliteConstraint:
		e.Kind = Constraint
	}
	return e
}

var (
	constraintForm = regexp.MustCompile(`^(UNIQUE|NOT NULL|CHECK|FOREIGN KEY|PRIMARY KEY) constraint failed`)
	nearForm       = regexp.MustCompile(`(?s)^near "['xX].*": syntax error$`)
	tokenForm      = regexp.MustCompile(`(?s)^unrecognized token: .*$`)
)

// withoutData takes the string out of a message that quotes one.
func withoutData(text string) string {
	if nearForm.MatchString(text) && (text[6] == '\'' || text[7] == '\'') {
		return "near a string: syntax error"
	}
	return tokenForm.ReplaceAllString(text, "unrecognized token")
}

// messages are SQLite's for its codes. more: the name of something follows.
var messages = []struct {
	text string
	code int
	more bool
}{
	{"database is locked", sqliteBusy, false},
	{"database table is locked", sqliteLocked, true},
	{"database schema is locked", sqliteLocked, true},
	{"out of memory", 7, false},
	{"attempt to write a readonly database", 8, false},
	{"interrupted", 9, false},
	{"disk I/O error", 10, false},
	{"database disk image is malformed", 11, false},
	{"database or disk is full", 13, false},
	{"unable to open database", sqliteCantOpen, true},
	{"locking protocol", sqliteProtocol, false},
	{"string or blob too big", 18, false},
	{"constraint failed", sqliteConstraint, false},
	{"datatype mismatch", 20, false},
	{"not authorized", 23, false},
	{"file is not a database", 26, false},
}

// codes are the names by which servers call SQLite's codes. There is none for
// many errors: they call it SQLITE_UNKNOWN.
var codes = map[string]int{
	"SQLITE_INTERNAL": 2, "SQLITE_PERM": 3, "SQLITE_ABORT": 4, "SQLITE_BUSY": sqliteBusy, "SQLITE_LOCKED": sqliteLocked,
	"SQLITE_NOMEM": 7, "SQLITE_READONLY": 8, "SQLITE_INTERRUPT": 9, "SQLITE_IOERR": 10, "SQLITE_CORRUPT": 11,
	"SQLITE_FULL": 13, "SQLITE_CANTOPEN": sqliteCantOpen, "SQLITE_PROTOCOL": sqliteProtocol, "SQLITE_SCHEMA": 17,
	"SQLITE_TOOBIG": 18, "SQLITE_CONSTRAINT": sqliteConstraint, "SQLITE_MISMATCH": 20, "SQLITE_AUTH": 23, "SQLITE_RANGE": 25,
	"SQLITE_NOTADB": 26,
}

var escapeForm = regexp.MustCompile(`\\(u\{[0-9a-fA-F]+\}|.)`)

// unescape undoes what Rust's {:?} does to a string.
func unescape(s string) string {
	return escapeForm.ReplaceAllStringFunc(s, func(e string) string {
		switch c := e[1]; c {
		case 'n':
			return "\n"
		case 'r':
			return "\r"
		case 't':
			return "\t"
		case '0':
			return "\x00"
		case 'u':
			if len(e) > 4 {
				n, _ := strconv.ParseInt(e[3:len(e)-1], 16, 32)
				return string(rune(n))
			}
		}
		return e[1:]
	})
}
