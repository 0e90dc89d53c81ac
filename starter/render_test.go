package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/pipeline"
	"sluice/workflows/progress"
)

func someView() view {
	return view{
		Snapshot: progress.Snapshot{
			Status: progress.Running, Planned: true, Rows: 1_200_000,
			Counts: pipeline.Counts{
				OK: 420_000, Failed: 12_000,
				Errors: map[pipeline.Class]int64{pipeline.Timeout: 9000, pipeline.HTTP4xx: 2990, pipeline.Corrupt: 10},
			},
			Partitions: progress.Partitions{All: 120, Done: 40, Failed: 1, Running: 2, Queued: 60, Waiting: 3, Retrying: 1},
			Troubles: []progress.Trouble{
				{Partition: "part-00012-3f9a1c02-0of4", Attempt: 3, Message: "store file:///out: no space\x1b[2J left on device"},
				{Partition: "b", Attempt: 2, Message: "the same"},
			},
		},
		rate: 118.4, left: 108 * time.Minute, doing: "planning",
	}
}

func drawn(v view, width int) string {
	var b strings.Builder
	for _, l := range render(v, width) {
		b.WriteString(l.paint(false) + "\n")
	}
	return b.String()
}

func TestRenderingByWidth(t *testing.T) {
	for width, want := range map[int]string{
		200: `[==============>                         ]  36%  432,000/1,200,000 rows  118 images/s  1 h 48 min left
partitions 40/120  1 failed  1 held up  2 running  3 waiting  60 queued
12,000 failed  timeout 9,000  http_4xx 2,990  corrupt 10
part-00012-3f9a1c02-0of4 and 1 more held up, attempt 3: store file:///out: no space [2J left on device
`,
		80: `[======>          ]  36%  432,000/1,200,000 rows  118 images/s  1 h 48 min left
partitions 40/120  1 failed  1 held up  2 running  3 waiting  60 queued
12,000 failed  timeout 9,000  http_4xx 2,990  corrupt 10
part-00012-3f9a1c02-0of4 and 1 more held up, attempt 3: store file:///out: no …
`,
		40: `36%  432,000/1,200,000 rows
partitions 40/120  1 failed  1 held up
12,000 failed  timeout 9,000
part-00012-3f9a1c02-0of4 and 1 more he…
`,
		20: `[====>       ]  36%
partitions 40/120
12,000 failed
part-00012-3f9a1c0…
`,
	} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			if got := drawn(someView(), width); got != want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestNoLineIsAsWideAsTheTerminal(t *testing.T) {
	views := map[string]view{"busy": someView(), "planning": {doing: "planning"}, "empty": {Snapshot: progress.Snapshot{Planned: true}}}
	for name, v := range views {
		for width := 1; width <= 250; width++ {
			for _, l := range render(v, width) {
				if l.columns() >= max(2, width) {
					t.Fatalf("%s at %d: %q has %d columns", name, width, l.paint(false), l.columns())
				}
			}
		}
	}
}

func TestPlainLine(t *testing.T) {
	const want = "36%, 432,000/1,200,000 rows, 118 images/s, 1 h 48 min left; " +
		"partitions 40/120, 1 failed, 1 held up, 2 running, 3 waiting, 60 queued; " +
		"12,000 failed (timeout 9,000, http_4xx 2,990, corrupt 10); " +
		"part-00012-3f9a1c02-0of4 and 1 more held up, attempt 3: store file:///out: no space [2J left on device"
	if got := plain(someView()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	v := view{doing: "planning", Snapshot: progress.Snapshot{Step: progress.Step{Files: 3, Partitions: 4, Rows: 1000}}}
	if got, want := plain(v), "planning: 3 files, 4 partitions, 1,000 rows so far"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestColorOnlyWhereItIsWanted(t *testing.T) {
	for _, color := range []bool{false, true} {
		var b bytes.Buffer
		s := &screen{w: &b, color: color, width: func() int { return 80 }}
		s.show(someView())
		if got := strings.Contains(b.String(), "\x1b[31m"); got != color {
			t.Errorf("color %t: %q", color, b.String())
		}
	}
}

// terminal is one that is so wide, wraps, and obeys what the screen sends.
type terminal struct {
	width int
	lines []string // logical ones
}

func (v *terminal) Write(p []byte) (int, error) {
	s := string(p)
	var up int
	if n, _ := fmt.Sscanf(s, "\x1b[%dA\x1b[J", &up); n == 1 {
		s = s[strings.Index(s, "\x1b[J")+len("\x1b[J"):]
		for up > 0 && len(v.lines) > 0 {
			last := len(v.lines) - 1
			up -= 1 + max(0, columnsOf(v.lines[last])-1)/v.width
			v.lines = v.lines[:last]
		}
		if up != 0 {
			v.lines = append(v.lines, "(misplaced)")
		}
	}
	v.lines = append(v.lines, strings.Split(strings.TrimSuffix(s, "\n"), "\n")...)
	return len(p), nil
}

func TestTheScreenRedrawsInPlace(t *testing.T) {
	term := &terminal{width: 80}
	s := &screen{w: term, width: func() int { return term.width }}
	s.show(someView())
	s.note("a line that stays")
	for _, width := range []int{80, 30, 12, 100} {
		term.width = width // resized: the lines that stand there wrap
		s.show(someView())
	}
	s.note("another one")
	s.show(someView())
	want := "a line that stays\nanother one\n" + strings.TrimSuffix(drawn(someView(), 100), "\n")
	if got := strings.Join(term.lines, "\n"); got != want {
		t.Errorf("on the terminal:\n%s\nwant:\n%s", got, want)
	}
}

func TestPlainLinesComeLessOften(t *testing.T) {
	var b bytes.Buffer
	l := &lines{w: &b}
	v := someView()
	const hour = 3600
	for second := range hour {
		v.At = time.Unix(int64(second), 0)
		v.Counts.OK++
		l.show(v)
	}
	if n := strings.Count(b.String(), "\n"); n < 60 || n > 120 {
		t.Errorf("%d lines in an hour, want 60 to 120", n)
	}
	b.Reset()
	v.Status = progress.Succeeded
	v.Counts.OK++
	l.show(v)
	if b.Len() == 0 {
		t.Error("no line at the end")
	}
}
