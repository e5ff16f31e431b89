package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/migratecli"
)

// A way to call a command: the arguments before the database, and what it comes to
// in a scene without trouble.
type way struct {
	args   string
	code   int
	writes bool
	alone  bool // it needs no migrations, or says itself what is wrong with them
}

// ways are those to call each command that takes databases. A command that is not
// here fails the tests.
var ways = map[string][]way{
	"adopt":    {{"adopt", 0, false, false}}, // there is a history
	"backup":   {{"backup", 0, false, true}},
	"backups":  {}, // only lists files
	"baseline": {{"baseline 1", 0, false, false}},
	"down":     {{"down --yes", 0, true, false}, {"down --dry-run", 0, false, false}},
	"dump":     {{"dump", 0, false, true}},
	"history":  {{"history", 0, false, true}},
	"plan":     {{"plan", 0, false, false}},
	"repair":   {{"repair --yes", 0, false, false}, {"repair --dry-run", 0, false, false}}, // nothing was edited
	"restore":  {},                                                                         // of two files; see backup_test.go
	"status":   {{"status", 3, false, false}},
	"unlock":   {{"unlock --yes", 0, false, true}, {"unlock --dry-run", 0, false, true}}, // nobody has a lease
	"up":       {{"up", 0, true, false}, {"up --dry-run", 0, false, false}},
	"validate": {{"validate", 0, false, true}},
	"verify":   {{"verify", 0, false, false}},
}

// calls are all of the ways.
func calls(t *testing.T) (list []way) {
	t.Helper()
	for _, cmd := range migratecli.Tool().Commands() {
		if !strings.Contains(cmd.Use, "DATABASE") {
			continue
		}
		if _, ok := ways[cmd.Name()]; !ok {
			t.Errorf("%s is not tried in trouble", cmd.Name())
		}
		list = append(list, ways[cmd.Name()]...)
	}
	return list
}

// A scene is a folder with migrations, and app.db with the first of them.
type scene struct {
	*testing.T
	dir, program string
	as           func(*exec.Cmd) // whoever runs it, if not who runs the test
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, dir: t.TempDir(), program: "migratingsqlite"}
	s.write("migrations/0001_notes.down.sql", "DROP TABLE notes;\n")
	s.write("migrations/0001_notes.up.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);\nINSERT INTO notes (text) VALUES ('one'), ('two');\n")
	s.write("migrations/0002_colour.up.sql", "ALTER TABLE notes ADD COLUMN colour TEXT;\n")
	s.write("migrations/0002_colour.down.sql", "ALTER TABLE notes DROP COLUMN colour;\n")
	s.does(0, "up --to 1 app.db")
	return s
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s *scene) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) write(name, text string) {
	s.Helper()
	s.check(os.MkdirAll(filepath.Dir(s.path(name)), 0o755))
	s.check(os.WriteFile(s.path(name), []byte(text), 0o644))
}

func (s *scene) command(line string) *exec.Cmd {
	cmd := exec.Command(s.program, strings.Fields(line)...)
	cmd.Dir = s.dir
	if s.as != nil {
		s.as(cmd)
	}
	return cmd
}

// does runs the tool, which must end with a code.
func (s *scene) does(code int, line string) (stdout, stderr string) {
	s.Helper()
	var out, errs bytes.Buffer
	cmd := s.command(line)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.Errorf("%s: exit code %d, want %d\n%s%s", line, got, code, &out, &errs)
	}
	return out.String(), errs.String()
}

