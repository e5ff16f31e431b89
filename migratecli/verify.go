package migratecli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

// verification is what verify has found out.
type verification struct {
	Database   string        `json:"database"` // "" for an empty one
	Proven     bool          `json:"proven"`   // no check has failed
	Sets       []setVerified `json:"sets"`
	Checks     []*check      `json:"checks"`     // in the order in which they were made
	Migrations []*trial      `json:"migrations"` // that are pending; of an empty database all
	UpMS       int64         `json:"up_ms"`      // that the upgrade took as a whole
	Bytes      *sizes        `json:"bytes,omitempty"`
	Copy       string        `json:"copy,omitempty"` // its path, with --keep
}

type setVerified struct {
	Set  string `json:"set"`
	From int64  `json:"from"` // the version of the database
	To   int64  `json:"to"`   // and after the upgrade
}

// check is one thing that was looked at.
type check struct {
	Check   string   `json:"check"`   // sound_before, up, structure, down, up_again, rows, sound_after
	Outcome string   `json:"outcome"` // ok, failed, or skipped
	Text    string   `json:"text"`
	Reasons []string `json:"reasons,omitempty"` // why it failed
	Notes   []string `json:"notes,omitempty"`   // what is worth a look
}

// The outcomes of a check.
const (
	checkOK      = "ok"
	checkFailed  = "failed"
	checkSkipped = "skipped"
)

// trial is how long a migration took. What was not done took nothing.
type trial struct {
	Set          string `json:"set"`
	Version      int64  `json:"version"`
	Name         string `json:"name"`
	UpMS         int64  `json:"up_ms"`
	DownMS       *int64 `json:"down_ms,omitempty"`
	AgainMS      *int64 `json:"up_again_ms,omitempty"`
	Statements   int    `json:"statements"`
	RowsAffected int64  `json:"rows_affected"`
}

// sizes are those of the copy, with its journal or write-ahead log.
type sizes struct {
	Before int64 `json:"before"`
	After  int64 `json:"after"`
	Peak   int64 `json:"peak"` // while it was upgraded
}

// verifying are the flags.
type verifying struct {
	keep, empty bool
	folder      string
	ignore      []string
	to          int64 // 0: the newest
}

