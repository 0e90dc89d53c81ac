package activities

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"sluice/pipeline"
)

const beatTimeout = 10 * time.Second

var errAway = serviceerror.NewUnavailable("nobody is there")

// listener is a server that keeps what it was sent, and holds the heart to what
// it promises about the sequence.
type listener struct {
	t      *testing.T
	answer func(p Position) error // nil accepts
	took   time.Duration          // of one call
	slow   string                 // what takes its time

	mu   sync.Mutex
	busy bool
	sent []Position
	at   []time.Time
}

func (l *listener) Beat(_ context.Context, p Position) error {
	l.mu.Lock()
	if l.busy {
		l.t.Error("two heartbeats at once")
	}
	if n := len(l.sent); n > 0 && p.Seq < l.sent[n-1].Seq {
		l.t.Errorf("checkpoint %d after %d", p.Seq, l.sent[n-1].Seq)
	}
	if p.Summary == "" {
		l.t.Error("a heartbeat that says nothing")
	}
	l.busy = true
	l.sent = append(l.sent, p)
	l.at = append(l.at, time.Now())
	l.mu.Unlock()
	pass(l.took)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
	if l.answer == nil {
		return nil
	}
	return l.answer(p)
}

func (l *listener) told() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slow
}

// seqs are the numbers of what was sent.
func (l *listener) seqs() (seqs []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.sent {
		seqs = append(seqs, p.Seq)
	}
	return seqs
}

func at(seq int64) Position {
	return Position{Checkpoint: pipeline.Checkpoint{Summary: "so far", Seq: seq, Pass: 1}}
}

// pass lets fake time pass.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble, sleeping is what time is
}

// beatingAt runs f in a bubble of fake time with a heart that begins at 0.
func beatingAt(t *testing.T, l *listener, f func(h *heart, attempt context.CancelCauseFunc, shutdown chan struct{})) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l.t = t
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		shutdown := make(chan struct{})
		h := startHeart(ctx, shutdown, l, l.told, beatTimeout, at(0))
		f(h, cancel, shutdown)
		h.close()
	})
}

func (h *heart) stopped() bool { return h.stopping.Err() != nil }

func TestTheLastAcceptedPositionIsRepeated(t *testing.T) {
	l := &listener{}
	beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) {
		pass(5 * time.Second)
		if err := h.commit(h.work, at(1)); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
	})
	// At 0, 2 and 4 s; the commit at 5 s at once; at 6, 8 and 10 s.
	if got := l.seqs(); !slices.Equal(got[:6], []int64{0, 0, 0, 1, 1, 1}) {
		t.Errorf("it sent %v", got)
	}
}

// Between two checkpoints, too, and not in the checkpoints themselves.
func TestHeartbeatsTellWhatTakesItsTime(t *testing.T) {
	l := &listener{}
	beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) {
		for _, slow := range []string{"row 17 in fetch for 48s", "row 17 in fetch for 50s", ""} {
			l.mu.Lock()
			l.slow = slow
			l.mu.Unlock()
			pass(2 * maxBeat)
			want := "so far"
			if slow != "" {
				want += "; slowest: " + slow
			}
			l.mu.Lock()
			if got := l.sent[len(l.sent)-1].Summary; got != want {
				t.Errorf("it says %q, want %q", got, want)
			}
			l.mu.Unlock()
		}
		h.turn <- struct{}{}
		defer func() { <-h.turn }()
		if h.last.Summary != "so far" {
			t.Errorf("the position says %q", h.last.Summary)
		}
	})
}

func TestSilenceNeverLastsAThirdOfTheTimeout(t *testing.T) {
	l := &listener{took: 30 * time.Millisecond}
	beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) { pass(time.Minute) })
	for i := range l.at[1:] {
		if gap := l.at[i+1].Sub(l.at[i]); gap > beatTimeout/3 {
			t.Fatalf("%s of silence", gap)
		}
	}
}

