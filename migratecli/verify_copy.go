package migratecli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/adopt"
	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// verifyCopy proves the upgrade of one database.
func (t *tool) verifyCopy(ctx context.Context, dsn string, flags *verifying) (name string, r result, err error) {
	m, err := t.migrator(dsn)
	if err != nil {
		return t.name(dsn), nil, err
	}
	defer m.Close()
	name = m.Database()
	defer func() {
		if err != nil {
			err = fmt.Errorf("migratingsqlite: %s: %s", name, strings.TrimPrefix(cmp.Or(context.Cause(ctx), err).Error(), "migratingsqlite: "+name+": "))
		}
	}()
	path := m.Path()
	if path == "" && otherEngine(dsn) {
		return name, nil, errors.New("a server's database cannot be copied from here; verify a dump of it in a file, or upgrade a branch of it")
	}
	if path == "" {
		return name, nil, errors.New("it is in memory, and empty; verify --empty tries the migrations on an empty database")
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return name, nil, errors.New("there is no such file; verify --empty tries the migrations on an empty database")
	}
	dir, err := os.MkdirTemp(flags.folder, "migratingsqlite-verify-")
	if err != nil {
		return name, nil, fmt.Errorf("--copy-in: %w", err)
	}
	v := newVerification(name)
	v.Bytes = &sizes{}
	copied := (&sandbox{t, dsn, path}).at(filepath.Join(dir, filepath.Base(path)))
	p := &proof{v: v, b: copied, fresh: copied.at(filepath.Join(dir, "fresh")), sets: m.Sets(), to: flags.to, lost: map[string]string{}, told: len(flags.ignore) > 0}
	if flags.keep {
		v.Copy = copied.path
		defer p.fresh.remove()
	} else {
		defer os.RemoveAll(dir)
	}
	t.waiting.tell("verify: copying the database")
	if snapshot, err := m.Backup(ctx, dir); err != nil {
		return name, nil, err
	} else if err := os.Rename(snapshot, copied.path); err != nil {
		return name, nil, err
	}
	p.ignore, err = copied.foreign(ctx, dsn)
	p.ignore = append(p.ignore, flags.ignore...)
	if err == nil {
		err = p.prove(ctx)
	}
	return name, v, err
}

// foreign are the tables that other tools and hosts have in a database.
func (b *sandbox) foreign(ctx context.Context, dsn string) (list []string, err error) {
	list = slices.Clone(adopt.Hosts)
	table := ""
	for _, p := range parameters(dsn) {
		if value, ok := strings.CutPrefix(p, "_migrate_adopt_table="); ok {
			table, _ = url.QueryUnescape(value)
		}
	}
	db, err := b.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var answers []engine.Answer
	for _, q := range adopt.Queries(table) {
		rows, err := engine.Rows(ctx, db, q)
		answers = append(answers, engine.Answer{Rows: rows, Err: err})
	}
	found, err := adopt.Recognise(answers, table)
	for _, c := range found {
		list = append(append(list, c.Table), c.Companions...)
	}
	return slices.DeleteFunc(list, func(name string) bool { return name == "" }), err
}

// A proof tries the upgrade on a copy.
type proof struct {
	v        *verification
	b, fresh *sandbox
	sets     []*migratingsqlite.Set
	to       int64    // 0: the newest
	ignore   []string // tables that are no part of the structure
	told     bool     // some of them by --ignore

	plan     *migratingsqlite.Plan
	versions map[string][]int64 // that are pending, by set
	names    map[string]bool    // words of the pending migrations, in lower case; nil if anything may be meant
	before   *facts
	lost     map[string]string // what was found out about rows, by table
}

// https://www.sqlite.org/rescode.html#full
const sqliteFull = 13

// prove makes the checks. Its error is that it could not; what a check finds is in
// the verification.
func (p *proof) prove(ctx context.Context) (err error) {
	tell := p.b.tool.waiting.tell
	tell("verify: integrity_check")
	p.v.add("sound_before", "integrity_check", "the database is damaged as it is", p.b.integrity(ctx)...)
	if p.before, err = p.b.look(ctx); err != nil {
		return err
	}
	after, err := p.upgrade(ctx)
	if err != nil || after == nil {
		return err
	}
	if err = p.back(ctx, after); err != nil {
		return err
	}
	now, err := p.b.look(ctx)
	if err != nil {
		return err
	}
	tell("verify: integrity_check")
	text := "integrity_check and foreign_key_check"
	if n := sum(p.before.orphans); n > 0 {
		text += fmt.Sprintf(", but for %s that had no parent before", count(int(n), "row"))
	}
	p.v.add("sound_after", text, "the copy is damaged after all that", append(p.b.integrity(ctx), now.orphaned(p.before)...)...)
	return ctx.Err()
}

