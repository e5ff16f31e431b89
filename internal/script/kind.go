package script

// Kind is what a statement is, read off its first words. A statement that
// begins with WITH is the kind of its main verb.
type Kind uint8

const (
	Unknown Kind = iota // no statement of SQLite begins like this
	Select              // SELECT, VALUES
	Insert              // INSERT, REPLACE
	Update
	Delete
	CreateTable
	CreateVirtualTable
	CreateIndex
	CreateView
	CreateTrigger
	AlterTable
	DropTable
	DropIndex
	DropView
	DropTrigger
	Begin
	Commit     // COMMIT, END
	Rollback   // of the whole transaction
	RollbackTo // ROLLBACK TO savepoint
	Savepoint
	Release
	Pragma
	Vacuum
	Attach
	Detach
	Analyze
	Reindex
	Explain // whatever is explained
)

var kindNames = [...]string{
	Unknown: "unknown", Select: "SELECT", Insert: "INSERT", Update: "UPDATE", Delete: "DELETE",
	CreateTable: "CREATE TABLE", CreateVirtualTable: "CREATE VIRTUAL TABLE", CreateIndex: "CREATE INDEX",
	CreateView: "CREATE VIEW", CreateTrigger: "CREATE TRIGGER", AlterTable: "ALTER TABLE",
	DropTable: "DROP TABLE", DropIndex: "DROP INDEX", DropView: "DROP VIEW", DropTrigger: "DROP TRIGGER",
	Begin: "BEGIN", Commit: "COMMIT", Rollback: "ROLLBACK", RollbackTo: "ROLLBACK TO",
	Savepoint: "SAVEPOINT", Release: "RELEASE", Pragma: "PRAGMA", Vacuum: "VACUUM", Attach: "ATTACH",
	Detach: "DETACH", Analyze: "ANALYZE", Reindex: "REINDEX", Explain: "EXPLAIN",
}

// String returns the statement's verb as SQL writes it, or "unknown".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Unknown]
}

// classify reads the first words of the statement at src[i:]. trigger is set
// for a CREATE TRIGGER, explained or not, since only there a semicolon need not
// be the end. with is set where the kind depends on what follows the common
// table expressions, which mainVerb finds.
func classify(src string, i int) (k Kind, trigger, with bool) {
	w, i := nextWord(src, i)
	if w == "" {
		return Unknown, false, false
	}
	switch w[0] | 0x20 {
	case 'a':
		switch {
		case is(w, "ALTER"):
			return AlterTable, false, false
		case is(w, "ANALYZE"):
			return Analyze, false, false
		case is(w, "ATTACH"):
			return Attach, false, false
		}
	case 'b':
		if is(w, "BEGIN") {
			return Begin, false, false
		}
	case 'c':
		switch {
		case is(w, "CREATE"):
			k = created(src, i)
			return k, k == CreateTrigger, false
		case is(w, "COMMIT"):
			return Commit, false, false
		}
	case 'd':
		switch {
		case is(w, "DROP"):
			return dropped(src, i), false, false
		case is(w, "DELETE"):
			return Delete, false, false
		case is(w, "DETACH"):
			return Detach, false, false
		}
	case 'e':
		switch {
		case is(w, "END"):
			return Commit, false, false
		case is(w, "EXPLAIN"):
			w, j := nextWord(src, i)
			if is(w, "QUERY") { // QUERY PLAN
				_, i = nextWord(src, j)
				w, j = nextWord(src, i)
			}
			return Explain, is(w, "CREATE") && created(src, j) == CreateTrigger, false
		}
	case 'i':
		if is(w, "INSERT") {
			return Insert, false, false
		}
	case 'p':
		if is(w, "PRAGMA") {
			return Pragma, false, false
		}
	case 'r':
		switch {
		case is(w, "REPLACE"):
			return Insert, false, false
		case is(w, "RELEASE"):
			return Release, false, false
		case is(w, "REINDEX"):
			return Reindex, false, false
		case is(w, "ROLLBACK"):
			l := lexer{src, i}
			t := l.next()
			if t.is("TRANSACTION") {
				if t = l.next(); t.isName() && !t.is("TO") {
					t = l.next()
				}
			}
			if t.is("TO") {
				return RollbackTo, false, false
			}
			return Rollback, false, false
		}
	case 's':
		switch {
		case is(w, "SELECT"):
			return Select, false, false
		case is(w, "SAVEPOINT"):
			return Savepoint, false, false
		}
	case 'u':
		if is(w, "UPDATE") {
			return Update, false, false
		}
	case 'v':
		switch {
		case is(w, "VALUES"):
			return Select, false, false
		case is(w, "VACUUM"):
			return Vacuum, false, false
		}
	case 'w':
		if is(w, "WITH") {
			return Unknown, false, true
		}
	}
	return Unknown, false, false
}

// created returns the kind of a statement whose CREATE ends before src[i].
func created(src string, i int) Kind {
	w, i := nextWord(src, i)
	switch {
	case is(w, "TABLE"):
		return CreateTable
	case is(w, "INDEX"):
		return CreateIndex
	case is(w, "UNIQUE"):
		if w, _ = nextWord(src, i); is(w, "INDEX") {
			return CreateIndex
		}
		return Unknown
	case is(w, "VIRTUAL"):
		if w, _ = nextWord(src, i); is(w, "TABLE") {
			return CreateVirtualTable
		}
		return Unknown
	case is(w, "TEMP"), is(w, "TEMPORARY"):
		if w, _ = nextWord(src, i); is(w, "TABLE") {
			return CreateTable
		}
	}
	switch {
	case is(w, "VIEW"):
		return CreateView
	case is(w, "TRIGGER"):
		return CreateTrigger
	}
	return Unknown
}

// dropped returns the kind of a statement whose DROP ends before src[i].
func dropped(src string, i int) Kind {
	w, _ := nextWord(src, i)
	switch {
	case is(w, "TABLE"):
		return DropTable
	case is(w, "INDEX"):
		return DropIndex
	case is(w, "VIEW"):
		return DropView
	case is(w, "TRIGGER"):
		return DropTrigger
	}
	return Unknown
}

// mainVerb returns the kind of a statement that begins with WITH.
func mainVerb(text string) Kind {
	l := lexer{src: text}
	l.next() // WITH
	switch t := l.skipWith(); {
	case t.is("SELECT"), t.is("VALUES"):
		return Select
	case t.is("INSERT"), t.is("REPLACE"):
		return Insert
	case t.is("UPDATE"):
		return Update
	case t.is("DELETE"):
		return Delete
	}
	return Unknown
}
