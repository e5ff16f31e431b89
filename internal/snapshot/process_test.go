package snapshot_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
	"modernc.org/sqlite"
)

// The test binary is also the process that is killed: an environment variable
// says what it does with the files that the others name.
func TestMain(m *testing.M) {
	play := parts[os.Getenv("SNAPSHOT_TEST_PART")]
	if play == nil {
		os.Exit(m.Run())
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	if err := play(os.Getenv("SNAPSHOT_TEST_DATABASE"), os.Getenv("SNAPSHOT_TEST_FILE")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

var parts = map[string]func(database, file string) error{
	"take": func(database, folder string) error {
		c, err := sqlite.NewConnector("file:" + database)
		if err == nil {
			_, err = snapshot.Take(context.Background(), c, folder, 1)
		}
		fmt.Println("done")
		return err
	},
	"restore": func(database, file string) error {
		_, err := snapshot.Restore(context.Background(), file, database)
		fmt.Println("done")
		return err
	},
	// hold runs statements and waits for its end with the connection open.
	"hold": func(database, statements string) error {
		c, err := sqlite.NewConnector("file:" + database)
		if err != nil {
			return err
		}
		conn, err := c.Connect(context.Background())
		if err != nil {
			return err
		}
		if err := run(conn, statements); err != nil {
			return err
		}
		fmt.Println("done")
		time.Sleep(time.Hour)
		return nil
	},
}

func run(conn driver.Conn, statements string) error {
	_, err := conn.(driver.ExecerContext).ExecContext(context.Background(), statements, nil)
	return err
}

type process struct {
	*osexec.Cmd
	t      testing.TB
	in     io.Closer
	out    *bufio.Reader
	stderr bytes.Buffer
}

// start starts a process, which is at the beginning of its part.
func start(t testing.TB, part, database, file string) *process {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	p := &process{Cmd: osexec.Command(self), t: t}
	p.Env = append(os.Environ(), "SNAPSHOT_TEST_PART="+part, "SNAPSHOT_TEST_DATABASE="+database, "SNAPSHOT_TEST_FILE="+file)
	p.Cmd.Stderr = &p.stderr
	p.in, err = p.StdinPipe()
	must(t, err)
	out, err := p.StdoutPipe()
	must(t, err)
	p.out = bufio.NewReader(out)
	must(t, p.Start())
	t.Cleanup(func() { p.kill() })
	p.says("ready")
	return p
}

func (p *process) says(word string) {
	p.t.Helper()
	if line, err := p.out.ReadString('\n'); err != nil || strings.TrimSpace(line) != word {
		p.kill()
		p.t.Fatalf("%q, %v: %s", line, err, &p.stderr)
	}
}

// begin lets the process go on.
func (p *process) begin() *process { p.in.Close(); return p }

// kill ends the process and returns what it has said.
func (p *process) kill() (said string) {
	if p.ProcessState == nil {
		p.Process.Kill()
		rest, _ := io.ReadAll(p.out)
		p.Wait()
		said = string(rest)
	}
	return said
}

func rounds(t testing.TB, normal int) int {
	if s := os.Getenv("MIGRATINGSQLITE_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		must(t, err)
		return n
	}
	if testing.Short() {
		return 2
	}
	return normal
}

// killed runs a part to its end once, and then kills it at moments that are spread
// over that time.
func killed(t *testing.T, part string, prepare func() (database, file string), look func(killed bool)) {
	t.Helper()
	database, file := prepare()
	p := start(t, part, database, file)
	begun := time.Now()
	p.begin().says("done")
	took := time.Since(begun)
	must(t, p.Wait())
	look(false)
	n, before := rounds(t, 6), 0
	for i := range n {
		database, file := prepare()
		p := start(t, part, database, file)
		p.begin()
		switch i {
		case 0: // at once
		case n - 1:
			p.says("done")
		default:
			time.Sleep(time.Duration((float64(i) + rand.Float64()) / float64(n) * 1.1 * float64(took)))
		}
		if !strings.Contains(p.kill(), "done") {
			before++
		}
		look(true)
	}
	t.Logf("%d of %d were killed before the end, which takes %v", before, n, took)
}

func TestKilledDuringTake(t *testing.T) {
	for name, params := range journals {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
			exec(t, path, params, append(fill, later...)...)
			before := contents(t, path, "")
			var partials int
			killed(t, "take", func() (string, string) { return path, folder }, func(bool) {
				if _, err := os.Stat(folder); err != nil {
					return // so early
				}
				for _, name := range names(t, folder) {
					file := filepath.Join(folder, name)
					switch {
					case strings.HasSuffix(name, ".snapshot"):
						must(t, snapshot.Check(t.Context(), file))
						want(t, contents(t, file, untouched), before)
						must(t, os.Remove(file))
					case strings.HasSuffix(name, ".snapshot.partial"):
						partials++
						long := time.Now().Add(-2 * time.Minute)
						must(t, os.Chtimes(file, long, long))
					default:
						t.Error(name)
					}
				}
				// The next one removes what was left.
				s := take(t, path, folder, 1)
				want(t, names(t, folder), []string{filepath.Base(s.Path)})
				must(t, os.Remove(s.Path))
			})
			t.Logf("%d left a partial file", partials)
			want(t, contents(t, path, ""), before)
		})
	}
}

// What is being written is nobody's to remove, however long it takes.
func TestOnlyWhatWasLeftIsRemoved(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("without locks only the time tells")
	}
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
	exec(t, path, "", fill...)
	must(t, os.Mkdir(folder, 0o700))
	name := "app.db-ABCDEFGHIJKLMNOPQRSTUVWXYZ.snapshot.partial"
	file := filepath.Join(folder, name)
	long := time.Now().Add(-2 * time.Hour)

	must(t, os.WriteFile(file, nil, 0o600)) // a moment ago
	s := take(t, path, folder, 1)
	want(t, names(t, folder), []string{filepath.Base(s.Path), name})

	holder := start(t, "hold a file", path, file)
	holder.begin().says("done")
	must(t, os.Chtimes(file, long, long))
	s2 := take(t, path, folder, 1)
	want(t, names(t, folder), []string{filepath.Base(s.Path), filepath.Base(s2.Path), name})
	holder.kill()
	s3 := take(t, path, folder, 1)
	want(t, names(t, folder), []string{filepath.Base(s.Path), filepath.Base(s2.Path), filepath.Base(s3.Path)})
}

