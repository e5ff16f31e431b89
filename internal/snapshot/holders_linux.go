package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// holders names the processes that have a file open, as far as one may look.
func holders(path string) (who []string) {
	file, err := os.Stat(path)
	if err != nil {
		return nil
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || !strings.HasPrefix(target, "/") {
			continue
		}
		info, err := os.Stat(link)
		if err != nil || !os.SameFile(info, file) {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		name, _ := os.ReadFile(filepath.Join(process, "comm"))
		one := fmt.Sprintf("process %s (%s)", filepath.Base(process), strings.TrimSpace(string(name)))
		if !slices.Contains(who, one) {
			who = append(who, one)
		}
	}
	return who
}
