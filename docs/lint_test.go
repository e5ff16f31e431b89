package docs

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/internal/lint"
)

var update = flag.Bool("update", false, "write the table of rules into lint.md")

// The table is that of the code.
func TestLintHasEveryRule(t *testing.T) {
	text, err := os.ReadFile("lint.md")
	if err != nil {
		t.Fatal(err)
	}
	const head = "| code | severity | what | why | cure |\n|---|---|---|---|---|\n"
	before, got, ok := strings.Cut(string(text), head)
	if !ok {
		t.Fatal("there is no table of rules")
	}
	var want strings.Builder
	for _, r := range lint.Rules {
		cure := r.Cure
		if cure == "" {
			cure = "The message says it."
		}
		fmt.Fprintf(&want, "| %s | %s | %s | %s | %s |\n", r.Code, r.Severity, r.What, strings.ReplaceAll(r.Why, `"x"`, "`\"x\"`"), cure)
	}
	if *update {
		if err := os.WriteFile("lint.md", []byte(before+head+want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want.String() {
		t.Error("the table is not that of the rules: go test ./docs -run Lint -update")
	}
}
