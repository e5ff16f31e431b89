//go:build unix

package snapshot_test

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

func init() {
	// It is writing the file.
	parts["hold a file"] = func(_, file string) error {
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			return err
		}
		fmt.Println("done")
		time.Sleep(time.Hour)
		return nil
	}
}
