package workflows

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"sluice/pipeline"
)

// Tolerance is how many rows of a run may fail before it is stopped: "5%" of
// those that have their outcome, or a number. "" and "100%" are all of them.
type Tolerance string

// toleranceSample is how many rows must have their outcome before a share of them
// says anything. At the end of the run it is asked again, however few there are.
const toleranceSample = 200

// parse reads t: a share from 0 to 1, or a number of rows.
func (t Tolerance) parse() (share float64, rows int64, err error) {
	bad := pipeline.Usagef("--tolerate %q is neither a share such as 5%% nor a number of rows such as 100", string(t))
	if t == "" {
		return 1, 0, nil
	}
	if number, ok := strings.CutSuffix(string(t), "%"); ok {
		share, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(share) || share < 0 || share > 100 {
			return 0, 0, bad
		}
		return share / 100, 0, nil
	}
	rows, err = strconv.ParseInt(string(t), 10, 64)
	if err != nil || rows < 0 {
		return 0, 0, bad
	}
	return -1, rows, nil
}

// Check says what is wrong with t.
func (t Tolerance) Check() error {
	_, _, err := t.parse()
	return err
}

// Anything reports whether every row may fail.
func (t Tolerance) Anything() bool {
	share, _, err := t.parse()
	return err != nil || share >= 1
}

// Exceeded reports whether c is more than t allows; atEnd is whether no row is to
// come. Exactly what t says is allowed.
func (t Tolerance) Exceeded(c pipeline.Counts, atEnd bool) bool {
	share, rows, err := t.parse()
	switch {
	case err != nil || c.Failed == 0 || share >= 1:
		return false
	case share < 0:
		return c.Failed > rows
	case share == 0:
		return true
	case c.Rows() < toleranceSample && !atEnd:
		return false
	}
	return float64(c.Failed) > share*float64(c.Rows())
}

// complaint says what t has not allowed.
func (t Tolerance) complaint(c pipeline.Counts) string {
	var words []string
	for _, class := range pipeline.Classes {
		if n := c.Errors[class]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, class))
		}
	}
	return fmt.Sprintf("%d of %d rows failed, more than the %s tolerated: %s", c.Failed, c.Rows(), string(t), strings.Join(words, ", "))
}
