//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64))

package main

// For libsql: and https:. A program without it has SQLite only.
import _ "github.com/migratingsqlite/migratingsqlite/libsql"
