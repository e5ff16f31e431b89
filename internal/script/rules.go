package script

import (
	"fmt"
	"strings"
)

// Compatible reports whether code that does not know these statements can go
// on working after them: they add to the schema, and touch only what they added
// themselves. When unsure it says no.
func Compatible(stmts []Statement) bool {
	n := namespace{}
	for _, s := range stmts {
		if !n.compatible(s) {
			return false
		}
	}
	return true
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

func (n namespace) compatible(s Statement) bool {
	switch s.Kind {
	case Select, Analyze, Reindex, Explain, Savepoint, Release:
		return true
	case Pragma:
		return onlyReads(s.Effect())
	}
	e := s.Effect()
	trigger := s.Kind == CreateTrigger || s.Kind == DropTrigger
	object := n.resolve(trigger, e.Schema, e.Name)
	table := n.resolve(false, e.Schema, e.Table)
	switch s.Kind {
	case CreateTable, CreateVirtualTable, CreateView:
		if !e.IfNotExists { // else it may have been there, with other code's rows
			n[object] = true
		}
		return true
	case CreateIndex:
		n[object] = true
		// A unique index is a new constraint for code that fills an old table.
		return !e.Unique || e.Temp || n[table]
	case CreateTrigger:
		n[object] = true
		return e.Temp || n[table]
	case Insert, Update, Delete:
		return e.Temp || n[table]
	case AlterTable:
		known := e.Temp || n[object]
		if known && e.Action == RenameTable {
			delete(n, object)
			schema, _, _ := strings.Cut(object, ".")
			n[key(false, schema, e.NewName)] = true
		}
		return known || e.Action == AddColumn && (!e.NotNull || e.HasDefault || e.Generated)
	case DropTable, DropView, DropIndex, DropTrigger:
		known := e.Temp || n[object]
		delete(n, object)
		return known
	}
	return false
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
		return e.Action == AddColumn && !e.NotNull && !e.Generated && !mentions(s.Text, "CHECK")
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
		return fmt.Sprintf("%s does not belong in a migration; delete it: every upgrade is one transaction already", s.Kind)
	case Vacuum:
		return "SQLite refuses VACUUM inside a transaction; delete it, and let the program run it when it has nothing else to do"
	case Detach:
		return "SQLite cannot detach a database that is in use by the transaction; delete it: the connection is closed after the upgrade"
	case Pragma:
		return pragmaInTransaction(s.Effect())
	}
	return ""
}

func pragmaInTransaction(e Effect) string {
	const (
		dsn     = "delete it, and set it in the DSN"
		atBirth = "delete it: it has to be set before the file has its first table, with _pragma in the DSN"
	)
	does, cure := "", ""
	switch e.Name {
	case "wal_checkpoint": // acts without a value too
		return "SQLite refuses PRAGMA wal_checkpoint inside a transaction; delete it: checkpoints come by themselves"
	case "foreign_keys":
		does = "ignores"
		cure = "delete it: an upgrade turns enforcement off itself and checks every foreign key before it commits"
	case "journal_mode":
		does, cure = "ignores", dsn
	case "synchronous":
		does, cure = "refuses", dsn
	case "temp_store", "temp_store_directory": // as soon as a temporary table exists
		does, cure = "refuses", dsn
	case "page_size", "auto_vacuum", "encoding": // possible only before the file has its first page
		does, cure = "ignores", atBirth
	}
	if does == "" || !e.HasValue {
		return ""
	}
	return fmt.Sprintf("SQLite %s PRAGMA %s=… inside a transaction; %s", does, e.Name, cure)
}
