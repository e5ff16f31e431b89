// Package source finds migrations in a file system: a folder in, a list of
// migrations and their files out. It reads this driver's own layouts and those
// of other tools, as they are; of SQL it knows what those tools mark in a file.
package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Migration is what the names of its files say of it. The files are paths in
// the file system; Down and Metadata are "" where there is none.
type Migration struct {
	Version  int64 // 0 for a repeatable one
	Name     string
	Up, Down string
	Metadata string // metadata.yaml

	*Foreign // nil in the native layouts but for folders
}

// Foreign is what the layout of another tool knows of a migration besides.
type Foreign struct {
	ID ID // what the tool's own history calls it
	// Covered are checkpoints that are left out of the list, because they stand
	// for this migration and all before it (Atlas).
	Covered []Checkpoint
	// Checkpoint says that it stands for migrations before it that are not there
	// any more (Atlas, Flyway).
	Checkpoint bool
	// NoTransaction says that a file beside the script, or the script's name, asks
	// to run it outside of a transaction.
	NoTransaction bool

	layout  *Layout
	literal bool // Flyway: ${…} is no placeholder
}

// A Checkpoint is a file that does what all files before it do.
type Checkpoint struct {
	ID   ID
	Path string
}

// ID is what another tool's history calls a migration: as much of it as the tool
// has. A text stands here as the tool writes it.
type ID struct {
	Version string // goose "7", dbmate "007", Flyway "1.2.3", diesel "20240131101500", …
	// Name is a description (Flyway, sqlx: with blanks for underscores; Atlas,
	// refinery: without), a file (sql-migrate, D1, Knex), a folder (Prisma, Drizzle
	// 1.0) or a tag (Drizzle's journal).
	Name string
	Type string // Flyway: SQL or SQL_BASELINE
	When int64  // Drizzle: milliseconds since 1970, as in the journal or in the folder's name
}

// kind is what the name of a file or folder makes it.
type kind int

const (
	other kind = iota
	up
	down
	repeatable
	folder // V007__add_prefs
)

