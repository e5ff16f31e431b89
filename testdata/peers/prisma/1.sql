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
CREATE TABLE IF NOT EXISTS "User" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "email" TEXT NOT NULL
);
INSERT INTO User VALUES(1,'a@example.org');
INSERT INTO User VALUES(2,'b@example.org');
CREATE TABLE IF NOT EXISTS "Note" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "userId" INTEGER NOT NULL,
    "text" TEXT,
    "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "Note_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO Note VALUES(1,1,'one','2026-11-22 07:40:45');
INSERT INTO Note VALUES(2,2,'two; three','2026-11-22 07:40:45');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('User',2);
INSERT INTO sqlite_sequence VALUES('Note',2);
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
COMMIT;
PRAGMA user_version = 0;
PRAGMA application_id = 0;
