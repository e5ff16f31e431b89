package migratingsqlite

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/near"
	"github.com/migratingsqlite/migratingsqlite/internal/source"
)

// The values of parameters that take one of a few words.
const (
	modeOn    = "on"
	modeCheck = "check"
	modeOff   = "off"

	newerCompatible = "compatible"
	newerAllow      = "allow"
	newerRefuse     = "refuse"

	traceOff        = "off"
	traceMigrations = "migrations"
	traceStatements = "statements"
	traceQueries    = "queries"

	baselineAuto = "auto"
	baselineNone = "none"
)

// config is what a DSN and the options come to. It does not change after
// [newConfig] has returned it, but for what was logged.
type config struct {
	dsn      string // for the wrapped driver, without this driver's parameters
	database string // for people: the path without parameters

	// gateDSN is dsn without its busy timeout, and busyTimeout the statement
	// that sets it. SQLite waits for a lock without looking at contexts, so
	// the gate's own connections do not wait: the waiter does it for them.
	gateDSN     string
	busyTimeout string

	// other is the database where another engine than modernc.org/sqlite opens it,
	// and checked whether it must not be written then. opener describes it anew; a
	// closure, since a %s of a Connector shows all else, and the DSN has a token.
	other   *engine.Database
	checked bool
	opener  func(check bool) (*engine.Database, error)

	inMemory bool // the database lives as long as its connections
	readOnly bool // the DSN opens it for reading only

	mode       string
	setNames   []string // as _migrate_set lists them
	layout     string   // of the sets' folders; "": as they were registered or loaded
	given      []*Set   // by WithSet, instead of the registered ones
	sets       []*Set   // in the order in which they are applied
	to         int64    // 0: the newest
	timeout    time.Duration
	backup     string // the folder for snapshots; "": none
	keep       int    // so many of them
	baseline   string // "", baselineNone or a version
	baselineAt int64  // that version
	adoptTable string // of another tool's history; "" for the names that tools give it
	newer      string
	outOfOrder bool
	recording  bool // what is there already, and nothing is applied
	trace      string
	appID      int32
	hasAppID   bool
	logger     *slog.Logger
	refusal    *atomic.Pointer[string] // the one that was logged last
}

// repeats reports whether a refusal is the one that was logged last.
func (c *config) repeats(refusal error) bool {
	text := refusal.Error()
	last := c.refusal.Swap(&text)
	return last != nil && *last == text
}

// An Option configures a [Connector] or a [Migrator]. Where a parameter of the
// DSN says something else, the DSN wins: it is what an operator can change
// without a new build.
type Option func(*config) error

// parameter describes a DSN parameter. Options are the same parameters, set in
// code, so that each has one set of rules.
type parameter struct {
	values []string // the words that it takes; nil where set has rules of its own
	set    func(c *config, value string) error
}

var parameters = map[string]parameter{
	"_migrate": {
		values: []string{modeOn, modeCheck, modeOff},
		set:    func(c *config, v string) error { c.mode = v; return nil },
	},
	"_migrate_set": {
		set: func(c *config, v string) error {
			c.setNames = strings.Split(v, ",")
			for i, name := range c.setNames {
				if name == "" || slices.Contains(c.setNames[:i], name) {
					return fmt.Errorf("wants different names, separated by commas")
				}
			}
			return nil
		},
	},
	"_migrate_layout": {
		set: func(c *config, v string) error {
			c.layout = v
			_, err := source.ByName(v)
			return err
		},
	},
	"_migrate_to": {
		set: func(c *config, v string) (err error) {
			c.to, err = parseVersion(v)
			return err
		},
	},
	"_migrate_timeout": {
		set: func(c *config, v string) error {
			d, err := time.ParseDuration(v)
			if err != nil || d < 0 {
				return fmt.Errorf("wants a duration such as 30s or 2m")
			}
			c.timeout = d
			return nil
		},
	},
	"_migrate_backup": {
		set: func(c *config, v string) error { c.backup = v; return nil },
	},
	"_migrate_backup_keep": {
		set: func(c *config, v string) error {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 {
				return fmt.Errorf("wants a number above 0")
			}
			c.keep = n
			return nil
		},
	},
	"_migrate_baseline": {
		set: func(c *config, v string) (err error) {
			if c.baseline = v; v == baselineNone || v == baselineAuto {
				return nil
			}
			if c.baselineAt, err = parseVersion(v); err != nil {
				return fmt.Errorf("wants auto, none or a version above 0")
			}
			return nil
		},
	},
	"_migrate_adopt_table": {
		set: func(c *config, v string) error {
			if v == "" {
				return fmt.Errorf("wants the name of a table")
			}
			c.adoptTable = v
			return nil
		},
	},
	"_migrate_newer": {
		values: []string{newerCompatible, newerAllow, newerRefuse},
		set:    func(c *config, v string) error { c.newer = v; return nil },
	},
	"_migrate_out_of_order": {
		set: func(c *config, v string) error {
			b, err := strconv.ParseBool(v)
			if err != nil {
				return fmt.Errorf("wants true or false")
			}
			c.outOfOrder = b
			return nil
		},
	},
	"_migrate_trace": {
		values: []string{traceOff, traceMigrations, traceStatements, traceQueries},
		set:    func(c *config, v string) error { c.trace = v; return nil },
	},
	"_migrate_app_id": {
		set: func(c *config, v string) error {
			n, err := strconv.ParseInt(v, 0, 64)
			if err != nil || n == 0 || n < math.MinInt32 || n > math.MaxUint32 {
				return fmt.Errorf("wants a 32-bit number other than 0, such as 0x4d534c31")
			}
			c.appID, c.hasAppID = int32(n), true
			return nil
		},
	},
}

