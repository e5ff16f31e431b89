package migratecli

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// plan is what an open would do.
type plan struct {
	Database string    `json:"database"`
	Refused  string    `json:"refused,omitempty"`
	Sets     []setPlan `json:"sets"`
}

type setPlan struct {
	Set      string `json:"set"`
	Version  int64  `json:"version"`
	Target   int64  `json:"target"`
	Baseline int    `json:"baseline"`          // recorded as being there already
	Because  string `json:"because,omitempty"` // what says so, and what speaks against it
	Pending  []step `json:"pending"`
}

// step is what one migration would do.
type step struct {
	Version    int64            `json:"version"`
	Name       string           `json:"name"`
	File       string           `json:"file,omitempty"`
	Compatible bool             `json:"compatible"`
	Changes    []change         `json:"changes"`  // of the structure, as on a new database
	Rebuilds   []string         `json:"rebuilds"` // tables that are made anew and filled
	Rows       map[string]int64 `json:"rows"`     // in the tables that are there and are read or written row by row
	Note       string           `json:"note,omitempty"`
}

// change is one thing that becomes different.
type change struct {
	Sign   string `json:"sign"` // +, - or ~
	Object string `json:"object"`
	From   string `json:"from,omitempty"` // where it can be said in a few words
	To     string `json:"to,omitempty"`
}

func (t *tool) plan() *cobra.Command {
	var to int64
	cmd := &cobra.Command{
		Use:   "plan [DATABASE]...",
		Short: "Show what the next open would do, and change nothing",
		Long: `Show what the next open would do, and change nothing: what would be applied, what
each migration changes in the structure (on a new database), whether older
programs can go on working after it, which tables it makes anew, and how many
rows are in the tables that it goes through.`,
		Example: "  migratingsqlite plan app.db\n  migratingsqlite plan --to 12 --json app.db",
		Args:    t.databases,
		RunE: func(cmd *cobra.Command, args []string) error {
			var more []migratingsqlite.Option
			if cmd.Flags().Changed("to") {
				more = append(more, migratingsqlite.WithTo(to))
			}
			return t.each(cmd, args, t.planOf(more...))
		},
	}
	cmd.Flags().Int64Var(&to, "to", 0, "stop at this `VERSION`")
	t.fleet.flags(cmd)
	return cmd
}

// planOf plans for one database after the other. What a migration does to the
// structure is found out once.
func (t *tool) planOf(more ...migratingsqlite.Option) work {
	var mu sync.Mutex
	type from struct {
		digest  string
		version int64
	}
	known := map[from]*effects{} // by the set and the oldest that is pending
	return func(ctx context.Context, dsn string) (string, result, error) {
		m, err := t.migrator(dsn, more...)
		if err != nil {
			return t.name(dsn), nil, err
		}
		defer m.Close()
		p, err := m.Plan(ctx)
		if err != nil {
			return m.Database(), nil, err
		}
		r := &plan{Database: m.Database()}
		if p.Err != nil {
			r.Refused = p.Err.Error()
		}
		for i, s := range p.Sets {
			sp := setPlan{Set: s.Set, Version: s.Version, Target: s.Target, Baseline: len(s.Baseline), Because: s.Because, Pending: []step{}}
			if len(s.Pending) > 0 {
				set := m.Sets()[i]
				at := from{set.Digest(), s.Pending[0].Version}
				mu.Lock()
				effects := known[at]
				if effects == nil {
					effects = effectsOf(ctx, set, at.version)
					known[at] = effects
				}
				mu.Unlock()
				if ctx.Err() != nil { // nothing is known of what was being tried
					return m.Database(), nil, fmt.Errorf("migratingsqlite: %s: %w", m.Database(), context.Cause(ctx))
				}
				db, err := t.reader(m, dsn)
				if err != nil {
					return m.Database(), nil, err
				}
				counts := &counter{db, map[string]int64{}}
				for _, mig := range s.Pending {
					st, err := newStep(ctx, mig, effects, counts)
					if err != nil {
						counts.close()
						return m.Database(), nil, err
					}
					sp.Pending = append(sp.Pending, st)
				}
				counts.close()
			}
			r.Sets = append(r.Sets, sp)
		}
		return m.Database(), r, nil
	}
}

// effects are what the migrations of a set do to the structure of a new
// database, by version.
type effects struct {
	changes map[int64][]change
	err     error // why there are no more
}

var signs = map[schema.Kind]string{schema.Missing: "+", schema.Unexpected: "-", schema.Changed: "~"}

// effectsOf tries the migrations from a version on; 0 is none of them.
func effectsOf(ctx context.Context, set *migratingsqlite.Set, from int64) *effects {
	e := &effects{changes: map[int64][]change{}}
	if from == 0 {
		return e
	}
	var before *schema.Schema
	e.err = replay(ctx, set, from, func(m migratingsqlite.Migration, db *sql.DB) error {
		after, err := schema.Of(ctx, db)
		if err != nil {
			return err
		}
		if before != nil {
			e.changes[m.Version] = changes(before, after)
		}
		before = after
		return nil
	})
	return e
}

