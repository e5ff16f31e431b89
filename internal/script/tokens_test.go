package script

import (
	"slices"
	"strings"
	"testing"
)

// Tokens are where they are said to be, in the statement and in the script.
func TestTokensHaveTheirPlaces(t *testing.T) {
	const src = "-- first\n  SELECT \"a b\", x'00' /* \n */ -- y\n\t, [c] <> é.`d`;\nSELECT $p(1), 1.5"
	lines := strings.Split(src, "\n")
	var got []string
	for _, st := range func() []Statement { list, _ := Split(src); return list }() {
		for _, tok := range st.Tokens() {
			line, column := st.Position(tok.Offset)
			if !strings.HasPrefix(lines[line-1][column-1:], tok.Text) || !strings.HasPrefix(st.Text[tok.Offset:], tok.Text) {
				t.Errorf("%q is not at %d:%d", tok.Text, line, column)
			}
			got = append(got, tok.Text)
		}
	}
	want := []string{"SELECT", `"a b"`, ",", "x", "'00'", ",", "[c]", "<", ">", "é", ".", "`d`", ";", "SELECT", "$p(1)", ",", "1", ".", "5"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestCodesOfNolint(t *testing.T) {
	for args, want := range map[string]string{
		"MS301":                           "MS301",
		"MS301, MS302":                    "MS301 MS302",
		"MS301,MS302 MS303":               "MS301 MS302 MS303",
		"MS301 since MS302 does it":       "MS301",
		"MS301: MS302 was never released": "MS301",
		"":                                "",
		"ms301":                           "",
		"MS3011":                          "",
		"because MS301":                   "",
	} {
		codes, err := Directive{Args: args}.Codes()
		if got := strings.Join(codes, " "); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, want %q (%v)", args, got, want, err)
		}
	}
}
