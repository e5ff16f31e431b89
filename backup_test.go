package migratingsqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

// all is everything in the database, the driver's own tables too, as a plain
// connection sees it.
func (s *site) all() string {
	s.Helper()
	db := s.plain()
	defer db.Close()
	text := lookInto(s, db, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")
	for table := range strings.FieldsSeq(lookInto(s, db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")) {
		text += "\n" + table + ":\n" + lookInto(s, db, "SELECT * FROM "+table)
	}
	return text
}

// sameText shows the first line that differs.
func sameText(t testing.TB, got, wanted string) {
	t.Helper()
	a, b := strings.Split(got, "\n"), strings.Split(wanted, "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Errorf("line %d:\ngot  %.200q\nwant %.200q", i, a[min(i, len(a)):min(i+1, len(a))], b[min(i, len(b)):min(i+1, len(b))])
			return
		}
	}
}

// folder is where the site's snapshots are to be.
func (s *site) folder() string { return s.path + " backups" }

// backups are the snapshots that are there; each must be sound, and nothing else
// be beside them.
func (s *site) backups() []snapshot.Snapshot {
	s.Helper()
	list, err := snapshot.List(s.folder(), s.path)
	must(s, err)
	for _, b := range list {
		must(s, snapshot.Check(s.Context(), b.Path))
	}
	entries, err := os.ReadDir(s.folder())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.Fatal(err)
	}
	left := 0
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".partial") {
			left++ // by a killed process
		}
	}
	want(s, len(entries)-left, len(list))
	return list
}

// was is everything in a snapshot.
func (s *site) was(b snapshot.Snapshot) string {
	s.Helper()
	copied := newSite(s)
	content, err := os.ReadFile(b.Path)
	must(s, err)
	must(s, os.WriteFile(copied.path, content, 0o600))
	return copied.all()
}

var (
	twoSteps = []string{family, rebuildParent}
	inSteps  = []string{family, rebuildParent, "-- migratingsqlite: batch\nUPDATE parent SET note = 'x' WHERE id IN (SELECT id FROM parent WHERE note IS NULL LIMIT 1);", "CREATE TABLE more (x)"}
)

func TestSnapshotIsTheStateBeforeTheUpgrade(t *testing.T) {
	for _, journal := range journals {
		for name, scripts := range map[string][]string{"one transaction": twoSteps, "steps": inSteps} {
			for _, params := range []string{"", "cache=shared", "_pragma=user_version(7)", "_pragma=cache_size(10)&_pragma=foreign_keys(1)"} {
				t.Run(journal.name+", "+name+", "+params, func(t *testing.T) {
					s := newSite(t)
					must(t, with(t, s.dsn(journal.params, params), steps(t, scripts[:1])))
					s.exec("INSERT INTO parent (name) VALUES ('a row of the program''s')")
					before := s.all()
					db := s.open(journal.params+"&"+params, steps(t, scripts), migratingsqlite.WithBackup(s.folder()))
					s.works(db, int64(len(scripts)))
					must(t, db.Close())
					list := s.backups()
					want(t, len(list), 1)
					want(t, list[0].Version, 1)
					sameText(t, s.was(list[0]), before)
					// Up to date: none.
					s.works(s.open(journal.params, steps(t, scripts), migratingsqlite.WithBackup(s.folder())), int64(len(scripts)))
					want(t, len(s.backups()), 1)
				})
			}
		}
	}
}

