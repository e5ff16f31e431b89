-- A thousand rows at a time, each time in a transaction of its own, so that
-- nobody is kept from writing for long. The statement is repeated until it
-- changes no row; the condition leaves out the rows that are done.
--
-- migratingsqlite: batch
UPDATE people SET email = lower(email)
WHERE id IN (SELECT id FROM people WHERE email <> lower(email) LIMIT 1000);
