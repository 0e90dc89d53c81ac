package wire

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// line is a server that counts, and a client, with a wire between them.
type line struct {
	*Wire
	client *http.Client
	asked  atomic.Int64
}

func newLine(t *testing.T) *line {
	t.Helper()
	l := &line{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.asked.Add(1)
		body, _ := io.ReadAll(r.Body) // short if the wire was cut
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	var err error
	if l.Wire, err = New(strings.TrimPrefix(server.URL, "http://")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	l.client = &http.Client{Transport: &http.Transport{}}
	t.Cleanup(l.client.CloseIdleConnections)
	return l
}

// ask sends a body, and returns what came of it: "whole", a status, or "" if
// nothing did.
func (l *line) ask(size int) string {
	body := bytes.Repeat([]byte("x"), size)
	resp, err := l.client.Post("http://"+l.Address(), "text/plain", bytes.NewReader(body))
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	back, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return ""
	case resp.StatusCode == http.StatusOK && bytes.Equal(back, body):
		return "whole"
	}
	return resp.Status
}

func (l *line) be(t *testing.T, s State) {
	t.Helper()
	l.client.CloseIdleConnections() // a POST is not repeated where one of these was broken
	if err := l.Be(s); err != nil {
		t.Fatal(err)
	}
}

func TestAWireInEachState(t *testing.T) {
	for _, c := range []struct {
		state State
		want  string
		asked int64 // that reached the server
	}{
		{Whole, "whole", 1},
		{Cut, "", 0},
		{Slow, "whole", 1},
		{Deaf, "", 1},
		{Busy, "503 Service Unavailable", 0},
	} {
		t.Run(c.state.String(), func(t *testing.T) {
			l := newLine(t)
			if got := l.ask(100); got != "whole" {
				t.Fatalf("before: %q", got)
			}
			l.be(t, c.state)
			if got := l.ask(1000); got != c.want || l.asked.Load()-1 != c.asked {
				t.Errorf("%q, and the server was asked %d times; want %q, %d", got, l.asked.Load()-1, c.want, c.asked)
			}
			l.be(t, Whole)
			if got := l.ask(1 << 20); got != "whole" {
				t.Errorf("once it was mended: %q", got)
			}
		})
	}
}

func TestASilentWireLosesNothing(t *testing.T) {
	l := newLine(t)
	l.be(t, Silent)
	answer := make(chan string, 1)
	go func() { answer <- l.ask(1 << 20) }()
	select {
	case got := <-answer:
		t.Fatalf("it was answered: %q", got)
	case <-time.After(200 * time.Millisecond):
	}
	l.be(t, Whole)
	if got := <-answer; got != "whole" {
		t.Errorf("once it was mended: %q", got)
	}
}

func TestASlowWireIsSlow(t *testing.T) {
	l := newLine(t)
	l.be(t, Slow)
	begun := time.Now()
	if got := l.ask(slowRate / 4); got != "whole" {
		t.Fatalf("%q", got)
	}
	if took := time.Since(begun); took < time.Second/4 {
		t.Errorf("it took %s", took)
	}
}
