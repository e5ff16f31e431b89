package migratecli

import (
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite/internal/source"
)

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
			r := newWritten(w, nil)
			return t.say(cmd, r, r.show)
		},
	}
	f := cmd.Flags()
	f.StringVar(&n.Author, "author", "", "who writes it: a comment in the file, and in a metadata.yaml")
	f.BoolVar(&n.WantDown, "down", false, "with a way back, also where the migration before has none")
	t.folderFlags(cmd)
	return cmd
}
