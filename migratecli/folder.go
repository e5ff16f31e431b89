package migratecli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
	"github.com/migratingsqlite/migratingsqlite/internal/source"
)

// defaultSet is the name of a set where nothing else says one.
const defaultSet = "app"

// findSet loads the migrations. The first history that is met says what the set is
// called; a fleet is of one program. If there is but one database, and it cannot
// be read, that is the error.
func (t *tool) findSet(ctx context.Context, dsns ...string) error {
	if t.embedded {
		return nil
	}
	name := cmp.Or(t.set, defaultSet)
	if t.anySet {
		return t.loadNone()
	}
	if err := t.load(name); err != nil || t.set != "" {
		return err
	}
	for _, dsn := range dsns[:min(len(dsns), 10)] {
		found, err := t.setName(ctx, dsn)
		switch {
		case err != nil && len(dsns) == 1:
			return err
		case err != nil || found == "": // said of this database, and the others may do
			continue
		case found != name:
			err = t.load(found)
		}
		t.set = found
		return err
	}
	return nil
}

// setName returns the name of the only set that a database has a history of, ""
// if there is none. An attempt that failed may have been one with the wrong name.
// Its errors are [*databaseError]s.
func (t *tool) setName(ctx context.Context, dsn string) (name string, err error) {
	m, err := t.migrator(dsn)
	if err != nil {
		return "", &databaseError{t.name(dsn), err}
	}
	defer m.Close()
	history, err := m.History(ctx)
	if err != nil {
		return "", &databaseError{m.Database(), err}
	}
	for _, r := range history {
		if r.Status == "failed" {
			continue
		}
		if name != "" && name != r.Set {
			return defaultSet, nil // a refusal will name them
		}
		name = r.Set
	}
	return name, nil
}

// sets loads the migrations. A database knows what a set is called.
func (t *tool) sets(ctx context.Context, dsn string, isDatabase bool) ([]*migratingsqlite.Set, error) {
	err := error(nil)
	switch {
	case t.embedded:
	case isDatabase:
		err = t.findSet(ctx, dsn)
	default:
		err = t.load(cmp.Or(t.set, defaultSet))
	}
	if err != nil {
		return nil, err
	}
	m, err := t.migrator(dsn)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	return m.Sets(), nil
}

// onlySet loads the migrations; nil if there are none yet.
func (t *tool) onlySet(ctx context.Context, dir string, layout *source.Layout) (*migratingsqlite.Set, error) {
	if !t.embedded {
		if _, err := source.Find(os.DirFS(dir), layout); errors.Is(err, source.ErrNone) || errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
	}
	sets, err := t.sets(ctx, cmp.Or(t.dsn, ":memory:"), false)
	if err != nil {
		return nil, err
	}
	if len(sets) > 1 {
		return nil, errors.New("the program has several sets of migrations, and this is about one; make a command of its own for each, with WithSet")
	}
	return sets[0], nil
}

// load loads the migrations from the folder under a name.
func (t *tool) load(name string) error {
	dir, err := t.folder()
	if err != nil {
		return err
	}
	set, err := loadFrom(dir, name, t.layout)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, inFlags(err))
	}
	t.opts = []migratingsqlite.Option{migratingsqlite.WithSet(set)}
	return nil
}

// inFlags is an error about a folder in the words of a person who writes no Go.
func inFlags(err error) error {
	if text := flagWords(err.Error()); text != err.Error() {
		return &reworded{err, text}
	}
	return err
}

func flagWords(text string) string {
	return strings.NewReplacer(
		"name one with Dir", "name one with --dir",
		"say whose with Layout", "say whose with --layout",
		"is the go:embed pattern right?", "name another folder with --dir, or begin with new",
	).Replace(layoutForm.ReplaceAllString(text, "--layout $1"))
}

// layoutForm is how a program says whose folder it is.
var layoutForm = regexp.MustCompile(`Layout\("([^"]+)"\)( or _migrate_layout=\S+)?`)

// loadFrom loads the migrations of a folder; the layout may be "".
func loadFrom(dir, name, layout string) (*migratingsqlite.Set, error) {
	var opts []migratingsqlite.SetOption
	if layout != "" {
		opts = append(opts, migratingsqlite.Layout(layout))
	}
	return migratingsqlite.Load(name, os.DirFS(dir), opts...)
}

// loadNone is load for a command that does not look at the migrations, and works
// without the folder.
func (t *tool) loadNone() error {
	set, err := migratingsqlite.Load(defaultSet, nil, migratingsqlite.Func(1, "none", func(context.Context, migratingsqlite.Tx) error { return nil }, nil))
	t.opts = []migratingsqlite.Option{migratingsqlite.WithSet(set)}
	return err
}

