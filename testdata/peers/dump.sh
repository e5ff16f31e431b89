#!/usr/bin/env bash
# dump.sh app.db writes the database as text: what it takes to make it again.
set -euo pipefail
sqlite3 "$1" .dump
printf 'PRAGMA user_version = %s;\nPRAGMA application_id = %s;\n' "$(sqlite3 "$1" 'PRAGMA user_version')" "$(sqlite3 "$1" 'PRAGMA application_id')"
