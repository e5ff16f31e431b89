package migratecli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
)

// history is what a database has written down.
type history struct {
	Database string   `json:"database"`
	Records  []record `json:"records"`
}

type record struct {
	Set          string          `json:"set"`
	Version      int64           `json:"version"`
	Name         string          `json:"name"`
	Checksum     string          `json:"checksum"`
	Status       string          `json:"status"`
	Compatible   bool            `json:"compatible"`
	AppliedAt    time.Time       `json:"applied_at"`
	DurationMS   int64           `json:"duration_ms"`
	AppliedBy    string          `json:"applied_by"`
	Hostname     string          `json:"hostname"`
	AppVersion   string          `json:"app_version"`
	RolledBackAt *time.Time      `json:"rolled_back_at,omitempty"`
	Err          string          `json:"error,omitempty"`
	DownSQL      string          `json:"down_sql,omitempty"`
	Metadata     json.RawMessage `json:"metadata,omitempty"`
}

func (t *tool) history() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history [DATABASE]...",
		Short: "Show who applied and undid what, when, and how long it took",
		Long: `Show who applied and undid what, when, and how long it took, the newest last: all
that the database has written down, of every set. Attempts that failed are there
with their errors.

It reads only, creates no file, and needs no folder with migrations.`,
		Example: "  migratingsqlite history app.db\n  migratingsqlite history --json app.db | jq '.records[] | select(.status == \"failed\")'",
		Args:    t.databases,
		RunE: func(cmd *cobra.Command, args []string) error {
			t.anySet = true
			return t.each(cmd, args, t.on(func(ctx context.Context, m *migratingsqlite.Migrator) (result, error) {
				records, err := m.History(ctx)
				if err != nil {
					return nil, err
				}
				return newHistory(m.Database(), records), nil
			}))
		},
	}
	t.fleet.flags(cmd)
	return cmd
}

func newHistory(database string, records []migratingsqlite.Record) *history {
	h := &history{Database: database, Records: []record{}}
	for _, r := range records {
		out := record{
			Set: r.Set, Version: r.Version, Name: r.Name, Checksum: r.Checksum, Status: r.Status, Compatible: r.Compatible,
			AppliedAt: r.AppliedAt, DurationMS: r.Duration.Milliseconds(), AppliedBy: r.AppliedBy, Hostname: r.Hostname,
			AppVersion: r.AppVersion, Err: r.Err, DownSQL: r.DownSQL,
		}
		if !r.RolledBackAt.IsZero() {
			out.RolledBackAt = &r.RolledBackAt
		}
		if json.Valid([]byte(r.Metadata)) {
			out.Metadata = json.RawMessage(r.Metadata)
		}
		h.Records = append(h.Records, out)
	}
	slices.SortStableFunc(h.Records, func(a, b record) int { return cmp.Or(a.AppliedAt.Compare(b.AppliedAt), cmp.Compare(a.Set, b.Set)) })
	return h
}

func (h *history) code() int { return 0 }

func (h *history) brief() string {
	if len(h.Records) == 0 {
		return "no history"
	}
	byStatus := map[string]int{}
	for _, r := range h.Records {
		byStatus[r.Status]++
	}
	var parts []string
	for _, s := range []string{"applied", "baseline", "rolled_back", "failed"} {
		if n := byStatus[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}

func (h *history) text(p *printer) {
	p.printf("%s  %s\n", p.paint(bold, h.Database), h.brief())
	if len(h.Records) == 0 {
		return
	}
	several := slices.ContainsFunc(h.Records, func(r record) bool { return r.Set != h.Records[0].Set })
	head := []string{"version", "name", "status", "when", "took", "by", "program"}
	if several {
		head = slices.Insert(head, 0, "set")
	}
	var rows [][]string
	var notes []func()
	for _, r := range h.Records {
		name := printable(r.Name)
		row := []string{versioned(r.Version), name, p.paint(colours[r.Status], r.Status), when(r.AppliedAt),
			took(time.Duration(r.DurationMS) * time.Millisecond), printable(r.AppliedBy + "@" + r.Hostname), printable(r.AppVersion)}
		if several {
			row = slices.Insert(row, 0, printable(r.Set))
		}
		rows = append(rows, row)
		if r.RolledBackAt != nil {
			by := ""
			var m struct {
				By string `json:"rolled_back_by"`
			}
			if json.Unmarshal(r.Metadata, &m) == nil && m.By != "" {
				by = " by " + printable(m.By)
			}
			notes = append(notes, func() {
				p.printf("  %s %s undone at %s%s\n", p.paint(open, "!"), labelOf(r.Version, name), when(*r.RolledBackAt), by)
			})
		}
		if r.Err != "" {
			notes = append(notes, func() { p.failed(labelOf(r.Version, name), printable(r.Err)) })
		}
	}
	p.printf("\n")
	p.table(head, rows)
	if notes != nil {
		p.printf("\n")
	}
	for _, say := range notes {
		say()
	}
}
