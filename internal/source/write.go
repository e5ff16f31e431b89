package source

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/migratingsqlite/migratingsqlite/internal/lazy"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// New is a migration that is to be written.
type New struct {
	Name   string // what it is for, in any words; the file's name is made of it
	Author string // stands in the file; "" for nobody
	// Up and Down are the scripts. Without Up the files wait to be filled.
	Up, Down string
	// WantDown asks for a way back where the folder's newest migration has none; it
	// is asked for by Down, too.
	WantDown bool
	Above    int64 // the version is above this one, too: that of a function
	// Replaces is the path, in the folder, of the script whose number the migration
	// gets, and in whose manner it is written; it is to be removed afterwards. "" for
	// the next number.
	Replaces string
	Now      time.Time
}

// Written says what [Write] has done. The files are paths on disk.
type Written struct {
	Version int64
	Created []string // the up script first, then the down script if it has a file of its own
	Changed []string // files that list the migrations
	Notes   []string // what was left out, a sentence each
}

// Write adds a migration to a folder on disk, in the manner of those that are
// there: its number, its names, its markers, and files that list migrations. The
// layout may be nil: whatever the folder looks like, native if it is empty or
// missing. It replaces no file; where it fails it leaves none behind. Two that
// write into one folder at once on a Unix system get different numbers.
func Write(dir string, layout *Layout, n New) (w *Written, err error) {
	if n.Now.IsZero() {
		n.Now = time.Now()
	}
	if strings.ContainsFunc(n.Name+n.Author, unicode.IsControl) {
		return nil, fmt.Errorf("the name and the author of a migration must be one line each")
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				os.Remove(dir)
			}
		}()
	}
	unlock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	d, err := newDraft(dir, layout, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	defer func() {
		if err != nil {
			for _, p := range slices.Backward(d.made) {
				os.Remove(p)
			}
		}
	}()
	for _, f := range d.files {
		if err := d.create(f); err != nil {
			return nil, err
		}
	}
	if d.list != nil {
		if err := d.list(); err != nil {
			return nil, err
		}
	}
	return &d.Written, nil
}

// A draft is a migration that is about to be written.
type draft struct {
	New
	dir    string // on disk
	fsys   fs.FS  // of it
	layout *Layout
	has    func(name string) bool // in the folder

	last   *Migration // the newest versioned one; nil in an empty folder
	code   bool       // there is a newer one in another language
	digits string     // the number of the last one, as written
	stem   string     // the name as it can stand in a file's
	first  string     // the number of the first one; toTheSecond for the time
	times  bool       // the tool knows no other numbers, but for that of the first

	files []newFile
	list  func() error // enters the migration into the file that lists them
	made  []string     // files and folders that are there by now
	Written
}

type newFile struct{ name, text string }

func newDraft(dir string, layout *Layout, n New) (*draft, error) {
	d := &draft{New: n, dir: dir, fsys: os.DirFS(dir), layout: layout, first: "0001"}
	d.stem = stem(n.Name)
	if d.stem == "" {
		return nil, fmt.Errorf("%q is no name for a migration; it wants a letter or a digit", n.Name)
	}
	entries, err := fs.ReadDir(d.fsys, ".")
	if err != nil {
		return nil, err
	}
	r := &reader{fsys: d.fsys, dir: ".", entries: entries}
	d.has = r.has
	var code int64 // migrations in other languages count, too
	found, err := List(d.fsys, ".", layout, func(v int64) bool { code = max(code, v); return true })
	if err != nil {
		return nil, fmt.Errorf("the folder must be in order before there is another one: %w", err)
	}
	if d.layout = found.Layout; layout == nil && d.layout == Native {
		marked, err := Marked(d.fsys, ".")
		if err != nil {
			return nil, err
		}
		if marked != nil {
			return newDraft(dir, marked, n)
		}
	}
	for i, m := range found.Migrations {
		if m.Version > 0 {
			d.last = &found.Migrations[i]
		}
	}
	d.Above, d.code = max(d.Above, code), code > 0 && (d.last == nil || code > d.last.Version)
	if n.Replaces != "" {
		at := slices.IndexFunc(found.Migrations, func(m Migration) bool { return m.Up == n.Replaces })
		switch cure := cures[d.layout.Name]; {
		case at < 0:
			return nil, fmt.Errorf("%s: there is no such migration", n.Replaces)
		case !replaceable[d.layout.Name]:
			return nil, fmt.Errorf("%s: its number cannot be given to another script in a folder of %s%s", n.Replaces, d.layout.Name, cure)
		}
		d.last, d.code = &found.Migrations[at], false
	}
	if err := writers[d.layout.Name](d); err != nil {
		return nil, err
	}
	if d.list == nil && d.has("atlas.sum") {
		d.Notes = append(d.Notes, "atlas.sum does not know it yet: run atlas migrate hash")
	}
	return d, nil
}

