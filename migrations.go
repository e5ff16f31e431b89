package migratingsqlite

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/migratingsqlite/migratingsqlite/internal/near"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
	"github.com/migratingsqlite/migratingsqlite/internal/source"
)

// A Set is the migrations of one program or library, in the order in which
// they are applied. Its name stands in the database; a program that renames
// its set loses its history. A Set does not change and may be used from any
// number of goroutines.
type Set struct {
	name       string
	dir        string
	layout     *source.Layout // of that folder; nil without one
	paired     bool           // every file says which direction it is
	migrations []Migration    // by version, then the repeatable ones by name
	digest     string         // of all of them

	// What it was loaded from, to load it by another layout.
	fsys fs.FS
	opts []SetOption
}

// A Migration is one step of a [Set].
type Migration struct {
	// Version is above 0, a sequence number or a timestamp, and unique in its
	// set. Repeatable migrations, which are applied again after the versioned
	// ones whenever they have changed, have version 0 and a unique name.
	Version int64
	// Name is what the file's name says without its version.
	Name string
	// File is the script's path in the set's file system, "" for a [Func].
	File string
	// Checksum is "sha256:" and the hexadecimal SHA-256 of the script, without
	// a byte order mark and with CRLF as LF; "func" for a [Func]. Of a file with
	// both directions ([Layout] "goose", "dbmate", "sql-migrate") the script is the
	// up section.
	Checksum string

	fsys             fs.FS // of the files
	downFile         string
	metadataFile     string
	foreign          *source.Foreign // what another tool's layout says of it; nil in the native ones
	scripts          *scripts        // once they are needed
	upFunc, downFunc MigrateFunc
	compatible       verdict
	manner           manner
	squashed         *squash // nil for most
}

// manner is how a migration is applied. The scripts of all but the first kind
// say so by a directive, and make the upgrade one of several transactions.
type manner int8

const (
	inTransaction manner = iota
	noTransaction        // statement by statement, outside of a transaction where it has to be
	inBatches            // each statement again and again, until it changes no row
)

// directives are the words of comments that say something about a migration.
var directives = map[string]struct {
	compatible verdict
	manner     manner
}{
	"compatible":     {compatible: statedCompatible},
	"breaking":       {compatible: statedBreaking},
	"no-transaction": {manner: noTransaction},
	"batch":          {manner: inBatches},
}

// scripts are the texts of a migration's files. A set does not keep them: most
// have been applied long ago, and will not be needed.
type scripts struct{ up, down, metadata string }

// verdict is what a script says of itself by a directive.
type verdict int8

const (
	inferred verdict = iota
	statedCompatible
	statedBreaking
)

// String returns "0007_add_prefs", or "R__views" for a repeatable migration.
func (m Migration) String() string { return label(m.Version, m.Name) }

func label(version int64, name string) string {
	if version == 0 {
		return "R__" + name
	}
	return fmt.Sprintf("%04d_%s", version, name)
}

// Compatible reports whether code that does not know the migration can go on
// working after it: it only adds to the schema, in a way that can make no
// statement of older code fail, or its script says so by
// `-- migratingsqlite: compatible`. A [Func] is not.
func (m Migration) Compatible() bool {
	if m.compatible != inferred || m.upFunc != nil {
		return m.compatible == statedCompatible
	}
	if err := m.read(); err != nil {
		return false
	}
	statements, err := script.Split(m.scripts.up)
	return err == nil && script.Compatible(statements)
}

// DownFile is the path of the file with the down script, "" where there is none.
// It is File where that has both directions.
func (m Migration) DownFile() string { return m.downFile }

// SQL returns the texts of the migration's scripts, "" where there is none: a
// [Func] has neither. Of a file with both directions they are its sections. The
// error is that of reading the files, which must be as they were when the set was
// loaded.
func (m Migration) SQL() (up, down string, err error) {
	if err := m.read(); err != nil || m.scripts == nil {
		return "", "", err
	}
	return m.scripts.up, m.scripts.down, nil
}

