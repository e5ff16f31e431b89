package lint

import (
	"slices"

	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// A statement is one of a script, with what is known of it.
type statement struct {
	script.Statement
	migration *Migration
	script    *Script
	effect    script.Effect
	toks      []script.Token
	guarded   bool     // by unless
	quiet     []string // codes that are not wanted
}

func (st *statement) silent(code string) bool {
	return slices.Contains(st.quiet, code) || slices.Contains(st.script.quiet, code)
}

// end is the place behind the statement.
func (st *statement) end() (line, column int) { return st.Position(len(st.Text)) }

// is reports whether the i-th token is the keyword or the sign. It may be asked
// for any i.
func (st *statement) is(i int, keyword string) bool {
	return i >= 0 && i < len(st.toks) && st.toks[i].Is(keyword)
}

// find returns the index of the keyword at or behind the i-th token, outside of
// parentheses; -1 if it is not there.
func (st *statement) find(i int, keyword string) int {
	for ; i < len(st.toks); i++ {
		switch t := st.toks[i]; {
		case t.Is(keyword):
			return i
		case t.Text == "(":
			i = st.closing(i)
		case t.Text == ")":
			return -1
		}
	}
	return -1
}

// closing returns the index of the parenthesis that closes the i-th token, or of
// the last token.
func (st *statement) closing(i int) int {
	depth := 0
	for ; i < len(st.toks)-1; i++ {
		switch st.toks[i].Text {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return i
}

// has reports whether the keyword is anywhere in the statement.
func (st *statement) has(keyword string) bool { return st.Mentions(keyword) }

// mentions reports whether the name is anywhere in the statement.
func (st *statement) mentions(name string) bool {
	name = script.Fold(name)
	return slices.ContainsFunc(st.toks, func(t script.Token) bool { return t.IsName() && t.Name() == name })
}

// items cuts tokens at the commas outside of parentheses, from the i-th token to
// before the end-th.
func (st *statement) items(i, end int) (list [][]script.Token) {
	end = min(end, len(st.toks))
	start := min(i, end)
	for ; i < end; i++ {
		switch st.toks[i].Text {
		case "(":
			i = st.closing(i)
		case ",":
			list = append(list, st.toks[start:i])
			start = i + 1
		}
	}
	return append(list, st.toks[start:end])
}

// A definition is that of a column in a CREATE TABLE or an ADD COLUMN.
type definition struct {
	name script.Token
	typ  []script.Token
	rest []script.Token // constraints
}

// at returns the first of the rest's tokens that is the keyword.
func (d definition) at(keyword string) (t script.Token, ok bool) {
	i := slices.IndexFunc(d.rest, func(t script.Token) bool { return t.Is(keyword) })
	if i < 0 {
		return t, false
	}
	return d.rest[i], true
}

// body returns the tokens inside the parentheses of a CREATE TABLE: the indexes
// of the first, and of the one behind the last.
func (st *statement) body() (from, to int, ok bool) {
	if st.Kind != script.CreateTable || st.effect.AsSelect {
		return 0, 0, false
	}
	open := slices.IndexFunc(st.toks, func(t script.Token) bool { return t.Text == "(" })
	if open < 0 {
		return 0, 0, false
	}
	return open + 1, st.closing(open), true
}

// columns returns the definitions of columns, and what a CREATE TABLE says of the
// table as a whole.
func (st *statement) columns() (list []definition, constraints [][]script.Token) {
	var items [][]script.Token
	if from, to, ok := st.body(); ok {
		items = st.items(from, to)
	} else if st.Kind == script.AlterTable && st.effect.Action == script.AddColumn {
		i := st.find(0, "ADD") + 1
		if st.is(i, "COLUMN") {
			i++
		}
		end := len(st.toks)
		if st.is(end-1, ";") {
			end--
		}
		items = [][]script.Token{st.toks[min(i, end):end]}
	}
	for _, item := range items {
		if len(item) == 0 {
			continue
		}
		if isAny(item[0], "CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN") {
			constraints = append(constraints, item)
			continue
		}
		d := definition{name: item[0]}
		i := 1
		for i < len(item) && !isAny(item[i], "CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS") {
			i++
		}
		d.typ, d.rest = item[1:i], item[i:]
		list = append(list, d)
	}
	return list, constraints
}

func isAny(t script.Token, keywords ...string) bool { return slices.ContainsFunc(keywords, t.Is) }

// tail reports whether the words stand behind the parentheses of a CREATE TABLE.
func (st *statement) tail(keyword string) bool {
	_, to, ok := st.body()
	return ok && slices.ContainsFunc(st.toks[to:], func(t script.Token) bool { return t.Is(keyword) })
}

// A copying is an INSERT … SELECT from one table, as far as it can be followed.
type copying struct {
	into     []script.Token   // the columns; nil where they are not named
	items    [][]script.Token // what is selected
	star     bool             // SELECT *
	from     string           // the first table, in lower case
	rest     []script.Token   // behind FROM
	distinct bool
	ignoring bool // INSERT OR IGNORE
}

// copying reads the statement; nil for any other INSERT.
func (st *statement) copying() *copying {
	if st.Kind != script.Insert || st.is(0, "WITH") {
		return nil
	}
	cp := &copying{}
	i := st.find(0, "INTO")
	if i < 0 {
		return nil
	}
	cp.ignoring = st.is(1, "OR") && st.is(2, "IGNORE")
	i += 2 // the name
	if st.is(i, ".") {
		i += 2
	}
	if st.is(i, "AS") {
		i += 2
	}
	if st.is(i, "(") {
		end := st.closing(i)
		for _, t := range st.toks[i+1 : end] {
			if t.IsName() {
				cp.into = append(cp.into, t)
			}
		}
		i = end + 1
	}
	if !st.is(i, "SELECT") {
		return nil
	}
	if i++; st.is(i, "DISTINCT") {
		cp.distinct = true
		i++
	} else if st.is(i, "ALL") {
		i++
	}
	from := st.find(i, "FROM")
	if from < 0 || from+1 >= len(st.toks) || !st.toks[from+1].IsName() || st.find(i, "UNION") >= 0 {
		return nil
	}
	cp.items = st.items(i, from)
	cp.star = len(cp.items) == 1 && len(cp.items[0]) == 1 && cp.items[0][0].Text == "*"
	name := from + 1
	if st.is(name+1, ".") {
		name += 2
	}
	cp.from, cp.rest = st.toks[name].Name(), st.toks[name+1:]
	return cp
}

// plain returns the column that an item of a SELECT is; "" for anything else.
func plain(item []script.Token) string {
	for i, t := range item {
		if t.Is("AS") {
			item = item[:i]
			break
		}
	}
	if len(item) == 3 && item[1].Text == "." {
		item = item[2:]
	}
	if len(item) != 1 || !item[0].IsName() || item[0].Text[0] == '\'' {
		return ""
	}
	return item[0].Name()
}
