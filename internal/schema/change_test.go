package schema

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A scenario is a change with rows in the database.
type scenario struct {
	have, want string
	renames    []string
	drops      []string
	using      []string
	elsewhere  []string
	rows       string            // statements that fill the old database
	script     string            // that is expected; "" to look only at what it does
	after      map[string]string // query → rows, one a line
}

func (s scenario) decisions(t *testing.T) (d Decisions) {
	t.Helper()
	d.Elsewhere = s.elsewhere
	for _, text := range s.renames {
		r, err := ParseRename(text)
		if err != nil {
			t.Fatal(err)
		}
		d.Renames = append(d.Renames, r)
	}
	for _, text := range s.drops {
		n, err := ParseName(text)
		if err != nil {
			t.Fatal(err)
		}
		d.Drops = append(d.Drops, n)
	}
	for _, text := range s.using {
		u, err := ParseUsing(text)
		if err != nil {
			t.Fatal(err)
		}
		d.Using = append(d.Using, u)
	}
	return d
}

func TestChanges(t *testing.T) {
	for name, s := range map[string]scenario{
		"nothing": {
			have: "CREATE TABLE t (a, b)", want: "create table T (B, A)",
			script: "",
		},
		"a table, an index, a view and a trigger come": {
			have: "CREATE TABLE users (id INTEGER PRIMARY KEY)",
			want: "CREATE TABLE users (id INTEGER PRIMARY KEY);\nCREATE TABLE posts (\n\tid INTEGER PRIMARY KEY, -- a number\n\tuser INTEGER REFERENCES users\n);\nCREATE INDEX posts_user ON posts (user);\n" +
				"CREATE VIEW b AS SELECT user FROM a;\nCREATE VIEW a AS SELECT * FROM posts;\nCREATE TRIGGER tr AFTER INSERT ON posts BEGIN SELECT 1; END",
			script: `CREATE TABLE posts (
	id INTEGER PRIMARY KEY, -- a number
	user INTEGER REFERENCES users
);

CREATE INDEX posts_user ON posts (user);
CREATE VIEW a AS SELECT * FROM posts;
CREATE VIEW b AS SELECT user FROM a;
CREATE TRIGGER tr AFTER INSERT ON posts BEGIN SELECT 1; END;
`,
		},
		"columns are added as they were written": {
			have: "CREATE TABLE users (id INTEGER PRIMARY KEY)",
			want: "CREATE TABLE users (\n\tid INTEGER PRIMARY KEY,\n\tname TEXT NOT NULL -- shown to others\n\t\tDEFAULT '',\n\tboss REFERENCES users,\n\tlower_name AS (lower(name)),\n\tage INTEGER DEFAULT -1 CHECK (age > -2)\n)",
			rows: "INSERT INTO users VALUES (1)",
			script: `ALTER TABLE users ADD COLUMN name TEXT NOT NULL -- shown to others
		DEFAULT '';

ALTER TABLE users ADD COLUMN boss REFERENCES users;
ALTER TABLE users ADD COLUMN lower_name AS (lower(name));
ALTER TABLE users ADD COLUMN age INTEGER DEFAULT -1 CHECK (age > -2);
`,
			after: map[string]string{"SELECT * FROM users": "1  <nil>  -1"},
		},
		"a column is added between others": {
			have:   "CREATE TABLE t (a, z)",
			want:   "CREATE TABLE t (a, b, z)",
			script: "-- Behind the other columns of t, where ALTER TABLE puts it.\nALTER TABLE t ADD COLUMN b;\n",
		},
		"columns that ALTER TABLE cannot add to rows": {
			have: "CREATE TABLE t (id INTEGER PRIMARY KEY)",
			want: "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP, e DEFAULT (1 + 1), s AS (id) STORED, u UNIQUE, r REFERENCES t DEFAULT 1)",
			rows: "INSERT INTO t VALUES (1)",
			after: map[string]string{
				"SELECT id, at IS NOT NULL, e, s, u, r FROM t": "1 1 2 1 <nil> 1",
			},
		},
		"a column is dropped": {
			have:   "CREATE TABLE t (a, b); CREATE INDEX i ON t (b); CREATE VIEW v AS SELECT b FROM t; CREATE VIEW w AS SELECT a FROM t",
			want:   "CREATE TABLE t (a); CREATE VIEW w AS SELECT a FROM t",
			rows:   "INSERT INTO t VALUES (1, 2)",
			script: "DROP VIEW v;\nDROP INDEX i;\n\n-- The values of t.b are lost.\nALTER TABLE t DROP COLUMN b;\n",
			after:  map[string]string{"SELECT * FROM w": "1"},
		},
		"a view over a view about all columns stands in the way of a dropped one": {
			have:   "CREATE TABLE t (a, b); CREATE VIEW v AS SELECT * FROM t; CREATE VIEW w AS SELECT a, b FROM v",
			want:   "CREATE TABLE t (a); CREATE VIEW v AS SELECT * FROM t; CREATE VIEW w AS SELECT a FROM v",
			rows:   "INSERT INTO t VALUES (1, 2)",
			script: "DROP VIEW w;\n\n-- The values of t.b are lost.\nALTER TABLE t DROP COLUMN b;\n\nCREATE VIEW w AS SELECT a FROM v;\n",
			after:  map[string]string{"SELECT * FROM w": "1"},
		},
		"a column in a constraint is dropped": {
			have:  "CREATE TABLE t (a, b, UNIQUE (a, b))",
			want:  "CREATE TABLE t (a)",
			rows:  "INSERT INTO t (rowid, a, b) VALUES (7, 1, 2)",
			after: map[string]string{"SELECT rowid, * FROM t": "7 1"},
		},
		"a type changes": {
			have: "CREATE TABLE users (id INTEGER PRIMARY KEY, age TEXT);\nCREATE TABLE posts (user_id INTEGER REFERENCES users ON DELETE CASCADE);\nCREATE INDEX posts_user ON posts (user_id);\nCREATE INDEX ages ON users (age);\n" +
				"CREATE VIEW adults AS SELECT * FROM users WHERE age > 17;\nCREATE TRIGGER a AFTER INSERT ON posts BEGIN UPDATE users SET age = age; END;\nCREATE TRIGGER b AFTER DELETE ON users BEGIN DELETE FROM posts; END",
			want: "CREATE TABLE users (\n\tid INTEGER PRIMARY KEY, -- never given twice\n\tage INTEGER\n);\nCREATE TABLE posts (user_id INTEGER REFERENCES users ON DELETE CASCADE);\nCREATE INDEX posts_user ON posts (user_id);\nCREATE INDEX ages ON users (age);\n" +
				"CREATE VIEW adults AS SELECT * FROM users WHERE age > 17;\nCREATE TRIGGER a AFTER INSERT ON posts BEGIN UPDATE users SET age = age; END;\nCREATE TRIGGER b AFTER DELETE ON users BEGIN DELETE FROM posts; END",
			rows: "INSERT INTO users VALUES (7, '42'); INSERT INTO posts VALUES (7)",
			script: `DROP TRIGGER a;
DROP VIEW adults;

-- users is made anew, since ALTER TABLE does not do this:
--   column users.age is TEXT, expected INTEGER
CREATE TABLE new_users (
	id INTEGER PRIMARY KEY, -- never given twice
	age INTEGER
);
INSERT INTO new_users (id, age)
SELECT id, age
FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;

CREATE INDEX ages ON users (age);
CREATE VIEW adults AS SELECT * FROM users WHERE age > 17;
CREATE TRIGGER b AFTER DELETE ON users BEGIN DELETE FROM posts; END;
CREATE TRIGGER a AFTER INSERT ON posts BEGIN UPDATE users SET age = age; END;
`,
			after: map[string]string{
				"SELECT id, age, typeof(age) FROM users": "7 42 integer",
				"SELECT * FROM posts":                    "7", // no cascade
			},
		},
		"NULL where none is to be gets the default": {
			have:  "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
			want:  "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'none')",
			rows:  "INSERT INTO t VALUES (1, NULL), (2, 'x')",
			after: map[string]string{"SELECT * FROM t": "1 none\n2 x"},
		},
		"NULL where none is to be gets what one says": {
			have:  "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
			want:  "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b INTEGER NOT NULL)",
			using: []string{"t.a=coalesce(a, 'row ' || id)", "t.b=10*id"},
			rows:  "INSERT INTO t VALUES (1, NULL), (2, 'x')",
			after: map[string]string{"SELECT * FROM t": "1 row 1 10\n2 x 20"},
		},
		"numbers that were given away are not given again": {
			have:  "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT); CREATE TABLE e (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT)",
			want:  "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER); CREATE TABLE e (id INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER)",
			rows:  "INSERT INTO t VALUES (1, 1), (9, 9); DELETE FROM t WHERE id = 9",
			after: map[string]string{"SELECT * FROM sqlite_sequence": "t 9", "SELECT id FROM t": "1"},
		},
		"rowids stay": {
			have: "CREATE TABLE t (a TEXT); CREATE TABLE u (rowid TEXT, b TEXT)", want: "CREATE TABLE t (a INTEGER); CREATE TABLE u (rowid TEXT, b INTEGER)",
			rows:  "INSERT INTO t (rowid, a) VALUES (5, 1), (3, 2); INSERT INTO u (oid, rowid) VALUES (4, 'x')",
			after: map[string]string{"SELECT rowid, a FROM t": "3 2\n5 1", "SELECT oid, rowid FROM u": "4 x"},
		},
		"a new INTEGER PRIMARY KEY is the rowid": {
			have:  "CREATE TABLE t (a TEXT)",
			want:  "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)",
			rows:  "INSERT INTO t (rowid, a) VALUES (5, 'x')",
			after: map[string]string{"SELECT * FROM t": "5 x"},
		},
		"to and from WITHOUT ROWID and STRICT": {
			have:  "CREATE TABLE t (a TEXT PRIMARY KEY, b ANY); CREATE TABLE u (a INT PRIMARY KEY, b ANY) WITHOUT ROWID, STRICT",
			want:  "CREATE TABLE t (a TEXT PRIMARY KEY, b ANY) WITHOUT ROWID, STRICT; CREATE TABLE u (a INT PRIMARY KEY, b ANY)",
			rows:  "INSERT INTO t VALUES ('x', 1); INSERT INTO u VALUES (1, 'y')",
			after: map[string]string{"SELECT * FROM t": "x 1", "SELECT * FROM u": "1 y"},
		},
		"a table and a column are renamed": {
			have:    "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT); CREATE TABLE posts (u REFERENCES users (id)); CREATE VIEW v AS SELECT mail FROM users; CREATE INDEX i ON users (lower(mail))",
			want:    "CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT); CREATE TABLE posts (u REFERENCES people (id)); CREATE VIEW v AS SELECT email FROM people; CREATE INDEX i ON people (lower(email))",
			renames: []string{"users=people", "users.mail=email"},
			rows:    "INSERT INTO users VALUES (1, 'x')",
			script:  "ALTER TABLE users RENAME TO people;\nALTER TABLE people RENAME COLUMN mail TO email;\n",
			after:   map[string]string{"SELECT * FROM people": "1 x"},
		},
		"a renamed column, by the new table's name": {
			have: "CREATE TABLE users (mail TEXT)", want: "CREATE TABLE people (email TEXT)",
			renames: []string{"people.mail=people.email", "users=people"},
			rows:    "INSERT INTO users VALUES ('x')",
			after:   map[string]string{"SELECT email FROM people": "x"},
		},
		"a view that cannot follow a rename": {
			have:    "CREATE TABLE t (a); CREATE VIEW v AS SELECT * FROM t; CREATE VIEW w AS SELECT a FROM v",
			want:    "CREATE TABLE t (b); CREATE VIEW v AS SELECT * FROM t; CREATE VIEW w AS SELECT b FROM v",
			renames: []string{"t.a=b"},
			rows:    "INSERT INTO t VALUES (1)",
			after:   map[string]string{"SELECT b FROM w": "1"},
		},
		"a rename beside a view that is broken": {
			have:    "CREATE TABLE t (a); CREATE VIEW broken AS SELECT * FROM nowhere",
			want:    "CREATE TABLE t (b); CREATE VIEW broken AS SELECT * FROM nowhere",
			renames: []string{"t.a=b"},
			rows:    "INSERT INTO t VALUES (1)",
			after:   map[string]string{"SELECT b FROM t": "1"},
		},
		"a rename that SQLite cannot do": { // UNIQUE with a part of the key, without rowids
			have:    "CREATE TABLE t (a PRIMARY KEY, b, UNIQUE (a, b)) WITHOUT ROWID; CREATE TABLE c (x REFERENCES t (a))",
			want:    "CREATE TABLE t (k PRIMARY KEY, b, UNIQUE (k, b)) WITHOUT ROWID; CREATE TABLE c (x REFERENCES t (k))",
			renames: []string{"t.a=k"},
			rows:    "INSERT INTO t VALUES (1, 2); INSERT INTO c VALUES (1)",
			after:   map[string]string{"SELECT k, b FROM t": "1 2", "SELECT x FROM c": "1"},
		},
		"names move on in a row": {
			have: "CREATE TABLE a (x); CREATE TABLE b (x)", want: "CREATE TABLE b (x); CREATE TABLE c (x)",
			renames: []string{"a=b", "b=c"},
			rows:    "INSERT INTO a VALUES ('a'); INSERT INTO b VALUES ('b')",
			script:  "ALTER TABLE b RENAME TO c;\nALTER TABLE a RENAME TO b;\n",
			after:   map[string]string{"SELECT * FROM b": "a", "SELECT * FROM c": "b"},
		},
		"a renamed table leaves its name to a new one": {
			have: "CREATE TABLE items (a)", want: "CREATE TABLE old_items (a); CREATE TABLE items (id INTEGER PRIMARY KEY)",
			renames: []string{"items=old_items"},
			rows:    "INSERT INTO items VALUES (1)",
			after:   map[string]string{"SELECT * FROM old_items": "1", "SELECT * FROM items": ""},
		},
		"a renamed one takes the name of one that goes": {
			have: "CREATE TABLE a (x); CREATE TABLE b (y); CREATE TABLE t (m, n); CREATE INDEX i ON t (n)", want: "CREATE TABLE b (x); CREATE TABLE t (n); CREATE INDEX i ON t (n)",
			renames: []string{"a=b", "t.m=n"}, drops: []string{"b", "t.n"},
			rows:  "INSERT INTO a VALUES ('a'); INSERT INTO b VALUES ('b'); INSERT INTO t VALUES ('m', 'n')",
			after: map[string]string{"SELECT x FROM b": "a", "SELECT n FROM t": "m"},
		},
		"decisions by the old name of a table": {
			have: "CREATE TABLE users (id INTEGER PRIMARY KEY, a TEXT, b TEXT)", want: "CREATE TABLE people (id INTEGER PRIMARY KEY, b TEXT, c TEXT, d TEXT)",
			renames: []string{"users=people", "users.a=b"}, drops: []string{"users.b"}, using: []string{"users.d=id + 1"},
			rows:  "INSERT INTO users VALUES (1, 'a', 'b')",
			after: map[string]string{"SELECT id, b, c, d FROM people": "1 a <nil> 2"},
		},
		"columns that are no renames": {
			have: "CREATE TABLE t (a TEXT, b TEXT)", want: "CREATE TABLE t (a TEXT, c TEXT)",
			drops:  []string{"t.b"},
			rows:   "INSERT INTO t VALUES (1, 2)",
			script: "ALTER TABLE t ADD COLUMN c TEXT;\n\n-- The values of t.b are lost.\nALTER TABLE t DROP COLUMN b;\n",
			after:  map[string]string{"SELECT a, c FROM t": "1 <nil>"},
		},
		"cyclic foreign keys": {
			have:  "CREATE TABLE a (id INTEGER PRIMARY KEY, b REFERENCES b); CREATE TABLE b (id INTEGER PRIMARY KEY, a REFERENCES a, s REFERENCES b)",
			want:  "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER NOT NULL DEFAULT 0 REFERENCES b); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a, s INTEGER REFERENCES b)",
			rows:  "INSERT INTO a VALUES (1, 2); INSERT INTO b VALUES (2, 1, 2)",
			after: map[string]string{"SELECT * FROM a": "1 2", "SELECT * FROM b": "2 1 2", "PRAGMA foreign_key_check": ""},
		},
		"views over views, and triggers on them": {
			have:  "CREATE TABLE t (a TEXT); CREATE VIEW z AS SELECT a FROM t; CREATE VIEW a AS SELECT a FROM z; CREATE TRIGGER tr INSTEAD OF INSERT ON a BEGIN INSERT INTO t VALUES (new.a); END",
			want:  "CREATE TABLE t (a INTEGER); CREATE VIEW z AS SELECT a FROM t; CREATE VIEW a AS SELECT a + 1 AS a FROM z; CREATE TRIGGER tr INSTEAD OF INSERT ON a BEGIN INSERT INTO t VALUES (new.a); END",
			rows:  "INSERT INTO a VALUES (1)",
			after: map[string]string{"SELECT a FROM a": "2"},
		},
		"a view with a trigger is all that changes": {
			have:   "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t; CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN SELECT 1; END",
			want:   "CREATE TABLE t (a); CREATE VIEW v AS SELECT a, 1 FROM t; CREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN SELECT 1; END",
			script: "DROP VIEW v;\nCREATE VIEW v AS SELECT a, 1 FROM t;\nCREATE TRIGGER tr INSTEAD OF INSERT ON v BEGIN SELECT 1; END;\n",
		},
		"a table becomes a view": {
			have: "CREATE TABLE t (a); CREATE TABLE u (a)", want: "CREATE TABLE u (a); CREATE VIEW t AS SELECT a FROM u",
			rows:  "INSERT INTO u VALUES (1)",
			after: map[string]string{"SELECT * FROM t": "1"},
		},
		"a view becomes a table": {
			have: "CREATE TABLE u (a); CREATE VIEW t AS SELECT a FROM u", want: "CREATE TABLE t (a); CREATE TABLE u (a)",
			after: map[string]string{"SELECT * FROM t": ""},
		},
		"an index of the same name on another table": {
			have: "CREATE TABLE a (x); CREATE TABLE b (x); CREATE INDEX i ON a (x)", want: "CREATE TABLE a (x); CREATE TABLE b (x); CREATE UNIQUE INDEX i ON b (x)",
			script: "DROP INDEX i;\n\n-- Fails, and leaves the database as it is, if rows are equal in what i is about.\nCREATE UNIQUE INDEX i ON b (x);\n",
		},
		"names that need quotes, and a table that speaks of itself": {
			have: `CREATE TABLE "a ""b" ("select" TEXT, [x y] CHECK ("a ""b".[x y] > 0), p REFERENCES "a ""b" ("x y"))`, want: `CREATE TABLE "a ""b" ("select" INTEGER, [x y] CHECK ("a ""b".[x y] > 0), p REFERENCES "a ""b" ("x y"))`,
			rows:  `INSERT INTO "a ""b" ("select", [x y]) VALUES (1, 2)`,
			after: map[string]string{`SELECT "select", "x y" FROM "a ""b"`: "1 2"},
		},
		"the name in between is taken": {
			have: "CREATE TABLE t (a TEXT); CREATE TABLE new_t (a)", want: "CREATE TABLE t (a INTEGER); CREATE TABLE New_T_ (a); CREATE TABLE new_t (a)",
			rows:  "INSERT INTO t VALUES (1); INSERT INTO new_t VALUES (2)",
			after: map[string]string{"SELECT * FROM t": "1", "SELECT * FROM new_t": "2"},
		},
		"generated columns": {
			have:  "CREATE TABLE t (a TEXT, v AS (a || 'v'), s AS (a || 's') STORED)",
			want:  "CREATE TABLE t (a TEXT, v TEXT, s AS (a || 'S') STORED, w AS (s || v))",
			rows:  "INSERT INTO t VALUES (1)",
			after: map[string]string{"SELECT * FROM t": "1 1v 1S 1S1v"},
		},
		"a full-text index of its own rows": {
			have:  "CREATE VIRTUAL TABLE f USING fts5 (a, b)",
			want:  "CREATE VIRTUAL TABLE f USING fts5 (a, c, tokenize = 'porter')",
			rows:  "INSERT INTO f (rowid, a, b) VALUES (7, 'running', 'x')",
			after: map[string]string{"SELECT rowid, a FROM f WHERE f MATCH 'runs'": "7 running"},
		},
		"a full-text index of another table's rows": {
			have: "CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO f (rowid, a) VALUES (new.id, new.a); END; CREATE VIRTUAL TABLE f USING fts5 (a, content='t', content_rowid='id')",
			want: "CREATE TABLE t (id INTEGER PRIMARY KEY, a NOT NULL DEFAULT ''); CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO f (rowid, a) VALUES (new.id, new.a); END; CREATE VIRTUAL TABLE f USING fts5 (a, content='t', content_rowid='id', tokenize = 'porter')",
			rows: "INSERT INTO t VALUES (7, 'running')",
			script: `DROP TRIGGER tr;

-- t is made anew, since ALTER TABLE does not do this:
--   column t.a is without a type, expected NOT NULL DEFAULT ''
-- NULL in t.a becomes ''.
CREATE TABLE new_t (id INTEGER PRIMARY KEY, a NOT NULL DEFAULT '');
INSERT INTO new_t (id, a)
SELECT id, coalesce(a, '')
FROM t;
DROP TABLE t;
ALTER TABLE new_t RENAME TO t;

-- f is made anew, since ALTER TABLE does not do this:
--   virtual table f is USING fts5 (a, content='t', content_rowid='id'), expected USING fts5 (a, content='t', content_rowid='id', tokenize = 'porter')
DROP TABLE f;
CREATE VIRTUAL TABLE f USING fts5 (a, content='t', content_rowid='id', tokenize = 'porter');
INSERT INTO f (f) VALUES ('rebuild');

CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO f (rowid, a) VALUES (new.id, new.a); END;
`,
			after: map[string]string{"SELECT rowid, a FROM f WHERE f MATCH 'runs'": "7 running"},
		},
		"an index of rows that get other values is filled again": {
			have:  "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); CREATE VIRTUAL TABLE f USING fts5 (a, content='t', content_rowid='id')",
			want:  "CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL); CREATE VIRTUAL TABLE f USING fts5 (a, content='t', content_rowid='id')",
			rows:  "INSERT INTO t VALUES (7, '12'); INSERT INTO f (f) VALUES ('rebuild')",
			after: map[string]string{"INSERT INTO f (f, rank) VALUES ('integrity-check', 1) RETURNING 1": "1"},
		},
		"an R*Tree": {
			have:  "CREATE VIRTUAL TABLE r USING rtree (id, a, b)",
			want:  "CREATE VIRTUAL TABLE r USING rtree (id, a, b, +name TEXT)",
			rows:  "INSERT INTO r VALUES (7, 1, 2)",
			after: map[string]string{"SELECT id, a, b FROM r": "7 1 2"},
		},
		"what is made elsewhere is out of the way, and nothing else": {
			have:      "CREATE TABLE t (a TEXT); CREATE VIEW r AS SELECT a FROM t; CREATE TRIGGER s INSTEAD OF INSERT ON r BEGIN SELECT 1; END; CREATE VIEW far AS SELECT 1; CREATE INDEX i ON t (a); CREATE TABLE x (y); CREATE TRIGGER z AFTER INSERT ON x BEGIN DELETE FROM r; END",
			want:      "CREATE TABLE t (a INTEGER); CREATE VIEW r AS SELECT 'other' FROM t; CREATE TABLE x (y)",
			elsewhere: []string{"R", "s", "far", "i", "z"},
			script: `DROP TRIGGER IF EXISTS z;
DROP VIEW IF EXISTS r;

-- t is made anew, since ALTER TABLE does not do this:
--   column t.a is TEXT, expected INTEGER
CREATE TABLE new_t (a INTEGER);
INSERT INTO new_t (rowid, a)
SELECT rowid, a
FROM t;
DROP TABLE t;
ALTER TABLE new_t RENAME TO t;
`,
		},
		"a note stays in its comment": {
			have: "CREATE TABLE t (a DEFAULT 'x\nDROP TABLE t;')", want: "CREATE TABLE t (a DEFAULT 'y\nDROP TABLE t;')",
			rows:  "INSERT INTO t (rowid) VALUES (1)",
			after: map[string]string{"SELECT a FROM t": "x\nDROP TABLE t;"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			have, want := schemaOf(t, s.have), schemaOf(t, s.want)
			d := s.decisions(t)
			script, err := Change(t.Context(), have, want, d)
			if err != nil {
				t.Fatal(err)
			}
			if text := script.String(); text != s.script && (s.script != "" || s.after == nil) {
				t.Fatalf("got\n%s\nwant\n%s", text, s.script)
			}
			db := open(t, s.have+";"+s.rows)
			defer db.Close()
			exec := func(script Script) {
				t.Helper()
				if _, err := db.Exec("BEGIN;\n" + script.String() + "COMMIT;"); err != nil {
					t.Fatalf("%v\n%s", err, script)
				}
			}
			exec(script)
			want, have = want.Without(s.elsewhere...), have.Without(s.elsewhere...)
			if now := read(t, db, s.elsewhere...); !now.Equal(want) {
				t.Errorf("%q\n%s", texts(Diff(now, want)), script)
			}
			for q, rows := range s.after {
				if got := strings.Join(distinctRows(t, db, q), "\n"); got != rows {
					t.Errorf("%s: got\n%s\nwant\n%s\nafter\n%s", q, got, rows, script)
				}
			}
			back, err := Change(t.Context(), want, have, d.Back())
			if err != nil {
				t.Fatal(err)
			}
			exec(back)
			if now := read(t, db, s.elsewhere...); !now.Equal(have) {
				t.Errorf("back: %q\n%s", texts(Diff(now, have)), back)
			}
		})
	}
}

