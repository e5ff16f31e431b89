// Package source finds migrations in a file system: folder layouts in, a list
// of migrations with their texts out. It knows names and files, not SQL.
package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Migration is what the files of one migration hold.
type Migration struct {
	Version  int64 // 0 for a repeatable one
	Name     string
	Up, Down File   // Down.Path is empty where there is no way back
	Metadata string // the text of metadata.yaml, as it stands
}

// A File is a script and where it was read.
type File struct {
	Path string // in the file system, with slashes
	Text string // without a byte order mark, lines ending in LF
}

// The native layouts, mixed freely in one folder.
var (
	fileRE       = regexp.MustCompile(`^([0-9]+)_(.+?)(\.up|\.down)?\.sql$`)
	folderRE     = regexp.MustCompile(`^V([0-9]+)__(.+)$`)
	repeatableRE = regexp.MustCompile(`^R__(.+)\.sql$`)
)

// Find returns the folder that holds migrations: the root, or else the only
// one below it that does.
func Find(fsys fs.FS) (string, error) {
	var found, others []string
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			return nil
		case hidden(d.Name()) && p != ".":
			return fs.SkipDir
		}
		entries, err := fs.ReadDir(fsys, p)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(entries, isMigration) {
			found = append(found, p)
			if p == "." {
				return fs.SkipAll
			}
			return fs.SkipDir
		}
		if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), ".sql") }) {
			others = append(others, p)
		}
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("several folders hold migrations: %s; name one with Dir", strings.Join(found, ", "))
	case len(others) > 0:
		// Reading it says of each file what is wrong with its name.
		return others[0], nil
	}
	return "", errors.New("no folder holds migrations such as 0001_create_users.sql; is the go:embed pattern right?")
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

func isMigration(e fs.DirEntry) bool {
	if e.IsDir() {
		return folderRE.MatchString(e.Name())
	}
	return fileRE.MatchString(e.Name()) || repeatableRE.MatchString(e.Name())
}

// Read reads the migrations of a folder in the order in which they are
// applied: by version, then the repeatable ones by name. It reports everything
// that is wrong, not just the first thing.
func Read(fsys fs.FS, dir string) ([]Migration, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	r := reader{fsys: fsys, found: map[key]*Migration{}}
	for _, e := range entries {
		name := e.Name()
		p := path.Join(dir, name)
		if hidden(name) {
			continue
		}
		if e.IsDir() {
			if m := folderRE.FindStringSubmatch(name); m != nil {
				r.folder(p, m[1], m[2])
			}
			continue
		}
		if m := fileRE.FindStringSubmatch(name); m != nil {
			if mig := r.versioned(p, m[1], m[2]); mig != nil {
				r.file(mig, p, m[3] == ".down")
			}
		} else if m := repeatableRE.FindStringSubmatch(name); m != nil {
			r.file(r.migration(0, m[1]), p, false)
		} else if strings.HasSuffix(strings.ToLower(name), ".sql") {
			r.errorf("%s: is no migration's name; use 0001_name.sql, 0001_name.up.sql and 0001_name.down.sql, or R__name.sql for one that is applied again whenever it changes", p)
		}
	}
	return r.result()
}

// key tells migrations apart: by version, the repeatable ones by name.
type key struct {
	version int64
	name    string
}

type reader struct {
	fsys  fs.FS
	found map[key]*Migration
	errs  []error
}

func (r *reader) errorf(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

func (r *reader) migration(version int64, name string) *Migration {
	k := key{version: version}
	if version == 0 {
		k.name = name
	}
	m := r.found[k]
	if m == nil {
		m = &Migration{Version: version, Name: name}
		r.found[k] = m
	}
	return m
}

func (r *reader) versioned(p, digits, name string) *Migration {
	version, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || version < 1 {
		r.errorf("%s: version %s is not between 1 and %d", p, digits, int64(1<<63-1))
		return nil
	}
	m := r.migration(version, name)
	if m.Name != name {
		// 0007_a.up.sql beside 0007_b.down.sql: two that were given one version.
		r.errorf("%s: version %d is already %s, in %s", p, version, m.Name, cmp.Or(m.Up.Path, m.Down.Path))
		return nil
	}
	return m
}

// folder reads V007__add_prefs/{up.sql,down.sql,metadata.yaml}.
func (r *reader) folder(p, digits, name string) {
	m := r.versioned(p, digits, name)
	if m == nil {
		return
	}
	entries, err := fs.ReadDir(r.fsys, p)
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	for _, e := range entries {
		file := path.Join(p, e.Name())
		switch {
		case e.Name() == "up.sql":
			r.file(m, file, false)
		case e.Name() == "down.sql":
			r.file(m, file, true)
		case e.Name() == "metadata.yaml":
			m.Metadata = r.read(file)
		case strings.HasSuffix(e.Name(), ".sql") && !hidden(e.Name()):
			r.errorf("%s: a folder of one migration holds up.sql, down.sql and metadata.yaml", file)
		}
	}
	if m.Up.Path == "" && m.Down.Path == "" {
		r.errorf("%s: up.sql is missing", p)
		m.Up.Path = p // said once is enough
	}
}

func (r *reader) file(m *Migration, p string, down bool) {
	f := &m.Up
	if down {
		f = &m.Down
	}
	if f.Path != "" {
		what := "version " + strconv.FormatInt(m.Version, 10)
		if m.Version == 0 {
			what = "repeatable migration " + m.Name
		}
		r.errorf("%s: %s stands in %s already", p, what, f.Path)
		return
	}
	*f = File{Path: p, Text: r.read(p)}
}

func (r *reader) read(p string) string {
	text, err := fs.ReadFile(r.fsys, p)
	if err != nil {
		r.errs = append(r.errs, err)
	}
	return string(Normalize(text))
}

// Normalize drops a byte order mark and turns CRLF into LF, so that a
// checkout on Windows is the same text.
func Normalize(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if bytes.IndexByte(text, '\r') >= 0 {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	}
	return text
}

func (r *reader) result() ([]Migration, error) {
	all := make([]Migration, 0, len(r.found))
	for _, m := range r.found {
		if m.Up.Path == "" {
			r.errorf("%s: there is no up migration for it", m.Down.Path)
		}
		all = append(all, *m)
	}
	if len(r.errs) > 0 {
		slices.SortFunc(r.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return nil, errors.Join(r.errs...)
	}
	slices.SortFunc(all, func(a, b Migration) int {
		switch {
		case a.Version == 0 && b.Version == 0:
			return strings.Compare(a.Name, b.Name)
		case a.Version == 0:
			return 1
		case b.Version == 0:
			return -1
		case a.Version < b.Version:
			return -1
		}
		return 1
	})
	return all, nil
}
