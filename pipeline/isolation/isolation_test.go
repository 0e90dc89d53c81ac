package isolation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/pipeline"
)

var (
	small  = pipeline.Target{Width: 8, Height: 8, Fit: pipeline.Fill, Format: pipeline.JPEG, Quality: 80}
	header = pipeline.Header{Format: "jpeg", Width: 8, Height: 8, Bands: 3, Depth: 8}
)

// isolated starts decoders of a kind, and ends them with the test.
func isolated(t testing.TB, kind string, headers pipeline.Imager, opts Options) *Imager {
	t.Helper()
	opts.Args = []string{"-test.run=^$"}
	opts.Env = append(opts.Env, childEnvName+"="+kind)
	m, err := New(t.Context(), headers, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// quick are limits for orders that do not end.
func quick(decoders int) Options {
	return Options{
		Decoders: decoders,
		CPU:      func(uint64) time.Duration { return time.Second },
		Deadline: func(uint64) time.Duration { return 3 * time.Second },
		pause:    func(int) time.Duration { return time.Millisecond },
	}
}

// The slowest that was measured takes 0.1 s of CPU a megapixel.
func TestLimitsLeaveRoomForTheSlowest(t *testing.T) {
	for _, megapixels := range []uint64{0, 1, 50, 100} {
		slowest := time.Duration(megapixels) * time.Second / 10
		if got := cpuLimit(megapixels * 1e6); got < 5*slowest || got > 5*slowest+10*time.Second {
			t.Errorf("%d MP may take %v of CPU, and the slowest takes %v", megapixels, got, slowest)
		}
	}
}

// Whatever an image does to its decoder costs that image, and nothing else.
func TestMisbehaviourCostsOneImage(t *testing.T) {
	for _, c := range []struct {
		order   string
		class   pipeline.Class // "" is none
		message string         // a part of it
		starts  int64          // of decoders, beside the first one
	}{
		{"ok", "", "", 0},
		{"segv", pipeline.DecoderCrash, "SIGSEGV", 2},
		{"abort", pipeline.DecoderCrash, "SIGABRT", 2},
		{"exit", pipeline.DecoderCrash, "exit status 7", 2},
		{"panic", pipeline.DecoderCrash, "exit status 2", 2},
		{"hang", pipeline.DecoderTimeout, "not decoded within 3s", 1},
		{"spin", pipeline.DecoderTimeout, "CPU time", 1},
		{"swell", pipeline.DecoderCrash, "more memory than the 16 MB that its header explains", 2},
		{"break", pipeline.DecoderCrash, "broke its decoder: a b", 2},
		{"garbage", pipeline.DecoderCrash, "makes no sense", 2},
		{"not json", pipeline.DecoderCrash, "makes no sense", 2},
		{"oversized", pipeline.DecoderCrash, "makes no sense", 2},
		{"another size", pipeline.DecoderCrash, "makes no sense", 2},
		{"no image", pipeline.DecoderCrash, "makes no sense", 2},
		{"half", pipeline.DecoderCrash, "exit status 0", 2},
		{"another class", pipeline.DecoderCrash, "makes no sense", 2},
		{"corrupt", pipeline.Corrupt, "it is", 0},
		{"long message", pipeline.Corrupt, "a b [31mxxx", 0},
		{"talk", "", "", 0},
	} {
		t.Run(c.order, func(t *testing.T) {
			t.Parallel()
			limits := quick(1)
			if c.order == "spin" { // CPU time is short when many spin
				limits.Deadline = func(uint64) time.Duration { return time.Minute }
			}
			m := isolated(t, "fake", orders{}, limits)
			render := func(order string) (string, error) {
				out, err := m.Render(t.Context(), []byte(order+":"+order), header, small)
				return strings.TrimPrefix(string(out.Bytes), shout), err
			}
			if _, err := render("before"); err != nil {
				t.Fatal(err)
			}
			got, err := render(c.order)
			re, _ := pipeline.AsRowError(err)
			switch {
			case c.class == "" && (err != nil || got != c.order):
				t.Errorf("%q, %v", got, err)
			case c.class != "" && (re == nil || re.Class != c.class || !strings.Contains(re.Message, c.message)):
				t.Errorf("%v: want %s, %q", err, c.class, c.message)
			case re != nil && (len(re.Message) > 2*maxLine || strings.ContainsAny(re.Message, "\n\x1b")):
				t.Errorf("%q is no short line", re.Message)
			}
			for i := range 3 {
				next := fmt.Sprintf("after %d", i)
				if got, err := render(next); err != nil || got != next {
					t.Errorf("the image after it: %q, %v", got, err)
				}
			}
			// The one after a verdict starts a decoder, too.
			want := 1 + c.starts
			if got := m.Stats().Starts; got != want {
				t.Errorf("%d decoders were started, want %d", got, want)
			}
		})
	}
}

// Decoders that die between two images, or at the very moment at which one is
// handed over, cost no image.
func TestKilledFromOutside(t *testing.T) {
	m := isolated(t, "fake", orders{}, quick(2))
	for i := range 30 {
		c := <-m.slots
		if c != nil {
			_ = unix.Kill(c.cmd.Process.Pid, syscall.SIGKILL) // it may be waited for, or not yet
			if i%2 == 0 {
				<-c.dead
			}
		}
		m.slots <- c
		want := fmt.Sprint(i)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				out, err := m.Render(context.Background(), []byte("ok:"+want), header, small)
				if err != nil || string(out.Bytes) != shout+want {
					t.Errorf("%q, %v", out.Bytes, err)
				}
			})
		}
		wg.Wait()
	}
}

