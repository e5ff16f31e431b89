package migratingsqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/near"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// A guarded is a statement of a migration that is skipped where what it makes is
// there already:
//
//	-- migratingsqlite: unless column messages.content_type
//	ALTER TABLE messages ADD COLUMN content_type TEXT;
type guarded struct {
	script.Statement
	unless []thing
}

// A thing is what a schema has: a table, view, index, trigger, or a column of a
// table. Names are in lower case.
type thing struct{ kind, table, name string }

func (t thing) String() string {
	if t.table != "" {
		return t.kind + " " + t.table + "." + t.name
	}
	return t.kind + " " + t.name
}

const directiveUnless = "unless"

var thingKinds = []string{"column", "index", "table", "trigger", "view"}

// parseThing reads what stands behind unless.
func parseThing(args string) (t thing, err error) {
	kind, name, _ := strings.Cut(args, " ")
	if !slices.Contains(thingKinds, kind) {
		return t, fmt.Errorf("unless %s: wants one of %s; did you mean %s?", quote(kind), strings.Join(thingKinds, ", "), near.Word(kind, thingKinds))
	}
	t = thing{kind: kind, name: strings.ToLower(strings.TrimSpace(name))}
	if kind == "column" {
		t.table, t.name, _ = strings.Cut(t.name, ".")
	}
	if t.name == "" || strings.ContainsAny(t.name+t.table, " \t\"'`[];,") {
		return t, fmt.Errorf("unless %s wants a name as it is, without quotes: unless table NAME, unless column TABLE.COLUMN", kind)
	}
	return t, nil
}

// statements splits the migration's script.
func (m *Migration) statements() (list []guarded, err error) {
	sc := script.NewScanner(m.scripts.up)
	taken := 0
	for st, ok := sc.Next(); ok; st, ok = sc.Next() {
		g := guarded{Statement: st}
		for _, d := range sc.Directives()[taken:] {
			before := d.Line < st.Line || d.Line == st.Line && d.Column < st.Column
			if !before || d.Word != directiveUnless {
				continue
			}
			t, err := parseThing(d.Args)
			if err != nil {
				return nil, err
			}
			g.unless = append(g.unless, t)
		}
		taken = len(sc.Directives())
		list = append(list, g)
	}
	return list, sc.Err()
}

// serves reports whether the script serves databases that differ: each of its
// statements adds something, or drops what holds no rows, and is skipped where
// that is done already. unless says whether the directive is among what skips
// them.
func (m *Migration) serves() (serves, unless bool, err error) {
	if m.upFunc != nil {
		return false, false, nil
	}
	if err := m.read(); err != nil {
		return false, false, err
	}
	list, err := m.statements()
	for i := range list {
		e := list[i].Effect()
		skipped := list[i].unless != nil
		unless = unless || skipped
		switch list[i].Kind {
		case script.CreateTable, script.CreateVirtualTable, script.CreateView, script.CreateIndex, script.CreateTrigger:
			skipped = (skipped || e.IfNotExists) && !e.AsSelect
		case script.AlterTable:
			skipped = skipped && e.Action == script.AddColumn
		case script.DropView, script.DropIndex, script.DropTrigger:
			skipped = skipped || e.IfExists
		default:
			skipped = false
		}
		if !skipped || e.Temp {
			return false, false, err
		}
	}
	return len(list) > 0, unless, err
}

// things is what a schema has.
type things map[thing]bool

// The questions to which things are the answer.
var thingQueries = []string{
	"SELECT type, lower(name) FROM main.sqlite_master",
	"SELECT lower(m.name), lower(c.name) FROM main.sqlite_master AS m, pragma_table_xinfo(m.name) AS c WHERE m.type = 'table'",
}

func readThings(ctx context.Context, ask func(context.Context, ...string) ([]engine.Answer, error)) (things, error) {
	answers, err := ask(ctx, thingQueries...)
	if err != nil {
		return nil, err
	}
	there := things{}
	for i, a := range answers {
		if a.Err != nil {
			return nil, fmt.Errorf("reading the schema: %w", a.Err)
		}
		for _, row := range a.Rows {
			if i == 0 {
				there[thing{kind: text(row[0]), name: text(row[1])}] = true
			} else {
				there[thing{"column", text(row[0]), text(row[1])}] = true
			}
		}
	}
	return there, nil
}

// follow takes note of what the statements of a script do.
func (there things) follow(text string) {
	for sc := script.NewScanner(text); ; {
		st, ok := sc.Next()
		if !ok {
			return
		}
		there.skips(&guarded{Statement: st})
	}
}

// skips reports whether the statement has nothing to do, and takes note of what
// it does otherwise.
func (there things) skips(st *guarded) bool {
	if slices.ContainsFunc(st.unless, func(t thing) bool { return there[t] }) {
		return true
	}
	e := st.Effect()
	t := thing{kind: objectTypes[st.Kind], name: strings.ToLower(e.Name)}
	switch {
	case t.kind == "" || e.Temp:
	case st.Kind == script.AlterTable:
		column := thing{"column", t.name, strings.ToLower(e.Column)}
		switch e.Action {
		case script.AddColumn:
			there[column] = true
		case script.DropColumn, script.RenameColumn:
			delete(there, column)
			if e.NewName != "" {
				there[thing{"column", t.name, strings.ToLower(e.NewName)}] = true
			}
		case script.RenameTable:
			there.rename(t.name, strings.ToLower(e.NewName))
		}
	case st.Kind < script.AlterTable:
		there[t] = true
	default:
		delete(there, t)
		if st.Kind == script.DropTable {
			there.rename(t.name, "")
		}
	}
	return false
}

// rename moves a table and its columns; to "" drops them.
func (there things) rename(from, to string) {
	for t := range there {
		if t == (thing{kind: "table", name: from}) || t.table == from {
			delete(there, t)
			if t.table != "" {
				t.table = to
			} else {
				t.name = to
			}
			if to != "" {
				there[t] = true
			}
		}
	}
}

// skips reports whether a statement has nothing to do in the schema as it is.
func skips(ctx context.Context, st *guarded, ask func(context.Context, ...string) ([]engine.Answer, error)) (bool, error) {
	if st.unless == nil {
		return false, nil
	}
	there, err := readThings(ctx, ask)
	return err == nil && there.skips(st), err
}

// needed returns the statements that have something to do. What they are about
// is asked for only if one of them is guarded.
func needed(ctx context.Context, list []guarded, ask func(context.Context, ...string) ([]engine.Answer, error)) ([]guarded, error) {
	if !slices.ContainsFunc(list, func(g guarded) bool { return g.unless != nil }) {
		return list, nil
	}
	there, err := readThings(ctx, ask)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(g guarded) bool { return there.skips(&g) }), nil
}
