// Package migratingsqlite is a database/sql driver that brings an SQLite
// database up to date on its first connection.
package migratingsqlite
