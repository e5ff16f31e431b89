package source

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/lazy"
)

// Flyway and refinery name files alike: V1__create_users.sql, in folders as deep
// as one likes. Flyway has more kinds of them and more kinds of versions.

// A versionedFile is a file that Flyway or refinery would take for a migration.
type versionedFile struct {
	path        string
	prefix      byte   // V, U, B or R
	version     string // "1.2.3", "" for R
	description string // as in the name
	language    string // other than SQL
	flyway      bool   // Flyway would take it
	refinery    bool   // refinery would take it
}

var (
	flywayVersion = lazy.Regexp(`^\d+([._]\d+)*$`)
	refineryName  = lazy.Regexp(`^([UV])(\d+)__(\w+)\.(sql|rs)$`)
	// flywayMistake is what Flyway would silently leave out.
	flywayMistake = lazy.Regexp(`^[VvUuBb]\d.*\.sql$`)
)

// versioned reads the name of a file.
func versioned(p string) (v versionedFile, ok bool) {
	base := path.Base(p)
	ext := path.Ext(base)
	v.path, v.language = p, languages[ext]
	isSQL := strings.EqualFold(ext, ".sql")
	if base == "" || !isSQL && v.language == "" {
		return v, false
	}
	v.refinery = refineryName().MatchString(base)
	rest := strings.TrimSuffix(base, ext)
	v.prefix = rest[0]
	version, description, _ := strings.Cut(rest[1:], "__")
	v.version, v.description = strings.ReplaceAll(version, "_", "."), description
	switch v.prefix {
	case 'R':
		v.flyway = version == "" && description != "" && isSQL
	case 'V', 'U', 'B':
		v.flyway = flywayVersion().MatchString(version) && (isSQL || ext != ".rs" && ext != ".go")
	}
	return v, v.flyway || v.refinery
}

// versionedFiles finds such files in the folder and below it. Folders that are
// a native migration are left alone.
func (r *reader) versionedFiles() (list []versionedFile) {
	r.walk(func(p string) {
		if v, ok := versioned(p); ok {
			list = append(list, v)
		}
	})
	return list
}

// walk calls f with every file in the folder and below it.
func (r *reader) walk(f func(p string)) {
	err := fs.WalkDir(r.fsys, r.dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p == r.dir:
		case d.IsDir() && (hidden(d.Name()) || isMigration(d)):
			return fs.SkipDir
		case !d.IsDir() && !hidden(d.Name()):
			f(p)
		}
		return nil
	})
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

// whose tells Flyway's files from refinery's where that is possible: by what only
// one of them takes. U undoes in Flyway what V of the same version does; in
// refinery it is a migration of its own that may come late.
func whose(files []versionedFile) (example string, tools []string) {
	var flyway, refinery, both, repeatable string
	v := map[string]bool{}
	for _, f := range files {
		if f.prefix == 'V' {
			v[f.version] = true
		}
	}
	for _, f := range files {
		switch {
		case f.prefix == 'R':
			note(&repeatable, f.path)
		case !f.refinery:
			note(&flyway, f.path)
		case !f.flyway:
			note(&refinery, f.path)
		case f.prefix == 'U' && v[f.version]:
			note(&flyway, f.path)
		case f.prefix == 'U':
			note(&refinery, f.path)
		default:
			note(&both, f.path)
		}
	}
	if refinery == "" && flyway == "" && both != "" {
		flyway = repeatable
	}
	switch {
	case flyway != "" && refinery == "":
		return flyway, []string{"flyway"}
	case refinery != "" && flyway == "":
		return refinery, []string{"refinery"}
	case flyway != "" || both != "":
		return cmp.Or(both, flyway), []string{"flyway", "refinery"}
	}
	return "", nil
}