// read reads the scripts, which must be as they were when the set was loaded.
func (m *Migration) read() error {
	if m.scripts != nil || m.File == "" {
		return nil
	}
	var s scripts
	var now string
	var buf []byte
	for _, f := range []struct {
		name string
		text *string
	}{{m.File, &s.up}, {m.downFile, &s.down}, {m.metadataFile, &s.metadata}} {
		if f.name == "" {
			continue
		}
		text, err := source.Read(m.fsys, f.name, &buf)
		if err != nil {
			return err
		}
		if m.foreign != nil && f.text != &s.metadata {
			read := m.foreign.Script(text, f.text == &s.down)
			if text = read.Text; f.text == &s.up {
				now = hexSum(read.Sum)
			}
		} else if f.text == &s.up {
			now = checksum(text)
		}
		*f.text = string(text)
	}
	if now != m.Checksum {
		return fmt.Errorf("%s was edited while the program runs: its checksum is %s and was %s; start the program again", m.File, short(now), short(m.Checksum))
	}
	m.scripts = &s
	return nil
}

// Tx is what a Go migration works with: the methods of [sql.Conn] that run
// statements, inside the transaction of the upgrade. It must not be used after
// the migration has returned, nor from two goroutines at once.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// MigrateFunc is a migration written in Go. It works in the transaction of the
// whole upgrade: an error or a panic undoes all of it, and COMMIT and ROLLBACK
// are refused. What it does outside the database is not undone, and is done
// again by the next attempt. The context ends when the database is closed.
type MigrateFunc func(ctx context.Context, tx Tx) error

// A SetOption says how a set is loaded.
type SetOption func(*setConfig) error

type setConfig struct {
	dir    string
	hasDir bool
	layout *source.Layout // nil: whatever the folder looks like
	funcs  []Migration
}

func (c *setConfig) hasFunc(version int64) bool {
	return slices.ContainsFunc(c.funcs, func(f Migration) bool { return f.Version == version })
}

// Dir names the folder in the file system that holds the migrations. Without
// it that is the root, or the only folder below it that holds migrations.
func Dir(path string) SetOption {
	return func(c *setConfig) error {
		if !fs.ValidPath(path) {
			return fmt.Errorf("Dir(%q): wants a path as io/fs has them: no leading or trailing slash, no dots", path)
		}
		c.dir, c.hasDir = path, true
		return nil
	}
}

// Layout says which tool's folder it is that holds the migrations: "native",
// "goose", "golang-migrate", "dbmate", "sql-migrate", "flyway", "atlas", "sqlx",
// "refinery", "diesel", "drizzle", "prisma", "rusqlite_migration", "bun", "d1" or
// "knex". Without it the folder's names tell, and where they do not, its files;
// what remains open is an error that lists the candidates. It is _migrate_layout
// in a DSN.
func Layout(name string) SetOption {
	return func(c *setConfig) (err error) {
		c.layout, err = source.ByName(name)
		return err
	}
}

// Func adds a migration written in Go. It takes its place among the files by
// its version. down undoes it, and may be nil. Since a function has no text to compare, its
// checksum is "func", and what it does must not change once it is released.
//
// With the version and the name of a file, the two are one migration: the
// script runs, and then the function, in the same transaction. The checksum is
// the script's. Let the script make the structure, and the function fill it:
// a database without a history is recognised by its structure, for which no
// function is called. On the way back down runs first, and then the down script;
// one of the two is enough.
func Func(version int64, name string, up, down MigrateFunc) SetOption {
	return func(c *setConfig) error {
		switch {
		case version < 1:
			return fmt.Errorf("Func(%d, %q): the version must be above 0", version, name)
		case name == "":
			return fmt.Errorf("Func(%d): the name is empty", version)
		case up == nil:
			return fmt.Errorf("Func(%d, %q): the up function is nil", version, name)
		}
		c.funcs = append(c.funcs, Migration{
			Version: version, Name: name, Checksum: "func", upFunc: up, downFunc: down,
		})
		return nil
	}
}

// Load reads and checks a set. Everything that is wrong with it is reported at
// once; the error matches [ErrMalformed] and, where a script is at fault, a
// [*MigrationError] with its position. fsys may be nil for a set of [Func]s. Its
// files are read from several goroutines at once and not kept: an upgrade reads
// those that it needs again, and they must be as they were.
func Load(name string, fsys fs.FS, opts ...SetOption) (*Set, error) {
	if name == ownSet {
		return nil, malformedSet(name, errors.New("this name is the driver's own"))
	}
	return load(name, fsys, opts...)
}

