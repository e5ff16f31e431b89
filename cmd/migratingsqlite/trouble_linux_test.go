package main

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// newPlainScene is a scene where permissions hold: root's tool is run as nobody.
func newPlainScene(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	if os.Geteuid() != 0 {
		return s
	}
	// The folders of t.TempDir and the tool's own are root's.
	root, err := os.MkdirTemp("", "trouble")
	s.check(err)
	t.Cleanup(func() { os.RemoveAll(root) })
	s.check(os.Chmod(root, 0o755))
	exe, err := os.Executable()
	s.check(err)
	s.program = filepath.Join(root, "migratingsqlite")
	text, err := os.ReadFile(exe)
	s.check(err)
	s.check(os.WriteFile(s.program, text, 0o755))
	was := s.dir
	s.dir = filepath.Join(root, "scene")
	s.check(os.CopyFS(s.dir, os.DirFS(was)))
	s.as = func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	s.check(filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, _ error) error { return os.Chown(path, nobody, nobody) }))
	return s
}

func (s *scene) chmod(name string, mode os.FileMode) {
	s.Helper()
	s.check(os.Chmod(s.path(name), mode))
	s.Cleanup(func() { os.Chmod(s.path(name), 0o700) })
}

// looks runs the tool, which must leave everything as it is.
func (s *scene) looks(code int, line string) {
	s.Helper()
	before := s.content()
	s.does(code, line)
	s.check(os.RemoveAll(s.path("backups"))) // that is what backup is for
	if after := s.content(); after != before {
		s.Errorf("%s: the folder was\n%s\nand is\n%s", line, before, after)
	}
}

// log leaves app.db with a write-ahead log, as its journal mode.
func (s *scene) log() {
	s.Helper()
	db, err := sql.Open("sqlite", s.path("app.db"))
	s.check(err)
	_, err = db.Exec("PRAGMA journal_mode = WAL")
	s.check(errors.Join(err, db.Close()))
}

func TestTroubleWithPermissions(t *testing.T) {
	for _, c := range []struct {
		name, database string
		prepare        func(*scene)
		reads          bool // what does not write is as ever
		words          []string
	}{
		{"read-only folder", "data/app.db", func(s *scene) { s.chmod("data", 0o555) }, true, []string{"folder", "read-only"}},
		{"read-only file", "data/app.db", func(s *scene) { s.chmod("data/app.db", 0o444) }, true, []string{"read-only", "at version 1"}},
		{"read-only folder, with a write-ahead log", "data/app.db", func(s *scene) { s.chmod("data", 0o555) }, false,
			[]string{"may this program write to the database's folder?"}},
		{"unreadable file", "data/app.db", func(s *scene) { s.chmod("data/app.db", 0) }, false, []string{"may this program read it"}},
		{"opened for reading only", "file:data/app.db?mode=ro", func(*scene) {}, true, []string{"reading only"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newPlainScene(t)
			if strings.Contains(c.name, "log") {
				s.log()
			}
			s.check(os.Mkdir(s.path("data"), 0o755))
			s.check(os.Rename(s.path("app.db"), s.path("data/app.db")))
			if s.as != nil {
				s.check(os.Chown(s.path("data"), nobody, nobody))
				s.check(os.Chown(s.path("data/app.db"), nobody, nobody))
			}
			c.prepare(s)
			for _, call := range calls(t) {
				if call.writes || !c.reads {
					s.refuses(call.args+" "+c.database, append(c.words, "data/app.db: ")...)
				} else {
					s.looks(call.code, call.args+" "+c.database)
				}
			}
		})
	}
	t.Run("read-only folder without the file", func(t *testing.T) {
		s := newPlainScene(t)
		s.check(os.Mkdir(s.path("data"), 0o755))
		s.chmod("data", 0o555)
		s.refuses("up data/app.db", "data/app.db: ", "write to its folder?")
	})
}

func TestTroubleWithAFullDisk(t *testing.T) {
	const inside = "MIGRATINGSQLITE_TEST_MOUNTS"
	if os.Getenv(inside) == "" {
		// What is mounted from here on is the affair of a process of its own.
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, fs.ErrPermission) {
			t.Skipf("this needs whoever may have a mount namespace of his own: %v", err)
		}
		if t.Logf("%s", out); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
			t.Error("it did not go well, or did not run: ", err)
		}
		return
	}
	s := newScene(t)
	s.write("migrations/0003_numbers.sql", strings.Replace(endless, "FROM c)", "FROM c LIMIT 100000)", 1))
	s.check(os.Mkdir(s.path("data"), 0o755))
	s.check(syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	s.check(syscall.Mount("tmpfs", s.path("data"), "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { syscall.Unmount(s.path("data"), syscall.MNT_DETACH) })
	text, err := os.ReadFile(s.path("app.db"))
	s.check(err)
	s.write("data/app.db", string(text))
	for _, call := range calls(t) {
		if call.args == "up" { // going back needs no room
			s.refuses(call.args+" data/app.db", "data/app.db: ", "full", "make room on the disk", "at version 1")
		} else if !call.writes {
			s.looks(call.code, call.args+" data/app.db")
		}
	}
	s.refuses("verify app.db --copy-in data", "app.db: the disk of ", "is full", "--copy-in") // not that the upgrade fails
	// To whom there is no room to report.
	s.write("data/ballast", "")
	f, err := os.OpenFile(s.path("data/ballast"), os.O_WRONLY, 0)
	s.check(err)
	for err == nil {
		_, err = f.Write(make([]byte, 512))
	}
	f.Close()
	s.refuses("down --yes data/app.db", "data/app.db: ", "full", "make room on the disk", "the database is unchanged")
	if _, errs := s.does(1, "status data/app.db --report data/report.jsonl"); !strings.HasPrefix(errs, "writing the results: ") {
		t.Error(errs)
	}
}

// What somebody else has backed up keeps nobody from an upgrade.
func TestBackupsOfAnotherUser(t *testing.T) {
	s := newPlainScene(t)
	s.does(0, "backup app.db")
	found, err := filepath.Glob(s.path("backups/*.snapshot"))
	s.check(err)
	if len(found) != 1 {
		t.Fatal(found)
	}
	s.check(os.Chmod(found[0], 0))
	s.does(0, "up app.db?_migrate_backup=backups")
	out, _ := s.does(1, "backups --check app.db")
	for _, words := range []string{"2 backups, 1 of them damaged", "permission denied", "whole"} {
		if !strings.Contains(out, words) {
			t.Errorf("it does not say %q:\n%s", words, out)
		}
	}
	s.does(0, "backup --keep 2 app.db")
	if _, err := os.Stat(found[0]); err == nil {
		t.Error("the oldest is still there")
	}
}
