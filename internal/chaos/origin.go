package chaos

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"sluice/pipeline"
)

// Fate is what the origin does with a source: a function of its path, so that
// what is to become of a row is known beforehand.
type Fate int

// The fates of a source.
const (
	Fine  Fate = iota
	Gone       // 404
	Busy       // 503 once or twice
	Drips      // comes in small pieces
	Late       // begins after a while
)

// digest spreads paths evenly.
func digest(path string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, path) // never fails
	// The low bits of FNV hang on the last characters alone.
	x := h.Sum64()
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}

// FateOf is the fate of a path.
func FateOf(path string) Fate {
	switch n := digest(path) % 100; {
	case n < 3:
		return Gone
	case n < 7:
		return Busy
	case n < 9:
		return Drips
	case n < 11:
		return Late
	}
	return Fine
}

// Class is the class with which a row of this fate fails, "" if it is ok.
func (f Fate) Class() pipeline.Class {
	if f == Gone {
		return pipeline.HTTP4xx
	}
	return ""
}

// Colour is that of the whole image under a path, so that an image in another's
// place shows.
func Colour(path string) color.RGBA {
	d := digest("colour of " + path)
	return color.RGBA{R: uint8(d), G: uint8(d >> 8), B: uint8(d >> 16), A: 255}
}

// Ask is one request for a source.
type Ask struct {
	Begun, Ended time.Time
	// Answered is whether the answer went out whole, and Refused whether it was
	// one that asks for another try.
	Answered, Refused bool
}

// Origin serves a small photograph of one colour under each path, and remembers
// every request.
type Origin struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string][]*Ask
}

// NewOrigin starts one.
func NewOrigin() *Origin {
	o := &Origin{asked: map[string][]*Ask{}}
	o.Server = httptest.NewServer(http.HandlerFunc(o.serve))
	return o
}

// Asked is a copy of what was asked for by now, in the order of asking.
func (o *Origin) Asked() map[string][]Ask {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make(map[string][]Ask, len(o.asked))
	for path, asks := range o.asked {
		for _, a := range asks {
			all[path] = append(all[path], *a)
		}
	}
	return all
}

func (o *Origin) serve(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	ask := &Ask{Begun: time.Now()}
	fate := FateOf(path)
	o.mu.Lock()
	refusals := 0
	for _, a := range o.asked[path] {
		if a.Refused {
			refusals++
		}
	}
	ask.Refused = fate == Busy && refusals < 1+int(digest(path)>>32%2)
	o.asked[path] = append(o.asked[path], ask)
	o.mu.Unlock()

	answered := o.answer(w, r, fate, ask.Refused)
	o.mu.Lock()
	defer o.mu.Unlock()
	ask.Ended, ask.Answered = time.Now(), answered && r.Context().Err() == nil
}

// answer reports whether all of it was written.
func (o *Origin) answer(w http.ResponseWriter, r *http.Request, fate Fate, refuse bool) bool {
	delay := time.Duration(15+digest(r.URL.Path)>>40%30) * time.Millisecond
	if fate == Late {
		delay = 1500 * time.Millisecond
	}
	if !wait(r, delay) {
		return false
	}
	switch {
	case refuse:
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	case fate == Gone:
		http.NotFound(w, r)
		return true
	}
	body := photo(Colour(r.URL.Path))
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	if fate == Drips {
		const pieces = 6
		for i := range pieces {
			if i > 0 && !wait(r, 300*time.Millisecond) {
				return false
			}
			if _, err := w.Write(body[i*len(body)/pieces : (i+1)*len(body)/pieces]); err != nil {
				return false
			}
			_ = http.NewResponseController(w).Flush() // it can
		}
		return true
	}
	_, err := w.Write(body)
	return err == nil
}

// wait reports whether the client is still there after d.
func wait(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

// photo is a small JPEG of one colour.
func photo(c color.RGBA) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 64, 48))
	draw.Draw(m, m.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	var b bytes.Buffer
	_ = jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}) // to memory: cannot fail
	return b.Bytes()
}
