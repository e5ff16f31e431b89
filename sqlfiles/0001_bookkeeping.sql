-- The tables in which migratingsqlite keeps its books: a long-lived format,
-- changed only by adding a file beside this one. A database that has lost one
-- of the tables gets it back.
--
-- Every column is INTEGER or TEXT and every table ends at its parenthesis:
-- there are migrations that append STRICT to all tables through
-- PRAGMA writable_schema, and any other type or option would then make the
-- whole file unreadable.

-- A row for each migration. Repeatable migrations have version 0.
CREATE TABLE IF NOT EXISTS migratingsqlite_history (
    set_name       TEXT NOT NULL,
    version        INTEGER NOT NULL,
    name           TEXT NOT NULL,
    checksum       TEXT NOT NULL,
    status         TEXT NOT NULL,    -- applied, baseline, failed, rolled_back
    compatible     INTEGER NOT NULL, -- 1: code that does not know it can go on working
    applied_at     TEXT NOT NULL,    -- ISO 8601, UTC, by the database's clock
    duration_ms    INTEGER NOT NULL,
    down_sql       TEXT,             -- the way back, for programs without the file
    applied_by     TEXT NOT NULL,    -- user of the operating system
    app_version    TEXT NOT NULL,
    hostname       TEXT NOT NULL,
    rolled_back_at TEXT,
    error          TEXT,             -- of the last failed attempt
    metadata       TEXT NOT NULL,    -- JSON object
    PRIMARY KEY (set_name, version, name)
);

-- A row for each set: what every first connection compares with its binary.
CREATE TABLE IF NOT EXISTS migratingsqlite_state (
    set_name TEXT NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    digest   TEXT NOT NULL -- '' while an upgrade of several transactions is under way
);

-- One row, while an upgrade of several transactions is under way or was cut off.
CREATE TABLE IF NOT EXISTS migratingsqlite_lease (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    owner         TEXT NOT NULL,    -- who has it: user, host and process
    token         TEXT NOT NULL,    -- what every transaction of the owner must show
    step          INTEGER NOT NULL, -- how many of them there were: each names the one before
    renewed_at    TEXT NOT NULL,    -- ISO 8601, UTC, by the database's clock, like the next
    expires_at    TEXT NOT NULL,
    -- The migration that is being done, or was cut off, and how far it is.
    set_name      TEXT,
    version       INTEGER,
    checksum      TEXT,
    statement     INTEGER,          -- this many of its statements are done
    rows_affected INTEGER,          -- so far
    foreign_keys  TEXT              -- JSON: violations that were there before it
);