func TestNoSnapshotWhereThereIsNothingToGoBackTo(t *testing.T) {
	set := steps(t, twoSteps[:1])
	for name, prepare := range map[string]func(s *site) (*migratingsqlite.Set, []migratingsqlite.Option){
		"a new file": func(s *site) (*migratingsqlite.Set, []migratingsqlite.Option) { return set, nil },
		"an empty file": func(s *site) (*migratingsqlite.Set, []migratingsqlite.Option) {
			must(s, os.WriteFile(s.path, nil, 0o600))
			return set, nil
		},
		"tables that are taken over": func(s *site) (*migratingsqlite.Set, []migratingsqlite.Option) {
			s.exec(family)
			return set, nil
		},
		"switched off in the DSN": func(s *site) (*migratingsqlite.Set, []migratingsqlite.Option) {
			must(s, with(s, s.dsn(), set))
			return steps(s, twoSteps), []migratingsqlite.Option{migratingsqlite.WithBackup("")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			set, opts := prepare(s)
			must(t, with(t, s.dsn(), set, append([]migratingsqlite.Option{migratingsqlite.WithBackup(s.folder())}, opts...)...))
			want(t, s.backups(), nil)
		})
	}
	t.Run("nothing is written", func(t *testing.T) {
		s := newSite(t)
		must(t, with(t, s.dsn(), set))
		fails(t, with(t, s.dsn("_migrate=check", "_migrate_backup="+s.folder()), steps(t, twoSteps)), migratingsqlite.ErrPending)
		must(t, with(t, s.dsn("_migrate=off"), steps(t, twoSteps), migratingsqlite.WithBackup(s.folder())))
		want(t, s.backups(), nil)
	})
	t.Run("in memory", func(t *testing.T) {
		s := newSite(t)
		for _, dsn := range []string{":memory:", "file:mem?vfs=memdb", "file::memory:?cache=shared"} {
			for _, scripts := range [][]string{twoSteps[:1], twoSteps} {
				db := open(t, dsn, migratingsqlite.WithSet(steps(t, scripts)), migratingsqlite.WithBackup(s.folder()))
				must(t, db.Ping())
			}
		}
		want(t, s.backups(), nil)
	})
}

func TestSnapshotsThatAreKept(t *testing.T) {
	s := newSite(t)
	scripts := []string{"CREATE TABLE t0 (x)"}
	for i := 1; i < 15; i++ {
		must(t, with(t, s.dsn("_migrate_backup="+s.folder()), steps(t, scripts)))
		scripts = append(scripts, fmt.Sprintf("CREATE TABLE t%d (x)", i))
	}
	list := s.backups()
	want(t, len(list), 10)
	want(t, list[0].Version, 4)
	want(t, list[9].Version, 13)
	must(t, os.WriteFile(filepath.Join(s.folder(), "app.db"), []byte("mine"), 0o600))
	must(t, with(t, s.dsn("_migrate_backup="+s.folder(), "_migrate_backup_keep=1"), steps(t, scripts)))
	left, err := os.ReadDir(s.folder())
	must(t, err)
	want(t, len(left), 2)
	want(t, left[0].Name(), "app.db")
}

// The folder is relative to where the program works, as the database is.
func TestRelativeBackupFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, with(t, "file:app.db", steps(t, twoSteps[:1])))
	m, err := migratingsqlite.NewMigrator("file:app.db?_migrate_backup=backups", migratingsqlite.WithSet(steps(t, twoSteps)))
	must(t, err)
	r, err := m.Up(t.Context())
	must(t, err)
	list, err := snapshot.List("backups", "app.db")
	must(t, err)
	if len(list) != 1 || list[0].Path != r.Backup || filepath.Dir(r.Backup) != "backups" {
		t.Errorf("%v, %q", list, r.Backup)
	}
	r, err = m.Up(t.Context())
	must(t, err)
	want(t, r.Backup, "")
}

