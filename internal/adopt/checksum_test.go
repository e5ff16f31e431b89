package adopt

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

const sample = "CREATE TABLE users (\n  id INTEGER PRIMARY KEY\n);\n"

func TestChecksums(t *testing.T) {
	crlf := strings.ReplaceAll(sample, "\n", "\r\n")
	for _, text := range []string{sample, crlf, "\uFEFF" + sample, "\uFEFF" + crlf, strings.TrimSuffix(sample, "\n"), strings.ReplaceAll(sample, "\n", "\r")} {
		if got := flywaySum([]byte(text)); got != "-1623917818" {
			t.Errorf("Flyway: %s of %q", got, text)
		}
	}
	for _, c := range []struct{ name, got, want string }{
		{"sqlx", sqlxSum([]byte(sample)), "58493993cf1dcf43838edff69eb33b42dd0b29dcffa79c5edeb5ed493893a6b5bc53e01f9a97725cfba648d54d9080f8"},
		{"Prisma", sha256Hex([]byte(sample)), "ccff8e2d71dd0037f25e8848b8751caf2171c0900e1048535c6cc2cd50a0e962"},
		{"Prisma, unpadded", unpaddedSHA256([]byte(sample)), "ccff8e2d71dd037f25e8848b8751caf2171c090e1048535c6cc2cd50a0e962"},
		{"refinery, i32", refinerySums("initial", 1, []byte(sample))[0], "7664699191463170502"},
		{"refinery, i64", refinerySums("initial", 1, []byte(sample))[1], "15175678852710633458"},
	} {
		if got := c.got; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAtlasSum(t *testing.T) {
	names := []string{"20240101000001_x.sql", "20240101000002_y.sql"}
	texts := [][]byte{[]byte("-- atlas:txmode none\n\nCREATE TABLE a(id INTEGER);\n"), []byte("CREATE TABLE b(id INTEGER);\nCREATE TABLE b(id INTEGER);\n")}
	want := []string{"QwOaC1DCj70ZFylMAqLHYYQoTn0x02CtycO66JaNIpw=", "xv0ZchxMNF8B72Rc+quYyBf5zoLeEhGU/oXGxm8/rEg="}
	for i, got := range atlasSums(names, texts) {
		if got != want[i] {
			t.Errorf("%s: %s, want %s", names[i], got, want[i])
		}
	}
	texts[0] = append([]byte("-- atlas:sum ignore\n"), texts[0]...)
	if got := atlasSums(names, texts); got[0] != "" || got[1] == want[1] {
		t.Errorf("a file that is left out has %q", got[0])
	}
}

func TestVariants(t *testing.T) {
	all := variants([]byte("a\r\nb\n"))
	for _, want := range []string{"a\r\nb\n", "a\nb\n", "a\r\nb\r\n", "\uFEFFa\nb\n", "\uFEFFa\r\nb\r\n"} {
		found := false
		for _, v := range all {
			found = found || bytes.Equal(v, []byte(want))
		}
		if !found {
			t.Errorf("%q is not among them", want)
		}
	}
}

// other returns the text as it is checked out on another system.
func other(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// For each tool that keeps checksums: a file as it was, one with other line
// endings, one that was edited.
func TestChecksumsAreVerified(t *testing.T) {
	set := []File{file(1, "0001_a.sql", text(1)), file(2, "0002_b.sql", other(text(2))), file(3, "0003_c.sql", text(3)+"-- edited\n"), {Version: 4, Name: "d"}}
	insert := func(format string, sum func(i int) string) string {
		var rows []string
		for i := 1; i <= 4; i++ {
			rows = append(rows, fmt.Sprintf(format, i, string(rune('a'+i-1)), sum(i)))
		}
		return strings.Join(rows, ";")
	}
	for _, c := range []struct {
		name string
		db   []string
	}{
		{"flyway", []string{flywayTable, insert(`INSERT INTO flyway_schema_history VALUES (%[1]d, '%[1]d', '%[2]s', 'SQL', 'V%[1]d__%[2]s.sql', %[3]s, '', '2024-01-31 10:15:00.000', 3, 1)`,
			func(i int) string { return flywaySum([]byte(text(i))) })}},
		{"sqlx", []string{sqlxTable, insert(`INSERT INTO _sqlx_migrations VALUES (%d, '%s', '2024-01-31 10:15:00', TRUE, x'%s', -1)`, func(i int) string { return sqlxSum([]byte(text(i))) })}},
		{"refinery", []string{refineryTable, insert(`INSERT INTO refinery_schema_history VALUES (%[1]d, '%[2]s', '2024-01-31T10:15:00Z', '%[3]s')`,
			func(i int) string { return refinerySums(string(rune('a'+i-1)), int64(i), []byte(text(i)))[0] })}},
		{"refinery int8", []string{strings.Replace(refineryTable, "int4", "int8", 1), insert(`INSERT INTO refinery_schema_history VALUES (%[1]d, '%[2]s', '2024-01-31T10:15:00Z', '%[3]s')`,
			func(i int) string { return refinerySums(string(rune('a'+i-1)), int64(i), []byte(text(i)))[1] })}},
		{"prisma", []string{prismaTable, insert(`INSERT INTO _prisma_migrations (id, migration_name, checksum, finished_at, started_at) VALUES ('uuid%[1]d', '000%[1]d_%[2]s', '%[3]s', 1607009625336, 1607009625330)`,
			func(i int) string { return sha256Hex([]byte(text(i))) })}},
		{"prisma, unpadded", []string{prismaTable, insert(`INSERT INTO _prisma_migrations (id, migration_name, checksum, finished_at, started_at) VALUES ('uuid%[1]d', '000%[1]d_%[2]s', '%[3]s', 1607009625336, 1607009625330)`,
			func(i int) string { return unpaddedSHA256([]byte(text(i))) })}},
		{"handwritten", []string{historyTable, insert(`INSERT INTO migration_history (version, description, checksum) VALUES (%d, '%s', '%s')`, func(i int) string { return sha256Hex([]byte(text(i))) })}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, m := adopted(t, open(t, c.db...), set)
			if got, want := describe(m), "1= 2= 3 4 changed 3"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if len(m.Changed) == 1 && !strings.HasPrefix(m.Changed[0].Text, "0003_c.sql was edited after ") {
				t.Error(m.Changed[0].Text)
			}
		})
	}
}
