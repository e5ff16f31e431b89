package adopt

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
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
	// Checkpoint says that it stands for all before it (Atlas).
	Checkpoint bool
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
	// at a baseline. Whether it is there is to be seen in the structure of the
	// database.
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
	for _, a := range m.at {
		if a != nil {
			m.out.Applied = append(m.out.Applied, *a)
		}
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
	for i := range m.files {
		f := &m.files[i]
		add(m.byKey, f.ID, i)
		add(m.byKey, f.base(), i)
		add(m.byKey, stem(f.base()), i)
		add(m.byName, plain(f.Name), i)
		if f.Version > 0 {
			m.byVersion[f.Version] = i
			add(m.byDotted, f.dotted(), i)
		}
	}
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
		case i >= 0:
			m.match(i, e)
		case e.State == Baseline:
			// It need not be of a file that is there.
		case h.Tool == Handwritten && e.Version == 0:
			rest = append(rest, e)
		default:
			m.out.Unknown = append(m.out.Unknown, e)
		}
		if e.State == Baseline || h.Tool == GolangMigrate || h.Tool == Maragudk {
			m.assume(func(j int) bool { return i >= 0 && j < i || i < 0 && m.files[j].older(e, h.Tool) })
		}
	}
	if len(rest) > 0 {
		m.dotted(rest)
	}
	m.checkpoints()
	if h.Tool == Handwritten {
		m.gaps(undone)
	}
}