func load(name string, fsys fs.FS, opts ...SetOption) (*Set, error) {
	if name == "" || strings.ContainsAny(name, ",\x00") {
		return nil, malformedSet(name, errors.New("the name of a set must not be empty or hold a comma"))
	}
	var c setConfig
	for _, opt := range opts {
		if err := opt(&c); err != nil {
			return nil, malformedSet(name, err)
		}
	}
	s := &Set{name: name, fsys: fsys, opts: opts}
	looks, err := s.load(c)
	if c.layout != nil || s.layout != source.Native {
		return s.orMalformed(err)
	}
	// The names are native, which those of other tools can be as well.
	switch {
	case looks == marked:
		layout, markedErr := source.Marked(fsys, s.dir)
		if markedErr != nil {
			return nil, malformedSet(name, markedErr)
		}
		if layout != nil {
			c.layout = layout
			_, err = s.load(c)
		}
	case looks == likeSqlx:
		return s.otherwise("sqlx", c, err)
	case err != nil && s.paired: // golang-migrate lets a script begin and commit a transaction
		return s.otherwise("golang-migrate", c, err)
	}
	return s.orMalformed(err)
}

// otherwise loads a set by another layout. Where that is no better, the error is
// that of the first.
func (s *Set) otherwise(layout string, c setConfig, err error) (*Set, error) {
	c.layout, _ = source.ByName(layout)
	t := &Set{name: s.name, fsys: s.fsys, opts: s.opts}
	if _, otherErr := t.load(c); otherErr == nil {
		return t, nil
	}
	return s.orMalformed(err)
}

func (s *Set) orMalformed(err error) (*Set, error) {
	if err != nil {
		return nil, malformedSet(s.name, err)
	}
	return s, nil
}

// look is what in a script speaks for another layout than its own.
type look int32

const (
	native   look = iota
	likeSqlx      // it begins with sqlx's directive
	marked        // it has goose's markers, or dbmate's, or sql-migrate's
)

// load lists and checks the migrations.
func (s *Set) load(c setConfig) (look, error) {
	if s.fsys != nil {
		if err := s.listFiles(c); err != nil {
			return native, err
		}
	}
	if err := s.addFuncs(c.funcs); err != nil {
		return native, err
	}
	if len(s.migrations) == 0 {
		return native, errors.New("it has no migrations")
	}
	errs := make([]error, len(s.migrations))
	looks := make([]look, len(s.migrations))
	inParallel(len(s.migrations), func(i int, buf *[]byte) {
		if m := &s.migrations[i]; m.File != "" {
			looks[i], errs[i] = s.check(m, buf)
		}
	})
	s.digest = digest(s.migrations)
	return slices.Max(looks), errors.Join(append(errs, s.checkSquash())...)
}

// inParallel calls f with 0 to n-1, on all processors where there is enough to
// do: reading a thousand files is most of what a program spends on an
// up-to-date database. Calls that follow each other share a buffer.
func inParallel(n int, f func(i int, buf *[]byte)) {
	const chunk = 32 // about what a goroutine takes to start
	var next atomic.Int64
	work := func() {
		var buf []byte
		for from := int(next.Add(chunk)) - chunk; from < n; from = int(next.Add(chunk)) - chunk {
			for i := from; i < min(from+chunk, n); i++ {
				f(i, &buf)
			}
		}
	}
	var helpers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0)-1, n/chunk/2) {
		helpers.Go(work)
	}
	work()
	helpers.Wait()
}

