//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64))

package libsql

import (
	"database/sql/driver"
	"net/url"
	"strings"

	golibsql "github.com/tursodatabase/go-libsql"
)

// missing says why libSQL cannot be used.
const missing = ""

type nativeConnector struct{ *golibsql.Connector }

func (n nativeConnector) Sync() error {
	_, err := n.Connector.Sync()
	return err
}

// openNative opens a database. For a replica it waits for the server.
func openNative(c *config) (native, error) {
	if c.form == replica {
		var opts []golibsql.Option
		if c.token != "" {
			opts = append(opts, golibsql.WithAuthToken(c.token))
		}
		if c.key != "" {
			opts = append(opts, golibsql.WithEncryption(c.key))
		}
		if c.far != "" {
			opts = append(opts, golibsql.WithRemoteEncryption(c.far))
		}
		n, err := golibsql.NewEmbeddedReplicaConnector(c.path, c.url, opts...)
		if err != nil {
			return nil, err
		}
		return nativeConnector{n}, nil
	}
	name := c.path
	switch {
	case c.form == remote:
		name = c.url + "?" + url.Values{"authToken": {c.token}, "remoteEncryptionKey": {c.far}}.Encode()
	case c.path != memory:
		name = uri(c.path)
	}
	// go-libsql's driver has no name of its own; it is got from any connector.
	n, err := (*golibsql.Connector)(nil).Driver().(driver.DriverContext).OpenConnector(name)
	if err != nil {
		return nil, err
	}
	return nativeConnector{n.(*golibsql.Connector)}, nil
}

// uri names a file in a way that SQLite takes to the letter.
func uri(path string) string {
	var b strings.Builder
	b.WriteString("file:")
	if strings.HasPrefix(path, "/") {
		b.WriteString("//") // an empty authority
	}
	const hex = "0123456789ABCDEF"
	for i := range len(path) {
		c := path[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("/._-~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + hex[c>>4:c>>4+1] + hex[c&15:c&15+1])
		}
	}
	return b.String()
}