// older reports whether a file comes before an entry that has no file.
func (f *File) older(e Entry, tool Tool) bool {
	if tool == Flyway {
		c, ok := compareDotted(f.dotted(), e.ID)
		return ok && c < 0
	}
	return e.Version > 0 && f.Version < e.Version
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

// gaps looks at a project's own table of versions. What is older than the first
// that it records was there before it, or was never written down since it keeps
// only the newest. What is missing in between was skipped.
func (m *mapper) gaps(undone map[int]bool) {
	first, last := -1, -1
	for i, a := range m.at {
		if a != nil && a.Version > 0 {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if !m.h.candidate.columns.hasAll("version") {
		return // of names, in no order
	}
	m.assume(func(i int) bool { return i < first && !undone[i] })
	for i := first + 1; i < last; i++ {
		if m.at[i] == nil && !undone[i] && m.files[i].Version > 0 {
			m.out.Skipped = append(m.out.Skipped, m.files[i].Version)
		}
	}
}

// byFile takes the file that a project's own table names, if it does, before
// the version that it gives.
func (m *mapper) byFile(e Entry, byVersion int) int {
	if e.File == "" || e.File == e.ID {
		return byVersion
	}
	i, ok := m.byKey[e.File]
	if !ok {
		i, ok = m.byKey[stem(e.File)]
	}
	if !ok {
		_, name := leading(stem(e.File))
		i, ok = m.byName[plain(name)]
	}
	switch {
	case !ok || i < 0:
		return byVersion
	case byVersion >= 0 && byVersion != i:
		m.refuse(m.files[byVersion].Version, e.ID, "%s records version %s with the file %s: by the version that is %s, by the file it is %s; give the files the versions that they had, or say with _migrate_baseline which version the database is at",
			m.h.Table, e.ID, e.File, &m.files[byVersion], &m.files[i])
	}
	return i
}

// dotted maps versions such as 1.0.0, which are no numbers, if there is but one
// way to do so: 2.0.0 is version 2, and the second of two rows is the second
// migration.
func (m *mapper) dotted(rest []Entry) {
	all := slices.DeleteFunc(slices.Clone(m.h.Entries), func(e Entry) bool { return e.State != Applied })
	slices.SortStableFunc(all, func(a, b Entry) int {
		c, _ := compareDotted(strings.TrimLeft(a.ID, "vV"), strings.TrimLeft(b.ID, "vV"))
		return c
	})
	for _, e := range rest {
		parts := strings.Split(strings.TrimLeft(e.ID, "vV"), ".")
		if slices.ContainsFunc(parts, func(p string) bool { return !digits(p) }) || len(parts) < 2 {
			m.out.Unknown = append(m.out.Unknown, e)
			continue
		}
		byNumber, byOrder := -1, -1
		if strings.Trim(strings.Join(parts[1:], ""), "0") == "" {
			if i, ok := m.byVersion[number(parts[0])]; ok {
				byNumber = i
			}
		}
		place := slices.IndexFunc(all, func(other Entry) bool { return other.ID == e.ID })
		if place < len(m.files) && m.files[place].Version > 0 {
			byOrder = place
		}
		switch {
		case byNumber >= 0 && byNumber == byOrder, byNumber < 0 && byOrder >= 0 && len(all) > 1:
			m.match(byOrder, e)
			if a := m.at[byOrder]; a.Entry.ID == e.ID {
				a.Assumed = true
			}
		case byNumber >= 0 && byOrder >= 0:
			m.refuse(0, e.ID, "%s records version %s, which can be read in two ways: as a number it is %s, as the %s of its rows it is %s; say with _migrate_baseline which version the database is at",
				m.h.Table, e.ID, &m.files[byNumber], ordinal(place+1), &m.files[byOrder])
		case byOrder >= 0:
			m.refuse(0, e.ID, "%s records version %s and no other, which can be read in two ways: it is the first migration, %s, or the newest of several that are not recorded; say with _migrate_baseline which version the database is at",
				m.h.Table, e.ID, &m.files[byOrder])
		default:
			m.refuse(0, e.ID, "%s records version %s, which is none of the program's migrations; say with _migrate_baseline which version the database is at", m.h.Table, e.ID)
		}
	}
}

func ordinal(n int) string {
	switch {
	case n%10 == 1 && n%100 != 11:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2 && n%100 != 12:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3 && n%100 != 13:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
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

// userVersion maps a number that is one of two things: how many scripts have
// run (zombiezen's sqlitemigration, rusqlite_migration), or a version.
func (m *mapper) userVersion() {
	e := m.h.Entries[0]
	n := e.Version
	versioned, upTo := int64(0), int64(0)
	consecutive := true
	for _, f := range m.files {
		if f.Version == 0 {
			continue
		}
		versioned++
		consecutive = consecutive && f.Version == versioned
		if f.Version <= n {
			upTo++
		}
	}
	_, isVersion := m.byVersion[n]
	// Nobody has a hundred thousand scripts: that is a date.
	isDate := n >= 100_000 && isVersion
	switch {
	case consecutive && n > versioned:
		m.out.Unknown = append(m.out.Unknown, e)
	case consecutive, isDate, isVersion && upTo == n:
	case isVersion && n <= versioned:
		m.refuse(n, e.ID, "user_version is %d, which can be read in two ways: %[1]d scripts have run, the last of them %s, or it is the version of %s; say with _migrate_baseline which version the database is at",
			n, m.nth(n), &m.files[m.byVersion[n]])
		return
	case n <= versioned:
		m.refuse(n, e.ID, "user_version is %d, which no migration has; if it means that %[1]d scripts have run, then the last of them is %s: say so with _migrate_baseline=%d", n, m.nth(n), m.nth(n).Version)
		return
	case isVersion:
		m.refuse(n, e.ID, "user_version is %d, which can be read in two ways: it is the version of %s, or %[1]d scripts have run and the program knows only %[3]d; say with _migrate_baseline which version the database is at",
			n, &m.files[m.byVersion[n]], versioned)
		return
	default:
		m.refuse(n, e.ID, "user_version is %d, which no migration has, and the program has only %d of them; say with _migrate_baseline which version the database is at", n, versioned)
		return
	}
	m.assume(func(i int) bool { return m.files[i].Version <= n })
}

// nth returns the n-th versioned file, from 1.
func (m *mapper) nth(n int64) *File {
	for i := range m.files {
		if m.files[i].Version > 0 {
			n--
		}
		if n == 0 {
			return &m.files[i]
		}
	}
	return &File{}
}

// drizzle maps rows that have a hash and a time. The time is that of the
// journal, and all that Drizzle looks at: it runs nothing that is older than
// the newest. A script that marks an older database as migrated may have
// written the tag for the hash, and the time at which it ran for the time,
// which then says nothing.
func (m *mapper) drizzle() error {
	d := drizzle{mapper: m, hashes: map[string][]int{}, whens: map[int64]int{}}
	for i, f := range m.files {
		if f.When > 0 {
			d.whens[f.When] = i
		}
		if f.Text == nil {
			continue
		}
		text, err := f.Text()
		if err != nil {
			return err
		}
		for _, v := range variants(text) {
			if sum := sha256Hex(v); !slices.Contains(d.hashes[sum], i) {
				d.hashes[sum] = append(d.hashes[sum], i)
			}
		}
	}
	newest := int64(0) // of the times that Drizzle goes by
	for _, e := range m.h.Entries {
		i := d.find(e)
		if i < 0 {
			m.out.Unknown = append(m.out.Unknown, e)
			newest = max(newest, millis(e.At))
			continue
		}
		if d.timed(i, e) {
			newest = max(newest, millis(e.At))
		}
		if m.at[i] == nil { // a row may be there twice
			m.match(i, e)
			m.at[i].Verified = slices.Contains(d.hashes[e.Checksum], i)
		}
	}
	if m.h.candidate.columns.hasAll("name") {
		return nil // Drizzle 1.0 runs whatever it has no record of
	}
	last := -1
	for i, a := range m.at {
		if a != nil {
			last = i
		}
	}
	for i := range m.files {
		f := &m.files[i]
		if m.at[i] == nil && f.Version > 0 && (f.When > 0 && f.When <= newest || i < last && (f.When == 0 || newest == 0)) {
			m.out.Skipped = append(m.out.Skipped, f.Version)
		}
	}
	return nil
}

type drizzle struct {
	*mapper
	hashes map[string][]int // files by their text's checksum, with any line ending
	whens  map[int64]int
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// timed reports whether a row has the time of a file. A folder's name has no
// more than seconds.
func (d *drizzle) timed(i int, e Entry) bool {
	when, ms := d.files[i].When, millis(e.At)
	return ms > 0 && (when == ms || when%1000 == 0 && when/1000 == ms/1000)
}

// find returns the file of a row, or -1: by the name that Drizzle 1.0 writes,
// by the text, by the time if the text was edited since or is not recorded,
// by the tag.
func (d *drizzle) find(e Entry) int {
	if i, ok := d.byKey[e.Name]; ok && e.Name != "" && i >= 0 {
		return i
	}
	same := d.hashes[e.Checksum]
	for _, i := range same {
		if d.timed(i, e) {
			return i
		}
	}
	for _, i := range same {
		if d.at[i] == nil {
			return i
		}
	}
	if i, ok := d.whens[millis(e.At)]; ok {
		return i
	}
	for i := range d.files {
		if d.timed(i, e) {
			return i
		}
	}
	if i, ok := d.byKey[stem(e.Checksum)]; ok && e.Checksum != "" {
		return i
	}
	return -1
}

// verify compares the checksums that the tool has recorded.
func (m *mapper) verify() error {
	if m.h.Tool == Atlas {
		return m.verifyAtlas()
	}
	for i, a := range m.at {
		if a == nil || a.Entry.Checksum == "" || m.files[i].Text == nil {
			continue
		}
		sum := m.sum(a.Entry)
		if sum == nil {
			continue
		}
		text, err := m.files[i].Text()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(variants(text), func(v []byte) bool { return slices.Contains(sum(v), a.Entry.Checksum) }) {
			a.Verified = true
			continue
		}
		if m.files[i].Version == 0 {
			m.at[i] = nil // a repeatable one is applied again
			continue
		}
		m.changed(i, a.Entry, sum(text)[0])
	}
	return nil
}

func (m *mapper) changed(i int, e Entry, found string) {
	f := &m.files[i]
	m.out.Changed = append(m.out.Changed, Problem{f.Version, e.ID, fmt.Sprintf("%s was edited after %s had applied it: the recorded checksum is %s, the file's is %s, and no other line ending makes a difference; put the text back as it was and make the change in a new migration",
		f, m.h.Tool, short(e.Checksum), short(found))})
}

func short(sum string) string {
	if len(sum) > 20 {
		return sum[:16] + "…"
	}
	return sum
}

// sum returns what the tool's checksum of a text may be, or nil if it has none
// that is to be verified.
func (m *mapper) sum(e Entry) func(text []byte) []string {
	one := func(f func([]byte) string) func([]byte) []string {
		return func(text []byte) []string { return []string{f(text)} }
	}
	switch m.h.Tool {
	case Flyway:
		return one(flywaySum)
	case Sqlx:
		return one(sqlxSum)
	case Refinery:
		return func(text []byte) []string {
			sums := refinerySums(e.Name, e.Version, text)
			return sums[:]
		}
	case Prisma:
		if len(e.Checksum) != 64 {
			return one(unpaddedSHA256)
		}
		return one(sha256Hex)
	case Adlio:
		return one(md5Hex)
	case Handwritten:
		// What is no SHA-256 is a placeholder, for rows that were filled in later.
		if len(e.Checksum) != 64 || strings.Trim(e.Checksum, "0123456789abcdef") != "" {
			return nil
		}
		return func(text []byte) []string {
			// A migration that was code when it was applied has that of its name.
			code := fmt.Sprintf("migrate_to_v%d:%s", e.Version, e.Name)
			return []string{sha256Hex(text), sha256Hex(bytes.TrimSpace(text)), sha256Hex([]byte(code))}
		}
	}
	return nil
}

// verifyAtlas compares the lines of atlas.sum. Since each is of all files up
// to it, one that was applied out of order makes those behind it differ: they
// may also be of the files that had been applied by then. Behind the first that
// is changed nothing can be said of the others.
func (m *mapper) verifyAtlas() error {
	order := make([]int, 0, len(m.files))
	for i, f := range m.files {
		if f.Path != "" && f.Text != nil {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(m.files[i].base(), m.files[j].base()) })
	names, texts := make([]string, len(order)), make([][]byte, len(order))
	for k, i := range order {
		text, err := m.files[i].Text()
		if err != nil {
			return err
		}
		names[k], texts[k] = m.files[i].base(), text
	}
	endings := make([][][]byte, len(variants(nil)))
	for _, text := range texts {
		for v, t := range variants(text) {
			endings[v] = append(endings[v], t)
		}
	}
	for k, i := range order {
		a := m.at[i]
		if a == nil || a.Entry.Checksum == "" {
			continue
		}
		earlier := func(j int) bool {
			b := m.at[order[j]]
			return b != nil && (b.Assumed || !b.Entry.At.After(a.Entry.At))
		}
		found := ""
		for _, texts := range endings {
			all := atlasSums(names[:k+1], texts[:k+1])[k]
			found = cmp.Or(found, all)
			var someNames []string
			var some [][]byte
			for j := range k + 1 {
				if j == k || earlier(j) {
					someNames, some = append(someNames, names[j]), append(some, texts[j])
				}
			}
			if part := atlasSums(someNames, some); all == a.Entry.Checksum || part[len(part)-1] == a.Entry.Checksum {
				a.Verified = true
				break
			}
		}
		if !a.Verified && found != "" {
			f := &m.files[i]
			m.out.Changed = append(m.out.Changed, Problem{f.Version, a.Entry.ID, fmt.Sprintf("%s, or a file before it, was edited, added or removed after Atlas had applied it: the recorded line of atlas.sum is %s, now it would be %s; put the files back as they were and make the change in a new migration",
				f, short(a.Entry.Checksum), short(found))})
			return nil
		}
	}
	return nil
}