func (s *Set) listFiles(c setConfig) (err error) {
	if s.dir = c.dir; !c.hasDir {
		s.dir, err = source.Find(s.fsys, c.layout)
		if errors.Is(err, source.ErrNone) && len(c.funcs) > 0 {
			return nil // there may be files later
		}
		if err != nil {
			return err
		}
	}
	found, err := source.List(s.fsys, s.dir, c.layout, c.hasFunc)
	if err != nil {
		return err
	}
	s.layout, s.paired = found.Layout, found.Paired
	s.migrations = make([]Migration, len(found.Migrations), len(found.Migrations)+len(c.funcs))
	for i, f := range found.Migrations {
		s.migrations[i] = Migration{
			Version: f.Version, Name: f.Name, fsys: s.fsys, File: f.Up, downFile: f.Down, metadataFile: f.Metadata, foreign: f.Foreign,
		}
	}
	return nil
}

func checksum(text []byte) string { return hexSum(sha256.Sum256(text)) }

func hexSum(sum [sha256.Size]byte) string {
	text := append(make([]byte, 0, len("sha256:")+2*len(sum)), "sha256:"...)
	return string(hex.AppendEncode(text, sum[:]))
}

func (s *Set) addFuncs(funcs []Migration) error {
	for _, f := range funcs {
		switch other := s.find(f.Version); {
		case other == nil:
			s.migrations = append(s.migrations, f)
		case other.upFunc != nil:
			return fmt.Errorf("Func(%d, %q): version %d is %s already", f.Version, f.Name, f.Version, other)
		case other.Name != f.Name:
			return fmt.Errorf("Func(%d, %q): version %d is %s already; give the function another version, or the name %s if it is to run after that script",
				f.Version, f.Name, f.Version, other.File, quote(other.Name))
		default:
			other.upFunc, other.downFunc = f.upFunc, f.downFunc
		}
	}
	if len(funcs) > 0 {
		slices.SortStableFunc(s.migrations, func(a, b Migration) int {
			if (a.Version == 0) != (b.Version == 0) {
				return cmp.Compare(b.Version, a.Version) // repeatable ones last
			}
			return cmp.Compare(a.Version, b.Version)
		})
	}
	return nil
}

// check reads a migration's files, refuses scripts that cannot do what they
// say, and takes directives. It looks at every script at every start of a
// program, so it hashes and scans it, and keeps nothing of it.
func (s *Set) check(m *Migration, buf *[]byte) (look, error) {
	up, err := s.checkScript(m, m.File, false, buf)
	if err != nil {
		return native, err
	}
	m.Checksum, m.manner = up.checksum, up.manner
	for _, d := range up.directives {
		says := directives[d.Word]
		why := faultOf(d)
		switch {
		case why != nil:
		case d.Word == directiveSquashed:
			why = m.squash(d.Args, d.Line, d.Column)
		case m.compatible*says.compatible != 0 && m.compatible != says.compatible:
			why = errors.New("a migration is compatible or breaking, not both")
		case m.manner*says.manner != 0 && m.manner != says.manner:
			why = errors.New("a migration is no-transaction or batch, not both: a batch is many transactions")
		}
		if why != nil {
			up.faults = append(up.faults, s.malformed(m, m.File, d.Line, d.Column, "", why))
			continue
		}
		m.compatible, m.manner = max(m.compatible, says.compatible), max(m.manner, says.manner)
	}
	if m.upFunc != nil && m.manner != inTransaction {
		up.faults = append(up.faults, s.malformed(m, m.File, 1, 1, "", fmt.Errorf("Func(%d, %q) is to run after it, in the same transaction, and it is not to be in one; give the function a version of its own", m.Version, m.Name)))
	}
	err = inLineOrder(up.faults)
	if m.downFile == "" {
		return up.look, err
	}
	down, downErr := s.checkScript(m, m.downFile, true, buf)
	if downErr == nil {
		for _, d := range down.directives {
			why := faultOf(d)
			if why == nil && d.Word == directiveSquashed {
				why = errors.New("this directive belongs into the up script")
			}
			if why != nil {
				down.faults = append(down.faults, s.malformed(m, m.downFile, d.Line, d.Column, "", why))
			}
		}
		// A file that holds both ways may have been told of the same fault.
		said := func(f *MigrationError) bool {
			return slices.ContainsFunc(up.faults, func(g *MigrationError) bool { return g.Error() == f.Error() })
		}
		downErr = inLineOrder(slices.DeleteFunc(down.faults, said))
	}
	if m.foreign != nil && down.empty {
		m.downFile = "" // there is no such section, or nothing in it
	}
	return max(up.look, down.look), errors.Join(err, downErr)
}

