package migratingsqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
)

// One set serves databases that have a column already, and those that lack it.
func TestUnless(t *testing.T) {
	const guardedScript = `-- migratingsqlite: unless column messages.content_type
ALTER TABLE messages ADD COLUMN content_type TEXT DEFAULT 'text/plain';
-- migratingsqlite: unless table rooms
CREATE TABLE rooms (id INTEGER PRIMARY KEY);
-- migratingsqlite: unless index messages_by_type
CREATE INDEX messages_by_type ON messages (content_type);
-- migratingsqlite: unless view all_messages
-- migratingsqlite: unless table all_messages
CREATE VIEW all_messages AS SELECT * FROM messages;
-- migratingsqlite: unless trigger t
CREATE TRIGGER t AFTER INSERT ON rooms BEGIN SELECT 1; END;
INSERT INTO rooms DEFAULT VALUES;
-- migratingsqlite: unless column rooms.name
ALTER TABLE rooms ADD COLUMN name TEXT;
-- migratingsqlite: unless column rooms.name
ALTER TABLE rooms ADD COLUMN name TEXT;
`
	for _, steps := range []string{"", "-- migratingsqlite: no-transaction\n"} {
		for name, legacy := range map[string]string{
			"old": "CREATE TABLE messages (id INTEGER PRIMARY KEY)",
			"half": `CREATE TABLE Messages (id INTEGER PRIMARY KEY, Content_Type TEXT DEFAULT 'text/plain');
				CREATE TABLE rooms (id INTEGER PRIMARY KEY)`,
			"view is a table": "CREATE TABLE messages (id INTEGER PRIMARY KEY); CREATE TABLE all_messages (x)",
		} {
			t.Run(name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "app.db")
				change(t, path, legacy)
				set := app(t, "0001_guarded.sql", steps+guardedScript)
				must(t, with(t, path+"?_migrate_baseline=none", set))
				want(t, rows(t, path, "SELECT count(*) FROM pragma_table_info('messages')"), []string{"2"})
				want(t, rows(t, path, "SELECT lower(name) FROM sqlite_schema WHERE name NOT LIKE 'migrating%' AND name NOT LIKE 'sqlite%' ORDER BY 1"),
					[]string{"all_messages", "messages", "messages_by_type", "rooms", "t"})
				want(t, rows(t, path, "SELECT * FROM rooms"), []string{"1 <nil>"})
				must(t, with(t, path+"?_migrate=check", set))
			})
		}
	}
	for text, words := range map[string]string{
		"-- migratingsqlite: unless colum a.b\nSELECT 1":  `0001_a.sql:1:1: unless "colum": wants one of column, index, table, trigger, view; did you mean column?`,
		"-- migratingsqlite: unless column a\nSELECT 1":   "TABLE.COLUMN",
		"SELECT 1;\n-- migratingsqlite: unless\nSELECT 1": "0001_a.sql:2:1",
	} {
		_, err := migratingsqlite.Load("app", files("0001_a.sql", text))
		wantError(t, err, migratingsqlite.ErrMalformed, words)
	}
}