func listFlyway(r *reader) {
	type placed struct {
		versionedFile
		number int64
		parts  []int64
	}
	var main, undo, base, again []placed
	confs := map[string]string{} // script → its .conf
	r.walk(func(p string) {
		name := path.Base(p)
		if script, ok := strings.CutSuffix(p, ".conf"); ok {
			confs[script] = p
			return
		}
		v, ok := versioned(p)
		switch {
		case ok && v.flyway:
		case flywayMistake().MatchString(name):
			r.looked++
			r.errorf("%s: is no name of a migration, and Flyway leaves it out; use V1__name.sql, with two underscores", p)
			return
		case strings.HasSuffix(name, ".sql") && callback().MatchString(name):
			r.looked++
			r.errorf("%s: a callback of Flyway, which nobody calls here; do it in a migration, or in R__name.sql for what is done again after changes", p)
			return
		default:
			return
		}
		r.looked++
		f := placed{versionedFile: v}
		if v.prefix != 'R' {
			var why string
			if f.number, f.parts, why = flywayNumber(v.version); why != "" {
				r.errorf("%s: %s", p, why)
				return
			}
		}
		switch v.prefix {
		case 'V':
			main = append(main, f)
		case 'U':
			undo = append(undo, f)
		case 'B':
			base = append(base, f)
		case 'R':
			again = append(again, f)
		}
	})
	byVersion := func(a, b placed) int { return slices.Compare(a.parts, b.parts) }
	slices.SortStableFunc(main, byVersion)
	slices.SortStableFunc(base, byVersion)

	// A baseline stands for all versions up to its own. Where these are there, they
	// do the same; where they were thrown away, it is the first migration.
	for i, b := range base {
		older := slices.ContainsFunc(main, func(m placed) bool { return slices.Compare(m.parts, b.parts) <= 0 })
		if !older && (i == len(base)-1 || len(main) > 0 && slices.Compare(base[i+1].parts, main[0].parts) >= 0) {
			main = slices.Insert(main, 0, b)
		}
	}

	for i, m := range main {
		name := cmp.Or(m.description, m.version)
		switch {
		case i == 0 || main[i-1].number < m.number:
		case slices.Equal(main[i-1].parts, m.parts):
			r.errorf("%s: version %s stands in %s already", m.path, m.version, main[i-1].path)
			continue
		default:
			r.errorf("%s: version %s is the number %d here, and that of %s before it is %d; write the versions of the folder in one manner", m.path, m.version, m.number, main[i-1].path, main[i-1].number)
			continue
		}
		if m.language != "" {
			if r.hasFunc == nil || !r.hasFunc(m.number) {
				r.errorf("%s: a migration in %s cannot be read; %s", m.path, m.language, asFunc(m.number, name))
			}
			continue
		}
		all := Migration{
			Version: m.number, Name: name, Up: m.path,
			Foreign: &Foreign{ID: ID{Version: m.version, Name: spaced(m.description), Type: "SQL"}},
		}
		if m.prefix == 'B' {
			all.ID.Type, all.Checkpoint = "SQL_BASELINE", true
		}
		for _, u := range undo {
			if slices.Equal(u.parts, m.parts) && u.language == "" {
				r.file(&all, &all.Down, u.path)
			}
		}
		r.flywayConf(&all, confs[m.path])
		r.found = append(r.found, all)
	}
	slices.SortStableFunc(again, func(a, b placed) int { return strings.Compare(spaced(a.description), spaced(b.description)) })
	for i, f := range again {
		if i > 0 && again[i-1].description == f.description {
			r.errorf("%s: the name %s stands in %s already", f.path, f.description, again[i-1].path)
		}
		m := Migration{Name: f.description, Up: f.path, Foreign: &Foreign{ID: ID{Name: spaced(f.description), Type: "SQL"}}}
		r.flywayConf(&m, confs[f.path])
		r.found = append(r.found, m)
	}
}

func spaced(description string) string { return strings.ReplaceAll(description, "_", " ") }

