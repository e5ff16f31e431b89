//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64))

package main

import (
	"testing"

	"github.com/migratingsqlite/migratingsqlite/examples/switching/internal/before"
	"github.com/migratingsqlite/migratingsqlite/internal/sqldtest"
)

// On a libSQL server it is the same.
func TestServer(t *testing.T) {
	fresh := fresh(t)
	for _, name := range []string{
		"every release to 0", "every release to 3", "every release to 6", "from release 0 to 6, killed before version 1",
		"new in release 3, killed before recording version 3", "new in release 6, without schema_version", "every release to 5, the newest row only",
	} {
		t.Run(name, func(t *testing.T) {
			server := before.Server(sqldtest.Start(t).URL)
			states()[name](t, server)
			takeOver(t, server, string(server), fresh)
		})
	}
}
