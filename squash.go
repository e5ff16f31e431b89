package migratingsqlite

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A squash is what a script says that does what many have done before it:
//
//	-- migratingsqlite: squashed 1-41 sha256:…
//
// It is version 41 then, and the first of its set. The digest is that of the 41
// migrations. A database with a history of just these has what it does; one that
// has some of them is refused, for nothing can bring it to 41 any more.
type squash struct {
	from         int64
	digests      []string // several where a part was squashed before
	line, column int      // of the directive
}

const directiveSquashed = "squashed"

// squash reads what stands behind the directive.
func (m *Migration) squash(args string, line, column int) error {
	versions, digest, _ := strings.Cut(args, " ")
	digest = strings.Trim(digest, " \t")
	first, last, _ := strings.Cut(versions, "-")
	from, err := strconv.ParseInt(first, 10, 64)
	to, toErr := strconv.ParseInt(last, 10, 64)
	sum, isSum := strings.CutPrefix(digest, "sha256:")
	_, sumErr := hex.DecodeString(sum)
	switch {
	case err != nil || toErr != nil || !isSum || sumErr != nil || len(sum) != 2*sha256.Size:
		return errors.New("the directive squashed wants versions and their digest, squashed 1-41 sha256:…, as migratingsqlite squash writes it")
	case from < 1 || from > to || to != m.Version:
		return fmt.Errorf("squashed %s: the versions must end with that of the migration itself, %d", versions, m.Version)
	}
	if m.squashed == nil {
		m.squashed = &squash{from, nil, line, column}
	}
	m.squashed.from = min(m.squashed.from, from)
	m.squashed.digests = append(m.squashed.digests, strings.Clone(digest)) // the text goes
	return nil
}

// checkSquash refuses what a squashed migration stands for beside it.
func (s *Set) checkSquash() error {
	var errs []error
	for i := range s.migrations {
		m := &s.migrations[i]
		if i == 0 || m.squashed == nil {
			continue
		}
		before := "the functions"
		if j := slices.IndexFunc(s.migrations[:i], func(m Migration) bool { return m.File != "" }); j >= 0 {
			before = s.migrations[j].File + " and what else is"
		}
		errs = append(errs, s.malformed(m, m.File, m.squashed.line, m.squashed.column, "",
			fmt.Errorf("it stands for all before it: take %s before it out of the set", before)))
	}
	return errors.Join(errs...)
}

// Squashed returns the directives of a script that does what the migrations of
// the set do up to a version, and is to take their place. The script gets that
// version. Databases which have all of them go on with it; those that have some of
// them are refused, with [ErrMissing], and have to be opened with an older program
// before.
func (s *Set) Squashed(to int64) (string, error) {
	if !s.has(to) {
		return "", fmt.Errorf("migratingsqlite: set %s has no version %d; %s", s.name, to, s.versions())
	}
	list := s.migrations[:slices.IndexFunc(s.migrations, func(m Migration) bool { return m.Version == to })+1]
	first := &list[0]
	text := fmt.Sprintf("-- migratingsqlite: squashed %d-%d %s\n", first.Version, to, digest(list))
	if first.squashed != nil {
		for _, d := range first.squashed.digests {
			before, err := hex.DecodeString(strings.TrimPrefix(d, "sha256:"))
			if err != nil {
				return "", err
			}
			text += fmt.Sprintf("-- migratingsqlite: squashed %d-%d %s\n", first.squashed.from, to, chain(before, list[1:]))
		}
	}
	return text, nil
}

// standIn returns the migration that stands for others, which are not in the set:
// a squashed one, or another tool's. It is nil if there is none.
func (s *Set) standIn() *Migration {
	if m := &s.migrations[0]; m.Version > 0 && (m.squashed != nil || m.foreign != nil && m.foreign.Checkpoint) {
		return m
	}
	return nil
}

// stands reports whether a database has what the set's first migration stands
// for. older is what its history has up to that, by version, and newest its newest
// version. The error is a refusal.
func (s *Set) stands(older []Migration, newest int64) (bool, error) {
	in := s.standIn()
	if in == nil || len(older) == 0 {
		return false, nil
	}
	last := older[len(older)-1].Version
	switch {
	case in.squashed != nil && slices.Contains(in.squashed.digests, digest(older)):
		return true, nil
	case len(older) == 1 && last == in.Version:
		return false, nil // it may be itself
	case in.squashed == nil && newest >= in.Version:
		return true, nil
	case in.squashed == nil:
		return false, refuse(ErrMissing, "it is at version %d, and %s stands for what comes after that, too; open it once with a program that has the migrations which were there before", newest, in)
	case last < in.Version:
		return false, refuse(ErrMissing, "it is at version %d, and the versions %d to %d were squashed into %s; open it once with a program that has them, which brings it to version %[3]d or above, and then with this one",
			newest, in.squashed.from, in.Version, in)
	}
	return false, refuse(ErrMissing, "its versions up to %d are not those that were squashed into %s: one was edited, or is not there; open it with a program that has them, which says what differs", in.Version, in)
}

// standsIn is stands for a history.
func (s *Set) standsIn(records []Record) (bool, error) {
	in := s.standIn()
	var older []Migration
	newest := int64(0)
	for _, r := range records {
		if in == nil || r.Set != s.name || !r.current() {
			continue
		}
		newest = max(newest, r.Version)
		if r.Version > 0 && r.Version <= in.Version {
			older = append(older, Migration{Version: r.Version, Checksum: r.Checksum})
		}
	}
	return s.stands(older, newest)
}
