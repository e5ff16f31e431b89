package adopt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

// A table is one that may hold a history.
type table struct {
	name    string
	columns []column
}

type column struct {
	name    string // in lower case
	kind    string // the declared type, in lower case
	notNull bool
	key     bool // of the primary key
}

func readTables(answers []engine.Answer) ([]*table, error) {
	if len(answers) != len(Queries("")) {
		return nil, fmt.Errorf("looking for other tools' tables: %d answers to %d queries", len(answers), len(Queries("")))
	}
	if err := answers[0].Err; err != nil {
		return nil, fmt.Errorf("looking for other tools' tables: %w", err)
	}
	var tables []*table
	for _, values := range answers[0].Rows {
		r := newRow(values)
		if n := len(tables); n == 0 || tables[n-1].name != r.text(0) {
			tables = append(tables, &table{name: r.text(0)})
		}
		t := tables[len(tables)-1]
		t.columns = append(t.columns, column{strings.ToLower(r.text(1)), strings.ToLower(r.text(2)), r.bool(3), r.bool(4)})
	}
	return tables, nil
}

func readUserVersion(answers []engine.Answer) (int64, error) {
	a := answers[1]
	if a.Err != nil {
		return 0, fmt.Errorf("reading the user_version: %w", a.Err)
	}
	if len(a.Rows) == 0 {
		return 0, nil
	}
	return newRow(a.Rows[0]).int(0)
}

// own reports whether it is one of this driver's.
func (t *table) own() bool { return strings.HasPrefix(strings.ToLower(t.name), "migratingsqlite_") }

func (t *table) column(name string) (column, bool) {
	i := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })
	if i < 0 {
		return column{}, false
	}
	return t.columns[i], true
}

// poorer reports whether it has fewer columns.
func (t *table) poorer(than *table) bool { return len(t.columns) < len(than.columns) }

func (t *table) hasAll(names ...string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { _, ok := t.column(n); return !ok })
}

func (t *table) hasAny(names ...string) bool { return t.first(names) != "" }

// first returns the first of names that is a column.
func (t *table) first(names []string) string {
	i := slices.IndexFunc(names, func(n string) bool { _, ok := t.column(n); return ok })
	if i < 0 {
		return ""
	}
	return names[i]
}

func (t *table) list() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = strings.TrimSpace(c.name + " " + c.kind)
	}
	return strings.Join(names, ", ")
}

func (c column) isText() bool {
	return strings.Contains(c.kind, "char") || strings.Contains(c.kind, "text") || strings.Contains(c.kind, "string")
}

// A form is the shape of a tool's table.
type form struct {
	tool   Tool
	tables []string // its names, in lower case
	has    []string // columns; there may be others that the user has added
	lacks  []string // columns that would make it another's
	is     func(*table) bool
	reads  []string // what is read; columns that are not there are NULL
	order  string
	read   func(*History, []row) error
}

func (f *form) matches(t *table) bool {
	return t.hasAll(f.has...) && !t.hasAny(f.lacks...) && (f.is == nil || f.is(t))
}

// stamps are columns that say when a migration was applied.
var stamps = []string{"applied_at", "applied_on", "executed_at", "migrated_at", "installed_at", "installed_on", "run_at", "ran_at", "run_on",
	"completed_at", "finished_at", "updated_at", "created_at", "inserted_at", "upgraded_at", "execution_date", "applied_date", "timestamp", "migration_time", "tstamp"}

// fileNames are columns that say which file a migration is.
var fileNames = []string{"migration_file", "migration_name", "filename", "file_name", "file", "script", "script_name", "migration", "migration_id", "name"}

// bookkeeping is what a table of one bare column does not have.
var bookkeeping = slices.Concat(stamps, fileNames, []string{"checksum", "hash", "status", "success", "dirty", "description", "batch", "applied"})

