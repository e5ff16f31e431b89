package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/migratingsqlite/migratingsqlite"
)

// importTokens is the migration that fills the table tokens. It reads the file
// and leaves it where it is: if the upgrade fails after all, the old program
// still needs it.
func importTokens(path string, zone *time.Location) migratingsqlite.MigrateFunc {
	return func(ctx context.Context, tx migratingsqlite.Tx) error {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a new bridge, or one that nobody had a token for
		}
		if err != nil {
			return err
		}
		var file struct {
			Tokens map[string]struct {
				ClientID string `json:"client_id"`
				Created  string `json:"created_at"`
				Expires  string `json:"expires_at"`
			} `json:"tokens"`
			Revoked []string `json:"revoked"`
		}
		if err := json.Unmarshal(text, &file); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		u := utc{zone: zone}
		for token, t := range file.Tokens {
			created, err := u.parse(t.Created)
			if err != nil {
				return fmt.Errorf("%s: token of %s: %w", path, t.ClientID, err)
			}
			expires, err := u.parse(t.Expires)
			if err != nil {
				return fmt.Errorf("%s: token of %s: %w", path, t.ClientID, err)
			}
			_, err = tx.ExecContext(ctx, "INSERT INTO tokens (token, client_id, created_at, expires_at, revoked) VALUES (?, ?, ?, ?, ?)",
				token, t.ClientID, created.Format(written), expires.Format(written), slices.Contains(file.Revoked, token))
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// putAway renames the file, once its tokens are in the database. It is called at
// every start: the server that moved them may have been killed before it came to
// this, and another one may be quicker. What was put away before is not
// overwritten.
func putAway(path string) error {
	err := os.Link(path, path+".imported")
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
