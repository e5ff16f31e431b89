package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestGomigration(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out, filepath.Join(t.TempDir(), "events.db")); err != nil {
		t.Fatal(err)
	}
	const want = `before, in local time:
  New Year  2026-01-01 00:00:00
  Picnic    2026-07-05 13:30:00
after, in UTC:
  New Year  2025-12-31 23:00:00
  Picnic    2026-07-05 11:30:00
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
