package migratingsqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

// smallDisk mounts a disk of 4 MB over a folder, until the test ends.
func smallDisk(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Skipf("cannot make the mounts private: %v", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// large is a migration after which the database has about a megabyte.
const large = "CREATE TABLE large (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO large SELECT randomblob(1000) FROM n"

func TestNoRoomForASnapshot(t *testing.T) {
	if !again(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}) {
		return
	}
	for kind, scripts := range map[string][]string{"one transaction": {large, family}, "steps": {large, family, "-- migratingsqlite: batch\nUPDATE parent SET name = 'x' WHERE id IN (SELECT id FROM parent WHERE name <> 'x' LIMIT 1)"}} {
		t.Run(kind, func(t *testing.T) {
			s := newSite(t)
			must(t, os.Mkdir(s.folder(), 0o700))
			smallDisk(t, s.folder())
			must(t, with(t, s.dsn(), steps(t, scripts[:1])))
			before := s.all()
			ballast := fillDisk(t, s.folder(), 300<<10)
			db := s.open("", steps(t, scripts), migratingsqlite.WithBackup(s.folder()))
			fails(t, db.Ping(), nil, "the disk of "+s.folder()+" has 3", "kB free, and 1.", "MB are needed", "nothing was begun", "the database is unchanged, at version 1")
			sameText(t, s.all(), before)
			must(t, os.Remove(ballast))
			want(t, s.backups(), nil)
			time.Sleep(retryPause)
			s.works(db, int64(len(scripts)))
			sameText(t, s.was(s.backups()[0]), before)
		})
	}
}

// A disk may be full before it says so: here a limit is in the way of every file.
func TestSnapshotIsCutOff(t *testing.T) {
	if !again(t, nil) {
		return
	}
	s := newSite(t)
	must(t, with(t, s.dsn(), steps(t, []string{large})))
	before := s.all()
	file, err := snapshot.List(s.folder(), s.path)
	if err != nil || len(file) > 0 {
		t.Fatal(file, err)
	}
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 500 << 10, Max: 1<<63 - 1}))
	fails(t, with(t, s.dsn("_migrate_backup="+s.folder()), steps(t, []string{large, family})), nil,
		"the snapshot that _migrate_backup asks for could not be taken, so nothing was begun", "the database is unchanged, at version 1")
	sameText(t, s.all(), before)
	want(t, s.backups(), nil)
	left, err := os.ReadDir(s.folder())
	must(t, err)
	want(t, len(left), 0)
}

func TestNoRoomToRestore(t *testing.T) {
	if !again(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}) {
		return
	}
	s := newSite(t)
	dir := filepath.Dir(s.path)
	smallDisk(t, dir)
	elsewhere := t.TempDir()
	must(t, with(t, s.dsn(), steps(t, []string{large})))
	m, err := migratingsqlite.NewMigrator(s.dsn(), migratingsqlite.WithSet(steps(t, []string{large})))
	must(t, err)
	file, err := m.Backup(t.Context(), elsewhere)
	must(t, err)
	s.exec("UPDATE large SET x = randomblob(1000)")
	before := s.all()
	ballast := fillDisk(t, dir, 1500<<10) // for what is kept, and not for the journal
	_, err = snapshot.Restore(t.Context(), file, s.path)
	fails(t, err, nil, "the disk of "+dir+" has 1.5 MB free, and 2.", "MB are needed")
	sameText(t, s.all(), before)
	// Where the disk does not tell, SQLite finds out.
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: 1<<63 - 1}))
	must(t, os.Remove(ballast))
	_, err = snapshot.Restore(t.Context(), file, s.path)
	fails(t, err, nil, "keeping what is there: disk I/O error (778); the database is as it was")
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1<<63 - 1, Max: 1<<63 - 1}))
	sameText(t, s.all(), before)
	// There is room to keep what is there, and none for what is larger.
	s.exec("DELETE FROM large; VACUUM")
	small := s.all()
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 600 << 10, Max: 1<<63 - 1}))
	_, err = snapshot.Restore(t.Context(), file, s.path)
	fails(t, err, nil, "copying the snapshot: disk I/O error (778); the database is as it was")
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1<<63 - 1, Max: 1<<63 - 1}))
	sameText(t, s.all(), small)
	left, err := filepath.Glob(s.path + "*")
	must(t, err)
	want(t, left, []string{s.path})
	kept, err := snapshot.Restore(t.Context(), file, s.path)
	must(t, err)
	if after := s.all(); after == small || kept == "" {
		t.Error("nothing was restored")
	}
}

func TestFolderThatMayNotBeWritten(t *testing.T) {
	if os.Geteuid() == 0 {
		// Permissions do not hold for root.
		if !again(t, nil) {
			return
		}
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
			t.Skipf("cannot become nobody: %v", err)
		}
	}
	root, err := os.MkdirTemp("", "readonly") // the folder of t.TempDir is root's
	must(t, err)
	defer os.RemoveAll(root)
	s := &site{t, filepath.Join(root, "app.db")}
	must(t, with(t, s.dsn("_pragma=journal_mode(WAL)"), steps(t, twoSteps[:1])))
	before := s.all()
	must(t, os.Mkdir(s.folder(), 0o500))
	db := s.open("", steps(t, twoSteps), migratingsqlite.WithBackup(s.folder()))
	fails(t, db.Ping(), nil, "permission denied", "nothing was begun", "the database is unchanged, at version 1")
	sameText(t, s.all(), before)
	must(t, os.Chmod(s.folder(), 0o700))
	time.Sleep(retryPause)
	s.works(db, 2)
	must(t, db.Close())
	// What cannot be written can be restored: nothing is made beside it.
	b := s.backups()[0]
	must(t, os.Chmod(b.Path, 0o400))
	must(t, os.Chmod(s.folder(), 0o500))
	defer os.Chmod(s.folder(), 0o700)
	kept, err := snapshot.Restore(t.Context(), b.Path, s.path)
	must(t, err)
	sameText(t, s.all(), before)
	if !strings.HasPrefix(kept, s.path) {
		t.Error(kept)
	}
	// And with nothing to keep it in, nothing is restored.
	must(t, os.Chmod(root, 0o500))
	defer os.Chmod(root, 0o700)
	_, err = snapshot.Restore(t.Context(), b.Path, s.path)
	fails(t, err, nil)
}
