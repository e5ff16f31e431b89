package main

import (
	"context"
	"fmt"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

// utc writes all times in UTC.
type utc struct {
	zone  *time.Location // of times without an offset
	batch int            // rows that are in memory at once
}

var times = []struct{ table, column string }{
	{"rooms", "created_at"}, {"members", "joined_at"}, {"messages", "timestamp"},
	{"files", "uploaded_at"}, {"decisions", "proposed_at"}, {"votes", "voted_at"},
}

// The forms in which Python's isoformat writes a time. A fraction of a second is
// read behind either.
const (
	withOffset    = "2006-01-02T15:04:05Z07:00"
	withoutOffset = "2006-01-02T15:04:05"
	written       = "2006-01-02T15:04:05.999999+00:00" // of what is in UTC
)

func (u utc) parse(s string) (time.Time, error) {
	t, err := time.Parse(withOffset, s)
	if err != nil {
		t, err = time.ParseInLocation(withoutOffset, s, u.zone)
	}
	return t.UTC(), err
}

// migrate is a migration. It works in the transaction of the upgrade, so there
// is no half of it to be found later: the batches keep its memory small.
func (u utc) migrate(ctx context.Context, tx migratingsqlite.Tx) error {
	for _, t := range times {
		for last := int64(0); ; {
			next, err := u.one(ctx, tx, t.table, t.column, last)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", t.table, t.column, err)
			}
			if next == last {
				break
			}
			last = next
		}
	}
	return nil
}

// one changes a batch of rows behind the last one that was looked at.
func (u utc) one(ctx context.Context, tx migratingsqlite.Tx, table, column string, last int64) (int64, error) {
	// Read all, then write: what a SELECT sees of changes that are made while it
	// runs is not defined.
	rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT rowid, %s FROM %s WHERE rowid > ? ORDER BY rowid LIMIT ?", column, table), last, u.batch)
	if err != nil {
		return last, err
	}
	defer rows.Close()
	changed := map[int64]string{}
	for rows.Next() {
		var old string
		if err := rows.Scan(&last, &old); err != nil {
			return last, err
		}
		t, err := u.parse(old)
		if err != nil {
			return last, fmt.Errorf("row %d: %w", last, err)
		}
		if s := t.Format(written); s != old {
			changed[last] = s
		}
	}
	if err := rows.Err(); err != nil {
		return last, err
	}
	for rowid, s := range changed {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET %s = ? WHERE rowid = ?", table, column), s, rowid); err != nil {
			return last, err
		}
	}
	return last, nil
}
