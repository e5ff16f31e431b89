package script

import (
	"cmp"
	"slices"
	"testing"
)

func TestParameters(t *testing.T) {
	for _, c := range []struct {
		text     string
		want     []string
		numbered string // "": the text
	}{
		{"SELECT 1", nil, ""},
		{"SELECT ?, ?", []string{"", ""}, ""},
		{"SELECT :a, @a, $a, :a", []string{":a", "@a", "$a"}, "SELECT ?1, ?2, ?3, ?1"},
		{"SELECT ?3, ?, ?1", []string{"", "", "", ""}, ""},
		{"SELECT :a, ?, :b;", []string{":a", "", ":b"}, "SELECT ?1, ?, ?3;"},
		{`SELECT '?', "?", [?], -- ?` + "\n /* ? */ `:a`, x$b, 'it''s ?'", nil, ""},
		{"SELECT $a::b(c?)||?2", []string{"$a::b(c?)", ""}, "SELECT ?1||?2"},
		{"INSERT INTO t VALUES (?,:é)", []string{"", ":é"}, "INSERT INTO t VALUES (?,?2)"},
		{"SELECT :", nil, ""},
	} {
		want := cmp.Or(c.numbered, c.text)
		if names, numbered, ok := Parameters(c.text); !ok || !slices.Equal(names, c.want) || numbered != want {
			t.Errorf("%s: %q %s %v, want %q %s", c.text, names, numbered, ok, c.want, want)
		}
	}
	for _, text := range []string{"SELECT ?0", "SELECT ?32767", "SELECT ?99999999999999999999"} {
		if names, _, ok := Parameters(text); ok {
			t.Errorf("%s: %d parameters", text, len(names))
		}
	}
}

func TestReturning(t *testing.T) {
	for text, want := range map[string]bool{
		"INSERT INTO t VALUES (1) RETURNING id":     true,
		"insert into t values (1)\nreturning*":      true,
		"INSERT INTO t VALUES ('RETURNING')":        false,
		"INSERT INTO t VALUES (1) -- RETURNING":     false,
		`UPDATE t SET "returning" = 1`:              false,
		"UPDATE returning_ SET a = 1 /*returning*/": false,
	} {
		if got := Returning(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
