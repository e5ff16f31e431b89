CREATE TABLE tags (
    note_id INTEGER NOT NULL REFERENCES notes ON DELETE CASCADE,
    tag     TEXT NOT NULL,
    PRIMARY KEY (note_id, tag)
);
