//go:build unix

package migratingsqlite_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatalf("%v: %v; stderr: %s", s, err, &p.stderr)
	}
}

// stopsBetween stops the process between two transactions, as soon as a query
// yields 1, and reports whether it was not too late.
func (p *process) stopsBetween(s *site, query string) bool {
	p.t.Helper()
	s.reaches(query)
	db, err := openPlain(s.dsn())
	must(p.t, err)
	defer db.Close()
	conn, err := db.Conn(context.Background())
	must(p.t, err)
	defer conn.Close()
	for {
		// While this has all locks the process is not in a transaction.
		if _, err := conn.ExecContext(context.Background(), "BEGIN EXCLUSIVE"); err == nil {
			break
		}
	}
	if lookInto(p.t, conn, "SELECT digest = '' FROM migratingsqlite_state WHERE set_name = 'chain'") != "1" {
		_, err = conn.ExecContext(context.Background(), "ROLLBACK")
		must(p.t, err)
		p.succeeds()
		return false
	}
	p.stops()
	_, err = conn.ExecContext(context.Background(), "ROLLBACK")
	must(p.t, err)
	return true
}

// stopsInside stops the process inside of a transaction, once a query has
// yielded 1.
func (p *process) stopsInside(s *site, query string) {
	p.t.Helper()
	s.reaches(query)
	db, err := openPlain(s.dsn())
	must(p.t, err)
	defer db.Close()
	for {
		p.stops()
		if _, err := db.Exec("BEGIN IMMEDIATE; ROLLBACK"); err != nil {
			return
		}
		p.signal(syscall.SIGCONT)
		time.Sleep(rand.N(5 * time.Millisecond))
	}
}

func (p *process) stops() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(p.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		p.t.Fatalf("the process has ended before it was stopped: %v, %v; stderr: %s", status, err, &p.stderr)
	}
}

const afterBatches = "SELECT max(version) > 5 FROM log"

// A process that stalls for longer than its lease lasts is overtaken, and can
// neither write any more nor come to harm.
func TestStalledProcessIsOvertaken(t *testing.T) {
	const lease = 200 * time.Millisecond
	leases(t, lease)
	for _, c := range []struct {
		part, when string
		stairs     stairs
	}{
		{"slow stairs", inBatches, slowStairs},
		// What is left to do fits into one transaction, which has no lease.
		{"stairs and then", afterBatches, plainStairs},
	} {
		for _, journal := range journals {
			t.Run(c.part+", "+journal.name, func(t *testing.T) {
				set := c.stairs.load(t)
				for n := rounds(t, 1, 1); n > 0; n-- {
					s := newSite(t)
					g := newGate(t)
					p := start(t, c.part, s.dsn(journal.params, "_migrate_set=chain", "_migrate_timeout=600ms"), g.r)
					p.says("ready")
					g.open()
					if !p.stopsBetween(s, c.when) {
						n++ // once more
						continue
					}
					took := s.opens(lease+30*time.Second, journal.params, set)
					c.stairs.check(t, s)
					const trace = "SELECT owner, step, renewed_at, (SELECT max(applied_at) FROM migratingsqlite_history) FROM migratingsqlite_lease"
					before := s.look(trace)
					time.Sleep(700 * time.Millisecond) // longer than it may wait for others
					p.signal(syscall.SIGCONT)
					p.succeeds()
					c.stairs.check(t, s)
					if after := s.look(trace); after != before {
						t.Errorf("the stalled process has written: %s, before %s", after, before)
					}
					s.noLeftovers()
					t.Logf("taken over and finished after %v", took.Round(time.Millisecond))
				}
			})
		}
	}
}

// Nobody can overtake a process that stalls inside of a transaction.
func TestProcessStalledInsideOfAStep(t *testing.T) {
	const lease = 200 * time.Millisecond
	leases(t, lease)
	for _, journal := range journals {
		t.Run(journal.name, func(t *testing.T) {
			set := slowStairs.load(t)
			s := newSite(t)
			g := newGate(t)
			p := start(t, "slow stairs", s.dsn(journal.params, "_migrate_set=chain"), g.r)
			p.says("ready")
			g.open()
			p.stopsInside(s, inBatches)
			begin := time.Now()
			db := s.open(journal.params+"&_migrate_timeout=500ms", set)
			err := db.Ping()
			fails(t, err, migratingsqlite.ErrLocked, "500ms", "_migrate_timeout")
			if n := strings.Count(err.Error(), "_migrate_timeout"); n != 1 {
				t.Errorf("the error gives its advice %d times", n)
			}
			if took := time.Since(begin); took < 500*time.Millisecond || took > 1500*time.Millisecond {
				t.Errorf("it gave up after %v", took)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			p.signal(syscall.SIGCONT)
			s.opens(30*time.Second, journal.params, set)
			p.succeeds()
			slowStairs.check(t, s)
			s.noLeftovers()
		})
	}
}
