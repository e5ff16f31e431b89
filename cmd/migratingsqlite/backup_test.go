package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func (s *scene) damage(name string) {
	s.Helper()
	f, err := os.OpenFile(s.path(name), os.O_WRONLY, 0)
	s.check(err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0x37}, 3000), 100)
	s.check(errors.Join(err, f.Close()))
}

// backUp makes a backup and returns its path.
func (s *scene) backUp() string {
	s.Helper()
	s.does(0, "backup app.db")
	list, err := filepath.Glob(s.path("backups/*.snapshot"))
	if err != nil || len(list) != 1 {
		s.Fatal(list, err)
	}
	return "backups/" + filepath.Base(list[0])
}

func TestTroubleWithRestore(t *testing.T) {
	for _, c := range []struct {
		name, database string
		prepare        func(*scene)
		words          []string
	}{
		{"in use by another process", "app.db", (*scene).held, []string{"app.db: the database is in use: process ", "(hold) has it open; stop that first"}},
		{"a text file", "text.db", func(s *scene) {
			s.write("text.db", strings.Repeat("This is no database. ", 100))
		}, []string{"text.db: ", "file is not a database", "move it away, then restore again"}},
		{"a folder", "folder.db", func(s *scene) { s.check(os.Mkdir(s.path("folder.db"), 0o755)) }, []string{"folder.db: ", "it is a folder"}},
		{"in a folder that is not there", "nowhere/app.db", nil, []string{"nowhere/app.db: ", "no such file or directory"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			file := s.backUp()
			if c.prepare != nil {
				c.prepare(s)
			}
			s.refuses("restore --yes "+c.database+" "+file, c.words...)
		})
	}
	t.Run("damaged", func(t *testing.T) {
		s := newScene(t)
		file := s.backUp()
		s.damage("app.db")
		out, _ := s.does(0, "restore --yes app.db "+file)
		if !strings.Contains(out, "what was there is in app.db-") {
			t.Error(out)
		}
		s.does(3, "status app.db")
	})
	t.Run("not a backup", func(t *testing.T) {
		s := newScene(t)
		s.write("notes.txt", "mine")
		s.refuses("restore --yes app.db notes.txt", "notes.txt: it is not a whole SQLite database")
		s.refuses("restore --yes app.db migrations", "is a directory")
		s.refuses("restore --yes app.db nothing", "nothing: no such file or directory")
		s.refuses("restore --yes app.db app.db", "app.db is the database itself")
	})
}

// Where programs put their backups by _migrate_backup, there they are looked for.
func TestBackupFolderOfTheDSN(t *testing.T) {
	s := newScene(t)
	s.does(0, "up app.db?_migrate_backup=mine")
	out, _ := s.does(0, "backups app.db?_migrate_backup=mine")
	if !strings.HasPrefix(out, "app.db  1 backup in mine\n") {
		t.Error(out)
	}
}
