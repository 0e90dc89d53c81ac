package main

import (
	"fmt"
	"strings"
	"time"

	"sluice/workflows/progress"
)

// view is what is shown of a run.
type view struct {
	progress.Snapshot
	doing string        // until there is a plan
	rate  float64       // rows a second of late
	left  time.Duration // 0: nobody can say
}

// render makes the lines for a terminal of some width. The last column stays
// free: some terminals wrap as soon as it is used.
func render(v view, width int) []line {
	columns := max(1, width-1)
	var ls []line
	if !v.Planned {
		ls = append(ls, line{{text: beginning(v)}}.fit(columns))
	} else {
		head := headline(v).fit(columns)
		ls = append(ls, withBar(head, v, columns), partitions(v).fit(columns))
		if v.Counts.Failed > 0 {
			ls = append(ls, failures(v).fit(columns))
		}
		for _, l := range particulars(v.Snapshot) {
			ls = append(ls, line{{text: l}}.fit(columns))
		}
	}
	if t := trouble(v); t != "" {
		ls = append(ls, line{{text: t, color: yellow}}.fit(columns))
	}
	return ls
}

func headline(v view) line {
	done := v.Counts.Rows()
	l := line{
		{text: percent(done, v.Rows), rank: 0},
		{text: count(done) + "/" + count(v.Rows) + " rows", rank: 1},
	}
	if v.rate > 0 {
		l = append(l, piece{text: rate(v.rate), rank: 2})
	}
	if v.left > 0 && v.Status != progress.Paused {
		l = append(l, piece{text: span(v.left.Round(time.Second)) + " left", rank: 3})
	}
	if v.Cancelling {
		l = append(l, piece{text: "cancelling", color: yellow, rank: 1})
	}
	return l
}

const (
	narrowBar = 10
	widestBar = 40
)

// withBar puts a bar before l where there is room for one.
func withBar(l line, v view, columns int) line {
	room := min(widestBar, columns-l.columns()-2-len("[]"))
	if room < narrowBar || v.Rows <= 0 {
		return l
	}
	full := int(int64(room) * min(v.Counts.Rows(), v.Rows) / v.Rows)
	bar := strings.Repeat("=", full)
	if full < room {
		bar += ">" + strings.Repeat(" ", room-full-1)
	}
	return append(line{{text: "[" + bar + "]", color: green}}, l...)
}

func partitions(v view) line {
	p := v.Partitions
	l := line{{text: fmt.Sprintf("partitions %s/%s", count(p.Done), count(p.All))}}
	rank := 1
	if p.Failed > 0 {
		l = append(l, piece{text: count(p.Failed) + " failed", color: red, rank: rank})
	}
	for _, state := range p.Open() {
		rank++
		color := 0
		if state.Name == "paused" || state.Name == "held up" {
			color = yellow
		}
		l = append(l, piece{text: count(state.N) + " " + state.Name, color: color, rank: rank})
	}
	return l
}

// failures lists the classes one by one, so that a narrow line drops the rarest.
func failures(v view) line {
	l := line{{text: count(v.Counts.Failed) + " failed", color: red}}
	for i, word := range classWords(v.Counts.Errors) {
		l = append(l, piece{text: word, rank: i + 1})
	}
	return l
}

// beginning is what goes on before there are numbers to compare with.
func beginning(v view) string {
	var words []string
	if v.Step.Files > 0 {
		words = append(words, many(v.Step.Files, "file"))
	}
	if v.Step.Partitions > 0 {
		words = append(words, many(v.Step.Partitions, "partition"), many(v.Step.Rows, "row"))
	}
	if len(words) == 0 {
		return v.doing
	}
	return v.doing + ": " + strings.Join(words, ", ") + " so far"
}

// trouble is the first thing that holds the run up, and how many more there are.
func trouble(v view) string {
	if len(v.Troubles) == 0 {
		return ""
	}
	return troubleLine(v.Troubles[0], len(v.Troubles)-1)
}

func troubleLine(t progress.Trouble, more int) string {
	who := t.Partition
	if who == "" {
		who = strings.ToLower(t.Activity)
	}
	if more > 0 {
		who += fmt.Sprintf(" and %s more", count(more))
	}
	if t.Paused {
		return who + ": " + oneLine(t.Message)
	}
	return fmt.Sprintf("%s held up, attempt %d: %s", who, t.Attempt, oneLine(t.Message))
}

// plain is the same in one line, for logs.
func plain(v view) string {
	var words []string
	if v.Planned {
		words = []string{headline(v).String(), partitions(v).String()}
		if v.Counts.Failed > 0 {
			words = append(words, count(v.Counts.Failed)+" failed ("+classes(v.Counts.Errors)+")")
		}
	} else {
		words = []string{beginning(v)}
	}
	if t := trouble(v); t != "" {
		words = append(words, t)
	}
	return strings.Join(words, "; ")
}
