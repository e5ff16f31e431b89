package script

import "testing"

// one returns the only statement of src.
func one(t *testing.T, src string) Statement {
	t.Helper()
	stmts, err := Split(src)
	if err != nil || len(stmts) != 1 {
		t.Fatalf("%s: %d statements, %v", src, len(stmts), err)
	}
	return stmts[0]
}

func TestEffect(t *testing.T) {
	for src, want := range map[string]Effect{
		"SELECT 1":          {},
		"CREATE TABLE t(a)": {Name: "t", Table: "t"},
		"CREATE TABLE IF NOT EXISTS main.[a b](a)":                               {Schema: "main", Name: "a b", Table: "a b", IfNotExists: true},
		"CREATE TABLE /* x */ \"a\"\"b\" -- y\nAS SELECT 1":                      {Name: `a"b`, Table: `a"b`, AsSelect: true},
		"CREATE TEMP TABLE t(a)":                                                 {Schema: "temp", Name: "t", Table: "t", Temp: true},
		"CREATE TABLE `Temp`.'t'(a)":                                             {Schema: "Temp", Name: "t", Table: "t", Temp: true},
		"CREATE VIRTUAL TABLE IF NOT EXISTS f USING fts5(a)":                     {Name: "f", Table: "f", IfNotExists: true},
		"CREATE TEMPORARY VIEW v AS SELECT 1":                                    {Schema: "temp", Name: "v", Table: "v", Temp: true},
		"CREATE UNIQUE INDEX IF NOT EXISTS main.i ON t(a, \"on\")":               {Schema: "main", Name: "i", Table: "t", Unique: true, Plain: true, IfNotExists: true},
		"CREATE INDEX \"on\" ON t(a)":                                            {Name: "on", Table: "t", Plain: true},
		"CREATE INDEX i ON t(a COLLATE nocase DESC, [b] COLLATE \"RTRIM\" ASC)":  {Name: "i", Table: "t", Plain: true},
		"CREATE INDEX i ON t(a, b || c)":                                         {Name: "i", Table: "t"},
		"CREATE INDEX i ON t((a))":                                               {Name: "i", Table: "t"},
		"CREATE INDEX i ON t(lower(a))":                                          {Name: "i", Table: "t"},
		"CREATE INDEX i ON t(a COLLATE own)":                                     {Name: "i", Table: "t"},
		"CREATE INDEX i ON t(a) WHERE b":                                         {Name: "i", Table: "t"},
		"CREATE TRIGGER before UPDATE OF a, b ON 't' BEGIN SELECT 1; END":        {Name: "before", Table: "t", Event: Update},
		"CREATE TRIGGER main.r INSTEAD OF DELETE ON main.v BEGIN SELECT 1; END;": {Schema: "main", Name: "r", Table: "v", Event: Delete},
		"DROP TABLE IF EXISTS main.t;":                                           {Schema: "main", Name: "t", Table: "t", IfExists: true},
		"DROP VIEW v":                                                            {Name: "v", Table: "v"},
		"DROP INDEX i":                                                           {Name: "i"},
		"DROP TRIGGER IF EXISTS r":                                               {Name: "r", IfExists: true},
		"INSERT OR REPLACE INTO main.t VALUES(1)":                                {Schema: "main", Table: "t"},
		"REPLACE INTO t(a) VALUES(1)":                                            {Table: "t"},
		"UPDATE OR IGNORE \"t\" SET a=1":                                         {Table: "t"},
		"DELETE FROM t WHERE a":                                                  {Table: "t"},
		"WITH x(a) AS (SELECT 1), y AS (SELECT ')') INSERT INTO t SELECT 1":      {Table: "t"},

		"ALTER TABLE main.t RENAME TO \"u\"":       {Schema: "main", Name: "t", Table: "t", Action: RenameTable, NewName: "u"},
		"ALTER TABLE t RENAME COLUMN a TO b":       {Name: "t", Table: "t", Action: RenameColumn, Column: "a", NewName: "b"},
		"ALTER TABLE t RENAME a TO [b]":            {Name: "t", Table: "t", Action: RenameColumn, Column: "a", NewName: "b"},
		"ALTER TABLE t DROP COLUMN a":              {Name: "t", Table: "t", Action: DropColumn, Column: "a"},
		"ALTER TABLE t DROP \"constraint\"":        {Name: "t", Table: "t", Action: DropColumn, Column: "constraint"},
		"ALTER TABLE t DROP CONSTRAINT c":          {Name: "t", Table: "t", Action: OtherAction},
		"ALTER TABLE t ADD CONSTRAINT c CHECK (a)": {Name: "t", Table: "t", Action: OtherAction},
		"ALTER TABLE t ADD CHECK (a)":              {Name: "t", Table: "t", Action: OtherAction},
		"ALTER TABLE t ALTER a SET NOT NULL":       {Name: "t", Table: "t", Action: OtherAction},
		"ALTER TABLE t ADD a":                      {Name: "t", Table: "t", Action: AddColumn, Column: "a"},
		"ALTER TABLE t ADD COLUMN \"not null\"":    {Name: "t", Table: "t", Action: AddColumn, Column: "not null"},
		"ALTER TABLE t ADD column INT":             {Name: "t", Table: "t", Action: AddColumn, Column: "INT"},

		"ALTER TABLE t ADD a DECIMAL(10, 2) NOT NULL":                     {Name: "t", Table: "t", Action: AddColumn, Column: "a", NotNull: true},
		"ALTER TABLE t ADD a INT not /**/ null default -1":                {Name: "t", Table: "t", Action: AddColumn, Column: "a", NotNull: true, HasDefault: true},
		"ALTER TABLE t ADD a NOT NULL DEFAULT NULL":                       {Name: "t", Table: "t", Action: AddColumn, Column: "a", NotNull: true},
		"ALTER TABLE t ADD a NOT NULL DEFAULT ((null))":                   {Name: "t", Table: "t", Action: AddColumn, Column: "a", NotNull: true},
		"ALTER TABLE t ADD a DEFAULT 'NOT NULL'":                          {Name: "t", Table: "t", Action: AddColumn, Column: "a", HasDefault: true},
		"ALTER TABLE t ADD a DEFAULT (1 + null) NOT NULL":                 {Name: "t", Table: "t", Action: AddColumn, Column: "a", NotNull: true, HasDefault: true},
		"ALTER TABLE t ADD a CHECK (a NOT NULL AND (b DEFAULT))":          {Name: "t", Table: "t", Action: AddColumn, Column: "a", Check: true},
		"ALTER TABLE t ADD a CONSTRAINT \"default\" CHECK (a) COLLATE as": {Name: "t", Table: "t", Action: AddColumn, Column: "a", Check: true},
		"ALTER TABLE t ADD a REFERENCES u(b) ON DELETE SET DEFAULT ON UPDATE SET NULL NOT DEFERRABLE": {
			Name: "t", Table: "t", Action: AddColumn, Column: "a", References: true},
		"ALTER TABLE t ADD a TEXT GENERATED ALWAYS AS (b) NOT NULL": {Name: "t", Table: "t", Action: AddColumn, Column: "a", NotNull: true, Generated: true},
		"ALTER TABLE t ADD a AS (b || 'x') STORED":                  {Name: "t", Table: "t", Action: AddColumn, Column: "a", Generated: true},

		"PRAGMA main.User_Version":     {Schema: "main", Name: "user_version"},
		"PRAGMA foreign_keys = 'off';": {Name: "foreign_keys", Value: "off", HasValue: true},
		"PRAGMA cache_size(-2000)":     {Name: "cache_size", Value: "-2000", HasValue: true},
		"SAVEPOINT \"s\"":              {Name: "s"},
		"RELEASE SAVEPOINT s":          {Name: "s"},
		"ROLLBACK TRANSACTION TO 's'":  {Name: "s"},
		"EXPLAIN CREATE TABLE t(a)":    {},
		"CREATE TABLE":                 {},
		"ALTER TABLE t ADD":            {Name: "t", Table: "t", Action: AddColumn},
		"CREATE TRIGGER r INSERT; END": {Name: "r", Event: Insert},
		"UPDATE":                       {},
	} {
		if got := one(t, src).Effect(); got != want {
			t.Errorf("%s\ngot  %+v\nwant %+v", src, got, want)
		}
	}
	// Statements that no Scanner would make must do no harm.
	for _, text := range []string{"", "CREATE TABLE 'a", "CREATE TABLE \"", "CREATE TABLE [", "ALTER TABLE t ADD a DEFAULT (", "CREATE TABLE t(a REFERENCES", "CREATE TABLE t(FOREIGN KEY(a", "CREATE TABLE t(a CHECK", "PRAGMA $x("} {
		for k := Unknown; k <= Explain; k++ {
			Statement{Text: text, Kind: k}.Effect()
			Statement{Text: text, Kind: k}.foreignKeys("main.t")
		}
	}
}
