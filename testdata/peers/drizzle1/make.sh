#!/usr/bin/env bash
# Makes what is in this folder again, with Drizzle 1.0 itself. Make ../drizzle
# first: the second half begins with what that has left.
set -euo pipefail
cd "$(dirname "$0")"
npm install --no-package-lock
rm -rf migrations upgraded app.db* ./*.sql

generate() { npx drizzle-kit generate --dialect sqlite --schema "schema$1.ts" --out "$2" --name "$3" "${@:4}"; sleep 1; }
trigger() { # FOLDER
	generate 3 "$1" trigger --custom
	cat >> "$1"/*_trigger/migration.sql <<-'SQL'

		CREATE TRIGGER notes_touched AFTER UPDATE OF title ON notes
		BEGIN
		  UPDATE notes SET pinned = CASE WHEN new.title LIKE '%;' THEN 1 ELSE old.pinned END WHERE id = new.id;
		END;
		--> statement-breakpoint
		UPDATE users SET name = upper(substr(email, 1, 1));
	SQL
}

generate 1 migrations init
node migrate.mjs migrations
sqlite3 app.db "INSERT INTO users (email) VALUES ('a@example.org'), ('b@example.org'); INSERT INTO notes (user_id, title) VALUES (1, 'one'), (2, 'two; three')"
../dump.sh app.db > 1.sql
generate 2 migrations pinned
generate 3 migrations rebuild
trigger migrations
generate 4 migrations tags
node migrate.mjs migrations
../dump.sh app.db > 2.sql
rm app.db*

# A project that comes from the stable version: its folder and its database.
cp -r ../drizzle/migrations upgraded
sqlite3 app.db < ../drizzle/2.sql
npx drizzle-kit up --dialect sqlite --out upgraded
node migrate.mjs upgraded
../dump.sh app.db > upgraded.sql
rm -f app.db*
for s in migrations/*/snapshot.json upgraded/*/snapshot.json; do
	echo '{}' > "$s" # nobody reads them here, and they are long
done