func parseVersion(v string) (int64, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("wants a version above 0")
	}
	return n, nil
}

// setParameter checks a value and takes it.
func (c *config) setParameter(name, value string) error {
	p, ok := parameters[name]
	if !ok {
		return fmt.Errorf("unknown parameter %s; did you mean %s?", quote(name), near.Word(name, keys(parameters)))
	}
	if p.values != nil && !slices.Contains(p.values, value) {
		return fmt.Errorf("%s=%s: wants one of %s; did you mean %s?", name, quote(value), strings.Join(p.values, ", "), near.Word(value, p.values))
	}
	if err := p.set(c, value); err != nil {
		return fmt.Errorf("%s=%s: %w", name, quote(value), err)
	}
	return nil
}

func option(name, value string) Option {
	return func(c *config) error { return c.setParameter(name, value) }
}

// WithMode says what a first connection does about migrations: "on" (the
// default) applies what is pending; "check" never writes and fails with
// [ErrPending]; "off" hands connections through. It is _migrate in a DSN.
func WithMode(mode string) Option { return option("_migrate", mode) }

// WithSet gives the sets to apply, in this order, instead of the registered
// ones. With _migrate_set in the DSN, those of them that it names.
func WithSet(sets ...*Set) Option {
	return func(c *config) error {
		for i, s := range sets {
			if s == nil {
				return fmt.Errorf("WithSet: set %d is nil", i)
			}
			if slices.ContainsFunc(sets[:i], func(o *Set) bool { return o.name == s.name }) {
				return fmt.Errorf("WithSet: set %s is given twice", s.name)
			}
		}
		c.given = sets
		return nil
	}
}

// WithLayout says which tool's folders the sets are read from; [Layout] has the
// names. It is _migrate_layout in a DSN.
func WithLayout(name string) Option { return option("_migrate_layout", name) }

// WithTo stops at a version instead of the newest. A database that is past it
// already stays as it is. It is _migrate_to in a DSN.
func WithTo(version int64) Option { return option("_migrate_to", strconv.FormatInt(version, 10)) }

// WithTimeout bounds the time that a run waits for other connections to
// release the database, 1m by default; 0 waits not at all. The migrations
// themselves take as long as they take. It is _migrate_timeout in a DSN.
func WithTimeout(d time.Duration) Option { return option("_migrate_timeout", d.String()) }

// WithBackup has a snapshot of the database taken before each upgrade, and each
// [Migrator.Down], into a folder: an ordinary SQLite file, the state before to the
// last row. The folder is relative to the working directory, and made, readable by
// nobody else, if only its last element is missing. If there can be no snapshot
// there is no upgrade. None is taken of a database that is new or in memory, nor
// where only the driver's own tables change; a server is refused. "" is the
// default: none. It is _migrate_backup in a DSN; docs/backups.md says how to go
// back.
func WithBackup(folder string) Option { return option("_migrate_backup", folder) }

// WithBackupKeep says how many snapshots of a database [WithBackup] keeps, 10 by
// default. The oldest are removed after a new one was taken; of several of one
// version the newest counts first. Other files stay. It is _migrate_backup_keep in
// a DSN.
func WithBackupKeep(n int) Option { return option("_migrate_backup_keep", strconv.Itoa(n)) }

