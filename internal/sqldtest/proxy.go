package sqldtest

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A Fault is what a [Proxy] does with a request.
type Fault int

// The faults. For a client, whether the request had an effect is unknown after
// all but Pass and Flush.
const (
	Pass      Fault = iota
	CutBefore       // the connection is closed, the request not forwarded
	CutAfter        // the request is forwarded and answered, and the connection closed without the answer
	CutMiddle       // likewise, after half of the answer's body
	Flush           // every line of the answer's body comes some time after the one before it, its end likewise
	Hang            // the request is not forwarded, and never answered
	HangAfter       // the request is forwarded and answered, and the answer kept back
)

// A Request is one that a [Proxy] got.
type Request struct {
	Method, Path, Proto, Body string
	Header                    http.Header
}

// A Proxy stands between clients and a server. It speaks HTTP/1.1 and passes
// answers on as a whole. While the server is down, it closes connections.
type Proxy struct {
	URL string

	t      testing.TB
	addr   string
	target string
	up     http.RoundTripper
	ctx    context.Context // ends with the test

	mu     sync.Mutex
	l      net.Listener
	srv    *http.Server   // nil while it is down
	active sync.WaitGroup // handlers
	log    []Request
	delay  time.Duration
	fault  func(n int, r Request) Fault
}

// NewProxy starts a proxy in front of a server's URL, which passes everything
// until it is told otherwise and ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{t: t, target: target, ctx: ctx,
		// A connection for each request: idle ones do not survive a server's end.
		up: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	p.addr = freeAddr(t)
	p.URL = "http://" + p.addr
	t.Cleanup(func() {
		cancel()
		p.Down()
		p.active.Wait()
	})
	p.Up()
	return p
}

// Down makes the proxy refuse connections, and closes those it has.
func (p *Proxy) Down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.srv != nil {
		// A child of another test that has been forked and not yet executed would
		// hold the socket open, and the kernel accept connections for it.
		syscall.ForkLock.RLock()
		p.l.Close() // the server may not have got hold of it yet
		syscall.ForkLock.RUnlock()
		p.srv.Close()
		p.srv = nil
	}
}

// Up ends [Proxy.Down].
func (p *Proxy) Up() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.srv != nil {
		return
	}
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.l = l
	p.srv = &http.Server{Handler: http.HandlerFunc(p.serve), ErrorLog: log.New(io.Discard, "", 0)}
	go p.srv.Serve(l)
}

// Delay makes every request wait before it is forwarded.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Fault has f say what happens to each request; nil is for Pass. The first
// request after the start or [Proxy.Reset] has the number 1. f may be called
// from several goroutines at once.
func (p *Proxy) Fault(f func(n int, r Request) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// Requests returns the number of requests since the start or [Proxy.Reset].
func (p *Proxy) Requests() int { return len(p.Log()) }

// Log returns the requests since the start or [Proxy.Reset], in the order in
// which they came.
func (p *Proxy) Log() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log[:len(p.log):len(p.log)]
}

// Reset forgets the requests so far. Delay and faults remain.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = nil
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		cut()
	}
	req := Request{Method: r.Method, Path: r.URL.Path, Proto: r.Proto, Body: string(body), Header: r.Header.Clone()}

	p.mu.Lock()
	if p.srv == nil {
		p.mu.Unlock()
		cut()
	}
	p.active.Add(1)
	defer p.active.Done()
	p.log = append(p.log, req)
	n, delay, choose := len(p.log), p.delay, p.fault
	p.mu.Unlock()

	fault := Pass
	if choose != nil {
		fault = choose(n, req)
	}
	gone := r.Context().Done() // once the client has closed its connection, too
	select {
	case <-gone:
		cut()
	case <-time.After(delay):
	}
	ctx := r.Context()
	switch fault {
	case CutBefore:
		cut()
	case Hang:
		<-gone
		cut()
	case CutAfter, CutMiddle, HangAfter:
		ctx = p.ctx // the request takes effect whatever the client does
	}

	resp, answer := p.forward(ctx, r, body)
	switch fault {
	case CutAfter:
		cut()
	case HangAfter:
		<-gone
		cut()
	}
	h := w.Header()
	for k, v := range resp.Header {
		h[k] = v
	}
	if resp.ContentLength < 0 {
		h.Set("Transfer-Encoding", "chunked") // even if it is short
	}
	w.WriteHeader(resp.StatusCode)
	switch fault {
	case CutMiddle:
		if len(answer) > 0 {
			w.Write(answer[:len(answer)/2])
			w.(http.Flusher).Flush()
		}
		cut()
	case Flush:
		for line := range bytes.Lines(answer) {
			w.Write(line)
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond) // or the client's system might join them
		}
	default:
		w.Write(answer)
	}
}

// forward returns the server's answer.
func (p *Proxy) forward(ctx context.Context, r *http.Request, body []byte) (*http.Response, []byte) {
	req, err := http.NewRequestWithContext(ctx, r.Method, p.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		cut()
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Connection")
	req.Host = r.Host
	resp, err := p.up.RoundTrip(req)
	if err != nil {
		cut()
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		cut()
	}
	resp.Header.Del("Connection") // to the server
	return resp, answer
}

// cut ends a handler and closes the client's connection.
func cut() { panic(http.ErrAbortHandler) }
