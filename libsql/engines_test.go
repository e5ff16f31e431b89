//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64))

package libsql_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/internal/enginetest"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
	_ "github.com/migratingsqlite/migratingsqlite/libsql"
	_ "github.com/tursodatabase/go-libsql"
)

func TestLocalEngine(t *testing.T) {
	enginetest.Exercise(t, enginetest.Engine{
		New:         func(t testing.TB) enginetest.Database { return enginetest.File(t, "libsql:", "libsql") },
		ConnType:    "*libsql.Conn",
		ForeignKeys: map[string]bool{"": true, "_pragma=foreign_keys(0)": false},
		Patient:     "_pragma=busy_timeout(5000)",
		Memory:      "libsql::memory:",
		Limits: enginetest.Limits{
			enginetest.FunctionsReadTimes: "the gate's connections read text as text",
			enginetest.Interrupt:          "no call into C can be stopped",
		},
	})
}

// onServer is the database of a server of its own, behind a proxy that counts
// the driver's requests.
func onServer(t testing.TB) enginetest.Database {
	s := sqldtest.Start(t)
	p := sqldtest.NewProxy(t, s.URL)
	plain := func() (*sql.DB, error) { return sql.Open("libsql", s.URL) }
	return enginetest.Database{
		DSN: p.URL, Namespace: strings.TrimPrefix(p.URL, "http://"), Open: plain,
		Touched: func() bool { return p.Requests() > 0 },
		Created: func() bool {
			db, err := plain()
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var n int
			if err := db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n > 0
		},
	}
}

func ofServers() enginetest.Limits {
	return enginetest.Limits{
		enginetest.OneTransaction:     "every migration is a request of its own",
		enginetest.Backups:            "the database is not a file here",
		enginetest.RowsInHistory:      "the history is written in the same request as the script",
		enginetest.ForeignKeyRows:     "their numbers are compared, in the same request as the script",
		enginetest.ForeignKeyMismatch: "PRAGMA foreign_key_check fails as a whole",
		enginetest.FunctionsReadTimes: "the protocol has no times",
		enginetest.Interrupt:          "a server finishes what it has begun",
		enginetest.Infinity:           "the protocol has no NaN and no infinity",
		// What the server's parser or its authorizer does not let through.
		enginetest.Temp:           "the server does not support CREATE TEMP TABLE",
		enginetest.Attach:         "the server does not support ATTACH",
		enginetest.Vacuum:         "the server does not support VACUUM",
		enginetest.VacuumInto:     "the server does not support VACUUM INTO",
		enginetest.AnalyzeTable:   "the server does not support ANALYZE",
		enginetest.JournalMode:    "the server does not support PRAGMA journal_mode",
		enginetest.Checkpoint:     "the server does not support PRAGMA wal_checkpoint",
		enginetest.ApplicationID:  "the server does not support PRAGMA application_id",
		enginetest.WritableSchema: "the server does not support PRAGMA writable_schema",
		enginetest.LegacyAlter:    "the server does not support PRAGMA legacy_alter_table",
		enginetest.RecursiveFire:  "the server does not support PRAGMA recursive_triggers",
		enginetest.Optimize:       "the server does not support PRAGMA optimize",
	}
}

func TestServerEngine(t *testing.T) {
	enginetest.Exercise(t, enginetest.Engine{
		New:         onServer,
		ConnType:    "*libsql.Conn",
		ForeignKeys: map[string]bool{"": true},
		Limits:      ofServers(),
	})
}

func TestReplicaEngine(t *testing.T) {
	enginetest.Exercise(t, enginetest.Engine{
		New: func(t testing.TB) enginetest.Database {
			d := onServer(t)
			url := d.DSN
			d.Elsewhere = func() string { return url + "?replica=" + filepath.Join(t.TempDir(), "replica.db") }
			d.DSN = d.Elsewhere()
			return d
		},
		ConnType:    "*libsql.Conn",
		ForeignKeys: map[string]bool{"": true},
		Limits:      ofServers(),
	})
}
