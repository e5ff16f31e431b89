package schema

import (
	"math/rand/v2"
	"testing"
)

// Drawn is a random change for tests of others.
type Drawn struct {
	From, Rows    string // statements
	Script, Back  Script
	Before, After *Schema
}

// Draw makes one. It reports whether SQLite takes it, and whether there is one.
func Draw(t *testing.T, r *rand.Rand) (*Drawn, bool) {
	d, ok := draw(t, r)
	if !ok {
		return nil, false
	}
	x := &Drawn{From: d.from, Rows: d.rows, Before: schemaOf(t, d.from), After: schemaOf(t, d.to)}
	var err error
	if x.Script, err = Change(t.Context(), x.Before, x.After, d.decisions); err != nil {
		t.Fatal(err)
	}
	if x.Back, err = Change(t.Context(), x.After, x.Before, d.decisions.Back()); err != nil {
		t.Fatal(err)
	}
	return x, len(x.Script) > 0
}

// Rounds is how often a random test tries.
var (
	Rounds = rounds
	Seed   = seed
)
