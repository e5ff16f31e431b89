//go:build linux || darwin || freebsd || dragonfly

package snapshot

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// freeBytes is how much may be written to a folder's disk. A file system that
// does not tell is not asked.
func freeBytes(folder string) (n int64, ok bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil || s.Blocks == 0 {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}

// lockFile keeps others from taking the file for left behind.
func lockFile(f *os.File) { syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// isLeft reports whether a partial file is nobody's any more.
func isLeft(path string, info fs.FileInfo) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err {
	case nil:
		return true
	case syscall.EWOULDBLOCK:
		return false
	}
	return time.Since(info.ModTime()) > 24*time.Hour // the file system has no such locks
}

// syncFolder makes the names in a folder durable.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
