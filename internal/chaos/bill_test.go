package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A disturbance may cost what a worker has done since the last checkpoints of
// its partitions, and what it has in flight.
const (
	sinceCheckpoint = 256
	inFlight        = 512
	perPartition    = sinceCheckpoint + inFlight
	perWorker       = workerPartitions*sinceCheckpoint + inFlight
	// perZombie is how many rows one may still ask for that its successor has in a
	// checkpoint by then: it is told with its next heartbeat, a second later. In
	// most runs it is none of all zombies together; where every attempt began its
	// partition anew, it was 3,000 rows.
	perZombie = 32
)

// bill is what the disturbances may have cost, in rows done again.
type bill struct {
	kinds map[Kind]int
	rows  int
	// zombies is how many workers may have gone on for a while with what somebody
	// else had been given.
	zombies int
}

// add takes a disturbance onto the bill.
func (b *bill) add(s Step, workers int) {
	if b.kinds == nil {
		b.kinds = map[Kind]int{}
	}
	b.kinds[s.Kind]++
	switch s.Kind {
	case FreezeWorker, FreezeAlone, CutTemporal, ResetPartition:
		b.zombies++
	case KillTemporal, TerminateRun:
		b.zombies += workers
	default:
	}
	switch s.Kind {
	case PauseActivity, ResetActivity, ForgetActivity, ResetPartition:
		b.rows += perPartition
	case KillTemporal, KillStore, FillDisk, CancelRun, TerminateRun, RecutRun, ReplaceUnderRun:
		b.rows += workers * perWorker
	default:
		b.rows += perWorker
	}
}

// count sums up some kinds.
func (b *bill) count(kinds ...Kind) (n int) {
	for _, k := range kinds {
		n += b.kinds[k]
	}
	return n
}

func (b *bill) String() string {
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(b.kinds)) {
		lines = append(lines, fmt.Sprintf("  %3d  %s", b.kinds[k], k))
	}
	return strings.Join(lines, "\n")
}

// work is what the origin saw.
type work struct {
	rows     int // sources that were asked for
	requests int
	retries  int // that followed a refusal
	cut      int // requests whose answer did not come to its end
	again    int // sources asked for once more, though they had been answered
	idle     int // of these, with no disturbance near: nobody can say why
	beyond   int // sources asked for though a checkpoint held their rows
}

// reckon looks through the requests. kept is when a checkpoint was seen to hold a
// source's row; near is whether a disturbance may have cost what was answered at
// one time and asked for again at another.
func reckon(asked map[string][]Ask, kept map[string]time.Time, near func(answered, again time.Time) bool) (w work) {
	for source, asks := range asked {
		held, isHeld := kept[source]
		w.rows++
		w.requests += len(asks)
		var answered time.Time
		for _, a := range asks {
			if !answered.IsZero() {
				w.again++
				if !near(answered, a.Begun) {
					w.idle++
				}
			}
			if isHeld && a.Begun.After(held) {
				w.beyond++
			}
			switch {
			case a.Refused:
				w.retries++
			case !a.Answered:
				w.cut++
			default:
				answered = a.Ended
			}
		}
	}
	return w
}