// upgrade is what the next open does. It returns nothing if that fails.
func (p *proof) upgrade(ctx context.Context) (after *facts, err error) {
	m, err := p.b.migrator(p.to, p.sets...)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if p.plan, err = m.Plan(ctx); err != nil {
		return nil, p.b.clean(err)
	}
	recorded, pending := 0, 0
	for _, s := range p.plan.Sets {
		p.v.Sets = append(p.v.Sets, setVerified{s.Set, s.Version, s.Target})
		recorded, pending = recorded+len(s.Baseline), pending+len(s.Pending)
	}
	if p.plan.Err != nil {
		p.v.add("up", "", "it would be refused", p.b.clean(p.plan.Err).Error())
		return nil, nil
	}
	if err := p.readNames(); err != nil {
		return nil, err
	}
	p.v.Bytes.Before = p.b.size()
	p.b.tool.waiting.tell("verify: upgrading the copy")
	stop := p.b.watch()
	start := time.Now()
	done, err := m.Up(ctx)
	p.v.UpMS = time.Since(start).Milliseconds()
	p.v.Bytes.Peak, p.v.Bytes.After = stop(), p.b.size()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	text := "nothing is pending"
	if pending > 0 {
		text = fmt.Sprintf("%s in %s", count(pending, "migration"), took(time.Duration(p.v.UpMS)*time.Millisecond))
	}
	if recorded > 0 {
		text += fmt.Sprintf("; %s recorded as being there", count(recorded, "migration"))
	}
	if full := (interface{ Code() int })(nil); errors.As(err, &full) && full.Code()&0xff == sqliteFull {
		return nil, fmt.Errorf("the disk of %s is full: there is no room to upgrade a copy; name a folder with more of it with --copy-in", filepath.Dir(p.b.path))
	}
	if err != nil {
		otherwise := "it fails"
		if pending > 1 {
			otherwise = fmt.Sprintf("one of %s fails", count(pending, "migration"))
		}
		p.v.add("up", "", otherwise, p.b.clean(err).Error())
		return nil, nil
	}
	p.v.add("up", text, "")
	p.versions = map[string][]int64{}
	for _, a := range done.Applied {
		p.v.Migrations = append(p.v.Migrations, &trial{Set: a.Set, Version: a.Version, Name: a.Name,
			UpMS: a.Duration.Milliseconds(), Statements: a.Statements, RowsAffected: a.RowsAffected})
		if a.Version > 0 {
			p.versions[a.Set] = append(p.versions[a.Set], a.Version)
		}
	}
	if after, err = p.b.look(ctx); err == nil {
		err = p.compare(ctx, m, after)
	}
	return after, err
}

// compare compares the structure with that of a new database.
func (p *proof) compare(ctx context.Context, m *migratingsqlite.Migrator, after *facts) error {
	for i, s := range p.plan.Sets {
		newest := int64(0)
		for _, m := range p.sets[i].Migrations() {
			newest = max(newest, m.Version)
		}
		if s.Version > newest {
			p.v.skip("structure", fmt.Sprintf("not compared: the database is at version %d, and these migrations go up to %d", s.Version, newest))
			return nil
		}
	}
	_, _, err := p.fresh.up(ctx, p.to, p.sets...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		history, _ := m.History(ctx)
		begun := slices.ContainsFunc(history, func(r migratingsqlite.Record) bool { return r.Status == "baseline" })
		if text := "not compared: the migrations do not build a new database"; begun {
			p.v.skip("structure", text+", and need not: this one was there before its history")
		} else {
			p.v.add("structure", "", text, err.Error())
		}
		return nil
	}
	fresh, err := p.fresh.look(ctx)
	if err != nil {
		return err
	}
	differences, err := differs(after, fresh, p.ignore)
	if err != nil {
		return err
	}
	old, err := differs(p.before, fresh, p.ignore)
	if err != nil {
		return err
	}
	for i, d := range differences {
		if slices.Contains(old, d) && len(p.v.Migrations) > 0 {
			differences[i] += "; that was so before the upgrade"
		}
	}
	if others, err := p.others(ctx, m); err != nil {
		return err
	} else if len(differences) > 0 && len(others) > 0 && !p.told {
		p.v.skip("structure", "not compared: the database is also that of "+strings.Join(others, ", ")+", whose migrations are not here; name its tables with --ignore")
		return nil
	}
	p.v.add("structure", "that of a new database", "not that of a new database", differences...)
	return nil
}