func TestWhatIsAsked(t *testing.T) {
	for name, s := range map[string]struct {
		scenario
		questions []string
	}{
		"a table that may be renamed": {
			scenario{have: "CREATE TABLE users (id INTEGER PRIMARY KEY, name)", want: "CREATE TABLE people (id INTEGER PRIMARY KEY, name, age)"},
			[]string{"table users goes, and people, which is like it, comes: is it renamed (--rename users=people), or are its rows to go (--drop users)?"},
		},
		"a column that may be renamed": {
			scenario{have: "CREATE TABLE t (a TEXT, b INT)", want: "CREATE TABLE t (a TEXT, c INT, d TEXT)"},
			[]string{"column t.b goes, and c of the same type comes: is it renamed (--rename t.b=c), or are its values to go (--drop t.b)?"},
		},
		"what becomes NOT NULL, and what comes so": {
			scenario{have: "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)", want: "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b INT NOT NULL)"},
			[]string{
				`column t.a is to be NOT NULL, and rows may hold NULL: give it a DEFAULT, or say what such rows get with --using "t.a=coalesce(a, '')"; --using t.a=a says that there are none`,
				`column t.b is new and needs a value in the rows that are there: give it a DEFAULT, or say what they get with --using "t.b=…"`,
			},
		},
		"a full-text index without its text": {
			scenario{have: "CREATE VIRTUAL TABLE f USING fts5 (a, content='')", want: "CREATE VIRTUAL TABLE f USING fts5 (a, b)"},
			[]string{"virtual table f changes, and what is in it cannot be read: drop it in one migration, and make and fill it in the next"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Change(t.Context(), schemaOf(t, s.have), schemaOf(t, s.want), s.decisions(t))
			var u *Undecided
			if !errors.As(err, &u) || !slices.Equal(u.Questions, s.questions) {
				t.Errorf("got %v", err)
			}
			if _, err := Change(t.Context(), schemaOf(t, s.have), schemaOf(t, s.want), Decisions{Lossy: true}); err != nil {
				t.Errorf("the way back: %v", err)
			}
		})
	}
}