// stem makes a part of a file's name of any words.
func stem(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return ' '
	}, name)
	words := strings.Fields(name)
	name = ""
	for _, w := range words {
		if len(name)+len(w) > 100 { // file systems take 255 bytes
			break
		}
		name += "_" + w
	}
	if name == "" && len(words) > 0 {
		name = "_" + strings.ToValidUTF8(words[0][:100], "")
	}
	return strings.TrimPrefix(name, "_")
}

// ascii leaves nothing else in the name, for tools that take nothing else.
func (d *draft) ascii() error {
	if d.stem = stem(strings.Map(func(r rune) rune {
		if r >= 0x80 {
			return ' '
		}
		return r
	}, d.stem)); d.stem == "" {
		return fmt.Errorf("%s takes only the letters a to z in a name, and there is none in %q", d.layout.Name, d.Name)
	}
	return nil
}

// replaceable are the layouts in which a number is all that counts.
var replaceable = map[string]bool{
	"native": true, "goose": true, "dbmate": true, "sql-migrate": true, "golang-migrate": true, "sqlx": true, "bun": true, "d1": true, "refinery": true,
}

// cures are what the tools of other layouts have instead.
var cures = map[string]string{
	"atlas":  "; make a checkpoint with atlas migrate checkpoint, which is understood here, too",
	"flyway": "; write a baseline, B7__name.sql for what comes up to V7, which is understood here, too",
}

// number returns the next number behind a prefix in the name of the newest file
// or folder, and what stands between that number and the name.
func (d *draft) number(base, prefix string) (digits, separator string, err error) {
	d.digits, separator = d.first, "_"
	offset := int64(0) // what a version is more than the number
	if d.last != nil {
		rest := strings.TrimPrefix(base, prefix)
		digits, _ := cutNumber(rest)
		n, err := strconv.ParseInt(digits, 10, 64)
		if err == nil && (!d.times || n >= timestamps) {
			d.digits, rest = digits, rest[len(digits):]
			separator = cmp.Or(rest[:len(rest)-len(strings.TrimLeft(rest, "_-. "))], "_")
		}
		if d.last.Version == n+1 {
			offset = 1
		}
	}
	if d.Replaces != "" {
		d.Version = d.last.Version
		return d.digits, separator, nil
	}
	switch {
	case d.digits == toTheSecond:
		digits, err = nextDigits("20010101000000", max(d.Above, 0), d.Now)
	case d.last == nil && d.Above == 0:
		digits = d.first
	default:
		digits, err = nextDigits(d.digits, d.Above-offset, d.Now)
	}
	if d.Version, _ = strconv.ParseInt(digits, 10, 64); d.Version < timestamps {
		d.Version += offset
	}
	return digits, separator, err
}

// writers make the files of a migration, by layout.
var writers = map[string]func(*draft) error{
	"native":             writeNative,
	"goose":              sections(toTheSecond, "_", "-- +goose Up", "-- +goose Down", "-- +goose Statement"),
	"dbmate":             sections(toTheSecond, "_", "-- migrate:up", "-- migrate:down", ""),
	"sql-migrate":        sections(toTheSecond, "-", "-- +migrate Up", "-- +migrate Down", "-- +migrate Statement"),
	"golang-migrate":     pair(toTheSecond, true),
	"sqlx":               pair(toTheSecond, false),
	"bun":                pair(toTheSecond, true),
	"d1":                 writeD1,
	"knex":               writeKnex,
	"flyway":             writeFlyway,
	"refinery":           writeRefinery,
	"atlas":              writeAtlas,
	"drizzle":            writeDrizzle,
	"diesel":             upDownFolder(dieselName, true),
	"rusqlite_migration": upDownFolder(rusqliteName, false),
	"prisma":             writePrisma,
}

