package script

// Effect says what a statement does to the schema, or which table's rows it is
// about. It is the zero Effect where there is nothing to say.
type Effect struct {
	Schema string // as written before the dot, unquoted; "temp" for CREATE TEMP; otherwise ""
	Name   string // what is created or dropped, the table altered, the PRAGMA, the savepoint; unquoted
	Table  string // the table or view an index, a trigger, an ALTER, a table's creation or drop, or a change of rows is about; unquoted

	Action  Action // of ALTER TABLE
	Column  string // the column added, dropped or renamed (its old name); unquoted
	NewName string // of a rename; unquoted

	Value    string // of a PRAGMA: its argument, unquoted
	HasValue bool   // the PRAGMA has an argument

	Event Kind // of a trigger: Insert, Update or Delete

	Unique      bool // CREATE UNIQUE INDEX
	Plain       bool // the index holds columns in an order that SQLite knows: no expression, no WHERE
	Temp        bool // the object lives in the connection only
	IfNotExists bool
	IfExists    bool
	AsSelect    bool // CREATE TABLE … AS SELECT

	// The constraints of an added column.
	NotNull    bool
	HasDefault bool // other than NULL
	Check      bool
	Generated  bool
	References bool
}

// Action is what an ALTER TABLE does.
type Action uint8

const (
	NoAction Action = iota
	AddColumn
	DropColumn
	RenameColumn
	RenameTable
	OtherAction // adds or drops a constraint
)

// Effect parses the statement as far as the schema is concerned. It does not
// check the rest.
func (s Statement) Effect() Effect {
	var e Effect
	l := &lexer{src: s.Text}
	verb := l.next()
	switch s.Kind {
	case CreateTable, CreateVirtualTable, CreateView, CreateIndex, CreateTrigger:
		e.create(l, s.Kind)
	case DropTable, DropView, DropIndex, DropTrigger:
		l.next() // TABLE, VIEW, …
		e.IfExists = l.accept("IF")
		if e.IfExists {
			l.accept("EXISTS")
		}
		e.Schema, e.Name = l.qualified()
		if s.Kind == DropTable || s.Kind == DropView {
			e.Table = e.Name
		}
	case AlterTable:
		l.accept("TABLE")
		e.Schema, e.Name = l.qualified()
		e.Table = e.Name
		e.alter(l)
	case Insert, Update, Delete:
		if verb.is("WITH") {
			verb = l.skipWith()
		}
		if l.accept("OR") { // REPLACE, IGNORE, …
			l.next()
		}
		if !verb.is("UPDATE") {
			l.next() // INTO, FROM
		}
		e.Schema, e.Table = l.qualified()
	case Pragma:
		e.Schema, e.Name = l.qualified()
		e.Name = lower(e.Name)
		if t := l.next(); t == "=" || t == "(" {
			e.HasValue = true
			v := l.next()
			for v == "-" || v == "+" {
				v += l.next()
			}
			e.Value = v.name()
		}
	case Savepoint:
		e.Name = l.next().name()
	case Release:
		l.accept("SAVEPOINT")
		e.Name = l.next().name()
	case RollbackTo:
		for t := l.next(); t != "" && !t.is("TO"); t = l.next() {
		}
		l.accept("SAVEPOINT")
		e.Name = l.next().name()
	}
	e.Temp = e.Temp || is(e.Schema, "TEMP")
	return e
}

// create reads on behind CREATE.
func (e *Effect) create(l *lexer, k Kind) {
	e.Temp = l.accept("TEMP") || l.accept("TEMPORARY")
	e.Unique = l.accept("UNIQUE")
	l.accept("VIRTUAL")
	l.next() // TABLE, VIEW, …
	if l.accept("IF") {
		e.IfNotExists = l.accept("NOT") && l.accept("EXISTS")
	}
	e.Schema, e.Name = l.qualified()
	if e.Temp {
		e.Schema = "temp"
	}
	switch k {
	case CreateTable:
		e.Table = e.Name
		e.AsSelect = l.accept("AS")
	case CreateVirtualTable, CreateView:
		e.Table = e.Name
	default:
		for t := l.next(); t != "" && !t.is("ON"); t = l.next() {
			switch {
			case t.is("INSERT"):
				e.Event = Insert
			case t.is("UPDATE"):
				e.Event = Update
			case t.is("DELETE"):
				e.Event = Delete
			}
		}
		_, e.Table = l.qualified()
		e.Plain = k == CreateIndex && l.plainColumns()
	}
}

// plainColumns reads the rest of a CREATE INDEX behind its table, and reports
// whether it is a list of columns.
func (l *lexer) plainColumns() bool {
	if l.next() != "(" {
		return false
	}
	for {
		if !l.next().isName() {
			return false
		}
		if l.accept("COLLATE") {
			switch lower(l.next().name()) {
			case "binary", "nocase", "rtrim":
			default: // older code may not have it
				return false
			}
		}
		if !l.accept("ASC") {
			l.accept("DESC")
		}
		switch l.next() {
		case ",":
		case ")":
			t := l.next()
			return t == "" || t == ";"
		default:
			return false
		}
	}
}

// alter reads on behind ALTER TABLE name.
func (e *Effect) alter(l *lexer) {
	e.Action = OtherAction
	switch verb := l.next(); {
	case verb.is("RENAME"):
		if l.accept("TO") {
			e.Action, e.NewName = RenameTable, l.next().name()
			return
		}
		l.accept("COLUMN")
		e.Action, e.Column = RenameColumn, l.next().name()
		l.accept("TO")
		e.NewName = l.next().name()
	case verb.is("DROP"):
		if l.peek().is("CONSTRAINT") {
			return
		}
		l.accept("COLUMN")
		e.Action, e.Column = DropColumn, l.next().name()
	case verb.is("ADD"):
		if t := l.peek(); t.is("CONSTRAINT") || t.is("CHECK") {
			return
		}
		l.accept("COLUMN")
		e.Action, e.Column = AddColumn, l.next().name()
		e.column(l)
	}
}

// column reads the definition of a column behind its name. What stands in
// parentheses belongs to a type, an expression or another table.
func (e *Effect) column(l *lexer) {
	for t := l.next(); t != "" && t != ";"; t = l.next() {
		switch {
		case t == "(":
			l.skipParens()
		case t.is("CONSTRAINT"), t.is("COLLATE"):
			l.next() // a name, whatever it looks like
		case t.is("NOT"):
			e.NotNull = l.accept("NULL") || e.NotNull
		case t.is("DEFAULT"):
			e.HasDefault = l.defaultValue()
		case t.is("REFERENCES"):
			e.References = true
			l.next()
		case t.is("SET"): // ON DELETE SET DEFAULT
			l.next()
		case t.is("CHECK"):
			e.Check = true
		case t.is("AS"): // GENERATED ALWAYS may be left out
			e.Generated = true
		}
	}
}

// defaultValue reads the value behind DEFAULT and reports whether it is
// something other than NULL.
func (l *lexer) defaultValue() bool {
	t := l.next()
	if t == "(" {
		inner := *l
		for t = inner.next(); t == "("; t = inner.next() {
		}
		null := t.is("NULL") && inner.next() == ")"
		l.skipParens()
		return !null
	}
	for t == "-" || t == "+" {
		t = l.next()
	}
	return !t.is("NULL")
}

// qualified reads [schema.]name.
func (l *lexer) qualified() (schema, name string) {
	name = l.next().name()
	if l.peek() == "." {
		l.next()
		schema, name = name, l.next().name()
	}
	return schema, name
}

// lower folds ASCII letters, which is all that SQLite folds in names.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}
