package schema

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A model is a table that statements have built, and from which the final
// statement can be written.
type model struct {
	name        string
	columns     []modelColumn
	constraints []func(name func(int) string) string // name tells that of a column, by its id
	options     string
	indexes     []func(name func(int) string) string
	view        func(name func(int) string) string
	trigger     func(name func(int) string) string
}

type modelColumn struct {
	id   int
	name string
	def  func(name func(int) string) string
	used bool // it cannot be dropped
}

var modelNames = []string{"a", "B", "key", "order", "Total", "two words", "it's", `say "x"`, "größe", "left", "values", "x1", "c]d", "group", "_id", "ROW", "abort", "`"}

func sqlName(r *rand.Rand, name string) string {
	if n := quoteName(name); n == name && keywords()[fold(name)] < firm && r.IntN(3) > 0 {
		return n
	}
	switch r.IntN(3) {
	case 0:
		if !strings.Contains(name, "]") {
			return "[" + name + "]"
		}
	case 1:
		return "`" + strings.ReplaceAll(name, "`", "``") + "`"
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func (m *model) nameOf(r *rand.Rand) func(int) string {
	return func(id int) string {
		for _, c := range m.columns {
			if c.id == id {
				return sqlName(r, c.name)
			}
		}
		panic("no such column")
	}
}

func (m *model) freeName(r *rand.Rand) string {
	for {
		n := modelNames[r.IntN(len(modelNames))]
		if r.IntN(2) == 0 {
			n += strconv.Itoa(r.IntN(9))
		}
		if !slices.ContainsFunc(m.columns, func(c modelColumn) bool { return sameName(c.name, n) }) {
			return n
		}
	}
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// newColumn invents a column. If added, ALTER TABLE must take it.
func (m *model) newColumn(r *rand.Rand, id int, added bool) modelColumn {
	c := modelColumn{id: id, name: m.freeName(r)}
	def := pick(r, "", "TEXT", "integer", "VARCHAR(20)", "DECIMAL(10, 2)", "REAL")
	var check, generated bool
	if r.IntN(8) == 0 {
		generated = true
		other := -1
		if len(m.columns) > 0 {
			other = m.columns[r.IntN(len(m.columns))].id
			for i := range m.columns {
				if m.columns[i].id == other {
					m.columns[i].used = true
				}
			}
		}
		kind := pick(r, "", " VIRTUAL", " STORED")
		if added && kind == " STORED" {
			kind = ""
		}
		c.def = func(name func(int) string) string {
			e := "1"
			if other >= 0 {
				e = "coalesce(" + name(other) + ", 'X') || 1"
			}
			return def + " GENERATED ALWAYS AS (" + e + ")" + kind
		}
		return c
	}
	if r.IntN(3) == 0 {
		def += " NOT NULL DEFAULT " + pick(r, "1", "(1 + 2)", "'x'", "-1.5e3", "X'ab'", "TRUE")
	} else if r.IntN(3) == 0 {
		def += " DEFAULT " + pick(r, "NULL", "0", "'It''s'")
		if !added {
			def += " DEFAULT " + pick(r, "CURRENT_TIMESTAMP", "(lower('X'))")
		}
	}
	if r.IntN(4) == 0 {
		def += " COLLATE " + pick(r, "NOCASE", "rtrim", "BINARY")
	}
	if r.IntN(5) == 0 && !strings.Contains(def, "DEFAULT") {
		def += " REFERENCES " + pick(r, "parent", "parent (id)", "\"parent\"(x)") + pick(r, "", " ON DELETE CASCADE", " ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED")
	}
	if !added && r.IntN(6) == 0 {
		def += " UNIQUE" + pick(r, "", " ON CONFLICT IGNORE")
		c.used = true
	}
	check = r.IntN(5) == 0
	c.def = func(name func(int) string) string {
		if check && !generated {
			return def + " CHECK (" + name(id) + " <> 'Bad' /* value */)"
		}
		return def
	}
	return c
}

func (m *model) create(r *rand.Rand) string {
	name := m.nameOf(r)
	var parts []string
	for _, c := range m.columns {
		parts = append(parts, sqlName(r, c.name)+" "+c.def(name))
	}
	for _, c := range m.constraints {
		parts = append(parts, c(name))
	}
	return "CREATE TABLE " + sqlName(r, m.name) + " (" + strings.Join(parts, ", ") + ")" + m.options + ";\n"
}

// rest writes what is on the table.
func (m *model) rest(r *rand.Rand) (b string) {
	name := m.nameOf(r)
	for _, f := range m.indexes {
		b += f(name) + ";\n"
	}
	if m.view != nil {
		b += m.view(name) + ";\n"
	}
	if m.trigger != nil {
		b += m.trigger(name) + ";\n"
	}
	return b
}

// randomHistory returns statements that build a database step by step, and
// others that build it at once.
func randomHistory(r *rand.Rand) (history, final string) {
	const parent = "CREATE TABLE parent (id INTEGER PRIMARY KEY, x UNIQUE);\n"
	history, final = parent, parent
	for t := range 1 + r.IntN(3) {
		m := &model{name: pick(r, "items", "Order Lines", "select", "x\"y") + strconv.Itoa(t)}
		ids := 0
		for range 2 + r.IntN(4) {
			m.columns = append(m.columns, m.newColumn(r, ids, false))
			ids++
		}
		use := func() int {
			i := r.IntN(len(m.columns))
			m.columns[i].used = true
			return m.columns[i].id
		}
		one, two := use(), use()
		switch r.IntN(4) {
		case 0:
			m.constraints = append(m.constraints, func(name func(int) string) string { return "CONSTRAINT c CHECK (" + name(one) + " <> 'Y')" })
		case 1:
			if one != two {
				m.constraints = append(m.constraints, func(name func(int) string) string { return "UNIQUE (" + name(one) + ", " + name(two) + " DESC)" })
			}
		}
		if r.IntN(2) == 0 {
			m.indexes = append(m.indexes, func(name func(int) string) string {
				return fmt.Sprintf("CREATE INDEX i%d ON %s (%s DESC, lower(%s)) WHERE %s > 'Z'", t, sqlName(r, m.name), name(one), name(two), name(one))
			})
		}
		if r.IntN(2) == 0 {
			m.view = func(name func(int) string) string {
				n := sqlName(r, m.name)
				return fmt.Sprintf("CREATE VIEW v%d AS SELECT %s AS one, %s.%s FROM %s -- all\n WHERE %s = 'Q'", t, name(one), n, name(two), n, name(two))
			}
		}
		if r.IntN(2) == 0 {
			m.trigger = func(name func(int) string) string {
				n := sqlName(r, m.name)
				return fmt.Sprintf("CREATE TRIGGER r%d AFTER UPDATE OF %s ON %s BEGIN SELECT CASE WHEN new.%s THEN 'A' END; DELETE FROM %s WHERE %s = old.%[4]s; END",
					t, name(one), n, name(one), n, name(two))
			}
		}
		history += m.create(r) + m.rest(r)
		for range r.IntN(6) {
			old := sqlName(r, m.name)
			switch r.IntN(4) {
			case 0:
				c := m.newColumn(r, ids, true)
				ids++
				m.columns = append(m.columns, c)
				history += "ALTER TABLE " + old + " ADD COLUMN " + sqlName(r, c.name) + " " + c.def(m.nameOf(r)) + ";\n"
			case 1:
				i := r.IntN(len(m.columns))
				if c := &m.columns[i]; true {
					was := sqlName(r, c.name)
					c.name = m.freeName(r)
					history += "ALTER TABLE " + old + " RENAME COLUMN " + was + " TO " + sqlName(r, c.name) + ";\n"
				}
			case 2:
				i := r.IntN(len(m.columns))
				if c := m.columns[i]; !c.used && len(m.columns) > 2 {
					m.columns = slices.Delete(m.columns, i, i+1)
					history += "ALTER TABLE " + old + " DROP COLUMN " + sqlName(r, c.name) + ";\n"
				}
			case 3:
				m.name = pick(r, "things", "Renamed", "to be", "to") + strconv.Itoa(t)
				history += "ALTER TABLE " + old + " RENAME TO " + sqlName(r, m.name) + ";\n"
			}
		}
		if r.IntN(2) == 0 {
			r.Shuffle(len(m.columns), func(i, j int) { m.columns[i], m.columns[j] = m.columns[j], m.columns[i] })
		}
		final += m.create(r) + m.rest(r)
	}
	return history, final
}

// dump returns the statements that SQLite keeps.
func dump(t testing.TB, db *sql.DB) (list []string) {
	t.Helper()
	rows, err := db.Query("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY rowid")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// respelled writes a statement in another way that means the same.
func respelled(r *rand.Rand, stmt string) string {
	var b strings.Builder
	blank := func() {
		b.WriteString(pick(r, " ", "\n", "\t ", " /* CHECK ( */ ", " -- ;)\n", "\r\n"))
	}
	toks := lex(stmt)
	for i, t := range toks {
		// Two words, and what would become another token, must not meet.
		if t.gap || r.IntN(4) == 0 && (i == 0 || !t.is("'")) {
			blank()
		}
		switch t.kind {
		case word:
			switch w := fold(t.text); {
			case keywords()[w] == noKeyword && !slices.Contains(unquotable, w) && r.IntN(2) == 0:
				b.WriteString(sqlName(r, t.text))
			default:
				b.WriteString(anyCase(r, t.text))
			}
		case quoted:
			name := t.name()
			if r.IntN(2) == 0 {
				name = anyCase(r, name)
			}
			b.WriteString(sqlName(r, name))
		default:
			b.WriteString(t.text)
		}
	}
	if strings.Contains(b.String(), "--") {
		b.WriteByte('\n')
	}
	return b.String() + ";"
}

// unquotable are words that quotes make something else of: from the type
// [DECIMAL](10, 2) SQLite takes only the first and the last letter.
var unquotable = []string{"stored", "strict", "rowid", "varchar", "decimal", "text", "integer", "real"}

func anyCase(r *rand.Rand, s string) string {
	b := []byte(s)
	for i, c := range b {
		if (c|0x20 >= 'a' && c|0x20 <= 'z') && r.IntN(2) == 0 {
			b[i] = c ^ 0x20
		}
	}
	return string(b)
}

// rounds is how often a random test tries.
func rounds(t *testing.T, n int) int {
	s := os.Getenv("MIGRATINGSQLITE_ROUNDS")
	if s == "" {
		return n
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// seed is that of a random test: always the same one, so that a change is judged
// by what it changes. With MIGRATINGSQLITE_ROUNDS it is another one each time, to
// find what nobody has seen yet.
func seed() uint64 {
	if os.Getenv("MIGRATINGSQLITE_ROUNDS") == "" {
		return 1
	}
	return rand.Uint64()
}

func TestRandomSchemas(t *testing.T) {
	n := rounds(t, 60)
	seed := seed()
	altered := 0
	var last *Schema
	for i := range n {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		history, final := randomHistory(r)
		db := open(t, "")
		if _, err := db.Exec(history); err != nil {
			// SQLite refuses some histories; which is not our business.
			db.Close()
			continue
		}
		altered++
		s := read(t, db)
		parsed(t, s)
		check := func(what, script string) {
			t.Helper()
			o := schemaOf(t, script)
			if !s.Equal(o) {
				t.Fatalf("seed %d, round %d: %s differs:\n%s\nhistory:\n%s\n%s:\n%s", seed, i, what, strings.Join(texts(Diff(s, o)), "\n"), history, what, script)
			}
		}
		check("the final form", final)
		stmts := dump(t, db)
		check("the dump", strings.Join(stmts, "\n;")) // a last comment may have no end
		for j := range stmts {
			stmts[j] = respelled(r, stmts[j])
		}
		check("the dump in other words", strings.Join(stmts, "\n"))
		if last != nil && (s.Equal(last) != last.Equal(s) || Distance(s, last) != Distance(last, s)) {
			t.Fatalf("seed %d, round %d: a difference has a direction:\n%q\n%q", seed, i, texts(Diff(s, last)), texts(Diff(last, s)))
		}
		last = s
		db.Close()
	}
	if altered < n/2 {
		t.Errorf("SQLite took only %d of %d histories", altered, n)
	}
}
