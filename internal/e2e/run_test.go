package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/internal/s3test"
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
	s3 := s3test.Start(t)
	r := newRig(t)
	bucket := s3.Bucket(t, "out")
	address := strings.TrimPrefix(s3.Endpoint, "http://")
	w := newWire(t, address)
	out := strings.Replace(strings.Replace(bucket, "?", "/photos?", 1), strings.ReplaceAll(address, ":", "%3A"), strings.ReplaceAll(w.addr, ":", "%3A"), 1)
	if !strings.Contains(out, strings.ReplaceAll(w.addr, ":", "%3A")) {
		t.Fatalf("%s does not go by the wire", out)
	}
	const rows = 600
	r.origin.delay = 5 * time.Millisecond
	in := r.dataset("a.parquet", rows, fine)
	r.worker()
	reached := r.origin.when(250)
	wait := r.start(in, out)
	<-reached
	w.cut()
	await(t, "the status says that the store is away", func() bool {
		var text bytes.Buffer
		cmd := r.command("status", out)
		cmd.Stdout = &text
		return cmd.Run() == nil && strings.Contains(text.String(), "s3://out") && strings.Contains(text.String(), "refused")
	})
	w.mend(t)
	if res := wait(); res.exit != 0 || res.OK != rows || res.Failed != 0 {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	r.verify(out)
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
