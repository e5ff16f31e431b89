package snapshot

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/lazy"
)

// A partial is a file that is being written. Its writer has a lock on it, which
// ends with the process, so that others see whether it was left behind.
type partial struct {
	*os.File
	folder string
	done   bool
}

// idleTime is how long a partial file must not have been written to before it
// counts as left behind, once nobody has a lock on it: one that was made a moment
// ago is about to be locked.
const idleTime = time.Minute

// Nothing else is called so.
var partialForm = lazy.Regexp(`.-[A-Z2-7]{26}\.snapshot\.partial$`)

func newPartial(folder, database string) (*partial, error) {
	dir, err := filepath.Abs(folder) // SQLite opens it, too
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, shortened(database)+"-"+rand.Text()+suffix+".partial")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	lockFile(f) // where there is no such lock, the time must do
	return &partial{File: f, folder: folder}, nil
}

// roomFor refuses to write more than there is room for.
func roomFor(bytes int64, folder string) error {
	if free, ok := freeBytes(folder); ok && free < bytes {
		return fmt.Errorf("the disk of %s has %s free, and %s are needed", folder, Size(free), Size(bytes))
	}
	return nil
}

// publish makes the file durable and gives it its name, which may depend on the
// sum of its content.
func (p *partial) publish(ctx context.Context, name func(sum string) string) (path string, bytes int64, err error) {
	sum, bytes, err := sumOf(ctx, p)
	if err == nil {
		err = p.Sync()
	}
	if err == nil {
		// The lock ends here: Windows does not rename what is open.
		now := time.Now()
		err = errors.Join(os.Chtimes(p.Name(), now, now), p.Close())
	}
	path = filepath.Join(p.folder, name(sum))
	if err == nil {
		err = os.Rename(p.Name(), path)
	}
	if err != nil {
		return "", 0, err
	}
	p.done = true
	return path, bytes, syncFolder(p.folder)
}

// discard removes the file, unless it was published.
func (p *partial) discard() {
	if !p.done {
		p.Close()
		os.Remove(p.Name())
	}
}

// sweep removes the partial files that killed processes have left in a folder.
func sweep(folder string) {
	names, _ := namesIn(folder)
	for _, name := range names {
		if !strings.HasSuffix(name, ".partial") || !partialForm().MatchString(name) {
			continue
		}
		path := filepath.Join(folder, name)
		info, err := os.Lstat(path)
		if err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > idleTime && isLeft(path, info) {
			os.Remove(path)
		}
	}
}

// sumOf reads a file and returns a part of its SHA-256, which is enough to find
// what happens by chance.
func sumOf(ctx context.Context, f io.ReaderAt) (sum string, bytes int64, err error) {
	h := sha256.New()
	bytes, err = io.Copy(h, untilDone{ctx, io.NewSectionReader(f, 0, math.MaxInt64)})
	return hex.EncodeToString(h.Sum(nil)[:8]), bytes, err
}

// untilDone is a reader that ends with a context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(b []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// Size writes a number of bytes for people, in the decimal unit that suits it.
func Size(bytes int64) string {
	switch {
	case bytes == 1:
		return "1 byte"
	case bytes < 1000:
		return fmt.Sprintf("%d bytes", bytes)
	}
	n, unit := float64(bytes)/1000, "kB"
	for _, u := range []string{"MB", "GB", "TB"} {
		if n < 1000 {
			break
		}
		n, unit = n/1000, u
	}
	return fmt.Sprintf("%.1f %s", n, unit)
}
