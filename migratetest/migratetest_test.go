package migratetest_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/migratetest"
)

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	var ran atomic.Int32
	set, err := migratingsqlite.Load("app", fstest.MapFS{
		"0001_users.sql": {Data: []byte("CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('root')")},
	}, migratingsqlite.Func(2, "count", func(context.Context, migratingsqlite.Tx) error {
		ran.Add(1)
		return nil
	}, nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("tests", func(t *testing.T) {
		for i := range 20 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				db := migratetest.Open(t, set)
				if _, err := db.Exec("INSERT INTO users VALUES (?)", i); err != nil {
					t.Fatal(err)
				}
				var n int
				if err := db.QueryRow("SELECT count(*) FROM users").Scan(&n); err != nil || n != 2 {
					t.Errorf("%d users, %v", n, err)
				}
			})
		}
	})
	if n := ran.Load(); n != 1 {
		t.Errorf("the migrations ran %d times", n)
	}
}

// Another set of that name is another database.
func TestSetsOfOneName(t *testing.T) {
	for _, table := range []string{"a", "b"} {
		set, err := migratingsqlite.Load("app", fstest.MapFS{"0001_t.sql": {Data: []byte("CREATE TABLE " + table + " (x)")}})
		if err != nil {
			t.Fatal(err)
		}
		plain, err := sql.Open("sqlite", migratetest.File(t, set))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plain.Exec("INSERT INTO " + table + " VALUES (1)"); err != nil {
			t.Error(err)
		}
		plain.Close()
	}
}

func TestFailureFailsTheTest(t *testing.T) {
	set, err := migratingsqlite.Load("app", fstest.MapFS{"0001_t.sql": {Data: []byte("INSERT INTO nowhere VALUES (1)")}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is not forgotten
		f := &failing{TB: t}
		func() {
			defer func() { recover() }()
			migratetest.File(f, set)
		}()
		if want := "0001_t.sql:1:1: no such table: nowhere"; !strings.Contains(f.said, want) {
			t.Errorf("got %q, want %q in it", f.said, want)
		}
	}
}

// failing is a test that may fail.
type failing struct {
	testing.TB
	said string
}

func (f *failing) Fatal(args ...any) {
	f.said = fmt.Sprint(args...)
	panic("failed")
}
