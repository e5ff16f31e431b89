package libsql

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
	"github.com/migratingsqlite/migratingsqlite/internal/near"
)

// form is what kind of database a DSN names.
type form int

const (
	local form = iota
	remote
	replica
)

// config is what a DSN comes to.
type config struct {
	form  form
	path  string // of the local file or the replica
	url   string // of the server: https://host or http://host, without parameters
	host  string
	token string
	key   string // of the replica's file
	far   string // the remote encryption key
	sync  time.Duration

	pragmas []string // statements for a connection that is handed out
	gate    []string // the same without the busy timeout
	check   bool     // the file must not be created
}

// name is for people.
func (c *config) name() string {
	if c.form == local {
		return c.path
	}
	return c.host
}

// file is the path of the local database, "" where there is none.
func (c *config) file() string {
	if c.form == local && c.path != memory {
		return c.path
	}
	return ""
}

const memory = ":memory:"

var parameterNames = []string{
	"authToken", "authTokenEnv", "encryptionKey", "encryptionKeyEnv", "remoteEncryptionKey", "remoteEncryptionKeyEnv",
	"replica", "sync", "tls", "_pragma",
}

// parse checks a DSN. Its errors hold nothing that may be a secret: no
// authority, no value of a parameter.
func parse(dsn engine.DSN) (*config, error) {
	if strings.IndexByte(dsn.Rest, 0) >= 0 {
		return nil, errNUL
	}
	c := &config{check: dsn.Check}
	authority, isURL := strings.CutPrefix(dsn.Rest, "//")
	isURL = isURL && !strings.HasPrefix(authority, "/")
	switch {
	case dsn.Scheme != "libsql" && !isURL:
		return nil, fmt.Errorf("write %s://HOST, or libsql:app.db for a local file", dsn.Scheme)
	case isURL:
		c.form = remote
	default:
		if err := c.setPath(dsn.Rest); err != nil {
			return nil, err
		}
	}
	values, err := c.parameters(dsn.Params)
	if err != nil {
		return nil, err
	}
	if isURL {
		if err := c.setServer(dsn, values); err != nil {
			return nil, err
		}
	}
	return c, c.set(values)
}

var errNUL = errors.New("the DSN holds a NUL byte")

func (c *config) setPath(rest string) error {
	before, _, hasAt := strings.Cut(rest, "@")
	if hasAt && strings.Contains(before, ":") || strings.Contains(rest, "://") {
		return errors.New("the DSN looks like a URL in a URL; write libsql://HOST, or libsql:app.db for a local file")
	}
	path, err := url.PathUnescape(strings.TrimPrefix(rest, "//"))
	switch {
	case err != nil:
		return errors.New("the path is not well-formed: %XX wants two hexadecimal digits, and % itself is written %25")
	case strings.TrimSpace(path) == "":
		return errors.New("the DSN names no file; write libsql:app.db")
	}
	c.path = path
	return checkPath(path)
}

func checkPath(path string) error {
	switch {
	case strings.IndexByte(path, 0) >= 0:
		return errNUL
	case strings.HasPrefix(path, "file:"):
		return errors.New("a path of libSQL has no file: in front; write app.db")
	}
	return nil
}

// setServer reads the URL of a server.
func (c *config) setServer(dsn engine.DSN, values map[string][]string) error {
	tls := dsn.Scheme != "http"
	if v, ok := values["tls"]; ok {
		if dsn.Scheme != "libsql" {
			return errors.New("tls is for libsql://; https:// and http:// say it by themselves")
		}
		var err error
		if tls, err = strconv.ParseBool(v[0]); err != nil {
			return errors.New("tls wants 1 or 0")
		}
	}
	scheme := "http:"
	if tls {
		scheme = "https:"
	}
	if strings.ContainsRune(dsn.Rest, '@') {
		return errors.New("the URL names a user or a password; give a token, best with authTokenEnv=NAME")
	}
	u, err := url.Parse(scheme + dsn.Rest) // its errors quote the URL
	switch {
	case err != nil || u.Hostname() == "" || u.Fragment != "" || !isPrintable(u.Host):
		return errors.New("the URL of the server is not well-formed; write libsql://HOST or libsql://HOST:PORT")
	case strings.Trim(u.Hostname(), ".") == "":
		return errors.New("the URL names no host; for a local file write libsql:./app.db, without slashes before the path")
	}
	c.host = u.Host + strings.TrimSuffix(u.Path, "/")
	c.url = strings.TrimSuffix(u.String(), "/")
	return nil
}

