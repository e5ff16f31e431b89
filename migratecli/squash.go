package migratecli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
	"github.com/migratingsqlite/migratingsqlite/internal/source"
)

// squashed is what squash has done, or would do.
type squashed struct {
	From    int64            `json:"from"`
	To      int64            `json:"to"`
	Removed []string         `json:"removed"`
	Rows    map[string]int64 `json:"rows"` // carried over, by table
	Up      string           `json:"up"`
	written
	done bool
}

func (t *tool) squash() *cobra.Command {
	var to int64
	var dry, gaps bool
	n := source.New{Name: "squashed"}
	cmd := &cobra.Command{
		Use:   "squash [NAME...]",
		Short: "Make one migration of all up to a version",
		Long: `Make one migration of all up to a version: it makes what these make of an empty
database, structure and rows, and takes their place and the number of the last.

Databases that have all of them go on as if nothing had happened: the new file
says what it stands for, by a digest. New ones begin with it. A database that has
some of them is refused, and must be opened once with an older program: squash
what every database has. The old files are removed from the folder, and stay in
your version control.

The new file is tried before: on an empty database, and on one that has the old
ones. Rows are what the migrations put into an empty database, as of now.
Functions are known only to the program that has them: squash there, and take
them out of the program.`,
		Example: "  migratingsqlite squash --to 41 --dry-run\n  migratingsqlite squash --to 41 --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				n.Name = strings.TrimSuffix(strings.Join(args, " "), ".sql")
			}
			n.Now = time.Now()
			s, err := t.squashing(cmd.Context(), to, gaps, n)
			if err != nil {
				return err
			}
			if !dry {
				if err := t.confirm(cmd, &s.squashed, "Write it and remove "+count(len(s.Removed), "file")+"?"); err != nil {
					return err
				}
				if err := s.do(); err != nil {
					return err
				}
			}
			return t.say(cmd, s.squashed, s.text)
		},
	}
	f := cmd.Flags()
	f.Int64Var(&to, "to", 0, "squash up to this `VERSION` (default: the newest)")
	f.BoolVar(&gaps, "gaps", false, "versions that are left out never were, and are no functions of the program")
	f.StringVar(&n.Author, "author", "", "`WHO` does it: a comment in the file, and in a metadata.yaml")
	f.BoolVar(&dry, "dry-run", false, "show the script and change nothing")
	t.yesFlag(cmd)
	t.folderFlags(cmd)
	return cmd
}

// A squashing is a squash that can be done.
type squashing struct {
	squashed
	ctx    context.Context
	t      *tool
	dir    string
	layout *source.Layout
	set    *migratingsqlite.Set
	new    source.New
	old    []migratingsqlite.Migration
	files  []string // of these, in the folder
	full   string   // what the old ones make, with the rows
	state  *schema.Schema
}

// squashing finds out what a squash would do, and tries it.
func (t *tool) squashing(ctx context.Context, to int64, gaps bool, n source.New) (*squashing, error) {
	s := &squashing{ctx: ctx, t: t, new: n}
	s.Rows, s.written = map[string]int64{}, written{Created: []string{}, Changed: []string{}, Notes: []string{}}
	var err error
	if s.dir, s.layout, err = t.place(); err != nil {
		return nil, err
	}
	if s.set, err = t.onlySet(ctx, s.dir, s.layout); err != nil {
		return nil, err
	}
	if s.set == nil {
		return nil, errors.New("there are no migrations to squash")
	}
	if err := s.choose(to, gaps); err != nil {
		return nil, err
	}
	if err := s.write(); err != nil {
		return nil, err
	}
	return s, s.try()
}

// choose finds the migrations that are squashed.
func (s *squashing) choose(to int64, gaps bool) error {
	for _, m := range s.set.Migrations() {
		if m.Version > 0 && (to == 0 || m.Version <= to) {
			s.old = append(s.old, m)
		}
	}
	if len(s.old) == 0 || to > 0 && s.old[len(s.old)-1].Version != to {
		_, err := s.set.Squashed(to) // which says what there is
		return err
	}
	last := s.old[len(s.old)-1]
	s.From, s.To = s.old[0].Version, last.Version
	if len(s.old) == 1 {
		return fmt.Errorf("up to version %d there is only %s: nothing to squash", s.To, last)
	}
	if last.File == "" {
		return fmt.Errorf("version %d is a function, and the new file would get its number; squash up to one that is a file", s.To)
	}
	var left []string
	for i, m := range s.old[1:] {
		for v := s.old[i].Version + 1; v < m.Version && m.Version < 1_000_000 && len(left) < 10; v++ {
			left = append(left, fmt.Sprint(v))
		}
	}
	if len(left) > 0 && !s.t.embedded && !gaps {
		return fmt.Errorf("there is no file of %s: if the program has a function instead, squash inside of it, where that is known; if there never was one, say --gaps", strings.Join(left, ", "))
	}
	funcs := 0
	for _, m := range s.old {
		if m.File == "" {
			funcs++
			continue
		}
		s.remove(m)
	}
	if funcs > 0 {
		s.Notes = append(s.Notes, "take "+count(funcs, "function")+" up to that version out of the program")
	}
	return nil
}

