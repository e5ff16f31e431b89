package migratecli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
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

// difference is what diff finds, and has written.
type difference struct {
	Changes []change `json:"changes"`
	Up      string   `json:"up"`   // the scripts, without what the folder's tool wants around them
	Down    string   `json:"down"` // "" if there is no way back
	written
}

func (t *tool) diff() *cobra.Command {
	var file string
	var rename, drop, using []string
	var n source.New
	dry := false
	cmd := &cobra.Command{
		Use:   "diff NAME... --schema FILE",
		Short: "Write a migration to the schema that a file describes, and back",
		Long: `Write a migration, and its way back, that takes what the migrations make to the
schema that a file describes: CREATE statements, as dump writes them.

Rows are kept. Where ALTER TABLE cannot do it, a table is made anew, filled and
renamed, with what is on it and about it. What only a person knows is not
guessed, but asked for: whether something was renamed (--rename) or goes with its
rows (--drop), and where values come from that cannot be missing (--using). What
repeatable migrations make is left to them.

The statements are tried on an empty database, there and back, before a file is
written. They know nothing of your rows: read them, and try them on a copy with
verify.`,
		Example: "  migratingsqlite diff add prefs --schema schema.sql\n  migratingsqlite diff people --schema schema.sql --rename users=people --rename users.mail=email\n  migratingsqlite diff 'names are required' --schema schema.sql --using \"users.name=coalesce(name, '')\" --dry-run",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && !dry:
				return usageError(cmd, "what is it for? Say it in a few words, such as: diff add prefs --schema schema.sql")
			case file == "":
				return usageError(cmd, "which schema? Name the file that describes it with --schema schema.sql")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := decisions(cmd, rename, drop, using)
			if err != nil {
				return err
			}
			n.Name, n.Now = strings.TrimSuffix(strings.Join(args, " "), ".sql"), time.Now()
			r, err := t.differ(cmd.Context(), file, d, n, dry)
			if err != nil {
				return asked(err)
			}
			return t.say(cmd, r, func(p *printer) { r.show(p, file, dry) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "schema", "", "the `FILE` with the wanted schema")
	f.StringArrayVar(&rename, "rename", nil, "a rename, `OLD=NEW`: users=people, users.mail=email; may be repeated")
	f.StringArrayVar(&drop, "drop", nil, "no rename: `NAME` goes with what is in it: users, users.mail; may be repeated")
	f.StringArrayVar(&using, "using", nil, "where the rows that are there get a column's values from, `COLUMN=EXPRESSION`: users.name=coalesce(name, ''); may be repeated")
	f.StringVar(&n.Author, "author", "", "`WHO` writes it: a comment in the file, and in a metadata.yaml")
	f.BoolVar(&dry, "dry-run", false, "show the scripts and write nothing")
	t.folderFlags(cmd)
	return cmd
}

func decisions(cmd *cobra.Command, rename, drop, using []string) (d schema.Decisions, err error) {
	for _, s := range rename {
		r, err := schema.ParseRename(s)
		if err != nil {
			return d, usageError(cmd, "--rename: %w", err)
		}
		d.Renames = append(d.Renames, r)
	}
	for _, s := range drop {
		n, err := schema.ParseName(s)
		if err != nil {
			return d, usageError(cmd, "--drop: %w", err)
		}
		d.Drops = append(d.Drops, n)
	}
	for _, s := range using {
		u, err := schema.ParseUsing(s)
		if err != nil {
			return d, usageError(cmd, "--using: %w", err)
		}
		d.Using = append(d.Using, u)
	}
	return d, nil
}

// asked introduces the questions of an error.
func asked(err error) error {
	var u *schema.Undecided
	if !errors.As(err, &u) {
		return err
	}
	return fmt.Errorf("nothing is written: only you know\n  %s", strings.Join(u.Questions, "\n  "))
}

// differ compares what the migrations make with a wanted schema, and writes the
// migration between them.
func (t *tool) differ(ctx context.Context, file string, d schema.Decisions, n source.New, dry bool) (*difference, error) {
	dir, layout, err := t.place()
	if err != nil {
		return nil, err
	}
	set, err := t.onlySet(ctx, dir, layout)
	if err != nil {
		return nil, err
	}
	have, repeated, err := made(ctx, set, 0)
	if err != nil {
		return nil, err
	}
	want, notes, err := wanted(ctx, file)
	if err != nil {
		return nil, err
	}
	if want.Empty() && !have.Empty() {
		return nil, fmt.Errorf("%s makes nothing, and the change would be to drop everything; is it the right file?", file)
	}
	d.Elsewhere = repeated.names
	r := &difference{Changes: changes(have.Without(repeated.names...), want.Without(repeated.names...)), written: written{Created: []string{}, Changed: []string{}, Notes: notes}}
	for _, c := range changes(have.Only(repeated.names...), want.Only(repeated.names...)) {
		r.Notes = append(r.Notes, fmt.Sprintf("left to %s, which makes it: %s %s", strings.Join(repeated.files, ", "), c.Sign, c))
	}
	up, err := schema.Change(ctx, have, want, d)
	if err != nil || len(up) == 0 {
		return r, err
	}
	r.Up = up.String()
	// The way back is from what there is then: with what is made elsewhere.
	if back, err := schema.Change(ctx, want.Without(repeated.names...), have, d.Back()); err != nil {
		r.Notes = append(r.Notes, "no way back was found: "+err.Error())
	} else {
		r.Down = back.String()
	}
	if dry {
		return r, nil
	}
	n.Up, n.Down = r.Up, r.Down
	if !t.embedded {
		if err := t.proven(ctx, dir, layout, n, want, have, repeated.names); err != nil {
			return nil, fmt.Errorf("nothing is written: the migration was tried, and %w", err)
		}
	}
	w, err := t.write(n)
	if err != nil {
		return nil, err
	}
	r.written = newWritten(w, r.Notes)
	return r, nil
}

// made replays a set on a new database, up to a version if there is one. The
// structure is with what repeatable migrations make.
func made(ctx context.Context, set *migratingsqlite.Set, to int64) (s *schema.Schema, r repeated, err error) {
	if set == nil {
		return &schema.Schema{}, r, nil
	}
	if r, err = repeats(set); err != nil {
		return nil, r, err
	}
	err = replayed(ctx, set, to, func(db *sql.DB) (err error) {
		s, err = schema.Of(ctx, db)
		return err
	})
	return s, r, err
}

// wanted makes the schema that a file describes.
func wanted(ctx context.Context, file string) (s *schema.Schema, notes []string, err error) {
	notes = []string{}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("--schema: %w", err)
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	statements, err := script.Split(string(text))
	if err != nil {
		return nil, nil, fmt.Errorf("%s:%w", file, err)
	}
	for _, st := range statements {
		switch st.Kind {
		case script.Insert, script.Update, script.Delete:
			notes = append(notes, fmt.Sprintf("%s:%d:%d: rows are no part of the schema; %s belongs into a migration", file, st.Line, st.Column, st.Kind))
			continue
		case script.Attach:
			return nil, nil, fmt.Errorf("%s:%d:%d: a schema describes one database; take %s out", file, st.Line, st.Column, st.Kind)
		}
		if _, err := db.ExecContext(ctx, st.Text); err != nil {
			return nil, nil, fmt.Errorf("%s:%d:%d: %s", file, st.Line, st.Column, reason(err))
		}
	}
	s, err = schema.Of(ctx, db)
	return s, notes, err
}

// proven writes the migration into a copy of the folder, and applies and undoes
// it as a program would.
func (t *tool) proven(ctx context.Context, dir string, layout *source.Layout, n source.New, want, have *schema.Schema, elsewhere []string) error {
	copied, err := copyOf(dir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(copied)
	w, err := source.Write(copied, layout, n)
	if err != nil {
		return shortened(err, copied, dir)
	}
	set, err := loadFrom(copied, defaultSet, t.layout)
	if err != nil {
		return shortened(err, copied, dir)
	}
	list := set.Migrations()
	at := slices.IndexFunc(list, func(m migratingsqlite.Migration) bool { return m.Version == w.Version })
	path := filepath.Join(copied, ".proof.db")
	if err := upTo(ctx, path, set, 0); err != nil {
		return err
	}
	if err := has(ctx, path, want, elsewhere); err != nil {
		return fmt.Errorf("then %w", err)
	}
	if at < 0 || list[at].DownFile() == "" {
		return nil
	}
	to := int64(0)
	if at > 0 {
		to = list[at-1].Version
	}
	if _, err := scratch(path).downTo(ctx, to, set); err != nil {
		return fmt.Errorf("going back: %w", err)
	}
	if err := has(ctx, path, have, elsewhere); err != nil {
		return fmt.Errorf("undone, %w", err)
	}
	return nil
}

// has reports how a database has not the structure that it should have.
func has(ctx context.Context, path string, want *schema.Schema, elsewhere []string) error {
	db, err := sql.Open("sqlite", fileDSN(path))
	if err != nil {
		return err
	}
	defer db.Close()
	got, err := schema.Of(ctx, db, elsewhere...)
	if err != nil {
		return err
	}
	want = want.Without(elsewhere...)
	if got.Equal(want) {
		return nil
	}
	return fmt.Errorf("the structure is not as it should be: %v", schema.Diff(got, want))
}

func (r *difference) show(p *printer, file string, dry bool) {
	if r.Up == "" {
		p.printf("%s the migrations make what %s says\n", p.paint(good, "nothing to do:"), file)
		r.written.show(p)
		return
	}
	if dry {
		p.printf("%s", r.Up)
		if r.Down != "" {
			p.printf("\n-- The way back:\n\n%s", r.Down)
		}
		for _, n := range r.Notes {
			p.printf("\n-- %s\n", n)
		}
		return
	}
	showChanges(p, 0, r.Changes)
	r.written.show(p)
}
