package migratecli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
)

// repair is what repair has accepted, or would.
type repair struct {
	Database string     `json:"database"`
	Set      string     `json:"set"`
	Done     bool       `json:"done"`
	Edited   []accepted `json:"edited"`
}

type accepted struct {
	Version  int64  `json:"version"`
	Name     string `json:"name"`
	File     string `json:"file,omitempty"`
	Before   string `json:"checksum_before"`
	Checksum string `json:"checksum"`
}

func (t *tool) repair() *cobra.Command {
	var versions []int64
	dryRun := false
	cmd := &cobra.Command{
		Use:   "repair [DATABASE]...",
		Short: "Accept harmless edits of migrations that are applied",
		Long: `Accept edits of migrations that are applied: a comment, a name, white space. The
history gets the new checksum and keeps the old one beside it. Nothing is applied:
an edit that would have made a difference belongs in a new migration, and the file
back as it was.

It shows which files were edited, and asks.`,
		Example: "  migratingsqlite repair --dry-run app.db\n  migratingsqlite repair --version 3,7 app.db",
		Args:    t.databases,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !dryRun {
				if err := t.mayAsk(cmd, args); err != nil {
					return err
				}
			}
			return t.each(cmd, args, t.on(func(ctx context.Context, m *migratingsqlite.Migrator) (result, error) {
				r, err := newRepair(ctx, m, versions)
				if err != nil || dryRun || len(r.Edited) == 0 && versions == nil {
					return r, err
				}
				if len(r.Edited) > 0 {
					if err := t.confirm(cmd, r, "Accept "+count(len(r.Edited), "edit")+" in "+m.Database()+"?"); err != nil {
						return nil, err
					}
				}
				was, err := m.Repair(ctx, versions...)
				if err != nil {
					return nil, err
				}
				r.did(m.Sets()[0], was)
				return r, nil
			}))
		},
	}
	cmd.Flags().Int64SliceVar(&versions, "version", nil, "only these `VERSIONS` (default: all that were edited)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what was edited and change nothing")
	t.yesFlag(cmd)
	t.fleet.flags(cmd)
	return cmd
}

// newRepair looks for what was edited.
func newRepair(ctx context.Context, m *migratingsqlite.Migrator, versions []int64) (*repair, error) {
	if len(m.Sets()) > 1 {
		_, err := m.Repair(ctx) // says how to choose one
		return nil, err
	}
	records, err := m.History(ctx)
	if err != nil {
		return nil, err
	}
	status, err := m.Status(ctx)
	if err != nil {
		return nil, err
	}
	r := &repair{Database: m.Database(), Set: m.Sets()[0].Name()}
	var changed []migratingsqlite.Record
	for _, s := range status[0].Migrations {
		if s.State == "changed" && (versions == nil || slices.Contains(versions, s.Version)) {
			for _, rec := range records {
				if rec.Set == r.Set && rec.Version == s.Version && isThere(rec.Status) {
					changed = append(changed, rec)
				}
			}
		}
	}
	r.list(m.Sets()[0], changed)
	return r, nil
}

func (r *repair) list(set *migratingsqlite.Set, was []migratingsqlite.Record) {
	r.Edited = []accepted{}
	for _, rec := range was {
		for _, mig := range set.Migrations() {
			if mig.Version == rec.Version {
				r.Edited = append(r.Edited, accepted{rec.Version, rec.Name, mig.File, rec.Checksum, mig.Checksum})
			}
		}
	}
}

func (r *repair) did(set *migratingsqlite.Set, was []migratingsqlite.Record) {
	r.Done = true
	r.list(set, was)
}

func (r *repair) code() int { return 0 }

func (r *repair) brief() string {
	switch {
	case len(r.Edited) == 0:
		return "nothing was edited"
	case r.Done:
		return "accepted " + count(len(r.Edited), "edit")
	}
	return count(len(r.Edited), "migration") + " edited since"
}

func (r *repair) text(p *printer) {
	colour := open
	if r.Done || len(r.Edited) == 0 {
		colour = good
	}
	p.printf("%s  set %s: %s\n", p.paint(bold, r.Database), r.Set, p.paint(colour, r.brief()))
	if len(r.Edited) == 0 {
		return
	}
	var rows [][]string
	for _, e := range r.Edited {
		rows = append(rows, []string{versioned(e.Version), e.Name, e.File, shortSum(e.Before), shortSum(e.Checksum)})
	}
	p.printf("\n")
	p.table([]string{"version", "name", "file", "was", "is"}, rows)
}

// shortSum is as much of a checksum as tells two apart.
func shortSum(sum string) string {
	sum = printable(strings.TrimPrefix(sum, "sha256:"))
	return sum[:min(12, len(sum))]
}
