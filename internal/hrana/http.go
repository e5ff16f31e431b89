package hrana

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/migratingsqlite/migratingsqlite/internal/engine"
)

const (
	maxAnswer = 1 << 30 // the server's own limit is 10 MB unless it is told otherwise
	maxText   = 64 << 10
)

// newTransport has no overall timeout: that is for contexts. Connections that
// idle for long are not used again, since the other end may close them while a
// request is on its way, and its outcome would not be known.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     15 * time.Second,
	}
}

// parseBase returns a server's URL without a slash at its end. Its errors do
// not show the URL, which may hold secrets.
func parseBase(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", errors.New("the server's address is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("the server's URL begins neither with http:// nor with https://")
	case u.Host == "":
		return "", errors.New("the server's URL names no host")
	case u.User != nil:
		return "", errors.New("the server's URL holds a user's name or password; a server takes a token")
	}
	u.RawQuery, u.Fragment = "", ""
	return strings.TrimRight(u.String(), "/"), nil
}

// redirect returns where a stream goes on, when the server was asked at base
// and names another URL.
func redirect(base, next string) (string, error) {
	if next == "" {
		return base, nil
	}
	next, err := parseBase(next)
	if err == nil && strings.HasPrefix(base, "https:") && !strings.HasPrefix(next, "https:") {
		err = errors.New("it is not encrypted")
	}
	if err != nil {
		return "", fmt.Errorf("the server wants the connection to go on at another URL: %w", err)
	}
	return next, nil
}

// errStranger: something else has answered than a libSQL server.
var errStranger = errors.New("this is not a libSQL server: its answer is of another kind")

// errVersion: the server does not speak this version of the protocol. Nothing
// has happened.
var errVersion = errors.New("no such version of the protocol")

// ask opens a stream, in the newest version of the protocol that the server
// speaks.
func (c *Client) ask(ctx context.Context, requests func(version int) []request) (*reply, int, error) {
	v := 3
	if c.old.Load() {
		v = 2
	}
	r, err := c.post(ctx, c.base, v, "", requests(v))
	if errors.Is(err, errVersion) && v == 3 {
		v = 2
		if r, err = c.post(ctx, c.base, v, "", requests(v)); err == nil {
			c.old.Store(true)
		}
	}
	return r, v, err
}

// post sends requests on a stream, or on a new one if there is no baton. They
// are sent once: net/http sends a POST again only if nothing of it was written.
func (c *Client) post(ctx context.Context, base string, version int, baton string, requests []request) (*reply, error) {
	p := pipeline{Requests: requests}
	if baton != "" {
		p.Baton = &baton
	}
	body, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var sent atomic.Bool // perhaps, since there was a connection
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/v%d/pipeline", base, version), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the server's address is not a URL")
	}
	req.Header.Set("Content-Type", "application/json")
	c.authorize(req.Header)

	// Not by an http.Client, which would follow redirections.
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		err = plain(err)
		if !sent.Load() {
			return nil, &engine.UnavailableError{Permanent: permanent(err), Err: fmt.Errorf("the server cannot be reached: %w", err)}
		}
		return nil, fmt.Errorf("the server did not answer: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, c.refusal(resp, baton)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the server did not answer to the end: %w", err)
	}
	var r reply
	err = json.Unmarshal(answer, &r)
	switch {
	case err == nil && len(r.Results) == len(requests):
		return &r, nil
	case err != nil && bytes.HasPrefix(bytes.TrimSpace(answer), []byte("{")):
		return nil, errNotHrana // it may be cut off
	}
	return nil, errStranger
}

// plain says in words of its own what net/http says in others' words.
func plain(err error) error {
	var head tls.RecordHeaderError
	if errors.As(err, &head) && string(head.RecordHeader[:4]) == "HTTP" {
		return fmt.Errorf("it does not encrypt; write http://HOST, or libsql://HOST?tls=0 (%w)", err)
	}
	if err == io.EOF {
		return errors.New("it closed the connection")
	}
	return err
}

// permanent reports whether a connection will fail again.
func permanent(err error) bool {
	var (
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		head tls.RecordHeaderError
	)
	return errors.As(err, &dns) && dns.IsNotFound || errors.As(err, &cert) || errors.As(err, &head)
}

// refusal is the error of an answer that is not 200.
func (c *Client) refusal(resp *http.Response, baton string) error {
	code, text := c.errorText(resp)
	said := ""
	if text != "" {
		said = ": " + text
	}
	lasting := func(format string, args ...any) error {
		return &engine.UnavailableError{Permanent: true, Err: fmt.Errorf(format, args...)}
	}
	switch status := resp.StatusCode; {
	case (status == http.StatusUnauthorized || status == http.StatusForbidden) && !c.token:
		return lasting("the server wants a token, and there is none%s; give one with authToken=TOKEN or authTokenEnv=NAME%w", said, quiet{engine.ErrToken})
	case status == http.StatusUnauthorized:
		return lasting("the server refuses the token%s; get a new one%w", said, quiet{engine.ErrToken})
	case status == http.StatusForbidden:
		return lasting("%w%s", engine.ErrForbidden, said)
	case status == http.StatusNotFound && baton == "":
		return lasting("this is not a libSQL server, or it has no such database (HTTP 404%s)%w", said, quiet{errVersion})
	case status/100 == 3:
		return lasting("the server sends to another place (HTTP %d): is it the right URL, and https?", status)
	case status == http.StatusTooManyRequests:
		return &engine.UnavailableError{Err: fmt.Errorf("the server has too much to do (HTTP 429%s)", said)}
	case code != "":
		return &Error{code, text}
	case status/100 == 4:
		return &httpError{status, fmt.Sprintf("the server answered HTTP %d%s; is it one of libSQL, and the URL right?", status, said)}
	default:
		return &httpError{status, fmt.Sprintf("the server answered HTTP %d%s", status, said)}
	}
}

// An httpError leaves open what has happened, unless the request changes
// nothing.
type httpError struct {
	status int
	text   string
}

func (e *httpError) Error() string { return e.text }

// quiet is an error without a text.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }

// errorText returns what the server says in an answer that is not 200.
func (c *Client) errorText(resp *http.Response) (code, text string) {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxText))
	var e struct{ Message, Code, Error string }
	switch {
	case json.Unmarshal(body, &e) == nil && e.Message != "":
		code, text = e.Code, e.Message
	case e.Error != "":
		text = e.Error
	case resp.Header.Get("Content-Type") == "" || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain"):
		text, _, _ = strings.Cut(strings.TrimSpace(string(body)), "\n")
	}
	if inner, ok := strings.CutPrefix(text, "Unauthorized: `"); ok {
		text = strings.TrimSuffix(inner, "`")
	}
	if text = c.redact(text); len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "") + "..."
	}
	return code, text
}
