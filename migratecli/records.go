package migratecli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
)

// takeover is what baseline and adopt have recorded.
type takeover struct {
	Database string        `json:"database"`
	Sets     []takeoverSet `json:"sets"`
}

type takeoverSet struct {
	Set      string        `json:"set"`
	Version  int64         `json:"version"`
	Because  string        `json:"because,omitempty"`
	Recorded []migrationID `json:"recorded"`
	Pending  int           `json:"pending"`
}

type migrationID struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
}

func (t *tool) baseline() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "baseline VERSION [DATABASE]...",
		Short: "Record that a database without a history is at a version",
		Long: `Record that a database without a history is at a version: what was applied by hand,
or by a tool that keeps no record. Nothing is applied or changed, and up goes on
from there. The structure is not asked for; adopt finds the version by itself.

A database that has a history, and is at that version or a newer one, is left as
it is.`,
		Example: "  migratingsqlite baseline 7 app.db && migratingsqlite up app.db",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, "which version? Say baseline VERSION DATABASE")
			}
			if v, err := strconv.ParseInt(args[0], 10, 64); err != nil || v < 1 {
				return usageError(cmd, "%q is no version: that is a number above 0, and stands before the databases", args[0])
			}
			return t.databases(cmd, args[1:])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			version, _ := strconv.ParseInt(args[0], 10, 64)
			return t.each(cmd, args[1:], t.record(version, migratingsqlite.WithBaseline(args[0])))
		},
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return t.versions(cmd, args, word)
	}
	t.fleet.flags(cmd)
	return cmd
}

func (t *tool) adopt() *cobra.Command {
	table := ""
	cmd := &cobra.Command{
		Use:   "adopt [DATABASE]...",
		Short: "Take over what another tool recorded, or what the structure shows",
		Long: `Take over a database that has tables and no history: record as applied what
another tool (goose, golang-migrate, Drizzle, …) has written down, or else the
migrations after which the structure is what it is. Nothing is applied, and the
other tool's table stays. Where neither tells, it is refused, and says why.

Opening the database does the same. This is for looking before.`,
		Example: "  migratingsqlite plan app.db && migratingsqlite adopt app.db\n  migratingsqlite adopt --table schema_info app.db",
		Args:    t.databases,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts := []migratingsqlite.Option{migratingsqlite.WithBaseline("auto")}
			if table != "" {
				opts = append(opts, migratingsqlite.WithAdoptTable(table))
			}
			return t.each(cmd, args, t.record(0, opts...))
		},
	}
	cmd.Flags().StringVar(&table, "table", "", "the other tool's history is in this `TABLE`, if it is not called as usual")
	t.fleet.flags(cmd)
	return cmd
}

// record records what is there already. A database that has a history has to be
// at a version at least.
func (t *tool) record(at int64, more ...migratingsqlite.Option) work {
	return t.on(func(ctx context.Context, m *migratingsqlite.Migrator) (result, error) {
		p, err := m.Baseline(ctx)
		if err != nil {
			return nil, err
		}
		r := &takeover{Database: m.Database(), Sets: []takeoverSet{}}
		for _, s := range p.Sets {
			out := takeoverSet{Set: s.Set, Version: s.Version, Because: s.Because, Recorded: []migrationID{}, Pending: len(s.Pending)}
			for _, b := range s.Baseline {
				out.Recorded = append(out.Recorded, migrationID{b.Version, b.Name})
			}
			if s.Version < at {
				why := fmt.Sprintf("it has a history, and is at version %d", s.Version)
				if s.Version == 0 {
					why = "it is at version 0 (empty, or all undone)"
				}
				return nil, fmt.Errorf("migratingsqlite: %s: %s, not at version %d; up applies what is missing", m.Database(), why, at)
			}
			r.Sets = append(r.Sets, out)
		}
		return r, nil
	}, more...)
}

func (r *takeover) code() int { return 0 }