func TestDecisionsThatMakeNoSense(t *testing.T) {
	have := "CREATE TABLE users (id INTEGER PRIMARY KEY, name); CREATE TABLE c (x); CREATE VIEW v AS SELECT 1; CREATE VIRTUAL TABLE f USING fts5 (a)"
	want := "CREATE TABLE people (id INTEGER PRIMARY KEY, email, g AS (id)); CREATE TABLE c (x); CREATE VIEW w AS SELECT 1; CREATE VIRTUAL TABLE f USING fts5 (b)"
	for name, s := range map[string]struct {
		scenario
		message string
	}{
		"of a table that is not there":     {scenario{renames: []string{"user=people"}}, "--rename user=people: the old schema has no table user; did you mean users?"},
		"to a table that is not wanted":    {scenario{renames: []string{"users=person"}}, "--rename users=person: the wanted schema has no table person; did you mean people?"},
		"to a table that is there":         {scenario{renames: []string{"users=c"}}, "--rename users=c: the old schema has a table c, too; rename that, or let its rows go with --drop c"},
		"of a column that is not there":    {scenario{renames: []string{"users=people", "users.nam=email"}}, "--rename users.nam=email: table users has no column nam; did you mean name?"},
		"to a column that is not wanted":   {scenario{renames: []string{"users=people", "users.name=mail"}}, "--rename users.name=mail: the wanted table people has no column mail; did you mean email?"},
		"of a view":                        {scenario{renames: []string{"v=w"}}, "--rename v=w: v is a view; it holds no rows, and is made anew without being told"},
		"of a column of a virtual table":   {scenario{renames: []string{"f.a=b"}}, "--rename f.a=b: a column of a virtual table cannot be renamed"},
		"twice":                            {scenario{renames: []string{"users=people", "c=people"}}, "--rename c=people: one of the two is renamed already"},
		"two columns to one":               {scenario{renames: []string{"users=people", "users.name=email", "users.id=email"}}, "--rename users.id=email: one of the two is renamed already"},
		"a drop of what stays":             {scenario{renames: []string{"users=people"}, drops: []string{"c"}}, "--drop c: the wanted schema still has it"},
		"a drop of a column that stays":    {scenario{renames: []string{"users=people"}, drops: []string{"c.x"}}, "--drop c.x: the wanted schema still has it"},
		"a drop of what is not there":      {scenario{renames: []string{"users=people"}, drops: []string{"people.nam"}}, "--drop people.nam: table people has no column nam; did you mean name?"},
		"values for what is not wanted":    {scenario{renames: []string{"users=people"}, using: []string{"people.mail=1"}}, "--using people.mail: the wanted table people has no column that can be given a value, mail; did you mean email?"},
		"values for a generated column":    {scenario{renames: []string{"users=people"}, using: []string{"people.g=1"}}, "--using people.g: the wanted table people has no column that can be given a value, g; did you mean id?"},
		"values that SQLite does not know": {scenario{renames: []string{"users=people", "users.name=email"}, using: []string{"people.email=upper(mail)"}}, "no such column: mail"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Change(t.Context(), schemaOf(t, have), schemaOf(t, want), s.decisions(t))
			if err == nil || !strings.Contains(err.Error(), s.message) {
				t.Errorf("got %v, want %s", err, s.message)
			}
		})
	}
	t.Run("in a circle", func(t *testing.T) {
		s := scenario{renames: []string{"a=b", "b=a"}}
		pair := schemaOf(t, "CREATE TABLE a (x); CREATE TABLE b (y)")
		if _, err := Change(t.Context(), pair, pair, s.decisions(t)); err == nil || !strings.Contains(err.Error(), "a, b take each other's names") {
			t.Error(err)
		}
	})
}

