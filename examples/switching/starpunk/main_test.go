package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/migratingsqlite/migratingsqlite"
	"github.com/migratingsqlite/migratingsqlite/examples/switching/internal/before"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// What the old program's releases made of an empty file.
const (
	common = `
CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT UNIQUE NOT NULL, file_path TEXT UNIQUE NOT NULL, published BOOLEAN DEFAULT 0,
	created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, deleted_at TIMESTAMP, content_hash TEXT);
CREATE INDEX IF NOT EXISTS idx_notes_created_at ON notes(created_at DESC);
CREATE INDEX IF NOT EXISTS idx_notes_published ON notes(published);
CREATE INDEX IF NOT EXISTS idx_notes_slug ON notes(slug);
-- Sessions, by the hash of their cookie
CREATE TABLE IF NOT EXISTS sessions (id INTEGER PRIMARY KEY AUTOINCREMENT, session_token_hash TEXT UNIQUE NOT NULL, me TEXT NOT NULL,
	created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, expires_at TIMESTAMP NOT NULL, last_used_at TIMESTAMP);
CREATE INDEX IF NOT EXISTS idx_sessions_expires ON sessions(expires_at);`
	plainTokens = `
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, me TEXT NOT NULL, client_id TEXT, scope TEXT, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, expires_at TIMESTAMP);
CREATE INDEX IF NOT EXISTS idx_tokens_me ON tokens(me);`
	state = `
CREATE TABLE IF NOT EXISTS auth_state (state TEXT PRIMARY KEY, redirect_uri TEXT, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, expires_at TIMESTAMP NOT NULL);
CREATE INDEX IF NOT EXISTS idx_auth_state_expires ON auth_state(expires_at);`
	v010 = common + plainTokens + state

	// A column of a later release stands where its CREATE has it.
	stateWithVerifier = `
CREATE TABLE IF NOT EXISTS auth_state (state TEXT PRIMARY KEY, code_verifier TEXT NOT NULL DEFAULT '', redirect_uri TEXT, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, expires_at TIMESTAMP NOT NULL);
CREATE INDEX IF NOT EXISTS idx_auth_state_expires ON auth_state(expires_at);`
	hashedTokens = `
CREATE TABLE tokens_secure (id INTEGER PRIMARY KEY AUTOINCREMENT, token_hash TEXT UNIQUE NOT NULL, me TEXT NOT NULL, client_id TEXT, scope TEXT,
	created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, expires_at TIMESTAMP NOT NULL, last_used_at TIMESTAMP, revoked_at TIMESTAMP);
ALTER TABLE tokens_secure RENAME TO tokens;
CREATE INDEX idx_tokens_me ON tokens(me);
CREATE INDEX idx_tokens_expires ON tokens(expires_at);
CREATE TABLE authorization_codes (id INTEGER PRIMARY KEY AUTOINCREMENT, code_hash TEXT UNIQUE NOT NULL, me TEXT NOT NULL, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL,
	scope TEXT, code_challenge TEXT, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, expires_at TIMESTAMP NOT NULL, used_at TIMESTAMP);
CREATE INDEX idx_authorization_codes_expires ON authorization_codes(expires_at);`
	addVerifier = `ALTER TABLE auth_state ADD COLUMN code_verifier TEXT NOT NULL DEFAULT '';`

	notes = `
INSERT INTO notes (slug, file_path, published, content_hash) VALUES ('hello', '2025/01/hello.md', 1, 'abc'), ('two;words', '2025/01/"two".md', 0, NULL), ('gone', '2025/02/gone.md', 1, NULL);
UPDATE notes SET deleted_at = '2025-02-03 04:05:06' WHERE slug = 'gone';
DELETE FROM notes WHERE slug = 'two;words'; -- AUTOINCREMENT goes on at 4
INSERT INTO sessions (session_token_hash, me, expires_at) VALUES ('s1', 'https://me.example', '2030-01-01 00:00:00');
INSERT INTO auth_state (state, redirect_uri, expires_at) VALUES ('st', NULL, '2030-01-01 00:00:00');`
	oldTokens = `
INSERT INTO tokens (token, me, client_id, scope, created_at, expires_at) VALUES
	('secret-of-a', 'https://me.example', 'https://a.example', 'create', '2025-01-01 00:00:00', '2030-01-01 00:00:00'),
	('secret-of-b', 'https://me.example', NULL, NULL, '2025-01-02 00:00:00', NULL);`
	newTokens = `
INSERT INTO tokens (token_hash, me, client_id, scope, created_at, expires_at) VALUES
	('64f9f6f7cd9a2e0b', 'https://me.example', 'https://a.example', 'create', '2025-01-01 00:00:00', '2030-01-01 00:00:00'), ('other', 'https://me.example', NULL, NULL, '2025-01-02 00:00:00', '2030-01-01 00:00:00');
INSERT INTO authorization_codes (code_hash, me, client_id, redirect_uri, expires_at) VALUES ('c1', 'https://me.example', 'x', 'y', '2030-01-01 00:00:00');`
)

