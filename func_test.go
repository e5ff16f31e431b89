package migratingsqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
)

// A function with the version and the name of a file is one migration with it.
func TestFuncBehindAFile(t *testing.T) {
	names := []string{"0001_notes.sql", notes1 + "; INSERT INTO notes (text) VALUES ('hello')", "0002_kind.sql", notes2, "0003_index.sql", notes4}
	fill := func(ctx context.Context, tx migratingsqlite.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE notes SET kind = upper(text)")
		return err
	}
	set := load(t, "app", files(names...), migratingsqlite.Func(2, "kind", fill, nil))
	plain := load(t, "app", files(names...))
	want(t, set.Digest(), plain.Digest())

	path := filepath.Join(t.TempDir(), "app.db")
	must(t, with(t, path, set))
	want(t, rows(t, path, history), []string{"app 1 notes applied", "app 2 kind applied", "app 3 index applied"})
	want(t, rows(t, path, "SELECT text, kind FROM notes"), []string{"hello HELLO"})
	must(t, with(t, path+"?_migrate=check", plain))

	// Several transactions, for the script that cannot be in one.
	path = filepath.Join(t.TempDir(), "app.db")
	must(t, with(t, path, load(t, "app", files(append(names, "0004_vacuum.sql", "-- migratingsqlite: no-transaction\nVACUUM")...), migratingsqlite.Func(2, "kind", fill, nil))))
	want(t, rows(t, path, "SELECT text, kind FROM notes"), []string{"hello HELLO"})

	// The structure tells the version: what the script makes counts.
	path = filepath.Join(t.TempDir(), "app.db")
	change(t, path, notes1+"; INSERT INTO notes (text) VALUES ('old')")
	must(t, with(t, path, set))
	want(t, rows(t, path, history), []string{"app 1 notes baseline", "app 2 kind applied", "app 3 index applied"})
	want(t, rows(t, path, "SELECT text, kind FROM notes"), []string{"old OLD"})

	// Both or neither.
	path = filepath.Join(t.TempDir(), "app.db")
	fails := func(ctx context.Context, tx migratingsqlite.Tx) error { return errors.New("no luck") }
	wantError(t, with(t, path, load(t, "app", files(names...), migratingsqlite.Func(2, "kind", fails, nil))), nil,
		"0002_kind failed at 0002_kind.sql: in the function behind it: no luck")
	want(t, rows(t, path, "SELECT count(*) FROM sqlite_master WHERE name = 'notes'"), []string{"0"})

	for name, c := range map[string]struct {
		fn   migratingsqlite.SetOption
		says string
	}{
		"another name":   {migratingsqlite.Func(2, "other", fill, nil), `version 2 is 0002_kind.sql already; give the function another version, or the name "kind"`},
		"no transaction": {migratingsqlite.Func(4, "vacuum", fill, nil), "0004_vacuum.sql:1:1: Func(4, \"vacuum\") is to run after it"},
	} {
		_, err := migratingsqlite.Load("app", files(append(names, "0004_vacuum.sql", "-- migratingsqlite: no-transaction\nVACUUM")...), c.fn)
		t.Run(name, func(t *testing.T) { wantError(t, err, migratingsqlite.ErrMalformed, c.says) })
	}
	_, err := migratingsqlite.Load("app", nil, migratingsqlite.Func(2, "a", fill, nil), migratingsqlite.Func(2, "a", fill, nil))
	wantError(t, err, migratingsqlite.ErrMalformed, "version 2 is 0002_a already")
}