func TestKilledDuringRestore(t *testing.T) {
	for name, params := range journals {
		for size, first := range map[string]string{"pages of one size": "PRAGMA page_size", "pages of another size": "PRAGMA page_size = 1024"} {
			t.Run(name+", "+size, func(t *testing.T) {
				dir := t.TempDir()
				path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
				exec(t, path, "", append([]string{first}, fill...)...)
				s := take(t, path, folder, 1)
				old := contents(t, path, "")
				exec(t, path, "", "PRAGMA page_size = 4096", "VACUUM")
				exec(t, path, params, later...)
				current := contents(t, path, "")
				whole, err := os.ReadFile(path)
				must(t, err)
				var restored, not, hot int
				killed(t, "restore", func() (string, string) {
					// As a program that was killed leaves it.
					for _, n := range names(t, dir) {
						if n != "backups" {
							must(t, os.Remove(filepath.Join(dir, n)))
						}
					}
					must(t, os.WriteFile(path, whole, 0o600))
					if params == wal {
						left(t, path, "-wal", "INSERT INTO more VALUES ('in the log')")
					}
					return path, s.Path
				}, func(bool) {
					if info, err := os.Stat(path + "-journal"); err == nil && info.Size() > 0 {
						hot++
					}
					// Whoever comes next finds one or the other.
					is := contents(t, path, "")
					is = strings.Replace(is, "\n2001 in the log", "", 1)
					switch is {
					case old:
						restored++
					case current:
						not++
					default:
						t.Fatalf("it is neither:\n%.2000s", is)
					}
					// If it is the old one, then what was there is in a file.
					there := 0
					for _, n := range names(t, dir) {
						if strings.HasSuffix(n, ".replaced") {
							must(t, snapshot.Check(t.Context(), filepath.Join(dir, n)))
							got := contents(t, filepath.Join(dir, n), untouched)
							want(t, strings.Replace(got, "\n2001 in the log", "", 1), current)
							if params == wal && got == current {
								t.Error("what was in the log was lost")
							}
							there++
						}
					}
					if is == old && there == 0 {
						t.Fatal("what was there is lost")
					}
					restore(t, s.Path, path)
					want(t, contents(t, path, ""), old)
				})
				t.Logf("%d restored, %d not; %d left a journal", restored, not, hot)
				if restored < 2 || not == 0 {
					t.Error("the kills did not hit what they were to hit")
				}
			})
		}
	}
}

