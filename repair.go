package migratingsqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Repair accepts the text that applied migrations have now, where it was edited
// after they had been applied ([ErrChanged]): those of the given versions, or all
// if none is given. It applies nothing: the edit must be one that makes no
// difference to what was applied, such as one of a comment. The history gets the
// new checksum and way back, and keeps the old checksum in its metadata. Repair
// returns the rows as they were; none if nothing was edited. A given version that
// was not edited, or is half done, is an error.
//
// Of several sets, say by _migrate_set or [WithSet] which one it is.
func (m *Migrator) Repair(ctx context.Context, versions ...int64) ([]Record, error) {
	set, err := m.oneSet()
	if err != nil {
		return nil, err
	}
	var edits []edit
	missing, err := m.looking(ctx, func(r *run) error {
		records, err := r.readAll(ctx, r.readAgain)
		if err == nil {
			edits, err = set.edits(records, r.plan.lease.progress, versions)
		}
		return err
	})
	if missing && versions != nil {
		err = m.explain(errors.New("the file does not exist, so there is nothing to repair"))
	}
	if err != nil || len(edits) == 0 {
		return nil, err
	}
	if err := m.mayWrite(); err != nil {
		return nil, err
	}
	_, err = m.transact(ctx, telemetry{}, func(ctx context.Context, r *run) error {
		records, err := r.readAll(ctx, localStore{r.conn, r.wait}.ask)
		switch {
		case err != nil:
			return err
		case r.sent && !slices.ContainsFunc(edits, func(e edit) bool { return !e.isIn(records) }):
			return nil // it was committed, and the answer was lost
		case r.plan.lease.left > 0:
			return r.plan.lease.why()
		}
		if edits, err = set.edits(records, r.plan.lease.progress, versions); err != nil {
			return err
		}
		if err := r.writeEdits(ctx, set, records, edits); err != nil {
			return fmt.Errorf("writing the history: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, m.explain(err)
	}
	list := make([]Record, len(edits))
	for i, e := range edits {
		list[i] = e.was
	}
	return list, nil
}

// An edit is a migration that was edited after it had been applied.
type edit struct {
	was Record
	is  Migration
}

// isIn reports whether the history has the migration as it is now.
func (e edit) isIn(records []Record) bool {
	return slices.ContainsFunc(records, func(r Record) bool {
		return r.Set == e.was.Set && r.Version == e.was.Version && r.Name == e.was.Name && r.Checksum == e.is.Checksum && r.current()
	})
}

// edits finds what was edited, of the given versions if there are any.
func (s *Set) edits(records []Record, half progress, versions []int64) (list []edit, err error) {
	var refusals []error
	stands, err := s.standsIn(records)
	if err != nil {
		return nil, err
	}
	for i, m := range s.migrations {
		if i == 0 && stands {
			if slices.Contains(versions, m.Version) {
				refusals = append(refusals, fmt.Errorf("migration %s is not what was applied, but stands for it; there is nothing to repair", m))
			}
			continue
		}
		if m.Version == 0 || versions != nil && !slices.Contains(versions, m.Version) {
			continue
		}
		i := slices.IndexFunc(records, func(r Record) bool { return r.Set == s.name && r.Version == m.Version && r.current() })
		switch {
		case half.set == s.name && half.version == m.Version && half.checksum != m.Checksum && half.statements+half.rows > 0 && i < 0:
			refusals = append(refusals, fmt.Errorf("migration %s was edited while it was half done (%s), and what is left of the new text is not known: put the text back as it was, and open the database with it", m, half))
		case i >= 0 && records[i].Checksum != m.Checksum:
			if err := m.read(); err != nil {
				return nil, err
			}
			list = append(list, edit{records[i], m})
		case versions != nil && i < 0:
			refusals = append(refusals, fmt.Errorf("migration %s is not applied, so there is nothing to repair", m))
		case versions != nil:
			refusals = append(refusals, fmt.Errorf("migration %s is as it was applied, so there is nothing to repair", m))
		}
	}
	for _, v := range versions {
		if v <= 0 || !s.has(v) {
			refusals = append(refusals, fmt.Errorf("version %d is not among the program's migrations: %s", v, s.versions()))
		}
	}
	return list, join(refusals)
}

const writeRepaired = `UPDATE main.migratingsqlite_history SET checksum = ?, compatible = ?, down_sql = ?,
	metadata = json_insert(CASE WHEN json_valid(metadata) THEN metadata ELSE '{}' END, '$.repaired[#]',
		json_object('at', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 'by', ?, 'checksum', checksum))
WHERE set_name = ? AND version = ? AND name = ?`

// writeEdits writes the history as it is with the edits, and the state that comes
// of it.
func (r *run) writeEdits(ctx context.Context, set *Set, records []Record, edits []edit) error {
	if err := r.upgradeBooks(ctx); err != nil {
		return err
	}
	for i := range edits {
		e := &edits[i]
		compatible, down := e.is.kept()
		if _, err := r.conn.ExecContext(ctx, writeRepaired, e.is.Checksum, compatible, down, writer().String(), set.name, e.was.Version, e.was.Name); err != nil {
			return err
		}
	}
	var have []Migration
	version := int64(0)
	for _, rec := range records {
		if rec.Set != set.name || !rec.current() {
			continue
		}
		m := Migration{Version: rec.Version, Checksum: rec.Checksum}
		if i := slices.IndexFunc(edits, func(e edit) bool { return e.was == rec }); i >= 0 {
			m.Checksum = edits[i].is.Checksum
		}
		have, version = append(have, m), max(version, m.Version)
	}
	_, err := r.conn.ExecContext(ctx, writeState, set.name, version, digest(have))
	return err
}
