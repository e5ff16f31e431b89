package migratecli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
)

// downgrade is what down has done, or would do.
type downgrade struct {
	Database   string     `json:"database"`
	Set        string     `json:"set"`
	From       int64      `json:"from"`
	To         int64      `json:"to"`
	Done       bool       `json:"done"`
	Steps      []downStep `json:"steps"`
	Backup     string     `json:"backup,omitempty"`
	LockWaitMS int64      `json:"lock_wait_ms"`
}

type downStep struct {
	Version      int64  `json:"version"`
	Name         string `json:"name"`
	File         string `json:"file,omitempty"`
	FromDatabase bool   `json:"from_database"`
	Func         bool   `json:"func"`
	SQL          string `json:"sql"`
	DurationMS   int64  `json:"duration_ms"`
	Statements   int    `json:"statements"`
	RowsAffected int64  `json:"rows_affected"`
}

func (t *tool) down() *cobra.Command {
	var to int64
	steps, dryRun := 1, false
	cmd := &cobra.Command{
		Use:   "down [DATABASE]...",
		Short: "Undo the newest migration, or all above a version",
		Long: `Undo the newest migration, or all above a version, in one transaction: all of it,
or nothing. Each is undone by its down script in the folder, if the migration
there is the one that was applied, and else by the script that the database has
kept. The views, triggers and indexes of repeatable migrations are dropped before;
the next open makes them again.

It shows what it would do and asks, scripts from the database in full: who could
write to the database could write them. Programs that have the database open are
not told; stop them before. A program that has the undone migrations applies them
again when it opens the database.`,
		Example: "  migratingsqlite down --dry-run app.db\n  migratingsqlite down --to 12 app.db\n  migratingsqlite down --steps 2 --yes app.db",
		Args:    t.databases,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case cmd.Flags().Changed("to") && cmd.Flags().Changed("steps"):
				return usageError(cmd, "say --to or --steps, not both")
			case steps < 1:
				return usageError(cmd, "--steps %d: wants at least 1", steps)
			}
			if !dryRun {
				if err := t.mayAsk(cmd, args); err != nil {
					return err
				}
			}
			return t.each(cmd, args, t.on(func(ctx context.Context, m *migratingsqlite.Migrator) (result, error) {
				to, err := to, error(nil)
				if !cmd.Flags().Changed("to") {
					to, err = below(ctx, m, steps)
				}
				if err != nil {
					return nil, err
				}
				p, err := m.PlanDown(ctx, to)
				if err != nil {
					return nil, err
				}
				r := newDowngrade(m.Database(), p)
				if dryRun || len(p.Steps) == 0 {
					return r, nil
				}
				if err := t.confirm(cmd, r, "Undo "+count(len(p.Steps), "migration")+" of "+m.Database()+"?"); err != nil {
					return nil, err
				}
				done, err := m.Down(ctx, p)
				if err != nil {
					return nil, err
				}
				r.did(done)
				return r, nil
			}))
		},
	}
	cmd.Flags().Int64Var(&to, "to", 0, "go back to this `VERSION`; 0 undoes all")
	cmd.Flags().IntVar(&steps, "steps", 1, "undo this `NUMBER` of migrations")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be done and change nothing")
	t.yesFlag(cmd)
	t.fleet.flags(cmd)
	return cmd
}

// below returns the version that is so many steps below the newest.
func below(ctx context.Context, m *migratingsqlite.Migrator, steps int) (int64, error) {
	records, err := m.History(ctx)
	if err != nil {
		return 0, err
	}
	var versions []int64
	for _, r := range records {
		if r.Set == m.Sets()[0].Name() && r.Version > 0 && isThere(r.Status) {
			versions = append(versions, r.Version)
		}
	}
	slices.Sort(versions)
	if at := len(versions) - 1 - steps; at >= 0 {
		return versions[at], nil
	}
	return 0, nil
}

func newDowngrade(database string, p *migratingsqlite.DownPlan) *downgrade {
	r := &downgrade{Database: database, Set: p.Set, From: p.From, To: p.To, Steps: []downStep{}}
	for _, s := range p.Steps {
		r.Steps = append(r.Steps, downStep{Version: s.Version, Name: s.Name, File: s.File, FromDatabase: s.FromDatabase, Func: s.Func, SQL: s.SQL})
	}
	return r
}

func (r *downgrade) did(done *migratingsqlite.Result) {
	r.Done, r.LockWaitMS, r.Backup = true, done.LockWait.Milliseconds(), done.Backup
	for i, u := range done.Undone {
		s := &r.Steps[i]
		s.DurationMS, s.Statements, s.RowsAffected = u.Duration.Milliseconds(), u.Statements, u.RowsAffected
	}
}

func (r *downgrade) code() int { return 0 }

func (r *downgrade) brief() string {
	switch {
	case len(r.Steps) == 0:
		return "nothing to undo"
	case r.Done:
		return fmt.Sprintf("undid %s, at version %d now", count(len(r.Steps), "migration"), r.To)
	}
	return fmt.Sprintf("would undo %s, from version %d to %d", count(len(r.Steps), "migration"), r.From, r.To)
}

func (r *downgrade) text(p *printer) {
	switch {
	case len(r.Steps) == 0:
		p.printf("%s  set %s, version %d: %s\n", p.paint(bold, r.Database), r.Set, r.From, p.paint(good, "nothing to undo"))
	case r.Done:
		p.printf("%s  set %s, undid %s, at version %d now\n\n", p.paint(bold, r.Database), r.Set, p.paint(good, count(len(r.Steps), "migration")), r.To)
		var rows [][]string
		for _, s := range r.Steps {
			rows = append(rows, []string{versioned(s.Version), s.Name, s.by(), fmt.Sprint(s.RowsAffected), took(time.Duration(s.DurationMS) * time.Millisecond)})
		}
		p.table([]string{"version", "name", "by", "rows changed", "took"}, rows)
		if r.Backup != "" {
			p.printf("\n  what was there before is in %s\n", r.Backup)
		}
	default:
		p.printf("%s  set %s, from version %d to %d: %s to undo\n", p.paint(bold, r.Database), r.Set, r.From, r.To, p.paint(open, count(len(r.Steps), "migration")))
		for _, s := range r.Steps {
			p.printf("\n  %s  by %s\n", p.paint(bold, labelOf(s.Version, s.Name)), s.by())
			if s.File == "" && s.SQL != "" {
				for line := range strings.Lines(printable(s.SQL)) {
					p.printf("    %s %s\n", p.paint(faint, "|"), strings.TrimRight(line, "\r\n"))
				}
			}
		}
	}
}

// by says what undoes the migration.
func (s *downStep) by() string {
	list := []string{}
	if s.Func {
		list = append(list, "its function")
	}
	switch {
	case s.FromDatabase:
		list = append(list, "what the database has kept")
	case s.File != "":
		list = append(list, s.File)
	case s.SQL != "":
		list = append(list, "dropping what it made")
	case !s.Func:
		list = append(list, "the next open, which applies it again")
	}
	return strings.Join(list, " and ")
}
