package adopt

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestFlyway(t *testing.T) {
	row := func(rank int, version, description, kind, script string, sum any, success int) string {
		return fmt.Sprintf(`INSERT INTO flyway_schema_history VALUES (%d, %s, '%s', '%s', '%s', %v, '', '2024-01-31 10:15:00.000', 3, %d)`, rank, version, description, kind, script, sum, success)
	}
	sum := func(i int) string { return flywaySum([]byte(text(i))) }
	set := []File{
		file(1, "V1__a.sql", text(1)),
		file(2, "V1_1__b.sql", text(2)),
		file(3, "V2_0__c.sql", text(3)),
		file(4, "V10__d.sql", text(4)),
		{Name: "some_views", Path: "R__some_views.sql", Text: file(0, "", text(5)).Text},
		{Name: "others", Path: "sub/R__others.sql", Text: file(0, "", text(6)).Text},
	}
	for i := range set {
		set[i].Name = strings.TrimPrefix(set[i].Name, "V1__")
	}
	for _, c := range []struct {
		name string
		rows []string
		want string
		say  string
	}{
		{"all", []string{row(1, "'1'", "a", "SQL", "V1__a.sql", sum(1), 1), row(2, "'1.1'", "b", "SQL", "V1_1__b.sql", sum(2), 1), row(3, "'2.0'", "c", "SQL", "V2_0__c.sql", sum(3), 1),
			row(4, "NULL", "some views", "SQL", "R__some_views.sql", sum(5), 1)}, "1= 2= 3= some_views=", ""},
		{"schema", []string{row(0, "NULL", "<< Flyway Schema Creation >>", "SCHEMA", `"main"`, "NULL", 1), row(1, "'1'", "a", "SQL", "V1__a.sql", sum(1), 1)}, "1=", ""},
		{"a repeatable one that has changed", []string{row(1, "NULL", "some views", "SQL", "R__some_views.sql", 7, 1), row(2, "NULL", "others", "SQL", "sub/R__others.sql", sum(6), 1)}, "others=", ""},
		{"a repeatable one, twice", []string{row(1, "NULL", "some views", "SQL", "R__some_views.sql", 7, 1), row(2, "NULL", "some views", "SQL", "R__some_views.sql", sum(5), 1)}, "some_views=", ""},
		{"baseline", []string{row(1, "'1.1'", "<< Flyway Baseline >>", "BASELINE", "<< Flyway Baseline >>", "NULL", 1), row(2, "'2'", "c", "SQL", "V2_0__c.sql", sum(3), 1)}, "1? 2 3=", ""},
		{"baseline of no file", []string{row(1, "'5'", "<< Flyway Baseline >>", "BASELINE", "<< Flyway Baseline >>", "NULL", 1)}, "1? 2? 3?", ""},
		{"baseline script", []string{row(1, "'2'", "c", "SQL_BASELINE", "B2__c.sql", 7, 1), row(2, "'10'", "d", "SQL", "V10__d.sql", sum(4), 1)}, "1? 2? 3 4=", ""},
		{"undone", []string{row(1, "'1'", "a", "SQL", "V1__a.sql", sum(1), 1), row(2, "'1.1'", "b", "SQL", "V1_1__b.sql", sum(2), 1), row(3, "'1.1'", "b", "UNDO_SQL", "U1_1__b.sql", 7, 1)}, "1=", ""},
		{"undone and done again", []string{row(1, "'1'", "a", "SQL", "V1__a.sql", sum(1), 1), row(2, "'1'", "a", "UNDO_SQL", "U1__a.sql", 7, 1), row(3, "'1'", "a", "SQL", "V1__a.sql", sum(1), 1)}, "1=", ""},
		{"deleted by repair", []string{row(1, "'1'", "a", "SQL", "V1__a.sql", sum(1), 1), row(2, "'7'", "z", "SQL", "V7__z.sql", 7, 1), row(3, "'7'", "z", "DELETE", "V7__z.sql", 7, 1)}, "1=", ""},
		{"failed", []string{row(1, "'1'", "a", "SQL", "V1__a.sql", sum(1), 1), row(2, "'1.1'", "b", "SQL", "V1_1__b.sql", sum(2), 0)}, "1= refused 2", "Flyway failed version 1.1 (V1_1__b.sql); repair the database by hand, then run `flyway repair`"},
		{"a failed undo", []string{row(1, "'1'", "a", "SQL", "V1__a.sql", sum(1), 1), row(2, "'1'", "a", "UNDO_SQL", "U1__a.sql", sum(1), 0)}, "refused 1", "failed undoing version 1 "},
		{"Java", []string{row(1, "'1'", "a", "JDBC", "db.V1__a", 7, 1)}, "1", ""},
		{"edited", []string{row(1, "'1'", "a", "SQL", "V1__a.sql", 7, 1)}, "1 changed 1", ""},
		{"unknown", []string{row(1, "'1.0.1'", "a", "SQL", "V1_0_1__a.sql", 7, 1)}, "unknown 1.0.1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, m := adopted(t, open(t, append([]string{flywayTable}, c.rows...)...), set)
			if got := describe(m); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.say != "" && !strings.Contains(fmt.Sprint(m.Refusals), c.say) {
				t.Errorf("%v does not say %q", m.Refusals, c.say)
			}
		})
	}
	// Until version 4 the table had another name.
	db := open(t, strings.NewReplacer("flyway_schema_history", "schema_version", `"main".`, "").Replace(flywayTable),
		strings.Replace(row(1, "'1'", "a", "SQL", "V1__a.sql", sum(1), 1), "flyway_schema_history", "schema_version", 1))
	if h, m := adopted(t, db, set); h.Tool != Flyway || describe(m) != "1=" {
		t.Errorf("%s: %s", h, describe(m))
	}
}

