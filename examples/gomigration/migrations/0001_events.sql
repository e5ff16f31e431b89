CREATE TABLE events (
    id     INTEGER PRIMARY KEY,
    title  TEXT NOT NULL,
    starts TEXT NOT NULL -- local time in Berlin, 2006-01-02 15:04:05
);
