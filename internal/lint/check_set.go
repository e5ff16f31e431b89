package lint

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/script"
)

// ofSet looks at the migrations side by side.
func (c *check) ofSet() {
	c.gaps()
	c.numbers()
	c.names()
	c.waysBack()
}

// versioned are the migrations that are not repeatable.
func (c *check) versioned() (list []*migration) {
	for _, m := range c.migrations {
		if !m.repeatable() {
			list = append(list, m)
		}
	}
	return list
}

// gaps looks for versions that are left out. What the versions have in common is
// how they are counted: 1, 2, 3; 10, 20, 30; or Flyway's, by a thousand million.
func (c *check) gaps() {
	list := c.versioned()
	var step int64
	for _, m := range list {
		if timeOf(m.Version) != nil {
			return
		}
		step = gcd(step, m.Version)
	}
	var gaps []int
	for i := 1; i < len(list); i++ {
		if list[i].Version-list[i-1].Version > step {
			gaps = append(gaps, i)
		}
	}
	if 2*len(gaps) > len(list) { // they are not counted at all
		return
	}
	for _, i := range gaps {
		before, m := list[i-1], list[i]
		missing := "is no version " + number(before.Version+step, step)
		if m.Version-before.Version > 2*step {
			missing = "are no versions " + number(before.Version+step, step) + " to " + number(m.Version-step, step)
		}
		c.reportFile("MS102", m.Migration, "there %s between %s and %s", missing, number(before.Version, step), number(m.Version, step))
	}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// number writes a version as its file has it, which may be Flyway's.
func number(version, step int64) string {
	if step%1_000_000_000 == 0 {
		version /= 1_000_000_000
	}
	return strconv.FormatInt(version, 10)
}

// timeOf returns the time that a version is; nil for one that counts.
func timeOf(version int64) *time.Time {
	digits := strconv.FormatInt(version, 10)
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if at, err := time.Parse(layout, digits); err == nil && at.Year() >= 1970 && at.Year() < 2200 {
			return &at
		}
	}
	// Flyway's 1.2 is 1002000000, and its 2 is 2000000000.
	switch {
	case version > 1_200_000_000 && version < 2_000_000_000:
		at := time.Unix(version, 0)
		return &at
	case version > 1_200_000_000_000 && version < 2_000_000_000_000:
		at := time.UnixMilli(version)
		return &at
	}
	return nil
}

// numbers looks for timestamps among sequence numbers, and from the future. A
// first migration with a small number, such as Prisma's 0_init, does no harm.
func (c *check) numbers() {
	counted := false
	said := false
	for i, m := range c.versioned() {
		at := timeOf(m.Version)
		switch {
		case at == nil && i > 0:
			counted = true
		case at == nil:
		case counted && !said:
			said = true
			c.reportFile("MS103", m.Migration, "%d is a timestamp, and the versions before it are sequence numbers", m.Version)
		}
		if at != nil && !c.set.Now.IsZero() && at.After(c.set.Now.Add(24*time.Hour)) {
			c.reportFile("MS105", m.Migration, "%d is a time in the future", m.Version)
		}
	}
}

func (c *check) names() {
	files := map[string]string{}
	for _, m := range c.migrations {
		for _, s := range []*Script{m.Up, m.Down} {
			if s == nil {
				continue
			}
			key := script.Fold(s.File)
			if other, ok := files[key]; ok && other != s.File {
				c.add(Finding{Code: "MS104", Version: m.Version, File: s.File, Line: 1, Column: 1, Message: fmt.Sprintf("the name differs from %s only in case", other)}, nil)
			}
			files[key] = s.File
		}
	}
}

// waysBack looks for missing down scripts, from where the folder begins to have
// them, if most have one from there on.
func (c *check) waysBack() {
	var without []*migration
	first, with := math.MaxInt, 0
	for i, m := range c.versioned() {
		switch {
		case m.Down != nil || m.Undoes:
			first = min(first, i)
			with++
		case i > first && m.Up != nil:
			without = append(without, m)
		}
	}
	if len(without) > with {
		return
	}
	for _, m := range without {
		c.reportFile("MS107", m.Migration, "there is no down script, and %d others have one", with)
	}
}
