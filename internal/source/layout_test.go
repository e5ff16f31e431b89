package source

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

func folderOf(namesAndTexts ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		fsys[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	return fsys
}

// What other tools' histories call the migrations.
func TestIDsAreThoseOfTheTool(t *testing.T) {
	for _, test := range []struct {
		layout string
		files  fstest.MapFS
		want   string
	}{
		{"goose", folderOf("00007_a_b.sql", ""), `7 a_b 00007_a_b.sql 00007_a_b.sql {7   0}`},
		{"golang-migrate", folderOf("000007_a.up.sql", "", "000007_b.down.sql", "", "000000_c.up.sql", ""), `1 c 000000_c.up.sql  {0   0}; 8 a 000007_a.up.sql 000007_b.down.sql {7   0}`},
		{"dbmate", folderOf("007-a.sql", ""), `7 a 007-a.sql 007-a.sql {007   0}`},
		{"sql-migrate", folderOf("7-a.sql", ""), `7 a 7-a.sql 7-a.sql { 7-a.sql  0}`},
		{"flyway", folderOf("V1_2__a_b.sql", "", "x/U1.2__c.sql", "", "V0__z.sql", "", "R__my_view.sql", "", "V2024.1.15__d.sql", "", "B1.1__base.sql", ""),
			`1 z V0__z.sql  {0 z SQL 0}; 1002000000 a_b V1_2__a_b.sql x/U1.2__c.sql {1.2 a b SQL 0}; 20240115000000 d V2024.1.15__d.sql  {2024.1.15 d SQL 0}; 0 my_view R__my_view.sql  { my view SQL 0}`},
		{"atlas", folderOf("7_a_b.sql", "", "8_c.sql", "-- atlas:checkpoint\n\n", "atlas.sum", "x"), ``},
		{"sqlx", folderOf("7_a_b.up.sql", "", "7_a_b.down.sql", "", "8_c.sql", ""), `7 a_b 7_a_b.up.sql 7_a_b.down.sql {7 a b  0}; 8 c 8_c.sql  {8 c  0}`},
		{"refinery", folderOf("V07__a_b.sql", ""), `7 a_b V07__a_b.sql  {7 a_b  0}`},
		{"diesel", folderOf("2024-01-31-101500_a_b/up.sql", "", "2024-01-31-101500_a_b/down.sql", ""), `20240131101500 a_b 2024-01-31-101500_a_b/up.sql 2024-01-31-101500_a_b/down.sql {20240131101500   0}`},
		{"drizzle", folderOf("meta/_journal.json", `{"entries":[{"idx":6,"when":1700000000000,"tag":"0006_a_b"}]}`, "0006_a_b.sql", ""), `7 a_b 0006_a_b.sql  { 0006_a_b  1700000000000}`},
		{"drizzle", folderOf("20231114221320_a/migration.sql", ""), `20231114221320 a 20231114221320_a/migration.sql  { 20231114221320_a  1700000000000}`},
		{"prisma", folderOf("0_init/migration.sql", "", "20231114221320_a/migration.sql", ""), `1 init 0_init/migration.sql  { 0_init  0}; 20231114221320 a 20231114221320_a/migration.sql  { 20231114221320_a  0}`},
		{"rusqlite_migration", folderOf("01-a_b/up.sql", ""), `1 a_b 01-a_b/up.sql  {1   0}`},
		{"bun", folderOf("20210505110026_a.tx.up.sql", "", "20210505110026_a.tx.down.sql", ""), `20210505110026 a 20210505110026_a.tx.up.sql 20210505110026_a.tx.down.sql {20210505110026   0}`},
		{"d1", folderOf("0000_a.sql", "", "0001_b.sql", ""), `1 a 0000_a.sql  { 0000_a.sql  0}; 2 b 0001_b.sql  { 0001_b.sql  0}`},
		{"knex", folderOf("20240101_a.up.sql", "", "20240101_a.down.sql", ""), `20240101000000 a 20240101_a.up.sql 20240101_a.down.sql { 20240101_a.up.sql  0}`},
	} {
		t.Run(test.layout, func(t *testing.T) {
			l, err := ByName(test.layout)
			if err != nil {
				t.Fatal(err)
			}
			found, err := List(test.files, ".", l, nil)
			if test.want == "" {
				if err == nil {
					t.Error("no error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range found.Migrations {
				text := fmt.Sprint(m.Version, " ", m.Name, " ", m.Up, " ", m.Down, " ", m.ID)
				if len(m.Covered) > 0 {
					text += fmt.Sprint(" ", m.Covered)
				}
				got = append(got, text)
			}
			if got := strings.Join(got, "; "); got != test.want {
				t.Errorf("\ngot  %s\nwant %s", got, test.want)
			}
		})
	}
}

// The sum and the hashes of two files that the Atlas CLI itself has written.
func TestAtlasSum(t *testing.T) {
	files := folderOf(
		"20240101000001_x.sql", "-- atlas:txmode none\n\nCREATE TABLE a(id INTEGER);\n",
		"20240101000002_y.sql", "CREATE TABLE b(id INTEGER);\nCREATE TABLE b(id INTEGER);\n",
		"atlas.sum", "h1:YnwrYdageFy+DVkM26fVv1hKP+10Tsxj2T9oIYvhk14=\n"+
			"20240101000001_x.sql h1:QwOaC1DCj70ZFylMAqLHYYQoTn0x02CtycO66JaNIpw=\n"+
			"20240101000002_y.sql h1:xv0ZchxMNF8B72Rc+quYyBf5zoLeEhGU/oXGxm8/rEg=\n")
	found, err := List(files, ".", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if found.Layout.Name != "atlas" || len(found.Migrations) != 2 || !found.Migrations[0].NoTransaction || found.Migrations[1].NoTransaction {
		t.Errorf("%+v", found)
	}
}

func TestNumbersOfFlywayVersions(t *testing.T) {
	last := int64(0)
	for _, v := range []string{"0", "0.0.1", "0.1", "1", "1.0.0.1", "1.0.1", "1.2.3", "1.2.10", "2.0", "10", "999.999.999.999", "1000", "2013.1.15", "2013.01.15.11.35.56", "2013.10", "20140115113556"} {
		n, _, why := flywayNumber(v)
		if why != "" || n <= last {
			t.Errorf("%s is %d after %d %s", v, n, last, why)
		}
		last = n
	}
	for _, v := range []string{"1.1000", "1.2.3.4.5", "2013.100", "20130115113556.1", "99999999999999999999"} {
		if n, _, why := flywayNumber(v); why == "" {
			t.Errorf("%s is %d", v, n)
		}
	}
	if n, _, _ := flywayNumber("20240115.1"); n != 20240115001000 {
		t.Error(n)
	}
}

func TestTheFolderIsFound(t *testing.T) {
	for want, files := range map[string]fstest.MapFS{
		"prisma/migrations": folderOf("prisma/migrations/2024_a/migration.sql", "", "prisma/migrations/2025_b/migration.sql", "", "seed/x.sql", ""),
		"drizzle":           folderOf("drizzle/0000_a.sql", "", "drizzle/meta/_journal.json", "{}"),
		"db":                folderOf("db/one/V1__a.sql", "", "db/two/V2__b.sql", "", "db/two/three/V3__c.sql", ""),
		"dbmate":            folderOf("dbmate/1.sql", "-- migrate:up\n-- migrate:down\n", "queries/all.sql", "SELECT 1"),
		"migrations":        folderOf("migrations/2024-01-01-000000_a/up.sql", "", "migrations/.keep", ""),
		"x/y":               folderOf("x/y/1-a/up.sql", ""),
	} {
		if got, err := Find(files, nil); got != want || err != nil {
			t.Errorf("got %s, want %s (%v)", got, want, err)
		}
	}
	if _, err := Find(folderOf("a/1_x.sql", "", "b/1_x.sql", ""), nil); err == nil {
		t.Error("two folders, and no error")
	}
	if got, err := Find(folderOf("a/x.txt", "", "b/init.sql", ""), byName("sql-migrate")); got != "b" {
		t.Error(got, err)
	}
}

// Blanks stand for what does not run, so that places are those of the file.
func TestPlacesStayThoseOfTheFile(t *testing.T) {
	m := Foreign{layout: byName("goose")}
	text := "-- kept\n-- +goose Up\nPRAGMA foreign_keys=OFF; CREATE TABLE é (x);\n-- +goose Down\nDROP TABLE é;\n"
	up := m.Script([]byte(text), false)
	down := m.Script([]byte(text), true)
	if want := "-- kept\n            \n                         CREATE TABLE é (x);\n              \n              \n"; string(up.Text) != want {
		t.Errorf("got  %q\nwant %q", up.Text, want)
	}
	if want := "-- kept\n            \n                                             \n              \nDROP TABLE é;\n"; string(down.Text) != want {
		t.Errorf("got  %q\nwant %q", down.Text, want)
	}
	if len(up.Text) != len(text) || len(up.Faults)+len(down.Faults) > 0 {
		t.Error(len(up.Text), len(text), up.Faults, down.Faults)
	}
}

// Whatever a file holds, reading it neither panics nor moves a line.
func FuzzScript(f *testing.F) {
	for _, text := range []string{
		"-- +goose Up\nBEGIN; SELECT 1; COMMIT;\n-- +goose StatementBegin\n-- +goose StatementEnd\n-- +goose Down",
		"-- migrate:up transaction:false\n-- migrate:down", "-- +migrate Up\n;\n-- +migrate Down",
		"x--> statement-breakpoint'--> statement-breakpoint", "${a}", "-- atlas:delimiter x", "--bun:split\n--bun:x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range layouts[1:] {
			for _, down := range []bool{false, true} {
				m := Foreign{layout: l}
				s := m.Script([]byte(text), down)
				if len(s.Text) != len(text) || strings.Count(string(s.Text), "\n") != strings.Count(text, "\n") {
					t.Errorf("%s: %q became %q", l.Name, text, s.Text)
				}
				for _, fault := range s.Faults {
					if fault.Line < 1 || fault.Column < 1 || fault.Line > 1+strings.Count(text, "\n") {
						t.Errorf("%s: %q: %+v", l.Name, text, fault)
					}
				}
			}
		}
	})
}
