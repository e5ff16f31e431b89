package migratecli

import (
	"cmp"
	"context"
	"database/sql"
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
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// A bench is a database on which migrations are tried.
type bench struct {
	tool      *tool
	dsn, path string
}

// scratch is a bench of SQLite that need not outlive a crash.
func scratch(path string) *bench {
	return (&bench{tool: &tool{}, dsn: "?_pragma=synchronous(0)"}).at(path)
}

// at is another file to try the same on.
func (b *bench) at(path string) *bench { return &bench{b.tool, elsewhere(b.dsn, path), path} }

// migrator opens the bench for some sets, up to a version; 0 is the newest.
func (b *bench) migrator(to int64, sets ...*migratingsqlite.Set) (*migratingsqlite.Migrator, error) {
	opts := []migratingsqlite.Option{migratingsqlite.WithMode("on"), migratingsqlite.WithSet(sets...), migratingsqlite.WithTrace("off"),
		migratingsqlite.WithBackup("")}
	if to > 0 {
		opts = append(opts, migratingsqlite.WithTo(to))
	}
	m, err := b.tool.migrator(b.dsn, opts...)
	return m, b.clean(err)
}

// up upgrades the bench and says how long that took.
func (b *bench) up(ctx context.Context, to int64, sets ...*migratingsqlite.Set) (*migratingsqlite.Result, time.Duration, error) {
	m, err := b.migrator(to, sets...)
	if err != nil {
		return nil, 0, err
	}
	defer m.Close()
	start := time.Now()
	done, err := m.Up(ctx)
	return done, time.Since(start), b.clean(err)
}

// open opens the bench to look at it, through its own engine.
func (b *bench) open() (*sql.DB, error) {
	c, err := migratingsqlite.NewConnector(b.dsn, append(slices.Clone(b.tool.opts), migratingsqlite.WithMode("off"))...)
	if err != nil {
		return nil, b.clean(err)
	}
	return sql.OpenDB(c), nil
}

// ask returns the rows of a query.
func (b *bench) ask(ctx context.Context, query string) (list [][]string, err error) {
	db, err := b.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := all(ctx, db, query)
	for _, row := range rows {
		texts := make([]string, len(row))
		for i, v := range row {
			texts[i] = fmt.Sprint(v)
		}
		list = append(list, texts)
	}
	return list, b.clean(err)
}

// clean makes an error one of the copy, which has a path that says nothing.
func (b *bench) clean(err error) error {
	if err == nil {
		return nil
	}
	text := strings.TrimPrefix(err.Error(), "migratingsqlite: ")
	for _, name := range []string{b.path, strings.TrimPrefix(fileDSN(b.path), "file:")} {
		text = strings.ReplaceAll(strings.TrimPrefix(text, name+": "), name, "the copy")
	}
	return &cleaned{err, text}
}

type cleaned struct {
	err  error
	text string
}

func (c *cleaned) Error() string { return c.text }
func (c *cleaned) Unwrap() error { return c.err }

// facts are what is to stay as it is, or to become so.
type facts struct {
	structure []engine.Answer  // to schema.Queries
	rows      map[string]int64 // by table
	orphans   map[string]int64 // rows that break foreign keys, by what is said of them
	unchecked string           // why they could not be found
}

func (b *bench) look(ctx context.Context) (*facts, error) {
	db, err := b.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	f := &facts{structure: make([]engine.Answer, len(schema.Queries)), orphans: map[string]int64{}}
	for i, q := range schema.Queries {
		if f.structure[i].Rows, err = all(ctx, db, q); err != nil {
			return nil, b.clean(err)
		}
	}
	if f.rows, err = counts(ctx, db); err != nil {
		return nil, b.clean(err)
	}
	orphans, err := all(ctx, db, `SELECT 'of ' || "table" || ' point to nothing in ' || parent, count(*) FROM pragma_foreign_key_check GROUP BY 1`)
	if err != nil {
		f.unchecked = b.clean(err).Error()
	}
	for _, o := range orphans {
		f.orphans[fmt.Sprint(o[0])], _ = o[1].(int64)
	}
	return f, ctx.Err()
}

// counts counts the rows of all tables that can be read.
func counts(ctx context.Context, db *sql.DB) (map[string]int64, error) {
	tables, err := all(ctx, db, `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')
		AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'migratingsqlite\_%' ESCAPE '\'`)
	rows, c := map[string]int64{}, &counter{db, map[string]int64{}}
	for _, t := range tables {
		name := fmt.Sprint(t[0])
		if n, ok := c.of(ctx, name); ok {
			rows[name] = n
		}
	}
	return rows, err
}

// unlike says which tables have another number of rows after an upgrade that was
// done for the second time.
func unlike(now, first map[string]int64) (list []string) {
	for _, table := range slices.Sorted(maps.Keys(now)) {
		if n, there := first[table]; there && n != now[table] {
			list = append(list, fmt.Sprintf("%s has %s after the second time, and had %d after the first", table, count(int(now[table]), "row"), n))
		}
	}
	return list
}

// schema is the structure without some tables.
func (f *facts) schema(ignore []string) (*schema.Schema, error) {
	return schema.Read(f.structure, ignore...)
}

// orphaned says what foreign_key_check finds that it did not find before.
func (f *facts) orphaned(before *facts) (list []string) {
	if f.unchecked != "" && f.unchecked != before.unchecked {
		list = append(list, "foreign_key_check: "+f.unchecked)
	}
	if sum(f.orphans) <= sum(before.orphans) {
		return list // a table may have another name
	}
	for _, key := range slices.Sorted(maps.Keys(f.orphans)) {
		if more := f.orphans[key] - before.orphans[key]; more > 0 {
			list = append(list, fmt.Sprintf("foreign_key_check: %s more %s", count(int(more), "row"), key))
		}
	}
	return list
}

func sum(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// differs says how a structure is not as expected, a sentence for each thing.
func differs(have, want *facts, ignore []string) (list []string, err error) {
	h, err := have.schema(ignore)
	if err != nil {
		return nil, err
	}
	w, err := want.schema(ignore)
	if err != nil {
		return nil, err
	}
	for _, d := range schema.Diff(h, w) {
		if d.Kind == schema.OrderOnly {
			continue
		}
		text := d.String()
		if d.Have+d.Want != "" && !strings.Contains(text, d.Want) {
			text += fmt.Sprintf(" (%s, expected %s)", d.Have, d.Want)
		}
		list = append(list, text)
	}
	return list, nil
}

// integrity is what PRAGMA integrity_check finds, nothing if all is well.
func (b *bench) integrity(ctx context.Context) (found []string) {
	rows, err := b.ask(ctx, "PRAGMA integrity_check(10)")
	for _, r := range rows {
		if r[0] != "ok" {
			found = append(found, "integrity_check: "+r[0])
		}
	}
	if err != nil {
		found = append(found, "integrity_check: "+err.Error())
	}
	return found
}

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
	copied := (&bench{t, dsn, path}).at(filepath.Join(dir, filepath.Base(path)))
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

// remove removes a temporary database.
func (b *bench) remove() {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		os.Remove(b.path + suffix)
	}
}

// foreign are the tables that other tools and hosts have in a database.
func (b *bench) foreign(ctx context.Context, dsn string) (list []string, err error) {
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
		rows, err := all(ctx, db, q)
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
	b, fresh *bench
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
		for _, m := range set.Migrations() {
			if m.Version > 0 {
				continue
			}
			up, _, err := m.SQL()
			if err != nil {
				return nil, err
			}
			statements, _ := script.Split(up)
			for _, st := range statements {
				ignore = append(ignore, st.Effect().Name)
			}
		}
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

// took notes how long a migration took.
func (v *verification) took(set string, a migratingsqlite.Applied, note func(*trial, int64)) {
	for _, t := range v.Migrations {
		if t.Set == set && t.Version == a.Version && t.Name == a.Name {
			note(t, a.Duration.Milliseconds())
		}
	}
}

// size is that of the file and what belongs to it.
func (b *bench) size() (n int64) {
	for _, suffix := range []string{"", "-wal", "-journal"} {
		if info, err := os.Stat(b.path + suffix); err == nil {
			n += info.Size()
		}
	}
	return n
}

// watch looks how large the file grows until it is stopped.
func (b *bench) watch() (stop func() (peak int64)) {
	done, peak := make(chan struct{}), make(chan int64)
	go func() {
		largest := b.size()
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				largest = max(largest, b.size())
			case <-done:
				peak <- max(largest, b.size())
				return
			}
		}
	}()
	return func() int64 { close(done); return <-peak }
}
