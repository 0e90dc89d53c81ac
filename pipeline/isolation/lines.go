package isolation

import (
	"bufio"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// maxLine bounds a line of a decoder's stderr, and maxLines how many are logged
// of one decoder: it says nothing unless something is wrong, and then it may be
// made to say anything.
const (
	maxLine  = 200
	maxLines = 40
)

// lines logs what a decoder writes to stderr.
type lines struct {
	mu   sync.Mutex
	last string
	done chan struct{}
}

// follow logs until r ends, and closes it.
func follow(r io.ReadCloser, log *slog.Logger) *lines {
	l := &lines{done: make(chan struct{})}
	go func() {
		defer close(l.done)
		defer r.Close()
		in := bufio.NewReaderSize(r, 4096)
		for n := 0; ; {
			line, more, err := in.ReadLine()
			if err != nil {
				return
			}
			text := oneLine(string(line))
			for more && err == nil {
				_, more, err = in.ReadLine()
			}
			if text == "" {
				continue
			}
			l.mu.Lock()
			l.last = text
			l.mu.Unlock()
			if n++; n <= maxLines {
				log.Warn("decoder: " + text)
			}
		}
	}()
	return l
}

func (l *lines) lastLine() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// oneLine makes text that came from a decoder fit for a log and a manifest.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' || (r >= 0x80 && r < 0xa0) || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "..."
	}
	return text
}
