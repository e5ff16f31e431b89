package migratecli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

// fleet is how a command deals with many databases.
type fleet struct {
	from     string // a file with a DSN on each line
	parallel int
	report   string // the file that gets a line of JSON for each database
}

func (f *fleet) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.from, "from-file", "", "read the names of databases from a `FILE`, one a line; - is the standard input")
	cmd.Flags().IntVar(&f.parallel, "parallel", 4*runtime.NumCPU(), "work on `N` databases at a time")
	cmd.Flags().StringVar(&f.report, "report", "", "write a line of JSON for each database to a `FILE`, also for what failed or is left")
}

// A result is what a command has to say of one database. As JSON it is an
// object with "database".
type result interface {
	text(p *printer)  // for people, if it is the only one
	brief() string    // one of many: what they are grouped by
	code() (exit int) // 0 if all is well
}

// failure is the result where there is none.
type failure struct {
	Database string `json:"database"`
	Err      string `json:"error"`
}

// left is the result of a database that an interrupted command did not come to.
type left struct {
	Database string `json:"database"`
	State    string `json:"state"`
}

// work is what a command does with one database. The name is for people.
type work func(ctx context.Context, dsn string) (name string, r result, err error)

// on is work with a database that has been found. Options come behind the
// program's own.
func (t *tool) on(do func(context.Context, *migratingsqlite.Migrator) (result, error), more ...migratingsqlite.Option) work {
	return func(ctx context.Context, dsn string) (string, result, error) {
		m, err := t.migrator(dsn, more...)
		if err != nil {
			return t.name(dsn), nil, err
		}
		defer m.Close()
		r, err := do(ctx, m)
		return m.Database(), r, err
	}
}

// each does the work on all databases that the arguments name: one failure
// stops neither the others nor the record of what is left.
func (t *tool) each(cmd *cobra.Command, args []string, do work) error {
	dsns, err := t.targets(cmd, args)
	if err != nil {
		return err
	}
	var broken *databaseError
	if err := t.findSet(cmd.Context(), dsns...); errors.As(err, &broken) {
		do = func(context.Context, string) (string, result, error) { return broken.name, nil, broken.err }
	} else if err != nil {
		return err
	}
	if len(dsns) == 1 && t.fleet.from == "" && t.fleet.report == "" {
		return t.one(cmd, dsns[0], do)
	}
	return t.many(cmd, dsns, do)
}

func (t *tool) one(cmd *cobra.Command, dsn string, do work) error {
	t.waiting = newWaiting(cmd)
	name, r, err := do(cmd.Context(), dsn)
	t.waiting.stop()
	if err != nil {
		return t.fail(cmd, name, err)
	}
	if err := t.say(cmd, r, r.text); err != nil || r.code() == 0 {
		return err
	}
	return &exitError{r.code(), nil}
}

// fail says what has failed as JSON, too.
func (t *tool) fail(cmd *cobra.Command, name string, err error) error {
	if t.json {
		writeJSON(cmd.OutOrStdout(), failure{name, err.Error()})
	}
	return err
}

// targets expands what the arguments name. The driver's own way to write a name
// comes first: a file may be called *.db.
func (t *tool) targets(cmd *cobra.Command, args []string) (dsns []string, err error) {
	for _, a := range args {
		if !strings.ContainsAny(a, "*[?") || strings.Contains(a[len(filepath.VolumeName(a)):], ":") {
			dsns = append(dsns, a)
			continue
		}
		pattern, params, hasParams := strings.Cut(a, "?")
		if _, err := os.Lstat(pattern); err == nil || !strings.ContainsAny(pattern, "*[") {
			dsns = append(dsns, a)
			continue
		}
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, usageError(cmd, "%s: %w", pattern, err)
		}
		copies := strings.HasSuffix(pattern, ".snapshot") || strings.HasSuffix(pattern, ".replaced")
		found = slices.DeleteFunc(found, func(f string) bool { return notADatabase(f) || !copies && snapshot.IsCopy(f) })
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: no file has such a name", pattern)
		}
		for _, f := range found {
			if strings.ContainsAny(f[len(filepath.VolumeName(f)):], "?:") { // a DSN reads them in its own way
				f = fileDSN(f)
			}
			if hasParams {
				f += "?" + params
			}
			dsns = append(dsns, f)
		}
	}
	if t.fleet.from != "" {
		more, err := readList(cmd.InOrStdin(), t.fleet.from)
		if err != nil {
			return nil, fmt.Errorf("--from-file: %w", err)
		}
		dsns = append(dsns, more...)
		if len(dsns) == 0 {
			return nil, fmt.Errorf("--from-file %s: it names no database", t.fleet.from)
		}
	}
	if len(dsns) == 0 && t.dsn != "" {
		dsns = append(dsns, t.dsn)
	}
	for _, dsn := range dsns {
		if err := contradiction(cmd, dsn); err != nil {
			return nil, err
		}
	}
	seen := make(map[string]bool, len(dsns))
	return slices.DeleteFunc(dsns, func(dsn string) bool {
		twice := seen[dsn]
		seen[dsn] = true
		return twice
	}), nil
}

