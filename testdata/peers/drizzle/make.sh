#!/usr/bin/env bash
# Makes what is in this folder again, with Drizzle itself.
set -euo pipefail
cd "$(dirname "$0")"
npm install --no-package-lock
rm -rf migrations skipped* app.db* ./*.sql

generate() { npx drizzle-kit generate --dialect sqlite --schema "schema$1.ts" --out migrations --name "$2" "${@:3}"; sleep 1; } # two of one second would have one version

generate 1 init
node migrate.mjs migrations
sqlite3 app.db "INSERT INTO users (email) VALUES ('a@example.org'), ('b@example.org'); INSERT INTO notes (user_id, title) VALUES (1, 'one'), (2, 'two; three')"
../dump.sh app.db > 1.sql

generate 2 pinned
generate 3 rebuild
node migrate.mjs migrations
cp app.db skipped.db

# Drizzle has no triggers; it has files that one fills in. They do not end in a
# line's end.
generate 3 trigger --custom
cat >> migrations/0003_trigger.sql <<'SQL'

CREATE TRIGGER notes_touched AFTER UPDATE OF title ON notes
BEGIN
  UPDATE notes SET pinned = CASE WHEN new.title LIKE '%;' THEN 1 ELSE old.pinned END WHERE id = new.id;
END;
--> statement-breakpoint
UPDATE users SET name = upper(substr(email, 1, 1));
SQL
generate 4 tags
node migrate.mjs migrations
../dump.sh app.db > 2.sql

# 0003 is of a branch that was merged after 0002 was released, and was generated
# before it. Drizzle leaves it out for ever, for its time is before the newest.
cp -r migrations skipped
node -e '
const fs = require("fs"), name = "skipped/meta/_journal.json", j = JSON.parse(fs.readFileSync(name));
j.entries[3].when = j.entries[2].when - 1;
fs.writeFileSync(name, JSON.stringify(j, null, 2) + "\n");
'
mv skipped.db app.db
node migrate.mjs skipped
../dump.sh app.db > skipped.sql
mv skipped/meta/_journal.json skipped.json
rm -rf skipped app.db*
