package lint_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/internal/lint"
)

const people = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age TEXT, boss INTEGER);\n"

// scenario is a folder and what is found in it: "file:line:column code", each on
// a line, and with a piece of the message where there is one behind.
type scenario struct {
	name  string
	files []string
	want  string
}

func (s scenario) run(t *testing.T) {
	t.Helper()
	t.Run(s.name, func(t *testing.T) {
		t.Helper()
		set := load(t, files(s.files...))
		got := lint.Check(set)
		// The same comes out where only those structures are known that are asked for.
		for i := range set.Migrations[:len(set.Migrations)-1] {
			if !set.Migrations[i].Asks() {
				set.Migrations[i].Before = nil
				if !set.Migrations[i+1].Asks() {
					set.Migrations[i].After = nil
				}
			}
		}
		if again := lint.Check(set); !slices.Equal(again, got) {
			t.Errorf("with fewer structures\n%s", brief(again))
		}
		want := strings.Fields(strings.ReplaceAll(s.want, "\n", " "))
		var have []string
		for _, f := range got {
			r := lint.RuleFor(f.Code)
			if f.Severity != r.Severity || f.Message == "" || f.Cure == "" && r.Cure != "" {
				t.Errorf("%+v", f)
			}
			have = append(have, strings.SplitN(brief([]lint.Finding{f}), " ", 3)[:2]...)
		}
		if !slices.Equal(have, want) {
			t.Errorf("got\n%swant\n%s", brief(got), s.want)
		}
	})
}

// then is a folder with the people and one more script.
func then(name, script, want string) scenario {
	return scenario{name, []string{"0001_people.sql", people, "0002_x.sql", script}, strings.ReplaceAll(want, "@", "0002_x.sql:")}
}

func TestTheFolder(t *testing.T) {
	for _, s := range []scenario{
		{"in order", []string{"0001_a.sql", people, "0002_b.sql", "DROP TABLE IF EXISTS x -- migratingsqlite: nolint MS504, MS512"}, ""},
		{"a gap", []string{"0001_a.sql", people, "0002_b.sql", "CREATE TABLE b (x)", "0005_c.sql", "CREATE TABLE c (x)"}, "0005_c.sql:1:1 MS102"},
		{"by tens", []string{"010_a.sql", people, "020_b.sql", "CREATE TABLE b (x)", "040_c.sql", "CREATE TABLE c (x)"}, "040_c.sql:1:1 MS102"},
		{"counted in no way", []string{"3_a.sql", people, "17_b.sql", "CREATE TABLE b (x)", "40_c.sql", "CREATE TABLE c (x)"}, ""},
		{"timestamps have gaps", []string{"20240101000000_a.sql", people, "20250101000000_b.sql", "CREATE TABLE b (x)"}, ""},
		{"a baseline before timestamps", []string{"0001_a.sql", people, "20250101000000_b.sql", "CREATE TABLE b (x)"}, ""},
		{"mixed", []string{"0001_a.sql", people, "0002_b.sql", "CREATE TABLE b (x)", "20250101000000_c.sql", "CREATE TABLE c (x)"}, "20250101000000_c.sql:1:1 MS103"},
		{"from the future", []string{"20990101000000_a.sql", people}, "20990101000000_a.sql:1:1 MS105"},
		{"seconds since 1970", []string{"1700000000_a.sql", people, "1999999999_b.sql", "CREATE TABLE b (x)"}, "1999999999_b.sql:1:1 MS105"},
		{"upper and lower case", []string{"0001_a.sql", people, "R__Views.sql", "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 1 AS x", "R__views.sql", "DROP VIEW IF EXISTS w; CREATE VIEW w AS SELECT 1 AS x"}, "R__views.sql:1:1 MS104"},
		{"a missing way back", []string{"0001_a.up.sql", people, "0001_a.down.sql", "DROP TABLE people", "0002_b.up.sql", "CREATE TABLE b (x)"}, "0002_b.up.sql:1:1 MS107"},
		{"a folder that begins to have them", []string{"0001_a.sql", people, "0002_b.up.sql", "CREATE TABLE b (x)", "0002_b.down.sql", "DROP TABLE b"}, ""},
		{"a folder with hardly any", []string{"0001_a.up.sql", people, "0001_a.down.sql", "DROP TABLE people", "0002_b.sql", "CREATE TABLE b (x)", "0003_c.sql", "CREATE TABLE c (x)"}, ""},
		{"an empty section", []string{"0001_a.sql", "-- +goose Up\n" + people + "-- +goose Down\n", "0002_b.sql", "-- +goose Up\n-- +goose Down\n"}, "0002_b.sql:1:1 MS513"},
	} {
		s.run(t)
	}
}

