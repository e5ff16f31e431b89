package lint

import (
	"github.com/migratingsqlite/migratingsqlite/internal/schema"
	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// A table is one on its way through a script, whatever it is called at the
// moment.
type table struct {
	origin  string       // its name before the script; "" for one that the script makes
	create  *statement   // of one that the script makes
	inserts []*statement // and what fills it
	changes []*statement // UPDATE and DELETE
	renames []*statement
	drop    *statement
	name    string // at the end
}

// A trace follows the tables and views of one script.
type trace struct {
	before *schema.Schema // may be nil
	now    map[string]*table
	all    []*table
	views  map[string]*table // those that are created or dropped
	drops  map[string]bool   // "index name", "trigger name": dropped by a statement of its own
}

func follow(list []*statement, before *schema.Schema) *trace {
	t := &trace{before: before, now: map[string]*table{}, views: map[string]*table{}, drops: map[string]bool{}}
	for _, st := range list {
		t.step(st)
	}
	return t
}

func (t *trace) step(st *statement) {
	e := st.effect
	name := script.Fold(e.Name)
	switch st.Kind {
	case script.CreateTable, script.CreateVirtualTable:
		if e.IfNotExists && t.there(name) {
			return
		}
		made := &table{create: st, name: e.Name}
		t.now[name] = made
		t.all = append(t.all, made)
	case script.DropTable:
		if e.IfExists && !t.there(name) {
			return
		}
		gone := t.of(e.Name)
		gone.drop, gone.name = st, ""
		t.now[name] = nil
	case script.CreateView:
		t.views[name] = &table{create: st}
	case script.DropView:
		t.views[name] = &table{origin: e.Name, drop: st}
	case script.DropIndex:
		t.drops["index "+name] = true
	case script.DropTrigger:
		t.drops["trigger "+name] = true
	case script.AlterTable:
		if is := t.of(e.Name); e.Action == script.RenameTable {
			is.renames, is.name = append(is.renames, st), e.NewName
			t.now[name] = nil
			t.now[script.Fold(e.NewName)] = is
		}
	case script.Insert:
		into := t.of(e.Table)
		into.inserts = append(into.inserts, st)
	case script.Update, script.Delete:
		in := t.of(e.Table)
		in.changes = append(in.changes, st)
	}
}

// of returns the table that has a name now.
func (t *trace) of(name string) *table {
	key := script.Fold(name)
	if t.now[key] == nil { // one from before, or, behind a DROP, an error of the script
		is := &table{origin: name, name: name}
		t.now[key] = is
		t.all = append(t.all, is)
	}
	return t.now[key]
}

// there reports whether a table has that name now. Without a structure it is
// taken to be so unless the script has dropped it.
func (t *trace) there(name string) bool {
	if is, known := t.now[name]; known {
		return is != nil
	}
	return t.before != nil && t.before.Table(name) != nil
}

// old reports whether the table with that name is from before, with rows in it.
func (t *trace) old(name string) bool {
	is, known := t.now[script.Fold(name)]
	return !known || is != nil && is.create == nil
}

// A rebuild is a table that a script makes anew under its old name.
type rebuild struct {
	old, new *table
	name     string // as the table is called before and behind
}

// rebuilds returns those of the script.
func (t *trace) rebuilds() (list []rebuild) {
	for _, is := range t.all {
		if is.create != nil || is.drop == nil {
			continue
		}
		if now := t.now[script.Fold(is.origin)]; now != nil && now.create != nil && now.create.Kind == script.CreateTable && !now.create.effect.Temp {
			list = append(list, rebuild{is, now, is.origin})
		}
	}
	return list
}