// refuses runs the tool, which must fail: with one line that holds some words, a
// line of JSON if that is wanted, and nothing lost or created.
func (s *scene) refuses(line string, words ...string) {
	s.Helper()
	before := s.content()
	for _, asJSON := range []bool{false, true} {
		line := line
		if asJSON {
			line += " --json"
		}
		out, errs := s.does(1, line)
		if !strings.HasSuffix(errs, "\n") || strings.Count(errs, "\n") != 1 {
			s.Errorf("%s: that is not one line:\n%s", line, errs)
		}
		for _, w := range words {
			if !strings.Contains(errs, w) {
				s.Errorf("%s: the error does not say %q:\n%s", line, w, errs)
			}
		}
		if !asJSON && out != "" {
			s.Errorf("%s: it wrote\n%s", line, out)
		}
		if asJSON {
			var f struct{ Database, Error string }
			if err := json.Unmarshal([]byte(out), &f); err != nil || f.Database == "" || f.Error != strings.TrimSpace(errs) {
				s.Errorf("%s: %q is not what was said as an error (%v)", line, out, err)
			}
		}
		if after := s.content(); after != before {
			s.Fatalf("%s: the folder was\n%s\nand is\n%s", line, before, after)
		}
	}
}

// content lists the files with their sums, without those that SQLite makes to
// read a database with a write-ahead log, and without backups.
func (s *scene) content() string {
	s.Helper()
	var b strings.Builder
	s.check(filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() || strings.HasSuffix(path, "-shm") || strings.HasSuffix(path, ".snapshot") {
			return nil
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %x\n", path, sha256.Sum256(text))
		return err
	}))
	return b.String()
}

// hold is a program that has a lock on a database until its input ends.
func hold() {
	db, err := openPlain(os.Args[1])
	if err == nil {
		_, err = db.Exec("BEGIN EXCLUSIVE")
	}
	fmt.Println("held", err)
	bufio.NewReader(os.Stdin).ReadString('\n')
}

// held locks app.db from another process.
func (s *scene) held() {
	s.Helper()
	cmd := exec.Command("hold", s.path("app.db"))
	in, err := cmd.StdinPipe()
	s.check(err)
	out, err := cmd.StdoutPipe()
	s.check(err)
	s.check(cmd.Start())
	s.Cleanup(func() { in.Close(); cmd.Wait() })
	if text, err := bufio.NewReader(out).ReadString('\n'); text != "held <nil>\n" {
		s.Fatal(text, err)
	}
}

func TestTroubleWithTheFile(t *testing.T) {
	for _, c := range []struct {
		name, database string
		prepare        func(*scene)
		words          []string
	}{
		{"locked by another process", "app.db?_migrate_timeout=50ms", (*scene).held, []string{"app.db: ", "kept it locked for 50ms", "find out which program holds it"}},
		{"a text file", "text.db", func(s *scene) {
			s.write("text.db", strings.Repeat("This is no database. ", 100))
		}, []string{"text.db: ", "file is not a database", "was not touched"}},
		{"a folder", "folder.db", func(s *scene) { s.check(os.Mkdir(s.path("folder.db"), 0o755)) }, []string{"folder.db: ", "it is a folder"}},
		{"in a folder that is not there", "nowhere/app.db", nil, []string{"nowhere/app.db: ", "there is no folder nowhere"}},
		{"damaged", "app.db", func(s *scene) {
			f, err := os.OpenFile(s.path("app.db"), os.O_WRONLY, 0)
			s.check(err)
			_, err = f.WriteAt(bytes.Repeat([]byte{0x37}, 3000), 100)
			s.check(errors.Join(err, f.Close()))
		}, []string{"app.db: ", "malformed", "restore a backup"}},
		{"cut off", "app.db", func(s *scene) { s.check(os.Truncate(s.path("app.db"), 4096+100)) }, []string{"app.db: ", "malformed", "restore a backup"}},
		{"a scheme that nobody knows", "mysql://ann:hunter2@host/app", nil, []string{`unknown scheme "mysql"`}},
		{"a parameter that nobody knows", "app.db?_migrate_timout=1s", nil, []string{"did you mean _migrate_timeout?"}},
		{"a layout that nobody knows", "app.db?_migrate_layout=gose", nil, []string{"_migrate_layout", "goose"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			if c.prepare != nil {
				c.prepare(s)
			}
			for _, call := range calls(t) {
				s.refuses(call.args+" "+c.database, c.words...)
			}
		})
	}
}