// remove notes the files of a migration.
func (s *squashing) remove(m migratingsqlite.Migration) {
	files := []string{m.File, m.DownFile()}
	if path.Base(m.File) == "up.sql" {
		files = append(files, path.Join(path.Dir(m.File), "metadata.yaml"))
	}
	for _, f := range files {
		f = strings.TrimPrefix(f, s.inside())
		p := filepath.Join(s.dir, filepath.FromSlash(f))
		if _, err := os.Stat(p); f != "" && err == nil && !slices.Contains(s.files, f) {
			s.files = append(s.files, f)
			s.Removed = append(s.Removed, filepath.ToSlash(p))
		}
	}
}

// inside is what the paths of a set's files begin with where the folder that the
// tool was given holds the folder with the migrations.
func (s *squashing) inside() string {
	if s.t.embedded {
		dir := path.Dir(s.old[len(s.old)-1].File)
		if path.Base(s.old[len(s.old)-1].File) == "up.sql" {
			dir = path.Dir(dir)
		}
		return dir + "/"
	}
	root, err := s.t.folder()
	if err != nil {
		return ""
	}
	if in, err := filepath.Rel(root, s.dir); err == nil && in != "." {
		return filepath.ToSlash(in) + "/"
	}
	return ""
}

// write writes the scripts.
func (s *squashing) write() error {
	last := s.old[len(s.old)-1]
	directives, err := s.set.Squashed(s.To)
	if err != nil {
		return err
	}
	made, err := repeats(s.set)
	if err != nil {
		return err
	}
	var carried []schema.Carried
	var pragmas string
	err = replayed(s.ctx, s.set, s.To, func(db *sql.DB) (err error) {
		if s.state, err = schema.Of(s.ctx, db, made.names...); err != nil {
			return err
		}
		if s.full, carried, err = schema.DumpRows(s.ctx, db, s.state); err != nil {
			return err
		}
		pragmas, err = s.settings(db)
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range carried {
		if c.Lost != "" {
			s.Notes = append(s.Notes, fmt.Sprintf("%s has %s, but %s: what fills it is not carried over", c.Table, count(c.Rows, "row"), c.Lost))
			continue
		}
		s.Rows[c.Table] = int64(c.Rows)
	}
	if err := s.doubts(); err != nil {
		return err
	}
	s.Up = directives + "\n" + pragmas + s.full
	s.new.Up, s.new.Replaces = s.Up, strings.TrimPrefix(last.File, s.inside())
	if last.DownFile() != "" {
		back, err := schema.Change(s.ctx, s.state, &schema.Schema{}, schema.Decisions{Lossy: true})
		if err != nil {
			return err
		}
		s.new.Down = back.String()
	}
	return nil
}

// settings writes what a database keeps besides structure and rows, and notes
// what cannot be written.
func (s *squashing) settings(db *sql.DB) (text string, err error) {
	for _, name := range []string{"user_version", "application_id"} {
		var n int64
		if err := db.QueryRowContext(s.ctx, "PRAGMA "+name).Scan(&n); err != nil {
			return "", err
		}
		if n != 0 {
			text += fmt.Sprintf("PRAGMA %s = %d;\n", name, n)
		}
	}
	fresh, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "", err
	}
	defer fresh.Close()
	for _, name := range []string{"auto_vacuum", "page_size", "encoding"} {
		var is, was string
		if err := errors.Join(db.QueryRowContext(s.ctx, "PRAGMA "+name).Scan(&is), fresh.QueryRowContext(s.ctx, "PRAGMA "+name).Scan(&was)); err != nil {
			return "", err
		}
		if is != was {
			s.Notes = append(s.Notes, fmt.Sprintf("PRAGMA %s is %s after these migrations: it is not carried over", name, is))
		}
	}
	var mode string
	if err := db.QueryRowContext(s.ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return "", err
	}
	if mode != "delete" {
		s.Notes = append(s.Notes, fmt.Sprintf("PRAGMA journal_mode is %s after these migrations: it is not carried over", mode))
	}
	if text != "" {
		text += "\n"
	}
	return text, nil
}

// doubts notes statements whose rows are not the same at another time.
func (s *squashing) doubts() error {
	if len(s.Rows) == 0 {
		return nil
	}
	var places []string
	for _, m := range s.old {
		up, _, err := m.SQL()
		if err != nil {
			return err
		}
		statements, err := script.Split(up)
		if err != nil {
			return err
		}
		for _, st := range statements {
			if strings.Contains(strings.ToLower(st.Text), "'now'") || slices.ContainsFunc([]string{"CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "random", "randomblob", "unixepoch"}, st.Mentions) {
				places = append(places, fmt.Sprintf("%s:%d", m.File, st.Line))
			}
		}
	}
	if len(places) > 0 {
		s.Notes = append(s.Notes, "rows may hold a time or a random value, which stays as it is now: see "+strings.Join(places, ", "))
	}
	return nil
}

// try does it in a copy of the folder, and compares what becomes of databases.
func (s *squashing) try() error {
	copied, err := copyOf(s.dir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(copied)
	w, err := source.Write(copied, s.layout, s.new)
	if err != nil {
		return shortened(err, copied, s.dir)
	}
	if err := removed(copied, s.files); err != nil {
		return err
	}
	set, err := loadFrom(copied, s.set.Name(), s.t.layout)
	if err != nil {
		return fmt.Errorf("nothing is changed: the new folder %w", shortened(err, copied, s.dir))
	}
	wrong := func(err error) error {
		return fmt.Errorf("nothing is changed: the new script was tried, and %w", shortened(err, copied, s.dir))
	}
	for _, c := range w.Created {
		s.Created = append(s.Created, filepath.ToSlash(filepath.Join(s.dir, strings.TrimPrefix(c, copied))))
	}
	s.Version, s.Notes = w.Version, append(s.Notes, w.Notes...)
	made, err := repeats(s.set)
	if err != nil {
		return err
	}
	// A new database.
	err = replayed(s.ctx, set, s.To, func(db *sql.DB) error {
		now, err := schema.Of(s.ctx, db, made.names...)
		if err != nil {
			return err
		}
		if !now.Equal(s.state) {
			return fmt.Errorf("the structure is not what it was: %v", schema.Diff(now, s.state))
		}
		full, _, err := schema.DumpRows(s.ctx, db, s.state)
		if err == nil && full != s.full {
			err = errors.New("the rows are not what they were")
		}
		return err
	})
	if err != nil {
		return wrong(err)
	}
	// One that has the old migrations.
	before := filepath.Join(copied, ".before.db")
	if err := upTo(s.ctx, before, s.set, s.To); err != nil {
		return wrong(err)
	}
	m, err := scratch(before).migrator(s.To, set)
	if err != nil {
		return wrong(err)
	}
	defer m.Close()
	p, err := m.Plan(s.ctx)
	switch {
	case err != nil:
		return wrong(err)
	case p.Err != nil:
		return wrong(p.Err)
	case slices.ContainsFunc(p.Sets[0].Pending, func(m migratingsqlite.Migration) bool { return m.Version > 0 }):
		return wrong(fmt.Errorf("a database that has the old ones would be given it"))
	}
	return nil
}

// do writes the new files and removes the old ones: all of it, or nothing. Until
// the end these are in a hidden folder.
func (s *squashing) do() (err error) {
	hidden, err := os.MkdirTemp(s.dir, ".squashed-")
	if err != nil {
		return err
	}
	var undo []func()
	defer func() {
		if err != nil {
			for _, f := range slices.Backward(undo) {
				f()
			}
			os.Remove(hidden)
		}
	}()
	w, err := source.Write(s.dir, s.layout, s.new)
	if err != nil {
		return err
	}
	for _, created := range w.Created {
		undo = append(undo, func() { removeFile(created) })
	}
	for i, f := range s.files {
		p, away := filepath.Join(s.dir, filepath.FromSlash(f)), filepath.Join(hidden, fmt.Sprintf("%04d-%s", i, filepath.Base(f)))
		if err := os.Rename(p, away); err != nil {
			return err
		}
		undo = append(undo, func() { os.Rename(away, p) })
	}
	s.Version, s.done = w.Version, true
	err = os.RemoveAll(hidden)
	undo = nil // it is done; what may be left is hidden
	for _, f := range s.files {
		if path.Dir(f) != "." {
			os.Remove(filepath.Join(s.dir, filepath.FromSlash(path.Dir(f))))
		}
	}
	return err
}

// removed removes files, and the folders that are empty then.
func removed(dir string, files []string) error {
	for _, f := range files {
		if err := removeFile(filepath.Join(dir, filepath.FromSlash(f))); err != nil {
			return err
		}
	}
	return nil
}

func removeFile(p string) error {
	if err := os.Remove(p); err != nil {
		return err
	}
	os.Remove(filepath.Dir(p)) // a migration's own folder, if it is empty
	return nil
}

func (s *squashed) code() int     { return 0 }
func (s *squashed) brief() string { return "" }

func (s *squashed) text(p *printer) {
	created, removed := "created", "removed"
	if !s.done {
		p.printf("%s\n", s.Up)
		created, removed = "creates", "removes"
	}
	for _, name := range s.Created {
		p.printf("%s %s\n", p.paint(good, created), name)
	}
	for _, name := range s.Removed {
		p.printf("%s %s\n", p.paint(bad, removed), name)
	}
	for _, table := range slices.Sorted(maps.Keys(s.Rows)) {
		p.printf("%s %s of %s\n", p.paint(open, "carried"), count(int(s.Rows[table]), "row"), table)
	}
	for _, n := range s.Notes {
		p.printf("%s\n", p.paint(faint, n))
	}
}