func TestFailedUpgradeLeavesItsSnapshot(t *testing.T) {
	const broken = "CREATE TABLE t (x); INSERT INTO nowhere VALUES (1);"
	t.Run("one transaction", func(t *testing.T) {
		s := newSite(t)
		must(t, with(t, s.dsn(), steps(t, twoSteps[:1])))
		before := s.all()
		err := with(t, s.dsn("_migrate_backup="+s.folder()), steps(t, append(twoSteps, broken)))
		failsIn(t, err, 3, "the database is unchanged, at version 1")
		if strings.Contains(err.Error(), s.folder()) {
			t.Error("the snapshot is of no use, and mentioned")
		}
		list := s.backups()
		want(t, len(list), 1)
		sameText(t, s.was(list[0]), before)
	})
	t.Run("steps", func(t *testing.T) {
		s := newSite(t)
		must(t, with(t, s.dsn(), steps(t, inSteps[:1])))
		before := s.all()
		var path string
		for range 2 { // what was begun before is still what there is to go back to
			err := with(t, s.dsn("_migrate_backup="+s.folder()), steps(t, append(inSteps, broken)))
			list := s.backups()
			want(t, len(list), 1)
			path = list[0].Path
			failsIn(t, err, 5, "at version 4; what it was before is in "+path)
			sameText(t, s.was(list[0]), before)
		}
		kept, err := snapshot.Restore(t.Context(), path, s.path)
		must(t, err)
		sameText(t, s.all(), before)
		if kept == "" {
			t.Error("nothing was kept")
		}
		must(t, with(t, s.dsn(), steps(t, inSteps)))
	})
	t.Run("steps, and no snapshot of those that were done", func(t *testing.T) {
		s := newSite(t)
		must(t, with(t, s.dsn(), steps(t, inSteps[:1])))
		failsIn(t, with(t, s.dsn(), steps(t, append(inSteps, broken))), 5)
		failsIn(t, with(t, s.dsn("_migrate_backup="+s.folder()), steps(t, append(inSteps, broken))), 5)
		list := s.backups()
		want(t, len(list), 1)
		want(t, list[0].Version, 4)
	})
}

// Whatever is in the way of a snapshot is in the way of the upgrade.
func TestNoUpgradeWithoutItsSnapshot(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(s *site) (folder, params string)
		cure    func(s *site)
		words   []string
	}{
		"the folder is a file": {
			func(s *site) (string, string) {
				must(s, os.WriteFile(s.folder(), nil, 0o600))
				return s.folder(), ""
			},
			func(s *site) { must(s, os.Remove(s.folder())) },
			[]string{"is not a folder"},
		},
		"the folder above it is missing": {
			func(s *site) (string, string) { return filepath.Join(s.folder(), "x"), "" },
			func(s *site) { must(s, os.Mkdir(s.folder(), 0o700)) },
			[]string{"no such file or directory; make the folder above it first"},
		},
		"nobody else may read": {
			func(s *site) (string, string) {
				s.exec("PRAGMA journal_mode = WAL")
				return s.folder(), "_pragma=locking_mode(EXCLUSIVE)"
			},
			nil,
			[]string{"no second connection can read the database", "locking_mode(EXCLUSIVE)"},
		},
	} {
		for kind, scripts := range map[string][]string{"one transaction": twoSteps, "steps": inSteps} {
			t.Run(name+", "+kind, func(t *testing.T) {
				s := newSite(t)
				must(t, with(t, s.dsn(), steps(t, scripts[:1])))
				folder, params := c.prepare(s)
				before := s.all()
				db := s.open(params, steps(t, scripts), migratingsqlite.WithBackup(folder))
				for range 3 {
					fails(t, db.Ping(), nil, append(c.words, s.path, "the snapshot that _migrate_backup asks for could not be taken, so nothing was begun", "the database is unchanged, at version 1")...)
				}
				if c.cure != nil {
					sameText(t, s.all(), before)
					c.cure(s)
					time.Sleep(retryPause)
					s.works(db, int64(len(scripts)))
				}
				must(t, db.Close())
				if c.cure == nil {
					sameText(t, s.all(), before)
				}
			})
		}
	}
}

