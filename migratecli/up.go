package migratecli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
)

// upgrade is what up has done.
type upgrade struct {
	Database   string    `json:"database"`
	Applied    []applied `json:"applied"`
	LockWaitMS int64     `json:"lock_wait_ms"`
	Backup     string    `json:"backup,omitempty"`
}

type applied struct {
	Set          string `json:"set"`
	Version      int64  `json:"version"`
	Name         string `json:"name"`
	DurationMS   int64  `json:"duration_ms"`
	Statements   int    `json:"statements"`
	RowsAffected int64  `json:"rows_affected"`
}

func (t *tool) up() *cobra.Command {
	var to int64
	dryRun := false
	cmd := &cobra.Command{
		Use:   "up [DATABASE]...",
		Short: "Apply what is pending, as a program would that opens the database",
		Long: `Apply what is pending, as a program would that opens the database.

What one transaction can hold is one transaction: an error undoes all of it. A
file that is missing is created. Of many databases a failure stops none of the
others; run again, it does what is left.`,
		Example: "  migratingsqlite up app.db\n  migratingsqlite up --to 12 --dry-run app.db\n  migratingsqlite up 'data/*.db' --parallel 4 --report report.jsonl",
		Args:    t.databases,
		RunE: func(cmd *cobra.Command, args []string) error {
			var more []migratingsqlite.Option
			if cmd.Flags().Changed("to") {
				more = append(more, migratingsqlite.WithTo(to))
			}
			if dryRun {
				return t.each(cmd, args, t.planOf(more...))
			}
			return t.each(cmd, args, t.on(func(ctx context.Context, m *migratingsqlite.Migrator) (result, error) {
				done, err := m.Up(ctx)
				if err != nil {
					return nil, err
				}
				return newUpgrade(m.Database(), done), nil
			}, more...))
		},
	}
	cmd.Flags().Int64Var(&to, "to", 0, "stop at this `VERSION`")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show the plan and change nothing")
	t.fleet.flags(cmd)
	return cmd
}

func newUpgrade(database string, done *migratingsqlite.Result) *upgrade {
	r := &upgrade{Database: database, Applied: []applied{}, LockWaitMS: done.LockWait.Milliseconds(), Backup: done.Backup}
	for _, a := range done.Applied {
		r.Applied = append(r.Applied, applied{a.Set, a.Version, a.Name, a.Duration.Milliseconds(), a.Statements, a.RowsAffected})
	}
	return r
}

func (r *upgrade) code() int { return 0 }

func (r *upgrade) brief() string {
	if len(r.Applied) == 0 {
		return "up to date"
	}
	return "applied " + count(len(r.Applied), "migration")
}

func (r *upgrade) text(p *printer) {
	if len(r.Applied) == 0 {
		p.printf("%s  %s\n", p.paint(bold, r.Database), p.paint(good, "up to date"))
		return
	}
	p.printf("%s  applied %s\n\n", p.paint(bold, r.Database), p.paint(good, count(len(r.Applied), "migration")))
	var rows [][]string
	for _, a := range r.Applied {
		rows = append(rows, []string{versioned(a.Version), a.Name, fmt.Sprint(a.Statements), fmt.Sprint(a.RowsAffected), took(time.Duration(a.DurationMS) * time.Millisecond)})
	}
	p.table([]string{"version", "name", "statements", "rows changed", "took"}, rows)
	if r.Backup != "" {
		p.printf("\n  what was there before is in %s\n", r.Backup)
	}
}