// classify reads a name of the native layouts, which are mixed freely in one
// folder: 0007_add_prefs.sql, 0007_add_prefs.up.sql and .down.sql,
// R__views.sql, V007__add_prefs/.
func classify(e fs.DirEntry) (k kind, version, name string) {
	base := e.Name()
	if e.IsDir() {
		if rest, ok := strings.CutPrefix(base, "V"); ok {
			version, name, ok = strings.Cut(rest, "__")
			if ok && isDigits(version) && name != "" {
				return folder, version, name
			}
		}
		return other, "", ""
	}
	base, ok := strings.CutSuffix(base, ".sql")
	if !ok {
		return other, "", ""
	}
	if name, ok := strings.CutPrefix(base, "R__"); ok && name != "" {
		return repeatable, "", name
	}
	version, name, _ = strings.Cut(base, "_")
	k = up
	if rest, ok := strings.CutSuffix(name, ".down"); ok {
		k, name = down, rest
	} else {
		name = strings.TrimSuffix(name, ".up")
	}
	if !isDigits(version) || name == "" {
		return other, "", ""
	}
	return k, version, name
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// reader collects what is found and what is wrong with it.
type reader struct {
	fsys    fs.FS
	dir     string
	entries []fs.DirEntry
	hasFunc func(version int64) bool

	found []Migration
	// Of a folder of the native layouts: paired, where every script's name says which
	// direction it is; others, where there is more than scripts with such names.
	paired, others bool
	mixed          bool // found is not in order yet, or has files of one version apart
	errs           []error
	// looked counts what a layout has taken for its own, good or bad.
	looked int
}

// path returns the path of a file of the folder.
func (r *reader) path(name string) string {
	if r.dir == "." {
		return name
	}
	return r.dir + "/" + name
}

func (r *reader) errorf(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

func isMigration(e fs.DirEntry) bool {
	k, _, _ := classify(e)
	return k != other
}

// native lists a folder of the driver's own layouts.
func native(r *reader) {
	r.found = make([]Migration, 0, len(r.entries))
	r.paired = true
	for _, e := range r.entries {
		if hidden(e.Name()) {
			continue
		}
		p := r.path(e.Name())
		switch k, version, name := classify(e); k {
		case up, down:
			r.others = r.others || strings.HasSuffix(name, ".tx")
			r.paired = r.paired && (k == down || strings.HasSuffix(p, ".up.sql"))
			if m := r.versioned(p, version, name); m != nil && k == up {
				r.file(m, &m.Up, p)
			} else if m != nil {
				r.file(m, &m.Down, p)
			}
		case folder:
			r.paired = false
			if m := r.versioned(p, version, name); m != nil {
				r.folder(m, p)
			}
		case repeatable:
			r.paired = false
			r.found = append(r.found, Migration{Name: name, Up: p})
		default:
			r.others = true
			if !e.IsDir() && strings.EqualFold(path.Ext(p), ".sql") {
				r.errorf("%s: is no migration's name; use 0001_name.sql, 0001_name.up.sql and 0001_name.down.sql, or R__name.sql for one that is applied again whenever it changes", p)
			}
		}
	}
	if r.mixed {
		r.sort()
	}
}

// versioned returns the migration that a file belongs to. Files of one version
// usually follow each other, so that looking at the last one is enough; others
// are found when all have been read.
func (r *reader) versioned(p, digits, name string) *Migration {
	version, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || version < 1 {
		hint := ""
		if version == 0 && err == nil {
			hint = "; name the layout of a tool that counts from 0, such as golang-migrate or d1, and its files are counted from 1; Drizzle's folder is known by its meta/_journal.json, which //go:embed leaves out unless its pattern begins with all:"
		}
		r.errorf("%s: version %s is not between 1 and %d%s", p, digits, int64(1<<63-1), hint)
		return nil
	}
	n := len(r.found)
	if n > 0 && r.found[n-1].Version == version && r.found[n-1].Name == name {
		return &r.found[n-1]
	}
	// A repeatable one has version 0, and belongs behind this one, too.
	r.mixed = r.mixed || n > 0 && (r.found[n-1].Version == 0 || r.found[n-1].Version >= version)
	r.found = append(r.found, Migration{Version: version, Name: name})
	return &r.found[n]
}

// folder reads V007__add_prefs/{up.sql,down.sql,metadata.yaml}. Runners with this
// layout run a script as it is, and may have recorded its checksum: BEGIN, COMMIT
// and PRAGMA foreign_keys are taken out of it as with other tools, since nobody
// could delete them.
func (r *reader) folder(m *Migration, p string) {
	m.Foreign = &Foreign{}
	entries, err := fs.ReadDir(r.fsys, p)
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	for _, e := range entries {
		file := path.Join(p, e.Name())
		switch {
		case e.Name() == "up.sql":
			r.file(m, &m.Up, file)
		case e.Name() == "down.sql":
			r.file(m, &m.Down, file)
		case e.Name() == "metadata.yaml":
			m.Metadata = file
		case strings.HasSuffix(e.Name(), ".sql") && !hidden(e.Name()):
			r.errorf("%s: a folder of one migration holds up.sql, down.sql and metadata.yaml", file)
		}
	}
	if m.Up == "" && m.Down == "" {
		r.errorf("%s: up.sql is missing", p)
		m.Up = p // said once is enough
	}
}

func (r *reader) file(m *Migration, place *string, p string) {
	if *place != "" {
		r.errorf("%s: version %d stands in %s already", p, m.Version, *place)
		return
	}
	*place = p
}

// Read reads a file into buf, which grows as needed, without a byte order mark
// and with lines ending in LF: a checkout on Windows is the same text. The
// result is valid until buf is used again.
func Read(fsys fs.FS, p string, buf *[]byte) ([]byte, error) {
	f, err := fsys.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := (*buf)[:0]
	for {
		text = slices.Grow(text, 512)
		n, err := f.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		*buf = text
		if err == io.EOF {
			return normalize(text), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func normalize(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if bytes.IndexByte(text, '\r') >= 0 {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	}
	return text
}

func (r *reader) result() ([]Migration, error) {
	for i := range r.found {
		if m := &r.found[i]; m.Up == "" {
			r.errorf("%s: there is no up migration for it", m.Down)
		}
	}
	if len(r.errs) > 0 {
		slices.SortFunc(r.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return nil, errors.Join(r.errs...)
	}
	return r.found, nil
}

func (r *reader) sort() {
	slices.SortStableFunc(r.found, func(a, b Migration) int {
		if a.Version == 0 || b.Version == 0 {
			return cmp.Or(-cmp.Compare(a.Version, b.Version), strings.Compare(a.Name, b.Name))
		}
		return cmp.Compare(a.Version, b.Version)
	})
	all := r.found[:0]
	for _, m := range r.found {
		if n := len(all); n > 0 && m.Version > 0 && all[n-1].Version == m.Version {
			r.merge(&all[n-1], m)
		} else {
			all = append(all, m)
		}
	}
	r.found = all
}

// merge puts the files of one version together, where they may be.
func (r *reader) merge(m *Migration, more Migration) {
	file := cmp.Or(more.Up, more.Down)
	switch {
	case m.Up != "" && more.Up != "", m.Down != "" && more.Down != "":
		r.errorf("%s: version %d stands in %s already", file, m.Version, cmp.Or(m.Up, m.Down))
	case m.Name != more.Name:
		// 0007_a.up.sql beside 0007_b.down.sql: two that were given one version.
		r.errorf("%s: version %d is already %s, in %s; golang-migrate and sqlx go by the number alone: name their layout, or give the two one name", file, m.Version, m.Name, cmp.Or(m.Up, m.Down))
	case m.Up == "":
		m.Up = more.Up
	default:
		m.Down = more.Down
	}
}