// saidTwice are the flags for which a DSN has a parameter. The parameter would
// win, unseen. How far down goes is not how far up goes.
var saidTwice = map[string]string{"to": "_migrate_to", "layout": "_migrate_layout", "table": "_migrate_adopt_table", "set": "_migrate_set"}

// contradiction refuses a flag where the DSN says something else.
func contradiction(cmd *cobra.Command, dsn string) error {
	for _, p := range parameters(dsn) {
		key, value, isParameter := strings.Cut(p, "=")
		if !isParameter && p != "" && !otherEngine(dsn) { // as a DSN it would be another file
			return usageError(cmd, "%s: behind the ? is %q, which is no parameter (NAME=VALUE); a pattern has * and [a-z], and a file with a ? in its name is file:…%%3f…", dsn, p)
		}
		if key == "_migrate_baseline" && cmd.Name() == "baseline" && value != cmd.Flags().Arg(0) {
			return usageError(cmd, "the version is %s, and the DSN says %s: say one of them", cmd.Flags().Arg(0), p)
		}
		for flag, parameter := range saidTwice {
			f := cmd.Flags().Lookup(flag)
			if text, err := url.QueryUnescape(value); key == parameter && f != nil && f.Changed && !(flag == "to" && cmd.Name() == "down") && err == nil && text != f.Value.String() {
				return usageError(cmd, "--%s is %s, and the DSN says %s=%s: say one of them", flag, f.Value, key, value)
			}
		}
	}
	return nil
}

// notADatabase reports whether a pattern has met what belongs to a database
// beside it, or a folder.
func notADatabase(path string) bool {
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if strings.HasSuffix(path, suffix) {
			return true
		}
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// isDatabase reports whether a file begins as one.
func isDatabase(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, 16)
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == "SQLite format 3\x00"
}

// readList reads names, one a line. Empty lines and those that begin with # are
// passed over.
func readList(stdin io.Reader, path string) (list []string, err error) {
	r := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "\x00") { // a pattern without quotes
			return nil, fmt.Errorf("%s is no list of names, one a line", path)
		}
		// Some editors put a mark before the first line.
		if line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")); line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list, lines.Err()
}

// tally is what is known of a fleet. It does not grow with the number of
// databases.
type tally struct {
	mu     sync.Mutex
	groups map[string]*group // by what they have in common
	failed group
	worst  int // exit code
	left   int
	report io.Writer
	out    io.Writer // for lines of JSON; nil without --json
	broken error     // of writing
}

// group is a number of databases that have something in common.
type group struct {
	n     int
	names []string // the first few
}

const namesShown = 5

func (g *group) add(name string) {
	if g.n++; len(g.names) < namesShown {
		g.names = append(g.names, name)
	}
}

func (y *tally) record(v any) {
	for _, w := range []io.Writer{y.report, y.out} {
		if w != nil && y.broken == nil {
			y.broken = writeJSON(w, v)
		}
	}
}

func (y *tally) add(name string, r result, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if err != nil {
		y.failed.add(err.Error())
		y.worst = exitFailed
		y.record(failure{name, err.Error()})
		return
	}
	if y.worst == 0 {
		y.worst = r.code()
	}
	g := y.groups[r.brief()]
	if g == nil {
		g = &group{}
		y.groups[r.brief()] = g
	}
	g.add(name)
	y.record(r)
}

// leave records a database that is as it was.
func (y *tally) leave(name string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.left++
	y.record(left{name, "left"})
}