var states = map[string]struct {
	made    []string
	history []string
}{
	"v0.1.0":                        {[]string{v010, notes, oldTokens}, []string{"1 baseline baseline", "2 code_verifier applied", "3 secure_tokens applied"}},
	"v0.1.0, never used":            {[]string{v010}, []string{"1 baseline baseline", "2 code_verifier applied", "3 secure_tokens applied"}},
	"001 by migration":              {[]string{v010, notes, oldTokens, addVerifier}, []string{"1 baseline baseline", "2 code_verifier baseline", "3 secure_tokens applied"}},
	"001 by CREATE":                 {[]string{common + plainTokens + stateWithVerifier, notes, oldTokens}, []string{"1 baseline baseline", "2 code_verifier baseline", "3 secure_tokens applied"}},
	"v1.0.0, migrated":              {[]string{v010, notes, addVerifier, "DROP TABLE tokens", hashedTokens, newTokens}, []string{"1 baseline baseline", "2 code_verifier baseline", "3 secure_tokens baseline"}},
	"v1.0.0, new":                   {[]string{common + stateWithVerifier + hashedTokens, notes, newTokens}, []string{"1 baseline baseline", "2 code_verifier baseline", "3 secure_tokens baseline"}},
	"v1.0.0, vacuumed and analyzed": {[]string{v010, notes, addVerifier, "DROP TABLE tokens", hashedTokens, newTokens, "ANALYZE", "VACUUM"}, []string{"1 baseline baseline", "2 code_verifier baseline", "3 secure_tokens baseline"}},
}

func TestEveryState(t *testing.T) {
	fresh := before.NewFile(t)
	if err := run(t.Context(), io.Discard, string(fresh)); err != nil {
		t.Fatal(err)
	}
	for name, c := range states {
		t.Run(name, func(t *testing.T) {
			f := before.NewFile(t)
			f.Exec(t, c.made...)
			contents := before.Contents(t, f)
			hadTokens := slices.Contains(c.made, oldTokens)
			for query := range contents {
				if strings.Contains(query, "quote(\"token\")") {
					delete(contents, query) // they become hashes, see below
				}
			}
			for range 2 {
				if err := run(t.Context(), io.Discard, string(f)); err != nil {
					t.Fatal(err)
				}
			}
			before.Want(t, f, before.History("starpunk"), c.history...)
			before.Intact(t, f, contents)
			before.SameStructure(t, f, fresh)
			if !hadTokens {
				return
			}
			// printf %s secret-of-a | sha256sum
			before.Want(t, f, "SELECT id, token_hash, me, client_id, scope, created_at FROM tokens",
				"1|b606670fce5b8adfbea3e23d715295f9516f730f1de071b1dbd5a7a3ec4e9126|https://me.example|https://a.example|create|2025-01-01 00:00:00 +0000 UTC",
				"2|2b99e079b53ab2aba619fe34d96a5b216a19294e9823162c1aebdd65f325dfbe|https://me.example|<nil>|<nil>|2025-01-02 00:00:00 +0000 UTC")
			before.Want(t, f, "SELECT count(*) FROM tokens WHERE expires_at > CURRENT_TIMESTAMP AND revoked_at IS NULL", "2")
			if file, err := os.ReadFile(string(f)); err != nil || bytes.Contains(file, []byte("secret-of-")) {
				t.Error("the file still has the tokens", err)
			}
		})
	}
}

// What looks like no release is refused, and left as it is.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		made  []string
		words []string
	}{
		"an index made by hand":    {[]string{v010, notes, "CREATE INDEX mine ON notes (updated_at)"}, []string{"nearest to that of version 1, but index mine is not expected"}},
		"002 killed halfway":       {[]string{v010, notes, addVerifier, "ALTER TABLE tokens RENAME TO tokens_old"}, []string{"nearest to that of version 2, but", "table tokens"}},
		"a column of another type": {[]string{strings.Replace(v010, "content_hash TEXT", "content_hash BLOB", 1), notes}, []string{"nearest to that of version 1, but column notes.content_hash is BLOB, expected TEXT"}},
		"without an index":         {[]string{v010, notes, addVerifier, "DROP INDEX idx_tokens_me"}, []string{"nearest to that of version 2, but index idx_tokens_me is missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := before.NewFile(t)
			f.Exec(t, c.made...)
			contents, objects := before.Contents(t, f), before.Rows(t, f, "SELECT * FROM sqlite_schema")
			before.Refused(t, run(t.Context(), io.Discard, string(f)), migratingsqlite.ErrUnknownSchema, append(c.words, "_migrate_baseline=", "the database is unchanged")...)
			before.Intact(t, f, contents)
			if now := before.Rows(t, f, "SELECT * FROM sqlite_schema"); !slices.Equal(now, objects) {
				t.Errorf("was changed: %q", now)
			}
		})
	}
}
