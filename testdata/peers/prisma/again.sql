PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    "id"                    TEXT PRIMARY KEY NOT NULL,
    "checksum"              TEXT NOT NULL,
    "finished_at"           DATETIME,
    "migration_name"        TEXT NOT NULL,
    "logs"                  TEXT,
    "rolled_back_at"        DATETIME,
    "started_at"            DATETIME NOT NULL DEFAULT current_timestamp,
    "applied_steps_count"   INTEGER UNSIGNED NOT NULL DEFAULT 0
);
INSERT INTO _prisma_migrations VALUES('bc5a38f4-a7a2-4963-a0ef-4bad0f594a55','49a72c49ef8b0279e34d0cbbde0657706262c98a206c3e6359752d738d6b8a2f','2026-11-22T07:40:45.931+00:00','20240131101500_init',NULL,NULL,'2026-11-22T07:40:45.918+00:00',1);
INSERT INTO _prisma_migrations VALUES('b3ddfef7-1955-41bd-b3e6-2615794ffeeb','b7e57bf5ff8b78ce0e75fa9c4f69961c843df29cde94e96252d605201a6024fb','2026-11-22T07:40:51.428+00:00','20240201101500_pinned',NULL,NULL,'2026-11-22T07:40:51.417+00:00',1);
INSERT INTO _prisma_migrations VALUES('3c729aea-4183-4910-9bd3-43db9e7655e1','4ff675684071472cfcf3ca22f2a1609e420e486bb41a8f830faffe665a769936',NULL,'20240202101500_rebuild',replace('SQLITE_ERROR: near "nothing": syntax error\n   0: sql_schema_connector::apply_migration::apply_script\n           with migration_name="20240202101500_rebuild"\n             at schema-engine/connectors/sql-schema-connector/src/apply_migration.rs:113\n   1: schema_commands::commands::apply_migrations::Applying migration\n           with migration_name="20240202101500_rebuild"\n             at schema-engine/commands/src/commands/apply_migrations.rs:95\n   2: schema_engine_wasm::wasm::engine::ApplyMigrations\n             at schema-engine/schema-engine-wasm/src/wasm/engine.rs:167','\n',char(10)),'2026-11-22T07:40:52.635+00:00','2026-11-22T07:40:51.429+00:00',0);
INSERT INTO _prisma_migrations VALUES('1c657448-0ffa-4134-9c65-ca32ffcb439d','f5fa0d8cd9229afac32efed0570617c9bb76a2730a2e890808335ead85dac4eb','2026-11-22T07:40:53.787+00:00','20240202101500_rebuild',NULL,NULL,'2026-11-22T07:40:53.765+00:00',1);
CREATE TABLE IF NOT EXISTS "User" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "email" TEXT NOT NULL
);
INSERT INTO User VALUES(1,'a@example.org');
INSERT INTO User VALUES(2,'b@example.org');
CREATE TABLE IF NOT EXISTS "Note" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "userId" INTEGER NOT NULL,
    "text" TEXT NOT NULL,
    "pinned" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "Note_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO Note VALUES(1,1,'one',0,'2026-11-22 07:40:45');
INSERT INTO Note VALUES(2,2,'two; three',0,'2026-11-22 07:40:45');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('User',2);
INSERT INTO sqlite_sequence VALUES('Note',2);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
CREATE INDEX "Note_userId_pinned_idx" ON "Note"("userId", "pinned");
COMMIT;
PRAGMA user_version = 0;
PRAGMA application_id = 0;
