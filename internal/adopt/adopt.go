// Package adopt reads the history that another migration tool keeps in a
// database, and maps it onto a set of migrations.
//
// It asks nothing by itself: it gives queries and takes their answers, so that
// a remote server is asked in two requests. [Queries] list the tables that may
// hold a history, [Recognise] says by their columns whose they are,
// [Candidate.Queries] read their rows, [Candidate.Read] makes them a [History],
// and [Choose] takes the one that counts and maps it. It writes nothing: the
// other tool's table stays as it is.
package adopt

import (
	"cmp"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// A Tool is what wrote a history.
type Tool string

// The tools whose histories are read.
const (
	Goose         Tool = "goose"
	GolangMigrate Tool = "golang-migrate"
	Dbmate        Tool = "dbmate"
	SQLMigrate    Tool = "sql-migrate"
	Flyway        Tool = "flyway"
	Atlas         Tool = "atlas"
	Sqlx          Tool = "sqlx"
	Refinery      Tool = "refinery"
	Diesel        Tool = "diesel"
	Drizzle       Tool = "drizzle"
	Prisma        Tool = "prisma"
	Rails         Tool = "rails"
	Ecto          Tool = "ecto"
	Knex          Tool = "knex"
	Bun           Tool = "bun"
	Gormigrate    Tool = "gormigrate"
	D1            Tool = "d1" // Cloudflare's wrangler
	Maragudk      Tool = "maragudk"
	Adlio         Tool = "adlio"
	// Handwritten is a table that a project made for itself.
	Handwritten Tool = "handwritten"
	// UserVersion is PRAGMA user_version, by zombiezen's sqlitemigration,
	// rusqlite_migration or a project itself.
	UserVersion Tool = "user_version"
)

// Hosts are the tables of what copies or serves a database: D1 and Litestream.
// They are there before a program's own.
var Hosts = []string{"_cf_KV", "_cf_METADATA", "_litestream_lock", "_litestream_seq"}

// String returns the tool's name as it stands in a sentence.
func (t Tool) String() string {
	switch t {
	case Flyway:
		return "Flyway"
	case Atlas:
		return "Atlas"
	case Drizzle:
		return "Drizzle"
	case Prisma:
		return "Prisma"
	case Rails:
		return "Rails"
	case Ecto:
		return "Ecto"
	case Knex:
		return "Knex"
	case Bun:
		return "Bun"
	case D1:
		return "Cloudflare D1"
	case Maragudk:
		return "maragudk/migrate"
	case Adlio:
		return "adlio/schema"
	case Handwritten:
		return "the project's own runner"
	case UserVersion:
		return "PRAGMA user_version"
	}
	return string(t)
}

// Queries return what is asked of a database first. The table is one that the
// user has named, or "".
func Queries(table string) []string {
	named := ""
	if table != "" {
		named = " OR m.name = " + literal(table) + " COLLATE NOCASE"
	}
	return []string{
		// A virtual table whose module is not there would make it fail.
		`SELECT m.name, c.name, c.type, c."notnull", c.pk FROM main.sqlite_master AS m, pragma_table_info(m.name, 'main') AS c
	WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND (m.name LIKE '%migrat%' OR m.name LIKE '%version%'
		OR m.name LIKE '%schema%' OR m.name LIKE '%histor%' OR m.name LIKE '%revision%' OR m.name = 'ar_internal_metadata'
		OR m.name LIKE 'databasechangelog%' OR m.name LIKE '\_prisma\_%' ESCAPE '\'` + named + `)
	ORDER BY m.name, c.cid`,
		"PRAGMA user_version",
	}
}

// A Candidate is a table that has the shape of a history, or user_version.
type Candidate struct {
	Tool  Tool
	Table string // "" for user_version

	// Companions are the tool's other tables, which are no part of the
	// program's schema either.
	Companions []string

	form    *form
	columns *table
	locks   string // the table of Companions that says whether it is in use
	version int64  // user_version
}

// String names the candidate to a user who is to choose.
func (c *Candidate) String() string {
	if c.Table == "" {
		return fmt.Sprintf("%s = %d", c.Tool, c.version)
	}
	return fmt.Sprintf("%s (table %s)", c.Tool, c.Table)
}

// Recognise finds the histories among the answers to [Queries]. A table that
// the user has named is looked for under no other name, and it is an error if
// it is not there or nobody's.
func Recognise(answers []engine.Answer, table string) ([]*Candidate, error) {
	tables, err := readTables(answers)
	if err != nil {
		return nil, err
	}
	if table != "" {
		return named(tables, table)
	}
	var found []*Candidate
	for _, t := range tables {
		for i := range forms {
			if f := &forms[i]; slices.Contains(f.tables, strings.ToLower(t.name)) && f.matches(t) {
				found = append(found, newCandidate(f, t, tables))
			}
		}
	}
	version, err := readUserVersion(answers)
	if err != nil {
		return nil, err
	}
	if version > 0 {
		found = append(found, &Candidate{Tool: UserVersion, version: version})
	}
	return found, nil
}

func named(tables []*table, name string) ([]*Candidate, error) {
	for _, t := range tables {
		if !strings.EqualFold(t.name, name) || t.own() {
			continue
		}
		for i := range forms {
			if f := &forms[i]; f.matches(t) {
				return []*Candidate{newCandidate(f, t, tables)}, nil
			}
		}
		return nil, &unusableError{fmt.Sprintf("table %s, which _migrate_adopt_table names, is no tool's history: its columns are %s", t.name, t.list())}
	}
	return nil, &unusableError{fmt.Sprintf("there is no table %s, which _migrate_adopt_table names", name)}
}

// ErrUnusable is what an error matches if a table is there to be read, or not,
// and cannot be a history; reading the database went well.
var ErrUnusable = errors.New("no history")

type unusableError struct{ text string }

func (e *unusableError) Error() string { return e.text }

func (e *unusableError) Is(target error) bool { return target == ErrUnusable }

// Hint returns the tables that look like a history but are not called like
// one, in words for the user, or "".
func Hint(answers []engine.Answer) string {
	tables, err := readTables(answers)
	if err != nil {
		return ""
	}
	var found []string
	for _, t := range tables {
		for i := range forms {
			f := &forms[i]
			if f.tool != Handwritten && len(f.has) > 1 && f.matches(t) && !slices.Contains(f.tables, strings.ToLower(t.name)) {
				found = append(found, fmt.Sprintf("table %s looks like a history of %s; if it is, say so with _migrate_adopt_table=%[1]s", t.name, f.toolOf(t)))
			}
		}
	}
	return strings.Join(found, "; ")
}

// unread are histories that cannot be mapped onto SQL files: the migrations are
// code, or a graph.
var unread = []struct {
	tool, table string
	has         []string
	others      []string // the tool's other tables
}{
	{"Alembic", "alembic_version", []string{"version_num"}, nil},
	{"Django", "django_migrations", []string{"app", "name", "applied"}, nil},
	{"Liquibase", "databasechangelog", []string{"id", "author", "filename", "orderexecuted"}, []string{"databasechangeloglock"}},
	{"PocketBase", "_migrations", []string{"file", "applied"}, nil},
	{"Prisma 8", "_prisma_marker", []string{"space", "core_hash"}, []string{"_prisma_ledger"}},
	{"sqlite-migrate", "_sqlite_migrations", []string{"migration_set", "name"}, nil},
}

// Unread returns the tables of tools whose histories are not read, and says in
// words for the user whose they are, or "".
func Unread(answers []engine.Answer) (names []string, hint string) {
	tables, err := readTables(answers)
	if err != nil {
		return nil, ""
	}
	var found []string
	for _, u := range unread {
		for _, t := range tables {
			switch {
			case strings.EqualFold(t.name, u.table) && t.hasAll(u.has...):
				names, found = append(names, t.name), append(found, fmt.Sprintf("table %s is of %s, whose history is not read", t.name, u.tool))
			case slices.Contains(u.others, strings.ToLower(t.name)):
				names = append(names, t.name)
			}
		}
	}
	return names, strings.Join(found, "; ")
}

func newCandidate(f *form, t *table, tables []*table) *Candidate {
	c := &Candidate{Tool: f.toolOf(t), Table: t.name, form: f, columns: t}
	for _, other := range tables {
		switch {
		case f.tool == Knex && strings.EqualFold(other.name, t.name+"_lock") && other.hasAll("is_locked"),
			f.tool == Bun && strings.EqualFold(other.name, "bun_migration_locks") && other.hasAll("table_name"):
			c.locks = other.name
			c.Companions = append(c.Companions, other.name)
		case f.tool == Rails && strings.EqualFold(other.name, "ar_internal_metadata"):
			c.Companions = append(c.Companions, other.name)
		}
	}
	return c
}

// Queries return what is to be asked for [Candidate.Read]. No value of theirs
// is longer than a thousand characters, and all are text: a driver makes
// something else of what is declared TIMESTAMP or BOOLEAN.
func (c *Candidate) Queries() []string {
	if c.Table == "" {
		return nil
	}
	columns := c.form.columns(c.columns)
	list := make([]string, len(columns))
	for i, name := range columns {
		switch {
		case name == "":
			list[i] = "NULL"
		case c.Tool == Sqlx && name == "checksum":
			list[i] = "hex(substr(checksum, 1, 100))"
		default:
			list[i] = "substr(CAST(" + identifier(name) + " AS TEXT), 1, 1000)"
		}
	}
	q := "SELECT " + strings.Join(list, ", ") + " FROM main." + identifier(c.Table)
	if order := c.form.orderOf(c.columns); order != "" {
		q += " ORDER BY " + order
	}
	switch {
	case c.locks == "":
		return []string{q}
	case c.Tool == Bun:
		return []string{q, "SELECT substr(CAST(table_name AS TEXT), 1, 1000) FROM main." + identifier(c.locks)}
	}
	return []string{q, "SELECT CAST(is_locked AS TEXT) FROM main." + identifier(c.locks)}
}

// A State is what a tool says of a migration.
type State int

// The states of an [Entry].
const (
	Applied    State = iota
	Baseline         // it and every one before it count as applied
	Failed           // half done, or not known to be done
	RolledBack       // it was applied, and is not any more
)

// String returns the state in a word.
func (s State) String() string {
	return [...]string{"applied", "baseline", "failed", "rolled back"}[s]
}

// An Entry is what a tool has recorded of a migration.
type Entry struct {
	ID       string // as the tool writes it
	Version  int64  // where that is or begins with a number, or 0
	Name     string
	File     string // where the tool records it
	Checksum string
	State    State
	At       time.Time // zero if it is not known
	// Newer says of one that is unknown that it comes after all of the set.
	Newer bool

	named      bool // ID is a name: another one of that number is another migration
	repeatable bool
	note       string // what more a refusal has to say
}

// A History is what a tool has recorded of a database.
type History struct {
	Tool       Tool
	Table      string // "" for user_version
	Companions []string
	Entries    []Entry // as far as they are migrations, the oldest first

	candidate *Candidate
	refusals  []Problem
}

// String names the history.
func (h *History) String() string { return h.candidate.String() }

// Read makes a History of the answers to [Candidate.Queries].
func (c *Candidate) Read(answers []engine.Answer) (*History, error) {
	h := &History{Tool: c.Tool, Table: c.Table, Companions: c.Companions, candidate: c}
	if c.Table == "" {
		h.Entries = []Entry{{ID: strconv.FormatInt(c.version, 10), Version: c.version}}
		return h, nil
	}
	for _, a := range answers {
		if a.Err != nil {
			return nil, fmt.Errorf("reading table %s: %w", c.Table, a.Err)
		}
	}
	if want := len(c.Queries()); len(answers) != want {
		return nil, fmt.Errorf("reading table %s: %d answers to %d queries", c.Table, len(answers), want)
	}
	rows := make([]row, len(answers[0].Rows))
	for i, values := range answers[0].Rows {
		rows[i] = newRow(values)
	}
	if err := c.form.read(h, rows); err != nil {
		return nil, &unusableError{fmt.Sprintf("the history of %s cannot be read: %v; repair that row", c, err)}
	}
	if c.locks != "" {
		h.readLocks(answers[1].Rows)
	}
	return h, nil
}

func (h *History) readLocks(rows [][]driver.Value) {
	for _, values := range rows {
		r := newRow(values)
		switch h.Tool {
		case Knex:
			if r.bool(0) {
				h.refuse(Entry{}, "%s says that Knex is at work; if it is not any more, because it was killed, see what it has left behind and run `knex migrate:unlock`", h.candidate.locks)
				return
			}
		case Bun:
			// It is written as it stands in a statement, maybe quoted.
			if strings.EqualFold(strings.Trim(r.text(0), `"`), h.Table) {
				h.refuse(Entry{}, "%s says that Bun is at work; if it is not any more, because it was killed, see what it has left behind and call Migrator.Unlock (`db unlock` in Bun's starter kit)", h.candidate.locks)
				return
			}
		}
	}
}

func (h *History) refuse(e Entry, format string, args ...any) {
	h.refusals = append(h.refusals, Problem{Version: e.Version, ID: e.ID, Text: fmt.Sprintf(format, args...)})
}

// live reports whether the tool has recorded anything. An empty table says no
// more than that the tool was there.
func (h *History) live() bool { return len(h.Entries) > 0 || len(h.refusals) > 0 }

// ErrSeveral is what an error of [Choose] matches if the database has the
// histories of several tools.
var ErrSeveral = errors.New("the database has several histories")

// Choose takes the history that counts and maps it. It is nil if no tool has
// recorded anything. The layout is the tool that the set's folder was made
// for, or "".
//
// With several histories the one of the folder's tool counts. user_version does
// not if there is any other. Of two tables that a project wrote for itself, the
// one of fewer columns was left behind when the other was made, if that says
// all that it says. Otherwise the user has to name one: an error that
// matches [ErrSeveral] lists them.
func Choose(histories []*History, files []File, layout Tool) (*History, *Mapping, error) {
	live := slices.DeleteFunc(slices.Clone(histories), func(h *History) bool { return !h.live() })
	if own := slices.DeleteFunc(slices.Clone(live), func(h *History) bool { return h.Tool != layout }); len(own) == 1 {
		live = own
	}
	if len(live) > 1 && layout != UserVersion {
		live = slices.DeleteFunc(live, func(h *History) bool { return h.Tool == UserVersion })
	}
	if len(live) == 0 {
		return nil, nil, nil
	}
	mappings := make(map[*History]*Mapping, len(live))
	for _, h := range live {
		m, err := h.Map(files)
		if err != nil {
			return nil, nil, err
		}
		mappings[h] = m
	}
	for i := 0; i < len(live) && len(live) > 1; i++ {
		left := live[i]
		if slices.ContainsFunc(live, func(h *History) bool {
			return h.Tool == Handwritten && left.Tool == Handwritten && left.candidate.columns.poorer(h.candidate.columns) && mappings[left].within(mappings[h])
		}) {
			live = slices.Delete(live, i, i+1)
			i = -1
		}
	}
	if len(live) > 1 {
		list := make([]string, len(live))
		for i, h := range live {
			list[i] = h.String()
		}
		return nil, nil, &severalError{list}
	}
	return live[0], mappings[live[0]], nil
}

type severalError struct{ list []string }

func (e *severalError) Error() string {
	return fmt.Sprintf("it has the histories of several tools: %s; say with _migrate_adopt_table which table counts", strings.Join(e.list, ", "))
}

func (e *severalError) Is(target error) bool { return target == ErrSeveral }

// row is a row of texts. A missing one was NULL.
type row []*string

func newRow(values []driver.Value) row {
	r := make(row, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
		case string:
			r[i] = &v
		case []byte:
			s := string(v)
			r[i] = &s
		default:
			s := fmt.Sprint(v)
			r[i] = &s
		}
	}
	return r
}

