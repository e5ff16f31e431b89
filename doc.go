// Package migratingsqlite is a database/sql driver that keeps the schema of an
// SQLite database up to date. It wraps modernc.org/sqlite, or libSQL (see below):
// the first connection takes the write lock, applies the migrations that the
// program embeds, and from then on the wrapped driver's own connections are
// handed out.
//
//	//go:embed migrations
//	var files embed.FS
//
//	func init() { migratingsqlite.Register("app", files) }
//
//	db, err := sql.Open("migratingsqlite", "file:app.db") // does no I/O
//	rows, err := db.Query("SELECT …")                     // upgrades first, if needed
//
// An upgrade is one transaction, with the exceptions below: it happens whole or
// not at all, whatever is killed when, and once, however many processes open the
// database at the same time. Nothing that was interrupted needs repair by hand.
//
// # Migrations
//
// The files of one folder, in any mixture of these layouts:
//
//	0007_add_prefs.sql
//	0007_add_prefs.up.sql, 0007_add_prefs.down.sql
//	V007__add_prefs/up.sql, down.sql, metadata.yaml
//	R__views.sql
//
// BEGIN, COMMIT and PRAGMA foreign_keys are taken out of a script in such a V…
// folder, as out of other tools' files (see below). Versions are numbers above 0: a
// sequence or timestamps. A repeatable migration (R__) is applied again after the
// others whenever its text has changed, or a versioned one has dropped what it
// creates. [Func] puts migrations written in Go between the files, or behind one. A
// down script is the way back (see below).
//
// A script is plain SQL, split as SQLite splits it: triggers, quotes and
// comments need no markers. It must not hold what cannot be in a transaction
// (BEGIN, COMMIT, VACUUM, PRAGMA journal_mode and the like; but see the
// directives); that is refused when it is loaded, like every script that is not
// well-formed.
//
// Foreign keys are not enforced during an upgrade, so that the usual way to
// rebuild a table (create, copy, drop, rename) loses no rows of other tables
// through ON DELETE CASCADE. Instead, an upgrade that would leave a row without
// its parent is not committed.
//
// Directives are comments before the first statement, one a line:
//
//	-- migratingsqlite: compatible
//	-- migratingsqlite: breaking
//
// say whether an older program, which does not know the migration, can go on
// working after it. Without them it is inferred. Compatible are a new table or
// view and all that is done to a new table, short of changing its rows when it
// has triggers; an index on columns of an old table that is not unique or
// partial and has no expressions; and a new column of an old table that is
// nullable or has a default, and has no CHECK and is not generated. A foreign
// key to an old table must let older programs delete its rows: ON DELETE SET
// NULL, where the columns take that, or, in a new table, ON DELETE CASCADE. All
// else is breaking, and so is what depends on whether a table was there before
// a CREATE TABLE IF NOT EXISTS.
//
//	-- migratingsqlite: no-transaction
//
// is for what cannot be in a transaction, such as VACUUM or PRAGMA journal_mode.
// Statements that can be in one are, each in its own. A libSQL server refuses
// these two all the same.
//
//	-- migratingsqlite: batch
//
// is for changing many rows without keeping other writers out: each statement is
// repeated, in a short transaction of its own, until it changes no row. It must
// have a LIMIT and leave out the rows that it has changed:
//
//	UPDATE notes SET title = trim(title)
//	WHERE id IN (SELECT id FROM notes WHERE title <> trim(title) LIMIT 1000)
//
// The command migratingsqlite validate looks for mistakes, and
//
//	-- migratingsqlite: nolint MS301
//
// says which of its findings are not wanted: before the first statement in the
// whole script, elsewhere in the statement behind it or in its line.
//
//	-- migratingsqlite: squashed 1-41 sha256:86dd6e02…
//
// stands in a script, version 41 then, that does what these migrations did, which
// are not in the folder any more: migratingsqlite squash writes it. Databases that
// have had all of them as they were, which the digest tells, go on without it. One
// that has had some of them is refused with [ErrMissing]: an older program must
// open it before. Where Atlas or Flyway has a checkpoint or a baseline, and the
// files before it were thrown away, a database must have had a later version, or
// the baseline's.
//
// # Other tools' folders
//
// The folders of goose, golang-migrate, dbmate, sql-migrate, Flyway, Atlas, sqlx,
// refinery, diesel, Drizzle, Prisma, rusqlite_migration, Bun, D1 and Knex are read
// as they are: their names, order, sections and directives. Whose a folder is, is
// seen by its names, and where they do not tell, by its files; [Layout] says it
// where that is not enough. A version is the number in a name. Of those that are
// none, Flyway's 1.2.3 is 1002003000, an entry of Drizzle's journal is its idx + 1,
// and a folder that counts from 0 counts from 1. BEGIN and COMMIT around a script
// and PRAGMA foreign_keys are taken out of it: the upgrade does the same. What
// cannot be read as it was meant (placeholders, variables of the environment,
// migrations in other languages) is refused, with its place.
//
// # Several transactions
//
// An upgrade with a migration of the last two kinds, and every upgrade of a
// libSQL server, is more than one transaction: one for each migration, or more.
// It happens under a lease, a row of the database that others respect and that
// lasts ten seconds unless it is renewed. Killed at any moment, it is taken over
// and goes on where it stopped; no statement is done twice but those that cannot
// be in a transaction. A failure leaves the migrations before it applied, and
// the error says so. Programs that are running see the schema between two steps.
//
// # Databases that have tables and no history
//
// What another migration tool has recorded in its own table is taken over: the
// migrations that it applied are not applied again, and its table is left as it
// is. Checksums are compared where that tool has them. What it did not record
// one by one, since it keeps only a number, must be seen in the structure of the
// database. Without such a history the structure must be what the set makes of an
// empty database after exactly one version. Everything else is refused with
// [ErrUnknownSchema], which says what comes nearest and what differs.
//
//	-- migratingsqlite: unless column messages.content_type
//
// before a statement (also: table, index, view, trigger) skips it where the thing
// is there already, so that one migration serves databases that differ. A
// database whose structure is that of no version is taken over, too, if such
// migrations make it what it is to be, and nothing else is in them.
//
// # DSN
//
// app.db, file:app.db?…, sqlite:app.db, sqlite3:app.db and :memory: name a
// database. libsql:app.db (a local file), libsql://host, https://host, http://host
// (a server) and libsql://host?replica=app.db (an embedded replica of one) are for
// libSQL, which has to be imported:
//
//	import _ "github.com/migratingsqlite/migratingsqlite/libsql"
//
// The wrapped driver's parameters (_pragma, _txlock, vfs, …) reach it untouched;
// docs/libsql.md has those of libSQL. This driver's own are taken out; each has an
// [Option]. An unknown one, or a bad value, is an error of [sql.Open].
//
//	_migrate               on (default): apply what is pending.
//	                       check: never write; fail with ErrPending if anything
//	                       is pending. The default with mode=ro or immutable=1.
//	                       off: hand connections through.
//	_migrate_set           names of registered sets to apply, in this order,
//	                       separated by commas. Needed if there are several.
//	_migrate_layout        which tool's folders the sets are read from, where they
//	                       do not tell; see [Layout].
//	_migrate_to            stop at this version instead of the newest.
//	_migrate_timeout       how long to wait for the lock; default 1m.
//	_migrate_backup        folder for a snapshot of the database before each
//	                       upgrade; if none can be taken there is no upgrade.
//	                       Files only. See [WithBackup] and docs/backups.md.
//	_migrate_backup_keep   how many snapshots of the database stay; default 10.
//	_migrate_baseline      for a database with tables and no history: auto
//	                       (default) finds out what it has; the version that it
//	                       is at; or none.
//	_migrate_adopt_table   the table in which another tool recorded what it
//	                       applied, where it is not called as that tool calls it.
//	_migrate_newer         for a database with newer migrations than the
//	                       program: compatible (default) works on if they all
//	                       are; allow always; refuse never: ErrSchemaNewer.
//	_migrate_out_of_order  true: apply pending migrations that are older than
//	                       the newest applied one. Default false: ErrOutOfOrder.
//	_migrate_trace         off; migrations (default): OpenTelemetry spans for the
//	                       upgrade and each migration; statements: also for each
//	                       statement, with its text; queries: otelsql around
//	                       every connection that is handed out.
//	_migrate_app_id        the SQLite application_id that the file must bear; a
//	                       new file is given it.
//
// # Backups
//
// With _migrate_backup, or [WithBackup], a snapshot of the database is taken under
// the lock before each upgrade and each [Migrator.Down]: an ordinary SQLite file,
// complete or absent. [Migrator.Backup] takes one at any time. The command-line tool
// lists, checks and restores them; docs/backups.md says how to do that by hand.
//
// # Going back
//
// Opening a database never undoes anything. [Migrator.PlanDown] says what going
// back to a version would undo, and by what; [Migrator.Down] does it, in one
// transaction, under the lock of an upgrade. The way back is the down script, or
// the down function of a [Func], of the program that goes back, if its migration
// is the one that was applied. The down script is kept in the history too
// (down_sql), so that a program that is older than the database can go back to
// itself: who runs what is kept shows it to a person first, as the command-line tool
// does. A way back must do in a transaction what it says; one that says batch is
// repeated in the transaction.
//
// Repeatable migrations describe the newest version. Their views, triggers and
// indexes are dropped before anything is undone, and the next open makes them again.
//
// # The command-line tool, and tests
//
// A [Migrator] does on demand what an open does, and shows what it would do
// ([Migrator.Plan]), what there is ([Migrator.Status], [Migrator.History]) and who
// is at work ([Migrator.Lease]). It also records what is there already
// ([Migrator.Baseline]) and accepts an edit that makes no difference
// ([Migrator.Repair]).
//
// The command migratingsqlite in cmd does that for people, tries upgrades on copies,
// and writes migrations; package migratecli puts the same commands into a program.
// docs/cli.md is their manual. Package migratetest gives each test a migrated
// database of its own.
//
// # Traps
//
// A connector looks at a database once, at its first connection. A file that is
// replaced under a running program is not looked at again.
//
// The upgrade goes on when the caller that triggered it gives up, and blocks
// other writers as long as it takes. Reading goes on with a write-ahead log
// (_pragma=journal_mode(WAL)), which is a good idea anyway.
//
// Every connection to a private in-memory database (:memory:) is a database of
// its own, and each is migrated. It is handed out with the temporary tables and
// PRAGMAs that the migrations left.
//
// The name of a set stands in the database. Under another name its migrations
// are applied once more, unless _migrate_baseline says which are there. Nothing
// but _migrate_app_id keeps a program from another program's file.
//
// Two programs at the same version whose repeatable migrations differ take turns
// in applying theirs. Add a versioned migration, which may do nothing, to a
// release that changes a repeatable one: the older program leaves it alone then.
//
// A Go migration works through its [Tx]. The sql.DB that is being opened waits for
// the migration, so a migration that uses it waits for ever.
//
// What a Go migration does outside the database is not undone when the upgrade
// fails, and is done again by the next attempt.
package migratingsqlite
