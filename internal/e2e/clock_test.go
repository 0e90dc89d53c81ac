package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/internal/s3test"
)

// skewed builds a worker whose time.Now is off: Go reads the clock without libc,
// so that no library could be preloaded, and a time namespace has the machine's
// wall clock. All of it is compiled anew over a package time of our own, which
// takes minutes; `make clock` asks for it. C code goes by the true clock, and
// libvips decides nothing by it.
func skewed(t *testing.T) string {
	t.Helper()
	if os.Getenv("SLUICE_CLOCK") == "" {
		t.Skip("it compiles the standard library anew: make clock")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(src, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	const reads = "sec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(text), reads) < 1 {
		t.Fatal("package time reads the clock in another way than it did")
	}
	dir := t.TempDir()
	overlay := map[string]map[string]string{"Replace": {}}
	for name, body := range map[string]string{
		"time.go":    strings.ReplaceAll(string(text), reads, reads+"\tsec += skewed(mono)\n"),
		"skewing.go": skewing,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][filepath.Join(src, name)] = path
	}
	list, err := json.Marshal(overlay)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "worker")
	build := exec.Command("go", "build", "-buildvcs=false", "-overlay", filepath.Join(dir, "overlay.json"), "-o", path, "./worker")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// skewing is what package time is given: by how much the wall clock is off, and
// how long after the process began it jumps there. The monotonic clock goes on
// as it does, which is what a jump of a real clock looks like.
const skewing = `package time

import "syscall"

var skew, skewAfter = skewOf("SLUICE_SKEW"), skewOf("SLUICE_SKEW_AFTER")

func skewOf(name string) int64 {
	s, _ := syscall.Getenv(name)
	d, _ := ParseDuration(s)
	return int64(d)
}

func skewed(mono int64) int64 {
	if mono-startNano < skewAfter {
		return 0
	}
	return skew / int64(Second)
}
`

// Workers whose clocks are an hour off, or jump by one, come to what others come
// to: over a folder and over S3, which refuses signatures that are 15 minutes
// old; beside a right one that takes over from them, and from which they take over.
func TestAClockThatIsAnHourOffChangesNothing(t *testing.T) {
	worker := skewed(t)
	s3 := s3test.Start(t)
	r := newRig(t)
	r.origin.delay = 5 * time.Millisecond
	const rows = 1200
	for i, c := range []struct {
		name string
		env  []string
	}{
		{"an hour ahead", []string{"SLUICE_SKEW=1h"}},
		{"an hour behind", []string{"SLUICE_SKEW=-1h"}},
		{"it jumps ahead", []string{"SLUICE_SKEW=1h", "SLUICE_SKEW_AFTER=3s"}},
		{"it jumps back", []string{"SLUICE_SKEW=-1h", "SLUICE_SKEW_AFTER=3s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.t, r.dir = t, t.TempDir()
			in := r.dataset("a.parquet", rows, func(row int) string { return fine(10_000*i + row) })
			out := filepath.Join(r.dir, "out")
			if i%2 == 1 {
				out = s3.Bucket(t, "out"+c.env[0][len("SLUICE_SKEW="):]+string(rune('0'+i)))
			}
			w := r.program(worker, c.env)
			reached := r.origin.when(400)
			wait := r.start(in, out)
			<-reached
			if i == 0 {
				if _, at := only(t, out); time.Until(at.At) < 50*time.Minute {
					t.Fatalf("its clock is not off: it took a checkpoint at %s", at.At)
				}
			}
			reached = r.origin.when(400)
			right := r.worker()
			kill(w)
			<-reached
			last := r.program(worker, c.env)
			kill(right)
			if res := wait(); res.exit != 0 || res.OK != rows || res.Failed != 0 {
				t.Errorf("%+v\n%s", res, res.stderr)
			}
			// What it does by ages goes by the store's clock.
			if res := r.starter("gc", out, "--horizon", "30m"); res.exit != 0 || res.Named != rows || res.Images != 0 {
				t.Errorf("gc: %+v\n%s", res, res.stderr)
			}
			r.verify(out)
			kill(last)
		})
	}
}