// A decoder that is killed whenever it has an image, as the kernel does when
// memory is short, is a fault of our surroundings and no row's. Where it is over
// after a while, so is the image.
func TestKilledFromOutsideAtWork(t *testing.T) {
	for _, spared := range []int{1, unheard - 1, unheard} {
		t.Run(fmt.Sprintf("spared after %d", spared), func(t *testing.T) {
			t.Parallel()
			m := isolated(t, "fake", orders{}, quick(1))
			m.opts.pause = func(gone int) time.Duration {
				if gone == spared {
					m.opts.Env = append(m.opts.Env, sparedEnvName+"=1")
				}
				return time.Millisecond
			}
			for range 2 { // a decoder that had rendered others is no different
				_, _ = m.Render(t.Context(), []byte("ok"), header, small)
			}
			out, err := m.Render(t.Context(), []byte("kill:me"), header, small)
			if spared < unheard {
				if err != nil || string(out.Bytes) != shout+"me" {
					t.Errorf("%q, %v", out.Bytes, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), "memory of the machine") {
				t.Errorf("%v", err)
			}
			if _, ok := pipeline.AsRowError(err); ok {
				t.Errorf("%v: a row is blamed", err)
			}
			if s := m.Stats(); s.Crashes != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// What a decoder may not do, it cannot.
func TestDecodersAreConfined(t *testing.T) {
	m := isolated(t, "fake", orders{}, quick(1))
	out, err := m.Render(t.Context(), []byte("probe"), header, small)
	if err != nil {
		t.Fatal(err)
	}
	if open := strings.TrimPrefix(string(out.Bytes), shout); open != "" {
		t.Error(open)
	}
	c := <-m.slots
	defer func() { m.slots <- c }()
	if c.hello.Unconfined != "" {
		t.Errorf("unconfined: %s", c.hello.Unconfined)
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", c.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(env, []byte("HOME=")) || bytes.Contains(env, []byte("SECRET")) {
		t.Errorf("its environment is %q", env)
	}
}

// A decode that nobody waits for any more does not hold its caller for long, and
// the next image is right.
func TestCancel(t *testing.T) {
	m := isolated(t, "fake", orders{}, Options{Decoders: 1})
	for _, order := range []string{"ok", "hang"} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := m.Render(ctx, []byte(order), header, small)
			ended <- err
		}()
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", order, err)
		}
		if out, err := m.Render(t.Context(), []byte("ok:next"), header, small); err != nil || string(out.Bytes) != shout+"next" {
			t.Errorf("after %s: %q, %v", order, out.Bytes, err)
		}
	}
	if s := m.Stats(); s.Crashes+s.Timeouts != 0 {
		t.Errorf("a cancel blamed an image: %+v", s)
	}
}

// Decoders are replaced after so much work.
func TestRenewal(t *testing.T) {
	const order = "ok:well" // 7 bytes
	for name, limit := range map[string]func(*Options){
		"images": func(o *Options) { o.RenewImages = 4 },
		"bytes":  func(o *Options) { o.RenewBytes = 4 * int64(len(order)) },
	} {
		t.Run(name, func(t *testing.T) {
			opts := quick(1)
			limit(&opts)
			m := isolated(t, "fake", orders{}, opts)
			for range 12 {
				if _, err := m.Render(t.Context(), []byte(order), header, small); err != nil {
					t.Fatal(err)
				}
			}
			if s := m.Stats(); s.Starts != 3 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Where the kernel has no filters, decoders work without, and the log says so.
func TestUnconfinedDecodersAreToldOf(t *testing.T) {
	for _, c := range []struct {
		kind string
		told bool
	}{{"fake", false}, {"unconfined", true}} {
		var log safeBuffer
		opts := quick(2)
		opts.Log = slog.New(slog.NewTextHandler(&log, nil))
		m := isolated(t, c.kind, orders{}, opts)
		if _, err := m.Render(t.Context(), []byte("ok"), header, small); err != nil {
			t.Errorf("%s: %v", c.kind, err)
		}
		if told := strings.Contains(log.String(), "level=WARN") && strings.Contains(log.String(), "without a seccomp filter"); told != c.told {
			t.Errorf("%s: the log is %q", c.kind, log.String())
		}
	}
}

// What the machine lacks is an error of ours that says so, and no row's failure.
func TestDecodersThatDoNotStart(t *testing.T) {
	for _, c := range []struct{ kind, want string }{
		{"stillborn", "there is no libvips"},
		{"none", "it does not come up"}, // the test binary runs no test, and ends
	} {
		_, err := New(t.Context(), orders{}, Options{Decoders: 2, Args: []string{"-test.run=^$"}, Env: []string{childEnvName + "=" + c.kind}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.kind, err)
		}
		if _, ok := pipeline.AsRowError(err); ok {
			t.Errorf("%s: a row is blamed", c.kind)
		}
	}
	// Later on, too.
	m := isolated(t, "fake", orders{}, quick(1))
	m.opts.Env = []string{childEnvName + "=stillborn"}
	if _, err := m.Render(t.Context(), []byte("kill"), header, small); err == nil {
		t.Error("no error")
	} else if _, ok := pipeline.AsRowError(err); ok {
		t.Errorf("%v: a row is blamed", err)
	}
}

// A source that is larger than what decoders take is refused.
func TestLargeSources(t *testing.T) {
	opts := quick(1)
	opts.MaxSource = 8 << 20
	m := isolated(t, "fake", orders{}, opts)
	large := header
	large.Width *= 100 // the fake copies its source, and so does the race detector
	for _, size := range []int{1, 3, 8 << 20, 100, 5 << 20} {
		src := append([]byte("ok:"), bytes.Repeat([]byte{'x'}, size-min(size, 3))...)
		if _, err := m.Render(t.Context(), src, large, small); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
	}
	var s unix.Stat_t
	c := <-m.slots
	if err := unix.Fstat(int(c.source.file.Fd()), &s); err != nil || s.Blocks*512 > kept {
		t.Errorf("%d bytes of shared memory are held (%v)", s.Blocks*512, err)
	}
	m.slots <- c
	_, err := m.Render(t.Context(), make([]byte, 8<<20+1), header, small)
	if re, _ := pipeline.AsRowError(err); re == nil || re.Class != pipeline.OverBudget {
		t.Error(err)
	}
}

// The memory of sources is there as long as the decoder's parent wants it, and in
// its full size: the parent has it mapped.
func TestSourcesAreSealed(t *testing.T) {
	s, err := newSource(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for name, try := range map[string]error{
		"shrink": s.file.Truncate(1 << 20),
		"grow":   s.file.Truncate(16 << 20),
		"unseal": func() error { _, err := unix.FcntlInt(s.file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); return err }(),
	} {
		if !errors.Is(try, unix.EPERM) {
			t.Errorf("%s: %v", name, try)
		}
	}
}

// Go's monitor thread in a decoder sleeps longer than it asks for.
func TestDecodersNeedNotBeOnTime(t *testing.T) {
	m := isolated(t, "fake", orders{}, quick(1))
	c := <-m.slots
	defer func() { m.slots <- c }()
	got, err := os.ReadFile(fmt.Sprintf("/proc/%d/timerslack_ns", c.cmd.Process.Pid))
	if want := strconv.FormatInt(slack.Nanoseconds(), 10); err != nil || strings.TrimSpace(string(got)) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// Nothing is left of decoders that crashed, or were closed.
func TestNothingIsLeft(t *testing.T) {
	fds := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	warm := isolated(t, "fake", orders{}, quick(1)) // the poller has a descriptor of its own
	_ = warm
	before := fds()
	m, err := New(t.Context(), orders{}, Options{Decoders: 2, Args: []string{"-test.run=^$"}, Env: []string{childEnvName + "=fake"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		_, _ = m.Render(t.Context(), []byte("abort"), header, small)
		_, _ = m.Render(t.Context(), []byte("ok"), header, small)
	}
	m.Close()
	if after := fds(); after != before {
		t.Errorf("%d descriptors, and before %d", after, before)
	}
	if n := len(children(t, os.Getpid())); n != 1 {
		t.Errorf("%d children, and one is to be there", n)
	}
}

// What decoders say on stderr is logged, a short line at a time.
func TestStderrIsLogged(t *testing.T) {
	var log safeBuffer
	opts := quick(1)
	opts.Log = slog.New(slog.NewTextHandler(&log, nil))
	m := isolated(t, "fake", orders{}, opts)
	for range 3 * maxLines {
		if _, err := m.Render(t.Context(), []byte("talk"), header, small); err != nil {
			t.Fatal(err)
		}
	}
	m.slots <- func() *child { c := <-m.slots; c.retire(); return nil }()
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != maxLines || len(lines[0]) > 2*maxLine || !strings.Contains(lines[0], "talk talk") {
		t.Errorf("%d lines: %s", len(lines), lines[0])
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// children are the ids of a process's children.
func children(t testing.TB, pid int) (ids []int) {
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
			var id int
			if _, err := fmt.Sscan(f, &id); err == nil {
				ids = append(ids, id)
			}
		}
	}
	return ids
}
