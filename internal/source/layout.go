package source

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/near"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// A Layout is how one tool lays out a folder of migrations.
type Layout struct {
	Name string

	list func(*reader)
	// read marks what of a file runs, and complains; nil where all of it does.
	read func(*file)
	// filled is set where the tool refuses a script without a statement.
	filled bool
}

// layouts are all that there are; native is the first.
var layouts = []*Layout{
	{Name: "native", list: native, filled: true},
	{Name: "goose", list: listGoose, read: readGoose},
	{Name: "golang-migrate", list: listGolangMigrate},
	{Name: "dbmate", list: listDbmate, read: readDbmate},
	{Name: "sql-migrate", list: listSQLMigrate, read: readSQLMigrate},
	{Name: "flyway", list: listFlyway, read: readFlyway},
	{Name: "atlas", list: listAtlas, read: readAtlas},
	{Name: "sqlx", list: listSqlx, read: readSqlx},
	{Name: "refinery", list: listRefinery},
	{Name: "diesel", list: listDiesel, filled: true},
	{Name: "drizzle", list: listDrizzle, read: readDrizzle},
	{Name: "prisma", list: listPrisma},
	{Name: "rusqlite_migration", list: listRusqlite},
	{Name: "bun", list: listBun, read: readBun},
	{Name: "d1", list: listD1},
	{Name: "knex", list: listKnex},
}

// Native is the driver's own layouts, which are mixed freely in one folder.
var Native = layouts[0]

// ByName returns a layout.
func ByName(name string) (*Layout, error) {
	for _, l := range layouts {
		if l.Name == name {
			return l, nil
		}
	}
	names := Names()
	return nil, fmt.Errorf("there is no layout %q, only %s; did you mean %s?", name, strings.Join(names, ", "), near.Word(name, names))
}

// Names lists the layouts.
func Names() []string {
	names := make([]string, len(layouts))
	for i, l := range layouts {
		names[i] = l.Name
	}
	return names
}

func byName(name string) *Layout {
	l, err := ByName(name)
	if err != nil {
		panic(err)
	}
	return l
}

// ErrNone is the error of Find where there are no migrations.
var ErrNone = errors.New("no folder holds migrations such as 0001_create_users.sql; is the go:embed pattern right?")

