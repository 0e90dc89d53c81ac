package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// DefaultStall is how long anything may stay at one stage. Each stage has a
	// timeout of its own, and the longest are minutes.
	DefaultStall = 10 * time.Minute
	// slow is how long it is before people are told of it.
	slow = 30 * time.Second
	// settle is how long what does not hang has, once something else does, to end
	// and to get into a checkpoint: most decodes and stores take less.
	settle = 10 * time.Second
	// maxLook is the longest between two looks.
	maxLook = 10 * time.Second
)

// Watchdog knows at which stage each row of a pass is, and since when, and what
// its reader and its recorder do. Each stage has a timeout of its own: the
// watchdog is the net under them, for what a timeout does not reach, such as a
// system call that blocks. It watches one pass.
//
// A row that waits for its host is at no stage, and so is what waits for other
// rows: how long that takes says nothing. A row in a queue waits for its turn, as
// long as turns are given.
type Watchdog struct {
	limit   time.Duration
	stalled chan struct{}
	end     chan struct{}
	running sync.WaitGroup

	mu    sync.Mutex
	file  string // "" while it is not known
	turns *turns
	posts map[int64]post
	err   error
}

// stage is what a row, or what else is watched, is at.
type stage struct {
	name   string
	queued bool // in a queue with the rows of the process' other partitions
}

var (
	atAdmit       = stage{"admit", true}
	atFetch       = stage{"fetch", false}
	atImage       = stage{"image read", false} // in the place of a fetch
	atProbe       = stage{"probe", false}
	atAdmitDecode = stage{"admit the decode", true}
	atDecode      = stage{"decode", false}
	atStore       = stage{"store", false}

	atOpening = stage{"opening", false}
	atOpen    = stage{"table open", false}
	atRead    = stage{"table read", false}
	atPart    = stage{"part write", false}
	atJournal = stage{"journal commit", false}
)

// post is who has been at which stage since when.
type post struct {
	stage
	since time.Time
}

// What is watched, beside rows by their numbers.
const (
	thePass int64 = -1 - iota
	theReader
	theRecorder
)

// turns is when a queue of the process last moved.
type turns struct {
	mu   sync.Mutex
	last time.Time
}

func (t *turns) given(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = now
}

func (t *turns) latest() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// StartWatchdog watches until Close. limit is how long anything may stay at one
// stage; 0 is DefaultStall.
func StartWatchdog(limit time.Duration) *Watchdog {
	if limit == 0 {
		limit = DefaultStall
	}
	d := &Watchdog{limit: limit, stalled: make(chan struct{}), end: make(chan struct{}), turns: &turns{}, posts: map[int64]post{}}
	d.running.Go(d.watch)
	return d
}

// Close ends the watching. What is still at a stage then can go on.
func (d *Watchdog) Close() {
	close(d.end)
	d.running.Wait()
}

// Opening says that the pass is being opened, until Process takes it on.
func (d *Watchdog) Opening() { d.at(thePass, atOpening) }

// Stalled is closed once something hangs.
func (d *Watchdog) Stalled() <-chan struct{} { return d.stalled }

// Err says what hangs, in one line; nil if nothing does.
func (d *Watchdog) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Slowest says what has been at one stage for the longest, if that is long: "row
// 17 in fetch for 48s", else "".
func (d *Watchdog) Slowest() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	who, p, age := d.oldest(time.Now())
	if age < slow {
		return ""
	}
	return fmt.Sprintf("%s in %s for %s", name(who), p.name, brief(age))
}

func (d *Watchdog) watch() {
	tick := time.NewTicker(min(d.limit/10, maxLook))
	defer tick.Stop()
	for !d.look(time.Now()) {
		select {
		case <-tick.C:
		case <-d.end:
			return
		}
	}
}

// look reports whether something hangs.
func (d *Watchdog) look(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	who, p, age := d.oldest(now)
	if age < d.limit {
		return false
	}
	others := -1
	for _, q := range d.posts {
		if q.stage == p.stage && d.age(q, now) >= d.limit/2 {
			others++
		}
	}
	words := name(who)
	if d.file != "" {
		words += " of " + d.file
	}
	words += fmt.Sprintf(" is in %s for %s", p.name, brief(age))
	if others > 0 {
		words += fmt.Sprintf(", with %d others", others)
	}
	d.err = errors.New("nothing moves: " + words + "; the attempt is given up")
	close(d.stalled)
	return true
}

// oldest is who has been at its stage for the longest.
func (d *Watchdog) oldest(now time.Time) (who int64, p post, age time.Duration) {
	for w, q := range d.posts {
		if a := d.age(q, now); a > age || a == age && w < who {
			who, p, age = w, q, a
		}
	}
	return who, p, age
}

func (d *Watchdog) age(p post, now time.Time) time.Duration {
	since := p.since
	if p.queued {
		if last := d.turns.latest(); last.After(since) {
			since = last
		}
	}
	return now.Sub(since)
}

// serve says of which file the pass is, and when turns are given.
func (d *Watchdog) serve(file string, t *turns) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.file, d.turns = file, t
}

// at says that who has come to stage s.
func (d *Watchdog) at(who int64, s stage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.move(who, s)
}

func (d *Watchdog) move(who int64, s stage) {
	now := time.Now()
	if d.posts[who].queued {
		d.turns.given(now)
	}
	d.posts[who] = post{s, now}
}

// off says that who is at no stage any more.
func (d *Watchdog) off(who int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.posts, who)
}

// queue says that a row waits for memory in the middle of its stage, to which it
// is back with over.
func (d *Watchdog) queue(row int64) (over func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, known := d.posts[row]
	if !known {
		return func() {}
	}
	d.move(row, atAdmit)
	return func() { d.at(row, p.stage) }
}

// cause is why a pass came to err: what hangs, if something does.
func (d *Watchdog) cause(err error) error {
	if stalled := d.Err(); err != nil && stalled != nil {
		return stalled
	}
	return err
}

func name(who int64) string {
	switch who {
	case thePass:
		return "the partition"
	case theReader:
		return "the reader"
	case theRecorder:
		return "the recorder"
	}
	return fmt.Sprintf("row %d", who)
}

// brief writes 10m rather than 10m0s.
func brief(d time.Duration) string {
	s := d.Truncate(time.Second).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-len("0s")]
		}
	}
	return s
}
