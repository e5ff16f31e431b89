package migratingsqlite_test

import (
	"testing"

	"github.com/migratingsqlite/migratingsqlite/internal/enginetest"
)

// sqliteEngine is modernc.org/sqlite, with parameters for every connection.
func sqliteEngine(params string) enginetest.Engine {
	return enginetest.Engine{
		New: func(t testing.TB) enginetest.Database {
			d := enginetest.File(t, "file:", "sqlite")
			d.DSN += params
			return d
		},
		ConnType:    "*sqlite.conn",
		ForeignKeys: map[string]bool{"": false, "_pragma=foreign_keys(1)": true},
		Patient:     "_pragma=busy_timeout(5000)",
		Memory:      ":memory:",
	}
}

func TestSQLite(t *testing.T) { enginetest.Exercise(t, sqliteEngine("")) }

func TestSQLiteWithAWriteAheadLog(t *testing.T) {
	enginetest.Exercise(t, sqliteEngine("?_pragma=journal_mode(WAL)"))
}