func (d *draft) add(name, text string) { d.files = append(d.files, newFile{name, text}) }

// up is the text of a script that is all there is of the file.
func (d *draft) up() string   { return d.header() + d.Up }
func (d *draft) down() string { return d.header() + d.Down }

// header says what only the command's line knows: the words that the name was made of.
func (d *draft) header() (text string) {
	if d.Up != "" && d.Author == "" {
		return ""
	}
	text = "-- " + strings.TrimSpace(d.Name) + "\n"
	if d.Author != "" {
		text += "-- author: " + strings.TrimSpace(d.Author) + "\n"
	}
	return text + "\n"
}

func (d *draft) wantsDown() bool { return d.WantDown || d.Down != "" }

// base is the name of the newest file.
func (d *draft) base() string {
	if d.last == nil {
		return ""
	}
	return path.Base(d.last.Up)
}

// place puts a name beside the newest file, which may be in a folder of its own.
func (d *draft) place(name string) string {
	if d.last == nil {
		return name
	}
	return path.Join(path.Dir(d.last.Up), name)
}

// noDown notes that there is no place for the way back.
func (d *draft) noDown() {
	if d.wantsDown() {
		d.Notes = append(d.Notes, d.layout.Name+" has no down scripts: the way back is not in the folder")
	}
}

func writeNative(d *draft) error {
	base := d.base()
	prefix, isFolder := "", base == "up.sql"
	if isFolder {
		base, prefix = path.Base(path.Dir(d.last.Up)), "V"
	}
	digits, _, err := d.number(base, prefix)
	if err != nil {
		return err
	}
	down := d.wantsDown() || d.last != nil && d.last.Down != ""
	if isFolder {
		name := "V" + digits + "__" + d.stem
		d.add(name+"/up.sql", d.up())
		if down {
			d.add(name+"/down.sql", d.down())
		}
		if d.last.Metadata != "" {
			text, err := d.metadata(digits)
			if err != nil {
				return err
			}
			d.add(name+"/metadata.yaml", text)
		}
		return nil
	}
	name := digits + "_" + d.stem
	if !down && !strings.HasSuffix(base, ".up.sql") {
		d.add(name+".sql", d.up())
		return nil
	}
	d.add(name+".up.sql", d.up())
	if down {
		d.add(name+".down.sql", d.down())
	}
	return nil
}

var yamlKey = lazy.Regexp(`^(\w+)\s*:`)

// metadata writes of the keys that the newest metadata.yaml has those whose value
// is known.
func (d *draft) metadata(digits string) (string, error) {
	text, err := fs.ReadFile(d.fsys, d.last.Metadata)
	if err != nil {
		return "", err
	}
	keys := map[string]bool{}
	var b strings.Builder
	for line := range bytes.Lines(normalize(text)) {
		m := yamlKey().FindSubmatch(line)
		if m == nil || keys[string(m[1])] {
			continue
		}
		keys[string(m[1])] = true
		switch key := string(m[1]); key {
		case "version":
			fmt.Fprintf(&b, "%s: %s\n", key, strings.TrimLeft(digits, "0"))
		case "description", "name":
			fmt.Fprintf(&b, "%s: %q\n", key, strings.TrimSpace(d.Name))
		case "author":
			fmt.Fprintf(&b, "%s: %q\n", key, strings.TrimSpace(d.Author))
		case "dependencies":
			fmt.Fprintf(&b, "%s:\n  - %s\n", key, path.Base(path.Dir(d.last.Up)))
		case "reversible":
			fmt.Fprintf(&b, "%s: %t\n", key, d.wantsDown() || d.last.Down != "")
		case "created", "created_at", "date":
			fmt.Fprintf(&b, "%s: %s\n", key, d.Now.UTC().Format(time.RFC3339))
		}
	}
	if d.Author != "" && !keys["author"] {
		fmt.Fprintf(&b, "author: %q\n", strings.TrimSpace(d.Author))
	}
	return b.String(), nil
}

