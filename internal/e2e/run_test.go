package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/s3test"
	"sluice/internal/wire"
)

// Every kind of row comes to its end, and the run goes on.
func TestRowsOfEveryKind(t *testing.T) {
	r := newRig(t)
	in := r.dataset("a.parquet", 210, func(i int) string {
		switch i % 30 {
		case 0:
			return ""
		case 1:
			return fmt.Sprintf("/gone/%d.jpg", i)
		case 2:
			return fmt.Sprintf("/empty/%d.jpg", i)
		case 3:
			return fmt.Sprintf("/html/%d.jpg", i)
		case 4:
			return fmt.Sprintf("/cut/%d.jpg", i)
		case 5:
			return fmt.Sprintf("/busy/%d.jpg", i)
		}
		return fine(i)
	})
	out := filepath.Join(r.dir, "out")
	r.worker()
	res := r.run(in, out, "--rows-per-partition", "70")
	if res.exit != 0 || res.Rows != 210 || res.OK != 168 || res.Skipped != 7 || res.Partitions != 3 {
		t.Errorf("%+v", res)
	}
	for class, n := range map[string]int64{"http_4xx": 7, "empty": 7, "unsupported": 7, "truncated": 7, "http_5xx": 7} {
		if res.Errors[class] != n {
			t.Errorf("%d of class %s, want %d", res.Errors[class], class, n)
		}
	}
	// Those that were busy were tried in three passes, and there twice while their
	// host answers others; the others once.
	if _, again := r.origin.requests(); again < 2*7 || again > 5*7 {
		t.Errorf("%d requests were repeated, want 14 to 35", again)
	}
	r.verify(out)
	if again := r.run(in, out); again.exit != 0 || again.New != 0 || again.Rows != 210 {
		t.Errorf("a second run: %+v", again)
	}
}

// mostInFlight is the most rows that a worker has in flight (pipeline's window),
// however slow machine and origin are. Each test does more than that before it
// interferes, so that starting over would show.
const mostInFlight = 512

// A worker that is killed costs what it did since its last checkpoint.
func TestWorkerKilledInMidPartition(t *testing.T) {
	r := newRig(t)
	const rows = 3000
	r.origin.delay = 5 * time.Millisecond
	in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
	for _, n := range []int{1000, 1200} {
		w, reached := r.worker(), r.origin.when(n)
		if n == 1000 {
			defer func(wait func() result) {
				if res := wait(); res.exit != 0 || res.OK != rows || res.Rows != rows {
					t.Errorf("%+v\n%s", res, res.stderr)
				}
				r.verify(out)
				all, again := r.origin.requests()
				t.Logf("%d requests, %d of them again", all, again)
				// A checkpoint's rows and those in flight, for each kill.
				if again > 2*(256+mostInFlight) {
					t.Errorf("two kills cost %d rows", again)
				}
			}(r.start(in, out))
		}
		<-reached
		kill(w)
	}
	r.worker()
}

// A worker that is told to stop hands over at once, and loses nothing but the
// downloads that it cut short.
func TestWorkerHandsOver(t *testing.T) {
	r := newRig(t)
	const rows = 1200
	r.origin.delay = 5 * time.Millisecond
	in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
	first := r.worker()
	reached := r.origin.when(800)
	// With a heartbeat timeout of five minutes, only a handover lets it end soon.
	begun := time.Now()
	wait := r.start(in, out, "--heartbeat-timeout", "5m")
	<-reached
	r.worker()
	if err := first.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("the worker ended with %v", err)
	}
	if res := wait(); res.exit != 0 || res.OK != rows {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	if took := time.Since(begun); took > 2*time.Minute {
		t.Errorf("it took %s: the partition was not handed over", took)
	}
	r.verify(out)
	if _, again := r.origin.requests(); again > mostInFlight {
		t.Errorf("a handover cost %d rows", again)
	}
}

