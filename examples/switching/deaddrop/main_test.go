package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/examples/switching/internal/before"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// create is what the old program ran whenever it started, in each of its
// releases: release 3 is the one that came with version 3.
func create(release int) string {
	since := func(first int, text string) string {
		if release < first {
			return ""
		}
		return text
	}
	return `
create table if not exists namespaces(ns text primary key, secret_hash text not null, slug text unique, metadata json default '{}',
	ttl_hours integer default 24, created_at timestamp default current_timestamp);
create table if not exists identities(id text not null, ns text not null references namespaces(ns) on delete cascade,
	secret_hash text not null, metadata json default '{}', created_at timestamp default current_timestamp, primary key(ns, id));
create table if not exists messages(mid text primary key, ns text not null, to_id text not null, from_id text not null, body text not null,
	` + since(1, "content_type text default 'text/plain',") + ` created_at timestamp default current_timestamp, read_at timestamp, expires_at timestamp,
	foreign key(ns, to_id) references identities(ns, id) on delete cascade);
create index if not exists messages_inbox on messages(ns, to_id, created_at);
create index if not exists messages_expiry on messages(expires_at) where expires_at is not null;
create table if not exists invites(invite_id text primary key, ns text not null references namespaces(ns) on delete cascade,
	identity_id text not null, encrypted_secret text not null, claimed_at timestamp);
create table if not exists archive_batches(batch_id text primary key, ns text not null, archive_path text not null, message_count integer not null);
` + since(2, `
create table if not exists rooms(room_id text primary key, ns text not null references namespaces(ns) on delete cascade,
	display_name text, created_by text, created_at timestamp default current_timestamp);
create table if not exists room_members(room_id text not null references rooms(room_id) on delete cascade, identity_id text not null, ns text not null,
	joined_at timestamp default current_timestamp, primary key(room_id, identity_id), foreign key(ns, identity_id) references identities(ns, id) on delete cascade);
create table if not exists room_messages(mid text primary key, room_id text not null references rooms(room_id) on delete cascade, from_id text not null,
	body text not null, content_type text default 'text/plain', `+since(3, "reference_mid text, ")+since(5, "content_hash text, ")+`created_at timestamp default current_timestamp);
create index if not exists room_messages_by_room on room_messages(room_id, created_at);
`) + since(6, `
create table if not exists attachments(id text primary key, message_mid text not null, filename text, content_type text not null,
	size integer not null, data text not null, created_at timestamp default current_timestamp);
`)
}

const versions = `create table if not exists schema_version(version integer primary key, applied_at timestamp default current_timestamp, description text);`

// change is what the old program's migration to a version did to a database.
func change(t testing.TB, d before.Database, version int) {
	add := func(table, column string) {
		if len(before.Rows(t, d, "SELECT 1 FROM pragma_table_info('"+table+"') WHERE name = '"+strings.Fields(column)[0]+"'")) == 0 {
			d.Exec(t, "alter table "+table+" add column "+column)
		}
	}
	switch version {
	case 1:
		add("messages", "content_type text default 'text/plain'")
	case 2:
		d.Exec(t, create(2)) // the same statements
	case 3:
		add("room_messages", "reference_mid text")
		d.Exec(t, "create index if not exists room_messages_by_reference on room_messages(reference_mid)")
	case 4:
		d.Exec(t, `create index if not exists rooms_by_namespace on rooms(ns);
			create index if not exists room_members_by_identity on room_members(ns, identity_id);
			create index if not exists invites_by_namespace on invites(ns);`)
	case 5:
		add("room_messages", "content_hash text")
		d.Exec(t, "create index if not exists room_messages_by_hash on room_messages(room_id, content_hash)")
	case 6:
		d.Exec(t, create(6), "create index if not exists attachments_by_message on attachments(message_mid)")
	}
}

func record(t testing.TB, d before.Database, version int) {
	d.Exec(t, fmt.Sprintf("insert into schema_version(version, description) values(%d, 'Migration %[1]d')", version))
}

// start is the old program's start: it makes what is not there, then applies and
// records what is newer than the newest row. It is killed before the version
// killed, halfway through it if half is set; 0 lets it live.
func start(t testing.TB, d before.Database, release, killed int, half bool) {
	d.Exec(t, create(release))
	d.Exec(t, versions)
	var newest int
	fmt.Sscan(before.Rows(t, d, "select coalesce(max(version), 0) from schema_version")[0], &newest)
	for v := newest + 1; v <= release; v++ {
		if v == killed && !half {
			return
		}
		change(t, d, v)
		if v == killed {
			return
		}
		record(t, d, v)
	}
}