// sections writes files with both directions. statement is what the tool wants
// Begin and End of around a statement with semicolons in it.
func sections(first, separator, up, down, statement string) func(*draft) error {
	return func(d *draft) error {
		d.first = first
		digits, between, err := d.number(d.base(), "")
		if err != nil {
			return err
		}
		if d.last == nil {
			between = separator
		}
		section := func(marker, text string) string {
			if text == "" {
				return marker + "\n"
			}
			if statement != "" {
				text = wrapped(text, statement)
			}
			return marker + "\n" + strings.TrimRight(text, "\n") + "\n"
		}
		d.add(digits+between+d.stem+".sql", d.header()+section(up, d.Up)+"\n"+section(down, d.Down))
		return nil
	}
}

// wrapped puts marks around triggers, which the tools would cut at the first
// semicolon.
func wrapped(text, statement string) string {
	statements, err := script.Split(text)
	if err != nil {
		return text // whoever checks the script says why
	}
	var b strings.Builder
	at := 0
	for _, s := range statements {
		if s.Kind == script.CreateTrigger {
			end := s.Offset + len(s.Text)
			b.WriteString(text[at:s.Offset] + statement + "Begin\n" + text[s.Offset:end] + "\n" + statement + "End")
			at = end
		}
	}
	return b.String() + text[at:]
}

// pair writes two files, or one where the folder does without the way back.
func pair(first string, always bool) func(*draft) error {
	return func(d *draft) error {
		d.first = first
		if d.layout.Name == "bun" {
			if err := d.ascii(); err != nil {
				return err
			}
		}
		base := d.base()
		digits, between, err := d.number(base, "")
		if err != nil {
			return err
		}
		if d.layout.Name == "golang-migrate" || d.layout.Name == "sqlx" || d.layout.Name == "bun" {
			between = "_" // all that they take
		}
		name := d.place(digits + between + d.stem)
		down := d.wantsDown() || d.last != nil && d.last.Down != "" || d.last == nil && always
		if !always && !down && !strings.HasSuffix(base, ".up.sql") {
			d.add(name+".sql", d.up())
			return nil
		}
		if strings.HasSuffix(base, ".tx.up.sql") {
			name += ".tx"
		}
		d.add(name+".up.sql", d.up())
		if down {
			d.add(name+".down.sql", d.down())
		}
		return nil
	}
}

func writeD1(d *draft) error {
	digits, between, err := d.number(d.base(), "")
	if err != nil {
		return err
	}
	d.noDown()
	d.add(digits+between+d.stem+".sql", fmt.Sprintf("-- Migration number: %s \t %s\n", digits, d.Now.UTC().Format("2006-01-02T15:04:05.000Z"))+d.header()+d.Up)
	return nil
}

// writeKnex writes SQL only where there is some: Knex itself has none.
func writeKnex(d *draft) error {
	if d.last == nil || d.code {
		return errors.New("the migrations of Knex are JavaScript, which is not written here; use knex migrate:make, or begin a folder of another layout")
	}
	return pair(toTheSecond, false)(d)
}

func writeFlyway(d *draft) error {
	if d.last == nil {
		d.first = "1"
		d.Version = 1_000_000_000
		d.add("V1__"+d.stem+".sql", d.up())
		if d.wantsDown() {
			d.add("U1__"+d.stem+".sql", d.down())
		}
		return nil
	}
	base := d.base()
	version, _, _ := strings.Cut(base[1:], "__")
	version = strings.TrimSuffix(version, ".sql")
	err := error(nil)
	if isDigits(version) {
		version, err = nextDigits(version, 0, d.Now)
	} else {
		version, err = nextVersion(version, d.Now)
	}
	if err != nil {
		return err
	}
	number, _, why := flywayNumber(strings.ReplaceAll(version, "_", "."))
	if why != "" {
		return errors.New(why)
	}
	if d.Version = number; number <= d.Above {
		return fmt.Errorf("the next version would be %s, which is the number %d here, and there is a function with %d; give it a version below", version, number, d.Above)
	}
	d.add(d.place("V"+version+"__"+d.stem+path.Ext(base)), d.up())
	if d.wantsDown() || d.last.Down != "" {
		d.add(d.place("U"+version+"__"+d.stem+path.Ext(base)), d.down())
	}
	return nil
}

