package migratecli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
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
	width := p.width - indent - 1
	if p.width == 0 || width < 20 {
		p.printf("%s\n", p.paint(c, s))
		return
	}
	for i, line := range strings.Split(text.WrapSoft(s, width), "\n") {
		if i > 0 {
			p.printf("%*s", indent, "")
		}
		p.printf("%s\n", p.paint(c, strings.TrimSpace(line)))
	}
}

// paint colours a text.
func (p *printer) paint(c text.Colors, s string) string {
	if !p.colored || s == "" {
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

// table writes rows under headings. What is too wide for the terminal is cut off
// in the columns that may be: they are counted from 0.
func (p *printer) table(headings []string, rows [][]string, wide ...int) {
	w := table.NewWriter()
	w.SetStyle(table.Style{Box: table.BoxStyle{PaddingLeft: "", PaddingRight: "  ", UnfinishedRow: " …"},
		Format: table.FormatOptions{Header: text.FormatUpper}, Options: table.OptionsNoBordersAndSeparators})
	head := make(table.Row, len(headings))
	for i, h := range headings {
		head[i] = p.paint(faint, strings.ToUpper(h))
	}
	w.AppendHeader(head)
	for _, row := range rows {
		cells := make(table.Row, len(row))
		for i, c := range row {
			cells[i] = c
		}
		w.AppendRow(cells)
	}
	if p.width > 0 {
		w.Style().Size.WidthMax = p.width - 2
	}
	for line := range strings.SplitSeq(w.Render(), "\n") {
		p.printf("  %s\n", strings.TrimRight(line, " "))
	}
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

// size shows a number of bytes in the unit that suits it.
func size(n int64) string {
	if n < 1000 {
		return count(int(n), "byte")
	}
	f, unit := float64(n)/1000, "kB"
	for _, u := range []string{"MB", "GB", "TB"} {
		if f < 1000 {
			break
		}
		f, unit = f/1000, u
	}
	return fmt.Sprintf("%.1f %s", f, unit)
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