// forms are exclusive: whatever the names, no table has the shape of two.
var forms = []form{
	{
		tool: Goose, tables: []string{"goose_db_version"},
		has:   []string{"id", "version_id", "is_applied"},
		reads: []string{"version_id", "is_applied", "tstamp"}, order: "id",
		read: readGoose,
	},
	{
		tool: GolangMigrate, tables: []string{"schema_migrations"},
		has:   []string{"version", "dirty"},
		lacks: []string{"description", "checksum", "success"},
		reads: []string{"version", "dirty"},
		read:  readGolangMigrate,
	},
	{
		tool: Dbmate, tables: []string{"schema_migrations"},
		has:   []string{"version"},
		lacks: bookkeeping,
		is:    func(t *table) bool { c, _ := t.column("version"); return c.isText() && c.key && !c.notNull },
		reads: []string{"version"}, order: "version",
		read: readVersions,
	},
	{
		tool: Rails, tables: []string{"schema_migrations"},
		has:   []string{"version"},
		lacks: bookkeeping,
		is:    func(t *table) bool { c, _ := t.column("version"); return c.isText() && c.key && c.notNull },
		reads: []string{"version"}, order: "version",
		read: readVersions,
	},
	{
		tool: Maragudk, tables: []string{"migrations"},
		has:   []string{"version"},
		lacks: bookkeeping,
		is:    func(t *table) bool { c, _ := t.column("version"); return c.isText() && !c.key && c.notNull },
		reads: []string{"version"},
		read:  readVersions,
	},
	{
		tool: Ecto, tables: []string{"schema_migrations"},
		has:   []string{"version", "inserted_at"},
		lacks: []string{"dirty", "checksum", "status"},
		reads: []string{"version", "inserted_at"}, order: "CAST(version AS INTEGER)",
		read: readVersions,
	},
	{
		tool: Diesel, tables: []string{"__diesel_schema_migrations"},
		has:   []string{"version", "run_on"},
		lacks: []string{"dirty", "checksum", "status", "inserted_at"},
		reads: []string{"version", "run_on"}, order: "version",
		read: readVersions,
	},
	{
		tool: Flyway, tables: []string{"flyway_schema_history", "schema_version"}, // the latter up to Flyway 4
		has:   []string{"installed_rank", "version", "description", "type", "script", "checksum", "success"},
		reads: []string{"version", "description", "type", "script", "checksum", "installed_on", "success"}, order: "installed_rank",
		read: readFlyway,
	},
	{
		tool: Atlas, tables: []string{"atlas_schema_revisions"},
		has:   []string{"version", "description", "type", "applied", "total", "hash", "operator_version"},
		reads: []string{"version", "description", "type", "applied", "total", "executed_at", "hash"}, order: "version",
		read: readAtlas,
	},
	{
		tool: Sqlx, tables: []string{"_sqlx_migrations"},
		has:   []string{"version", "description", "installed_on", "success", "checksum"},
		lacks: []string{"installed_rank"},
		reads: []string{"version", "description", "installed_on", "success", "checksum"}, order: "version",
		read: readSqlx,
	},
	{
		tool: Refinery, tables: []string{"refinery_schema_history"},
		has:   []string{"version", "name", "applied_on", "checksum"},
		lacks: []string{"installed_rank", "status", "success"},
		reads: []string{"version", "name", "applied_on", "checksum"}, order: "version",
		read: readRefinery,
	},
	{
		tool: SQLMigrate, tables: []string{"gorp_migrations"},
		has:   []string{"id", "applied_at"},
		lacks: slices.Concat(fileNames, []string{"version", "checksum", "hash", "status", "success", "batch", "description"}),
		is:    func(t *table) bool { c, _ := t.column("id"); return c.isText() },
		reads: []string{"id", "applied_at"}, order: "id",
		read: readNames,
	},
	{
		tool: Adlio, tables: []string{"schema_migrations"},
		has:   []string{"id", "checksum", "execution_time_in_millis", "applied_at"},
		lacks: []string{"version"},
		reads: []string{"id", "applied_at", "checksum"}, order: "id",
		read: readNames,
	},
	{
		tool: Gormigrate, tables: []string{"migrations"},
		has:   []string{"id"},
		lacks: slices.Concat(bookkeeping, []string{"version", "version_id"}),
		is:    func(t *table) bool { c, _ := t.column("id"); return c.isText() && c.key },
		reads: []string{"id"}, order: "id",
		read: readGormigrate,
	},
	{
		tool: Drizzle, tables: []string{"__drizzle_migrations"},
		has:   []string{"id", "hash", "created_at"},
		lacks: []string{"version"},
		is:    func(t *table) bool { return t.hasAll("name") == t.hasAll("applied_at") },
		reads: []string{"hash", "created_at", "name", "applied_at"}, order: "CAST(created_at AS INTEGER)",
		read: readDrizzle,
	},
	{
		tool: Prisma, tables: []string{"_prisma_migrations"},
		has:   []string{"migration_name", "checksum", "finished_at", "rolled_back_at", "started_at"},
		reads: []string{"migration_name", "checksum", "finished_at", "rolled_back_at", "started_at"}, order: "started_at",
		read: readPrisma,
	},
	{
		tool: Knex, tables: []string{"knex_migrations"},
		has:   []string{"id", "name", "batch", "migration_time"},
		reads: []string{"name", "migration_time"}, order: "id",
		read: readNames,
	},
	{
		tool: Bun, tables: []string{"bun_migrations"},
		has:   []string{"name", "group_id", "migrated_at"},
		reads: []string{"name", "migrated_at"}, order: "name",
		read: readNames,
	},
}

