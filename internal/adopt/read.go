package adopt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// readGoose takes the last row of each version: a very old goose wrote one
// with is_applied = 0 for a down where a newer one deletes the row. Version 0
// is the row that goose makes with the table.
func readGoose(h *History, rows []row) error {
	for _, r := range rows {
		version, err := r.int(0)
		if err != nil {
			return fmt.Errorf("version_id: %w", err)
		}
		if version == 0 {
			continue
		}
		e := Entry{ID: r.text(0), Version: version, At: r.time(2)}
		if !r.bool(1) {
			e.State = RolledBack
		}
		h.Entries = append(slices.DeleteFunc(h.Entries, func(old Entry) bool { return old.Version == version }), e)
	}
	return nil
}

// readGolangMigrate reads the one row, of the newest version. -1 is what it
// writes for "none": with dirty, a first migration's down that did not finish.
func readGolangMigrate(h *History, rows []row) error {
	if len(rows) > 1 {
		h.refuse(Entry{}, "%s has %d rows, and golang-migrate keeps one: delete all but that of the version the database is at", h.Table, len(rows))
	}
	for _, r := range rows {
		version, err := r.int(0)
		if err != nil {
			return fmt.Errorf("version: %w", err)
		}
		e := Entry{ID: r.text(0), Version: version}
		switch {
		case r.bool(1):
			e.State = Failed
		case version < 0:
			continue
		}
		h.Entries = append(h.Entries, e)
	}
	return nil
}

// readVersions reads a row for each version, with the time in the second
// column if the tool records it.
func readVersions(h *History, rows []row) error {
	if h.Tool == Maragudk && len(rows) > 1 {
		h.refuse(Entry{}, "%s has %d rows, and maragudk/migrate keeps one: delete all but that of the version the database is at", h.Table, len(rows))
	}
	for _, r := range rows {
		e := Entry{ID: r.text(0)}
		if e.ID == "" {
			continue // maragudk/migrate's, before the first
		}
		e.identify(e.ID)
		if len(r) > 1 {
			e.At = r.time(1)
		}
		h.Entries = append(h.Entries, e)
	}
	return nil
}

// identify takes number and name out of what the tool calls a migration.
func (e *Entry) identify(id string) {
	e.Version, e.Name = leading(id)
	e.named = e.Name != ""
}

// readNames reads a row for each file, by its name: name, time, checksum.
func readNames(h *History, rows []row) error {
	for _, r := range rows {
		e := Entry{ID: r.text(0), At: r.time(1)}
		e.identify(stem(e.ID))
		if len(r) > 2 {
			e.Checksum = r.text(2)
		}
		h.Entries = append(h.Entries, e)
	}
	return nil
}

// readGormigrate leaves out the row that says that InitSchema has run: it
// stands beside those of all migrations that were there at that time.
func readGormigrate(h *History, rows []row) error {
	for _, r := range rows {
		e := Entry{ID: r.text(0)}
		if e.ID == "SCHEMA_INIT" {
			continue
		}
		e.identify(e.ID)
		h.Entries = append(h.Entries, e)
	}
	return nil
}

func readFlyway(h *History, rows []row) error {
	replace := func(e Entry) {
		h.Entries = append(slices.DeleteFunc(h.Entries, func(old Entry) bool {
			return old.repeatable == e.repeatable && old.ID == e.ID
		}), e)
	}
	for _, r := range rows {
		e := Entry{ID: r.text(0), Name: r.text(1), File: r.text(3), Checksum: r.text(4), At: r.time(5)}
		kind := strings.ToUpper(r.text(2))
		if kind == "SCHEMA" {
			continue // Flyway made the schema
		}
		if r.null(0) {
			e.ID, e.repeatable = e.Name, true
		} else {
			e.ID = normalVersion(e.ID)
			e.Version, _ = leading(e.ID)
		}
		undo := strings.HasPrefix(kind, "UNDO")
		switch {
		case !r.bool(6):
			e.State = Failed
			if undo {
				e.note = "undoing "
			}
		case undo, kind == "DELETE": // `flyway repair` writes DELETE for one whose file is gone
			e.State = RolledBack
		case strings.HasSuffix(kind, "BASELINE"):
			e.State = Baseline
		}
		if kind != "SQL" && kind != "SCRIPT" {
			e.Checksum = "" // of another file than the migration's
		}
		replace(e)
	}
	return nil
}

// normalVersion is a version of Flyway as it is compared: 1_0 and 01 are 1.
func normalVersion(s string) string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '_' })
	for i, p := range parts {
		if digits(p) {
			parts[i] = cmp.Or(strings.TrimLeft(p, "0"), "0")
		}
	}
	for len(parts) > 1 && parts[len(parts)-1] == "0" {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, ".")
}

// Bits of type in atlas_schema_revisions.
const (
	atlasBaseline = 1
	atlasResolved = 4 // a user has said that it is applied
)

