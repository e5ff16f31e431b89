package adopt

import (
	"fmt"
	"slices"
	"strings"
)

// gaps looks at a project's own table of versions. What is older than the first
// that it records was there before it, or was never written down since it keeps
// only the newest. What is missing in between was skipped.
func (m *mapper) gaps(undone map[int]bool) {
	first, last := -1, -1
	for i, a := range m.at {
		if a != nil && a.Version > 0 {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if !m.h.candidate.columns.hasAll("version") {
		return // of names, in no order
	}
	m.assume(func(i int) bool { return i < first && !undone[i] })
	for i := first + 1; i < last; i++ {
		if m.at[i] == nil && !undone[i] && m.files[i].Version > 0 {
			m.out.Skipped = append(m.out.Skipped, m.files[i].Version)
		}
	}
}

// byFile takes the file that a project's own table names, if it does, before
// the version that it gives.
func (m *mapper) byFile(e Entry, byVersion int) int {
	if e.File == "" || e.File == e.ID {
		return byVersion
	}
	i, ok := m.byKey[e.File]
	if !ok {
		i, ok = m.byKey[stem(e.File)]
	}
	if !ok {
		_, name := leading(stem(e.File))
		i, ok = m.byName[plain(name)]
	}
	switch {
	case !ok || i < 0:
		return byVersion
	case byVersion >= 0 && byVersion != i:
		m.refuse(m.files[byVersion].Version, e.ID, "%s records version %s with the file %s: by the version that is %s, by the file it is %s; give the files the versions that they had, or say with _migrate_baseline which version the database is at",
			m.h.Table, e.ID, e.File, &m.files[byVersion], &m.files[i])
	}
	return i
}

// dotted maps versions such as 1.0.0, which are no numbers, if there is but one
// way to do so: 2.0.0 is version 2, and the second of two rows is the second
// migration.
func (m *mapper) dotted(rest []Entry) {
	all := slices.DeleteFunc(slices.Clone(m.h.Entries), func(e Entry) bool { return e.State != Applied })
	slices.SortStableFunc(all, func(a, b Entry) int {
		c, _ := compareDotted(strings.TrimLeft(a.ID, "vV"), strings.TrimLeft(b.ID, "vV"))
		return c
	})
	for _, e := range rest {
		parts := strings.Split(strings.TrimLeft(e.ID, "vV"), ".")
		if slices.ContainsFunc(parts, func(p string) bool { return !digits(p) }) || len(parts) < 2 {
			m.out.Unknown = append(m.out.Unknown, e)
			continue
		}
		byNumber, byOrder := -1, -1
		if strings.Trim(strings.Join(parts[1:], ""), "0") == "" {
			if i, ok := m.byVersion[number(parts[0])]; ok {
				byNumber = i
			}
		}
		place := slices.IndexFunc(all, func(other Entry) bool { return other.ID == e.ID })
		if place < len(m.files) && m.files[place].Version > 0 {
			byOrder = place
		}
		switch {
		case byNumber >= 0 && byNumber == byOrder, byNumber < 0 && byOrder >= 0 && len(all) > 1:
			m.match(byOrder, e)
			if a := m.at[byOrder]; a.Entry.ID == e.ID {
				a.Assumed = true
			}
		case byNumber >= 0 && byOrder >= 0:
			m.refuse(0, e.ID, "%s records version %s, which can be read in two ways: as a number it is %s, as the %s of its rows it is %s; say with _migrate_baseline which version the database is at",
				m.h.Table, e.ID, &m.files[byNumber], ordinal(place+1), &m.files[byOrder])
		case byOrder >= 0:
			m.refuse(0, e.ID, "%s records version %s and no other, which can be read in two ways: it is the first migration, %s, or the newest of several that are not recorded; say with _migrate_baseline which version the database is at",
				m.h.Table, e.ID, &m.files[byOrder])
		default:
			m.refuse(0, e.ID, "%s records version %s, which is none of the program's migrations; say with _migrate_baseline which version the database is at", m.h.Table, e.ID)
		}
	}
}

func ordinal(n int) string {
	switch {
	case n%10 == 1 && n%100 != 11:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2 && n%100 != 12:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3 && n%100 != 13:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}

// userVersion maps a number that is one of two things: how many scripts have
// run (zombiezen's sqlitemigration, rusqlite_migration), or a version.
func (m *mapper) userVersion() {
	e := m.h.Entries[0]
	n := e.Version
	versioned, upTo := int64(0), int64(0)
	consecutive := true
	for _, f := range m.files {
		if f.Version == 0 {
			continue
		}
		versioned++
		consecutive = consecutive && f.Version == versioned
		if f.Version <= n {
			upTo++
		}
	}
	_, isVersion := m.byVersion[n]
	// Nobody has a hundred thousand scripts: that is a date.
	isDate := n >= 100_000 && isVersion
	switch {
	case consecutive && n > versioned:
		m.out.Unknown = append(m.out.Unknown, e)
	case consecutive, isDate, isVersion && upTo == n:
	case isVersion && n <= versioned:
		m.refuse(n, e.ID, "user_version is %d, which can be read in two ways: %[1]d scripts have run, the last of them %s, or it is the version of %s; say with _migrate_baseline which version the database is at",
			n, m.nth(n), &m.files[m.byVersion[n]])
		return
	case n <= versioned:
		m.refuse(n, e.ID, "user_version is %d, which no migration has; if it means that %[1]d scripts have run, then the last of them is %s: say so with _migrate_baseline=%d", n, m.nth(n), m.nth(n).Version)
		return
	case isVersion:
		m.refuse(n, e.ID, "user_version is %d, which can be read in two ways: it is the version of %s, or %[1]d scripts have run and the program knows only %[3]d; say with _migrate_baseline which version the database is at",
			n, &m.files[m.byVersion[n]], versioned)
		return
	default:
		m.refuse(n, e.ID, "user_version is %d, which no migration has, and the program has only %d of them; say with _migrate_baseline which version the database is at", n, versioned)
		return
	}
	m.assume(func(i int) bool { return m.files[i].Version <= n })
}

// nth returns the n-th versioned file, from 1.
func (m *mapper) nth(n int64) *File {
	for i := range m.files {
		if m.files[i].Version > 0 {
			n--
		}
		if n == 0 {
			return &m.files[i]
		}
	}
	return &File{}
}