func writeRefinery(d *draft) error {
	if err := d.ascii(); err != nil {
		return err
	}
	d.first = "1"
	base := d.base()
	digits, _, err := d.number(base, base[:min(1, len(base))])
	if err != nil {
		return err
	}
	d.noDown()
	d.add(d.place("V"+digits+"__"+d.stem+".sql"), d.up())
	return nil
}

func writeAtlas(d *draft) error {
	d.first = toTheSecond
	digits, _, err := d.number(d.base(), "")
	if err != nil {
		return err
	}
	d.noDown()
	d.add(digits+"_"+d.stem+".sql", d.up())
	d.list = d.hash
	return nil
}

// hash writes atlas.sum anew. That it was right before has been seen.
func (d *draft) hash() error {
	names, err := fs.Glob(d.fsys, "*.sql")
	if err != nil {
		return err
	}
	slices.Sort(names)
	sum := atlasSum{running: sha256.New()}
	for _, name := range names {
		text, err := fs.ReadFile(d.fsys, name)
		if err != nil {
			return err
		}
		sum.add(name, text)
	}
	total := sha256.New()
	lines := ""
	for _, e := range sum.entries {
		total.Write([]byte(e.name + e.sum))
		lines += e.name + " h1:" + e.sum + "\n"
	}
	return d.replace("atlas.sum", "h1:"+base64.StdEncoding.EncodeToString(total.Sum(nil))+"\n"+lines)
}

func writeDrizzle(d *draft) error {
	const generate = "use drizzle-kit generate --custom --name="
	p := "meta/_journal.json"
	text, err := fs.ReadFile(d.fsys, p)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("drizzle-kit keeps a snapshot of the schema beside each migration, or lists them in meta/_journal.json, which is not there; " + generate + d.stem)
	}
	if err != nil {
		return err
	}
	if d.last == nil {
		return errors.New("the first migration is drizzle-kit's, which knows the schema; " + generate + d.stem)
	}
	entry := lastEntry(text)
	if entry == nil {
		return fmt.Errorf("%s: entries is not the last thing in it, as drizzle-kit writes it; %s", p, generate+d.stem)
	}
	last := string(text[entry.from:entry.to])
	digits, between, err := d.number(d.base(), "")
	if err != nil {
		return err
	}
	d.Version = max(d.last.Version, d.Above) + 1
	tag := d.stem
	switch n, err := strconv.ParseInt(d.digits, 10, 64); {
	case err == nil && n == d.last.Version-1: // the idx
		tag = fmt.Sprintf("%0*d%s%s", len(d.digits), d.Version-1, between, d.stem)
	case d.base()[0] >= '0' && d.base()[0] <= '9':
		tag = digits + between + d.stem
	}
	when := max(d.Now.UnixMilli(), d.last.ID.When+1) // Drizzle applies what is newer than the last row
	for key, value := range map[string]string{"idx": fmt.Sprint(d.Version - 1), "when": fmt.Sprint(when), "tag": strconv.Quote(tag)} {
		at := regexp.MustCompile(`("` + key + `"\s*:\s*)("[^"]*"|\d+)`).FindStringSubmatchIndex(last)
		if at == nil {
			return fmt.Errorf("%s: the last entry has no %s", p, key)
		}
		last = last[:at[4]] + value + last[at[5]:]
	}
	before := string(text[:entry.from])
	gap := before[len(strings.TrimRight(before, " \t\r\n")):]
	list := string(text[:entry.to]) + "," + gap + last + string(text[entry.to:])
	statements := d.Up
	if regexp.MustCompile(`"breakpoints"\s*:\s*true`).MatchString(last) {
		statements = brokenUp(d.Up)
	}
	d.noDown()
	d.add(tag+".sql", d.header()+statements)
	d.list = func() error { return d.replace(p, list) }
	d.Notes = append(d.Notes, "meta has no snapshot for it: drizzle-kit goes on from the schema before it")
	return nil
}

// lastEntry finds the last of a journal's entries.
func lastEntry(text []byte) *span {
	end := bytes.LastIndexByte(text, ']')
	if end < 0 || len(bytes.Trim(text[end+1:], "} \t\r\n")) > 0 {
		return nil
	}
	to := bytes.LastIndexByte(text[:end], '}') + 1
	from := bytes.LastIndexByte(text[:max(to, 0)], '{')
	var entry map[string]any
	if from < 0 || json.Unmarshal(text[from:to], &entry) != nil {
		return nil
	}
	return &span{from, to}
}