func TestAtlas(t *testing.T) {
	set := files(4, "2024010100000%d_a.sql")
	for i := range set {
		set[i].Version += 20240101000000
	}
	sums := func(which ...int) []string { // of the folder as it was
		var names []string
		var texts [][]byte
		for _, i := range which {
			names, texts = append(names, fmt.Sprintf("2024010100000%d_a.sql", i)), append(texts, []byte(text(i)))
		}
		return atlasSums(names, texts)
	}
	row := func(i, kind, applied, total int, at int, sum string) string {
		return fmt.Sprintf(`INSERT INTO atlas_schema_revisions VALUES ('2024010100000%d', 'a', %d, %d, %d, '2024-02-0%d 10:15:00.123456+00:00', 100, '', '', '%s', 'null', 'Atlas CLI v0.31.0')`, i, kind, applied, total, at, sum)
	}
	s := sums(1, 2, 3, 4)
	edited := slices.Clone(set)
	edited[1] = file(edited[1].Version, edited[1].Path, "SELECT 1;\n")
	crlf := slices.Clone(set)
	for i := range crlf {
		crlf[i] = file(crlf[i].Version, crlf[i].Path, other(text(i+1)))
	}
	checkpoint := slices.Clone(set)
	checkpoint[2].Checkpoint = true
	for _, c := range []struct {
		name  string
		rows  []string
		files []File
		want  string
		say   string
	}{
		{"all", []string{row(1, 2, 1, 1, 1, s[0]), row(2, 2, 1, 1, 1, s[1])}, set, "1= 2=", ""},
		{"line endings", []string{row(1, 2, 1, 1, 1, s[0]), row(2, 2, 1, 1, 1, s[1])}, crlf, "1= 2=", ""},
		{"edited", []string{row(1, 2, 1, 1, 1, s[0]), row(2, 2, 1, 1, 1, s[1]), row(3, 2, 1, 1, 1, s[2])}, edited, "1= 2 3 changed 2", ""},
		{"out of order", []string{row(1, 2, 1, 1, 1, s[0]), row(2, 2, 1, 1, 3, s[1]), row(3, 2, 1, 1, 2, sums(1, 3)[1]), row(4, 2, 1, 1, 3, s[3])}, set, "1= 2= 3= 4=", ""},
		{"one that came later is pending", []string{row(1, 2, 1, 1, 1, s[0]), row(3, 2, 1, 1, 2, sums(1, 3)[1])}, set, "1= 3=", ""},
		{"baseline", []string{row(2, 1, 0, 0, 1, ""), row(3, 2, 1, 1, 1, s[2])}, set, "1? 2 3=", ""},
		{"partial", []string{row(1, 2, 1, 1, 1, s[0]), row(2, 2, 1, 3, 1, s[1])}, set, "1= refused 2", "Atlas has applied 1 of its 3 statements of version 20240101000002; let `atlas migrate apply` finish it, or finish it by hand and run `atlas migrate set 20240101000002`"},
		{"partial and resolved", []string{row(1, 2, 1, 1, 1, s[0]), row(2, 6, 1, 3, 1, s[1])}, set, "1= 2=", ""},
		{"set", []string{row(1, 4, 0, 0, 1, s[0])}, set, "1=", ""},
		{"the cloud's row", []string{row(1, 2, 1, 1, 1, s[0]), `INSERT INTO atlas_schema_revisions VALUES ('.atlas_cloud_identifier', 'uuid', 0, 0, 0, '2024-02-01', 0, '', '', '', 'null', 'Atlas CLI')`}, set, "1=", ""},
		{"began at a checkpoint", []string{row(3, 2, 1, 1, 1, s[2])}, checkpoint, "1? 2? 3=", ""},
		{"a checkpoint that is left out", []string{row(1, 2, 1, 1, 1, s[0]), row(2, 2, 1, 1, 1, s[1]), row(4, 2, 1, 1, 1, s[3])}, checkpoint, "1= 2= 3? 4=", ""},
		{"a folder of another version", []string{row(5, 2, 1, 1, 1, "x")}, set, "unknown 20240101000005", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, m := adopted(t, open(t, append([]string{atlasTable}, c.rows...)...), c.files)
			if got := describe(m); strings.ReplaceAll(got, "2024010100000", "") != strings.ReplaceAll(c.want, "2024010100000", "") {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if c.say != "" && !strings.Contains(fmt.Sprint(m.Refusals), c.say) {
				t.Errorf("%v does not say %q", m.Refusals, c.say)
			}
		})
	}
}