// faultOf says what is wrong with a directive by itself.
func faultOf(d script.Directive) error {
	_, known := directives[d.Word]
	switch {
	case d.Word == directiveUnless:
		_, err := parseThing(d.Args)
		return err
	case d.Word == script.Nolint: // a newer tool may have codes that this program does not know
		_, err := d.Codes()
		return err
	case !known && d.Word != directiveSquashed:
		return fmt.Errorf("unknown directive %s; did you mean %s?", quote(d.Word), near.Word(d.Word, append(keys(directives), directiveUnless, directiveSquashed, script.Nolint)))
	case !d.Leading:
		return errors.New("this directive must come before the first statement")
	case d.Args != "" && d.Word != directiveSquashed:
		return fmt.Errorf("the directive %s takes nothing after it", d.Word)
	}
	return nil
}

// maxFaults is how many a file is told of at once.
const maxFaults = 10

// checked is what is known of a script that has been read and scanned.
type checked struct {
	checksum   string
	manner     manner // that another tool's file asks for
	empty      bool
	look       look
	directives []script.Directive // if it can be scanned to its end
	faults     []*MigrationError
}

func (s *Set) checkScript(m *Migration, file string, down bool, buf *[]byte) (c checked, err error) {
	text, err := source.Read(m.fsys, file, buf)
	if err != nil {
		return c, err
	}
	mayBeEmpty := false
	if m.foreign == nil {
		if !down {
			c.checksum = checksum(text)
		}
		if bytes.HasPrefix(text, []byte("-- no-transaction")) {
			c.look = likeSqlx
		}
	} else {
		read := m.foreign.Script(text, down)
		text, mayBeEmpty, c.checksum = read.Text, read.MayBeEmpty || down, hexSum(read.Sum) // an empty way back is none
		if read.NoTransaction {
			c.manner = noTransaction
		}
		for _, f := range read.Faults {
			c.faults = append(c.faults, s.malformed(m, file, f.Line, f.Column, "", errors.New(f.Msg)))
		}
	}
	refuse := func(line, column int, statement, why string) {
		c.faults = append(c.faults, s.malformed(m, file, line, column, statement, errors.New(why)))
	}
	// No copy: what is kept of it, malformed clones.
	sc := script.NewScanner(unsafe.String(unsafe.SliceData(text), len(text)))
	c.empty = true
	manner := c.manner
	for len(c.faults) < maxFaults {
		st, ok := sc.Next()
		if !ok {
			break
		}
		if c.empty {
			c.empty = false
			for _, d := range sc.Directives() {
				manner = max(manner, directives[d.Word].manner)
			}
		}
		if why := manner.refuses(st); why != "" {
			if m.foreign == nil && foreignHabit(st) {
				why += "; if this is another tool's folder, say whose with Layout"
			}
			refuse(st.Line, st.Column, st.Text, why)
		}
	}
	mark := sc.Marker()
	if mark.Tool != "" && (m.foreign == nil || m.foreign.Layout().Name != mark.Tool) {
		c.look = marked
		refuse(mark.Line, mark.Column, "", fmt.Sprintf("this is a %s file (%s): its markers are not read, and its down section would run too; "+
			"keep only the up section, without markers, or split the file into .up.sql and .down.sql", mark.Tool, mark.Text))
	}
	if err := sc.Err(); err != nil {
		at := err.(*script.Error)
		refuse(at.Line, at.Column, "", at.Msg)
		return c, nil
	}
	if c.empty && c.look != marked && !mayBeEmpty {
		refuse(1, 1, "", "there is no statement in it")
	}
	c.directives = sc.Directives()
	return c, nil
}

// foreignHabit reports whether a statement begins what the layouts of other tools
// take out of a script.
func foreignHabit(s script.Statement) bool {
	return s.Kind == script.Begin || s.Kind == script.Pragma && s.Effect().Name == "foreign_keys"
}