func (t *tool) verify() *cobra.Command {
	var v verifying
	cmd := &cobra.Command{
		Use:   "verify [DATABASE]...",
		Short: "Prove on a copy of the database that it can be upgraded, and back",
		Long: `Prove on a copy of the database that it can be upgraded, and back.

It copies the database, which is only read. On the copy it applies what is
pending, undoes it where there are downs, and applies it again. The copy must be
sound (integrity_check, and foreign_key_check finds nothing new), have the
structure of a new database after the upgrade, and after the downs the one that
it had; and the tables that no pending migration names, not even in a comment,
must keep their number of rows. It shows how long that took, and how much disk.
What it tries is what the next open would do: with nothing pending, nothing is
undone.

Without a database, or with --empty, it tries every migration on an empty one:
up, down, and up again. The checks are sound_before, up, structure, down,
up_again, rows and sound_after; each is ok, failed, or skipped where there is
nothing to look at. The exit code is 1 if any has failed.`,
		Example: "  migratingsqlite verify                # the migrations alone, as in a test\n  migratingsqlite verify app.db\n  migratingsqlite verify 'data/*.db' --parallel 2 --report report.jsonl",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && t.fleet.from == "" && t.dsn == "" {
				v.empty = true
			}
			if !v.empty {
				return t.each(cmd, args, func(ctx context.Context, dsn string) (string, result, error) {
					return t.verifyCopy(ctx, dsn, &v)
				})
			}
			if len(args) > 0 || t.fleet.from != "" {
				return usageError(cmd, "--empty is for no database, and %s is one", cmp.Or(strings.Join(args, " "), "--from-file "+t.fleet.from))
			}
			if err := t.findSet(cmd.Context()); err != nil {
				return err
			}
			return t.one(cmd, "", func(ctx context.Context, _ string) (string, result, error) {
				return t.verifyEmpty(ctx, &v)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&v.empty, "empty", false, "try every migration on an empty database")
	f.BoolVar(&v.keep, "keep", false, "keep the copy, and say where it is")
	f.StringVar(&v.folder, "copy-in", "", "make the copy in this `FOLDER` instead of the system's for temporary files; on the disk of the database the times are truer")
	f.StringSliceVar(&v.ignore, "ignore", nil, "leave this `TABLE`, and what is on it, out when structures are compared")
	f.Int64Var(&v.to, "to", 0, "stop at this `VERSION`")
	t.fleet.flags(cmd)
	return cmd
}

func newVerification(database string) *verification {
	return &verification{Database: database, Proven: true, Sets: []setVerified{}, Checks: []*check{}, Migrations: []*trial{}}
}

func (v *verification) code() int {
	if !v.Proven {
		return exitFailed
	}
	return 0
}

func (v *verification) brief() string {
	if v.Proven && len(v.Migrations) == 0 {
		return "sound, nothing pending"
	}
	if v.Proven {
		return "proven: " + count(len(v.Migrations), "migration")
	}
	for _, c := range v.Checks {
		if c.Outcome == checkFailed {
			return "not proven: " + c.label() + ": " + c.Reasons[0]
		}
	}
	return ""
}

// add appends a check. It has failed, and is said otherwise, if there are reasons.
func (v *verification) add(name, text, otherwise string, reasons ...string) *check {
	c := &check{Check: name, Outcome: checkOK, Text: text, Reasons: reasons}
	if len(reasons) > 0 {
		c.Outcome, c.Text, v.Proven = checkFailed, otherwise, false
	}
	v.Checks = append(v.Checks, c)
	return c
}

// skip appends what could not be looked at.
func (v *verification) skip(name, why string) {
	v.add(name, why, "").Outcome = checkSkipped
}

func (c *check) label() string { return strings.ReplaceAll(c.Check, "_", " ") }

var marks = map[string]struct {
	mark   string
	colour text.Colors
}{
	checkOK: {"✓", good}, checkFailed: {"✗", bad}, checkSkipped: {"·", faint},
}

func (v *verification) text(p *printer) {
	var sets []string
	for _, s := range v.Sets {
		switch {
		case s.From == s.To:
			sets = append(sets, fmt.Sprintf("set %s, version %d", s.Set, s.From))
		case v.Database == "":
			sets = append(sets, fmt.Sprintf("set %s, up to version %d", s.Set, s.To))
		default:
			sets = append(sets, fmt.Sprintf("set %s, from version %d to %d", s.Set, s.From, s.To))
		}
	}
	where := "tried on an empty database"
	if v.Bytes != nil {
		where = "tried on a copy of " + snapshot.Size(v.Bytes.Before)
	}
	if v.Database != "" {
		p.printf("%s  ", p.paint(bold, v.Database))
	}
	p.printf("%s, %s\n\n", strings.Join(sets, "; "), where)
	for _, c := range v.Checks {
		c.write(p)
	}
	v.times(p)
	if v.Copy != "" {
		p.printf("\nThe copy is kept: %s\n", v.Copy)
	}
	p.printf("\n%s\n", v.verdict(p))
}

func (v *verification) verdict(p *printer) string {
	failed := 0
	for _, c := range v.Checks {
		if c.Outcome == checkFailed {
			failed++
		}
	}
	if failed > 0 {
		return p.paint(bad, fmt.Sprintf("not proven: %s of %d failed", count(failed, "check"), len(v.Checks)))
	}
	return p.paint(good, "proven")
}

// Where the texts of checks begin.
const (
	checkLabel  = 14
	checkIndent = 2 + 2 + checkLabel
)

func (c *check) write(p *printer) {
	m := marks[c.Outcome]
	p.printf("  %s %-*s", p.paint(m.colour, m.mark), checkLabel, c.label())
	p.wrapped(checkIndent, nil, c.Text)
	for _, r := range c.Reasons {
		p.printf("%*s", checkIndent, "")
		p.wrapped(checkIndent+2, bad, "- "+printable(r))
	}
	for _, n := range c.Notes {
		p.printf("%*s", checkIndent, "")
		p.wrapped(checkIndent+2, open, "! "+printable(n))
	}
}

// timesShown is how many migrations are shown with their times: the slowest.
const timesShown = 20

// times says what the real upgrade will take.
func (v *verification) times(p *printer) {
	if v.Bytes == nil || len(v.Migrations) == 0 {
		return
	}
	ms := func(n *int64) string {
		if n == nil {
			return "–"
		}
		return took(time.Duration(*n) * time.Millisecond)
	}
	var rows [][]string
	for _, m := range v.Migrations {
		rows = append(rows, []string{versioned(m.Version), m.Name, ms(&m.UpMS), ms(m.DownMS), ms(m.AgainMS), fmt.Sprint(m.RowsAffected)})
	}
	hidden := 0
	if len(rows) > timesShown {
		rows, hidden = slowest(v.Migrations, rows)
	}
	p.printf("\n")
	p.table([]string{"version", "name", "up", "down", "up again", "rows changed"}, rows)
	if hidden > 0 {
		p.printf("  %s\n", p.paint(faint, fmt.Sprintf("… and %d that were quicker", hidden)))
	}
	p.printf("\n")
	p.wrapped(0, nil, fmt.Sprintf("The real upgrade will take about %s. The file goes from %s to %s, and takes up to %s of the disk meanwhile.",
		took(time.Duration(v.UpMS)*time.Millisecond), snapshot.Size(v.Bytes.Before), snapshot.Size(v.Bytes.After), snapshot.Size(v.Bytes.Peak)))
}

// slowest keeps the rows of the migrations that took longest, in their order.
func slowest(list []*trial, rows [][]string) (kept [][]string, hidden int) {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(list[b].UpMS, list[a].UpMS) })
	order = order[:timesShown]
	slices.Sort(order)
	for _, i := range order {
		kept = append(kept, rows[i])
	}
	return kept, len(list) - len(kept)
}

// took notes how long a migration took.
func (v *verification) took(set string, a migratingsqlite.Applied, note func(*trial, int64)) {
	for _, t := range v.Migrations {
		if t.Set == set && t.Version == a.Version && t.Name == a.Name {
			note(t, a.Duration.Milliseconds())
		}
	}
}
