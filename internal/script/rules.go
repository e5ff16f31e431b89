package script

import (
	"fmt"
	"slices"
	"strings"
)

// Compatible reports whether code that does not know these statements can go
// on working after them: they add to the schema, touch only what they added
// themselves, and leave nothing at which a statement on an old table could fail.
// When unsure it says no. It does say yes to a foreign key that an UPDATE of a
// parent's key might break: keys that others refer to are seldom changed.
func Compatible(stmts []Statement) bool {
	a := additions{made: namespace{}}
	for _, s := range stmts {
		if !a.compatible(s) {
			return false
		}
	}
	return !a.hold()
}

// additions are what statements have added to a schema.
type additions struct {
	made     namespace
	keys     []foreignKey
	triggers []trigger
}

type trigger struct {
	table string // its name in lower case, whatever the schema
	event Kind
}

// fire reports whether one of the triggers is for the table; the event may be
// Unknown.
func (a *additions) fire(table string, event Kind) bool {
	return slices.ContainsFunc(a.triggers, func(t trigger) bool {
		return t.table == lower(table) && (event == Unknown || event == t.event)
	})
}

// hold reports whether rows of the new tables may hold on to rows that older
// code deletes: by a foreign key that refuses it, or by a trigger that goes off
// where a foreign key deletes or changes rows too.
func (a *additions) hold() bool {
	follow := map[string]bool{} // new tables whose rows are deleted with rows of old ones
	deletes := func(k foreignKey) bool {
		// A table IF NOT EXISTS that refers to itself is old or new, but not both.
		return follow[k.parent] || !a.made[k.parent] && k.parent != k.child
	}
	for again := true; again; {
		again = false
		for _, k := range a.keys {
			if k.onDelete == Delete && !follow[k.child] && deletes(k) {
				follow[k.child], again = true, true
			}
		}
	}
	for _, k := range a.keys {
		_, child, _ := strings.Cut(k.child, ".")
		if deletes(k) && (k.onDelete == Unknown || a.fire(child, k.onDelete)) {
			return true
		}
	}
	return false
}

// A namespace holds what the statements before have created, by key.
type namespace map[string]bool

// key makes one string of a kind of object, its schema and its name. Tables,
// views and indexes share their names in SQLite; triggers have their own.
func key(trigger bool, schema, name string) string {
	schema = lower(schema)
	if schema == "" {
		schema = "main"
	}
	if trigger {
		schema = "trigger " + schema
	}
	return schema + "." + lower(name)
}

// resolve returns the key of what a name means. A name without a schema may be
// a temporary object, which goes before one in main.
func (n namespace) resolve(trigger bool, schema, name string) string {
	if temp := key(trigger, "temp", name); schema == "" && n[temp] {
		return temp
	}
	return key(trigger, schema, name)
}

func (a *additions) compatible(s Statement) bool {
	switch s.Kind {
	case Select, Analyze, Reindex, Explain, Savepoint, Release:
		return true
	case Pragma:
		return onlyReads(s.Effect())
	}
	e := s.Effect()
	trig := s.Kind == CreateTrigger || s.Kind == DropTrigger
	object := a.made.resolve(trig, e.Schema, e.Name)
	table := a.made.resolve(false, e.Schema, e.Table)
	known := e.Temp || a.made[table]
	switch s.Kind {
	case CreateTable, CreateVirtualTable, CreateView, CreateIndex, CreateTrigger:
		if !e.IfNotExists { // else it may have been there, with other code's rows
			a.made[object] = true
		}
	}
	switch s.Kind {
	case CreateTable:
		if !e.Temp && !e.AsSelect {
			a.keys = append(a.keys, s.foreignKeys(object)...)
		}
		return true
	case CreateVirtualTable, CreateView:
		return true
	case CreateIndex:
		// Code that fills an old table is not ready for a new constraint, nor for an
		// expression that fails for its rows.
		return known || e.Plain && !e.Unique
	case CreateTrigger:
		a.triggers = append(a.triggers, trigger{lower(e.Table), e.Event})
		return known
	case Insert, Update, Delete:
		return known && !a.fire(e.Table, Unknown) // a trigger may do anything to old tables
	case AlterTable:
		if known && e.Action == RenameTable {
			a.rename(object, e)
		}
		if e.Action == AddColumn && e.References && !e.Temp {
			for _, k := range s.foreignKeys(object) {
				if !known && k.onDelete == Delete {
					k.onDelete = Unknown // the old table may have triggers, and children of its own
				}
				// What older code inserts gets the default, which may have no parent.
				if !known && (e.HasDefault || k.parent == k.child && k.onDelete == Unknown) {
					return false
				}
				a.keys = append(a.keys, k)
			}
		}
		return known || e.Action == AddColumn && !e.Check && !e.Generated && (!e.NotNull || e.HasDefault)
	case DropTable, DropView, DropIndex, DropTrigger:
		known := e.Temp || a.made[object]
		delete(a.made, object)
		return known
	}
	return false
}

// rename takes over what is known of the new table with that key.
func (a *additions) rename(object string, e Effect) {
	schema, _, _ := strings.Cut(object, ".")
	renamed := key(false, schema, e.NewName)
	delete(a.made, object)
	a.made[renamed] = true
	for i := range a.keys {
		k := &a.keys[i]
		if k.child == object {
			k.child = renamed
		}
		if k.parent == object {
			k.parent = renamed
		}
	}
	for _, t := range a.triggers {
		if t.table == lower(e.Name) {
			a.triggers = append(a.triggers, trigger{lower(e.NewName), t.event})
		}
	}
}

