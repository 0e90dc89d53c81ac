package fetching

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/pipeline"
)

// crowd counts how many requests are at an origin at once, by the first part of
// their paths, and in all as "".
type crowd struct {
	mu        sync.Mutex
	now, most map[string]int
}

func (c *crowd) add(who string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, who := range []string{who, ""} {
		c.now[who] += n
		c.most[who] = max(c.most[who], c.now[who])
	}
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who := strings.Split(r.URL.Path, "/")[1]
	c.add(who, +1)
	defer c.add(who, -1)
	<-time.After(10 * time.Millisecond)
	if r.URL.Path == "/moved" {
		http.Redirect(w, r, "/moved/on", http.StatusFound)
		return
	}
	fmt.Fprint(w, "image")
}

// take fetches source as a partition does, n times.
func (f *Fetcher) take(t *testing.T, source string, share pipeline.Share, n int) {
	for range n {
		v := f.Visit(dataset{}, source, share)
		ready, err := v.Ready()
		if err == nil && !ready {
			err = v.Wait(t.Context())
		}
		var body pipeline.Body
		for err == nil {
			if body, err = v.Fetch(t.Context(), newGrant(t, 1<<20)); !errors.Is(err, pipeline.ErrLater) {
				break
			}
			err = v.Wait(t.Context())
		}
		v.Close()
		if err != nil {
			t.Error(err)
			return
		}
		body.Free()
	}
}

// A run that asks for fewer connections has them for all its partitions together,
// beside others, which have what the worker allows; none has more than that.
func TestARunsShareOfAHost(t *testing.T) {
	type run struct {
		name    string
		perHost int
		most    int // that come to the origin
	}
	for _, c := range []struct {
		name   string
		worker int
		runs   []run
		all    int
	}{
		{"less than the worker's", 6, []run{{"a", 2, 2}}, 2},
		{"more than the worker's", 3, []run{{"a", 100, 3}}, 3},
		{"the worker's", 3, []run{{"a", 0, 3}}, 3},
		{"less, where the worker has no limit", -1, []run{{"a", 2, 2}}, 2},
		{"two runs that ask for the same", 9, []run{{"a", 2, 2}, {"b", 2, 2}}, 4},
		{"one that asks for less beside one that does not", 6, []run{{"a", 2, 2}, {"b", 0, 6}}, 6},
		{"with redirects", 6, []run{{"moved", 2, 2}}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			origin := &crowd{now: map[string]int{}, most: map[string]int{}}
			server := serve(t, origin.ServeHTTP)
			f := newFetcher(t, Options{PerHost: c.worker})
			var partitions sync.WaitGroup
			for _, r := range c.runs {
				for range 12 {
					partitions.Go(func() {
						f.take(t, server.URL+"/"+r.name, pipeline.Share{Run: r.name, PerHost: r.perHost}, 4)
					})
				}
			}
			partitions.Wait()
			for _, r := range c.runs {
				if got := origin.most[r.name]; got > r.most || len(c.runs) == 1 && got < r.most {
					t.Errorf("run %s had %d connections at once, want %d", r.name, got, r.most)
				}
			}
			if got := origin.most[""]; got != c.all {
				t.Errorf("there were %d connections at once, want %d", got, c.all)
			}
			for key, e := range f.hosts.shares.byKey {
				if h := e.Value.(recentItem[*host]).value; h.inUse() {
					t.Errorf("%s: places are held", key)
				}
			}
			for key, e := range f.hosts.table.byKey {
				if h := e.Value.(recentItem[*host]).value; h.inUse() {
					t.Errorf("%s: places are held", key)
				}
			}
		})
	}
}