func TestUndoingTakesASnapshot(t *testing.T) {
	s := newSite(t)
	set := load(t, "app", files("0001_a.up.sql", "CREATE TABLE a (x)", "0002_b.up.sql", "CREATE TABLE b (x)", "0002_b.down.sql", "DROP TABLE b"))
	must(t, with(t, s.dsn(), set))
	s.exec("INSERT INTO b VALUES ('dear to somebody')")
	before := s.all()
	m, err := migratingsqlite.NewMigrator(s.dsn(), migratingsqlite.WithSet(set), migratingsqlite.WithBackup(s.folder()))
	must(t, err)
	p, err := m.PlanDown(t.Context(), 1)
	must(t, err)
	r, err := m.Down(t.Context(), p)
	must(t, err)
	list := s.backups()
	want(t, len(list), 1)
	want(t, list[0].Version, 2)
	want(t, r.Backup, list[0].Path)
	sameText(t, s.was(list[0]), before)
}

func TestBackupOnDemand(t *testing.T) {
	migrator := func(t *testing.T, dsn string, set *migratingsqlite.Set) *migratingsqlite.Migrator {
		t.Helper()
		m, err := migratingsqlite.NewMigrator(dsn, migratingsqlite.WithSet(set))
		must(t, err)
		t.Cleanup(func() { m.Close() })
		return m
	}
	set := steps(t, twoSteps)
	for _, journal := range journals {
		t.Run(journal.name, func(t *testing.T) {
			s := newSite(t)
			must(t, with(t, s.dsn(journal.params), set))
			before := s.all()
			for range 3 {
				path, err := migrator(t, s.dsn(journal.params), set).Backup(t.Context(), s.folder())
				must(t, err)
				list := s.backups()
				want(t, list[len(list)-1].Path, path)
			}
			list := s.backups()
			want(t, len(list), 3)
			want(t, list[2].Version, 2)
			sameText(t, s.was(list[2]), before)
			sameText(t, s.all(), before)
			s.noLeftovers()
		})
	}
	t.Run("somebody else's tables", func(t *testing.T) {
		s := newSite(t)
		s.exec("CREATE TABLE mine (x)")
		before := s.all()
		_, err := migrator(t, s.dsn(), set).Backup(t.Context(), s.folder())
		must(t, err)
		list := s.backups()
		want(t, list[0].Version, 0)
		sameText(t, s.was(list[0]), before)
	})
	t.Run("books that cannot be read", func(t *testing.T) {
		s := newSite(t)
		s.exec("CREATE TABLE migratingsqlite_history (x); CREATE TABLE mine (x)")
		before := s.all()
		_, err := migrator(t, s.dsn(), set).Backup(t.Context(), s.folder())
		must(t, err)
		sameText(t, s.was(s.backups()[0]), before)
	})
	t.Run("another program's", func(t *testing.T) {
		s := newSite(t)
		must(t, with(t, s.dsn(), load(t, "other", files("0007_a.sql", "CREATE TABLE a (x)"))))
		_, err := migrator(t, s.dsn(), set).Backup(t.Context(), s.folder())
		must(t, err)
		want(t, s.backups()[0].Version, 7)
	})
	t.Run("refused", func(t *testing.T) {
		s := newSite(t)
		_, err := migrator(t, s.dsn(), set).Backup(t.Context(), s.folder())
		fails(t, err, nil, s.path, "the file does not exist, so there is nothing to back up")
		_, err = migrator(t, ":memory:", set).Backup(t.Context(), s.folder())
		fails(t, err, nil, "in memory")
		must(t, with(t, s.dsn(), set))
		_, err = migrator(t, s.dsn(), set).Backup(t.Context(), filepath.Join(s.folder(), "no", "such"))
		fails(t, err, nil, "make the folder above it first")
		want(t, s.backups(), nil)
	})
	t.Run("locked", func(t *testing.T) {
		s := newSite(t)
		must(t, with(t, s.dsn(), set))
		db := s.plain()
		conn, err := db.Conn(t.Context())
		must(t, err)
		defer conn.Close()
		_, err = conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
		must(t, err)
		_, err = migrator(t, s.dsn("_migrate_timeout=50ms"), set).Backup(t.Context(), s.folder())
		fails(t, err, migratingsqlite.ErrLocked)
		_, err = conn.ExecContext(t.Context(), "COMMIT")
		must(t, err)
		_, err = migrator(t, s.dsn(), set).Backup(t.Context(), s.folder())
		must(t, err)
	})
}