func TestNamesInWords(t *testing.T) {
	for text, want := range map[string]string{
		"a=b": "a → b", "a.x=y": "a.x → y", "a.x=A.y": "a.x → y", `"a b"."c=d"=[e]`: `"a b"."c=d" → e`,
	} {
		r, err := ParseRename(text)
		if got := r.From.String() + " → " + quoteName(r.To); err != nil || got != want {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a", "a=", "=b", "a=b=c", "a b=c", "a.b=c.d", "a=b.c", "a.b.c=d", "1=2"} {
		if r, err := ParseRename(text); err == nil {
			t.Errorf("%s: got %v", text, r)
		}
	}
	if u, err := ParseUsing("t.c = CASE WHEN a=b THEN 1 END "); err != nil || fmt.Sprint(u) != "{t.c CASE WHEN a=b THEN 1 END}" {
		t.Error(u, err)
	}
	for _, text := range []string{"", "t=1", "t.c", "t.c=", "=1"} {
		if u, err := ParseUsing(text); err == nil {
			t.Errorf("%s: got %v", text, u)
		}
	}
}

func TestDump(t *testing.T) {
	const script = `CREATE TABLE posts (
	id INTEGER PRIMARY KEY, -- a number
	user INTEGER REFERENCES users
);
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE);
CREATE TABLE migratingsqlite_history (x);
CREATE VIRTUAL TABLE a USING fts5 (name, content='users');
CREATE VIEW a_names AS SELECT * FROM z_names;
CREATE VIEW z_names AS SELECT name FROM users;
CREATE INDEX z ON users (name);
CREATE INDEX b ON posts (user);
CREATE TRIGGER t AFTER INSERT ON users BEGIN INSERT INTO a (rowid, name) VALUES (new.id, new.name); END;
ANALYZE;`
	const want = `CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE);

CREATE TABLE posts (
	id INTEGER PRIMARY KEY, -- a number
	user INTEGER REFERENCES users
);

CREATE VIRTUAL TABLE a USING fts5 (name, content='users');

CREATE INDEX z ON users (name);
CREATE INDEX b ON posts (user);

CREATE VIEW z_names AS SELECT name FROM users;

CREATE VIEW a_names AS SELECT * FROM z_names;

CREATE TRIGGER t AFTER INSERT ON users BEGIN INSERT INTO a (rowid, name) VALUES (new.id, new.name); END;
`
	if got := Dump(schemaOf(t, script)); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := Dump(schemaOf(t, want)); got != want {
		t.Errorf("again, got\n%s", got)
	}
	if got := Dump(schemaOf(t, "")); got != "" {
		t.Errorf("of nothing, got %q", got)
	}
}

func TestDumpOfRows(t *testing.T) {
	const script = "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, b REFERENCES b, r REAL, g AS (id) STORED);\nCREATE TABLE b (k TEXT, v, PRIMARY KEY (k, v)) WITHOUT ROWID;\nCREATE TABLE c (\"two words\" DATETIME);\n" +
		"CREATE TABLE empty (x);\nCREATE VIRTUAL TABLE f USING fts5 (t);\nCREATE VIRTUAL TABLE e USING fts5 (k, content='b', content_rowid='k');\nCREATE VIRTUAL TABLE n USING fts5 (t, content='');\nCREATE VIRTUAL TABLE r USING rtree (id, lo, hi);\n" +
		"CREATE UNIQUE INDEX u ON c (\"two words\");\nCREATE TRIGGER tr AFTER INSERT ON c BEGIN DELETE FROM c; END;\n"
	const fill = `INSERT INTO a (id, b, r) VALUES (1, 'x', 0.1), (2, NULL, 1e999), (9, 'y', -5e-324); DELETE FROM a WHERE id = 9;
		INSERT INTO b VALUES ('z', 'it''s'), ('a', x'00ff'), ('n' || char(0) || 'ul', 9223372036854775807), ('line
break', NULLIF(1, 2) || ''), ('é', 2.0);
		INSERT INTO f (rowid, t) VALUES (7, 'some words'); INSERT INTO n (rowid, t) VALUES (1, 'gone'); INSERT INTO r VALUES (3, 1, 2);
		DROP TRIGGER tr; INSERT INTO c (rowid, "two words") VALUES (5, '2024-01-02 03:04:05'), (4, 2); CREATE TRIGGER tr AFTER INSERT ON c BEGIN DELETE FROM c; END`
	db := open(t, strings.ReplaceAll(script, "v, PRIMARY", "v NOT NULL DEFAULT 0, PRIMARY")+strings.ReplaceAll(fill, "NULLIF(1, 2) || ''", "''"))
	s := read(t, db)
	text, carried, err := DumpRows(t.Context(), db, s)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(carried); got != "[{b 5 } {a 2 } {c 2 } {f 1 } {n 1 its rows cannot be read} {r 1 }]" {
		t.Errorf("carried %s", got)
	}
	again := open(t, text)
	if d := Diff(read(t, again), s); len(d) > 0 {
		t.Errorf("%q", texts(d))
	}
	for _, q := range []string{
		"SELECT rowid, *, typeof(b), r IS 0.1 FROM a", "SELECT hex(k), hex(v), typeof(v) FROM b", "SELECT rowid, typeof(\"two words\"), CAST(\"two words\" AS TEXT) FROM c",
		"SELECT rowid, t FROM f WHERE f MATCH 'words'", "SELECT * FROM r", "SELECT * FROM sqlite_sequence",
	} {
		if was, is := distinctRows(t, db, q), distinctRows(t, again, q); !slices.Equal(was, is) {
			t.Errorf("%s: was %q, is %q", q, was, is)
		}
	}
	if other, _, err := DumpRows(t.Context(), again, read(t, again)); err != nil || other != text {
		t.Errorf("%v: another time\n%s\nand not\n%s", err, other, text)
	}
	if _, none, err := DumpRows(t.Context(), open(t, "CREATE TABLE a (x)"), schemaOf(t, "CREATE TABLE a (x)")); err != nil || none != nil {
		t.Error(none, err)
	}
}

func TestDumpIsTidy(t *testing.T) {
	for script, want := range map[string]string{
		"CREATE TABLE t (\n  a TEXT, -- first\n  b INT -- last, (\n);\nALTER TABLE t ADD COLUMN c DEFAULT 'x,\ny';\nALTER TABLE t ADD d CHECK (d IN (1, 2))": "CREATE TABLE t (\n  a TEXT, -- first\n  b INT, -- last, (\n  c DEFAULT 'x,\ny',\n  d CHECK (d IN (1, 2))\n);\n",
		"CREATE TABLE t (a, b); ALTER TABLE t ADD c": "CREATE TABLE t (a, b, c);\n",
		"CREATE TABLE t\n(a INT\n)STRICT":            "CREATE TABLE t\n(a INT\n)STRICT;\n",
		"CREATE TABLE t (a\n, b\n, c\n)":             "CREATE TABLE t (a\n, b\n, c\n);\n",
		"CREATE TABLE t (a); CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT t.a FROM t; ALTER TABLE t RENAME TO u": "CREATE TABLE u (a);\n\nCREATE INDEX i ON u (a);\n\nCREATE VIEW v AS SELECT u.a FROM u;\n",
		"CREATE TABLE t (\"a\"); ALTER TABLE t RENAME TO u":                                                          "CREATE TABLE \"u\" (\"a\");\n",
		"CREATE TABLE t (a); ALTER TABLE t RENAME TO \"left\"":                                                       "CREATE TABLE \"left\" (a);\n",
		"CREATE TABLE t (a); CREATE VIEW v AS SELECT \"t\" FROM t":                                                   "CREATE TABLE t (a);\n\nCREATE VIEW v AS SELECT \"t\" FROM t;\n",
		"CREATE TABLE t (a\n, b); ALTER TABLE t ADD c; ALTER TABLE t ADD d":                                          "CREATE TABLE t (a,\n\tb,\n\tc,\n\td\n);\n",
	} {
		s := schemaOf(t, script)
		got := Dump(s)
		if got != want {
			t.Errorf("%s: got\n%q", script, got)
		}
		if again := schemaOf(t, got); !again.Equal(s) || Dump(again) != got {
			t.Errorf("%s: another schema", got)
		}
	}
}

// What a question says can be pasted into a shell.
func TestShellWord(t *testing.T) {
	for _, s := range []string{
		"users.mail=email", `"my table"."old name"="new name"`, `"o'neil".x=coalesce("x", '')`, "t.a=…",
		`"a""b$c` + "`d" + `\e".x='$y'`, `"!".x=''`,
	} {
		out, err := exec.Command("sh", "-c", "printf %s "+shellWord(s)).CombinedOutput()
		if err != nil || string(out) != s {
			t.Errorf("%s becomes %s, which a shell reads as %s (%v)", s, shellWord(s), out, err)
		}
	}
}
