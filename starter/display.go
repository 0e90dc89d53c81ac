package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/contrib/envconfig"
	"golang.org/x/term"
)

// display shows progress on stderr.
type display interface {
	// show shows how a run stands now.
	show(v view)
	// note says a line that stays.
	note(line string)
	// close leaves the terminal as it was.
	close()
}

// newDisplay redraws a few lines on a terminal, and writes a line now and then
// to anything else.
func newDisplay(w io.Writer, env envconfig.EnvLookup) display {
	f, ok := w.(*os.File)
	dumb, _ := env.LookupEnv("TERM")
	if !ok || !term.IsTerminal(int(f.Fd())) || dumb == "dumb" {
		return &lines{w: w}
	}
	noColor, _ := env.LookupEnv("NO_COLOR")
	return &screen{w: w, color: noColor == "", width: func() int { return terminalWidth(f, env) }}
}

// terminalWidth asks anew each time: windows are resized. COLUMNS can only make
// it narrower, since what is wider than the window wraps.
func terminalWidth(f *os.File, env envconfig.EnvLookup) int {
	columns, _ := env.LookupEnv("COLUMNS")
	asked, _ := strconv.Atoi(columns)
	width, _, err := term.GetSize(int(f.Fd()))
	switch {
	case err != nil || width <= 0:
		width = 80
		if asked > 0 {
			width = asked
		}
	case asked > 0:
		width = min(width, asked)
	}
	return width
}

// screen redraws the same lines of a terminal.
type screen struct {
	w     io.Writer
	width func() int
	color bool
	drawn []int // columns of each line that stands there
}

func (s *screen) show(v view) {
	width := s.width()
	var b strings.Builder
	b.WriteString(s.erase(width))
	for _, l := range render(v, width) {
		b.WriteString(l.paint(s.color) + "\n")
		s.drawn = append(s.drawn, l.columns())
	}
	fmt.Fprint(s.w, b.String())
}

func (s *screen) note(line string) {
	fmt.Fprint(s.w, s.erase(s.width()), line, "\n")
}

func (s *screen) close() { s.drawn = nil }

// erase goes back over what was drawn. A window that has become narrower since
// has wrapped the lines.
func (s *screen) erase(width int) string {
	rows := 0
	for _, columns := range s.drawn {
		rows += 1 + max(0, columns-1)/max(1, width)
	}
	s.drawn = s.drawn[:0]
	if rows == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\x1b[J", rows)
}

// lines writes plain lines, for logs: often at first, once a minute later on.
type lines struct {
	w           io.Writer
	first, last time.Time
	said        string
}

const (
	firstLines  = 5 * time.Second
	steadyLines = time.Minute
)

func (l *lines) show(v view) {
	now := v.At
	if l.first.IsZero() {
		l.first = now
	}
	every := min(max(firstLines, now.Sub(l.first)/10), steadyLines)
	if v.Status.Open() && now.Sub(l.last) < every {
		return
	}
	l.last = now
	if said := plain(v); said != l.said {
		fmt.Fprintln(l.w, said)
		l.said = said
	}
}

func (l *lines) note(line string) { fmt.Fprintln(l.w, line) }

func (l *lines) close() {}