// parameters splits the parameters and checks which of them there are.
func (c *config) parameters(params string) (map[string][]string, error) {
	values := map[string][]string{}
	for part := range strings.SplitSeq(params, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		switch {
		case !slices.Contains(parameterNames, name):
			return nil, unknown(name)
		case err1 != nil || err2 != nil:
			return nil, fmt.Errorf("parameter %s is not well-formed: %%XX wants two hexadecimal digits", name)
		case strings.IndexByte(value, 0) >= 0:
			return nil, fmt.Errorf("parameter %s holds a NUL byte", name)
		case values[name] != nil && name != "_pragma":
			return nil, fmt.Errorf("parameter %s is given twice", name)
		}
		values[name] = append(values[name], value)
	}
	for name := range values {
		if err := c.allows(name, values["replica"] != nil); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// unknown does not repeat what may be a token.
func unknown(name string) error {
	meant := near.Word(name, parameterNames)
	if !isWord(name) {
		return fmt.Errorf("a parameter is not known; those of libSQL are %s", strings.Join(parameterNames, ", "))
	}
	return fmt.Errorf("unknown parameter %q; did you mean %s?", name, meant)
}

func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// isWord reports whether s is too plain for a secret.
func isWord(s string) bool {
	return len(s) <= 40 && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// allows reports whether a parameter makes sense for the form of the DSN.
func (c *config) allows(name string, isReplica bool) error {
	switch name {
	case "_pragma":
		if c.form != local {
			return errors.New("_pragma is for local files: a server keeps no settings of a connection")
		}
	case "sync", "encryptionKey", "encryptionKeyEnv":
		if !isReplica {
			return fmt.Errorf("%s is for embedded replicas; name one with replica=PATH", name)
		}
		fallthrough
	default:
		if c.form == local {
			return fmt.Errorf("%s is for servers, and the DSN names a local file", name)
		}
	}
	return nil
}

// set takes the values of the parameters.
func (c *config) set(values map[string][]string) (err error) {
	if v, ok := values["replica"]; ok {
		c.form, c.path = replica, v[0]
		if c.path == "" || c.path == memory {
			return errors.New("replica wants the path of a file")
		}
		if err := checkPath(c.path); err != nil {
			return err
		}
	}
	if v, ok := values["sync"]; ok {
		if c.sync, err = time.ParseDuration(v[0]); err != nil || c.sync <= 0 {
			return errors.New("sync wants a duration such as 60s")
		}
	}
	for _, s := range []struct {
		name string
		to   *string
	}{{"authToken", &c.token}, {"encryptionKey", &c.key}, {"remoteEncryptionKey", &c.far}} {
		if *s.to, err = secret(values, s.name); err != nil {
			return err
		}
		if !isPrintable(*s.to) { // it goes into a header
			return fmt.Errorf("%s has characters that it cannot have", s.name)
		}
	}
	for _, v := range values["_pragma"] {
		statement, name, err := pragma(v)
		if err != nil {
			return err
		}
		c.pragmas = append(c.pragmas, statement)
		if !strings.EqualFold(name, "busy_timeout") {
			c.gate = append(c.gate, statement)
		}
	}
	return nil
}

// secret reads a parameter or the environment variable that its twin names.
func secret(values map[string][]string, name string) (string, error) {
	given, hasValue := values[name]
	env, hasEnv := values[name+"Env"]
	switch {
	case hasValue && hasEnv:
		return "", fmt.Errorf("%s and %sEnv are both given", name, name)
	case hasEnv:
		v := strings.TrimSpace(os.Getenv(env[0]))
		if v == "" && isWord(env[0]) {
			return "", fmt.Errorf("%sEnv: the environment variable %s is not set", name, env[0])
		}
		if v == "" { // perhaps the secret itself
			return "", fmt.Errorf("%sEnv wants the name of an environment variable", name)
		}
		return v, nil
	case hasValue && given[0] == "":
		return "", fmt.Errorf("%s is empty", name)
	case hasValue:
		return given[0], nil
	}
	return "", nil
}

var pragmaForm = regexp.MustCompile(`^\s*((?:\w+\.)?(\w+))\s*(?:=\s*([-+\w.]+|'[^']*')|\(\s*([-+\w.]+|'[^']*')\s*\))?\s*$`)

// pragma makes a statement of name(value) or name=value.
func pragma(v string) (statement, name string, err error) {
	m := pragmaForm.FindStringSubmatch(v)
	if m == nil {
		return "", "", errors.New("_pragma wants name(value) or name=value, such as _pragma=busy_timeout(5000)")
	}
	statement = "PRAGMA " + m[1]
	if value := m[3] + m[4]; value != "" {
		statement += " = " + value
	}
	return statement, m[2], nil
}
