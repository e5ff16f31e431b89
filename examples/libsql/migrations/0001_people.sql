CREATE TABLE people (
    id    INTEGER PRIMARY KEY,
    email TEXT NOT NULL
);

-- Something to work on.
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
INSERT INTO people (email) SELECT 'Person' || i || '@Example.com' FROM n;
