//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64))

package main

import (
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

func TestLibsql(t *testing.T) {
	server := sqldtest.Start(t)
	t.Setenv("TURSO_AUTH_TOKEN", "")
	want := regexp.MustCompile(`^2500 people, after \S+s

migration 1 people       +\d+ ms
migration 2 lower_email  +\d+ ms
migration 3 avatar       +\d+ ms
migration 4 avatars      +\d+ ms
$`)
	for range 2 {
		var out strings.Builder
		if err := run(t.Context(), &out, server.URL); err != nil {
			t.Fatal(err)
		}
		if !want.MatchString(out.String()) {
			t.Errorf("got\n%s", out.String())
		}
	}
}

func TestLibsqlWithoutServer(t *testing.T) {
	server := sqldtest.Start(t)
	server.Kill()
	err := run(t.Context(), &strings.Builder{}, server.URL)
	if err == nil || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), "\n\tturso dev\n") {
		t.Error(err)
	}
}
