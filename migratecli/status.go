package migratecli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
)

// status is what a database has.
type status struct {
	Database string      `json:"database"`
	Sets     []setStatus `json:"sets"`

	all bool
}

type setStatus struct {
	Set        string            `json:"set"`
	Version    int64             `json:"version"`
	Target     int64             `json:"target"`
	Pending    int               `json:"pending"`
	Migrations []migrationStatus `json:"migrations"`
}

type migrationStatus struct {
	Version    int64      `json:"version"`
	Name       string     `json:"name"`
	File       string     `json:"file,omitempty"`
	State      string     `json:"state"`
	AppliedAt  *time.Time `json:"applied_at,omitempty"`
	DurationMS int64      `json:"duration_ms"`
	Err        string     `json:"error,omitempty"`
}

func (t *tool) status() *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:   "status [DATABASE]...",
		Short: "Show which migrations a database has, and which are pending",
		Long: `Show which migrations a database has, and which are pending.

It reads only, and does not create a file that is missing. The exit code is 3 if
anything is pending. Of many databases it shows how many are at which version,
and names the odd ones out.`,
		Example: "  migratingsqlite status app.db\n  migratingsqlite status --json 'data/*.db' | jq -r 'select(.sets[0].pending > 0).database'",
		Args:    t.databases,
		RunE: func(cmd *cobra.Command, args []string) error {
			return t.each(cmd, args, t.on(func(ctx context.Context, m *migratingsqlite.Migrator) (result, error) {
				r := &status{Database: m.Database(), all: all}
				list, err := m.Status(ctx)
				for i, s := range list {
					r.add(s, m.Sets()[i])
				}
				return r, err
			}))
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show every migration, not only the newest and what needs attention")
	t.fleet.flags(cmd)
	return cmd
}

func (r *status) add(s migratingsqlite.SetStatus, set *migratingsqlite.Set) {
	out := setStatus{Set: s.Set, Version: s.Version, Migrations: []migrationStatus{}}
	for _, m := range set.Migrations() {
		out.Target = max(out.Target, m.Version)
	}
	for _, m := range s.Migrations {
		ms := migrationStatus{Version: m.Version, Name: m.Name, File: m.File, State: m.State, DurationMS: m.Duration.Milliseconds(), Err: m.Err}
		if !m.AppliedAt.IsZero() {
			ms.AppliedAt = &m.AppliedAt
		}
		if pending(m.State, m.File) {
			out.Pending++
		}
		out.Migrations = append(out.Migrations, ms)
	}
	r.Sets = append(r.Sets, out)
}

// isThere reports whether the database has a migration in a state.
func isThere(state string) bool { return state == "applied" || state == "baseline" }

// pending reports whether an open would apply a migration: what failed or was
// taken back is tried again, if the program still has it.
func pending(state, file string) bool {
	return state == "pending" || file != "" && (state == "failed" || state == "rolled_back")
}

func (r *status) code() int {
	for _, s := range r.Sets {
		if s.Pending > 0 {
			return exitPending
		}
	}
	return 0
}

func (r *status) brief() string {
	var parts []string
	for _, s := range r.Sets {
		part := ""
		if len(r.Sets) > 1 {
			part = s.Set + " "
		}
		part += fmt.Sprintf("at version %d", s.Version)
		if s.Pending > 0 {
			part += fmt.Sprintf(", %d pending", s.Pending)
		}
		if odd := s.odd("failed", "changed", "missing", "newer"); odd != "" {
			part += ", " + odd
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// odd counts the migrations in some states: "1 changed, 2 missing".
func (s *setStatus) odd(states ...string) string {
	var parts []string
	for _, state := range states {
		n := 0
		for _, m := range s.Migrations {
			if m.State == state {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return strings.Join(parts, ", ")
}

// recent is how many of the applied migrations are shown.
const recent = 10

func (r *status) text(p *printer) {
	for i, s := range r.Sets {
		if i > 0 {
			p.printf("\n")
		}
		state, odd := p.paint(good, "up to date"), s.odd("changed", "missing")
		switch {
		case s.Pending > 0 && odd != "":
			state = p.paint(open, fmt.Sprintf("%d pending", s.Pending)) + ", " + p.paint(bad, odd)
		case s.Pending > 0:
			state = p.paint(open, fmt.Sprintf("%d pending", s.Pending))
		case odd != "": // an open is refused
			state = p.paint(bad, odd)
		}
		p.printf("%s  set %s, version %d of %d, %s\n\n", p.paint(bold, r.Database), s.Set, s.Version, max(s.Target, s.Version), state)
		list, hidden := s.Migrations, 0
		if !r.all {
			list, hidden = newest(list)
		}
		var rows [][]string
		var failed []migrationStatus
		for _, m := range list {
			at, duration := "", ""
			if m.AppliedAt != nil {
				at, duration = when(*m.AppliedAt), took(time.Duration(m.DurationMS)*time.Millisecond)
			}
			rows = append(rows, []string{versioned(m.Version), printable(m.Name), p.paint(colours[m.State], m.State), at, duration})
			if m.Err != "" {
				failed = append(failed, m)
			}
		}
		p.table([]string{"version", "name", "state", "applied", "took"}, rows)
		if hidden > 0 {
			p.printf("  %s\n", p.paint(faint, fmt.Sprintf("… and %d applied before (--all)", hidden)))
		}
		if failed != nil {
			p.printf("\n")
		}
		for _, m := range failed {
			p.failed(labelOf(m.Version, printable(m.Name)), printable(m.Err))
		}
	}
}

// newest leaves out all but the newest of those that are simply applied.
func newest(list []migrationStatus) (shown []migrationStatus, hidden int) {
	applied := 0
	for _, m := range slices.Backward(list) {
		if isThere(m.State) {
			if applied++; applied > recent {
				hidden++
				continue
			}
		}
		shown = append(shown, m)
	}
	slices.Reverse(shown)
	return shown, hidden
}

var colours = map[string]text.Colors{
	"applied": good, "baseline": good, "pending": open, "newer": open, "rolled_back": open, "changed": bad, "missing": bad, "failed": bad,
}
