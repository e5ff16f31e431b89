package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/examples/switching/switchtest"
)

func TestMain(m *testing.M) { switchtest.Quietly(m) }

const (
	// As drizzle-orm makes it; SERIAL means nothing to SQLite, and id is NULL.
	drizzleTable = "CREATE TABLE IF NOT EXISTS \"__drizzle_migrations\" (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)"

	bootstrapped = 1762600000000 // when the bootstrap script ran: after 0005, before 0008
	wrongTime    = 1731024000000 // of 0004 in the journals of some releases
)

type entry struct {
	Idx  int
	When int64
	Tag  string
}

func journal(t *testing.T) []entry {
	t.Helper()
	var j struct{ Entries []entry }
	if err := json.Unmarshal([]byte(switchtest.File(t, "drizzle/meta/_journal.json")), &j); err != nil {
		t.Fatal(err)
	}
	return j.Entries
}

// drizzle does what drizzle-orm does: of the journal as a release had it, it runs
// and records what is later than the newest row that it found.
func drizzle(t *testing.T, path string, release []entry) {
	t.Helper()
	switchtest.Exec(t, path, drizzleTable)
	var newest int64
	fmt.Sscan(switchtest.Rows(t, path, "SELECT coalesce(max(created_at), 0) FROM __drizzle_migrations"), &newest)
	for _, e := range release {
		if newest > 0 && e.When <= newest {
			continue
		}
		text := switchtest.File(t, "drizzle/"+e.Tag+".sql")
		switchtest.Exec(t, path, strings.Split(text, "--> statement-breakpoint")...)
		switchtest.Exec(t, path, fmt.Sprintf("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('%x', %d)", sha256.Sum256([]byte(text)), e.When))
	}
}

// bootstrap is the script that marked databases that are older than Drizzle.
func bootstrap(t *testing.T, path string, tags ...string) {
	t.Helper()
	switchtest.Exec(t, path, drizzleTable)
	for _, tag := range tags {
		switchtest.Exec(t, path, fmt.Sprintf("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('%s', %d)", tag, bootstrapped))
	}
}

func TestEveryRelease(t *testing.T) {
	all := journal(t)
	upTo := func(idx int) []entry {
		return all[:1+slices.IndexFunc(all, func(e entry) bool { return e.Idx == idx })]
	}
	wrong := slices.Clone(upTo(5)) // the journal in which 0004 had a time long ago
	wrong[4].When = wrongTime
	rows := switchtest.File(t, "testdata/rows.sql")
	old := func(t *testing.T, path string) {
		switchtest.Exec(t, path, switchtest.File(t, "testdata/before_drizzle.sql"), rows)
	}

	type legacy struct {
		make   func(t *testing.T, path string)
		has    []int  // of the journal
		passed string // what Drizzle passed over
	}
	releases := map[string]legacy{
		"before Drizzle": {old, []int{0}, ""},
		"before Drizzle, pushed to 3": {func(t *testing.T, path string) {
			drizzle(t, path, upTo(3))
			switchtest.Exec(t, path, rows, "DROP TABLE __drizzle_migrations")
		}, []int{0, 1, 2, 3}, ""},
		"an empty table of Drizzle's": {func(t *testing.T, path string) { old(t, path); bootstrap(t, path) }, []int{0}, ""},
		"bootstrapped":                {func(t *testing.T, path string) { old(t, path); bootstrap(t, path, all[0].Tag) }, []int{0}, ""},
		"bootstrapped at 2": {func(t *testing.T, path string) {
			drizzle(t, path, upTo(2))
			switchtest.Exec(t, path, rows, "DELETE FROM __drizzle_migrations")
			bootstrap(t, path, all[0].Tag, all[1].Tag, all[2].Tag)
		}, []int{0, 1, 2}, ""},
		"bootstrapped, and Drizzle afterwards": {func(t *testing.T, path string) {
			old(t, path)
			bootstrap(t, path, all[0].Tag)
			drizzle(t, path, upTo(8))
		}, []int{0, 8}, "0002_brave_otter, 0003_salty_lantern, 0004_tidy_meteor, 0005_add_static_urls, 0006_lucky_badger"},
		"new when the time was wrong": {func(t *testing.T, path string) {
			drizzle(t, path, wrong)
			switchtest.Exec(t, path, rows)
		}, []int{0, 1, 2, 3, 4, 5}, ""},
		"upgraded when the time was wrong": {func(t *testing.T, path string) {
			drizzle(t, path, upTo(3))
			switchtest.Exec(t, path, rows)
			drizzle(t, path, wrong)
		}, []int{0, 1, 2, 3, 5}, "0005_add_static_urls"},
	}
	for i, e := range all {
		releases[e.Tag] = legacy{func(t *testing.T, path string) {
			drizzle(t, path, all[:1])
			switchtest.Exec(t, path, rows)
			drizzle(t, path, all[:i+1])
		}, nil, ""}
		for _, e := range all[:i+1] {
			at := releases[all[i].Tag]
			at.has = append(at.has, e.Idx)
			releases[all[i].Tag] = at
		}
	}

	fresh := filepath.Join(t.TempDir(), "fresh.db")
	if err := run(t.Context(), new(strings.Builder), "file:"+fresh+params); err != nil {
		t.Fatal(err)
	}
	for name, l := range releases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "agor.db")
			l.make(t, path)
			before := switchtest.Take(t, path)
			if slices.Contains(l.has, 8) && !slices.Contains(l.has, 9) { // which changes rows
				delete(before, "sessions")
			}
			if l.passed != "" {
				err := run(t.Context(), new(strings.Builder), "file:"+path)
				if err == nil || !strings.Contains(err.Error(), l.passed) || !strings.Contains(err.Error(), "pending although version") || !strings.Contains(err.Error(), "the database is unchanged") {
					t.Errorf("without _migrate_out_of_order: %v, and %s was passed over", err, l.passed)
				}
			}
			var out strings.Builder
			if err := run(t.Context(), &out, "file:"+path+params); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != len(all) {
				t.Fatalf("got\n%s", out.String())
			}
			for i, line := range lines {
				want := "applied"
				if slices.Contains(l.has, all[i].Idx) {
					want = "baseline"
				}
				if f := strings.Fields(line); f[0] != fmt.Sprint(all[i].Idx) || f[2] != want {
					t.Errorf("%s: want %s", line, want)
				}
			}
			before.Intact(t, path)
			if got, want := switchtest.Rows(t, path, "SELECT session_id, worktree_id, status, data, ready_for_prompt FROM sessions"), "s1|w1|idle|{}|1\ns2|w1|running|{}|0\ns3|w2|idle|{}|1"; got != want {
				t.Errorf("sessions: got\n%s\nwant\n%s", got, want)
			}
			switchtest.SameStructure(t, path, fresh, "__drizzle_migrations")
			again := out.String()
			out.Reset()
			if err := run(t.Context(), &out, "file:"+path+params); err != nil || out.String() != again {
				t.Errorf("the second time: %v\n%s", err, out.String())
			}
		})
	}
}
