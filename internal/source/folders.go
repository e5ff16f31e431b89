package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/lazy"
)

// Tools that keep a folder for each migration, and Drizzle, which once did not.

// folders calls f for every folder in the folder with its files by name.
func (r *reader) folders(f func(p, name string, files map[string]string)) {
	for _, e := range r.entries {
		if !e.IsDir() || hidden(e.Name()) {
			continue
		}
		p := r.path(e.Name())
		entries, err := fs.ReadDir(r.fsys, p)
		if err != nil {
			r.errs = append(r.errs, err)
			continue
		}
		files := map[string]string{}
		for _, e := range entries {
			if !e.IsDir() && !hidden(e.Name()) {
				files[e.Name()] = p + "/" + e.Name()
			}
		}
		f(p, e.Name(), files)
	}
}

// diesel's version is what is before the first underscore without its dashes, as
// text, and so is its order.
func listDiesel(r *reader) {
	var list []numbered
	r.folders(func(p, name string, files map[string]string) {
		before, rest, _ := strings.Cut(name, "_")
		digits := strings.ReplaceAll(before, "-", "")
		switch {
		case len(files) == 0:
			return
		case files["up.sql"] == "":
			if isDigits(digits) {
				r.errorf("%s: up.sql is missing", p)
			}
			return
		case !isDigits(digits):
			r.looked++
			r.errorf("%s: versions are numbers here, and the name does not begin with one; give it one that has its place in the order", p)
			return
		}
		n := numbered{digits: digits, order: digits, path: p, Migration: Migration{
			Name: nonEmpty(rest, digits), Up: files["up.sql"], Down: files["down.sql"],
		}, Foreign: Foreign{ID: ID{Version: digits}}}
		if meta := files["metadata.toml"]; meta != "" {
			n.NoTransaction = !r.runInTransaction(meta)
		}
		list = append(list, n)
	})
	r.number(list)
}

// runInTransaction reads the one key of a metadata.toml that diesel knows. diesel
// takes the file without the key for false.
func (r *reader) runInTransaction(p string) bool {
	var buf []byte
	text, err := Read(r.fsys, p, &buf)
	if err != nil {
		r.errs = append(r.errs, err)
		return true
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		code, _, _ := strings.Cut(string(line), "#")
		key, value, ok := strings.Cut(code, "=")
		key = strings.TrimSpace(key)
		if strings.HasPrefix(key, "[") {
			break // a table: its keys are others
		}
		if !ok || strings.Trim(key, `"'`) != "run_in_transaction" {
			continue
		}
		switch strings.TrimSpace(value) {
		case "true":
			return true
		case "false":
			return false
		}
		r.errorf("%s:%d:1: run_in_transaction is true or false", p, n)
		return true
	}
	return false
}

// rusqlite_migration numbers its folders from 1, without gaps: its history is a
// count.
func listRusqlite(r *reader) {
	var list []numbered
	r.folders(func(p, name string, files map[string]string) {
		digits, rest, ok := strings.Cut(name, "-")
		r.looked++
		switch {
		case !ok || !isDigits(digits) || canonical(digits) == "0":
			r.errorf("%s: rusqlite_migration wants a number from 1, a dash and a name: 1-create_users", p)
		case files["up.sql"] == "":
			r.errorf("%s: up.sql is missing", p)
		default:
			list = append(list, numbered{digits: digits, path: p, Migration: Migration{
				Name: nonEmpty(rest, digits), Up: files["up.sql"], Down: files["down.sql"],
			}, Foreign: Foreign{ID: ID{Version: canonical(digits)}}})
		}
	})
	before := len(r.errs)
	r.number(list)
	for i, m := range r.found {
		if m.Version != int64(i+1) && len(r.errs) == before {
			r.errorf("%s: number %d is missing before it; rusqlite_migration counts without gaps", path.Dir(m.Up), i+1)
		}
	}
}

func listPrisma(r *reader) {
	if lock := r.path("migration_lock.toml"); r.has("migration_lock.toml") {
		var buf []byte
		text, err := Read(r.fsys, lock, &buf)
		if err != nil {
			r.errs = append(r.errs, err)
		}
		if m := prismaProvider().FindSubmatchIndex(text); m != nil && string(text[m[2]:m[3]]) != "sqlite" {
			line := 1 + bytes.Count(text[:m[2]], []byte("\n"))
			r.errorf("%s:%d:1: the migrations are for %s, not for SQLite", lock, line, text[m[2]:m[3]])
		}
	}
	r.number(r.migrationFolders("Prisma"))
}

