#!/usr/bin/env bash
# Makes the dumps in this folder again, with Knex itself. Its better-sqlite3 is
# libsql, which has the same interface and a binary in the npm registry.
set -euo pipefail
cd "$(dirname "$0")"
npm install --no-package-lock
rm -f app.db* ./*.sql

for folder in migrations sql; do
	node migrate.js "$folder" 1
	sqlite3 app.db "INSERT INTO users (email) VALUES ('a@example.org'), ('b@example.org'); INSERT INTO notes (user_id, text) VALUES (1, 'one'), (2, 'two; three')"
	../dump.sh app.db > "$folder-1.sql"
	if [ "$folder" = sql ]; then # a process was killed while it migrated
		sqlite3 app.db 'UPDATE knex_migrations_lock SET is_locked = 1'
		node migrate.js "$folder" && exit 1
		../dump.sh app.db > "$folder-locked.sql"
		sqlite3 app.db 'UPDATE knex_migrations_lock SET is_locked = 0'
	fi
	node migrate.js "$folder"
	../dump.sh app.db > "$folder-2.sql"
	rm app.db*
done