var callback = lazy.Regexp(`^(before|after)(Each)?(Migrate|Versioned|Repeatables|Validate|Baseline|Info|Clean|Repair|Undo|Connect)|^createSchema`)

// flywayNumber makes a number of a version, the same whatever other versions
// there are: room for later parts is kept from the beginning.
//
//	1          1000000000      three more parts, of three digits each
//	1.2.3      1002003000
//	2024.1.15  20240115000000  from 1000: five more parts, of two digits each
//	20240115.1 20240115001000  from 10000000: two more parts, of three digits each
//	20240115093000             from 100000000: itself
func flywayNumber(version string) (number int64, parts []int64, why string) {
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return 0, nil, fmt.Sprintf("version %s has a part that is too large", version)
		}
		parts = append(parts, n)
	}
	for len(parts) > 1 && parts[len(parts)-1] == 0 { // 1.0 is 1
		parts = parts[:len(parts)-1]
	}
	more, width := 0, int64(1)
	switch {
	case parts[0] < 1_000:
		more, width = 3, 1_000
	case parts[0] < 10_000_000:
		more, width = 5, 100
	case parts[0] < 100_000_000:
		more, width = 2, 1_000
	}
	number = parts[0]
	for i := range more {
		number *= width
		if i+1 < len(parts) {
			if parts[i+1] >= width {
				return 0, nil, fmt.Sprintf("version %s cannot be made a number: behind %d there is room for parts below %d", version, parts[0], width)
			}
			number += parts[i+1]
		}
	}
	if len(parts) > more+1 {
		return 0, nil, fmt.Sprintf("version %s cannot be made a number: behind %d there is room for %d parts", version, parts[0], more)
	}
	return max(number, 1), parts, ""
}

// flywayConf reads the file beside a script that says how it runs.
func (r *reader) flywayConf(m *Migration, p string) {
	if p == "" {
		return
	}
	var buf []byte
	text, err := Read(r.fsys, p, &buf)
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, value, _ := strings.Cut(string(line), "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch value := strings.ToLower(value); {
		case key == "executeInTransaction" && (value == "true" || value == "false"):
			m.NoTransaction = value == "false"
		case key == "placeholderReplacement" && (value == "true" || value == "false"):
			m.literal = value == "false"
		case key == "encoding" && (value == "utf-8" || value == "utf8" || value == "us-ascii"):
		default:
			r.errorf("%s:%d:1: %s is not read; only executeInTransaction, placeholderReplacement and encoding=UTF-8 are", p, n, line)
		}
	}
}

func readFlyway(f *file) {
	if f.literal {
		return
	}
	for i := 0; ; {
		at := bytes.Index(f.src[i:], []byte("${"))
		if at < 0 {
			return
		}
		i += at
		end := bytes.IndexByte(f.src[i:], '}')
		if end < 0 || bytes.IndexByte(f.src[i:i+end], '\n') >= 0 {
			i += 2
			continue
		}
		f.fault(i, "the placeholder %s is not replaced; write its value, or, if it is text, placeholderReplacement=false into a .conf file beside the script", f.src[i:i+end+1])
		i += end
	}
}

func listRefinery(r *reader) {
	var list []numbered
	r.walk(func(p string) {
		m := refineryName().FindStringSubmatch(path.Base(p))
		if m == nil {
			if versionedMistake().MatchString(path.Base(p)) {
				r.looked++
				r.errorf("%s: is no name of a migration, and refinery leaves it out or refuses it; use V1__name.sql, with two underscores and letters, digits and underscores behind them", p)
			}
			return
		}
		n := numbered{digits: m[2], path: p, Migration: Migration{Name: m[3], Up: p}}
		if m[4] == "rs" {
			n.code = "Rust"
		}
		n.ID = ID{Version: strings.TrimLeft(m[2], "0"), Name: m[3]}
		list = append(list, n)
	})
	r.number(list)
}

var versionedMistake = lazy.Regexp(`^[VvUu]\d.*\.(sql|rs)$`)
