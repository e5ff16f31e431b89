exports.up = (knex) => knex.schema
  .createTable("users", (t) => { t.increments(); t.string("email").notNullable().unique(); })
  .createTable("notes", (t) => { t.increments(); t.integer("user_id").notNullable().references("users.id").onDelete("CASCADE"); t.text("text"); t.timestamps(true, true); });
exports.down = (knex) => knex.schema.dropTable("notes").dropTable("users");
