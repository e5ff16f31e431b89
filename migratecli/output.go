package migratecli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/migratingsqlite/migratingsqlite"
)

// A printer writes for people.
type printer struct {
	io.Writer
	colored bool
	width   int   // of the terminal; 0 if there is none
	broken  error // of the first write that failed
}

// newPrinter colours only for a terminal, and not with NO_COLOR.
//
// https://no-color.org
func newPrinter(w io.Writer) *printer {
	p := &printer{Writer: w}
	if f, ok := w.(*os.File); ok && isTTY(f) {
		p.colored = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		p.width, _, _ = term.GetSize(int(f.Fd()))
	}
	return p
}

func isTTY(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func (p *printer) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(p, format, args...); p.broken == nil {
		p.broken = err
	}
}

// wrapped writes a paragraph, which begins at a column. Its lines are as wide as
// the terminal.
func (p *printer) wrapped(indent int, c text.Colors, s string) {
	width := p.width - indent
	if p.width == 0 || width < 20 {
		p.printf("%s\n", p.paint(c, s))
		return
	}
	for i, line := range wrap(s, width) {
		if i > 0 {
			p.printf("%*s", indent, "")
		}
		p.printf("%s\n", p.paint(c, line))
	}
}

// wrap breaks a text between words, into lines that are at most so wide.
func wrap(s string, width int) []string {
	lines := strings.Split(text.WrapSoft(s, width), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return lines
}

// paint colours a text.
func (p *printer) paint(c text.Colors, s string) string {
	if !p.colored || len(c) == 0 || s == "" {
		return s
	}
	return c.EscapeSeq() + s + text.Reset.EscapeSeq()
}

// The colours say how well it is.
var (
	good  = text.Colors{text.FgGreen}
	open  = text.Colors{text.FgYellow}
	bad   = text.Colors{text.FgRed}
	faint = text.Colors{text.Faint}
	bold  = text.Colors{text.Bold}
)

// table writes rows under headings. On a terminal that is too narrow the widest
// columns are cut off.
func (p *printer) table(headings []string, rows [][]string) {
	const indent, between, least = 2, 2, 12
	head := make([]string, len(headings))
	for i, h := range headings {
		head[i] = p.paint(faint, strings.ToUpper(h))
	}
	rows = slices.Insert(slices.Clone(rows), 0, head)
	widths, total := make([]int, len(headings)), indent
	for i := range widths {
		for _, row := range rows {
			widths[i] = max(widths[i], text.StringWidthWithoutEscSequences(row[i]))
		}
		total += widths[i] + between
	}
	natural := slices.Clone(widths)
	for excess := total - between - p.width; p.width > 0 && excess > 0 && slices.Max(natural) > least; {
		widest := slices.Index(natural, slices.Max(natural))
		n := min(excess, natural[widest]-least)
		widths[widest] -= n
		excess -= n
		natural[widest] = 0 // the next one
	}
	for _, row := range rows {
		line := strings.Repeat(" ", indent)
		for i, cell := range row {
			line += text.Pad(text.Snip(cell, widths[i], "…"), widths[i]+between, ' ')
		}
		p.printf("%s\n", strings.TrimRight(line, " "))
	}
}

// cut makes a text fit into a line of the terminal with so many other characters.
func (p *printer) cut(s string, others int) string {
	if p.width == 0 {
		return s
	}
	return text.Snip(s, max(p.width-others, 12), "…")
}

// failed says which migration failed, and why. The error may begin with that.
func (p *printer) failed(name, why string) {
	rest, ok := strings.CutPrefix(why, "migration "+name+" failed")
	if !ok {
		rest = ": " + why
	}
	p.printf("  %s ", p.paint(bad, "✗"))
	p.wrapped(4, nil, name+" failed"+rest)
}

// say writes what a command has done: for programs, or for people.
func (t *tool) say(cmd *cobra.Command, v any, show func(*printer)) (err error) {
	if t.json {
		err = writeJSON(cmd.OutOrStdout(), v)
	} else {
		p := newPrinter(cmd.OutOrStdout())
		show(p)
		err = p.broken
	}
	return writing(err)
}

// writing makes the error of a result that could not be written, nil of nil.
func writing(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing the results: %w", err)
}

// writeJSON writes a value as one line.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// took shows a duration in the unit that suits it.
func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// when shows a moment in the time of the person who reads it.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

// count writes "1 migration", "2 migrations".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// versioned is a version as its file's name has it.
func versioned(v int64) string {
	if v == 0 {
		return "R"
	}
	return fmt.Sprintf("%04d", v)
}

// labelOf is a migration as its file is called.
func labelOf(version int64, name string) string {
	return migratingsqlite.Migration{Version: version, Name: name}.String()
}

// printable shows a text from a database as it is: nothing in it moves a cursor or
// hides what follows.
func printable(text string) string {
	var b strings.Builder
	for _, c := range text {
		if unicode.IsPrint(c) || c == '\n' || c == '\t' {
			b.WriteRune(c)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(c), "'"))
		}
	}
	return b.String()
}

// reworded is an error with another text.
type reworded struct {
	error
	text string
}

// Error returns the other text.
func (r *reworded) Error() string { return r.text }

// Unwrap returns the error.
func (r *reworded) Unwrap() error { return r.error }
