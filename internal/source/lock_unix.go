//go:build unix && !aix && !solaris

package source

import (
	"os"
	"syscall"
)

// lockFolder keeps others out until it is unlocked, or this process is gone. On a
// file system without locks it keeps out nobody.
func lockFolder(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			return func() { f.Close() }, nil
		}
	}
}
