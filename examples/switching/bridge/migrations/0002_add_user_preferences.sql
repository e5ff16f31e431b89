-- 1.1.0. It was a script to be started by hand, which did not write down that it
-- had been; and a database that 1.1.0 made has the column from its CREATE.
-- migratingsqlite: unless column rooms.preferences
ALTER TABLE rooms ADD COLUMN preferences TEXT DEFAULT '{}';