// folder returns the folder with the migrations.
func (t *tool) folder() (string, error) {
	if t.dir != "" {
		info, err := os.Stat(t.dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("--dir %s: there is no such folder", t.dir)
		case err != nil:
			return "", fmt.Errorf("--dir: %w", err)
		case !info.IsDir():
			return "", fmt.Errorf("--dir %s: that is a file; name the folder that it is in", t.dir)
		}
		return t.dir, nil
	}
	for _, dir := range []string{"migrations", "db/migrations"} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	return ".", nil
}

// folderFlags are for commands that write into the folder, in a program that has
// the migrations.
func (t *tool) folderFlags(cmd *cobra.Command) {
	if t.embedded {
		cmd.Flags().StringVar(&t.dir, "dir", "", "the `FOLDER` with the migrations (default: migrations, db/migrations, or the current folder)")
		cmd.Flags().StringVar(&t.layout, "layout", "", "the `TOOL` whose folder it is, where that does not show: goose, drizzle, …")
	}
}

// place says where a new migration belongs: beside the others, which may be in a
// folder of the folder. Where there is nothing yet, it is a folder migrations.
func (t *tool) place() (dir string, layout *source.Layout, err error) {
	if t.layout != "" {
		if layout, err = source.ByName(t.layout); err != nil {
			return "", nil, err
		}
	}
	if _, err := os.Stat(t.dir); t.dir != "" && errors.Is(err, os.ErrNotExist) {
		return t.dir, layout, nil
	}
	if dir, err = t.folder(); err != nil {
		return "", nil, err
	}
	found, err := source.Find(os.DirFS(dir), layout)
	switch {
	case err == nil && t.dir == "" && dir == "." && !source.Holds(os.DirFS(dir), found, layout):
		return "migrations", layout, nil // a project with a schema.sql
	case err == nil:
		return filepath.Join(dir, filepath.FromSlash(found)), layout, nil
	case t.dir == "" && dir == "." && errors.Is(err, source.ErrNone):
		return "migrations", layout, nil
	case errors.Is(err, source.ErrNone):
		return dir, layout, nil
	}
	return "", nil, inFlags(err)
}

// write adds a migration to the folder.
func (t *tool) write(n source.New) (*source.Written, error) {
	dir, layout, err := t.place()
	if err != nil {
		return nil, err
	}
	if t.embedded { // functions have numbers, too
		if m, err := t.migrator(cmp.Or(t.dsn, ":memory:")); err == nil {
			if sets := m.Sets(); len(sets) == 1 {
				n.Above = newestFunc(sets[0])
			}
			m.Close()
		}
	}
	w, err := source.Write(dir, layout, n)
	if err != nil {
		return nil, inFlags(err)
	}
	return w, nil
}

func newestFunc(set *migratingsqlite.Set) (version int64) {
	for _, m := range set.Migrations() {
		if m.File == "" {
			version = max(version, m.Version)
		}
	}
	return version
}

// written is what new has written.
type written struct {
	Version int64    `json:"version"`
	Created []string `json:"created"` // the up script first
	Changed []string `json:"changed"` // files that list the migrations
	Notes   []string `json:"notes"`
}

func newWritten(w *source.Written, notes []string) written {
	r := written{w.Version, []string{}, []string{}, append([]string{}, notes...)}
	for _, p := range w.Created {
		r.Created = append(r.Created, filepath.ToSlash(p))
	}
	for _, p := range w.Changed {
		r.Changed = append(r.Changed, filepath.ToSlash(p))
	}
	r.Notes = append(r.Notes, w.Notes...)
	return r
}

func (r *written) show(p *printer) {
	for _, name := range r.Created {
		p.printf("%s %s\n", p.paint(good, "created"), name)
	}
	for _, name := range r.Changed {
		p.printf("%s %s\n", p.paint(open, "changed"), name)
	}
	for _, note := range r.Notes {
		p.printf("%s\n", p.paint(faint, note))
	}
}

// copyOf copies a folder, if it is there, into a new one.
func copyOf(dir string) (copied string, err error) {
	if copied, err = os.MkdirTemp("", "migratingsqlite"); err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err == nil {
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			os.RemoveAll(copied)
			return "", err
		}
	}
	return copied, nil
}

// shortened names the folder that a person knows.
func shortened(err error, copied, dir string) error {
	return errors.New(strings.ReplaceAll(err.Error(), copied, dir))
}

// repeated is what repeatable migrations make.
type repeated struct{ names, files []string }

// repeats finds out what the repeatable migrations of a set make, and in which
// files.
func repeats(set *migratingsqlite.Set) (r repeated, err error) {
	for _, m := range set.Migrations() {
		if m.Version > 0 {
			continue
		}
		up, _, err := m.SQL()
		if err != nil {
			return r, err
		}
		statements, err := script.Split(up)
		if err != nil {
			return r, err
		}
		r.files = append(r.files, filepath.Base(m.File))
		for _, st := range statements {
			switch st.Kind {
			case script.CreateTable, script.CreateVirtualTable, script.CreateIndex, script.CreateView, script.CreateTrigger:
				r.names = append(r.names, st.Effect().Name)
			}
		}
	}
	return r, nil
}