func readAtlas(h *History, rows []row) error {
	for _, r := range rows {
		e := Entry{ID: r.text(0), Name: r.text(1), At: r.time(5), Checksum: r.text(6)}
		if e.ID == ".atlas_cloud_identifier" {
			continue
		}
		e.Version = number(e.ID)
		var n [3]int64
		for i := range n {
			var err error
			if n[i], err = r.int(2 + i); err != nil {
				return fmt.Errorf("%s of version %s: %w", [...]string{"type", "applied", "total"}[i], e.ID, err)
			}
		}
		kind, applied, total := n[0], n[1], n[2]
		switch {
		case kind&atlasBaseline != 0:
			e.State, e.Checksum = Baseline, ""
		case applied < total && kind&atlasResolved == 0:
			e.State = Failed
			e.note = fmt.Sprintf("%d of its %d statements", applied, total)
		}
		h.Entries = append(h.Entries, e)
	}
	return nil
}

func readSqlx(h *History, rows []row) error {
	for _, r := range rows {
		version, err := r.int(0)
		if err != nil {
			return fmt.Errorf("version: %w", err)
		}
		e := Entry{ID: r.text(0), Version: version, Name: r.text(1), At: r.time(2), Checksum: strings.ToLower(r.text(4))}
		if !r.bool(3) {
			e.State = Failed
		}
		h.Entries = append(h.Entries, e)
	}
	return nil
}

func readRefinery(h *History, rows []row) error {
	for _, r := range rows {
		version, err := r.int(0)
		if err != nil {
			return fmt.Errorf("version: %w", err)
		}
		h.Entries = append(h.Entries, Entry{ID: r.text(0), Version: version, Name: r.text(1), At: r.time(2), Checksum: r.text(3)})
	}
	return nil
}

// readDrizzle keeps the hash as ID where there is no name: that is all that
// stands in the row, beside the time.
func readDrizzle(h *History, rows []row) error {
	for _, r := range rows {
		e := Entry{ID: cmp.Or(r.text(2), r.text(0)), Name: r.text(2), Checksum: r.text(0), At: r.time(1)}
		e.Version, _ = leading(e.Name)
		h.Entries = append(h.Entries, e)
	}
	return nil
}

// readPrisma makes one entry of the rows of a migration. One that has failed
// stands in Prisma's way until it is resolved, whatever the others say.
func readPrisma(h *History, rows []row) error {
	for _, r := range rows {
		e := Entry{ID: r.text(0), Checksum: r.text(1), At: r.time(4)}
		e.identify(e.ID)
		switch {
		case !r.null(3):
			e.State = RolledBack
		case r.null(2):
			e.State = Failed
		default:
			e.At = r.time(2)
		}
		i := slices.IndexFunc(h.Entries, func(old Entry) bool { return old.ID == e.ID })
		switch {
		case i < 0:
			h.Entries = append(h.Entries, e)
		case e.State == Failed, h.Entries[i].State == RolledBack, h.Entries[i].State == Applied && e.State == Applied:
			h.Entries[i] = e
		}
	}
	return nil
}

// The words that projects write for the state of a migration.
var (
	doneWords   = []string{"", "applied", "completed", "complete", "success", "succeeded", "successful", "ok", "done", "executed", "up", "baseline", "1", "true"}
	failedWords = []string{"failed", "failure", "error", "running", "started", "in_progress", "in-progress", "applying", "partial", "dirty", "0", "false"}
	undoneWords = []string{"rolled_back", "rolled-back", "rolledback", "rollback", "reverted", "undone", "down", "pending", "skipped"}
)

// readHandwritten reads what a project's own runner has written: the last row
// of each version.
func readHandwritten(h *History, rows []row) error {
	for _, r := range rows {
		e := Entry{ID: strings.TrimSpace(r.text(ownVersion)), File: strings.TrimSpace(r.text(ownFile)),
			Name: r.text(ownDescription), Checksum: strings.TrimPrefix(strings.ToLower(strings.TrimSpace(r.text(ownChecksum))), "sha256:"), At: r.time(ownAt)}
		version := strings.TrimLeft(e.ID, "vV")
		switch {
		case e.ID == "":
			e.ID = e.File
			e.identify(stem(e.File))
		case digits(strings.TrimSuffix(version, ".0")):
			e.Version = number(strings.TrimSuffix(version, ".0"))
		case strings.Trim(version, "0123456789.") != "": // 001_init, not 1.0.0
			e.identify(stem(e.ID))
		}
		if e.Version == 0 && strings.Trim(e.ID, "vV0.-") == "" {
			continue // none yet
		}
		if e.ID == "" {
			continue
		}
		status := strings.ToLower(strings.TrimSpace(r.text(ownStatus)))
		switch {
		case slices.Contains(failedWords, status), !r.null(ownSuccess) && !r.bool(ownSuccess):
			e.State = Failed
			e.note = cmp.Or(status, "not successful")
		case slices.Contains(undoneWords, status):
			e.State = RolledBack
		case !slices.Contains(doneWords, status):
			h.refuse(e, "%s says of %s that it is %q, which is neither applied nor failed nor rolled back for certain", h.Table, e.ID, status)
			continue
		}
		h.Entries = append(slices.DeleteFunc(h.Entries, func(old Entry) bool { return old.ID == e.ID }), e)
	}
	return nil
}
