package e2e

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// killer is a JPEG that kills a worker into which testdata/killer.c is loaded.
func killer(n int) []byte {
	const mark = "sluice-killer"
	whole := photo(n)
	comment := append([]byte{0xff, 0xfe, 0, byte(2 + len(mark))}, mark...)
	return bytes.Join([][]byte{whole[:2], comment, whole[2:]}, nil)
}

// preload builds testdata/killer.c.
func preload(t *testing.T) string {
	t.Helper()
	lib := filepath.Join(t.TempDir(), "killer.so")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", lib, "testdata/killer.c", "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return lib
}

// An image that kills the worker whenever it is decoded, where that is done in
// the worker, costs its own row.
func TestKillerIsQuarantined(t *testing.T) {
	r := newRig(t)
	r.preload = preload(t)
	const rows = 120
	in, out := r.dataset("a.parquet", rows, func(i int) string {
		if i == 60 {
			return "/killer/60.jpg"
		}
		return fine(i)
	}), filepath.Join(r.dir, "out")
	ended := make(chan result, 1)
	wait := r.start(in, out, "--size", "64x64") // smaller than the sources, for the way that the killer is on
	go func() { ended <- wait() }()
	for deaths := 0; ; deaths++ {
		if deaths > 6 {
			t.Fatal("it goes on and on")
		}
		w := r.worker("--isolation", "none")
		died := make(chan error, 1)
		go func() { died <- w.Wait() }()
		select {
		case err := <-died:
			t.Log(err)
			continue
		case res := <-ended:
			if res.exit != 0 || res.OK != rows-1 || res.Errors["quarantined"] != 1 {
				t.Errorf("%+v\n%s", res, res.stderr)
			}
			if deaths != 3 {
				t.Errorf("%d workers died: one with others about, and two alone, are to", deaths)
			}
			r.verify(out)
			_ = w.Process.Kill()
			<-died //nolint:errcheck // by a signal; that is no news
			return
		}
	}
}

// Two ordinary kills accuse no row.
func TestKillsQuarantineNothing(t *testing.T) {
	scenario(t)
	r := newRig(t)
	const rows = 600
	r.origin.delay = 5 * time.Millisecond
	in, out := r.dataset("a.parquet", rows, fine), filepath.Join(r.dir, "out")
	w := r.worker("--isolation", "none")
	first := r.origin.when(150)
	wait := r.start(in, out)
	<-first
	kill(w)
	w = r.worker("--isolation", "none")
	<-r.origin.when(350)
	kill(w)
	r.worker("--isolation", "none")
	if res := wait(); res.exit != 0 || res.OK != rows {
		t.Errorf("%+v\n%s", res, res.stderr)
	}
	r.verify(out)
}

// Where decoders are processes of their own, a kill of the worker has them end,
// too, and nothing is left behind.
func TestDecodersEndWithTheirWorker(t *testing.T) {
	r := newRig(t)
	w := r.worker()
	var decoders []int
	await(t, "the worker has decoders", func() bool {
		decoders = children(t, w.Process.Pid)
		return len(decoders) > 0
	})
	kill(w)
	await(t, fmt.Sprintf("decoders %v end", decoders), func() bool {
		for _, pid := range decoders {
			if alive(pid) {
				return false
			}
		}
		return true
	})
}
