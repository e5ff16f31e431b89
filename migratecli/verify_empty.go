package migratecli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

// roundTrips tries the migrations one after the other on an empty database: up,
// down, and up again.
type roundTrips struct {
	v    *verification
	b    *sandbox
	sets []*migratingsqlite.Set
	to   int64 // 0: the newest
	dir  string
	made int // databases

	took                  time.Duration // by the ups
	tried, undone, redone int
	noWay, notes          []string
	failed                map[string][]string // reasons, by check
}

// verifyEmpty tries the migrations on an empty database.
func (t *tool) verifyEmpty(ctx context.Context, flags *verifying) (name string, r result, err error) {
	m, err := t.migrator(":memory:")
	if err != nil {
		return "", nil, err
	}
	m.Close()
	dir, err := os.MkdirTemp(flags.folder, "migratingsqlite-verify-")
	if err != nil {
		return "", nil, fmt.Errorf("--copy-in: %w", err)
	}
	defer os.RemoveAll(dir)
	c := &roundTrips{v: newVerification(""), b: t.sandbox(t.dsn), sets: m.Sets(), to: flags.to, dir: dir, failed: map[string][]string{}}
	if c.b, err = c.anew(ctx, 0, 0); err != nil {
		return "", nil, err
	}
	for i := range c.sets {
		if err := c.trySet(ctx, i); err != nil {
			return "", nil, cmp.Or(context.Cause(ctx), err)
		}
		if c.failed["up"] != nil {
			break
		}
	}
	return "", c.v, c.conclude(ctx)
}

// anew makes a database that has the sets before one, and that one up to a
// version.
func (c *roundTrips) anew(ctx context.Context, set int, version int64) (*sandbox, error) {
	c.made++
	return c.b.made(ctx, filepath.Join(c.dir, fmt.Sprint(c.made)), c.sets[:set], c.sets[set], version)
}

// trySet tries one set. It stops at the first migration that cannot be applied.
func (c *roundTrips) trySet(ctx context.Context, i int) error {
	set, below := c.sets[i], int64(0)
	before, err := c.text(ctx)
	if err != nil {
		return err
	}
	var list []migratingsqlite.Migration
	for _, m := range set.Migrations() {
		if m.Version > 0 && (c.to == 0 || m.Version <= c.to) {
			list = append(list, m)
		}
	}
	for at, m := range list {
		if !c.mayGoBack(m) {
			if c.noWay = append(c.noWay, m.String()); at < len(list)-1 && !c.mayGoBack(list[at+1]) {
				continue // it is applied together with the next one
			}
		}
		done, d, err := c.b.up(ctx, m.Version, set)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			c.failed["up"] = []string{err.Error()}
			break
		}
		c.took += d
		rowsChanged := false
		for _, a := range done.Applied {
			c.tried++
			rowsChanged = rowsChanged || a.RowsAffected > 0
			c.v.Migrations = append(c.v.Migrations, &trial{Set: a.Set, Version: a.Version, Name: a.Name,
				UpMS: a.Duration.Milliseconds(), Statements: a.Statements, RowsAffected: a.RowsAffected})
		}
		after, err := c.text(ctx)
		if err == nil && c.mayGoBack(m) {
			err = c.backAndForth(ctx, i, m, below, before, after, rowsChanged)
		}
		if err != nil {
			return err
		}
		before, below = after, m.Version
	}
	c.v.Sets = append(c.v.Sets, setVerified{set.Name(), 0, below})
	return nil
}

// mayGoBack reports whether there may be a way back. A program may have functions,
// also behind files: one has to ask.
func (c *roundTrips) mayGoBack(m migratingsqlite.Migration) bool {
	return m.DownFile() != "" || c.b.tool.embedded
}

