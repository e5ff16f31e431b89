package ncruces_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/bench/wrap"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	_ "github.com/ncruces/go-sqlite3/vfs/memdb"
)

var names atomic.Int64

func TestWrapConnector(t *testing.T) {
	wrap.Exercise(t, wrap.Engine{
		Driver:      &driver.SQLite{},
		Delete:      "_pragma=busy_timeout(5000)&_pragma=journal_mode(delete)",
		WAL:         "_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)",
		ForeignKeys: "_pragma=foreign_keys(1)",
		ReadOnly:    "mode=ro",
		SharedMemory: func(*testing.T) string {
			return fmt.Sprintf("file:/shared%d.db?vfs=memdb", names.Add(1))
		},
		Code: func(err error) (int, bool) {
			var code sqlite3.ErrorCode // a *sqlite3.Error, or by itself
			ok := errors.As(err, &code)
			return int(code), ok
		},
		IsConn: func(c any) bool { _, ok := c.(driver.Conn); return ok },
	})
}