// fill adds what people did with a release, which is not what they did with the
// others.
func fill(t testing.TB, d before.Database, release int) {
	text := fmt.Sprintf(`
insert into namespaces(ns, secret_hash, slug) values('n%[1]d', 'h', 'slug-%[1]d');
insert into identities(ns, id, secret_hash) values('n%[1]d', 'alice', 'h'), ('n%[1]d', 'bob', 'h');
insert into messages(mid, ns, to_id, from_id, body, expires_at) values('m%[1]d-1', 'n%[1]d', 'alice', 'bob', 'it''s; me', '2026-01-01 00:00:00'), ('m%[1]d-2', 'n%[1]d', 'bob', 'alice', '', null);
insert into invites(invite_id, ns, identity_id, encrypted_secret) values('i%[1]d', 'n%[1]d', 'alice', 's');
insert into archive_batches values('b%[1]d', 'n%[1]d', '/archive', 7);
`, release)
	if release >= 1 {
		text += fmt.Sprintf("update messages set content_type = 'text/markdown' where mid = 'm%d-1';\n", release)
	}
	if release >= 2 {
		text += fmt.Sprintf(`
insert into rooms(room_id, ns, display_name) values('r%[1]d', 'n%[1]d', 'Room');
insert into room_members(room_id, ns, identity_id) values('r%[1]d', 'n%[1]d', 'alice');
insert into room_messages(mid, room_id, from_id, body, created_at) values('x%[1]d', 'r%[1]d', 'alice', 'hi', '2026-01-01 00:00:00');
`, release)
	}
	if release >= 3 {
		text += fmt.Sprintf("insert into room_messages(mid, room_id, from_id, body, reference_mid) values('y%[1]d', 'r%[1]d', 'alice', '+1', 'x%[1]d');\n", release)
	}
	if release >= 5 {
		text += fmt.Sprintf("update room_messages set content_hash = 'abc' where mid = 'x%d';\n", release)
	}
	if release >= 6 {
		text += fmt.Sprintf("insert into attachments(id, message_mid, content_type, size, data) values('a%[1]d', 'x%[1]d', 'image/png', 3, 'AAEC');\n", release)
	}
	d.Exec(t, text)
}

const newest = 6

// states are all that the old program has left behind somewhere.
func states() map[string]func(testing.TB, before.Database) {
	type state = func(testing.TB, before.Database)
	all := map[string]state{}
	for n := range newest + 1 {
		all[fmt.Sprintf("new in release %d", n)] = func(t testing.TB, d before.Database) {
			start(t, d, n, 0, false)
			fill(t, d, n)
		}
		all[fmt.Sprintf("every release to %d", n)] = func(t testing.TB, d before.Database) {
			for r := range n + 1 {
				start(t, d, r, 0, false)
				fill(t, d, r)
			}
		}
		if n > 0 {
			all[fmt.Sprintf("from release 0 to %d", n)] = func(t testing.TB, d before.Database) {
				d.Exec(t, create(0))
				fill(t, d, 0)
				start(t, d, n, 0, false)
				fill(t, d, n)
			}
		}
		// The tables were there before the migrations, and their table.
		all[fmt.Sprintf("new in release %d, without schema_version", n)] = func(t testing.TB, d before.Database) {
			d.Exec(t, create(n))
			fill(t, d, n)
		}
		all[fmt.Sprintf("new in release %d, schema_version lost", n)] = func(t testing.TB, d before.Database) {
			start(t, d, n, 0, false)
			fill(t, d, n)
			d.Exec(t, "drop table schema_version")
		}
		all[fmt.Sprintf("every release to %d, the newest row only", n)] = func(t testing.TB, d before.Database) {
			for r := range n + 1 {
				start(t, d, r, 0, false)
				fill(t, d, r)
			}
			d.Exec(t, fmt.Sprintf("delete from schema_version where version < %d", n))
		}
		for v := 1; v <= n && n%3 == 0; v++ {
			for _, half := range []bool{false, true} {
				what := fmt.Sprintf("killed before version %d", v)
				if half {
					what = fmt.Sprintf("killed before recording version %d", v)
				}
				all[fmt.Sprintf("new in release %d, %s", n, what)] = func(t testing.TB, d before.Database) {
					start(t, d, n, v, half)
					fill(t, d, 0)
				}
				all[fmt.Sprintf("from release 0 to %d, %s", n, what)] = func(t testing.TB, d before.Database) {
					d.Exec(t, create(0))
					fill(t, d, 0)
					start(t, d, n, v, half)
				}
			}
		}
	}
	return all
}

func fresh(t *testing.T) before.File {
	f := before.NewFile(t)
	if err := run(t.Context(), io.Discard, string(f)); err != nil {
		t.Fatal(err)
	}
	return f
}