// backAndForth undoes a migration and applies it again.
func (c *roundTrips) backAndForth(ctx context.Context, i int, m migratingsqlite.Migration, below int64, before, after string, rowsChanged bool) error {
	set := c.sets[i]
	fail := func(check string, reasons ...string) error {
		for _, r := range reasons {
			c.failed[check] = append(c.failed[check], m.String()+": "+r)
		}
		if len(reasons) == 0 {
			return nil
		}
		c.b.remove()
		var err error
		c.b, err = c.anew(ctx, i, m.Version)
		return err
	}
	rows, err := c.rows(ctx, rowsChanged)
	if err != nil {
		return err
	}
	mig, err := c.b.migrator(0, set)
	if err != nil {
		return err
	}
	defer mig.Close()
	plan, err := mig.PlanDown(ctx, below)
	if errors.Is(err, migratingsqlite.ErrNoDown) {
		c.noWay = append(c.noWay, m.String())
		return nil
	}
	var done *migratingsqlite.Result
	if err == nil {
		done, err = mig.Down(ctx, plan)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fail("down", c.b.clean(err).Error())
	}
	c.undone++
	for _, a := range done.Undone {
		c.v.took(set.Name(), a, func(t *trial, ms int64) { t.DownMS = &ms })
	}
	reasons, err := c.differs(ctx, i, below, before)
	if err != nil || reasons != nil {
		return cmp.Or(err, fail("down", reasons...))
	}
	done, _, err = c.b.up(ctx, m.Version, set)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fail("up_again", err.Error())
	}
	c.redone++
	for _, a := range done.Applied {
		c.v.took(a.Set, a, func(t *trial, ms int64) { t.AgainMS = &ms })
	}
	if reasons, err = c.differs(ctx, i, m.Version, after); err != nil {
		return err
	}
	now, err := c.rows(ctx, rowsChanged)
	if err != nil {
		return err
	}
	for _, note := range unlike(now, rows) {
		c.notes = append(c.notes, m.String()+": "+note)
	}
	return fail("up_again", reasons...)
}

// text is the structure as SQLite keeps it: where it is the same, so is the
// structure.
func (c *roundTrips) text(ctx context.Context) (string, error) {
	db, err := c.b.open()
	if err != nil {
		return "", err
	}
	defer db.Close()
	text, err := schemaText(ctx, db)
	return text, c.b.clean(err)
}

// differs says how the structure is not what a set makes of an empty database
// up to a version, of which the text is known.
func (c *roundTrips) differs(ctx context.Context, set int, version int64, expected string) ([]string, error) {
	if text, err := c.text(ctx); err != nil || text == expected {
		return nil, err
	}
	have, err := c.b.look(ctx)
	if err != nil {
		return nil, err
	}
	other, err := c.anew(ctx, set, version)
	if err != nil {
		return nil, err
	}
	defer other.remove()
	want, err := other.look(ctx)
	if err != nil {
		return nil, err
	}
	return differs(have, want, nil)
}

// rows counts the rows, if any were changed.
func (c *roundTrips) rows(ctx context.Context, changed bool) (map[string]int64, error) {
	if !changed {
		return nil, nil
	}
	db, err := c.b.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return counts(ctx, db)
}

// conclude makes checks of what was found out.
func (c *roundTrips) conclude(ctx context.Context) error {
	c.v.UpMS = c.took.Milliseconds()
	text := fmt.Sprintf("%s in %s", count(c.tried, "migration"), took(c.took))
	c.v.add("up", text, text+", then one fails", c.failed["up"]...)
	if c.undone == 0 && c.failed["down"] == nil {
		c.v.skip("down", "no migration has a way back")
	} else {
		text = count(c.undone, "migration") + " undone, each to the structure before it"
		down := c.v.add("down", text, "these do not lead back to the structure before them", c.failed["down"]...)
		if n := len(c.noWay); n > 0 {
			g := group{n: n, names: c.noWay[:min(n, namesShown)]}
			down.Notes = []string{"no way back of " + g.list(", ")}
		}
	}
	if c.redone > 0 || c.failed["up_again"] != nil {
		text = count(c.redone, "migration") + ", each to the structure of the first time"
		c.v.add("up_again", text, "these do not lead to the structure of the first time", c.failed["up_again"]...).Notes = c.notes
	}
	f, err := c.b.look(ctx)
	if err != nil {
		return err
	}
	c.v.add("sound_after", "integrity_check and foreign_key_check", "the database is damaged after all that", append(c.b.integrity(ctx), f.orphaned(&facts{})...)...)
	return ctx.Err()
}
