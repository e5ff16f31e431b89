package enginetest

import (
	"os"
	"path/filepath"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

// Backups is that the database is a file, of which snapshots are taken. Without
// it, asking for them is refused when the database is opened.
const Backups Feature = "snapshots"

var backupScenarios = []scenario{
	{"ASnapshotBeforeAnUpgrade", snapshotBeforeUpgrade},
	{"ASnapshotOnDemand", snapshotOnDemand},
	{"ASnapshotBeforeGoingBack", snapshotBeforeGoingBack},
}

func snapshotBeforeUpgrade(w *world) {
	for name, more := range map[string][]string{
		"one transaction": {"0002_b.sql", "CREATE TABLE b(x); DELETE FROM people"},
		"steps":           {"0002_lower.sql", lowerInBatches, "0003_b.sql", "CREATE TABLE b(x)"},
	} {
		w := w.another()
		one := []string{"0001_people.sql", people}
		folder := filepath.Join(w.TempDir(), "it's "+name)
		if !w.has(Backups) {
			_, err := migratingsqlite.NewConnector(w.dsn("_migrate_backup="+folder), migratingsqlite.WithSet(app(w, one...)))
			wantError(w, err, nil, "_migrate_backup: a server keeps backups itself", "turso db create NEW --from-db OLD --timestamp TIME", "--enable-bottomless-replication")
			_, err = os.Stat(folder)
			want(w, os.IsNotExist(err), true)
			continue
		}
		must(w, w.up(app(w, one...), migratingsqlite.WithBackup(folder))) // is new: none
		before := w.dump()
		set := app(w, and(one, more...)...)
		must(w, w.up(set, migratingsqlite.WithBackup(folder)))
		must(w, w.up(set, migratingsqlite.WithBackup(folder))) // is up to date: none
		w.restores(folder, 1, before)
		// The same once more: what is restored is an ordinary database.
		must(w, w.up(set, migratingsqlite.WithBackup(folder)))
		w.isUpToDate(set)
	}
}

func snapshotBeforeGoingBack(w *world) {
	if !w.has(Backups) {
		return
	}
	set, folder := app(w, stairs...), filepath.Join(w.TempDir(), "backups")
	must(w, w.up(set))
	before := w.dump()
	m := w.migrator(set, "", migratingsqlite.WithBackup(folder))
	p, err := m.PlanDown(w.Context(), 0)
	must(w, err)
	result, err := m.Down(w.Context(), p)
	must(w, err)
	must(w, m.Close())
	want(w, w.structure(), nil)
	want(w, filepath.Dir(result.Backup), folder)
	w.restores(folder, 3, before)
}

func snapshotOnDemand(w *world) {
	set := app(w, "0001_people.sql", people)
	must(w, w.up(set))
	folder := filepath.Join(w.TempDir(), "backups")
	m := w.migrator(set, "")
	path, err := m.Backup(w.Context(), folder)
	must(w, m.Close()) // some have the database open until then
	if !w.has(Backups) {
		wantError(w, err, nil, "a server keeps backups itself")
		return
	}
	must(w, err)
	must(w, snapshot.Check(w.Context(), path))
	before := w.dump()
	w.change("DROP TABLE people")
	w.restores(folder, 1, before)
}

// restores checks that a folder has one snapshot, and that it is what the database
// was before.
func (w *world) restores(folder string, version int64, before []string) {
	w.Helper()
	path := w.Namespace
	list, err := snapshot.List(folder, path)
	must(w, err)
	if len(list) != 1 || list[0].Version != version {
		w.Fatal(list)
	}
	if w.plain != nil {
		must(w, w.plain.Close())
		w.plain = nil
	}
	// Some libraries close a database in the background.
	eventually(w, "the database is closed", func() bool {
		_, err = snapshot.Restore(w.Context(), list[0].Path, path)
		return err == nil
	})
	want(w, w.dump(), before)
}
