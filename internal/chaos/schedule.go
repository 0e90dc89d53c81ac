package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"sluice/internal/wire"
)

// Kind is a kind of disturbance.
type Kind string

// What is done. Those with a duration are undone after it.
const (
	KillWorker      Kind = "SIGKILL worker"
	StopWorker      Kind = "SIGTERM worker"
	FreezeWorker    Kind = "SIGSTOP worker and decoders"
	FreezeAlone     Kind = "SIGSTOP worker"
	CutTemporal     Kind = "worker-Temporal"
	CutStore        Kind = "worker-store"
	KillTemporal    Kind = "SIGKILL Temporal"
	KillStore       Kind = "SIGKILL store"
	FillDisk        Kind = "fill the store's disk"
	PauseActivity   Kind = "pause an activity"
	ResetActivity   Kind = "reset an activity"
	ForgetActivity  Kind = "reset an activity with its heartbeat"
	ResetPartition  Kind = "reset a partition's workflow"
	CancelRun       Kind = "cancel the run"
	TerminateRun    Kind = "terminate the run"
	RecutRun        Kind = "cancel the run, and cut otherwise"
	ReplaceUnderRun Kind = "replace a file under the run"
)

// Step is one disturbance.
type Step struct {
	At, For time.Duration
	Kind    Kind
	Worker  int        // for those of a worker
	Wire    wire.State // for those of a wire
	Choice  int        // which of those there are, modulo their number
}

// End is when it is undone.
func (s Step) End() time.Duration { return s.At + s.For }

func (s Step) String() string {
	what := string(s.Kind)
	switch s.Kind {
	case KillWorker, StopWorker, FreezeWorker, FreezeAlone:
		what = fmt.Sprintf("%s %d", what, s.Worker)
	case CutTemporal, CutStore:
		what = fmt.Sprintf("%s %d is %s", what, s.Worker, s.Wire)
	}
	if s.For > 0 {
		what += " for " + s.For.String()
	}
	return fmt.Sprintf("%7.1fs  %s", s.At.Seconds(), what)
}

// habit is how often a kind comes, and how long it lasts.
type habit struct {
	kind     Kind
	weight   int
	min, max time.Duration
	wires    []wire.State
	worker   bool
	// at is what cannot be disturbed twice at once; for those of a worker, each
	// worker has its own.
	at string
}

// heartbeatTimeout is the runs'. Of what a worker or its wires suffer, some is
// shorter and some longer than it.
const heartbeatTimeout = 3 * time.Second

var habits = []habit{
	{kind: KillWorker, weight: 6, min: 300 * time.Millisecond, max: 4 * time.Second, worker: true, at: "process"},
	{kind: StopWorker, weight: 4, min: 300 * time.Millisecond, max: 4 * time.Second, worker: true, at: "process"},
	{kind: FreezeWorker, weight: 4, min: time.Second, max: 9 * time.Second, worker: true, at: "process"},
	{kind: FreezeAlone, weight: 2, min: time.Second, max: 9 * time.Second, worker: true, at: "process"},
	{
		kind: CutTemporal, weight: 6, min: time.Second, max: 9 * time.Second, worker: true, at: "Temporal",
		wires: []wire.State{wire.Cut, wire.Silent, wire.Silent, wire.Slow, wire.Deaf},
	},
	{
		kind: CutStore, weight: 8, min: time.Second, max: 9 * time.Second, worker: true, at: "store",
		wires: []wire.State{wire.Cut, wire.Silent, wire.Slow, wire.Deaf, wire.Deaf, wire.Busy},
	},
	{kind: KillTemporal, weight: 2, min: 300 * time.Millisecond, max: 5 * time.Second, at: "Temporal"},
	{kind: KillStore, weight: 3, min: 300 * time.Millisecond, max: 5 * time.Second, at: "store"},
	{kind: FillDisk, weight: 2, min: time.Second, max: 5 * time.Second, at: "disk"},
	{kind: PauseActivity, weight: 2, min: time.Second, max: 5 * time.Second, at: "activity"},
	{kind: ResetActivity, weight: 2, at: "activity"},
	{kind: ForgetActivity, weight: 1, at: "activity"},
	{kind: ResetPartition, weight: 2, at: "activity"},
	{kind: CancelRun, weight: 2, at: "run"},
	{kind: TerminateRun, weight: 2, at: "run"},
	{kind: RecutRun, weight: 1, at: "run"},
	{kind: ReplaceUnderRun, weight: 1, at: "run"},
}

const (
	// quiet is left at the beginning, for the first run to get under way.
	quiet = 5 * time.Second
	// meanGap is between two steps. Most last for longer than that: they overlap.
	meanGap = 2500 * time.Millisecond
)

// Plan is the schedule of a seed: the same for the same arguments.
func Plan(seed uint64, length time.Duration, workers int) []Step {
	random := rand.New(rand.NewPCG(seed, 0))
	total := 0
	for _, s := range habits {
		total += s.weight
	}
	free := map[string]time.Duration{} // from when on something can be disturbed again
	var steps []Step
	for at := quiet; ; {
		at += time.Duration(random.ExpFloat64() * float64(meanGap)).Round(100 * time.Millisecond)
		s := pick(random, total)
		step := Step{At: at, Kind: s.kind, Choice: random.IntN(1000)}
		if s.max > 0 {
			step.For = (s.min + time.Duration(random.Int64N(int64(s.max-s.min)))).Round(100 * time.Millisecond)
		}
		place := s.at
		if s.worker {
			step.Worker = random.IntN(workers)
			place = fmt.Sprint(s.at, step.Worker)
		}
		if len(s.wires) > 0 {
			step.Wire = s.wires[random.IntN(len(s.wires))]
		}
		if at > length {
			break
		}
		if at < free[place] {
			continue
		}
		const rest = time.Second
		free[place] = step.End() + rest
		steps = append(steps, step)
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return steps
}

func pick(random *rand.Rand, total int) habit {
	n := random.IntN(total)
	for _, s := range habits {
		if n -= s.weight; n < 0 {
			return s
		}
	}
	panic("the weights do not add up")
}
