package main

import (
	"fmt"
	"strings"
)

// piece is a word or two of a line.
type piece struct {
	text  string
	color int // of ANSI, 0: none
	// rank says which pieces go first when a line is too narrow for all: those
	// of the highest rank.
	rank int
}

// line is a line of pieces, two spaces apart.
type line []piece

const (
	red    = 31
	green  = 32
	yellow = 33
)

func (l line) columns() int {
	n := 0
	for _, p := range l {
		n += columnsOf(p.text)
	}
	return n + 2*max(0, len(l)-1)
}

// String is the line for logs.
func (l line) String() string {
	words := make([]string, len(l))
	for i, p := range l {
		words[i] = p.text
	}
	return strings.Join(words, ", ")
}

func (l line) paint(color bool) string {
	words := make([]string, len(l))
	for i, p := range l {
		words[i] = p.text
		if color && p.color != 0 {
			words[i] = fmt.Sprintf("\x1b[%dm%s\x1b[0m", p.color, p.text)
		}
	}
	return strings.Join(words, "  ")
}

// fit drops pieces, and at last cuts the one that is left, until l has no more
// than so many columns.
func (l line) fit(columns int) line {
	for l.columns() > columns && len(l) > 1 {
		worst := 0
		for i, p := range l {
			if p.rank >= l[worst].rank {
				worst = i
			}
		}
		l = append(l[:worst:worst], l[worst+1:]...)
	}
	if l.columns() > columns {
		l[0].text = cut(l[0].text, columns)
	}
	return l
}