var prismaProvider = lazy.Regexp(`(?m)^\s*provider\s*=\s*["']([^"'\n]*)["']`)

func (r *reader) has(name string) bool {
	for _, e := range r.entries {
		if e.Name() == name {
			return true
		}
	}
	return false
}

// migrationFolders lists 20240131101500_create_users/migration.sql. The order is
// that of the names.
func (r *reader) migrationFolders(tool string) (list []numbered) {
	r.folders(func(p, name string, files map[string]string) {
		digits, rest := cutNumber(name)
		switch {
		case files["migration.sql"] == "":
			if digits != "" {
				r.looked++
				r.errorf("%s: migration.sql is missing", p)
			}
		case digits == "":
			r.looked++
			r.errorf("%s: versions are numbers here, and the name does not begin with one, as %s's do", p, tool)
		default:
			list = append(list, numbered{digits: digits, order: name, path: p, Migration: Migration{
				Name: rest, Up: files["migration.sql"],
			}, Foreign: Foreign{ID: ID{Name: name}}})
		}
	})
	return list
}

// A journal is Drizzle's meta/_journal.json.
type journal struct {
	Dialect string `json:"dialect"`
	Entries []struct {
		Idx  *int64 `json:"idx"`
		When int64  `json:"when"`
		Tag  string `json:"tag"`
	} `json:"entries"`
}

// listDrizzle reads the journal, whose order is that of the migrations: the
// version is idx + 1, and files that it does not name are none. Since 1.0 there
// is no journal, but a folder for each migration.
func listDrizzle(r *reader) {
	p := r.path("meta/_journal.json")
	text, err := fs.ReadFile(r.fsys, p)
	list := r.migrationFolders("Drizzle")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		for i := range list {
			if when, err := time.Parse("20060102150405", list[i].digits); err == nil {
				list[i].ID.When = when.UnixMilli()
			}
		}
		if len(list) == 0 && r.hasSQL() {
			r.errorf("%s is missing, which tells the order; embed it as well: go:embed leaves out names that begin with _, unless its pattern does with all: (//go:embed all:%s)", p, r.dir)
		}
		r.number(list)
		return
	case err != nil:
		r.errs = append(r.errs, err)
		return
	case len(list) > 0:
		r.errorf("%s: Drizzle 1.0 reads folders such as %s, and Drizzle before it this journal; run drizzle-kit up, or delete what is not in use", p, list[0].path)
		return
	}
	r.looked++
	var j journal
	if err := json.Unmarshal(text, &j); err != nil {
		at := 0
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		if errors.As(err, &syntax) {
			at = int(syntax.Offset) - 1 // the byte that was read last
		} else if errors.As(err, &kind) {
			at = int(kind.Offset)
		}
		before := text[:max(0, min(at, len(text)))]
		r.errorf("%s:%d:%d: %w", p, 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'), err)
		return
	}
	switch j.Dialect {
	case "postgresql", "pg", "mysql", "singlestore", "gel", "cockroach", "mssql":
		r.errorf("%s: the migrations are for %s, not for SQLite", p, j.Dialect)
		return
	}
	var last int64
	for i, e := range j.Entries {
		if e.Idx == nil || *e.Idx < 0 || e.Tag == "" {
			r.errorf("%s: entry %d has no idx or no tag", p, i+1)
			continue
		}
		version := *e.Idx + 1
		file := r.path(e.Tag + ".sql")
		if version <= last {
			r.errorf("%s: entry %s has idx %d, which must be above that of the entry before it, %d: it is the migration's version; give it another", p, e.Tag, *e.Idx, last-1)
			continue
		}
		last = version
		_, name := cutNumber(e.Tag)
		if !fs.ValidPath(file) || path.Dir(file) != r.dir {
			r.errorf("%s: entry %d: the tag %q is no file's name", p, i+1, e.Tag)
			continue
		}
		if _, err := fs.Stat(r.fsys, file); err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				r.errs = append(r.errs, err)
			} else {
				r.errorf("%s: the file is missing, and %s names it", file, p)
			}
			continue
		}
		r.found = append(r.found, Migration{Version: version, Name: name, Up: file, Foreign: &Foreign{ID: ID{Name: e.Tag, When: e.When}}})
	}
}

func (r *reader) hasSQL() bool {
	for _, e := range r.entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".sql") {
			return true
		}
	}
	return false
}

// readDrizzle cuts where Drizzle does, which needs no semicolon.
func readDrizzle(f *file) { f.cutAt("--> statement-breakpoint") }
