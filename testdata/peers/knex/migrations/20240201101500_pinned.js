exports.up = (knex) => knex.schema.alterTable("notes", (t) => { t.boolean("pinned").notNullable().defaultTo(false); t.index(["user_id", "pinned"]); });
exports.down = (knex) => knex.schema.alterTable("notes", (t) => { t.dropIndex(["user_id", "pinned"]); t.dropColumn("pinned"); });
