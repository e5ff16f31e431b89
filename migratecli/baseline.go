package migratecli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

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
