package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"sluice/pipeline"
)

// count writes 1234567 as 1,234,567.
func count[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// many writes a number with its noun.
func many[N int | int64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return count(n) + " " + noun
}

// size writes bytes in decimal units.
func size(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1000, 0
	for v >= 999.5 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f %cB", v, units[i])
	}
	return fmt.Sprintf("%.0f %cB", v, units[i])
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	switch {
	case d < 10*time.Second && d%time.Second != 0:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %02d h", int(d.Hours())/24, int(d.Hours())%24)
}

// rate writes images a second.
func rate(perSecond float64) string {
	if perSecond < 9.95 {
		return fmt.Sprintf("%.1f images/s", perSecond)
	}
	return count(int64(perSecond+0.5)) + " images/s"
}

// percent never says 100 before all is done.
func percent(done, all int64) string {
	if all <= 0 {
		return "0%"
	}
	return fmt.Sprintf("%d%%", 100*done/all)
}

// classes writes failures by class, the most frequent first.
func classes(failures map[pipeline.Class]int64) string {
	return strings.Join(classWords(failures), ", ")
}

func classWords(failures map[pipeline.Class]int64) []string {
	order := slices.SortedFunc(maps.Keys(failures), func(a, b pipeline.Class) int {
		return cmp.Or(cmp.Compare(failures[b], failures[a]), cmp.Compare(a, b))
	})
	words := make([]string, len(order))
	for i, class := range order {
		words[i] = string(class) + " " + count(failures[class])
	}
	return words
}

// oneLine makes a message fit for one line of a terminal: messages come from
// stores and origins, and a terminal obeys control characters.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// cut shortens s to so many columns.
func cut(s string, columns int) string {
	if columnsOf(s) <= columns {
		return s
	}
	width := 0
	for i, r := range s {
		width += columnsOfRune(r)
		if width > columns-1 {
			if columns < 1 {
				return ""
			}
			return s[:i] + "…"
		}
	}
	return s
}

func columnsOf(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOfRune(r)
	}
	return n
}

// columnsOfRune takes everything from the CJK radicals on for two columns wide:
// never too few, so that no line wraps.
func columnsOfRune(r rune) int {
	if r >= 0x2e80 {
		return 2
	}
	return 1
}

// clock writes a time as people in this place read it.
func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

func formatWaits(waits []time.Duration) string {
	if len(waits) == 0 {
		return "none"
	}
	words := make([]string, len(waits))
	for i, w := range waits {
		words[i] = shortDuration(w)
	}
	return strings.Join(words, ",")
}

// shortDuration writes 2m where Duration.String writes 2m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
