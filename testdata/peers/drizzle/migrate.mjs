// Does what a program does when it starts: migrates app.db with the folder.
import { createClient } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql";
import { migrate } from "drizzle-orm/libsql/migrator";

const client = createClient({ url: "file:app.db" });
await migrate(drizzle(client), { migrationsFolder: process.argv[2] });
client.close();
