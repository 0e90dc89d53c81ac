//go:build failpoints

package failpoint

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// The actions.
const (
	kill = "kill"
	stop = "stop"
	fail = "error"
)

// point is one failpoint that is armed.
type point struct {
	where, step string
	pattern     *regexp.Regexp
	action      string
	at          int64
	hits        atomic.Int64
}

// parse reads what Env holds.
func parse(spec string) ([]*point, error) {
	var points []*point
	for one := range strings.SplitSeq(spec, ";") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		p, err := parseOne(one)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", Env, one, err)
		}
		points = append(points, p)
	}
	return points, nil
}

func parseOne(spec string) (*point, error) {
	// From the right: a key may hold any of these signs.
	eq := strings.LastIndexByte(spec, '=')
	if eq < 0 {
		return nil, fmt.Errorf("it is not WHERE:STEP[:PATTERN]=ACTION@N")
	}
	place, does := spec[:eq], spec[eq+1:]
	where, rest, _ := strings.Cut(place, ":")
	step, pattern, narrow := strings.Cut(rest, ":")
	action, n, _ := strings.Cut(does, "@")
	at, err := strconv.ParseInt(n, 10, 64)
	switch {
	case where != "before" && where != "after":
		return nil, fmt.Errorf("%q is neither before nor after", where)
	case !slices.Contains(Steps, step):
		return nil, fmt.Errorf("%q is none of the steps %s", step, strings.Join(Steps, ", "))
	case action != kill && action != stop && action != fail:
		return nil, fmt.Errorf("%q is none of the actions kill, stop, error", action)
	case err != nil || at < 1:
		return nil, fmt.Errorf("%q is not the number of a hit, from 1 on", n)
	}
	if !narrow {
		pattern = "*"
	}
	matches := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
	return &point{where: where, step: step, pattern: matches, action: action, at: at}, nil
}

// hit reports whether this step is the one.
func (p *point) hit(where, step, what string) bool {
	return p.where == where && p.step == step && p.pattern.MatchString(what) && p.hits.Add(1) == p.at
}