func TestAnAttemptThatIsSupersededWritesNothingMore(t *testing.T) {
	l := &listener{answer: func(p Position) error {
		if p.Seq == 2 {
			return serviceerror.NewNotFound("the activity task is gone")
		}
		return nil
	}}
	beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) {
		if err := h.commit(h.work, at(1)); err != nil {
			t.Fatal(err)
		}
		if err := h.commit(h.work, at(2)); !errors.Is(err, errSuperseded) {
			t.Errorf("the commit returned %v", err)
		}
		if !errors.Is(context.Cause(h.work), errSuperseded) {
			t.Errorf("the work ended with %v", context.Cause(h.work))
		}
		if err := h.commit(h.work, at(3)); !errors.Is(err, errSuperseded) {
			t.Errorf("the next commit returned %v", err)
		}
		pass(time.Minute)
		if err := h.ending(errors.New("context canceled, or so")); !errors.Is(err, errSuperseded) {
			t.Errorf("it came to %v", err)
		}
	})
	if got := l.seqs(); slices.Max(got) != 2 || got[len(got)-1] != 2 {
		t.Errorf("it sent %v", got)
	}
}

func TestWhileTheServerIsAwayTheSameIsSentAgain(t *testing.T) {
	var back time.Time
	l := &listener{took: time.Second, answer: func(p Position) error {
		if p.Seq == 1 && time.Now().Before(back) {
			return errAway
		}
		return nil
	}}
	beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) {
		back = time.Now().Add(8 * time.Second)
		if err := h.commit(h.work, at(1)); err != nil {
			t.Fatal(err)
		}
		if time.Now().Before(back) {
			t.Error("the commit returned while the outcome was unknown")
		}
		if h.work.Err() != nil {
			t.Error("the work ended")
		}
	})
	if got := l.seqs(); len(got) < 4 {
		t.Errorf("it sent %v", got)
	}
}

func TestAfterTheTimeoutItGivesUp(t *testing.T) {
	l := &listener{took: time.Second, answer: func(p Position) error {
		if p.Seq == 1 {
			return errAway
		}
		return nil
	}}
	beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) {
		pass(3 * time.Second)
		began := time.Now()
		err := h.commit(h.work, at(1))
		if err == nil || h.work.Err() == nil {
			t.Fatal("it goes on")
		}
		if took := time.Since(began); took > beatTimeout+time.Second {
			t.Errorf("it gave up after %s", took)
		}
		sent := len(l.seqs())
		pass(time.Minute)
		if len(l.seqs()) > sent {
			t.Error("it went on to heartbeat")
		}
		if got := h.ending(errors.New("context canceled, or so")); !errors.Is(got, err) {
			t.Errorf("it came to %v, not %v", got, err)
		}
	})
}

func TestAWordToStopIsHeardAndAccepts(t *testing.T) {
	for _, word := range []error{temporal.NewCanceledError(), activity.ErrActivityPaused, activity.ErrActivityReset} {
		for _, carrier := range []string{"a commit", "a repeat"} {
			t.Run(word.Error()+" with "+carrier, func(t *testing.T) {
				said := false
				l := &listener{answer: func(p Position) error {
					if said || (carrier == "a commit") == (p.Seq == 1) {
						said = true
						return word
					}
					return nil
				}}
				beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) {
					if carrier == "a commit" {
						if err := h.commit(h.work, at(1)); err != nil {
							t.Fatal(err)
						}
					} else {
						pass(maxBeat + time.Second)
					}
					if !h.stopped() || h.work.Err() != nil {
						t.Errorf("stopped: %v, the work: %v", h.stopped(), h.work.Err())
					}
					// What is done by then is still committed.
					if err := h.commit(h.work, at(2)); err != nil {
						t.Errorf("the last commit returned %v", err)
					}
					if err := h.ending(pipeline.ErrStopped); !errors.Is(err, word) {
						t.Errorf("it came to %v", err)
					}
				})
			})
		}
	}
}

// A store that hangs must not hold an operator's word up.
func TestTheEndInOrderTakesOnlySoLong(t *testing.T) {
	for _, word := range []error{temporal.NewCanceledError(), activity.ErrActivityPaused, activity.ErrActivityReset} {
		t.Run(word.Error(), func(t *testing.T) {
			l := &listener{answer: func(Position) error { return word }}
			beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) {
				<-h.stopping.Done()
				begun := time.Now()
				select {
				case <-h.work.Done():
				case <-time.After(time.Hour):
				}
				if took := time.Since(begun); took > 10*time.Second-maxBeat {
					t.Errorf("it took %s, and %s may have passed before it was heard", took, maxBeat)
				}
				if err := h.ending(h.work.Err()); !errors.Is(err, word) {
					t.Errorf("it came to %v", err)
				}
			})
		})
	}
}

