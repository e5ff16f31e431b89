// Package migratecli is the command-line tool as a package: the commands of
// cmd/migratingsqlite, for a program that embeds its migrations and wants to
// show, prove and undo them itself.
//
//	root.AddCommand(migratecli.Command("file:app.db")) // a program with cobra: myapp db status
//
//	if len(os.Args) > 1 && os.Args[1] == "db" { // any other
//		os.Exit(migratecli.Main(migratecli.Command("file:app.db"), os.Args[2:]...))
//	}
//
// The driver needs none of it. docs/cli.md is the manual.
package migratecli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/near"
)

// The exit codes.
const (
	exitFailed  = 1 // it failed, or was refused
	exitUsage   = 2 // the command line was wrong: nothing was done
	exitPending = 3 // status: something is pending
)

// tool is what the commands have in common.
type tool struct {
	dsn      string                   // of the program that embeds the commands
	opts     []migratingsqlite.Option // its own, or the set from the folder
	embedded bool                     // in a program, which has the migrations

	dir, set, layout string // standalone: where the migrations are
	json, yes        bool
	anySet           bool // the command looks at the books only: any set will do
	fleet            fleet
	waiting          *waiting // of a command for one database; nil for many
}

// Command returns the commands for a program that embeds its migrations: they
// work on the registered sets, or on those of the options, and where no
// database is named on dsn, which may be "". The command is called db; set Use
// for another name. It is for one run; [ExitCode] knows its errors.
func Command(dsn string, opts ...migratingsqlite.Option) *cobra.Command {
	return (&tool{dsn: dsn, opts: opts, embedded: true}).command("db")
}

// Tool returns the commands as they are in cmd/migratingsqlite, for one run: they
// read the migrations from a folder.
func Tool() *cobra.Command {
	cmd := (&tool{}).command("migratingsqlite")
	cmd.Version = version()
	return cmd
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown version)"
}

// Main runs a command with arguments, ends it when the process is interrupted,
// writes an error to the standard error output, and returns the exit code: 0,
// or what [ExitCode] says.
func Main(cmd *cobra.Command, args ...string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends it at once
	cmd.SetArgs(args)
	if args == nil {
		cmd.SetArgs([]string{})
	}
	cmd.SilenceErrors = true
	err := cmd.ExecuteContext(ctx)
	if err != nil && err.Error() != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), err)
	}
	return ExitCode(err)
}

// ExitCode is the exit code for the error of a command: 0 for none, 2 for wrong
// usage, 3 where status finds something pending, otherwise 1.
func ExitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.code
	}
	return exitFailed
}

// exitError is an error with an exit code. Without a text the command has said
// all there is to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError says what is wrong with the command line.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format+"; see %s --help", append(args, cmd.CommandPath())...)}
}

// The groups of commands in --help.
const (
	groupLook   = "look"
	groupChange = "change"
	groupWrite  = "write"
	groupRescue = "rescue"
)

