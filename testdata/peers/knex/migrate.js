// node migrate.js FOLDER [STEPS]: migrates app.db, a program's way. A folder of
// SQL is read by a migration source such as projects write.
const fs = require("fs"), path = require("path"), knex = require("knex");
const [folder, steps] = process.argv.slice(2);

class Sql {
  getMigrations() { return Promise.resolve(fs.readdirSync(folder).filter((f) => f.endsWith(".sql")).sort()); }
  getMigrationName(name) { return name; }
  getMigration(name) {
    const text = fs.readFileSync(path.join(folder, name), "utf8");
    return { up: async (knex) => { for (const s of text.split(/;\s*\n/)) if (s.trim()) await knex.raw(s); }, down: async () => {} };
  }
}

(async () => {
  const source = folder.startsWith("sql") ? { migrationSource: new Sql() } : { directory: folder };
  const db = knex({ client: "better-sqlite3", connection: { filename: "app.db" }, useNullAsDefault: true, migrations: source });
  if (process.env.SHOW) db.on("query", (q) => { if (!/knex_migrations|sqlite_master/.test(q.sql)) console.log(q.sql + ";"); });
  if (steps) for (let i = 0; i < steps; i++) await db.migrate.up();
  else await db.migrate.latest();
  await db.destroy();
})().catch((e) => { console.error(e.message); process.exit(1); });
