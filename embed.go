package migratingsqlite

import (
	"embed"
	"sync"
)

// ownSet is the name of the driver's own set in the bookkeeping tables. It is
// reserved.
const ownSet = "migratingsqlite"

//go:embed sqlfiles
var sqlfiles embed.FS

// bookkeeping is the driver's own set: the tables it keeps its books in. Every
// run applies it first, by the same rules as any other set.
var bookkeeping = sync.OnceValue(func() *Set {
	set, err := load(ownSet, sqlfiles)
	if err != nil {
		panic(err) // the embedded files are wrong: every test fails
	}
	return set
})