func (r *takeover) brief() string {
	var parts []string
	for _, s := range r.Sets {
		part := ""
		if len(r.Sets) > 1 {
			part = s.Set + " "
		}
		if len(s.Recorded) == 0 {
			part += fmt.Sprintf("at version %d, nothing to record", s.Version)
		} else {
			part += fmt.Sprintf("recorded to be at version %d", s.Version)
		}
		if s.Pending > 0 {
			part += fmt.Sprintf(", %d pending", s.Pending)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

func (r *takeover) text(p *printer) {
	for _, s := range r.Sets {
		state := p.paint(good, "nothing to record")
		if len(s.Recorded) > 0 {
			state = "recorded " + p.paint(good, count(len(s.Recorded), "migration")) + " as being there"
		}
		p.printf("%s  set %s, version %d: %s", p.paint(bold, r.Database), s.Set, s.Version, state)
		if s.Pending > 0 {
			p.printf(", %s", p.paint(open, fmt.Sprintf("%d pending", s.Pending)))
		}
		p.printf("\n")
		if len(s.Recorded) > 0 && s.Because != "" {
			p.printf("  by %s\n", printable(s.Because))
		}
	}
}

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
				if rec.Set == r.Set && rec.Version == s.Version && (rec.Status == "applied" || rec.Status == "baseline") {
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

// unlocked is what unlock has found and done.
type unlocked struct {
	Database string `json:"database"`
	Lease    *lease `json:"lease"`
	Unlocked bool   `json:"unlocked"`
}

type lease struct {
	Owner      string     `json:"owner"`
	RenewedAt  time.Time  `json:"renewed_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	Expired    bool       `json:"expired"`
	Set        string     `json:"set,omitempty"`
	Version    int64      `json:"version,omitempty"`
	Statements int64      `json:"statements"`
	Rows       int64      `json:"rows"`
}

func (t *tool) unlock() *cobra.Command {
	dryRun := false
	cmd := &cobra.Command{
		Use:   "unlock [DATABASE]...",
		Short: "Show who keeps others from upgrading, and take the lease away",
		Long: `Show who keeps others from upgrading a database, and, after asking, take the lease
away from him. An upgrade of several transactions holds it; it lasts ten seconds
unless it is renewed, so there is nothing to do about a program that was killed
but to wait. This is for a lease that does not end: a computer's clock was wrong.

Whoever has the lease and is still at work cannot write any more. What is half
done stays noted, and the next open goes on with it.`,
		Example: "  migratingsqlite unlock --dry-run app.db\n  migratingsqlite unlock app.db",
		Args:    t.databases,
		RunE: func(cmd *cobra.Command, args []string) error {
			t.anySet = true
			if !dryRun {
				if err := t.mayAsk(cmd, args); err != nil {
					return err
				}
			}
			return t.each(cmd, args, t.on(func(ctx context.Context, m *migratingsqlite.Migrator) (result, error) {
				l, err := m.Lease(ctx)
				if err != nil {
					return nil, err
				}
				r := newUnlocked(m.Database(), l)
				if dryRun || l == nil || l.Expired {
					return r, nil
				}
				if err := t.confirm(cmd, r, "Take the lease away from "+printable(l.Owner)+"?"); err != nil {
					return nil, err
				}
				if err := m.Unlock(ctx, l); err != nil {
					return nil, err
				}
				r.Unlocked = true
				return r, nil
			}))
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show who has the lease and change nothing")
	t.yesFlag(cmd)
	t.fleet.flags(cmd)
	return cmd
}

func newUnlocked(database string, l *migratingsqlite.Lease) *unlocked {
	r := &unlocked{Database: database}
	if l != nil {
		r.Lease = &lease{Owner: l.Owner, RenewedAt: l.RenewedAt, Expired: l.Expired, Set: l.Set, Version: l.Version, Statements: l.Statements, Rows: l.Rows}
		if !l.ExpiresAt.IsZero() {
			r.Lease.ExpiresAt = &l.ExpiresAt
		}
	}
	return r
}

func (r *unlocked) code() int { return 0 }

func (r *unlocked) brief() string {
	switch {
	case r.Lease == nil:
		return "nobody has a lease"
	case r.Unlocked:
		return "the lease was taken away"
	case r.Lease.Expired:
		return "the lease has expired: it keeps nobody away"
	}
	return "there is a lease"
}

func (r *unlocked) text(p *printer) {
	colour := good
	if r.Lease != nil && !r.Lease.Expired && !r.Unlocked {
		colour = open
	}
	p.printf("%s  %s\n", p.paint(bold, r.Database), p.paint(colour, r.brief()))
	l := r.Lease
	if l == nil {
		return
	}
	p.printf("\n  %s\n  renewed %s", printable(l.Owner), when(l.RenewedAt))
	if l.ExpiresAt != nil {
		p.printf(", until %s", when(*l.ExpiresAt))
	}
	p.printf("\n")
	if l.Set != "" {
		p.printf("  at migration %d of set %s: %s done, %s changed\n", l.Version, printable(l.Set), count(int(l.Statements), "statement"), count(int(l.Rows), "row"))
	}
}
