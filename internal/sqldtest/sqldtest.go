// Package sqldtest runs real libSQL servers (sqld) for tests, and a proxy that
// misbehaves in front of them. It listens on the loopback interface only.
package sqldtest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a server may take to answer after its start.
const patience = 30 * time.Second

// A Server is a running sqld. Its methods may be called from several
// goroutines at once, those that can fail only from the test's own.
type Server struct {
	URL   string // of the database: http://127.0.0.1:PORT
	Addr  string // 127.0.0.1:PORT
	Admin string // URL of the admin API
	Dir   string // the data folder

	t    testing.TB
	bin  string
	args []string // without addresses
	grpc string   // where replicas connect to; "" if they may not

	mu   sync.Mutex
	runs []*process // the last one may be running
}

// An Option changes how a server is started.
type Option func(*Server)

// WithReplicas lets [StartReplica] connect replicas to the server.
func WithReplicas() Option {
	return func(s *Server) { s.grpc = "wanted" }
}

// WithJWT makes the server refuse requests without a token that was signed
// with the other half of the key. See [NewTokenKey].
func WithJWT(key string) Option {
	return func(s *Server) {
		file := filepath.Join(s.t.TempDir(), "jwt.key")
		if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
			s.t.Fatal(err)
		}
		s.args = append(s.args, "--auth-jwt-key-file", file)
	}
}

// WithConnections lets the server have n connections at once instead of 128.
// One that its client leaves without a word it keeps for ten seconds.
func WithConnections(n int) Option {
	return func(s *Server) { s.args = append(s.args, "--max-concurrent-connections", strconv.Itoa(n)) }
}

// WithoutCheckpoints keeps the server from writing its log back into the
// database. sqld may hang for good if it does so while clients wait for the
// lock: it waits for them to stop reading, and they for it.
// https://github.com/tursodatabase/libsql/pull/1955
func WithoutCheckpoints() Option {
	return func(s *Server) { s.args = append(s.args, "--checkpoint-interval-s", "86400") }
}

// Start starts a server with an empty database, which answers requests when
// Start returns and is killed when the test ends. The test is skipped where
// there is no sqld, except in continuous integration (CI=true): there it fails.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	bin, err := find()
	if err != nil {
		if errors.As(err, new(unavailable)) && os.Getenv("CI") != "true" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	s := &Server{t: t, Dir: filepath.Join(t.TempDir(), "data"), bin: bin}
	for _, o := range opts {
		o(s)
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			for i, p := range s.runs {
				t.Logf("sqld at %s, run %d (%v):\n%s", s.Addr, i+1, p.err, p.out.end())
			}
		}
	})
	// Another process may take a port before the server does.
	for try := 1; ; try++ {
		s.pickPorts()
		if err = s.run(); err == nil {
			return s
		}
		if try == 5 {
			t.Fatal(err)
		}
	}
}

// StartReplica starts a replica of a server that was started [WithReplicas].
// What is written to the primary reaches it some time later. Once the primary
// was killed after writes, a replica may be of no use for good: the primary
// begins a new log, and sqld often fails to follow it.
func StartReplica(t testing.TB, primary *Server, opts ...Option) *Server {
	t.Helper()
	if primary.grpc == "" {
		t.Fatal("sqldtest: the primary was started without WithReplicas")
	}
	return Start(t, append(opts, func(s *Server) {
		s.args = append(s.args, "--primary-grpc-url", "http://"+primary.grpc)
	})...)
}

// Kill kills the server, without a chance to tidy up, and waits for its end.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.runs) > 0 {
		s.runs[len(s.runs)-1].kill()
	}
}

// Restart starts the server again, after [Server.Kill] if it still runs, with
// the same addresses and data, and waits until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	deadline := time.Now().Add(patience)
	for {
		err := s.run()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // someone sits on a port
	}
}

// run starts the server's process and waits until it answers.
func (s *Server) run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	admin := strings.TrimPrefix(s.Admin, "http://")
	args := append([]string{"--no-welcome", "--db-path", s.Dir,
		"--http-listen-addr", s.Addr, "--admin-listen-addr", admin}, s.args...)
	if s.grpc != "" {
		args = append(args, "--grpc-listen-addr", s.grpc)
	}
	p, err := launch(s.bin, args)
	if err != nil {
		return fmt.Errorf("sqldtest: %w", err)
	}
	s.runs = append(s.runs, p)

	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	healthy := func() bool {
		// The port's answers may be a stranger's, who had it first: the server's
		// log tells.
		if !strings.Contains(p.out.String(), "connection on "+s.Addr) {
			return false
		}
		resp, err := client.Get(s.URL + "/health")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
	for deadline := time.Now().Add(patience); !healthy(); {
		select {
		case <-p.done:
			return fmt.Errorf("sqldtest: sqld ended at its start: %w\n%s", p.err, p.out.String())
		case <-time.After(2 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.kill()
			return fmt.Errorf("sqldtest: sqld does not answer\n%s", p.out.String())
		}
	}
	return nil
}

func (s *Server) pickPorts() {
	s.Addr = freeAddr(s.t)
	s.URL = "http://" + s.Addr
	s.Admin = "http://" + freeAddr(s.t)
	if s.grpc != "" {
		s.grpc = freeAddr(s.t)
	}
}

var taken sync.Map // ports that were given away by this process

// freeAddr finds a port below the ones that the system gives to clients, so
// that no connection can take it while a server is down.
func freeAddr(t testing.TB) string {
	for range 1000 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(10000+rand.IntN(20000)))
		if _, again := taken.LoadOrStore(addr, true); again {
			continue
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		l.Close()
		return addr
	}
	t.Fatal("sqldtest: no free port")
	return ""
}

// A process is one run of a server.
type process struct {
	cmd  *exec.Cmd
	out  output
	done chan struct{} // closed after its end
	err  error         // how it ended
}

func launch(bin string, args []string) (*process, error) {
	p := &process{cmd: exec.Command(bin, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.Env = []string{"RUST_LOG=info", "TMPDIR=" + os.TempDir()} // no SQLD_* of the user
	dieWithParent(p.cmd)
	started := make(chan error)
	go func() {
		// The system takes the end of the thread that started the process for
		// the parent's end: it must live as long as the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

func (p *process) kill() {
	p.cmd.Process.Kill() // fails if it has ended
	<-p.done
}

// An output keeps what a process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// end is what there is room for in a test's log.
func (o *output) end() string {
	s := o.String()
	if cut := len(s) - 8<<10; cut > 0 {
		s = "..." + s[cut:]
	}
	return s
}
