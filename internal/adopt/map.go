package adopt

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// A File is a migration of the set that a history is mapped onto.
type File struct {
	Version int64  // 0 for a repeatable one
	Name    string // without the version
	// ID is what the tool that the folder was made for calls it: the version as
	// it is written, the file's or the folder's name, Drizzle's tag. It is ""
	// if that is not known; versions, names and paths are compared then.
	ID   string
	Path string // "" for a function
	// When is the time in Drizzle's journal, or in the name of its folder, in
	// milliseconds; 0 in other layouts.
	When int64
	// Checkpoint says that it stands for all before it (Atlas, Flyway), which are
	// in the set if it is Covered, and were thrown away if it is not.
	Checkpoint, Covered bool
	// Text returns the file's bytes as they are on the disk. It is nil for a
	// function.
	Text func() ([]byte, error)
}

// String is how messages name the file.
func (f *File) String() string {
	if f.Path != "" {
		return f.Path
	}
	return strings.Trim(fmt.Sprintf("%d_%s", f.Version, f.Name), "_")
}

// A Match is a migration of the set that is applied.
type Match struct {
	Version int64
	Name    string
	Entry   Entry // what the tool recorded, if it did
	// Verified says that the tool recorded a checksum, and that it is the
	// file's.
	Verified bool
	// Assumed says that it follows from what the tool recorded, but is not
	// recorded itself: the tool keeps no more than the newest version, or began
	// at a baseline; or that a record need not mean it. Whether it is there is to
	// be seen in the structure of the database.
	Assumed bool
}

// A Problem is what stands against a history.
type Problem struct {
	Version int64  // of the set, or else of the entry; 0 for none
	ID      string // as the tool writes it, "" for none
	Text    string
}

// Error returns the text.
func (p Problem) Error() string { return p.Text }

// A Mapping is a history in terms of a set.
//
// If it has nothing applied and nothing but unknown entries, then the history
// is of something else than this set.
type Mapping struct {
	Applied []Match // in the set's order
	// Skipped are versions that the tool will never run, for it has run newer
	// ones, although it has no record of them. Whether they are there anyway is
	// to be seen in the structure of the database.
	Skipped []int64
	Unknown []Entry // applied, but not in the set
	// Changed are files that are not as they were when the tool applied them.
	Changed []Problem
	// Refusals are what has to be put right first, with the tool's own cure.
	Refusals []Problem
}

// Newest returns the newest version that is applied, 0 if none is.
func (m *Mapping) Newest() (v int64) {
	for _, a := range m.Applied {
		v = max(v, a.Version)
	}
	return v
}

// within reports whether a mapping says no more than another one.
func (m *Mapping) within(other *Mapping) bool {
	if len(other.Refusals)+len(other.Unknown)+len(m.Refusals)+len(m.Unknown)+len(m.Skipped) > 0 {
		return false
	}
	return !slices.ContainsFunc(m.Applied, func(a Match) bool {
		return !slices.ContainsFunc(other.Applied, func(b Match) bool { return a.Version == b.Version && a.Name == b.Name })
	})
}

// Map finds the migrations of a set in the history. The files are in the order
// in which they are applied, the repeatable ones last. An error is one of
// reading a file.
func (h *History) Map(files []File) (*Mapping, error) {
	if h.Tool != Atlas {
		files = slices.DeleteFunc(slices.Clone(files), func(f File) bool { return f.Covered })
	}
	m := &mapper{h: h, files: files, at: make([]*Match, len(files)), out: &Mapping{Refusals: slices.Clone(h.refusals)}}
	m.index()
	switch {
	case h.Tool == UserVersion:
		m.userVersion()
	case h.Tool == Drizzle:
		if err := m.drizzle(); err != nil {
			return nil, err
		}
	default:
		m.rows()
	}
	if err := m.verify(); err != nil {
		return nil, err
	}
	for i, a := range m.at {
		if a != nil && !m.files[i].Covered {
			m.out.Applied = append(m.out.Applied, *a)
		}
	}
	for i := range m.out.Unknown {
		e := &m.out.Unknown[i]
		e.Newer = !slices.ContainsFunc(m.files, func(f File) bool { return f.Version > 0 && !m.older(&f, *e) })
	}
	return m.out, nil
}

// mapper maps one history onto one set.
type mapper struct {
	h     *History
	files []File
	at    []*Match // what is found of each file
	out   *Mapping

	byKey     map[string]int // IDs and names of files; -1 for one that several have
	byVersion map[int64]int
	byName    map[string]int
	byDotted  map[string]int // Flyway's versions

	fromZero bool // the files' names count from 0, their versions from 1
}