// The tables that projects write for themselves are what no tool's table is.
func init() {
	tools := forms
	byTool := func(t *table) bool {
		return slices.ContainsFunc(tools, func(f form) bool { return f.matches(t) })
	}
	forms = append(slices.Clone(tools),
		form{
			tool:   Handwritten,
			tables: []string{"schema_version", "schema_versions", "schema_migrations", "schema_history", "db_version", "database_version", "migration_history", "migrations_history", "migrations", "_migrations"},
			has:    []string{"version"},
			is: func(t *table) bool {
				version, _ := t.column("version")
				return (version.key || t.hasAny(stamps...) || len(t.columns) == 1 || len(t.columns) == 2 && t.hasAll("id")) && !t.hasAny("installed_rank", "operator_version") && !byTool(t)
			},
			read: readHandwritten,
		},
		form{
			tool:   Handwritten, // or D1
			tables: []string{"d1_migrations", "migrations", "_migrations", "schema_migrations", "applied_migrations", "migration_history", "migrations_history", "schema_version"},
			lacks:  []string{"version", "hash", "batch", "app", "migration_set"},
			is: func(t *table) bool {
				text := func(name string) bool { c, _ := t.column(name); return c.isText() || c.kind == "" }
				name := t.first(fileNames)
				if name == "" && text("id") && t.hasAll("id") && t.hasAny(stamps...) {
					name = "id"
				}
				return name != "" && text(name) && (t.hasAny(stamps...) || len(t.columns) == 1) && !byTool(t)
			},
			read: readHandwritten,
		})
}

// toolOf says which of two tools of one shape it is.
func (f *form) toolOf(t *table) Tool {
	if f.tool == Handwritten && strings.EqualFold(t.name, "d1_migrations") && !t.hasAll("version") {
		return D1
	}
	return f.tool
}

// The columns that are read of a table that a project wrote for itself.
const (
	ownVersion = iota
	ownFile
	ownDescription
	ownChecksum
	ownStatus
	ownSuccess
	ownAt
)

// columns returns those to read, "" for one that is not there.
func (f *form) columns(t *table) []string {
	if f.tool == Handwritten {
		list := []string{t.first([]string{"version"}), t.first(fileNames), t.first([]string{"description", "name"}),
			t.first([]string{"checksum", "migration_checksum", "sha256"}), t.first([]string{"status", "state"}), t.first([]string{"success", "is_applied"}), t.first(stamps)}
		if list[ownVersion] == "" && list[ownFile] == "" {
			list[ownFile] = "id"
		}
		return list
	}
	list := slices.Clone(f.reads)
	for i, name := range list {
		list[i] = t.first([]string{name})
	}
	return list
}

func (f *form) orderOf(t *table) string {
	if f.tool != Handwritten {
		return f.order
	}
	// The order counts only where several rows are of one version.
	keyed := slices.ContainsFunc(t.columns, func(c column) bool { return c.key })
	id, ok := t.column("id")
	switch {
	case ok && strings.Contains(id.kind, "int"):
		return "id"
	case !keyed:
		return "rowid"
	}
	return cmp.Or(identifierOrNone(t.first(stamps)), identifierOrNone(t.first([]string{"version"})))
}

func identifierOrNone(s string) string {
	if s == "" {
		return ""
	}
	return identifier(s)
}