func TestSqlx(t *testing.T) {
	db := open(t, sqlxTable, fmt.Sprintf(`INSERT INTO _sqlx_migrations VALUES (1, 'a', '2024-01-31 10:15:00', TRUE, x'%s', 100), (2, 'a', '2024-01-31 10:15:00', FALSE, x'%s', -1), (9, 'z', '2024-01-31 10:15:00', 1, x'00', 1)`,
		sqlxSum([]byte(text(1))), sqlxSum([]byte(text(2)))))
	_, m := adopted(t, db, files(3, "%04d_a.up.sql"))
	if got, want := describe(m), "1= unknown 9 refused 2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := "sqlx did not finish version 2; repair the database by hand, then delete its row from _sqlx_migrations if it is undone"; !strings.HasPrefix(m.Refusals[0].Text, want) {
		t.Error(m.Refusals)
	}
}

func TestPrisma(t *testing.T) {
	row := func(i int, finished, rolledBack string, started int) string {
		return fmt.Sprintf(`INSERT INTO _prisma_migrations (id, migration_name, checksum, finished_at, rolled_back_at, started_at, applied_steps_count) VALUES ('uuid%d', '2024010100000%d_a', '%s', %s, %s, %d, 1)`,
			started, i, sha256Hex([]byte(text(i))), finished, rolledBack, 1607009625000+started)
	}
	set := files(4, "2024010100000%d_a/migration.sql")
	for i := range set {
		set[i].ID = set[i].base()
	}
	for _, c := range []struct {
		name string
		rows []string
		want string
	}{
		{"all", []string{row(1, "1607009625336", "NULL", 1), row(2, "1607009625336", "NULL", 2)}, "1= 2="},
		{"failed", []string{row(1, "1607009625336", "NULL", 1), row(2, "NULL", "NULL", 2)}, "1= refused 2"},
		{"rolled back", []string{row(1, "1607009625336", "NULL", 1), row(2, "NULL", "1607009625999", 2)}, "1="},
		{"rolled back, then applied", []string{row(1, "NULL", "1607009625999", 1), row(1, "1607009625336", "NULL", 2)}, "1="},
		{"rolled back, then failed again", []string{row(1, "NULL", "1607009625999", 1), row(1, "NULL", "NULL", 2)}, "refused 1"},
		{"failed beside one that went well", []string{row(1, "1607009625336", "NULL", 1), row(1, "NULL", "NULL", 2)}, "refused 1"},
		{"resolved as applied", []string{row(1, "NULL", "1607009625999", 1), row(1, "1607009625336", "NULL", 2), row(3, "1607009625336", "NULL", 3)}, "1= 3="},
		{"of another folder", []string{row(9, "1607009625336", "NULL", 1)}, "unknown 20240101000009_a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, m := adopted(t, open(t, append([]string{prismaTable}, c.rows...)...), set)
			if got := describe(m); strings.ReplaceAll(got, "2024010100000", "") != strings.ReplaceAll(c.want, "2024010100000", "") {
				t.Errorf("got %q, want %q", got, c.want)
			}
			for _, p := range m.Refusals {
				if !strings.Contains(p.Text, "prisma migrate resolve --applied 2024010100000") {
					t.Error(p.Text)
				}
			}
		})
	}
}

