package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The peaks of resident memory of the worker and its decoders stay under --memory
// on images of 12 megapixels, and do not grow with their number. `make bench-memory` measures
// the same over 1,000 and 10,000 rows.
func TestMemoryIsBounded(t *testing.T) {
	r := newRig(t)
	r.origin.large = [][]byte{large(1), large(2), large(3)}
	peaks := map[int]int64{}
	for _, rows := range []int{80, 320} {
		in := r.dataset("a.parquet", rows, func(i int) string { return fmt.Sprintf("/large/%d.jpg", i) })
		w := r.worker()
		if res := r.run(in, filepath.Join(r.dir, fmt.Sprint(rows)), "--rows-per-partition", fmt.Sprint(rows/4), "--heartbeat-timeout", "1m"); res.exit != 0 || res.OK != int64(rows) {
			t.Fatalf("%d rows: %+v\n%s", rows, res, res.stderr)
		}
		if n := len(children(t, w.Process.Pid)); n == 0 {
			t.Error("the worker has no decoders")
		}
		peaks[rows] = peak(t, w.Process.Pid)
		kill(w)
	}
	t.Logf("peaks: %d MiB after 80 rows, %d MiB after 320", peaks[80]>>20, peaks[320]>>20)
	if peaks[320] >= 512<<20 {
		t.Errorf("the worker held %d MiB of 512", peaks[320]>>20)
	}
	if peaks[320] > peaks[80]*13/10 {
		t.Errorf("four times the rows took %d MiB instead of %d", peaks[320]>>20, peaks[80]>>20)
	}
}

// peak is the most that a process and its children have had resident, in bytes.
// Their peaks may have been at different times.
func peak(t *testing.T, pid int) (sum int64) {
	t.Helper()
	for _, id := range append(children(t, pid), pid) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", id))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(status)) {
			var kB int64
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kB); n == 1 {
				sum += kB << 10
			}
		}
	}
	return sum
}

// children are the ids of a process's children.
func children(t *testing.T, pid int) (ids []int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		for _, f := range strings.Fields(string(text)) {
			id, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// large is a JPEG of 12 megapixels and some 2 MB.
func large(seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 0))
	m := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	for i := range m.Y {
		m.Y[i] = uint8(i/4000/12) + uint8(random.Uint32()&15)
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = uint8(i%2000/8), uint8(i/2000/6)
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, m, &jpeg.Options{Quality: 85}) // to memory: cannot fail
	return b.Bytes()
}

// alive reports whether a process has not ended.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}