// refuses says why a statement cannot do what it says, "" if it can.
func (m manner) refuses(st script.Statement) string {
	why := st.InTransaction()
	switch {
	case m == noTransaction && st.Kind != script.Begin && st.Kind != script.Commit && st.Kind != script.Rollback:
		return ""
	case m != inBatches || why != "":
		return why
	}
	switch st.Kind {
	case script.Insert, script.Update, script.Delete:
		if !st.Mentions("LIMIT") {
			return fmt.Sprintf("a batch repeats each statement until it changes no row, and this %s has no LIMIT; write it like UPDATE … WHERE id IN (SELECT id … LIMIT 1000)", st.Kind)
		}
	}
	return ""
}

// inLineOrder joins the first faults of a file.
func inLineOrder(faults []*MigrationError) error {
	slices.SortStableFunc(faults, func(a, b *MigrationError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var errs []error
	for _, f := range faults[:min(len(faults), maxFaults)] {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}

func (s *Set) malformed(m *Migration, file string, line, column int, statement string, err error) *MigrationError {
	return &MigrationError{
		Set: s.name, Version: m.Version, Name: m.Name, File: file, Line: line, Column: column,
		Statement: strings.Clone(statement), Err: malformedScript{err},
	}
}

// Name returns the name under which the set stands in the database.
func (s *Set) Name() string { return s.name }

// Migrations returns the migrations in the order in which they are applied.
func (s *Set) Migrations() []Migration { return slices.Clone(s.migrations) }

// layoutName is the tool whose folder it is, "" for the native layouts.
func (s *Set) layoutName() string {
	if s.layout == nil || s.layout == source.Native {
		return ""
	}
	return s.layout.Name
}

// Digest identifies what the set does: "sha256:" and a hexadecimal SHA-256
// chained over the version and checksum of each migration in order. Names are
// left out, so that renaming a file changes nothing. A database whose recorded
// digest is the set's is up to date.
func (s *Set) Digest() string { return s.digest }

// digestAt is the digest of the migrations up to a version; 0 is all of them.
func (s *Set) digestAt(version int64) string {
	if target := s.upTo(version); len(target) < len(s.migrations) {
		return digest(target)
	}
	return s.digest
}

// digest chains d = SHA-256(d ‖ version as 8 bytes, big-endian ‖ checksum ‖ LF),
// starting from nothing.
func digest(migrations []Migration) string { return chain(nil, migrations) }

// chain is a digest that goes on from one.
func chain(before []byte, migrations []Migration) string {
	var sum [sha256.Size]byte
	copy(sum[:], before)
	var text []byte
	for i := range migrations {
		if i > 0 || before != nil {
			text = append(text[:0], sum[:]...)
		}
		text = binary.BigEndian.AppendUint64(text, uint64(migrations[i].Version))
		text = append(text, migrations[i].Checksum...)
		text = append(text, '\n')
		sum = sha256.Sum256(text)
	}
	return hexSum(sum)
}

// upTo returns the migrations to apply when stopping at a version; 0 is all
// of them. Repeatable migrations describe the newest version only.
func (s *Set) upTo(version int64) []Migration {
	if version == 0 || version == s.newest() {
		return s.migrations
	}
	for i, m := range s.migrations {
		if m.Version == 0 || m.Version > version {
			return s.migrations[:i]
		}
	}
	return s.migrations
}

// newest returns the highest version, 0 if there are only repeatable ones.
func (s *Set) newest() (version int64) {
	for _, m := range slices.Backward(s.migrations) {
		if m.Version > 0 {
			return m.Version
		}
	}
	return 0
}

func (s *Set) find(version int64) *Migration {
	for i := range s.migrations {
		if s.migrations[i].Version == version {
			return &s.migrations[i]
		}
	}
	return nil
}

func (s *Set) has(version int64) bool { return s.find(version) != nil }

// versions describes which versions there are.
func (s *Set) versions() string {
	n := 0
	for _, m := range s.migrations {
		if m.Version > 0 {
			n++
		}
	}
	switch n {
	case 0:
		return "it has only repeatable migrations"
	case 1:
		return fmt.Sprintf("it has %d", s.migrations[0].Version)
	}
	return fmt.Sprintf("it has %d versions from %d to %d", n, s.migrations[0].Version, s.newest())
}

// registry holds what Register was given. Sets are loaded when a DSN first
// asks for them, so that a program that never opens a database pays nothing.
var registry struct {
	mu   sync.Mutex
	sets map[string]*registered
}

type registered struct {
	fsys fs.FS
	opts []SetOption

	mu   sync.Mutex
	sets map[string]*Set // by the layout that a DSN names; those that were loaded without an error
}

func (r *registered) load(name, layout string) (*Set, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if set := r.sets[layout]; set != nil {
		return set, nil
	}
	set, err := Load(name, r.fsys, laidOut(r.opts, layout)...)
	if err != nil {
		return nil, err
	}
	if r.sets == nil {
		r.sets = map[string]*Set{}
	}
	r.sets[layout] = set
	return set, nil
}

// laidOut adds the layout that a DSN names, if it does.
func laidOut(opts []SetOption, layout string) []SetOption {
	if layout == "" {
		return opts
	}
	return append(slices.Clip(opts), Layout(layout))
}

// Register makes the migrations in a file system, usually an [embed.FS],
// available to every DSN under a name. It is for package initialisation and
// reads nothing: what is wrong with the files is said by [sql.Open]. It panics
// when the name is registered already.
func Register(name string, fsys fs.FS, opts ...SetOption) {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if registry.sets[name] != nil {
		panic("migratingsqlite: Register called twice for set " + name)
	}
	if registry.sets == nil {
		registry.sets = map[string]*registered{}
	}
	registry.sets[name] = &registered{fsys: fsys, opts: opts}
}

// registeredSets loads the named sets in that order, or the only one.
func registeredSets(names []string, layout string) ([]*Set, error) {
	registry.mu.Lock()
	all := keys(registry.sets)
	if names == nil {
		names = all
		if len(all) != 1 {
			registry.mu.Unlock()
			return nil, noChoice(all)
		}
	}
	chosen := make([]*registered, len(names))
	for i, name := range names {
		if chosen[i] = registry.sets[name]; chosen[i] == nil {
			registry.mu.Unlock()
			return nil, noSuchSet(name, all)
		}
	}
	registry.mu.Unlock()

	sets := make([]*Set, len(names))
	for i, r := range chosen {
		set, err := r.load(names[i], layout)
		if err != nil {
			return nil, err
		}
		sets[i] = set
	}
	return sets, nil
}

// chooseSets picks the named ones of the sets given by WithSet, in that order;
// all of them if none is named.
func chooseSets(names []string, given []*Set) ([]*Set, error) {
	if len(given) == 0 {
		return nil, noChoice(nil)
	}
	if names == nil {
		return given, nil
	}
	sets := make([]*Set, len(names))
	for i, name := range names {
		at := slices.IndexFunc(given, func(s *Set) bool { return s.name == name })
		if at < 0 {
			return nil, noSuchSet(name, setNames(given))
		}
		sets[i] = given[at]
	}
	return sets, nil
}

// reloaded loads sets that were given by WithSet once more, by the layout that a
// DSN names.
func reloaded(sets []*Set, layout string) ([]*Set, error) {
	list := make([]*Set, len(sets))
	for i, s := range sets {
		if list[i] = s; s.fsys == nil || s.layout != nil && s.layout.Name == layout {
			continue
		}
		set, err := Load(s.name, s.fsys, laidOut(s.opts, layout)...)
		if err != nil {
			return nil, err
		}
		list[i] = set
	}
	return list, nil
}

func noChoice(all []string) error {
	if len(all) == 0 {
		return errors.New("there are no migrations: call migratingsqlite.Register in an init function, or pass WithSet")
	}
	return fmt.Errorf("several sets of migrations are registered: %s; say which with _migrate_set=%s", strings.Join(all, ", "), all[0])
}

func noSuchSet(name string, all []string) error {
	if len(all) == 0 {
		return noChoice(nil)
	}
	return fmt.Errorf("_migrate_set: there is no set %s, only %s", quote(name), strings.Join(all, ", "))
}

func setNames(sets []*Set) []string {
	names := make([]string, len(sets))
	for i, s := range sets {
		names[i] = s.name
	}
	return names
}

func joinSetNames(sets []*Set) string { return strings.Join(setNames(sets), ", ") }