// WithBaseline says what a database is that has tables and no history: a
// version ("12": has all migrations up to 12), "none" (has none of them) or
// "auto" (the default: has what another tool has recorded in it, or else what
// exactly one version makes of an empty database; otherwise it is refused with
// [ErrUnknownSchema]). A version is believed; a log record warns of how the
// structure differs from it. It is _migrate_baseline in a DSN.
func WithBaseline(version string) Option { return option("_migrate_baseline", version) }

// WithAdoptTable names the table in which another tool has recorded what it
// applied, where it is not called as that tool calls it by default. It is
// _migrate_adopt_table in a DSN.
func WithAdoptTable(name string) Option { return option("_migrate_adopt_table", name) }

// WithNewer says what to do with a database that has newer migrations than
// the program: "compatible" (the default) works on if each of them is
// compatible and fails with [ErrSchemaNewer] otherwise; "allow" always works
// on; "refuse" never does. It is _migrate_newer in a DSN.
func WithNewer(policy string) Option { return option("_migrate_newer", policy) }

// WithOutOfOrder allows to apply a pending migration that is older than the
// newest applied one, instead of failing with [ErrOutOfOrder]. It is
// _migrate_out_of_order in a DSN.
func WithOutOfOrder(allow bool) Option {
	return option("_migrate_out_of_order", strconv.FormatBool(allow))
}

// WithTrace says which OpenTelemetry spans to record: "off", "migrations" (the
// default: one for an upgrade and one for each migration in it), "statements"
// (also one for each statement, with its text) or "queries" (like migrations,
// and otelsql around every connection that is handed out). It is
// _migrate_trace in a DSN.
func WithTrace(level string) Option { return option("_migrate_trace", level) }

// WithAppID names the SQLite application_id that the database must bear. A
// database without tables is given it, and so is one whose history is of the
// program's sets and whose id is 0; any other is refused with
// [ErrUnknownSchema]. It is _migrate_app_id in a DSN.
//
// https://www.sqlite.org/pragma.html#pragma_application_id
func WithAppID(id int32) Option {
	return option("_migrate_app_id", strconv.FormatInt(int64(id), 10))
}

// WithLogger sends log records elsewhere than to [slog.Default]. A run that
// did something logs one record.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l == nil {
			return fmt.Errorf("WithLogger: the logger is nil")
		}
		c.logger = l
		return nil
	}
}

// newConfig puts a DSN and options together and checks them. It does no I/O.
func newConfig(dsn string, opts []Option) (*config, error) {
	c := &config{mode: modeOn, timeout: time.Minute, keep: 10, newer: newerCompatible, trace: traceMigrations, refusal: &atomic.Pointer[string]{}}
	for _, opt := range opts {
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	own, err := c.parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	if c.readOnly && c.mode == modeOn {
		c.mode = modeCheck
	}
	for _, p := range own {
		if err := c.setParameter(p.key, p.value); err != nil {
			return nil, fmt.Errorf("%s: %w", c.database, err)
		}
	}
	if err := c.openOther(); err != nil {
		return nil, err
	}
	if c.mode == modeOff {
		return c, nil
	}
	if err := c.hasFile(); err != nil && c.backup != "" && !c.inMemory {
		return nil, fmt.Errorf("%s: _migrate_backup: %w", c.database, err)
	}
	if err := c.findSets(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.database, err)
	}
	return c, nil
}

// findSets finds the sets to apply, and the versions that parameters name in
// them.
func (c *config) findSets() (err error) {
	if c.given != nil {
		c.sets, err = chooseSets(c.setNames, c.given)
		if err == nil && c.layout != "" {
			c.sets, err = reloaded(c.sets, c.layout)
		}
	} else {
		c.sets, err = registeredSets(c.setNames, c.layout)
	}
	if err != nil {
		return err
	}
	for _, p := range []struct {
		name    string
		version int64
	}{{"_migrate_to", c.to}, {"_migrate_baseline", c.baselineAt}} {
		switch {
		case p.version == 0:
		case len(c.sets) > 1:
			return fmt.Errorf("%s=%d: which of the sets %s is meant? Use it with one set", p.name, p.version, joinSetNames(c.sets))
		case !c.sets[0].has(p.version):
			return fmt.Errorf("%s=%d: set %s has no such version; %s", p.name, p.version, c.sets[0].name, c.sets[0].versions())
		}
	}
	return nil
}

