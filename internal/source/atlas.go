package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"slices"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/lazy"
)

// Atlas's versioned directory: every .sql file, in the order of their names, with
// a sum over all of them in atlas.sum.

func listAtlas(r *reader) {
	type atlasFile struct {
		name string
		text []byte
	}
	var files []atlasFile
	for _, e := range r.entries { // by name
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".sql") {
			continue
		}
		r.looked++
		text, err := fs.ReadFile(r.fsys, r.path(e.Name()))
		if err != nil {
			r.errs = append(r.errs, err)
			continue
		}
		files = append(files, atlasFile{e.Name(), text})
	}
	if !r.has("atlas.sum") {
		if len(files) > 0 {
			r.errorf("%s: is missing, and Atlas applies nothing without it; run atlas migrate hash, or embed it as well", r.path("atlas.sum"))
		}
	} else {
		sum := atlasSum{running: sha256.New()}
		for _, f := range files {
			sum.add(f.name, f.text)
		}
		r.checkSum(sum.entries)
	}

	var list []numbered
	for i, f := range files {
		p := r.path(f.name)
		version, description, _ := strings.Cut(strings.TrimSuffix(f.name, ".sql"), "_")
		id := ID{Version: version, Name: description}
		directives := atlasDirectives(normalize(slices.Clone(f.text)))
		_, checkpoint := directives["checkpoint"]
		switch {
		case checkpoint && i > 0:
			// Those before it, which are all there, come to the same.
			if len(list) > 0 {
				last := &list[len(list)-1]
				last.Covered = append(last.Covered, Checkpoint{id, p})
			}
			continue
		case !isDigits(version):
			r.errorf("%s: Atlas takes any text for a version, here it has to be a number; name the file like 20240131101500_%s.sql and run atlas migrate hash", p, nonEmpty(description, "name"))
			continue
		}
		n := numbered{digits: version, order: f.name, path: p, Migration: Migration{Name: nonEmpty(description, version), Up: p}, Foreign: Foreign{ID: id, Checkpoint: checkpoint}}
		switch mode := directives["txmode"]; mode {
		case "", "file":
		case "none":
			n.NoTransaction = true
		default:
			r.errorf("%s: atlas:txmode is none or file in a file, not %q", p, mode)
		}
		list = append(list, n)
	}
	r.number(list)
}

// atlasSum computes what is in atlas.sum: a line for each file, with a sum over
// it and all before it.
type atlasSum struct {
	running interface {
		Write([]byte) (int, error)
		Sum([]byte) []byte
	}
	entries []sumEntry
}

type sumEntry struct{ name, sum string }

var atlasIgnored = lazy.Regexp(`^[ -~]*atlas:sum +ignore *(\r?\n|$)`)

func (s *atlasSum) add(name string, text []byte) {
	s.running.Write([]byte(name))
	if atlasIgnored().Match(text) {
		return
	}
	s.running.Write(text)
	s.entries = append(s.entries, sumEntry{name, base64.StdEncoding.EncodeToString(s.running.Sum(nil))})
}

// checkSum compares atlas.sum with the files.
func (r *reader) checkSum(files []sumEntry) {
	p := r.path("atlas.sum")
	text, err := fs.ReadFile(r.fsys, p)
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	const cure = "the folder was changed without Atlas; see that it is right, and run atlas migrate hash"
	total := sha256.New()
	for _, f := range files {
		total.Write([]byte(f.name + f.sum))
	}
	lines := strings.Split(strings.TrimRight(string(normalize(text)), "\n"), "\n")
	for i, f := range files {
		if i+1 >= len(lines) {
			r.errorf("%s: is not in %s: %s", r.path(f.name), p, cure)
			return
		}
		name, sum, ok := strings.Cut(lines[i+1], "h1:")
		switch name = strings.TrimSpace(name); {
		case !ok:
			r.errorf("%s:%d:1: is no line of a sum; %s", p, i+2, cure)
			return
		case name != f.name && !slices.ContainsFunc(files, func(f sumEntry) bool { return f.name == name }):
			r.errorf("%s:%d:1: the file %s is missing; %s", p, i+2, name, cure)
			return
		case name != f.name:
			r.errorf("%s: is not in %s at its place, line %d; %s", r.path(f.name), p, i+2, cure)
			return
		case sum != f.sum:
			r.errorf("%s: is not what %s:%d:1 says; %s (a checkout with other line endings also changes it)", r.path(f.name), p, i+2, cure)
			return
		}
	}
	switch {
	case len(lines) > len(files)+1:
		name, _, _ := strings.Cut(lines[len(files)+1], " ")
		r.errorf("%s:%d:1: the file %s is missing; %s", p, len(files)+2, name, cure)
	case lines[0] != "h1:"+base64.StdEncoding.EncodeToString(total.Sum(nil)):
		r.errorf("%s:1:1: the sum of all is wrong; %s", p, cure)
	}
}

var atlasDirective = lazy.Regexp(`^[ -~]*?atlas:(\w+)(?: +([ -~]*))?`)

// atlasDirectives returns the directives of a file: comments at its very start,
// with an empty line behind them.
func atlasDirectives(text []byte) map[string]string {
	found := map[string]string{}
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, "\n")
		switch {
		case bytes.HasPrefix(line, []byte("#")), bytes.HasPrefix(line, []byte("--")):
			if m := atlasDirective().FindSubmatch(line); m != nil {
				found[string(m[1])] = strings.TrimSpace(string(m[2]))
			}
		case len(bytes.TrimSpace(line)) == 0:
			return found
		default:
			return nil // they belong to the statement
		}
	}
	return found
}

var atlasUnread = lazy.Regexp(`(?m)^(?:--|#)[ -~]*atlas:(delimiter|import|txtar|assert)\b.*$`)

// readAtlas refuses the directives that would need Atlas itself.
func readAtlas(f *file) {
	for _, m := range atlasUnread().FindAllSubmatchIndex(f.src, -1) {
		f.fault(m[0], "atlas:%s is not read; write the script such that a semicolon ends each statement, without it", f.src[m[2]:m[3]])
	}
}
