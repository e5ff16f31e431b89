package main

import (
	"strings"
	"testing"
)

func TestQuickstart(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, has := range []map[string]bool{
		{
			"migratingsqlite.upgrade": true, "version.from=0 version.to=3 pending=3": true, "outcome=applied": true,
			"\n  migration 0001_notes": true, "\n  migration 0002_tags": true, "\n  migration 0003_done": true,
			"statements=2 rows_affected=2": true, "nothing was pending": false,
			"  1 [x] Buy milk\n  2 [ ] Call Ada\n  3 [ ] Run it again\n\n": true,
		},
		{
			"migration ": false, "nothing was pending": true,
			"  3 [ ] Run it again\n  4 [ ] Run it again\n\n": true,
		},
	} {
		var out strings.Builder
		if err := run(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		for text, wanted := range has {
			if strings.Contains(out.String(), text) != wanted {
				t.Errorf("%q: want %v in\n%s", text, wanted, out.String())
			}
		}
	}
}
