//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64))

package main

import (
	"strings"
	"testing"
)

func TestVerifyOfALibSQLFile(t *testing.T) {
	s := newScene(t)
	s.does(0, "up --to 1 libsql:lib.db")
	before := s.content()
	out, _ := s.does(0, "verify libsql:lib.db")
	if !strings.Contains(out, "from version 1 to 2") || !strings.Contains(out, "1 migration undone") || !strings.HasSuffix(out, "\nproven\n") {
		t.Error(out)
	}
	if after := s.content(); after != before {
		t.Errorf("the folder was\n%s\nand is\n%s", before, after)
	}
}
