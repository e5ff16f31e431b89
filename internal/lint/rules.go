package lint

import "slices"

// Severity says what a finding does to the exit code of a tool.
type Severity string

const (
	Error   Severity = "error"   // it fails, loses something, or does not do what it says
	Warning Severity = "warning" // it may be meant so
)

// A Rule is a kind of finding. Its code never changes its meaning; the code of a
// rule that is given up is not used again.
type Rule struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	What     string   `json:"what"` // a short noun phrase
	Why      string   `json:"why"`
	Cure     string   `json:"cure"` // "" where each message has its own
}

// RuleFor returns the rule with a code, nil if there is none.
func RuleFor(code string) *Rule {
	i := slices.IndexFunc(Rules, func(r Rule) bool { return r.Code == code })
	if i < 0 {
		return nil
	}
	return &Rules[i]
}

// Codes lists the codes.
func Codes() (list []string) {
	for _, r := range Rules {
		list = append(list, r.Code)
	}
	return list
}

// Rules are all that there are, by their codes: MS1 the set and its files, MS2 a
// database, MS3 older programs, MS4 rows, MS5 statements that do something else
// than they say, MS6 the structure as it comes out.
var Rules = []Rule{
	{"MS101", Error, "a set that the driver refuses", "What is wrong with the files is said by sql.Open, and no database is upgraded: duplicate versions, names that are none, scripts that cannot be split or cannot do in a transaction what they say.", ""},
	{"MS102", Warning, "a gap in the versions", "A file was forgotten, or is still on another branch: when it comes later it is out of order where newer ones have been applied.", "Add the file that is missing, or number the migrations without a gap."},
	{"MS103", Warning, "timestamps and sequence numbers in one folder", "The next sequence number is below every timestamp, and so it would be out of order everywhere.", "Use one manner of numbers; `new` goes on with that of the newest migration."},
	{"MS104", Error, "names that differ only in case", "On Windows and macOS they are one file, and one of the two is lost in a checkout.", "Rename one of them."},
	{"MS105", Warning, "a timestamp in the future", "Migrations that are written until then come before it, and are out of order where it has been applied.", "Give it the time at which it was written."},
	{"MS106", Warning, "a nolint that is about nothing", "There is no such code, or no statement behind it: a finding that was to be silenced may come back, or another one stay silent.", "Write a code of this table, before the statement or in its last line."},
	{"MS107", Warning, "a missing way back", "The other migrations of the folder have a down script. `down` does not go back behind one that has none.", "Write it, or say that there is none with nolint."},

	{"MS201", Error, "a migration that was changed after it was applied", "The database has what the old text did, new databases have what the new one does, and the driver refuses to open it.", "Put the old text back and write a new migration; `repair` accepts an edit that changes nothing."},
	{"MS202", Error, "a migration that the database has and the folder lacks", "The file was deleted or renamed to another version, or the database belongs to another branch.", "Put the file back."},
	{"MS203", Error, "a migration that comes too late", "The database has newer ones. The driver refuses to apply it behind them.", "Give it a version above those that were applied, or open with `_migrate_out_of_order=true`."},
	{"MS204", Error, "a database that would be refused", "An open would fail, with this error.", ""},
	{"MS205", Warning, "an index on a huge table", "Other writers wait while it is built.", "Make it at a quiet time; a partial index (WHERE …) is smaller."},
	{"MS206", Warning, "all rows of a large table in one statement", "Other writers wait until the upgrade is committed, and the write-ahead log grows by the whole table.", "Put it into a migration of its own with `-- migratingsqlite: batch` and a LIMIT."},

	{"MS301", Warning, "a table or view is dropped", "Older programs that are still running, or are put back, fail, and the rows are gone for good.", "Drop it one release after the last program that uses it, and then say so with `-- migratingsqlite: compatible`; else `breaking`."},
	{"MS302", Warning, "a column is dropped", "Older programs that still name it fail, and what is in it is gone for good.", "Drop it one release after the last program that uses it, and then say so with `-- migratingsqlite: compatible`; else `breaking`."},
	{"MS303", Warning, "a table is renamed", "Older programs look for it under its old name.", "Keep the name, or leave a view with the old one behind; or say `-- migratingsqlite: breaking`."},
	{"MS304", Warning, "a column is renamed", "Older programs look for it under its old name.", "Add the new column and fill it, and drop the old one a release later; or say `-- migratingsqlite: breaking`."},

	{"MS401", Error, "NOT NULL without a default", "SQLite adds such a column to an empty table only: it works on every test database and fails on every real one.", "Give it a default, or make the table anew and fill the column."},
	{"MS402", Error, "a default that SQLite does not add", "A column with a default that is computed can be added to an empty table only.", "Add it without the default and fill it with an UPDATE, or make the table anew."},
	{"MS403", Warning, "a unique index on a table that has rows", "The upgrade fails where two rows are alike.", "Make the rows differ, or delete the surplus ones, before it in the same migration."},
	{"MS404", Error, "a rebuild that forgets a column", "The column is in the old table and in the new one, and the INSERT between them does not copy it.", "Name it in the INSERT and in its SELECT."},
	{"MS405", Warning, "a rebuild that makes a column NOT NULL", "The upgrade fails where a row has NULL.", "Copy it with coalesce(…)."},
	{"MS406", Error, "a rebuild that loses an index or a trigger", "They are dropped with the old table.", "Create it again behind the rename; DROP INDEX or DROP TRIGGER says that it is to go."},
	{"MS407", Error, "a rebuild that mixes up columns", "An INSERT … SELECT goes by place, not by name.", "Name the columns on both sides, in the same order."},
	{"MS408", Warning, "a rebuild that leaves rows behind", "What is not copied is dropped with the old table.", "Copy all rows; delete those that are to go by a DELETE that says so."},
	{"MS409", Warning, "a table is emptied", "The rows are gone for good.", "See that they are not needed any more."},
	{"MS410", Warning, "a DELETE that is not cascaded", "An upgrade does not enforce foreign keys, so that nothing cascades: rows without their parent are left, and the upgrade is undone.", "Delete the rows that refer to them, or set them to NULL, by a statement of its own before it."},
	{"MS411", Warning, "CREATE TABLE … AS SELECT", "The table has no keys, constraints, defaults or types.", "Create it with its columns, and fill it by INSERT … SELECT."},

	{"MS501", Warning, "a PRAGMA for a connection that is closed", "The upgrade's connection is not handed out: what it was told is forgotten.", "Set it in the DSN (`_pragma=…`)."},
	{"MS502", Warning, "a question that nobody hears the answer to", "A migration throws away what a query returns.", "Delete it. Foreign keys are checked by every upgrade itself."},
	{"MS503", Warning, "a PRAGMA that stays on", "It also holds for the migrations behind it, but only where they are applied in the same upgrade.", "Turn it off at the end of the script."},
	{"MS504", Warning, "IF [NOT] EXISTS hides drift", "A database that is not as it should be is passed over in silence. The history knows what has been applied.", "Delete the words; `-- migratingsqlite: unless` says which databases have it already."},
	{"MS505", Error, "a string in double quotes", "SQLite takes \"x\" for a column, and only if there is none for a string: it changes its meaning with the table, and other engines refuse it.", "Write 'x'."},
	{"MS506", Error, "a comparison with NULL", "It is never true, nor false.", "Write IS NULL or IS NOT NULL."},
	{"MS507", Warning, "rows that differ from machine to machine", "The clock and random numbers make every database another one.", "Compute it from what is in the row, or write a constant; where it is to differ, say so with nolint."},
	{"MS508", Warning, "a type with the wrong affinity", "SQLite knows no STRING and makes numbers of what looks like one: 007 becomes 7. All that has INT in it is an integer, also FLOATING POINT.", "Write TEXT or REAL."},
	{"MS509", Warning, "a primary key that SQLite does not fill", "Only INTEGER PRIMARY KEY is the rowid. Any other type takes NULL instead of counting.", "Write INTEGER PRIMARY KEY, or NOT NULL."},
	{"MS510", Error, "a repeatable migration that cannot be repeated", "It is applied again whenever it changes: CREATE fails the second time, IF NOT EXISTS keeps what is there, and INSERT adds its rows once more.", "Write DROP … IF EXISTS before CREATE, and INSERT OR REPLACE."},
	{"MS511", Error, "a batch that never ends", "Each statement is repeated until it changes no row, and this one changes the same rows each time.", "Leave out in the inner WHERE what is done already."},
	{"MS512", Warning, "a statement that does nothing", "What it makes is there since an earlier migration, or what it drops is not: it is not what its author takes it for.", "Delete it, or write an ALTER."},
	{"MS513", Warning, "an empty migration", "It is recorded, and does nothing.", "Write it, or delete the file."},

	{"MS601", Error, "a migration that does not apply", "The set was applied to an empty database, as on every new machine.", "Correct it; `repair` lets databases that have it accept the new text."},
	{"MS602", Error, "a table or view that cannot be used", "SQLite finds this only when it is used: a foreign key, a trigger or a view is about something that is not there.", "Create what is missing, or drop and create what refers to it."},
	{"MS603", Warning, "a foreign key without an index", "Every delete of a parent's row, and every check of the foreign keys, reads the whole table.", "Create an index that begins with these columns."},
	{"MS604", Warning, "an index that is there twice", "It costs time and space at every write, and serves nothing.", "Drop one of them."},
	{"MS605", Error, "a way back that fails", "The down script was run behind its up script, on a database without rows.", "Correct it."},
	{"MS606", Error, "a way back that does not lead back", "After up and down the structure is not what it was: the next up meets what it does not expect.", "Undo all that the up script does."},
}