// Find returns the folder that holds migrations: the root, or else the only one
// below it that does. The layout may be nil: any.
func Find(fsys fs.FS, layout *Layout) (string, error) {
	var found, others []string
	nested := true // all that is found is of a tool that looks into folders
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
		r := &reader{fsys: fsys, dir: p, entries: entries}
		if holds, inFolders := r.holds(layout); holds {
			found = append(found, p)
			nested = nested && inFolders
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
	if err != nil {
		return "", err
	}
	if len(found) == 0 && len(others) > 1 { // what is in them may tell
		for _, p := range others {
			if l, _ := Marked(fsys, p); l != nil {
				found, nested = append(found, p), false
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1 && nested:
		return common(found), nil
	case len(found) > 1:
		return "", fmt.Errorf("several folders hold migrations: %s; name one with Dir", strings.Join(found, ", "))
	case len(others) > 0:
		// Reading it says of each file what is wrong with its name.
		return others[0], nil
	}
	return "", ErrNone
}

// Holds reports whether a folder that Find has found holds migrations, and not
// just other files that end in .sql.
func Holds(fsys fs.FS, dir string, layout *Layout) bool {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return false
	}
	r := &reader{fsys: fsys, dir: dir, entries: entries}
	if holds, _ := r.holds(layout); holds {
		return true
	}
	marked, _ := Marked(fsys, dir)
	return marked != nil
}

// common returns the folder that all of them are in.
func common(dirs []string) string {
	parent := dirs[0]
	for _, d := range dirs[1:] {
		for parent != "." && d != parent && !strings.HasPrefix(d, parent+"/") {
			parent = path.Dir(parent)
		}
	}
	return parent
}

// holds reports whether the folder holds migrations of the layout, or of any,
// and whether the tool would also look into the folders in it.
func (r *reader) holds(layout *Layout) (holds, inFolders bool) {
	if layout != nil && layout != Native {
		layout.list(r)
		return r.looked > 0, false
	}
	if slices.ContainsFunc(r.entries, isMigration) {
		return true, false
	}
	if layout == Native {
		return false, false
	}
	s := r.signs()
	holds = s.sum+s.lock+s.journal+s.migration+s.diesel+s.rusqlite != "" || len(s.versioned) > 0
	return holds, len(s.versioned) > 0
}

// A Listing is a folder of migrations.
type Listing struct {
	Layout     *Layout
	Migrations []Migration // in the order in which they are applied: by version, then the repeatable ones by name
	// Paired is set where every script says by its name which direction it is.
	Paired bool
}

// List lists the migrations of a folder. It reports everything that is wrong,
// not just the first thing. The layout may be nil: then the folder's names tell
// it, and where they do not, its files. hasFunc says which versions are given as
// functions.
func List(fsys fs.FS, dir string, layout *Layout, hasFunc func(version int64) bool) (*Listing, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	r := &reader{fsys: fsys, dir: dir, entries: entries, hasFunc: hasFunc}
	found := layout
	if found == nil {
		// Most folders hold nothing but what is native.
		found = Native
		if native(r); r.others {
			if found, err = r.detect(); err != nil {
				return nil, err
			}
			if found == Native {
				r.unread()
			} else {
				r = &reader{fsys: fsys, dir: dir, entries: entries, hasFunc: hasFunc}
			}
		}
	}
	if layout != nil || found != Native {
		found.list(r)
	}
	l := &Listing{Layout: found, Paired: found == Native && r.paired}
	if l.Migrations, err = r.result(); err != nil {
		if found != Native && layout == nil {
			err = fmt.Errorf("%w\n(the folder looks like one of %s; if it is not, name its layout with Layout)", err, found.Name)
		}
		return nil, err
	}
	for i := range l.Migrations {
		if f := l.Migrations[i].Foreign; f != nil {
			f.layout = found
		}
	}
	return l, nil
}

// unread refuses migrations in other languages beside native ones: nobody would
// miss them before it is too late.
func (r *reader) unread() {
	for _, e := range r.entries {
		digits, name, language := code(e)
		switch language {
		case "Go", "Python", "JavaScript", "TypeScript":
		default:
			continue
		}
		version, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || version < 1 || r.hasFunc != nil && r.hasFunc(version) {
			continue
		}
		r.errorf("%s: a migration in %s cannot be read; %s, or say with Layout(\"native\") that it is none", r.path(e.Name()), language, asFunc(version, name))
	}
}

func asFunc(version int64, name string) string {
	return fmt.Sprintf("write it as SQL, or give what it does as Func(%d, %q, …)", version, name)
}

// languages are those in which tools let people write migrations.
var languages = map[string]string{
	".go": "Go", ".py": "Python", ".rs": "Rust", ".rb": "Ruby", ".java": "Java", ".class": "Java", ".kt": "Kotlin", ".groovy": "Groovy",
	".js": "JavaScript", ".mjs": "JavaScript", ".cjs": "JavaScript", ".coffee": "CoffeeScript",
	".ts": "TypeScript", ".mts": "TypeScript", ".cts": "TypeScript", ".sh": "shell", ".ps1": "PowerShell",
}

// code reads the name of a file in a programming language that begins with a
// number, as migrations do: 0007_add_prefs.js. The language is "" for others.
func code(e fs.DirEntry) (digits, name, language string) {
	base := e.Name()
	ext := path.Ext(base)
	if language = languages[ext]; language == "" || e.IsDir() || strings.HasSuffix(base, "_test.go") || strings.HasSuffix(base, ".d.ts") {
		return "", "", ""
	}
	digits, name = cutNumber(strings.TrimSuffix(base, ext))
	if digits == "" || name == digits || !strings.ContainsRune("_-.", rune(base[len(digits)])) {
		return "", "", ""
	}
	return digits, name, language
}

// cutNumber cuts the number in front of a name off. Where nothing is left, the
// name is the number.
func cutNumber(base string) (digits, name string) {
	n := 0
	for n < len(base) && base[n] >= '0' && base[n] <= '9' {
		n++
	}
	digits = base[:n]
	return digits, cmp.Or(strings.Trim(base[n:], "_-. "), digits)
}

// signs are what in a folder's names speaks for which tool: the first path of
// each kind.
type signs struct {
	native, down, tx    string
	sum, lock, journal  string
	migration, snapshot string // in a folder with a number: migration.sql, snapshot.json
	diesel, rusqlite    string // up.sql in such a folder
	sql                 string // another .sql file
	versioned           []versionedFile
}

func note(place *string, p string) {
	if *place == "" {
		*place = p
	}
}

// signs looks at the names of a folder, and into its folders only where they
// look like migrations.
func (r *reader) signs() (s signs) {
	for _, e := range r.entries {
		if hidden(e.Name()) {
			continue
		}
		p := r.path(e.Name())
		switch k, _, name := classify(e); {
		case k == repeatable: // Flyway's, too
		case k != other:
			note(&s.native, p)
			if k == down {
				note(&s.down, p)
			}
			if strings.HasSuffix(name, ".tx") {
				note(&s.tx, p)
			}
		case e.IsDir():
			r.folderSigns(&s, e.Name())
		case e.Name() == "atlas.sum":
			s.sum = p
		case e.Name() == "migration_lock.toml":
			s.lock = p
		default:
			if v, ok := versioned(p); ok {
				s.versioned = append(s.versioned, v)
			} else if strings.HasSuffix(p, ".sql") {
				note(&s.sql, p)
			}
		}
	}
	return s
}

func (r *reader) folderSigns(s *signs, name string) {
	p := r.path(name)
	if name == "meta" {
		// go:embed leaves the journal out where it is not told otherwise.
		snapshots, _ := fs.Glob(r.fsys, p+"/*_snapshot.json")
		if _, err := fs.Stat(r.fsys, p+"/_journal.json"); err == nil || len(snapshots) > 0 {
			s.journal = p + "/_journal.json"
		}
		return
	}
	if name[0] < '0' || name[0] > '9' {
		return
	}
	entries, err := fs.ReadDir(r.fsys, p)
	if err != nil {
		return // whoever reads the folder will say so
	}
	for _, e := range entries {
		file := p + "/" + e.Name()
		switch e.Name() {
		case "migration.sql":
			note(&s.migration, file)
		case "snapshot.json":
			note(&s.snapshot, file)
		case "up.sql":
			// diesel: 2024-01-31-101500_name; rusqlite_migration: 01-name
			if before, _, ok := strings.Cut(name, "_"); ok && isDigits(strings.ReplaceAll(before, "-", "")) {
				note(&s.diesel, file)
			} else if digits, _ := cutNumber(name); strings.HasPrefix(name[len(digits):], "-") {
				note(&s.rusqlite, file)
			}
		}
	}
}

// detect finds out whose folder it is.
func (r *reader) detect() (*Layout, error) {
	s := r.signs()
	switch {
	case s.sum != "" && s.down == "": // Atlas keeps a sum of other tools' folders, too
		if l, _ := Marked(r.fsys, r.dir); l != nil {
			return l, nil
		}
		return byName("atlas"), nil
	case s.journal != "":
		return byName("drizzle"), nil
	case s.lock != "":
		return byName("prisma"), nil
	case s.tx != "":
		return byName("bun"), nil
	}
	var names, because []string
	claim := func(p string, candidates ...string) {
		if p != "" {
			names, because = append(names, candidates...), append(because, p)
		}
	}
	claim(s.native, "native")
	if p, candidates := whose(r.versionedFiles()); p != "" {
		claim(p, candidates...)
	}
	switch {
	case s.migration == "":
	case s.snapshot != "":
		claim(s.migration, "drizzle")
	default:
		claim(s.migration, "prisma", "drizzle")
	}
	claim(s.diesel, "diesel")
	claim(s.rusqlite, "rusqlite_migration")
	switch {
	case len(names) > 1:
		return nil, fmt.Errorf("the folder %s may be laid out for %s (%s); say for which with Layout(%q) or _migrate_layout=%s",
			r.dir, or(names), strings.Join(because, ", "), names[0], names[0])
	case len(names) == 1 && (names[0] != "native" || s.sql == ""):
		return byName(names[0]), nil
	}
	if l, err := Marked(r.fsys, r.dir); l != nil || err != nil {
		return l, err
	}
	return Native, nil
}

func or(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}

// Marked tells by comments such as -- +goose Up whose files a folder holds. It
// returns nil where none has such a comment, and an error where some have, and
// others lack it.
func Marked(fsys fs.FS, dir string) (*Layout, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	r := &reader{fsys: fsys, dir: dir, entries: entries}
	var buf []byte
	tools := map[string]string{} // → the first file with its marker
	var first script.Marker
	var names, without []string
	for _, e := range entries {
		if e.IsDir() || hidden(e.Name()) || !strings.HasSuffix(e.Name(), ".sql") {
			continue
		}
		text, err := Read(fsys, r.path(e.Name()), &buf)
		if err != nil {
			return nil, err
		}
		sc := script.NewScanner(string(text))
		for sc.Marker().Tool == "" {
			if _, ok := sc.Next(); !ok {
				break
			}
		}
		switch m := sc.Marker(); {
		case m.Tool == "":
			without = append(without, e.Name())
		case tools[m.Tool] == "":
			tools[m.Tool] = fmt.Sprintf("%s:%d:%d: %s", r.path(e.Name()), m.Line, m.Column, m.Text)
			names = append(names, m.Tool)
			if first.Tool == "" {
				first = m
			}
		}
	}
	if len(names) == 0 || strings.HasSuffix(strings.ToLower(first.Text), "down") {
		return nil, nil // a file that begins with its end is nobody's
	}
	if len(names) > 1 {
		return nil, fmt.Errorf("the folder %s holds files of %s (%s, %s); a folder is of one tool: name it with Layout(%q) or move the others away",
			dir, or(names), tools[names[0]], tools[names[1]], names[0])
	}
	l := byName(names[0])
	odd := without[:0]
	for _, name := range without {
		if digits, _ := cutNumber(name); l.Name == "sql-migrate" || digits != "" && (l.Name == "dbmate" || strings.HasPrefix(name[len(digits):], "_")) {
			odd = append(odd, r.path(name))
		}
	}
	if len(odd) > 0 {
		return nil, fmt.Errorf("the folder %s is of %s (%s) or native, and not both: there is no such comment in %s; mark the sections of these, or split the others into .up.sql and .down.sql",
			dir, l.Name, tools[l.Name], first10(odd))
	}
	return l, nil
}

// first10 lists some of many.
func first10(names []string) string {
	if len(names) > 10 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:10], ", "), len(names)-10)
	}
	return strings.Join(names, ", ")
}