type keyValue struct{ key, value string }

// parseDSN splits a DSN into what the wrapped driver gets, to the letter and
// in its order, and this driver's own parameters.
func (c *config) parseDSN(dsn string) (own []keyValue, err error) {
	if strings.ContainsRune(dsn, 0) {
		return nil, fmt.Errorf("the DSN holds a NUL byte")
	}
	name, query, hasQuery := cutQuery(dsn)
	scheme, rest, _ := strings.Cut(name, ":")
	open := engine.Lookup(scheme)
	if open == nil {
		if name, err = sqliteName(name); err != nil {
			return nil, err
		}
	}
	if strings.TrimSpace(name) == "" {
		return nil, errNoName
	}
	if c.database = displayName(name); open != nil {
		c.database = strings.ToLower(scheme) + " database" // the rest may hold a secret
	}
	isURI := strings.HasPrefix(name, "file:")
	c.inMemory = name == ":memory:" || name == "file::memory:" || name == "file:"

	var base, gate, busy []string
	seen := map[string]bool{}
	for part := range strings.SplitSeq(query, "&") {
		if !hasQuery {
			break
		}
		rawKey, rawValue, _ := strings.Cut(part, "=")
		key, keyErr := url.QueryUnescape(rawKey)
		value, valueErr := url.QueryUnescape(rawValue)
		if strings.HasPrefix(strings.ToLower(key), "_migrate") { // _Migrate_To is a mistake, too
			if keyErr != nil || valueErr != nil {
				return nil, fmt.Errorf("%s: parameter %s is not a well-formed query: %%XX wants two hexadecimal digits", c.database, quote(key))
			}
			if seen[key] {
				return nil, fmt.Errorf("%s: parameter %s is given twice", c.database, quote(key))
			}
			seen[key] = true
			own = append(own, keyValue{key, value})
			continue
		}
		base = append(base, part)
		if ms, ok := busyTimeout(key, value); ok {
			busy = append(busy, ms)
		} else {
			gate = append(gate, part)
		}
		switch {
		case key == "vfs" && value == "memdb", isURI && key == "mode" && value == "memory":
			c.inMemory = true
		case isURI && key == "mode" && value == "ro", isURI && key == "immutable" && isTrue(value):
			c.readOnly = true
		}
	}
	if open != nil {
		c.opener = func(check bool) (*engine.Database, error) {
			return open(engine.DSN{Scheme: strings.ToLower(scheme), Rest: rest, Params: strings.Join(base, "&"), Check: check})
		}
		return own, nil
	}
	c.dsn = joinQuery(name, base)
	c.gateDSN = joinQuery(name, gate)
	if n := len(busy); n > 0 {
		c.busyTimeout = "PRAGMA busy_timeout = " + busy[n-1]
	}
	return own, nil
}

// busyTimeout recognises modernc.org/sqlite's ways to set a busy timeout.
func busyTimeout(key, value string) (milliseconds string, ok bool) {
	switch key {
	case "_busy_timeout", "_timeout":
	case "_pragma": // busy_timeout(5000) or busy_timeout=5000
		const name = "busy_timeout"
		value = strings.TrimSpace(value)
		if len(value) < len(name) || !strings.EqualFold(value[:len(name)], name) {
			return "", false
		}
		value = strings.TrimSpace(value[len(name):])
		if after, ok := strings.CutPrefix(value, "="); ok {
			value = after
		} else if !strings.HasPrefix(value, "(") || !strings.HasSuffix(value, ")") {
			return "", false
		} else {
			value = value[1 : len(value)-1]
		}
	default:
		return "", false
	}
	value = strings.TrimSpace(value)
	_, err := strconv.ParseUint(value, 10, 31)
	return value, err == nil
}

// isTrue reads a boolean as SQLite does in a URI.
func isTrue(v string) bool {
	switch strings.ToLower(v) {
	case "1", "yes", "true", "on":
		return true
	}
	return false
}

// cutQuery cuts where modernc.org/sqlite cuts: a question mark in front is
// part of the name.
func cutQuery(dsn string) (name, query string, ok bool) {
	if i := strings.IndexByte(dsn, '?'); i > 0 {
		return dsn[:i], dsn[i+1:], true
	}
	return dsn, "", false
}