// A store that is out of reach is waited for, and no row fails for it.
func TestStoreOutOfReach(t *testing.T) {
	r := newRig(t)
	w, out := r.wired()
	const rows = 600
	r.origin.delay = 5 * time.Millisecond
	in := r.dataset("a.parquet", rows, fine)
	r.worker()
	reached := r.origin.when(250)
	wait := r.start(in, out)
	<-reached
	be(t, w, wire.Cut)
	r.awaitStatus(out, "s3://out", "refused")
	be(t, w, wire.Whole)
	if res := wait(); res.exit != 0 || res.OK != rows || res.Failed != 0 {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	r.verify(out)
}

// A store that takes calls and never answers is named after half a minute, and
// does not keep a run from being cancelled.
func TestStoreThatHangs(t *testing.T) {
	scenario(t)
	r := newRig(t)
	w, out := r.wired()
	const rows = 1500
	r.origin.delay = 5 * time.Millisecond
	in := r.dataset("a.parquet", rows, fine)
	r.worker()
	reached := r.origin.when(250)
	wait := r.start(in, out)
	<-reached
	be(t, w, wire.Silent)
	begun := time.Now()
	r.awaitStatus(out, "s3://out", "no answer for 3")
	if took := time.Since(begun); took > 50*time.Second {
		t.Errorf("it took %s to be said", took)
	}
	reached = r.origin.when(250)
	be(t, w, wire.Whole)
	<-reached
	be(t, w, wire.Silent)
	begun = time.Now()
	if res := r.starter("cancel", out); res.Status != "cancelled" {
		t.Errorf("cancel: %+v", res)
	}
	if took := time.Since(begun); took > 35*time.Second {
		t.Errorf("cancelling took %s", took)
	}
	if res := wait(); res.exit != 1 || res.Status != "cancelled" {
		t.Errorf("the run that was cancelled: %+v", res)
	}
	be(t, w, wire.Whole)
	if res := r.run(in, out); res.exit != 0 || res.OK != rows {
		t.Errorf("the run after it: %+v\n%s", res, res.stderr)
	}
	r.verify(out)
}

// wired is an output in a bucket at the other end of a wire.
func (r *rig) wired() (w *wire.Wire, out string) {
	r.t.Helper()
	s3 := s3test.Start(r.t)
	r.env = append(r.env, s3.Env()...)
	bucket := s3.Bucket(r.t, "out")
	address := strings.TrimPrefix(s3.Endpoint, "http://")
	w, err := wire.New(address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(w.Close)
	through := strings.ReplaceAll(w.Address(), ":", "%3A")
	out = strings.Replace(strings.Replace(bucket, "?", "/photos?", 1), strings.ReplaceAll(address, ":", "%3A"), through, 1)
	if !strings.Contains(out, through) {
		r.t.Fatalf("%s does not go by the wire", out)
	}
	return w, out
}

// be puts a wire into a state.
func be(t *testing.T, w *wire.Wire, s wire.State) {
	t.Helper()
	if err := w.Be(s); err != nil {
		t.Fatal(err)
	}
}

// A folder that is away when a worker takes over (a share that is not mounted
// there) is waited for, and no partition fails for it. One that was removed
// between two runs is made anew.
func TestFoldersThatComeAndGo(t *testing.T) {
	scenario(t)
	r := newRig(t)
	const rows = 600
	r.origin.delay = 5 * time.Millisecond
	in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
	w, reached := r.worker(), r.origin.when(250)
	wait := r.start(in, out)
	<-reached
	kill(w)
	if err := os.Rename(in, in+".away"); err != nil {
		t.Fatal(err)
	}
	r.worker()
	r.awaitStatus(out, "does not exist on the worker's machine")
	if err := os.Rename(in+".away", in); err != nil {
		t.Fatal(err)
	}
	if res := wait(); res.exit != 0 || res.OK != rows || res.Failed != 0 {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	r.verify(out)
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	if res := r.run(in, out); res.exit != 0 || res.New != rows {
		t.Errorf("after the output was removed: %+v\n%s", res, res.stderr)
	}
	r.verify(out)
	if err := os.Rename(in, in+".away"); err != nil {
		t.Fatal(err)
	}
	if res := r.run(in, out); res.exit != 2 || !strings.Contains(res.Error, "--input") {
		t.Errorf("after the dataset was renamed: %+v\n%s", res, res.stderr)
	}
}

// awaitStatus waits until the status of a run says all of says.
func (r *rig) awaitStatus(out string, says ...string) {
	r.t.Helper()
	await(r.t, fmt.Sprintf("the status says %q", says), func() bool {
		text, err := r.command("status", out).Output()
		return err == nil && !slices.ContainsFunc(says, func(s string) bool { return !strings.Contains(string(text), s) })
	})
}

// A file that cannot be read is one failed partition that names it; the others
// go on, and once it is mended so does it.
func TestBrokenFile(t *testing.T) {
	r := newRig(t)
	in, out := r.dataset("a.parquet", 50, fine), filepath.Join(r.dir, "out")
	broken := filepath.Join(in, "b.parquet")
	if err := os.WriteFile(broken, []byte("PAR1 this is no footer PAR1"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.worker()
	res := r.run(in, out)
	if res.exit != 1 || res.OK != 50 || !strings.Contains(res.Error+res.stderr, "b.parquet") {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	r.dataset("b.parquet", 20, func(i int) string { return fine(100 + i) })
	if res := r.run(in, out); res.exit != 0 || res.OK != 70 || res.New != 20 {
		t.Errorf("after it was mended: %+v\n%s", res, res.stderr)
	}
	r.verify(out)
}
