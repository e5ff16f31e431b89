package migratingsqlite_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

// again runs the calling test once more, in a process of its own, and reports
// whether this is that process already.
func again(t *testing.T, attr *syscall.SysProcAttr) bool {
	t.Helper()
	const env = "MIGRATINGSQLITE_TEST_AGAIN"
	if os.Getenv(env) == t.Name() {
		return true
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), env+"="+t.Name())
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) {
		t.Skipf("this needs root, or whoever may have a mount namespace of his own: %v", err)
	}
	t.Logf("%s", out)
	switch {
	case err != nil:
		t.Error(err)
	case strings.Contains(string(out), "--- SKIP: "+t.Name()+" "):
		t.Skip("skipped in the process of its own; its output says why")
	case !strings.Contains(string(out), "--- PASS: "+t.Name()+" "):
		t.Error("it did not run")
	}
	return false
}

func TestFullDisk(t *testing.T) {
	if !again(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}) {
		return
	}
	// What is mounted from here on is this process's affair, and ends with it.
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Skipf("cannot make the mounts private: %v", err)
	}
	one, many := steps(t, []string{family}), steps(t, []string{family, rebuildParent, fillUp})
	for _, journal := range journals {
		for _, cache := range []string{"", "_pragma=cache_size(10)"} {
			for _, c := range []struct {
				name string
				room int64 // bytes that are left
			}{
				{"not a byte free", 0},
				{"a page free", 4 << 10},
				{"some pages free", 64 << 10},
				{"half of what it takes", 300 << 10},
			} {
				t.Run(strings.Join([]string{journal.name, cache, c.name}, ", "), func(t *testing.T) {
					s := newSite(t)
					dir := filepath.Dir(s.path)
					if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
						t.Skipf("cannot mount a tmpfs: %v", err)
					}
					defer syscall.Unmount(dir, syscall.MNT_DETACH)
					params := journal.params + "&" + cache
					func() {
						db := s.open(params, one)
						defer db.Close()
						s.works(db, 1)
					}()
					before := s.dump()
					ballast := fillDisk(t, dir, c.room)
					db := s.open(params, many)
					err := db.Ping()
					fails(t, err, nil, s.path)
					if text := err.Error(); !strings.Contains(text, "full") {
						t.Error("the error does not say that the disk is full")
					}
					if err := os.Remove(ballast); err != nil {
						t.Fatal(err)
					}
					if after := s.dump(); after != before {
						t.Fatalf("the database was changed from\n%s\nto\n%s", before, after)
					}
					time.Sleep(retryPause)
					s.works(db, 3) // the same pool
					if got := s.look("PRAGMA integrity_check"); got != "ok" {
						t.Errorf("integrity_check: %s", got)
					}
					if err := db.Close(); err != nil {
						t.Error(err)
					}
					s.noLeftovers()
				})
			}
		}
	}
	t.Run("new file", func(t *testing.T) {
		s := newSite(t)
		dir := filepath.Dir(s.path)
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
			t.Skipf("cannot mount a tmpfs: %v", err)
		}
		defer syscall.Unmount(dir, syscall.MNT_DETACH)
		ballast := fillDisk(t, dir, 0)
		db := s.open("", many)
		fails(t, db.Ping(), nil, s.path, "full", "still empty")
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		time.Sleep(retryPause)
		s.works(db, 3)
		db.Close()
	})
}

// fillDisk fills a file system but for some bytes.
func fillDisk(t *testing.T, dir string, room int64) (ballast string) {
	t.Helper()
	ballast = filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size := int64(0)
	for err == nil {
		var n int
		n, err = f.Write(make([]byte, 4096))
		size += int64(n)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Truncate(size - room); err != nil {
		t.Fatal(err)
	}
	return ballast
}

func TestPlacesThatMayNotBeWritten(t *testing.T) {
	if os.Geteuid() == 0 {
		// Permissions do not hold for root.
		if !again(t, nil) {
			return
		}
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
			t.Skipf("cannot become nobody: %v", err)
		}
	}
	// The folder of t.TempDir is root's.
	root, err := os.MkdirTemp("", "readonly")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	one, two := steps(t, []string{family}), steps(t, []string{family, rebuildParent})
	place := func(t *testing.T, params string, set *migratingsqlite.Set) *site {
		t.Helper()
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(dir, 0o700) })
		s := &site{t, filepath.Join(dir, "app.db")}
		if set != nil {
			db := s.open(params, set)
			defer db.Close()
			s.works(db, 1)
		}
		return s
	}
	chmod := func(t *testing.T, path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, journal := range journals {
		t.Run("folder without the file, "+journal.name, func(t *testing.T) {
			s := place(t, "", nil)
			dir := filepath.Dir(s.path)
			chmod(t, dir, 0o500)
			db := s.open(journal.params, one)
			fails(t, db.Ping(), nil, s.path, "unable to open database file", "may this program read it, and write to its folder?")
			chmod(t, dir, 0o700)
			s.works(db, 1)
		})
		t.Run("folder with the file, "+journal.name, func(t *testing.T) {
			s := place(t, journal.params, one)
			dir := filepath.Dir(s.path)
			content, err := os.ReadFile(s.path)
			if err != nil {
				t.Fatal(err)
			}
			chmod(t, dir, 0o500)
			db := s.open(journal.params, two)
			// No journal can be made beside the file.
			fails(t, db.Ping(), nil, s.path, "folder")
			s.content(string(content))
			chmod(t, dir, 0o700)
			time.Sleep(retryPause)
			s.works(db, 2)
		})
		t.Run("file, "+journal.name, func(t *testing.T) {
			s := place(t, journal.params, one)
			content, err := os.ReadFile(s.path)
			if err != nil {
				t.Fatal(err)
			}
			chmod(t, s.path, 0o400)
			db := s.open(journal.params, two)
			fails(t, db.Ping(), migratingsqlite.ErrPending, "0002_step", "read-only", "at version 1")
			s.content(string(content))
			// SQLite has given the files beside it the same permissions, and a
			// connection that cannot write leaves them there.
			for _, suffix := range []string{"", "-wal", "-shm"} {
				if _, err := os.Stat(s.path + suffix); err == nil {
					chmod(t, s.path+suffix, 0o600)
				}
			}
			s.works(db, 2)
		})
		t.Run("file that may not be read, "+journal.name, func(t *testing.T) {
			s := place(t, journal.params, one)
			chmod(t, s.path, 0)
			db := s.open(journal.params, two)
			fails(t, db.Ping(), nil, "unable to open database file", "may this program")
			chmod(t, s.path, 0o600)
			s.works(db, 2)
		})
	}
	for name, mode := range map[string]struct{ dir, file os.FileMode }{
		"folder": {0o500, 0o600}, "file": {0o700, 0o400}, "folder and file": {0o500, 0o400},
	} {
		t.Run(fmt.Sprintf("nothing pending, %s", name), func(t *testing.T) {
			s := place(t, "", one)
			chmod(t, s.path, mode.file)
			chmod(t, filepath.Dir(s.path), mode.dir)
			s.works(s.open("", one), 1)
			s.works(s.open("_pragma=foreign_keys(1)&_pragma=busy_timeout(1000)", one), 1)
		})
	}
}
