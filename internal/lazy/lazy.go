// Package lazy makes what most runs of a program do not need when it is needed:
// a program pays for the rest at every start.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp compiles an expression when it is first called. It panics if the
// expression is wrong.
func Regexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