// journal is the beginning of a real project's: indexes 6 and 7 are missing,
// and 16 and 17 are older than 15.
var journal = []struct {
	idx, when int64
	tag       string
}{
	{0, 1762029611425, "0000_pretty_mac_gargan"},
	{1, 1762119844225, "0001_organic_stick"},
	{5, 1762562246854, "0005_clammy_mole_man"},
	{8, 1762747715738, "0008_stale_marauders"},
	{15, 1764210800737, "0015_sturdy_daredevil"},
	{16, 1763973169728, "0016_gorgeous_talkback"},
	{17, 1763974000000, "0017_backfill_worktree_owners"},
	{18, 1764659127577, "0018_fantastic_bruce_banner"},
	{19, 1764659200000, "0019_backfill_session_unix_username"},
}

func journalFiles() []File {
	var set []File
	for _, e := range journal {
		f := file(e.idx+1, e.tag+".sql", text(int(e.idx)))
		f.ID, f.When = e.tag, e.when
		set = append(set, f)
	}
	return set
}

func TestDrizzle(t *testing.T) {
	hash := func(idx int) string { return sha256Hex([]byte(text(idx))) }
	row := func(hash string, at int64) string {
		return fmt.Sprintf(`INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('%s', %d)`, hash, at)
	}
	var all, expo []string
	for _, e := range journal {
		all, expo = append(all, row(hash(int(e.idx)), e.when)), append(expo, row("", e.when))
	}
	const later = 1768000000000 // when a script marked the database
	for _, c := range []struct {
		name string
		rows []string
		want string
	}{
		{"all", all, "1= 2= 6= 9= 16= 17= 18= 19= 20="},
		{"without hashes", expo, "1 2 6 9 16 17 18 19 20"},
		{"pending", all[:3], "1= 2= 6="},
		{"an upgrade that skipped what is older", slices.Concat(all[:5], all[7:8]), "1= 2= 6= 9= 16= 19= skipped [17 18]"},
		{"an upgrade that will skip what is older", all[:5], "1= 2= 6= 9= 16= skipped [17 18]"},
		{"edited since, which Drizzle does not mind", []string{all[0], row("0123", journal[1].when)}, "1= 2"},
		{"a journal with new times", []string{row(hash(0), 5), row(hash(1), 6)}, "1= 2="},
		{"numbers as REAL", []string{row(hash(0), 0), "UPDATE __drizzle_migrations SET created_at = 1762029611425.0"}, "1="},
		{"a row twice", []string{all[0], all[0]}, "1="},
		{"marked with the tag, by a script", []string{row(journal[0].tag, later)}, "1"},
		{"marked with the tags, and one left out", []string{row(journal[0].tag, later), row(journal[2].tag, later+1)}, "1 6 skipped [2]"},
		{"marked with the hash at another time", []string{row(hash(0), later)}, "1="},
		{"marked, then migrated", []string{row(journal[0].tag, later), row(hash(19), journal[8].when)}, "1 20= skipped [2 6 9 16 17 18 19]"},
		{"of another folder", []string{row("beef", 1)}, "unknown beef"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, ddl := range []string{drizzleTable, strings.Replace(drizzleTable, "SERIAL", "INTEGER", 1)} {
				_, m := adopted(t, open(t, append([]string{ddl}, c.rows...)...), journalFiles())
				if got := describe(m); got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestDrizzle1(t *testing.T) {
	var set []File
	for i, when := range []int64{1704067200000, 1704153600000, 1704240000000} {
		f := file(int64(i+1), fmt.Sprintf("2024010%d000000_a/migration.sql", i+1), text(i+1))
		f.ID, f.When = f.base(), when
		set = append(set, f)
	}
	row := func(hash string, at int64, name string) string {
		return fmt.Sprintf(`INSERT INTO __drizzle_migrations (hash, created_at, name, applied_at) VALUES ('%s', %d, %s, '2024-02-01T10:15:00Z')`, hash, at, name)
	}
	for _, c := range []struct {
		name string
		rows []string
		want string
	}{
		{"all", []string{row(sha256Hex([]byte(text(1))), 1704067200000, "'20240101000000_a'"), row(sha256Hex([]byte(text(2))), 1704153600000, "'20240102000000_a'")}, "1= 2="},
		{"one that came later is pending", []string{row("", 1704067200000, "'20240101000000_a'"), row("", 1704240000000, "'20240103000000_a'")}, "1 3"},
		{"rows of the old layout", []string{row("beef", 1704067200123, "NULL"), row(sha256Hex([]byte(text(2))), 1, "NULL")}, "1 2="},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, m := adopted(t, open(t, append([]string{drizzle1Table}, c.rows...)...), set)
			if got := describe(m); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