func (r row) null(i int) bool { return r[i] == nil }

func (r row) text(i int) string {
	if r[i] == nil {
		return ""
	}
	return *r[i]
}

func (r row) bool(i int) bool {
	switch strings.ToLower(strings.TrimSpace(r.text(i))) {
	case "", "0", "false", "f", "no", "n", "off":
		return false
	}
	return true
}

func (r row) int(i int) (int64, error) {
	if r.null(i) {
		return 0, errors.New("NULL is not a number")
	}
	s := strings.TrimSpace(r.text(i))
	n, err := strconv.ParseInt(strings.TrimSuffix(s, ".0"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return n, nil
}

func (r row) time(i int) time.Time { return parseTime(r.text(i)) }

// number is what a version's text stands for as a number: "7", "007".
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// leading splits a name behind its number: 20240131_init → 20240131, init.
func leading(s string) (int64, string) {
	if rest := strings.TrimLeft(s, "vV"); len(rest)+1 == len(s) && rest != "" && digits(rest[:1]) {
		s = rest
	}
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	return number(s[:end]), strings.TrimLeft(s[end:], "_-. ")
}

// parseTime reads the times that tools write. A number is seconds, or what it
// must be if that were far in the future: milli-, micro- or nanoseconds.
func parseTime(s string) time.Time {
	s = strings.TrimSpace(s)
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		n := int64(f)
		switch {
		case n <= 0:
			return time.Time{}
		case f >= 1e17:
			return time.Unix(0, n).UTC()
		case f >= 1e14:
			return time.UnixMicro(n).UTC()
		case f >= 1e11:
			return time.UnixMilli(n).UTC()
		case f >= 1e8:
			return time.Unix(n, 0).UTC()
		}
		return time.Time{}
	}
	s, _, _ = strings.Cut(s, " m=") // what Go's time.String adds
	for _, layout := range []string{
		"2006-01-02 15:04:05.999999999 -0700 MST", "2006-01-02 15:04:05.999999999 -0700 -0700",
		"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z07:00",
		"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04Z07:00", "2006-01-02 15:04", "2006-01-02",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// compareDotted compares versions such as 1.2 and 1.10; missing parts are 0. It
// reports false if one is not of numbers.
func compareDotted(a, b string) (int, bool) {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		p, q := "0", "0"
		if i < len(x) {
			p = x[i]
		}
		if i < len(y) {
			q = y[i]
		}
		if !digits(p) || !digits(q) {
			return strings.Compare(a, b), false
		}
		p, q = strings.TrimLeft(p, "0"), strings.TrimLeft(q, "0")
		if c := cmp.Or(cmp.Compare(len(p), len(q)), strings.Compare(p, q)); c != 0 {
			return c, true
		}
	}
	return 0, true
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