// brokenUp puts Drizzle's mark between statements.
func brokenUp(text string) string {
	statements, err := script.Split(text)
	if err != nil || len(statements) < 2 {
		return text
	}
	var b strings.Builder
	at := 0
	for _, s := range statements[:len(statements)-1] {
		end := s.Offset + len(s.Text)
		b.WriteString(text[at:end] + "--> statement-breakpoint")
		at = end
	}
	return b.String() + text[at:]
}

// upDownFolder writes a folder with up.sql and down.sql.
func upDownFolder(name func(*draft) (string, error), down bool) func(*draft) error {
	return func(d *draft) error {
		folder, err := name(d)
		if err != nil {
			return err
		}
		d.add(folder+"/up.sql", d.up())
		if down && d.last == nil || d.wantsDown() || d.last != nil && d.last.Down != "" {
			d.add(folder+"/down.sql", d.down())
		}
		return nil
	}
}

// dieselName writes a time as the newest folder does: 2024-01-31-101500,
// 2024-01-31-101500-0000, or just digits.
func dieselName(d *draft) (string, error) {
	dashed := "2006-01-02-150405"
	before := dashed + "-0000"
	if d.last != nil {
		before, _, _ = strings.Cut(path.Base(path.Dir(d.last.Up)), "_")
	}
	d.first, d.times = toTheSecond, true
	tail := ""
	if len(before) > len(dashed) && strings.Count(before, "-") == 4 {
		tail = before[len(dashed):]
	}
	digits, _, err := d.number(strings.ReplaceAll(strings.TrimSuffix(before, tail), "-", ""), "")
	if err != nil {
		return "", err
	}
	at, err := time.Parse(toTheSecond, digits)
	if err != nil || !strings.Contains(before, "-") {
		return digits + "_" + d.stem, nil
	}
	if tail != "" {
		tail = "-" + strings.Repeat("0", len(tail)-1)
	}
	d.Version, _ = strconv.ParseInt(digits+strings.TrimPrefix(tail, "-"), 10, 64)
	return at.Format(dashed) + tail + "_" + d.stem, nil
}

func rusqliteName(d *draft) (string, error) {
	d.first = "01"
	folder := ""
	if d.last != nil {
		folder = path.Base(path.Dir(d.last.Up))
	}
	digits, _, err := d.number(folder, "")
	if d.Version > 1 && d.last == nil || d.last != nil && d.Version > d.last.Version+1 {
		err = fmt.Errorf("rusqlite_migration counts without gaps, and the function with version %d leaves one", d.Above)
	}
	return digits + "-" + d.stem, err
}

func writePrisma(d *draft) error {
	if d.last == nil {
		return errors.New("the first migration is Prisma's, which knows the schema; use prisma migrate dev --create-only --name " + d.stem)
	}
	d.first, d.times = toTheSecond, true
	digits, between, err := d.number(path.Base(path.Dir(d.last.Up)), "")
	if err != nil {
		return err
	}
	d.noDown()
	d.add(digits+between+d.stem+"/migration.sql", d.up())
	return nil
}

// create writes a file that must not be there.
func (d *draft) create(f newFile) error {
	p := filepath.Join(d.dir, filepath.FromSlash(f.name))
	if folder := filepath.Dir(p); path.Dir(f.name) != "." {
		if err := os.Mkdir(folder, 0o755); err == nil {
			d.made = append(d.made, folder)
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	file, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	d.made = append(d.made, p)
	d.Created = append(d.Created, p)
	_, err = file.WriteString(f.text)
	return errors.Join(err, file.Close())
}

// replace writes a file as a whole, or leaves it as it was.
func (d *draft) replace(name, text string) error {
	p := filepath.Join(d.dir, filepath.FromSlash(name))
	file, err := os.CreateTemp(filepath.Dir(p), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // gone, if all is well
	_, err = file.WriteString(text)
	mode := fs.FileMode(0o644)
	if old, statErr := os.Stat(p); statErr == nil {
		mode = old.Mode().Perm()
	}
	if err = errors.Join(err, file.Chmod(mode), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), p); err != nil {
		return err
	}
	d.Changed = append(d.Changed, p)
	return nil
}