func (m *mapper) index() {
	m.byKey, m.byVersion, m.byName, m.byDotted = map[string]int{}, map[int64]int{}, map[string]int{}, map[string]int{}
	add := func(in map[string]int, key string, i int) {
		if key == "" {
			return
		}
		if old, ok := in[key]; ok && old != i {
			i = -1
		}
		in[key] = i
	}
	m.fromZero = slices.ContainsFunc(m.files, func(f File) bool { return f.Version == 1 && f.Path != "" && f.number() == 0 })
	for i := range m.files {
		f := &m.files[i]
		add(m.byKey, f.ID, i)
		add(m.byKey, f.base(), i)
		add(m.byKey, stem(f.base()), i)
		add(m.byName, plain(f.Name), i)
		if f.Version > 0 {
			m.byVersion[m.numberOf(f)] = i
			add(m.byDotted, f.dotted(), i)
		}
	}
}

// number is the one that its tool knows it by, or else its version.
func (f *File) number() int64 {
	if n, rest := leading(f.ID); rest != f.ID || n > 0 {
		return n
	}
	return f.Version
}

// numberOf is the number by which others call a file, or a function among files.
func (m *mapper) numberOf(f *File) int64 {
	if f.Path == "" && m.fromZero {
		return f.Version - 1
	}
	return f.number()
}

// base is the name of the file, or of the folder that it is the script of.
func (f *File) base() string {
	if f.Path == "" {
		return ""
	}
	switch base := path.Base(f.Path); base {
	case "up.sql", "migration.sql":
		if dir := path.Base(path.Dir(f.Path)); dir != "." && dir != "/" {
			return dir
		}
		return base
	default:
		return base
	}
}

// dotted is the version as Flyway compares it.
func (f *File) dotted() string {
	for _, s := range []string{f.ID, f.base()} {
		s, _, _ = strings.Cut(s, "__")
		s = strings.TrimLeft(s, "VUB")
		if normal := normalVersion(s); s != "" && digits(strings.ReplaceAll(normal, ".", "")) {
			return normal
		}
	}
	return fmt.Sprint(f.Version)
}

// stem is a file's name without what it ends in.
func stem(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "." || name == "/" {
		return ""
	}
	for _, ext := range []string{".sql", ".js", ".cjs", ".mjs", ".ts", ".py", ".go", ".rb", ".php"} {
		if rest, ok := strings.CutSuffix(name, ext); ok && rest != "" {
			name = strings.TrimSuffix(strings.TrimSuffix(rest, ".up"), ".tx")
			break
		}
	}
	return name
}

// plain is a name without what tools do to it: Add_users, add-users, add users.
func plain(name string) string {
	return strings.ToLower(strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == ' ' || r == '.' }), "_"))
}

// find returns the file of an entry, or -1.
func (m *mapper) find(e Entry) int {
	if e.repeatable {
		return m.repeatable(e)
	}
	if m.h.Tool == Flyway {
		if i, ok := m.byDotted[e.ID]; ok {
			return i
		}
		return -1
	}
	for _, key := range []string{e.ID, stem(e.ID)} {
		if i, ok := m.byKey[key]; ok && i >= 0 && key != "" {
			return i
		}
	}
	if i, ok := m.byVersion[e.Version]; ok && (!e.named || plain(e.Name) == plain(m.files[i].Name)) {
		return i
	}
	if e.named && e.Version == 0 {
		if i, ok := m.byName[plain(e.Name)]; ok {
			return i
		}
	}
	return -1
}

func (m *mapper) repeatable(e Entry) int {
	return slices.IndexFunc(m.files, func(f File) bool {
		return f.Version == 0 && (plain(f.Name) == plain(e.Name) || f.Path != "" && f.base() == path.Base(e.File))
	})
}

// match notes that a file is applied.
func (m *mapper) match(i int, e Entry) {
	f := &m.files[i]
	if old := m.at[i]; old != nil && !old.Assumed {
		if old.Entry.ID != e.ID {
			m.refuse(f.Version, e.ID, "%s records both %s and %s, and both are %s; delete the row that should not be there", m.h, old.Entry.ID, e.ID, f)
		}
		return
	}
	m.at[i] = &Match{Version: f.Version, Name: f.Name, Entry: e}
}

// assume notes that the files before one are applied, as far as there is no
// record of them.
func (m *mapper) assume(before func(i int) bool) {
	for i := range m.files {
		if f := &m.files[i]; m.at[i] == nil && f.Version > 0 && before(i) {
			m.at[i] = &Match{Version: f.Version, Name: f.Name, Assumed: true}
		}
	}
}

func (m *mapper) refuse(version int64, id, format string, args ...any) {
	m.out.Refusals = append(m.out.Refusals, Problem{version, id, fmt.Sprintf(format, args...)})
}

