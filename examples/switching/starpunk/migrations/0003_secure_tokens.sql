-- 002: tokens are kept as hashes, so that a stolen file lets nobody in. Those who
-- have one stay logged in. sha256 is a function of this program's; see main.go.
CREATE TABLE tokens_new (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash   TEXT UNIQUE NOT NULL,
    me           TEXT NOT NULL,
    client_id    TEXT,
    scope        TEXT,
    created_at   TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at   TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP,
    revoked_at   TIMESTAMP
);
INSERT INTO tokens_new (token_hash, me, client_id, scope, created_at, expires_at)
SELECT sha256(token), me, client_id, scope, coalesce(created_at, CURRENT_TIMESTAMP), coalesce(expires_at, datetime('now', '+90 days'))
FROM tokens ORDER BY rowid;
DROP TABLE tokens;
ALTER TABLE tokens_new RENAME TO tokens;
CREATE INDEX idx_tokens_me ON tokens (me);
CREATE INDEX idx_tokens_expires ON tokens (expires_at);

CREATE TABLE authorization_codes (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    code_hash      TEXT UNIQUE NOT NULL,
    me             TEXT NOT NULL,
    client_id      TEXT NOT NULL,
    redirect_uri   TEXT NOT NULL,
    scope          TEXT,
    code_challenge TEXT,
    created_at     TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at     TIMESTAMP NOT NULL,
    used_at        TIMESTAMP
);
CREATE INDEX idx_authorization_codes_expires ON authorization_codes (expires_at);
