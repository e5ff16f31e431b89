#!/usr/bin/env bash
# Makes the dumps in this folder again, with wrangler itself, which keeps a local
# D1 database in an SQLite file.
set -euo pipefail
cd "$(dirname "$0")"
npm install --no-package-lock
rm -rf .wrangler .later ./*.sql
export CI=true WRANGLER_SEND_METRICS=false

apply() { npx wrangler d1 migrations apply app --local; }
dump() {
	local file
	file=$(find .wrangler -name '*.sqlite' ! -name metadata.sqlite)
	sqlite3 "$file" 'PRAGMA wal_checkpoint(TRUNCATE)'
	../dump.sh "$file" > "$1.sql"
}

mkdir .later
mv migrations/0003* migrations/0010* .later
apply
npx wrangler d1 execute app --local --command "INSERT INTO users VALUES (1, 'a@example.org'), (2, 'b@example.org'); INSERT INTO notes VALUES (1, 1, 'one'), (2, 2, 'two; three')"
dump 1
npx wrangler d1 export app --local --output export1.sql # a remote one gives it in this form; it cannot have virtual tables
mv .later/* migrations
apply
dump 2
rm -rf .wrangler .later
