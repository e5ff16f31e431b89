package migratecli

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/source"
)

// written is what new has written.
type written struct {
	Version int64    `json:"version"`
	Created []string `json:"created"` // the up script first
	Changed []string `json:"changed"` // files that list the migrations
	Notes   []string `json:"notes"`
}

func (t *tool) newMigration() *cobra.Command {
	var n source.New
	cmd := &cobra.Command{
		Use:   "new NAME...",
		Short: "Write the files of a new migration, for you to fill",
		Long: `Write the files of a new migration, for you to fill, in the manner of the folder:
with the next number, or the time where the others have one; one file or two;
with the markers of goose, dbmate and so on, and entered in atlas.sum or in
Drizzle's journal. An empty folder gets 0001_name.sql, with --down
0001_name.up.sql and 0001_name.down.sql.

No file is replaced. What only another tool can write is refused, with the name
of its command.`,
		Example: "  migratingsqlite new add prefs\n  migratingsqlite new --down --author 'Ada <ada@example.org>' 'Split the names'\n  migratingsqlite new --dir db --layout goose init",
		Args: func(cmd *cobra.Command, args []string) error {
			if !strings.ContainsFunc(strings.Join(args, ""), func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
				return usageError(cmd, "what is it for? Say it in a few words, such as: new add prefs")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			n.Name = strings.TrimSuffix(strings.Join(args, " "), ".sql")
			w, err := t.write(n)
			if err != nil {
				return err
			}
			return t.wrote(cmd, w)
		},
	}
	f := cmd.Flags()
	f.StringVar(&n.Author, "author", "", "who writes it: a comment in the file, and in a metadata.yaml")
	f.BoolVar(&n.WantDown, "down", false, "with a way back, also where the migration before has none")
	t.folderFlags(cmd)
	return cmd
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

// wrote says what was written.
func (t *tool) wrote(cmd *cobra.Command, w *source.Written) error {
	r := newWritten(w, nil)
	return t.say(cmd, r, r.show)
}

// say writes what a command has done: for programs, or for people.
func (t *tool) say(cmd *cobra.Command, v any, show func(*printer)) (err error) {
	if t.json {
		err = writeJSON(cmd.OutOrStdout(), v)
	} else {
		p := newPrinter(cmd.OutOrStdout())
		show(p)
		err = p.broken
	}
	return writing(err)
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
