package snapshot_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/snapshot"
)

// How much longer a snapshot takes than a plain copy that is synced, each in turn.
func BenchmarkTake(b *testing.B) {
	dir := b.TempDir()
	path := filepath.Join(dir, "app.db")
	exec(b, path, "", append(fill, "INSERT INTO note (text, extra) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT 'x' || i, randomblob(800) FROM n")...)
	var taken, copied time.Duration
	for b.Loop() {
		begun := time.Now()
		s, err := snapshot.Take(b.Context(), connector(b, path, ""), dir, 1)
		must(b, err)
		taken += time.Since(begun)
		must(b, os.Remove(s.Path))

		begun = time.Now()
		from, err := os.Open(path)
		must(b, err)
		to, err := os.Create(filepath.Join(dir, "copy"))
		must(b, err)
		_, err = io.Copy(to, from)
		must(b, err)
		must(b, to.Sync())
		to.Close()
		from.Close()
		copied += time.Since(begun)
	}
	b.ReportMetric(taken.Seconds()/copied.Seconds(), "×copy")
}
