package source

import (
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/lazy"
)

// Tools with both directions in one file, told apart by comments.

func listGoose(r *reader) {
	var list []numbered
	for _, e := range r.entries {
		digits, rest := cutNumber(e.Name())
		if e.IsDir() || digits == "" || !strings.HasPrefix(e.Name()[len(digits):], "_") {
			continue // goose skips it, too
		}
		n := numbered{digits: digits, path: r.path(e.Name())}
		switch {
		case strings.HasSuffix(rest, ".sql"):
			n.Migration, n.ID = both(n.path, strings.TrimSuffix(rest, ".sql")), ID{Version: canonical(digits)}
		case strings.HasSuffix(rest, ".go") && !strings.HasSuffix(rest, "_test.go"):
			n.code, n.Name = "Go", strings.TrimSuffix(rest, ".go")
		default:
			continue
		}
		list = append(list, n)
	}
	r.number(list)
}

var gooseAlmost = lazy.Regexp(`(?i)^\s*-+\s*\+goose\b`)

// both is a migration whose directions are sections of one file.
func both(p, name string) Migration { return Migration{Name: name, Up: p, Down: p} }

// canonical writes a number as a tool does that has read it as one.
func canonical(digits string) string {
	if s := strings.TrimLeft(digits, "0"); s != "" {
		return s
	}
	return "0"
}

// readGoose does what goose's parser does (internal/sqlparser/parser.go), except
// that SQLite's rules say where a statement ends.
func readGoose(f *file) {
	s := f.inSections("goose")
	block := -1
	f.lines(func(at int, line string) {
		comment, isComment := strings.CutPrefix(strings.TrimSpace(line), "--")
		if !isComment || !strings.HasPrefix(strings.TrimLeft(comment, "- \t"), "+goose") {
			if gooseAlmost().MatchString(line) {
				f.fault(at, "goose does not take this for an annotation, and runs what follows with what is before; write +goose in lower case")
				return
			}
			// A comment that only speaks of +goose was none to goose before v3.19 either,
			// whose own template has such ones.
			s.early(at, line)
			return
		}
		words := strings.Replace(strings.ReplaceAll(line, "--", ""), "+goose", "", 1)
		words = strings.TrimSpace(words)
		if line[0] != '-' {
			f.fault(at, "goose refuses an annotation that does not begin its line; delete the blanks before it")
			return
		}
		switch strings.ToLower(words) {
		case "up":
			if s.seen {
				f.fault(at, "a second -- +goose Up; a file has one")
			}
			s.begin("up", at, line)
		case "down":
			switch {
			case block >= 0:
				f.fault(block, "-- +goose StatementBegin without -- +goose StatementEnd")
				block = -1
			case s.in != "up":
				f.fault(at, "-- +goose Down without -- +goose Up before it")
			}
			s.begin("down", at, line)
		case "statementbegin":
			if block >= 0 || !s.seen {
				f.fault(at, "-- +goose StatementBegin must follow -- +goose Up or -- +goose Down, and not another one")
			}
			block = at
		case "statementend":
			if block < 0 {
				f.fault(at, "-- +goose StatementEnd without -- +goose StatementBegin")
			}
			block = -1
			if s.current >= 0 {
				f.ends = append(f.ends, span{at, at + len(line)})
			}
		case "no transaction":
			f.noTransaction = true
		case "envsub on":
			f.fault(at, "variables of the environment are not put into a script (-- +goose ENVSUB ON): the same program would make different databases; write the value, or a Func")
		case "envsub off":
		default:
			f.fault(at, "goose has no annotation %q; it has Up, Down, StatementBegin, StatementEnd, NO TRANSACTION, ENVSUB ON and ENVSUB OFF", words)
		}
	})
	s.end(len(f.src))
	if block >= 0 {
		f.fault(block, "-- +goose StatementBegin without -- +goose StatementEnd")
	}
	if !s.seen {
		f.fault(0, "there is no -- +goose Up, without which goose refuses a file")
	}
}

