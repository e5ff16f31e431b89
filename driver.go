package migratingsqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

func init() {
	sql.Register("migratingsqlite", &Driver{})
}

// Driver is the driver registered as "migratingsqlite". Its zero value is
// ready to use, from any number of goroutines.
type Driver struct{}

var _ driver.DriverContext = (*Driver)(nil)

// OpenConnector checks a DSN and loads the migrations that it asks for. It
// does no I/O on the database.
func (d *Driver) OpenConnector(dsn string) (driver.Connector, error) {
	if dsn == "" {
		// otelsql and others open every driver once with an empty DSN, to get
		// hold of the driver.
		return emptyDSN{d}, nil
	}
	return NewConnector(dsn)
}

// Open opens one connection. [sql.Open] does not use it.
func (d *Driver) Open(dsn string) (driver.Conn, error) {
	c, err := d.OpenConnector(dsn)
	if err != nil {
		return nil, err
	}
	if c, ok := c.(*Connector); ok {
		defer c.Close()
	}
	return c.Connect(context.Background())
}

type emptyDSN struct{ d *Driver }

func (e emptyDSN) Connect(context.Context) (driver.Conn, error) { return nil, errEmptyDSN }
func (e emptyDSN) Driver() driver.Driver                        { return e.d }
