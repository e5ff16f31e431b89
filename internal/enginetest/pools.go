package enginetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

var poolScenarios = []scenario{
	{"TheConnectionIsTheEnginesOwn", connectionIsTheEnginesOwn},
	{"ConnectionsAreAsTheDSNSays", connectionsAreAsTheDSNSays},
	{"EightGoroutines", eightGoroutines},
	{"TransactionsAfterAnUpgrade", transactionsAfterAnUpgrade},
	{"CallersGiveUpAndTheUpgradeGoesOn", callersGiveUp},
	{"ACallerGivesUpDuringAScript", callerGivesUpDuringAScript},
	{"CloseEndsAnUpgrade", closeEndsAnUpgrade},
	{"CloseDuringAScript", closeDuringAScript},
	{"ACanceledCaller", canceledCaller},
}

func connectionIsTheEnginesOwn(w *world) {
	typeOf := func(db *sql.DB) (name string) {
		c, err := db.Conn(context.Background())
		must(w, err)
		defer c.Close()
		must(w, c.Raw(func(conn any) error { name = fmt.Sprintf("%T", conn); return nil }))
		return name
	}
	set := app(w, one...)
	db := w.open(set, "")
	for range 3 { // the one after the upgrade, the one that was probed, an ordinary one
		want(w, typeOf(db), w.ConnType)
		db.SetMaxIdleConns(-1)
	}
	want(w, typeOf(w.open(set, "")), w.ConnType)
	want(w, typeOf(w.open(nil, "_migrate=off")), w.ConnType)
}

func connectionsAreAsTheDSNSays(w *world) {
	w.perParams(func(w *world, params string, enforced bool) {
		set := app(w, "0001_family.sql", family)
		for range 2 { // an upgrade, and an up-to-date database
			db := w.open(set, params)
			var conns []*sql.Conn
			for range 4 {
				c, err := db.Conn(context.Background())
				must(w, err)
				conns = append(conns, c)
			}
			for i, c := range conns {
				var on bool
				must(w, c.QueryRowContext(context.Background(), "PRAGMA foreign_keys").Scan(&on))
				if on != enforced {
					w.Errorf("%s: foreign_keys is %v on connection %d", params, on, i)
				}
				must(w, c.Close())
			}
			must(w, db.Close())
		}
	})
}

func eightGoroutines(w *world) {
	db := w.open(app(w, twoTables...), w.Patient)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 10 {
				if _, err := db.Exec("INSERT INTO users (id, name, prefs) VALUES (?, ?, ?)", 100*g+i+10, fmt.Sprint(g), nil); err != nil {
					w.Error(err)
				}
				var n int
				if err := db.QueryRow("SELECT count(*) FROM users WHERE name = ?", fmt.Sprint(g)).Scan(&n); err != nil || n != i+1 {
					w.Error(n, err)
				}
			}
		})
	}
	wg.Wait()
	want(w, w.number("SELECT count(*) FROM users"), "82")
}

func transactionsAfterAnUpgrade(w *world) {
	db := w.open(app(w, twoTables...), w.Patient)
	for _, commit := range []bool{false, true} {
		tx, err := db.Begin()
		must(w, err)
		_, err = tx.Exec("INSERT INTO users (name) VALUES ('cid')")
		must(w, err)
		var n int
		must(w, tx.QueryRow("SELECT count(*) FROM users").Scan(&n))
		want(w, n, 3)
		if commit {
			must(w, tx.Commit())
		} else {
			must(w, tx.Rollback())
		}
	}
	want(w, w.number("SELECT count(*) FROM users"), "3")
	var n int
	must(w, db.QueryRow("SELECT count(*) FROM users").Scan(&n))
	want(w, n, 3)
}

