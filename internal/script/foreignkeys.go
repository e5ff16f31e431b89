package script

import "strings"

// A foreignKey ties the rows of a table to those of its parent.
type foreignKey struct {
	child, parent string // keys of a namespace
	columns       []string
	// onDelete is what the delete of a parent does to its children: Delete, Update
	// (to NULL, if the columns take it), or Unknown, where it may fail.
	onDelete Kind
}

// foreignKeys reads what a CREATE TABLE or an ALTER TABLE … ADD declares for the
// table whose key is child.
func (s Statement) foreignKeys(child string) (list []foreignKey) {
	l := &lexer{src: s.Text}
	if s.Kind == CreateTable {
		for t := l.next(); t != "" && t != "("; t = l.next() {
		}
	} else {
		l.next() // ALTER
		l.accept("TABLE")
		l.qualified()
		l.accept("ADD")
		l.accept("COLUMN")
	}
	schema, _, _ := strings.Cut(child, ".")
	firm := map[string]bool{} // columns for which NULL may be refused
	columns := l.columnName()
	for t := l.next(); t != "" && t != ")"; t = l.next() {
		var refusing []string
		switch {
		case t == ",":
			columns = l.columnName()
		case t == "(": // of a type, or behind UNIQUE
			l.skipParens()
		case t.is("CONSTRAINT"), t.is("COLLATE"):
			l.next()
		case t.is("DEFAULT"):
			l.defaultValue()
		case t.is("NOT"):
			if l.accept("NULL") {
				refusing = columns
			}
		case t.is("PRIMARY"):
			l.accept("KEY")
			if l.peek() == "(" {
				columns = l.names()
			}
			refusing = columns
		case t.is("CHECK"), t.is("AS"):
			refusing = l.names()
		case t.is("FOREIGN"):
			l.accept("KEY")
			columns = l.names()
		case t.is("REFERENCES"):
			parent := key(false, schema, l.next().name())
			list = append(list, foreignKey{child, parent, columns, l.onDelete()})
		}
		for _, c := range refusing {
			firm[c] = true
		}
	}
	for i := range list {
		for _, c := range list[i].columns {
			if firm[c] && list[i].onDelete == Update {
				list[i].onDelete = Unknown
			}
		}
	}
	return list
}

// columnName reads the name at the start of a column's definition. There is
// none where a constraint of the table begins.
func (l *lexer) columnName() []string {
	switch t := l.peek(); {
	case t.is("CONSTRAINT"), t.is("PRIMARY"), t.is("UNIQUE"), t.is("CHECK"), t.is("FOREIGN"):
		return nil
	}
	return []string{lower(l.next().name())}
}

// names reads what is in the parentheses that follow, and returns everything
// that may be a name.
func (l *lexer) names() (names []string) {
	if l.peek() != "(" {
		return nil
	}
	inside := *l
	l.next()
	l.skipParens()
	for inside.pos < l.pos {
		if t := inside.next(); t.isName() {
			names = append(names, lower(t.name()))
		}
	}
	return names
}

// onDelete reads on behind REFERENCES parent. SET DEFAULT counts as an action
// that may fail: the default needs a parent too.
func (l *lexer) onDelete() (does Kind) {
	if l.peek() == "(" {
		l.next()
		l.skipParens()
	}
	for {
		switch {
		case l.accept("MATCH"):
			l.next()
		case l.accept("ON"):
			deleted := l.next().is("DELETE")
			action := Unknown
			switch t := l.next(); {
			case t.is("CASCADE"):
				action = Delete
			case t.is("SET"):
				if l.next().is("NULL") {
					action = Update
				}
			case t.is("NO"):
				l.next() // ACTION
			}
			if deleted {
				does = action
			}
		default:
			return does
		}
	}
}
