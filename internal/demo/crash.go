package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sluice/internal/demo/origin"
)

// kill is one death of the worker.
type kill struct {
	at time.Time
	// again is how many rows were fetched again because of it.
	again int
}

// mostAgain is what a kill may cost: the rows since the last checkpoints of two
// partitions, and those in flight.
const mostAgain = 300

// killAt waits until a share of the rows has been asked for, kills the worker
// by SIGKILL and starts another one.
func (d *demo) killAt(ctx context.Context, share float64) error {
	const poll = 50 * time.Millisecond
	for {
		requests, err := origin.ReadLog(d.stack.Requests())
		if err != nil {
			return err
		}
		if n := origin.Distinct(requests); n >= int(share*float64(d.rows)) {
			pid := d.worker.PID()
			d.worker.Kill()
			d.kills = append(d.kills, kill{at: time.Now()})
			say("kill", "SIGKILL to the worker, process %d, after %s rows had been asked for", pid, count(n))
			return d.startWorker(ctx)
		}
		select {
		case <-time.After(poll):
		case <-d.worker.Done():
			return d.worker.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// charge counts the requests that repeat an earlier one, and charges each to
// the first kill after that: what had come of it was lost then, even if others
// take the row up only when the dead worker's silence has lasted long enough.
func charge(requests []origin.Request, kills []kill) (unexplained int) {
	last := map[string]time.Time{}
	for _, r := range requests {
		before, repeated := last[r.URI]
		last[r.URI] = r.At
		if !repeated {
			continue
		}
		i := slices.IndexFunc(kills, func(k kill) bool { return k.at.After(before) })
		if i < 0 || kills[i].at.After(r.At) {
			unexplained++
			continue
		}
		kills[i].again++
	}
	return unexplained
}

// weighKills says what the kills cost, by the origin's own log.
func (d *demo) weighKills(context.Context) error {
	requests, err := origin.ReadLog(d.stack.Requests())
	if err != nil {
		return err
	}
	unexplained := charge(requests, d.kills)
	say("requests", "%s for %s rows, as the HTTP server counted", count(len(requests)), count(d.rows))
	for i, k := range d.kills {
		say("", "kill %d: %s rows fetched again", i+1, count(k.again))
		if k.again >= mostAgain {
			err = errors.Join(err, fmt.Errorf("kill %d cost %d rows, and under %d is promised", i+1, k.again, mostAgain))
		}
	}
	if d.crash && len(d.kills) < 2 {
		err = errors.Join(err, errors.New("the run was over before the worker had been killed twice"))
	}
	if unexplained > 0 {
		err = errors.Join(err, fmt.Errorf("%d rows were fetched again, and no kill was the reason", unexplained))
	}
	return err
}