func TestNolint(t *testing.T) {
	const drops = "DROP TABLE people;\nDROP TABLE IF EXISTS x;\n"
	for _, s := range []scenario{
		then("none", drops, "@1:1 MS301 @2:1 MS512 @2:12 MS504"),
		then("the whole file", "-- migratingsqlite: nolint MS301, MS512 MS504: it was never released\n"+drops, ""),
		then("the statement behind it", "SELECT 1;\n-- migratingsqlite: nolint MS512,MS301\n"+drops, "@3:1 MS301 @4:1 MS512 @4:12 MS504"),
		then("the statement of its line", "SELECT 1;\nDROP TABLE people; -- migratingsqlite: nolint MS301\nDROP TABLE IF EXISTS x;", "@3:1 MS512 @3:12 MS504"),
		then("the statement around it", "SELECT 1;\nDROP TABLE -- migratingsqlite: nolint MS301\n people;", ""),
		then("a code that there is not", "-- migratingsqlite: nolint MS999\n"+drops, "@1:1 MS106 @2:1 MS301 @3:1 MS512 @3:12 MS504"),
		then("no statement behind it", "SELECT 1;\n\n-- migratingsqlite: nolint MS301", "@3:1 MS106"),
		{"the way back of a file is another script", []string{"0001_a.sql", "-- +goose Up\n" + people + "PRAGMA table_info(people);\n-- +goose Down\n-- migratingsqlite: nolint MS502\nPRAGMA table_info(people); DROP TABLE people;\n"},
			"0001_a.sql:3:1 MS502"},
		{"what is said of the whole file", []string{"0001_a.sql", people, "0003_b.sql", "-- migratingsqlite: nolint MS102\nCREATE TABLE b (x)"}, ""},
	} {
		if s.name == "the statement behind it" {
			s.want = "0002_x.sql:3:1 MS301"
			s.files[3] = "SELECT 1;\n-- migratingsqlite: nolint MS512\nDROP TABLE people;\n-- migratingsqlite: nolint MS512,MS504\nDROP TABLE IF EXISTS x;\n"
		}
		s.run(t)
	}
	for text, want := range map[string]string{
		"-- migratingsqlite: nolint\nSELECT 1":                  "0001_a.sql:1:1: nolint wants the codes",
		"SELECT 1;\n  -- migratingsqlite: nolint ms301\nSELECT": "0001_a.sql:2:3: nolint wants the codes",
		"-- migratingsqlite: nolnt MS301\nSELECT 1":             `unknown directive "nolnt"; did you mean nolint?`,
	} {
		if _, err := migratingsqlite.Load("app", files("0001_a.sql", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestOlderPrograms(t *testing.T) {
	for _, s := range []scenario{
		then("a table is dropped", "CREATE TABLE x (y);\n  DROP TABLE people;", "@2:3 MS301"),
		then("its own table", "CREATE TABLE x (y); DROP TABLE x;", ""),
		then("said to be so", "-- migratingsqlite: breaking\nDROP TABLE people;", ""),
		then("a column is dropped", "ALTER TABLE people\n DROP COLUMN age;", "@1:1 MS302"),
		then("its own column", "ALTER TABLE people ADD COLUMN x; ALTER TABLE people RENAME x TO y; ALTER TABLE people DROP COLUMN y;", "@1:68 MS302"),
		then("of its own table", "CREATE TABLE x (y, z); ALTER TABLE x DROP COLUMN z; ALTER TABLE x RENAME TO w; ALTER TABLE w RENAME y TO z", ""),
		then("a table is renamed", "ALTER TABLE people RENAME TO persons;", "@1:1 MS303"),
		then("and a view takes its name", "ALTER TABLE people RENAME TO persons; CREATE VIEW people AS SELECT * FROM persons;", ""),
		then("a column is renamed", "ALTER TABLE people RENAME COLUMN age TO years;", "@1:1 MS304"),
		then("a view is made anew", "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 1 AS x;", ""),
		{"a view is dropped", []string{"0001_a.sql", "CREATE VIEW v AS SELECT 1 AS x", "0002_b.sql", "DROP VIEW v"}, "0002_b.sql:1:1 MS301"},
	} {
		s.run(t)
	}
}

func TestColumnsThatAreAdded(t *testing.T) {
	for _, s := range []scenario{
		then("without a default", "ALTER TABLE people ADD email TEXT COLLATE nocase NOT NULL;", "@1:50 MS401"),
		then("with NULL for one", "ALTER TABLE people ADD COLUMN email TEXT\n\tNOT NULL DEFAULT NULL;", "@2:2 MS401"),
		then("with one", "ALTER TABLE people ADD COLUMN email TEXT NOT NULL DEFAULT '';", ""),
		then("to its own table", "CREATE TABLE x (y); ALTER TABLE x ADD z NOT NULL;", ""),
		then("a computed default", "ALTER TABLE people ADD at TEXT DEFAULT CURRENT_TIMESTAMP;", "@1:32 MS402"),
		then("more of them", "ALTER TABLE people ADD x DEFAULT (random());\nALTER TABLE people ADD y NOT NULL DEFAULT (1 + 1);", "@1:26 MS402 @2:35 MS402"),
	} {
		s.run(t)
	}
}

// SQLite itself says which defaults can be added to a table with a row.
func TestDefaultsAgainstSQLite(t *testing.T) {
	for _, value := range []string{
		"1", "-1", "+1", "1.5", "-1.5e3", "'x'", `"x"`, "x'00'", "NULL", "TRUE", "(1)", "(-1)", "(-(1))", "((1))", "('x')", "(x'00')", "(1.5)", "(NULL)", "(TRUE)",
		"CURRENT_TIMESTAMP", "CURRENT_DATE", "(CURRENT_TIME)", "(1 + 1)", "(random())", "(abs(-1))", "('a' || 'b')", "(datetime('now'))", "(CASE 1 WHEN 1 THEN 2 END)", "(strftime('%s', 'now'))",
	} {
		db, err := sql.Open("sqlite", ":memory:")
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		if _, err := db.Exec("CREATE TABLE people (id); INSERT INTO people VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		statement := "ALTER TABLE people ADD x DEFAULT " + value
		_, err = db.Exec(statement)
		db.Close()
		found := lint.Check(load(t, files("0001_a.sql", people, "0002_b.sql", statement)))
		found = slices.DeleteFunc(found, func(f lint.Finding) bool { return f.Code != "MS402" })
		if (len(found) > 0) != (err != nil) {
			t.Errorf("DEFAULT %s: SQLite says %v, and found is %v", value, err, found)
		}
	}
}

func TestRebuilds(t *testing.T) {
	anew := func(columns, insert string) string {
		return "CREATE TABLE new_people (" + columns + ");\n" + insert + ";\nDROP TABLE people;\nALTER TABLE new_people RENAME TO people;\n"
	}
	const same = "id INTEGER PRIMARY KEY, name TEXT, age INTEGER, boss INTEGER"
	for _, s := range []scenario{
		then("whole", anew(same, "INSERT INTO new_people SELECT * FROM people"), ""),
		then("a column is forgotten", anew(same, "INSERT INTO new_people (id, name, boss)\nSELECT id, name, boss FROM people"), "@2:1 MS404"),
		then("and filled later", anew(same, "INSERT INTO new_people (id, name, boss) SELECT id, name, boss FROM people; UPDATE new_people SET age = (SELECT age FROM people p WHERE p.id = new_people.id)"), ""),
		then("a column is gone", anew("id INTEGER PRIMARY KEY, name TEXT, age INTEGER", "INSERT INTO new_people SELECT id, name, age FROM people"), "@1:1 MS302"),
		then("a new column", anew(same+", email TEXT NOT NULL", "INSERT INTO new_people (id, name, age, boss) SELECT id, name, age, boss FROM people"), "@2:1 MS401"),
		then("a new column that is filled", anew(same+", email TEXT NOT NULL", "INSERT INTO new_people SELECT *, '' FROM people"), ""),
		then("another order", anew("id INTEGER PRIMARY KEY, age INTEGER, name TEXT, boss INTEGER", "INSERT INTO new_people SELECT * FROM people"), "@2:1 MS407 @2:1 MS407"),
		then("two of them change places", anew(same, "INSERT INTO new_people (id, name, age, boss) SELECT id, age, name, boss FROM people"), "@2:57 MS407 @2:62 MS407"),
		then("not in that order, but by name", anew(same, "INSERT INTO new_people (boss, id, age, name) SELECT boss, id, age, name FROM people"), ""),
		then("NULL is refused", anew("id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER NOT NULL, boss INTEGER", "INSERT INTO new_people SELECT id, p.name, coalesce(age, 0), boss FROM people p"), "@2:35 MS405"),
		then("NULL is left out", anew("id INTEGER PRIMARY KEY, name TEXT NOT NULL, age, boss INTEGER", "INSERT INTO new_people SELECT * FROM people WHERE name IS NOT NULL"), "@2:45 MS408"),
		then("NULL is replaced before", "UPDATE people SET name = '' WHERE name IS NULL;\n"+anew("id INTEGER PRIMARY KEY, name TEXT NOT NULL, age, boss INTEGER", "INSERT INTO new_people SELECT * FROM people"), ""),
		then("NULL is deleted before", "DELETE FROM people WHERE name IS NULL;\n"+anew("id INTEGER PRIMARY KEY, name TEXT NOT NULL, age, boss INTEGER", "INSERT INTO new_people SELECT * FROM people"), ""),
		then("several columns are gone", anew("id INTEGER PRIMARY KEY, name TEXT", "INSERT INTO new_people SELECT id, name FROM people"), "@1:1 MS302"),
		then("renamed before", "ALTER TABLE people RENAME age TO years;\n"+anew("id INTEGER PRIMARY KEY, name TEXT, years INTEGER NOT NULL DEFAULT 0, boss INTEGER", "INSERT INTO new_people (id, name, years, boss) SELECT id, name, coalesce(years, 0), boss FROM people"), "@1:1 MS304"),
		then("renamed, and gone", "ALTER TABLE people RENAME age TO years;\n"+anew("id INTEGER PRIMARY KEY, name TEXT, boss INTEGER", "INSERT INTO new_people (id, name, boss) SELECT id, name, boss FROM people"), "@2:1 MS302"),
		{"the partial unique index that there was", []string{"0001_a.sql", people + "CREATE UNIQUE INDEX u ON people (name) WHERE age > 0;",
			"0002_b.sql", anew(same, "INSERT INTO new_people SELECT * FROM people") + "CREATE UNIQUE INDEX u ON people (name) WHERE age > 0;"}, ""},
		{"a partial unique index on more rows", []string{"0001_a.sql", people + "CREATE UNIQUE INDEX u ON people (name) WHERE age > 1;",
			"0002_b.sql", anew(same, "INSERT INTO new_people SELECT * FROM people") + "CREATE UNIQUE INDEX u ON people (name) WHERE age > 0;"}, "0002_b.sql:5:1 MS403"},
		then("a unique index on the new table", anew(same, "INSERT INTO new_people SELECT * FROM people")+"CREATE UNIQUE INDEX u ON people (name);", "@5:1 MS403"),
		{"a unique index that was there", []string{"0001_a.sql", people + "CREATE UNIQUE INDEX u ON people (name);", "0002_x.sql", anew(same, "INSERT INTO new_people SELECT * FROM people") + "CREATE UNIQUE INDEX v ON people (age, name);"}, "0002_x.sql:3:1 MS406"},
		then("rows that are left behind", anew(same, "INSERT OR IGNORE INTO new_people SELECT * FROM people"), "@2:1 MS408"),
		then("by a join", anew(same, "INSERT INTO new_people SELECT p.* FROM people p\nJOIN people b ON b.id = p.boss"), "@3:1 MS408"),
		then("no row", "DROP TABLE people;\n"+people, "@1:1 MS408"),
		then("seeds", "DROP TABLE people;\n"+people+"INSERT INTO people (name) VALUES ('x');", "@1:1 MS408"),
		then("by way of a copy", "CREATE TABLE copy AS SELECT * FROM people;\nDROP TABLE people;\nCREATE TABLE people ("+same+");\nINSERT INTO people SELECT * FROM copy;\nDROP TABLE copy;", ""),
		{"a key that was not NOT NULL", []string{"0001_a.sql", "CREATE TABLE people (id TEXT PRIMARY KEY)", "0002_x.sql", anew("id TEXT NOT NULL PRIMARY KEY", "INSERT INTO new_people SELECT * FROM people")}, ""},
		then("the old one goes away first", "ALTER TABLE people RENAME TO old;\nCREATE TABLE people ("+same+");\nINSERT INTO people (id, name) SELECT id, name FROM old;\nDROP TABLE old;", "@3:1 MS404 @3:1 MS404"),
		{"what is on the table", []string{"0001_a.sql", people + "CREATE INDEX by_name ON people (name); CREATE INDEX by_boss ON people (boss); CREATE INDEX by_age ON people (age); CREATE INDEX lower_name ON people (lower(name));" +
			"CREATE TRIGGER aged UPDATE ON people BEGIN SELECT 1; END; CREATE TRIGGER born INSERT ON people BEGIN SELECT 1; END;",
			"0002_x.sql", "DROP INDEX by_age;\n" + anew(same, "INSERT INTO new_people SELECT * FROM people") + "CREATE INDEX name_now ON people (name); CREATE TRIGGER born INSERT ON people BEGIN SELECT 1; END;"},
			"0002_x.sql:4:1 MS406 0002_x.sql:4:1 MS406 0002_x.sql:4:1 MS406"},
		{"as generators write it", []string{"0001_a.sql", people, "0002_x.sql", "CREATE TABLE `__new_people` (\n\t`id` integer PRIMARY KEY,\n\t`name` text,\n\t`boss` integer\n);\nINSERT INTO `__new_people`(\"id\", \"name\") SELECT \"id\", \"name\" FROM `people`;\nDROP TABLE `people`;\nALTER TABLE `__new_people` RENAME TO `people`;"},
			"0002_x.sql:1:1 MS302 0002_x.sql:6:1 MS404"},
	} {
		s.run(t)
	}
}

func TestRows(t *testing.T) {
	rooms := "CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT);\nCREATE TABLE notes (id INTEGER PRIMARY KEY, room INTEGER REFERENCES rooms ON DELETE CASCADE);\nCREATE INDEX notes_room ON notes (room);\n"
	for _, s := range []scenario{
		then("a unique index", "\nCREATE UNIQUE INDEX u ON people (name, age);", "@2:1 MS403"),
		then("on an expression", "CREATE UNIQUE INDEX u ON people (lower(name), age COLLATE nocase);", "@1:1 MS403"),
		then("on a new column", "ALTER TABLE people ADD email TEXT; CREATE UNIQUE INDEX u ON people (email);", ""),
		then("with the key", "CREATE UNIQUE INDEX u ON people (name, id);", ""),
		then("behind a DELETE", "DELETE FROM people WHERE id NOT IN (SELECT min(id) FROM people GROUP BY name); CREATE UNIQUE INDEX u ON people (name);", ""),
		then("on its own table", "CREATE TABLE x (y); CREATE UNIQUE INDEX u ON x (y);", ""),
		then("all rows", "DELETE FROM people;", "@1:1 MS409"),
		then("of its own table", "CREATE TABLE x (y); DELETE FROM x;", ""),
		then("by a query", "CREATE TABLE copy AS SELECT * FROM people;", "@1:1 MS411"),
		then("for the moment", "CREATE TABLE copy AS SELECT * FROM people; DROP TABLE copy; CREATE TEMP TABLE c AS SELECT 1;", ""),
		{"parents", []string{"0001_a.sql", rooms, "0002_b.sql", "DELETE FROM rooms WHERE name = '';"}, "0002_b.sql:1:1 MS410"},
		{"parents and children", []string{"0001_a.sql", rooms, "0002_b.sql", "DELETE FROM notes WHERE room IN (SELECT id FROM rooms WHERE name = ''); DELETE FROM rooms WHERE name = '';"}, ""},
		then("the clock", "UPDATE people SET name = 'x', age = coalesce(age, CURRENT_DATE);", "@1:51 MS507"),
		then("the clock as a function", "INSERT INTO people (name) SELECT strftime('%s', 'now');\nINSERT INTO people (name) VALUES (unixepoch());\nUPDATE people SET age = date(age);", "@1:34 MS507 @2:35 MS507"),
		then("dice", "UPDATE people SET name = hex(randomblob(16));", "@1:30 MS507"),
		then("in a default or a trigger", "CREATE TABLE x (at DEFAULT CURRENT_TIMESTAMP); CREATE TRIGGER r UPDATE ON x BEGIN UPDATE x SET at = random(); END;", ""),
	} {
		s.run(t)
	}
}

func TestLargeTables(t *testing.T) {
	text := "UPDATE people SET age = 1;\nDELETE FROM people WHERE id > 7;\nCREATE INDEX i ON people (name);\n"
	for rows, want := range map[int64]string{199_999: "", 200_000: "1 MS206", 2_000_000: "1 MS206 3 MS205"} {
		set := load(t, files("0001_a.sql", people, "0002_b.sql", text))
		set.Migrations[1].Rows = func(table string) (int64, bool) { return rows, table == "people" }
		var got []string
		for _, f := range lint.Check(set) {
			got = append(got, strings.TrimPrefix(strings.SplitN(brief([]lint.Finding{f}), ":1 ", 2)[0], "0002_b.sql:"), f.Code)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d rows: %v, want %s", rows, got, want)
		}
	}
}

func TestStatementsThatDoNotDoWhatTheySay(t *testing.T) {
	for _, s := range []scenario{
		then("settings", "PRAGMA busy_timeout = 100;\nPRAGMA user_version = 7;\nPRAGMA optimize;", "@1:1 MS501"),
		then("questions", "PRAGMA foreign_key_check;\nPRAGMA table_info(people);\nEXPLAIN SELECT 1;\nSELECT * FROM people;\nSELECT load(name) FROM people; SELECT 1;\nPRAGMA user_version;", "@1:1 MS502 @2:1 MS502 @3:1 MS502 @4:1 MS502 @6:1 MS502"),
		then("left on", "PRAGMA legacy_alter_table = ON;\nPRAGMA recursive_triggers = 1; PRAGMA recursive_triggers = 0", "@1:1 MS503"),
		then("IF EXISTS", "CREATE TABLE\n IF NOT EXISTS x (y);\nCREATE INDEX IF NOT EXISTS i ON x (y);\nDROP TABLE IF EXISTS people;", "@2:2 MS504 @4:1 MS301"),
		then("for scratch", "DROP TABLE IF EXISTS x;\nCREATE TABLE x (y);\nCREATE TEMP TABLE IF NOT EXISTS z (y);", ""),
		then("guarded", "-- migratingsqlite: unless table x\nCREATE TABLE IF NOT EXISTS x (y);", ""),
		then("outside of a transaction", "-- migratingsqlite: no-transaction\nCREATE TABLE IF NOT EXISTS x (y); VACUUM;", ""),
		then("is there already", "CREATE TABLE IF NOT EXISTS people (id INTEGER PRIMARY KEY, email TEXT); -- migratingsqlite: nolint MS504\nDROP VIEW IF EXISTS v; -- migratingsqlite: nolint MS504", "@1:1 MS512 @2:1 MS512"),
		then("double quotes", "INSERT INTO people (\"name\", \"age\") VALUES (\"ann\", 7),\n('x', \"y\");", "@1:44 MS505 @2:7 MS505"),
		then("in a condition", "UPDATE \"people\" SET \"name\" = \"ann\" WHERE \"age\" = \"name\" AND \"boss\" IN (\"a\", 'b');", "@1:30 MS505 @1:72 MS505"),
		then("in a WITH", "WITH w (\"a\", \"b\") AS (SELECT 1, 2) UPDATE people SET name = \"x\" WHERE id IN (SELECT \"a\" FROM w WHERE \"b\" = \"a\");", "@1:61 MS505"),
		then("in a call", "UPDATE people SET name = replace(\"name\", \"a\", '') || \"!\"; CREATE VIEW \"v\" AS SELECT json_extract(p.\"name\", \"$.x\") AS \"x\" FROM people AS \"p\" WHERE \"x\" <> \"\";",
			"@1:42 MS505 @1:54 MS505 @1:108 MS505 @1:154 MS505"),
		then("in a default", "CREATE TABLE \"x\" (\"a b\" TEXT DEFAULT \"y\" CHECK (\"a b\" <> \"z\"), CONSTRAINT \"c\" UNIQUE (\"a b\"));", "@1:38 MS505 @1:58 MS505"),
		then("equals NULL", "UPDATE people SET name = NULL, age = NULL WHERE boss = NULL OR boss <>\nNULL OR boss == NULL OR boss != NULL;\nCREATE TABLE x (y CHECK (y = NULL));", "@1:54 MS506 @1:69 MS506 @2:14 MS506 @2:30 MS506 @3:28 MS506"),
		then("types", "CREATE TABLE x (\n  a STRING,\n  b VARCHAR(10), c FLOATING POINT, d TEXT);\nALTER TABLE x ADD e string(7);\nCREATE TABLE y (a INT, b ANY) STRICT;", "@2:5 MS508 @3:20 MS508 @4:21 MS508"),
		then("keys", "CREATE TABLE x (id INT PRIMARY KEY);\nCREATE TABLE y (id BIGINT NOT NULL PRIMARY KEY);\nCREATE TABLE z (id INT PRIMARY KEY) WITHOUT ROWID;", "@1:24 MS509"),
		then("an endless batch", "-- migratingsqlite: batch\nUPDATE people SET age = 1 WHERE id IN (SELECT id FROM people LIMIT 10);\nUPDATE people SET age = 1 WHERE id IN (SELECT id FROM people WHERE age <> 1 LIMIT 10);\nDELETE FROM people WHERE id IN (SELECT id FROM people LIMIT 10);", "@2:39 MS511"),
		{"the way back", []string{"0001_a.up.sql", people, "0001_a.down.sql", "DROP TABLE IF EXISTS people;\nPRAGMA cache_size = 1;\nDELETE FROM people WHERE name = \"x\""}, "0001_a.down.sql:2:1 MS501 0001_a.down.sql:3:33 MS505"},
		{"repeated", []string{"0001_a.sql", people, "R__x.sql", "DROP VIEW IF EXISTS a; CREATE VIEW a AS SELECT 1 AS x;\nCREATE VIEW b AS SELECT 1 AS x;\nCREATE TRIGGER IF NOT EXISTS c INSERT ON people BEGIN SELECT 1; END;\nCREATE INDEX IF NOT EXISTS d ON people (age);\nINSERT INTO people (name) VALUES ('x');\nINSERT OR IGNORE INTO people (id) VALUES (1);\nALTER TABLE people ADD x;"},
			"R__x.sql:2:1 MS510 R__x.sql:3:1 MS510 R__x.sql:5:1 MS510 R__x.sql:7:1 MS510"},
		{"filled again", []string{"0001_a.sql", people, "R__x.sql", "DELETE FROM people;\nINSERT INTO people (name) VALUES ('x');"}, "R__x.sql:1:1 MS409"},
	} {
		s.run(t)
	}
}

func TestTheStructure(t *testing.T) {
	for _, s := range []scenario{
		{"a foreign key", []string{"0001_a.sql", people, "0002_b.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY,\n  author INTEGER NOT NULL REFERENCES people, x, y,\n  FOREIGN KEY (y) REFERENCES people (id));\nALTER TABLE notes ADD COLUMN reader REFERENCES people;", "0003_c.sql", "CREATE INDEX notes_x ON notes (x, y)"},
			"0002_b.sql:2:27 MS603 0002_b.sql:3:3 MS603 0002_b.sql:4:37 MS603"},
		{"with an index", []string{"0001_a.sql", people, "0002_b.sql", "CREATE TABLE notes (author INTEGER REFERENCES people, id INTEGER PRIMARY KEY REFERENCES people, UNIQUE (author, id))"}, ""},
		{"in a rebuilt table", []string{"0001_a.sql", people, "0002_b.sql", "CREATE TABLE new (id INTEGER PRIMARY KEY, name TEXT, age TEXT,\n boss INTEGER REFERENCES people); INSERT INTO new SELECT * FROM people; DROP TABLE people; ALTER TABLE new RENAME TO people;"}, "0002_b.sql:2:15 MS603"},
		{"twice", []string{"0001_a.sql", "CREATE TABLE a (x UNIQUE, y);\nCREATE INDEX a_x ON a (x);\nCREATE INDEX a_y ON a (y); CREATE INDEX a_y_part ON a (y) WHERE x;\nCREATE INDEX a_y2 ON a (y); CREATE INDEX a_yd ON a (y DESC);"}, "0001_a.sql:2:1 MS604 0001_a.sql:4:1 MS604"},
		{"a parent is dropped", []string{"0001_a.sql", people + "CREATE TABLE notes (author REFERENCES people);\nCREATE INDEX i ON notes (author);", "0002_b.sql", "-- migratingsqlite: breaking\nSELECT 1;\nDROP TABLE people;"}, "0002_b.sql:3:1 MS602"},
		{"no key in the parent", []string{"0001_a.sql", people + "CREATE TABLE notes (author REFERENCES people (name));\nCREATE INDEX i ON notes (author);"}, "0001_a.sql:2:1 MS602"},
		{"a view", []string{"0001_a.sql", people + "CREATE VIEW v AS SELECT shoe FROM people"}, "0001_a.sql:2:1 MS602"},
		{"a trigger", []string{"0001_a.sql", people + "CREATE TRIGGER r UPDATE ON people BEGIN DELETE FROM shoes; END"}, "0001_a.sql:1:1 MS602"},
		{"a function of the program", []string{"0001_a.sql", people + "CREATE TRIGGER r UPDATE ON people BEGIN SELECT own(1); END"}, ""},
		{"the parent is renamed out of the way", []string{"0001_a.sql", people + "CREATE TABLE notes (author REFERENCES people);\nCREATE INDEX i ON notes (author);", "0002_b.sql", "ALTER TABLE people RENAME TO old;\n" + people + "INSERT INTO people SELECT * FROM old;\nDROP TABLE old;"}, "0002_b.sql:4:1 MS602"},
	} {
		s.run(t)
	}
}

// Every rule has been seen to find something in these tests or in those of the
// tool, and its code stands once.
func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range lint.Rules {
		if seen[r.Code] || r.What == "" || !strings.HasSuffix(r.Why, ".") || r.Cure != "" && !strings.HasSuffix(r.Cure, ".") {
			t.Errorf("%+v", r)
		}
		seen[r.Code] = true
	}
	if !slices.IsSorted(lint.Codes()) {
		t.Error("they are not in order")
	}
}