// others are the sets that have migrations in the database and are not looked at.
func (p *proof) others(ctx context.Context, m *migratingsqlite.Migrator) (list []string, err error) {
	history, err := m.History(ctx)
	for _, r := range history {
		here := slices.ContainsFunc(p.sets, func(s *migratingsqlite.Set) bool { return s.Name() == r.Set })
		if name := "set " + r.Set; !here && (r.Status == "applied" || r.Status == "baseline") && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list, err
}

// back goes back where there are downs, and up again.
func (p *proof) back(ctx context.Context, after *facts) error {
	p.count(after, "after the upgrade")
	if len(p.versions) == 0 {
		p.v.skip("down", "nothing to undo")
	} else if went, err := p.down(ctx); err != nil || !went {
		if err != nil {
			return err
		}
	} else if err := p.again(ctx, after); err != nil {
		return err
	}
	p.checkRows(after)
	return nil
}

// checkRows says what has become of the rows.
func (p *proof) checkRows(after *facts) {
	kept := 0
	var notes []string
	for _, table := range slices.Sorted(maps.Keys(p.before.rows)) {
		was, now := p.before.rows[table], after.rows[table]
		if !p.named(table) {
			kept++
		} else if _, there := after.rows[table]; there && was != now {
			notes = append(notes, fmt.Sprintf("%s has %s, and had %d", table, count(int(now), "row"), was))
		}
	}
	text := "the tables that no migration names have as many as before"
	switch {
	case p.names == nil:
		text = "migrations in Go may change any table"
	case kept == 0:
		text = "the migrations name every table that there was"
	}
	p.v.add("rows", text, "of tables that no migration names", sorted(p.lost)...).Notes = notes
}

// sorted are the values in the order of their keys.
func sorted(m map[string]string) (list []string) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[key])
	}
	return list
}

var wordForm = regexp.MustCompile(`[\pL_][\pL\pN_$]*`)

// readNames finds out which tables the pending migrations name, be it in a comment.
func (p *proof) readNames() error {
	p.names = map[string]bool{}
	for _, s := range p.plan.Sets {
		for _, m := range s.Pending {
			if m.File == "" {
				p.names = nil
				return nil
			}
			up, down, err := m.SQL()
			if err != nil {
				return err
			}
			text := strings.ToLower(up + " " + down)
			for _, word := range wordForm.FindAllString(text, -1) {
				p.names[word] = true
			}
			for table := range p.before.rows {
				if strings.Contains(text, `"`+strings.ToLower(table)+`"`) { // it may have blanks
					p.names[strings.ToLower(table)] = true
				}
			}
		}
	}
	return nil
}

// named reports whether a pending migration names a table.
func (p *proof) named(table string) bool { return p.names == nil || p.names[strings.ToLower(table)] }

// count compares the rows of the tables that no migration names. What differs is
// said once.
func (p *proof) count(now *facts, when string) {
	for _, table := range slices.Sorted(maps.Keys(p.before.rows)) {
		was := p.before.rows[table]
		n, there := now.rows[table]
		if p.named(table) || there && n == was || p.lost[table] != "" {
			continue
		}
		if p.lost[table] = fmt.Sprintf("%s is gone %s, and no migration names it", table, when); there {
			p.lost[table] = fmt.Sprintf("%s has %s %s, and had %d; if a trigger does that, name the table in a comment of the migration", table, count(int(n), "row"), when, was)
		}
	}
}