func TestTroubleWithTheMigrations(t *testing.T) {
	for _, c := range []struct {
		name    string
		flags   string
		prepare func(*scene)
		words   []string
	}{
		{"no folder", "--dir nowhere", nil, []string{"--dir nowhere: there is no such folder"}},
		{"a file", "--dir app.db", nil, []string{"--dir app.db: that is a file"}},
		{"malformed", "", func(s *scene) { s.write("migrations/0003_x.sql", "CREATE TABLE x (a);\n\n  COMMIT;\n") }, []string{"0003_x.sql:3:3", "COMMIT"}},
		{"the same version twice", "", func(s *scene) { s.write("migrations/0002_other.sql", "SELECT 1;\n") }, []string{"0002_other.sql", "0002_colour.up.sql"}},
		{"a layout that nobody knows", "--layout gose", nil, []string{"goose"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			if c.prepare != nil {
				c.prepare(s)
			}
			before := s.content()
			for _, call := range calls(t) {
				if call.alone {
					continue
				}
				out, errs := s.does(1, call.args+" app.db "+c.flags)
				if out != "" || strings.Count(errs, "\n") != 1 || slices.ContainsFunc(c.words, func(w string) bool { return !strings.Contains(errs, w) }) {
					t.Errorf("%s wrote %q, and\n%s", call.args, out, errs)
				}
			}
			if after := s.content(); after != before {
				t.Errorf("the folder was\n%s\nand is\n%s", before, after)
			}
		})
	}
}

func TestTroubleWithAServer(t *testing.T) {
	// A token is in none of what is written, whichever way it is given.
	s := newScene(t)
	t.Setenv("SECRET_TOKEN", "hunter2")
	for _, database := range []string{
		"libsql://ann:hunter2@127.0.0.1:1?_migrate_timeout=1ms",
		"libsql://127.0.0.1:1?authToken=hunter2&tls=0&_migrate_timeout=1ms",
		"http://127.0.0.1:1?authToken=hunter2&_migrate_timeout=1ms",
		"http://127.0.0.1:1?authTokenEnv=SECRET_TOKEN&_migrate_timeout=1ms",
		"libsql:app2.db?authToken=hunter2",
		"postgres://ann:hunter2@host/app",
		"ann:hunter2@tcp(host:3306)/app",
	} {
		for _, call := range calls(t) {
			for _, flags := range []string{"", " --json", " --report report.jsonl"} {
				if (call.args == "validate" || call.args == "dump") && strings.Contains(flags, "report") {
					continue
				}
				os.Remove(s.path("report.jsonl"))
				out, errs := s.does(1, call.args+" "+database+flags)
				report, _ := os.ReadFile(s.path("report.jsonl"))
				if flags == "" && (strings.Count(errs, "\n") != 1 || out != "") {
					t.Errorf("%s %s wrote %q, and\n%s", call.args, database, out, errs)
				}
				if text := out + errs + string(report); strings.Contains(text, "hunter2") {
					t.Errorf("%s %s: that shows the token:\n%s", call.args, database, text)
				}
			}
		}
	}
}

func TestMissingAndEmptyFiles(t *testing.T) {
	codes := map[string]int{"down --yes": 1, "down --dry-run": 1, "baseline 1": 1}
	for _, empty := range []bool{true, false} {
		for _, call := range calls(t) {
			s := newScene(t)
			if (call.args == "backup" || call.args == "dump") && !empty {
				call.code = 1
			}
			if empty {
				s.write("new.db", "")
			}
			code, ok := codes[call.args]
			if !ok {
				code = call.code
			}
			if (call.args == "verify" || call.args == "backup") && !empty {
				code = 1
			}
			s.does(code, call.args+" new.db")
			info, err := os.Stat(s.path("new.db"))
			if call.args == "up" {
				if err != nil || info.Size() == 0 {
					t.Errorf("after %s: %v, %v", call.args, info, err)
				}
			} else if (err == nil) != empty || empty && info.Size() > 0 {
				t.Errorf("after %s: %v, %v", call.args, info, err)
			}
		}
	}
}
