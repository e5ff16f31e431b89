package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/migratingsqlite/migratingsqlite/migratecli"
)

// onTerminal runs the tool on a terminal of 80 columns, and returns what it shows
// there.
func (s *scene) onTerminal(line string, env ...string) string {
	s.Helper()
	return s.atTerminal(line, env, func(string, *os.File, *exec.Cmd) {})
}

// atTerminal also calls react with all that was shown, whenever there is more.
func (s *scene) atTerminal(line string, env []string, react func(shown string, keyboard *os.File, cmd *exec.Cmd)) string {
	s.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	s.check(err)
	defer master.Close()
	ioctl := func(request uintptr, arg unsafe.Pointer) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(arg)); errno != 0 {
			s.Fatal(errno)
		}
	}
	unlocked, number := int32(0), uint32(0)
	ioctl(syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	ioctl(syscall.TIOCGPTN, unsafe.Pointer(&number))
	size := [4]uint16{40, 80} // rows, columns
	ioctl(syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	s.check(err)
	cmd := s.command(line)
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm", "NO_COLOR="}, env...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	s.check(cmd.Start())
	terminal.Close()
	var shown strings.Builder
	buffer := make([]byte, 4096)
	for { // until the other side is closed, which is an error
		n, err := master.Read(buffer)
		shown.Write(buffer[:n])
		if err != nil {
			break
		}
		react(shown.String(), master, cmd)
	}
	if _, isExit := cmd.Wait().(*exec.ExitError); !isExit && !cmd.ProcessState.Success() {
		s.Fatal(cmd.ProcessState)
	}
	return strings.ReplaceAll(shown.String(), "\r\n", "\n")
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestEightyColumns(t *testing.T) {
	s := newScene(t)
	long := strings.Repeat("a_very_long_name_", 8)
	s.write("migrations/0003_"+long+".sql", "CREATE TABLE "+long+" (id INTEGER PRIMARY KEY, "+long+"x TEXT NOT NULL DEFAULT '"+long+"');\n")
	s.write("migrations/0004_fails.sql", "-- What it does to the table that it names:\nINSERT INTO "+long+" VALUES (1, NULL);\n")
	s.does(1, "up app.db") // leaves a record of that
	for _, call := range []string{"status", "status --all", "plan", "verify", "history", "validate", "down --dry-run", "repair --dry-run"} {
		coloured := s.onTerminal(call + " app.db")
		plain := escapes.ReplaceAllString(coloured, "")
		if !strings.Contains(plain, "app.db") && call != "validate" {
			t.Errorf("%s shows\n%s", call, plain)
		}
		if coloured == plain {
			t.Errorf("%s has no colours:\n%s", call, plain)
		}
		for line := range strings.SplitSeq(plain, "\n") {
			if n := utf8.RuneCountInString(line); n > 80 && !strings.HasPrefix(line, "migratingsqlite: ") && !strings.HasPrefix(line, "migrations/") {
				t.Errorf("%s: a line has %d columns:\n%s", call, n, line)
			}
		}
		if out := s.onTerminal(call+" app.db", "NO_COLOR=1"); strings.Contains(out, "\x1b") {
			t.Errorf("%s has colours in spite of NO_COLOR:\n%q", call, out)
		}
		if out := s.onTerminal(call + " app.db --json"); strings.Contains(out, "\x1b") {
			t.Errorf("%s --json has colours:\n%q", call, out)
		}
	}
}

func TestHelpIsEightyColumnsWide(t *testing.T) {
	s := newScene(t)
	calls := []string{"--help"}
	for _, cmd := range migratecli.Tool().Commands() {
		if cmd.GroupID != "" { // the others are cobra's
			calls = append(calls, cmd.Name()+" --help")
		}
	}
	for _, call := range calls {
		out, _ := s.does(0, call)
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 && !strings.HasPrefix(line, "  migratingsqlite ") {
				t.Errorf("%s has a line of %d columns:\n%s", call, n, line)
			}
		}
	}
}

func TestBarOfAFleet(t *testing.T) {
	s := newScene(t)
	text, err := os.ReadFile(s.path("app.db"))
	s.check(err)
	for i := range 40 {
		s.write(fmt.Sprintf("data/tenant%02d.db", i), string(text))
	}
	s.write("data/tenant07.db", strings.Repeat("no database ", 100))
	for _, call := range []string{"up", "verify --parallel 1"} {
		shown := s.onTerminal(call + " data/*.db")
		bar, rest, ok := strings.Cut(shown, "\r\x1b[K")
		if !ok || !strings.Contains(bar, " 0 of 40") {
			t.Fatalf("%s: there is no bar, or it stays:\n%q", call, shown)
		}
		for line := range strings.SplitSeq(escapes.ReplaceAllString(bar, ""), "\r") {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\x1b[K")); n > 80 || strings.Contains(line, "\n") {
				t.Errorf("%s: the bar has %d columns:\n%q", call, n, line)
			}
		}
		if rest = escapes.ReplaceAllString(rest, ""); !strings.HasPrefix(rest, "40 databases in ") || !strings.Contains(rest, "\n       39  ") || !strings.Contains(rest, "✗ data/tenant07.db: ") {
			t.Errorf("%s: the summary is\n%s", call, rest)
		}
	}
	// Lines of JSON on the terminal and a bar would be in each other's way.
	if out := s.onTerminal("status --json data/*.db"); strings.Contains(out, "\x1b") || strings.Count(out, "\n") != 41 {
		t.Errorf("with --json:\n%s", out)
	}
}

func TestWhatTakesLongIsSaid(t *testing.T) {
	s := newScene(t)
	s.write("migrations/0003_numbers.sql", endless)
	for call, says := range map[string]string{"up": "up … ", "verify": "verify: upgrading the copy … "} {
		interrupted := false // a second time would end it at once
		shown := s.atTerminal(call+" app.db", nil, func(shown string, _ *os.File, cmd *exec.Cmd) {
			if !interrupted && strings.Contains(shown, says) {
				interrupted = true
				cmd.Process.Signal(os.Interrupt)
			}
		})
		if _, end, _ := strings.Cut(shown, "\r\x1b[K"); !strings.HasPrefix(end, "migratingsqlite: ") || strings.Count(end, "\n") != 1 {
			t.Errorf("%s: it ends with %q", call, shown)
		}
	}
}

func TestQuestion(t *testing.T) {
	for _, c := range []struct{ answer, want string }{
		{"y\n", "undid 1 migration, at version 0 now"},
		{"\n", "\nnothing was done\n"},
		{"interrupt", "\nnothing was done\n"},
	} {
		s := newScene(t)
		asked := false
		shown := s.atTerminal("down app.db", nil, func(shown string, keyboard *os.File, cmd *exec.Cmd) {
			if asked || !strings.Contains(shown, "Undo 1 migration of app.db? [y/N] ") {
				return
			}
			asked = true
			if c.answer == "interrupt" {
				cmd.Process.Signal(os.Interrupt)
			} else {
				keyboard.WriteString(c.answer)
			}
		})
		if !strings.Contains(escapes.ReplaceAllString(shown, ""), c.want) {
			t.Errorf("after %q:\n%s", c.answer, shown)
		}
	}
}