// takeOver starts the new program on what the old one left.
func takeOver(t *testing.T, d before.Database, dsn string, fresh before.Database) {
	t.Helper()
	old := before.Contents(t, d)
	count := func(query string) (n int) {
		fmt.Sscan(before.Rows(t, d, query)[0], &n)
		return n
	}
	var out strings.Builder
	for range 2 { // the second time everything is there
		if err := run(t.Context(), &out, dsn); err != nil {
			t.Fatal(err)
		}
	}
	before.Intact(t, d, old) // schema_version among them
	before.SameStructure(t, d, fresh, "schema_version")
	before.Want(t, d, "SELECT count(*) FROM messages WHERE content_type IS NULL", "0")
	if want := fmt.Sprintf("%d direct messages", count("SELECT count(*) FROM messages")); strings.Count(out.String(), want) != 2 {
		t.Errorf("no %q twice in %q", want, out.String())
	}
	if n := count("SELECT count(*) FROM migratingsqlite_history WHERE set_name = 'deaddrop' AND status IN ('baseline', 'applied')"); n != newest {
		t.Errorf("the history has %d migrations", n)
	}
}

func TestEveryState(t *testing.T) {
	fresh := fresh(t)
	for name, make := range states() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := before.NewFile(t)
			make(t, f)
			takeOver(t, f, string(f), fresh)
		})
	}
}

// What stands in schema_version is not applied again.
func TestHistory(t *testing.T) {
	for name, want := range map[string][]string{
		"every release to 0":                           {"1 content_type applied", "2 rooms applied", "3 reactions applied", "4 indexes applied", "5 content_hash applied", "6 attachments applied"},
		"every release to 3":                           {"1 content_type baseline", "2 rooms baseline", "3 reactions baseline", "4 indexes applied", "5 content_hash applied", "6 attachments applied"},
		"every release to 3, the newest row only":      {"1 content_type baseline", "2 rooms baseline", "3 reactions baseline", "4 indexes applied", "5 content_hash applied", "6 attachments applied"},
		"new in release 6":                             {"1 content_type baseline", "2 rooms baseline", "3 reactions baseline", "4 indexes baseline", "5 content_hash baseline", "6 attachments baseline"},
		"new in release 6, schema_version lost":        {"1 content_type baseline", "2 rooms baseline", "3 reactions baseline", "4 indexes baseline", "5 content_hash baseline", "6 attachments baseline"},
		"new in release 6, killed before version 2":    {"1 content_type baseline", "2 rooms applied", "3 reactions applied", "4 indexes applied", "5 content_hash applied", "6 attachments applied"},
		"new in release 2, without schema_version":     {"1 content_type baseline", "2 rooms baseline", "3 reactions applied", "4 indexes applied", "5 content_hash applied", "6 attachments applied"},
		"from release 0 to 6, killed before version 1": {"1 content_type applied", "2 rooms applied", "3 reactions applied", "4 indexes applied", "5 content_hash applied", "6 attachments applied"},
	} {
		t.Run(name, func(t *testing.T) {
			f := before.NewFile(t)
			states()[name](t, f)
			if err := run(t.Context(), io.Discard, string(f)); err != nil {
				t.Fatal(err)
			}
			before.Want(t, f, before.History("deaddrop"), want...)
		})
	}
}

// What nobody has released is refused, and left as it is.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		from, change string
		is           error
		words        []string
	}{
		"an index made by hand": {"new in release 3, schema_version lost", "create index mine on messages(from_id)", migratingsqlite.ErrUnknownSchema,
			[]string{"nearest to that of version 3, but index mine is not expected; put that right, or, if it does no harm, say _migrate_baseline=3"}},
		"an index made by hand, nothing recorded": {"new in release 6, killed before version 1", "create index mine on messages(from_id)", migratingsqlite.ErrUnknownSchema,
			[]string{"index mine is not expected"}},
		"a table that differs": {"new in release 0, without schema_version", "alter table invites add column mine", migratingsqlite.ErrUnknownSchema,
			[]string{"table invites has column mine, which is not expected"}},
		"a row that the structure belies": {"new in release 0", "insert into schema_version(version) values(5)", migratingsqlite.ErrUnknownSchema,
			[]string{"should be at version 5, but nothing is there of 0002_rooms, 0003_reactions, 0004_indexes, which that builds on"}},
		"a newer release": {"new in release 6", "insert into schema_version(version, description) values(7, 'Add threads')", migratingsqlite.ErrSchemaNewer,
			[]string{"start a newer program", "7 Add threads"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := before.NewFile(t)
			states()[c.from](t, f)
			f.Exec(t, c.change)
			old, objects := before.Contents(t, f), before.Rows(t, f, "SELECT * FROM sqlite_schema")
			before.Refused(t, run(t.Context(), io.Discard, string(f)), c.is, append(c.words, "the database is unchanged")...)
			before.Intact(t, f, old)
			if now := before.Rows(t, f, "SELECT * FROM sqlite_schema"); !slices.Equal(now, objects) {
				t.Errorf("was changed: %q", now)
			}
		})
	}
	// What is recorded is believed, and an index of one's own stays.
	f := before.NewFile(t)
	states()["new in release 3"](t, f)
	f.Exec(t, "create index mine on messages(from_id)")
	if err := run(t.Context(), io.Discard, string(f)); err != nil {
		t.Fatal(err)
	}
	before.Want(t, f, "SELECT name FROM sqlite_schema WHERE name = 'mine'", "mine")
}
