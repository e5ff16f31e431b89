package adopt

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/bits"
	"strconv"
	"strings"

	"github.com/migratingsqlite/migratingsqlite/internal/lazy"
)

var bom = []byte("\uFEFF")

// variants returns the texts that one file can have had on another machine:
// as it is, and with either line ending, with and without a byte order mark.
func variants(text []byte) [][]byte {
	lf := bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	crlf := bytes.ReplaceAll(lf, []byte("\n"), []byte("\r\n"))
	all := [][]byte{text}
	for _, t := range [][]byte{lf, crlf} {
		bare := bytes.TrimPrefix(t, bom)
		all = append(all, t, bare, append(bytes.Clone(bom), bare...))
	}
	return all
}

// flywaySum is Flyway's checksum: CRC-32 of the lines, without what ends them.
func flywaySum(text []byte) string {
	text = bytes.TrimPrefix(text, bom)
	text = bytes.Map(func(r rune) rune {
		if r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, text)
	return strconv.Itoa(int(int32(crc32.ChecksumIEEE(text))))
}

// sqlxSum is that of sqlx, as its blob is written in hexadecimal.
func sqlxSum(text []byte) string {
	sum := sha512.Sum384(text)
	return hex.EncodeToString(sum[:])
}

func sha256Hex(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// unpaddedSHA256 is what Prisma wrote before it padded bytes below 16.
func unpaddedSHA256(text []byte) string {
	var b strings.Builder
	for _, c := range sha256.Sum256(text) {
		fmt.Fprintf(&b, "%x", c)
	}
	return b.String()
}

func md5Hex(text []byte) string {
	sum := md5.Sum(text)
	return hex.EncodeToString(sum[:])
}

// refinerySums are those of refinery: the hash that Rust's SipHasher13 makes
// of a name (String), a version (i32, or i64 with the feature int8-versions)
// and a text (&str).
func refinerySums(name string, version int64, text []byte) [2]string {
	var sums [2]string
	for i, width := range []int{4, 8} {
		b := append([]byte(name), 0xFF)
		if width == 4 {
			b = binary.LittleEndian.AppendUint32(b, uint32(version))
		} else {
			b = binary.LittleEndian.AppendUint64(b, uint64(version))
		}
		b = append(append(b, text...), 0xFF)
		sums[i] = strconv.FormatUint(sipHash13(b), 10)
	}
	return sums
}

// sipHash13 is SipHash with one round for each block and three at the end, and
// the key 0, as Rust's standard library has it. J.-P. Aumasson, D. J. Bernstein,
// "SipHash: a fast short-input PRF", 2012, https://www.aumasson.jp/siphash/siphash.pdf
func sipHash13(data []byte) uint64 {
	v0, v1, v2, v3 := uint64(0x736f6d6570736575), uint64(0x646f72616e646f6d), uint64(0x6c7967656e657261), uint64(0x7465646279746573)
	round := func() {
		v0 += v1
		v1 = bits.RotateLeft64(v1, 13) ^ v0
		v0 = bits.RotateLeft64(v0, 32)
		v2 += v3
		v3 = bits.RotateLeft64(v3, 16) ^ v2
		v0 += v3
		v3 = bits.RotateLeft64(v3, 21) ^ v0
		v2 += v1
		v1 = bits.RotateLeft64(v1, 17) ^ v2
		v2 = bits.RotateLeft64(v2, 32)
	}
	length := len(data)
	for ; len(data) >= 8; data = data[8:] {
		m := binary.LittleEndian.Uint64(data)
		v3 ^= m
		round()
		v0 ^= m
	}
	var last [8]byte
	copy(last[:], data)
	last[7] = byte(length)
	m := binary.LittleEndian.Uint64(last[:])
	v3 ^= m
	round()
	v0 ^= m
	v2 ^= 0xFF
	for range 3 {
		round()
	}
	return v0 ^ v1 ^ v2 ^ v3
}

// sumIgnored finds the directive, on the first line, by which a file's text is
// left out of atlas.sum. Its name is in it all the same.
var sumIgnored = lazy.Regexp(`\A[ -~]*atlas:sum +ignore(?:\r?\n|\z)`)

// atlasSums are the lines of atlas.sum for files in the order of their names,
// "" for one that has none. Each is of all files so far.
func atlasSums(names []string, texts [][]byte) []string {
	running := sha256.New()
	sums := make([]string, len(names))
	for i, name := range names {
		running.Write([]byte(name))
		if sumIgnored().Match(texts[i]) {
			continue
		}
		running.Write(texts[i])
		sums[i] = base64.StdEncoding.EncodeToString(running.Sum(nil))
	}
	return sums
}