// A numbered is a migration whose name begins with a number.
type numbered struct {
	digits string // as written
	order  string // what its tool sorts by, as text; "" where it sorts by number
	path   string // of the file or folder, for people
	code   string // a language other than SQL
	Migration
	Foreign
	number int64
}

// number makes versions of the numbers in names, such that they have the tool's
// order, and that a file has the same version whatever files there are beside
// it. The one exception are folders that count from 0: there they count from 1.
// Where a tool orders by text, a date without a time is before the times of its
// day (20240313 < 20240313170000) and behind those of the day before, and so it
// is filled up to the length of one with a time.
func (r *reader) number(list []numbered) {
	r.looked += len(list)
	fromZero := false
	good := list[:0]
	for _, n := range list {
		var err error
		if n.number, err = strconv.ParseInt(n.digits, 10, 64); err != nil {
			r.errorf("%s: the number %q is not between 0 and %d", n.path, n.digits, int64(1<<63-1))
			continue
		}
		if l := len(n.digits); n.order != "" && (l == 8 || l == 10 || l == 12) && (n.digits[:2] == "19" || n.digits[:2] == "20") {
			for ; l < len("20060102150405"); l++ {
				n.number *= 10
			}
		}
		fromZero = fromZero || n.number == 0
		good = append(good, n)
	}
	slices.SortStableFunc(good, func(a, b numbered) int {
		return cmp.Or(strings.Compare(a.order, b.order), cmp.Compare(a.number, b.number))
	})
	for i := range good {
		n := &good[i]
		if n.Version = n.number; fromZero && n.number < timestamps {
			n.Version++
		}
		if i > 0 {
			switch before := &good[i-1]; {
			case n.number == before.number:
				r.errorf("%s: the number %d stands in %s already; give one of them another", n.path, n.number, before.path)
			case n.number < before.number:
				r.errorf("%s: comes after %s in the order of names, and before it in the order of numbers; versions are numbers here: write those of the folder with the same number of digits", n.path, before.path)
			}
		}
		switch {
		case n.code == "":
			n.Migration.Foreign = &n.Foreign
			r.found = append(r.found, n.Migration)
		case r.hasFunc == nil || !r.hasFunc(n.Version):
			r.errorf("%s: a migration in %s cannot be read; %s", n.path, n.code, asFunc(n.Version, n.Name))
		}
	}
}

// timestamps are numbers from here on. Smaller ones count migrations.
const timestamps = 10_000_000