// dbmate orders by name and records the digits as text.
func listDbmate(r *reader) {
	var list []numbered
	for _, e := range r.entries {
		digits, rest := cutNumber(strings.TrimSuffix(e.Name(), ".sql"))
		if e.IsDir() || digits == "" || !strings.HasSuffix(e.Name(), ".sql") {
			continue
		}
		p := r.path(e.Name())
		list = append(list, numbered{digits: digits, order: e.Name(), path: p, Migration: both(p, rest), Foreign: Foreign{ID: ID{Version: digits}}})
	}
	r.number(list)
}

var (
	dbmateMarker = lazy.Regexp(`^--\s*migrate:(up|down)(?:\s*$|\s+(\S.*)$)`)
	dbmateAlmost = lazy.Regexp(`^\s*-+\s*migrate:\s*(up|down)\b`)
)

func readDbmate(f *file) {
	s := f.inSections("dbmate")
	f.lines(func(at int, line string) {
		m := dbmateMarker().FindStringSubmatch(line)
		switch {
		case m == nil && dbmateAlmost().MatchString(line):
			f.fault(at, "dbmate does not take this for a marker, and runs what follows with what is before; write -- migrate:up or -- migrate:down at the start of a line")
		case m == nil:
			s.early(at, line)
		case m[1] == "up" && s.seen:
			f.fault(at, "a second -- migrate:up; dbmate cannot record two migrations of one version, make them two files")
			s.begin("up", at, line)
		case m[1] == "down" && s.in != "up":
			f.fault(at, "-- migrate:down without -- migrate:up before it")
			s.begin("down", at, line)
		default:
			s.begin(m[1], at, line)
			if s.current >= 0 && slices.Contains(strings.Fields(m[2]), "transaction:false") {
				f.noTransaction = true
			}
		}
	})
	s.end(len(f.src))
	switch {
	case !s.seen:
		f.fault(0, "there is no -- migrate:up, without which dbmate refuses a file")
	case s.in == "up":
		f.fault(0, "there is no -- migrate:down, without which dbmate refuses a file; it may be empty")
	}
}

// sql-migrate orders by number and records the whole name of the file.
func listSQLMigrate(r *reader) {
	var list []numbered
	for _, e := range r.entries {
		base, ok := strings.CutSuffix(e.Name(), ".sql")
		if e.IsDir() || !ok {
			continue
		}
		p := r.path(e.Name())
		digits, rest := cutNumber(base)
		if digits == "" {
			r.looked++
			r.errorf("%s: versions are numbers here, and the name does not begin with one; give it one that has its place in the order", p)
			continue
		}
		list = append(list, numbered{digits: digits, path: p, Migration: both(p, rest), Foreign: Foreign{ID: ID{Name: e.Name()}}})
	}
	r.number(list)
}

var sqlMigrateAlmost = lazy.Regexp(`^\s*-+\s*\+\s*migrate\b`)

func readSQLMigrate(f *file) {
	s := f.inSections("sql-migrate")
	block := -1
	f.lines(func(at int, line string) {
		command, ok := strings.CutPrefix(line, "-- +migrate ")
		words := strings.Fields(command)
		if !ok || len(words) == 0 {
			if ok || sqlMigrateAlmost().MatchString(line) {
				f.fault(at, "sql-migrate does not take this for a marker, and runs what follows with what is before; write -- +migrate Up or -- +migrate Down at the start of a line")
				return
			}
			s.early(at, line)
			return
		}
		switch words[0] {
		case "Up", "Down":
			s.begin(strings.ToLower(words[0]), at, line)
			if s.current >= 0 && slices.Contains(words[1:], "notransaction") {
				f.noTransaction = true
			}
		case "StatementBegin":
			block = at
		case "StatementEnd":
			if block >= 0 && s.current >= 0 {
				f.ends = append(f.ends, span{at, at + len(line)})
			}
			block = -1
		default:
			f.fault(at, "sql-migrate has no command %q and ignores it; it has Up, Down, StatementBegin and StatementEnd", words[0])
		}
	})
	s.end(len(f.src))
	if block >= 0 {
		f.fault(block, "-- +migrate StatementBegin without -- +migrate StatementEnd")
	}
	if !s.seen {
		f.fault(0, "there is no -- +migrate Up, without which sql-migrate refuses a file")
	}
}
