package modernc_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/bench/wrap"
	"modernc.org/sqlite"
)

var names atomic.Int64

func TestWrapConnector(t *testing.T) {
	wrap.Exercise(t, wrap.Engine{
		Driver:      &sqlite.Driver{},
		Delete:      "_pragma=busy_timeout(5000)&_pragma=journal_mode(delete)",
		WAL:         "_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)",
		ForeignKeys: "_pragma=foreign_keys(1)",
		ReadOnly:    "mode=ro",
		SharedMemory: func(*testing.T) string {
			return fmt.Sprintf("file:shared%d?mode=memory&cache=shared", names.Add(1))
		},
		Code: func(err error) (int, bool) {
			var e *sqlite.Error
			if !errors.As(err, &e) {
				return 0, false
			}
			return e.Code() & 0xff, true
		},
		IsConn: func(c any) bool { return fmt.Sprintf("%T", c) == "*sqlite.conn" },
	})
}