func (t *tool) many(cmd *cobra.Command, dsns []string, do work) error {
	if t.fleet.parallel < 1 {
		return usageError(cmd, "--parallel %d: wants at least 1", t.fleet.parallel)
	}
	y := &tally{groups: map[string]*group{}}
	if t.json {
		y.out = cmd.OutOrStdout()
	}
	if t.fleet.report != "" {
		if isDatabase(t.fleet.report) { // a pattern without quotes
			return usageError(cmd, "--report %s: that is a database, which it would write over", t.fleet.report)
		}
		f, err := os.OpenFile(t.fleet.report, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("--report: %w", err)
		}
		defer f.Close()
		y.report = f
	}
	ctx := cmd.Context()
	bar := newBar(cmd, len(dsns), y.out)
	start := time.Now()
	queue := make(chan string)
	var workers sync.WaitGroup
	for range min(t.fleet.parallel, len(dsns)) {
		workers.Go(func() {
			for dsn := range queue {
				name, r, err := do(ctx, dsn)
				if err != nil && ctx.Err() != nil {
					y.leave(name)
					continue
				}
				y.add(name, r, err)
				bar.step(err != nil)
			}
		})
	}
	for i, dsn := range dsns {
		select {
		case queue <- dsn:
			continue
		case <-ctx.Done():
		}
		for _, dsn := range dsns[i:] {
			y.leave(t.name(dsn))
		}
		break
	}
	close(queue)
	workers.Wait()
	bar.stop()
	if !t.json {
		p := newPrinter(cmd.OutOrStdout())
		y.summary(p, len(dsns), time.Since(start))
		y.broken = cmp.Or(y.broken, p.broken)
	}
	switch {
	case y.broken != nil:
		return writing(y.broken)
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %s of %d are left; run it again to do them", count(y.left, "database"), len(dsns))
	case y.failed.n > 0 && cmd.GroupID == groupLook:
		return &exitError{exitFailed, fmt.Errorf("%s of %d failed", count(y.failed.n, "database"), len(dsns))}
	case y.failed.n > 0:
		return &exitError{exitFailed, fmt.Errorf("%s of %d failed; the others are done, and a second run does what is left", count(y.failed.n, "database"), len(dsns))}
	case y.worst != 0:
		return &exitError{y.worst, nil}
	}
	return nil
}

// name is what a DSN that was not opened is called: without its parameters and
// without a user, which may hold secrets.
func (t *tool) name(dsn string) string {
	name, _, _ := strings.Cut(dsn, "?")
	at := strings.LastIndexByte(name, '@')
	colon := strings.IndexByte(name, ':')
	if colon < 0 || at < colon {
		return name
	}
	if scheme, _, ok := strings.Cut(name, "://"); ok {
		return scheme + "://…" + name[at:]
	}
	return "…" + name[at:]
}

// summary shows the groups, the largest first, and names the odd ones out.
func (y *tally) summary(p *printer, n int, d time.Duration) {
	p.printf("%s in %s (%.0f a second)\n", p.paint(bold, count(n-y.left, "database")), took(d), float64(n-y.left)/max(d.Seconds(), 0.001))
	keys := make([]string, 0, len(y.groups))
	for k := range y.groups {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := y.groups[b].n - y.groups[a].n; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	p.printf("\n")
	for i, k := range keys {
		g := y.groups[k]
		p.printf("  %7d  ", g.n)
		p.wrapped(11, nil, printable(k))
		if i > 0 {
			p.printf("%11s", "")
			p.wrapped(11, faint, g.list(", "))
		}
	}
	if y.failed.n > 0 {
		p.printf("\n%s\n", p.paint(bad, count(y.failed.n, "failure")))
		for _, err := range y.failed.names {
			p.printf("  %s ", p.paint(bad, "✗"))
			p.wrapped(4, nil, strings.TrimPrefix(err, "migratingsqlite: "))
		}
		if more := y.failed.n - len(y.failed.names); more > 0 {
			p.printf("  %s\n", p.paint(faint, fmt.Sprintf("and %d more", more)))
		}
	}
}

func (g *group) list(separator string) string {
	s := strings.Join(g.names, separator)
	if more := g.n - len(g.names); more > 0 {
		s += fmt.Sprintf("%sand %d more", separator, more)
	}
	return s
}