func TestAWorkerThatStopsHandsOver(t *testing.T) {
	l := &listener{}
	beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, shutdown chan struct{}) {
		close(shutdown)
		<-h.stopping.Done()
		if h.work.Err() != nil {
			t.Error("the work was torn off")
		}
		if err := h.ending(pipeline.ErrStopped); !errors.Is(err, errHandover) {
			t.Errorf("it came to %v", err)
		}
	})
}

func TestAWorkerThatStopsWhileTheServerIsAway(t *testing.T) {
	l := &listener{took: time.Second, answer: func(Position) error { return errAway }}
	beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, shutdown chan struct{}) {
		pass(time.Second)
		close(shutdown)
		synctest.Wait()
		if !h.stopped() {
			t.Error("it did not hear of it")
		}
	})
}

// Work that hangs, as on a store that does, is given up after a while, and for the
// reason for which it was to stop.
func TestWorkThatDoesNotStopIsCutShort(t *testing.T) {
	beatingAt(t, &listener{}, func(h *heart, _ context.CancelCauseFunc, shutdown chan struct{}) {
		close(shutdown)
		pass(stopGrace - time.Millisecond)
		if h.work.Err() != nil {
			t.Error("it had no time to end in order")
		}
		pass(time.Millisecond)
		synctest.Wait()
		if err := h.ending(h.work.Err()); !errors.Is(err, errHandover) {
			t.Errorf("it came to %v", err)
		}
	})
}

func TestTheActivitysContext(t *testing.T) {
	beatingAt(t, &listener{}, func(h *heart, attempt context.CancelCauseFunc, _ chan struct{}) {
		attempt(temporal.NewCanceledError())
		<-h.stopping.Done()
		if h.work.Err() != nil {
			t.Error("a cancel tore the work off")
		}
	})
	beatingAt(t, &listener{}, func(h *heart, attempt context.CancelCauseFunc, _ chan struct{}) {
		attempt(errors.New("the worker is now shut down"))
		<-h.work.Done()
	})
}

func TestWorkThatDoesNotEndIsLeftBehind(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  func(h *heart) // what befalls it after a minute
		want string
		took time.Duration
	}{
		{"since it hangs", func(*heart) {}, "nothing moves: the partition is in opening for 10m; the attempt is given up", pipeline.DefaultStall + letGo},
		{"since it is superseded", func(h *heart) { h.abort(errSuperseded) }, errSuperseded.Error(), time.Minute + letGo},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &listener{}
			beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) {
				dog := pipeline.StartWatchdog(0)
				defer dog.Close()
				dog.Opening()
				begun, thaw := time.Now(), make(chan struct{})
				time.AfterFunc(time.Minute, func() { c.cut(h) })
				_, err := h.outcome(dog, letGo, func() (ProcessResult, error) {
					<-thaw
					return ProcessResult{}, nil
				})
				if took := time.Since(begun); err == nil || err.Error() != c.want || took != c.took {
					t.Errorf("after %v: %v", took, err)
				}
				h.close()
				sent := len(l.sent)
				if err := h.commit(context.Background(), at(1)); err == nil || len(l.sent) > sent {
					t.Error("what was left behind sends heartbeats")
				}
				close(thaw)
			})
		})
	}
}

func TestAFaultOfTheWorkIsWhatItCameTo(t *testing.T) {
	beatingAt(t, &listener{}, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) {
		fault := errors.New("the store is down")
		if err := h.ending(fault); !errors.Is(err, fault) {
			t.Errorf("it came to %v", err)
		}
	})
}

func TestAPositionThatMayHaveArrivedIsNotTakenBack(t *testing.T) {
	l := &listener{took: time.Second, answer: func(p Position) error {
		if p.Seq == 1 {
			return errAway // though it has arrived
		}
		return nil
	}}
	beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) {
		ctx, cancel := context.WithTimeout(h.work, 3*time.Second)
		defer cancel()
		if err := h.commit(ctx, at(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the commit returned %v", err)
		}
		pass(time.Minute) // the listener would notice a 0
	})
}

func TestTheSequenceNeverGoesBack(t *testing.T) {
	for seed := range uint64(50) {
		r, answers := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
		l := &listener{took: 20 * time.Millisecond, answer: func(Position) error {
			if answers.IntN(3) == 0 {
				return errAway
			}
			return nil
		}}
		beatingAt(t, l, func(h *heart, _ context.CancelCauseFunc, _ chan struct{}) {
			for seq := range int64(100) {
				pass(time.Duration(r.IntN(3000)) * time.Millisecond)
				if err := h.commit(h.work, at(seq+1)); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
