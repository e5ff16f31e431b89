package adopt

import (
	"slices"
	"time"
)

// drizzle maps rows that have a hash and a time. The time is that of the
// journal, and all that Drizzle looks at: it runs nothing that is older than
// the newest. A script that marks an older database as migrated may have
// written the tag for the hash, and the time at which it ran for the time,
// which then says nothing.
func (m *mapper) drizzle() error {
	d := drizzle{mapper: m, hashes: map[string][]int{}, whens: map[int64]int{}}
	for i, f := range m.files {
		if f.When > 0 {
			d.whens[f.When] = i
		}
		if f.Text == nil {
			continue
		}
		text, err := f.Text()
		if err != nil {
			return err
		}
		for _, v := range variants(text) {
			if sum := sha256Hex(v); !slices.Contains(d.hashes[sum], i) {
				d.hashes[sum] = append(d.hashes[sum], i)
			}
		}
	}
	newest := int64(0) // of the times that Drizzle goes by
	for _, e := range m.h.Entries {
		i := d.find(e)
		if i < 0 {
			m.out.Unknown = append(m.out.Unknown, e)
			newest = max(newest, millis(e.At))
			continue
		}
		if d.timed(i, e) {
			newest = max(newest, millis(e.At))
		}
		if m.at[i] == nil { // a row may be there twice
			m.match(i, e)
			m.at[i].Verified = slices.Contains(d.hashes[e.Checksum], i)
		}
	}
	if m.h.candidate.columns.hasAll("name") {
		return nil // Drizzle 1.0 runs whatever it has no record of
	}
	last := -1
	for i, a := range m.at {
		if a != nil {
			last = i
		}
	}
	for i := range m.files {
		f := &m.files[i]
		if m.at[i] == nil && f.Version > 0 && (f.When > 0 && f.When <= newest || i < last && (f.When == 0 || newest == 0)) {
			m.out.Skipped = append(m.out.Skipped, f.Version)
		}
	}
	return nil
}

type drizzle struct {
	*mapper
	hashes map[string][]int // files by their text's checksum, with any line ending
	whens  map[int64]int
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// timed reports whether a row has the time of a file. A folder's name has no
// more than seconds.
func (d *drizzle) timed(i int, e Entry) bool {
	when, ms := d.files[i].When, millis(e.At)
	return ms > 0 && (when == ms || when%1000 == 0 && when/1000 == ms/1000)
}

// find returns the file of a row, or -1: by the name that Drizzle 1.0 writes,
// by the text, by the time if the text was edited since or is not recorded,
// by the tag.
func (d *drizzle) find(e Entry) int {
	if i, ok := d.byKey[e.Name]; ok && e.Name != "" && i >= 0 {
		return i
	}
	same := d.hashes[e.Checksum]
	for _, i := range same {
		if d.timed(i, e) {
			return i
		}
	}
	for _, i := range same {
		if d.at[i] == nil {
			return i
		}
	}
	if i, ok := d.whens[millis(e.At)]; ok {
		return i
	}
	for i := range d.files {
		if d.timed(i, e) {
			return i
		}
	}
	if i, ok := d.byKey[stem(e.Checksum)]; ok && e.Checksum != "" {
		return i
	}
	return -1
}
