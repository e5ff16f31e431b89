package adopt

import (
	"context"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/hrana"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
)

// A server reads the same, in a request for each step.
func TestOnAServer(t *testing.T) {
	client, err := hrana.New(sqldtest.Start(t).URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	for _, s := range []string{
		gooseTable, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1)`,
		sqlxTable, `INSERT INTO _sqlx_migrations VALUES (1, 'a', CURRENT_TIMESTAMP, TRUE, x'` + sqlxSum([]byte(text(1))) + `', 100)`,
		"CREATE TABLE `knex_migrations` (`id` integer not null primary key autoincrement, `name` varchar(255), `batch` integer, `migration_time` datetime)",
		"CREATE TABLE `knex_migrations_lock` (`index` integer not null primary key autoincrement, `is_locked` integer)",
		`INSERT INTO knex_migrations_lock (is_locked) VALUES (1)`,
		versionTable, `INSERT INTO schema_version (version) VALUES (3)`,
	} {
		if _, err := client.Transact(ctx, engine.Statement{Text: s}); err != nil {
			t.Fatal(err)
		}
	}
	for table, want := range map[string]string{"goose_db_version": "1 2", "_SQLX_migrations": "1=", "knex_migrations": "refused 0", "schema_version": "1? 2? 3"} {
		answers, err := client.Read(ctx, Queries(table)...)
		if err != nil {
			t.Fatal(err)
		}
		found, err := Recognise(answers, table)
		if err != nil {
			t.Fatal(err)
		}
		if answers, err = client.Read(ctx, found[0].Queries()...); err != nil {
			t.Fatal(err)
		}
		h, err := found[0].Read(answers)
		if err != nil {
			t.Fatal(err)
		}
		m, err := h.Map(files(3, "%04d_a.sql"))
		if err != nil {
			t.Fatal(err)
		}
		if got := describe(m); got != want {
			t.Errorf("%s: got %q, want %q", table, got, want)
		}
	}
	answers, err := client.Read(ctx, Queries("")...)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := Recognise(answers, ""); err != nil || len(found) != 4 {
		t.Errorf("recognised %v, %v", found, err)
	}
}
