package adopt

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// verify compares the checksums that the tool has recorded.
func (m *mapper) verify() error {
	if m.h.Tool == Atlas {
		return m.verifyAtlas()
	}
	for i, a := range m.at {
		if a == nil || a.Entry.Checksum == "" || m.files[i].Text == nil {
			continue
		}
		sum := m.sum(a.Entry)
		if sum == nil {
			continue
		}
		text, err := m.files[i].Text()
		if err != nil {
			return err
		}
		if slices.ContainsFunc(variants(text), func(v []byte) bool { return slices.Contains(sum(v), a.Entry.Checksum) }) {
			a.Verified = true
			continue
		}
		if m.files[i].Version == 0 {
			m.at[i] = nil // a repeatable one is applied again
			continue
		}
		m.changed(i, a.Entry, sum(text)[0])
	}
	return nil
}

func (m *mapper) changed(i int, e Entry, found string) {
	f := &m.files[i]
	m.out.Changed = append(m.out.Changed, Problem{f.Version, e.ID, fmt.Sprintf("%s was edited after %s had applied it: the recorded checksum is %s, the file's is %s, and no other line ending makes a difference; put the text back as it was and make the change in a new migration",
		f, m.h.Tool, short(e.Checksum), short(found))})
}

func short(sum string) string {
	if len(sum) > 20 {
		return sum[:16] + "…"
	}
	return sum
}

// sum returns what the tool's checksum of a text may be, or nil if it has none
// that is to be verified.
func (m *mapper) sum(e Entry) func(text []byte) []string {
	one := func(f func([]byte) string) func([]byte) []string {
		return func(text []byte) []string { return []string{f(text)} }
	}
	switch m.h.Tool {
	case Flyway:
		return one(flywaySum)
	case Sqlx:
		return one(sqlxSum)
	case Refinery:
		return func(text []byte) []string {
			sums := refinerySums(e.Name, e.Version, text)
			return sums[:]
		}
	case Prisma:
		if len(e.Checksum) != 64 {
			return one(unpaddedSHA256)
		}
		return one(sha256Hex)
	case Adlio:
		return one(md5Hex)
	case Handwritten:
		// What is no SHA-256 is a placeholder, for rows that were filled in later.
		if len(e.Checksum) != 64 || strings.Trim(e.Checksum, "0123456789abcdef") != "" {
			return nil
		}
		return func(text []byte) []string {
			// A migration that was code when it was applied has that of its name.
			code := fmt.Sprintf("migrate_to_v%d:%s", e.Version, e.Name)
			return []string{sha256Hex(text), sha256Hex(bytes.TrimSpace(text)), sha256Hex([]byte(code))}
		}
	}
	return nil
}

// verifyAtlas compares the lines of atlas.sum. Since each is of all files up
// to it, one that was applied out of order makes those behind it differ: they
// may also be of the files that had been applied by then. Behind the first that
// is changed nothing can be said of the others, nor of any where files before a
// checkpoint were thrown away.
func (m *mapper) verifyAtlas() error {
	order := make([]int, 0, len(m.files))
	for i, f := range m.files {
		if f.Path != "" && f.Text != nil {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(m.files[i].base(), m.files[j].base()) })
	names, texts := make([]string, len(order)), make([][]byte, len(order))
	for k, i := range order {
		text, err := m.files[i].Text()
		if err != nil {
			return err
		}
		names[k], texts[k] = m.files[i].base(), text
	}
	endings := make([][][]byte, len(variants(nil)))
	for _, text := range texts {
		for v, t := range variants(text) {
			endings[v] = append(endings[v], t)
		}
	}
	for k, i := range order {
		a := m.at[i]
		if a == nil || a.Entry.Checksum == "" {
			continue
		}
		earlier := func(j int) bool {
			b := m.at[order[j]]
			return b != nil && (b.Assumed || !b.Entry.At.After(a.Entry.At))
		}
		found := ""
		for _, texts := range endings {
			all := atlasSums(names[:k+1], texts[:k+1])[k]
			found = cmp.Or(found, all)
			var someNames []string
			var some [][]byte
			for j := range k + 1 {
				if j == k || earlier(j) {
					someNames, some = append(someNames, names[j]), append(some, texts[j])
				}
			}
			if part := atlasSums(someNames, some); all == a.Entry.Checksum || part[len(part)-1] == a.Entry.Checksum {
				a.Verified = true
				break
			}
		}
		if !a.Verified && found != "" && !m.files[0].Checkpoint {
			f := &m.files[i]
			m.out.Changed = append(m.out.Changed, Problem{f.Version, a.Entry.ID, fmt.Sprintf("%s, or a file before it, was edited, added or removed after Atlas had applied it: the recorded line of atlas.sum is %s, now it would be %s; put the files back as they were and make the change in a new migration",
				f, short(a.Entry.Checksum), short(found))})
			return nil
		}
	}
	return nil
}
