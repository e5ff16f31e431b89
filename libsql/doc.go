// Package libsql lets the migratingsqlite driver open libSQL databases: local
// files, remote servers (sqld, Turso) and embedded replicas of them. Import it
// for its effect:
//
//	import _ "github.com/migratingsqlite/migratingsqlite/libsql"
//
// It needs cgo, on linux (amd64, arm64) or darwin (arm64). Never open a file
// with it that the same program opens with the built-in engine: the one would
// drop the other's locks. And the file of an embedded replica belongs to one
// connector, one sql.DB, at a time: of two, each fetches what is new into it
// under the other's reads, which then fail with "database disk image is
// malformed".
//
// # DSN
//
//	libsql:app.db                    a local file; libsql:/abs/app.db, libsql:///abs/app.db
//	libsql::memory:                  a database in memory, a new one for every connection
//	libsql://host                    a remote server over https; https://host, http://host:8080
//	libsql://host?replica=app.db     an embedded replica of it: reads from a local file
//
// Parameters beside those of the driver itself:
//
//	authToken=TOKEN                  for a server
//	authTokenEnv=NAME                the environment variable that holds it
//	tls=0                            libsql:// over http
//	replica=PATH                     where the replica is
//	sync=60s                         how often to fetch what others wrote
//	encryptionKey=KEY                of the replica's file; or encryptionKeyEnv
//	remoteEncryptionKey=KEY          of the server's data; or remoteEncryptionKeyEnv
//	_pragma=busy_timeout(5000)       for a local file, on each connection; any number of them
//
// # Connections
//
// The driver hands out a [*Conn], go-libsql's connection with its traps taken
// out: contexts are honoured, a text of several statements is run to its end, a
// connection that its server has dropped is not used again, and errors are an
// [*Error] without the statement and its arguments. errors.As finds one in the
// errors of an upgrade, too, unless the driver itself refuses it. What cannot be
// mended:
//
//   - A statement whose context ends is left alone, not stopped. It may still
//     take effect, and holds its locks until it is done.
//   - Text that looks like a time is read as a time.Time. Text is cut at a NUL
//     byte. Text that is not UTF-8 ends the whole process when it is read.
//   - The stream of a connection is ended in the background. A program that ends
//     as well may leave it to the server, which ends it after ten seconds.
//   - To open an embedded replica waits for its server. Callers give up, and the
//     call goes on: until its connection breaks the replica cannot be opened.
//   - A transaction of an embedded replica that loses its server between two
//     statements is lost without an error, up to its COMMIT: the statements in
//     between are committed each by itself.
package libsql
