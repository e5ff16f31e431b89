package migratecli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
)

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
