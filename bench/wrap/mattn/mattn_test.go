package mattn_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/mattn/go-sqlite3"
	"github.com/migratingsqlite/migratingsqlite/bench/wrap"
)

var names atomic.Int64

func TestWrapConnector(t *testing.T) {
	wrap.Exercise(t, wrap.Engine{
		Driver:      &sqlite3.SQLiteDriver{},
		Delete:      "_busy_timeout=5000&_journal_mode=DELETE",
		WAL:         "_busy_timeout=5000&_journal_mode=WAL",
		ForeignKeys: "_foreign_keys=1",
		ReadOnly:    "mode=ro",
		SharedMemory: func(*testing.T) string {
			return fmt.Sprintf("file:shared%d?mode=memory&cache=shared", names.Add(1))
		},
		Code: func(err error) (int, bool) {
			var e sqlite3.Error
			ok := errors.As(err, &e)
			return int(e.Code), ok
		},
		IsConn: func(c any) bool { _, ok := c.(*sqlite3.SQLiteConn); return ok },
		Limits: map[string]string{
			"shared memory: eight connectors at once": "SQLITE_LOCKED inside a run is not waited out",
			"locked past the timeout, exclusively":    "opening a connection reads the file, and waits for the driver's own busy timeout",
		},
	})
}