// changes are what becomes different.
func changes(before, after *schema.Schema) []change {
	list := []change{}
	for _, d := range schema.Diff(before, after) {
		if sign, ok := signs[d.Kind]; ok {
			list = append(list, change{sign, d.Object, d.Have, d.Want})
		}
	}
	return list
}

func newStep(ctx context.Context, m migratingsqlite.Migration, e *effects, rows *counter) (step, error) {
	s := step{Version: m.Version, Name: m.Name, File: m.File, Compatible: m.Compatible(), Rebuilds: []string{}, Rows: map[string]int64{}}
	var known bool
	if s.Changes, known = e.changes[m.Version]; s.Changes == nil {
		s.Changes = []change{}
	}
	switch {
	case m.Version == 0:
		s.Note = "repeatable: applied again because its text is new"
	case m.File == "":
		s.Note = "written in Go: what it does is not known before"
	case !known:
		s.Note = fmt.Sprintf("it could not be tried: %v", e.err)
	}
	up, _, err := m.SQL()
	if err != nil {
		return s, err
	}
	statements, err := script.Split(up)
	if err != nil {
		return s, err
	}
	made := map[string]bool{} // by this migration: they have no rows yet
	for _, st := range statements {
		e := st.Effect()
		table := strings.ToLower(e.Table)
		switch {
		case st.Kind == script.CreateTable:
			made[strings.ToLower(e.Name)] = true
			continue
		case st.Kind == script.AlterTable && e.Action == script.RenameTable && made[table]:
			s.Rebuilds = append(s.Rebuilds, e.NewName)
			continue
		case st.Kind == script.Update, st.Kind == script.Delete, st.Kind == script.CreateIndex, st.Kind == script.DropTable:
		case st.Kind == script.AlterTable && e.Action == script.DropColumn:
		default:
			continue
		}
		if !made[table] {
			if n, ok := rows.of(ctx, e.Table); ok {
				s.Rows[e.Table] = n
			}
		}
	}
	return s, nil
}

func (r *plan) code() int {
	if r.Refused != "" {
		return exitFailed
	}
	return 0
}

func (r *plan) brief() string {
	if r.Refused != "" {
		return "refused"
	}
	var parts []string
	for _, s := range r.Sets {
		parts = append(parts, fmt.Sprintf("from version %d to %d, %s", s.Version, s.Target, count(len(s.Pending), "migration")))
	}
	return strings.Join(parts, "; ")
}

func (r *plan) text(p *printer) {
	for i, s := range r.Sets {
		if i > 0 {
			p.printf("\n")
		}
		p.printf("%s  set %s, ", p.paint(bold, r.Database), s.Set)
		if len(s.Pending) == 0 && s.Baseline == 0 {
			p.printf("version %d: %s\n", s.Version, p.paint(good, "nothing to do"))
			continue
		}
		p.printf("from version %d to %d: %s\n", s.Version, s.Target, p.paint(open, count(len(s.Pending), "migration")))
		if s.Baseline > 0 {
			p.printf("\n  %s recorded as being there already, and not run\n", count(s.Baseline, "migration"))
			if s.Because != "" {
				p.printf("  %s\n", p.paint(faint, printable(s.Because)))
			}
		}
		for _, st := range s.Pending {
			st.text(p)
		}
	}
	if r.Refused != "" {
		p.printf("\n  %s ", p.paint(bad, "✗ refused:"))
		p.wrapped(4, nil, strings.TrimPrefix(strings.TrimPrefix(r.Refused, "migratingsqlite: "), r.Database+": "))
	}
}

func showChanges(p *printer, indent int, list []change) {
	for _, c := range list {
		p.printf("%*s%s ", indent, "", p.paint(signColours[c.Sign], c.Sign))
		p.wrapped(indent+2, nil, c.String())
	}
}

var signColours = map[string]text.Colors{"+": good, "-": bad, "~": open}

func (c change) String() string {
	if c.Sign == "~" && c.From != "" {
		return c.Object + ": " + c.From + " → " + c.To
	}
	return strings.TrimSpace(c.Object + " " + c.From + c.To)
}

func (s *step) text(p *printer) {
	kind := p.paint(open, "breaking")
	if s.Compatible {
		kind = p.paint(good, "compatible")
	}
	p.printf("\n  %s  %s\n", p.paint(bold, p.cut(labelOf(s.Version, s.Name), len("  ")+len("  compatible"))), kind)
	showChanges(p, 4, s.Changes)
	for _, table := range s.Rebuilds {
		p.printf("    %s %s is made anew\n", p.paint(open, "!"), table)
	}
	for _, table := range slices.Sorted(maps.Keys(s.Rows)) {
		p.printf("    %s\n", p.paint(faint, fmt.Sprintf("%s has %s", table, count(int(s.Rows[table]), "row"))))
	}
	if s.Note != "" {
		p.printf("    ")
		p.wrapped(4, faint, s.Note)
	}
}
