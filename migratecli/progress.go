package migratecli

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// bar shows the progress on a terminal, in one line that goes when it is done.
type bar struct {
	shown  *progressbar.ProgressBar // nil if nobody looks
	what   string
	failed atomic.Int64
}

func newBar(cmd *cobra.Command, n int, out io.Writer) *bar {
	b := &bar{what: cmd.Name()}
	if !isTerminal(cmd.ErrOrStderr()) || out != nil && isTerminal(out) {
		return b
	}
	b.shown = progressbar.NewOptions(n, progressbar.OptionSetDescription(b.what), progressbar.OptionSetWriter(cmd.ErrOrStderr()),
		progressbar.OptionSetWidth(16), progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░", BarStart: " ", BarEnd: " "}),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("databases"),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetRenderBlankState(true), progressbar.OptionUseANSICodes(true), progressbar.OptionClearOnFinish())
	return b
}

func (b *bar) step(failed bool) {
	if b.shown == nil {
		return
	}
	if failed {
		b.shown.Describe(fmt.Sprintf("%s, %d failed", b.what, b.failed.Add(1)))
	}
	b.shown.Add(1)
}

func (b *bar) stop() {
	if b.shown != nil {
		b.shown.Exit()
		b.shown.Clear()
	}
}

// waiting tells whoever waits at a terminal what is going on, once it takes more
// than a second.
type waiting struct {
	what  atomic.Value // a string
	end   func()
	ended sync.WaitGroup
}

func newWaiting(cmd *cobra.Command) *waiting {
	w := &waiting{end: func() {}}
	if !isTerminal(cmd.ErrOrStderr()) {
		return w
	}
	w.what.Store(cmd.Name())
	p, start, end := newPrinter(cmd.ErrOrStderr()), time.Now(), make(chan struct{})
	w.end = sync.OnceFunc(func() { close(end) })
	w.ended.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for shown := false; ; shown = true {
			select {
			case <-tick.C:
				p.printf("\r%s\x1b[K", p.paint(faint, p.cut(fmt.Sprintf("%s … %s", w.what.Load(), time.Since(start).Round(time.Second)), 1)))
			case <-end:
				if shown {
					p.printf("\r\x1b[K")
				}
				return
			}
		}
	})
	return w
}

// tell says what is being done now. It may be called where nobody waits.
func (w *waiting) tell(what string) {
	if w != nil {
		w.what.Store(what)
	}
}

func (w *waiting) stop() {
	if w != nil {
		w.end()
		w.ended.Wait()
	}
}
