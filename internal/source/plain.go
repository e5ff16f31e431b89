package source

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/lazy"
)

// Tools whose files lie in one folder, a migration in one or two of them.

// pairs lists files whose names tell number, name and direction.
type pairs struct {
	*reader
	list []numbered
}

// add adds a file. All of one number are one migration.
func (p *pairs) add(n numbered, down bool) {
	i := slices.IndexFunc(p.list, func(o numbered) bool { return o.digits == n.digits && o.code == n.code })
	if i < 0 || n.code != "" {
		i = len(p.list)
		p.list = append(p.list, n)
	}
	m := &p.list[i]
	if n.code != "" {
		return
	}
	if down {
		p.place(&m.Down, n)
		return
	}
	if m.Up == "" { // the up script's name is the migration's
		m.Name, m.ID = n.Name, n.ID
	}
	p.place(&m.Up, n)
}

func (p *pairs) place(place *string, n numbered) {
	if *place != "" {
		p.errorf("%s: the number %s stands in %s already; give one of them another", n.path, n.digits, *place)
		return
	}
	*place = n.path
}

var golangMigrateName = lazy.Regexp(`^([0-9]+)_(.*)\.(down|up)\.(.*)$`)

func listGolangMigrate(r *reader) {
	p := pairs{reader: r}
	for _, e := range r.entries {
		m := golangMigrateName().FindStringSubmatch(e.Name())
		switch {
		case e.IsDir():
		case m != nil:
			n := numbered{digits: m[1], path: r.path(e.Name())}
			n.Name, n.ID = nonEmpty(m[2], m[1]), ID{Version: canonical(m[1])}
			p.add(n, m[3] == "down")
		case !hidden(e.Name()) && startsWithNumber(e.Name()) && path.Ext(e.Name()) == ".sql":
			r.looked++
			r.errorf("%s: golang-migrate leaves it out, since its name does not say up or down; write .up.sql", r.path(e.Name()))
		}
	}
	r.number(p.list)
}

func nonEmpty(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

func startsWithNumber(name string) bool { return name[0] >= '0' && name[0] <= '9' }

func listSqlx(r *reader) {
	p := pairs{reader: r}
	for _, e := range r.entries {
		digits, rest, ok := strings.Cut(e.Name(), "_")
		if e.IsDir() || !ok || !strings.HasSuffix(rest, ".sql") {
			continue
		}
		if !isDigits(digits) {
			r.looked++
			r.errorf("%s: %q is no number, and sqlx refuses the folder", r.path(e.Name()), digits)
			continue
		}
		name, down := strings.CutSuffix(rest, ".down.sql")
		if !down {
			name = strings.TrimSuffix(strings.TrimSuffix(rest, ".sql"), ".up")
		}
		n := numbered{digits: digits, path: r.path(e.Name())}
		n.Name, n.ID = nonEmpty(name, digits), ID{Version: canonical(digits), Name: spaced(name)}
		p.add(n, down)
	}
	r.number(p.list)
}

// readSqlx takes sqlx's only directive, the very first bytes of a file.
func readSqlx(f *file) {
	if bytes.HasPrefix(f.src, []byte("-- no-transaction")) {
		f.noTransaction = true
	}
}

var bunName = lazy.Regexp(`^(\d{1,14})_([0-9a-z_\-]+)\.`)

// listBun reads the folders below the folder, too, as bun does. A script named
// .tx.up.sql is in a transaction, and so are the others here.
func listBun(r *reader) {
	p := pairs{reader: r}
	r.walk(func(file string) {
		base := path.Base(file)
		m := bunName().FindStringSubmatch(base)
		isUp, isDown := strings.HasSuffix(base, ".up.sql"), strings.HasSuffix(base, ".down.sql")
		switch {
		case m == nil && (isUp || isDown):
			r.looked++
			r.errorf("%s: bun refuses the name; it wants up to 14 digits, an underscore, and a name in lower case", file)
		case m == nil:
		case isUp, isDown:
			// bun sorts by the digits as text.
			n := numbered{digits: m[1], order: m[1], path: file}
			n.Name, n.ID = m[2], ID{Version: m[1]}
			p.add(n, isDown)
		case path.Ext(base) == ".go" && !strings.HasSuffix(base, "_test.go"):
			n := numbered{digits: m[1], order: m[1], path: file, code: "Go"}
			n.Name = m[2]
			p.add(n, false)
		}
	})
	r.number(p.list)
}

func readBun(f *file) {
	f.lines(func(at int, line string) {
		switch word, ok := strings.CutPrefix(line, "--bun:"); {
		case !ok:
		case word == "split":
			f.ends = append(f.ends, span{at, at + len(line)})
		default:
			f.fault(at, "bun has no directive %q; it has --bun:split", word)
		}
	})
}

// wrangler takes every .sql file, in the order of the numbers in front.
func listD1(r *reader) {
	var list []numbered
	for _, e := range r.entries {
		base, ok := strings.CutSuffix(e.Name(), ".sql")
		if e.IsDir() || !ok || hidden(e.Name()) {
			continue
		}
		p := r.path(e.Name())
		digits, rest := cutNumber(base)
		if digits == "" {
			r.looked++
			r.errorf("%s: versions are numbers here, and the name does not begin with one; give it one that has its place in the order", p)
			continue
		}
		list = append(list, numbered{digits: digits, path: p, Migration: Migration{Name: rest, Up: p}, Foreign: Foreign{ID: ID{Name: e.Name()}}})
	}
	r.number(list)
}

// Knex orders by the whole name, which is also what it records.
func listKnex(r *reader) {
	p := pairs{reader: r}
	for _, e := range r.entries {
		file := r.path(e.Name())
		if digits, name, language := code(e); language != "" && !hidden(e.Name()) {
			n := numbered{digits: digits, order: e.Name(), path: file, code: language}
			n.Name = name
			p.add(n, false)
			continue
		}
		base, ok := strings.CutSuffix(e.Name(), ".sql")
		if e.IsDir() || !ok || hidden(e.Name()) {
			continue
		}
		base, down := strings.CutSuffix(base, ".down")
		base = strings.TrimSuffix(base, ".up")
		digits, rest := cutNumber(base)
		if digits == "" {
			r.looked++
			r.errorf("%s: versions are numbers here, and the name does not begin with one; give it one that has its place in the order", file)
			continue
		}
		n := numbered{digits: digits, order: base, path: file}
		n.Name, n.ID = rest, ID{Name: e.Name()}
		p.add(n, down)
	}
	r.number(p.list)
}