// Other processes that have the database open, with or without a transaction.
func TestInUseByAnotherProcess(t *testing.T) {
	for name, params := range journals {
		for doing, statements := range map[string]string{
			"nothing": "SELECT count(*) FROM note", "reading": "BEGIN; SELECT count(*) FROM note", "writing": "BEGIN IMMEDIATE; INSERT INTO tag VALUES ('x')",
		} {
			t.Run(name+", "+doing, func(t *testing.T) {
				if runtime.GOOS != "linux" && params == "" && doing == "nothing" {
					t.Skip("it holds no lock, and there is nothing else to see it by")
				}
				dir := t.TempDir()
				path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
				exec(t, path, params, fill...)
				s := take(t, path, folder, 1)
				exec(t, path, params, "DELETE FROM note")
				p := start(t, "hold", path, statements)
				p.begin().says("done")
				_, err := snapshot.Restore(t.Context(), s.Path, path)
				says(t, err, snapshot.ErrInUse)
				if runtime.GOOS == "linux" {
					says(t, err, nil, fmt.Sprintf("process %d (snapshot.test)", p.Process.Pid))
				}
				// Where no name can be found out, the lock still tells.
				if params == wal || doing != "nothing" {
					_, err = snapshot.RestoreByLockAlone(t.Context(), s.Path, path)
					says(t, err, snapshot.ErrInUse)
				}
				want(t, query(t, path, "", "SELECT count(*) FROM note"), []string{"0"})
				p.kill()
				restore(t, s.Path, path)
				want(t, query(t, path, "", "SELECT count(*) FROM note"), []string{"734"})
			})
		}
	}
}

// A program that cannot be seen, since it holds no lock, works on with what was
// restored: nothing that it writes then is lost.
func TestUnseenProgramWorksOn(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
	exec(t, path, "", fill...)
	s := take(t, path, folder, 1)
	exec(t, path, "", "DELETE FROM note")
	db := plain(t, path, "")
	want(t, ask(t, db, "SELECT count(*) FROM note"), []string{"0"})
	_, err := snapshot.RestoreByLockAlone(t.Context(), s.Path, path)
	must(t, err)
	want(t, ask(t, db, "SELECT count(*) FROM note"), []string{"734"})
	_, err = db.Exec("INSERT INTO note (text) VALUES ('after it')")
	must(t, err)
	must(t, db.Close())
	want(t, query(t, path, "", "SELECT count(*) FROM note"), []string{"735"})
	want(t, query(t, path, "", "PRAGMA integrity_check"), []string{"ok"})
}

// The lock is held from the first look to the last page: what others write is in
// what is kept, or comes after what is restored.
func TestNobodyGetsInBetween(t *testing.T) {
	dir := t.TempDir()
	path, folder := filepath.Join(dir, "app.db"), filepath.Join(dir, "backups")
	exec(t, path, "", append(fill, "CREATE TABLE log (n)")...)
	s := take(t, path, folder, 1)
	stop, wrote := make(chan struct{}), make(chan int)
	db := plain(t, path, "_pragma=synchronous(OFF)")
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				wrote <- n
				return
			default:
			}
			var e *sqlite.Error
			if _, err := db.Exec("INSERT INTO log VALUES (1)"); err == nil {
				n++
			} else if !errors.As(err, &e) || e.Code()&0xff != 5 {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
	}()
	logged, restored := 0, 0
	for restored < 5 {
		kept, err := snapshot.RestoreByLockAlone(t.Context(), s.Path, path)
		if errors.Is(err, snapshot.ErrInUse) {
			continue // it was writing all the time
		}
		must(t, err)
		restored++
		logged += count(t, kept, untouched)
	}
	close(stop)
	n := <-wrote
	must(t, db.Close())
	want(t, logged+count(t, path, ""), n)
	want(t, query(t, path, "", "PRAGMA integrity_check"), []string{"ok"})
}

func count(t *testing.T, path, params string) int {
	t.Helper()
	n, err := strconv.Atoi(query(t, path, params, "SELECT count(*) FROM log")[0])
	must(t, err)
	return n
}