// waiting is a set whose function waits until it is told to go on, or its
// context ends.
func waiting(w *world, runs *atomic.Int32, goOn <-chan struct{}) *migratingsqlite.Set {
	return with(w, one, 2, "slow", func(ctx context.Context, tx migratingsqlite.Tx) error {
		runs.Add(1)
		if _, err := tx.ExecContext(ctx, "CREATE TABLE slow (x)"); err != nil {
			return err
		}
		select {
		case <-goOn:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func callersGiveUp(w *world) {
	var runs atomic.Int32
	goOn := make(chan struct{})
	set := waiting(w, &runs, goOn)
	db := w.open(set, "")
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			quick(w, 600*time.Millisecond, func() {
				if err := db.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
					w.Error(err)
				}
			})
		})
	}
	wg.Wait()
	eventually(w, "the migration begins", func() bool { return runs.Load() == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	wantError(w, db.PingContext(ctx), context.DeadlineExceeded, "gave up waiting for the upgrade, which goes on")
	close(goOn)
	must(w, db.Ping())
	want(w, runs.Load(), 1)
	w.isUpToDate(set)
}

// slowScript is a script that takes about a second, and the number that it
// leaves in a table.
func (w *world) slowScript() (script, n string) {
	const count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT count(*) FROM n"
	const few = 50_000
	start := time.Now()
	w.rows(fmt.Sprintf(count, few))
	many := int(few * time.Second / max(time.Since(start), time.Millisecond))
	return fmt.Sprintf("CREATE TABLE slow (x);\nINSERT INTO slow "+count, many), fmt.Sprint(many)
}

func callerGivesUpDuringAScript(w *world) {
	script, n := w.slowScript()
	set := app(w, and(one, "0002_slow.sql", script)...)
	db := w.open(set, "")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	quick(w, 600*time.Millisecond, func() {
		if err := db.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			w.Error(err)
		}
	})
	must(w, db.Ping())
	want(w, w.rows("SELECT x FROM slow"), []string{n})
	w.isUpToDate(set)
	want(w, w.history(), []string{"app|1|a|applied", "app|2|slow|applied"})
}

func closeEndsAnUpgrade(w *world) {
	must(w, w.up(app(w, one...)))
	var runs atomic.Int32
	db := w.open(waiting(w, &runs, nil), "")
	result := make(chan error, 2)
	for range cap(result) {
		go func() { result <- db.Ping() }()
	}
	eventually(w, "the migration begins", func() bool { return runs.Load() == 1 })
	quick(w, 2*time.Second, func() { must(w, db.Close()) })
	for range cap(result) {
		wantError(w, <-result, nil, "closed")
	}
	want(w, w.number("SELECT count(*) FROM sqlite_schema WHERE name = 'slow'"), "0")
	want(w, w.history(), []string{"app|1|a|applied"})
	set := app(w, three...)
	quick(w, 3*time.Second, func() { must(w, w.up(set)) })
	w.isUpToDate(set)
}

// What runs inside of libSQL or a server cannot be stopped there. It happens
// whole or not at all, and whoever comes next finds out.
func closeDuringAScript(w *world) {
	must(w, w.up(app(w, one...)))
	script, n := w.slowScript()
	set := app(w, and(one, "0002_slow.sql", script, "0003_c.sql", "CREATE TABLE c (x)")...)
	db := w.open(set, "")
	result := make(chan error)
	go func() { result <- db.Ping() }()
	time.Sleep(200 * time.Millisecond)
	quick(w, 4*time.Second, func() { must(w, db.Close()) })
	wantError(w, <-result, nil, "closed")
	must(w, w.up(set))
	want(w, w.rows("SELECT x FROM slow"), []string{n})
	want(w, w.history(), []string{"app|1|a|applied", "app|2|slow|applied", "app|3|c|applied"})
	w.isUpToDate(set)
}

func canceledCaller(w *world) {
	set := app(w, one...)
	db := w.open(set, "")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	wantError(w, db.PingContext(ctx), context.Canceled)
	must(w, db.Ping())
	w.isUpToDate(set)
}