// down goes back as far as there are ways, the last set first. It reports whether
// it went anywhere.
func (p *proof) down(ctx context.Context) (went bool, err error) {
	p.b.tool.waiting.tell("verify: going back")
	start := time.Now()
	undone, partly := 0, false
	var notes []string
	for i, set := range slices.Backward(p.sets) {
		from := p.plan.Sets[i].Version
		versions := p.versions[set.Name()]
		newer := slices.DeleteFunc(slices.Clone(versions), func(v int64) bool { return v <= from })
		if len(newer) < len(versions) {
			partly = true
			notes = append(notes, fmt.Sprintf("%d was applied although %d is newer: to go back before it would undo that too, and was not tried", versions[0], from))
		}
		if len(newer) == 0 {
			continue
		}
		m, err := p.b.migrator(0, set)
		if err != nil {
			return false, err
		}
		defer m.Close()
		plan, err := wayBack(ctx, m, append([]int64{from}, newer...))
		if plan != nil && plan.To > from {
			partly = true
			notes = append(notes, fmt.Sprintf("no way back of %s", label(set, plan.To)))
		}
		var done *migratingsqlite.Result
		if err == nil {
			done, err = m.Down(ctx, plan)
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err != nil {
			p.v.add("down", "", fmt.Sprintf("back to version %d fails", plan.To), p.b.clean(err).Error())
			return false, nil
		}
		undone += len(newer) - slices.Index(append([]int64{from}, newer...), plan.To)
		for _, a := range done.Undone {
			p.v.took(set.Name(), a, func(t *trial, ms int64) { t.DownMS = &ms })
		}
	}
	if undone == 0 {
		p.v.skip("down", strings.Join(notes, "; "))
		return false, nil
	}
	text := fmt.Sprintf("%s undone in %s", count(undone, "migration"), took(time.Since(start)))
	otherwise := text + "; the structure is not what it was"
	reasons, err := p.likeBefore(ctx, partly)
	if err != nil {
		return false, err
	}
	if !partly {
		text += "; the structure is what it was"
	}
	p.v.add("down", text, otherwise, reasons...).Notes = notes
	return true, nil
}

// wayBack plans to go back as far as there is a way, to one of the versions. It
// returns a plan that goes nowhere if there is none.
func wayBack(ctx context.Context, m *migratingsqlite.Migrator, versions []int64) (plan *migratingsqlite.DownPlan, err error) {
	for _, to := range versions {
		plan, err = m.PlanDown(ctx, to)
		if !errors.Is(err, migratingsqlite.ErrNoDown) {
			return plan, err
		}
	}
	return plan, err
}

// label is a migration as its file is called.
func label(set *migratingsqlite.Set, version int64) string {
	for _, m := range set.Migrations() {
		if m.Version == version {
			return m.String()
		}
	}
	return fmt.Sprint(version)
}

// likeBefore compares what going back has left with what there was.
func (p *proof) likeBefore(ctx context.Context, partly bool) ([]string, error) {
	now, err := p.b.look(ctx)
	if err != nil {
		return nil, err
	}
	p.count(now, "after going back")
	if partly {
		return nil, nil
	}
	// Repeatable migrations describe the newest version, and are gone.
	ignore := slices.Clone(p.ignore)
	for _, set := range p.sets {
		made, err := repeats(set)
		if err != nil {
			return nil, err
		}
		ignore = append(ignore, made.names...)
	}
	return differs(now, p.before, ignore)
}

// again applies what was undone once more.
func (p *proof) again(ctx context.Context, after *facts) error {
	p.b.tool.waiting.tell("verify: upgrading the copy again")
	done, d, err := p.b.up(ctx, p.to, p.sets...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		p.v.add("up_again", "", "it fails after going back", err.Error())
		return nil
	}
	for _, a := range done.Applied {
		p.v.took(a.Set, a, func(t *trial, ms int64) { t.AgainMS = &ms })
	}
	now, err := p.b.look(ctx)
	if err != nil {
		return err
	}
	p.count(now, "after the second upgrade")
	reasons, err := differs(now, after, p.ignore)
	text := fmt.Sprintf("%s in %s; the structure is ", count(len(done.Applied), "migration"), took(d))
	p.v.add("up_again", text+"that of the first time", text+"not that of the first time", reasons...).Notes = unlike(now.rows, after.rows)
	return err
}