func TestSnapshotIsTraced(t *testing.T) {
	recorded := recordSpans(t)
	logger, log := recordLogs()
	s := newSite(t)
	must(t, with(t, s.dsn(), steps(t, twoSteps[:1]), migratingsqlite.WithTrace("off")))
	must(t, with(t, s.dsn("_migrate_backup="+s.folder()), steps(t, twoSteps), migratingsqlite.WithLogger(logger)))
	b := s.backups()[0]
	span := recorded.one(upgradeSpan)
	want(t, events(span), []string{"migratingsqlite.locked", "migratingsqlite.backup"})
	a := attributes(span.Events()[1].Attributes)
	want(t, a["migratingsqlite.backup.path"], any(b.Path))
	want(t, a["migratingsqlite.backup.bytes"], any(b.Size))
	if _, ok := a["migratingsqlite.backup.duration_ms"].(int64); !ok {
		t.Error(a)
	}
	want(t, records(t, log)[0]["backup"], any(b.Path))
}

// The upgrade is closed while its snapshot is taken, or before: nothing is left of
// either.
func TestClosedDuringASnapshot(t *testing.T) {
	s := newSite(t)
	must(t, with(t, s.dsn(), steps(t, twoSteps[:1])))
	before := s.all()
	m, err := migratingsqlite.NewMigrator(s.dsn("_migrate_backup="+s.folder()), migratingsqlite.WithSet(steps(t, twoSteps)))
	must(t, err)
	for i := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*200*time.Microsecond)
		_, err := m.Up(ctx)
		cancel()
		if err == nil {
			break
		}
		sameText(t, s.all(), before)
	}
	entries, _ := os.ReadDir(s.folder())
	want(t, len(entries), len(s.backups()))
}

// chainAt makes a file that has the chain up to a version.
func chainAt(s *site, c chain, version int64) {
	s.Helper()
	db := s.open("", c.load(s, nil), migratingsqlite.WithTo(version))
	defer db.Close()
	must(s, db.Ping())
}

func TestEightProcessesTakeOneSnapshot(t *testing.T) {
	for _, journal := range journals {
		for name, c := range map[string]struct {
			part  string
			begin func(s *site)
			check func(s *site)
		}{
			"one transaction": {"short chain", func(s *site) { chainAt(s, shortChain, 20) }, func(s *site) { shortChain.check(s, s) }},
			"steps": {"few stairs", func(s *site) {
				db := s.open("", fewStairs.load(s), migratingsqlite.WithTo(1))
				defer db.Close()
				must(s, db.Ping())
			}, func(s *site) { fewStairs.check(s, s) }},
		} {
			t.Run(journal.name+", "+name, func(t *testing.T) {
				for range rounds(t, 3, 1) {
					s := newSite(t)
					c.begin(s)
					before := s.all()
					g := newGate(t)
					processes := make([]*process, 8)
					for i := range processes {
						processes[i] = start(t, c.part, s.dsn(journal.params, "_migrate_set=chain", "_migrate_backup="+s.folder()), g.r)
					}
					for _, p := range processes {
						p.says("ready")
					}
					g.open()
					for _, p := range processes {
						p.succeeds()
					}
					c.check(s)
					list := s.backups()
					want(t, len(list), 1)
					sameText(t, s.was(list[0]), before)
				}
			})
		}
	}
}

