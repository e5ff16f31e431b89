package schema

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	_ "modernc.org/sqlite"
)

func TestTablesAsTheyCanBeLookedAt(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`
		CREATE TABLE rooms (Id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT '' UNIQUE, long AS (name || name));
		CREATE TABLE notes (id TEXT PRIMARY KEY, room integer REFERENCES rooms ON DELETE CASCADE, a TEXT, b TEXT, FOREIGN KEY (a, b) REFERENCES notes (b, a)) STRICT, WITHOUT ROWID;
		CREATE INDEX n1 ON notes (b, a DESC); CREATE UNIQUE INDEX n2 ON notes (lower(a)); CREATE INDEX n3 ON notes (room) WHERE room > 0;
		CREATE TRIGGER r UPDATE ON notes BEGIN SELECT 1; END;
		CREATE VIRTUAL TABLE found USING fts5 (text);
		CREATE VIEW v AS SELECT 1 AS x;
	`); err != nil {
		t.Fatal(err)
	}
	s, err := Of(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	// As the PRAGMAs of SQLite have it.
	for name, want := range map[string]string{
		"ROOMS": "&{rooms false false false [{Id INTEGER false false false 1} {name TEXT true true false 0} {long  false false true 0}] [{sqlite_autoindex_rooms_1 true false false [name] name binary,}] [] [] Id}",
		"notes": "&{notes true true false [{id TEXT true false false 1} {room INTEGER false false false 0} {a TEXT false false false 0} {b TEXT false false false 0}]",
		"found": "&{found false false true [] [] [] [] }",
		"v":     "<nil>",
	} {
		if got := fmt.Sprint(s.Table(name)); len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
	notes := s.Table("notes")
	for _, test := range []struct {
		columns []string
		want    bool
	}{
		{[]string{"ID"}, true}, {[]string{"a", "B"}, true}, {[]string{"b"}, true}, {[]string{"a"}, false}, {[]string{"room"}, false},
	} {
		if got := notes.Begins(test.columns); got != test.want {
			t.Errorf("an index begins with %v: %v", test.columns, got)
		}
	}
	if !s.Table("rooms").Begins([]string{"id"}) {
		t.Error("the rowid finds no rows")
	}
	if got := fmt.Sprint(notes.ForeignKeys, notes.Triggers, s.Views(), len(s.Tables())); got != "[{[a b] notes [b a] NO ACTION} {[room] rooms [] CASCADE}] [r] [v] 3" {
		t.Error(got)
	}
	for _, i := range notes.Indexes {
		if i.Own != (i.Name[0] == 'n') || i.Partial != (i.Name == "n3") || i.Unique != (i.Name != "n1" && i.Name != "n3") {
			t.Errorf("%+v", i)
		}
	}
}