// command puts the commands together.
func (t *tool) command(name string) *cobra.Command {
	root := &cobra.Command{
		Use:   name,
		Short: "Look at, try, prove and undo the migrations of SQLite and libSQL databases",
		Long: `Look at, try, prove and undo the migrations of SQLite and libSQL databases.

Programs with the driver migratingsqlite need none of this: they upgrade their
database when they open it. This is for the person who wants to look.

A database is a file (app.db), a DSN as the driver takes it
('file:app.db?_pragma=journal_mode(WAL)', libsql://host), or many of them
('data/*.db', --from-file).`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usageError(cmd, "unknown command %q; did you mean %s?", args[0], near.Word(args[0], names(cmd)))
		},
		SilenceUsage: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		hint := ""
		if flag, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok {
			hint = "; did you mean --" + near.Word(flag, flags(cmd)) + "?"
		}
		if notNumber.MatchString(err.Error()) {
			err = errors.New(notNumber.ReplaceAllString(err.Error(), `$2: wants a number, not "$1"`))
		}
		return usageError(cmd, "%w%s", err, hint)
	})
	root.AddGroup(
		&cobra.Group{ID: groupLook, Title: "Look:"},
		&cobra.Group{ID: groupChange, Title: "Upgrade and undo:"},
		&cobra.Group{ID: groupWrite, Title: "Write migrations:"},
		&cobra.Group{ID: groupRescue, Title: "Take over and rescue:"},
	)
	for _, c := range []struct {
		group    string
		commands []*cobra.Command
	}{
		{groupLook, []*cobra.Command{t.status(), t.plan(), t.history(), t.verify()}},
		{groupChange, []*cobra.Command{t.up(), t.down()}},
		{groupWrite, []*cobra.Command{t.newMigration(), t.validate(), t.diff(), t.dump(), t.squash()}},
		{groupRescue, []*cobra.Command{t.baseline(), t.adopt(), t.repair(), t.unlock(), t.backup(), t.backups(), t.restore()}},
	} {
		for _, cmd := range c.commands {
			cmd.GroupID = c.group
			run := cmd.RunE
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				err := run(cmd, args)
				if of := (*databaseError)(nil); errors.As(err, &of) {
					return t.fail(cmd, of.name, of.err)
				}
				return err
			}
			cmd.Long = reflowed(cmd.Long)
			root.AddCommand(cmd)
		}
	}
	f := root.PersistentFlags()
	f.BoolVar(&t.json, "json", false, "one JSON object a line for each database, as docs/cli.md has them")
	if !t.embedded {
		f.StringVar(&t.dir, "dir", "", "the `FOLDER` with the migrations (default: migrations, db/migrations, or the current folder)")
		f.StringVar(&t.set, "set", "", "the `NAME` that the program registers its set under (default: the one in the database, else app)")
		f.StringVar(&t.layout, "layout", "", "the `TOOL` whose folder it is, where that does not show: goose, drizzle, …")
	}
	root.InitDefaultHelpFlag()
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "Flags.FlagUsages ", fmt.Sprintf("Flags.FlagUsagesWrapped %d ", helpWidth)))
	t.complete(root)
	return root
}

// notNumber is what pflag says of a flag that wants a number.
var notNumber = regexp.MustCompile(`^invalid argument "(.*)" for "(.*)" flag: strconv\..*$`)

// helpWidth is how wide --help is.
const helpWidth = 80

// reflowed fills the lines of a text's paragraphs, but for those that are indented.
func reflowed(s string) string {
	paragraphs := strings.Split(s, "\n\n")
	for i, p := range paragraphs {
		if !strings.HasPrefix(p, " ") {
			paragraphs[i] = strings.Join(wrap(strings.ReplaceAll(p, "\n", " "), helpWidth), "\n")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// names are the words that stand for commands.
func names(cmd *cobra.Command) (list []string) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			list = append(list, c.Name())
		}
	}
	return list
}

func flags(cmd *cobra.Command) (list []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { list = append(list, f.Name) })
	return list
}

// databases takes any number of arguments that name databases.
func (t *tool) databases(cmd *cobra.Command, args []string) error {
	if len(args) == 0 && t.dsn == "" && t.fleet.from == "" {
		return usageError(cmd, "which database? Name a file, such as app.db, or a DSN")
	}
	return nil
}

func (t *tool) yesFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.yes, "yes", false, "do not ask")
}

// mayAsk refuses, without --yes, what would be a question for each of many
// databases.
func (t *tool) mayAsk(cmd *cobra.Command, args []string) error {
	if t.yes {
		return nil
	}
	many := t.fleet.from != ""
	if !many {
		dsns, err := t.targets(cmd, args)
		if err != nil {
			return err
		}
		many = len(dsns) > 1
	}
	if many || t.fleet.report != "" {
		return usageError(cmd, "nobody is asked about each of many databases: look with --dry-run, then say --yes")
	}
	return nil
}

// confirm shows the person at the terminal what would be done, and asks. Without
// one, only --yes says yes.
func (t *tool) confirm(cmd *cobra.Command, what result, question string) error {
	if t.yes {
		return nil
	}
	t.waiting.stop()
	p := newPrinter(cmd.ErrOrStderr())
	what.text(p)
	p.printf("\n")
	if !isTerminal(cmd.InOrStdin()) {
		return usageError(cmd, "%s Nobody is there to ask: say so with --yes", question)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answered := make(chan string, 1)
	go func() {
		var answer string
		fmt.Fscanln(cmd.InOrStdin(), &answer)
		answered <- strings.ToLower(answer)
	}()
	select {
	case answer := <-answered:
		if answer == "y" || answer == "yes" {
			return nil
		}
	case <-cmd.Context().Done():
		fmt.Fprintln(cmd.ErrOrStderr())
	}
	return &exitError{exitFailed, errors.New("nothing was done")}
}

// isTerminal reports whether a person reads or writes there.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isTTY(f)
}
