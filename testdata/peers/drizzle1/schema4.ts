import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const users = sqliteTable("users", {
  id: integer().primaryKey({ autoIncrement: true }),
  email: text().notNull(),
  name: text().notNull().default("it's; --> nobody"),
});

export const notes = sqliteTable("notes", {
  id: integer().primaryKey(),
  userId: integer("user_id").notNull().references(() => users.id, { onDelete: "cascade" }),
  title: text().notNull(),
  pinned: integer({ mode: "boolean" }).notNull().default(false),
  createdAt: integer("created_at", { mode: "timestamp" }).notNull().default(sql`(unixepoch())`),
}, (t) => [index("notes_pinned").on(t.userId, t.pinned).where(sql`${t.pinned} = 1`)]);

export const tags = sqliteTable("tags", {
  noteId: integer("note_id").references(() => notes.id),
  tag: text().notNull(),
});
