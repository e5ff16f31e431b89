//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// endless is a migration that is still running when it is interrupted.
const endless = `CREATE TABLE numbers (n);
INSERT INTO numbers WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c;
`

// interrupted runs the tool and interrupts it once it is at work.
func (s *scene) interrupted(line string, atWork func() bool) (stdout, stderr string) {
	s.Helper()
	var out, errs bytes.Buffer
	cmd := s.command(line)
	cmd.Stdout, cmd.Stderr = &out, &errs
	s.check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	deadline := time.After(time.Minute)
	for !atWork() {
		select {
		case err := <-ended:
			s.Fatalf("%s has ended: %v\n%s%s", line, err, &out, &errs)
		case <-deadline:
			cmd.Process.Kill()
			s.Fatalf("%s does nothing", line)
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.check(cmd.Process.Signal(os.Interrupt))
	select {
	case err := <-ended:
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
			s.Errorf("%s: %v, want exit code 1", line, err)
		}
	case <-deadline:
		cmd.Process.Kill()
		s.Fatalf("%s does not end", line)
	}
	return out.String(), errs.String()
}

// grows reports whether a file that matches has more than a few pages.
func grows(pattern string) func() bool {
	return func() bool {
		found, _ := filepath.Glob(pattern)
		for _, f := range found {
			if info, err := os.Stat(f); err == nil && info.Size() > 1<<20 {
				return true
			}
		}
		return false
	}
}

func TestInterruptedUpgradeIsUndone(t *testing.T) {
	s := newScene(t)
	s.write("migrations/0003_numbers.sql", endless)
	out, errs := s.interrupted("up app.db", grows(s.path("app.db")))
	if out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "migratingsqlite: app.db: interrupt") || !strings.HasSuffix(errs, "; the database is unchanged, at version 1\n") {
		t.Errorf("it wrote %q, and\n%s", out, errs)
	}
	s.write("migrations/0003_numbers.sql", "CREATE TABLE numbers (n);")
	s.does(0, "up app.db")
	if out, _ := s.does(0, "status app.db"); !strings.Contains(out, "version 3 of 3, up to date") {
		t.Errorf("after it was run again:\n%s", out)
	}
}

func TestInterruptedVerifyLeavesNothing(t *testing.T) {
	s := newScene(t)
	s.write("migrations/0003_numbers.sql", endless)
	s.check(os.Mkdir(s.path("tmp"), 0o755))
	before := s.content()
	out, errs := s.interrupted("verify app.db --copy-in tmp", grows(s.path("tmp/*/app.db")))
	if out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "migratingsqlite: app.db: interrupt") {
		t.Errorf("it wrote %q, and\n%s", out, errs)
	}
	if left, _ := filepath.Glob(s.path("tmp/*")); left != nil || s.content() != before {
		t.Errorf("left are %v, and\n%s", left, s.content())
	}
}

// What they try on an empty database is said to be interrupted, not to fail.
func TestInterruptedTrialIsNoResult(t *testing.T) {
	for _, line := range []string{"plan app.db", "validate"} {
		s := newScene(t)
		s.write("migrations/0003_numbers.sql", endless)
		s.check(os.Mkdir(s.path("tmp"), 0o755))
		t.Setenv("TMPDIR", s.path("tmp"))
		out, errs := s.interrupted(line, grows(s.path("tmp/*/*")))
		if out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "interrupt signal received") {
			t.Errorf("%s wrote %q, and\n%s", line, out, errs)
		}
		if left, _ := filepath.Glob(s.path("tmp/*")); left != nil {
			t.Errorf("%s left %v", line, left)
		}
	}
}

func TestInterruptedFleetSaysWhatIsLeft(t *testing.T) {
	s := newScene(t)
	s.write("migrations/0003_numbers.sql", endless)
	for _, name := range []string{"b.db", "c.db"} {
		text, err := os.ReadFile(s.path("app.db"))
		s.check(err)
		s.write(name, string(text))
	}
	_, errs := s.interrupted("up app.db b.db c.db --parallel 1 --report report.jsonl", grows(s.path("app.db")))
	if !strings.HasSuffix(errs, "interrupted: 3 databases of 3 are left; run it again to do them\n") {
		t.Error(errs)
	}
	report, err := os.ReadFile(s.path("report.jsonl"))
	s.check(err)
	if n := strings.Count(string(report), `"state":"left"`); n != 3 {
		t.Errorf("the report has %d that are left:\n%s", n, report)
	}
}

func TestNobodyReadsTheOutput(t *testing.T) {
	for _, call := range calls(t) {
		s := newScene(t)
		r, w, err := os.Pipe()
		s.check(err)
		r.Close()
		var errs bytes.Buffer
		cmd := s.command(call.args + " app.db")
		cmd.Stdout, cmd.Stderr = w, &errs
		err = cmd.Run()
		w.Close()
		// As of any program of Unix.
		if call.args == "up" {
			if out, _ := s.does(0, "status app.db"); !strings.Contains(out, "version 2 of 2, up to date") {
				t.Errorf("what nobody was told is not done:\n%s", out)
			}
		}
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGPIPE || errs.Len() > 0 {
			t.Errorf("%s: %v\n%s", call.args, err, &errs)
		}
	}
}

func TestTheOutputHasNoRoom(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, call := range calls(t) {
		for _, flags := range []string{"", " --json"} {
			s := newScene(t)
			var errs bytes.Buffer
			cmd := s.command(call.args + " app.db" + flags)
			cmd.Stdout, cmd.Stderr = full, io.Writer(&errs)
			cmd.Run()
			if cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(errs.String(), "writing the results: ") {
				t.Errorf("%s: %v\n%s", call.args+flags, cmd.ProcessState, &errs)
			}
		}
	}
}
