// The schema engine in JavaScript: its own binary is not in the registry.
import { PrismaLibSQL } from "@prisma/adapter-libsql";
import { defineConfig } from "prisma/config";

export default defineConfig({
  experimental: { adapter: true },
  engine: "js",
  adapter: async () => new PrismaLibSQL({ url: "file:app.db" }),
  schema: "schema1.prisma",
  migrations: { path: "migrations" },
});
