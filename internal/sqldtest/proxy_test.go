package sqldtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProxyCountsAndPasses(t *testing.T) {
	t.Parallel()
	s := Start(t)
	p := NewProxy(t, s.URL)
	must(t, p.URL, "CREATE TABLE t(a)")
	if got := must(t, p.URL, "SELECT 'through'"); !strings.Contains(got, "through") {
		t.Error(got)
	}
	if n := p.Requests(); n != 2 {
		t.Error(n, "requests")
	}
	r := p.Log()[0]
	if r.Method != "POST" || r.Path != "/v3/pipeline" || r.Proto != "HTTP/1.1" || !strings.Contains(r.Body, "CREATE TABLE") || r.Header == nil {
		t.Error(r)
	}
	p.Reset()
	if n := p.Requests(); n != 0 {
		t.Error(n, "requests")
	}

	const wait = 50 * time.Millisecond
	p.Delay(wait)
	start := time.Now()
	must(t, p.URL, "SELECT 1")
	if d := time.Since(start); d < wait {
		t.Error("answered after", d)
	}
	p.Delay(0)

	s.Kill()
	if _, _, err := post(p.URL, "", "SELECT 1"); err == nil {
		t.Error("an answer of a killed server")
	}
	s.Restart()
	must(t, p.URL, "SELECT 1")
}

// raw returns the answer to one request as it came from the network.
func raw(t *testing.T, url, path, body string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestProxyKeepsTheFraming(t *testing.T) {
	t.Parallel()
	s := Start(t)
	p := NewProxy(t, s.URL)
	for path, body := range map[string]string{
		"/v3/pipeline": `{"requests":[{"type":"close"}]}`,
		"/v3/cursor":   `{"batch":{"steps":[{"stmt":{"sql":"SELECT 1"}}]}}`,
	} {
		direct, through := raw(t, s.URL, path, body), raw(t, p.URL, path, body)
		for _, header := range []string{"transfer-encoding: chunked", "content-length: ", "content-type: application/json"} {
			if a, b := strings.Contains(strings.ToLower(direct), header), strings.Contains(strings.ToLower(through), header); a != b {
				t.Errorf("%s: %s: %t directly, %t through the proxy:\n%s\n%s", path, header, a, b, direct, through)
			}
		}
	}
}

func TestProxyFaults(t *testing.T) {
	t.Parallel()
	s := Start(t)
	p := NewProxy(t, s.URL)
	const nth = 2
	for _, c := range []struct {
		name   string
		fault  Fault
		answer bool // the client gets all of it
		part   bool // the client gets a part of it
		effect bool // the server got the request
	}{
		{"Pass", Pass, true, true, true},
		{"Flush", Flush, true, true, true},
		{"CutBefore", CutBefore, false, false, false},
		{"CutAfter", CutAfter, false, false, true},
		{"CutMiddle", CutMiddle, false, true, true},
		{"Hang", Hang, false, false, false},
		{"HangAfter", HangAfter, false, false, true},
	} {
		must(t, s.URL, "DROP TABLE IF EXISTS t", "CREATE TABLE t(a)")
		p.Reset()
		p.Fault(func(n int, r Request) Fault {
			if n == nth && strings.Contains(r.Body, "INSERT") {
				return c.fault
			}
			return Pass
		})
		must(t, p.URL, "SELECT 1")

		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
		hangs := c.fault == Hang || c.fault == HangAfter
		if hangs {
			client.Timeout = 200 * time.Millisecond
		}
		resp, err := client.Post(p.URL+"/v3/pipeline", "application/json",
			strings.NewReader(`{"requests":[{"type":"execute","stmt":{"sql":"INSERT INTO t VALUES('here')"}},{"type":"close"}]}`))
		var timeout net.Error
		if hangs != (errors.As(err, &timeout) && timeout.Timeout()) {
			t.Error(c.name, err)
		}
		part := ""
		if err == nil {
			var b []byte
			b, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			part = string(b)
		}
		if (err == nil) != c.answer || (part != "") != c.part {
			t.Errorf("%s: got %q, %v", c.name, part, err)
		}
		effect := strings.Contains(must(t, s.URL, "SELECT a FROM t"), "here")
		if effect != c.effect {
			t.Errorf("%s: effect: %t", c.name, effect)
		}
		must(t, p.URL, "SELECT 1") // others pass
		if n := p.Requests(); n != nth+1 {
			t.Errorf("%s: %d requests", c.name, n)
		}
	}
}

func TestProxyFlushesLineByLine(t *testing.T) {
	t.Parallel()
	s := Start(t)
	p := NewProxy(t, s.URL)
	const body = `{"batch":{"steps":[{"stmt":{"sql":"SELECT 1 UNION ALL SELECT 2"}}]}}`
	for fault, want := range map[Fault]bool{Pass: false, Flush: true} {
		p.Fault(func(int, Request) Fault { return fault })
		answer := raw(t, p.URL, "/v3/cursor", body)
		r := bufio.NewReader(strings.NewReader(answer[strings.Index(answer, "\r\n\r\n")+4:]))
		chunks, lines := 0, strings.Count(answer, "}\n")
		for {
			var size int
			if _, err := fmt.Fscanf(r, "%x\r\n", &size); err != nil {
				t.Fatalf("%v in %q", err, answer)
			}
			if size == 0 {
				break
			}
			chunks++
			r.Discard(size + len("\r\n"))
		}
		if lines < 4 || want != (chunks == lines) || !want && chunks != 1 {
			t.Errorf("fault %d: %d chunks, %d lines:\n%s", fault, chunks, lines, answer)
		}
	}
}

func TestProxyDownRefuses(t *testing.T) {
	t.Parallel()
	s := Start(t)
	p := NewProxy(t, s.URL)
	for range 10 {
		p.Down()
		p.Down()
		if _, _, err := post(p.URL, "", "SELECT 1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatal(err)
		}
		p.Up()
		p.Up()
		must(t, p.URL, "SELECT 1")
	}

	// A request that waits is cut off.
	began := make(chan bool)
	p.Fault(func(int, Request) Fault { close(began); return Hang })
	got := make(chan error)
	go func() {
		_, _, err := post(p.URL, "", "SELECT 1")
		got <- err
	}()
	<-began
	p.Down()
	var timeout net.Error
	if err := <-got; err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Error(err)
	}
}