// Whenever a process is killed, what there is of a snapshot is whole, and of the
// state before; and if anything was written to the database, then there is one.
func TestProcessKilledWithASnapshot(t *testing.T) {
	for _, journal := range journals {
		t.Run(journal.name, func(t *testing.T) {
			n := rounds(t, 8, 2)
			var took time.Duration
			for round := range n + 1 {
				s := newSite(t)
				chainAt(s, longChain, 100)
				before := s.all()
				g := newGate(t)
				p := start(t, "long chain", s.dsn(journal.params, "_pragma=cache_size(10)", "_migrate_set=chain", "_migrate_backup="+s.folder()), g.r)
				p.says("ready")
				begun := time.Now()
				g.open()
				if round == 0 {
					p.says("took")
					took = time.Since(begun)
				} else {
					time.Sleep(time.Duration((float64(round-1) + rand.Float64()) / float64(n) * float64(took)))
				}
				p.kill()
				list := s.backups()
				for _, b := range list {
					sameText(t, s.was(b), before)
				}
				if len(list) == 0 && s.all() != before {
					t.Error("something was written without a snapshot")
				}
				// The next one takes its own, if it has to upgrade.
				db := s.open(journal.params, longChain.load(t, nil), migratingsqlite.WithBackup(s.folder()))
				must(t, db.Ping())
				must(t, db.Close())
				longChain.check(t, s)
				for _, b := range s.backups() {
					sameText(t, s.was(b), before)
				}
			}
		})
	}
}

var leaseForm = regexp.MustCompile(`migratingsqlite_lease:\n1\|.*\|\|\|\|\|\n`)

// A process is killed at each of its commits in turn. Whoever goes on with what it
// has begun does not take a snapshot of something halfway.
func TestSnapshotOfAnUpgradeThatIsTakenOver(t *testing.T) {
	leases(t, 20*time.Millisecond)
	set := fewStairs.load(t)
	for _, journal := range journals {
		t.Run(journal.name, func(t *testing.T) {
			for commit := 1; ; commit++ {
				if testing.Short() && commit > 2 {
					commit += 4
				}
				s := newSite(t)
				db := s.open("", set, migratingsqlite.WithTo(1))
				must(t, db.Ping())
				must(t, db.Close())
				before := s.all()
				g := newGate(t)
				t.Setenv(deathEnv, strconv.Itoa(commit))
				p := start(t, "few stairs", s.dsn(journal.params, "_migrate_set=chain", "_migrate_backup="+s.folder()), g.r)
				p.says("ready")
				g.open()
				line, _ := p.out.ReadString('\n')
				finished := strings.HasPrefix(line, "took")
				if finished {
					p.succeeds()
				} else {
					p.Wait()
				}
				db = s.open(journal.params, set, migratingsqlite.WithBackup(s.folder()))
				must(t, db.Ping())
				must(t, db.Close())
				fewStairs.check(t, s)
				list := s.backups()
				if len(list) == 0 || len(list) > 2 {
					t.Errorf("killed at commit %d: %d snapshots", commit, len(list))
				}
				for _, b := range list {
					// But for the lease of a process that had come no further.
					sameText(t, leaseForm.ReplaceAllString(s.was(b), "migratingsqlite_lease:\n\n"), before)
				}
				if finished {
					want(t, len(list), 1)
					break
				}
			}
		})
	}
}

// A busy pool does not copy a large database again and again for nothing.
func TestSnapshotThatFailsIsNotTriedAtOnce(t *testing.T) {
	recorded := recordSpans(t)
	s := newSite(t)
	must(t, with(t, s.dsn(), steps(t, twoSteps[:1]), migratingsqlite.WithTrace("off")))
	must(t, os.WriteFile(s.folder(), nil, 0o600))
	db := s.open("", steps(t, twoSteps), migratingsqlite.WithBackup(s.folder()))
	for range 40 {
		if err := db.Ping(); err == nil || !strings.Contains(err.Error(), "is not a folder") {
			t.Fatal(err)
		}
	}
	// The pause doubles: more of them would take minutes.
	if n := len(recorded.ended()); n == 0 || n > 12 {
		t.Errorf("it was tried %d times", n)
	}
}