// rows maps the histories that have a row for each migration, or one for the
// newest.
func (m *mapper) rows() {
	h := m.h
	var rest []Entry // of a project's own table
	undone := map[int]bool{}
	for _, e := range h.Entries {
		i := m.find(e)
		if h.Tool == Handwritten {
			i = m.byFile(e, i)
		}
		switch {
		case e.State == Failed:
			version := e.Version
			if i >= 0 {
				version = m.files[i].Version
				undone[i] = true
			}
			m.refuse(version, e.ID, "%s", m.cure(e))
		case e.State == RolledBack:
			if i >= 0 {
				undone[i] = true
			}
		case i >= 0 && h.Tool == Flyway && m.files[i].Checkpoint && e.State == Applied:
			m.standFor(i) // V2 was applied, and B2 is there
		case i >= 0:
			m.match(i, e)
			// It may be the number of the file, or how many have run.
			m.at[i].Assumed = m.at[i].Assumed || h.Tool == Handwritten && m.fromZero && e.File == ""
		case e.State == Baseline, e.repeatable:
			// It need not be of a file that is there.
		case len(m.files) > 0 && m.files[0].Checkpoint && !m.older(&m.files[0], e):
			m.standFor(0)
		case h.Tool == Handwritten && e.Version == 0:
			rest = append(rest, e)
		default:
			m.out.Unknown = append(m.out.Unknown, e)
		}
		if e.State == Baseline || h.Tool == GolangMigrate || h.Tool == Maragudk {
			m.assume(func(j int) bool { return i >= 0 && j < i || i < 0 && m.older(&m.files[j], e) })
		}
	}
	if len(rest) > 0 {
		m.dotted(rest)
	}
	m.checkpoints()
	if h.Tool == Bun {
		m.unsure()
	}
	if h.Tool == Handwritten {
		m.gaps(undone)
	}
}

// unsure follows Bun, which by default writes a migration's row before it runs it,
// leaves the row when that fails, and passes over the migration from then on. What
// functions did cannot be seen; they are believed, and so is all beside them.
func (m *mapper) unsure() {
	if slices.ContainsFunc(m.files, func(f File) bool { return f.Text == nil }) {
		return
	}
	for _, a := range m.at {
		if a != nil {
			a.Assumed = true
		}
	}
}

// standFor notes that the database has what a checkpoint does from files that
// were thrown away since, if its structure agrees.
func (m *mapper) standFor(i int) {
	if m.at[i] == nil {
		m.at[i] = &Match{Version: m.files[i].Version, Name: m.files[i].Name, Assumed: true}
	}
}

// older reports whether a file comes before an entry that has no file.
func (m *mapper) older(f *File, e Entry) bool {
	if m.h.Tool == Flyway {
		c, ok := compareDotted(f.dotted(), e.ID)
		return ok && c < 0
	}
	if m.h.Tool == Drizzle && e.Version == 0 { // all that a row has is the time
		return f.When > 0 && f.When < millis(e.At)
	}
	return e.Version > 0 && m.numberOf(f) < e.Version
}

// checkpoints follows Atlas: a new database begins at a checkpoint, which then
// stands for all before it; one that had those already leaves it out.
func (m *mapper) checkpoints() {
	newest := -1
	for i, a := range m.at {
		if a != nil {
			newest = i
		}
	}
	for i := range m.files {
		switch {
		case !m.files[i].Checkpoint:
		case m.at[i] != nil && !m.at[i].Assumed:
			m.assume(func(j int) bool { return j < i })
		case i < newest:
			m.assume(func(j int) bool { return j == i })
		}
	}
}

// cure says how a migration that has failed is put right with the tool.
func (m *mapper) cure(e Entry) string {
	h := m.h
	switch h.Tool {
	case GolangMigrate:
		before := int64(-1)
		for _, f := range m.files {
			if f.Version > 0 && f.Version < e.Version {
				before = f.Version
			}
		}
		if e.Version < 0 {
			return fmt.Sprintf("%s is dirty: golang-migrate did not finish the way down from the first migration; see what is left of it, repair that by hand, and run `migrate force V` with the version that the database is at then", h.Table)
		}
		return fmt.Sprintf("%s is dirty at version %d: golang-migrate did not finish it; see what is there of it, finish it by hand and run `migrate force %[2]d`, or undo it and run `migrate force %d`", h.Table, e.Version, before)
	case Flyway:
		return fmt.Sprintf("Flyway failed %sversion %s (%s); repair the database by hand, then run `flyway repair`", e.note, e.ID, e.File)
	case Atlas:
		return fmt.Sprintf("Atlas has applied %s of version %s; let `atlas migrate apply` finish it, or finish it by hand and run `atlas migrate set %[2]s`", e.note, e.ID)
	case Sqlx:
		return fmt.Sprintf("sqlx did not finish version %s; repair the database by hand, then delete its row from %s if it is undone, or set success = 1 if it is done", e.ID, h.Table)
	case Prisma:
		return fmt.Sprintf("Prisma did not finish %s; repair the database by hand, then run `prisma migrate resolve --applied %[1]s` if it is done, or `--rolled-back %[1]s` if it is undone", e.ID)
	}
	return fmt.Sprintf("%s says of %s that it is %s; repair the database by hand, then correct the row", h.Table, e.ID, cmp.Or(e.note, e.State.String()))
}