// onlyReads reports whether a PRAGMA changes nothing that anyone could miss.
func onlyReads(e Effect) bool {
	switch e.Name {
	case "table_info", "table_xinfo", "table_list", "index_info", "index_xinfo", "index_list",
		"foreign_key_list", "foreign_key_check", "integrity_check", "quick_check", "optimize":
		return true // their argument is a name or a limit
	}
	return !e.HasValue
}

// Changes reports whether the statement is an INSERT, an UPDATE or a DELETE.
func (s Statement) Changes() bool { return s.Kind == Insert || s.Kind == Update || s.Kind == Delete }

// ChangesRows reports whether the statement can leave a row behind that breaks
// a foreign key. When unsure it says yes.
func (s Statement) ChangesRows() bool {
	switch s.Kind {
	case Select, CreateIndex, CreateView, CreateTrigger, CreateVirtualTable,
		Analyze, Reindex, Explain, Savepoint, Release:
		return false
	case CreateTable:
		return s.Effect().AsSelect
	case AlterTable:
		e := s.Effect()
		return e.Action != AddColumn || e.References
	case Pragma:
		e := s.Effect()
		return !onlyReads(e) && e.Name != "user_version" && e.Name != "application_id"
	}
	return true
}

// Pace tells which statements of a script take as long on a large database as
// on a small one, so that nothing is won by being able to interrupt them. Its
// zero value is ready for the first statement of a script.
type Pace struct {
	created namespace // tables without triggers, all of whose rows the script has inserted itself
}

// Quick takes the next statement of the script. When unsure it says no.
func (p *Pace) Quick(s Statement) bool {
	switch s.Kind {
	case CreateView, DropView, DropTrigger, Savepoint, Release:
		return true
	case CreateTrigger: // what a change of the table's rows sets off may take long
		e := s.Effect()
		delete(p.created, key(false, e.Schema, e.Table))
		if e.Temp { // the table may be in any schema
			p.created = nil
		}
		return true
	case CreateTable:
		e := s.Effect()
		if p.created == nil {
			p.created = namespace{}
		}
		if !e.AsSelect && !e.IfNotExists {
			p.created[key(false, e.Schema, e.Name)] = true
		}
		return !e.AsSelect
	case CreateIndex:
		e := s.Effect()
		return p.created[key(false, e.Schema, e.Table)]
	case Insert:
		// The table of another script may have a trigger that takes long.
		if e := s.Effect(); p.created[key(false, e.Schema, e.Table)] && insertsValues(s.Text) {
			return true
		}
		p.created = nil
	case AlterTable:
		e := s.Effect()
		if e.Action == RenameTable {
			p.created = nil
		}
		// SQLite reads every row for some columns, and for any in a STRICT table.
		return e.Action == AddColumn && p.created[key(false, e.Schema, e.Table)]
	default:
		p.created = nil
	}
	return false
}

// insertsValues reports whether an INSERT lists its rows, and none of them is
// asked for by a query.
func insertsValues(text string) bool {
	return !mentions(text, "SELECT") && !mentions(text, "WITH")
}

// Mentions reports whether the keyword is one of the statement's tokens.
func (s Statement) Mentions(keyword string) bool { return mentions(s.Text, keyword) }

// mentions reports whether the keyword is one of the statement's tokens.
func mentions(text, keyword string) bool {
	l := &lexer{src: text}
	for t := l.next(); t != ""; t = l.next() {
		if t.is(keyword) {
			return true
		}
	}
	return false
}

// InTransaction returns "" for a statement that does inside a transaction what
// it says, and otherwise a short sentence: why not, and what to do instead. What
// it knows of PRAGMAs was measured (TestInTransactionAgainstSQLite).
func (s Statement) InTransaction() string {
	switch s.Kind {
	case Begin, Commit, Rollback:
		return fmt.Sprintf("%s does not belong in a migration; delete it: the driver begins and ends transactions itself", s.Kind)
	case Vacuum:
		return "SQLite refuses VACUUM inside a transaction; delete it, or put it into a migration of its own " + ofItsOwn
	case Detach:
		return "SQLite cannot detach a database that is in use by the transaction; delete it: the connection is closed after the upgrade"
	case Pragma:
		return pragmaInTransaction(s.Effect())
	}
	return ""
}

const ofItsOwn = "that says -- migratingsqlite: no-transaction"

func pragmaInTransaction(e Effect) string {
	const (
		dsn     = "delete it and set it in the DSN, or put it into a migration of its own " + ofItsOwn
		atBirth = "delete it: it has to be set before the file has its first table, with _pragma in the DSN, or before a VACUUM in a migration " + ofItsOwn
	)
	does, cure := "", ""
	switch e.Name {
	case "wal_checkpoint": // acts without a value too
		return "SQLite refuses PRAGMA wal_checkpoint inside a transaction; delete it: checkpoints come by themselves, or put it into a migration of its own " + ofItsOwn
	case "foreign_keys":
		does = "ignores"
		cure = "delete it: an upgrade turns enforcement off itself and checks every foreign key before it commits"
	case "journal_mode":
		does, cure = "ignores", dsn
	case "synchronous":
		does, cure = "refuses", dsn
	case "temp_store", "temp_store_directory": // as soon as a temporary table exists
		does, cure = "refuses", dsn
	case "query_only":
		if e.HasValue {
			return "after PRAGMA query_only SQLite refuses what the upgrade has still to write; delete it"
		}
	case "page_size", "auto_vacuum", "encoding": // possible only before the file has its first page
		does, cure = "ignores", atBirth
	}
	if does == "" || !e.HasValue {
		return ""
	}
	return fmt.Sprintf("SQLite %s PRAGMA %s=… inside a transaction; %s", does, e.Name, cure)
}