func joinQuery(name string, parts []string) string {
	if len(parts) == 0 {
		return name
	}
	return name + "?" + strings.Join(parts, "&")
}

// sqliteName turns a DSN's name into one that SQLite understands. An error
// names the scheme and nothing else: what follows it may hold a password.
func sqliteName(name string) (string, error) {
	scheme, rest, ok := strings.Cut(name, ":")
	if !ok || len(scheme) < 2 || strings.ContainsFunc(scheme, notInScheme) { // :memory:, C:\app.db
		before, after, _ := strings.Cut(name, "@")
		if strings.Contains(before, ":") && after != "" || strings.Contains(name, "://") {
			return "", errors.New("the DSN looks like that of another database, with a user and a password; for a file of such a name write file:NAME")
		}
		return name, nil
	}
	authority, isURL := "", strings.HasPrefix(rest, "//")
	if isURL {
		authority, _, _ = strings.Cut(rest[2:], "/")
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "file":
		if authority != "" && authority != "localhost" {
			return "", errors.New("a file: DSN names no host; write file:app.db, or file:///folder/app.db with three slashes")
		}
		return "file:" + rest, nil // SQLite knows it in lower case only
	case "sqlite", "sqlite3":
		if strings.Contains(authority, "@") {
			return "", errors.New("a sqlite: DSN names no user; write sqlite:app.db")
		}
		return "file:" + strings.TrimPrefix(rest, "//"), nil
	}
	if slices.Contains(libsqlSchemes, scheme) {
		return "", fmt.Errorf("a DSN of scheme %s is for libSQL: import _ %q", quote(scheme), scope+"/libsql")
	}
	return "", fmt.Errorf("unknown scheme %s; write app.db, file:app.db or sqlite:app.db for an SQLite file, libsql:… for libSQL", quote(scheme))
}

// libsqlSchemes are those that the package libsql registers itself for.
var libsqlSchemes = []string{"libsql", "http", "https"}

// openOther has another engine check what it is given of the DSN.
func (c *config) openOther() (err error) {
	if c.opener == nil {
		return nil
	}
	c.checked = c.mode == modeCheck
	if c.other, err = c.opener(c.checked); err != nil {
		return err
	}
	c.database = c.other.Name
	c.inMemory = c.other.Server == nil && c.other.Path == ""
	if c.hasAppID && c.other.Server != nil {
		return fmt.Errorf("%s: _migrate_app_id: a server does not let an application_id be set", c.database)
	}
	return nil
}

func notInScheme(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+-.", r))
}

// displayName is how errors, spans and log records call a database.
func displayName(name string) string {
	if name = strings.TrimPrefix(name, "file:"); strings.HasPrefix(name, "///") {
		name = name[2:]
	}
	if name == "" {
		return "temporary database"
	}
	return name
}

// checkDSN is the DSN for looking at a database without creating it: SQLite's
// own parameters, and mode=rw unless it has a stricter one. (A connection with
// mode=ro would leave a write-ahead log behind.) PRAGMAs are left out, since
// one that changes the file is a write, and so is a shared cache, in which nobody
// reads pages that another connection may be writing.
func (c *config) checkDSN() string {
	if c.inMemory {
		return c.gateDSN
	}
	name, query, _ := cutQuery(c.dsn)
	parts := []string{"mode=rw"}
	if !strings.HasPrefix(name, "file:") {
		name = "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(name)
	} else {
		for part := range strings.SplitSeq(query, "&") {
			key, value, _ := strings.Cut(part, "=")
			switch {
			case key == "mode" && value == "ro":
				parts[0] = part
			case slices.Contains([]string{"vfs", "immutable", "nolock", "psow", "modeof"}, key):
				parts = append(parts, part)
			}
		}
	}
	return joinQuery(name, parts)
}

// path is the file that a DSN names.
func (c *config) path() string {
	if c.other != nil {
		return c.other.Path
	}
	name, _, _ := cutQuery(c.dsn)
	rest, isURI := strings.CutPrefix(name, "file:")
	if !isURI {
		return name
	}
	if after, ok := strings.CutPrefix(rest, "//"); ok { // an authority, which SQLite wants empty or localhost
		if i := strings.IndexByte(after, '/'); i >= 0 {
			rest = after[i:]
		}
	}
	if path, err := url.PathUnescape(rest); err == nil {
		return path
	}
	return rest
}

// quote shows a word from outside, of a bounded length.
func quote(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strconv.Quote(s)
}

func keys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
