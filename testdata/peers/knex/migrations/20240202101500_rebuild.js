// Knex makes the table anew.
exports.up = (knex) => knex.schema.alterTable("notes", (t) => { t.text("text").notNullable().alter(); });
exports.down = (knex) => knex.schema.alterTable("notes", (t) => { t.text("text").nullable().alter(); });
